//! Delegates: R116 and R117, told from what happened when they were merged.

use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::envoy::table::NoteKind;
use crate::manifest::kinds::{Object, VirtualService};
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
            _ => {}
        }
    }
}

/// The path of the rule or match that stands at `at`.
fn path_of(subject: &Subject<'_>, object: &crate::manifest::kinds::ObjectId, at: Position, field: &str) -> String {
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
