//! A decision for people (`explain -o table`): what was tried, what took the request, where it goes and how it arrives.

use crate::envoy::decision::{ClusterShare, Counted, Decision, Outcome, ResponseFlags, Step, Upstream};
use crate::envoy::request::Request;
use crate::envoy::table::{ClusterName, RouteTable};
use crate::envoy::words;
use crate::manifest::source::SourceMap;
use crate::tool::report::style::{Style, paint};
use crate::tool::report::visible::Lines as _;

/// How it is shown.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct View {
    pub color: bool,
}

/// Routes that failed are shown up to this many; the rest is counted.
const STEPS_MAX: usize = 40;

/// The whole story of one request as `seen_by` says whom, ending in a line end.
pub(crate) fn to_text(
    decision: &Decision,
    request: &Request,
    table: &RouteTable,
    seen_by: &str,
    sources: &SourceMap,
    view: View,
) -> String {
    let mut out = String::new();
    let title = words::request(request);
    out.say(view.color, format_args!("{}", paint(&title, Style::Title, view.color)));
    out.say(view.color, format_args!("  {}", seen(seen_by, decision)));
    if let Some(host) = asked_host(decision, request, table) {
        out.say(view.color, format_args!("  {host}"));
    }
    if !decision.steps.is_empty() {
        out.say(view.color, format_args!("\n{}", paint("  tried in this order", Style::Dim, view.color)));
        steps(&mut out, &decision.steps, sources, view);
    }
    let (end, style) = verdict(decision);
    out.say(view.color, format_args!("\n  {}", paint(&end, style, view.color)));
    clusters(&mut out, decision, table, sources, view);
    if let Some(location) = &decision.location {
        out.say(view.color, format_args!("  Location: {location}"));
    }
    if let Some(up) = &decision.upstream {
        out.say(view.color, format_args!("  arrives as {}", upstream(up, Some(&request.path))));
    }
    for hint in &decision.hints {
        out.say(view.color, format_args!("  {}", paint(&format!("note: {hint}"), Style::Note, view.color)));
    }
    out
}

/// `seen by client on listener 0.0.0.0:9080, route table 9080`.
pub(super) fn seen(by: &str, d: &Decision) -> String {
    let way_in = match (&d.listener, &d.route_config) {
        (Some(l), Some(c)) => format!("on listener {l}, route table {c}"),
        (Some(l), None) => format!("on listener {l}"),
        _ => "which has no listener for it".to_owned(),
    };
    format!("seen by {by} {way_in}")
}

/// `virtual host reviews.default.svc.cluster.local:9080`, and by which domain where that isn't plain.
pub(super) fn asked_host(d: &Decision, request: &Request, table: &RouteTable) -> Option<String> {
    let host = d.virtual_host.as_ref()?;
    Some(format!("virtual host {host}{}", by_domain(d, request, table)))
}

/// Which of the host's domains took the authority.
fn by_domain(d: &Decision, request: &Request, table: &RouteTable) -> String {
    let domains = || {
        let config = table.route_config(d.route_config.as_deref()?)?;
        Some(&config.virtual_hosts.iter().find(|h| Some(&h.name) == d.virtual_host.as_ref())?.domains)
    };
    let authority = crate::envoy::authority::without_port(&request.authority).to_ascii_lowercase();
    let Some(domains) = domains() else { return String::new() };
    let fits = |domain: &str| match (domain.strip_prefix('*'), domain.strip_suffix('*')) {
        (Some(suffix), _) => authority.len() > suffix.len() && authority.ends_with(suffix),
        (None, Some(prefix)) => authority.len() > prefix.len() && authority.starts_with(prefix),
        (None, None) => false,
    };
    if domains.iter().any(|x| *x == authority) {
        if d.virtual_host.as_deref().is_some_and(|h| h.starts_with(&authority)) {
            String::new()
        } else {
            format!(", which has the domain {authority}")
        }
    } else {
        let best = domains.iter().filter(|x| fits(x)).max_by_key(|x| x.len());
        best.map(|x| format!(", whose domain {x} fits {authority}")).unwrap_or_default()
    }
}

fn steps(out: &mut String, steps: &[Step], sources: &SourceMap, view: View) {
    let skipped = steps.len().saturating_sub(STEPS_MAX);
    if skipped > 0 {
        out.say(view.color, format_args!("    ({skipped} earlier routes did not match; -o json lists them all)"));
    }
    for step in steps.iter().skip(skipped) {
        let (mark, style) = if step.matched { ("takes it", Style::Good) } else { ("no      ", Style::Plain) };
        out.say(
            view.color,
            format_args!("  {:>4}  {}  {}", step.route_index, paint(mark, style, view.color), step.reason),
        );
        for hint in &step.hints {
            out.say(
                view.color,
                format_args!("                  {}", paint(&format!("({hint})"), Style::Note, view.color)),
            );
        }
        let from = paint(&written(step, sources), Style::Dim, view.color);
        out.say(view.color, format_args!("                  {from}"));
    }
}

/// What wrote a route.
pub(super) fn written(step: &Step, sources: &SourceMap) -> String {
    let source = step.source.as_ref();
    let by = source.map_or_else(|| "written by no manifest".to_owned(), |s| words::author_and_place(s, sources));
    match step.place {
        Some(at) => format!("{by}; runs as {}", words::exact_place(at, sources)),
        None => by,
    }
}

/// The end in plain words.
pub(super) fn verdict(d: &Decision) -> (String, Style) {
    let route = match (d.route_index, d.route_name.as_deref()) {
        (Some(i), Some(name)) if !name.is_empty() => format!("route {i} \"{name}\": "),
        (Some(i), _) => format!("route {i}: "),
        _ => String::new(),
    };
    let fault = if d.fault_share > 0.0 && d.fault_share < 1.0 {
        format!("; a fault aborts {} of the requests", words::percent(d.fault_share))
    } else {
        String::new()
    };
    let Some(outcome) = d.outcome else {
        return (format!("{route}the end depends on the cluster that is drawn{fault}"), Style::Plain);
    };
    let style = match outcome.counted() {
        Counted::Subset | Counted::Answered => Style::Good,
        Counted::Passthrough => Style::Warning,
        Counted::Unmatched | Counted::Blackholed => Style::Bad,
    };
    let status = d.status.map(|s| s.to_string()).unwrap_or_default();
    let flags = d.flags.filter(|f| *f != ResponseFlags::None).map(|f| format!(" {f}")).unwrap_or_default();
    // A connection that isn't HTTP has no status.
    let lost = if status.is_empty() { String::new() } else { format!("{status}{flags}, ") };
    let text = match outcome {
        Outcome::Delivered => "delivered".to_owned(),
        Outcome::Redirect => format!("redirected with {status}, by the proxy itself"),
        Outcome::DirectResponse => format!("answered {status} by the proxy itself"),
        Outcome::FaultAbort => format!("aborted with {status} by a fault that is injected on purpose"),
        Outcome::NoRoute => format!("unmatched: {status}{flags}, no route takes it"),
        Outcome::NoListener => "unmatched: the connection is refused or closed".to_owned(),
        Outcome::NoCluster => format!("lost: {lost}the proxy has no such cluster"),
        Outcome::NoEndpoints => format!("lost: {lost}the cluster has no ready endpoint"),
        Outcome::BlackholeCluster => {
            format!("lost: {lost}unknown to the mesh, and the policy lets nothing else out")
        }
        Outcome::Passthrough => "passthrough: unknown to the mesh, let out as dialled".to_owned(),
        Outcome::Tcp => "proxied as TCP; no HTTP rule is looked at".to_owned(),
        Outcome::BadRequest => format!("refused before routing: {status}"),
    };
    (format!("{route}{text}{fault}"), style)
}

/// Why requests to a cluster end there, where they do.
pub(super) fn end_of(c: &ClusterShare) -> &'static str {
    match c.outcome {
        Outcome::NoCluster => "503 NC: no such cluster",
        Outcome::NoEndpoints => "503 UH: no ready endpoint",
        _ => "",
    }
}

/// The DestinationRule of a cluster, with its place.
pub(super) fn rule_of(c: &ClusterShare, table: &RouteTable, sources: &SourceMap) -> Option<String> {
    let rule = table.cluster(&c.name)?.destination_rule.as_ref()?;
    Some(format!("{} {}", rule.object, words::place(rule.at, sources)).trim_end().to_owned())
}

/// Said where one of several clusters lets requests out.
pub(super) fn sends_out(d: &Decision) -> Option<&'static str> {
    let sends_out = d.clusters.iter().any(|c| c.name == ClusterName::Passthrough);
    (sends_out && d.outcome.is_none()).then_some("passthrough leaves the mesh unrouted")
}

fn clusters(out: &mut String, d: &Decision, table: &RouteTable, sources: &SourceMap, view: View) {
    for c in d.clusters.iter() {
        let share = if d.clusters.len() > 1 { format!("{:>8}  ", words::percent(c.share)) } else { "  to ".to_owned() };
        let lost = c.outcome.counted() == Counted::Blackholed;
        let end = end_of(c);
        let gap = if end.is_empty() { "" } else { "  " };
        let line = format!("{share}{}{gap}{end}", words::cluster(&c.name));
        out.say(
            view.color,
            format_args!("  {}", paint(&line, if lost { Style::Bad } else { Style::Plain }, view.color)),
        );
        if let Some(rule) = rule_of(c, table, sources) {
            out.say(view.color, format_args!("            {}", paint(&rule, Style::Dim, view.color)));
        }
        if !c.endpoints.is_empty() {
            out.say(view.color, format_args!("            {}", endpoints(&c.endpoints)));
        }
        if lost && let Some(hint) = crate::envoy::cluster_state::remedy(table, &c.name) {
            out.say(view.color, format_args!("            {}", paint(&hint, Style::Note, view.color)));
        }
        if let Some(up) = &c.upstream {
            out.say(view.color, format_args!("            arrives as {}", upstream(up, None)));
        }
    }
    if let Some(text) = sends_out(d) {
        out.say(view.color, format_args!("  {text}"));
    }
}

pub(super) fn endpoints(all: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<&str> = all.iter().map(String::as_str).take(SHOWN).collect();
    let more = all.len().saturating_sub(SHOWN);
    if more > 0 { format!("{}, and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

/// `/path, authority reviews; x-a: 1`: how a request arrives.
pub(super) fn upstream(up: &Upstream, sent_path: Option<&str>) -> String {
    let headers: Vec<String> = up.headers.iter().map(|(n, v)| format!("{n}: {v}")).collect();
    let headers = if headers.is_empty() { String::new() } else { format!("; {}", headers.join("; ")) };
    let changed = if sent_path.is_some_and(|p| p != up.path) { " (was changed on the way)" } else { "" };
    format!("{}{changed}, authority {}{headers}", up.path, up.authority)
}
