//! Rules for connections, where one before takes all that another is for: P221.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use crate::analysis::checks::references::gateways::{admits, is_passthrough, speaks_http};
use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::istio::mesh::{MESH_GATEWAY, VirtualService};
use crate::istio::translate::{gateway_rules, is_gateway_match};
use crate::manifest::kinds::{Gateway, Labels, Object, Server, TcpMatch, TcpRoute, TlsMatch};
use crate::manifest::source::Position;

checks! {
    /// A connection of TCP names no host. So a TCP server of a gateway hands every connection to one rule: the first `tcp`
    /// rule for its port, of the first VirtualService that is bound to the Gateway and has one; older objects come first,
    /// equally old ones by name and then namespace. Which hosts they have doesn't matter. All other rules for that port get
    /// nothing. Give each a port of its own, or have clients speak TLS: a server that passes it through tells hosts apart
    /// by the name that is asked for.
    ///
    /// There a name belongs to the first `tls` match that has it, and a later match with that name is left out whole. Within
    /// one VirtualService a `tcp` rule also hides those behind it that take no connection which it doesn't take, and a `tls`
    /// match those with the same names and subnets.
    P221 "Rule for connections that gets none" Warning needs[VirtualServices] peers[];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    for vs in subject.mesh.virtual_services.all.iter().filter(|vs| Subject::is_mesh(vs)) {
        tcp_in_mesh(vs, report);
        tls_in_mesh(vs, report);
    }
    for gateway in &subject.mesh.gateways {
        on_gateway(subject, gateway, report);
    }
}

/// A `tcp` rule, or a match of a `tls` rule.
#[derive(Clone, Copy)]
struct Place<'a> {
    vs: &'a Arc<VirtualService>,
    kind: &'static str,
    rule: usize,
    index: Option<usize>,
    at: Position,
}

impl<'a> Place<'a> {
    /// Where it stands in its object.
    fn path(&self) -> String {
        let matched = self.index.map(|i| format!(".match[{i}]")).unwrap_or_default();
        format!("{}[{}]{matched}", self.kind, self.rule)
    }

    /// What tells it apart from all others.
    fn key(&self) -> (*const VirtualService, &'static str, usize, Option<usize>) {
        (Arc::as_ptr(self.vs), self.kind, self.rule, self.index)
    }

    /// Tells that `first` has what this one is for.
    fn tell(&self, first: &Place<'a>, whole: &str, hint: &str, report: &mut Report) {
        let owner = if first.vs.object == self.vs.object { String::new() } else { format!(" of {}", first.vs.object) };
        let message =
            format!("rule gets no connection: {}", whole.replace("{}", &format!("`{}`{owner}", first.path())));
        report.add("P221", (&self.vs.object, self.at), format!("spec.{}", self.path()), message, hint).related(
            "the one that gets them",
            first.at,
            Some(&first.vs.object),
        );
    }
}

/// What a match for connections asks of the client and the port, in the mesh (TL-1, TC-1).
struct Asks<'a> {
    port: u32,
    source_labels: &'a Labels,
    source_namespace: &'a str,
    gateways: &'a [SmolStr],
}

impl<'a> Asks<'a> {
    fn of_tcp(m: &'a TcpMatch) -> Asks<'a> {
        let (source_labels, source_namespace) = (&m.source_labels, m.source_namespace.as_str());
        Asks { port: m.port, source_labels, source_namespace, gateways: &m.gateways }
    }

    fn of_tls(m: &'a TlsMatch) -> Asks<'a> {
        let (source_labels, source_namespace) = (&m.source_labels, m.source_namespace.as_str());
        Asks { port: m.port, source_labels, source_namespace, gateways: &m.gateways }
    }

    fn is_for_mesh(&self) -> bool {
        self.gateways.is_empty() || self.gateways.contains(&MESH_GATEWAY)
    }

    /// Whether it holds in the mesh wherever the other does.
    fn covers(&self, other: &Asks<'_>) -> bool {
        self.is_for_mesh()
            && (self.port == 0 || self.port == other.port)
            && self.source_labels.is_subset_of(other.source_labels)
            && (self.source_namespace.is_empty() || self.source_namespace == other.source_namespace)
    }
}

/// TC-1: a rule with a match that names no subnets takes all that holds for it.
fn tcp_in_mesh(vs: &Arc<VirtualService>, report: &mut Report) {
    let place = |rule: usize, index, at| Place { vs, kind: "tcp", rule, index, at };
    for (j, later) in vs.tcp.iter().enumerate() {
        let takes = |m: &TcpMatch| -> Option<usize> {
            let earlier = vs.tcp.iter().take(j).enumerate();
            let mut with_routes = earlier.filter(|(_, e)| !e.route.is_empty());
            with_routes.find(|(_, e)| takes_all_of(&e.matches, m)).map(|(i, _)| i)
        };
        let any = [TcpMatch::default()];
        let matches = if later.matches.is_empty() { &any[..] } else { &later.matches };
        let mut here = matches.iter().filter(|m| Asks::of_tcp(m).is_for_mesh()).peekable();
        if here.peek().is_none() {
            continue;
        }
        let taken: Option<Vec<usize>> = here.map(takes).collect();
        if let Some(earlier) = taken.and_then(|t| t.first().and_then(|i| Some((*i, vs.tcp.get(*i)?)))) {
            let first = place(earlier.0, None, earlier.1.at);
            let hint = "put the narrower rule before the wider one, or remove it";
            place(j, None, later.at).tell(&first, "{} takes all that it is for", hint, report);
        }
    }
}

/// Whether a rule with these matches takes, in the mesh, all connections that the match of a later one takes.
fn takes_all_of(matches: &[TcpMatch], later: &TcpMatch) -> bool {
    let covers = |m: &TcpMatch| m.destination_subnets.is_empty() && Asks::of_tcp(m).covers(&Asks::of_tcp(later));
    matches.is_empty() || matches.iter().any(covers)
}

/// TL-1: of matches with the same names and subnets the first one is used.
fn tls_in_mesh(vs: &Arc<VirtualService>, report: &mut Report) {
    let mut earlier: FxHashMap<(&[SmolStr], &[SmolStr]), Vec<_>> = FxHashMap::default();
    for (rule, route) in vs.tls.iter().enumerate().filter(|(_, r)| !r.route.is_empty()) {
        for (index, m) in route.matches.iter().enumerate().filter(|(_, m)| Asks::of_tls(m).is_for_mesh()) {
            let place = Place { vs, kind: "tls", rule, index: Some(index), at: m.at };
            let same = earlier.entry((&m.sni_hosts, &m.destination_subnets)).or_default();
            match same.iter().find(|(e, _): &&(&TlsMatch, _)| Asks::of_tls(e).covers(&Asks::of_tls(m))) {
                Some((_, first)) => {
                    place.tell(first, "{} has the same SNI hosts", "remove it, or name other hosts", report);
                }
                None => same.push((m, place)),
            }
        }
    }
}

/// GW-14, GW-15.
fn on_gateway(subject: &Subject<'_>, gateway: &Object<Gateway>, report: &mut Report) {
    let name = SmolStr::from(format!("{}/{}", gateway.meta.namespace, gateway.meta.name));
    let Some(proxy) = subject.proxies_of(gateway).next() else { return };
    let mut bound = subject.mesh.virtual_services.bound_to(&name, &proxy.namespace);
    bound.retain(|vs| !(vs.tcp.is_empty() && vs.tls.is_empty()));
    let mut got: FxHashSet<_> = FxHashSet::default();
    let mut lost: Vec<(Place<'_>, Place<'_>, String, &str)> = Vec::new();
    for server in &gateway.spec.servers {
        let Some(port) = server.port.as_ref().and_then(|p| u16::try_from(p.number).ok()) else { continue };
        let admitted = || bound.iter().filter(|vs| is_admitted(server, vs, gateway));
        if is_passthrough(server) {
            let mut owners: FxHashMap<&SmolStr, Place<'_>> = FxHashMap::default();
            for vs in admitted() {
                for (place, names) in tls_matches(vs, &name, port) {
                    match names.iter().find_map(|n| Some((n, *owners.get(n)?))) {
                        Some((n, first)) => {
                            let message = format!("port {port} of {} gives `{n}` to {{}}", gateway.id);
                            let hint =
                                "name each host in one match alone; one with a name that is taken is left out whole";
                            lost.push((place, first, message, hint));
                        }
                        None => {
                            owners.extend(names.iter().map(|n| (n, place)));
                            got.insert(place.key());
                        }
                    }
                }
            }
        } else if !speaks_http(server) {
            let mut all = admitted().flat_map(|vs| {
                let place = move |(rule, r): (usize, &TcpRoute)| Place { vs, kind: "tcp", rule, index: None, at: r.at };
                gateway_rules(vs, &name, port).map(place)
            });
            let Some(first) = all.next() else { continue };
            got.insert(first.key());
            lost.extend(all.map(|place| {
                let message = format!("port {port} of {} gives all of them to {{}}", gateway.id);
                let hint = "TCP names no host: use a port of its own, or TLS that is passed through and `tls` rules";
                (place, first, message, hint)
            }));
        }
    }
    let mut told: FxHashSet<_> = FxHashSet::default();
    for (place, first, message, hint) in lost {
        // A rule that names no port may have another one.
        if !got.contains(&place.key()) && told.insert(place.key()) {
            place.tell(&first, &message, hint, report);
        }
    }
}

fn is_admitted(server: &Server, vs: &VirtualService, gateway: &Object<Gateway>) -> bool {
    vs.hosts.iter().any(|host| admits(server, host, &vs.object.namespace, &gateway.meta.namespace))
}

/// The matches of `tls` rules that a server uses, with their SNI hosts.
fn tls_matches<'a>(vs: &'a Arc<VirtualService>, gateway: &str, port: u16) -> Vec<(Place<'a>, &'a [SmolStr])> {
    let rules = vs.tls.iter().enumerate().filter(|(_, r)| !r.route.is_empty());
    let matches = rules.flat_map(|(rule, r)| r.matches.iter().enumerate().map(move |(i, m)| (rule, i, m)));
    let fitting = matches.filter(|(_, _, m)| is_gateway_match(m.port, &m.gateways, gateway, port));
    let place = |rule, index, at| Place { vs, kind: "tls", rule, index: Some(index), at };
    fitting.map(|(rule, i, m)| (place(rule, i, m.at), m.sni_hosts.as_slice())).collect()
}
