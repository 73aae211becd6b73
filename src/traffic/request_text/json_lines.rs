//! Request files: a JSON object on each line.

use std::net::IpAddr;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use smol_str::SmolStr;

use super::{Request, RequestError};

/// A line, as the command line's contract has it. Null counts as absent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default)]
    id: Option<serde_json::Value>,
    #[serde(default)]
    proxy: Option<SmolStr>,
    #[serde(default)]
    method: Option<SmolStr>,
    authority: SmolStr,
    path: SmolStr,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    address: Option<IpAddr>,
    #[serde(default)]
    tls: Option<bool>,
    #[serde(default)]
    sni: Option<SmolStr>,
    #[serde(default)]
    headers: Option<Vec<(SmolStr, SmolStr)>>,
}

/// Reads a request file. Blank lines are passed over; a bad line becomes an error with its number, and reading goes on.
///
/// Requests without `id` get their position among the file's requests, from 0, bad lines counted.
pub(crate) fn parse_json_lines(text: &str) -> (Vec<Request>, Vec<RequestError>) {
    let mut requests = Vec::new();
    let mut errors = Vec::new();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    for (position, (index, line)) in lines.enumerate() {
        // A byte order mark may stand before the first line.
        match read_line(line.trim_start_matches('\u{feff}'), || position.into()) {
            Ok(request) => requests.push(request),
            Err(error) => errors.push(RequestError { line: Some(index + 1), ..error }),
        }
    }
    (requests, errors)
}

/// What is wrong with a text that should have been JSON, without its place.
pub(crate) fn json_error(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    // Those are the words of a parser, which say little by themselves.
    if error.is_syntax() || error.is_eof() { format!("this is not JSON: {what}") } else { what.to_owned() }
}

/// A line that writes its path plainly, in parts: what it says beside its `id`, before the path and behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AroundPath<'l> {
    pub before: &'l str,
    /// Without escapes, and without what would have to be escaped.
    pub path: &'l str,
    pub behind: &'l str,
}

impl<'l> AroundPath<'l> {
    /// None where no plain text follows the name of the field. `likely` is what stood before the path in another line, which this one
    /// begins like as a rule; or nothing.
    pub(crate) fn of(line: &'l str, likely: &str) -> Option<AroundPath<'l>> {
        static NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"path\""));
        let text = behind_id(line).unwrap_or(line);
        let at = if !likely.is_empty() && text.starts_with(likely) {
            likely.len()
        } else {
            let mut at = NAME.find(text.as_bytes())? + NAME.needle().len();
            for sign in [b':', b'"'] {
                at += behind(text.get(at..)?, sign)?;
            }
            at
        };
        let rest = text.get(at..)?;
        let length = memchr::memchr2(b'"', b'\\', rest.as_bytes())?;
        let (path, behind) = rest.split_at_checked(length)?;
        // All bytes at once are faster than one after the other.
        let is_plain = behind.starts_with('"') && path.bytes().fold(true, |all, byte| all & (byte >= b' '));
        is_plain.then_some(AroundPath { before: text.get(..at)?, path, behind })
    }

    /// Whether lines with another plain path between the same parts are the same request but for that path. `request` is what the
    /// line says: the text that was cut out of it is its path if the path becomes another with that text.
    pub(crate) fn takes_any_path(&self, request: &Request) -> bool {
        let brace = if self.before.trim_start().starts_with('{') { "" } else { "{" };
        let other = format!("{}x", self.path);
        let line = [brace, self.before, &other, self.behind].concat();
        request.path == self.path
            && read_line(&line, || serde_json::Value::Null).is_ok_and(|changed| changed.path == other)
    }
}

/// How many bytes blanks and a sign behind them are; None where something else stands there.
fn behind(text: &str, sign: u8) -> Option<usize> {
    let blanks = blanks(text);
    (text.as_bytes().get(blanks) == Some(&sign)).then_some(blanks + 1)
}

/// How many blanks the text begins with.
fn blanks(text: &str) -> usize {
    text.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// What stands behind the comma in `{"id": 7,` or `{"id": "x",`.
fn behind_id(line: &str) -> Option<&str> {
    let mut rest = line.strip_prefix("{\"id\"")?;
    rest = rest.get(behind(rest, b':')?..)?;
    rest = rest.get(blanks(rest)..)?;
    let length = if let Some(text) = rest.strip_prefix('"') {
        let length = memchr::memchr2(b'"', b'\\', text.as_bytes())?;
        let is_plain = text.as_bytes().get(length) == Some(&b'"') && text.bytes().take(length).all(|b| b >= 0x20);
        is_plain.then_some(length + 2)?
    } else {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let is_number = (1..=18).contains(&digits) && (digits == 1 || !rest.starts_with('0'));
        is_number.then_some(digits)?
    };
    rest = rest.get(length..)?;
    rest.get(behind(rest, b',')?..)
}

/// Reads one line; `default_id` is for those without `id`.
///
/// # Errors
/// A line that isn't a JSON object of a request's fields; the message names the field, the column the place.
pub(crate) fn read_line(text: &str, default_id: impl FnOnce() -> serde_json::Value) -> Result<Request, RequestError> {
    let line: Line = serde_json::from_str(text)
        .map_err(|e| RequestError { column: Some(e.column()), ..RequestError::new(json_error(&e)) })?;
    let headers = line.headers.unwrap_or_default();
    for (name, _) in &headers {
        if name.eq_ignore_ascii_case("host") || name.starts_with(':') {
            return Err(RequestError::new(format!("`{name}` cannot stand among the headers"))
                .hint("`authority`, `method` and `path` have fields of their own"));
        }
    }
    Ok(Request {
        id: line.id.unwrap_or_else(default_id),
        proxy: line.proxy,
        method: line.method.unwrap_or_else(|| "GET".into()),
        authority: line.authority,
        path: line.path,
        port: line.port,
        address: line.address,
        dialled_host: None,
        tls: line.tls.unwrap_or(false),
        sni: line.sni,
        headers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_usual_default() {
        let text = concat!(
            r#"{"authority":"a","path":"/"}"#,
            "\n\n",
            r#"{"id":"x","proxy":"p","method":"PUT","authority":"a:1","path":"/?q","port":9,"address":"10.0.0.1","tls":true,"sni":"s","headers":[["a","1"],["A","2"]]}"#,
            "\n",
            r#"{"authority":"a","path":"/","headers":null,"sni":null,"port":null,"tls":null,"id":null}"#,
        );
        let (requests, errors) = parse_json_lines(text);
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(requests[0].id, 0);
        assert_eq!((requests[0].method.as_str(), requests[0].port, requests[0].tls), ("GET", None, false));
        assert_eq!(requests[1].id, "x");
        assert_eq!(requests[1].headers.len(), 2);
        assert_eq!(requests[1].address, "10.0.0.1".parse().ok());
        assert_eq!(requests[2].id, 2);
    }

    #[test]
    fn only_a_plain_id_in_front_is_set_aside() {
        for (line, rest) in [
            (r#"{"id":7,"path":"/"}"#, r#""path":"/"}"#),
            (r#"{"id": "a b", "path":"/"}"#, r#" "path":"/"}"#),
            (r#"{"id" : 0 ,"path":"/"}"#, r#""path":"/"}"#),
        ] {
            assert_eq!(behind_id(line), Some(rest));
        }
        for whole in [
            r#"{"path":"/","id":7}"#,
            r#"{"id":07,"path":"/"}"#,
            r#"{"id":-7,"path":"/"}"#,
            r#"{"id":1e3,"path":"/"}"#,
            r#"{"id":"a\"b","path":"/"}"#,
            "{\"id\":\"a\tb\",\"path\":\"/\"}",
            r#"{"id":null,"path":"/"}"#,
            r#"{"id":7}"#,
            r#"{"id":"7"#,
            "{\"id\"",
            "",
        ] {
            assert_eq!(behind_id(whole), None);
        }
    }

    #[test]
    fn a_plain_path_is_cut_out_of_its_line() {
        for (line, before, path, behind) in [
            (r#"{"path":"/a?b","authority":"a"}"#, r#"{"path":""#, "/a?b", r#"","authority":"a"}"#),
            (r#"{"id":1,"path" : "","authority":"a"}"#, r#""path" : ""#, "", r#"","authority":"a"}"#),
            (r#"{"id":1, "authority":"\"path\"", "path":"/ä"}"#, r#" "authority":"\"path\"", "path":""#, "/ä", r#""}"#),
        ] {
            let parts = AroundPath::of(line, "");
            assert_eq!(parts, Some(AroundPath { before, path, behind }));
            for likely in [before, r#" "method":"PUT","path":""#] {
                assert_eq!(AroundPath::of(line, likely), parts, "{line} behind {likely}");
            }
            let request = read_line(line, || 1.into()).expect("a request");
            assert!(parts.is_some_and(|parts| parts.takes_any_path(&request)), "{line}");
        }
        for line in [
            r#"{"path":"/a\"b","authority":"a"}"#,
            "{\"path\":\"/a\tb\",\"authority\":\"a\"}",
            r#"{"path":null,"authority":"a"}"#,
            r#"{"path":"/a"#,
            r#"{"path"#,
            "",
        ] {
            assert_eq!(AroundPath::of(line, ""), None, "{line}");
        }
    }

    #[test]
    fn a_text_that_only_looks_like_the_path_is_not_replaced() {
        for line in [
            r#"{"id":{"path":"/b"},"path":"/b","authority":"a"}"#,
            r#"{"id":{"path":"/b"},"path":"/bx","authority":"a"}"#,
            r#"{"authority":"a","p\u0061th":"/b","id":{"path":"/b"}}"#,
        ] {
            let parts = AroundPath::of(line, "").expect("something plain");
            let request = read_line(line, || 1.into()).expect("a request");
            assert!(!parts.takes_any_path(&request), "{line}");
        }
    }

    #[test]
    fn bad_lines_are_named_and_the_rest_is_read() {
        let text = concat!(
            "{\"authority\":\"a\",\"path\":\"/\"}\n",
            "{\"authority\":\"a\"}\n",
            "\n",
            "{\"authority\":\"a\",\"path\":\"/\",\"pth\":1}\n",
            "nonsense\n",
            "{\"authority\":\"a\",\"path\":\"/\",\"port\":70000}\n",
            "{\"authority\":\"a\",\"path\":\"/\",\"headers\":[[\"Host\",\"b\"]]}\n",
            "{\"authority\":\"b\",\"path\":\"/\"}\n",
        );
        let (requests, errors) = parse_json_lines(text);
        assert_eq!(requests.iter().map(|r| r.id.clone()).collect::<Vec<_>>(), [0, 6]);
        let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors.iter().filter_map(|e| e.line).collect::<Vec<_>>(), [2, 4, 5, 6, 7]);
        assert!(messages[0].starts_with("line 2: missing field `path`"), "{}", messages[0]);
        assert!(messages[1].starts_with("line 4: unknown field `pth`"), "{}", messages[1]);
        assert!(messages[3].contains("70000"), "{}", messages[3]);
    }
}
