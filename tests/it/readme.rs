//! What the README shows is what towtank prints: every block that begins with `$ towtank` is run and compared.

use std::path::Path;
use std::process::Command;

/// A command line and the lines that the README shows below it.
struct Shown {
    command: String,
    output: Vec<String>,
}

fn shown(readme: &str) -> Vec<Shown> {
    let mut out: Vec<Shown> = Vec::new();
    let mut within = false;
    for line in readme.lines() {
        if let Some(command) = line.strip_prefix("    $ towtank ") {
            out.push(Shown { command: command.to_owned(), output: Vec::new() });
            within = true;
        } else if let (true, Some(last)) = (within && (line.starts_with("    ") || line.is_empty()), out.last_mut()) {
            last.output.push(line.strip_prefix("    ").unwrap_or(line).to_owned());
        } else {
            within = false;
        }
    }
    for block in &mut out {
        while block.output.last().is_some_and(String::is_empty) {
            block.output.pop();
        }
    }
    out
}

#[test]
fn the_readme_shows_what_towtank_prints() {
    let blocks = shown(include_str!("../../README.md"));
    assert!(blocks.len() >= 4, "the README shows what towtank does");
    for block in blocks {
        let arguments = shlex::split(&block.command).expect("a command line");
        let simulates = arguments.first().is_some_and(|a| a == "simulate");
        let width: &[&str] = if simulates { &["--width", "120"] } else { &[] };
        let output = Command::new(env!("CARGO_BIN_EXE_towtank"))
            .args(&arguments)
            .args(width)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
            .env("NO_COLOR", "1")
            .output()
            .expect("towtank runs");
        let printed = String::from_utf8(output.stdout).expect("output is text");
        let printed: Vec<&str> = printed.trim_end().lines().collect();
        // A line of three dots stands for what comes before; what comes behind the last line shown need not be shown.
        let shown: Vec<&str> = block.output.iter().map(String::as_str).filter(|l| *l != "...").collect();
        let found = printed.windows(shown.len()).any(|part| part == shown);
        assert!(found, "$ towtank {}\nprints\n{}", block.command, printed.join("\n"));
        if block.output.first().is_some_and(|l| l != "...") {
            assert_eq!(printed.first(), shown.first(), "$ towtank {}", block.command);
        }
    }
}
