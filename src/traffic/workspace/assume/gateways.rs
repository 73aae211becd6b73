//! Assumed Gateways: where a VirtualService names one that is kept elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;
use smol_str::{SmolStr, format_smolstr};

use crate::istio::mesh;
use crate::manifest::diagnostic::Finding;
use crate::manifest::kinds::{
    Gateway, Kind, Labels, Manifests, Object, ObjectId, ObjectMeta, Server, ServerPort, ServerTls, ServerTlsMode,
};
use crate::manifest::source::Position;

/// Label of the proxy that an assumed Gateway is for; each has one of its own, as nothing says which ones share a proxy.
const LABEL: &str = "assumed-gateway";

/// What VirtualServices want of a Gateway.
#[derive(Default)]
struct Wanted {
    /// Hosts with HTTP routes.
    http: BTreeSet<SmolStr>,
    /// Hosts with TLS routes, which are told apart by SNI.
    tls: BTreeSet<SmolStr>,
}

/// Adds every Gateway that a VirtualService names and that is neither given nor refused, nor given by that name in another
/// namespace alone, which is what was meant (R111), with the VirtualService's hosts on port
/// 80 (on 443, passed through, where it has TLS routes). Returns them as `NAMESPACE/NAME`, sorted.
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
            let (namespace, name) = gateway.split_once('/').unwrap_or((&vs.meta.namespace, gateway));
            let key = (SmolStr::new(namespace), SmolStr::new(name));
            if name.is_empty() || known.contains(&key) || elsewhere.contains(&key.1) {
                continue;
            }
            let entry = wanted.entry(key).or_default();
            let hosts = || vs.spec.hosts.iter().map(|h| mesh::fqdn(h, &vs.meta.namespace, domain));
            if !vs.spec.http.is_empty() {
                entry.http.extend(hosts());
            }
            if !vs.spec.tls.is_empty() {
                entry.tls.extend(hosts());
            }
        }
    }
    wanted.retain(|_, w| !w.http.is_empty() || !w.tls.is_empty());
    let assumed = wanted.keys().map(|(namespace, name)| format_smolstr!("{namespace}/{name}")).collect();
    manifests.gateways.extend(wanted.into_iter().map(|((namespace, name), w)| gateway(namespace, name, w)));
    assumed
}

fn gateway(namespace: SmolStr, name: SmolStr, wanted: Wanted) -> Object<Gateway> {
    let server = |number: i64, protocol: &'static str, hosts: BTreeSet<SmolStr>, tls: Option<ServerTls>| Server {
        port: Some(ServerPort {
            number,
            protocol: SmolStr::new_static(protocol),
            name: SmolStr::new(protocol.to_lowercase()),
            target_port: 0,
        }),
        hosts: hosts.into_iter().collect(),
        tls,
        ..Server::default()
    };
    let mut servers = Vec::new();
    if !wanted.http.is_empty() {
        servers.push(server(80, "HTTP", wanted.http, None));
    }
    if !wanted.tls.is_empty() {
        let tls = ServerTls { mode: ServerTlsMode::Passthrough, ..ServerTls::default() };
        servers.push(server(443, "TLS", wanted.tls, Some(tls)));
    }
    let label = (SmolStr::new_static(LABEL), format_smolstr!("{namespace}.{name}"));
    Object {
        id: ObjectId::new(Kind::Gateway, namespace.clone(), name.clone()),
        meta: ObjectMeta { name, namespace, ..ObjectMeta::default() },
        at: Position::default(),
        spec: Gateway { servers, selector: std::iter::once(label).collect::<Labels>() },
    }
}
