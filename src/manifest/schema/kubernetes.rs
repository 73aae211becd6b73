//! The Kubernetes kinds, reduced to the fields that are read (section 2.3 of the translation rules).
//!
//! These shapes are open: the fields they leave out do not bear on routing, and nobody checks them here.

use super::metadata::{METADATA, NAMESPACE_METADATA, SERVICE_METADATA, TEMPLATE_METADATA};
use super::*;

const LENIENT_TEXTS: Type = list(&Type::LenientText);
const LENIENT_MAP: Type = Type::Map { value: &Type::LenientText, max: UNLIMITED };
const PORT_NUMBER: Type = Type::Int { min: 1, max: 65535 };
/// 0 stands for "not given".
const PORT_OR_ZERO: Type = Type::Int { min: 0, max: 65535 };
const PROTOCOL: Type = Type::Word(&["TCP", "UDP", "SCTP"]);

pub(super) static SERVICE: Shape =
    Shape::of("M100", &[object("metadata", &SERVICE_METADATA), object("spec", &SERVICE_SPEC)]).open();

static SERVICE_SPEC: Shape = Shape::of(
    "M100",
    &[
        field("type", Type::Word(&["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"])),
        field("clusterIP", Type::LenientText),
        field("clusterIPs", LENIENT_TEXTS),
        field("externalName", Type::LenientText),
        field("selector", LENIENT_MAP),
        field("ports", list(&Type::Object(&SERVICE_PORT))),
        field("internalTrafficPolicy", Type::Word(&["Cluster", "Local"])),
        field("trafficDistribution", Type::LenientText),
        field("publishNotReadyAddresses", Type::Bool),
    ],
)
.open();

static SERVICE_PORT: Shape = Shape::of(
    "M100",
    &[
        field("name", Type::LenientText),
        field("port", PORT_NUMBER).required(),
        field("targetPort", Type::PortOrName),
        field("protocol", PROTOCOL),
        field("appProtocol", Type::LenientText),
        field("nodePort", PORT_OR_ZERO),
    ],
)
.open();

pub(super) static POD: Shape =
    Shape::of("M100", &[object("metadata", &METADATA), object("spec", &POD_SPEC), object("status", &POD_STATUS)])
        .open();

static POD_SPEC: Shape = Shape::of(
    "M100",
    &[
        field("nodeName", Type::LenientText),
        field("serviceAccountName", Type::LenientText),
        field("containers", list(&Type::Object(&CONTAINER))),
        field("initContainers", list(&Type::Object(&CONTAINER))),
    ],
)
.open();

static CONTAINER: Shape = Shape::of(
    "M100",
    &[field("ports", list(&Type::Object(&CONTAINER_PORT))), field("restartPolicy", Type::LenientText)],
)
.open();

static CONTAINER_PORT: Shape = Shape::of(
    "M100",
    &[field("name", Type::LenientText), field("containerPort", PORT_NUMBER).required(), field("protocol", PROTOCOL)],
)
.open();

static POD_STATUS: Shape = Shape::of(
    "M100",
    &[
        field("phase", Type::LenientText),
        field("podIP", Type::LenientText),
        field("podIPs", list(&Type::Object(&POD_IP))),
        field("conditions", list(&Type::Object(&CONDITION))),
    ],
)
.open();

static POD_IP: Shape = Shape::of("M100", &[field("ip", Type::LenientText)]).open();

static CONDITION: Shape =
    Shape::of("M100", &[field("type", Type::LenientText), field("status", Type::LenientText)]).open();

/// Deployment, StatefulSet, DaemonSet, ReplicaSet and Rollout: they say the same where it matters.
pub(super) static WORKLOAD: Shape =
    Shape::of("M100", &[object("metadata", &METADATA), object("spec", &WORKLOAD_SPEC)]).open();

static WORKLOAD_SPEC: Shape =
    Shape::of("M100", &[field("replicas", Type::Int { min: 0, max: i32::MAX as i64 }), object("template", &TEMPLATE)])
        .open();

pub(super) static CRON_JOB: Shape =
    Shape::of("M100", &[object("metadata", &METADATA), object("spec", &CRON_JOB_SPEC)]).open();

static CRON_JOB_SPEC: Shape = Shape::of("M100", &[object("jobTemplate", &JOB_TEMPLATE)]).open();

static JOB_TEMPLATE: Shape = Shape::of("M100", &[object("spec", &JOB_SPEC)]).open();

static JOB_SPEC: Shape = Shape::of("M100", &[object("template", &TEMPLATE)]).open();

static TEMPLATE: Shape = Shape::of("M100", &[object("metadata", &TEMPLATE_METADATA), object("spec", &POD_SPEC)]).open();

pub(super) static AUTOSCALER: Shape =
    Shape::of("M100", &[object("metadata", &METADATA), object("spec", &AUTOSCALER_SPEC)]).open();

static AUTOSCALER_SPEC: Shape = Shape::of(
    "M100",
    &[
        object("scaleTargetRef", &SCALE_TARGET),
        field("minReplicas", Type::Int { min: 0, max: i32::MAX as i64 }),
        field("maxReplicas", Type::Int { min: 1, max: i32::MAX as i64 }),
    ],
)
.open();

static SCALE_TARGET: Shape =
    Shape::of("M100", &[field("kind", Type::LenientText), field("name", Type::LenientText)]).open();

pub(super) static ENDPOINTS: Shape =
    Shape::of("M100", &[object("metadata", &METADATA), field("subsets", list(&Type::Object(&ENDPOINT_SUBSET)))]).open();

static ENDPOINT_SUBSET: Shape = Shape::of(
    "M100",
    &[
        field("addresses", list(&Type::Object(&ENDPOINT_ADDRESS))),
        field("notReadyAddresses", list(&Type::Object(&ENDPOINT_ADDRESS))),
        field("ports", list(&Type::Object(&ENDPOINT_PORT))),
    ],
)
.open();

static ENDPOINT_ADDRESS: Shape = Shape::of(
    "M100",
    &[field("ip", Type::LenientText), field("nodeName", Type::LenientText), object("targetRef", &TARGET_REF)],
)
.open();

static TARGET_REF: Shape = Shape::of(
    "M100",
    &[field("kind", Type::LenientText), field("name", Type::LenientText), field("namespace", Type::LenientText)],
)
.open();

static ENDPOINT_PORT: Shape = Shape::of(
    "M100",
    &[
        field("name", Type::LenientText),
        field("port", PORT_OR_ZERO),
        field("protocol", PROTOCOL),
        field("appProtocol", Type::LenientText),
    ],
)
.open();

pub(super) static ENDPOINT_SLICE: Shape = Shape::of(
    "M100",
    &[
        object("metadata", &METADATA),
        field("addressType", Type::Word(&["IPv4", "IPv6", "FQDN"])),
        field("endpoints", list(&Type::Object(&SLICE_ENDPOINT))),
        field("ports", list(&Type::Object(&ENDPOINT_PORT))),
    ],
)
.open();

static SLICE_ENDPOINT: Shape = Shape::of(
    "M100",
    &[
        field("addresses", LENIENT_TEXTS),
        object("conditions", &ENDPOINT_CONDITIONS),
        object("targetRef", &TARGET_REF),
        field("nodeName", Type::LenientText),
        field("zone", Type::LenientText),
    ],
)
.open();

static ENDPOINT_CONDITIONS: Shape =
    Shape::of("M100", &[field("ready", Type::Bool), field("serving", Type::Bool), field("terminating", Type::Bool)])
        .open();

/// Nodes, of which labels are read.
pub(super) static METADATA_ONLY: Shape = Shape::of("M100", &[object("metadata", &METADATA)]).open();

pub(super) static NAMESPACE: Shape = Shape::of("M100", &[object("metadata", &NAMESPACE_METADATA)]).open();

/// Data values may be anything: most ConfigMaps do not concern us.
pub(super) static CONFIG_MAP: Shape =
    Shape::of("M100", &[object("metadata", &METADATA), field("data", Type::Map { value: &Type::Any, max: UNLIMITED })])
        .open();
