//! Whether the intent can be seen in logs and graphs: O812.

use rustc_hash::FxHashSet;

use crate::analysis::checks::registry::{Input, checks};
use crate::analysis::checks::report::{Report, listed};
use crate::analysis::checks::subject::Subject;
use crate::istio::mesh::Registry;
use crate::manifest::kinds::{DestinationRule, Labels, Object, VirtualService};

checks! {
    /// What a rule or subset is for can't be seen from outside: rules without a name leave the route name of the access log
    /// empty, rules with the same name can't be told apart, subsets whose pods carry no app and version label are merged in
    /// graphs, subsets are called other than their version, and nobody is named as owner.
    O812 "Intent not visible in observability" Info [Ops] needs[] peers[];
}

const APP: [&str; 3] = ["app", "app.kubernetes.io/name", "service.istio.io/canonical-name"];
const VERSION: [&str; 3] = ["version", "app.kubernetes.io/version", "service.istio.io/canonical-revision"];
const OWNER: [&str; 4] = ["owner", "description", "towtank.dev/owner", "towtank.dev/description"];

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    for vs in &subject.manifests.virtual_services {
        rules(vs, report);
    }
    for dr in &subject.manifests.destination_rules {
        subsets(subject, dr, report);
    }
}

fn owned(annotations: &Labels, labels: &Labels) -> bool {
    OWNER.iter().any(|k| annotations.get(k).is_some() || labels.get(k).is_some())
}

fn rules(vs: &Object<VirtualService>, report: &mut Report) {
    let mut reasons: Vec<String> = Vec::new();
    let unnamed: Vec<String> =
        vs.spec.http.iter().enumerate().filter(|(_, r)| r.name.is_empty()).map(|(i, _)| format!("http[{i}]")).collect();
    if !unnamed.is_empty() {
        reasons.push(format!("no name: {}", listed(&unnamed, 4)));
    }
    let mut names = FxHashSet::default();
    let doubled: Vec<_> = vs.spec.http.iter().map(|r| &r.name).filter(|n| !n.is_empty() && !names.insert(*n)).collect();
    if !doubled.is_empty() {
        reasons.push(format!("the same name twice: {}", listed(&doubled, 4)));
    }
    let blind = vs
        .spec
        .http
        .iter()
        .enumerate()
        .filter(|(_, r)| r.matches.len() > 1 && r.matches.iter().any(|m| m.name.is_empty()));
    let blind: Vec<String> = blind.map(|(i, _)| format!("http[{i}]")).collect();
    if !blind.is_empty() {
        reasons.push(format!("several matches without names: {}", listed(&blind, 4)));
    }
    if !owned(&vs.meta.annotations, &vs.meta.labels) {
        reasons.push("no `owner` or `description`".to_owned());
    }
    if !reasons.is_empty() {
        let hint = "name rules after their intent (`canary`, `stable`), and annotate the owner";
        report.add("O812", (&vs.id, vs.at), "spec.http", reasons.join("; "), hint);
    }
}

fn subsets(subject: &Subject<'_>, dr: &Object<DestinationRule>, report: &mut Report) {
    let mut reasons: Vec<String> = Vec::new();
    let mut versions = FxHashSet::default();
    let host = subject.fqdn(&dr.spec.host, &dr.meta.namespace);
    let service = subject.mesh.service_index.by_hostname(&host).iter().find(|s| s.registry == Registry::Kubernetes);
    for subset in &dr.spec.subsets {
        match VERSION.iter().find_map(|k| subset.labels.get(k)) {
            None => reasons.push(format!("subset `{}` is told apart by no version label", subset.name)),
            Some(version) if version != subset.name && !version.contains(subset.name.as_str()) => {
                reasons.push(format!("subset `{}` is version `{version}`", subset.name));
            }
            Some(version) if !versions.insert(version) => {
                reasons.push(format!("version `{version}` is in two subsets"))
            }
            Some(_) => {}
        }
        let Some(service) = service.filter(|_| subject.has(Input::Pods)) else { continue };
        let pods = subject.pods(&service.namespace, &service.selector.overlaid(&subset.labels));
        let lacks = |keys: &[&str]| pods.iter().any(|p| keys.iter().all(|k| p.meta.labels.get(k).is_none()));
        if lacks(&APP) {
            reasons.push(format!("pods of subset `{}` have no app label", subset.name));
        }
        if lacks(&VERSION) {
            reasons.push(format!("pods of subset `{}` have no version label", subset.name));
        }
    }
    if !owned(&dr.meta.annotations, &dr.meta.labels) {
        reasons.push("no `owner` or `description`".to_owned());
    }
    if !reasons.is_empty() {
        let hint = "label pods with `app` and `version`, call subsets after the version, and annotate the owner";
        report.add("O812", (&dr.id, dr.at), "spec.subsets", reasons.join("; "), hint);
    }
}
