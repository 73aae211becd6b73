//! Who there is: workloads, pods, WorkloadEntries and gateways of the manifests.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::{SmolStr, format_smolstr};

use super::key::PER_POD;
use super::{Client, Member};
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::istio::mesh::{self, locality};
use crate::manifest::kinds::decode::{PROXY_CONFIG, connection_settings_of};
use crate::manifest::kinds::{
    ConnectionSettings, Kind, Labels, Manifests, Object, ObjectId, ObjectMeta, Pod, VirtualService, Workload,
    WorkloadEntry,
};
use crate::order::Order as _;
use crate::order::Ordered as _;

/// Label or annotation with which a pod says whether it gets a proxy.
const INJECT: &str = "sidecar.istio.io/inject";

/// Where Gateway selectors that fit no pod are assumed to have theirs (section 3 of the contract).
const GATEWAYS_NAMESPACE: &str = "istio-system";

/// All clients of the manifests, sidecars in their order, then gateways. Pods that a Gateway selects are gateways. A namespace that
/// has mesh objects but no workload gets a client without labels, and one for each set of labels that objects ask of clients there;
/// where there is none at all, or gateways alone although some rules are for the mesh, `namespace` gets one. The one without labels
/// of `namespace` is called `client`.
pub(crate) fn clients(manifests: &Manifests, namespace: &str) -> Vec<Client> {
    let gateways = gateways(manifests);
    let selectors = selectors(manifests);
    let is_gateway = |labels: &Labels| selectors.iter().any(|s| !s.is_empty() && s.is_subset_of(labels));
    let mut out: Vec<Client> = Vec::new();
    let mut replicas: FxHashSet<Replica<'_>> = FxHashSet::default();
    let mut owners = Owners::default();
    for pod in manifests.pods.iter().filter(|p| has_proxy(&p.meta) && !p.spec.is_finished()) {
        if !is_gateway(&pod.meta.labels) && replicas.insert(Replica::of(pod)) {
            out.push(of_pod(pod, &mut owners));
        }
    }
    let with_pods: FxHashSet<_> = manifests.pods.iter().filter_map(|p| p.spec.workload.as_ref()).collect();
    let templates: FxHashSet<(&SmolStr, &SmolStr)> =
        manifests.workloads.iter().filter_map(|w| Some((&w.meta.namespace, w.spec.template_of.as_ref()?))).collect();
    for workload in manifests.workloads.iter().filter(|w| w.spec.has_template && !with_pods.contains(&w.id)) {
        // A Deployment that only lends its template to a Rollout is the Rollout.
        let lent = workload.id.kind == Kind::Deployment
            && templates.contains(&(&workload.meta.namespace, &workload.meta.name));
        if !lent && wants_proxy(&workload.spec) && !is_gateway(&workload.spec.labels) {
            out.push(of_workload(workload));
        }
    }
    out.extend(manifests.workload_entries.iter().map(of_entry));
    let inhabited: FxHashSet<SmolStr> = out.iter().chain(&gateways).map(|c| c.proxy.namespace.clone()).collect();
    let mut assumed = asked_for(manifests);
    assumed.retain(|(ns, _)| !inhabited.contains(ns) && *ns != manifests.mesh_config.root_namespace);
    out.extend(assumed.into_iter().map(|(ns, labels)| assumed_client(ns, labels, namespace)));
    // A delegate, which has no hosts, is for whom its root is for.
    let is_for_mesh = |vs: &VirtualService| !vs.hosts.is_empty() && mesh::is_for_mesh(&vs.gateways);
    if out.is_empty() && (gateways.is_empty() || manifests.virtual_services.iter().any(|vs| is_for_mesh(&vs.spec))) {
        out.push(assumed_client(namespace.into(), Labels::default(), namespace));
    }
    out.extend(gateways);
    out
}

/// The gateways: pods and workloads that a Gateway selects, those with the same labels as one, and for a selector that fits none
/// an assumed pod with just its labels. Sorted by selector.
pub(crate) fn gateways(manifests: &Manifests) -> Vec<Client> {
    let mut out: Vec<Client> = Vec::new();
    let mut seen: FxHashSet<(SmolStr, Labels, Vec<bool>, Option<ConnectionSettings>)> = FxHashSet::default();
    let mut taken: FxHashSet<SmolStr> = FxHashSet::default();
    let selectors = selectors(manifests);
    let mut open = false;
    let mut owners = Owners::default();
    for selector in selectors {
        if selector.is_empty() {
            open = true;
            continue;
        }
        let pods = manifests.pods.iter().filter(|p| selector.is_subset_of(&p.meta.labels) && !p.spec.is_finished());
        let pods: Vec<Client> = pods.map(|p| of_pod(p, &mut owners)).collect();
        let without_pods = |w: &&Object<Workload>| w.spec.has_template && selector.is_subset_of(&w.spec.labels);
        let workloads = manifests.workloads.iter().filter(without_pods).map(of_workload);
        let mut found = false;
        for client in pods.into_iter().chain(workloads) {
            found = true;
            let proxy = &client.proxy;
            let families = proxy.ips.iter().map(IpAddr::is_ipv6).collect();
            let told = (proxy.namespace.clone(), proxy.labels.clone(), families, proxy.connection_settings);
            if !seen.insert(told) {
                // Replicas, or what another selector had already; a workload's template after its pods.
                continue;
            }
            let short = format_smolstr!("gateway:{}:{selector}", proxy.namespace);
            let full = format_smolstr!("gateway:{}:{}", proxy.namespace, proxy.labels);
            let name = if taken.insert(short.clone()) { short } else { full };
            let proxy = Arc::new(Proxy { name, kind: ProxyKind::Gateway, ..(*client.proxy).clone() });
            out.push(Client { proxy, ..client });
        }
        if !found {
            out.push(assumed_gateway(selector));
        }
    }
    // An empty selector is for all gateways there are.
    if open && out.is_empty() {
        out.push(assumed_gateway(&Labels::default()));
    }
    out
}

fn selectors(manifests: &Manifests) -> BTreeSet<&Labels> {
    manifests.gateways.iter().map(|g| &g.spec.selector).into_set()
}

fn assumed_gateway(selector: &Labels) -> Client {
    let namespace = SmolStr::new_static(GATEWAYS_NAMESPACE);
    let proxy = Proxy {
        name: format_smolstr!("gateway:{namespace}:{selector}"),
        kind: ProxyKind::Gateway,
        namespace: namespace.clone(),
        labels: selector.clone(),
        ips: Vec::new(),
        node: SmolStr::default(),
        connection_settings: None,
    };
    Client { of: Member::of_proxy(&proxy), proxy: Arc::new(proxy), was: None, ports: Vec::new() }
}

/// A client that nothing is known of but its namespace, and the labels that somebody asks for.
fn assumed_client(namespace: SmolStr, labels: Labels, own: &str) -> Client {
    let name = match (namespace == own, labels.is_empty()) {
        (true, true) => SmolStr::new_static("client"),
        (false, true) => format_smolstr!("sidecar:{namespace}"),
        (_, false) => format_smolstr!("sidecar:{namespace}:{labels}"),
    };
    let proxy = sidecar(name, namespace, labels);
    Client { of: Member::of_proxy(&proxy), proxy: Arc::new(proxy), was: None, ports: Vec::new() }
}

/// Pods that differ in nothing but their number.
#[derive(PartialEq, Eq, Hash)]
struct Replica<'a> {
    namespace: &'a str,
    labels: &'a Labels,
    node: &'a str,
    ips: &'a [IpAddr],
    workload: Option<&'a ObjectId>,
    /// What it is told of itself, as text.
    config: Option<&'a str>,
}

impl<'a> Replica<'a> {
    fn of(pod: &'a Object<Pod>) -> Replica<'a> {
        Replica {
            namespace: &pod.meta.namespace,
            labels: &pod.meta.labels,
            node: &pod.spec.node_name,
            ips: &pod.spec.ips,
            workload: pod.spec.workload.as_ref(),
            config: pod.meta.annotations.get(PROXY_CONFIG),
        }
    }
}

/// The first of the pods that no workload is known of and that have the same labels and settings, which are replicas then.
type Owners = FxHashMap<(SmolStr, Labels, Option<ConnectionSettings>), ObjectId>;

fn of_pod(pod: &Object<Pod>, owners: &mut Owners) -> Client {
    let namespace = pod.meta.namespace.clone();
    let name = pod.spec.workload.as_ref().map_or(&pod.meta.name, |w| &w.name);
    let proxy = Proxy {
        ips: pod.spec.ips.clone(),
        node: pod.spec.node_name.clone(),
        connection_settings: connection_settings_of(&pod.meta.annotations),
        ..sidecar(format_smolstr!("pod:{namespace}/{name}"), namespace.clone(), pod.meta.labels.clone())
    };
    let owner = pod.spec.workload.clone().unwrap_or_else(|| {
        let own = |k: &SmolStr| PER_POD.contains(&k.as_str());
        let labels = if pod.meta.labels.iter().any(|(k, _)| own(k)) {
            pod.meta.labels.iter().filter(|(k, _)| !own(k)).map(|(k, v)| (k.clone(), v.clone())).collect()
        } else {
            pod.meta.labels.clone()
        };
        let replicas = (namespace.clone(), labels, proxy.connection_settings);
        owners.entry(replicas).or_insert_with(|| pod.id.clone()).clone()
    });
    Client {
        proxy: Arc::new(proxy),
        was: None,
        of: Member::of_object(&owner),
        ports: pod.spec.ports.iter().filter(|p| !p.name.is_empty()).cloned().collect(),
    }
}

fn of_workload(workload: &Object<Workload>) -> Client {
    let (namespace, name) = (workload.meta.namespace.clone(), &workload.meta.name);
    let proxy = Proxy {
        node: workload.spec.template.node_name.clone(),
        connection_settings: connection_settings_of(&workload.spec.annotations),
        ..sidecar(format_smolstr!("pod:{namespace}/{name}"), namespace, workload.spec.labels.clone())
    };
    Client {
        proxy: Arc::new(proxy),
        was: None,
        of: Member::of_object(&workload.id),
        ports: workload.spec.template.ports.iter().filter(|p| !p.name.is_empty()).cloned().collect(),
    }
}

/// A machine outside of Kubernetes. Its labels are those of its spec under those of its metadata (EP-10), with where it is.
fn of_entry(entry: &Object<WorkloadEntry>) -> Client {
    let (namespace, name) = (entry.meta.namespace.clone(), &entry.meta.name);
    let labels = entry.spec.labels.overlaid(&entry.meta.labels);
    let labels = if entry.spec.locality.is_empty() && entry.spec.network.is_empty() {
        labels
    } else {
        locality::with_place(&labels, "", &entry.spec.locality, "", &entry.spec.network)
    };
    let proxy = Proxy {
        ips: entry.spec.address.parse().ok().into_iter().collect(),
        ..sidecar(format_smolstr!("pod:{namespace}/{name}"), namespace, labels)
    };
    Client { proxy: Arc::new(proxy), was: None, of: Member::of_object(&entry.id), ports: Vec::new() }
}

fn sidecar(name: SmolStr, namespace: SmolStr, labels: Labels) -> Proxy {
    Proxy {
        name,
        kind: ProxyKind::Sidecar,
        namespace,
        labels,
        ips: Vec::new(),
        node: SmolStr::default(),
        connection_settings: None,
    }
}

fn has_proxy(meta: &ObjectMeta) -> bool {
    [&meta.labels, &meta.annotations].iter().all(|l| l.get(INJECT) != Some("false"))
}

fn wants_proxy(workload: &Workload) -> bool {
    [&workload.labels, &workload.annotations].iter().all(|l| l.get(INJECT) != Some("false"))
}

/// The clients that objects of the mesh are made for: of each namespace that one stands in or names one without labels, and one for
/// each set of labels that a Sidecar, a DestinationRule or a match is limited to. By namespace and labels.
fn asked_for(manifests: &Manifests) -> Vec<(SmolStr, Labels)> {
    let mut all: FxHashSet<(SmolStr, Labels)> =
        manifests.istio_objects().map(|(id, _)| (id.namespace.clone(), Labels::default())).collect();
    all.extend(manifests.services.iter().map(|s| (s.meta.namespace.clone(), Labels::default())));
    let selected = |namespace: &SmolStr, selector: &Option<Labels>| {
        selector.iter().map(|labels| (namespace.clone(), labels.clone())).collect::<Vec<_>>()
    };
    all.extend(manifests.sidecars.iter().flat_map(|s| selected(&s.meta.namespace, &s.spec.workload_selector)));
    all.extend(manifests.destination_rules.iter().flat_map(|d| selected(&d.meta.namespace, &d.spec.workload_selector)));
    for vs in &manifests.virtual_services {
        let http = vs.spec.http.iter().flat_map(|r| &r.matches).map(|m| (&m.source_namespace, &m.source_labels));
        let tls = vs.spec.tls.iter().flat_map(|r| &r.matches).map(|m| (&m.source_namespace, &m.source_labels));
        let tcp = vs.spec.tcp.iter().flat_map(|r| &r.matches).map(|m| (&m.source_namespace, &m.source_labels));
        // Most ask of nobody, and the VirtualService's own namespace is there already.
        let asking =
            http.chain(tls).chain(tcp).filter(|(namespace, labels)| !namespace.is_empty() || !labels.is_empty());
        for (namespace, labels) in asking {
            let namespace = if namespace.is_empty() { &vs.meta.namespace } else { namespace };
            all.insert((namespace.clone(), Labels::default()));
            all.insert((namespace.clone(), labels.clone()));
        }
    }
    let mut all: Vec<(SmolStr, Labels)> = all.into_iter().collect();
    all.order_alike();
    all
}
