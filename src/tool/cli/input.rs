//! From paths to inputs: files, folders, scenario folders and standard input are read here and nowhere else.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use smol_str::SmolStr;

use super::options::{AssumeServices, CommonArgs, Invalid, UnknownFieldsArg};
use super::output;
use crate::envoy::router::Switches;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::load::UnknownFields;
use crate::manifest::source::{FileId, SourceMap};
use crate::tool::files;
use crate::tool::files::folders::{self, Own};
use crate::tool::report::diagnostics;
use crate::traffic::workspace::{self, Inputs, Options, Workspace};

/// Gathers the texts of each mesh that the paths mean: one for all plain paths together, or one for each scenario.
///
/// # Errors
/// Only what makes all further work pointless: a path that doesn't exist.
pub(super) fn gather(args: &CommonArgs) -> anyhow::Result<Vec<Inputs>> {
    let (scenarios, plain) = folders::part(&args.paths);
    if scenarios.is_empty() {
        let mut inputs = Inputs::default();
        add_manifests(&plain, &mut inputs);
        add_mesh_config(args, &mut inputs);
        return Ok(vec![inputs]);
    }
    let several = scenarios.len() > 1;
    Ok(scenarios
        .iter()
        .map(|folder| {
            let mut inputs = of_scenario(folder, &plain, Own::Included);
            if several {
                inputs.name = folder.display().to_string();
            }
            add_mesh_config(args, &mut inputs);
            inputs
        })
        .collect())
}

/// Gathers what `gather` does for `args`, each beside the texts that stood in `against` before.
///
/// A scenario's proxies, pods and mesh settings count for both sides where the other side has none: plain manifests against a
/// scenario replace its manifests. Several scenarios on both sides belong together by their folders' names.
///
/// # Errors
/// A scenario without a counterpart.
pub(super) fn gather_pairs(args: &CommonArgs, against: &[PathBuf]) -> anyhow::Result<Vec<(Inputs, Inputs)>> {
    let older = CommonArgs { paths: against.to_vec(), ..args.clone() };
    let (new_scenarios, new_plain) = folders::part(&args.paths);
    let (old_scenarios, old_plain) = folders::part(against);
    let several = new_scenarios.len().max(old_scenarios.len()) > 1;
    let named = |folder: &Path, mut inputs: Inputs| {
        if several {
            inputs.name = folder.display().to_string();
        }
        add_mesh_config(args, &mut inputs);
        inputs
    };
    let of = |folder: &Path, extra: &[PathBuf], own: Own| named(folder, of_scenario(folder, extra, own));
    if new_scenarios.is_empty() && old_scenarios.is_empty() {
        return Ok(gather(args)?.into_iter().zip(gather(&older)?).collect());
    }
    if old_scenarios.is_empty() {
        let pair = |f: &PathBuf| (of(f, &new_plain, Own::Included), of(f, &old_plain, Own::LeftOut));
        return Ok(new_scenarios.iter().map(pair).collect());
    }
    if new_scenarios.is_empty() {
        let pair = |f: &PathBuf| (of(f, &new_plain, Own::LeftOut), of(f, &old_plain, Own::Included));
        return Ok(old_scenarios.iter().map(pair).collect());
    }
    let counterpart = |folder: &PathBuf| match old_scenarios.as_slice() {
        [only] => Ok(only),
        all => all.iter().find(|o| o.file_name() == folder.file_name()).ok_or_else(|| {
            anyhow::anyhow!("--against: no scenario there is called like the folder of {}", folder.display())
        }),
    };
    new_scenarios
        .iter()
        .map(|f| {
            let old = counterpart(f)?;
            Ok((of(f, &new_plain, Own::Included), named(f, of_scenario(old, &old_plain, Own::Included))))
        })
        .collect()
}

/// A scenario's folder with manifests beside its own.
fn of_scenario(folder: &Path, extra: &[PathBuf], own: Own) -> Inputs {
    let mut inputs = folders::scenario(folder, own);
    if inputs.scenario.is_some() {
        add_manifests(extra, &mut inputs);
    }
    inputs
}

/// Adds manifests; `-` is standard input.
fn add_manifests(paths: &[PathBuf], inputs: &mut Inputs) {
    for path in paths {
        if path.as_os_str() == "-" {
            let file = add_standard_input(inputs);
            inputs.manifests.extend(file);
        } else {
            folders::add_manifests(std::slice::from_ref(path), inputs);
        }
    }
}

/// Adds the manifests that are in force now.
pub(super) fn add_base(paths: &[PathBuf], inputs: &mut Inputs) {
    let (files, findings) = files::add_paths(&mut inputs.sources, paths);
    if files.is_empty() && findings.is_empty() && !paths.is_empty() {
        let empty = Finding::new("load", Severity::Error, "there are no manifests to compare with below --base");
        inputs.findings.push(empty.hint("name the file or folder that is in force now"));
    }
    inputs.base = files;
    inputs.findings.extend(findings);
}

fn add_standard_input(inputs: &mut Inputs) -> Option<FileId> {
    let mut bytes = Vec::new();
    let text = match std::io::stdin().lock().read_to_end(&mut bytes) {
        Ok(_) => files::text_of(bytes),
        Err(error) => Err(error.to_string()),
    };
    match text {
        Ok(text) if text.trim().is_empty() => {
            let empty = Finding::new("load", Severity::Error, "standard input is empty");
            inputs.findings.push(empty.hint("pipe manifests into it: did the command before the pipe fail?"));
            None
        }
        Ok(text) => Some(inputs.sources.add("<stdin>", text)),
        Err(error) => {
            inputs.findings.push(Finding::new("load", Severity::Error, format!("standard input {error}")));
            None
        }
    }
}

fn add_mesh_config(args: &CommonArgs, inputs: &mut Inputs) {
    if let Some(path) = &args.mesh_config {
        inputs.mesh_config = folders::add_file(path, inputs);
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

/// The switches of the modelled Envoy: the scenario's over the defaults.
///
/// # Errors
/// A switch that doesn't exist.
pub(super) fn switches(workspace: &Workspace) -> anyhow::Result<Switches> {
    let Some(scenario) = &workspace.scenario else { return Ok(Switches::default()) };
    serde_json::from_value(serde_json::Value::Object(scenario.switches.clone()))
        .map_err(|e| anyhow::anyhow!("scenario: `envoy`: {e}"))
}

/// The text of a file, or of standard input for `-`.
///
/// # Errors
/// What the system says about it.
pub(super) fn read_text(path: &Path) -> anyhow::Result<String> {
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text)?;
        return Ok(text);
    }
    files::read_text(path).map_err(|finding| anyhow::anyhow!("{}", finding.message))
}
