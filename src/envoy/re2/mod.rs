//! RE2 regular expressions as Envoy compiles them, over byte automata (envoy-matching 2.4 and appendix B).
//!
//! Patterns are read by a parser of our own, because RE2 accepts, refuses and means other things than the `regex` crate.
//! What was read becomes an automaton over bytes.
//!
//! * [`Re2`] compiles a pattern as the proxy does, matches whole texts and rewrites.
//! * [`check_go`] looks whether Istio's admission, which is written in Go, would accept it.
//!
//! Not here: the limit on the length of a pattern (Istio) and the limit on its program size (Envoy's runtime), which
//! belong to those who know the limits.

mod ast;
mod automaton;
mod class;
mod parse;
mod rewrite;
mod size;
mod translate;
mod unicode;

use ast::Ast;
pub(crate) use automaton::Automaton;
use automaton::{Searcher, Whole};
use parse::Dialect;
use regex_automata::Input;
use regex_syntax::hir::{Hir, HirKind, Look};
use rewrite::Template;
pub(crate) use size::ProgramSize;
use std::fmt;
use std::sync::{Arc, OnceLock};
use translate::Groups;

/// What one character of a pattern is.
///
/// Envoy 1.40 sees bytes (`re2_use_latin1_mode`, envoy-matching 0.4), older proxies see UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Encoding {
    /// Every byte is a character, of the code point 00–FF. A literal in the pattern is its UTF-8 bytes.
    #[default]
    Latin1,
    /// A character is a UTF-8 sequence. Only `\C` matches a byte that is not part of one.
    Utf8,
}

impl Encoding {
    fn dialect(self) -> Dialect {
        match self {
            Encoding::Latin1 => Dialect::Latin1,
            Encoding::Utf8 => Dialect::Utf8,
        }
    }
}

/// Why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Error {
    /// Where the fault begins, in bytes from the start of the pattern; at most its length.
    pub offset: usize,
    /// The words of RE2, or of Go for [`check_go`], such as ``missing ): a(``.
    pub message: String,
}

/// A compiled pattern. Clones share what was compiled.
///
/// Reading a pattern costs time in proportion to its length; its automata are built when they are first asked for.
#[derive(Clone)]
pub(crate) struct Re2 {
    inner: Arc<Inner>,
}

struct Inner {
    pattern: String,
    encoding: Encoding,
    ast: Ast,
    size: ProgramSize,
    hir: OnceLock<Hir>,
    matcher: OnceLock<Matcher>,
    searcher: OnceLock<Option<Searcher>>,
}

enum Matcher {
    /// The pattern is one text.
    Literal(Box<[u8]>),
    /// A text that every match begins with, and what follows it: short automata take less time to make.
    Automaton(Box<[u8]>, Whole),
    /// The automaton could not be built. `Re2::new` refuses what is too large, so this does not happen.
    Broken,
}

/// The most instructions that RE2 makes room for: two thirds of its default budget of 8 MiB, at 8 bytes each. RE2
/// counts before it flattens the program, we after.
const MAX_PROGRAM: u64 = 699_050;

impl Re2 {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// Everything that makes RE2 refuse a pattern, with its words and the place. An empty pattern is fine here; Envoy's
    /// validation refuses it before RE2 sees it (envoy-matching 2.4.8).
    pub(crate) fn new(pattern: &str, encoding: Encoding) -> Result<Re2, Error> {
        let ast = parse::parse(pattern, encoding.dialect())?;
        let size = size::program_size(&ast, encoding);
        if size.instructions() > MAX_PROGRAM {
            return Err(Error { offset: 0, message: "pattern too large - compile failed".to_owned() });
        }
        let inner = Inner {
            pattern: pattern.to_owned(),
            encoding,
            ast,
            size,
            hir: OnceLock::new(),
            matcher: OnceLock::new(),
            searcher: OnceLock::new(),
        };
        Ok(Re2 { inner: Arc::new(inner) })
    }

    /// Whether the pattern matches `text` from its first byte to its last, as all of Envoy's matchers ask.
    ///
    /// Does not allocate once it has run on a text of the kind.
    #[must_use]
    pub(crate) fn full_match(&self, text: &[u8]) -> bool {
        match self.inner.matcher.get_or_init(|| self.build_matcher()) {
            Matcher::Literal(literal) => **literal == *text,
            Matcher::Automaton(beginning, rest) => text.starts_with(beginning) && rest.is_match(text, beginning.len()),
            Matcher::Broken => false,
        }
    }

    #[cfg(feature = "cli")]
    /// The pattern as it was given.
    #[must_use]
    pub(crate) fn pattern(&self) -> &str {
        &self.inner.pattern
    }

    /// The number of instructions that RE2 compiles the pattern to, which Envoy limits (envoy-matching 0.4 and 2.4.7).
    #[must_use]
    pub(crate) fn program_size(&self) -> ProgramSize {
        self.inner.size
    }

    /// The pattern over bytes, anchored only where the pattern itself says so; for analyses of its language.
    ///
    /// It has no capturing groups. For the language of [`Re2::full_match`] put it between `Look::Start` and `Look::End`.
    #[must_use]
    pub(crate) fn hir(&self) -> &Hir {
        self.inner.hir.get_or_init(|| translate::to_hir(&self.inner.ast.root, self.inner.encoding, Groups::Drop))
    }

    /// Replaces every match in `text` by `substitution`, as Envoy's `regex_rewrite` does (envoy-matching 6.6).
    ///
    /// Matches are leftmost-first and do not overlap; an empty match directly behind a match is passed over. `\0` to
    /// `\9` in the substitution are groups (empty where the group took no part), `\\` is a backslash; any other escape
    /// ends the substitution there. Returns `None` where nothing matched, and where the substitution names a group that
    /// the pattern does not have.
    #[must_use]
    pub(crate) fn replace_all(&self, text: &[u8], substitution: &str) -> Option<Vec<u8>> {
        let template = Template::parse(substitution);
        if template.max_group() > usize::try_from(self.inner.ast.captures).unwrap_or(usize::MAX) {
            return None;
        }
        let searcher = self.inner.searcher.get_or_init(|| self.build_searcher()).as_ref()?;
        let mut captures = searcher.groups();
        let mut out = Vec::with_capacity(text.len() + substitution.len());
        let mut at = 0;
        let mut last_end = None;
        let mut matched = false;
        while at <= text.len() {
            searcher.search(&Input::new(text).range(at..), &mut captures);
            let Some(found) = captures.get_match() else {
                break;
            };
            out.extend_from_slice(text.get(at..found.start()).unwrap_or_default());
            if found.is_empty() && last_end == Some(found.start()) {
                let step = self.char_len(text, at);
                out.extend_from_slice(text.get(at..at + step).unwrap_or_default());
                at += step.max(1);
                continue;
            }
            template.write(&mut out, |group| {
                captures.get_group(group).and_then(|span| text.get(span.range())).unwrap_or_default()
            });
            at = found.end();
            last_end = Some(at);
            matched = true;
        }
        if !matched {
            return None;
        }
        out.extend_from_slice(text.get(at..).unwrap_or_default());
        Some(out)
    }

    /// Bytes of the character of `text` at `at`; 1 where there is no valid one, 0 at the end.
    fn char_len(&self, text: &[u8], at: usize) -> usize {
        let rest = text.get(at..).unwrap_or_default();
        let len = match rest.first() {
            None => return 0,
            Some(lead) if self.inner.encoding == Encoding::Latin1 || *lead < 0xC2 => 1,
            Some(0xC2..=0xDF) => 2,
            Some(0xE0..=0xEF) => 3,
            Some(_) => 4,
        };
        match rest.get(..len).map(std::str::from_utf8) {
            Some(Ok(_)) => len,
            _ => 1,
        }
    }

    fn build_matcher(&self) -> Matcher {
        let hir = self.hir();
        match hir.kind() {
            HirKind::Empty => return Matcher::Literal(Box::default()),
            HirKind::Literal(literal) => return Matcher::Literal(literal.0.clone()),
            _ => {}
        }
        let (beginning, rest) = apart(hir);
        let whole = Hir::concat(vec![rest, Hir::look(Look::End)]);
        // `Re2::new` has bounded its size.
        Whole::new(&whole).map_or(Matcher::Broken, |whole| Matcher::Automaton(beginning.into(), whole))
    }

    fn build_searcher(&self) -> Option<Searcher> {
        Searcher::new(&translate::to_hir(&self.inner.ast.root, self.inner.encoding, Groups::Keep))
    }
}

/// The text that a pattern begins with, which may be empty, and the rest. Whatever the rest says of the place where it begins, it is
/// asked behind the text.
fn apart(hir: &Hir) -> (Vec<u8>, Hir) {
    let HirKind::Concat(parts) = hir.kind() else { return (Vec::new(), hir.clone()) };
    // All matches begin at the text's first byte.
    let asked = parts.iter().take_while(|part| matches!(part.kind(), HirKind::Look(Look::Start))).count();
    match parts.get(asked..).and_then(<[Hir]>::split_first).map(|(first, rest)| (first.kind(), rest)) {
        Some((HirKind::Literal(literal), rest)) => (literal.0.to_vec(), Hir::concat(rest.to_vec())),
        _ => (Vec::new(), hir.clone()),
    }
}

impl fmt::Debug for Re2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Re2").field(&self.inner.pattern).field(&self.inner.encoding).finish()
    }
}

/// Patterns are equal when they are written alike and read alike.
impl PartialEq for Re2 {
    fn eq(&self, other: &Re2) -> bool {
        self.inner.pattern == other.inner.pattern && self.inner.encoding == other.inner.encoding
    }
}

impl Eq for Re2 {}

/// Whether Go's `regexp.Compile` accepts `pattern`, as Istio's admission asks, with the rules of Go 1.25 and newer.
///
/// Go reads UTF-8, knows no `\C`, takes `\x{100}` and octal escapes above 377, and is freer with the names of Unicode
/// groups. Istio's limit of 1024 bytes is not checked here.
///
/// # Errors
/// What Go would refuse, in its words.
pub(crate) fn check_go(pattern: &str) -> Result<(), Error> {
    parse::parse(pattern, Dialect::Go).map(drop)
}

#[cfg(test)]
mod tests;
