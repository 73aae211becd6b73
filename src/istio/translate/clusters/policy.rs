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
    /// The rule has a policy outside of its subsets.
    has_top: bool,
}

impl<'a> EffectivePolicy<'a> {
    /// The policy of a port's default cluster: CL-2, then blocks still unset from the mesh (CL-4).
    pub(super) fn of_port(config: &'a MeshConfig, rule: Option<&'a MergedDestinationRule>, port: u16) -> Self {
        let mut policy = match rule.and_then(|r| r.traffic_policy.as_deref()) {
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
        policy.has_top = rule.is_some_and(|r| r.traffic_policy.is_some());
        policy
    }

    /// CL-3; `self` is the policy of the port's default cluster.
    pub(super) fn for_subset(self, subset: &'a Subset, port: u16, profile: Profile) -> Self {
        let Some(own) = &subset.traffic_policy else { return self };
        let mut policy = self.with_blocks(own);
        let has_entry = entries_for(&own.port_level_settings, port).next().is_some();
        // VE-11: before, it was lost where two policies were merged, or where an entry for the port stood for one.
        if !profile.has(Difference::RetryBudgetOfSubsets) && (self.has_top || has_entry) {
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
            has_top: self.has_top,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::istio::mesh::test_support::mesh_for;

    /// The percent that holds for a subset, by release.
    fn percent(release: &str, top: &str, own: &str) -> Option<f64> {
        let rule = format!(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: a, namespace: default}}\nspec: {{host: \
             a.b, {top}subsets: [{{name: v1, trafficPolicy: {{loadBalancer: {{simple: RANDOM}}{own}}}}}]}}\n"
        );
        let mesh = mesh_for(release, &rule);
        let rule = mesh.destination_rules.all().next().expect("a rule");
        let base = EffectivePolicy::of_port(&mesh.config, Some(rule), 80);
        base.for_subset(&rule.subsets[0], 80, mesh.profile).retry_budget.and_then(|b| b.percent)
    }

    #[test]
    fn ve11_retry_budgets_of_subsets() {
        const TOP: &str = "trafficPolicy: {retryBudget: {percent: 50}}, ";
        const OWN: &str = ", retryBudget: {percent: 30}";
        const ENTRY: &str = ", retryBudget: {percent: 30}, portLevelSettings: [{port: {number: 80}}]";
        for (top, own, before, now) in [
            (TOP, "", None, Some(50.0)),
            (TOP, OWN, None, Some(30.0)),
            ("", OWN, Some(30.0), Some(30.0)),
            ("", ENTRY, None, Some(30.0)),
            ("trafficPolicy: {connectionPool: {tcp: {}}}, ", OWN, None, Some(30.0)),
        ] {
            for (release, expected) in [("1.28", before), ("1.29.1", before), ("1.29", now), ("1.31", now)] {
                assert_eq!(percent(release, top, own), expected, "{release} {top} {own}");
            }
        }
    }
}
