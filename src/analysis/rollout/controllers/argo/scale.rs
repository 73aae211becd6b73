//! How many pods the versions have at a step, and what share of the traffic the new one gets.

use super::spec::{Scale, Spec, What};

/// Traffic and pods of the two versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// Percent of the traffic that goes to the canary.
    pub(super) weight: u32,
    /// Pods of the new version.
    pub(super) canary: u32,
    /// Pods of the old version.
    pub(super) stable: u32,
}

/// While the step at `index` is the current one, its pods ready.
///
/// The weight is that of the last `setWeight`. The canary has its share of the pods, rounded up, unless a `setCanaryScale` says
/// otherwise; without pods it gets no traffic. The stable version keeps all its pods, but with `dynamicStableScale` as many as its
/// own share needs, and never fewer than the traffic that it gets.
pub(super) fn at(spec: &Spec, index: usize) -> State {
    let so_far = || spec.actions.iter().take(index + 1).rev();
    let set_weight = |what: &What| if let What::SetWeight(weight) = what { Some(*weight) } else { None };
    let set_scale = |what: &What| if let What::SetCanaryScale(scale) = what { Some(*scale) } else { None };
    let weight = so_far().find_map(|action| set_weight(&action.what)).unwrap_or(0);
    let (fixed, desired) = match so_far().find_map(|action| set_scale(&action.what)) {
        Some(Scale::Replicas(replicas)) => (Some(replicas), 0),
        Some(Scale::Weight(weight)) => (None, weight),
        Some(Scale::MatchTrafficWeight) | None => (None, weight),
    };
    of(spec, weight, fixed, desired)
}

/// When all steps are done.
pub(super) fn done(spec: &Spec) -> State {
    of(spec, 100, None, 100)
}

fn of(spec: &Spec, weight: u32, fixed: Option<u32>, desired: u32) -> State {
    let canary = fixed.unwrap_or_else(|| at_least(spec, share(spec.replicas, desired)));
    let weight = if canary == 0 { 0 } else { weight };
    if !spec.dynamic_stable_scale {
        return State { weight, canary, stable: spec.replicas };
    }
    let wanted = share(spec.replicas, 100_u32.saturating_sub(desired));
    let used = share(spec.replicas, 100_u32.saturating_sub(weight));
    State { weight, canary: at_least(spec, canary), stable: at_least(spec, wanted.max(used)) }
}

/// So many percent of the pods, rounded up.
fn share(replicas: u32, percent: u32) -> u32 {
    let pods = (u64::from(replicas) * u64::from(percent)).div_ceil(100);
    u32::try_from(pods).unwrap_or(u32::MAX)
}

/// `minPodsPerReplicaSet` holds for versions that have pods at all.
fn at_least(spec: &Spec, pods: u32) -> u32 {
    if pods == 0 { 0 } else { pods.max(spec.min_pods) }
}

#[cfg(test)]
mod tests {
    use serde_yaml::Value;

    use super::super::spec::{Action, NamedVirtualService};
    use super::*;

    fn spec(replicas: u32, dynamic_stable_scale: bool, actions: &[What]) -> Spec {
        let action = |what: &What| Action { path: String::new(), what: what.clone() };
        Spec {
            replicas,
            canary_service: None,
            stable_service: None,
            virtual_services: Vec::<NamedVirtualService>::new(),
            subsets: None,
            managed_routes: Vec::new(),
            dynamic_stable_scale,
            min_pods: 1,
            scale_down_delay: 30,
            canary_metadata: Value::Null,
            stable_metadata: Value::Null,
            actions: actions.iter().map(action).collect(),
        }
    }

    /// The counts that the tests of the controller state for canaries with traffic routing, utils/replicaset/canary_test.go.
    #[test]
    fn pods_are_those_of_the_controllers_own_tests() {
        let last = |spec: &Spec| at(spec, spec.actions.len() - 1);
        let state = |weight, canary, stable| State { weight, canary, stable };
        let cases = [
            (spec(10, false, &[What::SetWeight(10)]), state(10, 1, 10)),
            (spec(10, false, &[What::SetWeight(5)]), state(5, 1, 10)),
            (spec(4, false, &[What::SetWeight(25)]), state(25, 1, 4)),
            (spec(1, false, &[What::SetWeight(95)]), state(95, 1, 1)),
            (spec(10, true, &[What::SetWeight(40)]), state(40, 4, 6)),
            (spec(10, true, &[What::SetWeight(99)]), state(99, 10, 1)),
            (spec(10, true, &[What::SetWeight(100)]), state(100, 10, 0)),
            (spec(0, false, &[What::SetWeight(50)]), state(0, 0, 0)),
            (spec(4, false, &[What::SetCanaryScale(Scale::Weight(50))]), state(0, 2, 4)),
            (spec(4, false, &[What::SetCanaryScale(Scale::Replicas(9)), What::SetWeight(10)]), state(10, 9, 4)),
            (spec(10, true, &[What::SetCanaryScale(Scale::Replicas(5)), What::SetWeight(80)]), state(80, 5, 10)),
            (
                spec(
                    10,
                    false,
                    &[
                        What::SetCanaryScale(Scale::Replicas(9)),
                        What::SetWeight(20),
                        What::SetCanaryScale(Scale::MatchTrafficWeight),
                    ],
                ),
                state(20, 2, 10),
            ),
        ];
        for (spec, wanted) in cases {
            assert_eq!(last(&spec), wanted, "{spec:?}");
        }
        assert_eq!(done(&spec(10, false, &[])), state(100, 10, 10));
        assert_eq!(done(&spec(10, true, &[])), state(100, 10, 0));
    }
}
