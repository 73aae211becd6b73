//! The law of checks: what some client meets is found, whoever it is. Held against all scenarios and all meshes whose routing is
//! recorded.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::registry::Profile;
use super::{Inputs, run};
use crate::envoy::authority::Authority;
use crate::envoy::cluster_state::{Cause, ClusterState};
use crate::envoy::proxy::ProxyKind;
use crate::envoy::router::{RequestView, Router, Switches};
use crate::envoy::table::{ClusterName, Destination, ForwardTo, RouteAction, RouteTable};
use crate::istio::mesh::Mesh;
use crate::istio::translate;
use crate::manifest::source::Position;
use crate::testing;
use crate::traffic::streams;
use crate::traffic::workspace::{self, Options};

/// Members of a class that are looked at one by one.
const MEMBERS: usize = 3;

/// Destinations of a table that name a subset which isn't there, by their places.
fn undefined(table: &RouteTable) -> Vec<Position> {
    let routes = table.route_configs.iter().flat_map(|c| &c.virtual_hosts).flat_map(|h| h.routes.iter());
    let destinations = routes.flat_map(|route| destinations(&route.action));
    let is_undefined = |d: &&Destination| ClusterState::of(table, &d.cluster).cause() == Some(Cause::UndefinedSubset);
    destinations.filter(is_undefined).filter_map(|d| d.at).collect()
}

fn destinations(action: &RouteAction) -> Vec<&Destination> {
    match action {
        RouteAction::Forward(forward) => match &forward.destination {
            ForwardTo::Cluster(one) => vec![one],
            ForwardTo::Weighted(all) => all.iter().map(|weighted| &weighted.destination).collect(),
        },
        _ => Vec::new(),
    }
}

/// A destination without a cluster that requests come to which somebody may well send.
struct Lost {
    at: Position,
    cause: Cause,
    cluster: ClusterName,
}

/// Those of a table. What a sidecar gets by another name of a service is left out.
fn lost(router: &Router) -> Vec<Lost> {
    let table = router.table();
    let mut out = Vec::new();
    for class in streams::automatic_but(router, &|_| true, &mut |_, _, _| false).iter().flat_map(|s| &s.classes) {
        let Some((config, host, route)) = router.find(&RequestView::from(&class.request)).route() else { continue };
        let (Some(host), Some(route)) = (router.virtual_host(config, host), router.route(config, host, route)) else {
            continue;
        };
        if table.proxy.kind == ProxyKind::Sidecar && !table.has_cluster_of(Authority::of(&host.name).host) {
            continue;
        }
        for d in destinations(&route.action) {
            if let (ClusterState::Missing(cause), Some(at)) = (ClusterState::of(table, &d.cluster), d.at) {
                out.push(Lost { at, cause, cluster: d.cluster.clone() });
            }
        }
    }
    out
}

impl Lost {
    /// The checks that tell of it at its place.
    fn ids(&self) -> &'static [&'static str] {
        match self.cause {
            Cause::UndefinedSubset => &["R106"],
            Cause::UnknownHost => &["R101", "R102", "R104"],
            Cause::UnknownPort => &["R104", "R105"],
            _ => &[],
        }
    }

    /// Whether it is told of elsewhere: labels that nobody has at their DestinationRule, what a Sidecar leaves out at the Sidecar. Of
    /// several services with one name one is looked at; where a delegate is served isn't.
    fn is_no_matter(&self, mesh: &Mesh, has_sidecar: bool) -> bool {
        let host = self.cluster.parts().map_or("", |(host, _, _)| host);
        let all = mesh.service_index.by_hostname(host);
        let delegated = mesh.virtual_services.all.iter().flat_map(|vs| &vs.http).filter(|r| r.source.root.is_some());
        let is_here = |at: Position| at.file == self.at.file && at.document == self.at.document;
        self.cause == Cause::SubsetWithoutEndpoints
            || has_sidecar && self.cause == Cause::UnknownHost
            || all.len() > 1
            || all.iter().any(|s| s.is_alias())
            || self.cause == Cause::UnknownPort && delegated.into_iter().any(|r| is_here(r.source.at))
    }
}

#[test]
fn a_cluster_that_some_client_lacks_is_found() {
    let (mut members, mut lacking, mut missed) = (0, 0, 0);
    let mut silent = Vec::new();
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
        let found: FxHashSet<_> = outcome.findings.iter().map(|f| (f.id.as_str(), f.at.file, f.at.line)).collect();
        let is_found = |id: &'static str, at: &Position| found.contains(&(id, at.file, at.line));
        let has_sidecar = !reviewed.manifests.sidecars.is_empty();
        for class in &w.points.classes {
            for proxy in class.proxies.iter().take(MEMBERS) {
                let table = Arc::new(translate::route_table(&w.mesh, proxy));
                for at in undefined(&table) {
                    assert!(is_found("R106", &at), "{}: {} lacks {at:?}", folder.display(), proxy.name);
                    lacking += 1;
                }
                for lost in lost(&Router::new(table, &Switches::default())) {
                    if lost.is_no_matter(&w.mesh, has_sidecar) {
                        continue;
                    }
                    missed += 1;
                    if !lost.ids().iter().any(|id| is_found(id, &lost.at)) {
                        silent.push(format!("{}: {} {} {:?}", folder.display(), proxy.name, lost.cluster, lost.at));
                    }
                }
                members += 1;
            }
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
    assert!(members > 200 && lacking > 20 && missed > 100, "{members} members, {lacking} subsets, {missed} clusters");
}
