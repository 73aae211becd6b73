//! From files to everything that the page shows, as one JSON object.

use std::path::PathBuf;

use crate::analysis::checks;
use crate::analysis::compare::limits;
use crate::analysis::diff::{self, Effort, Meshes};
use crate::envoy::request::Request;
use crate::envoy::router::{Switches, Tried};
use crate::envoy::table::RouteTable;
use crate::istio::translate::Parts;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::SourceMap;
use crate::parallel::prelude::*;
use crate::tool::cli::common::CommonArgs;
use crate::tool::cli::explain::{self, Laddered};
use crate::tool::cli::{input, routes};
use crate::tool::report::{self, diagnostics};
use crate::traffic::replay::{Settings, Simulation};
use crate::traffic::workspace::{self, Assumed, Inputs, Workspace};

/// A mesh as it was read last, of which requests can be asked.
pub(super) struct Opened {
    workspace: Workspace,
    switches: Switches,
}

impl Opened {
    /// Reads the mesh of now, and the one before where there is one; puts the names of all files into `read`, also where it fails.
    ///
    /// # Errors
    /// What is wrong with the files, as a report says it.
    pub(super) fn new(
        common: &CommonArgs,
        against: Option<&PathBuf>,
        read: &mut Vec<String>,
    ) -> Result<(Opened, String), String> {
        let (now, before) = gather(common, against)?;
        read.extend(now.sources.iter().map(|(_, file)| file.name.to_string()));
        let options = input::options(common);
        let workspace =
            workspace::open(now.clone(), &options).map_err(|refused| told(&refused.findings, &refused.sources))?;
        let switches = workspace.switches()?;
        let before =
            before.map(|(inputs, name)| (compared(&workspace, &switches, [&inputs, &now], common, &name), name));
        let findings = checks::findings(workspace::review(now, &options));
        let parts = [
            ("simulate", simulated(&workspace, &switches, common)?),
            ("routes", tables(&workspace)),
            ("check", checked(&findings, &workspace)),
            ("against", before.as_ref().map_or("null".to_owned(), |(_, name)| quoted(name))),
            ("diff", before.map_or("null".to_owned(), |(json, _)| json)),
        ];
        let members: Vec<String> = parts.iter().map(|(key, json)| format!("\"{key}\":{}", json.trim_end())).collect();
        Ok((Opened { workspace, switches }, format!("{{{}}}", members.join(","))))
    }

    /// `{"decisions": [{"decision": ..., "conditions": [[...]]}]}`.
    ///
    /// # Errors
    /// The request names a proxy that there isn't.
    pub(super) fn explain(&self, request: &Request, common: &CommonArgs) -> Result<String, String> {
        let tried = |t: &Tried| serde_json::json!({"name": t.name, "wanted": t.wanted, "own": t.own, "holds": t.holds});
        let rung = |all: &Vec<Tried>| all.iter().map(tried).collect::<Vec<_>>();
        let one = |told: &Laddered| {
            let conditions = serde_json::json!(told.conditions.iter().map(rung).collect::<Vec<_>>());
            format!("{{\"decision\":{},\"conditions\":{conditions}}}", told.json)
        };
        let told = explain::decisions(request, &self.workspace, &self.switches, common)?;
        let decisions: Vec<String> = told.iter().map(one).collect();
        Ok(format!("{{\"error\":null,\"decisions\":[{}]}}", decisions.join(",")))
    }
}

/// The texts of now, and those of before with their name. Without `--against` it is what `git:HEAD` has, if there is such a thing.
fn gather(common: &CommonArgs, against: Option<&PathBuf>) -> Result<(Inputs, Option<(Inputs, String)>), String> {
    let old: Vec<PathBuf> = against.into_iter().cloned().collect();
    let alone = || -> Result<Inputs, String> {
        let mut all = input::gather(common);
        match all.len() {
            1 => Ok(all.remove(0)),
            n => Err(format!("a page is of one mesh, and there are {n}: name one of the scenarios")),
        }
    };
    let [path] = common.paths.as_slice() else { return Ok((alone()?, None)) };
    let name = against.map_or("git:HEAD".to_owned(), |path| path.display().to_string());
    match input::gather_pair(common, &old, std::slice::from_ref(path)) {
        Ok(mut pairs) if pairs.len() == 1 => {
            let (now, before) = pairs.remove(0);
            let is_read = !before.findings.iter().any(|f| f.severity == Severity::Error);
            match against {
                // Without a repository, or before the first commit, there is nothing to compare with.
                None if !is_read => Ok((now, None)),
                _ => Ok((now, Some((before, name)))),
            }
        }
        Err(error) if against.is_some() => Err(format!("--against: {error}")),
        _ => Ok((alone()?, None)),
    }
}

fn told(findings: &[Finding], sources: &SourceMap) -> String {
    let errors: Vec<Finding> = findings.iter().filter(|f| f.severity == Severity::Error).cloned().collect();
    diagnostics::to_text(&errors, sources, false)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Exact shares: nothing has to be drawn while somebody types.
fn simulated(workspace: &Workspace, switches: &Switches, common: &CommonArgs) -> Result<String, String> {
    let settings = Settings {
        seed: common.seed,
        chosen_proxies: !common.proxy.is_empty() && !workspace.points.own,
        switches: switches.clone(),
        ..Settings::default()
    };
    let scenario = workspace.scenario.as_ref();
    let simulation = Simulation::prepare(&workspace.mesh, &workspace.points, scenario, &settings);
    let streams = simulation.map_err(|error| error.to_string())?.exact();
    let (limits, assumed, istio) =
        (limits::limits(&workspace.not_modelled), workspace.assumed.told(), workspace.istio.line());
    let results = report::simulate::Results::new("", common.seed, true, &streams, &workspace.sources);
    let results = report::simulate::Results { limits: &limits, assumed: &assumed, istio: istio.as_deref(), ..results };
    Ok(text(report::simulate::to_json(&results)))
}

fn tables(workspace: &Workspace) -> String {
    let parts = Parts::new(&workspace.mesh);
    let points = &workspace.points;
    let tables: Vec<RouteTable> = points.classes.par_iter().map(|class| parts.route_table(&class.proxy)).collect();
    let view = report::routes::View::default();
    let json = |(table, classes): &(&RouteTable, Vec<usize>)| {
        text(report::routes::to_json(table, &points.audience(classes), &workspace.sources, &view))
    };
    let all: Vec<String> = routes::groups(&tables, points).iter().map(json).collect();
    format!("[{}]", all.join(","))
}

fn checked(findings: &[Finding], workspace: &Workspace) -> String {
    let assumed = Assumed { services: workspace.assumed.services.clone(), ..Assumed::default() }.told();
    let limits = limits::limits(&workspace.not_modelled);
    text(report::check::to_json(findings, &[], &[], (&assumed, &limits), &workspace.sources))
}

/// What the change does; where the side before can't be read, why.
fn compared(
    newer: &Workspace,
    switches: &Switches,
    [before, now]: [&Inputs; 2],
    common: &CommonArgs,
    name: &str,
) -> String {
    let viewless = CommonArgs { proxy: Vec::new(), ..common.clone() };
    let older = match workspace::open(before.clone(), &input::options(&viewless)) {
        Ok(older) => older,
        Err(refused) => {
            let error = told(&refused.findings, &refused.sources);
            return serde_json::json!({ "error": error }).to_string();
        }
    };
    let Ok(old_switches) = older.switches() else { return "null".to_owned() };
    let points = newer.points_beside(&older);
    let meshes = Meshes::new((&older.mesh, &old_switches), (&newer.mesh, switches));
    let proxies = meshes.diff(&points, Effort::default());
    let causes = diff::causes(&proxies, &points);
    let verdict = diff::verdict(&causes, &causes, &proxies, &points);
    let edits = diff::without_effect([before, now], &newer.namespace, &proxies);
    let limits = limits::compared(&older.not_modelled, &newer.not_modelled);
    let path = common.paths.first().map(|p| p.display().to_string()).unwrap_or_default();
    text(report::diff::to_json(&report::diff::Results {
        scenario: "",
        names: [name, &path],
        proxies: &proxies,
        causes: &causes,
        hidden: 0,
        verdict: &verdict,
        assumed: &newer.assumed.told(),
        limits: &limits,
        on_the_way: &report::diff::OnTheWay::None,
        findings: [&[], &[]],
        edits: &edits,
        requests: None,
        expected: None,
        sources: [&older.sources, &newer.sources],
    }))
}

fn text(json: Vec<u8>) -> String {
    String::from_utf8_lossy(&json).into_owned()
}
