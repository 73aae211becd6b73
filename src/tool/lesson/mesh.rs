//! A lesson's manifests as a mesh, with as many of the scenario's steps taken as the question needs.

use std::sync::Arc;

use super::about::Placed;
use super::answer::Taken;
use super::{Lesson, Refused, ends};
use crate::envoy::decision::{Detail, decide};
use crate::envoy::router::{Router, Switches};
use crate::istio::clients::Audience;
use crate::istio::translate;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::order::Ordered as _;
use crate::traffic::replay::{Settings, Simulation, StreamSummary, View};
use crate::traffic::scenario::{self, Scenario};
use crate::traffic::workspace::{self, Inputs, Options, Workspace};

/// Name of the file that says more than manifests do.
const SCENARIO: &str = "scenario.yaml";

/// A state of a lesson's mesh.
pub(super) struct Opened {
    pub workspace: Workspace,
    switches: Switches,
}

/// The scenario's one stream, counted exactly.
pub(super) struct Counted {
    pub summary: StreamSummary,
    pub views: Vec<Arc<View>>,
}

impl Opened {
    /// The mesh once these of the scenario's steps are taken, one after the other.
    ///
    /// # Errors
    /// The manifests can't be used.
    pub(super) fn new(lesson: &Lesson, steps: &[usize]) -> Result<Opened, Refused> {
        let inputs = lesson.inputs(steps);
        let options = Options::usual(ends::NAMESPACE);
        let workspace = workspace::open(inputs, &options)
            .map_err(|refused| Refused { sources: refused.sources, findings: refused.findings })?;
        let switches = workspace.switches().map_err(|error| lesson.mistaken(&Placed::default(), error))?;
        Ok(Opened { workspace, switches })
    }

    /// What becomes of the lesson's request.
    ///
    /// # Errors
    /// There is no proxy of that name.
    pub(super) fn decide(&self, lesson: &Lesson, state: Option<String>) -> Result<Taken, Refused> {
        let proxy = match &lesson.about.proxy {
            Some(name) => self
                .workspace
                .proxy(name, ends::NAMESPACE)
                .map_err(|finding| Refused { sources: self.workspace.sources.clone(), findings: vec![*finding] })?,
            None => self
                .workspace
                .default_proxy()
                .ok_or_else(|| lesson.mistaken(&lesson.about.answer, "there is no proxy to ask".to_owned()))?,
        };
        let table = Arc::new(translate::route_table(&self.workspace.mesh, &proxy));
        let router = Arc::new(Router::new(table, &self.switches));
        let request = lesson.about.request.clone();
        Ok(Taken {
            state,
            decision: decide(&router, &request, Detail::Steps),
            request,
            router,
            audience: Audience::of_proxy(&proxy),
            sources: self.workspace.sources.clone(),
        })
    }

    /// The scenario's stream, without drawing.
    ///
    /// # Errors
    /// It has none, or several.
    pub(super) fn streams(&self, lesson: &Lesson) -> Result<Counted, Refused> {
        let mistaken = |message: String| lesson.mistaken(&lesson.about.answer, message);
        let settings = Settings { switches: self.switches.clone(), ..Settings::default() };
        let workspace = &self.workspace;
        let scenario = workspace.scenario.as_ref();
        let described = scenario.map_or(0, |s| s.streams.len());
        if described != 1 {
            return Err(mistaken(format!(
                "{SCENARIO} has one stream where something is counted, and here are {described}"
            )));
        }
        let simulation = Simulation::prepare(&workspace.mesh, &workspace.points, scenario, &settings)
            .map_err(|error| mistaken(error.to_string()))?;
        let mut streams = simulation.exact();
        let summary = streams.pop().filter(|_| streams.is_empty());
        let summary = summary.ok_or_else(|| mistaken("the stream passes several proxies".to_owned()))?;
        Ok(Counted { summary, views: simulation.views.clone() })
    }
}

impl Lesson {
    /// What the scenario describes; none where there is none or it can't be read.
    pub(super) fn scenario(&self) -> Option<Scenario> {
        let (_, text) = self.files.iter().find(|(name, _)| *name == SCENARIO)?;
        scenario::decode(self.file, text).ok()
    }

    /// Its files but for those of steps that are not taken; those of a step lie over all that was there before it.
    fn inputs(&self, steps: &[usize]) -> Inputs {
        let described = self.scenario().unwrap_or_default().steps;
        let step = |name: &str| described.iter().position(|s| s.manifests.iter().any(|m| within(name, m)));
        let layer = |name: &str| {
            let step = step(name)?;
            Some(steps.iter().zip(1..).find(|(taken, _)| **taken == step).map(|(_, layer)| layer))
        };
        let mut inputs = Inputs::of_texts(self.files.iter().filter(|(name, _)| layer(name) != Some(None)).copied());
        let layers = inputs.sources.iter().filter_map(|(id, file)| Some((id, layer(&file.name)??)));
        inputs.layers = layers.into_map();
        inputs
    }

    pub(super) fn finding(&self, what: &Placed, message: String) -> Finding {
        Finding::new("lesson", Severity::Error, message).at(what.at)
    }

    /// The lesson is at fault.
    pub(super) fn mistaken(&self, what: &Placed, message: String) -> Refused {
        self.refused(vec![self.finding(what, message)])
    }

    pub(super) fn refused(&self, findings: Vec<Finding>) -> Refused {
        Refused { sources: self.sources.clone(), findings }
    }
}

/// Whether a file is meant by a path of the scenario: its own, or that of a folder.
fn within(name: &str, path: &str) -> bool {
    name == path || name.strip_prefix(path).is_some_and(|rest| path.ends_with('/') || rest.starts_with('/'))
}
