//! What `towtank check` finds in the scenarios, warnings and errors, reviewed by hand: `tests/checks/scenarios.txt`.

use std::fmt::Write as _;
use std::process::Command;

#[test]
fn findings_of_the_scenarios_are_the_reviewed_ones() {
    let out = Command::new(env!("CARGO_BIN_EXE_towtank"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["check", "scenarios", "--severity", "warning", "-o", "json"])
        .output()
        .expect("the program runs");
    let mut found = String::new();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let report: serde_json::Value = serde_json::from_str(line).expect("a line of JSON for each scenario");
        for f in report["findings"].as_array().expect("findings") {
            let text = |v: &serde_json::Value| v.as_str().unwrap_or("-").to_owned();
            let _ = writeln!(
                found,
                "{} {} {} {}",
                text(&f["file"]),
                text(&f["severity"]),
                text(&f["id"]),
                text(&f["path"])
            );
        }
    }
    assert_eq!(found, include_str!("../checks/scenarios.txt"));
}
