//! Graphs for documents and reviews: who serves what (`routes -o dot|mermaid`), and what goes elsewhere (`diff -o dot|mermaid`).

use std::fmt::Write as _;

use indexmap::IndexMap;

use super::diff::Results;
use super::routes::View;
use super::visible;
use crate::envoy::cluster_state::ClusterState;
use crate::envoy::table::{
    ChainAction, ClusterName, FilterChain, Listener, Route, RouteAction, RouteTable, TcpDestination,
};
use crate::envoy::words;

/// In whose words a graph is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Dot,
    Mermaid,
}

/// What a node or edge stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Plain,
    /// A place where requests end well.
    End,
    /// A place where requests are lost.
    Lost,
    /// What was before.
    Before,
}

/// Nodes by label and look, in the order in which they came.
#[derive(Debug, Default)]
struct Graph {
    nodes: IndexMap<String, Look>,
    /// Positions of both ends, label, look.
    edges: Vec<(usize, usize, String, Look)>,
}

impl Graph {
    fn node(&mut self, label: String, look: Look) -> usize {
        self.nodes.insert_full(label, look).0
    }

    /// An edge that is there already is not drawn twice.
    fn edge(&mut self, from: usize, to: usize, label: String, look: Look) {
        let edge = (from, to, label, look);
        if !self.edges.contains(&edge) {
            self.edges.push(edge);
        }
    }

    fn write(&self, language: Language, title: &str) -> Vec<u8> {
        match language {
            Language::Dot => self.dot(title),
            Language::Mermaid => self.mermaid(title),
        }
        .into_bytes()
    }

    fn dot(&self, title: &str) -> String {
        let text = |text: &str| visible::line(text, false).replace('\\', "\\\\").replace('"', "\\\"");
        let mut out = format!("digraph \"{}\" {{\n  rankdir=LR;\n  node [shape=box];\n", text(title));
        for (i, (label, look)) in self.nodes.iter().enumerate() {
            let style = match look {
                Look::Plain => "",
                Look::End => ", style=rounded",
                Look::Lost => ", color=red",
                Look::Before => ", style=dashed",
            };
            let _ = writeln!(out, "  n{i} [label=\"{}\"{style}];", text(label));
        }
        for (from, to, label, look) in &self.edges {
            let style = if *look == Look::Before { ", style=dashed" } else { "" };
            let _ = writeln!(out, "  n{from} -> n{to} [label=\"{}\"{style}];", text(label));
        }
        out.push_str("}\n");
        out
    }

    fn mermaid(&self, title: &str) -> String {
        // Between quotes only these two mean anything.
        let text = |text: &str| visible::line(text, false).replace('#', "#35;").replace('"', "#quot;");
        let mut out = format!("%% {}\nflowchart LR\n", visible::line(title, false));
        for (i, (label, look)) in self.nodes.iter().enumerate() {
            let (open, close) = match look {
                Look::End => ("([", "])"),
                Look::Lost => ("{{", "}}"),
                Look::Plain | Look::Before => ("[", "]"),
            };
            let _ = writeln!(out, "  n{i}{open}\"{}\"{close}", text(label));
        }
        for (from, to, label, look) in &self.edges {
            let arrow = if *look == Look::Before { "-.->" } else { "-->" };
            let label = if label.is_empty() { String::new() } else { format!("|\"{}\"|", text(label)) };
            let _ = writeln!(out, "  n{from} {arrow}{label} n{to}");
        }
        out
    }
}

/// Listeners, tables, hosts and the clusters that their routes lead to.
pub(crate) fn routes(table: &RouteTable, view: &View, language: Language) -> Vec<u8> {
    let mut graph = Graph::default();
    for listener in table.listeners.iter().filter(|l| view.port.is_none_or(|port| port == l.port)) {
        self::listener(&mut graph, table, listener, view);
    }
    if let Some(outbound) = table.virtual_outbound.as_ref().filter(|_| view.port.is_none() && view.host.is_none()) {
        let from = graph.node("any other address and port".to_owned(), Look::Plain);
        let to = cluster(&mut graph, table, &outbound.cluster);
        graph.edge(from, to, String::new(), Look::Plain);
    }
    graph.write(language, &table.proxy.name)
}

fn listener(graph: &mut Graph, table: &RouteTable, listener: &Listener, view: &View) {
    for chain in listener.filter_chains.iter().chain(&listener.default_filter_chain) {
        let name = format!("{}:{}", listener.address, listener.port);
        let names = chain.matcher.server_names.join(", ");
        match &chain.action {
            ChainAction::Http { route_config } => {
                let Some(config) = table.route_config(route_config) else { continue };
                let hosts = config.virtual_hosts.iter().filter(|h| view.shows_host(h));
                for host in hosts {
                    let from = graph.node(name.clone(), Look::Plain);
                    let to = graph.node(format!("{} (table {route_config})", host.name), Look::Plain);
                    graph.edge(from, to, names.clone(), Look::Plain);
                    host.routes.iter().for_each(|route| self::route(graph, table, to, route));
                }
            }
            ChainAction::Tcp(destination) if view.host.is_none() => {
                let from = graph.node(name, Look::Plain);
                tcp(graph, table, from, chain, destination);
            }
            ChainAction::Tcp(_) => {}
        }
    }
}

fn tcp(graph: &mut Graph, table: &RouteTable, from: usize, chain: &FilterChain, destination: &TcpDestination) {
    let names = chain.matcher.server_names.join(", ");
    let label = |share: String| {
        [names.clone(), share, "TCP".to_owned()].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>()
    };
    match destination {
        TcpDestination::Cluster(name) => {
            let to = cluster(graph, table, name);
            graph.edge(from, to, label(String::new()).join(" "), Look::Plain);
        }
        TcpDestination::Weighted(all) => {
            let total: u64 = all.iter().map(|(_, w)| u64::from(*w)).sum();
            for (name, weight) in all {
                let to = cluster(graph, table, name);
                #[expect(clippy::cast_precision_loss, reason = "weights stay far below 2^53")]
                let share = f64::from(*weight) / total.max(1) as f64;
                graph.edge(from, to, label(words::percent(share)).join(" "), Look::Plain);
            }
        }
    }
}

fn route(graph: &mut Graph, table: &RouteTable, from: usize, route: &Route) {
    let conditions = words::conditions(&route.matcher).join("; ");
    match &route.action {
        RouteAction::Forward(forward) => {
            for target in words::targets(forward) {
                let to = cluster(graph, table, target.cluster);
                let share =
                    if target.share < 1.0 { format!(": {}", words::percent(target.share)) } else { String::new() };
                graph.edge(from, to, format!("{conditions}{share}"), Look::Plain);
            }
        }
        RouteAction::Redirect(redirect) => {
            let to = graph.node(words::redirect(redirect), Look::End);
            graph.edge(from, to, conditions, Look::Plain);
        }
        RouteAction::DirectResponse(response) => {
            let to = graph.node(format!("answer {}", response.status), Look::End);
            graph.edge(from, to, conditions, Look::Plain);
        }
        RouteAction::Nothing => {
            let to = graph.node("no action".to_owned(), Look::Lost);
            graph.edge(from, to, conditions, Look::Plain);
        }
    }
}

fn cluster(graph: &mut Graph, table: &RouteTable, name: &ClusterName) -> usize {
    let state = ClusterState::of(table, name);
    let lost = state.cause().is_some();
    let why = if lost { format!(" ({})", words::state(&state)) } else { String::new() };
    graph.node(format!("{}{why}", words::cluster(name)), if lost { Look::Lost } else { Look::End })
}

/// For each cause of a change its hosts, what became of their requests, and what does now.
#[cfg(feature = "cli")]
pub(crate) fn diff(results: &Results<'_>, language: Language) -> Vec<u8> {
    let mut graph = Graph::default();
    for cause in results.causes.iter().filter(|c| !c.change.is_minor()) {
        let change = cause.change;
        let hosts: Vec<&str> = cause.hosts.iter().take(3).map(|h| words::short_host(h)).collect();
        let more = cause.hosts.len().saturating_sub(3);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let from = graph.node(format!("{}{more}", hosts.join(", ")), Look::Plain);
        let set = change.region.to_words();
        let before = graph.node(format!("was: {}", change.old.deed), Look::Before);
        let fields: Vec<String> = if change.old.deed == change.new.deed {
            change.fields.iter().map(|f| format!("{} {} -> {}", f.what, f.before, f.now)).collect()
        } else {
            Vec::new()
        };
        let fields = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
        let lost = change.new.ends.iter().any(|(end, _)| end.outcome().is_lost());
        let now = graph.node(format!("{}{fields}", change.new.deed), if lost { Look::Lost } else { Look::End });
        graph.edge(from, before, set.clone(), Look::Before);
        graph.edge(from, now, format!("{}: {set}", cause.kind.as_str()), Look::Plain);
    }
    graph.write(language, &format!("{} -> {}", results.names[0], results.names[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_escape_what_they_must() {
        let mut graph = Graph::default();
        let from = graph.node("a \"quoted\" #1 \\ x".to_owned(), Look::Plain);
        let to = graph.node("b".to_owned(), Look::Lost);
        graph.edge(from, to, "path ~ \"x\"".to_owned(), Look::Before);
        graph.edge(from, to, "path ~ \"x\"".to_owned(), Look::Before);
        let dot = "digraph \"t\" {\n  rankdir=LR;\n  node [shape=box];\n  n0 [label=\"a \\\"quoted\\\" #1 \\\\ x\"];\n  \
                   n1 [label=\"b\", color=red];\n  n0 -> n1 [label=\"path ~ \\\"x\\\"\", style=dashed];\n}\n";
        assert_eq!(String::from_utf8_lossy(&graph.write(Language::Dot, "t")), dot);
        let mermaid = "%% t\nflowchart LR\n  n0[\"a #quot;quoted#quot; #35;1 \\ x\"]\n  n1{{\"b\"}}\n  n0 -.->|\"path ~ #quot;x#quot;\"| n1\n";
        assert_eq!(String::from_utf8_lossy(&graph.write(Language::Mermaid, "t")), mermaid);
    }
}
