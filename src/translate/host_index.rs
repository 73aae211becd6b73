//! Finds the VirtualService hosts that overlap a given host, without comparing each pair.

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use crate::mesh::VirtualService;
use crate::mesh::{is_wildcard, matches};

/// The hosts of a list of VirtualServices.
pub(crate) struct HostIndex<'a> {
    /// (host, position of its VirtualService in the list), in list order.
    entries: Vec<(&'a SmolStr, usize)>,
    /// Entries by host, without wildcards.
    exact: FxHashMap<&'a str, Vec<usize>>,
    /// Entries of wildcard hosts by what follows the star.
    by_suffix: FxHashMap<&'a str, Vec<usize>>,
    /// Distinct lengths of the keys of `by_suffix`.
    suffix_lengths: Vec<usize>,
}

impl<'a> HostIndex<'a> {
    /// Indexes the hosts of the given VirtualServices, each with its position in the list it comes from.
    pub(crate) fn new(services: impl Iterator<Item = (usize, &'a VirtualService)>) -> HostIndex<'a> {
        let mut index = HostIndex {
            entries: Vec::new(),
            exact: FxHashMap::default(),
            by_suffix: FxHashMap::default(),
            suffix_lengths: Vec::new(),
        };
        for (position, service) in services {
            for host in &service.hosts {
                let entry = index.entries.len();
                index.entries.push((host, position));
                match host.strip_prefix('*') {
                    None => index.exact.entry(host).or_default().push(entry),
                    Some(suffix) => {
                        index.by_suffix.entry(suffix).or_default().push(entry);
                        index.suffix_lengths.push(suffix.len());
                    }
                }
            }
        }
        index.suffix_lengths.sort_unstable();
        index.suffix_lengths.dedup();
        index
    }

    /// The hosts that overlap `host` (HP-3), each with the position of its VirtualService; in no particular order.
    ///
    /// Two hosts overlap exactly if one denotes a subset of the other (HP-4).
    pub(crate) fn overlapping(&self, host: &str) -> Vec<(&'a SmolStr, usize)> {
        if is_wildcard(host) {
            return self.entries.iter().filter(|(h, _)| matches(h, host)).copied().collect();
        }
        let mut found = Vec::new();
        let mut add = |entries: Option<&Vec<usize>>| {
            found.extend(entries.into_iter().flatten().filter_map(|e| self.entries.get(*e)).copied());
        };
        add(self.exact.get(host));
        for length in &self.suffix_lengths {
            let Some(start) = host.len().checked_sub(*length) else { break };
            if let Some(suffix) = host.get(start..) {
                add(self.by_suffix.get(suffix));
            }
        }
        found
    }

    /// Positions of the VirtualServices with a host that overlaps `host`, in list order.
    pub(crate) fn positions(&self, host: &str) -> Vec<usize> {
        let mut positions: Vec<usize> = self.overlapping(host).into_iter().map(|(_, p)| p).collect();
        positions.sort_unstable();
        positions.dedup();
        positions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{CreationTime, Kind, ObjectId};
    use crate::mesh::Visibility;
    use crate::source::Position;

    fn virtual_service(hosts: &[&str]) -> VirtualService {
        VirtualService {
            object: ObjectId { kind: Kind::VirtualService, namespace: "default".into(), name: "v".into() },
            at: Position::default(),
            created: CreationTime::Now,
            hosts: hosts.iter().map(|h| SmolStr::new(h)).collect(),
            gateways: vec!["mesh".into()],
            http: Vec::new(),
            tls: Vec::new(),
            tcp: Vec::new(),
            visibility: Visibility::Public,
        }
    }

    #[test]
    fn hp3_index_agrees_with_the_pairwise_rule() {
        let hosts = ["a.com", "*.com", "*", "x.a.com", "*.a.com", "*a.com", "b.org", "*.b.org", "é.com"];
        let services: Vec<VirtualService> = hosts.iter().map(|h| virtual_service(&[h])).collect();
        let index = HostIndex::new(services.iter().enumerate());
        for host in hosts.iter().chain(&["c.com", "", "com", "*om", "ü.a.com"]) {
            let expected: Vec<usize> = (0..hosts.len()).filter(|i| matches(hosts[*i], host)).collect();
            assert_eq!(index.positions(host), expected, "host {host}");
        }
    }
}
