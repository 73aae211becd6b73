//! From entries to virtual hosts: names, domains, who wins a contested one, final order (VH-9, VH-12, VH-13, VH-16).

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::{SmolStr, format_smolstr};

use super::super::Context;
use super::attach::Entry;
use super::domains::{Domains, Viewer, bracketed};
use super::egress::lower_case;
use super::note;
use crate::envoy::table::{Note, NoteKind, VirtualHost};
use crate::istio::mesh::Service;

/// The virtual hosts of a table, sorted by name, without the catch-all. `port` is P: 0 for HTTP proxies.
pub(super) fn build(cx: &Context<'_>, entries: Vec<Entry>, port: u16, table_name: &str) -> Vec<VirtualHost> {
    let mut builder = Builder {
        cx,
        table_name,
        port,
        known_hosts: entries.iter().flat_map(|e| e.services.iter().map(|s| s.hostname.clone())).collect(),
        known_names: FxHashSet::default(),
        names: FxHashMap::default(),
        domains: FxHashMap::default(),
        out: Vec::with_capacity(entries.len()),
    };
    if port == 0 {
        let of_entry = |e: &Entry| {
            let port = e.port;
            e.services.iter().map(move |s| virtual_host_name(&s.hostname, port)).collect::<Vec<_>>()
        };
        builder.known_names = entries.iter().flat_map(of_entry).collect();
    }
    for (position, entry) in entries.iter().enumerate() {
        for host in &entry.extra_hosts {
            builder.add(&entries, position, entry, host, None);
        }
        for service in &entry.services {
            builder.add(&entries, position, entry, &service.hostname, Some(service));
        }
    }
    let mut out = builder.out;
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

/// VH-14's catch-all has the domain `*`. A second one makes Envoy refuse the table (EV-1).
pub(super) fn note_second_star(cx: &Context<'_>, table_name: &str, virtual_hosts: &[VirtualHost]) {
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

fn virtual_host_name(host: &SmolStr, port: u16) -> SmolStr {
    format_smolstr!("{}:{port}", bracketed(host))
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
    out: Vec<VirtualHost>,
}

impl Builder<'_> {
    /// VH-9: the virtual host of one host of an entry, unless its name or all of its domains are taken.
    fn add(&mut self, entries: &[Entry], position: usize, entry: &Entry, host: &SmolStr, service: Option<&Service>) {
        let name = virtual_host_name(host, entry.port);
        if let Some(winner) = self.names.get(&name) {
            if let Some(winner) = entries.get(*winner) {
                self.note_name_taken(winner, entry, host, &name);
            }
            return;
        }
        self.names.insert(name.clone(), position);
        let domains = match service {
            None => Domains { all: vec![bracketed(host)], alternates: Vec::new() },
            Some(service) => self.viewer(entry.port).domains(service),
        };
        let mut domains = self.deduplicated(entry, &name, domains);
        if self.port == 0 && entry.port != 80 {
            domains.retain(|domain| domain.contains(':')); // VH-16
        }
        if !domains.is_empty() {
            let routes = entry.routes.clone();
            self.out.push(VirtualHost { name, domains, require_tls: false, routes });
        }
    }

    fn viewer(&self, port: u16) -> Viewer<'_> {
        Viewer {
            proxy: self.cx.proxy,
            cluster_domain: &self.cx.mesh.config.cluster_domain,
            with_port: (self.port == 0).then_some(port),
        }
    }

    /// VH-12.
    fn deduplicated(&mut self, entry: &Entry, name: &SmolStr, domains: Domains) -> Vec<SmolStr> {
        let Domains { all, alternates } = domains;
        let mut kept = Vec::with_capacity(all.len());
        for domain in all {
            let key = lower_case(&domain);
            if let Some(owner) = self.domains.get(&key) {
                let owner = owner.clone();
                self.note_domain_lost(entry, name, &domain, &owner);
            } else if (self.known_hosts.contains(&domain) || self.known_names.contains(&domain))
                && alternates.contains(&domain)
            {
                let message = format!("`{domain}` is left to the service of that name");
                self.note(entry, NoteKind::Dropped, "VH-12", name, message);
            } else {
                self.domains.insert(key, name.clone());
                kept.push(domain);
            }
        }
        kept
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
