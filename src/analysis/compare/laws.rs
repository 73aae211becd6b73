//! Laws of what-ifs and of logs that hold for every mesh: checked on all scenarios and on all meshes whose routing is recorded,
//! each beside itself with one object left out.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use crate::analysis::compare::{self, Flow, StreamChange, change};
use crate::envoy::decision::{Decision, Detail, Outcome, Upstream, decide};
use crate::envoy::proxy::Proxy;
use crate::envoy::request::Request;
use crate::envoy::router::{CompiledParts, Switches};
use crate::istio::translate::Parts;
use crate::manifest::source::Position;
use crate::testing::{folders, open, open_edited, without};
use crate::traffic::recorded::{self, Log};
use crate::traffic::replay::{
    self, Lens, Lenses, Override, Pair, Prepared, Progress, Recorded, Settings, Simulation, StreamSummary, View,
    answer_status,
};
use crate::traffic::request_text::{for_url, parse_json_lines};
use crate::traffic::scenario::{Amount, Extent, Scenario, Stream, Template, TemplateHeader};
use crate::traffic::workspace::Workspace;
use smol_str::SmolStr;

fn settings() -> Settings {
    Settings { seed: 5, amount: Override { count: Some(300), ..Override::default() }, ..Settings::default() }
}

/// The folder's mesh, and others before it: itself first, then itself with one object left out.
fn pairs(folder: &Path) -> Option<(Workspace, Vec<Workspace>)> {
    let now = open(folder)?;
    let mut before = vec![open(folder)?];
    before.extend((0..2).filter_map(|k| open_edited(folder, |text| without(&text, k).unwrap_or(text))));
    Some((now, before))
}

fn requests_of(folder: &Path) -> Vec<Request> {
    let text = std::fs::read_to_string(folder.join("requests.jsonl")).unwrap_or_default();
    parse_json_lines(&text).0
}

/// A stream for each proxy with its requests as templates, as far as a URL can say them.
fn described(workspace: &Workspace, requests: &[Request], keep: &dyn Fn(&Request) -> bool) -> Scenario {
    let stream = |proxy: &SmolStr| {
        let of_proxy = |r: &&Request| r.proxy.as_ref().is_none_or(|p| p == proxy) && keep(r);
        let template = |(i, r): (usize, &Request)| {
            let scheme = if r.tls { "https" } else { "http" };
            let url = format!("{scheme}://{}{}", r.authority, r.path);
            for_url(&r.method, &url).ok()?;
            let header = |(name, value): &(SmolStr, SmolStr)| TemplateHeader {
                name: name.clone(),
                value: value.clone(),
                probability: 1.0,
            };
            Some(Template {
                weight: [1.0, 2.0, 5.0][i % 3],
                method: r.method.clone(),
                url: url.into(),
                headers: r.headers.iter().map(header).collect(),
                address: r.address,
                at: Position::default(),
            })
        };
        let requests: Vec<Template> = requests.iter().filter(of_proxy).enumerate().filter_map(template).collect();
        (!requests.is_empty()).then(|| Stream {
            name: "requests".into(),
            proxy: proxy.clone(),
            amount: Amount { extent: Extent::Count(300), ..Amount::default() },
            variables: Vec::new(),
            sessions: None,
            requests,
            detect: None,
            at: Position::default(),
        })
    };
    let streams = workspace.proxies.iter().filter_map(|p| stream(&p.name)).collect();
    Scenario { streams, ..Scenario::default() }
}

fn changes(pair: &Pair) -> Vec<StreamChange> {
    let streams = pair.before.streams.iter().zip(&pair.now.streams);
    streams.map(|(a, b)| change((a, &pair.before.views[a.view]), (b, &pair.now.views[b.view]))).collect()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

/// The requests of a stream, in no order.
fn asks(stream: &Prepared) -> Vec<String> {
    let mut out: Vec<String> = stream.classes.iter().map(|c| format!("{:?} {}", c.request, c.weight)).collect();
    out.sort();
    out
}

/// Moves by their ends, with their shares.
fn moves(flows: &[Flow], turned: bool) -> BTreeMap<String, f64> {
    let ends = |f: &Flow| if turned { format!("{:?} {:?}", f.to, f.from) } else { format!("{:?} {:?}", f.from, f.to) };
    flows.iter().map(|f| (ends(f), f.share)).collect()
}

/// Where requests of a class end, by what was decided about them.
fn ends(d: &Decision, view: &View) -> BTreeMap<String, f64> {
    let mut out: BTreeMap<String, f64> = BTreeMap::new();
    let mut add = |end: String, share: f64| *out.entry(end).or_default() += share;
    let answer = |outcome: Outcome| format!("{outcome:?} {:?}", answer_status(view, d, outcome));
    if d.fault_share > 0.0 {
        add(answer(Outcome::FaultAbort), d.fault_share);
    }
    let through = 1.0 - d.fault_share;
    if d.clusters.is_empty() && through > 0.0 {
        add(answer(d.outcome.unwrap_or(Outcome::NoRoute)), through);
    }
    for c in d.clusters.iter().filter(|c| c.share * through > 0.0) {
        add(format!("{} {:?}", c.name, c.outcome), c.share * through);
    }
    out
}

/// All that a decision says of what becomes of a request, but not by which endpoint.
fn essence(d: &Decision, view: &View, request: &Request) -> String {
    let mut ways: BTreeMap<String, f64> = BTreeMap::new();
    for c in d.clusters.iter().filter(|c| c.share > 0.0 && d.fault_share < 1.0) {
        // A connection is passed on as it is.
        let sent = || {
            let headers =
                request.headers.iter().map(|(name, value)| (name.to_lowercase().into(), value.clone())).collect();
            Upstream { path: request.path.clone(), authority: request.authority.clone(), headers }
        };
        let arrives = c.upstream.clone().or(d.upstream.clone()).unwrap_or_else(sent);
        *ways.entry(format!("{} {:?} {arrives:?}", c.name, c.outcome)).or_default() += c.share;
    }
    let ways: Vec<String> = ways.into_iter().map(|(way, share)| format!("{way} {share:.9}")).collect();
    let ends: Vec<String> = ends(d, view).into_iter().map(|(end, share)| format!("{end} {share:.9}")).collect();
    format!("{ends:?} {ways:?} {:?}", d.location)
}

fn total_variation(a: &BTreeMap<String, f64>, b: &BTreeMap<String, f64>) -> f64 {
    let of = |all: &BTreeMap<String, f64>, end: &str| all.get(end).copied().unwrap_or(0.0);
    let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
    names.sort();
    names.dedup();
    names.into_iter().map(|end| (of(a, end) - of(b, end)).abs()).sum::<f64>() / 2.0
}

/// Expected shares of a stream by where they go.
fn shares(s: &StreamSummary) -> BTreeMap<String, f64> {
    let destinations =
        s.destinations.iter().map(|d| (format!("{} {:?}", d.cluster, d.outcome), d.count.expected_share));
    let outcomes = s.outcomes.iter().map(|(outcome, c)| (format!("{outcome:?}"), c.expected_share));
    let mut out = BTreeMap::new();
    destinations.chain(outcomes).filter(|(_, s)| *s > 1e-12).for_each(|(end, s)| *out.entry(end).or_default() += s);
    out
}

fn assert_same_shares(a: &[StreamSummary], b: &[StreamSummary], at: &str) {
    assert_eq!(a.len(), b.len(), "{at}");
    for (a, b) in a.iter().zip(b) {
        assert_eq!((&a.name, &a.proxy, a.planned), (&b.name, &b.proxy, b.planned), "{at}");
        let (x, y) = (shares(a), shares(b));
        assert_eq!(x.keys().collect::<Vec<_>>(), y.keys().collect::<Vec<_>>(), "{at}");
        assert!(x.values().zip(y.values()).all(|(x, y)| near(*x, *y)), "{at}: {x:?} {y:?}");
    }
}

/// What moves is, of each class, what two ways of ending differ by; nothing changed is said exactly where everything that was
/// decided is the same.
fn assert_counted(old: (&Prepared, &View), new: (&Prepared, &View), change: &StreamChange, at: &str) {
    let whole: f64 = new.0.classes.iter().map(|c| c.weight).sum();
    let mut moved = 0.0;
    let mut same = true;
    for ((class, was), is) in new.0.classes.iter().zip(&old.0.decisions).zip(&new.0.decisions) {
        moved += class.weight / whole * total_variation(&ends(was, old.1), &ends(is, new.1));
        let (x, y) = (essence(was, old.1, &class.request), essence(is, new.1, &class.request));
        assert!(x == y || change.changed() >= 1e-9, "{at}: {:?}\n{x}\n{y}", class.request);
        same &= x == y;
    }
    assert!(near(moved, change.moved), "{at}: {moved} {}", change.moved);
    assert_eq!(change.changed() < 1e-9, same, "{at}: changed {}", change.changed());
    let altered: f64 = change.alterations.iter().map(|a| a.share).sum();
    assert!(near(altered, change.altered), "{at}");
}

#[test]
fn laws_of_what_ifs() {
    let (mut changed, mut unchanged, mut mirrored) = (0, 0, 0);
    for folder in folders() {
        let Some((now, others)) = pairs(&folder) else { continue };
        let asked = described(&now, &requests_of(&folder), &|_| true);
        let described = (!asked.streams.is_empty()).then_some(&asked);
        for (k, before) in others.iter().enumerate() {
            let at = format!("{} before {k}", folder.display());
            for scenario in [None, described] {
                let pair =
                    |a: &Workspace, b: &Workspace| Pair::prepare(&a.mesh, &b.mesh, &now.points, scenario, &settings());
                let (there, back) = (pair(before, &now).expect("a pair"), pair(&now, before).expect("a pair"));
                let (went, came) = (changes(&there), changes(&back));
                assert_eq!(went.len(), there.now.streams.len(), "{at}");
                for (i, change) in went.iter().enumerate() {
                    let (a, b) = (&there.before.streams[i], &there.now.streams[i]);
                    let sides = ((a, &*there.before.views[a.view]), (b, &*there.now.views[b.view]));
                    assert_counted(sides.0, sides.1, change, &at);
                    let twin =
                        back.now.streams.iter().position(|s| (&s.name, s.view) == (&b.name, b.view)).expect("it");
                    // Automatic requests dial the addresses that the newer mesh has.
                    if asks(b) == asks(&back.now.streams[twin]) {
                        let (to, fro) = (moves(&change.flows, false), moves(&came[twin].flows, true));
                        assert_eq!(to.keys().collect::<Vec<_>>(), fro.keys().collect::<Vec<_>>(), "{at} {}", b.name);
                        assert!(to.values().zip(fro.values()).all(|(x, y)| near(*x, *y)), "{at} {}", b.name);
                        assert!(near(change.altered, came[twin].altered), "{at} {}", b.name);
                        mirrored += 1;
                    }
                    if change.changed() > 0.0 { changed += 1 } else { unchanged += 1 }
                }
                if k == 0 {
                    assert!(went.iter().all(|c| c.changed() == 0.0 && c.flows.is_empty()), "{at}");
                    let run = |s: &Simulation| format!("{:?}", s.run(5, &Progress::default()));
                    assert_eq!(run(&there.before), run(&there.now), "{at}");
                    let views = there.before.views.iter().zip(&there.now.views);
                    assert!(views.into_iter().all(|(a, b)| compare::tables(a, b).is_identical()), "{at}");
                }
                if scenario.is_some() {
                    let alone = |w: &Workspace| {
                        let alone = Simulation::prepare(&w.mesh, &now.points, scenario, &settings());
                        alone.expect("a simulation").exact()
                    };
                    assert_same_shares(&there.before.exact(), &alone(before), &at);
                    assert_same_shares(&there.now.exact(), &alone(&now), &at);
                }
            }
        }
    }
    assert!(changed > 500 && unchanged > 500, "{changed} streams changed, {unchanged} did not");
    assert!(mirrored > 1000, "only {mirrored} streams were compared both ways");
}

/// The tables of a mesh as the proxies of `of` see it, by their names.
fn views(workspace: &Workspace, of: &Workspace) -> BTreeMap<SmolStr, Arc<View>> {
    let (parts, compiled) = (Parts::new(&workspace.mesh), CompiledParts::default());
    let view = |p: &Arc<Proxy>| Arc::new(View::sharing(&parts, p, &Switches::default(), &compiled));
    of.proxies.iter().map(|p| (p.name.clone(), view(p))).collect()
}

type Views = BTreeMap<SmolStr, Arc<View>>;

/// A log through the lenses of one mesh or of two, where proxies of one class share a table.
fn replayed(log: &[u8], now: &Workspace, before: Option<&Workspace>, default: &SmolStr) -> (Recorded, replay::Sorted) {
    let switches = Switches::default();
    through(log, &Lenses::of_meshes(Some(vec![default.clone()]), (now, before), "default", &switches))
}

fn through(log: &[u8], lenses: &Lenses<'_>) -> (Recorded, replay::Sorted) {
    let mut log = Log::open("log", Box::new(Cursor::new(log.to_vec())), recorded::Settings::default()).expect("a log");
    let sorted = replay::read(&mut log, lenses, &Progress::default()).expect("a whole log");
    (replay::streams("log", &sorted, lenses, &settings()).expect("streams"), sorted)
}

#[test]
fn a_log_through_two_meshes_is_two_logs_through_one() {
    let (mut logs, mut shared) = (0, 0);
    for folder in folders() {
        let log = std::fs::read(folder.join("requests.jsonl")).unwrap_or_default();
        if log.trim_ascii().is_empty() {
            continue;
        }
        let edited = |text: String| without(&text, 0).unwrap_or(text);
        let Some((now, before)) = open(&folder).zip(open_edited(&folder, edited)) else { continue };
        let Some(first) = now.proxies.first().map(|p| p.name.clone()) else { continue };
        let at = folder.display().to_string();
        let (is, was) = (views(&now, &now), views(&before, &now));
        let alone = |mesh: &Views| {
            let lens = |name: &str| Some(Lens { now: mesh.get(name).cloned()?, before: None });
            match through(&log, &Lenses::new(vec![first.clone()], lens)).0 {
                Recorded::One(simulation) => simulation.exact(),
                Recorded::Two(_) => panic!("one mesh"),
            }
        };
        let (Recorded::Two(pair), sorted) = replayed(&log, &now, Some(&before), &first) else { panic!("two meshes") };
        assert_eq!(pair.now.exact().iter().map(|s| s.planned).sum::<u64>(), sorted.read.requests, "{at}");
        let routers: HashSet<_> = pair.now.views.iter().map(|v| Arc::as_ptr(&v.router)).collect();
        shared += pair.now.views.len() - routers.len();
        assert_same_shares(&pair.now.exact(), &alone(&is), &at);
        assert_same_shares(&pair.before.exact(), &alone(&was), &at);
        logs += 1;
    }
    assert!(logs > 100, "only {logs} logs");
    assert!(shared > 5, "only {shared} tables are shared");
}

/// What was simulated goes where it went when its access log is replayed, as far as that has what routes look at: no headers,
/// no TLS without a name, no authority as it was before a route rewrote it.
#[test]
fn access_logs_go_where_they_went() {
    let mut compared = 0;
    for folder in folders() {
        let Some(now) = open(&folder) else { continue };
        let plain = |r: &Request| r.headers.is_empty() && !r.tls && r.port.is_none_or(|p| p == 80);
        let asked = described(&now, &requests_of(&folder), &plain);
        if asked.streams.is_empty() {
            continue;
        }
        let seen = views(&now, &now);
        for stream in &asked.streams {
            let at = format!("{} {}", folder.display(), stream.proxy);
            let view = &seen[&stream.proxy];
            let keeps_host = |t: &Template| {
                let request = for_url(&t.method, &t.url).expect("a request");
                let d = decide(&view.router, &request, Detail::Outcome);
                let arrives = d.clusters.iter().filter_map(|c| c.upstream.as_ref()).chain(&d.upstream);
                arrives.into_iter().all(|u| u.authority == request.authority)
            };
            let requests: Vec<Template> = stream.requests.iter().filter(|t| keeps_host(t)).cloned().collect();
            if requests.is_empty() {
                continue;
            }
            let scenario = Scenario { streams: vec![Stream { requests, ..stream.clone() }], ..Scenario::default() };
            let settings = Settings { keep_apart: true, ..settings() };
            let simulation = Simulation::prepare(&now.mesh, &now.points, Some(&scenario), &settings).expect("it");
            let mut log = Vec::new();
            simulation.access_log(5, || false, &mut log).expect("written");
            let (Recorded::One(again), sorted) = replayed(&log, &now, None, &stream.proxy) else { panic!("one mesh") };
            assert_eq!((sorted.read.bad, sorted.read.lines), (0, 300), "{at}: {:?}", sorted.read.bad_lines);
            for s in &again.streams {
                let told = compare::logged(s, &again.views[s.view], sorted.kinds());
                assert!(told.moves.is_empty(), "{at}: {:?}", told.moves);
                compared += told.compared;
            }
        }
    }
    assert!(compared > 10_000, "only {compared} requests were compared");
}

/// All that is decided about a request, without the places that decided it.
fn decided(d: &Decision) -> String {
    let clusters: Vec<String> = d
        .clusters
        .iter()
        .map(|c| format!("{} {} {:?} {:?} {:?} {:?}", c.name, c.weight, c.outcome, c.status, c.endpoints, c.upstream))
        .collect();
    format!(
        "{:?} {:?} {:?} {:?} {} {:?} {:?} {clusters:?}",
        d.route_index, d.outcome, d.status, d.flags, d.fault_share, d.upstream, d.location
    )
}

/// What is called proven is so: a request to a virtual host that two tables agree in is decided alike by both.
#[test]
fn unchanged_virtual_hosts_decide_alike() {
    let (mut proven, mut open_questions) = (0, 0);
    for folder in folders() {
        let Ok(requests) = std::fs::read_to_string(folder.join("requests.jsonl")) else { continue };
        let (requests, _) = parse_json_lines(&requests);
        let Some(now) = open(&folder) else { continue };
        let is = views(&now, &now);
        for k in 0..2 {
            let edit = |text: String| without(&text, k).unwrap_or(text);
            let Some(before) = open_edited(&folder, edit) else { continue };
            let was = views(&before, &now);
            for proxy in &now.proxies {
                let (old, new) = (&was[&proxy.name], &is[&proxy.name]);
                let table = compare::tables(old, new);
                for request in requests.iter().filter(|r| r.proxy.as_ref().is_none_or(|p| *p == proxy.name)) {
                    let [was, is] = [old, new].map(|v| decide(&v.router, request, Detail::Outcome));
                    let here = |h: &&compare::HostChange| {
                        Some(&h.route_config) == is.route_config.as_ref()
                            && Some(&h.virtual_host) == is.virtual_host.as_ref()
                    };
                    if !table.is_identical() && table.unchanged.iter().find(here).is_none() {
                        open_questions += 1;
                        continue;
                    }
                    proven += 1;
                    assert_eq!(decided(&was), decided(&is), "{} without {k}: {request:?}", folder.display());
                }
            }
        }
    }
    assert!(proven > 500 && open_questions > 500, "{proven} proven, {open_questions} not");
}
