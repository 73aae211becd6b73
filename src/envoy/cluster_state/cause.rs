//! Why requests to a cluster are lost, and what to change.

use std::sync::Arc;

use super::ClusterState;
use crate::envoy::table::{Cluster, ClusterName, RouteTable};
use crate::manifest::kinds::Labels;
use crate::order::Order as _;

/// What to do about requests that the outbound policy keeps in.
const REGISTRY_ONLY: &str = "add a ServiceEntry for the host, or set outboundTrafficPolicy to ALLOW_ANY";

/// Why traffic to a cluster is lost; of all the reasons that a table can show, one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// Host and port exist, the subset doesn't.
    UndefinedSubset,
    /// The subset is defined; none of the names that DNS resolves has its labels, so there is no cluster (CL-8).
    SubsetWithoutEndpoints,
    /// The host exists on other ports.
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
            Cause::SubsetWithoutEndpoints => "subset_without_endpoints",
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
            Cause::SubsetWithoutEndpoints => "subset without endpoints",
            Cause::UnknownPort => "unknown port",
            Cause::UnknownHost => "unknown host",
            Cause::NoMatchingPods => "subset without matching pods",
            Cause::NoPods => "service without pods",
            Cause::NoReadyPods => "no pod is ready",
            Cause::RegistryOnly => "unknown to the mesh, REGISTRY_ONLY",
        }
    }
}

/// Why there is no cluster `name`, as far as the table shows it.
pub(super) fn missing(table: &RouteTable, name: &ClusterName) -> Cause {
    let Some((host, subset, port)) = name.parts() else { return Cause::UnknownHost };
    if !subset.is_empty()
        && let Some(whole) = table.cluster(&ClusterName::outbound(port, "", host))
    {
        let is_defined = whole.unmade_subsets.iter().any(|s| s == subset);
        return if is_defined { Cause::SubsetWithoutEndpoints } else { Cause::UndefinedSubset };
    }
    if !table.has_cluster_of(host) {
        Cause::UnknownHost
    } else if of_host(table, host).any(|(_, p)| p == port) {
        Cause::UndefinedSubset
    } else {
        Cause::UnknownPort
    }
}

/// Why the cluster has no endpoint that takes requests.
pub(super) fn empty(table: &RouteTable, cluster: &Cluster) -> Cause {
    if unready(table, cluster) > 0 {
        Cause::NoReadyPods
    } else if !cluster.subset_labels.is_empty() && whole_with_endpoints(table, cluster).is_some() {
        Cause::NoMatchingPods
    } else {
        Cause::NoPods
    }
}

/// What is wrong with the cluster, in one sentence; None where its requests aren't lost, or a name says it all.
pub(crate) fn wrong(table: &RouteTable, name: &ClusterName) -> Option<String> {
    let (host, subset, port) = name.parts()?;
    let of = if subset.is_empty() { format!("`{host}`") } else { format!("subset `{subset}` of `{host}`") };
    Some(match ClusterState::of(table, name) {
        ClusterState::Missing(Cause::UndefinedSubset) => match subsets(table, host, port).as_slice() {
            [] => {
                format!("no DestinationRule that the proxy sees defines subset `{subset}` of `{host}`, nor any other")
            }
            some => format!("subset `{subset}` of `{host}` is not defined; there are {}", some.join(", ")),
        },
        ClusterState::Missing(Cause::SubsetWithoutEndpoints) => {
            format!(
                "no endpoint of `{host}` has the labels of subset `{subset}`, and what DNS resolves has no cluster then"
            )
        }
        ClusterState::Missing(Cause::UnknownPort) => {
            format!("`{host}` has no port {port}; it has {}", ports(table, host).join(", "))
        }
        ClusterState::Missing(_) => format!("the proxy knows no host `{host}`"),
        ClusterState::Empty(cluster, Cause::NoReadyPods) => {
            format!("none of the {} endpoints of {of} is ready", unready(table, cluster))
        }
        ClusterState::Empty(..) => format!("{of} has no endpoint at port {port}"),
        ClusterState::KeptIn
        | ClusterState::LetOut
        | ClusterState::Unknown
        | ClusterState::AsDialled(_)
        | ClusterState::Ready(..) => {
            return None;
        }
    })
}

/// Why requests to `name` are lost, and what to change. None where they aren't.
pub(crate) fn remedy(table: &RouteTable, name: &ClusterName) -> Option<String> {
    let state = ClusterState::of(table, name);
    let (host, subset, port) = name.parts().unwrap_or_default();
    Some(match (state.cause()?, state) {
        (Cause::RegistryOnly, _) => REGISTRY_ONLY.to_owned(),
        (Cause::UndefinedSubset, _) => undefined_subset(table, host, subset, port),
        (Cause::SubsetWithoutEndpoints, _) => {
            format!(
                "give the ServiceEntry of `{host}` `endpoints` with the labels of subset `{subset}`, or route to the host without it"
            )
        }
        (Cause::UnknownPort, _) => {
            let ports = ports(table, host).join(" or ");
            format!("`{host}` has no port {port}; write `port: {{number: {ports}}}` in the destination")
        }
        (Cause::NoReadyPods, ClusterState::Empty(cluster, _)) => {
            let n = unready(table, cluster);
            let s = if n == 1 { "" } else { "s" };
            format!("{n} endpoint{s} found, none is ready: see the readiness of the pods")
        }
        (Cause::NoMatchingPods, ClusterState::Empty(cluster, _)) => other_labels(table, cluster),
        (Cause::NoPods | Cause::NoMatchingPods | Cause::NoReadyPods, _) if host.contains(".svc.") => {
            format!(
                "no pod is behind `{host}` for this client: compare the Service's selector and target port with the pods, and see whether it keeps to the client's node (internalTrafficPolicy) or locality"
            )
        }
        (Cause::NoPods | Cause::NoMatchingPods | Cause::NoReadyPods, _) => {
            format!(
                "no endpoint is behind `{host}`: give its ServiceEntry `endpoints`, or a `workloadSelector` that fits"
            )
        }
        (Cause::UnknownHost, _) if host.is_empty() => "name a host of the mesh".to_owned(),
        (Cause::UnknownHost, _) => unknown_host(table, host),
    })
}

/// Subset and port of all clusters of a host, in the table's order.
fn of_host<'t>(table: &'t RouteTable, host: &str) -> impl Iterator<Item = (&'t str, u16)> {
    let parts = table.clusters.iter().filter_map(|c| c.name.parts());
    parts.filter(move |(h, _, _)| *h == host).map(|(_, subset, port)| (subset, port))
}

/// The subsets that a host has at a port, each once.
fn subsets<'t>(table: &'t RouteTable, host: &str, port: u16) -> Vec<&'t str> {
    let mut all: Vec<&str> = Vec::new();
    for (subset, p) in of_host(table, host) {
        if p == port && !subset.is_empty() && !all.contains(&subset) {
            all.push(subset);
        }
    }
    all
}

/// The ports of a host, each once, in the table's order.
fn ports(table: &RouteTable, host: &str) -> Vec<String> {
    let mut all: Vec<u16> = Vec::new();
    for (_, port) in of_host(table, host) {
        if !all.contains(&port) {
            all.push(port);
        }
    }
    all.iter().map(ToString::to_string).collect()
}

/// How many endpoints a cluster has of which none takes requests. Those of a subset may stand with its service alone, whose own policy
/// keeps what is not ready.
fn unready(table: &RouteTable, cluster: &Cluster) -> usize {
    let whole = whole_with_endpoints(table, cluster).filter(|_| !cluster.subset_labels.is_empty());
    let all = whole.map(|whole| &*whole.endpoints).unwrap_or_default();
    cluster.endpoints.len().max(all.iter().filter(|e| cluster.subset_labels.is_subset_of(&e.labels)).count())
}

/// The cluster of all pods of a subset's service, where there are any.
fn whole_with_endpoints<'t>(table: &'t RouteTable, cluster: &Cluster) -> Option<&'t Arc<Cluster>> {
    let (host, _, port) = cluster.name.parts()?;
    table.cluster(&ClusterName::outbound(port, "", host)).filter(|whole| !whole.endpoints.is_empty())
}

fn undefined_subset(table: &RouteTable, host: &str, subset: &str, port: u16) -> String {
    let whole = table.cluster(&ClusterName::outbound(port, "", host));
    let Some(rule) = whole.and_then(|w| w.destination_rule.as_ref()) else {
        return format!(
            "no DestinationRule applies to `{host}` for this proxy; write one that defines the subset `{subset}`"
        );
    };
    let known = match subsets(table, host, port).as_slice() {
        [] => "it defines none".to_owned(),
        defined => format!("it defines {}", defined.join(", ")),
    };
    format!("define the subset `{subset}` in {} ({known})", rule.object)
}

fn unknown_host(table: &RouteTable, host: &str) -> String {
    // A name with a dot is taken for a whole one.
    let is_whole = |whole: &&str| {
        let rest = whole.strip_prefix(host).unwrap_or_default();
        rest.starts_with(".svc.") || (host.ends_with(".svc") && rest.starts_with('.'))
    };
    let whole = table.clusters.iter().filter_map(|c| c.name.parts()).map(|(h, _, _)| h).filter(is_whole).min();
    if let Some(whole) = whole {
        return format!("this proxy knows no service `{host}`, which nobody completes; write `{whole}`");
    }
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
        Some((distance, near)) if distance <= 3 => {
            format!("this proxy knows no service `{host}`; did you mean `{near}`?")
        }
        _ => format!(
            "this proxy knows no service `{host}`: write a Service or ServiceEntry for it, or correct the host; one that is there has to have ports, and to be exported to the namespace `{}`",
            table.proxy.namespace
        ),
    }
}

/// What the pods of the service have where the subset wants something else.
fn other_labels(table: &RouteTable, cluster: &Cluster) -> String {
    let wanted: &Labels = &cluster.subset_labels;
    let all = whole_with_endpoints(table, cluster).map(|whole| &*whole.endpoints).unwrap_or_default();
    let mut found: Vec<String> = Vec::new();
    for (key, _) in wanted.iter() {
        let mut values: Vec<&str> = all.iter().filter_map(|e| e.labels.get(key)).collect();
        values.order_alike();
        values.dedup();
        found.push(if values.is_empty() {
            format!("have no label `{key}`")
        } else {
            format!("have {}", values.iter().map(|v| format!("{key}={v}")).collect::<Vec<_>>().join(", "))
        });
    }
    format!("the subset wants {wanted}; the pods of the service {}", found.join("; "))
}
