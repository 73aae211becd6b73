//! A change as a whole.

use super::{RolloutArgs, Told, part, show, switches, written};
use crate::analysis::rollout::{Opened, open_both, plan_of};
use crate::tool::cli::common::CommonArgs;
use crate::tool::cli::exit::Exit;
use crate::tool::cli::input;
use crate::tool::report::rollout::{Road, Section};
use crate::traffic::workspace::Inputs;

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

fn open(args: &RolloutArgs, now: Inputs, before: Inputs) -> Option<[Opened; 2]> {
    // Points of view are the new side's.
    let viewless = CommonArgs { proxy: Vec::new(), ..args.common.clone() };
    let [older, newer] = open_both([before, now], [&input::options(&viewless), &input::options(&args.common)]);
    let older = input::told(older, &viewless);
    let newer = input::told(newer, &args.common);
    Some([older?, newer?])
}

fn one(
    args: &RolloutArgs,
    [mut older, mut newer]: [Opened; 2],
    title: String,
    sections: &mut Vec<Section>,
) -> anyhow::Result<Exit> {
    if older.0.of_running || newer.0.of_running {
        anyhow::bail!(
            "what a proxy runs has no objects that could be applied; `towtank diff` compares it with manifests"
        );
    }
    if older.0.istio.profile != newer.0.istio.profile {
        anyhow::bail!(
            "the two sides are read by different releases of Istio: a rollout is of one\n  = help: `towtank diff --istio OLD..NEW` tells what an upgrade changes; give `--istio` for both sides"
        );
    }
    for side in [&older, &newer] {
        input::wants_manifests(&side.0, "rollout", "is about a change of manifests")?;
    }
    let switches = switches(&newer.0)?;
    let plan = plan_of([&mut older, &mut newer], input::options(&args.common).unknown_fields, &switches);
    let workspace = &newer.0;
    let folder = match &args.write {
        Some(folder) => Some(written::plan(folder, &plan, &workspace.sources)?),
        None => None,
    };
    let assumed: Vec<String> = workspace.assumed.line().into_iter().collect();
    let relabelled = workspace.relabelled(&older.0);
    let told = Told { workspace, sources: &workspace.sources, title, assumed, relabelled, written: folder };
    show(args, &told, Road::Change(&plan), sections)?;
    let failed = args.fail_on.iter().any(|gate| gate.holds_for_plan(&plan, args));
    Ok(if failed { Exit::No } else { Exit::Fine })
}
