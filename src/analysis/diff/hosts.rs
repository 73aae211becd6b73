//! All authorities there can be for two route configurations, in classes that each side leads to one virtual host.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use smol_str::{SmolStr, format_smolstr};

use super::connections::fresh;
use super::side::Side;
use crate::envoy::authority::{Authority, without_port};
use crate::envoy::router::{DomainKind, domain_kind};
use crate::order::Order as _;
use crate::order::Ordered as _;

/// A class of authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hosts {
    /// One of them, lower case and without port.
    pub example: SmolStr,
    /// The domain that takes them; `*` for whatever no other domain takes.
    pub domain: SmolStr,
}

/// Positions of virtual hosts; None: no domain takes the authority, or the side has no route configuration here.
pub(super) type Pair = (Option<u32>, Option<u32>);

/// The classes of authorities that lead to a virtual host, where both sides' configurations have the same domains for the same
/// virtual hosts in the same order.
pub(super) fn of_domains(old: (&Side, u32), new: (&Side, u32), host: u32, domains: &[SmolStr]) -> Vec<Hosts> {
    let leads = |example: &SmolStr| {
        [old, new].into_iter().all(|(side, config)| side.virtual_host_of(config, example) == Some(host))
    };
    let mut out: Vec<Hosts> = Vec::new();
    for domain in domains {
        let domain = SmolStr::new(domain.to_ascii_lowercase());
        let example = match domain_kind(&domain) {
            (DomainKind::Exact, text) if without_port(text) == text => Some(SmolStr::new(text)),
            (DomainKind::Exact, text) => Some(format_smolstr!("{text}:80")),
            (DomainKind::Suffix, text) => (1..9)
                .map(|n| format_smolstr!("any{}{text}", if n == 1 { String::new() } else { n.to_string() }))
                .find(&leads),
            (DomainKind::Prefix, text) => (1..9).map(|n| format_smolstr!("{text}any{n}")).find(&leads),
            (DomainKind::Any, _) => {
                [".example", ".invalid", ""].into_iter().map(|end| fresh(end, |_| false)).find(&leads)
            }
        };
        out.extend(example.map(|example| Hosts { example, domain }));
    }
    shown_first(&mut out);
    out
}

/// Names say more than addresses, and full ones more than short ones; what is shown comes first.
fn shown_first(all: &mut [Hosts]) {
    all.order_by_cached_key(|h| {
        let is_address = Authority::of(&h.example).address().is_some();
        let dots = h.example.matches('.').count();
        (is_address, h.example.ends_with('.'), dots == 0, dots)
    });
}

/// The classes of authorities, those together that lead to the same on either side; each with at least one.
///
/// Domains are looked up exact first, then by the longest suffix, then by the longest prefix (envoy-matching 1.1), so the
/// domains of both sides part all authorities there are.
pub(super) fn classes(old: (&Side, Option<u32>), new: (&Side, Option<u32>)) -> IndexMap<Pair, Vec<Hosts>> {
    let sides = [old, new];
    let configs = sides.iter().filter_map(|(side, config)| side.config((*config)?));
    let domains = configs.flat_map(|c| &c.virtual_hosts).flat_map(|h| &h.domains);
    let domains: BTreeSet<SmolStr> = domains.map(|d| SmolStr::new(d.to_ascii_lowercase())).into_set();
    let is_exact = |name: &SmolStr| domains.contains(name);
    let (mut suffixes, mut prefixes) = (Vec::new(), Vec::new());
    let mut examples: Vec<Hosts> = Vec::with_capacity(domains.len() + 1);
    for domain in &domains {
        match domain_kind(domain) {
            (DomainKind::Exact, text) => {
                // The port is taken away before anything is looked up (1.5): a domain with a port wants a second one.
                let bare = without_port(text) == text;
                let example = if bare { SmolStr::new(text) } else { format_smolstr!("{text}:80") };
                examples.push(Hosts { example, domain: domain.clone() });
            }
            (DomainKind::Suffix, text) => suffixes.push((text, domain)),
            (DomainKind::Prefix, text) => prefixes.push((text, domain)),
            (DomainKind::Any, _) => {}
        }
    }
    for (suffix, domain) in &suffixes {
        examples.push(Hosts { example: fresh(suffix, is_exact), domain: (*domain).clone() });
    }
    for (prefix, domain) in &prefixes {
        // Istio writes none of them; where there are some, they meet every suffix.
        for (suffix, _) in suffixes.iter().chain([&("", *domain)]) {
            let example = format_smolstr!("{prefix}{}", fresh(suffix, |n| is_exact(&format_smolstr!("{prefix}{n}"))));
            examples.push(Hosts { example, domain: (*domain).clone() });
        }
    }
    // A name that nobody knows, not even by its end.
    let ends = [".example", ".invalid", ""];
    let end = ends.into_iter().find(|end| !suffixes.iter().any(|(s, _)| end.ends_with(s))).unwrap_or_default();
    examples.push(Hosts { example: fresh(end, is_exact), domain: "*".into() });
    shown_first(&mut examples);
    let mut out: IndexMap<Pair, Vec<Hosts>> = IndexMap::new();
    for hosts in examples {
        let [a, b] = sides.map(|(side, config)| side.virtual_host_of(config?, &hosts.example));
        out.entry((a, b)).or_default().push(hosts);
    }
    out
}
