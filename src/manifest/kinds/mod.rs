//! Typed manifests: one struct for each kind that bears on routing, as its author wrote it.
//!
//! In: document nodes of the room `yaml`. Out: [`Manifests`], lists of typed objects with the place they came from, and
//! findings about documents whose shape the API server would refuse (rule VA-1). Each object stands alone here: nothing is
//! looked up in other objects, no short name is made full, no default of the mesh is applied; an absent field stays absent.
//! What Istio's own admission says about the values is the work of the room `admission`.

mod common;
pub(crate) mod decode;
mod destination_rule;
mod duration;
mod gateway;
mod kubernetes;
mod managed;
mod mesh_config;
mod meta;
mod not_modelled;
pub(crate) mod place;
mod security;
mod service_entry;
mod sidecar;
mod timestamp;
mod virtual_service;
mod walk;

pub(crate) use common::*;
pub(crate) use destination_rule::*;
pub(crate) use gateway::*;
pub(crate) use kubernetes::*;
pub(crate) use managed::*;
pub(crate) use mesh_config::*;
pub(crate) use meta::*;
pub(crate) use not_modelled::*;
pub(crate) use security::*;
pub(crate) use service_entry::*;
pub(crate) use sidecar::*;
pub(crate) use timestamp::timestamp;
pub(crate) use virtual_service::*;
pub(crate) use walk::{Header, Visit, VisitBoth};

use crate::manifest::release::Profile;

/// Every object of the loaded sources that bears on routing, by kind, in the order they were read.
///
/// The same (kind, namespace, name) occurs at most once: a later document replaced the earlier one and kept its
/// creation timestamp (ORD-1).
#[derive(Debug, Default, Clone)]
pub(crate) struct Manifests {
    pub virtual_services: Vec<Object<VirtualService>>,
    pub destination_rules: Vec<Object<DestinationRule>>,
    pub gateways: Vec<Object<Gateway>>,
    pub service_entries: Vec<Object<ServiceEntry>>,
    pub workload_entries: Vec<Object<WorkloadEntry>>,
    pub sidecars: Vec<Object<Sidecar>>,
    pub services: Vec<Object<Service>>,
    /// Pods, and the pods that workloads (Deployment, StatefulSet, ...) and a scenario's `pods` stand for.
    pub pods: Vec<Object<Pod>>,
    /// Deployments and their like, as they were written; the pods they stand for are among `pods`.
    pub workloads: Vec<Object<Workload>>,
    /// Flagger's, as far as they tell what it manages.
    pub canaries: Vec<Object<Managed>>,
    /// What changes the number of a workload's pods while it runs. How many there are here is what the workload says.
    pub autoscalers: Vec<Object<Autoscaler>>,
    pub endpoint_slices: Vec<Object<EndpointSlice>>,
    pub namespaces: Vec<Object<Namespace>>,
    /// Kubernetes' Nodes, which tell by their labels where pods are.
    pub nodes: Vec<Object<KubernetesNode>>,
    pub secrets: Vec<Object<Secret>>,
    pub peer_authentications: Vec<Object<PeerAuthentication>>,
    pub request_authentications: Vec<Object<RequestAuthentication>>,
    /// HTTPRoutes and GRPCRoutes, as far as they are for Services.
    pub service_routes: Vec<Object<ServiceRoute>>,
    /// Objects of kinds that are known but not modelled (EnvoyFilter, AuthorizationPolicy, ...), for `not evaluated` notes and as
    /// the limits of what is proven.
    pub not_modelled: Vec<NotModelled>,
    /// MeshConfig found in a ConfigMap `istio`, an IstioOperator or the option `--mesh-config`; defaults where there is none.
    pub mesh_config: MeshConfig,
    /// Which Istio reads them.
    pub profile: Profile,
}
