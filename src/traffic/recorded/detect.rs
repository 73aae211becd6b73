//! Which format a log has, from its first lines.

use std::borrow::Cow;

use super::access_log_json::{TELLING, Text};
use super::logged::Logged;
use super::wrapping::{Mark, mark, unwrap};
use super::{Format, Settings, Unreadable, csv, envoy_text, lists, nginx, shortened};

/// What is understood, for those whose log isn't.
const UNDERSTOOD: &str = "understood are request files (a JSON object with `authority` and `path` a line), the default \
    access logs of Envoy and Istio (text or JSON), nginx's combined log, the JSON logs of Caddy, Traefik, Google Cloud and OTLP, AWS ALB's \
    access log, CSV with a header row, HAR, and lists of URLs or curl lines; --map FIELD=NAME says what other names mean";

/// The format of the first line that has one; lines of other kinds may stand before it, as at the beginning of a proxy's
/// output. `is_whole`: there is no more of the log.
///
/// # Errors
/// No line has a known format, or it needs a setting that isn't given.
pub(super) fn format(name: &str, text: &[u8], is_whole: bool, settings: &Settings) -> Result<Format, Unreadable> {
    let unreadable =
        |line, message: String| Unreadable { name: name.to_owned(), line, message, hint: Some(UNDERSTOOD.to_owned()) };
    if let Some(format) = settings.format {
        return Ok(format);
    }
    let mut unknown = None;
    let mut message = None;
    let mut is_json = false;
    let mut follows_own = false;
    for (line, number) in text.split(|b| *b == b'\n').zip(1_u64..) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() {
            continue;
        }
        let (inner, _) = unwrap(line).unwrap_or((Cow::Borrowed(line), 0));
        if !settings.map.is_empty() {
            return Ok(if inner.starts_with('{') { Format::Mapped } else { Format::Csv });
        }
        if inner.starts_with('#') && unknown.is_none() {
            continue;
        }
        if unknown.is_none() && message.is_none() && csv::looks_like_header(line) && mark(&inner) == Mark::Neither {
            // A header row can be taken for nothing else, but other lines for it.
            if nginx::layout(&inner).is_none() {
                return Ok(Format::Csv);
            }
        }
        match mark(&inner) {
            Mark::OwnMessage => {
                follows_own = true;
                message.get_or_insert(number);
                continue;
            }
            Mark::Neither if follows_own => continue,
            Mark::Neither | Mark::Entry => follows_own = false,
        }
        match of_line(&inner) {
            Some(Format::Nginx) => return hosted(name, number, &inner, settings),
            Some(format) => return Ok(format),
            None if is_tally(&inner) => {
                return Err(Unreadable {
                    hint: Some("`towtank merge` puts tallies together".to_owned()),
                    ..unreadable(None, "this is no log but a tally".to_owned())
                });
            }
            None if is_json_message(&inner) => {
                is_json = true;
                message.get_or_insert(number);
            }
            None => drop(unknown.get_or_insert_with(|| (number, shortened(line)))),
        }
    }
    match (unknown, message) {
        (Some((number, line)), _) => Err(unreadable(Some(number), format!("the format is unknown: `{line}`"))),
        (None, _) if settings.part && is_whole => Ok(if is_json { Format::AccessLogJson } else { Format::IstioText }),
        (None, Some(_)) => Err(Unreadable {
            hint: Some("access logging is off unless meshConfig.accessLogFile or a Telemetry turns it on".to_owned()),
            ..unreadable(None, "the log has messages of the proxy, and no request".to_owned())
        }),
        (None, None) => Err(Unreadable { hint: None, ..unreadable(None, "the log is empty".to_owned()) }),
    }
}

fn of_line(line: &str) -> Option<Format> {
    if line.starts_with('{') {
        return of_keys(&keys(line)?);
    }
    if line.starts_with('[') {
        return if envoy_text::istio(line, &mut Logged::default()).is_ok() {
            Some(Format::IstioText)
        } else {
            envoy_text::envoy(line, &mut Logged::default()).ok().map(|()| Format::EnvoyText)
        };
    }
    if lists::is_request(line) {
        return Some(Format::List);
    }
    if lists::is_alb(line) {
        return Some(Format::Alb);
    }
    nginx::layout(line).map(|_| Format::Nginx)
}

fn hosted(name: &str, number: u64, line: &str, settings: &Settings) -> Result<Format, Unreadable> {
    if settings.default_authority.is_some() || nginx::layout(line) == Some(true) {
        return Ok(Format::Nginx);
    }
    Err(Unreadable {
        name: name.to_owned(),
        line: Some(number),
        message: format!("{} does not name the host of its requests", Format::Nginx),
        hint: Some("--authority HOST[:PORT] says it".to_owned()),
    })
}

/// The names of an object's members.
fn keys(line: &str) -> Option<Vec<String>> {
    struct Keys(Vec<String>);
    impl<'de> serde::Deserialize<'de> for Keys {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Keys, D::Error> {
            struct KeysVisitor;
            impl<'de> serde::de::Visitor<'de> for KeysVisitor {
                type Value = Keys;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                    let mut keys = Vec::new();
                    while let Some((Text(key), serde::de::IgnoredAny)) = map.next_entry()? {
                        keys.push(key.into_owned());
                    }
                    Ok(Keys(keys))
                }
            }
            deserializer.deserialize_map(KeysVisitor)
        }
    }
    serde_json::from_str(line).ok().map(|Keys(keys)| keys)
}

/// Request files and access logs share `method`, `path` and `authority`; an access log has more of its own.
fn of_keys(keys: &[String]) -> Option<Format> {
    let has = |name: &&str| keys.iter().any(|key| key == name);
    if has(&"resourceLogs") || has(&"resource_logs") {
        return Some(Format::Otlp);
    }
    if has(&"httpRequest") {
        return Some(Format::GoogleCloud);
    }
    if has(&"RequestMethod") && has(&"RequestPath") {
        return Some(Format::Traefik);
    }
    if has(&"request") && has(&"status") {
        return Some(Format::Caddy);
    }
    if TELLING.iter().any(has) {
        Some(Format::AccessLogJson)
    } else if has(&"authority") || has(&"path") {
        Some(Format::JsonLines)
    } else {
        None
    }
}

fn is_tally(line: &str) -> bool {
    line.starts_with("{\"version\":") && line.contains("\"towtank\":")
}

fn is_json_message(line: &str) -> bool {
    keys(line).is_some_and(|keys| ["level", "msg"].iter().all(|name| keys.iter().any(|key| key == name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> Result<Format, String> {
        format("log", text.as_bytes(), true, &Settings::default()).map_err(|e| e.to_string())
    }

    #[test]
    fn the_first_line_with_a_format_decides() {
        assert_eq!(find(r#"{"authority":"a","pth":"/"}"#), Ok(Format::JsonLines));
        assert_eq!(find("\r\n\n{\"method\":null,\"duration\":1}"), Ok(Format::AccessLogJson));
        assert_eq!(find("{\"meth\n{\"x\":1}\n{\"path\":\"/\",\"user_agent\":null}"), Ok(Format::AccessLogJson));
        assert_eq!(find("time;PATH; Host"), Ok(Format::Csv));
        assert_eq!(find("url"), Ok(Format::Csv));
        assert_eq!(find("shop.example 10.0.0.1 - - [x] \"GET /\" 200 1"), Ok(Format::Nginx));
    }

    #[test]
    fn others_are_refused_with_the_line() {
        assert_eq!(find(" \n\n"), Err("log: the log is empty".to_owned()));
        assert_eq!(find("\nhello\nworld"), Err("log:2: the format is unknown: `hello`".to_owned()));
        let only = "2026-03-01T12:00:00.000000Z\tinfo\tready\nmore";
        assert_eq!(find(only), Err("log: the log has messages of the proxy, and no request".to_owned()));
        let nginx = "10.0.0.1 - - [x] \"GET /\" 200 1";
        assert!(find(nginx).is_err_and(|m| m.contains("does not name the host")));
    }
}
