//! The order of applying: O801, O811.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::analysis::checks::references::resolving::{RuleHomes, clients};
use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::analysis::checks::walk::targets;
use crate::istio::mesh::MESH_GATEWAY;
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{DestinationRule, Object, ObjectId, ObjectMeta, VirtualService};
use crate::manifest::source::Position;

checks! {
    /// A VirtualService names a subset, and the DestinationRule that defines it is applied later: from one step to the other
    /// requests get 503 NC. The order is that of the files and the documents in them, as `kubectl apply -f` takes them, or
    /// that of Argo CD's sync waves, in which case this is an error. The other way round there is no gap: add the subset,
    /// wait for the proxies, route to it; and to remove it: stop routing, wait, drop the subset. What was read from a cluster
    /// (it has `uid` and `resourceVersion`) is in force already and comes before nothing.
    O801 "VirtualService refers to a subset before its DestinationRule defines it" Warning needs[VirtualServices] peers[];

    /// An object needs another one (a subset its DestinationRule, a VirtualService its Gateway, a destination its
    /// ServiceEntry, a root its delegate), and comes before it: neither the names of the files nor sync waves state the order.
    O811 "Deployment order undocumented" Info [Ops] needs[] peers[];
}

/// Annotation in which Argo CD reads the order of applying.
const SYNC_WAVE: &str = "argocd.argoproj.io/sync-wave";

/// When an object is applied.
#[derive(Debug, Clone, Copy)]
struct Step {
    wave: i64,
    has_wave: bool,
    /// It is in force already: objects that were read from a cluster have no order.
    in_cluster: bool,
    at: Position,
}

impl Step {
    fn of(meta: &ObjectMeta, at: Position) -> Step {
        let wave = meta.annotations.get(SYNC_WAVE).and_then(|w| w.trim().parse().ok());
        Step { wave: wave.unwrap_or(0), has_wave: wave.is_some(), in_cluster: meta.in_cluster, at }
    }

    /// Whether this one is applied before the other; and whether that is said in so many words.
    fn before(self, other: Step) -> (bool, bool) {
        if other.in_cluster {
            return (false, false);
        }
        let stated = self.has_wave || other.has_wave;
        if stated && self.wave != other.wave {
            return (self.wave < other.wave, true);
        }
        let place = |p: Position| (p.file, p.document, p.line);
        (place(self.at) < place(other.at), false)
    }
}

/// Something that needs something else.
struct Pair<'a> {
    dependent: (&'a ObjectId, Step),
    on: (&'a ObjectId, Step),
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let homes = RuleHomes::new(subject);
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    let mut too_early = false;
    let entries = subject.manifests.service_entries.iter().map(|e| (&e.id, &e.meta)).collect();
    for vs in &subject.manifests.virtual_services {
        let own = (&vs.id, Step::of(&vs.meta, vs.at));
        for target in targets(&vs.spec).into_iter().filter(|t| !t.destination.subset.is_empty()) {
            let host = subject.fqdn(&target.destination.host, &vs.meta.namespace);
            let Some(dr) = defining(subject, &homes, vs, &host, &target.destination.subset) else { continue };
            let on = (&dr.id, Step::of(&dr.meta, dr.at));
            let (early, stated) = own.1.before(on.1);
            pairs.push(Pair { dependent: own, on });
            if !early || !target.gets_traffic || in_force(subject, dr, &target.destination.subset) {
                continue;
            }
            too_early = true;
            let message = format!(
                "subset `{}` is defined by {}, which is applied later: {} until then",
                target.destination.subset,
                dr.id,
                target.without_cluster()
            );
            let hint = if stated {
                format!("give the DestinationRule a lower `{SYNC_WAVE}` than the VirtualService")
            } else {
                "put the DestinationRule first: add the subset, wait for the proxies, then route to it".to_owned()
            };
            report
                .add("O801", (&vs.id, target.destination.at), target.path("subset"), message, hint)
                .severity(if stated { Severity::Error } else { Severity::Warning })
                .related("defined here", dr.at, Some(&dr.id));
        }
        others(subject, vs, own, &entries, &mut pairs);
    }
    removed_first(subject, &homes, report);
    undocumented(&pairs, too_early, report);
}

/// Whether the rule that is in force now has the subset already, so that there is no gap.
fn in_force(subject: &Subject<'_>, dr: &Object<DestinationRule>, subset: &str) -> bool {
    let old = subject.base.as_ref().and_then(|base| base.destination_rule(&dr.id));
    old.is_some_and(|old| old.spec.subsets.iter().any(|s| s.name == subset))
}

/// O801 for removals: the DestinationRule drops a subset before the VirtualService stops naming it.
fn removed_first(subject: &Subject<'_>, homes: &RuleHomes<'_>, report: &mut Report) {
    let Some(base) = &subject.base else { return };
    for vs in &subject.manifests.virtual_services {
        let Some(old) = base.virtual_service(&vs.id) else { continue };
        let own = Step::of(&vs.meta, vs.at);
        let now = targets(&vs.spec);
        for target in targets(&old.spec).into_iter().filter(|t| t.gets_traffic && !t.destination.subset.is_empty()) {
            let named = |t: &crate::analysis::checks::walk::Target<'_>| {
                t.destination.host == target.destination.host && t.destination.subset == target.destination.subset
            };
            if now.iter().any(named) {
                continue; // If the subset is gone now, that is R106.
            }
            let subset = &target.destination.subset;
            let host = subject.fqdn(&target.destination.host, &vs.meta.namespace);
            let drops = |dr: &&&Object<DestinationRule>| {
                in_force(subject, dr, subset) && dr.spec.subsets.iter().all(|s| s.name != *subset)
            };
            let rules = homes.of(&host);
            let Some(dr) = rules.iter().find(drops) else { continue };
            let (early, stated) = Step::of(&dr.meta, dr.at).before(own);
            if early {
                let message = format!(
                    "subset `{subset}` goes before {} stops naming it: {} until then",
                    vs.id,
                    target.without_cluster()
                );
                let hint = "stop routing to the subset, wait for the proxies, then drop it";
                report
                    .add("O801", (&dr.id, dr.at), "spec.subsets", message, hint)
                    .severity(if stated { Severity::Error } else { Severity::Warning })
                    .related("named it so far", vs.at, Some(&vs.id));
            }
        }
    }
}

/// The written rule that gives a client of `vs` the subset.
fn defining<'a>(
    subject: &Subject<'a>,
    homes: &RuleHomes<'a>,
    vs: &Object<VirtualService>,
    host: &str,
    subset: &str,
) -> Option<&'a Object<DestinationRule>> {
    let home = subject.service(host, &vs.meta.namespace).map_or(vs.meta.namespace.as_str(), |s| s.namespace.as_str());
    let candidates = homes.of(host);
    clients(subject, homes, vs, host).iter().find_map(|client| {
        let rule = subject.mesh.destination_rules.select(client, host, home)?;
        rule.subset(subset)?;
        let parts = std::iter::once(&rule.object).chain(&rule.merged);
        let mut parts = parts.filter_map(|id| candidates.iter().find(|dr| dr.id == *id).copied());
        parts.find(|dr| dr.spec.subsets.iter().any(|s| s.name == subset))
    })
}

/// Pairs with Gateways, ServiceEntries and delegates.
fn others<'a>(
    subject: &Subject<'a>,
    vs: &'a Object<VirtualService>,
    own: (&'a ObjectId, Step),
    entries: &FxHashMap<&ObjectId, &ObjectMeta>,
    pairs: &mut Vec<Pair<'a>>,
) {
    let resolved = subject.resolved.get(&vs.id);
    for gateway in resolved.iter().flat_map(|r| &r.gateways).filter(|g| **g != MESH_GATEWAY) {
        if let Some(found) = subject.gateways.get(gateway) {
            pairs.push(Pair { dependent: own, on: (&found.id, Step::of(&found.meta, found.at)) });
        }
    }
    for target in targets(&vs.spec) {
        let host = subject.fqdn(&target.destination.host, &vs.meta.namespace);
        let Some(service) = subject.mesh.service_index.by_hostname(&host).first() else { continue };
        if service.registry == crate::istio::mesh::Registry::ServiceEntry {
            let unknown = ObjectMeta::default();
            let meta = entries.get(&service.object).copied().unwrap_or(&unknown);
            pairs.push(Pair { dependent: own, on: (&service.object, Step::of(meta, service.at)) });
        }
    }
}

/// O811, once for the whole set.
fn undocumented(pairs: &[Pair<'_>], too_early: bool, report: &mut Report) {
    let mut wrong = pairs.iter().filter(|p| p.on.1.at.is_known() && p.dependent.1.before(p.on.1).0);
    let Some(first) = wrong.next() else { return };
    let mut others: FxHashSet<(&ObjectId, &ObjectId)> = FxHashSet::default();
    for p in wrong {
        others.insert((p.dependent.0, p.on.0));
    }
    others.remove(&(first.dependent.0, first.on.0));
    let more = if others.is_empty() { String::new() } else { format!(", and so do {} more pairs", others.len()) };
    let message = format!("needs {}, which comes later{more}", first.on.0);
    let how = if first.dependent.1.has_wave || first.on.1.has_wave {
        format!("let `{SYNC_WAVE}` rise from what is needed to what needs it")
    } else {
        "number the files so that what is needed comes first: entries and Gateways, DestinationRules, delegates, VirtualServices".to_owned()
    };
    report
        .add("O811", (first.dependent.0, first.dependent.1.at), "", message, how)
        .severity(if too_early { Severity::Warning } else { Severity::Info })
        .related("needed before it", first.on.1.at, Some(first.on.0));
}
