//! Substitution templates of regular expression rewrites (envoy-matching 6.6).

/// A piece of a substitution.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Group(usize),
}

/// A substitution as RE2 reads it: `\0` to `\9` are groups, `\\` is a backslash, everything else stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    /// The pieces up to the first bad escape, where RE2 stops writing.
    pieces: Vec<Piece>,
    /// The largest group that is named anywhere, also behind a bad escape.
    max_group: usize,
}

impl Template {
    pub(super) fn parse(substitution: &str) -> Template {
        let mut pieces = Vec::new();
        let mut max_group = 0;
        let mut text = Vec::new();
        let mut good = true;
        let mut bytes = substitution.bytes();
        while let Some(byte) = bytes.next() {
            let next = if byte == b'\\' { bytes.next() } else { None };
            match (byte, next) {
                (b'\\', Some(digit)) if digit.is_ascii_digit() => {
                    let group = usize::from(digit - b'0');
                    max_group = max_group.max(group);
                    if good {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                        pieces.push(Piece::Group(group));
                    }
                }
                (b'\\', Some(b'\\')) => text.push(b'\\'),
                // RE2 looks for group numbers in the whole text before it writes anything.
                (b'\\', _) => {
                    if good {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                    }
                    good = false;
                }
                (byte, _) => text.push(byte),
            }
        }
        if good {
            pieces.push(Piece::Text(text));
        }
        pieces.retain(|p| *p != Piece::Text(Vec::new()));
        Template { pieces, max_group }
    }

    /// The largest group number that occurs.
    pub(super) fn max_group(&self) -> usize {
        self.max_group
    }

    /// Writes the substitution, asking `group` for what a group matched; a group without a match is empty.
    pub(super) fn write<'t>(&self, out: &mut Vec<u8>, group: impl Fn(usize) -> &'t [u8]) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Group(index) => out.extend_from_slice(group(*index)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_backslashes_and_dollars() {
        let template = Template::parse(r"a\1$0\\\0b");
        assert_eq!(template.max_group(), 1);
        let mut out = Vec::new();
        template.write(&mut out, |g| if g == 0 { b"<whole>" } else { b"<one>" });
        assert_eq!(out, br"a<one>$0\<whole>b");
    }

    #[test]
    fn a_bad_escape_ends_the_text() {
        for (substitution, written, max_group) in [(r"[\q]", "[", 0), (r"b\", "b", 0), (r"x\q\4", "x", 4)] {
            let template = Template::parse(substitution);
            let mut out = Vec::new();
            template.write(&mut out, |_| b"?");
            assert_eq!(out, written.as_bytes());
            assert_eq!(template.max_group(), max_group, "{substitution}");
        }
    }
}
