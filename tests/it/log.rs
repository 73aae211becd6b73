//! `towtank simulate --requests`: logs replayed, alone and against another mesh.

use std::io::Write as _;
use std::path::Path;

use crate::support::run::{Ran, towtank_in};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn towtank(arguments: &[&str]) -> Ran {
    towtank_in(root(), arguments, b"")
}

fn document(ran: Ran) -> Value {
    let document: Value = serde_json::from_str(&ran.ends_with(0).out).expect("JSON");
    let schema: Value = serde_json::from_str(crate::support::schema::SIMULATE).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let errors: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    document
}

/// The log of a scenario's streams, which are all of one proxy.
fn log_of(scenario: &str, folder: &Path) -> String {
    let path = folder.join("access.log").display().to_string();
    towtank(&["simulate", scenario, "--access-log", &path, "-q"]).ends_with(0);
    path
}

#[test]
fn what_was_simulated_is_read_back_and_goes_where_it_went() {
    for scenario in ["canary-90-10", "match-priority", "subset-without-pods", "blackhole-undefined-subset", "egress"] {
        let path = format!("scenarios/{scenario}");
        let folder = tempfile::tempdir().expect("a folder");
        let log = log_of(&path, folder.path());
        let simulated = document(towtank(&["simulate", &path, "-o", "json"]));
        let read = document(towtank(&["simulate", &path, "--requests", &log, "-o", "json", "-q"]));
        assert_eq!(read["requests"], simulated["requests"], "{scenario}");
        assert_eq!(read["log"]["bad"]["lines"], 0);
        let logged = &read["streams"][0]["logged"];
        assert_eq!(logged["moves"], Value::Array(Vec::new()), "{scenario}");
        assert_eq!(logged["compared"], read["requests"], "{scenario}");
        // What can happen is the same, whether described or read.
        let keys =
            |d: &Value| d["totals"]["outcomes"].as_object().expect("outcomes").keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&read), keys(&simulated), "{scenario}");
    }
}

#[test]
fn threads_and_compression_change_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = log_of("scenarios/bookshop", folder.path());
    let text = std::fs::read(&log).expect("a log");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&text).expect("in memory");
    let packed = folder.path().join("access.log.gz");
    let bytes = gzip.finish().expect("in memory");
    std::fs::write(&packed, &bytes).expect("a file");
    let run = |file: &str, threads: &str| {
        let arguments =
            ["simulate", "scenarios/bookshop", "--proxy", "front-door", "--requests", file, "--threads", threads];
        towtank(&arguments).ends_with(0).out
    };
    let one = run(&log, "1");
    assert!(one.contains("40,000 requests"), "{one}");
    assert_eq!(run(&log, "2"), one);
    assert_eq!(run(&log, "8"), one);
    let packed = packed.display().to_string();
    assert_eq!(run(&packed, "2").replace("access.log.gz", "access.log"), one);
    // A packed log that ends too early is found out, whatever was read before.
    std::fs::write(&packed, &bytes[..bytes.len() / 2]).expect("a file");
    towtank(&["simulate", "scenarios/bookshop", "--requests", &packed]).ends_with(2).says(&["access.log.gz:"]);
}

const CASE: &str = "tests/log";

#[test]
fn a_log_by_hand_is_reported_with_what_is_none_of_its_requests() {
    for width in ["80", "120"] {
        let arguments = ["simulate", CASE, "--requests", "tests/log/access.log", "--width", width, "--max-bad", "20%"];
        let ran = towtank(&arguments).ends_with(0).says(&["warning: tests/log/access.log:7"]);
        insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../snapshots", omit_expression => true }, {
            insta::assert_snapshot!(format!("log-{width}"), ran.out);
        });
    }
    let read = document(towtank(&[
        "simulate",
        CASE,
        "--requests",
        "tests/log/access.log",
        "--max-bad",
        "20%",
        "-o",
        "json",
        "-q",
    ]));
    assert_eq!(read["log"]["passed_over"][0]["lines"], 1);
    assert_eq!(read["log"]["bad"]["lines"], 1);
    let moves = read["streams"][0]["logged"]["moves"].as_array().expect("moves");
    assert_eq!(moves[0]["from"]["cluster"], "outbound|9080|v1|reviews.default.svc.cluster.local");
    towtank(&["simulate", CASE, "--requests", "tests/log/access.log"])
        .ends_with(2)
        .says(&["tests/log/access.log:7", "more than --max-bad 1 %"]);
}

#[test]
fn requests_may_name_their_proxy_and_unknown_ones_are_bad_lines() {
    let lines = br#"{"proxy":"client","authority":"reviews:9080","path":"/reviews/1"}
{"proxy":"sidecar:default","authority":"reviews:9080","path":"/reviews/2"}
{"proxy":"nobody","authority":"reviews:9080","path":"/reviews/3"}
"#;
    let arguments = ["simulate", CASE, "--requests", "-", "--max-bad", "50%", "-o", "json", "-q"];
    let read = document(towtank_in(root(), &arguments, lines));
    let proxies: Vec<&Value> = read["streams"].as_array().expect("streams").iter().map(|s| &s["proxy"]).collect();
    assert_eq!(proxies, ["client", "sidecar:default"]);
    assert_eq!(read["log"]["bad"]["examples"][0]["message"], "there is no proxy `nobody`");
    assert_eq!(read["streams"][0]["logged"]["compared"], 0, "request lines don't say where they went");
}

#[test]
fn logs_that_say_nothing_are_unusable() {
    for (text, says) in [
        (&b""[..], "empty"),
        (b"hello\nworld\n", "standard input"),
        (b"{\"authority\":\"a\"}\n", "missing field `path`"),
    ] {
        towtank_in(root(), &["simulate", CASE, "--requests", "-"], text).ends_with(2).says(&[says]);
    }
    towtank_in(root(), &["simulate", CASE, "--requests", "-"], b"method,url\n")
        .ends_with(2)
        .says(&["there is no request in it"]);
    for host in ["", "shop:x", "ftp://shop", "https://shop/x", "shop/x"] {
        towtank(&["simulate", CASE, "--requests", "-", "--authority", host]).ends_with(2).says(&["--authority"]);
    }
    towtank(&["simulate", CASE, "--requests", "nowhere.log"]).ends_with(2).says(&["nowhere.log"]);
    towtank(&["simulate", CASE, "--requests", "x", "--count", "3"]).ends_with(2);
    towtank(&["simulate", CASE, "--max-bad", "3%"]).ends_with(2);
    towtank_in(root(), &["simulate", "scenarios", "--requests", "-"], b"x").ends_with(2).says(&["standard input"]);
}

#[test]
fn a_log_through_two_meshes_says_what_would_have_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = log_of("scenarios/staged-rollout+scenarios/staged-rollout/1-90-10", folder.path());
    let arguments = [
        "simulate",
        "scenarios/staged-rollout+scenarios/staged-rollout/2-70-30",
        "--against",
        "scenarios/staged-rollout+scenarios/staged-rollout/1-90-10",
        "--requests",
        &log,
        "-o",
        "json",
    ];
    let read = document(towtank(&arguments));
    let against = &read["streams"][0]["against"];
    let change = against["moved"].as_f64().expect("a number");
    assert!((change - 0.2).abs() < 1e-9, "{change}");
    let changed = read["streams"][0]["logged"]["changed"].as_f64().expect("a number");
    assert!((1800.0..2200.0).contains(&changed), "about a fifth of 10,000 went elsewhere then: {changed}");
}

#[test]
fn sessions_of_a_log_stay_on_their_endpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let manifests = "
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {clusterIP: 10.96.0.9, selector: {app: shop}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop}
spec:
  host: shop
  trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}
";
    let scenario = "apiVersion: towtank/v1\nkind: Scenario\nproxies: [{name: client, namespace: default}]\n\
                    pods: [{name: shop, labels: {app: shop}, count: 4}]\n";
    std::fs::write(folder.path().join("shop.yaml"), manifests).expect("a file");
    std::fs::write(folder.path().join("scenario.yaml"), scenario).expect("a file");
    let line =
        |user: u32| format!("{{\"authority\":\"shop\",\"path\":\"/\",\"headers\":[[\"x-user\",\"u{user}\"]]}}\n");
    let log: String = (0..3000).map(|i| line(i % 30)).collect();
    let read = document(towtank_in(folder.path(), &["simulate", ".", "--requests", "-", "-o", "json"], log.as_bytes()));
    let sticky = &read["streams"][0]["destinations"][0]["sticky"];
    assert_eq!(sticky["sessions"], 30);
    let endpoints = read["streams"][0]["destinations"][0]["endpoints"].as_array().expect("endpoints");
    for (endpoint, sessions) in endpoints.iter().zip(sticky["endpoints"].as_array().expect("a list")) {
        let sessions = sessions["sessions"].as_u64().expect("a number");
        assert_eq!(endpoint["requests"], sessions * 100, "each of 30 users sends 100 requests to one endpoint");
    }
}

/// Ctrl-C ends a run early: what was counted is reported as a part, and the exit status says that it is one.
#[cfg(unix)]
#[test]
fn ctrl_c_reports_what_was_counted() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut run = Command::new(env!("CARGO_BIN_EXE_towtank"))
        .current_dir(root())
        .args(["simulate", CASE, "--requests", "-", "--threads", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("towtank runs");
    let line = "{\"authority\":\"reviews:9080\",\"path\":\"/reviews/1\"}\n";
    let mut input = run.stdin.take().expect("a pipe");
    // A pipe holds little: once so much is written, most of it is read and some of it counted.
    let lines = line.repeat((8 << 20) / line.len());
    input.write_all(lines.as_bytes()).expect("it reads");
    let done = Command::new("kill").args(["-INT", &run.id().to_string()]).status().expect("kill runs");
    assert!(done.success());
    // The signal comes when it comes: until then there is more to read. A run that is over reads no more.
    while input.write_all(lines.as_bytes()).is_ok() && run.try_wait().expect("a state").is_none() {}
    drop(input);
    let output = run.wait_with_output().expect("an end");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("interrupted: the report is of what was counted until then"), "{err}");
    assert!(out.contains("requests, stopped before the end of the log"), "{out}");
}

#[test]
fn an_old_access_log_is_kept_where_the_input_is_unusable() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    std::fs::write(&log, "precious").expect("a file");
    let path = log.display().to_string();
    towtank(&["simulate", "nowhere", "--access-log", &path]).ends_with(2);
    assert_eq!(std::fs::read_to_string(&log).expect("a file"), "precious");
}

/// One line of each kind of log asks for the same.
#[test]
fn logs_of_other_servers_are_read() {
    let caddy = r#"{"level":"info","logger":"http.log.access","msg":"handled request","request":{"client_ip":"10.0.0.9","method":"GET","host":"reviews:9080","uri":"/reviews/1","headers":{}},"status":200}"#;
    let traefik = r#"{"ClientHost":"10.0.0.9","DownstreamStatus":200,"RequestAddr":"reviews:9080","RequestHost":"reviews","RequestMethod":"GET","RequestPath":"/reviews/1","RequestScheme":"http","level":"info","msg":""}"#;
    let cloud = r#"{"httpRequest":{"requestMethod":"GET","requestUrl":"http://reviews:9080/reviews/1","status":200},"insertId":"x"}"#;
    let otlp = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":""},"attributes":[{"key":"method","value":{"stringValue":"GET"}},{"key":"authority","value":{"stringValue":"reviews:9080"}},{"key":"path","value":{"stringValue":"/reviews/1"}}]}]}]}]}"#;
    let alb = r#"http 2026-07-02T22:23:00.186641Z app/lb/50 10.0.0.9:2817 10.0.0.1:80 0.0 0.0 0.0 200 200 0 57 "GET http://reviews:9080/reviews/1 HTTP/1.1" "-" - - arn "Root=1" "-" "-" 1 2026-07-02T22:22:48.364000Z "forward" "-" "-" "-" "-" "-" "-""#;
    let list = "# yesterday's\nhttp://reviews:9080/reviews/1";
    let curl = "curl -s http://reviews:9080/reviews/1";
    for (text, format) in [
        (caddy, "Caddy's JSON log"),
        (traefik, "Traefik's JSON log"),
        (cloud, "Google Cloud's log entries"),
        (otlp, "OTLP JSON lines"),
        (alb, "AWS ALB's access log"),
        (list, "a list of URLs"),
        (curl, "a list of URLs"),
    ] {
        let arguments = ["simulate", CASE, "--requests", "-", "--proxy", "client", "-o", "json", "-q"];
        let read = document(towtank_in(root(), &arguments, text.as_bytes()));
        assert_eq!((&read["log"]["format"], &read["log"]["requests"]), (&format.into(), &1.into()), "{read}");
        assert_eq!(read["streams"][0]["destinations"][0]["host"], "reviews.default.svc.cluster.local", "{format}");
    }
}

#[test]
fn names_of_a_log_can_be_mapped() {
    let json =
        r#"{"http":{"verb":"GET","target":"/reviews/1","hdr":{"Host":["reviews:9080"]}},"code":200,"x.y":"jason"}"#;
    let csv = "verb,target,vhost,code\nGET,/reviews/1,reviews:9080,200\n";
    let common = ["simulate", CASE, "--requests", "-", "--proxy", "client", "-o", "json", "-q"];
    let in_json =
        ["method=http.verb", "path=http.target", "authority=http.hdr.Host.0", "status=code", "header:end-user=x.y"];
    let in_csv = ["method=verb", "path=target", "authority=vhost"];
    for (text, maps) in [(json, &in_json[..]), (csv, &in_csv[..])] {
        let maps = maps.iter().flat_map(|map| ["--map", map]);
        let arguments: Vec<&str> = common.into_iter().chain(maps).collect();
        let read = document(towtank_in(root(), &arguments, text.as_bytes()));
        assert_eq!((&read["log"]["requests"], &read["log"]["bad"]["lines"]), (&1.into(), &0.into()), "{read}");
        assert_eq!(read["streams"][0]["destinations"][0]["host"], "reviews.default.svc.cluster.local");
    }
    for (map, says) in [
        ("pth=x", "is `path` meant?"),
        ("method=x", "neither `path` nor `url` is mapped"),
        ("path", "write FIELD=NAME"),
    ] {
        towtank_in(root(), &["simulate", CASE, "--requests", "-", "--map", map], json.as_bytes())
            .ends_with(2)
            .says(&[says]);
    }
}

#[test]
fn bytes_that_decide_nothing_lose_no_request() {
    let line = |referer: &[u8], path: &[u8]| {
        [b"10.0.0.9 - - [01/Mar/2026:12:00:00 +0000] \"GET ", path, b" HTTP/1.1\" 200 5 \"", referer, b"\" \"curl\"\n"]
            .concat()
    };
    let log = [line(b"http://x/\xe4", b"/reviews/1"), line(b"-", b"/reviews/\xe4")].concat();
    let arguments =
        ["simulate", CASE, "--requests", "-", "--authority", "reviews:9080", "--max-bad", "60%", "-o", "json", "-q"];
    let read = document(towtank_in(root(), &arguments, &log));
    assert_eq!((&read["log"]["requests"], &read["log"]["bad"]["lines"]), (&1.into(), &1.into()), "{read}");
}

#[test]
fn a_log_of_a_site_with_tls_is_sent_by_tls() {
    let log = b"10.0.0.9 - - [01/Mar/2026:12:00:00 +0000] \"GET /cart HTTP/1.1\" 200 5 \"-\" \"curl\"\n";
    let arguments = ["explain", CASE, "--requests", "-", "--authority", "https://shop.example"];
    let ran = towtank_in(root(), &arguments, log);
    assert!(ran.out.contains("https://shop.example"), "{}", ran.out);
}

#[test]
fn a_log_of_inbound_requests_alone_is_said_to_be_that() {
    let line = r#"{"method":"GET","path":"/","authority":"reviews:9080","upstream_cluster":"inbound|9080||","response_code":200}"#;
    towtank_in(root(), &["simulate", CASE, "--requests", "-"], line.as_bytes())
        .ends_with(2)
        .says(&["all requests in it are inbound ones", "the log of a server's sidecar"]);
}
