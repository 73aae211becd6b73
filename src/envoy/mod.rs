//! The machine: one proxy's route table as plain data, and what Envoy does with a request on it.

pub mod balance;
pub mod decision;
pub mod path;
pub mod proxy;
pub mod re2;
pub mod request;
pub mod router;
pub mod table;
pub mod words;
