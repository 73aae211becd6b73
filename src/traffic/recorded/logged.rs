//! The fields of a proxy's access log, from whichever encoding, and what they mean as a request.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use smol_str::SmolStr;

use super::times::time;
use super::{Entry, Fault, Reason, Record, Settings, Went};
use crate::envoy::request::Request;

/// A field of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Field<'a> {
    /// The log has no such field.
    #[default]
    Missing,
    /// `-`, null or nothing, where a value could stand.
    None,
    Some(Cow<'a, str>),
}

impl<'a> Field<'a> {
    /// Of a field's text: `-` and nothing are the log's words for "none".
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Field<'a> {
        let text = text.into();
        if text.is_empty() || text == "-" { Field::None } else { Field::Some(text) }
    }

    pub(super) fn get(&self) -> Option<&str> {
        match self {
            Field::Some(text) => Some(text),
            Field::Missing | Field::None => None,
        }
    }

    /// `-` for none; None where the log has no such field.
    pub(super) fn said(&self) -> Option<SmolStr> {
        match self {
            Field::Some(text) => Some(SmolStr::new(text)),
            Field::None => Some(SmolStr::new_static("-")),
            Field::Missing => None,
        }
    }
}

/// What an Envoy logged about one request or connection; names are those of Istio's JSON encoding.
#[derive(Debug, Default)]
pub(super) struct Logged<'a> {
    pub method: Field<'a>,
    pub path: Field<'a>,
    pub protocol: Field<'a>,
    pub authority: Field<'a>,
    pub response_code: Option<u16>,
    pub response_flags: Field<'a>,
    pub response_code_details: Field<'a>,
    pub upstream_cluster: Field<'a>,
    pub route_name: Field<'a>,
    pub downstream_local_address: Field<'a>,
    pub downstream_remote_address: Field<'a>,
    pub requested_server_name: Field<'a>,
    pub user_agent: Field<'a>,
    pub x_forwarded_for: Field<'a>,
    pub request_id: Field<'a>,
    pub start_time: Field<'a>,
    /// Of keys `header:NAME`.
    pub headers: Vec<(SmolStr, SmolStr)>,
}

impl Logged<'_> {
    /// The request that the fields are about (envoy-matching 12.3 and 12.5).
    ///
    /// - The path is that before rewriting; the authority the one after.
    /// - `downstream_local_address` is what a sidecar's client dialled (the original destination, restored by Envoy). On a
    ///   gateway it is the pod's own socket: there the address decides nothing, and the port is the listening one.
    /// - An HTTP request with a `requested_server_name` came over TLS that the proxy terminated: connections whose TLS
    ///   is only passed on are logged as TCP, without a method.
    /// - A gateway puts its peer's address behind `x-forwarded-for` before it logs; it does so again in the replay, so a
    ///   last address that is the peer's is taken away.
    pub(super) fn entry(&mut self, line: u64, settings: &Settings) -> Result<Entry, Fault> {
        if is_inbound(self.upstream_cluster.get().unwrap_or_default()) {
            return Ok(Entry::PassedOver(Reason::Inbound));
        }
        let (method, path) = match (self.method.get(), self.path.get()) {
            (Some(method), Some(path)) => (method, path),
            // HTTP/1.1's CONNECT has an authority in place of a path.
            (Some("CONNECT"), None) => ("CONNECT", "/"),
            (None, None) => return self.without_request().map(Entry::PassedOver),
            (None, Some(_)) => return Err(Fault::new("`method` is missing")),
            (Some(_), None) => return Err(Fault::new("`path` is missing")),
        };
        let authority = match (self.authority.get(), &settings.default_authority) {
            (Some(authority), _) => SmolStr::new(authority),
            (None, Some(authority)) => authority.clone(),
            (None, None) if self.was_refused() => return Ok(Entry::PassedOver(Reason::NeverRouted)),
            (None, None) => return Err(Fault::new("`authority` is missing; --authority HOST[:PORT] stands in for it")),
        };
        let local = self.downstream_local_address.get().and_then(socket_address);
        let client = self.downstream_remote_address.get().and_then(socket_address).map(|a| a.ip());
        let sni = self.requested_server_name.get().map(SmolStr::new);
        let went = self.went();
        let asked = Request::new(method, authority, path);
        let stands_in = self.authority.get().is_none();
        let mut request = Request {
            id: line.into(),
            port: local.map(|a| a.port()).filter(|port| *port != 0),
            address: local.map(|a| a.ip()).filter(|ip| !ip.is_unspecified()),
            tls: sni.is_some(),
            sni,
            headers: self.request_headers(client),
            ..asked
        };
        if stands_in {
            settings.dial(&mut request);
        }
        let time = settings.time(|| self.start_time.get().and_then(time));
        Ok(Entry::Request(Record { request, client, went, time }))
    }

    fn went(&self) -> Option<Went> {
        let (flags, status, route_name) = (self.response_flags.said(), self.response_code, self.route_name.said());
        Went { cluster: self.upstream_cluster.said().map(without_delimiter), flags, status, route_name }.or_none()
    }

    fn request_headers(&mut self, client: Option<IpAddr>) -> Vec<(SmolStr, SmolStr)> {
        let mut headers = std::mem::take(&mut self.headers);
        headers.reserve_exact(3);
        let forwarded = self.x_forwarded_for.get().map(|value| without_peer(value, client)).filter(|v| !v.is_empty());
        let logged = [
            (const { SmolStr::new_static("user-agent") }, self.user_agent.get()),
            (const { SmolStr::new_static("x-forwarded-for") }, forwarded),
            (const { SmolStr::new_static("x-request-id") }, self.request_id.get()),
        ];
        for (name, value) in logged {
            if let Some(value) = value
                && !headers.iter().any(|(n, _)| *n == name)
            {
                headers.push((name, SmolStr::new(value)));
            }
        }
        headers
    }

    /// What a line without method and path is about.
    fn without_request(&self) -> Result<Reason, Fault> {
        let knows = [&self.method, &self.path, &self.upstream_cluster, &self.response_flags, &self.protocol];
        if self.was_refused() || self.protocol.get().is_some() {
            Ok(Reason::NeverRouted)
        } else if knows.iter().any(|field| **field != Field::Missing) || self.response_code == Some(0) {
            Ok(Reason::Tcp)
        } else {
            Err(Fault::new("`method`, `path` and `authority` are missing"))
        }
    }

    fn was_refused(&self) -> bool {
        let details = self.response_code_details.get().unwrap_or_default();
        self.response_flags.get().is_some_and(|flags| flags.split(',').any(|f| f == "DPE"))
            || ["http1.", "http2.", "missing_host_header", "low_version"].iter().any(|d| details.starts_with(d))
            || self.response_code.is_some_and(|code| code >= 400)
    }
}

/// True for a sidecar's clusters towards its own workload.
pub(super) fn is_inbound(cluster: &str) -> bool {
    cluster.starts_with("inbound|") || cluster.starts_with("InboundPassthroughCluster")
}

/// A cluster's name without the delimiter of Istio's statistics, which a few versions let into their logs.
pub(super) fn without_delimiter(name: SmolStr) -> SmolStr {
    match name.strip_suffix(';') {
        Some(bare) => SmolStr::new(bare),
        None => name,
    }
}

/// `10.0.0.1:80` or `[::1]:80`; None for the addresses of Envoy's internal listeners and of pipes.
pub(super) fn socket_address(text: &str) -> Option<SocketAddr> {
    text.parse().ok()
}

/// `x-forwarded-for` as it came in: without the peer's address, which an edge proxy appends.
fn without_peer(value: &str, peer: Option<IpAddr>) -> &str {
    let (before, last) = value.rsplit_once(',').unwrap_or(("", value));
    if peer.is_some() && last.trim().parse().ok() == peer { before } else { value }
}

/// A status code, or none; 0 is Envoy's word for "no response".
pub(super) fn status(text: &str) -> Result<Option<u16>, Fault> {
    match text {
        "-" | "" => Ok(None),
        _ => text
            .parse()
            .ok()
            .filter(|code| *code < 1000)
            .map(Some)
            .ok_or_else(|| Fault::new(format!("`{text}` is no status code"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_proxy_appends_its_peer_to_the_forwarded_addresses() {
        let peer = "10.1.0.9".parse().ok();
        for (logged, sent) in [
            ("203.0.113.7,10.1.0.9", "203.0.113.7"),
            ("203.0.113.7, 10.1.0.9", "203.0.113.7"),
            ("10.1.0.9", ""),
            ("10.1.0.9,203.0.113.7", "10.1.0.9,203.0.113.7"),
            ("unknown", "unknown"),
        ] {
            assert_eq!(without_peer(logged, peer), sent);
            assert_eq!(without_peer(logged, None), logged);
        }
    }

    #[test]
    fn codes_are_numbers_or_none() {
        assert_eq!(status("200"), Ok(Some(200)));
        assert_eq!(status("0"), Ok(Some(0)));
        assert_eq!(status("-"), Ok(None));
        assert!(status("2OO").is_err() && status("1000").is_err() && status("-1").is_err());
    }
}
