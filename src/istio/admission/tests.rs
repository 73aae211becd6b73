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
        Options { namespace: SmolStr::new("store"), unknown_fields: UnknownFields::Error, ..Options::default() };
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

/// What a release has against an object, as [`judge`].
fn judge_for(release: &str, kind: &str, spec: &str) -> Vec<String> {
    let text = document(kind, &Mapping::new(), &serde_yaml::from_str(spec).unwrap());
    let mut sources = SourceMap::default();
    let file = sources.add("case", text.as_str());
    let profile = crate::manifest::release::Profile::of(release.parse().unwrap());
    let loaded = load::read(&sources, &[file], &Options { profile, ..Options::default() });
    let findings = loaded.findings.iter().cloned().chain(review(&loaded.manifests));
    findings.filter(Finding::is_rejection).map(|f| format!("{} {}", f.id, f.path)).collect()
}

#[test]
fn ve3_hosts_to_exclude_are_refused_before_there_were_such() {
    let sidecar = "{egress: [{hosts: ['*/*', '~jobs/*', '~/a.b', '~./a.b']}]}";
    assert_eq!(judge_for("1.31", "Sidecar", sidecar), [""; 0]);
    let older = ["M502 spec.egress[0].hosts[1]", "M502 spec.egress[0].hosts[3]"];
    assert_eq!(judge_for("1.30", "Sidecar", sidecar), older);
}

#[test]
fn ve8_what_resolution_dynamic_dns_takes() {
    let refused = |release: &str, protocol: &str, location: &str| {
        let spec = format!(
            "{{hosts: ['*.a.b'], location: {location}, resolution: DYNAMIC_DNS, ports: [{{number: 80, name: p, protocol: \
             {protocol}}}]}}"
        );
        !judge_for(release, "ServiceEntry", &spec).is_empty()
    };
    for (protocol, since) in [("HTTP", 0), ("TLS", 1), ("GRPC", 2), ("HTTP2", 2), ("TCP", 4)] {
        for (i, release) in ["1.28", "1.29", "1.30", "1.31"].into_iter().enumerate() {
            assert_eq!(refused(release, protocol, "MESH_EXTERNAL"), i < since, "{protocol} {release}");
        }
    }
    assert!(refused("1.29", "HTTP", "MESH_INTERNAL") && !refused("1.30", "HTTP", "MESH_INTERNAL"));
}

#[test]
fn ve10_a_gentle_warm_up() {
    let refused = |release: &str, aggression: &str| {
        let warmup =
            format!("{{loadBalancer: {{simple: RANDOM, warmup: {{duration: 10s, aggression: {aggression}}}}}}}");
        let found = judge_for(release, "DestinationRule", &format!("{{host: a, trafficPolicy: {warmup}}}"));
        !found.is_empty()
    };
    assert!(refused("1.28", "0.5") && refused("1.30", "0.5") && !refused("1.31", "0.5"));
    assert!(!refused("1.28", "1.0") && refused("1.31", "0.0"));
}
