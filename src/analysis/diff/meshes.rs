//! Two meshes through the eyes of all their clients.

use std::sync::Arc;

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::change::{Change, TableDiff};
use super::regions::Effort;
use super::shared::Shared;
use super::side::Side;
use super::table::tables;
use crate::analysis::compare::HostChange;
use crate::envoy::proxy::Proxy;
use crate::envoy::router::{CompiledParts, Switches};
use crate::istio::clients::{Audience, PointsOfView};
use crate::istio::mesh::Mesh;
use crate::istio::translate::Parts;
use crate::parallel::prelude::*;

/// Two meshes, each with the switches of its Envoys.
pub(crate) struct Meshes<'m> {
    old: (Parts<'m>, &'m Switches, Arc<CompiledParts>),
    new: (Parts<'m>, &'m Switches, Arc<CompiledParts>),
    shared: Shared,
}

/// What differs for some clients, all of them alike.
#[derive(Debug, Clone)]
pub(crate) struct ProxyDiff {
    /// Positions of the classes among the points of view.
    pub classes: Vec<usize>,
    pub audience: Arc<Audience>,
    /// Changes as the first class of them has them, in the order of its new table.
    pub changes: Vec<Change>,
    /// Virtual hosts all of whose requests are treated as before; of several classes some may lack one.
    pub unchanged: Vec<HostChange>,
}

/// Classes of which the same is to be said.
struct Group {
    classes: Vec<usize>,
    table: TableDiff,
    /// Route configuration and name of the hosts that are listed as unchanged.
    known: FxHashSet<(SmolStr, SmolStr)>,
}

impl<'m> Meshes<'m> {
    pub(crate) fn new(old: (&'m Mesh, &'m Switches), new: (&'m Mesh, &'m Switches)) -> Meshes<'m> {
        let side = |(mesh, switches): (&'m Mesh, &'m Switches)| (Parts::new(mesh), switches, Arc::default());
        Meshes { old: side(old), new: side(new), shared: Shared::default() }
    }

    /// The tables of a proxy on both sides: of what it was, and of what it is.
    pub(crate) fn sides(&self, proxies: [&Arc<Proxy>; 2]) -> [Side; 2] {
        let [was, is] = proxies;
        [(&self.old, was), (&self.new, is)].map(|((parts, switches, compiled), proxy)| {
            Side::new(Arc::new(parts.route_table(proxy)), switches, compiled)
        })
    }

    /// What the tables of one proxy differ in.
    pub(crate) fn tables(&self, [old, new]: [&Side; 2], effort: Effort) -> TableDiff {
        tables(old, new, effort, &self.shared)
    }

    /// What differs for each class of clients; classes of which the same is to be said are told together, where nobody chose
    /// them.
    pub(crate) fn diff(&self, points: &PointsOfView, effort: Effort) -> Vec<ProxyDiff> {
        let each: Vec<TableDiff> = points
            .classes
            .par_iter()
            .map(|class| {
                let [old, new] = self.sides([class.older(), &class.proxy]);
                self.tables([&old, &new], effort)
            })
            .collect();
        let mut groups: Vec<Group> = Vec::new();
        let place = |h: &HostChange| (h.route_config.clone(), h.virtual_host.clone());
        for (i, table) in each.into_iter().enumerate() {
            let same = |group: &&mut Group| points.own && agree(&group.table.changes, &table.changes);
            if let Some(group) = groups.iter_mut().find(same) {
                group.classes.push(i);
                let further = table.unchanged.into_iter().filter(|h| group.known.insert(place(h)));
                group.table.unchanged.extend(further);
            } else {
                let known = table.unchanged.iter().map(place).collect();
                groups.push(Group { classes: vec![i], table, known });
            }
        }
        let told = |group: Group| ProxyDiff {
            audience: Arc::new(points.audience(&group.classes)),
            classes: group.classes,
            changes: group.table.changes,
            unchanged: group.table.unchanged,
        };
        groups.into_iter().map(told).collect()
    }
}

/// Says of each change that isn't among those of `without` that it is because of `rule`: what they would be without it.
#[cfg(feature = "cli")]
pub(crate) fn attribute(proxies: &mut [ProxyDiff], without: &[ProxyDiff], rule: &'static str) {
    let others: Vec<&Change> = without.iter().flat_map(|p| &p.changes).collect();
    let stays = |c: &Change| {
        others.iter().any(|o| {
            (o.kind, o.host(), &o.fields) == (c.kind, c.host(), &c.fields)
                && (&o.old.deed, &o.new.deed) == (&c.old.deed, &c.new.deed)
        })
    };
    let changes = proxies.iter_mut().flat_map(|p| &mut p.changes);
    // What is read otherwise is known by its own rule.
    for change in changes.filter(|c| !c.reading && !stays(c)) {
        if !change.because.contains(&rule) {
            change.because.push(rule);
        }
    }
}

/// Whether the same is said, whichever request shows it.
pub(crate) fn agree(a: &[Change], b: &[Change]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            (a.kind, a.is_proven(), a.depends) == (b.kind, b.is_proven(), b.depends)
                && a.region == b.region
                && (&a.old, &a.new, &a.fields) == (&b.old, &b.new, &b.fields)
        })
}
