//! The schemas of ServiceEntry and WorkloadEntry.

use super::metadata::{METADATA, STATUS};
use super::*;

pub(super) static SERVICE_ENTRY: Shape = Shape::of(
    "M100",
    &[
        text("apiVersion"),
        text("kind"),
        object("metadata", &METADATA),
        object("spec", &SPEC).required(),
        field("status", STATUS),
    ],
);

pub(super) static WORKLOAD_ENTRY: Shape = Shape::of(
    "M100",
    &[
        text("apiVersion"),
        text("kind"),
        object("metadata", &METADATA),
        object("spec", &ENTRY).required(),
        field("status", STATUS),
    ],
);

static SPEC: Shape = Shape::of(
    "M100",
    &[
        field("hosts", Type::List { item: &TEXT, min: 1, max: 256 })
            .required()
            .id("M401")
            .rule(rules::no_bare_wildcard),
        field("addresses", Type::List { item: &Type::Text { max: 64 }, min: 0, max: 256 }).id("M403"),
        field("ports", Type::List { item: &Type::Object(&PORT), min: 0, max: 256 })
            .id("M404")
            .rule(rules::distinct_service_ports),
        field("location", Type::Word(&["MESH_EXTERNAL", "MESH_INTERNAL"])),
        field("resolution", Type::Word(&["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"])),
        field("endpoints", Type::List { item: &Type::Object(&ENTRY), min: 0, max: 4096 }),
        object("workloadSelector", &WORKLOAD_SELECTOR).id("M402"),
        field("exportTo", TEXTS),
        field("subjectAltNames", TEXTS),
    ],
)
.rules(&[rules::service_entry]);

static PORT: Shape = Shape::of(
    "M404",
    &[
        field("number", UINT32).required().rule(rules::port_in_range),
        text("name").required().limited(256),
        text("protocol").limited(256),
        field("targetPort", UINT32).rule(rules::port_in_range),
    ],
);

/// `workloadSelector` of ServiceEntry and Sidecar.
pub(super) static WORKLOAD_SELECTOR: Shape = Shape::of(
    "M100",
    &[field("labels", Type::Map { value: &Type::Text { max: 63 }, max: 256 }).rule(rules::no_wildcard_values)],
);

static ENTRY: Shape = Shape::of(
    "M100",
    &[
        text("address").limited(256).rule(rules::unix_address),
        field("ports", Type::Map { value: &UINT32, max: 128 }).rule(rules::entry_ports),
        field("labels", Type::Map { value: &TEXT, max: 256 }),
        text("network").limited(2048),
        text("locality").limited(2048),
        field("weight", UINT32),
        text("serviceAccount").limited(253),
    ],
)
.rules(&[rules::workload_entry]);

impl Field {
    /// Bounds the length of a text, in characters.
    const fn limited(mut self, max: usize) -> Field {
        self.ty = Type::Text { max };
        self
    }
}
