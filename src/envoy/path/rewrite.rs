//! Path rewrites of forwarded requests (envoy-matching 6.6).

use super::path_part;
use crate::envoy::re2::Re2;
use std::borrow::Cow;

/// `prefix_rewrite`: replaces the first `matched_len` bytes of `path` by `replacement`, byte for byte.
///
/// `matched_len` is the length of the configured prefix for prefix and separated prefix matches, and that of the whole
/// path part for exact and regex matches; a length beyond the path part counts as that. There is no logic of slashes:
/// prefix `/abc` by `/` makes `//d` of `/abc/d`. The query is kept.
#[must_use]
pub(crate) fn rewrite_prefix(path: &[u8], matched_len: usize, replacement: &str) -> Vec<u8> {
    let rest = path.get(matched_len.min(path_part(path).len())..).unwrap_or_default();
    [replacement.as_bytes(), rest].concat()
}

/// `regex_rewrite`: replaces every match of `pattern` in the path part by `substitution`; the query is kept.
///
/// Gives nothing where the result would be empty: then Envoy takes the rewrite for not done and sends no
/// `x-envoy-original-path`. Gives the path itself where nothing matched or the substitution names a missing group: then
/// the path stays, but `x-envoy-original-path` is sent. A result without a leading `/` is sent as it is.
#[must_use]
pub(crate) fn rewrite_regex<'p>(path: &'p [u8], pattern: &Re2, substitution: &str) -> Option<Cow<'p, [u8]>> {
    let part = path_part(path);
    let Some(mut rewritten) = pattern.replace_all(part, substitution) else {
        return if part.is_empty() { None } else { Some(Cow::Borrowed(path)) };
    };
    if rewritten.is_empty() {
        return None;
    }
    rewritten.extend_from_slice(path.get(part.len()..).unwrap_or_default());
    Some(Cow::Owned(rewritten))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::re2::Encoding;

    #[test]
    fn rw_6_6_prefixes() {
        let whole = usize::MAX;
        let table: &[(usize, &str, &str, &str)] = &[
            (4, "/", "/abc/d", "//d"),
            (4, "/", "/abcd", "/d"),
            (4, "/", "/abc", "/"),
            (5, "/", "/abc/d", "/d"),
            (1, "/x", "/a", "/xa"),
            (4, "/x", "/abc/d", "/x/d"),
            (whole, "/x", "/abc/d?z", "/x?z"),
            (4, "/x?y=1", "/abc/d?q", "/x?y=1/d?q"),
            (4, "x", "/abc/d", "x/d"),
            (4, "/x", "/aBcD/e", "/xD/e"),
        ];
        for (len, replacement, path, result) in table {
            assert_eq!(rewrite_prefix(path.as_bytes(), *len, replacement), result.as_bytes(), "{path}");
        }
    }

    /// Pattern, substitution, path, result, whether the original path is sent along.
    #[test]
    fn rw_6_6_regexes() {
        let table: &[(&str, &str, &str, &str, bool)] = &[
            (".*", "", "/abc?q", "/abc?q", false),
            ("/abc", "/x", "/axb", "/axb", true),
            ("^/abc", "", "/abcd", "d", true),
            ("(a)", r"\2", "/aXa", "/aXa", true),
            ("a", "-", "/a?a=a", "/-?a=a", true),
            ("a*", "-", "/baac", "-/-b-c-", true),
            (r"^/abc(/?)(.*)", r"/\2", "/abc/d?e", "/d?e", true),
        ];
        for (pattern, substitution, path, result, original) in table {
            let pattern = Re2::new(pattern, Encoding::Latin1).expect(pattern);
            let found = rewrite_regex(path.as_bytes(), &pattern, substitution);
            assert_eq!(found.is_some(), *original, "{path}");
            assert_eq!(found.as_deref().unwrap_or(path.as_bytes()), result.as_bytes(), "{path}");
        }
    }
}
