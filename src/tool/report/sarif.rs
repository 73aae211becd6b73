//! Findings in SARIF 2.1.0, which code hosting sites read.

use serde_json::{Value, json};

use crate::analysis::checks::registry;
use crate::manifest::diagnostic::place::Locator;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::SourceMap;
use crate::order::Order as _;

/// The whole log, ending in a line end: one document, however many runs there are.
pub(crate) fn to_json(runs: &[Value]) -> Vec<u8> {
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": runs,
    });
    let mut out = serde_json::to_vec(&log).unwrap_or_default();
    out.push(b'\n');
    out
}

/// What was found in one set of manifests.
pub(crate) fn run(findings: &[Finding], sources: &SourceMap) -> Value {
    let mut locator = Locator::new(sources);
    let mut ids: Vec<&str> = findings.iter().map(|f| f.id.as_str()).collect();
    ids.order_alike();
    ids.dedup();
    let rules: Vec<Value> = ids.iter().map(|id| rule(id)).collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|f| {
            let index = ids.binary_search(&f.id.as_str()).unwrap_or_default();
            result(f, index, &mut locator, sources)
        })
        .collect();
    json!({
        "tool": {"driver": {
            "name": "towtank",
            "version": env!("CARGO_PKG_VERSION"),
            "rules": rules,
        }},
        "columnKind": "unicodeCodePoints",
        "results": results,
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn rule(id: &str) -> Value {
    match registry::find(id) {
        Some(check) => json!({
            "id": id,
            "shortDescription": {"text": check.title},
            "fullDescription": {"text": paragraphs(check.manual)},
            "defaultConfiguration": {"level": level(check.severity)},
        }),
        None => json!({"id": id}),
    }
}

/// Each paragraph on one line.
fn paragraphs(manual: &str) -> String {
    let lines: Vec<&str> = manual.trim().lines().map(str::trim).collect();
    let paragraphs: Vec<String> = lines.split(|l| l.is_empty()).map(|p| p.join(" ")).collect();
    paragraphs.join("\n\n")
}

fn result(f: &Finding, rule_index: usize, locator: &mut Locator<'_>, sources: &SourceMap) -> Value {
    let mut text = f.statement();
    for part in [f.witness.as_ref().map(|w| format!("For example: {w}")), f.hint.clone()].into_iter().flatten() {
        text.push_str(". ");
        text.push_str(&part);
    }
    let mut out = json!({
        "ruleId": f.id.as_str(),
        "ruleIndex": rule_index,
        "level": level(f.severity),
        "message": {"text": text},
    });
    if let Some(place) = locator.find(f) {
        out["locations"] = json!([location(sources.name(place.file), place.line, Some(place.column))]);
    }
    let related: Vec<Value> = f
        .related
        .iter()
        .filter(|r| r.at.is_known())
        .map(|r| {
            let mut one = location(sources.name(r.at.file), r.at.line, None);
            one["message"] = json!({"text": r.message});
            one
        })
        .collect();
    if !related.is_empty() {
        out["relatedLocations"] = Value::Array(related);
    }
    out
}

fn location(file: &str, line: u32, column: Option<u32>) -> Value {
    let mut region = json!({"startLine": line});
    if let Some(column) = column {
        region["startColumn"] = json!(column);
    }
    // Separators of all systems; relative, or a file's own address.
    let mut uri = file.replace('\\', "/").replace('%', "%25");
    for (character, code) in [(' ', "%20"), ('<', "%3C"), ('>', "%3E"), ('#', "%23"), ('?', "%3F")] {
        uri = uri.replace(character, code);
    }
    if uri.starts_with('/') {
        uri.insert_str(0, "file://");
    }
    json!({"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::source::Position;

    #[test]
    fn a_finding_with_its_place() {
        let mut sources = SourceMap::default();
        let file = sources.add("my vs.yaml", "a: 1\nb: 2\n");
        let at = Position { file, line: 2, column: 1, document: 0 };
        let run = run(&[Finding::new("R106", Severity::Error, "no").at(at)], &sources);
        let log = to_json(&[run]);
        let log: Value = serde_json::from_slice(&log).unwrap();
        let result = &log["runs"][0]["results"][0];
        assert_eq!(result["level"], "error");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "my%20vs.yaml");
        assert_eq!(place["region"]["startLine"], 2);
        let rule = &log["runs"][0]["tool"]["driver"]["rules"][0];
        assert_eq!(rule["id"], "R106");
        let text = rule["fullDescription"]["text"].as_str().unwrap();
        assert!(text.contains("\n\nWhich DestinationRule") && !text.contains("\n "), "{text}");
        assert_eq!(location("/a/b.yaml", 1, None)["physicalLocation"]["artifactLocation"]["uri"], "file:///a/b.yaml");
    }
}
