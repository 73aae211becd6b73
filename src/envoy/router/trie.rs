//! A radix tree over byte strings that finds all stored prefixes of a text in one walk.

/// A position that is not there.
const NONE: u32 = u32::MAX;

/// Keys with a value list each: of the texts that begin with the key, and of those that equal it.
///
/// The lists are positions that the owner gave; the tree only finds them. Built once, then read only.
#[derive(Debug, Default)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
    /// The first byte of each node's label, beside `nodes`: children are found without touching them.
    heads: Vec<u8>,
    labels: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    label: u32,
    label_len: u32,
    /// Children lie next to each other.
    children: u32,
    child_count: u32,
    begins: u32,
    equals: u32,
}

/// What is stored at one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lists {
    /// Concerns every text that begins with the key.
    pub begins: Option<u32>,
    /// Concerns the text that is the key.
    pub equals: Option<u32>,
}

impl Trie {
    /// `keys` sorted by their bytes, each once.
    pub(super) fn new(keys: &[(Vec<u8>, Lists)]) -> Trie {
        let mut trie = Trie::default();
        if keys.is_empty() {
            return trie;
        }
        trie.push(b"");
        // Nodes in the order they were pushed, with the keys below them and the length of what these share so far.
        let mut open = std::collections::VecDeque::from([(0usize, 0..keys.len(), 0usize)]);
        while let Some((at, mut range, depth)) = open.pop_front() {
            if let Some((key, lists)) = keys.get(range.start)
                && key.len() == depth
            {
                trie.nodes[at].begins = lists.begins.unwrap_or(NONE);
                trie.nodes[at].equals = lists.equals.unwrap_or(NONE);
                range.start += 1;
            }
            trie.nodes[at].children = trie.nodes.len() as u32;
            while !range.is_empty() {
                let first = &keys[range.start].0;
                let same_head = |(key, _): &(Vec<u8>, Lists)| key[depth] == first[depth];
                let end = range.start + keys[range.clone()].partition_point(same_head);
                let last = &keys[end - 1].0;
                let shared = first.iter().zip(last).take_while(|(a, b)| a == b).count();
                let child = trie.push(&first[depth..shared]);
                trie.nodes[at].child_count += 1;
                open.push_back((child, range.start..end, shared));
                range.start = end;
            }
        }
        trie
    }

    fn push(&mut self, label: &[u8]) -> usize {
        self.heads.push(label.first().copied().unwrap_or(0));
        let node = Node {
            label: self.labels.len() as u32,
            label_len: label.len() as u32,
            children: 0,
            child_count: 0,
            begins: NONE,
            equals: NONE,
        };
        self.labels.extend_from_slice(label);
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Visits the lists that concern `text`, shortest key first. `fold` lowers its ASCII letters on the way.
    #[inline]
    pub(super) fn walk(&self, text: &[u8], fold: bool, mut visit: impl FnMut(u32)) {
        let lower = |byte: u8| if fold { byte.to_ascii_lowercase() } else { byte };
        let mut rest = text;
        let Some(mut node) = self.nodes.first() else { return };
        loop {
            if node.begins != NONE {
                visit(node.begins);
            }
            let Some(head) = rest.first().copied().map(lower) else {
                if node.equals != NONE {
                    visit(node.equals);
                }
                return;
            };
            let children = node.children as usize..(node.children + node.child_count) as usize;
            let Some(child) = self.heads[children.clone()].iter().position(|h| *h == head) else { return };
            node = &self.nodes[children.start + child];
            let label = &self.labels[node.label as usize..][..node.label_len as usize];
            let Some((part, behind)) = rest.split_at_checked(label.len()) else { return };
            let same = if fold { part.iter().zip(label).all(|(a, b)| lower(*a) == *b) } else { part == label };
            if !same {
                return;
            }
            rest = behind;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn both(list: u32) -> Lists {
        Lists { begins: Some(list), equals: Some(list + 1000) }
    }

    fn visited(trie: &Trie, text: &str, fold: bool) -> Vec<u32> {
        let mut all = Vec::new();
        trie.walk(text.as_bytes(), fold, |l| all.push(l));
        all
    }

    #[test]
    fn an_empty_tree_and_the_empty_key() {
        assert!(visited(&Trie::new(&[]), "/a", false).is_empty());
        let trie = Trie::new(&[(vec![], both(0))]);
        assert_eq!(visited(&trie, "", false), [0, 1000]);
        assert_eq!(visited(&trie, "x", false), [0]);
    }

    proptest! {
        #[test]
        fn finds_what_a_plain_walk_over_the_keys_finds(
            keys in proptest::collection::btree_set("[ab/]{0,5}", 0..12),
            text in "[abAB/]{0,7}",
            fold in any::<bool>(),
        ) {
            let stored: Vec<_> = (0..).zip(&keys).map(|(i, k)| (k.as_bytes().to_vec(), both(i))).collect();
            let seen = if fold { text.to_ascii_lowercase() } else { text.clone() };
            let mut wanted = Vec::new();
            for (i, key) in (0..).zip(&keys) {
                if seen.starts_with(key.as_str()) {
                    wanted.push(i);
                }
                if seen == *key {
                    wanted.push(i + 1000);
                }
            }
            let mut found = visited(&Trie::new(&stored), &text, fold);
            found.sort_unstable();
            wanted.sort_unstable();
            prop_assert_eq!(found, wanted);
        }
    }
}
