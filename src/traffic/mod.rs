//! Requests: read, described, recorded, and replayed on tables.

pub mod recorded;
pub mod replay;
pub mod request_text;
pub mod scenario;
pub mod stats;
pub mod streams;
pub mod workspace;
