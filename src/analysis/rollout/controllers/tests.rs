//! Descriptions of rollouts in `tests/rollouts/` and what their controllers would write, as `NAME.expected` tells it: what the case
//! shows and where that is known from, the files it reads (all of its folder where it names none), findings, then the steps.
//! `UPDATE_EXPECT=1` rewrites all but the head. Then the laws that hold for every step.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::{Rollout, rollouts};
use crate::analysis::rollout::Step;
use crate::envoy::cluster_state::ClusterState;
use crate::envoy::table::{ClusterName, ForwardTo, RouteAction};
use crate::istio::translate::route_table;
use crate::manifest::diagnostic::place::Locator;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::kinds::{
    Destination, HttpRoute, HttpRouteDestination, Kind, Manifests, ObjectId, RouteDestination,
};
use crate::manifest::load;
use crate::manifest::source::SourceMap;
use crate::manifest::yaml;
use crate::traffic::workspace;

/// The line of a head that names the files of a case.
const FILES: &str = "# manifests:";

struct Case {
    expected: PathBuf,
    /// The comment that the expectation begins with.
    head: String,
    body: String,
    sources: SourceMap,
    manifests: Manifests,
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(cases);

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rollouts");
    let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter();
    let files = files.map(|entry| entry.expect("the folder is readable").into_path());
    files.filter(|path| path.extension().is_some_and(|e| e == "expected")).map(case).collect()
}

fn case(expected: PathBuf) -> Case {
    let text = std::fs::read_to_string(&expected).expect("the case is readable");
    let head: String = text.split_inclusive('\n').take_while(|line| line.starts_with('#')).collect();
    assert!(head.lines().any(|line| !line.starts_with(FILES)), "{}: say what the case shows", expected.display());
    let folder = expected.parent().expect("a folder");
    let named = head.lines().find_map(|line| line.strip_prefix(FILES));
    let mut files: Vec<PathBuf> = match named {
        Some(names) => names.split_whitespace().map(|name| folder.join(name)).collect(),
        None => std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect(),
    };
    files.retain(|path| path.extension().is_some_and(|e| e == "yaml" || e == "yml"));
    files.sort();
    let mut sources = SourceMap::default();
    let texts = files.iter().map(|path| (path, std::fs::read_to_string(path).expect("a manifest")));
    let ids: Vec<_> =
        texts.map(|(path, text)| sources.add(path.file_name().unwrap().to_string_lossy(), text)).collect();
    let loaded = load::read(&sources, &ids, &load::Options::default());
    let wrong: Vec<_> = loaded.findings.iter().filter(|f| f.severity == Severity::Error).collect();
    assert!(wrong.is_empty(), "{}: {wrong:?}", expected.display());
    let body = text.get(head.len()..).unwrap_or_default().to_owned();
    Case { expected, head, body, sources, manifests: loaded.manifests }
}

#[test]
fn controllers_write_what_their_documentation_says() {
    assert!(CASES.len() >= 25, "only {} cases were found", CASES.len());
    for case in CASES.iter() {
        let (found, findings) = rollouts(&case.sources, &case.manifests, &[]);
        let got = shown(&case.sources, &found, &findings);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&case.expected, format!("{}{got}", case.head)).expect("the case is writable");
        } else {
            assert_eq!(got, case.body, "{}", case.expected.display());
        }
        found.iter().for_each(|rollout| hold_laws(case, rollout));
    }
}

/// Names are unique, files too; each document is one object that the API server takes, and whose kind is read.
fn hold_laws(case: &Case, rollout: &Rollout) {
    let place = case.expected.display();
    for (i, step) in rollout.steps.iter().enumerate() {
        assert!(rollout.steps.iter().skip(i + 1).all(|other| other.name != step.name), "{place}: {} twice", step.name);
        let mut files: Vec<&str> = step.documents.iter().map(|d| d.file.as_str()).collect();
        files.sort_unstable();
        files.dedup();
        assert_eq!(files.len(), step.documents.len(), "{place}: {}", step.name);
        for document in &step.documents {
            let mut sources = SourceMap::default();
            let file = sources.add(document.file.as_str(), document.text.as_str());
            let loaded = load::read(&sources, &[file], &load::Options::default());
            assert_eq!(loaded.findings, [], "{place}: {}\n{}", step.name, document.text);
            let written = loaded.manifests.objects().filter(|o| o.id.kind != Kind::Pod).count();
            assert_eq!((loaded.documents, written), (1, 1), "{place}: {}\n{}", step.name, document.text);
        }
    }
}

/// A mistake that somebody may make in a line.
fn broken(text: &str, line: usize, how: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let at = line % lines.len().max(1);
    let edit = |line: &str| {
        let (key, _) = line.split_once(':').unwrap_or((line, ""));
        match how % 7 {
            0 => String::new(),
            1 => format!("{key}:"),
            2 => format!("{key}: [1, {{a: b}}]"),
            3 => format!("{key}: {{name: 7, replicas: -1}}"),
            4 => format!("{key}: 99999999999"),
            5 => format!("{key}: \"\\u0001 yes\""),
            _ => line.replace(char::is_numeric, "7"),
        }
    };
    let edited = lines.iter().enumerate().map(|(i, line)| if i == at { edit(line) } else { (*line).to_owned() });
    edited.collect::<Vec<_>>().join("\n")
}

proptest::proptest! {
    /// Whatever is wrong in the manifests, nothing panics, and what is written can be read.
    #[test]
    fn mistakes_are_survived(case in 0_usize..100, line in 0_usize..400, how in 0_usize..7) {
        let case = &CASES[case % CASES.len()];
        let mut sources = SourceMap::default();
        let files: Vec<_> =
            case.sources.iter().map(|(_, file)| sources.add(file.name.clone(), broken(&file.text, line, how))).collect();
        let manifests = load::read(&sources, &files, &load::Options::default()).manifests;
        let (found, findings) = rollouts(&sources, &manifests, &[]);
        let _ = shown(&sources, &[], &findings);
        for document in found.iter().flat_map(|rollout| &rollout.steps).flat_map(|step| &step.documents) {
            let raw = yaml::documents(&document.text);
            let read = raw.first().and_then(|raw| yaml::parse(raw, &yaml::Limits::default()).ok().flatten());
            proptest::prop_assert!(raw.len() == 1 && read.is_some(), "{}", document.text);
        }
    }
}

fn shown(sources: &SourceMap, found: &[Rollout], findings: &[Finding]) -> String {
    let mut out = String::new();
    let mut locator = Locator::new(sources);
    for finding in findings {
        let place = locator.find(finding).map_or_else(String::new, |p| format!("{}:{}", p.line, p.column));
        let severity = format!("{:?}", finding.severity).to_lowercase();
        let _ = writeln!(out, "{severity} {place} {}: {}", finding.path, finding.statement());
        if let Some(hint) = &finding.hint {
            let _ = writeln!(out, "  help: {hint}");
        }
    }
    for rollout in found {
        let _ = writeln!(out, "{}", rollout.name);
        for sentence in &rollout.not_evaluated {
            let _ = writeln!(out, "  {sentence}");
        }
        let mut before: Vec<String> = Vec::new();
        for step in &rollout.steps {
            let _ = writeln!(out, "{}", step.name);
            let mut now = lines_of(step);
            now.extend(lost(sources, step));
            for line in now.iter().filter(|line| !before.contains(line)) {
                let _ = writeln!(out, "  {line}");
            }
            for line in before.iter().filter(|line| !now.iter().any(|other| begin(other) == begin(line))) {
                let _ = writeln!(out, "  gone: {}", begin(line));
            }
            before = now;
            if step.removed != rollout.steps[0].removed {
                let _ = writeln!(out, "  removed: {}", ids(&step.removed));
            }
            if let Some(then) = &step.then {
                let _ = writeln!(out, "  then {then}");
            }
        }
        let _ = writeln!(out, "removed, where nothing else is said: {}", ids(&rollout.steps[0].removed));
    }
    out
}

fn ids(all: &[ObjectId]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What a line is about: all up to the first colon behind a blank.
fn begin(line: &str) -> &str {
    line.split(": ").next().unwrap_or(line)
}

/// What the documents of a step say, read as manifests are.
fn lines_of(step: &Step) -> Vec<String> {
    let mut sources = SourceMap::default();
    let files: Vec<_> = step.documents.iter().map(|d| sources.add(d.file.as_str(), d.text.as_str())).collect();
    let manifests = load::read(&sources, &files, &load::Options::default()).manifests;
    let mut out = Vec::new();
    for workload in &manifests.workloads {
        out.push(format!("{}: {} of {}", workload.id, workload.spec.replicas, workload.spec.labels));
    }
    for service in &manifests.services {
        let ports: Vec<String> = service.spec.ports.iter().map(|p| format!("{} {}", p.name, p.port)).collect();
        out.push(format!("{}: {} to {}", service.id, ports.join(", "), service.spec.selector));
    }
    for rule in &manifests.destination_rules {
        let subsets: Vec<String> = rule.spec.subsets.iter().map(|s| format!(" {} {}", s.name, s.labels)).collect();
        out.push(format!("{}: for {}{}", rule.id, rule.spec.host, subsets.join(";")));
    }
    for vs in &manifests.virtual_services {
        let (hosts, gateways) = (vs.spec.hosts.join(", "), vs.spec.gateways.join(", "));
        out.push(format!("{}: for {hosts} at {gateways}", vs.id));
        let http = vs.spec.http.iter().enumerate();
        out.extend(http.map(|(i, route)| format!("{} http[{i}]: {}", vs.id, http_route(route))));
        let tls = vs.spec.tls.iter().enumerate().map(|(i, r)| ("tls", i, &r.route));
        for (list, i, destinations) in tls.chain(vs.spec.tcp.iter().enumerate().map(|(i, r)| ("tcp", i, &r.route))) {
            let share = |d: &RouteDestination| {
                format!("{} {}", d.weight, d.destination.as_ref().map_or_else(String::new, target))
            };
            let shares: Vec<String> = destinations.iter().map(share).collect();
            out.push(format!("{} {list}[{i}]: {}", vs.id, shares.join(", ")));
        }
    }
    out
}

/// Where requests, or copies of them, are lost while the step is in force over the manifests.
fn lost(sources: &SourceMap, step: &Step) -> BTreeSet<String> {
    let mut inputs = workspace::Inputs::default();
    for (_, file) in sources.iter() {
        inputs.manifests.push(inputs.sources.add(file.name.clone(), file.text.clone()));
    }
    for document in &step.documents {
        let file = inputs.sources.add(document.file.as_str(), document.text.as_str());
        inputs.manifests.push(file);
        inputs.layers.insert(file, 1);
    }
    let options = workspace::Options {
        namespace: "default".into(),
        unknown_fields: load::UnknownFields::Error,
        skip_invalid: true,
        assume: workspace::Assume::AUTO,
        map_namespaces: Vec::new(),
        istio: workspace::Asked::default(),
        proxies: vec!["any".to_owned()],
    };
    let opened = workspace::open(inputs, &options).unwrap_or_else(|refused| panic!("{:?}", refused.findings));
    let refused = opened.findings.iter().filter(|finding| finding.is_rejection());
    let mut out: BTreeSet<String> = refused.map(|finding| format!("refused: {}", finding.statement())).collect();
    for proxy in &opened.proxies {
        let table = route_table(&opened.mesh, proxy);
        let hosts = table.route_configs.iter().flat_map(|config| &config.virtual_hosts);
        for route in hosts.flat_map(|host| host.routes.iter()).filter(|route| !route.config_path.is_empty()) {
            let RouteAction::Forward(forward) = &route.action else { continue };
            let clusters: Vec<&ClusterName> = match &forward.destination {
                ForwardTo::Cluster(one) => vec![&one.cluster],
                ForwardTo::Weighted(all) => all.iter().map(|one| &one.destination.cluster).collect(),
            };
            let copies = forward.mirrors.iter().map(|mirror| &mirror.destination.cluster);
            for cluster in clusters.into_iter().chain(copies) {
                if let Some(cause) = ClusterState::of(&table, cluster).cause() {
                    out.insert(format!("lost: {} {} to {cluster} ({})", route.operation, route.name, cause.id()));
                }
            }
        }
    }
    out
}

fn http_route(route: &HttpRoute) -> String {
    let share = |d: &HttpRouteDestination| {
        let to = d.destination.as_ref().map_or_else(String::new, target);
        let headers = d.headers.as_ref().map_or_else(String::new, |h| format!(" adding {:?}", h.response.add));
        format!("{} {to}{headers}", d.weight)
    };
    let shares: Vec<String> = route.route.iter().map(share).collect();
    let name = if route.name.is_empty() { String::new() } else { format!("{} ", route.name) };
    let mut out = format!("{name}{}", shares.join(", "));
    for one in &route.matches {
        let uri = one.uri.iter().map(|m| format!("uri {m:?}"));
        let method = one.method.iter().map(|m| format!("method {m:?}"));
        let headers = one.headers.iter().map(|(name, m)| format!("{name} {m:?}"));
        let all: Vec<String> = uri.chain(method).chain(headers).collect();
        let _ = write!(out, " if {}", all.join(" and "));
    }
    if let Some(mirror) = &route.mirror {
        let percentage = route.mirror_percentage.map_or(100.0, |p| p.0);
        let _ = write!(out, " copying {percentage} to {}", target(mirror));
    }
    if let Some(headers) = &route.headers {
        let _ = write!(out, " adding {:?}", headers.response.add);
    }
    out
}

fn target(destination: &Destination) -> String {
    let port = destination.port_number().map_or_else(String::new, |port| format!(":{port}"));
    let subset = if destination.subset.is_empty() { String::new() } else { format!("/{}", destination.subset) };
    format!("{}{port}{subset}", destination.host)
}
