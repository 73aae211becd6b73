//! The event model: one client proxy, its clusters with live counts, and requests that come one after the other or at random times.
//!
//! It is for what has no closed law: which pods are busy, queues, breakers, ejection. All draws come from one generator keyed by the
//! seed, and events at the same time happen in the order in which they were planned, so the same seed gives the same counts.

mod outliers;
mod queue;
mod tally;
mod upstream;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Exp1};

use super::attempt::{Ending, What};
use super::back_off;
use super::consequences::{Consequences, Method};
use super::end::End;
use super::pool::Found;
use super::route::Plan;
use super::traffic::Arrivals;
use crate::envoy::table::ClusterName;
use outliers::Delivery;
use queue::{Event, Queue};
use tally::Tally;
use upstream::Upstream;

/// Time to open a connection, in milliseconds: that of a fast network. It is what fast failures cost.
const CONNECT_MS: f64 = 0.2;
/// Time that the proxies on the way add to a request.
const OVERHEAD_MS: f64 = 0.2;
/// Requests that the model counts where it stands in for a law.
const IN_PLACE_OF_A_LAW: u64 = 100_000;

/// Counts what becomes of the requests of one client proxy.
pub(super) fn run(plan: &Plan<'_>, arrivals: Arrivals, requests: u64, seed: u64) -> Consequences {
    Model::new(plan, Some(arrivals), requests, seed).counted()
}

/// The same for requests that come one by one, without what depends on requests in flight.
pub(super) fn one_at_a_time(plan: &Plan<'_>, seed: u64) -> Consequences {
    Model::new(plan, None, IN_PLACE_OF_A_LAW, seed).counted()
}

struct Model<'p> {
    plan: &'p Plan<'p>,
    /// None: one at a time, without limits.
    arrivals: Option<Arrivals>,
    wanted: u64,
    seed: u64,
    rng: ChaCha8Rng,
    now: f64,
    queue: Queue,
    upstreams: Vec<Upstream<'p>>,
    /// The upstream of each destination, then of each mirror; None: there is none to send to.
    goals: Vec<Option<usize>>,
    /// Limits of the waits between attempts.
    caps: Vec<u32>,
    requests: Vec<Request>,
    /// Places in `requests` that are free again.
    free: Vec<usize>,
    tally: Tally,
}

/// One request, or a copy of one.
#[derive(Debug, Clone, Default)]
struct Request {
    /// Index of its destination, or behind all of these of its mirror.
    goal: usize,
    upstream: usize,
    is_copy: bool,
    /// When its timeout began to run, and how long it was delayed before.
    began: f64,
    delayed: f64,
    attempts: u32,
    tried: Vec<usize>,
    hash: Option<u64>,
    done: bool,
    in_retry: bool,
    at: At,
    /// Of the attempt under way.
    serial: u32,
    pod: usize,
    ending: Option<Ending>,
    /// The ending that sticks to it.
    stuck: Option<Ending>,
    /// Events that name it, the last of which frees its place.
    named: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum At {
    #[default]
    Nowhere,
    /// It waits for a connection.
    Queue,
    Pod,
    /// A connection is refused to it.
    Connecting,
}

impl<'p> Model<'p> {
    fn new(plan: &'p Plan<'p>, arrivals: Option<Arrivals>, wanted: u64, seed: u64) -> Model<'p> {
        let mut key = *b"what follows from assumptions...";
        if let Some(first) = key.first_chunk_mut() {
            *first = seed.to_le_bytes();
        }
        let mut rng = ChaCha8Rng::from_seed(key);
        let mut names: Vec<&ClusterName> = Vec::new();
        let (mut upstreams, mut goals) = (Vec::new(), Vec::new());
        for goal in plan.destinations.iter().chain(&plan.mirrors) {
            let Some(pool) = goal.pool() else {
                goals.push(None);
                continue;
            };
            // Mirrors count in the very cluster that real traffic uses (PA-40).
            let known = names.iter().position(|name| *name == goal.name).unwrap_or_else(|| {
                names.push(goal.name);
                upstreams.push(Upstream::new(pool, plan.per_try_ms, &mut rng, arrivals.is_some()));
                upstreams.len() - 1
            });
            goals.push(Some(known));
        }
        let caps = plan.forward.retry.as_ref().map(|r| back_off::caps(r).collect()).unwrap_or_default();
        let tally = Tally::new(plan);
        Model {
            plan,
            arrivals,
            wanted,
            seed,
            rng,
            now: 0.0,
            queue: Queue::default(),
            upstreams,
            goals,
            caps,
            requests: Vec::new(),
            free: Vec::new(),
            tally,
        }
    }

    fn counted(mut self) -> Consequences {
        match self.arrivals {
            Some(Arrivals::Rate(_)) => self.plan_arrival(),
            Some(Arrivals::Concurrency(clients)) => {
                (0..u64::from(clients).min(self.wanted)).for_each(|_| self.queue.plan(0.0, Event::Arrival));
            }
            None => self.queue.plan(0.0, Event::Arrival),
        }
        while let Some((ms, event)) = self.queue.next() {
            self.now = ms;
            self.happens(event);
        }
        let method = Method::Model { seed: self.seed, requests: self.tally.requests() };
        self.tally.consequences(self.plan, method)
    }

    /// Plans the end of the next interval of detection that can change something.
    fn plan_interval(&mut self, upstream: usize) {
        let Some(u) = self.upstreams.get_mut(upstream).filter(|u| !u.interval_planned) else { return };
        let Some(outliers) = &u.outliers else { return };
        if let Some(ms) = outliers.next_interval(self.now, u.phase_ms) {
            u.interval_planned = true;
            self.queue.plan(ms, Event::Interval { upstream });
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrival => self.arrival(),
            Event::Attempt { request } => {
                self.unname(request);
                self.attempt(request);
            }
            Event::Connected { upstream, pod } => self.connected(upstream, pod),
            Event::Ended { request, serial } => {
                self.unname(request);
                self.ended(request, serial);
            }
            Event::Timeout { request } => {
                self.unname(request);
                self.timeout(request);
            }
            Event::Interval { upstream } => {
                let now = self.now;
                let Some(u) = self.upstreams.get_mut(upstream) else { return };
                u.interval_planned = false;
                let deliveries = u.outliers.as_mut().map(|o| o.interval(now)).unwrap_or_default();
                deliveries.into_iter().for_each(|delivery| self.deliver(upstream, delivery));
                self.plan_interval(upstream);
            }
            Event::Notice { upstream } => {
                let now = self.now;
                if let Some(u) = self.upstreams.get_mut(upstream) {
                    u.outliers.iter_mut().for_each(|o| o.deliver(now));
                    u.rebalance();
                }
            }
        }
        self.release(event);
    }

    /// The place of a request that is over, and that nothing names any more, is free.
    fn release(&mut self, event: Event) {
        let (Event::Attempt { request } | Event::Ended { request, .. } | Event::Timeout { request }) = event else {
            return;
        };
        if let Some(r) = self.requests.get(request)
            && r.done
            && r.named == 0
            && r.at == At::Nowhere
        {
            self.free.push(request);
        }
    }

    fn unname(&mut self, request: usize) {
        if let Some(r) = self.requests.get_mut(request) {
            r.named = r.named.saturating_sub(1);
        }
    }

    fn plan_of(&mut self, request: usize, ms: f64, event: Event) {
        if let Some(r) = self.requests.get_mut(request) {
            r.named += 1;
            self.queue.plan(ms, event);
        }
    }

    fn plan_arrival(&mut self) {
        if let (Some(Arrivals::Rate(rate)), true) = (self.arrivals, self.tally.arrived < self.wanted) {
            let gap: f64 = Exp1.sample(&mut self.rng);
            self.queue.plan(self.now + gap * 1000.0 / rate, Event::Arrival);
        }
    }

    /// A new request: faults, the destination, copies, and the first attempt (PA-1).
    fn arrival(&mut self) {
        if self.tally.arrived >= self.wanted {
            return;
        }
        self.tally.arrived += 1;
        let delay = self.plan.delay.filter(|(share, _)| self.rng.random::<f64>() < *share).map_or(0.0, |(_, ms)| ms);
        let abort = self.plan.abort.filter(|(share, _)| self.rng.random::<f64>() < *share);
        let goal = self.destination();
        let upstream = self.goals.get(goal).copied().flatten();
        if let Some((_, status)) = abort {
            self.tally.ended(End::abort(status), None, 0, delay);
            self.tally.copied(0);
            return self.follow(delay);
        }
        let Some(upstream) = upstream else {
            if let Some(Found::Lost(end, attempts)) = self.plan.destinations.get(goal).map(|d| &d.found) {
                self.tally.ended(*end, Some(goal), *attempts, delay);
                self.tally.copied(0);
            }
            return self.follow(delay);
        };
        let hash = self.plan.hashed.then(|| self.rng.random());
        let began = self.now + delay;
        let request = Request { goal, upstream, began, delayed: delay, hash, ..Request::default() };
        let request = self.put(request);
        if let Some(timeout) = self.plan.timeout_ms {
            self.plan_of(request, began + timeout, Event::Timeout { request });
        }
        if delay > 0.0 {
            self.plan_of(request, began, Event::Attempt { request });
        } else {
            self.attempt(request);
        }
        self.copies(began, hash);
        self.plan_arrival();
    }

    /// In a closed loop another request follows the one that is over; else the next one comes at its own time.
    fn follow(&mut self, after: f64) {
        match self.arrivals {
            Some(Arrivals::Rate(_)) => self.plan_arrival(),
            _ => self.queue.plan(self.now + after + OVERHEAD_MS, Event::Arrival),
        }
    }

    fn put(&mut self, request: Request) -> usize {
        match self.free.pop() {
            Some(place) => {
                if let Some(free) = self.requests.get_mut(place) {
                    *free = request;
                }
                place
            }
            None => {
                self.requests.push(request);
                self.requests.len() - 1
            }
        }
    }

    fn destination(&mut self) -> usize {
        let mut left = self.rng.random::<f64>();
        let found = self.plan.destinations.iter().position(|d| {
            left -= d.share;
            left < 0.0
        });
        found.unwrap_or(self.plan.destinations.len().saturating_sub(1))
    }

    /// Copies to mirrors: all fractions are held against one number (PA-41).
    fn copies(&mut self, at: f64, hash: Option<u64>) {
        let drawn = self.rng.random::<f64>();
        let mut copies = 0;
        for (i, mirror) in self.plan.mirrors.iter().enumerate() {
            let goal = self.plan.destinations.len() + i;
            let Some(upstream) = self.goals.get(goal).copied().flatten().filter(|_| drawn < mirror.share) else {
                continue;
            };
            // A copy that finds nobody is none.
            if self.upstreams.get(upstream).is_none_or(Upstream::is_empty) {
                continue;
            }
            copies += 1;
            let request = Request { goal, upstream, began: at, hash, is_copy: true, ..Request::default() };
            let request = self.put(request);
            if let Some(timeout) = self.plan.timeout_ms {
                self.plan_of(request, at + timeout, Event::Timeout { request });
            }
            self.plan_of(request, at, Event::Attempt { request });
        }
        self.tally.copied(copies);
    }

    fn attempt(&mut self, request: usize) {
        let again = self.plan.again();
        let Some(r) = self.requests.get_mut(request).filter(|r| !r.done) else { return };
        let upstream = r.upstream;
        let Some(u) = self.upstreams.get_mut(upstream) else { return };
        r.attempts += 1;
        r.at = At::Nowhere;
        let Some(pod) = u.pick(&r.tried, again, r.hash, &mut self.rng) else {
            return self.finish(request, End::no_pods());
        };
        r.tried.push(pod);
        r.pod = pod;
        r.serial += 1;
        let Some(live) = u.pods.get_mut(pod) else { return };
        let ending = match r.stuck {
            Some(stuck) => stuck,
            None => drawn(&live.endings, &mut self.rng),
        };
        r.stuck = r.stuck.or(live.sticky.then_some(ending));
        r.ending = Some(ending);
        if ending.what == What::Failed(crate::traffic::scenario::FailureKind::Refused) {
            r.at = At::Connecting;
            let serial = r.serial;
            self.tally.attempted(r.goal, pod);
            let at = self.now + CONNECT_MS + ending.ms;
            return self.plan_of(request, at, Event::Ended { request, serial });
        }
        if live.idle > 0 || u.multiplexed {
            if u.is_full() {
                return self.finish(request, End::overflow());
            }
            if let Some(live) = u.pods.get_mut(pod) {
                live.idle = live.idle.saturating_sub(1);
            }
            return self.send(request);
        }
        if u.queue_is_full() {
            return self.finish(request, End::overflow());
        }
        r.at = At::Queue;
        u.waiting += 1;
        if let Some(live) = u.pods.get_mut(pod) {
            live.queue.push_back(request);
        }
        self.connect(upstream, pod);
    }

    /// Opens another connection to a pod, where the limit allows one.
    fn connect(&mut self, upstream: usize, pod: usize) {
        let Some(u) = self.upstreams.get_mut(upstream).filter(|u| u.may_connect(pod)) else { return };
        u.connections += 1;
        if let Some(live) = u.pods.get_mut(pod) {
            live.connections += 1;
        }
        self.queue.plan(self.now + CONNECT_MS, Event::Connected { upstream, pod });
    }

    /// A connection is free: the first request that waits takes it.
    fn connected(&mut self, upstream: usize, pod: usize) {
        loop {
            let Some(u) = self.upstreams.get_mut(upstream) else { return };
            let full = u.is_full();
            let Some(live) = u.pods.get_mut(pod) else { return };
            let Some(request) = live.queue.pop_front() else {
                live.idle += 1;
                return;
            };
            u.waiting = u.waiting.saturating_sub(1);
            if let Some(r) = self.requests.get_mut(request) {
                r.at = At::Nowhere;
            }
            if !full {
                return self.send(request);
            }
            self.finish(request, End::overflow());
        }
    }

    /// The attempt goes to its pod, on a connection that it has.
    fn send(&mut self, request: usize) {
        let Some(r) = self.requests.get_mut(request) else { return };
        let (Some(u), Some(ending)) = (self.upstreams.get_mut(r.upstream), r.ending) else { return };
        u.requests += 1;
        if let Some(live) = u.pods.get_mut(r.pod) {
            live.active += 1;
        }
        r.at = At::Pod;
        self.tally.attempted(r.goal, r.pod);
        let waits: f64 = ending.waits.iter().map(|cap| f64::from(self.rng.random_range(0..*cap))).sum();
        let (serial, at) = (r.serial, self.now + ending.ms + waits + OVERHEAD_MS / 2.0);
        if at.is_finite() {
            return self.plan_of(request, at, Event::Ended { request, serial });
        }
        if self.plan.timeout_ms.is_none() {
            // It stays where it is, and the client waits for ever.
            let (goal, attempts, is_copy) = (r.goal, r.attempts, r.is_copy);
            r.done = true;
            if !is_copy {
                self.tally.ended(End::never(), Some(goal), attempts, f64::INFINITY);
            }
        }
    }

    /// The attempt leaves its pod, whose connection is free again, or closed.
    fn leave(&mut self, request: usize, closes: bool) {
        let Some(r) = self.requests.get_mut(request).filter(|r| r.at == At::Pod) else { return };
        r.at = At::Nowhere;
        let (upstream, pod) = (r.upstream, r.pod);
        let Some(u) = self.upstreams.get_mut(upstream) else { return };
        u.requests = u.requests.saturating_sub(1);
        let Some(live) = u.pods.get_mut(pod) else { return };
        live.active = live.active.saturating_sub(1);
        if u.multiplexed {
            return;
        }
        if !closes {
            return self.connected(upstream, pod);
        }
        live.connections = live.connections.saturating_sub(1);
        let waits = !live.queue.is_empty();
        u.connections = u.connections.saturating_sub(1);
        if waits {
            self.connect(upstream, pod);
        }
    }

    fn ended(&mut self, request: usize, serial: u32) {
        let Some(r) = self.requests.get(request).filter(|r| r.serial == serial && !r.done) else { return };
        if r.at == At::Nowhere {
            return;
        }
        let (Some(ending), upstream, pod) = (r.ending, r.upstream, r.pod) else { return };
        let closes = closes(ending.what);
        match r.at {
            At::Pod => self.leave(request, closes),
            _ => self.requests.iter_mut().skip(request).take(1).for_each(|r| r.at = At::Nowhere),
        }
        let now = self.now;
        let outliers = self.upstreams.get_mut(upstream).and_then(|u| u.outliers.as_mut());
        let delivery = outliers.map_or(Delivery::Nothing, |o| o.ended(pod, ending.what, now));
        self.deliver(upstream, delivery);
        self.next_or_end(request, ending.what);
    }

    /// What an attempt or an interval did to the health of pods.
    fn deliver(&mut self, upstream: usize, delivery: Delivery) {
        match delivery {
            Delivery::Nothing => {}
            Delivery::Now => {
                if let Some(u) = self.upstreams.get_mut(upstream) {
                    u.rebalance();
                }
            }
            Delivery::At(ms) => self.queue.plan(ms, Event::Notice { upstream }),
        }
        self.plan_interval(upstream);
    }

    /// After an attempt: another one, if it failed so and there is room, or the request's end.
    fn next_or_end(&mut self, request: usize, what: What) {
        let Some(r) = self.requests.get_mut(request) else { return };
        let Some(u) = self.upstreams.get_mut(r.upstream) else { return };
        if std::mem::take(&mut r.in_retry) {
            u.retries = u.retries.saturating_sub(1);
        }
        let retried = self.plan.forward.retry.as_ref().is_some_and(|policy| what.is_retried(policy));
        let cap = self.caps.get(r.attempts as usize - 1).copied().filter(|_| retried && !r.is_copy);
        let Some(cap) = cap else { return self.finish(request, End::of_attempt(what, retried)) };
        if u.retries_are_full() {
            return self.finish(request, End::retry_overflow(what));
        }
        u.retries += 1;
        r.in_retry = true;
        let wait = f64::from(self.rng.random_range(0..cap));
        self.plan_of(request, self.now + wait, Event::Attempt { request });
    }

    fn timeout(&mut self, request: usize) {
        let Some(r) = self.requests.get(request).filter(|r| !r.done) else { return };
        let (upstream, pod, at, attempts) = (r.upstream, r.pod, r.at, r.attempts);
        match at {
            At::Queue => {
                if let Some(u) = self.upstreams.get_mut(upstream) {
                    u.waiting = u.waiting.saturating_sub(1);
                    if let Some(live) = u.pods.get_mut(pod) {
                        live.queue.retain(|waiting| *waiting != request);
                    }
                }
            }
            At::Pod => {
                self.leave(request, true);
                let now = self.now;
                let outliers = self.upstreams.get_mut(upstream).and_then(|u| u.outliers.as_mut());
                let delivery = outliers.map_or(Delivery::Nothing, |o| o.timed_out(pod, now));
                self.deliver(upstream, delivery);
            }
            At::Nowhere | At::Connecting => {}
        }
        let awaited = if at == At::Nowhere { attempts + 1 } else { attempts };
        if let Some(r) = self.requests.get_mut(request) {
            r.at = At::Nowhere;
            if !r.is_copy {
                self.tally.cut(awaited);
            }
        }
        self.finish(request, End::timeout());
    }

    fn finish(&mut self, request: usize, end: End) {
        let Some(r) = self.requests.get_mut(request).filter(|r| !r.done) else { return };
        r.done = true;
        if std::mem::take(&mut r.in_retry)
            && let Some(u) = self.upstreams.get_mut(r.upstream)
        {
            u.retries = u.retries.saturating_sub(1);
        }
        if r.is_copy {
            return;
        }
        self.tally.ended(end, Some(r.goal), r.attempts, self.now - r.began + r.delayed);
        if !matches!(self.arrivals, Some(Arrivals::Rate(_))) {
            self.follow(0.0);
        }
    }
}

fn drawn(endings: &[Ending], rng: &mut ChaCha8Rng) -> Ending {
    let mut left = rng.random::<f64>();
    let found = endings.iter().find(|e| {
        left -= e.share;
        left < 0.0
    });
    let never = Ending { share: 1.0, what: What::Success, ms: 0.0, waits: &[] };
    found.or(endings.last()).copied().unwrap_or(never)
}

/// Whether the connection of an attempt is gone after it.
fn closes(what: What) -> bool {
    use crate::traffic::scenario::FailureKind as Kind;
    matches!(what, What::PerTryTimeout | What::Failed(Kind::Reset | Kind::Garbage | Kind::Hang))
}
