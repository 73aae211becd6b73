//! Regexes: P207 and P208.

use smol_str::SmolStr;

use super::entries::path;
use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::analysis::symbolic::{Domain, Language, Search, search};
use crate::envoy::re2::{Encoding, Re2};
use crate::manifest::kinds::StringMatch;

checks! {
    /// Envoy compares a regex with the whole path, not with a part of it. Suspicious are: a regex that accepts no path at
    /// all, one with the delimiters and flags of JavaScript (`/x/i`), one with `^` or `$` in the middle, one that looks like
    /// the beginning of a path (`/api/v[0-9]`), and a host or header pattern whose dots are not escaped.
    P207 "Regex that is not a full-path pattern" Warning needs[VirtualServices] peers[];

    /// A regex accepts exactly what an exact or prefix match would (`/api.*`, `/login`). Those are cheaper to run and to
    /// read, and have no limit on their size.
    P208 "Regex where exact or prefix would do" Info needs[VirtualServices] peers[];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    for vs in &subject.mesh.virtual_services.all {
        for rule in &vs.http {
            for (m, source) in rule.route.matches.iter().zip(&rule.match_sources) {
                let object = (&source.object, m.at);
                if let Some(StringMatch::Regex(r)) = &m.uri {
                    let path = format!("{}.uri.regex", path(source));
                    if let Some((message, hint)) = not_full_path(subject, r) {
                        report.add("P207", object, path, message, hint);
                    } else if let Some(simple) = simpler(subject, r).filter(|simple| {
                        // Of a regex the whole path is rewritten, of a prefix what it matches (RW-1).
                        let rewrites = rule.route.rewrite.as_ref().is_some_and(|rewrite| !rewrite.uri.is_empty());
                        !(rewrites && simple.starts_with("prefix"))
                    }) {
                        let message = format!("regex `{r}` accepts just what `{simple}` does");
                        report.add("P208", object, path, message, format!("write `{simple}`"));
                    }
                }
                let authority = m.authority.iter().map(|test| ("authority".to_owned(), test));
                let headers = m.headers.iter().map(|(name, test)| {
                    let mut field = "headers".to_owned();
                    crate::manifest::yaml::push_key(&mut field, name);
                    (field, test)
                });
                for (field, test) in authority.chain(headers) {
                    let StringMatch::Regex(r) = test else { continue };
                    let Some(at) = bare_dot(r) else { continue };
                    let message = format!("the dot in `{at}` stands for any character");
                    let path = format!("{}.{field}.regex", path(source));
                    report.add("P207", object, path, message, format!("write `{}`", at.replace('.', "\\.")));
                }
            }
        }
    }
}

fn word(subject: &Subject<'_>, language: &Language) -> Search {
    search(Domain::Path, &[language], &[], &mut subject.effort.alone().steps)
}

fn not_full_path(subject: &Subject<'_>, r: &SmolStr) -> Option<(String, String)> {
    let re2 = Re2::new(r, Encoding::Latin1).ok()?;
    let language = subject.languages.regex(r);
    let flags = r.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')).map(|(_, flags)| flags);
    if flags.is_some_and(|f| !f.is_empty() && f.len() <= 3 && f.bytes().all(|b| b"gimsuy".contains(&b))) && has_meta(r)
    {
        return Some((
            format!("`{r}` looks like JavaScript: its slashes and flags are taken as text"),
            "write the bare pattern, with `(?i)` for flags".into(),
        ));
    }
    if word(subject, &language) == Search::Empty {
        return Some((
            format!("regex `{r}` accepts no path: paths begin with `/`, and the whole path is compared"),
            "begin it with `/`".into(),
        ));
    }
    if inner_anchor(r) {
        return Some((
            format!("`^` or `$` in the middle of `{r}` never holds there"),
            "take the anchor out; the whole path is compared anyway".into(),
        ));
    }
    let ends_open = !r.ends_with([')', '$', '*', '+', '?', '}']);
    if ends_open && has_choice(r) && re2.hir().properties().maximum_len().is_some() {
        let Search::Found(taken) = word(subject, &language) else { return None };
        let taken = String::from_utf8_lossy(&taken).into_owned();
        return Some((
            format!("regex `{r}` compares the whole path: it takes `{taken}` and not `{taken}/x`"),
            format!("write `{r}(/.*)?` if everything below is meant, else end it with `$`"),
        ));
    }
    None
}

/// A pattern that is more than a text with dots: one with an extension is meant as it stands.
fn has_choice(r: &str) -> bool {
    r.contains(['[', '(', '*', '+', '?', '{', '|']) || r.contains("\\d") || r.contains("\\w")
}

fn has_meta(r: &str) -> bool {
    r.contains(['[', ']', '(', ')', '*', '+', '?', '{', '|', '\\', '.'])
}

/// An anchor that is neither first nor last, nor beside a bar or bracket.
fn inner_anchor(r: &str) -> bool {
    let bytes = r.as_bytes();
    let mut in_class = false;
    let mut escaped = false;
    for (i, b) in bytes.iter().enumerate() {
        if escaped {
            escaped = false;
            continue;
        }
        let before = i.checked_sub(1).and_then(|j| bytes.get(j)).copied();
        let after = bytes.get(i + 1).copied();
        match b {
            b'\\' => escaped = true,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'^' if !in_class && before.is_some_and(|c| !b"(|:)".contains(&c)) => return true,
            b'$' if !in_class && after.is_some_and(|c| !b")|".contains(&c)) => return true,
            _ => {}
        }
    }
    false
}

/// A dot between letters or digits that is not escaped, with what stands around it.
fn bare_dot(r: &str) -> Option<String> {
    let bytes = r.as_bytes();
    let is_word = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-');
    let at = (1..bytes.len()).find(|i| {
        bytes.get(*i) == Some(&b'.')
            && is_word(bytes.get(i.wrapping_sub(1)))
            && is_word(bytes.get(i + 1))
            && i.checked_sub(2).and_then(|j| bytes.get(j)) != Some(&b'\\')
    })?;
    let start = r.get(..at)?.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '-').map_or(0, |i| i + 1);
    let rest = r.get(at + 1..)?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
    r.get(start..at + 1 + end).map(str::to_owned)
}

/// `prefix: X` or `exact: X` with the same language.
fn simpler(subject: &Subject<'_>, r: &SmolStr) -> Option<String> {
    let language = subject.languages.regex(r);
    let core = r.strip_prefix('^').unwrap_or(r);
    let core = core.strip_suffix('$').unwrap_or(core);
    let stem = [".*", "(.*)", "(?:.*)"].iter().find_map(|tail| core.strip_suffix(tail));
    let plain = |t: &str| t.replace("\\", "");
    let candidates = [
        // An empty prefix is refused; `/` means the same to Istio.
        stem.map(|s| {
            (format!("prefix: {}", if s.is_empty() { "/".into() } else { plain(s) }), Language::Prefix(plain(s).into()))
        }),
        Some((format!("exact: {}", plain(core)), Language::Exact(plain(core).into()))),
    ];
    candidates.into_iter().flatten().find_map(|(text, simple)| {
        let mut steps = subject.effort.alone().steps;
        let mut within = |a: &Language, b: &Language| search(Domain::Path, &[a], &[b], &mut steps) == Search::Empty;
        (within(&language, &simple) && within(&simple, &language) && word(subject, &simple) != Search::Empty)
            .then_some(text)
    })
}
