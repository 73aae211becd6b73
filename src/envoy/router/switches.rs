//! Which Envoy is modelled: the runtime flags that change routing, and what else differs from line to line.

use crate::envoy::path::codec::Inspector;
use crate::envoy::re2::Encoding;
use crate::manifest::release::{Difference, Profile};

/// Envoy's runtime flags that change where a request goes (envoy-matching 0.4).
///
/// The defaults are those of the Envoy that comes with the release, under Istio's bootstrap. A scenario sets them under `envoy`, by
/// these names:
///
/// | field | default | effect when true (or: meaning) |
/// |---|---|---|
/// | `matchHeadersIndividually` | true from 1.31 | repeated headers are matched one by one; false: their values joined by `,` (VE-E1) |
/// | `regexLatin1` | true from 1.31 | regexes see bytes as Latin-1; false: UTF-8 (VE-E3) |
/// | `stripDotdotSegmentsWithParameters` | true from 1.31 | `/..;x/` counts as `/../` where paths are normalised (VE-E2) |
/// | `allowQueryMethod` | true on master | the method QUERY is known (VE-E5) |
/// | `rejectPathWithFragment` | false | `#` in the path is answered 400; false: the fragment is cut off |
/// | `regexMaxProgramSize` | 32768 | larger compiled regexes make Envoy refuse the table |
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Switches {
    /// `envoy.reloadable_features.match_headers_individually`.
    pub match_headers_individually: bool,
    /// `envoy.reloadable_features.re2_use_latin1_mode`.
    pub regex_latin1: bool,
    /// `envoy.reloadable_features.strip_dotdot_segments_with_parameters`.
    pub strip_dotdot_segments_with_parameters: bool,
    /// `envoy.reloadable_features.http1_allow_query_method`.
    pub allow_query_method: bool,
    /// What the protocol inspector takes for a method of HTTP (VE-E4). No flag brings another back, so that none is read.
    #[serde(skip)]
    pub inspector: Inspector,
    /// `envoy.reloadable_features.http_reject_path_with_fragment`; Istio's bootstrap says false.
    pub reject_path_with_fragment: bool,
    /// `re2.max_program_size.error_level`, in instructions; Istio's bootstrap says 32768.
    pub regex_max_program_size: u32,
}

impl Default for Switches {
    /// Those of the newest release.
    fn default() -> Self {
        Switches::of(Profile::default())
    }
}

impl Switches {
    /// Those of the Envoy that comes with a release (VE-E1 to VE-E5).
    pub(crate) fn of(profile: Profile) -> Switches {
        Switches {
            match_headers_individually: profile.has(Difference::HeadersIndividually),
            regex_latin1: profile.has(Difference::RegexBytes),
            strip_dotdot_segments_with_parameters: profile.has(Difference::DotSegmentsWithParameters),
            allow_query_method: profile.has(Difference::QueryMethod),
            inspector: if profile.has(Difference::InspectorTakesTokens) {
                Inspector::Tokens
            } else if profile.has(Difference::InspectorWithoutMSearch) {
                Inspector::MethodsOfBalsa
            } else {
                Inspector::MethodsOfHttpParser
            },
            reject_path_with_fragment: false,
            regex_max_program_size: 32_768,
        }
    }

    /// How regexes read text (VE-E3).
    pub(crate) fn encoding(&self) -> Encoding {
        if self.regex_latin1 { Encoding::Latin1 } else { Encoding::Utf8 }
    }

    /// These with others in their place, by name.
    ///
    /// # Errors
    /// A switch that doesn't exist, or with a value of another type.
    pub(crate) fn with(&self, others: &serde_json::Map<String, serde_json::Value>) -> Result<Switches, String> {
        let mut all = match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(all)) => all,
            _ => serde_json::Map::new(),
        };
        all.extend(others.iter().map(|(name, value)| (name.clone(), value.clone())));
        let read: Switches = serde_json::from_value(serde_json::Value::Object(all)).map_err(|e| e.to_string())?;
        Ok(Switches { inspector: self.inspector, ..read })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn unknown_switches_are_errors_and_absent_ones_keep_their_default() {
        let own = Switches::of(Profile::of("1.30".parse().unwrap()));
        let some = own.with(&given(r#"{"matchHeadersIndividually": true}"#)).unwrap();
        assert_eq!(some, Switches { match_headers_individually: true, ..own.clone() });
        assert!(own.with(&given(r#"{"regexlatin": false}"#)).is_err());
        assert!(own.with(&given(r#"{"regexLatin1": 1}"#)).is_err());
        assert!(own.with(&given(r#"{"inspector": "Tokens"}"#)).is_err());
    }

    /// VE-E1 to VE-E5.
    #[test]
    fn a_release_brings_its_envoy() {
        let of = |release: &str| {
            let s = Switches::of(Profile::of(release.parse().unwrap()));
            let news = [s.match_headers_individually, s.regex_latin1, s.strip_dotdot_segments_with_parameters];
            (news, s.encoding(), s.allow_query_method, s.inspector)
        };
        assert_eq!(of("1.29"), ([false; 3], Encoding::Utf8, false, Inspector::MethodsOfHttpParser));
        assert_eq!(of("1.30"), ([false; 3], Encoding::Utf8, false, Inspector::MethodsOfBalsa));
        assert_eq!(of("1.31"), ([true; 3], Encoding::Latin1, false, Inspector::Tokens));
        assert_eq!(of("master"), ([true; 3], Encoding::Latin1, true, Inspector::Tokens));
    }
}
