//! Tallies: what parts of a log counted, with what they were counted on, as files.

use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Context as _;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::SimulateArgs;
use crate::envoy::balance::hash::xx_hash;
use crate::tool::cli::output;
use crate::tool::files;
use crate::tool::report::visible;
use crate::traffic::replay::{Counted, Digest, Sorted};
use crate::traffic::workspace::Inputs;

/// That of the format.
const VERSION: u32 = 1;

/// Options that decide nothing of what is counted, nor of what is said about it.
const OF_ONE_RUN: [&str; 18] = [
    "requests",
    "tally",
    "max_bad",
    "access_log",
    "fail_on",
    "output",
    "width",
    "progress",
    "threads",
    "top",
    "all",
    "host",
    "in_namespace",
    "color",
    "quiet",
    "verbose",
    "help",
    "version",
];

/// Options whose values are paths, which differ between machines; what is there has a fingerprint.
const PATHS: [&str; 4] = ["--overlay=", "--against=", "--mesh-config=", "--values="];

/// A file with what was counted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tally {
    version: u32,
    /// Release of towtank: another may count otherwise.
    towtank: String,
    /// What the manifests were called.
    pub paths: Vec<String>,
    /// Each as on the command line.
    pub options: Vec<String>,
    /// One for each scenario.
    meshes: Vec<OfMesh>,
}

/// What was counted on one mesh.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfMesh {
    /// The scenario's folder where there are several.
    scenario: Option<String>,
    /// Stands for the texts of the manifests.
    manifests: Digest,
    /// The same of those of before (`--against`).
    against: Option<Digest>,
    counted: Option<Counted>,
}

impl OfMesh {
    /// Nothing yet.
    pub(super) fn new(now: &Inputs, before: Option<&Inputs>) -> OfMesh {
        OfMesh {
            scenario: (!now.name.is_empty()).then(|| now.name.clone()),
            manifests: fingerprint(now),
            against: before.map(fingerprint),
            counted: None,
        }
    }

    pub(super) fn with(self, counted: Counted) -> OfMesh {
        OfMesh { counted: Some(counted), ..self }
    }
}

/// Stands for all texts of a mesh, in their order and places; not for their names, which differ between machines.
fn fingerprint(inputs: &Inputs) -> Digest {
    let places = format!("{:?}{:?}{:?}{:?}", inputs.manifests, inputs.layers, inputs.base, inputs.mesh_config);
    let mut bytes = xx_hash(places.as_bytes()).to_le_bytes().to_vec();
    for (_, file) in inputs.sources.iter() {
        bytes.extend(xx_hash(file.text.as_bytes()).to_le_bytes());
    }
    Digest(xx_hash(&bytes))
}

impl Tally {
    /// `matches`: those of the command that counted.
    pub(super) fn new(matches: &ArgMatches, meshes: Vec<OfMesh>) -> Tally {
        let command = SimulateArgs::augment_args(clap::Command::new("simulate"));
        let (mut paths, mut options) = (Vec::new(), Vec::new());
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            if OF_ONE_RUN.contains(&id) || matches.value_source(id) == Some(ValueSource::DefaultValue) {
                continue;
            }
            let values = matches.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy());
            match argument.get_long() {
                None => paths.extend(values.map(String::from)),
                Some(name) if argument.get_action().takes_values() => {
                    options.extend(values.map(|value| format!("--{name}={value}")));
                }
                Some(name) => options.extend(matches.get_flag(id).then(|| format!("--{name}"))),
            }
        }
        Tally { version: VERSION, towtank: env!("CARGO_PKG_VERSION").to_owned(), paths, options, meshes }
    }

    /// # Errors
    /// The file can't be written.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec(self).context("--tally")?;
        text.push(b'\n');
        if path.as_os_str() == "-" {
            return output::json(&text);
        }
        // A pipe or a device is written to; a file is replaced as a whole.
        let named = || format!("cannot write the tally {}", path.display());
        if path.exists() && !path.is_file() {
            return std::fs::write(path, visible::json(&text)).with_context(named);
        }
        files::replace(path, &visible::json(&text)).with_context(named)
    }

    /// The tallies of a file, of which a stream may hold many.
    ///
    /// # Errors
    /// What is none, or of a later towtank.
    fn read(name: &str, text: &str) -> anyhow::Result<Vec<Tally>> {
        let mut out = Vec::new();
        for document in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
            let document = document.map_err(|error| anyhow::anyhow!("{name}: this is no tally: {error}"))?;
            match document.get("version").and_then(Value::as_u64) {
                Some(version) if version == u64::from(VERSION) => {}
                Some(version) => {
                    anyhow::bail!("{name}: a tally of version {version}, of which this towtank knows {VERSION}")
                }
                None => anyhow::bail!(
                    "{name}: this is no tally: it has no `version`\n  = help: `simulate --requests LOG --tally FILE` writes one"
                ),
            }
            let tally = Tally::deserialize(document);
            out.push(tally.map_err(|error| anyhow::anyhow!("{name}: the tally is damaged: {error}"))?);
        }
        Ok(out)
    }

    /// What must agree, in words.
    fn counted_on(&self) -> Vec<(String, String)> {
        let mut out = vec![("towtank".to_owned(), self.towtank.clone())];
        let plain = |option: &String| {
            let path = PATHS.into_iter().find(|path| option.starts_with(path));
            path.map_or_else(|| option.clone(), |path| path.trim_end_matches('=').to_owned())
        };
        let mut options: Vec<String> = self.options.iter().map(plain).collect();
        options.sort();
        out.push(("options".to_owned(), options.join(" ")));
        let names: Vec<&str> = self.meshes.iter().filter_map(|mesh| mesh.scenario.as_deref()).collect();
        out.push(("scenarios".to_owned(), names.join(" ")));
        for mesh in &self.meshes {
            let of = mesh.scenario.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
            out.push((format!("manifests{of}"), String::from(mesh.manifests)));
            let against = mesh.against.map_or_else(String::new, String::from);
            out.push((format!("manifests of --against{of}"), against));
        }
        out
    }
}

/// Tallies of one mesh each, put together.
#[derive(Debug)]
pub(super) struct Merged {
    /// The first of them, without what was counted.
    pub first: Tally,
    counted: Vec<Sorted<Digest>>,
}

impl Merged {
    /// The tallies of files, in whatever order.
    ///
    /// # Errors
    /// A file that can't be read, holds none, or one that was counted on something else than the others; there is none.
    pub(super) fn read(paths: &[std::path::PathBuf]) -> anyhow::Result<Merged> {
        let mut merged: Option<(String, Merged)> = None;
        for path in files::logs(paths).map_err(|error| anyhow::anyhow!(error))? {
            let name = path.display().to_string();
            let text = read(&path).with_context(|| name.clone())?;
            let tallies = Tally::read(&name, &text)?;
            if tallies.is_empty() {
                anyhow::bail!("{name}: there is no tally in it");
            }
            for tally in tallies {
                match &mut merged {
                    Some((first, merged)) => merged.add(tally, &name, first)?,
                    None => merged = Some((name.clone(), Merged::of(tally, &name)?)),
                }
            }
        }
        let (_, mut merged) = merged.context("there is no tally to merge")?;
        merged.counted.iter_mut().for_each(Sorted::finish);
        Ok(merged)
    }

    fn of(mut tally: Tally, name: &str) -> anyhow::Result<Merged> {
        let counted = counted(&mut tally, name)?;
        Ok(Merged { first: tally, counted })
    }

    /// `first`: the name of the file whose tally came first.
    fn add(&mut self, mut tally: Tally, name: &str, first: &str) -> anyhow::Result<()> {
        for ((what, known), (_, other)) in self.first.counted_on().into_iter().zip(tally.counted_on()) {
            if known != other {
                let said = |text: String| if text.is_empty() { "none".to_owned() } else { format!("`{text}`") };
                let (known, other) = (said(known), said(other));
                anyhow::bail!(
                    "{name} was not counted on the same as {first}: {what}: {other}, not {known}\n  = help: all parts of a log are \
                     counted by one towtank, with the same manifests and options"
                );
            }
        }
        let parts = counted(&mut tally, name)?;
        self.counted.iter_mut().zip(parts).for_each(|(sum, part)| sum.merge(part));
        Ok(())
    }

    /// What was counted on the mesh of these texts.
    ///
    /// # Errors
    /// It was counted on others.
    pub(super) fn take(&mut self, now: &Inputs, before: Option<&Inputs>) -> anyhow::Result<Sorted<Digest>> {
        let here = OfMesh::new(now, before);
        let at = self.first.meshes.iter().position(|mesh| mesh.scenario == here.scenario);
        let Some((mesh, counted)) = at.and_then(|at| Some((self.first.meshes.get(at)?, self.counted.get_mut(at)?)))
        else {
            let known: Vec<&str> = self.first.meshes.iter().filter_map(|mesh| mesh.scenario.as_deref()).collect();
            let (asked, known) = (here.scenario.unwrap_or_default(), known.join(", "));
            anyhow::bail!("nothing was counted on the scenario `{asked}`; counted was on `{known}`");
        };
        for (what, known, other) in [
            ("the manifests", Some(mesh.manifests), Some(here.manifests)),
            ("the manifests of --against", mesh.against, here.against),
        ] {
            if known != other {
                anyhow::bail!(
                    "{what} are not those that the tallies were counted on\n  = help: they were changed since, or stand elsewhere \
                     here: --mesh PATH and --against PATH name them"
                );
            }
        }
        Ok(std::mem::take(counted))
    }

    /// One tally of all.
    pub(super) fn into_tally(self) -> Tally {
        let Tally { meshes, .. } = &self.first;
        let counted = self.counted.iter().map(Counted::of_merged);
        let meshes = meshes.iter().cloned().zip(counted).map(|(mesh, counted)| mesh.with(counted)).collect();
        Tally { meshes, ..self.first }
    }
}

/// Takes what was counted out of a tally, mesh by mesh.
fn counted(tally: &mut Tally, name: &str) -> anyhow::Result<Vec<Sorted<Digest>>> {
    let damaged = |why: &str| anyhow::anyhow!("{name}: the tally is damaged: {why}");
    let take = |mesh: &mut OfMesh| {
        let counted = mesh.counted.take().ok_or_else(|| damaged("a mesh has no counts"))?;
        counted.read().map_err(|why| damaged(&why))
    };
    tally.meshes.iter_mut().map(take).collect()
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    match files::open_log(path)? {
        Some(mut file) => file.read_to_string(&mut text)?,
        None => io::stdin().lock().read_to_string(&mut text)?,
    };
    Ok(text)
}
