//! Streams that several classes of clients agree in become one, told once for all of them.

use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::beside::{At, Met, Newcomer};
use super::{Prepared, View};
use crate::envoy::cluster_state::{ClusterState, remedy};
use crate::envoy::decision::{Counted, Detail, decide};
use crate::envoy::table::{ClusterName, VirtualHost, are_same};
use crate::istio::clients::{Audience, PointsOfView};
use crate::order::Order as _;

/// Streams that were looked at, by host: one for all classes that agree in it.
#[derive(Default)]
pub(super) struct Merger {
    hosts: IndexMap<SmolStr, Vec<Group>, FxBuildHasher>,
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
        let mut audiences: FxHashMap<Vec<usize>, Arc<Audience>> = FxHashMap::default();
        for mut group in self.hosts.into_values().flatten() {
            group.classes.order_alike();
            let known = audiences.entry(group.classes);
            let audience = known.or_insert_with_key(|classes| Arc::new(points.audience(classes))).clone();
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
        let hints = |view: &View| decide(&view.router, &class.request, Detail::Steps).hints;
        hints(x) == hints(y)
    })
}
