//! Messages that once said something else than what was the matter.

use tempfile::TempDir;

use crate::support::run::{Ran, towtank_in};

fn run(files: &[(&str, &[u8])], arguments: &[&str]) -> Ran {
    let folder: TempDir = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("a file");
    }
    towtank_in(folder.path(), arguments, b"")
}

fn virtual_service(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: default}}\nspec: {spec}\n"
    )
}

fn service(name: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: default}}\nspec: {{ports: [{{name: http, port: 80}}]}}\n"
    )
}

fn gateway(name: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: {name}, namespace: default}}\nspec:\n  \
         selector: {{istio: ingressgateway}}\n  servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['*']}}]\n"
    )
}

#[test]
fn a_virtual_service_that_routes_nothing_is_told_the_true_reason() {
    let to = |host: &str| format!("{{hosts: [{host}], http: [{{route: [{{destination: {{host: a}}}}]}}]}}");
    let twice =
        format!("{}{}{}", service("a"), virtual_service("first", &to("a")), virtual_service("second", &to("a")));
    let delegate = "{hosts: [a], http: [{match: [{uri: {prefix: /}}], delegate: {name: gone}}]}";
    let missing = format!("{}{}", service("a"), virtual_service("root", delegate));
    let for_version = |host: &str, version: &str| {
        format!(
            "{{hosts: ['{host}'], http: [{{match: [{{sourceLabels: {{version: {version}}}}}], route: [{{destination: {{host: a}}}}]}}]}}"
        )
    };
    let entry = "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: www, namespace: default}\nspec: {hosts: [www.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}\n";
    let wildcards = format!(
        "{}{entry}{}{}",
        service("a"),
        virtual_service("first", &for_version("*.example.com", "v1")),
        virtual_service("second", &for_version("*.example.com", "v2"))
    );
    let owner = "`www.example.com`, which it covers, belongs to VirtualService default/first (VH-6)";
    for (mesh, said) in [(twice, "first comes first (VH-9)"), (missing, "delegate"), (wildcards, owner)] {
        let ran = run(&[("a.yaml", mesh.as_bytes())], &["simulate", "a.yaml", "--count", "10"]);
        assert!(ran.err.contains("routes nothing here") && ran.err.contains(said), "`{said}`: {}", ran.err);
        assert!(!ran.err.contains("no proxy of this run uses it"), "{}", ran.err);
    }
}

#[test]
fn a_remark_without_a_rule_has_no_empty_brackets() {
    let filter = "---\napiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: ef, namespace: istio-system}\nspec: {}\n";
    let mesh = format!("{}{filter}", service("a"));
    let ran = run(&[("a.yaml", mesh.as_bytes())], &["routes", "a.yaml"]).ends_with(0).prints(&["istio-system/ef"]);
    assert!(!ran.out.contains(" ()"), "{}", ran.out);
}

#[test]
fn hints_lead_to_what_is_accepted() {
    let spec = "{hosts: [a], http: [{match: [{uri: /beta}], route: [{destination: {host: a}, weight: 90%}]}]}";
    let ran = run(&[("a.yaml", virtual_service("a", spec).as_bytes())], &["routes", "a.yaml"]).ends_with(2);
    assert!(!ran.err.contains("without quotes: 90%"), "{}", ran.err);
    ran.says(&["help: without `%`: 90", "help: write `{exact: /beta}`, or `{prefix: /beta}`"]);
    for text in ["metadata:\n  labels: {a: b},\n  name: x\n", "{\"kind\": \"Service\"},\n", "a: {b: c}\n,\nd: e\n"] {
        let ran = run(&[("a.yaml", text.as_bytes())], &["routes", "a.yaml"]).ends_with(2);
        ran.says(&["comma", "leave the comma out"]);
    }
}

#[test]
fn a_full_name_does_not_mean_itself() {
    let spec = "{hosts: [a], gateways: [default/gone], http: [{route: [{destination: {host: a}}]}]}";
    let mesh = format!("{}{}{}", service("a"), gateway("here"), virtual_service("a", spec));
    let ran = run(&[("a.yaml", mesh.as_bytes())], &["check", "a.yaml"]);
    ran.prints(&["there is no Gateway `default/gone`;"]);
}

#[test]
fn families_of_checks_can_be_left_out() {
    let mesh = service("a");
    for id in ["R1*", "R1*=VirtualService/store/*", "*", "r106"] {
        let ran = run(&[("a.yaml", mesh.as_bytes())], &["check", "a.yaml", "--ignore", id]);
        assert!(ran.code < 2, "{id}: {}", ran.err);
    }
    for id in ["R1", "RR*", "R1**=", ""] {
        run(&[("a.yaml", mesh.as_bytes())], &["check", "a.yaml", "--ignore", id]).ends_with(2);
    }
}

#[test]
fn counts_are_written_as_people_do() {
    let mesh = service("a");
    for count in ["1e4", "10_000", "10000"] {
        let ran = run(&[("a.yaml", mesh.as_bytes())], &["simulate", "a.yaml", "--count", count, "-o", "json"]);
        assert!(ran.out.contains("\"requests\":10000,"), "{}", ran.out);
        assert_eq!(ran.code, 0);
    }
    for count in ["0", "1.5", "1e99", "-1", "many"] {
        let argument = format!("--count={count}");
        run(&[("a.yaml", mesh.as_bytes())], &["simulate", "a.yaml", &argument]).ends_with(2).says(&["from 1 to 10^15"]);
    }
}

#[test]
fn what_fits_nothing_is_no_success() {
    let mesh = format!("{}{}", service("a"), gateway("g"));
    let of = |arguments: &[&str]| {
        let all = [&["routes", "a.yaml"], arguments].concat();
        run(&[("a.yaml", mesh.as_bytes())], &all)
    };
    of(&["--host", "nosuch"]).ends_with(2).says(&["no virtual host has `nosuch`"]);
    of(&["--host", "a", "--port", "81"]).ends_with(2);
    of(&["--port", "81"]).ends_with(2).says(&["no listener of port 81"]);
    of(&["--host", "a"]).ends_with(0);
    of(&["--proxy", "gateway:istio-system:istio=ingresgateway"])
        .ends_with(2)
        .says(&["no Gateway among the manifests selects", "istio=ingressgateway"]);
    of(&["--proxy", "gateway:istio-system:istio=ingressgateway"]).ends_with(0);
}

const ACCESS_LOG: &str = r#"{"authority":"a","method":"GET","path":"/x","response_code":200,"start_time":"2024-01-01T00:00:00.000Z","upstream_cluster":"outbound|80||a.default.svc.cluster.local","protocol":"HTTP/1.1","route_name":"default"}
"#;

#[test]
fn explain_reads_the_logs_that_simulate_reads() {
    let mesh = service("a");
    let nginx = r#"10.0.0.1 - - [01/Jan/2024:00:00:00 +0000] "GET /y HTTP/1.1" 200 5 "-" "curl""#;
    let of = |log: &str, more: &[&str]| {
        let all = [&["explain", "a.yaml", "--requests", "log"], more].concat();
        run(&[("a.yaml", mesh.as_bytes()), ("log", log.as_bytes())], &all)
    };
    of(ACCESS_LOG, &[]).ends_with(0).prints(&["GET http://a/x"]);
    of(&format!("{nginx}\n"), &["--authority", "a"]).ends_with(0).prints(&["GET http://a/y"]);
    let bad = "nonsense\n".repeat(100);
    let ran = of(&format!("{{\"method\":\"GET\",\"authority\":\"a\",\"path\":\"/\"}}\n{bad}"), &[]).ends_with(2);
    assert_eq!(ran.err.lines().filter(|l| l.starts_with("error: log:")).count(), 5, "{}", ran.err);
    ran.says(&["and 95 more lines of log that can't be read"]).prints(&["GET http://a/"]);
}

#[test]
fn what_follows_gzip_data_is_passed_over() {
    use std::io::Write as _;
    let mesh = service("a");
    let packed = |level: u32| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
        packer.write_all(ACCESS_LOG.as_bytes()).expect("memory");
        packer.finish().expect("memory")
    };
    let of = |log: &[u8]| {
        run(&[("a.yaml", mesh.as_bytes()), ("log.gz", log)], &["simulate", "a.yaml", "--requests", "log.gz"])
    };
    for rest in [&b"\0"[..], b"\n", b"", b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
        of(&[&packed(6), rest].concat()).ends_with(0).prints(&["1 request"]);
        of(&[&packed(6), &packed(1), rest].concat()).ends_with(0).prints(&["2 requests"]);
    }
    let whole = packed(6);
    of(&whole[..whole.len() - 3]).ends_with(2).says(&["the gzip data is cut off"]);
    of(&[&whole, &whole[..12]].concat()).ends_with(2).says(&["the gzip data is cut off"]);
}

#[test]
fn a_first_line_may_be_long() {
    let mesh = service("a");
    let long = ACCESS_LOG.replace("/x", &format!("/{}", "x".repeat(300 << 10)));
    let log = format!("{long}{ACCESS_LOG}");
    let ran =
        run(&[("a.yaml", mesh.as_bytes()), ("log", log.as_bytes())], &["simulate", "a.yaml", "--requests", "log"]);
    ran.ends_with(0).prints(&["Istio's JSON access log, 2 requests"]);
}

#[test]
fn an_empty_file_ends_as_empty_standard_input_does() {
    for command in ["routes", "simulate", "check"] {
        let ran = run(&[("a.yaml", b"\n")], &[command, "a.yaml"]).ends_with(2);
        assert!(format!("{}{}", ran.err, ran.out).contains("`a.yaml` is empty"), "{ran:?}");
    }
}

#[test]
fn a_host_is_called_safe_only_where_a_rule_takes_every_request() {
    let to = |rule: &str| format!("{{hosts: [a], http: [{{{rule}route: [{{destination: {{host: a}}}}]}}]}}");
    let whole = format!("{}{}", service("a"), virtual_service("whole", &to("")));
    let some = format!("{}{}", service("a"), virtual_service("some", &to("match: [{uri: {prefix: /shop}}], ")));
    for (mesh, takes_all) in [(whole, true), (some, false)] {
        let options = ["simulate", "a.yaml", "--count", "10", "--exact"];
        let ran = run(&[("a.yaml", mesh.as_bytes())], &options);
        assert_eq!(ran.out.contains("nothing else can happen"), takes_all, "{}", ran.out);
        assert_eq!(ran.out.contains("404 NR for what doesn't fit it"), !takes_all, "{}", ran.out);
        let json = run(&[("a.yaml", mesh.as_bytes())], &[&options[..], &["-o", "json"]].concat());
        assert!(json.out.contains(&format!("\"takes_all\":{takes_all}")), "{}", json.out);
    }
}
