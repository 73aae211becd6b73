//! Which requests end alike, so that one decision is enough for all of them.
//!
//! They are found at the same place of the table; where consistent hashing decides the endpoint, it sees the same in them.

use std::net::IpAddr;

use crate::parallel::prelude::*;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::sticky::{self, Client};
use super::view::View;
use crate::envoy::balance::hash::xx_hash;
use crate::envoy::decision::{Detail, Variant, decide, variant};
use crate::envoy::request::Request;
use crate::envoy::router::{Found, HttpEnd, RequestView};
use crate::envoy::table::{LbPolicy, RouteAction};
use crate::traffic::streams::Class;

/// Sessions that are kept apart; more are put together, so that memory stays within bounds.
pub(crate) const SESSIONS_MAX: usize = 1 << 17;

/// Unmatched requests that are kept apart by what they ask for, to be shown as examples.
const NAMES_MAX: usize = 1 << 12;

/// Where a request was found, and as what.
type Place = (Found, Variant);

/// What tells requests apart that were found at the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Told {
    Nothing,
    /// What an unmatched request asks for, as a hash: of interest to people only.
    Name(u64),
    /// What consistent hashing makes of it: decides where it goes.
    Session(u64),
}

impl Told {
    /// What both sides of a what-if need.
    fn and(self, other: Told) -> Told {
        match (self, other) {
            (told, Told::Nothing) | (Told::Nothing, told) => told,
            (Told::Name(a), Told::Name(b)) => Told::Name(a ^ b.rotate_left(1)),
            (Told::Session(a) | Told::Name(a), Told::Session(b) | Told::Name(b)) => Told::Session(a ^ b.rotate_left(1)),
        }
    }
}

/// How many more details are kept apart, so that memory stays within bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Room {
    names: usize,
    sessions: usize,
}

impl Room {
    /// Takes one more detail, which wasn't met before; false where there are too many of its kind.
    pub(super) fn holds(&mut self, detail: Told) -> bool {
        let (taken, most) = match detail {
            Told::Nothing => return true,
            Told::Name(_) => (&mut self.names, NAMES_MAX),
            Told::Session(_) => (&mut self.sessions, SESSIONS_MAX),
        };
        let free = *taken < most;
        *taken += usize::from(free);
        free
    }
}

/// What is known of a request and who sends it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'r> {
    pub request: &'r Request,
    pub session: Option<u64>,
    pub client: Option<IpAddr>,
}

/// Classes put together by where they end, each with the weight of all; in the order of the first ones.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// By where they end and by phase.
    classes: IndexMap<(Ends, u32), Class, FxBuildHasher>,
    room: Room,
}

impl Merged {
    /// Adds classes, which pass `now` and, for a what-if, `before`. Sessions beyond [`SESSIONS_MAX`] are put together.
    pub(super) fn add(&mut self, classes: Vec<Class>, now: &View, before: Option<&View>) {
        let ends = |class: &Class| {
            let sender = Sender { request: &class.request, session: class.session, client: class.client };
            (Ends::of(now, before, sender), class.phase)
        };
        let keys: Vec<_> = classes.par_iter().map(ends).collect();
        for (mut class, mut key) in classes.into_iter().zip(keys) {
            if key.0.told != Told::Nothing && !self.classes.contains_key(&key) && !self.room.holds(key.0.told) {
                class.alike &= !matches!(key.0.told, Told::Session(_));
                key.0.told = Told::Nothing;
            }
            match self.classes.get_mut(&key) {
                Some(known) => {
                    known.weight += class.weight;
                    known.alike &= class.alike;
                }
                None => {
                    self.classes.insert(key, class);
                }
            }
        }
    }

    pub(super) fn into_classes(self) -> Vec<Class> {
        self.classes.into_values().collect()
    }
}

/// Where a proxy finds a request, now and, for a what-if, before. In the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Places {
    now: Place,
    before: Option<Place>,
}

/// Where a request is found, and what more tells it from others that are found there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Ends {
    pub at: Places,
    pub told: Told,
}

impl Ends {
    pub(super) fn of(now: &View, before: Option<&View>, sender: Sender<'_>) -> Ends {
        let request = RequestView::from(sender.request);
        let (is, told) = look(now, &request, sender);
        let (was, older) = before.map(|view| look(view, &request, sender)).unzip();
        Ends { at: Places { now: is, before: was }, told: told.and(older.unwrap_or(Told::Nothing)) }
    }
}

fn look(view: &View, request: &RequestView<'_>, sender: Sender<'_>) -> (Place, Told) {
    let visit = view.router.visit(request);
    let found = visit.found;
    let place = (found, variant(&view.router, &visit));
    let detail = match found {
        Found::NothingListens | Found::NoChain { .. } | Found::PlainToTls { .. } | Found::VirtualOutbound => {
            name(request, "")
        }
        Found::Tcp { .. } => Told::Nothing,
        Found::Http { end, .. } => match end {
            HttpEnd::Refused(_) | HttpEnd::NoRouteConfig | HttpEnd::NoVirtualHost { .. } => name(request, ""),
            HttpEnd::NoRoute { .. } => name(request, beginning(request.path)),
            HttpEnd::RequireTls { .. } | HttpEnd::PathRedirect { .. } => Told::Nothing,
            HttpEnd::Route { config, virtual_host, route } => {
                if view.router.decided_by(config, virtual_host, route).hash {
                    session(view, sender)
                } else {
                    Told::Nothing
                }
            }
        },
    };
    (place, detail)
}

/// Requests that match nothing are told apart by what they ask for, so that the most frequent can be shown.
fn name(request: &RequestView<'_>, path: &str) -> Told {
    Told::Name(xx_hash(request.authority.as_bytes()) ^ xx_hash(path.as_bytes()).rotate_left(1))
}

/// The first two segments of a path.
fn beginning(path: &str) -> &str {
    let bare = path.split_once(['?', '#']).map_or(path, |(bare, _)| bare);
    bare.match_indices('/').nth(2).map_or(bare, |(at, _)| bare.get(..at).unwrap_or(bare))
}

/// What consistent hashing makes of a request: those with the same number stay together.
fn session(view: &View, sender: Sender<'_>) -> Told {
    let decision = decide(&view.router, sender.request, Detail::Outcome);
    let policies = match view.route(&decision).map(|r| &r.action) {
        Some(RouteAction::Forward(f)) => f.hash_policies.as_slice(),
        _ => &[],
    };
    let table = view.table();
    // Whoever the client is: what the policies see beside it tells requests apart.
    let client = Client::of(&view.proxy, sender.session, sender.client).or_stand_in();
    let mut bytes = Vec::new();
    for c in decision.clusters.iter() {
        let sticky =
            matches!(table.cluster(&c.name).map(|c| c.lb), Some(LbPolicy::RingHash { .. } | LbPolicy::Maglev { .. }));
        if let (true, Some(upstream)) = (sticky, c.upstream.as_ref().or(decision.upstream.as_ref())) {
            let hash = sticky::hash(policies, sender.request, upstream, client, true);
            bytes.extend(hash.map_or(0, |h| h | 1).to_le_bytes());
            bytes.extend(hash.unwrap_or(0).to_le_bytes());
        }
    }
    if bytes.is_empty() { Told::Nothing } else { Told::Session(xx_hash(&bytes)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_have_two_segments() {
        for (path, wanted) in [("/a/b/c?x", "/a/b"), ("/a", "/a"), ("/", "/"), ("/a/b", "/a/b"), ("/a?b/c/d", "/a")] {
            assert_eq!(beginning(path), wanted);
        }
    }
}
