//! Requests that show a finding, confirmed by the router before anybody sees them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use crate::analysis::symbolic::{Example, Field, request};
use crate::envoy::authority::Authority;
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::envoy::request::Request;
use crate::envoy::router::{Found, HttpEnd, RequestView, Router, Switches};
use crate::envoy::table::{
    ChainAction, ClusterName, Extent, FilterChain, FilterChainMatch, Listener, NameTable, Route, RouteAction,
    RouteConfiguration, RouteMatch, RouteTable, VirtualHost, VirtualOutbound,
};
use crate::envoy::words;
use crate::istio::mesh::is_subset_of;
use crate::manifest::kinds::{Labels, PathNormalizationType};

/// A table with these routes alone, for whatever host, on port 80.
pub(in crate::analysis::checks) fn router(matchers: &[&RouteMatch]) -> Router {
    let route = |m: &&RouteMatch| Arc::new(Route::new(RouteMatch::clone(m), RouteAction::Nothing));
    let chain = FilterChain {
        matcher: FilterChainMatch::default(),
        tls: None,
        tls_settings: None,
        action: ChainAction::Http { route_config: "80".into() },
        source: None,
        http: None,
    };
    let table = RouteTable {
        proxy: Arc::new(Proxy {
            name: "client".into(),
            kind: ProxyKind::Sidecar,
            namespace: "default".into(),
            labels: Labels::default(),
            ips: Vec::new(),
            node: SmolStr::default(),
            connection_settings: None,
        }),
        listeners: vec![Arc::new(Listener {
            name: "0.0.0.0_80".into(),
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port: 80,
            filter_chains: vec![chain],
            default_filter_chain: None,
        })],
        virtual_outbound: Some(VirtualOutbound { cluster: ClusterName::Passthrough, port: 15001 }),
        route_configs: vec![RouteConfiguration {
            name: "80".into(),
            ignore_port: true,
            virtual_hosts: vec![Arc::new(VirtualHost {
                name: "any".into(),
                domains: vec!["*".into()],
                require_tls: false,
                further: None,
                routes: matchers.iter().map(route).collect(),
            })],
        }],
        clusters: Arc::default(),
        path_normalization: PathNormalizationType::Default,
        connection_settings: Default::default(),
        names: NameTable::default(),
        service_ports: Vec::new(),
        notes: Vec::new(),
        places: Arc::default(),
        extent: Extent::WHOLE,
    };
    Router::new(Arc::new(table), &Switches::default())
}

/// Index of the route that takes `request`.
pub(in crate::analysis::checks) fn taken(router: &Router, request: &Request) -> Option<u32> {
    match router.find(&RequestView::from(request)) {
        Found::Http { end: HttpEnd::Route { route, .. }, .. } => Some(route),
        _ => None,
    }
}

/// `METHOD URL` with headers, and who has to send it where that matters.
pub(in crate::analysis::checks) fn describe(request: &Request, example: &Example) -> String {
    let port = example.get(&Field::Port).and_then(|v| v.first()).and_then(|v| std::str::from_utf8(v).ok());
    let port = port.and_then(|p| p.parse().ok()).or(request.port);
    let mut out = words::request(&Request { port, ..request.clone() });
    let mut from: Vec<String> = Vec::new();
    for (field, values) in example {
        let value = values.first().map(|v| String::from_utf8_lossy(v).into_owned());
        match (field, value) {
            (Field::SourceNamespace, Some(v)) => from.push(format!("namespace {v}")),
            (Field::SourceLabel(key), Some(v)) => from.push(format!("{key}={v}")),
            (Field::SourceLabel(key), None) => from.push(format!("no label {key}")),
            _ => {}
        }
    }
    if !from.is_empty() {
        out.push_str(&format!(" (from a client with {})", from.join(", ")));
    }
    out
}

/// A request for one of the hosts from the example that each of the conditions takes by itself, as the router says.
pub(in crate::analysis::checks) fn confirmed(
    example: &Example,
    hosts: &[SmolStr],
    matchers: &[&RouteMatch],
) -> Option<Request> {
    let mut request = request(example, hosts.first().map_or("", SmolStr::as_str))?;
    let fits = |request: &Request| matchers.iter().all(|m| taken(&router(&[m]), request) == Some(0));
    // With an authority that is none of the hosts a request doesn't come to these rules at all.
    if !example.contains_key(&Field::Authority) || hosts.iter().any(|h| may_be(&request.authority, h)) {
        return fits(&request).then_some(request);
    }
    hosts.iter().flat_map(names).find_map(|name| {
        request.authority = name;
        fits(&request).then(|| request.clone())
    })
}

/// What clients call a host: itself, or a name below a wildcard; and the short names of a service.
fn names(host: &SmolStr) -> Vec<SmolStr> {
    let mut all = vec![host.strip_prefix("*.").map_or_else(|| host.clone(), |rest| format_smolstr!("any.{rest}"))];
    if let Some((name, _)) = host.split_once(".svc.").filter(|_| !host.starts_with('*')) {
        all.push(format_smolstr!("{name}.svc"));
        all.push(name.into());
        all.extend(name.split_once('.').map(|(short, _)| SmolStr::new(short)));
    }
    all
}

/// Whether a client may send this authority for a host; services have short names and addresses.
pub(in crate::analysis::checks) fn may_be(authority: &str, host: &str) -> bool {
    let authority = Authority::of(authority);
    let (name, host) = (authority.host.to_ascii_lowercase(), host.to_ascii_lowercase());
    is_subset_of(&name, &host)
        || host.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.') && host.contains(".svc."))
        || authority.address().is_some()
}
