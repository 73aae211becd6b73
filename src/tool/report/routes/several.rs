//! The tables of several classes of clients as one text: what they have alike is told once, and what only some have, for whom.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::View;
use super::bodies::{Bodies, Body};
use super::classes::Classes;
use super::table::{
    HostNotes, Listeners, NOTES, Remark, Sink, domains_line, listeners, notes, nothing_shown, write, write_body,
    write_listeners,
};
use crate::envoy::proxy::ProxyKind;
use crate::envoy::router::is_for_strangers;
use crate::envoy::table::{RouteTable, VirtualHost};
use crate::istio::clients::{Class, PointsOfView};
use crate::istio::translate::Beside;
use crate::manifest::source::SourceMap;
use crate::order::Order as _;
use crate::parallel::Memo;
use crate::parallel::prelude::*;
use crate::tool::report::style::{Style, paint};
use crate::tool::report::visible::Lines as _;

/// Classes that are named in the heading.
const CLASSES_SHOWN: usize = 8;

/// Tables in the order of their points of view. Those of sidecars are told together; gateways have little in common. `table` makes
/// one by its position; none is kept longer than it takes to tell of it.
pub(crate) fn write_all(
    table: TableOf<'_, '_>,
    points: &PointsOfView,
    sources: &SourceMap,
    view: &View,
    sink: Sink<'_>,
) {
    let is_sidecar = |i: &usize| points.classes.get(*i).is_some_and(|c| c.proxy.kind == ProxyKind::Sidecar);
    let (sidecars, gateways): (Vec<usize>, Vec<usize>) = (0..points.classes.len()).partition(is_sidecar);
    let mut is_first = true;
    let alone = if sidecars.len() > 1 {
        Together::new(table, &sidecars, points, sources, view).write(sink);
        is_first = false;
        gateways
    } else {
        [sidecars, gateways].concat()
    };
    for (i, (table, _)) in alone.into_iter().filter_map(|i| Some((i, table(i)?))) {
        if !std::mem::take(&mut is_first) {
            sink("\n");
        }
        write(&table, &points.audience(&[i]), sources, view, sink);
    }
}

/// A table by the position of its class, with what it has otherwise than a stranger's where that is known.
pub(crate) type TableOf<'a, 't> = &'a (dyn Fn(usize) -> Option<(Cow<'t, RouteTable>, Option<Beside>)> + Sync + 'a);

/// What classes have, each with those that have it, in the order in which they came.
pub(super) type Having<T> = IndexMap<T, Classes, FxBuildHasher>;

/// What a virtual host does, with the classes for which it does so, and its names by the classes that know it by them.
pub(super) type Host = IndexMap<Arc<Body>, (Classes, Having<String>), FxBuildHasher>;

/// By name, that for strangers last.
pub(super) type Hosts = BTreeMap<(bool, SmolStr), Host>;

/// Tables that are told as one.
pub(super) struct Together<'a, 't> {
    pub table: TableOf<'a, 't>,
    /// Positions of the tables.
    pub classes: &'a [usize],
    pub points: &'a PointsOfView,
    sources: &'a SourceMap,
    view: &'a View,
    bodies: Bodies,
    /// Whose something is, by the positions of their classes.
    audiences: Memo<Vec<usize>, Arc<str>>,
}

/// The whole or a part of what is told of a table.
struct Parts {
    listeners: Listeners,
    hosts: Vec<ToldHost>,
    /// With their positions in the table.
    notes: Vec<(usize, Remark)>,
}

/// Names of a route configuration and a virtual host, the line with its domains, and what it does.
type ToldHost = (SmolStr, SmolStr, String, Arc<Body>);

/// What is told of one class.
enum Told {
    Whole(Parts),
    /// What it has otherwise than a stranger: virtual hosts of its own, and which of the stranger's notes it lacks.
    Otherwise {
        beside: Beside,
        hosts: Vec<ToldHost>,
        unsaid: Vec<usize>,
    },
}

/// The classes whose tables are a stranger's but for what they have otherwise.
struct Followers {
    stranger: Arc<RouteTable>,
    all: Arc<[usize]>,
    /// By route configuration and virtual host of the stranger's, those that don't have it as it is.
    but: FxHashMap<(SmolStr, SmolStr), Vec<usize>>,
    /// By the stranger's notes, those that lack it.
    unsaid: FxHashMap<usize, Vec<usize>>,
}

/// The parts of all tables, each once.
#[derive(Default)]
pub(super) struct Gathered {
    pub listeners: Having<Listeners>,
    /// By route configuration.
    pub configs: BTreeMap<SmolStr, Hosts>,
    pub notes: Having<Remark>,
}

impl Gathered {
    /// Adds virtual hosts that all of some classes have.
    fn add(&mut self, hosts: Vec<ToldHost>, of: impl Fn(&mut Classes)) {
        for (config, host, domains, body) in hosts {
            let is_last = is_for_strangers(&host);
            let variants = self.configs.entry(config).or_default().entry((is_last, host)).or_default();
            let (classes, names) = variants.entry(body).or_default();
            of(classes);
            of(names.entry(domains).or_default());
        }
    }
}

impl Followers {
    fn add(&mut self, class: usize, beside: &Beside, unsaid: Vec<usize>) {
        for otherwise in &beside.configs {
            let Some(config) = self.stranger.route_configs.get(otherwise.config) else { continue };
            for host in &otherwise.gone {
                self.but.entry((config.name.clone(), host.clone())).or_default().push(class);
            }
        }
        unsaid.into_iter().for_each(|note| self.unsaid.entry(note).or_default().push(class));
    }
}

/// Adds the notes of a class. `order`: where each stands, by the first class that has it.
fn remarks(
    all: &mut Having<Remark>,
    order: &mut FxHashMap<Remark, (usize, usize)>,
    notes: Vec<(usize, Remark)>,
    class: usize,
) {
    for (position, note) in notes {
        order.entry(note.clone()).or_insert((class, position));
        let classes = all.entry(note).or_default();
        // Said twice of one.
        if !classes.ends_with(class) {
            classes.push(class);
        }
    }
}

impl<'a, 't> Together<'a, 't> {
    pub(super) fn new(
        table: TableOf<'a, 't>,
        classes: &'a [usize],
        points: &'a PointsOfView,
        sources: &'a SourceMap,
        view: &'a View,
    ) -> Self {
        let (bodies, audiences) = (Bodies::default(), Memo::default());
        Together { table, classes, points, sources, view, bodies, audiences }
    }

    pub(super) fn gathered(&self) -> Gathered {
        let each: Vec<(usize, Told)> = self.classes.par_iter().filter_map(|i| Some((*i, self.told(*i)?))).collect();
        let mut out = Gathered::default();
        let mut followers: IndexMap<*const RouteTable, (Arc<RouteTable>, Vec<usize>)> = IndexMap::new();
        for (class, told) in &each {
            if let Told::Otherwise { beside, .. } = told {
                let of = followers.entry(Arc::as_ptr(&beside.stranger));
                of.or_insert_with(|| (beside.stranger.clone(), Vec::new())).1.push(*class);
            }
        }
        let mut followers: IndexMap<*const RouteTable, Followers> = followers
            .into_iter()
            .map(|(at, (stranger, all))| {
                (at, Followers { stranger, all: all.into(), but: FxHashMap::default(), unsaid: FxHashMap::default() })
            })
            .collect();
        let mut order: FxHashMap<Remark, (usize, usize)> = FxHashMap::default();
        for (class, told) in each {
            let hosts = match told {
                Told::Whole(parts) => {
                    out.listeners.entry(parts.listeners).or_default().push(class);
                    remarks(&mut out.notes, &mut order, parts.notes, class);
                    parts.hosts
                }
                Told::Otherwise { beside, hosts, unsaid } => {
                    if let Some(of) = followers.get_mut(&Arc::as_ptr(&beside.stranger)) {
                        of.add(class, &beside, unsaid);
                    }
                    hosts
                }
            };
            out.add(hosts, |classes| classes.push(class));
        }
        for of in followers.into_values() {
            self.add_followers(of, &mut out, &mut order);
        }
        out.listeners.sort_by_cached_key(|_, classes| classes.first());
        for host in out.configs.values_mut().flat_map(BTreeMap::values_mut) {
            host.sort_by_cached_key(|_, (classes, _)| classes.first());
            host.values_mut().for_each(|(_, names)| names.sort_by_cached_key(|_, classes| classes.first()));
        }
        out.notes.sort_by_cached_key(|note, _| order.get(note).copied());
        out
    }

    /// What most of those have that are told beside one stranger.
    fn add_followers(&self, mut of: Followers, out: &mut Gathered, order: &mut FxHashMap<Remark, (usize, usize)>) {
        let whole = self.parts(&of.stranger, |_, _| true);
        out.listeners.entry(whole.listeners).or_default().extend(&of.all, Vec::new());
        for host in whole.hosts {
            let but = of.but.remove(&(host.0.clone(), host.1.clone())).unwrap_or_default();
            if but.len() < of.all.len() {
                out.add(vec![host], |classes| classes.extend(&of.all, but.clone()));
            }
        }
        let mut said: FxHashSet<Remark> = FxHashSet::default();
        for (position, note) in whole.notes {
            let mut has = Classes::default();
            has.extend(&of.all, of.unsaid.remove(&position).unwrap_or_default());
            let Some(first) = has.first().filter(|_| said.insert(note.clone())) else { continue };
            let place = order.entry(note.clone()).or_insert((first, position));
            *place = (*place).min((first, position));
            out.notes.entry(note).or_default().join(has);
        }
    }

    /// What is told of a class.
    fn told(&self, class: usize) -> Option<Told> {
        let (table, beside) = (self.table)(class)?;
        let Some(beside) = beside else { return Some(Told::Whole(self.parts(&table, |_, _| true))) };
        let is_own = |config: usize, host: &VirtualHost| {
            let otherwise = beside.configs.iter().find(|o| o.config == config);
            otherwise.is_some_and(|o| o.own.binary_search(&host.name).is_ok())
        };
        let hosts = self.hosts(&table, is_own);
        let unsaid = beside.unsaid(&table);
        Some(Told::Otherwise { beside, hosts, unsaid })
    }

    fn write(&self, sink: Sink<'_>) {
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
                sink(&out);
                out.clear();
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
        sink(&out);
    }

    fn parts(&self, table: &RouteTable, shown: impl Fn(usize, &VirtualHost) -> bool) -> Parts {
        let (sources, view) = (self.sources, self.view);
        Parts { listeners: listeners(table, view), hosts: self.hosts(table, shown), notes: notes(table, sources, view) }
    }

    /// Some virtual hosts, by the position of their route configuration, as far as they fit the filters.
    fn hosts(&self, table: &RouteTable, shown: impl Fn(usize, &VirtualHost) -> bool) -> Vec<ToldHost> {
        let view = self.view;
        let said = HostNotes::of(table);
        let mut hosts = Vec::new();
        for (i, config) in table.route_configs.iter().enumerate().filter(|(_, c)| view.shows_config(table, c)) {
            for host in config.virtual_hosts.iter().filter(|h| shown(i, h) && view.shows_host(h)) {
                let body = self.bodies.of(table, config, host, (&said, self.sources));
                hosts.push((config.name.clone(), host.name.clone(), domains_line(host), body));
            }
        }
        hosts
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
    pub(super) fn whose(&self, classes: &Classes) -> Option<String> {
        (classes.len() < self.classes.len()).then(|| self.audience(classes).to_string())
    }

    /// Whose something is. Of many virtual hosts that some have otherwise, it is the same ones.
    fn audience(&self, classes: &Classes) -> Arc<str> {
        self.audiences.get_or(classes.list(), |list| self.points.audience(list).to_string().into())
    }

    /// Whose the following is, unless it is everybody's.
    fn of_some(&self, out: &mut String, before: &str, classes: &Classes) {
        if let Some(whose) = self.whose(classes) {
            let whose = paint(&format!("{whose}:"), Style::Note, self.view.color);
            self.say(out, format_args!("{before}{whose}"));
        }
    }

    fn names(&self, out: &mut String, all: &Classes, names: &Having<String>) {
        for line in self.name_lines(all, names) {
            self.say(out, format_args!("  {}", paint(&line, Style::Dim, self.view.color)));
        }
    }

    /// The domains of a virtual host: those that most clients know first, then which other ones some have.
    pub(super) fn name_lines(&self, all: &Classes, names: &Having<String>) -> Vec<String> {
        let mut in_order: Vec<(&String, &Classes)> = names.iter().collect();
        in_order.order_by_key(|(_, classes)| std::cmp::Reverse(classes.len()));
        let line = |(i, (line, classes)): (usize, (&String, &Classes))| {
            if i == 0 || classes.len() == all.len() {
                return line.clone();
            }
            format!("{}, it {line}", self.audience(classes))
        };
        in_order.into_iter().enumerate().map(line).collect()
    }

    fn say(&self, out: &mut String, line: impl Display) {
        out.say(self.view.color, format_args!("{line}"));
    }
}
