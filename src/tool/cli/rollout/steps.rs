//! The steps of a rollout that somebody described.

use super::{RolloutArgs, Told, part, show, switches, written};
use crate::analysis::policy::Traffic;
use crate::analysis::rollout::{COUNTED, Document, Rollout, Shift, Step, Supposed, rehearse_in, rollouts, shift};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::Manifests;
use crate::manifest::source::FileId;
use crate::tool::cli::common::CommonArgs;
use crate::tool::cli::exit::Exit;
use crate::tool::cli::{input, output};
use crate::tool::report::diagnostics;
use crate::tool::report::rollout::{Road, Section};
use crate::traffic::scenario::ScenarioStep;
use crate::traffic::workspace::{self, Inputs, Workspace};

/// What describes steps.
const DESCRIBING: [&str; 2] = ["Rollout", "Canary"];

/// Whether the arguments describe steps: `--shift`, a scenario's `steps`, a Rollout or a Canary. Of several paths the last one has to
/// describe them, since two paths are the two sides of a change.
pub(super) fn are_meant(args: &RolloutArgs) -> bool {
    if args.shift.is_some() {
        return true;
    }
    if !args.common.overlay.is_empty() || args.common.paths.iter().any(|p| p.to_string_lossy().contains('+')) {
        return false;
    }
    let last = args.common.paths.last().filter(|p| args.common.paths.len() == 1 || p.is_file());
    let Some(last) = last else { return false };
    let quiet = CommonArgs { paths: vec![last.clone()], quiet: true, ..args.common.clone() };
    let describes = |text: &str| {
        let is_key = |line: &str| DESCRIBING.iter().any(|kind| line.trim() == format!("kind: {kind}"));
        text.lines().any(is_key)
    };
    input::gather(&quiet).iter().any(|inputs| {
        let has_steps = !inputs.steps.is_empty();
        has_steps || inputs.manifests.iter().filter_map(|f| inputs.sources.file(*f)).any(|f| describes(&f.text))
    })
}

pub(super) fn run(args: &RolloutArgs, sections: &mut Vec<Section>) -> anyhow::Result<Exit> {
    let all = input::gather(&args.common);
    let (mut exit, mut shown) = (Exit::Fine, 0);
    for inputs in all {
        let texts = inputs.clone();
        let opened = workspace::open_keeping(inputs, &input::options(&args.common));
        let Some((workspace, manifests)) = input::told(opened, &args.common) else {
            exit = Exit::Unusable;
            continue;
        };
        input::wants_manifests(&workspace, "rollout", "is about steps between manifests")?;
        let Some(rollouts) = described(args, &texts, &workspace, &manifests)? else {
            exit = Exit::Unusable;
            continue;
        };
        if rollouts.len() > 1 && args.write.is_some() {
            anyhow::bail!("--write is for one rollout, and there are {}", rollouts.len());
        }
        for rollout in &rollouts {
            part(args, shown)?;
            shown += 1;
            exit = exit.max(one(args, &workspace, manifests.clone(), rollout, sections)?);
        }
    }
    if shown == 0 && exit == Exit::Fine {
        anyhow::bail!("nothing there describes steps that could be rehearsed");
    }
    Ok(exit)
}

/// The rollouts that are described; None: what describes them is wrong, and it was said how.
fn described(
    args: &RolloutArgs,
    inputs: &Inputs,
    workspace: &Workspace,
    manifests: &Manifests,
) -> anyhow::Result<Option<Vec<Rollout>>> {
    if args.shift.is_some() {
        let text = |of: &Option<String>| of.clone().unwrap_or_default();
        let wanted =
            Shift { host: text(&args.shift), from: text(&args.from), to: text(&args.to), steps: args.steps.clone() };
        let found = shift(&wanted, manifests, &workspace.sources, &workspace.namespace);
        return found.map(|rollout| Some(vec![rollout])).map_err(|error| anyhow::anyhow!(error));
    }
    if !inputs.steps.is_empty() {
        return Ok(Some(vec![of_scenario(inputs, workspace)]));
    }
    let (rollouts, findings) = rollouts(&workspace.sources, manifests, &workspace.findings);
    input::say_findings(&findings, &workspace.sources, &args.common);
    if findings.iter().any(|f| f.severity == Severity::Error) {
        output::message(&format!("towtank: {}", diagnostics::summary(&findings)));
        return Ok(None);
    }
    Ok(Some(rollouts))
}

/// The steps of a scenario, as they stand in its files.
fn of_scenario(inputs: &Inputs, workspace: &Workspace) -> Rollout {
    let described = workspace.scenario.iter().flat_map(|s| &s.steps);
    let step = |(step, files): (&ScenarioStep, &Vec<FileId>)| {
        let files = files.iter().filter_map(|f| inputs.sources.file(*f));
        let documents = files.map(|f| Document { file: f.name.to_string(), text: f.text.to_string() }).collect();
        Step { name: step.name.clone(), documents, ..Step::default() }
    };
    let name = inputs.scenario.as_ref().map(|(file, _)| inputs.sources.name(*file).to_owned()).unwrap_or_default();
    let name = name.strip_suffix("/scenario.yaml").unwrap_or(&name).to_owned();
    Rollout { name, steps: described.zip(&inputs.steps).map(step).collect(), ..Rollout::default() }
}

fn one(
    args: &RolloutArgs,
    workspace: &Workspace,
    today: Manifests,
    rollout: &Rollout,
    sections: &mut Vec<Section>,
) -> anyhow::Result<Exit> {
    let scenario = workspace.scenario.as_ref();
    let listed = args.suppose.listed(scenario)?;
    let load = args.load.load(args.rate, args.common.seed);
    let traffic = Traffic { arrivals: load.arrivals, clients: load.clients, requests: COUNTED, seed: args.common.seed };
    let supposed = args.suppose.is_asked(scenario).then_some(Supposed { assumptions: &listed.all, traffic });
    let unknown_fields = input::options(&args.common).unknown_fields;
    let switches = switches(workspace)?;
    let (rehearsal, sources) = match rehearse_in(workspace, today, rollout, unknown_fields, &switches, supposed) {
        Ok(rehearsed) => rehearsed,
        Err((findings, sources)) => {
            input::say_findings(&findings, &sources, &args.common);
            output::message(&format!("towtank: {}", diagnostics::summary(&findings)));
            return Ok(Exit::Unusable);
        }
    };
    if !rehearsal.unknown.is_empty() {
        return Err(listed.refused(&rehearsal.unknown, Some(&workspace.sources)));
    }
    let folder = match &args.write {
        Some(folder) => Some(written::steps(folder, rollout)?),
        None => None,
    };
    let assumed: Vec<String> = workspace.assumed.line().into_iter().collect();
    let title = rehearsal.name.clone();
    let told = Told { workspace, sources: &sources, title, assumed, relabelled: Vec::new(), written: folder };
    show(args, &told, Road::Steps(&rehearsal), sections)?;
    let failed = args.fail_on.iter().any(|gate| gate.holds_for_steps(&rehearsal));
    Ok(if failed { Exit::No } else { Exit::Fine })
}
