//! DestinationRule, and the policy blocks that Sidecar and MeshConfig share with it.

use std::sync::Arc;

use super::{Decoder, bounded, duration, fields, flag, given, int, labels, list, number, text, texts};
use crate::manifest::kinds::*;
use crate::manifest::yaml::Node;

/// Reads the `spec` of a DestinationRule.
pub(crate) fn destination_rule(spec: &Node<'_>, decoder: Decoder<'_>) -> DestinationRule {
    let mut result = DestinationRule::default();
    for (key, value) in fields(spec) {
        match key {
            "host" => result.host = text(value),
            "trafficPolicy" => result.traffic_policy = Some(Arc::new(traffic_policy(value))),
            "subsets" => result.subsets = list(value, |node| subset(node, decoder)),
            "exportTo" => result.export_to = texts(value),
            "workloadSelector" => {
                result.workload_selector = Some(given(value, "matchLabels").map(labels).unwrap_or_default());
            }
            _ => {}
        }
    }
    result
}

fn subset(node: &Node<'_>, decoder: Decoder<'_>) -> Subset {
    let mut result = Subset { at: decoder.at(node), ..Subset::default() };
    for (key, value) in fields(node) {
        match key {
            "name" => result.name = text(value),
            "labels" => result.labels = labels(value),
            "trafficPolicy" => result.traffic_policy = Some(Arc::new(traffic_policy(value))),
            _ => {}
        }
    }
    result
}

fn traffic_policy(node: &Node<'_>) -> TrafficPolicy {
    let mut result = TrafficPolicy::default();
    for (key, value) in fields(node) {
        match key {
            "loadBalancer" => result.load_balancer = Some(load_balancer(value)),
            "connectionPool" => result.connection_pool = Some(connection_pool(value)),
            "outlierDetection" => result.outlier_detection = Some(outlier_detection(value)),
            "tls" => result.tls = Some(client_tls(value)),
            "portLevelSettings" => result.port_level_settings = list(value, port_policy),
            "tunnel" => result.tunnel = Some(tunnel(value)),
            // Without a version the protocol's first one is meant: the enum's zero value.
            "proxyProtocol" => {
                result.proxy_protocol = Some(given(value, "version").map_or_else(|| "V1".into(), text));
            }
            "retryBudget" => result.retry_budget = Some(retry_budget(value)),
            _ => {}
        }
    }
    result
}

fn port_policy(node: &Node<'_>) -> PortTrafficPolicy {
    let mut result = PortTrafficPolicy::default();
    for (key, value) in fields(node) {
        match key {
            "port" => result.port = Some(given(value, "number").map(int).unwrap_or(0)),
            "loadBalancer" => result.load_balancer = Some(load_balancer(value)),
            "connectionPool" => result.connection_pool = Some(connection_pool(value)),
            "outlierDetection" => result.outlier_detection = Some(outlier_detection(value)),
            "tls" => result.tls = Some(client_tls(value)),
            _ => {}
        }
    }
    result
}

fn tunnel(node: &Node<'_>) -> Tunnel {
    let mut result = Tunnel::default();
    for (key, value) in fields(node) {
        match key {
            "protocol" => result.protocol = text(value),
            "targetHost" => result.target_host = text(value),
            "targetPort" => result.target_port = int(value),
            _ => {}
        }
    }
    result
}

fn retry_budget(node: &Node<'_>) -> RetryBudget {
    let mut result = RetryBudget::default();
    for (key, value) in fields(node) {
        match key {
            "percent" => result.percent = Some(number(value)),
            "budgetInterval" => result.budget_interval = duration(value),
            "minRetryConcurrency" => result.min_retry_concurrency = bounded(value),
            _ => {}
        }
    }
    result
}

fn load_balancer(node: &Node<'_>) -> LoadBalancer {
    let mut result = LoadBalancer::default();
    for (key, value) in fields(node) {
        match key {
            "simple" => result.policy = LbPolicy::Simple(simple_lb(value)),
            "consistentHash" => result.policy = LbPolicy::ConsistentHash(consistent_hash(value)),
            "localityLbSetting" => result.locality_lb_setting = Some(locality_lb(value)),
            "zoneAwareLbSetting" => result.zone_aware_lb_setting = Some(zone_aware_lb(value)),
            "warmup" => result.warmup = Some(warmup(value)),
            "warmupDurationSecs" => result.warmup_duration = duration(value),
            _ => {}
        }
    }
    result
}

fn simple_lb(node: &Node<'_>) -> SimpleLb {
    match node.as_str() {
        Some("LEAST_CONN") => SimpleLb::LeastConn,
        Some("RANDOM") => SimpleLb::Random,
        Some("PASSTHROUGH") => SimpleLb::Passthrough,
        Some("ROUND_ROBIN") => SimpleLb::RoundRobin,
        Some("LEAST_REQUEST") => SimpleLb::LeastRequest,
        _ => SimpleLb::Unspecified,
    }
}

fn size(node: &Node<'_>) -> Option<u64> {
    u64::try_from(node.as_i64()?).ok()
}

fn consistent_hash(node: &Node<'_>) -> ConsistentHash {
    let mut result = ConsistentHash::default();
    for (key, value) in fields(node) {
        match key {
            "httpHeaderName" => result.key = Some(HashKey::HttpHeaderName(text(value))),
            "httpCookie" => result.key = Some(HashKey::HttpCookie(http_cookie(value))),
            "useSourceIp" => result.key = Some(HashKey::UseSourceIp(flag(value))),
            "httpQueryParameterName" => result.key = Some(HashKey::HttpQueryParameterName(text(value))),
            "ringHash" => {
                let minimum_ring_size = given(value, "minimumRingSize").and_then(size);
                result.algorithm = HashAlgorithm::RingHash { minimum_ring_size };
            }
            "maglev" => {
                result.algorithm = HashAlgorithm::Maglev { table_size: given(value, "tableSize").and_then(size) };
            }
            "minimumRingSize" => result.minimum_ring_size = size(value),
            _ => {}
        }
    }
    result
}

fn http_cookie(node: &Node<'_>) -> HttpCookie {
    let attribute = |node: &Node<'_>| {
        let part = |name| given(node, name).map(text).unwrap_or_default();
        (part("name"), part("value"))
    };
    let mut result = HttpCookie::default();
    for (key, value) in fields(node) {
        match key {
            "name" => result.name = text(value),
            "path" => result.path = text(value),
            "ttl" => result.ttl = duration(value),
            "attributes" => result.attributes = list(value, attribute),
            _ => {}
        }
    }
    result
}

/// `localityLbSetting`, also of the mesh.
pub(super) fn locality_lb(node: &Node<'_>) -> LocalityLb {
    let mut result = LocalityLb::default();
    for (key, value) in fields(node) {
        match key {
            "distribute" => result.distribute = list(value, distribute),
            "failover" => result.failover = list(value, failover),
            "failoverPriority" => result.failover_priority = texts(value),
            "enabled" => result.enabled = value.as_bool(),
            _ => {}
        }
    }
    result
}

fn distribute(node: &Node<'_>) -> LocalityDistribute {
    let mut result = LocalityDistribute::default();
    for (key, value) in fields(node) {
        match key {
            "from" => result.from = text(value),
            "to" => result.to = fields(value).map(|(to, weight)| (to.into(), bounded(weight))).collect(),
            _ => {}
        }
    }
    result
}

fn failover(node: &Node<'_>) -> LocalityFailover {
    let part = |name| given(node, name).map(text).unwrap_or_default();
    LocalityFailover { from: part("from"), to: part("to") }
}

fn zone_aware_lb(node: &Node<'_>) -> ZoneAwareLb {
    let mut result = ZoneAwareLb::default();
    for (key, value) in fields(node) {
        match key {
            "enabled" => result.enabled = value.as_bool(),
            "failover" => result.failover = list(value, failover),
            "failoverPriority" => result.failover_priority = texts(value),
            "minClusterSize" => result.min_cluster_size = Some(bounded(value)),
            _ => {}
        }
    }
    result
}

fn warmup(node: &Node<'_>) -> Warmup {
    let mut result = Warmup::default();
    for (key, value) in fields(node) {
        match key {
            "duration" => result.duration = duration(value),
            "minimumPercent" => result.minimum_percent = value.as_f64(),
            "aggression" => result.aggression = value.as_f64(),
            _ => {}
        }
    }
    result
}

/// `connectionPool`, also of Sidecars and of the mesh.
pub(super) fn connection_pool(node: &Node<'_>) -> ConnectionPool {
    ConnectionPool { tcp: given(node, "tcp").map(tcp_pool), http: given(node, "http").map(http_pool) }
}

fn tcp_pool(node: &Node<'_>) -> TcpPool {
    let mut result = TcpPool::default();
    for (key, value) in fields(node) {
        match key {
            "maxConnections" => result.max_connections = int(value),
            "connectTimeout" => result.connect_timeout = duration(value),
            "tcpKeepalive" => result.tcp_keepalive = Some(tcp_keepalive(value)),
            "maxConnectionDuration" => result.max_connection_duration = duration(value),
            "idleTimeout" => result.idle_timeout = duration(value),
            _ => {}
        }
    }
    result
}

/// `tcpKeepalive`, also of the mesh.
pub(super) fn tcp_keepalive(node: &Node<'_>) -> TcpKeepalive {
    let mut result = TcpKeepalive::default();
    for (key, value) in fields(node) {
        match key {
            "probes" => result.probes = bounded(value),
            "time" => result.time = duration(value),
            "interval" => result.interval = duration(value),
            _ => {}
        }
    }
    result
}

fn http_pool(node: &Node<'_>) -> HttpPool {
    let mut result = HttpPool::default();
    for (key, value) in fields(node) {
        match key {
            "http1MaxPendingRequests" => result.http1_max_pending_requests = int(value),
            "http2MaxRequests" => result.http2_max_requests = int(value),
            "maxRequestsPerConnection" => result.max_requests_per_connection = int(value),
            "maxRetries" => result.max_retries = int(value),
            "idleTimeout" => result.idle_timeout = duration(value),
            "h2UpgradePolicy" => {
                result.h2_upgrade_policy = match value.as_str() {
                    Some("UPGRADE") => H2UpgradePolicy::Upgrade,
                    Some("DO_NOT_UPGRADE") => H2UpgradePolicy::DoNotUpgrade,
                    _ => H2UpgradePolicy::Default,
                }
            }
            "useClientProtocol" => result.use_client_protocol = flag(value),
            "maxConcurrentStreams" => result.max_concurrent_streams = int(value),
            "http2KeepAlive" => {
                let part = |name| given(value, name).and_then(duration);
                result.http2_keep_alive = Some(Http2KeepAlive { interval: part("interval"), timeout: part("timeout") });
            }
            _ => {}
        }
    }
    result
}

/// `outlierDetection`, also of the mesh.
pub(super) fn outlier_detection(node: &Node<'_>) -> OutlierDetection {
    let mut result = OutlierDetection::default();
    for (key, value) in fields(node) {
        match key {
            "consecutiveErrors" => result.consecutive_errors = int(value),
            "consecutive5xxErrors" => result.consecutive_5xx_errors = Some(bounded(value)),
            "consecutiveGatewayErrors" => result.consecutive_gateway_errors = Some(bounded(value)),
            "consecutiveLocalOriginFailures" => result.consecutive_local_origin_failures = Some(bounded(value)),
            "splitExternalLocalOriginErrors" => result.split_external_local_origin_errors = flag(value),
            "interval" => result.interval = duration(value),
            "baseEjectionTime" => result.base_ejection_time = duration(value),
            "maxEjectionPercent" => result.max_ejection_percent = int(value),
            "minHealthPercent" => result.min_health_percent = int(value),
            "outlierDetectionHttpErrorCodes" => result.http_error_codes = list(value, bounded),
            _ => {}
        }
    }
    result
}

fn client_tls(node: &Node<'_>) -> ClientTls {
    let mut result = ClientTls::default();
    for (key, value) in fields(node) {
        match key {
            "mode" => {
                result.mode = match value.as_str() {
                    Some("SIMPLE") => ClientTlsMode::Simple,
                    Some("MUTUAL") => ClientTlsMode::Mutual,
                    Some("ISTIO_MUTUAL") => ClientTlsMode::IstioMutual,
                    _ => ClientTlsMode::Disable,
                }
            }
            "clientCertificate" => result.client_certificate = text(value),
            "privateKey" => result.private_key = text(value),
            "caCertificates" => result.ca_certificates = text(value),
            "credentialName" => result.credential_name = text(value),
            "subjectAltNames" => result.subject_alt_names = texts(value),
            "sni" => result.sni = text(value),
            "insecureSkipVerify" => result.insecure_skip_verify = value.as_bool(),
            "caCrl" => result.ca_crl = text(value),
            _ => {}
        }
    }
    result
}
