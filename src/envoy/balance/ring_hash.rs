//! Ketama ring hashing (envoy-matching 10.4).

use super::hash::xx_hash;
use super::normalize;
use crate::order::Order as _;

/// A ring of hashes, each of which leads to a host. The same hosts in the same order make the same ring as in Envoy.
///
/// Building takes `O(size log size)`, a pick `O(log size)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RingHash {
    /// Ascending by hash.
    entries: Vec<(u64, u32)>,
    host_count: usize,
}

impl RingHash {
    /// Envoy's default for the smallest size of a ring, in entries.
    pub(crate) const DEFAULT_MIN_SIZE: u64 = 1024;
    /// Envoy's default for the largest size of a ring, in entries, and the most that it accepts.
    pub(crate) const DEFAULT_MAX_SIZE: u64 = 8_388_608;

    /// Builds the ring of `hosts`: their keys and weights.
    ///
    /// The key is the endpoint's `envoy.lb/hash_key` metadata, else its host name if the cluster hashes host names, else
    /// `ip:port`. The ring has about `min_size` entries or more, so that the lightest host gets whole entries, but not
    /// more than about `max_size`. Without hosts, or with weights of 0 alone, the ring is empty.
    #[must_use]
    pub(crate) fn new(hosts: &[(String, u32)], min_size: u64, max_size: u64) -> RingHash {
        let mut entries: Vec<(u64, u32)> = Vec::new();
        if let Some(weights) = normalize(hosts.iter().map(|h| h.1)) {
            let max_size = max_size.min(Self::DEFAULT_MAX_SIZE);
            // A host of weight 0, which Envoy does not know, would ask for an endless ring.
            let lightest = if weights.min > 0.0 { weights.min } else { 1.0 };
            let scale = ((lightest * min_size as f64).ceil() / lightest).min(max_size as f64);
            entries.reserve(scale.ceil() as usize);
            let mut target = 0.0;
            let mut current = 0.0;
            let mut text = Vec::new();
            for (host, ((key, _), share)) in (0u32..).zip(hosts.iter().zip(&weights.shares)) {
                target += scale * share;
                text.clear();
                text.extend_from_slice(key.as_bytes());
                text.push(b'_');
                let stem = text.len();
                let mut number = 0u64;
                while current < target {
                    text.truncate(stem);
                    text.extend_from_slice(number.to_string().as_bytes());
                    entries.push((xx_hash(&text), host));
                    number += 1;
                    current += 1.0;
                }
            }
            // DEVIATION: Envoy leaves the order of equal hashes open; here the earlier host comes first.
            entries.order_alike();
        }
        RingHash { entries, host_count: hosts.len() }
    }

    /// The number of entries.
    #[cfg(test)]
    pub(crate) fn size(&self) -> usize {
        self.entries.len()
    }

    /// The host for a hash, as an index into the list that the ring was built of; 0 where the ring is empty.
    ///
    /// `attempt` is 0 at first. When the picked host is refused by a retry predicate Envoy asks again with 1, 2 and so on
    /// (envoy-matching 7.5), which goes on to the next entries.
    #[must_use]
    pub(crate) fn pick(&self, hash: u64, attempt: u32) -> usize {
        let first = self.entries.partition_point(|entry| entry.0 < hash);
        let index = (first + attempt as usize).checked_rem(self.entries.len()).unwrap_or(0);
        self.entries.get(index).map_or(0, |entry| entry.1 as usize)
    }

    /// How many of the 2⁶⁴ hashes lead to each host at the first attempt. All are 0 where the ring is empty.
    #[must_use]
    pub(crate) fn hash_counts(&self) -> Vec<u128> {
        let mut counts = vec![0u128; self.host_count];
        let mut add = |host: u32, count: u128| {
            if let Some(sum) = counts.get_mut(host as usize) {
                *sum += count;
            }
        };
        // An entry answers for the hashes above the entry before it; of equal entries the first has them all.
        let mut below: Option<u64> = None;
        for &(hash, host) in &self.entries {
            let count = match below {
                None => u128::from(hash) + 1,
                Some(below) => u128::from(hash - below),
            };
            add(host, count);
            below = Some(hash);
        }
        if let (Some(first), Some(last)) = (self.entries.first(), below) {
            add(first.1, u128::from(u64::MAX - last));
        }
        counts
    }

    /// Every entry that some hash leads to: its hash, and the share of hashes that come to it first, above 0.
    pub(crate) fn arcs(&self) -> Vec<(u64, f64)> {
        let mut hashes: Vec<u64> = self.entries.iter().map(|(hash, _)| *hash).collect();
        hashes.dedup();
        // The first has also the hashes behind the last one.
        let Some(mut below) = hashes.last().copied() else { return Vec::new() };
        let arc = |hash: u64| {
            let width = hash.wrapping_sub(below);
            below = hash;
            // Where all entries have one hash, it has everything.
            (hash, if width == 0 { 1.0 } else { width as f64 / 2f64.powi(64) })
        };
        hashes.into_iter().map(arc).collect()
    }

    /// The share of each host when hashes are uniform: the requests that end there in the long run, between 0 and 1.
    #[must_use]
    pub(crate) fn endpoint_shares(&self) -> Vec<f64> {
        self.hash_counts().into_iter().map(|count| count as f64 / 2f64.powi(64)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::balance::hash::xx_hash;

    fn ring(weights: &[u32], min: u64) -> RingHash {
        let hosts: Vec<_> = (1..).zip(weights).map(|(i, w)| (format!("10.0.0.{i}:80"), *w)).collect();
        RingHash::new(&hosts, min, RingHash::DEFAULT_MAX_SIZE)
    }

    fn entry_counts(ring: &RingHash) -> Vec<usize> {
        (0..ring.host_count).map(|host| ring.entries.iter().filter(|e| e.1 as usize == host).count()).collect()
    }

    #[test]
    fn lb_c_ring_entries() {
        let equal = ring(&[1, 1, 1], 1024);
        assert_eq!(equal.size(), 1026);
        let first = [(0x0067_4c93_dec9_02e6, 2), (0x00d3_8a7b_b147_075a, 1), (0x0126_bb73_cf29_29fd, 1)];
        assert_eq!(equal.entries[..3], first);
        assert_eq!(entry_counts(&ring(&[1, 2, 1], 64)), [16, 32, 16]);
        assert_eq!(ring(&[1, 1, 1, 1], 1024).size(), 1024);
        assert_eq!(ring(&[1, 2, 1, 3], 64).size(), 70);
    }

    #[test]
    fn lb_c_ring_picks() {
        let (equal, weighted) = (ring(&[1, 1, 1], 1024), ring(&[1, 2, 1], 64));
        let table = [
            ("key0", [2, 1, 1], 0),
            ("key1", [2, 2, 0], 1),
            ("key2", [1, 1, 0], 0),
            ("key3", [2, 0, 0], 0),
            ("alice", [1, 2, 2], 2),
            ("bob", [0, 0, 2], 2),
        ];
        for (key, attempts, other) in table {
            let hash = xx_hash(key.as_bytes());
            assert_eq!([0, 1, 2].map(|k| equal.pick(hash, k)), attempts, "{key}");
            assert_eq!(weighted.pick(hash, 0), other, "{key}");
        }
    }

    #[test]
    fn lb_10_4_shares_are_complete() {
        for weights in [&[1, 1, 1][..], &[1, 2, 1, 3], &[7]] {
            let ring = ring(weights, 64);
            assert_eq!(ring.hash_counts().iter().sum::<u128>(), 1 << 64);
            assert!((ring.endpoint_shares().iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let mut of_arcs = vec![0.0; weights.len()];
            ring.arcs().iter().for_each(|(hash, share)| of_arcs[ring.pick(*hash, 0)] += share);
            for (a, b) in of_arcs.iter().zip(ring.endpoint_shares()) {
                assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }
    }

    #[test]
    fn lb_10_4_edges_of_the_ring() {
        let ring = ring(&[1, 1, 1], 64);
        let (first, last) = (ring.entries[0], ring.entries[ring.size() - 1]);
        assert_eq!(ring.pick(0, 0), first.1 as usize);
        assert_eq!(ring.pick(last.0, 0), last.1 as usize);
        assert_eq!(ring.pick(u64::MAX, 0), first.1 as usize);
        assert!(ring.entries.iter().all(|(hash, host)| ring.pick(*hash, 0) == *host as usize));
        let max = RingHash::new(&[("a".into(), 1), ("b".into(), 1)], 1024, 10);
        assert_eq!(max.size(), 10);
    }

    #[test]
    fn lb_10_4_of_equal_entries_the_first_has_all() {
        let ring = |entries: &[(u64, u32)]| RingHash { entries: entries.to_vec(), host_count: 2 };
        let several = ring(&[(5, 0), (5, 1), (9, 1)]);
        assert_eq!(several.pick(5, 0), 0);
        assert_eq!(several.arcs(), [(5, 1.0 - 4.0 / 2f64.powi(64)), (9, 4.0 / 2f64.powi(64))]);
        for alone in [&[(5, 1)][..], &[(5, 0), (5, 1)]] {
            assert_eq!(ring(alone).arcs(), [(5, 1.0)]);
        }
    }

    #[test]
    fn nothing_to_pick_from_is_host_0() {
        for weights in [&[][..], &[0, 0]] {
            let ring = ring(weights, 64);
            assert_eq!((ring.size(), ring.pick(5, 3)), (0, 0));
            assert_eq!(ring.hash_counts(), vec![0; weights.len()]);
        }
    }
}
