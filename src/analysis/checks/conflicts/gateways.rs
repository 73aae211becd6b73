//! Gateways that share a workload: C307 and C308.

use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::{Report, named};
use crate::analysis::checks::subject::Subject;
use crate::istio::mesh::{Protocol, matches};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{Gateway, Object, ObjectId, Server};
use crate::manifest::source::Position;
use crate::order::Order as _;

checks! {
    /// Two Gateways for the same workload have a server with the same port and host. Where both have a `tls` block, Istio
    /// leaves out the later server, with all its hosts. A warning where the hosts only overlap through a wildcard, so that
    /// VirtualServices bound to one Gateway end up where they are not looked for. Plain HTTP servers are merged and all is
    /// served: an info. The finding is made for both.
    C307 "Gateways with the same selector, port and host" Error needs[Gateways] peers["IST0145", "KIA0301"];

    /// Two Gateways on the same workload use one certificate for different hosts. A browser takes an HTTP/2 connection that
    /// it has for one host for the other host too, since the certificate is good for both, and gets 404 NR there. One server
    /// with both hosts avoids it.
    C308 "One certificate on several gateways" Warning needs[Gateways] peers["IST0138"];
}

/// A server with the Gateway it belongs to.
type Place<'a> = (&'a Object<Gateway>, usize, &'a Server);

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    for proxy in &subject.gateway_proxies {
        let mut by_port: FxHashMap<(i64, &str), Vec<Place<'_>>> = FxHashMap::default();
        let mut by_certificate: FxHashMap<&SmolStr, Vec<Place<'_>>> = FxHashMap::default();
        for gateway in subject.mesh.gateways.iter().filter(|g| g.spec.selector.is_subset_of(&proxy.labels)) {
            for (i, server) in gateway.spec.servers.iter().enumerate() {
                if let Some(port) = &server.port {
                    by_port.entry((port.number, server.bind.as_str())).or_default().push((gateway, i, server));
                }
                if let Some(tls) = &server.tls {
                    let name =
                        if tls.credential_name.is_empty() { &tls.server_certificate } else { &tls.credential_name };
                    if !name.is_empty() {
                        by_certificate.entry(name).or_default().push((gateway, i, server));
                    }
                }
            }
        }
        let mut ports: Vec<_> = by_port.into_iter().collect();
        ports.order_by_key(|(key, _)| *key);
        for ((port, _), servers) in ports {
            same_host(port, &servers, report);
        }
        let mut certificates: Vec<_> = by_certificate.into_iter().collect();
        certificates.order_by_key(|(name, _)| *name);
        for (name, servers) in certificates {
            same_certificate(name, &servers, report);
        }
    }
}

/// Namespace (`*` for any) and host of an entry of a server.
fn parts<'h>(entry: &'h str, own: &'h str) -> (&'h str, &'h str) {
    match entry.split_once('/') {
        Some((".", host)) => (own, host),
        Some((namespace, host)) => (namespace, host),
        None => ("*", entry),
    }
}

fn meet(a: &str, b: &str) -> bool {
    a == b || a == "*" || b == "*"
}

/// A host of a server.
#[derive(Clone, Copy)]
struct Hosted<'a> {
    gateway: &'a Object<Gateway>,
    /// Indexes of the server and of the host there.
    server: usize,
    host: usize,
    place: &'a Server,
    /// `*` for any.
    namespace: &'a str,
}

impl Hosted<'_> {
    fn at(&self) -> Position {
        if self.place.at.is_known() { self.place.at } else { self.gateway.at }
    }

    fn path(&self) -> String {
        format!("spec.servers[{}].hosts[{}]", self.server, self.host)
    }

    fn is_http(&self) -> bool {
        self.place.port.as_ref().is_some_and(|p| Protocol::parse(&p.protocol).is_http())
    }

    fn written(&self) -> &str {
        self.place.hosts.get(self.host).map_or("", |h| h.as_str())
    }
}

/// How two hosts of different Gateways meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Meeting {
    /// Plain HTTP on both sides: all is served.
    Harmless,
    /// Through a wildcard.
    Covered,
    Same,
    /// The later server is skipped (GW-5).
    Skipped,
}

impl Meeting {
    fn of(first: &Hosted<'_>, later: &Hosted<'_>, same: bool) -> Meeting {
        // What only redirects to https has a `tls` block, and is plain HTTP.
        let claims = |h: &Hosted<'_>| h.place.tls.is_some();
        match (claims(first) && claims(later), same) {
            (true, true) if first.written() == later.written() => Meeting::Skipped,
            (false, _) if first.is_http() && later.is_http() => Meeting::Harmless,
            (_, true) => Meeting::Same,
            (_, false) => Meeting::Covered,
        }
    }

    fn severity(self) -> Severity {
        match self {
            Meeting::Harmless => Severity::Info,
            Meeting::Covered => Severity::Warning,
            Meeting::Same | Meeting::Skipped => Severity::Error,
        }
    }
}

/// A host of a server, how it meets others, and whose they are.
type Met<'a> = (Hosted<'a>, Meeting, Vec<&'a Object<Gateway>>);

/// C307: each host against the hosts seen before, exact ones through a map.
fn same_host(port: i64, servers: &[Place<'_>], report: &mut Report) {
    let mut exact: FxHashMap<&str, Vec<Hosted<'_>>> = FxHashMap::default();
    let mut wildcards: Vec<(&str, Hosted<'_>)> = Vec::new();
    // The one that came first, the worst of what follows from it, and the others.
    let mut met: IndexMap<(&ObjectId, usize, usize), Met<'_>> = IndexMap::new();
    for (gateway, i, server) in servers {
        for (h, host) in server.hosts.iter().enumerate() {
            let (namespace, name) = parts(host, &gateway.meta.namespace);
            let later = Hosted { gateway, server: *i, host: h, place: server, namespace };
            let other = |p: &&Hosted<'_>| p.gateway.id != gateway.id && meet(p.namespace, namespace);
            let equal = exact.get(name).into_iter().flatten().find(other).copied();
            let wide = || wildcards.iter().find(|(w, p)| other(&p) && matches(w, name)).map(|(_, p)| *p);
            if let Some(first) = equal.or_else(wide) {
                let meeting = Meeting::of(&first, &later, equal.is_some());
                let relation = if equal.is_some() { "also has" } else { "covers, by a wildcard," };
                let effect = match meeting {
                    Meeting::Skipped => "; this server is left out, with all its hosts",
                    Meeting::Harmless => "; both are plain HTTP, and the rules bound to either are served",
                    Meeting::Same | Meeting::Covered => "",
                };
                let message = format!(
                    "{} {relation} host `{name}` on port {port} of the same workload{effect}",
                    first.gateway.id
                );
                report
                    .add("C307", (&gateway.id, later.at()), later.path(), message, hint(meeting))
                    .severity(meeting.severity())
                    .related("the other Gateway", first.gateway.at, Some(&first.gateway.id));
                let key = (&first.gateway.id, first.server, first.host);
                let (_, worst, others) = met.entry(key).or_insert((first, meeting, Vec::new()));
                *worst = meeting.max(*worst);
                if others.last().is_none_or(|last| last.id != gateway.id) {
                    others.push(gateway);
                }
            }
            exact.entry(name).or_default().push(later);
            if name.starts_with('*') {
                wildcards.push((name, later));
            }
        }
    }
    for (first, worst, others) in met.values() {
        let (names, have) =
            (named(&others.iter().map(|o| &o.id).collect::<Vec<_>>()), if others.len() == 1 { "has" } else { "have" });
        let (_, name) = parts(first.written(), &first.gateway.meta.namespace);
        let what = if *worst == Meeting::Covered { "a host that this one covers" } else { "this host too" };
        let effect = match worst {
            Meeting::Skipped => "; the server there is left out, with all its hosts",
            Meeting::Harmless => "; all are plain HTTP, and the rules bound to any are served",
            Meeting::Same | Meeting::Covered => "",
        };
        let message = format!("{names} {have} {what} (`{name}`) on port {port} of the same workload{effect}");
        report
            .add("C307", (&first.gateway.id, first.at()), first.path(), message, hint(*worst))
            .severity(worst.severity())
            .related_to("the other Gateway", others.iter().map(|o| (&o.id, o.at)));
    }
}

fn hint(meeting: Meeting) -> &'static str {
    match meeting {
        Meeting::Harmless => "fine if it is meant; else keep the host in one Gateway",
        _ => "keep the host in one Gateway",
    }
}

/// C308.
fn same_certificate(name: &str, servers: &[Place<'_>], report: &mut Report) {
    let Some((first, _, a)) = servers.first() else { return };
    for (gateway, i, b) in servers.iter().skip(1).filter(|(g, _, _)| g.id != first.id) {
        if a.hosts != b.hosts {
            let message = format!(
                "{} uses certificate `{name}` too, for other hosts: browsers reuse a connection for both",
                first.id
            );
            let path = format!("spec.servers[{i}].tls.credentialName");
            report
                .add(
                    "C308",
                    (&gateway.id, if b.at.is_known() { b.at } else { gateway.at }),
                    path,
                    message,
                    "put the hosts into one server of one Gateway",
                )
                .related("the other Gateway", first.at, Some(&first.id));
        }
    }
}
