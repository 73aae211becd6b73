//! Rules that could have concerned a request, had Istio not left them out: the reason of many a surprise.

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use crate::envoy::authority::without_port;
use crate::envoy::table::{Note, NoteKind, RouteTable};
use crate::istio::mesh::Mesh;

/// The most notes that one failure carries.
const SHOWN_MAX: usize = 5;

/// Names of VirtualServices by the hosts they claim.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    /// Objects as notes name them.
    by_host: FxHashMap<SmolStr, Vec<String>>,
    /// What to say of VirtualServices whose gateway is not there, by their hosts.
    unbound: FxHashMap<SmolStr, Vec<String>>,
}

impl LeftOut {
    pub(super) fn of(mesh: &Mesh) -> LeftOut {
        let mut by_host: FxHashMap<SmolStr, Vec<String>> = FxHashMap::default();
        let mut unbound: FxHashMap<SmolStr, Vec<String>> = FxHashMap::default();
        let known: FxHashSet<SmolStr> = mesh.gateways.iter().map(|g| g.meta.full_name()).collect();
        for service in &mesh.virtual_services.all {
            let missing: Vec<&str> =
                service.gateways.iter().map(SmolStr::as_str).filter(|g| *g != "mesh" && !known.contains(*g)).collect();
            for host in &service.hosts {
                let host = SmolStr::from(host.to_ascii_lowercase());
                by_host.entry(host.clone()).or_default().push(service.object.to_string());
                if !missing.is_empty() {
                    let gateways = missing.join("`, `");
                    let text = format!(
                        "{} has the host, and is bound to `{gateways}`: no such Gateway is among the manifests",
                        service.object
                    );
                    unbound.entry(host).or_default().push(text);
                }
            }
        }
        LeftOut { by_host, unbound }
    }

    /// What the table's notes tell of VirtualServices that claim this authority, and, where no rule took the request, which
    /// of them have no gateway.
    pub(super) fn about(&self, text: &str, table: &RouteTable, taken: bool) -> Vec<String> {
        let host = without_port(text).to_ascii_lowercase();
        let full = format!("{host}.{}.", table.proxy.namespace);
        // Names and the wildcards above them; a short name is also looked up in the proxy's namespace.
        let mut claims: Vec<SmolStr> =
            vec![host.as_str().into(), "*".into(), format!("{full}svc.cluster.local").into()];
        claims.extend(host.match_indices('.').filter_map(|(at, _)| Some(format!("*{}", host.get(at..)?).into())));
        let objects: Vec<&String> = claims.iter().filter_map(|c| self.by_host.get(c)).flatten().collect();
        let concerns = |note: &&Note| {
            let gone = matches!(note.kind, NoteKind::Dropped | NoteKind::CutOff | NoteKind::Refused);
            let named = |object: &&String| {
                note.object.as_ref().is_some_and(|o| o.to_string() == **object) || mentions(&note.message, object)
            };
            gone && objects.iter().any(named)
        };
        let noted = table.notes.iter().filter(concerns).map(|n| format!("{} ({})", n.message, n.rule));
        let unbound = claims.iter().filter(|_| !taken).filter_map(|c| self.unbound.get(c)).flatten().cloned();
        noted.chain(unbound).take(SHOWN_MAX).collect()
    }
}

/// Whether a message names the object, and not one whose name only begins like it.
fn mentions(message: &str, object: &str) -> bool {
    message.match_indices(object).any(|(at, found)| {
        let next = message.get(at + found.len()..).and_then(|rest| rest.chars().next());
        next.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-' && c != '.')
    })
}
