//! Header operations and the authority hidden among them (RW-2, HD-1, HD-2).

use smol_str::SmolStr;

use crate::envoy::table::{AppendAction, HeaderMutations, HeaderValueOption};
use crate::manifest::kinds::HeaderOperations;

/// HD-2: `set` entries, then `add` entries, each by key; removals in source order. Pseudo headers and `host` stay out.
pub(super) fn mutations(operations: &HeaderOperations) -> HeaderMutations {
    let option = |(name, value): &(SmolStr, SmolStr), append| HeaderValueOption {
        name: name.clone(),
        value: value.clone(),
        append,
        keep_empty: false,
    };
    let set = operations.set.iter().map(|e| option(e, AppendAction::OverwriteIfExistsOrAdd));
    let add = operations.add.iter().map(|e| option(e, AppendAction::AppendIfExistsOrAdd));
    HeaderMutations::new(
        operations.remove.iter().filter(|name| !is_internal(name)).cloned().collect(),
        set.chain(add).filter(|option| !is_internal(&option.name)).collect(),
    )
}

/// HD-1: the operations of a single destination come after those of its rule.
pub(super) fn append(onto: &mut HeaderMutations, more: &HeaderMutations) {
    if !more.is_empty() {
        let remove = [onto.remove.as_slice(), more.remove.as_slice()].concat();
        *onto = HeaderMutations::new(remove, [onto.add.as_slice(), more.add.as_slice()].concat());
    }
}

/// RW-2: the authority that request operations ask for; `set` before `add`.
pub(super) fn authority(operations: &HeaderOperations) -> Option<SmolStr> {
    let last_in = |entries: &[(SmolStr, SmolStr)]| {
        let named = |(name, value): &&(SmolStr, SmolStr)| is_authority(name) && !value.is_empty();
        entries.iter().rev().find(named).map(|(_, value)| value.clone())
    };
    last_in(&operations.set).or_else(|| last_in(&operations.add))
}

fn is_internal(name: &str) -> bool {
    name.starts_with(':') || name.eq_ignore_ascii_case("host")
}

fn is_authority(name: &str) -> bool {
    name.eq_ignore_ascii_case(":authority") || name.eq_ignore_ascii_case("host")
}
