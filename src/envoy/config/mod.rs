//! What a proxy has, as its own texts tell it, becomes the same route table as manifests do.
//!
//! In: Envoy's admin page `/config_dump` (also with `?include_eds`) and `/clusters?format=json`, what `istioctl proxy-config`
//! prints, a bootstrap, a RouteConfiguration, a Listener or a Cluster, an answer of a discovery service, and what
//! `routes -o envoy` writes; JSON or YAML. Out: a [`Running`] for each proxy: its [`RouteTable`] and what is to be said of
//! it. What bears on routing and isn't evaluated is said of the route it stands at (CF-5).
//!
//! Without the feature `dumps` they are known for what they are, and refused.
//!
//! Not here: files, manifests, and what routes do with requests.

#[cfg(feature = "dumps")]
mod build;
mod form;
#[cfg(feature = "dumps")]
mod gather;
mod key;
#[cfg(feature = "dumps")]
mod message;
#[cfg(feature = "dumps")]
mod places;
#[cfg(feature = "dumps")]
mod text;

#[cfg(feature = "dumps")]
use std::sync::Arc;

#[cfg(feature = "dumps")]
use smol_str::{SmolStr, format_smolstr};

use crate::envoy::table::RouteTable;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::{FileId, Position, SourceMap};

pub(crate) use form::is_configuration;
#[cfg(feature = "dumps")]
pub(crate) use gather::Streamed;

/// One proxy as its configuration shows it.
#[derive(Debug)]
pub(crate) struct Running {
    pub table: RouteTable,
    /// `ISTIO_VERSION` of its node metadata; empty where it says none.
    pub istio_version: String,
    /// The text that tells of the proxy.
    pub file: FileId,
    /// It is no proxy of Istio's, whose bootstrap sets flags that differ from Envoy's own.
    pub alone: bool,
    /// Runtime flags that its bootstrap sets, by name.
    pub runtime: Vec<(String, serde_json::Value)>,
}

/// Reads texts that [`is_configuration`] takes for such, beside what was read while it streamed by; those that
/// tell of no proxy of their own are parts of the one that does, or of one proxy together. `namespace` is that of proxies that name none.
///
/// Gives what went wrong as well; where that is an error, there may be fewer proxies than texts.
#[cfg(feature = "dumps")]
pub(crate) fn read(
    sources: &SourceMap,
    files: &[FileId],
    streamed: Vec<Streamed>,
    namespace: &str,
) -> (Vec<Running>, Vec<Finding>) {
    let mut findings = Vec::new();
    let gathered = gather::gather(sources, files, streamed, &mut findings);
    let mut running: Vec<Running> = gathered.into_iter().map(|parts| build::running(parts, namespace)).collect();
    for one in &running {
        let table = &one.table;
        if table.listeners.is_empty() && table.route_configs.is_empty() && table.clusters.is_empty() {
            let unread =
                table.notes.iter().filter(|note| note.rule == "CF-1").map(|note| format!("; {}", note.message));
            let message = format!(
                "`{}` has no listener, route or cluster that requests could meet{}",
                sources.name(one.file),
                unread.collect::<String>()
            );
            let at = Position { file: one.file, line: 1, column: 1, document: 0 };
            let hint = "`istioctl proxy-config all POD -o json` prints all that a proxy has";
            findings.push(Finding::new("load", Severity::Error, message).at(at).hint(hint));
        }
    }
    tell_apart(&mut running);
    (running, findings)
}

/// Nothing is read while it streams by without the feature `dumps`.
#[cfg(not(feature = "dumps"))]
#[derive(Debug, Clone)]
pub(crate) enum Streamed {}

#[cfg(all(feature = "files", not(feature = "dumps")))]
impl Streamed {
    pub(crate) fn read(_: FileId, _: &str, _: &mut dyn std::io::Read) -> Option<Streamed> {
        None
    }
}

/// Says that none of them is read by what was built without the feature `dumps`.
#[cfg(not(feature = "dumps"))]
pub(crate) fn read(sources: &SourceMap, files: &[FileId], _: Vec<Streamed>, _: &str) -> (Vec<Running>, Vec<Finding>) {
    let refused = |&file: &FileId| {
        let name = sources.name(file);
        let message = format!("`{name}` is what a running proxy has, which is not read here: only manifests are");
        let at = Position { file, line: 1, column: 1, document: 0 };
        Finding::new("load", Severity::Error, message).at(at).hint("the program `towtank` reads it")
    };
    (Vec::new(), files.iter().map(refused).collect())
}

/// Proxies of one name get their namespace as well, and a number where that isn't enough.
#[cfg(feature = "dumps")]
fn tell_apart(running: &mut [Running]) {
    let names: Vec<SmolStr> = running.iter().map(|r| r.table.proxy.name.clone()).collect();
    let mut taken: Vec<SmolStr> = Vec::new();
    for (one, name) in running.iter_mut().zip(&names) {
        let mut new = name.clone();
        if names.iter().filter(|n| *n == name).count() > 1 {
            new = format_smolstr!("{name}.{}", one.table.proxy.namespace);
        }
        let mut turn = 2;
        let base = new.clone();
        while taken.contains(&new) {
            new = format_smolstr!("{base} ({turn})");
            turn += 1;
        }
        if new != *name {
            Arc::make_mut(&mut one.table.proxy).name = new.clone();
        }
        taken.push(new);
    }
}
