//! `towtank test` as people and build servers run it: reports as snapshots, exit statuses, goldens, coverage, and test files
//! that are no tests. The manifests and test files stand in `tests/test_command/`.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs `towtank test` in the folder of the test data.
fn test_in(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_towtank"))
        .arg("test")
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("towtank runs")
}

fn data() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/test_command")
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    parts(&test_in(&data(), arguments))
}

fn parts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("output is text");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../snapshots", omit_expression => true }, {
        insta::assert_snapshot!(format!("test-{name}"), text);
    });
}

#[test]
fn every_kind_of_expectation_can_hold() {
    let (status, out, err) = run(&["mesh", "own/passing.test.yaml"]);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.ends_with("6 tests, 14 requests: all passed\n"), "{out}");
}

#[test]
fn every_difference_is_shown_with_its_steps() {
    for format in ["table", "tap", "junit", "github", "json"] {
        let (status, out, err) = run(&["mesh", "own/failing.test.yaml", "-o", format]);
        assert_eq!((status, err.as_str()), (Some(1), ""), "{out}");
        let out = if format == "json" { pretty(&out) } else { out };
        snapshot(&format!("failing-{format}"), &out);
    }
}

fn pretty(json: &str) -> String {
    let value: Value = serde_json::from_str(json).expect("output is JSON");
    serde_json::to_string_pretty(&value).expect("JSON can be written")
}

#[test]
fn control_characters_of_users_reach_no_report() {
    let folder = scenario(
        "tests:\n- name: \"a\\e[2J\\r\\0\\x85\\uFFFE]]> # \\\\ b\"\n  request: GET http://shop/\n  \
         headers: {x-odd: \"\\x7f\\e[31m\"}\n  expect: {headers: {x-odd: \"\\e\\n: |\"}}\n",
    );
    for format in ["table", "tap", "junit", "github"] {
        let (status, out, err) = parts(&test_in(folder.path(), &[".", "-o", format]));
        assert_eq!(status, Some(1), "{err}");
        assert!(!out.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{fffe}'), "{format}: {out:?}");
        assert!(out.contains(r"\u{1b}[2J") || out.contains(r"\\u{1b}[2J"), "{format}: {out}");
        if format == "tap" {
            let (_, block) = out.split_once("  ---\n").expect("a YAML block");
            let (block, _) = block.split_once("  ...\n").expect("the end of the block");
            let value: serde_yaml::Value = serde_yaml::from_str(block).expect("YAML");
            assert!(value["failures"][0]["message"].is_string() && value["detail"].is_string(), "{value:?}");
        }
    }
}

#[test]
fn files_of_istio_config_validator_run_as_they_are() {
    let (status, out, _) = run(&["mesh", "validator"]);
    assert_eq!(status, Some(1));
    snapshot("validator", &out);
}

#[test]
fn files_of_the_router_check_tool_run_as_they_are() {
    let (status, out, _) = run(&["mesh", "router-check"]);
    assert_eq!(status, Some(1));
    snapshot("router-check", &out);
}

#[test]
fn what_cannot_be_evaluated_is_said_in_every_format() {
    for format in ["tap", "junit", "github"] {
        let (status, out, _) = run(&["mesh", "router-check", "--filter", "metadata", "-o", format]);
        assert_eq!(status, Some(0), "{out}");
        snapshot(&format!("not-evaluated-{format}"), &out);
    }
    let (status, _, err) = run(&["mesh", "router-check", "--filter", "request with metadata"]);
    assert_eq!((status, err.as_str()), (Some(2), "error: no test could be evaluated\n"));
}

#[test]
fn filters_choose_tests_by_name_and_file() {
    let all = ["mesh", "own/passing.test.yaml", "own/failing.test.yaml", "--filter"];
    let (status, out, _) = run(&[&all[..], &["shares with"]].concat());
    assert_eq!((status, out.lines().count()), (Some(0), 2), "{out}");
    let (status, _, _) = run(&[&all[..], &["passing.test"]].concat());
    assert_eq!(status, Some(0));
    let (status, _, err) = run(&[&all[..], &["no such test"]].concat());
    assert_eq!((status, err.as_str()), (Some(2), "error: no test has `no such test` in its name\n"));
}

#[test]
fn coverage_counts_rules_matches_and_destinations() {
    let (status, out, _) = run(&["mesh", "own/passing.test.yaml", "--coverage-min", "100%"]);
    assert_eq!(status, Some(0), "{out}");
    assert!(out.contains("coverage: routes 5 of 5, matches 6 of 6, destinations 5 of 5"), "{out}");
    let only = ["mesh", "own/passing.test.yaml", "--filter", "redirects", "--coverage-min"];
    let (status, out, _) = run(&[&only[..], &["30%"]].concat());
    assert_eq!(status, Some(1));
    snapshot("coverage", &out);
    let (status, _, _) = run(&[&only[..], &["0"]].concat());
    assert_eq!(status, Some(0));
    let (status, _, _) = run(&[&only[..], &["101%"]].concat());
    assert_eq!(status, Some(2));
}

/// A scenario of its own, in a folder that may be written to.
fn scenario(tests: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let manifests = std::fs::read_to_string(data().join("mesh/mesh.yaml")).expect("manifests");
    std::fs::write(folder.path().join("mesh.yaml"), manifests).expect("manifests");
    let head = "apiVersion: towtank/v1\nkind: Scenario\nproxies: [{name: client}]\n\
        streams: [{name: all, requests: [{request: GET http://shop/}]}]\n";
    std::fs::write(folder.path().join("scenario.yaml"), format!("{head}{tests}")).expect("scenario");
    folder
}

#[test]
fn goldens_are_written_compared_and_taken_over() {
    let folder = scenario("tests:\n- {request: GET http://shop/cart/1, expect: {status: 200}}\n");
    let test = |arguments: &[&str]| parts(&test_in(folder.path(), &[&["."], arguments].concat()));
    assert_eq!(test(&["--update"]).0, Some(0));
    snapshot("golden", &std::fs::read_to_string(folder.path().join("towtank.golden")).expect("a golden"));
    assert_eq!(test(&[]).0, Some(0));
    let written = std::fs::read_to_string(folder.path().join("towtank.golden")).expect("a golden");
    std::fs::write(folder.path().join("towtank.golden"), written.replace('\n', "\r\n")).expect("a golden");
    assert_eq!(test(&[]).0, Some(0), "line ends of another system are no difference");
    let path = folder.path().join("mesh.yaml");
    let manifests = std::fs::read_to_string(&path).expect("manifests");
    std::fs::write(&path, manifests.replace("authority: cart.internal", "authority: cart.example")).expect("manifests");
    let (status, out, _) = test(&[]);
    assert_eq!(status, Some(1));
    snapshot("golden-differs", &out);
    // A part of the tests says nothing about the whole.
    assert_eq!(test(&["--filter", "cart"]).0, Some(0));
    assert_eq!(test(&["--update", "--filter", "cart"]).0, Some(2));
    assert_eq!(test(&["--update"]).0, Some(0));
    assert_eq!(test(&[]).0, Some(0));
}

#[test]
fn what_is_no_test_is_an_error_with_its_line() {
    let get = "request: GET http://shop/";
    let never = "never: [unmatched]";
    let cases = [
        ("tests: []".to_owned(), "`tests` is empty: nothing would be tested", 5),
        ("tests:".to_owned(), "`tests` is empty: nothing would be tested", 5),
        (format!("tests:\n- {{{get}}}"), "the test expects nothing: it has no `expect` and no `never`", 6),
        (format!("tests:\n- {get}\n  expect: {{}}"), "`tests[0].expect` is empty: nothing would be tested", 7),
        (format!("tests:\n- {get}\n  never: []"), "`tests[0].never` is empty: nothing would be tested", 7),
        (format!("tests:\n- {get}\n  proxy: clint\n  {never}"), "no proxy is called `clint`", 7),
        (format!("tests:\n- {get}\n  expect: {{host: shpo}}"), "the proxy `client` knows no host `shpo`", 7),
        (format!("tests:\n- {get}\n  expect: {{subst: v1}}"), "unknown field `subst` in `tests[0].expect`", 7),
        (format!("tests:\n- {get}\n  expects: {{subset: v1}}\n  {never}"), "unknown field `expects` in `tests[0]`", 7),
        (
            format!("tests:\n- {get}\n  expect:\n    shares: {{v1: 1}}\n    tolerance: 1.5"),
            "`tests[0].expect.tolerance` is out of range",
            9,
        ),
        (
            format!("tests:\n- {get}\n  expect: {{shares: {{v1: -1%}}}}"),
            "`tests[0].expect.shares.v1` is out of range",
            7,
        ),
        (format!("tests:\n- {get}\n  expect: {{shares: {{v1: 90%}}}}"), "the shares add up to 90 %, not to 100 %", 7),
        (format!("tests:\n- {get}\n  expect: {{shares: {{v7: 100%}}}}"), "the proxy `client` knows no host `v7`", 7),
        (format!("tests:\n- {get}\n  expect: {{outcome: deliverd}}"), "`deliverd` is no outcome", 7),
        (format!("tests:\n- {get}\n  expect: {{port: 0}}"), "`0` is no port", 7),
        (format!("tests:\n- {get}\n  expect: {{headers: {{a: {{regex: \"(\"}}}}}}"), "is no regular expression", 7),
        (format!("tests:\n- stream: al\n  {never}"), "no stream is called `al`", 6),
        (format!("tests:\n- stream: all\n  method: GET\n  {never}"), "has no meaning next to `stream`", 7),
        (format!("tests:\n- {never}"), "`tests[0]` must have one of request, url, host, stream", 6),
        (format!("tests:\n- request: []\n  {never}"), "`tests[0].request` is an empty list", 6),
        (format!("tests:\n- host: shop\n  path: x\n  {never}"), "the path `x` does not begin with `/`", 7),
        (format!("tests:\n- request: GET gopher://shop\n  {never}"), "has the scheme `gopher`", 6),
        (format!("tests:\n- url:\n  - http://shop/\n  - gopher://shop\n  {never}"), "has the scheme `gopher`", 8),
        (format!("tests:\n- url: http://shop/\n  method: [GET, \"G T\"]\n  {never}"), "`G T` is no method", 7),
        (format!("tests:\n- {get}\n  expect: {{headers: {{}}}}"), "`tests[0].expect.headers` is empty", 7),
        (format!("tests:\n- {get}\n  expect: {{headers: {{\"x y\": a}}}}"), "`x y` is no name of a header", 7),
        (
            format!("tests:\n- {get}\n  expect: {{headers: {{a: {{exact: b, prefix: b}}}}}}"),
            "must have one of exact,",
            7,
        ),
    ];
    for (tests, message, line) in cases {
        let folder = scenario(&tests);
        let (status, out, err) = parts(&test_in(folder.path(), &["."]));
        assert_eq!((status, out.as_str()), (Some(2), ""), "{tests}\n{err}");
        assert!(err.contains(message), "{tests}\n{err}");
        assert!(err.contains(&format!("./scenario.yaml:{line}:")), "{tests}\n{err}");
    }
}

#[test]
fn all_errors_come_at_once() {
    let get = "request: GET http://shop/";
    let tests = format!(
        "tests:\n- {{{get}, proxy: clint, never: [unmatched]}}\n- {{{get}, expect: {{subst: v1}}}}\n- {{stream: al, never: [tcp]}}\n"
    );
    let folder = scenario(&tests);
    let (status, _, err) = parts(&test_in(folder.path(), &["."]));
    assert_eq!(status, Some(2));
    let places: Vec<&str> = err.lines().filter_map(|l| l.trim_start().strip_prefix("--> ")).collect();
    assert_eq!(places, ["./scenario.yaml:6:38", "./scenario.yaml:7:40", "./scenario.yaml:8:12"], "{err}");
    assert!(err.ends_with("towtank: 3 errors\n"), "{err}");
    let (status, out, _) = parts(&test_in(folder.path(), &[".", "-o", "github"]));
    assert_eq!((status, out.lines().count()), (Some(2), 3), "{out}");
    assert!(
        out.contains(",line=7,col=40,title=test::unknown field `subst` in `tests[1].expect`%0Adid you mean"),
        "{out}"
    );
    std::fs::write(folder.path().join("bad.yaml"), "kind: VirtualService\napiVersion: networking.istio.io/v1\n")
        .expect("a file");
    let (status, _, err) = parts(&test_in(folder.path(), &["."]));
    assert_eq!(status, Some(2));
    assert!(err.contains("bad.yaml:1") && err.contains("unknown field `subst`"), "{err}");
}

#[test]
fn a_run_without_any_test_is_an_error() {
    let folder = scenario("");
    let (status, _, err) = parts(&test_in(folder.path(), &["."]));
    assert_eq!(status, Some(2));
    assert!(err.starts_with("error: no test: write some under `tests:` or `properties:`"), "{err}");
    for text in ["", "# later\n", "tests: []\n", "testCases: []\n", "kind: Test\napiVersion: towtank/v1\n", "a: [\n"] {
        std::fs::write(folder.path().join("later.test.yaml"), text).expect("a file");
        let (status, _, err) = parts(&test_in(folder.path(), &["."]));
        assert_eq!(status, Some(2), "{text}");
        assert!(err.contains("later.test.yaml:"), "{text}: {err}");
    }
}

#[test]
fn what_other_tools_refuse_is_an_error_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, lines) in [
        ("tests:\n- test_name: ''\n  input: {}\n  validate: {}\n", vec![2]),
        (
            "tests:\n- test_name: a\n  input:\n    authority: ''\n    path: ''\n    method: NO\n  validate: {}\n",
            vec![4, 5, 6],
        ),
        ("tests:\n- test_name: a\n  input: {authority: a, path: /, method: GET}\n  validate: {}\n", vec![4]),
        ("testCases:\n- wantMatch: true\n- request: {authority: []}\n  wantMtach: true\n", vec![2, 3, 4]),
    ] {
        std::fs::write(folder.path().join("a.test.yaml"), text).expect("a file");
        let (status, _, err) = parts(&test_in(folder.path(), &["."]));
        assert_eq!(status, Some(2), "{text}");
        let places = err.lines().filter_map(|l| l.trim_start().strip_prefix("--> ./a.test.yaml:"));
        let found: Vec<usize> = places.filter_map(|p| p.split(':').next()?.parse().ok()).collect();
        assert_eq!(found, lines, "{text}{err}");
    }
}

#[test]
fn tests_without_manifests_say_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "tests:\n- {request: GET http://shop/, expect: {host: shop}}\n";
    std::fs::write(folder.path().join("a.test.yaml"), text).expect("a file");
    let (status, _, err) = parts(&test_in(folder.path(), &["."]));
    assert_eq!(status, Some(2));
    assert!(err.contains("note: no Service and no VirtualService is among the paths"), "{err}");
}

#[test]
fn a_virtual_service_without_its_gateway_explains_the_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: door, namespace: shop}\n\
        spec: {hosts: [shop.example.com], gateways: [edge/door], http: [{route: [{destination: {host: web.shop.svc.cluster.local}}]}]}\n";
    std::fs::write(folder.path().join("vs.yaml"), service).expect("manifests");
    let text = "testCases:\n- wantMatch: true\n  request: {authority: [shop.example.com], method: [GET], uri: [/]}\n";
    std::fs::write(folder.path().join("cases.yaml"), text).expect("a file");
    let (status, out, _) = parts(&test_in(folder.path(), &[".", "--assume", "gateways=never"]));
    assert_eq!(status, Some(1));
    let note = "note: VirtualService shop/door has the host, and is bound to `edge/door`: no such Gateway is among the manifests";
    assert!(out.contains(note), "{out}");
}

#[test]
fn a_test_that_looks_through_the_wrong_proxy_is_told_the_right_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let manifests = std::fs::read_to_string(data().join("mesh/mesh.yaml")).expect("manifests");
    let gateway = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: door, namespace: default}\n\
        spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n\
        ---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: door, namespace: default}\n\
        spec: {hosts: [shop.example.com], gateways: [door], http: [{route: [{destination: {host: shop, subset: v1}}]}]}\n";
    std::fs::write(folder.path().join("mesh.yaml"), format!("{manifests}\n---\n{gateway}")).expect("manifests");
    // Nobody said whom to ask: the gateway has the host.
    let open = "tests:\n- {request: GET http://shop.example.com/, expect: {subset: v1}}\n";
    std::fs::write(folder.path().join("a.test.yaml"), open).expect("a file");
    let (status, out, err) = parts(&test_in(folder.path(), &["."]));
    assert_eq!(status, Some(0), "{out}{err}");
    let text = "tests:\n- {request: GET http://shop.example.com/, proxy: client, expect: {subset: v1}}\n";
    std::fs::write(folder.path().join("a.test.yaml"), text).expect("a file");
    let (status, out, _) = parts(&test_in(folder.path(), &["."]));
    assert_eq!(status, Some(1));
    let start = "note: a rule takes it at the proxy `";
    let (_, rest) = out.split_once(start).expect(&out);
    let (proxy, _) = rest.split_once('`').expect("a name");
    let text =
        format!("tests:\n- {{request: GET http://shop.example.com/, proxy: \"{proxy}\", expect: {{subset: v1}}}}\n");
    std::fs::write(folder.path().join("a.test.yaml"), text).expect("a file");
    let (status, out, err) = parts(&test_in(folder.path(), &["."]));
    assert_eq!(status, Some(0), "{out}{err}");
}

#[test]
fn a_subset_that_nobody_knows_can_never_be_reached() {
    let folder = scenario("tests:\n- {request: GET http://shop/, never: [{subset: v9}]}\n");
    let (status, _, err) = parts(&test_in(folder.path(), &["."]));
    assert_eq!(status, Some(0));
    assert!(err.contains("the proxy `client` knows no subset `v9`: this can never fail"), "{err}");
}

#[test]
fn scenarios_with_tests_pass_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (status, out, err) = parts(&test_in(root, &["scenarios"]));
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(out.contains("scenarios/bookshop\n") && out.contains("scenarios/match-priority\n"), "{out}");
}

#[test]
fn test_files_and_reports_fit_the_schema() {
    let schema: Value = serde_json::from_str(crate::support::schema::TEST).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let check = |name: &str, value: &Value| {
        let errors: Vec<String> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    };
    for name in ["passing", "failing"] {
        let text = std::fs::read_to_string(data().join(format!("own/{name}.test.yaml"))).expect("a test file");
        check(name, &serde_yaml::from_str(&text).expect("YAML"));
    }
    let (_, out, _) = run(&["mesh", "own/passing.test.yaml", "own/failing.test.yaml", "--coverage", "-o", "json"]);
    check("report", &serde_json::from_str(&out).expect("output is JSON"));
    let (_, out, _) = run(&["mesh", "router-check", "-o", "json"]);
    check("report with parts not evaluated", &serde_json::from_str(&out).expect("output is JSON"));
    assert!(!validator.is_valid(&serde_json::json!({"tests": []})));
    let scenario: Value = serde_json::from_str(crate::support::schema::SCENARIO).expect("the schema is JSON");
    for part in ["test", "expect"] {
        assert_eq!(scenario["$defs"][part], schema["$defs"][part], "one format, wherever tests stand");
    }
    let scenario = jsonschema::validator_for(&scenario).expect("the schema is one");
    for name in ["bookshop", "match-priority"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}/scenario.yaml"));
        let text = std::fs::read_to_string(path).expect("a scenario");
        let value: Value = serde_yaml::from_str(&text).expect("YAML");
        let errors: Vec<String> = scenario.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
}

/// The block of `text` that begins with this line, without its indentation.
fn block(text: &str, first: &str) -> String {
    let lines = text.lines().skip_while(|l| l.trim_start() != first).take_while(|l| l.starts_with("    "));
    lines.map(|l| format!("{}\n", &l[4..])).collect()
}

#[test]
fn the_reference_s_tests_workflow_and_hook_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).expect("a text of the repository");
    let yaml = |text: &str| serde_yaml::from_str::<serde_yaml::Value>(text).expect("YAML");
    let example = tempfile::NamedTempFile::with_suffix(".test.yaml").expect("a file");
    std::fs::write(example.path(), block(&read("docs/tests.md"), "tests:")).expect("a file");
    let bookshop = root.join("scenarios/bookshop");
    let (status, out, err) =
        parts(&test_in(&bookshop, &[".", &example.path().to_string_lossy(), "--filter", ".test.yaml"]));
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(out.ends_with("2 tests, 5 requests: all passed\n"), "{out}");

    let ci = read("docs/ci.md");
    let workflow = yaml(&block(&ci, "on: pull_request"));
    let steps = workflow["jobs"]["routing"]["steps"].as_sequence().expect("steps");
    let action = yaml(&read("action.yml"));
    let mut commands = Vec::new();
    for with in steps.iter().filter(|s| s["uses"].as_str().is_some_and(|u| u.contains("/towtank@"))).map(|s| &s["with"])
    {
        let inputs = with.as_mapping().expect("inputs");
        assert!(inputs.keys().all(|k| !action["inputs"][k].is_null()), "inputs of action.yml: {with:?}");
        let text = |key: &str| with[key].as_str().expect("text");
        commands.push(format!("{} {}", text("command"), text("paths")));
    }
    let hooks = yaml(&read(".pre-commit-hooks.yaml"));
    let known: Vec<&str> = hooks.as_sequence().expect("hooks").iter().filter_map(|h| h["id"].as_str()).collect();
    let used = yaml(&block(&ci, "repos:"));
    for hook in used["repos"][0]["hooks"].as_sequence().expect("hooks") {
        assert!(hook["id"].as_str().is_some_and(|id| known.contains(&id)), "{hook:?} is none of {known:?}");
    }
    let hook = block(&ci, "#!/bin/sh");
    let of_hook = hook.lines().skip(1).flat_map(|l| l.split(" && ")).filter_map(|c| c.strip_prefix("towtank "));
    commands.extend(of_hook.map(str::to_owned));
    assert_eq!(commands.len(), 4, "{commands:?}");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("manifests")).expect("a folder");
    for file in ["mesh/mesh.yaml", "own/passing.test.yaml"] {
        let name = Path::new(file).file_name().expect("a name");
        std::fs::copy(data().join(file), folder.path().join("manifests").join(name)).expect("a copy");
    }
    for command in commands {
        let output = Command::new(env!("CARGO_BIN_EXE_towtank"))
            .args(command.split_whitespace())
            .current_dir(folder.path())
            .output()
            .expect("towtank runs");
        let (status, out, err) = parts(&output);
        // The subset without pods of these manifests is an error of `check`; their tests pass.
        assert_eq!(status, Some(i32::from(command.starts_with("check"))), "{command}: {out}{err}");
    }
}
