//! Configurations of running proxies among the texts: their tables stand for themselves, and manifests beside them say where each part
//! was written.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value};
use smol_str::SmolStr;

use super::Inputs;
use super::proxies::Chosen;
use crate::envoy::cluster_state::ClusterState;
use crate::envoy::config::{self, Running};
use crate::envoy::proxy::Proxy;
use crate::envoy::table::{Cluster, Route, RouteConfiguration, RouteSource, RouteTable, VirtualHost};
#[cfg(feature = "cli")]
use crate::envoy::table::{Extent, FilterChain, Health, Listener};
use crate::istio::mesh::Mesh;
use crate::istio::translate::Parts;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::ObjectId;
use crate::manifest::source::{FileId, Position};

/// Takes the configurations out of the manifests (CF-1).
pub(super) fn take(inputs: &mut Inputs) -> Vec<FileId> {
    let sources = &inputs.sources;
    let is_one = |file: &FileId| sources.file(*file).is_some_and(|f| config::is_configuration(&f.text));
    let (configurations, manifests) = inputs.manifests.iter().copied().partition(is_one);
    inputs.manifests = manifests;
    configurations
}

/// The points of view: the proxies that were given, or those of them that are named.
pub(super) fn resolve(wanted: &[String], running: &[Running]) -> Result<Chosen, Box<Finding>> {
    let all = || running.iter().map(|r| &r.table.proxy);
    let names: Vec<&String> = wanted.iter().filter(|text| *text != "any").collect();
    if names.len() < wanted.len() || wanted.is_empty() {
        return Ok(Chosen { named: all().cloned().collect(), own: false });
    }
    let of = |name: &&String| {
        let found = all().find(|p| p.name == name.as_str()).cloned();
        found.ok_or_else(|| Box::new(unknown(name, all())))
    };
    Ok(Chosen { named: names.iter().map(of).collect::<Result<_, _>>()?, own: false })
}

/// No configuration is that of the proxy that was asked for.
pub(super) fn unknown<'p>(name: &str, given: impl Iterator<Item = &'p Arc<Proxy>>) -> Finding {
    let names: Vec<&str> = given.map(|p| p.name.as_str()).take(6).collect();
    let message = format!("no configuration of a proxy `{name}` is given");
    Finding::new("proxy", Severity::Error, message).hint(format!("there is that of {}", names.join(", ")))
}

/// Runtime flags of a bootstrap that change routing, by the switch that each is (envoy-matching 0.4).
const FLAGS: [(&str, &str); 6] = [
    ("envoy.reloadable_features.match_headers_individually", "matchHeadersIndividually"),
    ("envoy.reloadable_features.re2_use_latin1_mode", "regexLatin1"),
    ("envoy.reloadable_features.strip_dotdot_segments_with_parameters", "stripDotdotSegmentsWithParameters"),
    ("envoy.reloadable_features.http1_allow_query_method", "allowQueryMethod"),
    ("envoy.reloadable_features.http_reject_path_with_fragment", "rejectPathWithFragment"),
    ("re2.max_program_size.error_level", "regexMaxProgramSize"),
];

/// The switches that the bootstraps of the given proxies set, by name.
pub(super) fn switches(running: &[Running]) -> Map<String, Value> {
    let mut out = Map::new();
    if running.iter().any(|r| r.alone) {
        // Envoy's own defaults, where Istio's bootstrap has others.
        out.insert("rejectPathWithFragment".to_owned(), true.into());
        out.insert("regexMaxProgramSize".to_owned(), 100.into());
    }
    for (name, value) in running.iter().flat_map(|r| &r.runtime) {
        let Some((_, switch)) = FLAGS.iter().find(|(flag, _)| flag == name) else { continue };
        // Files of a runtime hold text.
        let value = match value.as_str() {
            Some(text) => serde_json::from_str(text).unwrap_or_default(),
            None => value.clone(),
        };
        if value.is_boolean() || value.is_u64() {
            out.insert((*switch).to_owned(), value);
        }
    }
    out
}

/// The tables, with the origins of their parts as far as the manifests have them.
pub(super) fn tables(running: Vec<Running>, mesh: &Mesh) -> Vec<Arc<RouteTable>> {
    let knows_any = !mesh.services.is_empty() || !mesh.virtual_services.all.is_empty();
    let parts = Parts::new(mesh);
    let with_origins = |one: Running| {
        let mut table = one.table;
        if knows_any {
            let written = parts.route_table(&table.proxy);
            attach(&mut table, &written, &objects(mesh));
        }
        Arc::new(table)
    };
    running.into_iter().map(with_origins).collect()
}

/// Says of a proxy's configuration that it lacks endpoints, or clusters: whoever asks whether requests arrive has to know.
pub(super) fn without_endpoints(table: &RouteTable) -> Option<Finding> {
    let is_open = |c: &Arc<Cluster>| ClusterState::of_found(table, &c.name, Some(c)) == ClusterState::Unknown;
    let name = &table.proxy.name;
    let what = if !table.extent.clusters {
        format!("the clusters of `{name}` are not given")
    } else if !table.extent.endpoints && table.clusters.iter().any(is_open) {
        format!("the endpoints of `{name}` are not given")
    } else {
        return None;
    };
    let message =
        format!("{what}: whether requests arrive is not known, and those that have a route count as delivered");
    let hint = "Envoy's `/config_dump?include_eds` has them, as has `istioctl proxy-config all -o json`";
    Some(Finding::new("load", Severity::Warning, message).hint(hint))
}

/// What the tables don't tell, or what isn't theirs to say, as the manifests of the other side of a comparison have it (CF-7).
///
/// A dump knows no names, no ports of Services and no settings of certificates; which pods there are just now, and with which addresses, is
/// no matter of what git says. A cluster that delivers on one side alone stays as it is.
#[cfg(feature = "cli")]
pub(super) fn beside(mesh: &mut Mesh, written: &Mesh) {
    let parts = Parts::new(written);
    let with = |table: &Arc<RouteTable>| {
        let other = parts.route_table(&table.proxy);
        let mut table = RouteTable::clone(table);
        table.names = other.names.clone();
        table.service_ports.clone_from(&other.service_ports);
        table.listeners.iter_mut().for_each(|listener| settings(listener, &other.listeners));
        let told = table.extent;
        for cluster in Arc::make_mut(&mut table.clusters) {
            let Some(own) = other.cluster(&cluster.name) else { continue };
            if cluster.name.parts().is_none() {
                *cluster = own.clone();
                continue;
            }
            let delivers = |c: &Cluster| c.endpoints.iter().any(|e| e.health == Health::Healthy);
            let endpoints = match delivers(cluster) == delivers(own) || !told.endpoints {
                true => own.endpoints.clone(),
                false => cluster.endpoints.clone(),
            };
            let mut new = Cluster { endpoints, tls: own.tls.clone(), ..Cluster::clone(cluster) };
            new.destination_rule = own.destination_rule.clone().or(new.destination_rule);
            *cluster = Arc::new(new);
        }
        if !told.clusters {
            table.clusters.clone_from(&other.clusters);
        }
        table.extent = Extent::WHOLE;
        Arc::new(table)
    };
    mesh.running = mesh.running.iter().map(with).collect();
}

/// The settings of TLS of the same filter chain, which names its certificates otherwise.
#[cfg(feature = "cli")]
fn settings(listener: &mut Arc<Listener>, others: &[Arc<Listener>]) {
    let Some(other) = others.iter().find(|l| (l.address, l.port) == (listener.address, listener.port)) else { return };
    let known = |chain: &FilterChain| {
        let same = |c: &&FilterChain| c.matcher == chain.matcher && c.tls.is_some() == chain.tls.is_some();
        other.filter_chains.iter().find(same).map(|c| (c.tls, c.tls_settings.clone()))
    };
    let mut new = Listener::clone(listener);
    for chain in &mut new.filter_chains {
        (chain.tls, chain.tls_settings) = known(chain).unwrap_or((chain.tls, None));
    }
    *listener = Arc::new(new);
}

/// Where each VirtualService is written.
fn objects(mesh: &Mesh) -> FxHashMap<ObjectId, Position> {
    let all = mesh.virtual_services.all.iter();
    all.map(|vs| (vs.object.clone(), vs.at)).collect()
}

/// Gives parts of a table the places of those that the manifests make: the same route of the same virtual host, else the same route
/// anywhere, else the object that Istio says it is of.
fn attach(table: &mut RouteTable, written: &RouteTable, objects: &FxHashMap<ObjectId, Position>) {
    let hosts: FxHashMap<(&str, &str), &Arc<VirtualHost>> = written
        .route_configs
        .iter()
        .flat_map(|c| c.virtual_hosts.iter().map(move |h| ((c.name.as_str(), h.name.as_str()), h)))
        .collect();
    let mut by_object: FxHashMap<&str, Vec<&Arc<Route>>> = FxHashMap::default();
    for route in written.route_configs.iter().flat_map(|c| &c.virtual_hosts).flat_map(|h| h.routes.iter()) {
        let known = by_object.entry(route.config_path.as_str()).or_default();
        if !known.iter().any(|k| k.matcher == route.matcher) {
            known.push(route);
        }
    }
    let source = |config: &RouteConfiguration, host: &VirtualHost, route: &Route| -> Option<RouteSource> {
        let is_it = |r: &&&Arc<Route>| r.config_path == route.config_path && r.matcher == route.matcher;
        let in_place = hosts.get(&(config.name.as_str(), host.name.as_str()));
        let same = in_place.and_then(|h| h.routes.iter().find(|r| is_it(&r)));
        let same = same.or_else(|| by_object.get(route.config_path.as_str())?.iter().find(|r| is_it(r)).copied());
        if let Some(found) = same.and_then(|r| r.source.clone()) {
            return Some(found);
        }
        let bare = route.source.clone()?;
        let at = objects.get(&bare.object).copied().unwrap_or_default();
        Some(RouteSource { at, ..bare })
    };
    for config in &mut table.route_configs {
        let with = |host: &Arc<VirtualHost>| {
            if host.routes.iter().all(|r| r.config_path.is_empty()) {
                return host.clone();
            }
            let of = |route: &Arc<Route>| match source(config, host, route) {
                Some(source) if !route.config_path.is_empty() => {
                    Arc::new(Route { source: Some(source), ..Route::clone(route) })
                }
                _ => route.clone(),
            };
            Arc::new(VirtualHost { routes: host.routes.iter().map(of).collect(), ..VirtualHost::clone(host) })
        };
        let hosts = config.virtual_hosts.iter().map(with).collect();
        config.virtual_hosts = hosts;
    }
    clusters(table, written);
    table.names = written.names.clone();
    if !written.service_ports.is_empty() {
        table.service_ports.clone_from(&written.service_ports);
    }
}

/// What the manifests know of clusters: the object that each was shaped by, and the pods behind addresses.
fn clusters(table: &mut RouteTable, written: &RouteTable) {
    type Place = (SmolStr, u16);
    let mut pods: FxHashMap<Place, (SmolStr, SmolStr)> = FxHashMap::default();
    for endpoint in written.clusters.iter().flat_map(|c| c.endpoints.iter()).filter(|e| !e.assumed) {
        if let Some(pod) = &endpoint.pod {
            pods.entry((endpoint.address.clone(), endpoint.port)).or_insert_with(|| pod.clone());
        }
    }
    for cluster in Arc::make_mut(&mut table.clusters) {
        let own = written.cluster(&cluster.name);
        let mut new = Cluster::clone(cluster);
        if let Some(own) = own {
            let same = |a: &crate::envoy::table::PolicySource| {
                own.destination_rule.as_ref().filter(|b| a.object == b.object).cloned()
            };
            new.destination_rule = new.destination_rule.as_ref().and_then(same).or(new.destination_rule);
            new.subset_labels.clone_from(&own.subset_labels);
            new.unmade_subsets.clone_from(&own.unmade_subsets);
            new.service.clone_from(&own.service);
        }
        let with_pod = |e: &crate::envoy::table::Endpoint| {
            let known = pods.get(&(e.address.clone(), e.port));
            let pod = e.pod.clone().or_else(|| known.cloned());
            crate::envoy::table::Endpoint { pod, ..e.clone() }
        };
        new.endpoints = new.endpoints.iter().map(with_pod).collect();
        *cluster = Arc::new(new);
    }
}
