//! The decision as data (section 5 and 7 of the command line's contract).

use std::sync::Arc;

use smol_str::SmolStr;

use crate::envoy::outcome::{ClusterShare, Outcome, ResponseFlags, Upstream};
use crate::envoy::router::Found;
use crate::envoy::table::RouteSource;
use crate::manifest::source::Position;

/// The decision about one request, complete: exact shares instead of draws, and the way to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Decision {
    /// The place in the table where the search ended.
    pub found: Found,
    /// `ADDRESS:PORT` of the listener; None: nothing listens.
    pub listener: Option<SmolStr>,
    pub route_config: Option<SmolStr>,
    pub virtual_host: Option<SmolStr>,
    /// Index within the virtual host, from 0.
    pub route_index: Option<u32>,
    /// None: no route, or an unnamed one.
    pub route_name: Option<SmolStr>,
    /// None where the clusters differ in theirs; likewise `status` and `flags`.
    pub outcome: Option<Outcome>,
    pub status: Option<u16>,
    pub flags: Option<ResponseFlags>,
    /// Shared by all requests of a route that arrive alike.
    pub clusters: Arc<[ClusterShare]>,
    /// Probability that an abort fault answers, 0 to 1.
    pub fault_share: f64,
    pub upstream: Option<Upstream>,
    pub location: Option<String>,
    pub source: Option<RouteSource>,
    /// What was tried, in order, up to the match.
    pub steps: Vec<Step>,
    /// Remarks for people: causes, near misses, what is not evaluated. Not part of the machine-readable forms.
    pub hints: Vec<String>,
}

impl Decision {
    /// Whether the same was decided on another table, be it that what took the request stands elsewhere there.
    pub(crate) fn agrees(&self, other: &Decision) -> bool {
        let Decision {
            found: _,
            listener,
            route_config,
            virtual_host,
            route_index,
            route_name,
            outcome,
            status,
            flags,
            clusters,
            fault_share,
            upstream,
            location,
            source,
            steps,
            hints,
        } = self;
        (listener, route_config, virtual_host) == (&other.listener, &other.route_config, &other.virtual_host)
            && (route_index, route_name, source) == (&other.route_index, &other.route_name, &other.source)
            && (outcome, status, flags, location) == (&other.outcome, &other.status, &other.flags, &other.location)
            && (clusters, upstream) == (&other.clusters, &other.upstream)
            && fault_share == &other.fault_share
            && (steps, hints) == (&other.steps, &other.hints)
    }

    /// A decision that is over with this outcome, and nothing else known yet.
    pub(crate) fn ended(outcome: Outcome, answer: Option<(u16, ResponseFlags)>) -> Decision {
        Decision {
            outcome: Some(outcome),
            status: answer.map(|(status, _)| status),
            flags: answer.map(|(_, flags)| flags),
            ..Decision::default()
        }
    }
}

/// One route that was tried.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub virtual_host: SmolStr,
    pub route_index: u32,
    pub matched: bool,
    /// The first condition that failed, with the wanted value and the request's own.
    pub reason: String,
    /// What would have to be different for it to match, where little is missing.
    pub hints: Vec<String>,
    pub source: Option<RouteSource>,
    /// Where it stands in the proxy's configuration, where that was given and is known.
    pub place: Option<Position>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::table::ClusterName;

    fn other_cluster() -> ClusterShare {
        ClusterShare {
            name: ClusterName::Passthrough,
            weight: 1,
            share: 1.0,
            outcome: Outcome::Delivered,
            status: None,
            flags: ResponseFlags::NoRoute,
            endpoints: Arc::default(),
            upstream: None,
        }
    }

    #[test]
    fn decisions_agree_in_all_but_the_place() {
        let ended = || Decision::ended(Outcome::NoRoute, Some((404, ResponseFlags::NoRoute)));
        let with = |change: fn(&mut Decision)| {
            let mut changed = ended();
            change(&mut changed);
            changed.agrees(&ended())
        };
        assert!(with(|d| d.found = Found::VirtualOutbound));
        let differing: [fn(&mut Decision); 14] = [
            |d| d.listener = Some("0.0.0.0:80".into()),
            |d| d.route_config = Some("80".into()),
            |d| d.virtual_host = Some("shop".into()),
            |d| d.route_index = Some(0),
            |d| d.route_name = Some("a".into()),
            |d| d.outcome = Some(Outcome::NoCluster),
            |d| d.status = Some(503),
            |d| d.flags = None,
            |d| d.fault_share = 0.5,
            |d| d.upstream = Some(Upstream { path: "/".into(), authority: "shop".into(), headers: Vec::new() }),
            |d| d.location = Some("/".into()),
            |d| d.hints.push("a hint".into()),
            |d| {
                let (virtual_host, reason) = ("shop".into(), String::new());
                d.steps.push(Step {
                    virtual_host,
                    route_index: 0,
                    matched: true,
                    reason,
                    hints: Vec::new(),
                    source: None,
                    place: None,
                });
            },
            |d| d.clusters = vec![other_cluster()].into(),
        ];
        for (i, change) in differing.into_iter().enumerate() {
            assert!(!with(change), "{i}");
        }
    }
}
