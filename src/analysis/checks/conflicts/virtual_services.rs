//! VirtualServices for the same host: C301 to C303, C312; and the same destination twice: C311.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use crate::analysis::checks::priority::dead::{Fate, contest, fates_of, shown};
use crate::analysis::checks::priority::entries::{Entry, entries};
use crate::analysis::checks::priority::meeting::Meeting;
use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::{Report, listed, named};
use crate::analysis::checks::subject::Subject;
use crate::analysis::checks::walk::{Role, targets};
use crate::istio::mesh::{MESH_GATEWAY, VirtualService, Visibility};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{Object, ServiceRoute};

checks! {
    /// Two VirtualServices for the mesh have the same host, and some client sees both. Sidecars use one of them, the older
    /// one (equally old: by name, then namespace), and the rules of the other are void. Objects of one `kubectl apply` are
    /// often equally old, because times are kept in seconds. The finding is made for both.
    C301 "Same host in several mesh VirtualServices" Error needs[VirtualServices] peers["IST0109", "KIA1106"];

    /// Several VirtualServices have the same host on the same gateway. Istio puts their rules in one list, by the age of the
    /// objects (equally old: by name, then namespace), and moves the catch-alls to its end. A warning where rules of
    /// different objects overlap and do different things, so that the age decides; else an info.
    C302 "Same host on one gateway in several VirtualServices" Warning needs[VirtualServices] peers["KIA1106"];

    /// The merged list of a gateway host has more than one catch-all: all but the first are dead.
    C303 "Several catch-alls after merging" Warning needs[VirtualServices] peers[];

    /// A rule lists the same host, subset and port more than once: their shares add up, which is seldom meant.
    C311 "Same destination twice in a rule" Warning needs[VirtualServices] peers["KIA1105"];

    /// An HTTPRoute or GRPCRoute has a Service as parent, and a VirtualService for the mesh has it as a host. The two do not
    /// combine: one of them decides, the rules of the other are void.
    C312 "VirtualService and HTTPRoute on one service" Warning needs[VirtualServices] peers[];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    // (gateway, host) to the VirtualServices that have it, in creation order.
    let mut by_host: IndexMap<(&SmolStr, SmolStr), Sharing<'_>> = IndexMap::new();
    for vs in &subject.mesh.virtual_services.all {
        for gateway in &vs.gateways {
            for (i, host) in vs.hosts.iter().enumerate() {
                by_host.entry((gateway, host.to_ascii_lowercase().into())).or_default().push((vs, i));
            }
        }
    }
    let mut told: FxHashSet<(Vec<usize>, bool)> = FxHashSet::default();
    for ((gateway, host), list) in by_host.iter().filter(|(_, list)| list.len() > 1) {
        if **gateway == MESH_GATEWAY {
            in_mesh(list, host, report);
            continue;
        }
        let with_http: Vec<_> = list.iter().filter(|(vs, _)| !vs.http.is_empty()).copied().collect();
        // The same VirtualServices meet at each of their hosts; once is enough.
        let key: Vec<usize> = with_http.iter().map(|(vs, _)| Arc::as_ptr(vs) as usize).collect();
        if with_http.len() > 1 && told.insert((key, false)) {
            on_gateway(&with_http, gateway, host, subject, report);
        }
    }
    for vs in &subject.manifests.virtual_services {
        twice(subject, vs, report);
    }
    http_routes(subject, report);
}

/// VirtualServices that have one host, each with the index of that host.
type Sharing<'a> = Vec<(&'a Arc<VirtualService>, usize)>;

/// Whether some client sees both.
pub(super) fn meet(a: &Visibility, b: &Visibility) -> bool {
    match (a, b) {
        (Visibility::Nobody, _) | (_, Visibility::Nobody) => false,
        (Visibility::Public, _) | (_, Visibility::Public) => true,
        (Visibility::Namespaces(x), Visibility::Namespaces(y)) => x.iter().any(|n| y.contains(n)),
    }
}

/// C301.
fn in_mesh(list: &[(&Arc<VirtualService>, usize)], host: &str, report: &mut Report) {
    let hint = "put the rules into one VirtualService, or use delegates on a gateway";
    // Those in force, each with the ones that some client would see beside it.
    let mut void: IndexMap<usize, Vec<&Arc<VirtualService>>> = IndexMap::new();
    for (at, (vs, i)) in list.iter().enumerate().skip(1) {
        let earlier = list.get(..at).unwrap_or_default();
        let Some((index, (first, _))) =
            earlier.iter().enumerate().find(|(_, (e, _))| e.object != vs.object && meet(&e.visibility, &vs.visibility))
        else {
            continue;
        };
        void.entry(index).or_default().push(vs);
        let tie = first.created == vs.created;
        let why = if tie { "equally old, first by name" } else { "older" };
        let message = format!(
            "host `{host}` is also in {} ({why}): sidecars use that one, and the rules of this one are void",
            first.object
        );
        report.add("C301", (&vs.object, vs.at), format!("spec.hosts[{i}]"), message, hint).related(
            "the one in force",
            first.at,
            Some(&first.object),
        );
    }
    for (index, others) in &void {
        let Some((vs, i)) = list.get(*index) else { continue };
        let names = named(&others.iter().map(|o| &o.object).collect::<Vec<_>>());
        let message = format!("host `{host}` is also in {names}: sidecars use this one, and the rules there are void");
        report
            .add("C301", (&vs.object, vs.at), format!("spec.hosts[{i}]"), message, hint)
            .related_to("its rules are void", others.iter().map(|o| (&o.object, o.at)));
    }
}

/// C302, C303.
fn on_gateway(
    list: &[(&Arc<VirtualService>, usize)],
    gateway: &str,
    host: &str,
    subject: &Subject<'_>,
    report: &mut Report,
) {
    let mut merged: Vec<Entry<'_>> = Vec::new();
    let mut last: Vec<Entry<'_>> = Vec::new();
    for (vs, _) in list {
        for entry in entries(vs, gateway, &subject.languages) {
            let is_last = entry.is_catch_all();
            if is_last {
                last.push(entry)
            } else {
                merged.push(entry)
            }
            if is_last {
                break; // What comes behind it in its own object is not sent.
            }
        }
    }
    if let Some((first, rest)) = last.split_first() {
        for entry in rest.iter().filter(|e| e.vs.object != first.vs.object) {
            let message = format!(
                "for `{host}` {} of {} takes everything before this catch-all does",
                first.name(),
                first.vs.object
            );
            report
                .add(
                    "C303",
                    (&entry.source.object, entry.source.at),
                    entry.path(),
                    message,
                    "keep one catch-all for the host",
                )
                .related("the catch-all in force", first.source.at, Some(&first.source.object));
        }
    }
    let has_void_catch_all = last.iter().any(|e| last.first().is_some_and(|first| first.vs.object != e.vs.object));
    let clash = clash(subject, &merged, host);
    let names: Vec<String> = list.iter().map(|(vs, _)| vs.object.to_string()).collect();
    let Some((vs, i)) = list.last() else { return };
    let order = format!("host `{host}` on gateway `{gateway}` gets the rules of {} in this order", listed(&names, 4));
    let path = format!("spec.hosts[{i}]");
    match clash {
        Some(Clash { earlier, later, shown, is_kept_by_age }) => {
            let why = if is_kept_by_age {
                ", and would get none of them behind it: only the ages of the objects keep it so"
            } else {
                ""
            };
            let message = format!(
                "{order}; {} of {} comes before {} of {} for the same requests{why}",
                earlier.name(),
                earlier.vs.object,
                later.name(),
                later.vs.object
            );
            let mut added = report.add(
                "C302",
                (&vs.object, vs.at),
                path,
                message,
                "put the rules into one VirtualService, in the order that is meant",
            );
            for e in [earlier, later] {
                added = added.related(
                    format!("{} of {} goes to {}", e.name(), e.source.object, e.action()),
                    e.source.at,
                    Some(&e.source.object),
                );
            }
            added.witness(shown);
        }
        None => {
            let hint = if has_void_catch_all {
                "keep one catch-all for the host (C303), or put the rules into one VirtualService"
            } else {
                "the order decides nothing; keep it so, or put the rules into one VirtualService"
            };
            report.add("C302", (&vs.object, vs.at), path, order, hint).severity(Severity::Info);
        }
    }
}

/// Two entries of different objects of which the order decides.
struct Clash<'l, 'a> {
    earlier: &'l Entry<'a>,
    later: &'l Entry<'a>,
    /// A request that both take.
    shown: Option<String>,
    /// The later one is wider: as it is, both get requests, and the other way round the earlier one would get none.
    is_kept_by_age: bool,
}

/// The first pair of entries of different objects where the order matters: first where it takes requests of the later one that it may be
/// meant for, then where it has to stay as it is.
fn clash<'l, 'a>(subject: &Subject<'_>, merged: &'l [Entry<'a>], host: &str) -> Option<Clash<'l, 'a>> {
    let hosts = [SmolStr::new(host)];
    let meeting = Meeting::of(merged);
    let purse = subject.effort.clashes(merged.len());
    let fates = fates_of(merged, &meeting, purse.part(2));
    let mut purse = purse.part(2);
    let mut kept = None;
    for (j, (later, fate)) in merged.iter().zip(fates).enumerate() {
        let before = meeting.before(j);
        let earlier = || before.iter().filter_map(|i| merged.get(*i));
        if let Fate::Covered(_) = fate {
            let first =
                earlier().find(|e| e.vs.object != later.vs.object && !e.same_action(later) && fates_of_pair(e, later));
            if let Some(earlier) = first {
                return Some(Clash { earlier, later, shown: None, is_kept_by_age: false });
            }
        }
        for earlier in earlier().filter(|e| e.vs.object != later.vs.object) {
            let Some((example, is_kept_by_age)) = contest(earlier, later, &mut purse) else { continue };
            if is_kept_by_age && kept.is_some() {
                continue;
            }
            let Some(shown) = shown(&example, earlier, later, &hosts) else { continue };
            let clash = Clash { earlier, later, shown: Some(shown), is_kept_by_age };
            if !is_kept_by_age {
                return Some(clash);
            }
            kept = Some(clash);
        }
    }
    kept
}

/// Whether the first covers the second.
fn fates_of_pair(first: &Entry<'_>, second: &Entry<'_>) -> bool {
    use crate::analysis::symbolic::{Answer, Budget, Region, difference};
    difference(&Region::all_of([&second.conditions]), &[&first.conditions], &mut Budget::default()) == Answer::None
}

/// C311.
fn twice(
    subject: &Subject<'_>,
    vs: &crate::manifest::kinds::Object<crate::manifest::kinds::VirtualService>,
    report: &mut Report,
) {
    let mut seen = FxHashSet::default();
    for t in targets(&vs.spec) {
        if !matches!(t.role, Role::Route(_)) {
            continue;
        }
        let d = t.destination;
        let host = subject.fqdn(&d.host, &vs.meta.namespace);
        if !seen.insert((t.part as u8, t.rule, host, &d.subset, d.port)) {
            let subset = if d.subset.is_empty() { String::new() } else { format!(" subset `{}`", d.subset) };
            let message = format!("`{}`{subset} is a destination of this rule already; the shares add up", d.host);
            report.add("C311", (&vs.id, d.at), t.path(""), message, "name another subset, or add the weights");
        }
    }
}

/// C312.
fn http_routes(subject: &Subject<'_>, report: &mut Report) {
    let routes = subject.manifests.service_routes.iter();
    let by_service: FxHashMap<(&str, &str), &Object<ServiceRoute>> =
        routes.flat_map(|r| r.spec.services.iter().map(move |(ns, name)| ((ns.as_str(), name.as_str()), r))).collect();
    if by_service.is_empty() {
        return;
    }
    for vs in subject.mesh.virtual_services.all.iter().filter(|vs| Subject::is_mesh(vs)) {
        for (i, host) in vs.hosts.iter().enumerate() {
            let Some(service) = subject.mesh.service_index.by_hostname(host).first() else { continue };
            let Some(route) = by_service.get(&(service.namespace.as_str(), service.name.as_str())) else { continue };
            let message = format!("{} is for the same service; the two do not combine", route.id);
            let path = format!("spec.hosts[{i}]");
            report.add("C312", (&vs.object, vs.at), path, message, "use one kind of route for a service").related(
                "the other route",
                route.at,
                Some(&route.id),
            );
        }
    }
}
