//! The results for people (`simulate -o table`): per stream where requests go, what is lost and what to change.

pub(in crate::tool::report::simulate) mod detection;
pub(in crate::tool::report::simulate) mod log;
pub(in crate::tool::report::simulate) mod policy;
mod summary;
pub(in crate::tool::report::simulate) mod what_if;

use super::Results;
use super::words::{self as said, Endpoints, is_plain};
use crate::manifest::source::SourceMap;
use crate::order::Order as _;
use crate::tool::report::columns::wrap;
use crate::tool::report::grid::{Look, Row, counted, percent, thousands, to_text as grid};
use crate::tool::report::limits;
use crate::tool::report::style::{Style, paint};
use crate::tool::report::visible::Lines as _;
use crate::traffic::replay::StreamSummary;

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
    for (i, (title, streams)) in said::plain_groups(plain.into_iter()).enumerate() {
        if i > 0 || !telling.is_empty() {
            out.line("");
        }
        out.plain(&streams, title);
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
        let how_many = said::how_many(self.results, s);
        self.single(&format!("{name}  {how_many} {}", s.audience));
        let most = if self.show.all_endpoints { usize::MAX } else { ENDPOINTS_MAX };
        let rows = said::rows(self.results, s, Some(Endpoints { most, more: " (-v lists them)" }));
        self.out.push_str(&grid(&rows, &self.look(s)));
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
        if let Some(text) = said::sampled(s) {
            self.out.push('\n');
            self.line(&self.paint(&wrap(&format!("  {text}"), self.show.width, 4), Style::Warning));
        }
    }

    /// Where requests go to endpoints that may well refuse them (panic mode, envoy-matching 10.3).
    fn unready(&mut self, s: &StreamSummary) {
        for text in said::unready(s) {
            self.out.push('\n');
            self.line(&self.paint(&wrap(&format!("  {text}"), self.show.width, 4), Style::Warning));
        }
    }

    fn answers(&mut self, s: &StreamSummary) {
        for a in &s.answers {
            let head = format!("  {}", said::answer_line(self.results, s, a));
            self.out.push('\n');
            self.line(&wrap(&head, self.show.width, 4));
            self.line(&wrap(&format!("    {}", said::answered_by(a, self.sources())), self.show.width, 6));
        }
    }

    pub(super) fn causes(&mut self, s: &StreamSummary) {
        for c in &s.causes {
            let head = format!("  {}", said::cause_line(self.results, s, c));
            let head = self.paint(&wrap(&head, self.show.width, 4), Style::Bad);
            self.out.push('\n');
            self.line(&head);
            if let Some(source) = &c.source {
                self.line(&wrap(&format!("    {}", said::written_at(source, self.sources())), self.show.width, 6));
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
            self.line(&wrap(&format!("      {}", said::why(e)), self.show.width, 8));
        }
    }

    /// What the numbers are worth.
    fn fit(&mut self, s: &StreamSummary) {
        for d in &s.destinations {
            let (Some(sticky), Some(head)) = (&d.sticky, said::sticky_line(d)) else { continue };
            self.out.push('\n');
            self.line(&wrap(&format!("  {head}"), self.show.width, 4));
            if let Some(text) = said::put_together(d) {
                self.line(&wrap(&format!("    {text}"), self.show.width, 6));
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
        for text in said::fit_line(self.results, s).iter().map(String::as_str).chain(said::leaves_out(s)) {
            self.out.push('\n');
            self.line(&self.paint(&wrap(&format!("  {text}"), self.show.width, 4), Style::Dim));
        }
    }

    /// Hosts without anything to tell, a line each.
    fn plain(&mut self, streams: &[&StreamSummary], title: &str) {
        let hosts = if streams.len() == 1 { "host" } else { "hosts" };
        let title = format!("{title}: {} {hosts}", streams.len());
        self.line(&self.paint(&wrap(&title, self.show.width, 2), Style::Title));
        for s in streams {
            let text = self.plain_line(s);
            self.line(&wrap(&text, self.show.width, 6));
        }
    }

    fn plain_line(&self, s: &StreamSummary) -> String {
        format!("  {} {}: {}", s.name, s.audience, said::plain_end(self.results, s))
    }

    /// Objects that are not modelled and could change what was said, and what another command looks at.
    fn limits(&mut self) {
        let mut text = limits::to_text(self.results.limits, self.show.width, self.show.color);
        text.push_str(&limits::controlled(self.results.controlled.iter()));
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
        let groups: Vec<Row> = said::rows(self.results, totals, None).into_iter().filter(|r| r.depth == 1).collect();
        self.out.push_str(&grid(&groups, &self.look(totals)));
    }

    /// Routes that no request took, of all virtual hosts that some request came to; up to `most` of them.
    fn never_hit(&mut self, most: Option<usize>) {
        let mut missed = said::missed(self.results);
        if missed.is_empty() {
            return;
        }
        self.out.push('\n');
        let shown = most.unwrap_or(missed.len());
        if most.is_some() {
            // What nothing can take says more than what nothing happened to take.
            missed.order_by_key(|r| r.count.expected_share > 0.0);
        }
        let rest = missed.len().saturating_sub(shown);
        let number = if rest > 0 { format!(": {}", thousands(missed.len() as u64)) } else { String::new() };
        self.line(&self.paint(&format!("routes that no request took{number}"), Style::Title));
        let mut host = None;
        for r in missed.into_iter().take(shown) {
            if host.as_ref() != Some(&(&r.proxy, &r.route_config, &r.virtual_host)) {
                self.single(&format!("  {}", said::missed_host(self.results, r)));
                host = Some((&r.proxy, &r.route_config, &r.virtual_host));
            }
            self.line(&wrap(&format!("    {}", said::missed_line(r, self.sources())), self.show.width, 8));
        }
        self.more(rest, "");
    }
}
