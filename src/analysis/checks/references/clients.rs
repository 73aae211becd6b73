//! Who a rule is for: R124, R125.

use rustc_hash::FxHashSet;

use crate::analysis::checks::registry::{Input, checks};
use crate::analysis::checks::report::{Report, similar};
use crate::analysis::checks::subject::{Known, Subject};
use crate::istio::clients::Client;
use crate::istio::mesh::{MESH_GATEWAY, VirtualService, is_wildcard, matches};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{Labels, ObjectId};
use crate::manifest::source::Position;

checks! {
    /// A match is for clients with certain labels, or of a certain namespace, and no such client is known. The source is
    /// compared with the labels of the client's own pod when its table is made.
    R124 "sourceLabels or sourceNamespace match no client" Warning needs[VirtualServices, Pods] peers[];

    /// A VirtualService for the mesh has a host that is no service. Such a host is served on port 80 only, as a leftover of
    /// old days; on every other port its requests are handled as those to any unknown host. An info where a gateway serves the host as
    /// well, or where no Service is given and the host may be known from elsewhere.
    R125 "In-mesh VirtualService host not in the registry" Warning needs[VirtualServices] peers[];
}

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let mut absent: FxHashSet<(&Labels, &str)> = FxHashSet::default();
    for vs in &subject.mesh.virtual_services.all {
        sources(subject, vs, &mut absent, report);
        if Subject::is_mesh(vs) {
            hosts(subject, vs, report);
        }
    }
}

/// Whom one match is for, and where that is written.
struct Clients<'a> {
    namespace: &'a str,
    labels: &'a Labels,
    object: &'a ObjectId,
    at: Position,
    path: String,
}

/// What each match of a VirtualService says about its clients, of whatever protocol.
fn clients(vs: &VirtualService) -> Vec<Clients<'_>> {
    let mut all = Vec::new();
    for rule in &vs.http {
        for (m, source) in rule.route.matches.iter().zip(&rule.match_sources) {
            let path = source
                .match_index
                .map_or_else(String::new, |i| format!("spec.http[{}].match[{i}]", source.rule.unwrap_or_default()));
            let (namespace, labels) = (m.source_namespace.as_str(), &m.source_labels);
            all.push(Clients { namespace, labels, object: &source.object, at: m.at, path });
        }
    }
    let object = &vs.object;
    for (r, rule) in vs.tls.iter().enumerate() {
        for (i, m) in rule.matches.iter().enumerate() {
            let (namespace, labels) = (m.source_namespace.as_str(), &m.source_labels);
            all.push(Clients { namespace, labels, object, at: m.at, path: format!("spec.tls[{r}].match[{i}]") });
        }
    }
    for (r, rule) in vs.tcp.iter().enumerate() {
        for (i, m) in rule.matches.iter().enumerate() {
            let (namespace, labels) = (m.source_namespace.as_str(), &m.source_labels);
            all.push(Clients { namespace, labels, object, at: m.at, path: format!("spec.tcp[{r}].match[{i}]") });
        }
    }
    all
}

fn sources<'a>(
    subject: &Subject<'a>,
    vs: &'a VirtualService,
    absent: &mut FxHashSet<(&'a Labels, &'a str)>,
    report: &mut Report,
) {
    for Clients { namespace, labels, object, at, path } in clients(vs) {
        let path = |field: &str| if path.is_empty() { String::new() } else { format!("{path}.{field}") };
        if !namespace.is_empty() && subject.namespaces.iter().all(|n| n != namespace) {
            let hint = match similar(namespace, subject.namespaces.iter().map(|n| n.as_str())) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a namespace that has clients".to_owned(),
            };
            let given = subject.has(Input::Namespaces);
            let message = if given {
                format!("there is no namespace `{namespace}`, so this match is for nobody")
            } else {
                format!("nothing of a namespace `{namespace}` is given: without it this match is for nobody")
            };
            report.add("R124", (object, at), path("sourceNamespace"), message, hint).possible_if(!given);
        }
        if labels.is_empty() || absent.contains(&(labels, namespace)) {
            continue;
        }
        let fits = |client: &Client| {
            labels.is_subset_of(&client.proxy.labels)
                && (namespace.is_empty() || client.proxy.namespace == namespace)
                && (vs.visibility.allows(&client.proxy.namespace) || !Subject::is_mesh(vs))
        };
        let proxies = subject.scenario.iter().flat_map(|s| &s.proxies);
        let found = subject.clients().any(fits) || proxies.into_iter().any(|p| labels.is_subset_of(&p.labels));
        if !found {
            absent.insert((labels, namespace));
            let message = format!("no known client that sees this VirtualService has the labels `{labels}`");
            let hint = "use labels that the clients' pods carry, or give the clients' workloads as well";
            report.add("R124", (object, at), path("sourceLabels"), message, hint);
        }
    }
}

/// R125.
fn hosts(subject: &Subject<'_>, vs: &VirtualService, report: &mut Report) {
    if vs.http.is_empty() {
        return;
    }
    let at_gateway = vs.gateways.iter().any(|g| *g != MESH_GATEWAY);
    let given = subject.has(Input::Services);
    for (i, host) in vs.hosts.iter().enumerate() {
        let is_service = if is_wildcard(host) {
            host == "*" || subject.mesh.services.iter().any(|s| matches(host, &s.hostname))
        } else {
            !matches!(subject.known(host), Known::Unknown)
        };
        // Names of the cluster are those of Services that are kept elsewhere, where none is given.
        if !given && subject.is_inside(host) {
            continue;
        }
        // An address is looked up by no name.
        if is_service || host.parse::<std::net::IpAddr>().is_ok() {
            continue;
        }
        let what = if given { "no service" } else { "no service that is given" };
        let message = format!("host `{host}` is {what}: in the mesh its rules act on port 80 only");
        let near = subject.similar_host(host);
        let hint = match near {
            Some(near) => {
                format!("did you mean `{near}`? Else add a ServiceEntry, or bind the VirtualService to a gateway alone")
            }
            None if at_gateway => "add a ServiceEntry for it, or bind the VirtualService to a gateway alone".to_owned(),
            None => "for requests from outside name their Gateway under `gateways`, else add a ServiceEntry".to_owned(),
        };
        // A host that a gateway serves as well may be meant for that alone.
        let severity = if !given || at_gateway && near.is_none() { Severity::Info } else { Severity::Warning };
        report
            .add("R125", (&vs.object, vs.at), format!("spec.hosts[{i}]"), message, hint)
            .severity(severity)
            .unless_repaired(subject.refused.host(host));
    }
}
