//! Where many requests go: a text with one on each line, decided and counted.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde_json::json;

use super::{NOTHING_OPENED, Opened};
use crate::envoy::decision::{Detail, Outcome, decide};
use crate::envoy::router::{CompiledParts, Router};
use crate::envoy::table::ClusterName;
use crate::istio::translate::Parts;
use crate::traffic::request_text;

/// Lines that can't be read and are told one by one; the others are counted.
const WRONG_TOLD: usize = 20;

/// `{"requests": N, "ends": [{"outcome": ..., "cluster": ..., "requests": expected}], "wrong": N, "wrong_lines": [...]}` for JSON
/// lines of requests, as request files have them. A request passes the proxy that it names, else the mesh's first. Ends come by
/// outcome and cluster; their numbers are expected ones, nothing is drawn, and what a fault answers is an end of its own.
///
/// # Errors
/// A request names a proxy that there isn't, or there is no proxy.
pub(super) fn many(opened: Option<&Opened>, lines: &str) -> Result<String, String> {
    let Opened { workspace, switches, how, .. } = opened.ok_or(NOTHING_OPENED)?;
    let (requests, wrong) = request_text::parse_json_lines(lines);
    let (parts, compiled) = (Parts::new(&workspace.mesh), CompiledParts::default());
    let mut routers: FxHashMap<Option<&str>, Router> = FxHashMap::default();
    for name in requests.iter().map(|r| r.proxy.as_deref()) {
        if routers.contains_key(&name) {
            continue;
        }
        let proxy = match name {
            Some(name) => workspace.proxy(name, &how.options.namespace).map_err(|problem| problem.message)?,
            None => workspace.default_proxy().ok_or("there is no proxy that requests could pass")?,
        };
        routers.insert(name, parts.router(&proxy, switches, &compiled).0);
    }
    let mut ends: BTreeMap<(Outcome, Option<ClusterName>), f64> = BTreeMap::new();
    for request in &requests {
        let Some(router) = routers.get(&request.proxy.as_deref()) else { continue };
        let decision = decide(router, request, Detail::Outcome);
        let let_through = 1.0 - decision.fault_share;
        if decision.fault_share > 0.0 {
            *ends.entry((Outcome::FaultAbort, None)).or_default() += decision.fault_share;
        }
        for cluster in decision.clusters.iter() {
            *ends.entry((cluster.outcome, Some(cluster.name.clone()))).or_default() += let_through * cluster.share;
        }
        // Without clusters the proxy answers by itself.
        if let Some(outcome) = decision.outcome.filter(|_| decision.clusters.is_empty() && let_through > 0.0) {
            *ends.entry((outcome, None)).or_default() += let_through;
        }
    }
    let end = |((outcome, cluster), requests): (&(Outcome, Option<ClusterName>), &f64)| {
        let cluster = cluster.as_ref().map(ClusterName::to_string);
        json!({"outcome": outcome, "cluster": cluster, "requests": requests})
    };
    let told: Vec<String> = wrong.iter().take(WRONG_TOLD).map(ToString::to_string).collect();
    Ok(json!({
        "error": null,
        "requests": requests.len(),
        "ends": ends.iter().map(end).collect::<Vec<_>>(),
        "wrong": wrong.len(),
        "wrong_lines": told,
    })
    .to_string())
}

#[cfg(test)]
mod tests {
    use super::super::{Texts, answer};
    use super::*;

    #[test]
    fn many_requests_are_counted_by_where_they_end() {
        let manifests = r"
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: [shop]
  http:
  - match: [{uri: {prefix: /old}}]
    redirect: {uri: /new}
  - match: [{uri: {prefix: /slow}}]
    fault: {abort: {httpStatus: 500, percentage: {value: 25}}}
    route: [{destination: {host: shop}}]
  - route:
    - {destination: {host: shop}, weight: 75}
    - {destination: {host: shop, subset: nowhere}, weight: 25}
";
        let texts = json!({"files": [{"name": "shop.yaml", "text": manifests}]}).to_string();
        let (now, before, how) = Texts::read(&texts).expect("texts").inputs();
        let (opened, _) = Opened::new(now, before, how, None).expect("a mesh");
        let lines = ["/old", "/slow", "/slow", "/", "/", "/", "/"].map(|p| json!({"authority": "shop", "path": p}));
        let lines: Vec<String> = lines.iter().map(ToString::to_string).chain(["no request".to_owned()]).collect();
        let told = answer(Some(&opened), "decide", &lines.join("\n")).expect("a question");
        let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        let count = |outcome: &str| -> f64 {
            let ends = told["ends"].as_array().expect("ends");
            ends.iter().filter(|e| e["outcome"] == outcome).filter_map(|e| e["requests"].as_f64()).sum()
        };
        assert_eq!((told["requests"].as_u64(), told["wrong"].as_u64()), (Some(7), Some(1)), "{told}");
        assert_eq!(
            ["delivered", "redirect", "fault_abort", "no_cluster"].map(count),
            [3.0 + 1.5, 1.0, 0.5, 1.0],
            "{told}"
        );
        let stranger = r#"{"authority": "shop", "path": "/", "proxy": "nobody"}"#;
        assert!(many(Some(&opened), stranger).is_err_and(|error| error.contains("nobody")));
    }
}
