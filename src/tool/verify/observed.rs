//! What Envoy did with one request, in the words of the route table.

use super::bootstrap::{DEFAULT_CHAIN, ENTRY};
use super::session::{ConnectionLine, Ended, HttpLine};
use super::wire::{Answer, Head};
use crate::envoy::router::ChainId;

/// Which listener took a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taker {
    /// Index in the table.
    Listener(u32),
    /// None of them: the virtual outbound listener of a sidecar, nothing on a gateway.
    None,
}

/// One request as Envoy treated it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observed {
    pub taker: Taker,
    /// None: no filter chain took the connection.
    pub chain: Option<ChainId>,
    /// The connection as TCP proxies see it.
    pub connection: Target,
    /// None: no HTTP connection manager had the request.
    pub http: Option<ObservedHttp>,
}

/// Where a connection or request was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Envoy's response flags, `-` for none.
    pub flags: String,
    /// None: the cluster doesn't exist, or none was chosen.
    pub cluster: Option<String>,
    /// Index among the cluster's endpoints.
    pub endpoint: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ObservedHttp {
    pub route_config: String,
    /// Indexes of virtual host and route; None: no route was taken.
    pub route: Option<(u32, u32)>,
    pub route_name: Option<String>,
    pub status: u16,
    pub target: Target,
    pub location: Option<String>,
    /// The request as it arrived at the back end.
    pub arrival: Option<Head>,
}

impl Observed {
    /// From the log of the request's connection, its answer, and what arrived.
    pub(super) fn new(ended: Ended, answer: Option<&Answer>, arrival: Option<Head>) -> Observed {
        let location = answer.and_then(|a| a.head.field("location")).map(str::to_owned);
        let http = ended.http.into_iter().next().map(|line| ObservedHttp {
            target: Target::of_request(&line),
            route: line.route.as_deref().and_then(position),
            route_config: line.route_config,
            route_name: line.route_name,
            status: line.status,
            location,
            arrival,
        });
        let line = ended.connection;
        Observed { taker: taker(&line), chain: chain(&line), connection: Target::of_connection(&line), http }
    }
}

impl Target {
    pub(super) fn of_request(line: &HttpLine) -> Target {
        Target::new(&line.flags, line.cluster.as_deref(), line.endpoint.as_deref())
    }

    pub(super) fn of_connection(line: &ConnectionLine) -> Target {
        Target::new(&line.flags, line.cluster.as_deref(), line.endpoint.as_deref())
    }

    fn new(flags: &str, cluster: Option<&str>, endpoint: Option<&str>) -> Target {
        Target {
            flags: without_delay(flags),
            cluster: cluster.filter(|c| !c.is_empty() && *c != "-").map(str::to_owned),
            endpoint: endpoint.and_then(|e| e.parse().ok()),
        }
    }
}

/// The flags but `DI`: that a request was delayed is no part of where it goes.
fn without_delay(flags: &str) -> String {
    let kept: Vec<&str> = flags.split(',').filter(|f| *f != "DI").collect();
    if kept.is_empty() { "-".to_owned() } else { kept.join(",") }
}

fn taker(line: &ConnectionLine) -> Taker {
    if line.listener == ENTRY {
        return Taker::None;
    }
    line.listener.parse().map_or(Taker::None, Taker::Listener)
}

fn chain(line: &ConnectionLine) -> Option<ChainId> {
    match line.chain.as_deref()? {
        DEFAULT_CHAIN => Some(ChainId::Default),
        index => index.parse().ok().map(ChainId::Chain),
    }
}

/// `VIRTUAL HOST/ROUTE`.
fn position(mark: &str) -> Option<(u32, u32)> {
    let (host, route) = mark.split_once('/')?;
    Some((host.parse().ok()?, route.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_flags() {
        assert_eq!(position("3/14"), Some((3, 14)));
        assert_eq!(position("-"), None);
        assert_eq!(without_delay("DI"), "-");
        assert_eq!(without_delay("DI,FI"), "FI");
        assert_eq!(without_delay("-"), "-");
    }
}
