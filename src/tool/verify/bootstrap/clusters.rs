//! Clusters: static ones, with the back end behind every endpoint.

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::{BACK_END_SOCKET, Site, list, list_mut, remove, set, set_metadata, text};
use crate::envoy::table::{Cluster, DiscoveryType};

/// Fields that say where endpoints come from, how they are spoken to, or how much load they bear.
const REPLACED: [&str; 7] = [
    "cluster_type",
    "eds_cluster_config",
    "dns_lookup_family",
    "circuit_breakers",
    "typed_extension_protocol_options",
    "transport_socket",
    "transport_socket_matches",
];

pub(super) fn clusters(exported: &Value, site: Site<'_>) -> Vec<Value> {
    let assignments: FxHashMap<&str, &Value> =
        list(exported, "endpoints").iter().map(|e| (text(e, "cluster_name"), e)).collect();
    let table = &site.router.table().clusters;
    let pairs = list(exported, "clusters").iter().zip(table.iter());
    pairs.map(|(json, cluster)| static_cluster(json, cluster, &assignments, site)).collect()
}

fn static_cluster(exported: &Value, cluster: &Cluster, assignments: &FxHashMap<&str, &Value>, site: Site<'_>) -> Value {
    let mut out = exported.clone();
    let name = text(exported, "name");
    REPLACED.iter().for_each(|key| remove(&mut out, key));
    set(&mut out, "type", "STATIC");
    set(&mut out, "connect_timeout", "10s");
    if text(exported, "lb_policy") == "CLUSTER_PROVIDED" {
        set(&mut out, "lb_policy", "ROUND_ROBIN");
    }
    if site.pods.is_some() {
        remove(&mut out, "outlier_detection");
    }
    let back_end = super::pipe(&site.path(BACK_END_SOCKET));
    let address = |index: usize| {
        let endpoint = cluster.endpoints.get(index);
        let own = site.pods.zip(endpoint).and_then(|(pods, endpoint)| pods.file(endpoint));
        own.map_or_else(|| back_end.clone(), |file| super::pipe(&site.path(&file)))
    };
    let mut assignment = if goes_where_it_is_told(cluster) {
        json!({"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {}}]}]})
    } else {
        let own = exported.get("load_assignment").or_else(|| assignments.get(name).copied());
        own.cloned().unwrap_or_else(|| json!({"cluster_name": name}))
    };
    let mut count = 0;
    for group in list_mut(&mut assignment, "endpoints") {
        for endpoint in list_mut(group, "lb_endpoints") {
            set_metadata(endpoint, "endpoint", count.to_string());
            if let Some(endpoint) = endpoint.get_mut("endpoint") {
                set(endpoint, "address", address(count));
            }
            count += 1;
        }
    }
    set(&mut out, "load_assignment", assignment);
    out
}

/// True for clusters whose endpoint is the dialled address, or a name that is looked up for each request.
fn goes_where_it_is_told(cluster: &Cluster) -> bool {
    matches!(cluster.discovery, DiscoveryType::OriginalDst | DiscoveryType::DynamicForwardProxy)
}
