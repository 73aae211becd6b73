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
    /// `runtime_fraction`, which Istio writes nowhere. One of less than the whole is among what isn't evaluated, too.
    pub fraction: Option<RuntimeFraction>,
    /// Conditions of a proxy's configuration that nobody here evaluates, by Envoy's name: they are taken not to hold, and that is said
    /// (CF-5). Empty for routes that were translated.
    pub not_evaluated: Vec<SmolStr>,
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
