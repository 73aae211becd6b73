//! VirtualService: hosts, gateways and the lists of rules (istio-translation 14.1; checks M101 to M128).

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::export::{Exporter, export_to};
use super::report::{Place, Report};
use super::values;
use super::{http, overlap, tls_tcp};
use crate::manifest::kinds::{Object, VirtualService};

/// What the rules must know of their VirtualService.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub spec: &'a VirtualService,
    /// No hosts: other VirtualServices delegate to it.
    pub is_delegate: bool,
    /// Gateways are named, and `mesh` is not among them.
    pub is_for_gateways: bool,
    /// Istio made it from the Gateway API; then destinations and gateway names are not looked at.
    pub is_generated: bool,
}

pub(super) fn review(object: &Object<VirtualService>, report: &mut Report<'_>) {
    let spec = &object.spec;
    let place = Place::root("spec", object.at);
    let context = Context {
        spec,
        is_delegate: spec.hosts.is_empty(),
        is_for_gateways: !spec.gateways.is_empty() && !spec.gateways.iter().any(|g| g == "mesh"),
        is_generated: object.meta.annotations.get("internal.istio.io/route-semantics") == Some("gateway"),
    };
    if context.is_delegate {
        review_delegate(&place, spec, report);
    }
    gateway_names(&place.key("gateways"), &spec.gateways, context.is_generated, report);
    review_hosts(&place.key("hosts"), context, report);
    if spec.http.is_empty() && spec.tcp.is_empty() && spec.tls.is_empty() {
        let message = "the VirtualService has no rules: none of `http`, `tls` and `tcp`";
        report.reject("M101", &place, message, "add a rule, for example `http` with a `route`");
    }
    let rules = place.key("http");
    for (i, rule) in spec.http.iter().enumerate() {
        http::review(&rules.index(i).at(rule.at), rule, context, report);
    }
    let rules = place.key("tls");
    for (i, rule) in spec.tls.iter().enumerate() {
        tls_tcp::review_tls(&rules.index(i).at(rule.at), rule, context, report);
    }
    let rules = place.key("tcp");
    for (i, rule) in spec.tcp.iter().enumerate() {
        // Istio judges TCP rules without keeping warnings.
        report.losing_warnings(|report| tls_tcp::review_tcp(&rules.index(i).at(rule.at), rule, context, report));
    }
    export_to("M125", &place.key("exportTo"), &object.meta.namespace, &spec.export_to, Exporter::Plain, report);
    overlap::review(&place, spec, report);
}

/// VS1: a VirtualService without hosts holds HTTP rules only.
fn review_delegate(place: &Place<'_>, spec: &VirtualService, report: &mut Report<'_>) {
    let fields =
        [("gateways", !spec.gateways.is_empty()), ("tls", !spec.tls.is_empty()), ("tcp", !spec.tcp.is_empty())];
    for (field, _) in fields.iter().filter(|(_, is_set)| *is_set) {
        let message = format!("a VirtualService without `hosts` is a delegate, and must not have `{field}`");
        report.reject("M102", &place.key(field), message, format!("add `hosts`, or remove `{field}`"));
    }
}

/// VS2, VS3: names of gateways. Istio stops looking at the first name without `/`, also at `mesh`.
pub(super) fn gateway_names(place: &Place<'_>, names: &[SmolStr], is_generated: bool, report: &mut Report<'_>) {
    const HINT: &str = "write `<namespace>/<name>`, or the name alone for the own namespace";
    for (i, gateway) in names.iter().enumerate() {
        let place = place.index(i);
        let Some((namespace, name)) = gateway.split_once('/') else {
            let mut labels = gateway.split('.');
            if let (Some(name), Some(namespace)) = (labels.next(), labels.next()) {
                let message = format!("gateway `{gateway}` is written in the old form with dots");
                report.warn("M114", &place, message, format!("write `{namespace}/{name}`"));
            }
            report.check("M114", &place, "gateway", gateway, values::fqdn(gateway));
            return;
        };
        if !values::is_dns_label(namespace) {
            let message = format!("gateway `{gateway}` has an invalid namespace `{namespace}`");
            report.reject("M114", &place, message, HINT);
        }
        if name.is_empty() || !is_generated && !values::is_dns_label(name) {
            report.reject("M114", &place, format!("gateway `{gateway}` has an invalid name `{name}`"), HINT);
        }
    }
}

/// VS5 to VS7: each host is a domain or an address, `*` is for gateways only, and no host covers another.
fn review_hosts(place: &Place<'_>, context: Context<'_>, report: &mut Report<'_>) {
    let hosts = &context.spec.hosts;
    let has_sni = context.spec.tls.iter().flat_map(|rule| &rule.matches).any(|m| !m.sni_hosts.is_empty());
    let mut all_valid = true;
    for (i, host) in hosts.iter().enumerate() {
        let place = place.index(i);
        let checked = if context.is_for_gateways && has_sni {
            values::generated_sni_domain(host)
        } else {
            values::wildcard_domain(host)
        };
        if let Err(wrong) = checked {
            if !values::is_ip_address(host) {
                report.reject("M103", &place, format!("host `{host}` {}", wrong.what), wrong.hint);
                all_valid = false;
            }
        } else if host == "*" && !context.is_for_gateways {
            let message = "host `*` is not allowed for a VirtualService that applies to the mesh";
            report.reject("M103", &place, message, "name hosts, or bind the VirtualService to `gateways` only");
            all_valid = false;
        }
    }
    if all_valid {
        review_coverage(place, hosts, report);
    }
}

/// VS7: no two hosts of the list overlap, as they are written. Only hosts with a wildcard are compared with all others;
/// the rest is looked up.
fn review_coverage(place: &Place<'_>, hosts: &[SmolStr], report: &mut Report<'_>) {
    let mut refuse = |first: usize, second: usize| {
        let (Some(a), Some(b)) = (hosts.get(first), hosts.get(second)) else { return };
        let message = if a == b {
            format!("host `{b}` is listed twice")
        } else if covers(a, b) {
            format!("host `{b}` is covered by host `{a}` of the same VirtualService")
        } else {
            format!("host `{b}` covers host `{a}` of the same VirtualService")
        };
        report.reject("M104", &place.index(second), message, "keep one of the two, or split the VirtualService");
    };
    let mut exact: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wildcards: Vec<(usize, &str)> = Vec::new();
    for (i, host) in hosts.iter().enumerate() {
        if let Some(&(first, _)) = wildcards.iter().find(|(_, other)| covers(other, host) || covers(host, other)) {
            refuse(first, i);
        }
        if host.starts_with('*') {
            if let Some((_, &first)) = exact.iter().find(|(other, _)| covers(host, other)) {
                refuse(first, i);
            }
            wildcards.push((i, host));
        } else if let Some(&first) = exact.get(host.as_str()) {
            refuse(first, i);
        } else {
            exact.insert(host, i);
        }
    }
}

/// True where every name that `inner` stands for is one that `outer` stands for. A wildcard does not cover its bare
/// suffix: `*.a` and `a` are apart.
pub(super) fn covers(outer: &str, inner: &str) -> bool {
    match (outer.strip_prefix('*'), inner.strip_prefix('*')) {
        (Some(outer), Some(inner)) => inner.ends_with(outer),
        (Some(suffix), None) => inner.ends_with(suffix),
        (None, Some(_)) => false,
        (None, None) => outer == inner,
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn coverage_of_hosts_vs7() {
        for (outer, inner) in
            [("*", "a"), ("*", "*.a"), ("*.a", "b.a"), ("*.a", "*.b.a"), ("*-x.a", "b-x.a"), ("a", "a")]
        {
            assert!(covers(outer, inner), "{outer} {inner}");
        }
        for (outer, inner) in [("*.a", "a"), ("a", "*"), ("*.b.a", "*.a"), ("a", "b")] {
            assert!(!covers(outer, inner), "{outer} {inner}");
        }
    }
}
