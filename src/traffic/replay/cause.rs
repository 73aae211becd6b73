//! Why requests to a cluster are lost, and what to change.

use crate::envoy::table::{Cluster, ClusterName, Health, RouteTable};
use crate::manifest::kinds::Labels;

/// What to do about requests that the outbound policy keeps in.
pub(super) const REGISTRY_ONLY: &str = "add a ServiceEntry for the host, or set outboundTrafficPolicy to ALLOW_ANY";

/// Why traffic to a cluster is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Cause {
    UndefinedSubset,
    UnknownPort,
    UnknownHost,
    /// The subset's labels fit no pod of the service.
    NoMatchingPods,
    /// The service has no endpoint at all.
    NoPods,
    /// All endpoints are there, none is ready.
    NoReadyPods,
    /// The outbound policy lets nothing out that the mesh doesn't know.
    RegistryOnly,
}

impl Cause {
    /// In machine-readable forms.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Cause::UndefinedSubset => "undefined_subset",
            Cause::UnknownPort => "unknown_port",
            Cause::UnknownHost => "unknown_host",
            Cause::NoMatchingPods => "no_matching_pods",
            Cause::NoPods => "no_pods",
            Cause::NoReadyPods => "no_ready_pods",
            Cause::RegistryOnly => "registry_only",
        }
    }

    /// In a few words.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Cause::UndefinedSubset => "undefined subset",
            Cause::UnknownPort => "unknown port",
            Cause::UnknownHost => "unknown host",
            Cause::NoMatchingPods => "subset without matching pods",
            Cause::NoPods => "service without pods",
            Cause::NoReadyPods => "no pod is ready",
            Cause::RegistryOnly => "unknown to the mesh, REGISTRY_ONLY",
        }
    }
}

/// Why requests to `name` are lost, and what would be right. None where they aren't.
pub(crate) fn hint(table: &RouteTable, name: &ClusterName) -> Option<(Cause, String)> {
    match name {
        ClusterName::BlackHole => {
            return Some((Cause::RegistryOnly, REGISTRY_ONLY.to_owned()));
        }
        ClusterName::Passthrough | ClusterName::AllowAnyDynamicDns => return None,
        ClusterName::Outbound { .. } | ClusterName::SniDnat { .. } | ClusterName::UnknownService => {}
    }
    match table.cluster(name) {
        Some(cluster) => empty(table, cluster),
        None => Some(missing(table, name)),
    }
}

fn missing(table: &RouteTable, name: &ClusterName) -> (Cause, String) {
    let Some((host, subset, port)) = name.parts() else {
        return (Cause::UnknownHost, "name a host of the mesh".to_owned());
    };
    if !subset.is_empty()
        && let Some(whole) = table.cluster(&ClusterName::outbound(port, "", host))
    {
        return (Cause::UndefinedSubset, undefined_subset(table, whole, host, subset));
    }
    let same_host: Vec<&Cluster> =
        table.clusters.iter().filter(|c| c.name.parts().is_some_and(|(h, s, _)| h == host && s.is_empty())).collect();
    if same_host.is_empty() {
        return (Cause::UnknownHost, unknown_host(table, host));
    }
    let ports: Vec<String> =
        same_host.iter().filter_map(|c| c.name.parts()).map(|(_, _, port)| port.to_string()).collect();
    let text =
        format!("`{host}` has no port {port}; write `port: {{number: {}}}` in the destination", ports.join(" or "));
    (Cause::UnknownPort, text)
}

fn undefined_subset(table: &RouteTable, whole: &Cluster, host: &str, subset: &str) -> String {
    let Some(rule) = &whole.destination_rule else {
        return format!(
            "no DestinationRule applies to `{host}` for this proxy; write one that defines the subset `{subset}`"
        );
    };
    let defined: Vec<&str> = table
        .clusters
        .iter()
        .filter_map(|c| c.name.parts())
        .filter(|(h, s, p)| *h == host && !s.is_empty() && whole.name.parts().is_some_and(|(_, _, port)| port == *p))
        .map(|(_, s, _)| s)
        .collect();
    let known =
        if defined.is_empty() { "it defines none".to_owned() } else { format!("it defines {}", defined.join(", ")) };
    format!("define the subset `{subset}` in {} ({known})", rule.object)
}

fn unknown_host(table: &RouteTable, host: &str) -> String {
    let nearest = table
        .clusters
        .iter()
        .filter_map(|c| c.name.parts())
        .filter(|(_, s, _)| s.is_empty())
        // More than three edits are no slip of the pen.
        .filter(|(h, _, _)| h.len().abs_diff(host.len()) <= 3)
        .map(|(h, _, _)| (strsim::damerau_levenshtein(h, host), h))
        .min();
    match nearest {
        Some((distance, near)) if distance <= 3 => format!("no service is called `{host}`; did you mean `{near}`?"),
        _ => format!("no service is called `{host}`; write a Service or ServiceEntry for it, or correct the host"),
    }
}

fn empty(table: &RouteTable, cluster: &Cluster) -> Option<(Cause, String)> {
    if cluster.endpoints.iter().any(|e| e.health == Health::Healthy) {
        return None;
    }
    if !cluster.endpoints.is_empty() {
        let n = cluster.endpoints.len();
        let text = format!(
            "{n} endpoint{} found, none is ready: see the readiness of the pods",
            if n == 1 { "" } else { "s" }
        );
        return Some((Cause::NoReadyPods, text));
    }
    let (host, _, port) = cluster.name.parts()?;
    let whole = table.cluster(&ClusterName::outbound(port, "", host)).filter(|w| !w.endpoints.is_empty());
    Some(match whole {
        Some(whole) if !cluster.subset_labels.is_empty() => {
            (Cause::NoMatchingPods, other_labels(&cluster.subset_labels, whole))
        }
        _ => {
            (Cause::NoPods, format!("no pod is behind `{host}`: compare the Service's selector with the pods' labels"))
        }
    })
}

/// What the pods of the service have where the subset wants something else.
fn other_labels(wanted: &Labels, whole: &Cluster) -> String {
    let mut found: Vec<String> = Vec::new();
    for (key, _) in wanted.iter() {
        let mut values: Vec<&str> = whole.endpoints.iter().filter_map(|e| e.labels.get(key)).collect();
        values.sort_unstable();
        values.dedup();
        found.push(if values.is_empty() {
            format!("have no label `{key}`")
        } else {
            format!("have {}", values.iter().map(|v| format!("{key}={v}")).collect::<Vec<_>>().join(", "))
        });
    }
    format!("the subset wants {wanted}; the pods of the service {}", found.join("; "))
}
