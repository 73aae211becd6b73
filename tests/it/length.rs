//! Reports of many hosts and many findings: sums first, the worst first, the rest shortened.

use std::fmt::Write as _;
use std::fs;

use crate::support::run::{Ran, towtank_in};

/// So many hosts; every tenth has a rule with a subset that nothing defines.
fn mesh(hosts: usize) -> String {
    let mut out = String::new();
    for i in 0..hosts {
        let subset = if i % 10 == 0 { ", subset: v9" } else { "" };
        let _ = write!(
            out,
            "---
apiVersion: v1
kind: Service
metadata: {{name: svc{i}, namespace: shop}}
spec: {{selector: {{app: svc{i}}}, ports: [{{name: http, port: 80}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: svc{i}, namespace: shop, labels: {{app: svc{i}}}}}
status: {{conditions: [{{type: Ready, status: 'True'}}]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: svc{i}, namespace: shop}}
spec: {{hosts: [svc{i}], http: [{{route: [{{destination: {{host: svc{i}{subset}}}}}]}}]}}
"
        );
    }
    out
}

fn towtank(hosts: usize, arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("mesh.yaml"), mesh(hosts)).expect("written");
    let (command, rest) = arguments.split_first().expect("a command");
    towtank_in(folder.path(), &[&[*command, "mesh.yaml"], rest].concat(), b"")
}

const QUICK: [&str; 2] = ["simulate", "--exact"];

#[test]
fn a_long_report_begins_with_sums_and_what_is_lost() {
    let ran = towtank(200, &QUICK).ends_with(0);
    let place = |text: &str| ran.out.find(text).unwrap_or_else(|| panic!("`{text}`: {}", ran.out));
    assert!(ran.out.starts_with("all 200 streams"), "{}", ran.out);
    assert!(place("lost by 20 hosts: undefined subset") < place("delivered whole, nothing else can happen: 180 hosts"));
    assert!(ran.out.lines().count() < 60, "{}", ran.out);
    assert!(place("check finds 20 errors: R106") > place("delivered whole"));
    assert!(place("and 19 more like it") > 0);
    let whole = towtank(200, &[&QUICK[..], &["--all"]].concat()).ends_with(0);
    assert!(whole.out.lines().count() > 200);
    let few = towtank(200, &[&QUICK[..], &["--top", "1"]].concat()).ends_with(0);
    assert!(few.out.lines().count() < ran.out.lines().count(), "{}", few.out);
}

#[test]
fn a_host_and_a_namespace_can_be_picked() {
    let ran = towtank(200, &[&QUICK[..], &["--host", "svc110."]].concat()).ends_with(0);
    assert!(ran.out.contains("svc110.shop") && !ran.out.contains("svc120.shop:80"), "{}", ran.out);
    let ran = towtank(20, &[&QUICK[..], &["--in-namespace", "elsewhere"]].concat()).ends_with(0);
    assert!(!ran.out.contains("svc1.shop"), "{}", ran.out);
}

#[test]
fn failed_lines_are_capped_with_their_number() {
    for name in ["lost", "blackholed"] {
        let ran = towtank(200, &[&QUICK[..], &["--fail-on", name]].concat()).ends_with(1);
        assert_eq!(ran.err.lines().filter(|l| l.starts_with("failed: ")).count(), 11, "{}", ran.err);
        ran.says(&["failed: and 10 more streams whose requests are lost (20 in all"]);
    }
}

#[test]
fn findings_of_one_cause_stand_once() {
    let ran = towtank(200, &["check"]).ends_with(1).prints(&["and 19 more R106 of the same cause"]);
    assert_eq!(ran.out.matches("error[R106]").count(), 1, "{}", ran.out);
    let whole = towtank(200, &["check", "--all"]).ends_with(1);
    assert_eq!(whole.out.matches("error[R106]").count(), 20);
}

#[test]
fn the_checklist_comes_when_it_is_asked_for() {
    let ran = towtank(2, &["check", "--fail-on", "error"]).prints(&["checklist: ", "(--checklist shows them)"]);
    assert!(!ran.out.contains("Before going live") && !ran.out.contains("not evaluated: "), "{}", ran.out);
    let ran = towtank(2, &["check", "-q"]);
    assert!(!ran.out.contains("hecklist") && !ran.out.contains("Before going live"), "{}", ran.out);
    for option in ["--checklist", "-v"] {
        let ran = towtank(2, &["check", option]).prints(&["Before going live", "not evaluated"]);
        let list = ran.out.split("Before going live").nth(1).unwrap_or_default();
        let marks = list.lines().filter_map(|l| l.get(5..13)).filter(|m| !m.trim().is_empty());
        let odd: Vec<&str> = marks.filter(|m| !matches!(m.trim(), "fine" | "NOT FINE" | "unknown")).collect();
        assert!(odd.is_empty(), "{odd:?}: {}", ran.out);
    }
}
