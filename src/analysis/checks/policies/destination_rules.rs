//! Policies of DestinationRules: T410 to T415, T419; and O804.

use smol_str::SmolStr;

use crate::analysis::checks::references::subsets::{Health, endpoints, endpoints_are_known};
use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::{Report, listed};
use crate::analysis::checks::subject::Subject;
use crate::envoy::proxy::Proxy;
use crate::istio::mesh::{EndpointFilter, is_wildcard};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{
    ClientTls, ClientTlsMode, ConnectionPool, DestinationRule, HttpPool, Labels, LoadBalancer, LocalityLb, Object,
    OutlierDetection, PortTrafficPolicy, RetryBudget, TcpPool, TrafficPolicy, Tunnel,
};
use crate::order::Order as _;

checks! {
    /// A field that a subset's policy sets replaces the whole field of the rule's policy: a subset's `connectionPool.tcp`
    /// loses the rule's `connectionPool.http`. Settings for a port replace connection pool, load balancer, outlier detection
    /// and TLS altogether; what they leave out falls to the defaults, not to the rule's.
    T410 "Subset policy replaces, port policy replaces" Info needs[DestinationRules] peers[];

    /// A subset has a policy of its own, and no rule sends anything to the subset. Traffic for the plain host uses the
    /// rule's policy only.
    T411 "Subset policy that never acts" Warning needs[DestinationRules, VirtualServices] peers[];

    /// Outlier detection may throw out all endpoints of a subset: its `maxEjectionPercent` allows it, or the subset is so
    /// small that the one ejection which is always allowed empties it.
    T412 "Outlier detection can empty a small subset" Warning needs[DestinationRules, Pods] peers[];

    /// Failover between localities is set up without outlier detection in the same policy. Without it no endpoint ever counts
    /// as unhealthy, and no failover happens.
    T413 "Failover without outlier detection" Warning needs[DestinationRules] peers["IST0133"];

    /// The limits of a connection pool are per client proxy; requests beyond them are answered with 503 UO. Whether a share
    /// stays below needs the rate of requests and the time that each takes.
    T414 "Pool limits below the share" Warning needs[DestinationRules, Rates] peers[];

    /// A client TLS mode of SIMPLE or MUTUAL with `insecureSkipVerify`: whoever answers is believed, whatever certificate it
    /// shows. Without that field the server's certificate is checked: against `caCertificates`, or against the system's CAs
    /// where none is named, and its name against `subjectAltNames`, or the host where there are none.
    ///
    /// `istioctl` warns wherever `caCertificates` is left out, as was right before Istio verified by default.
    T415 "Client TLS that verifies nobody" Warning needs[DestinationRules] peers["IST0128", "IST0129"];

    /// A locality distribution gives a share to a locality where the service has no endpoint. The shares of the others grow
    /// in its place. An info where no entry is for clients of a locality that has pods.
    T419 "Locality distribution sends share to nobody" Warning needs[DestinationRules, Pods] peers[];

    /// A DestinationRule changes more than one kind of policy at once against what is in force (a warning), or, where that is
    /// not given, has four or more kinds, subsets among them (an info). When something goes wrong, nobody knows which of them
    /// it was. Introduce them one by one: subsets first, TLS alone, limits last.
    O804 "Too many policies in one DestinationRule" Info [Ops] needs[DestinationRules] peers[];
}

/// Kinds of policy in one DestinationRule that are still easy to follow.
const KINDS_MAX: usize = 3;
/// Kinds of policy that change at once and can still be told apart by their effect.
const CHANGES_MAX: usize = 1;

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let senders = subject.senders();
    for dr in &subject.manifests.destination_rules {
        let host = subject.fqdn(&dr.spec.host, &dr.meta.namespace);
        replaced(dr, report);
        for (i, subset) in dr.spec.subsets.iter().enumerate() {
            if subset.traffic_policy.is_some()
                && !is_wildcard(&host)
                && let named = senders.of(&host, &subset.name)
                && !named.iter().any(|s| s.is_reached(subject))
            {
                let why = if named.is_empty() { "no rule sends" } else { "only rules that no request reaches send" };
                let message = format!("{why} anything to subset `{}`, so its policy never acts", subset.name);
                let path = format!("spec.subsets[{i}].trafficPolicy");
                let hint = "route to the subset, or move the policy to the rule";
                let refused = subject.refused.sender(&host, &subset.name);
                report.add("T411", (&dr.id, subset.at), path, message, hint).unless_repaired(refused);
            }
        }
        for (path, labels, policy) in policies(dr) {
            ejections(subject, dr, &host, &path, labels, policy, report);
            localities(subject, dr, &host, &path, labels, policy, report);
            tls(dr, &path, policy.tls.as_ref(), report);
            for (i, port) in policy.port_level_settings.iter().enumerate() {
                tls(dr, &format!("{path}.portLevelSettings[{i}]"), port.tls.as_ref(), report);
            }
        }
        overloaded(subject, dr, report);
    }
}

/// All policies of a rule: path, labels of the subset, policy.
fn policies(dr: &Object<DestinationRule>) -> Vec<(String, Option<&Labels>, &TrafficPolicy)> {
    let own = dr.spec.traffic_policy.as_deref().into_iter().map(|p| ("spec.trafficPolicy".to_owned(), None, p));
    let subsets = dr.spec.subsets.iter().enumerate();
    let subsets = subsets.filter_map(|(i, s)| {
        Some((format!("spec.subsets[{i}].trafficPolicy"), Some(&s.labels), s.traffic_policy.as_deref()?))
    });
    own.chain(subsets).collect()
}

/// T410.
fn replaced(dr: &Object<DestinationRule>, report: &mut Report) {
    for (i, subset) in dr.spec.subsets.iter().enumerate() {
        let Some(own) = &subset.traffic_policy else { continue };
        let both = |p: fn(&TrafficPolicy) -> bool| p(own) || dr.spec.traffic_policy.as_deref().is_some_and(p);
        for (j, port) in own.port_level_settings.iter().enumerate() {
            let mut lost = Vec::new();
            for (name, is_lost) in [
                ("connectionPool", both(|p| p.connection_pool.is_some()) && port.connection_pool.is_none()),
                ("loadBalancer", both(|p| p.load_balancer.is_some()) && port.load_balancer.is_none()),
                ("outlierDetection", both(|p| p.outlier_detection.is_some()) && port.outlier_detection.is_none()),
            ] {
                if is_lost {
                    lost.push(name);
                }
            }
            if !lost.is_empty() {
                let number = port.port.unwrap_or_default();
                let message = format!(
                    "port {number} of subset `{}` loses {}: settings of a port replace all of them",
                    subset.name,
                    listed(&lost, 4)
                );
                let path = format!("spec.subsets[{i}].trafficPolicy.portLevelSettings[{j}]");
                report.add("T410", (&dr.id, subset.at), path, message, "repeat for the port what should stay");
            }
        }
    }
    let Some(rule) = &dr.spec.traffic_policy else { return };
    let pool_lost = |rule: Option<&ConnectionPool>, own: Option<&ConnectionPool>| {
        let (Some(rule), Some(own)) = (rule, own) else { return Vec::new() };
        let mut lost = Vec::new();
        if rule.http.is_some() && own.http.is_none() {
            lost.push("connectionPool.http");
        }
        if rule.tcp.is_some() && own.tcp.is_none() {
            lost.push("connectionPool.tcp");
        }
        lost
    };
    for (i, subset) in dr.spec.subsets.iter().enumerate() {
        let Some(own) = &subset.traffic_policy else { continue };
        let mut lost = pool_lost(rule.connection_pool.as_ref(), own.connection_pool.as_ref());
        if let (Some(theirs), Some(ours)) = (&rule.load_balancer, &own.load_balancer)
            && theirs.locality_lb_setting.is_some()
            && ours.locality_lb_setting.is_none()
        {
            lost.push("loadBalancer.localityLbSetting");
        }
        if !lost.is_empty() {
            let message = format!(
                "subset `{}` loses {} of the rule: a field replaces the whole field",
                subset.name,
                listed(&lost, 3)
            );
            let path = format!("spec.subsets[{i}].trafficPolicy");
            report.add("T410", (&dr.id, subset.at), path, message, "repeat in the subset what should stay");
        }
    }
    for (i, port) in rule.port_level_settings.iter().enumerate() {
        let mut lost = pool_lost(rule.connection_pool.as_ref(), port.connection_pool.as_ref());
        for (name, is_lost) in [
            ("connectionPool", rule.connection_pool.is_some() && port.connection_pool.is_none()),
            ("loadBalancer", rule.load_balancer.is_some() && port.load_balancer.is_none()),
            ("outlierDetection", rule.outlier_detection.is_some() && port.outlier_detection.is_none()),
            ("tls", rule.tls.is_some() && port.tls.is_none()),
        ] {
            if is_lost {
                lost.push(name);
            }
        }
        if !lost.is_empty() {
            let number = port.port.unwrap_or_default();
            let message =
                format!("port {number} loses {} of the rule: settings of a port replace all of them", listed(&lost, 4));
            let path = format!("spec.trafficPolicy.portLevelSettings[{i}]");
            report.add("T410", (&dr.id, dr.at), path, message, "repeat for the port what should stay");
        }
    }
}

/// T412, T413.
fn ejections(
    subject: &Subject<'_>,
    dr: &Object<DestinationRule>,
    host: &str,
    path: &str,
    labels: Option<&Labels>,
    policy: &TrafficPolicy,
    report: &mut Report,
) {
    let outlier: Option<&OutlierDetection> = policy
        .outlier_detection
        .as_ref()
        .or_else(|| labels.and(dr.spec.traffic_policy.as_ref()?.outlier_detection.as_ref()));
    failover(dr, path, policy.load_balancer.as_ref(), outlier, report);
    // Settings of a port replace all of these, so nothing comes from the policy around them.
    for (i, port) in policy.port_level_settings.iter().enumerate() {
        let path = format!("{path}.portLevelSettings[{i}]");
        failover(dr, &path, port.load_balancer.as_ref(), port.outlier_detection.as_ref(), report);
    }
    let Some(outlier) = &policy.outlier_detection else { return };
    let percent = if outlier.max_ejection_percent > 0 { outlier.max_ejection_percent } else { 10 };
    let Some(service) = subject.service(host, &dr.meta.namespace).filter(|s| endpoints_are_known(subject, s)) else {
        return;
    };
    let mut sets: Vec<(String, &Labels)> = Vec::new();
    let all = Labels::default();
    match labels {
        Some(labels) => sets.push(("these endpoints".to_owned(), labels)),
        None => {
            sets.extend(
                dr.spec
                    .subsets
                    .iter()
                    .filter(|s| s.traffic_policy.as_ref().is_none_or(|p| p.outlier_detection.is_none()))
                    .map(|s| (format!("subset `{}`", s.name), &s.labels)),
            );
            if sets.is_empty() {
                sets.push(("the service".to_owned(), &all));
            }
        }
    }
    for (name, labels) in sets {
        let count = endpoints(subject, service, labels, Health::Any).len();
        let ejected = ((count as i64) * percent / 100).max(1);
        if count > 0 && ejected >= count as i64 {
            let pods = if count == 1 { "its only endpoint".to_owned() } else { format!("all {count} endpoints") };
            let message = format!("up to {percent} % may be ejected, at least one: {name} can lose {pods}");
            let hint = "lower `maxEjectionPercent`, set `minHealthPercent`, or run more pods";
            report.add("T412", (&dr.id, dr.at), format!("{path}.outlierDetection"), message, hint);
        }
    }
}

/// T413.
fn failover(
    dr: &Object<DestinationRule>,
    path: &str,
    load_balancer: Option<&LoadBalancer>,
    outlier: Option<&OutlierDetection>,
    report: &mut Report,
) {
    let locality = load_balancer.and_then(|lb| lb.locality_lb_setting.as_ref());
    let fails_over = locality.is_some_and(|l: &LocalityLb| !l.failover.is_empty() || !l.failover_priority.is_empty());
    if !fails_over || outlier.is_some() {
        return;
    }
    let message = "failover without outlier detection: no endpoint ever counts as unhealthy, and nothing fails over";
    report.add(
        "T413",
        (&dr.id, dr.at),
        format!("{path}.loadBalancer.localityLbSetting"),
        message,
        "add `outlierDetection` to the same policy",
    );
}

/// T419.
fn localities(
    subject: &Subject<'_>,
    dr: &Object<DestinationRule>,
    host: &str,
    path: &str,
    labels: Option<&Labels>,
    policy: &TrafficPolicy,
    report: &mut Report,
) {
    let Some(locality) = policy.load_balancer.as_ref().and_then(|lb| lb.locality_lb_setting.as_ref()) else { return };
    let Some(service) = subject.service(host, &dr.meta.namespace).filter(|s| endpoints_are_known(subject, s)) else {
        return;
    };
    let Some(port) = service.ports.first() else { return };
    let none = Labels::default();
    let filter = EndpointFilter { subset: labels.unwrap_or(&none), send_unhealthy: true, keep_to_node: false };
    let found = subject.mesh.endpoints.of(service, port, &Proxy::anyone(), filter);
    if found.is_empty() {
        return;
    }
    let fits = |wanted: &str, locality: &str| {
        let mut have = locality.split('/');
        wanted.split('/').all(|w| w == "*" || have.next().is_some_and(|h| h == w))
    };
    let covered = |at: &str| locality.distribute.iter().any(|d| fits(&d.from, at));
    let mut outside: Vec<&str> = found.iter().map(|e| &*e.locality).filter(|l| !l.is_empty() && !covered(l)).collect();
    outside.order_alike();
    outside.dedup();
    if !locality.distribute.is_empty() && !outside.is_empty() {
        let message =
            format!("no `from` covers {}: the distribution does nothing for clients there", listed(&outside, 4));
        let path = format!("{path}.loadBalancer.localityLbSetting.distribute");
        let hint = "add an entry for them, if they have clients";
        report.add("T419", (&dr.id, dr.at), path, message, hint).severity(Severity::Info);
    }
    for (i, d) in locality.distribute.iter().enumerate() {
        let empty: Vec<&SmolStr> =
            d.to.iter()
                .filter(|(to, weight)| *weight > 0 && !found.iter().any(|e| fits(to, &e.locality)))
                .map(|(to, _)| to)
                .collect();
        if !empty.is_empty() {
            let total: u32 = d.to.iter().filter(|(to, _)| !empty.contains(&to)).map(|(_, w)| *w).sum();
            let shares: Vec<String> =
                d.to.iter()
                    .filter(|(to, w)| *w > 0 && !empty.contains(&to))
                    .map(|(to, w)| format!("`{to}` {:.0} %", f64::from(*w) * 100.0 / f64::from(total.max(1))))
                    .collect();
            let rest = if shares.is_empty() {
                "nothing is left".to_owned()
            } else {
                format!("the rest becomes {}", shares.join(", "))
            };
            let message = format!("no endpoint is in {}: {rest}", listed(&empty, 4));
            let path = format!("{path}.loadBalancer.localityLbSetting.distribute[{i}]");
            report.add("T419", (&dr.id, dr.at), path, message, "give shares only to localities that have pods");
        }
    }
}

/// T415.
fn tls(dr: &Object<DestinationRule>, path: &str, tls: Option<&ClientTls>, report: &mut Report) {
    let Some(tls) = tls.filter(|t| matches!(t.mode, ClientTlsMode::Simple | ClientTlsMode::Mutual)) else { return };
    if tls.insecure_skip_verify == Some(true) {
        let message = "`insecureSkipVerify`: the server's certificate is not verified";
        report.add(
            "T415",
            (&dr.id, dr.at),
            format!("{path}.tls.insecureSkipVerify"),
            message,
            "take it out (the system's CAs and the host's name count then), or name the CA in `caCertificates`",
        );
    }
}

/// What a rule says of one kind of policy.
#[derive(PartialEq)]
enum Said<'r> {
    Subset(&'r SmolStr, &'r Labels),
    LoadBalancer(&'r LoadBalancer),
    TcpPool(&'r TcpPool),
    HttpPool(&'r HttpPool),
    OutlierDetection(&'r OutlierDetection),
    Tls(&'r ClientTls),
    Ports(&'r [PortTrafficPolicy]),
    Connections(Option<&'r Tunnel>, Option<&'r SmolStr>),
    RetryBudget(&'r RetryBudget),
    Reach(&'r [SmolStr], Option<&'r Labels>),
}

/// Kinds of policy, each with what the rule says of it and where; empty: nothing.
fn kinds(dr: &Object<DestinationRule>) -> [(&'static str, Vec<(String, Said<'_>)>); 10] {
    let all = policies(dr);
    let each = |part: &dyn Fn(&'_ TrafficPolicy) -> Option<Said<'_>>| -> Vec<(String, Said<'_>)> {
        all.iter().filter_map(|(path, _, policy)| Some((path.clone(), part(policy)?))).collect()
    };
    let spec = &dr.spec;
    let subsets = spec.subsets.iter().map(|s| (String::new(), Said::Subset(&s.name, &s.labels)));
    let reach = Said::Reach(&spec.export_to, spec.workload_selector.as_ref());
    [
        ("subsets", subsets.collect()),
        ("loadBalancer", each(&|p| p.load_balancer.as_ref().map(Said::LoadBalancer))),
        ("connectionPool.tcp", each(&|p| p.connection_pool.as_ref()?.tcp.as_ref().map(Said::TcpPool))),
        ("connectionPool.http", each(&|p| p.connection_pool.as_ref()?.http.as_ref().map(Said::HttpPool))),
        ("outlierDetection", each(&|p| p.outlier_detection.as_ref().map(Said::OutlierDetection))),
        ("tls", each(&|p| p.tls.as_ref().map(Said::Tls))),
        (
            "portLevelSettings",
            each(&|p| (!p.port_level_settings.is_empty()).then(|| Said::Ports(&p.port_level_settings))),
        ),
        (
            "tunnel or proxyProtocol",
            each(&|p| {
                let is_said = p.tunnel.is_some() || p.proxy_protocol.is_some();
                is_said.then_some(Said::Connections(p.tunnel.as_ref(), p.proxy_protocol.as_ref()))
            }),
        ),
        ("retryBudget", each(&|p| p.retry_budget.as_ref().map(Said::RetryBudget))),
        (
            "exportTo or workloadSelector",
            match &reach {
                Said::Reach([], None) => Vec::new(),
                _ => vec![(String::new(), reach)],
            },
        ),
    ]
}

/// O804.
fn overloaded(subject: &Subject<'_>, dr: &Object<DestinationRule>, report: &mut Report) {
    let hint = "introduce them one by one: subsets first, TLS alone, limits last";
    let now = kinds(dr);
    if let Some(base) = &subject.base {
        let Some(old) = base.destination_rule(&dr.id) else { return };
        let before = kinds(old);
        let changed: Vec<&str> =
            now.iter().zip(&before).filter(|((_, a), (_, b))| a != b).map(|((k, _), _)| *k).collect();
        if changed.len() > CHANGES_MAX {
            let message = format!("{} kinds of policy change at once: {}", changed.len(), listed(&changed, 10));
            report.add("O804", (&dr.id, dr.at), "spec", message, hint).severity(Severity::Warning).related(
                "what is in force",
                old.at,
                Some(&old.id),
            );
        }
        return;
    }
    let given: Vec<&str> = now.iter().filter(|(_, said)| !said.is_empty()).map(|(kind, _)| *kind).collect();
    if given.len() > KINDS_MAX {
        let message = format!("{} kinds of policy in one rule: {}", given.len(), listed(&given, 10));
        report.add("O804", (&dr.id, dr.at), "spec", message, hint);
    }
}
