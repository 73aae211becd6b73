//! JSON logs of other servers, and of collectors: Caddy, Traefik, Google Cloud, OpenTelemetry.
//!
//! | log | a request is |
//! |---|---|
//! | Caddy | `request.method`, `.host`, `.uri`, `.headers`, `.tls`, `status` of a line whose `logger` is an access log's |
//! | Traefik | `RequestMethod`, `RequestAddr`, `RequestPath`, `RequestScheme`, headers as `request_NAME`, `DownstreamStatus` |
//! | Google Cloud | `httpRequest.requestMethod`, `.requestUrl`, `.status`, and the labels that Istio gives |
//! | OTLP | log records with the attributes of an access log, or with a line of Envoy's or Istio's as their body |

use serde_json::{Map, Value};
use smol_str::SmolStr;

use super::logged::{Logged, socket_address};
use super::times::json_time;
use super::{Entry, Fault, Reason, Record, Settings, Went, access_log_json, envoy_text};
use crate::envoy::request::Request;
use crate::traffic::request_text::{Url, from_url};

type Object = Map<String, Value>;

/// The object of a line.
fn object(line: &str) -> Result<Object, Fault> {
    serde_json::from_str(line).map_err(|e| access_log_json::fault(&e))
}

/// A member's text, where it says something.
fn text<'v>(object: &'v Object, key: &str) -> Option<&'v str> {
    object.get(key)?.as_str().filter(|text| !text.is_empty() && *text != "-")
}

fn wanted<'v>(object: &'v Object, key: &str) -> Result<&'v str, Fault> {
    text(object, key).ok_or_else(|| Fault::new(format!("`{key}` is missing")))
}

fn status(value: Option<&Value>) -> Option<u16> {
    let value = value?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|code| *code < 1000)
}

fn address(text: &str) -> Option<std::net::IpAddr> {
    text.parse().ok().or_else(|| socket_address(text).map(|socket| socket.ip()))
}

/// A header as requests have it; None for what isn't a header of its own, or was taken out of the log.
fn header(name: &str, value: &str) -> Option<(SmolStr, SmolStr)> {
    let name = name.to_ascii_lowercase();
    let is_kept = name != "host" && !name.starts_with(':') && !matches!(value, "REDACTED" | "-");
    is_kept.then(|| (name.into(), value.into()))
}

/// A line of Caddy's JSON log.
pub(super) fn caddy(line: &str, number: u64, settings: &Settings) -> Result<Entry, Fault> {
    let line = object(line)?;
    let logger = text(&line, "logger").unwrap_or_default();
    let is_access = logger.is_empty() || logger.starts_with("http.log.access");
    let Some(asked) = line.get("request").and_then(Value::as_object).filter(|_| is_access) else {
        return Ok(Entry::PassedOver(Reason::OwnMessage));
    };
    let tls = asked.get("tls").and_then(Value::as_object);
    let mut headers = Vec::new();
    for (name, values) in asked.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let values = values.as_array().into_iter().flatten().filter_map(Value::as_str);
        headers.extend(values.filter_map(|value| header(name, value)));
    }
    let request = Request {
        id: number.into(),
        tls: tls.is_some(),
        sni: tls.and_then(|tls| text(tls, "server_name")).map(SmolStr::new),
        headers,
        ..Request::new(wanted(asked, "method")?, wanted(asked, "host")?, wanted(asked, "uri")?)
    };
    let client = ["client_ip", "remote_ip", "remote_addr"].iter().find_map(|key| text(asked, key).and_then(address));
    let went = Went { status: status(line.get("status")), ..Went::default() }.or_none();
    let time = settings.time(|| json_time(line.get("ts")));
    Ok(Entry::Request(Record { request, client, went, time }))
}

/// A line of Traefik's JSON log.
pub(super) fn traefik(line: &str, number: u64, settings: &Settings) -> Result<Entry, Fault> {
    let line = object(line)?;
    let Some(method) = text(&line, "RequestMethod") else { return Ok(Entry::PassedOver(Reason::OwnMessage)) };
    let authority = text(&line, "RequestAddr").or_else(|| text(&line, "RequestHost"));
    let authority = authority.ok_or_else(|| Fault::new("`RequestAddr` and `RequestHost` are missing"))?;
    let named = line.iter().filter_map(|(key, value)| Some((key.strip_prefix("request_")?, value.as_str()?)));
    let tls = text(&line, "TLSVersion").is_some() || text(&line, "RequestScheme") == Some("https");
    let request = Request {
        id: number.into(),
        tls,
        headers: named.filter_map(|(name, value)| header(name, value)).collect(),
        ..Request::new(method, authority, wanted(&line, "RequestPath")?)
    };
    let client = ["ClientHost", "ClientAddr"].iter().find_map(|key| text(&line, key).and_then(address));
    let went = Went { status: status(line.get("DownstreamStatus")), ..Went::default() }.or_none();
    let time = settings.time(|| json_time(line.get("StartUTC").or_else(|| line.get("time"))));
    Ok(Entry::Request(Record { request, client, went, time }))
}

/// A log entry of Google Cloud, as its load balancers and Istio's Stackdriver logging write them.
pub(super) fn cloud(line: &str, number: u64, settings: &Settings) -> Result<Entry, Fault> {
    let line = object(line)?;
    let Some(asked) = line.get("httpRequest").and_then(Value::as_object) else {
        return Ok(Entry::PassedOver(Reason::OwnMessage));
    };
    let empty = Object::new();
    let labels = line.get("labels").and_then(Value::as_object).unwrap_or(&empty);
    if line.get("logName").and_then(Value::as_str).is_some_and(|name| name.ends_with("server-accesslog-stackdriver")) {
        return Ok(Entry::PassedOver(Reason::Inbound));
    }
    let (method, url) = (text(asked, "requestMethod").unwrap_or("GET"), wanted(asked, "requestUrl")?);
    let mut request = if url.starts_with('/') {
        let host = text(labels, "destination_service_host").map(SmolStr::new);
        let host = host.or_else(|| settings.default_authority.clone());
        let host =
            host.ok_or_else(|| Fault::new("`httpRequest.requestUrl` has no host; --authority HOST[:PORT] says it"))?;
        Request::new(method, host, url)
    } else {
        from_url(method, &Url::parse(url).map_err(|e| Fault::new(format!("`httpRequest.requestUrl`: {}", e.message)))?)
    };
    request.id = number.into();
    request.sni = text(labels, "requested_server_name").map(SmolStr::new);
    request.tls |= request.sni.is_some();
    for (key, name) in [("userAgent", "user-agent"), ("referer", "referer")] {
        request.headers.extend(text(asked, key).and_then(|value| header(name, value)));
    }
    request.headers.extend(text(labels, "request_id").and_then(|value| header("x-request-id", value)));
    let said = |key| labels.get(key).and_then(Value::as_str).map(|v| SmolStr::new(if v.is_empty() { "-" } else { v }));
    let went = Went {
        cluster: said("upstream_cluster"),
        flags: said("response_flag"),
        status: status(asked.get("status")),
        route_name: said("route_name"),
    };
    let client = text(asked, "remoteIp").and_then(address);
    let time = settings.time(|| json_time(line.get("timestamp").or_else(|| line.get("receiveTimestamp"))));
    Ok(Entry::Request(Record { request, client, went: went.or_none(), time }))
}

/// The log records of a line of OTLP's JSON, of which collectors write many to a line.
pub(super) fn otlp(line: &str, number: u64, settings: &Settings) -> Result<Vec<Result<Entry, Fault>>, Fault> {
    let line = object(line)?;
    fn lists<'v>(of: &'v Value, keys: [&str; 2]) -> impl Iterator<Item = &'v Value> {
        keys.into_iter().filter_map(|key| of.get(key)?.as_array()).flatten()
    }
    let line = Value::Object(line);
    let scopes = lists(&line, ["resourceLogs", "resource_logs"]).flat_map(|r| lists(r, ["scopeLogs", "scope_logs"]));
    let records = scopes.flat_map(|s| lists(s, ["logRecords", "log_records"]));
    Ok(records.map(|record| log_record(record, number, settings)).collect())
}

/// Names of OpenTelemetry's conventions, and those of access logs.
const CONVENTIONS: [(&str, &str); 11] = [
    ("http.request.method", "method"),
    ("http.method", "method"),
    ("url.path", "path"),
    ("http.target", "path"),
    ("server.address", "authority"),
    ("http.host", "authority"),
    ("net.host.name", "authority"),
    ("http.response.status_code", "response_code"),
    ("http.status_code", "response_code"),
    ("user_agent.original", "user_agent"),
    ("http.user_agent", "user_agent"),
];

fn log_record(record: &Value, number: u64, settings: &Settings) -> Result<Entry, Fault> {
    let mut entry = untimed(record, number, settings)?;
    if let Entry::Request(Record { time: time @ None, .. }) = &mut entry {
        let keys = ["timeUnixNano", "time_unix_nano", "observedTimeUnixNano", "observed_time_unix_nano"];
        let said = |key: &str| record.get(key).filter(|v| v.as_str() != Some("0"));
        *time = settings.time(|| json_time(keys.into_iter().find_map(said)));
    }
    Ok(entry)
}

/// The request of a log record, with the time that the request's own fields say.
fn untimed(record: &Value, number: u64, settings: &Settings) -> Result<Entry, Fault> {
    let mut fields = attributes(record.get("attributes"));
    for (convention, name) in CONVENTIONS {
        if let (Some(value), false) = (fields.get(convention).cloned(), fields.contains_key(name)) {
            fields.insert(name.to_owned(), value);
        }
    }
    if let (Some(Value::String(query)), Some(Value::String(path))) =
        (fields.get("url.query").cloned(), fields.get_mut("path"))
        && !query.is_empty()
        && !path.contains('?')
    {
        path.push('?');
        path.push_str(&query);
    }
    let mut logged = Logged::default();
    if fields.contains_key("method") || fields.contains_key("response_flags") {
        let json = Value::Object(fields).to_string();
        access_log_json::read(&json, &mut logged)?;
        return logged.entry(number, settings);
    }
    let body = record.get("body").map(any_value);
    match body {
        Some(Value::String(text)) if text.starts_with('[') => {
            let text = text.trim_end();
            if envoy_text::istio(text, &mut logged).is_err() {
                logged = Logged::default();
                envoy_text::envoy(text, &mut logged)?;
            }
            logged.entry(number, settings)
        }
        Some(Value::String(text)) if text.starts_with('{') => match access_log_json::read(&text, &mut logged)? {
            true => logged.entry(number, settings),
            false => Ok(Entry::PassedOver(Reason::OwnMessage)),
        },
        Some(map @ Value::Object(_)) => match access_log_json::read(&map.to_string(), &mut logged)? {
            true => logged.entry(number, settings),
            false => Ok(Entry::PassedOver(Reason::OwnMessage)),
        },
        _ => Ok(Entry::PassedOver(Reason::OwnMessage)),
    }
}

/// A list of `key` and `value` as an object.
fn attributes(list: Option<&Value>) -> Object {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|a| Some((a.get("key")?.as_str()?.to_owned(), any_value(a.get("value")?)))).collect()
}

/// OTLP says of each value of which type it is; whole numbers are texts there.
fn any_value(value: &Value) -> Value {
    let Some((kind, inner)) = value.as_object().and_then(|o| o.iter().next()) else { return Value::Null };
    match kind.as_str() {
        "intValue" | "int_value" => match inner.as_str().and_then(|text| text.parse::<i64>().ok()) {
            Some(number) => number.into(),
            None => inner.clone(),
        },
        "kvlistValue" | "kvlist_value" => Value::Object(attributes(inner.get("values"))),
        _ => inner.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(entry: Result<Entry, Fault>) -> String {
        match entry {
            Ok(Entry::Request(Record { request: r, client, went, .. })) => {
                let headers: Vec<String> = r.headers.iter().map(|(n, v)| format!("{n}={v}")).collect();
                let tls = if r.tls { "https" } else { "http" };
                let (client, went) = (client.map(|c| c.to_string()), went.unwrap_or_default());
                let went = [went.cluster, went.flags, went.status.map(|s| s.to_string().into()), went.route_name];
                let went: Vec<_> = went.into_iter().flatten().collect();
                format!(
                    "{} {tls} {} {} [{}] {} {}",
                    r.method,
                    r.authority,
                    r.path,
                    headers.join(" "),
                    client.unwrap_or_default(),
                    went.join(" ")
                )
            }
            Ok(Entry::PassedOver(reason)) => reason.to_string(),
            Err(fault) => fault.message,
        }
    }

    #[test]
    fn caddys_lines_are_requests() {
        let line = r#"{"level":"info","ts":1646861401.5,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"10.0.0.9","remote_port":"41342","client_ip":"203.0.113.7","proto":"HTTP/2.0","method":"GET","host":"shop.example","uri":"/cart?x=1","headers":{"User-Agent":["curl/8"],"Cookie":["REDACTED"],"X-A":["1","2"]},"tls":{"resumed":false,"version":772,"proto":"h2","server_name":"shop.example"}},"bytes_read":0,"duration":0.001,"size":10,"status":200,"resp_headers":{"Server":["Caddy"]}}"#;
        assert_eq!(
            told(caddy(line, 1, &Settings::default())),
            "GET https shop.example /cart?x=1 [user-agent=curl/8 x-a=1 x-a=2] 203.0.113.7 200"
        );
        let own = r#"{"level":"info","ts":1.5,"logger":"tls","msg":"storage cleaning"}"#;
        assert_eq!(told(caddy(own, 1, &Settings::default())), "messages of the proxy itself");
        let bad = r#"{"request":{"method":"GET","uri":"/"},"status":200}"#;
        assert_eq!(told(caddy(bad, 1, &Settings::default())), "`host` is missing");
    }

    #[test]
    fn traefiks_lines_are_requests() {
        let line = r#"{"ClientAddr":"203.0.113.7:51820","ClientHost":"203.0.113.7","DownstreamStatus":503,"RequestAddr":"shop.example:8443","RequestHost":"shop.example","RequestMethod":"POST","RequestPath":"/cart?x=1","RequestPort":"8443","RequestProtocol":"HTTP/1.1","RequestScheme":"https","RouterName":"shop@docker","level":"info","msg":"","request_User-Agent":"curl/8","time":"2026-03-01T12:00:00Z"}"#;
        assert_eq!(
            told(traefik(line, 1, &Settings::default())),
            "POST https shop.example:8443 /cart?x=1 [user-agent=curl/8] 203.0.113.7 503"
        );
        assert_eq!(
            told(traefik(r#"{"level":"info","msg":"x","RequestPath":"/"}"#, 1, &Settings::default())),
            "messages of the proxy itself"
        );
    }

    #[test]
    fn entries_of_google_cloud_are_requests() {
        let none = Settings::default();
        let line = r#"{"httpRequest":{"requestMethod":"GET","requestUrl":"https://shop.example/cart","status":200,"userAgent":"curl/8","remoteIp":"203.0.113.7","latency":"0.1s","protocol":"HTTP/1.1"},"labels":{"upstream_cluster":"outbound|80||shop.store.svc.cluster.local","response_flag":"-","route_name":"default"},"insertId":"x"}"#;
        assert_eq!(
            told(cloud(line, 1, &none)),
            "GET https shop.example /cart [user-agent=curl/8] 203.0.113.7 outbound|80||shop.store.svc.cluster.local - 200 default"
        );
        let path = r#"{"httpRequest":{"requestUrl":"/cart","status":"404"}}"#;
        assert!(told(cloud(path, 1, &none)).contains("--authority"));
        let server = r#"{"logName":"projects/p/logs/server-accesslog-stackdriver","httpRequest":{"requestUrl":"/"}}"#;
        assert_eq!(told(cloud(server, 1, &none)), "inbound requests");
    }

    #[test]
    fn a_line_of_otlp_is_many_requests() {
        let line = r#"{"resourceLogs":[{"resource":{"attributes":[]},"scopeLogs":[{"scope":{},"logRecords":[
            {"timeUnixNano":"1","body":{"stringValue":""},"attributes":[{"key":"method","value":{"stringValue":"GET"}},{"key":"authority","value":{"stringValue":"shop:8080"}},{"key":"path","value":{"stringValue":"/a"}},{"key":"response_code","value":{"intValue":"200"}},{"key":"upstream_cluster","value":{"stringValue":"outbound|8080||shop"}}]},
            {"body":{"kvlistValue":{"values":[{"key":"method","value":{"stringValue":"PUT"}},{"key":"authority","value":{"stringValue":"shop"}},{"key":"path","value":{"stringValue":"/b"}}]}}},
            {"body":{"stringValue":"x"},"attributes":[{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"server.address","value":{"stringValue":"shop"}},{"key":"url.path","value":{"stringValue":"/c"}},{"key":"url.query","value":{"stringValue":"q=1"}},{"key":"http.response.status_code","value":{"intValue":"404"}}]},
            {"body":{"stringValue":"started"}}]}]}]}"#;
        let found: Vec<String> =
            otlp(line, 1, &Settings::default()).expect("an object").into_iter().map(told).collect();
        assert_eq!(
            found,
            [
                "GET http shop:8080 /a []  outbound|8080||shop 200",
                "PUT http shop /b []  ",
                "GET http shop /c?q=1 []  404",
                "messages of the proxy itself"
            ]
        );
    }
}
