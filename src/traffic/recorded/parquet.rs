//! Parquet, read row by row as JSON lines: a column is what the JSON log with a key of that name says, a null is a null.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, FileReader as _, Length, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::{Type, TypePtr};
use smol_str::SmolStr;

use super::Settings;
use super::access_log_json::{self, TELLING};
use super::log::Seekable;

/// About how many bytes of lines are made at once.
const TEXT_BYTES: usize = 64 << 10;

/// The rows of a file as JSON lines.
pub(super) struct Lines {
    rows: RowIter<'static>,
    text: Vec<u8>,
    /// How much of the text is read.
    at: usize,
}

impl Lines {
    /// # Errors
    /// What is wrong with the file's end, where its columns are described, or with its first pages.
    pub(super) fn open(mut input: Box<dyn Seekable>, settings: &Settings) -> io::Result<Lines> {
        let length = input.seek(SeekFrom::End(0))?;
        let reader =
            SerializedFileReader::new(Shared { input: Arc::new(Mutex::new(input)), length }).map_err(io_error)?;
        let schema = reader.metadata().file_metadata().schema().clone();
        let rows = RowIter::from_file_into(Box::new(reader));
        let rows = match wanted(&schema, settings) {
            Some(fields) => {
                let of_interest = Type::group_type_builder(schema.name()).with_fields(fields).build();
                rows.project(Some(of_interest.map_err(io_error)?)).map_err(io_error)?
            }
            None => rows,
        };
        Ok(Lines { rows, text: Vec::new(), at: 0 })
    }

    fn fill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.at = 0;
        while self.text.len() < TEXT_BYTES {
            match self.rows.next() {
                Some(row) => write_row(&mut self.text, &row.map_err(io_error)?)?,
                None => break,
            }
        }
        Ok(())
    }
}

impl Read for Lines {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.text.len() {
            self.fill()?;
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        let n = rest.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..n), rest.get(..n)) {
            to.copy_from_slice(from);
        }
        self.at += n;
        Ok(n)
    }
}

/// The columns that are read. None: all, for nobody knows which are meant.
fn wanted(schema: &Type, settings: &Settings) -> Option<Vec<TypePtr>> {
    let all = schema.get_fields();
    let is_mapped = |name: &str| {
        let is_it =
            |(_, path): &(_, SmolStr)| path == name || path.strip_prefix(name).is_some_and(|r| r.starts_with('.'));
        settings.map.iter().any(is_it)
    };
    let is_log = all.iter().any(|field| TELLING.contains(&field.name()));
    let is_wanted: &dyn Fn(&str) -> bool = match (settings.map.is_empty(), is_log) {
        (false, _) => &is_mapped,
        (true, true) => &access_log_json::reads,
        (true, false) => return None,
    };
    let some: Vec<TypePtr> = all.iter().filter(|field| is_wanted(field.name())).cloned().collect();
    // Without any there would be no rows either.
    (!some.is_empty()).then_some(some)
}

fn io_error(error: ParquetError) -> io::Error {
    let text = error.to_string();
    let what = text.split_once(": ").map_or(text.as_str(), |(_, what)| what);
    io::Error::new(io::ErrorKind::InvalidData, format!("the Parquet file cannot be read: {what}"))
}

fn write_row(out: &mut Vec<u8>, row: &Row) -> io::Result<()> {
    for (i, (name, field)) in row.get_column_iter().enumerate() {
        out.push(if i == 0 { b'{' } else { b',' });
        serde_json::to_writer(&mut *out, name)?;
        out.push(b':');
        match field {
            Field::Null => out.extend(b"null"),
            Field::Str(text) => serde_json::to_writer(&mut *out, text)?,
            Field::Int(n) => write!(out, "{n}")?,
            Field::Long(n) | Field::TimestampMillis(n) | Field::TimestampMicros(n) => write!(out, "{n}")?,
            // What has no JSON of its own is written as a text.
            other => serde_json::to_writer(&mut *out, &other.to_json_value())?,
        }
    }
    out.extend(if row.len() == 0 { &b"{}\n"[..] } else { &b"}\n"[..] });
    Ok(())
}

/// One input for all the readers of its parts.
struct Shared {
    input: Arc<Mutex<Box<dyn Seekable>>>,
    length: u64,
}

impl Length for Shared {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Shared {
    type T = BufReader<Part>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(Part { input: self.input.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // A damaged file may name more than it has.
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF(format!("it ends before byte {start} + {length}")));
        }
        let mut bytes = vec![0; length];
        Part { input: self.input.clone(), at: start }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// The input from some byte on.
struct Part {
    input: Arc<Mutex<Box<dyn Seekable>>>,
    at: u64,
}

impl Read for Part {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        input.seek(SeekFrom::Start(self.at))?;
        let n = input.read(out)?;
        self.at += n as u64;
        Ok(n)
    }
}
