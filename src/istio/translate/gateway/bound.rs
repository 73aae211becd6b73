//! The VirtualServices bound to one Gateway, and which of them a server admits (GW-7, GW-14, GW-15).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use smol_str::{SmolStr, ToSmolStr};

use super::servers::{GatewayServer, split_host};
use crate::istio::mesh::{VirtualService, is_subset_of};
use crate::istio::translate::host_index::HostIndex;

/// VirtualServices of one Gateway in the order VS-3.
pub(super) struct Bound<'a> {
    pub services: &'a [Arc<VirtualService>],
    /// All hosts, each with the position of its VirtualService.
    hosts: Vec<(&'a SmolStr, usize)>,
    /// Numbers are positions in `hosts`.
    index: HostIndex,
    /// Positions of those that some server admitted, for the note about the others.
    admitted: RefCell<FxHashSet<usize>>,
}

impl<'a> Bound<'a> {
    pub(super) fn new(services: &'a [Arc<VirtualService>]) -> Bound<'a> {
        let hosts: Vec<_> = services
            .iter()
            .enumerate()
            .flat_map(|(position, vs)| vs.hosts.iter().map(move |h| (h, position)))
            .collect();
        let index = HostIndex::new((0..).zip(&hosts).map(|(number, (host, _))| ((*host).clone(), number)));
        Bound { services, hosts, index, admitted: RefCell::default() }
    }

    /// For each VirtualService, by position, the hosts that it shares with the server: the narrower of each pair (HP-7).
    pub(super) fn intersections(&self, server: &GatewayServer) -> BTreeMap<usize, Vec<SmolStr>> {
        let mut shared: BTreeMap<usize, Vec<SmolStr>> = BTreeMap::new();
        for server_host in &server.hosts {
            let (namespace, server_host) = split_host(server_host);
            self.index.each_match(server_host, |number| {
                let Some((vs_host, position)) = self.hosts.get(number as usize) else { return };
                let Some(vs) = self.services.get(*position) else { return };
                if namespace.is_none_or(|n| n == vs.object.namespace) {
                    let is_narrower = is_subset_of(server_host, vs_host);
                    let host = if is_narrower { server_host.to_smolstr() } else { (*vs_host).clone() };
                    shared.entry(*position).or_default().push(host);
                }
            });
        }
        for hosts in shared.values_mut() {
            let mut seen = FxHashSet::default();
            hosts.retain(|h| seen.insert(h.clone()));
        }
        self.admitted.borrow_mut().extend(shared.keys());
        shared
    }

    /// The VirtualServices that share a host with the server, in order.
    pub(super) fn admitted_by(&self, server: &GatewayServer) -> impl Iterator<Item = &'a Arc<VirtualService>> {
        self.intersections(server).into_keys().filter_map(|position| self.services.get(position))
    }

    /// Those that no server has admitted so far.
    pub(super) fn refused(&self) -> impl Iterator<Item = &'a Arc<VirtualService>> {
        let admitted = self.admitted.borrow();
        let refused: Vec<_> = self.services.iter().enumerate().filter(|(i, _)| !admitted.contains(i)).collect();
        refused.into_iter().map(|(_, vs)| vs)
    }
}
