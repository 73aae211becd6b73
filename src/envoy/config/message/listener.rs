//! Listeners and what serves their connections.

use smol_str::SmolStr;

use super::{Choice, Filter, Metadata, RouteConfiguration, There, UpgradeConfig, Whole, messages};

messages! {
    Listener {
        name: SmolStr,
        address: Address,
        additional_addresses: Vec<AdditionalAddress>,
        filter_chains: Vec<FilterChain>,
        default_filter_chain: Option<FilterChain>,
        filter_chain_matcher: Option<There>,
        use_original_dst: Option<bool>,
        traffic_direction: Choice,
        listener_filters: Vec<Filter>,
        internal_listener: Option<There>,
        api_listener: Option<There>,
        udp_listener_config: Option<There>,
    } silent []

    AdditionalAddress { address: Address } silent []

    Address {
        socket_address: Option<SocketAddress>,
        pipe: Option<Pipe>,
        envoy_internal_address: Option<InternalAddress>,
    } silent []

    SocketAddress { address: SmolStr, port_value: Whole, ipv4_compat: bool } silent []

    Pipe { path: SmolStr } silent []

    InternalAddress { server_listener_name: SmolStr } silent []

    FilterChain {
        name: SmolStr,
        filter_chain_match: Option<FilterChainMatch>,
        filters: Vec<Filter>,
        transport_socket: Option<Filter>,
        metadata: Metadata,
    } silent ["transport_socket_connect_timeout"]

    FilterChainMatch {
        destination_port: Option<Whole>,
        prefix_ranges: Vec<CidrRange>,
        server_names: Vec<SmolStr>,
        transport_protocol: SmolStr,
        application_protocols: Vec<SmolStr>,
    } silent []

    CidrRange { address_prefix: SmolStr, prefix_len: Option<Whole> } silent []

    HttpConnectionManager {
        rds: Option<Rds>,
        route_config: Option<RouteConfiguration>,
        scoped_routes: Option<There>,
        http_filters: Vec<Filter>,
        normalize_path: Option<bool>,
        merge_slashes: bool,
        path_with_escaped_slashes_action: Choice,
        common_http_protocol_options: Option<CommonOptions>,
        use_remote_address: Option<bool>,
        strip_matching_host_port: bool,
        strip_any_host_port: bool,
        strip_trailing_host_dot: bool,
        upgrade_configs: Vec<UpgradeConfig>,
    } silent [
        "codec_type", "stat_prefix", "tracing", "access_log", "access_log_flush_interval", "access_log_options",
        "flush_access_log_on_new_request", "http_protocol_options", "http2_protocol_options", "http3_protocol_options",
        "server_name", "server_header_transformation", "max_request_headers_kb", "stream_idle_timeout",
        "stream_flush_timeout", "request_timeout", "request_headers_timeout", "drain_timeout", "delayed_close_timeout",
        "add_user_agent", "skip_xff_append", "via", "generate_request_id", "preserve_external_request_id",
        "always_set_request_id_in_response", "request_id_extension", "forward_client_cert_details",
        "set_current_client_cert_details", "proxy_100_continue", "represent_ipv4_remote_address_as_ipv4_mapped_ipv6",
        "internal_address_config", "xff_num_trusted_hops", "stream_error_on_invalid_http_message", "add_proxy_protocol_connection_state",
        "http1_safe_max_connection_duration", "proxy_status_config", "append_local_overload",
    ]

    Rds { route_config_name: SmolStr } silent []

    CommonOptions { headers_with_underscores_action: Choice } silent []

    TcpProxy {
        cluster: Option<SmolStr>,
        weighted_clusters: Option<WeightedTcp>,
    } silent []

    WeightedTcp { clusters: Vec<WeightedTcpCluster> } silent []

    WeightedTcpCluster { name: SmolStr, weight: Whole } silent []
}
