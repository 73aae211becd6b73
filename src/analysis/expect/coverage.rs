//! Which rules, match entries and destinations the tests' requests came to.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::{SmolStr, ToSmolStr};

use super::run::TestResult;
use crate::envoy::router::Router;
use crate::envoy::table::{ChainAction, ClusterName, RouteAction, RouteSource, TcpDestination};
use crate::envoy::words;
use crate::manifest::kinds::ObjectId;
use crate::manifest::source::Position;
use crate::order::Order as _;

/// What one line of a coverage report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ItemKind {
    /// A rule of a VirtualService.
    Route,
    /// An entry of a rule's `match`; a rule without any counts as one.
    Match,
    /// A destination of a rule.
    Destination,
}

impl ItemKind {
    /// All kinds, in the order reports list them.
    pub(crate) const ALL: [ItemKind; 3] = [ItemKind::Route, ItemKind::Match, ItemKind::Destination];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ItemKind::Route => "route",
            ItemKind::Match => "match",
            ItemKind::Destination => "destination",
        }
    }
}

/// One rule, match entry or destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CoverageItem {
    pub kind: ItemKind,
    /// `VirtualService shop/reviews rule 1 match 0`, with the destination where it is one.
    pub what: SmolStr,
    pub at: Position,
    pub covered: bool,
}

/// A share in percent that a coverage must reach, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Percent(f64);

impl Percent {
    /// `90%`, `90` or `0.9`.
    pub(crate) fn parse(text: &str) -> Option<Percent> {
        let number = text.trim().trim_end_matches('%').trim().parse::<f64>().ok()?;
        let percent = if text.contains('%') || number > 1.0 { number } else { number * 100.0 };
        (0.0..=100.0).contains(&percent).then_some(Percent(percent))
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&words::percent(self.0 / 100.0))
    }
}

/// What the tests came to and what not, by object, rule, match and destination.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Coverage {
    pub items: Vec<CoverageItem>,
}

impl Coverage {
    /// How many of a kind were reached, and how many there are.
    pub(crate) fn count(&self, kind: ItemKind) -> (usize, usize) {
        let all = self.items.iter().filter(|i| i.kind == kind);
        (all.clone().filter(|i| i.covered).count(), all.count())
    }

    /// Whether each kind reaches `least`; a kind of which there is nothing does.
    pub(crate) fn reaches(&self, least: Percent) -> bool {
        ItemKind::ALL.into_iter().all(|kind| {
            let (covered, all) = self.count(kind);
            100.0 * as_f64(covered) + 1e-9 >= least.0 * as_f64(all)
        })
    }
}

fn as_f64(n: usize) -> f64 {
    crate::traffic::stats::as_f64(n as u64)
}

/// Object and rule; the match entry for matches, host and subset for destinations. Not their port: where the rule names
/// none, the same entry gives a cluster for each port that the host is served on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    object: (SmolStr, SmolStr, SmolStr),
    rule: Option<u32>,
    kind: ItemKind,
    match_index: Option<u32>,
    destination: Option<(SmolStr, SmolStr)>,
}

fn keys(source: &RouteSource, clusters: &[&ClusterName]) -> Vec<Key> {
    let id: &ObjectId = &source.object;
    let base = Key {
        object: (id.kind.as_str().to_smolstr(), id.namespace.clone(), id.name.clone()),
        rule: source.rule,
        kind: ItemKind::Route,
        match_index: None,
        destination: None,
    };
    let entry = Key { kind: ItemKind::Match, match_index: source.match_index, ..base.clone() };
    let to =
        |c: &&ClusterName| Key { kind: ItemKind::Destination, destination: Some(host_and_subset(c)), ..base.clone() };
    [base.clone(), entry].into_iter().chain(clusters.iter().map(to)).collect()
}

fn host_and_subset(name: &ClusterName) -> (SmolStr, SmolStr) {
    match name.parts() {
        Some((host, subset, _)) => (host.into(), subset.into()),
        None => (name.to_smolstr(), SmolStr::default()),
    }
}

/// Measures what `results` came to of the rules in the tables of `routers`.
///
/// Rules that no table has, because Istio leaves them out, are not counted.
pub(crate) fn measure<'r>(routers: impl Iterator<Item = &'r Router>, results: &[TestResult]) -> Coverage {
    let mut all: BTreeMap<Key, CoverageItem> = BTreeMap::new();
    let mut add = |source: &RouteSource, clusters: &[(&ClusterName, Option<Position>)]| {
        let names: Vec<&ClusterName> = clusters.iter().map(|(c, _)| *c).collect();
        for key in keys(source, &names) {
            let named = |to: &(SmolStr, SmolStr)| clusters.iter().find(|(name, _)| host_and_subset(name) == *to);
            let place = key.destination.as_ref().and_then(named).and_then(|(_, at)| *at);
            let shown = match &key.destination {
                Some((host, subset)) => {
                    let rule = RouteSource { match_index: None, ..source.clone() };
                    let subset = if subset.is_empty() { String::new() } else { format!(" subset {subset}") };
                    format!("{} to {}{subset}", words::written_by(&rule), words::short_host(host))
                }
                None if key.kind == ItemKind::Route => {
                    words::written_by(&RouteSource { match_index: None, ..source.clone() })
                }
                None if source.match_index.is_none() => format!("{} without match", words::written_by(source)),
                None => words::written_by(source),
            };
            let item =
                CoverageItem { kind: key.kind, what: shown.into(), at: place.unwrap_or(source.at), covered: false };
            all.entry(key).or_insert(item);
        }
    };
    for router in routers {
        let table = router.table();
        for route in table.route_configs.iter().flat_map(|c| &c.virtual_hosts).flat_map(|v| v.routes.iter()) {
            let Some(source) = &route.source else { continue };
            let clusters: Vec<_> = match &route.action {
                RouteAction::Forward(f) => words::targets(f).into_iter().map(|t| (t.cluster, t.at)).collect(),
                _ => Vec::new(),
            };
            add(source, &clusters);
        }
        for chain in table.listeners.iter().flat_map(|l| l.filter_chains.iter().chain(&l.default_filter_chain)) {
            let (Some(source), ChainAction::Tcp(to)) = (&chain.source, &chain.action) else { continue };
            let clusters: Vec<_> = match to {
                TcpDestination::Cluster(name) => vec![(name, None)],
                TcpDestination::Weighted(several) => several.iter().map(|(name, _)| (name, None)).collect(),
            };
            add(source, &clusters);
        }
    }
    let mut reached: BTreeSet<Key> = BTreeSet::new();
    let cases = results.iter().flat_map(|r| &r.cases).map(|c| &c.decision);
    let proofs = results.iter().flat_map(|r| &r.proof).flat_map(|p| &p.reached);
    for decision in cases.chain(proofs) {
        let Some(source) = &decision.source else { continue };
        let aborted = decision.fault_share >= 1.0;
        let clusters = decision.clusters.iter().filter(|c| c.share > 0.0 && !aborted);
        let clusters: Vec<&ClusterName> = clusters.map(|c| &c.name).collect();
        reached.extend(keys(source, &clusters));
    }
    let mut items: Vec<CoverageItem> =
        all.into_iter().map(|(key, item)| CoverageItem { covered: reached.contains(&key), ..item }).collect();
    items.order_by_key(|item| item.kind);
    Coverage { items }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_read_in_three_ways() {
        for (text, percent) in [("90%", 90.0), ("90", 90.0), ("0.9", 90.0), ("1", 100.0), (" 0 % ", 0.0), ("0.5%", 0.5)]
        {
            assert_eq!(Percent::parse(text), Some(Percent(percent)), "{text}");
        }
        for text in ["101%", "-1", "x", "", "NaN", "inf"] {
            assert_eq!(Percent::parse(text), None, "{text}");
        }
    }

    #[test]
    fn each_kind_has_to_reach_the_least() {
        let item = |kind, covered| CoverageItem { kind, what: "x".into(), at: Position::default(), covered };
        let coverage = Coverage {
            items: vec![item(ItemKind::Route, true), item(ItemKind::Match, true), item(ItemKind::Match, false)],
        };
        assert_eq!(coverage.count(ItemKind::Match), (1, 2));
        assert_eq!(coverage.count(ItemKind::Destination), (0, 0));
        assert!(coverage.reaches(Percent(50.0)) && !coverage.reaches(Percent(50.1)));
        assert!(Coverage::default().reaches(Percent(100.0)));
    }
}
