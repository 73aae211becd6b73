//! What Istio admits and then panics on (T420).

use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::istio::mesh::{Resolution, Service};
use crate::istio::translate::{Crash, crash};

checks! {
    /// The manifests pass admission, and Istio's control plane panics while it makes clusters of them: outlier detection for a
    /// host with resolution DYNAMIC_DNS (also by a rule for `*`), or failover by labels or a traffic distribution for a DNS
    /// ServiceEntry with endpoints in several localities. No proxy that sees them gets its configuration any more.
    T420 "Crashes Istio's control plane" Error needs[] peers[];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let mut told = FxHashSet::default();
    // What is found doesn't depend on who sees it but by the DestinationRule that holds.
    let by_dns = |s: &&Arc<Service>| matches!(s.resolution, Resolution::Dns | Resolution::DynamicDns);
    for service in subject.mesh.services.iter().filter(by_dns) {
        let sidecars = subject.namespaces.iter().flat_map(|n| subject.sidecars_in(n));
        let clients = sidecars.chain(subject.gateway_proxies.iter().cloned());
        for proxy in clients.filter(|p| service.visibility.allows(&p.namespace)) {
            let rule = subject.mesh.destination_rules.select(&proxy, &service.hostname, &service.namespace);
            let found = service.ports.iter().find_map(|port| crash(subject.mesh, &proxy, service, port, rule));
            let Some(found) = found else { continue };
            let (object, at) = rule.map_or((&service.object, service.at), |r| (&r.object, r.at));
            if !told.insert((object.clone(), service.hostname.clone(), found)) {
                continue;
            }
            let message = format!("Istio's control plane panics on `{}`: {}", service.hostname, found.describe());
            let hint = match found {
                Crash::OutlierDetection => {
                    "take `outlierDetection` out of the rule, or write a rule of its own for the host"
                }
                Crash::FailoverPriority => {
                    "put all endpoints into one locality, or take the failover or the distribution out"
                }
            };
            report.add("T420", (object, at), "spec", message, hint);
        }
    }
}
