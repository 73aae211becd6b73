//! Which documents are read, by API group and kind.

use crate::manifest::kinds::Kind;

/// What is to be done with a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Read and decoded.
    Modelled(Kind),
    /// An IstioOperator, which may hold a mesh configuration.
    IstioOperator,
    /// Configures routing or what goes with it, and is only named in notes.
    NotModelled,
    /// A Kubernetes Ingress, which Istio may serve; only named in notes.
    Ingress,
    /// A kind or version of an Istio group that does not exist as far as known.
    UnknownIstio,
    /// No concern of ours.
    Foreign,
    /// A file of towtank itself.
    Own,
}

/// Kinds of `networking.istio.io` that are read.
const NETWORKING: [Kind; 6] = [
    Kind::VirtualService,
    Kind::DestinationRule,
    Kind::Gateway,
    Kind::ServiceEntry,
    Kind::WorkloadEntry,
    Kind::Sidecar,
];

/// Kinds of Kubernetes' core that are read.
static CORE: [Kind; 6] = [Kind::Service, Kind::Pod, Kind::Endpoints, Kind::Namespace, Kind::Node, Kind::ConfigMap];

/// Kinds of `apps` that are read.
static WORKLOADS: [Kind; 4] = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::ReplicaSet];

/// Istio kinds that are known and not modelled, by group.
const ISTIO_NOT_MODELLED: &[(&str, &[&str])] = &[
    ("networking.istio.io", &["EnvoyFilter", "ProxyConfig", "WorkloadGroup"]),
    ("security.istio.io", &["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"]),
    ("telemetry.istio.io", &["Telemetry"]),
    ("extensions.istio.io", &["WasmPlugin", "TrafficExtension"]),
    // Istio routes by these too; their names don't clash with Istio's own kinds, but for Gateway.
    ("gateway.networking.k8s.io", &["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute"]),
];

/// Tells what a document of this `apiVersion` and `kind` is. The API group decides, not the kind's name alone: other
/// products have a VirtualService too.
pub(super) fn classify(api_version: &str, kind: &str) -> Class {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if group == "towtank" {
        return Class::Own;
    }
    let not_modelled = || ISTIO_NOT_MODELLED.iter().any(|(name, kinds)| *name == group && kinds.contains(&kind));
    match group {
        "" if version == "v1" => core_kind(kind),
        "apps" | "extensions" => workload_kind(kind),
        "batch" if kind == "Job" => Class::Modelled(Kind::Job),
        "batch" if kind == "CronJob" => Class::Modelled(Kind::CronJob),
        "autoscaling" if kind == "HorizontalPodAutoscaler" => Class::Modelled(Kind::HorizontalPodAutoscaler),
        "argoproj.io" if kind == "Rollout" => Class::Modelled(Kind::Rollout),
        "flagger.app" if kind == "Canary" => Class::Modelled(Kind::Canary),
        "discovery.k8s.io" if kind == "EndpointSlice" => Class::Modelled(Kind::EndpointSlice),
        "networking.istio.io" => {
            let modelled = NETWORKING.iter().find(|known| known.as_str() == kind);
            match modelled {
                _ if !matches!(version, "v1" | "v1beta1" | "v1alpha3") && !not_modelled() => Class::UnknownIstio,
                Some(kind) => Class::Modelled(kind.clone()),
                None if not_modelled() => Class::NotModelled,
                None => Class::UnknownIstio,
            }
        }
        "networking.k8s.io" if kind == "Ingress" => Class::Ingress,
        "install.istio.io" if kind == "IstioOperator" => Class::IstioOperator,
        _ if not_modelled() => Class::NotModelled,
        _ if is_istio_group(group) => Class::UnknownIstio,
        _ => Class::Foreign,
    }
}

/// Whether an API group belongs to Istio.
pub(super) fn is_istio_group(group: &str) -> bool {
    group == "istio.io" || group.ends_with(".istio.io")
}

/// Names of the kinds of Istio's groups, for suggestions.
pub(super) fn istio_kinds() -> impl Iterator<Item = &'static str> {
    const NAMES: [&str; 6] =
        ["VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "WorkloadEntry", "Sidecar"];
    NAMES.into_iter().chain(ISTIO_NOT_MODELLED.iter().flat_map(|(_, kinds)| kinds.iter().copied()))
}

/// Kinds of Kubernetes that are read, each with the `apiVersion` that it has.
pub(super) fn kubernetes_kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    let core = CORE.iter().map(|kind| (kind.as_str(), "v1"));
    core.chain(WORKLOADS.iter().map(|kind| (kind.as_str(), "apps/v1")))
}

/// Whether Kubernetes has a kind of that name in its core or beside its workloads, which is no slip for another one.
pub(super) fn is_kubernetes_kind(kind: &str) -> bool {
    const NAMES: [&str; 15] = [
        "Binding",
        "ComponentStatus",
        "ControllerRevision",
        "Event",
        "LimitRange",
        "List",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "PodList",
        "PodTemplate",
        "ReplicationController",
        "ResourceQuota",
        "Secret",
        "ServiceAccount",
        "Status",
    ];
    NAMES.contains(&kind)
}

fn core_kind(kind: &str) -> Class {
    modelled(&CORE, kind)
}

fn workload_kind(kind: &str) -> Class {
    modelled(&WORKLOADS, kind)
}

fn modelled(kinds: &[Kind], name: &str) -> Class {
    kinds.iter().find(|kind| kind.as_str() == name).map_or(Class::Foreign, |kind| Class::Modelled(kind.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart_by_their_group() {
        for version in ["v1", "v1beta1", "v1alpha3"] {
            let api_version = format!("networking.istio.io/{version}");
            for kind in NETWORKING {
                assert_eq!(classify(&api_version, kind.as_str()), Class::Modelled(kind.clone()));
            }
        }
        let cases = [
            ("networking.istio.io/v2", "VirtualService", Class::UnknownIstio),
            ("networking.istio.io/v1", "VirtualServise", Class::UnknownIstio),
            ("networking.istio.io/v1alpha3", "EnvoyFilter", Class::NotModelled),
            ("networking.istio.io/v1beta1", "ProxyConfig", Class::NotModelled),
            ("security.istio.io/v1", "PeerAuthentication", Class::NotModelled),
            ("config.istio.io/v1alpha2", "rule", Class::UnknownIstio),
            ("appmesh.k8s.aws/v1beta2", "VirtualService", Class::Foreign),
            ("gateway.networking.k8s.io/v1", "Gateway", Class::Foreign),
            ("gateway.networking.k8s.io/v1", "HTTPRoute", Class::NotModelled),
            ("v1", "Service", Class::Modelled(Kind::Service)),
            ("serving.knative.dev/v1", "Service", Class::Foreign),
            ("v1", "Secret", Class::Foreign),
            ("apps/v1", "Deployment", Class::Modelled(Kind::Deployment)),
            ("batch/v1", "Job", Class::Modelled(Kind::Job)),
            ("batch/v1", "CronJob", Class::Modelled(Kind::CronJob)),
            ("autoscaling/v1", "HorizontalPodAutoscaler", Class::Modelled(Kind::HorizontalPodAutoscaler)),
            ("autoscaling/v2", "HorizontalPodAutoscaler", Class::Modelled(Kind::HorizontalPodAutoscaler)),
            ("autoscaling.k8s.io/v1", "VerticalPodAutoscaler", Class::Foreign),
            ("argoproj.io/v1alpha1", "Rollout", Class::Modelled(Kind::Rollout)),
            ("flagger.app/v1beta1", "Canary", Class::Modelled(Kind::Canary)),
            ("discovery.k8s.io/v1", "EndpointSlice", Class::Modelled(Kind::EndpointSlice)),
            ("install.istio.io/v1alpha1", "IstioOperator", Class::IstioOperator),
            ("towtank/v1", "Scenario", Class::Own),
            ("", "Service", Class::Foreign),
        ];
        for (api_version, kind, class) in cases {
            assert_eq!(classify(api_version, kind), class, "{api_version} {kind}");
        }
    }
}
