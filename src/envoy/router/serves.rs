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
