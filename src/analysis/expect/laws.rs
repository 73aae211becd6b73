//! The law of properties: no recorded request of a mesh is against one that is proven, and the request that refutes one is
//! decided as it says. Held against all scenarios and all meshes whose routing is recorded.

use std::collections::BTreeSet;

use super::judge::judge;
use super::model::{Test, Traffic};
use super::prove::{Verdict, Wishes};
use super::read_file;
use super::run::{Case, plan, run, subject};
use super::views::View;
use crate::envoy::decision::{Detail, decide};
use crate::envoy::request::Request;
use crate::envoy::router::{RequestView, Router, Switches};
use crate::envoy::table::{PathMatch, RouteTable};
use crate::istio::translate;
use crate::manifest::source::FileId;
use crate::testing::{folders, open, open_any};
use crate::traffic::request_text::parse_json_lines;

/// Requests of a mesh that tests are made of.
const REQUESTS: usize = 6;

/// Sentences about the hosts of a table, with conditions at the boundaries of its routes.
fn sentences(table: &RouteTable, number: usize) -> Vec<String> {
    let proxy = serde_json::Value::from(table.proxy.name.as_str());
    let all = table.route_configs.iter().flat_map(|c| &c.virtual_hosts);
    let mut hosts: Vec<_> = all.filter(|h| h.routes.iter().any(|r| r.source.is_some())).collect();
    let by = number.checked_rem(hosts.len()).unwrap_or(0);
    hosts.rotate_left(by);
    let subsets: BTreeSet<&str> = table.clusters.iter().filter_map(|c| Some(c.name.parts()?.1)).collect();
    let mut never: Vec<String> =
        ["unmatched", "lost", "passthrough", "redirect", "fault_abort"].map(String::from).into();
    never.extend(subsets.iter().take(2).map(|s| format!("{{subset: {}}}", serde_json::Value::from(*s))));
    let mut out = vec![format!("for: {{proxy: {proxy}}}, never: unmatched")];
    for host in hosts.iter().take(3) {
        let name = host.name.rsplit_once(':').map_or(host.name.as_str(), |(n, _)| n);
        let name = serde_json::Value::from(name);
        let path = host.routes.iter().rev().find_map(|r| match &r.matcher.path {
            PathMatch::Prefix(p) | PathMatch::Exact(p) if p.len() > 1 => Some(p.clone()),
            _ => None,
        });
        let path = serde_json::Value::from(path.as_deref().unwrap_or("/api"));
        let header = host.routes.iter().flat_map(|r| &r.matcher.headers).map(|h| h.name.as_str());
        let header = serde_json::Value::from(header.into_iter().find(|h| !h.starts_with(':')).unwrap_or("x-user"));
        let conditions = [
            String::new(),
            format!(", path: {{prefix: {path}}}"),
            format!(", not: {{path: {{prefix: {path}}}}}"),
            format!(", headers: {{{header}: {{present: true}}}}, method: GET"),
            format!(", path: {{not: {{prefix: {path}}}}}, headers: {{{header}: null}}"),
        ];
        for (i, never) in never.iter().enumerate() {
            for k in [0, 1 + (number + i) % 4] {
                let conditions = conditions.get(k).map_or("", String::as_str);
                out.push(format!("for: {{proxy: {proxy}, host: {name}{conditions}}}, never: {never}"));
            }
        }
    }
    out
}

fn violates(view: &View, request: &Request, test: &Test) -> bool {
    let decision = decide(&view.router, request, Detail::Outcome);
    let case =
        Case { request: request.clone(), router: view.router.clone(), weight: 1.0, decision, failures: Vec::new() };
    let subject = subject(&case, view, test);
    test.checks.iter().any(|c| judge(c, &subject).is_some())
}

#[test]
fn no_recorded_request_is_against_what_is_proven() {
    let (mut proven, mut refuted, mut undecided, mut held, mut refused) = (0, 0, 0, 0, 0);
    for (number, folder) in folders().iter().enumerate() {
        let Some(workspace) = open(folder) else { continue };
        let text = std::fs::read_to_string(folder.join("requests.jsonl")).unwrap_or_default();
        let requests = parse_json_lines(&text).0;
        for proxy in &workspace.proxies {
            let table = std::sync::Arc::new(translate::route_table(&workspace.mesh, proxy));
            let router = Router::new(table.clone(), &Switches::default());
            let view = View::new(std::sync::Arc::new(router), &std::sync::Arc::default());
            let mut asked = Vec::new();
            let mut kept = Vec::new();
            for sentence in sentences(&table, number) {
                let file = format!("properties:\n- {{{sentence}}}\n");
                let (tests, wrong) = read_file(FileId::default(), &file);
                let [Test { traffic: Traffic::All(property), .. }] = tests.as_slice() else {
                    panic!("{sentence}: {wrong:?}")
                };
                // Conditions that exclude each other, and names of several hosts.
                let Ok(scope) = property.scope.at(view.side()) else {
                    refused += 1;
                    continue;
                };
                if !wrong.is_empty() {
                    refused += 1;
                    continue;
                }
                asked.extend(tests);
                kept.push((format!("{}: {sentence}", folder.display()), scope, read_file(FileId::default(), &file).0));
            }
            let wishes = Wishes { allow_undecided: true, reach_all: number % 3 == 0 };
            let plan = plan(asked, &workspace, &Switches::default(), "default", 1, Vec::new());
            let results = run(plan.unwrap_or_else(|e| panic!("{}: {e:?}", folder.display())), wishes);
            assert_eq!(results.len(), kept.len(), "{}", folder.display());
            for (result, (at, scope, test)) in results.iter().zip(&kept) {
                let [test] = test.as_slice() else { panic!("{at}: no property") };
                let proof = result.proof.as_ref().unwrap_or_else(|| panic!("{at}: no proof"));
                match proof.verdict {
                    Verdict::Proven => {
                        proven += 1;
                        let own = requests.iter().filter(|r| r.proxy.as_ref().is_none_or(|p| *p == proxy.name));
                        for request in own.filter(|r| scope.has_request(view.side(), r)) {
                            held += 1;
                            assert!(!violates(&view, request, test), "{at}: proven, and yet {request:?}");
                        }
                    }
                    Verdict::Refuted => {
                        refuted += 1;
                        let [case] = result.cases.as_slice() else { panic!("{at}: {result:?}") };
                        assert!(!case.failures.is_empty() && scope.has_request(view.side(), &case.request), "{at}");
                        let seen = RequestView::from(&case.request);
                        assert_eq!(view.router.plain(&seen), view.router.find(&seen), "{at}");
                        assert!(violates(&view, &case.request, test), "{at}: {:?}", case.request);
                    }
                    Verdict::Undecided => undecided += 1,
                }
            }
        }
    }
    assert!(proven > 5000 && refuted > 2000 && held > 15_000, "{proven} {refuted} {held}, {refused} not asked");
    assert!(undecided * 100 < proven, "{undecided} of {proven}");
}

/// Tests of a request each that say nobody gets a redirect, an answer or nothing; of one proxy where there is a name.
fn tests_of(requests: &[Request], proxy: Option<&str>) -> Vec<Test> {
    let one = |(i, r): (usize, &Request)| {
        let headers: serde_json::Map<String, serde_json::Value> =
            r.headers.iter().map(|(name, value)| (name.to_string(), value.as_str().into())).collect();
        let url = format!("http://{}{}", r.authority, r.path);
        let mut test = serde_json::json!({
            "name": i.to_string(),
            "url": url,
            "method": r.method.as_str(),
            "headers": headers,
            "expect": { "outcome": "delivered" },
        });
        if let (Some(proxy), Some(test)) = (proxy, test.as_object_mut()) {
            test.insert("proxy".to_owned(), proxy.into());
        }
        test
    };
    let file = serde_json::json!({ "tests": requests.iter().enumerate().map(one).collect::<Vec<_>>() }).to_string();
    let (tests, wrong) = read_file(FileId::default(), &file);
    assert!(wrong.is_empty(), "{file}: {wrong:?}");
    tests
}

/// What is wrong with a case, wherever the test stands.
fn failures(case: &Case) -> Vec<(&str, &str, &str)> {
    case.failures.iter().map(|f| (f.field, f.wanted.as_str(), f.found.as_str())).collect()
}

/// What a test that names no proxy says of a client is what it says of each member by itself, and everybody is asked who has its host.
#[test]
fn a_test_says_of_a_class_what_it_says_of_each_member() {
    let (mut members, mut failed) = (0, 0);
    for folder in folders().iter().step_by(3) {
        let Some(w) = open_any(folder, |text| text) else { continue };
        let text = std::fs::read_to_string(folder.join("requests.jsonl")).unwrap_or_default();
        let mut requests = parse_json_lines(&text).0;
        requests.retain(|r| !r.authority.is_empty() && r.path.starts_with('/') && !r.tls && r.port == Some(80));
        requests.truncate(REQUESTS);
        if requests.is_empty() {
            continue;
        }
        let switches = Switches::default();
        let results = |proxy: Option<&str>| {
            let tests = tests_of(&requests, proxy);
            let planned = plan(tests, &w, &switches, "default", 1, Vec::new());
            run(planned.unwrap_or_else(|e| panic!("{}: {e:?}", folder.display())), Wishes::default())
        };
        let told = results(None);
        for class in &w.points.classes {
            // The first is whose table was made for the class.
            if let Some(proxy) = class.proxies.last() {
                let router = Router::new(translate::route_table(&w.mesh, proxy).into(), &switches);
                for own in results(Some(&proxy.name)) {
                    let at = format!("{}: request {} through {}", folder.display(), own.name, proxy.name);
                    let mut of_test = told.iter().filter(|t| t.name == own.name);
                    let asked = of_test.find(|t| t.audience.classes.contains(&class.proxy.name));
                    let [case] = own.cases.as_slice() else { panic!("{at}: {} cases", own.cases.len()) };
                    match asked {
                        Some(told) => {
                            let [of_class] = told.cases.as_slice() else { panic!("{at}: {told:?}") };
                            assert_eq!(failures(of_class), failures(case), "{at}");
                            assert!(of_class.decision.agrees(&case.decision), "{at}");
                        }
                        None => assert!(!router.serves(&RequestView::from(&case.request)), "{at}: nobody asked it"),
                    }
                    members += usize::from(asked.is_some());
                    failed += usize::from(asked.is_some() && !own.passed());
                }
            }
        }
    }
    assert!(members > 200 && failed > 30, "{members} members, {failed} failed");
}
