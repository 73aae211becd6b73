//! Preference for near endpoints: weights and priorities by locality (EP-15).

use std::cell::Cell;
use std::cmp::Ordering;
use std::sync::Arc;

use smol_str::SmolStr;

use super::policy::EffectivePolicy;
use crate::envoy::proxy::Proxy;
use crate::envoy::table::{Endpoint, Note, NoteKind};
use crate::istio::mesh::{MergedDestinationRule, Service, TrafficDistribution, locality};
use crate::istio::translate::Parts;
use crate::manifest::kinds::{Labels, LoadBalancer, LocalityDistribute, LocalityFailover, LocalityLb, MeshConfig};
use crate::order::Order as _;

const REGION: &str = "topology.kubernetes.io/region";
const ZONE: &str = "topology.kubernetes.io/zone";
const SUBZONE: &str = "topology.istio.io/subzone";
const NETWORK: &str = "topology.istio.io/network";
const HOSTNAME: &str = "kubernetes.io/hostname";

/// Where the proxy is, and whether that was asked.
pub(super) struct Localities {
    pub(super) place: Arc<Place>,
    /// What was made depends on the place.
    pub(super) looked: Cell<bool>,
}

/// All that clusters can depend on of where a proxy is.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(in crate::istio::translate) struct Place {
    locality: SmolStr,
    node: SmolStr,
    /// Those of the proxy's labels that say where it is, or by which a DestinationRule prefers endpoints.
    labels: Labels,
}

impl Place {
    pub(in crate::istio::translate) fn of(parts: &Parts<'_>, proxy: &Proxy) -> Place {
        let locality = parts.mesh.nodes.of_proxy(proxy);
        let labels = parts.mesh.nodes.with_topology(&proxy.labels, &locality, &proxy.node, "");
        let keys = parts.place_labels();
        let labels = labels.iter().filter(|(k, _)| keys.contains(k.as_str()));
        let node = locality::node_of(proxy).into();
        Place { labels: labels.map(|(k, v)| (k.clone(), v.clone())).collect(), node, locality }
    }

    /// The labels that it was found by.
    pub(in crate::istio::translate) fn labels(&self) -> &Labels {
        &self.labels
    }
}

/// The setting in force for one cluster.
enum Setting<'a> {
    Off,
    Explicit(&'a LocalityLb),
    /// By the service's traffic distribution: failover along these labels even without outlier detection.
    Distribution(&'static [&'static str]),
}

impl Localities {
    pub(super) fn at(place: Arc<Place>) -> Localities {
        Localities { place, looked: Cell::new(false) }
    }

    fn look(&self) -> &Place {
        self.looked.set(true);
        &self.place
    }

    /// Says that the endpoints of a service were asked for, which may be those of the proxy's node alone (EP-8).
    pub(super) fn note_node(&self, service: &Service) {
        if service.node_local {
            self.looked.set(true);
        }
    }

    /// The endpoints with weights and priorities as the proxy should use them; the same list where nothing changes.
    pub(super) fn apply(
        &self,
        config: &MeshConfig,
        service: &Service,
        policy: &EffectivePolicy<'_>,
        endpoints: Arc<[Endpoint]>,
    ) -> Arc<[Endpoint]> {
        match setting(config, service, policy) {
            Setting::Off => endpoints,
            Setting::Explicit(lb) if !lb.distribute.is_empty() => self.distribute(&lb.distribute, endpoints),
            Setting::Explicit(lb) if policy.outlier_detection.is_some() && lb.enabled != Some(false) => {
                if lb.failover_priority.is_empty() {
                    return self.by_place(&lb.failover, endpoints);
                }
                let labels: Vec<&str> = lb.failover_priority.iter().map(SmolStr::as_str).collect();
                let endpoints = self.by_labels(&labels, endpoints);
                if lb.failover.is_empty() { endpoints } else { self.by_place(&lb.failover, endpoints) }
            }
            Setting::Explicit(_) => endpoints,
            Setting::Distribution(labels) => self.by_labels(labels, endpoints),
        }
    }

    /// Weights by locality, from the first entry whose `from` fits the proxy; endpoints elsewhere get nothing.
    ///
    /// Envoy weighs localities and then the endpoints inside each. Here both become one weight for each endpoint, in the
    /// same proportions.
    fn distribute(&self, entries: &[LocalityDistribute], endpoints: Arc<[Endpoint]>) -> Arc<[Endpoint]> {
        let Some(entry) = entries.iter().find(|e| covers(&self.look().locality, &e.from)) else { return endpoints };
        let mut targets: Vec<&(SmolStr, u32)> = entry.to.iter().collect();
        targets.order_by(|a, b| most_specific_first(&a.0, &b.0));
        let groups = group_by_locality(&endpoints);
        let target_of: Vec<Option<usize>> =
            groups.iter().map(|g| targets.iter().position(|(to, _)| covers(&g.locality, to))).collect();
        // A target that takes in several localities is shared out by what they weigh, rounded up as Istio does it.
        let weight_of = |i: usize| -> u64 {
            let (Some(group), Some(Some(target))) = (groups.get(i), target_of.get(i)) else { return 0 };
            let Some((_, weight)) = targets.get(*target) else { return 0 };
            let total: u64 =
                groups.iter().zip(&target_of).filter(|(_, t)| **t == Some(*target)).map(|(g, _)| g.weight).sum();
            group.weight.saturating_mul(u64::from(*weight)).div_ceil(total.max(1))
        };
        let scale = groups.iter().fold(1u64, |all, g| lcm(all, g.weight)).clamp(1, u64::from(u16::MAX));
        let mut out = Vec::new();
        for (i, group) in groups.iter().enumerate() {
            let share = weight_of(i);
            if share == 0 {
                continue;
            }
            out.extend(group.endpoints.iter().map(|e| {
                let weight = u64::from(e.weight).saturating_mul(share).saturating_mul(scale) / group.weight.max(1);
                Endpoint { weight: u32::try_from(weight.max(1)).unwrap_or(u32::MAX), ..(*e).clone() }
            }));
        }
        out.into()
    }

    /// Priority 0 for the same sub-zone, 1 zone, 2 region, 3 elsewhere, 4 outside the region named for failover; then
    /// numbered without gaps.
    fn by_place(&self, failover: &[LocalityFailover], endpoints: Arc<[Endpoint]>) -> Arc<[Endpoint]> {
        let own = locality::parts(&self.look().locality);
        let to = failover.iter().find(|f| f.from == own[0]).map(|f| f.to.as_str());
        with_priorities(endpoints, |e| {
            let place = locality::parts(&e.locality);
            let same = own.iter().zip(place).take_while(|(a, b)| **a == *b).count();
            let distance = 3 - u32::try_from(same).unwrap_or(3);
            // Localities assigned by labels before stay in that order.
            e.priority.saturating_mul(5)
                + if distance == 3 && to.is_some_and(|to| place[0] != to) { 4 } else { distance }
        })
    }

    /// Priority by the first of `keys` in which an endpoint differs from the proxy: the earlier, the farther.
    fn by_labels(&self, keys: &[&str], endpoints: Arc<[Endpoint]>) -> Arc<[Endpoint]> {
        let lowest = keys.len();
        let own = &self.look().labels;
        with_priorities(endpoints, |e| {
            let differs = keys.iter().position(|key| {
                let (key, wanted) = match key.split_once('=') {
                    Some((key, value)) => (key, value),
                    None => (*key, own.get(key).unwrap_or_default()),
                };
                e.labels.get(key).unwrap_or_default() != wanted
            });
            differs.map_or(0, |i| u32::try_from(lowest - i).unwrap_or(u32::MAX))
        })
    }
}

/// Says once for a service that zone-aware balancing, which its rule asks for, is not modelled.
pub(super) fn zone_aware_note(service: &Service, rule: &MergedDestinationRule) -> Option<Note> {
    let asks = |lb: &Option<LoadBalancer>| {
        let zone_aware = lb.as_ref().and_then(|lb| lb.zone_aware_lb_setting.as_ref());
        zone_aware.is_some_and(|z| z.enabled != Some(false))
    };
    let of_rule = rule.traffic_policy.iter();
    let mut policies = of_rule.chain(rule.subsets.iter().filter_map(|s| s.traffic_policy.as_ref()));
    if !policies.any(|p| asks(&p.load_balancer) || p.port_level_settings.iter().any(|e| asks(&e.load_balancer))) {
        return None;
    }
    Some(Note {
        kind: NoteKind::Remark,
        rule: "EP-15",
        message: format!(
            "not evaluated: zoneAwareLbSetting for host `{}`; its endpoints are shown without zone-aware weights",
            service.hostname
        ),
        object: Some(rule.object.clone()),
        at: rule.at,
        route_config: SmolStr::default(),
        virtual_host: SmolStr::default(),
    })
}

/// EP-15: what the DestinationRule says, else the service, else the mesh.
fn setting<'a>(config: &'a MeshConfig, service: &Service, policy: &EffectivePolicy<'a>) -> Setting<'a> {
    static MESH_DEFAULT: LocalityLb =
        LocalityLb { distribute: Vec::new(), failover: Vec::new(), failover_priority: Vec::new(), enabled: Some(true) };
    let explicit = |lb: &'a LocalityLb| if lb.enabled == Some(false) { Setting::Off } else { Setting::Explicit(lb) };
    if let Some(lb) = policy.load_balancer.and_then(|lb| lb.locality_lb_setting.as_ref()) {
        return explicit(lb);
    }
    match service.traffic_distribution {
        TrafficDistribution::PreferSameZone => Setting::Distribution(&[NETWORK, REGION, ZONE]),
        TrafficDistribution::PreferSameNode => Setting::Distribution(&[NETWORK, REGION, ZONE, SUBZONE, HOSTNAME]),
        TrafficDistribution::Any => explicit(config.locality_lb_setting.as_ref().unwrap_or(&MESH_DEFAULT)),
    }
}

/// True where priorities follow labels of the endpoints rather than their places alone.
pub(super) fn fails_over_by_labels(config: &MeshConfig, service: &Service, policy: &EffectivePolicy<'_>) -> bool {
    match setting(config, service, policy) {
        Setting::Off => false,
        Setting::Explicit(lb) => {
            lb.distribute.is_empty() && policy.outlier_detection.is_some() && !lb.failover_priority.is_empty()
        }
        Setting::Distribution(_) => true,
    }
}

/// Endpoints of one locality.
struct Group<'a> {
    locality: SmolStr,
    endpoints: Vec<&'a Endpoint>,
    weight: u64,
}

/// Endpoints come sorted by locality.
fn group_by_locality(endpoints: &[Endpoint]) -> Vec<Group<'_>> {
    endpoints
        .chunk_by(|a, b| a.locality == b.locality)
        .map(|group| Group {
            locality: group.first().map(|e| e.locality.clone()).unwrap_or_default(),
            endpoints: group.iter().collect(),
            weight: group.iter().map(|e| u64::from(e.weight)).sum(),
        })
        .collect()
}

/// A locality fits a rule such as `region/zone/*` or `region`: parts that the rule omits or stars may be anything.
fn covers(place: &str, rule: &str) -> bool {
    let (place, rule) = (locality::parts(place), locality::parts(rule));
    for (have, want) in place.into_iter().zip(rule) {
        if want == "*" || want.is_empty() {
            return true;
        }
        if have != want {
            return false;
        }
    }
    true
}

/// Overlapping targets are refused by admission, so this order only makes the result certain.
fn most_specific_first(a: &str, b: &str) -> Ordering {
    b.len().cmp(&a.len()).then_with(|| a.cmp(b))
}

/// Sets priorities and numbers them from 0 without gaps; the same list where all are 0 anyway.
fn with_priorities(endpoints: Arc<[Endpoint]>, priority: impl Fn(&Endpoint) -> u32) -> Arc<[Endpoint]> {
    let raw: Vec<u32> = endpoints.iter().map(priority).collect();
    let mut steps = raw.clone();
    steps.order_alike();
    steps.dedup();
    if steps.len() <= 1 && endpoints.iter().all(|e| e.priority == 0) {
        return endpoints;
    }
    endpoints
        .iter()
        .zip(raw)
        .map(|(e, raw)| {
            let priority = steps.binary_search(&raw).ok().and_then(|i| u32::try_from(i).ok()).unwrap_or_default();
            Endpoint { priority, ..e.clone() }
        })
        .collect()
}

fn lcm(a: u64, b: u64) -> u64 {
    fn gcd(a: u64, b: u64) -> u64 {
        if b == 0 { a } else { gcd(b, a % b) }
    }
    if a == 0 || b == 0 { a.max(b) } else { (a / gcd(a, b)).saturating_mul(b) }
}
