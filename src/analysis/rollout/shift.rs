//! The steps of moving a host's traffic from one subset to another, by weights.

use std::collections::BTreeSet;

use serde_yaml::{Mapping, Value};
use smol_str::{SmolStr, format_smolstr};

use super::step::{Document, Rollout, Step};
use super::union::value;
use super::yaml::to_yaml;
use crate::istio::mesh::fqdn;
use crate::manifest::kinds::Manifests;
use crate::manifest::source::SourceMap;

/// Which traffic moves, and in which steps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shift {
    /// As it stands in VirtualServices, or its full name.
    pub host: String,
    pub from: String,
    pub to: String,
    /// Weights of both, not both 0.
    pub steps: Vec<[u32; 2]>,
}

/// The steps of a shift: in every rule that sends to the subset `from` of the host, it and `to` share what they have together.
/// A rule that sends to `to` alone, for testers for example, stays as it is.
///
/// # Errors
/// No rule sends there; says which subsets of which hosts rules do send to.
pub(crate) fn shift(
    wanted: &Shift,
    manifests: &Manifests,
    sources: &SourceMap,
    namespace: &str,
) -> Result<Rollout, String> {
    let domain = manifests.mesh_config.cluster_domain.as_str();
    let full = fqdn(&wanted.host, namespace, domain);
    // A short name of another namespace is meant where it is the only one, and so is one with its namespace.
    let named = |host: &SmolStr, ns: &str| {
        let host = fqdn(host, ns, domain);
        host == full
            || (wanted.host.matches('.').count() < 2
                && host.strip_prefix(&wanted.host).is_some_and(|r| r.starts_with('.')))
    };
    let mut steps: Vec<Step> =
        wanted.steps.iter().map(|[a, b]| Step { name: format_smolstr!("{a}/{b}"), ..Step::default() }).collect();
    let mut known: BTreeSet<String> = BTreeSet::new();
    for vs in &manifests.virtual_services {
        let Some(text) = value(sources, vs.at, &vs.id).filter(|_| vs.at.is_known()) else { continue };
        let is_host = |host: &str| named(&SmolStr::new(host), &vs.meta.namespace);
        for (step, weights) in steps.iter_mut().zip(&wanted.steps) {
            let mut text = text.clone();
            if split(&mut text, &is_host, wanted, *weights, &mut known) {
                let file = format!("virtual-service-{}-{}.yaml", vs.meta.namespace, vs.meta.name);
                step.documents.push(Document { file, text: to_yaml(&text) });
            }
        }
    }
    if steps.iter().all(|s| s.documents.is_empty()) {
        let there = if known.is_empty() {
            "no VirtualService sends to that host; without one, all of its pods get requests alike".to_owned()
        } else {
            format!("rules send to {}", known.into_iter().collect::<Vec<_>>().join(", "))
        };
        return Err(format!(
            "no rule of a VirtualService sends to subset `{}` of `{}`\n  = help: {there}",
            wanted.from, wanted.host
        ));
    }
    Ok(Rollout { name: format!("{} from {} to {}", wanted.host, wanted.from, wanted.to), steps, ..Rollout::default() })
}

/// Changes the weights of all rules that send to `from`; false where there is none. Puts down the subsets that are sent to.
fn split(
    vs: &mut Value,
    is_host: &dyn Fn(&str) -> bool,
    wanted: &Shift,
    weights: [u32; 2],
    known: &mut BTreeSet<String>,
) -> bool {
    let mut found = false;
    let Some(spec) = vs.get_mut("spec") else { return false };
    for protocol in ["http", "tls", "tcp"] {
        let rules = spec.get_mut(protocol).and_then(Value::as_sequence_mut);
        for route in rules.into_iter().flatten().filter_map(|r| r.get_mut("route")?.as_sequence_mut()) {
            let subset = |entry: &Value| -> Option<String> {
                let destination = entry.get("destination")?;
                let host = destination.get("host")?.as_str()?;
                let subset = destination.get("subset").and_then(Value::as_str).unwrap_or_default();
                is_host(host).then(|| subset.to_owned())
            };
            let subsets: Vec<Option<String>> = route.iter().map(subset).collect();
            known.extend(
                subsets.iter().flatten().map(|s| if s.is_empty() { "all pods".to_owned() } else { format!("`{s}`") }),
            );
            let at = |name: &str| subsets.iter().position(|s| s.as_deref() == Some(name));
            let Some(from) = at(&wanted.from) else { continue };
            let to = at(&wanted.to).unwrap_or(route.len());
            if to == route.len() {
                let Some(mut entry) = route.get(from).cloned() else { continue };
                set(&mut entry, "weight", Value::from(0));
                if let Some(destination) = entry.get_mut("destination") {
                    set(destination, "subset", Value::from(wanted.to.as_str()));
                }
                if route.len() == 1 {
                    route.iter_mut().for_each(|only| set(only, "weight", Value::from(100)));
                }
                route.push(entry);
            }
            share(route, [from, to], weights);
            found = true;
        }
    }
    found
}

/// Shares out what two entries of a split have together; all weights stay whole numbers in the same proportions.
fn share(route: &mut [Value], [from, to]: [usize; 2], [a, b]: [u32; 2]) {
    let weight = |v: &Value| v.get("weight").and_then(Value::as_u64).unwrap_or_default();
    let both: u64 = [from, to].iter().filter_map(|i| route.get(*i)).map(weight).sum();
    let sum = u64::from(a) + u64::from(b);
    // Without others the weights are those that were asked for.
    let alone = route.iter().enumerate().all(|(i, v)| i == from || i == to || weight(v) == 0);
    for (i, entry) in route.iter_mut().enumerate() {
        let new = match (i == from, i == to) {
            (true, _) if alone => u64::from(a),
            (_, true) if alone => u64::from(b),
            (true, _) => both * u64::from(a),
            (_, true) => both * u64::from(b),
            _ => weight(entry) * if alone { 1 } else { sum },
        };
        set(entry, "weight", Value::from(new));
    }
}

fn set(of: &mut Value, key: &str, value: Value) {
    if let Some(mapping) = of.as_mapping_mut() {
        let mapping: &mut Mapping = mapping;
        mapping.insert(Value::from(key), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(entries: &str) -> Vec<Value> {
        serde_yaml::from_str(entries).unwrap()
    }

    fn weights(route: &[Value]) -> Vec<u64> {
        route.iter().map(|v| v.get("weight").and_then(Value::as_u64).unwrap()).collect()
    }

    #[test]
    fn others_of_a_split_keep_their_share() {
        let mut route = rule("[{weight: 50}, {weight: 30}, {weight: 20}]");
        share(&mut route, [0, 2], [90, 10]);
        assert_eq!(weights(&route), [6300, 3000, 700]);
        let mut alone = rule("[{weight: 1}, {weight: 1}]");
        share(&mut alone, [1, 0], [70, 30]);
        assert_eq!(weights(&alone), [30, 70]);
    }
}
