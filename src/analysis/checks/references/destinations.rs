//! Hosts and ports of destinations: R101 to R105, and R102 for the other fields that name a host.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::resolving::is_for;
use crate::analysis::checks::registry::{Input, checks};
use crate::analysis::checks::report::{Report, listed};
use crate::analysis::checks::subject::{Known, Subject};
use crate::analysis::checks::walk::{Part, Target, targets};
use crate::istio::mesh::{
    MESH_GATEWAY, Service, VirtualService as Resolved, Visibility, gateway_name, is_subset_of, is_wildcard,
};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{HttpMatch, Object, ObjectId, OutboundMode, Sidecar, VirtualService};
use crate::manifest::source::Position;
use crate::order::Order as _;

checks! {
    /// The host of a destination is the name of no Service and of no ServiceEntry, so Istio makes no cluster for it:
    /// the share of requests that draws this destination is answered with 503 and the flag NC.
    ///
    /// The same holds for an ExternalName Service whose name is no service of the mesh, or is an ExternalName again: its requests go
    /// to the cluster of what it stands for.
    ///
    /// A name without a dot means a Service in the namespace of the VirtualService itself. A name with a dot is taken as it
    /// is. A concrete host that only a wildcard ServiceEntry covers has no cluster of its own either. The Services that Flagger
    /// makes for a Canary among the manifests are taken to be there.
    R101 "Destination host unknown" Error needs[VirtualServices, OtherServices] peers["IST0101", "KIA1101"];

    /// A host is written as `service.namespace` or `service.namespace.svc`. Istio completes only names without a dot, so
    /// such a destination names a cluster that doesn't exist (503 NC), a DestinationRule for it is never applied, and a
    /// VirtualService for it matches only clients that send this very authority.
    ///
    /// Write the full name, or the bare one where the namespace is the object's own.
    R102 "Destination host only half qualified" Error needs[OtherServices] peers["IST0101"];

    /// The host of a mirror is unknown. The request itself is served as ever; its copies vanish.
    R103 "Mirror host unknown" Warning needs[VirtualServices, OtherServices] peers["IST0101"];

    /// A destination names a port that its service doesn't have. The number is that of the Service's `port`, not of its
    /// `targetPort`. There is no such cluster: 503 NC. A ServiceEntry without `ports` has no cluster at all.
    R104 "Destination port not on the service" Error needs[VirtualServices, OtherServices] peers["IST0101"];

    /// A destination without port leads to a service with several ports. Istio then takes the number of the port that the
    /// client addressed (on a gateway: the server's number), so the cluster exists only where the service has that very
    /// number; elsewhere the answer is 503 NC. On a gateway a service with one port is never in doubt. In the mesh it is: sidecars
    /// know for each port only the services that have it, so a rule for a host on port 80 finds no service on 8080 unless the
    /// destination names that port.
    ///
    /// It is an info where the service has every port that the rule is served on.
    R105 "Destination port needed" Error needs[VirtualServices, Services] peers["IST0112"];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let roots = Roots::new(subject);
    let mut wildcards = FxHashMap::default();
    for vs in &subject.manifests.virtual_services {
        let ports = ListenerPorts::of(subject, vs, &mut wildcards);
        for target in targets(&vs.spec) {
            destination(subject, vs, &target, &ports, &roots, report);
        }
        for (i, host) in vs.spec.hosts.iter().enumerate() {
            let full_too = |full: &str| vs.spec.hosts.iter().any(|h| subject.fqdn(h, &vs.meta.namespace) == full);
            let named = Named::Host { beside_full: &full_too };
            half_qualified(subject, host, (&vs.id, vs.at), format!("spec.hosts[{i}]"), named, report);
        }
    }
    for dr in &subject.manifests.destination_rules {
        half_qualified(subject, &dr.spec.host, (&dr.id, dr.at), "spec.host".into(), Named::Rule, report);
    }
}

/// Where a half qualified name stands.
enum Named<'f> {
    /// Whether the full name is a host of the same VirtualService.
    Host {
        beside_full: &'f dyn Fn(&str) -> bool,
    },
    Rule,
}

fn half_qualified(
    subject: &Subject<'_>,
    host: &str,
    object: (&crate::manifest::kinds::ObjectId, crate::manifest::source::Position),
    path: String,
    named: Named<'_>,
    report: &mut Report,
) {
    if !host.contains('.') || host.starts_with('*') {
        return;
    }
    let Known::HalfQualified(full) = subject.known(host) else { return };
    let (effect, severity) = match named {
        Named::Host { beside_full } if beside_full(&full) => {
            ("the full name stands beside it, and has it already", Severity::Info)
        }
        Named::Host { .. } => ("its rules count only for clients that send this very authority", Severity::Error),
        Named::Rule => ("the rule is never applied", Severity::Error),
    };
    let message = format!("host `{host}` is not completed to `{full}`: {effect}");
    report.add("R102", object, path, message, format!("write `{full}`")).severity(severity);
}

fn destination<'a>(
    subject: &Subject<'a>,
    vs: &Object<VirtualService>,
    target: &Target<'_>,
    ports: &ListenerPorts,
    roots: &Roots<'a>,
    report: &mut Report,
) {
    let d = target.destination;
    let object = (&vs.id, d.at);
    let full = subject.fqdn(&d.host, &vs.meta.namespace);
    let service = match subject.known(&full) {
        Known::Services(all) => {
            let own = subject.service(&full, &vs.meta.namespace);
            own.or_else(|| all.first())
        }
        Known::HalfQualified(name) => {
            let message = format!("host `{}` is not completed to `{name}`: no cluster has this name", d.host);
            report
                .add("R102", object, target.path("host"), message, format!("write `{name}`"))
                .severity(if target.is_mirror() { Severity::Warning } else { Severity::Error });
            return;
        }
        // Where Services are assumed, ServiceEntries may be kept elsewhere too.
        Known::Wildcard(_) if !subject.has(Input::Services) => return,
        Known::Wildcard(wildcard) => {
            let message = format!(
                "host `{}` is covered only by `{wildcard}` of a ServiceEntry; a concrete name needs an entry of its own",
                d.host
            );
            let hint = format!("add a ServiceEntry with the host `{}`", d.host);
            report.add(if target.is_mirror() { "R103" } else { "R101" }, object, target.path("host"), message, hint);
            return;
        }
        Known::Made => return,
        Known::Unknown => {
            unknown(subject, vs, target, &full, report);
            return;
        }
    };
    let Some(service) = service else { return };
    hidden(subject, vs, target, &full, roots, report);
    if service.ports.is_empty() {
        let message = format!("service `{full}` has no ports: {}", target.without_cluster());
        let severity = if target.is_mirror() { Severity::Warning } else { Severity::Error };
        let hint = "give it the ports that it is to be reached at";
        let added = report.add("R104", object, target.path("host"), message, hint).severity(severity);
        added.related("the service", service.at, Some(&service.object));
        return;
    }
    if let Some(end) = service.alias_of() {
        alias(subject, vs, target, (service, &full), end, report);
        return;
    }
    match d.port_number() {
        Some(port) if service.port(port).is_none() => {
            let message = format!("service `{full}` has no port {port}");
            let hint = format!("its ports are {}", listed(&numbers(service), 8));
            report.add("R104", object, target.path("port.number"), message, hint).severity(if target.is_mirror() {
                Severity::Warning
            } else {
                Severity::Error
            });
        }
        None if service.ports.len() > 1 => {
            port_needed(service, &full, object, target, &ports.of_rule(vs, target, false), report);
        }
        None => {
            let only = service.ports.first().map(|p| (p.number, &full));
            let Some(only) = only else { return };
            port_needed_in_mesh(only, object, target, &ports.of_rule(vs, target, true), report);
        }
        Some(_) => {}
    }
}

/// R101, R104 for another name of a service: requests go to the cluster of what it stands for (DP-3).
fn alias(
    subject: &Subject<'_>,
    vs: &Object<VirtualService>,
    target: &Target<'_>,
    (service, full): (&Service, &str),
    end: &SmolStr,
    report: &mut Report,
) {
    let object = (&vs.id, target.destination.at);
    let severity = if target.is_mirror() { Severity::Warning } else { Severity::Error };
    let all = subject.mesh.service_index.by_hostname(end);
    let Some(found) = all.iter().find(|s| !s.is_alias()) else {
        let (what, hint) = match all.first() {
            Some(_) => ("is an ExternalName itself", "route to the service that is meant".to_owned()),
            None if !subject.has(Input::Services) => return,
            None => ("is no service of the mesh", format!("add a ServiceEntry with the host `{end}`, or route to one")),
        };
        let message = format!("`{full}` is an ExternalName for `{end}`, which {what}: {}", target.without_cluster());
        let id = if target.is_mirror() { "R103" } else { "R101" };
        let added = report.add(id, object, target.path("host"), message, hint).severity(severity);
        added.related("the ExternalName", service.at, Some(&service.object));
        return;
    };
    let only = || if service.ports.len() == 1 { service.ports.first().map(|p| p.number) } else { None };
    let Some(port) = target.destination.port_number().or_else(only) else { return };
    if found.port(port).is_none() {
        let message =
            format!("`{full}` is an ExternalName for `{end}`, which has no port {port}: {}", target.without_cluster());
        let hint = format!("its ports are {}", listed(&numbers(found), 8));
        report.add("R104", object, target.path(""), message, hint).severity(severity);
    }
}

/// The VirtualServices that delegate to others, by the object they delegate to.
struct Roots<'a> {
    by_delegate: FxHashMap<&'a ObjectId, Vec<&'a Resolved>>,
}

impl<'a> Roots<'a> {
    fn new(subject: &Subject<'a>) -> Roots<'a> {
        let mut by_delegate: FxHashMap<&ObjectId, Vec<&Resolved>> = FxHashMap::default();
        for root in &subject.mesh.virtual_services.all {
            for rule in root.http.iter().filter(|rule| rule.source.root.is_some()) {
                let roots = by_delegate.entry(&rule.source.object).or_default();
                if roots.last().is_none_or(|last| last.object != root.object) {
                    roots.push(root);
                }
            }
        }
        Roots { by_delegate }
    }

    /// The VirtualService itself as resolved; for a delegate, all its roots.
    fn of(&self, subject: &Subject<'a>, vs: &Object<VirtualService>) -> Vec<&'a Resolved> {
        match subject.resolved.get(&vs.id).copied() {
            Some(resolved) => vec![&**resolved],
            None => self.by_delegate.get(&vs.id).cloned().unwrap_or_default(),
        }
    }
}

/// R101, R103: the service is there, but not for a client of the rule.
fn hidden<'a>(
    subject: &Subject<'a>,
    vs: &Object<VirtualService>,
    target: &Target<'_>,
    full: &str,
    roots: &Roots<'a>,
    report: &mut Report,
) {
    let services = subject.mesh.service_index.by_hostname(full);
    if services.iter().any(|s| s.visibility == Visibility::Public) {
        return;
    }
    let mut clients: Vec<&SmolStr> = Vec::new();
    for resolved in roots.of(subject, vs) {
        let namespace = &resolved.object.namespace;
        if Subject::is_mesh(resolved) && is_for(resolved, target, &MESH_GATEWAY) {
            clients.extend(Some(namespace).filter(|own| resolved.visibility.allows(own)));
            clients.extend(subject.namespaces.iter().filter(|other| gets(subject, resolved, other)));
        }
        let gateways = resolved.gateways.iter().filter_map(|g| subject.gateways.get(g));
        clients.extend(gateways.flat_map(|g| subject.proxies_of(g)).map(|p| &p.namespace));
    }
    clients.retain(|c| !services.iter().any(|s| s.visibility.allows(c)));
    clients.order_alike();
    clients.dedup();
    let Some(home) = services.first().filter(|_| !clients.is_empty()) else { return };
    let effect = target.without_cluster();
    let message = format!("service `{full}` is not exported to clients in {}: {effect}", listed(&clients, 4));
    let id = if target.is_mirror() { "R103" } else { "R101" };
    let hint = "let its `exportTo` name their namespace";
    report.add(id, (&vs.id, target.destination.at), target.path("host"), message, hint).related(
        "the service",
        home.at,
        Some(&home.object),
    );
}

/// Where rules for HTTP may be served.
fn http_ports(service: &Service) -> impl Iterator<Item = u16> {
    service.ports.iter().filter(|p| p.protocol.is_http_or_sniffed()).map(|p| p.number)
}

/// Whether sidecars of a namespace get a VirtualService of another one: it is exported to them, some host of it is no service that is
/// hidden from them, and no Sidecar chooses what they get.
fn gets(subject: &Subject<'_>, vs: &Resolved, namespace: &SmolStr) -> bool {
    let root = &subject.mesh.config.root_namespace;
    let chooses = |s: &Object<Sidecar>| s.meta.namespace == *namespace || s.meta.namespace == *root;
    let sees = |host: &SmolStr| {
        let all = subject.mesh.service_index.by_hostname(host);
        all.is_empty() || all.iter().any(|s| s.visibility.allows(namespace))
    };
    namespace != root
        && vs.visibility.allows(namespace)
        && vs.hosts.iter().any(sees)
        && !subject.manifests.sidecars.iter().any(chooses)
}

fn numbers(service: &Service) -> Vec<u16> {
    service.ports.iter().map(|p| p.number).collect()
}

fn unknown(subject: &Subject<'_>, vs: &Object<VirtualService>, target: &Target<'_>, full: &str, report: &mut Report) {
    let d = target.destination;
    if !subject.has(Input::Services) && !subject.is_slip(full) {
        return;
    }
    let inside = subject.is_inside(full);
    let named = if *full == *d.host { format!("`{full}`") } else { format!("`{}` (`{full}`)", d.host) };
    let hint = match subject.similar_host(full) {
        Some(near) => format!("did you mean `{near}`?"),
        None if inside => "create the Service, or write the full name of one in another namespace".to_owned(),
        None => format!("add a ServiceEntry with the host `{full}`"),
    };
    let id = if target.is_mirror() { "R103" } else { "R101" };
    let effect = target.without_cluster();
    let message = format!("destination host {named} is no Service and no ServiceEntry: {effect}");
    let refused = subject.refused.host(full);
    let added = report.add(id, (&vs.id, d.at), target.path("host"), message, hint).unless_repaired(refused);
    if !inside && subject.mesh.config.outbound_mode != OutboundMode::RegistryOnly {
        added.severity(Severity::Warning);
    }
}

/// The ports that the rules of a VirtualService are served on.
struct ListenerPorts {
    sites: Vec<Site>,
}

/// Where rules are served.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Site {
    port: u16,
    /// `mesh`, or `NAMESPACE/NAME` of a Gateway.
    gateway: SmolStr,
    /// The host is no service of the mesh with other ports alone, which nobody calls on this one.
    is_called: bool,
}

impl ListenerPorts {
    /// `wildcards`: ports of the services that a wildcard covers, as far as they were asked for.
    fn of<'a>(
        subject: &Subject<'a>,
        vs: &Object<VirtualService>,
        wildcards: &mut FxHashMap<&'a SmolStr, Vec<u16>>,
    ) -> ListenerPorts {
        let mut sites = Vec::new();
        let mut mesh = |port, is_called| sites.push(Site { port, gateway: MESH_GATEWAY, is_called });
        let Some(resolved) = subject.resolved.get(&vs.id) else { return ListenerPorts { sites } };
        if Subject::is_mesh(resolved) {
            for host in &resolved.hosts {
                match subject.mesh.service_index.by_hostname(host).first() {
                    Some(service) => http_ports(service).for_each(|port| mesh(port, true)),
                    None if is_wildcard(host) => {
                        let covered = wildcards.entry(host).or_insert_with(|| {
                            let all = subject.mesh.services.iter().filter(|s| is_subset_of(&s.hostname, host));
                            let ports: BTreeSet<u16> = all.flat_map(|s| http_ports(s)).collect();
                            ports.into_iter().collect()
                        });
                        covered.iter().for_each(|port| mesh(*port, true));
                    }
                    None => mesh(80, subject.listens_on_80),
                }
            }
            // Every host is served on port 80 too, where anything listens there (VH-1).
            if subject.listens_on_80 {
                mesh(80, false);
            }
        }
        for gateway in &resolved.gateways {
            let Some(found) = subject.gateways.get(gateway) else { continue };
            let served = found.spec.servers.iter().filter_map(|s| s.port.as_ref());
            let ports = served.filter_map(|p| u16::try_from(p.number).ok());
            sites.extend(ports.map(|port| Site { port, gateway: gateway.clone(), is_called: true }));
        }
        sites.order();
        sites.dedup();
        ListenerPorts { sites }
    }

    /// Ports that some match of the rule lets through, each once: those of the mesh alone that are called, or all.
    fn of_rule(&self, vs: &Object<VirtualService>, target: &Target<'_>, called_in_mesh: bool) -> Vec<u16> {
        let matches = match target.part {
            Part::Http => vs.spec.http.get(target.rule).map_or(&[][..], |rule| &rule.matches),
            Part::Tls | Part::Tcp => &[],
        };
        let lets = |site: &Site, m: &HttpMatch| {
            (m.port == 0 || m.port == u32::from(site.port))
                && (m.gateways.is_empty()
                    || m.gateways.iter().any(|g| gateway_name(g, &vs.meta.namespace) == site.gateway))
        };
        let wanted = |site: &&Site| !called_in_mesh || site.is_called && site.gateway == MESH_GATEWAY;
        let served = self.sites.iter().filter(wanted);
        let served = served.filter(|site| matches.is_empty() || matches.iter().any(|m| lets(site, m)));
        let mut ports: Vec<u16> = served.map(|site| site.port).collect();
        ports.dedup(); // sites are sorted by port
        ports
    }
}

fn port_needed(
    service: &Service,
    full: &SmolStr,
    object: (&ObjectId, Position),
    target: &Target<'_>,
    ports: &[u16],
    report: &mut Report,
) {
    let missing: Vec<u16> = ports.iter().copied().filter(|p| service.port(*p).is_none()).collect();
    let hint = format!("name one of its ports: {}", listed(&numbers(service), 8));
    let severity = if target.is_mirror() { Severity::Warning } else { Severity::Error };
    if missing.is_empty() {
        let message =
            format!("service `{full}` has several ports and none is named; the port that the client calls decides");
        report.add("R105", object, target.path(""), message, hint).severity(Severity::Info);
    } else if target.part == Part::Http {
        let message = format!(
            "service `{full}` has several ports and none is named; on port {} there is no cluster for it",
            listed(&missing, 5)
        );
        report.add("R105", object, target.path(""), message, hint).severity(severity);
    }
}

/// R105 for a service with one port: sidecars take it for the one that the client calls, unless the service has that, too (DP-2).
fn port_needed_in_mesh(
    (port, full): (u16, &SmolStr),
    object: (&ObjectId, Position),
    target: &Target<'_>,
    ports: &[u16],
    report: &mut Report,
) {
    let missing: Vec<u16> = ports.iter().copied().filter(|p| *p != port).collect();
    if missing.is_empty() || target.part != Part::Http {
        return;
    }
    let message = format!(
        "service `{full}` has port {port} alone, and none is named: sidecars take the port that the client calls, and for {} there is no cluster: {}",
        listed(&missing, 5),
        target.without_cluster()
    );
    let hint = format!("write `port: {{number: {port}}}` in the destination");
    let severity = if target.is_mirror() { Severity::Warning } else { Severity::Error };
    report.add("R105", object, target.path(""), message, hint).severity(severity);
}
