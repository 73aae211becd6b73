//! Host patterns and short names (sections 1.1 and 2.4 of the translation rules).

use std::cmp::Ordering;

use smol_str::{SmolStr, format_smolstr};

/// HP-1.
pub(crate) fn is_wildcard(host: &str) -> bool {
    host.starts_with('*')
}

/// HP-3: symmetric overlap of a VirtualService host with a service or import.
pub(crate) fn matches(a: &str, b: &str) -> bool {
    match (a.strip_prefix('*'), b.strip_prefix('*')) {
        (None, None) => a == b,
        (Some(suffix), None) => b.ends_with(suffix),
        (None, Some(suffix)) => a.ends_with(suffix),
        (Some(a), Some(b)) => {
            if a.len() >= b.len() {
                a.ends_with(b)
            } else {
                b.ends_with(a)
            }
        }
    }
}

/// HP-4: everything that `a` denotes is denoted by `b`.
pub(crate) fn is_subset_of(a: &str, b: &str) -> bool {
    match (a.strip_prefix('*'), b.strip_prefix('*')) {
        (None, None) => a == b,
        (Some(_), None) => false,
        (None, Some(suffix)) => a.ends_with(suffix),
        (Some(x), Some(y)) => a.len() >= b.len() && x.ends_with(y),
    }
}

/// HP-5: the more specific host comes first (`Less`).
pub(crate) fn by_specificity(a: &str, b: &str) -> Ordering {
    is_wildcard(a).cmp(&is_wildcard(b)).then_with(|| b.len().cmp(&a.len())).then_with(|| a.cmp(b))
}

/// FQ-1: the full name of `host` written in an object of `namespace`.
pub(crate) fn fqdn(host: &str, namespace: &str, cluster_domain: &str) -> SmolStr {
    if host.is_empty() || host == "*" || host.contains('.') || host.parse::<std::net::IpAddr>().is_ok() {
        SmolStr::new(host)
    } else {
        format_smolstr!("{host}.{namespace}.svc.{cluster_domain}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hp4_star_needs_the_dot_it_was_written_with() {
        assert!(!is_subset_of("foo.com", "*.foo.com"));
        assert!(is_subset_of("foo.com", "*foo.com"));
        assert!(is_subset_of("barfoo.com", "*foo.com"));
        assert!(is_subset_of("anything", "*"));
        assert!(!is_subset_of("*.com", "x.com"));
    }

    #[test]
    fn fq1_only_names_without_a_dot_are_expanded() {
        assert_eq!(fqdn("reviews", "shop", "cluster.local"), "reviews.shop.svc.cluster.local");
        assert_eq!(fqdn("reviews.shop", "shop", "cluster.local"), "reviews.shop");
        assert_eq!(fqdn("::1", "shop", "cluster.local"), "::1");
        assert_eq!(fqdn("*", "shop", "cluster.local"), "*");
    }
}
