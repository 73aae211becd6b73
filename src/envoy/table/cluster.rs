//! Clusters, their policies and endpoints.

use std::fmt;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::manifest::kinds::{ClientTls, Labels, Nanos, ObjectId};
use crate::manifest::source::Position;

/// The name of a cluster, in parts (CN-1 to CN-4). Ordered by its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "dumps"), expect(dead_code, reason = "some are in no table that Istio makes"))]
pub(crate) enum ClusterName {
    Outbound {
        port: u16,
        /// Empty: no subset.
        subset: SmolStr,
        host: SmolStr,
    },
    /// The same cluster under its SNI form, as gateways with AUTO_PASSTHROUGH servers have it (CN-3, GW-16).
    SniDnat {
        port: u16,
        /// Empty: no subset.
        subset: SmolStr,
        host: SmolStr,
    },
    BlackHole,
    Passthrough,
    AllowAnyDynamicDns,
    /// `UnknownService` (DP-5).
    UnknownService,
    /// A name that Istio gives no cluster of a route: those of other control planes.
    Other(SmolStr),
    /// The one that a request's header names (envoy-matching A52); the header's name, lower case.
    FromHeader(SmolStr),
    /// Whichever an extension picks that isn't evaluated (CF-5); what it is called.
    NotEvaluated(SmolStr),
}

impl ClusterName {
    pub(crate) fn outbound(port: u16, subset: &str, host: &str) -> ClusterName {
        ClusterName::Outbound { port, subset: subset.into(), host: host.into() }
    }

    /// The name that `text` is, as Envoy shows and logs it; None for clusters that no route table of ours has.
    pub(crate) fn parse(text: &str) -> Option<ClusterName> {
        let fixed = [
            ClusterName::BlackHole,
            ClusterName::Passthrough,
            ClusterName::AllowAnyDynamicDns,
            ClusterName::UnknownService,
        ];
        if let Some(name) = fixed.into_iter().find(|name| name.to_string() == text) {
            return Some(name);
        }
        let (sni, rest) = match text.strip_prefix("outbound|") {
            Some(rest) => (false, rest),
            None => (true, text.strip_prefix("outbound_.")?),
        };
        let mut parts = rest.splitn(3, if sni { "_." } else { "|" });
        let (port, subset, host) = (parts.next()?.parse().ok()?, parts.next()?.into(), parts.next()?.into());
        Some(if sni {
            ClusterName::SniDnat { port, subset, host }
        } else {
            ClusterName::Outbound { port, subset, host }
        })
    }

    /// The name that `text` is, whoever gave it.
    pub(crate) fn named(text: &str) -> ClusterName {
        ClusterName::parse(text).unwrap_or_else(|| ClusterName::Other(text.into()))
    }

    /// Host, subset and port of an outbound cluster, in either form.
    pub(crate) fn parts(&self) -> Option<(&str, &str, u16)> {
        match self {
            ClusterName::Outbound { port, subset, host } | ClusterName::SniDnat { port, subset, host } => {
                Some((host, subset, *port))
            }
            _ => None,
        }
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClusterName::Outbound { port, subset, host } => write!(f, "outbound|{port}|{subset}|{host}"),
            ClusterName::SniDnat { port, subset, host } => write!(f, "outbound_.{port}_.{subset}_.{host}"),
            ClusterName::BlackHole => f.write_str("BlackHoleCluster"),
            ClusterName::Passthrough => f.write_str("PassthroughCluster"),
            ClusterName::AllowAnyDynamicDns => f.write_str("AllowAnyDynamicDNSCluster"),
            ClusterName::UnknownService => f.write_str("UnknownService"),
            ClusterName::Other(name) => f.write_str(name),
            ClusterName::FromHeader(name) => write!(f, "(named by the header {name})"),
            ClusterName::NotEvaluated(what) => write!(f, "(picked by {what})"),
        }
    }
}

impl Ord for ClusterName {
    /// Outbound clusters by port, host and subset, then those in SNI form, then the fixed ones, then all others: a total order that needs no text.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        fn key(c: &ClusterName) -> (u8, u16, &str, &str) {
            match c {
                ClusterName::Outbound { port, subset, host } => (0, *port, host, subset),
                ClusterName::SniDnat { port, subset, host } => (1, *port, host, subset),
                ClusterName::BlackHole => (2, 0, "", ""),
                ClusterName::Passthrough => (3, 0, "", ""),
                ClusterName::AllowAnyDynamicDns => (4, 0, "", ""),
                ClusterName::UnknownService => (5, 0, "", ""),
                ClusterName::Other(name) => (6, 0, name, ""),
                ClusterName::FromHeader(name) => (7, 0, name, ""),
                ClusterName::NotEvaluated(what) => (8, 0, what, ""),
            }
        }
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for ClusterName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// An Envoy Cluster with its endpoints.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cluster {
    pub name: ClusterName,
    pub discovery: DiscoveryType,
    pub lb: LbPolicy,
    pub connect_timeout: Nanos,
    pub circuit_breakers: CircuitBreakers,
    pub outlier_detection: Option<OutlierDetection>,
    /// Percent; Envoy's panic threshold, 0 where Istio says nothing (CL-7).
    pub healthy_panic_threshold: u32,
    pub http: HttpProtocolOptions,
    /// DestinationRule `tls`; None: none is set, and the mesh's own mutual TLS holds.
    pub tls: Option<Arc<ClientTls>>,
    /// Shared between clusters with the same endpoints.
    pub endpoints: Arc<[Endpoint]>,
    /// The DestinationRule that shaped it, and the subset's own entry.
    pub destination_rule: Option<PolicySource>,
    /// Labels of the subset; empty for the default cluster.
    pub subset_labels: Labels,
    /// Of a port's default cluster: the subsets that are defined and have no cluster, since names that DNS resolves get none where no
    /// endpoint has the labels (CL-8). Nothing that Envoy has; it tells why a cluster is missing.
    pub unmade_subsets: Vec<SmolStr>,
    /// The service (Service or ServiceEntry) that it belongs to; None for the fixed clusters.
    pub service: Option<ObjectId>,
}

/// Where the policies of a cluster were written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PolicySource {
    pub object: ObjectId,
    pub at: Position,
    /// The further DestinationRules merged into it (DS-5).
    pub merged: Vec<ObjectId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum DiscoveryType {
    Eds,
    StrictDns,
    LogicalDns,
    OriginalDst,
    Static,
    /// A dynamic forward proxy cluster (SE-4 DYNAMIC_DNS).
    DynamicForwardProxy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LbPolicy {
    RoundRobin,
    LeastRequest,
    Random,
    /// None: Envoy's own minimum, 1024.
    RingHash {
        minimum_ring_size: Option<u64>,
    },
    /// None: Envoy's own table size, 65537.
    Maglev {
        table_size: Option<u64>,
    },
    ClusterProvided,
}

/// Thresholds of the default priority; None: 4294967295.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct CircuitBreakers {
    pub max_connections: Option<u32>,
    pub max_pending_requests: Option<u32>,
    pub max_requests: Option<u32>,
    pub max_retries: Option<u32>,
    pub retry_budget: Option<RetryBudget>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct RetryBudget {
    /// Share of the requests under way, in percent.
    pub percent: f64,
    pub min_retry_concurrency: u32,
    /// How long a request counts; None: only while it is under way.
    pub interval: Option<Nanos>,
}

/// CL-7; None: Envoy's own default.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct OutlierDetection {
    pub consecutive_5xx: Option<u32>,
    pub consecutive_gateway_failure: Option<u32>,
    pub split_external_local_origin_errors: bool,
    pub consecutive_local_origin_failure: Option<u32>,
    pub interval: Option<Nanos>,
    pub base_ejection_time: Option<Nanos>,
    pub max_ejection_percent: Option<u32>,
}

/// Which HTTP version goes upstream, and limits (CL-6).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct HttpProtocolOptions {
    pub protocol: UpstreamProtocol,
    pub max_requests_per_connection: Option<u32>,
    pub idle_timeout: Option<Nanos>,
    pub max_connection_duration: Option<Nanos>,
    pub max_concurrent_streams: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum UpstreamProtocol {
    #[default]
    Http1,
    Http2,
    UseDownstream,
}

/// One address that requests can go to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Endpoint {
    /// An IP address, or a host name in DNS clusters, or a path in those of unix sockets.
    pub address: SmolStr,
    pub port: u16,
    /// (namespace, name) of the pod behind it, where known.
    pub pod: Option<(SmolStr, SmolStr)>,
    pub health: Health,
    /// 1 or more.
    pub weight: u32,
    pub labels: Labels,
    /// `region/zone/subzone`; empty when unknown.
    pub locality: SmolStr,
    /// Envoy priority, 0 first.
    pub priority: u32,
    /// The name that `auto_host_rewrite` takes as authority (envoy-matching 6.7); empty: it has none, as all of Istio's.
    pub hostname: SmolStr,
    /// Speaks the mesh's own TLS, which is all that connections by SNI are led to (GW-16).
    pub mutual_tls: bool,
    /// Nothing that was given tells of it: it stands for whatever runs there, and reports don't name it.
    pub assumed: bool,
}

impl fmt::Display for Endpoint {
    /// `NAMESPACE/POD:PORT`, or `ADDRESS:PORT` where no pod is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pod {
            Some((namespace, name)) => write!(f, "{namespace}/{name}:{}", self.port),
            None => write!(f, "{}:{}", self.address, self.port),
        }
    }
}

/// EP-4, EP-6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Health {
    Healthy,
    Unhealthy,
    Draining,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in [
            ClusterName::outbound(9080, "v2", "reviews.default.svc.cluster.local"),
            ClusterName::outbound(80, "", "a.example"),
            ClusterName::SniDnat { port: 443, subset: "".into(), host: "a.example".into() },
            ClusterName::Passthrough,
            ClusterName::BlackHole,
        ] {
            assert_eq!(ClusterName::parse(&name.to_string()), Some(name));
        }
        for text in ["", "inbound|80||", "outbound|x||a", "outbound|80", "prometheus_stats"] {
            assert_eq!(ClusterName::parse(text), None, "{text}");
        }
    }
}
