//! From small texts to findings and manifests.

use std::collections::BTreeMap;

use super::duplicates::Settled;
use super::*;
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::*;

fn load_as(text: &str, unknown_fields: UnknownFields) -> Loaded {
    let mut sources = SourceMap::default();
    let file = sources.add("test.yaml", text);
    read(&sources, &[file], &Options { unknown_fields, ..Options::default() })
}

fn load(text: &str) -> Loaded {
    load_as(text, UnknownFields::Error)
}

/// Findings as `ID LINE:COLUMN PATH: MESSAGE`, with `!` before those that refuse the object.
fn told(loaded: &Loaded) -> Vec<String> {
    let line = |finding: &Finding| {
        let mark = if finding.is_rejection() { "!" } else { "" };
        format!("{mark}{} {}:{} {}: {}", finding.id, finding.at.line, finding.at.column, finding.path, finding.message)
    };
    loaded.findings.iter().map(line).collect()
}

/// A VirtualService with this `http`, which begins on line 6.
fn virtual_service(http: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: vs}}\nspec:\n  hosts: [shop]\n{http}"
    )
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let loaded = load(text);
    assert_eq!(told(&loaded), expected, "\n{text}");
    let refused = expected.iter().any(|line| line.starts_with('!'));
    assert_eq!(loaded.refused.len(), usize::from(refused));
}

#[test]
fn va_1_unquoted_scalars_are_no_strings() {
    for (value, kind) in [("y", "boolean"), ("off", "boolean"), ("1", "number"), ("1.10", "number"), ("0x1F", "number")]
    {
        let vs = virtual_service(&format!("  http: [{{match: [{{headers: {{x-a: {{exact: {value}}}}}}}]}}]\n"));
        check(
            &vs,
            &[&format!(
                "!M127 6:43 spec.http[0].match[0].headers.x-a.exact: must be a string, but `{value}` is a {kind}"
            )],
        );
    }
    for value in ["\"y\"", "'1'", "2001-01-01", "12:30:45", "v1", "1.2.3"] {
        check(&virtual_service(&format!("  http: [{{match: [{{uri: {{exact: {value}}}}}]}}]\n")), &[]);
    }
}

#[test]
fn va_1_numbers_may_be_whole_floats_but_no_text() {
    let weight = |value: &str| {
        virtual_service(&format!("  http: [{{route: [{{destination: {{host: a}}, weight: {value}}}]}}]\n"))
    };
    check(&weight("90.0"), &[]);
    let path = "6:52 spec.http[0].route[0].weight";
    check(&weight("\"90\""), &[&format!("!M115 {path}: must be a whole number, but `90` is a string")]);
    check(&weight("33.3"), &[&format!("!M115 {path}: `33.3` is not a whole number within -2147483648 to 2147483647")]);
    check(&weight("2147483648"), &[&format!("!M115 {path}: `2147483648` is not within -2147483648 to 2147483647")]);
}

#[test]
fn va_1_all_problems_of_an_object_are_collected() {
    check(
        &virtual_service(
            "  http:\n  - match:\n    - uri: {exact: /a, prefix: /b}\n    -\n    timeout: 0s\n    retries: {attempts: x, perTryTimeout: 1d}\n    route: [{weight: 1}]\n  tls: [{}]\n",
        ),
        &[
            "!M111 8:12 spec.http[0].match[0].uri: only one of `exact` and `prefix` can be given",
            "!M105 9:6 spec.http[0].match[1]: the list has an empty entry (`null`)",
            "!M117 10:14 spec.http[0].timeout: the duration `0s` is below 1ms",
            "!M118 11:25 spec.http[0].retries.attempts: must be a whole number, but `x` is a string",
            "!M117 11:43 spec.http[0].retries.perTryTimeout: `1d` is not a duration",
            "!M116 12:13 spec.http[0].route[0].destination: `destination` is missing",
            "!M123 13:9 spec.tls[0].match: `match` is missing",
        ],
    );
}

#[test]
fn va_1_null_fields_and_map_entries_are_dropped() {
    let vs = virtual_service(
        "  http: [{timeout: null, match: [{uri: null, headers: {x-a: null, x-b: {exact: b, regex: ~}}}], route: ~}]\n  tls:\n",
    );
    check(&vs, &[]);
    let loaded = load(&vs);
    let route = &loaded.manifests.virtual_services[0].spec.http[0];
    assert_eq!((route.timeout, route.route.len()), (None, 0));
    assert_eq!(route.matches[0].uri, None);
    assert_eq!(route.matches[0].headers, [("x-b".into(), StringMatch::Exact("b".into()))]);
}

#[test]
fn va_1_unknown_fields_are_refused_or_dropped() {
    let vs = virtual_service(
        "  http: [{match: [{uri: {prefx: /a}, zzz: 1}], route: [{destination: {host: a, timeout: 5s}}]}]\n",
    );
    check(
        &vs,
        &[
            "!M100 6:26 spec.http[0].match[0].uri.prefx: unknown field `prefx` in `spec.http[0].match[0].uri`",
            "!M100 6:38 spec.http[0].match[0].zzz: unknown field `zzz` in `spec.http[0].match[0]`",
            "!M100 6:80 spec.http[0].route[0].destination.timeout: unknown field `timeout` in `spec.http[0].route[0].destination`",
        ],
    );
    let hints: Vec<_> = load(&vs).findings.into_iter().map(|finding| finding.hint).collect();
    assert_eq!(
        hints,
        [
            Some("did you mean `prefix`?".to_owned()),
            None,
            Some("`timeout` is a field of `spec.http[0]`: check the indentation".to_owned())
        ]
    );
    // A name that is only the begin of the right one, a field of a block further in, and all there are where they are few.
    let other = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}\nspec: {host: a, \
                 trafficPolicy: {simple: RANDOM, outlierDetection: {consecutive5xx: 5}, connectionPool: {requests: 1}}}\n";
    let hints: Vec<_> = load(other).findings.into_iter().filter_map(|finding| finding.hint).collect();
    assert_eq!(
        hints,
        [
            "`simple` is a field of `loadBalancer`: check the indentation",
            "did you mean `consecutive5xxErrors`?",
            "known here: tcp, http"
        ]
    );
    let loaded = load_as(&vs, UnknownFields::Warn);
    assert!(loaded.findings.iter().all(|finding| finding.severity == Severity::Warning && !finding.is_rejection()));
    assert_eq!(loaded.manifests.virtual_services[0].spec.http[0].matches[0].uri, Some(StringMatch::Unset));
}

#[test]
fn va_1_repeated_keys_are_refused_by_strict_readers() {
    let vs = virtual_service("  http: []\n  http: [{name: b}]\n");
    let loaded = load(&vs);
    assert_eq!((loaded.findings.len(), loaded.refused.len()), (1, 1), "{:?}", told(&loaded));
    let loaded = load_as(&vs, UnknownFields::Warn);
    assert_eq!((loaded.findings.len(), loaded.refused.len()), (1, 0));
    assert_eq!(loaded.manifests.virtual_services[0].spec.http[0].name, "b");
}

#[test]
fn va_1_rules_of_service_entries() {
    let entry = |spec: &str| {
        format!("apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: se}}\nspec: {{{spec}}}\n")
    };
    check(&entry("hosts: [\"*\"]"), &["!M401 4:16 spec.hosts[0]: the host `*` is not allowed in a ServiceEntry"]);
    check(&entry("hosts: []"), &["!M401 4:15 spec.hosts: the list has 0 entries, allowed are 1 to 256"]);
    check(
        &entry("hosts: [a.b], ports: [{number: 80, name: a}, {number: 80, name: a}, {number: 0, name: c}]"),
        &[
            "!M404 4:62 spec.ports[1].number: port number `80` is given twice",
            "!M404 4:72 spec.ports[1].name: port name `a` is given twice",
            "!M404 4:85 spec.ports[2].number: port `0` is not within 1 to 65535",
        ],
    );
    check(
        &entry("hosts: [a.b], endpoints: [{address: 1.2.3.4}], workloadSelector: {labels: {a: b*}}"),
        &[
            "!M405 4:33 spec.endpoints: `endpoints` cannot be given with resolution NONE",
            "!M402 4:73 spec.workloadSelector: only one of `workloadSelector` and `endpoints` can be given",
            "!M100 4:86 spec.workloadSelector.labels.a: a wildcard in a label value is not supported",
        ],
    );
    check(
        &entry("hosts: [a.b], resolution: DNS, addresses: [10.0.0.0/8]"),
        &["!M403 4:51 spec.addresses[0]: an address range cannot be given with resolution DNS"],
    );
    check(
        &entry("hosts: [a.b], resolution: STATIC, endpoints: [{}]"),
        &["!M100 4:54 spec.endpoints[0]: `address` is missing"],
    );
    check(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: se}\n",
        &["!M100 1:1 spec: `spec` is missing"],
    );
}

#[test]
fn va_1_rules_of_destination_rules_and_gateways() {
    let rule = |spec: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: dr}}\nspec: {{host: a, {spec}}}\n"
        )
    };
    check(
        &rule("subsets: [{labels: {v: 1}}, null]"),
        &[
            "!M209 4:27 spec.subsets[0].name: `name` is missing",
            "!M127 4:40 spec.subsets[0].labels.v: must be a string, but `1` is a number",
            "!M209 4:45 spec.subsets[1]: the list has an empty entry (`null`)",
        ],
    );
    check(
        &rule("workloadSelector: {matchLabels: {\"a*\": b, c: \"*\"}}"),
        &[
            "!M211 4:50 spec.workloadSelector.matchLabels[a*]: a wildcard in a label key is not supported",
            "!M211 4:62 spec.workloadSelector.matchLabels.c: a wildcard in a label value is not supported",
        ],
    );
    check(
        &rule(
            "trafficPolicy: {loadBalancer: {simple: RANDON, consistentHash: {httpHeaderName: a, useSourceIp: true}}}",
        ),
        &[
            "!M205 4:47 spec.trafficPolicy.loadBalancer: only one of `simple` and `consistentHash` can be given",
            "!M205 4:56 spec.trafficPolicy.loadBalancer.simple: `RANDON` is none of UNSPECIFIED, LEAST_CONN, RANDOM, PASSTHROUGH, ROUND_ROBIN, LEAST_REQUEST",
            "!M205 4:80 spec.trafficPolicy.loadBalancer.consistentHash: only one of `httpHeaderName` and `useSourceIp` can be given",
        ],
    );
    check(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: gw}\nspec: {servers: [{hosts: x}]}\n",
        &[
            "!M302 4:18 spec.servers[0].port: `port` is missing",
            "!M301 4:26 spec.servers[0].hosts: must be a list, but `x` is a string",
        ],
    );
}

#[test]
fn lists_are_opened_and_places_kept() {
    let loaded = load(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: networking.istio.io/v1beta1\n  kind: VirtualService\n  metadata: {name: a, creationTimestamp: \"2024-01-01T00:00:10Z\"}\n  spec: {hosts: [shop]}\n- apiVersion: networking.istio.io/v1\n  kind: VirtualService\n  metadata: {name: b, namespace: other, creationTimestamp: null}\n---\napiVersion: v1\nkind: ServiceList\nitems:\n- metadata: {name: s}\n",
    );
    assert_eq!(told(&loaded), [""; 0]);
    assert_eq!(loaded.documents, 3);
    let [a, b] = &loaded.manifests.virtual_services[..] else { panic!("two") };
    assert_eq!((a.id.to_string(), a.at.line, a.at.column), ("VirtualService default/a".to_owned(), 4, 3));
    assert_eq!(a.meta.created, CreationTime::At(1_704_067_210));
    assert_eq!((b.id.to_string(), b.meta.created), ("VirtualService other/b".to_owned(), CreationTime::Now));
    assert_eq!(loaded.manifests.services[0].at.document, 1);
}

#[test]
fn broken_documents_are_reported_and_the_others_read() {
    let loaded = load(
        "kind: {{ .Values.x }}\n---\njust text\n---\n# nothing\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\n",
    );
    assert_eq!(loaded.manifests.services.len(), 1);
    let [template, text] = &loaded.findings[..] else { panic!("{:?}", told(&loaded)) };
    assert_eq!((template.id.as_str(), template.severity, template.at.line), ("load", Severity::Error, 1));
    assert!(template.hint.as_deref().is_some_and(|hint| hint.contains("helm template")));
    assert_eq!((text.at.line, text.message.as_str()), (3, "the document is a string, not an object"));
}

#[test]
fn other_kinds_are_passed_over() {
    let loaded = load(
        "apiVersion: appmesh.k8s.aws/v1beta2\nkind: VirtualService\nmetadata: {name: a}\nspec: {nonsense: 1}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualServise\nmetadata: {name: a}\n---\napiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: f, namespace: ns}\n---\napiVersion: towtank/v1\nkind: Scenario\n---\napiVersion: networking.istio.io/v2\nkind: Gateway\nmetadata: {name: g}\n---\na: 1\n",
    );
    assert_eq!(
        told(&loaded),
        [
            "load 6:1 : kind `VirtualServise` of `networking.istio.io/v1` is not known; passed over",
            "load 14:1 : this is a scenario, which is read only where its file is called `scenario.yaml`; passed over",
            "load 17:1 : `networking.istio.io/v2` is no version of `Gateway` that is known; passed over",
            "load 21:1 : the document has no `apiVersion` and no `kind`; passed over",
        ]
    );
    // Those that were surely meant for us are no mere notes.
    let severities: Vec<Severity> = loaded.findings.iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Severity::Warning, Severity::Warning, Severity::Warning, Severity::Info]);
    assert_eq!(loaded.manifests.not_modelled[0].id.to_string(), "EnvoyFilter ns/f");
}

#[test]
fn objects_need_names() {
    check(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {generateName: a-}\n",
        &["!M100 3:11 metadata.name: the VirtualService has no name; it is left out"],
    );
    let loaded = load("apiVersion: v1\nkind: Service\n");
    assert_eq!(told(&loaded), ["M100 1:1 metadata.name: the Service has no name; it is left out"]);
    assert!(loaded.manifests.services.is_empty());
}

#[test]
fn workloads_stand_for_pods() {
    let workload = |kind: &str, spec: &str| {
        let text = format!(
            "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: w, namespace: ns}}\nspec:\n  {spec}\n  template:\n    metadata: {{labels: {{app: shop, version: yes}}}}\n    spec:\n      containers: [{{ports: [{{containerPort: 80, name: http}}]}}]\n      initContainers: [{{ports: [{{containerPort: 81}}]}}, {{restartPolicy: Always, ports: [{{containerPort: 82}}]}}]\n"
        );
        load(&text).manifests
    };
    let manifests = workload("Deployment", "replicas: 2");
    let names: Vec<_> = manifests.pods.iter().map(|pod| pod.id.to_string()).collect();
    assert_eq!(names, ["Pod ns/w-0", "Pod ns/w-1"]);
    let pod = &manifests.pods[1];
    assert_eq!(pod.meta.labels.to_string(), "app=shop,version=true");
    assert_eq!(pod.spec.ports.iter().map(|port| port.port).collect::<Vec<_>>(), [80, 82]);
    assert_eq!(pod.spec.workload.as_ref().map(ToString::to_string), Some("Deployment ns/w".to_owned()));
    assert_eq!(workload("StatefulSet", "").pods.len(), 1);
    assert_eq!(workload("ReplicaSet", "replicas: 0").pods.len(), 0);
    assert_eq!(workload("DaemonSet", "replicas: 7").pods.len(), 1);
    assert_eq!(workload("Deployment", "replicas: 2000000000").pods.len(), PODS_MAX as usize);
}

#[test]
fn rollouts_may_take_their_pods_from_a_deployment() {
    let loaded = load(
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: r}\nspec: {replicas: 2, workloadRef: {apiVersion: apps/v1, kind: Deployment, name: d}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {replicas: 0, template: {metadata: {labels: {app: a}}}}\n---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: lost}\nspec: {workloadRef: {name: x}}\n",
    );
    assert_eq!(
        told(&loaded),
        ["load 11:1 spec.workloadRef: Deployment `x` is not among the manifests; the Rollout has no pods"]
    );
    let pods: Vec<_> =
        loaded.manifests.pods.iter().map(|pod| (pod.id.name.as_str(), pod.meta.labels.to_string())).collect();
    assert_eq!(pods, [("r-0", "app=a".to_owned()), ("r-1", "app=a".to_owned())]);
}

#[test]
fn kubernetes_objects_give_the_fields_of_section_2_3() {
    let loaded = load(
        "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  clusterIP: 10.0.0.1\n  selector: {app: 1}\n  unheardOf: [1]\n  ports: [{port: 80, targetPort: http, appProtocol: ''}, {port: 81, targetPort: 8081, protocol: UDP}, {port: 82}]\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, deletionTimestamp: \"2024-01-01T00:00:00Z\"}\nstatus: {phase: Running, podIPs: [{ip: 10.1.0.1}], conditions: [{type: Ready, status: 'False'}]}\n---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: s}\nsubsets:\n- {addresses: [{ip: 1.2.3.4, targetRef: {kind: Pod, name: p, namespace: default}}], notReadyAddresses: [{ip: 1.2.3.5}], ports: [{port: 80}]}\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s-1, labels: {kubernetes.io/service-name: s}}\naddressType: IPv6\nendpoints: [{addresses: ['::1'], conditions: {ready: true, terminating: false}, zone: z}]\nports: [{name: http}]\n",
    );
    assert_eq!(told(&loaded), ["M127 6:19 spec.selector.app: `1` is a number, where a string is due"]);
    let service = &loaded.manifests.services[0].spec;
    assert_eq!(service.cluster_ips, ["10.0.0.1"]);
    assert_eq!(service.selector.get("app"), Some("1"));
    let targets: Vec<_> = service.ports.iter().map(|port| port.target_port.clone()).collect();
    assert_eq!(targets, [TargetPort::Name("http".into()), TargetPort::Number(8081), TargetPort::SameAsPort]);
    assert_eq!(service.ports[0].app_protocol.as_deref(), Some(""));
    let pod = &loaded.manifests.pods[0];
    assert_eq!((pod.spec.ready, pod.spec.phase, pod.meta.deleted), (Some(false), PodPhase::Running, true));
    let [endpoints, slice] = &loaded.manifests.endpoint_slices[..] else { panic!("two") };
    assert!(endpoints.spec.from_endpoints && endpoints.spec.service_name == "s");
    assert_eq!(endpoints.spec.endpoints.iter().map(|e| e.ready).collect::<Vec<_>>(), [Some(true), Some(false)]);
    assert_eq!(endpoints.spec.endpoints[0].pod, Some(("default".into(), "p".into())));
    assert_eq!((slice.spec.service_name.as_str(), slice.spec.address_type), ("s", AddressType::Ipv6));
    assert_eq!(slice.spec.ports[0].port, None);
}

#[test]
fn kubernetes_fields_of_another_type_are_refused() {
    check(
        "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: \"80\"}, {port: 70000}], selector: [a]}\n",
        &[
            "!M100 4:23 spec.ports[0].port: must be a whole number, but `80` is a string",
            "!M100 4:37 spec.ports[1].port: `70000` is not within 1 to 65535",
            "!M100 4:56 spec.selector: must be an object, but it is a list",
        ],
    );
}

/// The metadata rules of the API server: names by kind, namespaces, labels and annotations.
#[test]
fn va_1_metadata_is_what_kubernetes_takes() {
    let object = |api: &str, kind: &str, metadata: &str| {
        format!("apiVersion: {api}\nkind: {kind}\nmetadata: {metadata}\nspec: {{}}\n")
    };
    let istio = |metadata: &str| object("networking.istio.io/v1", "Sidecar", metadata);
    for name in ["a.b-c", "1", "shop.v1", &"a".repeat(253)] {
        check(&istio(&format!("{{name: \"{name}\"}}")), &[]);
    }
    for name in ["Bad Name_!", "shop_v1", "-a", "a.", "a..b"] {
        check(
            &istio(&format!("{{name: \"{name}\"}}")),
            &[&format!("M100 3:18 metadata.name: `{name}` is no name of an object")],
        );
    }
    check(&istio("{name: a, namespace: a.b}"), &["M100 3:32 metadata.namespace: `a.b` is no name of a namespace"]);
    check(&object("v1", "Service", "{name: 1shop}"), &["M100 3:18 metadata.name: `1shop` is no name of a Service"]);
    check(&object("v1", "Service", "{name: shop.v1}"), &["M100 3:18 metadata.name: `shop.v1` is no name of a Service"]);
    check(&object("v1", "Namespace", "{name: Shop}"), &["M100 3:18 metadata.name: `Shop` is no name of a namespace"]);
    check(
        &istio(
            "{name: a, labels: {a/b: c, a: \"\", app.kubernetes.io/name: A_b.c}, annotations: {UPPER/x: \"any text\", b: \"\"}}",
        ),
        &[],
    );
    check(
        &istio("{name: a, labels: {A/b: c, _a: x, a: b c}, annotations: {a b: x}}"),
        &[
            "!M100 3:30 metadata.labels.A/b: `A/b` is no key of a label",
            "!M100 3:38 metadata.labels._a: `_a` is no key of a label",
            "!M100 3:48 metadata.labels.a: `b c` is no value of a label",
            "!M100 3:68 metadata.annotations[a b]: `a b` is no key of an annotation",
        ],
    );
    check(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: {template: {metadata: {labels: {app: a b}}}}\n",
        &["!M100 4:44 spec.template.metadata.labels.app: `a b` is no value of a label"],
    );
}

#[test]
fn in_1_mesh_config_is_laid_over_the_defaults() {
    let loaded = load(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: |\n    outboundTrafficPolicy: {}\n    trustDomain: x\n    meshMTLS: {minProtocolVersion: TLSV1_3}\n    connectTimeout: 3s\n---\napiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {name: op}\nspec: {meshConfig: {connectTimeout: 4s, defaultServiceExportTo: [\".\"]}}\n",
    );
    assert_eq!(told(&loaded), [""; 0]);
    let config = &loaded.manifests.mesh_config;
    assert_eq!(config.outbound_mode, OutboundMode::RegistryOnly);
    assert_eq!(config.connect_timeout, Nanos::seconds(4));
    assert_eq!(config.default_service_export_to, ["."]);
    let not_modelled: Vec<&str> = config.not_modelled.keys().map(|field| &**field).collect();
    assert_eq!(not_modelled, ["meshMTLS"], "what can't bear on a request isn't told");
    assert_eq!(load("").manifests.mesh_config, MeshConfig::default());
}

#[test]
fn mesh_config_problems_point_into_the_string() {
    let loaded = load(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio}\ndata:\n  mesh: |\n    connectTimeout: 3s\n    outboundTrafficPolicy: {mode: ALLOW_AMY}\n    rootNamespce: x\n",
    );
    let findings = told(&loaded);
    assert_eq!(
        findings,
        [
            "!M100 7:35 data.mesh.outboundTrafficPolicy.mode: `ALLOW_AMY` is none of REGISTRY_ONLY, ALLOW_ANY, ALLOW_ANY_DYNAMIC_DNS",
            "M100 8:5 data.mesh.rootNamespce: unknown field `rootNamespce` in the object; it is ignored",
        ]
    );
    assert_eq!(loaded.manifests.mesh_config, MeshConfig::default());
    assert_eq!(loaded.refused.len(), 1);
}

#[test]
fn mesh_config_files_come_in_three_forms() {
    for text in [
        "rootNamespace: r\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio}\ndata: {mesh: 'rootNamespace: r'}\n",
        "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec: {meshConfig: {rootNamespace: r}}\n",
    ] {
        let mut sources = SourceMap::default();
        let file = sources.add("mesh.yaml", text);
        let mut config = MeshConfig::default();
        assert_eq!(read_mesh_config(&sources, file, &Options::default(), &mut config), []);
        assert_eq!(config.root_namespace, "r", "{text}");
    }
}

#[test]
fn ord_1_later_objects_replace_earlier_ones() {
    let vs = |name: &str, created: &str, host: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, creationTimestamp: {created}}}\nspec: {{hosts: [{host}]}}\n---\n"
        )
    };
    let text = vs("a", "2024-01-01T00:00:00Z", "one") + &vs("b", "null", "b") + &vs("a", "2025-01-01T00:00:00Z", "two");
    let (manifests, Settled { findings, overlaid }) = replace_duplicates(load(&text).manifests, &BTreeMap::new());
    assert_eq!(overlaid, Overlaid::default());
    let [a, b] = &manifests.virtual_services[..] else { panic!("two") };
    assert_eq!((a.id.name.as_str(), a.spec.hosts[0].as_str(), a.at.line), ("a", "two", 11));
    assert_eq!(a.meta.created, CreationTime::At(1_704_067_200));
    assert_eq!(b.id.name, "b");
    let [finding] = &findings[..] else { panic!("one") };
    assert_eq!((finding.at.line, finding.related[0].at.line, finding.severity), (11, 1, Severity::Warning));
}

#[test]
fn what_is_laid_over_others_replaces_them_without_a_warning() {
    let service = |name: &str, port: u16| {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: {port}}}]}}\n---\n")
    };
    let endpoints = |name: &str| {
        let address = "{addresses: [{ip: 10.0.0.1}], ports: [{port: 80}]}";
        format!("apiVersion: v1\nkind: Endpoints\nmetadata: {{name: {name}}}\nsubsets: [{address}, {address}]\n---\n")
    };
    let deployment =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: {replicas: 3, template: {}}\n---\n";
    let filter = "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: f}\nspec: {}\n";
    let mut sources = SourceMap::default();
    let files: Vec<FileId> = [
        service("a", 1) + &service("b", 1) + &endpoints("e") + deployment + filter,
        // Two new ones, and one that this layer gives twice.
        service("b", 2) + &service("c", 2) + &service("c", 3) + &endpoints("e") + &endpoints("g") + deployment + filter,
        service("a", 4) + &service("c", 4),
    ]
    .into_iter()
    .map(|text| sources.add("x.yaml", text))
    .collect();
    let layers = BTreeMap::from([(files[1], 1), (files[2], 2)]);
    let loaded = read(&sources, &files, &Options::default());
    let (manifests, Settled { findings, overlaid }) = replace_duplicates(loaded.manifests, &layers);
    let services: Vec<_> = manifests.services.iter().map(|s| (s.id.name.as_str(), s.spec.ports[0].port)).collect();
    assert_eq!(services, [("a", 4), ("b", 2), ("c", 4)]);
    assert_eq!(overlaid, Overlaid { replaced: 6, new: 2 });
    let [finding] = &findings[..] else { panic!("one: {findings:?}") };
    assert_eq!((finding.at.file, finding.id.as_str()), (files[1], "M128"));
}

#[test]
fn ord_1_pods_of_a_replaced_workload_go_with_it() {
    let deployment = |replicas: u32| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: w}}\nspec: {{replicas: {replicas}, template: {{}}}}\n---\n"
        )
    };
    let pods = |text: &str| {
        let (manifests, _) = replace_duplicates(load(text).manifests, &BTreeMap::new());
        manifests.pods.iter().map(|pod| (pod.id.name.to_string(), pod.at.line)).collect::<Vec<_>>()
    };
    assert_eq!(pods(&(deployment(3) + &deployment(1))), [("w-0".to_owned(), 6)]);
    assert_eq!(pods(&(deployment(3) + &deployment(0))), []);
}

#[test]
fn refusals_end_where_a_later_document_is_accepted() {
    let bad = virtual_service("  http: {}\n---\n");
    let good = virtual_service("  http: []\n---\n");
    let loaded = load(&(bad.clone() + &good));
    assert_eq!((loaded.refused.len(), loaded.manifests.virtual_services.len()), (0, 1));
    assert_eq!((loaded.findings.len(), loaded.findings[0].is_rejection()), (1, false));
    let loaded = load(&(good + &bad));
    assert_eq!((loaded.refused.len(), loaded.manifests.virtual_services.len()), (1, 1));
}

#[test]
fn scenario_pods_are_named_by_count() {
    let mut manifests = Manifests::default();
    let entry = ScenarioPods { name: "r".into(), namespace: "n".into(), ..ScenarioPods::default() };
    add_scenario_pods(&mut manifests, &[entry.clone(), ScenarioPods { count: Some(2), ready: Some(false), ..entry }]);
    let pods: Vec<_> = manifests.pods.iter().map(|pod| (pod.id.name.as_str(), pod.spec.ready)).collect();
    assert_eq!(pods, [("r", None), ("r-0", Some(false)), ("r-1", Some(false))]);
}

/// The objects as a release keeps them, and what it says.
fn load_for(release: &str, text: &str) -> (Manifests, Vec<String>) {
    let mut sources = SourceMap::default();
    let file = sources.add("test.yaml", text);
    let profile = Profile::of(release.parse().expect("a release"));
    let loaded = read(&sources, &[file], &Options { profile, ..Options::default() });
    let told = told(&loaded);
    (loaded.manifests, told)
}

#[test]
fn ve2_ve15_fields_that_a_release_does_not_have_are_dropped() {
    let vs = virtual_service("  http: [{redirect: {authority: a.b, prefixRewrite: /x}}]\n");
    let prefix = |release: &str| {
        let (manifests, told) = load_for(release, &vs);
        let redirect = manifests.virtual_services[0].spec.http[0].redirect.clone();
        (redirect.expect("a redirect").prefix_rewrite.to_string(), told)
    };
    let message = "M129 6:38 spec.http[0].redirect.prefixRewrite: Istio 1.30 has no field `prefixRewrite` here; it is ignored \
                   (VE-2)";
    assert_eq!(prefix("1.30"), (String::new(), vec![message.to_owned()]));
    assert_eq!(prefix("1.31"), ("/x".to_owned(), Vec::new()));

    let rule = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}\nspec: {host: a, trafficPolicy: \
                {loadBalancer: {simple: RANDOM, backendUtilization: {}}, outlierDetection: {outlierDetectionHttpErrorCodes: \
                [42]}}}\n";
    let ids = |release: &str| {
        let (_, told) = load_for(release, rule);
        told.iter().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("1.30"), ["M129", "M129"]);
    assert_eq!(ids("1.31"), ["M129", "!M203"]);
    assert_eq!(ids("master"), ["!M205", "!M203"]);
}

#[test]
fn ve19_an_empty_body_was_admitted_once() {
    let vs = virtual_service("  http: [{directResponse: {status: 200, body: {bytes: \"\"}}}]\n");
    assert_eq!(load_for("1.28", &vs).1, [""; 0]);
    assert_eq!(load_for("1.29", &vs).1.len(), 1);
    let wrong = vs.replace("\"\"", "\"?\"");
    assert_eq!(load_for("1.28", &wrong).1.len(), 1);
}

#[test]
fn ve4_ve5_ve13_ve14_the_mesh_is_configured_as_far_as_the_release_knows() {
    let operator = |mesh: &str| {
        format!("apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec: {{meshConfig: {{{mesh}}}}}\n")
    };
    let newer = "defaultTrafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}, serviceEntryVisibility: {applyToSidecars: \
                 true, defaultVisibility: NONE}, defaultConfig: {connectionSettings: {profile: EDGE, httpMergeSlashes: true}}";
    let known = |release: &str| {
        let (manifests, told) = load_for(release, &operator(newer));
        let config = manifests.mesh_config;
        assert_eq!(config.default_traffic_policy.is_some(), config.connection_settings.is_some());
        (config.service_entry_visibility.is_some(), config.connection_settings.is_some(), told.len())
    };
    assert_eq!(known("1.30"), (false, false, 3));
    assert_eq!(known("1.31"), (true, true, 0));

    let mode = operator("rootNamespace: r, outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}");
    let root = |release: &str| {
        let (manifests, told) = load_for(release, &mode);
        (manifests.mesh_config.root_namespace.to_string(), told.len())
    };
    assert_eq!(root("1.29"), ("istio-system".to_owned(), 1), "the whole configuration can't be read");
    assert_eq!(root("1.30"), ("r".to_owned(), 0));
}

/// Documents of one file are read at the same time, and more of them than are at once: what comes of them is the same on any number of
/// threads, in the same order.
#[test]
fn what_is_read_is_the_same_on_any_number_of_threads() {
    let documents = |i: usize| match i % 9 {
        0 => format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{i}, labels: {{app: a{}}}}}\nspec: {{containers: []}}\n",
            i % 7
        ),
        1 => virtual_service(&format!("  http: [{{route: [{{destination: {{host: h{i}}}}}]}}]\n")),
        2 => virtual_service("  http: [{rout: []}]\n"),
        3 => format!("kind: [Service\nmetadata: {{name: s{i}}}\n"),
        4 => format!("{{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {{\"name\": \"s{i}\"}}}}\n"),
        5 => format!(
            "apiVersion: v1\nkind: List\nitems:\n- &a {{apiVersion: v1, kind: Namespace, metadata: {{name: n{i}}}}}\n- *a\n"
        ),
        6 => format!("apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: s, name: t{i}}}\n"),
        7 => "# nothing\n".to_owned(),
        _ => "apiVersion: networking.istio.io/v1\nkind: VirtualServices\n".to_owned(),
    };
    let text = (0..DOCUMENTS_AT_ONCE + 500).map(documents).collect::<Vec<_>>().join("---\n");
    let mut sources = SourceMap::default();
    let files = [sources.add("a.yaml", text.as_str()), sources.add("b.yaml", text.as_str())];
    let on = |threads| {
        let pool = parallel::Pool::new(threads).expect("threads");
        pool.install(|| read(&sources, &files, &Options::default()))
    };
    let one = on(1);
    assert!(one.findings.len() > 1000 && one.manifests.pods.len() > 500 && one.refused.len() > 500);
    let told = format!("{one:?}");
    assert!([2, 3, 0].into_iter().all(|threads| format!("{:?}", on(threads)) == told));
}
