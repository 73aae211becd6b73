//! Query parameters of a path (envoy-matching 4.1).

/// The parameters of a path with query, in order: name and value, both as written.
///
/// The text behind the first `?` is split at `&`, each piece at its first `=`; a piece without `=` has an empty value.
/// Nothing is decoded; `;` and further `?` are data. Empty pieces come with an empty name. A path without `?` has no
/// parameters.
pub(crate) fn params(path: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let query = memchr::memchr(b'?', path).and_then(|at| path.get(at + 1..));
    query.into_iter().flat_map(|query| query.split(|b| *b == b'&')).map(|piece| {
        let at = memchr::memchr(b'=', piece).unwrap_or(piece.len());
        let value = piece.get(at + 1..).unwrap_or_default();
        (piece.get(..at).unwrap_or(piece), value)
    })
}

/// The value of the first parameter called `name`: the only one that matchers and hash policies see
/// (envoy-matching 4.2 and 10.6).
#[must_use]
pub(crate) fn first_value<'p>(path: &'p [u8], name: &[u8]) -> Option<&'p [u8]> {
    params(path).find(|(found, _)| *found == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qp_4_1_first_values() {
        let table: &[(&str, &str, Option<&str>)] = &[
            ("/?q=v&q=w", "q", Some("v")),
            ("/?q=w&q=v", "q", Some("w")),
            ("/?&&q=v&", "q", Some("v")),
            ("/?x=1;q=v", "q", None),
            ("/?x=1;q=v", "x", Some("1;q=v")),
            ("/?q=%76", "q", Some("%76")),
            ("/?%71=v", "q", None),
            ("/?Q=v", "q", None),
            ("/x?y?q=v", "q", None),
            ("/x?y?q=v", "y?q", Some("v")),
            ("/?q", "q", Some("")),
            ("/?q=", "q", Some("")),
            ("/?q==1=2", "q", Some("=1=2")),
            ("/?", "q", None),
            ("/", "q", None),
            ("/?q=a+b", "q", Some("a+b")),
            ("/?q[]=1", "q[]", Some("1")),
            ("/?q%5B%5D=1", "q[]", None),
        ];
        for (path, name, value) in table {
            assert_eq!(first_value(path.as_bytes(), name.as_bytes()), value.map(str::as_bytes), "{path}");
        }
    }

    #[test]
    fn qp_4_1_order_and_empty_pieces() {
        let found: Vec<_> = params(b"/?b=1&&a&=x").collect();
        let expected: [(&[u8], &[u8]); 4] = [(b"b", b"1"), (b"", b""), (b"a", b""), (b"", b"x")];
        assert_eq!(found, expected);
        assert_eq!(params(b"/a").count(), 0);
    }
}
