//! Paths, queries and the codec's checks, as Envoy 1.40 treats them (envoy-matching 0.7, 2.3, 2.6, 4.1 and 6.6).
//!
//! Everything here works on bytes and knows nothing of routes:
//!
//! * [`normalize`] is the connection manager's treatment of a path before any route sees it;
//! * [`path_part`] and [`query`] cut a path into what matchers look at;
//! * [`rewrite_prefix`] and [`rewrite_regex`] make the path that is sent upstream;
//! * [`codec`] says which requests never reach a route table.
//!
//! Not here: redirects, whose `Location` is built where redirects are decided.

pub(crate) mod codec;
mod normalize;
pub(crate) mod query;
mod rewrite;

pub(crate) use normalize::{Fragment, PathNormalization, PathOptions, normalize_str, redirects};
pub(crate) use rewrite::{rewrite_prefix, rewrite_regex};
/// The text that path matchers see: up to the first `?` or `#` (envoy-matching 2.3).
#[must_use]
pub(crate) fn path_part(path: &[u8]) -> &[u8] {
    let end = memchr::memchr2(b'?', b'#', path).unwrap_or(path.len());
    path.get(..end).unwrap_or(path)
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
}
