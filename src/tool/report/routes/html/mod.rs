//! The page of route tables (`routes -o html`): each virtual host in a fold, with a box that filters them.

use std::borrow::Cow;
use std::sync::Arc;

use askama::Template;

use super::View;
use super::bodies::Body;
use super::classes::Classes;
use super::several::{Gathered, Host, Hosts, TableOf, Together};
use super::table::{HostBody, Listeners, NOTES, NOTHING, OTHERS, alike, described};
use crate::envoy::proxy::ProxyKind;
use crate::envoy::table::RouteTable;
use crate::istio::clients::PointsOfView;
use crate::manifest::source::SourceMap;
use crate::tool::report::grid::{counted, thousands};
use crate::tool::report::html::{self, Frame, Tone};
use crate::tool::report::style::Style;

/// Bytes that virtual hosts take in an ordinary page, about; further ones are left out. Beside its texts, a row and a fold have markup.
const BYTES_MAX: usize = 400_000;
const MARKUP_OF_ROW: usize = 250;
const MARKUP_OF_FOLD: usize = 700;
/// Up to so many virtual hosts are shown unfolded.
const OPEN_MAX: usize = 6;
const NOTES_MAX: usize = 200;

#[derive(Template)]
#[template(path = "routes/html/page.html")]
struct Page<'s> {
    frame: Frame,
    sections: &'s [Section],
    /// Whether folds are open.
    is_open: bool,
}

/// The tables of one mesh.
#[derive(Debug)]
pub(crate) struct Section {
    /// Empty where it is the only one.
    name: String,
    notes: Vec<String>,
    tables: Vec<TableView>,
    /// Virtual hosts that are left out.
    left_out: usize,
    limits: Vec<String>,
}

/// A table, or those of several clients told as one.
#[derive(Debug)]
struct TableView {
    id: String,
    title: String,
    about: Vec<String>,
    /// Each with whose it is, unless it is everybody's.
    listeners: Vec<(Option<String>, Listeners)>,
    configs: Vec<ConfigView>,
    remarks: Vec<(String, Option<String>)>,
    more_remarks: usize,
}

#[derive(Debug)]
struct ConfigView {
    name: String,
    hosts: Vec<HostView>,
}

#[derive(Debug)]
struct HostView {
    name: String,
    routes: usize,
    /// Said in the fold's heading where something in it is lost.
    is_bad: bool,
    variants: Vec<VariantView>,
}

/// What a virtual host does for some clients, or for all.
#[derive(Debug)]
struct VariantView {
    whose: Option<String>,
    names: Vec<String>,
    body: Arc<Body>,
}

impl TableView {
    fn notes_title(&self) -> &'static str {
        NOTES
    }

    fn others_title(&self) -> &'static str {
        OTHERS
    }

    fn nothing(&self) -> &'static str {
        NOTHING
    }
}

fn tone(style: &Style) -> Tone {
    Tone::from(*style)
}

/// The page of all meshes.
pub(crate) fn to_html(sections: &[Section]) -> String {
    let hosts: usize = sections.iter().flat_map(|s| &s.tables).flat_map(|t| &t.configs).map(|c| c.hosts.len()).sum();
    let tables: Vec<&TableView> = sections.iter().flat_map(|s| &s.tables).collect();
    let title = match tables.as_slice() {
        [one] => format!("Route table of {}", one.title),
        several => counted(several.len() as u64, "route table"),
    };
    let frame = Frame { command: "routes", title, about: counted(hosts as u64, "virtual host") };
    html::render(&Page { frame, sections, is_open: hosts <= OPEN_MAX })
}

impl Section {
    /// The sidecars of the mesh's own clients are told as one; other tables each by itself.
    pub(crate) fn new(
        (name, id): (&str, usize),
        (tables, points): (&[RouteTable], &PointsOfView),
        sources: &SourceMap,
        view: &View,
        (premises, limits): (Vec<String>, Vec<String>),
    ) -> Section {
        let is_together = |i: &usize| points.own && tables.get(*i).is_some_and(|t| t.proxy.kind == ProxyKind::Sidecar);
        let (sidecars, others): (Vec<usize>, Vec<usize>) = (0..tables.len()).partition(is_together);
        let groups = (!sidecars.is_empty()).then_some(sidecars).into_iter().chain(others.into_iter().map(|i| vec![i]));
        let mut budget = Budget { bytes: BYTES_MAX, left_out: 0 };
        let tables = groups
            .enumerate()
            .map(|(n, classes)| {
                let table: TableOf<'_, '_> = &|i| Some((Cow::Borrowed(tables.get(i)?), None));
                let together = Together::new(table, &classes, points, sources, view);
                TableView::new(&together, format!("t{id}-{n}"), &mut budget)
            })
            .collect();
        Section { name: name.to_owned(), notes: premises, tables, left_out: budget.left_out, limits }
    }
}

/// What a page still has room for.
struct Budget {
    bytes: usize,
    left_out: usize,
}

impl TableView {
    fn new(of: &Together<'_, '_>, id: String, budget: &mut Budget) -> TableView {
        let Gathered { listeners, configs, notes } = of.gathered();
        let whose = of.points.audience(of.classes);
        let only = if let [only] = of.classes { (of.table)(*only) } else { None };
        let (title, about) = match only {
            Some((table, _)) => {
                let about = std::iter::once(described(&table.proxy)).chain(alike(&whose));
                (table.proxy.name.to_string(), about.collect())
            }
            _ => (whose.subject(), std::iter::once(of.how_many()).chain(of.class_lines()).collect()),
        };
        let config = |(name, hosts): (smol_str::SmolStr, Hosts)| ConfigView {
            name: name.to_string(),
            hosts: hosts.into_iter().filter_map(|((_, name), host)| HostView::new(of, &name, host, budget)).collect(),
        };
        let configs: Vec<ConfigView> = configs.into_iter().map(config).filter(|c| !c.hosts.is_empty()).collect();
        let remarks = notes.iter().take(NOTES_MAX);
        TableView {
            id,
            title,
            about,
            listeners: listeners.into_iter().map(|(l, classes)| (of.whose(&classes), l)).collect(),
            configs,
            remarks: remarks.map(|(n, classes)| (format!("{}{}", n.text, n.table), of.whose(classes))).collect(),
            more_remarks: notes.len().saturating_sub(NOTES_MAX),
        }
    }
}

/// Bytes of a virtual host's texts, with the markup around each route.
fn length<'n>(body: &HostBody, names: impl Iterator<Item = &'n String>) -> usize {
    let markup = |texts: usize| 16 * texts;
    let row = |r: &super::table::Row| {
        let texts = r.conditions.iter().chain(r.does.iter().map(|(_, text)| text)).chain(&r.written);
        MARKUP_OF_ROW + texts.map(|text| markup(1) + text.len()).sum::<usize>()
    };
    body.rows.iter().map(row).chain(names.map(String::len)).chain(body.notes.iter().map(String::len)).sum()
}

impl HostView {
    fn new(of: &Together<'_, '_>, name: &str, host: Host, budget: &mut Budget) -> Option<HostView> {
        let size: usize = host.iter().map(|(body, (_, names))| MARKUP_OF_FOLD + length(body, names.keys())).sum();
        if budget.bytes < size {
            budget.left_out += 1;
            return None;
        }
        budget.bytes -= size;
        let variant = |(body, (classes, names)): (Arc<Body>, (Classes, _))| VariantView {
            whose: of.whose(&classes),
            names: of.name_lines(&classes, &names),
            body,
        };
        let variants: Vec<VariantView> = host.into_iter().map(variant).collect();
        let rows = || variants.iter().flat_map(|v| &v.body.rows);
        Some(HostView {
            name: name.to_owned(),
            routes: rows().count(),
            is_bad: rows().flat_map(|r| &r.does).any(|(style, _)| *style == Style::Bad),
            variants,
        })
    }

    fn how_many(&self) -> String {
        counted(self.routes as u64, "route")
    }
}

impl Section {
    fn left_out(&self) -> Option<String> {
        let n = self.left_out as u64;
        (n > 0).then(|| {
            format!("{} further virtual hosts are left out of this page; --host shows those that fit", thousands(n))
        })
    }
}
