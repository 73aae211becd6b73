//! What happens when: the events that are still to come, the earliest first, and of equal ones the one that was planned first.

use std::collections::BinaryHeap;

use crate::envoy::balance::Due;

/// Something that happens at a time. Requests, upstreams and pods are indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// A client sends a request.
    Arrival,
    /// A request's next attempt begins: the first one after a fault's delay, others after their back-off.
    Attempt { request: usize },
    /// A connection is there.
    Connected { upstream: usize, pod: usize },
    /// An attempt ends by itself. `serial` is that of the attempt; the event of one that was given up means nothing.
    Ended { request: usize, serial: u32 },
    /// The route's timeout of a request.
    Timeout { request: usize },
    /// The interval of an upstream's outlier detection.
    Interval { upstream: usize },
    /// Merged health changes reach an upstream's balancing.
    Notice { upstream: usize },
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    /// By milliseconds.
    heap: BinaryHeap<Due<Event>>,
    planned: u64,
    /// Events that are no mere intervals.
    alive: usize,
}

impl Queue {
    /// Plans an event at a time in milliseconds.
    pub(super) fn plan(&mut self, ms: f64, event: Event) {
        self.planned += 1;
        self.alive += usize::from(!matches!(event, Event::Interval { .. }));
        self.heap.push(Due { at: ms, order: self.planned, item: event });
    }

    /// The next one; None where nothing is left but intervals, which go on for ever.
    pub(super) fn next(&mut self) -> Option<(f64, Event)> {
        if self.alive == 0 {
            return None;
        }
        let due = self.heap.pop()?;
        self.alive -= usize::from(!matches!(due.item, Event::Interval { .. }));
        Some((due.at, due.item))
    }
}
