//! What differs between two tables of one proxy, and for which requests.
//!
//! In: a [`crate::traffic::replay::Pair`], the same requests on two meshes, and the tables behind it. Out: [`StreamChange`]s, exact shares of requests
//! that move, and [`TableChange`]s, what is proven to be the same for every request there is. Nothing is drawn here and
//! nothing shown.

#[cfg(test)]
mod client_laws;
mod end;
mod flows;
#[cfg(test)]
mod laws;
pub(crate) mod limits;
mod logged;
mod parts;
pub(crate) mod policies;
mod same;
mod stream;
mod tables;

pub(crate) use end::End;
pub(crate) use flows::Flow;
#[cfg(feature = "cli")]
pub(crate) use flows::moves;
pub(crate) use logged::{LogChange, LogMove, LogResult, Logged, logged};
pub(crate) use policies::PolicyChange;
pub(crate) use same::clusters_of;
pub(crate) use stream::{Altered, Row, StreamChange, change, rows};
#[cfg(test)]
pub(crate) use tables::tables;
pub(crate) use tables::{HostChange, TableChange};

use crate::parallel::prelude::*;

use crate::traffic::replay::{Pair, StreamSummary};

/// A run on two meshes: what was counted before, and what is different now.
#[derive(Debug, Clone, Default)]
pub(crate) struct WhatIf {
    /// The streams as they were, in the order of the run.
    pub before: Vec<StreamSummary>,
    /// What changed, in the same order.
    pub changes: Vec<StreamChange>,
    /// One for each proxy, or for all clients of which the same is said.
    pub tables: Vec<TableChange>,
}

/// What a change does to all streams together, as shares of their requests, 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sums {
    /// Treated otherwise: `moved` or `altered`.
    pub changed: f64,
    pub moved: f64,
    pub altered: f64,
    /// Of those that moved: lost now, and not before.
    pub newly_lost: f64,
}

impl WhatIf {
    /// All streams together; `now` in the order of the run.
    pub(crate) fn sums(&self, now: &[StreamSummary]) -> Sums {
        use crate::envoy::decision::Counted;
        use crate::traffic::stats::as_f64;
        let all: f64 = now.iter().map(|s| as_f64(s.planned)).sum();
        let sum = |share: &dyn Fn(&StreamChange) -> f64| {
            let of = |(s, c): (&StreamSummary, &StreamChange)| as_f64(s.planned) * share(c);
            let sum: f64 = now.iter().zip(&self.changes).map(of).sum();
            if all > 0.0 { (sum / all).min(1.0) } else { 0.0 }
        };
        Sums {
            changed: sum(&StreamChange::changed),
            moved: sum(&|c| c.moved),
            altered: sum(&|c| c.altered),
            newly_lost: sum(&|c| c.newly(Counted::Blackholed).map(|f| f.share).sum()),
        }
    }

    /// True where a request of the streams is treated otherwise, or a table differs.
    pub(crate) fn is_changed(&self) -> bool {
        self.changes.iter().any(|c| c.changed() > 0.0) || self.tables.iter().any(|t| !t.is_identical())
    }

    /// Compares everything about a pair. `before` is what its older side counted.
    pub(crate) fn new(pair: &Pair, before: Vec<StreamSummary>) -> WhatIf {
        let (old, new) = (&pair.before, &pair.now);
        let streams = old.streams.par_iter().zip(&new.streams);
        let changes =
            streams.filter_map(|(a, b)| Some(change((a, old.views.get(a.view)?), (b, new.views.get(b.view)?))));
        let tables = tables::all(&pair.points, &old.views, &new.views);
        WhatIf { before, changes: changes.collect(), tables }
    }
}
