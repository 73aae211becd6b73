//! The routes of a VirtualService as Argo's controller edits them.

use serde_yaml::Value;
use smol_str::SmolStr;

use super::spec::{NamedRoutes, Sni, Spec, SubsetNames};
use crate::analysis::rollout::controllers::written;
use crate::order::Order as _;

/// The lists of routes in a VirtualService.
pub(super) const LISTS: [&str; 3] = ["http", "tls", "tcp"];

/// How a Rollout tells its two versions apart in a route.
pub(super) struct Split<'a> {
    canary_service: &'a str,
    stable_service: &'a str,
    pub(super) subsets: Option<&'a SubsetNames>,
    pub(super) managed: &'a [SmolStr],
    /// Where routes that are added lead.
    canary_host: &'a str,
}

/// What a destination is to a Rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Canary,
    Stable,
    /// Neither: the controller takes it out where it has a weight.
    Other,
}

impl<'a> Split<'a> {
    pub(super) fn new(spec: &'a Spec, canary_host: &'a str) -> Split<'a> {
        let text = |service: &'a Option<SmolStr>| service.as_ref().map_or("", SmolStr::as_str);
        Split {
            canary_service: text(&spec.canary_service),
            stable_service: text(&spec.stable_service),
            subsets: spec.subsets.as_ref(),
            managed: &spec.managed_routes,
            canary_host,
        }
    }

    /// By its host up to the first dot, else by its subset. None: it has no host, and is passed over.
    pub(super) fn version(&self, destination: &Value) -> Option<Version> {
        let host = written::text(destination, &["destination", "host"]).unwrap_or_default();
        let host = host.split('.').next().filter(|host| !host.is_empty())?;
        let subset = written::text(destination, &["destination", "subset"]).unwrap_or_default();
        let is = |service: &str, name: fn(&SubsetNames) -> &SmolStr| {
            let named = self.subsets.map(name).filter(|name| !name.is_empty());
            host == service || named.is_some_and(|name| name == subset)
        };
        Some(match () {
            () if is(self.canary_service, |s| &s.canary) => Version::Canary,
            () if is(self.stable_service, |s| &s.stable) => Version::Stable,
            () => Version::Other,
        })
    }
}

/// The routes of a list.
pub(super) fn routes<'v>(vs: &'v Value, list: &str) -> &'v [Value] {
    written::get(vs, &["spec", list]).and_then(Value::as_sequence).map_or(&[], Vec::as_slice)
}

/// The routes of `list` whose weights are set, by their index: the named ones, or of HTTP routes the first one without a name,
/// of others the first one. The error is the place of the one in `named` that isn't there.
pub(super) fn indexes(vs: &Value, list: &str, named: &NamedRoutes) -> Result<Vec<usize>, usize> {
    let all = routes(vs, list);
    let found: Vec<Vec<usize>> = match list {
        "http" if named.http.is_empty() => {
            return Ok(all.iter().position(|r| name_of(r).is_empty()).into_iter().collect());
        }
        "http" => {
            let position = |name: &SmolStr| all.iter().position(|r| name_of(r) == name).into_iter().collect();
            named.http.iter().map(position).collect()
        }
        _ if list == "tls" && named.tls.is_empty() || list == "tcp" && named.tcp.is_empty() => {
            return Ok(if all.is_empty() { Vec::new() } else { vec![0] });
        }
        "tls" => named.tls.iter().map(|wanted| places(all, |r| sni_of(r).as_ref() == Some(wanted))).collect(),
        _ => named.tcp.iter().map(|wanted| places(all, |r| sni_of(r).is_some_and(|sni| sni.port == *wanted))).collect(),
    };
    match found.iter().position(Vec::is_empty) {
        Some(missing) => Err(missing),
        None => Ok(found.concat()),
    }
}

fn places(all: &[Value], fits: impl Fn(&Value) -> bool) -> Vec<usize> {
    all.iter().enumerate().filter(|(_, route)| fits(route)).map(|(i, _)| i).collect()
}

/// The one port and all SNI hosts of a route's matches; None where the ports differ.
fn sni_of(route: &Value) -> Option<Sni> {
    let matches = written::get(route, &["match"]).and_then(Value::as_sequence).map_or(&[][..], Vec::as_slice);
    let port = |one: &Value| written::get(one, &["port"]).and_then(Value::as_u64).unwrap_or(0);
    let first = matches.first().map_or(0, port);
    if matches.iter().any(|one| port(one) != first) {
        return None;
    }
    let hosts = matches.iter().filter_map(|one| written::get(one, &["sniHosts"])?.as_sequence()).flatten();
    let mut hosts: Vec<SmolStr> = hosts.filter_map(Value::as_str).map(SmolStr::new).collect();
    hosts.order();
    hosts.dedup();
    Some(Sni { port: u32::try_from(first).unwrap_or(u32::MAX), hosts })
}

pub(super) fn name_of(route: &Value) -> &str {
    written::text(route, &["name"]).unwrap_or_default()
}

/// Gives the canary `weight` percent of the named routes and of managed mirrors, and the stable version the rest.
pub(super) fn set_weight(vs: &mut Value, named: &NamedRoutes, split: &Split<'_>, weight: u32) {
    let mut named = named.clone();
    let mirrors = routes(vs, "http").iter().filter(|r| written::get(r, &["mirror"]).is_some());
    let mirrors: Vec<SmolStr> = mirrors.map(|r| SmolStr::new(name_of(r))).collect();
    named.http.extend(mirrors.into_iter().filter(|name| split.managed.contains(name)));
    for list in LISTS {
        let indexes = indexes(vs, list, &named).unwrap_or_default();
        let Some(all) = written::list_mut(vs, &["spec", list]) else { continue };
        for index in indexes {
            if let Some(route) = all.get_mut(index) {
                set_weight_of_route(route, split, weight);
            }
        }
    }
    order(vs, split.managed);
}

fn set_weight_of_route(route: &mut Value, split: &Split<'_>, weight: u32) {
    let Some(destinations) = written::list_mut(route, &["route"]) else { return };
    destinations.retain_mut(|destination| {
        let wanted = match split.version(destination) {
            Some(Version::Canary) => weight,
            Some(Version::Stable) => 100_u32.saturating_sub(weight),
            Some(Version::Other) => return weight_of(destination) == 0,
            None => return true,
        };
        if weight_of(destination) != u64::from(wanted) {
            written::set(destination, &["weight"], wanted);
        }
        true
    });
}

pub(super) fn weight_of(destination: &Value) -> u64 {
    written::get(destination, &["weight"]).and_then(Value::as_u64).unwrap_or(0)
}

/// Adds a route that sends requests with these headers to the canary; without matches the route goes.
pub(super) fn set_header_route(
    vs: &mut Value,
    named: &NamedRoutes,
    split: &Split<'_>,
    name: &str,
    matches: Option<&Value>,
) {
    remove_routes(vs, |route| route == name);
    if let Some(matches) = matches {
        let header = |one: &Value| {
            let mut out = Value::Null;
            let header = written::text(one, &["headerName"]).unwrap_or_default();
            let value = written::get(one, &["headerValue"]).cloned().unwrap_or_default();
            written::set(&mut out, &["headers", header], value);
            out
        };
        let matches = matches.as_sequence().map_or(&[][..], Vec::as_slice);
        let mut to = canary(vs, named, split);
        written::set(&mut to, &["weight"], 100);
        let mut route = Value::Null;
        written::set(&mut route, &["name"], name);
        written::set(&mut route, &["match"], Value::Sequence(matches.iter().map(header).collect()));
        written::set(&mut route, &["route"], Value::Sequence(vec![to]));
        if let Some(all) = written::list_mut(vs, &["spec", "http"]) {
            all.push(route);
        }
    }
    order(vs, split.managed);
}

/// Adds a route that goes where the first named one goes, and copies requests to the canary; without matches the route goes.
pub(super) fn set_mirror_route(
    vs: &mut Value,
    named: &NamedRoutes,
    split: &Split<'_>,
    (name, percentage): (&str, u32),
    matches: Option<&Value>,
) {
    remove_routes(vs, |route| route == name);
    if let Some(matches) = matches {
        let request = |one: &Value| {
            let mut out = Value::Null;
            for (theirs, istios) in [("method", "method"), ("path", "uri"), ("headers", "headers")] {
                if let Some(value) = written::get(one, &[theirs]) {
                    written::set(&mut out, &[istios], value.clone());
                }
            }
            out
        };
        let matches = matches.as_sequence().map_or(&[][..], Vec::as_slice);
        let as_now = first_named(vs, named).and_then(|route| written::get(route, &["route"])).cloned();
        let to = canary(vs, named, split);
        let mut route = Value::Null;
        written::set(&mut route, &["name"], name);
        written::set(&mut route, &["match"], Value::Sequence(matches.iter().map(request).collect()));
        written::set(&mut route, &["route"], as_now.unwrap_or_else(|| Value::Sequence(Vec::new())));
        written::set(&mut route, &["mirror"], written::get(&to, &["destination"]).cloned().unwrap_or_default());
        written::set(&mut route, &["mirrorPercentage", "value"], percentage);
        if let Some(all) = written::list_mut(vs, &["spec", "http"]) {
            all.insert(0, route);
        }
    }
    order(vs, split.managed);
}

fn first_named<'v>(vs: &'v Value, named: &NamedRoutes) -> Option<&'v Value> {
    let first = *indexes(vs, "http", named).ok()?.first()?;
    routes(vs, "http").get(first)
}

/// The canary as a destination, on the port that the named route leads to.
fn canary(vs: &Value, named: &NamedRoutes, split: &Split<'_>) -> Value {
    let destinations = first_named(vs, named).and_then(|route| written::get(route, &["route"])?.as_sequence());
    let port = destinations.and_then(|all| written::get(all.first()?, &["destination", "port", "number"]).cloned());
    let mut out = Value::Null;
    written::set(&mut out, &["destination", "host"], split.canary_host);
    if let Some(port) = port {
        written::set(&mut out, &["destination", "port", "number"], port);
    }
    if let Some(names) = split.subsets {
        written::set(&mut out, &["destination", "subset"], names.canary.as_str());
    }
    out
}

/// Takes away every route that the controller manages.
pub(super) fn remove_managed(vs: &mut Value, managed: &[SmolStr]) {
    remove_routes(vs, |name| managed.iter().any(|m| m == name));
}

fn remove_routes(vs: &mut Value, goes: impl Fn(&str) -> bool) {
    if let Some(all) = written::list_mut(vs, &["spec", "http"]) {
        all.retain(|route| !goes(name_of(route)));
    }
}

/// Managed routes come first, in the order in which they are listed; the others keep theirs.
fn order(vs: &mut Value, managed: &[SmolStr]) {
    if let Some(all) = written::list_mut(vs, &["spec", "http"]) {
        all.order_by_key(|route| managed.iter().position(|name| name == name_of(route)).unwrap_or(managed.len()));
    }
}
