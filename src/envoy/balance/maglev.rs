//! Maglev consistent hashing (envoy-matching 10.5).

use super::hash::{xx_hash, xx_hash_seeded};
use super::normalize;
use crate::order::Order as _;

/// A table of slots, each of which belongs to a host. The same hosts make the same table as in Envoy, in any order.
///
/// Building takes time in proportion to the size of the table, a pick is one look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Maglev {
    slots: Vec<u32>,
    host_count: usize,
}

/// A host while the table is filled.
struct Filler {
    host: u32,
    offset: u64,
    skip: u64,
    share: f64,
    target: f64,
    next: u64,
}

impl Maglev {
    /// Envoy's default for the size of the table.
    pub(crate) const DEFAULT_TABLE_SIZE: u64 = 65_537;
    /// The largest table that Envoy accepts.
    pub(crate) const MAX_TABLE_SIZE: u64 = 5_000_011;

    /// Builds the table of `hosts`: their keys and weights, with keys as for [`super::RingHash::new`].
    ///
    /// `table_size` should be prime, which Envoy's validation demands; a size beyond the largest one that Envoy accepts
    /// is lowered to that, a size of 0 or 1 gives a table of one slot. Without hosts, or with weights of 0 alone, the
    /// table is empty.
    #[must_use]
    pub(crate) fn new(hosts: &[(String, u32)], table_size: u64) -> Maglev {
        let empty = Maglev { slots: Vec::new(), host_count: hosts.len() };
        let Some(weights) = normalize(hosts.iter().map(|h| h.1)) else {
            return empty;
        };
        let size = table_size.clamp(1, Self::MAX_TABLE_SIZE);
        let mut order: Vec<_> = (0u32..).zip(hosts.iter().zip(&weights.shares)).collect();
        order.order_by(|a, b| a.1.0.0.as_bytes().cmp(b.1.0.0.as_bytes()));
        let mut fillers: Vec<Filler> = order
            .into_iter()
            // Envoy knows no weight of 0; such a host must not get the slot that every host gets in the first round.
            .filter(|(_, (_, share))| **share > 0.0)
            .map(|(host, ((key, _), share))| Filler {
                host,
                offset: xx_hash(key.as_bytes()) % size,
                skip: xx_hash_seeded(key.as_bytes(), 1) % size.saturating_sub(1).max(1) + 1,
                share: *share,
                target: 0.0,
                next: 0,
            })
            .collect();
        const FREE: u32 = u32::MAX;
        let mut slots = vec![FREE; size as usize];
        let mut left = slots.len();
        let mut round = 0u64;
        while left > 0 {
            round += 1;
            let before = left;
            for filler in &mut fillers {
                if (round as f64) * filler.share < filler.target || left == 0 {
                    continue;
                }
                filler.target += weights.max;
                // With a prime size every slot comes up within `size` steps. Of another size some may not.
                let free = (filler.next..filler.next + size).find_map(|next| {
                    let at = (filler.offset + filler.skip * next) % size;
                    (slots.get(at as usize) == Some(&FREE)).then_some((next, at))
                });
                if let Some((next, at)) = free
                    && let Some(slot) = slots.get_mut(at as usize)
                {
                    *slot = filler.host;
                    filler.next = next + 1;
                    left -= 1;
                }
            }
            // The heaviest host is never passed over, so only a size that is not prime stops the filling.
            if left == before {
                return empty;
            }
        }
        Maglev { slots, host_count: hosts.len() }
    }

    /// The number of slots.
    #[cfg(test)]
    pub(crate) fn size(&self) -> usize {
        self.slots.len()
    }

    /// The host for a hash, as an index into the list that the table was built of; 0 where the table is empty.
    ///
    /// `attempt` is 0 at first. When the picked host is refused by a retry predicate Envoy asks again with 1, 2 and so on
    /// (envoy-matching 7.5), which changes the hash.
    #[must_use]
    pub(crate) fn pick(&self, hash: u64, attempt: u32) -> usize {
        // For attempt 0 the change is 2⁶⁴, which is none.
        let hash = hash ^ 0u64.wrapping_sub(u64::from(attempt));
        let index = hash.checked_rem(self.slots.len() as u64).unwrap_or(0);
        self.slots.get(index as usize).map_or(0, |host| *host as usize)
    }

    /// How many slots belong to each host.
    #[must_use]
    pub(crate) fn slot_counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.host_count];
        for host in &self.slots {
            if let Some(count) = counts.get_mut(*host as usize) {
                *count += 1;
            }
        }
        counts
    }

    /// The share of each host when hashes are uniform: the requests that end there in the long run, between 0 and 1.
    ///
    /// That is the share of slots; that 2⁶⁴ hashes do not divide evenly among them changes less than 10⁻¹².
    #[must_use]
    pub(crate) fn endpoint_shares(&self) -> Vec<f64> {
        let size = self.slots.len().max(1) as f64;
        self.slot_counts().into_iter().map(|count| count as f64 / size).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(weights: &[u32], size: u64) -> Maglev {
        let hosts: Vec<_> = (1..).zip(weights).map(|(i, w)| (format!("10.0.0.{i}:80"), *w)).collect();
        Maglev::new(&hosts, size)
    }

    #[test]
    fn lb_c_maglev_slots() {
        let equal = table(&[1, 1, 1], 65_537);
        assert_eq!(equal.slot_counts(), [21_846, 21_846, 21_845]);
        assert_eq!(equal.slots[..12], [2, 1, 2, 2, 1, 1, 0, 2, 2, 0, 0, 0]);
        let weighted = table(&[1, 2, 1], 307);
        assert_eq!(weighted.slot_counts(), [77, 153, 77]);
        assert_eq!(weighted.slots[..12], [0, 2, 0, 1, 0, 2, 0, 1, 0, 1, 0, 0]);
        assert_eq!(weighted.endpoint_shares(), [77.0, 153.0, 77.0].map(|slots| slots / 307.0));
    }

    #[test]
    fn lb_c_maglev_picks() {
        let (equal, weighted) = (table(&[1, 1, 1], 65_537), table(&[1, 2, 1], 307));
        let rows = [
            ("key0", [1, 1, 1], 0),
            ("key1", [0, 2, 2], 0),
            ("key2", [2, 1, 0], 1),
            ("key3", [0, 0, 0], 2),
            ("alice", [0, 2, 0], 1),
            ("bob", [2, 1, 1], 1),
        ];
        for (key, attempts, other) in rows {
            let hash = xx_hash(key.as_bytes());
            assert_eq!([0, 1, 2].map(|k| equal.pick(hash, k)), attempts, "{key}");
            assert_eq!(weighted.pick(hash, 0), other, "{key}");
        }
    }

    #[test]
    fn lb_10_5_the_order_of_hosts_does_not_matter() {
        let hosts = ["b:1", "a:1", "c:1"].map(|key| (key.to_owned(), 1));
        let mut turned = hosts.clone();
        turned.reverse();
        let (one, two) = (Maglev::new(&hosts, 101), Maglev::new(&turned, 101));
        for hash in 0..101 {
            assert_eq!(one.pick(hash, 0), 2 - two.pick(hash, 0));
        }
        assert!((one.endpoint_shares().iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn odd_tables_end() {
        for weights in [&[][..], &[0], &[0, 0]] {
            assert_eq!(table(weights, 101).size(), 0);
            assert_eq!(table(weights, 101).pick(7, 1), 0);
        }
        for size in [0, 1, 2, 4, 6, 100] {
            let _ = table(&[1, 5, 0], size).pick(3, 0);
        }
        assert_eq!(table(&[0, 1], 101).slot_counts(), [0, 101]);
    }
}
