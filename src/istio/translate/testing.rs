//! Small meshes and short table texts for the tests of this room.

use std::sync::Arc;

use super::{Context, Parts, sidecar_routes};
use crate::envoy::proxy::{Proxy, ProxyKind};
use crate::envoy::table::{ForwardTo, Note, PathMatch, Route, RouteAction, RouteConfiguration, ValueMatch};
use crate::istio::mesh::Mesh;
use crate::manifest::kinds::Labels;
use crate::manifest::source::SourceMap;

/// A Service with an address; `ports` as `80` or `80,tcp:81`, names before the colon (`http` where there is none).
pub(crate) fn service(name: &str, namespace: &str, ports: &str) -> String {
    let port = |text: &str| {
        let (name, number) = text.split_once(':').unwrap_or(("http", text));
        format!("{{name: {name}-{number}, port: {number}}}")
    };
    let ports: Vec<String> = ports.split(',').map(port).collect();
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{ports: [{}]}}\n---\n",
        ports.join(", ")
    )
}

/// An Istio object; `name` is `NAME` or `NAMESPACE/NAME`, perhaps with ` YEAR` of its creation; `spec` is a flow mapping.
pub(crate) fn istio(kind: &str, name: &str, spec: &str) -> String {
    let (name, created) = match name.split_once(' ') {
        Some((name, year)) => (name, format!(", creationTimestamp: \"{year}-01-01T00:00:00Z\"")),
        None => (name, String::new()),
    };
    let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
    format!(
        "apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}{created}}}\nspec: {spec}\n---\n"
    )
}

/// A VirtualService, as [`istio`].
pub(crate) fn virtual_service(name: &str, spec: &str) -> String {
    istio("VirtualService", name, spec)
}

/// A mesh of the documents given, which must all be readable.
pub(crate) fn mesh(documents: &[String]) -> Mesh {
    let mut sources = SourceMap::default();
    let file = sources.add("test.yaml", documents.concat());
    let loaded = crate::manifest::load::read(&sources, &[file], &crate::manifest::load::Options::default());
    assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
    Mesh::build(loaded.manifests)
}

/// A sidecar; `labels` as `a=b,c=d`.
pub(crate) fn sidecar(namespace: &str, labels: &str) -> Arc<Proxy> {
    let label = |text: &str| text.split_once('=').map(|(k, v)| (k.into(), v.into()));
    let labels: Labels = labels.split(',').filter_map(label).collect();
    Arc::new(Proxy {
        name: "test".into(),
        kind: ProxyKind::Sidecar,
        namespace: namespace.into(),
        labels,
        ips: Vec::new(),
        node: "".into(),
        connection_settings: None,
    })
}

/// One table of a sidecar, with the notes that were made on the way.
pub(crate) fn table(mesh: &Mesh, proxy: &Arc<Proxy>, name: &str) -> (RouteConfiguration, Vec<Note>) {
    let parts = Parts::new(mesh);
    let cx = Context::new(&parts, proxy);
    let mut tables = sidecar_routes::route_configs(&cx, &[name.into()].into());
    assert_eq!(tables.len(), 1);
    (tables.remove(0), cx.into_notes())
}

/// The table of port 80 for a sidecar in `default`, as [`lines`].
pub(crate) fn lines_of_80(documents: &[String]) -> Vec<String> {
    lines(&table(&mesh(documents), &sidecar("default", ""), "80").0)
}

/// `VIRTUAL HOST | ROUTE; ROUTE` for each virtual host but the catch-all, without `.svc.cluster.local`.
pub(crate) fn lines(table: &RouteConfiguration) -> Vec<String> {
    let named = table.virtual_hosts.iter().filter(|v| v.name != "allow_any");
    named.map(|v| short(&format!("{} | {}", v.name, routes(&v.routes)))).collect()
}

/// The domains of one virtual host of a table, by its name without `.svc.cluster.local`.
pub(crate) fn domains(table: &RouteConfiguration, name: &str) -> Vec<String> {
    let found = table.virtual_hosts.iter().find(|v| short(&v.name) == name);
    found.map(|v| v.domains.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

/// `CONDITIONS > ACTION` of each route, parted by `; `.
pub(crate) fn routes(routes: &[Arc<Route>]) -> String {
    let all: Vec<String> = routes.iter().map(|r| short(&format!("{} > {}", conditions(r), action(r)))).collect();
    all.join("; ")
}

/// `/x*` is a prefix, `/x` exact, `~x` a regex; then conditions on headers, `!` before inverted ones.
pub(crate) fn conditions(route: &Route) -> String {
    let mut out = match &route.matcher.path {
        PathMatch::Prefix(prefix) => format!("{prefix}*"),
        PathMatch::Exact(path) => path.to_string(),
        PathMatch::Regex(regex) => format!("~{regex}"),
        PathMatch::Connect => "CONNECT".to_owned(),
    };
    for header in &route.matcher.headers {
        let not = if header.invert { "!" } else { "" };
        out.push_str(&format!(" {not}{}{}", header.name, value(&header.test)));
    }
    for parameter in &route.matcher.query_parameters {
        out.push_str(&format!(" ?{}{}", parameter.name, value(&parameter.test)));
    }
    out
}

fn value(test: &ValueMatch) -> String {
    match test {
        ValueMatch::Present => String::new(),
        ValueMatch::Exact(text) => format!("={text}"),
        ValueMatch::Prefix(text) => format!("={text}*"),
        ValueMatch::Regex(text) => format!("~{text}"),
    }
}

fn action(route: &Route) -> String {
    match &route.action {
        RouteAction::Forward(forward) => match &forward.destination {
            ForwardTo::Cluster(destination) => destination.cluster.to_string(),
            ForwardTo::Weighted(clusters) => {
                let parts: Vec<String> =
                    clusters.iter().map(|c| format!("{}:{}", c.weight, c.destination.cluster)).collect();
                parts.join(" ")
            }
        },
        RouteAction::Redirect(redirect) => format!("redirect {}", redirect.status),
        RouteAction::DirectResponse(direct) => direct.status.to_string(),
        RouteAction::Nothing => "nothing".to_owned(),
    }
}

/// Without the endings that only make texts long.
pub(crate) fn short(text: &str) -> String {
    text.replace(".default.svc.cluster.local", "").replace(".svc.cluster.local", "")
}

/// `RULE MESSAGE` of each note.
pub(crate) fn note_texts(notes: &[Note]) -> Vec<String> {
    notes.iter().map(|n| short(&format!("{} {}", n.rule, n.message))).collect()
}
