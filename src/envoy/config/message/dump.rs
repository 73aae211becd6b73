//! What wraps configurations: the admin page's dump, a bootstrap, an answer of a discovery service, and our own `routes -o envoy`.

use std::net::IpAddr;

use indexmap::IndexMap;
use serde_json::Value;
use smol_str::SmolStr;

use super::{Cluster, ClusterStatus, Listener, LoadAssignment, RouteConfiguration, There, Whole, messages};

messages! {
    Dump { configs: Vec<DumpPart> } silent []

    /// One part of a dump; which it is shows by its fields.
    DumpPart {
        bootstrap: Option<Bootstrap>,
        static_clusters: Vec<DumpedCluster>,
        dynamic_active_clusters: Vec<DumpedCluster>,
        static_listeners: Vec<DumpedListener>,
        dynamic_listeners: Vec<DumpedListener>,
        static_route_configs: Vec<DumpedRoutes>,
        dynamic_route_configs: Vec<DumpedRoutes>,
        inline_scoped_route_configs: Option<There>,
        dynamic_scoped_route_configs: Option<There>,
        static_endpoint_configs: Vec<DumpedEndpoints>,
        dynamic_endpoint_configs: Vec<DumpedEndpoints>,
        kind = "@type": SmolStr,
    } silent []

    DumpedCluster { cluster: Option<Box<Cluster>> } silent []

    DumpedListener { listener: Option<Listener>, active_state: Option<ListenerState> } silent []

    ListenerState { listener: Option<Listener> } silent []

    DumpedRoutes { route_config: Option<RouteConfiguration> } silent []

    DumpedEndpoints { endpoint_config: Option<LoadAssignment> } silent []

    Bootstrap {
        node: Option<Node>,
        static_resources: Option<StaticResources>,
        dynamic_resources: Option<There>,
        layered_runtime: LayeredRuntime,
    } silent []

    StaticResources { listeners: Vec<Listener>, clusters: Vec<Box<Cluster>> } silent []

    LayeredRuntime { layers: Vec<RuntimeLayer> } silent []

    RuntimeLayer { static_layer: IndexMap<SmolStr, Value>, disk_layer: There, rtds_layer: There } silent []

    Node { id: SmolStr, cluster: SmolStr, metadata: NodeMetadata } silent []

    ClusterStatuses { cluster_statuses: Vec<ClusterStatus> } silent []

    /// As `routes -o envoy` writes it.
    Own {
        proxy: SmolStr,
        node: Option<Node>,
        listeners: Vec<Listener>,
        routes: Vec<RouteConfiguration>,
        clusters: Vec<Box<Cluster>>,
        endpoints: Vec<LoadAssignment>,
        towtank: Option<Beside>,
    } silent []

    /// What Envoy has no words for.
    Beside { names: IndexMap<SmolStr, Vec<IpAddr>>, service_ports: Vec<ServicePort> } silent []

    ServicePort { port: Whole, target_port: Whole } silent []
}

/// What Istio's agent tells of the pod.
#[derive(Debug, Clone, Default)]
pub(in crate::envoy::config) struct NodeMetadata(pub IndexMap<SmolStr, Value>);

impl<'de> serde::Deserialize<'de> for NodeMetadata {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<NodeMetadata, D::Error> {
        IndexMap::deserialize(deserializer).map(NodeMetadata)
    }
}

impl NodeMetadata {
    pub(in crate::envoy::config) fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}
