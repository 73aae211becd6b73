//! Which Istio the manifests themselves install: the image and the environment of an `istiod` Deployment, an IstioOperator, and the
//! revisions that Namespaces ask for.
//!
//! It is looked for before anything else is read, since schemas differ from release to release.

use smol_str::SmolStr;

use crate::manifest::kinds::place::{FilePlaces, Places};
use crate::manifest::release::Release;
use crate::manifest::source::{FileId, Position, SourceMap};
use crate::manifest::yaml::{self, Node};
use crate::order::Order as _;

/// What manifests tell of the Istio that reads them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Installed {
    /// Releases as they are written, those first that tell most surely; equal ones once.
    pub releases: Vec<Told>,
    /// The installer's `compatibilityVersion`.
    pub compatibility: Option<Told>,
    /// Variables of Istiod's environment, in the order of the manifests.
    pub env: Vec<Variable>,
    /// Variables of the proxies' environment: `defaultConfig.proxyMetadata`, which Istiod doesn't read for itself.
    pub proxy_env: Vec<Variable>,
}

/// A text that may name a release, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub text: SmolStr,
    /// Such as "the image of Deployment `istiod`".
    pub what: String,
    pub at: Position,
    by: Source,
}

/// How surely something tells of the Istio in force; the first is the surest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Deployment,
    Operator,
    Namespace,
}

/// One variable of Istiod's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    pub name: SmolStr,
    pub value: SmolStr,
    pub at: Position,
}

/// Looks through the documents that could tell.
pub(crate) fn installed(sources: &SourceMap, files: &[FileId]) -> Installed {
    const MARKS: [&str; 4] = ["istiod", "IstioOperator", "istio.io/rev", "proxyMetadata"];
    let mut found = Installed::default();
    for (id, file) in files.iter().filter_map(|&id| Some((id, sources.file(id)?))) {
        if !MARKS.iter().any(|mark| file.text.contains(mark)) {
            continue;
        }
        let places = FilePlaces::new(id, &file.text);
        for raw in yaml::documents(&file.text) {
            if MARKS.iter().any(|mark| raw.text.contains(mark))
                && let Ok(Some(document)) = yaml::parse(&raw, &yaml::Limits::default())
            {
                Search { places: places.document(raw.index, raw.start), found: &mut found }.object(&document.root);
            }
        }
    }
    // Stable: of one source the first document is the first.
    found.releases.order_by_key(|told| told.by);
    let mut seen: Vec<SmolStr> = Vec::new();
    found.releases.retain(|told| {
        let new = !seen.contains(&told.text);
        seen.push(told.text.clone());
        new
    });
    found
}

struct Search<'p, 'f> {
    places: Places<'p>,
    found: &'f mut Installed,
}

impl Search<'_, '_> {
    fn object(&mut self, root: &Node<'_>) {
        let kind = root.get("kind").and_then(Node::as_str).unwrap_or_default();
        match kind {
            "List" => root.get("items").and_then(Node::as_seq).unwrap_or_default().iter().for_each(|n| self.object(n)),
            "Deployment" => self.deployment(root),
            "IstioOperator" => self.operator(root),
            "Namespace" => self.namespace(root),
            "ConfigMap" => self.config_map(root),
            _ => {}
        }
    }

    fn deployment(&mut self, root: &Node<'_>) {
        let name = root.at("metadata.name").and_then(|(n, _)| n.as_str()).unwrap_or_default();
        let app = root.get("metadata").and_then(|m| m.get("labels")).and_then(|l| l.get("app")).and_then(Node::as_str);
        if name != "istiod" && !name.starts_with("istiod-") && app != Some("istiod") {
            return;
        }
        let containers = root.at("spec.template.spec.containers").and_then(|(n, _)| n.as_seq()).unwrap_or_default();
        for container in containers {
            let Some(image) = container.get("image") else { continue };
            let Some(tag) = image.as_str().and_then(pilot_tag) else { continue };
            self.release(tag.into(), format!("the image of Deployment `{name}`"), image, Source::Deployment);
            for entry in container.get("env").and_then(Node::as_seq).unwrap_or_default() {
                if let (Some(name), Some(value)) = (entry.get("name").and_then(Node::as_str), entry.get("value")) {
                    self.variable(name, value);
                }
            }
        }
    }

    /// The release and flags that an IstioOperator sets, for the whole or for its component `pilot`.
    fn operator(&mut self, root: &Node<'_>) {
        let Some(spec) = root.get("spec") else { return };
        for path in ["components.pilot.tag", "tag", "values.pilot.tag", "values.global.tag"] {
            if let Some((tag, _)) = spec.at(path) {
                let text = self.written(tag);
                self.release(text, format!("`spec.{path}` of the IstioOperator"), tag, Source::Operator);
            }
        }
        for path in ["compatibilityVersion", "values.compatibilityVersion"] {
            if let Some((node, _)) = spec.at(path)
                && self.found.compatibility.is_none()
            {
                let what = format!("`spec.{path}` of the IstioOperator");
                let told = Told { text: self.written(node), what, at: self.places.at(node.span), by: Source::Operator };
                self.found.compatibility = Some(told);
            }
        }
        for path in ["meshConfig", "values.meshConfig"] {
            if let Some((config, _)) = spec.at(path) {
                self.mesh_config(config, None);
            }
        }
        for entry in spec.at("values.pilot.env").and_then(|(n, _)| n.as_map()).unwrap_or_default() {
            self.variable(&entry.key, &entry.value);
        }
        if let Some((name, _)) = spec.at("values.global.multiCluster.clusterName") {
            self.variable("CLUSTER_ID", name);
        }
        for entry in spec.at("components.pilot.k8s.env").and_then(|(n, _)| n.as_seq()).unwrap_or_default() {
            if let (Some(name), Some(value)) = (entry.get("name").and_then(Node::as_str), entry.get("value")) {
                self.variable(name, value);
            }
        }
    }

    /// The mesh configuration is a text in it.
    fn config_map(&mut self, root: &Node<'_>) {
        let Some(node) = root.get("data").and_then(|d| d.get("mesh")) else { return };
        let raw = node.as_str().and_then(|text| yaml::documents(text).into_iter().next());
        if let Some(Ok(Some(document))) = raw.map(|raw| yaml::parse(&raw, &yaml::Limits::default())) {
            self.mesh_config(&document.root, Some(node));
        }
    }

    /// `within` is what it is a text of.
    fn mesh_config(&mut self, config: &Node<'_>, within: Option<&Node<'_>>) {
        for entry in config.at("defaultConfig.proxyMetadata").and_then(|(n, _)| n.as_map()).unwrap_or_default() {
            if let Some(text) = entry.value.to_text() {
                let at = self.places.at(within.unwrap_or(&entry.value).span);
                self.found.proxy_env.push(Variable { name: entry.key.as_ref().into(), value: SmolStr::new(text), at });
            }
        }
    }

    /// A revision is a name; one that is written like a release most likely is one.
    fn namespace(&mut self, root: &Node<'_>) {
        let labels = root.get("metadata").and_then(|m| m.get("labels"));
        let Some(node) = labels.and_then(|l| l.get("istio.io/rev")) else { return };
        let text: SmolStr = self.written(node).replace('-', ".").into();
        if text.parse::<Release>().is_ok() {
            let name = root.at("metadata.name").and_then(|(n, _)| n.as_str()).unwrap_or_default();
            self.release(text, format!("the revision of Namespace `{name}`"), node, Source::Namespace);
        }
    }

    fn release(&mut self, text: SmolStr, what: String, node: &Node<'_>, by: Source) {
        // Tags such as `latest` name no release.
        let is_version = text.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
        if is_version || text == "master" {
            self.found.releases.push(Told { text, what, at: self.places.at(node.span), by });
        }
    }

    fn variable(&mut self, name: &str, value: &Node<'_>) {
        if let Some(text) = value.to_text() {
            let at = self.places.at(value.span);
            self.found.env.push(Variable { name: name.into(), value: SmolStr::new(text), at });
        }
    }

    /// A scalar as its author wrote it: 1.30 is no 1.3.
    fn written(&self, node: &Node<'_>) -> SmolStr {
        match node.as_str() {
            Some(text) => text.into(),
            None => self.places.written(node.span).into(),
        }
    }
}

/// The tag of an image of Istiod, such as `docker.io/istio/pilot:1.29.1@sha256:...`.
fn pilot_tag(image: &str) -> Option<&str> {
    let image = image.split('@').next().unwrap_or_default();
    let (_, last) = image.rsplit_once('/').unwrap_or(("", image));
    last.strip_prefix("pilot:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Installed {
        let mut sources = SourceMap::default();
        let file = sources.add("mesh.yaml", text);
        installed(&sources, &[file])
    }

    #[test]
    fn a_deployment_tells_its_image_and_environment() {
        let found = found(
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio.io/rev: 1-28-3}}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: istiod, namespace: istio-system}\nspec:\n  template:\n    \
             spec:\n      containers:\n      - name: discovery\n        image: docker.io/istio/pilot:1.29.1-distroless\n        \
             env: [{name: PILOT_X, value: \"false\"}, {name: NO_VALUE, valueFrom: {}}]\n",
        );
        let releases: Vec<_> = found.releases.iter().map(|t| (t.text.as_str(), t.what.as_str(), t.at.line)).collect();
        assert_eq!(
            releases,
            [
                ("1.29.1-distroless", "the image of Deployment `istiod`", 13),
                ("1.28.3", "the revision of Namespace `shop`", 3)
            ]
        );
        assert_eq!(found.env.len(), 1);
    }

    #[test]
    fn an_operator_tells_its_tag_as_it_is_written() {
        let found = found(
            "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec:\n  tag: 1.30\n  compatibilityVersion: 1.29\n  \
             values: {pilot: {env: {A: false}}}\n  components: {pilot: {k8s: {env: [{name: B, value: \"1\"}]}}}\n",
        );
        assert_eq!(found.releases[0].text, "1.30");
        assert_eq!(found.compatibility.as_ref().map(|t| t.text.as_str()), Some("1.29"));
        let env: Vec<_> = found.env.iter().map(|v| (v.name.as_str(), v.value.as_str())).collect();
        assert_eq!(env, [("A", "false"), ("B", "1")]);
    }

    #[test]
    fn what_proxies_are_told_is_kept_apart() {
        for text in [
            "kind: IstioOperator\nspec:\n  meshConfig: {defaultConfig: {proxyMetadata: {A: false}}}\n",
            "kind: ConfigMap\nmetadata: {name: istio}\ndata:\n  mesh: |\n    defaultConfig: {proxyMetadata: {A: \"false\"}}\n",
        ] {
            let found = found(text);
            let env: Vec<_> = found.proxy_env.iter().map(|v| (v.name.as_str(), v.value.as_str())).collect();
            assert_eq!((env, found.env), (vec![("A", "false")], Vec::new()), "{text}");
        }
    }

    #[test]
    fn other_names_tell_nothing() {
        for text in [
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {istio.io/rev: canary}}\n",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: istiod}\nspec: {template: {spec: {containers: [{image: \
             istio/pilot:latest}, {image: istio/proxyv2:1.29.0}]}}}\n",
            "kind: IstioOperator\nspec: 3\n",
        ] {
            assert_eq!(found(text), Installed::default(), "{text}");
        }
    }
}
