//! Objects of a namespace by label, so that a selector looks only at objects that share one of its labels.

use rustc_hash::FxHashMap;

use crate::manifest::kinds::Labels;

/// Positions of labelled things in a list, by namespace and label.
#[derive(Debug, Default)]
pub(crate) struct LabelIndex<'a> {
    namespaces: FxHashMap<&'a str, InNamespace<'a>>,
}

#[derive(Debug, Default)]
struct InNamespace<'a> {
    all: Vec<(usize, &'a Labels)>,
    by_label: FxHashMap<(&'a str, &'a str), Vec<(usize, &'a Labels)>>,
}

impl<'a> LabelIndex<'a> {
    /// Indexes (namespace, labels) pairs; a pair's position names it afterwards.
    pub(crate) fn build(things: impl Iterator<Item = (&'a str, &'a Labels)>) -> LabelIndex<'a> {
        let mut index = LabelIndex::default();
        for (i, (namespace, labels)) in things.enumerate() {
            let here = index.namespaces.entry(namespace).or_default();
            here.all.push((i, labels));
            for (key, value) in labels.iter() {
                here.by_label.entry((key, value)).or_default().push((i, labels));
            }
        }
        index
    }

    /// Positions of what `selector` selects in `namespace`, ascending; the empty selector selects everything (LB-1).
    pub(crate) fn select(&self, namespace: &str, selector: &Labels) -> Vec<usize> {
        let Some(here) = self.namespaces.get(namespace) else { return Vec::new() };
        let fitting = |list: &[(usize, &Labels)]| {
            list.iter().filter(|(_, labels)| selector.is_subset_of(labels)).map(|(i, _)| *i).collect()
        };
        if selector.is_empty() {
            return fitting(&here.all);
        }
        let mut rarest: Option<&Vec<(usize, &Labels)>> = None;
        for (key, value) in selector.iter() {
            let Some(list) = here.by_label.get(&(key.as_str(), value.as_str())) else { return Vec::new() };
            if rarest.is_none_or(|r| list.len() < r.len()) {
                rarest = Some(list);
            }
        }
        rarest.map(|list| fitting(list)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lb1_selection_by_all_labels_in_the_namespace() {
        let labels =
            |pairs: &[(&str, &str)]| -> Labels { pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect() };
        let things = [
            ("a", labels(&[("app", "x"), ("version", "v1")])),
            ("a", labels(&[("app", "x"), ("version", "v2")])),
            ("b", labels(&[("app", "x")])),
            ("a", labels(&[])),
        ];
        let index = LabelIndex::build(things.iter().map(|(n, l)| (*n, l)));
        assert_eq!(index.select("a", &labels(&[("app", "x")])), [0, 1]);
        assert_eq!(index.select("a", &labels(&[("app", "x"), ("version", "v2")])), [1]);
        assert_eq!(index.select("a", &labels(&[("app", "y")])), [] as [usize; 0]);
        assert_eq!(index.select("a", &labels(&[])), [0, 1, 3]);
        assert_eq!(index.select("c", &labels(&[])), [] as [usize; 0]);
    }
}
