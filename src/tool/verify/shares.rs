//! Draws: a request that can end in several ways, sent many times, and its shares tested.

use smol_str::SmolStr;

use super::observed::Target;
use crate::envoy::decision::{Decision, Outcome};
use crate::traffic::stats::{self, Fit};

/// Below this probability, divided by the number of tests, shares count as different. So small, because nobody should have
/// to look into a difference that is chance: one run in a million.
pub(crate) const SIGNIFICANCE: f64 = 1e-6;

/// One way a request can end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Way {
    /// Name of the cluster, or what else answers.
    pub name: String,
    /// Exact probability, 0 to 1. 0: Envoy did what was thought impossible.
    pub share: f64,
    /// How often it came.
    pub count: u64,
}

/// What was drawn again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drawn {
    /// Where a request goes.
    Targets,
    /// How it ends, before pods that behave as supposed.
    Ends,
    /// How many attempts it takes there.
    Attempts,
}

impl Drawn {
    /// In JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Drawn::Targets => "targets",
            Drawn::Ends => "ends",
            Drawn::Attempts => "attempts",
        }
    }
}

/// The draws of one route, or of one TCP listener.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ShareTest {
    pub listener: SmolStr,
    /// Empty for TCP.
    pub route_config: SmolStr,
    /// Empty for TCP.
    pub virtual_host: SmolStr,
    pub route_index: Option<u32>,
    pub drawn: Drawn,
    pub ways: Vec<Way>,
    /// None where there are too few draws for a test.
    pub fit: Option<Fit>,
    /// The shares fit, see [`SIGNIFICANCE`].
    pub agrees: bool,
}

/// Clusters that don't exist are one way: Envoy doesn't say which of them it drew.
const NO_CLUSTER: &str = "a cluster that doesn't exist";
const FAULT: &str = "fault";
const ANSWERED: &str = "answered by the proxy";

/// The ways a request can end, if there are several.
pub(super) fn ways(decision: &Decision) -> Option<Vec<Way>> {
    let mut ways: Vec<Way> = Vec::new();
    let mut add = |name: String, share: f64| expect(&mut ways, name, share);
    let fault = decision.fault_share.min(1.0);
    add(FAULT.to_owned(), fault);
    if decision.clusters.is_empty() {
        add(ANSWERED.to_owned(), 1.0 - fault);
    }
    for cluster in decision.clusters.iter() {
        let missing = cluster.outcome == Outcome::NoCluster;
        let name = if missing { NO_CLUSTER.to_owned() } else { cluster.name.to_string() };
        add(name, cluster.share * (1.0 - fault));
    }
    (ways.len() > 1).then_some(ways)
}

/// Adds to the probability of a way.
pub(super) fn expect(ways: &mut Vec<Way>, name: String, share: f64) {
    if share <= 0.0 {
        return;
    }
    match ways.iter_mut().find(|w| w.name == name) {
        Some(way) => way.share += share,
        None => ways.push(Way { name, share, count: 0 }),
    }
}

/// Counts one draw.
pub(super) fn count(ways: &mut Vec<Way>, target: &Target) {
    let name = match (&target.cluster, target.flags.as_str()) {
        (_, "FI") => FAULT,
        (None, "NC") => NO_CLUSTER,
        (None, _) => ANSWERED,
        (Some(cluster), _) => cluster,
    };
    seen(ways, name);
}

/// Counts one draw of this name.
pub(super) fn seen(ways: &mut Vec<Way>, name: &str) {
    match ways.iter_mut().find(|w| w.name == name) {
        Some(way) => way.count += 1,
        None => ways.push(Way { name: name.to_owned(), share: 0.0, count: 1 }),
    }
}

/// Tests counts against shares.
pub(super) fn fit(ways: &[Way]) -> Option<Fit> {
    let counts: Vec<u64> = ways.iter().map(|w| w.count).collect();
    let shares: Vec<f64> = ways.iter().map(|w| w.share).collect();
    stats::chi_square(&counts, &shares)
}

/// Settles which tests agree; `count`: how many tests the whole run has.
pub(super) fn judge(tests: &mut [ShareTest], count: usize) {
    let limit = SIGNIFICANCE / stats::as_f64(count.max(1) as u64);
    for test in tests {
        let impossible = test.ways.iter().any(|w| w.share <= 0.0 && w.count > 0);
        test.agrees = !impossible && test.fit.is_none_or(|fit| fit.p_value >= limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::decision::{ClusterShare, ResponseFlags};
    use crate::envoy::table::ClusterName;

    fn split(fault_share: f64, clusters: &[(&str, f64, Outcome)]) -> Decision {
        let cluster = |(subset, share, outcome): &(&str, f64, Outcome)| ClusterShare {
            name: ClusterName::outbound(80, subset, "h"),
            weight: 1,
            share: *share,
            outcome: *outcome,
            status: None,
            flags: ResponseFlags::None,
            endpoints: [].into(),
            upstream: None,
        };
        Decision { fault_share, clusters: clusters.iter().map(cluster).collect(), ..Decision::default() }
    }

    fn target(cluster: Option<&str>, flags: &str) -> Target {
        Target { flags: flags.into(), cluster: cluster.map(str::to_owned), endpoint: None }
    }

    #[test]
    fn ways_add_up_to_one() {
        let decision = split(
            0.2,
            &[("a", 0.5, Outcome::Delivered), ("b", 0.3, Outcome::NoCluster), ("c", 0.2, Outcome::NoCluster)],
        );
        let ways = ways(&decision).unwrap();
        let shares: Vec<(&str, f64)> = ways.iter().map(|w| (w.name.as_str(), w.share)).collect();
        assert_eq!(shares, [("fault", 0.2), ("outbound|80|a|h", 0.4), ("a cluster that doesn't exist", 0.4)]);
        assert_eq!(super::ways(&split(0.0, &[("a", 1.0, Outcome::Delivered)])), None);
        assert_eq!(super::ways(&split(0.5, &[])).unwrap().len(), 2);
    }

    #[test]
    fn what_cannot_happen_never_agrees() {
        let decision = split(0.0, &[("a", 0.5, Outcome::Delivered), ("b", 0.5, Outcome::NoCluster)]);
        let mut ways = ways(&decision).unwrap();
        for _ in 0..50 {
            count(&mut ways, &target(Some("outbound|80|a|h"), "-"));
            count(&mut ways, &target(None, "NC"));
        }
        let test = |ways: Vec<Way>| ShareTest {
            listener: SmolStr::default(),
            route_config: SmolStr::default(),
            virtual_host: SmolStr::default(),
            route_index: None,
            drawn: Drawn::Targets,
            fit: fit(&ways),
            ways,
            agrees: false,
        };
        let mut tests = [test(ways.clone())];
        judge(&mut tests, 1);
        assert!(tests[0].agrees);
        count(&mut ways, &target(Some("outbound|80|z|h"), "-"));
        let mut tests = [test(ways)];
        judge(&mut tests, 1);
        assert!(!tests[0].agrees);
    }
}
