//! What may be spent on proofs: one budget for the whole run, shared out by the size of the lists, so that the same manifests
//! give the same findings on any number of threads.

use crate::analysis::symbolic::Budget;
use crate::istio::mesh::{Mesh, VirtualService};

/// The budget of a run.
#[derive(Debug, Clone, Copy)]
pub(in crate::analysis::checks) struct Effort {
    /// Steps of automata.
    steps: u64,
    /// Matches of all VirtualServices, at each place that they are for.
    entries: u64,
}

/// What may be spent on one question about two or more entries, out of what the whole list has.
const QUESTION: Budget = Budget { steps: 200_000, cases: 2_000 };
/// Every list gets as much for each of its entries.
const ENTRY_MIN: u64 = 2_000;

fn entries(vs: &VirtualService) -> usize {
    let matches = vs.http.iter().map(|rule| rule.route.matches.len().max(1)).sum::<usize>();
    matches * vs.gateways.len().max(1)
}

impl Effort {
    pub(in crate::analysis::checks) fn new(steps: u64, mesh: &Mesh) -> Effort {
        let entries = mesh.virtual_services.all.iter().map(|vs| entries(vs) as u64).sum();
        Effort { steps, entries }
    }

    /// The share of a list of so many entries.
    pub(in crate::analysis::checks) fn share(&self, entries: usize) -> Purse {
        let entries = entries as u64;
        let share = u128::from(self.steps) * u128::from(entries) / u128::from(self.entries.max(1));
        Purse { steps: u64::try_from(share).unwrap_or(u64::MAX).min(self.steps).max(ENTRY_MIN * entries) }
    }

    /// The share of a VirtualService, at all places that it is for.
    pub(in crate::analysis::checks) fn share_of(&self, vs: &VirtualService) -> Purse {
        self.share(entries(vs))
    }
}

/// What is left to be spent on one list. What is beyond it is possible at most.
#[derive(Debug)]
pub(in crate::analysis::checks) struct Purse {
    steps: u64,
}

impl Purse {
    pub(in crate::analysis::checks) fn ask<T>(&mut self, question: impl FnOnce(&mut Budget) -> T) -> T {
        let given = u32::try_from(self.steps).unwrap_or(u32::MAX).min(QUESTION.steps);
        let mut budget = Budget { steps: given, ..QUESTION };
        let answer = question(&mut budget);
        self.steps -= u64::from(given - budget.steps);
        answer
    }
}
