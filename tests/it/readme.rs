//! What the README and the reference show is what towtank prints: every block that begins with `$ towtank` is run and compared.

use std::path::Path;
use std::process::Command;

use crate::support::texts;

/// A command line and the lines that are shown below it.
struct Shown {
    command: String,
    output: Vec<String>,
}

fn shown(text: &str) -> Vec<Shown> {
    let mut out: Vec<Shown> = Vec::new();
    let mut within = false;
    for line in text.lines() {
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

/// Where `shown` is not what towtank prints: the command and its whole output.
fn difference(block: &Shown) -> Option<String> {
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
    let found = !shown.is_empty() && printed.windows(shown.len()).any(|part| part == shown);
    let from_the_start = block.output.first().is_some_and(|l| l != "...");
    if found && (!from_the_start || printed.first() == shown.first()) {
        return None;
    }
    Some(format!("$ towtank {}\nprints\n{}", block.command, printed.join("\n")))
}

#[test]
fn the_readme_and_the_reference_show_what_towtank_prints() {
    let texts = texts::of_people();
    let of_readme = texts.iter().find(|t| t.name == "README.md").map(|t| shown(&t.content).len());
    assert!(of_readme >= Some(4), "the README shows what towtank does");
    let failures: Vec<String> = texts
        .iter()
        .flat_map(|text| shown(&text.content).into_iter().map(|block| (text.name.clone(), block)))
        .filter_map(|(name, block)| Some(format!("{name}: {}", difference(&block)?)))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
