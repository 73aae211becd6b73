//! The law of differences: a request is treated otherwise exactly if a change that is told has it. Held against all scenarios and
//! all meshes whose routing is recorded, each beside itself after a mutation.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::change::Change;
use super::meshes::{Meshes, agree};
use super::mutations::{self, Mutation};
use super::requests::{self, RequestChange};
use super::shared::Shared;
use super::table::tables;
use super::{Effort, Side, TableDiff};
use crate::envoy::decision::{Decision, Detail, Outcome, decide};
use crate::envoy::request::Request;
use crate::envoy::router::Switches;
use crate::istio::translate;
use crate::testing::{folders, open, open_any, open_edited};
use crate::traffic::request_text::parse_json_lines;
use crate::traffic::workspace::Workspace;

fn side(w: &Workspace, proxy: &std::sync::Arc<crate::envoy::proxy::Proxy>) -> Side {
    Side::new(
        std::sync::Arc::new(translate::route_table(&w.mesh, proxy)),
        &Switches::default(),
        &std::sync::Arc::default(),
    )
}

/// Where it ends, how it arrives, and where it is sent instead: as an access log would tell it.
///
/// Entries of a split that end alike are one: nobody could tell them apart.
fn told(d: &Decision) -> String {
    let mut shares: BTreeMap<String, f64> = BTreeMap::new();
    // Where every request is aborted, none gets to a cluster.
    for c in d.clusters.iter().filter(|_| d.fault_share < 1.0) {
        let upstream = c.upstream.as_ref().or(d.upstream.as_ref());
        let endpoints: BTreeSet<&String> = c.endpoints.iter().collect();
        *shares.entry(format!("{} {:?} {endpoints:?} {upstream:?}", c.name, c.outcome)).or_default() += c.share;
    }
    let clusters: Vec<String> = shares.into_iter().map(|(end, share)| format!("{end} {share:.9}")).collect();
    format!("{:?} {:?} {:?} {} {:?} {clusters:?}", d.outcome, d.status, d.flags, d.fault_share, d.location)
}

/// The recorded requests, and the witnesses of all changes with small edits: they stand at the boundaries of regions.
fn requests(folder: &Path, proxy: &str, diff: &TableDiff) -> Vec<Request> {
    let text = std::fs::read_to_string(folder.join("requests.jsonl")).unwrap_or_default();
    let recorded = parse_json_lines(&text).0.into_iter().filter(|r| r.proxy.as_ref().is_none_or(|p| p == proxy));
    let mut out: Vec<Request> = recorded.collect();
    let witnesses: Vec<Request> = diff.changes.iter().filter_map(|c| c.witness.clone()).collect();
    for witness in witnesses {
        out.extend(mutations::around(&witness));
        out.push(witness);
    }
    out
}

#[derive(Debug, Default)]
struct Seen {
    changed: usize,
    same: usize,
    proven: usize,
    possible: usize,
    identical: usize,
}

fn hold(folder: &Path, old: (&Workspace, &Side), new: (&Workspace, &Side), proxy: &str, at: &str, seen: &mut Seen) {
    let diff = tables(old.1, new.1, Effort::default(), &Shared::default());
    for c in &diff.changes {
        assert!(!c.fields.is_empty(), "{at}: {c:?}");
        if c.is_proven() { seen.proven += 1 } else { seen.possible += 1 }
    }
    if diff.changes.is_empty() {
        seen.identical += 1;
    }
    for request in requests(folder, proxy, &diff) {
        let RequestChange { kind, change } = requests::change(&diff, [old.1, new.1], &request);
        let [was, is] = [old.1, new.1].map(|s| decide(s.router(), &request, Detail::Outcome));
        let differs = told(&was) != told(&is);
        if kind.is_none() {
            assert!(!differs, "{at}: not told of {request:?}\n{was:?}\n{is:?}");
            seen.same += 1;
            continue;
        }
        let change = change.and_then(|c| diff.changes.get(c));
        let change = change.unwrap_or_else(|| panic!("{at}: no region has {request:?}\n{was:?}\n{is:?}"));
        // What shows in an answer is no matter of policies alone, and the other way round.
        let shows = change.fields.iter().any(|f| f.what == "destination");
        let answered = |d: &Decision| d.outcome == Some(Outcome::DirectResponse) && d.route_index.is_some();
        if shows && !answered(&was) && !answered(&is) {
            assert!(differs, "{at}: told to differ: {change:?}\n{request:?}\n{was:?}\n{is:?}");
        }
        seen.changed += 1;
    }
    for c in &diff.changes {
        let Some(witness) = &c.witness else { continue };
        let told = requests::change(&diff, [old.1, new.1], witness);
        let found = told.change.and_then(|i| diff.changes.get(i));
        // Under other TLS settings a request may go elsewhere besides, for better or worse.
        let fits = found.is_some_and(|found| std::ptr::eq(found, c) || c.new.ends.is_empty());
        assert!(fits, "{at}: the witness of {c:?} is told as {told:?}");
    }
}

#[test]
fn a_request_differs_exactly_where_a_change_has_it() {
    let mut seen = Seen::default();
    let mut pairs = 0;
    for (n, folder) in folders().iter().enumerate() {
        let Some(now) = open(folder) else { continue };
        for k in 0..3 {
            let mutation = Mutation::number(n * 3 + k);
            let Some(before) = open_edited(folder, |text| mutation.apply(&text).unwrap_or(text)) else { continue };
            pairs += 1;
            for proxy in &now.proxies {
                let at = format!("{} {mutation:?} {}", folder.display(), proxy.name);
                let (a, b) = (side(&before, proxy), side(&now, proxy));
                hold(folder, (&before, &a), (&now, &b), &proxy.name, &at, &mut seen);
                if k == 0 {
                    mirrored(&a, &b, &at);
                    hold(folder, (&now, &b), (&before, &a), &proxy.name, &at, &mut seen);
                }
            }
        }
    }
    assert!(
        pairs > 500
            && seen.changed > 2000
            && seen.same > 2000
            && seen.proven > 1000
            && seen.possible * 15 < seen.proven,
        "{pairs} pairs: {seen:?}"
    );
}

/// What clients are told together, of parts that their tables share, is what each is told by itself; whoever is asked first.
#[test]
fn shared_parts_change_nothing() {
    let (mut classes, mut changes) = (0, 0);
    for (n, folder) in folders().iter().enumerate() {
        let mutation = Mutation::number(n);
        let Some(now) = open_any(folder, |text| text) else { continue };
        let Some(before) = open_any(folder, |text| mutation.apply(&text).unwrap_or(text)) else { continue };
        let (points, switches) = (now.points_beside(&before), Switches::default());
        let meshes = Meshes::new((&before.mesh, &switches), (&now.mesh, &switches));
        for told in meshes.diff(&points, Effort::default()) {
            for name in &told.audience.classes {
                let class = points.classes.iter().find(|c| c.proxy.name == *name).expect("a class");
                let alone = tables(
                    &side(&before, &class.proxy),
                    &side(&now, &class.proxy),
                    Effort::default(),
                    &Shared::default(),
                );
                let at = format!("{} {mutation:?} {name}", folder.display());
                assert!(agree(&told.changes, &alone.changes), "{at}: {:?}\n{:?}", told.changes, alone.changes);
                let witnesses = |all: &[Change]| all.iter().map(|c| c.witness.clone()).collect::<Vec<_>>();
                if told.audience.first() == name {
                    assert_eq!(witnesses(&told.changes), witnesses(&alone.changes), "{at}");
                }
                classes += 1;
                changes += alone.changes.len();
            }
        }
    }
    assert!(classes > 300 && changes > 300, "{classes} classes, {changes} changes");
}

/// The other way round the same requests change, from what they came to before.
fn mirrored(a: &Side, b: &Side, at: &str) {
    let places = |old: &Side, new: &Side, turned: bool| -> Vec<String> {
        let diff = tables(old, new, Effort::default(), &Shared::default());
        let spots = diff.index.keys().map(|s| {
            let (old, new) = if turned { (s.new, s.old) } else { (s.old, s.new) };
            format!("{old:?} {new:?} {}", s.tls)
        });
        let mut spots: Vec<String> = spots.collect();
        spots.sort();
        spots
    };
    assert_eq!(places(a, b, false), places(b, a, true), "{at}");
}

/// Changes compose: what neither of two steps changes, both together don't; and what one of them alone changes, both do.
#[test]
fn two_changes_are_one() {
    let (mut same, mut changed) = (0, 0);
    for (n, folder) in folders().iter().enumerate() {
        let edited = |mutation: Mutation| open_edited(folder, move |text| mutation.apply(&text).unwrap_or(text));
        let (Some(a), Some(b)) = (edited(Mutation::number(2 * n)), open(folder)) else { continue };
        let Some(c) = edited(Mutation::number(2 * n + 7)) else { continue };
        let text = std::fs::read_to_string(folder.join("requests.jsonl")).unwrap_or_default();
        let recorded = parse_json_lines(&text).0;
        for proxy in &b.proxies {
            let [x, y, z] = [&a, &b, &c].map(|w| side(w, proxy));
            let diff = |old: &Side, new: &Side| tables(old, new, Effort::default(), &Shared::default());
            let (first, second, whole) = (diff(&x, &y), diff(&y, &z), diff(&x, &z));
            for request in recorded.iter().filter(|r| r.proxy.as_ref().is_none_or(|p| *p == proxy.name)) {
                let is_changed =
                    |diff: &TableDiff, old, new| requests::change(diff, [old, new], request).kind.is_some();
                let steps = [is_changed(&first, &x, &y), is_changed(&second, &y, &z)];
                let at = format!("{} {}: {request:?}", folder.display(), proxy.name);
                match steps {
                    [false, false] => {
                        assert!(!is_changed(&whole, &x, &z), "{at}");
                        same += 1;
                    }
                    [true, true] => {}
                    _ => {
                        assert!(is_changed(&whole, &x, &z), "{at}");
                        changed += 1;
                    }
                }
            }
        }
    }
    assert!(same > 2000 && changed > 500, "{same} requests stay, {changed} change");
}

#[test]
fn nothing_changes_between_a_mesh_and_itself() {
    for folder in folders() {
        let (Some(a), Some(b)) = (open(&folder), open(&folder)) else { continue };
        for proxy in &a.proxies {
            let diff = tables(&side(&a, proxy), &side(&b, proxy), Effort::default(), &Shared::default());
            assert!(diff.changes.is_empty(), "{} {}: {:?}", folder.display(), proxy.name, diff.changes);
        }
    }
}
