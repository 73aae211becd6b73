//! Gateways: R111 to R115, R120.

use smol_str::SmolStr;

use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::{Report, similar};
use crate::analysis::checks::subject::{Known, Subject};
use crate::istio::mesh::{MESH_GATEWAY, Protocol, VirtualService, is_subset_of};
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::{Gateway, Object, Server, ServerTlsMode};
use crate::order::Order as _;

checks! {
    /// `spec.gateways` names a Gateway that is not among the manifests. The VirtualService is not bound there; where it
    /// names nothing else, it has no effect anywhere, in the mesh neither.
    ///
    /// A name without namespace means the namespace of the VirtualService, not that of the gateway's pods.
    R111 "Gateway not found" Error needs[VirtualServices, Gateways] peers["IST0101", "KIA1102"];

    /// A match names a gateway (or `mesh`) that `spec.gateways` lacks; leaving `spec.gateways` out means `[mesh]`. The
    /// match is never built, as if it were not there.
    R112 "Match gateway outside spec.gateways" Error needs[VirtualServices] peers["KIA1102"];

    /// No server of the Gateway admits a host of the VirtualService: requests for it get 404 NR there. A server admits the
    /// hosts it lists, for the namespaces it lists them for, and http rules need a server that speaks HTTP in the end.
    ///
    /// An info where the host is a service, the rules are for the mesh too, and the Gateway admits another host of theirs:
    /// then this host may be meant for the mesh alone.
    R113 "VirtualService host not admitted by the Gateway" Warning needs[VirtualServices, Gateways] peers["IST0132"];

    /// `spec.gateways` names one of the Gateways that Istio generates from Kubernetes Gateways. Such names are its own
    /// affair; admission refuses them. Attach an HTTPRoute to the Kubernetes Gateway instead.
    R114 "Reference to a generated gateway" Warning needs[] peers["IST0165"];

    /// A gateway is named in the old form with dots (`edge.istio-system.svc.cluster.local`). It is still read; write
    /// `istio-system/edge`.
    R115 "Old gateway name form" Info needs[VirtualServices] peers["IST0133", "KIA1108"];

    /// No pod carries the labels of the Gateway's selector, in whatever namespace: nothing listens for its servers.
    R120 "Gateway selector matches nothing" Error needs[Gateways, Pods] peers["IST0101", "KIA0302"];

}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    for vs in &subject.manifests.virtual_services {
        let Some(resolved) = subject.resolved.get(&vs.id) else { continue };
        let object = (&vs.id, vs.at);
        for (i, (written, name)) in vs.spec.gateways.iter().zip(&resolved.gateways).enumerate() {
            if *name == MESH_GATEWAY {
                continue;
            }
            let path = format!("spec.gateways[{i}]");
            if !written.contains('/') && written.contains('.') {
                let message = format!("gateway `{written}` is written in the old form");
                report.add("R115", object, path.clone(), message, format!("write `{name}`"));
            }
            match subject.gateways.get(name) {
                None => unknown_gateway(subject, object, path, written, name, resolved, report),
                Some(gateway) => not_admitted(subject, resolved, gateway, object, report),
            }
        }
        outside(resolved, vs.at, report);
    }
    no_workload(subject, report);
}

/// R120. Gateways' pods are often installed by other means than the manifests that are looked at: it is proven only where
/// pods of some gateway, or of the root namespace, are among them.
fn no_workload(subject: &Subject<'_>, report: &mut Report) {
    let found: Vec<(&Object<Gateway>, bool)> = subject
        .manifests
        .gateways
        .iter()
        .filter(|g| !g.spec.selector.is_empty())
        .map(|g| (g, subject.any_pod(&g.spec.selector).is_some()))
        .collect();
    let root = &subject.mesh.config.root_namespace;
    let gateways_are_given =
        found.iter().any(|(_, has_pods)| *has_pods) || subject.pod_namespaces.binary_search(&root).is_ok();
    for (gateway, _) in found.iter().filter(|(_, has_pods)| !has_pods) {
        let selector = &gateway.spec.selector;
        let object = (&gateway.id, gateway.at);
        if gateways_are_given {
            let message = format!("no pod has the labels `{selector}`, so nothing listens for this Gateway");
            let hint = "use the labels of the gateway's pods (often `istio: ingressgateway`)";
            report.add("R120", object, "spec.selector", message, hint);
        } else if !subject.pod_namespaces.is_empty() {
            let message =
                format!("no pod among the manifests has the labels `{selector}`, nor is any gateway's pod there");
            let hint = "give the gateway's pods too, to have this decided";
            report.add("R120", object, "spec.selector", message, hint).severity(Severity::Info).possible();
        }
    }
}

fn unknown_gateway(
    subject: &Subject<'_>,
    object: (&crate::manifest::kinds::ObjectId, crate::manifest::source::Position),
    path: String,
    written: &str,
    name: &SmolStr,
    vs: &VirtualService,
    report: &mut Report,
) {
    let short = name.split_once('/').map_or(name.as_str(), |(_, n)| n);
    let mut namesakes: Vec<&SmolStr> =
        subject.gateways.keys().filter(|g| g.split_once('/').is_some_and(|(_, n)| n == short)).collect();
    namesakes.order();
    let mut names: Vec<&str> = subject.gateways.keys().map(SmolStr::as_str).collect();
    names.order_alike();
    let hint = match (namesakes.first(), similar(name, names.into_iter())) {
        (Some(found), _) => format!("write `{found}`"),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => "create the Gateway, or remove the entry".to_owned(),
    };
    let rest = if vs.gateways.len() == 1 { "; the VirtualService has no effect anywhere" } else { "" };
    let message = if written == name.as_str() {
        format!("there is no Gateway `{name}`{rest}")
    } else {
        format!("gateway `{written}` means `{name}`, which is no Gateway{rest}")
    };
    report.add("R111", object, path, message, hint).unless_repaired(subject.refused.gateway(name));
}

/// R112.
fn outside(vs: &VirtualService, at: crate::manifest::source::Position, report: &mut Report) {
    let mut lone = |object: &crate::manifest::kinds::ObjectId, at, path: String, names: &[SmolStr]| {
        for name in names.iter().filter(|n| !vs.gateways.contains(n)) {
            let message = format!(
                "match names gateway `{name}`, which `spec.gateways` of {} lacks: this match is never built there",
                vs.object
            );
            let hint =
                format!("add `{name}` to `spec.gateways` (leaving that out means `mesh`), or take it out of the match");
            report.add("R112", (object, at), path.clone(), message, hint);
        }
    };
    for rule in &vs.http {
        for (m, source) in rule.route.matches.iter().zip(&rule.match_sources) {
            let (r, i) = (source.rule.unwrap_or_default(), source.match_index);
            let path = i.map_or_else(|| format!("spec.http[{r}]"), |i| format!("spec.http[{r}].match[{i}].gateways"));
            lone(&source.object, m.at, path, &m.gateways);
        }
    }
    for (r, rule) in vs.tls.iter().enumerate() {
        for (i, m) in rule.matches.iter().enumerate() {
            lone(
                &vs.object,
                if m.at.is_known() { m.at } else { at },
                format!("spec.tls[{r}].match[{i}].gateways"),
                &m.gateways,
            );
        }
    }
    for (r, rule) in vs.tcp.iter().enumerate() {
        for (i, m) in rule.matches.iter().enumerate() {
            lone(
                &vs.object,
                if m.at.is_known() { m.at } else { at },
                format!("spec.tcp[{r}].match[{i}].gateways"),
                &m.gateways,
            );
        }
    }
}

/// R113.
fn not_admitted(
    subject: &Subject<'_>,
    vs: &VirtualService,
    gateway: &Object<Gateway>,
    object: (&crate::manifest::kinds::ObjectId, crate::manifest::source::Position),
    report: &mut Report,
) {
    let namespace = &vs.object.namespace;
    let fitting = |host: &str| -> Vec<&Server> {
        gateway.spec.servers.iter().filter(|s| admits(s, host, namespace, &gateway.meta.namespace)).collect()
    };
    let is_mesh = Subject::is_mesh(vs);
    let any = std::cell::OnceCell::new();
    let any_fits = || *any.get_or_init(|| vs.hosts.iter().any(|h| !fitting(h).is_empty()));
    for (i, host) in vs.hosts.iter().enumerate() {
        let fitting = fitting(host);
        let path = format!("spec.hosts[{i}]");
        if fitting.is_empty() {
            let message =
                format!("no server of {} admits host `{host}` for namespace `{namespace}`: 404 NR there", gateway.id);
            let (severity, hint) = if !any_fits() {
                (Severity::Warning, "add a host to a server, or take the Gateway out of `spec.gateways`")
            } else if is_mesh && !matches!(subject.known(host), Known::Unknown) {
                (Severity::Info, "fine if the host is meant for the mesh alone; else add it to a server")
            } else if is_mesh {
                (Severity::Warning, "add the host to a server, unless it is meant for the mesh alone")
            } else {
                (Severity::Warning, "add the host to a server, or take it out of here")
            };
            report.add("R113", object, path, message, hint).severity(severity).related(
                "the Gateway",
                gateway.at,
                Some(&gateway.id),
            );
        } else if !vs.http.is_empty()
            && vs.tls.is_empty()
            && vs.tcp.is_empty()
            && !fitting.iter().any(|s| speaks_http(s))
            && fitting.iter().all(|s| !is_passthrough(s))
        {
            let message = format!(
                "only servers of {} that don't end in HTTP admit host `{host}`: its http rules don't act there",
                gateway.id
            );
            report.add("R113", object, path, message, "add an HTTP server for the host").related(
                "the Gateway",
                gateway.at,
                Some(&gateway.id),
            );
        }
    }
}

/// Whether a server takes a host of a VirtualService in `namespace` (GW-2, GW-7).
pub(in crate::analysis::checks) fn admits(server: &Server, host: &str, namespace: &str, own: &str) -> bool {
    server.hosts.iter().any(|entry| {
        let (wanted, name) = match entry.split_once('/') {
            Some(("*", name)) => (None, name),
            Some((".", name)) => (Some(own), name),
            Some((n, name)) => (Some(n), name),
            None => (None, entry.as_str()),
        };
        wanted.is_none_or(|n| n == namespace) && (is_subset_of(host, name) || is_subset_of(name, host))
    })
}

fn protocol(server: &Server) -> Protocol {
    server.port.as_ref().map_or(Protocol::Unsupported, |p| Protocol::parse(&p.protocol))
}

pub(in crate::analysis::checks) fn is_passthrough(server: &Server) -> bool {
    let tls = server.tls.as_ref();
    tls.is_some_and(|t| {
        matches!(t.mode, ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough) && !t.https_redirect
    })
}

/// The server has a route table: HTTP, or HTTPS that is ended here.
pub(in crate::analysis::checks) fn speaks_http(server: &Server) -> bool {
    let protocol = protocol(server);
    protocol.is_http() || (protocol == Protocol::Https && server.tls.is_some() && !is_passthrough(server))
}

/// R114: admission refuses the `~` of such a name and so the whole object; this says what the name is.
pub(in crate::analysis::checks) fn generated(earlier: &[Finding], report: &mut Report) {
    for f in earlier.iter().filter(|f| f.id == "M114" && f.message.contains("~istio-autogenerated-k8s-gateway~")) {
        let Some(object) = &f.object else { continue };
        let message = "this is the name of a Gateway that Istio generates from a Kubernetes Gateway";
        let hint = "attach an HTTPRoute to the Kubernetes Gateway, or name a Gateway of your own";
        report.add("R114", (object, f.at), f.path.clone(), message, hint);
    }
}
