//! VirtualServices made ready for use: names made full, gateways normalised, delegates merged (section 5 of the translation rules).

mod delegate;

use std::sync::{Arc, OnceLock};

use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};
use smol_str::{SmolStr, format_smolstr};

use super::{Visibility, fqdn};
use crate::envoy::table::{Note, RouteSource};
use crate::manifest::kinds::{
    self, CreationTime, HttpMatch, HttpRoute, MeshConfig, Object, ObjectId, TcpRoute, TlsRoute,
};
use crate::manifest::source::Position;
use crate::order::Order as _;

/// The reserved gateway name that means all sidecars (GR-1).
pub(crate) const MESH_GATEWAY: SmolStr = SmolStr::new_static("mesh");

/// A VirtualService with hosts. Destinations are FQDNs (FQ-3, FQ-4), gateway names `ns/name` or `mesh` (GR-1).
#[derive(Debug, Clone)]
pub(crate) struct VirtualService {
    pub object: ObjectId,
    /// Start of its document.
    pub at: Position,
    pub created: CreationTime,
    /// FQDNs, case as written.
    pub hosts: Vec<SmolStr>,
    /// Never empty: `mesh` where the manifest names none (GR-2).
    pub gateways: Vec<SmolStr>,
    pub http: Vec<HttpRule>,
    pub tls: Vec<TlsRoute>,
    pub tcp: Vec<TcpRoute>,
    pub visibility: Visibility,
    depends: OnceLock<Dependence>,
}

/// What the HTTP rules of a VirtualService ask of the mesh around them and of the client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dependence {
    /// Hosts that rules send or mirror to, each once, in the order of their first mention.
    pub hosts: Vec<SmolStr>,
    /// Matches that ask for the client's labels or namespace, by the positions of rule and match.
    pub sources: Vec<(usize, usize)>,
}

impl VirtualService {
    /// Where it stands among those that a namespace sees (SC-9): private ones come first, then explicitly exported ones, then public
    /// ones. None: it isn't seen there.
    pub(crate) fn rank(&self, namespace: &str) -> Option<u8> {
        match &self.visibility {
            Visibility::Public => Some(2),
            visibility if visibility.allows(namespace) => Some(u8::from(*namespace != self.object.namespace)),
            Visibility::Namespaces(_) | Visibility::Nobody => None,
        }
    }

    /// Found out when first asked.
    pub(crate) fn depends(&self) -> &Dependence {
        self.depends.get_or_init(|| {
            let mut hosts: IndexSet<&SmolStr, FxBuildHasher> = IndexSet::default();
            let mut sources = Vec::new();
            for (i, rule) in self.http.iter().map(|rule| &rule.route).enumerate() {
                hosts.extend(rule.destinations().map(|d| &d.host));
                let asks = |m: &HttpMatch| !m.source_labels.is_empty() || !m.source_namespace.is_empty();
                sources.extend(rule.matches.iter().enumerate().filter(|(_, m)| asks(m)).map(|(k, _)| (i, k)));
            }
            Dependence { hosts: hosts.into_iter().cloned().collect(), sources }
        })
    }
}

/// One HTTP rule after delegate merging, with its provenance.
#[derive(Debug, Clone)]
pub(crate) struct HttpRule {
    pub route: Arc<HttpRoute>,
    /// The rule; `match_index` is None here. For a delegate's rule `root` is the rule that delegated.
    pub source: RouteSource,
    /// For each entry of `route.matches`: where it was written. Where a delegate's match was joined with one of its root,
    /// `root` is the root's match.
    pub match_sources: Vec<RouteSource>,
}

/// All VirtualServices with hosts, and who consumes them (VS-2, VS-3).
#[derive(Debug, Default)]
pub(crate) struct VirtualServiceIndex {
    /// In creation order.
    pub all: Vec<Arc<VirtualService>>,
    by_gateway: FxHashMap<SmolStr, Consumers>,
}

/// The VirtualServices of one gateway name by who may see them (EX-3), each list in creation order.
#[derive(Debug, Default)]
struct Consumers {
    public: Vec<Arc<VirtualService>>,
    /// By the VirtualService's own namespace.
    private: FxHashMap<SmolStr, Vec<Arc<VirtualService>>>,
    /// By the namespace it is exported to.
    exported: FxHashMap<SmolStr, Vec<Arc<VirtualService>>>,
}

impl VirtualServiceIndex {
    /// The VirtualServices bound to `gateway` (`mesh`, or `ns/name`) that namespace `namespace` sees: private ones, then
    /// explicitly exported ones, then public ones, each in creation order (SC-9, VS-3).
    pub(crate) fn bound_to(&self, gateway: &str, namespace: &str) -> Vec<Arc<VirtualService>> {
        let Some(consumers) = self.by_gateway.get(gateway) else { return Vec::new() };
        let listed = |by_namespace: &FxHashMap<SmolStr, Vec<Arc<VirtualService>>>| {
            by_namespace.get(namespace).cloned().unwrap_or_default()
        };
        let mut all = listed(&consumers.private);
        all.extend(listed(&consumers.exported));
        all.extend(consumers.public.iter().cloned());
        all
    }

    /// Adds one that is younger than all before it.
    fn push(&mut self, vs: VirtualService) {
        let vs = Arc::new(vs);
        for gateway in &vs.gateways {
            let consumers = self.by_gateway.entry(gateway.clone()).or_default();
            match &vs.visibility {
                Visibility::Public => consumers.public.push(vs.clone()),
                Visibility::Nobody => {}
                Visibility::Namespaces(namespaces) => {
                    for namespace in namespaces {
                        let list = if *namespace == vs.object.namespace {
                            &mut consumers.private
                        } else {
                            &mut consumers.exported
                        };
                        list.entry(namespace.clone()).or_default().push(vs.clone());
                    }
                }
            }
        }
        self.all.push(vs);
    }
}

/// Makes admitted VirtualServices ready for use: sorts them by creation (ORD-1), makes names full (FQ-3, FQ-4, GR-1), merges
/// delegates into their roots (DG-1 to DG-7) and indexes them by gateway name and visibility (VS-2, EX-3).
///
/// Delegates themselves (no `hosts`) are not part of the index (VS-1). Rules that a root loses on the way are told in `notes`.
pub(crate) fn index(
    mut virtual_services: Vec<Object<kinds::VirtualService>>,
    config: &MeshConfig,
    notes: &mut Vec<Note>,
) -> VirtualServiceIndex {
    virtual_services.order_by(|a, b| a.creation_order().cmp(&b.creation_order()));
    for object in &mut virtual_services {
        make_names_full(object, &config.cluster_domain);
    }
    let (delegates, with_hosts): (Vec<_>, Vec<_>) =
        virtual_services.into_iter().partition(|object| object.spec.hosts.is_empty());
    let delegates = delegate::Delegates::new(delegates, &with_hosts, config);
    let mut index = VirtualServiceIndex::default();
    for object in with_hosts {
        index.push(prepare(object, &delegates, config, notes));
    }
    index
}

fn prepare(
    object: Object<kinds::VirtualService>,
    delegates: &delegate::Delegates,
    config: &MeshConfig,
    notes: &mut Vec<Note>,
) -> VirtualService {
    let Object { id, meta, at, spec } = object;
    let visibility = visibility(export_set(&spec.export_to, &id.namespace, config));
    let mut http = Vec::with_capacity(spec.http.len());
    for (rule, route) in spec.http.into_iter().enumerate() {
        let rule = HttpRule::written_in(&id, rule, route);
        if rule.route.delegate.is_some() {
            delegates.expand(&rule, &id.namespace, notes, &mut http);
        } else {
            http.push(rule);
        }
    }
    VirtualService {
        object: id,
        at,
        created: meta.created,
        hosts: spec.hosts,
        gateways: if spec.gateways.is_empty() { vec![MESH_GATEWAY] } else { spec.gateways },
        http,
        tls: spec.tls,
        tcp: spec.tcp,
        visibility,
        depends: OnceLock::new(),
    }
}

impl HttpRule {
    /// The rule at index `rule` of `object`, as written there.
    fn written_in(object: &ObjectId, rule: usize, route: Arc<HttpRoute>) -> HttpRule {
        let rule = u32::try_from(rule).ok();
        let source = |at: Position, match_index: Option<u32>| RouteSource {
            object: object.clone(),
            at,
            rule,
            match_index,
            root: None,
        };
        let match_sources = (0u32..).zip(&route.matches).map(|(i, m)| source(m.at, Some(i))).collect();
        HttpRule { source: source(route.at, None), match_sources, route }
    }
}

/// The namespaces and symbols that an object is exported to: as declared, else the default of the mesh, with `.` replaced by
/// the object's own namespace (EX-1, EX-3). Sorted, without repetition.
fn export_set(declared: &[SmolStr], namespace: &SmolStr, config: &MeshConfig) -> Vec<SmolStr> {
    let entries = if declared.is_empty() { &config.default_virtual_service_export_to } else { declared };
    let mut set: Vec<SmolStr> = entries.iter().map(|e| if e == "." { namespace.clone() } else { e.clone() }).collect();
    set.order();
    set.dedup();
    set
}

/// EX-3.
fn visibility(export_set: Vec<SmolStr>) -> Visibility {
    if export_set.iter().any(|e| e == "*") {
        Visibility::Public
    } else if export_set.iter().any(|e| e == "~") {
        Visibility::Nobody
    } else {
        Visibility::Namespaces(export_set)
    }
}

/// FQ-3, FQ-4 and GR-1, with the namespace of the object that holds the field.
fn make_names_full(object: &mut Object<kinds::VirtualService>, cluster_domain: &str) {
    let namespace = &object.id.namespace;
    let full = |host: &mut SmolStr| {
        if !host.contains('.') {
            *host = fqdn(host, namespace, cluster_domain);
        }
    };
    let gateways = |names: &mut Vec<SmolStr>| {
        for name in names {
            *name = gateway_name(name, namespace);
        }
    };
    let spec = &mut object.spec;
    spec.hosts.iter_mut().for_each(full);
    gateways(&mut spec.gateways);
    let is_full = |rule: &HttpRoute| {
        rule.destinations().all(|d| d.host.contains('.')) && rule.matches.iter().all(|m| m.gateways.is_empty())
    };
    // What is full already stays shared with the manifest.
    for rule in spec.http.iter_mut().filter(|rule| !is_full(rule)).map(Arc::make_mut) {
        rule.matches.iter_mut().filter_map(HttpMatch::rare_mut).for_each(|rare| gateways(&mut rare.gateways));
        let destinations = rule.route.iter_mut().filter_map(|r| r.destination.as_mut());
        let mirrors = rule.mirrors.iter_mut().filter_map(|m| m.destination.as_mut());
        destinations.chain(mirrors).chain(rule.mirror.as_deref_mut()).for_each(|d| full(&mut d.host));
    }
    for rule in &mut spec.tls {
        rule.matches.iter_mut().for_each(|m| gateways(&mut m.gateways));
        rule.route.iter_mut().filter_map(|r| r.destination.as_mut()).for_each(|d| full(&mut d.host));
    }
    for rule in &mut spec.tcp {
        rule.matches.iter_mut().for_each(|m| gateways(&mut m.gateways));
        rule.route.iter_mut().filter_map(|r| r.destination.as_mut()).for_each(|d| full(&mut d.host));
    }
}

/// Whether a list of gateways, of a VirtualService or a match, is for sidecars; one that is left out is for all there are.
pub(crate) fn is_for_mesh(gateways: &[SmolStr]) -> bool {
    gateways.is_empty() || gateways.contains(&MESH_GATEWAY)
}

/// GR-1: the `ns/name` that a VirtualService of `namespace` means by a gateway reference; `mesh` stays.
pub(crate) fn gateway_name(written: &SmolStr, namespace: &str) -> SmolStr {
    if *written == MESH_GATEWAY {
        return MESH_GATEWAY;
    }
    if let Some((before, name)) = written.split_once('/') {
        return if before == "." { format_smolstr!("{namespace}/{name}") } else { written.clone() };
    }
    match written.split_once('.') {
        None => format_smolstr!("{namespace}/{written}"),
        Some((name, rest)) => {
            let other = rest.split_once('.').map_or(rest, |(first, _)| first);
            format_smolstr!("{other}/{name}")
        }
    }
}

#[cfg(test)]
mod tests;
