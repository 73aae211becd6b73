//! Route configurations of gateways: virtual hosts, merging, redirects to https, collapsing (GW-7 to GW-13).

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxHashMap;
use smol_str::{SmolStr, ToSmolStr, format_smolstr};

use super::servers::{GatewayServer, MergedServers};
use super::{Context, Gateways, Lookup};
use crate::envoy::table::{Note, NoteKind, Route, RouteConfiguration, VirtualHost};
use crate::istio::mesh::by_specificity;
use crate::istio::translate::http::{self, HttpSite};
use crate::manifest::kinds::ObjectId;
use crate::manifest::source::Position;
use crate::order::Order as _;

/// A virtual host under construction, by its one domain.
struct Host {
    name: SmolStr,
    require_tls: bool,
    routes: Vec<Arc<Route>>,
    /// The VirtualServices that gave routes, in order.
    services: Vec<ObjectId>,
}

/// The route configuration `name`, made of the servers that share it.
pub(super) fn route_config(
    cx: &Context<'_>,
    name: &SmolStr,
    merged: &MergedServers,
    gateways: &Gateways<'_>,
    lookup: &Lookup<'_>,
) -> RouteConfiguration {
    let positions = merged.by_route_name.get(name).map_or(&[][..], Vec::as_slice);
    let servers: Vec<&GatewayServer> = positions.iter().filter_map(|p| merged.server(*p)).collect();
    let mut builder = Builder { cx, name, lookup, hosts: IndexMap::default(), routes: FxHashMap::default() };
    for server in &servers {
        builder.add_server(server, gateways);
    }
    let virtual_hosts = if builder.hosts.is_empty() {
        let port = servers.first().map_or(0, |s| s.port);
        if let Some(server) = servers.first() {
            let message =
                "no VirtualService has a route for its hosts, so every request is answered with 404".to_owned();
            cx.note(server.note(NoteKind::Remark, "GW-10", message));
        }
        vec![VirtualHost {
            name: format_smolstr!("blackhole:{port}"),
            domains: vec!["*".into()],
            require_tls: false,
            further: None,
            routes: Arc::default(),
        }]
    } else {
        builder.finish()
    };
    RouteConfiguration {
        name: name.clone(),
        ignore_port: true,
        virtual_hosts: virtual_hosts.into_iter().map(Arc::new).collect(),
    }
}

struct Builder<'a> {
    cx: &'a Context<'a>,
    name: &'a SmolStr,
    lookup: &'a Lookup<'a>,
    /// By lower-cased host.
    hosts: IndexMap<SmolStr, Host>,
    /// Routes once made, by gateway and position of the VirtualService; the same objects are used again (GW-7.3).
    routes: FxHashMap<(SmolStr, usize), Arc<[Arc<Route>]>>,
}

impl Builder<'_> {
    /// GW-7, then GW-9.
    fn add_server(&mut self, server: &GatewayServer, gateways: &Gateways<'_>) {
        let redirect = server.is_https_redirect();
        if let Some(bound) = gateways.bound(&server.gateway_name) {
            for (position, hosts) in bound.intersections(server) {
                let Some(vs) = bound.services.get(position) else { continue };
                let key = (server.gateway_name.clone(), position);
                let routes = match self.routes.get(&key) {
                    Some(routes) => routes.clone(),
                    None => {
                        let site = HttpSite {
                            port: server.port,
                            gateway: &server.gateway_name,
                            is_tls: server.tls().is_some(),
                            lookup: self.lookup,
                            route_config: self.name,
                        };
                        http::routes(self.cx, vs, &site)
                    }
                };
                if routes.is_empty() {
                    continue; // tried again for the next server
                }
                for host in hosts {
                    self.add_routes(&host, server.port, redirect, &routes, &vs.object);
                }
                self.routes.entry(key).or_insert(routes);
            }
        }
        if redirect {
            self.require_tls(server);
        }
    }

    fn add_routes(&mut self, host: &str, port: u16, redirect: bool, routes: &[Arc<Route>], vs: &ObjectId) {
        let host = self.host(host, port);
        host.routes.extend_from_slice(routes);
        host.require_tls |= redirect;
        if host.services.last() != Some(vs) {
            host.services.push(vs.clone());
        }
    }

    /// The virtual host of a host, lower-cased; a new one is named after the port (GW-7.4).
    fn host(&mut self, host: &str, port: u16) -> &mut Host {
        let host =
            if host.bytes().any(|b| b.is_ascii_uppercase()) { host.to_lowercase().into() } else { host.to_smolstr() };
        let name = virtual_host_name(&host, port);
        let empty = || Host { name, require_tls: false, routes: Vec::new(), services: Vec::new() };
        self.hosts.entry(host).or_insert_with(empty)
    }

    /// GW-9: for every host of the server as it stands there, namespace included.
    fn require_tls(&mut self, server: &GatewayServer) {
        for host in &server.hosts {
            let vhost = self.host(host, server.port);
            vhost.require_tls = true;
            if host.contains('/') {
                let message = format!(
                    "httpsRedirect makes a virtual host for `{host}`, namespace included, which no request can name"
                );
                let note = server.note(NoteKind::Remark, "GW-9", message);
                self.cx.note(Note { virtual_host: virtual_host_name(host, server.port), ..note });
            }
        }
    }

    /// GW-11.
    fn finish(self) -> Vec<VirtualHost> {
        let (cx, table) = (self.cx, self.name);
        for host in self.hosts.values().filter(|h| h.services.len() > 1) {
            let services: IndexSet<&ObjectId> = host.services.iter().collect();
            if services.len() == 1 {
                continue; // reached through several servers
            }
            let names: Vec<String> = services.iter().map(|s| format!("{}/{}", s.namespace, s.name)).collect();
            let message = format!("routes of several VirtualServices, one after the other: {}", names.join(", "));
            cx.note(note(
                NoteKind::Merged,
                "GW-8",
                message,
                table,
                &host.name,
                host.services.first().cloned(),
                Position::default(),
            ));
        }
        let mut virtual_hosts = collapse(self.hosts);
        for host in &mut virtual_hosts {
            move_catch_alls(cx, table, host);
        }
        virtual_hosts.order_by(|a, b| a.name.cmp(&b.name));
        virtual_hosts
    }
}

/// Virtual hosts with the same route objects and the same `require_tls` become one, named after its first host (GW-11).
fn collapse(hosts: IndexMap<SmolStr, Host>) -> Vec<VirtualHost> {
    let mut hosts: Vec<(SmolStr, Host)> = hosts.into_iter().collect();
    hosts.order_by(|(a, _), (b, _)| by_specificity(a, b));
    let mut collapsed: Vec<VirtualHost> = Vec::with_capacity(hosts.len());
    // By the identity of the routes: the virtual host that had them last.
    let mut known: FxHashMap<Vec<*const Route>, usize> = FxHashMap::default();
    for (domain, host) in hosts {
        let identity: Vec<*const Route> = host.routes.iter().map(Arc::as_ptr).collect();
        let same =
            known.get(&identity).and_then(|i| collapsed.get_mut(*i)).filter(|v| v.require_tls == host.require_tls);
        if let Some(same) = same {
            same.domains.push(domain);
            continue;
        }
        known.insert(identity, collapsed.len());
        collapsed.push(VirtualHost {
            name: host.name,
            domains: vec![domain],
            require_tls: host.require_tls,
            further: None,
            routes: host.routes.into(),
        });
    }
    collapsed
}

/// Catch-all routes go to the end and keep their order (GW-11).
fn move_catch_alls(cx: &Context<'_>, table: &SmolStr, host: &mut VirtualHost) {
    let first = host.routes.iter().position(|r| http::is_catch_all(r));
    let last_specific = host.routes.iter().rposition(|r| !http::is_catch_all(r));
    let (Some(first), Some(last_specific)) = (first, last_specific) else { return };
    if first > last_specific {
        return;
    }
    let (catch_alls, specific): (Vec<&Arc<Route>>, Vec<&Arc<Route>>) =
        host.routes.iter().partition(|r| http::is_catch_all(r));
    let in_order: Arc<[Arc<Route>]> = specific.into_iter().chain(catch_alls.iter().copied()).cloned().collect();
    if let Some(source) = catch_alls.first().and_then(|r| r.source.as_ref()) {
        let message = format!(
            "{} catch-all route(s) stand behind the routes of VirtualServices that come later",
            catch_alls.len()
        );
        let object = Some(source.object.clone());
        cx.note(note(NoteKind::Moved, "GW-11", message, table, &host.name, object, source.at));
    }
    host.routes = in_order;
}

/// `host:port`, IPv6 addresses in brackets.
fn virtual_host_name(host: &str, port: u16) -> SmolStr {
    if host.contains(':') { format_smolstr!("[{host}]:{port}") } else { format_smolstr!("{host}:{port}") }
}

fn note(
    kind: NoteKind,
    rule: &'static str,
    message: String,
    table: &SmolStr,
    virtual_host: &SmolStr,
    object: Option<ObjectId>,
    at: Position,
) -> Note {
    Note { kind, rule, message, object, at, route_config: table.clone(), virtual_host: virtual_host.clone() }
}
