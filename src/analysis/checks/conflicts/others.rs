//! ServiceEntries and Sidecars, and policies like these: C309 and C310.

use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::virtual_services::meet;
use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::{Report, named};
use crate::analysis::checks::subject::Subject;
use crate::istio::mesh::{Protocol, Registry, Visibility};
use crate::manifest::kinds::{Labels, Object, ObjectId, ServiceEntry};
use crate::manifest::source::Position;

checks! {
    /// Two ServiceEntries have the same host and port, with different protocols or at all; or one has the full name of a
    /// Service. Which of them a client uses depends on its namespace and on their age. Those that no client sees both of,
    /// because of their `exportTo`, don't disturb each other. The finding is made for both.
    C309 "ServiceEntries that disagree" Warning needs[] peers["IST0177", "KIA1211", "KIA1212"];

    /// Two Sidecars select the same pod, or a namespace has two without selector. The older one counts, and which one that
    /// is nobody sees; the visibility of the pod is left to chance. The same for PeerAuthentications. The finding is made for
    /// each of them.
    C310 "Sidecars that select the same workload" Error needs[] peers["IST0110", "IST0111", "KIA0002", "KIA0003"];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    entries(subject, report);
    sidecars(subject, report);
}

/// A port of a ServiceEntry, for one of its hosts.
#[derive(Clone, Copy)]
struct Served<'a> {
    entry: &'a Object<ServiceEntry>,
    /// Index of the port.
    port: usize,
    protocol: Protocol,
}

/// What was seen of one host and port, by who sees it.
#[derive(Default)]
struct Seen<'a> {
    /// The first that anybody sees, and the first that all see.
    any: Option<Served<'a>>,
    public: Option<Served<'a>>,
    by_namespace: FxHashMap<SmolStr, Served<'a>>,
}

impl<'a> Seen<'a> {
    /// An earlier one that some client sees together with one of this visibility.
    fn meeting(&self, visibility: &Visibility) -> Option<Served<'a>> {
        match visibility {
            Visibility::Nobody => None,
            Visibility::Public => self.any,
            Visibility::Namespaces(all) => {
                self.public.or_else(|| all.iter().find_map(|n| self.by_namespace.get(n)).copied())
            }
        }
    }

    fn add(&mut self, visibility: &Visibility, served: Served<'a>) {
        match visibility {
            Visibility::Nobody => return,
            Visibility::Public => {
                self.public.get_or_insert(served);
            }
            Visibility::Namespaces(all) => {
                for namespace in all {
                    self.by_namespace.entry(namespace.clone()).or_insert(served);
                }
            }
        }
        self.any.get_or_insert(served);
    }
}

/// C309.
fn entries(subject: &Subject<'_>, report: &mut Report) {
    let default = &subject.mesh.config.default_service_export_to;
    let mut seen: FxHashMap<(&SmolStr, i64), Seen<'_>> = FxHashMap::default();
    // The one that came first, and the host, port and others that it shares them with.
    let mut shared: IndexMap<(&ObjectId, usize, &SmolStr), (Served<'_>, Vec<Served<'_>>)> = IndexMap::new();
    for entry in &subject.manifests.service_entries {
        let visibility = Visibility::resolve(&entry.spec.export_to, default, &entry.meta.namespace);
        for (i, host) in entry.spec.hosts.iter().enumerate() {
            let services = subject.mesh.service_index.by_hostname(host).iter();
            let service =
                services.filter(|s| s.registry == Registry::Kubernetes).find(|s| meet(&s.visibility, &visibility));
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
                    .peers(&[])
                    .related("the Service", service.at, Some(&service.object));
            }
            for (p, port) in entry.spec.ports.iter().enumerate() {
                let served = Served { entry, port: p, protocol: Protocol::parse(&port.protocol) };
                let seen = seen.entry((host, port.number)).or_default();
                match seen.meeting(&visibility).filter(|first| first.entry.id != entry.id) {
                    Some(first) => {
                        twice(served, host, &[first], report);
                        let key = (&first.entry.id, first.port, host);
                        shared.entry(key).or_insert((first, Vec::new())).1.push(served);
                    }
                    None => seen.add(&visibility, served),
                }
            }
        }
    }
    for ((.., host), (first, others)) in &shared {
        twice(*first, host, others, report);
    }
}

/// One of the ServiceEntries that share a host and port; `others` are at least one.
fn twice(one: Served<'_>, host: &str, others: &[Served<'_>], report: &mut Report) {
    let number = one.entry.spec.ports.get(one.port).map_or(0, |p| p.number);
    let differ = others.iter().any(|o| o.protocol != one.protocol);
    let (how, peers): (_, &[_]) =
        if differ { ("too, with another protocol", &["IST0177", "KIA1212"]) } else { ("too", &["KIA1211"]) };
    let have = if others.len() == 1 { "has" } else { "have" };
    let names = named(&others.iter().map(|o| &o.entry.id).collect::<Vec<_>>());
    let message = format!("{names} {have} host `{host}` and port {number} {how}");
    let (object, path) = ((&one.entry.id, one.entry.at), format!("spec.ports[{}]", one.port));
    report
        .add("C309", object, path, message, "keep one ServiceEntry for a host and port")
        .peers(peers)
        .related_to("the other one", others.iter().map(|o| (&o.entry.id, o.entry.at)));
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
#[derive(Clone, Copy)]
struct One<'a> {
    object: (&'a ObjectId, Position),
    selector: Option<&'a Labels>,
    path: &'static str,
}

fn each_workload_has_one<'a>(subject: &Subject<'a>, all: impl Iterator<Item = One<'a>>, report: &mut Report) {
    let mut without: IndexMap<&SmolStr, (One<'a>, Vec<One<'a>>)> = IndexMap::new();
    let mut owners: FxHashMap<(&SmolStr, &SmolStr), One<'a>> = FxHashMap::default();
    // The one in force, the others that select a pod of its own, and the first of those pods.
    let mut sharing: IndexMap<&ObjectId, (One<'a>, &ObjectId, Vec<One<'a>>)> = IndexMap::new();
    for one in all {
        let (id, _) = one.object;
        let (namespace, kind) = (&id.namespace, &id.kind);
        let Some(selector) = one.selector else {
            let (first, others) = without.entry(namespace).or_insert((one, Vec::new()));
            let (first, at) = first.object;
            if first != id {
                others.push(one);
                let message = format!("{first} is for all of namespace `{namespace}` too");
                let hint = format!("keep one {kind} without selector in a namespace");
                report.add("C310", one.object, "spec", message, hint).related("the one in force", at, Some(first));
            }
            continue;
        };
        let mut told = false;
        for pod in subject.pods(namespace, selector) {
            let first = *owners.entry((namespace, &pod.meta.name)).or_insert(one);
            let (owner, at) = first.object;
            if owner != id && !told {
                told = true;
                sharing.entry(owner).or_insert((first, &pod.id, Vec::new())).2.push(one);
                let message = format!("{owner} selects {} too", pod.id);
                let hint = format!("let each pod have one {kind}");
                report.add("C310", one.object, one.path, message, hint).related("the one in force", at, Some(owner));
            }
        }
    }
    for (namespace, (first, others)) in without.iter().filter(|(_, (_, others))| !others.is_empty()) {
        let are = if others.len() == 1 { "is" } else { "are" };
        let message = format!("{} {are} for all of namespace `{namespace}` too; this one is in force", names(others));
        let hint = format!("keep one {} without selector in a namespace", first.object.0.kind);
        let others = others.iter().map(|o| o.object);
        report.add("C310", first.object, "spec", message, hint).related_to("without effect", others);
    }
    for (first, pod, others) in sharing.values() {
        let select = if others.len() == 1 { "selects" } else { "select" };
        let message = format!("{} {select} {pod} too; this one is in force there", names(others));
        let hint = format!("let each pod have one {}", first.object.0.kind);
        let others = others.iter().map(|o| o.object);
        report.add("C310", first.object, first.path, message, hint).related_to("without effect there", others);
    }
}

/// The objects as a sentence names them.
fn names(all: &[One<'_>]) -> String {
    named(&all.iter().map(|o| o.object.0).collect::<Vec<_>>())
}
