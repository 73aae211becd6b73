//! What Envoy does with a request before any route is looked at: the codec's and the connection manager's checks.

use super::Switches;
use super::view::{RequestView, joined};
use crate::envoy::outcome::ResponseFlags;
use crate::envoy::path::codec::{self, Refusal, Target};
use crate::envoy::path::{Fragment, PathNormalization, PathOptions};
use crate::envoy::table::RouteTable;
use crate::manifest::kinds::{ConnectionSettings, PathNormalizationType, Underscores};

/// Why a request is answered before routing (envoy-matching 0.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum BadRequest {
    /// TLS spoken to a port that expects plain HTTP.
    TlsToPlainPort,
    /// The codec cannot or will not read it.
    Codec(Refusal),
    /// A target without a path: `OPTIONS *`, or a URL that goes from the host to the query.
    NoPath,
    /// QUERY without a content type, or with an empty one.
    QueryWithoutContentType,
    /// The path cannot be normalised: `%00`, or `#` where fragments are refused.
    PathNormalization,
    /// A header with `_` in its name, where the settings refuse such (VE-14).
    Underscore,
    /// Another protocol than the connection manager and the route let in, or CONNECT (2.8).
    Upgrade,
}

impl BadRequest {
    /// Status and response flags.
    pub(crate) fn answer(self) -> (u16, ResponseFlags) {
        match self {
            BadRequest::TlsToPlainPort | BadRequest::Codec(_) | BadRequest::Underscore => {
                (400, ResponseFlags::DownstreamProtocolError)
            }
            BadRequest::NoPath => (404, ResponseFlags::None),
            BadRequest::Upgrade => (403, ResponseFlags::None),
            BadRequest::QueryWithoutContentType | BadRequest::PathNormalization => (400, ResponseFlags::None),
        }
    }

    /// `RESPONSE_CODE_DETAILS` in the access log.
    #[cfg(any(feature = "cli", test))]
    pub(crate) fn details(self) -> &'static str {
        match self {
            BadRequest::TlsToPlainPort => "http1.codec_error",
            BadRequest::Codec(refusal) => refusal.details(),
            BadRequest::NoPath => "absolute_path_rejected",
            BadRequest::QueryWithoutContentType => "query_missing_content_type",
            BadRequest::PathNormalization => "path_normalization_failed",
            BadRequest::Underscore => "http1.unexpected_underscore",
            BadRequest::Upgrade => "upgrade_failed",
        }
    }

    /// The cause in plain words.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            BadRequest::TlsToPlainPort => "TLS was spoken to a port that expects plain HTTP",
            BadRequest::Codec(refusal) => refusal.reason(),
            BadRequest::NoPath => "`*`, or a URL without a path, is nothing that can be routed",
            BadRequest::QueryWithoutContentType => "QUERY needs a `content-type`",
            BadRequest::PathNormalization => {
                "the path cannot be normalised: it has `%00`, a forbidden fragment or a forbidden escaped slash"
            }
            BadRequest::Underscore => "a header has `_` in its name, which the mesh's connection settings refuse",
            BadRequest::Upgrade => {
                "no `upgrade_configs` of the listener or the route let this CONNECT, or the protocol that `upgrade` asks for, in"
            }
        }
    }
}

impl From<Refusal> for BadRequest {
    fn from(refusal: Refusal) -> BadRequest {
        BadRequest::Codec(refusal)
    }
}

/// The checks behind the request line, which says `target`.
pub(super) fn check_head(
    request: &RequestView<'_>,
    target: &Target<'_>,
    underscores: Underscores,
) -> Result<(), BadRequest> {
    codec::check_authority(request.authority)?;
    for (name, value) in request.headers {
        codec::check_header(name, value)?;
        if underscores == Underscores::Reject && name.contains('_') {
            return Err(BadRequest::Underscore);
        }
    }
    if !target.path.starts_with('/') && request.method != "CONNECT" {
        return Err(BadRequest::NoPath);
    }
    if request.method == "QUERY" && joined(request.headers, "content-type").is_none_or(|t| t.is_empty()) {
        return Err(BadRequest::QueryWithoutContentType);
    }
    Ok(())
}

/// How paths are normalised (2.6): the mesh's settings and the proxy's switches.
pub(crate) fn path_options(table: &RouteTable, switches: &Switches) -> PathOptions {
    options_of(table.path_normalization, &table.connection_settings, switches)
}

pub(super) fn options_of(
    mode: PathNormalizationType,
    settings: &ConnectionSettings,
    switches: &Switches,
) -> PathOptions {
    let mode = match mode {
        PathNormalizationType::Default | PathNormalizationType::Base => PathNormalization::Base,
        PathNormalizationType::None => PathNormalization::None,
        PathNormalizationType::MergeSlashes => PathNormalization::MergeSlashes,
        PathNormalizationType::DecodeAndMergeSlashes => PathNormalization::DecodeAndMergeSlashes,
    };
    let of_mode = PathOptions::from(mode);
    PathOptions {
        fragment: if switches.reject_path_with_fragment { Fragment::Reject } else { Fragment::Cut },
        dot_segments_with_parameters: switches.strip_dotdot_segments_with_parameters,
        escaped_slashes: settings.escaped_slashes.unwrap_or(of_mode.escaped_slashes),
        merge_slashes: settings.merge_slashes.unwrap_or(of_mode.merge_slashes),
        ..of_mode
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::request::Request;

    fn answer(request: &Request) -> Option<BadRequest> {
        let view = RequestView::from(request);
        let target = codec::request_line(view.method, view.path, true).map_err(BadRequest::from);
        target.and_then(|target| check_head(&view, &target, Underscores::Allow)).err()
    }

    #[test]
    fn s0_7_requests_that_never_reach_the_table() {
        use BadRequest::*;
        for (method, authority, path, wanted) in [
            ("GET", "a", "/", None),
            ("GET", "", "/", None),
            ("GET", "a", "http://b/c", None),
            ("CONNECT", "a", "a:80", None),
            ("get", "a", "/", Some(Codec(Refusal::UnknownMethod))),
            ("GET", "a", "*", Some(Codec(Refusal::InvalidUrl))),
            ("GET", "a b", "/", Some(Codec(Refusal::InvalidAuthority))),
            ("OPTIONS", "a", "*", Some(NoPath)),
            ("GET", "a", "http://b?c", Some(NoPath)),
            ("QUERY", "a", "http://b?c", Some(NoPath)),
            ("QUERY", "a", "/", Some(QueryWithoutContentType)),
        ] {
            assert_eq!(answer(&Request::new(method, authority, path)), wanted, "{method} {authority} {path}");
        }
    }

    #[test]
    fn s0_7_query_needs_a_content_type() {
        for (values, fine) in [(&["a/b"][..], true), (&["", "a/b"], true), (&[""], false), (&["", ""], false)] {
            let headers = values.iter().map(|v| ("Content-Type".into(), (*v).into())).collect();
            let request = Request { headers, ..Request::new("QUERY", "a", "/") };
            assert_eq!(answer(&request).is_none(), fine, "{values:?}");
        }
    }

    #[test]
    fn s0_4_switches_and_settings_decide_how_paths_are_read() {
        let of =
            |switches: Switches| options_of(PathNormalizationType::None, &ConnectionSettings::default(), &switches);
        for set in [false, true] {
            let rejects = of(Switches { reject_path_with_fragment: set, ..Switches::default() });
            assert_eq!(rejects.fragment == Fragment::Reject, set);
            let strips = of(Switches { strip_dotdot_segments_with_parameters: set, ..Switches::default() });
            assert_eq!(strips.dot_segments_with_parameters, set);
        }
    }

    #[test]
    fn s0_7_answers() {
        let log = |r: BadRequest| (r.answer().0, r.answer().1.as_str(), r.details());
        assert_eq!(log(BadRequest::NoPath), (404, "-", "absolute_path_rejected"));
        assert_eq!(log(BadRequest::PathNormalization), (400, "-", "path_normalization_failed"));
        assert_eq!(log(Refusal::InvalidAuthority.into()), (400, "DPE", "http.invalid_authority"));
    }
}
