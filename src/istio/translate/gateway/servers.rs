//! Which servers a gateway workload has, on which port each listens, and which of them get on with each other (GW-1 to GW-5).

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::{SmolStr, format_smolstr};

use crate::envoy::proxy::Proxy;
use crate::envoy::table::{DownstreamTls, Note, NoteKind};
use crate::istio::mesh::{Mesh, Protocol, ServiceTarget};
use crate::manifest::kinds::{Gateway, Object, Server, ServerTls, ServerTlsMode};
use crate::order::Order as _;

/// Services with this label don't translate gateway ports (GW-3).
const NO_PORT_TRANSLATION: &str = "experimental.istio.io/disable-gateway-port-translation";

/// One server of one Gateway, on the port where it listens.
#[derive(Debug, Clone)]
pub(super) struct GatewayServer {
    pub gateway: Arc<Object<Gateway>>,
    /// `namespace/name`.
    pub gateway_name: SmolStr,
    /// Position in the Gateway's list.
    pub index: usize,
    /// `server.port.number`, which stands for the port wherever routes and names are concerned.
    pub port: u16,
    pub protocol: Protocol,
    /// Normalised (GW-2): `host`, or `namespace/host`.
    pub hosts: Vec<SmolStr>,
    pub listening_port: u16,
    /// None: a TCP proxy without table (GW-4).
    pub route_name: Option<SmolStr>,
}

impl GatewayServer {
    pub(super) fn server(&self) -> Option<&Server> {
        self.gateway.spec.servers.get(self.index)
    }

    pub(super) fn tls(&self) -> Option<&ServerTls> {
        self.server()?.tls.as_ref()
    }

    pub(super) fn bind(&self) -> &str {
        self.server().map_or("", |s| &s.bind)
    }

    /// The protocol as written.
    fn protocol_text(&self) -> &str {
        self.server().and_then(|s| s.port.as_ref()).map_or("", |p| &p.protocol)
    }

    /// TLS that is not terminated here.
    pub(super) fn is_passthrough(&self) -> bool {
        self.tls().is_some_and(|t| matches!(t.mode, ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough))
    }

    /// TLS that is passed on by the cluster that SNI names.
    pub(super) fn is_auto_passthrough(&self) -> bool {
        self.tls().is_some_and(|t| t.mode == ServerTlsMode::AutoPassthrough)
    }

    pub(super) fn is_https_redirect(&self) -> bool {
        self.tls().is_some_and(|t| t.https_redirect)
    }

    /// HTTPS that is terminated here.
    pub(super) fn is_terminated_https(&self) -> bool {
        self.protocol == Protocol::Https && self.tls().is_some() && !self.is_passthrough()
    }

    /// Serves HTTP, by a table.
    fn is_http(&self) -> bool {
        self.protocol.is_http() || self.is_terminated_https()
    }

    /// A plain HTTP server counts as plaintext even with a `tls` block, which can only ask for a redirect.
    fn is_plaintext(&self) -> bool {
        self.tls().is_none() || self.protocol.is_http()
    }

    /// GW-17; None where nothing is terminated.
    pub(super) fn downstream_tls(&self) -> Option<DownstreamTls> {
        match self.tls()?.mode {
            ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough => None,
            ServerTlsMode::Simple => Some(DownstreamTls::Simple),
            ServerTlsMode::Mutual => Some(DownstreamTls::Mutual),
            ServerTlsMode::OptionalMutual => Some(DownstreamTls::OptionalMutual),
            ServerTlsMode::IstioMutual => Some(DownstreamTls::IstioMutual),
        }
    }

    /// The hosts without namespaces, sorted: what SNI is compared with (GW-16).
    pub(super) fn server_names(&self) -> Vec<SmolStr> {
        let mut names: Vec<SmolStr> = self.hosts.iter().map(|h| split_host(h).1.into()).collect();
        names.order_alike();
        names.dedup();
        names
    }

    /// `Gateway ns/name, server 2 (port 443)`, for notes.
    pub(super) fn describe(&self) -> String {
        format!("server {} (port {})", self.index, self.port)
    }

    /// A note about this server.
    pub(super) fn note(&self, kind: NoteKind, rule: &'static str, message: String) -> Note {
        Note {
            kind,
            rule,
            message,
            object: Some(self.gateway.id.clone()),
            at: self.server().map_or(self.gateway.at, |s| s.at),
            route_config: self.route_name.clone().unwrap_or_default(),
            virtual_host: SmolStr::default(),
        }
    }
}

/// Namespace (None: any) and host of a normalised server host.
pub(super) fn split_host(host: &str) -> (Option<&str>, &str) {
    match host.split_once('/') {
        Some((namespace, host)) => (Some(namespace), host.split('/').next().unwrap_or_default()),
        None => (None, host),
    }
}

/// Servers that share a filter chain or stand side by side in one listener.
#[derive(Debug)]
pub(super) struct ServerGroup {
    pub port: u16,
    pub bind: SmolStr,
    pub protocol: Protocol,
    /// As written; groups that differ in it are apart.
    protocol_text: SmolStr,
    /// Positions in [`MergedServers::servers`].
    pub servers: Vec<usize>,
    /// The table of plain HTTP groups.
    pub route_name: SmolStr,
}

/// All servers of a gateway workload after merging.
#[derive(Debug, Default)]
pub(super) struct MergedServers {
    pub servers: Vec<GatewayServer>,
    /// In the order in which their first servers came.
    pub groups: Vec<ServerGroup>,
    pub by_route_name: IndexMap<SmolStr, Vec<usize>>,
    /// A server finds clusters by SNI and was not left out for its hosts; it may still have been for its port.
    pub has_auto_passthrough: bool,
}

impl MergedServers {
    pub(super) fn server(&self, position: usize) -> Option<&GatewayServer> {
        self.servers.get(position)
    }
}

/// The servers of the Gateways that select the proxy's pod, merged, and notes about those left out.
pub(super) fn merged_servers(mesh: &Mesh, proxy: &Proxy) -> (MergedServers, Vec<Note>) {
    let targets = mesh.endpoints.service_targets(proxy);
    let selected = mesh.gateways.iter().filter(|g| g.spec.selector.is_subset_of(&proxy.labels));
    let mut notes = Vec::new();
    let mut merger = Merger::default();
    for gateway in selected {
        for index in 0..gateway.spec.servers.len() {
            let Some(server) = gateway_server(gateway, index, &targets) else { continue };
            if let Err(reason) = merger.add(server.clone()) {
                let message = format!("{} is left out: {reason}", server.describe());
                notes.push(server.note(NoteKind::Dropped, "GW-5", message));
            }
        }
    }
    (merger.merged, notes)
}

fn gateway_server(gateway: &Arc<Object<Gateway>>, index: usize, targets: &[ServiceTarget]) -> Option<GatewayServer> {
    let server = gateway.spec.servers.get(index)?;
    let port = server.port.as_ref()?;
    let number = u16::try_from(port.number).ok()?;
    let mut server = GatewayServer {
        gateway: gateway.clone(),
        gateway_name: gateway.meta.full_name(),
        index,
        port: number,
        protocol: Protocol::parse(&port.protocol),
        hosts: normalise_hosts(&server.hosts, &gateway.meta.namespace),
        listening_port: listening_port(number, targets),
        route_name: None,
    };
    server.route_name = route_name(&server);
    Some(server)
}

/// GW-2.
fn normalise_hosts(hosts: &[SmolStr], namespace: &str) -> Vec<SmolStr> {
    let mut normalised = Vec::with_capacity(hosts.len());
    for host in hosts {
        normalised.push(match split_host(host) {
            (Some("*"), "*") => return vec!["*".into()],
            (Some("*"), name) => name.into(),
            (Some("."), name) => format_smolstr!("{namespace}/{name}"),
            _ => host.clone(),
        });
    }
    normalised
}

/// GW-3: the target port of the first Service target that has the port, else the port itself: so too where a Service gives
/// the port beside an earlier one with the same target, which connections to it reach all the same.
fn listening_port(port: u16, targets: &[ServiceTarget]) -> u16 {
    let translating = |t: &&ServiceTarget| t.port == port && t.service.labels.get(NO_PORT_TRANSLATION).is_none();
    targets.iter().find(translating).map_or(port, |t| t.target_port)
}

/// Pairs of (dialled port, target port): the Services that translate ports first, since they decide for the gateway.
pub(super) fn dialled_ports(targets: &[ServiceTarget]) -> Vec<(u16, u16)> {
    let opted_out = |t: &&ServiceTarget| t.service.labels.get(NO_PORT_TRANSLATION).is_some();
    let mut ports: Vec<(u16, u16)> = Vec::new();
    let mut seen = FxHashSet::default();
    let in_order = targets.iter().filter(|t| !opted_out(t)).chain(targets.iter().filter(opted_out));
    for target in in_order {
        if seen.insert(target.port) {
            ports.push((target.port, target.target_port));
        }
    }
    ports.order_alike();
    ports
}

/// GW-4.
fn route_name(server: &GatewayServer) -> Option<SmolStr> {
    let bind = if server.bind().is_empty() { SmolStr::default() } else { format_smolstr!(".{}", server.bind()) };
    if server.protocol.is_http() {
        return Some(format_smolstr!("http.{}{bind}", server.listening_port));
    }
    if server.protocol == Protocol::Https && !server.is_passthrough() {
        let meta = &server.gateway.meta;
        let port_name = server.server().and_then(|s| s.port.as_ref()).map_or("", |p| &p.name);
        return Some(format_smolstr!("https.{}.{port_name}.{}.{}{bind}", server.port, meta.name, meta.namespace));
    }
    None
}

/// GW-5, server by server.
#[derive(Default)]
struct Merger {
    merged: MergedServers,
    /// By listening port: the bind under which TLS servers claimed a host last.
    claimed_hosts: FxHashMap<(u16, SmolStr), SmolStr>,
    /// Ports that have a server.
    ports: FxHashSet<u16>,
    /// The group of the last plaintext server that opened one on a port; whatever comes behind it is held against that one.
    plaintext: FxHashMap<u16, usize>,
}

impl Merger {
    /// Adds a server, or says why not.
    fn add(&mut self, server: GatewayServer) -> Result<(), String> {
        self.claim_hosts(&server)?;
        self.merged.has_auto_passthrough |= server.is_auto_passthrough();
        if self.ports.insert(server.listening_port) {
            return self.add_first(server);
        }
        match self.plaintext.get(&server.listening_port) {
            Some(group) => self.add_beside_plaintext(server, *group),
            None => self.add_beside_tls(server),
        }
    }

    /// A host can be claimed once by the servers with a `tls` block on one port and bind.
    fn claim_hosts(&mut self, server: &GatewayServer) -> Result<(), String> {
        if server.tls().is_none() {
            return Ok(());
        }
        for host in &server.hosts {
            let claimed = self.claimed_hosts.get(&(server.listening_port, host.clone()));
            if claimed.is_some_and(|bind| bind == server.bind()) {
                return Err(format!("host `{host}` was claimed by an earlier server with a tls block on this port"));
            }
        }
        for host in &server.hosts {
            self.claimed_hosts.insert((server.listening_port, host.clone()), server.bind().into());
        }
        Ok(())
    }

    fn add_first(&mut self, server: GatewayServer) -> Result<(), String> {
        let (port, is_plaintext) = (server.listening_port, server.is_plaintext());
        if let Some(name) = server.route_name.clone().filter(|_| server.is_http()) {
            self.merged.by_route_name.insert(name, vec![self.merged.servers.len()]);
        }
        let route_name = server.route_name.clone().unwrap_or_default();
        let group = self.push(server, route_name);
        if is_plaintext {
            self.plaintext.insert(port, group);
        }
        Ok(())
    }

    fn add_beside_plaintext(&mut self, server: GatewayServer, first: usize) -> Result<(), String> {
        let Some(group) = self.merged.groups.get_mut(first) else { return Ok(()) };
        let position = self.merged.servers.len();
        let route_name = server.route_name.clone().unwrap_or_default();
        if group.bind == server.bind() {
            if !(server.protocol.is_http() && group.protocol.is_http()) {
                return Err(format!(
                    "port {} belongs to an earlier plaintext server, and they are not both HTTP",
                    server.listening_port
                ));
            }
            group.servers.push(position);
            self.merged.servers.push(server);
        } else {
            let (port, is_plaintext) = (server.listening_port, server.is_plaintext());
            let group = self.push(server, route_name.clone());
            if let Some(group) = self.merged.groups.get_mut(group) {
                group.route_name.clone_from(&route_name);
            }
            if is_plaintext {
                self.plaintext.insert(port, group);
            }
        }
        self.merged.by_route_name.entry(route_name).or_default().push(position);
        Ok(())
    }

    /// Only TLS servers so far: the first plaintext one joins them as its own chain and from then on stands for the port.
    fn add_beside_tls(&mut self, server: GatewayServer) -> Result<(), String> {
        if server.is_http() {
            let name = server.route_name.clone().unwrap_or_default();
            if self.merged.by_route_name.contains_key(&name) {
                return Err(format!("its table `{name}` belongs to an earlier server"));
            }
            self.merged.by_route_name.insert(name, vec![self.merged.servers.len()]);
        }
        let (port, is_plaintext) = (server.listening_port, server.is_plaintext());
        let route_name = server.route_name.clone().unwrap_or_default();
        let group = self.push(server, route_name);
        if is_plaintext {
            self.plaintext.insert(port, group);
        }
        Ok(())
    }

    /// Puts the server into its group, a new one if need be; a new one gets `route_name`.
    fn push(&mut self, server: GatewayServer, route_name: SmolStr) -> usize {
        let is_same = |g: &ServerGroup| {
            g.port == server.listening_port && g.bind == server.bind() && g.protocol_text == server.protocol_text()
        };
        let found = self.merged.groups.iter().position(is_same);
        let group = found.unwrap_or_else(|| {
            self.merged.groups.push(ServerGroup {
                port: server.listening_port,
                bind: server.bind().into(),
                protocol: server.protocol,
                protocol_text: server.protocol_text().into(),
                servers: Vec::new(),
                route_name,
            });
            self.merged.groups.len() - 1
        });
        if let Some(g) = self.merged.groups.get_mut(group) {
            g.servers.push(self.merged.servers.len());
        }
        self.merged.servers.push(server);
        group
    }
}
