//! `towtank check`.

use std::error::Error;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::str::FromStr as _;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command, ValueEnum};

use super::common::{CommonArgs, LengthArgs};
use super::exit::Exit;
use super::{input, manual, output};
use crate::analysis::checks::registry::{self, Profile};
use crate::analysis::checks::silence::{self, Ignore};
use crate::analysis::checks::{self, Outcome};
use crate::analysis::compare::limits;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::tool::report::grid::counted;
use crate::tool::report::{self, diagnostics};
use crate::traffic::workspace::{self, Assumed};

/// What `--help` says below all options.
const ENDINGS: &str = "\
Examples:
  towtank check manifests/
  towtank check manifests/ --base in-force/ -o github
  towtank check --explain R106

Exit status: 0 nothing at --fail-on or above; 1 there is; 2 wrong usage or unusable input.";

#[derive(Debug, Args)]
#[command(after_help = ENDINGS, next_help_heading = "Findings")]
pub(super) struct CheckArgs {
    /// table for people, html for a page of its own, json for programs, sarif for code scanning, github for annotations of a pull request
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,

    /// The manifests that are in force now, to compare with: what does the change break, and how does it go back; git:main is what
    /// PATH has at that revision (repeatable)
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

    /// What may be spent on proofs about rules that hide each other, in million steps; what is beyond is possible, not proven
    #[arg(long, value_name = "N", default_value_t = checks::EFFORT / 1_000_000)]
    effort: u64,
    /// Show the checklist, and which checks were not made for want of what they need
    #[arg(long, conflicts_with = "quiet")]
    checklist: bool,

    /// Leave findings out: ID or ID=KIND/NAMESPACE/NAME, `*` for any text (repeatable)
    #[arg(long, value_name = "ID[=KIND/NS/NAME]", value_parser = Ids(Ignore::from_str), hide_possible_values = true)]
    ignore: Vec<Ignore>,

    /// Print the manual of a check or rule and nothing else; codes of istioctl and Kiali lead to ours
    #[arg(long, value_name = "ID", exclusive = true, value_parser = Ids(String::from_str), hide_possible_values = true)]
    explain: Option<String>,

    #[command(flatten)]
    length: LengthArgs,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

/// Reads what begins with the id of a check, and tells completion which ids there are; others are read too.
#[derive(Clone)]
struct Ids<T, E>(fn(&str) -> Result<T, E>);

impl<T, E> TypedValueParser for Ids<T, E>
where
    T: Clone + Send + Sync + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        self.0.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(registry::all().map(|check| PossibleValue::new(check.id).help(check.title))))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Html,
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
    let mut sections = Vec::new();
    for inputs in input::gather_with_base(&args.common, &args.base) {
        let (name, given) = (inputs.name.clone(), inputs.manifests.len());
        let reviewed = workspace::review(inputs, &input::options(&args.common));
        input::tell_overlaid(reviewed.overlaid, &args.common);
        let assumed = Assumed { services: reviewed.assumed.clone(), ..Assumed::default() };
        let mut findings = reviewed.findings;
        let lonely = reviewed.configurations.len() == given;
        findings.extend(reviewed.configurations.iter().map(|file| no_manifest(reviewed.sources.name(*file), lonely)));
        // What can't be read is not checked: that is no answer.
        let unreadable =
            findings.iter().any(|f| matches!(f.id.as_str(), "load" | "scenario") && f.severity == Severity::Error);
        let outcome = checks::run(checks::Inputs {
            manifests: &reviewed.manifests,
            refused: reviewed.refused,
            assumed: !reviewed.assumed.is_empty(),
            scenario: reviewed.scenario.as_ref(),
            sources: &reviewed.sources,
            gateways: reviewed.gateways,
            base: reviewed.base,
            profile,
            effort: args.effort.saturating_mul(1_000_000),
            earlier: &findings,
        });
        let Outcome { mut findings, not_evaluated, checklist, .. } = outcome.behind(findings);
        silence::apply(&mut findings, &args.ignore, &reviewed.manifests, &reviewed.sources);
        let decisive = |all: &[Finding]| all.iter().filter(|f| f.severity >= args.fail_on.severity()).count();
        let failing = decisive(&findings);
        let failed = failing > 0;
        findings.retain(|f| f.severity >= args.severity.severity() && shows(&args.length, f));
        if failed && decisive(&findings) == 0 {
            let what = counted(failing as u64, "finding");
            output::message(&format!("failed: {what} that `--severity` or another option leaves out here"));
        }
        let sources = &reviewed.sources;
        match args.output {
            Format::Json => {
                let limits = limits::limits(&reviewed.manifests.not_modelled);
                let told = assumed.told();
                let rests_on = (told.as_slice(), limits.as_slice());
                output::json(&report::check::to_json(&findings, &not_evaluated, &checklist, rests_on, sources))?;
            }
            Format::Html => {
                let limits = limits::limits(&reviewed.manifests.not_modelled);
                let told = report::check::Told {
                    name: &name,
                    findings: &findings,
                    // What was not looked at, and the checklist, would speak of a part as if it were the whole.
                    beside: (!unreadable).then_some((not_evaluated.as_slice(), checklist.as_slice())),
                    premises: input::premise_lines(&reviewed.istio, &assumed),
                    limits: input::limit_lines(&limits),
                };
                sections.push(report::check::Section::new(told, sections.len(), sources, args.length.most()));
            }
            Format::Sarif => runs.push(report::sarif::run(&findings, sources)),
            Format::Github => output::annotations(&report::github::to_text(&findings, sources))?,
            Format::Table => {
                let color = output::color(args.common.color);
                let mut title = if name.is_empty() { String::new() } else { format!("{name}\n\n") };
                title.push_str(&input::premises(&reviewed.istio, &assumed));
                let LengthArgs { all, top, .. } = args.length;
                let length = report::check::Length { all, top, width: output::width(), color, option: "--all" };
                let text = report::check::to_text(&findings, sources, length);
                let summary = diagnostics::summary_or_nothing(&findings);
                if unreadable {
                    // What was not looked at, and the checklist, would speak of a part as if it were the whole.
                    let partial = report::check::PARTIAL;
                    output::write(format!("{title}{text}{summary}; {partial}\n").as_bytes())?;
                } else {
                    let limits = limits::limits(&reviewed.manifests.not_modelled);
                    let limits = report::limits::to_text(&limits, length.width, color);
                    let (missing, questions) = if args.checklist || args.common.verbose {
                        let questions = report::check::checklist(&checklist, color);
                        (report::check::not_evaluated(&not_evaluated, color), format!("\n{questions}"))
                    } else if args.common.quiet {
                        (String::new(), String::new())
                    } else {
                        (String::new(), report::check::in_short(&not_evaluated, &checklist))
                    };
                    let controlled = match args.common.quiet {
                        true => String::new(),
                        false => report::limits::controlled(reviewed.manifests.rollouts()),
                    };
                    let text = format!("{title}{text}{missing}{limits}{controlled}{summary}\n{questions}");
                    output::write(text.as_bytes())?;
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
        output::json(&report::sarif::to_json(&runs))?;
    }
    if args.output == Format::Html {
        output::write(report::check::to_html(&sections).as_bytes())?;
    }
    Ok(exit)
}

/// What is said of a proxy's configuration: an error where there is nothing else to look at.
fn no_manifest(file: &str, lonely: bool) -> Finding {
    let severity = if lonely { Severity::Error } else { Severity::Warning };
    let message = format!("`{file}` is what a proxy runs, and `check` looks at manifests");
    Finding::new("load", severity, message).hint(format!(
        "`towtank diff {file} MANIFESTS` says whether it is what manifests say; routes, explain, simulate and test take it as it is"
    ))
}

/// Whether a finding is among the hosts and namespaces that were asked for, by its object and what it says.
fn shows(length: &LengthArgs, f: &Finding) -> bool {
    let host = |wanted: &String| {
        let wanted = wanted.to_ascii_lowercase();
        let says = |text: &str| text.to_ascii_lowercase().contains(&wanted);
        says(&f.statement()) || f.witness.as_deref().is_some_and(says)
    };
    let namespace = |ns: &String| f.object.as_ref().is_some_and(|o| o.namespace == ns.as_str());
    (length.host.is_empty() || length.host.iter().any(host))
        && (length.in_namespace.is_empty() || length.in_namespace.iter().any(namespace))
}
