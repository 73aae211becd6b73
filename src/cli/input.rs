//! From paths to inputs: files, folders, scenario folders and standard input are read here and nowhere else.

use std::path::{Path, PathBuf};

use smol_str::SmolStr;

use super::options::{AssumeServices, CommonArgs, Invalid, UnknownFieldsArg};
use super::output;
use crate::diagnostic::{Finding, Severity};
use crate::load::{self, UnknownFields};
use crate::report::diagnostics;
use crate::scenario;
use crate::source::SourceMap;
use crate::workspace::{self, Inputs, Options, Workspace};

/// File name that makes a folder a scenario.
const SCENARIO_FILE: &str = "scenario.yaml";

/// Gathers the texts of each mesh that the paths mean: one for all plain paths together, or one for each scenario.
///
/// # Errors
/// Only what makes all further work pointless: a path that doesn't exist.
pub(super) fn gather(args: &CommonArgs) -> anyhow::Result<Vec<Inputs>> {
    let mut scenarios: Vec<PathBuf> = Vec::new();
    let mut plain: Vec<PathBuf> = Vec::new();
    for path in &args.paths {
        let below = scenario_folders(path);
        if below.is_empty() { plain.push(path.clone()) } else { scenarios.extend(below) }
    }
    if scenarios.is_empty() {
        let mut inputs = Inputs::default();
        load::files(&plain, &mut inputs);
        add_mesh_config(args, &mut inputs);
        return Ok(vec![inputs]);
    }
    let several = scenarios.len() > 1;
    Ok(scenarios
        .iter()
        .map(|folder| {
            let mut inputs = of_scenario(folder, &plain);
            if several {
                inputs.name = folder.display().to_string();
            }
            add_mesh_config(args, &mut inputs);
            inputs
        })
        .collect())
}

/// The folder itself if it is a scenario, else the scenarios below it, sorted. A `scenario.yaml` named as a file counts.
fn scenario_folders(path: &Path) -> Vec<PathBuf> {
    if path.file_name().is_some_and(|n| n == SCENARIO_FILE) && path.is_file() {
        return vec![path.parent().map(Path::to_path_buf).unwrap_or_default()];
    }
    if !path.is_dir() {
        return Vec::new();
    }
    if path.join(SCENARIO_FILE).is_file() {
        return vec![path.to_path_buf()];
    }
    let mut found: Vec<PathBuf> = walkdir::WalkDir::new(path)
        .follow_links(true)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|e| e.file_name() == SCENARIO_FILE)
        .filter_map(|e| e.path().parent().map(Path::to_path_buf))
        .collect();
    found.sort();
    found
}

fn of_scenario(folder: &Path, extra: &[PathBuf]) -> Inputs {
    let mut inputs = Inputs::default();
    let path = folder.join(SCENARIO_FILE);
    let Some(file) = load::file(&path, &mut inputs) else { return inputs };
    let text = inputs.sources.file(file).map(|f| f.text.clone()).unwrap_or_default();
    match scenario::decode(file, &text) {
        Ok(s) => {
            let mut paths: Vec<PathBuf> = match &s.manifests {
                Some(list) => list.iter().map(|p| folder.join(p.as_str())).collect(),
                None => vec![folder.to_path_buf()],
            };
            paths.extend(extra.iter().cloned());
            load::files(&paths, &mut inputs);
            inputs.scenario = Some((file, s));
        }
        Err(findings) => inputs.findings.extend(findings),
    }
    inputs
}

fn add_mesh_config(args: &CommonArgs, inputs: &mut Inputs) {
    if let Some(path) = &args.mesh_config {
        inputs.mesh_config = load::file(path, inputs);
    }
}

/// The options of the stages behind reading.
pub(super) fn options(args: &CommonArgs) -> Options {
    Options {
        namespace: SmolStr::new(&args.namespace),
        unknown_fields: match args.unknown_fields {
            UnknownFieldsArg::Error => UnknownFields::Error,
            UnknownFieldsArg::Warn => UnknownFields::Warn,
        },
        skip_invalid: args.invalid == Invalid::Skip,
        assume_services: args.assume_services == AssumeServices::Auto,
        proxies: args.proxy.clone(),
    }
}

/// Runs the stages and says what there is to say. None: the inputs are unusable, and it was said why.
pub(super) fn open(inputs: Inputs, args: &CommonArgs) -> Option<Workspace> {
    match workspace::open(inputs, &options(args)) {
        Ok(workspace) => {
            tell(&workspace, args);
            Some(workspace)
        }
        Err(refused) => {
            say_findings(&refused.findings, &refused.sources, args);
            let mut summary = diagnostics::summary(&refused.findings);
            if refused.findings.iter().any(Finding::is_rejection) {
                summary.push_str(" (--invalid skip leaves refused documents out)");
            }
            output::message(&format!("towtank: {summary}"));
            None
        }
    }
}

fn tell(workspace: &Workspace, args: &CommonArgs) {
    if args.quiet {
        return;
    }
    say_findings(&workspace.findings, &workspace.sources, args);
    if !workspace.assumed.is_empty() {
        let shown: Vec<&str> = workspace.assumed.iter().map(SmolStr::as_str).take(5).collect();
        let more = workspace.assumed.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        output::message(&format!(
            "note: no Service is among the manifests; assumed for {}{more} (--assume-services never turns this off)",
            shown.join(", ")
        ));
    }
    if args.verbose {
        output::message(&format!("note: {} documents read", workspace.documents));
    }
}

fn say_findings(findings: &[Finding], sources: &SourceMap, args: &CommonArgs) {
    let shown: Vec<Finding> = findings
        .iter()
        .filter(|f| match f.severity {
            Severity::Error => true,
            Severity::Warning => !args.quiet,
            Severity::Info => args.verbose,
        })
        .cloned()
        .collect();
    if !shown.is_empty() {
        output::message(&diagnostics::to_text(&shown, sources, output::message_color(args.color)));
    }
}
