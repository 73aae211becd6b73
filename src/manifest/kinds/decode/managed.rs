//! What a Rollout of Argo Rollouts and a Canary of Flagger name: the objects that their controllers write.

use smol_str::SmolStr;

use super::{given, list, text};
use crate::manifest::kinds::{CompletedSubsets, Managed, services_of_canary, virtual_service_named};
use crate::manifest::yaml::Node;

/// Reads `spec.strategy` of a Rollout of the namespace.
pub(super) fn by_rollout(strategy: &Node<'_>, namespace: &SmolStr) -> Managed {
    let at = |path: &[&str]| path.iter().try_fold(strategy, |node, key| given(node, key));
    let services = [
        ["canary", "canaryService"],
        ["canary", "stableService"],
        ["blueGreen", "activeService"],
        ["blueGreen", "previewService"],
    ];
    let services = services.iter().filter_map(|path| at(path)).map(text).collect();
    let Some(istio) = at(&["canary", "trafficRouting", "istio"]) else {
        return Managed { services, ..Managed::default() };
    };
    let several = given(istio, "virtualServices").map(|all| list(all, |one| one)).unwrap_or_default();
    let names = given(istio, "virtualService").into_iter().chain(several).filter_map(|one| given(one, "name"));
    let virtual_services = names.map(|name| virtual_service_named(&text(name), namespace));
    let subsets = given(istio, "destinationRule").and_then(|rule| {
        let names = ["canarySubsetName", "stableSubsetName"].iter().filter_map(|key| given(rule, key)).map(text);
        Some(CompletedSubsets { destination_rule: given(rule, "name").map(text)?, names: names.collect() })
    });
    Managed { virtual_services: virtual_services.collect(), subsets, services, makes_services: false }
}

/// Reads the `spec` of a Canary of the namespace. Other meshes than Istio get no VirtualService.
pub(crate) fn canary(spec: &Node<'_>, namespace: &SmolStr) -> Managed {
    let name = |block: &str| given(spec, block).and_then(|node| given(node, "name")).map(text);
    let Some(apex) = name("service").or_else(|| name("targetRef")) else { return Managed::default() };
    let is_istio = given(spec, "provider").map(text).is_none_or(|provider| provider == "istio");
    let services = services_of_canary(&apex).into();
    let virtual_services = if is_istio { vec![(namespace.clone(), apex)] } else { Vec::new() };
    Managed { virtual_services, subsets: None, services, makes_services: true }
}
