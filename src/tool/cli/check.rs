//! `towtank check`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::common::CommonArgs;
use super::exit::Exit;
use super::{input, manual, output};
use crate::analysis::checks::registry::Profile;
use crate::analysis::checks::silence::{self, Ignore};
use crate::analysis::checks::{self, Outcome};
use crate::manifest::diagnostic::{Finding, Severity};
use crate::tool::files;
use crate::tool::report::{self, diagnostics};
use crate::traffic::workspace::{self, Assumed};

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    common: CommonArgs,

    /// table for people, json for programs, sarif for code scanning, github for annotations of a pull request
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,

    /// The manifests that are in force now, to compare with: what does the change break, and how does it go back (repeatable)
    #[arg(long, value_name = "PATH")]
    base: Vec<PathBuf>,

    /// The least severity that sets exit status 1
    #[arg(long, value_enum, default_value_t = Level::Error)]
    fail_on: Level,

    /// The least severity that is shown
    #[arg(long, value_enum, default_value_t = Level::Info)]
    severity: Level,

    /// ops adds the checks of operators' practice
    #[arg(long, value_enum, default_value_t = ProfileArg::Default)]
    profile: ProfileArg,

    /// Leave findings out: ID or ID=KIND/NAMESPACE/NAME, `*` for any text (repeatable)
    #[arg(long, value_name = "ID[=KIND/NS/NAME]")]
    ignore: Vec<Ignore>,

    /// Print the manual of a check or rule and nothing else; codes of istioctl and Kiali lead to ours
    #[arg(long, value_name = "ID", exclusive = true)]
    explain: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Sarif,
    Github,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    Error,
    Warning,
    Info,
}

impl Level {
    fn severity(self) -> Severity {
        match self {
            Level::Error => Severity::Error,
            Level::Warning => Severity::Warning,
            Level::Info => Severity::Info,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProfileArg {
    Default,
    Ops,
}

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    if let Some(id) = &args.explain {
        return manual::print(id, output::color(args.common.color));
    }
    let profile = match args.profile {
        ProfileArg::Default => Profile::Default,
        ProfileArg::Ops => Profile::Ops,
    };
    let mut exit = Exit::Fine;
    let mut runs = Vec::new();
    for mut inputs in input::gather(&args.common) {
        files::add_base(&args.base, &input::exclude(&args.common), &mut inputs);
        let name = inputs.name.clone();
        let reviewed = workspace::review(inputs, &input::options(&args.common));
        let assumed = Assumed { services: reviewed.assumed.clone(), ..Assumed::default() };
        let mut findings = reviewed.findings;
        // What can't be read is not checked: that is no answer.
        let unreadable =
            findings.iter().any(|f| matches!(f.id.as_str(), "load" | "scenario") && f.severity == Severity::Error);
        let Outcome { findings: found, not_evaluated, repeated, checklist } = checks::run(checks::Inputs {
            manifests: reviewed.manifests.clone(),
            assumed: !reviewed.assumed.is_empty(),
            scenario: reviewed.scenario.as_ref(),
            sources: &reviewed.sources,
            gateways: reviewed.gateways.clone(),
            base: reviewed.base.clone(),
            profile,
            earlier: &findings,
        });
        for index in repeated.into_iter().rev() {
            findings.remove(index);
        }
        findings.extend(found);
        silence::apply(&mut findings, &args.ignore, &reviewed.manifests, &reviewed.sources);
        let failed = findings.iter().any(|f| f.severity >= args.fail_on.severity());
        findings.retain(|f| f.severity >= args.severity.severity());
        let sources = &reviewed.sources;
        match args.output {
            Format::Json => output::write(&report::check::to_json(&findings, &not_evaluated, &checklist, sources))?,
            Format::Sarif => runs.push(report::sarif::run(&findings, sources)),
            Format::Github => output::write(report::github::to_text(&findings, sources).as_bytes())?,
            Format::Table => {
                let color = output::color(args.common.color);
                let mut title = if name.is_empty() { String::new() } else { format!("{name}\n\n") };
                if let Some(line) = assumed.line() {
                    title.push_str(&format!("{line}\n\n"));
                }
                let text = diagnostics::to_text(&findings, sources, color);
                let summary = summary(&findings);
                if unreadable {
                    // What was not looked at, and the checklist, would speak of a part as if it were the whole.
                    let partial = "not everything could be read, so there is no checklist";
                    output::write(format!("{title}{text}{summary}; {partial}\n").as_bytes())?;
                } else {
                    let missing = report::check::not_evaluated(&not_evaluated, color);
                    let questions = report::check::checklist(&checklist, color);
                    output::write(format!("{title}{text}{missing}{summary}\n\n{questions}").as_bytes())?;
                }
            }
        }
        if failed {
            exit = exit.max(Exit::No);
        }
        if unreadable {
            exit = Exit::Unusable;
        }
    }
    if args.output == Format::Sarif {
        output::write(&report::sarif::to_json(&runs))?;
    }
    Ok(exit)
}

fn summary(findings: &[Finding]) -> String {
    let summary = diagnostics::summary(findings);
    if summary.is_empty() { "nothing found".to_owned() } else { summary }
}
