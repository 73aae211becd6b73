//! CSV with a header row that names the columns, in any order; separated by `,`, `;` or tabs.
//!
//! | column | holds |
//! |---|---|
//! | `method` | default `GET` |
//! | `url` | absolute, or a path with query |
//! | `authority` or `host`, `path` | where there is no `url`; an `authority` beside a `url` is the `Host` header |
//! | `port`, `address`, `tls`, `sni`, `proxy`, `id` | as in request files |
//! | `header:NAME` or `header.NAME` | a request header; an empty cell is an absent header |
//! | `client` | address that the request came from |
//! | `time` | when, in RFC 3339 or as a number since 1970 |
//! | `status`, `flags`, `cluster`, `route_name` | where it went |
//! | `ignore:NAME` | nothing of interest |
//!
//! The names of Istio's JSON access log are understood too, so that an export of such logs needs no renaming. Other
//! columns are errors, for a misspelt one would silently change every request. An empty cell is an absent value.

use std::io::Read;

use csv::ByteRecord;
use smol_str::SmolStr;

use super::access_log_json::header_name;
use super::csv_rows::{Rows, is_open};
use super::logged::{is_inbound, socket_address, status, without_delimiter};
use super::times::time;
use super::{Entry, Fault, Reason, Record, Settings, Unreadable, Went};
use crate::envoy::request::Request;
use crate::traffic::request_text::{Url, from_url};

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Id,
    Proxy,
    Method,
    Authority,
    Path,
    Url,
    Port,
    Address,
    /// Address and port that were dialled.
    LocalAddress,
    Tls,
    Sni,
    Client,
    /// When it was made.
    Time,
    Status,
    Flags,
    Cluster,
    RouteName,
    Header(SmolStr),
    /// A header that access logs have, `-` for none.
    LoggedHeader(&'static str),
    Ignored,
}

/// The columns' names, first the one that messages propose.
const NAMES: [(&str, Column); 29] = [
    ("id", Column::Id),
    ("proxy", Column::Proxy),
    ("method", Column::Method),
    ("authority", Column::Authority),
    ("host", Column::Authority),
    ("path", Column::Path),
    ("url", Column::Url),
    ("port", Column::Port),
    ("address", Column::Address),
    ("tls", Column::Tls),
    ("sni", Column::Sni),
    ("client", Column::Client),
    ("time", Column::Time),
    ("status", Column::Status),
    ("flags", Column::Flags),
    ("cluster", Column::Cluster),
    ("route_name", Column::RouteName),
    ("response_code", Column::Status),
    ("response_flags", Column::Flags),
    ("upstream_cluster", Column::Cluster),
    ("downstream_local_address", Column::LocalAddress),
    ("downstream_remote_address", Column::Client),
    ("requested_server_name", Column::Sni),
    ("user_agent", Column::LoggedHeader("user-agent")),
    ("x_forwarded_for", Column::LoggedHeader("x-forwarded-for")),
    ("request_id", Column::LoggedHeader("x-request-id")),
    ("start_time", Column::Time),
    ("timestamp", Column::Time),
    ("protocol", Column::Ignored),
];

/// Fields of access logs that decide nothing.
const IGNORED: [&str; 9] = [
    "bytes_received",
    "bytes_sent",
    "connection_termination_details",
    "duration",
    "response_code_details",
    "upstream_host",
    "upstream_local_address",
    "upstream_service_time",
    "upstream_transport_failure_reason",
];

/// The columns of one log.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    columns: Vec<Column>,
    header: ByteRecord,
}

/// True if a line names columns of requests.
pub(super) fn looks_like_header(line: &str) -> bool {
    let separator = char::from(delimiter(line));
    let cells = line.split(separator).map(|cell| cell.trim().trim_matches('"').trim().to_ascii_lowercase());
    cells.into_iter().any(|cell| ["path", "url", "authority", "host", "method"].contains(&cell.as_str()))
}

fn delimiter(line: &str) -> u8 {
    let count = |c: &u8| memchr::memchr_iter(*c, line.as_bytes()).count();
    [b';', b'\t', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

/// A reader that stands behind the header row, and the columns.
///
/// # Errors
/// A column that is unknown, missing or there twice.
pub(super) fn open<R: Read>(
    name: &str,
    first_line: &str,
    input: R,
    settings: &Settings,
) -> Result<(Rows<R>, Columns), Unreadable> {
    let mut rows = Rows::new(input, delimiter(first_line));
    let unreadable = |message: String| Unreadable { name: name.to_owned(), line: Some(1), message, hint: None };
    let (line, header) = rows
        .next()
        .map_err(|(_, e)| unreadable(e.to_string()))?
        .ok_or_else(|| unreadable("the log is empty".to_owned()))?;
    let line = Some(line);
    let mut columns: Vec<Column> = Vec::with_capacity(header.len());
    for cell in &header {
        let cell = String::from_utf8_lossy(cell.trim_ascii());
        let mapped = settings.map.iter().find(|(_, name)| name.eq_ignore_ascii_case(&cell)).map(|(field, _)| field);
        if mapped.is_none() && !settings.map.is_empty() {
            columns.push(Column::Ignored);
            continue;
        }
        let column = column(mapped.map_or(&cell, |field| field.as_str())).map_err(|hint| Unreadable {
            line,
            hint: Some(hint),
            ..unreadable(format!("the column `{cell}` is unknown"))
        })?;
        if !matches!(column, Column::Ignored | Column::Time) && columns.contains(&column) {
            return Err(Unreadable { line, ..unreadable(format!("the column `{cell}` is there twice")) });
        }
        columns.push(column);
    }
    let has = |column| columns.contains(&column);
    let missing = |what: &str, hint: &str| Unreadable {
        line,
        hint: Some(hint.to_owned()),
        ..unreadable(format!("there is no column {what}"))
    };
    if !has(Column::Url) && !has(Column::Path) {
        return Err(missing("`path` or `url`", "the first row names the columns"));
    }
    if !has(Column::Url) && !has(Column::Authority) && settings.default_authority.is_none() {
        return Err(missing("`authority`, `host` or `url`", "--authority HOST[:PORT] stands in for it"));
    }
    Ok((rows, Columns { columns, header }))
}

/// The column of that name, else the hint.
fn column(cell: &str) -> Result<Column, String> {
    let name = cell.to_ascii_lowercase();
    if let Some((_, column)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Ok(column.clone());
    }
    if let Some(header) = header_name(&name) {
        return Ok(Column::Header(header));
    }
    if IGNORED.contains(&name.as_str()) || name.starts_with("ignore:") {
        return Ok(Column::Ignored);
    }
    let near = NAMES
        .iter()
        .map(|(known, _)| (strsim::damerau_levenshtein(known, &name), *known))
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .min_by_key(|(distance, _)| *distance);
    Err(match near {
        Some((_, known)) => format!("is `{known}` meant? A column without meaning can be called `ignore:{cell}`"),
        None => format!("call it `header:{cell}` if it is a request header, `ignore:{cell}` if it has no meaning"),
    })
}

impl Columns {
    /// Columns of these names.
    ///
    /// # Errors
    /// A name that is none, or is there twice; without a path there is no request.
    pub(super) fn named<'n>(names: impl Iterator<Item = &'n str>) -> Result<Columns, String> {
        let (mut columns, mut header) = (Vec::new(), ByteRecord::new());
        for name in names {
            let column = column(name).map_err(|hint| format!("`{name}` is no field of a request: {hint}"))?;
            if columns.contains(&column) {
                return Err(format!("`{name}` is mapped twice"));
            }
            columns.push(column);
            header.push_field(name.as_bytes());
        }
        if !columns.contains(&Column::Url) && !columns.contains(&Column::Path) {
            return Err("neither `path` nor `url` is mapped".to_owned());
        }
        Ok(Columns { columns, header })
    }

    /// Reads one row.
    pub(super) fn entry(&self, row: &ByteRecord, line: u64, settings: &Settings) -> Result<Entry, Fault> {
        if row == &self.header {
            return Ok(Entry::PassedOver(Reason::HeaderRow));
        }
        if is_open(row) {
            return Err(Fault::new("a quote of this row is not closed: the rest of the log is taken for a part of it"));
        }
        if row.len() != self.columns.len() {
            return Err(Fault::new(format!("there are {} cells for {} columns", row.len(), self.columns.len())));
        }
        let mut cells = Cells::default();
        for (column, (cell, name)) in self.columns.iter().zip(row.iter().zip(&self.header)) {
            let cell = std::str::from_utf8(cell.trim_ascii())
                .map_err(|_| Fault::new(format!("`{}` has bytes that are no UTF-8", String::from_utf8_lossy(name))))?;
            let says = match column {
                // Where a request went, `-` says something; in a header of its own it is a value.
                Column::Flags | Column::Cluster | Column::RouteName | Column::Header(_) => !cell.is_empty(),
                _ => !cell.is_empty() && cell != "-",
            };
            if says {
                cells.take(column, cell)?;
            }
        }
        cells.entry(line, settings)
    }
}

/// The cells of a row that say something.
#[derive(Debug, Default)]
struct Cells<'a> {
    id: Option<serde_json::Value>,
    proxy: Option<SmolStr>,
    method: Option<&'a str>,
    authority: Option<&'a str>,
    path: Option<&'a str>,
    url: Option<&'a str>,
    port: Option<u16>,
    address: Option<std::net::IpAddr>,
    tls: Option<bool>,
    sni: Option<SmolStr>,
    client: Option<std::net::IpAddr>,
    time: Option<&'a str>,
    went: Went,
    headers: Vec<(SmolStr, SmolStr)>,
}

impl<'a> Cells<'a> {
    fn take(&mut self, column: &Column, cell: &'a str) -> Result<(), Fault> {
        let fault = |name: &str, what: &str| Fault::new(format!("`{name}`: `{cell}` is no {what}"));
        match column {
            Column::Id => self.id = Some(cell.into()),
            Column::Proxy => self.proxy = Some(cell.into()),
            Column::Method => self.method = Some(cell),
            Column::Authority => self.authority = Some(cell),
            Column::Path => self.path = Some(cell),
            Column::Url => self.url = Some(cell),
            Column::Port => {
                let port = cell.parse().ok().filter(|port| *port != 0);
                self.port = Some(port.ok_or_else(|| fault("port", "port"))?);
            }
            Column::Address => self.address = Some(cell.parse().map_err(|_| fault("address", "IP address"))?),
            Column::LocalAddress => {
                let socket = socket_address(cell);
                self.address = socket.map(|s| s.ip()).filter(|ip| !ip.is_unspecified()).or(self.address);
                self.port = socket.map(|s| s.port()).filter(|port| *port != 0).or(self.port);
            }
            Column::Tls => {
                self.tls = Some(match cell.to_ascii_lowercase().as_str() {
                    "true" | "1" | "yes" => true,
                    "false" | "0" | "no" => false,
                    _ => return Err(fault("tls", "true or false")),
                });
            }
            Column::Sni => self.sni = Some(cell.into()),
            Column::Client => self.client = cell.parse().ok().or_else(|| socket_address(cell).map(|s| s.ip())),
            // One that can't be read is none: but for a window it decides nothing.
            Column::Time => self.time = self.time.or(Some(cell)),
            Column::Status => self.went.status = status(cell)?,
            Column::Flags => self.went.flags = Some(cell.into()),
            Column::Cluster => self.went.cluster = Some(without_delimiter(cell.into())),
            Column::RouteName => self.went.route_name = Some(cell.into()),
            Column::Header(name) if name == "host" || name.starts_with(':') => {
                return Err(Fault::new(format!(
                    "`{name}` cannot be a header column: `authority`, `method` and `path` are"
                )));
            }
            Column::Header(name) => self.headers.push((name.clone(), cell.into())),
            Column::LoggedHeader(name) => self.headers.push((SmolStr::new_static(name), cell.into())),
            Column::Ignored => {}
        }
        Ok(())
    }

    fn entry(self, line: u64, settings: &Settings) -> Result<Entry, Fault> {
        if self.went.cluster.as_deref().is_some_and(is_inbound) {
            return Ok(Entry::PassedOver(Reason::Inbound));
        }
        let method = self.method.unwrap_or("GET");
        let absolute = self.url.filter(|url| !url.starts_with('/'));
        let mut request = match absolute {
            Some(url) => from_url(method, &Url::parse(url).map_err(|e| Fault::new(format!("`url`: {}", e.message)))?),
            None => {
                let path = self.url.or(self.path).ok_or_else(|| Fault::new("`path` is empty"))?;
                let authority = self.authority.or(settings.default_authority.as_deref());
                let authority = authority.ok_or_else(|| Fault::new("`authority` is empty"))?;
                let tls = self.tls.unwrap_or(self.sni.is_some());
                Request { id: line.into(), tls, ..Request::new(method, authority, path) }
            }
        };
        if absolute.is_none() && self.authority.is_none() {
            settings.dial(&mut request);
        }
        if let Some(authority) = self.authority {
            request.authority = authority.into();
        }
        request.id = self.id.unwrap_or_else(|| line.into());
        request.proxy = self.proxy;
        request.port = self.port.or(request.port);
        request.address = self.address.or(request.address);
        request.tls = self.tls.unwrap_or(request.tls);
        request.sni = self.sni;
        request.headers.extend(self.headers);
        let time = settings.time(|| self.time.and_then(time));
        Ok(Entry::Request(Record { request, client: self.client, went: self.went.or_none(), time }))
    }
}
