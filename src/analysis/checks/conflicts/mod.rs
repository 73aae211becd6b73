//! C: objects that get in each other's way.

pub(super) mod destination_rules;
pub(super) mod gateways;
pub(super) mod others;
pub(super) mod virtual_services;
