//! The schema of VirtualService.

use super::metadata::{METADATA, STATUS};
use super::*;

pub(super) static VIRTUAL_SERVICE: Shape = Shape::of(
    "M100",
    &[text("apiVersion"), text("kind"), object("metadata", &METADATA), object("spec", &SPEC), field("status", STATUS)],
);

static SPEC: Shape = Shape::of(
    "M100",
    &[
        field("hosts", TEXTS),
        field("gateways", TEXTS),
        field("http", list(&Type::Object(&HTTP))).id("M105"),
        field("tls", list(&Type::Object(&TLS))).id("M123"),
        field("tcp", list(&Type::Object(&TCP))).id("M124"),
        field("exportTo", TEXTS),
    ],
);

static HTTP: Shape = Shape::of(
    "M100",
    &[
        text("name"),
        field("match", list(&Type::Object(&MATCH))).id("M105"),
        field("route", list(&Type::Object(&ROUTE_DESTINATION))).id("M105"),
        object("redirect", &REDIRECT),
        object("directResponse", &DIRECT_RESPONSE),
        object("delegate", &DELEGATE),
        object("rewrite", &REWRITE),
        field("timeout", DURATION).id("M117"),
        object("retries", &RETRIES),
        object("fault", &FAULT),
        object("mirror", &DESTINATION).id("M116"),
        field("mirrors", list(&Type::Object(&MIRROR))).id("M105"),
        field("mirrorPercent", UINT32).id("M120"),
        field("mirror_percent", UINT32).id("M120"),
        object("mirrorPercentage", &PERCENT).id("M120"),
        object("corsPolicy", &CORS),
        object("headers", &HEADERS),
    ],
);

static MATCH: Shape = Shape::of(
    "M100",
    &[
        text("name"),
        object("uri", &STRING_MATCH),
        object("scheme", &STRING_MATCH),
        object("method", &STRING_MATCH),
        object("authority", &STRING_MATCH),
        field("headers", STRING_MATCHES).id("M105"),
        field("withoutHeaders", STRING_MATCHES),
        field("queryParams", STRING_MATCHES),
        field("port", UINT32).id("M113"),
        field("sourceLabels", TEXT_MAP),
        text("sourceNamespace"),
        field("gateways", TEXTS),
        field("ignoreUriCase", Type::Bool),
        text("statPrefix"),
    ],
);

static STRING_MATCH: Shape =
    Shape::of("M111", &[text("exact"), text("prefix"), text("regex")]).exclusive(&[&["exact", "prefix", "regex"]]);
static STRING_MATCHES: Type = Type::Map { value: &Type::Object(&STRING_MATCH), max: UNLIMITED };

static ROUTE_DESTINATION: Shape = Shape::of(
    "M100",
    &[
        object("destination", &DESTINATION).required().id("M116"),
        field("weight", INT32).id("M115"),
        object("headers", &HEADERS),
    ],
);

/// `destination` of routes and mirrors, and of a Sidecar's egress proxy.
pub(super) static DESTINATION: Shape =
    Shape::of("M116", &[text("host").required(), text("subset"), object("port", &PORT_SELECTOR)]);

pub(super) static PORT_SELECTOR: Shape = Shape::of("M113", &[field("number", UINT32)]);

static HEADERS: Shape =
    Shape::of("M122", &[object("request", &HEADER_OPERATIONS), object("response", &HEADER_OPERATIONS)]);

static HEADER_OPERATIONS: Shape =
    Shape::of("M122", &[field("set", TEXT_MAP), field("add", TEXT_MAP), field("remove", TEXTS)]);

static REDIRECT: Shape = Shape::of(
    "M108",
    &[
        text("uri"),
        text("prefixRewrite").since(Difference::PrefixRewrite),
        text("authority"),
        field("port", UINT32),
        field("derivePort", Type::Word(&["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"])),
        text("scheme"),
        field("redirectCode", UINT32),
    ],
)
.exclusive(&[&["port", "derivePort"]]);

static DIRECT_RESPONSE: Shape = Shape::of("M109", &[field("status", UINT32).required(), object("body", &DIRECT_BODY)]);

static DIRECT_BODY: Shape =
    Shape::of("M109", &[text("string"), field("bytes", Type::Base64)]).exclusive(&[&["string", "bytes"]]);

static DELEGATE: Shape = Shape::of("M100", &[text("name"), text("namespace")]);

static REWRITE: Shape = Shape::of("M110", &[text("uri"), text("authority"), object("uriRegexRewrite", &REGEX_REWRITE)]);

static REGEX_REWRITE: Shape = Shape::of("M110", &[text("match"), text("rewrite")]);

/// `retries`, and the mesh's default retry policies.
pub(super) static RETRIES: Shape = Shape::of(
    "M118",
    &[
        field("attempts", INT32),
        field("perTryTimeout", DURATION).id("M117"),
        text("retryOn"),
        field("retryRemoteLocalities", Type::Bool),
        field("retryIgnorePreviousHosts", Type::Bool),
        field("backoff", DURATION).id("M117"),
    ],
);

static FAULT: Shape = Shape::of("M119", &[object("delay", &DELAY), object("abort", &ABORT)]);

static DELAY: Shape = Shape::of(
    "M119",
    &[
        field("fixedDelay", DURATION).id("M117"),
        field("exponentialDelay", DURATION),
        object("percentage", &PERCENT),
        field("percent", INT32),
    ],
)
.exclusive(&[&["fixedDelay", "exponentialDelay"]]);

static ABORT: Shape = Shape::of(
    "M119",
    &[field("httpStatus", INT32), text("grpcStatus"), text("http2Error"), object("percentage", &PERCENT)],
)
.exclusive(&[&["httpStatus", "grpcStatus", "http2Error"]]);

static PERCENT: Shape = Shape::of("M100", &[field("value", DOUBLE)]);

static MIRROR: Shape = Shape::of(
    "M100",
    &[object("destination", &DESTINATION).required().id("M116"), object("percentage", &PERCENT).id("M120")],
);

static CORS: Shape = Shape::of(
    "M121",
    &[
        field("allowOrigin", TEXTS),
        field("allowOrigins", list(&Type::Object(&STRING_MATCH))),
        field("allowMethods", TEXTS),
        field("allowHeaders", TEXTS),
        field("exposeHeaders", TEXTS),
        field("maxAge", DURATION),
        field("allowCredentials", Type::Bool),
        field("unmatchedPreflights", Type::Word(&["UNSPECIFIED", "FORWARD", "IGNORE"])),
    ],
);

static TLS: Shape = Shape::of(
    "M123",
    &[field("match", list(&Type::Object(&TLS_MATCH))).required(), field("route", list(&Type::Object(&ROUTE)))],
);

static TLS_MATCH: Shape = Shape::of(
    "M123",
    &[
        field("sniHosts", TEXTS).required(),
        field("destinationSubnets", TEXTS),
        field("port", UINT32).id("M113"),
        field("sourceLabels", TEXT_MAP),
        text("sourceNamespace"),
        field("gateways", TEXTS),
    ],
);

static TCP: Shape =
    Shape::of("M124", &[field("match", list(&Type::Object(&TCP_MATCH))), field("route", list(&Type::Object(&ROUTE)))]);

static TCP_MATCH: Shape = Shape::of(
    "M124",
    &[
        field("destinationSubnets", TEXTS),
        text("sourceSubnet"),
        field("port", UINT32).id("M113"),
        field("sourceLabels", TEXT_MAP),
        text("sourceNamespace"),
        field("gateways", TEXTS),
    ],
);

static ROUTE: Shape =
    Shape::of("M100", &[object("destination", &DESTINATION).required().id("M116"), field("weight", INT32).id("M115")]);
