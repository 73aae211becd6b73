//! `spec` of a Canary, read, and what keeps Flagger from beginning.

use serde_yaml::Value;
use smol_str::SmolStr;

use crate::analysis::rollout::controllers::described::Described;
use crate::analysis::rollout::controllers::inputs::Inputs;
use crate::analysis::rollout::controllers::written::value_of;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::{Kind, services_of_canary};

/// Seconds between two looks at the canary, where nothing else is said.
const INTERVAL_DEFAULT: &str = "60s";

/// Seconds that a browser keeps the cookie, where nothing else is said.
const COOKIE_AGE_DEFAULT: u32 = 86_400;

/// The fields of `spec.service` that are those of a route of Istio.
const OF_ROUTE: [&str; 5] = ["timeout", "retries", "corsPolicy", "headers", "rewrite"];

/// What bears on routing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spec {
    pub(super) namespace: SmolStr,
    /// Deployment or DaemonSet.
    pub(super) target_kind: Kind,
    pub(super) target: SmolStr,
    pub(super) has_autoscaler: bool,
    /// The Service that clients call.
    pub(super) apex: SmolStr,
    pub(super) port: Value,
    pub(super) port_name: SmolStr,
    pub(super) target_port: Option<Value>,
    pub(super) app_protocol: Option<SmolStr>,
    pub(super) port_discovery: bool,
    pub(super) headless: bool,
    pub(super) hosts: Vec<SmolStr>,
    pub(super) gateways: Vec<SmolStr>,
    pub(super) delegation: bool,
    pub(super) traffic_policy: Option<Value>,
    pub(super) matches: Vec<Value>,
    /// Further fields of a route.
    pub(super) route: Vec<(&'static str, Value)>,
    /// Labels and annotations of the apex, the primary and the canary.
    pub(super) metadata: [Option<Value>; 3],
    pub(super) analysis: Analysis,
    /// Where the analysis stands.
    analysis_path: &'static str,
}

/// How the traffic moves.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Analysis {
    /// There is none, or it is skipped: the new version is promoted as soon as it is ready.
    pub(super) is_skipped: bool,
    /// With its unit.
    pub(super) interval: SmolStr,
    pub(super) iterations: u32,
    pub(super) mirror: bool,
    pub(super) mirror_weight: u32,
    pub(super) max_weight: u32,
    pub(super) step_weight: u32,
    pub(super) step_weights: Vec<u32>,
    pub(super) step_weight_promotion: u32,
    pub(super) matches: Vec<Value>,
    pub(super) affinity: Option<Affinity>,
}

/// `sessionAffinity`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Affinity {
    pub(super) cookie: SmolStr,
    /// In seconds.
    pub(super) max_age: u32,
}

/// One of the three Services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Apex,
    Primary,
    Canary,
}

impl Spec {
    /// All Services: apex, primary, canary.
    pub(super) fn services(&self) -> [SmolStr; 3] {
        services_of_canary(&self.apex)
    }

    /// The Services of the two versions, by which DestinationRules are called too.
    pub(super) fn versions(&self) -> [SmolStr; 2] {
        let [_, primary, canary] = self.services();
        [primary, canary]
    }

    pub(super) fn primary(&self) -> SmolStr {
        let [primary, _] = self.versions();
        primary
    }

    pub(super) fn canary(&self) -> SmolStr {
        let [_, canary] = self.versions();
        canary
    }

    pub(super) fn is_tcp(&self) -> bool {
        self.app_protocol.as_ref().is_some_and(|protocol| protocol.eq_ignore_ascii_case("tcp"))
    }

    /// What Flagger would not begin with.
    pub(super) fn refused(&self, described: &Described<'_>, never_moves: bool) -> Vec<Finding> {
        let mut out = Vec::new();
        let mut error = |path: &str, message: &str, hint: &str| {
            out.push(described.finding(Severity::Error, path, message, hint));
        };
        if self.port.as_u64().is_none_or(|port| port == 0) {
            error("spec.service.port", "the Services that are made need a port", "give `spec.service.port`");
        }
        if self.delegation && !(self.hosts.is_empty() && self.gateways.is_empty()) {
            let hint = "take `hosts` and `gateways` out: those of the root count";
            error("spec.service.delegation", "a delegate has no hosts and no gateways", hint);
        }
        if never_moves {
            let (path, message, hint) = if self.analysis.step_weights.is_empty() {
                let hint = "give `stepWeight`, `stepWeights`, or `iterations` for a test that moves no weights";
                (self.analysis_path.to_owned(), "the analysis has no step, so the canary never gets any traffic", hint)
            } else {
                let path = format!("{}.stepWeights", self.analysis_path);
                (
                    path,
                    "the weights don't increase, so the canary never gets further",
                    "let each be above the one before",
                )
            };
            error(&path, message, hint);
        }
        out
    }

    /// What of it is not modelled, one sentence each.
    pub(super) fn not_evaluated(&self, described: &Described<'_>, inputs: &mut Inputs<'_>) -> Vec<String> {
        let analysis = |key: &str| format!("{}.{key}", self.analysis_path);
        let fields = [
            (
                "spec.targetRef".to_owned(),
                "both versions are made of its target as it stands, for the old version's template is not known",
            ),
            (analysis("metrics"), "not evaluated: every check is taken to succeed"),
            (analysis("webhooks"), "not evaluated: every call is taken to be answered with success"),
            (analysis("alerts"), "not evaluated: nothing is sent"),
            (analysis("threshold"), "not evaluated: no check fails; a rollback leads back to the first step"),
            (
                analysis("sessionAffinity"),
                "the cookie's value, drawn anew for each run, is `canary` here; further attributes are not written",
            ),
            (analysis("sessionAffinity.primaryCookieName"), "not evaluated: the primary sets no cookie"),
            ("spec.autoscalerRef".to_owned(), "not evaluated: both versions have the pods that the workload says"),
            ("spec.progressDeadlineSeconds".to_owned(), "not evaluated: pods are taken to become ready"),
        ];
        let given = fields.into_iter().filter(|(path, _)| described.get(path).is_some());
        given.map(|(path, why)| described.not_evaluated(inputs, &path, why)).collect()
    }
}

/// Reads a Canary that routes by Istio; what keeps it from being modelled is among the findings.
pub(super) fn read(described: &Described<'_>, inputs: &mut Inputs<'_>) -> Option<Spec> {
    let mut not_modelled = |path: &str, message: String| {
        inputs.findings.push(described.finding(Severity::Warning, path, message, ""));
        None
    };
    let provider = described.text("spec.provider").unwrap_or_else(|| "istio".into());
    if provider != "istio" {
        return not_modelled("spec.provider", format!("not evaluated: the provider `{provider}`, which is not Istio"));
    }
    if described.flag("spec.suspend") {
        return not_modelled("spec.suspend", "the Canary is suspended: nothing happens".to_owned());
    }
    let target_kind = match described.text("spec.targetRef.kind").as_deref() {
        Some("Deployment") | None => Kind::Deployment,
        Some("DaemonSet") => Kind::DaemonSet,
        Some(other) => {
            return not_modelled("spec.targetRef.kind", format!("not evaluated: targets of the kind `{other}`"));
        }
    };
    let Some(target) = described.text("spec.targetRef.name") else {
        let hint = "give `spec.targetRef` with the kind and name of the Deployment";
        let message = "the Canary has no target";
        inputs.findings.push(described.finding(Severity::Error, "spec.targetRef", message, hint));
        return None;
    };
    let service = |key: &str| format!("spec.service.{key}");
    let value = |key: &str| described.get(&service(key)).map(value_of);
    let list = |path: &str| {
        let items = described.get(path).and_then(crate::manifest::yaml::Node::as_seq).unwrap_or_default();
        items.iter().map(value_of).collect()
    };
    let analysis_path = if described.get("spec.analysis").is_some() { "spec.analysis" } else { "spec.canaryAnalysis" };
    Some(Spec {
        namespace: described.id.namespace.clone(),
        target_kind,
        has_autoscaler: described.get("spec.autoscalerRef").is_some(),
        apex: described.text(&service("name")).unwrap_or_else(|| target.clone()),
        target,
        port: value("port").unwrap_or_default(),
        port_name: described.text(&service("portName")).unwrap_or_else(|| "http".into()),
        target_port: value("targetPort"),
        app_protocol: described.text(&service("appProtocol")),
        port_discovery: described.flag(&service("portDiscovery")),
        headless: described.flag(&service("headless")),
        hosts: described.texts(&service("hosts")),
        gateways: described.texts(&service("gateways")),
        delegation: described.flag(&service("delegation")),
        traffic_policy: value("trafficPolicy"),
        matches: list(&service("match")),
        route: OF_ROUTE.into_iter().filter_map(|key| Some((key, of_route(key, value(key)?)))).collect(),
        metadata: ["apex", "primary", "canary"].map(value),
        analysis: analysis(described, analysis_path, list(&format!("{analysis_path}.match"))),
        analysis_path,
    })
}

/// `rewrite` has a field of another mesh.
fn of_route(key: &str, mut value: Value) -> Value {
    if let Some(rewrite) = value.as_mapping_mut().filter(|_| key == "rewrite") {
        rewrite.shift_remove("type");
    }
    value
}

fn analysis(described: &Described<'_>, path: &str, matches: Vec<Value>) -> Analysis {
    let number = |key: &str| described.number(&format!("{path}.{key}")).unwrap_or(0);
    let weights = format!("{path}.stepWeights");
    let step_weights = (0..described.len(&weights)).filter_map(|i| described.number(&format!("{weights}[{i}]")));
    let affinity = described.get(&format!("{path}.sessionAffinity")).map(|_| {
        let age = number("sessionAffinity.maxAge");
        let cookie = described.text(&format!("{path}.sessionAffinity.cookieName")).unwrap_or_default();
        Affinity { cookie, max_age: if age == 0 { COOKIE_AGE_DEFAULT } else { age } }
    });
    Analysis {
        is_skipped: described.get(path).is_none() || described.flag("spec.skipAnalysis"),
        interval: described.text(&format!("{path}.interval")).unwrap_or_else(|| INTERVAL_DEFAULT.into()),
        iterations: number("iterations"),
        mirror: described.flag(&format!("{path}.mirror")),
        mirror_weight: number("mirrorWeight"),
        max_weight: number("maxWeight"),
        step_weight: number("stepWeight"),
        step_weights: step_weights.collect(),
        step_weight_promotion: number("stepWeightPromotion"),
        matches,
        affinity,
    }
}
