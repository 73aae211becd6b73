//! Services of the mesh: Kubernetes Services and the hosts of ServiceEntries (section 3 of the translation rules).

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use smol_str::SmolStr;

use crate::manifest::kinds::{CreationTime, Labels, ObjectId, TargetPort};
use crate::manifest::source::Position;
use crate::order::Order as _;

/// One registry service: a Kubernetes Service, or one (host, address) pair of a ServiceEntry (SE-1).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Service {
    /// As written; sidecars lower-case it for tables (CS-1).
    pub hostname: SmolStr,
    pub namespace: SmolStr,
    /// Kubernetes: the object's name; ServiceEntry: the host (ORD-2).
    pub name: SmolStr,
    pub registry: Registry,
    pub resolution: Resolution,
    /// Unicast addresses as IPs; CIDRs of ServiceEntries stay ranges. Empty stands for `0.0.0.0`.
    pub addresses: Vec<Address>,
    pub ports: Vec<Port>,
    pub visibility: Visibility,
    /// `MeshExternal` (SV-2, SE location).
    pub mesh_external: bool,
    pub labels: Labels,
    /// Pod selector; empty: none.
    pub selector: Labels,
    pub created: CreationTime,
    pub object: ObjectId,
    pub at: Position,
    /// ExternalName services that lead here: (hostname, namespace), ordered by (namespace, hostname) (AL-1).
    pub aliases: Vec<(SmolStr, SmolStr)>,
    /// `internalTrafficPolicy: Local` (EP-8).
    pub node_local: bool,
    /// EP-6, EP-15.
    pub traffic_distribution: TrafficDistribution,
    /// The session labels are set, with which terminating endpoints that still serve are drained instead (EP-4).
    pub persistent_session: bool,
    /// All addresses that a name resolves to are dialled at once, and the first that answers is kept (SE-4).
    pub races_connections: bool,
}

/// Preference for near endpoints, from `trafficDistribution` or the annotation `networking.istio.io/traffic-distribution`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum TrafficDistribution {
    #[default]
    Any,
    /// Also written `PreferClose`.
    PreferSameZone,
    PreferSameNode,
}

/// Where a service comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Registry {
    Kubernetes,
    ServiceEntry,
}

/// How endpoints are found (SV-2, SE-4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// EDS.
    Static,
    /// Headless Service, or resolution NONE: the dialled address.
    Passthrough,
    Dns,
    DnsRoundRobin,
    DynamicDns,
    /// ExternalName: another name for the given hostname (as written in `externalName`).
    Alias(SmolStr),
}

/// An address that clients dial to reach a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Ip(IpAddr),
    Cidr(IpNet),
}

/// A service port.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Port {
    pub number: u16,
    pub name: SmolStr,
    pub protocol: Protocol,
    pub target_port: TargetPort,
}

/// What a port speaks, as its name or `appProtocol` says (SV-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Grpc,
    GrpcWeb,
    Http,
    HttpProxy,
    Http2,
    Https,
    Tls,
    Mongo,
    Redis,
    Mysql,
    /// "auto": found out by looking at the bytes.
    Unsupported,
}

impl Protocol {
    /// Parses a protocol name ignoring case; anything unknown is `Unsupported` (SE-3).
    pub(crate) fn parse(name: &str) -> Protocol {
        match name.to_ascii_lowercase().as_str() {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "grpc" => Protocol::Grpc,
            "grpc-web" => Protocol::GrpcWeb,
            "http" => Protocol::Http,
            "http_proxy" => Protocol::HttpProxy,
            "http2" => Protocol::Http2,
            "https" => Protocol::Https,
            "tls" => Protocol::Tls,
            "mongo" => Protocol::Mongo,
            "redis" => Protocol::Redis,
            "mysql" => Protocol::Mysql,
            _ => Protocol::Unsupported,
        }
    }

    /// What a Kubernetes service port speaks (SV-4): `appProtocol` decides where it is given, even empty, else the port's name.
    pub(crate) fn of_kubernetes_port(number: u16, name: &str, app_protocol: Option<&str>) -> Protocol {
        let parsed = match app_protocol {
            Some("kubernetes.io/h2c") => Protocol::Http2,
            Some("kubernetes.io/ws") => Protocol::Http,
            Some("kubernetes.io/wss") => Protocol::Https,
            Some(text) => Protocol::of_prefix(text),
            None => Protocol::of_prefix(name),
        };
        match (parsed, number) {
            // Protocols in which the server speaks first, which looking at the client's bytes would block.
            (Protocol::Unsupported, 25 | 53 | 3306 | 27017) => Protocol::Tcp,
            _ => parsed,
        }
    }

    fn of_prefix(text: &str) -> Protocol {
        if text.get(..8).is_some_and(|p| p.eq_ignore_ascii_case("grpc-web")) {
            return Protocol::GrpcWeb;
        }
        Protocol::parse(text.split('-').next().unwrap_or_default())
    }

    pub(crate) fn is_http(self) -> bool {
        matches!(self, Protocol::Http | Protocol::Http2 | Protocol::HttpProxy | Protocol::Grpc | Protocol::GrpcWeb)
    }

    pub(crate) fn is_http2(self) -> bool {
        matches!(self, Protocol::Http2 | Protocol::Grpc | Protocol::GrpcWeb)
    }

    pub(crate) fn is_tcp(self) -> bool {
        matches!(
            self,
            Protocol::Tcp | Protocol::Https | Protocol::Tls | Protocol::Mongo | Protocol::Redis | Protocol::Mysql
        )
    }

    pub(crate) fn is_tls(self) -> bool {
        matches!(self, Protocol::Https | Protocol::Tls)
    }

    pub(crate) fn is_sniffed(self) -> bool {
        self == Protocol::Unsupported
    }

    /// Membership in route tables.
    pub(crate) fn is_http_or_sniffed(self) -> bool {
        self.is_http() || self.is_sniffed()
    }
}

/// Who may see a service or VirtualService (EX-2, EX-3), with `.` already replaced and mesh defaults applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Visibility {
    Public,
    Nobody,
    /// Sorted, without repetition.
    Namespaces(Vec<SmolStr>),
}

impl Visibility {
    /// Resolves an `exportTo` list of an object in namespace `own` (EX-1 to EX-3): an empty list means the mesh default.
    ///
    /// `*` makes the object public whatever else is listed; otherwise `~` hides it from everyone.
    pub(crate) fn resolve(declared: &[SmolStr], default: &[SmolStr], own: &str) -> Visibility {
        let list = if declared.is_empty() { default } else { declared };
        if list.iter().any(|n| n == "*") {
            return Visibility::Public;
        }
        if list.iter().any(|n| n == "~") {
            return Visibility::Nobody;
        }
        let mut all: Vec<SmolStr> = list.iter().map(|n| if n == "." { own.into() } else { n.clone() }).collect();
        all.order();
        all.dedup();
        Visibility::Namespaces(all)
    }

    pub(crate) fn allows(&self, namespace: &str) -> bool {
        match self {
            Visibility::Public => true,
            Visibility::Nobody => false,
            Visibility::Namespaces(all) => all.iter().any(|n| n == namespace),
        }
    }
}

impl Service {
    /// Its port of that number among [`Service::tcp_ports`]: one of UDP may have the same number (DP-1).
    pub(crate) fn port(&self, number: u16) -> Option<&Port> {
        self.tcp_ports().find(|p| p.number == number)
    }

    /// Its ports but for those of UDP, which are nothing to proxies.
    pub(crate) fn tcp_ports(&self) -> impl Iterator<Item = &Port> {
        self.ports.iter().filter(|p| p.protocol != Protocol::Udp)
    }

    pub(crate) fn is_alias(&self) -> bool {
        self.alias_of().is_some()
    }

    /// The host that an ExternalName service stands for, as written.
    pub(crate) fn alias_of(&self) -> Option<&SmolStr> {
        match &self.resolution {
            Resolution::Alias(target) => Some(target),
            _ => None,
        }
    }

    /// This service with only those of its ports that `keep` accepts; None where none is left. Shared where all are.
    pub(crate) fn with_ports(self: &Arc<Self>, keep: impl Fn(&Port) -> bool) -> Option<Arc<Service>> {
        if self.ports.iter().all(&keep) && !self.ports.is_empty() {
            return Some(self.clone());
        }
        let ports: Vec<Port> = self.ports.iter().filter(|p| keep(p)).cloned().collect();
        if ports.is_empty() { None } else { Some(Arc::new(Service { ports, ..Service::clone(self) })) }
    }

    /// Kubernetes headless service.
    pub(crate) fn is_headless(&self) -> bool {
        self.registry == Registry::Kubernetes && self.resolution == Resolution::Passthrough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sv4_protocol_of_ports() {
        for (name, app, number, expected) in [
            ("http", None, 80, Protocol::Http),
            ("http-web", None, 80, Protocol::Http),
            ("HTTP2-x", None, 80, Protocol::Http2),
            ("grpc-web", None, 80, Protocol::GrpcWeb),
            ("grpc-webby", None, 80, Protocol::GrpcWeb),
            ("grpc-x", None, 80, Protocol::Grpc),
            ("httpx", None, 80, Protocol::Unsupported),
            ("", None, 3306, Protocol::Tcp),
            ("", None, 80, Protocol::Unsupported),
            ("http", Some(""), 80, Protocol::Unsupported),
            ("x", Some("kubernetes.io/h2c"), 80, Protocol::Http2),
            ("http", Some("tcp"), 80, Protocol::Tcp),
            ("http", Some("example.com/x"), 27017, Protocol::Tcp),
        ] {
            assert_eq!(Protocol::of_kubernetes_port(number, name, app), expected, "{name} {app:?} {number}");
        }
    }

    #[test]
    fn ex2_visibility() {
        let names = |list: &[&str]| list.iter().map(SmolStr::new).collect::<Vec<_>>();
        let resolve = |list: &[&str]| Visibility::resolve(&names(list), &names(&["."]), "own");
        assert_eq!(resolve(&[]), Visibility::Namespaces(names(&["own"])));
        assert_eq!(resolve(&["~", "*"]), Visibility::Public);
        assert_eq!(resolve(&["~", "."]), Visibility::Nobody);
        assert_eq!(resolve(&["x", ".", "own"]), Visibility::Namespaces(names(&["own", "x"])));
    }
}
