//! T: policies that act on each other.

pub(super) mod crashes;
pub(super) mod destination_rules;
pub(super) mod mutual_tls;
pub(super) mod retries;
pub(super) mod weights;
