//! Names for documents that have none, as those of articles often are.

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::{SmolStr, format_smolstr};

use super::Loaded;
use crate::manifest::kinds::Kind;
use crate::manifest::source::Position;

/// Names by the place of the object.
#[derive(Debug, Default)]
pub(super) struct Names(FxHashMap<Position, SmolStr>);

impl Names {
    /// `virtualservice-1`, `virtualservice-2` and so on, in input order, without those that are taken.
    pub(super) fn given(loaded: &Loaded) -> Names {
        let taken: FxHashSet<(&Kind, &SmolStr)> =
            loaded.manifests.objects().map(|o| (&o.id.kind, &o.id.name)).collect();
        let mut numbers: FxHashMap<&Kind, usize> = FxHashMap::default();
        let mut names = FxHashMap::default();
        for (kind, at) in &loaded.unnamed {
            let number = numbers.entry(kind).or_default();
            let name = loop {
                *number += 1;
                let name = format_smolstr!("{}-{number}", kind.as_str().to_lowercase());
                if !taken.contains(&(kind, &name)) {
                    break name;
                }
            };
            names.insert(*at, name);
        }
        Names(names)
    }

    pub(super) fn of(&self, at: Position) -> Option<&SmolStr> {
        self.0.get(&at)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

/// Whether an object of the kind can go by any name. The name of a Service is its host, that of a Namespace what the others refer
/// to: made up, it would say something.
pub(super) fn may_be_any(kind: &Kind) -> bool {
    !matches!(
        kind,
        Kind::Service | Kind::Namespace | Kind::Endpoints | Kind::ConfigMap | Kind::ScenarioPod | Kind::Other(_)
    )
}
