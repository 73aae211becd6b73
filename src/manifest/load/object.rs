//! One object of a modelled kind: identity, check, decoding.

use smol_str::SmolStr;

use super::document::Context;
use super::workload;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::decode::{self, Decoder};
use crate::manifest::kinds::{
    Autoscaler, DestinationRule, EndpointSlice, Gateway, Kind, KubernetesNode, Managed, Manifests, Namespace, Object,
    ObjectId, PeerAuthentication, Pod, RequestAuthentication, Secret, Service, ServiceEntry, ServiceRoute, Sidecar,
    VirtualService, Workload, WorkloadEntry,
};
use crate::manifest::release::Profile;
use crate::manifest::schema::{self, Checker, Unknown};
use crate::manifest::yaml::Node;

/// A decoded object, on its way to the list of its kind.
pub(super) enum Parsed {
    VirtualService(Object<VirtualService>),
    DestinationRule(Object<DestinationRule>),
    Gateway(Object<Gateway>),
    ServiceEntry(Object<ServiceEntry>),
    WorkloadEntry(Object<WorkloadEntry>),
    Sidecar(Object<Sidecar>),
    Service(Object<Service>),
    Pod(Object<Pod>),
    Workload(Object<Workload>, Vec<Object<Pod>>),
    Canary(Object<Managed>),
    Autoscaler(Object<Autoscaler>),
    EndpointSlices(Vec<Object<EndpointSlice>>),
    Namespace(Object<Namespace>),
    Node(Object<KubernetesNode>),
    Secret(Object<Secret>),
    PeerAuthentication(Object<PeerAuthentication>),
    RequestAuthentication(Object<RequestAuthentication>),
    ServiceRoute(Object<ServiceRoute>),
    /// Of a kind that gives nothing.
    Nothing,
}

impl Parsed {
    pub(super) fn add_to(self, manifests: &mut Manifests) {
        match self {
            Parsed::VirtualService(object) => manifests.virtual_services.push(object),
            Parsed::DestinationRule(object) => manifests.destination_rules.push(object),
            Parsed::Gateway(object) => manifests.gateways.push(object),
            Parsed::ServiceEntry(object) => manifests.service_entries.push(object),
            Parsed::WorkloadEntry(object) => manifests.workload_entries.push(object),
            Parsed::Sidecar(object) => manifests.sidecars.push(object),
            Parsed::Service(object) => manifests.services.push(object),
            Parsed::Pod(object) => manifests.pods.push(object),
            Parsed::Workload(object, pods) => {
                manifests.workloads.push(object);
                manifests.pods.extend(pods);
            }
            Parsed::Canary(object) => manifests.canaries.push(object),
            Parsed::Autoscaler(object) => manifests.autoscalers.push(object),
            Parsed::EndpointSlices(objects) => manifests.endpoint_slices.extend(objects),
            Parsed::Namespace(object) => manifests.namespaces.push(object),
            Parsed::Node(object) => manifests.nodes.push(object),
            Parsed::Secret(object) => manifests.secrets.push(object),
            Parsed::PeerAuthentication(object) => manifests.peer_authentications.push(object),
            Parsed::RequestAuthentication(object) => manifests.request_authentications.push(object),
            Parsed::ServiceRoute(object) => manifests.service_routes.push(object),
            Parsed::Nothing => {}
        }
    }
}

/// The identity of a document, before anything of it is checked.
pub(super) fn id_of(root: &Node<'_>, kind: Kind, namespace: &SmolStr) -> ObjectId {
    let part = |name| {
        let value = root.get("metadata").and_then(|metadata| metadata.get(name));
        value.and_then(Node::to_text).filter(|text| !text.is_empty()).map(SmolStr::new)
    };
    let namespace = match kind {
        Kind::Namespace | Kind::Node => SmolStr::default(),
        _ => part("namespace").unwrap_or_else(|| namespace.clone()),
    };
    ObjectId::new(kind, namespace, part("name").unwrap_or_default())
}

/// Everything the API server has against the object (VA-1).
///
/// Gives the unknown fields besides where nothing but these and the metadata is wrong.
pub(super) fn check(root: &Node<'_>, id: &ObjectId, context: &Context<'_>) -> (Vec<Finding>, Option<Vec<Unknown>>) {
    let Some(shape) = schema::of_kind(&id.kind) else { return (Vec::new(), None) };
    let checker = Checker::new(context.places, Some(id), context.options.unknown_fields, context.options.profile);
    let (mut findings, unknown) = checker.check_object(root, shape);
    if id.name.is_empty() {
        findings.push(no_name(root, id, context));
    }
    (findings, unknown)
}

/// An object that was given a name.
pub(super) fn named(root: &Node<'_>, id: &ObjectId, context: &Context<'_>) -> Finding {
    let message = format!("the {} has no name; `{}` is assumed", id.kind, id.name);
    Finding::new("M100", Severity::Warning, message)
        .on(id.clone())
        .at(context.places.at(root.span))
        .path("metadata.name")
        .hint("give it one with `metadata.name`; the API server refuses it without")
}

/// An object without a name cannot be. Kubernetes objects are left out for it; of Istio's own the refusal counts.
fn no_name(root: &Node<'_>, id: &ObjectId, context: &Context<'_>) -> Finding {
    let metadata = root.get("metadata");
    let place = metadata.filter(|node| node.as_map().is_some()).unwrap_or(root);
    let is_generated = metadata.is_some_and(|node| node.get("generateName").is_some());
    let finding = Finding::new("M100", Severity::Warning, format!("the {} has no name; it is left out", id.kind))
        .on(id.clone())
        .at(context.places.at(place.span))
        .path("metadata.name")
        .hint(if is_generated {
            "`generateName` leaves the name to the API server; give it one with `metadata.name`"
        } else {
            "give it one with `metadata.name`"
        });
    if id.kind.is_istio() { Finding { severity: Severity::Error, ..finding }.rejected() } else { finding }
}

/// Other objects may refer to one of this kind, or Istio's admission judges it.
pub(super) fn matters_refused(kind: &Kind) -> bool {
    kind.is_istio() || *kind == Kind::Service
}

/// Decodes an object of a kind that routes nothing itself, for the checks that ask for it.
pub(super) fn beside(root: &Node<'_>, id: ObjectId, context: &Context<'_>) -> Parsed {
    let mut meta = decode::metadata(root, &context.options.namespace);
    meta.namespace = id.namespace.clone();
    let at = context.places.at(root.span);
    let nothing = Node { span: root.span, value: crate::manifest::yaml::Value::Null };
    let spec = root.get("spec").unwrap_or(&nothing);
    match id.kind.as_str() {
        _ if id.name.is_empty() => Parsed::Nothing,
        "Secret" => Parsed::Secret(Object { id, meta, at, spec: decode::secret(root) }),
        "PeerAuthentication" => {
            Parsed::PeerAuthentication(Object { id, meta, at, spec: decode::peer_authentication(spec) })
        }
        "RequestAuthentication" => {
            Parsed::RequestAuthentication(Object { id, meta, at, spec: decode::request_authentication(spec) })
        }
        "HTTPRoute" | "GRPCRoute" => {
            let spec = decode::service_route(spec, &id.namespace);
            Parsed::ServiceRoute(Object { id, meta, at, spec })
        }
        _ => Parsed::Nothing,
    }
}

/// The document without fields that the release doesn't have.
pub(super) fn known<'t>(root: &Node<'t>, id: &ObjectId, profile: Profile) -> Node<'t> {
    schema::of_kind(&id.kind).map_or_else(|| root.clone(), |shape| schema::as_known(root, shape, profile).into_owned())
}

/// Decodes an object that passed its check.
pub(super) fn decode(root: &Node<'_>, id: ObjectId, context: &Context<'_>, findings: &mut Vec<Finding>) -> Parsed {
    let decoder = Decoder { places: context.places };
    let mut meta = decode::metadata(root, &context.options.namespace);
    meta.namespace = id.namespace.clone();
    meta.name = id.name.clone();
    let at = context.places.at(root.span);
    let nothing = Node { span: root.span, value: crate::manifest::yaml::Value::Null };
    let spec = root.get("spec").unwrap_or(&nothing);
    let status = root.get("status");
    match id.kind {
        _ if id.name.is_empty() => Parsed::Nothing,
        Kind::VirtualService => {
            Parsed::VirtualService(Object { id, meta, at, spec: decode::virtual_service(spec, decoder) })
        }
        Kind::DestinationRule => {
            Parsed::DestinationRule(Object { id, meta, at, spec: decode::destination_rule(spec, decoder) })
        }
        Kind::Gateway => Parsed::Gateway(Object { id, meta, at, spec: decode::gateway(spec, decoder) }),
        Kind::ServiceEntry => {
            Parsed::ServiceEntry(Object { id, meta, at, spec: decode::service_entry(spec, status, decoder) })
        }
        Kind::WorkloadEntry => {
            Parsed::WorkloadEntry(Object { id, meta, at, spec: decode::workload_entry(spec, decoder) })
        }
        Kind::Sidecar => Parsed::Sidecar(Object { id, meta, at, spec: decode::sidecar(spec, decoder) }),
        Kind::Service => Parsed::Service(Object { id, meta, at, spec: decode::service(spec) }),
        Kind::Pod | Kind::ScenarioPod => {
            Parsed::Pod(Object { id, meta, at, spec: decode::pod(root.get("spec"), status) })
        }
        Kind::Deployment
        | Kind::StatefulSet
        | Kind::DaemonSet
        | Kind::ReplicaSet
        | Kind::Rollout
        | Kind::Job
        | Kind::CronJob => {
            let spec = decode::workload(spec, &id);
            let workload = Object { id, meta, at, spec };
            let pods = workload::pods_of(&workload, findings);
            Parsed::Workload(workload, pods)
        }
        Kind::Canary => {
            let spec = decode::canary(spec, &id.namespace);
            Parsed::Canary(Object { id, meta, at, spec })
        }
        Kind::HorizontalPodAutoscaler => Parsed::Autoscaler(Object { id, meta, at, spec: decode::autoscaler(spec) }),
        Kind::Endpoints => {
            let slices = decode::endpoints(root, &id.name);
            let object = |spec| Object { id: id.clone(), meta: meta.clone(), at, spec };
            Parsed::EndpointSlices(slices.into_iter().map(object).collect())
        }
        Kind::EndpointSlice => {
            let spec = decode::endpoint_slice(root, &meta.labels);
            Parsed::EndpointSlices(vec![Object { id, meta, at, spec }])
        }
        Kind::Namespace => Parsed::Namespace(Object { id, meta, at, spec: Namespace {} }),
        Kind::Node => Parsed::Node(Object { id, meta, at, spec: KubernetesNode {} }),
        Kind::ConfigMap | Kind::Other(_) => Parsed::Nothing,
    }
}
