//! Retries, mirrors, hashes, faults and CORS.

use smol_str::{SmolStr, format_smolstr};

use super::super::message::{self, PerFilter, Typed};
use super::matchers::{fraction, value};
use crate::envoy::table::{
    AbortStatus, ClusterName, Cors, Destination, Fault, FaultAbort, FaultDelay, Fraction, HashPolicy, MirrorPolicy,
    RetryPolicy,
};

/// Configurations for a part of a table that change nothing of where its requests go, by type or name.
const SILENT: [&str; 6] =
    ["envoy.filters.http.stateful_session", "StatsConfig", "istio.stats", "istio.alpn", "FilterStateConfig", "Buffer"];

pub(super) fn destination(cluster: &str) -> Destination {
    Destination { cluster: ClusterName::named(cluster), at: None }
}

pub(super) fn retry(r: message::RetryPolicy, not_evaluated: &mut Vec<SmolStr>) -> RetryPolicy {
    let of = |what: &SmolStr| format_smolstr!("retry_policy.{what}");
    not_evaluated.extend(r.unread.iter().map(of));
    let mut predicates = r.retry_host_predicate.iter();
    let previous_hosts = predicates.any(|p| matches!(p.config, Typed::PreviousHosts));
    let previous_priorities = r.retry_priority.is_some_and(|p| matches!(p.config, Typed::PreviousPriorities));
    RetryPolicy {
        retry_on: r.retry_on,
        // Envoy's own default.
        num_retries: r.num_retries.map_or(1, |n| n.u32()),
        per_try_timeout: r.per_try_timeout.map(|t| t.0),
        retriable_status_codes: r.retriable_status_codes.iter().map(|c| c.u32()).collect(),
        previous_hosts,
        previous_priorities,
        base_interval: r.retry_back_off.and_then(|b| b.base_interval).map(|t| t.0),
    }
}

pub(super) fn mirrors(all: Vec<message::MirrorPolicy>, not_evaluated: &mut Vec<SmolStr>) -> Vec<MirrorPolicy> {
    let mut out = Vec::with_capacity(all.len());
    for mirror in all {
        not_evaluated.extend(mirror.unread.iter().map(|what| format_smolstr!("request_mirror_policies.{what}")));
        let cluster = if mirror.cluster_header.is_empty() {
            destination(&mirror.cluster)
        } else {
            let header = mirror.cluster_header.to_ascii_lowercase().into();
            Destination { cluster: ClusterName::FromHeader(header), at: None }
        };
        let fraction = match mirror.runtime_fraction {
            Some(f) => fraction(f.default_value.as_ref()),
            None => Fraction { numerator: 100, denominator: 100 },
        };
        out.push(MirrorPolicy { destination: cluster, fraction });
    }
    out
}

pub(super) fn hash(policies: Vec<message::HashPolicy>, not_evaluated: &mut Vec<SmolStr>) -> Vec<HashPolicy> {
    let mut out = Vec::with_capacity(policies.len());
    for policy in policies {
        not_evaluated.extend(policy.unread.iter().map(|what| format_smolstr!("hash_policy.{what}")));
        let made = if let Some(header) = policy.header {
            not_evaluated.extend(header.unread.iter().map(|what| format_smolstr!("hash_policy.header.{what}")));
            HashPolicy::Header(header.header_name)
        } else if let Some(cookie) = policy.cookie {
            HashPolicy::Cookie {
                name: cookie.name,
                ttl: cookie.ttl.map(|t| t.0),
                path: cookie.path,
                attributes: cookie.attributes.into_iter().map(|a| (a.name, a.value)).collect(),
            }
        } else if let Some(query) = policy.query_parameter {
            HashPolicy::QueryParameter(query.name)
        } else if policy.connection_properties.is_some_and(|c| c.source_ip) {
            HashPolicy::SourceIp
        } else {
            HashPolicy::Nothing
        };
        out.push(if policy.terminal { HashPolicy::Terminal(made.into()) } else { made });
    }
    out
}

/// Fault and CORS of a part of a table, the most specific configuration of each filter first.
pub(super) fn per_filter(levels: [&PerFilter; 3], not_evaluated: &mut Vec<SmolStr>) -> (Option<Fault>, Option<Cors>) {
    let (mut faults, mut cors) = (None, None);
    let mut known: Vec<&SmolStr> = Vec::new();
    for (name, filter) in levels.into_iter().flatten() {
        if known.contains(&name) {
            continue;
        }
        known.push(name);
        match &filter.config {
            _ if filter.disabled => {}
            Typed::Fault(f) => faults = faults.or(Some(fault(f))),
            Typed::Cors(policy) => {
                if cors.is_none() {
                    cors = cors_of(policy, not_evaluated);
                }
            }
            Typed::Other(kind) if SILENT.contains(&kind.as_str()) || SILENT.contains(&name.as_str()) => {}
            _ => not_evaluated.push(format_smolstr!("typed_per_filter_config of {name}")),
        }
    }
    (faults, cors)
}

fn fault(f: &message::HttpFault) -> Fault {
    let share = |p: &Option<message::FractionalPercent>| p.as_ref().map(|p| fraction(Some(p)));
    Fault {
        delay: f
            .delay
            .as_ref()
            .and_then(|d| Some(FaultDelay { fixed: d.fixed_delay?.0, fraction: share(&d.percentage) })),
        abort: f.abort.as_ref().and_then(|a| {
            let status = match (a.http_status, a.grpc_status) {
                (Some(status), _) => AbortStatus::Http(status.u32()),
                (None, Some(status)) => AbortStatus::Grpc(status.u32()),
                (None, None) => return None,
            };
            Some(FaultAbort { status, fraction: share(&a.percentage) })
        }),
    }
}

/// None where it is switched off.
fn cors_of(c: &message::CorsPolicy, not_evaluated: &mut Vec<SmolStr>) -> Option<Cors> {
    not_evaluated.extend(c.unread.iter().map(|what| format_smolstr!("cors.{what}")));
    let enabled = c.filter_enabled.as_ref().map(|f| fraction(f.default_value.as_ref()));
    match enabled {
        Some(share) if share.numerator == 0 => return None,
        Some(share) if share.numerator < share.denominator => {
            not_evaluated.push(format_smolstr!("cors.filter_enabled {}/{}", share.numerator, share.denominator));
        }
        _ => {}
    }
    let mut allow_origins = Vec::with_capacity(c.allow_origin_string_match.len());
    for origin in &c.allow_origin_string_match {
        match value(origin) {
            Ok(origin) => allow_origins.push(origin),
            Err(what) => not_evaluated.push(format_smolstr!("cors.allow_origin_string_match.{what}")),
        }
    }
    Some(Cors {
        allow_origins,
        allow_methods: c.allow_methods.clone(),
        allow_headers: c.allow_headers.clone(),
        expose_headers: c.expose_headers.clone(),
        max_age: c.max_age.map(|age| age.i64()),
        allow_credentials: c.allow_credentials,
        forward_not_matching_preflights: c.forward_not_matching_preflights.unwrap_or(true),
    })
}
