//! Manifests of large, regular meshes: every service has pods of two versions, a DestinationRule with two subsets, and
//! rules of five kinds (prefix, prefix with header, regex, exact path, a weighted catch-all).

use std::fmt::Write as _;

/// Services that share a namespace.
const SERVICES_IN_NAMESPACE: usize = 50;

/// Pods of each version.
const PODS: usize = 2;

fn namespace(service: usize) -> String {
    format!("ns{}", service / SERVICES_IN_NAMESPACE)
}

fn host(service: usize) -> String {
    format!("svc{service}.{}.svc.cluster.local", namespace(service))
}

/// A mesh of `services` services, each with a VirtualService of five rules: about 1,900 bytes a service.
pub fn manifests(services: usize) -> String {
    let mut out = String::new();
    for service in 0..services {
        workload(&mut out, service);
        let _ = write!(
            out,
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: svc{service}, namespace: \
             {namespace}}}\nspec:\n  hosts: [{host}]\n  http:\n",
            namespace = namespace(service),
            host = host(service),
        );
        rules(&mut out, service);
        out.push_str("---\n");
    }
    out
}

/// The same mesh in which clients differ: some VirtualServices and DestinationRules are for their own namespace only, and some rules
/// for clients with a label.
pub fn varied(services: usize) -> String {
    let private = |kind: &str, every: usize, text: &str| -> String {
        let document = format!("kind: {kind}\n");
        let mut met = 0;
        let parts = text.split("---\n").map(|part| {
            met += usize::from(part.contains(&document));
            let is_private = part.contains(&document) && met % every == 5;
            part.replacen("\nspec:\n", if is_private { "\nspec:\n  exportTo: ['.']\n" } else { "\nspec:\n" }, 1)
        });
        parts.collect::<Vec<_>>().join("---\n")
    };
    let text = private("VirtualService", 17, &private("DestinationRule", 11, &manifests(services)));
    let first = |namespace: usize| namespace * SERVICES_IN_NAMESPACE;
    (0..services.div_ceil(SERVICES_IN_NAMESPACE)).fold(text, |text, namespace| {
        let service = first(namespace) + 7;
        let rule = format!("    - uri: {{prefix: /s{service}/r0/}}\n");
        let labelled =
            format!("    - uri: {{prefix: /s{service}/r0/}}\n      sourceLabels: {{app: svc{}}}\n", first(namespace));
        text.replacen(&rule, &labelled, 1)
    })
}

fn workload(out: &mut String, service: usize) {
    let (name, namespace) = (format!("svc{service}"), namespace(service));
    let (third, fourth) = (service / 250 % 250, service % 250 + 1);
    let _ = write!(
        out,
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  clusterIP: \
         10.96.{third}.{fourth}\n  selector: {{app: {name}}}\n  ports: [{{name: http, port: 80, targetPort: 8080}}]\n---\n"
    );
    for version in ["v1", "v2"] {
        for pod in 0..PODS {
            let _ = write!(
                out,
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}-{version}-{pod}, namespace: {namespace}, labels: \
                 {{app: {name}, version: {version}}}}}\nspec: {{containers: [{{name: c, image: c}}]}}\n---\n"
            );
        }
    }
    let _ = write!(
        out,
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: {name}, namespace: \
         {namespace}}}\nspec:\n  host: {host}\n  subsets:\n  - {{name: v1, labels: {{version: v1}}}}\n  - {{name: v2, \
         labels: {{version: v2}}}}\n---\n",
        host = host(service),
    );
}

/// Items of a VirtualService's `http`; the last one takes what is left.
fn rules(out: &mut String, service: usize) {
    narrow_rules(out, service);
    rest(out, service, "");
}

/// The same for one of many services on a host: the last one takes what is left of the service's own prefix.
fn rules_below(out: &mut String, service: usize) {
    narrow_rules(out, service);
    rest(out, service, &format!("match: [{{uri: {{prefix: /s{service}/}}}}]\n    "));
}

fn narrow_rules(out: &mut String, service: usize) {
    let (path, host) = (format!("/s{service}"), host(service));
    let matches = [
        format!("    - uri: {{prefix: {path}/r0/}}\n"),
        format!("    - uri: {{prefix: {path}/r1/}}\n      headers: {{x-user: {{exact: u1}}}}\n"),
        format!("    - uri: {{regex: '{path}/r2/v[0-9]+/.*'}}\n"),
        format!("    - uri: {{exact: {path}/r3}}\n"),
    ];
    for (rule, text) in matches.iter().enumerate() {
        let subset = 1 + rule % 2;
        let _ = write!(out, "  - match:\n{text}    route:\n    - destination: {{host: {host}, subset: v{subset}}}\n");
    }
}

fn rest(out: &mut String, service: usize, condition: &str) {
    let host = host(service);
    let _ = write!(
        out,
        "  - {condition}route:\n    - destination: {{host: {host}, subset: v1}}\n      weight: 90\n    - destination: {{host: \
         {host}, subset: v2}}\n      weight: 10\n"
    );
}

/// Every service has its own prefix of one host, in a VirtualService of its own.
pub fn shared_host(services: usize) -> String {
    let mut out =
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: istio-system}\nspec:\n  \
                   selector: {istio: ingressgateway}\n  servers: [{hosts: [api.example.com], port: {number: 80, name: \
                   http, protocol: HTTP}}]\n"
            .to_owned();
    for service in 0..services {
        let _ = write!(
            out,
            "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: vs{service}, namespace: \
             ns}}\nspec:\n  hosts: [api.example.com]\n  gateways: [istio-system/edge]\n  http:\n  - match: [{{uri: \
             {{prefix: /s{service}/}}}}]\n    route: [{{destination: {{host: svc{service}}}}}]\n"
        );
    }
    out
}

/// One gateway host whose one VirtualService has five rules for each service.
pub fn one_host(services: usize) -> String {
    let mut out =
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: istio-system}\nspec:\n  \
         selector: {istio: ingressgateway}\n  servers: [{hosts: [shop.example.com], port: {number: 80, name: http, protocol: \
         HTTP}}]\n---\n"
            .to_owned();
    for service in 0..services {
        workload(&mut out, service);
    }
    out.push_str(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop, namespace: istio-system}\nspec:\n  hosts: \
         [shop.example.com]\n  gateways: [edge]\n  http:\n",
    );
    for service in 0..services {
        rules_below(&mut out, service);
    }
    out
}
