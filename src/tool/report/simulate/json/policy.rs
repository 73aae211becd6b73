//! `policy`: what follows from assumptions about pods, rule by rule.

use super::{bounded, cluster_parts, optional, source};
use crate::analysis::policy::{Consequences, Method, Rule};
use crate::envoy::table::ClusterName;
use crate::manifest::source::SourceMap;
use crate::tool::report::json_writer::Object;

pub(super) fn rule(o: &mut Object<'_>, rule: &Rule, sources: &SourceMap) {
    let found = &rule.consequences;
    o.text("route", rule.title());
    o.str("proxy", &rule.proxy);
    source(o, rule.source.as_ref(), sources);
    o.float("success", bounded(found.success));
    o.objects("outcomes", &found.outcomes, |o, outcome| {
        match outcome.end.status {
            Some(status) => o.number("status", status),
            None => o.null("status"),
        }
        o.text("flags", outcome.end.flags);
        o.float("share", bounded(outcome.share));
        o.text("cause", outcome.cause());
    });
    o.object("attempts", |o| attempts(o, found));
    o.object("mirrors", |o| {
        let copies = &found.mirrors;
        o.float("per_request", rounded(copies.per_request));
        o.objects("by_subset", &copies.by_cluster, |o, (cluster, copies)| {
            subset(o, cluster);
            o.float("copies", rounded(*copies));
        });
        by_name(o, "by_pod", &copies.by_pod);
        distribution(o, &copies.distribution);
    });
    o.object("duration", |o| {
        let duration = &found.duration;
        optional(o, "mean_ms", duration.mean_ms.map(rounded));
        optional(o, "worst_ms", duration.worst_ms.map(rounded));
        match duration.cut_by {
            Some((cut, attempt)) => {
                o.str("cut_by", cut.as_str());
                o.number("cut_attempt", attempt);
            }
            None => ["cut_by", "cut_attempt"].into_iter().for_each(|key| o.null(key)),
        }
    });
    o.strings("warnings", &found.warnings);
    o.str("method", found.method.as_str());
    match found.method {
        Method::Model { requests, .. } => o.number("modelled_requests", requests),
        Method::Exact => o.null("modelled_requests"),
    }
    o.strings("left_out", &found.left_out);
}

fn attempts(o: &mut Object<'_>, found: &Consequences) {
    let load = &found.attempts;
    o.float("per_request", rounded(load.per_request));
    o.objects("by_subset", &load.by_cluster, |o, c| {
        subset(o, &c.cluster);
        o.float("share", bounded(c.share));
        o.float("attempts", rounded(c.attempts));
        o.float("amplification", rounded(c.amplification()));
        o.float("success", bounded(c.success));
    });
    by_name(o, "by_pod", &load.by_pod);
    distribution(o, &load.distribution);
}

fn subset(o: &mut Object<'_>, cluster: &ClusterName) {
    cluster_parts(o, Some(cluster));
}

fn by_name(o: &mut Object<'_>, key: &str, pods: &[(String, f64)]) {
    o.object(key, |o| pods.iter().for_each(|(pod, load)| o.float(pod, rounded(*load))));
}

/// Shares by number; what never happens is left out.
fn distribution(o: &mut Object<'_>, shares: &[f64]) {
    o.object("distribution", |o| {
        let happens = shares.iter().enumerate().filter(|(_, share)| **share > 0.0);
        happens.for_each(|(number, share)| o.float(&number.to_string(), bounded(*share)));
    });
}

/// Without the last bits, which are noise.
fn rounded(value: f64) -> f64 {
    if value.abs() < 1e6 { (value * 1e9).round() / 1e9 } else { value }
}
