//! Requests: read, described, recorded, and replayed on tables.

pub(crate) mod answers;
pub(crate) mod recorded;
pub(crate) mod replay;
pub(crate) mod request_text;
pub(crate) mod scenario;
pub(crate) mod stats;
pub(crate) mod streams;
pub(crate) mod workspace;
