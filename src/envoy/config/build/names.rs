//! What the client's DNS answers, and the ports of a gateway's Service, as far as a configuration shows them (CF-4).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::envoy::config::message::{Beside, Whole};
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::envoy::table::{ChainAction, Listener, NameTable, Names, RouteConfiguration, TcpDestination};

/// Names and ports of Services as our own form has them.
pub(super) fn told(beside: Option<Beside>) -> Option<(NameTable, Vec<(u16, u16)>)> {
    let beside = beside?;
    let port = |n: Whole| u16::try_from(n.u32()).ok();
    let ports = beside.service_ports.iter().filter_map(|p| Some((port(p.port)?, port(p.target_port)?)));
    let names = NameTable { everywhere: Arc::new(beside.names.into_iter().collect()), own: Arc::default() };
    Some((names, ports.collect()))
}

/// Names of the mesh by address. Virtual hosts have both among their domains; a listener bound to the address of one service is the
/// service's. What other names lead to is no matter of the mesh.
pub(super) fn names(listeners: &[Listener], configs: &[RouteConfiguration], proxy: &Proxy) -> NameTable {
    let mut names = Names::default();
    if proxy.kind != ProxyKind::Sidecar {
        return NameTable::default();
    }
    for host in configs.iter().flat_map(|c| &c.virtual_hosts) {
        let addresses: Vec<IpAddr> =
            host.domains.iter().filter_map(|d| d.trim_matches(['[', ']']).parse().ok()).collect();
        if addresses.is_empty() || !host.domains.iter().any(|d| is_of_mesh(d)) {
            continue;
        }
        let is_name = |d: &&SmolStr| !d.contains(['*', ':', '[']) && d.parse::<IpAddr>().is_err();
        for name in host.domains.iter().filter(is_name) {
            names.entry(name.trim_end_matches('.').into()).or_insert_with(|| addresses.clone());
        }
    }
    for listener in listeners.iter().filter(|l| !l.address.is_unspecified() && !l.address.is_loopback()) {
        for chain in listener.filter_chains.iter().chain(&listener.default_filter_chain) {
            let host = match &chain.action {
                ChainAction::Http { route_config } => {
                    route_config.rsplit_once(':').map(|(host, _)| SmolStr::from(host))
                }
                ChainAction::Tcp(TcpDestination::Cluster(cluster)) => cluster.parts().map(|(host, _, _)| host.into()),
                ChainAction::Tcp(TcpDestination::Weighted(_)) => None,
            };
            let Some(host) = host.filter(|host| is_of_mesh(host)) else { continue };
            for name in forms(&host, &proxy.namespace) {
                let all = names.entry(name).or_default();
                if !all.contains(&listener.address) {
                    all.push(listener.address);
                }
            }
        }
    }
    NameTable { everywhere: Arc::new(names), own: Arc::default() }
}

fn is_of_mesh(host: &str) -> bool {
    host.contains(".svc.")
}

/// A host and the shorter names that lead to it from a namespace.
fn forms(host: &str, namespace: &str) -> Vec<SmolStr> {
    let host = host.to_ascii_lowercase();
    let mut all = vec![SmolStr::from(host.as_str())];
    if let Some((short, _)) = host.split_once(".svc.") {
        all.push(format!("{short}.svc").into());
        all.push(short.into());
        all.extend(short.split_once('.').filter(|(_, ns)| *ns == namespace).map(|(name, _)| name.into()));
    }
    all
}

/// The port that clients dial for each that the gateway listens on, where its tables tell: their virtual hosts are called
/// `HOST:PORT` by the Gateway's port, and those behind TLS `https.PORT....`. What listens on 8080 and 8443 for Istio is dialled at 80
/// and 443 as well.
pub(super) fn service_ports(
    listeners: &[Listener],
    configs: &[RouteConfiguration],
    proxy: &Proxy,
    of_istio: bool,
) -> Vec<(u16, u16)> {
    if proxy.kind != ProxyKind::Gateway {
        return Vec::new();
    }
    let mut ports: BTreeMap<(u16, u16), ()> = BTreeMap::new();
    for listener in listeners {
        for chain in listener.filter_chains.iter().chain(&listener.default_filter_chain) {
            let ChainAction::Http { route_config } = &chain.action else { continue };
            let secure = route_config.strip_prefix("https.").and_then(|rest| rest.split('.').next()?.parse().ok());
            let config = configs.iter().find(|c| c.name == *route_config);
            let of_host = |name: &SmolStr| name.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            let of_hosts = config.into_iter().flat_map(|c| &c.virtual_hosts).filter_map(|h| of_host(&h.name));
            ports.extend(secure.into_iter().chain(of_hosts).map(|port| ((port, listener.port), ())));
        }
    }
    // As Istio's own gateways have it, which can't listen on the ports that their Service has.
    let listens = |port: u16| listeners.iter().any(|l| l.port == port);
    for (port, behind) in [(80, 8080), (443, 8443)] {
        if of_istio && listens(behind) && !listens(port) {
            ports.insert((port, behind), ());
        }
    }
    // As long as every port is dialled as it is, nothing need be said.
    if ports.keys().all(|(port, listening)| port == listening) {
        return Vec::new();
    }
    for listener in listeners {
        ports.insert((listener.port, listener.port), ());
    }
    let mut all: Vec<(u16, u16)> = ports.into_keys().collect();
    all.sort_by_key(|(port, target)| (port == target, *port, *target));
    all
}
