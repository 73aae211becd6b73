//! Traffic policies: pools, outlier detection, TLS and tunnels (DR2, DR6 to DR9, DR13, DR14).

use super::load_balancer;
use super::report::{Place, Report};
use super::values;
use crate::manifest::kinds::{
    ClientTls, ClientTlsMode, ConnectionPool, H2UpgradePolicy, HttpPool, LoadBalancer, Nanos, OutlierDetection,
    TcpPool, TrafficPolicy, Tunnel,
};

/// Judges the policy of a rule or subset. An empty policy, or one with two kinds of tunnels, is not looked into.
pub(super) fn review(place: &Place<'_>, policy: &TrafficPolicy, namespace: &str, report: &mut Report<'_>) {
    let is_empty = policy.load_balancer.is_none()
        && policy.connection_pool.is_none()
        && policy.outlier_detection.is_none()
        && policy.tls.is_none()
        && policy.port_level_settings.is_empty()
        && policy.tunnel.is_none()
        && policy.proxy_protocol.is_none()
        && policy.retry_budget.is_none();
    if is_empty {
        let message = "the traffic policy is empty, or has no field that Istio knows";
        report.reject("M202", place, message, "add a block such as `loadBalancer`, or remove `trafficPolicy`");
        return;
    }
    if policy.tunnel.is_some() && policy.proxy_protocol.is_some() {
        let message = "`tunnel` and `proxyProtocol` must not stand together";
        report.reject("M202", &place.key("proxyProtocol"), message, "keep one of the two");
    }
    let blocks = Blocks {
        load_balancer: policy.load_balancer.as_ref(),
        connection_pool: policy.connection_pool.as_ref(),
        outlier_detection: policy.outlier_detection.as_ref(),
        tls: policy.tls.as_ref(),
    };
    blocks.review(place, namespace, report);
    let list = place.key("portLevelSettings");
    for (i, port) in policy.port_level_settings.iter().enumerate() {
        let blocks = Blocks {
            load_balancer: port.load_balancer.as_ref(),
            connection_pool: port.connection_pool.as_ref(),
            outlier_detection: port.outlier_detection.as_ref(),
            tls: port.tls.as_ref(),
        };
        let place = list.index(i);
        if port.port.is_none() {
            let message = "the port-level settings name no `port`";
            report.reject("M210", &place, message, "add `port: {number: …}`");
        }
        if blocks.is_empty() {
            let message = "the port-level settings set nothing";
            let hint = "add `loadBalancer`, `connectionPool`, `outlierDetection` or `tls`, or remove the entry";
            report.reject("M210", &place, message, hint);
        } else {
            report.losing_warnings(|report| blocks.review(&place, namespace, report));
        }
    }
    if let Some(tunnel) = &policy.tunnel {
        review_tunnel(&place.key("tunnel"), tunnel, report);
    }
    if let Some(version) = &policy.proxy_protocol
        && !matches!(version.as_str(), "" | "V1" | "V2")
    {
        let place = place.key("proxyProtocol");
        let message = format!("version `{version}` of the PROXY protocol is not known");
        report.reject("M202", &place.key("version"), message, "use `V1` or `V2`");
    }
}

/// The blocks that policies of rules, subsets and ports have in common.
struct Blocks<'a> {
    load_balancer: Option<&'a LoadBalancer>,
    connection_pool: Option<&'a ConnectionPool>,
    outlier_detection: Option<&'a OutlierDetection>,
    tls: Option<&'a ClientTls>,
}

impl Blocks<'_> {
    fn is_empty(&self) -> bool {
        self.load_balancer.is_none()
            && self.connection_pool.is_none()
            && self.outlier_detection.is_none()
            && self.tls.is_none()
    }

    fn review(&self, place: &Place<'_>, namespace: &str, report: &mut Report<'_>) {
        if let Some(outlier) = self.outlier_detection {
            review_outlier_detection(&place.key("outlierDetection"), outlier, report);
        }
        if let Some(pool) = self.connection_pool {
            review_connection_pool("M204", &place.key("connectionPool"), pool, report);
        }
        if let Some(balancer) = self.load_balancer {
            let has_outlier_detection = self.outlier_detection.is_some();
            load_balancer::review(&place.key("loadBalancer"), balancer, has_outlier_detection, report);
        }
        if let Some(tls) = self.tls {
            review_tls(&place.key("tls"), tls, namespace, report);
        }
    }
}

fn review_durations(id: &str, place: &Place<'_>, durations: &[(&str, Option<Nanos>)], report: &mut Report<'_>) {
    for (field, duration) in durations {
        if let Some(duration) = duration {
            report.check(id, &place.key(field), &format!("`{field}`"), duration, values::duration(*duration));
        }
    }
}

/// DR8, DR9.
fn review_outlier_detection(place: &Place<'_>, outlier: &OutlierDetection, report: &mut Report<'_>) {
    let durations = [("baseEjectionTime", outlier.base_ejection_time), ("interval", outlier.interval)];
    review_durations("M203", place, &durations, report);
    if outlier.consecutive_errors != 0 {
        let message = "`consecutiveErrors` is deprecated, and has no effect";
        let hint = "use `consecutive5xxErrors` or `consecutiveGatewayErrors`";
        report.warn("M203", &place.key("consecutiveErrors"), message, hint);
    }
    if !outlier.split_external_local_origin_errors && outlier.consecutive_local_origin_failures.is_some_and(|n| n > 0) {
        let message = "`consecutiveLocalOriginFailures` has no effect without `splitExternalLocalOriginErrors`";
        let hint = "set `splitExternalLocalOriginErrors: true`, or remove it";
        report.reject("M203", &place.key("consecutiveLocalOriginFailures"), message, hint);
    }
    for (field, value) in
        [("maxEjectionPercent", outlier.max_ejection_percent), ("minHealthPercent", outlier.min_health_percent)]
    {
        report.check("M203", &place.key(field), &format!("`{field}`"), value, values::percent(value));
    }
}

/// DR7, also for the pools of a Sidecar, under `id`.
pub(super) fn review_connection_pool(id: &str, place: &Place<'_>, pool: &ConnectionPool, report: &mut Report<'_>) {
    if pool.http.is_none() && pool.tcp.is_none() {
        let message = "the connection pool is empty, or has no field that Istio knows";
        report.reject(id, place, message, "add `tcp` or `http` settings, or remove the block");
    }
    if let Some(http) = &pool.http {
        review_http_pool(id, &place.key("http"), http, report);
    }
    if let Some(tcp) = &pool.tcp {
        review_tcp_pool(id, &place.key("tcp"), tcp, report);
    }
}

fn refuse_negative(id: &str, place: &Place<'_>, numbers: &[(&str, i64)], report: &mut Report<'_>) {
    for (field, number) in numbers.iter().filter(|(_, number)| *number < 0) {
        report.reject(id, &place.key(field), format!("`{field}` is negative: `{number}`"), "use 0 or more");
    }
}

fn review_http_pool(id: &str, place: &Place<'_>, http: &HttpPool, report: &mut Report<'_>) {
    let numbers = [
        ("http1MaxPendingRequests", http.http1_max_pending_requests),
        ("http2MaxRequests", http.http2_max_requests),
        ("maxRequestsPerConnection", http.max_requests_per_connection),
        ("maxRetries", http.max_retries),
        ("maxConcurrentStreams", http.max_concurrent_streams),
    ];
    refuse_negative(id, place, &numbers, report);
    review_durations(id, place, &[("idleTimeout", http.idle_timeout)], report);
    if http.h2_upgrade_policy == H2UpgradePolicy::Upgrade && http.use_client_protocol {
        let message = "`useClientProtocol` contradicts `h2UpgradePolicy: UPGRADE`";
        report.reject(id, &place.key("useClientProtocol"), message, "keep one of the two");
    }
    let Some(keep_alive) = http.http2_keep_alive else { return };
    let place = place.key("http2KeepAlive");
    let durations = [("interval", keep_alive.interval), ("timeout", keep_alive.timeout)];
    for (field, _) in durations.iter().filter(|(_, duration)| duration.is_none()) {
        let message = format!("`http2KeepAlive` has no `{field}`");
        report.reject(id, &place, message, "set both `interval` and `timeout`");
    }
    review_durations(id, &place, &durations, report);
}

fn review_tcp_pool(id: &str, place: &Place<'_>, tcp: &TcpPool, report: &mut Report<'_>) {
    refuse_negative(id, place, &[("maxConnections", tcp.max_connections)], report);
    // An idle timeout below a millisecond, in either direction, switches it off.
    let idle_timeout = tcp.idle_timeout.filter(|d| d.0 / 1_000_000 != 0);
    let durations = [
        ("connectTimeout", tcp.connect_timeout),
        ("maxConnectionDuration", tcp.max_connection_duration),
        ("idleTimeout", idle_timeout),
    ];
    review_durations(id, place, &durations, report);
    if let Some(keepalive) = tcp.tcp_keepalive {
        let durations = [("time", keepalive.time), ("interval", keepalive.interval)];
        review_durations(id, &place.key("tcpKeepalive"), &durations, report);
    }
}

/// DR13: where the client's certificates come from.
fn review_tls(place: &Place<'_>, tls: &ClientTls, namespace: &str, report: &mut Report<'_>) {
    if let Some(resource) = tls.credential_name.strip_prefix("configmap://") {
        let mut parts = resource.split('/');
        let named = parts.next().filter(|ns| !ns.is_empty());
        let name = parts.next().filter(|name| !name.is_empty());
        if named != Some(namespace) || name.is_none() {
            let message = format!("credential `{}` is not a ConfigMap of the own namespace", tls.credential_name);
            let hint = format!("write `configmap://{namespace}/<name>`");
            report.reject("M208", &place.key("credentialName"), message, hint);
        }
    }
    let is_simple = tls.mode == ClientTlsMode::Simple;
    let is_mutual = tls.mode == ClientTlsMode::Mutual;
    if !is_simple && !is_mutual {
        return;
    }
    if tls.insecure_skip_verify == Some(true) {
        // In mode MUTUAL the secret may hold the client's certificate only.
        let by_secret = is_simple && !tls.credential_name.is_empty();
        if !tls.ca_certificates.is_empty() || !tls.subject_alt_names.is_empty() || by_secret {
            let message = "the server is not verified (`insecureSkipVerify`), but what to verify it with is given";
            let hint = "remove `insecureSkipVerify`, or the CA certificates and `subjectAltNames`";
            report.reject("M208", &place.key("insecureSkipVerify"), message, hint);
        }
    }
    if !tls.credential_name.is_empty() {
        let files = [&tls.client_certificate, &tls.ca_certificates, &tls.private_key, &tls.ca_crl];
        if files.iter().any(|file| !file.is_empty()) {
            let message = "certificates are given both as `credentialName` and as files";
            report.reject("M208", &place.key("credentialName"), message, "keep one of the two");
        }
    } else if is_mutual {
        for (field, value) in [("clientCertificate", &tls.client_certificate), ("privateKey", &tls.private_key)] {
            if value.is_empty() {
                let message = format!("TLS mode MUTUAL has no `{field}`");
                let hint = "name a secret with `credentialName`, give the files, or use mode ISTIO_MUTUAL";
                report.reject("M208", place, message, hint);
            }
        }
    }
}

/// DR14.
fn review_tunnel(place: &Place<'_>, tunnel: &Tunnel, report: &mut Report<'_>) {
    if !matches!(tunnel.protocol.as_str(), "" | "CONNECT" | "POST") {
        let message = format!("tunnel protocol `{}` is not known", tunnel.protocol);
        report.reject("M202", &place.key("protocol"), message, "use `CONNECT` or `POST`");
    }
    let host = &tunnel.target_host;
    if !values::is_ip_address(host) {
        report.check("M202", &place.key("targetHost"), "tunnel target host", host, values::fqdn(host));
    }
    let port = tunnel.target_port;
    report.check("M202", &place.key("targetPort"), "tunnel target port", port, values::port(port));
}
