//! Where a request ends, as what two runs can agree on.

use crate::envoy::decision::Outcome;
use crate::envoy::table::ClusterName;
use crate::traffic::replay::{Answer, Destination, Prepared, View, answer_status};

/// A cluster, or an answer of the proxy itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Cluster {
        cluster: ClusterName,
        outcome: Outcome,
    },
    Answer {
        outcome: Outcome,
        /// None where no answer is sent: nothing listens.
        status: Option<u16>,
    },
}

impl End {
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            End::Cluster { outcome, .. } | End::Answer { outcome, .. } => *outcome,
        }
    }

    pub(super) fn of_destination(d: &Destination) -> End {
        End::Cluster { cluster: d.cluster.clone(), outcome: d.outcome }
    }

    pub(super) fn of_answer(a: &Answer) -> End {
        End::Answer { outcome: a.outcome, status: a.status }
    }
}

/// The ends of each class's requests with their shares, which add up to 1; in the order of classes.
pub(super) fn of_classes(stream: &Prepared, view: &View) -> Vec<Vec<(End, f64)>> {
    let mut out: Vec<Vec<(End, f64)>> = vec![Vec::new(); stream.classes.len()];
    for leaf in &stream.plan.leaves {
        let class = leaf.class as usize;
        let (Some(ends), Some(decision)) = (out.get_mut(class), stream.decisions.get(class)) else { continue };
        let end = match leaf.cluster.and_then(|c| stream.plan.clusters.get(c as usize)) {
            Some((cluster, _)) => End::Cluster { cluster: cluster.clone(), outcome: leaf.outcome },
            None => End::Answer { outcome: leaf.outcome, status: answer_status(view, decision, leaf.outcome) },
        };
        match ends.iter_mut().find(|(known, _)| *known == end) {
            Some((_, share)) => *share += leaf.share,
            None => ends.push((end, leaf.share)),
        }
    }
    for ends in &mut out {
        let whole: f64 = ends.iter().map(|(_, share)| share).sum();
        ends.iter_mut().for_each(|(_, share)| *share /= whole);
    }
    out
}

/// Outcomes that may come without a cluster and are no answer of a route: unmatched requests, and those that the outbound
/// policy keeps in.
pub(super) const WITHOUT_CLUSTER: [Outcome; 4] =
    [Outcome::NoRoute, Outcome::NoListener, Outcome::BadRequest, Outcome::BlackholeCluster];
