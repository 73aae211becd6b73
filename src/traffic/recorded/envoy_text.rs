//! Text access logs of Envoy and Istio in their default layouts (envoy-matching 12.1 and 12.2).
//!
//! Envoy escapes nothing in text logs: quotes and backslashes of a client's headers stand there as they came. So a line
//! is read from both ends towards the one field that may hold anything, the user agent (12.3).

use super::Fault;
use super::logged::{Field, Logged, status};

/// Reads a line of Envoy's default layout into `logged`:
/// `[TIME] "METHOD PATH PROTOCOL" CODE FLAGS n n n n "XFF" "USER-AGENT" "REQUEST-ID" "AUTHORITY" "UPSTREAM-HOST"`.
pub(super) fn envoy<'a>(line: &'a str, logged: &mut Logged<'a>) -> Result<(), Fault> {
    let mut cursor = Cursor { line, at: 0 };
    cursor.request(logged)?;
    cursor.response(logged)?;
    cursor.numbers()?;
    let end = line.len();
    if !line.ends_with('"') {
        return Err(Fault::at("the line goes on behind the upstream host", end));
    }
    cursor.quoted(logged, end - 1)
}

/// Reads a line of Istio's default layout into `logged`: Envoy's with
/// `CODE FLAGS DETAILS TERMINATION "TRANSPORT-FAILURE" n n n n` in the middle, and behind the upstream host
/// `CLUSTER UPSTREAM-LOCAL DOWNSTREAM-LOCAL DOWNSTREAM-REMOTE SERVER-NAME ROUTE-NAME`.
pub(super) fn istio<'a>(line: &'a str, logged: &mut Logged<'a>) -> Result<(), Fault> {
    let mut cursor = Cursor { line, at: 0 };
    cursor.request(logged)?;
    cursor.response(logged)?;
    logged.response_code_details = Field::text(cursor.word("response code details")?);
    cursor.failure()?;
    let end = memchr::memmem::rfind(line.as_bytes(), b"\" ")
        .filter(|end| *end >= cursor.at)
        .ok_or_else(|| Fault::at("the quoted upstream host is missing", line.len()))?;
    cursor.quoted(logged, end)?;
    // Only the last may hold blanks: it is what a VirtualService calls its rule.
    let mut words = line.get(end + 2..).unwrap_or_default().splitn(6, ' ');
    let mut word = |name: &str| {
        words.next().ok_or_else(|| Fault::at(format!("the line ends before the {name}"), line.len())).map(Field::text)
    };
    logged.upstream_cluster = word("upstream cluster")?;
    word("upstream local address")?;
    logged.downstream_local_address = word("downstream local address")?;
    logged.downstream_remote_address = word("downstream remote address")?;
    logged.requested_server_name = word("requested server name")?;
    logged.route_name = word("route name")?;
    Ok(())
}

/// A line and how far it is read.
struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or_default()
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::at(message, self.at + 1)
    }

    /// Up to the first `end`, which is passed too.
    fn until(&mut self, end: &str, name: &str) -> Result<&'a str, Fault> {
        let rest = self.rest();
        let found = memchr::memmem::find(rest.as_bytes(), end.as_bytes());
        let found = found.ok_or_else(|| self.fault(format!("the {name} has no end")))?;
        self.at += found + end.len();
        Ok(rest.get(..found).unwrap_or_default())
    }

    /// Up to the next blank.
    fn word(&mut self, name: &str) -> Result<&'a str, Fault> {
        let rest = self.rest();
        let found = memchr::memchr(b' ', rest.as_bytes());
        let found = found.ok_or_else(|| Fault::at(format!("the line ends at the {name}"), self.line.len()))?;
        self.at += found + 1;
        Ok(rest.get(..found).unwrap_or_default())
    }

    /// `[TIME] "METHOD PATH PROTOCOL" `; no path of a request that Envoy read holds a blank.
    fn request(&mut self, logged: &mut Logged<'a>) -> Result<(), Fault> {
        if !self.line.starts_with('[') {
            return Err(self.fault("the line does not begin with a time in brackets"));
        }
        logged.start_time = Field::text(self.until("] \"", "time")?);
        logged.method = Field::text(self.word("method")?);
        logged.path = Field::text(self.word("path")?);
        logged.protocol = Field::text(self.until("\" ", "protocol")?);
        Ok(())
    }

    fn response(&mut self, logged: &mut Logged<'a>) -> Result<(), Fault> {
        let before = self.at;
        let code = self.word("response code")?;
        logged.response_code =
            status(code).map_err(|f| Fault::at(format!("response code: {}", f.message), before + 1))?;
        logged.response_flags = Field::text(self.word("response flags")?);
        Ok(())
    }

    /// Four numbers or `-`, then the quote that begins the forwarded addresses.
    fn numbers(&mut self) -> Result<(), Fault> {
        for name in ["bytes received", "bytes sent", "duration", "upstream service time"] {
            let before = self.at;
            let word = self.word(name)?;
            if !is_number(word) {
                return Err(Fault::at(format!("{name}: `{word}` is no number"), before + 1));
            }
        }
        match self.rest().strip_prefix('"') {
            Some(_) => self.at += 1,
            None => return Err(self.fault("the forwarded addresses do not begin with a quote")),
        }
        Ok(())
    }

    /// `TERMINATION "TRANSPORT-FAILURE" ` and the numbers. The failure is a text of the TLS library's that may hold
    /// quotes and blanks: it ends where the numbers begin.
    fn failure(&mut self) -> Result<(), Fault> {
        self.until("\"", "connection termination details")?;
        let mut first = None;
        loop {
            self.until("\" ", "upstream transport failure reason").map_err(|f| first.take().unwrap_or(f))?;
            let behind = self.at;
            match self.numbers() {
                Ok(()) => return Ok(()),
                Err(fault) => {
                    first.get_or_insert(fault);
                    self.at = behind;
                }
            }
        }
    }

    /// Five quoted fields, of which the first has begun and the last ends at `end`. No proxy lets a quote into its
    /// forwarded addresses, an authority, its own request id or an address.
    fn quoted(&mut self, logged: &mut Logged<'a>, end: usize) -> Result<(), Fault> {
        let mut rest = self.line.get(self.at..end).ok_or_else(|| self.fault("the upstream host is missing"))?;
        let before = self.at;
        let mut last = |name: &str| {
            let Some(at) = memchr::memmem::rfind(rest.as_bytes(), b"\" \"") else {
                return Err(Fault::at(format!("the {name} is missing"), before + rest.len()));
            };
            let field = rest.get(at + 3..).unwrap_or_default();
            rest = rest.get(..at).unwrap_or_default();
            Ok(field)
        };
        last("upstream host")?;
        logged.authority = Field::text(last("authority")?);
        logged.request_id = Field::text(last("request id")?);
        let (forwarded, agent) = rest
            .split_once("\" \"")
            .ok_or_else(|| Fault::at("one of the quoted fields is missing", before + rest.len()))?;
        logged.x_forwarded_for = Field::text(forwarded);
        logged.user_agent = Field::text(agent);
        Ok(())
    }
}

fn is_number(word: &str) -> bool {
    word == "-" || (!word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envoy(line: &str) -> Result<Logged<'_>, Fault> {
        let mut logged = Logged::default();
        super::envoy(line, &mut logged).map(|()| logged)
    }

    fn istio(line: &str) -> Result<Logged<'_>, Fault> {
        let mut logged = Logged::default();
        super::istio(line, &mut logged).map(|()| logged)
    }

    const TIME: &str = "[2026-03-01T12:00:00.000Z]";

    #[test]
    fn a_user_agent_may_hold_anything() {
        let agent = r#"a "b" "c\" 200 - ] ""#;
        let line =
            format!(r#"{TIME} "GET /a"b?c HTTP/1.1" 200 - 0 1 2 - "10.0.0.1" "{agent}" "id" "shop" "10.0.0.2:80""#);
        let logged = envoy(&line).unwrap();
        assert_eq!(logged.user_agent.get(), Some(agent));
        assert_eq!((logged.path.get(), logged.authority.get()), (Some("/a\"b?c"), Some("shop")));
        let line = format!(
            r#"{TIME} "GET / HTTP/1.1" 503 UF upstream_reset - "TLS "x" 1 2 error" 0 1 2 - "-" "{agent}" "id" "shop" "10.0.0.2:80" outbound|80||shop - 10.0.0.3:80 10.0.0.4:1 - my route"#
        );
        let logged = istio(&line).unwrap();
        assert_eq!(logged.user_agent.get(), Some(agent));
        assert_eq!((logged.route_name.get(), logged.x_forwarded_for), (Some("my route"), Field::None));
        assert_eq!(logged.response_code_details.get(), Some("upstream_reset"));
    }

    #[test]
    fn each_layout_refuses_the_other() {
        let short = format!(r#"{TIME} "GET / HTTP/1.1" 200 - 0 1 2 - "-" "-" "-" "shop" "10.0.0.2:80""#);
        let long = format!(
            r#"{TIME} "GET / HTTP/1.1" 200 - via_upstream - "-" 0 1 2 3 "-" "-" "-" "shop" "10.0.0.2:80" outbound|80||shop 10.0.0.4:2 10.0.0.3:80 10.0.0.4:1 - default"#
        );
        assert!(envoy(&short).is_ok() && istio(&short).is_err());
        assert!(istio(&long).is_ok() && envoy(&long).is_err());
        for cut in 0..long.len() {
            // Whatever is cut off before the route name begins is missed.
            let shown = &long[..cut];
            assert_eq!(istio(shown).is_ok(), cut >= long.len() - "default".len(), "{shown}");
        }
    }
}
