//! From entries to virtual hosts: names, domains, who wins a contested one, final order (VH-9, VH-12, VH-13, VH-16).

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::{SmolStr, format_smolstr};

use super::super::Context;
use super::attach::Entry;
use super::domains::{Domains, Viewer, bracketed};
use super::egress::lower_case;
use super::note;
use crate::envoy::table::{Note, NoteKind, VirtualHost};
use crate::istio::translate::parts::address;
use crate::manifest::release::Difference;
use crate::order::Order as _;
use crate::parallel::prelude::*;

/// Entries that get their names at once.
const ENTRIES_AT_ONCE: usize = 64;

/// The virtual hosts of a table, sorted by name, without the catch-all. `port` is P: 0 for HTTP proxies.
pub(super) fn build(cx: &Context<'_>, entries: Vec<Entry>, port: u16, table_name: &str) -> Vec<Arc<VirtualHost>> {
    let each = entries.par_iter().with_min_len(cx.parts.at_once(ENTRIES_AT_ONCE));
    let host_names: Vec<Vec<Arc<HostName>>> = each.map(|entry| host_names(cx, port, entry)).collect();
    let all = || host_names.iter().flatten();
    let mut builder = Builder {
        cx,
        table_name,
        port,
        known_hosts: entries.iter().flat_map(|e| e.services.iter().map(|s| s.hostname.clone())).collect(),
        known_names: FxHashSet::default(),
        names: with_room(all().count()),
        domains: with_room(all().map(|name| name.domains.len()).sum()),
        out: Vec::with_capacity(all().count()),
    };
    if port == 0 {
        let of_entry = |e: &Entry| {
            let port = e.port;
            e.services.iter().map(move |s| virtual_host_name(&s.hostname, port)).collect::<Vec<_>>()
        };
        builder.known_names = entries.iter().flat_map(of_entry).collect();
    }
    for (position, (entry, names)) in entries.iter().zip(&host_names).enumerate() {
        for (host, name) in entry.hosts().zip(names) {
            builder.add(&entries, position, host, name);
        }
    }
    let mut out = builder.out;
    out.order_by(|a, b| a.name.cmp(&b.name));
    out
}

/// VH-14's catch-all has the domain `*`. A second one makes Envoy refuse the table (EV-1).
pub(super) fn note_second_star(cx: &Context<'_>, table_name: &str, virtual_hosts: &[Arc<VirtualHost>]) {
    let Some((_, others)) = virtual_hosts.split_last() else { return };
    for other in others.iter().filter(|v| v.domains.iter().any(|d| d == "*")) {
        let message = format!(
            "the domain `*` of virtual host `{}` is also that of the catch-all, so Envoy refuses the table",
            other.name
        );
        let source = other.routes.iter().find_map(|r| r.source.as_ref());
        cx.note(Note {
            object: source.map(|s| s.object.clone()),
            at: source.map(|s| s.at).unwrap_or_default(),
            virtual_host: other.name.clone(),
            ..note(NoteKind::Refused, "VH-11", table_name, message)
        });
    }
}

/// Names and domains of the virtual hosts of an entry, in the order of [`Entry::hosts`]. Those of services may depend on the proxy's
/// namespace. `table_port` is P.
fn host_names(cx: &Context<'_>, table_port: u16, entry: &Entry) -> Vec<Arc<HostName>> {
    let (parts, port) = (cx.parts, entry.port);
    let viewer = Viewer {
        proxy: cx.proxy,
        cluster_domain: &cx.mesh.config.cluster_domain,
        with_port: (table_port == 0).then_some(port),
        any_family: !cx.mesh.profile.has(Difference::AddressFamilies),
    };
    let extra = entry.extra_hosts.iter().map(|host| {
        let domains = || Domains { all: vec![bracketed(host)], alternates: Vec::new() };
        let make = |_: &_| Arc::new(HostName::new(virtual_host_name(host, port), domains()));
        parts.extra_host_names.get_or((host.clone(), port), make)
    });
    let of_services = entry.services.iter().map(|service| {
        let key =
            (address(&**service), port, viewer.with_port.is_some(), viewer.families(), viewer.own_namespace(service));
        let make = |_: &_| {
            let name = virtual_host_name(&service.hostname, port);
            (service.clone(), Arc::new(HostName::new(name, viewer.domains(service))))
        };
        parts.host_names.get_or(key, make).1
    });
    extra.chain(of_services).collect()
}

fn with_room<V>(entries: usize) -> FxHashMap<SmolStr, V> {
    let mut map = FxHashMap::default();
    map.reserve(entries);
    map
}

fn virtual_host_name(host: &SmolStr, port: u16) -> SmolStr {
    format_smolstr!("{}:{port}", bracketed(host))
}

/// Name and domains of a virtual host before it is known what others take from it.
pub(in crate::istio::translate) struct HostName {
    name: SmolStr,
    domains: Vec<Domain>,
}

struct Domain {
    written: SmolStr,
    lower: SmolStr,
    /// A short or dotted form of a name (VH-12).
    is_alternate: bool,
}

impl HostName {
    fn new(name: SmolStr, Domains { all, alternates }: Domains) -> HostName {
        let domain = |written: SmolStr| {
            let is_alternate = alternates.contains(&written);
            Domain { lower: lower_case(&written), written, is_alternate }
        };
        HostName { name, domains: all.into_iter().map(domain).collect() }
    }
}

/// All that a virtual host is made of.
#[derive(PartialEq, Eq, Hash)]
pub(in crate::istio::translate) struct VirtualHostKey {
    name: usize,
    routes: usize,
    /// Positions of the domains that others have.
    lost: Vec<usize>,
    /// Only domains with a port are left.
    with_port_only: bool,
}

struct Builder<'a> {
    cx: &'a Context<'a>,
    table_name: &'a str,
    port: u16,
    /// Hostnames of the services in the table, which no short form may shadow (VH-12), and for P = 0 the same with ports.
    known_hosts: FxHashSet<SmolStr>,
    known_names: FxHashSet<SmolStr>,
    /// Position of the entry that built a virtual host, by its name.
    names: FxHashMap<SmolStr, usize>,
    /// The name whose virtual host got a domain, by the domain in lower case.
    domains: FxHashMap<SmolStr, SmolStr>,
    out: Vec<Arc<VirtualHost>>,
}

impl Builder<'_> {
    /// VH-9: the virtual host of one host of an entry, unless its name or all of its domains are taken.
    fn add(&mut self, entries: &[Entry], position: usize, host: &SmolStr, host_name: &Arc<HostName>) {
        let Some(entry) = entries.get(position) else { return };
        let name = &host_name.name;
        if let Some(winner) = self.names.get(name) {
            if let Some(winner) = entries.get(*winner) {
                self.note_name_taken(winner, entry, host, name);
            }
            return;
        }
        self.names.insert(name.clone(), position);
        let lost = self.lost(entry, host_name);
        let parts = self.cx.parts;
        let key = VirtualHostKey {
            name: address(&**host_name),
            routes: address(&*entry.routes),
            lost,
            with_port_only: self.port == 0 && entry.port != 80, // VH-16
        };
        let make = |key: &VirtualHostKey| {
            let kept = host_name.domains.iter().zip(0usize..).filter(|(_, i)| !key.lost.contains(i));
            let mut domains: Vec<SmolStr> = kept.map(|(d, _)| d.written.clone()).collect();
            if key.with_port_only {
                domains.retain(|domain| domain.contains(':'));
            }
            let (name, routes) = (name.clone(), entry.routes.clone());
            (host_name.clone(), Arc::new(VirtualHost { name, domains, require_tls: false, routes, further: None }))
        };
        let (_, made) = parts.virtual_hosts.get_or(key, make);
        if !made.domains.is_empty() {
            self.out.push(made);
        }
    }

    /// VH-12: positions of the domains that the host doesn't get.
    fn lost(&mut self, entry: &Entry, host: &HostName) -> Vec<usize> {
        let name = &host.name;
        let mut lost = Vec::new();
        for (i, Domain { written, lower, is_alternate }) in host.domains.iter().enumerate() {
            if let Some(owner) = self.domains.get(lower) {
                let owner = owner.clone();
                self.note_domain_lost(entry, name, written, &owner);
                lost.push(i);
            } else if *is_alternate && (self.known_hosts.contains(written) || self.known_names.contains(written)) {
                let message = format!("`{written}` is left to the service of that name");
                self.note(entry, NoteKind::Dropped, "VH-12", name, message);
                lost.push(i);
            } else {
                self.domains.insert(lower.clone(), name.clone());
            }
        }
        lost
    }

    /// The first VirtualService of a host wins; there is no merging on sidecars.
    fn note_name_taken(&self, winner: &Entry, loser: &Entry, host: &str, name: &SmolStr) {
        let (Some(first), Some(second)) = (&winner.virtual_service, &loser.virtual_service) else { return };
        if first.object != second.object {
            let message = format!("{} has no effect for `{host}`: {} comes first", second.object, first.object);
            self.note(loser, NoteKind::Dropped, "VH-9", name, message);
        }
    }

    fn note_domain_lost(&self, entry: &Entry, name: &SmolStr, domain: &str, owner: &SmolStr) {
        // Ports of one service contend for its bare names in HTTP proxy tables; that is no news.
        let host = |name: &SmolStr| name.rsplit_once(':').map(|(host, _)| SmolStr::new(host));
        if self.port != 0 || host(name) != host(owner) {
            let message = format!("the domain `{domain}` already belongs to the virtual host `{owner}`");
            self.note(entry, NoteKind::Dropped, "VH-12", name, message);
        }
    }

    fn note(&self, entry: &Entry, kind: NoteKind, rule: &'static str, name: &SmolStr, message: String) {
        let of_service = || entry.services.first().map(|s| (s.object.clone(), s.at));
        let subject = entry.virtual_service.as_ref().map(|vs| (vs.object.clone(), vs.at)).or_else(of_service);
        let (object, at) = subject.map_or((None, Default::default()), |(object, at)| (Some(object), at));
        self.cx.note(Note { object, at, virtual_host: name.clone(), ..note(kind, rule, self.table_name, message) });
    }
}
