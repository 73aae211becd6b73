//! A resolved mesh with its points of view, and what is asked of it.

use std::sync::Arc;

use smol_str::SmolStr;

use super::proxies::{self, KnownPod};
use super::{Assumed, Istio, assume, running};
use crate::envoy::proxy::Proxy;
use crate::envoy::router::Switches;
use crate::istio::clients::{self, Class, Client, PointsOfView, classes};
use crate::istio::mesh::Mesh;
use crate::manifest::diagnostic::Finding;
use crate::manifest::kinds::NotModelled;
#[cfg(feature = "cli")]
use crate::manifest::kinds::ObjectId;
use crate::manifest::load::Overlaid;
use crate::manifest::source::SourceMap;
use crate::traffic::scenario::Scenario;

/// A resolved mesh, ready for every command.
#[derive(Debug)]
pub(crate) struct Workspace {
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the command line shows it"))]
    pub name: String,
    pub sources: SourceMap,
    pub scenario: Option<Scenario>,
    pub mesh: Mesh,
    /// The points of view: those that were asked for, in that order, else classes of all clients.
    pub points: PointsOfView,
    /// The proxies that stand for them, in the same order.
    pub proxies: Vec<Arc<Proxy>>,
    /// Those that were asked for by name.
    pub named: Vec<Class>,
    /// Everybody who is known.
    pub clients: Vec<Client>,
    /// Whether its proxies are those whose configurations were given, and their tables what stands there (CF-2).
    pub of_running: bool,
    /// Switches that the bootstraps of those proxies set, by name.
    pub(super) runtime: serde_json::Map<String, serde_json::Value>,
    /// That of documents that name none.
    pub namespace: SmolStr,
    /// All findings of loading and admission; none is an error that stops.
    pub findings: Vec<Finding>,
    /// What was not given and is taken for granted.
    pub assumed: Assumed,
    /// What came of what is laid over the manifests; None where nothing is.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the command line shows it"))]
    pub overlaid: Option<Overlaid>,
    /// Which Istio it is.
    pub istio: Istio,
    /// Documents that were read.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the command line shows it"))]
    pub documents: usize,
    /// The pods of the manifests, for points of view that name one.
    pub(super) pods: Vec<KnownPod>,
    /// What is among the manifests and not modelled.
    pub not_modelled: Vec<NotModelled>,
    /// Rollouts and Canaries among the manifests.
    #[cfg(feature = "cli")]
    pub controlled: Vec<ObjectId>,
}

impl Workspace {
    /// The switches of the modelled Envoy: the scenario's over the defaults.
    ///
    /// # Errors
    /// A switch that doesn't exist.
    pub(crate) fn switches(&self) -> Result<Switches, String> {
        let own = Switches::of(self.istio.profile).with(&self.runtime)?;
        let Some(scenario) = &self.scenario else { return Ok(own) };
        own.with(&scenario.switches).map_err(|e| format!("scenario: `envoy`: {e}"))
    }

    /// A point of view by name: one of the run's, else what `--proxy` takes.
    ///
    /// # Errors
    /// No proxy is called that.
    pub(crate) fn proxy(&self, name: &str, namespace: &str) -> Result<Arc<Proxy>, Box<Finding>> {
        if let Some(known) = self.proxies.iter().find(|p| p.name == name) {
            return Ok(known.clone());
        }
        if self.of_running {
            return Err(Box::new(running::unknown(name, self.proxies.iter())));
        }
        proxies::named(name, self.scenario.as_ref(), (&self.pods, &self.clients), namespace).map(Arc::new)
    }

    /// The point of view of what names none: the first that was asked for or that the scenario lists, else the client without labels.
    pub(crate) fn default_proxy(&self) -> Option<Arc<Proxy>> {
        if !self.points.own {
            return self.proxies.first().cloned();
        }
        Some(Arc::new(proxies::client(&self.namespace)))
    }

    /// Lets go what tables of its points of view don't need: they say where their parts were written, and not what stands there.
    #[cfg(feature = "cli")]
    pub(crate) fn keep_for_tables(&mut self) {
        self.sources.keep_names();
    }

    /// Makes what proxies run comparable with what manifests say: what only one of both can know is taken from the manifests (CF-7).
    #[cfg(feature = "cli")]
    pub(crate) fn held_against(&mut self, written: &Workspace) {
        if self.of_running && !written.of_running {
            running::beside(&mut self.mesh, &written.mesh);
        }
    }

    #[cfg(feature = "cli")]
    /// All clients that the manifests know, whoever was asked for.
    pub(crate) fn everybody(&self) -> PointsOfView {
        if self.points.own {
            return self.points.clone();
        }
        let own = classes(&self.clients, &[&self.mesh], &self.namespace);
        PointsOfView { classes: own, own: true }
    }

    /// Clients that have other labels here than they had, and whose requests may be treated otherwise for that.
    #[cfg(feature = "cli")]
    pub(crate) fn relabelled(&self, older: &Workspace) -> Vec<SmolStr> {
        self.points_beside(older).classes.iter().filter(|c| c.was.is_some()).map(|c| c.proxy.name.clone()).collect()
    }

    /// Points of view, those with other labels that have these ones here.
    fn with_what_they_were(&self, points: &PointsOfView) -> PointsOfView {
        let was = |class: &Class| {
            let same = |c: &&Client| (&c.proxy.name, c.proxy.kind) == (&class.proxy.name, class.proxy.kind);
            let known = self.clients.iter().find(same);
            known.filter(|c| c.proxy.labels != class.proxy.labels).map(|c| c.proxy.clone())
        };
        let classes = points.classes.iter().map(|class| Class { was: was(class), ..class.clone() }).collect();
        PointsOfView { classes, own: points.own }
    }

    /// The points of view for a comparison with the mesh as it was before: members of a class are alike in both. Who is gone and
    /// still matters looks too.
    pub(crate) fn points_beside(&self, older: &Workspace) -> PointsOfView {
        // What a proxy has is held against what the manifests would give that very proxy.
        if older.of_running && !self.of_running {
            return older.points.clone();
        }
        if !self.points.own {
            return older.with_what_they_were(&self.points);
        }
        // One that was given and is gone is missing, and nothing takes its place.
        let stays = |c: &&Client| !assume::stands_for(&c.proxy, &older.mesh.gateways);
        let own: Vec<Client> = self.clients.iter().filter(stays).cloned().collect();
        let clients = clients::beside(&own, &older.clients);
        let own = classes(&clients, &[&self.mesh, &older.mesh], &self.namespace);
        PointsOfView { classes: own.into_iter().chain(self.named.clone()).collect(), own: true }
    }
}
