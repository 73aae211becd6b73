//! Rollouts of Argo Rollouts and Canaries of Flagger, as the steps that their controllers would go.
//!
//! A controller edits objects that exist (weights of VirtualServices, labels of subsets, selectors of Services) or makes them,
//! and gives each version its pods. Each state on its way is written out here as the whole objects that are otherwise than in
//! the manifests; whoever rehearses them needs no knowledge of controllers. What a controller decides by looking at the cluster
//! (metrics, webhooks, experiments) is taken to go well, and said among what is not evaluated.
//!
//! What the controllers do is described in docs/rollout-objects.md.

mod argo;
mod described;
mod flagger;
mod inputs;
#[cfg(test)]
mod tests;
mod written;

use crate::manifest::diagnostic::Finding;
use crate::manifest::kinds::{Kind, Manifests};
use crate::manifest::source::{Position, SourceMap};

use super::Rollout;
use described::Described;
use inputs::Inputs;

/// Id of findings about descriptions of rollouts.
const ID: &str = "rollout";

/// The rollouts that Argo's Rollouts and Flagger's Canaries among the manifests describe, in input order, and what is wrong
/// with them or with the objects they name. A description that its controller would refuse has findings and no rollout.
///
/// `manifests` are those of the texts of `sources`, and `told` is what was found about them: of an object that is named and that
/// Istio refused, it is said that it isn't there for that.
pub(crate) fn rollouts(sources: &SourceMap, manifests: &Manifests, told: &[Finding]) -> (Vec<Rollout>, Vec<Finding>) {
    let argo = manifests.workloads.iter().filter(|w| w.id.kind == Kind::Rollout).map(|w| (w.at, &w.id));
    let mut all: Vec<(Position, _)> = argo.chain(manifests.canaries.iter().map(|c| (c.at, &c.id))).collect();
    all.sort_by_key(|(at, _)| *at);
    let mut inputs = Inputs::new(sources, manifests, told);
    let mut out: Vec<Rollout> = Vec::new();
    for (at, id) in all {
        // Of an object that is given twice the last one counts, as with all others.
        let Some(root) = inputs.object(at).filter(|_| inputs.is_last(id, at)) else { continue };
        let described = Described { id: id.clone(), at, root };
        out.extend(match id.kind {
            Kind::Rollout => argo::rollout(&described, &mut inputs),
            _ => flagger::rollout(&described, &mut inputs),
        });
    }
    (out, inputs.findings)
}
