//! ServiceEntries and Sidecars, and policies like these: C309 and C310.

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::istio::mesh::{Protocol, Registry};
use crate::manifest::kinds::{Labels, Object, ObjectId, ServiceEntry};
use crate::manifest::source::Position;

checks! {
    /// Two ServiceEntries have the same host and port, with different protocols or at all; or one has the full name of a
    /// Service. Which of them a client uses depends on its namespace and on their age.
    C309 "ServiceEntries that disagree" Warning needs[] peers["IST0177", "KIA1211", "KIA1212"];

    /// Two Sidecars select the same pod, or a namespace has two without selector. The older one counts, and which one that
    /// is nobody sees; the visibility of the pod is left to chance. The same for PeerAuthentications.
    C310 "Sidecars that select the same workload" Error needs[] peers["IST0110", "IST0111", "KIA0002", "KIA0003"];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    entries(subject, report);
    sidecars(subject, report);
}

/// C309.
fn entries(subject: &Subject<'_>, report: &mut Report) {
    let mut seen: FxHashMap<(&SmolStr, i64), (&Object<ServiceEntry>, Protocol)> = FxHashMap::default();
    for entry in &subject.manifests.service_entries {
        for (i, host) in entry.spec.hosts.iter().enumerate() {
            let service =
                subject.mesh.service_index.by_hostname(host).iter().find(|s| s.registry == Registry::Kubernetes);
            if let Some(service) = service {
                let message = format!("host `{host}` is the name of {} already", service.object);
                report
                    .add(
                        "C309",
                        (&entry.id, entry.at),
                        format!("spec.hosts[{i}]"),
                        message,
                        "use another host, or a selector of the Service",
                    )
                    .related("the Service", service.at, Some(&service.object));
            }
            for (p, port) in entry.spec.ports.iter().enumerate() {
                let protocol = Protocol::parse(&port.protocol);
                let Some((first, other)) = seen.get(&(host, port.number)).copied() else {
                    seen.insert((host, port.number), (entry, protocol));
                    continue;
                };
                if first.id == entry.id {
                    continue;
                }
                let how = if other == protocol { "too" } else { "too, with another protocol" };
                let message = format!("{} has host `{host}` and port {} {how}", first.id, port.number);
                report
                    .add(
                        "C309",
                        (&entry.id, entry.at),
                        format!("spec.ports[{p}]"),
                        message,
                        "keep one ServiceEntry for a host and port",
                    )
                    .related("the other one", first.at, Some(&first.id));
            }
        }
    }
}

/// C310.
fn sidecars(subject: &Subject<'_>, report: &mut Report) {
    let sidecars = subject.mesh.sidecars.iter().map(|s| One {
        object: (&s.id, s.at),
        selector: s.spec.workload_selector.as_ref(),
        path: "spec.workloadSelector",
    });
    each_workload_has_one(subject, sidecars, report);
    let policies = subject.manifests.peer_authentications.iter().map(|p| One {
        object: (&p.id, p.at),
        selector: Some(&p.spec.selector).filter(|s| !s.is_empty()),
        path: "spec.selector",
    });
    each_workload_has_one(subject, policies, report);
}

/// An object of a kind of which a workload should have one.
struct One<'a> {
    object: (&'a ObjectId, Position),
    selector: Option<&'a Labels>,
    path: &'static str,
}

fn each_workload_has_one<'a>(subject: &Subject<'a>, all: impl Iterator<Item = One<'a>>, report: &mut Report) {
    let mut without: FxHashMap<&SmolStr, (&ObjectId, Position)> = FxHashMap::default();
    let mut owners: FxHashMap<(&SmolStr, &SmolStr), (&ObjectId, Position)> = FxHashMap::default();
    for one in all {
        let (id, _) = one.object;
        let (namespace, kind) = (&id.namespace, &id.kind);
        let Some(selector) = one.selector else {
            let (first, at) = *without.entry(namespace).or_insert(one.object);
            if first != id {
                let message = format!("{first} is for all of namespace `{namespace}` too");
                let hint = format!("keep one {kind} without selector in a namespace");
                report.add("C310", one.object, "spec", message, hint).related("the one in force", at, Some(first));
            }
            continue;
        };
        let mut told = false;
        for pod in subject.pods(namespace, selector) {
            let (owner, at) = *owners.entry((namespace, &pod.meta.name)).or_insert(one.object);
            if owner != id && !told {
                told = true;
                let message = format!("{owner} selects {} too", pod.id);
                let hint = format!("let each pod have one {kind}");
                report.add("C310", one.object, one.path, message, hint).related("the one in force", at, Some(owner));
            }
        }
    }
}
