//! All connections there can be to two tables of one proxy, in classes that each side takes in one way.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use indexmap::IndexMap;
use ipnet::IpNet;
use rustc_hash::FxHashSet;
use smol_str::{SmolStr, format_smolstr};

use super::shared::{MovedNames, Shared};
use super::side::{Dial, Side, Taker};
use crate::envoy::table::{FilterChain, Listener};
use crate::order::Order as _;
use crate::order::Ordered as _;

/// What takes the connections of a class on both sides, and whether they come over TLS.
pub(super) type Takers = (Taker, Taker, bool);

/// The classes of connections, those together that are taken by the same on either side; each with at least one.
///
/// Ports that neither side knows are one class; so are addresses that no listener and no filter chain names.
pub(super) fn classes(old: &Side, new: &Side, shared: &Shared) -> IndexMap<Takers, Vec<Dial>> {
    let mut out: IndexMap<Takers, Vec<Dial>> = IndexMap::new();
    let ports = ports(old).union(&ports(new)).copied().into_set();
    let unknown = (10_000..u16::MAX).find(|p| !ports.contains(p)).unwrap_or_default();
    let moved = names_that_moved(old, new, shared);
    for (port, any_port) in ports.iter().map(|p| (*p, false)).chain([(unknown, true)]) {
        for (name, address) in destinations(old, new, port, &moved) {
            let plain = Dial { port, any_port, name, address, tls: false, http: true, sni: None };
            let names = server_names(old, new, &plain);
            let over_tls = names.into_iter().map(|sni| Dial { tls: true, sni, ..plain.clone() });
            for dial in std::iter::once(plain.clone()).chain(over_tls) {
                let takers = (old.taker(&dial), new.taker(&dial), dial.tls);
                out.entry(takers).or_default().push(dial);
            }
        }
    }
    out
}

/// The same for connections in plain text that don't begin like HTTP, as far as they are taken otherwise than those that do.
pub(super) fn not_http(
    old: &Side,
    new: &Side,
    classes: &IndexMap<Takers, Vec<Dial>>,
) -> IndexMap<(Taker, Taker), Vec<Dial>> {
    let mut out: IndexMap<(Taker, Taker), Vec<Dial>> = IndexMap::new();
    for ((was, is, _), dials) in classes.iter().filter(|((_, _, tls), _)| !tls) {
        for dial in dials {
            let dial = Dial { http: false, ..dial.clone() };
            let takers = (old.taker(&dial), new.taker(&dial));
            if takers != (*was, *is) {
                out.entry(takers).or_default().push(dial);
            }
        }
    }
    out
}

/// The ports that a client of the proxy can dial and that lead anywhere.
fn ports(side: &Side) -> BTreeSet<u16> {
    let table = side.table();
    if side.is_gateway() && !table.service_ports.is_empty() {
        return table.service_ports.iter().map(|(port, _)| *port).into_set();
    }
    table.listeners.iter().map(|l| l.port).into_set()
}

/// Names whose address is another one on either side; and whether any name has an address of IPv6.
fn names_that_moved(old: &Side, new: &Side, shared: &Shared) -> (Vec<SmolStr>, bool) {
    let (a, b) = (&old.table().names, &new.table().names);
    let MovedNames { moved: of_all, has_v6 } = shared.moved_names(&a.everywhere, &b.everywhere);
    let own = a.own.keys().chain(b.own.keys());
    let moved: BTreeSet<&SmolStr> =
        of_all.iter().chain(own).filter(|name| a.resolve(name) != b.resolve(name)).into_set();
    (moved.into_iter().cloned().collect(), has_v6)
}

type Destination = (Option<SmolStr>, Option<IpAddr>);

/// The addresses that matter on a port: one that nobody names first, then those that listeners are bound to or that
/// filter chains ask for, and names that lead elsewhere on the other side.
fn destinations(old: &Side, new: &Side, port: u16, (moved, has_v6): &(Vec<SmolStr>, bool)) -> Vec<Destination> {
    let mut out: Vec<Destination> = vec![(None, None)];
    if old.is_gateway() {
        return out;
    }
    let listeners = || of_port(old, port).chain(of_port(new, port));
    let chains = || listeners().flat_map(chains);
    let mut networks: Vec<IpNet> = chains().flat_map(|c| &c.matcher.prefix_ranges).map(IpNet::trunc).collect();
    networks.order_alike();
    networks.dedup();
    let bound: FxHashSet<IpAddr> = listeners().map(|l| l.address).filter(|a| !a.is_unspecified()).collect();
    let mut addresses: Vec<IpAddr> = bound.iter().copied().collect();
    addresses.extend(networks.iter().filter_map(|n| inside_alone(n, &networks)));
    // What listens to all addresses of one family takes none of the other (LI-4).
    let any = |address: IpAddr| listeners().any(|l| l.address == address);
    let to_any6 = any(Ipv6Addr::UNSPECIFIED.into());
    let by_family = to_any6 || (*has_v6 && any(Ipv4Addr::UNSPECIFIED.into()));
    if by_family {
        addresses.push(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)));
    }
    if to_any6 {
        addresses.push(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    }
    addresses.order_alike();
    addresses.dedup();
    out.extend(addresses.into_iter().map(|a| (None, Some(a))));
    if bound.is_empty() && networks.is_empty() && !by_family {
        return out;
    }
    let matters = |name: &&SmolStr| {
        let mut resolved = [old, new].into_iter().filter_map(|s| s.table().names.resolve(name));
        resolved.any(|a| bound.contains(&a) || (by_family && a.is_ipv6()) || networks.iter().any(|n| n.contains(&a)))
    };
    out.extend(moved.iter().filter(matters).map(|n| (Some(n.clone()), None)));
    out
}

fn of_port(side: &Side, port: u16) -> impl Iterator<Item = &Listener> {
    side.table().listeners.iter().map(|l| &**l).filter(move |l| l.port == port)
}

fn chains(listener: &Listener) -> impl Iterator<Item = &FilterChain> {
    listener.filter_chains.iter().chain(&listener.default_filter_chain)
}

/// An address of a network that is in none of the smaller ones; None where those cover it.
fn inside_alone(network: &IpNet, all: &[IpNet]) -> Option<IpAddr> {
    let smaller: Vec<&IpNet> = all.iter().filter(|n| *n != network && network.contains(*n)).collect();
    let mut address = network.network();
    // Each step leaves a smaller network behind.
    for _ in 0..=smaller.len() {
        let Some(taken) = smaller.iter().filter(|n| n.contains(&address)).max_by_key(|n| n.broadcast()) else {
            return network.contains(&address).then_some(address);
        };
        address = next(taken.broadcast())?;
    }
    None
}

fn next(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(a) => u32::from(a).checked_add(1).map(|n| IpAddr::V4(n.into())),
        IpAddr::V6(a) => u128::from(a).checked_add(1).map(|n| IpAddr::V6(n.into())),
    }
}

/// The names that clients can ask for in TLS and that are told apart: none, one that nobody knows, and those of filter chains.
fn server_names(old: &Side, new: &Side, dial: &Dial) -> Vec<Option<SmolStr>> {
    let listener = |side: &'_ Side| side.listener(dial);
    let of = |side: &Side| -> Vec<SmolStr> {
        let listener = listener(side).and_then(|i| side.table().listeners.get(i as usize)).map(|l| &**l);
        listener.into_iter().flat_map(chains).flat_map(|c| &c.matcher.server_names).cloned().collect()
    };
    let patterns: BTreeSet<SmolStr> = of(old).into_iter().chain(of(new)).into_set();
    let mut names: BTreeSet<SmolStr> = BTreeSet::new();
    for pattern in &patterns {
        let pattern = pattern.to_ascii_lowercase();
        match pattern.strip_prefix('*') {
            Some("") => {}
            Some(suffix) => drop(names.insert(fresh(suffix, |name| patterns.contains(name)))),
            None => drop(names.insert(pattern.into())),
        }
    }
    let unknown = fresh(".example", |name| patterns.contains(name));
    [None, Some(unknown)].into_iter().chain(names.into_iter().map(Some)).collect()
}

/// A name with this end that isn't taken.
pub(super) fn fresh(suffix: &str, is_taken: impl Fn(&SmolStr) -> bool) -> SmolStr {
    let numbered = (2u32..).map(|n| format_smolstr!("any{n}{suffix}"));
    let plain = std::iter::once(format_smolstr!("any{suffix}"));
    plain.chain(numbered).find(|name| !is_taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ev_9_an_address_that_only_the_wider_network_has() {
        let nets = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<IpNet>>();
        let all = nets(&["10.0.0.0/8", "10.0.0.0/16", "10.1.0.0/16", "10.0.0.0/24"]);
        let alone = |net: &str| inside_alone(&net.parse().unwrap(), &all).map(|a| a.to_string());
        assert_eq!(alone("10.0.0.0/8").as_deref(), Some("10.2.0.0"));
        assert_eq!(alone("10.0.0.0/16").as_deref(), Some("10.0.1.0"));
        assert_eq!(alone("10.0.0.0/24").as_deref(), Some("10.0.0.0"));
        let halves = nets(&["10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9"]);
        assert_eq!(inside_alone(&"10.0.0.0/8".parse().unwrap(), &halves), None);
    }
}
