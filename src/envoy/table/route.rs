//! Route configurations, virtual hosts, routes and what they do with a request.

use std::ops::Deref;
use std::sync::Arc;

use smol_str::SmolStr;

use super::{ClusterName, RouteMatch, RouteSource, Upgrade};
use crate::manifest::kinds::Nanos;

/// An Envoy RouteConfiguration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RouteConfiguration {
    pub name: SmolStr,
    /// `ignore_port_in_host_matching`, which all of Istio's set (RC-2, GW-13).
    pub ignore_port: bool,
    pub virtual_hosts: Vec<Arc<VirtualHost>>,
}

/// An Envoy VirtualHost.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VirtualHost {
    pub name: SmolStr,
    /// In Istio's order; lower case.
    pub domains: Vec<SmolStr>,
    /// `require_tls: ALL`: plain requests are redirected to https before any route is looked at (GW-9).
    pub require_tls: bool,
    /// In match order. Shared between virtual hosts that got the same routes.
    pub routes: Arc<[Arc<Route>]>,
    /// What Istio gives none; None for those that were translated.
    pub further: Option<Arc<Further>>,
}

/// Parts of a virtual host that only other control planes write.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Further {
    /// In order; requests that none takes belong to `other`.
    pub virtual_clusters: Vec<VirtualCluster>,
    /// `require_tls` is `EXTERNAL_ONLY`: internal requests may come in plain text (envoy-matching 1.7).
    pub internal_is_exempt: bool,
}

/// A class of requests that Envoy counts by itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VirtualCluster {
    pub name: SmolStr,
    /// What its requests have; without a condition on the path.
    pub matcher: RouteMatch,
}

/// Operations on headers that a virtual host and its configuration have for all routes, one level after the other: the host's come before
/// its configuration's, unless they all come first (envoy-matching 6.2).
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct OuterHeaders {
    pub request: [HeaderMutations; 2],
    pub response: [HeaderMutations; 2],
    /// They come before the route's own, and those before the ones of a weighted cluster: `most_specific_header_mutations_wins`.
    pub first: bool,
}

impl OuterHeaders {
    /// Those of the virtual host and of its configuration, of requests and of responses.
    pub(crate) fn of_host_and_table(&self) -> [[&HeaderMutations; 2]; 2] {
        let [request, response] =
            [&self.request, &self.response].map(|[one, other]| if self.first { [other, one] } else { [one, other] });
        [[request[0], response[0]], [request[1], response[1]]]
    }
}

/// An Envoy Route. What few routes have is boxed: a large mesh has very many routes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Route {
    /// Empty: unnamed.
    pub name: SmolStr,
    pub matcher: RouteMatch,
    pub action: RouteAction,
    pub request_headers: HeaderMutations,
    pub response_headers: HeaderMutations,
    pub fault: Option<Box<Fault>>,
    pub cors: Option<Box<Cors>>,
    pub stat_prefix: SmolStr,
    /// `filter_metadata["istio"]["config"]`: the (root) VirtualService's path (RT-15); empty for default routes.
    pub config_path: SmolStr,
    /// Decorator operation (RT-15).
    pub operation: SmolStr,
    /// None for routes that no manifest wrote (default routes, catch-alls).
    pub source: Option<RouteSource>,
    /// Those of wider parts of the table, after its own. None where there are none: Istio writes none.
    pub outer: Option<Arc<OuterHeaders>>,
    /// Texts of `filter_metadata` in other namespaces than Istio's. None where there are none.
    pub metadata: Option<Arc<[RouteMetadata]>>,
    /// What the proxy's configuration says of its requests that nobody here evaluates, in few words (CF-5). Empty for routes that were
    /// translated.
    pub not_evaluated: Vec<SmolStr>,
}

impl Route {
    /// A route without a name that does that, and nothing beside it.
    pub(crate) fn new(matcher: RouteMatch, action: RouteAction) -> Route {
        Route {
            name: SmolStr::default(),
            matcher,
            action,
            request_headers: HeaderMutations::default(),
            response_headers: HeaderMutations::default(),
            fault: None,
            cors: None,
            stat_prefix: SmolStr::default(),
            config_path: SmolStr::default(),
            operation: SmolStr::default(),
            source: None,
            outer: None,
            metadata: None,
            not_evaluated: Vec::new(),
        }
    }

    /// Every cluster that it can send to, mirrors too.
    pub(crate) fn clusters(&self) -> Vec<&ClusterName> {
        let RouteAction::Forward(forward) = &self.action else { return Vec::new() };
        let mut out: Vec<&ClusterName> = match &forward.destination {
            ForwardTo::Cluster(d) => vec![&d.cluster],
            ForwardTo::Weighted(all) => all.iter().map(|w| &w.destination.cluster).collect(),
        };
        out.extend(forward.mirrors.iter().map(|m| &m.destination.cluster));
        out
    }
}

/// A text that a route carries for filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteMetadata {
    pub namespace: SmolStr,
    pub key: SmolStr,
    pub value: SmolStr,
}

/// What a route does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RouteAction {
    Forward(Arc<Forward>),
    Redirect(Box<Redirect>),
    DirectResponse(Box<DirectResponse>),
    /// A redirect with a code Envoy doesn't know: the route has no action and Envoy refuses the table (RD-1).
    Nothing,
}

/// An Envoy RouteAction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Forward {
    pub destination: ForwardTo,
    /// Zero: no limit (TO-1).
    pub timeout: Nanos,
    /// Shared by all that have that of the mesh.
    pub retry: Option<Arc<RetryPolicy>>,
    pub rewrite: PathRewrite,
    /// Authority sent upstream (RW-2); wins over the one of a weighted cluster.
    pub host_rewrite: Option<SmolStr>,
    pub append_x_forwarded_host: bool,
    pub mirrors: Vec<MirrorPolicy>,
    pub hash_policies: Vec<HashPolicy>,
    /// What Istio writes nowhere.
    pub further: Option<Arc<FurtherForward>>,
}

impl Forward {
    /// As it was asked, without a limit in time and without retries.
    pub(crate) fn to(destination: ForwardTo) -> Forward {
        Forward {
            destination,
            timeout: Nanos(0),
            retry: None,
            rewrite: PathRewrite::None,
            host_rewrite: None,
            append_x_forwarded_host: false,
            mirrors: Vec::new(),
            hash_policies: Vec::new(),
            further: None,
        }
    }
}

/// Parts of a RouteAction that only other control planes write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FurtherForward {
    /// Where the authority comes from, where `host_rewrite` is none.
    pub host: Option<HostSource>,
    /// Status where the cluster is unknown (envoy-matching 6.3); None: 503.
    pub not_found: Option<u16>,
    /// The header whose number draws among weighted clusters, in lower case (envoy-matching 6.1).
    pub number_header: Option<SmolStr>,
    /// `upgrade_configs`, which go before those of the connection manager.
    pub upgrades: Vec<Upgrade>,
}

/// What the authority is taken from (envoy-matching 6.7).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "dumps"), expect(dead_code, reason = "some are in no table that Istio makes"))]
pub(crate) enum HostSource {
    /// The first value of that header; where it is absent or empty, the authority stays.
    Header(SmolStr),
    /// The path, rewritten.
    Path { pattern: SmolStr, substitution: SmolStr },
    /// The name of the endpoint that is picked, where it has one: `auto_host_rewrite`.
    Endpoint,
}

/// One cluster, or several by weight.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ForwardTo {
    Cluster(Destination),
    /// In input order; weights are above 0 and need not add up to 100 (WT-2).
    Weighted(Vec<WeightedCluster>),
}

/// A cluster with the line that names it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Destination {
    pub cluster: ClusterName,
    /// The `destination` entry; None for default routes.
    pub at: Option<crate::manifest::source::Position>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WeightedCluster {
    pub destination: Destination,
    /// Above 0.
    pub weight: u32,
    pub host_rewrite: Option<SmolStr>,
    pub request_headers: HeaderMutations,
    pub response_headers: HeaderMutations,
}

/// Header operations of one level and direction. Most have none, and then this is but a pointer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct HeaderMutations(Option<Box<Mutations>>);

/// Removals come first, then `add` in order (HD-2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Mutations {
    pub remove: Vec<SmolStr>,
    pub add: Vec<HeaderValueOption>,
}

impl HeaderMutations {
    pub(crate) fn new(remove: Vec<SmolStr>, add: Vec<HeaderValueOption>) -> HeaderMutations {
        let is_empty = remove.is_empty() && add.is_empty();
        HeaderMutations((!is_empty).then(|| Box::new(Mutations { remove, add })))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl Deref for HeaderMutations {
    type Target = Mutations;

    fn deref(&self) -> &Mutations {
        static NONE: Mutations = Mutations { remove: Vec::new(), add: Vec::new() };
        self.0.as_deref().unwrap_or(&NONE)
    }
}

/// One header to write; the value may hold Envoy's `%...%` formatters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct HeaderValueOption {
    pub name: SmolStr,
    pub value: SmolStr,
    pub append: AppendAction,
    /// It is written where its value is empty, too; Istio never asks for that.
    pub keep_empty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "dumps"), expect(dead_code, reason = "some are in no table that Istio makes"))]
pub(crate) enum AppendAction {
    AppendIfExistsOrAdd,
    OverwriteIfExistsOrAdd,
    /// Only where the request has none of the name; Istio never writes it.
    AddIfAbsent,
    /// Only where it has one; Istio never writes it.
    OverwriteIfExists,
}

/// RE-1, RE-2.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RetryPolicy {
    pub retry_on: SmolStr,
    pub num_retries: u32,
    pub per_try_timeout: Option<Nanos>,
    pub retriable_status_codes: Vec<u32>,
    pub previous_hosts: bool,
    pub previous_priorities: bool,
    pub base_interval: Option<Nanos>,
}

/// How the path is rewritten before it goes upstream (RW-1).
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum PathRewrite {
    #[default]
    None,
    Prefix(SmolStr),
    Regex {
        pattern: SmolStr,
        substitution: SmolStr,
    },
}

/// A share of requests: `numerator` of `denominator` (100, 10 000 or 1 000 000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fraction {
    pub numerator: u32,
    pub denominator: u32,
}

/// MI-1, MI-2.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MirrorPolicy {
    pub destination: Destination,
    pub fraction: Fraction,
}

/// HA-2.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum HashPolicy {
    Header(SmolStr),
    Cookie {
        name: SmolStr,
        ttl: Option<Nanos>,
        path: SmolStr,
        attributes: Vec<(SmolStr, SmolStr)>,
    },
    SourceIp,
    /// `useSourceIp: false`: Envoy takes the policy and hashes nothing.
    Nothing,
    QueryParameter(SmolStr),
    /// One behind which no further one is looked at, if it gives a hash; Istio never writes it.
    #[cfg_attr(not(feature = "dumps"), allow(dead_code, reason = "Istio never asks for it"))]
    Terminal(Box<HashPolicy>),
}

/// RD-1, RD-2.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Redirect {
    pub scheme: Option<SmolStr>,
    pub host: Option<SmolStr>,
    pub port: Option<u32>,
    pub path: RedirectPath,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// The query goes; Istio never writes it.
    pub strip_query: bool,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(not(feature = "dumps"), expect(dead_code, reason = "some are in no table that Istio makes"))]
pub(crate) enum RedirectPath {
    /// `path_redirect`; empty keeps the path.
    Replace(SmolStr),
    /// `prefix_rewrite`.
    Prefix(SmolStr),
    /// `regex_rewrite`, which Istio never writes.
    Regex { pattern: SmolStr, substitution: SmolStr },
}

/// DI-1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DirectResponse {
    pub status: u32,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    None,
    String(SmolStr),
    Bytes(Vec<u8>),
}

/// FA-1. Both parts None: an empty fault remains.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Fault {
    pub delay: Option<FaultDelay>,
    pub abort: Option<FaultAbort>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FaultDelay {
    pub fixed: Nanos,
    /// None: never.
    pub fraction: Option<Fraction>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FaultAbort {
    pub status: AbortStatus,
    /// None: never.
    pub fraction: Option<Fraction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AbortStatus {
    Http(u32),
    Grpc(u32),
}

/// CO-1.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Cors {
    pub allow_origins: Vec<super::ValueMatch>,
    pub allow_methods: SmolStr,
    pub allow_headers: SmolStr,
    pub expose_headers: SmolStr,
    /// Whole seconds; None when not given.
    pub max_age: Option<i64>,
    pub allow_credentials: Option<bool>,
    pub forward_not_matching_preflights: bool,
}
