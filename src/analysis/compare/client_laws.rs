//! The laws of classes of clients: whatever a class is told is what each of its members gets by itself. Held against all scenarios
//! and all meshes whose routing is recorded, each beside itself with one object left out.

use std::sync::Arc;

use crate::analysis::compare::{WhatIf, tables};
use crate::envoy::decision::{Detail, decide};
use crate::envoy::proxy::Proxy;
use crate::envoy::router::{RequestView, Router, Switches};
use crate::envoy::table::RouteTable;
use crate::istio::clients::{Class, PointsOfView};
use crate::istio::translate::{self, Parts};
use crate::parallel;
use crate::testing;
use crate::traffic::answers;
use crate::traffic::replay::{Pair, Settings, Simulation, StreamSummary, View};
use crate::traffic::request_text;
use crate::traffic::workspace::Options;
use smol_str::SmolStr;

/// Members of a class that are looked at one by one.
const MEMBERS: usize = 4;

/// Requests of a mesh that are looked at.
const REQUESTS: usize = 8;

/// All that is said of a stream, but for whose it is.
fn told(s: &StreamSummary) -> String {
    let routes: Vec<_> = s.routes.iter().map(|r| (&r.virtual_host, r.route_index, &r.route, r.count)).collect();
    let parts = (&s.outcomes, &s.destinations, &s.answers, &s.unmatched_examples, &s.causes);
    format!("{} {parts:?} {routes:?}", s.name)
}

fn holds_for(s: &StreamSummary, class: &Class) -> bool {
    s.audience.classes.contains(&class.proxy.name)
}

#[test]
fn what_a_class_is_told_is_what_each_member_gets() {
    let (mut members, mut merged) = (0, 0);
    for folder in testing::folders() {
        let Some(w) = testing::open_any(&folder, |text| text) else { continue };
        let at = folder.display();
        let settings = Settings::default();
        let simulation = Simulation::prepare(&w.mesh, &w.points, None, &settings).expect("prepared");
        let summaries = simulation.exact();
        merged += summaries.iter().filter(|s| s.audience.classes.len() > 1).count();
        for class in &w.points.classes {
            let mut of_class: Vec<String> = summaries.iter().filter(|s| holds_for(s, class)).map(told).collect();
            of_class.sort();
            for proxy in class.proxies.iter().take(MEMBERS) {
                let alone = PointsOfView::of_proxies(std::slice::from_ref(proxy));
                let by_itself = Simulation::prepare(&w.mesh, &alone, None, &settings).expect("prepared").exact();
                let mut by_itself: Vec<String> = by_itself.iter().map(told).collect();
                by_itself.sort();
                assert_eq!(of_class, by_itself, "{at}: {} of the class {}", proxy.name, class.proxy.name);
                members += 1;
            }
            // Its name leads to it.
            let named = w.proxy(&class.proxy.name, &w.namespace).expect("a name that can be given");
            assert_eq!(named, class.proxy, "{at}");
        }
    }
    assert!(members > 200 && merged > 50, "{members} members, {merged} merged");
}

/// What `explain` tells of a request for some clients is what each of them gets, and nobody is asked who doesn't have its host while
/// somebody has.
#[test]
fn what_is_explained_for_a_class_is_so_for_each_member() {
    let (mut members, mut cases) = (0, 0);
    for folder in testing::folders() {
        let Some(w) = testing::open_any(&folder, |text| text) else { continue };
        let text = std::fs::read_to_string(folder.join("requests.jsonl")).unwrap_or_default();
        let (mut requests, _) = request_text::parse_json_lines(&text);
        requests.truncate(REQUESTS);
        requests.iter_mut().for_each(|r| r.proxy = None);
        let (switches, options) =
            (Switches::default(), Options { proxies: vec!["any".into()], ..Options::usual("default") });
        let (told, problems) = answers::cases(&requests, &w, &switches, &options);
        assert!(problems.is_empty(), "{problems:?}");
        let routers: Vec<Vec<Router>> = (w.points.classes.iter())
            .map(|class| {
                let table = |proxy| Arc::new(translate::route_table(&w.mesh, proxy));
                class.proxies.iter().take(MEMBERS).map(|proxy| Router::new(table(proxy), &switches)).collect()
            })
            .collect();
        for case in &told {
            let at = format!("{}: {}", folder.display(), case.request.id);
            let of_case = w.points.classes.iter().zip(&routers);
            for (class, routers) in of_case.filter(|(class, _)| case.audience.classes.contains(&class.proxy.name)) {
                for router in routers {
                    let own = decide(router, case.request, Detail::Steps);
                    assert!(own.agrees(&case.decision), "{at} of the class {}", class.proxy.name);
                    members += 1;
                }
            }
            cases += 1;
        }
        // Everybody who has a host is told of.
        for request in &requests {
            let serves = |routers: &[Router]| routers.first().is_some_and(|r| r.serves(&RequestView::from(request)));
            let asked: Vec<&SmolStr> =
                (told.iter().filter(|c| std::ptr::eq(c.request, request))).flat_map(|c| &c.audience.classes).collect();
            let lacking = w
                .points
                .classes
                .iter()
                .zip(&routers)
                .find(|(class, routers)| serves(routers) && !asked.contains(&&class.proxy.name));
            assert!(lacking.is_none(), "{}: {}", folder.display(), request.id);
        }
    }
    assert!(members > 1000 && cases > 500, "{members} members, {cases} cases");
}

/// A table doesn't depend on whose tables were made before it, and members of a class have that of their class: what `routes`,
/// `explain` and tests say of it is then the same too.
#[test]
fn tables_are_those_of_every_member_whatever_they_share() {
    let (mut members, mut shared) = (0, 0);
    for folder in testing::folders() {
        let Some(w) = testing::open_any(&folder, |text| text) else { continue };
        let (forth, back) = (Parts::new(&w.mesh), Parts::new(&w.mesh));
        let of = |parts: &Parts<'_>, class: &Class| parts.route_table(&class.proxy);
        let tables: Vec<RouteTable> = w.points.classes.iter().map(|c| of(&forth, c)).collect();
        let mut again: Vec<RouteTable> = w.points.classes.iter().rev().map(|c| of(&back, c)).collect();
        again.reverse();
        for ((class, table), other) in w.points.classes.iter().zip(&tables).zip(&again) {
            let at = format!("{}: {}", folder.display(), class.proxy.name);
            assert!(table.holds_the_same(other), "{at}");
            for proxy in class.proxies.iter().take(MEMBERS) {
                let own = translate::route_table(&w.mesh, proxy);
                assert!(table.holds_the_same(&own), "{at}, {}", proxy.name);
                members += 1;
            }
        }
        if let [first, .., last] = tables.as_slice() {
            let known: Vec<_> = first.clusters.iter().map(Arc::as_ptr).collect();
            shared += last.clusters.iter().filter(|c| known.contains(&Arc::as_ptr(c))).count();
        }
    }
    assert!(members > 1000 && shared > 50, "{members} members, {shared} clusters are shared");
}

/// A table is the same, and all that is said of it, on however many threads its parts are made.
#[test]
fn a_table_is_the_same_on_any_number_of_threads() {
    let mut noted = 0;
    let pools = [1, 3].map(|threads| parallel::Pool::new(threads).expect("threads"));
    for folder in testing::folders() {
        let Some(w) = testing::open_any(&folder, |text| text) else { continue };
        for class in w.points.classes.iter().take(MEMBERS) {
            let own = translate::route_table(&w.mesh, &class.proxy);
            for pool in &pools {
                let table = pool.install(|| Parts::for_one(&w.mesh).route_table(&class.proxy));
                assert!(table.holds_the_same(&own), "{}: {}", folder.display(), class.proxy.name);
                assert_eq!(table.notes, own.notes);
            }
            noted += own.notes.len();
        }
    }
    assert!(noted > 100, "{noted} notes");
}

#[test]
fn what_is_called_unchanged_is_so_for_every_member() {
    let (mut identical, mut hosts) = (0, 0);
    for folder in testing::folders() {
        let Some(now) = testing::open_any(&folder, |text| text) else { continue };
        for k in 0..3 {
            let Some(before) = testing::open_any(&folder, |text| testing::without(&text, k).unwrap_or(text)) else {
                continue;
            };
            let points = now.points_beside(&before);
            let settings = Settings::default();
            let pair = Pair::prepare(&before.mesh, &now.mesh, &points, None, &settings).expect("prepared");
            let what_if = WhatIf::new(&pair, pair.before.exact());
            for class in &points.classes {
                let table = what_if.tables.iter().find(|t| t.audience.classes.contains(&class.proxy.name));
                let table = table.expect("every class is told of");
                for proxy in class.proxies.iter().take(MEMBERS) {
                    let at = format!("{} without {k}: {}", folder.display(), proxy.name);
                    let view = |mesh, proxy: &Arc<Proxy>| View::new(mesh, proxy, &Switches::default());
                    let own = tables(&view(&before.mesh, proxy), &view(&now.mesh, proxy));
                    assert_eq!(table.is_identical(), own.is_identical(), "{at}");
                    identical += usize::from(own.is_identical());
                    for host in own.unchanged.iter().chain(&own.different).chain(&own.added) {
                        let known = |h: &&crate::analysis::compare::HostChange| {
                            h.virtual_host == host.virtual_host && h.route_config == host.route_config
                        };
                        let is_unchanged = own.unchanged.iter().any(|h| known(&h));
                        assert_eq!(table.unchanged.iter().any(|h| known(&h)), is_unchanged, "{at}: {host:?}");
                        hosts += 1;
                    }
                }
            }
            // A stream that changes for a member changes for its class.
            let changed: Vec<&SmolStr> = (pair.now.streams.iter().zip(&what_if.changes))
                .filter(|(_, change)| change.changed() > 0.0)
                .flat_map(|(s, _)| &s.audience.classes)
                .collect();
            for table in what_if.tables.iter().filter(|t| t.is_identical()) {
                let wrong = table.audience.classes.iter().find(|c| changed.contains(c));
                assert_eq!(wrong, None, "{} without {k}: proven unchanged, and changed", folder.display());
            }
        }
    }
    assert!(identical > 100 && hosts > 1000, "{identical} identical tables, {hosts} hosts");
}
