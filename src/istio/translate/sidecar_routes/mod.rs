//! Route configurations of sidecars (section 8 of the translation rules).
//!
//! A table is made in steps, each in a file of its own: the services of the port ([`service_table`]), the VirtualServices that
//! attach to them ([`attach`]), their domains ([`domains`]) and virtual hosts ([`virtual_hosts`]), and the virtual host for
//! everything else ([`catch_all`]). [`egress`] and [`host_index`](super::host_index) hold the lookups that keep all this linear.

mod attach;
mod catch_all;
mod domains;
mod egress;
mod service_table;
mod virtual_hosts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};

use super::Context;
use super::parts::address;
use crate::envoy::table::{Note, NoteKind, RouteConfiguration, VirtualHost};
use crate::istio::mesh::{EgressScope, Protocol};
use crate::manifest::kinds::{ObjectId, ServerPort};
use crate::order::Order as _;
pub(super) use domains::alternate_names;
use egress::EgressView;
pub(super) use egress::lower_case;
use service_table::ServiceTable;
pub(super) use virtual_hosts::{HostName, VirtualHostKey};

/// The tables of the given names: `"<port>"`, `"<host>:<port>"` of sniffed services, the port of HTTP proxy listeners, `"http_proxy"` (RC-1).
pub(crate) fn route_configs(cx: &Context<'_>, names: &BTreeSet<SmolStr>) -> Vec<RouteConfiguration> {
    let mut out = Vec::with_capacity(names.len());
    // Sniffed tables are parts of the table of their port, so all tables of one port are made together.
    let mut by_port: BTreeMap<u16, Wanted<'_>> = BTreeMap::new();
    for name in names {
        match TableName::parse(name) {
            TableName::Port(port) => by_port.entry(port).or_default().shared = Some(name),
            TableName::Sniffed { host, port } => by_port.entry(port).or_default().sniffed.push((name, host)),
            TableName::Unknown => {
                out.push(RouteConfiguration { name: name.clone(), ignore_port: true, virtual_hosts: Vec::new() })
            }
        }
    }
    let mut views: FxHashMap<usize, EgressView<'_>> = FxHashMap::default();
    for (port, wanted) in by_port {
        let egress =
            serving(cx, port).map(|(i, listener)| &*views.entry(i).or_insert_with(|| EgressView::new(listener)));
        out.extend(tables_of_port(cx, egress, port, &wanted));
    }
    out
}

/// Tables that are wanted of one port.
#[derive(Default)]
struct Wanted<'a> {
    /// Name of the table that all services of the port share.
    shared: Option<&'a SmolStr>,
    /// Name and host of each table of a sniffed service.
    sniffed: Vec<(&'a SmolStr, &'a str)>,
}

/// RC-1.
enum TableName<'a> {
    /// `http_proxy` counts as port 0.
    Port(u16),
    Sniffed {
        host: &'a str,
        port: u16,
    },
    Unknown,
}

impl TableName<'_> {
    fn parse(name: &str) -> TableName<'_> {
        if name == "http_proxy" {
            return TableName::Port(0);
        }
        let (host, port) = name.split_once(':').map_or((None, name), |(host, port)| (Some(host), port));
        match (host, port.parse()) {
            (_, Err(_)) => TableName::Unknown,
            (None, Ok(port)) => TableName::Port(port),
            (Some(host), Ok(port)) => TableName::Sniffed { host, port },
        }
    }
}

/// SC-4: the egress listener that serves a port, with its position.
fn serving<'a>(cx: &'a Context<'_>, port: u16) -> Option<(usize, &'a EgressScope)> {
    let serves = |listener: &ServerPort| port != 0 && listener.number == i64::from(port);
    cx.scope.egress.iter().enumerate().find(|(_, e)| e.port.as_ref().is_none_or(serves))
}

/// All wanted tables of one port. Without an egress listener for it they hold nothing but the catch-all.
fn tables_of_port(
    cx: &Context<'_>,
    egress: Option<&EgressView<'_>>,
    port: u16,
    wanted: &Wanted<'_>,
) -> Vec<RouteConfiguration> {
    let mut out = Vec::new();
    let first_note = cx.notes().len();
    let virtual_hosts = egress.map_or_else(Vec::new, |egress| {
        let table_name = wanted.shared.cloned().unwrap_or_else(|| format_smolstr!("{port}"));
        let is_proxy = |p: &ServerPort| Protocol::parse(&p.protocol) == Protocol::HttpProxy;
        let port = if egress.listener.port.as_ref().is_some_and(is_proxy) { 0 } else { port };
        port_table(cx, egress, port, &table_name)
    });
    // Notes of the whole port belong to the shared table; a sniffed one gets those that concern its virtual hosts.
    let notes = cx.notes().split_off(first_note);
    if !wanted.sniffed.is_empty() {
        let parts = SniffedParts::new(&virtual_hosts, if wanted.shared.is_none() { &notes } else { &[] });
        for &(name, host) in &wanted.sniffed {
            out.push(parts.table(cx, name, host));
        }
    }
    if let Some(name) = wanted.shared {
        cx.notes().extend(notes);
        let mut virtual_hosts = virtual_hosts;
        let catch_all = catch_all::virtual_host(&cx.scope);
        virtual_hosts.push(cx.parts.catch_alls.of(&catch_all.name.clone(), catch_all));
        virtual_hosts::note_second_star(cx, name, &virtual_hosts);
        out.push(RouteConfiguration { name: name.clone(), ignore_port: true, virtual_hosts });
    }
    out
}

/// The virtual hosts for port P, sorted by name (VH-13), without the catch-all. `port` is 0 for HTTP proxies (VH-16).
fn port_table(cx: &Context<'_>, egress: &EgressView<'_>, port: u16, table_name: &str) -> Vec<Arc<VirtualHost>> {
    let services = ServiceTable::new(cx, egress, port, table_name);
    let entries = attach::entries(cx, egress, &services, table_name);
    virtual_hosts::build(cx, entries, port, table_name)
}

/// VH-15: takes the tables of sniffed services out of the table of their port.
struct SniffedParts<'a> {
    virtual_hosts: &'a [Arc<VirtualHost>],
    by_domain: FxHashMap<&'a str, usize>,
    notes: &'a [Note],
    notes_by_virtual_host: FxHashMap<&'a str, Vec<usize>>,
    notes_by_object: FxHashMap<&'a ObjectId, Vec<usize>>,
}

impl<'a> SniffedParts<'a> {
    fn new(virtual_hosts: &'a [Arc<VirtualHost>], notes: &'a [Note]) -> Self {
        let mut by_domain = FxHashMap::default();
        for (i, v) in virtual_hosts.iter().enumerate() {
            by_domain.extend(v.domains.iter().map(|d| (d.as_str(), i)));
        }
        let mut notes_by_virtual_host: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
        let mut notes_by_object: FxHashMap<&ObjectId, Vec<usize>> = FxHashMap::default();
        for (i, note) in notes.iter().enumerate() {
            if !note.virtual_host.is_empty() {
                notes_by_virtual_host.entry(&note.virtual_host).or_default().push(i);
            } else if let Some(object) = &note.object {
                notes_by_object.entry(object).or_default().push(i);
            }
        }
        SniffedParts { virtual_hosts, by_domain, notes, notes_by_virtual_host, notes_by_object }
    }

    fn table(&self, cx: &Context<'_>, name: &SmolStr, host: &str) -> RouteConfiguration {
        let mut picked: Vec<usize> =
            [name.as_str(), host].iter().filter_map(|domain| self.by_domain.get(domain).copied()).collect();
        picked.order_alike();
        picked.dedup();
        let mut virtual_hosts: Vec<Arc<VirtualHost>> =
            picked.iter().filter_map(|i| self.virtual_hosts.get(*i)).cloned().collect();
        self.pass_on_notes(cx, name, &virtual_hosts);
        if let [single] = virtual_hosts.as_mut_slice() {
            let only = |_: &_| {
                let only = VirtualHost { domains: vec![SmolStr::new_static("*")], ..VirtualHost::clone(single) };
                (single.clone(), Arc::new(only))
            };
            let (_, only) = cx.parts.only_hosts.get_or(address(&**single), only);
            *single = only;
        }
        RouteConfiguration { name: name.clone(), ignore_port: true, virtual_hosts }
    }

    /// Repeats the notes about the objects and names of some virtual hosts for the table `name`.
    fn pass_on_notes(&self, cx: &Context<'_>, name: &SmolStr, virtual_hosts: &[Arc<VirtualHost>]) {
        if self.notes.is_empty() {
            return;
        }
        let mut concerned: BTreeSet<usize> = BTreeSet::new();
        for v in virtual_hosts {
            concerned.extend(self.notes_by_virtual_host.get(v.name.as_str()).into_iter().flatten());
            let sources = v.routes.iter().filter_map(|r| r.source.as_ref());
            let mut objects: Vec<&ObjectId> =
                sources.flat_map(|s| [Some(&s.object), s.root.as_ref().map(|r| &r.object)]).flatten().collect();
            objects.order();
            objects.dedup();
            concerned.extend(objects.iter().filter_map(|o| self.notes_by_object.get(*o)).flatten());
        }
        for note in concerned.into_iter().filter_map(|i| self.notes.get(i)) {
            cx.note(Note { route_config: name.clone(), ..note.clone() });
        }
    }
}

/// A note about one table of a sidecar.
fn note(kind: NoteKind, rule: &'static str, table_name: &str, message: String) -> Note {
    Note {
        kind,
        rule,
        message,
        object: None,
        at: crate::manifest::source::Position::default(),
        route_config: table_name.into(),
        virtual_host: SmolStr::default(),
    }
}

#[cfg(test)]
mod tests;
