//! A rollout before it begins, as a program sees it.

use std::fmt;

use super::table::text;
use crate::analysis::compare::limits::Limit;
use crate::analysis::rollout::{Move, Plan, Rehearsal, Safe};
use crate::manifest::source::SourceMap;
use crate::tool::report::rollout::{Results, Road, Show, Watch, sentence_of_wave, to_json, to_text};

/// The way from one mesh to another, or through steps: in which order objects may be applied, what each step does, and the way back.
///
/// Shown (`{}`) it is what `towtank rollout` prints.
#[derive(Debug)]
pub struct Rollout {
    pub(super) title: String,
    pub(super) road: Way,
    pub(super) limits: Vec<Limit>,
    /// What was taken for granted, in words.
    pub(super) assumed: Vec<String>,
    pub(super) relabelled: Vec<smol_str::SmolStr>,
    pub(super) sources: SourceMap,
}

#[derive(Debug)]
pub(super) enum Way {
    Change(Box<Plan>),
    Steps(Box<Rehearsal>),
}

impl Rollout {
    /// Whether no request is lost on the way where everything is applied at once, in whichever order people's tools apply it; of
    /// steps: where each is.
    pub fn is_safe_at_once(&self) -> bool {
        match &self.road {
            Way::Change(plan) => plan.orders.iter().all(|o| o.is_safe()),
            Way::Steps(r) => r.moves.iter().all(|m| m.windows.is_empty()),
        }
    }

    /// Whether some state that it stays in loses requests that are served at the start; of a change, the end of it.
    pub fn loses(&self) -> bool {
        match &self.road {
            Way::Change(plan) => plan.loses(),
            Way::Steps(r) => r.loses(),
        }
    }

    /// The waves of a safe order or a plan of a change, each in words such as `apply VirtualService default/cart (new.yaml:3)`. None where
    /// no safe order is known, and where steps are rehearsed.
    pub fn waves(&self) -> Option<Vec<String>> {
        let Way::Change(plan) = &self.road else { return None };
        let Safe::Waves { waves, .. } = &plan.safe else { return None };
        Some(waves.iter().map(|wave| sentence_of_wave(wave, &plan.items, &self.sources)).collect())
    }

    /// Whether from every state that it stays in there is a way back on which nothing is lost.
    pub fn has_way_back(&self) -> bool {
        match &self.road {
            Way::Change(plan) => plan.back.iter().all(|b| b.waves.is_some()),
            Way::Steps(r) => r.moves.iter().all(Move::has_way_back),
        }
    }

    fn with_results<T>(&self, show: impl FnOnce(&Results<'_>) -> T) -> T {
        show(&Results {
            scenario: "",
            title: self.title.clone(),
            road: match &self.road {
                Way::Change(plan) => Road::Change(plan),
                Way::Steps(r) => Road::Steps(r),
            },
            watch: Watch { per_second: None, error_rate: 0.01, rise: 0.01 },
            assumed: &self.assumed,
            limits: &self.limits,
            relabelled: &self.relabelled,
            sources: &self.sources,
            written: None,
        })
    }

    /// As `towtank rollout -o json` prints it.
    pub fn to_json(&self) -> String {
        text(self.with_results(to_json))
    }
}

impl fmt::Display for Rollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_results(|results| to_text(results, Show::default())))
    }
}
