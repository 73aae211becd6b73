//! Where requests end in two tables, by positions: what a region is known by.

use super::side::{Side, Taker};
use crate::envoy::router::{BadRequest, Found, HttpEnd};

/// A position in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Spot {
    pub taker: Taker,
    /// Refused by what reads HTTP, before routing.
    pub refused: bool,
    /// The virtual host; None: no domain takes the authority, or it isn't looked at.
    pub host: Option<u32>,
    /// None: no route.
    pub route: Option<u32>,
}

/// The positions in both tables, and whether the request came over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Spots {
    pub old: Spot,
    pub new: Spot,
    pub tls: bool,
}

impl Spot {
    /// Where the router found a request.
    pub(super) fn of(side: &Side, found: Found) -> Spot {
        let spot = |taker| Spot { taker, refused: false, host: None, route: None };
        let Found::Http { end, .. } = found else { return spot(Side::taker_of(found)) };
        if end == HttpEnd::Refused(BadRequest::TlsToPlainPort) {
            return spot(Taker::TlsToPlain);
        }
        let config = side.chain_found(found).and_then(|chain| side.config_of(chain));
        let at = spot(Taker::Http { config });
        match end {
            HttpEnd::Refused(_) | HttpEnd::PathRedirect { .. } => Spot { refused: true, ..at },
            HttpEnd::NoRouteConfig | HttpEnd::NoVirtualHost { .. } => at,
            HttpEnd::RequireTls { virtual_host, .. } | HttpEnd::NoRoute { virtual_host, .. } => {
                Spot { host: Some(virtual_host), ..at }
            }
            HttpEnd::Route { virtual_host, route, .. } => Spot { host: Some(virtual_host), route: Some(route), ..at },
        }
    }
}
