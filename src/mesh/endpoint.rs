//! Endpoints of services (section 13 of the translation rules).

use std::sync::Arc;

use super::{Port, Proxy, Service};
use crate::manifest::Labels;
use crate::table::Endpoint;

/// All endpoints of all services, pooled by (hostname, namespace) (EP-9).
#[derive(Debug, Default)]
pub struct EndpointIndex {}

/// What narrows the endpoints of a cluster.
#[derive(Debug, Clone, Copy)]
pub struct EndpointFilter<'a> {
    /// Labels of the subset; empty: all (EP-7).
    pub subset: &'a Labels,
    /// False where unhealthy endpoints are left out (EP-6).
    pub send_unhealthy: bool,
}

impl EndpointIndex {
    /// The endpoints of one port of a service for a proxy, terminating ones left out, in Istio's order.
    pub fn of(&self, service: &Service, port: &Port, proxy: &Proxy, filter: EndpointFilter<'_>) -> Arc<[Endpoint]> {
        let _ = (service, port, proxy, filter);
        todo!("owner: mesh registry")
    }

    /// The (service, port, container port) triples of Kubernetes services that select the proxy's labels in its namespace,
    /// ordered by creation time, then hostname (GW-3, IB-1).
    pub fn service_targets(&self, proxy: &Proxy) -> Vec<ServiceTarget> {
        let _ = proxy;
        todo!("owner: mesh registry")
    }
}

/// One service port as a proxy's own workload serves it.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceTarget {
    pub service: Arc<Service>,
    pub port: u16,
    pub target_port: u16,
}
