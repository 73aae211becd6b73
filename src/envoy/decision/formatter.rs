//! Envoy's `%...%` formatters in header values, as far as a request decides them.

use std::borrow::Cow;

/// What formatters can read.
pub(crate) trait FormatSource {
    /// First value of a request header or pseudo header; None where it is absent.
    fn header(&self, name: &str) -> Option<Cow<'_, str>>;
    /// First value of a query parameter.
    fn query_parameter(&self, name: &str) -> Option<Cow<'_, str>>;
    /// Name of the matched route; empty: unnamed.
    fn route_name(&self) -> &str;
    /// The name in a terminated TLS connection's hello.
    fn server_name(&self) -> Option<&str>;
    /// First value of a header of the answer, None where it is absent; None where there is no answer yet.
    fn answered(&self, _name: &str) -> Option<Option<Cow<'_, str>>> {
        None
    }
}

/// Evaluates a header value.
///
/// `%%` is a percent sign; `%REQ(a?b):n%`, `%REQ_WITHOUT_QUERY(a)%`, `%PATH(...)%`, `%QUERY_PARAM(a)%`, `%PROTOCOL%`,
/// `%ROUTE_NAME%` and `%REQUESTED_SERVER_NAME%` are evaluated, in answers `%RESP(a?b):n%` as well; something absent is empty. All others depend on more than
/// the request: they stay as they are and are told in `not_evaluated`.
pub(crate) fn format(value: &str, source: &impl FormatSource, not_evaluated: &mut Vec<String>) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(start) = rest.find('%') {
        out.push_str(&rest[..start]);
        let behind = &rest[start + 1..];
        if let Some(after) = behind.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let Some(command) = Command::parse(behind) else {
            out.push('%');
            rest = behind;
            continue;
        };
        match command.evaluate(source) {
            Some(text) => out.push_str(&text),
            None => {
                let text = &rest[start..start + 1 + command.length];
                not_evaluated.push(text.to_string());
                out.push_str(text);
            }
        }
        rest = &behind[command.length..];
    }
    out.push_str(rest);
    out
}

/// `NAME(argument):limit%`.
struct Command<'a> {
    name: &'a str,
    argument: &'a str,
    limit: Option<usize>,
    /// Bytes up to and including the closing `%`.
    length: usize,
}

impl<'a> Command<'a> {
    /// Reads the text behind the opening `%`.
    fn parse(text: &'a str) -> Option<Command<'a>> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name_end = text.find(|c| !is_name(c))?;
        let (name, mut rest) = text.split_at(name_end);
        if name.is_empty() {
            return None;
        }
        let mut argument = "";
        if let Some(inner) = rest.strip_prefix('(') {
            (argument, rest) = inner.split_once(')')?;
        }
        let mut limit = None;
        if let Some(inner) = rest.strip_prefix(':') {
            let digits = inner.find(|c: char| !c.is_ascii_digit())?;
            limit = Some(inner[..digits].parse().ok()?);
            rest = &inner[digits..];
        }
        let rest = rest.strip_prefix('%')?;
        Some(Command { name, argument, limit, length: text.len() - rest.len() })
    }

    fn evaluate(&self, source: &impl FormatSource) -> Option<String> {
        let (main, alternative) = self.argument.split_once('?').unwrap_or((self.argument, ""));
        let value = match self.name {
            "REQ" | "REQ_WITHOUT_QUERY" => {
                let value = source.header(main).or_else(|| source.header(alternative));
                let value = value.unwrap_or_default().into_owned();
                if self.name == "REQ" { value } else { value.split('?').next().unwrap_or_default().to_string() }
            }
            "RESP" => {
                // No field has an empty name.
                let value = match source.answered(main)? {
                    None => source.answered(alternative)?,
                    found => found,
                };
                value.unwrap_or_default().into_owned()
            }
            "PATH" => {
                let mut options = self.argument.split(':');
                let query = options.next().unwrap_or_default();
                // The original path is the one before a rewrite, which is what there is when headers are written.
                let path = source.header(":path").unwrap_or_default().into_owned();
                if query == "NQ" { path.split('?').next().unwrap_or_default().to_string() } else { path }
            }
            "QUERY_PARAM" => source.query_parameter(self.argument).unwrap_or_default().into_owned(),
            "PROTOCOL" => "HTTP/1.1".to_string(),
            "ROUTE_NAME" => source.route_name().to_string(),
            "REQUESTED_SERVER_NAME" => source.server_name().unwrap_or_default().to_string(),
            _ => return None,
        };
        Some(match self.limit {
            Some(limit) => String::from_utf8_lossy(&value.as_bytes()[..limit.min(value.len())]).into_owned(),
            None => value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl FormatSource for Fixed {
        fn header(&self, name: &str) -> Option<Cow<'_, str>> {
            match name.to_ascii_lowercase().as_str() {
                "x-user" => Some("jason".into()),
                ":path" => Some("/a?q=1".into()),
                _ => None,
            }
        }
        fn query_parameter(&self, name: &str) -> Option<Cow<'_, str>> {
            (name == "q").then_some("1".into())
        }
        fn route_name(&self) -> &str {
            "r"
        }
        fn server_name(&self) -> Option<&str> {
            Some("own.example")
        }
    }

    #[test]
    fn hd_2_formatters_of_the_request_are_evaluated_and_others_kept() {
        for (value, wanted, kept) in [
            ("a, b", "a, b", 0),
            ("50%%", "50%", 0),
            ("pre-%REQ(X-User)%-post", "pre-jason-post", 0),
            ("pre-%REQ(x-none)%-post", "pre--post", 0),
            ("%REQ(x-none?x-user):3%", "jas", 0),
            ("%REQ_WITHOUT_QUERY(:path)%", "/a", 0),
            ("%PATH(NQ)% %PATH(WQ:PATH)%", "/a /a?q=1", 0),
            ("%QUERY_PARAM(q)%%ROUTE_NAME%%PROTOCOL%", "1rHTTP/1.1", 0),
            ("%REQUESTED_SERVER_NAME%", "own.example", 0),
            ("%RESP(x-user)%", "%RESP(x-user)%", 1),
            ("%START_TIME%-%HOSTNAME%", "%START_TIME%-%HOSTNAME%", 2),
            ("100% sure", "100% sure", 0),
            ("%", "%", 0),
            ("%REQ(", "%REQ(", 0),
        ] {
            let mut not_evaluated = Vec::new();
            assert_eq!(format(value, &Fixed, &mut not_evaluated), wanted);
            assert_eq!(not_evaluated.len(), kept, "{value}");
        }
    }
}
