//! G: whether traffic comes through gateways as it is meant to.

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::references::gateways::{admits, is_passthrough};
use super::registry::checks;
use super::report::{Report, listed};
use super::subject::Subject;
use crate::istio::mesh::{HttpRule, MESH_GATEWAY, Protocol, Registry, VirtualService, is_wildcard};
use crate::manifest::kinds::{Destination, Gateway, Object};
use crate::order::Order as _;

checks! {
    /// No Service that selects the gateway's pods has the port of a server, neither as its own port nor as its target port:
    /// nobody can reach the server from outside.
    G601 "Gateway port on no Service" Warning needs[Gateways, Pods, Services] peers["IST0162"];

    /// A server passes TLS through, and the VirtualService that is bound to it has http rules only, which can't act on what
    /// the gateway can't read; or a server ends TLS, and the VirtualService has tls rules only.
    G602 "Rules that the server's TLS mode keeps from acting" Error needs[VirtualServices, Gateways] peers[];

    /// A VirtualService is bound to gateways alone, and its host is a service of the mesh: for calls within the mesh its
    /// rules don't act, and no other VirtualService has rules for them.
    G603 "Gateway rules for a service of the mesh" Warning needs[VirtualServices] peers[];

    /// A VirtualService for the mesh splits traffic of a service by subset, and one for a gateway leads to the same service
    /// without a subset: for what comes through the gateway the split has no effect, since a gateway takes only the rules
    /// that are bound to it. The same holds where the rules for the mesh send all that is meant for a Service to others.
    G604 "Split of the mesh has no effect for a gateway" Warning needs[VirtualServices] peers["IST0140"];

    /// A server answers everything with a redirect to https. Rules of VirtualServices don't act on it: they need an HTTPS
    /// server for the same hosts, on the same workload.
    G605 "Server that only redirects to https" Info needs[Gateways] peers[];

    /// The name of a server's port doesn't begin with its protocol. Nothing depends on it here; other tools read it.
    G606 "Gateway port name without protocol" Info needs[Gateways] peers["KIA0601"];
}

pub(super) fn run(subject: &Subject<'_>, report: &mut Report) {
    servers(subject, report);
    let mut in_mesh: FxHashSet<&SmolStr> = FxHashSet::default();
    let mut inside = Inside::default();
    for vs in subject.mesh.virtual_services.all.iter().filter(|vs| Subject::is_mesh(vs)) {
        in_mesh.extend(&vs.hosts);
        inside.add(subject, vs);
    }
    for vs in &subject.mesh.virtual_services.all {
        tls_modes(subject, vs, report);
        if !Subject::is_mesh(vs) {
            gateway_only(subject, vs, &in_mesh, report);
            past_the_mesh(vs, &inside, report);
        }
    }
}

/// The servers that end TLS and speak HTTP behind it, or pass TLS through, by host as written without its namespace.
struct Https<'a> {
    by_host: FxHashMap<&'a str, Vec<(&'a Object<Gateway>, i64)>>,
}

impl<'a> Https<'a> {
    fn new(subject: &Subject<'a>) -> Https<'a> {
        let mut by_host: FxHashMap<&str, Vec<_>> = FxHashMap::default();
        for gateway in &subject.mesh.gateways {
            for server in &gateway.spec.servers {
                let Some(port) = server.port.as_ref().filter(|p| !Protocol::parse(&p.protocol).is_http()) else {
                    continue;
                };
                if server.tls.as_ref().is_some_and(|tls| !tls.https_redirect) {
                    for host in &server.hosts {
                        by_host.entry(bare(host)).or_default().push((gateway.as_ref(), port.number));
                    }
                }
            }
        }
        Https { by_host }
    }

    /// A server for all of `host` on a workload of `gateway`: the Gateway it belongs to, and its port.
    fn serving(
        &self,
        subject: &Subject<'a>,
        gateway: &Object<Gateway>,
        host: &str,
    ) -> Option<(&'a Object<Gateway>, i64)> {
        let host = bare(host);
        let wider =
            host.char_indices().filter(|(_, c)| *c == '.').map(|(i, _)| format!("*{}", host.get(i..).unwrap_or("")));
        let names = std::iter::once(host.to_owned()).chain(wider).chain(["*".to_owned()]);
        let shares = |other: &Object<Gateway>| {
            other.id == gateway.id || subject.proxies_of(gateway).any(|p| other.spec.selector.is_subset_of(&p.labels))
        };
        let mut all = names.filter_map(|name| self.by_host.get(name.as_str()));
        all.find_map(|list| list.iter().find(|(other, _)| shares(other)).copied())
    }
}

/// The host of an entry, without the namespace it is for.
fn bare(host: &str) -> &str {
    host.split_once('/').map_or(host, |(_, name)| name)
}

/// G601, G605, G606.
fn servers(subject: &Subject<'_>, report: &mut Report) {
    let https = Https::new(subject);
    for gateway in &subject.mesh.gateways {
        let proxy = subject.proxies_of(gateway).next();
        let targets = proxy.map(|p| subject.mesh.endpoints.service_ports(p)).unwrap_or_default();
        for (i, server) in gateway.spec.servers.iter().enumerate() {
            let object = (&gateway.id, if server.at.is_known() { server.at } else { gateway.at });
            let Some(port) = &server.port else { continue };
            let reached =
                |number: i64| targets.iter().any(|t| i64::from(t.port) == number || i64::from(t.target_port) == number);
            if !targets.is_empty() && !reached(port.number) {
                let mut ports: Vec<u16> = targets.iter().map(|t| t.port).collect();
                ports.order_alike();
                ports.dedup();
                let message = format!("no Service of the gateway's pods has port {}", port.number);
                let hint = format!("add the port to the Service, which has {}", listed(&ports, 6));
                report.add("G601", object, format!("spec.servers[{i}].port.number"), message, hint);
            }
            if server.tls.as_ref().is_some_and(|t| t.https_redirect) {
                let message =
                    format!("port {} answers everything with a redirect to https; rules don't act on it", port.number);
                let (served, lacking): (Vec<_>, Vec<_>) = server
                    .hosts
                    .iter()
                    .map(|h| (h, https.serving(subject, gateway, h)))
                    .partition(|(_, s)| s.is_some());
                let lacking: Vec<&SmolStr> = lacking.into_iter().map(|(h, _)| h).collect();
                let hint = match served.first() {
                    Some((_, Some((other, number)))) if lacking.is_empty() => {
                        format!("nothing to do: {} serves its hosts by HTTPS on port {number}", other.id)
                    }
                    Some(_) => format!("serve {} on an HTTPS server as well", listed(&lacking, 4)),
                    None => "serve the hosts on an HTTPS server as well".to_owned(),
                };
                report.add("G605", object, format!("spec.servers[{i}].tls.httpsRedirect"), message, hint);
            }
            let protocol = port.protocol.to_ascii_lowercase();
            let named = port.name.to_ascii_lowercase();
            let fits = named == protocol || named.starts_with(&format!("{protocol}-"));
            if !named.is_empty() && !fits {
                let message = format!("port name `{}` doesn't begin with its protocol `{protocol}`", port.name);
                report.add(
                    "G606",
                    object,
                    format!("spec.servers[{i}].port.name"),
                    message,
                    format!("write `{protocol}-{}`", port.name),
                );
            }
        }
    }
}

/// G602.
fn tls_modes(subject: &Subject<'_>, vs: &VirtualService, report: &mut Report) {
    for (g, name) in vs.gateways.iter().enumerate() {
        let Some(gateway) = subject.gateways.get(name) else { continue };
        let namespace = &vs.object.namespace;
        let bound: Vec<_> = gateway
            .spec
            .servers
            .iter()
            .filter(|s| vs.hosts.iter().any(|h| admits(s, h, namespace, &gateway.meta.namespace)))
            .collect();
        let plain = |p: &str| Protocol::parse(p).is_http();
        let passes = !bound.is_empty()
            && bound.iter().all(|s| is_passthrough(s) && !s.port.as_ref().is_some_and(|p| plain(&p.protocol)));
        let ends = !bound.is_empty()
            && bound.iter().all(|s| s.tls.as_ref().is_some_and(|t| !t.https_redirect) && !is_passthrough(s));
        let message = if passes && !vs.http.is_empty() && vs.tls.is_empty() && vs.tcp.is_empty() {
            format!("{} passes TLS through, so http rules can't act; there are no tls rules", gateway.id)
        } else if ends && !vs.tls.is_empty() && vs.http.is_empty() && vs.tcp.is_empty() {
            format!("{} ends TLS, so tls rules can't act; there are no http rules", gateway.id)
        } else {
            continue;
        };
        report
            .add(
                "G602",
                (&vs.object, vs.at),
                format!("spec.gateways[{g}]"),
                message,
                "use the kind of rules that fits the server's TLS mode",
            )
            .related("the Gateway", gateway.at, Some(&gateway.id));
    }
}

/// G603.
fn gateway_only(subject: &Subject<'_>, vs: &VirtualService, in_mesh: &FxHashSet<&SmolStr>, report: &mut Report) {
    for (i, host) in vs.hosts.iter().enumerate() {
        if is_wildcard(host) || in_mesh.contains(host) || vs.http.is_empty() {
            continue;
        }
        let service = subject.mesh.service_index.by_hostname(host).iter().find(|s| !s.mesh_external);
        if service.is_some_and(|s| s.registry == Registry::Kubernetes && s.at.is_known()) {
            let message = format!(
                "`{host}` is a service of the mesh, and these rules are for gateways alone: calls within the mesh don't get them"
            );
            report.add(
                "G603",
                (&vs.object, vs.at),
                format!("spec.hosts[{i}]"),
                message,
                format!("add `{MESH_GATEWAY}` to `spec.gateways`, if they should"),
            );
        }
    }
}

/// What rules of the mesh do with requests for a host, by the host: the first VirtualService that does it.
#[derive(Default)]
struct Inside<'m> {
    /// Some go to a subset of it.
    splits: FxHashMap<&'m SmolStr, &'m VirtualService>,
    /// It is a Service, and all go to others. Hosts outside the mesh are sent to egress gateways like that on purpose.
    diverted: FxHashMap<&'m SmolStr, &'m VirtualService>,
}

impl<'m> Inside<'m> {
    fn add(&mut self, subject: &Subject<'_>, vs: &'m VirtualService) {
        for host in &vs.hosts {
            let mut own = destinations(vs).map(|(.., d)| d).filter(|d| d.host == *host).peekable();
            let services = subject.mesh.service_index.by_hostname(host);
            let is_service = || services.iter().any(|s| s.registry == Registry::Kubernetes && !s.is_alias());
            if own.peek().is_none() && destinations(vs).next().is_some() && is_service() {
                self.diverted.entry(host).or_insert(vs);
            }
            if own.any(|d| !d.subset.is_empty()) {
                self.splits.entry(host).or_insert(vs);
            }
        }
    }
}

/// Destinations of the HTTP rules, each with its rule and its position there.
fn destinations(vs: &VirtualService) -> impl Iterator<Item = (&HttpRule, usize, &Destination)> {
    vs.http.iter().flat_map(|rule| {
        let routes = rule.route.route.iter().enumerate();
        routes.filter_map(move |(i, r)| Some((rule, i, r.destination.as_ref()?)))
    })
}

/// G604.
fn past_the_mesh<'m>(vs: &VirtualService, inside: &Inside<'m>, report: &mut Report) {
    for (rule, i, d) in destinations(vs) {
        let other = |found: Option<&&'m VirtualService>| found.copied().filter(|o| o.object != vs.object);
        let mut tell = |other: &VirtualService, message: String, hint: &str, related: &str| {
            let path = format!("spec.http[{}].route[{i}].destination", rule.source.rule.unwrap_or_default());
            let added = report.add("G604", (&rule.source.object, d.at), path, message, hint);
            added.related(related, other.at, Some(&other.object));
        };
        if let Some(split) = other(inside.splits.get(&d.host)).filter(|_| d.subset.is_empty()) {
            let message = format!(
                "leads to `{}` without a subset: the split in {} is for the mesh and has no effect here",
                d.host, split.object
            );
            tell(split, message, "repeat the split here", "the split");
        }
        if let Some(rules) = other(inside.diverted.get(&d.host)) {
            let message = format!(
                "leads to `{}` itself: {} sends what is meant for it elsewhere, but is for the mesh and has no effect here",
                d.host, rules.object
            );
            tell(rules, message, "route to where these rules lead", "the rules for the mesh");
        }
    }
}
