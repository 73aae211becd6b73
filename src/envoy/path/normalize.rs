//! Path normalisation of the HTTP connection manager (envoy-matching 2.6).

use std::borrow::Cow;

use crate::manifest::kinds::EscapedSlashes;

/// `meshConfig.pathNormalization.normalization`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum PathNormalization {
    /// `NONE`: paths are taken as they come.
    None,
    /// `BASE`, and `DEFAULT`: escapes, backslashes and dot segments are resolved.
    #[default]
    Base,
    /// `MERGE_SLASHES`: as `BASE`, then runs of slashes become one.
    MergeSlashes,
    /// `DECODE_AND_MERGE_SLASHES`: escaped slashes are decoded first, then as `MERGE_SLASHES`.
    DecodeAndMergeSlashes,
}

/// What becomes of a `#` in a path (`http_reject_path_with_fragment`, envoy-matching 0.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Fragment {
    /// Everything from the first `#` on is cut off, also where it stands behind a `?`. Istio's bootstrap sets this.
    #[default]
    Cut,
    /// The request is answered 400: Envoy's own default.
    Reject,
}

/// What the connection manager does to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PathOptions {
    /// What becomes of a fragment.
    pub fragment: Fragment,
    /// What becomes of escaped slashes.
    pub escaped_slashes: EscapedSlashes,
    /// `normalize_path`: resolve escapes, backslashes and dot segments.
    pub normalize: bool,
    /// `merge_slashes`: runs of slashes become one.
    pub merge_slashes: bool,
    /// `strip_dotdot_segments_with_parameters`: `..;x` counts as `..`. New in 1.40.
    pub dot_segments_with_parameters: bool,
}

impl Default for PathOptions {
    fn default() -> PathOptions {
        PathNormalization::default().into()
    }
}

/// The options that Istio writes for a mesh setting, for a proxy of Envoy 1.40.
impl From<PathNormalization> for PathOptions {
    fn from(mode: PathNormalization) -> PathOptions {
        PathOptions {
            fragment: Fragment::Cut,
            escaped_slashes: match mode {
                PathNormalization::DecodeAndMergeSlashes => EscapedSlashes::Unescape,
                _ => EscapedSlashes::Keep,
            },
            normalize: mode != PathNormalization::None,
            merge_slashes: matches!(mode, PathNormalization::MergeSlashes | PathNormalization::DecodeAndMergeSlashes),
            dot_segments_with_parameters: true,
        }
    }
}

/// Why a path is answered 400 before any route sees it, with the details `path_normalization_failed` and no flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub(crate) enum BadPath {
    /// It has a fragment, and the options refuse fragments.
    #[error("path has a fragment")]
    Fragment,
    /// It has `%00`, which normalisation refuses.
    #[error("path has an escaped NUL")]
    EscapedNul,
    /// It has an escaped slash, and the options refuse them.
    #[error("path has an escaped slash")]
    EscapedSlash,
}

/// Whether a client is redirected to the path that [`normalize`] gives, because it has escaped slashes.
pub(crate) fn redirects(path: &[u8], options: &PathOptions) -> bool {
    let before = super::path_part(path);
    options.escaped_slashes == EscapedSlashes::Redirect && before.windows(3).any(|w| escaped_slash(w).is_some())
}

/// Normalises a path with its query. Only what stands before the first `?` changes, apart from the cut fragment.
///
/// The result takes the place of `:path` for matching, rewriting, logging and upstream. A path that stays as it is comes
/// back borrowed, without allocation. A text that does not begin with `/` (`*`, or none) has no segments and is left
/// alone by `normalize` and `merge_slashes`.
///
/// # Errors
/// The path is answered 400 for one of the reasons of [`BadPath`].
pub(crate) fn normalize<'p>(path: &'p [u8], options: &PathOptions) -> Result<Cow<'p, [u8]>, BadPath> {
    let mut path = path;
    if let Some(at) = memchr::memchr(b'#', path) {
        match options.fragment {
            Fragment::Reject => return Err(BadPath::Fragment),
            Fragment::Cut => path = path.get(..at).unwrap_or(path),
        }
    }
    let end = memchr::memchr(b'?', path).unwrap_or(path.len());
    let (before, query) = path.split_at_checked(end).unwrap_or((path, b""));
    if !needs_work(before, options) {
        return Ok(Cow::Borrowed(path));
    }
    let mut text = Cow::Borrowed(before);
    match options.escaped_slashes {
        EscapedSlashes::Keep => {}
        EscapedSlashes::Reject if before.windows(3).any(|w| escaped_slash(w).is_some()) => {
            return Err(BadPath::EscapedSlash);
        }
        EscapedSlashes::Reject => {}
        EscapedSlashes::Unescape | EscapedSlashes::Redirect => text = Cow::Owned(unescape_slashes(before)),
    }
    if options.normalize && text.first() == Some(&b'/') {
        text = Cow::Owned(resolve(&text, options)?);
    }
    if options.merge_slashes && text.first() == Some(&b'/') {
        text = Cow::Owned(merge_slashes(&text));
    }
    if *text == *before {
        return Ok(Cow::Borrowed(path));
    }
    let mut out = text.into_owned();
    out.extend_from_slice(query);
    Ok(Cow::Owned(out))
}

/// [`normalize`] for text.
///
/// # Errors
/// As [`normalize`].
pub(crate) fn normalize_str<'p>(path: &'p str, options: &PathOptions) -> Result<Cow<'p, str>, BadPath> {
    match normalize(path.as_bytes(), options)? {
        // Cuts fall on ASCII characters, so what is left is still text.
        Cow::Borrowed(bytes) => Ok(path.get(..bytes.len()).map_or(Cow::Borrowed(path), Cow::Borrowed)),
        Cow::Owned(bytes) => Ok(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())),
    }
}

/// Whether any step could change or refuse the text before the query. True too often does no harm.
fn needs_work(before: &[u8], options: &PathOptions) -> bool {
    let mut previous = 0;
    for &byte in before {
        let found = match byte {
            b'%' => options.normalize || options.escaped_slashes != EscapedSlashes::Keep,
            b'/' => options.merge_slashes && previous == b'/',
            b'.' => options.normalize && previous == b'/',
            b'\\' => options.normalize,
            _ => options.normalize && must_be_escaped(byte),
        };
        if found {
            return true;
        }
        previous = byte;
    }
    false
}

fn escaped_slash(window: &[u8]) -> Option<u8> {
    match window {
        [b'%', b'2', b'f' | b'F'] => Some(b'/'),
        [b'%', b'5', b'c' | b'C'] => Some(b'\\'),
        _ => None,
    }
}

fn unescape_slashes(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        match rest.get(..3).and_then(escaped_slash) {
            Some(slash) => {
                out.push(slash);
                rest = rest.get(3..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

/// Step 3 of envoy-matching 2.6, for a text that begins with `/`.
fn resolve(text: &[u8], options: &PathOptions) -> Result<Vec<u8>, BadPath> {
    let mut clean = Vec::with_capacity(text.len() + 8);
    for (index, raw) in text.split(|b| *b == b'/').enumerate() {
        if index > 0 {
            clean.push(b'/');
        }
        let segment: &[u8] = match raw {
            [b'.', b'.', b';', ..] if options.dot_segments_with_parameters => b"..",
            [b'.', b';', ..] if options.dot_segments_with_parameters => b".",
            _ => raw,
        };
        canonicalize(segment, &mut clean)?;
    }
    Ok(remove_dot_segments(&clean))
}

/// Backslashes, escapes and characters that must be escaped.
///
/// A decoded character may complete an escape with a percent sign that was none before it, as in `%2%41`. Then that sign
/// is escaped, so that normalising again gives the same: `%252A`.
fn canonicalize(segment: &[u8], out: &mut Vec<u8>) -> Result<(), BadPath> {
    // Where in `out` the last percent sign stands that begins no escape.
    let mut stray = None;
    let mut rest = segment;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'\\' => out.push(b'/'),
            b'%' => match tail {
                [b'0', b'0', ..] => return Err(BadPath::EscapedNul),
                [high, low, after @ ..] if let Some(plain) = unhex(*high, *low) => {
                    if is_unreserved(plain) {
                        out.push(plain);
                        rest = after;
                        escape_stray(stray, after.first().copied(), out);
                    } else {
                        out.extend([b'%', *high, *low]);
                        rest = after;
                    }
                }
                _ => {
                    stray = Some(out.len());
                    out.push(b'%');
                }
            },
            byte if must_be_escaped(byte) => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
                out.extend([b'%', digit(byte >> 4), digit(byte & 0xF)]);
            }
            byte => out.push(byte),
        }
    }
    Ok(())
}

/// Escapes the stray percent sign where the character just written makes an escape of it, or will do so together with
/// the next one of the input.
fn escape_stray(stray: Option<usize>, next: Option<u8>, out: &mut Vec<u8>) {
    let Some(at) = stray else { return };
    let completes = match out.get(at + 1..) {
        Some([digit]) => next.is_some_and(|next| unhex(*digit, next).is_some()),
        Some([high, low]) => unhex(*high, *low).is_some(),
        _ => false,
    };
    if completes {
        out.splice(at + 1..at + 1, *b"25");
    }
}

fn unhex(high: u8, low: u8) -> Option<u8> {
    let digit = |d: u8| char::from(d).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn must_be_escaped(byte: u8) -> bool {
    byte >= 0x80 || matches!(byte, b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}')
}

/// `.` goes, `..` takes the segment before it along, which may be an empty one.
fn remove_dot_segments(text: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let inner = text.strip_prefix(b"/").unwrap_or(text);
    let mut segments = inner.split(|b| *b == b'/').peekable();
    // INVARIANT: `out` ends with the slash that the next segment follows.
    out.push(b'/');
    while let Some(segment) = segments.next() {
        match segment {
            b"." => {}
            b".." => {
                out.pop();
                let slash = memchr::memrchr(b'/', &out);
                out.truncate(slash.map_or(0, |at| at + 1));
                if out.is_empty() {
                    out.push(b'/');
                }
            }
            _ => {
                out.extend_from_slice(segment);
                if segments.peek().is_some() {
                    out.push(b'/');
                }
            }
        }
    }
    out
}

/// Runs of slashes become one; but a path of slashes alone keeps two, if it has that many.
fn merge_slashes(text: &[u8]) -> Vec<u8> {
    if text.len() > 1 && text.iter().all(|b| *b == b'/') {
        return b"//".to_vec();
    }
    let mut out = text.to_vec();
    out.dedup_by(|b, a| *a == b'/' && *b == b'/');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(path: &str, mode: PathNormalization) -> String {
        normalize_str(path, &mode.into()).map_or_else(|e| format!("400 {e}"), Cow::into_owned)
    }

    /// The table of envoy-matching 2.6: input, BASE, MERGE_SLASHES, DECODE_AND_MERGE_SLASHES.
    #[test]
    fn pn_2_6_table() {
        let same = |path| (path, path, path, path);
        let all = |path, result| (path, result, result, result);
        let table = [
            all("/a//../b", "/a/b"),
            ("/a//b", "/a//b", "/a/b", "/a/b"),
            ("//", "//", "//", "//"),
            ("///a", "///a", "/a", "/a"),
            ("/%2F", "/%2F", "/%2F", "//"),
            ("/a%2fb", "/a%2fb", "/a%2fb", "/a/b"),
            ("/a%5cb", "/a%5cb", "/a%5cb", "/a/b"),
            all(r"/a\..\b", "/b"),
            ("/a/%2e%2e%2f", "/a/..%2f", "/a/..%2f", "/"),
            all("/%41%5A%2d%2e%5f%7e", "/AZ-._~"),
            same("/a%20b"),
            same("/%zz"),
            same("/a%"),
            same("/a%2"),
            same("/%2541"),
            same("/%c3%a9"),
            all("/a/..;/b", "/b"),
            all("/a/..;x=1", "/"),
            all("/a/.;x/b", "/a/b"),
            all("/a/%2e;x/b", "/a/.;x/b"),
            (r"/\.;x", "//.;x", "/.;x", "/.;x"),
            all("/a;b/../c", "/c"),
            all("/a/..", "/"),
            all("/a/b/..", "/a/"),
            all("/a/.", "/a/"),
            all("/../a", "/a"),
            all("/{}", "/%7B%7D"),
            same("/a?x=/../y"),
            same("/!$&'()*+,;=:@[]"),
            all("/\u{e9}\"<>^`|", "/%C3%A9%22%3C%3E%5E%60%7C"),
            all("/a%00b", "400 path has an escaped NUL"),
            all("/a/../../b/./c?%00", "/b/c?%00"),
            all("/a/.%2E/b", "/b"),
            all("/%2%41", "/%252A"),
            all("/%%41a%2e", "/%25Aa."),
            all("/%%41%41", "/%25AA"),
            all("/%%41g", "/%Ag"),
            same("/.a/..b/...?/"),
            same(""),
            same("*"),
            same("/"),
        ];
        for (path, base, merge, decode) in table {
            assert_eq!(run(path, PathNormalization::Base), base, "{path} BASE");
            assert_eq!(run(path, PathNormalization::MergeSlashes), merge, "{path} MERGE_SLASHES");
            assert_eq!(run(path, PathNormalization::DecodeAndMergeSlashes), decode, "{path} DECODE");
            assert_eq!(run(path, PathNormalization::None), path, "{path} NONE");
        }
    }

    #[test]
    fn pn_2_6_fragments() {
        let mut options = PathOptions::default();
        for (path, cut) in [("/a?b#c?d", "/a?b"), ("/a#b?c", "/a"), ("/a/../b#/../c", "/b"), ("/a", "/a")] {
            assert_eq!(normalize_str(path, &options).as_deref(), Ok(cut));
        }
        options.fragment = Fragment::Reject;
        assert_eq!(normalize_str("/abc#f", &options), Err(BadPath::Fragment));
        assert_eq!(normalize_str("/a?b#c", &options), Err(BadPath::Fragment));
    }

    #[test]
    fn pn_2_6_single_switches() {
        let plain = PathOptions { normalize: false, ..PathOptions::default() };
        let merge = PathOptions { merge_slashes: true, ..plain };
        assert_eq!(normalize_str("/a//../b", &merge).as_deref(), Ok("/a/../b"));
        let unescape = PathOptions { escaped_slashes: EscapedSlashes::Unescape, ..plain };
        assert_eq!(normalize_str("/a%2fb%5Cc?%2f", &unescape).as_deref(), Ok(r"/a/b\c?%2f"));
        let old = PathOptions { dot_segments_with_parameters: false, ..PathOptions::default() };
        assert_eq!(normalize_str("/a/..;/b", &old).as_deref(), Ok("/a/..;/b"));
    }

    #[test]
    fn ve14_escaped_slashes_can_be_refused_or_redirected() {
        let with = |escaped_slashes| PathOptions { escaped_slashes, ..PathOptions::default() };
        let reject = with(EscapedSlashes::Reject);
        assert_eq!(normalize_str("/a%2Fb", &reject), Err(BadPath::EscapedSlash));
        assert_eq!(normalize_str("/a?%2F", &reject).as_deref(), Ok("/a?%2F"));
        let redirect = with(EscapedSlashes::Redirect);
        for (path, to, is_redirected) in [
            ("/a%2fb/../c?d", "/a/c?d", true),
            ("/a%5Cb", "/a/b", true),
            ("/a?%2F", "/a?%2F", false),
            ("/a%20", "/a%20", false),
        ] {
            assert_eq!(normalize_str(path, &redirect).as_deref(), Ok(to), "{path}");
            assert_eq!(redirects(path.as_bytes(), &redirect), is_redirected, "{path}");
        }
        assert!(!redirects(b"/a%2Fb", &with(EscapedSlashes::Unescape)));
    }

    #[test]
    fn pn_2_6_raw_bytes_are_escaped() {
        let found = normalize(b"/a\xE9c", &PathOptions::default());
        assert_eq!(found.as_deref(), Ok(b"/a%E9c".as_slice()));
    }

    #[test]
    fn what_stays_is_borrowed() {
        for path in ["/", "/api/v1/x?y=../z", "/a.b/c", "/a%20b", "/a?b#c"] {
            assert!(matches!(normalize_str(path, &PathOptions::default()), Ok(Cow::Borrowed(_))), "{path}");
        }
    }

    proptest! {
        /// Normalising twice changes nothing more, the query stays, and nothing panics. Parameters of dot segments are looked for before
        /// escapes and backslashes are resolved: what these bring about is met by a second time alone.
        #[test]
        fn normalizing_settles(path in prop_oneof![any::<Vec<u8>>(), "[/.%2eEfF5cC;a\\\\?#é]{0,24}".prop_map(String::into_bytes)]) {
            for mode in [PathNormalization::None, PathNormalization::Base, PathNormalization::MergeSlashes] {
                let options = mode.into();
                if let Ok(once) = normalize(&path, &options) {
                    let query = |p: &[u8]| memchr::memchr(b'?', p).map(|at| p[at..].to_vec());
                    let cut: Vec<u8> = path.iter().copied().take_while(|b| *b != b'#').collect();
                    prop_assert_eq!(query(&once), query(&cut));
                    let options = PathOptions { dot_segments_with_parameters: false, ..options };
                    let twice = normalize(&once, &options);
                    prop_assert_eq!(twice.as_deref(), Ok(&*once));
                }
            }
            let _ = normalize(&path, &PathNormalization::DecodeAndMergeSlashes.into());
        }
    }
}
