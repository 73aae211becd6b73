//! Whole lines of a log, and what each of them is.

use std::borrow::Cow;
use std::sync::Arc;

use ::csv::ByteRecord;

use super::buffers::Lent;
use super::csv::Columns;
use super::logged::Logged;
use super::wrapping::{Mark, is_of_own_message, mark, unwrap};
use super::{
    BadLine, Entry, Fault, Format, Reason, Record, Settings, access_log_json, csv_rows, envoy_text, lists, mapped,
    nginx, servers,
};
use crate::traffic::request_text::{self, AroundPath};

/// How the lines of one log are read.
#[derive(Debug)]
pub(super) struct Reading {
    pub format: Format,
    pub settings: Settings,
    /// Of CSV.
    pub columns: Option<Columns>,
}

/// An entry with the number of its line.
pub(super) type Numbered = (u64, Result<Entry, BadLine>);

/// Some lines of a log, in order. Reading them needs nothing else and changes nothing, so that batches can be read on any
/// thread.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(super) reading: Arc<Reading>,
    pub(super) first_line: u64,
    pub(super) lines: u64,
    pub(super) content: Content,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Whole lines; `follows_own`: the line before them belongs to a message of the proxy's.
    Lines { bytes: Lent, follows_own: bool },
    /// Rows of CSV with the lines that they begin at.
    Rows(Vec<(u64, ByteRecord)>),
    /// Entries of a HAR.
    Entries(Vec<Numbered>),
}

impl Batch {
    /// How many lines (rows of CSV, entries of a HAR) there are; blank ones count.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// What the lines are, with their numbers, in order. Blank lines are left out.
    pub(crate) fn entries(&self) -> Box<dyn Iterator<Item = Numbered> + '_> {
        let window = self.reading.settings.window;
        if window.is_open() {
            return self.all_entries();
        }
        Box::new(self.all_entries().map(move |(number, entry)| (number, window.sift(entry))))
    }

    /// The lines of a request file, each to be read where it has to be; None for other formats, and where not all bytes are text.
    pub(crate) fn request_lines(&self) -> Option<impl Iterator<Item = RequestLine<'_>>> {
        let Content::Lines { bytes, .. } = &self.content else { return None };
        let text = std::str::from_utf8(bytes).ok().filter(|_| self.reading.format == Format::JsonLines)?;
        let reading = &*self.reading;
        Some(each_line(text).zip(self.first_line..).map(move |(text, number)| RequestLine { reading, text, number }))
    }

    /// Whenever requests were made.
    fn all_entries(&self) -> Box<dyn Iterator<Item = Numbered> + '_> {
        match &self.content {
            Content::Lines { bytes, follows_own } => {
                let valid = match std::str::from_utf8(bytes) {
                    Ok(text) => text,
                    Err(e) => bytes.get(..e.valid_up_to()).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or(""),
                };
                let own = *follows_own;
                Box::new(Lines { reading: &self.reading, bytes, valid, at: 0, number: self.first_line, own })
            }
            Content::Rows(rows) => Box::new(rows.iter().map(|(line, row)| (*line, self.row(row, *line)))),
            Content::Entries(entries) => Box::new(entries.iter().cloned()),
        }
    }

    fn row(&self, row: &ByteRecord, line: u64) -> Result<Entry, BadLine> {
        let read = match &self.reading.columns {
            Some(columns) => columns.entry(row, line, &self.reading.settings),
            None => Err(Fault::new("the columns are unknown")),
        };
        read.map_err(|fault| {
            let cells: Vec<_> = row.iter().map(String::from_utf8_lossy).collect();
            fault.of_line(line, cells.join(",").trim_end_matches(csv_rows::END), 0)
        })
    }
}

/// The lines of a text without their ends.
fn each_line(text: &str) -> impl Iterator<Item = &str> {
    let mut ends = memchr::memchr_iter(b'\n', text.as_bytes());
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let line = ends.next().map_or(rest, |end| text.get(at..end).unwrap_or_default());
        at += line.len() + 1;
        Some(line.strip_suffix('\r').unwrap_or(line))
    })
}

/// A line of a request file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestLine<'b> {
    reading: &'b Reading,
    text: &'b str,
    pub number: u64,
}

impl<'b> RequestLine<'b> {
    /// What it is; None: the line is blank.
    pub(crate) fn read(&self) -> Option<Result<Entry, BadLine>> {
        let Reading { settings: Settings { window, .. }, .. } = self.reading;
        let mut lines = Lines { reading: self.reading, bytes: &[], valid: "", at: 0, number: self.number, own: false };
        let entry = lines.line(self.text, self.number)?;
        Some(if window.is_open() { entry } else { window.sift(entry) })
    }

    /// Its parts, where its path is written plainly; `likely` as in [`AroundPath::of`]. Not asked for where requests are passed over for
    /// their time.
    pub(crate) fn around_path(&self, likely: &str) -> Option<AroundPath<'b>> {
        if self.reading.settings.window.is_open() { AroundPath::of(self.text, likely) } else { None }
    }
}

struct Lines<'a> {
    reading: &'a Reading,
    bytes: &'a [u8],
    /// As much of the bytes as is known to be text.
    valid: &'a str,
    at: usize,
    number: u64,
    /// True behind a message of the proxy's own.
    own: bool,
}

impl Iterator for Lines<'_> {
    type Item = Numbered;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let (start, end, number) = (self.at, self.at + length, self.number);
            self.at = end + 1;
            self.number += 1;
            // Lines before the first fault of encoding need no second look.
            let line = match self.valid.get(start..end) {
                Some(line) => Ok(line),
                None => std::str::from_utf8(rest.get(..length).unwrap_or_default()),
            };
            match line {
                Ok(line) => {
                    let line = line.strip_suffix('\r').unwrap_or(line);
                    if let Some(read) = self.line(line, number) {
                        return Some((number, read));
                    }
                }
                Err(e) => {
                    let text = String::from_utf8_lossy(rest.get(..length).unwrap_or_default());
                    let text = text.strip_suffix('\r').unwrap_or(&text);
                    // What decides nothing, such as a Referer, may hold any bytes.
                    let mut ahead = Lines { ..*self };
                    if let Some(Ok(Entry::Request(mut record))) = ahead.line(text, number)
                        && is_whole(&mut record)
                    {
                        self.own = ahead.own;
                        return Some((number, Ok(Entry::Request(record))));
                    }
                    let fault = Fault::at("bytes that are no UTF-8", e.valid_up_to() + 1);
                    self.own = is_of_own_message(text, self.own);
                    return Some((number, Err(fault.of_line(number, text, 0))));
                }
            }
        }
    }
}

impl Lines<'_> {
    /// None: the line is blank.
    fn line(&mut self, line: &str, number: u64) -> Option<Result<Entry, BadLine>> {
        if line.bytes().all(|b| b.is_ascii_whitespace()) {
            return None;
        }
        let Reading { format, settings, .. } = self.reading;
        let (inner, before) = match format {
            Format::JsonLines => (Cow::Borrowed(line), 0),
            _ => match unwrap(line) {
                Ok(unwrapped) => unwrapped,
                Err(fault) => {
                    self.own = false;
                    return Some(Err(fault.of_line(number, line, 0)));
                }
            },
        };
        let read = match format {
            Format::JsonLines => json_line(&inner, number),
            Format::Nginx => nginx::entry(&inner, number, settings),
            Format::List => lists::entry(&inner, number),
            Format::Alb => lists::alb(&inner, number, settings),
            _ if self.is_own_message(&inner) => Ok(Entry::PassedOver(Reason::OwnMessage)),
            Format::Caddy => servers::caddy(&inner, number, settings),
            Format::Traefik => servers::traefik(&inner, number, settings),
            Format::GoogleCloud => servers::cloud(&inner, number, settings),
            Format::Mapped => match &self.reading.columns {
                Some(columns) => mapped::entry(&inner, number, columns, settings),
                None => Err(Fault::new("the columns are unknown")),
            },
            Format::EnvoyText | Format::IstioText | Format::AccessLogJson => logged(*format, &inner, number, settings),
            Format::Csv | Format::Har | Format::Otlp => Err(Fault::new("the line is part of another format")),
        };
        Some(read.map_err(|fault| fault.of_line(number, line, before)))
    }

    fn is_own_message(&mut self, line: &str) -> bool {
        self.own = match mark(line) {
            Mark::OwnMessage => true,
            Mark::Entry => false,
            Mark::Neither => self.own,
        };
        self.own
    }
}

/// Takes out headers that held bytes which are no text. False where a part that decides did.
fn is_whole(record: &mut Record) -> bool {
    let is_text = |text: &str| !text.contains(char::REPLACEMENT_CHARACTER);
    let request = &mut record.request;
    request.headers.retain(|(name, value)| is_text(name) && is_text(value));
    is_text(&request.method) && is_text(&request.authority) && is_text(&request.path)
}

/// The log records of whole lines of OTLP.
pub(super) fn otlp(lines: &Batch) -> Vec<Numbered> {
    let Content::Lines { bytes, .. } = &lines.content else { return Vec::new() };
    let mut out = Vec::new();
    for (line, number) in bytes.split(|b| *b == b'\n').zip(lines.first_line..) {
        let line = String::from_utf8_lossy(line);
        if line.trim().is_empty() {
            continue;
        }
        let bad = |fault: Fault| fault.of_line(number, &line, 0);
        match servers::otlp(&line, number, &lines.reading.settings) {
            Ok(records) if records.is_empty() => out.push((number, Ok(Entry::PassedOver(Reason::OwnMessage)))),
            Ok(records) => out.extend(records.into_iter().map(|read| (number, read.map_err(bad)))),
            Err(fault) => out.push((number, Err(bad(fault)))),
        }
    }
    out
}

fn json_line(line: &str, number: u64) -> Result<Entry, Fault> {
    match request_text::read_line(line, || number.into()) {
        Ok(request) => Ok(Entry::Request(Record::of(request))),
        Err(e) => Err(Fault { message: e.message, column: e.column }),
    }
}

/// An entry of a proxy's access log.
fn logged(format: Format, line: &str, number: u64, settings: &Settings) -> Result<Entry, Fault> {
    let mut logged = Logged::default();
    match format {
        Format::EnvoyText => envoy_text::envoy(line, &mut logged)?,
        Format::IstioText => envoy_text::istio(line, &mut logged)?,
        _ => {
            if !access_log_json::read(line, &mut logged)? {
                return Ok(Entry::PassedOver(Reason::OwnMessage));
            }
        }
    }
    logged.entry(number, settings)
}
