//! Two tables of one proxy: every way in which a request is treated otherwise.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::change::{Change, Effect, TableDiff};
use super::clusters::differing;
use super::connections::{self, Takers};
use super::fields::{self, Compare, Difference, Field};
use super::hosts::{self, Hosts};
use super::kind::Kind;
use super::place::Place;
use super::reading;
use super::region::Region;
use super::regions::{self, Effort, Found, List};
use super::scope::Scope;
use super::shared::{self, Shared};
use super::side::{Dial, Side, Taker};
use super::spot::{Spot, Spots};
use super::witness::{self, Attempt};
use crate::analysis::compare::clusters_of;
use crate::analysis::compare::{HostChange, policies};
use crate::analysis::symbolic::{Answer, Conditions, Field as Part, Language, Languages, Region as Requests};
use crate::envoy::authority::Authority;
use crate::envoy::path::codec::Refusal;
use crate::envoy::request::Request;
use crate::envoy::router::BadRequest;
use crate::envoy::table::{ClusterName, PathMatch, RouteMatch, ValueMatch, VirtualHost};
use crate::order::Order as _;

/// Requests around which differences of reading are looked for.
const SEEDS_MAX: usize = 4_000;

/// Compares all that the two tables do. What several pairs of tables have alike is looked at once, by what is `shared`.
pub(crate) fn tables(old: &Side, new: &Side, effort: Effort, shared: &Shared) -> TableDiff {
    compare([old, new], None, effort, shared)
}

#[cfg(feature = "cli")]
/// Compares what the two tables do with the requests of a scope, whose host is a full name on both sides.
pub(crate) fn tables_within(sides: [&Side; 2], scope: &Scope, effort: Effort) -> TableDiff {
    let mut diff = compare(sides, Some(scope), effort, &Shared::default());
    // What the two sides read differently is found by examples, which may be none of the scope: others may be.
    let in_scope = |request: &Request| sides.iter().any(|side| scope.has_request(side, request));
    for change in &mut diff.changes {
        change.witness = change.witness.take().filter(in_scope);
    }
    diff
}

fn compare<'t>([old, new]: [&'t Side; 2], scope: Option<&'t Scope>, effort: Effort, shared: &'t Shared) -> TableDiff {
    let mut work = Work {
        compare: Compare { old: old.table(), new: new.table(), shared },
        sides: [old, new],
        scope,
        languages: Languages::reading(new.switches().encoding()),
        effort,
        changed: FxHashSet::default(),
        touched: FxHashSet::default(),
        out: TableDiff::default(),
    };
    work.changed = work.compare.changed_clusters();
    let connections = match scope {
        Some(scope) => scope.connections([old, new]),
        None => connections::classes(old, new, shared),
    };
    for (takers, dials) in &connections {
        work.connections(*takers, dials);
        if takers.2 && scope.is_none() {
            work.tls_settings(dials);
        }
    }
    if scope.is_none() {
        for (takers, dials) in connections::not_http(old, new, &connections) {
            work.not_http(takers, &dials);
        }
    }
    work.unchanged();
    if !old.reads_like(new) {
        work.readings();
    }
    work.out
}

struct Work<'t> {
    sides: [&'t Side; 2],
    /// None: all requests.
    scope: Option<&'t Scope>,
    compare: Compare<'t>,
    languages: Languages,
    effort: Effort,
    /// Clusters that one side lacks, or that are otherwise than before.
    changed: FxHashSet<&'t ClusterName>,
    /// Virtual hosts of the new table that some change is about.
    touched: FxHashSet<(u32, u32)>,
    out: TableDiff,
}

impl<'t> Work<'t> {
    fn connections(&mut self, takers: Takers, dials: &[Dial]) {
        let [old, new] = self.sides;
        let (a, b) = (Place::of_taker(old, takers.0), Place::of_taker(new, takers.1));
        if let (Some(from), Some(to)) = (&a, &b) {
            if self.compare.same(from, to) {
                return;
            }
            let lists = (List::of_place(*from), List::of_place(*to));
            self.lists(&lists, takers, (None, None), dials, &[], &Conditions::default());
            return;
        }
        self.refused(&(a, b), takers, dials);
        let config = |taker| if let Taker::Http { config } = taker { config } else { None };
        let configs = (config(takers.0), config(takers.1));
        let all_hosts = self.scope.is_none_or(|s| s.host.is_none());
        if let (None, None, (Some(old), Some(new))) = (&a, &b, configs)
            && all_hosts
            && self.hosts_in_order((old, new), takers, dials)
        {
            return;
        }
        let classes = match self.scope {
            Some(scope) => scope.hosts([(old, configs.0), (new, configs.1)]),
            None => hosts::classes((old, configs.0), (new, configs.1)),
        };
        for (pair, classes) in classes {
            let host = |side: &'t Side, config: Option<u32>, host: Option<u32>| side.virtual_host(config?, host?);
            let hosts = (host(old, configs.0, pair.0), host(new, configs.1, pair.1));
            if a.is_none() && b.is_none() {
                match hosts {
                    (None, None) => continue,
                    (Some(was), Some(is)) if self.same_hosts(was, is) => continue,
                    _ => {}
                }
            }
            self.pair((a, b), hosts, takers, pair, dials, &classes);
        }
    }

    /// Two configurations with the same domains for the same virtual hosts: each is compared with its like. False where they
    /// aren't.
    fn hosts_in_order(&mut self, configs: (u32, u32), takers: Takers, dials: &[Dial]) -> bool {
        let [old, new] = self.sides;
        let (Some(was), Some(is)) = (old.config(configs.0), new.config(configs.1)) else { return false };
        if was.virtual_hosts.len() != is.virtual_hosts.len() {
            return false;
        }
        let pairs = was.virtual_hosts.iter().zip(&is.virtual_hosts);
        if !pairs.clone().all(|(a, b)| Arc::ptr_eq(a, b) || self.known(a, b).same_domains) {
            return false;
        }
        for (i, (a, b)) in (0u32..).zip(pairs) {
            if !self.same_hosts(a, b) {
                let classes = hosts::of_domains((old, configs.0), (new, configs.1), i, &b.domains);
                self.pair((None, None), (Some(a), Some(b)), takers, (Some(i), Some(i)), dials, &classes);
            }
        }
        true
    }

    /// What is known of two virtual hosts.
    fn known(&self, was: &Arc<VirtualHost>, is: &Arc<VirtualHost>) -> shared::Pair {
        self.compare.shared.hosts(was, is, || {
            let routes = || was.routes.iter().zip(is.routes.iter());
            let same = was.require_tls == is.require_tls
                && (was.name == "block_all") == (is.name == "block_all")
                && was.routes.len() == is.routes.len()
                && routes().all(|(a, b)| a.matcher == b.matcher && fields::same_routes(a, b));
            same.then(|| clusters_of(is).into_iter().cloned().collect())
        })
    }

    /// Whether all requests to the virtual hosts are treated alike, as is plain to see: the same routes in the same order.
    fn same_hosts(&self, was: &Arc<VirtualHost>, is: &Arc<VirtualHost>) -> bool {
        let clusters = self.known(was, is).clusters;
        clusters.is_some_and(|names| self.changed.is_empty() || !names.iter().any(|name| self.changed.contains(name)))
    }

    /// What takes the connections on either side, or else the virtual host.
    fn pair(
        &mut self,
        (a, b): (Option<Place<'t>>, Option<Place<'t>>),
        (was, is): (Option<&'t Arc<VirtualHost>>, Option<&'t Arc<VirtualHost>>),
        takers: Takers,
        pair: hosts::Pair,
        dials: &[Dial],
        classes: &[Hosts],
    ) {
        let [old, new] = self.sides;
        self.learn([was, is]);
        let languages = &self.languages;
        let list = |place: Option<Place<'t>>, host: Option<&'t Arc<VirtualHost>>, side: &Side| match (place, host) {
            (Some(place), _) => List::of_place(place),
            (None, Some(host)) if host.require_tls && !takers.2 => List::of_place(Place::RequireTls(host)),
            (None, Some(host)) => List::of_host(host, languages, &side.path_options()),
            (None, None) => List::of_place(Place::NoRoute(None)),
        };
        let lists = (list(a, was, old), list(b, is, new));
        let looks = |h: Option<&Arc<VirtualHost>>| h.is_some_and(|h| looks_at_authority(h));
        if looks(was) || looks(is) {
            for class in classes {
                let authority = regions::of_authority(&class.domain, &class.example);
                self.lists(&lists, takers, pair, dials, std::slice::from_ref(class), &authority);
            }
            return;
        }
        self.lists(&lists, takers, pair, dials, classes, &Conditions::default());
    }

    /// What doesn't begin like HTTP: a chain for HTTP refuses it.
    fn not_http(&mut self, (was, is): (Taker, Taker), dials: &[Dial]) {
        let list = |side: &'t Side, taker| match Place::of_taker(side, taker) {
            Some(place) => List::of_place(place),
            None => List::refusing(Place::Refused(BadRequest::Codec(Refusal::UnreadableTarget))),
        };
        let lists = (list(self.sides[0], was), list(self.sides[1], is));
        if !(lists.0.is_refusing() && lists.1.is_refusing()) {
            self.lists(&lists, (was, is, false), (None, None), dials, &[], &Conditions::default());
        }
    }

    /// What only one side reads as HTTP, and therefore refuses where it is none: a path that can't be normalised, for example.
    fn refused(&mut self, places: &(Option<Place<'t>>, Option<Place<'t>>), takers: Takers, dials: &[Dial]) {
        let refused = || List::refusing(Place::Refused(BadRequest::PathNormalization));
        let lists = match places {
            (None, Some(place)) => (refused(), List::of_place(*place)),
            (Some(place), None) => (List::of_place(*place), refused()),
            _ => return,
        };
        let path = Conditions::of(Part::Path, Language::Exact("/%00".into()));
        self.lists(&lists, takers, (None, None), dials, &[], &path);
    }

    /// Builds the languages of the hosts' regexes.
    fn learn(&mut self, hosts: [Option<&Arc<VirtualHost>>; 2]) {
        let routes = hosts.into_iter().flatten().flat_map(|h| h.routes.iter());
        self.languages.learn(routes.flat_map(|r| regexes(&r.matcher)));
    }

    fn lists(
        &mut self,
        (was, is): &(List<'t>, List<'t>),
        takers: Takers,
        hosts: hosts::Pair,
        dials: &[Dial],
        classes: &[Hosts],
        of_class: &Conditions,
    ) {
        let Some(dial) = dials.first() else { return };
        let spot = |taker, host, list: &List<'t>, at| {
            let route = list.route_index(at);
            Spot { taker, refused: list.is_refusing(), host, route }
        };
        let spots =
            |i, j| Spots { old: spot(takers.0, hosts.0, was, i), new: spot(takers.1, hosts.1, is, j), tls: takers.2 };
        let scope = self.scope;
        let attempt =
            Attempt { sides: self.sides, dial, hosts: classes.first(), lists: (was, is), spots: &spots, scope };
        let mut base = base(self.sides[1], takers.2, of_class);
        let mut without = Vec::new();
        if let Some(scope) = scope {
            base = scope.conditions(&self.languages, &self.sides[1].path_options()).and(base);
            without = scope.without(&self.languages);
        }
        self.out.looked += is.places.len();
        let find = || regions::pairs((was, is), (&base, &without), &self.compare, self.effort, &attempt);
        let both = (self.virtual_host(0, takers.0, hosts.0), self.virtual_host(1, takers.1, hosts.1));
        // What is known of the same hosts and clusters holds for other clients too; an exact domain leads there by itself.
        let is_exact = classes.first().is_some_and(|c| c.example == c.domain) && of_class.is_empty();
        let found: Arc<[Found]> = match both {
            (Some(a), Some(b)) if is_exact && was.host().is_some() && is.host().is_some() => {
                let mut names: Vec<&ClusterName> = clusters_of(a).into_iter().chain(clusters_of(b)).collect();
                names.order_alike();
                names.dedup();
                let of = |side: &Side, name: &ClusterName| side.table().cluster(name).cloned();
                let [old, new] = self.sides;
                let clusters = names.into_iter().map(|name| (of(old, name), of(new, name))).collect();
                let by_name = self.gets_there_by_name(classes, dial, (takers.0, takers.1));
                self.compare.shared.lists((a, b), clusters, (dial, by_name), find)
            }
            _ => find().into(),
        };
        for f in found.iter().cloned() {
            let (Some(from), Some(to)) = (was.places.get(f.old), is.places.get(f.new)) else { continue };
            // Where routes look at the authority, its classes come one by one.
            let known = self.out.index.get(&spots(f.old, f.new)).and_then(|i| self.out.changes.get_mut(*i));
            if let Some(known) = known {
                known.region.hosts.extend(classes.iter().map(|c| c.domain.clone()));
                known.witness = known.witness.take().or(f.witness);
                continue;
            }
            let Difference { kind, fields, moved, rules, depends } = f.difference;
            let host = hosts.1.or(hosts.0).and(attempt.host());
            let both = [was.matcher(f.old), is.matcher(f.new)];
            let mut before = was.matchers_before(f.old, &both).chain(is.matchers_before(f.new, &both));
            let region = Region::of_dials(dials).with_hosts(host, classes).with_conditions(both, &mut before);
            let (old, new) = (Effect::of(from, self.sides[0]), Effect::of(to, self.sides[1]));
            let change = Change {
                kind,
                region,
                witness: f.witness,
                old,
                new,
                fields,
                moved,
                rules,
                because: Vec::new(),
                reading: false,
                depends,
            };
            self.out.index.insert(spots(f.old, f.new), self.out.changes.len());
            self.out.changes.push(change);
            if let (Taker::Http { config: Some(config) }, Some(host)) = (takers.1, hosts.1) {
                self.touched.insert((config, host));
            }
        }
    }

    /// Whether connections that dial what the mesh's DNS answers for the host are taken as those of the class: the one thing besides
    /// the host, its clusters and the connection that an example of its requests depends on.
    fn gets_there_by_name(&self, classes: &[Hosts], dial: &Dial, takers: (Taker, Taker)) -> bool {
        let Some(class) = classes.first() else { return true };
        let taken = |side: &Side, taker: Taker| {
            let host = Authority::of(&class.example);
            let address = side.table().names.resolve(host.host).or_else(|| host.address());
            side.taker(&Dial { address: dial.address.or(address), name: None, ..dial.clone() }) == taker
        };
        taken(self.sides[0], takers.0) && taken(self.sides[1], takers.1)
    }

    fn virtual_host(&self, side: usize, taker: Taker, host: Option<u32>) -> Option<&'t Arc<VirtualHost>> {
        let Taker::Http { config: Some(config) } = taker else { return None };
        self.sides.get(side)?.virtual_host(config, host?)
    }

    /// Requests that the two sides read differently.
    fn readings(&mut self) {
        let seeds = self.seeds();
        let difference =
            |a: &Place<'t>, b: &Place<'t>| self.compare.difference(a, b).map(|d| d.fields).unwrap_or_default();
        let found = reading::changes(self.sides, &seeds, &difference);
        for (reading, change) in found {
            self.out.readings.push((reading, self.out.changes.len()));
            self.out.changes.push(change);
        }
    }

    /// A request for each route of the new side, as far as one is found at once; a few thousand at most.
    fn seeds(&self) -> Vec<Request> {
        let [old, new] = self.sides;
        let mut out: Vec<Request> = Vec::new();
        for (takers, dials) in connections::classes(old, new, self.compare.shared) {
            let (Taker::Http { config: Some(config) }, Some(dial)) = (takers.1, dials.first()) else { continue };
            for ((_, host), classes) in hosts::classes((old, None), (new, Some(config))) {
                let (Some(host), Some(class)) = (host.and_then(|h| new.virtual_host(config, h)), classes.first())
                else {
                    continue;
                };
                for route in host.routes.iter() {
                    if out.len() >= SEEDS_MAX {
                        return out;
                    }
                    let conditions = Conditions::new(&route.matcher, &Default::default(), &self.languages);
                    let example = Requests::all_of([&conditions]).example(&mut self.effort.budget.clone());
                    if let Answer::Some(example) = example {
                        out.extend(witness::request(&example, &class.example, dial, new.is_gateway()));
                    }
                }
            }
        }
        out
    }

    /// Gateways whose servers have other certificates, versions or the like than before.
    fn tls_settings(&mut self, dials: &[Dial]) {
        let mut by_fields: IndexMap<Vec<Field>, Vec<Dial>> = IndexMap::new();
        for dial in dials {
            let [a, b] = self.sides.map(|s| s.chain_of(dial));
            let (Some(a), Some(b)) = (a, b) else { continue };
            // Where one side doesn't terminate TLS, other changes tell.
            if a.tls.is_none() || b.tls.is_none() || a.tls_settings == b.tls_settings {
                continue;
            }
            let fields = differing(policies::of_server(a), policies::of_server(b));
            if !fields.is_empty() {
                by_fields.entry(fields).or_default().push(dial.clone());
            }
        }
        for (fields, dials) in by_fields {
            let [a, b] = self.sides.map(|s| dials.first().and_then(|d| s.chain_of(d)));
            let effect = |chain: Option<&crate::envoy::table::FilterChain>| Effect {
                deed: "served over TLS".to_owned(),
                ends: Vec::new(),
                source: chain.and_then(|c| c.source.clone()),
                by: SmolStr::default(),
            };
            let witness = dials.first().and_then(|d| Attempt::of_connection(self.sides, d));
            self.out.settings.push((fields.clone().into(), self.out.changes.len()));
            self.out.changes.push(Change {
                kind: Kind::Policy,
                region: Region::of_dials(&dials),
                witness,
                old: effect(a),
                new: effect(b),
                fields,
                moved: 0.0,
                rules: Vec::new(),
                because: Vec::new(),
                reading: false,
                depends: false,
            });
        }
    }

    fn unchanged(&mut self) {
        let configs = &self.sides[1].table().route_configs;
        for (c, config) in (0u32..).zip(configs) {
            for (h, host) in (0u32..).zip(&config.virtual_hosts) {
                if !self.touched.contains(&(c, h)) {
                    let (route_config, virtual_host) = (config.name.clone(), host.name.clone());
                    self.out.unchanged.push(HostChange { route_config, virtual_host, reason: "" });
                }
            }
        }
    }
}

/// What all requests of a class of connections fulfil, besides what they do as a class of authorities.
pub(super) fn base(side: &Side, tls: bool, of_class: &Conditions) -> Conditions {
    // `OPTIONS *` is refused before any route is looked at (envoy-matching 0.7).
    let path = Conditions::of(Part::Path, Language::Prefix(SmolStr::new_static("/")));
    let mut base = of_class.clone().and(path);
    // A gateway says itself what the connection is, whatever the client claims (RT-10).
    if side.is_gateway() {
        let scheme = || Language::Exact(SmolStr::new_static(if tls { "https" } else { "http" }));
        base = base.and(Conditions::of(Part::Scheme, scheme()));
        base = base.and(Conditions::of(Part::Header("x-forwarded-proto".into()), scheme()));
    }
    base
}

/// Whether a route of the virtual host looks at the authority, so that its classes have to come one by one.
pub(super) fn looks_at_authority(host: &VirtualHost) -> bool {
    let mut headers = host.routes.iter().flat_map(|r| &r.matcher.headers);
    headers.any(|h| h.name.eq_ignore_ascii_case(":authority") || h.name.eq_ignore_ascii_case("host"))
}

/// The texts of a route's regexes.
pub(super) fn regexes(m: &RouteMatch) -> impl Iterator<Item = &SmolStr> {
    let path = if let PathMatch::Regex(text) = &m.path { Some(text) } else { None };
    let tests = m.headers.iter().map(|h| &h.test).chain(m.query_parameters.iter().map(|q| &q.test));
    path.into_iter().chain(tests.filter_map(|t| if let ValueMatch::Regex(text) = t { Some(text) } else { None }))
}
