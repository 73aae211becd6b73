//! The rows of CSV and the lines that they begin at.

use std::io::{self, Read};

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};

use super::log::LONGEST_LINE;

/// Put behind the last row, as one of its own. A quote that isn't closed takes it in.
pub(super) const END: &str = "\n\0end of the log\0\n";

/// The rows of a log, one after another.
#[derive(Debug)]
pub(super) struct Rows<R> {
    reader: Reader<Watched<io::Chain<R, &'static [u8]>>>,
    /// The line behind the last row.
    reached: u64,
}

impl<R: Read> Rows<R> {
    /// A line feed ends a row; a carriage return before it is a blank of the last cell.
    pub(super) fn new(input: R, delimiter: u8) -> Rows<R> {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            .delimiter(delimiter)
            .from_reader(Watched { input: input.chain(END.as_bytes()), budget: LONGEST_LINE });
        Rows { reader, reached: 1 }
    }

    /// The next row that isn't blank, and the line that it begins at.
    ///
    /// # Errors
    /// That of the input, and the line that was reached.
    pub(super) fn next(&mut self) -> Result<Option<(u64, ByteRecord)>, (u64, io::Error)> {
        loop {
            self.reader.get_mut().budget = LONGEST_LINE;
            let mut row = ByteRecord::new();
            let read = self.reader.read_byte_record(&mut row);
            let behind = self.reader.position().line();
            match read {
                Ok(true) if row.len() == 1 && is_blank(row.as_slice()) => {}
                Ok(true) => {
                    let inside = memchr::memchr_iter(b'\n', row.as_slice()).count() as u64;
                    // The last line feed ends the row, unless a quote is open.
                    let last = u64::from(!is_open(&row));
                    self.reached = behind;
                    return Ok(Some((behind.saturating_sub(inside + last), row)));
                }
                Ok(false) => return Ok(None),
                Err(e) => {
                    let error = match e.into_kind() {
                        csv::ErrorKind::Io(e) => e,
                        other => io::Error::other(format!("{other:?}")),
                    };
                    return Err((self.reached, error));
                }
            }
        }
    }
}

/// True if a quote of the row isn't closed, so that the rest of the log belongs to it.
pub(super) fn is_open(row: &ByteRecord) -> bool {
    row.as_slice().ends_with(END.as_bytes())
}

fn is_blank(row: &[u8]) -> bool {
    let row = row.trim_ascii();
    row.is_empty() || row == END.trim_ascii().as_bytes()
}

/// An input that gives only so much for one row: a quote that isn't closed must not read a whole log into memory.
#[derive(Debug)]
struct Watched<R> {
    input: R,
    budget: usize,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.budget == 0 {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "the row is longer than 16 MiB: maybe a quote is not closed",
            ));
        }
        let read = self.input.read(buffer)?;
        self.budget = self.budget.saturating_sub(read);
        Ok(read)
    }
}
