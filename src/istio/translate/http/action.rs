//! Routing to destinations (sections 7.2 to 7.4, 7.7 and 7.9 of the translation rules).

use std::sync::Arc;

use smol_str::SmolStr;

use super::{Translation, hash, headers, retry};
use crate::envoy::table::{
    Destination, Forward, ForwardTo, Fraction, HeaderMutations, MirrorPolicy, NoteKind, PathRewrite, Route,
    RouteAction, WeightedCluster,
};
use crate::istio::mesh::HttpRule;
use crate::istio::translate::destination::cluster_name;
use crate::manifest::kinds::{self, HttpRewrite, HttpRouteDestination, Percent};

/// Gives `route` the forwarding action of a rule (AC-1), and for a single destination its header operations too (HD-1).
pub(super) fn forward(translation: &Translation<'_>, rule: &HttpRule, route: &mut Route) {
    let written = &rule.route;
    let mut authority = written.rewrite.as_ref().map(|r| &r.authority).filter(|a| !a.is_empty()).cloned();
    authority = authority.or_else(|| written.headers.as_ref().and_then(|h| headers::authority(&h.request)));
    let mut hash_policies = Vec::new();
    let mut hashed = false;
    let destination = if let [single] = written.route.as_slice() {
        // WT-1: a single destination gets everything, whatever its weight.
        if let Some(operations) = &single.headers {
            headers::append(&mut route.request_headers, &headers::mutations(&operations.request));
            headers::append(&mut route.response_headers, &headers::mutations(&operations.response));
            authority = authority.or_else(|| headers::authority(&operations.request));
        }
        let consistent_hash = single.destination.as_ref().and_then(|d| hash::of_destination(translation.cx, d));
        hashed = consistent_hash.is_some();
        hash_policies.extend(consistent_hash.and_then(hash::policy));
        ForwardTo::Cluster(destination(translation, single.destination.as_ref()))
    } else {
        let mut clusters = Vec::with_capacity(written.route.len());
        for (i, entry) in written.route.iter().enumerate() {
            let Some(cluster) = weighted_cluster(translation, entry) else {
                let message = format!("`route[{i}]` has weight 0 and is left out");
                let note = translation.note(NoteKind::Dropped, "WT-2", Some(&rule.source), message);
                translation.say(crate::envoy::table::Note { at: entry.at, ..note });
                continue;
            };
            let consistent_hash = entry.destination.as_ref().and_then(|d| hash::of_destination(translation.cx, d));
            hash_policies.extend(consistent_hash.and_then(hash::policy));
            clusters.push(cluster);
        }
        ForwardTo::Weighted(clusters)
    };
    let retry = match written.retries.as_deref() {
        Some(written) => retry::policy(Some(written), hashed).map(Arc::new),
        None => retry::of_mesh(translation.cx, hashed),
    };
    route.action = RouteAction::Forward(Arc::new(Forward {
        timeout: written.timeout.unwrap_or_default(), // TO-1
        retry,
        rewrite: written.rewrite.as_deref().map_or(PathRewrite::None, path_rewrite),
        host_rewrite: authority,
        mirrors: mirrors(translation, rule),
        hash_policies,
        ..Forward::to(destination) // RW-3: no X-Forwarded-Host
    }));
}

/// DP-2 to DP-5, with the place that names the destination.
fn destination(translation: &Translation<'_>, written: Option<&kinds::Destination>) -> Destination {
    let empty = kinds::Destination::default();
    let destination = written.unwrap_or(&empty);
    let (vs, site) = (translation.vs, translation.site);
    let cluster = cluster_name(destination, &vs.object.namespace, site.port, site.lookup);
    Destination { cluster, at: written.map(|d| d.at) }
}

/// WT-2; None for weight 0.
fn weighted_cluster(translation: &Translation<'_>, entry: &HttpRouteDestination) -> Option<WeightedCluster> {
    let weight = u32::try_from(entry.weight).ok().filter(|w| *w > 0)?;
    let operations = entry.headers.as_deref();
    Some(WeightedCluster {
        destination: destination(translation, entry.destination.as_ref()),
        weight,
        host_rewrite: operations.and_then(|h| headers::authority(&h.request)),
        request_headers: operations.map_or_else(HeaderMutations::default, |h| headers::mutations(&h.request)),
        response_headers: operations.map_or_else(HeaderMutations::default, |h| headers::mutations(&h.response)),
    })
}

/// RW-1.
fn path_rewrite(rewrite: &HttpRewrite) -> PathRewrite {
    match &rewrite.uri_regex_rewrite {
        Some(regex) => PathRewrite::Regex { pattern: regex.pattern.clone(), substitution: regex.rewrite.clone() },
        None if rewrite.uri.is_empty() => PathRewrite::None,
        None => PathRewrite::Prefix(SmolStr::clone(&rewrite.uri)),
    }
}

/// MI-1.
fn mirrors(translation: &Translation<'_>, rule: &HttpRule) -> Vec<MirrorPolicy> {
    let written = &rule.route;
    let mut out = Vec::new();
    let mut add = |mirror: &kinds::Destination, fraction: Option<Fraction>| match fraction {
        Some(fraction) => out.push(MirrorPolicy { destination: destination(translation, Some(mirror)), fraction }),
        None => {
            let message = format!("the mirror to `{}` has 0 percent and is left out", mirror.host);
            let note = translation.note(NoteKind::Dropped, "MI-1", Some(&rule.source), message);
            translation.say(crate::envoy::table::Note { at: mirror.at, ..note });
        }
    };
    if let Some(mirror) = &written.mirror {
        let fraction = match (written.mirror_percentage, written.mirror_percent) {
            (None, Some(percent)) => (percent > 0).then_some(Fraction { numerator: percent, denominator: 100 }),
            (percentage, _) => mirror_fraction(percentage),
        };
        add(mirror, fraction);
    }
    for mirror in &written.mirrors {
        if let Some(destination) = &mirror.destination {
            add(destination, mirror_fraction(mirror.percentage));
        }
    }
    out
}

/// MI-1: absent means all; 0 means none.
fn mirror_fraction(percentage: Option<Percent>) -> Option<Fraction> {
    match percentage {
        None => Some(Fraction { numerator: 100, denominator: 100 }),
        Some(percent) => (percent.0 > 0.0).then(|| millionths(percent)),
    }
}

/// A percentage in millionths, rounded down.
pub(super) fn millionths(percent: Percent) -> Fraction {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast rounds down and saturates")]
    let numerator = (percent.0 * 10_000.0) as u32;
    Fraction { numerator, denominator: 1_000_000 }
}
