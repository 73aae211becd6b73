//! Conditions.

use indexmap::IndexMap;
use smol_str::SmolStr;

use super::{Real, There, Whole, messages};

messages! {
    RegexMatcher { regex: SmolStr } silent ["google_re2"]

    StringMatcher {
        exact: Option<SmolStr>,
        prefix: Option<SmolStr>,
        suffix: Option<SmolStr>,
        contains: Option<SmolStr>,
        safe_regex: Option<RegexMatcher>,
        ignore_case: bool,
        custom: Option<There>,
    } silent []

    Range { start: Whole, end: Whole } silent []

    HeaderMatcher {
        name: SmolStr,
        exact_match: Option<SmolStr>,
        prefix_match: Option<SmolStr>,
        suffix_match: Option<SmolStr>,
        contains_match: Option<SmolStr>,
        safe_regex_match: Option<RegexMatcher>,
        range_match: Option<Range>,
        present_match: Option<bool>,
        string_match: Option<StringMatcher>,
        invert_match: bool,
        treat_missing_header_as_empty: bool,
    } silent []

    QueryParameterMatcher {
        name: SmolStr,
        string_match: Option<StringMatcher>,
        present_match: Option<bool>,
    } silent []

    RouteMatch {
        prefix: Option<SmolStr>,
        path: Option<SmolStr>,
        safe_regex: Option<RegexMatcher>,
        path_separated_prefix: Option<SmolStr>,
        connect_matcher: Option<There>,
        path_match_policy: Option<super::Filter>,
        case_sensitive: Option<bool>,
        headers: Vec<HeaderMatcher>,
        query_parameters: Vec<QueryParameterMatcher>,
        runtime_fraction: Option<RuntimeFraction>,
        grpc: Option<There>,
        tls_context: Option<TlsContextMatch>,
        dynamic_metadata: Vec<MetadataMatcher>,
    } silent []

    TlsContextMatch { presented: Option<bool>, validated: Option<bool> } silent []

    RuntimeFraction { default_value: Option<FractionalPercent>, runtime_key: SmolStr } silent []

    FractionalPercent { numerator: Whole, denominator: super::Choice } silent []

    MetadataMatcher {
        filter: SmolStr,
        path: Vec<PathSegment>,
        value: Option<ValueMatcher>,
        invert: bool,
    } silent []

    PathSegment { key: SmolStr } silent []

    ValueMatcher {
        null_match: Option<There>,
        double_match: Option<DoubleMatcher>,
        string_match: Option<StringMatcher>,
        bool_match: Option<bool>,
        present_match: Option<bool>,
        or_match: Option<OrMatcher>,
        list_match: Option<ListMatcher>,
    } silent []

    /// A tree that stands in place of routes.
    Matcher {
        matcher_list: Option<MatcherList>,
        matcher_tree: Option<MatcherTree>,
        on_no_match: Option<OnMatch>,
    } silent []

    MatcherList { matchers: Vec<FieldMatcher> } silent []

    FieldMatcher { predicate: Option<Predicate>, on_match: Option<OnMatch> } silent []

    Predicate { single_predicate: Option<SinglePredicate>, not_matcher: Option<Box<Predicate>> } silent []

    SinglePredicate { input: super::Filter, value_match: Option<StringMatcher> } silent []

    MatcherTree {
        input: super::Filter,
        exact_match_map: Option<MatchMap>,
        prefix_match_map: Option<MatchMap>,
    } silent []

    MatchMap { map: IndexMap<SmolStr, OnMatch> } silent []

    OnMatch { action: Option<super::Filter> } silent []

    DoubleMatcher { exact: Option<Real>, range: Option<DoubleRange> } silent []

    DoubleRange { start: Real, end: Real } silent []

    OrMatcher { value_matchers: Vec<ValueMatcher> } silent []

    ListMatcher { one_of: Option<Box<ValueMatcher>> } silent []
}
