//! `towtank test`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::common::CommonArgs;
use super::exit::Exit;
use super::{input, output};
use crate::analysis::expect::{self, Percent, Test, TestResult, Wishes};
use crate::manifest::diagnostic::Finding;
use crate::manifest::source::{FileId, SourceMap};
use crate::tool::files::{self, Place, Session};
use crate::tool::report::explain::View;
use crate::tool::report::test::{self, Golden, Suite};
use crate::tool::report::{diagnostics, github};
use crate::traffic::workspace::{Inputs, Workspace};

/// Name of the golden beside the scenario or the first test file. It is no YAML, so nobody takes it for a manifest.
const GOLDEN_FILE: &str = "towtank.golden";

/// What `--help` says below all options.
const ENDINGS: &str = "\
Examples:
  towtank test scenarios/
  towtank test . --filter canary --coverage
  towtank test scenarios/ --update
  towtank test scenarios/ -o junit > towtank.xml
  towtank test envoy.yaml --tests routes.golden.json

Exit status: 0 all passed; 1 a test or a property fails, the golden differs or too little is covered; 2 wrong usage or unusable input.";

#[derive(Debug, Args)]
#[command(after_help = ENDINGS, next_help_heading = "Tests")]
pub(super) struct TestArgs {
    /// A file with tests, whatever its name: ours, of istio-config-validator or of Envoy's router check tool (repeatable)
    #[arg(long, value_name = "FILE")]
    tests: Vec<PathBuf>,

    /// Only tests with this text in their name or file name (repeatable: any of them)
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,

    /// Say which rules, match entries and destinations no request of the tests came to
    #[arg(long)]
    coverage: bool,

    /// Fail where less than this of the rules, of the match entries or of the destinations is covered, for example 90%
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    coverage_min: Option<Percent>,

    /// Let a property pass of which neither a proof nor a refutation is found within bounds
    #[arg(long)]
    allow_undecided: bool,

    /// Write the golden of effective tables and decisions instead of comparing with it
    #[arg(long, conflicts_with = "filter")]
    update: bool,

    /// table for people; json, junit and tap for programs; github for annotations of a pull request
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Junit,
    Tap,
    Github,
}

fn percent(text: &str) -> Result<Percent, String> {
    Percent::parse(text).ok_or_else(|| "write a share from 0% to 100%".to_owned())
}

/// What came of one mesh.
enum Outcome {
    /// It has none.
    NoTests,
    /// It has some, and the filter lets none through.
    FilteredOut,
    Done(Box<Done>),
}

/// The tests of one mesh and what came of them.
struct Done {
    workspace: Workspace,
    results: Vec<TestResult>,
    golden: Option<Golden>,
    coverage: Option<expect::Coverage>,
}

pub(super) fn run(args: &TestArgs) -> anyhow::Result<Exit> {
    let mut exit = Exit::Fine;
    let mut all = Vec::new();
    let mut found_tests = false;
    for inputs in input::gather(&args.common) {
        let outcome = of_mesh(inputs, args);
        found_tests |= !matches!(outcome, Ok(Outcome::NoTests));
        match outcome {
            Ok(Outcome::Done(done)) => all.push(done),
            Ok(Outcome::NoTests | Outcome::FilteredOut) => {}
            Err(Stopped) => exit = Exit::Unusable,
        }
    }
    if !found_tests {
        anyhow::bail!(
            "no test: write some under `tests:` or `properties:` in scenario.yaml, or in a file NAME.test.yaml beside the manifests"
        );
    }
    if !args.filter.is_empty() && exit == Exit::Fine && all.is_empty() {
        anyhow::bail!("no test has `{}` in its name", args.filter.join("` or `"));
    }
    let suites: Vec<Suite<'_>> = all
        .iter()
        .map(|done| Suite {
            name: &done.workspace.name,
            results: &done.results,
            golden: done.golden.clone(),
            coverage: done.coverage.clone(),
            least: args.coverage_min,
            sources: &done.workspace.sources,
        })
        .collect();
    if !suites.is_empty() {
        write(args, &suites)?;
        for done in &all {
            input::tell_limits(&done.workspace, args.output == Format::Table, &args.common)?;
        }
    }
    let results = || suites.iter().flat_map(|s| s.results);
    if exit == Exit::Fine && results().count() > 0 && results().all(|r| r.skipped) {
        anyhow::bail!("no test could be evaluated");
    }
    let failed = suites.iter().any(|s| !s.passed());
    Ok(exit.max(if failed { Exit::No } else { Exit::Fine }))
}

/// The work stopped; it was said why.
struct Stopped;

/// Reads and runs the tests of one mesh.
fn of_mesh(mut inputs: Inputs, args: &TestArgs) -> Result<Outcome, Stopped> {
    let scenario = inputs.scenario.as_ref().map(|(file, _)| *file);
    let session = Session::default();
    let mut files = test_files(&mut inputs, &session);
    let (named, unread) = files::add_named(&mut inputs.sources, &args.tests);
    files.extend(named);
    inputs.findings.extend(unread);
    let (mut tests, wrong) = read(scenario, &files, &inputs.sources);
    let sources = if wrong.is_empty() { SourceMap::default() } else { inputs.sources.clone() };
    let Some(workspace) = input::open(inputs, &args.common) else {
        // What is wrong with the manifests was said; what is wrong with the tests need not wait for the next run.
        if !wrong.is_empty() {
            stop(&wrong, &sources, args);
        }
        return Err(Stopped);
    };
    if tests.is_empty() && wrong.is_empty() {
        return Ok(Outcome::NoTests);
    }
    if let Err(error) =
        input::tell_premises(&workspace.istio, &workspace.assumed, args.output == Format::Table, &args.common)
    {
        output::message(&format!("error: {error:#}"));
        return Err(Stopped);
    }
    let mesh = &workspace.mesh;
    if !workspace.of_running && mesh.services.is_empty() && mesh.virtual_services.all.is_empty() && !args.common.quiet {
        output::message("note: no Service and no VirtualService is among the paths: the tests see an empty mesh");
    }
    let folder = golden_folder(&tests, scenario, &workspace.sources, &session);
    if !args.filter.is_empty() && wrong.is_empty() {
        let file = |t: &Test| workspace.sources.name(t.at.file).to_owned();
        tests.retain(|t| {
            args.filter.iter().any(|text| t.name.contains(text.as_str()) || file(t).contains(text.as_str()))
        });
        if tests.is_empty() {
            return Ok(Outcome::FilteredOut);
        }
    }
    let switches = input::switches(&workspace).map_err(|error| {
        output::message(&format!("error: {error:#}"));
        Stopped
    })?;
    let asked = if args.common.proxy.is_empty() { 1 } else { workspace.proxies.len() };
    let plan = match expect::plan(tests, &workspace, &switches, &args.common.namespace, asked, wrong) {
        Ok(plan) => plan,
        Err(findings) => return Err(stop(&findings, &workspace.sources, args)),
    };
    if !args.common.quiet && !plan.warnings.is_empty() {
        say(&plan.warnings, &workspace.sources, args);
    }
    let routers: Vec<_> = plan.routers().cloned().collect();
    let wants_coverage = args.coverage || args.coverage_min.is_some();
    let wishes = Wishes { allow_undecided: args.allow_undecided, reach_all: wants_coverage };
    let results = expect::run(plan, wishes);
    let each_router = || routers.iter().map(std::sync::Arc::as_ref);
    let coverage = wants_coverage.then(|| expect::measure(each_router(), &results));
    let golden = golden(&folder, || expect::golden(each_router(), &results), args)?;
    Ok(Outcome::Done(Box::new(Done { workspace, results, golden, coverage })))
}

/// The files with tests besides the scenario: named so, or of a shape that nothing else has.
fn test_files(inputs: &mut Inputs, session: &Session) -> Vec<FileId> {
    let scenario = inputs.scenario.as_ref().and_then(|(file, _)| session.place_of_name(inputs.sources.name(*file)));
    let mut files: Vec<FileId> = Vec::new();
    if let Some(scenario) = scenario {
        let (added, findings) = files::add_below(&mut inputs.sources, &scenario.parent(), is_named_test);
        files.extend(added);
        inputs.findings.extend(findings);
    }
    let sources = &inputs.sources;
    // A test file among a scenario's manifests was found in the folder already.
    let identity = |id: &FileId| session.place_of_name(sources.name(*id)).and_then(|place| place.identity());
    let known: Vec<Option<PathBuf>> = files.iter().map(identity).collect();
    let has_tests =
        |id: &FileId| sources.file(*id).is_some_and(|f| is_named_test(&f.name) || expect::is_test_text(&f.text));
    let is_new = |id: &FileId| {
        let identity = identity(id);
        identity.is_none() || !known.contains(&identity)
    };
    files.extend(inputs.manifests.iter().copied().filter(has_tests).filter(is_new));
    files
}

fn is_named_test(name: &str) -> bool {
    expect::TEST_FILE_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn read(scenario: Option<FileId>, files: &[FileId], sources: &SourceMap) -> (Vec<Test>, Vec<Finding>) {
    let mut tests = Vec::new();
    let mut findings = Vec::new();
    let mut take = |(read, wrong): (Vec<Test>, Vec<Finding>)| {
        tests.extend(read);
        findings.extend(wrong);
    };
    if let Some((id, file)) = scenario.and_then(|id| Some((id, sources.file(id)?))) {
        take(expect::read_scenario(id, &file.text));
    }
    for (id, file) in files.iter().filter_map(|id| Some((*id, sources.file(*id)?))) {
        take(expect::read_file(id, &file.text));
    }
    (tests, findings)
}

/// Where the golden lies: beside the scenario, else beside the first test file. Standard input lies nowhere.
fn golden_folder(tests: &[Test], scenario: Option<FileId>, sources: &SourceMap, session: &Session) -> Option<Place> {
    let file = scenario.or_else(|| tests.first().map(|t| t.at.file))?;
    Some(session.place_of_name(&sources.file(file)?.name)?.parent())
}

/// Writes the golden, or compares with it where it exists. A filter leaves tests out, so that nothing can be compared.
fn golden(folder: &Option<Place>, new: impl FnOnce() -> String, args: &TestArgs) -> Result<Option<Golden>, Stopped> {
    let stop = |message: String| {
        output::message(&format!("error: {message}"));
        Stopped
    };
    let Some(place) = folder.as_ref().map(|f| f.join(GOLDEN_FILE)) else {
        return match args.update {
            true => Err(stop("--update has no place for the golden: the tests come from standard input".to_owned())),
            false => Ok(None),
        };
    };
    let shown = place.name();
    if args.update {
        let Place::Disk(path) = place else {
            return Err(stop(format!("--update has no place for the golden: `{shown}` would be in a revision")));
        };
        return match files::replace(&path, new().as_bytes()) {
            Ok(()) => {
                output::message(&format!("wrote {shown}"));
                Ok(None)
            }
            Err(error) => Err(stop(format!("cannot write `{shown}`: {error}"))),
        };
    }
    if !args.filter.is_empty() || !place.is_file() {
        return Ok(None);
    }
    if matches!(&place, Place::Disk(path) if path.is_symlink()) {
        // It could lead to any file of the machine, whose lines would be shown as differences.
        return Err(stop(format!("`{shown}` is a link; a golden is a file of its own")));
    }
    match place.read() {
        Ok(old) => Ok(Some(Golden { path: shown, old, new: new() })),
        Err(finding) => Err(stop(finding.message)),
    }
}

fn stop(findings: &[Finding], sources: &SourceMap, args: &TestArgs) -> Stopped {
    say(findings, sources, args);
    output::message(&format!("towtank: {}", diagnostics::summary(findings)));
    if args.output == Format::Github {
        // Annotations are wanted all the more where nothing could run. The exit status tells if they cannot be written.
        let _ = output::annotations(&github::to_text(findings, sources));
    }
    Stopped
}

fn say(findings: &[Finding], sources: &SourceMap, args: &TestArgs) {
    output::message(&diagnostics::to_text(findings, sources, output::message_color(args.common.color)));
}

fn write(args: &TestArgs, suites: &[Suite<'_>]) -> anyhow::Result<()> {
    let text = match args.output {
        Format::Json => return output::json(&test::to_json(suites)?),
        Format::Junit => test::to_junit(suites).into_bytes(),
        Format::Tap => test::to_tap(suites).into_bytes(),
        Format::Github => return output::annotations(&test::to_github(suites)),
        Format::Table => {
            let view = View { color: output::color(args.common.color) };
            let texts: Vec<String> = suites.iter().map(|s| test::to_text(s, view)).collect();
            texts.join("\n").into_bytes()
        }
    };
    output::write(&text)
}
