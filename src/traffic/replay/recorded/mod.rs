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

use indexmap::IndexSet;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

pub(crate) use kinds::Kind;
#[cfg(test)]
pub(crate) use lens::Lens;
pub(crate) use lens::Lenses;
use repeats::Repeats;
pub(crate) use sorting::{LinesRead, Sorted};
use sorting::{LogLines, Sorter};
#[cfg(any(feature = "cli", test))]
pub(crate) use tally::{Counted, Digest, placed};

use super::agree::{Views, agree};
use super::wanted::{Wanted, detect, key};
use super::{NotPossible, Pair, Prepared, Progress, Settings, Simulation, settle};
use crate::istio::clients::{self, Audience, PointsOfView};
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
    let taken = || lock().pop();
    let by_one = |work: &dyn Fn(&mut Sorter<'_>)| {
        let mut sorter = taken().unwrap_or_else(|| Sorter::new(&name, format, lenses));
        work(&mut sorter);
        lock().push(sorter);
    };
    let sort = |batch: &Batch| {
        by_one(&|sorter| {
            progress.done.fetch_add(sorter.sort(batch), Ordering::Relaxed);
        });
    };
    let mut batches = next(log, at_once)?;
    while !batches.is_empty() && progress.stop.load(Ordering::Relaxed) == 0 {
        let (_, following) =
            parallel::join(|| -> Vec<()> { batches.par_iter().map(sort).collect() }, || next(log, at_once));
        batches = following?;
    }
    let counted = Repeats::counted(lock().iter_mut().map(Sorter::take_repeats));
    let parts: Vec<_> = counted.iter().flat_map(|counted| counted.parts()).collect();
    let _: Vec<()> = parts.par_iter().map(|(shape, paths)| by_one(&|sorter| sorter.place(shape, paths))).collect();
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

/// The names of the proxies under which a log's requests are counted, one for each view of [`streams`], in their order.
pub(crate) fn names(sorted: &Sorted, lenses: &Lenses<'_>) -> Vec<SmolStr> {
    let all: IndexSet<&SmolStr> = sorted.kinds().map(|kind| &kind.proxy).collect();
    all.into_iter().filter(|name| lenses.get(name).is_some()).cloned().collect()
}

/// The streams of a log that was read: one for each proxy, called `name`, in the order in which proxies come. Of requests that name
/// no proxy it is one for all clients of which the same is told.
///
/// # Errors
/// None of those that concern described streams; see [`NotPossible`].
pub(crate) fn streams(
    name: &str,
    sorted: &Sorted,
    lenses: &Lenses<'_>,
    settings: &Settings,
) -> Result<Recorded, NotPossible> {
    let mut counted: FxHashMap<&SmolStr, Vec<Class>> = FxHashMap::default();
    for kind in sorted.kinds() {
        let class = Class::new(crate::traffic::stats::as_f64(kind.count), kind.request.clone());
        let class = Class { client: kind.client, alike: kind.alike, ..class };
        counted.entry(&kind.proxy).or_default().push(class);
    }
    let names = names(sorted, lenses);
    let (mut views, mut old_views, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
    let mut points = PointsOfView { own: names.len() == lenses.defaults.len(), ..PointsOfView::default() };
    for proxy in &names {
        let (Some(lens), Some(classes)) = (lenses.get(proxy), counted.remove(proxy)) else { continue };
        let (class, audience) = match lenses.classes(proxy) {
            Some((all, of)) => (all.joined(of), all.audience(of)),
            None => {
                points.own = false;
                (None, Audience::of_proxy(&lens.now.proxy))
            }
        };
        points.classes.push(class.unwrap_or_else(|| clients::Class::of_proxy(&lens.now.proxy)));
        let requests: f64 = classes.iter().map(|c| c.weight).sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
        let requests = requests as u64;
        wanted.push(Wanted {
            name: name.into(),
            view: views.len(),
            audience: Arc::new(audience),
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
            key: key(lens::plain(proxy), "log"),
            sampled_of: None,
            classes,
        });
        views.push(lens.now.clone());
        old_views.extend(lens.before.clone());
    }
    let of_all: Vec<Option<&[usize]>> = names.iter().map(|name| lenses.classes(name).map(|(_, of)| of)).collect();
    if old_views.is_empty() {
        let mut sides = [settle(wanted, &views)?];
        join(&mut sides, &[&views], &of_all, lenses);
        let [streams] = sides;
        return Ok(Recorded::One(Simulation { streams, views }));
    }
    let mut sides = [settle(wanted.clone(), &old_views)?, settle(wanted, &views)?];
    join(&mut sides, &[&old_views, &views], &of_all, lenses);
    let [before, now] = sides;
    Ok(Recorded::Two(Pair {
        before: Simulation { streams: before, views: old_views },
        now: Simulation { streams: now, views },
        points,
    }))
}

/// Makes one of streams of which the same is told, on every side; `of_all`: by view, the classes that it stands for.
fn join(sides: &mut [Vec<Prepared>], views: &[Views<'_>], of_all: &[Option<&[usize]>], lenses: &Lenses<'_>) {
    let count = sides.iter().map(Vec::len).min().unwrap_or_default();
    // Positions of the streams that stay, with the classes of those that are told with them.
    let mut kept: Vec<(usize, Vec<usize>)> = Vec::new();
    for i in 0..count {
        let classes = |i: usize| {
            let stream = sides.first().and_then(|streams| streams.get(i))?;
            of_all.get(stream.view).copied().flatten()
        };
        let agrees = |j: usize| {
            sides.iter().zip(views).all(|(streams, views)| {
                let of = |at: usize| {
                    let stream = streams.get(at)?;
                    Some((stream, &**views.get(stream.view)?))
                };
                of(i).zip(of(j)).is_some_and(|(a, b)| agree(a, b))
            })
        };
        let own = classes(i);
        match kept.iter_mut().find(|(j, _)| own.is_some() && classes(*j).is_some() && agrees(*j)) {
            Some((_, told)) => told.extend(own.into_iter().flatten()),
            None => kept.push((i, own.unwrap_or_default().to_vec())),
        }
    }
    for streams in sides {
        let mut all: Vec<Option<Prepared>> = std::mem::take(streams).into_iter().map(Some).collect();
        for (i, told) in &mut kept {
            let Some(stream) = all.get_mut(*i).and_then(Option::take) else { continue };
            told.sort_unstable();
            let audience = match lenses.everybody() {
                Some(points) if !told.is_empty() => Arc::new(points.audience(told)),
                _ => stream.audience.clone(),
            };
            streams.push(Prepared { audience, ..stream });
        }
    }
}
