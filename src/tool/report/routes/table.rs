//! The route table of a proxy for people (`routes -o table`): per host, in match order, with where each part came from.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};

use crate::envoy::cluster_state::ClusterState;
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::envoy::router::is_for_strangers;
use crate::envoy::table::{
    ChainAction, Cluster, ClusterName, Listener, Note, Route, RouteAction, RouteConfiguration, RouteTable,
    TcpDestination, VirtualHost,
};
use crate::envoy::words;
use crate::istio::clients::Audience;
use crate::manifest::source::SourceMap;
use crate::parallel;
use crate::parallel::prelude::*;
use crate::tool::report::columns::{self, Cell, Side, wrap};
use crate::tool::report::style::{Style, paint, painted};
use crate::tool::report::visible::Lines as _;

/// What to show and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// Only virtual hosts with a domain or name that holds this text; compared ignoring case.
    pub host: Option<String>,
    /// Only tables and listeners of this port.
    pub port: Option<u16>,
    /// Columns of the terminal; 0: no limit.
    pub width: u16,
    pub color: bool,
}

/// Takes a text piece by piece, each of which ends in a line end: the whole text of a large mesh would take as much room as its table.
pub(crate) type Sink<'a> = &'a mut (dyn FnMut(&str) + Send);

/// The whole view of one proxy.
pub(crate) fn to_text(table: &RouteTable, whose: &Audience, sources: &SourceMap, view: &View) -> String {
    let mut out = String::new();
    write(table, whose, sources, view, &mut |piece| out.push_str(piece));
    out
}

/// Virtual hosts that are told of at once.
const HOSTS_AT_ONCE: usize = 512;

/// The whole view of one proxy.
pub(crate) fn write(table: &RouteTable, whose: &Audience, sources: &SourceMap, view: &View, sink: Sink<'_>) {
    let mut out = String::new();
    heading(&mut out, &table.proxy, whose, view);
    write_listeners(&mut out, &listeners(table, view), view);
    let mut shown = 0;
    let said = HostNotes::of(table);
    for config in &table.route_configs {
        let hosts: Vec<&Arc<VirtualHost>> = config.virtual_hosts.iter().filter(|h| view.shows_host(h)).collect();
        if hosts.is_empty() || !view.shows_config(table, config) {
            continue;
        }
        let title = format!("route table {}", config.name);
        out.say(view.color, format_args!("\n{}", paint(&title, Style::Title, view.color)));
        shown += hosts.len();
        let told = |host: &&Arc<VirtualHost>| {
            let mut text = String::new();
            virtual_host(&mut text, (table, &said), config, host, sources, view);
            text
        };
        let mut texts = vec![std::mem::take(&mut out)];
        for some in hosts.chunks(HOSTS_AT_ONCE) {
            let next = || some.par_iter().with_min_len(16).map(told).collect();
            // What is told already is taken meanwhile.
            (texts, ()) = parallel::join(next, || texts.iter().for_each(|piece| sink(piece)));
        }
        texts.iter().for_each(|piece| sink(piece));
    }
    if shown == 0 {
        nothing_shown(&mut out, view);
    }
    let notes = notes(table, sources, view);
    if !notes.is_empty() {
        out.say(view.color, format_args!("\n{}", paint(NOTES, Style::Title, view.color)));
        notes.iter().for_each(|(_, note)| out.say(view.color, format_args!("{}", note.line(view.color))));
    }
    sink(&out);
}

pub(super) fn nothing_shown(out: &mut String, view: &View) {
    if view.host.is_some() || view.port.is_some() {
        out.say(view.color, format_args!("\n{NOTHING}"));
    }
}

/// Said where a filter leaves nothing.
pub(super) const NOTHING: &str = "no virtual host fits the filter";

impl View {
    pub(in crate::tool::report) fn shows_host(&self, host: &VirtualHost) -> bool {
        let Some(wanted) = &self.host else { return true };
        let wanted = wanted.to_ascii_lowercase();
        host.name.to_ascii_lowercase().contains(&wanted) || host.domains.iter().any(|d| d.contains(&wanted))
    }

    /// A table belongs to a port if its name says so or a listener of that port uses it.
    pub(super) fn shows_config(&self, table: &RouteTable, config: &RouteConfiguration) -> bool {
        let Some(port) = self.port else { return true };
        table.listeners.iter().filter(|l| l.port == port).any(|l| {
            l.filter_chains
                .iter()
                .any(|c| matches!(&c.action, ChainAction::Http { route_config } if *route_config == config.name))
        })
    }
}

fn heading(out: &mut String, proxy: &Proxy, whose: &Audience, view: &View) {
    let name = paint(&proxy.name, Style::Title, view.color);
    out.say(view.color, format_args!("{name}  {}", described(proxy)));
    if let Some(text) = alike(whose) {
        out.say(view.color, format_args!("{}", paint(&format!("  {text}"), Style::Dim, view.color)));
    }
}

/// `sidecar in namespace shop, labels app=web`.
pub(super) fn described(proxy: &Proxy) -> String {
    let kind = match proxy.kind {
        ProxyKind::Sidecar => "sidecar",
        ProxyKind::Gateway => "gateway",
    };
    let labels = if proxy.labels.is_empty() { "without labels".to_owned() } else { format!("labels {}", proxy.labels) };
    format!("{kind} in namespace {}, {labels}", proxy.namespace)
}

/// How many clients have the table, where that is more than one.
pub(super) fn alike(whose: &Audience) -> Option<String> {
    (whose.members > 1).then(|| format!("the same for {} clients there that cannot differ", whose.members))
}

#[cfg(feature = "cli")]
/// Whether anything fits the filters.
pub(crate) fn shows_any(table: &RouteTable, view: &View) -> bool {
    let hosts = || {
        let configs = table.route_configs.iter().filter(|c| view.shows_config(table, c));
        configs.flat_map(|c| &c.virtual_hosts).any(|h| view.shows_host(h))
    };
    match (&view.host, view.port) {
        (None, Some(port)) => table.listeners.iter().any(|l| l.port == port),
        _ => hosts(),
    }
}

/// What a listener serves has so many columns, however narrow the terminal.
const SERVES_MIN: u16 = 24;

/// Listeners in words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Listeners {
    /// Said where there is none.
    pub none: Option<String>,
    /// `0.0.0.0:9080`, and what is served there.
    pub rows: Vec<(String, Vec<String>)>,
    /// The cluster of whatever has no listener.
    pub others: Option<String>,
}

/// The listeners that fit the filters; where a host is asked for, nothing.
pub(super) fn listeners(table: &RouteTable, view: &View) -> Listeners {
    let shown: Vec<&Arc<Listener>> = table.listeners.iter().filter(|l| view.port.is_none_or(|p| p == l.port)).collect();
    if shown.is_empty() {
        let none = format!("no listener{}", view.port.map(|p| format!(" on port {p}")).unwrap_or_default());
        return Listeners { none: Some(none), ..Listeners::default() };
    }
    if view.host.is_some() {
        return Listeners::default();
    }
    let row = |l: &&Arc<Listener>| {
        let mut serves: Vec<String> = l.filter_chains.iter().chain(&l.default_filter_chain).map(chain).collect();
        serves.dedup();
        (format!("{}:{}", l.address, l.port), serves)
    };
    let others = table.virtual_outbound.as_ref().map(|v| v.cluster.to_string());
    Listeners { none: None, rows: shown.iter().map(row).collect(), others }
}

pub(super) fn write_listeners(out: &mut String, listeners: &Listeners, view: &View) {
    if let Some(none) = &listeners.none {
        out.say(view.color, format_args!("\n{none}"));
    }
    if listeners.rows.is_empty() {
        return;
    }
    out.say(view.color, format_args!("\n{}", paint("listeners", Style::Title, view.color)));
    let address = |text: &str| format!("   {text}");
    let widest = listeners.rows.iter().map(|(text, _)| address(text).len()).max().unwrap_or(0);
    let room = match view.width {
        0 => 0,
        width => width.saturating_sub(u16::try_from(widest + columns::GAP).unwrap_or(width)).max(SERVES_MIN),
    };
    let row = |(text, serves): &(String, Vec<String>)| {
        let lines = serves.iter().flat_map(|text| wrap(text, room, 2).lines().map(str::to_owned).collect::<Vec<_>>());
        vec![Cell::line(address(text), Style::Plain), Cell { lines: lines.collect(), style: Style::Plain }]
    };
    let rows: Vec<Vec<Cell>> = listeners.rows.iter().map(row).collect();
    for line in columns::lines(&rows, Side::Left, view.color) {
        out.say(view.color, format_args!("{line}"));
    }
    if let Some(others) = &listeners.others {
        out.say(view.color, format_args!("  {OTHERS}: {others}"));
    }
}

/// Whatever has no listener.
pub(super) const OTHERS: &str = "any other address and port";

fn chain(c: &crate::envoy::table::FilterChain) -> String {
    let mut when = Vec::new();
    if !c.matcher.server_names.is_empty() {
        when.push(format!("SNI {}", c.matcher.server_names.join(", ")));
    }
    if !c.matcher.prefix_ranges.is_empty() {
        let ranges: Vec<String> = c.matcher.prefix_ranges.iter().map(ToString::to_string).collect();
        when.push(format!("to {}", ranges.join(", ")));
    }
    let tls = if c.tls.is_some() { "TLS, then " } else { "" };
    let does = match &c.action {
        ChainAction::Http { route_config } => format!("{tls}HTTP, route table {route_config}"),
        ChainAction::Tcp(TcpDestination::Cluster(name)) => format!("{tls}TCP to {}", words::cluster(name)),
        ChainAction::Tcp(TcpDestination::Weighted(all)) => {
            let total: u64 = all.iter().map(|(_, w)| u64::from(*w)).sum();
            let parts: Vec<String> = all
                .iter()
                .map(|(name, w)| {
                    #[expect(clippy::cast_precision_loss, reason = "weights stay far below 2^53")]
                    let share = f64::from(*w) / total.max(1) as f64;
                    format!("{} {}", words::percent(share), words::cluster(name))
                })
                .collect();
            format!("{tls}TCP to {}", parts.join(", "))
        }
    };
    if when.is_empty() { does } else { format!("{does}  ({})", when.join("; ")) }
}

fn virtual_host(
    out: &mut String,
    (table, said): (&RouteTable, &HostNotes<'_>),
    config: &RouteConfiguration,
    host: &VirtualHost,
    sources: &SourceMap,
    view: &View,
) {
    out.say(view.color, format_args!("\n  {}", painted(&host.name, Style::Host, view.color)));
    out.say(view.color, format_args!("  {}", paint(&domains_line(host), Style::Dim, view.color)));
    write_body(out, &HostBody::of(table, config, host, (said, sources)), view);
}

pub(super) fn domains_line(host: &VirtualHost) -> String {
    format!("answers to {}", host.domains.join(", "))
}

/// The notes of a table about single virtual hosts, by the names of route configuration and virtual host.
pub(super) struct HostNotes<'t>(FxHashMap<(&'t str, &'t str), Vec<&'t Note>>);

impl<'t> HostNotes<'t> {
    pub(super) fn of(table: &'t RouteTable) -> HostNotes<'t> {
        let mut all: FxHashMap<(&str, &str), Vec<&Note>> = FxHashMap::default();
        for note in &table.notes {
            all.entry((&note.route_config, &note.virtual_host)).or_default().push(note);
        }
        HostNotes(all)
    }

    /// Whether there are some about this one.
    #[cfg(feature = "cli")]
    pub(super) fn are_about(&self, config: &RouteConfiguration, host: &VirtualHost) -> bool {
        self.0.contains_key(&(config.name.as_str(), host.name.as_str()))
    }
}

/// What a virtual host does, in words.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct HostBody {
    /// Said before its routes.
    pub first: Vec<&'static str>,
    pub rows: Vec<Row>,
    pub notes: Vec<String>,
}

impl HostBody {
    pub(super) fn of(
        table: &RouteTable,
        config: &RouteConfiguration,
        host: &VirtualHost,
        (said, sources): (&HostNotes<'_>, &SourceMap),
    ) -> HostBody {
        let redirects = "plain requests are redirected to https before any route is looked at";
        let empty = "no routes: every request is answered 404 NR";
        let first = [(host.require_tls, redirects), (host.routes.is_empty(), empty)];
        let own = said.0.get(&(config.name.as_str(), host.name.as_str())).into_iter().flatten();
        HostBody {
            first: first.into_iter().filter(|(is_so, _)| *is_so).map(|(_, text)| text).collect(),
            rows: host.routes.iter().map(|r| row(r, table, sources)).collect(),
            notes: own.map(|n| note_line(n, sources)).collect(),
        }
    }
}

/// Below a virtual host's name and domains.
pub(super) fn write_body(out: &mut String, body: &HostBody, view: &View) {
    for text in &body.first {
        out.say(view.color, format_args!("  {text}"));
    }
    let widest = body.rows.iter().flat_map(|r| &r.conditions).map(|c| c.chars().count()).max().unwrap_or(0);
    let column = widest.min(CONDITIONS_MAX);
    for (i, row) in body.rows.iter().enumerate() {
        write_row(out, i, row, column, view);
    }
    for note in &body.notes {
        out.say(view.color, format_args!("  {}", painted(note, Style::Note, view.color)));
    }
}

/// Conditions that are wider than this push what stands beside them to the next line.
const CONDITIONS_MAX: usize = 34;

/// One route: what it asks for, what it does, and where that was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Row {
    pub conditions: Vec<String>,
    pub does: Vec<(Style, String)>,
    pub written: Vec<String>,
}

fn row(route: &Route, table: &RouteTable, sources: &SourceMap) -> Row {
    let mut does = Vec::new();
    let mut policies: Vec<String> = Vec::new();
    match &route.action {
        RouteAction::Forward(f) => {
            for t in words::targets(f) {
                let found = table.cluster(t.cluster);
                let state = ClusterState::of_found(table, t.cluster, found);
                let good = state.cause().is_none();
                let style = match state.used_unready() {
                    0 if good => Style::Plain,
                    0 => Style::Bad,
                    _ => Style::Warning,
                };
                let fixed = t.cluster.parts().is_none() && !matches!(t.cluster, ClusterName::Other(_)) && good;
                let cluster = words::cluster(t.cluster);
                let mut text =
                    if t.share < 1.0 { format!("{:>5}  {cluster}", words::percent(t.share)) } else { cluster };
                if !fixed {
                    text.push_str(", ");
                    text.push_str(&words::state(&state));
                }
                does.push((style, text));
                policies.extend(found.and_then(|c| policy_line(c, sources)));
            }
        }
        RouteAction::Redirect(r) => does.push((Style::Plain, words::redirect(r))),
        RouteAction::DirectResponse(d) => does.push((Style::Plain, format!("answer {}", d.status))),
        RouteAction::Nothing => does.push((Style::Plain, "no action: Envoy refuses this table".to_owned())),
    }
    does.extend(words::treatment(route).into_iter().map(|text| (Style::Plain, text)));
    let mut written = vec![match &route.source {
        Some(s) if route.name.is_empty() => words::author_and_place(s, sources),
        Some(s) => format!("\"{}\", {}", route.name, words::author_and_place(s, sources)),
        None if route.name == "default" => "no VirtualService applies".to_owned(),
        None if is_for_strangers(&route.name) => "outbound traffic policy".to_owned(),
        // Of a proxy whose control plane says nothing of where it is from.
        None if route.name.is_empty() => "unnamed".to_owned(),
        None => format!("\"{}\"", route.name),
    }];
    policies.dedup();
    written.extend(policies);
    Row { conditions: words::conditions(&route.matcher), does, written }
}

/// Conditions on the left, what is done on the right, and dimmed below both where it comes from.
fn write_row(out: &mut String, index: usize, row: &Row, column: usize, view: &View) {
    let lines = row.conditions.len().max(row.does.len());
    let mut does = row.does.iter().map(|(style, text)| painted(text, *style, view.color));
    for i in 0..lines {
        let number = if i == 0 { format_smolstr!("{index:>4}") } else { SmolStr::new_static("    ") };
        let condition = row.conditions.get(i).map(String::as_str).unwrap_or_default();
        if condition.chars().count() > column {
            out.say(view.color, format_args!("{number}  {condition}"));
            continue;
        }
        let action = does.next().unwrap_or_default();
        out.say_trimmed(view.color, format_args!("{number}  {condition:<column$}  {action}"));
    }
    for action in does {
        out.say(view.color, format_args!("      {:<column$}  {action}", ""));
    }
    for line in &row.written {
        out.say(view.color, format_args!("      {}", painted(line, Style::Dim, view.color)));
    }
}

fn policy_line(c: &Cluster, sources: &SourceMap) -> Option<String> {
    let rule = c.destination_rule.as_ref()?;
    let merged = match rule.merged.len() {
        0 => String::new(),
        n => format!(" with {n} more merged into it"),
    };
    let at = words::place(rule.at, sources);
    let at = if at.is_empty() { at } else { format!("  {at}") };
    Some(format!("{}{merged}, {}{at}", rule.object, words::load_balancer(c.lb)))
}

/// What stands above [`notes`].
pub(super) const NOTES: &str = "what became of the rest";

/// What became of the rest, each with its position among the notes of the table; nothing where only a part of the table is shown.
pub(super) fn notes(table: &RouteTable, sources: &SourceMap, view: &View) -> Vec<(usize, Remark)> {
    if view.host.is_some() || view.port.is_some() {
        return Vec::new();
    }
    let remark = |note: &Note| Remark {
        text: note_line(note, sources),
        table: if note.route_config.is_empty() { String::new() } else { format!(" [table {}]", note.route_config) },
    };
    let all = table.notes.iter().enumerate().filter(|(_, n)| n.virtual_host.is_empty());
    all.map(|(i, note)| (i, remark(note))).collect()
}

/// What became of a part of the manifests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Remark {
    pub text: String,
    /// Of which route table, where it is of one.
    pub table: String,
}

impl Remark {
    pub(super) fn line(&self, color: bool) -> String {
        format!("  {}{}", paint(&self.text, Style::Note, color), self.table)
    }
}

fn note_line(note: &Note, sources: &SourceMap) -> String {
    let at = words::place(note.at, sources);
    let at = if at.is_empty() { String::new() } else { format!("  {at}") };
    // Not every remark is one of a rule.
    let rule = if note.rule.is_empty() { String::new() } else { format!(" ({})", note.rule) };
    format!("{}{rule}{at}", note.message)
}
