//! Which namespaces Istiod sees: `meshConfig.discoverySelectors` (EX-7).

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::{Kind, LabelExpression, LabelOperator, LabelSelector, Labels, Manifests};
use crate::order::Ordered as _;

/// The label that Kubernetes puts on every namespace: its name.
const NAME: &str = "kubernetes.io/metadata.name";

/// Namespaces that a finding names.
const NAMED_MAX: usize = 4;

/// Takes out what Istiod doesn't see, and says so. Pods and workloads stay: they are clients all the same, and no service that is
/// seen leads to them.
pub(super) fn leave_out_unseen(manifests: &mut Manifests) -> Vec<Finding> {
    let selectors = manifests.mesh_config.discovery_selectors.clone();
    if selectors.is_empty() {
        return Vec::new();
    }
    let known: BTreeMap<SmolStr, Labels> =
        manifests.namespaces.iter().map(|n| (n.meta.name.clone(), n.meta.labels.clone())).into_map();
    let mut unseen: BTreeMap<SmolStr, usize> = BTreeMap::new();
    let mut unknown: BTreeSet<SmolStr> = BTreeSet::new();
    manifests.retain(|id, _| {
        if !is_read(&id.kind) {
            return true;
        }
        match sees(&selectors, &id.namespace, known.get(&id.namespace)) {
            Some(true) => true,
            Some(false) => {
                *unseen.entry(id.namespace.clone()).or_default() += 1;
                false
            }
            None => {
                unknown.insert(id.namespace.clone());
                true
            }
        }
    });
    let mut findings = Vec::new();
    let objects: usize = unseen.values().sum();
    if objects > 0 {
        let object = if objects == 1 { "object" } else { "objects" };
        let message = format!(
            "`discoverySelectors` hide {objects} {object} from Istiod: {}",
            listed(&unseen.into_keys().collect::<Vec<_>>())
        );
        let hint = "label these namespaces, if their objects are to count";
        findings.push(Finding::new("load", Severity::Warning, message).hint(hint));
    }
    if !unknown.is_empty() {
        let message = format!(
            "whether `discoverySelectors` select {} is not known, for their labels are not given: taken to be selected",
            listed(&unknown.into_iter().collect::<Vec<_>>())
        );
        let hint = "give the Namespace objects too";
        findings.push(Finding::new("load", Severity::Warning, message).hint(hint));
    }
    findings
}

/// Whether Istiod reads objects of this kind by namespace; clients come to it, and what has no namespace is always seen.
fn is_read(kind: &Kind) -> bool {
    match kind {
        Kind::Service | Kind::Endpoints | Kind::EndpointSlice => true,
        Kind::Other(kind) => kind != "Secret",
        kind => kind.is_istio(),
    }
}

/// None: that depends on labels which are not given.
fn sees(selectors: &[LabelSelector], namespace: &str, labels: Option<&Labels>) -> Option<bool> {
    let all: Vec<Option<bool>> = selectors.iter().map(|selector| selects(selector, namespace, labels)).collect();
    // One that fits is enough.
    if all.contains(&Some(true)) { Some(true) } else { all.into_iter().collect::<Option<Vec<_>>>().map(|_| false) }
}

fn selects(selector: &LabelSelector, namespace: &str, labels: Option<&Labels>) -> Option<bool> {
    let value = |key: &str| match (labels.and_then(|l| l.get(key)), labels) {
        (Some(value), _) => Some(Some(value)),
        (None, _) if key == NAME => Some(Some(namespace)),
        (None, Some(_)) => Some(None),
        (None, None) => None,
    };
    let pairs = selector.labels.iter().map(|(key, wanted)| value(key).map(|v| v == Some(wanted.as_str())));
    let expressions = selector.expressions.iter().map(|e| value(&e.key).map(|v| holds(e, v)));
    let all: Vec<Option<bool>> = pairs.chain(expressions).collect();
    // One that fails is enough.
    if all.contains(&Some(false)) { Some(false) } else { all.into_iter().collect::<Option<Vec<_>>>().map(|_| true) }
}

fn holds(expression: &LabelExpression, value: Option<&str>) -> bool {
    let is_among = value.is_some_and(|value| expression.values.iter().any(|wanted| wanted == value));
    match expression.operator {
        LabelOperator::In => is_among,
        LabelOperator::NotIn => !is_among,
        LabelOperator::Exists => value.is_some(),
        LabelOperator::DoesNotExist => value.is_none(),
    }
}

fn listed(namespaces: &[SmolStr]) -> String {
    let named: Vec<String> = namespaces.iter().take(NAMED_MAX).map(|n| format!("`{n}`")).collect();
    let word = if namespaces.len() == 1 { "namespace" } else { "namespaces" };
    match namespaces.len().saturating_sub(NAMED_MAX) {
        0 => format!("{word} {}", named.join(", ")),
        more => format!("{word} {} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::workspace::{Inputs, Options, open, review};

    const MESH: &str = "apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {mesh: 'on', stage: test}}
---
apiVersion: v1
kind: Namespace
metadata: {name: old}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: old}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: far}
spec: {ports: [{name: http, port: 80}]}
";

    /// The namespaces of the services that are seen, and what is said.
    fn seen(selectors: &str) -> (Vec<String>, Vec<String>) {
        let config = format!(
            "---\napiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {{name: i}}\nspec: {{meshConfig: {{discoverySelectors: {selectors}}}}}\n"
        );
        let inputs = || Inputs::of_texts([("mesh.yaml", format!("{MESH}{config}"))]);
        let options = Options::usual("default");
        let workspace = open(inputs(), &options).expect("a mesh");
        let of = |all: &mut dyn Iterator<Item = &SmolStr>| all.map(ToString::to_string).into_set();
        let namespaces = of(&mut workspace.mesh.services.iter().map(|s| &s.namespace));
        let reviewed = review(inputs(), &options);
        assert_eq!(
            of(&mut reviewed.manifests.services.iter().map(|s| &s.meta.namespace)),
            namespaces,
            "check sees the same"
        );
        let told = |findings: &[Finding]| findings.iter().map(|f| f.message.clone()).collect::<Vec<_>>();
        assert_eq!(told(&reviewed.findings), told(&workspace.findings));
        (namespaces.into_iter().collect(), told(&workspace.findings))
    }

    #[test]
    fn ex7_namespaces_are_seen_that_fit_one_selector() {
        let (all, silent) = seen("[]");
        assert_eq!((all.len(), silent.len()), (3, 0));
        let (namespaces, told) =
            seen("[{matchLabels: {mesh: 'on'}}, {matchLabels: {kubernetes.io/metadata.name: far}}]");
        assert_eq!(namespaces, ["far", "shop"]);
        assert_eq!(told, ["`discoverySelectors` hide 1 object from Istiod: namespace `old`"]);
        let (namespaces, _) =
            seen("[{matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [old, far]}]}]");
        assert_eq!(namespaces, ["shop"]);
        let (namespaces, _) = seen(
            "[{matchExpressions: [{key: stage, operator: In, values: [test, prod]}, {key: mesh, operator: Exists}]}, {}]",
        );
        assert_eq!(namespaces.len(), 3, "an empty selector fits all");
    }

    #[test]
    fn ex7_labels_that_are_not_given_are_no_reason_to_hide() {
        let (namespaces, told) = seen("[{matchLabels: {mesh: 'on'}}]");
        assert_eq!(namespaces, ["far", "shop"]);
        assert!(told.iter().any(|t| t.contains("namespace `far` is not known")), "{told:?}");
        // A selector that Kubernetes would refuse leaves all of them without effect.
        let (namespaces, _) = seen("[{matchExpressions: [{key: mesh, operator: Is, values: ['on']}]}]");
        assert_eq!(namespaces.len(), 3);
    }
}
