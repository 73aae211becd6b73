//! From texts to the parts of each proxy.

use indexmap::IndexMap;
use serde_json::Value;
use smol_str::SmolStr;

use super::form::{Foreign, Form, form};
use super::message::{
    Beside, Bootstrap, Cluster, ClusterStatus, ClusterStatuses, Dump, DumpPart, Listener, LoadAssignment, Node, Own,
    RouteConfiguration, short,
};
use super::places::places;
use super::text::{self, Origin};
use crate::envoy::table::RoutePlaces;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::{FileId, Position, SourceMap};

/// All that is told of one proxy, in the order of the texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    pub file: FileId,
    /// What it is called where the node doesn't say; empty: nowhere.
    pub name: SmolStr,
    pub node: Option<Node>,
    pub listeners: Vec<Listener>,
    /// Those that a bootstrap gives, among which are Istio's own.
    pub static_listeners: Vec<Listener>,
    pub routes: Vec<RouteConfiguration>,
    #[expect(clippy::vec_box, reason = "there may be very many, and each is large")]
    pub clusters: Vec<Box<Cluster>>,
    #[expect(clippy::vec_box, reason = "there may be very many, and each is large")]
    pub static_clusters: Vec<Box<Cluster>>,
    pub endpoints: Vec<LoadAssignment>,
    pub statuses: Vec<ClusterStatus>,
    /// What it gave at all, whether or not something was in it.
    pub has_listeners: bool,
    pub has_clusters: bool,
    pub has_endpoints: bool,
    pub runtime: IndexMap<SmolStr, Value>,
    /// Values of the runtime come from elsewhere, too.
    pub has_more_runtime: bool,
    /// Route configurations by scope, or which come by a discovery service of their own.
    pub has_scopes: bool,
    /// What only our own form has.
    pub beside: Option<Beside>,
    /// Where its routes stand.
    pub places: RoutePlaces,
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
        for layer in bootstrap.layered_runtime.layers {
            self.has_more_runtime |= layer.disk_layer.0 || layer.rtds_layer.0;
            self.runtime.extend(layer.static_layer);
        }
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
        self.has_more_runtime |= other.has_more_runtime;
        self.unknown.extend(other.unknown);
        self.places.extend(other.places);
    }

    fn tells_whose_it_is(&self) -> bool {
        self.node.is_some() || !self.name.is_empty()
    }
}

/// What was read of a text while it streamed by.
#[derive(Debug, Clone)]
pub(crate) struct Streamed(Box<Parts>);

impl Streamed {
    /// Reads JSON that streams by, of which `head` is the beginning, as [`super::is_configuration`] takes it. None where something is
    /// wrong with it, which its text would tell.
    #[cfg(feature = "files")]
    pub(crate) fn read(file: FileId, head: &str, stream: &mut dyn std::io::Read) -> Option<Streamed> {
        one(file, form(head), Origin::Stream(stream)).ok().map(|parts| Streamed(parts.into()))
    }
}

/// The parts of each proxy. Texts that say of none whose they are belong to the one that does, else together.
pub(super) fn gather(
    sources: &SourceMap,
    files: &[FileId],
    streamed: Vec<Streamed>,
    findings: &mut Vec<Finding>,
) -> Vec<Parts> {
    let mut whole: Vec<Parts> = Vec::new();
    let mut loose: Option<Parts> = None;
    let of_text = |file: &FileId| {
        let source = sources.file(*file)?;
        let mut read = one(*file, form(&source.text), Origin::Text(*file, &source.text));
        if let Ok(parts) = &mut read
            && !parts.routes.is_empty() | !parts.listeners.is_empty() | !parts.static_listeners.is_empty()
        {
            parts.places = places(*file, &source.text);
        }
        Some(read)
    };
    let streamed = streamed.into_iter().map(|streamed| Ok(*streamed.0));
    for read in files.iter().filter_map(of_text).chain(streamed) {
        match read {
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

fn one(file: FileId, form: Option<Form>, origin: Origin<'_>) -> Result<Parts, Box<Finding>> {
    let mut parts = Parts { file, ..Parts::default() };
    match form {
        Some(Form::Dump) => {
            let dump: Dump = text::read(origin)?;
            dump.configs.into_iter().for_each(|part| parts.dumped(part));
        }
        Some(Form::ClusterStatuses) => {
            parts.statuses = text::read::<ClusterStatuses>(origin)?.cluster_statuses;
            parts.has_endpoints = true;
        }
        Some(Form::ClusterStatusList) => {
            parts.statuses = text::read(origin)?;
            parts.has_endpoints = true;
        }
        Some(Form::Bootstrap) => {
            let bootstrap: Bootstrap = text::read(origin)?;
            // Its own resources are all that it is about.
            parts.bootstrap(bootstrap);
            parts.listeners = std::mem::take(&mut parts.static_listeners);
            parts.clusters = std::mem::take(&mut parts.static_clusters);
        }
        Some(Form::RouteConfiguration) => parts.routes.push(text::read(origin)?),
        Some(Form::RouteConfigurations) => parts.routes = text::read(origin)?,
        Some(Form::Listener) => parts.listeners.push(text::read(origin)?),
        Some(Form::Listeners) => parts.listeners = text::read(origin)?,
        Some(Form::Cluster) => parts.clusters.push(text::read(origin)?),
        Some(Form::Clusters) => parts.clusters = text::read(origin)?,
        Some(Form::LoadAssignment) => parts.endpoints.push(text::read(origin)?),
        Some(Form::LoadAssignments) => parts.endpoints = text::read(origin)?,
        Some(Form::Resources) => resources(&mut parts, file, origin)?,
        Some(Form::Own) => {
            let own: Own = text::read(origin)?;
            parts.name = own.proxy;
            (parts.node, parts.beside) = (own.node, own.towtank);
            (parts.listeners, parts.routes) = (own.listeners, own.routes);
            (parts.clusters, parts.endpoints) = (own.clusters, own.endpoints);
            (parts.has_listeners, parts.has_clusters, parts.has_endpoints) = (true, true, true);
        }
        Some(Form::Foreign(kind)) => return Err(Box::new(foreign(file, kind))),
        None => return Err(Box::new(Finding::new("load", Severity::Error, "the configuration is of no known form"))),
    }
    parts.has_listeners |= !parts.listeners.is_empty();
    parts.has_clusters |= !parts.clusters.is_empty();
    parts.has_endpoints |= !parts.endpoints.is_empty();
    Ok(parts)
}

fn foreign(file: FileId, kind: Foreign) -> Finding {
    let at = Position { file, line: 1, column: 1, document: 0 };
    let (message, hint) = match kind {
        Foreign::Ztunnel => (
            "this is the configuration of a ztunnel, which has no routes: it takes connections to workloads as they are",
            "give that of a sidecar or gateway, as `istioctl proxy-config all POD -o json` prints it",
        ),
        Foreign::Dump => (
            "this is a dump whose parts are of types that no Envoy has: it is of a proxy of another kind",
            "give that of an Envoy: its admin page `/config_dump?include_eds`, or `istioctl proxy-config all POD -o json`",
        ),
        Foreign::Discovery => (
            "this is what a client of discovery services says of itself (gRPC's CSDS), not what an Envoy runs",
            "give the RouteConfigurations that it got, or the dump of an Envoy",
        ),
    };
    Finding::new("load", Severity::Error, message).at(at).hint(hint)
}

/// An answer of a discovery service, as files of Envoy's `path_config_source` hold it.
fn resources(parts: &mut Parts, file: FileId, origin: Origin<'_>) -> Result<(), Box<Finding>> {
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
    for resource in text::read::<Answer>(origin)?.resources {
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
