//! From arguments to a mesh: the options of reading, and what is said about what was read.

use std::path::PathBuf;

use smol_str::SmolStr;

use super::common::{AssumeServices, CommonArgs, Invalid, UnknownFieldsArg};
use super::output;
use crate::analysis::compare::limits;
use crate::envoy::proxy::ProxyKind;
use crate::envoy::router::Switches;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::load::UnknownFields;
use crate::manifest::source::SourceMap;
use crate::tool::files::Places;
use crate::tool::report::{self, diagnostics};
use crate::traffic::request_text;
use crate::traffic::workspace::{self, Inputs, Options, Workspace};

fn places(args: &CommonArgs) -> Places<'_> {
    Places { paths: &args.paths, mesh_config: args.mesh_config.as_deref(), allow_outside: args.allow_outside }
}

/// The texts of each mesh that the arguments mean.
pub(super) fn gather(args: &CommonArgs) -> Vec<Inputs> {
    places(args).gather()
}

/// Adds the texts that are in force now.
pub(super) fn add_base(args: &CommonArgs, base: &[PathBuf], inputs: &mut Inputs) {
    Places { paths: base, mesh_config: None, ..places(args) }.add_base(inputs);
}

/// The same, each beside the texts that stood in `against` before.
///
/// # Errors
/// A scenario without a counterpart.
pub(super) fn gather_pairs(args: &CommonArgs, against: &[PathBuf]) -> anyhow::Result<Vec<(Inputs, Inputs)>> {
    places(args).gather_pairs(against).map_err(|error| anyhow::anyhow!("--against: {error}"))
}

/// The options of the stages behind reading.
pub(super) fn options(args: &CommonArgs) -> Options {
    Options {
        namespace: SmolStr::new(&args.namespace),
        unknown_fields: match args.unknown_fields {
            UnknownFieldsArg::Error => UnknownFields::Error,
            UnknownFieldsArg::Warn => UnknownFields::Warn,
        },
        skip_invalid: args.invalid == Invalid::Skip,
        assume_services: args.assume_services == AssumeServices::Auto,
        proxies: args.proxy.clone(),
    }
}

/// Runs the stages and says what there is to say. None: the inputs are unusable, and it was said why.
pub(super) fn open(inputs: Inputs, args: &CommonArgs) -> Option<Workspace> {
    match workspace::open(inputs, &options(args)) {
        Ok(workspace) => {
            tell(&workspace, args);
            if let Some(wrong) = unselected(&workspace, args) {
                output::message(&format!("error: {wrong}"));
                return None;
            }
            Some(workspace)
        }
        Err(refused) => {
            say_findings(&refused.findings, &refused.sources, args);
            let mut summary = diagnostics::summary(&refused.findings);
            if refused.findings.iter().any(Finding::is_rejection) {
                summary.push_str(" (--invalid skip leaves refused documents out)");
            }
            output::message(&format!("towtank: {summary}"));
            None
        }
    }
}

fn tell(workspace: &Workspace, args: &CommonArgs) {
    if args.quiet {
        return;
    }
    say_findings(&workspace.findings, &workspace.sources, args);
    if !workspace.assumed.is_empty() {
        let shown: Vec<&str> = workspace.assumed.iter().map(SmolStr::as_str).take(5).collect();
        let more = workspace.assumed.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        output::message(&format!(
            "note: no Service is among the manifests; assumed for {}{more} (--assume-services never turns this off)",
            shown.join(", ")
        ));
    }
    if args.verbose {
        output::message(&format!("note: {} documents read", workspace.documents));
    }
}

/// Below a report of one mesh for people, on standard output: objects that are not modelled and could change what was said. Beside
/// forms for programs it is said on standard error.
///
/// # Errors
/// None that [`output::write`] wouldn't have.
pub(super) fn tell_limits(workspace: &Workspace, is_table: bool, args: &CommonArgs) -> anyhow::Result<()> {
    let limits = limits::limits(&workspace.not_modelled);
    if limits.is_empty() || args.quiet {
        return Ok(());
    }
    if is_table {
        let text = report::limits::to_text(&limits, output::width(), output::color(args.color));
        return output::write(format!("\n{text}").as_bytes());
    }
    output::message(&format!("note: {}", report::limits::to_text(&limits, 0, false)));
    Ok(())
}

fn say_findings(findings: &[Finding], sources: &SourceMap, args: &CommonArgs) {
    let shown: Vec<Finding> = findings
        .iter()
        .filter(|f| match f.severity {
            Severity::Error => true,
            Severity::Warning => !args.quiet,
            Severity::Info => args.verbose,
        })
        .cloned()
        .collect();
    if !shown.is_empty() {
        let color = output::message_color(args.color);
        let length = report::check::Length { all: args.verbose, color, ..Default::default() };
        output::message(&report::check::to_text(&shown, sources, length));
    }
}

/// `HOST` or `HOST:PORT`, as it stands in a URL.
///
/// # Errors
/// What would be right.
pub(super) fn authority(text: &str) -> Result<String, String> {
    let wrong = || "write a host, for example shop.example.com or shop:8080".to_owned();
    let request = request_text::for_url("GET", &format!("http://{text}/")).map_err(|e| format!("{e}; {}", wrong()))?;
    if request.authority == text && request.path == "/" { Ok(text.to_owned()) } else { Err(wrong()) }
}

/// A gateway that was asked for and that no Gateway selects has a typing error rather than nothing to serve.
fn unselected(workspace: &Workspace, args: &CommonArgs) -> Option<String> {
    let gateways = &workspace.mesh.gateways;
    let asked =
        workspace.proxies.iter().filter(|p| p.kind == ProxyKind::Gateway && args.proxy.iter().any(|a| *a == p.name));
    let mut lonely = asked.filter(|p| !gateways.iter().any(|g| g.spec.selector.is_subset_of(&p.labels)));
    let proxy = lonely.next().filter(|p| p.name.starts_with("gateway:") && !gateways.is_empty())?;
    let mut selectors: Vec<String> = gateways.iter().map(|g| format!("`{}`", g.spec.selector)).collect();
    selectors.sort();
    selectors.dedup();
    selectors.truncate(5);
    Some(format!(
        "no Gateway among the manifests selects `{}`\n  = help: Gateways select {}",
        proxy.name,
        selectors.join(", ")
    ))
}

/// The switches of the modelled Envoy: the scenario's over the defaults.
///
/// # Errors
/// A switch that doesn't exist.
pub(super) fn switches(workspace: &Workspace) -> anyhow::Result<Switches> {
    workspace.switches().map_err(|error| anyhow::anyhow!(error))
}
