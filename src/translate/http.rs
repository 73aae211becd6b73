//! HTTP rules of one VirtualService to routes (sections 6 and 7 of the translation rules).

use std::sync::Arc;

use super::Context;
use super::destination::ServiceLookup;
use crate::mesh::VirtualService;
use crate::table::Route;

/// Where the routes are for.
pub(crate) struct HttpSite<'a> {
    /// P: service port on sidecars, `server.port.number` on gateways, 0 for HTTP proxy tables.
    pub port: u16,
    /// G: `mesh`, or the `ns/name` of the gateway that owns the server.
    pub gateway: &'a str,
    /// The server has a `tls` block (RD-2).
    pub is_tls: bool,
    pub lookup: &'a dyn ServiceLookup,
    /// Name of the route configuration, for notes.
    pub route_config: &'a str,
}

/// The routes of `vs` at `site`, in order, cut off after the first catch-all (RT-3). Empty: it doesn't apply (RT-4).
pub(crate) fn routes(cx: &Context<'_>, vs: &VirtualService, site: &HttpSite<'_>) -> Vec<Arc<Route>> {
    let _ = (cx, vs, site);
    todo!("owner: http routes")
}

/// RT-3's definition of a catch-all, which gateways use again to move routes (GW-11).
pub(crate) fn is_catch_all(route: &Route) -> bool {
    let _ = route;
    todo!("owner: http routes")
}
