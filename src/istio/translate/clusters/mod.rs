//! Clusters of the services in scope (sections 12.4 and 13.2 of the translation rules).

mod crash;
mod locality;
mod made;
mod policy;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::Context;
use crate::envoy::proxy::ProxyKind;
use crate::envoy::table::{
    Cluster, ClusterName, DiscoveryType, Endpoint, HttpProtocolOptions, LbPolicy, Note, PolicySource, UpstreamProtocol,
};
use crate::istio::mesh::{
    EndpointFilter, MergedDestinationRule, Mesh, Port, Protocol, Resolution, Service, TrafficDistribution, shared,
};
use crate::istio::translate::gateway;
use crate::manifest::kinds::{Labels, OutboundMode, Subset};
use crate::manifest::release::Difference;
use policy::EffectivePolicy;

use crate::order::Order as _;
use crate::parallel::prelude::*;
use made::ServiceClusters;

pub(crate) use crash::{Crash, crash};
pub(super) use locality::Place;
pub(crate) use made::ClusterParts;

/// Services whose clusters are made at once.
const SERVICES_AT_ONCE: usize = 64;

/// All clusters of the proxy, with their endpoints, sorted by name; and what is to be said of them.
pub(crate) fn clusters(cx: &Context<'_>) -> (Vec<Arc<Cluster>>, Vec<Note>) {
    let place = Arc::new(Place::of(cx.parts, cx.proxy));
    let sni_form = gateway::passes_sni_through(cx);
    let services = cx.scope.services.values().zip(&cx.rules).filter(|(s, _)| !s.is_alias());
    let services: Vec<(&Arc<Service>, _)> = services.collect();
    let each = services.par_iter().with_min_len(cx.parts.at_once(SERVICES_AT_ONCE)).map_init(
        || locality::Localities::at(place.clone()),
        |localities, (service, rule)| {
            let of_service = cx.parts.clusters.of(cx, service, **rule, sni_form, localities);
            (cx.parts.rank(&service.hostname), of_service)
        },
    );
    let mut made: Vec<(u32, Arc<ServiceClusters>)> = each.collect();
    let notes = made.iter().flat_map(|(_, of_service)| &of_service.notes).cloned().collect();
    made.order_by_key(|(rank, _)| *rank);
    let mut all = by_port(made.iter().map(|(_, m)| m.plain.as_slice()));
    all.extend(by_port(made.iter().map(|(_, m)| m.by_sni.as_slice())));
    let mut fixed = fixed(cx);
    fixed.order_by(|a, b| a.name.cmp(&b.name));
    all.extend(fixed.into_iter().map(Arc::new));
    (all, notes)
}

/// The clusters of services, which come in the order of their hosts and are sorted each by itself: all of them sorted by name.
fn by_port<'a>(services: impl Iterator<Item = &'a [Arc<Cluster>]>) -> Vec<Arc<Cluster>> {
    let mut ports: BTreeMap<u16, Vec<Arc<Cluster>>> = BTreeMap::new();
    for cluster in services.flatten() {
        let port = cluster.name.parts().map_or(0, |(_, _, port)| port);
        ports.entry(port).or_default().push(cluster.clone());
    }
    ports.into_values().flatten().collect()
}

impl ServiceClusters {
    fn make(
        cx: &Context<'_>,
        service: &Arc<Service>,
        rule: Option<&MergedDestinationRule>,
        sni_form: bool,
        localities: &locality::Localities,
    ) -> ServiceClusters {
        let mut notes = Vec::new();
        let (mut plain, mut by_sni) = (Vec::new(), Vec::new());
        if let Some(rule) = rule {
            notes.extend(locality::zone_aware_note(service, rule));
        }
        for port in service.ports.iter().filter(|p| has_cluster(cx.mesh, service, p)) {
            let site = Site { cx, localities, service, port, rule, by_sni: false };
            let base = EffectivePolicy::of_port(&cx.mesh.config, rule, port.number);
            localities.note_node(service);
            if let Some(crash) = crash(cx.mesh, cx.proxy, service, port, rule) {
                let note = crash.note(service, rule);
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
            let mut of_port = site.cluster(&base, None, false);
            // Subsets of a port that leads to the address dialled do so too, whatever they ask for (CL-5).
            let dialled = of_port.as_ref().is_some_and(|c| c.discovery == DiscoveryType::OriginalDst);
            let mut unmade = Vec::new();
            // A wildcard that is resolved when requests come has no endpoints to choose from.
            if service.resolution != Resolution::DynamicDns {
                for subset in rule.iter().flat_map(|r| &r.subsets) {
                    let policy = base.for_subset(subset, port.number, cx.mesh.profile);
                    match site.cluster(&policy, Some(subset), dialled) {
                        Some(cluster) => plain.push(cluster),
                        None => unmade.push(subset.name.clone()),
                    }
                }
            }
            if let Some(of_port) = &mut of_port {
                of_port.unmade_subsets = unmade;
            }
            plain.extend(of_port);
        }
        if sni_form {
            by_sni.extend(plain.iter().filter_map(|c| sni_twin(service, c)));
        }
        if sni_form && service.resolution == Resolution::DynamicDns && resolves_by_request(cx.mesh) {
            for port in service.tcp_ports() {
                let site = Site { cx, localities, service, port, rule, by_sni: true };
                let base = EffectivePolicy::of_port(&cx.mesh.config, rule, port.number);
                let clusters = site.cluster(&base, None, false).into_iter().chain(
                    rule.iter().flat_map(|r| &r.subsets).filter_map(|s| {
                        site.cluster(&base.for_subset(s, port.number, cx.mesh.profile), Some(s), false)
                    }),
                );
                by_sni.extend(clusters.filter_map(|c| sni_twin(service, &c)));
            }
        }
        let finished = |mut clusters: Vec<Cluster>| -> Vec<Arc<Cluster>> {
            clusters.order_by(|a, b| a.name.cmp(&b.name));
            shared(clusters)
        };
        ServiceClusters { plain: finished(plain), by_sni: finished(by_sni), notes, _service: service.clone() }
    }
}

/// The SNI form of an in-mesh service's cluster (CN-3). Of the endpoints of the plain form those are left that EDS brings and
/// that speak the mesh's own TLS: the gateway passes on what the client encrypted.
fn sni_twin(service: &Service, cluster: &Cluster) -> Option<Cluster> {
    let ClusterName::Outbound { port, subset, host } = &cluster.name else { return None };
    if cluster.discovery == DiscoveryType::DynamicForwardProxy {
        return None;
    }
    if service.mesh_external {
        return None;
    }
    Some(Cluster {
        name: ClusterName::SniDnat { port: *port, subset: subset.clone(), host: host.clone() },
        endpoints: match cluster.discovery {
            DiscoveryType::Eds => cluster.endpoints.iter().filter(|e| e.mutual_tls).cloned().collect(),
            _ => Arc::default(),
        },
        ..cluster.clone()
    })
}

/// VE-8: before, only waypoints had clusters for names that are resolved when requests come.
fn resolves_by_request(mesh: &Mesh) -> bool {
    mesh.profile.has(Difference::DynamicDnsClusters)
}

/// CL-1, DP-6.
fn has_cluster(mesh: &Mesh, service: &Service, port: &Port) -> bool {
    match service.resolution {
        Resolution::DynamicDns if !resolves_by_request(mesh) => false,
        Resolution::DynamicDns => {
            matches!(port.protocol, Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Tls)
        }
        _ => port.protocol != Protocol::Udp,
    }
}

/// CN-4: connections that go nowhere, and on sidecars those that are let out.
fn fixed(cx: &Context<'_>) -> Vec<Cluster> {
    let config = &cx.mesh.config;
    let black_hole = Cluster {
        name: ClusterName::BlackHole,
        discovery: DiscoveryType::Static,
        lb: LbPolicy::RoundRobin,
        connect_timeout: config.connect_timeout,
        circuit_breakers: Default::default(),
        outlier_detection: None,
        healthy_panic_threshold: 0,
        http: HttpProtocolOptions::default(),
        tls: None,
        endpoints: Arc::default(),
        destination_rule: None,
        subset_labels: Labels::default(),
        unmade_subsets: Vec::new(),
        service: None,
    };
    if cx.proxy.kind == ProxyKind::Gateway {
        return vec![black_hole];
    }
    let pool = config.default_traffic_policy.as_ref().and_then(|p| p.connection_pool.as_ref());
    let passthrough = Cluster {
        name: ClusterName::Passthrough,
        discovery: DiscoveryType::OriginalDst,
        lb: LbPolicy::ClusterProvided,
        connect_timeout: settings::connect_timeout(pool, config),
        circuit_breakers: settings::circuit_breakers(pool, None, cx.mesh.profile),
        http: settings::http_options(UpstreamProtocol::UseDownstream, pool),
        ..black_hole.clone()
    };
    let mut all = vec![black_hole];
    if cx.scope.outbound_mode == OutboundMode::AllowAnyDynamicDns {
        all.push(Cluster {
            name: ClusterName::AllowAnyDynamicDns,
            discovery: DiscoveryType::DynamicForwardProxy,
            ..passthrough.clone()
        });
    }
    all.push(passthrough);
    all
}

/// One service port seen by the proxy, with the rule that shapes its clusters.
struct Site<'a> {
    cx: &'a Context<'a>,
    localities: &'a locality::Localities,
    service: &'a Arc<Service>,
    port: &'a Port,
    rule: Option<&'a MergedDestinationRule>,
    /// For the SNI form of a wildcard that is otherwise resolved when requests come (GW-16).
    by_sni: bool,
}

impl Site<'_> {
    /// The cluster of the port, or of one of its subsets; None where it would have no endpoints and so is not made (CL-8).
    ///
    /// `dialled`: the cluster of the port leads to the address dialled.
    fn cluster(&self, policy: &EffectivePolicy<'_>, subset: Option<&Subset>, dialled: bool) -> Option<Cluster> {
        let config = &self.cx.mesh.config;
        let mut discovery = if dialled { DiscoveryType::OriginalDst } else { self.discovery() };
        let no_labels = Labels::default();
        let labels = subset.map_or(&no_labels, |s| &s.labels);
        let mut endpoints = match discovery {
            DiscoveryType::OriginalDst | DiscoveryType::DynamicForwardProxy => Arc::default(),
            _ => self.endpoints(policy, labels),
        };
        if matches!(discovery, DiscoveryType::StrictDns | DiscoveryType::LogicalDns) && endpoints.is_empty() {
            return None;
        }
        endpoints = self.localities.apply(&self.cx.mesh.config, self.service, policy, endpoints);
        let provided = matches!(discovery, DiscoveryType::OriginalDst | DiscoveryType::DynamicForwardProxy);
        let lb = if provided { LbPolicy::ClusterProvided } else { settings::load_balancing(policy.load_balancer) };
        if lb == LbPolicy::ClusterProvided && !provided {
            // Load balancing PASSTHROUGH: the address dialled, whatever endpoints there are (CL-5).
            discovery = DiscoveryType::OriginalDst;
            endpoints = Arc::default();
        }
        let subset_name: SmolStr = subset.map(|s| s.name.clone()).unwrap_or_default();
        let protocol = settings::upstream_protocol(self.port, self.cx.proxy.kind, policy.connection_pool, config);
        Some(Cluster {
            name: ClusterName::Outbound {
                port: self.port.number,
                subset: subset_name,
                host: self.service.hostname.clone(),
            },
            discovery,
            lb,
            connect_timeout: settings::connect_timeout(policy.connection_pool, config),
            circuit_breakers: settings::circuit_breakers(
                policy.connection_pool,
                policy.retry_budget,
                self.cx.mesh.profile,
            ),
            outlier_detection: policy.outlier_detection.map(settings::outlier_detection),
            // Unhealthy endpoints that are always sent would get requests in panic.
            healthy_panic_threshold: policy
                .outlier_detection
                .filter(|_| !self.always_sends_unhealthy())
                .map_or(0, |o| u32::try_from(o.min_health_percent).unwrap_or_default()),
            http: settings::http_options(protocol, policy.connection_pool),
            tls: policy.tls.cloned().map(Arc::new),
            endpoints,
            destination_rule: self.rule.map(|rule| PolicySource {
                object: rule.object.clone(),
                at: subset.map_or(rule.at, |s| s.at),
                merged: rule.merged.clone(),
            }),
            subset_labels: labels.clone(),
            unmade_subsets: Vec::new(),
            service: Some(self.service.object.clone()),
        })
    }

    /// CL-5, CL-8, EP-13: sidecars connect to the address dialled where gateways need EDS.
    fn discovery(&self) -> DiscoveryType {
        match (&self.service.resolution, self.cx.proxy.kind) {
            (Resolution::Passthrough, ProxyKind::Sidecar) => DiscoveryType::OriginalDst,
            (Resolution::Static | Resolution::Passthrough | Resolution::Alias(_), _) => DiscoveryType::Eds,
            (Resolution::Dns, _) if self.service.races_connections => DiscoveryType::LogicalDns,
            (Resolution::Dns, _) => DiscoveryType::StrictDns,
            (Resolution::DnsRoundRobin, _) => DiscoveryType::LogicalDns,
            (Resolution::DynamicDns, _) if self.by_sni => DiscoveryType::Eds,
            (Resolution::DynamicDns, _) => DiscoveryType::DynamicForwardProxy,
        }
    }

    /// Whether unhealthy endpoints are sent whatever the panic threshold, which is 0 then: those near come first whether healthy or not,
    /// and there is a flag with which nothing else matters (CL-7, EP-6).
    fn always_sends_unhealthy(&self) -> bool {
        self.service.traffic_distribution != TrafficDistribution::Any || self.cx.mesh.profile.sends_unhealthy_always()
    }

    /// EP-6, EP-7.
    fn endpoints(&self, policy: &EffectivePolicy<'_>, subset: &Labels) -> Arc<[Endpoint]> {
        let panics = policy.outlier_detection.is_some_and(|o| o.min_health_percent > 0);
        // VE-1.
        let send_unhealthy =
            self.always_sends_unhealthy() || (!panics && self.cx.mesh.profile.has(Difference::UnreadyEndpoints));
        let filter = EndpointFilter { subset, send_unhealthy, keep_to_node: true };
        self.localities.note_node(self.service);
        self.cx.mesh.endpoints.of(self.service, self.port, self.cx.proxy, filter)
    }
}

#[cfg(test)]
mod tests;
