//! DestinationRule, field by field as in `networking/v1/destination_rule.proto`.

use std::sync::Arc;

use smol_str::SmolStr;

use super::{Labels, Nanos};
use crate::manifest::source::Position;

/// How requests are treated once their host is chosen: subsets and policies.
#[derive(Debug, Clone, Default)]
pub(crate) struct DestinationRule {
    pub host: SmolStr,
    /// Shared: whatever is made of the rule has it too.
    pub traffic_policy: Option<Arc<TrafficPolicy>>,
    pub subsets: Vec<Subset>,
    pub export_to: Vec<SmolStr>,
    /// `workloadSelector.matchLabels`.
    pub workload_selector: Option<Labels>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Subset {
    pub name: SmolStr,
    pub labels: Labels,
    pub traffic_policy: Option<Arc<TrafficPolicy>>,
    pub at: Position,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TrafficPolicy {
    pub load_balancer: Option<LoadBalancer>,
    pub connection_pool: Option<ConnectionPool>,
    pub outlier_detection: Option<OutlierDetection>,
    pub tls: Option<ClientTls>,
    pub port_level_settings: Vec<PortTrafficPolicy>,
    pub tunnel: Option<Tunnel>,
    /// `proxyProtocol.version` as written (`V1`, `V2`).
    pub proxy_protocol: Option<SmolStr>,
    pub retry_budget: Option<RetryBudget>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PortTrafficPolicy {
    /// `port.number`; None: no `port`, or `port: {}`.
    pub port: Option<i64>,
    pub load_balancer: Option<LoadBalancer>,
    pub connection_pool: Option<ConnectionPool>,
    pub outlier_detection: Option<OutlierDetection>,
    pub tls: Option<ClientTls>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LoadBalancer {
    pub policy: LbPolicy,
    pub locality_lb_setting: Option<LocalityLb>,
    pub zone_aware_lb_setting: Option<ZoneAwareLb>,
    pub warmup: Option<Warmup>,
    /// Deprecated `warmupDurationSecs`.
    pub warmup_duration: Option<Nanos>,
}

/// `simple` or `consistentHash`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum LbPolicy {
    #[default]
    Unset,
    Simple(SimpleLb),
    ConsistentHash(ConsistentHash),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum SimpleLb {
    #[default]
    Unspecified,
    /// Deprecated name of LEAST_REQUEST.
    LeastConn,
    Random,
    Passthrough,
    RoundRobin,
    LeastRequest,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ConsistentHash {
    pub key: Option<HashKey>,
    pub algorithm: HashAlgorithm,
    /// Deprecated `minimumRingSize`; None when not given.
    pub minimum_ring_size: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum HashKey {
    HttpHeaderName(SmolStr),
    HttpCookie(HttpCookie),
    UseSourceIp(bool),
    HttpQueryParameterName(SmolStr),
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HttpCookie {
    pub name: SmolStr,
    pub path: SmolStr,
    pub ttl: Option<Nanos>,
    pub attributes: Vec<(SmolStr, SmolStr)>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum HashAlgorithm {
    #[default]
    Unset,
    RingHash {
        minimum_ring_size: Option<u64>,
    },
    Maglev {
        table_size: Option<u64>,
    },
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LocalityLb {
    pub distribute: Vec<LocalityDistribute>,
    pub failover: Vec<LocalityFailover>,
    pub failover_priority: Vec<SmolStr>,
    pub enabled: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LocalityDistribute {
    pub from: SmolStr,
    pub to: Vec<(SmolStr, u32)>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LocalityFailover {
    pub from: SmolStr,
    pub to: SmolStr,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ZoneAwareLb {
    pub enabled: Option<bool>,
    pub failover: Vec<LocalityFailover>,
    pub failover_priority: Vec<SmolStr>,
    /// Endpoints from which on zones are weighed; at least 1.
    pub min_cluster_size: Option<u32>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Warmup {
    pub duration: Option<Nanos>,
    pub minimum_percent: Option<f64>,
    pub aggression: Option<f64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ConnectionPool {
    pub tcp: Option<TcpPool>,
    pub http: Option<HttpPool>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TcpPool {
    pub max_connections: i64,
    pub connect_timeout: Option<Nanos>,
    pub tcp_keepalive: Option<TcpKeepalive>,
    pub max_connection_duration: Option<Nanos>,
    pub idle_timeout: Option<Nanos>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct TcpKeepalive {
    pub probes: u32,
    pub time: Option<Nanos>,
    pub interval: Option<Nanos>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HttpPool {
    pub http1_max_pending_requests: i64,
    pub http2_max_requests: i64,
    pub max_requests_per_connection: i64,
    pub max_retries: i64,
    pub idle_timeout: Option<Nanos>,
    pub h2_upgrade_policy: H2UpgradePolicy,
    pub use_client_protocol: bool,
    pub max_concurrent_streams: i64,
    pub http2_keep_alive: Option<Http2KeepAlive>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Http2KeepAlive {
    pub interval: Option<Nanos>,
    pub timeout: Option<Nanos>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum H2UpgradePolicy {
    #[default]
    Default,
    DoNotUpgrade,
    Upgrade,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct OutlierDetection {
    /// Deprecated and ignored (CL-7, DR9).
    pub consecutive_errors: i64,
    pub consecutive_5xx_errors: Option<u32>,
    pub consecutive_gateway_errors: Option<u32>,
    pub consecutive_local_origin_failures: Option<u32>,
    pub split_external_local_origin_errors: bool,
    pub interval: Option<Nanos>,
    pub base_ejection_time: Option<Nanos>,
    pub max_ejection_percent: i64,
    pub min_health_percent: i64,
    /// Status codes (100 to 599) that count as errors, where the endpoints' answers are to be judged by other than 5xx.
    pub http_error_codes: Vec<u16>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ClientTls {
    pub mode: ClientTlsMode,
    pub client_certificate: SmolStr,
    pub private_key: SmolStr,
    pub ca_certificates: SmolStr,
    pub credential_name: SmolStr,
    pub subject_alt_names: Vec<SmolStr>,
    pub sni: SmolStr,
    pub insecure_skip_verify: Option<bool>,
    pub ca_crl: SmolStr,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ClientTlsMode {
    #[default]
    Disable,
    Simple,
    Mutual,
    IstioMutual,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tunnel {
    pub protocol: SmolStr,
    pub target_host: SmolStr,
    pub target_port: i64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct RetryBudget {
    pub percent: Option<f64>,
    pub min_retry_concurrency: u32,
    pub budget_interval: Option<Nanos>,
}
