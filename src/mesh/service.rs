//! Services of the mesh: Kubernetes Services and the hosts of ServiceEntries (section 3 of the translation rules).

use std::net::IpAddr;

use ipnet::IpNet;
use smol_str::SmolStr;

use crate::manifest::{CreationTime, Labels, ObjectId, TargetPort};
use crate::source::Position;

/// One registry service: a Kubernetes Service, or one (host, address) pair of a ServiceEntry (SE-1).
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
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
    /// A traffic distribution preference is set (EP-6, EP-15).
    pub traffic_distribution: SmolStr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Registry {
    Kubernetes,
    ServiceEntry,
}

/// How endpoints are found (SV-2, SE-4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Address {
    Ip(IpAddr),
    Cidr(IpNet),
}

/// A service port.
#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    pub number: u16,
    pub name: SmolStr,
    pub protocol: Protocol,
    pub target_port: TargetPort,
}

/// What a port speaks, as its name or `appProtocol` says (SV-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
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
    pub fn parse(name: &str) -> Protocol {
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

    pub fn is_http(self) -> bool {
        matches!(self, Protocol::Http | Protocol::Http2 | Protocol::HttpProxy | Protocol::Grpc | Protocol::GrpcWeb)
    }

    pub fn is_http2(self) -> bool {
        matches!(self, Protocol::Http2 | Protocol::Grpc | Protocol::GrpcWeb)
    }

    pub fn is_tcp(self) -> bool {
        matches!(
            self,
            Protocol::Tcp | Protocol::Https | Protocol::Tls | Protocol::Mongo | Protocol::Redis | Protocol::Mysql
        )
    }

    pub fn is_tls(self) -> bool {
        matches!(self, Protocol::Https | Protocol::Tls)
    }

    pub fn is_sniffed(self) -> bool {
        self == Protocol::Unsupported
    }

    /// Membership in route tables.
    pub fn is_http_or_sniffed(self) -> bool {
        self.is_http() || self.is_sniffed()
    }
}

/// Who may see a service or VirtualService (EX-2, EX-3), with `.` already replaced and mesh defaults applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visibility {
    Public,
    Nobody,
    /// Sorted, without repetition.
    Namespaces(Vec<SmolStr>),
}

impl Visibility {
    pub fn allows(&self, namespace: &str) -> bool {
        match self {
            Visibility::Public => true,
            Visibility::Nobody => false,
            Visibility::Namespaces(all) => all.iter().any(|n| n == namespace),
        }
    }
}

impl Service {
    pub fn port(&self, number: u16) -> Option<&Port> {
        self.ports.iter().find(|p| p.number == number)
    }

    pub fn is_alias(&self) -> bool {
        matches!(self.resolution, Resolution::Alias(_))
    }

    /// Kubernetes headless service.
    pub fn is_headless(&self) -> bool {
        self.registry == Registry::Kubernetes && self.resolution == Resolution::Passthrough
    }
}
