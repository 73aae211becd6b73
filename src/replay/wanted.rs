//! Which streams a run has: those that somebody described, else those that route tables suggest.

use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::arrivals::requests;
use super::detect::ERROR_RATE_DEFAULT;
use super::{NotPossible, Settings, View, request_text};
use crate::balance::hash::xx_hash;
use crate::mesh::Proxy;
use crate::scenario::{Amount, Detect, Scenario, Stream};
use crate::traffic::{self, Class, HostStream, Mixing};

/// A stream before its classes are decided.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub name: SmolStr,
    /// Index of its proxy's view.
    pub view: usize,
    pub automatic: bool,
    pub requests: u64,
    pub amount: Amount,
    /// Clients that come back; None: every request is a client of its own.
    pub sessions: Option<u64>,
    pub mixing: Mixing,
    pub detect: Option<(Detect, f64)>,
    pub key: u64,
    pub classes: Vec<Class>,
}

/// The scenario's streams for these proxies, each with the index of its own.
///
/// # Errors
/// A stream through a proxy that isn't there.
pub(super) fn described<'s>(
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

/// The classes of one described stream through the proxy of that name.
///
/// # Errors
/// Too many combinations, or a length of time without a rate.
pub(super) fn expanded(stream: &Stream, view: usize, proxy: &str, settings: &Settings) -> Result<Wanted, NotPossible> {
    let classes = traffic::expand(stream)?;
    let key = key(proxy, &stream.name);
    let timeless = || NotPossible::NoRate { stream: stream.name.clone() };
    let amount = settings.amount.apply(stream.amount).ok_or_else(timeless)?;
    Ok(Wanted {
        name: stream.name.clone(),
        view,
        automatic: false,
        requests: requests(&amount, settings.seed, key),
        amount,
        sessions: stream.sessions.as_ref().map(|s| s.count),
        mixing: Mixing::of(&classes),
        detect: settings.detect.or(stream.detect).map(|d| (d, error_rate(settings))),
        key,
        classes,
    })
}

/// A stream for each host of each table. With `before`, the tables of the same proxies at another time, a host's requests are
/// those that either table suggests, so that a host or route that only one of them has is asked for too.
///
/// # Errors
/// A length of time without a rate.
pub(super) fn automatic(
    views: &[View],
    before: Option<&[View]>,
    settings: &Settings,
) -> Result<Vec<Wanted>, NotPossible> {
    let timeless = || NotPossible::NoRate { stream: "of each host".into() };
    let amount = settings.amount.apply(Amount::default()).ok_or_else(timeless)?;
    let of_view = |(i, view): (usize, &View)| -> Vec<Wanted> {
        let mut streams = traffic::automatic(&view.router);
        if let Some(old) = before.and_then(|b| b.get(i)) {
            add_missing(&mut streams, traffic::automatic(&old.router));
        }
        let proxy = &view.table().proxy.name;
        let wanted = |s: HostStream| {
            let key = key(proxy, &s.name);
            Wanted {
                view: i,
                automatic: true,
                requests: requests(&amount, settings.seed, key),
                amount,
                sessions: None,
                mixing: Mixing::Drawn,
                detect: settings.detect.map(|d| (d, error_rate(settings))),
                key,
                name: s.name,
                classes: s.classes,
            }
        };
        streams.into_iter().map(wanted).collect()
    };
    Ok(views.par_iter().enumerate().flat_map_iter(of_view).collect())
}

/// Adds the hosts and requests that only the other table suggests.
fn add_missing(streams: &mut Vec<HostStream>, others: Vec<HostStream>) {
    let places: FxHashMap<SmolStr, usize> = streams.iter().enumerate().map(|(i, s)| (s.name.clone(), i)).collect();
    for other in others {
        match places.get(&other.name).and_then(|i| streams.get_mut(*i)) {
            Some(same) => {
                let known: FxHashSet<String> = same.classes.iter().map(|c| request_text(&c.request)).collect();
                same.classes.extend(other.classes.into_iter().filter(|c| !known.contains(&request_text(&c.request))));
            }
            None => streams.push(other),
        }
    }
}

fn error_rate(settings: &Settings) -> f64 {
    settings.error_rate.unwrap_or(ERROR_RATE_DEFAULT)
}

/// Keys a stream's randomness; made of its name and proxy, so that other streams don't matter.
pub(super) fn key(proxy: &str, stream: &str) -> u64 {
    xx_hash(format!("{proxy}\0{stream}").as_bytes())
}
