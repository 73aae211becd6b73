//! `--requests`: which change has each of these requests.

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use smol_str::SmolStr;

use super::DiffArgs;
use crate::analysis::diff::{self, Effort, Kind, Meshes, ProxyDiff, Side, TableDiff};
use crate::envoy::request::Request;
use crate::envoy::router::RequestView;
use crate::istio::clients::{Audience, Class, PointsOfView};
use crate::parallel::prelude::*;
use crate::tool::cli::requests;
use crate::tool::report::diff::RequestLine;
use crate::traffic::workspace::Workspace;

/// Lines that can't be read and are shown; the rest is counted.
const ERRORS_MAX: usize = 5;

/// One point of view that requests go through.
struct Lens {
    sides: [Side; 2],
    diff: TableDiff,
    /// Number of its first change over all proxies.
    first: usize,
}

impl Lens {
    /// Whether the proxy has a request's host, then or now.
    fn serves(&self, request: &Request) -> bool {
        let view = RequestView::from(request);
        self.sides.iter().any(|side| side.router().serves(&view))
    }
}

/// The requests of a file with what becomes of each. Proxies that only requests name are added to what is told. One that names no proxy is
/// asked of all clients that have its host, and told of the first for whom it changes; where somebody chose the points of view, of the first.
///
/// # Errors
/// The file can't be read, a request can't, or it names a proxy that there isn't.
pub(super) fn read(
    path: &Path,
    newer: &Workspace,
    (meshes, points): (&Meshes<'_>, &PointsOfView),
    proxies: &mut Vec<ProxyDiff>,
    args: &DiffArgs,
) -> anyhow::Result<Vec<RequestLine>> {
    let (read, errors) = requests::read(path, None, &[])?;
    if !errors.is_empty() {
        let more = errors.len().saturating_sub(ERRORS_MAX);
        let more = if more > 0 { format!("\nand {more} more lines that can't be read") } else { String::new() };
        let shown: Vec<String> = errors.into_iter().take(ERRORS_MAX).collect();
        anyhow::bail!("--requests: {}{more}", shown.join("\n"));
    }
    let unnamed = read.iter().any(|request| request.proxy.is_none());
    // Clients of whom the same is told have the same changes: one of them is enough.
    let asked: Vec<Class> = match points.own {
        true => proxies.iter().filter_map(|told| points.classes.get(*told.classes.first()?)).cloned().collect(),
        false => points.classes.iter().take(1).cloned().collect(),
    };
    let asked = if unnamed { asked } else { Vec::new() };
    let of_all: Vec<(SmolStr, Lens)> =
        asked.iter().map(|class| (class.proxy.name.clone(), lens(class, meshes, proxies))).collect();
    let mut named: IndexMap<SmolStr, Lens> = IndexMap::new();
    let mut lines: Vec<RequestLine> = Vec::new();
    for (i, mut request) in read.into_iter().enumerate() {
        if request.id.is_null() {
            request.id = i.into();
        }
        match &request.proxy {
            Some(name) if !named.contains_key(name) => {
                let proxy = newer.proxy(name, &args.common.namespace);
                let proxy = proxy.map_err(|problem| anyhow::anyhow!("request {}: {}", request.id, problem.message))?;
                let known = points.classes.iter().find(|class| class.proxy == proxy).cloned();
                let class = known.unwrap_or_else(|| Class::of_proxy(&proxy));
                named.insert(name.clone(), lens(&class, meshes, proxies));
            }
            None if of_all.is_empty() => {
                anyhow::bail!("{}: request {} names no proxy, and there is none", path.display(), request.id)
            }
            _ => {}
        }
        lines.push(RequestLine { request, proxy: String::new(), kind: None, change: None });
    }
    let decide = |line: &RequestLine| -> (String, Option<Kind>, Option<usize>) {
        let request = &line.request;
        let through = |(name, lens): (&SmolStr, &Lens)| {
            let [old, new] = &lens.sides;
            let change = diff::change(&lens.diff, [old, new], request);
            (name.to_string(), change.kind, change.change.map(|own| lens.first + own))
        };
        if let Some(name) = &request.proxy {
            return named.get_key_value(name).map(through).unwrap_or_default();
        }
        let of_all = of_all.iter().map(|(name, lens)| (name, lens));
        let first = of_all.clone().find(|(_, lens)| lens.serves(request)).or_else(|| of_all.clone().next());
        let changed =
            of_all.clone().filter(|(_, lens)| lens.serves(request)).map(through).find(|(_, kind, _)| kind.is_some());
        changed.or_else(|| first.map(through)).unwrap_or_default()
    };
    let decided: Vec<_> = lines.par_iter().map(decide).collect();
    for (line, (proxy, kind, change)) in lines.iter_mut().zip(decided) {
        (line.proxy, line.kind, line.change) = (proxy, kind, change);
    }
    Ok(lines)
}

fn lens(class: &Class, meshes: &Meshes<'_>, proxies: &mut Vec<ProxyDiff>) -> Lens {
    let proxy = &class.proxy;
    let sides = meshes.sides([class.older(), proxy]);
    let diff = meshes.tables([&sides[0], &sides[1]], Effort::default());
    let mut first = 0;
    for told in proxies.iter() {
        // Clients of a class have equal tables, and equal tables equal changes.
        if told.audience.classes.contains(&proxy.name) || diff::agree(&told.changes, &diff.changes) {
            return Lens { sides, diff, first };
        }
        first += told.changes.len();
    }
    let class = Class::of_proxy(proxy);
    proxies.push(ProxyDiff {
        classes: Vec::new(),
        audience: Arc::new(Audience::of_classes(&[&class], 0)),
        changes: diff.changes.clone(),
        unchanged: diff.unchanged.clone(),
    });
    Lens { sides, diff, first }
}
