//! N: protocols, names, ambient.

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::registry::checks;
use super::report::Report;
use super::subject::Subject;
use crate::istio::mesh::{Port, Protocol, Registry, Service, VirtualService, is_wildcard};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{Labels, Object, ServicePort, ServiceType, TargetPort, Workload};

checks! {
    /// A VirtualService has http rules for a service whose port doesn't speak HTTP as far as its name or `appProtocol` says.
    /// For a TCP port the rules don't act at all; for an unknown protocol only where the first bytes look like HTTP. Name
    /// the port `http-...`, `http2-...` or `grpc-...`, or set `appProtocol`. An info for a port without protocol that no rule
    /// is for.
    N701 "HTTP rules for a port that is not HTTP" Error needs[Services] peers["IST0118", "KIA0601", "KIA0602"];

    /// A Service of type ExternalName has a port that is TCP or has no protocol. It then listens on every address of that
    /// port, and takes traffic that is not its own.
    N702 "ExternalName with a TCP or unnamed port" Warning needs[] peers["IST0150"];

    /// A VirtualService has tcp or tls rules beside http rules that fall on one port, or tcp rules for a port that speaks
    /// HTTP. Which of them act follows from the protocol of the port.
    N703 "Rules of several protocols for one port" Warning needs[VirtualServices, Services] peers[];

    /// A workload is behind two Services that have the same port with different protocols, or that lead different ports to
    /// the same target port. Its inbound listener can't tell them apart.
    N704 "Workload behind Services that disagree" Warning needs[Pods] peers["IST0116", "IST0137"];

    /// A ServiceEntry serves TCP, or a port without protocol, and has no address. Connections for it are told apart by their
    /// port alone, so it takes everything on that port.
    N705 "TCP ServiceEntry without addresses" Warning needs[] peers["IST0134"];

    /// A headless Service has a DestinationRule with subsets or load balancing. Clients address its pods by themselves, and
    /// sidecars send there, for HTTP as for TCP (CL-5); only gateways choose among the pods.
    N706 "Subsets for a headless Service" Info needs[] peers[];

    /// A namespace is in ambient mode and uses no waypoint: rules for HTTP, and policies of DestinationRules that need HTTP,
    /// do not act, because nothing there reads HTTP. A Sidecar in such a namespace is void.
    N707 "HTTP rules in ambient without a waypoint" Warning needs[]
        peers["KIA1109", "KIA1113", "KIA1114", "KIA0210", "KIA0211", "KIA0212", "IST0167"];

    /// The status of an object says that it was not taken: a condition such as `Reconciled`, `istio.io/WaypointBound` or
    /// `Accepted` is `False`. What the manifest says is then not what is in force.
    N708 "Negative status condition" Warning needs[Status] peers["IST0171", "IST0166"];
}

pub(super) fn run(subject: &Subject<'_>, report: &mut Report) {
    let mut told: FxHashSet<(SmolStr, u16)> = FxHashSet::default();
    for vs in subject.mesh.virtual_services.all.iter().filter(|vs| Subject::is_mesh(vs)) {
        not_http(subject, vs, &mut told, report);
        mixed(subject, vs, report);
    }
    unnamed(subject, &told, report);
    external_names(subject, report);
    workloads(subject, report);
    entries(subject, report);
    headless(subject, report);
    ambient(subject, report);
    super::conditions::run(subject, report);
}

/// N701.
fn not_http(subject: &Subject<'_>, vs: &VirtualService, told: &mut FxHashSet<(SmolStr, u16)>, report: &mut Report) {
    if vs.http.is_empty() {
        return;
    }
    let wanted: FxHashSet<u32> =
        vs.http.iter().flat_map(|r| &r.route.matches).map(|m| m.port).filter(|p| *p != 0).collect();
    for host in &vs.hosts {
        let Some(service) = subject.mesh.service_index.by_hostname(host).first() else { continue };
        let assumed = !service.at.is_known();
        let any_http = service.ports.iter().any(|p| p.protocol.is_http_or_sniffed());
        for (i, port) in service.ports.iter().enumerate().filter(|_| !assumed) {
            let number = port.number;
            let severity = match port.protocol {
                Protocol::Unsupported => Severity::Warning,
                Protocol::Udp => continue,
                p if p.is_tcp() && (!any_http || wanted.contains(&u32::from(number))) => Severity::Error,
                _ => continue,
            };
            if !told.insert((service.hostname.clone(), number)) {
                continue;
            }
            let message = if severity == Severity::Error {
                format!("{} is not HTTP: the http rules of {} don't act on it", shown(port), vs.object)
            } else {
                format!(
                    "{} has no protocol: the http rules of {} act only where the bytes look like HTTP",
                    shown(port),
                    vs.object
                )
            };
            let hint = if service.registry == Registry::ServiceEntry {
                "if it speaks plain HTTP, say so in the port's `protocol`; of TLS only tls rules can be about"
                    .to_owned()
            } else if port.name.is_empty() {
                "name it `http`".to_owned()
            } else {
                format!("name it `http-{}`, or set `appProtocol: http`", port.name)
            };
            report
                .add("N701", (&service.object, service.at), format!("spec.ports[{i}]"), message, hint)
                .severity(severity)
                .related("its http rules", vs.at, Some(&vs.object));
        }
    }
}

/// N701 without rules: a port whose protocol nobody said.
fn unnamed(subject: &Subject<'_>, told: &FxHashSet<(SmolStr, u16)>, report: &mut Report) {
    let own = subject.mesh.services.iter().filter(|s| s.registry == Registry::Kubernetes && s.at.is_known());
    for service in own.filter(|s| !s.selector.is_empty() && !is_of_the_platform(subject, s)) {
        for (i, port) in service.ports.iter().enumerate().filter(|(_, p)| p.protocol == Protocol::Unsupported) {
            if told.contains(&(service.hostname.clone(), port.number)) {
                continue;
            }
            let message = format!("{} has no protocol: each connection is guessed from its first bytes", shown(port));
            let hint = "begin its name with the protocol, such as `http-` or `tcp-`, or set `appProtocol`";
            let path = format!("spec.ports[{i}]");
            report.add("N701", (&service.object, service.at), path, message, hint).severity(Severity::Info);
        }
    }
}

/// Not its author's to name: a Service of Kubernetes or Istio themselves, or one that Istio made for a waypoint or gateway.
fn is_of_the_platform(subject: &Subject<'_>, service: &Service) -> bool {
    const SYSTEM: [&str; 5] = ["kube-system", "kube-public", "kube-node-lease", "local-path-storage", "istio-system"];
    const MADE: [&str; 2] = ["gateway.istio.io/managed", "gateway.networking.k8s.io/gateway-name"];
    SYSTEM.contains(&service.namespace.as_str())
        || service.namespace == subject.mesh.config.root_namespace
        || MADE.iter().any(|label| service.labels.get(label).is_some())
}

/// `port 80 (`http`)`, or the number alone where it has no name.
fn shown(port: &Port) -> String {
    if port.name.is_empty() {
        format!("port {}", port.number)
    } else {
        format!("port {} (`{}`)", port.number, port.name)
    }
}

/// N703.
fn mixed(subject: &Subject<'_>, vs: &VirtualService, report: &mut Report) {
    for host in vs.hosts.iter().filter(|h| !is_wildcard(h)) {
        let Some(service) = subject.mesh.service_index.by_hostname(host).first() else { continue };
        for (i, rule) in vs.tcp.iter().enumerate() {
            let ports: Vec<u32> = rule.matches.iter().map(|m| m.port).collect();
            let falls_on = |number: u16| ports.is_empty() || ports.iter().any(|p| *p == 0 || *p == u32::from(number));
            let http = service.ports.iter().find(|p| p.protocol.is_http() && falls_on(p.number));
            let Some(port) = http else { continue };
            let what = if vs.http.is_empty() {
                "this tcp rule doesn't act"
            } else {
                "the http rules act and this tcp rule doesn't"
            };
            let message = format!("port {} of `{host}` speaks HTTP: {what}", port.number);
            report.add(
                "N703",
                (&vs.object, rule.at),
                format!("spec.tcp[{i}]"),
                message,
                "match a port that speaks TCP, or write http rules",
            );
            return;
        }
        for (i, rule) in vs.tls.iter().enumerate() {
            let falls_on = |number: u16| rule.matches.iter().any(|m| m.port == 0 || m.port == u32::from(number));
            let Some(port) = service.ports.iter().find(|p| p.protocol.is_http() && falls_on(p.number)) else {
                continue;
            };
            let message =
                format!("port {} of `{host}` speaks plain HTTP: this tls rule doesn't act there", port.number);
            let hint = "name the port `tls` or `https` if clients speak TLS to it, or write http rules";
            report.add("N703", (&vs.object, rule.at), format!("spec.tls[{i}]"), message, hint);
            return;
        }
    }
}

/// N702.
fn external_names(subject: &Subject<'_>, report: &mut Report) {
    for o in subject.manifests.services.iter().filter(|o| o.spec.kind == ServiceType::ExternalName) {
        for (i, port) in o.spec.ports.iter().enumerate() {
            let protocol = Protocol::of_kubernetes_port(port.port, &port.name, port.app_protocol.as_deref());
            if protocol == Protocol::Tcp || protocol.is_sniffed() {
                let message =
                    format!("port {} of an ExternalName has no protocol, and is taken for any address", port.port);
                report.add(
                    "N702",
                    (&o.id, o.at),
                    format!("spec.ports[{i}]"),
                    message,
                    "name the port after its protocol, such as `http` or `tls`",
                );
            }
        }
    }
}

/// N704.
fn workloads(subject: &Subject<'_>, report: &mut Report) {
    let mut services: FxHashMap<&SmolStr, Vec<&Object<crate::manifest::kinds::Service>>> = FxHashMap::default();
    for o in subject.manifests.services.iter().filter(|o| !o.spec.selector.is_empty() && !o.spec.assumed) {
        services.entry(&o.meta.namespace).or_default().push(o);
    }
    for workload in &subject.manifests.workloads {
        let Some(list) = services.get(&workload.meta.namespace) else { continue };
        let mut ports: Vec<(&Object<crate::manifest::kinds::Service>, &ServicePort)> = Vec::new();
        for service in list.iter().filter(|s| s.spec.selector.is_subset_of(&workload.spec.labels)) {
            for port in &service.spec.ports {
                if let Some((other, known)) = ports.iter().find(|(o, p)| o.id != service.id && disagree(p, port)) {
                    let message = format!(
                        "{} and {} disagree about port {} and target {}",
                        other.id,
                        service.id,
                        known.port,
                        target(port)
                    );
                    tell(workload, message, (other, service), report);
                }
                ports.push((service, port));
            }
        }
    }
}

type Services<'a> = (&'a Object<crate::manifest::kinds::Service>, &'a Object<crate::manifest::kinds::Service>);

fn tell(workload: &Object<Workload>, message: String, (a, b): Services<'_>, report: &mut Report) {
    report
        .add("N704", (&workload.id, workload.at), "spec", message, "give both Services the same ports and protocols")
        .related("one Service", a.at, Some(&a.id))
        .related("the other", b.at, Some(&b.id));
}

fn target(port: &ServicePort) -> String {
    match &port.target_port {
        TargetPort::SameAsPort => port.port.to_string(),
        TargetPort::Number(n) => n.to_string(),
        TargetPort::Name(n) => n.to_string(),
    }
}

fn disagree(a: &ServicePort, b: &ServicePort) -> bool {
    let protocol = |p: &ServicePort| Protocol::of_kubernetes_port(p.port, &p.name, p.app_protocol.as_deref());
    (a.port == b.port && protocol(a) != protocol(b)) || (a.port != b.port && target(a) == target(b))
}

/// N705.
fn entries(subject: &Subject<'_>, report: &mut Report) {
    for o in &subject.manifests.service_entries {
        let spec = &o.spec;
        if !spec.addresses.is_empty() || !spec.status_addresses.is_empty() {
            continue;
        }
        for (i, port) in spec.ports.iter().enumerate() {
            let protocol = Protocol::parse(&port.protocol);
            if matches!(
                protocol,
                Protocol::Tcp | Protocol::Unsupported | Protocol::Mongo | Protocol::Redis | Protocol::Mysql
            ) {
                let message =
                    format!("port {} is TCP and there is no address: it takes everything on this port", port.number);
                report.add(
                    "N705",
                    (&o.id, o.at),
                    format!("spec.ports[{i}]"),
                    message,
                    "add `addresses`, or turn address allocation on",
                );
            }
        }
    }
}

/// N706.
fn headless(subject: &Subject<'_>, report: &mut Report) {
    for dr in &subject.manifests.destination_rules {
        let host = subject.fqdn(&dr.spec.host, &dr.meta.namespace);
        let Some(service) = subject.mesh.service_index.by_hostname(&host).iter().find(|s| s.is_headless()) else {
            continue;
        };
        let balances = dr.spec.traffic_policy.as_ref().is_some_and(|p| p.load_balancer.is_some());
        if !dr.spec.subsets.is_empty() || balances {
            let message = format!(
                "{} is headless: sidecars send to the pod that the client addressed, whatever subsets and load balancing say",
                service.object
            );
            report
                .add(
                    "N706",
                    (&dr.id, dr.at),
                    "spec.host",
                    message,
                    "use a Service with an address, if they should act in the mesh; gateways do choose among its pods",
                )
                .related("the Service", service.at, Some(&service.object));
        }
    }
}

/// N707.
fn ambient(subject: &Subject<'_>, report: &mut Report) {
    let captured: FxHashMap<&SmolStr, &Labels> = subject
        .manifests
        .namespaces
        .iter()
        .filter(|n| n.meta.labels.get("istio.io/dataplane-mode") == Some("ambient"))
        .map(|n| (&n.meta.name, &n.meta.labels))
        .collect();
    if captured.is_empty() {
        return;
    }
    let waypoint = |labels: &Labels| labels.get("istio.io/use-waypoint").is_some_and(|w| !w.is_empty() && w != "none");
    let lacks = |host: &str| {
        let services = subject.mesh.service_index.by_hostname(host);
        services.iter().find(|s| {
            s.registry == Registry::Kubernetes
                && captured.get(&s.namespace).is_some_and(|labels| !waypoint(labels) && !waypoint(&s.labels))
        })
    };
    for vs in subject.mesh.virtual_services.all.iter().filter(|vs| Subject::is_mesh(vs) && !vs.http.is_empty()) {
        for (i, host) in vs.hosts.iter().enumerate() {
            if let Some(service) = lacks(host) {
                let message = format!(
                    "namespace `{}` is in ambient mode and `{host}` has no waypoint: http rules don't act",
                    service.namespace
                );
                report.add(
                    "N707",
                    (&vs.object, vs.at),
                    format!("spec.hosts[{i}]"),
                    message,
                    "set `istio.io/use-waypoint` on the Service or its namespace",
                );
            }
        }
    }
    let elsewhere = |host: &str, namespace: &SmolStr| {
        let services = subject.mesh.service_index.by_hostname(host);
        services.iter().find(|s| {
            s.registry == Registry::Kubernetes
                && s.namespace != *namespace
                && captured.get(&s.namespace).is_some_and(|labels| waypoint(labels) || waypoint(&s.labels))
        })
    };
    for vs in subject.mesh.virtual_services.all.iter().filter(|vs| Subject::is_mesh(vs)) {
        for (i, host) in vs.hosts.iter().enumerate() {
            if let Some(service) = elsewhere(host, &vs.object.namespace) {
                let message =
                    format!("the waypoint of `{host}` takes rules from its own namespace `{}` only", service.namespace);
                let hint = format!("move the VirtualService to `{}`", service.namespace);
                report.add("N707", (&vs.object, vs.at), format!("spec.hosts[{i}]"), message, hint);
            }
        }
    }
    for dr in &subject.manifests.destination_rules {
        let host = subject.fqdn(&dr.spec.host, &dr.meta.namespace);
        if let Some(service) = elsewhere(&host, &dr.meta.namespace) {
            let message =
                format!("the waypoint of `{host}` takes rules from its own namespace `{}` only", service.namespace);
            let hint = format!("move the DestinationRule to `{}`", service.namespace);
            report.add("N707", (&dr.id, dr.at), "spec.host", message, hint);
        }
    }
    for sidecar in &subject.mesh.sidecars {
        if captured.contains_key(&sidecar.meta.namespace) {
            let message =
                format!("namespace `{}` is in ambient mode, where a Sidecar does nothing", sidecar.meta.namespace);
            report.add("N707", (&sidecar.id, sidecar.at), "spec", message, "remove it");
        }
    }
    for dr in &subject.manifests.destination_rules {
        let host = subject.fqdn(&dr.spec.host, &dr.meta.namespace);
        let http = dr.spec.traffic_policy.as_ref().is_some_and(|p| {
            p.outlier_detection.is_some()
                || p.load_balancer.is_some()
                || p.connection_pool.as_ref().is_some_and(|c| c.http.is_some())
        });
        if (http || !dr.spec.subsets.is_empty()) && lacks(&host).is_some() {
            let message =
                format!("`{host}` is in ambient mode without a waypoint: subsets and policies for HTTP don't act");
            report.add(
                "N707",
                (&dr.id, dr.at),
                "spec",
                message,
                "set `istio.io/use-waypoint` on the Service or its namespace",
            );
        }
    }
}
