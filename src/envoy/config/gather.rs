//! From texts to the parts of each proxy.

use indexmap::IndexMap;
use serde_json::Value;
use smol_str::SmolStr;

use super::form::{Form, form};
use super::message::{
    Beside, Bootstrap, Cluster, ClusterStatus, ClusterStatuses, Dump, DumpPart, Listener, LoadAssignment, Node, Own,
    RouteConfiguration, short,
};
use super::text;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::{FileId, Position, SourceMap};

/// All that is told of one proxy, in the order of the texts.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub file: FileId,
    /// What it is called where the node doesn't say; empty: nowhere.
    pub name: SmolStr,
    pub node: Option<Node>,
    pub listeners: Vec<Listener>,
    /// Those that a bootstrap gives, among which are Istio's own.
    pub static_listeners: Vec<Listener>,
    pub routes: Vec<RouteConfiguration>,
    pub clusters: Vec<Cluster>,
    pub static_clusters: Vec<Cluster>,
    pub endpoints: Vec<LoadAssignment>,
    pub statuses: Vec<ClusterStatus>,
    /// What it gave at all, whether or not something was in it.
    pub has_listeners: bool,
    pub has_clusters: bool,
    pub has_endpoints: bool,
    pub runtime: IndexMap<SmolStr, Value>,
    /// Route configurations by scope, or which come by a discovery service of their own.
    pub has_scopes: bool,
    /// What only our own form has.
    pub beside: Option<Beside>,
    /// Parts of a dump of a type that nobody here knows.
    pub unknown: Vec<SmolStr>,
}

impl Parts {
    fn bootstrap(&mut self, bootstrap: Bootstrap) {
        self.node = bootstrap.node.or(self.node.take());
        if let Some(resources) = bootstrap.static_resources {
            self.has_listeners |= !resources.listeners.is_empty();
            self.has_clusters |= !resources.clusters.is_empty();
            self.static_listeners.extend(resources.listeners);
            self.static_clusters.extend(resources.clusters);
        }
        self.runtime.extend(bootstrap.layered_runtime.layers.into_iter().flat_map(|l| l.static_layer));
    }

    fn dumped(&mut self, part: DumpPart) {
        let kind = short(&part.kind).to_owned();
        match kind.as_str() {
            "ListenersConfigDump" => self.has_listeners = true,
            "ClustersConfigDump" => self.has_clusters = true,
            "EndpointsConfigDump" => self.has_endpoints = true,
            "BootstrapConfigDump" | "RoutesConfigDump" | "SecretsConfigDump" | "EcdsConfigDump" | "" => {}
            "ScopedRoutesConfigDump" => {
                self.has_scopes |=
                    part.inline_scoped_route_configs.is_some() || part.dynamic_scoped_route_configs.is_some();
            }
            other => self.unknown.push(other.into()),
        }
        if let Some(mut bootstrap) = part.bootstrap {
            // The dump has its resources among those of all others.
            bootstrap.static_resources = None;
            self.bootstrap(bootstrap);
        }
        let clusters = |all: Vec<super::message::DumpedCluster>| all.into_iter().filter_map(|c| c.cluster);
        self.static_clusters.extend(clusters(part.static_clusters));
        self.clusters.extend(clusters(part.dynamic_active_clusters));
        let listeners = |all: Vec<super::message::DumpedListener>| {
            all.into_iter().filter_map(|l| l.active_state.and_then(|state| state.listener).or(l.listener))
        };
        self.static_listeners.extend(listeners(part.static_listeners));
        self.listeners.extend(listeners(part.dynamic_listeners));
        let routes = part.static_route_configs.into_iter().chain(part.dynamic_route_configs);
        self.routes.extend(routes.filter_map(|r| r.route_config));
        let endpoints = part.static_endpoint_configs.into_iter().chain(part.dynamic_endpoint_configs);
        self.endpoints.extend(endpoints.filter_map(|e| e.endpoint_config));
    }

    /// Adds what another text tells of the same proxy.
    fn join(&mut self, other: Parts) {
        self.node = self.node.take().or(other.node);
        self.listeners.extend(other.listeners);
        self.static_listeners.extend(other.static_listeners);
        self.routes.extend(other.routes);
        self.clusters.extend(other.clusters);
        self.static_clusters.extend(other.static_clusters);
        self.endpoints.extend(other.endpoints);
        self.statuses.extend(other.statuses);
        self.has_listeners |= other.has_listeners;
        self.has_clusters |= other.has_clusters;
        self.has_endpoints |= other.has_endpoints;
        self.has_scopes |= other.has_scopes;
        self.runtime.extend(other.runtime);
        self.unknown.extend(other.unknown);
    }

    fn tells_whose_it_is(&self) -> bool {
        self.node.is_some() || !self.name.is_empty()
    }
}

/// The parts of each proxy. Texts that say of none whose they are belong to the one that does, else together.
pub(super) fn gather(sources: &SourceMap, files: &[FileId], findings: &mut Vec<Finding>) -> Vec<Parts> {
    let mut whole: Vec<Parts> = Vec::new();
    let mut loose: Option<Parts> = None;
    for file in files {
        let Some(source) = sources.file(*file) else { continue };
        match one(*file, &source.text) {
            Ok(parts) if parts.tells_whose_it_is() => whole.push(parts),
            Ok(parts) => match &mut loose {
                Some(before) => before.join(parts),
                None => loose = Some(parts),
            },
            Err(finding) => findings.push(*finding),
        }
    }
    match (whole.as_mut_slice(), loose) {
        (_, None) => {}
        ([one], Some(loose)) => one.join(loose),
        ([], Some(loose)) => whole.push(loose),
        (several, Some(loose)) => {
            let message = format!(
                "`{}` doesn't say of which proxy it is, and {} proxies are given beside it",
                sources.name(loose.file),
                several.len()
            );
            let at = Position { file: loose.file, line: 1, column: 1, document: 0 };
            let finding = Finding::new("load", Severity::Error, message).at(at);
            findings.push(finding.hint("give the parts of one proxy at a time"));
        }
    }
    whole
}

fn one(file: FileId, text: &str) -> Result<Parts, Box<Finding>> {
    let mut parts = Parts { file, ..Parts::default() };
    match form(text) {
        Some(Form::Dump) => {
            let dump: Dump = text::read(file, text)?;
            dump.configs.into_iter().for_each(|part| parts.dumped(part));
        }
        Some(Form::ClusterStatuses) => {
            parts.statuses = text::read::<ClusterStatuses>(file, text)?.cluster_statuses;
            parts.has_endpoints = true;
        }
        Some(Form::ClusterStatusList) => {
            parts.statuses = text::read(file, text)?;
            parts.has_endpoints = true;
        }
        Some(Form::Bootstrap) => {
            let bootstrap: Bootstrap = text::read(file, text)?;
            // Its own resources are all that it is about.
            parts.bootstrap(bootstrap);
            parts.listeners = std::mem::take(&mut parts.static_listeners);
            parts.clusters = std::mem::take(&mut parts.static_clusters);
        }
        Some(Form::RouteConfiguration) => parts.routes.push(text::read(file, text)?),
        Some(Form::RouteConfigurations) => parts.routes = text::read(file, text)?,
        Some(Form::Listener) => parts.listeners.push(text::read(file, text)?),
        Some(Form::Listeners) => parts.listeners = text::read(file, text)?,
        Some(Form::Cluster) => parts.clusters.push(text::read(file, text)?),
        Some(Form::Clusters) => parts.clusters = text::read(file, text)?,
        Some(Form::LoadAssignment) => parts.endpoints.push(text::read(file, text)?),
        Some(Form::LoadAssignments) => parts.endpoints = text::read(file, text)?,
        Some(Form::Resources) => resources(&mut parts, file, text)?,
        Some(Form::Own) => {
            let own: Own = text::read(file, text)?;
            parts.name = own.proxy;
            (parts.node, parts.beside) = (own.node, own.towtank);
            (parts.listeners, parts.routes) = (own.listeners, own.routes);
            (parts.clusters, parts.endpoints) = (own.clusters, own.endpoints);
            (parts.has_listeners, parts.has_clusters, parts.has_endpoints) = (true, true, true);
        }
        Some(Form::Ztunnel) | None => return Err(Box::new(ztunnel(file))),
    }
    parts.has_listeners |= !parts.listeners.is_empty();
    parts.has_clusters |= !parts.clusters.is_empty();
    parts.has_endpoints |= !parts.endpoints.is_empty();
    Ok(parts)
}

fn ztunnel(file: FileId) -> Finding {
    let at = Position { file, line: 1, column: 1, document: 0 };
    let message =
        "this is the configuration of a ztunnel, which has no routes: it takes connections to workloads as they are";
    Finding::new("load", Severity::Error, message)
        .at(at)
        .hint("give that of a sidecar or gateway, as `istioctl proxy-config all POD -o json` prints it")
}

/// An answer of a discovery service, as files of Envoy's `path_config_source` hold it.
fn resources(parts: &mut Parts, file: FileId, text: &str) -> Result<(), Box<Finding>> {
    #[derive(serde::Deserialize)]
    struct Answer {
        resources: Vec<Value>,
    }
    fn part<T: serde::de::DeserializeOwned>(value: Value, file: FileId) -> Result<T, Box<Finding>> {
        serde_json::from_value(value).map_err(|error| {
            let at = Position { file, line: 1, column: 1, document: 0 };
            Box::new(Finding::new("load", Severity::Error, error.to_string()).at(at))
        })
    }
    for resource in text::read::<Answer>(file, text)?.resources {
        let kind = resource.get("@type").and_then(Value::as_str).map(|url| short(url).to_owned()).unwrap_or_default();
        match kind.as_str() {
            "RouteConfiguration" => parts.routes.push(part(resource, file)?),
            "Listener" => parts.listeners.push(part(resource, file)?),
            "Cluster" => parts.clusters.push(part(resource, file)?),
            "ClusterLoadAssignment" => parts.endpoints.push(part(resource, file)?),
            other => parts.unknown.push(other.into()),
        }
    }
    Ok(())
}
