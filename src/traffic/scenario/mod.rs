//! scenario.yaml: manifests, proxies, pods, streams and assumptions that belong together (section 4 of the command line's contract).
//!
//! In: the text of the file. Out: a [`Scenario`], or findings about everything that is wrong with it, each with its place.
//! How a run works is not known here: streams are described, not made.

mod assumption;
mod decode;
mod decode_assumption;
mod decode_stream;
mod decode_template;
mod decode_variable;
pub(crate) mod fields;
mod quantity;
mod stream;

pub(crate) use assumption::{Assumption, Failure, FailureKind, Target};
pub(crate) use decode::decode;
#[cfg(feature = "cli")]
pub(crate) use decode_assumption::decode_assumptions;
pub(crate) use decode_template::placeholders;
#[cfg(feature = "cli")]
pub(crate) use quantity::{parse_rate, parse_seconds, parse_share};
pub(crate) use stream::*;

use std::net::IpAddr;

use smol_str::SmolStr;

use crate::envoy::proxy::ProxyKind;
use crate::manifest::kinds::Labels;
use crate::manifest::release::Release;
use crate::manifest::source::Position;

/// A scenario as its author wrote it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scenario {
    /// For readers.
    pub description: String,
    /// Names of rules it is about, for readers.
    pub rules: Vec<String>,
    /// Paths relative to the scenario's folder; None: every other manifest in the folder and below.
    pub manifests: Option<Vec<SmolStr>>,
    /// `mesh` is present: its fields are read from the text again by whoever knows MeshConfig.
    pub has_mesh: bool,
    pub proxies: Vec<ScenarioProxy>,
    pub pods: Vec<ScenarioPod>,
    /// It says that there are none: an empty list.
    pub has_no_pods: bool,
    pub streams: Vec<Stream>,
    /// What is supposed of pods (`suppose`); None: nothing is said, not even that all is well.
    pub suppose: Option<Vec<Assumption>>,
    /// States that a rollout comes to, one after the other (`steps`).
    pub steps: Vec<ScenarioStep>,
    /// `tests` is present.
    pub has_tests: bool,
    /// Which Istio it is about.
    pub istio: Option<ScenarioIstio>,
    /// Switches of the modelled Envoy (`envoy`), by name.
    pub switches: serde_json::Map<String, serde_json::Value>,
}

/// One entry of `steps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScenarioStep {
    pub name: SmolStr,
    /// Paths relative to the scenario's folder, of manifests that are laid over the scenario's own.
    pub manifests: Vec<SmolStr>,
    pub at: Position,
}

/// `istio`: a release, or an object with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ScenarioIstio {
    pub release: Option<Release>,
    pub compatibility: Option<Release>,
    /// Variables of Istiod's environment, in order.
    pub env: Vec<FlagSetting>,
}

/// One variable of Istiod's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlagSetting {
    pub name: SmolStr,
    pub value: SmolStr,
    pub at: Position,
}

/// One entry of `proxies`.
#[derive(Debug, Clone)]
pub(crate) struct ScenarioProxy {
    pub name: SmolStr,
    pub kind: ProxyKind,
    pub namespace: SmolStr,
    pub ip: Option<IpAddr>,
    pub labels: Labels,
    pub at: Position,
}

/// One entry of `pods`: a label set, `count` times.
#[derive(Debug, Clone)]
pub(crate) struct ScenarioPod {
    pub name: SmolStr,
    /// Empty: the namespace option.
    pub namespace: SmolStr,
    pub labels: Labels,
    /// None: one pod that is called `name`; else `name-0` to `name-(count-1)`.
    pub count: Option<u32>,
    pub ready: bool,
    pub at: Position,
}
