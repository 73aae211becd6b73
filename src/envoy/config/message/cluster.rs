//! Clusters and their endpoints.

use smol_str::SmolStr;

use super::{Address, Choice, Filter, Metadata, Real, There, Time, Whole, messages};

messages! {
    Cluster {
        name: SmolStr,
        discovery = "type": Choice,
        cluster_type: Option<Filter>,
        eds_cluster_config: Option<EdsClusterConfig>,
        connect_timeout: Option<Time>,
        lb_policy: Choice,
        load_balancing_policy: Option<There>,
        ring_hash_lb_config: Option<RingHash>,
        maglev_lb_config: Option<Maglev>,
        circuit_breakers: Option<CircuitBreakers>,
        outlier_detection: Option<OutlierDetection>,
        common_lb_config: Option<CommonLb>,
        load_assignment: Option<LoadAssignment>,
        typed_extension_protocol_options: ProtocolOptions,
        http2_protocol_options: Option<Http2>,
        metadata: Metadata,
    } silent []

    EdsClusterConfig { service_name: SmolStr } silent []

    RingHash { minimum_ring_size: Option<Whole> } silent []

    Maglev { table_size: Option<Whole> } silent []

    CircuitBreakers { thresholds: Vec<Thresholds> } silent []

    Thresholds {
        priority: Choice,
        max_connections: Option<Whole>,
        max_pending_requests: Option<Whole>,
        max_requests: Option<Whole>,
        max_retries: Option<Whole>,
        retry_budget: Option<RetryBudget>,
    } silent []

    RetryBudget {
        budget_percent: Option<Percent>,
        min_retry_concurrency: Option<Whole>,
        budget_interval: Option<Time>,
    } silent []

    Percent { value: Real } silent []

    OutlierDetection {
        consecutive_5xx: Option<Whole>,
        consecutive_gateway_failure: Option<Whole>,
        split_external_local_origin_errors: bool,
        consecutive_local_origin_failure: Option<Whole>,
        interval: Option<Time>,
        base_ejection_time: Option<Time>,
        max_ejection_percent: Option<Whole>,
    } silent []

    CommonLb { healthy_panic_threshold: Option<Percent> } silent []

    ProtocolOptions { http = "envoy.extensions.upstreams.http.v3._http_protocol_options": Option<Filter> } silent []

    HttpProtocolOptions {
        common_http_protocol_options: Option<CommonUpstream>,
        explicit_http_config: Option<ExplicitHttp>,
        use_downstream_protocol_config: Option<ExplicitHttp>,
    } silent []

    CommonUpstream {
        idle_timeout: Option<Time>,
        max_connection_duration: Option<Time>,
        max_requests_per_connection: Option<Whole>,
    } silent []

    ExplicitHttp { http2_protocol_options: Option<Http2> } silent []

    Http2 { max_concurrent_streams: Option<Whole> } silent []

    LoadAssignment { cluster_name: SmolStr, endpoints: Vec<LocalityEndpoints> } silent []

    LocalityEndpoints {
        locality: Locality,
        priority: Whole,
        lb_endpoints: Vec<LbEndpoint>,
    } silent []

    Locality { region: SmolStr, zone: SmolStr, sub_zone: SmolStr } silent []

    LbEndpoint {
        endpoint: Option<Endpoint>,
        health_status: Choice,
        load_balancing_weight: Option<Whole>,
        metadata: Metadata,
    } silent []

    Endpoint { address: Address, hostname: SmolStr } silent []

    /// What `/clusters?format=json` says of a cluster.
    ClusterStatus { name: SmolStr, host_statuses: Vec<HostStatus> } silent []

    HostStatus {
        address: Address,
        hostname: SmolStr,
        health_status: HostHealth,
        weight: Option<Whole>,
        priority: Whole,
        locality: Locality,
    } silent []

    HostHealth { eds_health_status: Choice, failed_active_health_check: bool, failed_outlier_check: bool } silent []
}
