//! HTTP rules of one VirtualService to routes (sections 6 and 7 of the translation rules).
//!
//! Each file is one part of a route: its conditions, its action, its headers, its filters.

mod action;
mod filters;
mod hash;
mod headers;
mod matching;
mod redirect;
mod retry;
mod shared;

use std::cell::RefCell;
use std::sync::Arc;

pub(crate) use hash::default_route_policy;
pub(crate) use matching::{catch_all_match, route_match};
pub(crate) use retry::of_mesh as mesh_retry_policy;
pub(super) use shared::{MadeRoutes, RoutesKey};
use smol_str::{SmolStr, format_smolstr};

use super::Context;
use super::destination::ServiceLookup;
use crate::envoy::table::{
    ForwardTo, HeaderMutations, Note, NoteKind, PathMatch, Route, RouteAction, RouteMatch, RouteSource,
};
use crate::istio::mesh::{HttpRule, Service, VirtualService};
use crate::manifest::kinds::HttpMatch;

/// Where the routes are for.
pub(crate) struct HttpSite<'a> {
    /// P: service port on sidecars, `server.port.number` on gateways, 0 for HTTP proxy tables.
    pub port: u16,
    /// G: `mesh`, or the `ns/name` of the gateway that owns the server.
    pub gateway: &'a str,
    /// The server has a `tls` block (RD-2).
    pub is_tls: bool,
    pub lookup: &'a dyn ServiceLookup,
    /// Name of the route configuration, for notes.
    pub route_config: &'a str,
}

/// The routes of `vs` at `site`, in order, cut off after the first catch-all (RT-3). Empty: it doesn't apply (RT-4).
///
/// Proxies for which the same rules count, and the same services and DestinationRules, have them in common.
pub(crate) fn routes(cx: &Context<'_>, vs: &Arc<VirtualService>, site: &HttpSite<'_>) -> Arc<[Arc<Route>]> {
    let made = made_routes(cx, vs, site);
    cx.notes().extend_from_slice(&made.notes);
    made.routes.clone()
}

/// The same with what is to be said of them, which is not said yet.
pub(super) fn made_routes(cx: &Context<'_>, vs: &Arc<VirtualService>, site: &HttpSite<'_>) -> Arc<MadeRoutes> {
    let (key, services) = RoutesKey::of(cx, vs, site);
    cx.parts.routes.get_or(key, |_| Arc::new(MadeRoutes::make(cx, vs, site, services)))
}

impl MadeRoutes {
    fn make(
        cx: &Context<'_>,
        vs: &VirtualService,
        site: &HttpSite<'_>,
        services: Vec<Option<Arc<Service>>>,
    ) -> MadeRoutes {
        let notes = RefCell::default();
        let translation = Translation { cx, vs, site, config_path: config_path(vs), notes: &notes };
        let mut out = Vec::with_capacity(vs.http.len());
        for (i, rule) in vs.http.iter().enumerate() {
            if let Some(hiding) = translation.add_rule(rule, &mut out) {
                translation.note_cut_off(i, rule, hiding);
                break;
            }
        }
        if out.is_empty() && !vs.http.is_empty() {
            let message =
                format!("no rule of {} applies to this proxy here, so its hosts are left to others", vs.object);
            translation.say(Note { at: vs.at, ..translation.note(NoteKind::Dropped, "RT-4", None, message) });
        }
        MadeRoutes { routes: out.into(), notes: notes.into_inner(), _services: services }
    }
}

/// RT-3's definition of a catch-all, which gateways use again to move routes (GW-11).
pub(crate) fn is_catch_all(route: &Route) -> bool {
    ends_table(&route.matcher)
}

/// Whether nothing of the same VirtualService is sent behind an entry with this matcher (RT-3).
pub(crate) fn ends_table(matcher: &RouteMatch) -> bool {
    let RouteMatch { path, case_sensitive: _, headers, query_parameters, claims, further: _, not_evaluated: _ } =
        matcher;
    let any_path = match path {
        PathMatch::Prefix(prefix) => prefix == "/",
        PathMatch::Regex(regex) => regex == ".*",
        PathMatch::Exact(_) | PathMatch::Connect => false,
    };
    any_path && headers.is_empty() && query_parameters.is_empty() && claims.is_empty()
}

/// `filter_metadata["istio"]["config"]` (RT-15). Istio names the version it stores objects in, whatever the manifest says.
fn config_path(vs: &VirtualService) -> SmolStr {
    let (namespace, name) = (&vs.object.namespace, &vs.object.name);
    format_smolstr!("/apis/networking.istio.io/v1/namespaces/{namespace}/virtual-service/{name}")
}

/// One VirtualService on its way to one site.
struct Translation<'a> {
    cx: &'a Context<'a>,
    vs: &'a VirtualService,
    site: &'a HttpSite<'a>,
    config_path: SmolStr,
    notes: &'a RefCell<Vec<Note>>,
}

/// What hides all that comes after it.
enum Hiding {
    /// A rule without matches.
    Rule,
    /// The match entry of this index.
    Match(usize),
}

impl Translation<'_> {
    /// Adds the routes of one rule (RT-1, RT-2) and says what of it hides everything later (RT-3).
    fn add_rule(&self, rule: &HttpRule, out: &mut Vec<Arc<Route>>) -> Option<Hiding> {
        let HttpRule { route, source, match_sources } = rule;
        if route.matches.is_empty() {
            out.push(Arc::new(self.route(&self.template(rule), None, source)));
            return Some(Hiding::Rule);
        }
        let mut template = None;
        for (i, m) in route.matches.iter().enumerate() {
            let source = match_sources.get(i).unwrap_or(source);
            if let Some(why) = self.why_skipped(m) {
                let message = format!("`match[{i}]` doesn't count for this proxy here: {why}");
                self.say(self.note(NoteKind::Dropped, "RT-2", Some(source), message));
                continue;
            }
            let template = template.get_or_insert_with(|| self.template(rule));
            let made = self.route(template, Some(m), source);
            let catch_all = is_catch_all(&made);
            out.push(Arc::new(made));
            if catch_all {
                return Some(Hiding::Match(i));
            }
        }
        None
    }

    /// RT-2: why a match entry gives no route.
    fn why_skipped(&self, m: &HttpMatch) -> Option<String> {
        let HttpSite { port, gateway, .. } = self.site;
        let proxy = self.cx.proxy;
        if m.port != 0 && m.port != u32::from(*port) {
            return Some(format!("it wants port {}, this is port {port}", m.port));
        }
        if !m.gateways.is_empty() {
            let bound = m.gateways.iter().any(|g| g == gateway);
            return (!bound).then(|| format!("its `gateways` don't name `{gateway}`"));
        }
        if !m.source_labels.is_subset_of(&proxy.labels) {
            return Some(format!("the proxy lacks the labels `{}`", m.source_labels));
        }
        if !m.source_namespace.is_empty() && m.source_namespace != proxy.namespace {
            return Some(format!("the proxy is not in namespace `{}`", m.source_namespace));
        }
        None
    }

    /// All that the routes of one rule have in common.
    fn template(&self, rule: &HttpRule) -> Route {
        let written = &rule.route;
        let operations = written.headers.as_deref();
        let mut route = Route {
            name: written.name.clone(),
            request_headers: operations.map_or_else(HeaderMutations::default, |h| headers::mutations(&h.request)),
            response_headers: operations.map_or_else(HeaderMutations::default, |h| headers::mutations(&h.response)),
            fault: written.fault.as_deref().map(filters::fault).map(Box::new),
            cors: written.cors_policy.as_deref().map(filters::cors).map(Box::new),
            config_path: self.config_path.clone(),
            ..Route::new(catch_all_match(), RouteAction::Nothing)
        };
        // AC-1: a redirect wins over a direct response, which wins over destinations.
        if let Some(written) = &written.redirect {
            route.action = redirect::redirect(written, self.site);
            if matches!(route.action, RouteAction::Nothing) {
                let message =
                    format!("Envoy knows no redirect with code {} and refuses the table", written.redirect_code);
                self.say(self.note(NoteKind::Refused, "RD-1", Some(&rule.source), message));
            }
        } else if let Some(direct) = &written.direct_response {
            route.action = RouteAction::DirectResponse(Box::new(redirect::direct_response(direct)));
        } else {
            action::forward(self, rule, &mut route);
        }
        route
    }

    /// One route of a rule: the template with the conditions of one match entry, or with none.
    fn route(&self, template: &Route, m: Option<&HttpMatch>, source: &RouteSource) -> Route {
        let matcher = m.map_or_else(catch_all_match, matching::route_match);
        let operation = self.operation(&template.action, &matcher.path);
        let mut route = Route { matcher, operation, source: Some(source.clone()), ..template.clone() };
        if let Some(m) = m {
            if !m.name.is_empty() {
                route.name = format_smolstr!("{}.{}", template.name, m.name); // RT-13
            }
            route.stat_prefix = m.stat_prefix.clone(); // RT-14
        }
        route
    }

    /// Decorator operation (RT-15).
    fn operation(&self, action: &RouteAction, path: &PathMatch) -> SmolStr {
        let (path, star) = match path {
            PathMatch::Connect => return SmolStr::default(),
            PathMatch::Prefix(prefix) => (prefix, "*"),
            PathMatch::Exact(path) | PathMatch::Regex(path) => (path, ""),
        };
        let single = match action {
            RouteAction::Forward(forward) => match &forward.destination {
                ForwardTo::Cluster(destination) => destination.cluster.parts(),
                ForwardTo::Weighted(_) => None,
            },
            RouteAction::Redirect(_) | RouteAction::DirectResponse(_) | RouteAction::Nothing => None,
        };
        match single {
            Some((host, _, port)) => format_smolstr!("{host}:{port}{path}{star}"),
            None => format_smolstr!("{}:{}{path}{star}", self.vs.object.name, self.site.port),
        }
    }

    /// Tells what RT-3 hides behind the rule at index `i`, if anything.
    fn note_cut_off(&self, i: usize, rule: &HttpRule, hiding: Hiding) {
        let (source, matches) = match hiding {
            Hiding::Rule => (&rule.source, 0),
            Hiding::Match(m) => {
                (rule.match_sources.get(m).unwrap_or(&rule.source), rule.route.matches.len().saturating_sub(m + 1))
            }
        };
        let rules = self.vs.http.len().saturating_sub(i + 1);
        let hidden = match (matches, rules) {
            (0, 0) => return,
            (m, 0) => counted(m, "match", "matches"),
            (0, r) => counted(r, "rule", "rules"),
            (m, r) => format!("{} and {}", counted(m, "match", "matches"), counted(r, "rule", "rules")),
        };
        let message = format!("this takes every request, which hides {hidden} from the proxy");
        self.say(self.note(NoteKind::CutOff, "RT-3", Some(source), message));
    }

    fn say(&self, note: Note) {
        self.notes.borrow_mut().push(note);
    }

    /// A note about this VirtualService, or about the place in it that `source` names.
    fn note(&self, kind: NoteKind, rule: &'static str, source: Option<&RouteSource>, message: String) -> Note {
        Note {
            kind,
            rule,
            message,
            object: Some(source.map_or(&self.vs.object, |s| &s.object).clone()),
            at: source.map_or(self.vs.at, |s| s.at),
            route_config: self.site.route_config.into(),
            virtual_host: SmolStr::default(),
        }
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests;
