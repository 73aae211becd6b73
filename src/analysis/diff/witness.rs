//! Requests that show a change, confirmed by the routers of both sides before anybody sees them.

use std::net::{IpAddr, Ipv4Addr};

use smol_str::SmolStr;

use super::hosts::Hosts;
use super::outcomes::outcomes_differ;
use super::regions::{List, Probe};
use super::scope::Scope;
use super::side::{Dial, Side};
use super::spot::{Spot, Spots};
use crate::analysis::symbolic::{self, Example};
use crate::envoy::request::Request;
use crate::envoy::router::RequestView;
use crate::envoy::table::VirtualHost;

/// An address that is kept for documentation, to dial where the authority's own one would lead elsewhere.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Requests of one class of connections and authorities.
pub(super) struct Attempt<'w, 't> {
    pub sides: [&'t Side; 2],
    pub dial: &'w Dial,
    /// None: the authority isn't looked at.
    pub hosts: Option<&'w Hosts>,
    pub lists: (&'w List<'t>, &'w List<'t>),
    /// The spots of positions in the lists.
    pub spots: &'w dyn Fn(usize, usize) -> Spots,
    /// None: all requests are meant.
    pub scope: Option<&'w Scope>,
}

impl<'t> Attempt<'_, 't> {
    /// The virtual host of the new side, else of the old one.
    pub(super) fn host(&self) -> Option<&'t VirtualHost> {
        self.lists.1.host().or(self.lists.0.host())
    }

    /// A request over a class of connections, that both sides get as far as its taker.
    pub(super) fn of_connection(sides: [&Side; 2], dial: &Dial) -> Option<Request> {
        let authority = dial.sni.clone().unwrap_or_else(|| "any.example".into());
        let request = over(Request::new("GET", authority, "/"), dial);
        let takes =
            |side: &Side| Spot::of(side, side.router().find(&RequestView::from(&request))).taker == side.taker(dial);
        sides.into_iter().all(takes).then_some(request)
    }
}

/// The request of an example over a connection of the class; None where some value can't be sent.
pub(super) fn request(example: &Example, host: &str, dial: &Dial, to_gateway: bool) -> Option<Request> {
    let mut request = over(symbolic::request(example, host)?, dial);
    if to_gateway {
        // It says itself what the connection is, whatever the client sends.
        request.headers.retain(|(name, _)| name != "x-forwarded-proto");
    }
    Some(request)
}

/// The request as it comes over a connection of the class.
fn over(mut request: Request, dial: &Dial) -> Request {
    let default = if dial.tls { 443 } else { 80 };
    request.port = (dial.port != default).then_some(dial.port);
    request.tls = dial.tls;
    if !dial.http {
        // Neither a path nor a URL.
        request.path = "any.example:80".into();
    }
    request.address = dial.address;
    request.dialled_host = dial.name.clone().filter(|name| !name.eq_ignore_ascii_case(&request.authority));
    if dial.tls {
        let own =
            crate::envoy::authority::Authority::of(dial.name.as_deref().unwrap_or(&request.authority)).server_name();
        match &dial.sni {
            Some(name) if own.as_deref() == Some(name.as_str()) => {}
            Some(name) => request.sni = Some(name.clone()),
            // An address has no name to ask for.
            None => {
                request.dialled_host =
                    Some(dial.address.map_or_else(|| "192.0.2.1".into(), |a| SmolStr::new(a.to_string())));
            }
        }
    }
    request
}

impl Probe for Attempt<'_, '_> {
    fn land(&self, example: &Example) -> Option<(usize, usize, Request)> {
        let own = self.dial.name.as_deref().or(self.dial.sni.as_deref()).unwrap_or("any.example");
        let host = self.hosts.map_or(own, |h| h.example.as_str());
        let request = request(example, host, self.dial, self.sides[1].is_gateway())?;
        let elsewhere = || {
            let is_free = self.dial.name.is_none() && self.dial.address.is_none() && !self.dial.tls;
            is_free.then(|| Request { address: Some(ELSEWHERE), ..request.clone() })
        };
        let land = |request: Request| {
            let view = RequestView::from(&request);
            let [a, b] = self.sides.map(|s| Spot::of(s, s.router().find(&view)));
            let at = |list: &List<'_>, spot: Spot| list.position(spot.route);
            let (i, j) = (at(self.lists.0, a)?, at(self.lists.1, b)?);
            let spots = (self.spots)(i, j);
            (spots.old == a && spots.new == b).then_some((i, j, request))
        };
        land(request.clone()).or_else(|| land(elsewhere()?))
    }

    fn is_meant(&self, request: &Request) -> bool {
        self.scope.is_none_or(|scope| self.sides.iter().any(|side| scope.has_request(side, request)))
    }

    fn differs(&self, request: &Request) -> bool {
        outcomes_differ(self.sides, request)
    }
}
