//! Redirects that lead back to themselves: P219.

use std::sync::Arc;

use smol_str::SmolStr;

use super::entries::{Entry, entries};
use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::analysis::symbolic::{self, Answer, Region};
use crate::envoy::authority::Authority;
use crate::envoy::decision::{Detail, Outcome, decide};
use crate::envoy::proxy::Proxy;
use crate::envoy::request::Request;
use crate::envoy::router::{CompiledParts, Router, Switches};
use crate::istio::mesh::{MESH_GATEWAY, VirtualService};
use crate::istio::translate::Parts;
use crate::manifest::diagnostic::Severity;

checks! {
    /// A client that follows a redirect comes to the same redirect again: the same rule, or several that send it in a
    /// circle. Browsers give up after some twenty rounds. The circle is followed through the gateway's own tables, for both
    /// http and https, as a client would.
    P219 "Redirect that loops" Error needs[VirtualServices, BoundGateways] peers[];
}

/// Redirects that are followed before it is no circle.
const HOPS_MAX: usize = 10;

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let (parts, compiled) = (Parts::new(subject.mesh), CompiledParts::default());
    let mut routers: Vec<(Arc<Proxy>, Router)> = Vec::new();
    for vs in &subject.mesh.virtual_services.all {
        if vs.http.iter().all(|r| r.route.redirect.is_none()) {
            continue;
        }
        for gateway in &vs.gateways {
            let asked = asked(subject, vs, gateway);
            let mut told = Vec::new();
            let proxies = proxies(subject, vs, gateway);
            let alone = proxies.len() == 1;
            for proxy in proxies {
                let known = routers.iter().position(|(p, _)| {
                    p.namespace == proxy.namespace && p.labels == proxy.labels && p.kind == proxy.kind
                });
                let at = known.unwrap_or_else(|| {
                    let table = Arc::new(parts.route_table(&proxy));
                    routers
                        .push((proxy.clone(), Router::sharing(table, &Switches::of(subject.mesh.profile), &compiled)));
                    routers.len() - 1
                });
                let Some((_, router)) = routers.get(at) else { continue };
                loops(gateway, (router, alone), &asked, &mut told, report);
            }
        }
    }
}

fn proxies(subject: &Subject<'_>, vs: &VirtualService, gateway: &SmolStr) -> Vec<Arc<Proxy>> {
    if *gateway == MESH_GATEWAY {
        return subject.sidecars_of(vs);
    }
    let found = subject.gateways.get(gateway);
    found.iter().flat_map(|g| subject.proxies_of(g).take(1)).cloned().collect()
}

/// Entries that redirect, each with a request that it takes.
fn asked<'v>(subject: &Subject<'_>, vs: &'v VirtualService, gateway: &SmolStr) -> Vec<(Entry<'v>, Request)> {
    let host = vs.hosts.first().map_or("", SmolStr::as_str);
    let with_request = |entry: Entry<'v>| {
        let Answer::Some(example) = Region::all_of([&entry.conditions]).example(&mut subject.effort.alone()) else {
            return None;
        };
        let request = symbolic::request(&example, host)?;
        Some((entry, request))
    };
    let redirects = entries(vs, gateway, &subject.languages).into_iter().filter(|e| e.route.redirect.is_some());
    redirects.filter_map(with_request).collect()
}

/// `alone`: nobody else is asked. `told`: rules of which it was found for a proxy before.
fn loops(
    gateway: &SmolStr,
    (router, alone): (&Router, bool),
    asked: &[(Entry<'_>, Request)],
    told: &mut Vec<usize>,
    report: &mut Report,
) {
    let whose = Subject::whose(&router.table().proxy, alone || *gateway != MESH_GATEWAY);
    for (entry, request) in asked {
        if told.contains(&entry.rule) {
            continue;
        }
        for (tls, port) in ports(router) {
            let request = Request { tls, port: Some(port), ..request.clone() };
            let Some(round) = circle(router, request.clone(), TlsEnds::Here) else {
                // Where nothing here speaks TLS, it may be ended before: the client comes back in plain text.
                let plain = ports(router).iter().all(|(tls, _)| !tls) && *gateway != MESH_GATEWAY;
                if plain && let Some(round) = circle(router, request.clone(), TlsEnds::Before) {
                    told.push(entry.rule);
                    let path = format!("{}.redirect", entry.rule_path());
                    let message = "no server of this gateway speaks TLS: where TLS is ended in front of it, the client is redirected again and again";
                    let hint = "match the scheme that the front sends in a header such as `x-forwarded-proto`, or redirect in front";
                    report
                        .add("P219", (&entry.source.object, entry.source.at), path, message, hint)
                        .severity(Severity::Warning)
                        .possible()
                        .witness(round.first().map(|url| format!("GET {url}")));
                    break;
                }
                continue;
            };
            told.push(entry.rule);
            let path = format!("{}.redirect", entry.rule_path());
            let message = format!("following this redirect leads back to it: {}{whose}", round.join(" to "));
            let object = (&entry.source.object, entry.source.at);
            report
                .add("P219", object, path, message, "exclude the target from the match, or redirect elsewhere")
                .witness(round.first().map(|url| format!("GET {url}")));
            break;
        }
    }
}

/// The ports a client would dial, and whether it speaks TLS there.
fn ports(router: &Router) -> Vec<(bool, u16)> {
    let table = router.table();
    let dialled = |port: u16| {
        table.service_ports.iter().find(|(_, listening)| *listening == port).map_or(port, |(dialled, _)| *dialled)
    };
    table.listeners.iter().map(|l| (l.filter_chains.iter().any(|c| c.tls.is_some()), dialled(l.port))).collect()
}

/// Where the client's TLS is taken off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TlsEnds {
    Here,
    /// In front of the gateway, which gets everything in plain text on the port it was asked on first.
    Before,
}

/// The URLs of a circle that the request ends up in, if the first redirect is in it.
fn circle(router: &Router, mut request: Request, ends: TlsEnds) -> Option<Vec<String>> {
    let mut visited: Vec<String> = Vec::new();
    for _ in 0..HOPS_MAX {
        let scheme = if request.tls { "https" } else { "http" };
        let default = request.port == Some(if request.tls { 443 } else { 80 });
        let port = if default { String::new() } else { request.port.map_or_else(String::new, |p| format!(":{p}")) };
        let port = if request.authority.contains(':') { String::new() } else { port };
        let url = format!("{scheme}://{}{port}{}", request.authority, request.path);
        if visited.contains(&url) {
            visited.push(url);
            return Some(visited);
        }
        visited.push(url);
        let decision = decide(router, &request, Detail::Outcome);
        if decision.outcome != Some(Outcome::Redirect) {
            return None;
        }
        let before = (request.tls, request.port);
        request = follow(&request, &decision.location?)?;
        if ends == TlsEnds::Before {
            (request.tls, request.port) = before;
        }
    }
    None
}

/// What a client asks next; it keeps its headers.
fn follow(request: &Request, location: &str) -> Option<Request> {
    let (scheme, rest) = location.split_once("://")?;
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let tls = scheme == "https";
    let stated = Authority::of(authority).port();
    // A client that was told no port uses the one of the scheme; on an odd port it stays where the scheme stays.
    let same = tls == request.tls && authority == request.authority;
    let port = stated.or(if same { request.port } else { Some(if tls { 443 } else { 80 }) });
    let headers = request.headers.iter().filter(|(n, _)| n != "x-forwarded-proto").cloned().collect();
    Some(Request { authority: authority.into(), path: path.into(), tls, port, sni: None, headers, ..request.clone() })
}
