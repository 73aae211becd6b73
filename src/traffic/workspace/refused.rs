//! Objects that the API server or Istio's admission refuses: what can still be said about them.

use rustc_hash::FxHashMap;

use crate::istio::admission;
use crate::manifest::diagnostic::Finding;
use crate::manifest::kinds::{Manifests, ObjectId};
use crate::manifest::load::{Loaded, Misspelt, Unknown};
use crate::manifest::source::{FileId, Position};

type Document = (FileId, u32);

fn document(at: Position) -> Document {
    (at.file, at.document)
}

/// What Istio's admission has against the objects that only unknown fields and their metadata keep from coming before it.
///
/// What may be a consequence of such a field (its block lacks something, or is empty) is left out.
pub(super) fn beside_unknown_fields(loaded: &Loaded) -> Vec<Finding> {
    if loaded.misspelt.is_empty() {
        return Vec::new();
    }
    let misspelt: FxHashMap<(&ObjectId, Document), &Misspelt> =
        loaded.misspelt.iter().map(|m| ((&m.object, document(m.at)), m)).collect();
    let mut found = admission::review(&loaded.refused_objects);
    found.retain(|f| {
        let of = f.object.as_ref().and_then(|object| misspelt.get(&(object, document(f.at))));
        of.is_some_and(|m| !m.unknown.iter().any(|u| may_follow(f, u)))
    });
    found
}

fn may_follow(finding: &Finding, unknown: &Unknown) -> bool {
    let (path, block) = (finding.path.as_str(), unknown.block.as_str());
    let rest_of = |whole: &str, part: &str| whole.strip_prefix(part).map(str::to_owned);
    let is_around = rest_of(block, path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    let is_meant = |meant: &str| rest_of(path, block).is_some_and(|rest| rest.trim_start_matches('.') == meant);
    // Without hosts a VirtualService is judged as a delegate.
    let is_no_delegate = finding.id == "M102" && block == "spec" && unknown.meant == Some("hosts");
    // What stands beside `spec` was meant to stand within.
    block.is_empty() || is_around || is_no_delegate || unknown.meant.is_some_and(is_meant)
}

/// The objects that are refused at last, of kinds that others refer to: by the schema, or by what `findings` reject.
pub(super) fn all(loaded: &Loaded, findings: &[Finding]) -> Manifests {
    let mut refused = loaded.refused_objects.clone();
    let rejected: FxHashMap<(&ObjectId, Document), ()> = findings
        .iter()
        .filter(|f| f.is_rejection())
        .filter_map(|f| Some(((f.object.as_ref()?, document(f.at)), ())))
        .collect();
    if rejected.is_empty() {
        return refused;
    }
    macro_rules! add {
        ($($list:ident),*) => { $(
            let of_kind = loaded.manifests.$list.iter();
            refused.$list.extend(of_kind.filter(|o| rejected.contains_key(&(&o.id, document(o.at)))).cloned());
        )* };
    }
    add!(virtual_services, destination_rules, gateways, service_entries, services);
    refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::diagnostic::Severity;

    #[test]
    fn what_follows_from_a_misspelt_field_is_known() {
        let unknown = |block: &str, meant| Unknown { block: block.into(), meant };
        for (id, path, unknown, follows) in [
            ("M101", "spec", unknown("spec", Some("http")), true),
            ("M103", "spec.hosts", unknown("spec", Some("hosts")), true),
            ("M102", "spec.gateways", unknown("spec", Some("hosts")), true),
            ("M106", "spec.http[0]", unknown("spec.http[0]", Some("route")), true),
            ("M115", "spec.http[0].route", unknown("spec.http[0].route[1].destination", None), true),
            ("M103", "spec.hosts[0]", unknown("spec.http[0]", None), false),
            ("M111", "spec.http[1].match[0].uri", unknown("spec.http[0]", Some("match")), false),
            ("M117", "spec.http[0].timeout", unknown("spec.http[0]", Some("retries")), false),
            ("M106", "spec.http[0]", unknown("spec.http[0]", None), true),
            ("M201", "spec.host", unknown("", None), true),
            ("M106", "spec.http[1]", unknown("spec.http[10]", None), false),
        ] {
            let finding = Finding::new(id, Severity::Error, "").path(path);
            assert_eq!(may_follow(&finding, &unknown), follows, "{id} {path} {unknown:?}");
        }
    }
}
