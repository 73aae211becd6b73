//! Hash policies of routes, which DestinationRules ask for (HA-1 to HA-3).

use crate::envoy::table::HashPolicy;
use crate::istio::mesh::MergedDestinationRule;
use crate::istio::translate::Context;
use crate::manifest::kinds::{
    ConsistentHash, Destination, HashKey, LbPolicy, LoadBalancer, PortTrafficPolicy, TrafficPolicy,
};

/// HA-1: the consistent hash that holds for one destination of a rule. The host must be in the proxy's scope.
pub(super) fn of_destination<'a>(cx: &Context<'a>, destination: &Destination) -> Option<&'a ConsistentHash> {
    let rule = rule(cx, &destination.host)?;
    let policy = rule.traffic_policy.as_deref();
    let subset = rule.subset(&destination.subset).filter(|_| !destination.subset.is_empty());
    let subset_policy = subset.and_then(|s| s.traffic_policy.as_deref());
    let at_port = |policy: Option<&'a TrafficPolicy>| {
        let number = i64::from(destination.port_number()?);
        port_setting(policy, number)?.load_balancer.as_ref().and_then(of_load_balancer)
    };
    at_port(subset_policy)
        .or_else(|| of_policy(subset_policy))
        .or_else(|| at_port(policy))
        .or_else(|| of_policy(policy))
}

/// HA-3: the hash policy of the default route of a service without VirtualService.
pub(crate) fn default_route_policy(cx: &Context<'_>, hostname: &str, port: u16) -> Option<HashPolicy> {
    let traffic_policy = rule(cx, hostname)?.traffic_policy.as_deref();
    let setting = port_setting(traffic_policy, i64::from(port));
    let of_port = setting.and_then(|s| s.load_balancer.as_ref()).and_then(of_load_balancer);
    of_port.or_else(|| of_policy(traffic_policy)).and_then(policy)
}

/// HA-2. A hash without a key gives no policy.
pub(super) fn policy(hash: &ConsistentHash) -> Option<HashPolicy> {
    match hash.key.as_ref()? {
        HashKey::HttpHeaderName(name) => Some(HashPolicy::Header(name.clone())),
        HashKey::HttpCookie(cookie) => Some(HashPolicy::Cookie {
            name: cookie.name.clone(),
            ttl: cookie.ttl,
            path: cookie.path.clone(),
            attributes: cookie.attributes.clone(),
        }),
        HashKey::UseSourceIp(true) => Some(HashPolicy::SourceIp),
        HashKey::UseSourceIp(false) => Some(HashPolicy::Nothing),
        HashKey::HttpQueryParameterName(name) => Some(HashPolicy::QueryParameter(name.clone())),
    }
}

/// The DestinationRule for a host of the proxy's scope.
fn rule<'a>(cx: &Context<'a>, host: &str) -> Option<&'a MergedDestinationRule> {
    cx.rule(host)
}

/// The first entry for a port; where it has no hash, later ones of the same port don't count.
fn port_setting(policy: Option<&TrafficPolicy>, port: i64) -> Option<&PortTrafficPolicy> {
    policy?.port_level_settings.iter().find(|setting| setting.port == Some(port))
}

fn of_policy(policy: Option<&TrafficPolicy>) -> Option<&ConsistentHash> {
    policy?.load_balancer.as_ref().and_then(of_load_balancer)
}

fn of_load_balancer(load_balancer: &LoadBalancer) -> Option<&ConsistentHash> {
    match &load_balancer.policy {
        LbPolicy::ConsistentHash(hash) => Some(hash),
        LbPolicy::Unset | LbPolicy::Simple(_) => None,
    }
}
