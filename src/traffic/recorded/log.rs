//! Opens a log and cuts it into batches.

use std::fmt;
use std::io::{self, Cursor, Read, Seek};
use std::sync::Arc;

use super::batch::{Content, Numbered, Reading};
use super::buffers::Pool;
use super::compression::{self, Compression};
use super::csv_rows::Rows;
use super::wrapping::ends_in_own_message;
use super::{Batch, Format, Settings, Unreadable, batch, csv, detect, har, mapped};

/// How much of a log the format is looked for in.
const DETECTION_BYTES: usize = 256 << 10;

/// How much is read at once, at least.
const READ_BYTES: usize = 64 << 10;

/// A line that is longer is no line of a log.
pub(super) const LONGEST_LINE: usize = 16 << 20;

/// Entries of a HAR in a batch.
const HAR_ENTRIES: usize = 4096;

type Input = Box<dyn Read + Send>;

/// A log that can be read from any place on.
pub(crate) trait Seekable: Read + Seek + Send {}

impl<T: Read + Seek + Send> Seekable for T {}

/// What Parquet begins with.
const PARQUET: &[u8] = b"PAR1";

/// A log that is read from its beginning to its end.
pub(crate) struct Log {
    name: String,
    reading: Arc<Reading>,
    source: Source,
    /// Number of the next line.
    line: u64,
}

enum Source {
    Lines(LineSource),
    Rows(Box<Rows<Rest>>, Option<Compression>),
    Entries(std::vec::IntoIter<Numbered>),
}

/// What was read while the format was looked for, then what comes behind it.
type Rest = io::Chain<Cursor<Vec<u8>>, Input>;

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("name", &self.name)
            .field("reading", &self.reading)
            .field("line", &self.line)
            .finish()
    }
}

impl Log {
    /// Opens a log: decompresses it (told by its first bytes, not its name) and finds its format. `name` is for messages.
    ///
    /// # Errors
    /// A log that is empty, has an unknown format or compression, is cut off or corrupt at its beginning, lacks a column
    /// or a setting, or, as HAR, is invalid anywhere.
    pub(crate) fn open(name: &str, mut input: Input, settings: Settings) -> Result<Log, Unreadable> {
        let unreadable = |message: String| Unreadable { name: name.to_owned(), line: None, message, hint: None };
        let mut head = Vec::new();
        input.by_ref().take(16).read_to_end(&mut head).map_err(|e| unreadable(e.to_string()))?;
        if head.starts_with(PARQUET) {
            // Its columns are described at its end.
            input.read_to_end(&mut head).map_err(|e| unreadable(e.to_string()))?;
            return Log::open_parquet(name, Box::new(Cursor::new(head)), settings);
        }
        let compression = compression::of(&head).map_err(|(is, command)| Unreadable {
            hint: Some(format!("`{command} FILE` writes what can be read, from standard input too")),
            ..unreadable(format!("the log {is}, which is not opened here"))
        })?;
        let explained = |e: io::Error| unreadable(compression::explain(compression, &e));
        let mut input = compression::open(compression, Box::new(Cursor::new(head).chain(input))).map_err(explained)?;
        let mut start = Vec::new();
        input.by_ref().take(DETECTION_BYTES as u64).read_to_end(&mut start).map_err(explained)?;
        let mut at_end = start.len() < DETECTION_BYTES;
        // The first line may be longer than that.
        while !at_end && start.len() <= LONGEST_LINE && memchr::memchr(b'\n', &start).is_none() {
            let read = input.by_ref().take(DETECTION_BYTES as u64).read_to_end(&mut start).map_err(explained)?;
            at_end = read < DETECTION_BYTES;
        }
        if start.starts_with("\u{feff}".as_bytes()) {
            start.drain(..3);
        }
        let is_har = settings.format.map_or_else(|| har::looks_like_har(&start), |format| format == Format::Har);
        let (format, columns, source) = if is_har {
            input.read_to_end(&mut start).map_err(explained)?;
            (Format::Har, None, Source::Entries(har::read(name, &start, &settings)?.into_iter()))
        } else {
            // A line that is only begun says nothing, unless there is no other.
            let whole = if at_end { None } else { memchr::memrchr(b'\n', &start) };
            let format =
                detect::format(name, start.get(..whole.unwrap_or(start.len())).unwrap_or_default(), at_end, &settings)?;
            let columns = if format == Format::Mapped {
                let hint =
                    Some("write --map FIELD=NAME with a field of CSV, such as path, authority or method".to_owned());
                Some(
                    mapped::columns(&settings.map)
                        .map_err(|wrong| Unreadable { hint, ..unreadable(format!("--map: {wrong}")) })?,
                )
            } else {
                None
            };
            if format == Format::Csv {
                let text = String::from_utf8_lossy(&start);
                let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
                let (rows, columns) = csv::open(name, &first, Cursor::new(start).chain(input), &settings)?;
                (format, Some(columns), Source::Rows(Box::new(rows), compression))
            } else {
                let lines = LineSource {
                    input,
                    compression,
                    buffer: start,
                    start: 0,
                    at_end,
                    follows_own: false,
                    pool: Pool::default(),
                };
                (format, columns, Source::Lines(lines))
            }
        };
        let reading = Arc::new(Reading { format, settings, columns });
        Ok(Log { name: name.to_owned(), reading, source, line: 1 })
    }

    /// The same of a file, of which no more than is needed is in memory, whatever its format.
    ///
    /// # Errors
    /// As [`open`](Log::open).
    #[cfg(feature = "cli")]
    pub(crate) fn open_file(name: &str, mut file: Box<dyn Seekable>, settings: Settings) -> Result<Log, Unreadable> {
        let mut head = Vec::new();
        let is_parquet = file.by_ref().take(PARQUET.len() as u64).read_to_end(&mut head).is_ok() && head == PARQUET;
        // A pipe has no beginning to go back to.
        match file.rewind() {
            Ok(()) if is_parquet => Log::open_parquet(name, file, settings),
            Ok(()) => Log::open(name, Box::new(file), settings),
            Err(_) => Log::open(name, Box::new(Cursor::new(head).chain(file)), settings),
        }
    }

    #[cfg(feature = "parquet")]
    fn open_parquet(name: &str, input: Box<dyn Seekable>, settings: Settings) -> Result<Log, Unreadable> {
        match super::parquet::Lines::open(input, &settings) {
            Ok(lines) => Log::open(name, Box::new(lines), settings),
            Err(e) => Err(Unreadable { name: name.to_owned(), line: None, message: e.to_string(), hint: None }),
        }
    }

    #[cfg(not(feature = "parquet"))]
    fn open_parquet(name: &str, _: Box<dyn Seekable>, _: Settings) -> Result<Log, Unreadable> {
        Err(Unreadable {
            name: name.to_owned(),
            line: None,
            message: "the log is Parquet, which this towtank doesn't read".to_owned(),
            hint: Some("one that is built with `--features parquet` does".to_owned()),
        })
    }

    /// As it was given, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn format(&self) -> Format {
        self.reading.format
    }

    /// The next lines; None at the end.
    ///
    /// # Errors
    /// What makes the rest unreadable: compressed data that is corrupt or ends too early, a failing input, a line of
    /// more than 16 MiB.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Batch>, Unreadable> {
        let bytes = self.reading.settings.batch_bytes.max(1);
        let first_line = self.line;
        let next = match &mut self.source {
            Source::Lines(source) => source.next(bytes),
            Source::Rows(rows, compression) => next_rows(rows, *compression, bytes),
            Source::Entries(entries) => {
                let some: Vec<_> = entries.by_ref().take(HAR_ENTRIES).collect();
                let count = some.len() as u64;
                Ok((count > 0).then_some((count, count, Content::Entries(some))))
            }
        };
        match next {
            Ok(None) => Ok(None),
            Ok(Some((lines, passed, content))) => {
                self.line += passed;
                let first_line = match &content {
                    Content::Rows(rows) => rows.first().map_or(first_line, |(line, _)| *line),
                    Content::Lines { .. } | Content::Entries(_) => first_line,
                };
                let read = Batch { reading: Arc::clone(&self.reading), first_line, lines, content };
                if self.reading.format == Format::Otlp {
                    let entries = batch::otlp(&read);
                    return Ok(Some(Batch { lines: entries.len() as u64, content: Content::Entries(entries), ..read }));
                }
                Ok(Some(read))
            }
            Err((behind, message)) => {
                Err(Unreadable { name: self.name.clone(), line: Some(first_line + behind), message, hint: None })
            }
        }
    }
}

/// How many lines there are, by how many the number of the next line grows, and the lines; or how many lines further
/// something is wrong, and what.
type Next = Result<Option<(u64, u64, Content)>, (u64, String)>;

/// Lines on their way into batches.
struct LineSource {
    input: Input,
    compression: Option<Compression>,
    /// What is read and, from `start` on, not yet in a batch.
    buffer: Vec<u8>,
    start: usize,
    at_end: bool,
    follows_own: bool,
    pool: Pool,
}

impl LineSource {
    fn next(&mut self, size: usize) -> Next {
        loop {
            let pending = self.buffer.get(self.start..).unwrap_or_default();
            if self.at_end && pending.is_empty() {
                return Ok(None);
            }
            if let Some(length) = cut(pending, size, self.at_end) {
                return Ok(Some(self.take(length)));
            }
            if pending.len() > LONGEST_LINE {
                return Err((0, "the line is longer than 16 MiB".to_owned()));
            }
            self.fill(size)?;
        }
    }

    fn take(&mut self, length: usize) -> (u64, u64, Content) {
        let end = self.start + length;
        let bytes = if self.start == 0 {
            let mut rest = self.pool.take();
            rest.extend_from_slice(self.buffer.get(end..).unwrap_or_default());
            let mut bytes = std::mem::replace(&mut self.buffer, rest);
            bytes.truncate(end);
            bytes
        } else {
            let mut bytes = self.pool.take();
            bytes.extend_from_slice(self.buffer.get(self.start..end).unwrap_or_default());
            self.start = end;
            bytes
        };
        let follows_own = self.follows_own;
        self.follows_own = ends_in_own_message(&bytes, follows_own);
        let ends = memchr::memchr_iter(b'\n', &bytes).count() as u64;
        let lines = ends + u64::from(!bytes.ends_with(b"\n"));
        (lines, lines, Content::Lines { bytes: self.pool.lend(bytes), follows_own })
    }

    fn fill(&mut self, size: usize) -> Result<(), (u64, String)> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let wanted = size.max(READ_BYTES);
        // Some room more, so that the reader need not grow the buffer to see the end.
        self.buffer.reserve(wanted + 64);
        match self.input.by_ref().take(wanted as u64).read_to_end(&mut self.buffer) {
            Ok(read) => {
                self.at_end = read < wanted;
                Ok(())
            }
            Err(e) => {
                let behind = memchr::memchr_iter(b'\n', &self.buffer).count() as u64;
                Err((behind, compression::explain(self.compression, &e)))
            }
        }
    }
}

/// Where a batch of about `size` bytes ends: behind the last line end in them, else behind the first after them. None:
/// more must be read.
fn cut(pending: &[u8], size: usize, at_end: bool) -> Option<usize> {
    if pending.len() < size {
        return at_end.then_some(pending.len());
    }
    let (within, behind) = pending.split_at(size);
    let end = memchr::memrchr(b'\n', within).or_else(|| memchr::memchr(b'\n', behind).map(|at| size + at));
    end.map(|at| at + 1).or_else(|| at_end.then_some(pending.len()))
}

fn next_rows(source: &mut Rows<Rest>, compression: Option<Compression>, size: usize) -> Next {
    let mut rows = Vec::new();
    let mut bytes = 0;
    while bytes < size {
        match source.next() {
            Ok(Some((line, row))) => {
                bytes += row.as_slice().len() + row.len();
                rows.push((line, row));
            }
            Ok(None) => break,
            // The number of the next line is not kept for rows, which know theirs: it stays 1.
            Err((line, e)) => return Err((line.saturating_sub(1), compression::explain(compression, &e))),
        }
    }
    let count = rows.len() as u64;
    Ok((count > 0).then_some((count, 0, Content::Rows(rows))))
}
