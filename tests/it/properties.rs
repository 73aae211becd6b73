//! `properties:` of test files as people and build servers run them. The mesh and the files stand in `tests/test_command/properties/`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::run::towtank_in;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/test_command/properties")
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let ran = towtank_in(&data(), &[&["test", "mesh.yaml"], arguments].concat(), b"");
    (ran.code, ran.out, ran.err)
}

/// Runs a file with this text beside the mesh.
fn run_text(text: &str, arguments: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(data().join("mesh.yaml"), folder.path().join("mesh.yaml")).expect("the mesh");
    std::fs::write(folder.path().join("a.test.yaml"), text).expect("a file");
    let ran = towtank_in(folder.path(), &[&["test", "."], arguments].concat(), b"");
    (ran.code, ran.out, ran.err)
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../snapshots", omit_expression => true }, {
        insta::assert_snapshot!(format!("properties-{name}"), text);
    });
}

#[test]
fn what_holds_of_all_requests_is_proven() {
    let (status, out, err) = run(&["proven.test.yaml", "--coverage"]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    snapshot("proven", &out);
}

#[test]
fn what_does_not_is_refuted_by_a_request_in_every_format() {
    for format in ["table", "tap", "junit", "github", "json"] {
        let (status, out, err) = run(&["refuted.test.yaml", "-o", format]);
        assert_eq!((status, err.as_str()), (1, ""), "{out}");
        let value = |text: &str| serde_json::from_str::<Value>(text).expect("output is JSON");
        let out = if format == "json" { serde_json::to_string_pretty(&value(&out)).expect("JSON") } else { out };
        snapshot(&format!("refuted-{format}"), &out);
    }
}

#[test]
fn the_shortest_request_is_shown() {
    for (asked, request) in [
        ("{host: reviews, path: {prefix: /old}}\n  never: lost", "GET http://reviews.shop.svc.cluster.local/old/a\n"),
        (
            "{proxy: \"sidecar:shop:app=admin\", host: reviews, headers: {x-beta: {prefix: t}}}\n  never: {subset: v2}",
            "GET http://reviews.shop.svc.cluster.local/api -H 'x-beta: true'\n",
        ),
        (
            "{proxy: \"sidecar:shop:app=admin\", host: reviews, path: {regex: \".*/end\"}, query: {q: {not: {prefix: a}}}, \
             headers: {x-beta: {present: true}}, method: {regex: \"P.*\"}}\n  never: {host: reviews, subset: v1}",
            "POST http://reviews.shop.svc.cluster.local/end -H ",
        ),
        ("{host: nobody.example, port: 8081}\n  never: passthrough", "no client serves a host `nobody.example`"),
        ("{port: 8081}\n  never: passthrough", "GET http://any.example:8081/\n"),
    ] {
        let (_, out, err) = run_text(&format!("properties:\n- name: it\n  for: {asked}\n"), &[]);
        assert!(out.contains(request) || err.contains(request), "{asked}\n{out}{err}");
    }
}

#[test]
fn what_cannot_be_decided_fails_unless_it_may_stay_so() {
    let route = "  - match: [{uri: {regex: \"/.*a.{40}\"}}]\n    route: [{destination: {host: admin, subset: none}}]\n";
    let mesh = std::fs::read_to_string(data().join("mesh.yaml")).expect("the mesh");
    let mesh = mesh.replace("hosts: [admin]\n  http:\n", &format!("hosts: [admin]\n  http:\n{route}"));
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("mesh.yaml"), mesh).expect("a file");
    let text =
        "properties:\n- name: nothing is lost\n  for: {host: admin, path: {regex: \"/[b-z]*\"}}\n  never: [lost]\n";
    std::fs::write(folder.path().join("a.test.yaml"), text).expect("a file");
    for (arguments, wanted) in [(&[][..], 1), (&["--allow-undecided"], 0)] {
        for format in ["table", "tap", "junit", "github", "json"] {
            let ran = towtank_in(folder.path(), &[&["test", ".", "-o", format], arguments].concat(), b"");
            assert_eq!(ran.code, wanted, "{}{}", ran.out, ran.err);
            assert!(ran.out.contains("undecided"), "{format}: {}", ran.out);
        }
    }
    let ran = towtank_in(folder.path(), &["test", "."], b"");
    assert!(
        ran.out.contains("undecided, 2 of 8 regions") && ran.out.contains("by VirtualService shop/admin rule 0"),
        "{}",
        ran.out
    );
}

#[test]
fn properties_are_chosen_like_tests() {
    let (status, out, _) = run(&["proven.test.yaml", "--filter", "beta"]);
    assert_eq!((status, out.lines().count()), (0, 2), "{out}");
    assert!(out.ends_with("1 property, 0 requests: all passed\n"), "{out}");
    let (status, _, err) = run(&["proven.test.yaml", "--filter", "no such"]);
    assert_eq!((status, err.as_str()), (2, "error: no test has `no such` in its name\n"));
}

#[test]
fn what_is_no_property_is_an_error_with_its_line() {
    let cases = [
        ("properties: []", "`properties` is empty: nothing would be proven", "1:1"),
        (
            "properties:\n- for: {host: reviews}",
            "the property claims nothing: it has no `never` and no `same_as`",
            "2:3",
        ),
        ("properties:\n- never: lost", "`properties[0]` has no `for`", "2:3"),
        ("properties:\n- for: {hots: reviews}\n  never: lost", "unknown field `hots` in `properties[0].for`", "2:9"),
        ("properties:\n- for: {host: reviews}\n  nevr: lost", "unknown field `nevr` in `properties[0]`", "3:3"),
        ("properties:\n- for: {host: reviews}\n  never: losst", "`losst` is no outcome", "3:10"),
        ("properties:\n- for: {host: reviews}\n  never: bad_request", "`bad_request` can't be excluded", "3:10"),
        (
            "properties:\n- for: {host: revews}\n  never: lost",
            "no client serves a host `revews`: nothing would be proven",
            "2:15",
        ),
        (
            "properties:\n- for: {host: nobody, proxy: \"sidecar:shop\"}\n  never: lost",
            "the proxy `sidecar:shop` serves no host `nobody`: nothing would be proven",
            "2:15",
        ),
        ("properties:\n- for: {host: \"a b\"}\n  never: lost", "`a b` is no host", "2:15"),
        ("properties:\n- for: {host: \"a:80\"}\n  never: lost", "`a:80` has a port", "2:15"),
        ("properties:\n- for: {host: reviews, port: 0}\n  never: lost", "`0` is no port", "2:30"),
        (
            "properties:\n- for: {path: {prefx: /a}}\n  never: lost",
            "unknown field `prefx` in `properties[0].for.path`",
            "2:16",
        ),
        ("properties:\n- for: {path: {prefix: /a, exact: /a}}\n  never: lost", "must have one of exact, prefix", "2:9"),
        ("properties:\n- for: {path: {regex: \"(\"}}\n  never: lost", "`(` is no regular expression", "2:23"),
        ("properties:\n- for: {path: /a, uri: /b}\n  never: lost", "`uri` is another name of `path`", "2:24"),
        (
            "properties:\n- for: {headers: {\":path\": a}}\n  never: lost",
            "`:path` is no header that can be asked for",
            "2:19",
        ),
        ("properties:\n- for: {not: {path: {not: /a}}}\n  never: lost", "a `not` within a `not`", "2:15"),
        ("properties:\n- for: {not: {}}\n  never: lost", "is empty: it would take everything away", "2:9"),
        (
            "properties:\n- for: {path: {prefix: /a}, not: {path: {prefix: /}}}\n  never: lost",
            "no request can be what `properties[0].for` asks for",
            "2:3",
        ),
        (
            "properties:\n- for: {method: CONNECT}\n  never: lost",
            "no request can be what `properties[0].for` asks for",
            "2:3",
        ),
        ("properties:\n- for: {proxy: {app: nobody}}\n  never: lost", "no client has the labels", "2:16"),
        ("properties:\n- for: {proxy: clint}\n  never: lost", "no proxy is called `clint`", "2:16"),
        ("properties:\n- for: {host: reviews}\n  same_as: {proxy: clint}", "no proxy is called `clint`", "3:20"),
        ("properties:\n- for: {host: reviews}\n  same_as: {proxy: client}\n  never: lost", "are two properties", "2:3"),
        ("properties:\n- for: {host: reviews}\n  same_as: {}", "has no `proxy`", "3:3"),
    ];
    for (text, message, place) in cases {
        let (status, out, err) = run_text(text, &[]);
        assert_eq!((status, out.as_str()), (2, ""), "{text}\n{err}");
        assert!(err.contains(message) && err.contains(&format!("a.test.yaml:{place}\n")), "{text}\n{err}");
    }
}

#[test]
fn all_errors_come_at_once() {
    let text = "tests:\n- {request: GET http://reviews.shop/, expect: {subst: v1}}\nproperties:\n- {for: {host: revews}, never: lost}\n\
                - {for: {proxy: clint}, never: [losst, {subst: v1}]}\n- {for: {proxy: {app: nobody}}, never: lost}\n";
    let (status, _, err) = run_text(text, &[]);
    let places: Vec<&str> = err.lines().filter_map(|l| l.trim_start().strip_prefix("--> ")).collect();
    let lines = ["2:48", "4:16", "5:17", "5:33", "5:40", "5:41", "6:17"].map(|at| format!("./a.test.yaml:{at}"));
    assert_eq!((status, places), (2, lines.iter().map(String::as_str).collect()), "{err}");
}

#[test]
fn a_scenario_has_properties_too() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(data().join("mesh.yaml"), folder.path().join("mesh.yaml")).expect("the mesh");
    let text = "apiVersion: towtank/v1\nkind: Scenario\nproxies:\n- {name: us, namespace: shop, labels: {region: us}}\n\
                - {name: eu-client, namespace: shop, labels: {region: eu}}\nproperties:\n- name: v2 is for beta users\n  \
                for: {host: reviews, withoutHeaders: {x-beta: {exact: \"true\"}}}\n  never: {subset: v2}\n- name: the same\n  \
                for: {proxy: us, host: reviews, not: [{uri: {prefix: /orders}}]}\n  same_as: {proxy: eu-client}\n";
    std::fs::write(folder.path().join("scenario.yaml"), text).expect("a file");
    let ran = towtank_in(folder.path(), &["test", "."], b"");
    let lines: Vec<&str> = ran.out.lines().filter(|l| l.contains("regions")).collect();
    assert!(
        matches!(lines.as_slice(), [a, b, c] if a.contains("us") && a.contains("proven")
            && b.contains("eu-client") && b.contains("refuted") && c.starts_with("ok") && c.contains("proven")),
        "{}{}",
        ran.out,
        ran.err
    );
}

#[test]
fn files_and_reports_fit_the_schema() {
    let schema: Value = serde_json::from_str(crate::support::schema::TEST).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    for name in ["proven", "refuted"] {
        let text = std::fs::read_to_string(data().join(format!("{name}.test.yaml"))).expect("a test file");
        let value: Value = serde_yaml::from_str(&text).expect("YAML");
        let errors: Vec<String> =
            validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        let (_, out, _) = run(&[&format!("{name}.test.yaml"), "--coverage", "-o", "json"]);
        let report: Value = serde_json::from_str(&out).expect("output is JSON");
        let errors: Vec<String> =
            validator.iter_errors(&report).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
    let scenario: Value = serde_json::from_str(crate::support::schema::SCENARIO).expect("the schema is JSON");
    for part in ["property", "conditions", "value"] {
        assert_eq!(scenario["$defs"][part], schema["$defs"][part], "one format, wherever properties stand");
    }
}

#[test]
fn the_reference_s_properties_run() {
    let docs =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tests.md")).expect("the reference");
    let lines = docs.lines().skip_while(|l| *l != "    properties:").take_while(|l| l.starts_with("    "));
    let text: String = lines.map(|l| format!("{}\n", &l[4..])).collect();
    let (status, out, err) = run_text(&text.replace("eu-client", "\"sidecar:shop:region=eu\""), &[]);
    assert_eq!((status, err.as_str()), (1, ""), "{out}");
    let found = |name: &str, verdict: &str| out.lines().any(|l| l.contains(name) && l.contains(verdict));
    assert!(found("admin stays inside", "proven") && found("only beta users", "refuted"), "{out}");
    assert!(found("the copy for Europe", "proven"), "{out}");
}
