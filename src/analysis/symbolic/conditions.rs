//! Conditions of a route as a list of tests, one part of the request each.

use crate::parallel::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::{SmolStr, format_smolstr};

use super::language::{DFA_BYTES, Domain, Language};
use super::region::Example;
use super::value::{Arity, Test};
use crate::envoy::re2::Encoding;
use crate::envoy::table::{HeaderMatcher, PathMatch, RouteMatch, ValueMatch};
use crate::manifest::kinds::Labels;

/// A part of a request, or of the client that sends it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Field {
    Path,
    Method,
    Authority,
    Scheme,
    /// The header `:path`, which has the query too.
    WholePath,
    /// Lower case.
    Header(SmolStr),
    Query(SmolStr),
    Claim(SmolStr),
    Port,
    SourceNamespace,
    SourceLabel(SmolStr),
}

impl Field {
    pub(super) fn domain(&self) -> Domain {
        match self {
            Field::Path => Domain::Path,
            Field::Query(_) => Domain::Query,
            Field::Header(_) | Field::Claim(_) => Domain::Value,
            _ => Domain::Token,
        }
    }

    pub(super) fn arity(&self) -> Arity {
        match self {
            Field::Header(_) | Field::Claim(_) => Arity::Many,
            Field::Query(_) | Field::SourceLabel(_) => Arity::Optional,
            _ => Arity::One,
        }
    }
}

/// A method, authority or the like that no condition names.
const UNASKED: &[u8] = b"~";

/// Conditions on who sends a request and to which port, decided when a table is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Client {
    /// 0: any.
    pub port: u32,
    pub labels: Labels,
    /// Empty: any.
    pub namespace: SmolStr,
}

/// One test with what it should come to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Literal {
    pub field: Field,
    pub test: Test,
    pub holds: bool,
}

/// All conditions of one match; they must hold together.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Conditions {
    pub(super) literals: Vec<Literal>,
}

/// Languages of regexes that were built beforehand, each once; others are built when they are asked for.
#[derive(Debug, Default)]
pub(crate) struct Languages {
    by_text: FxHashMap<SmolStr, Language>,
    /// How the modelled Envoy reads patterns (VE-E3).
    encoding: Encoding,
}

/// Bytes that an automaton may have at first, when there are many.
const FIRST_BYTES: usize = 1 << 15;

/// Bytes of the automata that are learnt at a time.
const LEARNT_BYTES: u64 = 1 << 28;

impl Languages {
    /// The languages of these patterns, which may repeat. All automata together have about so many `bytes` at most, though
    /// each may have 32 KiB: first come those that are small, and the others share what is left.
    pub(crate) fn of_regexes<'t>(
        texts: impl IntoIterator<Item = &'t SmolStr>,
        encoding: Encoding,
        bytes: u64,
    ) -> Languages {
        let distinct: FxHashSet<&SmolStr> = texts.into_iter().collect();
        let first =
            distinct.into_par_iter().map(|text| (text.clone(), Language::regex_within(text, encoding, FIRST_BYTES)));
        let mut by_text: FxHashMap<_, _> = first.collect::<Vec<_>>().into_iter().collect();
        let large: Vec<SmolStr> =
            by_text.iter().filter(|(_, language)| !language.is_known()).map(|(text, _)| text.clone()).collect();
        let spent: u64 = by_text.values().map(|language| language.size() as u64).sum();
        let each = bytes.saturating_sub(spent) / large.len().max(1) as u64;
        let each = usize::try_from(each).unwrap_or(usize::MAX).min(DFA_BYTES);
        if each > FIRST_BYTES {
            let larger =
                large.into_par_iter().map(|text| (text.clone(), Language::regex_within(&text, encoding, each)));
            by_text.extend(larger.collect::<Vec<_>>());
        }
        Languages { by_text, encoding }
    }

    /// None yet, of patterns that are read like this.
    pub(crate) fn reading(encoding: Encoding) -> Languages {
        Languages { encoding, ..Languages::default() }
    }

    /// Builds those of these patterns that aren't known yet.
    pub(crate) fn learn<'t>(&mut self, texts: impl IntoIterator<Item = &'t SmolStr>) {
        let unknown = texts.into_iter().filter(|t| !self.by_text.contains_key(*t));
        let unknown = unknown.collect::<Vec<_>>();
        let Languages { by_text, .. } = Languages::of_regexes(unknown, self.encoding, LEARNT_BYTES);
        self.by_text.extend(by_text);
    }

    /// The language of a pattern; one that wasn't built beforehand is built now.
    pub(crate) fn regex(&self, text: &SmolStr) -> Language {
        let build = || Language::regex_within(text, self.encoding, DFA_BYTES);
        self.by_text.get(text).cloned().unwrap_or_else(build)
    }

    fn of(&self, test: &ValueMatch) -> Language {
        match test {
            ValueMatch::Present => Language::All,
            ValueMatch::Exact(t) => Language::Exact(t.clone()),
            ValueMatch::Prefix(t) if t.is_empty() => Language::All,
            ValueMatch::Prefix(t) => Language::Prefix(t.clone()),
            ValueMatch::Regex(t) => self.regex(t),
        }
    }

    /// The language of a path condition (envoy-matching 2.3).
    pub(crate) fn path(&self, m: &RouteMatch) -> Language {
        let folded = m.case_sensitive == Some(false);
        match &m.path {
            PathMatch::Prefix(p) if p.contains(['?', '#']) => Language::None,
            PathMatch::Prefix(p) if p.is_empty() => Language::All,
            PathMatch::Prefix(p) if folded => Language::PrefixFolded(p.to_ascii_lowercase().into()),
            PathMatch::Exact(p) if folded => Language::ExactFolded(p.to_ascii_lowercase().into()),
            PathMatch::Prefix(p) => Language::Prefix(p.clone()),
            PathMatch::Exact(p) => Language::Exact(p.clone()),
            PathMatch::Regex(p) => self.regex(p),
            // What has a path is no CONNECT.
            PathMatch::Connect => Language::None,
        }
    }
}

impl Conditions {
    /// The conditions of a route, and those on its client.
    pub(crate) fn new(m: &RouteMatch, client: &Client, languages: &Languages) -> Conditions {
        if !m.not_evaluated.is_empty() || m.holds_never() {
            return Conditions::never(); // As routers take them (CF-5).
        }
        let mut literals = Vec::with_capacity(
            1 + client.labels.iter().count() + m.query_parameters.len() + m.headers.len() + m.claims.len(),
        );
        let mut positive = |field, language| {
            literals.push(Literal { field, test: Test { language, absent: false }, holds: true });
        };
        positive(Field::Path, languages.path(m));
        if client.port != 0 {
            positive(Field::Port, Language::Exact(format_smolstr!("{}", client.port)));
        }
        if !client.namespace.is_empty() {
            positive(Field::SourceNamespace, Language::Exact(client.namespace.clone()));
        }
        for (key, value) in client.labels.iter() {
            positive(Field::SourceLabel(key.clone()), Language::Exact(value.clone()));
        }
        for q in &m.query_parameters {
            let test = Test { language: languages.of(&q.test), absent: false };
            literals.push(Literal { field: Field::Query(q.name.clone()), test, holds: !q.absent });
        }
        for header in &m.headers {
            add_header(header, languages, &mut literals);
        }
        for claim in &m.claims {
            let name: Vec<&str> = claim.path.iter().map(SmolStr::as_str).collect();
            let test = Test { language: languages.of(&claim.test), absent: false };
            literals.push(Literal { field: Field::Claim(name.join(".").into()), test, holds: !claim.invert });
        }
        Conditions { literals }
    }

    /// Conditions that no request fulfils.
    pub(crate) fn never() -> Conditions {
        Conditions::of(Field::Path, Language::None)
    }

    /// True where every request fulfils them.
    pub(crate) fn is_empty(&self) -> bool {
        self.literals.is_empty()
    }

    /// These, and that the request's method is not CONNECT.
    pub(crate) fn and_not_connect(mut self) -> Conditions {
        let test = Test { language: Language::Exact(SmolStr::new_static("CONNECT")), absent: false };
        self.literals.push(Literal { field: Field::Method, test, holds: false });
        self
    }

    /// That the authority is in a language.
    pub(crate) fn of_authority(language: Language) -> Conditions {
        Conditions::of(Field::Authority, language)
    }

    /// That a part of the request is in a language.
    pub(crate) fn of(field: Field, language: Language) -> Conditions {
        Conditions { literals: vec![Literal { field, test: Test { language, absent: false }, holds: true }] }
    }

    /// Those of both.
    pub(crate) fn and(mut self, other: Conditions) -> Conditions {
        self.literals.extend(other.literals);
        self
    }

    /// Whether a request with the values of `example` fulfils them. Parts that the example says nothing about are absent,
    /// or have a value that nobody asks for where they can't be; true where a language isn't known.
    pub(crate) fn accept(&self, example: &Example) -> bool {
        self.cheapest_first().all(|l| {
            if !l.test.language.is_known() {
                return true;
            }
            let holds = match example.get(&l.field).map(Vec::as_slice) {
                None if l.field.arity() == Arity::One => l.test.language.contains(UNASKED),
                None | Some([]) => l.test.absent,
                Some(values) => values.iter().any(|v| l.test.language.contains(v)),
            };
            holds == l.holds
        })
    }

    /// Whether a part that the example has, or lacks, is against one of them; false where a language isn't known, and where
    /// the example doesn't say what a part is.
    pub(super) fn reject(&self, example: &Example) -> bool {
        self.cheapest_first().any(|l| {
            let values = example.get(&l.field).map(Vec::as_slice);
            let is_said = values.is_some() || matches!(l.field, Field::Header(_) | Field::Query(_));
            let holds = match values {
                None | Some([]) => l.test.absent,
                Some(values) => values.iter().any(|v| l.test.language.contains(v)),
            };
            l.test.language.is_known() && is_said && holds != l.holds
        })
    }

    /// Texts tell at once, patterns have to be run.
    pub(super) fn cheapest_first(&self) -> impl Iterator<Item = &Literal> {
        let texts = self.literals.iter().filter(|l| !l.test.language.is_pattern());
        texts.chain(self.literals.iter().filter(|l| l.test.language.is_pattern()))
    }

    /// The tests of the path alone.
    pub(crate) fn path(&self) -> Option<&Language> {
        self.literals.iter().find(|l| l.field == Field::Path).map(|l| &l.test.language)
    }

    /// Without any condition besides the path.
    pub(crate) fn is_path_only(&self) -> bool {
        self.literals.iter().all(|l| l.field == Field::Path)
    }
}

/// Whether the paths of two have nothing in common, as far as their texts tell at once.
pub(crate) fn paths_differ(a: &Conditions, b: &Conditions) -> bool {
    match (a.path(), b.path()) {
        (Some(Language::Exact(x)), Some(Language::Exact(y))) => x != y,
        (Some(Language::Exact(x)), Some(Language::Prefix(p)))
        | (Some(Language::Prefix(p)), Some(Language::Exact(x))) => !x.starts_with(p.as_str()),
        (Some(Language::Prefix(p)), Some(Language::Prefix(q))) => !meet(p, q),
        (Some(Language::Exact(x)), Some(Language::Regex(r))) | (Some(Language::Regex(r)), Some(Language::Exact(x))) => {
            !x.starts_with(r.beginning())
        }
        (Some(Language::Prefix(p)), Some(Language::Regex(r)))
        | (Some(Language::Regex(r)), Some(Language::Prefix(p))) => !meet(p, r.beginning()),
        (Some(Language::Regex(r)), Some(Language::Regex(s))) => !meet(r.beginning(), s.beginning()),
        _ => false,
    }
}

/// Whether a text can begin with both.
fn meet(a: &str, b: &str) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

/// Section 3.4 of envoy-matching, as tests.
fn add_header(h: &HeaderMatcher, languages: &Languages, out: &mut Vec<Literal>) {
    let name = h.name.to_ascii_lowercase();
    let field = match name.as_str() {
        ":method" => Field::Method,
        ":authority" | "host" => Field::Authority,
        ":scheme" => Field::Scheme,
        ":path" => Field::WholePath,
        _ => Field::Header(name.into()),
    };
    let language = languages.of(&h.test);
    let accepts_empty = h.treat_missing_as_empty && language.contains(b"");
    if h.invert && h.test != ValueMatch::Present && !h.treat_missing_as_empty {
        let test = Test { language: Language::All, absent: false };
        out.push(Literal { field: field.clone(), test, holds: true });
    }
    out.push(Literal { field, test: Test { language, absent: accepts_empty }, holds: !h.invert });
}
