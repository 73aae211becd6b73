//! Expectations about the route itself, as the proxy has it: what other tools compare with the written VirtualService.

use super::judge::Difference;
use super::model::{FaultParts, OperationParts, Operations, RedirectParts, RewriteParts, percent_of};
use super::subject::{Subject, in_words};
use crate::envoy::table::{
    AbortStatus, AppendAction, HeaderMutations, PathRewrite, Redirect, RedirectPath, Route, RouteAction,
};
use crate::envoy::words;
use crate::order::Order as _;

fn no_route(s: &Subject<'_>) -> String {
    format!("no route: {}", in_words(&s.ends()))
}

/// `redirect`: the parts that are named.
pub(super) fn redirect(parts: &RedirectParts, s: &Subject<'_>) -> Difference {
    let found = s.route.and_then(|r| match &r.action {
        RouteAction::Redirect(redirect) => Some(&**redirect),
        _ => None,
    });
    let holds = |r: &Redirect| {
        let path = match &r.path {
            RedirectPath::Replace(p) => (p.as_str(), ""),
            RedirectPath::Prefix(p) => ("", p.as_str()),
            RedirectPath::Regex { .. } => ("", ""),
        };
        parts.uri.as_deref().is_none_or(|u| u == path.0)
            && parts.prefix.as_deref().is_none_or(|p| p == path.1)
            && parts.authority.as_deref().is_none_or(|a| r.host.as_deref() == Some(a))
            && parts.scheme.as_deref().is_none_or(|a| r.scheme.as_deref() == Some(a))
            && parts.port.is_none_or(|p| r.port == Some(p))
            && parts.code.is_none_or(|c| r.status == c)
    };
    if found.is_some_and(holds) {
        return None;
    }
    let mut wanted = vec!["redirect".to_owned()];
    wanted.extend(parts.code.map(|c| c.to_string()));
    for (name, value) in
        [("uri", &parts.uri), ("prefix", &parts.prefix), ("authority", &parts.authority), ("scheme", &parts.scheme)]
    {
        wanted.extend(value.as_ref().map(|v| format!("{name} {v}")));
    }
    wanted.extend(parts.port.map(|p| format!("port {p}")));
    let found = found.map_or_else(|| in_words(&s.ends()), words::redirect);
    Some((wanted.join(" "), found))
}

/// `rewrite`: the parts that are named.
pub(super) fn rewrite(parts: &RewriteParts, s: &Subject<'_>) -> Difference {
    let forward = s.route.and_then(|r| match &r.action {
        RouteAction::Forward(forward) => Some(forward),
        _ => None,
    });
    let holds = forward.is_some_and(|f| {
        let uri = parts.uri.as_ref().is_none_or(|uri| f.rewrite == PathRewrite::Prefix(uri.clone()));
        let regex = parts.regex.as_ref().is_none_or(|(pattern, substitution)| {
            f.rewrite == PathRewrite::Regex { pattern: pattern.clone(), substitution: substitution.clone() }
        });
        uri && regex && parts.authority.as_ref().is_none_or(|a| f.host_rewrite.as_ref() == Some(a))
    });
    if holds {
        return None;
    }
    let mut wanted: Vec<String> = Vec::new();
    wanted.extend(parts.uri.as_ref().map(|u| format!("rewrite to {u}")));
    wanted.extend(parts.regex.as_ref().map(|(p, s)| format!("rewrite {p} to {s}")));
    wanted.extend(parts.authority.as_ref().map(|a| format!("authority {a}")));
    Some((wanted.join(", "), treatment(s, &["rewrite", "authority"])))
}

/// What the route does beside choosing a destination, as far as it begins with one of `words`.
fn treatment(s: &Subject<'_>, words: &[&str]) -> String {
    let Some(route) = s.route else { return no_route(s) };
    let all: Vec<String> =
        words::treatment(route).into_iter().filter(|t| words.iter().any(|w| t.starts_with(w))).collect();
    if all.is_empty() { "none of this".to_owned() } else { all.join(", ") }
}

/// `fault`: abort and delay, as far as named.
pub(super) fn fault(parts: &FaultParts, s: &Subject<'_>) -> Difference {
    let fault = s.route.and_then(|r: &std::sync::Arc<Route>| r.fault.as_ref());
    let close =
        |wanted: Option<f64>, found: Option<f64>| wanted.is_none_or(|w| found.is_some_and(|f| (w - f).abs() < 1e-6));
    let abort = parts.abort.as_ref().is_none_or(|(status, percent)| {
        fault.and_then(|f| f.abort.as_ref()).is_some_and(|a| {
            status.is_none_or(|s| a.status == AbortStatus::Http(s)) && close(*percent, a.fraction.map(percent_of))
        })
    });
    let delay = parts.delay.as_ref().is_none_or(|(fixed, percent)| {
        fault
            .and_then(|f| f.delay.as_ref())
            .is_some_and(|d| fixed.is_none_or(|f| d.fixed == f) && close(*percent, d.fraction.map(percent_of)))
    });
    if abort && delay {
        return None;
    }
    let percent = |p: Option<f64>| p.map(|p| format!(" {}", words::percent(p / 100.0))).unwrap_or_default();
    let mut wanted = Vec::new();
    if let Some((status, p)) = &parts.abort {
        wanted.push(format!("abort{} with {}", percent(*p), status.map_or("any status".to_owned(), |s| s.to_string())));
    }
    if let Some((fixed, p)) = &parts.delay {
        wanted.push(format!("delay{} by {}", percent(*p), fixed.map_or("any time".to_owned(), |d| d.to_string())));
    }
    Some((wanted.join(", "), treatment(s, &["abort", "delay"])))
}

/// `headers`: the operations of both directions.
pub(super) fn operations(parts: &OperationParts, s: &Subject<'_>) -> Difference {
    let holds = s.route.is_some_and(|r| {
        same_operations(&parts.request, &r.request_headers) && same_operations(&parts.response, &r.response_headers)
    });
    if holds {
        return None;
    }
    let words = |direction: &str, o: &Operations| {
        let remove = o.remove.iter().map(|n| format!("-{n}"));
        let add = o.add.iter().map(|h| format!("+{}: {}", h.name, h.value));
        let all: Vec<String> = remove.chain(add).collect();
        if all.is_empty() { String::new() } else { format!("{direction} headers {}", all.join(", ")) }
    };
    let wanted = [words("request", &parts.request), words("response", &parts.response)];
    let wanted: Vec<String> = wanted.into_iter().filter(|w| !w.is_empty()).collect();
    let wanted = if wanted.is_empty() { "no header operation".to_owned() } else { wanted.join(", ") };
    Some((wanted, treatment(s, &["request headers", "response headers"])))
}

/// The same operations in any order: the order of a map's keys says nothing.
fn same_operations(wanted: &Operations, found: &HeaderMutations) -> bool {
    let key = |h: &crate::envoy::table::HeaderValueOption| {
        (h.name.to_ascii_lowercase(), h.value.clone(), h.append == AppendAction::AppendIfExistsOrAdd)
    };
    let mut add = (wanted.add.iter().map(key).collect::<Vec<_>>(), found.add.iter().map(key).collect::<Vec<_>>());
    add.0.order();
    add.1.order();
    let lower = |names: &[smol_str::SmolStr]| {
        let mut names: Vec<String> = names.iter().map(|n| n.to_ascii_lowercase()).collect();
        names.order();
        names
    };
    add.0 == add.1 && lower(&wanted.remove) == lower(&found.remove)
}
