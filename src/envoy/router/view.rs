//! A request on its way in: borrowed from the caller, and as routes see it after Envoy's clean-up.

use std::borrow::Cow;
use std::net::IpAddr;

use smol_str::SmolStr;

use crate::envoy::request::Request;

/// One HTTP/1.1 request, borrowed. Building one allocates nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestView<'a> {
    pub method: &'a str,
    /// `:authority` as sent, port included.
    pub authority: &'a str,
    /// Path with query, as sent.
    pub path: &'a str,
    /// Dialled address; None: what the mesh's DNS gives for the dialled host.
    pub address: Option<IpAddr>,
    /// Host that the client looks up and asks for in TLS; None: the authority's.
    pub dialled_host: Option<&'a str>,
    /// Dialled port; None: the authority's, else 443 with TLS, else 80.
    pub port: Option<u16>,
    pub tls: bool,
    /// None: the dialled host.
    pub sni: Option<&'a str>,
    /// In order; names in any case, repetitions kept.
    pub headers: &'a [(SmolStr, SmolStr)],
}

impl<'a> From<&'a Request> for RequestView<'a> {
    fn from(request: &'a Request) -> RequestView<'a> {
        RequestView {
            method: &request.method,
            authority: &request.authority,
            path: &request.path,
            address: request.address,
            dialled_host: request.dialled_host.as_deref(),
            port: request.port,
            tls: request.tls,
            sni: request.sni.as_deref(),
            headers: &request.headers,
        }
    }
}

/// The request as conditions of routes see it: normalised path, Envoy's own headers added, control headers gone
/// (envoy-matching 0.6, steps 3 and 4).
#[derive(Debug, Clone)]
pub(crate) struct Seen<'a> {
    pub method: &'a str,
    /// Without what the connection manager cuts off.
    pub authority: Cow<'a, str>,
    /// Normalised path with query. Empty for CONNECT.
    pub path: Cow<'a, str>,
    /// Bytes of `path` up to the query or fragment.
    pub bare_length: usize,
    /// True where the proxy is the edge, which believes no forwarding header of the client's: gateways are, sidecars aren't, and others
    /// are as `use_remote_address` says.
    pub edge: bool,
    /// True where the proxy terminated TLS.
    pub secure: bool,
    pub headers: &'a [(SmolStr, SmolStr)],
    /// Headers with `_` in their names are gone (VE-14).
    pub drops_underscores: bool,
    /// `Switches::match_headers_individually`.
    pub individually: bool,
}

/// Stands for the `x-request-id` that Envoy makes where the client sends none: present, of this form, otherwise unknown.
const GENERATED_REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// Stands for the client's address, which a gateway appends to `x-forwarded-for`.
const UNKNOWN_CLIENT: &str = "0.0.0.0";

/// What a header name of a condition or a formatter refers to; decided once, when the table is compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeaderKey {
    Method,
    /// `:authority`, `host`.
    Authority,
    Scheme,
    Path,
    /// `x-forwarded-proto`: the client's own on sidecars, the connection's on gateways.
    ForwardedProto,
    ForwardedFor,
    /// `x-request-id`: there always is one.
    RequestId,
    /// `connection` and `upgrade`: only there where the request asks for an upgrade.
    Upgrade(SmolStr),
    /// Removed before routing, or an unknown pseudo header: never there.
    Gone,
    /// Lower case. `joined`: Envoy keeps one field of this name, whose repetitions it joins by `,`.
    Field {
        name: SmolStr,
        joined: bool,
    },
}

/// Headers that Envoy stores as one field each; repeated ones are joined by `,` as they arrive, before anything looks
/// at them. The fixed fields of its header map and those that its filters register.
const JOINED: [&str; 24] = [
    "accept",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "grpc-timeout",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "origin",
    "pragma",
    "referer",
    "user-agent",
    "via",
    "x-forwarded-host",
    "x-forwarded-port",
];

/// Hop-by-hop headers, and the control headers that Envoy takes from nobody here: no client counts as internal (0.6).
const GONE: [&str; 26] = [
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
    "x-envoy-ip-tags",
    "x-envoy-is-timeout-retry",
    "x-envoy-max-retries",
    "x-envoy-original-host",
    "x-envoy-original-url",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-stream-duration-ms",
    "x-forwarded-client-cert",
];

impl HeaderKey {
    /// The key of a name in any case.
    pub(crate) fn new(name: &str) -> HeaderKey {
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            ":method" => HeaderKey::Method,
            ":authority" | "host" => HeaderKey::Authority,
            ":scheme" => HeaderKey::Scheme,
            ":path" => HeaderKey::Path,
            "x-forwarded-proto" => HeaderKey::ForwardedProto,
            "x-forwarded-for" => HeaderKey::ForwardedFor,
            "x-request-id" => HeaderKey::RequestId,
            "connection" | "upgrade" => HeaderKey::Upgrade(lower.into()),
            gone if gone.starts_with(':') || GONE.binary_search(&gone).is_ok() => HeaderKey::Gone,
            field => HeaderKey::Field { joined: JOINED.binary_search(&field).is_ok(), name: field.into() },
        }
    }
}

/// True where Envoy keeps one field of this name, given in lower case.
pub(crate) fn is_joined(lower_name: &str) -> bool {
    JOINED.binary_search(&lower_name).is_ok()
        || matches!(lower_name, "x-forwarded-proto" | "x-forwarded-for" | "x-request-id" | "connection" | "upgrade")
}

/// True where Envoy takes the header (lower case) away before it routes.
pub(crate) fn is_removed(lower_name: &str) -> bool {
    GONE.binary_search(&lower_name).is_ok()
}

impl<'a> Seen<'a> {
    /// The path up to the query: the text of path conditions (2.3).
    #[inline]
    pub(crate) fn bare_path(&self) -> &str {
        self.path.get(..self.bare_length).unwrap_or(&self.path)
    }

    /// Calls `visit` with each value of a header until it says true; gives whether the header exists and whether it did.
    ///
    /// Repeated fields come one by one, or joined where Envoy joins them (3.1, 3.2). Blanks around a value are not part of it.
    pub(crate) fn values(&self, key: &HeaderKey, mut visit: impl FnMut(&str) -> bool) -> Values {
        let one = |value: &str, visit: &mut dyn FnMut(&str) -> bool| Values { exists: true, accepted: visit(value) };
        match key {
            HeaderKey::Method => one(self.method, &mut visit),
            HeaderKey::Authority => one(&self.authority, &mut visit),
            HeaderKey::Path => one(&self.path, &mut visit),
            HeaderKey::Scheme => one(self.scheme(), &mut visit),
            HeaderKey::ForwardedProto => one(&self.forwarded_proto(), &mut visit),
            HeaderKey::ForwardedFor if self.edge => {
                let sent = self.joined("x-forwarded-for").map(|v| format!("{v},{UNKNOWN_CLIENT}"));
                one(sent.as_deref().unwrap_or(UNKNOWN_CLIENT), &mut visit)
            }
            HeaderKey::ForwardedFor => self.one_field("x-forwarded-for", &mut visit),
            HeaderKey::RequestId => {
                one(&self.joined("x-request-id").unwrap_or(GENERATED_REQUEST_ID.into()), &mut visit)
            }
            HeaderKey::Upgrade(name) if self.asks_for_upgrade() => self.one_field(name, &mut visit),
            HeaderKey::Upgrade(_) | HeaderKey::Gone => Values { exists: false, accepted: false },
            HeaderKey::Field { name, .. } if self.is_dropped(name) => Values { exists: false, accepted: false },
            HeaderKey::Field { name, joined: true } => self.one_field(name, &mut visit),
            HeaderKey::Field { name, joined: false } => self.fields(name, &mut visit),
        }
    }

    fn one_field(&self, name: &str, visit: &mut dyn FnMut(&str) -> bool) -> Values {
        match self.joined(name) {
            Some(value) => Values { exists: true, accepted: visit(&value) },
            None => Values { exists: false, accepted: false },
        }
    }

    fn fields(&self, name: &str, visit: &mut dyn FnMut(&str) -> bool) -> Values {
        let mut values = values_of(self.headers, name);
        if self.individually {
            let mut found = Values { exists: false, accepted: false };
            found.accepted = values.any(|value| {
                found.exists = true;
                visit(value)
            });
            return found;
        }
        let Some(first) = values.next() else { return Values { exists: false, accepted: false } };
        let all = values.fold(Cow::Borrowed(first), |all, value| Cow::Owned(format!("{all},{value}")));
        Values { exists: true, accepted: visit(&all) }
    }

    /// Whether the settings drop a header of that name (VE-14).
    pub(crate) fn is_dropped(&self, name: &str) -> bool {
        self.drops_underscores && name.contains('_')
    }

    /// The value of a header of which Envoy keeps one field.
    pub(crate) fn joined(&self, name: &str) -> Option<Cow<'a, str>> {
        joined(self.headers, name)
    }

    /// `x-forwarded-proto`: a sidecar believes the client's, a gateway says what the connection is (RT-10).
    pub(crate) fn forwarded_proto(&self) -> Cow<'a, str> {
        let sent = if self.edge { None } else { self.joined("x-forwarded-proto") };
        sent.unwrap_or(Cow::Borrowed(self.connection_scheme()))
    }

    /// `:scheme`, which follows `x-forwarded-proto` where that is one (0.7).
    pub(crate) fn scheme(&self) -> &'static str {
        let forwarded = self.forwarded_proto();
        if forwarded.eq_ignore_ascii_case("https") {
            "https"
        } else if forwarded.eq_ignore_ascii_case("http") {
            "http"
        } else {
            self.connection_scheme()
        }
    }

    fn connection_scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// True where `connection` lists `upgrade` and `upgrade` says to what.
    pub(crate) fn asks_for_upgrade(&self) -> bool {
        self.upgrade().is_some()
    }

    /// What the connection is to become; the codec takes away the wish for HTTP/2 (envoy-matching 2.8).
    pub(crate) fn upgrade(&self) -> Option<Cow<'a, str>> {
        let connection = self.joined("connection")?;
        let asks = connection.split(',').any(|t| t.trim().eq_ignore_ascii_case("upgrade"));
        self.joined("upgrade").filter(|kind| asks && !kind.eq_ignore_ascii_case("h2c"))
    }

    /// The query: what follows the first `?` (4.1).
    pub(crate) fn query(&self) -> Option<&str> {
        self.path.split_once('?').map(|(_, query)| query)
    }

    /// The first occurrence of a query parameter, undecoded (4.1, 4.2).
    pub(crate) fn query_parameter(&self, name: &str) -> Option<&str> {
        let pieces = self.query()?.split('&');
        pieces.map(|piece| piece.split_once('=').unwrap_or((piece, ""))).find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// True for a gRPC request by its content type (2.2): local replies to it are HTTP 200 with a `grpc-status`.
    pub(crate) fn is_grpc(&self) -> bool {
        self.joined("content-type").is_some_and(|v| v == "application/grpc" || v.starts_with("application/grpc+"))
    }
}

/// The values of all fields of a name, in any case.
fn values_of<'a>(headers: &'a [(SmolStr, SmolStr)], name: &str) -> impl Iterator<Item = &'a str> {
    headers.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| trim(value))
}

/// The one field that Envoy makes of all fields of a name: their values joined by `,`, without the empty ones. Borrowed
/// where there is only one.
pub(crate) fn joined<'a>(headers: &'a [(SmolStr, SmolStr)], name: &str) -> Option<Cow<'a, str>> {
    let mut values = values_of(headers, name);
    let mut all = Cow::Borrowed(values.next()?);
    for value in values {
        append(&mut all, value);
    }
    Some(all)
}

/// Joins a further value to a field of which Envoy keeps one.
fn append<'a>(field: &mut Cow<'a, str>, value: &'a str) {
    if field.is_empty() {
        *field = Cow::Borrowed(value);
    } else if !value.is_empty() {
        *field = Cow::Owned(format!("{field},{value}"));
    }
}

/// What [`Seen::values`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Values {
    pub exists: bool,
    pub accepted: bool,
}

/// A field's value as the codec hands it on (0.3).
pub(crate) fn trim(value: &str) -> &str {
    value.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::super::testing::seen;
    use super::*;

    fn all(seen: &Seen<'_>, name: &str) -> Option<Vec<String>> {
        let mut values = Vec::new();
        let found = seen.values(&HeaderKey::new(name), |v| {
            values.push(v.to_string());
            false
        });
        found.exists.then_some(values)
    }

    fn some(values: &[&str]) -> Option<Vec<String>> {
        Some(values.iter().map(|v| v.to_string()).collect())
    }

    #[test]
    fn tables_of_names_are_sorted() {
        assert!(JOINED.is_sorted());
        assert!(GONE.is_sorted());
    }

    #[test]
    fn s3_1_repeated_fields_come_one_by_one_but_for_those_envoy_joins() {
        let headers = [
            ("X-A".into(), " v ".into()),
            ("x-a".into(), "w".into()),
            ("user-agent".into(), "a".into()),
            ("User-Agent".into(), "b".into()),
            ("cookie".into(), "c".into()),
            ("cookie".into(), "d".into()),
            ("content-type".into(), "".into()),
            ("content-type".into(), "".into()),
            ("accept".into(), "".into()),
            ("accept".into(), "a".into()),
            ("accept".into(), "".into()),
            ("accept".into(), "b".into()),
            ("x-e".into(), "".into()),
            ("x-e".into(), "".into()),
        ];
        let request = seen(&headers);
        assert_eq!(all(&request, "x-a"), some(&["v", "w"]));
        assert_eq!(all(&request, "User-Agent"), some(&["a,b"]));
        assert_eq!(all(&request, "cookie"), some(&["c", "d"]));
        assert_eq!(all(&request, "content-type"), some(&[""]), "empty values are not joined");
        assert_eq!(all(&request, "accept"), some(&["a,b"]));
        assert_eq!(all(&request, "x-e"), some(&["", ""]));
        assert_eq!(all(&request, "x-b"), None);
        assert_eq!(all(&Seen { individually: false, ..request.clone() }, "x-a"), some(&["v,w"]));
        assert_eq!(all(&Seen { individually: false, ..request }, "x-e"), some(&[","]));
    }

    #[test]
    fn s3_1_pseudo_headers_are_ordinary_ones() {
        let request = seen(&[]);
        assert_eq!(all(&request, ":method"), some(&["GET"]));
        assert_eq!(all(&request, "Host"), some(&["Shop:80"]));
        assert_eq!(all(&request, ":path"), some(&["/p?q=1&q=2&x&&y=a=b"]));
        assert_eq!(all(&request, ":scheme"), some(&["http"]));
        assert_eq!(all(&request, ":nothing"), None);
    }

    #[test]
    fn rt_10_a_sidecar_believes_x_forwarded_proto_and_a_gateway_replaces_it() {
        let headers = [("x-forwarded-proto".into(), "HTTPS".into())];
        let sidecar = seen(&headers);
        assert_eq!(sidecar.scheme(), "https");
        assert_eq!(all(&sidecar, "x-forwarded-proto"), some(&["HTTPS"]));
        let gateway = Seen { edge: true, ..sidecar.clone() };
        assert_eq!(gateway.scheme(), "http");
        assert_eq!(all(&gateway, "x-forwarded-proto"), some(&["http"]));
    }

    #[test]
    fn s0_6_an_edge_adds_the_client_to_x_forwarded_for() {
        for (sent, inside, at_the_edge) in [
            (&[][..], None, "0.0.0.0"),
            (&[("x-forwarded-for".into(), "10.0.0.9".into())], Some("10.0.0.9"), "10.0.0.9,0.0.0.0"),
        ] {
            let sidecar = seen(sent);
            assert_eq!(all(&sidecar, "X-Forwarded-For"), inside.and_then(|v| some(&[v])));
            assert_eq!(all(&Seen { edge: true, ..sidecar }, "x-forwarded-for"), some(&[at_the_edge]));
        }
    }

    #[test]
    fn s2_8_connection_and_upgrade_are_there_where_they_ask_for_an_upgrade() {
        for (connection, upgrade, asks) in [
            ("Upgrade", "websocket", true),
            ("keep-alive, upgrade", "foo", true),
            ("close", "websocket", false),
            ("upgrade", "H2C", false),
        ] {
            let headers = [("connection".into(), connection.into()), ("Upgrade".into(), upgrade.into())];
            let request = seen(&headers);
            assert_eq!(request.upgrade().as_deref(), asks.then_some(upgrade));
            assert_eq!(all(&request, "upgrade"), some(&[upgrade]).filter(|_| asks), "{connection} {upgrade}");
            assert_eq!(all(&request, "Connection"), some(&[connection]).filter(|_| asks), "{connection} {upgrade}");
        }
        let alone = [("connection".into(), "upgrade".into())];
        assert_eq!(all(&seen(&alone), "connection"), None);
    }

    #[test]
    fn s0_6_control_headers_are_gone_and_a_request_id_is_there() {
        let headers = [
            ("x-envoy-retry-on".into(), "5xx".into()),
            ("connection".into(), "close".into()),
            ("te".into(), "x".into()),
        ];
        let request = seen(&headers);
        for name in ["x-envoy-retry-on", "Connection", "te", "upgrade"] {
            assert_eq!(all(&request, name), None, "{name}");
        }
        assert!(all(&request, "x-request-id").is_some());
    }

    #[test]
    fn s4_1_query_parameters_are_read_undecoded_first_one_wins() {
        let request = seen(&[]);
        assert_eq!(request.query_parameter("q"), Some("1"));
        assert_eq!(request.query_parameter("x"), Some(""));
        assert_eq!(request.query_parameter("y"), Some("a=b"));
        assert_eq!(request.query_parameter("Q"), None);
        assert_eq!(Seen { path: "/p".into(), ..request.clone() }.query_parameter("q"), None);
    }
}
