//! How long the proxy waits before it tries again (PA-22).

use crate::envoy::table::RetryPolicy;

/// Envoy's base where the policy has none, in milliseconds.
const BASE: u32 = 25;

/// More retries than this are not followed: nobody waits for them.
const RETRIES_MAX: u32 = 100;

/// How many retries a request may have.
pub(super) fn retries(policy: &RetryPolicy) -> u32 {
    policy.num_retries.min(RETRIES_MAX)
}

/// For each retry, the first one first: the wait is a whole number of milliseconds from 0 up to below this.
pub(super) fn caps(policy: &RetryPolicy) -> impl Iterator<Item = u32> + use<> {
    let base = policy.base_interval.map_or(BASE, |base| u32::try_from(base.0 / 1_000_000).unwrap_or(u32::MAX).max(1));
    let max = base.saturating_mul(10);
    // It doubles while twice of it is below the largest one, and then is that.
    std::iter::successors(Some(base), move |cap| Some(if *cap < max / 2 { cap * 2 } else { max }))
        .take(retries(policy) as usize)
}

/// Mean of a wait below a cap.
pub(super) fn mean_ms(cap: u32) -> f64 {
    f64::from(cap.saturating_sub(1)) / 2.0
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::manifest::kinds::Nanos;

    pub(in crate::analysis::policy) fn policy(num_retries: u32, base_ms: Option<i64>) -> RetryPolicy {
        RetryPolicy {
            retry_on: "5xx".into(),
            num_retries,
            per_try_timeout: None,
            retriable_status_codes: Vec::new(),
            previous_hosts: true,
            previous_priorities: false,
            base_interval: base_ms.map(|ms| Nanos(ms * 1_000_000)),
        }
    }

    #[test]
    fn pa22_waits_double_up_to_ten_times_the_base() {
        assert_eq!(caps(&policy(6, None)).collect::<Vec<_>>(), [25, 50, 100, 200, 250, 250]);
        assert_eq!(caps(&policy(6, Some(10))).collect::<Vec<_>>(), [10, 20, 40, 80, 100, 100]);
        let sums: Vec<f64> = (1..=4).map(|m| caps(&policy(m, None)).map(mean_ms).sum()).collect();
        assert_eq!(sums, [12.0, 36.5, 86.0, 185.5]);
        let longest: Vec<u32> = (1..=4).map(|m| caps(&policy(m, None)).map(|c| c - 1).sum()).collect();
        assert_eq!(longest, [24, 73, 172, 371]);
    }
}
