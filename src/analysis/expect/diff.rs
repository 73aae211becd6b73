//! Lines that differ between two texts, for goldens.

/// One line of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change<'t> {
    /// In both, shown as context.
    Same(&'t str),
    /// Lines of both that are left out here.
    Skipped(usize),
    Removed(&'t str),
    Added(&'t str),
}

/// Lines of context around changes.
const CONTEXT: usize = 2;

/// Above this many cells of the table, what lies between the first and the last difference is shown as one block.
const CELLS_MAX: usize = 4_000_000;

/// The changed lines from `old` to `new` with a little context; empty where the texts are equal.
pub(crate) fn changes<'t>(old: &'t str, new: &'t str) -> Vec<Change<'t>> {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let first = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let rest = a.len().min(b.len()) - first;
    let last = a.iter().rev().zip(b.iter().rev()).take(rest).take_while(|(x, y)| x == y).count();
    let (before, old_middle, new_middle) = (
        a.get(..first).unwrap_or_default(),
        a.get(first..a.len() - last).unwrap_or_default(),
        b.get(first..b.len() - last).unwrap_or_default(),
    );
    if old_middle.is_empty() && new_middle.is_empty() {
        return Vec::new();
    }
    let mut all: Vec<Change<'t>> = before.iter().map(|l| Change::Same(l)).collect();
    all.extend(middle(old_middle, new_middle));
    all.extend(a.get(a.len() - last..).unwrap_or_default().iter().map(|l| Change::Same(l)));
    with_context(&all)
}

/// A longest common subsequence where it is cheap enough, else everything removed and everything added.
fn middle<'t>(a: &[&'t str], b: &[&'t str]) -> Vec<Change<'t>> {
    let width = b.len() + 1;
    if (a.len() + 1).saturating_mul(width) > CELLS_MAX {
        return a.iter().map(|l| Change::Removed(l)).chain(b.iter().map(|l| Change::Added(l))).collect();
    }
    // lengths[i * width + j]: of the longest common subsequence of a[i..] and b[j..].
    let mut lengths = vec![0u32; (a.len() + 1) * width];
    let at = |lengths: &[u32], i: usize, j: usize| lengths.get(i * width + j).copied().unwrap_or(0);
    for (i, x) in a.iter().enumerate().rev() {
        for (j, y) in b.iter().enumerate().rev() {
            let best = if x == y {
                at(&lengths, i + 1, j + 1) + 1
            } else {
                at(&lengths, i + 1, j).max(at(&lengths, i, j + 1))
            };
            if let Some(cell) = lengths.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut out = Vec::with_capacity(a.len() + b.len());
    loop {
        match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) if x == y => {
                out.push(Change::Same(x));
                (i, j) = (i + 1, j + 1);
            }
            (Some(x), y) if y.is_none() || at(&lengths, i + 1, j) >= at(&lengths, i, j + 1) => {
                out.push(Change::Removed(x));
                i += 1;
            }
            (_, Some(y)) => {
                out.push(Change::Added(y));
                j += 1;
            }
            (_, None) => return out,
        }
    }
}

fn with_context<'t>(all: &[Change<'t>]) -> Vec<Change<'t>> {
    let is_change = |c: &Change<'_>| matches!(c, Change::Removed(_) | Change::Added(_));
    let mut near = vec![false; all.len()];
    for (i, _) in all.iter().enumerate().filter(|(_, c)| is_change(c)) {
        let to = (i + CONTEXT + 1).min(all.len());
        near.get_mut(i.saturating_sub(CONTEXT)..to).into_iter().flatten().for_each(|n| *n = true);
    }
    let mut out = Vec::new();
    let mut skipped = 0;
    for (change, near) in all.iter().zip(near) {
        if near {
            if skipped > 0 {
                out.push(Change::Skipped(skipped));
                skipped = 0;
            }
            out.push(*change);
        } else {
            skipped += 1;
        }
    }
    if skipped > 0 {
        out.push(Change::Skipped(skipped));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &str, new: &str, wanted: &[Change<'_>]) {
        assert_eq!(changes(&old.replace(' ', "\n"), &new.replace(' ', "\n")), wanted);
    }

    #[test]
    fn only_what_changed_is_shown_with_context() {
        use Change::{Added, Removed, Same, Skipped};
        check("a b c", "a b c", &[]);
        check("", "a", &[Added("a")]);
        check("a", "", &[Removed("a")]);
        check("a b c", "a x c", &[Same("a"), Removed("b"), Added("x"), Same("c")]);
        check(
            "1 2 3 4 5 6 7 8 9",
            "1 2 3 4 x 5 6 7 8 9",
            &[Skipped(2), Same("3"), Same("4"), Added("x"), Same("5"), Same("6"), Skipped(3)],
        );
        check("a b c d", "b c e d", &[Removed("a"), Same("b"), Same("c"), Added("e"), Same("d")]);
        check("a a", "a a a", &[Same("a"), Same("a"), Added("a")]);
    }
}
