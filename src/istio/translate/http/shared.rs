//! What routes of a VirtualService are made of, so that proxies that agree in it get the same ones.

use std::sync::Arc;

use smol_str::SmolStr;

use super::HttpSite;
use crate::envoy::table::{Note, Route};
use crate::istio::mesh::{Service, VirtualService};
use crate::istio::translate::Context;
use crate::istio::translate::parts::{address, address_or_0};

/// The routes of one VirtualService at one site.
pub(crate) struct MadeRoutes {
    pub(in crate::istio::translate) routes: Arc<[Arc<Route>]>,
    pub(in crate::istio::translate) notes: Vec<Note>,
    /// Their addresses are in the key.
    pub(super) _services: Vec<Option<Arc<Service>>>,
}

/// All that the routes of a VirtualService depend on.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct RoutesKey {
    virtual_service: usize,
    port: u16,
    is_tls: bool,
    gateway: SmolStr,
    route_config: SmolStr,
    /// Which matches that ask who the client is hold for the proxy (RT-2), in their order, 32 in a word; then for each host that
    /// the rules send to the service that it means here (DP-2), and the DestinationRule that holds for it (HA-1).
    decided: Vec<usize>,
}

impl RoutesKey {
    /// With the services whose addresses are in it.
    pub(super) fn of(
        cx: &Context<'_>,
        vs: &Arc<VirtualService>,
        site: &HttpSite<'_>,
    ) -> (RoutesKey, Vec<Option<Arc<Service>>>) {
        let depends = vs.depends();
        let mut decided = Vec::with_capacity(depends.sources.len().div_ceil(32) + 2 * depends.hosts.len());
        for some in depends.sources.chunks(32) {
            let bits = some.iter().map(|(rule, entry)| {
                let m = vs.http.get(*rule).and_then(|r| r.route.matches.get(*entry));
                m.is_some_and(|m| m.is_for(&cx.proxy.labels, &cx.proxy.namespace))
            });
            decided.push(bits.fold(0, |word, bit| word << 1 | usize::from(bit)));
        }
        let mut services = Vec::with_capacity(depends.hosts.len());
        for host in &depends.hosts {
            let service = site.lookup.service(host, &vs.object.namespace);
            decided.push(address_or_0(service.as_deref()));
            decided.push(address_or_0(cx.rule(host)));
            services.push(service);
        }
        let key = RoutesKey {
            virtual_service: address(&**vs),
            port: site.port,
            is_tls: site.is_tls,
            gateway: site.gateway.into(),
            route_config: site.route_config.into(),
            decided,
        };
        (key, services)
    }
}
