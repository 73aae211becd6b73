//! Hosts that hide each other: P215.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::entries::entries;
use super::rest::untaken;
use super::witness;
use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::analysis::symbolic::{self, Answer};
use crate::istio::mesh::{HostTable, VirtualService, is_wildcard};

checks! {
    /// A VirtualService has a host that a wildcard host of another one covers, on the same gateway, and its own rules don't
    /// take every request. A request for the specific host never falls through to the rules of the wildcard: it is answered
    /// with 404 NR.
    P215 "More specific host hides the wildcard host" Warning needs[VirtualServices] peers[];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let mut wildcards: FxHashMap<&SmolStr, HostTable<&Arc<VirtualService>>> = FxHashMap::default();
    let all = &subject.mesh.virtual_services.all;
    for vs in all.iter().filter(|vs| !vs.http.is_empty()) {
        for gateway in &vs.gateways {
            for host in vs.hosts.iter().filter(|h| is_wildcard(h)) {
                wildcards.entry(gateway).or_default().entry(host, || vs);
            }
        }
    }
    for vs in all.iter().filter(|vs| !vs.http.is_empty()) {
        for gateway in &vs.gateways {
            let Some(table) = wildcards.get(gateway) else { continue };
            for (i, host) in vs.hosts.iter().enumerate() {
                // A wildcard's own entry is found first; the next wider one is that of its tail.
                let wider = match host.strip_prefix('*') {
                    None => table.most_specific(host),
                    Some(tail) => tail.get(1..).and_then(|t| table.most_specific(t)),
                };
                let Some(wide) = wider.filter(|w| w.object != vs.object && sees(vs, w)) else { continue };
                let list = entries(vs, gateway, &subject.languages);
                let Answer::Some(example) = untaken(&list, &subject.languages) else { continue };
                let Some(request) = symbolic::request(&example, host) else { continue };
                let message = format!(
                    "requests for `{host}` that fit no rule here get 404 NR; they never reach the wildcard's rules in {}",
                    wide.object
                );
                report
                    .add(
                        "P215",
                        (&vs.object, vs.at),
                        format!("spec.hosts[{i}]"),
                        message,
                        "add a last rule without match here, with what the rest is to do",
                    )
                    .related("the wildcard's rules", wide.at, Some(&wide.object))
                    .witness(Some(witness::describe(&request, &example)));
            }
        }
    }
}

/// Some client may get both.
fn sees(a: &VirtualService, b: &VirtualService) -> bool {
    use crate::istio::mesh::Visibility::{Namespaces, Nobody, Public};
    match (&a.visibility, &b.visibility) {
        (Nobody, _) | (_, Nobody) => false,
        (Public, _) | (_, Public) => true,
        (Namespaces(x), Namespaces(y)) => x.iter().any(|n| y.contains(n)),
    }
}
