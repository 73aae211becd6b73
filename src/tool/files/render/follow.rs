//! Objects of Argo CD and Flux that deploy a folder of the repository that they stand in: what they point to is read as well.
//!
//! | object | folder | rendered with |
//! |---|---|---|
//! | Argo CD `Application` | `spec.source.path`, or each of `spec.sources` | `helm.releaseName`, `helm.valueFiles`, `destination.namespace` |
//! | Flux `Kustomization` | `spec.path` | |
//! | Flux `HelmRelease` | `spec.chart.spec.chart`, of a GitRepository | `releaseName`, `targetNamespace`, `values` |
//!
//! What else they say (patches, parameters, values from elsewhere) is said to be not evaluated.

use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::program::Asked;
use super::roots::{self, Root, normal};
use super::{Rendered, Renderer};
use crate::manifest::source::{FileId, SourceMap};
use crate::manifest::yaml::{self, Limits, Node};
use crate::tool::files::exclude::Exclude;
use crate::tool::files::place::Place;
use crate::tool::files::texts;

/// A folder that an object deploys.
#[derive(Debug, Default)]
struct Deployed {
    /// As messages name the object.
    object: String,
    /// From the root of the repository.
    path: String,
    /// The repository, where it is said.
    url: Option<String>,
    namespace: Option<String>,
    release: Option<String>,
    /// Files with values, from the folder.
    value_files: Vec<String>,
    /// Values that stand in the object, as YAML.
    values: Option<String>,
    /// Fields that would change what is deployed and are not looked at.
    not_evaluated: Vec<&'static str>,
}

impl Renderer {
    /// Reads what the objects of these files deploy, and what those deploy in turn. `near`: a folder of the repository.
    pub(in crate::tool::files) fn follow(
        &self,
        near: &Path,
        files: &[FileId],
        exclude: &Exclude,
        sources: &mut SourceMap,
    ) -> Rendered {
        let mut out = Rendered::default();
        let Some(repository) = texts::bounds(near) else { return out };
        let urls = remotes(&repository);
        let mut seen: FxHashSet<(String, Option<String>, Option<String>)> = FxHashSet::default();
        let mut open: Vec<FileId> = files.to_vec();
        while let Some(file) = open.pop() {
            let text = sources.file(file).map(|f| f.text.clone()).unwrap_or_default();
            for deployed in deployed(&text) {
                let key = (deployed.path.clone(), deployed.release.clone(), deployed.namespace.clone());
                if !seen.insert(key) {
                    continue;
                }
                let before = out.files.len();
                self.follow_one(&deployed, (&repository, &urls), exclude, sources, &mut out);
                open.extend(out.files.iter().skip(before));
            }
        }
        out
    }

    fn follow_one(
        &self,
        deployed: &Deployed,
        (repository, urls): (&Path, &[String]),
        exclude: &Exclude,
        sources: &mut SourceMap,
        out: &mut Rendered,
    ) {
        let Deployed { object, path, .. } = deployed;
        if let Some(url) = deployed.url.as_ref().filter(|url| !urls.is_empty() && !urls.contains(&plain_url(url))) {
            return self.note(format!("not followed: {object} deploys from another repository, {url}"));
        }
        let folder = normal(&repository.join(path.trim_start_matches("./").trim_start_matches('/')));
        if !folder.starts_with(repository) || !folder.is_dir() {
            return self
                .note(format!("not followed: {object} deploys `{path}`, which is no folder of this repository"));
        }
        if !deployed.not_evaluated.is_empty() {
            self.note(format!("not evaluated: {} of {object}", deployed.not_evaluated.join(", ")));
        }
        let folder = shorter(folder);
        let place = Place::Disk(folder.clone());
        let Some(root) = roots::of_folder(&place) else {
            self.note(format!("followed: {object} deploys {}", place.name()));
            let added = texts::add_chosen(sources, &[place], exclude, None);
            out.files.extend(added.files);
            return out.findings.extend(added.findings);
        };
        let mut values: Vec<PathBuf> = deployed.value_files.iter().map(|file| folder.join(file)).collect();
        values.extend(self.render.values.iter().cloned());
        let asked = Asked {
            namespace: deployed.namespace.as_deref().unwrap_or(&self.render.namespace),
            release: deployed.release.as_deref(),
            values: &values,
            inline: deployed.values.as_deref(),
        };
        self.note(format!("followed: {object} deploys {}", place.name()));
        self.add_root(&Root { folder, ..root }, &asked, sources, out);
    }
}

/// A path as seen from the current folder, where that is above it.
fn shorter(path: PathBuf) -> PathBuf {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    here.ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf)).unwrap_or(path)
}

/// What the objects of a text deploy.
fn deployed(text: &str) -> Vec<Deployed> {
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
                ("argoproj.io", "Application") => out.extend(application(object)),
                ("kustomize.toolkit.fluxcd.io", "Kustomization") => out.extend(flux_kustomization(object)),
                ("helm.toolkit.fluxcd.io", "HelmRelease") => out.extend(helm_release(object, text)),
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

fn application(object: &Node<'_>) -> Vec<Deployed> {
    let several = at(object, &["spec", "sources"]).and_then(Node::as_seq).unwrap_or_default();
    let sources = at(object, &["spec", "source"]).into_iter().chain(several);
    let of_source = |source: &Node<'_>| {
        let files = at(source, &["helm", "valueFiles"]).and_then(Node::as_seq).unwrap_or_default();
        let fields: [(&'static str, &[&str]); 9] = [
            ("chart", &["chart"]),
            ("helm.values", &["helm", "values"]),
            ("helm.valuesObject", &["helm", "valuesObject"]),
            ("helm.parameters", &["helm", "parameters"]),
            ("helm.fileParameters", &["helm", "fileParameters"]),
            ("kustomize", &["kustomize"]),
            ("plugin", &["plugin"]),
            ("directory.include", &["directory", "include"]),
            ("directory.jsonnet", &["directory", "jsonnet"]),
        ];
        Some(Deployed {
            object: name(object, "Application"),
            path: said(source, &["path"])?,
            url: said(source, &["repoURL"]),
            namespace: said(object, &["spec", "destination", "namespace"]),
            release: said(source, &["helm", "releaseName"]).or_else(|| said(object, &["metadata", "name"])),
            value_files: files.iter().filter_map(Node::as_str).map(str::to_owned).collect(),
            values: None,
            not_evaluated: fields
                .into_iter()
                .filter(|(_, path)| at(source, path).is_some())
                .map(|(name, _)| name)
                .collect(),
        })
    };
    sources.filter_map(of_source).collect()
}

/// The address of the repository that a Flux object is deployed from, by its name. None: from none of Git's.
fn flux_source(source: Option<&Node<'_>>) -> Option<String> {
    let source = source?;
    let name = said(source, &["name"])?;
    (at_text(source, &["kind"]) == "GitRepository").then(|| format!("{GIT_REPOSITORY}{name}"))
}

fn flux_kustomization(object: &Node<'_>) -> Option<Deployed> {
    let fields = ["patches", "postBuild", "images", "components", "targetNamespace", "namePrefix", "nameSuffix"];
    Some(Deployed {
        object: name(object, "Kustomization"),
        path: said(object, &["spec", "path"])?,
        url: Some(flux_source(at(object, &["spec", "sourceRef"]))?),
        not_evaluated: fields.into_iter().filter(|field| at(object, &["spec", field]).is_some()).collect(),
        ..Deployed::default()
    })
}

fn helm_release(object: &Node<'_>, text: &str) -> Option<Deployed> {
    let fields = ["valuesFrom", "postRenderers"];
    let chart = at(object, &["spec", "chart", "spec"])?;
    let files = at(chart, &["valuesFiles"]).and_then(Node::as_seq).unwrap_or_default();
    let values = at(object, &["spec", "values"]).filter(|values| values.as_map().is_some_and(|map| !map.is_empty()));
    Some(Deployed {
        object: name(object, "HelmRelease"),
        path: said(chart, &["chart"])?,
        url: Some(flux_source(at(chart, &["sourceRef"]))?),
        namespace: said(object, &["spec", "targetNamespace"]).or_else(|| said(object, &["metadata", "namespace"])),
        release: said(object, &["spec", "releaseName"]).or_else(|| said(object, &["metadata", "name"])),
        value_files: files.iter().filter_map(Node::as_str).map(str::to_owned).collect(),
        values: values.map(|values| indented(values, text)),
        not_evaluated: fields.into_iter().filter(|field| at(object, &["spec", field]).is_some()).collect(),
    })
}

/// A part of a text as a document of its own: its first line stands as far in as it did.
fn indented(node: &Node<'_>, text: &str) -> String {
    let before = text.get(..node.span.start as usize).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    format!("{}{}\n", " ".repeat(column), node.span.slice(text))
}

/// The addresses of a repository's remotes. None are known where its settings stand elsewhere.
fn remotes(repository: &Path) -> Vec<String> {
    let settings = texts::read_text(&repository.join(".git").join("config")).unwrap_or_default();
    let url = |line: &str| Some(plain_url(line.trim().strip_prefix("url")?.trim_start().strip_prefix('=')?.trim()));
    settings.lines().filter_map(url).collect()
}

/// Host and path, which are the same for all ways to reach a repository.
fn plain_url(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let rest = rest.trim_end_matches('/').trim_end_matches(".git").to_ascii_lowercase();
    match rest.split_once(':') {
        // `host:path` of SSH, or a port.
        Some((host, path)) => {
            format!("{host}/{}", path.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches('/'))
        }
        None => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_many_addresses() {
        for url in [
            "https://git.example.com/team/mesh.git",
            "https://user:token@git.example.com/team/mesh",
            "git@git.example.com:team/mesh.git",
            "ssh://git@git.example.com:2222/team/mesh.git",
            "https://GIT.example.com/team/mesh/",
        ] {
            assert_eq!(plain_url(url), "git.example.com/team/mesh", "{url}");
        }
    }

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
";
        let all = deployed(text);
        let told: Vec<String> = all
            .iter()
            .map(|d| {
                let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
                let (url, namespace, release) = (or_none(&d.url), or_none(&d.namespace), or_none(&d.release));
                format!("{}: {} of {url} as {release} in {namespace} {:?}", d.object, d.path, d.not_evaluated)
            })
            .collect();
        assert_eq!(
            told,
            [
                "Application argocd/shop: charts/shop of https://git.example.com/mesh as shop in store [\"helm.parameters\"]",
                "Kustomization apps: ./apps/prod of https://git.example.com/mesh as - in - [\"postBuild\"]",
                "HelmRelease store/cart: ./charts/cart of - as cart in store []",
            ]
        );
        assert_eq!(all[0].value_files, ["prod.yaml"]);
        assert_eq!(all[2].values.as_deref().map(str::trim_end), Some("    replicas: 2\n    route:\n      host: cart"));
    }
}
