//! Listeners of a sidecar under construction, and what happens when services meet on one address and port (LI-3).

use std::net::IpAddr;

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::filter_chain::{Chain, Criteria};
use crate::istio::mesh::Protocol;
use crate::manifest::release::{Difference, Profile};

/// What a service brings to a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Newcomer {
    /// An egress entry with protocol HTTP_PROXY: replaces what was there.
    HttpProxy,
    /// HTTP on the wildcard address: one chain behind protocol detection, shared by all services.
    DetectedHttp,
    /// HTTP on an address that an egress entry gave: one chain that takes everything.
    PlainHttp(Protocol),
    Tcp(Protocol),
    /// A chain for HTTP and chains for TCP.
    Sniffed,
}

impl Newcomer {
    /// The protocol of a listener that starts with it. With protocol detection it is none in particular.
    fn listener_protocol(self) -> Protocol {
        match self {
            Newcomer::HttpProxy => Protocol::HttpProxy,
            Newcomer::PlainHttp(protocol) | Newcomer::Tcp(protocol) => protocol,
            Newcomer::DetectedHttp | Newcomer::Sniffed => Protocol::Unsupported,
        }
    }
}

/// What became of a newcomer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It has a listener, or shares one that serves it as well.
    Served,
    /// The port is that of an egress entry, which decides alone (LI-2).
    Locked,
    /// Its protocol, or that of the service which was there first, can't be told from others by looking at the bytes.
    Ignored,
    /// HTTP goes to the table of the port, but its TCP chains are not made: another service began the listener.
    HttpOnly,
    /// The given number of its chains have the criteria of chains that were there first.
    Overlapped(usize),
}

impl Outcome {
    /// Why the service is not fully served, for a note; None where nothing went wrong.
    pub(super) fn reason(self) -> Option<&'static str> {
        match self {
            Outcome::Served | Outcome::Locked | Outcome::Overlapped(0) => None,
            Outcome::HttpOnly => Some(
                "only its HTTP is served, by the table of the port; a service that comes first decides about other traffic",
            ),
            Outcome::Ignored => Some("ignored, because Mongo and MySQL don't share a port with another protocol"),
            Outcome::Overlapped(_) => {
                Some("left out, because a service that comes first has the same address, port and conditions")
            }
        }
    }
}

/// A listener under construction.
struct Entry {
    address: IpAddr,
    port: u16,
    protocol: Protocol,
    /// It was begun by a service without protocol.
    begun_by_sniffed: bool,
    locked: bool,
    chains: Vec<Chain>,
    /// Criteria of all chains; None until a second service comes.
    criteria: Option<FxHashSet<Criteria>>,
}

/// All listeners under construction, in the order in which they were begun.
#[derive(Default)]
pub(super) struct Entries {
    /// A further service without protocol on a wildcard address has its TCP chains (VE-12).
    sniffed_ranges: bool,
    entries: Vec<Entry>,
    by_address: FxHashMap<(IpAddr, u16), usize>,
}

impl Entries {
    pub(super) fn new(profile: Profile) -> Entries {
        Entries { sniffed_ranges: profile.has(Difference::SniffedRanges), ..Entries::default() }
    }

    /// From now on nothing is added to the listeners that exist.
    pub(super) fn lock(&mut self) {
        for entry in &mut self.entries {
            entry.locked = true;
        }
    }

    /// Adds a service. `chains` is called only where they are needed: most HTTP services find their listener made.
    pub(super) fn add(
        &mut self,
        address: IpAddr,
        port: u16,
        newcomer: Newcomer,
        chains: impl FnOnce() -> Vec<Chain>,
    ) -> Outcome {
        let found = self.by_address.get(&(address, port)).and_then(|i| self.entries.get_mut(*i));
        let Some(entry) = found else {
            self.by_address.insert((address, port), self.entries.len());
            let protocol = newcomer.listener_protocol();
            let begun_by_sniffed = newcomer == Newcomer::Sniffed;
            let chains = chains();
            self.entries.push(Entry {
                address,
                port,
                protocol,
                begun_by_sniffed,
                locked: false,
                chains,
                criteria: None,
            });
            return Outcome::Served;
        };
        if entry.locked { Outcome::Locked } else { entry.meet(newcomer, self.sniffed_ranges, chains) }
    }

    /// Address, port and chains of each listener.
    pub(super) fn into_iter(self) -> impl Iterator<Item = (IpAddr, u16, Vec<Chain>)> {
        self.entries.into_iter().map(|e| (e.address, e.port, e.chains))
    }
}

impl Entry {
    /// A second service on the same address and port.
    fn meet(&mut self, newcomer: Newcomer, sniffed_ranges: bool, chains: impl FnOnce() -> Vec<Chain>) -> Outcome {
        match newcomer {
            Newcomer::HttpProxy => return self.replace(newcomer, chains()),
            // The table that is there serves all HTTP services of the port.
            Newcomer::DetectedHttp | Newcomer::PlainHttp(_) if !self.protocol.is_tcp() => return Outcome::Served,
            Newcomer::Sniffed if self.protocol.is_sniffed() => {
                let is_added = sniffed_ranges && self.begun_by_sniffed && self.address.is_unspecified();
                return if is_added { self.second_ranges(chains()) } else { self.second_sniffed() };
            }
            _ => {}
        }
        if self.is_undetectable(newcomer) {
            return Outcome::Ignored;
        }
        match newcomer {
            // A sniffed service does all that an HTTP listener does.
            Newcomer::Sniffed if self.protocol.is_http() => self.replace(newcomer, chains()),
            Newcomer::Tcp(_) if self.protocol.is_tcp() => self.merge(chains()),
            _ => {
                self.protocol = Protocol::Unsupported;
                self.merge(chains())
            }
        }
    }

    /// Protocol detection is there already: the first service keeps the address. Only on the wildcard address is the
    /// table one of all services.
    fn second_sniffed(&self) -> Outcome {
        if self.address.is_unspecified() { Outcome::HttpOnly } else { Outcome::Overlapped(1) }
    }

    /// VE-12: the chains for its address range stand beside those of the first service, whose chain for HTTP serves both.
    fn second_ranges(&mut self, chains: Vec<Chain>) -> Outcome {
        match self.merge(chains) {
            Outcome::Overlapped(0 | 1) => Outcome::Served,
            Outcome::Overlapped(n) => Outcome::Overlapped(n - 1),
            other => other,
        }
    }

    /// Mongo and MySQL: the server speaks first, so there is nothing to look at.
    fn is_undetectable(&self, newcomer: Newcomer) -> bool {
        let incoming = match newcomer {
            Newcomer::Tcp(protocol) | Newcomer::PlainHttp(protocol) => protocol,
            Newcomer::HttpProxy | Newcomer::DetectedHttp => Protocol::Http,
            Newcomer::Sniffed => Protocol::Unsupported,
        };
        let is_server_first = |p: Protocol| matches!(p, Protocol::Mongo | Protocol::Mysql);
        incoming != self.protocol && (is_server_first(incoming) || is_server_first(self.protocol))
    }

    fn replace(&mut self, newcomer: Newcomer, chains: Vec<Chain>) -> Outcome {
        self.protocol = newcomer.listener_protocol();
        self.chains = chains;
        self.criteria = None;
        Outcome::Served
    }

    /// Adds the chains whose criteria are new.
    fn merge(&mut self, incoming: Vec<Chain>) -> Outcome {
        let criteria = self.criteria.get_or_insert_with(|| self.chains.iter().map(Chain::criteria).collect());
        let mut overlapped = 0;
        for chain in incoming {
            if criteria.insert(chain.criteria()) {
                self.chains.push(chain);
            } else {
                overlapped += 1;
            }
        }
        Outcome::Overlapped(overlapped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::table::{ChainAction, ClusterName, TcpDestination};

    fn tcp(host: &str) -> Chain {
        Chain::new(ChainAction::Tcp(TcpDestination::Cluster(ClusterName::outbound(80, "", host))))
    }

    fn http() -> Chain {
        Chain::detected_http("80".into())
    }

    /// The chains of one listener to which services come one after the other, as `host` or `http`, and the last outcome.
    fn meet(services: &[(Newcomer, &[&str])]) -> (Vec<String>, Outcome) {
        meet_in(Entries::default(), services)
    }

    fn meet_in(mut entries: Entries, services: &[(Newcomer, &[&str])]) -> (Vec<String>, Outcome) {
        let mut last = Outcome::Served;
        for (newcomer, chains) in services {
            last = entries.add([0, 0, 0, 0].into(), 80, *newcomer, || {
                chains.iter().map(|c| if *c == "http" { http() } else { tcp(c) }).collect()
            });
        }
        let chains = entries.into_iter().flat_map(|(_, _, chains)| chains).map(|c| match c.action {
            ChainAction::Http { .. } => "http".to_owned(),
            ChainAction::Tcp(TcpDestination::Cluster(ClusterName::Outbound { host, .. })) => host.to_string(),
            ChainAction::Tcp(_) => String::new(),
        });
        (chains.collect(), last)
    }

    const TCP: Newcomer = Newcomer::Tcp(Protocol::Tcp);
    const MONGO: Newcomer = Newcomer::Tcp(Protocol::Mongo);
    const HTTP: Newcomer = Newcomer::DetectedHttp;

    #[test]
    fn li3_http_services_share_one_chain() {
        assert_eq!(meet(&[(HTTP, &["http"]), (HTTP, &["http"])]), (vec!["http".into()], Outcome::Served));
        assert_eq!(
            meet(&[(HTTP, &["http"]), (Newcomer::Sniffed, &["a", "http"])]),
            (vec!["http".into()], Outcome::HttpOnly)
        );
        assert_eq!(meet(&[(Newcomer::Sniffed, &["a", "http"]), (HTTP, &["http"])]).0, ["a", "http"]);
    }

    #[test]
    fn li3_http_and_tcp_stand_side_by_side() {
        assert_eq!(
            meet(&[(HTTP, &["http"]), (TCP, &["a"])]),
            (vec!["http".into(), "a".into()], Outcome::Overlapped(0))
        );
        assert_eq!(meet(&[(TCP, &["a"]), (HTTP, &["http"])]).0, ["a", "http"]);
        assert_eq!(
            meet(&[(TCP, &["a"]), (HTTP, &["http"]), (TCP, &["b"])]),
            (vec!["a".into(), "http".into()], Outcome::Overlapped(1))
        );
    }

    #[test]
    fn li3_first_of_two_tcp_services_wins() {
        assert_eq!(meet(&[(TCP, &["a"]), (TCP, &["b"])]), (vec!["a".into()], Outcome::Overlapped(1)));
        assert_eq!(meet(&[(TCP, &["a"]), (Newcomer::Sniffed, &["b", "http"])]).0, ["a", "http"]);
    }

    #[test]
    fn ve12_a_second_sniffed_service_has_its_own_chains_on_master() {
        let two: &[(Newcomer, &[&str])] = &[(Newcomer::Sniffed, &["a", "http"]), (Newcomer::Sniffed, &["b", "http"])];
        let ranged = |release: &str| {
            let mut entries = Entries::new(Profile::of(release.parse().expect("a release")));
            let mut last = Outcome::Served;
            for (i, (newcomer, chains)) in two.iter().enumerate() {
                last = entries.add([0, 0, 0, 0].into(), 80, *newcomer, || {
                    let chain = |name: &&str| match *name {
                        "http" => http(),
                        host => Chain { destinations: vec![format!("10.{i}.0.0/16").into()], ..tcp(host) },
                    };
                    chains.iter().map(chain).collect()
                });
            }
            (entries.into_iter().map(|(_, _, chains)| chains.len()).sum::<usize>(), last)
        };
        assert_eq!(ranged("1.31"), (2, Outcome::HttpOnly));
        assert_eq!(ranged("master"), (3, Outcome::Served));
        // Without ranges nothing tells them apart.
        let master = || Entries::new(Profile::of("master".parse().expect("a release")));
        assert_eq!(meet_in(master(), two), (vec!["a".into(), "http".into()], Outcome::Overlapped(1)));
        let behind_http: &[(Newcomer, &[&str])] = &[(HTTP, &["http"]), (Newcomer::Sniffed, &["a", "http"])];
        assert_eq!(meet_in(master(), behind_http), (vec!["http".into()], Outcome::HttpOnly));
    }

    #[test]
    fn li3_mongo_stays_alone() {
        assert_eq!(meet(&[(MONGO, &["a"]), (TCP, &["b"])]), (vec!["a".into()], Outcome::Ignored));
        assert_eq!(meet(&[(HTTP, &["http"]), (MONGO, &["b"])]), (vec!["http".into()], Outcome::Ignored));
        assert_eq!(meet(&[(MONGO, &["a"]), (HTTP, &["http"])]), (vec!["a".into()], Outcome::Ignored));
        assert_eq!(meet(&[(MONGO, &["a"]), (MONGO, &["b"])]), (vec!["a".into()], Outcome::Overlapped(1)));
    }

    #[test]
    fn li3_sniffed_replaces_http_on_a_given_address() {
        let plain = Newcomer::PlainHttp(Protocol::Http);
        assert_eq!(meet(&[(plain, &["http"]), (Newcomer::Sniffed, &["a", "http"])]).0, ["a", "http"]);
        assert_eq!(meet(&[(TCP, &["a"]), (Newcomer::HttpProxy, &["http"])]).0, ["http"]);
    }

    #[test]
    fn li2_locked_listeners_take_no_more() {
        let mut entries = Entries::default();
        entries.add([0, 0, 0, 0].into(), 80, TCP, || vec![tcp("a")]);
        entries.lock();
        assert_eq!(entries.add([0, 0, 0, 0].into(), 80, TCP, || vec![tcp("b")]), Outcome::Locked);
        assert_eq!(entries.add([0, 0, 0, 0].into(), 81, TCP, || vec![tcp("b")]), Outcome::Served);
    }
}
