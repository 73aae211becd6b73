//! The law of checks: what some client meets is found, whoever it is. Held against all scenarios and all meshes whose routing is
//! recorded.

use rustc_hash::FxHashSet;

use super::registry::Profile;
use super::{Inputs, run};
use crate::envoy::cluster_state::{Cause, ClusterState};
use crate::envoy::table::{Destination, ForwardTo, RouteAction, RouteTable};
use crate::istio::translate;
use crate::manifest::source::Position;
use crate::testing;
use crate::traffic::workspace::{self, Options};

/// Members of a class that are looked at one by one.
const MEMBERS: usize = 3;

/// Destinations of a table that name a subset which isn't there, by their places.
fn undefined(table: &RouteTable) -> Vec<Position> {
    let routes = table.route_configs.iter().flat_map(|c| &c.virtual_hosts).flat_map(|h| h.routes.iter());
    let forwards = routes.filter_map(|route| match &route.action {
        RouteAction::Forward(forward) => Some(forward),
        _ => None,
    });
    let destinations = forwards.flat_map(|forward| -> Vec<&Destination> {
        match &forward.destination {
            ForwardTo::Cluster(one) => vec![one],
            ForwardTo::Weighted(all) => all.iter().map(|weighted| &weighted.destination).collect(),
        }
    });
    let is_undefined = |d: &&Destination| ClusterState::of(table, &d.cluster).cause() == Some(Cause::UndefinedSubset);
    destinations.filter(is_undefined).filter_map(|d| d.at).collect()
}

#[test]
fn a_subset_that_some_client_lacks_is_found() {
    let (mut members, mut lacking) = (0, 0);
    for folder in testing::folders() {
        let Some(w) = testing::open_any(&folder, |text| text) else { continue };
        let options =
            Options { unknown_fields: crate::manifest::load::UnknownFields::Warn, ..Options::usual("default") };
        let reviewed = workspace::review(testing::inputs_of(&folder, |text| text), &options);
        let outcome = run(Inputs {
            manifests: &reviewed.manifests,
            refused: reviewed.refused,
            assumed: !reviewed.assumed.is_empty(),
            scenario: reviewed.scenario.as_ref(),
            sources: &reviewed.sources,
            gateways: reviewed.gateways,
            base: None,
            profile: Profile::Default,
            effort: 1, // What needs a proof is no matter of this law.
            earlier: &reviewed.findings,
        });
        let found: FxHashSet<_> =
            outcome.findings.iter().filter(|f| f.id == "R106").map(|f| (f.at.file, f.at.line)).collect();
        for class in &w.points.classes {
            for proxy in class.proxies.iter().take(MEMBERS) {
                for at in undefined(&translate::route_table(&w.mesh, proxy)) {
                    assert!(found.contains(&(at.file, at.line)), "{}: {} lacks {at:?}", folder.display(), proxy.name);
                    lacking += 1;
                }
                members += 1;
            }
        }
    }
    assert!(members > 200 && lacking > 20, "{members} members, {lacking} undefined subsets");
}
