//! Examples of what admission finds: the cases that Istio's own validation was asked about.

use crate::manifest::yaml::{self, Node};

/// The cases that Istio's own validation was asked about, by kind.
const CASES: [(&str, &str); 6] = [
    ("VirtualService", include_str!("../../../tests/admission/virtual_service.yaml")),
    ("DestinationRule", include_str!("../../../tests/admission/destination_rule.yaml")),
    ("Gateway", include_str!("../../../tests/admission/gateway.yaml")),
    ("ServiceEntry", include_str!("../../../tests/admission/service_entry.yaml")),
    ("WorkloadEntry", include_str!("../../../tests/admission/workload_entry.yaml")),
    ("Sidecar", include_str!("../../../tests/admission/sidecar.yaml")),
];

/// A spec that admission has something against, and the same repaired where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    pub kind: &'static str,
    pub bad: &'static str,
    pub good: Option<&'static str>,
}

/// The first case that finds `id` before anything else, one that can be repaired if there is any.
pub(crate) fn case(id: &str) -> Option<Case> {
    let mut first = None;
    for (kind, text) in CASES {
        let documents = yaml::documents(text);
        let Some(Ok(Some(document))) = documents.first().map(|raw| yaml::parse(raw, &yaml::Limits::default())) else {
            continue;
        };
        for entry in document.root.as_seq().unwrap_or_default() {
            let finds = entry.get("finds").and_then(Node::as_seq).and_then(<[_]>::first).and_then(Node::as_str);
            if finds.is_none_or(|f| f.split(' ').next() != Some(id)) {
                continue;
            }
            let Some(spec) = entry.get("spec") else { continue };
            let good = entry.get("repaired").map(|node| node.span.slice(text).trim_end());
            let found = Case { kind, bad: spec.span.slice(text).trim_end(), good };
            if good.is_some() {
                return Some(found);
            }
            first = first.or(Some(found));
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::super::admission_manual::CHECKS;
    use super::*;

    #[test]
    fn findings_of_admission_have_a_manual_and_a_case() {
        for check in CHECKS {
            // What a spec alone can't show has an example of its own.
            assert!(!check.example.is_empty() || case(check.id).is_some(), "{} has no case", check.id);
        }
        let made = CASES.iter().flat_map(|(_, text)| text.lines()).flat_map(|l| l.split(['"', ' ', '[']));
        for id in made.filter(|w| w.len() == 4 && w.starts_with('M') && w.bytes().skip(1).all(|b| b.is_ascii_digit())) {
            assert!(CHECKS.iter().any(|c| c.id == id), "{id} has no manual");
        }
    }
}
