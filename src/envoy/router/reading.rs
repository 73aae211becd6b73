//! How one connection manager reads requests, beside what the table says for all.

use std::borrow::Cow;

use super::Router;
use super::entry::options_of;
use super::view::Seen;
use crate::envoy::authority::without_port;
use crate::envoy::path::PathOptions;
use crate::envoy::proxy::ProxyKind;
use crate::envoy::table::{FilterChain, HttpReading, Route, RouteAction, StripPort, Upgrade};
use crate::manifest::kinds::Underscores;

/// The reading of the requests of one filter chain.
pub(super) struct Reading<'r> {
    pub paths: PathOptions,
    pub underscores: Underscores,
    pub edge: bool,
    own: Option<&'r HttpReading>,
    /// The port of the listener.
    port: u16,
}

impl<'r> Reading<'r> {
    pub(super) fn of(router: &'r Router, listener: u32, chain: &'r FilterChain) -> Reading<'r> {
        let table = router.table();
        let own = chain.http.as_deref();
        let (paths, settings) = match own.and_then(|own| own.paths.as_ref()) {
            Some((mode, settings)) => (options_of(*mode, settings, router.switches()), settings),
            None => (router.paths, &table.connection_settings),
        };
        let is_gateway = table.proxy.kind == ProxyKind::Gateway;
        Reading {
            paths,
            underscores: settings.underscores.unwrap_or_default(),
            edge: own.and_then(|own| own.edge).unwrap_or(is_gateway),
            own,
            port: router.listener(listener).map_or(0, |l| l.port),
        }
    }

    /// The authority as virtual hosts see it (envoy-matching 1.4).
    pub(super) fn authority<'a>(&self, authority: &'a str) -> Cow<'a, str> {
        let Some(own) = self.own else { return Cow::Borrowed(authority) };
        let authority = if own.strip_dot { without_dot(authority) } else { Cow::Borrowed(authority) };
        let host = without_port(&authority);
        // What is no number is no port, and stays.
        let port = authority.get(host.len() + 1..).and_then(|port| port.parse::<u32>().ok());
        let goes = match own.strip_port {
            StripPort::None => false,
            StripPort::Any => port.is_some(),
            StripPort::Matching => port == Some(self.port.into()),
        };
        let length = host.len();
        match authority {
            all if !goes => all,
            Cow::Borrowed(all) => Cow::Borrowed(all.get(..length).unwrap_or(all)),
            Cow::Owned(mut all) => {
                all.truncate(length);
                Cow::Owned(all)
            }
        }
    }

    /// Whether a request that `route` takes may become what it asks for (envoy-matching 2.8).
    pub(super) fn lets_upgrade(&self, seen: &Seen<'_>, route: Option<&Route>) -> bool {
        let kind = if seen.method == "CONNECT" { Some(Cow::Borrowed("CONNECT")) } else { seen.upgrade() };
        let Some(kind) = kind else { return true };
        let of = |all: &[Upgrade]| all.iter().find(|u| u.kind.eq_ignore_ascii_case(&kind)).map(|u| u.enabled);
        let of_route = route.and_then(|route| match &route.action {
            RouteAction::Forward(forward) => of(&forward.further.as_ref()?.upgrades),
            RouteAction::Redirect(_) | RouteAction::DirectResponse(_) | RouteAction::Nothing => None,
        });
        // Istio lets WebSocket in everywhere.
        let all =
            || self.own.map_or_else(|| kind.eq_ignore_ascii_case("websocket"), |own| of(&own.upgrades) == Some(true));
        of_route.unwrap_or_else(all)
    }
}

/// The authority without the dot at the end of its host.
fn without_dot(authority: &str) -> Cow<'_, str> {
    let Some((host, behind)) = authority.rsplit_once('.') else { return Cow::Borrowed(authority) };
    if behind.is_empty() {
        Cow::Borrowed(host)
    } else if behind.starts_with(':') {
        Cow::Owned(format!("{host}{behind}"))
    } else {
        Cow::Borrowed(authority)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::{on, one_host, prefix, route, seen, to};
    use super::super::{Found, HttpEnd, RequestView, Switches};
    use super::*;
    use crate::envoy::table::PathMatch;
    use crate::manifest::kinds::{ConnectionSettings, PathNormalizationType};

    fn upgrade(kind: &str, enabled: bool) -> Upgrade {
        Upgrade { kind: kind.into(), enabled }
    }

    /// A router whose one chain reads as `own` says.
    fn router(own: Option<HttpReading>, routes: Vec<Route>) -> Router {
        let mut table = one_host(routes);
        for listener in &mut table.listeners {
            let mut made = (**listener).clone();
            made.filter_chains.iter_mut().for_each(|chain| chain.http = own.clone().map(Into::into));
            *listener = made.into();
        }
        Router::new(table.into(), &Switches::default())
    }

    #[test]
    fn s1_4_ports_and_dots_are_cut_off_authorities() {
        let any = HttpReading { strip_port: StripPort::Any, ..HttpReading::default() };
        let matching = HttpReading { strip_port: StripPort::Matching, ..HttpReading::default() };
        let dot = HttpReading { strip_dot: true, ..HttpReading::default() };
        let both = HttpReading { strip_dot: true, ..any.clone() };
        for (own, authority, wanted) in [
            (&any, "h:1", "h"),
            (&any, "h:", "h:"),
            (&any, "h:x", "h:x"),
            (&any, "[::1]:80", "[::1]"),
            (&any, "[::1]", "[::1]"),
            (&matching, "h:80", "h"),
            (&matching, "h:81", "h:81"),
            (&dot, "h.", "h"),
            (&dot, "h.:80", "h:80"),
            (&dot, "a.h:80", "a.h:80"),
            (&dot, ".", ""),
            (&both, "h.:9", "h"),
        ] {
            let router = router(Some(own.clone()), vec![route(prefix("/"), to("v1"))]);
            let chain = &router.listener(0).expect("a listener").filter_chains[0];
            assert_eq!(Reading::of(&router, 0, chain).authority(authority), wanted, "{own:?} {authority}");
        }
    }

    #[test]
    fn s0_4_the_proxy_s_switches_hold_for_chains_with_settings_of_their_own() {
        let paths = Some((PathNormalizationType::None, ConnectionSettings::default()));
        for reject_path_with_fragment in [false, true] {
            let switches = Switches { reject_path_with_fragment, ..Switches::default() };
            let mut table = one_host(vec![route(prefix("/"), to("v1"))]);
            let http = Some(HttpReading { paths, ..HttpReading::default() }.into());
            Arc::make_mut(&mut table.listeners[0]).filter_chains[0].http = http;
            let router = Router::new(table.into(), &switches);
            let request = super::super::testing::request("/a/../b#c", &[]);
            let visit = router.visit(&RequestView::from(&request));
            let refused = matches!(visit.found, Found::Http { end: HttpEnd::Refused(_), .. });
            assert_eq!(refused, reject_path_with_fragment);
            let path = visit.seen.map(|seen| seen.path.to_string());
            assert_eq!(path.as_deref(), (!refused).then_some("/a/../b"), "its own settings leave the path");
        }
    }

    #[test]
    fn s2_8_upgrades_need_leave() {
        let websocket = [("connection".into(), "Upgrade".into()), ("upgrade".into(), "WebSocket".into())];
        let other = [("connection".into(), "upgrade".into()), ("upgrade".into(), "foo".into())];
        let h2c = [("connection".into(), "upgrade".into()), ("upgrade".into(), "h2c".into())];
        let allowed = HttpReading { upgrades: vec![upgrade("websocket", true)], ..HttpReading::default() };
        let refused = HttpReading { upgrades: vec![upgrade("websocket", false)], ..HttpReading::default() };
        for (own, headers, wanted) in [
            (None, &websocket, true),
            (None, &other, false),
            (None, &h2c, true),
            (Some(HttpReading::default()), &websocket, false),
            (Some(allowed), &websocket, true),
            (Some(refused), &websocket, false),
        ] {
            let router = router(own, vec![route(prefix("/"), to("v1"))]);
            let chain = &router.listener(0).expect("a listener").filter_chains[0];
            let reading = Reading::of(&router, 0, chain);
            assert_eq!(reading.lets_upgrade(&seen(headers), None), wanted, "{headers:?}");
        }
    }

    #[test]
    fn s2_8_connect_is_taken_by_its_matcher_alone() {
        let connect = route(on(PathMatch::Connect), to("v1"));
        let own = HttpReading { upgrades: vec![upgrade("CONNECT", true)], ..HttpReading::default() };
        let router = router(Some(own), vec![route(prefix("/"), to("v2")), connect]);
        let found = |method: &str, path: &str| {
            let request = crate::envoy::request::Request {
                method: method.into(),
                authority: "shop:80".into(),
                path: path.into(),
                ..super::super::testing::request("/", &[])
            };
            router.find(&crate::envoy::router::RequestView::from(&request))
        };
        assert!(matches!(found("CONNECT", "shop:80"), Found::Http { end: HttpEnd::Route { route: 1, .. }, .. }));
        assert!(matches!(found("GET", "/x"), Found::Http { end: HttpEnd::Route { route: 0, .. }, .. }));
    }
}
