//! From Service and ServiceEntry objects to registry services (sections 3.1 to 3.4 of the translation rules).

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::{SmolStr, format_smolstr};

use super::{Address, Port, Protocol, Registry, Resolution, Service, TrafficDistribution, Visibility};
use crate::manifest::kinds::{
    self, Labels, Location, Manifests, MeshConfig, Namespace, Object, ObjectMeta, ServiceEntry, ServiceEntryVisibility,
    ServiceType, TargetPort, TransportProtocol,
};
use crate::manifest::release::{Difference, Profile};
use crate::order::Order as _;

/// Annotation with which a Service says who may see it (SV-5).
const EXPORT_TO: &str = "networking.istio.io/exportTo";
/// Annotation that asks for near endpoints.
const TRAFFIC_DISTRIBUTION: &str = "networking.istio.io/traffic-distribution";
/// Annotation of a ServiceEntry that says how the addresses of a name are tried.
const CONNECT_STRATEGY: &str = "istio.io/connect-strategy";
/// Labels of services with persistent sessions (EP-4).
pub(super) const SESSION_LABELS: [&str; 2] = ["istio.io/persistent-session", "istio.io/persistent-session-header"];

/// All registry services in the order ORD-2, aliases attached to what they lead to.
///
/// Services that are equal in that order stay in input order: Services first, then ServiceEntries by creation, their
/// hosts and addresses as listed.
pub(super) fn services(manifests: &Manifests, config: &MeshConfig, profile: Profile) -> Vec<Service> {
    let namespaces = NamespaceDistributions::new(&manifests.namespaces, profile);
    let of_kubernetes = manifests.services.iter().map(|s| from_kubernetes(s, config, &namespaces));
    let mut all: Vec<Service> = of_kubernetes.collect();
    for entry in by_creation(&manifests.service_entries) {
        from_service_entry(entry, config, profile, &namespaces, &mut all);
    }
    all.order_by(|a, b| (a.created, &a.name, &a.namespace).cmp(&(b.created, &b.name, &b.namespace)));
    attach_aliases(&mut all);
    all
}

/// References to `objects` in creation order (ORD-1).
pub(super) fn by_creation<T>(objects: &[Object<T>]) -> Vec<&Object<T>> {
    let mut all: Vec<&Object<T>> = objects.iter().collect();
    all.order_by(|a, b| a.creation_order().cmp(&b.creation_order()));
    all
}

/// The hostname of a Kubernetes Service (SV-1).
pub(super) fn kubernetes_hostname(meta: &ObjectMeta, config: &MeshConfig) -> SmolStr {
    format_smolstr!("{}.{}.svc.{}", meta.name, meta.namespace, config.cluster_domain)
}

/// SV-1 to SV-5.
fn from_kubernetes(
    object: &Object<kinds::Service>,
    config: &MeshConfig,
    namespaces: &NamespaceDistributions,
) -> Service {
    let (meta, spec) = (&object.meta, &object.spec);
    let resolution = if is_headless(spec) {
        Resolution::Passthrough
    } else if spec.kind == ServiceType::ExternalName && !spec.external_name.is_empty() {
        Resolution::Alias(spec.external_name.clone())
    } else {
        Resolution::Static
    };
    let export_to: Vec<SmolStr> = exported_to(meta).into_iter().map(SmolStr::new).collect();
    let alias = matches!(resolution, Resolution::Alias(_));
    Service {
        hostname: kubernetes_hostname(meta, config),
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        registry: Registry::Kubernetes,
        mesh_external: alias,
        addresses: spec.cluster_ips.iter().filter_map(|a| a.parse().ok()).map(Address::Ip).collect(),
        ports: spec
            .ports
            .iter()
            .map(|p| Port {
                number: p.port,
                name: p.name.clone(),
                protocol: if p.protocol == TransportProtocol::Udp {
                    Protocol::Udp
                } else {
                    Protocol::of_kubernetes_port(p.port, &p.name, p.app_protocol.as_deref())
                },
                target_port: p.target_port.clone(),
            })
            .collect(),
        visibility: Visibility::resolve(&export_to, &config.default_service_export_to, &meta.namespace),
        labels: meta.labels.clone(),
        selector: if alias { Labels::default() } else { spec.selector.clone() },
        created: meta.created,
        object: object.id.clone(),
        at: object.at,
        aliases: Vec::new(),
        node_local: spec.internal_traffic_policy_local,
        traffic_distribution: namespaces.or_own(&spec.traffic_distribution, meta),
        persistent_session: SESSION_LABELS.iter().any(|l| meta.labels.get(l).is_some()),
        races_connections: false,
        resolution,
    }
}

/// To whom a Service says that it is exported (SV-5).
pub(super) fn exported_to(meta: &ObjectMeta) -> Vec<&str> {
    let list = meta.annotations.get(EXPORT_TO).unwrap_or_default();
    list.split(',').map(str::trim).filter(|n| !n.is_empty()).collect()
}

/// SV-2.
pub(super) fn is_headless(spec: &kinds::Service) -> bool {
    spec.cluster_ips.first().is_some_and(|ip| ip == "None")
}

/// The field decides where it has a known value, else the annotation, which ignores case.
fn traffic_distribution(field: &str, annotations: &Labels) -> TrafficDistribution {
    let parse = |text: &str| {
        if text.eq_ignore_ascii_case("PreferClose") || text.eq_ignore_ascii_case("PreferSameZone") {
            TrafficDistribution::PreferSameZone
        } else if text.eq_ignore_ascii_case("PreferSameNode") {
            TrafficDistribution::PreferSameNode
        } else {
            TrafficDistribution::Any
        }
    };
    match parse(field) {
        TrafficDistribution::Any => parse(annotations.get(TRAFFIC_DISTRIBUTION).unwrap_or_default()),
        set => set,
    }
}

/// VE-21: what the annotations of Namespaces say of the services in them.
struct NamespaceDistributions(FxHashMap<SmolStr, TrafficDistribution>);

impl NamespaceDistributions {
    /// Empty for releases in which nothing is inherited.
    fn new(namespaces: &[Object<Namespace>], profile: Profile) -> NamespaceDistributions {
        let read = namespaces.iter().filter(|_| profile.has(Difference::NamespaceTrafficDistribution));
        let all = read.map(|n| (n.meta.name.clone(), traffic_distribution("", &n.meta.annotations)));
        NamespaceDistributions(all.filter(|(_, distribution)| *distribution != TrafficDistribution::Any).collect())
    }

    /// What an object says itself, else its namespace.
    fn or_own(&self, field: &str, meta: &ObjectMeta) -> TrafficDistribution {
        match traffic_distribution(field, &meta.annotations) {
            TrafficDistribution::Any => self.0.get(&meta.namespace).copied().unwrap_or_default(),
            own => own,
        }
    }
}

/// SE-1 to SE-6: appends one service for each (host, address) pair.
fn from_service_entry(
    object: &Object<ServiceEntry>,
    config: &MeshConfig,
    profile: Profile,
    namespaces: &NamespaceDistributions,
    out: &mut Vec<Service>,
) {
    let (meta, spec) = (&object.meta, &object.spec);
    let ports: Vec<Port> = spec
        .ports
        .iter()
        .filter_map(|p| {
            Some(Port {
                number: u16::try_from(p.number).ok()?,
                name: p.name.clone(),
                protocol: Protocol::parse(&p.protocol),
                target_port: match u16::try_from(p.target_port) {
                    Ok(n) if n > 0 => TargetPort::Number(n),
                    _ => TargetPort::SameAsPort,
                },
            })
        })
        .collect();
    let visibility = narrowed(
        Visibility::resolve(&spec.export_to, &config.default_service_export_to, &meta.namespace),
        config.service_entry_visibility,
        &meta.namespace,
    );
    // An entry without addresses is one service without an address; with addresses, those that are none make no service.
    let addresses: Vec<Vec<Address>> = if spec.addresses.is_empty() {
        vec![Vec::new()]
    } else {
        spec.addresses.iter().filter_map(|a| parse_address(a)).map(|a| vec![a]).collect()
    };
    for host in &spec.hosts {
        for addresses in &addresses {
            out.push(Service {
                hostname: host.clone(),
                namespace: meta.namespace.clone(),
                name: host.clone(),
                registry: Registry::ServiceEntry,
                resolution: match spec.resolution {
                    kinds::Resolution::None => Resolution::Passthrough,
                    kinds::Resolution::Static => Resolution::Static,
                    kinds::Resolution::Dns => Resolution::Dns,
                    kinds::Resolution::DnsRoundRobin => Resolution::DnsRoundRobin,
                    kinds::Resolution::DynamicDns => Resolution::DynamicDns,
                },
                addresses: addresses.clone(),
                ports: ports.clone(),
                visibility: visibility.clone(),
                mesh_external: spec.location == Location::MeshExternal,
                labels: meta.labels.clone(),
                selector: spec.workload_selector.clone().unwrap_or_default(),
                created: meta.created,
                object: object.id.clone(),
                at: object.at,
                aliases: Vec::new(),
                node_local: false,
                traffic_distribution: namespaces.or_own("", meta),
                persistent_session: false,
                races_connections: profile.has(Difference::ConnectStrategy)
                    && meta.annotations.get(CONNECT_STRATEGY) == Some("RACE_FIRST_TCP_CONNECT"),
            });
        }
    }
}

/// How many services each host of the entry becomes: one for each address, at least one where none is given (SE-1).
pub(super) fn address_count(entry: &ServiceEntry) -> usize {
    if entry.addresses.is_empty() { 1 } else { entry.addresses.iter().filter(|a| parse_address(a).is_some()).count() }
}

/// EX-6.
fn narrowed(declared: Visibility, limit: Option<ServiceEntryVisibility>, own: &str) -> Visibility {
    match limit {
        None => declared,
        Some(ServiceEntryVisibility::Namespace) if declared.allows(own) => Visibility::Namespaces(vec![own.into()]),
        Some(_) => Visibility::Nobody,
    }
}

/// SE-1: an IP, or a CIDR whose full-length prefix is the IP itself.
fn parse_address(text: &str) -> Option<Address> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(Address::Ip(ip));
    }
    let net = text.parse::<IpNet>().ok()?;
    Some(if net.prefix_len() == net.max_prefix_len() { Address::Ip(net.addr()) } else { Address::Cidr(net) })
}

/// AL-1: gives each service the ExternalName services that lead to it, over any number of hops.
fn attach_aliases(all: &mut [Service]) {
    let mut target_of: FxHashMap<SmolStr, SmolStr> = FxHashMap::default();
    for service in all.iter() {
        if let Resolution::Alias(target) = &service.resolution {
            target_of.insert(service.hostname.clone(), target.clone());
        }
    }
    if target_of.is_empty() {
        return;
    }
    // The key order (namespace, hostname) is the order in which aliases are listed.
    let mut aliases: BTreeMap<(SmolStr, SmolStr), SmolStr> = BTreeMap::new();
    for service in all.iter() {
        if let Resolution::Alias(target) = &service.resolution
            && let Some(end) = end_of_chain(&service.hostname, target, &target_of)
        {
            aliases.insert((service.namespace.clone(), service.hostname.clone()), end);
        }
    }
    let mut by_target: FxHashMap<SmolStr, Vec<(SmolStr, SmolStr)>> = FxHashMap::default();
    for ((namespace, hostname), target) in aliases {
        by_target.entry(target).or_default().push((hostname, namespace));
    }
    for service in all {
        if let Some(aliases) = by_target.get(&service.hostname) {
            service.aliases.clone_from(aliases);
        }
    }
}

/// The first name of the chain that is no alias itself; None for a loop.
fn end_of_chain(start: &SmolStr, first: &SmolStr, target_of: &FxHashMap<SmolStr, SmolStr>) -> Option<SmolStr> {
    let mut seen: FxHashSet<&SmolStr> = FxHashSet::from_iter([start, first]);
    let mut at = first;
    while let Some(next) = target_of.get(at) {
        if !seen.insert(next) {
            return None;
        }
        at = next;
    }
    Some(at.clone())
}

/// Gives every Service the cluster IP that the API server would have given it: manifests as people write them have none.
///
/// Addresses come from Kubernetes' usual range, from 10.96.0.2 up in the order of the manifests (10.96.0.1 is the API
/// server's); those in use are left out. Headless and ExternalName services get none.
pub(super) fn assign_cluster_ips(services: &mut [Object<kinds::Service>]) {
    let used: FxHashSet<SmolStr> = services.iter().flat_map(|s| s.spec.cluster_ips.iter().cloned()).collect();
    let mut next = u32::from_be_bytes([10, 96, 0, 2]);
    let mut in_order: Vec<&mut Object<kinds::Service>> = services.iter_mut().collect();
    // Those that no manifest holds come last. A Service given twice counts where it was given last.
    in_order.order_by_key(|s| (!s.at.is_known(), s.at));
    for service in in_order {
        service.spec.cluster_ips.retain(|ip| !ip.is_empty());
        if !service.spec.cluster_ips.is_empty() || service.spec.kind == ServiceType::ExternalName {
            continue;
        }
        let address = loop {
            let candidate = format_smolstr!("{}", std::net::Ipv4Addr::from(next));
            next = next.wrapping_add(1);
            if !used.contains(&candidate) {
                break candidate;
            }
        };
        service.spec.cluster_ips.push(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::kinds::{CreationTime, Kind, ObjectId};
    use crate::manifest::source::Position;

    fn object<T>(kind: Kind, namespace: &str, name: &str, spec: T) -> Object<T> {
        Object {
            id: ObjectId::new(kind, namespace, name),
            meta: ObjectMeta { name: name.into(), namespace: namespace.into(), ..ObjectMeta::default() },
            at: Position::default(),
            spec,
        }
    }

    fn external(namespace: &str, name: &str, to: &str) -> Object<kinds::Service> {
        let spec = kinds::Service { kind: ServiceType::ExternalName, external_name: to.into(), ..Default::default() };
        object(Kind::Service, namespace, name, spec)
    }

    fn entry(hosts: &[&str], addresses: &[&str]) -> Object<ServiceEntry> {
        let names = |list: &[&str]| list.iter().map(SmolStr::new).collect();
        let spec = ServiceEntry { hosts: names(hosts), addresses: names(addresses), ..ServiceEntry::default() };
        object(Kind::ServiceEntry, "default", "e", spec)
    }

    fn services(
        services: &[Object<kinds::Service>],
        entries: &[Object<ServiceEntry>],
        config: &MeshConfig,
    ) -> Vec<Service> {
        let manifests =
            Manifests { services: services.to_vec(), service_entries: entries.to_vec(), ..Manifests::default() };
        super::services(&manifests, config, Profile::default())
    }

    #[test]
    fn ve21_a_namespace_speaks_for_its_services_from_1_30_on() {
        let mut namespace = object(Kind::Namespace, "", "default", Namespace {});
        namespace.meta.annotations = [(TRAFFIC_DISTRIBUTION.into(), "PreferSameNode".into())].into_iter().collect();
        let own = |field: &str| {
            let spec = kinds::Service { traffic_distribution: field.into(), ..Default::default() };
            object(Kind::Service, "default", "s", spec)
        };
        let distribution = |release: &str, field: &str| {
            let manifests =
                Manifests { services: vec![own(field)], namespaces: vec![namespace.clone()], ..Manifests::default() };
            let profile = Profile::of(release.parse().expect("a release"));
            super::services(&manifests, &MeshConfig::default(), profile)[0].traffic_distribution
        };
        assert_eq!(distribution("1.29", ""), TrafficDistribution::Any);
        assert_eq!(distribution("1.30", ""), TrafficDistribution::PreferSameNode);
        assert_eq!(distribution("1.30", "PreferClose"), TrafficDistribution::PreferSameZone);
    }

    #[test]
    fn se1_one_service_for_each_host_and_address() {
        let config = MeshConfig::default();
        let all =
            services(&[], &[entry(&["b.com", "a.com"], &["10.0.0.1", "10.1.0.0/16", "10.2.0.1/32", "no"])], &config);
        let seen: Vec<_> = all.iter().map(|s| (s.hostname.as_str(), s.addresses.clone())).collect();
        let [ip, net, full] = ["10.0.0.1", "10.1.0.0/16", "10.2.0.1"].map(|a| parse_address(a).into_iter().collect());
        let net: Vec<Address> = net;
        assert_eq!(
            seen,
            [
                ("a.com", Vec::clone(&ip)),
                ("a.com", net.clone()),
                ("a.com", Vec::clone(&full)),
                ("b.com", ip),
                ("b.com", net),
                ("b.com", full)
            ]
        );
        assert_eq!(services(&[], &[entry(&["a.com"], &["no"])], &config), []);
        assert_eq!(services(&[], &[entry(&["a.com"], &[])], &config).len(), 1);
    }

    #[test]
    fn al1_chains_are_followed_and_loops_lead_nowhere() {
        let config = MeshConfig::default();
        let target = object(Kind::Service, "default", "real", kinds::Service::default());
        let all = services(
            &[
                target,
                external("z", "one", "real.default.svc.cluster.local"),
                external("a", "two", "one.z.svc.cluster.local"),
                external("a", "loop", "pool.a.svc.cluster.local"),
                external("a", "pool", "loop.a.svc.cluster.local"),
                external("a", "gone", "nowhere.example.com"),
            ],
            &[],
            &config,
        );
        for service in &all {
            let expected: &[(SmolStr, SmolStr)] = if service.name == "real" {
                &[("two.a.svc.cluster.local".into(), "a".into()), ("one.z.svc.cluster.local".into(), "z".into())]
            } else {
                &[]
            };
            assert_eq!(service.aliases, expected, "{}", service.name);
        }
    }

    #[test]
    fn ord2_by_time_then_name_then_namespace() {
        let at = |t, namespace, name| {
            let mut o = object(Kind::Service, namespace, name, kinds::Service::default());
            o.meta.created = t;
            o
        };
        let now = CreationTime::Now;
        let all = services(
            &[at(now, "b", "x"), at(now, "a", "x"), at(now, "z", "a"), at(CreationTime::At(5), "z", "z")],
            &[],
            &MeshConfig::default(),
        );
        let seen: Vec<_> = all.iter().map(|s| (s.name.as_str(), s.namespace.as_str())).collect();
        assert_eq!(seen, [("z", "z"), ("a", "z"), ("x", "a"), ("x", "b")]);
    }

    #[test]
    fn ex6_narrowing() {
        let only = |n: &str| Visibility::Namespaces(vec![n.into()]);
        let namespace = Some(ServiceEntryVisibility::Namespace);
        assert_eq!(narrowed(Visibility::Public, None, "a"), Visibility::Public);
        assert_eq!(narrowed(Visibility::Public, namespace, "a"), only("a"));
        assert_eq!(narrowed(only("b"), namespace, "a"), Visibility::Nobody);
        assert_eq!(narrowed(Visibility::Public, Some(ServiceEntryVisibility::None), "a"), Visibility::Nobody);
    }

    #[test]
    fn services_without_an_address_get_one() {
        let with = |ips: &[&str]| {
            let cluster_ips = ips.iter().map(SmolStr::new).collect();
            object(Kind::Service, "default", "s", kinds::Service { cluster_ips, ..Default::default() })
        };
        let mut all = [with(&["10.96.0.3"]), with(&[]), external("a", "b", "c"), with(&["None"]), with(&[])];
        assign_cluster_ips(&mut all);
        let seen: Vec<_> = all.iter().map(|s| s.spec.cluster_ips.join(",")).collect();
        assert_eq!(seen, ["10.96.0.3", "10.96.0.2", "", "None", "10.96.0.4"]);
    }
}
