//! A log that was replayed: what was read of it, and what went elsewhere then.

use super::Writer;
use super::what_if::end;
use crate::analysis::compare::{LogChange, LogMove, LogResult, Logged};
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
        for text in read_lines(log) {
            self.line(&wrap(&text, self.show.width, 2));
        }
        self.line("");
    }

    /// Below a stream: where its requests went then.
    pub(super) fn log_change(&mut self, change: &LogChange, s: &StreamSummary) {
        self.out.push('\n');
        let text = wrap(&format!("  {}", compared_line(change, s)), self.show.width, 4);
        if change.compared == 0 {
            self.line(&self.paint(&text, Style::Dim));
            return;
        }
        self.line(&text);
        let shown = if self.show.all_endpoints { change.moves.len() } else { SHOWN_MAX };
        for m in change.moves.iter().take(shown) {
            let text = format!("    {}", moved_line(m));
            self.line(&wrap(&text, self.show.width, 8));
            self.line(&wrap(&format!("      for example {}", m.example), self.show.width, 8));
        }
        if change.moves.len() > shown {
            self.line(&format!("    and {} more (-v lists them)", change.moves.len() - shown));
        }
        if let Some(text) = self.results.log.and_then(|log| doubt(log, change)) {
            self.line(&self.paint(&wrap(&format!("    {text}"), self.show.width, 6), Style::Dim));
        }
    }
}

/// What kind of log it is, and which of its lines are no requests of the streams.
pub(in crate::tool::report::simulate) fn read_lines(log: &LogResult) -> Vec<String> {
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
    let mut out = vec![text];
    if lumped > 0 {
        out.push(format!(
            "note: {} of further sessions, beyond {}: their endpoints are drawn as if each were a session of its own",
            counted(lumped, "request"),
            thousands(SESSIONS_MAX as u64)
        ));
    }
    out
}

/// How many of a stream's requests go where the log says they went.
pub(in crate::tool::report::simulate) fn compared_line(change: &LogChange, s: &StreamSummary) -> String {
    if change.compared == 0 {
        return "not evaluated: whether requests go where they went, which this log doesn't say".to_owned();
    }
    let mut text = if change.moves.is_empty() {
        match change.compared {
            1 => "the request goes where the log says it went".to_owned(),
            n => format!("all {} requests go where the log says they went", thousands(n)),
        }
    } else {
        format!(
            "of {} {} go where the log says they went, {} elsewhere",
            counted(change.compared, "request"),
            about(change.same),
            about(change.changed())
        )
    };
    if change.unknown > 0 {
        text.push_str(&format!("; of {} it doesn't say", thousands(change.unknown)));
    }
    if s.fit.is_some() {
        text.push_str(" (splits are held against their shares)");
    }
    text
}

/// `120  reviews.default:9080 subset v1 -> ...`.
pub(in crate::tool::report::simulate) fn moved_line(m: &LogMove) -> String {
    format!("{}  {} -> {}", about(m.requests), place(&m.from), end(&m.to))
}

/// What a proxy's log doesn't tell, where requests seem to move.
pub(in crate::tool::report::simulate) fn doubt(log: &LogResult, change: &LogChange) -> Option<&'static str> {
    let of_proxy = |f: &Format| matches!(f, Format::EnvoyText | Format::IstioText | Format::AccessLogJson);
    (log.formats().iter().any(of_proxy) && !change.moves.is_empty()).then_some(
        "a proxy logs hosts as its routes rewrote them, and of all headers only a few: what was routed by others seems to move",
    )
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
