//! How a request ends, in the few words by which a lesson's choices are told apart: `shop subset v1`, `503 NC`, `404 NR`.

use std::fmt::Write as _;

use crate::envoy::decision::{ClusterShare, Decision, Outcome, ResponseFlags};
use crate::envoy::table::{AbortStatus, ClusterName, ForwardTo, RouteAction, RouteTable, VirtualHost};
use crate::envoy::words;
use crate::traffic::replay::StreamSummary;

/// The namespace of a lesson's manifests, which goes without saying.
pub(super) const NAMESPACE: &str = "default";

/// How each of the parts of a request's decision ends, with its share, equal ends together, in the order of the split.
fn parts(decision: &Decision, table: &RouteTable) -> Vec<(String, f64)> {
    let mut parts = Vec::new();
    // An abort of all requests leaves nothing for the clusters.
    let is_answered = decision.clusters.is_empty() || decision.outcome == Some(Outcome::FaultAbort);
    if decision.fault_share > 0.0 && decision.outcome != Some(Outcome::FaultAbort) {
        add(&mut parts, answered(Outcome::FaultAbort, status_of_fault(decision, table), None), decision.fault_share);
    }
    let rest = 1.0 - parts.iter().map(|(_, share)| share).sum::<f64>();
    if is_answered {
        let outcome = decision.outcome.unwrap_or(Outcome::NoRoute);
        let mut end = answered(outcome, decision.status, decision.flags);
        if let Some(location) = &decision.location {
            let _ = write!(end, " {location}");
        }
        add(&mut parts, end, rest);
        return parts;
    }
    decision.clusters.iter().for_each(|c| add(&mut parts, of_cluster(c, table), c.share * rest));
    parts
}

/// All parts as one text: `90 % shop subset v1, 10 % 503 NC`; without the share where there is one part alone.
pub(super) fn of_decision(decision: &Decision, table: &RouteTable) -> String {
    match parts(decision, table).as_slice() {
        [(one, _)] => one.clone(),
        several => {
            let each = several.iter().map(|(end, share)| format!("{} {end}", words::percent(*share)));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

/// Ends of all requests of a stream, with their exact shares.
pub(super) fn of_stream(stream: &StreamSummary, table: &RouteTable) -> Vec<(String, f64)> {
    let mut ends = Vec::new();
    for d in &stream.destinations {
        add(&mut ends, of_outcome(&d.cluster, d.outcome, table), d.count.expected_share);
    }
    for a in &stream.answers {
        add(&mut ends, answered(a.outcome, a.status, None), a.count.expected_share);
    }
    for outcome in Outcome::ALL {
        let is_counted = matches!(outcome, Outcome::Redirect | Outcome::DirectResponse | Outcome::FaultAbort);
        let rest = stream.without_destination(outcome).expected_share;
        if !is_counted && rest > 1e-9 {
            add(&mut ends, answered(outcome, None, None), rest);
        }
    }
    ends
}

/// What the virtual host that took a request seems to offer: the destinations of its routes as they are written, its own answers, and
/// what befalls requests that no route or no cluster takes.
pub(super) fn offered(decision: &Decision, table: &RouteTable) -> Vec<String> {
    let mut ends = Vec::new();
    for route in host(decision, table).iter().flat_map(|h| h.routes.iter()) {
        match &route.action {
            RouteAction::Forward(forward) => {
                if let ForwardTo::Weighted(_) = &forward.destination {
                    let each = words::targets(forward).into_iter();
                    let each = each.map(|t| format!("{} {}", words::percent(t.share), destination(t.cluster, table)));
                    add(&mut ends, each.collect::<Vec<_>>().join(", "), 0.0);
                } else {
                    words::targets(forward).iter().for_each(|t| add(&mut ends, destination(t.cluster, table), 0.0));
                }
            }
            RouteAction::DirectResponse(answer) => add(&mut ends, answer.status.to_string(), 0.0),
            RouteAction::Redirect(_) | RouteAction::Nothing => {}
        }
    }
    for outcome in [Outcome::NoRoute, Outcome::NoCluster] {
        add(&mut ends, answered(outcome, None, None), 0.0);
    }
    ends.into_iter().map(|(end, _)| end).collect()
}

/// The virtual host that was asked.
fn host<'t>(decision: &Decision, table: &'t RouteTable) -> Option<&'t VirtualHost> {
    let config = table.route_config(decision.route_config.as_deref()?)?;
    config.virtual_hosts.iter().find(|h| Some(&h.name) == decision.virtual_host.as_ref()).map(|h| &**h)
}

fn status_of_fault(decision: &Decision, table: &RouteTable) -> Option<u16> {
    let route = host(decision, table)?.routes.get(decision.route_index? as usize)?;
    match route.fault.as_ref()?.abort.as_ref()?.status {
        AbortStatus::Http(status) => u16::try_from(status).ok(),
        AbortStatus::Grpc(_) => None,
    }
}

fn add(ends: &mut Vec<(String, f64)>, end: String, share: f64) {
    match ends.iter_mut().find(|(known, _)| *known == end) {
        Some((_, sum)) => *sum += share,
        None => ends.push((end, share)),
    }
}

fn of_cluster(c: &ClusterShare, table: &RouteTable) -> String {
    match c.outcome {
        Outcome::Delivered | Outcome::Tcp => destination(&c.name, table),
        lost => answered(lost, c.status, Some(c.flags)),
    }
}

/// The same where only the outcome was counted.
fn of_outcome(cluster: &ClusterName, outcome: Outcome, table: &RouteTable) -> String {
    match outcome {
        Outcome::Delivered | Outcome::Tcp => destination(cluster, table),
        other => answered(other, None, None),
    }
}

/// `shop subset v1`: the port only where the host has several, the namespace only where it is another than the lesson's.
pub(super) fn destination(cluster: &ClusterName, table: &RouteTable) -> String {
    let Some((host, subset, port)) = cluster.parts() else { return words::cluster(cluster) };
    let has_several = table.clusters.iter().filter_map(|c| c.name.parts()).any(|(h, _, p)| h == host && p != port);
    let short = words::short_host(host);
    let short = short.strip_suffix(&format!(".{NAMESPACE}")).unwrap_or(short);
    let port = if has_several { format!(":{port}") } else { String::new() };
    let subset = if subset.is_empty() { String::new() } else { format!(" subset {subset}") };
    format!("{short}{port}{subset}")
}

/// An end without a destination: status and flag as an access log has them.
fn answered(outcome: Outcome, status: Option<u16>, flags: Option<ResponseFlags>) -> String {
    let (usual, flag) = match outcome {
        Outcome::Passthrough => return "passthrough".to_owned(),
        Outcome::NoListener => return "no answer".to_owned(),
        Outcome::NoRoute => (Some(404), "NR"),
        Outcome::NoCluster => (Some(503), "NC"),
        Outcome::NoEndpoints => (Some(503), "UH"),
        Outcome::BlackholeCluster => (Some(502), "-"),
        Outcome::BadRequest => (Some(400), "-"),
        Outcome::FaultAbort => (None, "FI"),
        Outcome::Delivered | Outcome::Tcp | Outcome::Redirect | Outcome::DirectResponse => (None, "-"),
    };
    let flag = flags.map_or(flag, ResponseFlags::as_str);
    let status = status.or(usual).map(|s| s.to_string()).unwrap_or_default();
    if flag == "-" { status } else { format!("{status} {flag}").trim_start().to_owned() }
}
