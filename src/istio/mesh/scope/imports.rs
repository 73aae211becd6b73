//! The `hosts` of an egress listener: which services and VirtualServices they import (SC-5, SC-6, SC-10).

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use crate::istio::mesh::{Service, VirtualService, is_subset_of, is_wildcard, matches};

/// The name under which entries for every namespace are kept.
const ANY: &str = "*";

/// Imported and excluded host patterns, by namespace.
#[derive(Debug, Default)]
pub(super) struct Imports {
    imported: FxHashMap<SmolStr, Hosts>,
    excluded: FxHashMap<SmolStr, Hosts>,
}

/// Host patterns of one namespace part.
#[derive(Debug, Default)]
struct Hosts {
    exact: FxHashSet<SmolStr>,
    wildcard: Vec<SmolStr>,
}

impl Hosts {
    fn add(&mut self, host: &str) {
        if is_wildcard(host) {
            self.wildcard.push(host.into());
        } else {
            self.exact.insert(host.into());
        }
    }

    /// Everything that `host` denotes is listed: only a wildcard pattern covers more than itself.
    fn cover(&self, host: &str) -> bool {
        self.exact.contains(host) || self.wildcard.iter().any(|w| is_subset_of(host, w))
    }

    /// `host` and a listed pattern overlap in either direction (SC-10).
    fn overlap(&self, host: &str) -> bool {
        self.exact.contains(host)
            || self.wildcard.iter().any(|w| matches(host, w))
            || (is_wildcard(host) && self.exact.iter().any(|e| matches(host, e)))
    }
}

impl Imports {
    /// SC-5; `own` is the proxy's namespace. Entries without exactly one `/` are ignored.
    ///
    /// `excludes` is false before VE-3: then `~/host` imports from no namespace, and other entries with `~` are refused.
    pub(super) fn parse(hosts: &[SmolStr], own: &str, excludes: bool) -> Imports {
        let mut imports = Imports::default();
        for entry in hosts {
            let Some((namespace, host)) = entry.split_once('/') else { continue };
            if host.contains('/') {
                continue;
            }
            let (list, namespace) = match namespace.strip_prefix('~').filter(|_| excludes) {
                Some("") => (&mut imports.excluded, ANY),
                Some(namespace) => (&mut imports.excluded, namespace),
                None => (&mut imports.imported, namespace),
            };
            let namespace = if namespace == "." { own } else { namespace };
            list.entry(namespace.into()).or_default().add(host);
        }
        imports
    }

    /// The service as imported: without aliases that are not covered, and with that one port where `port` is given;
    /// None where it is not imported or lacks the port (SC-6).
    pub(super) fn service(&self, service: &Arc<Service>, port: Option<i64>) -> Option<Arc<Service>> {
        if lists(&self.excluded, &service.namespace).any(|hosts| hosts.cover(&service.hostname)) {
            return None;
        }
        let hosts = lists(&self.imported, &service.namespace).find(|hosts| hosts.cover(&service.hostname))?;
        let mut imported = match port {
            None => service.clone(),
            Some(number) => service.with_ports(|p| i64::from(p.number) == number)?,
        };
        if !imported.aliases.iter().all(|(alias, _)| hosts.cover(alias)) {
            Arc::make_mut(&mut imported).aliases.retain(|(alias, _)| hosts.cover(alias));
        }
        Some(imported)
    }

    /// SC-10, SC-11: the namespace tested is the VirtualService's own.
    pub(super) fn virtual_service(&self, vs: &VirtualService) -> bool {
        let namespace = &vs.object.namespace;
        vs.hosts.iter().any(|host| {
            lists(&self.imported, namespace).any(|hosts| hosts.overlap(host))
                && !lists(&self.excluded, namespace).any(|hosts| hosts.cover(host))
        })
    }
}

/// Whether all hosts of a listener name one host of one namespace, so that they can be looked up (VE-16).
pub(super) fn are_exact(hosts: &[SmolStr]) -> bool {
    !hosts.iter().any(|host| host.contains(['*', '~']))
}

/// The patterns for `namespace`, then those for every namespace.
fn lists<'a>(all: &'a FxHashMap<SmolStr, Hosts>, namespace: &str) -> impl Iterator<Item = &'a Hosts> {
    all.get(namespace).into_iter().chain(all.get(ANY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(hosts: &[&str]) -> Imports {
        Imports::parse(&hosts.iter().map(SmolStr::new).collect::<Vec<_>>(), "own", true)
    }

    #[test]
    fn ve3_before_there_were_exclusions_a_tilde_was_no_namespace() {
        let hosts: Vec<SmolStr> = ["./*", "~/*"].map(SmolStr::new).to_vec();
        let all = Imports::parse(&hosts, "own", false);
        assert!(all.excluded.is_empty());
        let mut imported: Vec<_> = all.imported.keys().map(SmolStr::as_str).collect();
        imported.sort_unstable();
        assert_eq!(imported, ["own", "~"], "of which one names no namespace that there can be");
    }

    #[test]
    fn ve16_exact_hosts() {
        let exact = |hosts: &[&str]| are_exact(&hosts.iter().map(SmolStr::new).collect::<Vec<_>>());
        assert!(exact(&["./a.b", "prod/c.d"]));
        for hosts in [&["./*"][..], &["./a.b", "*/c.d"], &["./a.b", "~./c.d"], &["./a.b", "./*.d"]] {
            assert!(!exact(hosts), "{hosts:?}");
        }
    }

    #[test]
    fn sc5_forms_of_entries() {
        let all = imports(&["./a", "x/*.b", "*/c", "~x/d", "~/e", "~./f", "bad", "a/b/c"]);
        let mut imported: Vec<_> = all.imported.keys().map(SmolStr::as_str).collect();
        imported.sort_unstable();
        assert_eq!(imported, ["*", "own", "x"]);
        let mut excluded: Vec<_> = all.excluded.keys().map(SmolStr::as_str).collect();
        excluded.sort_unstable();
        assert_eq!(excluded, ["*", "own", "x"]);
    }

    #[test]
    fn sc6_services_are_covered_and_sc10_hosts_overlap() {
        let all = imports(&["x/a.b", "x/*.c"]);
        let hosts = lists(&all.imported, "x").next().expect("x");
        for (host, cover, overlap) in [
            ("a.b", true, true),
            ("*.b", false, true),
            ("q.c", true, true),
            ("*.q.c", true, true),
            ("*", false, true),
            ("c", false, false),
            ("z.b", false, false),
        ] {
            assert_eq!((hosts.cover(host), hosts.overlap(host)), (cover, overlap), "{host}");
        }
    }
}
