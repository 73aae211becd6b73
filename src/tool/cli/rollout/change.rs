//! A change as a whole.

use super::{RolloutArgs, Told, clients, load_options, part, points, show, switches, written};
use crate::analysis::rollout::{Setting, Station, between, plan, settle_addresses};
use crate::manifest::kinds::Manifests;
use crate::manifest::source::FileId;
use crate::parallel;
use crate::tool::cli::common::CommonArgs;
use crate::tool::cli::exit::Exit;
use crate::tool::cli::input;
use crate::tool::report::rollout::{Road, Section};
use crate::traffic::workspace::{self, Inputs, Workspace};

pub(super) fn run(args: &RolloutArgs, sections: &mut Vec<Section>) -> anyhow::Result<Exit> {
    let (old, new) = match args.common.paths.as_slice() {
        [old, new] => (vec![old.clone()], new.clone()),
        [new] => (Vec::new(), new.clone()),
        more => anyhow::bail!("a change has two sides, OLD and NEW, and {} paths were given", more.len()),
    };
    let pairs = input::gather_pair(&args.common, &old, std::slice::from_ref(&new))?;
    if pairs.len() > 1 && args.write.is_some() {
        anyhow::bail!("--write is for one change, and there are {}", pairs.len());
    }
    let title = input::title_of_pair(&args.common, old.first(), &new);
    let (mut exit, mut shown) = (Exit::Fine, 0);
    for (now, before) in pairs {
        let Some(sides) = open(args, now, before) else {
            exit = Exit::Unusable;
            continue;
        };
        part(args, shown)?;
        shown += 1;
        exit = exit.max(one(args, sides, title.clone(), sections)?);
    }
    Ok(exit)
}

/// One side of the change.
struct Opened {
    workspace: Workspace,
    manifests: Manifests,
    files: Vec<FileId>,
}

fn open(args: &RolloutArgs, now: Inputs, before: Inputs) -> Option<[Opened; 2]> {
    // Places on both sides are in one list of texts, since states on the way are made of both.
    let before = before.behind(&now.sources);
    let now = Inputs { sources: before.sources.clone(), ..now };
    // Points of view are the new side's.
    let viewless = CommonArgs { proxy: Vec::new(), ..args.common.clone() };
    let files = [before.manifests.clone(), now.manifests.clone()];
    let (older, newer) = parallel::join(
        || workspace::open_keeping(before, &input::options(&viewless)),
        || workspace::open_keeping(now, &input::options(&args.common)),
    );
    let older = input::told(older, &viewless);
    let newer = input::told(newer, &args.common);
    let ((older, was), (newer, is)) = (older?, newer?);
    let [old_files, new_files] = files;
    Some([
        Opened { workspace: older, manifests: was, files: old_files },
        Opened { workspace: newer, manifests: is, files: new_files },
    ])
}

fn one(
    args: &RolloutArgs,
    [mut older, mut newer]: [Opened; 2],
    title: String,
    sections: &mut Vec<Section>,
) -> anyhow::Result<Exit> {
    if older.workspace.of_running || newer.workspace.of_running {
        anyhow::bail!(
            "what a proxy runs has no objects that could be applied; `towtank diff` compares it with manifests"
        );
    }
    if older.workspace.istio.profile != newer.workspace.istio.profile {
        anyhow::bail!(
            "the two sides are read by different releases of Istio: a rollout is of one\n  = help: `towtank diff --istio OLD..NEW` tells what an upgrade changes; give `--istio` for both sides"
        );
    }
    for side in [&older, &newer] {
        input::wants_manifests(&side.workspace, "rollout", "is about a change of manifests")?;
    }
    settle_addresses(&mut [&mut older.manifests, &mut newer.manifests]);
    let stations = [&older, &newer].map(|s| Station { manifests: &s.manifests, files: &s.files });
    let workspace = &newer.workspace;
    let parted = between(&workspace.sources, stations, &workspace.namespace);
    let clients = clients(workspace, &older.workspace);
    let setting = Setting {
        sources: &workspace.sources,
        options: &load_options(&args.common, workspace),
        switches: &switches(workspace)?,
        clients: &clients,
        points: points(workspace),
        namespace: &workspace.namespace,
    };
    let plan = plan(parted, &setting);
    let folder = match &args.write {
        Some(folder) => Some(written::plan(folder, &plan, &workspace.sources)?),
        None => None,
    };
    let assumed: Vec<String> = workspace.assumed.line().into_iter().collect();
    let told = Told { workspace, sources: &workspace.sources, title, assumed, written: folder };
    show(args, &told, Road::Change(&plan), sections)?;
    let failed = args.fail_on.iter().any(|gate| gate.holds_for_plan(&plan, args));
    Ok(if failed { Exit::No } else { Exit::Fine })
}
