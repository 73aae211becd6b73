//! A whole run: which streams go through which proxies, prepared once, then run.

use std::sync::Arc;

use crate::parallel::prelude::*;
use smol_str::SmolStr;

use super::agree::Merger;
use super::arrivals::Override;
use super::plan::NoPlan;
use super::run::{self, Progress, Tally};
use super::summarize::summarize;
use super::wanted::{self, Wanted};
use super::{Plan, StreamSummary, View};
use crate::envoy::decision::{Decision, Detail, decide};
use crate::envoy::router::{CompiledParts, Switches};
use crate::istio::clients::{Audience, Class as Clients, PointsOfView};
use crate::istio::mesh::Mesh;
use crate::istio::translate::Parts;
use crate::traffic::scenario::{Amount, Detect, REQUESTS_MAX, Scenario};
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
        let Gathered { wanted, automatic, views, old_views, points } =
            gather(now, Some(before), points, scenario, settings)?;
        let (was, is) = match automatic && points.own {
            false => (settle(wanted.clone(), &old_views)?, settle(wanted, &views)?),
            true => {
                let mut sides = merged(&points, &[&old_views, &views], settings)?.into_iter();
                (sides.next().unwrap_or_default(), sides.next().unwrap_or_default())
            }
        };
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
        let Gathered { wanted, automatic, views, points, .. } = gather(mesh, None, points, scenario, settings)?;
        let streams = match automatic && points.own {
            false => settle(wanted, &views)?,
            true => merged(&points, &[&views], settings)?.into_iter().next().unwrap_or_default(),
        };
        Ok(Simulation { streams, views })
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
struct Gathered {
    wanted: Vec<Wanted>,
    /// Nobody described any stream.
    automatic: bool,
    views: Vec<Arc<View>>,
    /// Of the mesh as it was before; none without one.
    old_views: Vec<Arc<View>>,
    /// Whose the views are, in their order.
    points: PointsOfView,
}

/// The streams of a run, and the views of `mesh` and of `before` that they pass.
fn gather(
    mesh: &Mesh,
    before: Option<&Mesh>,
    points: &PointsOfView,
    scenario: Option<&Scenario>,
    settings: &Settings,
) -> Result<Gathered, NotPossible> {
    if points.classes.is_empty() {
        return Err(NotPossible::NoProxy);
    }
    let described = wanted::described(points, scenario, settings)?;
    let mut used: Vec<usize> = described.iter().map(|(_, proxy)| *proxy).collect();
    if described.is_empty() {
        used = (0..points.classes.len()).collect();
    }
    used.sort_unstable();
    used.dedup();
    let compiled = CompiledParts::default();
    let views_of = |mesh: &Mesh| -> Vec<Arc<View>> {
        let parts = Parts::new(mesh);
        let view = |class: &Clients| Arc::new(View::sharing(&parts, &class.proxy, &settings.switches, &compiled));
        used.par_iter().filter_map(|i| points.classes.get(*i)).map(view).collect()
    };
    let views = views_of(mesh);
    let old_views = before.map(views_of);
    let classes = used.iter().filter_map(|i| points.classes.get(*i)).cloned().collect();
    let points = PointsOfView { classes, own: points.own };
    let mut streams = Vec::new();
    for (stream, proxy) in &described {
        let index = used.binary_search(proxy).unwrap_or(0);
        let Some(view) = views.get(index) else { continue };
        let before = old_views.as_ref().and_then(|old| old.get(index)).map(AsRef::as_ref);
        let audience = Arc::new(points.audience(&[index]));
        streams.push(wanted::expanded(stream, (index, audience), view, before, settings)?);
    }
    let automatic = described.is_empty();
    if automatic && !points.own {
        let (all, known) = (0..views.len(), Merger::default());
        streams = wanted::automatic(&points, all, (&views, old_views.as_deref()), settings, &known)?.0;
    }
    Ok(Gathered { wanted: streams, automatic, views, old_views: old_views.unwrap_or_default(), points })
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
        let (wanted, joined) = wanted::automatic(points, first..next, (now, before), settings, &merger)?;
        for (host, group, class) in joined {
            merger.join(&host, group, class);
        }
        let settled: Result<Vec<Vec<Prepared>>, NotPossible> =
            sides.iter().map(|views| settle(wanted.clone(), views)).collect();
        merger.add(settled?, sides);
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
