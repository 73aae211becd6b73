//! The schema of `metadata`, the same for all kinds.

use super::*;

/// `status` is the cluster's own; only a ServiceEntry's addresses are read from it.
pub(super) const STATUS: Type = Type::Any;

const LENIENT_MAP: Type = Type::Map { value: &Type::LenientText, max: UNLIMITED };

/// ObjectMeta of Kubernetes, with a rule for its name. Values that are to be text become text, as they do for typed readers.
macro_rules! metadata {
    ($name:path) => {
        Shape::of(
            "M100",
            &[
                field("name", Type::LenientText).rule($name),
                field("generateName", Type::LenientText),
                field("namespace", Type::LenientText).rule(namespace),
                field("labels", LENIENT_MAP).rule(labels),
                field("annotations", LENIENT_MAP).rule(annotations),
                text("creationTimestamp").rule(rules::timestamp),
                text("deletionTimestamp").rule(rules::timestamp),
                field("deletionGracePeriodSeconds", Type::Any),
                field("selfLink", Type::Any),
                field("uid", Type::Any),
                field("resourceVersion", Type::Any),
                field("generation", Type::Any),
                field("ownerReferences", Type::Any),
                field("finalizers", Type::Any),
                field("managedFields", Type::Any),
            ],
        )
    };
}

/// Metadata of most kinds.
pub(super) static METADATA: Shape = metadata!(subdomain);
/// Metadata of a Namespace.
pub(super) static NAMESPACE_METADATA: Shape = metadata!(namespace);
/// Metadata of a Service.
pub(super) static SERVICE_METADATA: Shape = metadata!(service);

/// The metadata of a pod template: no name, and what else is there does not matter.
pub(super) static TEMPLATE_METADATA: Shape = Shape::of(
    "M100",
    &[field("labels", LENIENT_MAP).rule(labels), field("annotations", LENIENT_MAP).rule(annotations)],
)
.open();

/// Longest part of a name, and longest label.
const LABEL_MAX: usize = 63;
const SUBDOMAIN_MAX: usize = 253;
/// All keys and values of annotations together.
const ANNOTATIONS_MAX: usize = 256 * 1024;

/// Lower-case letters, digits and `-`, the latter only inside.
fn is_dns_word(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_dns_label(text: &str) -> bool {
    text.len() <= LABEL_MAX && is_dns_word(text)
}

fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= SUBDOMAIN_MAX && text.split('.').all(is_dns_word)
}

/// Letters, digits, `-`, `_` and `.`, the latter only inside; the name part of a label's key, and its value.
fn is_label_text(text: &str) -> bool {
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    text.len() <= LABEL_MAX
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// An error unless the text of `node`, which is not empty, is right. Missing names are reported elsewhere.
///
/// The API server refuses such an object before Istio sees it; Istio itself takes any name. So this stops a run, but is none of what
/// Istio's admission says, and `--invalid skip` goes on with the object as Istio would.
fn name(checker: &mut Checker<'_>, node: &Node<'_>, is_right: fn(&str) -> bool, what: &str, hint: &str) {
    let Some(text) = node.to_text().filter(|text| !text.is_empty()) else { return };
    if !is_right(&text) {
        let finding = checker.refuse(node.span, format!("`{}` is no {what}", shortened(&text)));
        finding.hint = Some(hint.to_owned());
        finding.admission = None;
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LABEL_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn subdomain(checker: &mut Checker<'_>, node: &Node<'_>) {
    let hint =
        "use lower-case letters, digits, `-` and `.`, with a letter or digit at both ends, 253 characters at most";
    name(checker, node, is_dns_subdomain, "name of an object", hint);
}

fn namespace(checker: &mut Checker<'_>, node: &Node<'_>) {
    let hint = "use lower-case letters, digits and `-`, with a letter or digit at both ends, 63 characters at most";
    name(checker, node, is_dns_label, "name of a namespace", hint);
}

fn service(checker: &mut Checker<'_>, node: &Node<'_>) {
    let hint = "use lower-case letters, digits and `-`, a letter first and no `-` last, 63 characters at most";
    let is_right = |text: &str| is_dns_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase());
    name(checker, node, is_right, "name of a Service", hint);
}

/// What is wrong with the key of a label or annotation.
fn wrong_key(key: &str) -> Option<&'static str> {
    let (prefix, name) = key.rsplit_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if prefix.is_some_and(|prefix| !is_dns_subdomain(prefix)) {
        Some("what stands before the `/` has to be a DNS name")
    } else if is_label_text(name) {
        None
    } else {
        Some("use letters, digits, `-`, `_` and `.`, with a letter or digit at both ends, 63 characters at most")
    }
}

fn labels(checker: &mut Checker<'_>, node: &Node<'_>) {
    for entry in node.as_map().unwrap_or_default() {
        let value = entry.value.to_text().unwrap_or_default();
        checker.under_key(&entry.key, |this| {
            if let Some(hint) = wrong_key(&entry.key) {
                let message = format!("`{}` is no key of a label", shortened(&entry.key));
                this.refuse(entry.key_span, message).hint = Some(hint.to_owned());
            }
            if !value.is_empty() && !is_label_text(&value) {
                let message = format!("`{}` is no value of a label", shortened(&value));
                let hint = "use letters, digits, `-`, `_` and `.`, with a letter or digit at both ends, 63 characters at most; other texts go to annotations";
                this.refuse(entry.value.span, message).hint = Some(hint.to_owned());
            }
        });
    }
}

fn annotations(checker: &mut Checker<'_>, node: &Node<'_>) {
    let mut length = 0;
    for entry in node.as_map().unwrap_or_default() {
        length += entry.key.len() + entry.value.to_text().map_or(0, |value| value.len());
        // Upper case is let through here.
        let key = entry.key.to_ascii_lowercase();
        if let Some(hint) = wrong_key(&key) {
            checker.under_key(&entry.key, |this| {
                let message = format!("`{}` is no key of an annotation", shortened(&entry.key));
                this.refuse(entry.key_span, message).hint = Some(hint.to_owned());
            });
        }
    }
    if length > ANNOTATIONS_MAX {
        let message = format!("the annotations have {length} bytes, and may have {ANNOTATIONS_MAX}");
        checker.refuse(node.span, message).hint = Some("keep long texts elsewhere".to_owned());
    }
}
