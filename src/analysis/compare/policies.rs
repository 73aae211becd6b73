//! Policies that differ between two tables of one proxy: what bears on whether, how fast and how safely a request is delivered,
//! and not on where it goes.

use std::collections::VecDeque;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};

use super::same;
use crate::envoy::table::{
    Cluster, ClusterName, FilterChain, FilterChainMatch, Forward, Listener, Route, RouteAction, RouteTable,
    UpstreamProtocol, VirtualHost,
};
use crate::envoy::words;
use crate::manifest::kinds::{ClientTls, ClientTlsMode, Nanos, ObjectId, ServerTls, ServerTlsMode};

/// One setting with another value than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyChange {
    /// The setting by the name of its field: `timeout`, `outlierDetection.interval`.
    pub what: &'static str,
    /// `15s`; `none` where it limits nothing, `default` where Envoy's own value holds.
    pub before: String,
    pub now: String,
    /// Who sets it now, else who did.
    pub object: Option<ObjectId>,
    /// The rules, clusters or listeners that it holds for, in the order of the table; at least one.
    pub places: Vec<SmolStr>,
}

/// Settings of one thing by the names of their fields, in one order for all things of a kind.
pub(crate) type Settings = Vec<(&'static str, String)>;

/// Collects changes; those of several places with one author and the same values are one.
#[derive(Debug, Default)]
pub(super) struct Changes(IndexMap<(Option<ObjectId>, &'static str, String, String), Vec<SmolStr>>);

impl Changes {
    fn add(&mut self, object: Option<&ObjectId>, place: &SmolStr, before: Settings, now: Settings) {
        for ((what, before), (_, now)) in before.into_iter().zip(now) {
            if before == now {
                continue;
            }
            let places = self.0.entry((object.cloned(), what, before, now)).or_default();
            if places.last() != Some(place) && !places.contains(place) {
                places.push(place.clone());
            }
        }
    }

    pub(super) fn into_list(self) -> Vec<PolicyChange> {
        let change = |((object, what, before, now), places)| PolicyChange { what, before, now, object, places };
        self.0.into_iter().map(change).collect()
    }

    /// Routes of a virtual host that both tables have. Where rules came or went, they are paired by their conditions.
    pub(super) fn of_host(&mut self, before: &VirtualHost, now: &VirtualHost) {
        let by_place = before.routes.len() == now.routes.len();
        for (i, is) in now.routes.iter().enumerate() {
            let was = match by_place {
                true => before.routes.get(i).filter(|r| r.matcher == is.matcher),
                false => before.routes.iter().find(|r| r.matcher == is.matcher),
            };
            let Some(was) = was.filter(|was| !same::routes(was, is)) else { continue };
            let (RouteAction::Forward(a), RouteAction::Forward(b)) = (&was.action, &is.action) else { continue };
            let (object, place) = written(is, now);
            self.add(object, &place, of_route(a), of_route(b));
        }
    }

    /// Clusters that both tables have. The SNI form of one says what it says itself.
    pub(super) fn of_clusters(&mut self, before: &RouteTable, now: &RouteTable) {
        for is in now.clusters.iter().filter(|c| !matches!(c.name, ClusterName::SniDnat { .. })) {
            let Some(was) = before.cluster(&is.name) else { continue };
            if same::policies(was, is) {
                continue;
            }
            let rule = is.destination_rule.as_ref().or(was.destination_rule.as_ref());
            self.add(rule.map(|r| &r.object), &words::cluster(&is.name).into(), of_cluster(was), of_cluster(is));
        }
    }

    /// Filter chains of gateways, by listener and conditions.
    pub(super) fn of_listeners(&mut self, before: &RouteTable, now: &RouteTable) {
        for is in &now.listeners {
            let same_name = |l: &&Arc<Listener>| l.address == is.address && l.port == is.port;
            let Some(was) = before.listeners.iter().find(same_name) else { continue };
            // Envoy refuses a listener with two chains for the same connections; here they are paired in their order.
            let mut of_match: FxHashMap<&FilterChainMatch, VecDeque<&FilterChain>> = FxHashMap::default();
            for chain in was.filter_chains.iter().chain(&was.default_filter_chain) {
                of_match.entry(&chain.matcher).or_default().push_back(chain);
            }
            for chain in is.filter_chains.iter().chain(&is.default_filter_chain) {
                let Some(old) = of_match.get_mut(&chain.matcher).and_then(VecDeque::pop_front) else { continue };
                if old.tls_settings != chain.tls_settings {
                    let object = chain.source.as_ref().or(old.source.as_ref()).map(|s| &s.object);
                    self.add(object, &listener(is, chain), of_server(old), of_server(chain));
                }
            }
        }
    }
}

/// Who wrote a route, and the route by its rule; of those that nobody wrote, the virtual host.
fn written<'r>(route: &'r Route, host: &VirtualHost) -> (Option<&'r ObjectId>, SmolStr) {
    let Some(source) = &route.source else { return (None, host.name.clone()) };
    let rule = source.rule.map_or_else(|| host.name.clone(), |rule| format_smolstr!("rule {rule}"));
    let named = if route.name.is_empty() { rule } else { format_smolstr!("{rule} \"{}\"", route.name) };
    (Some(&source.object), named)
}

fn listener(l: &Listener, chain: &FilterChain) -> SmolStr {
    let names = chain.matcher.server_names.join(", ");
    if names.is_empty() { format_smolstr!("port {}", l.port) } else { format_smolstr!("port {} ({names})", l.port) }
}

/// Time-outs, retries and mirrors of a route.
pub(crate) fn of_route(f: &Forward) -> Settings {
    let none = || "none".to_owned();
    let retry = f.retry.as_deref();
    let on = |r: &crate::envoy::table::RetryPolicy| {
        let codes: String = r.retriable_status_codes.iter().map(|c| format!(",{c}")).collect();
        format!("{}{codes}", r.retry_on)
    };
    let mirror = |m: &crate::envoy::table::MirrorPolicy| {
        let share = f64::from(m.fraction.numerator) / f64::from(m.fraction.denominator);
        format!("{} to {}", words::percent(share), words::cluster(&m.destination.cluster))
    };
    let mirrors: Vec<String> = f.mirrors.iter().map(mirror).collect();
    vec![
        ("timeout", if f.timeout.0 == 0 { none() } else { f.timeout.to_string() }),
        ("retries.attempts", retry.map_or_else(|| "0".to_owned(), |r| r.num_retries.to_string())),
        ("retries.perTryTimeout", duration(retry.and_then(|r| r.per_try_timeout), "none")),
        ("retries.retryOn", retry.map_or_else(none, on)),
        ("retries.backoff", duration(retry.and_then(|r| r.base_interval), "default")),
        ("retries.retryIgnorePreviousHosts", retry.map_or_else(none, |r| r.previous_hosts.to_string())),
        ("retries.retryRemoteLocalities", retry.map_or_else(none, |r| r.previous_priorities.to_string())),
        ("mirrors", if mirrors.is_empty() { none() } else { mirrors.join(", ") }),
    ]
}

/// How connections to a cluster are limited, watched and secured.
pub(crate) fn of_cluster(c: &Cluster) -> Settings {
    let (pool, budget) = (&c.circuit_breakers, c.circuit_breakers.retry_budget);
    let outliers = c.outlier_detection.as_ref();
    let unlimited = |n: Option<u32>| number(n, "no limit");
    let seen = |n: Option<Option<u32>>| n.map_or_else(|| "none".to_owned(), |n| number(n, "default"));
    let span = |n: Option<Option<Nanos>>| n.map_or_else(|| "none".to_owned(), |n| duration(n, "default"));
    let protocol = match c.http.protocol {
        UpstreamProtocol::Http1 => "HTTP/1.1",
        UpstreamProtocol::Http2 => "HTTP/2",
        UpstreamProtocol::UseDownstream => "as the client's",
    };
    let mut out = vec![
        ("connectionPool.tcp.connectTimeout", c.connect_timeout.to_string()),
        ("connectionPool.tcp.maxConnections", unlimited(pool.max_connections)),
        ("connectionPool.http.http1MaxPendingRequests", unlimited(pool.max_pending_requests)),
        ("connectionPool.http.http2MaxRequests", unlimited(pool.max_requests)),
        ("connectionPool.http.maxRetries", unlimited(pool.max_retries)),
        ("connectionPool.http.maxRequestsPerConnection", unlimited(c.http.max_requests_per_connection)),
        ("connectionPool.http.idleTimeout", duration(c.http.idle_timeout, "default")),
        ("connectionPool.tcp.maxConnectionDuration", duration(c.http.max_connection_duration, "none")),
        ("connectionPool.http.maxConcurrentStreams", number(c.http.max_concurrent_streams, "default")),
        ("HTTP version", protocol.to_owned()),
        (
            "retryBudget",
            budget.map_or_else(
                || "none".to_owned(),
                |b| format!("{} %, at least {}", b.percent, b.min_retry_concurrency),
            ),
        ),
        ("outlierDetection.consecutive5xxErrors", seen(outliers.map(|o| o.consecutive_5xx))),
        ("outlierDetection.consecutiveGatewayErrors", seen(outliers.map(|o| o.consecutive_gateway_failure))),
        ("outlierDetection.consecutiveLocalOriginFailures", seen(outliers.map(|o| o.consecutive_local_origin_failure))),
        (
            "outlierDetection.splitExternalLocalOriginErrors",
            outliers.map_or_else(|| "none".to_owned(), |o| o.split_external_local_origin_errors.to_string()),
        ),
        ("outlierDetection.interval", span(outliers.map(|o| o.interval))),
        ("outlierDetection.baseEjectionTime", span(outliers.map(|o| o.base_ejection_time))),
        ("outlierDetection.maxEjectionPercent", seen(outliers.map(|o| o.max_ejection_percent))),
        ("outlierDetection.minHealthPercent", c.healthy_panic_threshold.to_string()),
    ];
    out.extend(of_client(c.tls.as_deref()));
    out
}

/// DestinationRule `tls`. None: as the mesh does by itself.
fn of_client(tls: Option<&ClientTls>) -> Settings {
    let mode = |t: &ClientTls| match t.mode {
        ClientTlsMode::Disable => "DISABLE",
        ClientTlsMode::Simple => "SIMPLE",
        ClientTlsMode::Mutual => "MUTUAL",
        ClientTlsMode::IstioMutual => "ISTIO_MUTUAL",
    };
    let field = |of: fn(&ClientTls) -> &SmolStr| tls.map_or_else(|| "none".to_owned(), |t| text(of(t)));
    vec![
        ("tls.mode", tls.map_or("not set", mode).to_owned()),
        ("tls.credentialName", field(|t| &t.credential_name)),
        ("tls.clientCertificate", field(|t| &t.client_certificate)),
        ("tls.privateKey", field(|t| &t.private_key)),
        ("tls.caCertificates", field(|t| &t.ca_certificates)),
        ("tls.caCrl", field(|t| &t.ca_crl)),
        ("tls.sni", field(|t| &t.sni)),
        ("tls.subjectAltNames", list(tls.map(|t| t.subject_alt_names.as_slice()))),
        (
            "tls.insecureSkipVerify",
            tls.and_then(|t| t.insecure_skip_verify).map_or_else(|| "not set".to_owned(), |skip| skip.to_string()),
        ),
    ]
}

/// The `tls` of a gateway's server.
pub(crate) fn of_server(chain: &FilterChain) -> Settings {
    let tls = chain.tls_settings.as_deref();
    let mode = |t: &ServerTls| match t.mode {
        ServerTlsMode::Passthrough => "PASSTHROUGH",
        ServerTlsMode::Simple => "SIMPLE",
        ServerTlsMode::Mutual => "MUTUAL",
        ServerTlsMode::AutoPassthrough => "AUTO_PASSTHROUGH",
        ServerTlsMode::IstioMutual => "ISTIO_MUTUAL",
        ServerTlsMode::OptionalMutual => "OPTIONAL_MUTUAL",
    };
    let field = |of: fn(&ServerTls) -> &SmolStr| tls.map_or_else(|| "none".to_owned(), |t| text(of(t)));
    let all = |of: fn(&ServerTls) -> &[SmolStr]| list(tls.map(of));
    let certificates = |t: &ServerTls| {
        let names = t.tls_certificates.iter().map(|c| format!("{} {}", c.server_certificate, c.private_key));
        names.collect::<Vec<_>>().join(", ")
    };
    vec![
        ("tls.mode", tls.map_or("none", mode).to_owned()),
        ("tls.credentialName", field(|t| &t.credential_name)),
        ("tls.credentialNames", all(|t| &t.credential_names)),
        ("tls.caCertCredentialName", field(|t| &t.ca_cert_credential_name)),
        ("tls.serverCertificate", field(|t| &t.server_certificate)),
        ("tls.privateKey", field(|t| &t.private_key)),
        ("tls.caCertificates", field(|t| &t.ca_certificates)),
        ("tls.caCrl", field(|t| &t.ca_crl)),
        ("tls.tlsCertificates", tls.map(certificates).filter(|t| !t.is_empty()).unwrap_or_else(|| "none".to_owned())),
        ("tls.subjectAltNames", all(|t| &t.subject_alt_names)),
        ("tls.verifyCertificateSpki", all(|t| &t.verify_certificate_spki)),
        ("tls.verifyCertificateHash", all(|t| &t.verify_certificate_hash)),
        ("tls.minProtocolVersion", field(|t| &t.min_protocol_version)),
        ("tls.maxProtocolVersion", field(|t| &t.max_protocol_version)),
        ("tls.cipherSuites", all(|t| &t.cipher_suites)),
        ("tls.httpsRedirect", tls.is_some_and(|t| t.https_redirect).to_string()),
    ]
}

fn duration(value: Option<Nanos>, absent: &str) -> String {
    value.map_or_else(|| absent.to_owned(), |v| v.to_string())
}

fn number(value: Option<u32>, absent: &str) -> String {
    value.map_or_else(|| absent.to_owned(), |v| v.to_string())
}

fn text(value: &SmolStr) -> String {
    if value.is_empty() { "none".to_owned() } else { value.to_string() }
}

fn list(values: Option<&[SmolStr]>) -> String {
    values.filter(|v| !v.is_empty()).map_or_else(|| "none".to_owned(), |v| v.join(", "))
}
