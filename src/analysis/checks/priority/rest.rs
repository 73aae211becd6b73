//! Requests that fit no rule: P210.

use indexmap::IndexMap;
use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::entries::{Entry, entries};
use super::witness;
use crate::analysis::checks::registry::{Input, checks};
use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::analysis::symbolic::{self, Answer, Budget, Client, Conditions, Languages, Region, difference};
use crate::istio::mesh::{MESH_GATEWAY, VirtualService};
use crate::istio::translate::http::catch_all_match;
use crate::manifest::diagnostic::Severity;

checks! {
    /// Some requests for a host fit no rule and are answered with 404 NR: in the mesh no rule of the VirtualService in
    /// force, on a gateway no rule of all VirtualServices that have the host there. A last rule without match takes the rest. A warning where what
    /// is in force has one.
    P210 "No rule for the rest" Info needs[VirtualServices] peers[];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let mut by_host: IndexMap<(&SmolStr, &SmolStr), Vec<&VirtualService>> = IndexMap::new();
    for vs in subject.mesh.virtual_services.all.iter().filter(|vs| !vs.http.is_empty()) {
        for gateway in &vs.gateways {
            for host in &vs.hosts {
                by_host.entry((gateway, host)).or_default().push(vs);
            }
        }
    }
    // The same VirtualServices have the same rules for each of their hosts; once is enough.
    let mut told: FxHashSet<(&SmolStr, Vec<*const VirtualService>)> = FxHashSet::default();
    for ((gateway, host), mut all) in by_host {
        if *gateway == MESH_GATEWAY {
            all.truncate(1);
        }
        let key = all.iter().map(|vs| std::ptr::from_ref(*vs)).collect();
        let Some(last) = all.last().copied().filter(|_| told.insert((gateway, key))) else { continue };
        let list: Vec<Entry<'_>> = all.iter().flat_map(|vs| entries(vs, gateway, &subject.languages)).collect();
        rest(subject, last, (gateway, host), &list, report);
    }
}

/// A request that none of the entries takes, whoever sends it; the conditions on clients are taken to hold.
pub(in crate::analysis::checks) fn untaken(list: &[Entry<'_>], languages: &Languages) -> Answer {
    if list.iter().any(Entry::is_catch_all) {
        return Answer::None;
    }
    let any = Conditions::new(&catch_all_match(), &Client::default(), languages);
    let anyone: Vec<Conditions> =
        list.iter().map(|e| Conditions::new(&e.matcher, &Client::default(), languages)).collect();
    let all: Vec<&Conditions> = anyone.iter().collect();
    difference(&Region::all_of([&any]), &all, &mut Budget::default())
}

/// Whether no route is made of the entries: their Gateway isn't there, or their matches are for ports that the service doesn't have.
fn acts_nowhere(
    subject: &Subject<'_>,
    vs: &VirtualService,
    gateway: &SmolStr,
    host: &SmolStr,
    list: &[Entry<'_>],
) -> bool {
    if *gateway != MESH_GATEWAY {
        return subject.has(Input::Gateways) && !subject.gateways.contains_key(gateway);
    }
    let Some(service) = subject.service(host, &vs.object.namespace) else { return false };
    let lacks = |port: u32| port != 0 && service.ports.iter().all(|p| u32::from(p.number) != port);
    list.iter().all(|e| e.written().is_some_and(|m| lacks(m.port)))
}

fn rest(
    subject: &Subject<'_>,
    vs: &VirtualService,
    (gateway, host): (&SmolStr, &SmolStr),
    list: &[Entry<'_>],
    report: &mut Report,
) {
    // Without any rule for this side the plain service is called: P211.
    if list.is_empty() {
        return;
    }
    // Where nothing acts at all, R111 and P220 say so.
    if acts_nowhere(subject, vs, gateway, host, list) {
        return;
    }
    let Answer::Some(example) = untaken(list, &subject.languages) else { return };
    let Some(request) = symbolic::request(&example, host) else { return };
    let matchers: Vec<_> = list.iter().map(|e| &e.matcher).collect();
    if witness::taken(&witness::router(&matchers), &request).is_some() {
        return;
    }
    let place = if *gateway == MESH_GATEWAY { String::new() } else { format!(" on gateway `{gateway}`") };
    let message = format!("some requests for `{host}`{place} fit no rule and are answered with 404 NR");
    let hint = "add a last rule without match, if the rest is to be served";
    // What is in force takes everything, and the change doesn't.
    let old = subject.base.as_ref().and_then(|b| b.mesh.virtual_services.all.iter().find(|o| o.object == vs.object));
    let had_one =
        old.is_some_and(|old| untaken(&entries(old, gateway, &subject.languages), &subject.languages) == Answer::None);
    report
        .add("P210", (&vs.object, vs.at), "spec.http", message, hint)
        .severity(if had_one { Severity::Warning } else { Severity::Info })
        .witness(Some(witness::describe(&request, &example)));
}
