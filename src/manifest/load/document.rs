//! One document: parsed, opened if it is a list, its objects read one by one.

use smol_str::SmolStr;

use super::beside;
use super::classify::{self, Class, classify};
use super::mesh_config::MeshConfigSource;
use super::names::{self, Names};
use super::object::{self, Parsed};
use super::{Loaded, Misspelt, Options, looks};
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::place::Places;
use crate::manifest::kinds::{Kind, NotModelled, ObjectId};
use crate::manifest::schema::{OF_OTHERS, UnknownFields, nearest};
use crate::manifest::source::{FileId, Position};
use crate::manifest::yaml::{self, Buffers, Node, Problem, ProblemKind, RawDocument};
use crate::order::Order as _;

/// What one document gives, before it is put together with the others.
#[derive(Default)]
pub(super) struct Piece<'t> {
    pub(super) objects: Vec<Parsed>,
    pub(super) not_modelled: Vec<NotModelled>,
    pub(super) mesh_configs: Vec<MeshConfigSource<'t>>,
    pub(super) findings: Vec<Finding>,
    pub(super) refused: Vec<(ObjectId, Position)>,
    pub(super) refused_objects: Vec<Parsed>,
    pub(super) misspelt: Vec<Misspelt>,
    pub(super) documents: usize,
    /// Its file, once for each object that is understood.
    pub(super) understood: Vec<FileId>,
    pub(super) unnamed: Vec<(Kind, Position)>,
    /// A document looks like nothing that is known.
    pub(super) obscure: Vec<FileId>,
}

impl Piece<'_> {
    /// Most documents hold one object, and it is large: room for more would be for nothing.
    fn add(&mut self, object: Parsed) {
        if self.objects.is_empty() {
            self.objects.reserve_exact(1);
        }
        self.objects.push(object);
    }

    /// Appends everything to `loaded`.
    pub(super) fn add_to(self, loaded: &mut Loaded, options: &Options) {
        loaded.findings.extend(self.findings);
        loaded.refused.extend(self.refused);
        loaded.misspelt.extend(self.misspelt);
        for object in self.refused_objects {
            object.add_to(&mut loaded.refused_objects);
        }
        loaded.documents += self.documents;
        loaded.understood.extend(self.understood);
        loaded.unnamed.extend(self.unnamed);
        loaded.obscure.extend(self.obscure);
        loaded.manifests.not_modelled.extend(self.not_modelled);
        for source in self.mesh_configs {
            let findings = source.apply(&mut loaded.manifests.mesh_config, options);
            if findings.iter().any(Finding::is_rejection) {
                loaded.refused.push((source.object.clone(), source.at));
            }
            loaded.findings.extend(findings);
        }
        for object in self.objects {
            object.add_to(&mut loaded.manifests);
        }
    }
}

/// How a document is to be read.
#[derive(Clone, Copy)]
pub(super) struct Manner<'c> {
    pub(super) options: &'c Options,
    pub(super) names: &'c Names,
    /// The name of its file.
    pub(super) file: &'c str,
}

/// What reading an object needs to know.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    pub(super) places: Places<'c>,
    pub(super) options: &'c Options,
    names: &'c Names,
    file: &'c str,
    /// Repeated keys of the document, in source order.
    problems: &'c [Problem],
}

/// Reads one document.
pub(super) fn read<'t>(
    raw: &RawDocument<'t>,
    places: Places<'_>,
    manner: Manner<'_>,
    buffers: &mut Buffers<'t>,
) -> Piece<'t> {
    let mut piece = Piece::default();
    match yaml::parse_with(raw, &yaml::Limits::default(), buffers) {
        Ok(None) => {}
        Ok(Some(mut document)) => {
            document.problems.order_by_key(|problem| problem.span.start);
            let Manner { options, names, file } = manner;
            let context = Context { places, options, names, file, problems: &document.problems };
            context.read_object(&document.root, ("", ""), &mut piece);
        }
        Err(problems) => {
            piece.documents = 1;
            piece.findings.extend(problems.into_iter().map(|problem| unreadable(problem, raw.text, places)));
        }
    }
    piece
}

/// Tests may stand in a file of their own, without a head.
fn is_test(root: &Node<'_>) -> bool {
    ["tests", "testCases", "properties"].iter().any(|key| root.get(key).is_some_and(|tests| tests.as_seq().is_some()))
}

/// A document that is no YAML.
fn unreadable(problem: Problem, text: &str, places: Places<'_>) -> Finding {
    let mut finding = Finding::new("load", Severity::Error, problem.message).at(places.at(problem.span));
    // A template is broken YAML in ways that have nothing to do with what is wrong.
    finding.hint = if memchr::memmem::find(text.as_bytes(), b"{{").is_some() {
        Some("this looks like a template; render it first, for example with `helm template`".to_owned())
    } else {
        problem.hint
    };
    finding
}

impl Context<'_> {
    /// Reads an object, or the objects of a list. `defaults` are the `apiVersion` and `kind` of entries without them.
    fn read_object<'t>(&self, root: &Node<'t>, defaults: (&str, &str), piece: &mut Piece<'t>) {
        let Some(_) = root.as_map() else {
            piece.documents += 1;
            if let Some(finding) = looks::like(root, "", "", self.file) {
                piece.findings.push(finding.at(self.places.at(root.span)));
                return;
            }
            let message = format!("the document is a {}, not an object", root.kind_name());
            piece.findings.push(
                Finding::new("load", Severity::Error, message)
                    .at(self.places.at(root.span))
                    .hint("a manifest begins with `apiVersion`, `kind` and `metadata`"),
            );
            return;
        };
        let word = |name, default| root.get(name).and_then(Node::as_str).unwrap_or(default);
        let (api_version, kind) = (word("apiVersion", defaults.0), word("kind", defaults.1));
        if let Some(items) = root.get("items").and_then(Node::as_seq)
            && let Some(item_kind) = kind.strip_suffix("List")
        {
            self.read_list(items, (api_version, item_kind), piece);
            return;
        }
        piece.documents += 1;
        let class = classify(api_version, kind);
        let is_ours = class == Class::Own && kind != "Scenario" || is_test(root);
        if is_ours || !matches!(class, Class::Foreign | Class::UnknownIstio | Class::Own) {
            piece.understood.push(self.places.at(root.span).file);
        }
        match class {
            Class::Own => {
                piece.documents -= 1;
                piece.findings.extend(self.scenario_elsewhere(root, kind));
            }
            Class::Foreign if (api_version, kind) == ("v1", "Secret") => {
                let id = object::id_of(root, Kind::Other(SmolStr::new_static("Secret")), &self.options.namespace);
                if beside::is_remote_cluster(root) {
                    piece.not_modelled.push(beside::not_modelled(root, id.clone(), self.places.at(root.span)));
                }
                piece.add(object::beside(root, id, self));
            }
            Class::Ingress if beside::is_for_another_controller(root) => {}
            Class::Ingress => {
                let id = object::id_of(root, Kind::Other(SmolStr::new(kind)), &self.options.namespace);
                piece.not_modelled.push(beside::not_modelled(root, id, self.places.at(root.span)));
            }
            Class::Foreign => self.foreign(root, api_version, kind, piece),
            Class::UnknownIstio if kind.is_empty() => self.foreign(root, api_version, kind, piece),
            Class::UnknownIstio => piece.findings.push(self.unknown_istio(root, api_version, kind)),
            Class::NotModelled => {
                let id = object::id_of(root, Kind::Other(SmolStr::new(kind)), &self.options.namespace);
                piece.add(object::beside(root, id.clone(), self));
                piece.not_modelled.push(beside::not_modelled(root, id, self.places.at(root.span)));
            }
            Class::IstioOperator => self.istio_operator(root, piece),
            Class::Modelled(Kind::ConfigMap) => self.config_map(root, piece),
            Class::Modelled(kind) => self.modelled(root, kind, piece),
        }
    }

    /// A scenario that nobody reads: its proxies, pods and streams would be missed without a word.
    fn scenario_elsewhere(&self, root: &Node<'_>, kind: &str) -> Option<Finding> {
        if kind != "Scenario" || looks::name_of(self.file) == "scenario.yaml" {
            return None;
        }
        let message = "this is a scenario, which is read only where its file is called `scenario.yaml`; passed over";
        let hint = format!("call it `{}/scenario.yaml`, and give that folder", looks::folder_of(self.file));
        Some(Finding::new("load", Severity::Warning, message).at(self.places.at(root.span)).hint(hint))
    }

    fn read_list<'t>(&self, items: &[Node<'t>], defaults: (&str, &str), piece: &mut Piece<'t>) {
        for item in items {
            if item.is_null() {
                piece.findings.push(
                    Finding::new("load", Severity::Error, "the list has an empty entry (`null`)")
                        .at(self.places.at(item.span))
                        .path("items"),
                );
            } else {
                self.read_object(item, defaults, piece);
            }
        }
    }

    fn modelled(&self, root: &Node<'_>, kind: Kind, piece: &mut Piece<'_>) {
        let mut id = object::id_of(root, kind, &self.options.namespace);
        let at = self.places.at(root.span);
        let mut findings = Vec::new();
        if id.name.is_empty() && names::may_be_any(&id.kind) {
            match self.names.of(at) {
                Some(name) => {
                    id = id.named(name.clone());
                    findings.push(object::named(root, &id, self));
                }
                None => piece.unnamed.push((id.kind.clone(), at)),
            }
        }
        findings.extend(self.strict_problems(root, &id));
        let (wrong, unknown) = object::check(root, &id, self);
        findings.extend(wrong);
        // What a release doesn't have is dropped before it is read; looking for it in every object would be a waste.
        let known = findings.iter().any(|f| f.id == OF_OTHERS).then(|| object::known(root, &id, self.options.profile));
        let root = known.as_ref().unwrap_or(root);
        if findings.iter().any(Finding::is_rejection) {
            piece.refused.push((id.clone(), at));
            if object::matters_refused(&id.kind) && !id.name.is_empty() {
                if let Some(unknown) = unknown {
                    piece.misspelt.push(Misspelt { object: id.clone(), at, unknown });
                }
                piece.refused_objects.push(object::decode(root, id, self, &mut Vec::new()));
            }
        } else {
            piece.add(object::decode(root, id, self, &mut findings));
        }
        piece.findings.extend(findings);
    }

    /// Repeated keys within this object: a strict reader refuses them, a lenient one takes the last.
    fn strict_problems(&self, root: &Node<'_>, id: &ObjectId) -> Vec<Finding> {
        let from = self.problems.partition_point(|problem| problem.span.start < root.span.start);
        let inside = self.problems.iter().skip(from).take_while(|problem| problem.span.start < root.span.end);
        inside
            .map(|problem| {
                // A merge that sets a key again is how merges are used: never refused on the way to the API server.
                let refused =
                    self.options.unknown_fields == UnknownFields::Error && problem.kind != ProblemKind::MergedKey;
                let severity = if refused { Severity::Error } else { Severity::Warning };
                let mut finding = Finding::new("M100", severity, problem.message.clone())
                    .on(id.clone())
                    .at(self.places.at(problem.span));
                finding.hint.clone_from(&problem.hint);
                if refused { finding.rejected() } else { finding }
            })
            .collect()
    }

    /// The mesh configuration of a ConfigMap `istio`; other ConfigMaps are nothing to us.
    fn config_map<'t>(&self, root: &Node<'t>, piece: &mut Piece<'t>) {
        let id = object::id_of(root, Kind::ConfigMap, &self.options.namespace);
        if id.name != "istio" {
            return;
        }
        let (findings, _) = object::check(root, &id, self);
        let refused = findings.iter().any(Finding::is_rejection);
        piece.findings.extend(findings);
        let at = self.places.at(root.span);
        if refused {
            piece.refused.push((id, at));
        } else {
            piece.mesh_configs.extend(MeshConfigSource::config_map(id, root, self.places));
        }
    }

    fn istio_operator<'t>(&self, root: &Node<'t>, piece: &mut Piece<'t>) {
        let Some(node) = root.get("spec").and_then(|spec| spec.get("meshConfig")).filter(|node| !node.is_null()) else {
            return;
        };
        let id = object::id_of(root, Kind::Other("IstioOperator".into()), &self.options.namespace);
        let checked = super::mesh_config::check(node, Some(&id), self.places, "spec.meshConfig", self.options);
        piece.mesh_configs.push(MeshConfigSource::node(id, self.places.at(root.span), node.clone(), checked));
    }

    fn unknown_istio(&self, root: &Node<'_>, api_version: &str, kind: &str) -> Finding {
        let id = object::id_of(root, Kind::Other(SmolStr::new(kind)), &self.options.namespace);
        let known = nearest(kind, classify::istio_kinds());
        let message = match known {
            Some(known) if known == kind => {
                format!("`{api_version}` is no version of `{kind}` that is known; passed over")
            }
            _ => format!("kind `{kind}` of `{api_version}` is not known; passed over"),
        };
        let mut finding = Finding::new("load", Severity::Warning, message).on(id).at(self.places.at(root.span));
        finding.hint = match known {
            Some(known) if known == kind => Some("use `networking.istio.io/v1`".to_owned()),
            Some(known) => Some(format!("did you mean `{known}`?")),
            None => None,
        };
        finding
    }

    /// Documents of other products are none of our business, unless they seem to be meant for us.
    fn foreign(&self, root: &Node<'_>, api_version: &str, kind: &str, piece: &mut Piece<'_>) {
        let (group, _) = api_version.split_once('/').unwrap_or(("", api_version));
        let looks = looks::like(root, api_version, kind, self.file);
        let finding = if let Some(looks) = looks {
            looks
        } else if kind.is_empty() && classify::is_istio_group(group) {
            Finding::new("load", Severity::Error, "the document has no `kind`")
        } else if api_version.is_empty() && classify::istio_kinds().any(|known| known == kind) {
            Finding::new("load", Severity::Error, format!("the {kind} has no `apiVersion`"))
                .hint("add `apiVersion: networking.istio.io/v1`")
        } else if let Some(finding) = looks::of_kubernetes(root, api_version, kind) {
            finding
        } else if kind.is_empty() && api_version.is_empty() {
            if !is_test(root) {
                piece.obscure.push(self.places.at(root.span).file);
            }
            Finding::new("load", Severity::Info, "the document has no `apiVersion` and no `kind`; passed over")
        } else {
            return;
        };
        piece.findings.push(finding.at(self.places.at(root.span)));
    }
}
