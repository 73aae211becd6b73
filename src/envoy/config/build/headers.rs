//! Operations on headers.

use smol_str::{SmolStr, format_smolstr};

use super::super::message::HeaderValueOption;
use crate::envoy::table::{AppendAction, HeaderMutations, HeaderValueOption as Operation};

/// One level's operations; what isn't evaluated of them goes to `not_evaluated`.
pub(super) fn mutations(
    add: Vec<HeaderValueOption>,
    remove: Vec<SmolStr>,
    not_evaluated: &mut Vec<SmolStr>,
) -> HeaderMutations {
    let mut operations = Vec::with_capacity(add.len());
    for option in add {
        let name = option.header.key;
        let unread = option.unread.iter().chain(&option.header.unread).cloned();
        not_evaluated.extend(unread.map(|what| format_smolstr!("{what} of the header {name}")));
        let append = match option.append_action {
            Some(action) if action.is("ADD_IF_ABSENT", "1") => AppendAction::AddIfAbsent,
            Some(action) if action.is("OVERWRITE_IF_EXISTS_OR_ADD", "2") => AppendAction::OverwriteIfExistsOrAdd,
            Some(action) if action.is("OVERWRITE_IF_EXISTS", "3") => AppendAction::OverwriteIfExists,
            None if option.append == Some(false) => AppendAction::OverwriteIfExistsOrAdd,
            Some(_) | None => AppendAction::AppendIfExistsOrAdd,
        };
        operations.push(Operation { name, value: option.header.value, append, keep_empty: option.keep_empty_value });
    }
    HeaderMutations::new(remove, operations)
}
