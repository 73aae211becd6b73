//! A log that was replayed: what was read of it, and what went elsewhere then.

use super::Writer;
use super::what_if::end;
use crate::analysis::compare::{LogChange, LogResult, Logged};
use crate::envoy::table::ClusterName;
use crate::envoy::words;
use crate::tool::report::columns::wrap;
use crate::tool::report::grid::{counted, thousands};
use crate::tool::report::simulate::outcome;
use crate::tool::report::style::Style;
use crate::traffic::recorded::Format;
use crate::traffic::replay::{SESSIONS_MAX, StreamSummary};

/// Moves that are shown without `-v`.
const SHOWN_MAX: usize = 8;

/// Logs that are named, of several.
const NAMED_MAX: usize = 3;

impl Writer<'_> {
    /// Before all streams: what kind of log it is, and which of its lines are none of theirs.
    pub(super) fn log(&mut self, log: &LogResult) {
        let (read, lumped) = (&log.sorted.read, log.sorted.lumped());
        let names = match log.names().as_slice() {
            [_] => log.name(),
            several => {
                let shown = several.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
                let more = several.len().saturating_sub(NAMED_MAX);
                let more = if more > 0 { format!(" and {} more", thousands(more as u64)) } else { String::new() };
                format!("{} ({shown}{more})", log.name())
            }
        };
        let mut text = format!("{names}: {}, {}", log.format(), counted(read.requests, "request"));
        for (reason, n) in &read.passed_over {
            text.push_str(&format!("; {} passed over: {reason}", lines(*n)));
        }
        if read.bad > 0 {
            text.push_str(&format!("; {} can't be read", lines(read.bad)));
        }
        self.line(&wrap(&text, self.show.width, 2));
        if lumped > 0 {
            let text = format!(
                "note: {} of further sessions, beyond {}: their endpoints are drawn as if each were a session of its own",
                counted(lumped, "request"),
                thousands(SESSIONS_MAX as u64)
            );
            self.line(&wrap(&text, self.show.width, 2));
        }
        self.line("");
    }

    /// Below a stream: where its requests went then.
    pub(super) fn log_change(&mut self, change: &LogChange, s: &StreamSummary) {
        self.out.push('\n');
        if change.compared == 0 {
            let text = "  not evaluated: whether requests go where they went, which this log doesn't say";
            self.line(&self.paint(&wrap(text, self.show.width, 4), Style::Dim));
            return;
        }
        let mut text = if change.moves.is_empty() {
            match change.compared {
                1 => "  the request goes where the log says it went".to_owned(),
                n => format!("  all {} requests go where the log says they went", thousands(n)),
            }
        } else {
            format!(
                "  of {} {} go where the log says they went, {} elsewhere",
                counted(change.compared, "request"),
                about(change.same),
                about(change.changed())
            )
        };
        if change.unknown > 0 {
            text.push_str(&format!("; of {} it doesn't say", thousands(change.unknown)));
        }
        let split = s.fit.is_some();
        if split {
            text.push_str(" (splits are held against their shares)");
        }
        self.line(&wrap(&text, self.show.width, 4));
        let shown = if self.show.all_endpoints { change.moves.len() } else { SHOWN_MAX };
        for m in change.moves.iter().take(shown) {
            let text = format!("    {}  {} -> {}", about(m.requests), place(&m.from), end(&m.to));
            self.line(&wrap(&text, self.show.width, 8));
            self.line(&wrap(&format!("      for example {}", m.example), self.show.width, 8));
        }
        if change.moves.len() > shown {
            self.line(&format!("    and {} more (-v lists them)", change.moves.len() - shown));
        }
        let of_proxy = |f: &Format| matches!(f, Format::EnvoyText | Format::IstioText | Format::AccessLogJson);
        let by_proxy = self.results.log.is_some_and(|l| l.formats().iter().any(of_proxy));
        if by_proxy && !change.moves.is_empty() {
            let text = "    a proxy logs hosts as its routes rewrote them, and of all headers only a few: what was routed by others \
                        seems to move";
            self.line(&self.paint(&wrap(text, self.show.width, 6), Style::Dim));
        }
    }
}

fn lines(n: u64) -> String {
    counted(n, "line")
}

/// An expected number of requests, whole.
fn about(requests: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of requests")]
    let whole = requests.round().max(0.0) as u64;
    if whole == 0 && requests > 0.0 { "less than 1".to_owned() } else { thousands(whole) }
}

fn place(logged: &Logged) -> String {
    match logged {
        Logged::Cluster { name, outcome: o } => {
            let shown = ClusterName::parse(name).map_or_else(|| name.clone(), |n| words::cluster(&n));
            match o {
                crate::envoy::decision::Outcome::Delivered => shown,
                _ => format!("{shown} ({})", outcome(*o)),
            }
        }
        Logged::Outcome { outcome: o, status } => {
            let status = status.map(|s| format!(" {s}")).unwrap_or_default();
            format!("{}{status}", outcome(*o))
        }
    }
}
