//! The parts of `simulate -o json` that a second mesh adds (`--against`).

use super::{bounded, cluster_parts};
use crate::analysis::compare::{End, HostChange, Row, StreamChange, Sums, TableChange, rows};
use crate::tool::report::json_writer::Object;
use crate::traffic::replay::{Count, StreamSummary};
use crate::traffic::stats::share;

/// All streams together.
pub(super) fn sums(o: &mut Object<'_>, sums: Sums) {
    o.float("changed", bounded(sums.changed));
    o.float("moved", bounded(sums.moved));
    o.float("altered", bounded(sums.altered));
    o.float("newly_lost", bounded(sums.newly_lost));
}

/// One stream before and now.
pub(super) fn stream(o: &mut Object<'_>, before: &StreamSummary, now: &StreamSummary, change: &StreamChange) {
    o.float("changed", bounded(change.changed()));
    o.float("moved", bounded(change.moved));
    o.float("altered", bounded(change.altered));
    o.objects("shares", &rows(before, now), |o, row: &Row| {
        end(o, &row.end);
        o.object("before", |o| count(o, row.before, before));
        o.object("now", |o| count(o, row.now, now));
        o.float("change", (row.change() * 1e12).round() / 1e12);
    });
    o.objects("moves", &change.flows, |o, flow| {
        o.object("from", |o| end(o, &flow.from));
        o.object("to", |o| end(o, &flow.to));
        o.float("share", bounded(flow.share));
        o.str("example", &flow.example);
    });
    o.objects("alterations", &change.alterations, |o, a| {
        o.str("request", &a.request);
        o.float("share", bounded(a.share));
        o.str("what", a.what);
        o.str("before", &a.before);
        o.str("now", &a.now);
    });
}

fn count(o: &mut Object<'_>, c: Count, s: &StreamSummary) {
    o.number("requests", c.requests);
    o.float("share", share(c.requests, s.requests));
    o.float("expected_share", bounded(c.expected_share));
}

/// The keys of an end, into an object that may have others.
pub(super) fn end(o: &mut Object<'_>, end: &End) {
    o.str("outcome", end.outcome().as_str());
    match end {
        End::Cluster { cluster, .. } => {
            o.null("status");
            cluster_parts(o, Some(cluster));
        }
        End::Answer { status, .. } => {
            match status {
                Some(status) => o.number("status", *status),
                None => o.null("status"),
            }
            cluster_parts(o, None);
        }
    }
}

/// What is proven about one proxy.
pub(super) fn table(o: &mut Object<'_>, t: &TableChange) {
    o.str("proxy", &t.proxy);
    o.number("members", t.audience.members as u64);
    o.strings("classes", &t.audience.classes);
    o.bool("identical", t.is_identical());
    for (key, hosts) in
        [("unchanged", &t.unchanged), ("different", &t.different), ("added", &t.added), ("removed", &t.removed)]
    {
        o.objects(key, hosts, |o, h: &HostChange| {
            o.str("route_config", &h.route_config);
            o.str("virtual_host", &h.virtual_host);
            if h.reason.is_empty() { o.null("reason") } else { o.str("reason", h.reason) }
        });
    }
    o.strings("tcp_different", &t.tcp_different);
    o.objects("policies", &t.policies, |o, p| {
        o.str("what", p.what);
        o.str("before", &p.before);
        o.str("now", &p.now);
        match &p.object {
            Some(id) => o.text("object", id),
            None => o.null("object"),
        }
        o.strings("places", &p.places);
    });
}
