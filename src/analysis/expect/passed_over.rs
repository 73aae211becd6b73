//! Fields of other tools' test files that nobody can evaluate here: noted, never ignored.

use super::model::NotEvaluated;
use crate::traffic::scenario::fields::{Fields, Reader};

/// Notes those of `fields` that are there; each comes with the reason why it is passed over.
pub(super) fn note(r: &Reader<'_>, f: &Fields<'_, '_>, fields: &[(&str, &'static str)], noted: &mut Vec<NotEvaluated>) {
    for (key, reason) in fields {
        if let Some((node, path)) = f.get(key) {
            noted.push(NotEvaluated { at: r.position(node.span), field: path.into(), reason });
        }
    }
}
