//! `towtank check`.

use clap::{Args, ValueEnum};

use super::options::CommonArgs;
use super::{Exit, input, output};
use crate::diagnostic::Severity;
use crate::report::{self, diagnostics};
use crate::workspace;

#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    common: CommonArgs,

    /// table for people, json for programs
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,

    /// The least severity that sets exit status 1
    #[arg(long, value_enum, default_value_t = FailOn::Error)]
    fail_on: FailOn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Info,
}

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let least = match args.fail_on {
        FailOn::Error => Severity::Error,
        FailOn::Warning => Severity::Warning,
        FailOn::Info => Severity::Info,
    };
    let mut exit = Exit::Fine;
    for inputs in input::gather(&args.common)? {
        let reviewed = workspace::review(inputs, &input::options(&args.common));
        match args.output {
            Format::Json => output::write(&report::check::to_json(&reviewed.findings, &[], &reviewed.sources))?,
            Format::Table => {
                let color = output::color(args.common.color);
                let text = diagnostics::to_text(&reviewed.findings, &reviewed.sources, color);
                let summary = diagnostics::summary(&reviewed.findings);
                let summary = if summary.is_empty() { "nothing found".to_owned() } else { summary };
                output::write(format!("{text}{summary}\n").as_bytes())?;
            }
        }
        if reviewed.findings.iter().any(|f| f.severity >= least) {
            exit = exit.max(Exit::No);
        }
        // What could not even be opened was not checked.
        if reviewed.findings.iter().any(|f| f.id == "load" && f.severity == Severity::Error && !f.at.is_known()) {
            exit = Exit::Unusable;
        }
    }
    Ok(exit)
}
