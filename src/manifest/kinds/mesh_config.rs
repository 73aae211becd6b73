//! The parts of Istio's MeshConfig that bear on routing, with their defaults (section 2.1 of the translation rules).

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::{ConnectionPool, HttpRetry, Labels, LocalityLb, Nanos, OutboundMode, OutlierDetection, TcpKeepalive};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MeshConfig {
    pub root_namespace: SmolStr,
    /// `trustDomain` doesn't matter here; this is the cluster domain, `cluster.local`.
    pub cluster_domain: SmolStr,
    /// The cluster's own name, which stands in labels of what runs there: `Kubernetes`, where Istiod's `CLUSTER_ID` doesn't say otherwise.
    pub cluster_name: SmolStr,
    pub outbound_mode: OutboundMode,
    pub default_service_export_to: Vec<SmolStr>,
    pub default_virtual_service_export_to: Vec<SmolStr>,
    pub default_destination_rule_export_to: Vec<SmolStr>,
    pub default_http_retry_policy: Option<HttpRetry>,
    pub default_inbound_http_retry_policy: Option<HttpRetry>,
    pub connect_timeout: Nanos,
    pub h2_upgrade: bool,
    pub locality_lb_setting: Option<LocalityLb>,
    pub enable_auto_mtls: bool,
    pub path_normalization: PathNormalizationType,
    /// `defaultConfig.connectionSettings` (VE-14).
    pub connection_settings: Option<ConnectionSettings>,
    /// 0: no `http_proxy` listener.
    pub proxy_http_port: u16,
    /// Where the proxy takes the connections that its pod makes.
    pub proxy_listen_port: u16,
    /// Where the proxy takes the connections that others make to its pod.
    pub proxy_inbound_listen_port: u16,
    pub default_traffic_policy: Option<DefaultTrafficPolicy>,
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// Narrowing of what ServiceEntries export (EX-6), off where None.
    pub service_entry_visibility: Option<ServiceEntryVisibility>,
    /// Namespaces of which Istiod sees the objects: those that fit one of these; empty: all (EX-7).
    pub discovery_selectors: Vec<LabelSelector>,
    /// Fields that were given, can bear on a decision or a delivery and are not modelled, each with a number for what it says.
    pub not_modelled: BTreeMap<SmolStr, u64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DefaultTrafficPolicy {
    pub connection_pool: Option<ConnectionPool>,
    pub outlier_detection: Option<OutlierDetection>,
}

/// A selector of Kubernetes: everything in it has to hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LabelSelector {
    pub labels: Labels,
    pub expressions: Vec<LabelExpression>,
}

/// One of a selector's `matchExpressions`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LabelExpression {
    pub key: SmolStr,
    pub operator: LabelOperator,
    /// At least one with `In` and `NotIn`.
    pub values: Vec<SmolStr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LabelOperator {
    In,
    /// Also where there is no such label.
    NotIn,
    Exists,
    DoesNotExist,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceEntryVisibility {
    Namespace,
    None,
}

/// `connectionSettings` of the mesh's `defaultConfig` or of a pod's annotation, as far as it decides what routes see of a request
/// (VE-14).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionSettings {
    /// Profile EDGE: gateways fill in what is unset.
    pub edge: bool,
    pub merge_slashes: Option<bool>,
    pub escaped_slashes: Option<EscapedSlashes>,
    pub underscores: Option<Underscores>,
}

/// What becomes of `%2F` and `%5C` in paths: Envoy's `path_with_escaped_slashes_action`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum EscapedSlashes {
    /// They stay.
    #[default]
    Keep,
    /// The request is answered 400.
    Reject,
    /// The client is redirected to the path with `/` and `\`, normalised.
    Redirect,
    /// They become `/` and `\`.
    Unescape,
}

/// What becomes of headers with `_` in their names: Envoy's `headers_with_underscores_action`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum Underscores {
    #[default]
    Allow,
    /// The request is answered 400.
    Reject,
    /// The header is dropped.
    Drop,
}

/// `pathNormalization.normalization`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum PathNormalizationType {
    /// Same as `Base`.
    #[default]
    Default,
    None,
    Base,
    MergeSlashes,
    DecodeAndMergeSlashes,
}

impl MeshConfig {
    /// The name a cluster has when nobody named it.
    pub(crate) const DEFAULT_CLUSTER_NAME: &str = "Kubernetes";
}

impl Default for MeshConfig {
    fn default() -> Self {
        let all = || vec![SmolStr::new_static("*")];
        MeshConfig {
            root_namespace: "istio-system".into(),
            cluster_domain: "cluster.local".into(),
            cluster_name: MeshConfig::DEFAULT_CLUSTER_NAME.into(),
            outbound_mode: OutboundMode::AllowAny,
            default_service_export_to: all(),
            default_virtual_service_export_to: all(),
            default_destination_rule_export_to: all(),
            default_http_retry_policy: None,
            default_inbound_http_retry_policy: None,
            connect_timeout: Nanos::seconds(10),
            h2_upgrade: false,
            locality_lb_setting: None,
            enable_auto_mtls: true,
            path_normalization: PathNormalizationType::Default,
            connection_settings: None,
            proxy_http_port: 0,
            proxy_listen_port: 15001,
            proxy_inbound_listen_port: 15006,
            default_traffic_policy: None,
            tcp_keepalive: None,
            service_entry_visibility: None,
            discovery_selectors: Vec::new(),
            not_modelled: BTreeMap::new(),
        }
    }
}
