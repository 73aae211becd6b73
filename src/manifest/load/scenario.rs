//! Pods that a scenario lists.

use smol_str::SmolStr;

use super::PODS_MAX;
use crate::manifest::kinds::{Kind, Labels, Manifests, Object, ObjectId, ObjectMeta, Pod};
use crate::manifest::source::Position;

/// One entry of a scenario's `pods`.
#[derive(Debug, Clone, Default)]
pub(crate) struct ScenarioPods {
    pub name: SmolStr,
    pub namespace: SmolStr,
    pub labels: Labels,
    /// How many pods, at most [`PODS_MAX`]: more are refused where scenarios are read. Without it there is one, which is called as the entry is.
    pub count: Option<u32>,
    /// The Ready condition; None: not said, which counts as ready.
    pub ready: Option<bool>,
    pub at: Position,
}

/// Adds the pods that the entries stand for: `NAME-0` to `NAME-(count-1)`, or `NAME` alone where no count is given.
pub(crate) fn add_scenario_pods(manifests: &mut Manifests, entries: &[ScenarioPods]) {
    for entry in entries {
        match entry.count {
            None => manifests.pods.push(pod(entry, entry.name.clone())),
            Some(count) => {
                let names = (0..count.min(PODS_MAX)).map(|number| SmolStr::new(format!("{}-{number}", entry.name)));
                manifests.pods.extend(names.map(|name| pod(entry, name)));
            }
        }
    }
}

fn pod(entry: &ScenarioPods, name: SmolStr) -> Object<Pod> {
    let id = ObjectId::new(Kind::ScenarioPod, entry.namespace.clone(), name.clone());
    let meta =
        ObjectMeta { name, namespace: entry.namespace.clone(), labels: entry.labels.clone(), ..ObjectMeta::default() };
    Object { id, meta, at: entry.at, spec: Pod { ready: entry.ready, ..Pod::default() } }
}
