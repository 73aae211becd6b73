//! The schema of Sidecar.

use super::destination_rule::CONNECTION_POOL;
use super::gateway::SERVER_TLS;
use super::metadata::{METADATA, STATUS};
use super::service_entry::WORKLOAD_SELECTOR;
use super::virtual_service::DESTINATION;
use super::*;

pub(super) static SIDECAR: Shape = Shape::of(
    "M100",
    &[text("apiVersion"), text("kind"), object("metadata", &METADATA), object("spec", &SPEC), field("status", STATUS)],
);

static SPEC: Shape = Shape::of(
    "M100",
    &[
        object("workloadSelector", &WORKLOAD_SELECTOR),
        field("egress", list(&Type::Object(&EGRESS))).id("M502"),
        field("ingress", list(&Type::Object(&INGRESS))).id("M505"),
        object("outboundTrafficPolicy", &OUTBOUND_TRAFFIC_POLICY),
        object("inboundConnectionPool", &CONNECTION_POOL),
    ],
);

const CAPTURE_MODE: Type = Type::Word(&["DEFAULT", "IPTABLES", "NONE"]);

static EGRESS: Shape = Shape::of(
    "M502",
    &[object("port", &PORT), text("bind"), field("captureMode", CAPTURE_MODE), field("hosts", TEXTS).required()],
);

static INGRESS: Shape = Shape::of(
    "M505",
    &[
        object("port", &PORT).required(),
        text("bind"),
        field("captureMode", CAPTURE_MODE),
        text("defaultEndpoint"),
        object("tls", &SERVER_TLS),
        object("connectionPool", &CONNECTION_POOL),
    ],
);

static PORT: Shape =
    Shape::of("M100", &[field("number", UINT32), text("protocol"), text("name"), field("targetPort", UINT32)]);

/// ALLOW_ANY_DYNAMIC_DNS is a mode of the mesh only (section 14.5).
static OUTBOUND_TRAFFIC_POLICY: Shape = Shape::of(
    "M100",
    &[field("mode", Type::Word(&["REGISTRY_ONLY", "ALLOW_ANY"])), object("egressProxy", &DESTINATION)],
);
