//! VirtualService, field by field as in `networking/v1/virtual_service.proto`.

use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use smol_str::SmolStr;

use super::{Destination, Labels, Nanos, Percent, StringMatch};
use crate::manifest::source::Position;

/// Where requests for a set of hosts go.
#[derive(Debug, Clone, Default)]
pub(crate) struct VirtualService {
    pub hosts: Vec<SmolStr>,
    pub gateways: Vec<SmolStr>,
    /// Shared by all copies of the object: of a large mesh they are most of it.
    pub http: Vec<Arc<HttpRoute>>,
    pub tls: Vec<TlsRoute>,
    pub tcp: Vec<TcpRoute>,
    pub export_to: Vec<SmolStr>,
}

/// One entry of `http`. What few rules have is boxed: a large mesh has very many rules.
#[derive(Debug, Clone, Default)]
pub(crate) struct HttpRoute {
    pub name: SmolStr,
    pub matches: Vec<HttpMatch>,
    pub route: Vec<HttpRouteDestination>,
    pub redirect: Option<Box<HttpRedirect>>,
    pub direct_response: Option<Box<HttpDirectResponse>>,
    pub delegate: Option<Box<Delegate>>,
    pub rewrite: Option<Box<HttpRewrite>>,
    pub timeout: Option<Nanos>,
    pub retries: Option<Box<HttpRetry>>,
    pub fault: Option<Box<HttpFault>>,
    pub mirror: Option<Box<Destination>>,
    pub mirrors: Vec<HttpMirror>,
    /// Deprecated whole percents.
    pub mirror_percent: Option<u32>,
    pub mirror_percentage: Option<Percent>,
    pub cors_policy: Option<Box<CorsPolicy>>,
    pub headers: Option<Box<Headers>>,
    pub at: Position,
}

impl HttpRoute {
    /// All that the rule sends or mirrors requests to, in the order in which it is written.
    pub(crate) fn destinations(&self) -> impl Iterator<Item = &Destination> {
        let routes = self.route.iter().filter_map(|r| r.destination.as_ref());
        routes.chain(self.mirror.as_deref()).chain(self.mirrors.iter().filter_map(|m| m.destination.as_ref()))
    }
}

/// One entry of `http[].match`: all conditions must hold. Those that few entries have are [`RareConditions`], and read as its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HttpMatch {
    pub name: SmolStr,
    pub uri: Option<StringMatch>,
    /// In source order; keys are unique as written (they may differ in case only).
    pub headers: Vec<(SmolStr, StringMatch)>,
    /// 0: any port.
    pub port: u32,
    pub ignore_uri_case: bool,
    /// None where all are as by default; see [`HttpMatch::with`].
    pub rare: Option<Box<RareConditions>>,
    pub at: Position,
}

/// Parts of a match that most don't have.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RareConditions {
    pub scheme: Option<StringMatch>,
    pub method: Option<StringMatch>,
    pub authority: Option<StringMatch>,
    /// In source order, as `headers`.
    pub without_headers: Vec<(SmolStr, StringMatch)>,
    pub query_params: Vec<(SmolStr, StringMatch)>,
    pub source_labels: Labels,
    pub source_namespace: SmolStr,
    pub gateways: Vec<SmolStr>,
    pub stat_prefix: SmolStr,
}

impl Deref for HttpMatch {
    type Target = RareConditions;

    fn deref(&self) -> &RareConditions {
        static NONE: LazyLock<RareConditions> = LazyLock::new(RareConditions::default);
        self.rare.as_deref().unwrap_or(&NONE)
    }
}

impl HttpMatch {
    /// The entry with these conditions besides its own.
    #[must_use]
    pub(crate) fn with(self, rare: RareConditions) -> HttpMatch {
        let rare = (rare != RareConditions::default()).then(|| Box::new(rare));
        HttpMatch { rare, ..self }
    }

    /// The parts that most entries don't have, where this one has some.
    pub(crate) fn rare_mut(&mut self) -> Option<&mut RareConditions> {
        self.rare.as_deref_mut()
    }

    /// Whether what it asks of the client holds for one with these labels in that namespace.
    pub(crate) fn is_for(&self, labels: &Labels, namespace: &str) -> bool {
        let is_there = self.source_namespace.is_empty() || self.source_namespace == namespace;
        is_there && self.source_labels.is_subset_of(labels)
    }
}

/// One entry of `http[].route`.
#[derive(Debug, Clone, Default)]
pub(crate) struct HttpRouteDestination {
    /// None where the field is missing (refused by the schema).
    pub destination: Option<Destination>,
    /// 0 where it is not written.
    pub weight: i64,
    pub has_weight: bool,
    pub headers: Option<Box<Headers>>,
    pub at: Position,
}

/// `headers` of a rule or destination.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Headers {
    pub request: HeaderOperations,
    pub response: HeaderOperations,
}

/// Header operations of one direction. `set` and `add` are sorted by key (HD-2), `remove` in source order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HeaderOperations {
    pub set: Vec<(SmolStr, SmolStr)>,
    pub add: Vec<(SmolStr, SmolStr)>,
    pub remove: Vec<SmolStr>,
}

/// `delegate` of a root rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Delegate {
    pub name: SmolStr,
    pub namespace: SmolStr,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HttpRedirect {
    /// `None` differs from `Some("")` (VS30).
    pub uri: SmolStr,
    pub prefix_rewrite: SmolStr,
    pub authority: SmolStr,
    pub port: RedirectPort,
    pub scheme: SmolStr,
    /// 0: not given.
    pub redirect_code: u32,
}

/// `port` or `derivePort` of a redirect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum RedirectPort {
    #[default]
    Unset,
    Port(u32),
    FromRequestPort,
    FromProtocolDefault,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HttpDirectResponse {
    pub status: u32,
    pub body: Option<DirectBody>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DirectBody {
    String(SmolStr),
    Bytes(Vec<u8>),
    /// `body: {}`.
    Unset,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HttpRewrite {
    pub uri: SmolStr,
    pub authority: SmolStr,
    pub uri_regex_rewrite: Option<RegexRewrite>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RegexRewrite {
    pub pattern: SmolStr,
    pub rewrite: SmolStr,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HttpRetry {
    pub attempts: i32,
    pub per_try_timeout: Option<Nanos>,
    pub retry_on: SmolStr,
    pub retry_remote_localities: Option<bool>,
    pub retry_ignore_previous_hosts: Option<bool>,
    pub backoff: Option<Nanos>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HttpFault {
    pub delay: Option<FaultDelay>,
    pub abort: Option<FaultAbort>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FaultDelay {
    pub fixed_delay: Option<Nanos>,
    pub exponential_delay: Option<Nanos>,
    pub percentage: Option<Percent>,
    /// Deprecated whole percents; 0 when unset.
    pub percent: i32,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FaultAbort {
    pub error: AbortError,
    pub percentage: Option<Percent>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum AbortError {
    #[default]
    Unset,
    HttpStatus(i32),
    GrpcStatus(SmolStr),
    Http2Error(SmolStr),
}

/// One entry of `mirrors`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HttpMirror {
    pub destination: Option<Destination>,
    pub percentage: Option<Percent>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct CorsPolicy {
    /// Deprecated `allowOrigin`.
    pub allow_origin: Vec<SmolStr>,
    pub allow_origins: Vec<StringMatch>,
    pub allow_methods: Vec<SmolStr>,
    pub allow_headers: Vec<SmolStr>,
    pub expose_headers: Vec<SmolStr>,
    pub max_age: Option<Nanos>,
    pub allow_credentials: Option<bool>,
    pub unmatched_preflights: UnmatchedPreflights,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum UnmatchedPreflights {
    #[default]
    Unspecified,
    Forward,
    Ignore,
}

/// One entry of `tls`.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsRoute {
    pub matches: Vec<TlsMatch>,
    pub route: Vec<RouteDestination>,
    pub at: Position,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TlsMatch {
    pub sni_hosts: Vec<SmolStr>,
    pub destination_subnets: Vec<SmolStr>,
    pub port: u32,
    pub source_labels: Labels,
    pub source_namespace: SmolStr,
    pub gateways: Vec<SmolStr>,
    pub at: Position,
}

/// One entry of `tcp`.
#[derive(Debug, Clone, Default)]
pub(crate) struct TcpRoute {
    pub matches: Vec<TcpMatch>,
    pub route: Vec<RouteDestination>,
    pub at: Position,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TcpMatch {
    pub destination_subnets: Vec<SmolStr>,
    pub source_subnet: SmolStr,
    pub port: u32,
    pub source_labels: Labels,
    pub source_namespace: SmolStr,
    pub gateways: Vec<SmolStr>,
    pub at: Position,
}

/// One entry of `tcp[].route` or `tls[].route`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RouteDestination {
    pub destination: Option<Destination>,
    pub weight: i64,
    pub at: Position,
}
