//! Mesh configuration: in a ConfigMap, an IstioOperator, a scenario or a file of its own.

use super::Options;
use super::classify::{Class, classify};
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::place::{FilePlaces, Places};
use crate::manifest::kinds::{Kind, MeshConfig, ObjectId, decode};
use crate::manifest::release::Profile;
use crate::manifest::schema::{Checker, MESH_CONFIG, UnknownFields, as_known};
use crate::manifest::source::{FileId, Position, SourceMap};
use crate::manifest::yaml::{self, Node};

/// A mesh configuration found among the manifests.
pub(super) struct MeshConfigSource<'t> {
    pub(super) object: ObjectId,
    pub(super) at: Position,
    content: Content<'t>,
}

enum Content<'t> {
    /// A node that has been checked, with what was found.
    Node(Node<'t>, Vec<Finding>),
    /// YAML within a string, and where its text begins.
    Text(String, Position),
}

impl<'t> MeshConfigSource<'t> {
    pub(super) fn node(object: ObjectId, at: Position, node: Node<'t>, findings: Vec<Finding>) -> MeshConfigSource<'t> {
        MeshConfigSource { object, at, content: Content::Node(node, findings) }
    }

    /// The value of `data.mesh` of a ConfigMap, if it has a text there.
    pub(super) fn config_map(object: ObjectId, root: &Node<'t>, places: Places<'_>) -> Option<MeshConfigSource<'t>> {
        let (node, _) = root.at("data.mesh")?;
        let text_at = text_start(places.written(node.span), places.at(node.span));
        let content = Content::Text(node.as_str()?.to_owned(), text_at);
        Some(MeshConfigSource { object, at: places.at(root.span), content })
    }

    /// Lays the configuration over `config`, unless something in it is refused.
    pub(super) fn apply(&self, config: &mut MeshConfig, options: &Options) -> Vec<Finding> {
        match &self.content {
            Content::Node(node, findings) => {
                if !findings.iter().any(Finding::is_rejection) {
                    decode_known(node, options.profile, config);
                }
                findings.clone()
            }
            Content::Text(text, text_at) => {
                let mut findings = apply_text(text, FileId::default(), Some(&self.object), options, config);
                for finding in &mut findings {
                    finding.at = within_text(*text_at, finding.at);
                    let dot = if finding.path.is_empty() { "" } else { "." };
                    finding.path = format!("data.mesh{dot}{}", finding.path);
                }
                findings
            }
        }
    }
}

/// Where the text of a string begins that is written as `written` at `at`: its first line, and the column before each of
/// its lines. Exact for literal block scalars and for strings of one line.
fn text_start(written: &str, at: Position) -> Position {
    match written.as_bytes().first() {
        Some(b'|' | b'>') => {
            let lines = written.lines().skip(1);
            let indent = lines.filter(|line| !line.trim().is_empty()).map(|line| line.len() - line.trim_start().len());
            let indent = indent.min().and_then(|indent| u32::try_from(indent).ok()).unwrap_or_default();
            Position { line: at.line + 1, column: indent + 1, ..at }
        }
        Some(b'"' | b'\'') => Position { column: at.column + 1, ..at },
        _ => at,
    }
}

/// The place in the file of a place within a string that begins at `start`.
fn within_text(start: Position, inner: Position) -> Position {
    let add = |start: u32, count: u32| start + count.saturating_sub(1);
    Position { line: add(start.line, inner.line), column: add(start.column, inner.column), ..start }
}

/// Reads a mesh configuration from a file of its own: the bare fields, a ConfigMap `istio` or an IstioOperator.
///
/// What is given is laid over `config`; findings that are rejections or of severity error leave it as it was.
pub(crate) fn read_mesh_config(
    sources: &SourceMap,
    file: FileId,
    options: &Options,
    config: &mut MeshConfig,
) -> Vec<Finding> {
    let Some(source) = sources.file(file) else {
        return vec![Finding::new("load", Severity::Error, "no such source")];
    };
    apply_text(&source.text, file, None, options, config)
}

fn apply_text(
    text: &str,
    file: FileId,
    object: Option<&ObjectId>,
    options: &Options,
    config: &mut MeshConfig,
) -> Vec<Finding> {
    let file_places = FilePlaces::new(file, text);
    let mut findings = Vec::new();
    for raw in yaml::documents(text) {
        let places = file_places.document(raw.index, raw.start);
        match yaml::parse(&raw, &yaml::Limits::default()) {
            Ok(None) => {}
            Ok(Some(document)) => {
                findings.extend(apply_document(&document.root, object, places, options, config));
            }
            Err(problems) => findings.extend(problems.into_iter().map(|problem| {
                let mut finding = Finding::new("load", Severity::Error, problem.message).at(places.at(problem.span));
                finding.object = object.cloned();
                finding.hint = problem.hint;
                finding
            })),
        }
    }
    findings
}

fn apply_document(
    root: &Node<'_>,
    object: Option<&ObjectId>,
    places: Places<'_>,
    options: &Options,
    config: &mut MeshConfig,
) -> Vec<Finding> {
    let word = |name| root.get(name).and_then(Node::as_str).unwrap_or_default();
    match classify(word("apiVersion"), word("kind")) {
        Class::Modelled(Kind::ConfigMap) if object.is_none() => {
            let id = super::object::id_of(root, Kind::ConfigMap, &options.namespace);
            MeshConfigSource::config_map(id, root, places)
                .map(|source| source.apply(config, options))
                .unwrap_or_default()
        }
        Class::IstioOperator => match root.at("spec.meshConfig") {
            Some((node, _)) => apply_at(node, "spec.meshConfig", object, places, options, config),
            None => Vec::new(),
        },
        // Istiod logs fields that it doesn't know, and reads the rest; only `istioctl install` refuses them.
        _ => {
            let options = Options { unknown_fields: UnknownFields::Warn, ..options.clone() };
            apply_at(root, "", object, places, &options, config)
        }
    }
}

fn apply_at(
    node: &Node<'_>,
    path: &str,
    object: Option<&ObjectId>,
    places: Places<'_>,
    options: &Options,
    config: &mut MeshConfig,
) -> Vec<Finding> {
    let findings = check(node, object, places, path, options);
    if !findings.iter().any(Finding::is_rejection) {
        decode_known(node, options.profile, config);
    }
    findings
}

/// Lays what that Istio knows of a configuration over `config`.
fn decode_known(node: &Node<'_>, profile: Profile, config: &mut MeshConfig) {
    decode::mesh_config(&as_known(node, &MESH_CONFIG, profile), config);
}

/// What is wrong with the shape of a mesh configuration.
pub(super) fn check(
    node: &Node<'_>,
    object: Option<&ObjectId>,
    places: Places<'_>,
    path: &str,
    options: &Options,
) -> Vec<Finding> {
    Checker::new(places, object, options.unknown_fields, options.profile).check(node, &MESH_CONFIG, path)
}

/// Lays a node of a file, such as `mesh` of a scenario, over `config`. `path` is the node's own, for messages.
///
/// `text` is the whole text of the file. Findings that are rejections leave `config` as it was.
pub(crate) fn apply_mesh_config(
    node: &Node<'_>,
    path: &str,
    file: FileId,
    text: &str,
    options: &Options,
    config: &mut MeshConfig,
) -> Vec<Finding> {
    let places = FilePlaces::new(file, text);
    apply_at(node, path, None, places.document(0, 0), options, config)
}
