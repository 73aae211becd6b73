//! What routes do.

use base64::Engine as _;
use smol_str::{SmolStr, format_smolstr};

use super::super::message;
use super::headers::mutations;
use super::matchers::quoted;
use super::policies::{destination, hash, mirrors, retry};
use crate::envoy::table::{
    Body, ClusterName, Destination, DirectResponse, Forward, ForwardTo, MirrorPolicy, PathRewrite, Redirect,
    RedirectPath, RetryPolicy, RouteAction, WeightedCluster,
};
use crate::manifest::kinds::Nanos;

/// How long a route waits where it says nothing.
const TIMEOUT: Nanos = Nanos::seconds(15);

/// What the virtual host has for routes that have none themselves.
pub(super) struct Outer<'a> {
    pub retry: &'a Option<RetryPolicy>,
    pub mirrors: &'a [MirrorPolicy],
}

pub(super) fn action(route: &mut message::Route, outer: &Outer<'_>, not_evaluated: &mut Vec<SmolStr>) -> RouteAction {
    if let Some(forward) = route.route.take() {
        let mut made = self::forward(forward, outer, not_evaluated);
        if let (Some(prefix), PathRewrite::Prefix(with)) = (&route.matcher.path_separated_prefix, &made.rewrite) {
            // What was matched is replaced, and nothing behind it.
            let flags = if route.matcher.case_sensitive == Some(false) { "(?i)" } else { "" };
            let pattern = format_smolstr!("{flags}^{}", quoted(prefix));
            made.rewrite = PathRewrite::Regex { pattern, substitution: with.replace('\\', "\\\\").into() };
        }
        return RouteAction::Forward(made.into());
    }
    if let Some(r) = route.redirect.take() {
        if route.matcher.path_separated_prefix.is_some() && r.prefix_rewrite.is_some() {
            not_evaluated.push("redirect.prefix_rewrite behind a path_separated_prefix".into());
        }
        return RouteAction::Redirect(redirect(r, not_evaluated));
    }
    if let Some(d) = route.direct_response.take() {
        return RouteAction::DirectResponse(direct_response(d, not_evaluated));
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

fn plain(destination: Destination) -> Forward {
    Forward {
        destination: ForwardTo::Cluster(destination),
        timeout: TIMEOUT,
        retry: None,
        rewrite: PathRewrite::None,
        host_rewrite: None,
        append_x_forwarded_host: false,
        mirrors: Vec::new(),
        hash_policies: Vec::new(),
    }
}

fn forward(mut f: message::RouteAction, outer: &Outer<'_>, not_evaluated: &mut Vec<SmolStr>) -> Forward {
    let destination = forward_to(&mut f, not_evaluated);
    not_evaluated.append(&mut f.unread);
    let others = [
        (f.auto_host_rewrite, "auto_host_rewrite"),
        (f.host_rewrite_header.is_some(), "host_rewrite_header"),
        (f.host_rewrite_path_regex.is_some(), "host_rewrite_path_regex"),
        (f.internal_redirect_policy.is_some(), "internal_redirect_policy"),
        (f.metadata_match.is_some(), "metadata_match"),
        (f.cluster_not_found_response_code.is_some(), "cluster_not_found_response_code"),
    ];
    not_evaluated.extend(others.iter().filter(|(has, _)| *has).map(|(_, name)| SmolStr::new_static(name)));
    let rewrite = match f.regex_rewrite {
        Some(r) => PathRewrite::Regex { pattern: r.pattern.regex, substitution: r.substitution },
        None if f.prefix_rewrite.is_empty() => PathRewrite::None,
        None => PathRewrite::Prefix(f.prefix_rewrite),
    };
    let mirrors = if f.request_mirror_policies.is_empty() {
        outer.mirrors.to_vec()
    } else {
        mirrors(f.request_mirror_policies, not_evaluated)
    };
    Forward {
        destination,
        timeout: f.timeout.map_or(TIMEOUT, |t| t.0),
        retry: f.retry_policy.map(|r| retry(r, not_evaluated)).or_else(|| outer.retry.clone()),
        rewrite,
        host_rewrite: f.host_rewrite_literal.or(f.host_rewrite),
        append_x_forwarded_host: f.append_x_forwarded_host,
        mirrors,
        hash_policies: hash(f.hash_policy, not_evaluated),
    }
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
    if !weighted.header_name.is_empty() {
        not_evaluated.push("weighted_clusters.header_name".into());
    }
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
    let others = [(r.regex_rewrite.is_some(), "regex_rewrite"), (r.strip_query, "strip_query")];
    not_evaluated.extend(others.iter().filter(|(has, _)| *has).map(|(_, name)| format_smolstr!("redirect.{name}")));
    Redirect {
        scheme: r.scheme_redirect.or_else(|| r.https_redirect.then(|| SmolStr::new_static("https"))),
        host: Some(r.host_redirect).filter(|host| !host.is_empty()),
        port: r.port_redirect.map(|p| p.u32()).filter(|p| *p != 0),
        path: match r.prefix_rewrite {
            Some(prefix) => RedirectPath::Prefix(prefix),
            None => RedirectPath::Replace(r.path_redirect),
        },
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
