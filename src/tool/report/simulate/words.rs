//! What is said about streams in words and rows, the same in every form for people.

use super::{Results, outcome};
use crate::envoy::decision::{Counted, Outcome};
use crate::envoy::table::RouteSource;
use crate::envoy::words;
use crate::manifest::source::SourceMap;
use crate::order::Order as _;
use crate::tool::report::grid::{Row, counted, percent, thousands};
use crate::tool::report::style::Style;
use crate::traffic::replay::{Answer, BlackholeCause, Count, Destination, Example, RouteCount, SAMPLE, StreamSummary};
use crate::traffic::stats::Fit;

/// The groups that requests are counted in, in the order in which they are told.
pub(super) const GROUPS: [(Counted, &str, Style); 5] = [
    (Counted::Subset, "delivered", Style::Good),
    (Counted::Answered, "answered by the proxy", Style::Title),
    (Counted::Passthrough, "passed through, unknown to the mesh", Style::Warning),
    (Counted::Unmatched, "unmatched", Style::Bad),
    (Counted::Blackholed, "lost", Style::Bad),
];

/// How many endpoints of a cluster have a row of their own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endpoints {
    pub most: usize,
    /// What is said behind the number of the others: how to see them.
    pub more: &'static str,
}

/// `10,000 requests`, and whether that was to be all.
pub(super) fn how_many(results: &Results<'_>, s: &StreamSummary) -> String {
    if results.exact {
        return "exact shares".to_owned();
    }
    let stopped = match s.partial {
        false => String::new(),
        true if s.planned > s.requests => format!(", stopped before {}", thousands(s.planned)),
        true => ", stopped before the end of the log".to_owned(),
    };
    format!("{}{stopped}", counted(s.requests, "request"))
}

/// A row for each group that something can happen in, with what is in it below; endpoints where that is asked for.
pub(super) fn rows(results: &Results<'_>, s: &StreamSummary, endpoints: Option<Endpoints>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (group, title, style) in GROUPS {
        let count = s.counted(group);
        if count == Count::default() {
            continue;
        }
        let row = |text: String, depth, style, count, interval| Row { text, depth, style, count, interval };
        // What goes to workloads that nobody gave is no proof that they are there.
        let apart = |d: &&Destination| results.partly_assumed && d.assumed && group == Counted::Subset;
        let in_group = || s.destinations.iter().filter(|d| d.outcome.counted() == group);
        let mut assumed = Count::default();
        in_group().filter(apart).for_each(|d| assumed.add(d.count));
        let known = Count {
            requests: count.requests.saturating_sub(assumed.requests),
            expected_share: (count.expected_share - assumed.expected_share).max(0.0),
        };
        let all_assumed = assumed != Count::default() && !in_group().any(|d| !apart(&d));
        if !all_assumed {
            rows.push(row(title.to_owned(), 1, style, known, true));
        }
        for d in in_group().filter(|d| !apart(d)) {
            rows.push(row(destination(d), 2, Style::Plain, d.count, true));
            if let Some(endpoints) = endpoints {
                rows.extend(endpoint_rows(d, endpoints));
            }
        }
        if assumed != Count::default() {
            rows.push(row("delivered to workloads that are assumed".to_owned(), 1, Style::Warning, assumed, true));
            rows.extend(in_group().filter(apart).map(|d| row(destination(d), 2, Style::Plain, d.count, true)));
        }
        match group {
            Counted::Answered => {
                for a in &s.answers {
                    rows.push(row(answer(a), 2, Style::Plain, a.count, true));
                }
            }
            Counted::Unmatched => {
                for (o, count) in s.outcomes.iter().filter(|(o, _)| o.counted() == group) {
                    rows.push(row(outcome(*o).to_owned(), 2, Style::Plain, *count, true));
                }
            }
            Counted::Blackholed => {
                for c in s.causes.iter().filter(|c| c.cluster.is_none()) {
                    rows.push(row(outcome(c.outcome).to_owned(), 2, Style::Plain, c.count, true));
                }
            }
            Counted::Subset | Counted::Passthrough => {}
        }
    }
    rows
}

fn endpoint_rows(d: &Destination, endpoints: Endpoints) -> impl Iterator<Item = Row> + '_ {
    let row = |text: String, count| Row { text, depth: 3, style: Style::Dim, count, interval: false };
    let all = d.endpoints.len() <= endpoints.most;
    let (shown, rest) = d.endpoints.split_at(if all { d.endpoints.len() } else { endpoints.most.saturating_sub(2) });
    let mut sum = Count::default();
    rest.iter().for_each(|e| sum.add(e.count));
    let more = (!rest.is_empty()).then(|| row(format!("and {} more{}", rest.len(), endpoints.more), sum));
    shown.iter().map(move |e| row(e.endpoint.clone(), e.count)).chain(more)
}

/// The share that a sentence names: the measured one, where something was drawn and nothing compared.
pub(super) fn share(results: &Results<'_>, s: &StreamSummary, count: Count) -> String {
    let exact = results.exact || results.against.is_some();
    percent(if exact { count.expected_share } else { count.share(s.requests) })
}

/// What the expected shares are worth where they are no exact ones.
pub(super) fn sampled(s: &StreamSummary) -> Option<String> {
    let combinations = s.sampled_of?;
    Some(format!(
        "the variables have {} combinations: expected shares are those of {} drawn requests, right within a few \
         thousandths",
        thousands(combinations),
        thousands(SAMPLE as u64)
    ))
}

/// Where requests go to endpoints that may well refuse them (panic mode, envoy-matching 10.3).
pub(super) fn unready(s: &StreamSummary) -> impl Iterator<Item = String> + '_ {
    s.destinations.iter().filter(|d| d.unready > 0).map(|d| {
        let are = if d.unready == 1 { "is" } else { "are" };
        format!(
            "{}: {} of the {} endpoints in use {are} not ready; fewer than minHealthPercent are, so Envoy uses all of them \
             (panic mode), and requests to them may fail",
            destination(d),
            d.unready,
            d.endpoints.len()
        )
    })
}

/// `10.00 % redirect 301 to https://...`.
pub(super) fn answer_line(results: &Results<'_>, s: &StreamSummary, a: &Answer) -> String {
    let to = a.location.as_ref().map(|l| format!(" to {l}")).unwrap_or_default();
    format!("{} {}{to}", share(results, s, a.count), answer(a))
}

/// Who gives an answer.
pub(super) fn answered_by(a: &Answer, sources: &SourceMap) -> String {
    match &a.source {
        Some(source) => written_at(source, sources),
        None => format!("by the virtual host {}", a.virtual_host),
    }
}

/// `at FILE:LINE, VirtualService shop/reviews rule 0`.
pub(super) fn written_at(source: &RouteSource, sources: &SourceMap) -> String {
    format!("at {}", words::place_and_author(source, sources))
}

/// `lost 20.39 %: payments.default:8080 subset v2 (503 UH, subset without matching pods)`.
pub(super) fn cause_line(results: &Results<'_>, s: &StreamSummary, c: &BlackholeCause) -> String {
    let what = match &c.cluster {
        Some(name) => words::cluster(name),
        None => c.example.clone(),
    };
    let code = if c.cluster.is_some() { format!("{}, ", lost_by(c)) } else { String::new() };
    format!("lost {}: {what} ({code}{})", share(results, s, c.count), c.cause.as_str())
}

/// Why nothing took a request.
pub(super) fn why(e: &Example) -> &str {
    e.reason.as_deref().unwrap_or_else(|| outcome(e.outcome))
}

/// What a destination keeps together by a hash, and how well that fits the long run; None where it keeps nothing.
pub(super) fn sticky_line(d: &Destination) -> Option<String> {
    let sticky = d.sticky.as_ref()?;
    let fits = sticky.fit.map(|f| format!("; they {} the long run: {}", verdict(f), fit_text(f)));
    let many = if sticky.sessions == 1 { "session" } else { "sessions" };
    Some(format!(
        "{} keeps each of {} {many} on one endpoint{}",
        destination(d),
        thousands(sticky.sessions),
        fits.unwrap_or_default()
    ))
}

/// Of what is kept together, the part that was not told apart.
pub(super) fn put_together(d: &Destination) -> Option<String> {
    let share = d.sticky.as_ref().map(|s| s.put_together).filter(|share| *share > 0.0)?;
    Some(format!(
        "and further sessions, which were not told apart: the endpoints of {} of its requests are drawn",
        percent(share)
    ))
}

/// How well the counts fit, where something was drawn.
pub(super) fn fit_line(results: &Results<'_>, s: &StreamSummary) -> Option<String> {
    let fit = s.fit.filter(|_| !results.exact)?;
    Some(format!("measured shares {} the expected ones: {}", verdict(fit), fit_text(fit)))
}

/// An automatic stream of which everything arrives at one destination: a line is enough for it.
pub(super) fn is_plain(s: &StreamSummary) -> bool {
    s.detection.is_none()
        && s.automatic
        && s.routes.len() <= 1
        && s.outcomes.len() == 1
        && s.destinations.len() == 1
        && s.destinations.iter().all(|d| d.unready == 0)
        && { s.outcomes.keys().all(|o| o.counted() == Counted::Subset) }
}

/// Plain streams under their titles: to hosts of which nothing else can happen, and those that leave requests which fit no rule. Groups
/// without any are left out.
pub(super) fn plain_groups<'s>(
    streams: impl Iterator<Item = &'s StreamSummary>,
) -> impl Iterator<Item = (&'static str, Vec<&'s StreamSummary>)> {
    let (whole, open): (Vec<_>, Vec<_>) = streams.partition(|s| s.takes_all());
    let groups = [
        ("delivered whole, nothing else can happen", whole),
        ("delivered whole by the one rule, and 404 NR for what doesn't fit it", open),
    ];
    groups.into_iter().filter(|(_, streams)| !streams.is_empty())
}

/// What becomes of requests that the streams made from the table leave out; None where nothing is left out.
pub(super) fn leaves_out(s: &StreamSummary) -> Option<&'static str> {
    (s.automatic && !s.takes_all()).then_some("requests that fit no rule of this host are answered with 404 NR")
}

/// Where all requests of a plain stream go.
pub(super) fn plain_end(results: &Results<'_>, s: &StreamSummary) -> String {
    let to: Vec<String> = s.destinations.iter().map(destination).collect();
    let endpoints = s.destinations.iter().map(|d| d.endpoints.len()).sum::<usize>();
    let behind = match endpoints {
        0 if results.partly_assumed && s.destinations.iter().any(|d| d.assumed) => ", assumed".to_owned(),
        0 => String::new(),
        1 => ", 1 endpoint".to_owned(),
        n => format!(", {n} endpoints"),
    };
    format!("{}{behind}", to.join(", "))
}

/// Hosts, or destinations, that an entry names.
pub(super) const HOSTS_NAMED: usize = 3;

/// `90.00 % reviews.default:9080 subset v1, ...`: the largest first.
pub(super) fn ends(s: &StreamSummary) -> String {
    let destinations = s.destinations.iter().map(|d| (d.count.expected_share, destination(d)));
    let answers = s.answers.iter().map(|a| (a.count.expected_share, answer(a)));
    let mut ends: Vec<(f64, String)> = destinations.chain(answers).collect();
    ends.order_by(|a, b| b.0.total_cmp(&a.0));
    let more = ends.len().saturating_sub(HOSTS_NAMED);
    let shown: Vec<String> =
        ends.into_iter().take(HOSTS_NAMED).map(|(share, end)| format!("{} {end}", percent(share))).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let unready: usize = s.destinations.iter().map(|d| d.unready).sum();
    let unready = match unready {
        0 => String::new(),
        n => format!("; {} that are not ready get requests", counted(n as u64, "endpoint")),
    };
    format!("{}{more}{unready}", shown.join(", "))
}

/// Routes that no request took, of all virtual hosts that some request came to.
pub(super) fn missed<'r>(results: &'r Results<'_>) -> Vec<&'r RouteCount> {
    let is_missed = |r: &&RouteCount| if results.exact { r.count.expected_share == 0.0 } else { r.count.requests == 0 };
    results.totals.routes.iter().filter(is_missed).collect()
}

/// Whose virtual host a route that was missed is of; the proxy is only named where there are several.
pub(super) fn missed_host(results: &Results<'_>, r: &RouteCount) -> String {
    let routes = &results.totals.routes;
    let several_proxies = routes.iter().any(|other| routes.first().is_some_and(|f| f.proxy != other.proxy));
    let through = if several_proxies { format!(" of {}", r.proxy) } else { String::new() };
    format!("{}{through}", r.virtual_host)
}

/// `route 1 "canary": prefix /api, FILE:LINE, VirtualService shop/reviews rule 1`.
pub(super) fn missed_line(r: &RouteCount, sources: &SourceMap) -> String {
    let name = if r.route.name.is_empty() { String::new() } else { format!(" \"{}\"", r.route.name) };
    let conditions = words::conditions(&r.route.matcher).join(", ");
    let by = match &r.route.source {
        Some(s) => format!(", {}", words::place_and_author(s, sources)),
        None => String::new(),
    };
    let rare = if r.count.expected_share > 0.0 {
        format!(" (it gets {} of requests)", percent(r.count.expected_share))
    } else {
        String::new()
    };
    format!("route {}{name}: {conditions}{by}{rare}", r.route_index)
}

/// Below one in a thousand nobody would call it chance, and below one in a hundred nobody would call it a good fit.
fn verdict(fit: Fit) -> &'static str {
    match fit.p_value {
        p if p < 0.001 => "do not fit",
        p if p < 0.01 => "hardly fit",
        _ => "fit",
    }
}

fn fit_text(fit: Fit) -> String {
    let freedom = fit.degrees_of_freedom;
    let s = if freedom == 1 { "" } else { "s" };
    format!("chi-square {:.2}, {freedom} degree{s} of freedom, p = {:.3}", fit.statistic, fit.p_value)
}

/// What the client gets: an answer, or of a TCP connection its end.
pub(super) fn lost_by(c: &BlackholeCause) -> &'static str {
    if c.is_tcp() { "the connection is closed" } else { outcome(c.outcome) }
}

/// `redirect 301`, with the route's name where it has one.
pub(super) fn answer(a: &Answer) -> String {
    let status = a.status.map(|s| format!(" {s}")).unwrap_or_default();
    let name = if a.route_name.is_empty() { String::new() } else { format!(" \"{}\"", a.route_name) };
    format!("{}{status}{name}", outcome(a.outcome))
}

pub(super) fn destination(d: &Destination) -> String {
    let tcp = if d.outcome == Outcome::Tcp { " (TCP)" } else { "" };
    format!("{}{tcp}", words::cluster(&d.cluster))
}
