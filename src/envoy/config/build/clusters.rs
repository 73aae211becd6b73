//! Clusters with their endpoints.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};

use super::Work;
use super::routes::object;
use crate::envoy::config::gather::Parts;
use crate::envoy::config::message::{self, Choice, Typed};
use crate::envoy::table::{
    CircuitBreakers, Cluster, ClusterName, DiscoveryType, Endpoint, Health, HttpProtocolOptions, LbPolicy,
    OutlierDetection, PolicySource, RetryBudget, UpstreamProtocol,
};
use crate::manifest::kinds::{Labels, Nanos};
use crate::manifest::source::Position;

/// Envoy's own limit where a cluster sets none.
const CIRCUIT_DEFAULT: u32 = 1024;

/// All clusters but the inbound ones, and, of a proxy of Istio's, but those of its bootstrap (CF-3); sorted by name.
pub(super) fn clusters(parts: Parts, work: &mut Work) -> Vec<Arc<Cluster>> {
    let mut endpoints: FxHashMap<SmolStr, Vec<Endpoint>> = FxHashMap::default();
    for assignment in parts.endpoints {
        let all = endpoints.entry(assignment.cluster_name.clone()).or_default();
        all.extend(self::endpoints(assignment));
    }
    let mut statuses: FxHashMap<SmolStr, Vec<Endpoint>> = FxHashMap::default();
    for status in parts.statuses {
        statuses.insert(status.name.clone(), status.host_statuses.into_iter().filter_map(of_status).collect());
    }
    let of_istio = work.of_istio;
    let statics = parts.static_clusters.into_iter().filter(|_| !of_istio);
    let mut out: Vec<Arc<Cluster>> = Vec::new();
    for cluster in parts.clusters.into_iter().chain(statics).filter(|c| !is_inbound(&c.name)) {
        let name = cluster.name.clone();
        let mut made = self::cluster(*cluster, &mut endpoints, work);
        if let Some(known) = statuses.remove(&name).filter(|_| made.endpoints.is_empty()) {
            made.endpoints = known.into();
        }
        out.push(Arc::new(made));
    }
    // Where nothing but their endpoints is told of, there are clusters all the same.
    if !parts.has_clusters {
        let mut rest: Vec<(SmolStr, Vec<Endpoint>)> = statuses.into_iter().chain(endpoints).collect();
        rest.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, known) in rest.into_iter().filter(|(name, _)| !is_inbound(name)) {
            let bare = message::Cluster { name, discovery: Choice("EDS".into()), ..message::Cluster::default() };
            let mut made = self::cluster(bare, &mut FxHashMap::default(), work);
            made.endpoints = known.into();
            out.push(Arc::new(made));
        }
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out.dedup_by(|later, first| later.name == first.name);
    out
}

fn is_inbound(name: &str) -> bool {
    name.starts_with("inbound|") || name.starts_with("InboundPassthroughCluster") || name == "inbound-passthrough"
}

fn cluster(c: message::Cluster, endpoints: &mut FxHashMap<SmolStr, Vec<Endpoint>>, work: &mut Work) -> Cluster {
    let mut say = |message: String| work.say("CF-5", "", "", format!("cluster `{}`: {message}", c.name));
    let discovery = match &c.cluster_type {
        Some(kind) if matches!(kind.config, Typed::DynamicForwardProxy) => DiscoveryType::DynamicForwardProxy,
        Some(kind) => {
            say(format!("the type `{}` is not evaluated", kind.words()));
            DiscoveryType::OriginalDst
        }
        None if c.discovery.is("EDS", "3") => DiscoveryType::Eds,
        None if c.discovery.is("STRICT_DNS", "1") => DiscoveryType::StrictDns,
        None if c.discovery.is("LOGICAL_DNS", "2") => DiscoveryType::LogicalDns,
        None if c.discovery.is("ORIGINAL_DST", "4") => DiscoveryType::OriginalDst,
        None => DiscoveryType::Static,
    };
    if c.load_balancing_policy.is_some() {
        say("`load_balancing_policy` is not evaluated".to_owned());
    }
    let lb = &c.lb_policy;
    let lb = if lb.is("LEAST_REQUEST", "1") {
        LbPolicy::LeastRequest
    } else if lb.is("RANDOM", "3") {
        LbPolicy::Random
    } else if lb.is("RING_HASH", "2") {
        LbPolicy::RingHash {
            minimum_ring_size: c.ring_hash_lb_config.and_then(|r| r.minimum_ring_size).map(|n| n.u64()),
        }
    } else if lb.is("MAGLEV", "5") {
        LbPolicy::Maglev { table_size: c.maglev_lb_config.and_then(|m| m.table_size).map(|n| n.u64()) }
    } else if lb.is("CLUSTER_PROVIDED", "6") {
        LbPolicy::ClusterProvided
    } else {
        LbPolicy::RoundRobin
    };
    let service = c.eds_cluster_config.map(|e| e.service_name).filter(|name| !name.is_empty());
    let own = c.load_assignment.map(self::endpoints).unwrap_or_default();
    let discovered = endpoints.remove(&service.unwrap_or_else(|| c.name.clone())).unwrap_or_default();
    let panic = c.common_lb_config.and_then(|lb| lb.healthy_panic_threshold).map(|p| p.value.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage")]
    // Istio says so wherever there is a choice of endpoints; Envoy's own threshold is 50.
    let healthy_panic_threshold = panic.map_or(if work.of_istio { 0 } else { 50 }, |p| p.clamp(0.0, 100.0) as u32);
    let destination_rule =
        object(&c.metadata.config).map(|object| PolicySource { object, at: Position::default(), merged: Vec::new() });
    Cluster {
        name: ClusterName::named(&c.name),
        discovery,
        lb,
        connect_timeout: c.connect_timeout.map_or(Nanos::seconds(5), |t| t.0),
        circuit_breakers: circuit_breakers(c.circuit_breakers, work.of_istio),
        outlier_detection: c.outlier_detection.map(outlier_detection),
        healthy_panic_threshold,
        http: http(c.typed_extension_protocol_options.http, c.http2_protocol_options),
        tls: None,
        endpoints: if own.is_empty() { discovered } else { own }.into(),
        destination_rule,
        subset_labels: Labels::default(),
        unmade_subsets: Vec::new(),
        service: None,
    }
}

fn circuit_breakers(c: Option<message::CircuitBreakers>, of_istio: bool) -> CircuitBreakers {
    let mut thresholds = c.map(|c| c.thresholds).unwrap_or_default().into_iter();
    let limit = |n: Option<message::Whole>, default: u32| match n.map(message::Whole::u32) {
        Some(u32::MAX) => None,
        None if of_istio => None,
        other => Some(other.unwrap_or(default)),
    };
    let t = thresholds.find(|t| !t.priority.is("HIGH", "1")).unwrap_or_default();
    CircuitBreakers {
        max_connections: limit(t.max_connections, CIRCUIT_DEFAULT),
        max_pending_requests: limit(t.max_pending_requests, CIRCUIT_DEFAULT),
        max_requests: limit(t.max_requests, CIRCUIT_DEFAULT),
        max_retries: limit(t.max_retries, 3),
        retry_budget: t.retry_budget.map(|b| RetryBudget {
            percent: b.budget_percent.map_or(20.0, |p| p.value.0),
            min_retry_concurrency: b.min_retry_concurrency.map_or(3, |n| n.u32()),
            interval: b.budget_interval.map(|t| t.0),
        }),
    }
}

fn outlier_detection(d: message::OutlierDetection) -> OutlierDetection {
    let number = |n: Option<message::Whole>| n.map(message::Whole::u32);
    OutlierDetection {
        consecutive_5xx: number(d.consecutive_5xx),
        consecutive_gateway_failure: number(d.consecutive_gateway_failure),
        split_external_local_origin_errors: d.split_external_local_origin_errors,
        consecutive_local_origin_failure: number(d.consecutive_local_origin_failure),
        interval: d.interval.map(|t| t.0),
        base_ejection_time: d.base_ejection_time.map(|t| t.0),
        max_ejection_percent: number(d.max_ejection_percent),
    }
}

fn http(options: Option<message::Filter>, old: Option<message::Http2>) -> HttpProtocolOptions {
    let Some(Typed::HttpProtocolOptions(options)) = options.map(|o| o.config) else {
        let protocol = if old.is_some() { UpstreamProtocol::Http2 } else { UpstreamProtocol::Http1 };
        let max_concurrent_streams = old.and_then(|h| h.max_concurrent_streams).map(|n| n.u32());
        return HttpProtocolOptions { protocol, max_concurrent_streams, ..HttpProtocolOptions::default() };
    };
    let common = options.common_http_protocol_options.unwrap_or_default();
    let (protocol, http2) = match (options.use_downstream_protocol_config, options.explicit_http_config) {
        (Some(both), _) => (UpstreamProtocol::UseDownstream, both.http2_protocol_options),
        (None, Some(message::ExplicitHttp { http2_protocol_options: Some(http2), .. })) => {
            (UpstreamProtocol::Http2, Some(http2))
        }
        (None, _) => (UpstreamProtocol::Http1, None),
    };
    HttpProtocolOptions {
        protocol,
        max_requests_per_connection: common.max_requests_per_connection.map(|n| n.u32()),
        idle_timeout: common.idle_timeout.map(|t| t.0),
        max_connection_duration: common.max_connection_duration.map(|t| t.0),
        max_concurrent_streams: http2.and_then(|h| h.max_concurrent_streams).map(|n| n.u32()),
    }
}

fn endpoints(assignment: message::LoadAssignment) -> Vec<Endpoint> {
    let of_group = |group: message::LocalityEndpoints| {
        let (locality, priority) = (locality(&group.locality), group.priority.u32());
        group.lb_endpoints.into_iter().filter_map(move |e| {
            let endpoint = e.endpoint?;
            let ((address, port), hostname) = (address(&endpoint.address)?, endpoint.hostname);
            let health = if e.health_status.is("UNHEALTHY", "2") || e.health_status.is("TIMEOUT", "4") {
                Health::Unhealthy
            } else if e.health_status.is("DRAINING", "3") {
                Health::Draining
            } else {
                Health::Healthy
            };
            Some(Endpoint {
                address,
                port,
                pod: e.metadata.pod.split_once('/').map(|(namespace, name)| (namespace.into(), name.into())),
                health,
                weight: e.load_balancing_weight.map_or(1, |w| w.u32().max(1)),
                labels: Labels::default(),
                locality: locality.clone(),
                priority,
                hostname,
                mutual_tls: e.metadata.mutual_tls,
                assumed: false,
            })
        })
    };
    assignment.endpoints.into_iter().flat_map(of_group).collect()
}

fn of_status(host: message::HostStatus) -> Option<Endpoint> {
    let (address, port) = address(&host.address)?;
    let status = &host.health_status;
    let is_bad = status.failed_active_health_check
        || status.failed_outlier_check
        || status.eds_health_status.is("UNHEALTHY", "2")
        || status.eds_health_status.is("TIMEOUT", "4");
    Some(Endpoint {
        address,
        port,
        pod: None,
        health: if status.eds_health_status.is("DRAINING", "3") {
            Health::Draining
        } else if is_bad {
            Health::Unhealthy
        } else {
            Health::Healthy
        },
        weight: host.weight.map_or(1, |w| w.u32().max(1)),
        labels: Labels::default(),
        locality: locality(&host.locality),
        priority: host.priority.u32(),
        hostname: host.hostname,
        mutual_tls: false,
        assumed: false,
    })
}

fn locality(l: &message::Locality) -> SmolStr {
    let whole = format_smolstr!("{}/{}/{}", l.region, l.zone, l.sub_zone);
    whole.trim_end_matches('/').into()
}

fn address(a: &message::Address) -> Option<(SmolStr, u16)> {
    if let Some(socket) = &a.socket_address {
        return Some((socket.address.clone(), u16::try_from(socket.port_value.u32()).ok()?));
    }
    if let Some(pipe) = &a.pipe {
        return Some((pipe.path.clone(), 0));
    }
    Some((a.envoy_internal_address.as_ref()?.server_listener_name.clone(), 0))
}
