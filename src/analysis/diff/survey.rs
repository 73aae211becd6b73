//! One table and a scope: every place that requests of the scope can get to, and which of them get to one where they mustn't.

use smol_str::SmolStr;

use super::hosts::Hosts;
use super::place::Place;
use super::region::Region;
use super::regions::{self, Aim, Effort, List};
use super::scope::Scope;
use super::side::{Dial, Side, Taker};
use super::spot::{Spot, Spots};
use super::table::{base, looks_at_authority, regexes};
use super::witness::Attempt;
use crate::analysis::compare::End;
use crate::analysis::symbolic::{Conditions, Languages, paths_differ};
use crate::envoy::outcome::Outcome;
use crate::envoy::request::Request;
use crate::envoy::table::{RouteAction, RouteSource};

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Survey {
    /// How many places were looked at: routes over a class of connections and authorities, and what takes the place of routes.
    pub regions: usize,
    /// Requests of the scope that are wrong, at most one for each place, confirmed by the router.
    pub wrong: Vec<Request>,
    /// Places that are wrong, of which it isn't decided whether a request gets there.
    pub open: Vec<Open>,
    /// A request for each place that isn't wrong and to which one gets, where that was asked for.
    pub right: Vec<Request>,
}

/// A place that may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    /// The requests that it is about.
    pub region: Region,
    /// What becomes of them.
    pub deed: String,
    /// None: nobody wrote it.
    pub source: Option<RouteSource>,
    /// What does it, where nobody wrote it.
    pub by: SmolStr,
}

/// What is asked about one table.
pub(crate) struct Question<'q> {
    /// Its host is a full name.
    pub scope: &'q Scope,
    /// Whether one of these ends, each of which has some requests, is wrong.
    pub is_wrong: &'q dyn Fn(&[End]) -> bool,
    /// Whether a request really ends so.
    pub shows: &'q dyn Fn(&Request) -> bool,
    /// Whether requests are looked for that get to places that aren't wrong.
    pub all: bool,
    pub effort: Effort,
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("scope", self.scope).field("all", &self.all).finish_non_exhaustive()
    }
}

/// Looks at all places that requests of the scope can get to.
pub(crate) fn survey(side: &Side, question: &Question<'_>) -> Survey {
    let mut work = Work {
        side,
        question,
        languages: question.scope.languages(side.switches().encoding()),
        out: Survey::default(),
    };
    for (takers, dials) in question.scope.connections([side, side]) {
        work.connections(takers.0, takers.2, &dials);
    }
    work.out
}

struct Work<'t, 'q> {
    side: &'t Side,
    question: &'q Question<'q>,
    languages: Languages,
    out: Survey,
}

impl<'t> Work<'t, '_> {
    fn connections(&mut self, taker: Taker, tls: bool, dials: &[Dial]) {
        let (side, scope) = (self.side, self.question.scope);
        let at = |host| Spot { taker, refused: false, host, route: None };
        if let Some(place) = Place::of_taker(side, taker) {
            let own = scope.host.iter().map(|h| {
                let example = h.strip_prefix('*').map_or_else(|| h.clone(), |rest| format!("any{rest}").into());
                Hosts { example, domain: h.clone() }
            });
            self.list(&List::of_place(place), at(None), tls, dials, &own.collect::<Vec<_>>(), &Conditions::default());
            return;
        }
        let Taker::Http { config } = taker else { return };
        for ((_, host), classes) in scope.hosts([(side, config), (side, config)]) {
            let found = config.zip(host).and_then(|(c, h)| side.virtual_host(c, h));
            let list = match found {
                Some(host) if host.require_tls && !tls => List::of_place(Place::RequireTls(host)),
                Some(host) => {
                    self.languages.learn(host.routes.iter().flat_map(|r| regexes(&r.matcher)));
                    List::of_host(host, &self.languages, &side.path_options())
                }
                None => List::of_place(Place::NoRoute(None)),
            };
            if found.is_some_and(|h| looks_at_authority(h)) {
                for class in &classes {
                    let authority = regions::of_authority(&class.domain, &class.example);
                    self.list(&list, at(host), tls, dials, std::slice::from_ref(class), &authority);
                }
            } else {
                self.list(&list, at(host), tls, dials, &classes, &Conditions::default());
            }
        }
    }

    fn list(&mut self, list: &List<'t>, at: Spot, tls: bool, dials: &[Dial], classes: &[Hosts], of_class: &Conditions) {
        let (side, question) = (self.side, self.question);
        let Some(dial) = dials.first().map(|d| natural(side, d, classes.first())) else { return };
        let spots = |i, j| {
            let spot = |i| Spot { route: list.route_index(i), ..at };
            Spots { old: spot(i), new: spot(j), tls }
        };
        let scope = Some(question.scope);
        let sides = [side, side];
        let attempt = Attempt { sides, dial: &dial, hosts: classes.first(), lists: (list, list), spots: &spots, scope };
        let own = question.scope.conditions(&self.languages, &side.path_options());
        let base = own.clone().and(base(side, tls, of_class));
        let without = question.scope.without(&self.languages);
        for (i, place) in list.places.iter().enumerate() {
            if list.conditions_at(i).is_none_or(|c| paths_differ(&own, c)) {
                continue;
            }
            self.out.regions += 1;
            let is_wrong = (question.is_wrong)(&ends(side, place));
            if !is_wrong && !question.all {
                continue;
            }
            let aim = Aim { at: [(list, i), (list, i)], base: &base, without: &without, names: Vec::new() };
            let shows = |request: &Request| {
                question.scope.has_request(side, request) && (!is_wrong || (question.shows)(request))
            };
            match regions::find(&aim, question.effort, &attempt, &shows) {
                None => {}
                Some(found) if !is_wrong => self.out.right.extend(found),
                Some(Some(request)) => self.out.wrong.push(request),
                Some(None) => {
                    let both = [list.matcher(i), Some(&question.scope.matcher)];
                    let mut before = list.matchers_before(i, &both);
                    let region =
                        Region::of_dials(dials).with_hosts(list.host(), classes).with_conditions(both, &mut before);
                    self.out.open.push(Open {
                        region,
                        deed: place.deed(side.table()),
                        source: place.source().cloned(),
                        by: place.by(),
                    });
                }
            }
        }
    }
}

/// How requests of a place end, those included that ask beforehand whether they may (CO-1).
fn ends(side: &Side, place: &Place<'_>) -> Vec<End> {
    let mut out: Vec<End> = place.ends(side.table()).into_iter().map(|(end, _)| end).collect();
    let preflight = |r: &&crate::envoy::table::Route| r.cors.is_some() && matches!(r.action, RouteAction::Forward(_));
    if place.route().filter(preflight).is_some() {
        out.push(End::Answer { outcome: Outcome::DirectResponse, status: Some(200) });
    }
    out
}

/// The connection as a client makes it: over TLS it asks for the host that it is to, where that leads to the same.
fn natural(side: &Side, dial: &Dial, host: Option<&Hosts>) -> Dial {
    let asked = host.filter(|_| dial.tls).map(|h| Dial { sni: Some(h.example.clone()), ..dial.clone() });
    asked.filter(|d| side.taker(d) == side.taker(dial)).unwrap_or_else(|| dial.clone())
}
