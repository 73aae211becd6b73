//! MeshConfig: the fields that are modelled with their types, the others by name.

use super::destination_rule::{CONNECTION_POOL, LOCALITY_LB, OUTLIER_DETECTION, TCP_KEEPALIVE};
use super::virtual_service::RETRIES;
use super::*;

/// `meshConfig` of an IstioOperator, `mesh` of the ConfigMap `istio` or of a scenario.
pub(crate) static MESH_CONFIG: Shape = Shape::of(
    "M100",
    &[
        text("rootNamespace"),
        object("outboundTrafficPolicy", &OUTBOUND_TRAFFIC_POLICY),
        field("defaultServiceExportTo", TEXTS),
        field("defaultVirtualServiceExportTo", TEXTS),
        field("defaultDestinationRuleExportTo", TEXTS),
        object("defaultHttpRetryPolicy", &RETRIES),
        object("defaultInboundHttpRetryPolicy", &RETRIES),
        field("connectTimeout", ANY_DURATION),
        field("h2UpgradePolicy", Type::Word(&["DO_NOT_UPGRADE", "UPGRADE"])),
        object("localityLbSetting", &LOCALITY_LB),
        field("enableAutoMtls", Type::Bool),
        object("pathNormalization", &PATH_NORMALIZATION),
        field("proxyHttpPort", Type::Int { min: 0, max: 65535 }),
        field("proxyListenPort", Type::Int { min: 0, max: 65535 }),
        field("proxyInboundListenPort", Type::Int { min: 0, max: 65535 }),
        object("defaultTrafficPolicy", &DEFAULT_TRAFFIC_POLICY).since(Difference::MeshTrafficPolicy),
        object("tcpKeepalive", &TCP_KEEPALIVE),
        object("serviceEntryVisibility", &SERVICE_ENTRY_VISIBILITY).since(Difference::ServiceEntryVisibility),
        object("defaultConfig", &DEFAULT_CONFIG),
        // Fields that exist and are not modelled.
        field("accessLogEncoding", Type::Any),
        field("accessLogFile", Type::Any),
        field("accessLogFormat", Type::Any),
        field("ca", Type::Any),
        field("caCertificates", Type::Any),
        field("certificates", Type::Any),
        field("configSources", Type::Any),
        field("defaultProviders", Type::Any),
        field("disableEnvoyListenerLog", Type::Any),
        field("discoverySelectors", Type::Any),
        field("dnsRefreshRate", Type::Any),
        field("enableEnvoyAccessLogService", Type::Any),
        field("enablePrometheusMerge", Type::Any),
        field("enableTracing", Type::Any),
        field("extensionProviders", Type::Any),
        field("hboneIdleTimeout", Type::Any),
        field("inboundClusterStatName", Type::Any),
        field("inboundTrafficPolicy", Type::Any),
        field("ingressClass", Type::Any),
        field("ingressControllerMode", Type::Any),
        field("ingressSelector", Type::Any),
        field("ingressService", Type::Any),
        field("meshMTLS", Type::Any),
        field("outboundClusterStatName", Type::Any),
        field("protocolDetectionTimeout", Type::Any),
        field("serviceScopeConfigs", Type::Any),
        field("serviceSettings", Type::Any),
        field("tlsDefaults", Type::Any),
        field("trustDomain", Type::Any),
        field("trustDomainAliases", Type::Any),
        field("verifyCertificateAtClient", Type::Any),
        field("zoneAwareLbSetting", Type::Any),
    ],
);

static OUTBOUND_TRAFFIC_POLICY: Shape = Shape::of(
    "M100",
    &[
        field(
            "mode",
            Type::NewWord(&["REGISTRY_ONLY", "ALLOW_ANY", "ALLOW_ANY_DYNAMIC_DNS"], Difference::DynamicDnsModeIsRead),
        ),
        field("tls", Type::Any),
    ],
);

/// The part of ProxyConfig that bears on routing.
static DEFAULT_CONFIG: Shape =
    Shape::of("M100", &[object("connectionSettings", &CONNECTION_SETTINGS).since(Difference::ConnectionSettings)])
        .open();

/// VE-14; its timeouts and limits pass unseen.
static CONNECTION_SETTINGS: Shape = Shape::of(
    "M100",
    &[
        text("profile"),
        field("httpMergeSlashes", Type::Bool),
        field(
            "httpPathWithEscapedSlashesAction",
            Type::Word(&[
                "PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED",
                "KEEP_UNCHANGED",
                "REJECT_REQUEST",
                "UNESCAPE_AND_REDIRECT",
                "UNESCAPE_AND_FORWARD",
            ]),
        ),
        field(
            "httpHeadersWithUnderscoresAction",
            Type::Word(&[
                "HEADERS_WITH_UNDERSCORES_UNSPECIFIED",
                "HEADERS_WITH_UNDERSCORES_ALLOW",
                "HEADERS_WITH_UNDERSCORES_REJECT_REQUEST",
                "HEADERS_WITH_UNDERSCORES_DROP_HEADER",
            ]),
        ),
    ],
)
.open();

static PATH_NORMALIZATION: Shape = Shape::of(
    "M100",
    &[field("normalization", Type::Word(&["DEFAULT", "NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"]))],
);

static DEFAULT_TRAFFIC_POLICY: Shape =
    Shape::of("M100", &[object("connectionPool", &CONNECTION_POOL), object("outlierDetection", &OUTLIER_DETECTION)]);

static SERVICE_ENTRY_VISIBILITY: Shape = Shape::of(
    "M100",
    &[
        field("defaultVisibility", Type::Word(&["VISIBILITY_UNSPECIFIED", "NONE", "NAMESPACE", "PUBLIC"])),
        field("applyToSidecars", Type::Bool),
        field("policies", Type::Any),
    ],
);
