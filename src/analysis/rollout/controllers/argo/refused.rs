//! What keeps Argo's controller from beginning, or from doing what was meant: objects and routes that a Rollout names and that
//! are not there, and values that it refuses.

use super::objects::Pods;
use super::routes::{self, Split, Version};
use super::spec::{CANARY, ISTIO, NamedVirtualService, Spec, What};
use crate::analysis::rollout::controllers::ID;
use crate::analysis::rollout::controllers::described::Described;
use crate::analysis::rollout::controllers::inputs::{Existing, Inputs};
use crate::analysis::rollout::controllers::written;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::{HASH_LABEL, Kind};

/// The VirtualServices that are named; None where one isn't there.
pub(super) fn virtual_services(
    described: &Described<'_>,
    spec: &Spec,
    inputs: &mut Inputs<'_>,
) -> Option<Vec<Existing>> {
    if spec.surge.is_some() {
        return Some(Vec::new());
    }
    let one = format!("{ISTIO}.virtualService");
    let several = format!("{ISTIO}.virtualServices");
    let error = |path: &str, message: String, hint: &str| described.finding(Severity::Error, path, message, hint);
    if described.get(&one).is_some() == (described.len(&several) > 0) {
        let message = "either `virtualService` or `virtualServices` has to be given, and not both";
        inputs.findings.push(error(ISTIO, message.to_owned(), "keep one of them"));
        return None;
    }
    let mut out = Vec::new();
    for named in &spec.virtual_services {
        match inputs.existing(Kind::VirtualService, &named.namespace, &named.name) {
            Some(vs) => out.push(vs),
            None => {
                let message = format!("VirtualService {}/{} is not among the manifests", named.namespace, named.name);
                let hint = "give it too, or correct the name: NAME, or NAME.NAMESPACE for another namespace";
                let (message, hint) =
                    inputs.missing(Kind::VirtualService, &named.namespace, &named.name, message, hint);
                inputs.findings.push(error(&format!("{}.name", named.path), message, &hint));
            }
        }
    }
    let given = described.len(&several).max(1);
    (out.len() == given).then_some(out)
}

/// The DestinationRule that is named.
pub(super) fn destination_rule(described: &Described<'_>, spec: &Spec, inputs: &mut Inputs<'_>) -> Option<Existing> {
    let names = spec.subsets.as_ref()?;
    let path = |key: &str| format!("{ISTIO}.destinationRule.{key}");
    let Some(rule) = inputs.existing(Kind::DestinationRule, &described.id.namespace, &names.rule) else {
        let message = format!("DestinationRule `{}` is not among the manifests", names.rule);
        let hint = "give it too, with a subset for the canary and one for the stable version";
        let (message, hint) =
            inputs.missing(Kind::DestinationRule, &described.id.namespace, &names.rule, message, hint);
        inputs.findings.push(described.finding(Severity::Error, &path("name"), message, &hint));
        return None;
    };
    let subsets = written::get(&rule.value, &["spec", "subsets"]).and_then(serde_yaml::Value::as_sequence);
    let subsets: Vec<&str> =
        subsets.into_iter().flatten().map(|s| written::text(s, &["name"]).unwrap_or_default()).collect();
    for (key, name) in [("canarySubsetName", &names.canary), ("stableSubsetName", &names.stable)] {
        if !subsets.contains(&name.as_str()) {
            let message = format!("{} has no subset `{name}`: what is sent to it is answered with 503 NC", rule.id);
            let hint = "define it there; its labels get the hash of the pods";
            inputs.findings.push(described.finding(Severity::Error, &path(key), message, hint));
        }
    }
    for (index, name) in subsets.iter().enumerate() {
        if **name != names.canary && **name != names.stable {
            let message = format!("the controller of {} drops subset `{name}`, which it doesn't know", described.id);
            let finding = Finding::new(ID, Severity::Warning, message).on(rule.id.clone()).at(rule.at);
            let hint = "keep other subsets out of the DestinationRule that a Rollout manages";
            inputs.findings.push(finding.path(format!("spec.subsets[{index}]")).hint(hint));
        }
    }
    Some(rule)
}

/// The Services of the canary and of the stable version, where they are named.
pub(super) fn services(
    described: &Described<'_>,
    spec: &Spec,
    pods: Option<&Pods>,
    inputs: &mut Inputs<'_>,
) -> [Option<Existing>; 2] {
    let names = [("canaryService", &spec.canary_service), ("stableService", &spec.stable_service)];
    if spec.canary_service.is_some() && spec.canary_service == spec.stable_service {
        let message = "the canary and the stable version have the same Service";
        let path = format!("{CANARY}.stableService");
        inputs.findings.push(described.finding(Severity::Error, &path, message, "give each one of its own"));
    }
    names.map(|(key, name)| {
        let path = format!("{CANARY}.{key}");
        if name.is_none() && spec.subsets.is_none() && spec.surge.is_none() {
            let message = format!("`{key}` is missing, and there is no `destinationRule` with subsets either");
            let hint = "name a Service for each of the two versions, or a DestinationRule with two subsets";
            inputs.findings.push(described.finding(Severity::Error, &path, message, hint));
        }
        service(described, &path, name.as_deref()?, pods, inputs)
    })
}

/// A Service that is named; a finding where it isn't there, or not for the pods.
pub(super) fn service(
    described: &Described<'_>,
    path: &str,
    name: &str,
    pods: Option<&Pods>,
    inputs: &mut Inputs<'_>,
) -> Option<Existing> {
    let found = inputs.existing(Kind::Service, &described.id.namespace, name);
    let Some(service) = &found else {
        let message = format!("Service `{name}` is not among the manifests");
        let hint = "give it too, or correct the name";
        let (message, hint) = inputs.missing(Kind::Service, &described.id.namespace, name, message, hint);
        inputs.findings.push(described.finding(Severity::Error, path, message, &hint));
        return None;
    };
    let selector = written::labels(written::get(&service.value, &["spec", "selector"]));
    let labels = pods.map(Pods::labels).unwrap_or_default();
    let strange = selector.iter().find(|(key, value)| *key != HASH_LABEL && labels.get(key) != Some(value));
    if let Some((key, value)) = strange.filter(|_| pods.is_some()) {
        let message = format!("{} selects `{key}={value}`, which the pods of the template don't have", service.id);
        let hint = "let it select labels of `spec.template.metadata.labels`";
        inputs.findings.push(described.finding(Severity::Error, path, message, hint));
    }
    found
}

/// The routes that are named, and the steps.
pub(super) fn routes(described: &Described<'_>, spec: &Spec, virtual_services: &[Existing], inputs: &mut Inputs<'_>) {
    let split = Split::new(spec, "");
    for (vs, named) in virtual_services.iter().zip(&spec.virtual_services) {
        of_virtual_service(described, vs, named, &split, inputs);
    }
    for action in &spec.actions {
        steps(described, spec, &action.path, &action.what, inputs);
    }
    let key = |key: &str| format!("{CANARY}.{key}");
    let mut error = |path: String, message: &str, hint: &str| {
        inputs.findings.push(described.finding(Severity::Error, &path, message, hint));
    };
    if described.get(&key("trafficRouting.maxTrafficWeight")).is_some() {
        let message = "`maxTrafficWeight` is refused: weights of Istio are of 100";
        error(key("trafficRouting.maxTrafficWeight"), message, "take it out; only Nginx and plugins know it");
    }
    let of_routing = ["scaleDownDelaySeconds", "dynamicStableScale"].map(key);
    for key in of_routing.into_iter().filter(|key| spec.surge.is_some() && described.get(key).is_some()) {
        error(key, "it is refused where no traffic is routed", "take it out, or give `trafficRouting`");
    }
    if spec.dynamic_stable_scale && described.get(&key("scaleDownDelaySeconds")).is_some() {
        let message = "`scaleDownDelaySeconds` is refused beside `dynamicStableScale`";
        error(key("scaleDownDelaySeconds"), message, "keep one of them");
    }
}

/// Routes that are added name the canary's Service as the Rollout does, which means another one in another namespace.
pub(super) fn added_routes(
    described: &Described<'_>,
    spec: &Spec,
    virtual_services: &[Existing],
    canary_host: &str,
    inputs: &mut Inputs<'_>,
) {
    let adds = |what: &What| {
        matches!(what, What::SetHeaderRoute { matches: Some(_), .. } | What::SetMirrorRoute { matches: Some(_), .. })
    };
    let Some(first) = spec.actions.iter().find(|action| adds(&action.what)) else { return };
    for vs in virtual_services {
        if vs.id.namespace != described.id.namespace && !canary_host.contains('.') {
            let message = format!(
                "the route that is added to {} leads to `{canary_host}`, which there is a Service of namespace `{}`",
                vs.id, vs.id.namespace
            );
            let hint = "keep the VirtualService in the namespace of the Rollout";
            inputs.findings.push(described.finding(Severity::Warning, &first.path, message, hint));
        }
    }
}

fn of_virtual_service(
    described: &Described<'_>,
    vs: &Existing,
    named: &NamedVirtualService,
    split: &Split<'_>,
    inputs: &mut Inputs<'_>,
) {
    let error = |path: String, message: String, hint: &str| described.finding(Severity::Error, &path, message, hint);
    if routes::LISTS.iter().all(|list| routes::routes(&vs.value, list).is_empty()) {
        let message = format!("{} has no routes", vs.id);
        let hint = "give it a route to both versions";
        inputs.findings.push(error(format!("{}.name", named.path), message, hint));
        return;
    }
    for (list, key, is_named) in [
        ("http", "routes", !named.routes.http.is_empty()),
        ("tls", "tlsRoutes", !named.routes.tls.is_empty()),
        ("tcp", "tcpRoutes", !named.routes.tcp.is_empty()),
    ] {
        let all = routes::routes(&vs.value, list);
        let own = all.iter().filter(|r| !split.managed.iter().any(|m| m == routes::name_of(r))).count();
        let indexes = match routes::indexes(&vs.value, list, &named.routes) {
            // A list that the VirtualService hasn't got is not looked at by the controller.
            Err(_) if all.is_empty() && list != "http" => continue,
            Err(missing) => {
                let what = match list {
                    "http" => format!("no HTTP route named `{}`", named.routes.http.get(missing).map_or("", |n| n)),
                    "tls" => "no TLS route for this port and these SNI hosts".to_owned(),
                    _ => "no TCP route for this port".to_owned(),
                };
                let hint = match list {
                    "http" => listed(all),
                    _ => "name a port and hosts as a match of the VirtualService has them".to_owned(),
                };
                let message = format!("{} has {what}", vs.id);
                inputs.findings.push(error(format!("{}.{key}[{missing}]", named.path), message, &hint));
                continue;
            }
            Ok(_) if !is_named && own > 1 => {
                let message = format!("{} has {own} {list} routes, and `{key}` doesn't say which is meant", vs.id);
                inputs.findings.push(error(named.path.clone(), message, &format!("name it in `{key}`")));
                continue;
            }
            Ok(indexes) => indexes,
        };
        if list == "http" && !is_named && indexes.is_empty() && own == 1 {
            let message =
                format!("the only HTTP route of {} has a name, so that without `routes` no weight is set", vs.id);
            let finding = described.finding(Severity::Warning, &named.path, message, "name it in `routes`");
            inputs.findings.push(finding);
        }
        for index in indexes {
            destinations(described, vs, (list, index), split, inputs);
        }
    }
}

/// Names of HTTP routes, for somebody who named another.
fn listed(routes: &[serde_yaml::Value]) -> String {
    let names: Vec<String> =
        routes.iter().map(routes::name_of).filter(|n| !n.is_empty()).map(|n| format!("`{n}`")).collect();
    if names.is_empty() { "give the route a `name`".to_owned() } else { format!("its routes are {}", names.join(", ")) }
}

/// A route has to lead to both versions, and loses what leads elsewhere.
fn destinations(
    described: &Described<'_>,
    vs: &Existing,
    (list, index): (&str, usize),
    split: &Split<'_>,
    inputs: &mut Inputs<'_>,
) {
    let Some(route) = routes::routes(&vs.value, list).get(index) else { return };
    let all = written::get(route, &["route"]).and_then(serde_yaml::Value::as_sequence);
    let all: Vec<_> = all.into_iter().flatten().collect();
    let path = format!("spec.{list}[{index}].route");
    let about = |severity, path: &str, message: String| {
        Finding::new(ID, severity, message).on(vs.id.clone()).at(vs.at).path(path)
    };
    for (version, what) in [(Version::Canary, "canary"), (Version::Stable, "stable version")] {
        if !all.iter().any(|d| split.version(d) == Some(version)) {
            let by = if split.subsets.is_some() { "its subset" } else { "its Service" };
            let message = format!("the route has no destination for the {what} of {}", described.id);
            let hint = format!("let it lead to both versions, the {what} by {by}, with weights of 100 and 0");
            inputs.findings.push(about(Severity::Error, &path, message).hint(hint));
        }
    }
    for (i, destination) in all.iter().enumerate() {
        if split.version(destination) == Some(Version::Other) && routes::weight_of(destination) > 0 {
            let message =
                format!("the controller of {} takes this destination out: it is neither of its versions", described.id);
            let hint = "give it a route of its own";
            inputs.findings.push(about(Severity::Warning, &format!("{path}[{i}]"), message).hint(hint));
        }
    }
}

/// What one of `steps` may not be.
fn steps(described: &Described<'_>, spec: &Spec, path: &str, what: &What, inputs: &mut Inputs<'_>) {
    let mut error = |path: String, message: String, hint: &str| {
        inputs.findings.push(described.finding(Severity::Error, &path, message, hint));
    };
    let weight = described.get(&format!("{path}.setWeight")).map(crate::manifest::yaml::Node::as_i64);
    if weight.is_some_and(|weight| weight.is_none_or(|w| !(0..=100).contains(&w))) {
        error(format!("{path}.setWeight"), "a weight is a whole number from 0 to 100".to_owned(), "");
    }
    match what {
        What::SetCanaryScale(_) | What::SetHeaderRoute { .. } | What::SetMirrorRoute { .. } if spec.surge.is_some() => {
            let message = "the step is refused where no traffic is routed".to_owned();
            error(path.to_owned(), message, "take it out, or give `trafficRouting`");
        }
        What::Wait(what) if what == "nothing" => {
            let hint = "give one of setWeight, setCanaryScale, setHeaderRoute, setMirrorRoute, pause, analysis, experiment or plugin";
            error(path.to_owned(), "the step does nothing that is known".to_owned(), hint);
        }
        What::SetHeaderRoute { name, .. } | What::SetMirrorRoute { name, .. } => {
            let key = if matches!(what, What::SetHeaderRoute { .. }) { "setHeaderRoute" } else { "setMirrorRoute" };
            if !spec.managed_routes.contains(name) {
                let message = format!("route `{name}` is not among `managedRoutes`");
                let hint = "list it in `spec.strategy.canary.trafficRouting.managedRoutes`";
                error(format!("{path}.{key}.name"), message, hint);
            }
        }
        _ => {}
    }
    if let What::SetHeaderRoute { matches: Some(matches), .. } = what {
        for (i, one) in matches.as_sequence().into_iter().flatten().enumerate() {
            let value = written::get(one, &["headerValue"]);
            let given = ["exact", "prefix", "regex"]
                .iter()
                .filter(|key| value.is_some_and(|v| written::get(v, &[**key]).is_some()));
            if given.count() != 1 {
                let message = "a header's value is given by exactly one of `exact`, `prefix` and `regex`".to_owned();
                error(format!("{path}.setHeaderRoute.match[{i}].headerValue"), message, "");
            }
        }
    }
}
