//! Retry policies (RE-1, RE-2).

use std::sync::Arc;

use smol_str::SmolStr;

use crate::envoy::table::RetryPolicy;
use crate::istio::translate::Context;
use crate::manifest::kinds::HttpRetry;

const DEFAULT_RETRY_ON: &str = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";
const STATUS_CODES: &str = "retriable-status-codes";

/// The policy of a route whose rule says nothing of retries: the mesh's, which is one for all.
pub(crate) fn of_mesh(cx: &Context<'_>, hashed: bool) -> Option<Arc<RetryPolicy>> {
    let made = || policy(cx.mesh.config.default_http_retry_policy.as_ref(), hashed).map(Arc::new);
    let [plain, of_hashed] = &cx.parts.retries;
    (if hashed { of_hashed } else { plain }).get_or_init(made).clone()
}

/// The policy of a route: `written` is that of the rule, else that of the mesh, None for the built-in default. `hashed`: the
/// route has one destination, with a consistent hash, which a retry on another host would break. None: no retries.
pub(crate) fn policy(written: Option<&HttpRetry>, hashed: bool) -> Option<RetryPolicy> {
    let mut policy = RetryPolicy {
        retry_on: SmolStr::new_static(DEFAULT_RETRY_ON),
        num_retries: 2,
        per_try_timeout: None,
        retriable_status_codes: Vec::new(),
        previous_hosts: !hashed,
        previous_priorities: false,
        base_interval: None,
    };
    let Some(written) = written else { return Some(policy) };
    policy.num_retries = u32::try_from(written.attempts).ok().filter(|attempts| *attempts > 0)?;
    policy.per_try_timeout = written.per_try_timeout;
    if !written.retry_on.is_empty() {
        (policy.retry_on, policy.retriable_status_codes) = retry_on(&written.retry_on);
    }
    policy.previous_hosts = written.retry_ignore_previous_hosts.unwrap_or(policy.previous_hosts);
    policy.previous_priorities = written.retry_remote_localities == Some(true);
    policy.base_interval = written.backoff;
    Some(policy)
}

/// RE-2: conditions, and the status codes that were written among them.
fn retry_on(written: &str) -> (SmolStr, Vec<u32>) {
    let mut conditions = String::new();
    let mut codes = Vec::new();
    for token in written.split(',').map(str::trim).filter(|token| !token.is_empty()) {
        match token.parse().ok().filter(|code| is_status(*code)) {
            Some(code) => codes.push(code),
            None => {
                if !conditions.is_empty() {
                    conditions.push(',');
                }
                conditions.push_str(token);
            }
        }
    }
    if !codes.is_empty() && !conditions.contains(STATUS_CODES) {
        conditions.push(',');
        conditions.push_str(STATUS_CODES);
    }
    (conditions.into(), codes)
}

/// The codes that Go's `net/http` has a reason phrase for.
fn is_status(code: u32) -> bool {
    matches!(code, 100..=103 | 200..=208 | 226 | 300..=305 | 307 | 308 | 400..=418 | 421..=426 | 428 | 429 | 431 | 451
        | 500..=508 | 510 | 511)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(attempts: i32, retry_on: &str) -> HttpRetry {
        HttpRetry { attempts, retry_on: retry_on.into(), ..HttpRetry::default() }
    }

    #[test]
    fn re1_built_in_default() {
        let policy = policy(None, false).expect("default policy");
        assert_eq!((policy.num_retries, policy.previous_hosts), (2, true));
        assert_eq!(policy.retry_on, DEFAULT_RETRY_ON);
    }

    #[test]
    fn re2_no_attempts_means_no_policy() {
        assert_eq!(policy(Some(&HttpRetry::default()), false), None);
        assert_eq!(policy(Some(&written(-1, "5xx")), false), None);
    }

    #[test]
    fn re2_codes_are_parted_from_conditions() {
        for (text, conditions, codes) in [
            ("5xx,503,gateway-error,429", "5xx,gateway-error,retriable-status-codes", vec![503, 429]),
            ("503", ",retriable-status-codes", vec![503]),
            (" 5xx , ,", "5xx", vec![]),
            ("599,306", "599,306", vec![]),
            ("retriable-status-codes,503", "retriable-status-codes", vec![503]),
        ] {
            assert_eq!(retry_on(text), (conditions.into(), codes), "{text}");
        }
    }

    #[test]
    fn re2_previous_hosts_follows_the_hash_unless_said() {
        let mut retry = written(1, "");
        assert!(!policy(Some(&retry), true).expect("policy").previous_hosts);
        retry.retry_ignore_previous_hosts = Some(true);
        assert!(policy(Some(&retry), true).expect("policy").previous_hosts);
    }
}
