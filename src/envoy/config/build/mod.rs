//! From messages to a table.

mod actions;
mod clusters;
mod headers;
mod listeners;
mod matchers;
mod names;
mod node;
mod policies;
mod range;
mod routes;
mod runtime;
mod template;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use smol_str::SmolStr;

use matchers::{Certificate, Given};

use super::Running;
use super::gather::Parts;
use crate::envoy::proxy::ProxyKind;
use crate::envoy::table::{
    ClusterName, Extent, Note, NoteKind, RouteConfiguration, RoutePlaces, RouteTable, VirtualOutbound,
};
use crate::manifest::kinds::{ConnectionSettings, PathNormalizationType};
use crate::manifest::source::Position;

/// What every step reads and leaves behind.
pub(super) struct Work {
    notes: Vec<Note>,
    /// Whether Istio made it: then what its bootstrap has serves no requests of the mesh (CF-3).
    of_istio: bool,
    kind: ProxyKind,
    runtime: Arc<runtime::Runtime>,
    /// Of the clients that come to each route configuration, by its name.
    certificates: BTreeMap<SmolStr, Certificate>,
    places: Arc<RoutePlaces>,
}

impl Work {
    /// What the conditions of a route configuration ask for beside requests.
    fn given(&self, config: &str, certificate: Option<Certificate>) -> Given {
        let certificate = certificate.or_else(|| self.certificates.get(config).copied()).unwrap_or_default();
        Given { certificate, runtime: self.runtime.clone() }
    }

    /// Something to be said of the whole table, or of the route configuration `config`.
    fn say(&mut self, rule: &'static str, config: &str, virtual_host: &str, message: String) {
        self.say_at(Position::default(), rule, config, virtual_host, message);
    }

    /// The same of what stands at a place.
    fn say_at(&mut self, at: Position, rule: &'static str, config: &str, virtual_host: &str, message: String) {
        let note = Note {
            kind: NoteKind::Remark,
            rule,
            message,
            object: None,
            at,
            route_config: config.into(),
            virtual_host: virtual_host.into(),
        };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// The proxy that the parts tell of.
pub(super) fn running(mut parts: Parts, namespace: &str) -> Running {
    let mut proxy = node::proxy(&parts, namespace);
    let of_istio = parts.node.as_ref().is_some_and(|node| node::is_istio(&node.id));
    let mut work = Work {
        notes: Vec::new(),
        of_istio,
        kind: proxy.kind,
        runtime: Arc::new(runtime::Runtime::new(&parts.runtime, parts.has_more_runtime)),
        certificates: listeners::certificates(parts.listeners.iter().chain(&parts.static_listeners)),
        places: Arc::new(std::mem::take(&mut parts.places)),
    };
    for kind in std::mem::take(&mut parts.unknown) {
        work.say("CF-1", "", "", format!("parts of type `{kind}` are not read"));
    }
    if parts.has_scopes {
        work.say("CF-5", "", "", "scoped routes are not evaluated".to_owned());
    }
    let istio_version = parts.node.as_ref().map(|n| n.metadata.text("ISTIO_VERSION").to_owned()).unwrap_or_default();
    let runtime = parts.runtime.drain(..).map(|(key, value)| (key.to_string(), value)).collect();
    let extent = Extent { clusters: parts.has_clusters, endpoints: parts.has_endpoints };
    let beside = parts.beside.take();
    let (file, has_listeners) = (parts.file, parts.has_listeners);

    let has_routes = !parts.routes.is_empty();
    let mut configs: BTreeMap<SmolStr, RouteConfiguration> = BTreeMap::new();
    for config in std::mem::take(&mut parts.routes) {
        routes::add(&mut configs, config, "", None, &mut work);
    }
    let mut found = listeners::Listeners::default();
    for listener in std::mem::take(&mut parts.listeners) {
        found.add(listener, &mut configs, &mut work);
    }
    for listener in std::mem::take(&mut parts.static_listeners).into_iter().filter(|_| !of_istio) {
        found.add(listener, &mut configs, &mut work);
    }
    if !has_listeners {
        found.stand_in(&configs, &mut work);
    }
    if !has_routes {
        let missing = found.names_of_configs().filter(|name| !configs.contains_key(name)).collect::<BTreeSet<_>>();
        if !missing.is_empty() {
            let message = "no route configurations are given: which route takes a request is not known";
            work.say("CF-6", "", "", message.to_owned());
        }
        for name in missing {
            routes::add(&mut configs, routes::unknown(&name, "its route configuration"), "", None, &mut work);
        }
    }
    let clusters = clusters::clusters(parts, &mut work);
    if !extent.clusters {
        work.say("CF-6", "", "", "no clusters are given: whether a request is delivered is not known".to_owned());
    } else if !extent.endpoints && clusters.iter().any(|c| c.discovery == crate::envoy::table::DiscoveryType::Eds) {
        let message =
            "no endpoints are given: whether a cluster delivers is not known (`/config_dump?include_eds` has them)";
        work.say("CF-6", "", "", message.to_owned());
    }
    let reading = found.reading(&mut work).or_else(|| {
        // Istio normalises paths unless it is told not to, Envoy by itself only where it is told to.
        let is_bare = !has_listeners && !of_istio && !configs.keys().any(|name| listeners::is_of_istio(name));
        is_bare.then_some((PathNormalizationType::None, ConnectionSettings::default()))
    });
    let listeners::Listeners { mut listeners, outbound, .. } = found;
    listeners.sort_by_key(|l| (l.address, l.port));
    if !of_istio && proxy.kind == ProxyKind::Gateway && proxy.ips.is_empty() {
        // Clients reach an edge where it listens.
        let mut own: Vec<IpAddr> = listeners.iter().map(|l| l.address).filter(|a| !a.is_unspecified()).collect();
        own.dedup();
        proxy.ips = own;
    }
    let alone = !of_istio && has_listeners && !configs.keys().any(|name| listeners::is_of_istio(name));
    let route_configs: Vec<RouteConfiguration> = configs.into_values().collect();
    let told = names::told(beside);
    let names = names::names(&listeners, &route_configs, &proxy);
    let service_ports = names::service_ports(&listeners, &route_configs, &proxy, of_istio);
    let unknown = VirtualOutbound { cluster: ClusterName::NotEvaluated("the outbound policy".into()), port: 15001 };
    let is_open = proxy.kind == ProxyKind::Sidecar && !has_listeners;
    let virtual_outbound = outbound.or(is_open.then_some(unknown));
    let table = RouteTable {
        proxy: Arc::new(proxy),
        listeners: listeners.into_iter().map(Arc::new).collect(),
        virtual_outbound,
        route_configs,
        clusters: Arc::new(clusters),
        path_normalization: reading.map_or(PathNormalizationType::Default, |r| r.0),
        connection_settings: reading.map_or_else(ConnectionSettings::default, |r| r.1),
        names: told.as_ref().map_or(names, |t| t.0.clone()),
        service_ports: told.map_or(service_ports, |t| t.1),
        notes: work.notes,
        extent,
        places: work.places,
    };
    Running { table, istio_version, file, alone, runtime }
}
