//! What may be spent on proofs: one budget for the whole run, shared out by the number of matches and by what is asked, so
//! that the same manifests give the same findings on any number of threads.

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
/// A question costs as much, be it ever so easy.
const ASKING: u64 = 50;
/// So much is there for each match, however many there are.
const ENTRY_MIN: u64 = 2_000;
/// Bytes of automata for each step that may be spent on them.
const BYTES_A_STEP: u64 = 8;

fn entries(vs: &VirtualService) -> usize {
    let matches = vs.http.iter().map(|rule| rule.route.matches.len().max(1)).sum::<usize>();
    matches * vs.gateways.len().max(1)
}

impl Effort {
    pub(in crate::analysis::checks) fn new(steps: u64, mesh: &Mesh) -> Effort {
        let entries = mesh.virtual_services.all.iter().map(|vs| entries(vs) as u64).sum();
        Effort { steps, entries }
    }

    /// Bytes that the automata of all patterns together may have.
    pub(in crate::analysis::checks) fn bytes(&self) -> u64 {
        self.steps.saturating_mul(BYTES_A_STEP)
    }

    /// For what becomes of each match: half of all.
    pub(in crate::analysis::checks) fn fates(&self) -> Purse {
        self.share(2, self.entries)
    }

    /// For requests that fit two of a list's matches: a quarter, shared out by the matches.
    pub(in crate::analysis::checks) fn overlaps(&self, entries: usize) -> Purse {
        self.share(4, entries as u64)
    }

    /// For matches of several objects that share a host: an eighth, shared out by the matches.
    pub(in crate::analysis::checks) fn clashes(&self, entries: usize) -> Purse {
        self.share(8, entries as u64)
    }

    /// For a question about one match by itself.
    pub(in crate::analysis::checks) fn alone(&self) -> Budget {
        let steps = u32::try_from(self.share(16, 1).steps).unwrap_or(u32::MAX);
        Budget { steps: steps.min(QUESTION.steps), ..QUESTION }
    }

    /// What so many of all entries get of a part of all steps.
    fn share(&self, part: u64, entries: u64) -> Purse {
        let share = u128::from(self.steps / part) * u128::from(entries) / u128::from(self.entries.max(1));
        let share = u64::try_from(share).unwrap_or(u64::MAX).min(self.steps / part);
        Purse { steps: share.max(ENTRY_MIN.saturating_mul(entries)) }
    }
}

/// What is left to be spent. What is beyond it is possible at most.
#[derive(Debug, Clone, Copy)]
pub(in crate::analysis::checks) struct Purse {
    pub steps: u64,
}

impl Purse {
    /// One of `parts` equal parts of what is left.
    pub(in crate::analysis::checks) fn part(&self, parts: usize) -> Purse {
        Purse { steps: self.steps / parts.max(1) as u64 }
    }

    pub(in crate::analysis::checks) fn is_empty(&self) -> bool {
        self.steps == 0
    }

    pub(in crate::analysis::checks) fn ask<T>(&mut self, question: impl FnOnce(&mut Budget) -> T) -> T {
        let given = u32::try_from(self.steps).unwrap_or(u32::MAX).min(QUESTION.steps);
        let mut budget = Budget { steps: given, ..QUESTION };
        let answer = question(&mut budget);
        self.steps = self.steps.saturating_sub(u64::from(given - budget.steps) + ASKING);
        answer
    }
}
