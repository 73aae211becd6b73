//! What is held of plans: recorded transitions of a real Envoy, and laws on generated changes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_yaml::Value;

use super::accident::fates;
use super::ground::{Ends, Ground, State};
use super::item::{Parted, Road, between, between_versions, settle_addresses};
use super::plan::{Setting, plan};
use super::*;
use crate::analysis::diff::mutations::Mutation;
use crate::analysis::diff::{self, Effort, Meshes, fate};
use crate::envoy::decision::{Detail, decide};
use crate::envoy::outcome::Outcome;
use crate::envoy::request::Request;
use crate::envoy::router::{Router, Switches};
use crate::envoy::table::RouteTable;
use crate::istio::clients::{Alike, Client, PointsOfView};
use crate::istio::mesh::Mesh;
use crate::istio::translate;
use crate::manifest::kinds::Manifests;
use crate::manifest::load::{Options as LoadOptions, prints};
use crate::manifest::source::{FileId, SourceMap};
use crate::testing::{folders, inputs_of};
use crate::tool::files;
use crate::traffic::request_text::parse_json_lines;
use crate::traffic::workspace::{self, Asked, Assume, Inputs, Options, Workspace};

struct Opened {
    workspace: Workspace,
    manifests: Manifests,
    files: Vec<FileId>,
}

fn options(proxies: &[String]) -> Options {
    Options {
        namespace: "default".into(),
        unknown_fields: crate::manifest::load::UnknownFields::Warn,
        skip_invalid: true,
        assume: Assume::AUTO,
        map_namespaces: Vec::new(),
        istio: Asked::default(),
        proxies: proxies.to_vec(),
    }
}

/// Opens texts of several meshes, whose places can be told apart.
fn open(all: Vec<Inputs>, proxies: &[String]) -> Option<Vec<Opened>> {
    let mut sources = SourceMap::default();
    let mut behind = Vec::new();
    for inputs in all {
        let inputs = inputs.behind(&sources);
        sources = inputs.sources.clone();
        behind.push(inputs);
    }
    let open = |inputs: Inputs| {
        let inputs = Inputs { sources: sources.clone(), ..inputs };
        let files = inputs.manifests.clone();
        let (workspace, manifests) = workspace::open_keeping(inputs, &options(proxies)).ok()?;
        Some(Opened { workspace, manifests, files })
    };
    let mut opened: Vec<Opened> = behind.into_iter().map(open).collect::<Option<_>>()?;
    settle_addresses(&mut opened.iter_mut().map(|o| &mut o.manifests).collect::<Vec<_>>());
    Some(opened)
}

fn recorded() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transitions");
    let all = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path());
    let mut found: Vec<PathBuf> = all.filter(|p| p.is_dir()).collect();
    found.sort();
    assert!(found.len() >= 12, "{found:?}");
    found
}

fn text<'v>(of: &'v Value, key: &str) -> &'v str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The shares of requests that are lost, by flag, and of those that are served.
fn shares(table: RouteTable, request: &Request) -> Vec<(String, f64)> {
    let router = Router::new(Arc::new(table), &Switches::default());
    let decision = decide(&router, request, Detail::Outcome);
    let mut out: Vec<(String, f64)> = Vec::new();
    for c in decision.clusters.iter() {
        let name = match c.outcome {
            Outcome::NoCluster => "503 NC",
            Outcome::NoEndpoints => "503 UH",
            _ => "200 -",
        };
        match out.iter_mut().find(|(n, _)| n == name) {
            Some((_, share)) => *share += c.share,
            None => out.push((name.to_owned(), c.share)),
        }
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

/// TR-1 to TR-8: what Envoy answered at each stage of a change is what tables give that hold the clusters of one state and the
/// routes of another; and the windows of it are the accidents that are found on the way.
#[test]
fn tr_8_recorded_windows_are_found() {
    for folder in recorded() {
        let at = folder.file_name().unwrap().to_string_lossy().into_owned();
        let case: Value = serde_yaml::from_str(&std::fs::read_to_string(folder.join("case.yaml")).unwrap()).unwrap();
        let list = |key: &str| case.get(key).and_then(Value::as_sequence).unwrap().clone();
        let names: Vec<String> = list("states").iter().map(|s| s.as_str().unwrap().to_owned()).collect();
        let inputs = |name: &String| {
            let mut inputs = Inputs::default();
            inputs.manifests = files::add_paths(&mut inputs.sources, &[folder.join(name)]).0;
            inputs
        };
        let opened = open(names.iter().map(inputs).collect(), &["sidecar:default:app=client".to_owned()]).unwrap();
        let proxy = opened[0].workspace.proxies[0].clone();
        let tables: Vec<RouteTable> =
            opened.iter().map(|o| translate::route_table(&o.workspace.mesh, &proxy)).collect();
        let state = |name: &str| names.iter().position(|n| n == name).unwrap();
        let request = parse_json_lines(r#"{"method":"GET","authority":"reviews:9080","path":"/"}"#).0.remove(0);
        let mut windows: BTreeSet<String> = BTreeSet::new();
        for (n, stage) in list("stages").iter().enumerate() {
            let warming = stage.get("warming").and_then(Value::as_sequence).cloned().unwrap_or_default();
            let mut clusters = tables[state(text(stage, "clusters"))].clusters.to_vec();
            clusters.retain(|c| c.name.parts().is_none_or(|(_, subset, _)| !warming.contains(&Value::from(subset))));
            let table = RouteTable { clusters: clusters.into(), ..tables[state(text(stage, "routes"))].clone() };
            let mut expected: Vec<(String, f64)> = Vec::new();
            for (key, share) in stage.get("expect").and_then(Value::as_mapping).unwrap() {
                expected.push((key.as_str().unwrap().to_owned(), share.as_f64().unwrap()));
            }
            expected.sort_by(|a, b| a.0.cmp(&b.0));
            assert_eq!(shares(table, &request), expected, "{at} stage {n}");
            if n > 0 && stage.get("window").and_then(Value::as_bool) == Some(true) {
                let lost: f64 = expected.iter().filter(|(k, _)| k != "200 -").map(|(_, s)| s).sum();
                windows.insert(format!("{lost:.3}"));
            }
        }
        let whole: Vec<Manifests> = opened.iter().skip(1).map(|o| o.manifests.clone()).collect();
        let gone: Vec<Vec<_>> = whole
            .iter()
            .map(|m| {
                let there: BTreeSet<_> = m.objects().map(|h| h.id.clone()).collect();
                opened[0].manifests.objects().map(|h| h.id.clone()).filter(|id| !there.contains(id)).collect()
            })
            .collect();
        let gone: Vec<&[_]> = gone.iter().map(Vec::as_slice).collect();
        let Road { parted: Parted { base, items }, states } =
            between_versions(&opened[0].workspace.sources, &opened[0].manifests, &whole, &gone);
        let switches = Switches::default();
        let ground = Ground::new(items.iter().collect(), base, &switches, (&[], "default"), &states)
            .seen_by(PointsOfView::of_proxies(std::slice::from_ref(&proxy)));
        let ends = [states.first().unwrap(), states.last().unwrap()];
        let mut found: BTreeSet<String> = BTreeSet::new();
        for (from, to) in states.iter().zip(states.iter().skip(1)) {
            let push = ground.push(from, to, ends);
            for accident in ground.verdict(to, ends).iter().chain(push.accidents()) {
                assert!(accident.is_proven(), "{at}: {accident:?}");
                found.insert(format!("{:.3}", accident.share));
            }
        }
        assert_eq!(found, windows, "{at}");
    }
}

/// What is known of one pair of meshes.
struct Pair {
    sides: Vec<Opened>,
    plan: Plan,
    clients: Vec<Client>,
}

fn planned(folder: &Path, mutations: &[Mutation]) -> Option<Pair> {
    let edit = |text: String| mutations.iter().fold(text, |text, m| m.apply(&text).unwrap_or(text));
    planned_of(vec![inputs_of(folder, edit), inputs_of(folder, |text| text)], &["any".to_owned()])
}

fn planned_of(inputs: Vec<Inputs>, proxies: &[String]) -> Option<Pair> {
    let sides = open(inputs, proxies)?;
    let [old, new] = sides.as_slice() else { return None };
    let parted = parted(old, new);
    let clients: Vec<Client> = new.workspace.clients.iter().chain(&old.workspace.clients).cloned().collect();
    let alike = Alike::of(&clients, &[&new.workspace.mesh, &old.workspace.mesh], "default");
    let setting = Setting {
        sources: &new.workspace.sources,
        options: &LoadOptions::default(),
        switches: &Switches::default(),
        clients: &clients,
        alike: Some(&alike),
        points: None,
        namespace: "default",
    };
    let plan = plan(parted, &setting);
    Some(Pair { sides, plan, clients })
}

/// The pairs of meshes that laws are held against, every seventh of all there are, or all with `TOWTANK_EVERY_CASE`; every other one
/// is a subset that gets another name in one file, where no order is safe.
fn pairs() -> impl Iterator<Item = (String, Pair)> {
    let step = if std::env::var_os("TOWTANK_EVERY_CASE").is_some() { 1 } else { 7 };
    folders().into_iter().enumerate().step_by(step).filter_map(|(n, folder)| {
        let renamed = [Mutation::Edit("subset: v1", "subset: v9", 0), Mutation::Edit("name: v1", "name: v9", 0)];
        let mixed = [Mutation::number(n), Mutation::number(n + 7), Mutation::number(n * 3 + 1)];
        let mutations: &[Mutation] = if n % 2 == 0 { &renamed } else { &mixed };
        let pair = planned(&folder, mutations)?;
        (!pair.plan.items.is_empty()).then(|| (format!("{} {mutations:?}", folder.display()), pair))
    })
}

/// Laws of plans, each held against all pairs.
#[test]
fn plans_hold_what_they_say() {
    let mut seen = Seen::default();
    for (at, pair) in pairs() {
        seen.pairs += 1;
        a_safe_plan_has_no_state_that_loses_anything(&pair, &at, &mut seen);
        an_unsafe_order_has_a_request_that_is_lost(&pair, &at, &mut seen);
        parts_say_what_the_whole_mesh_says(&pair, &at, &mut seen);
        every_item_is_in_one_group(&pair, &at);
    }
    assert!(seen.pairs > 30 && seen.safe > 20 && seen.states > seen.safe, "{seen:?}");
    assert!(seen.confirmed > 5 && seen.compared > 15, "{seen:?}");
}

/// How much was held against the laws, so that none of them is held against nothing.
#[derive(Debug, Default)]
struct Seen {
    pairs: usize,
    safe: usize,
    states: usize,
    confirmed: usize,
    compared: usize,
}

fn parted(old: &Opened, new: &Opened) -> Parted {
    let sources = &new.workspace.sources;
    let prints = prints([old, new].map(|s| (sources, s.files.as_slice())), "default");
    between(&prints, [&old.manifests, &new.manifests])
}

/// The whole mesh in a state, which the plan never looked at.
fn whole(pair: &Pair, state: &State) -> Mesh {
    let [old, new] = pair.sides.as_slice() else { panic!("two sides") };
    let Parted { mut base, .. } = parted(old, new);
    for (item, version) in pair.plan.items.iter().zip(state) {
        item.versions[usize::from(*version)].add_to(&mut base);
    }
    Mesh::build(base)
}

/// An order that is called safe has no state in which a request is lost that is served at both ends: held by a comparison of the
/// whole meshes, on which no plan is made.
fn a_safe_plan_has_no_state_that_loses_anything(pair: &Pair, at: &str, seen: &mut Seen) {
    let Safe::Waves { waves, .. } = &pair.plan.safe else { return };
    seen.safe += 1;
    let mut state: State = vec![0; pair.plan.items.len()];
    let ends = [whole(pair, &state), whole(pair, &vec![1; pair.plan.items.len()])];
    for wave in waves {
        for action in wave {
            state[action.item] = action.version;
        }
        seen.states += 1;
        if seen.states.is_multiple_of(4) {
            a_way_back_bears_on_what_the_whole_mesh_says(pair, &state, &ends[0], at);
        }
        if state.iter().any(|v| *v != 1) {
            no_harm(pair, &whole(pair, &state), &ends, at);
        }
    }
    assert!(state.iter().all(|v| *v == 1), "{at}: {waves:?}");
}

/// The blast radius of a way back has all hosts that a comparison of the whole meshes finds.
fn a_way_back_bears_on_what_the_whole_mesh_says(pair: &Pair, state: &State, old: &Mesh, at: &str) {
    let states = pair.plan.back.iter().zip(stations(&pair.plan));
    let Some((back, _)) = states.into_iter().find(|(_, known)| known == state) else { return };
    let switches = Switches::default();
    let (then, points) = (whole(pair, state), pair.sides[1].workspace.points_beside(&pair.sides[0].workspace));
    let proxies = Meshes::new((&then, &switches), (old, &switches)).diff(&points, Effort::default());
    let changes = proxies.iter().flat_map(|p| &p.changes).filter(|c| !c.is_minor() && c.is_proven());
    let missing: Vec<_> = changes.map(|c| c.host()).filter(|h| !back.radius.hosts.contains(h)).collect();
    assert!(missing.is_empty(), "{at}: {missing:?} are not in {:?}", back.radius);
}

/// The states after each wave of a safe way.
fn stations(plan: &Plan) -> Vec<State> {
    let Safe::Waves { waves, .. } = &plan.safe else { return Vec::new() };
    let mut state: State = vec![0; plan.items.len()];
    let after = |wave: &Vec<Action>| {
        wave.iter().for_each(|a| state[a.item] = a.version);
        state.clone()
    };
    waves.iter().map(after).collect()
}

fn no_harm(pair: &Pair, then: &Mesh, [old, new]: &[Mesh; 2], at: &str) {
    let switches = Switches::default();
    let points = pair.sides[1].workspace.points_beside(&pair.sides[0].workspace);
    let [before, after] = [old, new].map(|end| Meshes::new((end, &switches), (then, &switches)));
    for class in &points.classes {
        let [a, x] = before.sides([&class.proxy, &class.proxy]);
        let [b, _] = after.sides([&class.proxy, &class.proxy]);
        for change in before.tables([&a, &x], Effort::default()).changes {
            let Some(witness) = &change.witness else { continue };
            let fates = fates(&x, Ends { before: &a, after: &b }, witness);
            assert_eq!(fates.harm, None, "{at}: {witness:?}");
        }
    }
}

/// An order that is called unsafe has a witness that the router of that state confirms.
fn an_unsafe_order_has_a_request_that_is_lost(pair: &Pair, at: &str, seen: &mut Seen) {
    for order in &pair.plan.orders {
        let mut states: Vec<State> = vec![vec![0; pair.plan.items.len()]];
        for action in &order.actions {
            let mut next = states.last().unwrap().clone();
            next[action.item] = action.version;
            states.push(next);
        }
        for (window, audience) in order.windows.iter().filter(|(w, _)| w.accident.is_proven()).take(2) {
            let Moment::Between { after, .. } = window.moment else { continue };
            let witness = window.accident.witness.as_ref().unwrap();
            let mesh = whole(pair, &states[after]);
            let known = pair.clients.iter().map(|c| &c.proxy).chain(pair.sides[1].workspace.points.proxies());
            let Some(proxy) = known.into_iter().find(|p| p.name == audience.first()) else { continue };
            let table = translate::route_table(&mesh, proxy);
            let side = diff::Side::new(Arc::new(table), &Switches::default(), &Arc::default());
            let told = |ends: &[(crate::analysis::compare::End, f64)]| -> BTreeSet<String> {
                ends.iter().map(|(end, share)| format!("{end:?} {share:.6}")).collect()
            };
            assert_eq!(told(&fate(&side, witness).ends), told(&window.accident.then.ends), "{at}: {witness:?}");
            seen.confirmed += 1;
        }
    }
}

/// A group's part of the mesh says of the change what the whole mesh says.
fn parts_say_what_the_whole_mesh_says(pair: &Pair, at: &str, seen: &mut Seen) {
    let [old, new] = pair.sides.as_slice() else { panic!("two sides") };
    let switches = Switches::default();
    let points = new.workspace.points_beside(&old.workspace);
    let meshes = [vec![0; pair.plan.items.len()], vec![1; pair.plan.items.len()]].map(|s| whole(pair, &s));
    let proxies = Meshes::new((&meshes[0], &switches), (&meshes[1], &switches)).diff(&points, Effort::default());
    let changes = proxies.iter().flat_map(|p| &p.changes).filter(|c| !c.is_minor() && c.is_proven());
    let of_whole: BTreeSet<String> = changes.map(|c| format!("{} {}", c.kind.as_str(), c.host())).collect();
    let of_parts = pair.plan.effect.iter();
    let of_parts: BTreeSet<String> =
        of_parts.flat_map(|(kind, hosts)| hosts.iter().map(move |h| format!("{} {h}", kind.as_str()))).collect();
    let missing: Vec<&String> = of_whole.difference(&of_parts).collect();
    let names: Vec<String> = pair.plan.items.iter().map(|i| i.id.to_string()).collect();
    let groups = &pair.plan.groups;
    assert!(missing.is_empty(), "{at}: {missing:?} are not in {of_parts:?}; {names:?} in {groups:?}");
    seen.compared += usize::from(!of_whole.is_empty());
}

/// Groups have nothing to do with each other, and each item is in one.
fn every_item_is_in_one_group(pair: &Pair, at: &str) {
    let mut all: Vec<usize> = pair.plan.groups.concat();
    all.sort_unstable();
    assert_eq!(all, (0..pair.plan.items.len()).collect::<Vec<_>>(), "{at}");
}

/// Two Services with a pod each, as they are when nothing else says otherwise.
const SERVICES: &str = "
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {selector: {app: a}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: a-1, labels: {app: a}}
---
apiVersion: v1
kind: Service
metadata: {name: b}
spec: {selector: {app: b}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b-1, labels: {app: b}}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: a}, ports: [{name: http, port: 80}]}
---
";

/// Changes for which no order of their objects is safe, and the kind of which a version in between makes a plan.
fn stuck() -> Vec<(&'static str, [String; 2])> {
    let route = |to: &str, port: u16| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop}}\nspec: {{hosts: [shop], http: [{{route: \
             [{{destination: {{host: {to}, port: {{number: {port}}}}}}}]}}]}}\n---\n"
        )
    };
    let of_port = |port: u16| {
        let service =
            format!("metadata: {{name: b}}\nspec: {{selector: {{app: b}}, ports: [{{name: http, port: {port}}}]}}");
        let services = SERVICES
            .replace("metadata: {name: b}\nspec: {selector: {app: b}, ports: [{name: http, port: 80}]}", &service);
        format!("{services}{}", route("b", port))
    };
    // What is let out as dialled is served before: only where the mesh lets out nothing is it new.
    let registry = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: '{outboundTrafficPolicy: \
                    {mode: REGISTRY_ONLY}}'\n---\n";
    let of_entry = |port: u16| {
        format!(
            "{registry}{SERVICES}{}apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: out}}\nspec: {{hosts: \
             [out.example.com], ports: [{{number: {port}, name: http-{port}, protocol: HTTP}}], resolution: STATIC, endpoints: \
             [{{address: 1.2.3.4}}]}}\n",
            route("out.example.com", port)
        )
    };
    let of_sidecar = |seen: &str| {
        format!(
            "{registry}{SERVICES}{}apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: default}}\nspec: {{egress: [{{hosts: \
             [./shop.default.svc.cluster.local, ./{seen}.default.svc.cluster.local]}}]}}\n",
            route(seen, 80)
        )
    };
    vec![
        ("Service", [of_port(80), of_port(8080)]),
        ("ServiceEntry", [of_entry(80), of_entry(8080)]),
        ("Sidecar", [of_sidecar("a"), of_sidecar("b")]),
    ]
}

/// Changes of VirtualServices and Gateways as people make them, for which some order is safe as it is.
fn orderly() -> Vec<(&'static str, [String; 2])> {
    let vs = |name: &str, hosts: &str, more: &str, to: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\nspec: {{hosts: [{hosts}], {more}http: \
             [{{route: [{{destination: {{host: {to}}}}}]}}]}}\n---\n"
        )
    };
    let gateway = |name: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: {name}}}\nspec: {{selector: {{istio: gateway}}, \
             servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: [shop.example.com]}}]}}\n---\n"
        )
    };
    let with = |parts: &[String]| format!("{SERVICES}{}", parts.concat());
    let through = |name: &str| vs("shop", "shop.example.com", &format!("gateways: [{name}], "), "a");
    vec![
        ("renamed", [with(&[vs("old", "shop", "", "a")]), with(&[vs("new", "shop", "", "b")])]),
        (
            "split",
            [
                with(&[vs("all", "\"shop\", \"b\"", "", "a")]),
                with(&[vs("all", "shop", "", "a"), vs("more", "b", "", "a")]),
            ],
        ),
        ("gateway renamed", [with(&[gateway("one"), through("one")]), with(&[gateway("two"), through("two")])]),
    ]
}

#[test]
fn virtual_services_that_are_renamed_or_split_have_a_safe_order() {
    for (what, texts) in orderly() {
        let pair = planned_texts(&texts);
        assert!(pair.plan.items.len() >= 2, "{what}");
        assert!(matches!(pair.plan.safe, Safe::Waves { .. }), "{what}: {:?}", pair.plan.safe);
        assert!(pair.plan.back.iter().all(|b| b.waves.is_some()), "{what}");
        a_safe_plan_has_no_state_that_loses_anything(&pair, what, &mut Seen::default());
    }
}

fn planned_texts(texts: &[String; 2]) -> Pair {
    let inputs = |text: &String| {
        let mut inputs = Inputs::default();
        inputs.manifests.push(inputs.sources.add("mesh.yaml", text.as_str()));
        inputs
    };
    planned_of(texts.iter().map(inputs).collect(), &[]).expect("good manifests")
}

/// Where no order is safe, a version with what is there before and after makes a plan, and so does one on the way back.
#[test]
fn versions_in_between_make_plans() {
    for (kind, texts) in stuck() {
        let pair = planned_texts(&texts);
        let Safe::Waves { waves, made: true } = &pair.plan.safe else { panic!("{kind}: {:?}", pair.plan.safe) };
        let made = waves.iter().flatten().find(|a| a.version == 2).map(|a| &pair.plan.items[a.item]);
        assert_eq!(made.map(|i| i.id.kind.as_str()), Some(kind), "{waves:?}");
        assert!(pair.plan.back.iter().all(|b| b.waves.is_some()), "{kind}");
        let mut seen = Seen::default();
        a_safe_plan_has_no_state_that_loses_anything(&pair, kind, &mut seen);
        assert!(seen.states >= 3, "{kind}: {seen:?}");
    }
}
