//! P: priority, reachability and matching.

pub(super) mod connections;
pub(super) mod dead;
pub(super) mod effort;
pub(super) mod entries;
pub(super) mod fields;
pub(super) mod hosts;
pub(super) mod meeting;
pub(super) mod patterns;
pub(super) mod redirects;
pub(super) mod rest;
pub(super) mod sources;
pub(super) mod witness;
