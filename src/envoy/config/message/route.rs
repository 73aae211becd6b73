//! Route configurations.

use indexmap::IndexMap;
use smol_str::SmolStr;

use super::{
    Choice, Filter, HeaderMatcher, Matcher, Metadata, RegexMatcher, RouteMatch, RuntimeFraction, There, Time, Whole,
    messages,
};

/// What filters of the connection manager do otherwise for a part of a table, by the filter's name.
pub(in crate::envoy::config) type PerFilter = IndexMap<SmolStr, Filter>;

messages! {
    RouteConfiguration {
        name: SmolStr,
        virtual_hosts: Vec<Box<VirtualHost>>,
        request_headers_to_add: Vec<HeaderValueOption>,
        request_headers_to_remove: Vec<SmolStr>,
        response_headers_to_add: Vec<HeaderValueOption>,
        response_headers_to_remove: Vec<SmolStr>,
        ignore_port_in_host_matching: bool,
        ignore_path_parameters_in_path_matching: bool,
        vhost_header: SmolStr,
        most_specific_header_mutations_wins: bool,
        request_mirror_policies: Vec<MirrorPolicy>,
        typed_per_filter_config: PerFilter,
    } silent ["validate_clusters", "max_direct_response_body_size_bytes", "metadata"]

    VirtualHost {
        name: SmolStr,
        domains: Vec<SmolStr>,
        /// Boxed, as the hosts are: there may be very many, and each is large.
        routes: Vec<Box<Route>>,
        matcher: Option<Box<Matcher>>,
        require_tls: Choice,
        request_headers_to_add: Vec<HeaderValueOption>,
        request_headers_to_remove: Vec<SmolStr>,
        response_headers_to_add: Vec<HeaderValueOption>,
        response_headers_to_remove: Vec<SmolStr>,
        retry_policy: Option<RetryPolicy>,
        request_mirror_policies: Vec<MirrorPolicy>,
        virtual_clusters: Vec<VirtualCluster>,
        typed_per_filter_config: PerFilter,
    } silent [
        "include_request_attempt_count", "include_is_timeout_retry_header", "include_attempt_count_in_response",
        "per_request_buffer_limit_bytes", "request_body_buffer_limit", "metadata",
    ]

    VirtualCluster { name: SmolStr, headers: Vec<HeaderMatcher> } silent []

    Route {
        name: SmolStr,
        matcher = "match": RouteMatch,
        route: Option<Box<RouteAction>>,
        redirect: Option<Box<RedirectAction>>,
        direct_response: Option<DirectResponseAction>,
        filter_action: Option<There>,
        non_forwarding_action: Option<There>,
        metadata: Metadata,
        decorator: Decorator,
        typed_per_filter_config: PerFilter,
        request_headers_to_add: Vec<HeaderValueOption>,
        request_headers_to_remove: Vec<SmolStr>,
        response_headers_to_add: Vec<HeaderValueOption>,
        response_headers_to_remove: Vec<SmolStr>,
        stat_prefix: SmolStr,
    } silent ["tracing", "per_request_buffer_limit_bytes", "request_body_buffer_limit"]

    Decorator { operation: SmolStr } silent ["propagate"]

    HeaderValueOption {
        header: HeaderValue,
        append: Option<bool>,
        append_action: Option<Choice>,
        keep_empty_value: bool,
    } silent []

    HeaderValue { key: SmolStr, value: SmolStr } silent []

    RouteAction {
        cluster: Option<SmolStr>,
        cluster_header: Option<SmolStr>,
        weighted_clusters: Option<Box<WeightedClusters>>,
        prefix_rewrite: SmolStr,
        regex_rewrite: Option<Box<RegexMatchAndSubstitute>>,
        path_rewrite_policy: Option<Box<Filter>>,
        host_rewrite_literal: Option<SmolStr>,
        /// Its name of old.
        host_rewrite: Option<SmolStr>,
        auto_host_rewrite: bool,
        host_rewrite_header: Option<SmolStr>,
        host_rewrite_path_regex: Option<Box<RegexMatchAndSubstitute>>,
        append_x_forwarded_host: bool,
        timeout: Option<Time>,
        retry_policy: Option<Box<RetryPolicy>>,
        request_mirror_policies: Vec<MirrorPolicy>,
        hash_policy: Vec<HashPolicy>,
        cluster_not_found_response_code: Option<Choice>,
        internal_redirect_policy: Option<There>,
        metadata_match: Option<There>,
        upgrade_configs: Vec<UpgradeConfig>,
    } silent [
        "idle_timeout", "flush_timeout", "early_data_policy", "priority", "max_grpc_timeout", "grpc_timeout_offset",
        "max_stream_duration", "include_vh_rate_limits", "rate_limits",
    ]

    UpgradeConfig { upgrade_type: SmolStr, enabled: Option<bool> } silent []

    WeightedClusters {
        clusters: Vec<ClusterWeight>,
        total_weight: Option<Whole>,
        header_name: SmolStr,
        use_hash_policy: bool,
    } silent ["runtime_key_prefix"]

    ClusterWeight {
        name: SmolStr,
        cluster_header: SmolStr,
        weight: Option<Whole>,
        request_headers_to_add: Vec<HeaderValueOption>,
        request_headers_to_remove: Vec<SmolStr>,
        response_headers_to_add: Vec<HeaderValueOption>,
        response_headers_to_remove: Vec<SmolStr>,
        host_rewrite_literal: Option<SmolStr>,
        typed_per_filter_config: PerFilter,
    } silent []

    RegexMatchAndSubstitute { pattern: RegexMatcher, substitution: SmolStr } silent []

    RetryPolicy {
        retry_on: SmolStr,
        num_retries: Option<Whole>,
        per_try_timeout: Option<Time>,
        retry_priority: Option<Filter>,
        retry_host_predicate: Vec<Filter>,
        retriable_status_codes: Vec<Whole>,
        retry_back_off: Option<BackOff>,
    } silent ["host_selection_retry_max_attempts", "per_try_idle_timeout"]

    BackOff { base_interval: Option<Time> } silent ["max_interval"]

    MirrorPolicy {
        cluster: SmolStr,
        cluster_header: SmolStr,
        runtime_fraction: Option<RuntimeFraction>,
    } silent ["trace_sampled", "disable_shadow_host_suffix_append"]

    HashPolicy {
        header: Option<HashHeader>,
        cookie: Option<HashCookie>,
        connection_properties: Option<HashConnection>,
        query_parameter: Option<HashQuery>,
        terminal: bool,
    } silent []

    HashHeader { header_name: SmolStr } silent []

    HashCookie { name: SmolStr, ttl: Option<Time>, path: SmolStr, attributes: Vec<CookieAttribute> } silent []

    CookieAttribute { name: SmolStr, value: SmolStr } silent []

    HashConnection { source_ip: bool } silent []

    HashQuery { name: SmolStr } silent []

    RedirectAction {
        https_redirect: bool,
        scheme_redirect: Option<SmolStr>,
        host_redirect: SmolStr,
        port_redirect: Option<Whole>,
        path_redirect: SmolStr,
        prefix_rewrite: Option<SmolStr>,
        regex_rewrite: Option<RegexMatchAndSubstitute>,
        response_code: Choice,
        strip_query: bool,
    } silent []

    DirectResponseAction { status: Whole, body: Option<DataSource> } silent []

    DataSource { inline_string: Option<SmolStr>, inline_bytes: Option<SmolStr> } silent []
}
