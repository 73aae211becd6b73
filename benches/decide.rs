//! Decisions per second: tables of 5 and of 5,000 routes on one gateway host, found by index and by trying in order.
//!
//! The tables hold five rules per service: prefix, prefix with header, regex, exact path and a weighted catch-all below
//! the service's prefix. Requests are spread over all rules, with some that match nothing.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use smol_str::SmolStr;
use towtank::envoy::decision::{Detail, decide};
use towtank::envoy::proxy::{Proxy, ProxyKind};
use towtank::envoy::request::Request;
use towtank::envoy::router::{RequestView, Router, Switches};
use towtank::envoy::table::{
    ChainAction, ClusterName, Destination, FilterChain, FilterChainMatch, Forward, ForwardTo, HeaderMatcher,
    HeaderMutations, Listener, NameTable, PathMatch, PathRewrite, Route, RouteAction, RouteConfiguration, RouteMatch,
    RouteTable, ValueMatch, VirtualHost, WeightedCluster,
};
use towtank::manifest::kinds::{Labels, Nanos, PathNormalizationType};

const HOST: &str = "shop.example.com";

fn forward(destination: ForwardTo) -> RouteAction {
    RouteAction::Forward(Box::new(Forward {
        destination,
        timeout: Nanos(0),
        retry: None,
        rewrite: PathRewrite::None,
        host_rewrite: None,
        append_x_forwarded_host: false,
        mirrors: Vec::new(),
        hash_policies: Vec::new(),
    }))
}

fn destination(service: usize, subset: &str) -> Destination {
    let host = format!("svc{service}.ns{}.svc.cluster.local", service / 50);
    Destination { cluster: ClusterName::outbound(80, subset, &host), at: None }
}

fn route(path: PathMatch, headers: Vec<HeaderMatcher>, action: RouteAction) -> Arc<Route> {
    let matcher = RouteMatch { path, case_sensitive: Some(true), headers, query_parameters: vec![], claims: vec![] };
    Arc::new(Route {
        name: SmolStr::default(),
        matcher,
        action,
        request_headers: HeaderMutations::default(),
        response_headers: HeaderMutations::default(),
        fault: None,
        cors: None,
        stat_prefix: SmolStr::default(),
        config_path: SmolStr::default(),
        operation: SmolStr::default(),
        source: None,
    })
}

fn rules(service: usize, routes: &mut Vec<Arc<Route>>) {
    let to = |subset| forward(ForwardTo::Cluster(destination(service, subset)));
    let path = |rule: usize, tail: &str| SmolStr::from(format!("/s{service}/r{rule}{tail}"));
    let user = HeaderMatcher {
        name: "x-user".into(),
        test: ValueMatch::Exact("u1".into()),
        invert: false,
        treat_missing_as_empty: false,
    };
    routes.push(route(PathMatch::Prefix(path(0, "/")), vec![], to("v1")));
    routes.push(route(PathMatch::Prefix(path(1, "/")), vec![user], to("v2")));
    routes.push(route(PathMatch::Regex(path(2, "/v[0-9]+/.*")), vec![], to("v1")));
    routes.push(route(PathMatch::Exact(path(3, "")), vec![], to("v2")));
    let entry = |subset, weight| WeightedCluster {
        destination: destination(service, subset),
        weight,
        host_rewrite: None,
        request_headers: HeaderMutations::default(),
        response_headers: HeaderMutations::default(),
    };
    let canary = forward(ForwardTo::Weighted(vec![entry("v1", 90), entry("v2", 10)]));
    routes.push(route(PathMatch::Prefix(format!("/s{service}/").into()), vec![], canary));
}

fn table(services: usize) -> RouteTable {
    let mut routes = Vec::new();
    for service in 0..services {
        rules(service, &mut routes);
    }
    let action = ChainAction::Http { route_config: "http.80".into() };
    let chain = FilterChain { matcher: FilterChainMatch::default(), tls: None, action, source: None };
    RouteTable {
        proxy: Arc::new(Proxy {
            name: "gw".into(),
            kind: ProxyKind::Gateway,
            namespace: "istio-system".into(),
            labels: Labels::default(),
            ips: Vec::new(),
            node: SmolStr::default(),
        }),
        listeners: vec![Listener {
            name: "0.0.0.0_80".into(),
            address: [0, 0, 0, 0].into(),
            port: 80,
            filter_chains: vec![chain],
            default_filter_chain: None,
        }],
        virtual_outbound: None,
        route_configs: vec![RouteConfiguration {
            name: "http.80".into(),
            virtual_hosts: vec![VirtualHost {
                name: format!("{HOST}:80").into(),
                domains: vec![HOST.into()],
                require_tls: false,
                routes,
            }],
        }],
        clusters: Vec::new(),
        path_normalization: PathNormalizationType::Default,
        names: NameTable::default(),
        service_ports: Vec::new(),
        notes: Vec::new(),
    }
}

/// A fixed mix of requests: every kind of path, every third with the header.
fn requests(services: usize, count: usize) -> Vec<Request> {
    // Steps through services and rules without a random number generator.
    let request = |i: usize| {
        let (service, rule) = (i * 7919 % services, i / 3 % 4);
        let path = match i % 5 {
            0 => format!("/s{service}/r{rule}"),
            1 => format!("/s{service}/r{rule}/x"),
            2 => format!("/s{service}/r{rule}/v{}/y", i % 9),
            3 => format!("/s{service}/other"),
            _ => "/nothing".to_string(),
        };
        let user = (SmolStr::from("x-user"), SmolStr::from(format!("u{rule}")));
        Request {
            id: i.into(),
            proxy: None,
            method: "GET".into(),
            authority: HOST.into(),
            path: path.into(),
            port: Some(80),
            address: None,
            dialled_host: None,
            tls: false,
            sni: None,
            headers: if i.is_multiple_of(3) { vec![user] } else { Vec::new() },
        }
    };
    (0..count).map(request).collect()
}

fn decisions(c: &mut Criterion) {
    for (name, services) in [("5 routes", 1), ("50 routes", 10), ("5000 routes", 1000)] {
        let router = Router::new(Arc::new(table(services)), &Switches::default());
        let requests = requests(services, 1000);
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(requests.len() as u64));
        group.bench_function("find", |b| {
            b.iter(|| {
                for request in &requests {
                    black_box(router.find(&RequestView::from(request)));
                }
            });
        });
        // The slow ways get a part of the requests.
        let some: Vec<&Request> = requests.iter().step_by(50).collect();
        group.sample_size(10).throughput(Throughput::Elements(some.len() as u64));
        group.bench_function("plain", |b| {
            b.iter(|| {
                for request in &some {
                    black_box(router.plain(&RequestView::from(*request)));
                }
            });
        });
        group.bench_function("decide", |b| {
            b.iter(|| {
                for request in &some {
                    black_box(decide(&router, request, Detail::Outcome));
                }
            });
        });
        group.finish();
    }
}

fn compile(c: &mut Criterion) {
    let table = Arc::new(table(1000));
    c.bench_function("compile 5000 routes", |b| b.iter(|| Router::new(Arc::clone(&table), &Switches::default())));
}

criterion_group!(benches, decisions, compile);
criterion_main!(benches);
