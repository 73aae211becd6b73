//! Streams that several classes of clients agree in become one, told once for all of them.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::{Prepared, View, beside};
use crate::envoy::cluster_state::{ClusterState, remedy};
use crate::envoy::decision::{Counted, Detail, decide};
use crate::envoy::table::{ClusterName, Route, VirtualHost};
use crate::istio::clients::PointsOfView;

/// Streams that were looked at, by host: one for all classes that agree in it.
#[derive(Default)]
pub(super) struct Merger {
    hosts: IndexMap<SmolStr, Vec<Group>>,
}

/// Classes that agree in a stream.
struct Group {
    /// That of the first class on each side: on one mesh, or on two.
    streams: Vec<Prepared>,
    /// Positions of their views.
    classes: Vec<usize>,
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
                None => groups.push(Group { streams, classes: vec![class] }),
            }
        }
    }

    /// The group of a host that a further class agrees with, as far as that shows without making its requests.
    pub(super) fn known(&self, class: usize, views: &[Views<'_>], config: &str, host: &str) -> Option<usize> {
        let groups = self.hosts.get(host)?;
        groups.iter().position(|group| {
            let same = |(stream, views): (&Prepared, &Views<'_>)| {
                let (Some(x), Some(y)) = (views.get(stream.view), views.get(class)) else { return false };
                beside::same_host(stream, (x, y), config, host)
            };
            group.streams.iter().zip(views).all(same)
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
        for mut group in self.hosts.into_values().flatten() {
            group.classes.sort_unstable();
            let audience = Arc::new(points.audience(&group.classes));
            for (side, stream) in out.iter_mut().zip(group.streams) {
                side.push(Prepared { audience: audience.clone(), ..stream });
            }
        }
        out
    }
}

/// Whether all that can be said about two streams is the same, but for whose they are.
fn agree((a, x): (&Prepared, &View), (b, y): (&Prepared, &View)) -> bool {
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
    let route = |(a, b): (&Arc<Route>, &Arc<Route>)| Arc::ptr_eq(a, b) || a == b;
    let same = |a: &VirtualHost, b: &VirtualHost| {
        a.require_tls == b.require_tls
            && a.routes.len() == b.routes.len()
            && a.routes.iter().zip(b.routes.iter()).all(route)
    };
    names.iter().all(|(config, host)| match (x.virtual_host(config, host), y.virtual_host(config, host)) {
        (Some(a), Some(b)) => std::ptr::eq(a, b) || same(a, b),
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
