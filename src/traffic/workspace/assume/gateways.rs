//! Assumed Gateways: where a VirtualService names one that is kept elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashSet;
use smol_str::{SmolStr, format_smolstr};

use super::{Layer, sites};
use crate::envoy::proxy::Proxy;
use crate::istio::mesh;
use crate::manifest::diagnostic::Finding;
use crate::manifest::kinds::{
    Gateway, Kind, Labels, Manifests, Object, ObjectId, ObjectMeta, Server, ServerPort, ServerTls, ServerTlsMode,
    VirtualService,
};
use crate::manifest::source::Position;
use crate::order::Ordered as _;

/// Label of the proxy that an assumed Gateway is for; each has one of its own, as nothing says which ones share a proxy.
const LABEL: &str = "assumed-gateway";

fn label(namespace: &str, name: &str) -> (SmolStr, SmolStr) {
    (SmolStr::new_static(LABEL), format_smolstr!("{namespace}.{name}"))
}

/// Whether a proxy is made for one of these Gateways, which somebody gave elsewhere.
pub(in crate::traffic::workspace) fn stands_for(proxy: &Proxy, given: &[Arc<Object<Gateway>>]) -> bool {
    let Some(own) = proxy.labels.get(LABEL) else { return false };
    given.iter().filter(|g| g.at.is_known()).any(|g| label(&g.meta.namespace, &g.meta.name).1 == own)
}

/// What VirtualServices want of a Gateway: hosts by what they are to be served for, and on which port.
type Wanted = BTreeMap<(Layer, u16), BTreeSet<SmolStr>>;

/// What a VirtualService wants of a gateway, called as it is written there.
fn wanted_of(vs: &VirtualService, gateway: &SmolStr) -> BTreeSet<(Layer, u16)> {
    let here = sites(vs).filter(|site| site.gateways.is_empty() || site.gateways.contains(gateway));
    let wanted = here.filter_map(|site| match (site.layer, site.port) {
        (Layer::Http, 0) => Some((Layer::Http, 80)),
        (Layer::Tls, 0) => Some((Layer::Tls, 443)),
        (Layer::Tcp, 0) => None, // there is no usual one
        (layer, port) => Some((layer, u16::try_from(port).ok()?)),
    });
    wanted.into_set()
}

/// Adds every Gateway that a VirtualService names and that is neither given nor refused, nor given by that name in another
/// namespace alone, which is what was meant (R111), with the VirtualService's hosts on the ports that its matches name, else on 80 for
/// HTTP routes, and on 443, passed through, for TLS routes. Returns them as `NAMESPACE/NAME`, sorted.
pub(super) fn assume(manifests: &mut Manifests, findings: &[Finding]) -> Vec<SmolStr> {
    let name = |id: &ObjectId| (id.namespace.clone(), id.name.clone());
    let rejected = findings.iter().filter(|f| f.is_rejection()).filter_map(|f| f.object.as_ref());
    let refused = rejected.filter(|id| id.kind == Kind::Gateway).map(name);
    let known: FxHashSet<(SmolStr, SmolStr)> = manifests.gateways.iter().map(|g| name(&g.id)).chain(refused).collect();
    let elsewhere: FxHashSet<&SmolStr> = known.iter().map(|(_, name)| name).collect();
    let domain = &manifests.mesh_config.cluster_domain;
    let mut wanted: BTreeMap<(SmolStr, SmolStr), Wanted> = BTreeMap::new();
    for vs in &manifests.virtual_services {
        for gateway in vs.spec.gateways.iter().filter(|g| *g != "mesh") {
            let full = mesh::gateway_name(gateway, &vs.meta.namespace);
            let Some((namespace, name)) = full.split_once('/') else { continue };
            let key = (SmolStr::new(namespace), SmolStr::new(name));
            if name.is_empty() || known.contains(&key) || elsewhere.contains(&key.1) {
                continue;
            }
            let entry = wanted.entry(key).or_default();
            let hosts = || vs.spec.hosts.iter().map(|h| mesh::fqdn(h, &vs.meta.namespace, domain));
            for site in wanted_of(&vs.spec, gateway) {
                entry.entry(site).or_default().extend(hosts());
            }
        }
    }
    wanted.retain(|_, w| !w.is_empty());
    let assumed = wanted.keys().map(|(namespace, name)| format_smolstr!("{namespace}/{name}")).collect();
    manifests.gateways.extend(wanted.into_iter().map(|((namespace, name), w)| gateway(namespace, name, w)));
    assumed
}

fn gateway(namespace: SmolStr, name: SmolStr, wanted: Wanted) -> Object<Gateway> {
    let server = |((layer, number), hosts): ((Layer, u16), BTreeSet<SmolStr>)| {
        let protocol = match layer {
            Layer::Http => "HTTP",
            Layer::Tls => "TLS",
            Layer::Tcp => "TCP",
        };
        let passed = || ServerTls { mode: ServerTlsMode::Passthrough, ..ServerTls::default() };
        Server {
            port: Some(ServerPort {
                number: number.into(),
                protocol: SmolStr::new_static(protocol),
                name: format_smolstr!("{}-{number}", protocol.to_lowercase()),
                target_port: 0,
            }),
            hosts: hosts.into_iter().collect(),
            tls: (layer == Layer::Tls).then(passed),
            ..Server::default()
        }
    };
    let servers = wanted.into_iter().map(server).collect();
    let label = label(&namespace, &name);
    Object {
        id: ObjectId::new(Kind::Gateway, namespace.clone(), name.clone()),
        meta: ObjectMeta { name, namespace, ..ObjectMeta::default() },
        at: Position::default(),
        spec: Gateway { servers, selector: std::iter::once(label).collect::<Labels>() },
    }
}
