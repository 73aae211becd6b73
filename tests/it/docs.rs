//! What the texts refer to exists: files, headings, fields of schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::texts::{self, Text};

/// The targets of `[...](...)` outside of code.
fn links(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced || line.starts_with("    ") {
            continue;
        }
        // Every second piece stands between back-quotes.
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        for rest in plain.split("](").skip(1) {
            out.extend(rest.split_once(')').map(|(target, _)| target.to_owned()));
        }
    }
    out
}

/// The anchors of a text, as GitHub makes them of headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|l| l.starts_with('#')).map(|l| l.trim_start_matches('#').trim());
    let anchor = |heading: &str| {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

fn broken_links(text: &Text, all: &[Text]) -> Vec<String> {
    let folder = text.name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut out = Vec::new();
    for target in links(&text.content) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (path, anchor) = target.split_once('#').map_or((target.as_str(), None), |(p, a)| (p, Some(a)));
        let to = if path.is_empty() { texts::root().join(&text.name) } else { texts::root().join(folder).join(path) };
        let Ok(to) = to.canonicalize() else {
            out.push(format!("{}: `{target}` is not there", text.name));
            continue;
        };
        let root = texts::root().canonicalize().expect("the root is there");
        let Ok(name) = to.strip_prefix(&root) else {
            out.push(format!("{}: `{target}` leads out of the repository", text.name));
            continue;
        };
        let name = name.to_string_lossy().replace('\\', "/");
        if let (Some(anchor), Some(to)) = (anchor, all.iter().find(|t| t.name == name))
            && !anchors(&to.content).contains(anchor)
        {
            out.push(format!("{}: `{name}` has no heading `#{anchor}`", text.name));
        }
    }
    out
}

#[test]
fn every_relative_link_leads_somewhere() {
    let all = texts::all();
    let broken: Vec<String> = all.iter().flat_map(|text| broken_links(text, &all)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Paths in back-quotes, such as `tests/checks/`, that the texts name as places in the repository.
#[test]
fn every_path_that_a_text_names_is_in_the_repository() {
    let tops = [".ci/", ".github/", "benches/", "docs/", "examples/", "lessons/", "scenarios/", "src/", "tests/"];
    let mut missing = Vec::new();
    for text in texts::all().iter().filter(|t| !t.name.starts_with("docs/rules/") && !t.name.starts_with("tests/")) {
        for quoted in text.content.lines().flat_map(|l| l.split('`').skip(1).step_by(2)) {
            let is_path = tops.iter().any(|top| quoted.starts_with(top)) && !quoted.contains(char::is_whitespace);
            // Words in capitals and signs stand for something: `tests/checks/ID.yaml`, `src/{a,b}`.
            let stands_for_others = quoted.contains(['*', '{', '<', ':'])
                || quoted.split(['/', '.', '-']).any(|w| w.len() > 1 && w.chars().all(|c| c.is_ascii_uppercase()));
            if is_path && !stands_for_others && !texts::root().join(quoted).exists() {
                missing.push(format!("{}: `{quoted}` is not there", text.name));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

fn towtank(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_towtank")).args(arguments).output().expect("towtank runs");
    String::from_utf8(output.stdout).expect("output is text")
}

/// The names that `towtank schema` takes.
fn schemas() -> Vec<String> {
    let help = towtank(&["schema", "--help"]).split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, names) = help.split_once("[possible values: ").expect("the help lists the names");
    let (names, _) = names.split_once(']').expect("the list ends");
    names.split(", ").map(str::to_owned).collect()
}

/// Names of all properties in a schema.
fn properties(schema: &Value, out: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                if let ("properties", Value::Object(named)) = (key.as_str(), value) {
                    out.extend(named.keys().cloned());
                    named.values().for_each(|v| properties(v, out));
                } else {
                    properties(value, out);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|v| properties(v, out)),
        _ => {}
    }
}

/// Words in back-quotes, with paths taken apart.
fn words(text: &str) -> BTreeSet<String> {
    let quoted = text.lines().flat_map(|l| l.split('`').skip(1).step_by(2));
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    quoted.flat_map(|q| q.split(move |c| !is_part(c)).map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The part of a text below the heading `## NAME`, up to the next of that level.
fn section(text: &str, name: &str) -> String {
    let part = || {
        let from = text.find(&format!("\n## {name}\n"))?;
        let body = text.get(from + 1..)?;
        body.get(..body.find("\n## ").unwrap_or(body.len()))
    };
    part().unwrap_or_default().to_owned()
}

/// The fields that the tables headed `field` list in their first column, paths taken apart.
fn listed(text: &str) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let mut within = false;
    for line in text.lines() {
        let first = line.strip_prefix("| ").and_then(|l| l.split(" |").next());
        match first {
            Some("field") => within = true,
            Some(column) if within => out.extend(words(column)),
            Some(_) => {}
            None => within = line.starts_with('|') && within,
        }
    }
    out.remove("");
    out
}

fn reference(name: &str) -> String {
    std::fs::read_to_string(texts::root().join("docs").join(name)).expect("the reference is there")
}

#[test]
fn the_reference_names_every_field_of_a_schema_and_no_other() {
    let outputs = reference("outputs.md");
    let mut wrong = Vec::new();
    let mut everywhere: BTreeSet<String> = ["version".to_owned()].into();
    for name in schemas() {
        let schema: Value = serde_json::from_str(&towtank(&["schema", &name])).expect("schemas are JSON");
        let mut fields = BTreeSet::new();
        properties(&schema, &mut fields);
        let texts = match name.as_str() {
            "scenario" => reference("scenario.md") + &reference("tests.md"),
            "test" => reference("tests.md") + &section(&outputs, &name),
            _ => section(&outputs, &name),
        };
        let common = section(&outputs, "What all have");
        let known = words(&(texts.clone() + &common));
        wrong.extend(fields.iter().filter(|f| !known.contains(*f)).map(|f| format!("{name}: nothing about `{f}`")));
        let invented = listed(&texts).into_iter().filter(|f| !fields.contains(f));
        wrong.extend(invented.map(|f| format!("{name}: there is no `{f}`")));
        everywhere.extend(fields);
    }
    let common = listed(&section(&outputs, "What all have"));
    wrong.extend(common.difference(&everywhere).map(|f| format!("no output has `{f}`")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The options that a command's help lists.
fn options(command: &str) -> BTreeSet<String> {
    let help = towtank(&[command, "--help"]);
    let mut options: BTreeSet<String> = help
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| word.starts_with('-') && word.len() > 1)
        .map(str::to_owned)
        .collect();
    options.insert("-".to_owned());
    options
}

#[test]
fn the_reference_names_options_that_there_are() {
    let commands = [
        "simulate",
        "merge",
        "routes",
        "explain",
        "diff",
        "rollout",
        "check",
        "test",
        "learn",
        "ui",
        "playground",
        "verify",
        "schema",
        "completions",
    ];
    let known: BTreeMap<&str, BTreeSet<String>> = commands.into_iter().map(|c| (c, options(c))).collect();
    let mut wrong = Vec::new();
    for text in texts::of_people() {
        let quoted = text.content.lines().flat_map(|l| l.split('`').skip(1).step_by(2));
        for option in quoted.filter(|q| q.starts_with("--")) {
            let option = option.split([' ', '=']).next().unwrap_or_default();
            if known.values().all(|of_command| !of_command.contains(option)) {
                wrong.push(format!("{}: no command has {option}", text.name));
            }
        }
        for line in text.content.lines().filter(|l| l.starts_with("    ")) {
            for call in line.split("towtank ").skip(1) {
                let call = call.split(['|', '#', '&', '>']).next().unwrap_or_default();
                let mut words = call.split_whitespace();
                let Some(of_command) = words.next().and_then(|command| known.get(command)) else { continue };
                let options = words.filter(|w| w.starts_with('-')).map(|w| w.split('=').next().unwrap_or_default());
                wrong.extend(
                    options.filter(|o| !of_command.contains(*o)).map(|o| format!("{}: {o} in{line}", text.name)),
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Blocks of indented lines.
fn blocks(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut within = false;
    for line in text.lines() {
        match (line.strip_prefix("    "), out.last_mut()) {
            (Some(line), Some(block)) if within => {
                block.push_str(line);
                block.push('\n');
            }
            (Some(line), _) => out.push(format!("{line}\n")),
            (None, _) => {}
        }
        within = line.starts_with("    ");
    }
    out
}

#[test]
fn every_part_of_a_scenario_that_the_reference_shows_is_understood() {
    let manifests = texts::root().join("scenarios/canary-90-10/manifests");
    let parts: Vec<String> = blocks(&reference("scenario.md")).into_iter().filter(|b| !b.starts_with('$')).collect();
    assert!(parts.len() >= 5, "{parts:?}");
    for part in parts {
        let folder = tempfile::tempdir().expect("a folder");
        let copy =
            |from: &Path| std::fs::copy(from, folder.path().join("manifests").join(from.file_name().expect("a name")));
        std::fs::create_dir(folder.path().join("manifests")).expect("a folder");
        for entry in std::fs::read_dir(&manifests).expect("a folder").filter_map(Result::ok) {
            copy(&entry.path()).expect("a copy");
        }
        let head = if part.starts_with("apiVersion") { "" } else { "apiVersion: towtank/v1\nkind: Scenario\n" };
        std::fs::write(folder.path().join("scenario.yaml"), format!("{head}{part}")).expect("a file");
        let output = Command::new(env!("CARGO_BIN_EXE_towtank"))
            .args(["simulate", "--exact"])
            .arg(folder.path())
            .output()
            .expect("towtank runs");
        assert_eq!(output.status.code(), Some(0), "{part}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}
