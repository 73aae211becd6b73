//! One egress listener of the proxy with the lookups that all its tables share.

use std::cell::OnceCell;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use crate::istio::mesh::{EgressScope, HostTable, VirtualService, is_wildcard};
use crate::istio::translate::host_index::HostIndex;
use crate::order::Order as _;

/// An egress listener, indexed.
pub(super) struct EgressView<'a> {
    pub(super) listener: &'a EgressScope,
    /// Positions of the services that have a port, in list order.
    by_port: FxHashMap<u16, Vec<usize>>,
    /// Lower-cased hosts of all VirtualServices, with the positions of these; made when a port other than 80 asks.
    virtual_service_hosts: OnceCell<HostIndex>,
    /// VH-5: the VirtualService whose host is the most specific for a service's hostname (as written). Empty where no
    /// VirtualService has a wildcard host, because then nobody asks.
    owners: FxHashMap<SmolStr, usize>,
}

impl<'a> EgressView<'a> {
    pub(super) fn new(listener: &'a EgressScope) -> Self {
        let mut by_port: FxHashMap<u16, Vec<usize>> = FxHashMap::default();
        for (i, service) in listener.services.iter().enumerate() {
            for port in service.tcp_ports() {
                let positions = by_port.entry(port.number).or_default();
                if positions.last() != Some(&i) {
                    positions.push(i);
                }
            }
        }
        let has_wildcard = |vs: &Arc<VirtualService>| vs.hosts.iter().any(|host| is_wildcard(host));
        let mut owners = FxHashMap::default();
        if listener.virtual_services.iter().any(has_wildcard) {
            // This index compares case-sensitively, unlike all else on sidecars (CS-1, CS-2).
            let mut as_written = HostTable::default();
            for (i, vs) in listener.virtual_services.iter().enumerate() {
                for host in &vs.hosts {
                    as_written.entry(host, || i);
                }
            }
            for service in &listener.services {
                if let Some(owner) = as_written.most_specific(&service.hostname) {
                    owners.insert(service.hostname.clone(), *owner);
                }
            }
        }
        EgressView { listener, by_port, virtual_service_hosts: OnceCell::new(), owners }
    }

    /// Positions of the services that have `port`, not of UDP, in list order (DP-1).
    pub(super) fn with_port(&self, port: u16) -> &[usize] {
        self.by_port.get(&port).map_or(&[], Vec::as_slice)
    }

    /// VH-1: positions of the VirtualServices with a host that matches one of `hostnames`, in list order.
    pub(super) fn matching<'h>(&self, hostnames: impl Iterator<Item = &'h SmolStr>) -> Vec<usize> {
        let mut positions = Vec::new();
        let index = self.virtual_service_hosts.get_or_init(|| {
            let numbered = (0u32..).zip(&self.listener.virtual_services);
            HostIndex::new(numbered.flat_map(|(i, vs)| vs.hosts.iter().map(move |host| (lower_case(host), i))))
        });
        for hostname in hostnames {
            index.each_match(hostname, |i| positions.push(i as usize));
        }
        positions.order_alike();
        positions.dedup();
        positions
    }

    /// VH-5: position of the VirtualService that a service belongs to by its most specific host.
    pub(super) fn owner(&self, hostname: &str) -> Option<usize> {
        self.owners.get(hostname).copied()
    }

    pub(super) fn virtual_service(&self, position: usize) -> Option<&'a Arc<VirtualService>> {
        self.listener.virtual_services.get(position)
    }
}

/// CS-1.
pub(in crate::istio::translate) fn lower_case(host: &SmolStr) -> SmolStr {
    if host.bytes().any(|b| b.is_ascii_uppercase()) { SmolStr::from(host.to_ascii_lowercase()) } else { host.clone() }
}
