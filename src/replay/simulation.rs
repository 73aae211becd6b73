//! A whole run: which streams go through which proxies, prepared once, then run.

use std::sync::Arc;

use rayon::prelude::*;
use smol_str::SmolStr;

use super::arrivals::{Arrivals, Override, requests};
use super::detect::ERROR_RATE_DEFAULT;
use super::plan::NoPlan;
use super::run::{self, Progress, Tally};
use super::summarize::summarize;
use super::{Plan, StreamSummary, View};
use crate::balance::hash::xx_hash;
use crate::decision::{Decision, Detail, decide};
use crate::mesh::{Mesh, Proxy};
use crate::router::Switches;
use crate::scenario::{Amount, Detect, Scenario, Stream};
use crate::traffic::{self, CLASSES_MAX, Class, Mixing, TooMany};

/// What a run is made with.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub seed: u64,
    /// How many requests, and when, instead of what the streams say.
    pub amount: Override,
    /// The proxies were asked for by name: streams of others are left out.
    pub chosen_proxies: bool,
    pub switches: Switches,
    /// What every stream should be able to show, instead of what it says.
    pub detect: Option<Detect>,
    /// Share of requests that fail anyway, for streams that don't say; None: [`ERROR_RATE_DEFAULT`].
    pub error_rate: Option<f64>,
}

/// Why a run cannot begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPossible {
    #[error(transparent)]
    TooMany(#[from] TooMany),
    #[error("stream `{stream}` goes through the proxy `{proxy}`, which is not there; there are {known}")]
    UnknownProxy { stream: SmolStr, proxy: SmolStr, known: String },
    #[error(
        "stream `{stream}` has too many sessions: more than {CLASSES_MAX} clients cannot be told apart by their address"
    )]
    TooManySessions { stream: SmolStr },
    #[error("stream `{stream}` has no rate, so nobody knows how many requests a length of time holds; give --rate too")]
    NoRate { stream: SmolStr },
    #[error("there is no proxy to send requests through")]
    NoProxy,
}

/// A stream whose classes are decided.
#[derive(Debug)]
pub struct Prepared {
    pub name: SmolStr,
    /// Index of its proxy's view.
    pub view: usize,
    pub automatic: bool,
    /// Requests to make.
    pub requests: u64,
    pub classes: Vec<Class>,
    /// Clients that come back; None: every request is a client of its own.
    pub sessions: Option<u64>,
    /// About each class, in order.
    pub decisions: Vec<Decision>,
    pub plan: Plan,
    /// How they come.
    pub(super) amount: Amount,
    /// What the stream should be able to show, and the share of requests that fails anyway.
    pub(super) detect: Option<(Detect, f64)>,
    /// Keys the stream's randomness; made of its name and proxy, so that other streams don't matter.
    key: u64,
}

impl Prepared {
    pub(super) fn key(&self) -> u64 {
        self.key
    }

    /// When its requests come.
    pub(super) fn arrivals(&self, seed: u64) -> Arrivals {
        Arrivals::new(&self.amount, seed, self.key)
    }
}

/// Views and streams of one mesh.
#[derive(Debug)]
pub struct Simulation {
    pub views: Vec<View>,
    pub streams: Vec<Prepared>,
}

impl Simulation {
    /// Resolves the tables that are needed and decides every class.
    ///
    /// Without described streams for these proxies, each proxy gets the automatic ones.
    ///
    /// # Errors
    /// Streams with too many combinations, or through unknown proxies.
    pub fn prepare(
        mesh: &Mesh,
        proxies: &[Arc<Proxy>],
        scenario: Option<&Scenario>,
        settings: &Settings,
    ) -> Result<Simulation, NotPossible> {
        if proxies.is_empty() {
            return Err(NotPossible::NoProxy);
        }
        let described = described(proxies, scenario, settings)?;
        if described.is_empty() {
            let views: Vec<View> = proxies.par_iter().map(|p| View::new(mesh, p, &settings.switches)).collect();
            let streams = automatic(&views, settings)?;
            return Ok(Simulation { views, streams });
        }
        let mut used: Vec<usize> = described.iter().map(|(_, proxy)| *proxy).collect();
        used.sort_unstable();
        used.dedup();
        let views: Vec<View> =
            used.par_iter().filter_map(|i| proxies.get(*i)).map(|p| View::new(mesh, p, &settings.switches)).collect();
        let mut streams = Vec::new();
        let error_rate = settings.error_rate.unwrap_or(ERROR_RATE_DEFAULT);
        for (stream, proxy) in described {
            let classes = traffic::expand(stream)?;
            let view_index = used.binary_search(&proxy).unwrap_or(0);
            let Some(view) = views.get(view_index) else { continue };
            let key = key(&view.table().proxy.name, &stream.name);
            let timeless = || NotPossible::NoRate { stream: stream.name.clone() };
            let amount = settings.amount.apply(stream.amount).ok_or_else(timeless)?;
            let requests = requests(&amount, settings.seed, key);
            let sessions = stream.sessions.as_ref().map(|s| s.count);
            let described = Described {
                name: stream.name.clone(),
                view: view_index,
                automatic: false,
                requests,
                amount,
                sessions,
                mixing: Mixing::of(&classes),
                detect: settings.detect.or(stream.detect).map(|d| (d, error_rate)),
                key,
            };
            streams.extend(prepared(described, view, classes)?);
        }
        Ok(Simulation { views, streams })
    }

    /// Requests of all streams together.
    pub fn requests(&self) -> u64 {
        self.streams.iter().map(|s| s.requests).sum()
    }

    /// Runs every stream, in parallel, and sums up each. The same seed gives the same summaries.
    pub fn run(&self, seed: u64, progress: &Progress) -> Vec<StreamSummary> {
        self.summaries(|s| run::run(&s.plan, seed, s.key, s.requests, progress))
    }

    /// Draws nothing: only expected shares.
    pub fn exact(&self) -> Vec<StreamSummary> {
        self.summaries(|s| Tally::none(&s.plan))
    }

    fn summaries(&self, tally: impl Fn(&Prepared) -> Tally + Sync) -> Vec<StreamSummary> {
        self.streams.par_iter().filter_map(|s| Some(summarize(s, self.views.get(s.view)?, &tally(s)))).collect()
    }
}

/// The scenario's streams for these proxies, each with the index of its own.
fn described<'s>(
    proxies: &[Arc<Proxy>],
    scenario: Option<&'s Scenario>,
    settings: &Settings,
) -> Result<Vec<(&'s Stream, usize)>, NotPossible> {
    let mut out = Vec::new();
    for stream in scenario.iter().flat_map(|s| &s.streams) {
        if stream.proxy.is_empty() {
            out.push((stream, 0));
        } else if let Some(i) = proxies.iter().position(|p| p.name == stream.proxy) {
            out.push((stream, i));
        } else if !settings.chosen_proxies {
            let known: Vec<&str> = proxies.iter().map(|p| p.name.as_str()).collect();
            return Err(NotPossible::UnknownProxy {
                stream: stream.name.clone(),
                proxy: stream.proxy.clone(),
                known: known.join(", "),
            });
        }
    }
    Ok(out)
}

fn automatic(views: &[View], settings: &Settings) -> Result<Vec<Prepared>, NotPossible> {
    let timeless = || NotPossible::NoRate { stream: "of each host".into() };
    let amount = settings.amount.apply(Amount::default()).ok_or_else(timeless)?;
    let of_view = |(i, view): (usize, &View)| -> Vec<Prepared> {
        traffic::automatic(&view.router)
            .into_iter()
            .filter_map(|s| {
                let key = key(&view.table().proxy.name, &s.name);
                let requests = requests(&amount, settings.seed, key);
                let described = Described {
                    name: s.name,
                    view: i,
                    automatic: true,
                    requests,
                    amount,
                    sessions: None,
                    mixing: Mixing::Drawn,
                    detect: settings.detect.map(|d| (d, settings.error_rate.unwrap_or(ERROR_RATE_DEFAULT))),
                    key,
                };
                // Without sessions there cannot be too many of them.
                prepared(described, view, s.classes).ok().flatten()
            })
            .collect()
    };
    Ok(views.par_iter().enumerate().flat_map_iter(of_view).collect())
}

/// A stream before its classes are decided.
struct Described {
    name: SmolStr,
    view: usize,
    automatic: bool,
    requests: u64,
    amount: Amount,
    sessions: Option<u64>,
    mixing: Mixing,
    detect: Option<(Detect, f64)>,
    key: u64,
}

/// None for a stream of which nothing can come.
fn prepared(described: Described, view: &View, classes: Vec<Class>) -> Result<Option<Prepared>, NotPossible> {
    let Described { name, view: view_index, automatic, requests, amount, sessions, mixing, detect, key } = described;
    let decisions: Vec<Decision> =
        classes.par_iter().map(|c| decide(&view.router, &c.request, Detail::Outcome)).collect();
    match Plan::new(&classes, &decisions, view, sessions, mixing) {
        Ok(plan) => Ok(Some(Prepared {
            name,
            view: view_index,
            automatic,
            requests,
            classes,
            sessions,
            decisions,
            plan,
            amount,
            detect,
            key,
        })),
        Err(NoPlan::Nothing) => Ok(None),
        Err(NoPlan::TooManySessions) => Err(NotPossible::TooManySessions { stream: name }),
    }
}

fn key(proxy: &str, stream: &str) -> u64 {
    xx_hash(format!("{proxy}\0{stream}").as_bytes())
}
