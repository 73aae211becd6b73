//! What the texts refer to exists: files, headings, fields of schemas.

use std::collections::BTreeSet;
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
    let tops = [".ci/", ".github/", "benches/", "docs/", "examples/", "scenarios/", "src/", "tests/"];
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

/// The part of a text below the heading `## NAME`, up to the next of that level, with the part about what all have.
fn section(text: &str, name: &str) -> String {
    let part = |title: &str| {
        let from = text.find(&format!("\n## {title}"))?;
        let body = text.get(from + 1..)?;
        body.get(..body.find("\n## ").unwrap_or(body.len())).map(str::to_owned)
    };
    format!("{}{}", part("What all have").unwrap_or_default(), part(name).unwrap_or_default())
}

#[test]
fn the_reference_names_every_field_of_a_schema() {
    let read =
        |name: &str| std::fs::read_to_string(texts::root().join("docs").join(name)).expect("the reference is there");
    let outputs = read("outputs.md");
    let mut missing = Vec::new();
    for name in schemas() {
        let schema: Value = serde_json::from_str(&towtank(&["schema", &name])).expect("schemas are JSON");
        let mut fields = BTreeSet::new();
        properties(&schema, &mut fields);
        let reference = match name.as_str() {
            "scenario" => read("scenario.md") + &read("tests.md"),
            "test" => read("tests.md") + &section(&outputs, &name),
            _ => section(&outputs, &name),
        };
        let known = words(&reference);
        missing.extend(fields.into_iter().filter(|f| !known.contains(f)).map(|f| format!("{name}: `{f}`")));
    }
    assert!(missing.is_empty(), "the reference says nothing about\n{}", missing.join("\n"));
}
