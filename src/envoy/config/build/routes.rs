//! Route configurations.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::Work;
use super::actions::{Outer, action};
use super::headers::mutations;
use super::matchers::{Certificate, Given, route_match};
use super::policies::{mirrors, per_filter, retry};
use super::tree;
use crate::envoy::config::message;
use crate::envoy::table::{
    Further, HeaderMutations, OuterHeaders, Route, RouteConfiguration, RouteMetadata, RouteSource, VirtualCluster,
    VirtualHost,
};
use crate::manifest::kinds::{Kind, ObjectId};
use crate::manifest::source::Position;

/// Adds a configuration; where another of that name is there already, it gets the name of its place as well. Gives its name.
/// `certificate` says whether its clients show one; None: it is that of the listeners which name the configuration.
pub(super) fn add(
    configs: &mut BTreeMap<SmolStr, RouteConfiguration>,
    config: message::RouteConfiguration,
    place: &str,
    certificate: Option<Certificate>,
    work: &mut Work,
) -> SmolStr {
    let given = work.given(&config.name, certificate);
    let mut made = configuration(config, &given, work);
    if made.name.is_empty() {
        made.name = if place.is_empty() { SmolStr::new_static("routes") } else { place.into() };
    }
    let mut name = made.name.clone();
    let mut turn = 2;
    while configs.get(&name).is_some_and(|known| *known != made) {
        name = if turn == 2 && !place.is_empty() {
            format_smolstr!("{} of {place}", made.name)
        } else {
            format_smolstr!("{} ({turn})", made.name)
        };
        made.name = name.clone();
        turn += 1;
    }
    configs.insert(name.clone(), made);
    name
}

/// A configuration of which nothing is known but its name: whatever comes to it ends at what isn't evaluated.
pub(super) fn unknown(name: &str, what: &'static str) -> message::RouteConfiguration {
    let virtual_hosts = vec![unknown_host(what).into()];
    message::RouteConfiguration { name: name.into(), virtual_hosts, ..message::RouteConfiguration::default() }
}

fn unknown_host(what: &'static str) -> message::VirtualHost {
    message::VirtualHost {
        name: what.into(),
        domains: vec![SmolStr::new_static("*")],
        routes: vec![unknown_route(what).into()],
        ..message::VirtualHost::default()
    }
}

fn unknown_route(what: &'static str) -> message::Route {
    let matcher = message::RouteMatch { prefix: Some(SmolStr::default()), ..message::RouteMatch::default() };
    message::Route { matcher, unread: vec![SmolStr::new_static(what)], ..message::Route::default() }
}

/// Conditions on paths don't see what follows a semicolon (experiment A25 of envoy-matching).
const PATH_PARAMETERS: &str = "ignore_path_parameters_in_path_matching";

/// What becomes of paths with parameters where they are ignored.
fn unknown_with_parameters() -> message::Route {
    let regex = message::RegexMatcher { regex: SmolStr::new_static(".*;.*"), ..message::RegexMatcher::default() };
    let matcher = message::RouteMatch { safe_regex: Some(regex), ..message::RouteMatch::default() };
    message::Route { matcher, ..unknown_route(PATH_PARAMETERS) }
}

fn configuration(mut config: message::RouteConfiguration, given: &Given, work: &mut Work) -> RouteConfiguration {
    let name = config.name.clone();
    // Hosts that a request asks for are discovered then.
    let is_open = !config.virtual_hosts.iter().flat_map(|v| &v.domains).any(|domain| domain == "*");
    if config.unread.iter().any(|what| what == "vhds") && is_open {
        config.virtual_hosts.push(unknown_host("vhds").into());
    }
    // A header of the request names the host, and without it there is none.
    if !config.vhost_header.is_empty() {
        config.virtual_hosts = vec![unknown_host("vhost_header").into()];
        config.unread.push("vhost_header".into());
    }
    if config.ignore_path_parameters_in_path_matching {
        config.virtual_hosts.iter_mut().for_each(|host| host.routes.insert(0, unknown_with_parameters().into()));
        config.unread.push(PATH_PARAMETERS.into());
    }
    for what in &config.unread {
        work.say("CF-5", &name, "", format!("`{what}` is not evaluated"));
    }
    let mut said = Vec::new();
    let levels = Levels {
        request: mutations(config.request_headers_to_add, config.request_headers_to_remove, &mut said),
        response: mutations(config.response_headers_to_add, config.response_headers_to_remove, &mut said),
        per_filter: config.typed_per_filter_config,
        mirrors: config.request_mirror_policies,
        reversed: config.most_specific_header_mutations_wins,
    };
    for what in said {
        work.say("CF-5", &name, "", format!("`{what}` is not evaluated"));
    }
    let hosts = config.virtual_hosts.into_iter().enumerate();
    let virtual_hosts = hosts.map(|(i, host)| Arc::new(virtual_host(&name, i, *host, &levels, given, work))).collect();
    RouteConfiguration { name, ignore_port: config.ignore_port_in_host_matching, virtual_hosts }
}

/// What a configuration has for all its virtual hosts.
struct Levels {
    request: HeaderMutations,
    response: HeaderMutations,
    per_filter: message::PerFilter,
    mirrors: Vec<message::MirrorPolicy>,
    /// Wider operations on headers come first.
    reversed: bool,
}

impl Levels {
    /// The operations on headers of a virtual host and its configuration, in the order in which they come.
    fn outer(&self, request: HeaderMutations, response: HeaderMutations) -> Option<Arc<OuterHeaders>> {
        let ordered = |own: HeaderMutations, wider: &HeaderMutations| {
            let mut all = [own, wider.clone()];
            if self.reversed {
                all.reverse();
            }
            all
        };
        let (request, response) = (ordered(request, &self.request), ordered(response, &self.response));
        let is_none = request.iter().chain(&response).all(HeaderMutations::is_empty) && !self.reversed;
        (!is_none).then(|| Arc::new(OuterHeaders { request, response, first: self.reversed }))
    }
}

fn virtual_host(
    config: &str,
    index: usize,
    mut host: message::VirtualHost,
    levels: &Levels,
    given: &Given,
    work: &mut Work,
) -> VirtualHost {
    let mut said: Vec<SmolStr> = std::mem::take(&mut host.unread);
    if let Some(matcher) = host.matcher.take() {
        host.routes
            .extend(tree::routes(*matcher).unwrap_or_else(|| vec![unknown_route("matcher")]).into_iter().map(Box::new));
    }
    let retry = host.retry_policy.map(|r| Arc::new(retry(r, &mut said)));
    let own =
        if host.request_mirror_policies.is_empty() { levels.mirrors.clone() } else { host.request_mirror_policies };
    let mirrors = mirrors(own, &mut said);
    let request = mutations(host.request_headers_to_add, host.request_headers_to_remove, &mut said);
    let response = mutations(host.response_headers_to_add, host.response_headers_to_remove, &mut said);
    let outer_headers = levels.outer(request, response);
    let further = further(&host.require_tls, host.virtual_clusters, given, &mut said);
    for what in &said {
        work.say("CF-5", config, &host.name, format!("`{what}` is not evaluated"));
    }
    let outer = Outer { retry: &retry, mirrors: &mirrors, given };
    let of = |route: Box<message::Route>| {
        let made = self::route(*route, &outer, [&host.typed_per_filter_config, &levels.per_filter]);
        Arc::new(Route { outer: outer_headers.clone(), ..made })
    };
    let routes: Vec<Arc<Route>> = host.routes.into_iter().map(of).collect();
    let places = work.places.clone();
    let places = places.get(config).and_then(|hosts| hosts.get(index)).map_or(&[][..], Vec::as_slice);
    for (i, route) in routes.iter().enumerate() {
        for what in route.matcher.not_evaluated.iter().chain(&route.not_evaluated) {
            let at = places.get(i).copied().unwrap_or_default();
            work.say_at(at, "CF-5", config, &host.name, format!("route {i}: `{what}` is not evaluated"));
        }
    }
    VirtualHost {
        name: host.name,
        domains: host.domains.iter().map(|d| d.to_ascii_lowercase().into()).collect(),
        // No client counts as internal, so that both forms ask for the same (1.7).
        require_tls: host.require_tls.is("ALL", "2") || host.require_tls.is("EXTERNAL_ONLY", "1"),
        routes: routes.into(),
        further,
    }
}

fn further(
    require_tls: &message::Choice,
    virtual_clusters: Vec<message::VirtualCluster>,
    given: &Given,
    said: &mut Vec<SmolStr>,
) -> Option<Arc<Further>> {
    let internal_is_exempt = require_tls.is("EXTERNAL_ONLY", "1");
    if !internal_is_exempt && virtual_clusters.is_empty() {
        return None;
    }
    let mut out = Further { internal_is_exempt, virtual_clusters: Vec::with_capacity(virtual_clusters.len()) };
    for cluster in virtual_clusters {
        let conditions = message::RouteMatch { headers: cluster.headers, ..message::RouteMatch::default() };
        let matcher = route_match(conditions, given);
        said.extend(
            cluster.unread.iter().chain(&matcher.not_evaluated).map(|what| format_smolstr!("virtual_clusters.{what}")),
        );
        out.virtual_clusters.push(VirtualCluster { name: cluster.name, matcher });
    }
    Some(Arc::new(out))
}

fn route(mut route: message::Route, outer: &Outer<'_>, wider: [&message::PerFilter; 2]) -> Route {
    let mut not_evaluated = Vec::new();
    let action = action(&mut route, outer, &mut not_evaluated);
    let request_headers = mutations(route.request_headers_to_add, route.request_headers_to_remove, &mut not_evaluated);
    let response_headers =
        mutations(route.response_headers_to_add, route.response_headers_to_remove, &mut not_evaluated);
    let [of_host, of_config] = wider;
    let (fault, cors) = per_filter([&route.typed_per_filter_config, of_host, of_config], &mut not_evaluated);
    not_evaluated.append(&mut route.unread);
    let config_path = route.metadata.config;
    let texts = route.metadata.texts.into_iter();
    let texts: Arc<[RouteMetadata]> =
        texts.map(|[namespace, key, value]| RouteMetadata { namespace, key, value }).collect();
    let mut matcher = route_match(route.matcher, outer.given);
    let new = |known: &[SmolStr], all: Vec<SmolStr>| -> Vec<SmolStr> {
        all.into_iter().filter(|w| !known.contains(w)).collect()
    };
    matcher.not_evaluated.extend(new(&matcher.not_evaluated.clone(), route.metadata.conditions));
    not_evaluated.extend(new(&not_evaluated.clone(), route.metadata.not_evaluated));
    Route {
        name: route.name,
        matcher,
        action,
        request_headers,
        response_headers,
        fault: fault.map(Box::new),
        cors: cors.map(Box::new),
        stat_prefix: route.stat_prefix,
        source: source(&config_path),
        config_path,
        operation: route.decorator.operation,
        outer: None,
        metadata: (!texts.is_empty()).then_some(texts),
        not_evaluated,
    }
}

/// The object that Istio says a part was made of; where it was written is not known here.
pub(super) fn source(config_path: &str) -> Option<RouteSource> {
    let object = object(config_path)?;
    Some(RouteSource { object, at: Position::default(), rule: None, match_index: None, root: None })
}

/// The object of `/apis/networking.istio.io/v1/namespaces/NAMESPACE/KIND/NAME`, the kind in lower case with dashes.
pub(super) fn object(config_path: &str) -> Option<ObjectId> {
    let (_, rest) = config_path.split_once("/namespaces/")?;
    let mut pieces = rest.splitn(3, '/');
    let (namespace, kind, name) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let kind = match kind {
        "virtual-service" => Kind::VirtualService,
        "destination-rule" => Kind::DestinationRule,
        "gateway" => Kind::Gateway,
        "service-entry" => Kind::ServiceEntry,
        "sidecar" => Kind::Sidecar,
        "workload-entry" => Kind::WorkloadEntry,
        other => Kind::Other(other.into()),
    };
    Some(ObjectId::new(kind, namespace, name))
}
