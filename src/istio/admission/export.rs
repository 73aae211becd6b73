//! What several kinds say about who sees them and whom they select: `exportTo` and workload selectors.

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::report::{Place, Report};
use super::values;
use crate::manifest::kinds::Labels;

/// How far an object may be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exporter {
    /// To namespaces or to all.
    Plain,
    /// A DestinationRule for selected workloads stays in its namespace.
    WithSelector,
    /// A ServiceEntry may also be exported to nobody, with `~`.
    ServiceEntry,
}

/// VS10, DR4 and the like: no entry twice (`.` is the own namespace), `*` and `~` alone, the rest namespaces.
pub(super) fn export_to(
    id: &str,
    place: &Place<'_>,
    namespace: &str,
    entries: &[SmolStr],
    exporter: Exporter,
    report: &mut Report<'_>,
) {
    let mut seen: FxHashSet<&str> = FxHashSet::default();
    for (i, entry) in entries.iter().enumerate() {
        let key = if entry == "." { namespace } else { entry.as_str() };
        let place = place.index(i);
        if seen.contains(key) {
            let message = if key == entry {
                format!("`{entry}` occurs twice in `exportTo`, perhaps once as `.`")
            } else {
                format!("`.` and the own namespace `{namespace}` are both in `exportTo`, and are the same")
            };
            report.reject(id, &place, message, "leave one of the two out");
        } else if key == "~" && exporter != Exporter::ServiceEntry {
            let message = "`~` in `exportTo` is only for a ServiceEntry";
            report.reject(id, &place, message, "use `.` to keep the object within its namespace");
        } else if key == "*" || key == "~" || values::is_dns_label(key) {
            seen.insert(key);
        } else {
            let message = format!("`{entry}` in `exportTo` is not a namespace");
            report.reject(id, &place, message, "use `*`, `.` or the name of a namespace; patterns are not known");
        }
    }
    if exporter == Exporter::WithSelector && !seen.is_empty() && (seen.len() > 1 || !seen.contains(namespace)) {
        let message = "a DestinationRule with a workloadSelector is exported beyond its own namespace";
        report.reject(id, place, message, "set `exportTo: [\".\"]`, or leave it out");
    }
    for (symbol, meaning) in [("*", "all namespaces"), ("~", "nobody")] {
        if seen.contains(symbol) && entries.len() > 1 {
            let message = format!("`exportTo` names `{symbol}`, which means {meaning}, beside others");
            report.reject(id, place, message, format!("leave `{symbol}` alone, or leave it out"));
        }
    }
}

/// The labels of a workload selector: no empty key, no `*`. An empty selector only draws a warning.
pub(super) fn selector(id: &str, place: &Place<'_>, labels: &Labels, report: &mut Report<'_>) {
    for (key, value) in labels.iter() {
        if key.is_empty() {
            report.reject(id, &place.key(key), "the workload selector has an empty label key", "name a label");
        }
        if key.contains('*') || value.contains('*') {
            let message = format!("the workload selector `{key}={value}` holds a `*`, but patterns are not known here");
            report.reject(id, &place.key(key), message, "write the label and its value out");
        }
    }
}

/// Warns about a selector that is there but selects by nothing.
pub(super) fn empty_selector(id: &str, place: &Place<'_>, labels: &Labels, report: &mut Report<'_>) {
    if labels.is_empty() {
        let message = "the workload selector has no labels, so it selects every workload of the namespace";
        report.warn(id, place, message, "name labels of the workloads, or leave the selector out");
    }
}

/// The syntax of labels that an object matches against or gives to workloads.
pub(super) fn labels(id: &str, place: &Place<'_>, noun: &str, labels: &Labels, report: &mut Report<'_>) {
    for (key, value) in labels.iter() {
        let place = place.key(key);
        report.check(id, &place, &format!("{noun} key"), key, values::label_key(key));
        report.check(id, &place, &format!("value of the {noun}"), value, values::label_value(value));
    }
}
