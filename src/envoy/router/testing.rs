//! Tables built by hand, for tests of this room and of `decision`.

use std::sync::Arc;

use smol_str::SmolStr;

use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::envoy::router::Seen;
use crate::envoy::table::*;
use crate::manifest::kinds::{Labels, Nanos, PathNormalizationType};

pub(crate) fn proxy(kind: ProxyKind) -> Arc<Proxy> {
    Arc::new(Proxy {
        name: "p".into(),
        kind,
        namespace: "default".into(),
        labels: Labels::default(),
        ips: vec!["10.41.0.1".parse().expect("an address")],
        node: "".into(),
        connection_settings: None,
    })
}

pub(crate) fn table(kind: ProxyKind) -> RouteTable {
    RouteTable {
        proxy: proxy(kind),
        listeners: Vec::new(),
        virtual_outbound: (kind == ProxyKind::Sidecar)
            .then_some(VirtualOutbound { cluster: ClusterName::Passthrough, port: 15001 }),
        route_configs: Vec::new(),
        clusters: Arc::default(),
        path_normalization: PathNormalizationType::Default,
        connection_settings: Default::default(),
        names: NameTable::default(),
        service_ports: Vec::new(),
        notes: Vec::new(),
        places: Arc::default(),
        extent: Extent::WHOLE,
    }
}

/// A sidecar with the listener `0.0.0.0:80`, whose table `80` has one virtual host for every authority.
pub(crate) fn one_host(routes: Vec<Route>) -> RouteTable {
    let mut table = table(ProxyKind::Sidecar);
    table.listeners.push(http_listener("0.0.0.0", 80, "80").into());
    table.route_configs.push(RouteConfiguration {
        name: "80".into(),
        ignore_port: true,
        virtual_hosts: vec![virtual_host("any", &["*"], routes).into()],
    });
    table
}

pub(crate) fn http_listener(address: &str, port: u16, route_config: &str) -> Listener {
    Listener {
        name: format!("{address}_{port}").into(),
        address: address.parse().expect("an address"),
        port,
        filter_chains: vec![FilterChain {
            matcher: FilterChainMatch::default(),
            tls: None,
            tls_settings: None,
            action: ChainAction::Http { route_config: route_config.into() },
            source: None,
            http: None,
        }],
        default_filter_chain: None,
    }
}

pub(crate) fn virtual_host(name: &str, domains: &[&str], routes: Vec<Route>) -> VirtualHost {
    VirtualHost {
        name: name.into(),
        domains: domains.iter().map(|d| (*d).into()).collect(),
        require_tls: false,
        further: None,
        routes: routes.into_iter().map(Arc::new).collect(),
    }
}

pub(crate) fn on(path: PathMatch) -> RouteMatch {
    RouteMatch::on(path)
}

pub(crate) fn prefix(text: &str) -> RouteMatch {
    on(PathMatch::Prefix(text.into()))
}

pub(crate) fn header(name: &str, test: ValueMatch) -> HeaderMatcher {
    HeaderMatcher { name: name.into(), test, invert: false, treat_missing_as_empty: false }
}

pub(crate) fn route(matcher: RouteMatch, action: RouteAction) -> Route {
    Route::new(matcher, action)
}

pub(crate) fn destination(subset: &str) -> Destination {
    Destination { cluster: ClusterName::outbound(80, subset, "shop"), at: None }
}

/// A subset of `shop` among several clusters.
pub(crate) fn entry(subset: &str, weight: u32) -> WeightedCluster {
    WeightedCluster {
        destination: destination(subset),
        weight,
        host_rewrite: None,
        request_headers: HeaderMutations::default(),
        response_headers: HeaderMutations::default(),
    }
}

pub(crate) fn forward(destination: ForwardTo) -> Forward {
    Forward::to(destination)
}

/// Forwards to a subset of `shop`.
pub(crate) fn to(subset: &str) -> RouteAction {
    RouteAction::Forward(std::sync::Arc::new(forward(ForwardTo::Cluster(destination(subset)))))
}

/// A cluster of `shop` with so many healthy and unhealthy endpoints.
pub(crate) fn cluster(subset: &str, healthy: usize, unhealthy: usize) -> Cluster {
    let endpoint = |i: usize| Endpoint {
        address: format!("10.0.0.{i}").into(),
        port: 8080,
        pod: Some(("default".into(), format!("shop-{subset}-{i}").into())),
        health: if i < healthy { Health::Healthy } else { Health::Unhealthy },
        weight: 1,
        labels: Labels::default(),
        locality: "".into(),
        priority: 0,
        hostname: SmolStr::default(),
        mutual_tls: false,
        assumed: false,
    };
    Cluster {
        name: ClusterName::outbound(80, subset, "shop"),
        discovery: DiscoveryType::Eds,
        lb: LbPolicy::LeastRequest,
        connect_timeout: Nanos::seconds(10),
        circuit_breakers: CircuitBreakers::default(),
        outlier_detection: None,
        healthy_panic_threshold: 0,
        http: HttpProtocolOptions::default(),
        tls: None,
        endpoints: (0..healthy + unhealthy).map(endpoint).collect(),
        destination_rule: None,
        subset_labels: Labels::default(),
        unmade_subsets: Vec::new(),
        service: None,
    }
}

/// A GET of `http://shop/PATH` with headers.
pub(crate) fn request(path: &str, headers: &[(&str, &str)]) -> crate::envoy::request::Request {
    crate::envoy::request::Request {
        id: serde_json::Value::Null,
        proxy: None,
        method: "GET".into(),
        authority: "shop".into(),
        path: path.into(),
        port: Some(80),
        address: None,
        dialled_host: None,
        tls: false,
        sni: None,
        headers: headers.iter().map(|(n, v)| (SmolStr::from(*n), SmolStr::from(*v))).collect(),
    }
}

/// A plain request to a sidecar, as conditions see it.
pub(crate) fn seen<'a>(headers: &'a [(SmolStr, SmolStr)]) -> Seen<'a> {
    Seen {
        method: "GET",
        authority: "Shop:80".into(),
        path: "/p?q=1&q=2&x&&y=a=b".into(),
        bare_length: 2,
        edge: false,
        secure: false,
        headers,
        drops_underscores: false,
        individually: true,
    }
}
