//! Decoding of whole objects, and that no input makes it panic.

use super::*;
use crate::manifest::kinds::*;

/// Every field of a VirtualService, one a line where possible.
const VIRTUAL_SERVICE: &str = r#"apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: all
  namespace: shop
  labels: {a: b}
spec:
  hosts: [a, b]
  gateways: [mesh, ns/gw]
  exportTo: ["."]
  http:
  - name: first
    match:
    - name: m
      uri: {prefix: /a}
      scheme: {exact: https}
      method: {regex: GET|PUT}
      authority: {}
      headers: {z: {exact: "1"}, a: {prefix: p}}
      withoutHeaders: {x: {}}
      queryParams: {q: {exact: ""}}
      port: 8080
      sourceLabels: {app: c}
      sourceNamespace: ns
      gateways: [gw]
      ignoreUriCase: true
      statPrefix: s
    route:
    - destination:
        host: b
        subset: v1
        port:
          number: 80
      weight: 3
      headers:
        request:
          set: {z: "1", a: "2"}
          add: {k: v}
          remove: [r, q]
        response: {}
    timeout: 1m30s
    retries:
      attempts: 2
      perTryTimeout: 1.5s
      retryOn: 5xx
      retryRemoteLocalities: false
      retryIgnorePreviousHosts: true
      backoff: 25ms
    fault:
      delay:
        fixedDelay: 2s
        percentage: {value: 0.5}
      abort:
        grpcStatus: UNAVAILABLE
        percentage: {}
    mirrors:
    - destination: {host: m}
      percentage: {value: 10}
    mirror_percent: 7
    mirrorPercentage: {value: 8}
    rewrite:
      authority: x
      uriRegexRewrite: {match: m, rewrite: r}
    corsPolicy:
      allowOrigins: [{exact: o}]
      allowMethods: [GET]
      maxAge: 24h
      allowCredentials: true
      unmatchedPreflights: IGNORE
  - redirect:
      uri: /x
      derivePort: FROM_REQUEST_PORT
      redirectCode: 302
  - directResponse:
      status: 503
      body: {bytes: aGk=}
  - delegate:
      name: d
      namespace: e
  - redirect: {port: 81}
  tls:
  - match:
    - sniHosts: [a]
      destinationSubnets: [10.0.0.0/8]
    route:
    - destination: {host: b, port: {}}
  tcp:
  - match:
    - sourceSubnet: 10.1.0.0/16
      port: 9000
    route:
    - destination: {host: b}
      weight: 5
"#;

const DESTINATION_RULE: &str = r#"apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: all}
spec:
  host: b
  exportTo: ["*"]
  workloadSelector:
    matchLabels: {a: b}
  trafficPolicy:
    loadBalancer:
      consistentHash:
        httpCookie:
          name: c
          ttl: 0s
          attributes: [{name: SameSite, value: Strict}]
        maglev:
          tableSize: 65537
      localityLbSetting:
        distribute: [{from: a/*, to: {b/*: 60, c/*: 40}}]
        enabled: false
      warmup:
        duration: 30s
        aggression: 1
    connectionPool:
      tcp:
        maxConnections: 5
        idleTimeout: 0s
        tcpKeepalive: {probes: 3, time: 7s}
      http:
        h2UpgradePolicy: UPGRADE
        http2KeepAlive: {interval: 1s, timeout: 2s}
    outlierDetection:
      consecutive5xxErrors: 0
      interval: 5m
      outlierDetectionHttpErrorCodes: [500, 429]
    tls:
      mode: ISTIO_MUTUAL
    portLevelSettings:
    - port: {number: 90}
      loadBalancer: {simple: ROUND_ROBIN}
    proxyProtocol: {}
    retryBudget: {percent: 12.5, minRetryConcurrency: 2, budgetInterval: 1s}
  subsets:
  - name: v1
    labels: {version: v1}
  - name: v2
    trafficPolicy: {loadBalancer: {simple: RANDOM}}
"#;

const OTHERS: &str = r#"apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  selector: {istio: ingress}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ["ns/*.a.com"]
    bind: 0.0.0.0
    tls:
      mode: SIMPLE
      credentialNames: [c]
      httpsRedirect: true
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: se}
spec:
  hosts: [x.com]
  addresses: [10.0.0.1]
  location: MESH_INTERNAL
  resolution: STATIC
  ports:
  - {number: 80, name: http, protocol: HTTP, targetPort: 8080}
  endpoints:
  - address: 1.2.3.4
    ports: {http: 81}
    labels: {v: "1"}
    locality: r/z
    weight: 2
status:
  addresses: [{value: 240.240.0.1, host: x.com}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: we}
spec:
  address: 1.2.3.5
  network: n1
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: sc}
spec:
  workloadSelector:
    labels: {app: a}
  egress:
  - port: {number: 80, protocol: HTTP}
    captureMode: NONE
    hosts: ["./*"]
  ingress:
  - port: {number: 90, protocol: TCP, name: t}
    defaultEndpoint: 127.0.0.1:90
  outboundTrafficPolicy: {}
"#;

fn load(text: &str) -> Loaded {
    let mut sources = SourceMap::default();
    let file = sources.add("test.yaml", text);
    read(&sources, &[file], &Options::default())
}

#[test]
fn virtual_services_are_decoded_field_by_field() {
    let loaded = load(VIRTUAL_SERVICE);
    assert_eq!(loaded.findings, []);
    let object = &loaded.manifests.virtual_services[0];
    assert_eq!(
        (object.id.to_string(), object.meta.labels.to_string()),
        ("VirtualService shop/all".into(), "a=b".into())
    );
    let vs = &object.spec;
    assert_eq!((vs.hosts.len(), vs.gateways.len(), vs.export_to.len()), (2, 2, 1));
    let [first, redirect, direct, delegate, port] = &vs.http[..] else { panic!("five rules") };
    assert_eq!((first.name.as_str(), first.at.line, first.at.column), ("first", 12, 5));
    let m = &first.matches[0];
    assert_eq!(m.uri, Some(StringMatch::Prefix("/a".into())));
    assert_eq!(m.method, Some(StringMatch::Regex("GET|PUT".into())));
    assert_eq!(m.authority, Some(StringMatch::Unset));
    assert_eq!(m.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["z", "a"], "source order");
    assert_eq!(m.without_headers, [("x".into(), StringMatch::Unset)]);
    assert_eq!(m.query_params, [("q".into(), StringMatch::Exact("".into()))]);
    assert_eq!((m.port, m.ignore_uri_case, m.source_namespace.as_str()), (8080, true, "ns"));
    let destination = first.route[0].destination.as_ref().expect("destination");
    assert_eq!((destination.port_number(), destination.subset.as_str(), first.route[0].weight), (Some(80), "v1", 3));
    let request = &first.route[0].headers.as_ref().expect("headers").request;
    assert_eq!(request.set, [("a".into(), "2".into()), ("z".into(), "1".into())], "HD-2: sorted");
    assert_eq!(request.remove, ["r", "q"]);
    assert_eq!(first.timeout, Some(Nanos::seconds(90)));
    let retries = first.retries.as_ref().expect("retries");
    assert_eq!((retries.attempts, retries.per_try_timeout), (2, Some(Nanos(1_500_000_000))));
    assert_eq!((retries.retry_remote_localities, retries.retry_ignore_previous_hosts), (Some(false), Some(true)));
    let fault = first.fault.as_ref().expect("fault");
    assert_eq!(fault.delay.as_ref().and_then(|delay| delay.percentage), Some(Percent(0.5)));
    let abort = fault.abort.as_ref().expect("abort");
    assert_eq!((&abort.error, abort.percentage), (&AbortError::GrpcStatus("UNAVAILABLE".into()), Some(Percent(0.0))));
    assert_eq!((first.mirrors.len(), first.mirror_percent, first.mirror_percentage), (1, Some(7), Some(Percent(8.0))));
    let rewrite = first.rewrite.as_ref().expect("rewrite");
    assert_eq!(rewrite.uri_regex_rewrite, Some(RegexRewrite { pattern: "m".into(), rewrite: "r".into() }));
    let cors = first.cors_policy.as_ref().expect("cors");
    assert_eq!((cors.max_age, cors.unmatched_preflights), (Some(Nanos::seconds(86_400)), UnmatchedPreflights::Ignore));
    let redirect = redirect.redirect.as_ref().expect("redirect");
    assert_eq!((redirect.port, redirect.redirect_code), (RedirectPort::FromRequestPort, 302));
    assert_eq!(port.redirect.as_ref().map(|redirect| redirect.port), Some(RedirectPort::Port(81)));
    let direct = direct.direct_response.as_ref().expect("direct response");
    assert_eq!((direct.status, &direct.body), (503, &Some(DirectBody::Bytes(b"hi".to_vec()))));
    assert_eq!(delegate.delegate.as_deref(), Some(&Delegate { name: "d".into(), namespace: "e".into() }));
    assert_eq!(vs.tls[0].route[0].destination.as_ref().map(|d| d.port), Some(Some(None)), "port: {{}}");
    assert_eq!((vs.tcp[0].matches[0].source_subnet.as_str(), vs.tcp[0].route[0].weight), ("10.1.0.0/16", 5));
}

#[test]
fn destination_rules_are_decoded_field_by_field() {
    let loaded = load(DESTINATION_RULE);
    assert_eq!(loaded.findings, []);
    let rule = &loaded.manifests.destination_rules[0].spec;
    assert_eq!(rule.workload_selector.as_ref().map(ToString::to_string), Some("a=b".to_owned()));
    let policy = rule.traffic_policy.as_ref().expect("policy");
    let balancer = policy.load_balancer.as_ref().expect("load balancer");
    let LbPolicy::ConsistentHash(hash) = &balancer.policy else { panic!("consistent hash") };
    assert_eq!(hash.algorithm, HashAlgorithm::Maglev { table_size: Some(65_537) });
    let Some(HashKey::HttpCookie(cookie)) = &hash.key else { panic!("cookie") };
    assert_eq!((cookie.ttl, &cookie.attributes[..]), (Some(Nanos(0)), &[("SameSite".into(), "Strict".into())][..]));
    let locality = balancer.locality_lb_setting.as_ref().expect("locality");
    assert_eq!((locality.enabled, locality.distribute[0].to.len()), (Some(false), 2));
    assert_eq!(balancer.warmup.as_ref().and_then(|warmup| warmup.aggression), Some(1.0));
    let pool = policy.connection_pool.as_ref().expect("pool");
    assert_eq!(pool.tcp.as_ref().map(|tcp| (tcp.max_connections, tcp.idle_timeout)), Some((5, Some(Nanos(0)))));
    assert_eq!(pool.http.as_ref().map(|http| http.h2_upgrade_policy), Some(H2UpgradePolicy::Upgrade));
    let outlier = policy.outlier_detection.as_ref().expect("outlier detection");
    assert_eq!((outlier.consecutive_5xx_errors, outlier.consecutive_gateway_errors), (Some(0), None));
    assert_eq!(outlier.http_error_codes, [500, 429]);
    assert_eq!(policy.tls.as_ref().map(|tls| tls.mode), Some(ClientTlsMode::IstioMutual));
    assert_eq!(policy.port_level_settings[0].port, Some(90));
    assert_eq!(policy.proxy_protocol.as_deref(), Some("V1"));
    assert_eq!(policy.retry_budget.and_then(|budget| budget.percent), Some(12.5));
    let [v1, v2] = &rule.subsets[..] else { panic!("two subsets") };
    assert_eq!((v1.name.as_str(), v1.labels.get("version"), v1.at.line), ("v1", Some("v1"), 44));
    assert!(v1.traffic_policy.is_none() && v2.traffic_policy.is_some());
}

#[test]
fn gateways_entries_and_sidecars_are_decoded() {
    let loaded = load(OTHERS);
    assert_eq!(loaded.findings, []);
    let manifests = &loaded.manifests;
    let server = &manifests.gateways[0].spec.servers[0];
    let tls = server.tls.as_ref().expect("tls");
    assert_eq!((tls.mode, tls.https_redirect, tls.credential_names.len()), (ServerTlsMode::Simple, true, 1));
    assert_eq!(server.port.as_ref().map(|port| (port.number, port.protocol.as_str())), Some((443, "HTTPS")));
    let entry = &manifests.service_entries[0].spec;
    assert_eq!((entry.location, entry.resolution), (Location::MeshInternal, Resolution::Static));
    assert_eq!((entry.ports[0].target_port, entry.status_addresses[0].as_str()), (8080, "240.240.0.1"));
    assert_eq!(entry.endpoints[0].ports, [("http".into(), 81)]);
    assert_eq!(manifests.workload_entries[0].spec.network, "n1");
    let sidecar = &manifests.sidecars[0].spec;
    assert_eq!(sidecar.egress[0].capture_mode, "NONE");
    assert_eq!(sidecar.ingress[0].default_endpoint, "127.0.0.1:90");
    assert_eq!(sidecar.outbound_traffic_policy.as_ref().map(|p| p.mode), Some(OutboundMode::RegistryOnly), "IN-1");
}

#[test]
fn no_input_makes_reading_panic() {
    for text in [VIRTUAL_SERVICE, DESTINATION_RULE, OTHERS] {
        for end in (0..text.len()).step_by(7) {
            load(text.get(..end).unwrap_or_default());
        }
        // Each value in turn becomes something else.
        for (number, line) in text.lines().enumerate() {
            let Some((key, _)) = line.split_once(':') else { continue };
            for value in
                ["", "null", "[]", "[~]", "{}", "{a: b}", "1", "-1.5", "99999999999999999999", "yes", "''", "é"]
            {
                let changed: Vec<_> = text
                    .lines()
                    .enumerate()
                    .map(|(at, line)| if at == number { format!("{key}: {value}") } else { line.to_owned() })
                    .collect();
                load(&changed.join("\n"));
            }
        }
    }
}
