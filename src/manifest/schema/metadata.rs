//! The schema of `metadata`, the same for all kinds.

use super::*;

/// `status` is the cluster's own; only a ServiceEntry's addresses are read from it.
pub(super) const STATUS: Type = Type::Any;

const LENIENT_MAP: Type = Type::Map { value: &Type::LenientText, max: UNLIMITED };

/// ObjectMeta of Kubernetes. Values that are to be text become text, as they do for typed readers.
pub(super) static METADATA: Shape = Shape::of(
    "M100",
    &[
        field("name", Type::LenientText),
        field("generateName", Type::LenientText),
        field("namespace", Type::LenientText),
        field("labels", LENIENT_MAP),
        field("annotations", LENIENT_MAP),
        text("creationTimestamp").rule(rules::timestamp),
        text("deletionTimestamp").rule(rules::timestamp),
        field("deletionGracePeriodSeconds", Type::Any),
        field("selfLink", Type::Any),
        field("uid", Type::Any),
        field("resourceVersion", Type::Any),
        field("generation", Type::Any),
        field("ownerReferences", Type::Any),
        field("finalizers", Type::Any),
        field("managedFields", Type::Any),
    ],
);

/// The metadata of a pod template: no name, and what else is there does not matter.
pub(super) static TEMPLATE_METADATA: Shape =
    Shape::of("M100", &[field("labels", LENIENT_MAP), field("annotations", LENIENT_MAP)]).open();
