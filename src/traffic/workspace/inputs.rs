//! The texts of one mesh, as they were gathered.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::namespaces::Renaming;
use crate::envoy::config;
use crate::manifest::diagnostic::Finding;
use crate::manifest::load::{self, Prints};
use crate::manifest::source::{FileId, SourceMap};
use crate::order::Ordered as _;
use crate::traffic::scenario::{self, Scenario};

/// The texts of one mesh.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inputs {
    /// Shown in reports of several scenarios; empty for plain manifests.
    pub name: String,
    pub sources: SourceMap,
    pub manifests: Vec<FileId>,
    /// What proxies run, read while it streamed by: its files have no text.
    pub streamed: Vec<config::Streamed>,
    /// Of files that are laid over others, which of them over which: the greater number. Those that lie below are left out.
    pub layers: BTreeMap<FileId, u32>,
    /// What is in force before, for commands that compare.
    pub base: Vec<FileId>,
    pub mesh_config: Option<FileId>,
    pub scenario: Option<(FileId, Scenario)>,
    /// The texts of the scenario's steps, by step.
    #[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "only a rollout goes through them"))]
    pub steps: Vec<Vec<FileId>>,
    /// What went wrong while the texts were gathered.
    pub findings: Vec<Finding>,
    /// Folders below the paths that were left out without being asked to.
    #[cfg_attr(not(feature = "files"), expect(dead_code, reason = "only who reads files leaves some out"))]
    pub left_out: Vec<String>,
}

/// Name of a text that is a scenario instead of manifests.
const SCENARIO: &str = "scenario.yaml";

impl Inputs {
    /// What the documents of two sides say, each as a number. `namespace` is that of documents that name none, and `renamed` those that
    /// stand for others.
    pub(crate) fn prints(sides: [&Inputs; 2], namespace: &str, renamed: &[(SmolStr, SmolStr)]) -> Prints {
        let prints = load::prints(sides.map(|side| (&side.sources, side.manifests.as_slice())), namespace);
        let meant = |((kind, namespace, name), print)| ((kind, Renaming(renamed).namespace(&namespace), name), print);
        prints.map(|side| side.into_iter().map(meant).into_map())
    }

    /// The texts of one mesh, each with the name that is shown for it. One whose name ends in `scenario.yaml` is the scenario; the
    /// others are its manifests, whatever it lists.
    pub(crate) fn of_texts<N, T>(texts: impl IntoIterator<Item = (N, T)>) -> Inputs
    where
        N: AsRef<str>,
        T: AsRef<str>,
    {
        let mut inputs = Inputs::default();
        for (name, text) in texts {
            let file = inputs.sources.add(name.as_ref(), text.as_ref());
            if name.as_ref().rsplit('/').next() != Some(SCENARIO) {
                inputs.manifests.push(file);
                continue;
            }
            match scenario::decode(file, text.as_ref()) {
                Ok(scenario) => inputs.scenario = Some((file, scenario)),
                Err(findings) => inputs.findings.extend(findings),
            }
        }
        inputs
    }

    /// Two sides with their texts in one list, since what lies between them is made of both.
    #[cfg(feature = "cli")]
    pub(crate) fn side_by_side([older, newer]: [Inputs; 2]) -> [Inputs; 2] {
        let older = older.behind(&newer.sources);
        let newer = Inputs { sources: older.sources.clone(), ..newer };
        [older, newer]
    }

    /// Whether the same texts were gathered in the same way, so that the same becomes of both.
    pub(crate) fn is_same(&self, other: &Inputs) -> bool {
        // The scenario is what its text says.
        let scenario = |of: &Inputs| of.scenario.as_ref().map(|(file, _)| *file);
        let texts = |of: &Inputs| -> Vec<(FileId, String, Arc<str>)> {
            of.sources.iter().map(|(id, file)| (id, file.name.to_string(), file.text.clone())).collect()
        };
        self.manifests == other.manifests
            && (&self.layers, &self.base, self.mesh_config) == (&other.layers, &other.base, other.mesh_config)
            && (&self.name, &self.findings, scenario(self)) == (&other.name, &other.findings, scenario(other))
            && texts(self) == texts(other)
    }

    /// The same with its texts behind those of others, so that places in both can be told apart.
    #[cfg(feature = "cli")]
    pub(crate) fn behind(mut self, others: &SourceMap) -> Inputs {
        let mut sources = others.clone();
        let ids: BTreeMap<FileId, FileId> =
            self.sources.iter().map(|(id, file)| (id, sources.add(file.name.clone(), file.text.clone()))).collect();
        let moved = |id: FileId| ids.get(&id).copied().unwrap_or(id);
        let steps = self.steps.iter_mut().flatten();
        self.manifests
            .iter_mut()
            .chain(&mut self.base)
            .chain(&mut self.mesh_config)
            .chain(steps)
            .for_each(|id| *id = moved(*id));
        self.layers = self.layers.iter().map(|(id, layer)| (moved(*id), *layer)).collect();
        self.findings.iter_mut().for_each(|f| f.at.file = moved(f.at.file));
        if let Some((file, scenario)) = &mut self.scenario {
            *file = moved(*file);
            scenario.pods.iter_mut().for_each(|p| p.at.file = moved(p.at.file));
        }
        self.sources = sources;
        self
    }
}
