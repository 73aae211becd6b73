//! The examples of all checks: the bad one gives the finding, the good one doesn't.

use super::registry::{self, Check, Profile};
use super::{Inputs, Outcome, run};
use crate::manifest::diagnostic::Finding;
use crate::manifest::load::UnknownFields;
use crate::manifest::source::SourceMap;
use crate::traffic::workspace::{self, Options};

/// What is found in manifests, admission included.
pub(super) fn check(text: &str) -> (Vec<Finding>, Outcome) {
    check_change(text, "")
}

/// What is found in manifests that take the place of others. Files are told apart by lines `# file: NAME`.
fn check_change(text: &str, base: &str) -> (Vec<Finding>, Outcome) {
    let mut sources = SourceMap::default();
    let mut add = |text: &str, folder: &str| {
        let mut files = Vec::new();
        for (i, part) in format!("\n{text}").split("\n# file: ").enumerate().filter(|(_, p)| !p.trim().is_empty()) {
            let (name, body) = if i == 0 { ("example.yaml", part) } else { part.split_once('\n').unwrap() };
            files.push(sources.add(format!("{folder}{name}"), body));
        }
        files
    };
    let (manifests, base) = (add(text, ""), add(base, "base/"));
    let inputs = workspace::Inputs { sources, manifests, base, ..workspace::Inputs::default() };
    let options = Options {
        namespace: "default".into(),
        unknown_fields: UnknownFields::Error,
        skip_invalid: false,
        assume: workspace::Assume::AUTO,
        map_namespaces: Vec::new(),
        istio: crate::traffic::workspace::Asked::default(),
        proxies: Vec::new(),
    };
    let reviewed = workspace::review(inputs, &options);
    let outcome = run(Inputs {
        manifests: &reviewed.manifests,
        refused: reviewed.refused,
        assumed: !reviewed.assumed.is_empty(),
        scenario: None,
        sources: &reviewed.sources,
        gateways: reviewed.gateways.clone(),
        base: reviewed.base.clone(),
        profile: Profile::Ops,
        effort: super::EFFORT,
        earlier: &reviewed.findings,
    });
    (reviewed.findings, outcome)
}

fn lists(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| format!("{} {} {} {}", f.id, f.severity_name(), f.path, f.message)).collect()
}

impl Finding {
    fn severity_name(&self) -> String {
        format!("{:?}", self.severity)
    }
}

fn problems(check_: &Check) -> Vec<String> {
    let example = check_.example();
    if check_.id.starts_with(['M', 'S']) {
        // The others have the cases of tests/admission; what needs a run is found by other commands.
        let finds = |text: &str| check(text).0.iter().any(|f| f.id == check_.id);
        let right = check_.example.is_empty() || (finds(example.bad) && !finds(example.good));
        return if right { Vec::new() } else { vec!["the example is wrong".to_owned()] };
    }
    let mut problems = Vec::new();
    if example.bad.trim().is_empty() || example.good.trim().is_empty() {
        problems.push("the example has no bad or no good part".to_owned());
    }
    let both = if example.both.is_empty() { String::new() } else { format!("{}---\n", example.both) };
    for (name, part, expected) in [("bad", example.bad, true), ("good", example.good, false)] {
        let (earlier, outcome) = check_change(&format!("{both}{part}"), example.base);
        let refused: Vec<_> = earlier.iter().filter(|f| f.is_rejection()).cloned().collect();
        if !refused.is_empty() && check_.id != "R114" {
            problems.push(format!("{name}: {:?}", lists(&refused)));
        }
        let unread: Vec<_> = earlier.iter().filter(|f| f.id == "load").cloned().collect();
        if !unread.is_empty() {
            problems.push(format!("{name}: {:?}", lists(&unread)));
        }
        let found = outcome.findings.iter().any(|f| f.id == check_.id);
        let not_made = outcome.not_evaluated.iter().any(|n| n.check.id == check_.id);
        let is_possible = !check_.needs.iter().any(|n| {
            use registry::Input::{Rates, Requests};
            matches!(n, Rates | Requests)
        });
        if is_possible && (found != expected || not_made) {
            problems.push(format!("{name}: found {found}, not made {not_made}; {:#?}", lists(&outcome.findings)));
        }
        if !is_possible && !not_made {
            problems.push(format!("{name}: passed without its input"));
        }
    }
    problems
}

#[test]
fn every_example_is_found_and_repaired() {
    let mut failed = Vec::new();
    for check in registry::all() {
        failed.extend(problems(check).into_iter().map(|p| format!("{}: {p}", check.id)));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn ids_are_unique_and_manuals_say_something() {
    let mut ids: Vec<&str> = registry::all().map(|c| c.id).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    for check in registry::all() {
        assert!(check.manual.len() > 40, "{}", check.id);
    }
}

/// Pairs of rules that look as if the first covered the second, and don't.
#[test]
fn p204_stays_silent_where_a_request_reaches_the_rule() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: store}\nspec: {selector: {app: shop}, ports: [{name: http, port: 8080}]}\n";
    for (first, second) in [
        ("{uri: {prefix: /api}, method: {exact: GET}}", "{uri: {prefix: /api/v1}}"),
        ("{headers: {x-user: {prefix: abc}}}", "{headers: {x-user: {prefix: ab}}}"),
        ("{uri: {prefix: /s}, sourceLabels: {app: a}}", "{uri: {prefix: /s}, sourceLabels: {app: b}}"),
        ("{headers: {x-user: {exact: a}}}", "{withoutHeaders: {x-user: {exact: a}}}"),
        ("{withoutHeaders: {x-user: {exact: a}}}", "{headers: {x-user: {exact: b}}}"),
        ("{uri: {regex: '/v[0-9]/.*'}}", "{uri: {prefix: /v}}"),
    ] {
        let text = format!(
            "{service}---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop, namespace: store}}\nspec:\n  hosts: [shop]\n  http:\n  - match: [{first}]\n    route: [{{destination: {{host: shop}}}}]\n  - match: [{second}]\n    timeout: 5s\n    route: [{{destination: {{host: shop}}}}]\n"
        );
        let (_, outcome) = check(&text);
        let dead: Vec<_> =
            outcome.findings.iter().filter(|f| matches!(f.id.as_str(), "P201" | "P202" | "P203" | "P204")).collect();
        assert!(dead.is_empty(), "{first} then {second}: {dead:?}");
    }
}

#[test]
fn p204_is_found_for_dead_rules_of_all_kinds() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: store}\nspec: {selector: {app: shop}, ports: [{name: http, port: 8080}]}\n";
    for (first, second) in [
        ("{uri: {prefix: /api}}", "{uri: {prefix: /api}, headers: {x-canary: {exact: '1'}}}"),
        ("{uri: {prefix: /api}}", "{uri: {prefix: /api}, method: {exact: POST}}"),
        ("{uri: {prefix: /api}}", "{uri: {exact: /api/login}}"),
        ("{uri: {prefix: /api}}", "{uri: {regex: '/api/v[0-9]+/.*'}}"),
        ("{uri: {prefix: /api}}", "{uri: {prefix: /api}, queryParams: {beta: {exact: '1'}}}"),
        ("{headers: {x-user: {prefix: ab}}}", "{headers: {X-User: {prefix: abc}}}"),
        ("{headers: {x: {exact: a}}}, {withoutHeaders: {x: {exact: a}}}", "{uri: {prefix: /web}}"),
        ("{uri: {regex: '/(a|b).*'}}", "{uri: {prefix: /b}}"),
    ] {
        let text = format!(
            "{service}---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop, namespace: store}}\nspec:\n  hosts: [shop]\n  http:\n  - match: [{first}]\n    route: [{{destination: {{host: shop}}}}]\n  - match: [{second}]\n    timeout: 5s\n    route: [{{destination: {{host: shop}}}}]\n"
        );
        let (_, outcome) = check(&text);
        assert!(
            outcome.findings.iter().any(|f| f.id == "P204"),
            "{first} then {second}: {:#?}",
            lists(&outcome.findings)
        );
    }
}

/// Files below `tests/checks/more`: manifests behind lines `# expect: ID severity path` or `# expect: no ID`. Of the ids that
/// are named, exactly these findings are made. What is in force before stands between `# base` and `# new`.
#[test]
fn further_cases_find_what_they_expect() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks/more");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let mut failed = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let mut wanted: Vec<String> =
            text.lines().filter_map(|l| l.strip_prefix("# expect: ")).map(str::to_owned).collect();
        let ids: Vec<String> = wanted
            .iter()
            .filter_map(|w| w.strip_prefix("no ").unwrap_or(w).split(' ').next())
            .map(str::to_owned)
            .collect();
        assert!(!ids.is_empty(), "{} expects nothing", file.display());
        wanted.retain(|w| !w.starts_with("no "));
        wanted.sort();
        let (base, new) = text.split_once("\n# new\n").unwrap_or(("", text.as_str()));
        let (earlier, outcome) = check_change(new, base.split_once("# base\n").map_or("", |(_, base)| base));
        let refused: Vec<_> = earlier.iter().filter(|f| f.is_rejection()).cloned().collect();
        let mut found: Vec<String> = outcome
            .findings
            .iter()
            .filter(|f| ids.iter().any(|id| f.id == *id))
            .map(|f| format!("{} {} {}", f.id, f.severity_name().to_lowercase(), f.path))
            .collect();
        found.sort();
        if found != wanted || !refused.is_empty() {
            failed.push(format!("{}: {found:?}, not {wanted:?}; refused: {:?}", file.display(), lists(&refused)));
        }
    }
    assert!(files.len() > 30, "cases are missing");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What other tools call the very same thing.
#[test]
fn findings_bear_the_codes_of_other_tools_for_their_case() {
    let entry = |name: &str, protocol: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: {name}, namespace: store}}\nspec: {{hosts: [api.test], ports: [{{number: 80, name: p, protocol: {protocol}}}], resolution: DNS}}\n---\n"
        )
    };
    let rule = |http: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop, namespace: store}}\nspec: {{hosts: [shop], http: [{http}]}}\n"
        )
    };
    let route = "route: [{destination: {host: shop}}]";
    for (text, id, peers) in [
        (entry("a", "HTTP") + &entry("b", "TCP"), "C309", vec!["IST0177", "KIA1212"]),
        (entry("a", "HTTP") + &entry("b", "HTTP"), "C309", vec!["KIA1211"]),
        (rule(&format!("{{match: [{{gateways: [edge]}}], {route}}}")), "R112", vec!["KIA1102"]),
        (rule(&format!("{{fault: {{delay: {{fixedDelay: 1s, percent: 5}}}}, {route}}}")), "M119", vec!["IST0002"]),
        (
            "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: shop, namespace: store}\nspec: {outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: a.test, port: {number: 80}}}}\n".to_owned(),
            "M508",
            vec!["IST0002"],
        ),
    ] {
        let (earlier, outcome) = check(&text);
        let found: Vec<_> = earlier.iter().chain(&outcome.findings).filter(|f| f.id == id).map(|f| &f.peers).collect();
        assert!(!found.is_empty() && found.iter().all(|p| **p == peers), "{id}: {found:?}");
    }
}

/// The help says what helps, or that nothing has to be done.
#[test]
fn hints_know_the_case() {
    let catch_alls = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: store}\nspec: {hosts: [www.example.com], gateways: [istio-system/edge], http: [{route: [{destination: {host: shop}}]}]}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: b, namespace: store}\nspec: {hosts: [www.example.com], gateways: [istio-system/edge], http: [{route: [{destination: {host: cart}}]}]}\n";
    let redirect = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: istio-system}\nspec:\n  selector: {istio: ingressgateway}\n  servers:\n  - {hosts: [shop.example.com], port: {number: 80, name: http, protocol: HTTP}, tls: {httpsRedirect: true}}\n  - {hosts: [\"*.example.com\"], port: {number: 443, name: https, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: shop}}\n";
    for (text, id, hint) in [
        (catch_alls, "C302", "keep one catch-all for the host (C303), or put the rules into one VirtualService"),
        (redirect, "G605", "nothing to do: Gateway istio-system/edge serves its hosts by HTTPS on port 443"),
    ] {
        let (_, outcome) = check(text);
        let found: Vec<_> = outcome.findings.iter().filter(|f| f.id == id).map(|f| f.hint.as_deref()).collect();
        assert_eq!(found, [Some(hint)], "{id}");
    }
}

/// Where the object that is missed was refused, its repair may be all that is needed: the finding names it and is no proof.
#[test]
fn what_is_refused_is_not_missing_for_sure() {
    use crate::manifest::diagnostic::Evidence;
    let object = |kind: &str, name: &str, spec: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: store}}\nspec: {spec}\n---\n"
        )
    };
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: store}\nspec: {selector: {app: shop}, ports: [{name: http, port: 8080}]}\n---\n";
    let gateway = |name: &str, more: &str| {
        let servers = "servers: [{hosts: [\"*\"], port: {number: 80, name: http, protocol: HTTP}}]";
        object("Gateway", name, &format!("{{selector: {{istio: ingressgateway}}, {servers}{more}}}"))
    };
    let rule = |version: &str, more: &str| {
        object(
            "DestinationRule",
            "shop",
            &format!("{{host: shop, subsets: [{{name: v2, labels: {{version: {version}}}{more}}}]}}"),
        )
    };
    let sends = |destination: &str, more: &str| {
        object(
            "VirtualService",
            "shop",
            &format!("{{hosts: [shop], http: [{{route: [{{destination: {destination}}}]}}]{more}}}"),
        )
    };
    let policy = ", trafficPolicy: {loadBalancer: {simple: RANDOM}}";
    for (text, id, refused) in [
        // By an unknown field, by a number for a text, by admission.
        (
            sends("{host: shop}", ", gateways: [edge]") + &gateway("edge", ", x: 1") + &gateway("other", ""),
            "R111",
            "Gateway store/edge",
        ),
        (sends("{host: shop, subset: v2}", "") + &rule("2", ""), "R106", "DestinationRule store/shop"),
        (
            sends("{host: shop, subset: v2}", "") + &rule("v2", ", trafficPolicy: {}"),
            "R106",
            "DestinationRule store/shop",
        ),
        (
            sends("{host: api.test}", "")
                + &object(
                    "ServiceEntry",
                    "api",
                    "{hosts: [api.test], ports: [{number: 80, name: http, protocol: HTP}], resolution: DNS}",
                ),
            "R101",
            "ServiceEntry store/api",
        ),
        (
            rule("v2", policy)
                + &sends("{host: shop, subset: v2}", ", x: 1")
                + &sends("{host: shop}", "").replace("name: shop,", "name: b,"),
            "T411",
            "VirtualService store/shop",
        ),
    ] {
        let (earlier, outcome) = check(&format!("{service}{text}"));
        assert!(earlier.iter().any(Finding::is_rejection), "{text}");
        let found: Vec<_> = outcome.findings.iter().filter(|f| f.id == id).collect();
        let [found] = found.as_slice() else { panic!("{id}: {:?}\n{text}", lists(&outcome.findings)) };
        let named = found.related.iter().filter_map(|r| r.object.as_ref()).any(|o| o.to_string() == refused);
        assert!(named && found.evidence == Evidence::Possible, "{found:?}");
    }
}

/// What is wrong besides an unknown field is said at once, and what only follows from that field isn't.
#[test]
fn an_unknown_field_hides_no_other_fault() {
    let text = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop, namespace: store}\nspec:\n  hosts: [shop, a_b]\n  http:\n  - rout: [{destination: {host: shop}}]\n  - timeout: 5s\n    route: [{destination: {host: shop}, weight: -1, wait: 3}]\n";
    let (earlier, _) = check(text);
    let found: Vec<_> = earlier.iter().filter(|f| f.is_rejection()).map(|f| format!("{} {}", f.id, f.path)).collect();
    assert_eq!(
        found,
        [
            "M100 spec.http[0].rout",
            "M100 spec.http[1].route[0].wait",
            "M103 spec.hosts[1]",
            "M115 spec.http[1].route[0].weight"
        ]
    );
}
