//! `towtank diff`.

mod expected;
mod logged;

use std::fmt;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use smol_str::SmolStr;

use crate::analysis::checks;
use crate::analysis::compare::limits;
use crate::analysis::diff::{self, Effort, Kind, Meshes, ProxyDiff};
use crate::envoy::words;
use crate::istio::clients::PointsOfView;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::Manifests;
use crate::manifest::load::Prints;
use crate::manifest::release::rows;
use crate::parallel;
use crate::tool::cli::common::{CommonArgs, LengthArgs, Releases};
use crate::tool::cli::exit::Exit;
use crate::tool::cli::{fail_on, input, output, rollout};
use crate::tool::report::alike::skeleton;
use crate::tool::report::diff::{self as report, OnTheWay, Results};
use crate::tool::report::graph::{self, Language};
use crate::tool::report::grid::counted;
use crate::traffic::scenario::parse_share;
use crate::traffic::workspace::{self, Inputs, Options, Reviewed, Workspace};

/// What `--help` says below all options.
const ENDINGS: &str = "\
Examples:
  towtank diff old/ new/
  towtank diff git:main manifests/ --fail-on lost,unmatched
  towtank diff manifests/ -o markdown > comment.md
  towtank diff cluster.yaml --overlay change/
  towtank diff manifests/ --istio 1.29..1.31

One PATH is compared with git:HEAD, or with itself without what is laid over it.


Exit status: 0 fine; 1 something changes and --exit-code is given, or --fail-on or --expect doesn't hold; 2 wrong usage or
unusable input.";

const GATES: &str = "Gates";
const REPORT: &str = "Report";

#[derive(Debug, Args)]
#[command(after_help = ENDINGS)]
pub(super) struct DiffArgs {
    /// Exit with 1 where anything changes
    #[arg(long, help_heading = GATES)]
    exit_code: bool,

    /// Exit with 1 where requests change in such a way: lost, unmatched, moved, altered, policy, gained, changed (any of
    /// them), each with an optional threshold for the share that ends elsewhere, as in `moved>10%`
    #[arg(long, value_name = "WHAT[>SHARE],...", value_delimiter = ',', value_parser = gate, help_heading = GATES)]
    fail_on: Vec<Gate>,

    /// A file of wanted changes: exit with 1 where others come, or where wanted ones don't
    #[arg(long, value_name = "FILE", help_heading = GATES)]
    expect: Option<PathBuf>,

    /// Write the changes that there are to the file of --expect
    #[arg(long, requires = "expect", help_heading = GATES)]
    update: bool,

    /// Requests, as `explain` reads them, or a log: which of them change, and by which change
    #[arg(long, value_name = "FILE", help_heading = REPORT)]
    requests: Option<PathBuf>,

    /// Host that the log's requests ask for, where the log names none
    #[arg(long, value_name = "HOST[:PORT]", value_parser = input::authority, requires = "requests", help_heading = REPORT)]
    authority: Option<String>,

    /// Which name of the log (a column, or a path into JSON such as `http.url`) is a request's method, authority, path, url,
    /// port, tls, status or header:NAME (repeatable)
    #[arg(long, value_name = "FIELD=NAME", value_parser = input::field_map, requires = "requests", help_heading = REPORT)]
    map: Vec<(SmolStr, SmolStr)>,

    /// Report only changes of these kinds: lost, unmatched, moved, altered, policy, gained
    #[arg(long, value_name = "KIND,...", value_delimiter = ',', value_parser = kind, help_heading = REPORT)]
    only: Vec<Kind>,

    /// table for people, html for a page of its own, json for programs, markdown for a comment, github for annotations, dot or mermaid
    /// for a graph
    #[arg(short, long, value_enum, default_value_t = Format::Table, help_heading = REPORT)]
    output: Format,

    /// Columns of the table; those of the terminal unless said, 0 for no limit
    #[arg(long, value_name = "N", help_heading = REPORT)]
    width: Option<u16>,

    #[command(flatten)]
    length: LengthArgs,

    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Html,
    Json,
    Markdown,
    Github,
    Dot,
    Mermaid,
}

/// One condition of `--fail-on`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Gate {
    /// None: any kind.
    kind: Option<Kind>,
    /// Share of a change's requests that may end elsewhere; None: not one change is fine.
    above: Option<f64>,
}

fn kind(text: &str) -> Result<Kind, String> {
    let found = Kind::ALL.into_iter().find(|k| k.as_str() == text || (*k == Kind::Lost && text == "blackholed"));
    found.ok_or_else(|| "write lost, unmatched, moved, altered, policy or gained".to_owned())
}

fn gate(text: &str) -> Result<Gate, String> {
    let (name, above) = match text.split_once('>') {
        Some((name, share)) => {
            let parsed = parse_share(share).ok_or_else(|| format!("`{share}` is no share: write for example `>1%`"))?;
            (name.trim(), Some(parsed))
        }
        None => (text.trim(), None),
    };
    let kind = if name == "changed" { None } else { Some(kind(name).map_err(|e| format!("{e}, or changed"))?) };
    if above.is_some() && matches!(kind, Some(Kind::Policy | Kind::Altered)) {
        return Err(format!("{name} has no share, since nothing ends elsewhere: write it alone"));
    }
    Ok(Gate { kind, above })
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}", self.kind.map_or("changed", Kind::as_str))?;
        match self.above {
            Some(above) => write!(f, ">{}`", words::percent(above)),
            None => f.write_str("`"),
        }
    }
}

impl Gate {
    fn holds(&self, kind: Kind, moved: f64) -> bool {
        self.kind.is_none_or(|k| k == kind) && self.above.is_none_or(|above| fail_on::is_above(moved, above))
    }
}

/// Two texts of meshes, and how each is to be read.
struct Pair {
    inputs: [Inputs; 2],
    common: [CommonArgs; 2],
    names: [String; 2],
    /// It is the last thing that the process does: what it holds is left to the system, which takes all of it back at once.
    is_last: bool,
}

pub(super) fn run(args: &DiffArgs) -> anyhow::Result<Exit> {
    let mut pairs = pairs(args)?;
    if let [only] = pairs.as_mut_slice() {
        only.is_last = true;
    }
    if pairs.len() > 1 && args.expect.is_some() {
        anyhow::bail!("--expect is for one pair of meshes, and there are {}", pairs.len());
    }
    let (mut exit, mut shown) = (Exit::Fine, 0);
    let mut sections = Vec::new();
    for pair in pairs {
        // Points of view are the new side's; the old one is only looked at.
        let viewless = CommonArgs { proxy: Vec::new(), ..pair.common[0].clone() };
        let mut made_of = [Manifests::default(), Manifests::default()];
        let open = |side: usize, options: &Options, made_of: &mut Manifests| {
            workspace::open_and_review(pair.inputs[side].clone(), options, |manifests| *made_of = manifests.clone())
        };
        let (before, now) = (input::options(&viewless), input::options(&pair.common[1]));
        let [was_of, is_of] = &mut made_of;
        let (mut older, mut newer) = parallel::join(|| open(0, &before, was_of), || open(1, &now, is_of));
        // What a proxy runs is held against what its own Istio makes of the manifests, for that very proxy.
        let runs_too = newer.as_ref().is_ok_and(|(newer, _)| newer.of_running);
        if let Some((older, _)) = older.as_ref().ok().filter(|(older, _)| older.of_running && !runs_too) {
            let mut beside = input::options(&pair.common[1]);
            beside.istio.as_beside = older.istio.told();
            beside.proxies.clear();
            newer = open(1, &beside, &mut made_of[1]);
        }
        if let Ok((newer, _)) = &newer
            && newer.of_running
            && older.as_ref().is_ok_and(|(older, _)| !older.of_running)
            && pair.common[0].istio.is_none()
        {
            let mut beside = input::options(&viewless);
            beside.istio.as_beside = newer.istio.told();
            older = open(0, &beside, &mut made_of[0]);
        }
        let older = input::told(older, &viewless);
        let newer = input::told(newer, &pair.common[1]);
        let (Some((mut older, was)), Some((mut newer, is))) = (older, newer) else {
            exit = Exit::Unusable;
            continue;
        };
        older.held_against(&newer);
        newer.held_against(&older);
        if shown > 0 && args.output == Format::Table {
            output::write(b"\n")?;
        }
        shown += 1;
        let sides = [(&older, was), (&newer, is)];
        exit = exit.max(one(args, sides, &mut made_of, &pair, &mut sections)?);
        if pair.is_last {
            std::mem::forget((older, newer));
        }
    }
    if args.output == Format::Html {
        output::write(report::to_html(&sections).as_bytes())?;
    }
    Ok(exit)
}

fn pairs(args: &DiffArgs) -> anyhow::Result<Vec<Pair>> {
    if let Some(Releases { from: Some(from), to }) = args.common.istio {
        if args.common.paths.len() > 1 {
            anyhow::bail!(
                "--istio {from}..{to} compares one thing under two releases, and {} paths were given",
                args.common.paths.len()
            );
        }
        let of = |release| CommonArgs { istio: Some(Releases { from: None, to: release }), ..args.common.clone() };
        let pair = |inputs: Inputs| Pair {
            inputs: [inputs.clone(), inputs],
            common: [of(from), of(to)],
            names: [format!("Istio {from}"), format!("Istio {to}")],
            is_last: false,
        };
        return Ok(input::gather(&args.common).into_iter().map(pair).collect());
    }
    let (old, new) = sides(args)?;
    let common = CommonArgs { paths: vec![new.clone()], ..args.common.clone() };
    let names = input::names_of_pair(&args.common, old.first(), &new);
    let pair = |(now, before)| Pair {
        inputs: Inputs::side_by_side([before, now]),
        common: [common.clone(), common.clone()],
        names: names.clone(),
        is_last: false,
    };
    let found = input::gather_pair(&args.common, old.as_slice(), std::slice::from_ref(&new))?;
    Ok(found.into_iter().map(pair).collect())
}

/// Finds out for each change between two releases which of their differences bring it about: those without which it isn't there.
fn attribute(proxies: &mut [ProxyDiff], [older, newer]: [&Workspace; 2], pair: &Pair, points: &PointsOfView) {
    let (was, is) = (older.istio.profile, newer.istio.profile);
    let Ok(old_switches) = input::switches(older) else { return };
    for row in rows().iter().filter(|row| is.has(row.difference) && !was.has(row.difference)) {
        let mut options = input::options(&pair.common[1]);
        options.istio.without = Some(row.difference);
        // Documents that are refused without it are a difference as well; what is left is compared.
        options.skip_invalid = true;
        let Ok(variant) = workspace::open(pair.inputs[1].clone(), &options) else { continue };
        let Ok(switches) = input::switches(&variant) else { continue };
        let meshes = Meshes::new((&older.mesh, &old_switches), (&variant.mesh, &switches));
        diff::attribute(proxies, &meshes.diff(points, Effort::default()), row.id);
    }
}

/// The two sides as they were given; of the old one none where it is not said.
fn sides(args: &DiffArgs) -> anyhow::Result<(Vec<PathBuf>, PathBuf)> {
    match args.common.paths.as_slice() {
        [old, new] => Ok((vec![old.clone()], new.clone())),
        [new] => Ok((Vec::new(), new.clone())),
        more => anyhow::bail!("two sides are compared, OLD and NEW, and {} paths were given", more.len()),
    }
}

/// Compares one pair and says what there is to say; of a page it is a section, which is added.
fn one(
    args: &DiffArgs,
    [(older, was), (newer, is)]: [(&Workspace, Reviewed); 2],
    made_of: &mut [Manifests; 2],
    pair: &Pair,
    sections: &mut Vec<report::Section>,
) -> anyhow::Result<Exit> {
    let points = newer.points_beside(older);
    let switches = [input::switches(older)?, input::switches(newer)?];
    let meshes = Meshes::new((&older.mesh, &switches[0]), (&newer.mesh, &switches[1]));
    // What `check` says of either side is asked meanwhile.
    let find = || {
        // A proxy has no manifests that could be checked, and beside it those of the other side would seem new.
        if older.of_running || newer.of_running {
            return (Vec::new(), Vec::new());
        }
        parallel::join(|| checks::findings(was), || checks::findings(is))
    };
    // What the documents say; next to a proxy every manifest would be new.
    let is_written = !older.of_running && !newer.of_running;
    let on_the_way = || -> anyhow::Result<(Prints, OnTheWay)> {
        if !is_written {
            return Ok(Default::default());
        }
        let renamed = &args.common.map_namespace;
        let prints = Inputs::prints([&pair.inputs[0], &pair.inputs[1]], &newer.namespace, renamed);
        let orders = on_the_way(args, [older, newer], made_of, &prints)?;
        Ok((prints, orders))
    };
    let (mut proxies, ((was, is), on_the_way)) =
        parallel::join(|| meshes.diff(&points, Effort::default()), || parallel::join(find, on_the_way));
    let (prints, orders) = on_the_way?;
    if pair.common[0].istio != pair.common[1].istio && proxies.iter().any(|p| !p.changes.is_empty()) {
        attribute(&mut proxies, [older, newer], pair, &points);
    }
    let requests = match &args.requests {
        Some(path) => Some(logged::read(path, newer, (&meshes, &points), &mut proxies, args)?),
        None => None,
    };
    let all_causes = diff::causes(&proxies, &points);
    // What a gate is for, with how many changes it stops.
    let held: Vec<(&Gate, usize)> = args
        .fail_on
        .iter()
        .map(|gate| {
            let stopped = |c: &&diff::Cause<'_>| !c.change.is_minor() && gate.holds(c.kind, c.change.moved);
            (gate, all_causes.iter().filter(stopped).count())
        })
        .filter(|(_, stopped)| *stopped > 0)
        .collect();
    let expected = match &args.expect {
        Some(file) if args.update => {
            expected::write(file, &all_causes)?;
            None
        }
        Some(file) => Some(expected::hold(file, &all_causes)?),
        None => None,
    };
    let mut exit = Exit::Fine;
    let as_expected = expected.as_ref().is_none_or(|e| e.missing.is_empty() && e.wanted.iter().all(|w| *w));
    // Wanted changes fail no gate.
    let unexpected = expected.as_ref().map(|e| e.wanted.iter().any(|w| !w));
    if !as_expected
        || (!held.is_empty() && unexpected.unwrap_or(true))
        || (args.exit_code && !all_causes.is_empty() && expected.is_none())
    {
        exit = Exit::No;
        for (gate, stopped) in &held {
            output::message(&format!("failed: {gate}: {}", counted(*stopped as u64, "change")));
        }
    }
    let narrowed: Vec<ProxyDiff> = proxies.iter().map(|p| narrow(p, args)).collect();
    let is_narrow = args.length.narrows() || !args.only.is_empty();
    let shown = if is_narrow { &narrowed } else { &proxies };
    let causes = diff::causes(shown, &points);
    let verdict = diff::verdict(&causes, &all_causes, shown, &points);
    // What has an effect that nobody asked for has one all the same.
    let edits = diff::without_effect(&prints, &proxies);
    let limits = limits::compared(&older.not_modelled, &newer.not_modelled);
    let (mut come, mut gone) = (only_in(&is, &was), only_in(&was, &is));
    if matches!(orders, OnTheWay::Orders { .. }) {
        // Every state on the way was looked at: rules about the order of files have nothing to add.
        [&mut come, &mut gone].into_iter().for_each(|f| f.retain(|f| !OF_ORDER.contains(&&*f.id)));
    }
    let assumed = assumed(older, newer);
    let results = Results {
        scenario: &newer.name,
        names: [&pair.names[0], &pair.names[1]],
        proxies: shown,
        causes: &causes,
        hidden: all_causes.len().saturating_sub(causes.len()),
        verdict: &verdict,
        assumed: &assumed,
        limits: &limits,
        on_the_way: &orders,
        findings: [&come, &gone],
        edits: &edits,
        requests: requests.as_deref(),
        expected: expected.as_ref().filter(|_| !is_narrow),
        sources: [&older.sources, &newer.sources],
    };
    let premises = || {
        let mut premises: Vec<String> = [older, newer].iter().filter_map(|w| w.istio.line()).collect();
        premises.dedup();
        premises.extend(assumed.first().cloned());
        premises
    };
    match args.output {
        Format::Html => {
            let section = report::Section::new(&results, sections.len(), args.length.most(), &premises());
            sections.push(section);
        }
        Format::Table => {
            let premises = premises();
            if !premises.is_empty() {
                output::write(format!("{}\n\n", premises.join("\n")).as_bytes())?;
            }
            let show = report::Show {
                width: args.width.unwrap_or_else(output::width),
                color: output::color(args.common.color),
                all: args.length.all,
                top: args.length.top,
            };
            output::write(report::to_text(&results, show).as_bytes())?;
        }
        Format::Json => {
            output::json(&report::to_json(&results))?;
            output::own(b"\n")?;
        }
        Format::Dot => output::write(&graph::diff(&results, Language::Dot))?,
        Format::Mermaid => output::write(&graph::diff(&results, Language::Mermaid))?,
        Format::Markdown => output::write(report::to_markdown(&results).as_bytes())?,
        Format::Github => output::annotations(&report::to_annotations(&results))?,
    }
    if pair.is_last {
        std::mem::forget((meshes, proxies));
    }
    Ok(exit)
}

/// Findings of `check` that are about the order in which files are applied.
const OF_ORDER: [&str; 2] = ["O801", "O811"];
/// Objects of a change whose orders are looked at: of more, somebody asks for with patience.
const ORDERED_MAX: usize = 200;

/// What happens between the two sides when everything is applied at once.
fn on_the_way(
    args: &DiffArgs,
    [older, newer]: [&Workspace; 2],
    [was, is]: &mut [Manifests; 2],
    prints: &Prints,
) -> anyhow::Result<OnTheWay> {
    let is_one_cluster = args.common.map_namespace.is_empty() && older.istio.profile == newer.istio.profile;
    if !is_one_cluster {
        return Ok(OnTheWay::None);
    }
    let sides = [(older, was), (newer, is)];
    Ok(rollout::orders(&args.common, sides, prints, ORDERED_MAX)?.map_or(OnTheWay::TooMany, OnTheWay::from))
}

/// Only what was asked for.
fn narrow(p: &ProxyDiff, args: &DiffArgs) -> ProxyDiff {
    let host = |name: &str| args.length.shows_host(name);
    let mut out = p.clone();
    out.changes.retain(|c| {
        let hosts = &c.region.hosts;
        (args.only.is_empty() || args.only.contains(&c.kind))
            && (!args.length.narrows() || host(&c.host()) || hosts.iter().any(|h| host(h)))
    });
    out.unchanged.retain(|h| !args.length.narrows() || host(&h.virtual_host));
    out
}

/// Findings that the other side doesn't have, wherever they stand.
fn only_in(of: &[Finding], other: &[Finding]) -> Vec<Finding> {
    let key = |f: &Finding| (f.id.to_string(), f.object.clone(), skeleton(&f.message), f.path.clone());
    let mut known: std::collections::HashMap<_, usize> = std::collections::HashMap::new();
    for f in other {
        *known.entry(key(f)).or_default() += 1;
    }
    let is_own = |f: &&Finding| match known.get_mut(&key(f)) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => f.severity != Severity::Info,
    };
    of.iter().filter(is_own).cloned().collect()
}

/// What either side rests on, in one line.
fn assumed(older: &Workspace, newer: &Workspace) -> Vec<String> {
    match (older.assumed.line(), newer.assumed.line()) {
        (None, None) => Vec::new(),
        (Some(a), Some(b)) if a == b => vec![a],
        (a, b) => {
            let say = |side: &str, line: Option<String>| line.map(|l| format!("{side} side {l}"));
            let both: Vec<String> = say("old", a).into_iter().chain(say("new", b)).collect();
            vec![both.join("; ")]
        }
    }
}
