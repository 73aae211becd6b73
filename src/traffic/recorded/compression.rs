//! Opens compressed logs, told by their first bytes.

use std::io::{self, Read};

/// How a log is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstandard,
}

impl Compression {
    pub(super) fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstandard => "zstd",
        }
    }
}

/// Without the feature `compression` no log is opened that is compressed.
const OPENS: bool = cfg!(feature = "compression");

/// How the first bytes say that a log is compressed.
///
/// # Errors
/// What the bytes are if they can't be opened here, and the command that can.
pub(super) fn of(head: &[u8]) -> Result<Option<Compression>, (&'static str, &'static str)> {
    Ok(match head {
        [0x1f, 0x8b, ..] if OPENS => Some(Compression::Gzip),
        [0x1f, 0x8b, ..] => return Err(("is compressed by gzip", "gzip -dc")),
        // The second is a frame to be skipped, as parallel compressors begin with.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] if OPENS => Some(Compression::Zstandard),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            return Err(("is compressed by zstd", "zstd -dc"));
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => return Err(("is compressed by xz", "xz -dc")),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => return Err(("is compressed by bzip2", "bzip2 -dc")),
        [0x04, 0x22, 0x4d, 0x18, ..] => return Err(("is compressed by lz4", "lz4 -dc")),
        [b'P', b'K', 3, 4, ..] => return Err(("is a zip archive", "unzip -p")),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(("is UTF-16 text", "iconv -f UTF-16 -t UTF-8")),
        _ => None,
    })
}

/// The bytes inside; all members of gzip and all frames of zstd, one after another.
pub(super) fn open(compression: Option<Compression>, input: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
    Ok(match compression {
        None => input,
        #[cfg(feature = "compression")]
        Some(Compression::Gzip) => Box::new(Members::new(input)),
        #[cfg(feature = "compression")]
        Some(Compression::Zstandard) => Box::new(zstd::stream::read::Decoder::new(input)?),
        #[cfg(not(feature = "compression"))]
        Some(other) => return Err(io::Error::new(io::ErrorKind::Unsupported, other.name())),
    })
}

/// All members of gzip data. As gzip itself does, what follows them and is no member is passed over: padding of tapes and
/// blocks, a line end that an editor added.
#[cfg(feature = "compression")]
struct Members {
    /// None: the end.
    member: Option<flate2::bufread::GzDecoder<io::BufReader<Box<dyn Read + Send>>>>,
}

#[cfg(feature = "compression")]
impl Members {
    fn new(input: Box<dyn Read + Send>) -> Members {
        Members { member: Some(flate2::bufread::GzDecoder::new(io::BufReader::new(input))) }
    }
}

#[cfg(feature = "compression")]
impl Read for Members {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = &mut self.member else { return Ok(0) };
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(mut input) = self.member.take().map(flate2::bufread::GzDecoder::into_inner) else { return Ok(0) };
            if io::BufRead::fill_buf(&mut input)?.first() == Some(&0x1f) {
                self.member = Some(flate2::bufread::GzDecoder::new(input));
            }
        }
    }
}

/// The bytes inside of what begins with `head`. None where they can't be opened here.
#[cfg(feature = "files")]
pub(crate) fn unpacking(head: Vec<u8>, rest: Box<dyn Read + Send>) -> Option<Box<dyn Read + Send>> {
    let compression = of(&head).ok()?;
    open(compression, Box::new(io::Cursor::new(head).chain(rest))).ok()
}

/// The bytes inside of a whole file, as they are where it is not compressed.
///
/// # Errors
/// What is wrong with it, to be put behind its name; also where more than `limit` bytes are inside.
#[cfg(feature = "files")]
pub(crate) fn unpacked(bytes: Vec<u8>, limit: u64) -> Result<Vec<u8>, String> {
    let compression = of(&bytes).map_err(|(is, command)| format!("{is}: open it with `{command}`"))?;
    if compression.is_none() {
        return Ok(bytes);
    }
    let explained = |e: io::Error| format!("cannot be read: {}", explain(compression, &e));
    let mut out = Vec::new();
    let inside = open(compression, Box::new(io::Cursor::new(bytes))).map_err(explained)?;
    inside.take(limit + 1).read_to_end(&mut out).map_err(explained)?;
    if out.len() as u64 > limit {
        return Err(format!("holds more than {} MiB", limit >> 20));
    }
    Ok(out)
}

/// What an error while reading says about the log.
pub(super) fn explain(compression: Option<Compression>, error: &io::Error) -> String {
    let Some(compression) = compression else { return error.to_string() };
    match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("the {} data is cut off: its end is missing", compression.name()),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
            format!("the {} data is corrupt: {error}", compression.name())
        }
        _ => error.to_string(),
    }
}
