//! Weights and affinity: T401 to T404, O806; and mirrors: T409.

use rustc_hash::FxHashSet;

use crate::analysis::checks::references::subsets::{Health, endpoints, endpoints_are_known};
use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::{RuleFor, Subject};
use crate::istio::mesh::{HttpRule, MergedDestinationRule, VirtualService, is_wildcard, matches};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{Destination, HttpRoute, Labels, LbPolicy, StringMatch, TrafficPolicy};

checks! {
    /// The weights of a rule don't add up to 100. Istio takes any weights and divides by their sum; the real shares are
    /// shown. A warning where percents were evidently meant: the sum is near 100, or near 1000.
    T401 "Weights do not add up to 100" Info needs[VirtualServices] peers[];

    /// A rule has one destination, with a weight below 100. It gets everything all the same.
    T402 "One destination with a weight" Info needs[VirtualServices] peers["KIA1104"];

    /// A destination has the weight 0, or none, beside others that have one: nothing is sent to it, and the proxy doesn't
    /// even hear of it. Not said of routes whose weights the controller of a Rollout or a Canary among the manifests sets.
    T403 "Weight 0 or missing beside others" Info needs[VirtualServices] peers[];

    /// A rule splits traffic between destinations, and their DestinationRule asks for consistent hashing. The destination is
    /// drawn for each request before the hash picks a pod, so a client does not stay with one subset. Rules that match the
    /// cookie or header, before the split, keep clients where they are.
    T404 "Affinity and weights across subsets" Warning needs[VirtualServices, DestinationRules] peers[];

    /// Mirrored requests are real load for whoever gets the copies. A mirror without percentage copies everything; a warning
    /// where the target gets a share of the live traffic as well, or where requests that change things are copied.
    T409 "Mirror costs and targets" Info needs[VirtualServices] peers[];

    /// The same as T401, for everybody who keeps to sums of 100 as a habit; TCP and TLS rules too.
    O806 "Weights sum not 100" Warning [Ops] needs[VirtualServices] peers[];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let hashed = Hashed::of(subject);
    for vs in &subject.mesh.virtual_services.all {
        for rule in &vs.http {
            let weights: Vec<i64> = rule.route.route.iter().map(|r| r.weight).collect();
            sums(
                vs,
                "http",
                rule.source.rule.unwrap_or_default() as usize,
                (&rule.source.object, rule.source.at),
                &weights,
                report,
            );
            if !subject.controllers.set_weights(&rule.source.object) {
                zero(rule, report);
            }
            affinity(subject, &hashed, vs, rule, report);
            mirrors(subject, vs, rule, report);
        }
        for (part, at, rule, weights) in vs
            .tls
            .iter()
            .enumerate()
            .map(|(i, r)| ("tls", r.at, i, &r.route))
            .chain(vs.tcp.iter().enumerate().map(|(i, r)| ("tcp", r.at, i, &r.route)))
        {
            let weights: Vec<i64> = weights.iter().map(|r| r.weight).collect();
            sums(vs, part, rule, (&vs.object, at), &weights, report);
        }
    }
}

/// T401, T402, O806.
fn sums(
    vs: &VirtualService,
    part: &str,
    rule: usize,
    object: (&crate::manifest::kinds::ObjectId, crate::manifest::source::Position),
    weights: &[i64],
    report: &mut Report,
) {
    let path = format!("spec.{part}[{rule}].route");
    let sum: i64 = weights.iter().sum();
    if let [only] = weights {
        if (1..100).contains(only) {
            let message = format!("weight {only} of the only destination means nothing: it gets everything");
            report.add(
                "T402",
                object,
                format!("{path}[0].weight"),
                message,
                "take the weight out, or add the other destinations",
            );
        }
        return;
    }
    if weights.len() < 2 || sum == 100 || sum <= 0 {
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "weights are small; shares are for people")]
    let shares: Vec<String> = weights.iter().map(|w| format!("{:.1} %", *w as f64 * 100.0 / sum as f64)).collect();
    let message = format!("weights of {} add up to {sum}, so the shares are {}", vs.object.name, shares.join(", "));
    let hint = "make them add up to 100";
    let evident = (90..=110).contains(&sum) || (990..=1010).contains(&sum);
    report.add("T401", object, path.clone(), message.clone(), hint).severity(if evident {
        Severity::Warning
    } else {
        Severity::Info
    });
    report.add("O806", object, path, message, hint);
}

/// T403.
fn zero(rule: &HttpRule, report: &mut Report) {
    let route = &rule.route.route;
    if route.len() < 2 {
        return;
    }
    for (i, r) in route.iter().enumerate().filter(|(_, r)| r.weight == 0) {
        let name = r.destination.as_ref().map_or_else(String::new, describe);
        let path = format!("spec.http[{}].route[{i}]", rule.source.rule.unwrap_or_default());
        let (message, hint, severity) = if r.has_weight {
            let hint = "give it a weight, or keep it as the way back";
            (format!("{name} has weight 0 and gets nothing"), hint, Severity::Info)
        } else {
            let hint = "write every weight of the rule";
            (
                format!("{name} has no weight beside others that have one: that is 0, and it gets nothing"),
                hint,
                Severity::Warning,
            )
        };
        report.add("T403", (&rule.source.object, r.at), path, message, hint).severity(severity);
    }
}

fn describe(d: &Destination) -> String {
    if d.subset.is_empty() { format!("`{}`", d.host) } else { format!("`{}` subset `{}`", d.host, d.subset) }
}

/// Destinations that requests are drawn for, where they are two or more.
pub(in crate::analysis::checks) fn split(route: &HttpRoute) -> Vec<&Destination> {
    let all: Vec<&Destination> =
        route.route.iter().filter(|r| r.weight > 0).filter_map(|r| r.destination.as_ref()).collect();
    if all.len() > 1 { all } else { Vec::new() }
}

/// The policy that clients in the namespace of the VirtualService have for a destination, subset over rule.
fn hash_of(policy: Option<&TrafficPolicy>) -> bool {
    policy.and_then(|p| p.load_balancer.as_ref()).is_some_and(|lb| matches!(lb.policy, LbPolicy::ConsistentHash(_)))
}

/// Hosts that some rule hashes for, so that nobody is asked about all others.
struct Hashed<'a> {
    hosts: FxHashSet<&'a str>,
    wildcards: Vec<&'a str>,
}

impl<'a> Hashed<'a> {
    fn of(subject: &Subject<'a>) -> Hashed<'a> {
        let rules = subject.mesh.destination_rules.all().filter(|rule| rule.policies().any(|p| hash_of(Some(p))));
        let (wildcards, hosts): (Vec<&str>, Vec<&str>) = rules.map(|r| r.host.as_str()).partition(|h| is_wildcard(h));
        Hashed { hosts: hosts.into_iter().collect(), wildcards }
    }

    fn has(&self, host: &str) -> bool {
        self.hosts.contains(host) || self.wildcards.iter().any(|wildcard| matches(wildcard, host))
    }
}

/// T404.
fn affinity(subject: &Subject<'_>, hashed: &Hashed<'_>, vs: &VirtualService, rule: &HttpRule, report: &mut Report) {
    for d in split(&rule.route).into_iter().filter(|d| hashed.has(&d.host)) {
        let home = subject.service(&d.host, &vs.object.namespace).map_or(&vs.object.namespace, |s| &s.namespace);
        let hashes = |dr: &MergedDestinationRule| {
            let subset = dr.subset(&d.subset).and_then(|s| s.traffic_policy.as_deref());
            hash_of(dr.traffic_policy.as_deref()) || hash_of(subset)
        };
        if let Some(found) = subject.rules_for(vs, &d.host, home).into_iter().find(|found| hashes(found.rule)) {
            let dr = found.rule;
            let path = format!("spec.http[{}].route", rule.source.rule.unwrap_or_default());
            let message = format!(
                "the split is drawn for each request, before the hash of {} picks a pod: clients change their subset{}",
                dr.object,
                found.whose()
            );
            report
                .add(
                    "T404",
                    (&rule.source.object, rule.source.at),
                    path,
                    message,
                    "match the cookie or header in rules before the split",
                )
                .related("asks for consistent hashing", dr.at, Some(&dr.object));
            return;
        }
    }
}

/// T409.
fn mirrors(subject: &Subject<'_>, vs: &VirtualService, rule: &HttpRule, report: &mut Report) {
    let route = &rule.route;
    let targets = route
        .mirror
        .as_deref()
        .into_iter()
        .map(|d| (d, route.mirror_percentage.map(|p| p.0).or(route.mirror_percent.map(f64::from))));
    let targets =
        targets.chain(route.mirrors.iter().filter_map(|m| Some((m.destination.as_ref()?, m.percentage.map(|p| p.0)))));
    for (target, percent) in targets {
        if percent == Some(0.0) {
            continue;
        }
        let mut reasons = Vec::new();
        let alone = route.route.len() == 1;
        let live = route
            .route
            .iter()
            .filter(|r| r.weight > 0 || alone)
            .filter_map(|r| r.destination.as_ref())
            .any(|d| d.host == target.host && d.subset == target.subset);
        if live {
            reasons.push("it gets a share of the live requests too".to_owned());
        }
        if route.matches.is_empty() || route.matches.iter().any(|m| !is_safe(m.method.as_ref())) {
            reasons.push("requests that change things are copied too".to_owned());
        }
        if percent.is_none() {
            reasons.push("every request is copied".to_owned());
        }
        let empty = empty_for(subject, vs, target);
        if let Some(whose) = &empty {
            reasons.push(format!("it has no endpoint that could take them{whose}"));
        }
        if reasons.is_empty() {
            continue;
        }
        let message = format!("mirror to {}: {}", describe(target), reasons.join("; "));
        let path = format!("spec.http[{}].mirror", rule.source.rule.unwrap_or_default());
        let path = if rule.source.root.is_some() { String::new() } else { path };
        let severity = if live || empty.is_some() { Severity::Warning } else { Severity::Info };
        report
            .add(
                "T409",
                (&rule.source.object, rule.source.at),
                path,
                message,
                "set `mirrorPercentage`, match safe methods, and mirror to pods without live traffic",
            )
            .severity(severity);
    }
}

/// For whom there are no endpoints where they would be seen: in words, which are empty for everybody. None: nobody.
fn empty_for(subject: &Subject<'_>, vs: &VirtualService, target: &Destination) -> Option<String> {
    let service = subject.service(&target.host, &vs.object.namespace)?;
    if !endpoints_are_known(subject, service) {
        return None;
    }
    let none = |labels: &Labels| endpoints(subject, service, labels, Health::Ready).is_empty();
    if target.subset.is_empty() {
        return none(&Labels::default()).then(String::new);
    }
    let rules = subject.rules_for(vs, &target.host, &service.namespace);
    let is_empty = |found: &&RuleFor<'_>| found.rule.subset(&target.subset).is_some_and(|subset| none(&subset.labels));
    rules.iter().find(is_empty).map(RuleFor::whose)
}

fn is_safe(method: Option<&StringMatch>) -> bool {
    matches!(method, Some(StringMatch::Exact(m)) if matches!(m.as_str(), "GET" | "HEAD" | "OPTIONS"))
}
