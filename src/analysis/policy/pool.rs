//! The pods behind one cluster of a table, with what is supposed of them: what the laws and the event model work on.

use super::assumptions::Assumptions;
use super::attempt::{Behaviour, Ending};
use super::end::End;
use super::law::Class;
use crate::envoy::cluster_state::{ClusterState, Consistent, endpoint_shares, priority_loads};
use crate::envoy::table::{Cluster, ClusterName, Endpoint, LbPolicy, RouteTable};
use crate::traffic::scenario::FailureKind;

/// What requests to a cluster meet.
#[derive(Debug)]
pub(super) enum Found<'t> {
    /// No attempt is made: the request ends so, with this attempt count in Envoy's log (PA-3).
    Lost(End, u32),
    Pool(Pool<'t>),
}

/// Pods that attempts can go to.
#[derive(Debug)]
pub(super) struct Pool<'t> {
    /// None: a host outside of the mesh, as dialled.
    pub cluster: Option<&'t Cluster>,
    /// At least one.
    pub pods: Vec<Pod<'t>>,
    /// Where a hash chooses the pod. Of several priorities none, since each has a ring of its own.
    pub hashing: Option<Consistent>,
}

/// One pod, or what stands for the unlisted endpoints of a host.
#[derive(Debug)]
pub(super) struct Pod<'t> {
    /// `NAMESPACE/POD:PORT` or `ADDRESS:PORT`; None: nobody lists it.
    pub name: Option<String>,
    pub endpoint: Option<&'t Endpoint>,
    /// Share of picks; those of all pods add up to 1.
    pub share: f64,
    pub behaviour: Behaviour,
}

impl<'t> Found<'t> {
    pub(super) fn of(table: &'t RouteTable, name: &ClusterName, assumptions: &Assumptions) -> Found<'t> {
        let unlisted = |cluster| {
            let behaviour = assumptions.behaviour(name, None);
            let pod = Pod { name: None, endpoint: None, share: 1.0, behaviour };
            Found::Pool(Pool { cluster, pods: vec![pod], hashing: None })
        };
        let cluster = match ClusterState::of(table, name) {
            ClusterState::KeptIn => return Found::Lost(End::kept_in(), 1),
            ClusterState::Missing(_) => return Found::Lost(End::no_cluster(), 0),
            ClusterState::Empty(..) => return Found::Lost(End::no_pods(), 1),
            // Whether it delivers is unknown: what is assumed of pods holds where it does.
            ClusterState::LetOut | ClusterState::Unknown => return unlisted(None),
            ClusterState::AsDialled(cluster) => return unlisted(Some(cluster)),
            ClusterState::Ready(cluster, _) => cluster,
        };
        let mut pods = Vec::new();
        let loads = priority_loads(cluster);
        let mut hashing = None;
        for load in &loads {
            let members: Vec<&Endpoint> = cluster.endpoints.iter().filter(|e| load.takes(e)).collect();
            let consistent = Consistent::new(cluster.lb, &members);
            let shares = consistent.as_ref().map_or_else(|| endpoint_shares(cluster, &members), Consistent::shares);
            let part = crate::traffic::stats::as_f64(load.percent) / 100.0;
            pods.extend(members.iter().zip(shares).map(|(endpoint, share)| Pod {
                name: (!endpoint.assumed).then(|| endpoint.to_string()),
                endpoint: Some(endpoint),
                share: share * part,
                behaviour: assumptions.behaviour(name, Some(endpoint)),
            }));
            hashing = consistent.filter(|_| loads.len() == 1);
        }
        Found::Pool(Pool { cluster: Some(cluster), pods, hashing })
    }
}

impl Pool<'_> {
    /// The pods in classes of equal ones, and the class of each pod.
    pub(super) fn classes(&self, per_try_ms: Option<f64>) -> (Vec<Class>, Vec<usize>) {
        let mut kinds: Vec<(&Behaviour, f64)> = Vec::new();
        let mut classes: Vec<Class> = Vec::new();
        let mut class_of = Vec::with_capacity(self.pods.len());
        for pod in &self.pods {
            let same = kinds.iter().position(|(b, share)| *b == &pod.behaviour && *share == pod.share);
            let class = same.unwrap_or_else(|| {
                kinds.push((&pod.behaviour, pod.share));
                let endings: Vec<Ending> = pod.behaviour.endings(per_try_ms);
                classes.push(Class { pods: 0, share: pod.share, endings, sticky: pod.behaviour.sticky });
                classes.len() - 1
            });
            if let Some(class) = classes.get_mut(class) {
                class.pods += 1;
            }
            class_of.push(class);
        }
        (classes, class_of)
    }

    /// Whether an attempt can fail.
    pub(super) fn fails(&self) -> bool {
        self.pods.iter().any(|p| p.behaviour.failures.iter().any(|f| f.share > 0.0 && f.kind != FailureKind::Slow))
    }

    pub(super) fn lb(&self) -> LbPolicy {
        self.cluster.map_or(LbPolicy::ClusterProvided, |c| c.lb)
    }

    /// Whether an attempt takes the same time everywhere, whether it succeeds or fails: then live counts of requests tell
    /// nothing about pods (PA-16).
    pub(super) fn is_even(&self, per_try_ms: Option<f64>) -> bool {
        let mut times = self.pods.iter().flat_map(|p| p.behaviour.endings(per_try_ms)).map(|e| (e.ms, e.waits));
        let first = times.next();
        times.all(|time| Some(time) == first)
    }
}
