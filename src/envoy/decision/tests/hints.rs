//! What is told besides the outcome.

use super::*;
use crate::envoy::table::NameTable;

/// A gateway with one listener on port 443 whose chains have these server names and terminate TLS or not.
fn gateway(server_names: &[&str], terminates: bool, action: ChainAction) -> RouteTable {
    let mut listener = http_listener("0.0.0.0", 443, "80");
    let chain = &mut listener.filter_chains[0];
    chain.matcher.server_names = server_names.iter().map(|n| (*n).into()).collect();
    chain.tls = terminates.then_some(DownstreamTls::Simple);
    chain.action = action;
    RouteTable { proxy: proxy(ProxyKind::Gateway), listeners: vec![listener.into()], ..one_host(vec![]) }
}

fn http() -> ChainAction {
    ChainAction::Http { route_config: "80".into() }
}

fn hints(table: RouteTable, port: u16, tls: bool) -> Vec<String> {
    let sni = tls.then(|| "x.example".into());
    decided(table, &Request { port: Some(port), tls, sni, ..request("/", &[]) }).hints
}

#[test]
fn ev_9_a_closed_connection_is_told_why() {
    let many = ["a", "b", "c", "d", "e", "f"];
    let behind_service = RouteTable { service_ports: vec![(80, 8080), (443, 8443)], ..table(ProxyKind::Gateway) };
    let none = "no filter chain takes the server name (SNI) `x.example`; there are chains for";
    for (table, port, tls, wanted) in [
        (table(ProxyKind::Gateway), 80, false, "nothing listens on port 80".to_owned()),
        (
            behind_service,
            81,
            false,
            "no listener behind port 81; Services that select the gateway have the ports 80, 443".to_owned(),
        ),
        (gateway(&[], true, http()), 443, false, "plain text was sent to a port that expects TLS".to_owned()),
        (gateway(&["a"], true, http()), 443, false, "no filter chain of the listener takes plain text".to_owned()),
        (gateway(&many[..5], true, http()), 443, true, format!("{none} a, b, c, d, e")),
        (gateway(&many, true, http()), 443, true, format!("{none} a, b, c, d, e and more")),
    ] {
        assert_eq!(hints(table, port, tls), [wanted]);
    }
}

/// A listener that reads HTTP in one chain and passes on TLS of another name.
#[test]
fn ev_9_tls_that_is_passed_on_hides_http_from_rules() {
    let shop = || ChainAction::Tcp(TcpDestination::Cluster(ClusterName::outbound(80, "v1", "shop")));
    let mut both = gateway(&["x.example"], false, shop());
    let plain = http_listener("0.0.0.0", 443, "80").filter_chains.remove(0);
    Arc::make_mut(&mut both.listeners[0]).filter_chains.push(plain);
    let told = "TLS that the proxy doesn't terminate is passed on as TCP: rules for HTTP don't see it";
    assert_eq!(hints(both, 443, true), [told]);
    assert_eq!(hints(gateway(&["x.example"], false, shop()), 443, true), [""; 0], "there are no rules for HTTP");
    let mut plain = gateway(&[], false, shop());
    let http = http_listener("0.0.0.0", 443, "80").filter_chains.remove(0);
    let mut named = http.clone();
    named.matcher.server_names = vec!["other".into()];
    Arc::make_mut(&mut plain.listeners[0]).filter_chains.push(named);
    assert_eq!(hints(plain, 443, false), [""; 0], "plain TCP");
}

#[test]
fn li_4_what_no_listener_is_for_is_told_by_address_and_port() {
    let mut known = table(ProxyKind::Sidecar);
    let mut names = NameTable::default();
    Arc::make_mut(&mut names.own).insert("shop".into(), vec!["10.0.0.9".parse().unwrap()]);
    known.names = names;
    assert_eq!(hints(known, 81, false), ["no listener for 10.0.0.9, port 81"]);
    assert_eq!(hints(table(ProxyKind::Sidecar), 81, false), ["no listener for an address outside the mesh, port 81"]);
}

#[test]
fn routes_that_would_match_too_are_counted() {
    let mut first = prefix("/");
    first.headers.push(header("x-user", ValueMatch::Present));
    let behind = |count: usize| {
        let more = (0..count).map(|_| route(prefix("/a"), to("v1")));
        let routes: Vec<_> = std::iter::once(route(first.clone(), to("v1"))).chain(more).collect();
        decided(one_host(routes), &request("/a", &[("x-user", "j")])).hints
    };
    assert_eq!(behind(0), [""; 0]);
    assert_eq!(behind(1), ["route 1 would match too, but stands behind this one"]);
    assert_eq!(behind(2), ["routes 1, 2 would match too, but stand behind this one"]);
    assert_eq!(behind(3), ["routes 1, 2, 3 would match too, but stand behind this one"]);
    assert_eq!(behind(4), ["routes 1, 2, 3 and more would match too, but stand behind this one"]);
}

#[test]
fn routes_behind_one_for_every_request_are_named() {
    let behind = |count: usize| {
        let more = (0..count).map(|_| route(prefix("/b"), to("v1")));
        let routes: Vec<_> = std::iter::once(route(prefix("/"), to("v1"))).chain(more).collect();
        decided(one_host(routes), &request("/a", &[])).hints
    };
    assert_eq!(behind(1), ["route 1 can never be reached: this one matches every request"]);
    assert_eq!(behind(3), ["routes 1 to 3 can never be reached: this one matches every request"]);
}

#[test]
fn s2_5_what_envoy_refuses_is_told_of_the_parts_that_a_request_came_through() {
    let mut table = one_host(vec![route(prefix("/"), to("v1"))]);
    let other = virtual_host("other", &["x"], vec![route(prefix("/"), RouteAction::Nothing)]);
    let unused = RouteConfiguration { name: "81".into(), ignore_port: true, virtual_hosts: vec![other.clone().into()] };
    table.route_configs.push(unused);
    let twice = |listener: &mut Arc<Listener>| {
        let chain = listener.filter_chains[0].clone();
        Arc::make_mut(listener).filter_chains.push(chain);
    };
    table.listeners.push(http_listener("0.0.0.0", 81, "81").into());
    twice(&mut table.listeners[1]);
    let get = request("/", &[]);
    assert_eq!(decided(table.clone(), &get).hints, [""; 0], "others' faults are not its own");
    twice(&mut table.listeners[0]);
    let reason = "two filter chains without a server name take the same connections";
    assert_eq!(decided(table.clone(), &get).hints, [format!("Envoy refuses listener `0.0.0.0_80`: {reason}")]);
    table.listeners[0] = http_listener("0.0.0.0", 80, "80").into();
    table.route_configs[0].virtual_hosts.push(other.into());
    let reason = "the route has no action: its redirect code is none that Envoy knows";
    assert_eq!(decided(table, &get).hints, [format!("Envoy refuses route configuration `80`: {reason}")]);
}

#[test]
fn s0_7_a_request_that_is_refused_is_told_why() {
    let decision = decided(one_host(vec![]), &request("/a%00", &[]));
    let why = "the path cannot be normalised: it has `%00`, a forbidden fragment or a forbidden escaped slash";
    assert_eq!(decision.hints, [why]);
}

#[test]
fn co_1_answers_of_the_proxy_itself_are_told() {
    let mut preflight = forwards(ForwardTo::Cluster(destination("v1")));
    preflight.cors = Some(Cors { allow_origins: vec![ValueMatch::Exact("*".into())], ..Cors::default() }.into());
    let headers = [("origin", "https://a"), ("access-control-request-method", "PUT")];
    let asks = Request { method: "OPTIONS".into(), ..request("/", &headers) };
    assert_eq!(decided(one_host(vec![preflight]), &asks).hints, ["a CORS preflight, answered by the proxy"]);
    let refused =
        "Envoy refuses route configuration `80`: the route has no action: its redirect code is none that Envoy knows";
    let decision = one(route(prefix("/"), RouteAction::Nothing));
    assert_eq!((decision.outcome, decision.status), (Some(Outcome::NoRoute), Some(404)));
    let never = "the route has no action; Envoy refuses its whole table";
    assert_eq!(decision.hints, [never, refused]);
}
