//! Generated logs of a shop's traffic: every line differs in time, id, path and addresses.

use std::fmt::Write as _;

const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "okhttp/4.12.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
];
/// The services that the logs ask for.
pub const SERVICES: [&str; 4] = ["reviews", "cart", "ratings", "productpage"];

/// What the lines of all formats are made of.
struct Visit {
    number: usize,
    service: &'static str,
    agent: &'static str,
    method: &'static str,
    path: String,
    id: String,
    time: String,
    client: String,
}

fn visits(count: usize) -> impl Iterator<Item = Visit> {
    (0..count).map(|n| Visit {
        number: n,
        service: SERVICES[n % SERVICES.len()],
        agent: AGENTS[n % AGENTS.len()],
        method: if n % 7 == 0 { "POST" } else { "GET" },
        path: format!("/api/v1/products/{n}?page={}&sort=price", n % 13),
        id: format!("{:08x}-5b1c-4d2e-9f3a-{:012x}", n.wrapping_mul(2_654_435_761) & 0xffff_ffff, n),
        time: format!(
            "2026-03-01T{:02}:{:02}:{:02}.{:03}Z",
            n / 3_600_000 % 24,
            n / 60_000 % 60,
            n / 1000 % 60,
            n % 1000
        ),
        client: format!("10.{}.{}.{}", 20 + n % 3, n / 250 % 250, n % 250),
    })
}

/// Logs of all formats, with their names.
pub fn all(count: usize) -> [(&'static str, String); 7] {
    [
        ("json_lines", json_lines(count)),
        ("istio_json", istio_json(count)),
        ("istio_text", istio_text(count)),
        ("envoy_text", envoy_text(count)),
        ("nginx", nginx(count)),
        ("csv", csv(count)),
        ("har", har(count)),
    ]
}

fn lines(count: usize, mut line: impl FnMut(&mut String, Visit) -> std::fmt::Result) -> String {
    let mut out = String::new();
    for visit in visits(count) {
        line(&mut out, visit).expect("a string takes all");
    }
    out
}

pub fn json_lines(count: usize) -> String {
    lines(count, |out, v| {
        writeln!(
            out,
            r#"{{"id":{},"method":"{}","authority":"{}:9080","path":"{}","port":9080,"headers":[["user-agent","{}"],["end-user","user{}"]]}}"#,
            v.number,
            v.method,
            v.service,
            v.path,
            v.agent,
            v.number % 50
        )
    })
}

pub fn istio_json(count: usize) -> String {
    lines(count, |out, v| {
        writeln!(
            out,
            r#"{{"authority":"{0}:9080","bytes_received":0,"bytes_sent":{1},"connection_termination_details":null,"downstream_local_address":"10.96.0.{2}:9080","downstream_remote_address":"{3}:41234","duration":{4},"method":"{5}","path":"{6}","protocol":"HTTP/1.1","request_id":"{7}","requested_server_name":null,"response_code":200,"response_code_details":"via_upstream","response_flags":"-","route_name":"default","start_time":"{8}","upstream_cluster":"outbound|9080|v1|{0}.default.svc.cluster.local","upstream_host":"10.30.1.{2}:9080","upstream_local_address":"{3}:51234","upstream_service_time":"{4}","upstream_transport_failure_reason":null,"user_agent":"{9}","x_forwarded_for":null}}"#,
            v.service,
            v.number % 5000,
            v.number % 4,
            v.client,
            v.number % 90,
            v.method,
            v.path,
            v.id,
            v.time,
            v.agent
        )
    })
}

pub fn istio_text(count: usize) -> String {
    lines(count, |out, v| {
        writeln!(
            out,
            r#"[{8}] "{5} {6} HTTP/1.1" 200 - via_upstream - "-" 0 {1} {4} {4} "-" "{9}" "{7}" "{0}:9080" "10.30.1.{2}:9080" outbound|9080|v1|{0}.default.svc.cluster.local {3}:51234 10.96.0.{2}:9080 {3}:41234 - default"#,
            v.service,
            v.number % 5000,
            v.number % 4,
            v.client,
            v.number % 90,
            v.method,
            v.path,
            v.id,
            v.time,
            v.agent
        )
    })
}

pub fn envoy_text(count: usize) -> String {
    lines(count, |out, v| {
        writeln!(
            out,
            r#"[{}] "{} {} HTTP/1.1" 200 - 0 {} 3 2 "{}" "{}" "{}" "{}:9080" "10.30.1.2:9080""#,
            v.time,
            v.method,
            v.path,
            v.number % 5000,
            v.client,
            v.agent,
            v.id,
            v.service
        )
    })
}

pub fn nginx(count: usize) -> String {
    lines(count, |out, v| {
        writeln!(
            out,
            r#"{} - - [01/Mar/2026:12:00:00 +0000] "{} {} HTTP/1.1" 200 {} "https://shop.example/" "{}""#,
            v.client,
            v.method,
            v.path,
            v.number % 5000,
            v.agent
        )
    })
}

pub fn csv(count: usize) -> String {
    let rows = lines(count, |out, v| {
        let cluster = format!("outbound|9080|v1|{}.default.svc.cluster.local", v.service);
        writeln!(out, "{},{}:9080,{},user{},200,{cluster}", v.method, v.service, v.path, v.number % 50)
    });
    format!("method,authority,path,header:end-user,status,cluster\n{rows}")
}

pub fn har(count: usize) -> String {
    let mut entries = lines(count, |out, v| {
        writeln!(
            out,
            r#"{{"request":{{"method":"{}","url":"http://{}.example{}","httpVersion":"HTTP/1.1","headers":[{{"name":"User-Agent","value":"{}"}}],"queryString":[],"cookies":[]}},"response":{{"status":200,"headers":[]}},"serverIPAddress":"192.0.2.7"}},"#,
            v.method, v.service, v.path, v.agent
        )
    });
    entries.truncate(entries.trim_end_matches(",\n").len());
    format!(r#"{{"log":{{"version":"1.2","creator":{{"name":"x","version":"1"}},"entries":[{entries}]}}}}"#)
}
