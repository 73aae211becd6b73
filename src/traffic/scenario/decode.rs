//! From the node tree of scenario.yaml to a [`Scenario`].

use std::net::IpAddr;

use rustc_hash::FxHashSet;
use smol_str::SmolStr;

use super::decode_assumption::assumptions;
use super::decode_stream::stream;
use super::fields::{Fields, Reader, nearest};
use super::{FlagSetting, Scenario, ScenarioIstio, ScenarioPod, ScenarioProxy, ScenarioStep};
use crate::envoy::proxy::ProxyKind;
use crate::manifest::diagnostic::Finding;
use crate::manifest::load::PODS_MAX;
use crate::manifest::release::Release;
use crate::manifest::source::FileId;
use crate::manifest::yaml::{self, LineIndex, Node};

const SCENARIO: &[&str] = &[
    "apiVersion",
    "kind",
    "description",
    "rules",
    "manifests",
    "mesh",
    "proxies",
    "pods",
    "streams",
    "suppose",
    "steps",
    "tests",
    "properties",
    "istio",
    "envoy",
];

/// Reads the first document of `text`.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub(crate) fn decode(file: FileId, text: &str) -> Result<Scenario, Vec<Finding>> {
    let lines = LineIndex::new(text);
    let mut reader = Reader { what: "scenario", file, document: 0, lines: &lines, text, findings: Vec::new() };
    let mut scenario = Scenario::default();
    let mut documents = yaml::documents(text).into_iter();
    match documents.next().map(|raw| yaml::parse(&raw, &yaml::Limits::default())) {
        Some(Ok(Some(document))) => {
            for p in &document.problems {
                reader.problem(p.span, "", p.message.clone(), p.hint.clone());
            }
            top(&mut reader, &document.root, &mut scenario);
        }
        Some(Ok(None)) | None => {
            reader.problem(yaml::Span::default(), "", "the scenario is empty", None);
        }
        Some(Err(problems)) => {
            for p in problems {
                reader.problem(p.span, "", p.message, p.hint);
            }
        }
    }
    if reader.findings.is_empty() { Ok(scenario) } else { Err(reader.findings) }
}

fn top(r: &mut Reader<'_>, root: &Node<'_>, s: &mut Scenario) {
    let Some(f) = r.object(root, "", SCENARIO) else { return };
    expect(r, &f, "apiVersion", "towtank/v1");
    expect(r, &f, "kind", "Scenario");
    s.description = f.string(r, "description").unwrap_or_default().to_string();
    s.rules = strings(r, &f, "rules").unwrap_or_default().iter().map(ToString::to_string).collect();
    s.manifests = strings(r, &f, "manifests");
    if let Some((node, path)) = f.get("mesh") {
        s.has_mesh = true;
        if node.as_map().is_none() {
            r.problem(node.span, &path, "`mesh` must be an object of MeshConfig fields", None);
        }
    }
    s.has_tests = f.get("tests").is_some() || f.get("properties").is_some();
    each(r, &f, "proxies", |r, node, path| s.proxies.extend(proxy(r, node, path)));
    s.has_no_pods = f.get("pods").and_then(|(node, _)| node.as_seq()).is_some_and(<[_]>::is_empty);
    each(r, &f, "pods", |r, node, path| s.pods.extend(pod(r, node, path)));
    each(r, &f, "streams", |r, node, path| s.streams.extend(stream(r, node, path)));
    if let Some((node, path)) = f.get("suppose") {
        assumptions(r, node, &path, s.suppose.get_or_insert_default());
    }
    each(r, &f, "steps", |r, node, path| s.steps.extend(step(r, node, path)));
    unique(r, s.steps.iter().map(|p| (p.name.clone(), p.at)), "step");
    unique(r, s.proxies.iter().map(|p| (p.name.clone(), p.at)), "proxy");
    unique(r, s.streams.iter().map(|p| (p.name.clone(), p.at)), "stream");
    for stream in &s.streams {
        if !stream.proxy.is_empty()
            && !s.proxies.is_empty()
            && s.proxies.iter().all(|p| p.name != stream.proxy)
            && !stream.proxy.contains(':')
        {
            let names: Vec<&str> = s.proxies.iter().map(|p| p.name.as_str()).collect();
            let hint = nearest(&stream.proxy, &names)
                .map_or_else(|| format!("proxies: {}", names.join(", ")), |n| format!("did you mean `{n}`?"));
            let message =
                format!("stream `{}` names the proxy `{}`, which the scenario doesn't have", stream.name, stream.proxy);
            r.findings.push(
                Finding::new("scenario", crate::manifest::diagnostic::Severity::Error, message)
                    .at(stream.at)
                    .hint(hint),
            );
        }
    }
    s.istio = f.get("istio").and_then(|(node, path)| istio(r, node, &path));
    if let Some((node, path)) = f.get("envoy") {
        switches(r, node, &path, s);
    }
}

/// A release, or an object with a release, flags and a compatibility profile.
fn istio(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<ScenarioIstio> {
    if node.as_map().is_none() {
        return Some(ScenarioIstio { release: release(r, node, path), ..ScenarioIstio::default() });
    }
    let f = r.object(node, path, &["release", "env", "compatibilityVersion"])?;
    let mut istio = ScenarioIstio {
        release: f.get("release").and_then(|(n, p)| release(r, n, &p)),
        compatibility: f.get("compatibilityVersion").and_then(|(n, p)| release(r, n, &p)),
        env: Vec::new(),
    };
    if let Some((env, path)) = f.get("env") {
        let Some(entries) = env.as_map() else {
            r.wrong_kind(env, &path, "an object");
            return None;
        };
        for e in entries {
            match e.value.to_text() {
                Some(value) => {
                    let (name, at) = (SmolStr::new(&e.key), r.position(e.value.span));
                    istio.env.push(FlagSetting { name, value: SmolStr::new(value), at });
                }
                None => r.problem(e.value.span, &format!("{path}.{}", e.key), "a flag is true or false", None),
            }
        }
    }
    Some(istio)
}

/// A release as it is written: without quotes 1.30 is a number.
fn release(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Release> {
    let text = match node.as_str() {
        Some(text) => text,
        None if node.as_f64().is_some() => node.span.slice(r.text),
        None => {
            r.wrong_kind(node, path, "a release");
            return None;
        }
    };
    match text.parse::<Release>() {
        Ok(release) => Some(release),
        Err(unknown) => {
            r.problem(node.span, path, unknown.to_string(), None);
            None
        }
    }
}

/// Booleans, and one number; which names there are is known where the switches are used.
fn switches(r: &mut Reader<'_>, node: &Node<'_>, path: &str, s: &mut Scenario) {
    let Some(entries) = node.as_map() else {
        r.problem(node.span, path, "`envoy` must be an object of switches", None);
        return;
    };
    for e in entries {
        let value = match (e.value.as_bool(), e.value.as_i64()) {
            (Some(on), _) => on.into(),
            (None, Some(n)) => n.into(),
            _ => {
                r.problem(e.value.span, &format!("{path}.{}", e.key), "a switch is true, false or a number", None);
                continue;
            }
        };
        s.switches.insert(e.key.to_string(), value);
    }
}

fn expect(r: &mut Reader<'_>, f: &Fields<'_, '_>, key: &str, wanted: &str) {
    if let Some((node, path)) = f.require(r, key)
        && let Some(found) = r.string(node, &path)
        && found != wanted
    {
        r.problem(node.span, &path, format!("`{key}` is `{found}`"), Some(format!("write `{key}: {wanted}`")));
    }
}

fn unique(r: &mut Reader<'_>, names: impl Iterator<Item = (SmolStr, crate::manifest::source::Position)>, what: &str) {
    let mut seen = FxHashSet::default();
    for (name, at) in names {
        if !seen.insert(name.clone()) {
            let message = format!("two entries for the {what} `{name}`");
            r.findings.push(Finding::new("scenario", crate::manifest::diagnostic::Severity::Error, message).at(at));
        }
    }
}

pub(super) fn each(
    r: &mut Reader<'_>,
    f: &Fields<'_, '_>,
    key: &str,
    mut item: impl FnMut(&mut Reader<'_>, &Node<'_>, &str),
) {
    if let Some((node, path)) = f.get(key) {
        for (i, entry) in r.list(node, &path).iter().enumerate() {
            item(r, entry, &format!("{path}[{i}]"));
        }
    }
}

fn strings(r: &mut Reader<'_>, f: &Fields<'_, '_>, key: &str) -> Option<Vec<SmolStr>> {
    let (node, path) = f.get(key)?;
    let items = r.list(node, &path);
    Some(items.iter().enumerate().filter_map(|(i, n)| r.string(n, &format!("{path}[{i}]"))).collect())
}

pub(super) fn address(r: &mut Reader<'_>, f: &Fields<'_, '_>, key: &str) -> Option<IpAddr> {
    let (node, path) = f.get(key)?;
    let text = r.string(node, &path)?;
    let parsed = text.parse().ok();
    if parsed.is_none() {
        r.problem(node.span, &path, format!("`{text}` is not an IP address"), None);
    }
    parsed
}

fn step(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<ScenarioStep> {
    let f = r.object(node, path, &["name", "manifests"])?;
    let (name_node, name_path) = f.require(r, "name")?;
    let name = r.string(name_node, &name_path)?;
    f.require(r, "manifests")?;
    Some(ScenarioStep { name, manifests: strings(r, &f, "manifests")?, at: r.position(node.span) })
}

fn proxy(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<ScenarioProxy> {
    let f = r.object(node, path, &["name", "type", "namespace", "ip", "labels"])?;
    let (name_node, name_path) = f.require(r, "name")?;
    let name = r.string(name_node, &name_path)?;
    let kind = match f.get("type") {
        None => ProxyKind::Sidecar,
        Some((node, path)) => match r.string(node, &path)?.as_str() {
            "sidecar" => ProxyKind::Sidecar,
            "gateway" => ProxyKind::Gateway,
            other => {
                let message = format!("`{other}` is no type of proxy");
                r.problem(node.span, &path, message, Some("write `sidecar` or `gateway`".to_owned()));
                return None;
            }
        },
    };
    Some(ScenarioProxy {
        name,
        kind,
        namespace: f.string(r, "namespace").unwrap_or_default(),
        ip: address(r, &f, "ip"),
        labels: f.get("labels").map(|(n, p)| r.labels(n, &p)).unwrap_or_default(),
        at: r.position(node.span),
    })
}

fn pod(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<ScenarioPod> {
    let f = r.object(node, path, &["name", "namespace", "labels", "count", "ready"])?;
    let (name_node, name_path) = f.require(r, "name")?;
    let name = r.string(name_node, &name_path)?;
    let count = f.get("count").and_then(|(n, p)| {
        let count = r.count(n, &p, 0)?;
        if count > u64::from(PODS_MAX) {
            let message = format!("`{p}` is {count}, and an entry makes at most {PODS_MAX} pods");
            r.problem(n.span, &p, message, Some("write more entries, each with a name of its own".into()));
        }
        Some(count)
    });
    Some(ScenarioPod {
        name,
        namespace: f.string(r, "namespace").unwrap_or_default(),
        labels: f.get("labels").map(|(n, p)| r.labels(n, &p)).unwrap_or_default(),
        count: count.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
        ready: f.get("ready").and_then(|(n, p)| r.boolean(n, &p)).unwrap_or(true),
        at: r.position(node.span),
    })
}
