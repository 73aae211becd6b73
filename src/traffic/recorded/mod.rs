//! Streams that really happened: logs of requests, and what each line says of the request and where it went.
//!
//! In: a reader of bytes and its name. Out: [`Batch`]es of whole lines, in order, whose [`Entry`]s can be read on any
//! thread. [`Log`] opens `.gz` and `.zst`, finds the [`Format`] from the first lines and cuts; a batch knows the rest.
//! A line is a request, or [passed over](Reason) because it is none, or [bad](BadLine); none is lost, so the three
//! counts and the blank lines add up to the log. Only batches are in memory (HAR, a single document, is held whole).
//! Nothing is said here about what a request would do in a mesh.
//!
//! **What a proxy's log cannot tell** (envoy-matching 12), and nothing here makes up:
//! - headers other than `user-agent`, `x-forwarded-for` and `x-request-id`, unless the log's format was given keys or
//!   columns `header:NAME`;
//! - the authority as the client sent it, where the route rewrote the host: the log has the rewritten one;
//! - TLS that a gateway terminated for a client without SNI: such a request is read as plain HTTP;
//! - the port of a gateway's Service: the log has the one that the gateway listens on ([`Format::ports_are_local`]).

mod access_log_json;
mod batch;
mod buffers;
mod compression;
mod csv;
mod csv_rows;
mod detect;
mod envoy_text;
mod flat_json;
mod har;
#[cfg(test)]
mod laws;
mod lists;
mod log;
mod logged;
mod mapped;
mod nginx;
#[cfg(feature = "parquet")]
mod parquet;
mod servers;
mod times;
mod wrapping;

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

pub(crate) use batch::{Batch, RequestLine};
#[cfg(feature = "files")]
pub(crate) use compression::{unpacked, unpacking};
pub(crate) use log::Log;
#[cfg(feature = "cli")]
pub(crate) use log::Seekable;
pub(crate) use times::Window;
#[cfg(feature = "cli")]
pub(crate) use times::time;

use crate::envoy::request::Request;

/// One request of a log, and where it went then, as far as the log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Its `id` is the log's own, else the number of the line (of the entry in a HAR).
    pub request: Request,
    /// The address that the request came from.
    pub client: Option<IpAddr>,
    /// None where the log says nothing of the kind.
    pub went: Option<Went>,
    /// When it was made, or logged; None where the log doesn't say, and where nobody [asked](Settings::times).
    pub time: Option<Timestamp>,
}

impl Record {
    /// A request of which the log says nothing more.
    pub(crate) fn of(request: Request) -> Record {
        Record { request, client: None, went: None, time: None }
    }
}

/// Where a request went. In texts `-` is the log's word for "none"; None: the log doesn't say.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Went {
    /// Envoy's name, such as `outbound|9080|v2|reviews.default.svc.cluster.local`; without the `;` that Istio 1.23 put
    /// behind it.
    pub cluster: Option<SmolStr>,
    /// Response flags, joined by `,`.
    pub flags: Option<SmolStr>,
    /// 0 where no response was sent.
    pub status: Option<u16>,
    /// Envoy's name of the route.
    pub route_name: Option<SmolStr>,
}

impl Went {
    fn or_none(self) -> Option<Went> {
        if self == Went::default() { None } else { Some(self) }
    }
}

/// What a line of a log is, once it is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are requests, and a box would be one more allocation for each"
)]
pub(crate) enum Entry {
    Request(Record),
    PassedOver(Reason),
}

/// Why a well-formed line is no request that a proxy routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// A sidecar's log has the requests to its own workload too (cluster `inbound|...`).
    Inbound,
    /// A connection that was proxied as TCP.
    Tcp,
    /// The proxy or server refused it before routing, and the log doesn't have enough of it to try again.
    NeverRouted,
    /// The proxy's own messages, with their continuation lines.
    OwnMessage,
    /// The header row of CSV again, as in files that were joined.
    HeaderRow,
    /// A browser's entry that is no HTTP request (`data:`, `blob:`, ...).
    NotHttp,
    /// Answered from the browser's cache: no proxy saw it.
    Cached,
    /// A line of a plain list that begins with `#`.
    Comment,
    /// Before or after the window of time that was asked for.
    OutsideWindow,
    /// A window was asked for, and the log doesn't say when the request was made.
    Timeless,
}

impl fmt::Display for Reason {
    /// Finishes the phrase "N lines are ...".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Inbound => "inbound requests",
            Reason::Tcp => "TCP connections",
            Reason::NeverRouted => "requests refused before routing",
            Reason::OwnMessage => "messages of the proxy itself",
            Reason::HeaderRow => "repeated header rows",
            Reason::NotHttp => "not HTTP",
            Reason::Cached => "answered from the browser's cache",
            Reason::Comment => "comments",
            Reason::OutsideWindow => "outside of the time window",
            Reason::Timeless => "without a time",
        })
    }
}

/// The formats of logs that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Request files of the command line's contract.
    JsonLines,
    /// Envoy's default text.
    EnvoyText,
    /// Istio's default text.
    IstioText,
    /// Envoy's JSON encoding with Istio's names.
    AccessLogJson,
    /// nginx's `combined`, which is Apache's too.
    Nginx,
    Csv,
    Har,
    Caddy,
    Traefik,
    /// Log entries of Google Cloud with an `httpRequest`.
    GoogleCloud,
    /// OpenTelemetry's logs as JSON, a batch of records a line.
    Otlp,
    /// AWS's application load balancer.
    Alb,
    /// URLs, with methods or as curl's command lines.
    List,
    /// JSON lines whose names were said.
    Mapped,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::JsonLines => "request JSON lines",
            Format::EnvoyText => "Envoy's text access log",
            Format::IstioText => "Istio's text access log",
            Format::AccessLogJson => "Istio's JSON access log",
            Format::Nginx => "nginx's combined log",
            Format::Csv => "CSV",
            Format::Har => "HAR",
            Format::Caddy => "Caddy's JSON log",
            Format::Traefik => "Traefik's JSON log",
            Format::GoogleCloud => "Google Cloud's log entries",
            Format::Otlp => "OTLP JSON lines",
            Format::Alb => "AWS ALB's access log",
            Format::List => "a list of URLs",
            Format::Mapped => "mapped JSON lines",
        })
    }
}

impl Format {
    /// True where ports are those of the proxy's socket. A sidecar's is the one that was dialled; a gateway's the one it
    /// listens on, behind the port of its Service.
    pub(crate) fn ports_are_local(self) -> bool {
        matches!(self, Format::IstioText | Format::AccessLogJson | Format::Otlp)
    }
}

/// What a reader of logs has to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `HOST[:PORT]` of requests whose log names no host, as nginx's doesn't.
    pub default_authority: Option<SmolStr>,
    /// Clients of that host speak TLS.
    pub default_tls: bool,
    /// Which name of the log is which field of [CSV](csv), in pairs of field and name; empty: the log has names that are known.
    pub map: Vec<(SmolStr, SmolStr)>,
    /// What the format is; None: the first lines tell.
    pub format: Option<Format>,
    /// It is one of several parts: that it is empty, or has no more than messages of the proxy, is no fault.
    pub part: bool,
    /// Requests outside of it are passed over.
    pub window: Window,
    /// Times are wanted, although there is no window.
    pub times: bool,
    /// About how many bytes of lines make a batch; at least one line does. Decides no result.
    pub batch_bytes: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        // Larger batches are fresh pages of memory each time, which costs more than it saves.
        Settings {
            default_authority: None,
            default_tls: false,
            map: Vec::new(),
            format: None,
            part: false,
            window: Window::default(),
            times: false,
            batch_bytes: 1 << 18,
        }
    }
}

impl Settings {
    /// Settings where requests that name no host ask for `HOST[:PORT]`, or for `https://HOST[:PORT]` by TLS.
    pub(crate) fn of_authority(text: Option<&str>) -> Settings {
        let (authority, default_tls) = match text.map(|text| (text, text.strip_prefix("https://"))) {
            Some((_, Some(rest))) => (Some(rest), true),
            Some((text, None)) => (Some(text.strip_prefix("http://").unwrap_or(text)), false),
            None => (None, false),
        };
        Settings { default_authority: authority.map(SmolStr::new), default_tls, ..Settings::default() }
    }

    /// When a request was made, by what a log says of it. Most runs don't ask, and are spared the reading.
    fn time(&self, read: impl FnOnce() -> Option<Timestamp>) -> Option<Timestamp> {
        if self.times || !self.window.is_open() { read() } else { None }
    }

    /// The request as it was dialled, where its host is the one that stands in.
    fn dial(&self, request: &mut Request) {
        request.tls |= self.default_tls;
    }
}

/// A line that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BadLine {
    /// From 1; of a HAR, the number of the entry.
    pub line: u64,
    /// Byte of the line, from 1, where that is known.
    pub column: Option<usize>,
    /// The line, shortened, without control characters.
    pub text: String,
    /// Lower case, without a full stop; names the field.
    pub message: String,
}

impl fmt::Display for BadLine {
    /// `7:12: message`, to stand behind a file's name and a colon.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(f, "{}:{column}: {}", self.line, self.message),
            None => write!(f, "{}: {}", self.line, self.message),
        }
    }
}

/// Why a log can't be read, or not any further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Unreadable {
    /// Name of the log, as it was given.
    pub name: String,
    /// The line that was reached, from 1.
    pub line: Option<u64>,
    /// Lower case, without a full stop.
    pub message: String,
    /// What would be right, where that is clear.
    pub hint: Option<String>,
}

impl fmt::Display for Unreadable {
    /// `access.log:3: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.name, self.message),
            None => write!(f, "{}: {}", self.name, self.message),
        }
    }
}

/// What is wrong with a line, before its number and text are known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    message: String,
    /// From 1.
    column: Option<usize>,
}

impl Fault {
    fn new(message: impl Into<String>) -> Fault {
        Fault { message: message.into(), column: None }
    }

    fn at(message: impl Into<String>, column: usize) -> Fault {
        Fault { message: message.into(), column: Some(column) }
    }

    /// The bad line; `before` bytes stood in it before the part that was read.
    fn of_line(self, line: u64, text: &str, before: usize) -> BadLine {
        BadLine { line, column: self.column.map(|c| c + before), text: shortened(text), message: self.message }
    }
}

/// At most 160 characters, control characters as `\u{..}` or `\t`.
fn shortened(text: &str) -> String {
    const MOST: usize = 160;
    let mut out = String::new();
    for (count, c) in text.trim_end().chars().enumerate() {
        if count == MOST {
            out.push('…');
            break;
        }
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}
