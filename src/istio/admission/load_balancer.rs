//! Load balancing: consistent hashing, localities and warm-up (DR10 to DR12).

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use super::report::{Place, Report};
use super::values;
use crate::manifest::kinds::{
    ConsistentHash, HashAlgorithm, HashKey, LbPolicy, LoadBalancer, LocalityDistribute, LocalityFailover, LocalityLb,
    Warmup, ZoneAwareLb,
};
use crate::manifest::release::Difference;
use crate::order::Ordered as _;

pub(super) fn review(place: &Place<'_>, balancer: &LoadBalancer, has_outlier_detection: bool, report: &mut Report<'_>) {
    if let LbPolicy::ConsistentHash(hash) = &balancer.policy {
        review_hash(&place.key("consistentHash"), hash, report);
    }
    if balancer.locality_lb_setting.is_some() && balancer.zone_aware_lb_setting.is_some() {
        let message = "`localityLbSetting` and `zoneAwareLbSetting` must not stand together";
        report.reject("M206", &place.key("zoneAwareLbSetting"), message, "keep one of the two");
    }
    if let Some(locality) = &balancer.locality_lb_setting {
        review_locality(&place.key("localityLbSetting"), locality, has_outlier_detection, report);
    }
    if let Some(zone_aware) = &balancer.zone_aware_lb_setting {
        review_zone_aware(&place.key("zoneAwareLbSetting"), zone_aware, has_outlier_detection, report);
    }
    if let Some(warmup) = &balancer.warmup {
        review_warmup(&place.key("warmup"), warmup, report);
    }
}

/// DR10.
fn review_hash(place: &Place<'_>, hash: &ConsistentHash, report: &mut Report<'_>) {
    if let Some(HashKey::HttpCookie(cookie)) = &hash.key {
        let place = place.key("httpCookie");
        if cookie.name.is_empty() {
            report.reject("M205", &place, "the cookie to hash on has no `name`", "name the cookie");
        }
        let attributes = place.key("attributes");
        let mut names: FxHashSet<&str> = FxHashSet::default();
        for (i, (name, _)) in cookie.attributes.iter().enumerate() {
            let place = attributes.index(i);
            if name.is_empty() {
                report.reject(
                    "M205",
                    &place,
                    "a cookie attribute has no name",
                    "name the attribute, such as `SameSite`",
                );
            } else if !names.insert(name) {
                let message = format!("cookie attribute `{name}` is given twice");
                report.reject("M205", &place, message, "keep one of the two");
            }
        }
    }
    if hash.minimum_ring_size.is_some_and(|size| size != 0) {
        let place = place.key("minimumRingSize");
        report.warn("M205", &place, "`minimumRingSize` is deprecated here", "write `ringHash: {minimumRingSize: …}`");
        if hash.algorithm != HashAlgorithm::Unset {
            let message = "`minimumRingSize` must not stand beside `ringHash` or `maglev`";
            report.reject("M205", &place, message, "remove it, and set the size within `ringHash`");
        }
    }
    if let HashAlgorithm::Maglev { table_size } = hash.algorithm {
        let place = place.key("maglev");
        match table_size.unwrap_or(0) {
            0 => {
                let message = "`maglev` has no `tableSize`";
                report.reject("M205", &place, message, "set a prime number below 5000011, such as 65537");
            }
            size if size >= 5_000_011 => {
                let message = format!("table size `{size}` is too large for maglev");
                report.reject("M205", &place.key("tableSize"), message, "use a prime number below 5000011");
            }
            size if !is_prime(size) => {
                let message = format!("table size `{size}` is not a prime number");
                let smaller = (2..size).rev().find(|n| is_prime(*n)).unwrap_or(2);
                let hint = format!("use a prime number, such as {smaller}");
                report.reject("M205", &place.key("tableSize"), message, hint);
            }
            _ => {}
        }
    }
}

/// As Envoy tests it, which takes 1 for a prime number.
fn is_prime(n: u64) -> bool {
    match n {
        0 => false,
        1..=3 => true,
        _ => !n.is_multiple_of(2) && (3..).step_by(2).take_while(|f| f * f <= n).all(|f| !n.is_multiple_of(f)),
    }
}

/// The parts of a locality that a failover is ordered by of itself.
const TOPOLOGY_LABELS: [&str; 3] =
    ["topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"];

/// DR11, `localityLbSetting`.
fn review_locality(place: &Place<'_>, locality: &LocalityLb, has_outlier_detection: bool, report: &mut Report<'_>) {
    if !locality.distribute.is_empty() && !locality.failover.is_empty() {
        let message = "`distribute` and `failover` must not stand together";
        report.reject("M206", &place.key("failover"), message, "keep one of the two");
        return;
    }
    let priorities = place.key("failoverPriority");
    if !locality.failover.is_empty() {
        for (i, label) in locality.failover_priority.iter().enumerate() {
            if TOPOLOGY_LABELS.contains(&label.as_str()) {
                let message = format!("`{label}` must not be in `failoverPriority` beside `failover`");
                report.reject("M206", &priorities.index(i), message, "keep one of the two ways to order localities");
            }
        }
    }
    review_distribute(&place.key("distribute"), &locality.distribute, report);
    let fails_over = !locality.failover.is_empty() || !locality.failover_priority.is_empty();
    warn_failover(place, fails_over && !has_outlier_detection, report);
    review_failover(&place.key("failover"), &locality.failover, report);
}

/// DR11, `zoneAwareLbSetting`.
fn review_zone_aware(place: &Place<'_>, zone: &ZoneAwareLb, has_outlier_detection: bool, report: &mut Report<'_>) {
    let priorities = place.key("failoverPriority");
    for (i, label) in zone.failover_priority.iter().enumerate() {
        if TOPOLOGY_LABELS.contains(&label.as_str()) {
            let message = format!("`{label}` must not be in `failoverPriority` of zone-aware balancing");
            let hint = "remove it: regions and zones are ordered without it";
            report.reject("M206", &priorities.index(i), message, hint);
        }
    }
    let fails_over = !zone.failover.is_empty() || !zone.failover_priority.is_empty();
    warn_failover(place, fails_over && !has_outlier_detection, report);
    review_failover(&place.key("failover"), &zone.failover, report);
}

fn warn_failover(place: &Place<'_>, is_without_detection: bool, report: &mut Report<'_>) {
    if is_without_detection {
        let message = "failover has no effect without `outlierDetection`, which finds out who fails";
        report.warn("M206", place, message, "add `outlierDetection` to the same policy");
    }
}

fn review_failover(place: &Place<'_>, failover: &[LocalityFailover], report: &mut Report<'_>) {
    for (i, LocalityFailover { from, to }) in failover.iter().enumerate() {
        let place = place.index(i);
        if from == to {
            let message = format!("failover from `{from}` to itself");
            report.reject("M206", &place, message, "name two different regions");
        }
        if from.contains('/') || to.contains('/') {
            let message = format!("failover from `{from}` to `{to}` names more than regions");
            report.reject("M206", &place, message, "name the regions alone, without zone");
        }
        if from.contains('*') || to.contains('*') {
            let message = format!("failover from `{from}` to `{to}` holds a `*`, but patterns are not known here");
            report.reject("M206", &place, message, "name the regions");
        }
    }
}

fn review_distribute(place: &Place<'_>, distribute: &[LocalityDistribute], report: &mut Report<'_>) {
    for (i, entry) in distribute.iter().enumerate() {
        let place = place.index(i);
        let to = place.key("to");
        let mut total: u64 = 0;
        let mut all_in_range = true;
        for (locality, weight) in &entry.to {
            total += u64::from(*weight);
            if !(1..=100).contains(weight) {
                all_in_range = false;
                let message = format!("weight `{weight}` of locality `{locality}` is not between 1 and 100");
                report.reject("M206", &to.key(locality), message, "use 1 to 100; leave localities without traffic out");
            }
        }
        if all_in_range && total != 100 {
            let message = format!("the weights from `{}` add up to {total} rather than 100", entry.from);
            report.reject("M206", &to, message, "make them add up to 100");
        }
        review_targets(&to, entry, report);
    }
    if let Err(message) = review_localities(distribute.iter().map(|entry| entry.from.as_str())) {
        report.reject(
            "M206",
            place,
            message,
            "use `region`, `region/zone` or `region/zone/subzone`, each at most once",
        );
    }
}

/// Istio looks at the targets in the random order of a map: some overlaps are found in one order only.
fn review_targets(place: &Place<'_>, entry: &LocalityDistribute, report: &mut Report<'_>) {
    const HINT: &str = "use localities that do not contain each other";
    let sorted: BTreeSet<&str> = entry.to.iter().map(|(locality, _)| locality.as_str()).into_set();
    // In this order `*` comes before all that it contains, and nothing is missed.
    let Err(message) = review_localities(sorted.iter().copied()) else { return };
    if review_localities(sorted.iter().rev().copied()).is_err() {
        report.reject("M206", place, message, HINT);
    } else {
        let message = format!("{message}; Istio accepts or refuses that by chance");
        report.advise("M206", place, message, HINT);
    }
}

/// Localities in the form `region/zone/subzone`, of which the last part may be missing or `*`, and none within an earlier
/// one. As in Istio a `*` only contains what comes after it.
fn review_localities<'a>(localities: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen: Vec<[&str; 3]> = Vec::new();
    for locality in localities {
        let wildcards = locality.matches('*').count();
        if wildcards > 1 || wildcards == 1 && !locality.ends_with('*') {
            return Err(format!("locality `{locality}` has a `*` that is not its end"));
        }
        let mut parts = locality.splitn(3, '/');
        let region = parts.next().unwrap_or_default();
        let (zone, subzone) = (parts.next(), parts.next());
        let is_empty = |part: &&str| part.is_empty();
        if seen.contains(&["*", "*", "*"]) {
            return Err(format!("locality `{locality}` is within an earlier one"));
        }
        if region.is_empty() || zone.as_ref().is_some_and(is_empty) || subzone.as_ref().is_some_and(is_empty) {
            return Err(format!("locality `{locality}` has an empty part"));
        }
        let key = [region, zone.unwrap_or("*"), subzone.unwrap_or("*")];
        let has = |prefix: &[&str]| seen.iter().any(|other| other.starts_with(prefix));
        let is_within = match (zone, subzone) {
            (None, _) => has(&[region]),
            (Some(zone), None) => has(&[region, "*"]) || has(&[region, zone]),
            (Some(zone), Some(_)) => has(&[region, "*"]) || has(&[region, zone, "*"]) || seen.contains(&key),
        };
        if is_within {
            return Err(format!("locality `{locality}` overlaps with an earlier one"));
        }
        seen.push(key);
    }
    Ok(())
}

/// DR12.
fn review_warmup(place: &Place<'_>, warmup: &Warmup, report: &mut Report<'_>) {
    match warmup.duration {
        None => {
            report.reject("M207", place, "`warmup` has no `duration`", "set how long new endpoints get less traffic")
        }
        Some(duration) => {
            report.check("M207", &place.key("duration"), "warm-up duration", duration, values::duration(duration));
        }
    }
    if let Some(percent) = warmup.minimum_percent
        && percent > 100.0
    {
        let message = format!("minimum percentage `{percent}` of the warm-up is more than 100");
        report.reject("M207", &place.key("minimumPercent"), message, "use 0 to 100");
    }
    if let Some(aggression) = warmup.aggression
        && aggression <= 0.0
    {
        let message = format!("aggression `{aggression}` of the warm-up is not above 0");
        report.reject("M207", &place.key("aggression"), message, "use 1.0 for steady growth, or more");
    } else if let Some(aggression) = warmup.aggression.filter(|a| *a < 1.0)
        && !report.has(Difference::GentleWarmup)
    {
        // VE-10.
        let message = format!("aggression `{aggression}` of the warm-up is below 1, which this release doesn't take");
        report.reject("M207", &place.key("aggression"), message, "use 1.0 for steady growth, or more");
    }
}

#[cfg(test)]
mod tests {
    use super::{is_prime, review_localities};

    #[test]
    fn primes_dr10() {
        let primes: Vec<u64> = (0..30).filter(|n| is_prime(*n)).collect();
        assert_eq!(primes, [1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29]);
        assert!(is_prime(65537) && !is_prime(65537 * 3));
    }

    #[test]
    fn localities_dr11() {
        for ok in ["a,b", "a/x,a/y", "a/x/1,a/x/2", "a/x,a/*", "a,*", "a/x/1,a/x/*"] {
            assert_eq!(review_localities(ok.split(',')), Ok(()), "{ok}");
        }
        for bad in [
            "a/x/1,a/x",
            "a,a",
            "*,a",
            "a/*,a/x",
            "a/*,a",
            "a,a/x",
            "a/x,a/x/1",
            "a*/b",
            "**",
            "",
            "a//b",
            "/a",
            "a/x,a",
        ] {
            assert!(review_localities(bad.split(',')).is_err(), "{bad}");
        }
    }
}
