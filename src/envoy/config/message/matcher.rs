//! Conditions.

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
        dynamic_metadata: Vec<MetadataMatcher>,
    } silent []

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

    DoubleMatcher { exact: Option<Real>, range: Option<DoubleRange> } silent []

    DoubleRange { start: Real, end: Real } silent []

    OrMatcher { value_matchers: Vec<ValueMatcher> } silent []

    ListMatcher { one_of: Option<Box<ValueMatcher>> } silent []
}
