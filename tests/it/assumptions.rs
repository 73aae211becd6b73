//! What is not given is assumed, and said: the first commands of people who have two manifests at hand.

use crate::support::program::{Project, Run};

/// As an introductory article has them: no metadata beyond what its author thought of.
const PASTED: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
spec:
  hosts: [reviews]
  http:
  - route:
    - {destination: {host: reviews, subset: v1}, weight: 90}
    - {destination: {host: reviews, subset: v2}, weight: 10}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
spec:
  host: reviews
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
";

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: web, labels: {app: web}}
spec: {containers: [{name: web, image: web}]}
";

const SERVICES: &str = "
apiVersion: v1
kind: Service
metadata: {name: web, namespace: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: web}
spec: {selector: {app: db}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {selector: {app: reviews}, ports: [{name: http, port: 80}]}
";

fn simulate(files: &[(&str, &str)], more: &[&str]) -> Run {
    Project::new(files).run(&[&["simulate", "."], more].concat())
}

#[test]
fn the_two_manifests_of_an_article_give_a_report() {
    let run = simulate(&[("article.yaml", PASTED)], &["--fail-on", "blackholed,unmatched"]);
    assert_eq!(run.status, 0, "{run}");
    let first = run.stdout.lines().next().unwrap_or_default();
    assert!(first.starts_with("assumed: no Service is given: one for reviews.default; no workload is given"), "{run}");
    assert!(run.stdout.contains("subset v1") && run.stdout.contains("90.00 %"), "{run}");
    assert!(!run.stdout.contains("lost"), "{run}");
    assert!(!run.stdout.contains("version=v1"), "no pod was given, so none is told of: {run}");
    assert!(run.stderr.contains("the VirtualService has no name; `virtualservice-1` is assumed"), "{run}");
    assert!(run.stderr.contains("the DestinationRule has no name; `destinationrule-1` is assumed"), "{run}");
}

#[test]
fn check_reports_a_missing_name_as_the_api_server_would() {
    let run = Project::new(&[("article.yaml", PASTED)]).run(&["check", "."]);
    assert_eq!(run.status, 1, "{run}");
    assert!(run.stdout.contains("the VirtualService has no name"), "{run}");
    assert!(!run.stdout.contains("virtualservice-1"), "{run}");
}

#[test]
fn never_assumes_nothing() {
    for never in [&["--assume", "never"][..], &["--assume-services", "never"]] {
        let run = simulate(&[("article.yaml", PASTED)], never);
        assert_eq!(run.status, 2, "{run}");
    }
    let named = PASTED.replace("spec:", "metadata: {name: reviews}\nspec:");
    for (never, lost) in [
        ("never", true),
        ("services=never", true),
        ("pods=never", true),
        ("never,services=auto,pods=auto", false),
        ("gateways=never", false),
    ] {
        let run = simulate(&[("article.yaml", &named)], &["--assume", never, "--fail-on", "blackholed"]);
        let loses = run.stdout.contains("lost") || run.stderr.contains("nothing to judge");
        assert_eq!(loses, lost, "{never}: {run}");
    }
    let wrong = simulate(&[("article.yaml", &named)], &["--assume", "nodes=auto"]);
    assert_eq!(wrong.status, 2);
    assert!(wrong.stderr.contains("write services, pods, gateways or names"), "{wrong}");
}

#[test]
fn a_subset_that_nobody_defines_stays_lost() {
    let run = simulate(&[("article.yaml", &PASTED.replace("subset: v2", "subset: v3"))], &["--fail-on", "blackholed"]);
    assert_eq!(run.status, 1, "{run}");
    assert!(run.stdout.contains("503 NC"), "{run}");
}

#[test]
fn a_subset_that_contradicts_its_service_stays_lost() {
    let service = "
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews, version: v1}, ports: [{name: http, port: 80}]}
";
    let run = simulate(&[("article.yaml", PASTED), ("service.yaml", service)], &["--fail-on", "blackholed"]);
    assert_eq!(run.status, 1, "v2 pods are none of the service's: {run}");
    assert!(run.stdout.contains("503 UH"), "{run}");
}

#[test]
fn the_selector_of_an_assumed_service_contradicts_no_subset() {
    let versions = PASTED.replace("version: v1", "app: nginx").replace("version: v2", "app: apache");
    let run = simulate(&[("article.yaml", &versions)], &["--fail-on", "blackholed"]);
    assert_eq!(run.status, 0, "nobody said that its pods have app=reviews: {run}");
    assert!(run.stdout.contains("subset v2   10.00 %"), "{run}");
}

/// Which clusters there are is not in the manifests of one of them.
#[test]
fn a_subset_of_another_cluster_has_its_assumed_pod_there() {
    let other = PASTED.replace("labels: {version: v2}", "labels: {topology.istio.io/cluster: east}");
    let run = simulate(&[("a.yaml", &other)], &["--fail-on", "blackholed,unmatched"]);
    assert_eq!(run.status, 0, "{run}");
    assert!(run.stdout.contains("subset v2") && !run.stdout.contains("lost"), "{run}");
}

#[test]
fn where_some_workloads_are_given_the_others_are_missing_and_other_namespaces_are_counted_apart() {
    let files = [("pods.yaml", POD), ("services.yaml", SERVICES)];
    let run = simulate(&files, &["-o", "json"]);
    let report = run.json();
    assert_eq!(
        report["assumed"][0], "no workload of namespace shop is given: a ready one for every service there",
        "{run}"
    );
    let destinations: Vec<(String, String, bool)> = report["totals"]["destinations"]
        .as_array()
        .expect("destinations")
        .iter()
        .map(|d| {
            let text = |key: &str| d[key].as_str().unwrap_or_default().to_owned();
            (text("host"), text("outcome"), d["assumed"].as_bool().expect("a boolean"))
        })
        .collect();
    let expected =
        [("db.web", "no_endpoints", false), ("reviews.shop", "delivered", true), ("web.web", "delivered", false)];
    for (host, outcome, assumed) in expected {
        let wanted = (format!("{host}.svc.cluster.local"), outcome.to_owned(), assumed);
        assert!(destinations.contains(&wanted), "{wanted:?} is not among {destinations:?}");
    }
    let table = simulate(&files, &[]);
    assert!(
        table.stdout.contains("no workload of namespace shop is given: a ready one for every service there"),
        "{table}"
    );
    assert!(table.stdout.contains("delivered to workloads that are assumed"), "{table}");
}

#[test]
fn pods_of_a_scenario_are_workloads() {
    let scenario =
        "apiVersion: towtank/v1\nkind: Scenario\npods: [{name: web-0, namespace: default, labels: {app: web}}]\n";
    let named = PASTED.replace("spec:", "metadata: {name: reviews}\nspec:");
    let run = simulate(&[("article.yaml", &named), ("scenario.yaml", scenario)], &["--fail-on", "blackholed"]);
    assert_eq!(run.status, 1, "{run}");
    assert!(!run.stdout.contains("no workload"), "{run}");
}

/// An empty list is a statement: there are no pods.
#[test]
fn a_scenario_without_pods_has_none() {
    let scenario = |pods: &str| format!("apiVersion: towtank/v1\nkind: Scenario\n{pods}");
    for (pods, lost) in [("pods: []\n", true), ("", false)] {
        let files = [("article.yaml", PASTED), ("scenario.yaml", &scenario(pods))];
        let run = simulate(&files, &[]);
        assert_eq!(run.stdout.contains("no workload is given"), !lost, "{run}");
        assert_eq!(run.stdout.contains("lost"), lost, "{run}");
    }
}

#[test]
fn an_assumed_service_has_the_ports_of_its_rules_and_their_protocol() {
    let vs = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mongo, namespace: prod}
spec:
  hosts: [mongo]
  tcp:
  - match: [{port: 27017}]
    route: [{destination: {host: backup, port: {number: 5555}}}]
";
    let run = simulate(&[("mongo.yaml", vs)], &["--fail-on", "blackholed,unmatched"]);
    assert_eq!(run.status, 0, "{run}");
    assert!(run.stdout.contains(":27017 through sidecar:prod: backup.prod:5555 (TCP)"), "{run}");
    assert!(!run.stderr.contains("routes nothing here"), "{run}");
}

#[test]
fn a_gateway_that_is_kept_elsewhere_is_assumed_and_one_that_is_refused_is_not() {
    let vs = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [istio-system/public]
  http:
  - route: [{destination: {host: frontend}}]
";
    let run = simulate(&[("shop.yaml", vs)], &["--fail-on", "blackholed,unmatched"]);
    assert_eq!(run.status, 0, "{run}");
    assert!(run.stdout.contains("Gateway istio-system/public is not given"), "{run}");
    assert!(run.stdout.contains("shop.example.com:80") || run.stdout.contains("shop.example.com"), "{run}");
    assert!(!run.stderr.contains("routes nothing here"), "{run}");
    // What a rule is matched by is served there.
    let tcp = vs.replace("http:\n  - route", "tcp:\n  - match: [{port: 31400}]\n    route");
    let run = simulate(&[("shop.yaml", &tcp)], &["--fail-on", "blackholed,unmatched"]);
    assert!(run.status == 0 && run.stdout.contains("tcp 0.0.0.0:31400 through gateway:"), "{run}");
    let other = vs.replace("- route", "- match: [{port: 8080}]\n    route");
    let run = simulate(&[("shop.yaml", &other)], &[]);
    assert!(run.stdout.contains("shop.example.com:8080") && !run.stdout.contains("shop.example.com:80 "), "{run}");
    let never = simulate(&[("shop.yaml", vs)], &["--assume", "gateways=never"]);
    assert!(never.stderr.contains("routes nothing here"), "{never}");

    let refused = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, servers: []}
";
    let skip = simulate(&[("shop.yaml", vs), ("gateway.yaml", refused)], &["--invalid", "skip"]);
    assert!(!skip.stdout.contains("Gateway istio-system/public is not given"), "{skip}");
}

#[test]
fn a_misspelt_destination_is_an_unknown_host() {
    let vs = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
  - route: [{destination: {host: reveiws}}]
";
    let run = simulate(&[("reviews.yaml", vs)], &["--fail-on", "blackholed"]);
    assert_eq!(run.status, 1, "{run}");
    assert!(run.stdout.contains("did you mean `reviews.default.svc.cluster.local`"), "{run}");
    // A DestinationRule for the wrong name would help nobody.
    let vs = vs.replace("reveiws}", "reveiws, subset: v1}");
    let run = Project::new(&[("reviews.yaml", &vs)]).run(&["check", "."]);
    assert_eq!(run.status, 1, "{run}");
    assert!(run.stdout.contains("error[R101]") && !run.stdout.contains("R106"), "{run}");
    assert!(run.stdout.contains("did you mean `reviews.default.svc.cluster.local`"), "{run}");
    // With other Services that are given it is the same.
    let run = Project::new(&[("reviews.yaml", &vs), ("services.yaml", SERVICES)]).run(&["check", "."]);
    assert!(run.stdout.contains("error[R101]") && !run.stdout.contains("R106"), "{run}");
}

#[test]
fn a_service_entry_that_is_not_exported_is_unknown_elsewhere_whatever_is_assumed() {
    let mesh = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: vm}
spec:
  hosts: [vm.example]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 192.0.2.1}]
  exportTo: ['.']
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: egress}
spec:
  selector: {istio: egressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [vm.example]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: through-egress}
spec:
  hosts: [vm.example]
  gateways: [egress, mesh]
  http:
  - match: [{gateways: [mesh]}]
    route: [{destination: {host: egressgateway}}]
  - match: [{gateways: [egress]}]
    route: [{destination: {host: vm.example}}]
";
    let project = Project::new(&[("mesh.yaml", mesh)]);
    let run = project.run(&["simulate", "."]);
    assert!(run.stdout.contains("(503 NC, unknown host)"), "{run}");
    let said = "this proxy knows no service `vm.example`";
    assert!(run.stdout.contains(said) && run.stdout.contains("exported to the namespace `istio-system`"), "{run}");
    let run = project.run(&["check", "."]);
    assert!(
        run.stdout.contains("R101") && run.stdout.contains("is not exported to clients in `istio-system`"),
        "{run}"
    );
}

#[test]
fn unknown_hosts_outside_may_have_a_service_entry_that_is_kept_elsewhere() {
    let outside = PASTED
        .replace("spec:", "metadata: {name: reviews}\nspec:")
        .replace("host: reviews, subset: v1", "host: api.example.com");
    let run = Project::new(&[("article.yaml", &outside)]).run(&["check", ".", "-o", "json"]);
    assert!(!run.json()["findings"].to_string().contains("R101"), "{run}");
    assert!(run.json()["not_evaluated"].to_string().contains("R101"), "{run}");
}

#[test]
fn check_says_nothing_about_labels_of_assumed_workloads() {
    let named = PASTED.replace("spec:", "metadata: {name: reviews}\nspec:");
    let run = Project::new(&[("article.yaml", &named)]).run(&["check", ".", "-o", "json"]);
    assert_eq!(run.status, 0, "{run}");
    let report = run.json();
    let not_evaluated = report["not_evaluated"].to_string();
    assert!(not_evaluated.contains("R108"), "subset labels can't be judged: {run}");
}

#[test]
fn explain_and_routes_say_what_was_assumed() {
    let named = PASTED.replace("spec:", "metadata: {name: reviews}\nspec:");
    let project = Project::new(&[("article.yaml", &named)]);
    let explain = project.run(&["explain", ".", "-r", "GET http://reviews/"]);
    assert_eq!(explain.status, 0, "{explain}");
    assert!(explain.stdout.starts_with("assumed: "), "{explain}");
    let routes = project.run(&["routes", "."]);
    assert!(routes.stdout.starts_with("assumed: "), "{routes}");
    let json = project.run(&["routes", ".", "-o", "json"]);
    assert!(json.stderr.contains("note: assumed: "), "{json}");
    assert!(json.json().is_object());
}

#[test]
fn two_environments_are_compared() {
    let of = |namespace: &str, weight: u32| {
        format!(
            "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: reviews, namespace: {namespace}}}
spec:
  hosts: [reviews.{namespace}.svc.cluster.local]
  http:
  - route:
    - {{destination: {{host: reviews.{namespace}.svc.cluster.local, subset: v1}}, weight: {weight}}}
    - {{destination: {{host: reviews.{namespace}.svc.cluster.local, subset: v2}}, weight: {}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: reviews, namespace: {namespace}}}
spec:
  host: reviews
  subsets: [{{name: v1, labels: {{version: v1}}}}, {{name: v2, labels: {{version: v2}}}}]
",
            100 - weight
        )
    };
    for (weight, changed) in [(90, 0.0), (70, 0.2)] {
        let project = Project::new(&[("staging/a.yaml", &of("staging", weight)), ("prod/a.yaml", &of("prod", 90))]);
        let mapped = ["--map-namespace", "staging=prod"];
        let run = project.run(&[&["simulate", "staging", "--against", "prod", "-o", "json"], &mapped[..]].concat());
        let report = run.json();
        let found = report["streams"][0]["against"]["changed"].as_f64().expect("a share");
        assert!((found - changed).abs() < 1e-9, "{weight}: {run}");
        assert_eq!(report["streams"].as_array().map(Vec::len), Some(1), "{run}");
        // Objects that stand for each other are no new ones.
        let run = project.run(&[&["diff", "staging", "prod"], &mapped[..]].concat());
        assert!(!run.stdout.contains("(new)") && !run.stdout.contains("(gone)"), "{run}");
    }
}

/// GR-1: `NAME.NAMESPACE` and longer forms are read, whether the Gateway is given or kept elsewhere.
#[test]
fn a_gateway_in_the_old_form_with_dots_is_the_one_of_that_namespace() {
    let rules = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [edge.istio-system.svc.cluster.local]
  http: [{route: [{destination: {host: shop}}]}]
";
    let given = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*']}]
";
    for (gateway, assumed, port) in [(given, "", 8080), ("", "Gateway istio-system/edge is not given", 80)] {
        let run = simulate(&[("a.yaml", &format!("{rules}---{gateway}"))], &[]);
        let first = run.stdout.lines().next().unwrap_or_default();
        assert_eq!(first.contains("Gateway"), !assumed.is_empty(), "{run}");
        assert!(first.contains(assumed), "{run}");
        assert!(run.stdout.contains(&format!("shop.example.com:{port} through gateway:istio-system:")), "{run}");
    }
}

/// Rules for the mesh are looked at by a sidecar, also where the only workloads that anybody knows of are gateways.
#[test]
fn rules_for_the_mesh_have_a_client_beside_gateways_alone() {
    let egress = |gateways: &str| {
        format!(
            "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: api, namespace: istio-system}}
spec: {{hosts: [api.example.com], ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: DNS}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: egress, namespace: istio-system}}
spec:
  selector: {{istio: egressgateway}}
  servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: [api.example.com]}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: api, namespace: istio-system}}
spec:
  hosts: [api.example.com]
  gateways: [{gateways}]
  http:
  - match: [{{gateways: [mesh]}}]
    route: [{{destination: {{host: istio-egressgateway, port: {{number: 80}}}}}}]
  - match: [{{gateways: [egress]}}]
    route: [{{destination: {{host: api.example.com, port: {{number: 80}}}}}}]
"
        )
    };
    let both = simulate(&[("a.yaml", &egress("mesh, egress"))], &[]);
    assert!(both.stdout.contains("api.example.com:80 through client: istio-egressgateway.istio-system:80"), "{both}");
    assert!(both.stdout.contains("api.example.com:80 through gateway:istio-system:istio=egressgateway"), "{both}");
    let edge = simulate(&[("a.yaml", &egress("egress"))], &[]);
    assert!(!edge.stdout.contains("through client"), "{edge}");
}
