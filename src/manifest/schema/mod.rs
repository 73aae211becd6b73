//! The structural schema of each kind: what the API server checks before Istio's own validation sees an object (VA-1).
//!
//! The tables say what Istio's custom resource definitions say: the fields of every block with their types, which are
//! required, which exclude one another, and the ranges and small rules that go with them. One generic walk, [`check`],
//! holds a document against a table and collects everything that is wrong. It looks at one document alone, and
//! knows nothing of what the values mean: that is the work of the room `admission`.
//!
//! Tables of Kubernetes kinds list only the fields that towtank reads; they are `open`, their other fields pass unseen.

mod check;
mod destination_rule;
mod gateway;
mod hints;
mod kubernetes;
mod mesh_config;
mod metadata;
mod prune;
mod rules;
mod service_entry;
mod sidecar;
mod virtual_service;

use crate::manifest::yaml::Node;

pub(crate) use check::{Checker, OF_OTHERS, Unknown, UnknownFields};
pub(crate) use hints::nearest;
pub(crate) use mesh_config::MESH_CONFIG;
pub(crate) use prune::as_known;

use crate::manifest::kinds::Kind;
use crate::manifest::release::{Difference, Profile};

/// The fields of one object, or of a block within one.
pub(crate) struct Shape {
    /// Id of the check that problems with this block belong to, unless the field has one of its own.
    id: &'static str,
    fields: &'static [Field],
    /// Groups of fields of which at most one may be given.
    exclusive: &'static [&'static [&'static str]],
    /// Conditions on the block as a whole.
    rules: &'static [Rule],
    /// Other fields exist and do not matter here.
    open: bool,
}

/// A condition that a table cannot say; it reports to the checker.
type Rule = fn(&mut Checker<'_>, &Node<'_>);

/// One field of a [`Shape`].
struct Field {
    name: &'static str,
    ty: Type,
    required: bool,
    /// Id of the check that problems with this field belong to; empty: the shape's.
    id: &'static str,
    rule: Option<Rule>,
    /// Releases without this difference don't have the field; None: all have it.
    since: Option<Difference>,
}

/// What a value must be.
#[derive(Clone, Copy)]
enum Type {
    /// A string of at most so many characters. Numbers and booleans are refused (M127).
    Text {
        max: usize,
    },
    /// A string, where numbers and booleans become text: metadata, and the string fields of Kubernetes kinds.
    LenientText,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// One of these strings, the last of which only Istios with the difference know.
    NewWord(&'static [&'static str], Difference),
    /// A string with base64 in it, which may be empty only before VE-19.
    Base64,
    /// A string with a Go duration, of at least one millisecond where `positive`.
    Duration {
        positive: bool,
    },
    Bool,
    /// A whole number within bounds, both included.
    Int {
        min: i64,
        max: i64,
    },
    /// A number within bounds, both included.
    Number {
        min: f64,
        max: f64,
    },
    /// A port number from 0 to 65535 or the name of a port.
    PortOrName,
    /// A list of `min` to `max` entries.
    List {
        item: &'static Type,
        min: usize,
        max: usize,
    },
    /// An object with keys of the author's choice, at most `max`.
    Map {
        value: &'static Type,
        max: usize,
    },
    Object(&'static Shape),
    /// Anything.
    Any,
}

const UNLIMITED: usize = usize::MAX;
const TEXT: Type = Type::Text { max: UNLIMITED };
const INT32: Type = Type::Int { min: i32::MIN as i64, max: i32::MAX as i64 };
const UINT32: Type = Type::Int { min: 0, max: u32::MAX as i64 };
const UINT64: Type = Type::Int { min: 0, max: i64::MAX };
const DOUBLE: Type = Type::Number { min: f64::NEG_INFINITY, max: f64::INFINITY };
/// At least one millisecond.
const DURATION: Type = Type::Duration { positive: true };
/// Only the form is checked.
const ANY_DURATION: Type = Type::Duration { positive: false };
const TEXTS: Type = list(&TEXT);
const TEXT_MAP: Type = Type::Map { value: &TEXT, max: UNLIMITED };

const fn list(item: &'static Type) -> Type {
    Type::List { item, min: 0, max: UNLIMITED }
}

const fn field(name: &'static str, ty: Type) -> Field {
    Field { name, ty, required: false, id: "", rule: None, since: None }
}

const fn text(name: &'static str) -> Field {
    field(name, TEXT)
}

const fn object(name: &'static str, shape: &'static Shape) -> Field {
    field(name, Type::Object(shape))
}

impl Field {
    const fn required(mut self) -> Field {
        self.required = true;
        self
    }

    const fn id(mut self, id: &'static str) -> Field {
        self.id = id;
        self
    }

    const fn rule(mut self, rule: Rule) -> Field {
        self.rule = Some(rule);
        self
    }

    const fn since(mut self, difference: Difference) -> Field {
        self.since = Some(difference);
        self
    }

    /// Whether the resource definitions of that Istio have the field.
    fn is_in(&self, profile: Profile) -> bool {
        self.since.is_none_or(|difference| profile.has(difference))
    }
}

impl Shape {
    const fn of(id: &'static str, fields: &'static [Field]) -> Shape {
        // The checker remembers the fields that it saw as bits of one word.
        assert!(fields.len() <= 64);
        Shape { id, fields, exclusive: &[], rules: &[], open: false }
    }

    const fn open(mut self) -> Shape {
        self.open = true;
        self
    }

    const fn exclusive(mut self, groups: &'static [&'static [&'static str]]) -> Shape {
        self.exclusive = groups;
        self
    }

    const fn rules(mut self, rules: &'static [Rule]) -> Shape {
        self.rules = rules;
        self
    }
}

/// The shape of a whole document of this kind, from `apiVersion` to `status`; `None` for kinds that are not modelled.
pub(crate) fn of_kind(kind: &Kind) -> Option<&'static Shape> {
    Some(match kind {
        Kind::VirtualService => &virtual_service::VIRTUAL_SERVICE,
        Kind::DestinationRule => &destination_rule::DESTINATION_RULE,
        Kind::Gateway => &gateway::GATEWAY,
        Kind::ServiceEntry => &service_entry::SERVICE_ENTRY,
        Kind::WorkloadEntry => &service_entry::WORKLOAD_ENTRY,
        Kind::Sidecar => &sidecar::SIDECAR,
        Kind::Service => &kubernetes::SERVICE,
        Kind::Pod | Kind::ScenarioPod => &kubernetes::POD,
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicaSet | Kind::Rollout | Kind::Job => {
            &kubernetes::WORKLOAD
        }
        Kind::CronJob => &kubernetes::CRON_JOB,
        Kind::HorizontalPodAutoscaler => &kubernetes::AUTOSCALER,
        Kind::Endpoints => &kubernetes::ENDPOINTS,
        Kind::EndpointSlice => &kubernetes::ENDPOINT_SLICE,
        Kind::Namespace => &kubernetes::NAMESPACE,
        Kind::Node | Kind::Canary => &kubernetes::METADATA_ONLY,
        Kind::ConfigMap => &kubernetes::CONFIG_MAP,
        Kind::Other(_) => return None,
    })
}
