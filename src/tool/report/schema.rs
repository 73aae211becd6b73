//! JSON Schemas of scenario.yaml and of the JSON outputs (`towtank schema`). Tests hold every output against its schema.

/// scenario.yaml.
pub const SCENARIO: &str = include_str!("schema/scenario.json");
/// `simulate -o json`.
pub const SIMULATE: &str = include_str!("schema/simulate.json");
/// `routes -o json`.
pub const ROUTES: &str = include_str!("schema/routes.json");
/// `explain -o json`.
pub const EXPLAIN: &str = include_str!("schema/explain.json");
/// `check -o json`.
pub const CHECK: &str = include_str!("schema/check.json");
/// Test files, and `test -o json`.
pub const TEST: &str = include_str!("schema/test.json");
