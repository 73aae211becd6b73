//! What the tests share.

pub mod canon;
pub mod program;
pub mod replies;
pub mod repository;
pub mod run;
pub mod texts;

/// The schemas of the outputs, as `towtank schema` prints them.
pub mod schema {
    pub const SCENARIO: &str = include_str!("../../../src/tool/report/schema/scenario.json");
    pub const SIMULATE: &str = include_str!("../../../src/tool/report/schema/simulate.json");
    pub const TEST: &str = include_str!("../../../src/tool/report/schema/test.json");
}
