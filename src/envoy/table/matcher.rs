//! Conditions of routes, as Envoy evaluates them.

use smol_str::SmolStr;

/// All conditions must hold (envoy-matching 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RouteMatch {
    pub path: PathMatch,
    /// Written to Envoy only where a match entry exists (RT-6); None means true. Without effect on regexes.
    pub case_sensitive: Option<bool>,
    /// In Istio's order (RT-10).
    pub headers: Vec<HeaderMatcher>,
    /// Sorted by name (RT-12).
    pub query_parameters: Vec<QueryParameterMatcher>,
    /// JWT claim conditions (RT-11).
    pub claims: Vec<ClaimMatcher>,
    /// What Istio writes nowhere.
    pub further: Option<Box<FurtherConditions>>,
    /// Conditions of a proxy's configuration that nobody here evaluates, by Envoy's name: they are taken not to hold, and that is said
    /// (CF-5). Empty for routes that were translated.
    pub not_evaluated: Vec<SmolStr>,
}

impl RouteMatch {
    /// The condition on the path, and no other.
    pub(crate) fn on(path: PathMatch) -> RouteMatch {
        RouteMatch {
            path,
            case_sensitive: None,
            headers: Vec::new(),
            query_parameters: Vec::new(),
            claims: Vec::new(),
            further: None,
            not_evaluated: Vec::new(),
        }
    }

    /// Any path that begins with `/`.
    pub(crate) fn any_path() -> RouteMatch {
        RouteMatch::on(PathMatch::Prefix(SmolStr::new_static("/")))
    }

    /// Whether it plainly takes every request whose path begins with `/`: where not, it may still do so by regexes that are less usual.
    pub(crate) fn takes_all(&self) -> bool {
        let RouteMatch { path, case_sensitive: _, headers, query_parameters, claims, further, not_evaluated } = self;
        let any_path = match path {
            PathMatch::Prefix(prefix) => prefix.is_empty() || prefix == "/",
            PathMatch::Regex(regex) => regex == ".*" || regex == "/.*",
            PathMatch::Exact(_) | PathMatch::Connect => false,
        };
        let conditions = headers.len() + query_parameters.len() + claims.len() + not_evaluated.len();
        any_path && conditions == 0 && further.is_none()
    }

    /// Whether it is known that no request of this proxy fulfils it.
    pub(crate) fn holds_never(&self) -> bool {
        self.further.as_ref().is_some_and(|f| !f.never.is_empty())
    }
}

/// Conditions that only other control planes write. Those that depend on more than the request and the proxy are among what isn't
/// evaluated, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct FurtherConditions {
    /// `runtime_fraction`; one of neither nothing nor the whole is not evaluated.
    pub fraction: Option<RuntimeFraction>,
    /// `dynamic_metadata` other than claims of tokens; not evaluated.
    pub metadata: Vec<MetadataMatcher>,
    /// `tls_context`.
    pub certificate: Option<CertificateMatch>,
    /// Conditions that hold for no request of this proxy, in Envoy's words: `runtime_fraction 0/100`.
    pub never: Vec<SmolStr>,
}

/// A condition on the client's certificate (envoy-matching 2.2); None: whatever it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct CertificateMatch {
    pub presented: Option<bool>,
    pub validated: Option<bool>,
}

/// A condition on what filters have found out about a request (envoy-matching 5.4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct MetadataMatcher {
    /// The namespace: the name of the filter, as a rule.
    pub filter: SmolStr,
    pub path: Vec<SmolStr>,
    pub value: MetadataValue,
    pub invert: bool,
}

/// A test of one value of metadata; another kind of value fails it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "dumps"), expect(dead_code, reason = "some are in no table that Istio makes"))]
pub(crate) enum MetadataValue {
    Text(ValueMatch),
    Bool(bool),
    /// From the first bound to below the second one; equal bounds are that number. Bits of floats.
    Number(u64, u64),
    /// Whatever it is; false never holds.
    Present(bool),
    Null,
    /// A list, of which one value passes.
    OneOf(Box<MetadataValue>),
    Any(Vec<MetadataValue>),
}

/// A share of requests that a route takes, which a runtime may change by its key (envoy-matching 5.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RuntimeFraction {
    pub key: SmolStr,
    pub default: super::Fraction,
}

/// Tests of the path without query (envoy-matching 2.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum PathMatch {
    Prefix(SmolStr),
    Exact(SmolStr),
    /// RE2; the whole path must match.
    Regex(SmolStr),
    /// `connect_matcher`: CONNECT requests, which have no path; Istio never writes it.
    Connect,
}

/// A condition on one header (envoy-matching 3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct HeaderMatcher {
    /// As written; compared ignoring case. Pseudo headers start with `:`.
    pub name: SmolStr,
    pub test: ValueMatch,
    pub invert: bool,
    pub treat_missing_as_empty: bool,
}

/// A test of one value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ValueMatch {
    /// `present_match: true`.
    Present,
    Exact(SmolStr),
    Prefix(SmolStr),
    /// RE2; the whole value must match.
    Regex(SmolStr),
}

/// A condition on the first occurrence of a query parameter (envoy-matching 4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct QueryParameterMatcher {
    pub name: SmolStr,
    pub test: ValueMatch,
    /// `present_match: false`: it must not be there, and there is no test. Istio never writes it.
    pub absent: bool,
}

/// A condition on a claim of a verified JWT; without claims the positive form never holds and the inverted one always.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ClaimMatcher {
    /// Key segments below `payload`.
    pub path: Vec<SmolStr>,
    /// `Present` stands for a text matcher without a pattern, which Envoy refuses: Istio knows no presence of claims.
    pub test: ValueMatch,
    pub invert: bool,
}
