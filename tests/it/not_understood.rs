//! What isn't understood is never taken for nothing: it is said what it looks like, and which command makes it readable.

use crate::support::program::Project;

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
";

/// What a file holds, what is said of it, and the command that helps.
const CASES: &[(&str, &str, &str, &str)] = &[
    (
        "vs.yaml",
        "apiVersion: networking.istio.io/v1\nkind: VirtualServices\nmetadata: {name: a}\n",
        "kind `VirtualServices` of `networking.istio.io/v1` is not known",
        "did you mean `VirtualService`?",
    ),
    (
        "vs.yaml",
        "apiVersion: networking.istio.io/v2\nkind: VirtualService\nmetadata: {name: a}\n",
        "`networking.istio.io/v2` is no version of `VirtualService`",
        "use `networking.istio.io/v1`",
    ),
    (
        "vs.yaml",
        "apiVersion: networking.istio/v1\nkind: VirtualService\nmetadata: {name: a}\n",
        "`networking.istio/v1` is no API of Istio",
        "did you mean `networking.istio.io/v1`?",
    ),
    (
        "vs.yaml",
        "apiVersion: v1\nkind: DestinationRule\nmetadata: {name: a}\n",
        "`v1` is no API of Istio",
        "did you mean `networking.istio.io/v1`?",
    ),
    (
        "kustomization.yaml",
        "resources: [web.yaml]\nnamePrefix: a-\n",
        "looks like a kustomization",
        "`kubectl kustomize",
    ),
    (
        "k.yaml",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [web.yaml]\n",
        "looks like a kustomization",
        "`kubectl kustomize",
    ),
    ("Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n", "looks like a Helm chart", "`helm template"),
    (
        "patch.yaml",
        "apiVersion: v1\nkind: List2\n$patch: delete\n",
        "looks like a strategic merge patch",
        "`kubectl kustomize",
    ),
    (
        "patch.json",
        r#"[{"op": "replace", "path": "/spec/replicas", "value": 3}]"#,
        "looks like a JSON patch",
        "`kubectl kustomize",
    ),
    (
        "canary.yaml",
        "apiVersion: towtank/v1\nkind: Scenario\n",
        "read only where its file is called `scenario.yaml`",
        "scenario.yaml`, and give that folder",
    ),
    ("values.yaml", "replicas: 3\n", "nothing is understood in", "--exclude GLOB"),
];

const COMMANDS: [&[&str]; 4] =
    [&["simulate", "."], &["routes", "."], &["check", "."], &["explain", ".", "-r", "GET http://web/"]];

#[test]
fn it_is_said_in_every_command_and_alone_it_is_no_input() {
    for (name, text, said, help) in CASES {
        let alone = Project::new(&[(name, text)]);
        let beside = Project::new(&[(name, text), ("web.yaml", SERVICE)]);
        for command in COMMANDS {
            let run = alone.run(command);
            assert_eq!(run.status, 2, "{command:?} {name}: {run}");
            let run = beside.run(command);
            assert_eq!(run.status, 0, "{command:?} {name}: {run}");
            let all = format!("{}{}", run.stdout, run.stderr);
            assert!(all.contains(said) && all.contains(help), "{command:?} {name}: {run}");
        }
    }
}

#[test]
fn patches_that_a_kustomization_names_are_no_objects() {
    let patch = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec: {http: [{timeout: 1s}]}
";
    for listed in ["patches: [{path: patches/web.yaml}]", "patchesStrategicMerge: [./patches/web.yaml]"] {
        let kustomization = format!("resources: [web.yaml]\n{listed}\n");
        let files = [("web.yaml", SERVICE), ("patches/web.yaml", patch), ("kustomization.yaml", &kustomization)];
        let project = Project::new(&files);
        let run = project.run(&["check", "."]);
        assert_eq!(run.status, 0, "the patch alone would be refused: {run}");
        assert!(run.stdout.contains("its patches, prefixes and generators are not applied"), "{run}");
    }
}

#[test]
fn gates_on_nothing_are_no_success() {
    let deployment = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: []}}}
";
    let project = Project::new(&[("web.yaml", deployment)]);
    assert_eq!(project.run(&["simulate", "."]).status, 0);
    let gate = project.run(&["simulate", ".", "--fail-on", "blackholed"]);
    assert_eq!(gate.status, 2, "{gate}");
    assert!(gate.stderr.contains("nothing to judge"), "{gate}");
}

#[test]
fn what_other_tools_keep_is_left_out_with_one_line() {
    let broken = "{{ .Values.host }}: {{";
    let project = Project::new(&[
        ("web.yaml", SERVICE),
        ("node_modules/a/a.yaml", broken),
        (".terraform/a.yaml", broken),
        ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n"),
        ("chart/values.yaml", "host: web\n"),
        ("chart/templates/web.yaml", broken),
    ]);
    let run = project.run(&["simulate", "."]);
    assert_eq!(run.status, 0, "{run}");
    let lines: Vec<&str> = run.stderr.lines().filter(|l| l.starts_with("note: left out")).collect();
    assert_eq!(lines.len(), 1, "{run}");
    for folder in ["./.terraform", "./chart/templates", "./node_modules", "helm template"] {
        assert!(lines.iter().any(|l| l.contains(folder)), "{folder}: {run}");
    }
    assert!(!run.stderr.contains("values.yaml"), "the chart's values are told of with the chart: {run}");
    // Asked for by name, they are read.
    assert_eq!(project.run(&["simulate", "chart/templates"]).status, 2);
    // Without a chart, `templates` is a name like any other.
    let plain = Project::new(&[("templates/web.yaml", SERVICE)]);
    assert_eq!(plain.run(&["simulate", "."]).status, 0);
}

#[test]
fn what_is_excluded_is_not_read() {
    let broken = "a: [";
    let project = Project::new(&[("web.yaml", SERVICE), ("test/a.yaml", broken), ("a/b/test/a.yaml", broken)]);
    assert_eq!(project.run(&["simulate", "."]).status, 2);
    for patterns in [&["test"][..], &["**/test/**"], &["test", "a/b/test"], &["test/*.yaml", "a/**"]] {
        let options = patterns.iter().flat_map(|p| ["--exclude", p]);
        let arguments: Vec<&str> = ["simulate", "."].into_iter().chain(options).collect();
        let run = project.run(&arguments);
        assert_eq!(run.status, 0, "{patterns:?}: {run}");
    }
    let wrong = project.run(&["simulate", ".", "--exclude", "a["]);
    assert_eq!(wrong.status, 2);
    assert!(wrong.stderr.contains("--exclude"), "{wrong}");
}
