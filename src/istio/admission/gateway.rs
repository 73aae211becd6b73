//! Gateway (istio-translation 14.3; checks M301 to M306).

use rustc_hash::FxHashSet;

use super::report::{Place, Report};
use super::server_tls;
use super::values::{self, Protocol};
use crate::manifest::kinds::{Gateway, Object, Server, ServerPort, ServerTlsMode};

pub(super) fn review(object: &Object<Gateway>, report: &mut Report<'_>) {
    // Istio marks what it made from the Gateway API; such names may have dots.
    let is_generated = object.meta.annotations.get("internal.istio.io/gateway-semantics") == Some("gateway");
    if !is_generated {
        let place = Place::root("metadata", object.at);
        report.check(
            "M306",
            &place.key("name"),
            "gateway name",
            &object.meta.name,
            values::dns_label(&object.meta.name),
        );
    }
    let spec = Place::root("spec", object.at);
    let servers = spec.key("servers");
    if object.spec.servers.is_empty() {
        report.reject("M301", &spec, "the gateway has no `servers`", "add a server with a port and hosts");
    }
    let mut names: FxHashSet<&str> = FxHashSet::default();
    for (i, server) in object.spec.servers.iter().enumerate() {
        let place = servers.index(i).at(server.at);
        review_server(&place, server, is_generated, report);
        let Some(port) = &server.port else { continue };
        if !names.insert(&port.name) {
            let message = format!("port name `{}` occurs twice in this gateway", port.name);
            report.reject("M302", &place.key("port").key("name"), message, "give each port its own name");
        }
        let redirects = server.tls.as_ref().is_some_and(|tls| tls.https_redirect);
        if redirects && !Protocol::parse(&port.protocol).is_some_and(Protocol::is_http) {
            let message = format!("`httpsRedirect` has no effect on a server with protocol {}", port.protocol);
            let hint = "set it on the server that takes plain HTTP, usually port 80";
            report.warn("M304", &place.key("tls").key("httpsRedirect"), message, hint);
        }
    }
}

fn review_server(place: &Place<'_>, server: &Server, is_generated: bool, report: &mut Report<'_>) {
    if server.hosts.is_empty() {
        report.reject("M301", place, "the server has no `hosts`", "name hosts, or `*` for all");
    }
    let hosts = place.key("hosts");
    for (i, host) in server.hosts.iter().enumerate() {
        review_host(&hosts.index(i), host, is_generated, report);
    }
    let protocol = match &server.port {
        None => {
            report.reject("M302", place, "the server has no `port`", "add a port with number, name and protocol");
            None
        }
        Some(port) => review_port(&place.key("port"), port, &server.bind, report),
    };
    review_bind(place, server, report);
    if let Some(tls) = &server.tls {
        server_tls::review("M305", &place.key("tls"), tls, report);
    }
    if let Some(protocol) = protocol {
        review_tls_use(place, protocol, server, report);
    }
}

/// A host of a gateway's server: `*`, a name with a dot, or an address, optionally after a namespace.
fn review_host(place: &Place<'_>, host: &str, is_generated: bool, report: &mut Report<'_>) {
    let name = match host.split_once('/') {
        None => host,
        Some((namespace, name)) => {
            let is_symbol = matches!(namespace, "*" | ".") || namespace == "~" && is_generated;
            if !is_symbol && !values::is_dns_label(namespace) {
                let message = format!("host `{host}` has an invalid namespace `{namespace}`");
                report.reject(
                    "M301",
                    place,
                    message,
                    "use a namespace, `.` for the own one or `*` for all, before the `/`",
                );
            }
            name
        }
    };
    if let Err(wrong) = values::wildcard_domain(name)
        && !values::is_ip_address(name)
    {
        report.reject("M301", place, format!("host `{host}` {}", wrong.what), wrong.hint);
    } else if values::is_partial_wildcard(name) {
        let message = format!("host `{host}` has a `*` that is not a label of its own");
        report.reject("M301", place, message, "use `*`, or `*.` followed by a domain");
    } else if name != "*" && !name.contains('.') {
        let message = format!("host `{host}` is a short name, which a gateway does not take");
        report.reject("M301", place, message, "write the full name, such as `shop.example.com`, or `*`");
    }
}

/// Gives the protocol where nothing is wrong with the port: only then does Istio look at TLS on it.
fn review_port(place: &Place<'_>, port: &ServerPort, bind: &str, report: &mut Report<'_>) -> Option<Protocol> {
    let mut protocol = Protocol::parse(&port.protocol);
    if protocol.is_none() {
        let message = format!("port protocol `{}` is not known", port.protocol);
        report.reject("M302", &place.key("protocol"), message, values::PROTOCOL_HINT);
    }
    let mut refuse = |field: &str, message: String, hint: &str| {
        protocol = None;
        report.reject("M302", &place.key(field), message, hint);
    };
    if (port.number > 0 || !bind.starts_with("unix://"))
        && let Err(wrong) = values::port(port.number)
    {
        refuse("number", format!("port `{}` {}", port.number, wrong.what), wrong.hint);
    }
    if port.target_port > 0 {
        refuse(
            "targetPort",
            "`targetPort` has no meaning in a gateway".to_owned(),
            "map ports in the gateway's Service",
        );
    }
    if port.name.is_empty() {
        refuse("name", "the port has no name".to_owned(), "give it a name that is unique in this gateway");
    }
    protocol
}

fn review_bind(place: &Place<'_>, server: &Server, report: &mut Report<'_>) {
    let bind = &server.bind;
    if let Some(path) = bind.strip_prefix("unix://") {
        report.check("M302", &place.key("bind"), "bind address", bind, values::unix_path(path));
        if let Some(port) = server.port.as_ref().filter(|port| port.number != 0) {
            let message = format!("port `{}` on a unix domain socket, which has no ports", port.number);
            report.reject("M302", &place.key("port").key("number"), message, "use port 0 with `unix://`");
        }
    } else if !bind.is_empty() {
        report.check("M302", &place.key("bind"), "bind address", bind, values::ip_address(bind));
    }
}

/// Whether TLS settings fit the protocol of the port.
fn review_tls_use(place: &Place<'_>, protocol: Protocol, server: &Server, report: &mut Report<'_>) {
    match &server.tls {
        None if protocol.is_tls() => {
            let message = "a server with protocol HTTPS or TLS has no `tls` settings";
            report.reject("M303", place, message, "add `tls` with a mode, or use protocol HTTP");
        }
        Some(_) if !protocol.is_tls() && !protocol.is_http() => {
            let message = "`tls` on a port that speaks neither HTTPS nor TLS";
            report.reject("M303", &place.key("tls"), message, "use protocol HTTPS or TLS, or remove `tls`");
        }
        Some(tls) if protocol.is_http() => {
            let passes_through = matches!(tls.mode, ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough);
            let has_files =
                [&tls.ca_certificates, &tls.private_key, &tls.server_certificate].iter().any(|f| !f.is_empty());
            if !passes_through || has_files {
                let message = "`tls` with a mode or certificates on a port that speaks plain HTTP";
                report.reject(
                    "M303",
                    &place.key("tls"),
                    message,
                    "use protocol HTTPS; plain HTTP takes `httpsRedirect` only",
                );
            }
        }
        _ => {}
    }
}
