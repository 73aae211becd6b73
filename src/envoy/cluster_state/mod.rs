//! Whether a cluster delivers, and if not, why: the one place that says so.
//!
//! In: a route table and the name of a cluster. Out: a [`ClusterState`] with its [`Cause`]. Decisions, tables of routes and
//! replays all ask here, so that no two of them contradict each other (envoy-matching 6.3 and 10.1 to 10.3).

mod cause;
mod hashing;
mod load;

pub(crate) use cause::{Cause, remedy, wrong};
pub(crate) use hashing::{Consistent, endpoint_shares, hash_key, takes_hashes};
pub(crate) use load::priority_loads;

use std::sync::Arc;

use crate::envoy::table::{Cluster, ClusterName, DiscoveryType, Endpoint, Health, RouteTable};

/// What requests to a cluster meet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ClusterState<'t> {
    /// BlackHoleCluster: the outbound policy keeps them in.
    KeptIn,
    /// Let out as dialled, or where the host name points: not a host of the mesh.
    LetOut,
    /// The table doesn't tell of it, or which it is isn't evaluated: whether it delivers is unknown (CF-5, CF-6).
    Unknown,
    /// The proxy has no cluster of that name: 503 `NC`.
    Missing(Cause),
    /// No endpoint can take requests: 503 `UH`.
    Empty(&'t Cluster, Cause),
    /// A host of the mesh whose endpoints can't run out: requests go where the client dialled, or where the name points.
    AsDialled(&'t Cluster),
    /// The endpoints that requests can be sent to, at least one, in the table's order.
    Ready(&'t Cluster, Vec<&'t Endpoint>),
}

impl<'t> ClusterState<'t> {
    /// Looks `name` up in the table.
    pub(crate) fn of(table: &'t RouteTable, name: &ClusterName) -> ClusterState<'t> {
        ClusterState::of_found(table, name, table.cluster(name))
    }

    /// The same with what the table has of that name.
    pub(crate) fn of_found(
        table: &'t RouteTable,
        name: &ClusterName,
        found: Option<&'t Arc<Cluster>>,
    ) -> ClusterState<'t> {
        match name {
            ClusterName::BlackHole => return ClusterState::KeptIn,
            ClusterName::Passthrough | ClusterName::AllowAnyDynamicDns => return ClusterState::LetOut,
            ClusterName::FromHeader(_) | ClusterName::NotEvaluated(_) => return ClusterState::Unknown,
            ClusterName::Outbound { .. }
            | ClusterName::SniDnat { .. }
            | ClusterName::UnknownService
            | ClusterName::Other(_) => {}
        }
        let Some(cluster) = found else {
            let is_told = table.extent.clusters;
            return if is_told { ClusterState::Missing(cause::missing(table, name)) } else { ClusterState::Unknown };
        };
        match cluster.discovery {
            DiscoveryType::Eds if !table.extent.endpoints && cluster.endpoints.is_empty() => ClusterState::Unknown,
            DiscoveryType::OriginalDst | DiscoveryType::DynamicForwardProxy => ClusterState::AsDialled(cluster),
            DiscoveryType::Eds | DiscoveryType::StrictDns | DiscoveryType::LogicalDns | DiscoveryType::Static => {
                let endpoints = usable_endpoints(cluster);
                if endpoints.is_empty() {
                    ClusterState::Empty(cluster, cause::empty(table, cluster))
                } else {
                    ClusterState::Ready(cluster, endpoints)
                }
            }
        }
    }

    /// Why requests are lost; None where they aren't.
    pub(crate) fn cause(&self) -> Option<Cause> {
        match self {
            ClusterState::KeptIn => Some(Cause::RegistryOnly),
            ClusterState::Missing(cause) | ClusterState::Empty(_, cause) => Some(*cause),
            ClusterState::LetOut | ClusterState::Unknown | ClusterState::AsDialled(_) | ClusterState::Ready(..) => None,
        }
    }

    /// How many of the endpoints that requests are sent to are not ready: so few are that Envoy uses all of them
    /// (panic mode, 10.3). 0 in all other states.
    pub(crate) fn used_unready(&self) -> usize {
        match self {
            ClusterState::Ready(_, endpoints) => endpoints.iter().filter(|e| e.health != Health::Healthy).count(),
            _ => 0,
        }
    }
}

/// The endpoints of a cluster that can get a request, in the table's order (10.1 to 10.3).
///
/// Priorities that get no load have none. Where too few are healthy for the panic threshold, all of a priority are used;
/// a threshold of 0, Istio's default, switches that off.
fn usable_endpoints(cluster: &Cluster) -> Vec<&Endpoint> {
    let loads = priority_loads(cluster);
    let takes = |e: &&Endpoint| loads.iter().any(|load| load.takes(e));
    cluster.endpoints.iter().filter(takes).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::envoy::proxy::ProxyKind;
    use crate::envoy::router::testing::{cluster, table};
    use crate::envoy::words;

    #[test]
    fn s6_3_missing_and_empty_clusters() {
        let mut table = table(ProxyKind::Sidecar);
        Arc::make_mut(&mut table.clusters).push(cluster("v1", 0, 1).into());
        Arc::make_mut(&mut table.clusters).push(cluster("v2", 1, 0).into());
        for (subset, cause, text) in [
            ("v1", Some(Cause::NoReadyPods), Some("none of the 1 endpoints of subset `v1` of `shop` is ready")),
            ("v2", None, None),
            ("v3", Some(Cause::UndefinedSubset), Some("subset `v3` of `shop` is not defined; there are v1, v2")),
        ] {
            let name = ClusterName::outbound(80, subset, "shop");
            let state = ClusterState::of(&table, &name);
            assert_eq!(state.cause(), cause);
            assert_eq!(wrong(&table, &name).as_deref(), text);
            assert_eq!(remedy(&table, &name).is_some(), cause.is_some());
        }
    }

    #[test]
    fn cl_8_a_defined_subset_that_dns_gives_no_endpoint_is_not_called_undefined() {
        let mut table = table(ProxyKind::Sidecar);
        let mut whole = cluster("", 1, 0);
        whole.unmade_subsets = vec!["v1".into()];
        Arc::make_mut(&mut table.clusters).push(whole.into());
        let of = |subset: &str| ClusterState::of(&table, &ClusterName::outbound(80, subset, "shop")).cause();
        assert_eq!((of("v1"), of("v2")), (Some(Cause::SubsetWithoutEndpoints), Some(Cause::UndefinedSubset)));
    }

    #[test]
    fn s6_3_a_subset_of_an_unknown_host_is_no_matter_of_the_subset() {
        let table = table(ProxyKind::Sidecar);
        let name = ClusterName::outbound(80, "v1", "nowhere");
        assert_eq!(ClusterState::of(&table, &name), ClusterState::Missing(Cause::UnknownHost));
    }

    #[test]
    fn s6_3_ports_are_told_once() {
        let mut table = table(ProxyKind::Sidecar);
        Arc::make_mut(&mut table.clusters).push(cluster("", 1, 0).into());
        Arc::make_mut(&mut table.clusters).push(cluster("v1", 1, 0).into());
        let sni = ClusterName::SniDnat { port: 80, subset: "".into(), host: "shop".into() };
        Arc::make_mut(&mut table.clusters).push(Cluster { name: sni, ..cluster("", 1, 0) }.into());
        let name = ClusterName::outbound(81, "", "shop");
        assert_eq!(wrong(&table, &name).as_deref(), Some("`shop` has no port 81; it has 80"));
        let remedy = remedy(&table, &name).expect("a remedy");
        assert_eq!(remedy, "`shop` has no port 81; write `port: {number: 80}` in the destination");
    }

    #[test]
    fn s10_3_panic_mode_delivers_to_endpoints_that_are_not_ready() {
        let mut table = table(ProxyKind::Sidecar);
        Arc::make_mut(&mut table.clusters).push(Cluster { healthy_panic_threshold: 50, ..cluster("v1", 0, 1) }.into());
        let name = ClusterName::outbound(80, "v1", "shop");
        let state = ClusterState::of(&table, &name);
        assert_eq!((state.cause(), state.used_unready()), (None, 1));
        assert_eq!((wrong(&table, &name), remedy(&table, &name)), (None, None));
        assert_eq!(words::state(&state), "1 pod, 1 of them not ready: panic mode, all are used");
    }
}
