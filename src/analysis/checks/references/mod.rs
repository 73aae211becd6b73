//! R: names that lead nowhere.

pub(super) mod clients;
pub(super) mod credentials;
pub(super) mod delegates;
pub(super) mod destinations;
pub(super) mod gateways;
mod ports;
pub(super) mod resolving;
pub(super) mod selectors;
pub(super) mod subsets;
