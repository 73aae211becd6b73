//! A whole run: which streams go through which proxies, prepared once, then run.

use std::sync::Arc;

use crate::order::Order as _;
use crate::parallel::prelude::*;
use smol_str::SmolStr;

use super::agree::Merger;
use super::arrivals::Override;
use super::plan::NoPlan;
use super::run::{self, Progress, Tally};
use super::summarize::summarize;
use super::wanted::{self, Automatic, Follows, Wanted};
use super::{Plan, StreamSummary, View};
use crate::envoy::decision::{Decision, Detail, decide};
use crate::envoy::proxy::Proxy;
use crate::envoy::router::{CompiledParts, RequestView, Switches};
use crate::istio::clients::{Audience, Class as Clients, PointsOfView};
use crate::istio::mesh::Mesh;
use crate::istio::translate::Parts;
use crate::traffic::scenario::{Amount, Detect, REQUESTS_MAX, Scenario, Stream};
use crate::traffic::streams::{CLASSES_MAX, Class};

/// What a run is made with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub seed: u64,
    /// How many requests, and when, instead of what the streams say.
    pub amount: Override,
    /// The proxies were asked for by name: streams of others are left out.
    pub chosen_proxies: bool,
    pub switches: Switches,
    /// Classes that end alike stay apart: every request is wanted as it is.
    pub keep_apart: bool,
    /// What every stream should be able to show, instead of what it says.
    pub detect: Option<Detect>,
    /// Share of requests that fail anyway, for streams that don't say; None: 1 %.
    pub error_rate: Option<f64>,
}

/// Why a run cannot begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotPossible {
    #[error("stream `{stream}` goes through the proxy `{proxy}`, which is not there; there are {known}")]
    UnknownProxy { stream: SmolStr, proxy: SmolStr, known: String },
    #[error(
        "stream `{stream}` has too many sessions: told apart by their address, and for each way that a request can go, they come \
         to more than {CLASSES_MAX}; make `sessions.count` smaller"
    )]
    TooManySessions { stream: SmolStr },
    #[error("stream `{stream}` has no rate, so nobody knows how many requests a length of time holds; give --rate too")]
    NoRate { stream: SmolStr },
    #[error("stream `{stream}` would have more than {REQUESTS_MAX} requests: make its rate or its time smaller")]
    TooManyRequests { stream: SmolStr },
    #[error("there is no proxy to send requests through")]
    NoProxy,
}

/// A stream whose classes are decided.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub name: SmolStr,
    /// Index of its proxy's view.
    pub view: usize,
    /// Whose stream it is.
    pub audience: Arc<Audience>,
    pub automatic: bool,
    /// Requests to make.
    pub requests: u64,
    pub classes: Vec<Class>,
    /// About each class, in order.
    pub decisions: Vec<Decision>,
    pub plan: Plan,
    /// How they come.
    pub(super) amount: Amount,
    /// What the stream should be able to show, and the share of requests that fails anyway.
    pub(super) detect: Option<(Detect, f64)>,
    /// The classes are those of a sample of requests; how many combinations of variables there are. Exact shares are then
    /// those of the sample.
    pub sampled_of: Option<u64>,
    /// Keys the stream's randomness; made of its name and proxy, so that other streams don't matter.
    pub(super) key: u64,
}

/// Views and streams of one mesh.
#[derive(Debug)]
pub(crate) struct Simulation {
    pub views: Vec<Arc<View>>,
    pub streams: Vec<Prepared>,
}

/// The same requests on two meshes: streams, classes and random words stand in the same order in both.
#[derive(Debug)]
pub(crate) struct Pair {
    pub before: Simulation,
    pub now: Simulation,
    /// Whose the views are, in their order.
    pub points: PointsOfView,
}

impl Pair {
    /// Resolves the tables of the same proxies in both meshes and decides every class twice.
    ///
    /// Without described streams, each proxy gets automatic ones: with the requests that either of its tables suggests. Those of
    /// the mesh's own points of view that agree in both meshes are one.
    ///
    /// # Errors
    /// As [`Simulation::prepare`].
    pub(crate) fn prepare(
        before: &Mesh,
        now: &Mesh,
        points: &PointsOfView,
        scenario: Option<&Scenario>,
        settings: &Settings,
    ) -> Result<Pair, NotPossible> {
        let Gathered { described, views, old_views, points } = gather(now, Some(before), points, scenario, settings)?;
        let mut sides = streams(&described, &points, &[&old_views, &views], settings)?.into_iter();
        let (was, is) = (sides.next().unwrap_or_default(), sides.next().unwrap_or_default());
        Ok(Pair {
            before: Simulation { streams: was, views: old_views },
            now: Simulation { streams: is, views },
            points,
        })
    }
}

impl Simulation {
    /// Resolves the tables that are needed and decides every class.
    ///
    /// Without described streams for these proxies, each proxy gets the automatic ones; those of the mesh's own points of view that
    /// agree are one.
    ///
    /// # Errors
    /// Streams through unknown proxies, or whose length nobody knows.
    pub(crate) fn prepare(
        mesh: &Mesh,
        points: &PointsOfView,
        scenario: Option<&Scenario>,
        settings: &Settings,
    ) -> Result<Simulation, NotPossible> {
        let Gathered { described, views, points, .. } = gather(mesh, None, points, scenario, settings)?;
        let sides = streams(&described, &points, &[&views], settings)?;
        Ok(Simulation { streams: sides.into_iter().next().unwrap_or_default(), views })
    }

    #[cfg(feature = "cli")]
    /// Requests of all streams together.
    pub(crate) fn requests(&self) -> u64 {
        self.streams.iter().map(|s| s.requests).fold(0, u64::saturating_add)
    }

    /// Runs every stream, in parallel, and sums up each. The same seed gives the same summaries.
    pub(crate) fn run(&self, seed: u64, progress: &Progress) -> Vec<StreamSummary> {
        self.summaries(|s| run::run(&s.plan, seed, s.key, s.requests, progress))
    }

    /// Draws nothing: only expected shares.
    pub(crate) fn exact(&self) -> Vec<StreamSummary> {
        self.summaries(|s| Tally::none(&s.plan))
    }

    fn summaries(&self, tally: impl Fn(&Prepared) -> Tally + Sync) -> Vec<StreamSummary> {
        self.streams.par_iter().filter_map(|s| Some(summarize(s, self.views.get(s.view)?, &tally(s)))).collect()
    }
}

/// What a run is made of.
struct Gathered<'s> {
    /// Described streams, each with the position of the view that it passes; None: all that have a host of its own.
    described: Vec<(&'s Stream, Option<usize>)>,
    views: Vec<Arc<View>>,
    /// Of the mesh as it was before; none without one.
    old_views: Vec<Arc<View>>,
    /// Whose the views are, in their order.
    points: PointsOfView,
}

/// The described streams of a run, and the views of `mesh` and of `before` that streams pass.
fn gather<'s>(
    mesh: &Mesh,
    before: Option<&Mesh>,
    points: &PointsOfView,
    scenario: Option<&'s Scenario>,
    settings: &Settings,
) -> Result<Gathered<'s>, NotPossible> {
    if points.classes.is_empty() {
        return Err(NotPossible::NoProxy);
    }
    let described = wanted::described(points, scenario, settings)?;
    let mut used: Vec<usize> = described.iter().filter_map(|(_, proxy)| *proxy).collect();
    if described.is_empty() || described.iter().any(|(_, proxy)| proxy.is_none()) {
        used = (0..points.classes.len()).collect();
    }
    used.order_alike();
    used.dedup();
    let compiled = CompiledParts::default();
    let views_of = |mesh: &Mesh, of: fn(&Clients) -> &Arc<Proxy>| -> Vec<Arc<View>> {
        let parts = Parts::new(mesh);
        let view = |class: &Clients| Arc::new(View::sharing(&parts, of(class), &settings.switches, &compiled));
        used.par_iter().filter_map(|i| points.classes.get(*i)).map(view).collect()
    };
    let views = views_of(mesh, |class| &class.proxy);
    let old_views = before.map(|mesh| views_of(mesh, Clients::older));
    let classes = used.iter().filter_map(|i| points.classes.get(*i)).cloned().collect();
    let points = PointsOfView { classes, own: points.own };
    let place = |proxy: usize| used.binary_search(&proxy).unwrap_or(0);
    let described = described.into_iter().map(|(stream, proxy)| (stream, proxy.map(place))).collect();
    Ok(Gathered { described, views, old_views: old_views.unwrap_or_default(), points })
}

/// The streams of a run on each side (before and now, or now alone): those that were described, else the automatic ones.
fn streams(
    described: &[(&Stream, Option<usize>)],
    points: &PointsOfView,
    sides: &[&[Arc<View>]],
    settings: &Settings,
) -> Result<Vec<Vec<Prepared>>, NotPossible> {
    let Some((now, before)) = sides.split_last() else { return Ok(Vec::new()) };
    let before = before.first().copied();
    if described.is_empty() && points.own {
        return merged(points, sides, settings);
    }
    let settled = |wanted: Vec<Wanted>| -> Result<Vec<Vec<Prepared>>, NotPossible> {
        sides.iter().map(|views| settle(wanted.clone(), views)).collect()
    };
    if described.is_empty() {
        let (all, known) = (0..now.len(), Merger::default());
        return settled(wanted::automatic(points, all, (now, before), settings, &known)?.wanted);
    }
    let mut out: Vec<Vec<Prepared>> = sides.iter().map(|_| Vec::new()).collect();
    for (stream, through) in described {
        let of_class = |index: usize, key: &str| -> Result<Option<Wanted>, NotPossible> {
            let Some(view) = now.get(index) else { return Ok(None) };
            let old = before.and_then(|old| old.get(index)).map(AsRef::as_ref);
            let audience = Arc::new(points.audience(&[index]));
            wanted::expanded(stream, (index, audience), (view, old), key, settings).map(Some)
        };
        let of_stream = match through {
            Some(index) => {
                let name = now.get(*index).map(|v| v.proxy.name.clone()).unwrap_or_default();
                settled(of_class(*index, &name)?.into_iter().collect())?
            }
            None => through_all(points, sides, |index| of_class(index, OPEN))?,
        };
        out.iter_mut().zip(of_stream).for_each(|(side, streams)| side.extend(streams));
    }
    Ok(out)
}

/// Keys the randomness of streams that name no proxy, whoever they go through.
const OPEN: &str = "client";

/// A stream that names no proxy, through each class of clients whose table has a host of its own for it, once for those that agree.
/// Where there is none, it goes through the first.
fn through_all(
    points: &PointsOfView,
    sides: &[&[Arc<View>]],
    of_class: impl Fn(usize) -> Result<Option<Wanted>, NotPossible>,
) -> Result<Vec<Vec<Prepared>>, NotPossible> {
    let mut merger = Merger::default();
    let mut first = None;
    let mut any = false;
    for index in 0..points.classes.len() {
        let Some(wanted) = of_class(index)? else { continue };
        let serves =
            |view: &Arc<View>| wanted.classes.iter().any(|c| view.router.serves(&RequestView::from(&c.request)));
        if sides.iter().filter_map(|views| views.get(index)).any(serves) {
            let settled: Result<Vec<_>, _> = sides.iter().map(|views| settle(vec![wanted.clone()], views)).collect();
            merger.add(settled?, sides);
            any = true;
        } else if first.is_none() {
            first = Some(wanted);
        }
    }
    if !any {
        let settled: Result<Vec<_>, _> =
            sides.iter().map(|views| settle(first.iter().cloned().collect(), views)).collect();
        return settled;
    }
    Ok(merger.finish(points, sides.len()))
}

/// Classes whose streams are made at the same time, before those that agree are put together.
const CLASSES_AT_ONCE: usize = 16;

/// The automatic streams of the mesh's own points of view on each side (before and now, or now alone), one for all that agree.
fn merged(
    points: &PointsOfView,
    sides: &[&[Arc<View>]],
    settings: &Settings,
) -> Result<Vec<Vec<Prepared>>, NotPossible> {
    let Some((now, before)) = sides.split_last() else { return Ok(Vec::new()) };
    let before = before.first().copied();
    let mut merger = Merger::default();
    let mut first = 0;
    while first < now.len() {
        // What the first class has is known when the others come.
        let next = if first == 0 { 1 } else { (first + CLASSES_AT_ONCE).min(now.len()) };
        let Automatic { wanted, joined, follows } =
            wanted::automatic(points, first..next, (now, before), settings, &merger)?;
        for (host, group, class) in joined {
            merger.join(&host, group, class);
        }
        for Follows { class, leader, own } in follows {
            merger.follow(leader, class, own);
        }
        let settled: Result<Vec<Vec<Prepared>>, NotPossible> =
            sides.iter().map(|views| settle(wanted.clone(), views)).collect();
        merger.add(settled?, sides);
        (first..next).for_each(|class| merger.lead(class, sides));
        first = next;
    }
    Ok(merger.finish(points, sides.len()))
}

/// Decides the classes of every stream. A stream of which nothing can come is left out.
pub(super) fn settle(wanted: Vec<Wanted>, views: &[Arc<View>]) -> Result<Vec<Prepared>, NotPossible> {
    let all: Result<Vec<Option<Prepared>>, NotPossible> = wanted
        .into_par_iter()
        .map(|wanted| match views.get(wanted.view) {
            Some(view) => prepared(wanted, view),
            None => Ok(None),
        })
        .collect();
    Ok(all?.into_iter().flatten().collect())
}

/// None for a stream of which nothing can come.
fn prepared(wanted: Wanted, view: &View) -> Result<Option<Prepared>, NotPossible> {
    let Wanted {
        name,
        view: view_index,
        audience,
        automatic,
        requests,
        amount,
        sessions,
        mixing,
        detect,
        key,
        sampled_of,
        classes,
    } = wanted;
    let decisions: Vec<Decision> =
        classes.par_iter().map(|c| decide(&view.router, &c.request, Detail::Outcome)).collect();
    match Plan::new(&classes, &decisions, view, sessions, mixing) {
        Ok(plan) => Ok(Some(Prepared {
            name,
            view: view_index,
            audience,
            automatic,
            requests,
            classes,
            decisions,
            plan,
            amount,
            detect,
            sampled_of,
            key,
        })),
        Err(NoPlan::Nothing) => Ok(None),
        Err(NoPlan::TooManySessions) => Err(NotPossible::TooManySessions { stream: name }),
    }
}
