//! Meshes from manifests in tests.

use std::sync::Arc;

use super::Mesh;
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::manifest::kinds::Labels;
use crate::manifest::load;
use crate::manifest::release::Profile;
use crate::manifest::source::SourceMap;

/// The mesh of YAML documents; they must be readable.
pub(crate) fn mesh(yaml: &str) -> Mesh {
    let mut sources = SourceMap::default();
    let file = sources.add("test.yaml", yaml);
    let loaded = load::read(&sources, &[file], &load::Options::default());
    assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
    Mesh::build(loaded.manifests)
}

/// The same as a release resolves it.
pub(crate) fn mesh_for(release: &str, yaml: &str) -> Mesh {
    let mut sources = SourceMap::default();
    let file = sources.add("test.yaml", yaml);
    let profile = Profile::of(release.parse().expect("a release"));
    let loaded = load::read(&sources, &[file], &load::Options { profile, ..load::Options::default() });
    Mesh::build(loaded.manifests)
}

/// `key=value,key=value`.
pub(crate) fn labels(text: &str) -> Labels {
    text.split(',').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect()
}

pub(crate) fn sidecar(namespace: &str, labels: &str) -> Arc<Proxy> {
    proxy(ProxyKind::Sidecar, namespace, labels)
}

pub(crate) fn gateway(namespace: &str, labels: &str) -> Arc<Proxy> {
    proxy(ProxyKind::Gateway, namespace, labels)
}

fn proxy(kind: ProxyKind, namespace: &str, text: &str) -> Arc<Proxy> {
    Arc::new(Proxy {
        name: "test".into(),
        kind,
        namespace: namespace.into(),
        labels: labels(text),
        ips: Vec::new(),
        node: Default::default(),
        connection_settings: None,
    })
}
