//! Input that is broken, odd or huge: each is either understood or refused, with the place, the line, what is wrong and what
//! would be right. Nothing panics, hangs or eats memory; `support/run.rs` holds that against every run.

use std::fmt::Write as _;
use std::path::Path;

use crate::support::run::{Ran, towtank_in};
use tempfile::TempDir;

/// A folder with files of these names and contents.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }
    folder
}

fn towtank(folder: &TempDir, arguments: &[&str]) -> Ran {
    towtank_in(folder.path(), arguments, b"")
}

/// Runs `routes` on one file with this content.
fn routes_of(content: &[u8]) -> Ran {
    let files = folder(&[("a.yaml", content)]);
    towtank(&files, &["routes", "a.yaml"])
}

/// A VirtualService that sends everything for the host `name` to the host `name`.
fn virtual_service(name: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\nspec:\n  hosts: [{name}]\n  \
         http:\n  - route:\n    - destination: {{host: {name}}}\n"
    )
}

/// What this very text prints when nothing is wrong with it.
fn good_output() -> String {
    routes_of(virtual_service("reviews").as_bytes()).ends_with(0).prints(&["reviews.default.svc.cluster.local"]).out
}

// Broken text.

#[test]
fn broken_yaml_is_shown_with_its_line_and_what_would_be_right() {
    let text = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nspec:\n  hosts: [a\n  http: []\n";
    let ran = routes_of(text.as_bytes()).ends_with(2);
    assert_eq!(ran.out, "");
    ran.says(&["a.yaml:5:7", "5 |   http: []", "help: close the bracket", "1 error"]);
    for (text, place, line) in [
        ("a: 1\n\tb: 2\n", "a.yaml:2:", "b: 2"),
        ("a: 'x\n", "a.yaml:1:", "a: 'x"),
        ("a: b: c\n", "a.yaml:1:", "a: b: c"),
        ("a: *nowhere\n", "a.yaml:1:4", "a: *nowhere"),
        ("- a\nb: 1\n", "a.yaml:2:1", "b: 1"),
        ("{\"a\": [1, 2}\n", "a.yaml:1:", "{\"a\": [1, 2}"),
        ("%YAML 7.0 x\n---\na: 1\n", "a.yaml:1:", "%YAML 7.0 x"),
    ] {
        routes_of(text.as_bytes()).ends_with(2).says(&["error", place, line]);
    }
}

#[test]
fn all_errors_of_all_documents_are_reported() {
    let text = format!("a: [\n---\n{}\n---\nb: ]\n---\n- 1\n", virtual_service("reviews").replace("hosts", "host"));
    routes_of(text.as_bytes()).ends_with(2).says(&[
        "a.yaml:2:1",
        "unknown field `host`",
        "did you mean `hosts`",
        "a.yaml:13:4",
        "the document is a list, not an object",
        "a.yaml:15:1",
        "--invalid skip",
    ]);
}

#[test]
fn templates_are_told_to_be_rendered() {
    routes_of(b"metadata:\n  name: {{ .Values.name }}\n  x: {{- if .y }}\n")
        .ends_with(2)
        .says(&["a template; render it first", "a.yaml:2:"]);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    for (bytes, said) in [
        (&b"\x7fELF\x02\x01\x01\0\0\0"[..], "is not text: byte 8 is zero"),
        (b"\xff\xfea\0:\0", "UTF-16"),
        (b"a: 1\nb: \xc3\x28\n", "line 2"),
    ] {
        routes_of(bytes).ends_with(2).says(&["`a.yaml`", said]);
        towtank_in(Path::new("."), &["routes", "-"], bytes).ends_with(2).says(&["standard input", said]);
    }
}

#[test]
fn control_characters_and_odd_line_breaks_are_places_too() {
    for text in ["a: \u{1}\n", "a: \u{7f}\n", "a: 1\u{2028}b: [\n", "\u{feff}\u{feff}a: [\n", "a:\r b:\rc: ]\n"] {
        let ran = routes_of(text.as_bytes());
        assert!(ran.code == 0 || ran.err.contains("a.yaml:"), "{text:?}: {}", ran.err);
    }
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
    let good = good_output();
    let text = virtual_service("reviews");
    for text in [text.replace('\n', "\r\n"), format!("\u{feff}{text}"), format!("\u{feff}---\r\n{text}...\r\n")] {
        let shift = text.contains("---");
        let ran = routes_of(text.as_bytes()).ends_with(0);
        if !shift {
            assert_eq!(ran.out, good);
        }
    }
    // Places count characters of the line as an editor shows it.
    routes_of("\u{feff}a: ]\r\n".as_bytes()).ends_with(2).says(&["a.yaml:1:4"]);
    routes_of("\u{feff}a: 1\r\nbücher: ]\r\n".as_bytes()).ends_with(2).says(&["a.yaml:2:9"]);
}

#[test]
fn json_lists_and_several_documents_are_the_same_objects() {
    let object = r#"{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"reviews"},
        "spec":{"hosts":["reviews"],"http":[{"route":[{"destination":{"host":"reviews"}}]}]}}"#;
    let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{object}]}}"#);
    let typed = format!(r#"{{"apiVersion":"networking.istio.io/v1","kind":"VirtualServiceList","items":[{object}]}}"#);
    let service = r#"{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"x"}}"#;
    for text in
        [object.to_owned(), list, typed, format!("{service}\n{object}"), format!("---\n# nothing\n---\n{object}")]
    {
        let ran = routes_of(text.as_bytes()).ends_with(0);
        assert!(ran.out.contains("reviews.default.svc.cluster.local"), "{text}\n{}", ran.out);
    }
    let text = format!(r#"{{"apiVersion":"v1","kind":"List","items":[null,5,{object}]}}"#);
    routes_of(text.as_bytes()).ends_with(2).says(&["a.yaml:1:43", "empty entry", "a.yaml:1:48", "not an object"]);
}

// Size and depth.

/// Nine levels of nine: some 400 million entries from a few hundred bytes.
fn alias_bomb() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let below = vec![format!("*a{}", level - 1); 9].join(", ");
        let _ = writeln!(text, "a{level}: &a{level} [{below}]");
    }
    text
}

#[test]
fn an_alias_bomb_does_not_go_off() {
    routes_of(alias_bomb().as_bytes()).ends_with(2).says(&["a.yaml:", "aliases", "help:"]);
    let within = format!("{}{}", virtual_service("a"), alias_bomb());
    routes_of(within.as_bytes()).ends_with(2).says(&["a.yaml:", "aliases"]);
    routes_of(b"a: &a [*a]\n").ends_with(2).says(&["a.yaml:1:"]);
    routes_of(b"a: &a\n  <<: *a\n").ends_with(2).says(&["a.yaml:"]);
}

#[test]
fn depth_is_bounded() {
    for text in [
        "[".repeat(100_000),
        format!("a: {}", "{a: ".repeat(100_000)),
        "- ".repeat(100_000),
        "? ".repeat(100_000),
        format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)),
        "!t ".repeat(100_000),
    ] {
        routes_of(text.as_bytes()).ends_with(2).says(&["a.yaml:1:"]);
    }
    let mut stairs = String::new();
    for depth in 0..2000 {
        let _ = writeln!(stairs, "{}a:", " ".repeat(depth));
    }
    routes_of(stairs.as_bytes()).ends_with(2).says(&["nested deeper", "help:"]);
}

#[test]
fn ten_thousand_documents_are_no_trouble() {
    let mut text = String::new();
    for i in 0..10_000 {
        let _ = writeln!(
            text,
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{i}}}\nspec: {{ports: [{{port: 80}}]}}"
        );
    }
    let ran = routes_of(text.as_bytes()).ends_with(0);
    assert_eq!(ran.err, "");
    assert!(ran.out.contains("s9999.default.svc.cluster.local"));
}

#[test]
fn ten_thousand_errors_are_all_reported() {
    let text = format!("{}---\n", virtual_service("s").replace("http:", "htp:")).repeat(10_000);
    let ran = routes_of(text.as_bytes()).ends_with(2);
    assert_eq!(ran.err.matches("did you mean `http`").count(), 10_000);
    let list = text.replace("---\n", "").replace('\n', "\n  ").replace("  apiVersion", "- apiVersion");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}", list.trim_end());
    for text in [text, list] {
        let ran = towtank(&folder(&[("a.yaml", text.as_bytes())]), &["check", "a.yaml", "-o", "json"]).ends_with(1);
        assert!(ran.out.contains("\"error\":10000"), "{}", ran.out.get(ran.out.len() - 200..).unwrap_or_default());
    }
}

#[test]
fn findings_of_a_list_on_one_line_point_into_their_own_item() {
    let item =
        |name: &str| format!("{}\n", virtual_service(name).replace("- destination: {host", "- destination: {hots"));
    let files = folder(&[("a.yaml", format!("{}---\n{}", item("a"), item("b")).as_bytes())]);
    towtank(&files, &["routes", "a.yaml"]).ends_with(2).says(&["a.yaml:8:", "a.yaml:18:"]);
    let object = |host: &str| {
        format!(
            r#"{{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{{"name":"{host}"}},"spec":{{"hosts":["{host}"],"http":[{{"timeout":"x"}}]}}}}"#
        )
    };
    let line = format!(r#"{{"kind":"List","apiVersion":"v1","items":[{},{}]}}"#, object("a"), object("b"));
    let second = line.rfind("\"x\"").expect("the value") + 1;
    routes_of(line.as_bytes()).ends_with(2).says(&[&format!("a.yaml:1:{second}")]);
}

#[test]
fn ten_thousand_versions_of_one_object_are_no_trouble() {
    let text = format!("{}---\n", virtual_service("s")).repeat(10_000);
    let files = folder(&[("a.yaml", text.as_bytes())]);
    let ran = towtank(&files, &["routes", "a.yaml", "-v"]).ends_with(0);
    assert_eq!(ran.err.matches("is given twice").count(), 9_999);
    // Without being asked for more, one warning says how many there are.
    let ran = towtank(&files, &["routes", "a.yaml"]).ends_with(0);
    assert!(ran.err.matches("is given twice").count() < 20 && ran.err.contains("and 9998 more M128"), "{}", ran.err);
}

/// Manifests of about this many bytes: comments, block scalars, flow lists and long strings besides VirtualServices.
fn much_text(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 10_000);
    let mut i = 0;
    while text.len() < bytes {
        let _ = write!(text, "---\n# {}\n{}", "comment ".repeat(40), virtual_service(&format!("s{}", i % 1000)));
        let _ = write!(text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{i}}}\ndata:\n  text: |\n");
        for line in 0..60 {
            let _ = writeln!(text, "    line {line} of a block scalar that goes on and on");
        }
        let _ = writeln!(text, "  quoted: \"{}\"", "\\u00e4 \\x41 ".repeat(100));
        i += 1;
    }
    text
}

#[test]
fn a_big_file_is_read() {
    let text = much_text(5_000_000);
    let ran = routes_of(text.as_bytes()).ends_with(0);
    assert!(ran.out.contains("s999.default.svc.cluster.local"));
}

#[test]
#[ignore = "writes 100 MB and takes a while in debug builds: cargo test --release --test bad_input -- --ignored"]
fn a_huge_file_is_read() {
    let text = much_text(100_000_000);
    routes_of(text.as_bytes()).ends_with(0).prints(&["s999.default.svc.cluster.local"]);
    // One line, one string, one comment, nothing but line breaks, one document with a very long list.
    let scalar = format!("a: {}\n", "x".repeat(100_000_000));
    let comment = format!("# {}\n", "x".repeat(100_000_000));
    let list = format!("a:\n{}", "- b\n".repeat(25_000_000));
    let flow = format!("a: [{}]\n", "b, ".repeat(33_000_000));
    for text in [scalar, comment, "\n".repeat(100_000_000), list, flow] {
        assert!(routes_of(text.as_bytes()).code != 1);
    }
}

#[test]
fn long_lines_are_cut_for_people() {
    let hosts = vec!["h"; 100_000].join(", ");
    let text = virtual_service("a").replace("hosts: [a]", &format!("hosts: [{hosts}], htp: []"));
    let ran = routes_of(text.as_bytes()).ends_with(2);
    assert!(ran.err.lines().all(|line| line.len() < 2_000), "a line is too long to be read");
}

// Files and folders.

#[test]
fn paths_that_are_not_there_are_unusable_input_for_every_command() {
    let files = folder(&[("a.yaml", virtual_service("a").as_bytes())]);
    for command in ["routes", "simulate", "check"] {
        towtank(&files, &[command, "nowhere"]).ends_with(2);
        towtank(&files, &[command, "a.yaml", "nowhere/b.yaml"]).ends_with(2);
    }
    towtank(&files, &["routes", "nowhere"]).says(&["`nowhere`: no such file or folder"]);
    towtank(&files, &["explain", "nowhere", "-r", "GET http://a/"]).ends_with(2).says(&["`nowhere`: no such file"]);
    towtank(&files, &["routes", "a.yaml", "--mesh-config", "mesh.yaml"])
        .ends_with(2)
        .says(&["`mesh.yaml`: no such file"]);
}

#[test]
fn an_empty_folder_is_unusable_input() {
    let files = folder(&[("empty/notes.md", b"nothing")]);
    for command in ["routes", "simulate", "check"] {
        towtank(&files, &[command, "empty"]).ends_with(2);
    }
    towtank(&files, &["routes", "empty"]).says(&["the folder `empty` has no manifests", ".yaml"]);
}

#[test]
fn empty_standard_input_is_unusable_input() {
    for input in ["", "\n\n"] {
        for command in ["routes", "check"] {
            let ran = towtank_in(Path::new("."), &[command, "-"], input.as_bytes()).ends_with(2);
            assert!(format!("{}{}", ran.err, ran.out).contains("standard input is empty"), "{ran:?}");
        }
    }
    // An empty file among others is nothing remarkable.
    let files = folder(&[("a.yaml", virtual_service("a").as_bytes()), ("b.yaml", b"# nothing yet\n")]);
    let ran = towtank(&files, &["routes", "."]).ends_with(0);
    assert!(!ran.err.contains("b.yaml"), "{}", ran.err);
}

#[test]
fn standard_input_is_one_of_the_paths() {
    let good = good_output();
    let ran = towtank_in(Path::new("."), &["routes", "-"], virtual_service("reviews").as_bytes()).ends_with(0);
    assert_eq!(ran.out.replace("<stdin>", "a.yaml"), good);
    towtank_in(Path::new("."), &["routes", "-"], b"a: [\n").ends_with(2).says(&["<stdin>:"]);
}

#[test]
fn a_scenario_named_as_a_file_is_its_folder() {
    let scenario = b"apiVersion: towtank/v1\nkind: Scenario\nproxies: [{name: client, namespace: default}]\n";
    let files = folder(&[("scenario.yaml", scenario), ("vs.yaml", virtual_service("reviews").as_bytes())]);
    let whole = towtank(&files, &["routes", "."]).ends_with(0);
    for path in ["scenario.yaml", "./scenario.yaml"] {
        let named = towtank(&files, &["routes", path]).ends_with(0);
        assert_eq!(named.out, whole.out, "{path}");
    }
}

#[cfg(unix)]
#[test]
fn loops_of_folders_end() {
    let files = folder(&[("a/b/vs.yaml", virtual_service("reviews").as_bytes())]);
    std::os::unix::fs::symlink("..", files.path().join("a/b/up")).expect("a link");
    std::os::unix::fs::symlink(".", files.path().join("a/self")).expect("a link");
    for path in [".", "a"] {
        let ran = towtank(&files, &["routes", path]).ends_with(0).says(&["links back to", "it is passed over"]);
        assert!(!ran.err.contains("given twice"), "the same file is read once: {}", ran.err);
    }
    std::os::unix::fs::symlink("nowhere.yaml", files.path().join("a/dangling.yaml")).expect("a link");
    towtank(&files, &["routes", "a"]).ends_with(2).says(&["dangling.yaml`: no such file"]);
}

#[cfg(unix)]
#[test]
fn unreadable_files_are_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let files = folder(&[("a.yaml", b"a: 1\n"), ("b/c.yaml", b"a: 1\n")]);
    for name in ["a.yaml", "b"] {
        let shut = std::fs::Permissions::from_mode(0o000);
        std::fs::set_permissions(files.path().join(name), shut).expect("permissions");
    }
    if std::fs::read(files.path().join("a.yaml")).is_ok() {
        println!("skipped: this user may read every file, whatever its permissions");
    } else {
        towtank(&files, &["routes", "a.yaml"]).ends_with(2).says(&["cannot read `a.yaml`: permission denied"]);
        towtank(&files, &["routes", "."]).ends_with(2).says(&["a.yaml`: permission denied", "b`: permission denied"]);
    }
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(files.path().join("b"), open).expect("permissions");
}

#[test]
fn a_folder_named_like_a_file_is_a_folder() {
    let files = folder(&[("x.yaml/vs.yaml", virtual_service("reviews").as_bytes())]);
    towtank(&files, &["routes", "x.yaml"]).ends_with(0).prints(&["reviews.default"]);
}

// What is read and means nothing.

#[test]
fn a_selector_that_matches_nothing_resolves_to_no_endpoint() {
    let text = format!(
        "{}---\napiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{selector: {{app: nothing}}, ports: [{{port: 80, \
         name: http}}]}}\n---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g}}\nspec: {{selector: \
         {{no: pod}}, servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['*']}}]}}\n",
        virtual_service("a")
    );
    let files = folder(&[("a.yaml", text.as_bytes())]);
    towtank(&files, &["routes", "a.yaml"]).ends_with(0).prints(&["a.default.svc.cluster.local"]);
    let ran = towtank(&files, &["explain", "a.yaml", "-r", "GET http://a/", "-o", "json", "--assume", "never"]);
    let ran = ran.ends_with(0);
    assert!(ran.out.contains("\"outcome\":\"no_endpoints\""), "{}", ran.out);
    towtank(&files, &["routes", "a.yaml", "--proxy", "gateway:istio-system:other=label"])
        .ends_with(2)
        .says(&["no Gateway among the manifests selects", "Gateways select"]);
}

#[test]
fn documents_of_others_are_passed_over() {
    let text = "apiVersion: example.com/v1\nkind: VirtualService\nmetadata: {name: a}\nspec: 5\n---\nkind: Pod\n---\njust: this\n";
    // Alone they are no input; beside something that is read they are nobody's business.
    routes_of(text.replace("---\nkind: Pod\n", "").as_bytes())
        .ends_with(2)
        .says(&["nothing is understood", "nothing that bears on"]);
    let beside = "---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: None, selector: {a: b}, ports: [{port: 80}]}\n";
    let files = folder(&[("a.yaml", format!("{text}{beside}").as_bytes())]);
    let ran = towtank(&files, &["routes", "a.yaml", "--assume", "never"]).ends_with(0);
    assert_eq!(ran.err, "");
    routes_of(b"apiVersion: networking.istio.io/v1\nkind: VirtualServce\nmetadata: {name: a}\n")
        .ends_with(2)
        .says(&["did you mean `VirtualService`?"]);
    routes_of(b"apiVersion: networking.istio.io/v1\nmetadata: {name: a}\n")
        .ends_with(2)
        .says(&["no `kind`", "a.yaml:1:1"]);
}

/// Passed over without a word, they would be told as if nobody had given them.
#[test]
fn slips_in_the_heads_of_services_and_pods_are_told() {
    let beside = virtual_service("shop");
    for (head, status, said) in [
        ("apiVersoin: v1\nkind: Service", 2, ["the Service has no `apiVersion`", "write `apiVersion: v1`"]),
        ("apiVersion: v1\nkind: Serivce", 0, ["kind `Serivce` is not known", "did you mean `Service`?"]),
        ("apiVersion: v1\nkind: service", 0, ["kind `service` is not known", "did you mean `Service`?"]),
        ("apiVersion: v1beta1\nkind: Service", 0, ["`v1beta1` is no API of `Service`", "write `apiVersion: v1`"]),
        ("apiVersion: apps/v1\nkind: Deploymnet", 0, ["kind `Deploymnet` is not known", "did you mean `Deployment`?"]),
        ("apiVersion: v1\nkind: Deployment", 0, ["`v1` is no API of `Deployment`", "write `apiVersion: apps/v1`"]),
    ] {
        routes_of(format!("{beside}---\n{head}\nmetadata: {{name: shop}}\n").as_bytes())
            .ends_with(status)
            .says(&said)
            .says(&["a.yaml:10:1"]);
    }
    let others = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: shop}\n---\napiVersion: serving.knative.dev/v1\nkind: Service\n\
                  metadata: {name: shop}\n";
    let ran =
        towtank(&folder(&[("a.yaml", format!("{beside}---\n{others}").as_bytes())]), &["check", "a.yaml"]).ends_with(0);
    assert!(!ran.out.contains("did you mean") && !ran.out.contains("no API"), "{}", ran.out);
}

#[test]
fn wrong_types_are_named_with_their_field() {
    for (spec, field) in [
        ("{hosts: a}", "spec.hosts"),
        ("{hosts: [a], http: {route: []}}", "spec.http"),
        ("{hosts: [a], http: [{route: [{destination: {host: a, port: {number: x}}}]}]}", "destination.port.number"),
        ("{hosts: [a], http: [{timeout: 5, route: [{destination: {host: a}}]}]}", "spec.http[0].timeout"),
        ("{hosts: [a], http: [{route: [{weight: 1e99, destination: {host: a}}]}]}", "spec.http[0].route[0].weight"),
        ("{hosts: [a], http: [{match: [{uri: {regex: '('}}], route: [{destination: {host: a}}]}]}", "uri.regex"),
        ("[]", "spec"),
    ] {
        let text =
            format!("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: a}}\nspec: {spec}\n");
        routes_of(text.as_bytes()).ends_with(2).says(&["VirtualService default/a", "a.yaml:4:", field]);
    }
}

#[test]
fn refused_documents_can_be_left_out() {
    let text = format!("{}---\n{}", virtual_service("good"), virtual_service("bad").replace("host: bad", "hots: bad"));
    let files = folder(&[("a.yaml", text.as_bytes())]);
    let ran = towtank(&files, &["routes", "a.yaml"]).ends_with(2).says(&["did you mean `host`", "--invalid skip"]);
    assert_eq!(ran.out, "");
    let ran = towtank(&files, &["routes", "a.yaml", "--invalid", "skip"]).ends_with(0).says(&["warning"]);
    assert!(ran.out.contains("good.default") && !ran.out.contains("bad.default"), "{}", ran.out);
    towtank(&files, &["check", "a.yaml"]).ends_with(1).prints(&["did you mean `host`"]);
}

// Scenarios and requests.

#[test]
fn broken_scenarios_are_refused_with_their_place() {
    for (text, said) in [
        ("kind: Scenario\n", "apiVersion"),
        ("apiVersion: towtank/v1\nkind: Scenario\nproxys: []\n", "did you mean `proxies`"),
        ("apiVersion: towtank/v1\nkind: Scenario\nproxies: [{name: a, type: car}]\n", "scenario.yaml:3:"),
        ("apiVersion: towtank/v1\nkind: Scenario\nmanifests: [nowhere/]\n", "nowhere"),
        ("apiVersion: towtank/v1\nkind: Scenario\nmesh: {outboundTraficPolicy: {}}\n", "outboundTrafficPolicy"),
        ("apiVersion: towtank/v1\nkind: Scenario\npods: [{name: a, count: 20000}]\n", "makes at most 10000 pods"),
        ("a: [\n", "scenario.yaml:"),
        ("", "scenario.yaml"),
    ] {
        let files = folder(&[("s/scenario.yaml", text.as_bytes()), ("s/a.yaml", virtual_service("a").as_bytes())]);
        for command in ["routes", "simulate"] {
            towtank(&files, &[command, "s"]).ends_with(2).says(&[said]);
        }
    }
}

#[test]
fn what_is_no_request_is_refused_by_part() {
    let files = folder(&[("a.yaml", virtual_service("a").as_bytes())]);
    for request in ["", "GET", "GET http://", "GET a b c", "GET http://a:99999/", "GET http://[::1/"] {
        let ran = towtank(&files, &["explain", "a.yaml", "-r", request]).ends_with(2);
        assert!(ran.err.contains("error"), "{request}: {}", ran.err);
    }
    towtank(&files, &["explain", "a.yaml", "-r", "GET http://a/", "-H", "no colon"]).ends_with(2).says(&["no colon"]);
    for curl in ["curl", "curl --upload-file", "curl 'http://a", "wget http://a/"] {
        towtank(&files, &["explain", "a.yaml", "--curl", curl]).ends_with(2).says(&["error"]);
    }
    let lines = "{\"authority\":\"a\",\"path\":\"/\"}\n{\"authority\":5}\nnot json\n\n{\"authority\":\"a\"}\n";
    let ran = towtank_in(files.path(), &["explain", "a.yaml", "--requests", "-"], lines.as_bytes()).ends_with(2);
    for line in ["2", "3"] {
        assert!(ran.err.contains(&format!(":{line}")) || ran.err.contains(&format!("line {line}")), "{}", ran.err);
    }
}
