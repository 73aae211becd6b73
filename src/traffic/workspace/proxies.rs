//! Points of view: `--proxy` texts, the scenario's proxies, and the defaults (section 3 of the contract).

use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::{Labels, Manifests, Object, Pod};
use crate::traffic::scenario::Scenario;

/// The proxies to look through, in the order of the options, else of the scenario.
pub(super) fn resolve(
    wanted: &[String],
    scenario: Option<&Scenario>,
    manifests: &Manifests,
    namespace: &str,
) -> Result<Vec<Arc<Proxy>>, Box<Finding>> {
    if wanted.is_empty() {
        return Ok(match scenario {
            Some(s) if !s.proxies.is_empty() => s.proxies.iter().map(|p| Arc::new(of_scenario(p, namespace))).collect(),
            _ => defaults(manifests, namespace),
        });
    }
    wanted.iter().map(|text| named(text, scenario, &manifests.pods, namespace).map(Arc::new)).collect()
}

fn of_scenario(p: &crate::traffic::scenario::ScenarioProxy, namespace: &str) -> Proxy {
    Proxy {
        name: p.name.clone(),
        kind: p.kind,
        namespace: if p.namespace.is_empty() { namespace.into() } else { p.namespace.clone() },
        labels: p.labels.clone(),
        ips: p.ip.into_iter().collect(),
        node: SmolStr::default(),
    }
}

/// A sidecar `client` without labels, and one gateway for each distinct Gateway selector.
fn defaults(manifests: &Manifests, namespace: &str) -> Vec<Arc<Proxy>> {
    let client = Proxy {
        name: "client".into(),
        kind: ProxyKind::Sidecar,
        namespace: namespace.into(),
        labels: Labels::default(),
        ips: Vec::new(),
        node: SmolStr::default(),
    };
    let mut out = vec![Arc::new(client)];
    out.extend(of_gateways(manifests).map(|(_, proxy)| Arc::new(proxy)));
    out
}

/// All gateways that the run knows of: the scenario's, and one for each distinct Gateway selector that none of them carries.
pub(super) fn gateways(scenario: Option<&Scenario>, manifests: &Manifests, namespace: &str) -> Vec<Arc<Proxy>> {
    let described = scenario.iter().flat_map(|s| &s.proxies).filter(|p| p.kind == ProxyKind::Gateway);
    let mut out: Vec<Arc<Proxy>> = described.map(|p| Arc::new(of_scenario(p, namespace))).collect();
    for (selector, proxy) in of_gateways(manifests) {
        if !out.iter().any(|p| selector.is_subset_of(&p.labels)) {
            out.push(Arc::new(proxy));
        }
    }
    out
}

/// A gateway for each distinct Gateway selector: with the labels, and in the namespace, of a pod that matches it, else of the
/// selector itself in `istio-system` (section 3 of the contract).
fn of_gateways(manifests: &Manifests) -> impl Iterator<Item = (&Labels, Proxy)> {
    let mut selectors: Vec<&Labels> = manifests.gateways.iter().map(|g| &g.spec.selector).collect();
    selectors.sort();
    selectors.dedup();
    selectors.into_iter().map(|selector| {
        let pod = manifests.pods.iter().find(|p| !selector.is_empty() && selector.is_subset_of(&p.meta.labels));
        let (namespace, labels) = match pod {
            Some(p) => (p.meta.namespace.clone(), p.meta.labels.clone()),
            None => (SmolStr::new_static("istio-system"), selector.clone()),
        };
        let proxy = Proxy {
            name: format_smolstr!("gateway:{namespace}:{selector}"),
            kind: ProxyKind::Gateway,
            namespace,
            labels,
            ips: pod.map(|p| p.spec.ips.clone()).unwrap_or_default(),
            node: pod.map(|p| p.spec.node_name.clone()).unwrap_or_default(),
        };
        (selector, proxy)
    })
}

pub(super) fn named(
    text: &str,
    scenario: Option<&Scenario>,
    pods: &[Object<Pod>],
    namespace: &str,
) -> Result<Proxy, Box<Finding>> {
    if let Some(p) = scenario.and_then(|s| s.proxies.iter().find(|p| p.name == text)) {
        return Ok(of_scenario(p, namespace));
    }
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    match kind {
        "sidecar" | "gateway" => {
            let (ns, labels) = rest.split_once(':').unwrap_or((rest, ""));
            Ok(Proxy {
                name: text.into(),
                kind: if kind == "sidecar" { ProxyKind::Sidecar } else { ProxyKind::Gateway },
                namespace: if ns.is_empty() { namespace.into() } else { ns.into() },
                labels: parse_labels(labels).ok_or_else(|| {
                    Box::new(
                        problem(format!("`{labels}` in `--proxy {text}` is no list of labels"))
                            .hint("write `key=value,key=value`"),
                    )
                })?,
                ips: Vec::new(),
                node: SmolStr::default(),
            })
        }
        "pod" => of_pod(text, rest, pods, namespace),
        _ => Err(Box::new(unknown(text, scenario))),
    }
}

fn of_pod(text: &str, rest: &str, pods: &[Object<Pod>], namespace: &str) -> Result<Proxy, Box<Finding>> {
    let (ns, name) = rest.split_once('/').unwrap_or((namespace, rest));
    let of_workload = |p: &&Object<Pod>| {
        p.meta.namespace == ns && (p.meta.name == name || p.spec.workload.as_ref().is_some_and(|w| w.name == name))
    };
    let Some(pod) = pods.iter().find(of_workload) else {
        let near = pods.iter().filter(|p| p.meta.namespace == ns).map(|p| p.meta.name.as_str());
        let mut known: Vec<&str> = near.collect();
        known.truncate(5);
        let hint = if known.is_empty() {
            format!("the manifests have no pod in the namespace `{ns}`")
        } else {
            format!("pods there: {}", known.join(", "))
        };
        return Err(Box::new(problem(format!("no pod or workload `{ns}/{name}` for the proxy `{text}`")).hint(hint)));
    };
    Ok(Proxy {
        name: text.into(),
        kind: ProxyKind::Sidecar,
        namespace: pod.meta.namespace.clone(),
        labels: pod.meta.labels.clone(),
        ips: pod.spec.ips.clone(),
        node: pod.spec.node_name.clone(),
    })
}

fn unknown(text: &str, scenario: Option<&Scenario>) -> Finding {
    let forms = "sidecar:NAMESPACE[:key=value,...], pod:NAMESPACE/NAME, gateway:NAMESPACE:key=value,...";
    let known: Vec<&str> = scenario.iter().flat_map(|s| &s.proxies).map(|p| p.name.as_str()).collect();
    let hint = if known.is_empty() {
        format!("write {forms}")
    } else {
        format!("the scenario has {}; or write {forms}", known.join(", "))
    };
    problem(format!("no proxy is called `{text}`")).hint(hint)
}

fn problem(message: String) -> Finding {
    Finding::new("proxy", Severity::Error, message)
}

/// `key=value,key=value`; the empty text is no labels. None where it is something else.
pub(crate) fn parse_labels(text: &str) -> Option<Labels> {
    if text.is_empty() {
        return Some(Labels::default());
    }
    text.split(',')
        .map(|entry| {
            let (key, value) = entry.split_once('=')?;
            (!key.trim().is_empty()).then(|| (SmolStr::new(key.trim()), SmolStr::new(value.trim())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::load;
    use crate::manifest::source::SourceMap;
    use crate::traffic::scenario;

    #[test]
    fn gateways_are_the_scenario_s_and_one_for_each_other_selector() {
        let text = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: NAME}\nspec:\n  selector: {istio: NAME}\n  \
                    servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]\n";
        let mut sources = SourceMap::default();
        let file = sources.add("g.yaml", format!("{}---\n{}", text.replace("NAME", "in"), text.replace("NAME", "out")));
        let options =
            load::Options { namespace: "shop".into(), unknown_fields: load::UnknownFields::Error, assume_names: false };
        let manifests = load::read(&sources, &[file], &options).manifests;
        let described =
            "apiVersion: towtank/v1\nkind: Scenario\nproxies: [{name: gw, type: gateway, labels: {istio: in}}]\n";
        let scenario = scenario::decode(sources.add("scenario.yaml", described), described).expect("a scenario");
        let told = |p: &Arc<Proxy>| format!("{} in {}", p.name, p.namespace);
        let all = gateways(Some(&scenario), &manifests, "shop");
        assert_eq!(
            all.iter().map(told).collect::<Vec<_>>(),
            ["gw in shop", "gateway:istio-system:istio=out in istio-system"]
        );
        assert_eq!(all.last().map(told), defaults(&manifests, "shop").last().map(told), "the same for every command");
    }
}
