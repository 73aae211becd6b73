//! Rules for connections, where one before takes all that another is for: P221.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use crate::analysis::checks::references::gateways::{admits, is_passthrough, speaks_http};
use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::istio::mesh::VirtualService;
use crate::istio::translate::{StaticMatch, gateway_rules, gateway_tls_matches};
use crate::manifest::kinds::{Gateway, Object, Server, TcpMatch, TcpRoute};
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

impl Place<'_> {
    /// Where it stands in its object.
    fn path(&self) -> String {
        let matched = self.index.map(|i| format!(".match[{i}]")).unwrap_or_default();
        format!("{}[{}]{matched}", self.kind, self.rule)
    }

    /// What tells it apart from all others.
    fn key(&self) -> (*const VirtualService, &'static str, usize, Option<usize>) {
        (Arc::as_ptr(self.vs), self.kind, self.rule, self.index)
    }

    /// How another one calls it.
    fn called_by(&self, other: &Place<'_>) -> String {
        let owner = if self.vs.object == other.vs.object { String::new() } else { format!(" of {}", self.vs.object) };
        format!("`{}`{owner}", self.path())
    }

    /// Tells that `first` has what this one is for, and how that comes.
    fn tell(&self, first: &Place<'_>, why: &str, hint: &str, report: &mut Report) {
        let message = format!("rule gets no connection: {why}");
        report.add("P221", (&self.vs.object, self.at), format!("spec.{}", self.path()), message, hint).related(
            "the one that gets them",
            first.at,
            Some(&first.vs.object),
        );
    }
}

/// TC-1: a rule with a match that names no subnets takes all that holds for it.
fn tcp_in_mesh(vs: &Arc<VirtualService>, report: &mut Report) {
    let place = |rule: usize, at| Place { vs, kind: "tcp", rule, index: None, at };
    for (j, later) in vs.tcp.iter().enumerate() {
        let taker = |m: &TcpMatch| {
            let mut earlier = vs.tcp.iter().take(j).enumerate().filter(|(_, e)| !e.route.is_empty());
            earlier.find(|(_, e)| takes_all_of(&e.matches, m))
        };
        let any = [TcpMatch::default()];
        let matches = if later.matches.is_empty() { &any[..] } else { &later.matches };
        let here = matches.iter().filter(|m| StaticMatch::of_tcp(m).is_for_mesh());
        let takers: Option<Vec<(usize, &TcpRoute)>> = here.map(taker).collect();
        if let Some(&(i, earlier)) = takers.as_ref().and_then(|all| all.first()) {
            let (first, own) = (place(i, earlier.at), place(j, later.at));
            let why = format!("{} takes all that it is for", first.called_by(&own));
            own.tell(&first, &why, "put the narrower rule before the wider one, or remove it", report);
        }
    }
}

/// Whether a rule with these matches takes, in the mesh, all connections that the match of a later one takes.
fn takes_all_of(matches: &[TcpMatch], later: &TcpMatch) -> bool {
    let later = StaticMatch::of_tcp(later);
    let covers = |m: &TcpMatch| m.destination_subnets.is_empty() && StaticMatch::of_tcp(m).covers(&later);
    matches.is_empty() || matches.iter().any(covers)
}

/// TL-1: of matches with the same names and subnets the first one is used.
fn tls_in_mesh(vs: &Arc<VirtualService>, report: &mut Report) {
    let mut earlier: FxHashMap<(&[SmolStr], &[SmolStr]), Vec<_>> = FxHashMap::default();
    for (rule, route) in vs.tls.iter().enumerate().filter(|(_, r)| !r.route.is_empty()) {
        for (index, m) in route.matches.iter().enumerate() {
            let asks = StaticMatch::of_tls(m);
            if !asks.is_for_mesh() {
                continue;
            }
            let place = Place { vs, kind: "tls", rule, index: Some(index), at: m.at };
            let same: &mut Vec<(StaticMatch<'_>, Place<'_>)> =
                earlier.entry((&m.sni_hosts, &m.destination_subnets)).or_default();
            match same.iter().find(|(e, _)| e.covers(&asks)) {
                Some((_, first)) => {
                    let why = format!("{} has the same SNI hosts", first.called_by(&place));
                    place.tell(first, &why, "remove it, or name other hosts", report);
                }
                None => same.push((asks, place)),
            }
        }
    }
}

/// GW-14, GW-15.
fn on_gateway(subject: &Subject<'_>, gateway: &Object<Gateway>, report: &mut Report) {
    let name = gateway.meta.full_name();
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
                for ((rule, _), (index, m)) in gateway_tls_matches(vs, &name, port) {
                    let place = Place { vs, kind: "tls", rule, index: Some(index), at: m.at };
                    match m.sni_hosts.iter().find_map(|n| Some((n, *owners.get(n)?))) {
                        Some((n, first)) => {
                            let why =
                                format!("port {port} of {} gives `{n}` to {}", gateway.id, first.called_by(&place));
                            let hint =
                                "name each host in one match alone; one with a name that is taken is left out whole";
                            lost.push((place, first, why, hint));
                        }
                        None => {
                            owners.extend(m.sni_hosts.iter().map(|n| (n, place)));
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
                let why = format!("port {port} of {} gives all of them to {}", gateway.id, first.called_by(&place));
                let hint = "TCP names no host: use a port of its own, or TLS that is passed through and `tls` rules";
                (place, first, why, hint)
            }));
        }
    }
    let mut told: FxHashSet<_> = FxHashSet::default();
    for (place, first, why, hint) in lost {
        // A rule that names no port may have another one.
        if !got.contains(&place.key()) && told.insert(place.key()) {
            place.tell(&first, &why, hint, report);
        }
    }
}

fn is_admitted(server: &Server, vs: &VirtualService, gateway: &Object<Gateway>) -> bool {
    vs.hosts.iter().any(|host| admits(server, host, &vs.object.namespace, &gateway.meta.namespace))
}
