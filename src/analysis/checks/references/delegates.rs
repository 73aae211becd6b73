//! Delegates: R116, R117 and R126, told from what happened when they were merged.

use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::envoy::table::NoteKind;
use crate::manifest::kinds::{Object, ObjectId, VirtualService};
use crate::manifest::source::Position;

checks! {
    /// A rule delegates to a VirtualService that isn't there, that is not exported to the namespace of the root, or that has
    /// hosts itself and so is no delegate. Only this rule of the root disappears: its requests fall to the next rule, often
    /// the catch-all, and go silently to the wrong place.
    R116 "Delegate missing or not visible" Error needs[VirtualServices] peers[];

    /// A rule of a delegate has a match that goes with no match of the root: the whole rule of the delegate is dropped, and
    /// its requests fall to the next one. A delegate may only narrow what the root matches: its prefix or exact path has to
    /// begin with the root's prefix, other fields have to be equal, a regex on either side is always a conflict,
    /// `ignoreUriCase` has to agree, `sourceNamespace` of the root has to be repeated.
    R117 "Delegate route dropped by conflict" Error needs[VirtualServices, Roots] peers[];

    /// Each match of a root's rule meets each match of its delegate, and each rule that delegates meets them again: a few
    /// hundred on either side make a table of a hundred thousand routes. Istio makes them all and sends them to every proxy.
    /// Here at most 50,000 are made in a run, or eight for each match that is written; the rule that would make more is left
    /// out, so that results for its requests are not those of Istio.
    R126 "Delegates multiply beyond bounds" Error needs[VirtualServices] peers[];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    for note in subject.mesh.notes.iter().filter(|n| n.kind == NoteKind::Dropped) {
        let Some(object) = &note.object else { continue };
        match note.rule {
            "DG-1" => {
                let path = path_of(subject, object, note.at, "delegate");
                let hint = "create the delegate without `hosts`, and export it to the namespace of the root";
                report.add("R116", (object, note.at), path, note.message.clone(), hint);
            }
            "DG-2" => {
                let path = path_of(subject, object, note.at, "");
                let hint = "repeat what the root matches in each match of the delegate, or leave the matches of the delegate out";
                report.add("R117", (object, note.at), path, note.message.clone(), hint);
            }
            "DG-8" => {
                let path = path_of(subject, object, note.at, "delegate");
                let hint = "delegate from one rule with few matches, or write the rules into the root";
                let added = report.add("R126", (object, note.at), path, note.message.clone(), hint);
                if let Some(delegate) = delegate_at(subject, object, note.at) {
                    added.related("the delegate", delegate.at, Some(&delegate.id));
                }
            }
            _ => {}
        }
    }
}

/// The delegate that the rule at `at` names.
fn delegate_at<'a>(subject: &Subject<'a>, root: &ObjectId, at: Position) -> Option<&'a Object<VirtualService>> {
    let all = &subject.manifests.virtual_services;
    let rules = all.iter().filter(|vs| vs.id == *root).flat_map(|vs| &vs.spec.http);
    let named = rules.into_iter().find(|rule| rule.at == at)?.delegate.as_ref()?;
    let namespace = if named.namespace.is_empty() { &root.namespace } else { &named.namespace };
    all.iter().find(|vs| vs.meta.name == named.name && vs.meta.namespace == *namespace)
}

/// The path of the rule or match that stands at `at`.
fn path_of(subject: &Subject<'_>, object: &ObjectId, at: Position, field: &str) -> String {
    let find = |vs: &Object<VirtualService>| {
        vs.spec.http.iter().enumerate().find_map(|(i, rule)| {
            if rule.at == at {
                return Some(format!("spec.http[{i}]{}{field}", if field.is_empty() { "" } else { "." }));
            }
            let m = rule.matches.iter().position(|m| m.at == at)?;
            Some(format!("spec.http[{i}].match[{m}]"))
        })
    };
    let all = &subject.manifests.virtual_services;
    all.iter().find(|vs| vs.id == *object).and_then(find).unwrap_or_default()
}
