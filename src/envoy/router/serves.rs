//! Whether a table has anything for a request of its own.

use super::{Found, HttpEnd, RequestView, Router};
use crate::envoy::table::{ChainAction, ClusterName, TcpDestination};

/// Virtual hosts of sidecars for what the mesh doesn't know by the outbound traffic policy.
const FOR_STRANGERS: [&str; 3] = ["allow_any", "block_all", "allow_any_dynamic_dns"];

/// Whether a virtual host, or its route, of that name is there for what the mesh doesn't know.
pub(crate) fn is_for_strangers(name: &str) -> bool {
    FOR_STRANGERS.contains(&name)
}

impl Router {
    /// True where a virtual host of the mesh, or a service behind TCP, takes the request; false where it is let out, kept in or
    /// refused like any other to a host that nobody knows.
    pub(crate) fn serves(&self, request: &RequestView<'_>) -> bool {
        match self.find(request) {
            // What is wrong with a request before any host is looked for says nothing about its host.
            Found::Http { end: HttpEnd::Refused(_) | HttpEnd::PathRedirect { .. }, .. } => {
                self.takes(self.find(&RequestView { method: "GET", path: "/", headers: &[], ..*request }))
            }
            found => self.takes(found),
        }
    }

    fn takes(&self, found: Found) -> bool {
        match found {
            Found::Http { end, .. } => {
                let (HttpEnd::RequireTls { config, virtual_host }
                | HttpEnd::NoRoute { config, virtual_host }
                | HttpEnd::Route { config, virtual_host, .. }) = end
                else {
                    return false;
                };
                self.virtual_host(config, virtual_host).is_some_and(|host| {
                    let answers = host.require_tls || !host.routes.is_empty();
                    answers && !is_for_strangers(&host.name)
                })
            }
            Found::Tcp { listener, chain } => self.chain(listener, chain).is_some_and(|chain| {
                let in_mesh = |name: &ClusterName| name.parts().is_some();
                match &chain.action {
                    ChainAction::Tcp(TcpDestination::Cluster(name)) => in_mesh(name),
                    ChainAction::Tcp(TcpDestination::Weighted(all)) => all.iter().any(|(name, _)| in_mesh(name)),
                    ChainAction::Http { .. } => true,
                }
            }),
            Found::NothingListens | Found::NoChain { .. } | Found::PlainToTls { .. } | Found::VirtualOutbound => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::envoy::request::Request;
    use crate::envoy::router::Switches;
    use crate::envoy::router::testing::*;
    use crate::envoy::table::{RouteTable, VirtualHost};

    fn serves(table: &RouteTable, request: &Request) -> bool {
        Router::new(Arc::new(table.clone()), &Switches::default()).serves(&RequestView::from(request))
    }

    fn with_host(change: impl FnOnce(&mut VirtualHost)) -> RouteTable {
        let mut table = one_host(vec![route(prefix("/a"), to("v1"))]);
        change(Arc::make_mut(&mut table.route_configs[0].virtual_hosts[0]));
        table
    }

    #[test]
    fn a_host_of_the_mesh_serves_what_it_has_no_route_for_too() {
        let table = with_host(|_| ());
        assert!(serves(&table, &request("/a", &[])) && serves(&table, &request("/b", &[])));
        assert!(!serves(&table, &Request { port: Some(81), ..request("/a", &[]) }), "nobody listens");
        assert!(!serves(&with_host(|host| host.routes = Arc::default()), &request("/a", &[])));
        let only_https = with_host(|host| (host.routes, host.require_tls) = (Arc::default(), true));
        assert!(serves(&only_https, &request("/a", &[])));
    }

    #[test]
    fn strangers_are_not_served() {
        for name in ["allow_any", "block_all", "allow_any_dynamic_dns"] {
            assert!(!serves(&with_host(|host| host.name = name.into()), &request("/a", &[])), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_request_says_nothing_about_its_host() {
        let refused = Request { method: "CONNECT".into(), ..request("no path", &[]) };
        assert!(serves(&with_host(|_| ()), &refused));
        assert!(serves(&with_host(|_| ()), &request("/a", &[("no name", "1")])));
        assert!(!serves(&with_host(|host| host.name = "allow_any".into()), &refused));
    }

    #[test]
    fn tcp_serves_where_a_cluster_of_the_mesh_takes_it() {
        let tcp = |destination: TcpDestination| {
            let mut table = with_host(|_| ());
            Arc::make_mut(&mut table.listeners[0]).filter_chains[0].action = ChainAction::Tcp(destination);
            serves(&table, &request("/a", &[]))
        };
        let shop = || ClusterName::outbound(80, "", "shop");
        assert!(tcp(TcpDestination::Cluster(shop())));
        assert!(!tcp(TcpDestination::Cluster(ClusterName::Passthrough)));
        assert!(tcp(TcpDestination::Weighted(vec![(ClusterName::BlackHole, 1), (shop(), 1)])));
        assert!(!tcp(TcpDestination::Weighted(vec![(ClusterName::BlackHole, 1)])));
    }
}
