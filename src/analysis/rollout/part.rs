//! The part of a mesh that some objects bear on: groups of them that have nothing to do with each other, and for each group all
//! that decides about its requests.
//!
//! Whatever bears on all requests is in every part. Of the rest, what isn't kept neither serves nor is sent to by anything that
//! serves a host of the group, so that requests to the group's hosts are treated in the part as in the whole mesh.

use std::net::IpAddr;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::item::{Item, select};
use super::names::{self, HostSet, Names, service};
use super::ports::Ports;
use super::radius::everywhere;
use crate::envoy::proxy::ProxyKind;
use crate::istio::clients::Client;
use crate::istio::mesh::{fqdn, is_wildcard, matches};
use crate::manifest::kinds::{
    DestinationRule, EndpointSlice, Kind, Labels, Manifests, Object, ObjectId, ObjectMeta, Pod, Service, ServiceEntry,
    ServiceEntryPort, ServicePort,
};

/// Positions of items that bear on the same requests, and what else does.
#[derive(Debug)]
pub(super) struct Part {
    pub items: Vec<usize>,
    pub base: Manifests,
}

/// Parts the items into groups; each group has all objects of `base` that its requests depend on.
pub(super) fn parts(base: &Manifests, items: &[Item], clients: &[Client]) -> Vec<Part> {
    let domain = base.mesh_config.cluster_domain.as_str();
    let everywhere = everywhere(base, items);
    let of_item: Vec<Names> = items.iter().map(|item| of_all_versions(item, &everywhere, domain)).collect();
    let ports = Ports::of(base);
    let is_noticed = |item: &Item| item.versions.iter().any(|v| ports.lack(&v.objects));
    if of_item.iter().any(|n| n.all) || items.iter().any(is_noticed) {
        return vec![Part { items: (0..items.len()).collect(), base: base.clone() }];
    }
    let routes: Vec<Names> = base.virtual_services.iter().map(|vs| names::of_virtual_service(vs, domain)).collect();
    let groups = groups(&of_item, &routes);
    groups.into_iter().map(|group| part(base, items, group, &of_item, (&routes, &ports), clients)).collect()
}

fn of_all_versions(item: &Item, everywhere: &[&Manifests], domain: &str) -> Names {
    let mut out = Names::default();
    for version in &item.versions {
        if !version.is_there() {
            continue;
        }
        let names = names::of(&item.id, &version.objects, everywhere, domain);
        out.all |= names.all || version.config.is_some();
        out.serves.extend(names.serves);
        out.sends.extend(names.sends);
    }
    for list in [&mut out.serves, &mut out.sends] {
        list.sort_unstable();
        list.dedup();
    }
    out
}

/// Items that meet, directly or through a VirtualService that is the same everywhere.
fn groups(of_item: &[Names], routes: &[Names]) -> Vec<Vec<usize>> {
    let mut group: Vec<usize> = (0..of_item.len()).collect();
    fn root(group: &mut [usize], mut i: usize) -> usize {
        while let Some(&up) = group.get(i).filter(|up| **up != i) {
            i = up;
        }
        i
    }
    // Who serves a host: exact names by a map, wildcards one by one.
    let mut exact: FxHashMap<&SmolStr, Vec<usize>> = FxHashMap::default();
    let mut wildcards: Vec<(&SmolStr, usize)> = Vec::new();
    for (i, names) in of_item.iter().enumerate() {
        for host in &names.serves {
            if is_wildcard(host) { wildcards.push((host, i)) } else { exact.entry(host).or_default().push(i) }
        }
    }
    let serving = |host: &SmolStr| -> Vec<usize> {
        let mut out = exact.get(host).cloned().unwrap_or_default();
        out.extend(wildcards.iter().filter(|(w, _)| matches(w, host)).map(|(_, i)| *i));
        if is_wildcard(host) {
            out.extend(exact.iter().filter(|(e, _)| matches(host, e)).flat_map(|(_, i)| i.iter().copied()));
        }
        out
    };
    let links = of_item.iter().enumerate().map(|(i, n)| (Some(i), n)).chain(routes.iter().map(|n| (None, n)));
    for (own, names) in links {
        let met: Vec<usize> = names.serves.iter().chain(&names.sends).flat_map(&serving).chain(own).collect();
        let Some(&first) = met.first() else { continue };
        for i in met {
            let (a, b) = (root(&mut group, first), root(&mut group, i));
            let (low, high) = (a.min(b), a.max(b));
            if let Some(slot) = group.get_mut(high) {
                *slot = low;
            }
        }
    }
    let mut out: indexmap::IndexMap<usize, Vec<usize>> = indexmap::IndexMap::new();
    for i in 0..of_item.len() {
        let root = root(&mut group, i);
        out.entry(root).or_default().push(i);
    }
    out.into_values().collect()
}

/// Hosts of which requests may be treated otherwise in some state, with the VirtualServices that bear on them, by position; and
/// the hosts that those and the group's items send to.
struct Asked {
    routes: FxHashSet<usize>,
    wanted: HostSet,
}

fn asked(group: &[usize], of_item: &[Names], routes: &[Names]) -> Asked {
    let own = || group.iter().filter_map(|i| of_item.get(*i));
    let mut asked = HostSet::default();
    own().flat_map(|n| &n.serves).for_each(|h| {
        asked.insert(h);
    });
    let changed = asked.clone();
    let mut kept: FxHashSet<usize> = FxHashSet::default();
    loop {
        let before = kept.len();
        for (i, names) in routes.iter().enumerate() {
            // Roots of delegates that are kept are named by what they send to.
            let of_delegate = |h: &&SmolStr| names::is_delegate(h);
            let leads =
                changed.meets_any(&names.sends) || names.sends.iter().filter(of_delegate).any(|h| asked.meets(h));
            if kept.contains(&i) || !(leads || asked.meets_any(&names.serves)) {
                continue;
            }
            kept.insert(i);
            names.serves.iter().filter(|_| leads).for_each(|h| {
                asked.insert(h);
            });
            names.sends.iter().filter(of_delegate).for_each(|h| {
                asked.insert(h);
            });
        }
        if kept.len() == before {
            break;
        }
    }
    let mut wanted = asked;
    let of_routes = routes.iter().enumerate().filter(|(i, _)| kept.contains(i)).map(|(_, n)| n);
    own().chain(of_routes).flat_map(|n| n.serves.iter().chain(&n.sends)).for_each(|h| {
        wanted.insert(h);
    });
    Asked { routes: kept, wanted }
}

/// Selectors of services, by namespace.
#[derive(Default)]
struct Selectors<'m>(FxHashMap<&'m SmolStr, Vec<&'m Labels>>);

impl<'m> Selectors<'m> {
    fn add(&mut self, manifests: &'m Manifests, is_kept: impl Fn(&ObjectId) -> bool) {
        let services = manifests.services.iter().filter(|s| is_kept(&s.id) && !s.spec.selector.is_empty());
        let entries = manifests.service_entries.iter().filter(|s| is_kept(&s.id));
        let of_services = services.map(|s| (&s.meta.namespace, &s.spec.selector));
        let of_entries = entries.filter_map(|s| Some((&s.meta.namespace, s.spec.workload_selector.as_ref()?)));
        of_services.chain(of_entries).for_each(|(ns, s)| self.0.entry(ns).or_default().push(s));
    }

    fn select(&self, namespace: &SmolStr, labels: &Labels) -> bool {
        self.0.get(namespace).is_some_and(|all| all.iter().any(|s| s.is_subset_of(labels)))
    }
}

/// Pods that EndpointSlices name, or have the addresses of: their labels are those of the endpoints (EP-3).
#[derive(Default)]
struct Referred<'m> {
    names: FxHashSet<(&'m str, &'m str)>,
    addresses: FxHashSet<(&'m str, IpAddr)>,
}

impl<'m> Referred<'m> {
    fn by(slices: impl Iterator<Item = &'m Object<EndpointSlice>>) -> Referred<'m> {
        let mut out = Referred::default();
        for slice in slices {
            for endpoint in &slice.spec.endpoints {
                match &endpoint.pod {
                    Some((namespace, name)) => {
                        out.names.insert((namespace, name));
                    }
                    None => {
                        let addresses = endpoint.addresses.iter().filter_map(|a| a.parse().ok());
                        out.addresses.extend(addresses.map(|a| (slice.meta.namespace.as_str(), a)));
                    }
                }
            }
        }
        out
    }

    fn has(&self, meta: &ObjectMeta, pod: &Pod) -> bool {
        let namespace = meta.namespace.as_str();
        self.names.contains(&(namespace, meta.name.as_str()))
            || pod.ips.iter().any(|ip| self.addresses.contains(&(namespace, *ip)))
    }
}

fn part(
    base: &Manifests,
    items: &[Item],
    group: Vec<usize>,
    of_item: &[Names],
    (routes, ports_of_all): (&[Names], &Ports<'_>),
    clients: &[Client],
) -> Part {
    let domain = base.mesh_config.cluster_domain.as_str();
    let Asked { routes: kept, wanted } = asked(&group, of_item, routes);
    // What takes the requests of a wildcard may be anything: its part is the whole mesh.
    if wanted.has_wildcards() {
        return Part { items: group, base: base.clone() };
    }
    let mut keep: FxHashSet<&ObjectId> = FxHashSet::default();
    keep.extend(base.virtual_services.iter().enumerate().filter(|(i, _)| kept.contains(i)).map(|(_, vs)| &vs.id));
    let of_rule = |d: &Object<DestinationRule>| wanted.meets(&fqdn(&d.spec.host, &d.meta.namespace, domain));
    keep.extend(base.destination_rules.iter().filter(|d| of_rule(d)).map(|d| &d.id));
    // Services of the gateways say which ports clients dial (GW-3).
    let gateways: Vec<_> = clients.iter().map(|c| &c.proxy).filter(|p| p.kind == ProxyKind::Gateway).collect();
    let of_gateway = |s: &Object<Service>| {
        let selects = |labels: &Labels| !s.spec.selector.is_empty() && s.spec.selector.is_subset_of(labels);
        gateways.iter().any(|g| g.namespace == s.meta.namespace && selects(&g.labels))
    };
    let is_kept =
        |s: &Object<Service>| wanted.meets(&service(&s.meta.namespace, &s.meta.name, domain)) || of_gateway(s);
    // Others on the same port may take its connections, unless all of them are HTTP (LI-1).
    let (near, far): (Vec<&Object<Service>>, Vec<&Object<Service>>) = base.services.iter().partition(|s| is_kept(s));
    // Those that have listeners of their own take whatever comes to their addresses, whichever host it asks for.
    let brought = || group.iter().filter_map(|i| items.get(*i)).flat_map(|i| &i.versions).map(|v| &v.objects);
    let own_entries = base.service_entries.iter().filter(|s| wanted.meets_any(&s.spec.hosts));
    if near.iter().copied().chain(brought().flat_map(|m| &m.services)).any(has_own_listener)
        || own_entries
            .chain(brought().flat_map(|m| &m.service_entries))
            .any(|s| !s.spec.ports.iter().all(|p| is_http(&p.protocol)))
    {
        return Part { items: group.clone(), base: base.clone() };
    }
    let ports: FxHashSet<u16> = near.iter().flat_map(|s| &s.spec.ports).map(|p| p.port).collect();
    let meets = |s: &Object<Service>| {
        let other = |p: &ServicePort| !is_http(p.app_protocol.as_deref().unwrap_or(&p.name));
        s.spec.ports.iter().any(|p| ports.contains(&p.port) && other(p))
    };
    keep.extend(
        near.iter().chain(far.iter().filter(|s| meets(s) || ports_of_all.services.contains(&s.id))).map(|s| &s.id),
    );
    let of_entry = |s: &ServiceEntry| {
        let on_port = |p: &ServiceEntryPort| u16::try_from(p.number).is_ok_and(|n| ports.contains(&n));
        wanted.meets_any(&s.hosts)
            || !s.addresses.is_empty()
            || s.ports.iter().any(|p| on_port(p) && !is_http(&p.protocol))
    };
    keep.extend(
        base.service_entries
            .iter()
            .filter(|s| of_entry(&s.spec) || ports_of_all.services.contains(&s.id))
            .map(|s| &s.id),
    );
    let mut selectors = Selectors::default();
    selectors.add(base, |id| keep.contains(id));
    brought().for_each(|version| selectors.add(version, |_| true));
    let names: FxHashSet<(&SmolStr, &SmolStr)> = base
        .services
        .iter()
        .chain(brought().flat_map(|version| &version.services))
        .filter(|s| wanted.meets(&service(&s.meta.namespace, &s.meta.name, domain)) || keep.contains(&s.id))
        .map(|s| (&s.meta.namespace, &s.meta.name))
        .collect();
    let mut further: FxHashSet<&ObjectId> = FxHashSet::default();
    let of_slice = |s: &&Object<EndpointSlice>| names.contains(&(&s.meta.namespace, &s.spec.service_name));
    let slices = || base.endpoint_slices.iter().filter(of_slice);
    further.extend(slices().map(|s| &s.id));
    let referred = Referred::by(slices().chain(brought().flat_map(|version| &version.endpoint_slices)));
    let is_endpoint =
        |p: &&Object<Pod>| selectors.select(&p.meta.namespace, &p.meta.labels) || referred.has(&p.meta, &p.spec);
    further.extend(base.pods.iter().filter(is_endpoint).map(|p| &p.id));
    let entries = base.workload_entries.iter();
    further.extend(entries.filter(|w| selectors.select(&w.meta.namespace, &w.spec.labels)).map(|w| &w.id));
    let keeps = |id: &ObjectId| match id.kind {
        Kind::Gateway | Kind::Sidecar | Kind::Namespace | Kind::Node | Kind::Other(_) => true,
        _ => keep.contains(id) || further.contains(id),
    };
    let mut out = select(base, keeps);
    out.profile = base.profile;
    out.mesh_config = base.mesh_config.clone();
    Part { items: group.clone(), base: out }
}

/// Headless, or with a port that isn't HTTP for sure: its listener is bound to an address (LI-1).
fn has_own_listener(s: &Object<Service>) -> bool {
    let headless = s.spec.cluster_ips.first().is_some_and(|ip| ip == "None");
    headless || !s.spec.ports.iter().all(|p| is_http(p.app_protocol.as_deref().unwrap_or(&p.name)))
}

/// By the name or the protocol of a port.
fn is_http(protocol: &str) -> bool {
    let protocol = protocol.to_ascii_lowercase();
    let first = protocol.split('-').next().unwrap_or_default();
    matches!(first, "http" | "http2" | "grpc")
}
