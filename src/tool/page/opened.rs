//! From texts to everything that a page shows, as one JSON object.

use std::sync::Arc;

use super::text;
use crate::analysis::checks;
use crate::analysis::compare::limits;
use crate::analysis::diff::{self, Effort, Meshes};
use crate::envoy::router::Switches;
use crate::envoy::table::RouteTable;
use crate::istio::translate::Parts;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::edit::{self, Rule};
use crate::manifest::source::SourceMap;
use crate::parallel;
use crate::parallel::prelude::*;
use crate::tool::report::{self, diagnostics};
use crate::traffic::replay::{Settings, Simulation};
use crate::traffic::workspace::{self, Assumed, Inputs, Options, Refused, Workspace};

/// How texts are taken, and what they are called.
#[derive(Debug, Clone)]
pub(crate) struct How {
    pub options: Options,
    /// Told with the shares, which are exact and don't depend on it.
    pub seed: u64,
    /// What the texts of now are called beside those of before.
    pub name: String,
}

/// A mesh as it was read last, of which questions are asked.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(super) workspace: Workspace,
    pub(super) switches: Switches,
    pub(super) how: How,
    /// The texts that it was made of.
    pub(super) now: Inputs,
    /// What of them can be edited.
    pub(super) rules: Vec<Rule>,
    /// What changes were told against.
    before: Option<Before>,
}

/// Texts that changes are told against, with what became of them: while somebody edits the others, they mostly stay.
#[derive(Debug, Clone)]
pub(crate) struct Before {
    inputs: Inputs,
    name: String,
    /// None: not yet. An error is told in the place of changes, as JSON.
    resolved: Option<Arc<Result<(Workspace, Switches), String>>>,
}

impl Before {
    pub(crate) fn new(inputs: Inputs, name: String) -> Before {
        Before { inputs, name, resolved: None }
    }

    /// The same, with what an earlier state made of the same texts.
    fn knowing(self, earlier: Option<&Before>) -> Before {
        let known = earlier.filter(|earlier| earlier.inputs.is_same(&self.inputs));
        Before { resolved: known.and_then(|earlier| earlier.resolved.clone()), ..self }
    }

    fn resolved(&mut self, how: &How) -> Arc<Result<(Workspace, Switches), String>> {
        let make = || {
            let viewless = Options { proxies: Vec::new(), ..how.options.clone() };
            let older = workspace::open(self.inputs.clone(), &viewless)
                .map_err(|refused| super::refusal(&told(&refused.findings, &refused.sources)))?;
            let switches = older.switches().map_err(|_| "null".to_owned())?;
            Ok((older, switches))
        };
        self.resolved.get_or_insert_with(|| Arc::new(make())).clone()
    }
}

/// Why texts can't be used.
#[derive(Debug)]
pub(crate) struct Unusable {
    /// For people, as a report says it.
    pub text: String,
    /// Errors and what was found besides, in the form of `check -o json`: an array.
    pub findings: String,
}

impl From<String> for Unusable {
    fn from(text: String) -> Unusable {
        Unusable { text, findings: "[]".to_owned() }
    }
}

impl From<Refused> for Unusable {
    fn from(refused: Refused) -> Unusable {
        let Refused { findings, sources } = refused;
        Unusable { text: told(&findings, &sources), findings: text(report::check::findings(&findings, &sources)) }
    }
}

impl Opened {
    /// Resolves the mesh of now and everything that there is to show of it, as one JSON object: what it does, what is found in it, and
    /// what changed against the one before, where there is one. `earlier` is a state that was taken in the same way: what it knows already
    /// is not worked out again, and the answer is the same without it.
    ///
    /// # Errors
    /// What is wrong with the texts of now; of those before it is a part of what is shown.
    pub(crate) fn new(
        now: Inputs,
        before: Option<Before>,
        how: How,
        earlier: Option<&Opened>,
    ) -> Result<(Opened, String), Unusable> {
        let mut before = before.map(|before| before.knowing(earlier.and_then(|e| e.before.as_ref())));
        let (texts, reviewed) = workspace::read(now.clone(), &how.options);
        // Nothing else is said of what can't be used.
        let is_used = !texts.are_refused(&how.options);
        let look = || {
            if !is_used {
                return Default::default();
            }
            let services = &reviewed.manifests.virtual_services;
            let rules = edit::rules(&reviewed.sources, services.iter().map(|service| (&service.id, service.at)));
            (rules, checks::findings(reviewed))
        };
        let run = || -> Result<_, Unusable> {
            let workspace = texts.resolve(&how.options)?;
            let switches = workspace.switches()?;
            let diff = || match &mut before {
                Some(before) => compared(&workspace, &switches, &now, &how, before),
                None => "null".to_owned(),
            };
            let show = || (simulated(&workspace, &switches, &how), tables(&workspace));
            let (diff, (simulated, tables)) = parallel::join(diff, show);
            Ok((diff, simulated?, tables, workspace, switches))
        };
        let (ran, (rules, findings)) = parallel::join(run, look);
        let (diff, simulated, tables, workspace, switches) = ran?;
        let parts = [
            ("simulate", simulated),
            ("routes", tables),
            ("check", checked(&findings, &workspace)),
            ("rules", super::edit::rules(&rules, &workspace.sources)),
            ("against", before.as_ref().map_or("null".to_owned(), |before| quoted(&before.name))),
            ("diff", diff),
        ];
        let members: Vec<String> = parts.iter().map(|(key, json)| format!("\"{key}\":{}", json.trim_end())).collect();
        Ok((Opened { workspace, switches, how, now, rules, before }, format!("{{{}}}", members.join(","))))
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
fn simulated(workspace: &Workspace, switches: &Switches, how: &How) -> Result<String, String> {
    let settings = Settings {
        seed: how.seed,
        chosen_proxies: !how.options.proxies.is_empty() && !workspace.points.own,
        switches: switches.clone(),
        ..Settings::default()
    };
    let scenario = workspace.scenario.as_ref();
    let simulation = Simulation::prepare(&workspace.mesh, &workspace.points, scenario, &settings);
    let streams = simulation.map_err(|error| error.to_string())?.exact();
    let (limits, assumed, istio) =
        (limits::limits(&workspace.not_modelled), workspace.assumed.told(), workspace.istio.line());
    let results = report::simulate::Results::new("", how.seed, true, &streams, &workspace.sources);
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
    let all: Vec<String> = points.distinct(&tables).iter().map(json).collect();
    format!("[{}]", all.join(","))
}

fn checked(findings: &[Finding], workspace: &Workspace) -> String {
    let assumed = Assumed { services: workspace.assumed.services.clone(), ..Assumed::default() }.told();
    let limits = limits::limits(&workspace.not_modelled);
    text(report::check::to_json(findings, &[], &[], (&assumed, &limits), &workspace.sources))
}

/// What the change does; where the side before can't be read, why.
fn compared(newer: &Workspace, switches: &Switches, now: &Inputs, how: &How, before: &mut Before) -> String {
    let resolved = before.resolved(how);
    let (older, old_switches) = match &*resolved {
        Ok((older, old_switches)) => (older, old_switches),
        Err(json) => return json.clone(),
    };
    let points = newer.points_beside(older);
    let meshes = Meshes::new((&older.mesh, old_switches), (&newer.mesh, switches));
    let proxies = meshes.diff(&points, Effort::default());
    let causes = diff::causes(&proxies, &points);
    let verdict = diff::verdict(&causes, &causes, &proxies, &points);
    let edits = diff::without_effect(&Inputs::prints([&before.inputs, now], &newer.namespace, &[]), &proxies);
    let limits = limits::compared(&older.not_modelled, &newer.not_modelled);
    text(report::diff::to_json(&report::diff::Results {
        scenario: "",
        names: [&before.name, &how.name],
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
