//! The tests that stand outside: the program as people and scripts run it. One binary, so that it is linked once.

#![allow(clippy::disallowed_methods, reason = "tests read their cases and start the program")]

mod assumptions;
mod bad_input;
mod check_command;
mod check_scenarios;
mod cluster_states;
mod configurations;
mod conformance;
mod corpus;
mod corpus_findings;
mod diff;
mod docs;
mod help;
mod istio;
mod learn;
mod length;
mod log;
mod merge;
mod not_understood;
mod overlays;
mod pages;
mod picture;
mod policy;
mod properties;
mod readme;
#[cfg(unix)]
mod render;
mod revisions;
mod rollout;
mod rules;
mod safety;
#[cfg(unix)]
mod scale;
mod scenarios;

mod schemas;
mod support;
mod test_command;
mod tidy;
mod traffic;
mod ui;
mod viewpoints;
mod what_if;
mod wording;
