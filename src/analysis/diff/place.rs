//! Where a request can end up on one side, as data: what takes it there, and what becomes of it.

use std::borrow::Cow;

use smol_str::{SmolStr, format_smolstr};

use super::side::{Side, Taker};
use crate::analysis::compare::End;
use crate::envoy::outcome::{Counted, Outcome, cluster_shares};
use crate::envoy::router::{BadRequest, Found, HttpEnd};
use crate::envoy::table::{
    AbortStatus, ChainAction, ClusterName, FilterChain, Forward, ForwardTo, Fraction, Route, RouteAction, RouteSource,
    RouteTable, TcpDestination, VirtualHost,
};
use crate::envoy::words;

/// What takes the requests of a region on one side.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'t> {
    /// No connection, for this reason.
    NoListener(&'static str),
    /// The virtual outbound listener's cluster (LI-4).
    Outbound(&'t ClusterName),
    /// Proxied as TCP by a filter chain.
    Tcp(&'t FilterChain, &'t TcpDestination),
    /// Refused before routing.
    Refused(BadRequest),
    /// No virtual host, or none of its routes, takes it.
    NoRoute(Option<&'t VirtualHost>),
    /// Plain requests are sent to https before any route is looked at (GW-9).
    RequireTls(&'t VirtualHost),
    Route(&'t VirtualHost, &'t Route),
}

impl<'t> Place<'t> {
    /// What takes connections that don't get to routes; None: they get there.
    pub(super) fn of_taker(side: &'t Side, taker: Taker) -> Option<Place<'t>> {
        Some(match taker {
            Taker::Nothing => Place::NoListener("nothing listens there"),
            Taker::Closed => Place::NoListener("no filter chain takes the connection: it is closed"),
            Taker::PlainToTls => Place::NoListener("plain text was sent to a port that expects TLS"),
            Taker::TlsToPlain => Place::Refused(BadRequest::TlsToPlainPort),
            Taker::Outbound => match &side.table().virtual_outbound {
                Some(outbound) => Place::Outbound(&outbound.cluster),
                None => Place::NoListener("nothing listens there"),
            },
            Taker::Tcp { listener, chain } => match side.chain(listener, chain) {
                Some(chain) => match &chain.action {
                    ChainAction::Tcp(destination) => Place::Tcp(chain, destination),
                    ChainAction::Http { .. } => return None,
                },
                None => Place::NoListener("nothing listens there"),
            },
            Taker::Http { config: None } => Place::NoRoute(None),
            Taker::Http { config: Some(_) } => return None,
        })
    }

    /// Where a request was found.
    pub(super) fn of_found(side: &'t Side, found: Found) -> Place<'t> {
        if let Found::Http { end, .. } = found {
            let host = |config, host| side.virtual_host(config, host).map(|h| &**h);
            match end {
                HttpEnd::Refused(reason) => return Place::Refused(reason),
                // What its path looks like is refused in this form, whatever the routes are (VE-14).
                HttpEnd::PathRedirect { .. } => return Place::Refused(BadRequest::PathNormalization),
                HttpEnd::NoRouteConfig | HttpEnd::NoVirtualHost { .. } => return Place::NoRoute(None),
                HttpEnd::RequireTls { config, virtual_host } => {
                    return host(config, virtual_host).map_or(Place::NoRoute(None), Place::RequireTls);
                }
                HttpEnd::NoRoute { config, virtual_host } => return Place::NoRoute(host(config, virtual_host)),
                HttpEnd::Route { config, virtual_host, route } => {
                    let host = host(config, virtual_host);
                    let route = host.and_then(|h| Some(Place::Route(h, h.routes.get(route as usize)?)));
                    return route.unwrap_or(Place::NoRoute(None));
                }
            }
        }
        Place::of_taker(side, Side::taker_of(found)).unwrap_or(Place::NoRoute(None))
    }

    pub(super) fn route(&self) -> Option<&'t Route> {
        match self {
            Place::Route(_, route) => Some(route),
            _ => None,
        }
    }

    pub(super) fn forward(&self) -> Option<&'t Forward> {
        match &self.route()?.action {
            RouteAction::Forward(forward) => Some(forward),
            _ => None,
        }
    }

    /// Where it was written; None: by nobody.
    pub(super) fn source(&self) -> Option<&'t RouteSource> {
        match self {
            Place::Route(_, route) => route.source.as_ref(),
            Place::Tcp(chain, _) => chain.source.as_ref(),
            _ => None,
        }
    }

    /// What does it, where nobody wrote that: a service's default route, the outbound policy.
    pub(super) fn by(&self) -> SmolStr {
        match self {
            Place::NoListener(_) => "no listener".into(),
            Place::Refused(_) => "refused before routing".into(),
            Place::Outbound(_) => "the outbound policy".into(),
            Place::Tcp(..) => "the listener".into(),
            Place::NoRoute(None) => "no virtual host".into(),
            Place::NoRoute(Some(host)) | Place::RequireTls(host) => host.name.clone(),
            Place::Route(host, route) if route.name.is_empty() => host.name.clone(),
            Place::Route(host, route) if route.name == "default" => format_smolstr!("default route of {}", host.name),
            Place::Route(_, route) => route.name.clone(),
        }
    }

    /// As what requests are sent on; None where they aren't.
    pub(super) fn protocol(&self) -> Option<&'static str> {
        match self {
            Place::Outbound(_) | Place::Tcp(..) => Some("TCP"),
            _ => self.forward().map(|_| "HTTP"),
        }
    }

    /// The clusters that requests are sent to, with weights; none where they are answered here.
    pub(super) fn clusters(&self) -> Vec<(&'t ClusterName, u32)> {
        match self {
            Place::Outbound(cluster) => vec![(cluster, 1)],
            Place::Tcp(_, TcpDestination::Cluster(cluster)) => vec![(cluster, 1)],
            Place::Tcp(_, TcpDestination::Weighted(all)) => all.iter().map(|(c, w)| (c, *w)).collect(),
            _ => match self.forward().map(|f| &f.destination) {
                Some(ForwardTo::Cluster(d)) => vec![(&d.cluster, 1)],
                Some(ForwardTo::Weighted(all)) => all.iter().map(|w| (&w.destination.cluster, w.weight)).collect(),
                None => Vec::new(),
            },
        }
    }

    /// How requests end, with exact shares that add up to 1; each end once.
    pub(super) fn ends(&self, table: &RouteTable) -> Vec<(End, f64)> {
        let mut out: Vec<(End, f64)> = Vec::new();
        let mut add = |end: End, share: f64| match out.iter_mut().find(|(e, _)| *e == end) {
            _ if share <= 0.0 => {}
            Some((_, s)) => *s += share,
            None => out.push((end, share)),
        };
        let answer = |outcome, status| End::Answer { outcome, status };
        let (mut through, mut spoken) = (1.0, None);
        match self {
            Place::NoListener(_) => spoken = Some(answer(Outcome::NoListener, None)),
            Place::Refused(reason) => spoken = Some(answer(Outcome::BadRequest, Some(reason.answer().0))),
            Place::NoRoute(_) => spoken = Some(answer(Outcome::NoRoute, Some(404))),
            Place::RequireTls(_) => spoken = Some(answer(Outcome::Redirect, Some(301))),
            Place::Outbound(_) | Place::Tcp(..) => {}
            Place::Route(host, route) => {
                if let Some((status, share)) = abort(route) {
                    add(answer(Outcome::FaultAbort, Some(status)), share);
                    through -= share;
                }
                spoken = match &route.action {
                    RouteAction::Forward(_) => None,
                    RouteAction::Redirect(r) => Some(answer(Outcome::Redirect, Some(r.status))),
                    RouteAction::DirectResponse(r) => {
                        // The answer of REGISTRY_ONLY to hosts the mesh doesn't know (VH-14).
                        let blocked = route.source.is_none() && host.name == "block_all";
                        let outcome = if blocked { Outcome::BlackholeCluster } else { Outcome::DirectResponse };
                        Some(answer(outcome, u16::try_from(r.status).ok()))
                    }
                    RouteAction::Nothing => Some(answer(Outcome::NoRoute, Some(404))),
                };
            }
        }
        match spoken {
            Some(end) => add(end, through),
            None => {
                for share in cluster_shares(table, &self.clusters()) {
                    let tcp = matches!(self, Place::Tcp(..) | Place::Outbound(_));
                    let outcome = if tcp && share.outcome == Outcome::Delivered { Outcome::Tcp } else { share.outcome };
                    add(End::Cluster { cluster: share.name, outcome }, through * share.share);
                }
            }
        }
        out
    }

    /// What becomes of requests, in a few words: `reviews:9080/v1 90 %, reviews:9080/v2 10 %`.
    pub(super) fn deed(&self, table: &RouteTable) -> String {
        let end = match self {
            Place::NoListener(why) => return (*why).to_owned(),
            Place::Refused(reason) => return format!("{} {}", reason.answer().0, reason.reason()),
            Place::NoRoute(_) => return "404 NR: no route matches".to_owned(),
            Place::RequireTls(_) => return "redirect 301 to https".to_owned(),
            Place::Route(_, route) => match &route.action {
                RouteAction::Redirect(r) => Some(words::redirect(r)),
                RouteAction::DirectResponse(r) => Some(format!("answer {}", r.status)),
                RouteAction::Nothing => Some("no action: Envoy refuses the table".to_owned()),
                RouteAction::Forward(_) => None,
            },
            Place::Outbound(_) | Place::Tcp(..) => None,
        };
        let abort = self.route().and_then(abort).filter(|(_, share)| *share > 0.0);
        let abort = abort.map(|(status, share)| format!("abort {status} {}", words::percent(share)));
        let ends = self.ends(table);
        let several = ends.len() > 1;
        let of_cluster = |(end, share): &(End, f64)| {
            let End::Cluster { cluster, outcome } = end else { return None };
            let lost: Cow<'_, str> = match outcome {
                Outcome::NoCluster => " (lost: 503 NC)".into(),
                Outcome::NoEndpoints => " (lost: 503 UH)".into(),
                Outcome::Tcp => " as TCP".into(),
                _ => "".into(),
            };
            let share = if several { format!(" {}", words::percent(*share)) } else { String::new() };
            Some(format!("{}{share}{lost}", destination(cluster)))
        };
        let clusters = ends.iter().filter_map(of_cluster);
        abort.into_iter().chain(end).chain(clusters).collect::<Vec<_>>().join(", ")
    }
}

fn destination(cluster: &ClusterName) -> String {
    match cluster {
        ClusterName::BlackHole => "kept in by the outbound policy".to_owned(),
        ClusterName::Passthrough => "let out as dialled".to_owned(),
        other => words::cluster(other),
    }
}

/// Status and share of the requests that a fault answers.
fn abort(route: &Route) -> Option<(u16, f64)> {
    let abort = route.fault.as_ref()?.abort.as_ref()?;
    let status = match abort.status {
        AbortStatus::Http(status) => u16::try_from(status).unwrap_or(u16::MAX),
        AbortStatus::Grpc(_) => 200,
    };
    Some((status, abort.fraction.map_or(0.0, share).min(1.0)))
}

pub(super) fn share(f: Fraction) -> f64 {
    f64::from(f.numerator) / f64::from(f.denominator.max(1))
}

/// The share of requests whose end is counted like that.
pub(crate) fn counted(ends: &[(End, f64)], as_what: Counted) -> f64 {
    ends.iter().filter(|(end, _)| end.outcome().counted() == as_what).map(|(_, share)| share).sum()
}
