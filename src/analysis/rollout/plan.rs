//! The plan of a change: what its orders do, an order that loses nothing, and the way back from every state of it.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::ground::{Ground, State};
use super::item::{Item, Parted, Version};
use super::order::{Action, Tool, Window, by_rank, windows};
use super::part::{Part, parts};
use super::radius::{Radius, Scaled, everywhere};
use super::search::{Way, waves, way};
use super::union;
use crate::analysis::diff::{Effort, Kind, Shared, tables};
use crate::envoy::router::Switches;
use crate::istio::clients::{Alike, Audience, Client, PointsOfView};
use crate::manifest::kinds::Manifests;
use crate::manifest::load::Options;
use crate::manifest::source::SourceMap;
use crate::order::Order as _;
use crate::parallel::prelude::*;

/// What is known of a change.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What changes; versions that were made for the plan come after the first two.
    pub items: Vec<Item>,
    /// Groups of items that have nothing to do with each other, by positions.
    pub groups: Vec<Vec<usize>>,
    /// What the orders of people's tools do; each is the same for all steps as long as nobody waits between them.
    pub orders: Vec<Order>,
    pub safe: Safe,
    /// What the whole change does in the end, worst first: hosts with such a change.
    pub effect: Vec<(Kind, BTreeSet<SmolStr>)>,
    /// How many clients were asked.
    pub clients: usize,
    /// Ways back from the state after each wave of the safe way, or from the new state where there is none.
    pub back: Vec<Back>,
}

impl Plan {
    /// Whether requests are lost, or taken by nothing, in the end.
    pub(crate) fn loses(&self) -> bool {
        self.effect.iter().any(|(kind, _)| matches!(kind, Kind::Lost | Kind::Unmatched))
    }
}

/// An order of applying everything.
#[derive(Debug)]
pub(crate) struct Order {
    pub tool: Tool,
    pub actions: Vec<Action>,
    /// With the clients that each happens to.
    pub windows: Vec<(Window, Audience)>,
}

/// What the orders of people's tools do, and nothing else of a change.
#[derive(Debug)]
pub(crate) struct Orders {
    /// What changes.
    pub items: Vec<Item>,
    pub orders: Vec<Order>,
}

/// An order in which nothing is lost.
#[derive(Debug)]
pub(crate) enum Safe {
    /// Waves, between which every proxy has to be told. With `made`, some of them are versions that were made for it.
    Waves { waves: Vec<Vec<Action>>, made: bool },
    /// There is none, by these groups: whatever is done first loses something, or may.
    None { groups: Vec<usize> },
    /// It wasn't found within bounds, by these groups.
    Undecided { groups: Vec<usize> },
}

/// A way back to the state before.
#[derive(Debug)]
pub(crate) struct Back {
    /// How many waves were applied.
    pub after: usize,
    /// None: there is none on which nothing is lost.
    pub waves: Option<Vec<Vec<Action>>>,
    /// Objects whose pods have to be there again first.
    pub pods: Vec<usize>,
    /// Workloads whose pods may be fewer by then.
    pub scaled: Vec<Scaled>,
    pub radius: Radius,
}

impl Order {
    pub(crate) fn is_safe(&self) -> bool {
        self.windows.is_empty()
    }

    /// Some request is lost on the way, and shown.
    pub(crate) fn is_unsafe(&self) -> bool {
        self.windows.iter().any(|(w, _)| w.accident.is_proven())
    }
}

/// What a plan needs to know beside the manifests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'s> {
    pub sources: &'s SourceMap,
    pub options: &'s Options,
    pub switches: &'s Switches,
    /// Everybody who is known at either end.
    pub clients: &'s [Client],
    /// The same parted by the whole of both ends, where those are known; None: each is looked at for each group.
    pub alike: Option<&'s Alike>,
    /// Those that were asked for; None: all.
    pub points: Option<&'s PointsOfView>,
    /// Namespace of documents that name none.
    pub namespace: &'s str,
}

/// What one group of items gives.
struct OfGroup {
    effect: Vec<(Kind, SmolStr)>,
    clients: usize,
    windows: Vec<Vec<(Window, Audience)>>,
    way: Way,
    made: bool,
    waves: Vec<Vec<State>>,
    /// From the state after so many waves.
    back: Vec<(Option<Vec<Vec<State>>>, Radius)>,
}

/// Plans the change from the first version of all items to the second.
pub(crate) fn plan(parted: Parted, setting: &Setting<'_>) -> Plan {
    let Parted { base, mut items } = parted;
    for item in &mut items {
        union::add(item, setting.sources, setting.options);
        item.add_again();
    }
    let orders = of_tools(&items);
    let all = parts(&base, &items, setting.clients);
    let of_groups: Vec<OfGroup> = all.par_iter().map(|part| of_group(part, &items, &orders, setting)).collect();
    let groups: Vec<Vec<usize>> = all.iter().map(|p| p.items.clone()).collect();
    let orders = judged(orders, of_groups.iter().map(|g| g.windows.as_slice()));
    let which = |is: &dyn Fn(&Way) -> bool| -> Vec<usize> {
        of_groups.iter().enumerate().filter(|(_, g)| is(&g.way)).map(|(i, _)| i).collect()
    };
    let (none, undecided) = (which(&|w| *w == Way::None), which(&|w| *w == Way::Undecided));
    let safe = if !none.is_empty() {
        Safe::None { groups: none }
    } else if !undecided.is_empty() {
        Safe::Undecided { groups: undecided }
    } else {
        let lists = of_groups.iter().zip(&groups).map(|(g, items)| (g.waves.as_slice(), items.as_slice()));
        Safe::Waves { waves: merged(&items, lists), made: of_groups.iter().any(|g| g.made) }
    };
    let back = back((&base, &items), &groups, &of_groups);
    let of_kind = |kind: Kind| {
        let of = of_groups.iter().flat_map(|g| &g.effect).filter(|(k, _)| *k == kind);
        (kind, of.map(|(_, host)| host.clone()).collect::<BTreeSet<SmolStr>>())
    };
    let effect = Kind::ALL.into_iter().map(of_kind).filter(|(_, hosts)| !hosts.is_empty()).collect();
    let clients = of_groups.iter().map(|g| g.clients).max().unwrap_or_default();
    Plan { items, groups, orders, safe, effect, clients, back }
}

/// What the orders of people's tools do from the first version of all items to the second.
pub(crate) fn orders(parted: Parted, setting: &Setting<'_>) -> Orders {
    let Parted { base, items } = parted;
    let orders = of_tools(&items);
    let all = parts(&base, &items, setting.clients);
    let of_part = |part: &Part| {
        let ends = ends(part);
        windows_of(&Ground::of_part(part, &items, &ends, setting), part, &orders, &ends[0])
    };
    let windows: Vec<Vec<Vec<(Window, Audience)>>> = all.par_iter().map(of_part).collect();
    let orders = judged(orders, windows.iter().map(Vec::as_slice));
    Orders { items, orders }
}

fn of_tools(items: &[Item]) -> Vec<(Tool, Vec<Action>)> {
    Tool::of(items).into_iter().map(|tool| (tool, tool.order(items))).collect()
}

/// What happens in each order, by what happens to each group in it, worst first.
fn judged<'g>(
    orders: Vec<(Tool, Vec<Action>)>,
    groups: impl Iterator<Item = &'g [Vec<(Window, Audience)>]> + Clone,
) -> Vec<Order> {
    let judged = |(n, (tool, actions)): (usize, (Tool, Vec<Action>))| {
        let mut windows: Vec<(Window, Audience)> = groups.clone().filter_map(|g| g.get(n)).flatten().cloned().collect();
        windows.order_by_key(|(w, _)| (!w.accident.is_proven(), w.accident.harm));
        Order { tool, actions, windows }
    };
    orders.into_iter().enumerate().map(judged).collect()
}

/// The states that a group comes from and goes to.
fn ends(part: &Part) -> [State; 2] {
    [0, 1].map(|version| vec![version; part.items.len()])
}

/// What happens to a group in each order.
fn windows_of(
    ground: &Ground<'_>,
    part: &Part,
    orders: &[(Tool, Vec<Action>)],
    start: &State,
) -> Vec<Vec<(Window, Audience)>> {
    let position: FxHashMap<usize, usize> = part.items.iter().enumerate().map(|(own, all)| (*all, own)).collect();
    let of_order = |(_, actions): &(Tool, Vec<Action>)| {
        ground.told(windows(ground, actions, |item| position.get(&item).copied(), start))
    };
    orders.iter().map(of_order).collect()
}

fn of_group<'p>(part: &Part, items: &'p [Item], orders: &[(Tool, Vec<Action>)], setting: &Setting<'p>) -> OfGroup {
    let ends = ends(part);
    let ground = Ground::of_part(part, items, &ends, setting);
    let [old, new] = ends;
    let windows = windows_of(&ground, part, orders, &old);
    let mut found = way(&ground, &old, &new, false);
    let mut made = false;
    let has_made = ground.items.iter().any(|i| i.versions.iter().any(|v| v.made.is_some()));
    if found == Way::None && has_made {
        found = way(&ground, &old, &new, true);
        made = matches!(found, Way::Found(_));
    }
    let of_way = if let Way::Found(path) = &found { waves(&ground, path) } else { Vec::new() };
    // From where every wave ends.
    let stations: Vec<State> = match &found {
        Way::Found(_) => of_way.iter().filter_map(|w| w.last().cloned()).collect(),
        _ => vec![new.clone()],
    };
    let back = stations.iter().map(|from| {
        let home: State = ground.items.iter().zip(from).map(|(item, version)| item.back_from(*version)).collect();
        let waves = match way(&ground, from, &home, has_made) {
            Way::Found(path) => Some(waves(&ground, &path)),
            _ => None,
        };
        (waves, Radius::of(&ground, from, &home))
    });
    let back = back.collect();
    let effect = effect(&ground, &old, &new);
    let members = ground.points.audience(&(0..ground.points.classes.len()).collect::<Vec<_>>()).members;
    OfGroup { effect, clients: members, windows, way: found, made, waves: of_way, back }
}

/// What the change does in the end, and to which hosts.
fn effect(ground: &Ground<'_>, old: &State, new: &State) -> Vec<(Kind, SmolStr)> {
    let shared = Shared::default();
    let (was, is) = (ground.tables(old), ground.tables(new));
    let mut out = Vec::new();
    for (a, b) in was.iter().zip(is.iter()) {
        let changes = tables(a, b, Effort::default(), &shared).changes;
        out.extend(changes.iter().filter(|c| !c.is_minor()).map(|c| (c.kind, c.host())));
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// The steps of one wave of a group.
fn actions(wave: &[State], items: &[usize]) -> Vec<Action> {
    let steps = wave.iter().zip(wave.iter().skip(1));
    let changed = steps.flat_map(|(a, b)| {
        let differ = a.iter().zip(b).enumerate().filter(|(_, (x, y))| x != y);
        differ.filter_map(|(i, (_, version))| Some(Action { item: *items.get(i)?, version: *version }))
    });
    changed.collect()
}

/// The waves of groups that have nothing to do with each other, side by side.
pub(super) fn merged<'g>(
    all: &[Item],
    groups: impl Iterator<Item = (&'g [Vec<State>], &'g [usize])>,
) -> Vec<Vec<Action>> {
    let mut out: Vec<Vec<Action>> = Vec::new();
    for (waves, items) in groups {
        for (n, wave) in waves.iter().enumerate() {
            if out.len() <= n {
                out.push(Vec::new());
            }
            if let Some(slot) = out.get_mut(n) {
                slot.extend(actions(wave, items));
            }
        }
    }
    out.iter_mut().for_each(|wave| by_rank(all, wave));
    out
}

/// The ways back from where all groups have had so many waves, or all of their way where theirs is shorter.
fn back((base, items): (&Manifests, &[Item]), groups: &[Vec<usize>], of_groups: &[OfGroup]) -> Vec<Back> {
    let most = of_groups.iter().map(|g| g.back.len()).max().unwrap_or_default();
    let way = |after: usize| -> Back {
        let at = |g: &'_ OfGroup| g.back.len().min(after).checked_sub(1);
        let of = |g: &'_ OfGroup| {
            at(g).and_then(|i| g.back.get(i)).cloned().unwrap_or((Some(Vec::new()), Radius::default()))
        };
        let mut radius = Radius::default();
        let mut ways: Vec<Option<Vec<Vec<State>>>> = Vec::new();
        for (way, of_group) in of_groups.iter().map(of) {
            ways.push(way);
            radius.add(of_group);
        }
        let there: Option<Vec<Vec<Vec<State>>>> = ways.into_iter().collect();
        let waves = there.map(|ways| {
            merged(items, ways.iter().zip(groups).map(|(waves, items)| (waves.as_slice(), items.as_slice())))
        });
        let pods = pods_to_wait_for(items, waves.as_deref(), None, &[]);
        let scaled = radius.scaled(&base.autoscalers, &everywhere(base, items));
        Back { after, waves, pods, scaled, radius }
    };
    (1..=most).map(way).collect()
}

/// Objects of which a way back to `first` brings pods that they may not have now: they have to start. `now`: the states that each
/// object may be in, as one has it; none: any other than that of the first station, which is `first` where there is none.
pub(super) fn pods_to_wait_for(
    items: &[Item],
    waves: Option<&[Vec<Action>]>,
    first: Option<&State>,
    now: &[&State],
) -> Vec<usize> {
    let comes_back = |a: &&Action| {
        let Some(item) = items.get(a.item) else { return false };
        let pods = |version: u8| item.versions.get(usize::from(version)).map_or(0, Version::pods);
        let wanted = first.and_then(|first| first.get(a.item)).copied().unwrap_or_default();
        let lacks = |version: u8| pods(version) < pods(wanted);
        let is_lacking = match now {
            [] => (0..).zip(&item.versions).any(|(version, _)| lacks(version)),
            now => now.iter().filter_map(|state| state.get(a.item)).any(|version| lacks(*version)),
        };
        a.version == wanted && is_lacking
    };
    waves.into_iter().flatten().flatten().filter(comes_back).map(|a| a.item).collect()
}
