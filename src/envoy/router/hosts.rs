//! Which virtual host serves an authority (envoy-matching 1).

use std::borrow::Cow;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use crate::envoy::authority::{lower_case, without_port};
use crate::envoy::table::{RouteConfiguration, VirtualHost};
use crate::order::Order as _;

/// How a domain took an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum DomainKind {
    Exact,
    /// `*S`.
    Suffix,
    /// `P*`.
    Prefix,
    /// `*`.
    Any,
}

/// What a domain pattern means. A `*` elsewhere than first or last is an ordinary character (1.2).
pub(crate) fn domain_kind(domain: &str) -> (DomainKind, &str) {
    match (domain, domain.strip_prefix('*'), domain.strip_suffix('*')) {
        ("*", _, _) => (DomainKind::Any, ""),
        (_, Some(suffix), _) => (DomainKind::Suffix, suffix),
        (_, None, Some(prefix)) => (DomainKind::Prefix, prefix),
        (exact, None, None) => (DomainKind::Exact, exact),
    }
}

/// The domains of one route configuration.
#[derive(Debug, Default)]
pub(crate) struct HostIndex {
    ignore_port: bool,
    exact: FxHashMap<SmolStr, u32>,
    /// By length, longest first.
    suffixes: Vec<(usize, FxHashMap<SmolStr, u32>)>,
    prefixes: Vec<(usize, FxHashMap<SmolStr, u32>)>,
    any: Option<u32>,
    /// The index of another configuration, to which this one adds exact domains.
    beside: Option<Arc<HostIndex>>,
}

impl HostIndex {
    /// Also gives the domains that come twice, for which Envoy refuses the configuration (1.3).
    pub(crate) fn new(config: &RouteConfiguration) -> (HostIndex, Vec<SmolStr>) {
        let mut index = HostIndex { ignore_port: config.ignore_port, ..HostIndex::default() };
        let mut suffixes: FxHashMap<usize, FxHashMap<SmolStr, u32>> = FxHashMap::default();
        let mut prefixes: FxHashMap<usize, FxHashMap<SmolStr, u32>> = FxHashMap::default();
        let mut twice = Vec::new();
        for (i, host) in (0u32..).zip(&config.virtual_hosts) {
            for domain in &host.domains {
                let lower = lower_case(domain);
                let (kind, text) = domain_kind(&lower);
                // The text of a domain is shared with the table where it is written in lower case.
                let whole = || if lower == domain.as_str() { domain.clone() } else { text.into() };
                let before = match kind {
                    DomainKind::Any => index.any.replace(i),
                    DomainKind::Exact => index.exact.insert(whole(), i),
                    DomainKind::Suffix => suffixes.entry(text.len()).or_default().insert(text.into(), i),
                    DomainKind::Prefix => prefixes.entry(text.len()).or_default().insert(text.into(), i),
                };
                if before.is_some() {
                    twice.push(SmolStr::new(&lower));
                }
            }
        }
        index.suffixes = longest_first(suffixes);
        index.prefixes = longest_first(prefixes);
        (index, twice)
    }

    /// The index of a configuration that has what another has, but that some virtual hosts have exact domains besides theirs. They are
    /// given by their position, as they are there and here. None where they differ in other domains, or in one that is taken.
    pub(super) fn beside(other: &Arc<HostIndex>, changed: &[(usize, &VirtualHost, &VirtualHost)]) -> Option<HostIndex> {
        let mut exact = FxHashMap::default();
        for (position, before, now) in changed {
            let lower =
                |host: &VirtualHost| -> Vec<SmolStr> { host.domains.iter().map(|d| lower_case(d).into()).collect() };
            let (before, now) = (lower(before), lower(now));
            if !before.iter().all(|domain| now.contains(domain)) {
                return None;
            }
            let added: Vec<&SmolStr> = now.iter().filter(|domain| !before.contains(domain)).collect();
            if now.len() != before.len() + added.len() {
                return None;
            }
            for domain in added {
                let is_plain = domain_kind(domain).0 == DomainKind::Exact && !other.exact.contains_key(domain);
                if !is_plain || exact.insert(domain.clone(), u32::try_from(*position).ok()?).is_some() {
                    return None;
                }
            }
        }
        let ignore_port = other.ignore_port;
        Some(HostIndex { ignore_port, exact, beside: Some(other.clone()), ..HostIndex::default() })
    }

    /// The virtual host of an authority: exact domain, longest suffix, longest prefix, `*` (1.1). The port is ignored where the
    /// configuration says so (1.4, 1.5).
    pub(crate) fn find(&self, authority: &str) -> Option<u32> {
        let host = compared(authority, self.ignore_port);
        self.find_compared(&host)
    }

    fn find_compared(&self, host: &str) -> Option<u32> {
        if let Some(found) = self.exact.get(host) {
            return Some(*found);
        }
        if let Some(other) = &self.beside {
            return other.find_compared(host);
        }
        for (length, domains) in &self.suffixes {
            let suffix = host.len().checked_sub(*length).filter(|cut| *cut > 0).and_then(|cut| host.get(cut..));
            if let Some(found) = suffix.and_then(|s| domains.get(s)) {
                return Some(*found);
            }
        }
        for (length, domains) in &self.prefixes {
            let prefix = if host.len() > *length { host.get(..*length) } else { None };
            if let Some(found) = prefix.and_then(|p| domains.get(p)) {
                return Some(*found);
            }
        }
        self.any
    }

    /// The same answer by looking at every domain in turn; with the domain and how it took the authority.
    pub(super) fn plain<'t>(config: &'t RouteConfiguration, authority: &str) -> Option<(u32, DomainKind, &'t str)> {
        let host = compared(authority, config.ignore_port);
        let mut best: Option<(u32, DomainKind, &str)> = None;
        for (i, virtual_host) in (0u32..).zip(&config.virtual_hosts) {
            for domain in &virtual_host.domains {
                let lower = domain.to_ascii_lowercase();
                let (kind, text) = domain_kind(&lower);
                let takes = match kind {
                    DomainKind::Exact => host == text,
                    DomainKind::Suffix => host.len() > text.len() && host.ends_with(text),
                    DomainKind::Prefix => host.len() > text.len() && host.starts_with(text),
                    DomainKind::Any => true,
                };
                let rank = |kind: DomainKind, domain: &str| (std::cmp::Reverse(kind as u8), domain.len());
                if takes && best.is_none_or(|(_, k, d)| rank(kind, domain) >= rank(k, d)) {
                    best = Some((i, kind, domain));
                }
            }
        }
        best
    }
}

/// The text that domains are compared with.
fn compared(authority: &str, ignore_port: bool) -> Cow<'_, str> {
    lower_case(if ignore_port { without_port(authority) } else { authority })
}

fn longest_first(map: FxHashMap<usize, FxHashMap<SmolStr, u32>>) -> Vec<(usize, FxHashMap<SmolStr, u32>)> {
    let mut all: Vec<_> = map.into_iter().collect();
    all.order_by_key(|(length, _)| std::cmp::Reverse(*length));
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config(domains: &[&[&str]]) -> RouteConfiguration {
        let host = |domains: &&[&str]| VirtualHost {
            name: "v".into(),
            domains: domains.iter().map(|d| (*d).into()).collect(),
            require_tls: false,
            further: None,
            routes: Arc::default(),
        };
        RouteConfiguration {
            name: "80".into(),
            ignore_port: true,
            virtual_hosts: domains.iter().map(host).map(Into::into).collect(),
        }
    }

    #[test]
    fn s1_examples_with_ignored_port() {
        let domains = [
            "foo.example.com",
            "foo.example.com:8080",
            "*.example.com",
            "*-bar.example.com",
            "*.b.example.com",
            "foo.*",
            "foo.ex*",
            "*",
        ];
        let each: Vec<&[&str]> = domains.iter().map(std::slice::from_ref).collect();
        let config = config(&each);
        let (index, twice) = HostIndex::new(&config);
        assert!(twice.is_empty());
        for (authority, domain) in [
            ("FOO.EXAMPLE.COM", "foo.example.com"),
            ("foo.example.com:8080", "foo.example.com"),
            ("foo.example.com:80", "foo.example.com"),
            ("foo.example.com.", "foo.ex*"),
            ("foo.example.com:8080:8080", "foo.example.com:8080"),
            ("a-bar.example.com", "*-bar.example.com"),
            ("-bar.example.com", "*.example.com"),
            ("a.b.example.com", "*.b.example.com"),
            ("a.example.com:99", "*.example.com"),
            (".example.com", "*"),
            ("example.com", "*"),
            ("foo.", "*"),
            ("foo.ex", "foo.*"),
            ("foo.exampl.com", "foo.ex*"),
            ("user@foo.example.com", "*.example.com"),
        ] {
            let found = index.find(authority).map(|i| domains[i as usize]);
            assert_eq!(found, Some(domain), "{authority}");
            assert_eq!(HostIndex::plain(&config, authority).map(|(_, _, d)| d), Some(domain), "{authority}");
        }
    }

    proptest! {
        /// The index finds what looking at every domain in turn finds (1.1, 1.2).
        #[test]
        fn index_equals_plain(
            domains in proptest::collection::btree_set("\\*?[ab.]{0,3}\\*?", 0..15),
            authority in "[abA.]{0,5}(:80)?",
        ) {
            let each: Vec<&str> = domains.iter().map(String::as_str).collect();
            let each: Vec<&[&str]> = each.iter().map(std::slice::from_ref).collect();
            let config = config(&each);
            let (index, _) = HostIndex::new(&config);
            prop_assert_eq!(index.find(&authority), HostIndex::plain(&config, &authority).map(|(i, _, _)| i));
        }
    }

    proptest! {
        /// An index beside another one finds what one that is made by itself finds.
        #[test]
        fn beside_another_it_equals_one_by_itself(
            domains in proptest::collection::btree_set("\\*?[ab.]{0,3}\\*?", 1..12),
            more in proptest::collection::vec(("[abA.]{0,3}", 0usize..12), 0..4),
            authority in "[abA.]{0,5}(:80)?",
        ) {
            let mut each: Vec<Vec<&str>> = domains.iter().map(|d| vec![d.as_str()]).collect();
            let lists = |each: &[Vec<&str>]| config(&each.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let other = lists(&each);
            let (index, _) = HostIndex::new(&other);
            for (domain, at) in &more {
                let at = at % each.len();
                each[at].push(domain);
            }
            let own = lists(&each);
            let pairs = other.virtual_hosts.iter().zip(&own.virtual_hosts).enumerate();
            let changed: Vec<_> = pairs.filter(|(_, (a, b))| a != b).map(|(i, (a, b))| (i, &**a, &**b)).collect();
            let (expected, twice) = HostIndex::new(&own);
            match HostIndex::beside(&Arc::new(index), &changed) {
                Some(beside) => {
                    prop_assert!(twice.is_empty());
                    prop_assert_eq!(beside.find(&authority), expected.find(&authority));
                }
                None => prop_assert!(!twice.is_empty(), "nothing is taken twice"),
            }
        }
    }

    #[test]
    fn s1_3_a_domain_that_comes_twice_is_reported() {
        let (_, twice) = HostIndex::new(&config(&[&["x.y", "*"], &["X.Y"], &["*"]]));
        assert_eq!(twice, ["x.y", "*"]);
    }
}
