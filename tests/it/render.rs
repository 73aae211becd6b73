//! `--render`: folders that are kustomizations, charts or helmfiles, with programs of the tests in place of the real ones.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::run::Ran;

/// A repository with a kustomization over a base, a chart, and folders that a person would have.
const FILES: [(&str, &str); 12] = [
    ("repo/.git/config", "[remote \"origin\"]\n\turl = git@git.example.com:team/mesh.git\n"),
    ("repo/base/kustomization.yaml", "resources: [service.yaml]\n"),
    ("repo/base/service.yaml", "{{ not what anybody applies }}\n"),
    ("repo/overlays/prod/kustomization.yaml", "resources: [../../base]\n"),
    ("repo/charts/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"),
    ("repo/charts/shop/templates/vs.yaml", "{{ .Values.nothing }}\n"),
    ("repo/values/prod.yaml", "weight: 10\n"),
    ("repo/fleet/helmfile.yaml", "releases: []\n"),
    ("repo/plain/reviews.yaml", SERVICE),
    (
        "repo/argo/app.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop, namespace: argocd}\nspec:\n  destination: {namespace: store}\n  source:\n    repoURL: https://git.example.com/team/mesh\n    path: charts/shop\n    helm: {valueFiles: [prod.yaml], parameters: [{name: a, value: b}]}\n---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: other}\nspec: {source: {repoURL: 'https://git.example.com/team/other', path: x}}\n",
    ),
    (
        "repo/flux/apps.yaml",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps}\nspec: {path: ./overlays/prod, sourceRef: {kind: GitRepository, name: flux-system}}\n---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: shop, namespace: store}\nspec:\n  chart: {spec: {chart: ./charts/shop, sourceRef: {kind: GitRepository, name: flux-system}}}\n  values:\n    weight: 20\n",
    ),
    ("bin/.keep", ""),
];

/// An Application of several sources, and an ApplicationSet.
const SETS: [(&str, &str); 4] = [
    (
        "repo/sets/apps.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: several}\nspec:\n  sources:\n  - {repoURL: 'https://git.example.com/team/mesh', path: charts/shop, helm: {valueFiles: [$mine/values/prod.yaml, $theirs/a.yaml], valuesObject: {weight: 30}}}\n  - {repoURL: 'https://git.example.com/team/mesh', path: sets/flat}\n  - {repoURL: 'https://git.example.com/team/mesh', ref: mine}\n  - {repoURL: 'https://git.example.com/team/theirs', ref: theirs}\n---\napiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: each}\nspec: {generators: [{git: {}}]}\n",
    ),
    ("repo/sets/flat/reviews.yaml", SERVICE),
    ("repo/sets/flat/deeper/unread.yaml", "kind: [\n"),
    ("repo/sets/flat/made.jsonnet", "{}\n"),
];

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: reviews, namespace: store}\nspec: {ports: [{port: 80, name: http}]}\n";

const ROUTES: &str = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: reviews, namespace: store}\nspec:\n  hosts: [reviews]\n  http:\n  - name: rendered\n    route: [{destination: {host: reviews, subset: nowhere}}]\n";

struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Repository {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in FILES {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        // What the programs are made of; what may be installed here is none of theirs.
        for tool in ["cat", "env"] {
            let found =
                ["/bin", "/usr/bin"].map(|bin| Path::new(bin).join(tool)).into_iter().find(|path| path.exists());
            std::os::unix::fs::symlink(found.expect(tool), folder.path().join("bin").join(tool)).expect("a link");
        }
        Repository(folder)
    }

    /// A program that writes down how it was called, and then does as the script says.
    fn program(&self, name: &str, script: &str) {
        let path = self.0.path().join("bin").join(name);
        let calls = self.0.path().join("calls");
        let record = format!("echo \"{name} $*\" >> {0}; env >> {0}.env", calls.display());
        std::fs::write(&path, format!("#!/bin/sh\n{record}\n{script}\n")).expect("a program");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it may be run");
    }

    /// Prints what both templates of the chart, or the kustomization, give.
    fn renders(&self, name: &str) {
        let source = if name == "kustomize" || name == "kubectl" { "" } else { "# Source: shop/templates/vs.yaml\n" };
        let service = source.replace("vs.yaml", "service.yaml");
        self.program(name, &format!("cat <<'END'\n---\n{service}{SERVICE}---\n{source}{ROUTES}END"));
    }

    fn calls(&self) -> String {
        let path = self.0.path().join("calls");
        let calls = std::fs::read_to_string(&path).unwrap_or_default();
        let _ = std::fs::remove_file(path);
        calls
    }

    fn towtank(&self, arguments: &[&str]) -> Ran {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_towtank"))
            .args(arguments)
            .current_dir(self.0.path().join("repo"))
            .env("PATH", self.0.path().join("bin"))
            .env("SECRET_TOKEN", "of nobody's business")
            .output()
            .expect("towtank runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Ran { code: output.status.code().expect("a status"), out: text(output.stdout), err: text(output.stderr) }
    }
}

#[test]
fn a_kustomization_is_built_and_the_command_is_said() {
    let repo = Repository::new();
    repo.renders("kustomize");
    let routes = ["routes", "overlays/prod", "--host", "reviews", "--render", "auto"];
    repo.towtank(&routes)
        .ends_with(0)
        .says(&["note: rendered by `kustomize build overlays/prod`"])
        .prints(&["rendered", "overlays/prod (rendered):13"]);
    assert_eq!(repo.calls(), "kustomize build overlays/prod\n");
    let env = std::fs::read_to_string(repo.0.path().join("calls.env")).expect("an environment");
    assert!(!env.contains("SECRET_TOKEN") && env.contains("KUBECONFIG=/dev/null"), "{env}");
    // What the folder itself holds isn't read beside it.
    let ran = repo.towtank(&["check", "overlays/prod", "--render", "auto"]);
    assert!(!format!("{}{}", ran.out, ran.err).contains("looks like a kustomization"), "{}{}", ran.out, ran.err);
    repo.calls();
    // Nobody asked for it: files are read as they are, and it is said.
    repo.towtank(&["check", "overlays/prod"]).says(&[
        "note: overlays/prod is a kustomization, and its files are read as they are: --render auto runs `kustomize build overlays/prod`",
    ]);
    assert_eq!(repo.calls(), "");
}

#[test]
fn kubectl_stands_in_for_kustomize_and_nothing_is_said_by_nobody() {
    let repo = Repository::new();
    let ran = repo.towtank(&["routes", "overlays/prod", "--render", "auto"]).ends_with(2);
    ran.says(&[
        "`overlays/prod` is a kustomization, and neither `kustomize` nor `kubectl` is installed to render it",
        "`kustomize build overlays/prod | towtank ... -`",
    ]);
    repo.renders("kubectl");
    repo.towtank(&["check", "overlays/prod", "--render", "auto"])
        .says(&["rendered by `kubectl kustomize overlays/prod`"]);
    let ran = repo.towtank(&["routes", "charts/shop", "--render", "auto"]).ends_with(2);
    ran.says(&[
        "`charts/shop` is a Helm chart, and no `helm` is installed",
        "`helm template shop charts/shop --namespace default | ",
    ]);
}

#[test]
fn a_chart_is_rendered_with_values_and_templates_are_named() {
    let repo = Repository::new();
    repo.renders("helm");
    let chart = ["check", "charts/shop", "--render", "auto", "--values", "values/prod.yaml", "-n", "store"];
    repo.towtank(&chart)
        .says(&["note: rendered by `helm template shop charts/shop --namespace store --values values/prod.yaml`"])
        .prints(&["charts/shop/templates/vs.yaml (rendered):"]);
    assert_eq!(repo.calls(), "helm template shop charts/shop --namespace store --values values/prod.yaml\n");
    repo.renders("helmfile");
    repo.towtank(&["check", "fleet", "--render", "auto"])
        .says(&["note: rendered by `helmfile --file fleet/helmfile.yaml template --skip-deps`"])
        .prints(&["fleet: shop/templates/vs.yaml (rendered):"]);
}

#[test]
fn a_renderer_that_fails_has_its_own_words() {
    let repo = Repository::new();
    repo.program(
        "helm",
        "echo 'Error: values do not meet the schema: weight is too large' >&2; echo 'kind: Half'; exit 1",
    );
    for command in ["simulate", "routes"] {
        repo.towtank(&[command, "charts/shop", "--render", "auto"]).ends_with(2).says(&[
            "`helm template shop charts/shop --namespace default` ended with 1",
            "Error: values do not meet the schema: weight is too large",
        ]);
    }
    repo.towtank(&["check", "charts/shop", "--render", "auto"]).ends_with(2).prints(&["weight is too large"]);
    repo.program("helm", "printf 'E1130 run.go:72]\\n  accumulating resources: no such file\\n' >&2; exit 1");
    repo.towtank(&["routes", "charts/shop", "--render", "auto"])
        .ends_with(2)
        .says(&["ended with 1: E1130 run.go:72]; accumulating resources: no such file"]);
    repo.program("helm", "exit 3");
    repo.towtank(&["routes", "charts/shop", "--render", "auto"])
        .ends_with(2)
        .says(&["ended with 3", "it doesn't say why"]);
    repo.program("helm", "printf 'a: \\377\\n'");
    repo.towtank(&["routes", "charts/shop", "--render", "auto"]).ends_with(2).says(&["is not UTF-8 text"]);
    repo.program("helm", "");
    repo.towtank(&["check", "charts/shop", "--render", "auto"]).ends_with(2).prints(&["gives nothing"]);
}

#[test]
fn a_whole_repository_is_rendered_each_thing_once() {
    let repo = Repository::new();
    for name in ["kustomize", "helm", "helmfile"] {
        repo.renders(name);
    }
    std::fs::remove_dir_all(repo.0.path().join("repo/argo")).expect("removed");
    std::fs::remove_dir_all(repo.0.path().join("repo/flux")).expect("removed");
    std::fs::remove_dir_all(repo.0.path().join("repo/values")).expect("removed");
    repo.towtank(&["check", ".", "--render", "auto"]);
    let mut calls: Vec<String> = repo.calls().lines().map(str::to_owned).collect();
    calls.sort();
    assert_eq!(
        calls,
        [
            "helm template shop ./charts/shop --namespace default",
            "helmfile --file ./fleet/helmfile.yaml template --skip-deps",
            "kustomize build ./overlays/prod",
        ],
        "the base is a part of the overlay"
    );
    let against = ["simulate", "overlays/prod", "--against", "plain", "--render", "auto", "--exact"];
    repo.towtank(&against).ends_with(0).says(&["rendered by `kustomize build overlays/prod`"]);
    repo.calls();
}

#[test]
fn what_argo_and_flux_deploy_from_the_same_repository_is_followed() {
    let repo = Repository::new();
    repo.renders("helm");
    repo.renders("kustomize");
    let ran = repo.towtank(&["check", "argo", "--render", "auto"]);
    assert_eq!(repo.calls(), "helm template shop charts/shop --namespace store --values charts/shop/prod.yaml\n");
    ran.says(&[
        "note: followed: Application argocd/shop deploys charts/shop",
        "note: not evaluated: helm.parameters of Application argocd/shop",
        "note: not followed: Application other deploys from another repository, https://git.example.com/team/other",
    ])
    .prints(&["charts/shop/templates/vs.yaml (rendered):"]);
    repo.program("helm", &format!("cat > {}; cat <<'END'\n{ROUTES}END", repo.0.path().join("values").display()));
    repo.towtank(&["check", "flux", "--render", "auto"])
        .says(&["Kustomization apps deploys overlays/prod", "HelmRelease store/shop"]);
    let mut calls: Vec<String> = repo.calls().lines().map(str::to_owned).collect();
    calls.sort();
    assert_eq!(calls, ["helm template shop charts/shop --namespace store --values -", "kustomize build overlays/prod"]);
    let values = std::fs::read_to_string(repo.0.path().join("values")).expect("values were handed over");
    assert_eq!(values.trim(), "weight: 20");
    // Without being asked nothing is followed.
    repo.towtank(&["check", "argo"]);
    assert_eq!(repo.calls(), "");
}

/// Several sources of one Application, values of a named repository, folders without those below, and what isn't followed.
#[test]
fn what_argo_deploys_from_several_sources_is_followed() {
    let repo = Repository::new();
    for (name, text) in SETS {
        let path = repo.0.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    repo.program("helm", &format!("cat > {}; cat <<'END'\n{ROUTES}END", repo.0.path().join("values").display()));
    let ran = repo.towtank(&["check", "sets/apps.yaml", "--render", "auto"]);
    assert!(!ran.err.contains("unread.yaml"), "{}", ran.err);
    assert_eq!(
        repo.calls(),
        "helm template several charts/shop --namespace default --values values/prod.yaml --values -\n"
    );
    ran.says(&[
        "followed: Application several deploys charts/shop",
        "followed: Application several deploys sets/flat",
        "not evaluated: the values $theirs/a.yaml of Application several",
        "not evaluated: Jsonnet in sets/flat of Application several",
        "not followed: ApplicationSet each deploys what its generators make",
    ]);
    let values = std::fs::read_to_string(repo.0.path().join("values")).expect("values were handed over");
    assert_eq!(values.trim(), "{weight: 30}");
}

#[test]
fn a_tally_runs_nothing_by_itself() {
    let repo = Repository::new();
    repo.renders("kustomize");
    std::fs::write(repo.0.path().join("repo/log.jsonl"), "{\"authority\":\"reviews\",\"path\":\"/\"}\n")
        .expect("a log");
    let run = ["simulate", "overlays/prod", "--render", "auto", "--requests", "log.jsonl", "--tally", "tally.json"];
    let whole = repo.towtank(&run).ends_with(0);
    repo.calls();
    repo.towtank(&["merge", "tally.json"]).ends_with(2).says(&["give --render auto to merge as well"]);
    assert_eq!(repo.calls(), "");
    assert_eq!(repo.towtank(&["merge", "tally.json", "--render", "auto"]).ends_with(0).out, whole.out);
}

#[test]
fn a_scenario_has_nothing_rendered_outside_of_its_repository() {
    let repo = Repository::new();
    repo.renders("helm");
    let outside = repo.0.path().join("outside");
    std::fs::create_dir_all(outside.join("templates")).expect("a folder");
    std::fs::write(outside.join("Chart.yaml"), "name: outside\n").expect("a chart");
    let scenario = |manifests: &str| {
        let folder = repo.0.path().join("repo/scenario");
        std::fs::create_dir_all(&folder).expect("a folder");
        let text = format!("apiVersion: towtank/v1\nkind: Scenario\nmanifests: [{manifests}]\n");
        std::fs::write(folder.join("scenario.yaml"), text).expect("a scenario");
    };
    scenario("../charts/shop");
    repo.towtank(&["routes", "scenario", "--render", "auto"]).says(&["rendered by `helm template"]);
    assert_ne!(repo.calls(), "");
    scenario("../../outside");
    repo.towtank(&["routes", "scenario", "--render", "auto"]).ends_with(2).says(&["--allow-outside"]);
    assert_eq!(repo.calls(), "");
    // What is laid over may be rendered, too.
    repo.towtank(&["routes", "plain+charts/shop", "--render", "auto"])
        .ends_with(0)
        .says(&["rendered by `helm template"]);
}
