//! MeshConfig.

use smol_str::SmolStr;

use super::destination_rule::{connection_pool, locality_lb, outlier_detection, tcp_keepalive};
use super::sidecar::outbound_mode;
use super::virtual_service::http_retry;
use super::{bounded, duration, fields, flag, given, labels, list, text, texts};
use crate::manifest::kinds::*;
use crate::manifest::yaml::{self, Node};

/// Fields of MeshConfig that are not modelled and can send a request elsewhere or keep it from being delivered. Others say how things
/// are logged, traced, named and signed, or are asked only for objects that are not modelled themselves (Ingress).
const BEARS: [&str; 7] = [
    "inboundTrafficPolicy",
    "meshMTLS",
    "protocolDetectionTimeout",
    "serviceScopeConfigs",
    "serviceSettings",
    "tlsDefaults",
    "zoneAwareLbSetting",
];

/// The same of `defaultConfig`: whose address counts behind further proxies, what proxies capture, and headers that they set.
const DEFAULT_BEARS: [&str; 4] = ["gatewayTopology", "interceptionMode", "proxyHeaders", "proxyMetadata"];

/// Lays the fields that `node` gives over `config`; what it leaves out stays as it is.
pub(crate) fn mesh_config(node: &Node<'_>, config: &mut MeshConfig) {
    for (key, value) in fields(node) {
        match key {
            "rootNamespace" => config.root_namespace = text(value),
            "outboundTrafficPolicy" => config.outbound_mode = outbound_mode(value),
            "defaultServiceExportTo" => config.default_service_export_to = export_to(value),
            "defaultVirtualServiceExportTo" => config.default_virtual_service_export_to = export_to(value),
            "defaultDestinationRuleExportTo" => config.default_destination_rule_export_to = export_to(value),
            "defaultHttpRetryPolicy" => config.default_http_retry_policy = Some(http_retry(value)),
            "defaultInboundHttpRetryPolicy" => config.default_inbound_http_retry_policy = Some(http_retry(value)),
            "connectTimeout" => config.connect_timeout = duration(value).unwrap_or(config.connect_timeout),
            "h2UpgradePolicy" => config.h2_upgrade = value.as_str() == Some("UPGRADE"),
            "localityLbSetting" => config.locality_lb_setting = Some(locality_lb(value)),
            "enableAutoMtls" => config.enable_auto_mtls = flag(value),
            "pathNormalization" => config.path_normalization = path_normalization(value),
            "defaultConfig" => default_config(value, config),
            "proxyHttpPort" => config.proxy_http_port = bounded(value),
            "proxyListenPort" => config.proxy_listen_port = port_or(value, config.proxy_listen_port),
            "proxyInboundListenPort" => {
                config.proxy_inbound_listen_port = port_or(value, config.proxy_inbound_listen_port);
            }
            "defaultTrafficPolicy" => {
                config.default_traffic_policy = Some(DefaultTrafficPolicy {
                    connection_pool: given(value, "connectionPool").map(connection_pool),
                    outlier_detection: given(value, "outlierDetection").map(outlier_detection),
                });
            }
            "tcpKeepalive" => config.tcp_keepalive = Some(tcp_keepalive(value)),
            "serviceEntryVisibility" => {
                config.service_entry_visibility = service_entry_visibility(value);
                if let Some(policies) = given(value, "policies") {
                    not_modelled(config, "serviceEntryVisibility.policies", policies);
                }
            }
            // One that is none at all leaves all of them without effect.
            "discoverySelectors" => config.discovery_selectors = label_selectors(value).unwrap_or_default(),
            field if BEARS.contains(&field) => not_modelled(config, field, value),
            _ => {}
        }
    }
}

fn label_selectors(node: &Node<'_>) -> Option<Vec<LabelSelector>> {
    node.as_seq()?.iter().map(label_selector).collect()
}

fn label_selector(node: &Node<'_>) -> Option<LabelSelector> {
    let expression = |node: &Node<'_>| {
        let operator = match given(node, "operator")?.as_str()? {
            "In" => LabelOperator::In,
            "NotIn" => LabelOperator::NotIn,
            "Exists" => LabelOperator::Exists,
            "DoesNotExist" => LabelOperator::DoesNotExist,
            _ => return None,
        };
        let values = given(node, "values").map(texts).unwrap_or_default();
        // Kubernetes refuses values where none can count, and none where one has to.
        let compares = matches!(operator, LabelOperator::In | LabelOperator::NotIn);
        let key = given(node, "key").map(text)?;
        (compares != values.is_empty()).then_some(LabelExpression { key, operator, values })
    };
    let expressions = given(node, "matchExpressions").map(|all| list(all, expression)).unwrap_or_default();
    Some(LabelSelector {
        labels: given(node, "matchLabels").map(labels).unwrap_or_default(),
        expressions: expressions.into_iter().collect::<Option<Vec<_>>>()?,
    })
}

fn not_modelled(config: &mut MeshConfig, field: &str, value: &Node<'_>) {
    config.not_modelled.insert(SmolStr::new(field), value.fingerprint());
}

/// 0 counts as not given.
fn port_or(node: &Node<'_>, default: u16) -> u16 {
    match bounded(node) {
        0 => default,
        port => port,
    }
}

/// An empty list says as much as none: everybody.
fn export_to(node: &Node<'_>) -> Vec<SmolStr> {
    let names = texts(node);
    if names.is_empty() { vec![SmolStr::new_static("*")] } else { names }
}

fn path_normalization(node: &Node<'_>) -> PathNormalizationType {
    match given(node, "normalization").and_then(Node::as_str) {
        Some("NONE") => PathNormalizationType::None,
        Some("BASE") => PathNormalizationType::Base,
        Some("MERGE_SLASHES") => PathNormalizationType::MergeSlashes,
        Some("DECODE_AND_MERGE_SLASHES") => PathNormalizationType::DecodeAndMergeSlashes,
        _ => PathNormalizationType::Default,
    }
}

/// Annotation of a pod with what its proxy is told in place of the mesh's `defaultConfig`.
pub(crate) const PROXY_CONFIG: &str = "proxy.istio.io/config";
const CONNECTION_SETTINGS: &str = "connectionSettings";
/// What is read of it.
const READ: [&str; 4] =
    ["profile", "httpMergeSlashes", "httpPathWithEscapedSlashesAction", "httpHeadersWithUnderscoresAction"];

/// VE-14; what else bears on requests is not modelled.
fn default_config(node: &Node<'_>, config: &mut MeshConfig) {
    for (key, value) in fields(node).filter(|(key, _)| DEFAULT_BEARS.contains(key)) {
        not_modelled(config, &format!("defaultConfig.{key}"), value);
    }
    let Some(settings) = given(node, CONNECTION_SETTINGS) else { return };
    if fields(settings).any(|(key, _)| !READ.contains(&key)) {
        not_modelled(config, "defaultConfig.connectionSettings", settings);
    }
    config.connection_settings = Some(connection_settings(settings));
}

/// What a pod's annotation says of its own proxy, in place of all that the mesh says of it. None where it says nothing, or can't be
/// read: the injector refuses such a pod.
pub(crate) fn connection_settings_of(annotations: &Labels) -> Option<ConnectionSettings> {
    let raw = yaml::documents(annotations.get(PROXY_CONFIG)?).into_iter().next()?;
    let document = yaml::parse(&raw, &yaml::Limits::default()).ok()??;
    given(&document.root, CONNECTION_SETTINGS).map(connection_settings)
}

fn connection_settings(settings: &Node<'_>) -> ConnectionSettings {
    let word = |key| given(settings, key).and_then(Node::as_str);
    ConnectionSettings {
        edge: word("profile") == Some("EDGE"),
        merge_slashes: given(settings, "httpMergeSlashes").map(flag),
        escaped_slashes: word("httpPathWithEscapedSlashesAction").and_then(|action| match action {
            "KEEP_UNCHANGED" => Some(EscapedSlashes::Keep),
            "REJECT_REQUEST" => Some(EscapedSlashes::Reject),
            "UNESCAPE_AND_REDIRECT" => Some(EscapedSlashes::Redirect),
            "UNESCAPE_AND_FORWARD" => Some(EscapedSlashes::Unescape),
            _ => None,
        }),
        underscores: word("httpHeadersWithUnderscoresAction").and_then(|action| match action {
            "HEADERS_WITH_UNDERSCORES_ALLOW" => Some(Underscores::Allow),
            "HEADERS_WITH_UNDERSCORES_REJECT_REQUEST" => Some(Underscores::Reject),
            "HEADERS_WITH_UNDERSCORES_DROP_HEADER" => Some(Underscores::Drop),
            _ => None,
        }),
    }
}

/// Sidecars are narrowed only where the block says so (EX-6).
fn service_entry_visibility(node: &Node<'_>) -> Option<ServiceEntryVisibility> {
    if !given(node, "applyToSidecars").is_some_and(flag) {
        return None;
    }
    match given(node, "defaultVisibility").and_then(Node::as_str) {
        Some("NONE") => Some(ServiceEntryVisibility::None),
        Some("NAMESPACE") => Some(ServiceEntryVisibility::Namespace),
        _ => None,
    }
}
