//! Points of view: `--proxy` texts, the scenario's proxies, and the defaults (section 3 of the contract).

use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use smol_str::{SmolStr, format_smolstr};

use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::istio::clients::{self, Client};
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::decode::connection_settings_of;
use crate::manifest::kinds::{Labels, Manifests, Object, ObjectId, Pod};
use crate::traffic::scenario::Scenario;

/// What `--proxy` takes for all clients that the manifests know.
const ANY: &str = "any";

/// Who looks: proxies by name, and whether the mesh's own clients do.
pub(super) struct Chosen {
    /// In the order of the options, else of the scenario.
    pub named: Vec<Arc<Proxy>>,
    /// All clients of the mesh.
    pub own: bool,
}

/// A pod as far as somebody may look from it: of a large mesh that is far less than the manifest says.
#[derive(Debug)]
pub(super) struct KnownPod {
    id: ObjectId,
    workload: Option<ObjectId>,
    labels: Labels,
    annotations: Labels,
    ips: Vec<IpAddr>,
    node: SmolStr,
}

impl KnownPod {
    pub(super) fn of(pod: &Object<Pod>) -> KnownPod {
        KnownPod {
            id: pod.id.clone(),
            workload: pod.spec.workload.clone(),
            labels: pod.meta.labels.clone(),
            annotations: pod.meta.annotations.clone(),
            ips: pod.spec.ips.clone(),
            node: pod.spec.node_name.clone(),
        }
    }
}

/// The points of view of a run: those of the options, else of the scenario, else all that there are.
pub(super) fn resolve(
    wanted: &[String],
    scenario: Option<&Scenario>,
    pods: &[KnownPod],
    clients: &[Client],
    namespace: &str,
) -> Result<Chosen, Box<Finding>> {
    if wanted.is_empty() {
        let of_scenario = |s: &Scenario| s.proxies.iter().map(|p| Arc::new(of_scenario(p, namespace))).collect();
        let named: Vec<Arc<Proxy>> = scenario.map(of_scenario).unwrap_or_default();
        return Ok(Chosen { own: named.is_empty(), named });
    }
    let names = wanted.iter().filter(|text| *text != ANY);
    let named: Result<Vec<_>, _> =
        names.map(|text| named(text, scenario, (pods, clients), namespace).map(Arc::new)).collect();
    Ok(Chosen { named: named?, own: wanted.iter().any(|text| text == ANY) })
}

/// Whether it takes the clients and pods of the manifests to say who the points of view are: not where each of them says of itself what
/// there is to say.
pub(super) fn are_of_manifests(wanted: &[String], scenario: Option<&Scenario>) -> bool {
    let described = scenario.map(|s| s.proxies.as_slice()).unwrap_or_default();
    let says_all = |text: &String| {
        let namespace = text.strip_prefix("sidecar:").filter(|rest| !rest.is_empty() && !rest.contains(':'));
        text == CLIENT.as_str() || namespace.is_some() || described.iter().any(|p| p.name == text)
    };
    if wanted.is_empty() { described.is_empty() } else { !wanted.iter().all(says_all) }
}

fn of_scenario(p: &crate::traffic::scenario::ScenarioProxy, namespace: &str) -> Proxy {
    Proxy {
        name: p.name.clone(),
        kind: p.kind,
        namespace: if p.namespace.is_empty() { namespace.into() } else { p.namespace.clone() },
        labels: p.labels.clone(),
        ips: p.ip.into_iter().collect(),
        node: SmolStr::default(),
        connection_settings: None,
    }
}

/// The client that nothing is known of but its namespace.
pub(super) fn client(namespace: &str) -> Proxy {
    Proxy {
        name: CLIENT,
        kind: ProxyKind::Sidecar,
        namespace: namespace.into(),
        labels: Labels::default(),
        ips: Vec::new(),
        node: SmolStr::default(),
        connection_settings: None,
    }
}

/// Its name.
const CLIENT: SmolStr = SmolStr::new_static("client");

/// All gateways that the run knows of: the scenario's, and those of the mesh that no Gateway needs which one of the scenario's serves.
pub(super) fn gateways(scenario: Option<&Scenario>, manifests: &Manifests, namespace: &str) -> Vec<Arc<Proxy>> {
    let described = scenario.iter().flat_map(|s| &s.proxies).filter(|p| p.kind == ProxyKind::Gateway);
    let mut out: Vec<Arc<Proxy>> = described.map(|p| Arc::new(of_scenario(p, namespace))).collect();
    let described = out.len();
    let selectors: Vec<&Labels> = manifests.gateways.iter().map(|g| &g.spec.selector).collect();
    let mut all = clients::gateways(manifests);
    all.retain(|g| {
        let served = |s: &&&Labels| out.iter().take(described).any(|p| s.is_subset_of(&p.labels));
        let fitting: Vec<&&Labels> = selectors.iter().filter(|s| s.is_subset_of(&g.proxy.labels)).collect();
        described == 0 || !fitting.iter().all(served)
    });
    let mut seen: FxHashSet<(SmolStr, Labels)> = FxHashSet::default();
    out.extend(all.into_iter().map(|g| g.proxy).filter(|p| seen.insert((p.namespace.clone(), p.labels.clone()))));
    out
}

pub(super) fn named(
    text: &str,
    scenario: Option<&Scenario>,
    (pods, clients): (&[KnownPod], &[Client]),
    namespace: &str,
) -> Result<Proxy, Box<Finding>> {
    if let Some(p) = scenario.and_then(|s| s.proxies.iter().find(|p| p.name == text)) {
        return Ok(of_scenario(p, namespace));
    }
    // What reports call a client leads to that very client.
    if let Some(known) = clients.iter().find(|c| c.proxy.name == text) {
        return Ok((*known.proxy).clone());
    }
    if text == CLIENT {
        return Ok(client(namespace));
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
                connection_settings: None,
            })
        }
        "pod" => of_pod(text, rest, (pods, clients), namespace),
        _ => Err(Box::new(unknown(text, scenario))),
    }
}

fn of_pod(
    text: &str,
    rest: &str,
    (pods, clients): (&[KnownPod], &[Client]),
    namespace: &str,
) -> Result<Proxy, Box<Finding>> {
    let (ns, name) = rest.split_once('/').unwrap_or((namespace, rest));
    // A namespace that isn't named, and workloads without pods.
    let full = format_smolstr!("pod:{ns}/{name}");
    if let Some(known) = clients.iter().find(|c| c.proxy.name == full) {
        return Ok(Proxy { name: text.into(), ..(*known.proxy).clone() });
    }
    let of_workload = |p: &&KnownPod| {
        p.id.namespace == ns && (p.id.name == name || p.workload.as_ref().is_some_and(|w| w.name == name))
    };
    let Some(pod) = pods.iter().find(of_workload) else {
        let near = pods.iter().filter(|p| p.id.namespace == ns).map(|p| p.id.name.as_str());
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
        namespace: pod.id.namespace.clone(),
        labels: pod.labels.clone(),
        ips: pod.ips.clone(),
        node: pod.node.clone(),
        connection_settings: connection_settings_of(&pod.annotations),
    })
}

fn unknown(text: &str, scenario: Option<&Scenario>) -> Finding {
    let forms = "any, client, sidecar:NAMESPACE[:key=value,...], pod:NAMESPACE/NAME, gateway:NAMESPACE:key=value,...";
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
        let options = load::Options { namespace: "shop".into(), ..load::Options::default() };
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
        let clients = clients::clients(&manifests, "shop");
        let last = clients.last().map(|c| told(&c.proxy));
        assert_eq!(all.last().map(told), last, "the same for every command");
    }
}
