//! Hosts and ports of destinations: R101 to R105, and R102 for the other fields that name a host.

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::ports::{ListenerPorts, numbers, port_needed, port_needed_in_mesh};
use super::resolving::is_for;
use crate::analysis::checks::registry::{Input, checks};
use crate::analysis::checks::report::{Report, listed};
use crate::analysis::checks::subject::{Known, Subject};
use crate::analysis::checks::walk::{Target, targets};
use crate::istio::mesh::{MESH_GATEWAY, Service, VirtualService as Resolved, Visibility};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{Object, ObjectId, OutboundMode, VirtualService};
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

/// The check that tells of a host that leads nowhere.
fn unknown_id(target: &Target<'_>) -> &'static str {
    if target.is_mirror() { "R103" } else { "R101" }
}

fn destination<'a>(
    subject: &Subject<'a>,
    vs: &Object<VirtualService>,
    target: &Target<'_>,
    ports: &ListenerPorts<'_>,
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
                .severity(target.severity());
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
            report.add(unknown_id(target), object, target.path("host"), message, hint);
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
        let hint = "give it the ports that it is to be reached at";
        let added = report.add("R104", object, target.path("host"), message, hint).severity(target.severity());
        added.related("the service", service.at, Some(&service.object));
        return;
    }
    if let Some(end) = service.alias_of() {
        alias(subject, vs, target, (service, &full), end, report);
        return;
    }
    match (d.port_number(), service.ports.as_slice()) {
        (Some(port), _) if service.port(port).is_none() => {
            let message = format!("service `{full}` has no port {port}");
            let hint = format!("its ports are {}", listed(&numbers(service), 8));
            report.add("R104", object, target.path("port.number"), message, hint).severity(target.severity());
        }
        (Some(_), _) => {}
        (None, [only]) => {
            port_needed_in_mesh((only.number, &full), object, target, &ports.of_rule(target, true), report)
        }
        (None, _) => port_needed(service, &full, object, target, &ports.of_rule(target, false), report),
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
    let all = subject.mesh.service_index.by_hostname(end);
    let Some(found) = all.iter().find(|s| !s.is_alias()) else {
        let (what, hint) = match all.first() {
            Some(_) => ("is an ExternalName itself", "route to the service that is meant".to_owned()),
            None if !subject.has(Input::Services) => return,
            None => ("is no service of the mesh", format!("add a ServiceEntry with the host `{end}`, or route to one")),
        };
        let message = format!("`{full}` is an ExternalName for `{end}`, which {what}: {}", target.without_cluster());
        let added =
            report.add(unknown_id(target), object, target.path("host"), message, hint).severity(target.severity());
        added.related("the ExternalName", service.at, Some(&service.object));
        return;
    };
    let only = || if service.ports.len() == 1 { service.ports.first().map(|p| p.number) } else { None };
    let Some(port) = target.destination.port_number().or_else(only) else { return };
    if found.port(port).is_none() {
        let message =
            format!("`{full}` is an ExternalName for `{end}`, which has no port {port}: {}", target.without_cluster());
        let hint = format!("its ports are {}", listed(&numbers(found), 8));
        report.add("R104", object, target.path(""), message, hint).severity(target.severity());
    }
}

/// Who gets the rules of a VirtualService.
struct Roots<'a> {
    /// The VirtualServices that delegate to others, by the object they delegate to.
    by_delegate: FxHashMap<&'a ObjectId, Vec<&'a Resolved>>,
    /// Namespaces where no Sidecar chooses what is to be known, without the root namespace, where gateways and Istio itself live.
    open: Vec<SmolStr>,
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
        let root = &subject.mesh.config.root_namespace;
        let choosing: FxHashSet<&SmolStr> = subject.manifests.sidecars.iter().map(|s| &s.meta.namespace).collect();
        let is_open = |namespace: &&SmolStr| *namespace != root && !choosing.contains(namespace);
        let all = if choosing.contains(root) { &[][..] } else { &*subject.namespaces };
        Roots { by_delegate, open: all.iter().filter(is_open).cloned().collect() }
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
            clients.extend(roots.open.iter().filter(|other| gets(subject, resolved, other)));
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
    let hint = "let its `exportTo` name their namespace";
    report.add(unknown_id(target), (&vs.id, target.destination.at), target.path("host"), message, hint).related(
        "the service",
        home.at,
        Some(&home.object),
    );
}

/// Whether a VirtualService is exported to a namespace, and some host of it is no service that is hidden from there.
fn gets(subject: &Subject<'_>, vs: &Resolved, namespace: &SmolStr) -> bool {
    let sees = |host: &SmolStr| {
        let all = subject.mesh.service_index.by_hostname(host);
        all.is_empty() || all.iter().any(|s| s.visibility.allows(namespace))
    };
    vs.visibility.allows(namespace) && vs.hosts.iter().any(sees)
}

fn unknown(subject: &Subject<'_>, vs: &Object<VirtualService>, target: &Target<'_>, full: &str, report: &mut Report) {
    let d = target.destination;
    if !subject.is_missing(full) {
        return;
    }
    let inside = subject.is_inside(full);
    let named = if *full == *d.host { format!("`{full}`") } else { format!("`{}` (`{full}`)", d.host) };
    let hint = match subject.similar_host(full) {
        Some(near) => format!("did you mean `{near}`?"),
        None if inside => "create the Service, or write the full name of one in another namespace".to_owned(),
        None => format!("add a ServiceEntry with the host `{full}`"),
    };
    let effect = target.without_cluster();
    let message = format!("destination host {named} is no Service and no ServiceEntry: {effect}");
    let refused = subject.refused.host(full);
    let added =
        report.add(unknown_id(target), (&vs.id, d.at), target.path("host"), message, hint).unless_repaired(refused);
    if !inside && subject.mesh.config.outbound_mode != OutboundMode::RegistryOnly {
        added.severity(Severity::Warning);
    }
}
