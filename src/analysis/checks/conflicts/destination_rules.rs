//! DestinationRules for the same service: C304 to C306.

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use crate::analysis::checks::references::resolving::RuleHomes;
use crate::analysis::checks::registry::{Input, checks};
use crate::analysis::checks::report::{Report, listed};
use crate::analysis::checks::subject::Subject;
use crate::istio::mesh::{is_subset_of, is_wildcard};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{DestinationRule, Object, TrafficPolicy};
use crate::order::Order as _;

checks! {
    /// Several DestinationRules of one namespace are for the same host. Istio merges them in the order of their age: subsets
    /// are put together, but a name that is there already is dropped; only the first traffic policy counts; and rules with
    /// different `exportTo` don't merge at all, then the youngest hides the others at home. A warning where anything is lost.
    C304 "Several DestinationRules for one host" Warning needs[DestinationRules] peers["KIA0201"];

    /// A DestinationRule in the namespace of a client hides the one in the namespace of the service, with all its subsets
    /// and policies: nothing is combined. Or a DestinationRule lives neither with clients, nor with the service, nor in the
    /// root namespace, and is never used by others.
    C305 "DestinationRule hidden by a nearer namespace" Warning needs[DestinationRules] peers[];

    /// A DestinationRule for one host takes the place of a wildcard rule that would apply too. Nothing is inherited: what
    /// the wildcard rule sets (its TLS mode above all) and this one doesn't is lost.
    C306 "Specific DestinationRule drops the wildcard's policy" Warning needs[DestinationRules] peers["KIA0204"];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let homes = RuleHomes::new(subject);
    several(subject, report);
    for dr in &subject.manifests.destination_rules {
        let host = subject.fqdn(&dr.spec.host, &dr.meta.namespace);
        if is_wildcard(&host) {
            continue;
        }
        let rules = homes.of(&host);
        hidden(subject, dr, &host, &rules, report);
        dropped(dr, &host, &rules, subject, report);
    }
}

/// C304.
fn several(subject: &Subject<'_>, report: &mut Report) {
    let mut groups: FxHashMap<(SmolStr, SmolStr), Vec<&Object<DestinationRule>>> = FxHashMap::default();
    let mut all: Vec<&Object<DestinationRule>> = subject.manifests.destination_rules.iter().collect();
    all.order_by(|a, b| a.creation_order().cmp(&b.creation_order()));
    for dr in all {
        let key = (subject.fqdn(&dr.spec.host, &dr.meta.namespace), dr.meta.namespace.clone());
        let group = groups.entry(key).or_default();
        if let Some(first) = group.iter().find(|o| o.spec.workload_selector == dr.spec.workload_selector) {
            collide(first, dr, group, report);
        }
        group.push(dr);
    }
}

fn collide(
    first: &Object<DestinationRule>,
    dr: &Object<DestinationRule>,
    before: &[&Object<DestinationRule>],
    report: &mut Report,
) {
    let mut lost = Vec::new();
    let known = |name: &SmolStr| before.iter().any(|o| o.spec.subsets.iter().any(|s| s.name == *name));
    let exports = |o: &Object<DestinationRule>| {
        let mut list = o.spec.export_to.clone();
        list.order();
        list
    };
    let mut path = "spec.host".to_owned();
    if exports(first) != exports(dr) {
        lost.push(format!(
            "their `exportTo` differs, so that {} and its subsets are hidden in this namespace",
            first.id
        ));
    } else {
        let repeated: Vec<&SmolStr> = dr.spec.subsets.iter().map(|s| &s.name).filter(|n| known(n)).collect();
        if !repeated.is_empty() {
            lost.push(format!("subset {} is there already and is dropped here", listed(&repeated, 4)));
            if let Some(i) = dr.spec.subsets.iter().position(|s| known(&s.name)) {
                path = format!("spec.subsets[{i}]");
            }
        }
        if dr.spec.traffic_policy.is_some() && before.iter().any(|o| o.spec.traffic_policy.is_some()) {
            lost.push("its traffic policy doesn't count".to_owned());
        }
    }
    let severity = if lost.is_empty() { Severity::Info } else { Severity::Warning };
    let lost = if lost.is_empty() { "both are merged and nothing is lost".to_owned() } else { lost.join("; ") };
    let message = format!("{} is for the same host and comes first: {lost}", first.id);
    report
        .add("C304", (&dr.id, dr.at), path, message, "keep one DestinationRule for a host")
        .severity(severity)
        .related("the first one", first.at, Some(&first.id));
}

/// C305.
fn hidden(
    subject: &Subject<'_>,
    dr: &Object<DestinationRule>,
    host: &str,
    rules: &[&Object<DestinationRule>],
    report: &mut Report,
) {
    let services = subject.mesh.service_index.by_hostname(host);
    let root = &subject.mesh.config.root_namespace;
    let namespace = &dr.meta.namespace;
    if services.is_empty() || services.iter().any(|s| s.namespace == *namespace) || namespace == root {
        return;
    }
    // This one is in a client's namespace: which rule do its clients lose?
    let lost = rules.iter().find(|o| services.iter().any(|s| s.namespace == o.meta.namespace) && o.id != dr.id);
    let Some(lost) = lost else {
        if subject.has(Input::Pods) && !subject.knows_pods_of(namespace) {
            let home = services.first().map_or("", |s| s.namespace.as_str());
            let message = format!(
                "nobody uses this rule: `{namespace}` has no pods, the service lives in `{home}`, and the root namespace is `{root}`"
            );
            let hint = format!("move it to `{home}`");
            report.add("C305", (&dr.id, dr.at), "metadata.namespace", message, hint).possible();
        }
        return;
    };
    let missing: Vec<&SmolStr> =
        lost.spec.subsets.iter().map(|s| &s.name).filter(|n| dr.spec.subsets.iter().all(|s| s.name != **n)).collect();
    let policy = lost.spec.traffic_policy.is_some() && dr.spec.traffic_policy.is_none();
    let what = match (missing.is_empty(), policy) {
        (false, _) => format!("lose its subsets {}", listed(&missing, 5)),
        (true, true) => "lose its traffic policy".to_owned(),
        (true, false) => "use this one instead, and lose nothing".to_owned(),
    };
    let message = format!("clients in `{namespace}` use this rule instead of {}, and {what}", lost.id);
    report
        .add("C305", (&dr.id, dr.at), "spec.host", message, "repeat here all that is needed, or remove the rule")
        .severity(if missing.is_empty() && !policy { Severity::Info } else { Severity::Warning })
        .related("the rule of the service", lost.at, Some(&lost.id));
}

/// C306.
fn dropped(
    dr: &Object<DestinationRule>,
    host: &str,
    rules: &[&Object<DestinationRule>],
    subject: &Subject<'_>,
    report: &mut Report,
) {
    let root = &subject.mesh.config.root_namespace;
    let wide = rules.iter().find(|o| {
        let wildcard = subject.fqdn(&o.spec.host, &o.meta.namespace);
        is_wildcard(&wildcard)
            && is_subset_of(host, &wildcard)
            && (o.meta.namespace == *root || o.meta.namespace == dr.meta.namespace)
            && o.spec.traffic_policy.is_some()
    });
    let Some(wide) = wide else { return };
    let none = TrafficPolicy::default();
    let (theirs, ours) =
        (wide.spec.traffic_policy.as_deref().unwrap_or(&none), dr.spec.traffic_policy.as_deref().unwrap_or(&none));
    let mut lost = Vec::new();
    for (name, lost_here) in [
        ("tls", theirs.tls.is_some() && ours.tls.is_none()),
        ("loadBalancer", theirs.load_balancer.is_some() && ours.load_balancer.is_none()),
        ("connectionPool", theirs.connection_pool.is_some() && ours.connection_pool.is_none()),
        ("outlierDetection", theirs.outlier_detection.is_some() && ours.outlier_detection.is_none()),
    ] {
        if lost_here {
            lost.push(name);
        }
    }
    if lost.is_empty() {
        return;
    }
    let message = format!(
        "this rule takes the place of {} (`{}`), and its {} is lost",
        wide.id,
        wide.spec.host,
        listed(&lost, 4)
    );
    report
        .add("C306", (&dr.id, dr.at), "spec.trafficPolicy", message, "repeat here what should stay")
        .severity(if lost.contains(&"tls") { Severity::Warning } else { Severity::Info })
        .related("the wildcard rule", wide.at, Some(&wide.id));
}
