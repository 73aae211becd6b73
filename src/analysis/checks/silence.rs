//! Findings that somebody does not want to see: by option for a run, by annotation for an object, by comment for a line or an
//! object.

use smol_str::SmolStr;

use super::registry;
use crate::manifest::diagnostic::place::Locator;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::{Header, Manifests, ObjectId};
use crate::manifest::source::{FileId, Position, SourceMap};
use crate::order::Order as _;

/// Annotation that silences checks on its object: `P204 because of ...; R108 ...`.
pub(crate) const ANNOTATION: &str = "towtank.dev/ignore";

/// One `ID[=KIND/NAMESPACE/NAME]`, in which `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ignore {
    id: SmolStr,
    /// None: whatever object.
    object: Option<SmolStr>,
}

impl std::str::FromStr for Ignore {
    type Err = String;

    fn from_str(text: &str) -> Result<Ignore, String> {
        let (id, object) = match text.split_once('=') {
            Some((id, object)) => (id, Some(SmolStr::new(object))),
            None => (text, None),
        };
        let is_whole = id.len() == 4 || id.contains('*');
        let is_id = is_whole
            && (1..=4).contains(&id.len())
            && id
                .chars()
                .enumerate()
                .all(|(i, c)| c == '*' || if i == 0 { c.is_ascii_alphabetic() } else { c.is_ascii_digit() });
        if !is_id {
            return Err(format!("`{id}` is no id of a check, such as R106{}", registry::suggestion(id)));
        }
        if !id.contains('*') && registry::find(id).is_none() {
            return Err(format!("there is no check `{id}`{}", registry::suggestion(id)));
        }
        if object.as_ref().is_some_and(|o| o.split('/').count() != 3) {
            return Err("write ID=KIND/NAMESPACE/NAME, `*` for any".to_owned());
        }
        Ok(Ignore { id: id.to_ascii_uppercase().into(), object })
    }
}

impl std::fmt::Display for Ignore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.object {
            Some(object) => write!(f, "{}={object}", self.id),
            None => f.write_str(&self.id),
        }
    }
}

impl Ignore {
    fn fits(&self, finding: &Finding) -> bool {
        glob(&self.id, &finding.id)
            && match (&self.object, &finding.object) {
                (None, _) => true,
                (Some(wanted), Some(id)) => glob(wanted, &format!("{}/{}/{}", id.kind, id.namespace, id.name)),
                (Some(_), None) => false,
            }
    }
}

/// `*` stands for any text, also an empty one.
fn glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = rest.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// What a comment that silences begins with: `# towtank: ignore P204, P205 -- the reason`.
///
/// It counts for the line it ends or, alone on its line, for the next one; before `metadata:`, or before the object, for the
/// whole object.
const COMMENT: &str = "# towtank: ignore ";

/// What a silence that is written in a manifest is for.
#[derive(PartialEq, Eq)]
enum Scope<'m> {
    Object(&'m ObjectId),
    Line(FileId, u32),
}

/// One silence written in a manifest.
struct Written<'m> {
    scope: Scope<'m>,
    object: Option<&'m ObjectId>,
    at: Position,
    path: String,
    /// How it is written, for messages.
    form: &'static str,
    id: &'m str,
    has_reason: bool,
    used: bool,
}

/// Takes out what options, annotations and comments silence. A silence that silences nothing, or that gives no reason, is a
/// finding itself.
///
/// What admission refuses is refused whoever looks away: only options silence it.
pub(crate) fn apply(findings: &mut Vec<Finding>, ignores: &[Ignore], manifests: &Manifests, sources: &SourceMap) {
    let mut written = annotations(manifests);
    written.extend(comments(manifests, sources));
    let mut used = vec![false; ignores.len()];
    let by_line = written.iter().any(|w| matches!(w.scope, Scope::Line(..)));
    let mut locator = Locator::new(sources);
    findings.retain(|f| {
        let mut silent = false;
        for (ignore, used) in ignores.iter().zip(&mut used) {
            if ignore.fits(f) {
                *used = true;
                silent = true;
            }
        }
        let of_id = written.iter().any(|w| f.id == w.id);
        let place = if by_line && of_id { locator.find(f) } else { None };
        for silence in written.iter_mut().filter(|s| f.id == s.id && !f.is_rejection()) {
            let fits = match &silence.scope {
                Scope::Object(id) => f.object.as_ref() == Some(*id),
                Scope::Line(file, line) => place.is_some_and(|p| p.file == *file && p.line == *line),
            };
            if fits {
                silence.used = true;
                silent = true;
            }
        }
        !silent
    });
    for silence in &written {
        let message = match registry::find(silence.id) {
            None => format!("{}: there is no check `{}`", silence.form, silence.id),
            _ if !silence.used => format!("{} silences `{}`, which finds nothing here", silence.form, silence.id),
            _ if !silence.has_reason => format!("{} silences `{}` without a reason", silence.form, silence.id),
            _ => continue,
        };
        let hint = if silence.used { "say why, behind the id" } else { "take it out" };
        let mut finding =
            Finding::new("silence", Severity::Info, message).at(silence.at).path(&silence.path).hint(hint);
        finding.object = silence.object.cloned();
        findings.push(finding);
    }
    for ignore in ignores.iter().zip(&used).filter(|(_, used)| !**used).map(|(i, _)| i) {
        let message = format!("`--ignore {ignore}` silences nothing");
        findings.push(Finding::new("silence", Severity::Info, message).hint("take it out"));
    }
}

fn annotations(m: &Manifests) -> Vec<Written<'_>> {
    let mut all = Vec::new();
    for Header { id: object, meta, at } in m.objects() {
        let text = meta.annotations.get(ANNOTATION).unwrap_or_default();
        for entry in text.split([';', '\n']) {
            let mut words = entry.split_whitespace();
            let Some(id) = words.next() else { continue };
            all.push(Written {
                scope: Scope::Object(object),
                object: Some(object),
                at,
                path: format!("metadata.annotations[{ANNOTATION}]"),
                form: "annotation `towtank.dev/ignore`",
                id: id.trim_end_matches(':'),
                has_reason: words.next().is_some(),
                used: false,
            });
        }
    }
    all
}

fn comments<'m>(m: &'m Manifests, sources: &'m SourceMap) -> Vec<Written<'m>> {
    let mut places: Option<Vec<(FileId, u32, &ObjectId)>> = None;
    let mut all = Vec::new();
    for (file, source) in sources.iter() {
        if memchr::memmem::find(source.text.as_bytes(), COMMENT.as_bytes()).is_none() {
            continue;
        }
        let places = places.get_or_insert_with(|| {
            let mut places: Vec<_> = m.objects().map(|o| (o.at.file, o.at.line, o.id)).collect();
            places.order_alike();
            places
        });
        let lines: Vec<&str> = source.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let Some((before, rest)) = line.split_once(COMMENT) else { continue };
            if !before.is_empty() && !before.ends_with([' ', '\t']) {
                continue;
            }
            let alone = before.trim().is_empty();
            let is_code = |l: &&str| !l.trim().is_empty() && !l.trim_start().starts_with('#') && !l.starts_with("---");
            let target =
                if alone { lines.iter().skip(index).position(is_code).map(|i| index + i) } else { Some(index) };
            let target = target.unwrap_or(index);
            let number = |i: usize| u32::try_from(i + 1).unwrap_or(u32::MAX);
            let behind = places.partition_point(|(f, l, _)| (*f, *l) <= (file, number(target)));
            let object = behind.checked_sub(1).and_then(|i| places.get(i)).filter(|(f, ..)| *f == file);
            let text = lines.get(target).map_or("", |l| l.trim_start_matches([' ', '-']));
            let whole =
                alone && (text.starts_with("metadata:") || object.is_some_and(|(_, l, _)| *l == number(target)));
            let scope = match object {
                Some((.., id)) if whole => Scope::Object(id),
                _ => Scope::Line(file, number(target)),
            };
            let (ids, reason) = rest.split_once("--").unwrap_or((rest, ""));
            let column = u32::try_from(before.chars().count() + 1).unwrap_or(1);
            for id in ids.split([',', ' ', '\t']).filter(|id| !id.is_empty()) {
                all.push(Written {
                    scope: match &scope {
                        Scope::Object(id) => Scope::Object(id),
                        Scope::Line(file, line) => Scope::Line(*file, *line),
                    },
                    object: object.map(|(.., id)| *id),
                    at: Position { file, line: number(index), column, document: 0 },
                    path: String::new(),
                    form: "comment",
                    id,
                    has_reason: !reason.trim().is_empty(),
                    used: false,
                });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, text, fits) in [
            ("R106", "R106", true),
            ("R1*", "R106", true),
            ("*/store/*", "VirtualService/store/shop", true),
            ("*/store/s*p", "VirtualService/store/shop", true),
            ("*/store/shop", "VirtualService/other/shop", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }
}
