//! `towtank routes`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::parallel;
use crate::parallel::prelude::*;
use clap::{Args, ValueEnum};

use super::common::CommonArgs;
use super::exit::Exit;
use super::{input, output};
use crate::analysis::compare::limits;
use crate::envoy::table::RouteTable;
use crate::istio::translate::Parts;
use crate::tool::report::graph::Language;
use crate::tool::report::{self, visible};
use crate::traffic::workspace::Workspace;

/// Bytes that are told before they are written.
const WRITTEN_AT_ONCE: usize = 1 << 16;

/// What `--help` says below all options.
const ENDINGS: &str = "\
Examples:
  towtank routes manifests/ --host reviews
  towtank routes manifests/ --proxy gateway:istio-system:istio=ingressgateway --port 443
  towtank routes manifests/ -o envoy > envoy.json

Exit status: 0 fine; 2 wrong usage or unusable input, or nothing fits --host and --port.";

#[derive(Debug, Args)]
#[command(after_help = ENDINGS, next_help_heading = "Table")]
pub(super) struct RoutesArgs {
    /// Only virtual hosts with this text in their name or domains
    #[arg(long, value_name = "TEXT")]
    host: Option<String>,

    /// Only tables and listeners of this port
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    /// table for people, html for a page of its own, json or yaml for programs, envoy for Envoy's own configuration form, istioctl for
    /// what `istioctl proxy-config routes -o json` prints, dot or mermaid for a graph
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Html,
    Json,
    Yaml,
    Envoy,
    Istioctl,
    Dot,
    Mermaid,
}

pub(super) fn run(args: &RoutesArgs) -> anyhow::Result<Exit> {
    let mut exit = Exit::Fine;
    let mut sections = Vec::new();
    let all = input::gather(&args.common);
    let only_one = all.len() == 1;
    let filters = args.host.is_some() || args.port.is_some();
    for inputs in all {
        let Some(mut workspace) = input::open_for_its_points(inputs, &args.common) else {
            exit = Exit::Unusable;
            continue;
        };
        if args.output != Format::Html {
            input::tell_premises(&workspace.istio, &workspace.assumed, args.output == Format::Table, &args.common)?;
        }
        workspace.keep_for_tables();
        let view = report::routes::View {
            host: args.host.clone(),
            port: args.port,
            width: output::width(),
            color: output::color(args.common.color),
        };
        let points = &workspace.points;
        let is_one = points.classes.len() == 1;
        let parts = if is_one { Parts::for_one(&workspace.mesh) } else { Parts::new(&workspace.mesh) };
        // Told as one, they are made one after the other, and none is kept.
        let together = args.output == Format::Table && points.own;
        let classes = if together { &[] } else { points.classes.as_slice() };
        let tables: Vec<RouteTable> = classes.par_iter().map(|class| parts.route_table(&class.proxy)).collect();
        let fits = AtomicBool::new(tables.iter().any(|t| report::routes::shows_any(t, &view)));
        let told = |i: usize| {
            let (table, beside) = parts.told_table(&points.classes.get(i)?.proxy);
            if filters && report::routes::shows_any(&table, &view) {
                fits.store(true, Ordering::Relaxed);
            }
            Some((Cow::Owned(table), beside))
        };
        if args.output == Format::Html {
            let section = section(&tables, &workspace, &view, sections.len());
            sections.push(section);
        }
        if args.output == Format::Table {
            let mut written = Ok(());
            let mut waiting = String::with_capacity(WRITTEN_AT_ONCE);
            let mut sink = |piece: &str| {
                waiting.push_str(piece);
                if waiting.len() >= WRITTEN_AT_ONCE {
                    if written.is_ok() {
                        written = output::write(waiting.as_bytes());
                    }
                    waiting.clear();
                }
            };
            if together {
                report::routes::write_all(&told, points, &workspace.sources, &view, &mut sink);
            }
            for (i, (table, classes)) in points.distinct(&tables).iter().enumerate() {
                if i > 0 {
                    sink("\n");
                }
                report::routes::write(table, &points.audience(classes), &workspace.sources, &view, &mut sink);
            }
            written?;
            output::write(waiting.as_bytes())?;
        }
        if !matches!(args.output, Format::Table | Format::Html) {
            write_texts(&tables, &workspace, args, &view)?;
        }
        if filters && !fits.load(Ordering::Relaxed) {
            output::message(&format!("error: {}", nothing_fits(args)));
            exit = Exit::Unusable;
        }
        if args.output == Format::Html && only_one {
            output::write(report::routes::to_html(&sections).as_bytes())?;
        }
        // The process ends here; to take a large mesh apart first would cost time and change nothing.
        if only_one {
            std::mem::forget((tables, parts));
            std::mem::forget(workspace);
        }
    }
    if args.output == Format::Html && !only_one {
        output::write(report::routes::to_html(&sections).as_bytes())?;
    }
    Ok(exit)
}

/// The tables of one mesh as a part of a page.
fn section(
    tables: &[RouteTable],
    workspace: &Workspace,
    view: &report::routes::View,
    id: usize,
) -> report::routes::Section {
    let premises = input::premise_lines(&workspace.istio, &workspace.assumed);
    let limits = input::limit_lines(&limits::limits(&workspace.not_modelled));
    let (points, sources) = (&workspace.points, &workspace.sources);
    report::routes::Section::new((&workspace.name, id), (tables, points), sources, view, (premises, limits))
}

/// Writes the tables for programs, each by itself but for those that are equal. Of a large mesh their texts take more room than they do,
/// so that no more of them are there than are made at the same time; of a single one not even that.
fn write_texts(
    tables: &[RouteTable],
    workspace: &Workspace,
    args: &RoutesArgs,
    view: &report::routes::View,
) -> anyhow::Result<()> {
    let (points, sources) = (&workspace.points, &workspace.sources);
    let release = workspace.istio.profile.release().to_string();
    let groups = points.distinct(tables);
    if let ([(table, classes)], Format::Json) = (groups.as_slice(), args.output) {
        let written = Rc::new(RefCell::new(Ok(())));
        let sink = {
            let written = written.clone();
            move |part: &[u8]| {
                let mut written = written.borrow_mut();
                if written.is_ok() {
                    *written = output::json(part);
                }
            }
        };
        let whose = points.audience(classes);
        report::routes::write_json(table, &whose, sources, view, sink);
        written.replace(Ok(()))?;
        return output::own(b"\n");
    }
    let text = |(table, classes): &(&RouteTable, Vec<usize>)| {
        let whose = points.audience(classes);
        let json = || report::routes::to_json(table, &whose, sources, view);
        match args.output {
            Format::Table | Format::Html => Vec::new(),
            Format::Json => json(),
            Format::Yaml => yaml_document(&json()),
            Format::Envoy => report::envoy::to_json(table, &release, sources),
            Format::Istioctl => report::envoy::to_istioctl(table, sources),
            Format::Dot => report::graph::routes(table, view, Language::Dot),
            Format::Mermaid => report::graph::routes(table, view, Language::Mermaid),
        }
    };
    for some in groups.chunks(parallel::current_num_threads()) {
        for text in some.par_iter().map(text).collect::<Vec<_>>() {
            match args.output {
                Format::Json | Format::Yaml | Format::Envoy | Format::Istioctl => output::json(&text)?,
                Format::Table | Format::Html | Format::Dot | Format::Mermaid => output::write(&text)?,
            }
            if !text.ends_with(b"\n") {
                output::own(b"\n")?;
            }
        }
    }
    Ok(())
}

fn nothing_fits(args: &RoutesArgs) -> String {
    let of_port = args.port.map(|port| format!(" of port {port}")).unwrap_or_default();
    match &args.host {
        Some(host) => format!("no virtual host{of_port} has `{host}` in its name or domains"),
        None => format!("no listener{of_port}"),
    }
}

/// The JSON output as a YAML document of its own.
fn yaml_document(json: &[u8]) -> Vec<u8> {
    // What is written as JSON reads back, and every JSON value has a YAML form.
    let mut value: serde_json::Value = serde_json::from_slice(json).unwrap_or_default();
    let mut texts = Quoted { stem: stem(json), texts: Vec::new() };
    texts.take(&mut value);
    let mut text = serde_yaml::to_string(&value).unwrap_or_default();
    for (i, quoted) in texts.texts.iter().enumerate().rev() {
        text = text.replace(&format!("{}{i}", texts.stem), quoted);
    }
    format!("---\n{text}").into_bytes()
}

/// A word that stands nowhere in the text.
fn stem(json: &[u8]) -> String {
    let is_free = |word: &String| memchr::memmem::find(json, word.as_bytes()).is_none();
    (0_u32..).map(|n| format!("text-{n}-")).find(is_free).unwrap_or_default()
}

/// Texts that YAML would lay over several lines or show as they are, with what is not printed: they are quoted as in JSON.
struct Quoted {
    stem: String,
    texts: Vec<String>,
}

impl Quoted {
    /// Puts a word of its own in the place of each such text.
    fn take(&mut self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => *text = self.word_for(std::mem::take(text)),
            serde_json::Value::Array(all) => all.iter_mut().for_each(|v| self.take(v)),
            serde_json::Value::Object(all) => {
                let old = std::mem::take(all);
                for (key, mut value) in old {
                    self.take(&mut value);
                    let key = self.word_for(key);
                    all.insert(key, value);
                }
            }
            _ => {}
        }
    }

    fn word_for(&mut self, text: String) -> String {
        if *visible::line(&text, false) == text {
            return text;
        }
        let json = serde_json::Value::String(text).to_string();
        let quoted = String::from_utf8_lossy(&visible::json(json.as_bytes())).into_owned();
        self.texts.push(quoted);
        format!("{}{}", self.stem, self.texts.len() - 1)
    }
}
