//! `verify` for people: a line for each proxy, and everything in which Envoy decided otherwise.

use std::fmt::Write as _;

use crate::envoy::request::Request;
use crate::tool::report::style::{Style, paint};
use crate::tool::report::visible::Lines as _;
use crate::tool::verify::{DifferingRequest, Drawn, ProxyResult, ShareTest, Sums};

/// How to show it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct View {
    pub color: bool,
    /// Also the shares that agree.
    pub verbose: bool,
}

/// All proxies of one mesh. `scenario` is empty for plain manifests.
pub(crate) fn to_text(scenario: &str, envoy: &str, results: &[ProxyResult], view: View) -> String {
    let mut out = String::new();
    if !scenario.is_empty() {
        out.say(view.color, format_args!("{}", paint(scenario, Style::Title, view.color)));
    }
    for result in results {
        proxy(&mut out, result, view);
    }
    let sums = Sums::of(results);
    let (verdict, style) = if sums.agree() { ("agrees", Style::Good) } else { ("differs", Style::Bad) };
    let verdict = paint(&format!("Envoy {envoy} {verdict}"), style, view.color);
    let _ = write!(out, "{verdict}: {} of {} decided alike", sums.agreed, requests(sums.requests));
    if sums.shares > 0 {
        let _ = write!(out, ", {} of {} splits with the expected shares", sums.shares_agreed, sums.shares);
    }
    if sums.not_evaluated > 0 {
        let _ = write!(out, ", {} not evaluated", requests(sums.not_evaluated));
    }
    if sums.configuration > 0 {
        let _ = write!(out, ", {} parts of the configuration judged otherwise", sums.configuration);
    }
    out.push('\n');
    out
}

fn proxy(out: &mut String, result: &ProxyResult, view: View) {
    out.say(view.color, format_args!("proxy {}", paint(&result.proxy, Style::Host, view.color)));
    let good = if result.agreed == result.requests { Style::Good } else { Style::Bad };
    let line = format!("{} of {} decided alike", result.agreed, requests(result.requests));
    out.say(view.color, format_args!("  {}", paint(&line, good, view.color)));
    for part in &result.configuration {
        let d = &part.difference;
        sides(out, &part.what, &d.towtank, &d.envoy, "  ", view);
    }
    for differing in &result.differing {
        difference(out, differing, view);
    }
    for test in &result.shares {
        if !test.agrees || view.verbose {
            shares(out, test, view);
        }
    }
    let agreed = result.shares.iter().filter(|s| s.agrees).count();
    if !result.shares.is_empty() {
        let least = result.shares.iter().filter_map(|s| s.fit).map(|f| f.p_value).fold(1.0, f64::min);
        let good = if agreed == result.shares.len() { Style::Good } else { Style::Bad };
        let line = format!("{agreed} of {} splits with the expected shares", result.shares.len());
        out.say(view.color, format_args!("  {}, least p = {}", paint(&line, good, view.color), probability(least)));
    }
    for (reason, count) in &result.not_evaluated {
        let line = format!("{} not evaluated: {reason}", requests(*count));
        out.say(view.color, format_args!("  {}", paint(&line, Style::Note, view.color)));
    }
    for (part, count) in &result.parts_not_evaluated {
        let line = format!("in {} not evaluated: {part}", requests(*count));
        out.say(view.color, format_args!("  {}", paint(&line, Style::Note, view.color)));
    }
}

fn difference(out: &mut String, differing: &DifferingRequest, view: View) {
    let line = format!("request {}: {}", differing.request.id, one_line(&differing.request));
    out.say(view.color, format_args!("  {}", paint(&line, Style::Warning, view.color)));
    for d in &differing.differences {
        sides(out, d.part, &d.towtank, &d.envoy, "    ", view);
    }
}

fn sides(out: &mut String, what: &str, towtank: &str, envoy: &str, indent: &str, view: View) {
    let what = paint(what, Style::Bad, view.color);
    out.say(view.color, format_args!("{indent}{what}"));
    out.say(view.color, format_args!("{indent}  decided: {towtank}"));
    out.say(view.color, format_args!("{indent}  Envoy:   {envoy}"));
}

/// The request in one line, with what is not as usual.
fn one_line(request: &Request) -> String {
    let scheme = if request.tls { "https" } else { "http" };
    let mut line = format!("{} {scheme}://{}{}", request.method, request.authority, request.path);
    if let Some(port) = request.port {
        let _ = write!(line, " to port {port}");
    }
    if let Some(address) = request.address {
        let _ = write!(line, " of {address}");
    }
    if let Some(sni) = &request.sni {
        let _ = write!(line, ", SNI {sni}");
    }
    for (name, value) in &request.headers {
        let _ = write!(line, ", {name}: {value}");
    }
    line.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"")
}

fn shares(out: &mut String, test: &ShareTest, view: View) {
    let place = match test.route_index {
        Some(index) => format!("{} route {index}", test.virtual_host),
        None => format!("TCP on {}", test.listener),
    };
    let p = test.fit.map_or_else(|| "too few draws".to_owned(), |f| format!("p = {}", probability(f.p_value)));
    let style = if test.agrees { Style::Plain } else { Style::Bad };
    out.say(view.color, format_args!("  {}", paint(&format!("{place}: {p}"), style, view.color)));
    let total: u64 = test.ways.iter().map(|w| w.count).sum();
    let did = match test.drawn {
        Drawn::Targets => "went to",
        Drawn::Ends => "ended with",
        Drawn::Attempts => "took this many attempts:",
    };
    for way in &test.ways {
        let seen = 100.0 * crate::traffic::stats::share(way.count, total);
        out.say(
            view.color,
            format_args!("    {:>6.2} % of {total} {did} {}, expected {:.2} %", seen, way.name, 100.0 * way.share),
        );
    }
}

fn requests(count: u64) -> String {
    if count == 1 { "1 request".to_owned() } else { format!("{count} requests") }
}

fn probability(p: f64) -> String {
    if p < 0.001 { format!("{p:.1e}") } else { format!("{p:.3}") }
}
