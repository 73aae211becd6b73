//! What can go wrong at the front door.

use super::Finding;

/// Why there is no answer. Bad manifests alone are no errors but [`Finding`]s, unless all further work would be pointless.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The inputs can't be used: at least one finding is of [`Severity::Error`](super::Severity::Error).
    Refused(Vec<Finding>),
    /// No proxy is called that, or the text is no description of one. The text says which there are.
    Proxy(String),
    /// A text is no request. The text says which part is at fault, and what would be right.
    Request(String),
    /// The streams can't be run, for example one without a rate for a length of time.
    Streams(String),
    /// A log can't be read.
    Log(String),
    /// The release isn't known. The text says which are.
    Istio(String),
}

impl std::fmt::Display for Error {
    /// One line; of several findings the first, and how many more there are.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Refused(findings) => {
                let errors: Vec<&Finding> =
                    findings.iter().filter(|f| f.severity() == super::Severity::Error).collect();
                let first = errors.first().map_or("the inputs can't be used", |f| f.message());
                let place = errors.first().and_then(|f| f.place()).map(|(file, line, _)| format!("{file}:{line}: "));
                write!(f, "{}{first}", place.unwrap_or_default())?;
                match errors.len() {
                    0 | 1 => Ok(()),
                    n => write!(f, " (and {} more)", n - 1),
                }
            }
            Error::Proxy(text)
            | Error::Request(text)
            | Error::Streams(text)
            | Error::Log(text)
            | Error::Istio(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}
