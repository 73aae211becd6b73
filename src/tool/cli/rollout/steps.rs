//! The steps of a rollout that somebody described.

use super::{RolloutArgs, Told, load_options, points, show, switches, written};
use crate::analysis::rollout::{Document, Rollout, Setting, Shift, Step, rehearse, settle_addresses, shift};
use crate::istio::admission;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::Manifests;
use crate::manifest::load;
use crate::manifest::source::SourceMap;
use crate::tool::cli::exit::Exit;
use crate::tool::cli::{input, output};
use crate::tool::report::diagnostics;
use crate::tool::report::rollout::Road;
use crate::traffic::workspace::{self, Workspace};

/// Whether the arguments describe steps.
pub(super) fn are_meant(args: &RolloutArgs) -> bool {
    args.shift.is_some()
}

pub(super) fn run(args: &RolloutArgs) -> anyhow::Result<Exit> {
    let all = input::gather(&args.common);
    if all.len() > 1 && args.write.is_some() {
        anyhow::bail!("--write is for one rollout, and there are {} scenarios", all.len());
    }
    let (mut exit, mut shown) = (Exit::Fine, 0);
    for inputs in all {
        let opened = workspace::open_keeping(inputs, &input::options(&args.common));
        let Some((workspace, manifests)) = input::told(opened, &args.common) else {
            exit = Exit::Unusable;
            continue;
        };
        let rollout = described(args, &workspace, &manifests)?;
        if shown > 0 {
            output::write(b"\n")?;
        }
        shown += 1;
        exit = exit.max(one(args, &workspace, manifests, &rollout)?);
    }
    Ok(exit)
}

fn described(args: &RolloutArgs, workspace: &Workspace, manifests: &Manifests) -> anyhow::Result<Rollout> {
    let text = |of: &Option<String>| of.clone().unwrap_or_default();
    let wanted =
        Shift { host: text(&args.shift), from: text(&args.from), to: text(&args.to), steps: args.steps.clone() };
    shift(&wanted, manifests, &workspace.sources, &workspace.namespace).map_err(|error| anyhow::anyhow!(error))
}

fn one(args: &RolloutArgs, workspace: &Workspace, mut today: Manifests, rollout: &Rollout) -> anyhow::Result<Exit> {
    let mut sources = workspace.sources.clone();
    let options = load_options(args, workspace);
    let mut findings: Vec<Finding> = Vec::new();
    let mut loaded: Vec<Manifests> =
        rollout.steps.iter().map(|step| read(step, &mut sources, &options, &mut findings)).collect();
    if findings.iter().any(|f| f.severity == Severity::Error) {
        input::say_findings(&findings, &sources, &args.common);
        output::message(&format!("towtank: {}", diagnostics::summary(&findings)));
        return Ok(Exit::Unusable);
    }
    let mut stations: Vec<&mut Manifests> = std::iter::once(&mut today).chain(&mut loaded).collect();
    settle_addresses(&mut stations);
    let setting = Setting {
        sources: &sources,
        options: &options,
        switches: &switches(workspace)?,
        clients: &workspace.clients,
        points: points(workspace),
        namespace: &workspace.namespace,
    };
    let rehearsal = rehearse(&today, rollout, &loaded, &setting);
    let folder = match &args.write {
        Some(folder) => Some(written::steps(folder, rollout)?),
        None => None,
    };
    let assumed: Vec<String> = workspace.assumed.line().into_iter().collect();
    let title = rehearsal.name.clone();
    let told = Told { workspace, sources: &sources, title, assumed, written: folder };
    show(args, &told, Road::Steps(&rehearsal))?;
    let failed = args.fail_on.iter().any(|gate| gate.holds_for_steps(&rehearsal));
    Ok(if failed { Exit::No } else { Exit::Fine })
}

/// Reads the documents of a step as manifests of their own; what is wrong with them is put to the findings.
fn read(step: &Step, sources: &mut SourceMap, options: &load::Options, findings: &mut Vec<Finding>) -> Manifests {
    let add = |d: &Document| (format!("{}/{}", written::folder_name(&step.name), d.file), d.text.clone());
    let texts: Vec<(String, String)> = step.documents.iter().map(add).collect();
    let files: Vec<_> = texts.into_iter().map(|(name, text)| sources.add(name, text)).collect();
    let mut read = load::read(sources, &files, options);
    findings.append(&mut read.findings);
    let reviewed = admission::review(&read.manifests);
    findings.extend(reviewed.iter().cloned());
    admission::admit(read.manifests, &reviewed)
}
