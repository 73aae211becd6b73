//! Admitted manifests on which Istio's control plane panics while it makes clusters. Until they are gone no proxy that sees
//! them gets its configuration, so what is shown for them is what would be meant.

use smol_str::SmolStr;

use super::policy::EffectivePolicy;
use super::{has_cluster, locality};
use crate::envoy::proxy::Proxy;
use crate::envoy::table::{Note, NoteKind};
use crate::istio::mesh::{EndpointFilter, MergedDestinationRule, Mesh, Port, Resolution, Service};
use crate::manifest::kinds::Labels;

/// Why Istio panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Crash {
    /// Outlier detection for a wildcard that is resolved when requests come (DYNAMIC_DNS).
    OutlierDetection,
    /// Failover by labels, or a traffic distribution, among the localities of a DNS cluster.
    FailoverPriority,
}

impl Crash {
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Crash::OutlierDetection => "outlier detection for a host with resolution DYNAMIC_DNS",
            Crash::FailoverPriority => {
                "failover by labels, or a traffic distribution, for a DNS host with endpoints in several localities"
            }
        }
    }

    /// Says it beside what is shown.
    pub(super) fn note(self, service: &Service, rule: Option<&MergedDestinationRule>) -> Note {
        let message = format!(
            "Istio's control plane panics on `{}`: {}; no proxy that sees both gets its configuration",
            service.hostname,
            self.describe()
        );
        let (object, at) = rule.map_or((&service.object, service.at), |r| (&r.object, r.at));
        Note {
            kind: NoteKind::Remark,
            rule: "CL-8",
            message,
            object: Some(object.clone()),
            at,
            route_config: SmolStr::default(),
            virtual_host: SmolStr::default(),
        }
    }
}

/// What makes Istio panic over the clusters of one port as the proxy sees it, if anything does.
pub(crate) fn crash(
    mesh: &Mesh,
    proxy: &Proxy,
    service: &Service,
    port: &Port,
    rule: Option<&MergedDestinationRule>,
) -> Option<Crash> {
    if !matches!(service.resolution, Resolution::Dns | Resolution::DynamicDns) || !has_cluster(mesh, service, port) {
        return None;
    }
    let base = EffectivePolicy::of_port(&mesh.config, rule, port.number);
    if service.resolution == Resolution::DynamicDns {
        return base.outlier_detection.map(|_| Crash::OutlierDetection);
    }
    let all = Labels::default();
    let subsets = rule.iter().flat_map(|r| &r.subsets);
    let policies = std::iter::once((base, &all))
        .chain(subsets.map(|s| (base.for_subset(s, port.number, mesh.profile), &s.labels)));
    for (policy, labels) in policies {
        if !locality::fails_over_by_labels(&mesh.config, service, &policy) {
            continue;
        }
        let filter = EndpointFilter { subset: labels, send_unhealthy: true, keep_to_node: true };
        let endpoints = mesh.endpoints.of(service, port, proxy, filter);
        if endpoints.iter().any(|e| endpoints.first().is_some_and(|first| first.locality != e.locality)) {
            return Some(Crash::FailoverPriority);
        }
    }
    None
}
