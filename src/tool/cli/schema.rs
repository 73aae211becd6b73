//! `towtank schema`.

use clap::{Args, ValueEnum};

use super::exit::Exit;
use super::output;
use crate::tool::report::schema;

/// What `--help` says below all options.
const ENDINGS: &str = "\
Examples:
  towtank schema scenario > scenario.schema.json
  towtank schema simulate
  towtank schema check

Exit status: 0 fine; 2 wrong usage.";

#[derive(Debug, Args)]
#[command(after_help = ENDINGS)]
pub(super) struct SchemaArgs {
    /// scenario is that of scenario.yaml; test that of test files and of `test -o json`; tally that of `simulate --tally`; the others are those
    /// of `-o json`
    #[arg(value_enum)]
    name: Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    Scenario,
    Simulate,
    Tally,
    Routes,
    Explain,
    Diff,
    Rollout,
    Check,
    Test,
    Verify,
    Learn,
}

pub(super) fn run(args: &SchemaArgs) -> anyhow::Result<Exit> {
    let text = match args.name {
        Name::Scenario => schema::SCENARIO,
        Name::Simulate => schema::SIMULATE,
        Name::Tally => schema::TALLY,
        Name::Routes => schema::ROUTES,
        Name::Explain => schema::EXPLAIN,
        Name::Diff => schema::DIFF,
        Name::Rollout => schema::ROLLOUT,
        Name::Check => schema::CHECK,
        Name::Test => schema::TEST,
        Name::Verify => schema::VERIFY,
        Name::Learn => schema::LEARN,
    };
    output::own(text.as_bytes())?;
    Ok(Exit::Fine)
}
