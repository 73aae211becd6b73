//! Which cluster takes a request that is forwarded, and to which name.

use super::*;

/// The decision on a request that is forwarded so, by what only other control planes write.
fn further(to: ForwardTo, further: FurtherForward, headers: &[(&str, &str)]) -> Decision {
    let forward = Forward { further: Some(Arc::new(further)), ..forward(to) };
    let route = route(prefix("/"), RouteAction::Forward(Arc::new(forward)));
    decided(one_host(vec![route]), &request("/a", headers))
}

fn ends(decision: &Decision) -> Vec<(f64, Outcome, Option<u16>)> {
    decision.clusters.iter().map(|c| (c.share, c.outcome, c.status)).collect()
}

#[test]
fn s6_3_the_status_of_an_unknown_cluster_may_be_another() {
    let status = |not_found| {
        let decision =
            further(weighted(&[("none", 1), ("v3", 1)]), FurtherForward { not_found, ..Default::default() }, &[]);
        ends(&decision).into_iter().map(|(_, _, status)| status).collect::<Vec<_>>()
    };
    assert_eq!(status(None), [Some(503), Some(503)]);
    assert_eq!(status(Some(404)), [Some(404), Some(503)], "of the unknown one alone");
}

#[test]
fn s6_1_a_drawn_cluster_gets_all_and_decides_the_end() {
    let drawn = |number: &str| {
        let number_header = Some("x-number".into());
        let further_forward = FurtherForward { number_header, ..Default::default() };
        let decision = further(weighted(&[("v1", 1), ("none", 2)]), further_forward, &[("x-number", number)]);
        (decision.clusters.iter().map(|c| c.share).collect::<Vec<_>>(), decision.outcome)
    };
    assert_eq!(drawn("0"), (vec![1.0, 0.0], Some(Outcome::Delivered)));
    assert_eq!(drawn("1"), (vec![0.0, 1.0], Some(Outcome::NoCluster)));
    assert_eq!(drawn("2"), (vec![0.0, 1.0], Some(Outcome::NoCluster)));
    assert_eq!(drawn("x"), (vec![1.0 / 3.0, 2.0 / 3.0], None));
}

#[test]
fn ev_7_entries_that_nothing_is_sent_to_have_no_say() {
    let decision = one(forwards(weighted(&[("v1", 1), ("none", 0)])));
    assert_eq!(
        (decision.outcome, decision.status, decision.flags),
        (Some(Outcome::Delivered), Some(200), Some(ResponseFlags::None))
    );
    assert!(decision.upstream.is_some());
    let decision = one(forwards(weighted(&[("v1", 0), ("none", 1)])));
    assert_eq!((decision.outcome, decision.upstream), (Some(Outcome::NoCluster), None));
    // Envoy refuses a sum of 0; a single entry is what it would be all the same.
    assert_eq!(one(forwards(weighted(&[("v1", 0)]))).outcome, Some(Outcome::Delivered));
}

/// envoy-matching A52.
#[test]
fn s6_1_the_request_names_the_cluster_in_its_share() {
    let mut to = weighted(&[("", 1), ("v1", 3)]);
    if let ForwardTo::Weighted(entries) = &mut to {
        entries[0].destination.cluster = ClusterName::FromHeader("x-to".into());
        entries[0].request_headers = HeaderMutations::new(vec!["x-user".into()], Vec::new());
    }
    let named = |headers: &[(&str, &str)]| {
        let decision = decided(one_host(vec![forwards(to.clone())]), &request("/a", headers));
        let own = decision.clusters[0].clone();
        assert_eq!((own.weight, own.share), (1, 0.25));
        (own.name.to_string(), own.outcome, own.status, own.flags.as_str(), own.endpoints.len(), own.upstream.is_some())
    };
    let sent = |to| [("x-to", to), ("x-user", "jason")];
    let shop = "outbound|80|v2|shop";
    assert_eq!(named(&sent(shop)), (shop.into(), Outcome::Delivered, Some(200), "-", 1, true));
    assert_eq!(named(&sent("other")), ("other".into(), Outcome::NoCluster, Some(503), "NC", 0, true));
    let absent = named(&[("x-user", "jason")]);
    assert_eq!((absent.0.as_str(), absent.1, absent.2, absent.3), ("", Outcome::NoCluster, Some(503), "NC"));
}

#[test]
fn hd_1_one_cluster_in_two_entries_has_the_request_of_each() {
    let mut to = weighted(&[("v1", 1), ("v1", 1), ("v2", 1)]);
    if let ForwardTo::Weighted(entries) = &mut to {
        entries[0].request_headers = HeaderMutations::new(vec!["x-user".into()], Vec::new());
    }
    let decision = one(forwards(to));
    let headers = |decision: &Decision, i: usize| decision.clusters[i].upstream.as_ref().map(|u| u.headers.len());
    assert_eq!([0, 1, 2].map(|i| headers(&decision, i)), [Some(0), Some(1), None]);
    let mut alone = weighted(&[("v1", 1)]);
    if let ForwardTo::Weighted(entries) = &mut alone {
        entries[0].request_headers = HeaderMutations::new(vec!["x-user".into()], Vec::new());
    }
    assert_eq!(headers(&one(forwards(alone)), 0), Some(0));
}

#[test]
fn hd_1_what_does_not_arrive_has_no_request_of_its_own() {
    let mut to = weighted(&[("none", 1), ("v1", 1)]);
    if let ForwardTo::Weighted(entries) = &mut to {
        for entry in entries {
            entry.host_rewrite = Some("inner".into());
        }
    }
    let decision = one(forwards(to));
    let authority = |i: usize| decision.clusters[i].upstream.as_ref().map(|u| u.authority.to_string());
    assert_eq!([0, 1].map(authority), [None, Some("inner".into())]);
}

#[test]
fn s6_4_local_answers_to_grpc_are_200_and_those_of_endpoints_their_own() {
    let statuses = |headers: &[(&str, &str)]| {
        let route = forwards(weighted(&[("none", 1), ("v3", 1), ("v1", 1)]));
        let decision = decided(one_host(vec![route]), &request("/", headers));
        (ends(&decision).into_iter().map(|(_, _, status)| status).collect::<Vec<_>>(), decision.status)
    };
    assert_eq!(statuses(&[]), (vec![Some(503), Some(503), Some(200)], None));
    let grpc = [("content-type", "application/grpc")];
    assert_eq!(statuses(&grpc), (vec![Some(200), Some(200), Some(200)], Some(200)));
}

/// The authority that arrives in common and at each cluster, and what is told of it, where endpoints have these names.
fn named_endpoints(to: ForwardTo, own_host: Option<&str>, names: [&[&str]; 2]) -> (String, Vec<String>, Vec<String>) {
    let further = FurtherForward { host: Some(HostSource::Endpoint), ..FurtherForward::default() };
    let host_rewrite = own_host.map(Into::into);
    let forward =
        Forward { further: Some(Arc::new(further)), host_rewrite, append_x_forwarded_host: true, ..forward(to) };
    let mut table = one_host(vec![route(prefix("/"), RouteAction::Forward(Arc::new(forward)))]);
    let clusters = ["v1", "v2"].iter().zip(names).map(|(subset, names)| {
        let cluster = cluster(subset, names.len(), 0);
        let named = |(e, name): (&Endpoint, &&str)| Endpoint { hostname: (*name).into(), ..e.clone() };
        let endpoints = cluster.endpoints.iter().zip(names).map(named).collect();
        Arc::new(Cluster { endpoints, ..cluster })
    });
    table.clusters = clusters.collect::<Vec<_>>().into();
    let decision = decided(table, &request("/a", &[]));
    let told = |upstream: &Upstream| {
        let before = upstream.headers.iter().find(|(n, _)| n == "x-forwarded-host").map(|(_, v)| format!(", was {v}"));
        format!("{}{}", upstream.authority, before.unwrap_or_default())
    };
    let own = decision.clusters.iter().map(|c| c.upstream.as_ref().map_or("common".into(), told)).collect();
    (decision.upstream.as_ref().map(told).unwrap_or_default(), own, decision.hints)
}

#[test]
fn s6_7_the_authority_is_the_name_of_the_endpoint_where_all_have_the_same() {
    let one = || ForwardTo::Cluster(destination("v1"));
    let both = || weighted(&[("v1", 1), ("v2", 1)]);
    let told = |common: &str, own: &[&str]| {
        (common.to_owned(), own.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>(), Vec::new())
    };
    assert_eq!(named_endpoints(one(), None, [&["db", "db"], &[]]), told("db, was shop", &["common"]));
    assert_eq!(named_endpoints(one(), None, [&["", ""], &[]]), told("shop", &["common"]));
    assert_eq!(named_endpoints(one(), Some("inner"), [&["db"], &[]]), told("inner, was shop", &["common"]));
    assert_eq!(named_endpoints(both(), None, [&["a"], &[""]]), told("shop", &["a, was shop", "common"]));
    assert_eq!(named_endpoints(both(), None, [&["a"], &["b"]]), told("shop", &["a, was shop", "b, was shop"]));
    let (common, own, hints) = named_endpoints(one(), None, [&["a", "b"], &[]]);
    assert_eq!((common.as_str(), own.as_slice()), ("shop", &["common".to_owned()][..]));
    assert_eq!(hints, ["the authority is the name of the endpoint that `outbound|80|v1|shop` picks"]);
}

#[test]
fn s6_7_endpoints_that_are_looked_up_have_the_name_that_is() {
    let further = FurtherForward { host: Some(HostSource::Endpoint), ..FurtherForward::default() };
    let forward = Forward { further: Some(Arc::new(further)), ..forward(ForwardTo::Cluster(destination("v1"))) };
    let route = route(prefix("/"), RouteAction::Forward(Arc::new(forward)));
    let authority = |discovery, address: &str| {
        let cluster = cluster("v1", 1, 0);
        let endpoint = Endpoint { address: address.into(), ..cluster.endpoints[0].clone() };
        let cluster = Cluster { discovery, endpoints: [endpoint].into(), ..cluster };
        let table = RouteTable { clusters: vec![Arc::new(cluster)].into(), ..one_host(vec![route.clone()]) };
        decided(table, &request("/a", &[])).upstream.expect("it arrives").authority
    };
    assert_eq!(authority(DiscoveryType::StrictDns, "db.example"), "db.example");
    assert_eq!(authority(DiscoveryType::LogicalDns, "db.example"), "db.example");
    assert_eq!(authority(DiscoveryType::StrictDns, "10.0.0.1"), "shop");
    assert_eq!(authority(DiscoveryType::Eds, "db.example"), "shop");
}

#[test]
fn s6_2_formatters_that_are_not_evaluated_are_told_once_each() {
    let mut route = forwards(weighted(&[("v1", 1), ("v2", 1)]));
    let field = |value: &str| HeaderValueOption {
        name: "x".into(),
        value: value.into(),
        append: AppendAction::AppendIfExistsOrAdd,
        keep_empty: false,
    };
    let add = ["%START_TIME%", "%HOSTNAME%", "%START_TIME%"].map(field).to_vec();
    route.request_headers = HeaderMutations::new(Vec::new(), add);
    let hint = |f: &str| format!("`{f}` in a header value is not evaluated: it depends on more than the request");
    assert_eq!(one(route).hints, [hint("%HOSTNAME%"), hint("%START_TIME%")]);
}
