//! What the checks look at: the objects as written, the resolved mesh, and indexes that keep every question cheap.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::{SmolStr, format_smolstr};

use super::base::Base;
use super::managed::Controllers;
use super::priority::dead::ReachedRules;
use super::priority::effort::Effort;
use super::refused::Refused;
use super::registry::Input;
use super::report::similar;
use super::senders::Senders;
use crate::analysis::symbolic::Languages;
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::envoy::router::Switches;
use crate::istio::clients::{self, Client};
use crate::istio::mesh::selector::LabelIndex;
use crate::istio::mesh::{HostTable, MESH_GATEWAY, MergedDestinationRule, Mesh, Service, VirtualService, fqdn};
use crate::manifest::kinds::{self, Gateway, Labels, Manifests, Object, ObjectId, StringMatch};
use crate::manifest::source::SourceMap;
use crate::order::Order as _;
use crate::order::Ordered as _;
use crate::traffic::scenario::Scenario;

/// Everything that checks may ask.
pub(super) struct Subject<'a> {
    /// Admitted objects, as their authors wrote them.
    pub manifests: &'a Manifests,
    pub mesh: &'a Mesh,
    pub scenario: Option<&'a Scenario>,
    /// What the controllers of rollouts complete.
    pub controllers: Controllers<'a>,
    /// Services were assumed, so that nothing is known about those that are missing.
    pub assumed: bool,
    pub sources: &'a SourceMap,
    pub base: Option<Base<'a>>,
    pub refused: Refused<'a>,
    /// What may be spent on proofs.
    pub effort: Effort,
    /// Resolved VirtualServices by object; those without hosts (delegates) have none.
    pub resolved: FxHashMap<&'a ObjectId, &'a Arc<VirtualService>>,
    /// `namespace/name` of each Gateway.
    pub gateways: FxHashMap<SmolStr, &'a Arc<Object<Gateway>>>,
    /// Hosts of ServiceEntries that are wildcards.
    pub wildcard_hosts: HostTable<SmolStr>,
    /// Namespace, name and host of each service, sorted; those of ServiceEntries outside the cluster have neither.
    hosts: Vec<(&'a str, &'a str, &'a str)>,
    hosts_by_name: FxHashMap<&'a str, Vec<&'a str>>,
    /// Some service of the mesh has HTTP on port 80, so that sidecars listen there.
    pub listens_on_80: bool,
    /// Namespaces that have pods, sorted.
    pub pod_namespaces: Vec<&'a SmolStr>,
    pods: LabelIndex<'a>,
    workload_entries: LabelIndex<'a>,
    /// Languages of all regexes in matches.
    pub languages: Languages,
    /// Which HTTP rules get requests, once that was judged.
    pub reached: ReachedRules<'a>,
    /// Everybody there is, whether the manifests hold them or they are assumed.
    clients: Vec<Client>,
    /// Found out when a check first asks.
    sidecars: OnceLock<Sidecars>,
    senders: OnceLock<Senders<'a>>,
    /// Gateway workloads.
    pub gateway_proxies: Vec<Arc<Proxy>>,
    /// Namespaces that a Namespace object or any other object names, sorted.
    pub namespaces: Vec<SmolStr>,
}

/// The name of sidecars that nothing tells of.
const UNLABELLED: SmolStr = SmolStr::new_static("client");

/// One sidecar for each class of them.
#[derive(Debug, Default)]
struct Sidecars {
    all: Vec<Arc<Proxy>>,
    by_namespace: FxHashMap<SmolStr, Vec<Arc<Proxy>>>,
}

/// A DestinationRule that some clients use for a host.
pub(super) struct RuleFor<'a> {
    pub rule: &'a MergedDestinationRule,
    /// The first of them.
    pub proxy: Arc<Proxy>,
    /// How many classes of clients use it, of how many.
    holds_for: usize,
    of: usize,
}

impl RuleFor<'_> {
    /// For whom it holds, in words; empty: for all.
    pub(super) fn whose(&self) -> String {
        Subject::whose(&self.proxy, self.holds_for == self.of)
    }
}

/// What a destination host means.
pub(super) enum Known<'a> {
    /// Services of that very name, whoever may see them; at least one.
    Services(&'a [Arc<Service>]),
    /// Only a ServiceEntry with this wildcard host covers it.
    Wildcard(SmolStr),
    /// `name.namespace` or `name.namespace.svc` of the service with this full name.
    HalfQualified(SmolStr),
    /// A Service that no manifest gives, for a controller makes it.
    Made,
    Unknown,
}

impl<'a> Subject<'a> {
    pub(super) fn new(
        manifests: &'a Manifests,
        mesh: &'a Mesh,
        scenario: Option<&'a Scenario>,
        assumed: bool,
        sources: &'a SourceMap,
        gateway_proxies: Vec<Arc<Proxy>>,
        effort: u64,
    ) -> Subject<'a> {
        let effort = Effort::new(effort, mesh);
        let languages = Languages::of_regexes(regexes(mesh), Switches::of(mesh.profile).encoding(), effort.bytes());
        let mut wildcard_hosts = HostTable::default();
        for host in manifests.service_entries.iter().flat_map(|e| &e.spec.hosts).filter(|h| h.starts_with('*')) {
            wildcard_hosts.entry(host, || host.clone());
        }
        let gateways = mesh.gateways.iter().map(|g| (g.meta.full_name(), g)).collect::<FxHashMap<_, _>>();
        let hosts = hosts(mesh);
        let mut hosts_by_name: FxHashMap<&str, Vec<&str>> = FxHashMap::default();
        for (_, name, host) in hosts.iter().filter(|(_, name, _)| !name.is_empty()) {
            hosts_by_name.entry(name).or_default().push(host);
        }
        let pod_namespaces: BTreeSet<&SmolStr> = manifests.pods.iter().map(|p| &p.meta.namespace).into_set();
        Subject {
            hosts,
            hosts_by_name,
            listens_on_80: mesh.services.iter().any(|s| s.port(80).is_some_and(|p| p.protocol.is_http_or_sniffed())),
            pod_namespaces: pod_namespaces.into_iter().collect(),
            resolved: mesh.virtual_services.all.iter().map(|vs| (&vs.object, vs)).collect(),
            gateways,
            wildcard_hosts,
            pods: LabelIndex::build(manifests.pods.iter().map(|p| (p.meta.namespace.as_str(), &p.meta.labels))),
            workload_entries: LabelIndex::build(
                manifests.workload_entries.iter().map(|w| (w.meta.namespace.as_str(), &w.spec.labels)),
            ),
            reached: ReachedRules::default(),
            languages,
            gateway_proxies,
            sidecars: OnceLock::new(),
            senders: OnceLock::new(),
            clients: clients::clients(manifests, ""),
            namespaces: namespaces(manifests, scenario),
            controllers: Controllers::new(manifests, &mesh.config.cluster_domain),
            manifests,
            mesh,
            scenario,
            assumed,
            sources,
            base: None,
            refused: Refused::default(),
            effort,
        }
    }

    /// Whether an input is there.
    pub(super) fn has(&self, input: Input) -> bool {
        let m = self.manifests;
        match input {
            Input::VirtualServices => !m.virtual_services.is_empty(),
            Input::DestinationRules => !m.destination_rules.is_empty(),
            Input::Services | Input::OtherServices => !self.assumed && m.services.len() + m.service_entries.len() > 0,
            Input::Pods | Input::OtherPods => {
                !m.pods.is_empty()
                    || m.workloads.iter().any(|w| !matches!(w.id.kind, kinds::Kind::Job | kinds::Kind::CronJob))
                    || !m.endpoint_slices.is_empty()
                    || !m.workload_entries.is_empty()
                    || m.service_entries.iter().any(|e| !e.spec.endpoints.is_empty())
                    || self.scenario.is_some_and(|s| s.has_no_pods)
            }
            Input::Gateways => !m.gateways.is_empty(),
            Input::Namespaces => !m.namespaces.is_empty(),
            Input::Requests => self.scenario.is_some_and(|s| !s.streams.is_empty()),
            Input::Secrets => !m.secrets.is_empty(),
            Input::PeerAuthentications => !m.peer_authentications.is_empty(),
            Input::Base => self.base.is_some(),
            Input::Roots => self.every_delegate_has_a_root(),
            Input::BoundGateways => {
                let redirects = self
                    .mesh
                    .virtual_services
                    .all
                    .iter()
                    .filter(|vs| vs.http.iter().any(|r| r.route.redirect.is_some()));
                redirects.flat_map(|vs| &vs.gateways).all(|g| *g == MESH_GATEWAY || self.gateways.contains_key(g))
            }
            Input::Status => super::conditions::objects(m).any(|o| o.meta.conditions.is_some()),
            Input::Rates | Input::Run => false,
        }
    }

    fn every_delegate_has_a_root(&self) -> bool {
        let all = &self.manifests.virtual_services;
        let named: FxHashSet<(&str, &str)> = all
            .iter()
            .flat_map(|root| root.spec.http.iter().filter_map(move |r| Some((root, r.delegate.as_ref()?))))
            .map(|(root, d)| {
                let namespace = if d.namespace.is_empty() { &root.meta.namespace } else { &d.namespace };
                (namespace.as_str(), d.name.as_str())
            })
            .collect();
        let mut delegates = all.iter().filter(|vs| vs.spec.hosts.is_empty());
        delegates.all(|vs| named.contains(&(vs.meta.namespace.as_str(), vs.meta.name.as_str())))
    }

    /// The full name of a host written in `namespace`.
    pub(super) fn fqdn(&self, host: &str, namespace: &str) -> SmolStr {
        fqdn(host, namespace, &self.mesh.config.cluster_domain)
    }

    /// What a full host name means.
    pub(super) fn known(&self, host: &str) -> Known<'a> {
        let services = self.mesh.service_index.by_hostname(host);
        if !services.is_empty() {
            return Known::Services(services);
        }
        if let Some(full) = self.half_qualified(host) {
            return Known::HalfQualified(full);
        }
        match self.wildcard_hosts.most_specific(host) {
            Some(wildcard) => Known::Wildcard(wildcard.clone()),
            None if self.controllers.make(host) => Known::Made,
            None => Known::Unknown,
        }
    }

    /// Whether a full name is that of a Service of the cluster.
    pub(super) fn is_inside(&self, full: &str) -> bool {
        let name = full.strip_suffix(self.mesh.config.cluster_domain.as_str());
        name.is_some_and(|name| name.ends_with(".svc."))
    }

    /// Whether an unknown host is missing for sure, and not kept elsewhere. Where Services are assumed, it is if it would have got one:
    /// all hosts of the cluster have, but for slips of the pen.
    pub(super) fn is_missing(&self, full: &str) -> bool {
        self.has(Input::Services) || self.assumed && self.is_inside(full)
    }

    /// The service that `name.namespace` or `name.namespace.svc` was probably meant for.
    fn half_qualified(&self, host: &str) -> Option<SmolStr> {
        let (name, rest) = host.split_once('.')?;
        let namespace = rest.strip_suffix(".svc").unwrap_or(rest);
        if name.is_empty() || namespace.contains('.') {
            return None;
        }
        let full = format_smolstr!("{name}.{namespace}.svc.{}", self.mesh.config.cluster_domain);
        (!self.mesh.service_index.by_hostname(&full).is_empty()).then_some(full)
    }

    /// The service a destination means for clients of `namespace`: one of that namespace, else a visible one, else any.
    pub(super) fn service(&self, host: &str, namespace: &str) -> Option<&'a Arc<Service>> {
        let all = self.mesh.service_index.by_hostname(host);
        self.mesh
            .service_index
            .in_namespace(host, namespace)
            .or_else(|| all.iter().find(|s| s.visibility.allows(namespace)))
            .or_else(|| all.first())
    }

    /// The host that was probably meant by one that is unknown: the same service elsewhere, else one of the same namespace
    /// with much the same name; for hosts outside the mesh, one of a ServiceEntry.
    pub(super) fn similar_host(&self, full: &str) -> Option<&'a str> {
        let suffix = format!(".svc.{}", self.mesh.config.cluster_domain);
        let Some((name, namespace)) = full.strip_suffix(&suffix).and_then(|inside| inside.split_once('.')) else {
            let outside = self.hosts.iter().filter(|(ns, ..)| ns.is_empty()).map(|(.., host)| *host);
            return similar(full, outside);
        };
        let same_name = self.hosts_by_name.get(name).into_iter().flatten().find(|host| **host != full);
        same_name.copied().or_else(|| {
            let from = self.hosts.partition_point(|(ns, ..)| *ns < namespace);
            let near = self.hosts.iter().skip(from).take_while(|(ns, ..)| *ns == namespace);
            let best = similar(name, near.clone().map(|(_, name, _)| *name))?;
            near.clone().find(|(_, name, _)| *name == best).map(|(.., host)| *host)
        })
    }

    /// Which rules name which subset.
    pub(super) fn senders(&self) -> &Senders<'a> {
        self.senders.get_or_init(|| Senders::new(self))
    }

    /// Pods of a namespace that carry all labels.
    pub(super) fn pods(&self, namespace: &str, labels: &Labels) -> Vec<&'a Object<kinds::Pod>> {
        self.pods.select(namespace, labels).into_iter().filter_map(|i| self.manifests.pods.get(i)).collect()
    }

    /// Whether any pod of the namespace is among the manifests, so that one that is missing there is likely missing indeed.
    pub(super) fn knows_pods_of(&self, namespace: &SmolStr) -> bool {
        self.pod_namespaces.binary_search(&namespace).is_ok()
    }

    pub(super) fn has_workload_entry(&self, namespace: &str, labels: &Labels) -> bool {
        !self.workload_entries.select(namespace, labels).is_empty()
    }

    /// Whether a service is in an ambient namespace and uses a waypoint.
    pub(super) fn has_waypoint(&self, host: &str) -> bool {
        let uses = |labels: &Labels| labels.get("istio.io/use-waypoint").is_some_and(|w| !w.is_empty() && w != "none");
        self.mesh.service_index.by_hostname(host).iter().any(|s| {
            let namespace = self.manifests.namespaces.iter().find(|n| n.meta.name == s.namespace);
            namespace.is_some_and(|n| {
                n.meta.labels.get("istio.io/dataplane-mode") == Some("ambient")
                    && (uses(&n.meta.labels) || uses(&s.labels))
            })
        })
    }

    /// Pods of any namespace that carry all labels.
    pub(super) fn any_pod(&self, labels: &Labels) -> Option<&'a Object<kinds::Pod>> {
        self.manifests.pods.iter().find(|p| labels.is_subset_of(&p.meta.labels))
    }

    /// The gateway workloads that a Gateway object is for.
    pub(super) fn proxies_of(&self, gateway: &Object<Gateway>) -> impl Iterator<Item = &Arc<Proxy>> {
        self.gateway_proxies.iter().filter(|p| gateway.spec.selector.is_subset_of(&p.labels))
    }

    /// Whether the rules of a VirtualService reach sidecars.
    pub(super) fn is_mesh(vs: &VirtualService) -> bool {
        vs.gateways.contains(&MESH_GATEWAY)
    }

    /// Workloads, pods and gateways that the manifests hold.
    pub(super) fn clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter().filter(|c| c.is_known())
    }

    /// Sidecars, one for each class of them.
    fn sidecars(&self) -> &Sidecars {
        self.sidecars.get_or_init(|| {
            let sidecars = self.clients.iter().filter(|c| c.proxy.kind == ProxyKind::Sidecar);
            let sidecars: Vec<Client> = sidecars.cloned().collect();
            let mut out = Sidecars::default();
            for class in clients::classes(&sidecars, &[self.mesh], "") {
                let namespace = &class.proxy.namespace;
                // Nothing at all is known: nobody is asked for.
                if !namespace.is_empty() {
                    out.by_namespace.entry(namespace.clone()).or_default().push(class.proxy.clone());
                    out.all.push(class.proxy);
                }
            }
            out
        })
    }

    /// The sidecars of a namespace, one of each class: of the workloads that the manifests hold, else of those that its objects are
    /// made for, else one without labels.
    pub(super) fn sidecars_in(&self, namespace: &str) -> Vec<Arc<Proxy>> {
        match self.sidecars().by_namespace.get(namespace) {
            Some(known) => known.clone(),
            None => vec![Arc::new(Subject::sidecar(namespace, Labels::default()))],
        }
    }

    /// Everybody whose requests are looked at: sidecars and gateways.
    pub(super) fn everybody(&self) -> Vec<Arc<Proxy>> {
        self.sidecars().all.iter().chain(&self.gateway_proxies).cloned().collect()
    }

    /// The sidecars that a VirtualService is for: one of each class that sees it, those of its own namespace first. At least one.
    pub(super) fn sidecars_of(&self, vs: &VirtualService) -> Vec<Arc<Proxy>> {
        let own = &vs.object.namespace;
        let sees = |p: &&Arc<Proxy>| vs.visibility.allows(&p.namespace);
        let (home, abroad): (Vec<_>, Vec<_>) =
            self.sidecars().all.iter().filter(sees).cloned().partition(|p| p.namespace == *own);
        let all: Vec<Arc<Proxy>> = home.into_iter().chain(abroad).collect();
        if all.is_empty() { self.sidecars_in(own) } else { all }
    }

    /// The sidecars that a Sidecar resource is for (SC-1), one of each class; none where every workload has another.
    pub(super) fn sidecars_under(&self, sidecar: &Object<kinds::Sidecar>) -> Vec<Arc<Proxy>> {
        let namespace = &sidecar.meta.namespace;
        let is_meant = |p: &Arc<Proxy>| self.mesh.sidecar_of(p).is_some_and(|s| s.id == sidecar.id);
        let for_all = *namespace == self.mesh.config.root_namespace && sidecar.spec.workload_selector.is_none();
        let asked = if for_all { self.sidecars().all.clone() } else { self.sidecars_in(namespace) };
        asked.into_iter().filter(is_meant).collect()
    }

    /// The DestinationRules that hold for a host, each once, with the first of these sidecars that it holds for, and in words for
    /// whom it does where that is not all of them.
    pub(super) fn rules_for(&self, vs: &VirtualService, host: &str, home: &str) -> Vec<RuleFor<'a>> {
        let mut out: Vec<RuleFor<'_>> = Vec::new();
        let all = self.sidecars_of(vs);
        for proxy in &all {
            let Some(rule) = self.mesh.destination_rules.select(proxy, host, home) else { continue };
            match out.iter_mut().find(|known| std::ptr::eq(known.rule, rule)) {
                Some(known) => known.holds_for += 1,
                None => out.push(RuleFor { rule, proxy: proxy.clone(), holds_for: 1, of: all.len() }),
            }
        }
        out
    }

    /// Says for whom something was found, where that is not everybody who was asked.
    pub(super) fn whose(proxy: &Proxy, all: bool) -> String {
        if all { String::new() } else { format!(" (for clients such as {})", proxy.name) }
    }

    /// A client sidecar of a namespace with these labels.
    pub(super) fn sidecar(namespace: &str, labels: Labels) -> Proxy {
        Proxy {
            name: UNLABELLED,
            kind: ProxyKind::Sidecar,
            namespace: namespace.into(),
            labels,
            ips: Vec::new(),
            node: SmolStr::default(),
            connection_settings: None,
        }
    }
}

fn hosts(mesh: &Mesh) -> Vec<(&str, &str, &str)> {
    let domain = format!(".svc.{}", mesh.config.cluster_domain);
    let mut hosts: Vec<_> = mesh
        .services
        .iter()
        .map(|s| {
            let (namespace, name) =
                if s.hostname.ends_with(&domain) { (s.namespace.as_str(), s.name.as_str()) } else { ("", "") };
            (namespace, name, s.hostname.as_str())
        })
        .collect();
    hosts.order_alike();
    hosts
}

/// Every regex that a match has, of whatever part.
fn regexes(mesh: &Mesh) -> impl Iterator<Item = &SmolStr> {
    let rules = mesh.virtual_services.all.iter().flat_map(|vs| &vs.http);
    let parts = rules.flat_map(|r| &r.route.matches).flat_map(|m| {
        let single = [&m.uri, &m.method, &m.authority, &m.scheme].into_iter().flatten();
        let maps = [&m.headers, &m.without_headers, &m.query_params].into_iter().flatten();
        single.chain(maps.map(|(_, test)| test))
    });
    parts.filter_map(|test| if let StringMatch::Regex(text) = test { Some(text) } else { None })
}

fn namespaces(m: &Manifests, scenario: Option<&Scenario>) -> Vec<SmolStr> {
    let mut all: FxHashSet<&SmolStr> = m.istio_objects().map(|(id, _)| &id.namespace).collect();
    all.extend(m.services.iter().map(|o| &o.meta.namespace));
    all.extend(m.pods.iter().map(|o| &o.meta.namespace));
    all.extend(m.workloads.iter().map(|o| &o.meta.namespace));
    all.extend(m.namespaces.iter().map(|o| &o.meta.name));
    all.extend(scenario.iter().flat_map(|s| &s.proxies).map(|p| &p.namespace));
    all.insert(&m.mesh_config.root_namespace);
    let mut all: Vec<SmolStr> = all.into_iter().filter(|n| !n.is_empty()).cloned().collect();
    all.order();
    all
}
