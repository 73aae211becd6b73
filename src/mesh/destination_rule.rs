//! DestinationRules: indexes by namespace and export, merging, and the choice for a proxy (sections 12.1 to 12.3 of the translation rules).

use smol_str::SmolStr;

use super::Proxy;
use crate::manifest::{Labels, ObjectId, Subset, TrafficPolicy};
use crate::source::Position;

/// One rule after merging (DS-5).
#[derive(Debug, Clone)]
pub struct MergedDestinationRule {
    /// The first rule, which gave its name and (if it had one) its traffic policy.
    pub object: ObjectId,
    pub at: Position,
    /// Rules merged into it, in order.
    pub merged: Vec<ObjectId>,
    pub host: SmolStr,
    pub traffic_policy: Option<TrafficPolicy>,
    /// Names are unique; each keeps the place it was written.
    pub subsets: Vec<Subset>,
    pub workload_selector: Option<Labels>,
}

impl MergedDestinationRule {
    pub fn subset(&self, name: &str) -> Option<&Subset> {
        self.subsets.iter().find(|s| s.name == name)
    }
}

/// DS-4.
#[derive(Debug, Default)]
pub struct DestinationRuleIndex {}

impl DestinationRuleIndex {
    /// The rule for a service with `hostname` in namespace `service_namespace`, seen by `proxy` (DS-7, DS-8).
    pub fn select(&self, proxy: &Proxy, hostname: &str, service_namespace: &str) -> Option<&MergedDestinationRule> {
        let _ = (proxy, hostname, service_namespace);
        todo!("owner: mesh registry")
    }
}
