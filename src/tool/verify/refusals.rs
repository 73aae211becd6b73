//! What Envoy refuses of a configuration, held against what was foretold.

use std::io;
use std::net::IpAddr;

use rustc_hash::FxHashSet;
use serde_json::Value;
use smol_str::SmolStr;

use super::compare::Difference;
use super::process::Process;
use crate::envoy::router::{Part, Router};
use crate::envoy::table::ChainAction;

/// Listeners, route configurations and clusters that don't serve.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    pub listeners: FxHashSet<SmolStr>,
    pub route_configs: FxHashSet<SmolStr>,
    /// Where Envoy and the router are of two minds.
    pub differences: Vec<(String, Difference)>,
}

/// Asks a running Envoy what it took.
///
/// # Errors
/// Its administration interface doesn't answer.
pub(super) fn refusals(process: &Process, router: &Router, has_ipv6: bool) -> io::Result<Refusals> {
    let table = router.table();
    let is_active = |listener: &Value| listener.get("active_state").is_some();
    let listeners = names(process, "dynamic_listeners", "name,active_state.version_info", "/name", is_active)?;
    let configs = names(process, "dynamic_route_configs", "route_config.name", "/route_config/name", |_| true)?;
    let clusters = names(process, "dynamic_active_clusters", "cluster.name", "/cluster/name", |_| true)?;
    let mut out = Refusals::default();
    let mut served: FxHashSet<&str> = FxHashSet::default();
    for listener in &table.listeners {
        if matches!(listener.address, IpAddr::V6(_)) && !has_ipv6 {
            continue;
        }
        let refused = !listeners.contains(listener.name.as_str());
        let foretold = router.rejected().iter().find(|r| r.part == Part::Listener(listener.name.clone()));
        out.note(process, "listener", &listener.name, refused, foretold.map(|r| r.reason.as_str()));
        if refused {
            out.listeners.insert(listener.name.clone());
            continue;
        }
        for chain in listener.filter_chains.iter().chain(&listener.default_filter_chain) {
            if let ChainAction::Http { route_config } = &chain.action {
                served.insert(route_config);
            }
        }
    }
    // Envoy loads no configuration that no listener asks for.
    for config in table.route_configs.iter().filter(|c| served.contains(c.name.as_str())) {
        let refused = !configs.contains(config.name.as_str());
        let foretold = router.rejected().iter().find(|r| r.part == Part::RouteConfig(config.name.clone()));
        out.note(process, "route configuration", &config.name, refused, foretold.map(|r| r.reason.as_str()));
        if refused {
            out.route_configs.insert(config.name.clone());
        }
    }
    for cluster in table.clusters.iter() {
        let name = cluster.name.to_string();
        out.note(process, "cluster", &name, !clusters.contains(name.as_str()), None);
    }
    Ok(out)
}

impl Refusals {
    fn note(&mut self, process: &Process, part: &'static str, name: &str, refused: bool, foretold: Option<&str>) {
        if refused == foretold.is_some() {
            return;
        }
        let envoy = if refused {
            let reasons = process.log_lines_with("rejected");
            if reasons.is_empty() { "refused".to_owned() } else { format!("refused: {}", reasons.join("; ")) }
        } else {
            "taken".to_owned()
        };
        let towtank = foretold.map_or_else(|| "taken".to_owned(), |reason| format!("refused: {reason}"));
        self.differences.push((format!("{part} {name}"), Difference { part: "configuration", towtank, envoy }));
    }
}

/// The names at `pointer` in those parts of Envoy's configuration dump that count.
fn names(
    process: &Process,
    resource: &str,
    mask: &str,
    pointer: &str,
    counts: impl Fn(&Value) -> bool,
) -> io::Result<FxHashSet<SmolStr>> {
    let answer = process.admin(&format!("/config_dump?resource={resource}&mask={mask}"))?;
    let dump: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let all = dump.get("configs").and_then(Value::as_array).into_iter().flatten();
    Ok(all
        .filter(|c| counts(c))
        .filter_map(|c| c.pointer(pointer))
        .filter_map(Value::as_str)
        .map(SmolStr::new)
        .collect())
}
