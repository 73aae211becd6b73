//! How a request's connection gets to the proxy: what redirection, DNS and Services do before Envoy sees it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use super::session::{Dial, Tls};
use crate::envoy::authority::Authority;
use crate::envoy::proxy::ProxyKind;
use crate::envoy::request::Request;
use crate::envoy::router::{RequestView, Router, dialled_port};
use crate::envoy::table::RouteTable;

/// Where the connection of a request goes.
///
/// # Errors
/// Why it doesn't come to the proxy, or cannot be made here.
pub(super) fn dial(router: &Router, request: &Request, has_ipv6: bool) -> Result<Dial, &'static str> {
    let view = RequestView::from(request);
    let table = router.table();
    let port = dialled_port(&view);
    let to = match table.proxy.kind {
        ProxyKind::Sidecar => SocketAddr::new(router.address(&view).unwrap_or_else(|| stranger(table)), port),
        ProxyKind::Gateway => SocketAddr::new(gateway_address(table, &view), gateway_port(table, port)?),
    };
    if !is_unicast(to.ip()) {
        return Err("nothing can be dialled at this address");
    }
    if to.is_ipv6() && !has_ipv6 {
        return Err("this machine has no IPv6");
    }
    Ok(Dial { to, tls: if request.tls { Tls::Client(server_name(request)?) } else { Tls::Plain } })
}

/// The port that the gateway's pod gets connections on: that behind the Service's port, where a Service selects the pod.
fn gateway_port(table: &RouteTable, dialled: u16) -> Result<u16, &'static str> {
    if table.service_ports.is_empty() {
        return Ok(dialled);
    }
    let found = table.service_ports.iter().find(|(port, _)| *port == dialled);
    found.map(|(_, target)| *target).ok_or("no Service of the gateway has that port, so nothing comes to the proxy")
}

/// Connections arrive at the pod's own address, whatever the client dialled, but for those to the pod itself.
fn gateway_address(table: &RouteTable, request: &RequestView<'_>) -> IpAddr {
    let own = &table.proxy.ips;
    let dialled = request.address.filter(|a| own.is_empty() || a.is_loopback() || own.contains(a));
    dialled.or(own.first().copied()).unwrap_or_else(|| stranger(table))
}

/// Envoy takes no other address from a PROXY header.
fn is_unicast(address: IpAddr) -> bool {
    let broadcast = IpAddr::V4(Ipv4Addr::BROADCAST);
    !address.is_unspecified() && !address.is_multicast() && address != broadcast
}

/// An address that no listener and no filter chain of the proxy names.
pub(super) fn stranger(table: &RouteTable) -> IpAddr {
    let is_named = |address: IpAddr| {
        table.listeners.iter().any(|l| {
            let ranges = l.filter_chains.iter().flat_map(|c| &c.matcher.prefix_ranges);
            l.address == address || ranges.into_iter().any(|r| r.prefix_len() > 0 && r.contains(&address))
        })
    };
    // Addresses for documentation and benchmarks first, then those reserved for the future.
    let candidates = [[203, 0, 113, 77], [198, 51, 100, 77], [192, 0, 2, 77], [198, 19, 77, 77], [240, 77, 77, 77]];
    let mut candidates = candidates.into_iter().map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    candidates.find(|a| !is_named(*a)).unwrap_or(IpAddr::V4(Ipv4Addr::new(250, 77, 77, 77)))
}

/// The name in the client's hello, as the client writes it.
fn server_name(request: &Request) -> Result<Option<String>, &'static str> {
    let dialled = request.dialled_host.as_ref().unwrap_or(&request.authority);
    let name = match &request.sni {
        Some(name) => Some(name.to_string()),
        None => Authority::of(dialled).server_name().map(|n| n.into_owned()),
    };
    match name {
        Some(name) if name.is_empty() => Ok(None),
        Some(name) if name.len() > 255 || name.contains('\0') => Err("TLS cannot carry this server name"),
        name => Ok(name),
    }
}

/// True where this machine can make IPv6 sockets at all; Envoy refuses every IPv6 address where it cannot.
pub(super) fn has_ipv6() -> bool {
    // The loopback's address is no one else's business; a machine may lack it and have sockets all the same.
    match UdpSocket::bind("[::1]:0") {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::AddrNotAvailable,
    }
}
