//! JSON Schemas of scenario.yaml and of the JSON outputs (`towtank schema`). Tests hold every output against its schema.

/// scenario.yaml.
pub(crate) const SCENARIO: &str = include_str!("schema/scenario.json");
/// `simulate -o json`.
pub(crate) const SIMULATE: &str = include_str!("schema/simulate.json");
/// `routes -o json`.
pub(crate) const ROUTES: &str = include_str!("schema/routes.json");
/// `explain -o json`.
pub(crate) const EXPLAIN: &str = include_str!("schema/explain.json");
/// `diff -o json`.
pub(crate) const DIFF: &str = include_str!("schema/diff.json");
/// `rollout -o json`.
pub(crate) const ROLLOUT: &str = include_str!("schema/rollout.json");
/// `check -o json`.
pub(crate) const CHECK: &str = include_str!("schema/check.json");
/// `learn -o json`.
pub(crate) const LEARN: &str = include_str!("schema/learn.json");
/// `verify -o json`.
pub(crate) const VERIFY: &str = include_str!("schema/verify.json");
/// `simulate --tally`.
pub(crate) const TALLY: &str = include_str!("schema/tally.json");
/// Test files, and `test -o json`.
pub(crate) const TEST: &str = include_str!("schema/test.json");
