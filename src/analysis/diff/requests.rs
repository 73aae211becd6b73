//! One request on both sides.

use super::change::{Effect, TableDiff};
use super::clusters::differing;
use super::fields::Compare;
use super::kind::Kind;
use super::outcomes::outcomes_differ;
use super::place::Place;
use super::shared::Shared;
use super::side::Side;
use super::spot::{Spot, Spots};
use crate::analysis::compare::policies;
use crate::envoy::decision::variant;
use crate::envoy::request::Request;
use crate::envoy::router::RequestView;
use crate::envoy::table::Route;

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestChange {
    /// None: it is treated as before.
    pub kind: Option<Kind>,
    /// Position of the change whose region has it.
    pub change: Option<usize>,
}

/// What becomes of one request on one side, whoever else is treated so.
pub(crate) fn fate(side: &Side, request: &Request) -> Effect {
    let found = side.router().find(&RequestView::from(request));
    Effect::of(&Place::of_found(side, found), side)
}

/// The route that takes a request on one side; None where none does.
pub(crate) fn route_of<'t>(side: &'t Side, request: &Request) -> Option<&'t Route> {
    Place::of_found(side, side.router().find(&RequestView::from(request))).route()
}

/// Decides a request on both sides and says which change has it.
pub(crate) fn change(diff: &TableDiff, [old, new]: [&Side; 2], request: &Request) -> RequestChange {
    let view = RequestView::from(request);
    let (was, is) = (old.router().visit(&view), new.router().visit(&view));
    let spots = Spots { old: Spot::of(old, was.found), new: Spot::of(new, is.found), tls: request.tls };
    let index = diff.index.get(&spots).copied();
    let (from, to) = (Place::of_found(old, was.found), Place::of_found(new, is.found));
    let shared = Shared::default();
    let compare = Compare { old: old.table(), new: new.table(), shared: &shared };
    let difference = compare.difference(&from, &to);
    let [preflight_was, preflight_is] =
        [(old, &was), (new, &is)].map(|(side, visit)| variant(side.router(), visit).is_preflight());
    let same_read = old.path_options() == new.path_options()
        && old.table().connection_settings == new.table().connection_settings
        && old.switches() == new.switches();
    let decided = || outcomes_differ([old, new], request);
    let kind = match &difference {
        // A preflight that the proxy answers gets nowhere else.
        Some(_) if preflight_was && preflight_is => {
            let cors = |p: &Place<'_>| p.route().and_then(|r| r.cors.clone());
            (cors(&from) != cors(&to)).then_some(Kind::Altered)
        }
        Some(_) if preflight_was != preflight_is => Some(Kind::Moved),
        Some(d) if d.depends => decided().then_some(d.kind),
        Some(d) => Some(d.kind),
        None if same_read => None,
        None => decided().then_some(Kind::Altered),
    };
    // A connection under other TLS settings than before, where nothing else is to be said of the request.
    let settings = || {
        let chains = (old.chain_found(was.found)?, new.chain_found(is.found)?);
        let terminated = request.tls && chains.0.tls.is_some() && chains.1.tls.is_some();
        let fields = (terminated && chains.0.tls_settings != chains.1.tls_settings)
            .then(|| differing(policies::of_server(chains.0), policies::of_server(chains.1)))?;
        diff.settings.iter().find(|(of, _)| **of == *fields).map(|(_, index)| *index)
    };
    match (kind, settings()) {
        (None, Some(change)) => RequestChange { kind: Some(Kind::Policy), change: Some(change) },
        (None, None) => RequestChange { kind: None, change: None },
        (kind, other) => {
            let reading = || diff.readings.iter().find(|(r, _)| r.concerns(request)).map(|(_, index)| *index);
            RequestChange { kind, change: index.or(other).or_else(reading) }
        }
    }
}
