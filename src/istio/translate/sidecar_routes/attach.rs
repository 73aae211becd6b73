//! Which VirtualServices and services a table has, and who belongs to whom (VH-1 to VH-8).

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};

use super::super::Context;
use super::super::http::{self, HttpSite, MadeRoutes};
use super::egress::{EgressView, lower_case};
use super::note;
use super::service_table::ServiceTable;
use crate::envoy::table::{ClusterName, Destination, Forward, ForwardTo, Note, NoteKind, Route, RouteAction};
use crate::istio::mesh::{MESH_GATEWAY, Service, VirtualService, is_wildcard, matches};
use crate::istio::translate::host_index::HostIndex;
use crate::istio::translate::parts::{address, address_or_0};
use crate::order::Order as _;
use crate::parallel::prelude::*;

/// VirtualServices that are translated at once.
const VIRTUAL_SERVICES_AT_ONCE: usize = 32;

/// One VirtualService, or one service without any, on its way to virtual hosts.
pub(super) struct Entry {
    /// P, or for HTTP proxies one port of the attached services.
    pub(super) port: u16,
    /// Hosts that are no services here, lower-case.
    pub(super) extra_hosts: Vec<SmolStr>,
    pub(super) services: Vec<Arc<Service>>,
    pub(super) routes: Arc<[Arc<Route>]>,
    /// None: the default route.
    pub(super) virtual_service: Option<Arc<VirtualService>>,
}

impl Entry {
    /// All hosts that it has virtual hosts for: those that are no services, then those of services.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &SmolStr> {
        self.extra_hosts.iter().chain(self.services.iter().map(|service| &service.hostname))
    }
}

/// The entries of a table: VirtualServices in list order, then services without one by hostname.
pub(super) fn entries(cx: &Context<'_>, egress: &EgressView<'_>, table: &ServiceTable, table_name: &str) -> Vec<Entry> {
    let mut attachment = Attachment::new(cx, egress, table, table_name);
    let candidates = if table.port == 80 {
        (0..egress.listener.virtual_services.len()).collect() // VH-1: port 80 takes all
    } else {
        egress.matching(table.services.iter().map(|s| &s.hostname))
    };
    let virtual_services = &egress.listener.virtual_services;
    let made = |position: &usize| {
        let site = HttpSite {
            port: table.port,
            gateway: &MESH_GATEWAY,
            is_tls: false,
            lookup: table,
            route_config: table_name,
        };
        virtual_services.get(*position).map(|vs| http::made_routes(cx, vs, &site))
    };
    let routes: Vec<Option<Arc<MadeRoutes>>> =
        candidates.par_iter().with_min_len(cx.parts.at_once(VIRTUAL_SERVICES_AT_ONCE)).map(made).collect();
    let mut out = Vec::new();
    for (position, made) in candidates.into_iter().zip(routes) {
        if let Some(made) = made {
            cx.notes().extend_from_slice(&made.notes);
            attachment.add_virtual_service(position, &made.routes, &mut out);
        }
    }
    let mut taken = vec![false; table.services.len()];
    for service in out.iter().flat_map(|entry: &Entry| &entry.services) {
        if let Some(seen) = table.position(&service.hostname).and_then(|i| taken.get_mut(i)) {
            *seen = true;
        }
    }
    // VH-8
    for (service, _) in table.services.iter().zip(&taken).filter(|(s, taken)| !**taken && !s.is_alias()) {
        for port in service.ports.iter().filter(|p| p.protocol.is_http_or_sniffed()) {
            out.push(Entry {
                port: port.number,
                extra_hosts: Vec::new(),
                services: vec![service.clone()],
                routes: default_routes(cx, service, port.number),
                virtual_service: None,
            });
        }
    }
    out
}

/// What attaching needs to know of one table.
struct Attachment<'a> {
    cx: &'a Context<'a>,
    egress: &'a EgressView<'a>,
    table: &'a ServiceTable,
    table_name: &'a str,
    /// Hostnames of the table; made when the first wildcard asks.
    hostnames: Option<HostIndex>,
    /// VH-5: positions of table services by the position of the VirtualService they belong to.
    owned: FxHashMap<usize, Vec<usize>>,
}

impl<'a> Attachment<'a> {
    fn new(cx: &'a Context<'a>, egress: &'a EgressView<'a>, table: &'a ServiceTable, table_name: &'a str) -> Self {
        let mut owned: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
        for (i, service) in table.services.iter().enumerate() {
            if let Some(owner) = egress.owner(&service.hostname) {
                owned.entry(owner).or_default().push(i);
            }
        }
        Attachment { cx, egress, table, table_name, hostnames: None, owned }
    }

    /// VH-2 to VH-7.
    fn add_virtual_service(&mut self, position: usize, routes: &Arc<[Arc<Route>]>, out: &mut Vec<Entry>) {
        let Some(vs) = self.egress.virtual_service(position) else { return };
        if routes.is_empty() {
            return;
        }
        let (extra_hosts, services) = self.hosts_and_services(position, vs);
        let mut by_port: Vec<(u16, Vec<Arc<Service>>)> = Vec::new();
        for service in services.iter().filter_map(|i| self.table.services.get(*i)) {
            for port in service.ports.iter().filter(|p| p.protocol.is_http_or_sniffed()) {
                match by_port.iter_mut().find(|(number, _)| *number == port.number) {
                    Some((_, services)) => services.push(service.clone()),
                    None => by_port.push((port.number, vec![service.clone()])),
                }
            }
        }
        if by_port.is_empty() && self.table.port == 80 {
            by_port.push((80, Vec::new()));
        }
        by_port.order_by_key(|(port, _)| (*port != 80, *port)); // VH-16: the order upstream leaves open
        for (port, services) in by_port {
            out.push(Entry {
                port,
                extra_hosts: extra_hosts.clone(),
                services,
                routes: routes.clone(),
                virtual_service: Some(vs.clone()),
            });
        }
    }

    /// VH-3, VH-4: extra hosts, and positions of the table services that the VirtualService attaches to.
    fn hosts_and_services(&mut self, position: usize, vs: &VirtualService) -> (Vec<SmolStr>, Vec<usize>) {
        let (mut extra, mut services) = (Vec::new(), Vec::new());
        let hosts: Vec<SmolStr> = vs.hosts.iter().map(lower_case).collect();
        for host in hosts.iter().filter(|h| !is_wildcard(h)) {
            match self.table.position(host) {
                Some(i) => services.push(i),
                None => {
                    self.note_dotted_short_name(vs, host);
                    extra.push(host.clone());
                }
            }
        }
        for host in hosts.iter().filter(|h| is_wildcard(h)) {
            if !self.hostnames().has_match(host) {
                extra.push(host.clone());
                continue;
            }
            let owned = self.owned.get(&position).into_iter().flatten().copied();
            let mut hit = false;
            for i in owned {
                if self.table.services.get(i).is_some_and(|s| matches(&s.hostname, host)) {
                    services.push(i);
                    hit = true;
                }
            }
            if !hit {
                let message = match self.taken(host) {
                    Some((service, owner)) => {
                        format!(
                            "host `{host}` has no effect: `{service}`, which it covers, belongs to {}",
                            owner.object
                        )
                    }
                    None => {
                        format!("host `{host}` has no effect: it covers no service here, and overlaps with a wildcard")
                    }
                };
                self.note(vs, NoteKind::Dropped, "VH-6", message);
            }
        }
        let mut seen = rustc_hash::FxHashSet::default();
        services.retain(|i| seen.insert(*i));
        (extra, services)
    }

    /// The first service of the table that a wildcard covers and a VirtualService owns, and that one.
    fn taken(&mut self, wildcard: &str) -> Option<(&'a SmolStr, &'a VirtualService)> {
        let (table, egress) = (self.table, self.egress);
        let covered = |i: u32| {
            let hostname = &table.services.get(i as usize)?.hostname;
            let owner = egress.owner(hostname)?;
            matches(hostname, wildcard).then_some((hostname, owner))
        };
        let mut first = None;
        self.hostnames().each_match(wildcard, |i| {
            if first.is_none_or(|first| i < first) && covered(i).is_some() {
                first = Some(i);
            }
        });
        let (hostname, owner) = covered(first?)?;
        Some((hostname, &**egress.virtual_service(owner)?))
    }

    fn hostnames(&mut self) -> &HostIndex {
        let table = self.table;
        self.hostnames
            .get_or_insert_with(|| HostIndex::new((0..).zip(&table.services).map(|(i, s)| (s.hostname.clone(), i))))
    }

    /// FQ-2: `reviews.default` is not expanded, so it isn't the service that it looks like (WX-2).
    fn note_dotted_short_name(&self, vs: &VirtualService, host: &str) {
        let domain = &self.cx.mesh.config.cluster_domain;
        let full = [format!("{host}.svc.{domain}"), format!("{host}.{domain}")];
        if let Some(meant) = full.iter().find(|full| host.contains('.') && self.table.position(full).is_some()) {
            let message = format!("host `{host}` is taken literally; it doesn't mean the service `{meant}`");
            self.note(vs, NoteKind::Remark, "FQ-2", message);
        }
    }

    fn note(&self, vs: &VirtualService, kind: NoteKind, rule: &'static str, message: String) {
        let object = Some(vs.object.clone());
        self.cx.note(Note { object, at: vs.at, ..note(kind, rule, self.table_name, message) });
    }
}

/// The only route of a service without VirtualService, in a list that all proxies with the same DestinationRule share.
fn default_routes(cx: &Context<'_>, service: &Arc<Service>, port: u16) -> Arc<[Arc<Route>]> {
    let key = (address(&**service), port, address_or_0(cx.rule(&service.hostname)));
    let make = |_: &_| (service.clone(), Arc::from([Arc::new(default_route(cx, service, port))]));
    cx.parts.default_routes.get_or(key, make).1
}

/// VH-8, HA-3, RE-1: the route of a service without VirtualService.
fn default_route(cx: &Context<'_>, service: &Service, port: u16) -> Route {
    let cluster = ClusterName::outbound(port, "", &service.hostname);
    let hash_policies = http::default_route_policy(cx, &service.hostname, port).into_iter().collect();
    let forward = Forward {
        retry: http::mesh_retry_policy(cx, false),
        hash_policies,
        ..Forward::to(ForwardTo::Cluster(Destination { cluster, at: None }))
    };
    Route {
        name: SmolStr::new_static("default"),
        operation: format_smolstr!("{}:{port}/*", service.hostname),
        ..Route::new(http::catch_all_match(), RouteAction::Forward(Arc::new(forward)))
    }
}
