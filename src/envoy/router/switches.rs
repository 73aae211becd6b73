//! Which Envoy is modelled: the runtime flags that change routing.

/// Envoy's runtime flags that change where a request goes (envoy-matching 0.4).
///
/// The defaults are those of Envoy 1.40 under Istio's bootstrap. A scenario sets them under `envoy`, by these names:
///
/// | field | default | effect when true (or: meaning) |
/// |---|---|---|
/// | `matchHeadersIndividually` | true | repeated headers are matched one by one; false: their values joined by `,` (before 1.39) |
/// | `regexLatin1` | true | regexes see bytes as Latin-1; false: UTF-8 (before 1.40) |
/// | `stripDotdotSegmentsWithParameters` | true | `/..;x/` counts as `/../` where paths are normalised (since 1.40) |
/// | `rejectPathWithFragment` | false | `#` in the path is answered 400; false: the fragment is cut off |
/// | `regexMaxProgramSize` | 32768 | larger compiled regexes make Envoy refuse the table |
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Switches {
    /// `envoy.reloadable_features.match_headers_individually`.
    pub match_headers_individually: bool,
    /// `envoy.reloadable_features.re2_use_latin1_mode`.
    pub regex_latin1: bool,
    /// `envoy.reloadable_features.strip_dotdot_segments_with_parameters`.
    pub strip_dotdot_segments_with_parameters: bool,
    /// `envoy.reloadable_features.http_reject_path_with_fragment`; Istio's bootstrap says false.
    pub reject_path_with_fragment: bool,
    /// `re2.max_program_size.error_level`, in instructions; Istio's bootstrap says 32768.
    pub regex_max_program_size: u32,
}

impl Default for Switches {
    fn default() -> Self {
        Switches {
            match_headers_individually: true,
            regex_latin1: true,
            strip_dotdot_segments_with_parameters: true,
            reject_path_with_fragment: false,
            regex_max_program_size: 32_768,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_switches_are_errors_and_absent_ones_keep_their_default() {
        let some: Switches = serde_json::from_str(r#"{"regexLatin1": false}"#).unwrap();
        assert_eq!(some, Switches { regex_latin1: false, ..Switches::default() });
        assert!(serde_json::from_str::<Switches>(r#"{"regexlatin": false}"#).is_err());
    }
}
