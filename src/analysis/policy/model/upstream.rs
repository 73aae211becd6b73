//! One cluster of one proxy while requests run: who is busy, which connections there are, what its breakers count, which pod is next
//! (PA-15, PA-16, PA-50 to PA-53).

use std::collections::VecDeque;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::super::attempt::Ending;
use super::super::ejection::Detection;
use super::super::pool::Pool;
use super::outliers::Outliers;
use crate::envoy::balance::RoundRobin;
use crate::envoy::cluster_state::Consistent;
use crate::envoy::table::{CircuitBreakers, Endpoint, LbPolicy, UpstreamProtocol};

/// A cluster with its live counts.
#[derive(Debug)]
pub(super) struct Upstream<'p> {
    pub pods: Vec<LivePod<'p>>,
    lb: LbPolicy,
    breakers: CircuitBreakers,
    /// Many requests share a connection: none is waited for.
    pub multiplexed: bool,
    pub outliers: Option<Outliers>,
    /// When the first interval of its detection ended, and whether the end of another one is planned.
    pub phase_ms: f64,
    pub interval_planned: bool,
    /// Percent of healthy pods below which all are used (PA-65).
    panic_below: u32,
    /// Endpoints in all, ready or not.
    endpoints: usize,
    /// Indexes of the pods that balancing picks from.
    usable: Vec<usize>,
    in_turn: RoundRobin,
    hashing: Option<Consistent>,
    /// Attempts at pods, connections, requests that wait for one, and retries waiting or running.
    pub requests: u32,
    pub connections: u32,
    pub waiting: u32,
    pub retries: u32,
}

#[derive(Debug)]
pub(super) struct LivePod<'p> {
    endpoint: Option<&'p Endpoint>,
    share: f64,
    pub endings: Vec<Ending>,
    pub sticky: bool,
    pub active: u32,
    pub idle: u32,
    pub connections: u32,
    /// Requests that wait for a connection.
    pub queue: VecDeque<usize>,
}

impl<'p> Upstream<'p> {
    pub(super) fn new(
        pool: &Pool<'p>,
        per_try_ms: Option<f64>,
        rng: &mut ChaCha8Rng,
        with_limits: bool,
    ) -> Upstream<'p> {
        let live = |pod: &super::super::pool::Pod<'p>| LivePod {
            endpoint: pod.endpoint,
            share: pod.share,
            endings: pod.behaviour.endings(per_try_ms),
            sticky: pod.behaviour.sticky,
            active: 0,
            idle: 0,
            connections: 0,
            queue: VecDeque::new(),
        };
        let pods: Vec<LivePod<'p>> = pool.pods.iter().map(live).collect();
        let cluster = pool.cluster.filter(|_| with_limits);
        let endpoints = pool.cluster.map_or(1, |c| c.endpoints.len().max(1));
        let detection = cluster.and_then(|c| c.outlier_detection.as_ref()).map(Detection::of);
        let count = pods.len();
        let mut upstream = Upstream {
            lb: pool.lb(),
            breakers: cluster.map(|c| c.circuit_breakers).unwrap_or_default(),
            multiplexed: pool.cluster.is_some_and(|c| c.http.protocol == UpstreamProtocol::Http2),
            outliers: detection.map(|d| Outliers::new(d, endpoints, count)),
            phase_ms: detection.map_or(0.0, |d| d.interval_ms * rng.random::<f64>()),
            interval_planned: false,
            panic_below: cluster.map_or(0, |c| c.healthy_panic_threshold),
            endpoints,
            usable: Vec::new(),
            in_turn: RoundRobin::new(&[]),
            hashing: None,
            requests: 0,
            connections: 0,
            waiting: 0,
            retries: 0,
            pods,
        };
        upstream.rebalance();
        // Where a worker stands in its cycle is chance.
        let places = u32::try_from(count).unwrap_or(u32::MAX).max(1);
        for _ in 0..rng.random_range(0..places) {
            upstream.in_turn.next();
        }
        upstream
    }

    /// Health has changed: which pods are picked from.
    pub(super) fn rebalance(&mut self) {
        let is_out = |pod: usize| self.outliers.as_ref().is_some_and(|o| o.is_hidden(pod));
        let healthy: Vec<usize> = (0..self.pods.len()).filter(|pod| !is_out(*pod)).collect();
        let panics = healthy.len() * 100 < self.panic_below as usize * self.endpoints;
        self.usable = if panics { (0..self.pods.len()).collect() } else { healthy };
        let endpoints: Vec<Option<&Endpoint>> =
            self.usable.iter().filter_map(|pod| self.pods.get(*pod)).map(|pod| pod.endpoint).collect();
        let weights: Vec<u32> = endpoints.iter().map(|e| e.map_or(1, |e| e.weight)).collect();
        self.in_turn = RoundRobin::new(&weights);
        let listed: Option<Vec<&Endpoint>> = endpoints.into_iter().collect();
        self.hashing = listed.and_then(|all| Consistent::new(smaller(self.lb), &all));
    }

    /// Whether all pods are ejected.
    pub(super) fn is_empty(&self) -> bool {
        self.usable.is_empty()
    }

    /// The pod of an attempt: tried ones are refused up to `again` times. None: all are ejected.
    pub(super) fn pick(
        &mut self,
        tried: &[usize],
        again: u32,
        hash: Option<u64>,
        rng: &mut ChaCha8Rng,
    ) -> Option<usize> {
        let again = if tried.is_empty() { 0 } else { again };
        let hash = hash.unwrap_or_else(|| rng.random());
        let mut last = None;
        for attempt in 0..=again {
            let pod = self.pick_once(hash, attempt, rng)?;
            last = Some(pod);
            if !tried.contains(&pod) {
                break;
            }
        }
        last
    }

    fn pick_once(&mut self, hash: u64, attempt: u32, rng: &mut ChaCha8Rng) -> Option<usize> {
        if self.usable.is_empty() {
            return None;
        }
        if let Some(hashing) = &self.hashing {
            return self.usable.get(hashing.pick(hash, attempt)).copied();
        }
        if self.lb == LbPolicy::RoundRobin {
            let place = self.in_turn.next()?;
            return self.usable.get(place).copied();
        }
        let shares = self.usable.iter().filter_map(|pod| self.pods.get(*pod)).map(|pod| pod.share);
        let even = shares.clone().all(|share| Some(share) == shares.clone().next());
        match (self.lb, even) {
            // Two draws, and the one with fewer requests (PA-16).
            (LbPolicy::LeastRequest, true) => {
                let mut draw = || self.usable.get(rng.random_range(0..self.usable.len())).copied();
                let (first, second) = (draw()?, draw()?);
                let active = |pod: usize| self.pods.get(pod).map_or(0, |p| p.active);
                Some(if active(second) < active(first) { second } else { first })
            }
            // DEVIATION: Envoy takes pods of unequal weight by deadlines; here they are drawn with the same odds.
            (LbPolicy::LeastRequest, false) => self.draw(rng, |pod| pod.share / f64::from(pod.active + 1)),
            _ => self.draw(rng, |pod| pod.share),
        }
    }

    fn draw(&self, rng: &mut ChaCha8Rng, odds: impl Fn(&LivePod<'p>) -> f64) -> Option<usize> {
        let all = || self.usable.iter().filter_map(|pod| Some((*pod, odds(self.pods.get(*pod)?))));
        let mut left = rng.random::<f64>() * all().map(|(_, odds)| odds).sum::<f64>();
        let found = all().find(|(_, odds)| {
            left -= odds;
            left < 0.0
        });
        found.or_else(|| all().last()).map(|(pod, _)| pod)
    }

    /// No further attempt is sent to a pod (PA-50).
    pub(super) fn is_full(&self) -> bool {
        self.breakers.max_requests.is_some_and(|most| self.requests >= most)
    }

    /// No further request waits for a connection (PA-51).
    pub(super) fn queue_is_full(&self) -> bool {
        self.breakers.max_pending_requests.is_some_and(|most| self.waiting >= most)
    }

    /// A pod may always have one connection, whatever the limit.
    pub(super) fn may_connect(&self, pod: usize) -> bool {
        let has_none = self.pods.get(pod).is_some_and(|p| p.connections == 0);
        has_none || self.breakers.max_connections.is_none_or(|most| self.connections < most)
    }

    /// No further retry waits or runs (PA-52, PA-53).
    pub(super) fn retries_are_full(&self) -> bool {
        match self.breakers.retry_budget {
            Some(budget) => {
                let share = budget.percent / 100.0 * f64::from(self.requests + self.waiting);
                f64::from(self.retries) >= share.floor().max(f64::from(budget.min_retry_concurrency))
            }
            None => self.breakers.max_retries.is_some_and(|most| self.retries >= most),
        }
    }
}

/// Rings and tables are made anew at each ejection: large ones are no more exact than what is counted on them.
const ENTRIES_MAX: u64 = 65_537;

fn smaller(lb: LbPolicy) -> LbPolicy {
    let least = |size: Option<u64>| size.map(|size| size.min(ENTRIES_MAX));
    match lb {
        LbPolicy::RingHash { minimum_ring_size } => LbPolicy::RingHash { minimum_ring_size: least(minimum_ring_size) },
        LbPolicy::Maglev { table_size } => LbPolicy::Maglev { table_size: least(table_size) },
        other => other,
    }
}
