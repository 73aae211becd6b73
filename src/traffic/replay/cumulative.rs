//! Drawing one of many by weight in constant time, in the order in which they stand.

/// A table that turns one random word into an index, by where the word lies among the summed up weights.
///
/// Unlike other ways to draw quickly, this one keeps what is drawn together: where the weights of a few neighbours change
/// and their sum doesn't, words that led to others lead to them still. So two runs with the same words send the same requests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CumulativeTable {
    /// For each index the sum of weights up to and with its own, of 2^64.
    upper: Vec<u64>,
    /// For each of as many equal parts of all words: the first index that some word of the part can lead to.
    guide: Vec<u32>,
    /// The last index with a weight; what rounding leaves is its own.
    last: u32,
}

impl CumulativeTable {
    /// For weights of at least 0 that are not all 0. Each index comes with probability weight / sum, within 2^-52.
    pub(crate) fn new(weights: &[f64]) -> CumulativeTable {
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let upper: Vec<u64> = weights
            .iter()
            .map(|w| {
                sum += w;
                of_all_words(sum / total)
            })
            .collect();
        let last = weights.iter().rposition(|w| *w > 0.0).unwrap_or(0);
        let mut guide = Vec::with_capacity(upper.len());
        let mut i = 0;
        for part in 0..upper.len() {
            let first_word = (part as u128) << 64;
            while i < last && upper.get(i).is_some_and(|u| u128::from(*u) * upper.len() as u128 <= first_word) {
                i += 1;
            }
            guide.push(index(i));
        }
        CumulativeTable { upper, guide, last: index(last) }
    }

    /// The index for one random word.
    #[inline]
    pub(crate) fn pick(&self, word: u64) -> u32 {
        let part = (u128::from(word) * self.guide.len() as u128) >> 64;
        let Some(&first) = usize::try_from(part).ok().and_then(|p| self.guide.get(p)) else { return 0 };
        let mut i = first;
        // On average less than one step: there are as many parts as indexes.
        while i < self.last && self.upper.get(i as usize).is_some_and(|u| word >= *u) {
            i += 1;
        }
        i
    }
}

fn index(i: usize) -> u32 {
    u32::try_from(i).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the conversion keeps within 0 and 2^64")]
fn of_all_words(part: f64) -> u64 {
    (part * 18_446_744_073_709_551_616.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exact share of each index.
    fn shares(table: &CumulativeTable) -> Vec<f64> {
        let mut below = 0u64;
        let mut out: Vec<f64> = Vec::new();
        for &upper in &table.upper {
            out.push((upper - below) as f64 / 18_446_744_073_709_551_616.0);
            below = upper;
        }
        out
    }

    #[test]
    fn every_index_has_its_share() {
        let weights = [90.0, 10.0, 0.0, 0.5, 33.3];
        let total: f64 = weights.iter().sum();
        for (got, w) in shares(&CumulativeTable::new(&weights)).iter().zip(weights) {
            assert!((got - w / total).abs() < 1e-12, "{got} for {w}");
        }
    }

    #[test]
    fn words_lead_where_plain_counting_does() {
        let weights = [0.0, 3.0, 0.0, 1.0, 1e-9, 2.5, 0.0];
        let table = CumulativeTable::new(&weights);
        let words = (0..2000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).chain([0, 1, u64::MAX - 1, u64::MAX]);
        for word in words {
            let plain = table.upper.iter().position(|u| word < *u).unwrap_or(5);
            assert_eq!(table.pick(word) as usize, plain, "{word}");
            assert!(weights[plain] > 0.0);
        }
    }

    #[test]
    fn a_change_among_neighbours_moves_nobody_else() {
        let before = CumulativeTable::new(&[5.0, 9.0, 1.0, 5.0]);
        let now = CumulativeTable::new(&[5.0, 7.0, 3.0, 5.0]);
        for word in (0..2000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            let (a, b) = (before.pick(word), now.pick(word));
            assert!(a == b || (a, b) == (1, 2), "{a} became {b}");
        }
    }
}
