//! `--help`, `towtank help`, man pages and completions.

use std::path::Path;

use crate::support::run::towtank_in;

const COMMANDS: [&str; 14] = [
    "simulate",
    "merge",
    "routes",
    "explain",
    "diff",
    "rollout",
    "test",
    "check",
    "learn",
    "ui",
    "playground",
    "verify",
    "schema",
    "completions",
];

fn out(arguments: &[&str]) -> String {
    towtank_in(Path::new("."), arguments, b"").ends_with(0).out
}

#[test]
fn help_has_the_commands_own_options_first_then_examples_and_the_exit_status() {
    for command in COMMANDS {
        let help = out(&[command, "--help"]);
        assert_eq!(help, out(&["help", command]), "{command}");
        let examples = help.split_once("Examples:\n").unwrap_or_else(|| panic!("{command}: {help}")).1;
        let shown = examples.lines().filter(|l| l.trim_start().starts_with("towtank ")).count();
        assert!(shown >= 3, "{command}: {examples}");
        assert!(help.contains("Exit status: "), "{command}: {help}");
        let Some(common) = help.find("Common options:") else { continue };
        let own = ["--output", "--fail-on", "--host", "--filter", "--ignore"].map(|o| help.find(o));
        assert!(own.iter().flatten().all(|at| *at < common), "{command}: {help}");
    }
}

#[test]
fn the_examples_name_options_that_exist() {
    for command in COMMANDS {
        let help = out(&[command, "--help"]);
        let (options, examples) = help.split_once("Examples:\n").expect("examples");
        for line in examples.lines().filter(|l| l.trim_start().starts_with(&format!("towtank {command}"))) {
            for word in line.split_whitespace().filter(|w| w.starts_with("--")) {
                assert!(options.contains(word), "{command}: `{word}` of `{line}`");
            }
        }
    }
}

#[test]
fn explain_says_that_it_knows_rules() {
    assert!(out(&["explain", "--help"]).contains("towtank explain RT-3"));
}

#[test]
fn there_is_a_man_page_for_each_command() {
    let page = out(&["man"]);
    assert!(page.contains(".TH towtank 1") && page.contains("simulate"), "{page}");
    for command in COMMANDS {
        let page = out(&["man", command]);
        assert!(page.contains(&format!(".TH towtank-{command} 1")), "{page}");
        assert!(page.contains("Exit status"), "{page}");
    }
    towtank_in(Path::new("."), &["man", "nothing"], b"").ends_with(2).says(&["nothing"]);
    assert!(!out(&["--help"]).contains("  man "));
}

#[test]
fn completion_knows_the_ids_of_checks() {
    for shell in ["bash", "zsh", "fish"] {
        let script = out(&["completions", shell]);
        assert!(script.contains("R106") && script.contains("P204"), "{shell}");
    }
    assert!(!out(&["check", "--help"]).contains("P204, P205"));
}
