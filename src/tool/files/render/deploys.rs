//! What objects of Argo CD and Flux say that they deploy.

use crate::manifest::yaml::{self, Limits, Node};

/// A folder that an object deploys.
#[derive(Debug, Default)]
pub(super) struct Deployed {
    /// As messages name the object.
    pub object: String,
    /// From the root of the repository.
    pub path: String,
    /// The repository, where it is said.
    pub url: Option<String>,
    pub namespace: Option<String>,
    pub release: Option<String>,
    /// Files with values, from the folder; `$NAME/FILE` is one of a repository in `refs`.
    pub value_files: Vec<String>,
    /// Other repositories that values come from, by name.
    pub refs: Vec<(String, String)>,
    /// Values that stand in the object, as YAML.
    pub values: Option<String>,
    /// Fields that would change what is deployed and are not looked at.
    pub not_evaluated: Vec<&'static str>,
    /// Manifests of the folder alone count, not of those below it.
    pub flat: bool,
    /// Why nothing of it can be found in a repository of Git's.
    pub elsewhere: Option<String>,
}

/// What the objects of a text deploy.
pub(super) fn deployed(text: &str) -> Vec<Deployed> {
    // Most texts have no such object; looking for one costs next to nothing.
    if !["argoproj.io", "fluxcd.io"]
        .iter()
        .any(|group| memchr::memmem::find(text.as_bytes(), group.as_bytes()).is_some())
    {
        return Vec::new();
    }
    let mut out = Vec::new();
    let raw = yaml::documents(text);
    let parsed: Vec<_> = raw.iter().filter_map(|raw| yaml::parse(raw, &Limits::default()).ok().flatten()).collect();
    for document in &parsed {
        let root = &document.root;
        let listed = root.get("items").and_then(Node::as_seq).unwrap_or_default();
        for object in std::iter::once(root).chain(listed) {
            let group = at_text(object, &["apiVersion"]).split('/').next().unwrap_or_default().to_owned();
            match (group.as_str(), at_text(object, &["kind"]).as_str()) {
                ("argoproj.io", "Application") => out.extend(application(object, text)),
                ("argoproj.io", "ApplicationSet") => out.push(application_set(object)),
                ("kustomize.toolkit.fluxcd.io", "Kustomization") => out.push(flux_kustomization(object)),
                ("helm.toolkit.fluxcd.io", "HelmRelease") => out.push(helm_release(object, text)),
                _ => {}
            }
        }
    }
    // Flux names its repositories.
    for one in &mut out {
        let Some(name) = one.url.as_deref().and_then(|url| url.strip_prefix(GIT_REPOSITORY)) else { continue };
        let is_it = |object: &&yaml::Document<'_>| {
            at_text(&object.root, &["kind"]) == "GitRepository" && at_text(&object.root, &["metadata", "name"]) == name
        };
        one.url =
            parsed.iter().find(is_it).map(|object| at_text(&object.root, &["spec", "url"])).filter(|u| !u.is_empty());
    }
    out
}

/// Begins what stands for the address of a GitRepository until it is looked up.
const GIT_REPOSITORY: &str = "GitRepository/";

fn at<'n, 't>(node: &'n Node<'t>, path: &[&str]) -> Option<&'n Node<'t>> {
    path.iter().try_fold(node, |node, key| node.get(key))
}

/// Empty where there is none.
fn at_text(node: &Node<'_>, path: &[&str]) -> String {
    at(node, path).and_then(Node::as_str).unwrap_or_default().to_owned()
}

fn said(node: &Node<'_>, path: &[&str]) -> Option<String> {
    Some(at_text(node, path)).filter(|text| !text.is_empty())
}

fn name(object: &Node<'_>, kind: &str) -> String {
    let namespace = said(object, &["metadata", "namespace"]).map(|ns| format!("{ns}/")).unwrap_or_default();
    format!("{kind} {namespace}{}", at_text(object, &["metadata", "name"]))
}

fn application(object: &Node<'_>, text: &str) -> Vec<Deployed> {
    let several = at(object, &["spec", "sources"]).and_then(Node::as_seq).unwrap_or_default();
    let sources: Vec<&Node<'_>> = at(object, &["spec", "source"]).into_iter().chain(several).collect();
    let refs: Vec<(String, String)> =
        sources.iter().filter_map(|s| Some((said(s, &["ref"])?, said(s, &["repoURL"])?))).collect();
    let of_source = |source: &Node<'_>| {
        let files = at(source, &["helm", "valueFiles"]).and_then(Node::as_seq).unwrap_or_default();
        let fields: [(&'static str, &[&str]); 8] = [
            ("helm.parameters", &["helm", "parameters"]),
            ("helm.fileParameters", &["helm", "fileParameters"]),
            ("helm.namespace", &["helm", "namespace"]),
            ("kustomize", &["kustomize"]),
            ("plugin", &["plugin"]),
            ("directory.include", &["directory", "include"]),
            ("directory.exclude", &["directory", "exclude"]),
            ("directory.jsonnet", &["directory", "jsonnet"]),
        ];
        let own = at(source, &["helm", "valuesObject"]).map(|values| indented(values, text));
        let deployed = Deployed {
            object: name(object, "Application"),
            path: said(source, &["path"]).unwrap_or_default(),
            url: said(source, &["repoURL"]),
            namespace: said(object, &["spec", "destination", "namespace"]),
            release: said(source, &["helm", "releaseName"]).or_else(|| said(object, &["metadata", "name"])),
            value_files: files.iter().filter_map(Node::as_str).map(str::to_owned).collect(),
            refs: refs.clone(),
            // One stands in place of the other, as in Argo CD.
            values: own.or_else(|| said(source, &["helm", "values"])),
            not_evaluated: fields
                .into_iter()
                .filter(|(_, path)| at(source, path).is_some())
                .map(|(name, _)| name)
                .collect(),
            flat: at(source, &["directory", "recurse"]).and_then(Node::as_bool) != Some(true),
            elsewhere: None,
        };
        match said(source, &["chart"]) {
            Some(chart) => {
                let url = deployed.url.as_deref().unwrap_or("a repository of charts");
                Some(Deployed { elsewhere: Some(format!("the chart {chart} of {url}")), ..deployed })
            }
            // One that only values come from.
            None if deployed.path.is_empty() => None,
            None => Some(deployed),
        }
    };
    sources.into_iter().filter_map(of_source).collect()
}

/// An object that makes Applications of what it finds in places that are not looked at.
fn application_set(object: &Node<'_>) -> Deployed {
    let makes = "what its generators make Applications of: give those that `argocd appset generate` prints".to_owned();
    Deployed { object: name(object, "ApplicationSet"), elsewhere: Some(makes), ..Deployed::default() }
}

/// What stands for the address of the repository that a Flux object is deployed from; of one that isn't Git's, what it is.
fn flux_source(source: Option<&Node<'_>>) -> Result<String, String> {
    let text = |key: &str| source.and_then(|s| said(s, &[key])).unwrap_or_default();
    let (kind, name) = (text("kind"), text("name"));
    if kind == "GitRepository" { Ok(format!("{GIT_REPOSITORY}{name}")) } else { Err(format!("{kind} {name}")) }
}

fn flux_kustomization(object: &Node<'_>) -> Deployed {
    let fields = ["patches", "postBuild", "images", "components", "targetNamespace", "namePrefix", "nameSuffix"];
    let source = flux_source(at(object, &["spec", "sourceRef"]));
    Deployed {
        object: name(object, "Kustomization"),
        path: said(object, &["spec", "path"]).unwrap_or_else(|| "./".to_owned()),
        elsewhere: source.as_ref().err().map(|of| format!("a folder of {of}")),
        url: source.ok(),
        not_evaluated: fields.into_iter().filter(|field| at(object, &["spec", field]).is_some()).collect(),
        ..Deployed::default()
    }
}

fn helm_release(object: &Node<'_>, text: &str) -> Deployed {
    let object_name = name(object, "HelmRelease");
    let Some(chart) = at(object, &["spec", "chart", "spec"]) else {
        let of = flux_source(at(object, &["spec", "chartRef"])).unwrap_or_else(|of| of);
        return Deployed { object: object_name, elsewhere: Some(format!("the chart of {of}")), ..Deployed::default() };
    };
    let fields = ["valuesFrom", "postRenderers"];
    let files = at(chart, &["valuesFiles"]).and_then(Node::as_seq).unwrap_or_default();
    let values = at(object, &["spec", "values"]).filter(|values| values.as_map().is_some_and(|map| !map.is_empty()));
    let source = flux_source(at(chart, &["sourceRef"]));
    let path = at_text(chart, &["chart"]);
    Deployed {
        object: object_name,
        elsewhere: source.as_ref().err().map(|of| format!("the chart {path} of {of}")),
        url: source.ok(),
        path,
        namespace: said(object, &["spec", "targetNamespace"]).or_else(|| said(object, &["metadata", "namespace"])),
        release: said(object, &["spec", "releaseName"]).or_else(|| said(object, &["metadata", "name"])),
        value_files: files.iter().filter_map(Node::as_str).map(str::to_owned).collect(),
        values: values.map(|values| indented(values, text)),
        not_evaluated: fields.into_iter().filter(|field| at(object, &["spec", field]).is_some()).collect(),
        ..Deployed::default()
    }
}

/// A part of a text as a document of its own: its first line stands as far in as it did.
fn indented(node: &Node<'_>, text: &str) -> String {
    let before = text.get(..node.span.start as usize).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    format!("{}{}\n", " ".repeat(column), node.span.slice(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_name_what_they_deploy() {
        let text = "
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec:
  destination: {namespace: store}
  source:
    repoURL: https://git.example.com/mesh
    path: charts/shop
    helm: {valueFiles: [prod.yaml], parameters: [{name: a, value: b}]}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: mesh}
spec: {url: 'https://git.example.com/mesh'}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps}
spec: {path: ./apps/prod, sourceRef: {kind: GitRepository, name: mesh}, postBuild: {}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: cart, namespace: store}
spec:
  chart: {spec: {chart: ./charts/cart, sourceRef: {kind: GitRepository, name: elsewhere}}}
  values:
    replicas: 2
    route:
      host: cart
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: redis}
spec: {chart: {spec: {chart: redis, sourceRef: {kind: HelmRepository, name: bitnami}}}}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: several}
spec:
  sources:
  - {repoURL: 'https://charts.example.com', chart: redis, helm: {valueFiles: [$mine/redis.yaml]}}
  - {repoURL: 'https://git.example.com/mesh', path: routes, directory: {recurse: true}}
  - {repoURL: 'https://git.example.com/mesh', ref: mine}
---
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: each, namespace: argocd}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: nats}
spec: {chartRef: {kind: OCIRepository, name: nats}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: packed}
spec: {path: ./a, sourceRef: {kind: Bucket, name: b}}
";
        let all = deployed(text);
        let told: Vec<String> = all
            .iter()
            .map(|d| {
                let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
                let (url, namespace, release) = (or_none(&d.url), or_none(&d.namespace), or_none(&d.release));
                if let Some(of) = &d.elsewhere {
                    return format!("{}: {of}", d.object);
                }
                format!("{}: {} of {url} as {release} in {namespace} {:?}", d.object, d.path, d.not_evaluated)
            })
            .collect();
        assert_eq!(
            told,
            [
                "Application argocd/shop: charts/shop of https://git.example.com/mesh as shop in store [\"helm.parameters\"]",
                "Kustomization apps: ./apps/prod of https://git.example.com/mesh as - in - [\"postBuild\"]",
                "HelmRelease store/cart: ./charts/cart of - as cart in store []",
                "HelmRelease redis: the chart redis of HelmRepository bitnami",
                "Application several: the chart redis of https://charts.example.com",
                "Application several: routes of https://git.example.com/mesh as several in - []",
                "ApplicationSet argocd/each: what its generators make Applications of: give those that `argocd appset generate` prints",
                "HelmRelease nats: the chart of OCIRepository nats",
                "Kustomization packed: a folder of Bucket b",
            ]
        );
        assert_eq!(all[0].value_files, ["prod.yaml"]);
        assert!(all[0].flat && !all[5].flat);
        assert_eq!(all[5].refs, [("mine".to_owned(), "https://git.example.com/mesh".to_owned())]);
        assert_eq!(all[2].values.as_deref().map(str::trim_end), Some("    replicas: 2\n    route:\n      host: cart"));
    }
}
