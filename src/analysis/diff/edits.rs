//! Edits of rules that no request notices.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::change::Change;
use super::meshes::ProxyDiff;
use crate::manifest::kinds::ObjectId;
use crate::manifest::load::Prints;
use crate::order::Ordered as _;

/// A rule that says something else on either side, or is on one side alone, and that bears on no change: names, the order of
/// rules that don't meet, statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub kind: SmolStr,
    pub namespace: SmolStr,
    pub name: SmolStr,
    /// `changed`, `new` or `gone`.
    pub what: &'static str,
}

/// VirtualServices and DestinationRules that were edited to no effect, sorted, by what the documents of both sides say.
pub(crate) fn without_effect([was, is]: &Prints, proxies: &[ProxyDiff]) -> Vec<Edit> {
    let changes = || proxies.iter().flat_map(|p| &p.changes);
    let effective: BTreeSet<&ObjectId> = changes().flat_map(objects).into_set();
    let names: BTreeSet<_> = was.keys().chain(is.keys()).into_set();
    let edit = |name: &(SmolStr, SmolStr, SmolStr)| {
        let what = match (was.get(name), is.get(name)) {
            (Some(a), Some(b)) if a == b => return None,
            (Some(_), Some(_)) => "changed",
            (None, _) => "new",
            (_, None) => "gone",
        };
        let (kind, namespace, name) = name.clone();
        Some(Edit { kind, namespace, name, what })
    };
    let told = |e: &Edit| {
        let is_it = |id: &&&ObjectId| id.kind.as_str() == e.kind && id.namespace == e.namespace && id.name == e.name;
        matches!(e.kind.as_str(), "VirtualService" | "DestinationRule") && !effective.iter().any(|id| is_it(&id))
    };
    names.into_iter().filter_map(edit).filter(told).collect()
}

/// The rules that bear on a change.
fn objects(change: &Change) -> impl Iterator<Item = &ObjectId> {
    let sources = [&change.old, &change.new].into_iter().filter_map(|e| e.source.as_ref());
    let roots = sources.clone().filter_map(|s| s.root.as_deref());
    sources.chain(roots).map(|s| &s.object).chain(&change.rules)
}
