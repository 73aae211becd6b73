//! The Kubernetes objects that routing depends on, reduced to the fields of section 2.3 of the translation rules.

use std::net::IpAddr;

use smol_str::SmolStr;

use super::{Labels, Managed};

#[derive(Debug, Clone, Default)]
pub(crate) struct Service {
    pub kind: ServiceType,
    /// `clusterIPs`, else `clusterIP`, as written; `None` for a headless service is the text `None`.
    pub cluster_ips: Vec<SmolStr>,
    pub external_name: SmolStr,
    /// Empty selects nothing (LB-2).
    pub selector: Labels,
    pub ports: Vec<ServicePort>,
    pub internal_traffic_policy_local: bool,
    pub traffic_distribution: SmolStr,
    pub publish_not_ready_addresses: bool,
    /// The service was assumed (`--assume`), it is in no manifest.
    pub assumed: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ServiceType {
    #[default]
    ClusterIp,
    NodePort,
    LoadBalancer,
    ExternalName,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ServicePort {
    pub name: SmolStr,
    pub port: u16,
    pub target_port: TargetPort,
    pub protocol: TransportProtocol,
    /// `Some("")` differs from absent (SV-4).
    pub app_protocol: Option<SmolStr>,
    pub node_port: u16,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum TargetPort {
    /// Absent: the service's own port.
    #[default]
    SameAsPort,
    Number(u16),
    Name(SmolStr),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum TransportProtocol {
    #[default]
    Tcp,
    Udp,
    Sctp,
}

/// A pod: one of the manifests, or one that a workload or scenario stands for (`NAME-0` ...).
#[derive(Debug, Clone, Default)]
pub(crate) struct Pod {
    /// Empty where no address is known yet; the mesh gives such pods one.
    pub ips: Vec<IpAddr>,
    pub node_name: SmolStr,
    pub service_account: SmolStr,
    pub phase: PodPhase,
    /// The Ready condition as given; None where the manifest has no such condition.
    pub ready: Option<bool>,
    /// Ports of the containers, and of init containers with `restartPolicy: Always`.
    pub ports: Vec<ContainerPort>,
    /// The workload it comes from, where the manifests hold one instead of the pod.
    pub workload: Option<super::ObjectId>,
    /// The pod was assumed (`--assume`), it is in no manifest.
    pub assumed: bool,
}

impl Pod {
    /// It has ended: no endpoint (EP-1), and no client.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.phase, PodPhase::Succeeded | PodPhase::Failed)
    }
}

/// Labels that Kubernetes gives the pods of a StatefulSet: their names, and their numbers.
pub(crate) const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
pub(crate) const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// A Deployment, StatefulSet, DaemonSet, ReplicaSet, Rollout, Job or CronJob: a number of like pods; of the last two none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workload {
    /// 1 where the manifest doesn't say.
    pub replicas: u32,
    /// The manifest says the number: beside an autoscaler it often doesn't.
    pub says_replicas: bool,
    /// Labels of the pods.
    pub labels: Labels,
    /// Annotations of the pods.
    pub annotations: Labels,
    /// What each pod looks like; without addresses and conditions.
    pub template: Pod,
    /// False where the object has no `template`: it stands for no pods then.
    pub has_template: bool,
    /// The Deployment whose template a Rollout without one of its own takes (`workloadRef.name`).
    pub template_of: Option<SmolStr>,
    /// What the controller of a Rollout writes into other objects; nothing for other kinds.
    pub manages: Managed,
}

/// A HorizontalPodAutoscaler, as far as it says how few pods it may leave.
#[derive(Debug, Clone, Default)]
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "rollouts ask"))]
pub(crate) struct Autoscaler {
    /// Kind and name of what it scales, in its own namespace.
    pub target: (SmolStr, SmolStr),
    /// 1 where it doesn't say; 0 where it may leave none.
    pub min: u32,
    pub max: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum PodPhase {
    #[default]
    Unknown,
    Pending,
    Running,
    Succeeded,
    Failed,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ContainerPort {
    pub name: SmolStr,
    pub port: u16,
    pub protocol: TransportProtocol,
}

/// An EndpointSlice; Endpoints objects are read into the same form, one slice per subset.
#[derive(Debug, Clone, Default)]
pub(crate) struct EndpointSlice {
    /// Label `kubernetes.io/service-name`; for Endpoints the object's name.
    pub service_name: SmolStr,
    pub address_type: AddressType,
    pub endpoints: Vec<SliceEndpoint>,
    pub ports: Vec<SlicePort>,
    /// Read from an Endpoints object.
    pub from_endpoints: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum AddressType {
    #[default]
    Ipv4,
    Ipv6,
    Fqdn,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct SliceEndpoint {
    pub addresses: Vec<SmolStr>,
    pub ready: Option<bool>,
    pub serving: Option<bool>,
    pub terminating: Option<bool>,
    /// `targetRef` of kind Pod: (namespace, name).
    pub pod: Option<(SmolStr, SmolStr)>,
    pub node_name: SmolStr,
    pub zone: SmolStr,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SlicePort {
    pub name: SmolStr,
    /// None: all ports; such an entry names no port to send to.
    pub port: Option<u16>,
    pub protocol: TransportProtocol,
    pub app_protocol: Option<SmolStr>,
}

/// Only its labels matter (they are in the metadata).
#[derive(Debug, Clone, Default)]
pub(crate) struct Namespace {}

/// Only its labels matter (they are in the metadata).
#[derive(Debug, Clone, Default)]
pub(crate) struct KubernetesNode {}
