//! What clients send and what workloads take: T416.

use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::Report;
use crate::analysis::checks::subject::Subject;
use crate::istio::mesh::is_wildcard;
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{
    ClientTls, ClientTlsMode, DestinationRule, MutualTlsMode, Object, ObjectId, PeerAuthentication, Pod,
};
use crate::manifest::source::Position;

checks! {
    /// A DestinationRule turns TLS off towards pods whose PeerAuthentication demands it, or on towards pods that take none:
    /// the connection is closed, and requests end with 503 UC. The policy of a pod counts before that of its namespace, and
    /// that before the one of the root namespace. A rule for the mesh or a namespace that asks for ISTIO_MUTUAL where no
    /// policy does is an info: with automatic mTLS it isn't needed.
    T416 "DestinationRule TLS against PeerAuthentication" Error needs[DestinationRules, PeerAuthentications]
        peers["KIA0205", "KIA0206", "KIA0207", "KIA0208", "KIA0401", "KIA0501", "KIA0505", "KIA0506"];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    for dr in &subject.manifests.destination_rules {
        let policies =
            dr.spec.traffic_policy.as_deref().into_iter().map(|p| ("spec.trafficPolicy".to_owned(), None, p));
        let subsets = dr.spec.subsets.iter().enumerate();
        let subsets = subsets.filter_map(|(i, s)| {
            Some((format!("spec.subsets[{i}].trafficPolicy"), Some(s), s.traffic_policy.as_deref()?))
        });
        for (path, subset, policy) in policies.chain(subsets) {
            let whole = policy.tls.iter().map(|tls| (format!("{path}.tls"), None, tls));
            let ports = policy.port_level_settings.iter().enumerate();
            let ports = ports
                .filter_map(|(i, p)| Some((format!("{path}.portLevelSettings[{i}].tls"), p.port, p.tls.as_ref()?)));
            for (path, port, tls) in whole.chain(ports) {
                one(subject, dr, subset.map(|s| &s.labels), path, port, tls, report);
            }
        }
    }
    without_rule(subject, report);
}

/// A policy with the place it was found in.
type Found<'a> = (MutualTlsMode, Option<&'a Object<PeerAuthentication>>);

/// The mode in force for a namespace as a whole, from its own policy or the mesh's.
fn of_namespace<'a>(subject: &Subject<'a>, namespace: Option<&str>) -> Found<'a> {
    let root = subject.mesh.config.root_namespace.as_str();
    let wide = |namespace: &str| {
        let mut policies = subject.manifests.peer_authentications.iter();
        policies.find(|p| {
            p.meta.namespace == namespace && p.spec.selector.is_empty() && p.spec.mode != MutualTlsMode::Unset
        })
    };
    match namespace.and_then(wide).or_else(|| wide(root)) {
        Some(policy) => (policy.spec.mode, Some(policy)),
        None => (MutualTlsMode::Permissive, None),
    }
}

/// The mode in force for one port of a pod.
fn of_pod<'a>(subject: &Subject<'a>, pod: &Object<Pod>, port: Option<u16>) -> Found<'a> {
    let mut own = subject.manifests.peer_authentications.iter().filter(|p| {
        p.meta.namespace == pod.meta.namespace
            && !p.spec.selector.is_empty()
            && p.spec.selector.is_subset_of(&pod.meta.labels)
    });
    let Some(policy) = own.next() else { return of_namespace(subject, Some(&pod.meta.namespace)) };
    let by_port = policy.spec.ports.iter().find(|(p, mode)| Some(*p) == port && *mode != MutualTlsMode::Unset);
    match by_port.map_or(policy.spec.mode, |(_, mode)| *mode) {
        MutualTlsMode::Unset => of_namespace(subject, Some(&pod.meta.namespace)),
        mode => (mode, Some(policy)),
    }
}

fn one(
    subject: &Subject<'_>,
    dr: &Object<DestinationRule>,
    subset: Option<&crate::manifest::kinds::Labels>,
    path: String,
    port: Option<i64>,
    tls: &ClientTls,
    report: &mut Report,
) {
    let sends = match tls.mode {
        ClientTlsMode::Disable => false,
        ClientTlsMode::IstioMutual => true,
        _ => return,
    };
    let host = subject.fqdn(&dr.spec.host, &dr.meta.namespace);
    let object = (&dr.id, dr.at);
    if is_wildcard(&host) {
        let suffix = format!(".svc.{}", subject.mesh.config.cluster_domain);
        let namespace = host.strip_prefix("*.").and_then(|h| h.strip_suffix(&suffix)).filter(|n| !n.contains('.'));
        let domain = subject.mesh.config.cluster_domain.as_str();
        let is_wide = host == "*" || namespace.is_some() || domain.ends_with(host.trim_start_matches(['*', '.']));
        if is_wide {
            let (mode, policy) = of_namespace(subject, namespace);
            against(sends, mode, policy, object, path.clone(), report);
            if sends && policy.is_none() && subject.mesh.config.enable_auto_mtls {
                let message = format!("asks for mTLS towards `{host}`, and no PeerAuthentication does");
                let hint =
                    "with automatic mTLS neither is needed; add a PeerAuthentication if plain text is to be refused";
                report.add("T416", object, path, message, hint).severity(Severity::Info);
            }
        }
        return;
    }
    let Some(service) = subject.service(&host, &dr.meta.namespace) else { return };
    let target = port.and_then(|p| u16::try_from(p).ok());
    let labels = subset.map_or_else(|| service.selector.clone(), |own| service.selector.overlaid(own));
    let pods = if service.selector.is_empty() { Vec::new() } else { subject.pods(&service.namespace, &labels) };
    let (mode, policy) = match pods.first() {
        // The first pod that refuses is enough.
        Some(first) => {
            let refuses = |found: &Found<'_>| {
                if sends { found.0 == MutualTlsMode::Disable } else { found.0 == MutualTlsMode::Strict }
            };
            let mut all = pods.iter().map(|pod| of_pod(subject, pod, target));
            all.find(refuses).unwrap_or_else(|| of_pod(subject, first, target))
        }
        None if service.mesh_external => return,
        None => of_namespace(subject, Some(&service.namespace)),
    };
    against(sends, mode, policy, object, path, report);
}

fn against(
    sends: bool,
    mode: MutualTlsMode,
    policy: Option<&Object<PeerAuthentication>>,
    object: (&ObjectId, Position),
    path: String,
    report: &mut Report,
) {
    let message = match (sends, mode) {
        (false, MutualTlsMode::Strict) => "turns TLS off, and the PeerAuthentication in force is STRICT: 503 UC",
        (true, MutualTlsMode::Disable) => {
            "asks for mTLS, and the PeerAuthentication in force takes plain text only: 503 UC"
        }
        _ => return,
    };
    let added = report.add("T416", object, path, message, "let both say the same, or leave the mode out of this rule");
    if let Some(policy) = policy {
        added.related("the policy in force", policy.at, Some(&policy.id));
    }
}

/// Without automatic mTLS, clients of a STRICT mesh need a rule that makes them speak it.
fn without_rule(subject: &Subject<'_>, report: &mut Report) {
    if subject.mesh.config.enable_auto_mtls {
        return;
    }
    for policy in &subject.manifests.peer_authentications {
        if policy.spec.mode != MutualTlsMode::Strict || !policy.spec.selector.is_empty() {
            continue;
        }
        let is_mesh = policy.meta.namespace == subject.mesh.config.root_namespace;
        let mutual = |dr: &&Object<DestinationRule>| {
            let tls = dr.spec.traffic_policy.as_ref().and_then(|p| p.tls.as_ref());
            tls.is_some_and(|t| t.mode == ClientTlsMode::IstioMutual)
                && is_wildcard(&subject.fqdn(&dr.spec.host, &dr.meta.namespace))
                && (!is_mesh || !dr.spec.host.contains(".svc."))
        };
        if subject.manifests.destination_rules.iter().find(mutual).is_none() {
            let message = "STRICT, automatic mTLS is off, and no DestinationRule makes clients speak it: 503 UC";
            let hint = "add a DestinationRule with `tls: {mode: ISTIO_MUTUAL}` for the same range, or turn `enableAutoMtls` on";
            report.add("T416", (&policy.id, policy.at), "spec.mtls.mode", message, hint);
        }
    }
}
