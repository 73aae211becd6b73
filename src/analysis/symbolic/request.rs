//! From an example of a set to a request that can be sent.

use smol_str::{SmolStr, format_smolstr};

use super::{Example, Field};
use crate::envoy::request::Request;

/// The request of an example for `host`; None where some value cannot be sent.
pub(crate) fn request(example: &Example, host: &str) -> Option<Request> {
    let text = |bytes: &[u8], is_header: bool| {
        let text = std::str::from_utf8(bytes).ok()?;
        text.bytes().all(|b| (0x20..0x7f).contains(&b) || (is_header && b >= 0x80)).then(|| SmolStr::new(text))
    };
    let host = host.strip_prefix("*.").map_or_else(|| SmolStr::new(host), |rest| format_smolstr!("any.{rest}"));
    let host = if host == "*" { SmolStr::new_static("example.com") } else { host };
    let mut request = Request { port: Some(80), ..Request::new("GET", host, "/") };
    let mut query = String::new();
    for (field, values) in example {
        for value in values {
            let value = text(value, matches!(field, Field::Header(_)))?;
            match field {
                Field::Path => request.path = value,
                Field::Method => request.method = value,
                Field::Authority => request.authority = value,
                Field::Scheme => request.headers.push(("x-forwarded-proto".into(), value)),
                Field::Header(name) => request.headers.push((name.clone(), value)),
                Field::Query(name) => {
                    if value.contains(['&', '#', ' ']) {
                        return None;
                    }
                    query.push(if query.is_empty() { '?' } else { '&' });
                    query.push_str(name);
                    query.push('=');
                    query.push_str(&value);
                }
                Field::WholePath | Field::Claim(_) => return None,
                Field::Port | Field::SourceNamespace | Field::SourceLabel(_) => {}
            }
        }
    }
    if request.method == "CONNECT" {
        // It asks for a host and a port, and has no path.
        request.path = format_smolstr!("{}:80", crate::envoy::authority::without_port(&request.authority));
        return Some(request);
    }
    request.path = format_smolstr!("{}{query}", request.path);
    Some(request)
}
