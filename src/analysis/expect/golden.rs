//! The golden text: effective tables and decisions, in lines that are good to review as a diff.
//!
//! Nothing in it changes where only files are moved or reordered: no paths, no line numbers.

use std::fmt::Write as _;

use super::run::TestResult;
use super::subject::{End, in_words};
use crate::envoy::cluster_state::ClusterState;
use crate::envoy::decision::Decision;
use crate::envoy::router::Router;
use crate::envoy::table::{ChainAction, ClusterName, Route, RouteAction, RouteTable, TcpDestination};
use crate::envoy::words;

/// The text for these tables and decisions, ending in a line end.
pub(crate) fn golden<'r>(routers: impl Iterator<Item = &'r Router>, results: &[TestResult]) -> String {
    let mut out = String::from(
        "# Effective route tables and decisions, written by `towtank test --update`. Review changes like code.\n",
    );
    for router in routers {
        table(&mut out, router.table());
    }
    let mut last = None;
    // What properties say of all requests follows from the tables.
    for result in results.iter().filter(|r| r.proof.is_none()) {
        if last != Some(&result.name) {
            let _ = writeln!(out, "\ntest {}", result.name);
        }
        last = Some(&result.name);
        for case in &result.cases {
            let proxy = &case.router.table().proxy.name;
            let _ = writeln!(out, "  {proxy}: {}", words::request(&case.request));
            let _ = writeln!(out, "    {}", decision(&case.decision));
        }
    }
    out
}

fn table(out: &mut String, table: &RouteTable) {
    let _ = writeln!(out, "\nproxy {}", table.proxy.name);
    for listener in &table.listeners {
        for chain in listener.filter_chains.iter().chain(&listener.default_filter_chain) {
            let ChainAction::Tcp(to) = &chain.action else { continue };
            let clusters: Vec<String> = match to {
                // The way out for what the mesh doesn't know is the same everywhere.
                TcpDestination::Cluster(name) if name.parts().is_none() => continue,
                TcpDestination::Cluster(name) => vec![to_cluster(table, name)],
                TcpDestination::Weighted(all) => {
                    all.iter().map(|(name, weight)| format!("{} weight {weight}", to_cluster(table, name))).collect()
                }
            };
            let names: String = chain.matcher.server_names.iter().map(|n| format!(" {n}")).collect();
            let place = format!("{}:{}", listener.address, listener.port);
            let _ = writeln!(out, "  listener {place}{names} -> tcp {}", clusters.join(", "));
        }
    }
    for config in &table.route_configs {
        // What only the mesh's own defaults wrote is the same everywhere and says nothing.
        let hosts = config.virtual_hosts.iter().filter(|h| h.routes.iter().any(|r| r.source.is_some()));
        for host in hosts {
            let tls = if host.require_tls { ", redirects to https" } else { "" };
            let _ = writeln!(out, "  routes {} host {}{tls}", config.name, host.name);
            for (i, r) in host.routes.iter().enumerate() {
                let _ = writeln!(out, "    {i} {}", route(r, table));
            }
        }
    }
    for cluster in table.clusters.iter() {
        if let Some(rule) = &cluster.destination_rule {
            let lb = words::load_balancer(cluster.lb);
            let _ = writeln!(out, "  cluster {}: {lb}  [{}]", words::cluster(&cluster.name), rule.object);
        }
    }
}

/// A cluster by name, with what is wrong with it; how many pods it has is no matter of routing.
fn to_cluster(table: &RouteTable, name: &ClusterName) -> String {
    let state = ClusterState::of(table, name);
    if state.cause().is_none() {
        return words::cluster(name);
    }
    format!("{} ({})", words::cluster(name), words::state(&state))
}

fn route(r: &Route, table: &RouteTable) -> String {
    let mut text = String::new();
    if !r.name.is_empty() {
        let _ = write!(text, "\"{}\" ", r.name);
    }
    text.push_str(&words::conditions(&r.matcher).join(", "));
    text.push_str(" -> ");
    match &r.action {
        RouteAction::Forward(f) => {
            let all: Vec<String> = words::targets(f)
                .iter()
                .map(|t| format!("{} {}", to_cluster(table, t.cluster), words::percent(t.share)))
                .collect();
            text.push_str(&all.join(", "));
        }
        RouteAction::Redirect(redirect) => text.push_str(&words::redirect(redirect)),
        RouteAction::DirectResponse(d) => {
            let _ = write!(text, "answer {}", d.status);
        }
        RouteAction::Nothing => text.push_str("nothing"),
    }
    for t in words::treatment(r) {
        let _ = write!(text, "; {t}");
    }
    if let Some(source) = &r.source {
        let _ = write!(text, "  [{}]", words::written_by(source));
    }
    text
}

fn decision(d: &Decision) -> String {
    let end = |c: &'_ crate::envoy::decision::ClusterShare| (c.outcome, c.status, c.share);
    let mut text = match (d.route_index, d.route_name.as_deref()) {
        (Some(_), Some(name)) => format!("route \"{name}\": "),
        (Some(i), None) => format!("route {i}: "),
        (None, _) => String::new(),
    };
    let aborted = d.fault_share >= 1.0;
    if d.clusters.is_empty() || aborted {
        let status = d.status.map(|s| format!(" {s}")).unwrap_or_default();
        let _ = write!(text, "{}{status}", d.outcome.map_or("-", |o| o.as_str()));
    } else {
        let ends: Vec<End<'_>> = d
            .clusters
            .iter()
            .map(|c| {
                let (outcome, status, share) = end(c);
                End { share, outcome, status, cluster: Some(c) }
            })
            .collect();
        text.push_str(&in_words(&ends));
    }
    if d.fault_share > 0.0 && !aborted {
        let _ = write!(text, "; fault aborts {}", words::percent(d.fault_share));
    }
    if let Some(location) = &d.location {
        let _ = write!(text, "; Location {location}");
    }
    if let Some(up) = &d.upstream {
        let _ = write!(text, "; arrives as {} at {}", up.path, up.authority);
        for (name, value) in &up.headers {
            let _ = write!(text, ", {name}: {value}");
        }
    }
    text
}
