//! ServiceEntries and Sidecars: C309 and C310.

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use crate::checks::registry::checks;
use crate::checks::report::Report;
use crate::checks::subject::Subject;
use crate::manifest::{Object, ServiceEntry, Sidecar};
use crate::mesh::{Protocol, Registry};

checks! {
    /// Two ServiceEntries have the same host and port, with different protocols or at all; or one has the full name of a
    /// Service. Which of them a client uses depends on its namespace and on their age.
    C309 "ServiceEntries that disagree" Warning needs[] peers["IST0177", "KIA1211", "KIA1212"];

    /// Two Sidecars select the same pod, or a namespace has two without selector. The older one counts, and which one that
    /// is nobody sees; the visibility of the pod is left to chance.
    C310 "Sidecars that select the same workload" Error needs[] peers["IST0110", "IST0111", "KIA0002", "KIA0003"];
}

pub(in crate::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
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
    let mut without: FxHashMap<&SmolStr, &Object<Sidecar>> = FxHashMap::default();
    let mut owners: FxHashMap<(&str, &str), &Object<Sidecar>> = FxHashMap::default();
    for sidecar in &subject.mesh.sidecars {
        let namespace = &sidecar.meta.namespace;
        let object = (&sidecar.id, sidecar.at);
        match &sidecar.spec.workload_selector {
            None => match without.get(namespace) {
                Some(first) => {
                    let message = format!("{} is for all of namespace `{namespace}` too", first.id);
                    report
                        .add("C310", object, "spec", message, "keep one Sidecar without selector in a namespace")
                        .related("the one in force", first.at, Some(&first.id));
                }
                None => {
                    without.insert(namespace, sidecar);
                }
            },
            Some(selector) => {
                let mut told = false;
                for pod in subject.pods(namespace, selector) {
                    let owner = owners.entry((namespace.as_str(), pod.meta.name.as_str())).or_insert(sidecar);
                    if owner.id != sidecar.id && !told {
                        told = true;
                        let message = format!("{} selects {} too", owner.id, pod.id);
                        report
                            .add("C310", object, "spec.workloadSelector", message, "let each pod have one Sidecar")
                            .related("the one in force", owner.at, Some(&owner.id));
                    }
                }
            }
        }
    }
}
