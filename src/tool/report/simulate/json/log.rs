//! The parts of `simulate -o json` that a log adds (`--requests`).

use super::what_if::end;
use crate::analysis::compare::{LogChange, LogResult, Logged};
use crate::tool::report::json_writer::Object;

/// What was read.
pub(super) fn log(o: &mut Object<'_>, log: &LogResult) {
    let read = &log.sorted.read;
    o.str("name", &log.name());
    o.str("format", &log.format());
    o.objects("logs", &read.logs, |o, ((name, format), lines)| {
        o.str("name", name);
        o.text("format", format);
        o.number("lines", lines.lines);
        o.number("requests", lines.requests);
        o.number("bad", lines.bad);
    });
    o.number("lines", read.lines);
    o.number("requests", read.requests);
    o.objects("passed_over", &read.passed_over, |o, (reason, n)| {
        o.text("reason", reason);
        o.number("lines", *n);
    });
    o.object("bad", |o| {
        o.number("lines", read.bad);
        o.float("share", read.bad_share());
        o.objects("examples", &read.bad_lines, |o, (log, bad)| {
            o.str("log", log);
            o.number("line", bad.line);
            match bad.column {
                Some(column) => o.number("column", column as u64),
                None => o.null("column"),
            }
            o.str("text", &bad.text);
            o.str("message", &bad.message);
        });
    });
    o.number("counted_together", log.sorted.lumped());
}

/// Where one stream's requests went.
pub(super) fn change(o: &mut Object<'_>, change: &LogChange) {
    o.number("compared", change.compared);
    o.number("unknown", change.unknown);
    o.float("same", change.same);
    o.float("changed", change.changed());
    o.objects("moves", &change.moves, |o, m| {
        o.object("from", |o| match &m.from {
            Logged::Cluster { name, outcome } => {
                o.str("outcome", outcome.as_str());
                o.null("status");
                o.str("cluster", name);
            }
            Logged::Outcome { outcome, status } => {
                o.str("outcome", outcome.as_str());
                match status {
                    Some(status) => o.number("status", *status),
                    None => o.null("status"),
                }
                o.null("cluster");
            }
        });
        o.object("to", |o| end(o, &m.to));
        o.float("requests", m.requests);
        o.str("example", &m.example);
    });
}
