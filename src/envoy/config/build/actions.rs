//! What routes do.

use std::sync::Arc;

use base64::Engine as _;
use smol_str::{SmolStr, format_smolstr};

use super::super::message;
use super::headers::mutations;
use super::matchers::{Given, quoted, template_of};
use super::policies::{destination, hash, mirrors, retry};
use crate::envoy::table::{
    Body, ClusterName, Destination, DirectResponse, Forward, ForwardTo, FurtherForward, HostSource, MirrorPolicy,
    PathRewrite, Redirect, RedirectPath, RetryPolicy, RouteAction, Upgrade, WeightedCluster,
};
use crate::manifest::kinds::Nanos;

/// How long a route waits where it says nothing.
const TIMEOUT: Nanos = Nanos::seconds(15);

/// What the virtual host has for routes that have none themselves.
pub(super) struct Outer<'a> {
    pub retry: &'a Option<Arc<RetryPolicy>>,
    pub mirrors: &'a [MirrorPolicy],
    /// What the proxy has beside.
    pub given: &'a Given,
}

pub(super) fn action(route: &mut message::Route, outer: &Outer<'_>, not_evaluated: &mut Vec<SmolStr>) -> RouteAction {
    if let Some(forward) = route.route.take() {
        let mut made = self::forward(*forward, &route.matcher, outer, not_evaluated);
        if let PathRewrite::Prefix(with) = &made.rewrite
            && let Some((pattern, substitution)) = separated(&route.matcher, with)
        {
            made.rewrite = PathRewrite::Regex { pattern, substitution };
        }
        return RouteAction::Forward(made.into());
    }
    if let Some(r) = route.redirect.take() {
        let mut made = redirect(*r, not_evaluated);
        if let RedirectPath::Prefix(with) = &made.path
            && let Some((pattern, substitution)) = separated(&route.matcher, with)
        {
            made.path = RedirectPath::Regex { pattern, substitution };
        }
        return RouteAction::Redirect(Box::new(made));
    }
    if let Some(d) = route.direct_response.take() {
        return RouteAction::DirectResponse(Box::new(direct_response(d, not_evaluated)));
    }
    let to = |cluster| RouteAction::Forward(plain(Destination { cluster, at: None }).into());
    if route.filter_action.is_some() {
        not_evaluated.push("filter_action".into());
        return to(ClusterName::NotEvaluated("filter_action".into()));
    }
    // Nobody takes it: 503 NC (envoy-matching A112).
    if route.non_forwarding_action.is_some() {
        return to(ClusterName::Other(SmolStr::default()));
    }
    if let Some(what) = route.unread.first() {
        return to(ClusterName::NotEvaluated(what.clone()));
    }
    RouteAction::Nothing
}

/// What replaces a `path_separated_prefix`, and nothing behind it; None where the route asks for something else.
fn separated(matcher: &message::RouteMatch, with: &str) -> Option<(SmolStr, SmolStr)> {
    let prefix = matcher.path_separated_prefix.as_ref()?;
    let flags = if matcher.case_sensitive == Some(false) { "(?i)" } else { "" };
    Some((format_smolstr!("{flags}^{}", quoted(prefix)), with.replace('\\', "\\\\").into()))
}

fn plain(destination: Destination) -> Forward {
    Forward { timeout: TIMEOUT, ..Forward::to(ForwardTo::Cluster(destination)) }
}

fn forward(
    mut f: message::RouteAction,
    matcher: &message::RouteMatch,
    outer: &Outer<'_>,
    not_evaluated: &mut Vec<SmolStr>,
) -> Forward {
    let mut further = FurtherForward {
        not_found: f.cluster_not_found_response_code.as_ref().and_then(not_found),
        number_header: f.weighted_clusters.as_ref().map(|w| w.header_name.to_ascii_lowercase().into()),
        host: None,
        upgrades: upgrades(std::mem::take(&mut f.upgrade_configs)),
    };
    further.number_header = further.number_header.filter(|name| !name.is_empty());
    let destination = forward_to(&mut f, not_evaluated);
    not_evaluated.append(&mut f.unread);
    let others = [
        (f.internal_redirect_policy.is_some(), "internal_redirect_policy"),
        (f.metadata_match.is_some(), "metadata_match"),
    ];
    not_evaluated.extend(others.iter().filter(|(has, _)| *has).map(|(_, name)| SmolStr::new_static(name)));
    let templated = f.path_rewrite_policy.map(|policy| rewrite_by_template(matcher, &policy));
    let rewrite = match (f.regex_rewrite, templated) {
        (_, Some(Some((pattern, substitution)))) => PathRewrite::Regex { pattern, substitution },
        (Some(r), _) => PathRewrite::Regex { pattern: r.pattern.regex, substitution: r.substitution },
        (None, Some(None)) => {
            not_evaluated.push("path_rewrite_policy".into());
            PathRewrite::None
        }
        (None, None) if f.prefix_rewrite.is_empty() => PathRewrite::None,
        (None, None) => {
            if matcher.path_match_policy.is_some() {
                not_evaluated.push("prefix_rewrite behind a path_match_policy".into());
            }
            PathRewrite::Prefix(f.prefix_rewrite)
        }
    };
    further.host = match (f.host_rewrite_header, f.host_rewrite_path_regex) {
        (Some(name), _) => Some(HostSource::Header(name.to_ascii_lowercase().into())),
        (None, Some(r)) => Some(HostSource::Path { pattern: r.pattern.regex, substitution: r.substitution }),
        (None, None) if f.auto_host_rewrite => Some(HostSource::Endpoint),
        (None, None) => None,
    };
    let mirrors = if f.request_mirror_policies.is_empty() {
        outer.mirrors.to_vec()
    } else {
        mirrors(f.request_mirror_policies, not_evaluated)
    };
    Forward {
        destination,
        timeout: f.timeout.map_or(TIMEOUT, |t| t.0),
        retry: f.retry_policy.map(|r| Arc::new(retry(*r, not_evaluated))).or_else(|| outer.retry.clone()),
        rewrite,
        host_rewrite: f.host_rewrite_literal.or(f.host_rewrite),
        append_x_forwarded_host: f.append_x_forwarded_host,
        mirrors,
        hash_policies: hash(f.hash_policy, not_evaluated),
        further: (further != FurtherForward::default()).then(|| further.into()),
    }
}

/// What connections may become.
pub(super) fn upgrades(all: Vec<message::UpgradeConfig>) -> Vec<Upgrade> {
    all.into_iter().map(|u| Upgrade { kind: u.upgrade_type, enabled: u.enabled != Some(false) }).collect()
}

/// The status where the cluster is unknown, unless it is 503.
fn not_found(code: &message::Choice) -> Option<u16> {
    if code.is("NOT_FOUND", "1") {
        Some(404)
    } else if code.is("INTERNAL_SERVER_ERROR", "2") {
        Some(500)
    } else {
        None
    }
}

/// A rewrite by a URI template, which goes with a match by one.
fn rewrite_by_template(matcher: &message::RouteMatch, policy: &message::Filter) -> Option<(SmolStr, SmolStr)> {
    let message::Typed::PathTemplate(to) = &policy.config else { return None };
    template_of(matcher.path_match_policy.as_ref()?)?.rewrite(to)
}

fn forward_to(f: &mut message::RouteAction, not_evaluated: &mut Vec<SmolStr>) -> ForwardTo {
    let by_header =
        |name: &str| Destination { cluster: ClusterName::FromHeader(name.to_ascii_lowercase().into()), at: None };
    if let Some(cluster) = &f.cluster {
        return ForwardTo::Cluster(destination(cluster));
    }
    if let Some(header) = &f.cluster_header {
        return ForwardTo::Cluster(by_header(header));
    }
    let Some(weighted) = f.weighted_clusters.take() else {
        // Of an extension that picks it, which is among what isn't read.
        let what = f.unread.iter().find(|name| name.contains("cluster_specifier")).cloned().unwrap_or_default();
        return ForwardTo::Cluster(Destination { cluster: ClusterName::NotEvaluated(what), at: None });
    };
    not_evaluated.extend(weighted.unread.iter().map(|what| format_smolstr!("weighted_clusters.{what}")));
    if weighted.use_hash_policy {
        not_evaluated.push("weighted_clusters.use_hash_policy".into());
    }
    let mut entries = Vec::with_capacity(weighted.clusters.len());
    for entry in weighted.clusters {
        not_evaluated.extend(entry.unread.iter().map(|what| format_smolstr!("weighted_clusters.clusters.{what}")));
        if !entry.typed_per_filter_config.is_empty() {
            not_evaluated.push("weighted_clusters.clusters.typed_per_filter_config".into());
        }
        let weight = entry.weight.map_or(0, |w| w.u32());
        if weight == 0 {
            continue;
        }
        entries.push(WeightedCluster {
            destination: if entry.cluster_header.is_empty() {
                destination(&entry.name)
            } else {
                by_header(&entry.cluster_header)
            },
            weight,
            host_rewrite: entry.host_rewrite_literal,
            request_headers: mutations(entry.request_headers_to_add, entry.request_headers_to_remove, not_evaluated),
            response_headers: mutations(entry.response_headers_to_add, entry.response_headers_to_remove, not_evaluated),
        });
    }
    ForwardTo::Weighted(entries)
}

fn redirect(r: message::RedirectAction, not_evaluated: &mut Vec<SmolStr>) -> Redirect {
    not_evaluated.extend(r.unread.iter().map(|what| format_smolstr!("redirect.{what}")));
    Redirect {
        scheme: r.scheme_redirect.or_else(|| r.https_redirect.then(|| SmolStr::new_static("https"))),
        host: Some(r.host_redirect).filter(|host| !host.is_empty()),
        port: r.port_redirect.map(|p| p.u32()).filter(|p| *p != 0),
        path: match (r.prefix_rewrite, r.regex_rewrite) {
            (Some(prefix), _) => RedirectPath::Prefix(prefix),
            (None, Some(r)) => RedirectPath::Regex { pattern: r.pattern.regex, substitution: r.substitution },
            (None, None) => RedirectPath::Replace(r.path_redirect),
        },
        strip_query: r.strip_query,
        status: match r.response_code.0.as_str() {
            "FOUND" | "1" => 302,
            "SEE_OTHER" | "2" => 303,
            "TEMPORARY_REDIRECT" | "3" => 307,
            "PERMANENT_REDIRECT" | "4" => 308,
            _ => 301,
        },
    }
}

fn direct_response(d: message::DirectResponseAction, not_evaluated: &mut Vec<SmolStr>) -> DirectResponse {
    not_evaluated.extend(d.unread.iter().map(|what| format_smolstr!("direct_response.{what}")));
    let body = match d.body {
        None => Body::None,
        Some(source) => match (source.inline_string, source.inline_bytes) {
            (Some(text), _) => Body::String(text),
            (None, Some(text)) => {
                Body::Bytes(base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default())
            }
            (None, None) => Body::None,
        },
    };
    DirectResponse { status: d.status.u32(), body }
}
