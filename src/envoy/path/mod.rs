//! Paths, queries and the codec's checks, as Envoy 1.40 treats them (envoy-matching 0.7, 2.3, 2.6, 4.1 and 6.6).
//!
//! Everything here works on bytes and knows nothing of routes:
//!
//! * [`normalize`] is the connection manager's treatment of a path before any route sees it;
//! * [`path_part`], [`without_parameters`] and [`query`] cut a path into what matchers look at;
//! * [`rewrite_prefix`] and [`rewrite_regex`] make the path that is sent upstream;
//! * [`codec`] says which requests never reach a route table.
//!
//! Not here: redirects, whose `Location` is built where redirects are decided.

pub(crate) mod codec;
mod normalize;
pub(crate) mod query;
mod rewrite;

pub(crate) use normalize::{Fragment, PathNormalization, PathOptions, normalize_str};
pub(crate) use rewrite::{rewrite_prefix, rewrite_regex};
use std::borrow::Cow;

/// The text that path matchers see: up to the first `?` or `#` (envoy-matching 2.3).
#[must_use]
pub(crate) fn path_part(path: &[u8]) -> &[u8] {
    let end = memchr::memchr2(b'?', b'#', path).unwrap_or(path.len());
    path.get(..end).unwrap_or(path)
}

/// `path_part` without path parameters: in every segment everything from `;` on is left out.
///
/// This is what routes with `ignore_path_parameters_in_path_matching` see (envoy-matching 2.3). Gives back the input
/// where it has no parameters.
#[must_use]
pub(crate) fn without_parameters(path_part: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b';', path_part).is_none() {
        return Cow::Borrowed(path_part);
    }
    let mut out = Vec::with_capacity(path_part.len());
    for (index, segment) in path_part.split(|b| *b == b'/').enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        out.extend(segment.iter().take_while(|b| **b != b';'));
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pt_2_3_text_for_path_tests() {
        for (path, part) in [("/a?b", "/a"), ("/a#b?c", "/a"), ("/a", "/a"), ("?", ""), ("", ""), ("/a?b#c", "/a")] {
            assert_eq!(path_part(path.as_bytes()), part.as_bytes());
        }
    }

    #[test]
    fn pt_2_3_parameters_end_at_the_segment() {
        for (path, bare) in
            [("/abc;a/d", "/abc/d"), ("/x;y/abc", "/x/abc"), ("/abc;a", "/abc"), ("/;;/;", "//"), ("/a", "/a")]
        {
            assert_eq!(without_parameters(path.as_bytes()), bare.as_bytes());
        }
    }
}
