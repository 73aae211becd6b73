//! From arguments to a mesh: the options of reading, and what is said about what was read.

use std::path::{Path, PathBuf};

use smol_str::SmolStr;

use super::common::{AssumeServices, AssumedKind, CommonArgs, Invalid, RenderArg, UnknownFieldsArg};
use super::output;
use crate::analysis::compare::limits::{self, Limit};
use crate::envoy::proxy::ProxyKind;
use crate::envoy::router::Switches;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::load::{Overlaid, UnknownFields};
use crate::manifest::source::SourceMap;
use crate::tool::files::{Exclude, Places, Render, Session};
use crate::tool::report::{self, diagnostics};
use crate::traffic::request_text;
use crate::traffic::workspace::{self, Asked, Assume, Assumed, Inputs, Istio, Options, Refused, Workspace};

fn places<'a>(args: &'a CommonArgs, exclude: &'a Exclude, session: &'a Session) -> Places<'a> {
    let mesh_config = args.mesh_config.as_deref();
    let (paths, overlays) = (&args.paths, &args.overlay);
    Places { paths, overlays, mesh_config, allow_outside: args.allow_outside, exclude, session }
}

/// What `--exclude` leaves out.
pub(super) fn exclude(args: &CommonArgs) -> Exclude {
    Exclude::new(&args.exclude)
}

/// What this run opens, and what it runs to render manifests.
pub(super) fn session(args: &CommonArgs) -> Session {
    Session::rendering(Render {
        auto: args.render == RenderArg::Auto,
        values: args.values.clone(),
        namespace: args.namespace.clone(),
    })
}

/// What people should know about how the manifests were come by.
fn tell_read<'i>(session: &Session, all: impl Iterator<Item = &'i Inputs>, args: &CommonArgs) {
    if !args.quiet {
        if args.render == RenderArg::Never && !args.values.is_empty() {
            output::message("note: --values is for charts that are rendered: without --render auto it does nothing");
        }
        session.notes().iter().for_each(|note| output::message(&format!("note: {note}")));
    }
    tell_left_out(all, args);
}

/// One line about the folders that were left out without being asked to.
pub(super) fn tell_left_out<'i>(all: impl Iterator<Item = &'i Inputs>, args: &CommonArgs) {
    let left_out: std::collections::BTreeSet<&str> = all.flat_map(|i| &i.left_out).map(String::as_str).collect();
    if left_out.is_empty() || args.quiet {
        return;
    }
    let shown: Vec<&str> = left_out.iter().take(5).copied().collect();
    let more = left_out.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let charts = left_out.iter().any(|folder| folder.ends_with("templates"));
    let helm = if charts { "; `helm template` makes manifests of a chart, and --render auto runs it" } else { "" };
    output::message(&format!("note: left out: {}{more}{helm}", shown.join(", ")));
}

/// The texts of each mesh that the arguments mean.
pub(super) fn gather(args: &CommonArgs) -> Vec<Inputs> {
    gather_with_base(args, &[])
}

/// The same, each with the texts that are in force now.
pub(super) fn gather_with_base(args: &CommonArgs, base: &[PathBuf]) -> Vec<Inputs> {
    let (exclude, session) = (exclude(args), session(args));
    let places = places(args, &exclude, &session);
    let mut all = places.gather();
    if !base.is_empty() {
        all.iter_mut().for_each(|inputs| places.add_base(base, inputs));
    }
    tell_read(&session, all.iter(), args);
    all
}

/// The same, each beside the texts that stood in `against` before.
///
/// # Errors
/// A scenario without a counterpart.
pub(super) fn gather_pairs(args: &CommonArgs, against: &[PathBuf]) -> anyhow::Result<Vec<(Inputs, Inputs)>> {
    let (exclude, session) = (exclude(args), session(args));
    let pairs = places(args, &exclude, &session).gather_pairs(against);
    let pairs = pairs.map_err(|error| anyhow::anyhow!("--against: {error}"))?;
    tell_read(&session, pairs.iter().flat_map(|(now, before)| [now, before]), args);
    Ok(pairs)
}

/// The texts of each mesh that `new` means (with `--overlay`), each beside those that stood in `old` before. Without `old` it is what
/// `git:HEAD` has there, or the same without what is laid over it.
///
/// # Errors
/// A scenario without a counterpart; both sides are the same.
pub(super) fn gather_pair(
    args: &CommonArgs,
    old: &[PathBuf],
    new: &[PathBuf],
) -> anyhow::Result<Vec<(Inputs, Inputs)>> {
    let (exclude, session) = (exclude(args), session(args));
    let pairs = Places { paths: new, ..places(args, &exclude, &session) }.gather_pair(old)?;
    tell_read(&session, pairs.iter().flat_map(|(now, before)| [now, before]), args);
    Ok(pairs)
}

/// What two sides are called, as they were given: `git:main -> manifests`.
pub(super) fn title_of_pair(args: &CommonArgs, old: Option<&PathBuf>, new: &Path) -> String {
    names_of_pair(args, old, new).join(" -> ")
}

/// The names of two sides, as they were given.
pub(super) fn names_of_pair(args: &CommonArgs, old: Option<&PathBuf>, new: &Path) -> [String; 2] {
    let laid = args.overlay.iter().map(|o| format!("+{}", o.display())).collect::<String>();
    let before = match old {
        Some(old) => old.display().to_string(),
        None if laid.is_empty() && !new.to_string_lossy().contains('+') => "git:HEAD".to_owned(),
        None => "without what is laid over it".to_owned(),
    };
    [before, format!("{}{laid}", new.display())]
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
        assume: assume(args),
        map_namespaces: args.map_namespace.clone(),
        istio: Asked {
            release: args.istio.map(|r| r.to),
            env: args.istiod_env.clone(),
            without: None,
            as_beside: None,
        },
        proxies: args.proxy.clone(),
    }
}

/// What may be taken for granted: `--assume` over `--assume-services`.
fn assume(args: &CommonArgs) -> Assume {
    let mut assume = match args.assume_services {
        AssumeServices::Auto => Assume::AUTO,
        AssumeServices::Never => Assume::NEVER,
    };
    // `--assume-services never` is older than the other kinds, and meant that nothing is made up; the default must not undo it.
    let is_default = args.assume.len() == 1 && args.assume.iter().all(|a| a.kind.is_none() && a.auto);
    for entry in args.assume.iter().filter(|_| !is_default) {
        let auto = entry.auto;
        match entry.kind {
            None if auto => assume = Assume::AUTO,
            None => assume = Assume::NEVER,
            Some(AssumedKind::Services) => assume.services = auto,
            Some(AssumedKind::Pods) => assume.pods = auto,
            Some(AssumedKind::Gateways) => assume.gateways = auto,
            Some(AssumedKind::Names) => assume.names = auto,
        }
    }
    assume
}

/// Begins a report with what it rests on: where people read it on the same page, else beside it.
///
/// # Errors
/// Standard output can't be written to.
pub(super) fn tell_premises(
    istio: &Istio,
    assumed: &Assumed,
    on_the_page: bool,
    args: &CommonArgs,
) -> anyhow::Result<()> {
    let lines = premises(istio, assumed);
    if on_the_page {
        return output::write(lines.as_bytes());
    }
    if !args.quiet {
        lines.lines().filter(|line| !line.is_empty()).for_each(|line| output::message(&format!("note: {line}")));
    }
    Ok(())
}

/// What a report rests on, as [`premises`] has it.
pub(super) fn premise_lines(istio: &Istio, assumed: &Assumed) -> Vec<String> {
    istio.line().into_iter().chain(assumed.line()).collect()
}

/// What a page leaves out, a line each: objects that are not modelled and could change what it says.
pub(super) fn limit_lines(limits: &[Limit]) -> Vec<String> {
    report::limits::to_text(limits, 0, false).lines().map(str::to_owned).collect()
}

/// What a report rests on, a line each with an empty one behind them: which Istio where it isn't the default, and what is assumed.
pub(super) fn premises(istio: &Istio, assumed: &Assumed) -> String {
    let mut lines = premise_lines(istio, assumed);
    if !lines.is_empty() {
        lines.push("\n".to_owned());
    }
    lines.join("\n")
}

/// Runs the stages and says what there is to say. None: the inputs are unusable, and it was said why.
pub(super) fn open(inputs: Inputs, args: &CommonArgs) -> Option<Workspace> {
    open_with(inputs, &options(args), args)
}

/// The same for those who ask about its points of view and about no further client.
pub(super) fn open_for_its_points(inputs: Inputs, args: &CommonArgs) -> Option<Workspace> {
    let opened = workspace::open_for_its_points(inputs, &options(args));
    told(opened.map(|w| (w, ())), args).map(|(workspace, ())| workspace)
}

/// The same with other options than the arguments say.
pub(super) fn open_with(inputs: Inputs, options: &Options, args: &CommonArgs) -> Option<Workspace> {
    told(workspace::open(inputs, options).map(|w| (w, ())), args).map(|(workspace, ())| workspace)
}

/// Says what there is to say about what was opened, with whatever is `beside` it.
pub(super) fn told<T>(opened: Result<(Workspace, T), Refused>, args: &CommonArgs) -> Option<(Workspace, T)> {
    match opened {
        Ok((workspace, beside)) => {
            tell(&workspace, args);
            if let Some(wrong) = unselected(&workspace, args) {
                output::message(&format!("error: {wrong}"));
                return None;
            }
            Some((workspace, beside))
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
    if workspace.of_running && workspace.documents > 0 {
        let names: Vec<&str> = workspace.proxies.iter().map(|p| p.name.as_str()).collect();
        let are = if names.len() == 1 { "is what it runs" } else { "are what they run" };
        output::message(&format!(
            "note: the tables of {} {are}; the manifests say where their parts were written",
            names.join(", ")
        ));
    }
    let parts: usize = workspace.mesh.running.iter().map(|t| t.notes.iter().filter(|n| n.rule == "CF-5").count()).sum();
    if parts > 0 {
        let are = if parts == 1 { "one part of what runs is" } else { "parts of what runs are" };
        let count = if parts == 1 { String::new() } else { format!("{parts} ") };
        output::message(&format!("note: {count}{are} not evaluated (CF-5): `towtank routes` names them"));
    }
    if args.verbose {
        output::message(&format!("note: {} documents read", workspace.documents));
    }
    tell_overlaid(workspace.overlaid, args);
}

/// For commands that need manifests.
///
/// # Errors
/// What was given is what a proxy runs.
pub(super) fn wants_manifests(workspace: &Workspace, command: &str, why: &str) -> anyhow::Result<()> {
    if workspace.of_running {
        anyhow::bail!(
            "`{command}` {why}, and what was given is what a proxy runs: `towtank diff CONFIGURATION MANIFESTS` holds manifests against it"
        );
    }
    Ok(())
}

/// One line about what is laid over the manifests: where it was to change something and finds nothing below, that shows a wrong name.
pub(super) fn tell_overlaid(overlaid: Option<Overlaid>, args: &CommonArgs) {
    let Some(Overlaid { replaced, new }) = overlaid.filter(|_| !args.quiet) else { return };
    let are = |n: usize| if n == 1 { "object is" } else { "objects are" };
    output::message(&format!(
        "note: of what is laid over the manifests, {replaced} {} replaced and {new} new",
        are(replaced)
    ));
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

pub(super) fn say_findings(findings: &[Finding], sources: &SourceMap, args: &CommonArgs) {
    let shown: Vec<Finding> = findings
        .iter()
        .filter(|f| match f.severity {
            Severity::Error => true,
            Severity::Warning => !args.quiet,
            Severity::Info => args.verbose,
        })
        .cloned()
        .collect();
    // What must be mended is said at each of its places; what is only worth knowing, once with a count.
    let (errors, others): (Vec<Finding>, Vec<Finding>) = shown.into_iter().partition(|f| f.severity == Severity::Error);
    for (findings, all) in [(errors, true), (others, args.verbose)] {
        if !findings.is_empty() {
            let color = output::message_color(args.color);
            let length = report::check::Length { all, color, option: "-v", ..Default::default() };
            output::message(&report::check::to_text(&findings, sources, length));
        }
    }
}

/// `HOST` or `HOST:PORT`, as it stands in a URL.
///
/// # Errors
/// What would be right.
pub(super) fn authority(text: &str) -> Result<String, String> {
    let (whole, text) = (text, text.strip_prefix("https://").or(text.strip_prefix("http://")).unwrap_or(text));
    let wrong = || "write a host, for example shop.example.com or shop:8080".to_owned();
    let request = request_text::for_url("GET", &format!("http://{text}/")).map_err(|e| format!("{e}; {}", wrong()))?;
    if request.authority == text && request.path == "/" { Ok(whole.to_owned()) } else { Err(wrong()) }
}

/// `FIELD=NAME` of `--map`.
pub(super) fn field_map(text: &str) -> Result<(SmolStr, SmolStr), String> {
    match text.split_once('=') {
        Some((field, name)) if !field.trim().is_empty() && !name.trim().is_empty() => {
            Ok((field.trim().into(), name.trim().into()))
        }
        _ => Err("write FIELD=NAME, for example path=request_uri".to_owned()),
    }
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
