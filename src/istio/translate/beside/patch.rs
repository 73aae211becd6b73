//! Some parts of a sorted list in the place of others.

use std::sync::Arc;

use smol_str::SmolStr;

use super::super::sidecar_routes::lower_case;
use crate::envoy::table::{Note, is_same};

/// Parts of a list, and those that take their place. Both are sorted by name, as the list is.
pub(super) struct Change<'a, T> {
    pub(super) old: &'a [Arc<T>],
    pub(super) new: &'a [Arc<T>],
}

impl<T: PartialEq> Change<'_, T> {
    /// The list after it; None where it doesn't have the old parts, or has something else by the name of a new one.
    pub(super) fn applied<N: Ord>(&self, list: &[Arc<T>], name: impl Fn(&T) -> &N) -> Option<Vec<Arc<T>>> {
        let place = |part: &T| list.binary_search_by(|known| name(known).cmp(name(part)));
        let is_there =
            |old: &Arc<T>| place(old).ok().and_then(|i| list.get(i)).is_some_and(|known| is_same(known, old));
        if !self.old.iter().all(is_there) {
            return None;
        }
        let mut out = Vec::with_capacity(list.len() + self.new.len() - self.old.len().min(self.new.len()));
        let (mut old, mut new) = (self.old.iter().peekable(), self.new.iter().peekable());
        let mut taken = 0;
        // Positions at which something changes, in their order: what lies between is taken as it is.
        loop {
            let next = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(a), None) => place(a),
                (None, Some(b)) => place(b),
                (Some(a), Some(b)) => place(if name(a) <= name(b) { a } else { b }),
            };
            let (Ok(at) | Err(at)) = next;
            out.extend(list.get(taken..at)?.iter().cloned());
            taken = at;
            let is_next = |part: &&Arc<T>| match next {
                Ok(at) => list.get(at).is_some_and(|known| name(known) == name(part)),
                Err(_) => false,
            };
            let gone = old.next_if(|part| is_next(part)).is_some();
            if gone {
                taken = at + 1;
                out.extend(new.next_if(|part| is_next(part)).cloned());
            } else if next.is_err() {
                out.extend(new.next().cloned());
            } else {
                return None;
            }
        }
        out.extend(list.get(taken..)?.iter().cloned());
        Some(out)
    }
}

/// `all` without those that are in `old` but not in `new`; None where `new` has others, another order, or one of those that go isn't in
/// `all` just once.
pub(super) fn without(all: &[Note], old: &[Note], new: &[Note]) -> Option<Vec<Note>> {
    if new == old {
        return Some(all.to_vec());
    }
    let mut kept = new.iter().peekable();
    let gone: Vec<&Note> = old.iter().filter(|note| kept.next_if(|next| next == note).is_none()).collect();
    if kept.peek().is_some() || !gone.iter().all(|note| all.iter().filter(|n| n == note).take(2).count() == 1) {
        return None;
    }
    Some(all.iter().filter(|note| !gone.contains(note)).cloned().collect())
}

/// Domains as they are compared.
pub(super) fn compared(domains: &[SmolStr]) -> impl Iterator<Item = SmolStr> {
    domains.iter().map(lower_case)
}
