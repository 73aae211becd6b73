//! The hash that keeps a client's requests on one endpoint (envoy-matching 10.6).

use std::net::{IpAddr, Ipv4Addr};

use crate::envoy::balance::hash::{
    PolicyHash, combine, cookie_hash, generated_cookie, header_hash, query_hash, source_ip_hash, xx_hash,
};
use crate::envoy::decision::Upstream;
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::envoy::request::Request;
use crate::envoy::table::HashPolicy;

/// The other end of the connection that a request comes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    /// Another one for each request: its address says nothing.
    New,
    /// The same for all requests of a session.
    Known { ip: IpAddr, port: u16 },
}

impl Client {
    /// The client of a session, or of requests without one, as this proxy sees it.
    ///
    /// Behind a sidecar there is one pod; before a gateway requests come from the address that is known of them, else each
    /// session from one of its own.
    pub(super) fn of(proxy: &Proxy, session: Option<u64>, known: Option<IpAddr>) -> Client {
        let number = session.map(|s| u32::try_from(s).unwrap_or(u32::MAX));
        let port = 1024 + (number.unwrap_or(0) % 64_000) as u16;
        match (proxy.kind, number) {
            (ProxyKind::Gateway, None) => known.map_or(Client::New, |ip| Client::Known { ip, port }),
            (ProxyKind::Gateway, Some(number)) => {
                // Any addresses do, as long as they differ.
                let ip = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 1).to_bits().wrapping_add(number));
                Client::Known { ip: ip.into(), port }
            }
            (ProxyKind::Sidecar, _) => {
                let ip = proxy.ips.first().copied().unwrap_or(Ipv4Addr::new(10, 0, 0, 1).into());
                Client::Known { ip, port }
            }
        }
    }
}

impl Client {
    /// One client in place of those that differ: hashes are then equal where all else is.
    pub(super) fn or_stand_in(self) -> Client {
        match self {
            Client::New => Client::Known { ip: Ipv4Addr::UNSPECIFIED.into(), port: 0 },
            known @ Client::Known { .. } => known,
        }
    }
}

/// Whether the hash depends on who sends the request, beside what it says.
pub(super) fn depends_on_client(policies: &[HashPolicy], upstream: &Upstream) -> bool {
    policies.iter().any(|p| match plain(p).0 {
        HashPolicy::SourceIp => true,
        HashPolicy::Cookie { name, ttl, .. } => ttl.is_some() && cookie(upstream, name).is_none(),
        HashPolicy::Header(_) | HashPolicy::QueryParameter(_) | HashPolicy::Nothing | HashPolicy::Terminal(_) => false,
    })
}

/// The hash of a request. None where it is drawn anew each time: no policy gave one, or nobody knows the client.
pub(super) fn hash(
    policies: &[HashPolicy],
    request: &Request,
    upstream: &Upstream,
    client: Client,
    sessions: bool,
) -> Option<u64> {
    let mut hashes = Vec::with_capacity(policies.len());
    for policy in policies {
        let (policy, terminal) = plain(policy);
        let hash = match policy {
            HashPolicy::Nothing | HashPolicy::Terminal(_) => None,
            HashPolicy::Header(name) => header(request, upstream, name),
            HashPolicy::QueryParameter(name) => query_hash(upstream.path.as_bytes(), name.as_bytes()),
            HashPolicy::SourceIp => match client {
                Client::New => return None,
                Client::Known { ip, .. } => Some(source_ip_hash(&ip.to_string())),
            },
            HashPolicy::Cookie { name, ttl, .. } => match (cookie(upstream, name), ttl) {
                (Some(hash), _) => Some(hash),
                (None, None) => None,
                // The proxy makes a cookie for the connection; the client brings it from then on.
                (None, Some(_)) => match client {
                    Client::Known { ip, port } if sessions => {
                        let local = request.port.unwrap_or(80);
                        let made = generated_cookie(&format!("{ip}:{port}"), &format!("10.96.0.1:{local}"));
                        Some(xx_hash(made.as_bytes()))
                    }
                    _ => return None,
                },
            },
        };
        hashes.push(PolicyHash { hash, terminal });
    }
    combine(hashes)
}

/// A policy, and whether the list may end with it.
fn plain(policy: &HashPolicy) -> (&HashPolicy, bool) {
    match policy {
        HashPolicy::Terminal(policy) => (policy, true),
        policy => (policy, false),
    }
}

fn header(request: &Request, upstream: &Upstream, name: &str) -> Option<u64> {
    match name.to_ascii_lowercase().as_str() {
        ":method" => Some(xx_hash(request.method.as_bytes())),
        ":path" => Some(xx_hash(upstream.path.as_bytes())),
        ":authority" | "host" => Some(xx_hash(upstream.authority.as_bytes())),
        _ => header_hash(values(upstream, name)),
    }
}

fn cookie(upstream: &Upstream, name: &str) -> Option<u64> {
    cookie_hash(values(upstream, "cookie"), name.as_bytes())
}

fn values<'u>(upstream: &'u Upstream, name: &'u str) -> impl Iterator<Item = &'u [u8]> {
    upstream.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::router::testing::proxy;

    fn upstream(headers: &[(&str, &str)]) -> Upstream {
        Upstream {
            path: "/a?user=jo".into(),
            authority: "shop".into(),
            headers: headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
        }
    }

    fn request() -> Request {
        Request {
            id: serde_json::Value::Null,
            proxy: None,
            method: "GET".into(),
            authority: "shop".into(),
            path: "/a?user=jo".into(),
            port: None,
            address: None,
            dialled_host: None,
            tls: false,
            sni: None,
            headers: Vec::new(),
        }
    }

    fn cookie_policy(ttl: bool) -> HashPolicy {
        let ttl = ttl.then_some(crate::manifest::kinds::Nanos(0));
        HashPolicy::Cookie { name: "id".into(), ttl, path: "".into(), attributes: Vec::new() }
    }

    #[test]
    fn s10_6_what_the_request_says_is_its_hash() {
        let client = Client::New;
        let of = |policy: HashPolicy, headers: &[(&str, &str)]| {
            hash(&[policy], &request(), &upstream(headers), client, false)
        };
        assert_eq!(of(HashPolicy::Header("X-User".into()), &[("x-user", "alice")]), Some(0x73a3_ea48_5f2e_6049));
        assert_eq!(of(HashPolicy::Header("x-user".into()), &[]), None);
        assert_eq!(of(HashPolicy::QueryParameter("user".into()), &[]), Some(xx_hash(b"jo")));
        assert_eq!(of(cookie_policy(true), &[("cookie", "id=alice")]), Some(0x73a3_ea48_5f2e_6049));
        assert_eq!(of(cookie_policy(false), &[]), None);
        assert_eq!(of(HashPolicy::Nothing, &[]), None);
    }

    #[test]
    fn s10_6_clients_keep_their_endpoint_where_they_are_known() {
        let gateway = proxy(ProxyKind::Gateway);
        let of = |policy: HashPolicy, session: Option<u64>| {
            let client = Client::of(&gateway, session, None);
            hash(&[policy], &request(), &upstream(&[]), client, session.is_some())
        };
        for policy in [HashPolicy::SourceIp, cookie_policy(true)] {
            assert_eq!(of(policy.clone(), None), None);
            assert_eq!(of(policy.clone(), Some(3)), of(policy.clone(), Some(3)));
            assert_ne!(of(policy.clone(), Some(3)), of(policy.clone(), Some(4)));
            assert!(depends_on_client(&[policy], &upstream(&[])));
        }
        assert!(!depends_on_client(&[cookie_policy(true)], &upstream(&[("cookie", "id=a")])));
    }
}
