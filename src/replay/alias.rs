//! Drawing one of many by weight in constant time (Walker's alias method, in Vose's form).

/// A table that turns one random word into an index.
#[derive(Debug, Clone, PartialEq)]
pub struct AliasTable {
    /// For each column: below this threshold (of 2^32) the column itself, else its alias.
    columns: Vec<(u64, u32)>,
}

impl AliasTable {
    /// For weights of at least 0 that are not all 0. Each index comes with probability weight / sum, within 2^-32.
    pub fn new(weights: &[f64]) -> AliasTable {
        let n = weights.len();
        let total: f64 = weights.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "a table has far fewer than 2^53 columns")]
        let mut scaled: Vec<f64> = weights.iter().map(|w| w / total * n as f64).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..n).partition(|&i| scaled.get(i).is_some_and(|s| *s < 1.0));
        let mut columns: Vec<(u64, u32)> = (0..n).map(|i| (1 << 32, index(i))).collect();
        while let (Some(s), Some(l)) = (small.pop(), large.pop()) {
            let Some(part) = scaled.get(s).copied() else { break };
            let Some(rest) = scaled.get_mut(l) else { break };
            if let Some(column) = columns.get_mut(s) {
                *column = (threshold(part), index(l));
            }
            *rest -= 1.0 - part;
            if *rest < 1.0 { small.push(l) } else { large.push(l) }
        }
        // What remains on either side is 1 but for rounding, and those columns are whole already; a weight of 0 must
        // never come though, however the rounding went.
        if let Some(heaviest) =
            (0..n).max_by(|&a, &b| weights.get(a).partial_cmp(&weights.get(b)).unwrap_or(std::cmp::Ordering::Equal))
        {
            for (i, column) in columns.iter_mut().enumerate() {
                if weights.get(i) == Some(&0.0) && column.0 == 1 << 32 {
                    *column = (0, index(heaviest));
                }
            }
        }
        AliasTable { columns }
    }

    /// The index for one random word.
    #[inline]
    pub fn pick(&self, word: u64) -> u32 {
        let n = self.columns.len() as u64;
        // The upper half chooses the column, the lower half the side of its threshold.
        let column = ((word >> 32) * n) >> 32;
        match self.columns.get(usize::try_from(column).unwrap_or(0)) {
            Some(&(threshold, alias)) => {
                if (word & 0xffff_ffff) < threshold {
                    u32::try_from(column).unwrap_or(0)
                } else {
                    alias
                }
            }
            None => 0,
        }
    }
}

fn index(i: usize) -> u32 {
    u32::try_from(i).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value lies within 0 and 2^32")]
fn threshold(part: f64) -> u64 {
    (part.clamp(0.0, 1.0) * 4_294_967_296.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exact share of each index, by adding up columns.
    fn shares(table: &AliasTable) -> Vec<f64> {
        let n = table.columns.len() as f64;
        let mut out = vec![0.0; table.columns.len()];
        for (i, &(threshold, alias)) in table.columns.iter().enumerate() {
            let own = threshold as f64 / 4_294_967_296.0;
            out[i] += own / n;
            out[alias as usize] += (1.0 - own) / n;
        }
        out
    }

    #[test]
    fn every_index_has_its_share() {
        let weights = [90.0, 10.0, 0.0, 0.5, 33.3];
        let total: f64 = weights.iter().sum();
        for (got, w) in shares(&AliasTable::new(&weights)).iter().zip(weights) {
            assert!((got - w / total).abs() < 1e-8, "{got} for {w}");
        }
    }

    #[test]
    fn a_weight_of_zero_never_comes() {
        let table = AliasTable::new(&[0.0, 1.0, 0.0]);
        for word in (0..1000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            assert_eq!(table.pick(word), 1);
        }
    }
}
