//! A table as Envoy's router check tool reads it for one test (envoy-matching 13.1): a fraction holds only for the runtime key
//! that the test enables, and internal requests need no TLS where only external ones do.

use std::sync::Arc;

use smol_str::SmolStr;

use super::model::{Test, Traffic};
use crate::envoy::table::{Route, RouteTable, RuntimeFraction, VirtualHost};

/// What of a test changes how tables are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    runtime: Option<SmolStr>,
    /// Only where it enables a key.
    random: u64,
    internal: bool,
}

impl Reading {
    pub(super) fn of(test: &Test) -> Reading {
        let Traffic::Requests(requests) = &test.traffic else {
            return Reading { runtime: None, random: 0, internal: false };
        };
        let internal =
            requests.iter().flat_map(|r| &r.headers).any(|(name, value)| name == "x-envoy-internal" && value == "true");
        let random = test.random.filter(|_| test.runtime.is_some()).unwrap_or(0);
        Reading { runtime: test.runtime.clone(), random, internal }
    }

    /// Whether a fraction holds: numerators of 0 are raised to 1.
    fn holds(&self, fraction: &RuntimeFraction) -> bool {
        let share = fraction.default;
        self.runtime.as_ref() == Some(&fraction.key)
            && self.random % u64::from(share.denominator.max(1)) < u64::from(share.numerator.max(1))
    }

    /// The table as it is read; None where it is read like any other.
    pub(super) fn table(&self, table: &RouteTable) -> Option<RouteTable> {
        if !table.route_configs.iter().flat_map(|c| &c.virtual_hosts).any(|host| self.changes(host)) {
            return None;
        }
        let mut out = table.clone();
        for config in &mut out.route_configs {
            let read =
                |host: &Arc<VirtualHost>| if self.changes(host) { Arc::new(self.host(host)) } else { host.clone() };
            config.virtual_hosts = config.virtual_hosts.iter().map(read).collect();
        }
        Some(out)
    }

    fn is_let_in(&self, host: &VirtualHost) -> bool {
        self.internal && host.further.as_ref().is_some_and(|f| f.internal_is_exempt)
    }

    fn changes(&self, host: &VirtualHost) -> bool {
        self.is_let_in(host) || host.routes.iter().any(|r| r.matcher.fraction.is_some())
    }

    fn host(&self, host: &VirtualHost) -> VirtualHost {
        let route = |route: &Arc<Route>| {
            let Some(fraction) = &route.matcher.fraction else { return route.clone() };
            let mut read = Route::clone(route);
            let conditions = &mut read.matcher.not_evaluated;
            conditions.retain(|what| !what.starts_with("runtime_fraction"));
            if !self.holds(fraction) {
                conditions.push("runtime_fraction".into());
            }
            Arc::new(read)
        };
        VirtualHost {
            require_tls: host.require_tls && !self.is_let_in(host),
            routes: host.routes.iter().map(route).collect(),
            ..host.clone()
        }
    }
}
