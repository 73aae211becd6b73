//! Mesh configuration: in a ConfigMap, an IstioOperator, a scenario or a file of its own.

use super::Options;
use super::classify::{Class, classify};
use crate::diagnostic::{Finding, Severity};
use crate::manifest::place::{FilePlaces, Places};
use crate::manifest::schema::{Checker, MESH_CONFIG, UnknownFields};
use crate::manifest::{Kind, MeshConfig, ObjectId, decode};
use crate::source::{FileId, Position, SourceMap};
use crate::yaml::{self, Node};

/// A mesh configuration found among the manifests.
pub(super) struct MeshConfigSource<'t> {
    pub(super) object: ObjectId,
    pub(super) at: Position,
    content: Content<'t>,
}

enum Content<'t> {
    /// A node that has been checked, with what was found.
    Node(Node<'t>, Vec<Finding>),
    /// YAML within a string, and where the string stands.
    Text(String, Position),
}

impl<'t> MeshConfigSource<'t> {
    pub(super) fn node(object: ObjectId, at: Position, node: Node<'t>, findings: Vec<Finding>) -> MeshConfigSource<'t> {
        MeshConfigSource { object, at, content: Content::Node(node, findings) }
    }

    pub(super) fn text(object: ObjectId, at: Position, text_at: Position, text: &str) -> MeshConfigSource<'t> {
        MeshConfigSource { object, at, content: Content::Text(text.to_owned(), text_at) }
    }

    /// Lays the configuration over `config`, unless something in it is refused.
    pub(super) fn apply(&self, config: &mut MeshConfig, unknown_fields: UnknownFields) -> Vec<Finding> {
        match &self.content {
            Content::Node(node, findings) => {
                if !findings.iter().any(Finding::is_rejection) {
                    decode::mesh_config(node, config);
                }
                findings.clone()
            }
            Content::Text(text, text_at) => {
                let options = Options { unknown_fields, ..Options::default() };
                let mut findings = apply_text(text, FileId::default(), Some(&self.object), &options, config);
                for finding in &mut findings {
                    finding.at = within_block(*text_at, finding.at);
                    let dot = if finding.path.is_empty() { "" } else { "." };
                    finding.path = format!("data.mesh{dot}{}", finding.path);
                }
                findings
            }
        }
    }
}

/// The place in the file of a place within a string. It is exact for block scalars, which begin at the first character of
/// their text and whose lines are all indented alike.
fn within_block(text_at: Position, inner: Position) -> Position {
    let add = |start: u32, count: u32| start + count.saturating_sub(1);
    Position { line: add(text_at.line, inner.line), column: add(text_at.column, inner.column), ..text_at }
}

/// Reads a mesh configuration from a file of its own: the bare fields, a ConfigMap `istio` or an IstioOperator.
///
/// What is given is laid over `config`; findings that are rejections or of severity error leave it as it was.
pub fn read_mesh_config(sources: &SourceMap, file: FileId, options: &Options, config: &mut MeshConfig) -> Vec<Finding> {
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
        let places = file_places.document(raw.index);
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
            let Some((node, _)) = root.at("data.mesh") else { return Vec::new() };
            let id = super::object::id_of(root, Kind::ConfigMap, &options.namespace);
            let text = node.as_str().unwrap_or_default();
            MeshConfigSource::text(id, places.at(root.span), places.at(node.span), text)
                .apply(config, options.unknown_fields)
        }
        Class::IstioOperator => match root.at("spec.meshConfig") {
            Some((node, _)) => apply_at(node, "spec.meshConfig", object, places, options, config),
            None => Vec::new(),
        },
        _ => apply_at(root, "", object, places, options, config),
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
        decode::mesh_config(node, config);
    }
    findings
}

/// What is wrong with the shape of a mesh configuration.
pub(super) fn check(
    node: &Node<'_>,
    object: Option<&ObjectId>,
    places: Places<'_>,
    path: &str,
    options: &Options,
) -> Vec<Finding> {
    Checker::new(places, object, options.unknown_fields).check(node, &MESH_CONFIG, path)
}

/// Lays a node of a file, such as `mesh` of a scenario, over `config`. `path` is the node's own, for messages.
///
/// `text` is the whole text of the file. Findings that are rejections leave `config` as it was.
pub fn apply_mesh_config(
    node: &Node<'_>,
    path: &str,
    file: FileId,
    text: &str,
    unknown_fields: UnknownFields,
    config: &mut MeshConfig,
) -> Vec<Finding> {
    let places = FilePlaces::new(file, text);
    let options = Options { unknown_fields, ..Options::default() };
    apply_at(node, path, None, places.document(0), &options, config)
}
