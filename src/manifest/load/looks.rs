//! What a document that is no manifest looks like, and which command makes manifests of it.
//!
//! Whoever gives such a file expects that it counts. Passed over in silence it would be taken for "nothing to say".

use super::classify;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::schema::nearest;
use crate::manifest::source::split_revision;
use crate::manifest::yaml::Node;

/// Prints what a cluster holds, in a form that can be read.
const FROM_CLUSTER: &str = "`kubectl get virtualservices,destinationrules,gateways,serviceentries,sidecars,services,endpointslices,pods -A -o yaml` prints \
     the objects it was made of";

/// What a document with these words looks like. None where it looks like nothing that is known.
pub(super) fn like(root: &Node<'_>, api_version: &str, kind: &str, file: &str) -> Option<Finding> {
    if let Some(items) = root.as_seq() {
        return of_list(items);
    }
    // A command is for the working tree.
    let folder = match split_revision(folder_of(file)) {
        (_, "") => ".",
        (_, folder) => folder,
    };
    let (group, _) = api_version.split_once('/').unwrap_or(("", api_version));
    let has = |key: &str| root.get(key).is_some();
    let (what, hint) = if is_config_dump(root) {
        ("looks like an Envoy config dump, which is a result and no manifest; passed over", FROM_CLUSTER.to_owned())
    } else if kind.is_empty() && (has("static_resources") || has("dynamic_resources")) {
        ("looks like an Envoy bootstrap configuration; passed over", FROM_CLUSTER.to_owned())
    } else if is_kustomization(root, group, kind, file) {
        (
            "looks like a kustomization: its patches, prefixes and generators are not applied",
            format!(
                "`kubectl kustomize {folder}` prints the manifests it makes; give those, with `-` for standard input"
            ),
        )
    } else if kind.is_empty() && matches!(api_version, "v1" | "v2") && has("name") && has("version") {
        (
            "looks like a Helm chart: its templates are not rendered",
            format!("`helm template {folder}` prints its manifests; give those, with `-` for standard input"),
        )
    } else if has("$patch") || root.get("spec").is_some_and(|spec| spec.get("$patch").is_some()) {
        (
            "looks like a strategic merge patch; passed over",
            format!("`kubectl kustomize {folder}` applies patches; give what it prints"),
        )
    } else if is_meant_for_istio(api_version, kind) {
        return Some(
            warning(format!("`{api_version}` is no API of Istio; the {kind} is passed over"))
                .hint("did you mean `networking.istio.io/v1`?"),
        );
    } else {
        return None;
    };
    Some(warning(format!("this {what}")).hint(hint))
}

/// A Service, Pod or workload by a slip of the pen in its head: what depends on it would be told as if nobody had given it.
pub(super) fn of_kubernetes(root: &Node<'_>, api_version: &str, kind: &str) -> Option<Finding> {
    let (group, _) = api_version.split_once('/').unwrap_or(("", api_version));
    if root.get("metadata").is_none() || !matches!(group, "" | "apps" | "core") {
        return None;
    }
    let mut kinds = classify::kubernetes_kinds();
    if let Some((_, wanted)) = kinds.find(|(known, _)| *known == kind) {
        let hint = format!("write `apiVersion: {wanted}`");
        return Some(if api_version.is_empty() {
            Finding::new("load", Severity::Error, format!("the {kind} has no `apiVersion`")).hint(hint)
        } else {
            warning(format!("`{api_version}` is no API of `{kind}`; passed over")).hint(hint)
        });
    }
    let names = classify::kubernetes_kinds().map(|(name, _)| name);
    let near = nearest(kind, names).filter(|_| !classify::is_kubernetes_kind(kind))?;
    Some(warning(format!("kind `{kind}` is not known; passed over")).hint(format!("did you mean `{near}`?")))
}

/// A kind of Istio's, whose group is nearly Istio's or left out. Other products have a VirtualService too.
fn is_meant_for_istio(api_version: &str, kind: &str) -> bool {
    let is_kind = classify::istio_kinds().any(|known| known == kind) && kind != "Gateway" && !kind.ends_with("Route");
    match api_version.split_once('/') {
        Some((group, _)) => is_kind && group.contains("istio") && !classify::is_istio_group(group),
        None => is_kind && !api_version.is_empty(),
    }
}

fn of_list(items: &[Node<'_>]) -> Option<Finding> {
    let all = |test: fn(&Node<'_>) -> bool| !items.is_empty() && items.iter().all(test);
    if all(|i| i.get("op").is_some() && i.get("path").is_some()) {
        let hint = "`kubectl kustomize FOLDER` applies patches; give what it prints";
        return Some(warning("this looks like a JSON patch; passed over".to_owned()).hint(hint));
    }
    let is_of_proxy =
        |i: &Node<'_>| ["virtualHosts", "filterChains", "edsClusterConfig"].iter().any(|k| i.get(k).is_some());
    if !items.is_empty() && items.iter().any(is_of_proxy) {
        let what =
            "this looks like what `istioctl proxy-config` prints, which is a result and no manifest; passed over";
        return Some(warning(what.to_owned()).hint(FROM_CLUSTER));
    }
    None
}

fn warning(message: String) -> Finding {
    Finding::new("load", Severity::Warning, message)
}

fn is_config_dump(root: &Node<'_>) -> bool {
    let configs = root.get("configs").and_then(Node::as_seq).unwrap_or_default();
    let is_of_envoy = |c: &Node<'_>| {
        c.get("@type").and_then(Node::as_str).is_some_and(|t| t.starts_with("type.googleapis.com/envoy."))
    };
    configs.first().is_some_and(is_of_envoy)
}

fn is_kustomization(root: &Node<'_>, group: &str, kind: &str, file: &str) -> bool {
    const KEYS: [&str; 6] = ["resources", "patches", "patchesStrategicMerge", "bases", "components", "namePrefix"];
    group == "kustomize.config.k8s.io"
        || kind.is_empty() && is_kustomization_file(file) && KEYS.iter().any(|key| root.get(key).is_some())
}

pub(super) fn is_kustomization_file(file: &str) -> bool {
    matches!(name_of(file), "kustomization.yaml" | "kustomization.yml" | "Kustomization")
}

/// The files that a kustomization's document takes for patches, relative to its folder.
pub(super) fn patches<'n>(root: &'n Node<'_>) -> Vec<&'n str> {
    let list = |key: &str| root.get(key).and_then(Node::as_seq).unwrap_or_default();
    let with_path = ["patches", "patchesJson6902"].into_iter().flat_map(list).filter_map(|p| p.get("path")?.as_str());
    // Patches may stand there themselves, in place of a file's name.
    let named = list("patchesStrategicMerge").iter().filter_map(Node::as_str).filter(|text| !text.contains('\n'));
    with_path.chain(named).collect()
}

/// `folder/a/../b.yaml` and `./folder/b.yaml` are `folder/b.yaml`.
pub(super) fn plain(path: &str) -> String {
    let (revision, path) = split_revision(path);
    // Within a repository all paths begin at its root.
    let path = if revision.is_empty() { path } else { path.trim_start_matches('/') };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| *last != ".." && !last.is_empty()) => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    format!("{revision}{}", parts.join("/"))
}

/// The folder a file is in; `.` where its name has none, and for one at the root of a revision the name of the revision.
pub(super) fn folder_of(file: &str) -> &str {
    let (revision, path) = split_revision(file);
    match path.rfind('/') {
        Some(0) => "/",
        Some(end) => file.get(..revision.len() + end).unwrap_or(file),
        None if revision.is_empty() => ".",
        None => revision,
    }
}

pub(super) fn name_of(file: &str) -> &str {
    let (_, path) = split_revision(file);
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_patches_are_made_plain() {
        assert_eq!(plain("overlays/prod/../patch.yaml"), "overlays/patch.yaml");
        assert_eq!(plain("/a/./b/./patch.yaml"), "/a/b/patch.yaml");
        assert_eq!(plain("//patch.yaml"), "/patch.yaml");
        assert_eq!(plain("git:origin/main:overlays/../patch.yaml"), "git:origin/main:patch.yaml");
        assert_eq!(plain(&format!("{}/patch.yaml", folder_of("git:main:kustomization.yaml"))), "git:main:patch.yaml");
        assert_eq!((folder_of("git:a/b:c/d.yaml"), name_of("git:a/b:d.yaml")), ("git:a/b:c", "d.yaml"));
        assert_eq!(plain("././patches/web.yaml"), "patches/web.yaml");
        assert_eq!(plain("../../patch.yaml"), "../../patch.yaml");
    }
}
