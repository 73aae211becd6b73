//! The states that a group of objects can be in, each with the tables that proxies have in it, judged once.

use std::sync::Arc;

use super::accident::{Accident, accidents};
use super::item::{Item, Version};
use super::order::Window;
use super::part::Part;
use super::plan::Setting;
use super::transition::{Push, mixed};
use crate::analysis::diff::{Shared, Side};
use crate::envoy::router::Switches;
use crate::istio::clients::{Audience, Client, PointsOfView, classes};
use crate::istio::mesh::Mesh;
use crate::istio::translate::Parts;
use crate::manifest::kinds::Manifests;
use crate::order::Order as _;
use crate::parallel::Memo;
use crate::parallel::prelude::*;

/// The version that each item of a group is in, by position.
pub(crate) type State = Vec<u8>;

/// States whose tables are kept; others are made anew when they are asked for again.
const TABLES_MAX: usize = 64;

/// What requests are compared with: the states that one comes from and goes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends<'s> {
    pub before: &'s Side,
    pub after: &'s Side,
}

/// A group of items that bear on the same requests, and the part of the mesh that they bear on.
#[derive(Debug)]
pub(super) struct Ground<'p> {
    pub items: Vec<&'p Item>,
    /// What is the same in all states.
    base: Manifests,
    switches: &'p Switches,
    pub points: PointsOfView,
    pub shared: Shared,
    tables: Memo<State, Arc<Vec<Side>>>,
    verdicts: Memo<(State, [State; 2]), Arc<[Accident]>>,
    pushes: Memo<([State; 2], [State; 2]), Arc<Push>>,
}

impl<'p> Ground<'p> {
    /// `states` are those that clients are told apart by; all others are made of their parts.
    pub(super) fn new(
        items: Vec<&'p Item>,
        base: Manifests,
        switches: &'p Switches,
        (clients, namespace): (&[Client], &str),
        states: &[State],
    ) -> Ground<'p> {
        let mut ground = Ground {
            items,
            base,
            switches,
            points: PointsOfView::default(),
            shared: Shared::default(),
            tables: Memo::default(),
            verdicts: Memo::default(),
            pushes: Memo::default(),
        };
        let meshes: Vec<Mesh> = states.iter().map(|s| Mesh::build(ground.manifests(s))).collect();
        let meshes: Vec<&Mesh> = meshes.iter().collect();
        ground.points = PointsOfView { classes: classes(clients, &meshes, namespace), own: true };
        ground
    }

    /// That of a part of the mesh, seen by those who were asked for.
    pub(super) fn of_part(part: &Part, items: &'p [Item], states: &[State], setting: &Setting<'p>) -> Ground<'p> {
        let own = part.items.iter().filter_map(|i| items.get(*i)).collect();
        let clients = setting.alike.map_or(setting.clients, |alike| &alike.heads);
        let mut ground = Ground::new(own, part.base.clone(), setting.switches, (clients, setting.namespace), states);
        if let Some(alike) = setting.alike {
            ground.points = alike.whole(ground.points);
        }
        match setting.points {
            Some(points) => ground.seen_by(points.clone()),
            None => ground,
        }
    }

    /// What happens on the way, with the clients that it happens to.
    pub(super) fn told(&self, windows: Vec<Window>) -> Vec<(Window, Audience)> {
        let told = |w: Window| {
            let audience = self.points.audience(&w.accident.classes);
            (w, audience)
        };
        windows.into_iter().map(told).collect()
    }

    /// The same as others see it.
    pub(super) fn seen_by(self, points: PointsOfView) -> Ground<'p> {
        Ground { points, ..self }
    }

    pub(super) fn version(&self, item: usize, state: &State) -> Option<&'p Version> {
        self.items.get(item)?.versions.get(usize::from(*state.get(item)?))
    }

    fn manifests(&self, state: &State) -> Manifests {
        let mut out = self.base.clone();
        for i in 0..self.items.len() {
            if let Some(version) = self.version(i, state) {
                version.add_to(&mut out);
            }
        }
        out
    }

    /// The tables of all points of view in a state.
    pub(super) fn tables(&self, state: &State) -> Arc<Vec<Side>> {
        self.tables.get_or_within(TABLES_MAX, state.clone(), |state| {
            let mesh = Mesh::build(self.manifests(state));
            let parts = Parts::new(&mesh);
            let compiled = Arc::default();
            let side = |proxy| Side::new(Arc::new(parts.route_table(proxy)), self.switches, &compiled);
            let proxies: Vec<_> = self.points.proxies().collect();
            Arc::new(proxies.into_par_iter().map(side).collect())
        })
    }

    /// What happens in a state that doesn't happen at either end.
    pub(super) fn verdict(&self, state: &State, ends: [&State; 2]) -> Arc<[Accident]> {
        if ends.contains(&state) {
            return Arc::new([]);
        }
        let key = (state.clone(), ends.map(Clone::clone));
        self.verdicts.get_or(key, |_| {
            let tables = self.tables(state);
            let then: Vec<Option<&Side>> = tables.iter().map(Some).collect();
            self.judge(&then, ends)
        })
    }

    /// What happens while proxies are told of a state that follows on another (TR-1, TR-2, TR-4).
    pub(super) fn push(&self, from: &State, to: &State, ends: [&State; 2]) -> Arc<Push> {
        let key = ([from.clone(), to.clone()], ends.map(Clone::clone));
        self.pushes.get_or(key, |_| {
            let [was, is] = [from, to].map(|s| self.tables(s));
            let pairs: Vec<_> = was.iter().zip(is.iter()).map(|(a, b)| mixed(a, b, self.switches)).collect();
            let old_routes: Vec<Option<&Side>> = pairs.iter().map(|m| m.old_routes.as_ref()).collect();
            let new_routes: Vec<Option<&Side>> = pairs.iter().map(|m| m.new_routes.as_ref()).collect();
            Arc::new(Push {
                clusters_gone: self.judge(&old_routes, ends),
                clusters_warming: self.judge(&new_routes, ends),
            })
        })
    }

    /// The accidents of tables, one for each point of view; None: it is like a table that is judged otherwise.
    fn judge(&self, then: &[Option<&Side>], ends: [&State; 2]) -> Arc<[Accident]> {
        let [before, after] = ends.map(|s| self.tables(s));
        let places: Vec<usize> = (0..then.len()).collect();
        let each: Vec<Vec<Accident>> = places
            .into_par_iter()
            .map(|i| match (then.get(i), before.get(i), after.get(i)) {
                (Some(Some(then)), Some(before), Some(after)) => {
                    accidents(then, Ends { before, after }, i, &self.shared)
                }
                _ => Vec::new(),
            })
            .collect();
        let mut out: Vec<Accident> = Vec::new();
        for accident in each.into_iter().flatten() {
            match out.iter_mut().find(|a| a.agrees(&accident)) {
                Some(known) => known.classes.extend(accident.classes),
                None => out.push(accident),
            }
        }
        out.order_by(|a, b| (a.harm, &a.region.hosts).cmp(&(b.harm, &b.region.hosts)));
        out.into()
    }
}
