//! Single requests and who is asked about them: the proxy that a request names, those that were chosen, else everybody who has its
//! authority.
//!
//! In: requests and a workspace. Out: a [`Case`] for each decision, once for all clients of which the same is told. Not here: how a
//! decision is made (room `decision`), and how it is shown.

use std::collections::HashMap;
use std::sync::Arc;

use crate::envoy::decision::{ClusterShare, Decision, Detail, decide};
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::envoy::request::Request;
use crate::envoy::router::{CompiledParts, RequestView, Router, Switches};
use crate::envoy::table::PolicySource;
use crate::istio::clients::{Audience, PointsOfView};
use crate::istio::translate::Parts;
use crate::parallel::prelude::*;
use crate::traffic::workspace::{Options, Workspace};

/// A request and the router of the proxy it passes.
pub(crate) struct Case<'w> {
    pub request: &'w Request,
    pub router: Arc<Router>,
    /// Whose the proxy is.
    pub audience: Audience,
    pub decision: Decision,
}

impl<'w> Case<'w> {
    fn decide(request: &'w Request, router: &Arc<Router>, audience: Audience) -> Case<'w> {
        Case { request, decision: decide(router, request, Detail::Steps), router: router.clone(), audience }
    }

    /// Whether the same is told of both, but for whose they are.
    fn agrees(&self, other: &Case<'_>) -> bool {
        let rules = |case: &Case<'_>| -> Vec<Option<PolicySource>> {
            let table = case.router.table();
            let of = |c: &ClusterShare| table.cluster(&c.name).and_then(|c| c.destination_rule.clone());
            case.decision.clusters.iter().map(of).collect()
        };
        self.decision.agrees(&other.decision) && rules(self) == rules(other)
    }
}

/// Each request with the proxy it names, else with every one that `options` ask for; where nobody asked for any, with all
/// clients that have its authority, once for those of which the same is told. With what is wrong with requests, in words.
pub(crate) fn cases<'w>(
    requests: &'w [Request],
    workspace: &'w Workspace,
    switches: &Switches,
    options: &Options,
) -> (Vec<Case<'w>>, Vec<String>) {
    let points = &workspace.points;
    let (parts, compiled) = (Parts::new(&workspace.mesh), CompiledParts::default());
    let router = |proxy: &Arc<Proxy>| Arc::new(parts.router(proxy, switches, &compiled).0);
    let open = requests.iter().any(|r| r.proxy.is_none());
    // Without a word about the proxy, all that were asked for, else the scenario's first.
    let asked = if options.proxies.is_empty() && !points.own { 1 } else { points.classes.len() };
    let proxies: Vec<&Arc<Proxy>> = points.proxies().take(if open { asked } else { 0 }).collect();
    let routers: Vec<Arc<Router>> = proxies.par_iter().map(|proxy| router(proxy)).collect();
    let mut named: HashMap<&str, Result<Arc<Router>, String>> = HashMap::new();
    for name in requests.iter().filter_map(|r| r.proxy.as_ref()) {
        named.entry(name).or_insert_with(|| {
            if let Some(i) = proxies.iter().position(|p| p.name == *name) {
                return routers.get(i).cloned().ok_or_else(String::new);
            }
            workspace.proxy(name, &options.namespace).map(|p| router(&p)).map_err(|problem| problem.message)
        });
    }
    let of_request = |request: &'w Request| -> Result<Vec<Case<'w>>, String> {
        if let Some(name) = &request.proxy {
            let router = match named.get(name.as_str()) {
                Some(Ok(router)) => router,
                Some(Err(problem)) => return Err(format!("request {}: {problem}", request.id)),
                None => return Ok(Vec::new()),
            };
            let alone = PointsOfView::of_proxies(std::slice::from_ref(&router.table().proxy));
            return Ok(vec![Case::decide(request, router, alone.audience(&[0]))]);
        }
        if !points.own {
            let each = routers.iter().enumerate();
            return Ok(each.map(|(i, router)| Case::decide(request, router, points.audience(&[i]))).collect());
        }
        Ok(of_all(request, &routers, points))
    };
    let found: Vec<Result<Vec<Case<'w>>, String>> = requests.par_iter().map(of_request).collect();
    let (mut cases, mut problems) = (Vec::new(), Vec::new());
    for one in found {
        match one {
            Ok(of_request) => cases.extend(of_request),
            Err(problem) => problems.push(problem),
        }
    }
    (cases, problems)
}

/// Which of all clients are asked about a request that names no proxy: those that have its authority. Where none has, the sidecars, to
/// which it is a stranger.
pub(crate) fn asked<T>(all: &[T], serves: impl FnMut(&T) -> bool, kind: impl Fn(&T) -> ProxyKind) -> Vec<usize> {
    let chosen = |wanted: &mut dyn FnMut(&T) -> bool| -> Vec<usize> {
        all.iter().zip(0..).filter_map(|(one, i)| wanted(one).then_some(i)).collect()
    };
    let mut serves = serves;
    let have = chosen(&mut serves);
    if !have.is_empty() {
        return have;
    }
    let sidecars = chosen(&mut |one| kind(one) == ProxyKind::Sidecar);
    if sidecars.is_empty() { chosen(&mut |_| true) } else { sidecars }
}

/// [`asked`] of routers.
pub(crate) fn asked_routers(routers: &[Arc<Router>], request: &Request) -> Vec<usize> {
    let view = RequestView::from(request);
    asked(routers, |r| r.serves(&view), |r| r.table().proxy.kind)
}

/// A request as all clients see it that are asked about it.
fn of_all<'w>(request: &'w Request, routers: &[Arc<Router>], points: &PointsOfView) -> Vec<Case<'w>> {
    let asked = asked_routers(routers, request);
    let mut groups: Vec<(Vec<usize>, Case<'w>)> = Vec::new();
    for i in asked {
        let Some(router) = routers.get(i) else { continue };
        let case = Case::decide(request, router, Audience::default());
        match groups.iter_mut().find(|(_, known)| known.agrees(&case)) {
            Some((classes, _)) => classes.push(i),
            None => groups.push((vec![i], case)),
        }
    }
    groups.into_iter().map(|(classes, case)| Case { audience: points.audience(&classes), ..case }).collect()
}
