//! `towtank rollout`.

mod change;
mod steps;
mod written;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use smol_str::SmolStr;

use crate::analysis::compare::limits;
use crate::analysis::rollout::{Orders, Plan, Rehearsal, Safe, Tool, orders_of};
use crate::envoy::router::Switches;
use crate::manifest::kinds::Manifests;
use crate::manifest::load::Prints;
use crate::manifest::source::SourceMap;
use crate::tool::cli::common::CommonArgs;
use crate::tool::cli::exit::Exit;
use crate::tool::cli::suppose::{LoadArgs, SupposeArgs};
use crate::tool::cli::{input, output};
use crate::tool::report::rollout::{self as report, Results, Road, Section, Watch};
use crate::traffic::scenario::parse_share;
use crate::traffic::workspace::Workspace;

/// What `--help` says below all options.
const ENDINGS: &str = "\
Examples:
  towtank rollout git:main manifests/                  # a change: its order and its way back
  towtank rollout old/ new/ --write plan/
  towtank rollout manifests/ --shift reviews --from v1 --to v2 --steps 90/10,50/50,0/100 --rate 50/s
  towtank rollout scenarios/staged-rollout             # the steps of a scenario
  towtank rollout manifests/ rollout.yaml --suppose v2:errors=5%   # an Argo Rollout, a Flagger Canary

One PATH without steps is compared with git:HEAD, or with itself without what is laid over it.

Exit status: 0 fine; 1 --fail-on doesn't hold; 2 wrong usage or unusable input.";

const STEPS: &str = "Steps";
const GATES: &str = "Gates";
const REPORT: &str = "Report";

#[derive(Debug, Args)]
#[command(after_help = ENDINGS)]
pub(super) struct RolloutArgs {
    /// Move the traffic of this host from one subset to another, step by step
    #[arg(long, value_name = "HOST", requires_all = ["from", "to"], help_heading = STEPS)]
    shift: Option<String>,

    /// The subset that has the traffic now
    #[arg(long, value_name = "SUBSET", requires = "shift", help_heading = STEPS)]
    from: Option<String>,

    /// The subset that gets it
    #[arg(long, value_name = "SUBSET", requires = "shift", help_heading = STEPS)]
    to: Option<String>,

    /// Weights of both at each step
    #[arg(long, value_name = "A/B,...", value_delimiter = ',', value_parser = weights,
        default_value = "90/10,70/30,50/50,0/100", requires = "shift", help_heading = STEPS)]
    steps: Vec<[u32; 2]>,

    /// Requests a second of what is moved, as in 50/s: loads and times are told by it
    #[arg(long, value_name = "N/s", value_parser = rate, help_heading = STEPS)]
    rate: Option<f64>,

    /// The rise of the error rate that is to show
    #[arg(long, value_name = "RISE", value_parser = share, default_value = "1%", help_heading = STEPS)]
    detect: f64,

    /// The share of requests that fails anyway
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "1%", help_heading = STEPS)]
    error_rate: f64,

    /// Write the manifests of each wave of the plan, or of each step, to this folder, which must be empty or not there
    #[arg(long, value_name = "DIR", help_heading = REPORT)]
    write: Option<PathBuf>,

    /// Exit with 1 where a state loses requests (lost), where there is no way back on which nothing is lost (no-way-back), where
    /// applying everything at once loses requests on the way (unsafe-order), or where no safe order is known (no-safe-order)
    #[arg(long, value_name = "WHAT,...", value_delimiter = ',', value_enum, help_heading = GATES)]
    fail_on: Vec<Gate>,

    /// Whose order counts for unsafe-order; all that are told unless said
    #[arg(long, value_name = "TOOL,...", value_delimiter = ',', value_enum, help_heading = GATES)]
    order: Vec<ToolArg>,

    /// table for people, html for a page of its own, json for programs, markdown for a comment
    #[arg(short, long, value_enum, default_value_t = Format::Table, help_heading = REPORT)]
    output: Format,

    /// Columns of the table; those of the terminal unless said, 0 for no limit
    #[arg(long, value_name = "N", help_heading = REPORT)]
    width: Option<u16>,

    /// Everything, however long the report gets
    #[arg(long, help_heading = REPORT)]
    all: bool,

    #[command(flatten)]
    suppose: SupposeArgs,

    #[command(flatten)]
    load: LoadArgs,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Html,
    Json,
    Markdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Gate {
    Lost,
    NoWayBack,
    UnsafeOrder,
    NoSafeOrder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ToolArg {
    Kubectl,
    Helm,
    Argocd,
}

impl ToolArg {
    fn is(self, tool: Tool) -> bool {
        matches!(
            (self, tool),
            (ToolArg::Kubectl, Tool::Kubectl) | (ToolArg::Helm, Tool::Helm) | (ToolArg::Argocd, Tool::ArgoCd)
        )
    }
}

fn weights(text: &str) -> Result<[u32; 2], String> {
    let parsed = text.trim().split_once('/').and_then(|(a, b)| Some([a.parse().ok()?, b.parse().ok()?]));
    match parsed {
        Some([0, 0]) => Err("one of the weights has to be more than 0".to_owned()),
        Some(weights) if weights.iter().all(|w| *w <= 10_000) => Ok(weights),
        _ => Err("write two whole numbers up to 10000, for example 90/10".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix("/s").unwrap_or(text.trim());
    let rate = number.trim().parse::<f64>().ok().filter(|r| r.is_finite() && *r > 0.0 && *r <= 1e12);
    rate.ok_or_else(|| "write requests a second, for example 50/s".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let share = parse_share(text).filter(|s| *s > 0.0 && *s < 1.0);
    share.ok_or_else(|| "write a share between 0 and 1, for example 1%".to_owned())
}

/// What a report is about, with all that it points into.
struct Told<'t> {
    workspace: &'t Workspace,
    sources: &'t SourceMap,
    title: String,
    assumed: Vec<String>,
    relabelled: Vec<SmolStr>,
    written: Option<String>,
}

pub(super) fn run(args: &RolloutArgs) -> anyhow::Result<Exit> {
    if !args.common.map_namespace.is_empty() {
        anyhow::bail!("--map-namespace compares two environments, and a rollout is of one");
    }
    let mut sections: Vec<Section> = Vec::new();
    let exit =
        if steps::are_meant(args) { steps::run(args, &mut sections)? } else { change::run(args, &mut sections)? };
    if args.output == Format::Html {
        output::write(report::to_html(&sections).as_bytes())?;
    }
    Ok(exit)
}

/// Sets one report apart from the next.
fn part(args: &RolloutArgs, shown: usize) -> anyhow::Result<()> {
    if shown > 0 && args.output != Format::Html { output::write(b"\n") } else { Ok(()) }
}

/// What happens on the way from one mesh to another when everything is applied at once, in the orders of people's tools. Texts of
/// both sides are in the list of the newer one.
/// None: more objects than `most` change.
///
/// # Errors
/// A scenario's runtime values are none.
pub(super) fn orders(
    common: &CommonArgs,
    sides: [(&Workspace, &mut Manifests); 2],
    prints: &Prints,
    most: usize,
) -> anyhow::Result<Option<Orders>> {
    let switches = switches(sides[1].0)?;
    Ok(orders_of(sides, prints, most, input::options(common).unknown_fields, &switches))
}

fn switches(workspace: &Workspace) -> anyhow::Result<Switches> {
    input::switches(workspace)
}

fn show(args: &RolloutArgs, told: &Told<'_>, road: Road<'_>, sections: &mut Vec<Section>) -> anyhow::Result<()> {
    let limits = limits::limits(&told.workspace.not_modelled);
    let results = Results {
        scenario: &told.workspace.name,
        title: told.title.clone(),
        road,
        watch: Watch { per_second: args.rate, error_rate: args.error_rate, rise: args.detect },
        assumed: &told.assumed,
        limits: &limits,
        relabelled: &told.relabelled,
        sources: told.sources,
        written: told.written.clone(),
    };
    let premises =
        || -> Vec<String> { told.workspace.istio.line().into_iter().chain(told.assumed.first().cloned()).collect() };
    match args.output {
        Format::Html => {
            let section = Section::new(&results, sections.len(), args.all, &premises());
            sections.push(section);
            Ok(())
        }
        Format::Table => {
            let premises = premises();
            if !premises.is_empty() {
                output::write(format!("{}\n\n", premises.join("\n")).as_bytes())?;
            }
            let show = report::Show {
                width: args.width.unwrap_or_else(output::width),
                color: output::color(args.common.color),
                all: args.all,
            };
            output::write(report::to_text(&results, show).as_bytes())
        }
        Format::Json => {
            output::json(&report::to_json(&results))?;
            output::own(b"\n")
        }
        Format::Markdown => output::write(report::to_markdown(&results).as_bytes()),
    }
}

impl Gate {
    fn holds_for_plan(self, plan: &Plan, args: &RolloutArgs) -> bool {
        let counts = |tool: Tool| args.order.is_empty() || args.order.iter().any(|t| t.is(tool));
        match self {
            Gate::Lost => plan.loses(),
            Gate::NoWayBack => plan.back.iter().any(|b| b.waves.is_none()),
            Gate::UnsafeOrder => plan.orders.iter().any(|o| counts(o.tool) && o.is_unsafe()),
            Gate::NoSafeOrder => !matches!(plan.safe, Safe::Waves { .. }),
        }
    }

    fn holds_for_steps(self, r: &Rehearsal) -> bool {
        match self {
            Gate::Lost => r.loses(),
            Gate::NoWayBack => r.moves.iter().any(|m| !m.has_way_back()),
            Gate::UnsafeOrder => r.moves.iter().any(|m| m.windows.iter().any(|(w, _)| w.accident.is_proven())),
            Gate::NoSafeOrder => r.moves.iter().any(|m| m.waves.is_none()),
        }
    }
}
