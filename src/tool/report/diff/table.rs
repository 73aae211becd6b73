//! The page for people: the verdict first, then causes, worst first.

use super::{
    Results, because, edit, explained, field, heading, minor, on_the_way, other_fields, place, unchanged, unless,
};
use crate::analysis::diff::{Cause, Kind};
use crate::envoy::words;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::order::Order as _;
use crate::tool::report::columns::{self, Cell, Side, wrap};
use crate::tool::report::grid::{counted, thousands};
use crate::tool::report::limits;
use crate::tool::report::style::{Style, paint};

/// How much is shown, and how.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Show {
    /// Columns; 0: no limit.
    pub width: u16,
    pub color: bool,
    /// Everything.
    pub all: bool,
    /// Causes of each kind; None: what fits a screen.
    pub top: Option<usize>,
}

/// Lines of causes that an ordinary report has.
const LINES: usize = 30;
/// Causes of each kind that are shown at least, if there are as many.
const CAUSES_MIN: usize = 2;
/// Hosts and findings that are named.
const NAMED_MAX: usize = 3;

/// The whole page, with a line end behind each line.
pub(crate) fn to_text(results: &Results<'_>, show: Show) -> String {
    let mut page = Page { results, show, out: String::new() };
    page.verdict();
    page.causes();
    page.beside();
    page.out
}

struct Page<'p> {
    results: &'p Results<'p>,
    show: Show,
    out: String,
}

pub(super) fn style(kind: Kind) -> Style {
    match kind {
        Kind::Lost | Kind::Unmatched => Style::Bad,
        Kind::Moved | Kind::Altered | Kind::Policy => Style::Warning,
        Kind::Gained => Style::Good,
    }
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn wrapped(&mut self, text: &str, indent: usize, style: Style) {
        let text = wrap(text, self.show.width, indent);
        self.line(&paint(&text, style, self.show.color));
    }

    fn verdict(&mut self) {
        let (r, v) = (self.results, self.results.verdict);
        let [old, new] = r.names;
        let clients = counted(v.clients as u64, "client");
        let aside = limits::aside(r.limits);
        if !r.scenario.is_empty() {
            self.wrapped(r.scenario, 2, Style::Title);
        }
        if r.causes.is_empty() && r.hidden > 0 {
            let others = counted(r.hidden as u64, "other change");
            self.wrapped(&format!("{old} -> {new}: nothing that was asked for changes; {others}"), 2, Style::Warning);
            return;
        }
        if r.causes.is_empty() {
            let text = format!("{old} -> {new}: nothing changes, proven for every request of {clients}{aside}");
            self.wrapped(&text, 2, Style::Good);
            return;
        }
        let all = v.changed + v.unchanged;
        let see = if v.clients == 1 { "sees" } else { "see" };
        let verb = if v.changed == 1 { "changes" } else { "change" };
        let title =
            format!("{old} -> {new}: {} of {} {verb}, as {clients} {see} them", v.changed, counted(all as u64, "host"));
        self.wrapped(&title, 2, Style::Title);
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        let logged = r.requests;
        let of_log = |kind: Option<Kind>| logged.map(|all| all.iter().filter(|l| l.kind == kind).count() as u64);
        let count = |n: Option<u64>| n.map(|n| counted(n, "request"));
        for (kind, hosts, clients) in &v.kinds {
            let mut row = vec![
                Cell::line(format!("  {}", heading(*kind)), style(*kind)),
                Cell::line(counted(*hosts as u64, "host"), Style::Plain),
                Cell::line(format!("for {}", counted(*clients as u64, "client")), Style::Plain),
            ];
            row.extend(count(of_log(Some(*kind))).map(|text| Cell::line(text, Style::Plain)));
            row.push(Cell::line(explained(*kind), Style::Dim));
            rows.push(row);
        }
        let mut row = vec![
            Cell::line("  unchanged", Style::Good),
            Cell::line(counted(v.unchanged as u64, "host"), Style::Plain),
            Cell::line("", Style::Plain),
        ];
        row.extend(count(of_log(None)).map(|text| Cell::line(text, Style::Plain)));
        row.push(Cell::line(unchanged(r), Style::Dim));
        rows.push(row);
        for line in columns::lines(&rows, Side::Left, self.show.color) {
            self.line(&line);
        }
        if v.minor > 0 && !self.show.all {
            let text = format!("  besides: {} (--all lists them)", minor(v));
            self.wrapped(&text, 4, Style::Dim);
        }
        if v.possible > 0 {
            let text = format!("  {} possible and not proven: marked so below", counted(v.possible as u64, "change"));
            self.wrapped(&text, 4, Style::Note);
        }
    }

    fn causes(&mut self) {
        let mut budget = LINES;
        for kind in Kind::ALL {
            let of_kind: Vec<(usize, &Cause<'_>)> = self
                .results
                .causes
                .iter()
                .enumerate()
                .filter(|(_, c)| c.kind == kind && (self.show.all || !c.change.is_minor()))
                .collect();
            if of_kind.is_empty() {
                continue;
            }
            let mut shown = 0;
            for (i, cause) in &of_kind {
                let enough = match self.show.top {
                    Some(top) => shown >= top,
                    None => shown >= CAUSES_MIN && budget == 0,
                };
                if enough && !self.show.all {
                    break;
                }
                self.line("");
                let before = self.out.lines().count();
                self.cause(*i, cause);
                budget = budget.saturating_sub(self.out.lines().count() - before + 1);
                shown += 1;
            }
            let rest = of_kind.len() - shown;
            if rest > 0 {
                self.line("");
                self.wrapped(
                    &format!("and {} {} (--all lists them)", thousands(rest as u64), heading(kind)),
                    2,
                    Style::Dim,
                );
            }
        }
    }

    fn cause(&mut self, index: usize, cause: &Cause<'_>) {
        let (change, [old, new]) = (cause.change, self.results.sources);
        let named: Vec<&str> = cause.hosts.iter().take(NAMED_MAX).map(|h| words::short_host(h)).collect();
        let more = match cause.hosts.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let hosts = if named == ["*"] { "any other host".to_owned() } else { named.join(", ") };
        let mut head = format!("{} {hosts}{more}  {}", heading(cause.kind).to_uppercase(), cause.audience);
        if change.moved > 0.0 && change.moved < 1.0 {
            head.push_str(&format!(", {} of them", words::percent(change.moved)));
        }
        if !change.is_proven() {
            head.push_str("  (possible, not proven)");
        }
        let wanted = self.results.expected.and_then(|e| e.wanted.get(index)).copied();
        match wanted {
            Some(true) => head.push_str("  (expected)"),
            Some(false) => head.push_str("  (not expected)"),
            None => {}
        }
        self.wrapped(&head, 4, style(cause.kind));
        let region = change.region.to_words();
        let more = cause.regions.saturating_sub(1);
        let more = if more > 0 { format!("; and {} more", counted(more as u64, "set")) } else { String::new() };
        self.wrapped(&format!("  {region}{more}"), 4, Style::Plain);
        if change.old.deed != change.new.deed {
            self.wrapped(&format!("  {}  ->  {}", change.old.deed, change.new.deed), 4, Style::Plain);
        }
        for f in other_fields(change) {
            self.wrapped(&format!("  {}", field(f)), 4, Style::Plain);
        }
        if let Some(text) = unless(change) {
            self.wrapped(&format!("  {text}"), 4, Style::Dim);
        }
        if !change.because.is_empty() {
            self.wrapped(&format!("  because of {}", because(change)), 4, Style::Note);
        }
        let (was, is) = (place(&change.old, old), place(&change.new, new));
        if was == is {
            self.wrapped(&format!("  at   {is}"), 7, Style::Dim);
        } else {
            self.wrapped(&format!("  old  {was}"), 7, Style::Dim);
            self.wrapped(&format!("  new  {is}"), 7, Style::Dim);
        }
        if let Some(witness) = &change.witness {
            self.wrapped(&format!("  for example  {}", words::request(witness)), 15, Style::Plain);
        }
    }

    /// What there is besides requests.
    fn beside(&mut self) {
        let r = self.results;
        let [come, gone] = r.findings;
        let worst = |all: &[Finding]| -> Vec<String> {
            let mut sorted: Vec<&Finding> = all.iter().filter(|f| f.severity != Severity::Info).collect();
            sorted.order_by_key(|f| std::cmp::Reverse(f.severity));
            sorted.iter().take(NAMED_MAX).map(|f| format!("{} {}", f.id, f.message)).collect()
        };
        let count = |all: &[Finding]| all.iter().filter(|f| f.severity != Severity::Info).count();
        if count(come) + count(gone) > 0 {
            self.line("");
            let text = format!("check: {} new, {} gone", counted(count(come) as u64, "finding"), count(gone));
            self.wrapped(&text, 2, if count(come) > 0 { Style::Warning } else { Style::Good });
            for text in worst(come) {
                self.wrapped(&format!("  + {text}"), 4, Style::Plain);
            }
            for text in worst(gone) {
                self.wrapped(&format!("  - {text}"), 4, Style::Dim);
            }
        }
        let on_the_way = on_the_way::told(r.on_the_way);
        if !on_the_way.is_empty() {
            self.line("");
        }
        for told in on_the_way {
            self.wrapped(&told.text, 2, told.verdict.style());
            for more in &told.more {
                self.wrapped(&format!("  {more}"), 4, Style::Plain);
            }
        }
        if !r.edits.is_empty() {
            let shown: Vec<String> =
                r.edits.iter().take(if self.show.all { usize::MAX } else { NAMED_MAX }).map(edit).collect();
            let more = r.edits.len() - shown.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            self.line("");
            self.wrapped(&format!("the same for all traffic: {}{more}", shown.join(", ")), 2, Style::Dim);
        }
        if let Some(expected) = r.expected {
            self.line("");
            let unwanted = expected.wanted.iter().filter(|w| !**w).count();
            let text = format!(
                "expected: {} of {} came; {unwanted} not expected",
                expected.wanted.len() - unwanted,
                expected.wanted.len() - unwanted + expected.missing.len(),
            );
            let good = unwanted == 0 && expected.missing.is_empty();
            self.wrapped(&text, 2, if good { Style::Good } else { Style::Bad });
            for missing in &expected.missing {
                self.wrapped(&format!("  did not come: {missing}"), 4, Style::Plain);
            }
        }
        if !r.limits.is_empty() {
            self.line("");
            let text = limits::to_text(r.limits, self.show.width, self.show.color);
            self.out.push_str(&text);
        }
    }
}
