//! Sidecar (istio-translation 14.5; checks M501 to M508).

use rustc_hash::{FxHashMap, FxHashSet};

use super::report::{Place, Report};
use super::values::{self, Protocol};
use super::{actions, export, server_tls, traffic_policy};
use crate::manifest::kinds::{
    EgressListener, IngressListener, Object, OutboundMode, OutboundTrafficPolicy, ServerTlsMode, Sidecar,
};
use crate::manifest::release::Difference;

pub(super) fn review(object: &Object<Sidecar>, report: &mut Report<'_>) {
    let sidecar = &object.spec;
    let place = Place::root("spec", object.at);
    if let Some(labels) = &sidecar.workload_selector {
        let place = place.key("workloadSelector");
        export::selector("M507", &place.key("labels"), labels, report);
        export::empty_selector("M507", &place, labels, report);
    }
    let is_empty = sidecar.egress.is_empty()
        && sidecar.ingress.is_empty()
        && sidecar.outbound_traffic_policy.is_none()
        && sidecar.inbound_connection_pool.is_none();
    if is_empty {
        let message = "the Sidecar configures nothing";
        let hint = "add `egress`, `ingress`, `outboundTrafficPolicy` or `inboundConnectionPool`";
        report.reject("M501", &place, message, hint);
    }
    let ingress = place.key("ingress");
    let mut ports = FxHashSet::default();
    for (i, listener) in sidecar.ingress.iter().enumerate() {
        review_ingress(&ingress.index(i).at(listener.at), listener, &mut ports, report);
    }
    if let Some(pool) = &sidecar.inbound_connection_pool {
        let place = place.key("inboundConnectionPool");
        traffic_policy::review_connection_pool("M508", &place, pool, report);
    }
    review_egress(&place.key("egress"), &sidecar.egress, &object.meta.namespace, report);
    if let Some(policy) = &sidecar.outbound_traffic_policy {
        // Judged without keeping warnings.
        report.losing_warnings(|report| review_outbound(&place.key("outboundTrafficPolicy"), policy, report));
    }
}

fn review_ingress(place: &Place<'_>, listener: &IngressListener, ports: &mut FxHashSet<i64>, report: &mut Report<'_>) {
    let Some(port) = &listener.port else {
        report.reject("M505", place, "the ingress listener has no `port`", "add a port with number, name and protocol");
        return;
    };
    let protocol = Protocol::parse(&port.protocol);
    let port_place = place.key("port");
    if port.target_port > 0 {
        let message = "`targetPort` has no meaning in a Sidecar";
        report.reject(
            "M505",
            &port_place.key("targetPort"),
            message,
            "use `defaultEndpoint` to name the port of the workload",
        );
    }
    if !port.name.is_empty() {
        report.check("M505", &port_place.key("name"), "port name", &port.name, values::dns_label(&port.name));
    }
    let checked = values::protocol_or_empty(&port.protocol);
    report.check("M505", &port_place.key("protocol"), "port protocol", &port.protocol, checked);
    report.check("M505", &port_place.key("number"), "port", port.number, values::port(port.number));
    if !listener.bind.is_empty() {
        report.check("M505", &place.key("bind"), "bind address", &listener.bind, values::ip_address(&listener.bind));
    }
    if !ports.insert(port.number) {
        let message = format!("two ingress listeners on port `{}`", port.number);
        report.reject("M504", &port_place.key("number"), message, "keep one listener for each port");
    }
    review_default_endpoint(&place.key("defaultEndpoint"), &listener.default_endpoint, report);
    if let Some(tls) = &listener.tls {
        let place = place.key("tls");
        let fields = [
            ("subjectAltNames", !tls.subject_alt_names.is_empty()),
            ("httpsRedirect", tls.https_redirect),
            ("credentialName", !tls.credential_name.is_empty()),
            ("credentialNames", !tls.credential_names.is_empty()),
            ("tlsCertificates", !tls.tls_certificates.is_empty()),
        ];
        for (field, _) in fields.iter().filter(|(_, is_set)| *is_set) {
            let message = format!("`{field}` is not supported for TLS of a Sidecar");
            report.reject("M505", &place.key(field), message, "remove it; certificates are given as files");
        }
        if matches!(tls.mode, ServerTlsMode::IstioMutual | ServerTlsMode::AutoPassthrough) {
            let message = "TLS modes ISTIO_MUTUAL and AUTO_PASSTHROUGH are not supported for a Sidecar";
            report.reject("M505", &place.key("mode"), message, "use SIMPLE or MUTUAL");
        }
        if !protocol.is_some_and(Protocol::is_tls) {
            let message = "`tls` on a port that speaks neither HTTPS nor TLS";
            report.reject("M505", &place, message, "use protocol HTTPS or TLS, or remove `tls`");
        }
        server_tls::review("M505", &place, tls, report);
    }
    if let Some(pool) = &listener.connection_pool {
        let place = place.key("connectionPool");
        traffic_policy::review_connection_pool("M508", &place, pool, report);
        if pool.http.is_some() && !protocol.is_some_and(Protocol::is_http) {
            let message = format!("HTTP settings for port `{}`, whose protocol is not HTTP", port.number);
            report.warn("M508", &place.key("http"), message, "name protocol HTTP, or keep the `tcp` settings only");
        }
    }
}

/// Where the requests of an ingress listener go: a port of the workload itself, or a socket.
fn review_default_endpoint(place: &Place<'_>, endpoint: &str, report: &mut Report<'_>) {
    const HINT: &str = "use `127.0.0.1:<port>`, `0.0.0.0:<port>`, `[::1]:<port>`, `[::]:<port>` or `unix://<path>`";
    if endpoint.is_empty() {
        return;
    }
    if let Some(path) = endpoint.strip_prefix("unix://") {
        report.check("M505", place, "default endpoint", endpoint, values::unix_path(path));
        return;
    }
    let refuse = |report: &mut Report<'_>, reason: &str| {
        report.reject("M505", place, format!("default endpoint `{endpoint}` {reason}"), HINT);
    };
    let Some((host, port)) = split_host_port(endpoint) else {
        refuse(report, "is not an address with a port");
        return;
    };
    if !matches!(host, "" | "127.0.0.1" | "0.0.0.0" | "::1" | "::") {
        refuse(report, "is not an address of the workload itself");
    }
    match port.parse::<i64>() {
        Ok(port) => report.check("M505", place, "port", port, values::port(port)),
        Err(_) => refuse(report, "has no number as its port"),
    }
}

/// Splits `host:port` or `[host]:port`; a host with colons needs the brackets.
fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    (!host.contains(['[', ']']) && !port.contains(['[', ']'])).then_some((host, port))
}

fn review_egress(list: &Place<'_>, egress: &[EgressListener], namespace: &str, report: &mut Report<'_>) {
    let mut ports: FxHashSet<i64> = FxHashSet::default();
    let mut sockets: FxHashSet<&str> = FxHashSet::default();
    for (i, listener) in egress.iter().enumerate() {
        let place = list.index(i).at(listener.at);
        match &listener.port {
            None if i + 1 < egress.len() => {
                let message = "an egress listener without `port` serves all ports, and must be the last and only one";
                report.reject("M503", &place, message, "move it to the end of the list, or give it a port");
            }
            None => {}
            Some(port) => {
                review_egress_port(&place, listener, report);
                let is_new = if port.number == 0 { sockets.insert(&listener.bind) } else { ports.insert(port.number) };
                if !is_new {
                    let what = if port.number == 0 {
                        format!("socket `{}`", listener.bind)
                    } else {
                        format!("port `{}`", port.number)
                    };
                    let message = format!("two egress listeners on {what}");
                    report.reject(
                        "M504",
                        &place.key("port").key("number"),
                        message,
                        "merge their hosts into one listener",
                    );
                }
            }
        }
        if listener.hosts.is_empty() {
            let hint = "list hosts as `<namespace>/<name>`, such as `./*`";
            report.reject("M502", &place, "the egress listener has no `hosts`", hint);
        }
        review_egress_hosts(&place.key("hosts"), listener, namespace, report);
    }
}

fn review_egress_port(place: &Place<'_>, listener: &EgressListener, report: &mut Report<'_>) {
    let Some(port) = &listener.port else { return };
    let port_place = place.key("port");
    let bind = &listener.bind;
    if port.target_port > 0 {
        let message = "`targetPort` has no meaning in a Sidecar";
        report.reject("M504", &port_place.key("targetPort"), message, "remove it");
    }
    if !port.name.is_empty() {
        report.check("M504", &port_place.key("name"), "port name", &port.name, values::dns_label(&port.name));
    }
    let checked = values::protocol_or_empty(&port.protocol);
    report.check("M504", &port_place.key("protocol"), "port protocol", &port.protocol, checked);
    if port.number == 0 {
        match bind.strip_prefix("unix://") {
            Some(path) => report.check("M504", &place.key("bind"), "bind address", bind, values::unix_path(path)),
            None => {
                let message = "port 0 needs a unix domain socket";
                report.reject("M504", &port_place, message, "set `bind: unix://<path>`, or a port number");
            }
        }
        if !matches!(listener.capture_mode.as_str(), "" | "DEFAULT" | "NONE") {
            let message = format!("capture mode `{}` does not work with a unix domain socket", listener.capture_mode);
            report.reject("M504", &place.key("captureMode"), message, "use DEFAULT or NONE");
        }
    } else {
        report.check("M504", &port_place.key("number"), "port", port.number, values::port(port.number));
        if !bind.is_empty() {
            report.check("M504", &place.key("bind"), "bind address", bind, values::ip_address(bind));
        }
    }
}

/// Hosts in the form `namespace/name`, and warnings about those that earlier ones make superfluous.
fn review_egress_hosts(place: &Place<'_>, listener: &EgressListener, namespace: &str, report: &mut Report<'_>) {
    let mut seen: FxHashMap<&str, FxHashSet<&str>> = FxHashMap::default();
    for (i, host) in listener.hosts.iter().enumerate() {
        let place = place.index(i);
        if let Some((scope, name)) = host.split_once('/')
            && !scope.starts_with('~')
        {
            let names = seen.entry(if scope == "." { namespace } else { scope }).or_default();
            let is_repeated = if name == "*" { !names.is_empty() } else { names.contains(name) || names.contains("*") };
            if is_repeated {
                let message =
                    format!("egress host `{host}` repeats or overlaps with an earlier one of the same namespace");
                report.warn("M506", &place, message, "keep the wider of the two");
            }
            names.insert(name);
        }
        review_egress_host(&place, host, report);
    }
    if seen.get("*").is_some_and(|names| names.contains("*")) && seen.len() > 1 {
        let message = "`*/*` selects everything, so the other hosts say nothing";
        report.warn("M506", place, message, "remove the others, or narrow `*/*`");
    }
}

fn review_egress_host(place: &Place<'_>, host: &str, report: &mut Report<'_>) {
    const HINT: &str =
        "write `<namespace>/<name>` with a full name or `*`, such as `./*` or `shop/cart.shop.svc.cluster.local`";
    let Some((scope, name)) = host.split_once('/') else {
        report.reject("M502", place, format!("egress host `{host}` has no namespace"), HINT);
        return;
    };
    // A leading `~` takes hosts out again (before VE-3 there was no such thing); `~` alone stands for no namespace.
    let takes_out = scope == "~" || report.has(Difference::SidecarExclusions);
    let excluded = scope.strip_prefix('~').filter(|_| takes_out).unwrap_or(scope);
    let is_symbol = matches!(excluded, "*" | ".") || excluded.is_empty() && !scope.is_empty();
    if !is_symbol && !values::is_dns_label(excluded) {
        report.reject("M502", place, format!("egress host `{host}` has an invalid namespace `{scope}`"), HINT);
    }
    if let Err(wrong) = values::wildcard_domain(name) {
        report.reject("M502", place, format!("name `{name}` of egress host `{host}` {}", wrong.what), HINT);
    } else if values::is_partial_wildcard(name) {
        let message = format!("egress host `{host}` has a `*` that is not a label of its own");
        report.reject("M502", place, message, "use `*`, or `*.` followed by a domain");
    } else if name != "*" && !name.contains('.') {
        report.reject("M502", place, format!("egress host `{host}` has the short name `{name}`"), HINT);
    }
}

fn review_outbound(place: &Place<'_>, policy: &OutboundTrafficPolicy, report: &mut Report<'_>) {
    if policy.mode == OutboundMode::AllowAnyDynamicDns {
        let message = "mode ALLOW_ANY_DYNAMIC_DNS is only for the whole mesh";
        report.reject("M508", &place.key("mode"), message, "use ALLOW_ANY or REGISTRY_ONLY");
        return;
    }
    let Some(proxy) = &policy.egress_proxy else { return };
    let place = place.key("egressProxy");
    report.deprecated("M508", &place, "`egressProxy` is deprecated", "route through an egress gateway instead");
    if policy.mode != OutboundMode::AllowAny {
        let message = "`egressProxy` needs mode ALLOW_ANY";
        report.reject("M508", &place, message, "set `mode: ALLOW_ANY`, or remove it");
        return;
    }
    report.check("M508", &place.key("host"), "egress proxy", &proxy.host, values::fqdn(&proxy.host));
    if proxy.port.is_none() {
        report.reject("M508", &place, "the egress proxy has no `port`", "add `port: {number: …}`");
    } else {
        actions::review_destination(&place, proxy, report);
    }
}
