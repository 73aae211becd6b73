//! Which blocks of a DestinationRule hold for one port and subset (CL-2 to CL-4).

use crate::istio::mesh::MergedDestinationRule;
use crate::manifest::kinds::{
    ClientTls, ConnectionPool, LoadBalancer, MeshConfig, OutlierDetection, PortTrafficPolicy, RetryBudget, Subset,
    TrafficPolicy,
};
use crate::manifest::release::{Difference, Profile};

/// The blocks in force; None: Istio's defaults.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EffectivePolicy<'a> {
    pub(super) load_balancer: Option<&'a LoadBalancer>,
    pub(super) connection_pool: Option<&'a ConnectionPool>,
    pub(super) outlier_detection: Option<&'a OutlierDetection>,
    pub(super) tls: Option<&'a ClientTls>,
    pub(super) retry_budget: Option<&'a RetryBudget>,
}

impl<'a> EffectivePolicy<'a> {
    /// The policy of a port's default cluster: CL-2, then blocks still unset from the mesh (CL-4).
    pub(super) fn of_port(config: &'a MeshConfig, rule: Option<&'a MergedDestinationRule>, port: u16) -> Self {
        let mut policy = match rule.and_then(|r| r.traffic_policy.as_ref()) {
            None => EffectivePolicy::default(),
            Some(top) => match entries_for(&top.port_level_settings, port).next() {
                Some(entry) => EffectivePolicy::default().with_entry(entry),
                None => EffectivePolicy::default().with_blocks(top),
            },
        };
        if let Some(default) = &config.default_traffic_policy {
            policy.connection_pool = policy.connection_pool.or(default.connection_pool.as_ref());
            policy.outlier_detection = policy.outlier_detection.or(default.outlier_detection.as_ref());
        }
        policy
    }

    /// CL-3; `self` is the policy of the port's default cluster.
    pub(super) fn for_subset(self, subset: &'a Subset, port: u16, profile: Profile) -> Self {
        let Some(own) = &subset.traffic_policy else { return self };
        let mut policy = self.with_blocks(own);
        // VE-11: before, policies were merged without it.
        if !profile.has(Difference::RetryBudgetOfSubsets) {
            policy.retry_budget = None;
        }
        match entries_for(&own.port_level_settings, port).last() {
            Some(entry) => policy.with_entry(entry),
            None => policy,
        }
    }

    /// Blocks of `top` replace those of this policy, each as a whole.
    fn with_blocks(self, top: &'a TrafficPolicy) -> Self {
        EffectivePolicy {
            load_balancer: top.load_balancer.as_ref().or(self.load_balancer),
            connection_pool: top.connection_pool.as_ref().or(self.connection_pool),
            outlier_detection: top.outlier_detection.as_ref().or(self.outlier_detection),
            tls: top.tls.as_ref().or(self.tls),
            retry_budget: top.retry_budget.as_ref().or(self.retry_budget),
        }
    }

    /// An entry for the port replaces all blocks that such entries have, the unset ones too.
    fn with_entry(self, entry: &'a PortTrafficPolicy) -> Self {
        EffectivePolicy {
            load_balancer: entry.load_balancer.as_ref(),
            connection_pool: entry.connection_pool.as_ref(),
            outlier_detection: entry.outlier_detection.as_ref(),
            tls: entry.tls.as_ref(),
            ..self
        }
    }
}

fn entries_for(entries: &[PortTrafficPolicy], port: u16) -> impl Iterator<Item = &PortTrafficPolicy> {
    entries.iter().filter(move |e| e.port == Some(i64::from(port)))
}
