//! Which streams a run has: those that somebody described, else those that route tables suggest.

use std::ops::Range;
use std::sync::Arc;

use crate::parallel::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::agree::{self, Merger};
use super::alike::Merged;
use super::arrivals::requests;
use super::beside::{At, Newcomer};
use super::detect::ERROR_RATE_DEFAULT;
use super::run::{Purpose, rng};
use super::{NotPossible, Settings, View};
use crate::envoy::balance::hash::xx_hash;
use crate::envoy::table::{RouteConfiguration, VirtualHost};
use crate::envoy::words;
use crate::istio::clients::{Audience, PointsOfView};
use crate::traffic::scenario::{Amount, Detect, REQUESTS_MAX, Scenario, Stream};
use crate::traffic::streams::{self, Class, HostStream, Mixing, Sampler, TooMany};

/// A stream before its classes are decided.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub name: SmolStr,
    /// Index of its proxy's view.
    pub view: usize,
    /// Whose stream it is.
    pub audience: Arc<Audience>,
    pub automatic: bool,
    pub requests: u64,
    pub amount: Amount,
    /// Clients that come back; None: every request is a client of its own.
    pub sessions: Option<u64>,
    pub mixing: Mixing,
    pub detect: Option<(Detect, f64)>,
    pub key: u64,
    /// The classes are those of a sample; how many combinations there are.
    pub sampled_of: Option<u64>,
    pub classes: Vec<Class>,
}

/// The scenario's streams for these proxies, each with the index of its own; None: it names none, and nobody chose the proxies.
///
/// # Errors
/// A stream through a proxy that isn't there.
pub(super) fn described<'s>(
    points: &PointsOfView,
    scenario: Option<&'s Scenario>,
    settings: &Settings,
) -> Result<Vec<(&'s Stream, Option<usize>)>, NotPossible> {
    let mut out = Vec::new();
    for stream in scenario.iter().flat_map(|s| &s.streams) {
        if stream.proxy.is_empty() {
            out.push((stream, (!points.own).then_some(0)));
        } else if let Some(i) = points.proxies().position(|p| p.name == stream.proxy) {
            out.push((stream, Some(i)));
        } else if !settings.chosen_proxies {
            let known: Vec<&str> = points.proxies().map(|p| p.name.as_str()).collect();
            return Err(NotPossible::UnknownProxy {
                stream: stream.name.clone(),
                proxy: stream.proxy.clone(),
                known: known.join(", "),
            });
        }
    }
    Ok(out)
}

/// The classes of one described stream through a proxy, whose view is `now` and, for a what-if, was `before`. `proxy` keys its
/// randomness.
///
/// Classes that end alike are one, unless they are to be kept apart. Streams with more combinations of variables than can be looked at
/// one by one get the classes of a sample of requests.
///
/// # Errors
/// A length of time without a rate; more requests than can be run.
pub(super) fn expanded(
    stream: &Stream,
    (view, audience): (usize, Arc<Audience>),
    (now, before): (&View, Option<&View>),
    proxy: &str,
    settings: &Settings,
) -> Result<Wanted, NotPossible> {
    let key = key(proxy, &stream.name);
    let timeless = || NotPossible::NoRate { stream: stream.name.clone() };
    let amount = settings.amount.apply(stream.amount).ok_or_else(timeless)?;
    let requests = requests(&amount, settings.seed, key);
    if requests > REQUESTS_MAX {
        return Err(NotPossible::TooManyRequests { stream: stream.name.clone() });
    }
    let (classes, sampled_of) = match classes(stream, now, before, settings) {
        Ok(classes) => (classes, None),
        Err(too_many) => (sampled(stream, now, before, settings.seed, key), Some(too_many.combinations)),
    };
    Ok(Wanted {
        name: stream.name.clone(),
        view,
        audience,
        automatic: false,
        requests,
        amount,
        sessions: stream.sessions.as_ref().map(|s| s.count),
        mixing: Mixing::of(&classes),
        detect: detect(settings, stream.detect),
        key,
        sampled_of,
        classes,
    })
}

fn classes(stream: &Stream, now: &View, before: Option<&View>, settings: &Settings) -> Result<Vec<Class>, TooMany> {
    if settings.keep_apart {
        return streams::expand(stream);
    }
    let mut merged = Merged::default();
    let mut some = Vec::with_capacity(AT_ONCE);
    streams::expand_each(stream, &mut |class| {
        some.push(class);
        if some.len() == AT_ONCE {
            merged.add(std::mem::replace(&mut some, Vec::with_capacity(AT_ONCE)), now, before);
        }
    })?;
    merged.add(some, now, before);
    Ok(merged.into_classes())
}

/// Classes that are looked at together, on all threads.
const AT_ONCE: usize = 1 << 14;

/// Requests that stand for a stream with too many combinations. A share is then right within a few thousandths.
pub(crate) const SAMPLE: usize = 1 << 18;

fn sampled(stream: &Stream, now: &View, before: Option<&View>, seed: u64, key: u64) -> Vec<Class> {
    let sampler = Sampler::new(stream);
    let mut rng = rng(seed, key, Purpose::Values);
    let mut merged = Merged::default();
    for first in (0..SAMPLE).step_by(AT_ONCE) {
        let some = (first..first + AT_ONCE).filter_map(|number| sampler.draw(number as u64, &mut rng)).collect();
        merged.add(some, now, before);
    }
    merged.into_classes()
}

/// A stream for each host of the tables of some classes, and which hosts need none, since they are `known`. With `before`, the tables of the same proxies at another time, a host's requests are
/// those that either table suggests, so that a host or route that only one of them has is asked for too.
///
/// # Errors
/// A length of time without a rate; more requests than can be run.
pub(super) fn automatic(
    points: &PointsOfView,
    classes: Range<usize>,
    (views, before): (&[Arc<View>], Option<&[Arc<View>]>),
    settings: &Settings,
    known: &Merger,
) -> Result<Automatic, NotPossible> {
    let timeless = || NotPossible::NoRate { stream: "of each host".into() };
    let amount = settings.amount.apply(Amount::default()).ok_or_else(timeless)?;
    if requests(&amount, settings.seed, 0) > REQUESTS_MAX {
        return Err(NotPossible::TooManyRequests { stream: "of each host".into() });
    }
    let sides: Vec<&[Arc<View>]> = before.into_iter().chain([views]).collect();
    let of_view = |i: usize| -> (Vec<Wanted>, Vec<Joined>, Option<Follows>) {
        let Some(view) = views.get(i) else { return Default::default() };
        let mut joined: Vec<Joined> = Vec::new();
        let looked_at = known.wanted(i, &sides);
        let mut newcomer = Newcomer::new(i, &sides);
        let mut taken: FxHashSet<(SmolStr, usize)> = FxHashSet::default();
        let mut is_known = |config: &RouteConfiguration, position: u32, host: &Arc<VirtualHost>| {
            let group = known.known(&mut newcomer, At { config: &config.name, position, host });
            let group = group.filter(|g| taken.insert((host.name.clone(), *g)));
            joined.extend(group.map(|group| (host.name.clone(), group, i)));
            group.is_some()
        };
        let mut streams = streams::automatic_but(&view.router, &|host| looked_at.holds(host), &mut is_known);
        if let Some(old) = before.and_then(|b| b.get(i)) {
            let skipped: FxHashSet<SmolStr> = joined.iter().map(|(host, ..)| host.clone()).collect();
            add_missing(
                &mut streams,
                streams::automatic_but(&old.router, &|host| looked_at.holds(host), &mut |_, _, host| {
                    skipped.contains(&host.name)
                }),
            );
        }
        let proxy = &view.proxy.name;
        let audience = Arc::new(points.audience(&[i]));
        let wanted = |s: HostStream| {
            let key = key(proxy, &s.name);
            Wanted {
                view: i,
                audience: audience.clone(),
                automatic: true,
                requests: requests(&amount, settings.seed, key),
                amount,
                sessions: None,
                mixing: Mixing::Drawn,
                detect: detect(settings, None),
                key,
                sampled_of: None,
                name: s.name,
                classes: s.classes,
            }
        };
        let follows = match looked_at {
            agree::Wanted::Some { leader, own, .. } => Some(Follows { class: i, leader, own }),
            agree::Wanted::All => None,
        };
        (streams.into_iter().map(wanted).collect(), joined, follows)
    };
    let each: Vec<(Vec<Wanted>, Vec<Joined>, Option<Follows>)> = classes.into_par_iter().map(of_view).collect();
    let mut out = Automatic::default();
    for (wanted, joined, follows) in each {
        out.wanted.extend(wanted);
        out.joined.extend(joined);
        out.follows.extend(follows);
    }
    Ok(out)
}

/// What automatic streams some classes need.
#[derive(Default)]
pub(super) struct Automatic {
    pub wanted: Vec<Wanted>,
    /// Hosts that need none.
    pub joined: Vec<Joined>,
    /// Classes that need none but of some hosts.
    pub follows: Vec<Follows>,
}

/// A class that agrees with an earlier one, but for hosts of its own.
pub(super) struct Follows {
    pub class: usize,
    pub leader: usize,
    pub own: FxHashSet<SmolStr>,
}

/// A host, the group of classes that a further one agrees with, and that class.
type Joined = (SmolStr, usize, usize);

/// Adds the hosts and requests that only the other table suggests.
fn add_missing(streams: &mut Vec<HostStream>, others: Vec<HostStream>) {
    let places: FxHashMap<SmolStr, usize> = streams.iter().enumerate().map(|(i, s)| (s.name.clone(), i)).collect();
    for other in others {
        match places.get(&other.name).and_then(|i| streams.get_mut(*i)) {
            Some(same) => {
                let known: FxHashSet<String> = same.classes.iter().map(|c| words::example(&c.request)).collect();
                same.classes.extend(other.classes.into_iter().filter(|c| !known.contains(&words::example(&c.request))));
            }
            None => streams.push(other),
        }
    }
}

/// What a stream should be able to show: what the run asks, else its `own`; with the share of requests that fails anyway.
pub(super) fn detect(settings: &Settings, own: Option<Detect>) -> Option<(Detect, f64)> {
    let error_rate = settings.error_rate.unwrap_or(ERROR_RATE_DEFAULT);
    settings.detect.or(own).map(|d| (d, error_rate))
}

/// Keys a stream's randomness; made of its name and proxy, so that other streams don't matter.
pub(super) fn key(proxy: &str, stream: &str) -> u64 {
    xx_hash(format!("{proxy}\0{stream}").as_bytes())
}
