//! What proxies see: services by name, VirtualServices by name, in order.

use crate::envoy::proxy::Proxy;
use crate::istio::mesh::Mesh;
use crate::istio::mesh::test_support::{gateway, mesh, mesh_for, sidecar};

fn service(namespace: &str, name: &str, ports: &str, export_to: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}, annotations: {{networking.istio.io/exportTo: '{export_to}'}}}}\n\
         spec: {{ports: [{ports}]}}\n"
    )
}

const HTTP: &str = "{name: http, port: 80}";
const TWO: &str = "{name: http, port: 80}, {name: tcp, port: 90}";

fn entry(namespace: &str, host: &str, ports: &str) -> String {
    let (name, ports) = (format!("e-{}", ports.len()), ports.replace("port:", "number:"));
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{hosts: ['{host}'], ports: [{ports}], resolution: DNS}}\n"
    )
}

fn object(kind: &str, namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

/// Scope services with their ports, and after `|` the VirtualServices of the first listener.
fn seen(mesh: &Mesh, proxy: &Proxy) -> String {
    let scope = mesh.scope(proxy);
    let services: Vec<String> = scope
        .services
        .values()
        .map(|s| {
            let ports: Vec<String> = s.ports.iter().map(|p| p.number.to_string()).collect();
            format!("{}.{}:{}", s.name, s.namespace, ports.join(","))
        })
        .collect();
    let egress = scope.egress.first().expect("a listener");
    let virtual_services: Vec<&str> = egress.virtual_services.iter().map(|vs| vs.object.name.as_str()).collect();
    format!("{}|{}", services.join(" "), virtual_services.join(" "))
}

#[test]
fn ex5_private_and_exported_services_come_first() {
    let mesh = mesh(
        &[
            service("default", "a", HTTP, ""),
            service("default", "z", HTTP, "."),
            service("other", "m", HTTP, "default"),
            service("other", "b", HTTP, "."),
            service("default", "c", HTTP, "~"),
        ]
        .concat(),
    );
    let expected = "m.other:80 z.default:80 a.default:80|";
    assert_eq!(seen(&mesh, &sidecar("default", "")), expected);
    assert_eq!(seen(&mesh, &gateway("default", "")), expected);
    assert_eq!(seen(&mesh, &sidecar("other", "")), "b.other:80 a.default:80|");
}

#[test]
fn sc1_which_sidecar_applies() {
    let sidecar_object = |namespace, name, selector: &str| {
        object("Sidecar", namespace, name, &format!("{{{selector}egress: [{{hosts: ['./*']}}]}}"))
    };
    let only = |app: &str| format!("workloadSelector: {{labels: {{app: {app}}}}}, ");
    let mesh = mesh(
        &[
            sidecar_object("default", "plain", ""),
            sidecar_object("default", "for-x", &only("x")),
            sidecar_object("istio-system", "root", ""),
            sidecar_object("istio-system", "root-for-x", &only("x")),
        ]
        .concat(),
    );
    for (namespace, labels, expected) in [
        ("default", "app=x", "for-x"),
        ("default", "app=y", "plain"),
        ("other", "app=x", "root"),
        ("istio-system", "app=x", "root-for-x"),
        ("istio-system", "app=y", "root"),
    ] {
        let scope = mesh.scope(&sidecar(namespace, labels));
        assert_eq!(scope.sidecar.expect("a Sidecar").name, expected, "{namespace} {labels}");
    }
    assert_eq!(mesh.scope(&gateway("default", "app=x")).sidecar, None);
}

#[test]
fn sc6_one_namespace_for_each_hostname() {
    let host = "a.mid.svc.cluster.local";
    let mesh = mesh(&[entry("x", host, HTTP), service("mid", "a", HTTP, ""), entry("z", host, HTTP)].concat());
    let namespace_seen_from = |namespace: &str| {
        let scope = mesh.scope(&sidecar(namespace, ""));
        scope.egress.first().expect("a listener").services.iter().map(|s| s.namespace.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(namespace_seen_from("x"), ["x"]);
    assert_eq!(namespace_seen_from("other"), ["mid"]);
}

#[test]
fn sc6_a_listener_with_a_port_trims_services() {
    let listener = |protocol: &str| {
        let egress = format!("{{egress: [{{port: {{number: 90, protocol: {protocol}, name: p}}, hosts: ['*/*']}}]}}");
        mesh(
            &[
                service("default", "a", TWO, ""),
                service("default", "b", HTTP, ""),
                object("Sidecar", "default", "s", &egress),
            ]
            .concat(),
        )
    };
    assert_eq!(seen(&listener("TCP"), &sidecar("default", "")), "a.default:90|");
    assert_eq!(seen(&listener("HTTP_PROXY"), &sidecar("default", "")), "a.default:80,90 b.default:80|");
}

#[test]
fn sc7_parts_of_one_service_are_joined() {
    let egress = "{egress: [{port: {number: 90, protocol: TCP, name: p}, hosts: ['*/*']}, {hosts: ['*/*']}]}";
    let mesh = mesh(&[service("default", "a", TWO, ""), object("Sidecar", "default", "s", egress)].concat());
    assert_eq!(seen(&mesh, &sidecar("default", "")), "a.default:90,80|");
}

#[test]
fn sc7_a_kubernetes_service_beats_an_entry() {
    let host = "a.default.svc.cluster.local";
    let mesh = mesh(&[entry("default", host, TWO), service("default", "a", HTTP, "")].concat());
    assert_eq!(seen(&mesh, &sidecar("default", "")), "a.default:80|");
    assert_eq!(mesh.scope(&sidecar("default", "")).egress.first().map(|e| e.services.len()), Some(2));
}

#[test]
fn sc8_destinations_are_inferred() {
    let everything = [
        service("default", "a", HTTP, ""),
        service("other", "b", TWO, ""),
        service("other", "hidden", HTTP, "."),
        service("default", "own", HTTP, "~"),
    ]
    .concat();
    let check = |http: &str, expected: &str| {
        let vs = object("VirtualService", "default", "vs", &format!("{{hosts: [a], http: [{http}]}}"));
        let only = object("Sidecar", "default", "s", "{egress: [{hosts: ['./a.default.svc.cluster.local']}]}");
        let mesh = mesh(&[everything.as_str(), &vs, &only].concat());
        assert_eq!(seen(&mesh, &sidecar("default", "")), format!("a.default:80{expected}|vs"), "{http}");
    };
    let to = |rest: &str| format!("{{route: [{{destination: {{host: b.other.svc.cluster.local{rest}}}}}]}}");
    check(&to(""), " b.other:80,90");
    check(&to(", port: {number: 90}"), " b.other:90");
    check(&to(", port: {number: 91}"), "");
    check(&format!("{}, {}", to(", port: {number: 90}"), to("")), " b.other:80,90");
    check("{route: [{destination: {host: hidden.other.svc.cluster.local}}]}", "");
    check("{route: [{destination: {host: own}}]}", " own.default:80");
    check("{mirror: {host: b.other.svc.cluster.local}, route: [{destination: {host: a}}]}", " b.other:80,90");
    let rule = |namespaces: &[&str]| {
        let matches: Vec<String> = namespaces.iter().map(|n| format!("{{sourceNamespace: '{n}'}}")).collect();
        format!("{{match: [{}], route: [{{destination: {{host: b.other.svc.cluster.local}}}}]}}", matches.join(", "))
    };
    check(&rule(&["other"]), "");
    check(&rule(&["other", "default"]), " b.other:80,90");
    check(&rule(&["default", "other"]), " b.other:80,90");
    check(&rule(&["other", ""]), "");
}

#[test]
fn sc10_virtual_services_by_their_own_namespace() {
    let vs = |namespace, name, host: &str| {
        object(
            "VirtualService",
            namespace,
            name,
            &format!("{{hosts: ['{host}'], http: [{{directResponse: {{status: 200}}}}]}}"),
        )
    };
    let all = [
        vs("other", "wild", "*.other.svc.cluster.local"),
        vs("default", "foreign", "c.other.svc.cluster.local"),
        vs("other", "exact", "d.other.svc.cluster.local"),
    ]
    .concat();
    let check = |hosts: &str, expected: &str| {
        let only = object("Sidecar", "default", "s", &format!("{{egress: [{{hosts: [{hosts}]}}]}}"));
        assert_eq!(
            seen(&mesh(&[all.as_str(), &only].concat()), &sidecar("default", "")),
            format!("|{expected}"),
            "{hosts}"
        );
    };
    check("other/c.other.svc.cluster.local", "wild");
    check("'*/c.other.svc.cluster.local'", "foreign wild");
    check("'other/*', '~other/d.other.svc.cluster.local'", "wild");
    check("'*/*', '~/*.other.svc.cluster.local'", "");
    check("'./*'", "foreign");
}

#[test]
fn sc3_outbound_policy_of_the_sidecar_or_the_mesh() {
    use crate::manifest::kinds::OutboundMode;
    for (policy, expected) in [
        ("", OutboundMode::AllowAny),
        (", outboundTrafficPolicy: {}", OutboundMode::RegistryOnly),
        (", outboundTrafficPolicy: {mode: ALLOW_ANY}", OutboundMode::AllowAny),
    ] {
        let mesh = mesh(&object("Sidecar", "default", "s", &format!("{{egress: [{{hosts: ['./*']}}]{policy}}}")));
        assert_eq!(mesh.scope(&sidecar("default", "")).outbound_mode, expected, "{policy}");
    }
}

#[test]
fn ve7_the_namespace_of_a_destination_host_in_several() {
    let dated = |namespace: &str, day: u32, port: u32| {
        let text = entry(namespace, "api.b", &format!("{{name: http, port: {port}}}"));
        let created = format!("namespace: {namespace}, creationTimestamp: '2024-01-0{day}T00:00:00Z'");
        text.replace(&format!("namespace: {namespace}"), &created)
    };
    let documents = [
        dated("alpha", 2, 8080),
        dated("beta", 1, 80),
        object("VirtualService", "default", "a", "{hosts: [a], http: [{route: [{destination: {host: api.b}}]}]}"),
        object("Sidecar", "default", "s", "{egress: [{hosts: ['./*']}]}"),
    ]
    .concat();
    let owner = |release: &str| seen(&mesh_for(release, &documents), &sidecar("default", ""));
    assert_eq!(owner("1.29"), "api.b.alpha:8080|a");
    assert_eq!(owner("1.30"), "api.b.beta:80|a");
}

#[test]
fn ve16_exact_hosts_are_looked_up() {
    let documents = |hosts: &str| {
        [
            entry("default", "api.b", "{name: http, port: 80}"),
            entry("default", "api.b", "{name: http, port: 80}, {name: more, port: 90}"),
            object("Sidecar", "default", "s", &format!("{{egress: [{{hosts: {hosts}}}]}}")),
        ]
        .concat()
    };
    let ports = |release: &str, hosts: &str| seen(&mesh_for(release, &documents(hosts)), &sidecar("default", ""));
    assert_eq!(ports("1.30", "[./api.b]"), "api.b.default:80,90|");
    assert_eq!(ports("1.31", "[./api.b]"), "api.b.default:80|");
    assert_eq!(ports("1.31", "[./api.b, './*.c']"), "api.b.default:80,90|");
}
