//! `--requests`: which change has each of these requests.

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use smol_str::SmolStr;

use super::DiffArgs;
use crate::analysis::diff::{self, Effort, Meshes, ProxyDiff, Side, TableDiff};
use crate::envoy::proxy::Proxy;
use crate::istio::clients::{Audience, Class};
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

/// The requests of a file with what becomes of each. Proxies that only requests name are added to what is told.
///
/// # Errors
/// The file can't be read, a request can't, or it names a proxy that there isn't.
pub(super) fn read(
    path: &Path,
    newer: &Workspace,
    meshes: &Meshes<'_>,
    proxies: &mut Vec<ProxyDiff>,
    args: &DiffArgs,
) -> anyhow::Result<Vec<RequestLine>> {
    let mut lines: Vec<RequestLine> = Vec::new();
    let default = newer.default_proxy();
    let (read, errors) = requests::read(path, None, &[])?;
    if !errors.is_empty() {
        let more = errors.len().saturating_sub(ERRORS_MAX);
        let more = if more > 0 { format!("\nand {more} more lines that can't be read") } else { String::new() };
        let shown: Vec<String> = errors.into_iter().take(ERRORS_MAX).collect();
        anyhow::bail!("--requests: {}{more}", shown.join("\n"));
    }
    for (i, mut request) in read.into_iter().enumerate() {
        if request.id.is_null() {
            request.id = i.into();
        }
        let proxy = match (&request.proxy, &default) {
            (Some(name), _) => name.to_string(),
            (None, Some(default)) => default.name.to_string(),
            (None, None) => {
                anyhow::bail!("{}: request {} names no proxy, and there is none", path.display(), request.id)
            }
        };
        lines.push(RequestLine { request, proxy, kind: None, change: None });
    }
    let mut lenses: IndexMap<SmolStr, Lens> = IndexMap::new();
    for line in &lines {
        if lenses.contains_key(line.proxy.as_str()) {
            continue;
        }
        let proxy = newer.proxy(&line.proxy, &args.common.namespace);
        let proxy = proxy.map_err(|problem| anyhow::anyhow!("request {}: {}", line.request.id, problem.message))?;
        let lens = lens(&proxy, meshes, proxies);
        lenses.insert(line.proxy.as_str().into(), lens);
    }
    let decide = |line: &RequestLine| {
        let Some(lens) = lenses.get(line.proxy.as_str()) else { return (None, None) };
        let [old, new] = &lens.sides;
        let change = diff::change(&lens.diff, [old, new], &line.request);
        (change.kind, change.change.map(|own| lens.first + own))
    };
    let decided: Vec<_> = lines.par_iter().map(decide).collect();
    for (line, (kind, change)) in lines.iter_mut().zip(decided) {
        (line.kind, line.change) = (kind, change);
    }
    Ok(lines)
}

fn lens(proxy: &Arc<Proxy>, meshes: &Meshes<'_>, proxies: &mut Vec<ProxyDiff>) -> Lens {
    let sides = meshes.sides(proxy);
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
