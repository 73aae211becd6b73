//! What gateways need besides routes: certificates (R121) and verified tokens (R123).

use smol_str::SmolStr;

use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::{Report, similar};
use crate::analysis::checks::subject::Subject;
use crate::envoy::proxy::Proxy;
use crate::istio::mesh::VirtualService;
use crate::manifest::kinds::{Gateway, Object, Secret, Server, ServerTlsMode};

checks! {
    /// A server's certificate has to be a Secret in the namespace of the gateway's pods, with a certificate and a key in it;
    /// without it the TLS handshake of that server fails. Only names of Secrets and of their keys are read, never their data.
    R121 "Gateway credential missing or bad" Error needs[Gateways, Secrets] peers["IST0101", "IST0161"];

    /// A match asks for a claim of a token (`@request.auth.claims`), and no RequestAuthentication verifies tokens for the
    /// gateway's pods, in the root namespace or their own: the match never holds. Without any RequestAuthentication among the
    /// manifests this is possible, not proven.
    R123 "Claim routing without RequestAuthentication" Error needs[VirtualServices] peers["IST0149"];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    for gateway in &subject.mesh.gateways {
        for (i, server) in gateway.spec.servers.iter().enumerate() {
            credential(subject, gateway, i, server, report);
        }
    }
    for vs in &subject.mesh.virtual_services.all {
        claims(subject, vs, report);
    }
}

/// R121.
fn credential(subject: &Subject<'_>, gateway: &Object<Gateway>, index: usize, server: &Server, report: &mut Report) {
    let Some(tls) = server.tls.as_ref().filter(|t| !t.credential_name.is_empty()) else { return };
    let object = (&gateway.id, if server.at.is_known() { server.at } else { gateway.at });
    let path = format!("spec.servers[{index}].tls.credentialName");
    for proxy in subject.proxies_of(gateway) {
        // `kind://` names are no Secrets; `namespace/name` is one elsewhere.
        if tls.credential_name.contains("://") {
            continue;
        }
        let (namespace, name) = match tls.credential_name.split_once('/') {
            Some((namespace, name)) => (namespace, name),
            None => (proxy.namespace.as_str(), tls.credential_name.as_str()),
        };
        let secrets = &subject.manifests.secrets;
        let uncertain = subject.any_pod(&gateway.spec.selector).is_none();
        let Some(secret) = secrets.iter().find(|s| s.meta.namespace == namespace && s.meta.name == name) else {
            let elsewhere = secrets.iter().find(|s| s.meta.name == name);
            let names = secrets.iter().filter(|s| s.meta.namespace == namespace).map(|s| s.meta.name.as_str());
            let hint = match (elsewhere, similar(name, names)) {
                (Some(found), _) => {
                    format!("there is one in `{}`; it has to be in `{namespace}`", found.meta.namespace)
                }
                (None, Some(near)) => format!("did you mean `{near}`?"),
                (None, None) => format!("create it in `{namespace}`, where the gateway's pods are"),
            };
            let message = format!("there is no Secret `{namespace}/{name}`: TLS handshakes of this server fail");
            report.add("R121", object, path, message, hint).possible_if(uncertain);
            return;
        };
        if let Some(lacks) = lacks(&secret.spec, tls.mode == ServerTlsMode::Mutual, secrets, namespace, name) {
            let message = format!("Secret `{namespace}/{name}` has no {lacks}: TLS handshakes of this server fail");
            report.add("R121", object, path, message, "put it into the Secret").related(
                "the Secret",
                secret.at,
                Some(&secret.id),
            );
            return;
        }
    }
}

/// The key that a Secret has to have and hasn't.
fn lacks(
    secret: &Secret,
    client_certificates: bool,
    all: &[Object<Secret>],
    namespace: &str,
    name: &str,
) -> Option<&'static str> {
    let has = |key: &str| secret.keys.iter().any(|k| k == key);
    if !has("tls.crt") && !has("cert") {
        return Some("`tls.crt`");
    }
    if !has("tls.key") && !has("key") {
        return Some("`tls.key`");
    }
    let beside = format!("{name}-cacert");
    let in_other = || all.iter().any(|s| s.meta.namespace == namespace && s.meta.name == beside.as_str());
    (client_certificates && !has("ca.crt") && !has("cacert") && !in_other()).then_some("`ca.crt`")
}

/// R123.
fn claims(subject: &Subject<'_>, vs: &VirtualService, report: &mut Report) {
    let is_claim = |name: &str| name.get(..20).is_some_and(|p| p.eq_ignore_ascii_case("@request.auth.claims"));
    let root = &subject.mesh.config.root_namespace;
    let policies = &subject.manifests.request_authentications;
    let verified = |proxy: &Proxy| {
        let mut near = policies.iter().filter(|p| p.meta.namespace == *root || p.meta.namespace == proxy.namespace);
        near.any(|p| p.spec.selector.is_subset_of(&proxy.labels))
    };
    for rule in &vs.http {
        for (m, source) in rule.route.matches.iter().zip(&rule.match_sources) {
            let Some((name, _)) = m.headers.iter().chain(&m.without_headers).find(|(n, _)| is_claim(n)) else {
                continue;
            };
            let gateways = vs.gateways.iter().filter_map(|g| subject.gateways.get(g));
            let unverified = gateways.flat_map(|g| subject.proxies_of(g)).find(|p| !verified(p));
            let homeless = vs.gateways.iter().all(|g| !subject.gateways.contains_key(g));
            let verified_somewhere = policies.iter().any(|p| p.meta.namespace == *root);
            if unverified.is_none() && (!homeless || verified_somewhere) {
                continue;
            }
            let whose =
                unverified.map_or_else(|| "the gateway".to_owned(), |p| format!("the gateway in `{}`", p.namespace));
            let path = format!(
                "spec.http[{}].match[{}]",
                source.rule.unwrap_or_default(),
                source.match_index.unwrap_or_default()
            );
            let message = format!(
                "`{name}` needs a verified token, and there is no RequestAuthentication for {whose}: this never holds"
            );
            let home: &SmolStr = unverified.map_or(root, |p| &p.namespace);
            let hint = if *home == *root {
                format!("add a RequestAuthentication in `{root}`, where the gateway's pods are")
            } else {
                format!("add a RequestAuthentication in `{root}` or in `{home}`, the namespace of the gateway's pods")
            };
            report.add("R123", (&source.object, m.at), path, message, hint).possible_if(policies.is_empty());
        }
    }
}
