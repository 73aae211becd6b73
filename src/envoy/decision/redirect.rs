//! Where redirects point (envoy-matching 6.4, 6.5; EV-8).

use super::upstream::{matched_length, rewrite_path};
use crate::envoy::path::rewrite_prefix;
use crate::envoy::router::{Router, Seen};
use crate::envoy::table::{PathMatch, PathRewrite, Redirect, RedirectPath};

/// The Location of a route's redirect.
pub(super) fn location(router: &Router, request: &Seen<'_>, matched: &PathMatch, redirect: &Redirect) -> String {
    let old_scheme = request.forwarded_proto();
    let scheme = redirect.scheme.as_deref().unwrap_or(request.scheme());
    let port = redirect.port.filter(|p| *p != 0);
    let host = match &redirect.host {
        Some(host) => host.as_str(),
        None => kept_authority(&request.authority, port.is_some(), scheme != old_scheme, &old_scheme),
    };
    let query = request.path.get(request.bare_length..).unwrap_or_default();
    let path = match &redirect.path {
        RedirectPath::Replace(path) if path.is_empty() => request.path.to_string(),
        RedirectPath::Replace(path) if path.contains('?') => path.to_string(),
        RedirectPath::Replace(path) => format!("{path}{query}"),
        RedirectPath::Prefix(with) => {
            let path = rewrite_prefix(request.path.as_bytes(), matched_length(matched), with);
            String::from_utf8_lossy(&path).into_owned()
        }
        RedirectPath::Regex { pattern, substitution } => {
            let rewrite = PathRewrite::Regex { pattern: pattern.clone(), substitution: substitution.clone() };
            rewrite_path(router, &request.path, matched, &rewrite).into()
        }
    };
    // A query that the redirect itself brings stays.
    let brings = matches!(&redirect.path, RedirectPath::Replace(path) if path.contains('?'));
    let path = match path.split_once('?') {
        Some((bare, _)) if redirect.strip_query && !brings => bare.to_owned(),
        _ => path,
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    match port {
        Some(port) => format!("{scheme}://{host}:{port}{slash}{path}"),
        None => format!("{scheme}://{host}{slash}{path}"),
    }
}

/// The request's authority. What stands behind its colon goes where the redirect sets a port, be it a port or not, and where the scheme
/// changes and it is the default of the old scheme.
fn kept_authority<'a>(authority: &'a str, port_is_set: bool, scheme_changes: bool, old_scheme: &str) -> &'a str {
    let colon = match authority.strip_prefix('[') {
        Some(_) => authority.rfind("]:").map(|at| at + 1),
        None => authority.rfind(':'),
    };
    let Some((host, port)) = colon.and_then(|at| authority.split_at_checked(at)) else { return authority };
    let is_default = matches!((port, old_scheme), (":80", "http") | (":443", "https"));
    if port_is_set || (scheme_changes && is_default) { host } else { authority }
}

/// The Location of a plain request that must come again over TLS: the authority stays as it is (1.7, EV-6).
pub(super) fn https_location(request: &Seen<'_>) -> String {
    format!("https://{}{}", request.authority, request.path)
}

/// The Location that Envoy adds to direct responses with status 201 and 3xx: the request's own URL (6.4).
pub(super) fn own_location(request: &Seen<'_>, status: u32) -> Option<String> {
    let adds = status == 201 || (300..400).contains(&status);
    adds.then(|| format!("{}://{}{}", request.scheme(), request.authority, request.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::router::Switches;
    use crate::envoy::router::testing::{one_host, prefix, route, seen, to};
    use crate::envoy::table::RouteAction;

    fn redirect() -> Redirect {
        Redirect {
            scheme: None,
            host: None,
            port: None,
            path: RedirectPath::Replace("".into()),
            status: 301,
            strip_query: false,
        }
    }

    fn leads(authority: &str, redirect: Redirect) -> String {
        let request = Seen { authority: authority.into(), path: "/abc/d?q=1".into(), bare_length: 6, ..seen(&[]) };
        let mut route = route(prefix("/abc"), to("v1"));
        let matched = route.matcher.path.clone();
        route.action = RouteAction::Redirect(Box::new(redirect.clone()));
        let router = Router::new(std::sync::Arc::new(one_host(vec![route])), &Switches::default());
        location(&router, &request, &matched, &redirect)
    }

    #[test]
    fn s6_5_locations() {
        let https = || Redirect { scheme: Some("https".into()), ..redirect() };
        let regex = |pattern: &str, substitution: &str| Redirect {
            path: RedirectPath::Regex { pattern: pattern.into(), substitution: substitution.into() },
            ..redirect()
        };
        let path = |p: &str| Redirect { path: RedirectPath::Replace(p.into()), ..redirect() };
        for (authority, redirect, wanted) in [
            ("h:80", https(), "https://h/abc/d?q=1"),
            ("h:443", https(), "https://h:443/abc/d?q=1"),
            ("h:8080", https(), "https://h:8080/abc/d?q=1"),
            ("h:8080", Redirect { port: Some(8443), ..redirect() }, "http://h:8443/abc/d?q=1"),
            ("h:", Redirect { port: Some(8443), ..redirect() }, "http://h:8443/abc/d?q=1"),
            ("h:x", Redirect { port: Some(8443), ..redirect() }, "http://h:8443/abc/d?q=1"),
            ("[::1]", Redirect { port: Some(8443), ..redirect() }, "http://[::1]:8443/abc/d?q=1"),
            ("[::1]:80", https(), "https://[::1]/abc/d?q=1"),
            ("h:80", path("/new"), "http://h:80/new?q=1"),
            ("h", path("new"), "http://h/new?q=1"),
            ("h", path("/new?k=v"), "http://h/new?k=v"),
            ("h", Redirect { path: RedirectPath::Prefix("/new".into()), ..redirect() }, "http://h/new/d?q=1"),
            ("h", redirect(), "http://h/abc/d?q=1"),
            ("h", Redirect { strip_query: true, ..redirect() }, "http://h/abc/d"),
            ("h", Redirect { strip_query: true, ..path("/new?k=v") }, "http://h/new?k=v"),
            ("h", Redirect { strip_query: true, ..path("/new") }, "http://h/new"),
            ("h", regex("/(a)bc/", "/\\1/"), "http://h/a/d?q=1"),
            ("h", Redirect { strip_query: true, ..regex("^/abc", "") }, "http://h/d"),
            ("h", regex("q", "x"), "http://h/abc/d?q=1"),
            ("h", Redirect { scheme: Some("FTP".into()), ..redirect() }, "FTP://h/abc/d?q=1"),
            ("h:80", Redirect { host: Some("n:81".into()), port: Some(82), ..redirect() }, "http://n:81:82/abc/d?q=1"),
            ("[::1]:80", https(), "https://[::1]/abc/d?q=1"),
        ] {
            assert_eq!(leads(authority, redirect), wanted, "{authority}");
        }
    }

    #[test]
    fn s6_4_created_and_3xx_direct_responses_point_to_themselves() {
        let request = seen(&[]);
        assert_eq!(own_location(&request, 201).as_deref(), Some("http://Shop:80/p?q=1&q=2&x&&y=a=b"));
        assert!(own_location(&request, 304).is_some());
        assert!(own_location(&request, 200).is_none());
    }
}
