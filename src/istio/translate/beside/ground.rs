//! Where the clients of a mesh may differ.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ptr;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::{SmolStr, format_smolstr};

use super::super::sidecar_routes::lower_case;
use crate::envoy::proxy::Proxy;
use crate::envoy::table::RouteTable;
use crate::istio::mesh::{
    MESH_GATEWAY, Mesh, Protocol, Resolution, Service, VirtualService, Visibility, is_wildcard, matches,
};
use crate::order::Order as _;
use crate::order::Ordered as _;

/// More wildcards than this are not compared one by one.
const WILDCARDS_MAX: usize = 64;

/// Part of a large mesh that may be near to a client: one in so many. Beyond that a whole table costs no more.
const NEAR_MAX: usize = 3;

/// Below that many services a mesh isn't large.
const LARGE: usize = 100;

/// Services and VirtualServices of sidecars by what brings them together. Numbers are positions in the mesh's lists.
pub(super) struct Ground {
    /// By hostname.
    services: FxHashMap<SmolStr, u32>,
    /// By the namespace in their hostnames.
    by_namespace: FxHashMap<SmolStr, Vec<u32>>,
    /// VirtualServices by host, in lower case.
    by_host: FxHashMap<SmolStr, Vec<u32>>,
    /// VirtualServices by the host of a destination.
    by_destination: FxHashMap<SmolStr, Vec<u32>>,
    /// VirtualServices with matches that ask who the client is.
    asking: Vec<u32>,
    /// VirtualServices that not everybody sees, by who does.
    shown_to: FxHashMap<SmolStr, Vec<u32>>,
    /// Wildcard hosts of services and VirtualServices, in lower case.
    wildcards: Vec<SmolStr>,
    /// Services whose DestinationRules some see and others don't.
    shy: Vec<u32>,
}

/// What is near to a client, in the order of the mesh.
pub(super) struct Near {
    pub(super) services: BTreeSet<u32>,
    pub(super) virtual_services: BTreeSet<u32>,
}

/// Addresses of endpoints that sidecars may have listeners for (LI-1).
pub(super) fn dialled(mesh: &Mesh) -> FxHashSet<IpAddr> {
    let services = mesh.services.iter().filter(|s| s.resolution == Resolution::Passthrough);
    services.flat_map(|s| mesh.endpoint_addresses(s)).collect()
}

impl Ground {
    /// None where clients of the mesh may differ anywhere.
    pub(super) fn of(mesh: &Mesh) -> Option<Ground> {
        if mesh.config.proxy_http_port != 0 {
            return None;
        }
        let mut ground = Ground {
            services: FxHashMap::default(),
            by_namespace: FxHashMap::default(),
            by_host: FxHashMap::default(),
            by_destination: FxHashMap::default(),
            asking: Vec::new(),
            shown_to: FxHashMap::default(),
            wildcards: Vec::new(),
            shy: Vec::new(),
        };
        for (i, service) in (0u32..).zip(&mesh.services) {
            ground.add_service(mesh, i, service)?;
        }
        let of_sidecars = |vs: &VirtualService| vs.gateways.contains(&MESH_GATEWAY);
        for (i, vs) in (0u32..).zip(&mesh.virtual_services.all).filter(|(_, vs)| of_sidecars(vs)) {
            ground.add_virtual_service(i, vs)?;
        }
        let shy: FxHashSet<&SmolStr> = mesh.destination_rules.hosts_shown_to_some().collect();
        if shy.iter().any(|host| is_wildcard(host)) || ground.wildcards.len() > WILDCARDS_MAX {
            return None;
        }
        ground.shy = shy.into_iter().filter_map(|host| ground.services.get(host).copied()).collect();
        ground.shy.order_alike();
        Some(ground)
    }

    /// None where it isn't seen by all in the same way.
    fn add_service(&mut self, mesh: &Mesh, i: u32, service: &Service) -> Option<()> {
        let hostname = &service.hostname;
        let is_plain = service.visibility == Visibility::Public
            && !service.is_alias()
            && service.aliases.is_empty()
            && lower_case(hostname) == *hostname;
        if !is_plain || self.services.insert(hostname.clone(), i).is_some() {
            return None;
        }
        if is_wildcard(hostname) {
            self.wildcards.push(hostname.clone());
        }
        let before = hostname.strip_suffix(mesh.config.cluster_domain.as_str()).and_then(|h| h.strip_suffix(".svc."));
        if let Some((_, namespace)) = before.and_then(|name| name.split_once('.')) {
            self.by_namespace.entry(namespace.into()).or_default().push(i);
        }
        Some(())
    }

    /// None where it asks TCP clients who they are.
    fn add_virtual_service(&mut self, i: u32, vs: &VirtualService) -> Option<()> {
        let tls = vs.tls.iter().flat_map(|r| &r.matches).map(|m| (&m.source_labels, &m.source_namespace));
        let tcp = vs.tcp.iter().flat_map(|r| &r.matches).map(|m| (&m.source_labels, &m.source_namespace));
        if tls.chain(tcp).any(|(labels, namespace)| !labels.is_empty() || !namespace.is_empty()) {
            return None;
        }
        for host in vs.hosts.iter().map(lower_case) {
            if is_wildcard(&host) {
                self.wildcards.push(host.clone());
            }
            self.by_host.entry(host).or_default().push(i);
        }
        let depends = vs.depends();
        for host in &depends.hosts {
            self.by_destination.entry(host.clone()).or_default().push(i);
        }
        if !depends.sources.is_empty() {
            self.asking.push(i);
        }
        if let Visibility::Namespaces(all) = &vs.visibility {
            for namespace in all {
                self.shown_to.entry(namespace.clone()).or_default().push(i);
            }
        }
        Some(())
    }

    /// What a proxy may have otherwise than a stranger, with all that this may meet. None where that can't be told, or is much.
    pub(super) fn near(&self, mesh: &Mesh, proxy: &Proxy, stranger: &Proxy) -> Option<Near> {
        let namespace = &proxy.namespace;
        let mut search = Search {
            ground: self,
            mesh,
            namespaces: [namespace, &stranger.namespace],
            near: Near { services: BTreeSet::new(), virtual_services: BTreeSet::new() },
            open: Vec::new(),
        };
        self.by_namespace.get(namespace).into_iter().flatten().for_each(|i| search.service(*i));
        let mut own = Vec::new();
        for host in mesh.destination_rules.hosts_at_home(namespace) {
            if is_wildcard(host) {
                return None;
            }
            own.extend(self.services.get(host).copied());
        }
        for i in own.iter().chain(&self.shy) {
            let Some(service) = mesh.services.get(*i as usize) else { continue };
            let [a, b] = [proxy, stranger]
                .map(|p| mesh.destination_rules.select(p, &service.hostname, &service.namespace).map(ptr::from_ref));
            if a != b {
                search.service(*i);
                let senders = self.by_destination.get(&service.hostname);
                senders.into_iter().flatten().for_each(|vs| search.virtual_service(*vs));
            }
        }
        self.shown_to.get(namespace).into_iter().flatten().for_each(|i| search.virtual_service(*i));
        for i in &self.asking {
            let Some(vs) = mesh.virtual_services.all.get(*i as usize) else { continue };
            let answers = |proxy: &Proxy, rule: usize, entry: usize| {
                let m = vs.http.get(rule).and_then(|r| r.route.matches.get(entry));
                m.is_some_and(|m| m.is_for(&proxy.labels, &proxy.namespace))
            };
            let mut sources = vs.depends().sources.iter();
            if sources.any(|(rule, entry)| answers(proxy, *rule, *entry) != answers(stranger, *rule, *entry)) {
                search.virtual_service(*i);
            }
        }
        search.finish()
    }
}

/// Looks for all that is near.
struct Search<'g> {
    ground: &'g Ground,
    mesh: &'g Mesh,
    namespaces: [&'g SmolStr; 2],
    near: Near,
    /// What was found and not looked at yet.
    open: Vec<Found>,
}

enum Found {
    Service(u32),
    VirtualService(u32),
}

impl Search<'_> {
    fn service(&mut self, i: u32) {
        if self.near.services.insert(i) {
            self.open.push(Found::Service(i));
        }
    }

    /// Those that neither sees are no one's.
    fn virtual_service(&mut self, i: u32) {
        let vs = self.mesh.virtual_services.all.get(i as usize);
        let is_seen = vs.is_some_and(|vs| self.namespaces.iter().any(|n| vs.rank(n).is_some()));
        if is_seen && self.near.virtual_services.insert(i) {
            self.open.push(Found::VirtualService(i));
        }
    }

    fn finish(mut self) -> Option<Near> {
        let services = &self.mesh.services;
        let most = if services.len() < LARGE { services.len() } else { services.len() / NEAR_MAX };
        while let Some(found) = self.open.pop() {
            match found {
                Found::Service(i) => {
                    let service = services.get(i as usize)?;
                    let is_plain =
                        service.ports.iter().all(|p| p.protocol.is_http() && p.protocol != Protocol::HttpProxy)
                            && service.resolution != Resolution::Passthrough;
                    if !is_plain || self.near.services.len() > most {
                        return None;
                    }
                    self.host(&service.hostname)?;
                }
                Found::VirtualService(i) => {
                    let vs = self.mesh.virtual_services.all.get(i as usize)?;
                    if !vs.tls.is_empty() || !vs.tcp.is_empty() {
                        return None;
                    }
                    for host in vs.hosts.iter().map(lower_case) {
                        self.host(&host)?;
                        self.is_told(vs, &host)?;
                    }
                    let destinations = vs.depends().hosts.iter().filter_map(|host| self.ground.services.get(host));
                    for service in destinations.copied().collect::<Vec<_>>() {
                        self.service(service);
                    }
                }
            }
        }
        Some(self.near)
    }

    /// All that has a host. None where a wildcard may have it too.
    fn host(&mut self, host: &SmolStr) -> Option<()> {
        let ground = self.ground;
        if is_wildcard(host) || ground.wildcards.iter().any(|w| matches(w, host)) {
            return None;
        }
        ground.services.get(host).copied().into_iter().for_each(|i| self.service(i));
        ground.by_host.get(host).into_iter().flatten().for_each(|i| self.virtual_service(*i));
        Some(())
    }

    /// None where something would be said about a service that isn't near: the one that a host looks like and isn't (FQ-2).
    fn is_told(&self, vs: &VirtualService, host: &str) -> Option<()> {
        let seen = self.namespaces.map(|n| vs.rank(n).is_some());
        let domain = &self.mesh.config.cluster_domain;
        let full = [format_smolstr!("{host}.svc.{domain}"), format_smolstr!("{host}.{domain}")];
        let is_alike = seen != [true; 2] && full.iter().any(|name| self.ground.services.contains_key(name));
        (!is_alike).then_some(())
    }
}

impl Near {
    /// The ports whose tables hold something of it: those of its services, and 80, where all VirtualServices are (VH-1).
    pub(super) fn ports(&self, mesh: &Mesh, table: &RouteTable) -> BTreeSet<u16> {
        let services = self.services.iter().filter_map(|i| mesh.services.get(*i as usize));
        let ports = services.flat_map(|s| &s.ports).map(|p| p.number).chain([80]);
        ports.filter(|port| table.route_config(&port.to_string()).is_some()).into_set()
    }
}
