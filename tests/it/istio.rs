//! Which Istio is asked about: who may say so, what counts, and how it is told.

use crate::support::program::{Project, Run};

const MANIFESTS: &str = "
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: shop-0, labels: {app: shop}}
spec: {containers: [{name: shop, image: shop}]}
status: {conditions: [{type: Ready, status: 'False'}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: [shop]
  http:
  - match: [{uri: {prefix: /old}}]
    redirect: {authority: shop.example.com, prefixRewrite: /new}
  - route: [{destination: {host: shop}}]
";

const ISTIOD: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system, labels: {app: istiod}}
spec:
  template:
    spec:
      containers:
      - name: discovery
        image: docker.io/istio/pilot:1.29.1
        env:
        - {name: PILOT_TRACE_SAMPLING, value: '1'}
        - {name: ISTIO_DUAL_STACK, value: 'true'}
";

const SCENARIO: &str = "
apiVersion: towtank/v1
kind: Scenario
manifests: [shop.yaml]
proxies: [{name: client}]
istio: 1.30
";

/// Two subsets by the cluster that their pods are in, of which Istiod's is one.
const CLUSTERS: &str = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop}
spec:
  host: shop
  subsets:
  - {name: north, labels: {topology.istio.io/cluster: north}}
  - {name: default, labels: {topology.istio.io/cluster: Kubernetes}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: [shop]
  http:
  - match: [{uri: {prefix: /north}}]
    route: [{destination: {host: shop, subset: north}}]
  - route: [{destination: {host: shop, subset: default}}]
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: shop-0, labels: {app: shop}}
spec: {containers: [{name: shop, image: shop}]}
";

fn project(more: &[(&str, &str)]) -> Project {
    Project::new(&[&[("shop.yaml", MANIFESTS)], more].concat())
}

/// Where a request to the old path is sent.
fn location(run: &Run) -> String {
    let line = run.stdout.lines().find_map(|l| l.trim_start().strip_prefix("Location: "));
    line.unwrap_or_default().to_owned()
}

const OLD: [&str; 4] = ["explain", ".", "-r", "GET http://shop/old/x"];

#[test]
fn nobody_says_anything_and_it_is_the_newest_release() {
    let run = project(&[]).run(&OLD);
    assert_eq!((run.status, location(&run).as_str()), (0, "http://shop.example.com/new/x"), "{run}");
    assert!(!run.stdout.contains("Istio 1."), "the default is not told: {run}");
}

#[test]
fn an_option_says_which_and_the_report_tells() {
    let run = project(&[]).run(&[&OLD[..], &["--istio", "1.30"]].concat());
    assert_eq!((run.status, location(&run).as_str()), (0, "http://shop.example.com/old/x"), "{run}");
    assert!(run.stdout.starts_with("Istio 1.30 (--istio)\n\n"), "{run}");
    assert!(run.stderr.contains("Istio 1.30 has no field `prefixRewrite` here; it is ignored (VE-2)"), "{run}");
    let run = project(&[]).run(&["simulate", ".", "--istio", "1.29", "-o", "json", "-q"]);
    assert_eq!(run.json()["istio"], "Istio 1.29 (--istio)", "{run}");
    let run = project(&[]).run(&["simulate", ".", "-o", "json", "-q"]);
    assert_eq!(run.json()["istio"], serde_json::Value::Null, "{run}");
}

#[test]
fn manifests_that_install_istio_say_which() {
    let run = project(&[("istiod.yaml", ISTIOD)]).run(&OLD);
    let line = run.stdout.lines().next().unwrap_or_default();
    assert_eq!(line, "Istio 1.29.1 (the image of Deployment `istiod`, ./istiod.yaml:10)", "{run}");
    assert!(
        run.stderr.contains("`ISTIO_DUAL_STACK` has another value than its default, which is not modelled"),
        "{run}"
    );
    assert!(!run.stderr.contains("PILOT_TRACE_SAMPLING"), "{run}");
    let old = ISTIOD.replace("1.29.1", "1.24.3");
    let run = project(&[("istiod.yaml", &old)]).run(&OLD);
    assert_eq!(run.status, 0, "{run}");
    assert!(run.stderr.contains("Istio `1.24.3` is not known; known are 1.28"), "{run}");
    assert!(location(&run).ends_with("/new/x"), "{run}");
}

#[test]
fn an_option_counts_more_than_a_scenario_and_that_more_than_what_is_found() {
    let project = project(&[("istiod.yaml", ISTIOD), ("scenario.yaml", SCENARIO)]);
    let first = |run: Run| run.stdout.lines().next().unwrap_or_default().to_owned();
    assert_eq!(first(project.run(&OLD)), "Istio 1.30 (scenario.yaml)");
    assert_eq!(first(project.run(&[&OLD[..], &["--istio", "master"]].concat())), "Istio master (--istio)");
}

#[test]
fn two_releases_among_the_manifests_are_told() {
    let newer = ISTIOD.replace("1.29.1", "1.30.3").replace("name: istiod", "name: istiod-canary");
    let run = project(&[("a.yaml", ISTIOD), ("b.yaml", &newer)]).run(&OLD);
    let told = "the image of Deployment `istiod-canary` is 1.30, and the image of Deployment `istiod` is 1.29.1; 1.29.1 is taken";
    assert!(run.stderr.contains(told), "{run}");
}

#[test]
fn a_release_that_is_not_known_tells_which_are() {
    for (release, nearest) in [("1.27", "1.28"), ("2.0", "1.31")] {
        let run = project(&[]).run(&[&OLD[..], &["--istio", release]].concat());
        assert_eq!(run.status, 2, "{run}");
        let known = "known are 1.28, 1.29, 1.30, 1.31, master, and patch releases such as 1.30.2";
        assert!(run.stderr.contains(known) && run.stderr.contains(&format!("the nearest is {nearest}")), "{run}");
    }
    let scenario = SCENARIO.replace("istio: 1.30", "istio: 1.3");
    let run = project(&[("scenario.yaml", &scenario)]).run(&OLD);
    assert_eq!(run.status, 2, "{run}");
    assert!(run.stderr.contains("Istio `1.3` is not known") && run.stderr.contains("scenario.yaml:6:8"), "{run}");
    assert!(run.stderr.contains("the nearest is 1.30"), "{run}");
}

/// The endpoints that a table lists.
fn unready(more: &[&str]) -> (bool, Run) {
    let run = project(&[]).run(&[&["routes", ".", "--proxy", "sidecar:default", "-o", "envoy", "-q"], more].concat());
    (run.stdout.contains("UNHEALTHY"), run)
}

#[test]
fn flags_of_istiod_put_back_what_they_can() {
    let (sent, run) = unready(&[]);
    assert!(sent, "{run}");
    let (sent, run) = unready(&["--istiod-env", "PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS=false"]);
    assert!(!sent && run.status == 0, "{run}");
    let (sent, run) = unready(&["--istio", "1.30"]);
    assert!(!sent, "{run}");
    let (sent, run) = unready(&["--istio", "1.30", "--istiod-env", "PILOT_SEND_UNHEALTHY_ENDPOINTS=true"]);
    assert!(sent, "{run}");
    let flag = ["--istiod-env", "PILOT_AUTO_SEND_UNHEALTY_ENDPOINTS=false"];
    let run = project(&[]).run(&[&OLD[..], &flag].concat());
    assert_eq!(run.status, 0, "{run}");
    let told = "--istiod-env: `PILOT_AUTO_SEND_UNHEALTY_ENDPOINTS` is no flag of Istio 1.31 that bears on routing; did you mean \
                `PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS`?";
    assert!(run.stderr.contains(told), "{run}");
    let run = project(&[]).run(&[&OLD[..], &["--istiod-env", "PILOT_X"]].concat());
    assert!(run.status == 2 && run.stderr.contains("write NAME=VALUE"), "{run}");
}

#[test]
fn a_flag_among_what_proxies_are_told_is_said_to_change_nothing() {
    let mesh = "
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    defaultConfig:
      proxyMetadata: {PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS: \"false\", ISTIO_META_DNS_CAPTURE: \"true\"}
";
    let routes = ["routes", ".", "--proxy", "sidecar:default", "-o", "envoy"];
    let plain = project(&[]).run(&routes);
    let run = project(&[("mesh.yaml", mesh)]).run(&routes);
    assert_eq!(run.stdout, plain.stdout);
    let told = "`PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS` stands in proxyMetadata, which Istiod doesn't read";
    assert!(run.stderr.contains(told) && !run.stderr.contains("DNS_CAPTURE"), "{run}");
}

#[test]
fn ve14_a_pod_has_its_own_connection_settings() {
    let pod = |annotation: &str| {
        format!(
            "
apiVersion: v1
kind: Pod
metadata:
  name: caller
  labels: {{app: caller}}
  annotations: {{proxy.istio.io/config: '{annotation}'}}
spec: {{containers: [{{name: c, image: c}}]}}
"
        )
    };
    let rejects =
        pod("connectionSettings: {httpHeadersWithUnderscoresAction: HEADERS_WITH_UNDERSCORES_REJECT_REQUEST}");
    let ask = |annotated: &str, more: &[&str]| {
        let project = project(&[("caller.yaml", annotated)]);
        let asked = ["explain", ".", "--proxy", "pod:default/caller", "--curl", "curl -H 'x_id: 1' http://shop/old/x"];
        project.run(&[&asked[..], more].concat())
    };
    let answered = |run: &Run| run.stdout.contains("400");
    assert!(answered(&ask(&rejects, &[])), "{}", ask(&rejects, &[]));
    for (annotated, more) in [
        (rejects.as_str(), &["--istio", "1.30"][..]),
        (&pod("concurrency: 2"), &[]),
        (&pod("connectionSettings: {profile: EDGE}"), &[]),
        (&pod("{"), &[]),
    ] {
        let run = ask(annotated, more);
        assert!(run.status == 0 && run.stdout.contains("301") && !answered(&run), "{annotated}\n{run}");
    }
    // Who is told otherwise than others is a class of its own.
    let both = format!("{rejects}---{}", pod("concurrency: 2").replace("name: caller", "name: other"));
    let run =
        project(&[("callers.yaml", &both)]).run(&["explain", ".", "--curl", "curl -H 'x_id: 1' http://shop/old/x"]);
    assert!(answered(&run) && run.stdout.contains("/new/x"), "{run}");
}

#[test]
fn a_scenario_says_flags_and_a_compatibility_profile() {
    let with = "istio: {release: 1.31, compatibilityVersion: 1.29, env: {PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS: true}}";
    let scenario = SCENARIO.replace("istio: 1.30", with);
    let run = project(&[("scenario.yaml", &scenario)]).run(&OLD);
    let told = "Istio 1.31 (scenario.yaml), with PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS=true, compatibilityVersion 1.29";
    assert!(run.stdout.starts_with(told), "{run}");
}

#[test]
fn check_says_what_a_release_refuses_and_what_it_ignores() {
    let gentle = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop}
spec: {host: shop, trafficPolicy: {loadBalancer: {simple: RANDOM, warmup: {duration: 10s, aggression: 0.5}}}}
";
    let project = project(&[("rule.yaml", gentle)]);
    let ids = |release: &str| {
        let run = project.run(&["check", ".", "--istio", release, "-o", "json"]);
        let findings = run.json()["findings"].as_array().cloned().unwrap_or_default();
        let of = |id: &str| findings.iter().filter(|f| f["id"] == id).count();
        (of("M207"), of("M129"))
    };
    assert_eq!(ids("1.30"), (1, 1));
    assert_eq!(ids("1.31"), (0, 0));
    let run = project.run(&["check", ".", "--istio", "1.30"]);
    assert!(run.stdout.starts_with("Istio 1.30 (--istio)\n\n"), "{run}");
}

#[test]
fn a_difference_is_explained() {
    let run = project(&[]).run(&["explain", "VE-7"]);
    assert!(run.stdout.starts_with("VE-7 A destination host in several namespaces"), "{run}");
    assert!(run.stdout.contains("Who notices it") && run.stdout.contains("To put it back"), "{run}");
}

#[test]
fn ep2_the_cluster_has_the_name_that_istiod_gives_it() {
    let operator = "
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: istio}
spec: {values: {global: {multiCluster: {clusterName: north}}}}
";
    let istiod = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod}
spec: {template: {spec: {containers: [{name: discovery, image: istio/pilot:1.31.0, env: [{name: CLUSTER_ID, value: NAME}]}]}}}
";
    let flags = |more: &[(&str, &str)], args: &[&str]| {
        let files = [&[("shop.yaml", CLUSTERS)], more].concat();
        let run = Project::new(&files).run(&[&["explain", ".", "-o", "json", "-r"], args].concat());
        run.json()[0]["flags"].as_str().unwrap_or_default().to_owned()
    };
    let (north, other) = ("GET http://shop/north", "GET http://shop/");
    assert_eq!((flags(&[], &[north]), flags(&[], &[other])), ("UH".into(), "-".into()));
    let named = ["--istiod-env", "CLUSTER_ID=north"];
    assert_eq!(flags(&[], &[&[north], &named[..]].concat()), "-");
    assert_eq!(flags(&[], &[&[other], &named[..]].concat()), "UH");
    let installed = istiod.replace("NAME", "north");
    for file in [operator, &installed] {
        assert_eq!(flags(&[("istio.yaml", file)], &[north]), "-");
        assert_eq!(flags(&[("istio.yaml", file)], &[other, "--istiod-env", "CLUSTER_ID=Kubernetes"]), "-");
    }
    let usual = Project::new(&[("shop.yaml", CLUSTERS), ("istio.yaml", &istiod.replace("NAME", "Kubernetes"))]);
    let run = usual.run(&["explain", ".", "-r", other]);
    assert!(run.stdout.starts_with("Istio 1.31 (the image of Deployment `istiod`, ./istio.yaml:5)\n"), "{run}");
}
