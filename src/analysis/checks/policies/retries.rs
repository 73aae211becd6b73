//! Retries, timeouts and faults: T405 to T408, T418; and O809.

use super::weights::split;
use crate::analysis::checks::references::subsets::{Health, endpoints, endpoints_are_known};
use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::istio::mesh::{HttpRule, VirtualService};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{HttpRetry, HttpRoute, Labels, Nanos, StringMatch};

checks! {
    /// A rule splits traffic and retries: all attempts of a request stay with the destination that was drawn for it. A
    /// broken canary is not rescued by the stable subset; clients see its failures, to the power of the number of tries.
    /// Without `retries` the mesh's default of 2 counts.
    T405 "Retries stay in the chosen subset" Info needs[VirtualServices] peers[];

    /// The tries of a rule don't fit into its timeout: with `perTryTimeout` there is time for fewer of them than `attempts`
    /// asks for; without it the first try may use up everything. The timeout is for all tries together.
    T406 "Retries do not fit in the timeout" Warning needs[VirtualServices] peers[];

    /// A rule retries after errors of the server, or resets, for methods that change things, so that they may be done twice;
    /// or asks for so many tries that an outage is answered with several times the load.
    T407 "Retries multiply load" Warning needs[VirtualServices] peers[];

    /// The proxy that injects a fault is the one that would retry: its retries and timeout don't act on the injected fault.
    T408 "Fault on a rule with retries or timeout" Info needs[VirtualServices] peers[];

    /// Retries, timeout or mirrors beside a redirect or direct response have no effect: nothing goes upstream.
    T418 "Policies the action ignores" Info needs[VirtualServices] peers[];

    /// A rule splits traffic, and retries and timeout are not stated (then the defaults count: 2 retries, no timeout), or
    /// they don't fit together; or, against what is in force, a weight moves while retries stay, and with all retries a subset
    /// gets a greater share of the load than it has of the pods. With a small canary the load after retries matters: each failing request comes 1 + attempts
    /// times.
    O809 "Retry or timeout not considered together with weights" Warning [Ops] needs[VirtualServices] peers[];
}

/// Istio's own number of retries where neither rule nor mesh say one.
const DEFAULT_ATTEMPTS: i64 = 2;
/// Tries of one request from which on they count as many.
const MANY_TRIES: i64 = 4;

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let mesh = subject.mesh.config.default_http_retry_policy.as_ref();
    let all = &subject.mesh.virtual_services.all;
    for (vs, rule) in all.iter().flat_map(|vs| vs.http.iter().map(move |rule| (vs, rule))) {
        let route = &rule.route;
        let at = |field: &str| format!("spec.http[{}]{field}", rule.source.rule.unwrap_or_default());
        let object = (&rule.source.object, rule.source.at);
        if route.redirect.is_some() || route.direct_response.is_some() {
            let ignored = [
                ("retries", route.retries.is_some()),
                ("timeout", route.timeout.is_some()),
                ("mirror", route.mirror.is_some() || !route.mirrors.is_empty()),
            ];
            for (field, _) in ignored.into_iter().filter(|(_, given)| *given) {
                let message = format!("`{field}` has no effect beside a redirect or direct response");
                report.add("T418", object, at(&format!(".{field}")), message, "take it out");
            }
            continue;
        }
        let attempts = attempts(route, mesh);
        let splits = !split(route).is_empty();
        if splits && attempts > 0 {
            let message = format!(
                "up to {attempts} retries stay with the destination that was drawn: the others don't help a broken one"
            );
            report.add(
                "T405",
                object,
                at(".route"),
                message,
                "watch the errors of each subset by itself while shares move",
            );
        }
        let unfit = tries(rule, report);
        load(rule, report);
        if let Some(fault) = &route.fault
            && (route.retries.is_some() || route.timeout.is_some())
        {
            let what = if fault.abort.is_some() { "abort" } else { "delay" };
            let message = format!("retries and timeout of this rule don't act on its own injected {what}");
            report.add("T408", object, at(".fault"), message, "inject the fault for another hop to see them act");
        }
        if splits {
            let told = combined(rule, attempts, unfit, report);
            if !told {
                canary(subject, vs, rule, attempts, report);
            }
        }
    }
}

fn attempts(route: &HttpRoute, mesh: Option<&HttpRetry>) -> i64 {
    route.retries.as_deref().or(mesh).map_or(DEFAULT_ATTEMPTS, |r| i64::from(r.attempts))
}

/// T406; true where it was found.
fn tries(rule: &HttpRule, report: &mut Report) -> bool {
    let route = &rule.route;
    let object = (&rule.source.object, rule.source.at);
    let path = |field: &str| format!("spec.http[{}].{field}", rule.source.rule.unwrap_or_default());
    let mut found = false;
    if let (Some(timeout), Some(retries)) =
        (route.timeout.filter(|t| t.0 > 0), route.retries.as_ref().filter(|r| r.attempts > 0))
    {
        let wanted = i64::from(retries.attempts) + 1;
        match retries.per_try_timeout.filter(|p| p.0 > 0) {
            Some(each) if each.0.saturating_mul(wanted) > timeout.0 => {
                let possible = (timeout.0 / each.0).max(1);
                let message = format!(
                    "{wanted} tries of {each} don't fit into the timeout of {timeout}: there is time for {possible}"
                );
                let hint =
                    format!("raise the timeout to {}, or ask for fewer attempts", Nanos(each.0.saturating_mul(wanted)));
                report.add("T406", object, path("retries"), message, hint);
                found = true;
            }
            None => {
                let message = format!(
                    "without `perTryTimeout` the first try may take the whole timeout of {timeout}, and no retry happens"
                );
                report.add("T406", object, path("retries"), message, "set `perTryTimeout`");
                found = true;
            }
            Some(_) => {}
        }
    }
    let delay = route.fault.as_ref().and_then(|f| f.delay.as_ref()).and_then(|d| d.fixed_delay);
    if let (Some(delay), Some(timeout)) = (delay, route.timeout.filter(|t| t.0 > 0))
        && delay >= timeout
    {
        let message =
            format!("the injected delay of {delay} is no less than the timeout of {timeout}, which doesn't act on it");
        report.add(
            "T406",
            object,
            path("fault.delay"),
            message,
            "let a caller's rule have the timeout that is to be tried",
        );
        found = true;
    }
    found
}

/// T407.
fn load(rule: &HttpRule, report: &mut Report) {
    let route = &rule.route;
    let Some(retries) = route.retries.as_ref().filter(|r| r.attempts > 0) else { return };
    let after = retries
        .retry_on
        .split(',')
        .find(|t| matches!(*t, "5xx" | "retriable-status-codes" | "reset" | "gateway-error"));
    let safe =
        |m: Option<&StringMatch>| matches!(m, Some(StringMatch::Exact(m)) if !matches!(m.as_str(), "POST" | "PATCH"));
    let changes = route.matches.is_empty() || route.matches.iter().any(|m| !safe(m.method.as_ref()));
    let tries = i64::from(retries.attempts) + 1;
    let (message, severity) = match after {
        _ if tries > MANY_TRIES => (format!("a failing upstream gets {tries} times the load"), Severity::Warning),
        Some(token) if changes => (
            format!(
                "retries after `{token}` may do a POST or PATCH twice, and a failing upstream gets {tries} times the load"
            ),
            if route.matches.iter().any(|m| m.method.is_some()) { Severity::Warning } else { Severity::Info },
        ),
        _ => return,
    };
    let path = format!("spec.http[{}].retries", rule.source.rule.unwrap_or_default());
    let hint = "retry only methods that may be repeated, few times, after failed connections";
    report.add("T407", (&rule.source.object, rule.source.at), path, message, hint).severity(severity);
}

/// O809.
fn combined(rule: &HttpRule, attempts: i64, unfit: bool, report: &mut Report) -> bool {
    let route = &rule.route;
    let total: i64 = route.route.iter().map(|r| r.weight.max(0)).sum();
    let missing = match (route.retries.is_some(), route.timeout.is_some()) {
        (false, false) => "neither retries nor a timeout are stated",
        (false, true) => "retries are not stated",
        (true, false) => "no timeout is stated",
        (true, true) if unfit => "the tries don't fit into the timeout",
        (true, true) => return false,
    };
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let loads: Vec<String> = route
        .route
        .iter()
        .filter(|r| r.weight > 0)
        .map(|r| {
            let name = r
                .destination
                .as_ref()
                .map_or("", |d| if d.subset.is_empty() { d.host.as_str() } else { d.subset.as_str() });
            let share = r.weight as f64 * 100.0 / total.max(1) as f64;
            format!("`{name}` {share:.1} % to {:.1} %", share * (1 + attempts) as f64)
        })
        .collect();
    let message = format!("a split rule, and {missing}; load with all retries: {}", loads.join(", "));
    let path = format!("spec.http[{}]", rule.source.rule.unwrap_or_default());
    let hint = "state `timeout`, `retries.attempts` and `retries.perTryTimeout` for the split";
    report.add("O809", (&rule.source.object, rule.source.at), path, message, hint);
    true
}

/// O809 against what is in force: weights move, retries and timeout stay, and a destination may get more with all its
/// retries than its pods are of the service's.
fn canary(subject: &Subject<'_>, vs: &VirtualService, rule: &HttpRule, attempts: i64, report: &mut Report) {
    let index = rule.source.rule.unwrap_or_default();
    let old = subject.base.as_ref().and_then(|base| base.virtual_service(&rule.source.object));
    let Some(old) = old.and_then(|vs| vs.spec.http.get(index as usize)) else { return };
    let route = &rule.route;
    let weight_of = |r: &HttpRoute, d: &crate::manifest::kinds::Destination| {
        let same = |o: &&crate::manifest::kinds::HttpRouteDestination| {
            o.destination.as_ref().is_some_and(|x| x.subset == d.subset)
        };
        r.route.iter().find(same).map(|o| o.weight)
    };
    if old.retries != route.retries || old.timeout != route.timeout {
        return;
    }
    let total: i64 = route.route.iter().map(|r| r.weight.max(0)).sum();
    for d in split(route) {
        let (Some(now), before) = (weight_of(route, d), weight_of(old, d)) else { continue };
        let namespace = &rule.source.object.namespace;
        let host = subject.fqdn(&d.host, namespace);
        let Some(service) = subject.service(&host, namespace).filter(|s| endpoints_are_known(subject, s)) else {
            continue;
        };
        if before.is_some_and(|before| now <= before) {
            continue;
        }
        let all = endpoints(subject, service, &Labels::default(), Health::Ready).len();
        // What it gets of the load and has of the pods, in percent.
        let parts = |labels: &Labels| {
            let own = endpoints(subject, service, labels, Health::Ready).len();
            #[expect(clippy::cast_precision_loss, reason = "for people")]
            let (gets, has) = ((now * (1 + attempts)) as f64 / total.max(1) as f64, own as f64 / all.max(1) as f64);
            (gets * 100.0, has * 100.0)
        };
        let rules = subject.rules_for(vs, &host, &service.namespace);
        let found = rules.iter().find_map(|rule| {
            let (gets, has) = parts(&rule.rule.subset(&d.subset)?.labels);
            (gets > has).then(|| (gets, has, rule.whose()))
        });
        let Some((gets, has, whose)) = found else { continue };
        let message = format!(
            "the weight of subset `{}` moves to {now} and retries stay: with all of them it gets {gets:.0} % of the load with {has:.0} % of the pods{whose}",
            d.subset
        );
        let path = format!("spec.http[{index}].route");
        let hint = "add pods to the subset first, or allow fewer retries while the shares move";
        report.add("O809", (&rule.source.object, rule.source.at), path, message, hint);
    }
}
