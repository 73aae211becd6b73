//! DestinationRule (istio-translation 14.2; checks M201 to M211).

use rustc_hash::FxHashSet;

use super::export::{self, Exporter};
use super::report::{Place, Report};
use super::{traffic_policy, values};
use crate::manifest::kinds::{DestinationRule, Object};

pub(super) fn review(object: &Object<DestinationRule>, report: &mut Report<'_>) {
    let rule = &object.spec;
    let namespace = object.meta.namespace.as_str();
    let place = Place::root("spec", object.at);
    if let Err(wrong) = values::wildcard_domain(&rule.host) {
        let hint =
            if rule.host.contains(':') { "leave the port out; `portLevelSettings` are for ports" } else { wrong.hint };
        report.reject("M201", &place.key("host"), format!("host `{}` {}", rule.host, wrong.what), hint);
    }
    if let Some(policy) = &rule.traffic_policy {
        traffic_policy::review(&place.key("trafficPolicy"), policy, namespace, report);
    }
    let subsets = place.key("subsets");
    let mut names: FxHashSet<&str> = FxHashSet::default();
    for (i, subset) in rule.subsets.iter().enumerate() {
        let place = subsets.index(i).at(subset.at);
        if !names.insert(&subset.name) {
            let message = format!("subset `{}` is defined twice", subset.name);
            report.reject("M209", &place.key("name"), message, "keep one of the two, or give one another name");
        }
        report.check("M209", &place.key("name"), "subset name", &subset.name, values::dns_label(&subset.name));
        export::labels("M209", &place.key("labels"), "label", &subset.labels, report);
        if let Some(policy) = &subset.traffic_policy {
            let place = place.key("trafficPolicy");
            report.losing_warnings(|report| traffic_policy::review(&place, policy, namespace, report));
        }
    }
    let exporter = if rule.workload_selector.is_some() { Exporter::WithSelector } else { Exporter::Plain };
    export::export_to("M211", &place.key("exportTo"), namespace, &rule.export_to, exporter, report);
    if let Some(labels) = &rule.workload_selector {
        let place = place.key("workloadSelector");
        export::selector("M211", &place.key("matchLabels"), labels, report);
        export::empty_selector("M211", &place, labels, report);
    }
}
