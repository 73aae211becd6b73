//! Flags of Istiod, which are variables of its environment.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::Release;
use super::differences::rows;

/// Variables that are set. Only those that are known, and that change something here, are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    by_name: BTreeMap<&'static str, bool>,
    cluster_name: Option<SmolStr>,
}

/// Why a variable of Istiod's environment changes nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnknownFlag {
    #[error("`{name}` is no flag of Istio {release} that bears on routing{}", nearest.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    Unknown { name: String, release: Release, nearest: Option<&'static str> },
    #[error("`{name}` has another value than its default, which is not modelled; the default `{default}` is taken")]
    NotModelled { name: &'static str, default: bool },
    #[error("`{name}` is `{value}`, which is neither `true` nor `false`")]
    Value { name: String, value: String },
}

/// Flags that bear on routing and are not modelled, with their defaults (section 15.1 of the translation rules).
const NOT_MODELLED: [(&str, bool); 22] = [
    ("DISABLE_SHADOW_HOST_SUFFIX", true),
    ("ENABLE_ENHANCED_DESTINATIONRULE_MERGE", true),
    ("ENABLE_LOCALITY_WEIGHTED_LB_CONFIG", false),
    ("ENABLE_WILDCARD_HOST_SERVICE_ENTRIES_FOR_TLS", false),
    ("ISTIO_DUAL_STACK", false),
    ("PILOT_ALLOW_SIDECAR_SERVICE_INBOUND_LISTENER_MERGE", false),
    ("PILOT_ENABLE_ABSOLUTE_FQDN_VHOST_DOMAIN", true),
    ("PILOT_ENABLE_AMBIENT", false),
    ("PILOT_ENABLE_EDS_FOR_HEADLESS_SERVICES", false),
    ("PILOT_ENABLE_HEADLESS_FILTER_CHAIN_LISTENER", false),
    ("PILOT_ENABLE_IP_AUTOALLOCATE", true),
    ("PILOT_ENABLE_K8S_SELECT_WORKLOAD_ENTRIES", true),
    ("PILOT_ENABLE_MONGO_FILTER", true),
    ("PILOT_ENABLE_MYSQL_FILTER", false),
    ("PILOT_ENABLE_PERSISTENT_SESSION_FILTER", false),
    ("PILOT_ENABLE_QUIC_LISTENERS", false),
    ("PILOT_ENABLE_REDIS_FILTER", false),
    ("PILOT_ENABLE_ROUTE_COLLAPSE_OPTIMIZATION", true),
    ("PILOT_ENABLE_SERVICEENTRY_SELECT_PODS", true),
    ("PILOT_FILTER_GATEWAY_CLUSTER_CONFIG", false),
    ("PILOT_SCOPE_GATEWAY_TO_NAMESPACE", false),
    ("PILOT_UNIFIED_SIDECAR_SCOPE", true),
];

/// Flags that are known and change nothing that is modelled, whatever they say.
const WITHOUT_EFFECT: [&str; 4] = [
    "DISABLE_TRACK_REMAINING_CB_METRICS",
    "PILOT_ALLOW_ANY_DYNAMIC_DNS_MAX_HOSTS",
    "PILOT_ENABLE_STRICT_GATEWAY_MERGING",
    "PREFER_DESTINATIONRULE_TLS_FOR_EXTERNAL_SERVICES",
];

/// The name of the cluster that Istiod is in, as its registry and the labels of workloads have it (EP-2).
const CLUSTER_ID: &str = "CLUSTER_ID";

/// A flag beside the table of differences.
const SEND_UNHEALTHY: &str = "PILOT_SEND_UNHEALTHY_ENDPOINTS";

impl Flags {
    /// The flag, where it is set.
    pub(super) fn get(&self, name: &str) -> Option<bool> {
        self.by_name.get(name).copied()
    }

    /// The name of Istiod's cluster, where it is set.
    pub(crate) fn cluster_name(&self) -> Option<&SmolStr> {
        self.cluster_name.as_ref()
    }

    /// Sets a flag of `release` as its environment says it. A flag that stands there already stays.
    ///
    /// # Errors
    /// It changes nothing here, and why.
    pub(crate) fn set(&mut self, name: &str, value: &str, release: Release) -> Result<(), UnknownFlag> {
        if name == CLUSTER_ID {
            self.cluster_name.get_or_insert_with(|| value.into());
            return Ok(());
        }
        let read = match value.trim() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
            _ => None,
        };
        if WITHOUT_EFFECT.contains(&name) {
            return Ok(());
        }
        let modelled = rows().iter().find(|row| row.flag.is_some_and(|f| f.name == name) && row.is_in(release));
        let modelled = modelled.and_then(|row| row.flag).map(|flag| flag.name);
        let modelled = modelled.or((name == SEND_UNHEALTHY).then_some(SEND_UNHEALTHY));
        let other = NOT_MODELLED.iter().find(|(known, _)| *known == name);
        if modelled.is_none() && other.is_none() {
            let nearest = nearest(name);
            return Err(UnknownFlag::Unknown { name: name.to_owned(), release, nearest });
        }
        let Some(read) = read else {
            return Err(UnknownFlag::Value { name: name.to_owned(), value: value.to_owned() });
        };
        match (modelled, other) {
            (Some(name), _) => {
                self.by_name.entry(name).or_insert(read);
                Ok(())
            }
            (None, Some(&(name, default))) if read != default => Err(UnknownFlag::NotModelled { name, default }),
            _ => Ok(()),
        }
    }
}

/// The known flag that was probably meant.
fn nearest(name: &str) -> Option<&'static str> {
    let of_rows = rows().iter().filter_map(|row| row.flag).map(|flag| flag.name);
    let all = of_rows
        .chain(NOT_MODELLED.iter().map(|(name, _)| *name))
        .chain(WITHOUT_EFFECT)
        .chain([CLUSTER_ID, SEND_UNHEALTHY]);
    let upper = name.to_ascii_uppercase();
    let distance = |known: &&str| strsim::damerau_levenshtein(&upper, known);
    all.min_by_key(distance).filter(|known| *known != name && distance(known) <= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str, release: &str) -> Result<Flags, UnknownFlag> {
        let mut flags = Flags::default();
        flags.set(name, value, release.parse().expect("a release")).map(|()| flags)
    }

    #[test]
    fn ve1_flags_are_known_by_release() {
        let name = "PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS";
        assert_eq!(set(name, "false", "1.31").map(|f| f.get(name)), Ok(Some(false)));
        assert!(matches!(set(name, "false", "1.30"), Err(UnknownFlag::Unknown { .. })));
        assert!(matches!(set(name, "no", "1.31"), Err(UnknownFlag::Value { .. })));
        assert!(matches!(set("PILOT_HTTP11", "true", "1.31"), Err(UnknownFlag::Unknown { nearest: None, .. })));
        let near = set("PILOT_AUTO_SEND_UNHEALTY_ENDPOINTS", "false", "1.31");
        assert!(matches!(near, Err(UnknownFlag::Unknown { nearest: Some(n), .. }) if n == name));
        assert_eq!(set("ISTIO_DUAL_STACK", "false", "1.31"), Ok(Flags::default()));
        assert!(matches!(
            set("ISTIO_DUAL_STACK", "true", "1.31"),
            Err(UnknownFlag::NotModelled { default: false, .. })
        ));
        assert_eq!(set("PILOT_ALLOW_ANY_DYNAMIC_DNS_MAX_HOSTS", "7", "1.31"), Ok(Flags::default()));
    }

    #[test]
    fn ep2_the_cluster_has_a_name() {
        let mut flags = Flags::default();
        let release = Release::default();
        for name in ["north", "south"] {
            assert_eq!(flags.set(CLUSTER_ID, name, release), Ok(()));
        }
        assert_eq!(flags.cluster_name().map(SmolStr::as_str), Some("north"), "what stands there stays");
        assert_eq!(Flags::default().cluster_name(), None);
    }

    #[test]
    fn tables_of_names_are_sorted() {
        assert!(NOT_MODELLED.is_sorted());
        assert!(WITHOUT_EFFECT.is_sorted());
    }
}
