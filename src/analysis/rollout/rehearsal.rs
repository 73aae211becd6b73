//! All steps of a rollout, one after the other: where requests go, what each pod carries, how a step is taken, and the way back.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::ground::{Ground, State};
use super::item::{Item, Parted, Road, between_versions};
use super::order::{Action, Window};
use super::part::{Part, parts};
use super::plan::{Back, Setting, merged};
use super::radius::{Radius, everywhere};
use super::search::{Way, waves, way};
use super::step::Rollout;
use crate::analysis::compare::End;
use crate::analysis::diff::{Effort, Kind, NOTHING, Region, Shared, Side, fate, route_of, tables};
use crate::analysis::policy::{Assumptions, Consequences, Traffic, UnknownTarget, of_route};
use crate::envoy::cluster_state::ClusterState;
use crate::envoy::outcome::Counted;
use crate::envoy::request::Request;
use crate::envoy::table::{Route, RouteAction, RouteTable};
use crate::istio::clients::Audience;
use crate::manifest::kinds::{Autoscaler, Manifests, Object};
use crate::order::Order as _;
use crate::parallel::prelude::*;
use crate::traffic::scenario::Assumption;
use crate::traffic::stats::as_f64;

/// Requests of a flow that the event model counts at each station, where nobody says.
pub(crate) const COUNTED: u64 = 20_000;

/// What is known of a rollout before it begins.
#[derive(Debug)]
pub(crate) struct Rehearsal {
    pub name: String,
    pub items: Vec<Item>,
    /// In order; the first is today.
    pub stations: Vec<Station>,
    /// Requests that any step treats otherwise, those together that fare alike at all stations.
    pub flows: Vec<Flow>,
    /// How each station but the first is come to.
    pub moves: Vec<Move>,
    pub not_evaluated: Vec<String>,
    /// Assumptions that are about nothing that any table has.
    pub unknown: Vec<UnknownTarget>,
}

impl Rehearsal {
    /// Whether requests that are served today are lost at some station.
    pub(crate) fn loses(&self) -> bool {
        self.flows.iter().any(|f| {
            let today = f.at.first().map_or(0.0, At::lost);
            f.at.iter().any(|at| at.lost() > today + NOTHING)
        })
    }
}

impl Move {
    /// Whether from the station and from the middle of the step a way back is known on which nothing is lost.
    pub(crate) fn has_way_back(&self) -> bool {
        self.middle.iter().chain([&self.back]).all(|b| b.waves.is_some())
    }
}

impl At {
    /// The share of requests that are routed to nowhere or taken by nothing, 0 to 1.
    pub(crate) fn lost(&self) -> f64 {
        self.ends.iter().filter(|s| s.is_lost()).map(|s| s.share).sum()
    }
}

impl Share {
    /// Nobody is served there.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self.end.outcome().counted(), Counted::Blackholed | Counted::Unmatched)
    }

    /// The share of all requests that one endpoint gets; None where there are none.
    pub(crate) fn load(&self) -> Option<f64> {
        let endpoints = self.endpoints.filter(|n| *n > 0)?;
        Some(self.share / as_f64(endpoints as u64))
    }
}

/// A state that the rollout stays in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Station {
    pub name: SmolStr,
    /// What follows, in the words of the object that describes the rollout.
    pub then: Option<SmolStr>,
}

/// Requests that are treated alike, at every station.
#[derive(Debug)]
pub(crate) struct Flow {
    pub region: Region,
    pub witness: Request,
    pub audience: Audience,
    /// By station.
    pub at: Vec<At>,
}

/// What becomes of a flow's requests at one station.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct At {
    /// Shares that add up to 1.
    pub ends: Vec<Share>,
    /// Clients stick to a pod (PA-70).
    pub sticky: bool,
    /// What follows from assumptions about pods; None: nobody asked, or the requests are sent nowhere.
    pub follows: Option<Consequences>,
}

/// What is supposed of pods, and how much comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Supposed<'s> {
    pub assumptions: &'s [Assumption],
    pub traffic: Traffic,
}

/// One end of a flow's requests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Share {
    pub end: End,
    /// 0 to 1.
    pub share: f64,
    /// Endpoints that share it; None where it is no cluster with endpoints.
    pub endpoints: Option<usize>,
}

/// How a station is come to from the one before, and gone back from.
#[derive(Debug)]
pub(crate) struct Move {
    /// What changes, in an order in which nothing is lost; None where none is known.
    pub waves: Option<Vec<Vec<Action>>>,
    /// What happens where everything is applied at once.
    pub windows: Vec<(Window, Audience)>,
    /// To the first station.
    pub back: Back,
    /// The same from the middle of the step: after each of its waves but the last. Empty where a controller goes the steps.
    pub middle: Vec<Back>,
    /// The worst that happens to requests by the step.
    pub kind: Option<Kind>,
    /// The greatest share of a flow's requests that ends elsewhere, 0 to 1.
    pub moved: f64,
}

/// What one group gives.
struct OfGroup {
    /// By position in the list of assumptions: those that some table of the group has.
    known: BTreeSet<usize>,
    unknown: Vec<UnknownTarget>,
    flows: Vec<Flow>,
    moves: Vec<OfMove>,
}

struct OfMove {
    /// From the state after each wave but the last.
    middle: Vec<(Option<Vec<Vec<State>>>, Radius)>,
    waves: Option<Vec<Vec<State>>>,
    windows: Vec<(Window, Audience)>,
    back: Option<Vec<Vec<State>>>,
    radius: Radius,
    kind: Option<Kind>,
}

impl OfMove {
    /// The way back after a wave, from 0. A group that needs fewer waves has them all by then.
    fn back_after(&self, wave: usize) -> (Option<&Vec<Vec<State>>>, &Radius) {
        let middle = self.middle.get(wave).map(|(way, radius)| (way.as_ref(), radius));
        middle.unwrap_or((self.back.as_ref(), &self.radius))
    }
}

/// Rehearses a rollout whose steps lay these objects over those of today: for each step those that are there in it, and ids of
/// those that aren't any more.
pub(crate) fn rehearse(
    today: &Manifests,
    rollout: &Rollout,
    loaded: &[Manifests],
    setting: &Setting<'_>,
    supposed: Option<Supposed<'_>>,
) -> Rehearsal {
    let removed: Vec<_> = rollout.steps.iter().map(|s| s.removed.as_slice()).collect();
    let Road { parted, mut states } = between_versions(setting.sources, today, loaded, &removed);
    if rollout.controlled && states.len() > 1 {
        states.remove(0);
    }
    let Parted { base, items } = parted;
    let all = parts(&base, &items, setting.clients);
    let groups: Vec<OfGroup> =
        all.par_iter().map(|part| of_group(part, &items, &states, (setting, supposed, rollout.controlled))).collect();
    let name = |i: usize| rollout.steps.get(i).map(|s| Station { name: s.name.clone(), then: s.then.clone() });
    let mut not_evaluated = rollout.not_evaluated.clone();
    for a in &today.autoscalers {
        let (kind, name) = &a.spec.target;
        if kind == "Rollout" && rollout.name == format!("Rollout {}/{name}", a.meta.namespace) {
            not_evaluated.push(format!("how many pods {} makes of {} at each step", a.id, rollout.name));
        }
    }
    let today_station = Station { name: "today".into(), then: None };
    let before = (!rollout.controlled || rollout.steps.is_empty()).then_some(today_station);
    let stations = before.into_iter().chain((0..rollout.steps.len()).filter_map(name)).collect();
    let mut flows: Vec<Flow> = Vec::new();
    let mut of_moves: Vec<(Vec<&OfMove>, Vec<&[usize]>)> = Vec::new();
    for (group, part) in groups.iter().zip(&all) {
        for (k, of) in group.moves.iter().enumerate() {
            if of_moves.len() <= k {
                of_moves.push(Default::default());
            }
            if let Some((moves, positions)) = of_moves.get_mut(k) {
                moves.push(of);
                positions.push(&part.items);
            }
        }
    }
    let mut moves: Vec<Move> =
        (0..).zip(of_moves).map(|(k, (of, positions))| one_move(k, &of, (&positions, &items), &states)).collect();
    // A controller's first step is no move.
    let taken = loaded.iter().skip(usize::from(rollout.controlled));
    add_scaled(&mut moves, &today.autoscalers, taken, &everywhere(&base, &items));
    let known: BTreeSet<usize> = groups.iter().flat_map(|g| g.known.iter().copied()).collect();
    let mut unknown: Vec<UnknownTarget> = groups.iter().flat_map(|g| g.unknown.iter().cloned()).collect();
    unknown.retain(|u| !known.contains(&u.index));
    unknown.dedup_by_key(|u| u.index);
    for group in groups {
        flows.extend(group.flows);
    }
    flows.order_by(|a, b| a.region.hosts.cmp(&b.region.hosts).then_with(|| a.region.ports.cmp(&b.region.ports)));
    for (k, one) in moves.iter_mut().enumerate() {
        one.moved = flows.iter().map(|f| moved(f.at.get(k), f.at.get(k + 1))).fold(0.0, f64::max);
    }
    Rehearsal { name: rollout.name.clone(), items, stations, flows, moves, not_evaluated, unknown }
}

/// Says of the ways back what autoscalers may have made of their pods: those of today, and over them those of the step.
fn add_scaled<'m>(
    moves: &mut [Move],
    today: &[Object<Autoscaler>],
    taken: impl Iterator<Item = &'m Manifests>,
    everywhere: &[&Manifests],
) {
    for (one, step) in moves.iter_mut().zip(taken) {
        let laid = &step.autoscalers;
        let kept = today.iter().filter(|known| !laid.iter().any(|a| a.id == known.id));
        let in_force: Vec<_> = kept.chain(laid).cloned().collect();
        for back in one.middle.iter_mut().chain([&mut one.back]) {
            back.scaled = back.radius.scaled(&in_force, everywhere);
        }
    }
}

fn one_move(k: usize, of: &[&OfMove], (positions, items): (&[&[usize]], &[Item]), states: &[State]) -> Move {
    let merge = |ways: Option<Vec<&Vec<Vec<State>>>>| {
        ways.map(|ways| merged(items, ways.into_iter().map(Vec::as_slice).zip(positions.iter().copied())))
    };
    let (before, done): (Vec<&State>, Vec<&State>) =
        (states.get(k).into_iter().collect(), states.get(k + 1).into_iter().collect());
    let back_of = |after: usize, now: &[&State], each: Vec<(Option<&Vec<Vec<State>>>, &Radius)>| -> Back {
        let mut radius = Radius::default();
        each.iter().for_each(|(_, r)| radius.add((*r).clone()));
        let waves = merge(each.into_iter().map(|(way, _)| way).collect());
        let pods = super::plan::pods_to_wait_for(items, waves.as_deref(), states.first(), now);
        Back { after, waves, pods, scaled: Vec::new(), radius }
    };
    let waves = merge(of.iter().map(|m| m.waves.as_ref()).collect());
    // In the middle of a step an object is as it was or as it will be.
    let either = [before, done.clone()].concat();
    let after_wave = |n: usize| back_of(n + 1, &either, of.iter().map(|m| m.back_after(n)).collect());
    let last = of.iter().map(|m| m.middle.len()).max().unwrap_or_default();
    Move {
        windows: of.iter().flat_map(|m| m.windows.iter().cloned()).collect(),
        back: back_of(k + 1, &done, of.iter().map(|m| (m.back.as_ref(), &m.radius)).collect()),
        middle: (0..last).map(after_wave).collect(),
        waves,
        kind: of.iter().filter_map(|m| m.kind).min(),
        moved: 0.0,
    }
}

/// The share of requests that end elsewhere than before.
pub(crate) fn moved(before: Option<&At>, now: Option<&At>) -> f64 {
    let (Some(before), Some(now)) = (before, now) else { return 0.0 };
    let was = |end: &End| before.ends.iter().find(|s| s.end == *end).map_or(0.0, |s| s.share);
    now.ends.iter().map(|s| (s.share - was(&s.end)).max(0.0)).sum()
}

/// The share of clients whose requests before and after the step go to different clusters, where each request is drawn anew (PA-71).
pub(crate) fn differing_users(before: &At, now: &At) -> f64 {
    let was = |end: &End| before.ends.iter().find(|s| s.end == *end).map_or(0.0, |s| s.share);
    1.0 - now.ends.iter().map(|s| s.share * was(&s.end)).sum::<f64>()
}

fn of_group(
    part: &Part,
    items: &[Item],
    states: &[State],
    (setting, supposed, controlled): (&Setting<'_>, Option<Supposed<'_>>, bool),
) -> OfGroup {
    let of_part = |s: &State| -> State { part.items.iter().filter_map(|i| s.get(*i)).copied().collect() };
    let states: Vec<State> = states.iter().map(of_part).collect();
    let ground = Ground::of_part(part, items, &states, setting);
    let shared = Shared::default();
    let (mut flows, mut moves) = (Vec::new(), Vec::new());
    for (from, to) in states.iter().zip(states.iter().skip(1)) {
        let (was, is) = (ground.tables(from), ground.tables(to));
        let mut kind: Option<Kind> = None;
        for (class, (a, b)) in was.iter().zip(is.iter()).enumerate() {
            let changes = tables(a, b, Effort::default(), &shared).changes;
            for change in changes.into_iter().filter(|c| !c.is_minor()) {
                kind = Some(kind.map_or(change.kind, |k| k.min(change.kind)));
                if let Some(witness) = change.witness {
                    add_flow(&mut flows, &ground, &states, (class, change.region, witness));
                }
            }
        }
        moves.push(of_move(&ground, [from, to], states.first(), kind, controlled));
    }
    let (mut known, mut unknown) = (BTreeSet::new(), Vec::new());
    if let Some(supposed) = supposed {
        for (k, state) in states.iter().enumerate() {
            let tables = ground.tables(state);
            let (_, missing) = Assumptions::known(supposed.assumptions, tables.iter().map(Side::table));
            let is_missing = |n: &usize| missing.iter().any(|u| u.index == *n);
            known.extend((0..supposed.assumptions.len()).filter(|n| !is_missing(n)));
            unknown.extend(missing);
            for (classes, flow) in &mut flows {
                let side = classes.first().and_then(|class| tables.get(*class));
                if let (Some(side), Some(at)) = (side, flow.at.get_mut(k)) {
                    at.follows = follows(side, &flow.witness, supposed);
                }
            }
        }
        unknown.order_by_key(|u| u.index);
    }
    let flows = flows.into_iter().map(|(classes, flow)| Flow { audience: ground.points.audience(&classes), ..flow });
    OfGroup { known, unknown, flows: flows.collect(), moves }
}

/// Adds a class of clients to the flow that fares the same, or a new flow.
fn add_flow(
    flows: &mut Vec<(Vec<usize>, Flow)>,
    ground: &Ground<'_>,
    states: &[State],
    (class, region, witness): (usize, Region, Request),
) {
    let at: Vec<At> = states.iter().filter_map(|s| Some(at(ground.tables(s).get(class)?, &witness))).collect();
    let alike = |f: &&mut (Vec<usize>, Flow)| f.1.at == at && f.1.region.hosts == region.hosts;
    match flows.iter_mut().find(alike) {
        Some((classes, _)) if classes.contains(&class) => {}
        Some((classes, _)) => classes.push(class),
        None => flows.push((vec![class], Flow { region, witness, audience: Audience::default(), at })),
    }
}

fn at(side: &Side, request: &Request) -> At {
    let effect = fate(side, request);
    let share = |(end, share): (End, f64)| Share { endpoints: endpoints(side.table(), &end), end, share };
    let sticky = route_of(side, request).is_some_and(is_sticky);
    At { ends: effect.ends.into_iter().map(share).collect(), sticky, follows: None }
}

fn follows(side: &Side, request: &Request, supposed: Supposed<'_>) -> Option<Consequences> {
    let (assumptions, _) = Assumptions::known(supposed.assumptions, [side.table()]);
    of_route(side.table(), route_of(side, request)?, &assumptions, &supposed.traffic)
}

fn is_sticky(route: &Route) -> bool {
    matches!(&route.action, RouteAction::Forward(f) if !f.hash_policies.is_empty())
}

/// How many endpoints a cluster's requests are shared out to.
fn endpoints(table: &RouteTable, end: &End) -> Option<usize> {
    let End::Cluster { cluster, .. } = end else { return None };
    match ClusterState::of(table, cluster) {
        ClusterState::Ready(_, endpoints) => Some(endpoints.len()),
        ClusterState::Empty(..) => Some(0),
        _ => None,
    }
}

fn of_move(
    ground: &Ground<'_>,
    [from, to]: [&State; 2],
    today: Option<&State>,
    kind: Option<Kind>,
    controlled: bool,
) -> OfMove {
    let safe = |from: &State, to: &State| match way(ground, from, to, false) {
        Way::Found(path) => Some(waves(ground, &path)),
        _ => None,
    };
    let changed: Vec<usize> = (0..from.len()).filter(|i| from.get(*i) != to.get(*i)).collect();
    let order: Vec<Action> = changed.iter().filter_map(|i| Some(Action { item: *i, version: *to.get(*i)? })).collect();
    // Whoever goes the steps by himself waits between objects.
    let windows = if controlled { Vec::new() } else { super::order::windows(ground, &order, Some, from) };
    let back_from = |state: &State| {
        let radius = today.map(|today| Radius::of(ground, state, today)).unwrap_or_default();
        (today.and_then(|today| safe(state, today)), radius)
    };
    let waves = safe(from, to);
    let between = waves.iter().flatten().filter_map(|wave| wave.last()).filter(|state| *state != to && !controlled);
    let middle = between.map(back_from).collect();
    let (back, radius) = back_from(to);
    OfMove { waves, windows: ground.told(windows), back, middle, radius, kind }
}
