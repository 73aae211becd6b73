//! Which endpoint of a cluster a hash leads to, and the shares of endpoints (envoy-matching 10.4 to 10.9).

use crate::envoy::balance::hash::xx_hash;
use crate::envoy::balance::{Maglev, RingHash, RoundRobin};
use crate::envoy::table::{Cluster, Endpoint, LbPolicy};

/// Consistent hashing among the endpoints of one priority.
#[derive(Debug)]
pub(crate) enum Consistent {
    /// There is one endpoint, which has every hash.
    One,
    Ring(RingHash),
    Maglev(Maglev),
}

impl Consistent {
    /// None for policies that take no hash.
    pub(crate) fn new(lb: LbPolicy, endpoints: &[&Endpoint]) -> Option<Consistent> {
        if let (true, [one]) = (takes_hashes(lb), endpoints)
            && one.weight > 0
        {
            return Some(Consistent::One);
        }
        let hosts = || -> Vec<(String, u32)> { endpoints.iter().map(|e| (hash_key(e), e.weight)).collect() };
        match lb {
            LbPolicy::RingHash { minimum_ring_size } => {
                let least = minimum_ring_size.unwrap_or(RingHash::DEFAULT_MIN_SIZE);
                let ring = RingHash::new(&hosts(), least, RingHash::DEFAULT_MAX_SIZE);
                Some(Consistent::Ring(ring))
            }
            LbPolicy::Maglev { table_size } => {
                Some(Consistent::Maglev(Maglev::new(&hosts(), table_size.unwrap_or(Maglev::DEFAULT_TABLE_SIZE))))
            }
            LbPolicy::RoundRobin | LbPolicy::LeastRequest | LbPolicy::Random | LbPolicy::ClusterProvided => None,
        }
    }

    /// The endpoint of a hash, by its index. `attempt` is above 0 where a retry refused what was picked before (7.5).
    pub(crate) fn pick(&self, hash: u64, attempt: u32) -> usize {
        match self {
            Consistent::One => 0,
            Consistent::Ring(ring) => ring.pick(hash, attempt),
            Consistent::Maglev(table) => table.pick(hash, attempt),
        }
    }

    /// Of each endpoint, the share of hashes that lead to it.
    pub(crate) fn shares(&self) -> Vec<f64> {
        match self {
            Consistent::One => vec![1.0],
            Consistent::Ring(ring) => ring.endpoint_shares(),
            Consistent::Maglev(table) => table.endpoint_shares(),
        }
    }

    /// Hashes that stand for all, each with its share: of a ring one for each entry, which is exact for every attempt; of a Maglev
    /// table, whose attempts depend on the whole hash, a sample.
    pub(crate) fn typical_hashes(&self) -> Vec<(u64, f64)> {
        const SAMPLE: u32 = 1 << 16;
        match self {
            Consistent::One => vec![(0, 1.0)],
            Consistent::Ring(ring) => ring.arcs(),
            Consistent::Maglev(_) => {
                (0..SAMPLE).map(|i| (xx_hash(&i.to_le_bytes()), 1.0 / f64::from(SAMPLE))).collect()
            }
        }
    }
}

/// What a host is known by on a ring (10.4).
pub(crate) fn hash_key(e: &Endpoint) -> String {
    if e.address.contains(':') { format!("[{}]:{}", e.address, e.port) } else { format!("{}:{}", e.address, e.port) }
}

pub(crate) fn takes_hashes(lb: LbPolicy) -> bool {
    matches!(lb, LbPolicy::RingHash { .. } | LbPolicy::Maglev { .. })
}

/// Shares of one priority's endpoints where no hash is taken. Random ignores their weights (10.9).
pub(crate) fn endpoint_shares(cluster: &Cluster, endpoints: &[&Endpoint]) -> Vec<f64> {
    let weights: Vec<u32> =
        endpoints.iter().map(|e| if cluster.lb == LbPolicy::Random { 1 } else { e.weight }).collect();
    RoundRobin::endpoint_shares(&weights)
}
