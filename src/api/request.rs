//! Requests as a program makes them.

use std::fmt;
use std::str::FromStr;

use super::Error;
use crate::envoy::request;
use crate::envoy::words;
use crate::traffic::request_text;

/// A request as a client sends it.
///
/// ```
/// let request: towtank::Request = "GET http://reviews:9080/reviews/1".parse()?;
/// let request = request.with_header("end-user", "jason");
/// assert_eq!(request.to_string(), "GET http://reviews:9080/reviews/1 -H 'end-user: jason'");
/// # Ok::<(), towtank::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub(super) inner: request::Request,
}

impl Request {
    /// Reads one line of a request file: a JSON object with at least `authority` and `path`.
    ///
    /// # Errors
    /// What is no request, with the part at fault.
    pub fn from_json(line: &str) -> Result<Request, Error> {
        let (mut requests, errors) = request_text::parse_json_lines(line);
        match (requests.pop(), errors.first()) {
            (Some(inner), None) if requests.is_empty() => Ok(Request { inner }),
            (_, Some(error)) => Err(Error::Request(error.to_string())),
            (Some(_), None) => Err(Error::Request("there is more than one line".to_owned())),
            (None, None) => Err(Error::Request("there is no request in it".to_owned())),
        }
    }

    /// The same with one more header, behind those that it has. `Host` is the authority's and has no place here.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Request {
        self.inner.headers.push((name.into(), value.into()));
        self
    }
}

impl FromStr for Request {
    type Err = Error;

    /// Reads `METHOD URL`, as the option `-r` takes it.
    fn from_str(text: &str) -> Result<Request, Error> {
        match request_text::parse_request(text, &[]) {
            Ok(inner) => Ok(Request { inner }),
            Err(error) => {
                let hint = error.hint.as_ref().map(|h| format!("; {h}")).unwrap_or_default();
                Err(Error::Request(format!("{error}{hint}")))
            }
        }
    }
}

impl fmt::Display for Request {
    /// On one line, as `towtank explain -r` would take it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&words::request(&self.inner))
    }
}
