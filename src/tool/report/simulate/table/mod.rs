//! The results for people (`simulate -o table`): per stream where requests go, what is lost and what to change.

mod detection;
mod log;
mod policy;
mod summary;
mod what_if;

use super::{Results, outcome};
use crate::envoy::decision::{Counted, Outcome};
use crate::envoy::words;
use crate::manifest::source::SourceMap;
use crate::tool::report::columns::wrap;
use crate::tool::report::grid::{Look, Row, counted, percent, thousands, to_text as grid};
use crate::tool::report::limits;
use crate::tool::report::style::{Style, paint};
use crate::tool::report::visible::Lines as _;
use crate::traffic::replay::{Answer, BlackholeCause, Count, Destination, SAMPLE, StreamSummary};
use crate::traffic::stats::Fit;

/// How the report is shown.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Show {
    /// Columns; 0: no limit.
    pub width: u16,
    pub color: bool,
    /// Every endpoint, however many there are.
    pub all_endpoints: bool,
    /// Every stream whole, however many there are.
    pub all: bool,
    /// Entries of a group that are shown of many; None: what fits a screen.
    pub top: Option<usize>,
}

/// Endpoints of a cluster that are listed one by one.
const ENDPOINTS_MAX: usize = 12;

/// Routes that no request took, shown in a report of many hosts.
const NEVER_HIT_MAX: usize = 6;

/// Everything about one scenario, ending in a line end.
pub(crate) fn to_text(results: &Results<'_>, show: &Show) -> String {
    let mut out = Writer { out: String::new(), results, show };
    if !results.scenario.is_empty() {
        out.single(&paint(&format!("=== {}", results.scenario), Style::Title, show.color));
        out.line("");
    }
    if let Some(istio) = results.istio {
        out.line(&wrap(istio, show.width, 2));
    }
    if !results.assumed.is_empty() {
        let text = format!("assumed: {} (--assume never turns this off)", results.assumed.join("; "));
        out.line(&wrap(&text, show.width, 2));
    }
    if results.istio.is_some() || !results.assumed.is_empty() {
        out.line("");
    }
    if let Some(log) = results.log {
        out.log(log);
    }
    if results.streams.is_empty() {
        out.line("no stream, and no host that requests could be made for");
        // What is proven of two tables holds for all requests, and needs none.
        if let Some(what_if) = results.against {
            out.what_if(what_if);
        }
        out.limits();
        return out.out;
    }
    let (plain, telling): (Vec<&StreamSummary>, Vec<&StreamSummary>) =
        results.streams.iter().partition(|s| is_plain(s));
    let several = results.streams.len() > 1;
    if let Some(what_if) = results.against {
        out.what_if(what_if);
        out.policy();
        out.limits();
        return out.out;
    }
    if summary::is_long(results.streams) && !show.all && results.log.is_none() {
        out.summary(&telling, &plain);
        out.policy();
        out.never_hit(Some(show.top.unwrap_or(NEVER_HIT_MAX)));
        out.limits();
        return out.out;
    }
    for (i, stream) in telling.iter().enumerate() {
        if i > 0 {
            out.line("");
        }
        out.stream(stream);
        let place = results.streams.iter().position(|s| std::ptr::eq(s, *stream));
        if let Some(change) = results.log.zip(place).and_then(|(l, i)| l.changes.get(i)) {
            out.log_change(change, stream);
        }
    }
    if !plain.is_empty() {
        if !telling.is_empty() {
            out.line("");
        }
        out.plain(&plain);
    }
    if several {
        out.line("");
        out.totals();
    }
    out.policy();
    out.never_hit(None);
    out.limits();
    out.out
}

/// An automatic stream of which everything arrives at one destination: a line is enough for it.
fn is_plain(s: &StreamSummary) -> bool {
    s.detection.is_none()
        && s.automatic
        && s.routes.len() <= 1
        && s.outcomes.len() == 1
        && s.destinations.len() == 1
        && s.destinations.iter().all(|d| d.unready == 0)
        && { s.outcomes.keys().all(|o| o.counted() == Counted::Subset) }
}

pub(super) struct Writer<'a> {
    pub out: String,
    pub results: &'a Results<'a>,
    pub show: &'a Show,
}

impl Writer<'_> {
    /// Adds a line, or several of [`wrap`].
    pub(super) fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// Adds what is one line, whoever wrote what stands in it.
    pub(super) fn single(&mut self, text: &str) {
        self.out.say(self.show.color, format_args!("{text}"));
    }

    pub(super) fn sources(&self) -> &SourceMap {
        self.results.sources
    }

    pub(super) fn paint(&self, text: &str, style: Style) -> String {
        paint(text, style, self.show.color)
    }

    fn look(&self, s: &StreamSummary) -> Look {
        let total = (!self.results.exact).then_some(s.requests);
        Look { total, width: self.show.width, color: self.show.color }
    }

    fn stream(&mut self, s: &StreamSummary) {
        let name = self.paint(&s.name, Style::Host);
        let how_many = if self.results.exact {
            "exact shares".to_owned()
        } else {
            let stopped = match s.partial {
                false => String::new(),
                true if s.planned > s.requests => format!(", stopped before {}", thousands(s.planned)),
                true => ", stopped before the end of the log".to_owned(),
            };
            format!("{}{stopped}", counted(s.requests, "request"))
        };
        self.single(&format!("{name}  {how_many} {}", s.audience));
        self.out.push_str(&grid(&self.rows(s, true), &self.look(s)));
        self.sampled(s);
        self.unready(s);
        self.answers(s);
        self.causes(s);
        self.examples(s);
        self.fit(s);
        if let Some(d) = &s.detection {
            self.out.push('\n');
            self.out.push_str(&detection::to_text(d, self.show));
        }
    }

    /// What the expected shares are worth where they are no exact ones.
    pub(super) fn sampled(&mut self, s: &StreamSummary) {
        if let Some(combinations) = s.sampled_of {
            let text = format!(
                "  the variables have {} combinations: expected shares are those of {} drawn requests, right within a few \
                 thousandths",
                thousands(combinations),
                thousands(SAMPLE as u64)
            );
            self.out.push('\n');
            self.line(&self.paint(&wrap(&text, self.show.width, 4), Style::Warning));
        }
    }

    /// Where requests go to endpoints that may well refuse them (panic mode, envoy-matching 10.3).
    fn unready(&mut self, s: &StreamSummary) {
        for d in s.destinations.iter().filter(|d| d.unready > 0) {
            let are = if d.unready == 1 { "is" } else { "are" };
            let text = format!(
                "  {}: {} of the {} endpoints in use {are} not ready; fewer than minHealthPercent are, so Envoy uses all of them \
                 (panic mode), and requests to them may fail",
                destination(d),
                d.unready,
                d.endpoints.len()
            );
            self.out.push('\n');
            self.line(&self.paint(&wrap(&text, self.show.width, 4), Style::Warning));
        }
    }

    /// A row for each group that something can happen in, with what is in it below.
    fn rows(&self, s: &StreamSummary, endpoints: bool) -> Vec<Row> {
        let results = self.results;
        let mut rows = Vec::new();
        for (group, title, style) in [
            (Counted::Subset, "delivered", Style::Good),
            (Counted::Answered, "answered by the proxy", Style::Title),
            (Counted::Passthrough, "passed through, unknown to the mesh", Style::Warning),
            (Counted::Unmatched, "unmatched", Style::Bad),
            (Counted::Blackholed, "lost", Style::Bad),
        ] {
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
                if endpoints {
                    self.endpoints(d, &mut rows);
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

    fn endpoints(&self, d: &Destination, rows: &mut Vec<Row>) {
        let row = |text: String, count| Row { text, depth: 3, style: Style::Dim, count, interval: false };
        let all = self.show.all_endpoints || d.endpoints.len() <= ENDPOINTS_MAX;
        let (shown, rest) = d.endpoints.split_at(if all { d.endpoints.len() } else { ENDPOINTS_MAX - 2 });
        rows.extend(shown.iter().map(|e| row(e.endpoint.clone(), e.count)));
        if !rest.is_empty() {
            let mut sum = Count::default();
            rest.iter().for_each(|e| sum.add(e.count));
            rows.push(row(format!("and {} more (-v lists them)", rest.len()), sum));
        }
    }

    fn share(&self, s: &StreamSummary, count: Count) -> String {
        let exact = self.results.exact || self.results.against.is_some();
        percent(if exact { count.expected_share } else { count.share(s.requests) })
    }

    fn answers(&mut self, s: &StreamSummary) {
        for a in &s.answers {
            let to = a.location.as_ref().map(|l| format!(" to {l}")).unwrap_or_default();
            let head = format!("  {} {}{to}", self.share(s, a.count), answer(a));
            self.out.push('\n');
            self.line(&wrap(&head, self.show.width, 4));
            let by = match &a.source {
                Some(source) => {
                    format!("at {}", words::place_and_author(source, self.sources()))
                }
                None => format!("by the virtual host {}", a.virtual_host),
            };
            self.line(&wrap(&format!("    {by}"), self.show.width, 6));
        }
    }

    pub(super) fn causes(&mut self, s: &StreamSummary) {
        for c in &s.causes {
            let what = match &c.cluster {
                Some(name) => words::cluster(name),
                None => c.example.clone(),
            };
            let code = if c.cluster.is_some() { format!("{}, ", lost_by(c)) } else { String::new() };
            let head = format!("  lost {}: {what} ({code}{})", self.share(s, c.count), c.cause.as_str());
            let head = self.paint(&wrap(&head, self.show.width, 4), Style::Bad);
            self.out.push('\n');
            self.line(&head);
            if let Some(source) = &c.source {
                let text = format!("    at {}", words::place_and_author(source, self.sources()));
                self.line(&wrap(&text, self.show.width, 6));
            }
            self.line(&wrap(&format!("    to fix: {}", c.hint), self.show.width, 6));
            if c.cluster.is_some() {
                self.line(&wrap(&format!("    for example {}", c.example), self.show.width, 6));
            }
        }
    }

    pub(super) fn examples(&mut self, s: &StreamSummary) {
        if s.unmatched_examples.is_empty() {
            return;
        }
        self.out.push('\n');
        self.line("  unmatched, for example");
        for e in &s.unmatched_examples {
            self.line(&wrap(&format!("    {}", e.request), self.show.width, 8));
            let why = e.reason.as_deref().unwrap_or_else(|| outcome(e.outcome));
            self.line(&wrap(&format!("      {why}"), self.show.width, 8));
        }
    }

    /// What the numbers are worth.
    fn fit(&mut self, s: &StreamSummary) {
        for d in &s.destinations {
            let Some(sticky) = &d.sticky else { continue };
            let fits = sticky.fit.map(|f| format!("; they {} the long run: {}", verdict(f), fit_text(f)));
            let many = if sticky.sessions == 1 { "session" } else { "sessions" };
            let head = format!(
                "  {} keeps each of {} {many} on one endpoint{}",
                destination(d),
                thousands(sticky.sessions),
                fits.unwrap_or_default()
            );
            self.out.push('\n');
            self.line(&wrap(&head, self.show.width, 4));
            if sticky.put_together > 0.0 {
                let text = format!(
                    "    and further sessions, which were not told apart: the endpoints of {} of its requests are drawn",
                    percent(sticky.put_together)
                );
                self.line(&wrap(&text, self.show.width, 6));
            }
            let all = d.endpoints.iter().zip(&sticky.of_endpoints).zip(&sticky.long_run);
            let shown = if self.show.all_endpoints { d.endpoints.len() } else { ENDPOINTS_MAX };
            for ((e, n), share) in all.take(shown) {
                let text = format!("    {}  {} now, {} in the long run", e.endpoint, thousands(*n), percent(*share));
                self.line(&self.paint(&wrap(&text, self.show.width, 8), Style::Dim));
            }
            if d.endpoints.len() > shown {
                self.line(&format!("    and {} more (-v lists them)", d.endpoints.len() - shown));
            }
        }
        if let (Some(fit), false) = (s.fit, self.results.exact) {
            let text = format!("  measured shares {} the expected ones: {}", verdict(fit), fit_text(fit));
            self.out.push('\n');
            self.line(&self.paint(&wrap(&text, self.show.width, 4), Style::Dim));
        }
    }

    /// Hosts without anything to tell, a line each.
    fn plain(&mut self, streams: &[&StreamSummary]) {
        let hosts = if streams.len() == 1 { "host" } else { "hosts" };
        let title = format!("delivered whole, nothing else can happen: {} {hosts}", streams.len());
        self.line(&self.paint(&title, Style::Title));
        for s in streams {
            let text = self.plain_line(s);
            self.line(&wrap(&text, self.show.width, 6));
        }
    }

    fn plain_line(&self, s: &StreamSummary) -> String {
        let to: Vec<String> = s.destinations.iter().map(destination).collect();
        let endpoints = s.destinations.iter().map(|d| d.endpoints.len()).sum::<usize>();
        let behind = match endpoints {
            0 if self.results.partly_assumed && s.destinations.iter().any(|d| d.assumed) => ", assumed".to_owned(),
            0 => String::new(),
            1 => ", 1 endpoint".to_owned(),
            n => format!(", {n} endpoints"),
        };
        format!("  {} {}: {}{behind}", s.name, s.audience, to.join(", "))
    }

    /// Objects that are not modelled and could change what was said.
    fn limits(&mut self) {
        let text = limits::to_text(self.results.limits, self.show.width, self.show.color);
        if !text.is_empty() {
            self.out.push('\n');
            self.out.push_str(&text);
        }
    }

    fn totals(&mut self) {
        let totals = &self.results.totals;
        let streams = self.results.streams.len();
        let requests = if self.results.exact { "exact shares".to_owned() } else { counted(totals.requests, "request") };
        let title = self.paint(&format!("all {streams} streams"), Style::Title);
        self.line(&format!("{title}  {requests}"));
        let groups: Vec<Row> = self.rows(totals, false).into_iter().filter(|r| r.depth == 1).collect();
        self.out.push_str(&grid(&groups, &self.look(totals)));
    }

    /// Routes that no request took, of all virtual hosts that some request came to; up to `most` of them.
    fn never_hit(&mut self, most: Option<usize>) {
        let totals = &self.results.totals;
        let mut missed: Vec<_> = totals
            .routes
            .iter()
            .filter(|r| if self.results.exact { r.count.expected_share == 0.0 } else { r.count.requests == 0 })
            .collect();
        if missed.is_empty() {
            return;
        }
        self.out.push('\n');
        let shown = most.unwrap_or(missed.len());
        if most.is_some() {
            // What nothing can take says more than what nothing happened to take.
            missed.sort_by_key(|r| r.count.expected_share > 0.0);
        }
        let rest = missed.len().saturating_sub(shown);
        let number = if rest > 0 { format!(": {}", thousands(missed.len() as u64)) } else { String::new() };
        self.line(&self.paint(&format!("routes that no request took{number}"), Style::Title));
        let several_proxies = totals.routes.iter().any(|r| totals.routes.first().is_some_and(|f| f.proxy != r.proxy));
        let mut host = None;
        for r in missed.into_iter().take(shown) {
            if host.as_ref() != Some(&(&r.proxy, &r.route_config, &r.virtual_host)) {
                let through = if several_proxies { format!(" of {}", r.proxy) } else { String::new() };
                self.single(&format!("  {}{through}", r.virtual_host));
                host = Some((&r.proxy, &r.route_config, &r.virtual_host));
            }
            let name = if r.route.name.is_empty() { String::new() } else { format!(" \"{}\"", r.route.name) };
            let conditions = words::conditions(&r.route.matcher).join(", ");
            let by = match &r.route.source {
                Some(s) => format!(", {}", words::place_and_author(s, self.sources())),
                None => String::new(),
            };
            let rare = if r.count.expected_share > 0.0 {
                format!(" (it gets {} of requests)", percent(r.count.expected_share))
            } else {
                String::new()
            };
            let text = format!("    route {}{name}: {conditions}{by}{rare}", r.route_index);
            self.line(&wrap(&text, self.show.width, 8));
        }
        self.more(rest, "");
    }
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
fn lost_by(c: &BlackholeCause) -> &'static str {
    if c.is_tcp() { "the connection is closed" } else { outcome(c.outcome) }
}

/// `redirect 301`, with the route's name where it has one.
fn answer(a: &Answer) -> String {
    let status = a.status.map(|s| format!(" {s}")).unwrap_or_default();
    let name = if a.route_name.is_empty() { String::new() } else { format!(" \"{}\"", a.route_name) };
    format!("{}{status}{name}", outcome(a.outcome))
}

fn destination(d: &Destination) -> String {
    let tcp = if d.outcome == Outcome::Tcp { " (TCP)" } else { "" };
    format!("{}{tcp}", words::cluster(&d.cluster))
}
