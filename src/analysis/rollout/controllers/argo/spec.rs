//! `spec` of a Rollout, read, and what its controller would refuse in it.

use serde_yaml::Value;
use smol_str::{SmolStr, format_smolstr};

use crate::analysis::rollout::controllers::described::Described;
use crate::analysis::rollout::controllers::inputs::Inputs;
use crate::analysis::rollout::controllers::written::value_of;
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::virtual_service_named;
use crate::manifest::yaml::Node;
use crate::order::Order as _;

/// Where the canary strategy stands.
pub(super) const CANARY: &str = "spec.strategy.canary";

/// Where the routing stands.
pub(super) const ISTIO: &str = "spec.strategy.canary.trafficRouting.istio";

/// Seconds that old pods are kept after a promotion, and canary pods after an abort, where nothing else is said.
const DELAY_DEFAULT: u32 = 30;

/// What bears on routing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spec {
    pub(super) replicas: u32,
    pub(super) canary_service: Option<SmolStr>,
    pub(super) stable_service: Option<SmolStr>,
    pub(super) virtual_services: Vec<NamedVirtualService>,
    pub(super) subsets: Option<SubsetNames>,
    /// The routes that steps may add, the first one first.
    pub(super) managed_routes: Vec<SmolStr>,
    pub(super) dynamic_stable_scale: bool,
    pub(super) min_pods: u32,
    /// In seconds.
    pub(super) scale_down_delay: u32,
    /// Labels and annotations of the pods of the stable version and of the newest.
    pub(super) metadata: [Value; 2],
    /// Pods that there may be above `replicas`, where the share of a version is that of its pods; None where traffic is routed.
    pub(super) surge: Option<u32>,
    pub(super) actions: Vec<Action>,
}

/// A VirtualService whose routes the controller sets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NamedVirtualService {
    pub(super) namespace: SmolStr,
    pub(super) name: SmolStr,
    pub(super) routes: NamedRoutes,
    /// Where it is named.
    pub(super) path: String,
}

/// The routes of a VirtualService that are meant; empty lists mean the only one there is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct NamedRoutes {
    pub(super) http: Vec<SmolStr>,
    pub(super) tls: Vec<Sni>,
    /// By port; 0 is none.
    pub(super) tcp: Vec<u32>,
}

/// A TLS route, by the port and SNI hosts that it matches.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sni {
    /// 0: none.
    pub(super) port: u32,
    /// Sorted.
    pub(super) hosts: Vec<SmolStr>,
}

/// `destinationRule`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SubsetNames {
    pub(super) rule: SmolStr,
    pub(super) canary: SmolStr,
    pub(super) stable: SmolStr,
}

/// One of `steps`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Action {
    pub(super) path: String,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// In percent.
    SetWeight(u32),
    SetCanaryScale(Scale),
    /// Without matches the route goes.
    SetHeaderRoute {
        name: SmolStr,
        matches: Option<Value>,
    },
    /// The percentage is that of requests which are copied.
    SetMirrorRoute {
        name: SmolStr,
        percentage: u32,
        matches: Option<Value>,
    },
    /// Nothing changes: a pause, or something that isn't evaluated.
    Wait(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Replicas(u32),
    /// Percent of the pods.
    Weight(u32),
    MatchTrafficWeight,
}

impl Action {
    /// What the step that comes of it is called.
    pub(super) fn name(&self) -> SmolStr {
        match &self.what {
            What::SetWeight(weight) => format_smolstr!("setWeight {weight}"),
            What::SetCanaryScale(Scale::Replicas(replicas)) => format_smolstr!("setCanaryScale replicas {replicas}"),
            What::SetCanaryScale(Scale::Weight(weight)) => format_smolstr!("setCanaryScale weight {weight}"),
            What::SetCanaryScale(Scale::MatchTrafficWeight) => "setCanaryScale matchTrafficWeight".into(),
            What::SetHeaderRoute { name, matches: Some(_) } => format_smolstr!("setHeaderRoute {name}"),
            What::SetHeaderRoute { name, matches: None } => format_smolstr!("setHeaderRoute {name} off"),
            What::SetMirrorRoute { name, matches: Some(_), .. } => format_smolstr!("setMirrorRoute {name}"),
            What::SetMirrorRoute { name, matches: None, .. } => format_smolstr!("setMirrorRoute {name} off"),
            What::Wait(what) => SmolStr::new(what),
        }
    }
}

/// That the old version's pods aren't known.
pub(super) fn template_of_both(described: &Described<'_>, inputs: &mut Inputs<'_>) -> String {
    let path = if described.get("spec.template").is_some() { "spec.template" } else { "spec.workloadRef" };
    let why = "the pods of both versions are made of it, for that of the old one is not known; their hashes, which are not \
               known before, are called `stable` and `canary`";
    described.not_evaluated(inputs, path, why)
}

impl Spec {
    /// What of it is not modelled, one sentence each.
    pub(super) fn not_evaluated(&self, described: &Described<'_>, inputs: &mut Inputs<'_>) -> Vec<String> {
        let mut out = vec![template_of_both(described, inputs)];
        let analysis = format!("{CANARY}.analysis");
        if described.get(&analysis).is_some() {
            out.push(described.not_evaluated(inputs, &analysis, "not evaluated: the analysis is taken to succeed"));
        }
        for index in 0..described.len(&format!("{CANARY}.steps")) {
            for (key, why) in [
                ("analysis", "not evaluated: the analysis is taken to succeed"),
                ("experiment", "not evaluated: its pods are not there and get none of the traffic"),
                ("plugin", "not evaluated: the plugin is taken to change nothing"),
            ] {
                let path = format!("{CANARY}.steps[{index}].{key}");
                if described.get(&path).is_some() {
                    out.push(described.not_evaluated(inputs, &path, why));
                }
            }
        }
        let delay = format!("{CANARY}.abortScaleDownDelaySeconds");
        if let Some(seconds) = described.number(&delay) {
            let why = if seconds == 0 {
                "not evaluated: an abort leads back to the first step, and the canary's pods stay".to_owned()
            } else {
                format!(
                    "not evaluated: an abort leads back to the first step, and the canary's pods go {seconds}s later"
                )
            };
            out.push(described.not_evaluated(inputs, &delay, &why));
        }
        if self.dynamic_stable_scale {
            let why = "not evaluated: after an abort the old version gets its traffic back as its pods come back, not at once";
            out.push(described.not_evaluated(inputs, &format!("{CANARY}.dynamicStableScale"), why));
        }
        let routing = format!("{CANARY}.trafficRouting");
        for entry in described.get(&routing).and_then(Node::as_map).unwrap_or_default() {
            if !matches!(&*entry.key, "istio" | "managedRoutes" | "maxTrafficWeight") && !entry.value.is_null() {
                let path = format!("{routing}.{}", entry.key);
                out.push(described.not_evaluated(inputs, &path, "not evaluated: only what it does by Istio is"));
            }
        }
        out
    }
}

/// Reads a canary that is routed by Istio, or by nothing. What keeps it from being modelled is among the findings; of other errors the rest is read.
pub(super) fn read(described: &Described<'_>, inputs: &mut Inputs<'_>) -> Option<Spec> {
    if let Some(why) = not_modelled(described) {
        inputs.findings.push(described.finding(Severity::Warning, why.0, why.1, ""));
        return None;
    }
    let replicas = described.number("spec.replicas").unwrap_or(1);
    let text = |key: &str| described.text(&format!("{CANARY}.{key}"));
    let metadata = |key: &str| described.get(&format!("{CANARY}.{key}")).map_or(Value::Null, value_of);
    let subsets = described.get(&format!("{ISTIO}.destinationRule")).map(|_| {
        let name = |key: &str| described.text(&format!("{ISTIO}.destinationRule.{key}")).unwrap_or_default();
        SubsetNames { rule: name("name"), canary: name("canarySubsetName"), stable: name("stableSubsetName") }
    });
    let spec = Spec {
        replicas,
        canary_service: text("canaryService"),
        stable_service: text("stableService"),
        virtual_services: virtual_services(described),
        subsets,
        managed_routes: managed_routes(described),
        dynamic_stable_scale: described.flag(&format!("{CANARY}.dynamicStableScale")),
        min_pods: described.number(&format!("{CANARY}.minPodsPerReplicaSet")).unwrap_or(1),
        scale_down_delay: described.number(&format!("{CANARY}.scaleDownDelaySeconds")).unwrap_or(DELAY_DEFAULT),
        metadata: [metadata("stableMetadata"), metadata("canaryMetadata")],
        surge: described.get(&format!("{CANARY}.trafficRouting")).is_none().then(|| surge(described, replicas)),
        actions: actions(described),
    };
    Some(spec)
}

/// Why nothing is said about a Rollout, and the field that it lies in.
fn not_modelled(described: &Described<'_>) -> Option<(&'static str, &'static str)> {
    let is_given = |path: &str| described.get(path).is_some();
    if !is_given(CANARY) {
        return Some(("spec.strategy", "not evaluated: there is no strategy `canary` and none `blueGreen`"));
    }
    if is_given("spec.strategy.canary.trafficRouting") && !is_given(ISTIO) {
        return Some((
            "spec.strategy.canary.trafficRouting",
            "not evaluated: the canary is routed by something else than Istio",
        ));
    }
    is_given("spec.strategy.canary.pingPong")
        .then_some(("spec.strategy.canary.pingPong", "not evaluated: `pingPong`, whose Services change places"))
}

/// `maxSurge`: a number of pods, or a part of them, rounded up.
fn surge(described: &Described<'_>, replicas: u32) -> u32 {
    let written = described.text(&format!("{CANARY}.maxSurge")).unwrap_or_else(|| "25%".into());
    match written.strip_suffix('%') {
        Some(percent) => super::scale::share(replicas, percent.trim().parse().unwrap_or(0)),
        None => written.parse().unwrap_or(0),
    }
}

fn virtual_services(described: &Described<'_>) -> Vec<NamedVirtualService> {
    let one = format!("{ISTIO}.virtualService");
    let several = format!("{ISTIO}.virtualServices");
    let mut paths: Vec<String> = (0..described.len(&several)).map(|i| format!("{several}[{i}]")).collect();
    if described.get(&one).is_some() {
        paths.insert(0, one);
    }
    let named = |path: String| {
        let written = described.text(&format!("{path}.name"))?;
        let (namespace, name) = virtual_service_named(&written, &described.id.namespace);
        let port = |path: &str| described.number(&format!("{path}.port")).unwrap_or(0);
        let each = |list: &str| {
            let list = format!("{path}.{list}");
            (0..described.len(&list)).map(move |i| format!("{list}[{i}]"))
        };
        let tls = each("tlsRoutes").map(|route| {
            let mut hosts = described.texts(&format!("{route}.sniHosts"));
            hosts.order();
            Sni { port: port(&route), hosts }
        });
        let routes = NamedRoutes {
            http: described.texts(&format!("{path}.routes")),
            tls: tls.collect(),
            tcp: each("tcpRoutes").map(|route| port(&route)).collect(),
        };
        Some(NamedVirtualService { namespace, name, routes, path })
    };
    paths.into_iter().filter_map(named).collect()
}

fn managed_routes(described: &Described<'_>) -> Vec<SmolStr> {
    let list = format!("{CANARY}.trafficRouting.managedRoutes");
    (0..described.len(&list)).filter_map(|i| described.text(&format!("{list}[{i}].name"))).collect()
}

/// What each of `steps` does.
fn actions(described: &Described<'_>) -> Vec<Action> {
    let list = format!("{CANARY}.steps");
    let action = |index: usize| {
        let path = format!("{list}[{index}]");
        let of = |key: &str| described.get(&format!("{path}.{key}"));
        let number = |key: &str| described.number(&format!("{path}.{key}"));
        let name = |key: &str| described.text(&format!("{path}.{key}.name")).unwrap_or_default();
        let matches = |key: &str| described.get(&format!("{path}.{key}.match")).map(value_of);
        let what = if let Some(weight) = number("setWeight") {
            What::SetWeight(weight)
        } else if of("setCanaryScale").is_some() {
            let is_matched = described.flag(&format!("{path}.setCanaryScale.matchTrafficWeight"));
            let replicas = number("setCanaryScale.replicas").map(Scale::Replicas);
            let scale = replicas.or_else(|| number("setCanaryScale.weight").map(Scale::Weight));
            What::SetCanaryScale(scale.filter(|_| !is_matched).unwrap_or(Scale::MatchTrafficWeight))
        } else if of("setHeaderRoute").is_some() {
            What::SetHeaderRoute { name: name("setHeaderRoute"), matches: matches("setHeaderRoute") }
        } else if of("setMirrorRoute").is_some() {
            let percentage = number("setMirrorRoute.percentage").unwrap_or(100);
            What::SetMirrorRoute { name: name("setMirrorRoute"), percentage, matches: matches("setMirrorRoute") }
        } else if of("pause").is_some() {
            What::Wait(pause(described.get(&format!("{path}.pause.duration"))))
        } else {
            let key = ["analysis", "experiment", "plugin"].into_iter().find(|key| of(key).is_some());
            What::Wait(key.unwrap_or("nothing").to_owned())
        };
        Action { path, what }
    };
    (0..described.len(&list)).map(action).collect()
}

/// A pause of a number of seconds, of a time with its unit, or without end.
fn pause(duration: Option<&Node<'_>>) -> String {
    match duration.and_then(Node::to_text) {
        None => "pause until promoted".to_owned(),
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => format!("pause {text}s"),
        Some(text) => format!("pause {text}"),
    }
}
