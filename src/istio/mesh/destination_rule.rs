//! DestinationRules: indexes by namespace and export, merging, and the choice for a proxy (sections 12.1 to 12.3 of the translation rules).

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::{HostTable, fqdn};
use crate::envoy::proxy::Proxy;
use crate::envoy::table::{Note, NoteKind};
use crate::manifest::kinds::{
    DestinationRule, Labels, LoadBalancer, MeshConfig, Object, ObjectId, Subset, TrafficPolicy,
};
use crate::manifest::source::Position;
use crate::order::Order as _;

/// One rule after merging (DS-5).
#[derive(Debug, Clone)]
pub(crate) struct MergedDestinationRule {
    /// The first rule, which gave its name and (if it had one) its traffic policy.
    pub object: ObjectId,
    pub at: Position,
    /// Rules merged into it, in order.
    pub merged: Vec<ObjectId>,
    pub host: SmolStr,
    pub traffic_policy: Option<Arc<TrafficPolicy>>,
    /// Names are unique; each keeps the place it was written.
    pub subsets: Vec<Subset>,
    pub workload_selector: Option<Labels>,
    /// DS-3: sorted, without repetition, as written.
    export_set: Vec<SmolStr>,
}

impl MergedDestinationRule {
    pub(crate) fn subset(&self, name: &str) -> Option<&Subset> {
        self.subsets.iter().find(|s| s.name == name)
    }

    /// Every policy of the rule.
    pub(crate) fn policies(&self) -> impl Iterator<Item = &TrafficPolicy> {
        let of_subsets = self.subsets.iter().filter_map(|s| s.traffic_policy.as_deref());
        self.traffic_policy.as_deref().into_iter().chain(of_subsets)
    }
}

/// The balancers of a policy: its own, and those of single ports.
pub(crate) fn balancers(policy: &TrafficPolicy) -> impl Iterator<Item = &LoadBalancer> {
    let ports = policy.port_level_settings.iter().filter_map(|p| p.load_balancer.as_ref());
    policy.load_balancer.iter().chain(ports)
}

/// Rules for one host, in the order DS-2. A rule that stands in several lists is one object, as long as nothing is merged into it.
type RuleList = Vec<Arc<MergedDestinationRule>>;

/// DS-4.
#[derive(Debug, Default)]
pub(crate) struct DestinationRuleIndex {
    root_namespace: SmolStr,
    local: FxHashMap<SmolStr, HostTable<RuleList>>,
    exported: FxHashMap<SmolStr, HostTable<RuleList>>,
    root_local: HostTable<RuleList>,
}

impl DestinationRuleIndex {
    /// Indexes admitted rules; tells in `notes` which were merged and which are hidden by others.
    pub(super) fn build(rules: &[Object<DestinationRule>], config: &MeshConfig, notes: &mut Vec<Note>) -> Self {
        let mut index = DestinationRuleIndex { root_namespace: config.root_namespace.clone(), ..Self::default() };
        let mut told = Told::default();
        for object in in_order(rules) {
            let namespace = &object.meta.namespace;
            let rule = Arc::new(prepare(object, config));
            let set = &rule.export_set;
            let has = |name: &str| set.iter().any(|e| e == name);
            let private_only = match set.as_slice() {
                [] => config.default_destination_rule_export_to.iter().any(|e| e == "."),
                [only] => only == "." || only == namespace,
                _ => false,
            };
            let to_local = set.is_empty() || has("*") || has(".") || has(namespace);
            if !private_only {
                told.insert(index.exported.entry(namespace.clone()).or_default(), rule.clone(), notes);
            } else if *namespace == config.root_namespace {
                told.insert(&mut index.root_local, rule.clone(), notes);
            }
            if to_local {
                told.insert(index.local.entry(namespace.clone()).or_default(), rule, notes);
            }
        }
        index.tell_hidden(notes);
        index
    }

    /// Every rule after merging, in no particular order; some come more than once.
    pub(crate) fn all(&self) -> impl Iterator<Item = &MergedDestinationRule> {
        let tables = self.local.values().chain(self.exported.values()).chain([&self.root_local]);
        tables.flat_map(HostTable::values).flatten().map(AsRef::as_ref)
    }

    /// The hosts of the rules that clients of a namespace look at first, as written; those of the root namespace aside.
    pub(crate) fn hosts_at_home(&self, namespace: &str) -> impl Iterator<Item = &SmolStr> {
        let table = self.local.get(namespace).into_iter();
        table.flat_map(HostTable::values).filter_map(|list| list.first()).map(|rule| &rule.host)
    }

    /// The hosts of rules that some namespaces see and others don't, apart from their own; some come more than once.
    pub(crate) fn hosts_shown_to_some(&self) -> impl Iterator<Item = &SmolStr> {
        let all = self.exported.values().flat_map(HostTable::values).flatten();
        all.filter(|rule| !rule.export_set.is_empty() && !rule.export_set.iter().any(|e| e == "*"))
            .map(|rule| &rule.host)
    }

    /// The rule for a service with `hostname` in namespace `service_namespace`, seen by `proxy` (DS-7, DS-8).
    pub(crate) fn select(
        &self,
        proxy: &Proxy,
        hostname: &str,
        service_namespace: &str,
    ) -> Option<&MergedDestinationRule> {
        let own = if proxy.namespace == self.root_namespace {
            self.root_local.most_specific(hostname)
        } else {
            self.local.get(&proxy.namespace).and_then(|table| table.most_specific(hostname))
        };
        if let Some(list) = own {
            return choose(list.iter().map(AsRef::as_ref), proxy);
        }
        [service_namespace, &self.root_namespace].into_iter().find_map(|namespace| {
            let list = self.exported.get(namespace)?.most_specific(hostname)?;
            let rules = list.iter().map(AsRef::as_ref);
            let mut shown = rules.filter(|rule| shows_itself_to(rule, &proxy.namespace)).peekable();
            // An empty list goes on to the next namespace, a list without a fitting rule ends the search.
            shown.peek().is_some().then(|| choose(shown, proxy))
        })?
    }

    /// DS-8: at home the last rule without selector wins over all before it.
    fn tell_hidden(&self, notes: &mut Vec<Note>) {
        let mut hidden: Vec<(&MergedDestinationRule, &MergedDestinationRule)> = Vec::new();
        for list in self.local.values().flat_map(HostTable::values) {
            let rules = list.iter().map(AsRef::as_ref);
            let mut plain = rules.filter(|rule| rule.workload_selector.is_none()).rev();
            if let Some(winner) = plain.next() {
                hidden.extend(plain.map(|loser| (loser, winner)));
            }
        }
        hidden.order_by(|a, b| (&a.0.object, &a.1.object).cmp(&(&b.0.object, &b.1.object)));
        notes.extend(hidden.into_iter().map(|(loser, winner)| {
            let (export, host) = (export_text(&loser.export_set), &loser.host);
            Note {
                kind: NoteKind::Dropped,
                rule: "DS-8",
                message: format!(
                    "in namespace `{}` {} replaces {} for host `{host}`, with all its subsets: it is younger, and its exportTo ({}) is not the same ({export})",
                    loser.object.namespace, winner.object, loser.object, export_text(&winner.export_set),
                ),
                object: Some(loser.object.clone()),
                at: loser.at,
                route_config: SmolStr::default(),
                virtual_host: SmolStr::default(),
            }
        }));
    }
}

fn export_text(set: &[SmolStr]) -> String {
    if set.is_empty() { "none given".to_string() } else { set.join(", ") }
}

/// DS-2.
fn in_order(rules: &[Object<DestinationRule>]) -> Vec<&Object<DestinationRule>> {
    let mut all = super::registry::by_creation(rules);
    all.order_by_key(|o| o.spec.workload_selector.is_none());
    all
}

/// DS-1, DS-3.
fn prepare(object: &Object<DestinationRule>, config: &MeshConfig) -> MergedDestinationRule {
    let spec = &object.spec;
    let mut export_set = match spec.workload_selector {
        Some(_) => vec![SmolStr::new_static(".")],
        None => spec.export_to.clone(),
    };
    export_set.order();
    export_set.dedup();
    let mut names = FxHashSet::default();
    MergedDestinationRule {
        object: object.id.clone(),
        at: object.at,
        merged: Vec::new(),
        host: fqdn(&spec.host, &object.meta.namespace, &config.cluster_domain),
        traffic_policy: spec.traffic_policy.clone(),
        subsets: spec.subsets.iter().filter(|s| names.insert(&s.name)).cloned().collect(),
        workload_selector: spec.workload_selector.clone(),
        export_set,
    }
}

/// Puts rules into lists and tells each merge once, although a rule enters several lists.
#[derive(Default)]
struct Told {
    merges: FxHashSet<(ObjectId, ObjectId)>,
}

impl Told {
    /// DS-5.
    fn insert(&mut self, table: &mut HostTable<RuleList>, rule: Arc<MergedDestinationRule>, notes: &mut Vec<Note>) {
        let list = table.entry(&rule.host, || Vec::with_capacity(1));
        let mut append = true;
        for entry in list.iter_mut() {
            let equal = entry.export_set == rule.export_set;
            let covers = !entry.export_set.is_empty() && entry.export_set.iter().all(|e| rule.export_set.contains(e));
            append = !equal;
            if !equal && !covers {
                continue;
            }
            match (&entry.workload_selector, &rule.workload_selector) {
                (Some(a), Some(b)) if a != b => {
                    append = true;
                    continue;
                }
                (Some(_), Some(_)) | (None, None) => append = false,
                _ => {}
            }
            merge(Arc::make_mut(entry), &rule);
            if self.merges.insert((entry.object.clone(), rule.object.clone())) {
                notes.push(merge_note(entry, &rule));
            }
        }
        if append {
            list.push(rule);
        }
    }
}

/// Existing subset names and an existing policy win.
fn merge(entry: &mut MergedDestinationRule, rule: &MergedDestinationRule) {
    let added: Vec<Subset> = rule.subsets.iter().filter(|s| entry.subset(&s.name).is_none()).cloned().collect();
    entry.subsets.extend(added);
    if entry.traffic_policy.is_none() {
        entry.traffic_policy.clone_from(&rule.traffic_policy);
    }
    entry.merged.push(rule.object.clone());
}

fn merge_note(entry: &MergedDestinationRule, rule: &MergedDestinationRule) -> Note {
    Note {
        kind: NoteKind::Merged,
        rule: "DS-5",
        message: format!(
            "{} is merged into {}: both are for host `{}`; subsets that the first has already, and the traffic policy where it has one, are not taken over",
            rule.object, entry.object, rule.host
        ),
        object: Some(rule.object.clone()),
        at: rule.at,
        route_config: SmolStr::default(),
        virtual_host: SmolStr::default(),
    }
}

/// DS-7 step 2: `.` is not replaced here and so never equals a namespace.
fn shows_itself_to(rule: &MergedDestinationRule, namespace: &str) -> bool {
    rule.export_set.is_empty() || rule.export_set.iter().any(|e| e == "*" || e == namespace)
}

/// DS-8.
fn choose<'a>(
    list: impl Iterator<Item = &'a MergedDestinationRule>,
    proxy: &Proxy,
) -> Option<&'a MergedDestinationRule> {
    let mut last = None;
    for rule in list {
        match &rule.workload_selector {
            None => last = Some(rule),
            Some(selector) if rule.object.namespace == proxy.namespace && selector.is_subset_of(&proxy.labels) => {
                return Some(rule);
            }
            Some(_) => {}
        }
    }
    last
}

#[cfg(test)]
#[path = "destination_rule_tests.rs"]
mod tests;
