//! O: what rollout practice asks for, beyond what Istio does.

pub(super) mod duties;
pub(super) mod order;
pub(super) mod rollback;
pub(super) mod telemetry;
