//! Findings that somebody does not want to see: by option for a run, by annotation for an object.

use smol_str::SmolStr;

use super::registry;
use crate::diagnostic::{Finding, Severity};
use crate::manifest::{Manifests, ObjectId};
use crate::source::Position;

/// Annotation that silences checks on its object: `P204 because of ...; R108 ...`.
pub const ANNOTATION: &str = "towtank.dev/ignore";

/// One `ID[=KIND/NAMESPACE/NAME]`, in which `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
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
        let is_id =
            id.len() == 4 && id.is_char_boundary(1) && id.chars().skip(1).all(|c| c.is_ascii_digit() || c == '*');
        if !is_id {
            return Err(format!("`{id}` is no id of a check, such as R106"));
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

/// One silence written on an object.
struct Written<'m> {
    object: &'m ObjectId,
    at: Position,
    id: &'m str,
    used: bool,
}

/// Takes out what options and annotations silence. A silence that silences nothing is a finding itself.
///
/// What admission refuses is refused whoever looks away: annotations don't silence it.
pub fn apply(findings: &mut Vec<Finding>, ignores: &[Ignore], manifests: &Manifests) {
    let mut written = annotations(manifests);
    let mut used = vec![false; ignores.len()];
    findings.retain(|f| {
        let mut silent = false;
        for (ignore, used) in ignores.iter().zip(&mut used) {
            if ignore.fits(f) {
                *used = true;
                silent = true;
            }
        }
        for silence in &mut written {
            if f.id == silence.id && f.object.as_ref() == Some(silence.object) && !f.is_rejection() {
                silence.used = true;
                silent = true;
            }
        }
        !silent
    });
    for silence in written.into_iter().filter(|s| !s.used) {
        let message = match registry::find(silence.id) {
            None if !silence.id.starts_with('M') => {
                format!("annotation `{ANNOTATION}`: there is no check `{}`", silence.id)
            }
            _ => format!("annotation `{ANNOTATION}` silences `{}`, which finds nothing here", silence.id),
        };
        let finding = Finding::new("silence", Severity::Info, message)
            .on(silence.object.clone())
            .at(silence.at)
            .path(format!("metadata.annotations[{ANNOTATION}]"))
            .hint("take it out");
        findings.push(finding);
    }
    for ignore in ignores.iter().zip(&used).filter(|(_, used)| !**used).map(|(i, _)| i) {
        let message = format!("`--ignore {ignore}` silences nothing");
        findings.push(Finding::new("silence", Severity::Info, message).hint("take it out"));
    }
}

fn annotations(m: &Manifests) -> Vec<Written<'_>> {
    let mut all = Vec::new();
    macro_rules! each {
        ($($list:ident),*) => { $(
            for o in &m.$list {
                let text = o.meta.annotations.get(ANNOTATION).unwrap_or_default();
                for entry in text.split([';', '\n']) {
                    if let Some(id) = entry.split_whitespace().next() {
                        all.push(Written { object: &o.id, at: o.at, id: id.trim_end_matches(':'), used: false });
                    }
                }
            }
        )* };
    }
    each!(
        virtual_services,
        destination_rules,
        gateways,
        service_entries,
        workload_entries,
        sidecars,
        services,
        pods,
        workloads
    );
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
