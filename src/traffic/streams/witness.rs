//! A request that satisfies all conditions of a route.

use std::net::IpAddr;

use regex_syntax::hir::{Class, Hir, HirKind};
use smol_str::{SmolStr, format_smolstr};

use crate::envoy::re2::{Encoding, Re2};
use crate::envoy::request::Request;
use crate::envoy::table::{HeaderMatcher, PathMatch, RouteMatch, ValueMatch};

/// Where the request is sent.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub authority: SmolStr,
    pub port: u16,
    pub tls: bool,
    pub address: Option<IpAddr>,
}

/// A GET without headers.
pub(super) fn plain(site: &Site, path: &str) -> Request {
    Request {
        port: Some(site.port),
        address: site.address,
        tls: site.tls,
        sni: site.tls.then(|| site.authority.clone()),
        ..Request::new("GET", site.authority.clone(), path)
    }
}

/// Requests that the conditions hold for, the plainest first; a route above may still take any of them.
pub(super) fn candidates(matcher: &RouteMatch, site: &Site) -> Vec<Request> {
    let mut base = plain(site, "/");
    if !matcher.headers.iter().all(|h| satisfy_header(&mut base, h)) {
        return Vec::new();
    }
    let mut query = String::new();
    for q in matcher.query_parameters.iter().filter(|q| !q.absent) {
        let Some(value) = value_for(&q.test) else { return Vec::new() };
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(&q.name);
        query.push('=');
        query.push_str(&value);
    }
    // No request carries a verified token here, and what isn't evaluated is taken not to hold.
    if matcher.claims.iter().any(|c| !c.invert) || !matcher.not_evaluated.is_empty() || matcher.holds_never() {
        return Vec::new();
    }
    paths(&matcher.path)
        .into_iter()
        .map(|path| Request { path: format_smolstr!("{path}{query}"), ..base.clone() })
        .collect()
}

fn satisfy_header(request: &mut Request, h: &HeaderMatcher) -> bool {
    let name = h.name.to_ascii_lowercase();
    if h.invert {
        return invert(request, h, &name);
    }
    let value = match name.as_str() {
        ":scheme" => ["http", "https"].into_iter().find(|scheme| accepts(&h.test, scheme)).map(SmolStr::new_static),
        _ => value_for(&h.test),
    };
    let Some(value) = value else { return false };
    match name.as_str() {
        // The scheme is the connection's, or what the client says of it.
        ":scheme" => request.headers.push(("x-forwarded-proto".into(), value)),
        ":method" => request.method = value,
        ":authority" | "host" => request.authority = value,
        ":path" => return false,
        _ => request.headers.push((SmolStr::new(&h.name), value)),
    }
    true
}

/// An inverted condition holds for an absent header where absence counts as empty, and for presence forms; else another
/// value has to be there.
fn invert(request: &mut Request, h: &HeaderMatcher, name: &str) -> bool {
    if h.test == ValueMatch::Present {
        return !name.starts_with(':');
    }
    if h.treat_missing_as_empty && !accepts(&h.test, "") && !name.starts_with(':') {
        return true;
    }
    if name.starts_with(':') {
        return true; // The plain request's method, authority and scheme are as good a guess as any; the router decides.
    }
    request.headers.push((SmolStr::new(&h.name), "something-else".into()));
    true
}

fn accepts(test: &ValueMatch, value: &str) -> bool {
    match test {
        ValueMatch::Present => true,
        ValueMatch::Exact(v) => value == v,
        ValueMatch::Prefix(v) => value.starts_with(v.as_str()),
        ValueMatch::Regex(r) => Re2::new(r, Encoding::Latin1).is_ok_and(|re| re.full_match(value.as_bytes())),
    }
}

fn value_for(test: &ValueMatch) -> Option<SmolStr> {
    match test {
        ValueMatch::Present => Some("1".into()),
        ValueMatch::Exact(v) | ValueMatch::Prefix(v) => Some(v.clone()),
        ValueMatch::Regex(r) => {
            let re = Re2::new(r, Encoding::Latin1).ok()?;
            ["", "1", "a"]
                .into_iter()
                .map(SmolStr::new_static)
                .chain(shortest(re.hir(), Preference::Letters))
                .find(|w| re.full_match(w.as_bytes()))
        }
    }
}

/// Paths for a path condition, the plainest first.
fn paths(path: &PathMatch) -> Vec<SmolStr> {
    match path {
        PathMatch::Exact(p) => vec![p.clone()],
        // CONNECT is not among the methods that streams have.
        PathMatch::Connect => Vec::new(),
        PathMatch::Prefix(p) if p.is_empty() => vec!["/".into()],
        // Not the prefix itself only: an exact rule above may hold just that path.
        PathMatch::Prefix(p) => vec![p.clone(), format_smolstr!("{p}x"), format_smolstr!("{p}/towtank-example")],
        PathMatch::Regex(r) => {
            let Ok(re) = Re2::new(r, Encoding::Latin1) else { return Vec::new() };
            let made = [Preference::Letters, Preference::Digits].into_iter().filter_map(|p| shortest(re.hir(), p));
            let mut all: Vec<SmolStr> = vec!["/".into(), "/example".into()];
            for w in made {
                all.push(format_smolstr!("/{w}"));
                all.push(format_smolstr!("/example{w}"));
                all.push(w);
            }
            all.retain(|w| w.starts_with('/') && re.full_match(w.as_bytes()));
            all
        }
    }
}

/// Which of several possible characters is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Preference {
    Letters,
    Digits,
}

/// The shortest text along the first branches of a pattern; assertions are taken on trust and checked by the caller.
fn shortest(hir: &Hir, preference: Preference) -> Option<SmolStr> {
    let mut out = Vec::new();
    build(hir, preference, &mut out)?;
    String::from_utf8(out).ok().map(SmolStr::from)
}

fn build(hir: &Hir, preference: Preference, out: &mut Vec<u8>) -> Option<()> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(()),
        HirKind::Literal(l) => {
            out.extend_from_slice(&l.0);
            Some(())
        }
        HirKind::Class(class) => {
            out.push(pick(class, preference)?);
            Some(())
        }
        HirKind::Repetition(r) => (0..r.min.min(1000)).try_for_each(|_| build(&r.sub, preference, out)),
        HirKind::Capture(c) => build(&c.sub, preference, out),
        HirKind::Concat(parts) => parts.iter().try_for_each(|p| build(p, preference, out)),
        HirKind::Alternation(parts) => parts.iter().find_map(|p| {
            let length = out.len();
            build(p, preference, out).or_else(|| {
                out.truncate(length);
                None
            })
        }),
    }
}

fn pick(class: &Class, preference: Preference) -> Option<u8> {
    let contains = |b: u8| match class {
        Class::Bytes(c) => c.ranges().iter().any(|r| r.start() <= b && b <= r.end()),
        Class::Unicode(c) => c.ranges().iter().any(|r| r.start() <= char::from(b) && char::from(b) <= r.end()),
    };
    let order: &[&[u8]] = match preference {
        Preference::Letters => &[b"axyzAX", b"1023", b"/-_.~"],
        Preference::Digits => &[b"1023", b"axyzAX", b"/-_.~"],
    };
    let preferred = order.iter().flat_map(|g| g.iter().copied());
    preferred.chain(b'!'..=b'~').find(|b| contains(*b) && !matches!(b, b'?' | b'#' | b'%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str) {
        let all = paths(&PathMatch::Regex(pattern.into()));
        let re = Re2::new(pattern, Encoding::Latin1).unwrap();
        assert!(!all.is_empty(), "no path for {pattern}");
        assert!(all.iter().all(|w| w.starts_with('/') && re.full_match(w.as_bytes())), "{all:?}");
    }

    #[test]
    fn regex_paths_fit_their_pattern() {
        for pattern in
            ["/items/[0-9]{1,3}", ".*/admin/.*", r".*\.(css|js)", "/v[0-9]+/(a|b)?x", "^/api/(.*)$", "/.*", ".*"]
        {
            check(pattern);
        }
    }
}
