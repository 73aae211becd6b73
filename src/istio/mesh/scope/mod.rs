//! What one proxy sees: the Sidecar resource that applies and its egress listeners (section 4 of the translation rules).

mod collect;
mod imports;

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};
use smol_str::SmolStr;

use super::{MESH_GATEWAY, Mesh, Registry, Service, VirtualService};
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::manifest::kinds::{Destination, EgressListener, Object, ObjectId, OutboundMode, ServerPort, Sidecar};
use crate::manifest::release::Difference;
use collect::ScopeServices;
use imports::Imports;

/// Services by hostname, in the order in which they came.
pub(crate) type ServicesByHost = IndexMap<SmolStr, Arc<Service>, FxBuildHasher>;

/// The part of the mesh that one proxy gets.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// The Sidecar resource that was chosen (SC-1); None: the implicit default, and on gateways.
    pub sidecar: Option<ObjectId>,
    /// At least one for sidecars; exactly one for gateways, without VirtualServices (SC-2).
    pub egress: Vec<EgressScope>,
    /// Scope services by hostname, as written (SC-7, SC-8): what clusters are made of.
    pub services: ServicesByHost,
    pub outbound_mode: OutboundMode,
    pub egress_proxy: Option<Destination>,
}

/// One egress listener: its own services and VirtualServices (SC-4).
#[derive(Debug, Clone)]
pub(crate) struct EgressScope {
    /// None: serves all ports that no other listener names.
    pub port: Option<ServerPort>,
    pub bind: SmolStr,
    pub capture_mode: SmolStr,
    /// Imported services in list order (SC-6), trimmed to the listener's port where it has one. Several may share a hostname.
    pub services: Vec<Arc<Service>>,
    /// Imported VirtualServices in list order (SC-9, SC-10).
    pub virtual_services: Vec<Arc<VirtualService>>,
}

impl Mesh {
    /// What `proxy` sees (SC-1 to SC-13; SC-2 for gateways).
    pub(crate) fn scope(&self, proxy: &Proxy) -> Scope {
        let visible = self.services_visible_to(&proxy.namespace);
        match proxy.kind {
            ProxyKind::Gateway => self.gateway_scope(visible),
            ProxyKind::Sidecar => self.sidecar_scope(proxy, &visible),
        }
    }

    /// SC-2.
    fn gateway_scope(&self, visible: Vec<Arc<Service>>) -> Scope {
        let mut services = ScopeServices::default();
        for service in &visible {
            services.add(service.clone());
        }
        Scope {
            sidecar: None,
            egress: vec![EgressScope {
                port: None,
                bind: SmolStr::default(),
                capture_mode: SmolStr::default(),
                services: visible,
                virtual_services: Vec::new(),
            }],
            services: services.finish(),
            outbound_mode: self.config.outbound_mode,
            egress_proxy: None,
        }
    }

    fn sidecar_scope(&self, proxy: &Proxy, visible: &[Arc<Service>]) -> Scope {
        let sidecar = self.sidecar_of(proxy);
        let virtual_services = self.virtual_services.bound_to(&MESH_GATEWAY, &proxy.namespace);
        let everything = [EgressListener { hosts: vec!["*/*".into()], ..EgressListener::default() }];
        let listeners = match sidecar {
            Some(sidecar) if !sidecar.spec.egress.is_empty() => sidecar.spec.egress.as_slice(),
            _ => &everything, // SC-3
        };
        let egress: Vec<EgressScope> = listeners
            .iter()
            .map(|listener| egress_scope(self, listener, &proxy.namespace, visible, &virtual_services))
            .collect();
        let mut services = ScopeServices::default();
        for listener in &egress {
            for service in &listener.services {
                services.add(service.clone());
            }
            services.infer(self, listener, &proxy.namespace);
        }
        let policy = sidecar.and_then(|s| s.spec.outbound_traffic_policy.as_ref());
        Scope {
            sidecar: sidecar.map(|s| s.id.clone()),
            egress,
            services: services.finish(),
            outbound_mode: policy.map_or(self.config.outbound_mode, |p| p.mode),
            egress_proxy: policy.and_then(|p| p.egress_proxy.clone()),
        }
    }

    /// The Sidecar resource that a sidecar gets (SC-1). `sidecars` is in creation order.
    pub(crate) fn sidecar_of(&self, proxy: &Proxy) -> Option<&Arc<Object<Sidecar>>> {
        let own = || self.sidecars.iter().filter(|s| s.meta.namespace == proxy.namespace);
        let without_selector = |s: &&Arc<Object<Sidecar>>| s.spec.workload_selector.is_none();
        own()
            .find(|s| s.spec.workload_selector.as_ref().is_some_and(|selector| selector.is_subset_of(&proxy.labels)))
            .or_else(|| own().find(without_selector))
            .or_else(|| {
                let mut root = self.sidecars.iter().filter(|s| s.meta.namespace == self.config.root_namespace);
                root.find(without_selector)
            })
    }
}

/// SC-4 to SC-6, SC-10.
fn egress_scope(
    mesh: &Mesh,
    listener: &EgressListener,
    namespace: &str,
    visible: &[Arc<Service>],
    virtual_services: &[Arc<VirtualService>],
) -> EgressScope {
    let imports = Imports::parse(&listener.hosts, namespace, mesh.profile.has(Difference::SidecarExclusions));
    let port = listener.port.clone().filter(|p| p.number != 0);
    let needed = needed_port(port.as_ref());
    // VE-16: the names are looked up, where one service stands for each.
    let by_index = mesh.profile.has(Difference::ExactHostsByIndex) && imports::are_exact(&listener.hosts);
    let is_found = |s: &Arc<Service>| {
        !by_index
            || mesh.service_index.in_namespace(&s.hostname, &s.namespace).is_some_and(|found| Arc::ptr_eq(found, s))
    };
    let mut services: Vec<Arc<Service>> =
        visible.iter().filter(|s| is_found(s)).filter_map(|s| imports.service(s, needed)).collect();
    keep_one_namespace(&mut services, namespace);
    EgressScope {
        port,
        bind: listener.bind.clone(),
        capture_mode: listener.capture_mode.clone(),
        services,
        virtual_services: virtual_services.iter().filter(|vs| imports.virtual_service(vs)).cloned().collect(),
    }
}

/// The port that services of a listener must have; an HTTP proxy listener takes all (SC-6).
fn needed_port(port: Option<&ServerPort>) -> Option<i64> {
    let port = port?;
    (super::Protocol::parse(&port.protocol) != super::Protocol::HttpProxy).then_some(port.number)
}

/// SC-6, last part: for each hostname the proxy's namespace, else one with a Kubernetes service, else the first one seen.
fn keep_one_namespace(services: &mut Vec<Arc<Service>>, own: &str) {
    let rank = |s: &Service| {
        if s.namespace == own {
            0
        } else if s.registry == Registry::Kubernetes {
            1
        } else {
            2
        }
    };
    let mut chosen: FxHashMap<&str, (u8, &str)> = FxHashMap::default();
    let mut contested = false;
    for service in services.iter() {
        let candidate = (rank(service), service.namespace.as_str());
        let entry = chosen.entry(service.hostname.as_str()).or_insert(candidate);
        contested |= entry.1 != candidate.1;
        if candidate.0 < entry.0 {
            *entry = candidate;
        }
    }
    if contested {
        let keep: Vec<bool> = services
            .iter()
            .map(|s| chosen.get(s.hostname.as_str()).is_some_and(|(_, namespace)| *namespace == s.namespace))
            .collect();
        let mut keep = keep.into_iter();
        services.retain(|_| keep.next().unwrap_or(true));
    }
}

impl Scope {
    /// What a sidecar without a Sidecar resource sees (SC-3), of these services and VirtualServices, which stand in list order.
    /// Services have hostnames of their own.
    pub(crate) fn of_everything(
        mesh: &Mesh,
        services: Vec<Arc<Service>>,
        virtual_services: Vec<Arc<VirtualService>>,
    ) -> Scope {
        Scope {
            sidecar: None,
            services: services.iter().map(|s| (s.hostname.clone(), s.clone())).collect(),
            egress: vec![EgressScope {
                port: None,
                bind: SmolStr::default(),
                capture_mode: SmolStr::default(),
                services,
                virtual_services,
            }],
            outbound_mode: mesh.config.outbound_mode,
            egress_proxy: None,
        }
    }
}

#[cfg(test)]
mod tests;
