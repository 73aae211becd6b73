//! What begins with `(?`: names and flags.

use super::fault::Fault;
use super::{Dialect, Frame, Parser};
use crate::envoy::re2::Error;
use crate::envoy::re2::unicode;

impl Parser<'_> {
    /// Reads `(?`: a named group, or flags, or both flags and a group.
    pub(super) fn perl_group(&mut self) -> Result<(), Error> {
        let start = self.pos;
        let rest = self.rest();
        if self.dialect != Dialect::Go {
            // Look-around is named in full, so that `(?<=` is not taken for a bad name.
            let len = match rest {
                [_, _, b'=' | b'!', ..] => 3,
                [_, _, b'<', b'=' | b'!', ..] => 4,
                _ => 0,
            };
            if len > 0 {
                return Err(self.fault(Fault::PerlOp, start, start + len));
            }
        }
        let name_at = match rest {
            [_, _, b'P', b'<', _, ..] => 4,
            [_, _, b'<', _, ..] => 3,
            _ => return self.perl_flags(),
        };
        let Some(len) = memchr::memchr(b'>', rest) else {
            return Err(self.fault(Fault::NamedCapture, start, self.bytes.len()));
        };
        let name = rest.get(name_at..len).unwrap_or_default();
        if !self.is_capture_name(name) {
            return Err(self.fault(Fault::NamedCapture, start, start + len + 1));
        }
        self.open_capture(start);
        self.pos += len + 1;
        Ok(())
    }

    fn is_capture_name(&self, name: &[u8]) -> bool {
        let good = match self.dialect {
            Dialect::Go => name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'),
            Dialect::Latin1 => name.iter().all(|b| unicode::is_capture_name_char(u32::from(*b))),
            Dialect::Utf8 => String::from_utf8_lossy(name).chars().all(|c| unicode::is_capture_name_char(u32::from(c))),
        };
        good && !name.is_empty()
    }

    fn perl_flags(&mut self) -> Result<(), Error> {
        let start = self.pos;
        self.pos += 2;
        let mut flags = self.flags;
        let mut on = true;
        let mut seen = false;
        while let Some(c) = self.next_char() {
            match char::from_u32(c).unwrap_or('\0') {
                'i' => flags.fold = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_newline = on,
                'U' => flags.swap_greed = on,
                '-' if on => {
                    on = false;
                    seen = false;
                    continue;
                }
                end @ (':' | ')') if on || seen => {
                    if end == ':' {
                        let frame = Frame::new(None, self.flags, start);
                        self.frames.push(frame);
                    }
                    self.flags = flags;
                    return Ok(());
                }
                _ => break,
            }
            seen = true;
        }
        Err(self.fault_here(Fault::PerlOp, start))
    }
}
