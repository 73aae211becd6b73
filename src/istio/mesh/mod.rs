//! The mesh: services with their endpoints, configuration objects indexed by visibility, and proxies.
//!
//! In: admitted [`Manifests`]. Out: a closed [`Mesh`] in which short names are made full,
//! delegates are merged, DestinationRules are indexed and merged, and every service knows its endpoints. It knows what one
//! proxy may see ([`Scope`]) but nothing of Envoy's virtual hosts and routes, and nothing of requests.

mod destination_rule;
mod endpoint;
mod host;
mod host_table;
pub(crate) mod locality;
mod pod;
mod registry;
mod release;
mod remarks;
mod scope;
pub(crate) mod selector;
mod service;
mod service_index;
#[cfg(test)]
pub(crate) mod test_support;
mod virtual_service;

use std::net::IpAddr;
use std::sync::Arc;

pub(crate) use destination_rule::*;
pub(crate) use endpoint::*;
pub(crate) use host::*;
pub(crate) use host_table::*;
pub(crate) use scope::*;
pub(crate) use service::*;
pub(crate) use service_index::*;
pub(crate) use virtual_service::*;

use crate::envoy::proxy::Proxy;
use crate::envoy::table::{Note, RouteTable};
use crate::manifest::kinds::{Gateway, Labels, Manifests, MeshConfig, Object, Sidecar};
use crate::manifest::release::Profile;
use crate::order::Order as _;
use crate::parallel;

/// All that was loaded and admitted, resolved as far as it doesn't depend on a proxy.
#[derive(Debug)]
pub(crate) struct Mesh {
    /// Which Istio resolves it.
    pub profile: Profile,
    pub config: MeshConfig,
    /// In the order ORD-2.
    pub services: Vec<Arc<Service>>,
    /// The same services by visibility and by hostname.
    pub service_index: ServiceIndex,
    /// VirtualServices with hosts, delegates merged in, in creation order (ORD-1), with the indexes of VS-2 and VS-3.
    pub virtual_services: VirtualServiceIndex,
    pub destination_rules: DestinationRuleIndex,
    /// In creation order.
    pub gateways: Vec<Arc<Object<Gateway>>>,
    /// In creation order.
    pub sidecars: Vec<Arc<Object<Sidecar>>>,
    pub endpoints: EndpointIndex,
    pub nodes: locality::Nodes,
    /// Tables that proxies were seen with: what those have is known, and nothing is translated for them (CF-2).
    pub running: Vec<Arc<RouteTable>>,
    /// What happened while resolving that doesn't depend on a proxy (merged DestinationRules, dropped delegate rules, ...).
    pub notes: Vec<Note>,
}

impl Mesh {
    /// Resolves admitted manifests. Never fails: references to things that don't exist stay what they are.
    ///
    /// Services and pods that have no address yet get one.
    pub(crate) fn build(mut manifests: Manifests) -> Mesh {
        let mut notes = Vec::new();
        registry::assign_cluster_ips(&mut manifests.services);
        pod::assign_addresses(&mut manifests.pods);
        let profile = manifests.profile;
        let config = release::as_read_by(profile, std::mem::take(&mut manifests.mesh_config));
        remarks::not_evaluated(&manifests.not_modelled, &mut notes);
        remarks::addresses_without_domain(&manifests.service_entries, &mut notes);
        let services = shared(registry::services(&manifests, &config, profile));
        let nodes = locality::Nodes::new(&manifests.nodes, &config.cluster_name, profile);
        let virtual_services = std::mem::take(&mut manifests.virtual_services);
        let (mut rule_notes, mut virtual_service_notes) = (Vec::new(), Vec::new());
        let (endpoints, (destination_rules, virtual_services)) = parallel::join(
            || EndpointIndex::build(&manifests, &services, &nodes, &config),
            || {
                parallel::join(
                    || DestinationRuleIndex::build(&manifests.destination_rules, &config, &mut rule_notes),
                    || virtual_service::index(virtual_services, &config, &mut virtual_service_notes),
                )
            },
        );
        notes.append(&mut rule_notes);
        notes.append(&mut virtual_service_notes);
        Mesh {
            service_index: ServiceIndex::build(&services),
            services,
            virtual_services,
            destination_rules,
            gateways: shared_by_creation(manifests.gateways),
            sidecars: shared_by_creation(manifests.sidecars),
            endpoints,
            nodes,
            notes,
            running: Vec::new(),
            config,
            profile,
        }
    }

    /// The table that a proxy was seen with: its own, else that of one of its name, else the only one there is, whose pod may be another
    /// by now.
    pub(crate) fn seen_with(&self, proxy: &Proxy) -> Option<&Arc<RouteTable>> {
        let own = self.running.iter().find(|t| *t.proxy == *proxy);
        let of_name =
            || self.running.iter().find(|t| (&t.proxy.name, &t.proxy.namespace) == (&proxy.name, &proxy.namespace));
        own.or_else(of_name).or(match self.running.as_slice() {
            [only] if only.proxy.kind == proxy.kind => Some(only),
            _ => None,
        })
    }

    /// Addresses of all endpoints of a service, whoever asks; some come more than once.
    pub(crate) fn endpoint_addresses(&self, service: &Service) -> Vec<IpAddr> {
        let anyone = Proxy::anyone();
        let filter = EndpointFilter { subset: &Labels::default(), send_unhealthy: true, keep_to_node: false };
        let lists = service.ports.iter().map(|port| self.endpoints.of(service, port, &anyone, filter));
        lists.flat_map(|list| list.iter().filter_map(|e| e.address.parse().ok()).collect::<Vec<_>>()).collect()
    }

    /// The services visible to a namespace: private and explicitly exported ones, then public ones, each in order ORD-2 (EX-5).
    pub(crate) fn services_visible_to(&self, namespace: &str) -> Vec<Arc<Service>> {
        self.service_index.visible_to(namespace)
    }
}

/// Gives services and pods that have no address yet one, as [`Mesh::build`] would.
#[cfg(feature = "cli")]
pub(crate) fn assign_addresses(manifests: &mut Manifests) {
    registry::assign_cluster_ips(&mut manifests.services);
    pod::assign_addresses(&mut manifests.pods);
}

/// ORD-1.
fn shared_by_creation<T>(mut objects: Vec<Object<T>>) -> Vec<Arc<Object<T>>> {
    objects.order_by(|a, b| a.creation_order().cmp(&b.creation_order()));
    shared(objects)
}

/// Each by itself. A plain `collect` would keep the room of all the values for nothing but pointers to them.
pub(crate) fn shared<T>(all: Vec<T>) -> Vec<Arc<T>> {
    let mut out = Vec::with_capacity(all.len());
    out.extend(all.into_iter().map(Arc::new));
    out
}
