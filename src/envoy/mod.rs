//! The machine: one proxy's route table as plain data, and what Envoy does with a request on it.

pub(crate) mod authority;
pub(crate) mod balance;
pub(crate) mod cluster_state;
pub(crate) mod config;
pub(crate) mod decision;
pub(crate) mod outcome;
pub(crate) mod path;
pub(crate) mod proxy;
pub(crate) mod re2;
pub(crate) mod request;
pub(crate) mod router;
pub(crate) mod table;
pub(crate) mod words;
