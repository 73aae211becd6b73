//! The manifests of a plan, or of steps, as files: a folder for each, in order.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::analysis::rollout::{Action, Plan, Rollout, Safe, file_name, folder_name, place};
use crate::manifest::source::SourceMap;

/// Writes the waves of a plan, and says where.
///
/// # Errors
/// There is no plan; the folder holds something already; the system doesn't let it be written.
pub(super) fn plan(folder: &Path, plan: &Plan, sources: &SourceMap) -> anyhow::Result<String> {
    let Safe::Waves { waves, .. } = &plan.safe else {
        anyhow::bail!(
            "--write: there is no safe order to write down; leave it out, and the report says what is in the way"
        );
    };
    let mut files: Vec<(String, String)> = Vec::new();
    for (n, wave) in waves.iter().enumerate() {
        let mut commands: Vec<String> = Vec::new();
        for action in wave {
            match document(plan, action, sources) {
                Some((name, text)) => files.push((format!("{}/{name}", n + 1), text)),
                None => commands.extend(delete(plan, action)),
            }
        }
        if !commands.is_empty() {
            files.push((format!("{}/delete.sh", n + 1), format!("#!/bin/sh\nset -eu\n{}\n", commands.join("\n"))));
        }
    }
    write(folder, files)
}

/// File and text of an object that is applied; None where it is deleted.
fn document(plan: &Plan, action: &Action, sources: &SourceMap) -> Option<(String, String)> {
    let item = plan.items.get(action.item)?;
    let version = item.versions.get(usize::from(action.version))?;
    let text = match &version.made {
        Some(text) => text.clone(),
        None => crate::analysis::rollout::text(sources, place(&plan.items, action)?, &item.id)?,
    };
    let name = format!("{}-{}-{}.yaml", item.id.kind.as_str().to_lowercase(), item.id.namespace, item.id.name);
    Some((file_name(&name), text))
}

fn delete(plan: &Plan, action: &Action) -> Option<String> {
    let id = &plan.items.get(action.item)?.id;
    let words = ["kubectl", "delete", &id.kind.as_str().to_lowercase(), &id.name, "--namespace", &id.namespace];
    shlex::try_join(words).ok()
}

/// Writes the documents of all steps, and says where.
///
/// # Errors
/// The folder holds something already; the system doesn't let it be written.
pub(super) fn steps(folder: &Path, rollout: &Rollout) -> anyhow::Result<String> {
    let mut files: Vec<(String, String)> = Vec::new();
    for (n, step) in rollout.steps.iter().enumerate() {
        for d in &step.documents {
            files.push((format!("{}-{}/{}", n + 1, folder_name(&step.name), file_name(&d.file)), d.text.clone()));
        }
    }
    write(folder, files)
}

fn write(folder: &Path, files: Vec<(String, String)>) -> anyhow::Result<String> {
    let shown = folder.display().to_string();
    let empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(|| format!("cannot look into `{shown}`")),
    };
    if !empty {
        anyhow::bail!("`{shown}` holds something already; name a folder that is empty or not there");
    }
    for (name, text) in files {
        let path = folder.join(&name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).with_context(|| format!("cannot make the folder `{}`", parent.display()))?;
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(shown)
}
