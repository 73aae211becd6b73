//! Redirects and direct responses (sections 7.5 and 7.6 of the translation rules).

use smol_str::SmolStr;

use super::HttpSite;
use crate::envoy::table::{Body, DirectResponse, Redirect, RedirectPath, RouteAction};
use crate::manifest::kinds::{self, DirectBody, HttpDirectResponse, HttpRedirect, RedirectPort};

/// RD-1. A code that Envoy has no name for leaves the route without action.
pub(super) fn redirect(written: &HttpRedirect, site: &HttpSite<'_>) -> RouteAction {
    let status = match written.redirect_code {
        0 | 301 => 301,
        302 => 302,
        303 => 303,
        307 => 307,
        308 => 308,
        _ => return RouteAction::Nothing,
    };
    let given = |text: &SmolStr| (!text.is_empty()).then(|| text.clone());
    let path = if written.prefix_rewrite.is_empty() {
        RedirectPath::Replace(written.uri.clone())
    } else {
        RedirectPath::Prefix(written.prefix_rewrite.clone())
    };
    RouteAction::Redirect(Box::new(Redirect {
        scheme: given(&written.scheme),
        host: given(&written.authority),
        port: port(written, site),
        path,
        status,
        strip_query: false,
    }))
}

/// RD-1, RD-2: the port that is written into the Location; the default port of the scheme is not.
fn port(written: &HttpRedirect, site: &HttpSite<'_>) -> Option<u32> {
    let port = match written.port {
        RedirectPort::Unset | RedirectPort::FromProtocolDefault => return None,
        RedirectPort::Port(port) => port,
        RedirectPort::FromRequestPort => u32::from(site.port),
    };
    let scheme = match written.scheme.as_str() {
        "" if site.is_tls => "https",
        "" => "http",
        scheme => scheme,
    };
    let is_default = matches!((port, scheme), (80, "http") | (443, "https"));
    (port != 0 && !is_default).then_some(port)
}

/// DI-1.
pub(super) fn direct_response(written: &HttpDirectResponse) -> DirectResponse {
    let kinds::HttpDirectResponse { status, body } = written;
    let body = match body {
        None | Some(DirectBody::Unset) => Body::None,
        Some(DirectBody::String(text)) => Body::String(text.clone()),
        Some(DirectBody::Bytes(bytes)) => Body::Bytes(bytes.clone()),
    };
    DirectResponse { status: *status, body }
}
