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
    if let Some(surge) = spec.surge {
        return by_pods(spec.replicas, weight, surge);
    }
    let canary = fixed.unwrap_or_else(|| at_least(spec, share(spec.replicas, desired)));
    let weight = if canary == 0 { 0 } else { weight };
    if !spec.dynamic_stable_scale {
        return State { weight, canary, stable: spec.replicas };
    }
    let wanted = share(spec.replicas, 100_u32.saturating_sub(desired));
    let used = share(spec.replicas, 100_u32.saturating_sub(weight));
    State { weight, canary: at_least(spec, canary), stable: at_least(spec, wanted.max(used)) }
}

/// Where nothing routes, the share of the canary is that of its pods: the numbers whose part is nearest to the weight, of so many pods
/// as wanted or, with a surge, of one more. Of two that are as near the first one counts, and none of the versions goes without a pod
/// unless the weight says so.
fn by_pods(replicas: u32, weight: u32, surge: u32) -> State {
    let (up, down) = (share(replicas, weight), share_down(replicas, weight));
    let is_tied = |total: u32| (u64::from(total) * u64::from(weight)) % 100 == 50;
    let may_be_none = weight == 0 || weight >= 100 || (replicas == 1 && surge == 0);
    let may_be_down = down != 0 || may_be_none;
    let more = replicas.saturating_add(1);
    let options = [
        (up < replicas || may_be_none, up, replicas),
        (!is_tied(replicas) && may_be_down, down, replicas),
        (surge > 0, up, more),
        (surge > 0 && !is_tied(more) && may_be_down, down, more),
    ];
    // The distance from the weight, with the other option's total as the common denominator.
    let off = |canary: u32, total: u32| (u64::from(canary) * 100).abs_diff(u64::from(weight) * u64::from(total));
    let mut best = None;
    for (_, canary, total) in options.into_iter().filter(|(is_allowed, ..)| *is_allowed && replicas > 0) {
        let is_nearer = |(best, of): (u32, u32)| {
            u128::from(off(canary, total)) * u128::from(of) < u128::from(off(best, of)) * u128::from(total)
        };
        if best.is_none_or(is_nearer) {
            best = Some((canary, total));
        }
    }
    let (canary, total) = best.unwrap_or((0, replicas));
    State { weight, canary, stable: total.saturating_sub(canary) }
}

fn share_down(replicas: u32, percent: u32) -> u32 {
    u32::try_from(u64::from(replicas) * u64::from(percent) / 100).unwrap_or(u32::MAX)
}

/// So many percent of the pods, rounded up.
pub(super) fn share(replicas: u32, percent: u32) -> u32 {
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
            metadata: [Value::Null, Value::Null],
            surge: None,
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

    /// Without routing, 10 % of ten pods are one of ten, and 15 % two of eleven: docs/features/canary.md. The others are those of the
    /// controller's tests.
    #[test]
    fn without_routing_the_share_is_that_of_the_pods() {
        for (replicas, weight, surge, canary, stable) in [
            (10, 10, 3, 1, 9),
            (10, 15, 3, 2, 9),
            (10, 0, 3, 0, 10),
            (10, 100, 3, 10, 0),
            (10, 5, 0, 1, 9),
            (1, 5, 1, 1, 1),
            (1, 5, 0, 0, 1),
            (1, 95, 1, 1, 1),
            (3, 50, 0, 2, 1),
            (4, 20, 1, 1, 4),
            (0, 50, 1, 0, 0),
        ] {
            assert_eq!(by_pods(replicas, weight, surge), State { weight, canary, stable }, "{weight} % of {replicas}");
        }
    }
}
