//! The tables of several classes of clients as one text: what they have alike is told once, and what only some have, for whom.

use std::collections::BTreeMap;
use std::fmt::Display;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smol_str::SmolStr;

use super::View;
use super::table::{
    HostBody, Listeners, NOTES, Remark, domains_line, listeners, notes, nothing_shown, to_text, write_body,
    write_listeners,
};
use crate::envoy::proxy::ProxyKind;
use crate::envoy::table::RouteTable;
use crate::istio::clients::{Class, PointsOfView};
use crate::manifest::source::SourceMap;
use crate::order::Order as _;
use crate::parallel::prelude::*;
use crate::tool::report::style::{Style, paint};
use crate::tool::report::visible::Lines as _;

/// Classes that are named in the heading.
const CLASSES_SHOWN: usize = 8;

/// Tables in the order of their points of view, ending in a line end. Those of sidecars are told together; gateways have little in
/// common.
pub(crate) fn to_text_of_all(tables: &[RouteTable], points: &PointsOfView, sources: &SourceMap, view: &View) -> String {
    let is_sidecar = |i: &usize| tables.get(*i).is_some_and(|t| t.proxy.kind == ProxyKind::Sidecar);
    let (sidecars, gateways): (Vec<usize>, Vec<usize>) = (0..tables.len()).partition(is_sidecar);
    let mut parts: Vec<String> = Vec::new();
    let one = |i: usize| tables.get(i).map(|t| to_text(t, &points.audience(&[i]), sources, view));
    match sidecars.as_slice() {
        [] => {}
        [only] => parts.extend(one(*only)),
        several => parts.push(Together { tables, classes: several, points, sources, view }.text()),
    }
    parts.extend(gateways.into_iter().filter_map(one));
    parts.join("\n")
}

/// What classes have, each with those that have it, in the order in which they came.
pub(super) type Having<T> = IndexMap<T, Vec<usize>, FxBuildHasher>;

/// What a virtual host does, with the classes for which it does so, and its names by the classes that know it by them.
pub(super) type Host = IndexMap<HostBody, (Vec<usize>, Having<String>), FxBuildHasher>;

/// By name, that for strangers last.
pub(super) type Hosts = BTreeMap<(bool, SmolStr), Host>;

/// Tables that are told as one.
pub(super) struct Together<'a> {
    pub tables: &'a [RouteTable],
    /// Positions of the tables.
    pub classes: &'a [usize],
    pub points: &'a PointsOfView,
    pub sources: &'a SourceMap,
    pub view: &'a View,
}

/// A table in parts.
struct Parts {
    listeners: Listeners,
    /// By route configuration and virtual host: the line with its domains, and what it does.
    hosts: Vec<(SmolStr, SmolStr, String, HostBody)>,
    notes: Vec<Remark>,
}

/// The parts of all tables, each once.
#[derive(Default)]
pub(super) struct Gathered {
    pub listeners: Having<Listeners>,
    /// By route configuration.
    pub configs: BTreeMap<SmolStr, Hosts>,
    pub notes: Having<Remark>,
}

impl Together<'_> {
    pub(super) fn gathered(&self) -> Gathered {
        let each: Vec<(usize, Parts)> =
            self.classes.par_iter().filter_map(|i| Some((*i, self.parts(self.tables.get(*i)?)))).collect();
        let mut out = Gathered::default();
        for (class, parts) in each {
            out.listeners.entry(parts.listeners).or_default().push(class);
            parts.notes.into_iter().for_each(|note| out.notes.entry(note).or_default().push(class));
            for (config, host, domains, body) in parts.hosts {
                let is_last = matches!(host.as_str(), "allow_any" | "block_all" | "allow_any_dynamic_dns");
                let variants = out.configs.entry(config).or_default().entry((is_last, host)).or_default();
                let (classes, names) = variants.entry(body).or_default();
                classes.push(class);
                names.entry(domains).or_default().push(class);
            }
        }
        out
    }

    fn text(&self) -> String {
        let Gathered { listeners, configs, notes } = self.gathered();
        let mut out = String::new();
        self.heading(&mut out);
        for (text, classes) in &listeners {
            self.of_some(&mut out, "\n", classes);
            write_listeners(&mut out, text, self.view);
        }
        for (config, hosts) in &configs {
            let title = format!("route table {config}");
            self.say(&mut out, format_args!("\n{}", paint(&title, Style::Title, self.view.color)));
            for ((_, name), variants) in hosts {
                self.say(&mut out, format_args!("\n  {}", paint(name, Style::Host, self.view.color)));
                for (body, (classes, names)) in variants {
                    self.of_some(&mut out, "  ", classes);
                    self.names(&mut out, classes, names);
                    write_body(&mut out, body, self.view);
                }
            }
        }
        if configs.is_empty() {
            nothing_shown(&mut out, self.view);
        }
        if !notes.is_empty() {
            let title = paint(NOTES, Style::Title, self.view.color);
            self.say(&mut out, format_args!("\n{title}"));
            for (note, classes) in &notes {
                self.say(&mut out, note.line(self.view.color));
                self.of_some(&mut out, "    ", classes);
            }
        }
        out
    }

    fn parts(&self, table: &RouteTable) -> Parts {
        let (sources, view) = (self.sources, self.view);
        let mut hosts = Vec::new();
        for config in table.route_configs.iter().filter(|c| view.shows_config(table, c)) {
            for host in config.virtual_hosts.iter().filter(|h| view.shows_host(h)) {
                let body = HostBody::of(table, config, host, sources);
                hosts.push((config.name.clone(), host.name.clone(), domains_line(host), body));
            }
        }
        Parts { listeners: listeners(table, view), hosts, notes: notes(table, sources, view) }
    }

    fn heading(&self, out: &mut String) {
        let whose = self.points.audience(self.classes);
        let title = paint(&whose.subject(), Style::Title, self.view.color);
        self.say(out, format_args!("{title}  {}", self.how_many()));
        for line in self.class_lines() {
            self.say(out, format_args!("{}", paint(&format!("  {line}"), Style::Dim, self.view.color)));
        }
    }

    pub(super) fn how_many(&self) -> String {
        format!("{} classes of sidecars that may differ", self.classes.len())
    }

    /// The first few classes: name, namespace, labels, and how many clients they are.
    pub(super) fn class_lines(&self) -> Vec<String> {
        let classes = self.classes.iter().filter_map(|i| self.points.classes.get(*i));
        let line = |class: &Class| {
            let proxy = &class.proxy;
            let labels = if proxy.labels.is_empty() { "no labels".to_owned() } else { proxy.labels.to_string() };
            let more =
                if class.members.len() > 1 { format!(", {} clients", class.members.len()) } else { String::new() };
            format!("{}  {}: {labels}{more}", proxy.name, proxy.namespace)
        };
        let more = self.classes.len().saturating_sub(CLASSES_SHOWN);
        let more = (more > 0).then(|| format!("and {more} more"));
        classes.take(CLASSES_SHOWN).map(line).chain(more).collect()
    }

    /// Whose something is, unless it is everybody's.
    pub(super) fn whose(&self, classes: &[usize]) -> Option<String> {
        (classes.len() < self.classes.len()).then(|| self.points.audience(classes).to_string())
    }

    /// Whose the following is, unless it is everybody's.
    fn of_some(&self, out: &mut String, before: &str, classes: &[usize]) {
        if let Some(whose) = self.whose(classes) {
            let whose = paint(&format!("{whose}:"), Style::Note, self.view.color);
            self.say(out, format_args!("{before}{whose}"));
        }
    }

    fn names(&self, out: &mut String, all: &[usize], names: &Having<String>) {
        for line in self.name_lines(all, names) {
            self.say(out, format_args!("  {}", paint(&line, Style::Dim, self.view.color)));
        }
    }

    /// The domains of a virtual host: those that most clients know first, then which other ones some have.
    pub(super) fn name_lines(&self, all: &[usize], names: &Having<String>) -> Vec<String> {
        let mut in_order: Vec<(&String, &Vec<usize>)> = names.iter().collect();
        in_order.order_by_key(|(_, classes)| std::cmp::Reverse(classes.len()));
        let line = |(i, (line, classes)): (usize, (&String, &Vec<usize>))| {
            if i == 0 || classes.len() == all.len() {
                return line.clone();
            }
            format!("{}, it {line}", self.points.audience(classes))
        };
        in_order.into_iter().enumerate().map(line).collect()
    }

    fn say(&self, out: &mut String, line: impl Display) {
        out.say(self.view.color, format_args!("{line}"));
    }
}
