//! The tables of several classes of clients as one text: what they have alike is told once, and what only some have, for whom.

use std::collections::BTreeMap;
use std::fmt::Display;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smol_str::SmolStr;

use super::View;
use super::table::{domains_line, host_body, listeners, note_lines, nothing_shown, to_text};
use crate::envoy::proxy::ProxyKind;
use crate::envoy::table::RouteTable;
use crate::istio::clients::PointsOfView;
use crate::manifest::source::SourceMap;
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

/// Texts, each with the classes that have it, in the order in which they came.
type Texts = IndexMap<String, Vec<usize>, FxBuildHasher>;

/// What a virtual host does, with the classes for which it does so, and its names by the classes that know it by them.
type Host = IndexMap<String, (Vec<usize>, Texts), FxBuildHasher>;

/// Tables that are told as one.
struct Together<'a> {
    tables: &'a [RouteTable],
    /// Positions of the tables, at least two.
    classes: &'a [usize],
    points: &'a PointsOfView,
    sources: &'a SourceMap,
    view: &'a View,
}

/// A table in parts.
struct Parts {
    listeners: String,
    /// By route configuration and virtual host: the line with its domains, and what it does.
    hosts: Vec<(SmolStr, SmolStr, String, String)>,
    notes: Vec<String>,
}

impl Together<'_> {
    fn text(&self) -> String {
        let each: Vec<(usize, Parts)> =
            self.classes.par_iter().filter_map(|i| Some((*i, self.parts(self.tables.get(*i)?)))).collect();
        let mut out = String::new();
        self.heading(&mut out);
        let mut listeners = Texts::default();
        let mut notes = Texts::default();
        // The virtual host for strangers is the last of its table.
        let mut configs: BTreeMap<SmolStr, BTreeMap<(bool, SmolStr), Host>> = BTreeMap::new();
        for (class, parts) in each {
            listeners.entry(parts.listeners).or_default().push(class);
            parts.notes.into_iter().for_each(|note| notes.entry(note).or_default().push(class));
            for (config, host, domains, body) in parts.hosts {
                let is_last = matches!(host.as_str(), "allow_any" | "block_all" | "allow_any_dynamic_dns");
                let variants = configs.entry(config).or_default().entry((is_last, host)).or_default();
                let (classes, names) = variants.entry(body).or_default();
                classes.push(class);
                names.entry(domains).or_default().push(class);
            }
        }
        for (text, classes) in &listeners {
            self.of_some(&mut out, "\n", classes);
            out.push_str(text);
        }
        for (config, hosts) in &configs {
            let title = format!("route table {config}");
            self.say(&mut out, format_args!("\n{}", paint(&title, Style::Title, self.view.color)));
            for ((_, name), variants) in hosts {
                self.say(&mut out, format_args!("\n  {}", paint(name, Style::Host, self.view.color)));
                for (body, (classes, names)) in variants {
                    self.of_some(&mut out, "  ", classes);
                    self.names(&mut out, classes, names);
                    out.push_str(body);
                }
            }
        }
        if configs.is_empty() {
            nothing_shown(&mut out, self.view);
        }
        if !notes.is_empty() {
            let title = paint("what became of the rest", Style::Title, self.view.color);
            self.say(&mut out, format_args!("\n{title}"));
            for (note, classes) in &notes {
                self.say(&mut out, format_args!("{note}"));
                self.of_some(&mut out, "    ", classes);
            }
        }
        out
    }

    fn parts(&self, table: &RouteTable) -> Parts {
        let (sources, view) = (self.sources, self.view);
        let mut out = String::new();
        listeners(&mut out, table, view);
        let mut hosts = Vec::new();
        for config in table.route_configs.iter().filter(|c| view.shows_config(table, c)) {
            for host in config.virtual_hosts.iter().filter(|h| view.shows_host(h)) {
                let mut body = String::new();
                host_body(&mut body, table, config, host, sources, view);
                hosts.push((config.name.clone(), host.name.clone(), domains_line(host), body));
            }
        }
        Parts { listeners: out, hosts, notes: note_lines(table, sources, view) }
    }

    fn heading(&self, out: &mut String) {
        let whose = self.points.audience(self.classes);
        let title = paint(&whose.subject(), Style::Title, self.view.color);
        self.say(out, format_args!("{title}  {} classes of sidecars that may differ", self.classes.len()));
        let classes = self.classes.iter().filter_map(|i| self.points.classes.get(*i));
        for class in classes.take(CLASSES_SHOWN) {
            let proxy = &class.proxy;
            let labels = if proxy.labels.is_empty() { "no labels".to_owned() } else { proxy.labels.to_string() };
            let more =
                if class.members.len() > 1 { format!(", {} clients", class.members.len()) } else { String::new() };
            let line = format!("  {}  {}: {labels}{more}", proxy.name, proxy.namespace);
            self.say(out, format_args!("{}", paint(&line, Style::Dim, self.view.color)));
        }
        let more = self.classes.len().saturating_sub(CLASSES_SHOWN);
        if more > 0 {
            self.say(out, format_args!("{}", paint(&format!("  and {more} more"), Style::Dim, self.view.color)));
        }
    }

    /// Whose the following is, unless it is everybody's.
    fn of_some(&self, out: &mut String, before: &str, classes: &[usize]) {
        if classes.len() < self.classes.len() {
            let whose = format!("{}:", self.points.audience(classes));
            self.say(out, format_args!("{before}{}", paint(&whose, Style::Note, self.view.color)));
        }
    }

    /// The domains of a virtual host: those that most clients know first, then which other ones some have.
    fn names(&self, out: &mut String, all: &[usize], names: &Texts) {
        let mut in_order: Vec<(&String, &Vec<usize>)> = names.iter().collect();
        in_order.sort_by_key(|(_, classes)| std::cmp::Reverse(classes.len()));
        for (i, (line, classes)) in in_order.into_iter().enumerate() {
            let whose = if i == 0 || classes.len() == all.len() {
                String::new()
            } else {
                format!("{}, it ", self.points.audience(classes))
            };
            let line = paint(&format!("{whose}{line}"), Style::Dim, self.view.color);
            self.say(out, format_args!("  {line}"));
        }
    }

    fn say(&self, out: &mut String, line: impl Display) {
        out.say(self.view.color, format_args!("{line}"));
    }
}
