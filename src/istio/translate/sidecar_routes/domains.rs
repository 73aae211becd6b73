//! The domains of a service's virtual host (VH-10, VH-11).

use std::net::IpAddr;

use smol_str::{SmolStr, format_smolstr};

use crate::envoy::proxy::Proxy;
use crate::istio::mesh::{Address, Registry, Service};

/// Domains of one virtual host before de-duplication.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Domains {
    pub(super) all: Vec<SmolStr>,
    /// Those of `all` that are short or dotted forms of a name (VH-12).
    pub(super) alternates: Vec<SmolStr>,
}

/// Who asks: what domains depend on besides the service.
pub(super) struct Viewer<'a> {
    pub(super) proxy: &'a Proxy,
    pub(super) cluster_domain: &'a str,
    /// HTTP proxy tables list every domain with this port too (VH-16).
    pub(super) with_port: Option<u16>,
    /// The first address is a domain of whatever family it is (before VE-17).
    pub(super) any_family: bool,
}

/// VH-11: the other names that the proxy's pod can use for `name`.
pub(crate) fn alternate_names(proxy: &Proxy, cluster_domain: &str, name: &str) -> Vec<SmolStr> {
    let mut names = Vec::new();
    Viewer { proxy, cluster_domain, with_port: None, any_family: false }.push_alternates(name, &mut names);
    names
}

impl Viewer<'_> {
    /// VH-10.
    pub(super) fn domains(&self, service: &Service) -> Domains {
        let mut out = Domains::default();
        let aliases = service.aliases.iter().map(|(hostname, _)| hostname);
        for name in std::iter::once(&service.hostname).chain(aliases) {
            self.push(&mut out.all, bracketed(name));
            let before = out.all.len();
            self.push_alternates(name, &mut out.all);
            out.alternates.extend(out.all.iter().skip(before).cloned());
        }
        if service.is_headless() {
            let stars: Vec<SmolStr> = out.all.iter().map(|domain| format_smolstr!("*.{domain}")).collect();
            out.all.extend(stars);
        }
        for address in self.addresses(service) {
            self.push(&mut out.all, address);
        }
        out
    }

    /// Whether the proxy has addresses of IPv4, and of IPv6.
    pub(super) fn families(&self) -> [bool; 2] {
        let ips = &self.proxy.ips;
        [ips.is_empty() || ips.iter().any(IpAddr::is_ipv4), ips.iter().any(IpAddr::is_ipv6)]
    }

    /// The proxy's namespace where the service, or one of its aliases, has other names there than elsewhere; else empty.
    pub(super) fn own_namespace(&self, service: &Service) -> SmolStr {
        let namespace = &self.proxy.namespace;
        let is_own =
            |name: &SmolStr| name.split_once('.').is_some_and(|(_, rest)| rest.starts_with(namespace.as_str()));
        let aliases = service.aliases.iter().map(|(hostname, _)| hostname);
        if std::iter::once(&service.hostname).chain(aliases).any(is_own) {
            namespace.clone()
        } else {
            SmolStr::default()
        }
    }

    /// VH-11: other names that the proxy's pod can use for `name`.
    fn push_alternates(&self, name: &str, out: &mut Vec<SmolStr>) {
        if name.parse::<IpAddr>().is_err() {
            self.push(out, format_smolstr!("{name}."));
        }
        let in_cluster = name.strip_suffix(self.cluster_domain).is_some_and(|before| before.ends_with(".svc."));
        let Some((before_svc, _)) = name.split_once(".svc.").filter(|_| in_cluster) else { return };
        let Some((first, rest)) = before_svc.split_once('.') else { return };
        if rest == self.proxy.namespace {
            self.push(out, first.into());
            self.push(out, format_smolstr!("{before_svc}.svc"));
            self.push(out, before_svc.into());
        } else {
            self.push(out, before_svc.into());
            self.push(out, format_smolstr!("{before_svc}.svc"));
        }
    }

    fn push(&self, out: &mut Vec<SmolStr>, domain: SmolStr) {
        match self.with_port {
            None => out.push(domain),
            Some(port) => {
                let with_port = format_smolstr!("{domain}:{port}");
                out.extend([domain, with_port]);
            }
        }
    }

    /// VH-10.3: the addresses of the families that the proxy has. Where none is left, the first one of a ServiceEntry all the same;
    /// of a Kubernetes service none (VE-17).
    fn addresses(&self, service: &Service) -> Vec<SmolStr> {
        let [v4, v6] = self.families();
        let wanted = match service.addresses.first() {
            Some(first) if v4 && v6 => is_ipv4(first), // of both families, that of the first address
            _ => v4,
        };
        let of_family: Vec<&Address> = service.addresses.iter().filter(|a| is_ipv4(a) == wanted).collect();
        let takes_first = self.any_family || service.registry != Registry::Kubernetes;
        let chosen =
            if of_family.is_empty() && takes_first { service.addresses.iter().take(1).collect() } else { of_family };
        chosen.into_iter().filter(|a| !is_unspecified(a)).map(address_domain).collect()
    }
}

fn is_ipv4(address: &Address) -> bool {
    match address {
        Address::Ip(ip) => ip.is_ipv4(),
        Address::Cidr(range) => range.addr().is_ipv4(),
    }
}

fn is_unspecified(address: &Address) -> bool {
    matches!(address, Address::Ip(IpAddr::V4(ip)) if ip.is_unspecified())
}

fn address_domain(address: &Address) -> SmolStr {
    match address {
        Address::Ip(ip) => bracketed(&format_smolstr!("{ip}")),
        Address::Cidr(range) => bracketed(&format_smolstr!("{range}")),
    }
}

/// VH-9: IPv6 addresses stand in brackets.
pub(super) fn bracketed(host: &SmolStr) -> SmolStr {
    if host.contains(':') && !host.starts_with('[') { format_smolstr!("[{host}]") } else { host.clone() }
}
