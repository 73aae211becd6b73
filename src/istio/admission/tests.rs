//! Cases as data: `tests/admission/*.yaml`.

use std::fmt::Write as _;

use serde_yaml::{Mapping, Value};
use smol_str::SmolStr;

use super::{admit, review};
use crate::manifest::diagnostic::{Admission, Finding};
use crate::manifest::load::{self, Options, UnknownFields};
use crate::manifest::source::SourceMap;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    spec: Value,
    finds: Vec<String>,
    repaired: Option<Value>,
    #[serde(default)]
    metadata: Mapping,
}

fn load(text: &str) -> load::Loaded {
    let mut sources = SourceMap::default();
    let file = sources.add("case", text);
    let options =
        Options { namespace: SmolStr::new("store"), unknown_fields: UnknownFields::Error, assume_names: false };
    load::read(&sources, &[file], &options)
}

fn document(kind: &str, metadata: &Mapping, spec: &Value) -> String {
    let mut metadata = metadata.clone();
    metadata.entry("name".into()).or_insert("x".into());
    let mut object = Mapping::new();
    object.insert("apiVersion".into(), "networking.istio.io/v1".into());
    object.insert("kind".into(), kind.into());
    object.insert("metadata".into(), metadata.into());
    object.insert("spec".into(), spec.clone());
    serde_json::to_string_pretty(&object).unwrap() // In JSON every string is one, `n` and `y` too.
}

/// The findings in the short form of the cases; those of the schema alone if it refused the document.
fn judge(text: &str) -> Vec<String> {
    let loaded = load(text);
    if !loaded.findings.is_empty() {
        return loaded.findings.iter().map(|f| format!("{} schema {}", f.id, f.path)).collect();
    }
    review(&loaded.manifests).iter().map(short).collect()
}

fn short(finding: &Finding) -> String {
    let admission = match finding.admission {
        Some(Admission::Rejected) => "rejected",
        Some(Admission::Warned) => "warned",
        None => "silent",
    };
    assert!(finding.at.is_known() && finding.hint.is_some(), "{finding:?}");
    format!("{} {admission} {}", finding.id, finding.path)
}

fn run(kind: &str, cases: &str) {
    let cases: Vec<Case> = serde_yaml::from_str(cases).unwrap();
    let mut failures = String::new();
    for case in cases {
        let text = document(kind, &case.metadata, &case.spec);
        let found = judge(&text);
        if found != case.finds {
            let _ = writeln!(failures, "{text}expected {:#?}\nfound    {found:#?}\n", case.finds);
        }
        if let Some(repaired) = &case.repaired {
            let text = document(kind, &case.metadata, repaired);
            let found = judge(&text);
            if !found.is_empty() {
                let _ = writeln!(failures, "{text}expected nothing\nfound {found:#?}\n");
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

macro_rules! kinds {
    ($($name:ident: $kind:literal,)*) => {$(
        #[test]
        fn $name() {
            run($kind, include_str!(concat!("../../../tests/admission/", stringify!($name), ".yaml")));
        }
    )*};
}

kinds! {
    virtual_service: "VirtualService",
    destination_rule: "DestinationRule",
    gateway: "Gateway",
    service_entry: "ServiceEntry",
    workload_entry: "WorkloadEntry",
    sidecar: "Sidecar",
}

#[test]
fn only_the_rejected_document_of_an_object_is_left_out() {
    let document = |host: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: x}}\nspec: {{host: {host}}}\n"
        )
    };
    let loaded = load(&[document("a"), document("b_c"), document("d")].join("---\n"));
    let findings = review(&loaded.manifests);
    assert_eq!(findings.len(), 1);
    let hosts: Vec<_> = admit(loaded.manifests, &findings).destination_rules.into_iter().map(|o| o.spec.host).collect();
    assert_eq!(hosts, ["a", "d"]);
}

#[test]
fn large_bodies_vs31_vs32() {
    let body = |size: usize| {
        let spec = serde_json::json!({
            "hosts": ["a"],
            "http": [{"directResponse": {"status": 200, "body": {"string": "x".repeat(size)}}}],
        });
        judge(&document("VirtualService", &Mapping::new(), &serde_yaml::to_value(spec).unwrap()))
    };
    assert_eq!(body(100 * 1024), [""; 0]);
    assert_eq!(body(100 * 1024 + 1), ["M109 warned spec.http[0].directResponse.body.string"]);
    assert_eq!(body(1024 * 1024), ["M109 warned spec.http[0].directResponse.body.string"]);
    assert_eq!(body(1024 * 1024 + 1), ["M109 rejected spec.http[0].directResponse.body.string"]);
}
