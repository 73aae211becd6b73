//! Gateways that share a workload: C307 and C308.

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::istio::mesh::matches;
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{Gateway, Object, Server};

checks! {
    /// Two Gateways for the same workload have a server with the same port and host. Istio merges them; VirtualServices are
    /// bound to one Gateway by name and may end up where they are not looked for. A warning where the hosts only overlap
    /// through a wildcard.
    C307 "Gateways with the same selector, port and host" Error needs[Gateways] peers["IST0145", "KIA0301"];

    /// Two Gateways on the same workload use one certificate for different hosts. A browser takes an HTTP/2 connection that
    /// it has for one host for the other host too, since the certificate is good for both, and gets 404 NR there. One server
    /// with both hosts avoids it.
    C308 "One certificate on several gateways" Warning needs[Gateways] peers["IST0138"];
}

/// A server with the Gateway it belongs to.
type Place<'a> = (&'a Object<Gateway>, usize, &'a Server);

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    for proxy in &subject.gateway_proxies {
        let mut by_port: FxHashMap<(i64, &str), Vec<Place<'_>>> = FxHashMap::default();
        let mut by_certificate: FxHashMap<&SmolStr, Vec<Place<'_>>> = FxHashMap::default();
        for gateway in subject.mesh.gateways.iter().filter(|g| g.spec.selector.is_subset_of(&proxy.labels)) {
            for (i, server) in gateway.spec.servers.iter().enumerate() {
                if let Some(port) = &server.port {
                    by_port.entry((port.number, server.bind.as_str())).or_default().push((gateway, i, server));
                }
                if let Some(tls) = &server.tls {
                    let name =
                        if tls.credential_name.is_empty() { &tls.server_certificate } else { &tls.credential_name };
                    if !name.is_empty() {
                        by_certificate.entry(name).or_default().push((gateway, i, server));
                    }
                }
            }
        }
        let mut ports: Vec<_> = by_port.into_iter().collect();
        ports.sort_by_key(|(key, _)| *key);
        for ((port, _), servers) in ports {
            same_host(port, &servers, report);
        }
        let mut certificates: Vec<_> = by_certificate.into_iter().collect();
        certificates.sort_by_key(|(name, _)| *name);
        for (name, servers) in certificates {
            same_certificate(name, &servers, report);
        }
    }
}

/// Namespace (`*` for any) and host of an entry of a server.
fn parts<'h>(entry: &'h str, own: &'h str) -> (&'h str, &'h str) {
    match entry.split_once('/') {
        Some((".", host)) => (own, host),
        Some((namespace, host)) => (namespace, host),
        None => ("*", entry),
    }
}

fn meet(a: &str, b: &str) -> bool {
    a == b || a == "*" || b == "*"
}

/// C307: each host against the hosts seen before, exact ones through a map.
fn same_host(port: i64, servers: &[Place<'_>], report: &mut Report) {
    // Hosts with the namespaces they are for.
    let mut exact: FxHashMap<&str, Vec<(&str, Place<'_>)>> = FxHashMap::default();
    let mut wildcards: Vec<(&str, &str, Place<'_>)> = Vec::new();
    for (gateway, i, server) in servers {
        for (h, host) in server.hosts.iter().enumerate() {
            let (namespace, name) = parts(host, &gateway.meta.namespace);
            let other = |n: &str, p: &Place<'_>| p.0.id != gateway.id && meet(n, namespace);
            let equal = exact.get(name).into_iter().flatten().find(|(n, p)| other(n, p)).map(|(_, p)| p);
            let wide = || wildcards.iter().find(|(n, w, p)| other(n, p) && matches(w, name)).map(|(.., p)| p);
            let is_wildcard = name.starts_with('*');
            let (found, same) = match equal {
                Some(found) => (Some(found), true),
                None => (wide(), false),
            };
            if let Some((first, _, _)) = found {
                let relation = if same { "also has" } else { "covers, by a wildcard," };
                let message = format!("{} {relation} host `{name}` on port {port} of the same workload", first.id);
                let path = format!("spec.servers[{i}].hosts[{h}]");
                report
                    .add(
                        "C307",
                        (&gateway.id, if server.at.is_known() { server.at } else { gateway.at }),
                        path,
                        message,
                        "keep the host in one Gateway",
                    )
                    .severity(if same { Severity::Error } else { Severity::Warning })
                    .related("the other Gateway", first.at, Some(&first.id));
            }
            exact.entry(name).or_default().push((namespace, (gateway, *i, server)));
            if is_wildcard {
                wildcards.push((namespace, name, (gateway, *i, server)));
            }
        }
    }
}

/// C308.
fn same_certificate(name: &str, servers: &[Place<'_>], report: &mut Report) {
    let Some((first, _, a)) = servers.first() else { return };
    for (gateway, i, b) in servers.iter().skip(1).filter(|(g, _, _)| g.id != first.id) {
        if a.hosts != b.hosts {
            let message = format!(
                "{} uses certificate `{name}` too, for other hosts: browsers reuse a connection for both",
                first.id
            );
            let path = format!("spec.servers[{i}].tls.credentialName");
            report
                .add(
                    "C308",
                    (&gateway.id, if b.at.is_known() { b.at } else { gateway.at }),
                    path,
                    message,
                    "put the hosts into one server of one Gateway",
                )
                .related("the other Gateway", first.at, Some(&first.id));
        }
    }
}
