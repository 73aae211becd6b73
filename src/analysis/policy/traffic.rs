//! How much comes to a rule: only with it queues, breakers, ejection and live counts mean anything.

/// The requests of one rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Traffic {
    /// None: nobody said; then only closed laws hold.
    pub arrivals: Option<Arrivals>,
    /// Client proxies that share these requests evenly, 1 or more. Each counts, breaks and ejects for itself.
    pub clients: u32,
    /// Requests of one client proxy that the event model counts.
    pub requests: u64,
    pub seed: u64,
}

/// When requests come, those of all client proxies together.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(not(any(feature = "cli", test)), expect(dead_code, reason = "the library has no way to say how much comes"))]
pub(crate) enum Arrivals {
    /// At random times, so many a second, above 0.
    Rate(f64),
    /// So many at a time, 1 or more: each that ends is followed by the next at once.
    Concurrency(u32),
}

impl Traffic {
    /// Nobody said how much comes.
    #[cfg(any(test, all(feature = "verify", unix)))]
    pub(crate) fn unknown(seed: u64) -> Traffic {
        Traffic { arrivals: None, clients: 1, requests: 0, seed }
    }

    /// What comes through one client proxy.
    pub(super) fn of_one_client(&self) -> Option<Arrivals> {
        let clients = self.clients.max(1);
        self.arrivals.map(|arrivals| match arrivals {
            Arrivals::Rate(rate) => Arrivals::Rate(rate / f64::from(clients)),
            Arrivals::Concurrency(all) => Arrivals::Concurrency(all.div_ceil(clients).max(1)),
        })
    }
}
