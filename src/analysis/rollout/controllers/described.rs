//! The object that describes a rollout, read field by field, with the places of its fields.

use smol_str::SmolStr;

use super::inputs::Inputs;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::ObjectId;
use crate::manifest::source::Position;
use crate::manifest::yaml::Node;

/// A Rollout or a Canary.
pub(super) struct Described<'s> {
    pub(super) id: ObjectId,
    pub(super) at: Position,
    pub(super) root: Node<'s>,
}

impl<'s> Described<'s> {
    /// The field at a path, unless it is absent or null.
    pub(super) fn get(&self, path: &str) -> Option<&Node<'s>> {
        self.root.at(path).map(|(node, _)| node).filter(|node| !node.is_null())
    }

    /// The text of a field; none where it is absent or empty.
    pub(super) fn text(&self, path: &str) -> Option<SmolStr> {
        self.get(path).and_then(Node::to_text).filter(|text| !text.is_empty()).map(SmolStr::new)
    }

    /// The whole number of a field, at least 0 and at most what Kubernetes takes for a number of pods.
    pub(super) fn number(&self, path: &str) -> Option<u32> {
        let number = self.get(path).and_then(Node::as_i64)?.clamp(0, i32::MAX.into());
        u32::try_from(number).ok()
    }

    pub(super) fn flag(&self, path: &str) -> bool {
        self.get(path).and_then(Node::as_bool).unwrap_or_default()
    }

    /// The texts of a list.
    pub(super) fn texts(&self, path: &str) -> Vec<SmolStr> {
        let items = self.get(path).and_then(Node::as_seq).unwrap_or_default();
        items.iter().filter_map(Node::to_text).map(SmolStr::new).collect()
    }

    /// How many items a list has.
    pub(super) fn len(&self, path: &str) -> usize {
        self.get(path).and_then(Node::as_seq).map_or(0, <[Node<'_>]>::len)
    }

    /// Something that is wrong with a field.
    pub(super) fn finding(&self, severity: Severity, path: &str, message: impl Into<String>, hint: &str) -> Finding {
        let finding = Finding::new(super::ID, severity, message).on(self.id.clone()).at(self.at).path(path);
        if hint.is_empty() { finding } else { finding.hint(hint) }
    }

    /// That a field is given and not modelled, as one sentence.
    pub(super) fn not_evaluated(&self, inputs: &mut Inputs<'_>, path: &str, why: &str) -> String {
        format!("`{path}` ({}): {why}", inputs.place(self.at, path))
    }
}
