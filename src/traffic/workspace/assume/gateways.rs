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
use crate::order::Ordered as _;

/// Label of the proxy that an assumed Gateway is for; each has one of its own, as nothing says which ones share a proxy.
const LABEL: &str = "assumed-gateway";

/// What VirtualServices want of a Gateway: hosts by the ports that they are to be served on.
#[derive(Default)]
struct Wanted {
    /// With HTTP routes.
    http: BTreeMap<u16, BTreeSet<SmolStr>>,
    /// With TLS routes, which are told apart by SNI.
    tls: BTreeMap<u16, BTreeSet<SmolStr>>,
    /// With TCP routes.
    tcp: BTreeMap<u16, BTreeSet<SmolStr>>,
}

/// The ports that matches are for, each with its `gateways` and its `port`; `usual` where one names none, or there is none.
fn ports<'m>(
    matches: impl Iterator<Item = Option<(&'m [SmolStr], u32)>>,
    gateway: &SmolStr,
    usual: Option<u16>,
) -> BTreeSet<u16> {
    let wanted = matches.filter_map(|m| match m {
        Some((gateways, _)) if !gateways.is_empty() && !gateways.contains(gateway) => None,
        Some((_, port)) if port != 0 => u16::try_from(port).ok(),
        _ => usual,
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
            let (namespace, name) = gateway.split_once('/').unwrap_or((&vs.meta.namespace, gateway));
            let key = (SmolStr::new(namespace), SmolStr::new(name));
            if name.is_empty() || known.contains(&key) || elsewhere.contains(&key.1) {
                continue;
            }
            let entry = wanted.entry(key).or_default();
            let hosts = || vs.spec.hosts.iter().map(|h| mesh::fqdn(h, &vs.meta.namespace, domain));
            let http = vs.spec.http.iter().flat_map(|r| or_none(&r.matches, |m| (&m.gateways, m.port)));
            let tls = vs.spec.tls.iter().flat_map(|r| or_none(&r.matches, |m| (&m.gateways, m.port)));
            let tcp = vs.spec.tcp.iter().flat_map(|r| or_none(&r.matches, |m| (&m.gateways, m.port)));
            for port in ports(http, gateway, Some(80)) {
                entry.http.entry(port).or_default().extend(hosts());
            }
            for port in ports(tls, gateway, Some(443)) {
                entry.tls.entry(port).or_default().extend(hosts());
            }
            for port in ports(tcp, gateway, None) {
                entry.tcp.entry(port).or_default().extend(hosts());
            }
        }
    }
    wanted.retain(|_, w| !w.http.is_empty() || !w.tls.is_empty() || !w.tcp.is_empty());
    let assumed = wanted.keys().map(|(namespace, name)| format_smolstr!("{namespace}/{name}")).collect();
    manifests.gateways.extend(wanted.into_iter().map(|((namespace, name), w)| gateway(namespace, name, w)));
    assumed
}

/// What `part` has of each match of a rule; None once for a rule without any.
fn or_none<'m, M>(
    matches: &'m [M],
    part: impl Fn(&'m M) -> (&'m Vec<SmolStr>, u32),
) -> impl Iterator<Item = Option<(&'m [SmolStr], u32)>> {
    let parts = matches.iter().map(move |m| {
        let (gateways, port) = part(m);
        Some((gateways.as_slice(), port))
    });
    parts.chain(matches.is_empty().then_some(None))
}

fn gateway(namespace: SmolStr, name: SmolStr, wanted: Wanted) -> Object<Gateway> {
    let server = |number: u16, protocol: &'static str, hosts: BTreeSet<SmolStr>, tls: Option<ServerTls>| Server {
        port: Some(ServerPort {
            number: number.into(),
            protocol: SmolStr::new_static(protocol),
            name: format_smolstr!("{}-{number}", protocol.to_lowercase()),
            target_port: 0,
        }),
        hosts: hosts.into_iter().collect(),
        tls,
        ..Server::default()
    };
    let passed = || Some(ServerTls { mode: ServerTlsMode::Passthrough, ..ServerTls::default() });
    let mut servers = Vec::new();
    servers.extend(wanted.http.into_iter().map(|(port, hosts)| server(port, "HTTP", hosts, None)));
    servers.extend(wanted.tls.into_iter().map(|(port, hosts)| server(port, "TLS", hosts, passed())));
    servers.extend(wanted.tcp.into_iter().map(|(port, hosts)| server(port, "TCP", hosts, None)));
    let label = (SmolStr::new_static(LABEL), format_smolstr!("{namespace}.{name}"));
    Object {
        id: ObjectId::new(Kind::Gateway, namespace.clone(), name.clone()),
        meta: ObjectMeta { name, namespace, ..ObjectMeta::default() },
        at: Position::default(),
        spec: Gateway { servers, selector: std::iter::once(label).collect::<Labels>() },
    }
}
