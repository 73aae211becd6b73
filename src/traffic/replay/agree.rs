//! Streams that several classes of clients agree in become one, told once for all of them.

use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::beside::{At, Met, Newcomer};
use super::{Prepared, View};
use crate::envoy::cluster_state::{ClusterState, remedy};
use crate::envoy::decision::{Counted, Detail, decide};
use crate::envoy::table::{ClusterName, RouteTable, VirtualHost, are_same};
use crate::istio::clients::{Audience, PointsOfView};
use crate::order::Order as _;

/// Streams that were looked at, by host: one for all classes that agree in it.
#[derive(Default)]
pub(super) struct Merger {
    hosts: IndexMap<SmolStr, Vec<Group>, FxBuildHasher>,
    leaders: Vec<Leader>,
}

/// A class whose tables are those of strangers but for what is named, and further ones whose tables are the same strangers'. They agree
/// in all hosts that none of both has otherwise, as far as nothing but these parts decides.
struct Leader {
    class: usize,
    /// The strangers' tables, on each side.
    strangers: Vec<Arc<RouteTable>>,
    /// Hosts in which agreement is looked for one by one.
    apart: FxHashSet<SmolStr>,
    followers: Vec<usize>,
    /// Followers that have a host otherwise, in ascending order.
    otherwise: FxHashMap<SmolStr, Vec<usize>>,
}

/// Which hosts of a class are looked at one by one.
pub(super) enum Wanted<'m> {
    All,
    /// Those that it or the class it follows has otherwise.
    Some {
        leader: usize,
        apart: &'m FxHashSet<SmolStr>,
        own: FxHashSet<SmolStr>,
    },
}

impl Wanted<'_> {
    pub(super) fn holds(&self, host: &str) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Some { apart, own, .. } => apart.contains(host) || own.contains(host),
        }
    }
}

/// The strangers of a class on all sides; None where it has a table that was made as a whole.
fn strangers(class: usize, sides: &[Views<'_>]) -> Option<Vec<Arc<RouteTable>>> {
    let of = |views: &Views<'_>| Some(views.get(class)?.beside.as_ref()?.stranger.clone());
    sides.iter().map(of).collect()
}

/// The hosts that a class has otherwise than its strangers, on any side.
fn otherwise(class: usize, sides: &[Views<'_>]) -> FxHashSet<SmolStr> {
    let of = sides.iter().filter_map(|views| views.get(class)?.beside.as_ref()).flat_map(|beside| &beside.configs);
    of.flat_map(|config| config.gone.iter().chain(&config.own)).cloned().collect()
}

/// Classes that agree in a stream.
struct Group {
    /// That of the first class on each side: on one mesh, or on two.
    streams: Vec<Prepared>,
    /// Positions of their views.
    classes: Vec<usize>,
    /// What its requests meet on each side, found out when the first of further classes asks; None where that depends on more.
    met: OnceLock<Vec<Option<Met>>>,
}

/// Classes, and the followers of leaders among them, but for some.
type Told = (Vec<usize>, Vec<(usize, Vec<usize>)>);

/// The views of all classes on one side.
pub(super) type Views<'v> = &'v [Arc<View>];

impl Merger {
    /// Adds streams that stand in the same order on all sides.
    pub(super) fn add(&mut self, sides: Vec<Vec<Prepared>>, views: &[Views<'_>]) {
        let mut sides: Vec<_> = sides.into_iter().map(Vec::into_iter).collect();
        while let Some(streams) = sides.iter_mut().map(Iterator::next).collect::<Option<Vec<Prepared>>>() {
            let Some(class) = streams.first().map(|s| s.view) else { return };
            let Some(name) = streams.first().map(|s| s.name.clone()) else { return };
            // A host that one table has twice is two streams.
            let agrees = |group: &&mut Group| {
                let mut sides = group.streams.iter().zip(&streams).zip(views);
                !group.classes.contains(&class)
                    && sides.all(|((a, b), views)| match (views.get(a.view), views.get(b.view)) {
                        (Some(x), Some(y)) => agree((a, x), (b, y)),
                        _ => false,
                    })
            };
            let groups = self.hosts.entry(name).or_default();
            match groups.iter_mut().find(agrees) {
                Some(group) => group.classes.push(class),
                None => groups.push(Group { streams, classes: vec![class], met: OnceLock::new() }),
            }
        }
    }

    /// Of which hosts a further class needs streams of its own to tell with whom it agrees.
    pub(super) fn wanted(&self, class: usize, sides: &[Views<'_>]) -> Wanted<'_> {
        let Some(own) = strangers(class, sides) else { return Wanted::All };
        let is_same = |leader: &Leader| leader.strangers.iter().zip(&own).all(|(a, b)| Arc::ptr_eq(a, b));
        match self.leaders.iter().position(is_same) {
            Some(leader) => {
                let apart = self.leaders.get(leader).map(|l| &l.apart);
                let own = otherwise(class, sides);
                apart.map_or(Wanted::All, |apart| Wanted::Some { leader, apart, own })
            }
            None => Wanted::All,
        }
    }

    /// Counts a class to all groups of the one that it follows, but for hosts that it has otherwise.
    pub(super) fn follow(&mut self, leader: usize, class: usize, own: FxHashSet<SmolStr>) {
        let Some(leader) = self.leaders.get_mut(leader) else { return };
        leader.followers.push(class);
        #[expect(clippy::iter_over_hash_type, reason = "each goes to a list of its own")]
        for host in own {
            leader.otherwise.entry(host).or_default().push(class);
        }
    }

    /// Takes a class whose streams were added as one that others may follow.
    pub(super) fn lead(&mut self, class: usize, sides: &[Views<'_>]) {
        let Wanted::All = self.wanted(class, sides) else { return };
        let Some(strangers) = strangers(class, sides) else { return };
        let newcomer = Newcomer::new(class, sides);
        let mut apart = otherwise(class, sides);
        for (name, groups) in &self.hosts {
            let mut of_class = groups.iter().filter(|group| group.classes.contains(&class));
            let Some(group) = of_class.next() else { continue };
            let met = group.met.get_or_init(|| newcomer.met(&group.streams));
            // A bare name means something else in each namespace.
            let is_plain = |met: &Option<Met>| met.as_ref().is_some_and(|met| met.authority().contains('.'));
            if of_class.next().is_some() || !met.iter().all(is_plain) {
                apart.insert(name.clone());
            }
        }
        let (followers, otherwise) = (Vec::new(), FxHashMap::default());
        self.leaders.push(Leader { class, strangers, apart, followers, otherwise });
    }

    /// The group of a host that a further class agrees with, as far as that shows without making its requests.
    pub(super) fn known(&self, newcomer: &mut Newcomer<'_>, at: At<'_>) -> Option<usize> {
        let groups = self.hosts.get(&at.host.name)?;
        groups.iter().position(|group| {
            let met = group.met.get_or_init(|| newcomer.met(&group.streams));
            newcomer.meets(met, at)
        })
    }

    /// Counts a class to a group that it agrees with.
    pub(super) fn join(&mut self, host: &str, group: usize, class: usize) {
        if let Some(group) = self.hosts.get_mut(host).and_then(|groups| groups.get_mut(group)) {
            group.classes.push(class);
        }
    }

    /// The streams of each side, those of one host together, in the order in which hosts came.
    pub(super) fn finish(self, points: &PointsOfView, sides: usize) -> Vec<Vec<Prepared>> {
        let mut out: Vec<Vec<Prepared>> = (0..sides).map(|_| Vec::new()).collect();
        let mut audiences: FxHashMap<Told, Arc<Audience>> = FxHashMap::default();
        let Merger { hosts, leaders } = self;
        for (name, mut group) in
            hosts.into_iter().flat_map(|(name, groups)| groups.into_iter().map(move |g| (name.clone(), g)))
        {
            let leads = |(_, leader): &(usize, &Leader)| {
                !leader.followers.is_empty() && !leader.apart.contains(&name) && group.classes.contains(&leader.class)
            };
            let led = leaders.iter().enumerate().filter(leads);
            let led: Vec<(usize, Vec<usize>)> =
                led.map(|(i, leader)| (i, leader.otherwise.get(&name).cloned().unwrap_or_default())).collect();
            group.classes.order_alike();
            let known = audiences.entry((group.classes, led));
            let all = |(classes, led): &Told| {
                let followers = led.iter().filter_map(|(i, but)| Some((leaders.get(*i)?, but)));
                let followers = followers.flat_map(|(leader, but)| {
                    leader.followers.iter().filter(|class| but.binary_search(class).is_err()).copied()
                });
                let mut all: Vec<usize> = classes.iter().copied().chain(followers).collect();
                all.order_alike();
                Arc::new(points.audience(&all))
            };
            let audience = known.or_insert_with_key(all).clone();
            for (side, stream) in out.iter_mut().zip(group.streams) {
                side.push(Prepared { audience: audience.clone(), ..stream });
            }
        }
        out
    }
}

/// Whether all that can be said about two streams is the same, but for whose they are.
pub(super) fn agree((a, x): (&Prepared, &View), (b, y): (&Prepared, &View)) -> bool {
    a.classes == b.classes
        && a.decisions.len() == b.decisions.len()
        && a.decisions.iter().zip(&b.decisions).all(|(a, b)| a.agrees(b))
        && a.plan == b.plan
        && hosts(a, x, y)
        && lost(a).all(|cluster| {
            let why = |view: &View| (ClusterState::of(view.table(), cluster).cause(), remedy(view.table(), cluster));
            why(x) == why(y)
        })
        && unmatched(a, x, y)
}

/// The routes of every virtual host that a request comes to.
fn hosts(stream: &Prepared, x: &View, y: &View) -> bool {
    let names: FxHashSet<(&str, &str)> = stream
        .decisions
        .iter()
        .filter_map(|d| Some((d.route_config.as_deref()?, d.virtual_host.as_deref()?)))
        .collect();
    let same = |a: &VirtualHost, b: &VirtualHost| a.require_tls == b.require_tls && are_same(&a.routes, &b.routes);
    names.iter().all(|(config, host)| match (x.virtual_host(config, host), y.virtual_host(config, host)) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || same(a, b),
        (None, None) => true,
        _ => false,
    })
}

/// The clusters that lose what is sent to them: why may differ, where the cluster is none of the table.
fn lost(stream: &Prepared) -> impl Iterator<Item = &ClusterName> {
    let lost = stream.plan.leaves.iter().filter(|l| l.outcome.counted() == Counted::Blackholed);
    let clusters = lost.filter_map(|l| stream.plan.clusters.get(l.cluster? as usize));
    clusters.map(|(name, _)| name)
}

/// What is missing for requests that match nothing.
fn unmatched(stream: &Prepared, x: &View, y: &View) -> bool {
    let mut leaves = stream.plan.leaves.iter().filter(|l| l.outcome.counted() == Counted::Unmatched);
    leaves.all(|leaf| {
        let Some(class) = stream.classes.get(leaf.class as usize) else { return true };
        let hints = |view: &View| decide(&view.router, &class.request, Detail::Hints).hints;
        hints(x) == hints(y)
    })
}
