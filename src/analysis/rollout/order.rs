//! The orders in which people's tools apply objects, and what happens on the way.

use smol_str::SmolStr;

use super::accident::Accident;
use super::ground::{Ground, State};
use super::item::{Item, Version};
use super::search::order;
use crate::manifest::kinds::{Kind, Manifests};
use crate::manifest::source::Position;
use crate::order::Order as _;

/// Who applies the objects; all of them take away last what goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tool {
    /// `kubectl apply -f`: in the order in which they stand, files by their names.
    Kubectl,
    /// `helm upgrade`: by kind, those that Helm doesn't know last and by their kind's name; those of one kind as they stand.
    Helm,
    /// Argo CD: by `argocd.argoproj.io/sync-wave`, then by kind like Helm, then by name.
    ArgoCd,
}

/// The annotation that sorts objects into waves; those without one are in wave 0.
const SYNC_WAVE: &str = "argocd.argoproj.io/sync-wave";

/// One step of an order: an item, and the version that it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Action {
    pub item: usize,
    pub version: u8,
}

/// When something happens in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "moment")]
pub(crate) enum Moment {
    /// From step `after` on until step `until` is applied.
    Between { after: usize, until: usize },
    /// While one push brings steps `from` to `to`, for milliseconds up to a round trip. `gone`: clusters are gone that routes still
    /// use (TR-4); else clusters aren't usable yet that routes use already (TR-2).
    Push { from: usize, to: usize, gone: bool },
}

/// Something that happens on the way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    pub moment: Moment,
    pub accident: Accident,
}

impl Tool {
    /// Those that are worth a look: Argo CD where somebody wrote its annotation.
    pub(super) fn of(items: &[Item]) -> Vec<Tool> {
        let annotated = |item: &Item| item.versions.iter().any(|v| sync_wave(&v.objects).is_some());
        let mut out = vec![Tool::Kubectl, Tool::Helm];
        if items.iter().any(annotated) {
            out.push(Tool::ArgoCd);
        }
        out
    }

    /// The order from the first version of all items to the second.
    pub(super) fn order(self, items: &[Item]) -> Vec<Action> {
        let mut all: Vec<(usize, &Item)> = items.iter().enumerate().collect();
        all.sort_by_cached_key(|(i, item)| {
            let version = item.versions.get(1);
            let at = version.and_then(|v| v.at).unwrap_or_default();
            let gone = !version.is_some_and(Version::is_there);
            let wave = version.and_then(|v| sync_wave(&v.objects)).unwrap_or_default();
            let (rank, kind, name) = (helm(&item.id.kind), item.id.kind.as_str().to_owned(), item.id.name.clone());
            let (wave, kind) = match self {
                Tool::Kubectl => (0, (0, String::new(), SmolStr::default())),
                Tool::Helm => (0, (rank, kind, SmolStr::default())),
                Tool::ArgoCd => (wave, (rank, kind, name)),
            };
            (gone, wave, kind, at, *i)
        });
        all.into_iter().map(|(item, _)| Action { item, version: 1 }).collect()
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Tool::Kubectl => "kubectl apply",
            Tool::Helm => "helm upgrade",
            Tool::ArgoCd => "Argo CD",
        }
    }
}

fn sync_wave(objects: &Manifests) -> Option<i64> {
    objects.objects().find_map(|h| h.meta.annotations.get(SYNC_WAVE)?.trim().parse().ok())
}

/// The place of a kind in Helm's order of installation; kinds that it doesn't know come last.
fn helm(kind: &Kind) -> u8 {
    match kind {
        Kind::Namespace => 0,
        Kind::ConfigMap => 1,
        Kind::Service => 2,
        Kind::DaemonSet => 3,
        Kind::Pod | Kind::ScenarioPod => 4,
        Kind::ReplicaSet => 5,
        Kind::Deployment => 6,
        Kind::StatefulSet => 7,
        Kind::Job => 8,
        Kind::CronJob => 9,
        _ => 10,
    }
}

/// The most steps of which every push is looked at that brings several of them at once; of more, those of neighbours and that of all.
const PAIRS_MAX: usize = 8;

/// What happens to a group when its objects are applied one after the other, without waiting. `order` is that of the whole
/// change, of which others' steps don't bear on the group; `own` says which item of the group an item is.
pub(super) fn windows(
    ground: &Ground<'_>,
    order: &[Action],
    own: impl Fn(usize) -> Option<usize>,
    start: &State,
) -> Vec<Window> {
    // Which step leads to which state; the first is before all.
    let mut states: Vec<(usize, State)> = vec![(0, start.clone())];
    for (step, action) in (1..).zip(order) {
        let Some(i) = own(action.item) else { continue };
        let mut next = states.last().map(|(_, s)| s.clone()).unwrap_or_default();
        if let Some(slot) = next.get_mut(i) {
            *slot = action.version;
        }
        states.push((step, next));
    }
    let (Some((_, first)), Some((_, last))) = (states.first(), states.last()) else { return Vec::new() };
    let ends = [first, last];
    let mut out: Vec<Window> = Vec::new();
    for (k, (after, state)) in states.iter().enumerate().skip(1) {
        let Some((until, _)) = states.get(k + 1) else { break };
        for accident in ground.verdict(state, ends).iter() {
            let goes_on = |w: &&mut Window| {
                matches!(w.moment, Moment::Between { until, .. } if until == *after) && w.accident.agrees(accident)
            };
            if let Some(Window { moment: Moment::Between { until: end, .. }, .. }) = out.iter_mut().find(goes_on) {
                *end = *until;
                continue;
            }
            let moment = Moment::Between { after: *after, until: *until };
            out.push(Window { moment, accident: accident.clone() });
        }
    }
    let n = states.len();
    let mut pairs: Vec<(usize, usize)> = (1..n).flat_map(|gap| (0..n - gap).map(move |i| (i, i + gap))).collect();
    if n > PAIRS_MAX {
        pairs.retain(|(i, j)| j - i == 1 || (*i, *j) == (0, n - 1));
    }
    for (i, j) in pairs {
        let (Some((before, from)), Some((to, until))) = (states.get(i), states.get(j)) else { continue };
        let push = ground.push(from, until, ends);
        for (gone, accidents) in [(true, &push.clusters_gone), (false, &push.clusters_warming)] {
            for accident in accidents.iter().filter(|a| !out.iter().any(|w| w.accident.agrees(a))).collect::<Vec<_>>() {
                let moment = Moment::Push { from: before + 1, to: *to, gone };
                out.push(Window { moment, accident: accident.clone() });
            }
        }
    }
    out
}

/// Where an action is written.
pub(crate) fn place(items: &[Item], action: &Action) -> Option<Position> {
    items.get(action.item)?.versions.get(usize::from(action.version))?.at
}

/// What is defined first comes first.
pub(super) fn by_rank(items: &[Item], actions: &mut [Action]) {
    actions.order_by_key(|a| {
        let item = items.get(a.item);
        let version = item.and_then(|i| i.versions.get(usize::from(a.version)));
        let there = version.is_some_and(Version::is_there);
        (!there, item.zip(version).map_or(0, |(item, version)| order(item, version)), a.item)
    });
}
