//! What a tool gave, as texts that can be pointed into.

use super::roots::{Kind, Root};
use super::shown;
use crate::manifest::source::RENDERED;
use indexmap::IndexMap;

/// What Helm writes before what is made of a template.
const SOURCE: &str = "# Source: ";

/// The texts, each with its name: one for each template where comments say which it was (`helm template --show-only` gives the same
/// lines), else one for the folder.
pub(super) fn texts(root: &Root, text: &str) -> Vec<(String, String)> {
    let folder = shown(&root.folder);
    let whole = format!("{folder}{RENDERED}");
    if root.kind == Kind::Kustomization {
        return vec![(whole, text.to_owned())];
    }
    let mut out: IndexMap<String, String> = IndexMap::new();
    for document in documents(text) {
        // A path begins with the chart's name; its folder may have another.
        let source = document.lines().find_map(|line| line.strip_prefix(SOURCE));
        let name = match (source.and_then(|path| path.trim().split_once('/')), root.kind) {
            (Some((_, within)), Kind::Chart) => format!("{folder}/{within}{RENDERED}"),
            (Some((chart, within)), _) => format!("{folder}: {chart}/{within}{RENDERED}"),
            (None, _) => whole.clone(),
        };
        out.entry(name).or_default().push_str(document);
    }
    out.retain(|_, text| !text.trim().is_empty());
    out.into_iter().collect()
}

/// The documents, each with the line that separates it from what stands before.
fn documents(text: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = vec![0];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" && at > 0 {
            starts.push(at);
        }
        at += line.len();
    }
    starts.push(text.len());
    starts.windows(2).filter_map(|two| text.get(*two.first()?..*two.last()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_texts_of_their_own() {
        let text = "---\n# Source: shop/templates/a.yaml\na: 1\n---\n# Source: shop/charts/cart/templates/b.yaml\nb: 1\n---\n# Source: shop/templates/a.yaml\nc: 1\n";
        let root = Root { folder: "charts/my-shop".into(), kind: Kind::Chart, file: "Chart.yaml" };
        assert_eq!(
            texts(&root, text),
            [
                (
                    "charts/my-shop/templates/a.yaml (rendered)".to_owned(),
                    "---\n# Source: shop/templates/a.yaml\na: 1\n---\n# Source: shop/templates/a.yaml\nc: 1\n"
                        .to_owned()
                ),
                (
                    "charts/my-shop/charts/cart/templates/b.yaml (rendered)".to_owned(),
                    "---\n# Source: shop/charts/cart/templates/b.yaml\nb: 1\n".to_owned()
                ),
            ]
        );
        let root = Root { folder: "".into(), kind: Kind::Kustomization, file: "kustomization.yaml" };
        assert_eq!(texts(&root, "a: 1\n---\nb: 1\n"), [(". (rendered)".to_owned(), "a: 1\n---\nb: 1\n".to_owned())]);
        let root = Root { kind: Kind::Helmfile, ..root };
        assert_eq!(texts(&root, "a: 1\n")[0].0, ". (rendered)");
        assert_eq!(texts(&root, text)[0].0, ".: shop/templates/a.yaml (rendered)");
    }
}
