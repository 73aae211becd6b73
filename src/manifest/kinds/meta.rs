//! What all objects have: identity, metadata and the place they were read from.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::Labels;
use crate::manifest::source::Position;

/// The kinds of objects that towtank reads, and the `Other` ones it only names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    VirtualService,
    DestinationRule,
    Gateway,
    ServiceEntry,
    WorkloadEntry,
    Sidecar,
    Service,
    Pod,
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    Rollout,
    /// Of Flagger.
    Canary,
    Job,
    CronJob,
    HorizontalPodAutoscaler,
    Endpoints,
    EndpointSlice,
    Namespace,
    Node,
    ConfigMap,
    /// Pods that a scenario lists under `pods`.
    ScenarioPod,
    Other(SmolStr),
}

impl Kind {
    /// One of the kinds of Istio's API that decide where requests go.
    pub(crate) fn is_istio(&self) -> bool {
        matches!(
            self,
            Kind::VirtualService
                | Kind::DestinationRule
                | Kind::Gateway
                | Kind::ServiceEntry
                | Kind::WorkloadEntry
                | Kind::Sidecar
        )
    }

    /// The kind as manifests write it.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Kind::VirtualService => "VirtualService",
            Kind::DestinationRule => "DestinationRule",
            Kind::Gateway => "Gateway",
            Kind::ServiceEntry => "ServiceEntry",
            Kind::WorkloadEntry => "WorkloadEntry",
            Kind::Sidecar => "Sidecar",
            Kind::Service => "Service",
            Kind::Pod | Kind::ScenarioPod => "Pod",
            Kind::Deployment => "Deployment",
            Kind::StatefulSet => "StatefulSet",
            Kind::DaemonSet => "DaemonSet",
            Kind::ReplicaSet => "ReplicaSet",
            Kind::Rollout => "Rollout",
            Kind::Canary => "Canary",
            Kind::Job => "Job",
            Kind::CronJob => "CronJob",
            Kind::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Kind::Endpoints => "Endpoints",
            Kind::EndpointSlice => "EndpointSlice",
            Kind::Namespace => "Namespace",
            Kind::Node => "Node",
            Kind::ConfigMap => "ConfigMap",
            Kind::Other(name) => name,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// Names one object of the mesh. Shared by all that tell of the object: of a large mesh that is nearly everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub(crate) struct ObjectId(Arc<ObjectName>);

/// The parts of a name. `namespace` is empty for kinds without one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub(crate) struct ObjectName {
    pub kind: Kind,
    pub namespace: SmolStr,
    pub name: SmolStr,
}

impl ObjectId {
    pub(crate) fn new(kind: Kind, namespace: impl Into<SmolStr>, name: impl Into<SmolStr>) -> ObjectId {
        ObjectId(Arc::new(ObjectName { kind, namespace: namespace.into(), name: name.into() }))
    }

    /// The same with another namespace.
    pub(crate) fn in_namespace(&self, namespace: SmolStr) -> ObjectId {
        ObjectId::new(self.kind.clone(), namespace, self.name.clone())
    }

    /// The same with another name.
    pub(crate) fn named(&self, name: SmolStr) -> ObjectId {
        ObjectId::new(self.kind.clone(), self.namespace.clone(), name)
    }
}

impl Deref for ObjectId {
    type Target = ObjectName;

    fn deref(&self) -> &ObjectName {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// When an object was created: seconds since 1970, or "now" for manifests that don't say.
///
/// Objects without a timestamp are younger than all that have one, and equally old among themselves (ORD-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) enum CreationTime {
    At(i64),
    #[default]
    Now,
    /// In the course of a change: what is added is younger than all that is there, and what comes again later still.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only plans of changes tell them apart"))]
    Later(u8),
}

/// Metadata that bears on routing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ObjectMeta {
    pub name: SmolStr,
    /// Never empty for namespaced kinds: the namespace option stands in where a document names none.
    pub namespace: SmolStr,
    pub labels: Labels,
    pub annotations: Labels,
    pub created: CreationTime,
    /// A deletion timestamp is there: the object is terminating.
    pub deleted: bool,
    /// `status.conditions`, as the cluster reported them; None where the manifest has no `status`.
    pub conditions: Option<Vec<Condition>>,
    /// It has a `uid` and a `resourceVersion`: it was read from a cluster, where it is in force already.
    pub in_cluster: bool,
}

impl ObjectMeta {
    /// `NAMESPACE/NAME`, as VirtualServices name Gateways (GR-1).
    pub(crate) fn full_name(&self) -> SmolStr {
        format_smolstr!("{}/{}", self.namespace, self.name)
    }
}

/// What a controller says of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    /// For example `Reconciled`, `istio.io/WaypointBound`.
    pub name: SmolStr,
    /// `True`, `False` or `Unknown`.
    pub status: SmolStr,
    pub reason: SmolStr,
    pub message: SmolStr,
}

/// One typed object with its metadata and its place in the sources.
#[derive(Debug, Clone)]
pub(crate) struct Object<T> {
    pub id: ObjectId,
    pub meta: ObjectMeta,
    /// Line and column of the document's first key; `at.document` finds the whole document again.
    pub at: Position,
    pub spec: T,
}

impl<T> Object<T> {
    /// Key of the creation order: time, then name, then namespace (ORD-1).
    pub(crate) fn creation_order(&self) -> (CreationTime, &str, &str) {
        (self.meta.created, &self.meta.name, &self.meta.namespace)
    }
}
