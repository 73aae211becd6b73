//! The blocks of a traffic policy as Envoy's settings (CL-5 to CL-7).

use crate::envoy::proxy::ProxyKind;
use crate::envoy::table::{
    CircuitBreakers, HttpProtocolOptions, LbPolicy, OutlierDetection, RetryBudget, UpstreamProtocol,
};
use crate::istio::mesh::Port;
use crate::manifest::kinds::{
    self, ConnectionPool, H2UpgradePolicy, HashAlgorithm, HttpPool, LoadBalancer, MeshConfig, Nanos, SimpleLb, TcpPool,
};
use crate::manifest::release::{Difference, Profile};

/// Ring size where a consistent hash names no algorithm and no size.
const DEFAULT_RING_SIZE: u64 = 1024;
/// What a `retryBudget` allows where it doesn't say: retries in percent of the requests under way, and how many in any case.
const DEFAULT_RETRY_BUDGET: (f64, u32) = (20.0, 3);
/// The percent before it was corrected (VE-11).
const OLD_RETRY_BUDGET_PERCENT: f64 = 0.2;

/// CL-5; `ClusterProvided` stands for PASSTHROUGH.
pub(super) fn load_balancing(setting: Option<&LoadBalancer>) -> LbPolicy {
    match setting.map(|lb| &lb.policy) {
        None | Some(kinds::LbPolicy::Unset) => LbPolicy::LeastRequest,
        Some(kinds::LbPolicy::Simple(simple)) => match simple {
            SimpleLb::Unspecified | SimpleLb::LeastConn | SimpleLb::LeastRequest => LbPolicy::LeastRequest,
            SimpleLb::RoundRobin => LbPolicy::RoundRobin,
            SimpleLb::Random => LbPolicy::Random,
            SimpleLb::Passthrough => LbPolicy::ClusterProvided,
        },
        Some(kinds::LbPolicy::ConsistentHash(hash)) => {
            let given = |size: Option<u64>| size.filter(|n| *n > 0);
            match hash.algorithm {
                HashAlgorithm::Unset => {
                    LbPolicy::RingHash { minimum_ring_size: given(hash.minimum_ring_size).or(Some(DEFAULT_RING_SIZE)) }
                }
                HashAlgorithm::RingHash { minimum_ring_size } => {
                    LbPolicy::RingHash { minimum_ring_size: given(minimum_ring_size) }
                }
                HashAlgorithm::Maglev { table_size } => LbPolicy::Maglev { table_size: given(table_size) },
            }
        }
    }
}

/// CL-6.
pub(super) fn connect_timeout(pool: Option<&ConnectionPool>, config: &MeshConfig) -> Nanos {
    tcp(pool).and_then(|t| t.connect_timeout).unwrap_or(config.connect_timeout)
}

/// CL-6.
pub(super) fn circuit_breakers(
    pool: Option<&ConnectionPool>,
    retry_budget: Option<&kinds::RetryBudget>,
    profile: Profile,
) -> CircuitBreakers {
    let (tcp, http) = (tcp(pool), http(pool));
    let is_corrected = profile.has(Difference::RetryBudgetPercent);
    let percent = if is_corrected { DEFAULT_RETRY_BUDGET.0 } else { OLD_RETRY_BUDGET_PERCENT };
    CircuitBreakers {
        max_connections: tcp.and_then(|t| positive(t.max_connections)),
        max_pending_requests: http.and_then(|h| positive(h.http1_max_pending_requests)),
        max_requests: http.and_then(|h| positive(h.http2_max_requests)),
        max_retries: http.and_then(|h| positive(h.max_retries)),
        retry_budget: retry_budget.map(|b| RetryBudget {
            percent: b.percent.unwrap_or(percent),
            min_retry_concurrency: Some(b.min_retry_concurrency).filter(|n| *n > 0).unwrap_or(DEFAULT_RETRY_BUDGET.1),
            interval: b.budget_interval,
        }),
    }
}

/// CL-6: limits and timeouts of clusters that speak this protocol. A limit of streams is written with HTTP/2 alone.
pub(super) fn http_options(protocol: UpstreamProtocol, pool: Option<&ConnectionPool>) -> HttpProtocolOptions {
    let (tcp, http) = (tcp(pool), http(pool));
    let is_http2 = protocol == UpstreamProtocol::Http2;
    HttpProtocolOptions {
        protocol,
        max_requests_per_connection: http.and_then(|h| positive(h.max_requests_per_connection)),
        idle_timeout: http.and_then(|h| h.idle_timeout).or_else(|| tcp.and_then(|t| t.idle_timeout)),
        max_connection_duration: tcp.and_then(|t| t.max_connection_duration),
        max_concurrent_streams: http.filter(|_| is_http2).and_then(|h| positive(h.max_concurrent_streams)),
    }
}

/// CL-6: the port's protocol, `h2UpgradePolicy` and `useClientProtocol`. Sidecars pass on the version of sniffed traffic, whatever is to
/// be upgraded.
pub(super) fn upstream_protocol(
    port: &Port,
    kind: ProxyKind,
    pool: Option<&ConnectionPool>,
    config: &MeshConfig,
) -> UpstreamProtocol {
    let http = http(pool);
    if http.is_some_and(|h| h.use_client_protocol) {
        return UpstreamProtocol::UseDownstream;
    }
    let is_sniffed_here = port.protocol.is_sniffed() && kind == ProxyKind::Sidecar;
    let upgraded = match http.map(|h| h.h2_upgrade_policy).unwrap_or_default() {
        H2UpgradePolicy::Upgrade => true,
        H2UpgradePolicy::DoNotUpgrade => false,
        H2UpgradePolicy::Default => config.h2_upgrade && port.protocol.is_http(),
    };
    if is_sniffed_here {
        UpstreamProtocol::UseDownstream
    } else if upgraded || port.protocol.is_http2() {
        UpstreamProtocol::Http2
    } else {
        UpstreamProtocol::Http1
    }
}

/// CL-7.
pub(super) fn outlier_detection(block: &kinds::OutlierDetection) -> OutlierDetection {
    let split = block.split_external_local_origin_errors;
    OutlierDetection {
        consecutive_5xx: block.consecutive_5xx_errors,
        consecutive_gateway_failure: block.consecutive_gateway_errors,
        split_external_local_origin_errors: split,
        consecutive_local_origin_failure: block.consecutive_local_origin_failures.filter(|n| split && *n > 0),
        interval: block.interval,
        base_ejection_time: block.base_ejection_time,
        max_ejection_percent: positive(block.max_ejection_percent),
    }
}

fn tcp(pool: Option<&ConnectionPool>) -> Option<&TcpPool> {
    pool?.tcp.as_ref()
}

fn http(pool: Option<&ConnectionPool>) -> Option<&HttpPool> {
    pool?.http.as_ref()
}

fn positive(value: i64) -> Option<u32> {
    u32::try_from(value).ok().filter(|n| *n > 0)
}
