//! A log as streams: read and sorted, then drawn like any other.

mod kinds;
#[cfg(test)]
mod laws;
mod lens;
mod repeats;
mod sorting;
#[cfg(any(feature = "cli", test))]
mod tally;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use smol_str::SmolStr;

pub(crate) use kinds::Kind;
#[cfg(test)]
pub(crate) use lens::Lens;
pub(crate) use lens::Lenses;
pub(crate) use sorting::{LinesRead, Sorted};
use sorting::{LogLines, Sorter};
#[cfg(any(feature = "cli", test))]
pub(crate) use tally::{Counted, Digest, placed};

use super::wanted::{Wanted, detect, key};
use super::{NotPossible, Pair, Progress, Settings, Simulation, settle};
use crate::istio::clients::{self, PointsOfView};
use crate::parallel;
use crate::parallel::prelude::*;
#[cfg(feature = "cli")]
use crate::traffic::recorded::Entry;
use crate::traffic::recorded::{Batch, Log, Unreadable};
use crate::traffic::scenario::{Amount, Extent};
use crate::traffic::streams::{Class, Mixing};

/// Batches that are sorted at once for each thread, while the next are read.
const BATCHES_PER_THREAD: usize = 16;

/// Reads a log to its end, or until `progress` says to stop; counts lines as done.
///
/// Only so many batches are in memory as are sorted and read at a time: a log may be of any length.
///
/// # Errors
/// What makes the log unreadable from some line on.
pub(crate) fn read(log: &mut Log, lenses: &Lenses<'_>, progress: &Progress) -> Result<Sorted, Unreadable> {
    let format = log.format();
    let at_once = parallel::current_num_threads().max(1) * BATCHES_PER_THREAD;
    let mut out = Sorted::default();
    let name = log.name().to_owned();
    // No more than work at the same time.
    let idle: Mutex<Vec<Sorter<'_>>> = Mutex::default();
    let lock = || idle.lock().unwrap_or_else(PoisonError::into_inner);
    let sort = |batch: &Batch| {
        let sorter = lock().pop();
        let mut sorter = sorter.unwrap_or_else(|| Sorter::new(&name, format, lenses));
        progress.done.fetch_add(sorter.sort(batch), Ordering::Relaxed);
        lock().push(sorter);
    };
    let mut batches = next(log, at_once)?;
    while !batches.is_empty() && progress.stop.load(Ordering::Relaxed) == 0 {
        let (_, following) =
            parallel::join(|| -> Vec<()> { batches.par_iter().map(sort).collect() }, || next(log, at_once));
        batches = following?;
    }
    idle.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().for_each(|sorter| out.merge(sorter.finish()));
    out.read.partial = !batches.is_empty();
    let LinesRead { lines, requests, bad, .. } = out.read;
    // An empty log has no format.
    if lines > 0 {
        out.read.logs.insert((name, format), LogLines { lines, requests, bad });
    }
    out.finish();
    Ok(out)
}

/// The latest time of a log's requests; None where it has no times, and where nobody [asked](crate::traffic::recorded::Settings::times).
///
/// # Errors
/// What makes the log unreadable from some line on.
#[cfg(feature = "cli")]
pub(crate) fn last_time(log: &mut Log, progress: &Progress) -> Result<Option<jiff::Timestamp>, Unreadable> {
    let mut last = None;
    loop {
        let batches = next(log, parallel::current_num_threads().max(1) * BATCHES_PER_THREAD)?;
        if batches.is_empty() || progress.stop.load(Ordering::Relaxed) != 0 {
            return Ok(last);
        }
        let time = |(_, entry): (u64, Result<Entry, _>)| match entry {
            Ok(Entry::Request(record)) => record.time,
            _ => None,
        };
        let latest: Vec<Option<jiff::Timestamp>> =
            batches.par_iter().map(|b| b.entries().filter_map(time).max()).collect();
        last = latest.into_iter().flatten().chain(last).max();
    }
}

fn next(log: &mut Log, count: usize) -> Result<Vec<Batch>, Unreadable> {
    let mut out = Vec::with_capacity(count);
    while out.len() < count {
        match log.next_batch()? {
            Some(batch) => out.push(batch),
            None => break,
        }
    }
    Ok(out)
}

/// A log's requests on one mesh or, for a what-if, on two.
#[derive(Debug)]
pub(crate) enum Recorded {
    One(Simulation),
    Two(Pair),
}

/// The streams of a log that was read: one for each proxy, called `name`, in the order in which proxies come.
///
/// # Errors
/// None of those that concern described streams; see [`NotPossible`].
pub(crate) fn streams(
    name: &str,
    sorted: &Sorted,
    lenses: &Lenses<'_>,
    settings: &Settings,
) -> Result<Recorded, NotPossible> {
    let mut proxies: IndexMap<SmolStr, Vec<Class>> = IndexMap::new();
    for kind in sorted.kinds() {
        let class = Class::new(crate::traffic::stats::as_f64(kind.count), kind.request.clone());
        let class = Class { client: kind.client, alike: kind.alike, ..class };
        proxies.entry(kind.proxy.clone()).or_default().push(class);
    }
    let (mut views, mut old_views, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
    let mut points = PointsOfView::default();
    for (proxy, classes) in proxies {
        let Some(lens) = lenses.get(&proxy) else { continue };
        points.classes.push(clients::Class::of_proxy(&lens.now.proxy));
        let requests: f64 = classes.iter().map(|c| c.weight).sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
        let requests = requests as u64;
        wanted.push(Wanted {
            name: name.into(),
            view: views.len(),
            audience: Arc::new(points.audience(&[views.len()])),
            automatic: false,
            requests,
            amount: Amount {
                extent: Extent::Count(requests),
                per_second: settings.amount.per_second,
                ..Amount::default()
            },
            sessions: None,
            mixing: Mixing::Counted,
            detect: detect(settings, None),
            // However the log is called, packed or handed in, its requests are the same.
            key: key(&proxy, "log"),
            sampled_of: None,
            classes,
        });
        views.push(lens.now.clone());
        old_views.extend(lens.before.clone());
    }
    if old_views.is_empty() {
        return Ok(Recorded::One(Simulation { streams: settle(wanted, &views)?, views }));
    }
    Ok(Recorded::Two(Pair {
        before: Simulation { streams: settle(wanted.clone(), &old_views)?, views: old_views },
        now: Simulation { streams: settle(wanted, &views)?, views },
        points,
    }))
}
