//! The manuals of what admission finds (room `admission`), so that these ids can be explained and silenced like all others.

use super::registry::{Check, Input, Profile};
use crate::manifest::diagnostic::Severity;

/// A finding of admission: no input is missing for it, and its example is one of the cases of `tests/admission`.
macro_rules! admission {
    ($($id:ident $severity:ident $title:literal $manual:literal $(also $peer:literal)? $(example $example:literal)?;)+) => {
        /// All of them, by number.
        pub(super) const CHECKS: &[Check] = &[$(Check {
            id: stringify!($id),
            title: $title,
            severity: Severity::$severity,
            profile: Profile::Default,
            needs: NOTHING,
            peers: &["IST0106", "IST0133" $(, $peer)?],
            #[cfg(feature = "cli")]
            manual: $manual,
            #[cfg(feature = "cli")]
            example: concat!($($example)?),
        },)+];
    };
}

const NOTHING: &[Input] = &[];

admission! {
    M100 Error "Document of the wrong shape"
        "A field that the kind doesn't have, a value of another type, a missing name, a repeated key: the API server refuses the document before Istio sees it, or drops the field."
        example "# bad\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop, namespace: store}\nspec: {host: [shop], http: [{route: [{destination: {host: shop}}]}]}\n# good\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop, namespace: store}\nspec: {hosts: [shop], http: [{route: [{destination: {host: shop}}]}]}\n";
    M101 Error "VirtualService without rules"
        "None of `http`, `tls` and `tcp` has a rule, so the object would do nothing.";
    M102 Error "Delegate that is none"
        "A VirtualService without hosts is a delegate: it may have http rules only, and neither `gateways` nor delegates of its own.";
    M103 Error "Host of a VirtualService not valid"
        "A host is a DNS name of at most 255 characters, with `*` as its first label at most; a bare `*` is for gateways only, since every call within the mesh would be taken.";
    M104 Error "Hosts that cover each other"
        "One entry of `hosts` covers another one of the same object, so that it is not clear which of them a request means.";
    M105 Error "Empty entry in a list or map"
        "A `null` stands where a rule, match, destination or mirror is expected, most often a dash with nothing behind it.";
    M106 Error "Rule without an action"
        "An http rule has none of `route`, `redirect`, `directResponse` and `delegate`.";
    M107 Error "Actions that exclude each other"
        "A redirect or direct response beside `route`, `fault` or `rewrite`; `mirror` beside `mirrors`; a delegate beside another action. Only one of them could act.";
    M108 Error "Redirect not valid"
        "Nothing to redirect to, `uri` together with `prefixRewrite`, a prefix rewrite where the match is no prefix, a code outside 300 to 399, or another scheme than http and https.";
    M109 Error "Direct response not valid"
        "The status is outside 200 to 600, or the body is above one megabyte. A warning for bodies above 100 kilobytes, which every proxy has to hold.";
    M110 Error "Rewrite not valid"
        "An empty rewrite, two ways to rewrite the path, a regex form without both of its parts, or an authority that is set twice.";
    M111 Error "Condition on a text not valid"
        "An empty prefix or regex, a regex above 1024 bytes, or one that is not RE2: look-around and back references do not exist there.";
    M112 Error "Name of a header not valid"
        "The name of a header in a match is empty, or has characters that a header's name can't have.";
    M113 Error "Port, subset, namespace or label not valid"
        "A port outside 1 to 65535, a name that is no DNS label, or labels that Kubernetes would not take.";
    M114 Error "Gateway name not valid"
        "`namespace/name` with a part that is empty or no DNS name.";
    M115 Error "Weights not valid"
        "A negative weight, or two and more destinations whose weights add up to 0, so that nobody would get the requests.";
    M116 Error "Destination not valid"
        "A destination is missing, or its host is `*` or no DNS name.";
    M117 Error "Duration not valid"
        "A timeout, delay or backoff below one millisecond, or finer than that. `0s` is refused too: leave the field out instead.";
    M118 Error "Retries not valid"
        "Negative attempts, attempts of 0 beside other settings, or a condition that is neither known nor a status. A blank behind a comma makes a condition unknown.";
    M119 Error "Fault not valid"
        "Neither abort nor delay, a percentage outside 0 to 100, a status outside 200 to 600, or a field that is deprecated or without effect."
        also "IST0002";
    M120 Error "Mirror share not valid"
        "A percentage outside 0 to 100; `mirrorPercent` is deprecated, a warning.";
    M121 Error "CORS policy not valid"
        "An origin, method or header name that can't be, or a `maxAge` finer than a second.";
    M122 Error "Header operation not valid"
        "A name that is empty or reserved, or a value with control characters or a lone `%`, which begins a command of Envoy's.";
    M123 Error "TLS rule not valid"
        "A tls rule without match, SNI host or route, or with an SNI host that no host of the VirtualService covers.";
    M124 Error "TCP rule not valid"
        "A tcp rule without route, or with a subnet that is no address range.";
    M125 Error "exportTo not valid"
        "An entry twice, `.` beside the own namespace, `*` beside others, or `~`, which only ServiceEntries may say.";
    M126 Error "Claims within the mesh"
        "A match on `@request.auth.claims` in a VirtualService that applies to the mesh: sidecars do not verify tokens for routing.";
    M127 Error "Text that YAML reads as something else"
        "A bare `y`, `no`, `on`, `true`, `1` or `1.0` where a text is expected: the YAML reader makes a boolean or number of it, and the object is refused. Put it in quotes."
        example "# bad\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop, namespace: store}\nspec: {hosts: [shop], http: [{match: [{headers: {x-canary: {exact: y}}}], route: [{destination: {host: shop}}]}]}\n# good\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop, namespace: store}\nspec: {hosts: [shop], http: [{match: [{headers: {x-canary: {exact: \"y\"}}}], route: [{destination: {host: shop}}]}]}\n";
    M128 Warning "Accepted with a warning"
        "Istio accepts the object and warns: a rule that is never used, a match that another one repeats, or the same object twice in the input."
        example "# bad\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop, namespace: store}\nspec: {hosts: [shop], http: [{route: [{destination: {host: shop}}]}, {timeout: 5s, route: [{destination: {host: shop}}]}]}\n# good\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop, namespace: store}\nspec: {hosts: [shop], http: [{match: [{uri: {prefix: /a}}], timeout: 5s, route: [{destination: {host: shop}}]}, {route: [{destination: {host: shop}}]}]}\n";
    M129 Warning "Field that this release doesn't have"
        "A field that other releases of Istio have, and the one that is asked about (`--istio`) has not. The API server drops it, and so does Istio in the configuration of the mesh; `kubectl apply` refuses the object."
        example "# bad\napiVersion: v1\nkind: Namespace\nmetadata: {name: store, labels: {istio.io/rev: 1-30}}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop, namespace: store}\nspec: {hosts: [shop], http: [{redirect: {authority: shop.example.com, prefixRewrite: /new}}]}\n# good\napiVersion: v1\nkind: Namespace\nmetadata: {name: store, labels: {istio.io/rev: 1-31}}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop, namespace: store}\nspec: {hosts: [shop], http: [{redirect: {authority: shop.example.com, prefixRewrite: /new}}]}\n";
    M201 Error "Host of a DestinationRule not valid"
        "`host` is a DNS name, with `*` as its first label at most.";
    M202 Error "Traffic policy without content"
        "A policy is there and sets nothing that is known, or sets two things that exclude each other.";
    M203 Error "Outlier detection not valid"
        "A percentage outside 0 to 100, a duration that is too fine, or a count that has no effect without its switch. `consecutiveErrors` is deprecated, a warning.";
    M204 Error "Connection pool not valid"
        "A pool without `http` and `tcp`, negative numbers, or settings that exclude each other.";
    M205 Error "Load balancer not valid"
        "A hash without a key, a table size that is no prime, or settings of two algorithms at once.";
    M206 Error "Locality settings not valid"
        "`distribute` beside `failover`, shares that do not add up to 100, or a failover from a region to itself. Failover without outlier detection never happens: a warning.";
    M207 Error "Warm-up not valid"
        "A warm-up without duration, with a minimum above 100 percent, or an aggression that is not above 0.";
    M208 Error "Client TLS not valid"
        "MUTUAL without a certificate and key, a credential beside files, or verification turned off and set up at once.";
    M209 Error "Subset not valid"
        "The name of a subset is no DNS label or comes twice, or its labels are not valid.";
    M210 Error "Port settings not valid"
        "An entry of `portLevelSettings` has no port, or nothing but a port.";
    M211 Error "Scope of a DestinationRule not valid"
        "A workload selector with an `exportTo` beyond the own namespace, or an `exportTo` that contradicts itself.";
    M301 Error "Servers or hosts of a Gateway not valid"
        "No servers, a server without hosts, a short name, or a wildcard within a label.";
    M302 Error "Port of a Gateway not valid"
        "No port, an unknown protocol, a name that is empty or comes twice, or a bind that is no address.";
    M303 Error "TLS settings and protocol do not fit"
        "An HTTPS or TLS server without `tls`, or certificates on a plain port.";
    M304 Warning "Redirect to https where there is no http"
        "`httpsRedirect` is set on a server whose protocol is not HTTP; it has no effect there.";
    M305 Error "TLS settings of a server not valid"
        "No certificate or several sources of one, certificates beside ISTIO_MUTUAL, or ciphers and versions that do not go together.";
    M306 Error "Name of a Gateway not valid"
        "The name of the object is no DNS label, and VirtualServices could not name it."
        example "# bad\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge.one, namespace: store}\nspec: {selector: {istio: ingressgateway}, servers: [{hosts: [\"*\"], port: {number: 80, name: http, protocol: HTTP}}]}\n# good\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge-one, namespace: store}\nspec: {selector: {istio: ingressgateway}, servers: [{hosts: [\"*\"], port: {number: 80, name: http, protocol: HTTP}}]}\n";
    M401 Error "Hosts of a ServiceEntry not valid"
        "No hosts, a bare `*`, or a host that is no domain.";
    M402 Error "Workloads of a ServiceEntry not valid"
        "A workload selector together with endpoints. A selector without labels selects everything: a warning.";
    M403 Error "Addresses of a ServiceEntry not valid"
        "An address that is neither an IP nor a range, or a range where the resolution asks for single addresses.";
    M404 Error "Ports of a ServiceEntry not valid"
        "A number or name that comes twice, a name that is no DNS label, or an unknown protocol.";
    M405 Error "Endpoints without resolution"
        "Resolution NONE sends connections where the client addressed them; endpoints have no meaning there.";
    M406 Error "DNS resolution not possible"
        "DNS without endpoints for a host that can't be looked up, several endpoints where one is allowed, or an endpoint's port that the entry lacks.";
    M407 Error "Several hosts on a port without names"
        "TCP connections carry no host, so that several hosts on one port can't be told apart.";
    M408 Error "Dynamic DNS not valid"
        "DYNAMIC_DNS is for wildcard hosts with HTTP or TLS ports, without addresses and endpoints.";
    M409 Error "exportTo of a ServiceEntry not valid"
        "An entry twice, `.` beside the own namespace, or `*` beside others; `~` alone is allowed.";
    M410 Error "WorkloadEntry or endpoint not valid"
        "An address, port or label that can't be. An endpoint with a network and no address is a warning.";
    M501 Error "Sidecar that configures nothing"
        "None of `egress`, `ingress`, `outboundTrafficPolicy` and `inboundConnectionPool` is there.";
    M502 Error "Egress hosts of a Sidecar not valid"
        "No hosts, or one that is not `namespace/host` with a full name or `*`.";
    M503 Error "Egress listeners without port"
        "An egress listener without port has to be the last one, and the only one.";
    M504 Error "Two listeners on one port"
        "Two listeners of a Sidecar have the same port or socket, or a bind that is no address.";
    M505 Error "Ingress listener not valid"
        "No port, a target port, or a default endpoint that is not on the pod itself.";
    M506 Warning "Egress hosts that repeat each other"
        "A host stands beside an entry that covers it; it adds nothing.";
    M507 Warning "Selector of a Sidecar not valid"
        "A workload selector without labels selects the whole namespace, a warning; labels that can't be are an error.";
    M508 Error "Policies of a Sidecar not valid"
        "An outbound policy, egress proxy or connection pool that can't be; `egressProxy` is deprecated."
        also "IST0002";
}
