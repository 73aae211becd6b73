//! Assumed Services: where only VirtualServices, DestinationRules and pod labels are given.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::{Layer, sites};
use crate::istio::mesh;
use crate::manifest::kinds::{
    Destination, Kind, Labels, Manifests, Object, ObjectId, ObjectMeta, Pod, Service, ServicePort, TargetPort,
    TransportProtocol, VirtualService,
};
use crate::manifest::source::Position;

/// Pod labels that name the application, the first one wins.
const APP_LABELS: [&str; 3] = ["app", "k8s-app", "app.kubernetes.io/name"];

/// Where not one Service is among the manifests, gives every host of the mesh one, and returns the hosts, sorted.
///
/// Name = host, ports as destinations and matches name them, of the protocol that their rules are for, those that a destination without
/// a port would take from the host it is routed from, or 80, HTTP, pods whose `app` (else `k8s-app`, `app.kubernetes.io/name`)
/// has that value. Hosts of ServiceEntries, wildcards, addresses and names outside the cluster get none, and neither does a
/// destination that looks like a slip of the pen for another host: that is what there is to find.
pub(in crate::traffic::workspace) fn assume(manifests: &mut Manifests) -> Vec<SmolStr> {
    if !manifests.services.is_empty() {
        return Vec::new();
    }
    let domain = manifests.mesh_config.cluster_domain.clone();
    let mut hosts: BTreeMap<SmolStr, Ports> = BTreeMap::new();
    // Hosts that somebody routes for or writes rules for, not only to.
    let mut meant: BTreeSet<SmolStr> = BTreeSet::new();
    let mut want = |host: &str, namespace: &str, port: Option<(u16, Layer)>, is_meant: bool| {
        let full = mesh::fqdn(host, namespace, &domain);
        if is_meant {
            meant.insert(full.clone());
        }
        let ports = hosts.entry(full).or_default();
        port.into_iter().for_each(|(port, layer)| ports.add(port, layer));
    };
    // In the mesh a destination without a port is asked for on that of the listener, unless its service is there itself.
    let mut followers: Vec<(SmolStr, SmolStr)> = Vec::new();
    for vs in &manifests.virtual_services {
        let ns = vs.meta.namespace.as_str();
        if mesh::is_for_mesh(&vs.spec.gateways) {
            for host in &vs.spec.hosts {
                want(host, ns, None, true);
                // What rules of the mesh ask the port for is a port that their hosts have.
                matched_ports(&vs.spec).for_each(|port| want(host, ns, Some(port), true));
            }
        }
        let only_mesh = vs.spec.gateways.iter().all(|g| g == "mesh");
        for (d, layer) in destinations(&vs.spec) {
            want(&d.host, ns, d.port_number().map(|port| (port, layer)), false);
            if only_mesh && d.port_number().is_none() {
                let to = mesh::fqdn(&d.host, ns, &domain);
                followers.extend(vs.spec.hosts.iter().map(|h| (mesh::fqdn(h, ns, &domain), to.clone())));
            }
        }
    }
    for dr in &manifests.destination_rules {
        want(&dr.spec.host, &dr.meta.namespace, None, true);
    }
    let named = hosts.clone();
    for (from, to) in followers.into_iter().filter(|(from, to)| from != to) {
        let ports = named.get(&from).filter(|ports| !ports.all.is_empty());
        let to = hosts.entry(to).or_default();
        match ports {
            Some(ports) => ports.all.iter().for_each(|(port, layer)| to.add(*port, *layer)),
            None => to.add(80, Layer::Http),
        }
    }
    let entries: FxHashSet<&SmolStr> = manifests.service_entries.iter().flat_map(|s| &s.spec.hosts).collect();
    let applications = applications(&manifests.pods);
    let suffix = format!(".svc.{domain}");
    meant.extend(applications.iter().map(|(ns, _, name)| smol_str::format_smolstr!("{name}.{ns}{suffix}")));
    let is_slip = |host: &SmolStr| !meant.contains(host) && meant.iter().any(|known| is_slip_for(host, known));
    let mut assumed = Vec::new();
    let mut services = Vec::new();
    for (host, mut ports) in hosts {
        let Some((name, namespace)) = host.strip_suffix(&suffix).and_then(|h| h.split_once('.')) else { continue };
        if name.is_empty() || name.contains('*') || namespace.contains('.') || entries.contains(&host) || is_slip(&host)
        {
            continue;
        }
        if ports.all.is_empty() {
            ports.add(80, Layer::Http);
        }
        services.push(service(name, namespace, &ports, &applications));
        assumed.push(host);
    }
    manifests.services = services;
    assumed
}

/// Whether `host` is `known` with one letter wrong, missing, doubled or swapped with its neighbour.
///
/// Names that are told apart on purpose are no slips: those that differ in a digit, in the number of their words, or in a word of
/// fewer than five letters (`reviews-v1` and `reviews-v2`, `app-a` and `app-b`).
fn is_slip_for(host: &str, known: &str) -> bool {
    if host.len().abs_diff(known.len()) > 1 {
        return false;
    }
    let words = |text: &'_ str| text.split(['.', '-']).map(str::to_owned).collect::<Vec<_>>();
    let (a, b) = (words(host), words(known));
    let mut different = a.iter().zip(&b).filter(|(x, y)| x != y);
    let (Some((x, y)), None) = (different.next(), different.next()) else { return false };
    let letters = |word: &str| word.len() >= 5 && word.bytes().all(|b| b.is_ascii_alphabetic());
    a.len() == b.len() && letters(x) && letters(y) && strsim::damerau_levenshtein(x, y) == 1
}

/// (namespace, label, value) of all labels that name an application, on any pod.
fn applications(pods: &[Object<Pod>]) -> FxHashSet<(SmolStr, &'static str, SmolStr)> {
    let of_pod = |p: &Object<Pod>| {
        let namespace = p.meta.namespace.clone();
        let labels = APP_LABELS.into_iter().filter_map(|l| Some((l, SmolStr::new(p.meta.labels.get(l)?))));
        labels.map(move |(l, v)| (namespace.clone(), l, v)).collect::<Vec<_>>()
    };
    pods.iter().flat_map(of_pod).collect()
}

/// Ports of a service that is assumed, by number.
#[derive(Debug, Clone, Default)]
struct Ports {
    all: BTreeMap<u16, Layer>,
}

impl Ports {
    fn add(&mut self, port: u16, layer: Layer) {
        let now = self.all.entry(port).or_insert(layer);
        *now = layer.min(*now);
    }
}

fn destinations(vs: &VirtualService) -> impl Iterator<Item = (&Destination, Layer)> {
    let http = vs.http.iter().flat_map(|rule| rule.destinations()).map(|d| (d, Layer::Http));
    let tls = vs.tls.iter().flat_map(|r| &r.route).map(|d| (d, Layer::Tls));
    let tcp = vs.tcp.iter().flat_map(|r| &r.route).map(|d| (d, Layer::Tcp));
    http.chain(tls.chain(tcp).filter_map(|(d, layer)| Some((d.destination.as_ref()?, layer))))
}

/// Ports that rules for sidecars are matched by.
fn matched_ports(vs: &VirtualService) -> impl Iterator<Item = (u16, Layer)> {
    let in_mesh = sites(vs).filter(|site| site.port != 0 && mesh::is_for_mesh(site.gateways));
    in_mesh.filter_map(|site| Some((u16::try_from(site.port).ok()?, site.layer)))
}

fn service(
    name: &str,
    namespace: &str,
    ports: &Ports,
    applications: &FxHashSet<(SmolStr, &'static str, SmolStr)>,
) -> Object<Service> {
    let in_use = |label: &&'static str| applications.contains(&(namespace.into(), *label, name.into()));
    let label = APP_LABELS.into_iter().find(in_use).unwrap_or("app");
    let selector: Labels = std::iter::once((SmolStr::new_static(label), SmolStr::new(name))).collect();
    let ports = ports
        .all
        .iter()
        .map(|(&port, layer)| ServicePort {
            name: match layer {
                Layer::Http if ports.all.len() == 1 => "http".into(),
                Layer::Http => smol_str::format_smolstr!("http-{port}"),
                Layer::Tls => smol_str::format_smolstr!("tls-{port}"),
                Layer::Tcp => smol_str::format_smolstr!("tcp-{port}"),
            },
            port,
            target_port: TargetPort::SameAsPort,
            protocol: TransportProtocol::Tcp,
            app_protocol: None,
            node_port: 0,
        })
        .collect();
    Object {
        id: ObjectId::new(Kind::Service, namespace, name),
        meta: ObjectMeta { name: name.into(), namespace: namespace.into(), ..ObjectMeta::default() },
        at: Position::default(),
        spec: Service { selector, ports, assumed: true, ..Service::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_one_letter_of_a_word_that_is_no_counter() {
        for (host, known, is_slip) in [
            ("reveiws.shop.svc.x", "reviews.shop.svc.x", true),
            ("review.shop.svc.x", "reviews.shop.svc.x", true),
            ("my-raitings.shop.svc.x", "my-ratings.shop.svc.x", true),
            ("reviews.shop.svc.x", "reviews.shop.svc.x", false),
            ("reviews-v2.shop.svc.x", "reviews-v1.shop.svc.x", false),
            ("app-b.shop.svc.x", "app-a.shop.svc.x", false),
            ("reviews2.shop.svc.x", "reviews.shop.svc.x", false),
            ("reviews-canary.shop.svc.x", "reviews.shop.svc.x", false),
            ("auth.shop.svc.x", "oauth.shop.svc.x", false),
        ] {
            assert_eq!(is_slip_for(host, known), is_slip, "{host} for {known}");
        }
    }
}
