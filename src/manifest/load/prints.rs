//! What tells the versions of an object apart, whatever it is written like.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::beside::print_of;
use crate::manifest::source::{FileId, SourceMap};
use crate::manifest::yaml::{self, Node, RawDocument};

/// Kind, namespace and name.
type Name = (SmolStr, SmolStr, SmolStr);

/// By kind, namespace and name a number for what an object says, of two sides.
pub(crate) type Prints = [BTreeMap<Name, u64>; 2];

/// A number for what each object of these files says, by kind, namespace and name; of several of one name the last one's. Order
/// of fields, comments and the status don't count. Documents that can't be read are passed over: loading tells of them; so are
/// those that both sides have to the letter.
pub(crate) fn prints(sides: [(&SourceMap, &[FileId]); 2], namespace: &str) -> Prints {
    let all = [documents(sides[0]), documents(sides[1])];
    let texts = [&all[0], &all[1]].map(|of| of.iter().map(|d| d.text).collect::<FxHashSet<&str>>());
    let prints = |of: &[RawDocument<'_>], other: &FxHashSet<&str>| {
        let mut out = BTreeMap::new();
        for raw in of.iter().filter(|d| !other.contains(d.text)) {
            if let Ok(Some(document)) = yaml::parse(raw, &yaml::Limits::default()) {
                add(&document.root, namespace, &mut out);
            }
        }
        out
    };
    [prints(&all[0], &texts[1]), prints(&all[1], &texts[0])]
}

fn documents<'s>((sources, files): (&'s SourceMap, &[FileId])) -> Vec<RawDocument<'s>> {
    let files = files.iter().filter_map(|f| sources.file(*f));
    files.flat_map(|file| yaml::documents(&file.text)).collect()
}

fn add(root: &Node<'_>, namespace: &str, out: &mut BTreeMap<Name, u64>) {
    let text = |of: Option<&Node<'_>>| SmolStr::new(of.and_then(Node::as_str).unwrap_or_default());
    let kind = text(root.get("kind"));
    if let (true, Some(items)) = (kind.ends_with("List"), root.get("items").and_then(Node::as_seq)) {
        items.iter().for_each(|item| add(item, namespace, out));
        return;
    }
    let metadata = |key: &str| text(root.get("metadata").and_then(|m| m.get(key)));
    let own = metadata("namespace");
    let namespace = if own.is_empty() { SmolStr::new(namespace) } else { own };
    out.insert((kind, namespace, metadata("name")), print_of(root));
}
