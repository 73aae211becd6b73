//! The schema of DestinationRule, with the policy blocks that Sidecar and MeshConfig share.

use super::metadata::{METADATA, STATUS};
use super::virtual_service::PORT_SELECTOR;
use super::*;

pub(super) static DESTINATION_RULE: Shape = Shape::of(
    "M100",
    &[text("apiVersion"), text("kind"), object("metadata", &METADATA), object("spec", &SPEC), field("status", STATUS)],
);

static SPEC: Shape = Shape::of(
    "M100",
    &[
        text("host").required().id("M201"),
        object("trafficPolicy", &TRAFFIC_POLICY),
        field("subsets", list(&Type::Object(&SUBSET))).id("M209"),
        field("exportTo", TEXTS),
        object("workloadSelector", &WORKLOAD_SELECTOR),
    ],
);

static WORKLOAD_SELECTOR: Shape = Shape::of(
    "M211",
    &[field("matchLabels", Type::Map { value: &Type::Text { max: 63 }, max: 4096 }).rule(rules::no_wildcard_labels)],
);

static SUBSET: Shape =
    Shape::of("M209", &[text("name").required(), field("labels", TEXT_MAP), object("trafficPolicy", &TRAFFIC_POLICY)]);

static TRAFFIC_POLICY: Shape = Shape::of(
    "M202",
    &[
        object("loadBalancer", &LOAD_BALANCER),
        object("connectionPool", &CONNECTION_POOL),
        object("outlierDetection", &OUTLIER_DETECTION),
        object("tls", &CLIENT_TLS),
        field("portLevelSettings", Type::List { item: &Type::Object(&PORT_SETTINGS), min: 0, max: 4096 }).id("M210"),
        object("tunnel", &TUNNEL),
        object("proxyProtocol", &PROXY_PROTOCOL),
        object("retryBudget", &RETRY_BUDGET),
    ],
);

static PORT_SETTINGS: Shape = Shape::of(
    "M210",
    &[
        object("port", &PORT_SELECTOR),
        object("loadBalancer", &LOAD_BALANCER),
        object("connectionPool", &CONNECTION_POOL),
        object("outlierDetection", &OUTLIER_DETECTION),
        object("tls", &CLIENT_TLS),
    ],
);

static TUNNEL: Shape =
    Shape::of("M202", &[text("protocol"), text("targetHost").required(), field("targetPort", UINT32).required()]);

static PROXY_PROTOCOL: Shape = Shape::of("M202", &[field("version", Type::Word(&["V1", "V2"]))]);

static RETRY_BUDGET: Shape = Shape::of(
    "M202",
    &[
        field("percent", Type::Number { min: 0.0, max: 100.0 }),
        field("budgetInterval", ANY_DURATION).since(Difference::BudgetInterval),
        field("minRetryConcurrency", UINT32),
    ],
);

static LOAD_BALANCER: Shape = Shape::of(
    "M205",
    &[
        field(
            "simple",
            Type::Word(&["UNSPECIFIED", "LEAST_CONN", "RANDOM", "PASSTHROUGH", "ROUND_ROBIN", "LEAST_REQUEST"]),
        ),
        object("consistentHash", &CONSISTENT_HASH),
        object("localityLbSetting", &LOCALITY_LB).id("M206"),
        object("zoneAwareLbSetting", &ZONE_AWARE_LB).id("M206").since(Difference::NewPolicyFields),
        object("warmup", &WARMUP).id("M207"),
        field("warmupDurationSecs", DURATION).id("M207"),
        // Nothing is made of it yet.
        field("backendUtilization", Type::Any).since(Difference::BackendUtilization),
    ],
)
.exclusive(&[&["simple", "consistentHash", "backendUtilization"]]);

static CONSISTENT_HASH: Shape = Shape::of(
    "M205",
    &[
        text("httpHeaderName"),
        object("httpCookie", &HTTP_COOKIE),
        field("useSourceIp", Type::Bool),
        text("httpQueryParameterName"),
        object("ringHash", &RING_HASH),
        object("maglev", &MAGLEV),
        field("minimumRingSize", UINT64),
    ],
)
.exclusive(&[&["httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"], &["ringHash", "maglev"]]);

static HTTP_COOKIE: Shape = Shape::of(
    "M205",
    &[
        text("name").required(),
        text("path"),
        field("ttl", ANY_DURATION),
        field("attributes", list(&Type::Object(&COOKIE_ATTRIBUTE))),
    ],
);

static COOKIE_ATTRIBUTE: Shape = Shape::of("M205", &[text("name").required(), text("value")]);
static RING_HASH: Shape = Shape::of("M205", &[field("minimumRingSize", UINT64)]);
static MAGLEV: Shape = Shape::of("M205", &[field("tableSize", UINT64)]);

/// `localityLbSetting`, also of the mesh.
pub(super) static LOCALITY_LB: Shape = Shape::of(
    "M206",
    &[
        field("distribute", list(&Type::Object(&DISTRIBUTE))),
        field("failover", list(&Type::Object(&FAILOVER))),
        field("failoverPriority", TEXTS),
        field("enabled", Type::Bool),
    ],
);

static DISTRIBUTE: Shape =
    Shape::of("M206", &[text("from"), field("to", Type::Map { value: &UINT32, max: UNLIMITED })]);

static FAILOVER: Shape = Shape::of("M206", &[text("from"), text("to")]);

static ZONE_AWARE_LB: Shape = Shape::of(
    "M206",
    &[
        field("enabled", Type::Bool),
        field("failover", list(&Type::Object(&FAILOVER))),
        field("failoverPriority", TEXTS),
        field("minClusterSize", Type::Int { min: 1, max: u32::MAX as i64 }),
    ],
);

static WARMUP: Shape = Shape::of(
    "M207",
    &[
        field("duration", DURATION).required(),
        field("minimumPercent", Type::Number { min: 0.0, max: 100.0 }),
        field("aggression", Type::Number { min: 0.0, max: f64::INFINITY }),
    ],
);

/// `connectionPool`, also of Sidecars and of the mesh.
pub(super) static CONNECTION_POOL: Shape = Shape::of("M204", &[object("tcp", &TCP_POOL), object("http", &HTTP_POOL)]);

static TCP_POOL: Shape = Shape::of(
    "M204",
    &[
        field("maxConnections", INT32),
        field("connectTimeout", DURATION),
        object("tcpKeepalive", &TCP_KEEPALIVE),
        field("maxConnectionDuration", DURATION),
        field("idleTimeout", ANY_DURATION),
    ],
);

/// `tcpKeepalive`, also of the mesh.
pub(super) static TCP_KEEPALIVE: Shape =
    Shape::of("M204", &[field("probes", UINT32), field("time", DURATION), field("interval", DURATION)]);

static HTTP_POOL: Shape = Shape::of(
    "M204",
    &[
        field("http1MaxPendingRequests", INT32),
        field("http2MaxRequests", INT32),
        field("maxRequestsPerConnection", INT32),
        field("maxRetries", INT32),
        field("idleTimeout", DURATION),
        field("h2UpgradePolicy", Type::Word(&["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"])),
        field("useClientProtocol", Type::Bool),
        field("maxConcurrentStreams", INT32),
        object("http2KeepAlive", &HTTP2_KEEP_ALIVE).since(Difference::NewPolicyFields),
    ],
);

static HTTP2_KEEP_ALIVE: Shape = Shape::of("M204", &[field("interval", DURATION), field("timeout", DURATION)]);

/// `outlierDetection`, also of the mesh.
pub(super) static OUTLIER_DETECTION: Shape = Shape::of(
    "M203",
    &[
        field("consecutiveErrors", INT32),
        field("consecutive5xxErrors", UINT32),
        field("consecutiveGatewayErrors", UINT32),
        field("consecutiveLocalOriginFailures", UINT32),
        field("splitExternalLocalOriginErrors", Type::Bool),
        field("interval", DURATION),
        field("baseEjectionTime", DURATION),
        field("maxEjectionPercent", INT32),
        field("minHealthPercent", INT32),
        field("outlierDetectionHttpErrorCodes", list(&Type::Int { min: 100, max: 599 }))
            .since(Difference::NewPolicyFields),
    ],
);

static CLIENT_TLS: Shape = Shape::of(
    "M208",
    &[
        field("mode", Type::Word(&["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"])),
        text("clientCertificate"),
        text("privateKey"),
        text("caCertificates"),
        text("credentialName"),
        field("subjectAltNames", TEXTS),
        text("sni"),
        field("insecureSkipVerify", Type::Bool),
        text("caCrl"),
    ],
);
