//! `simulate --suppose` beside what was counted: `tests/policy/` has manifests, assumptions, and the counts of a real Envoy with these
//! tables before pods that behaved so.
//!
//! Every count must lie within a 99.9 % interval of our share. What can't be held so closely says why in its `case.yaml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::run::towtank_in;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cases() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("tests/policy")).expect("the cases");
    let mut found: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).filter(|p| p.is_dir()).collect();
    found.sort();
    found
}

fn yaml(path: &Path) -> Value {
    serde_yaml::from_str(&std::fs::read_to_string(path).expect("a file")).expect("YAML")
}

/// The consequences of the case's assumptions for the rule that its requests come to.
fn consequences(folder: &Path, case: &Value) -> Value {
    let name = folder.strip_prefix(root()).expect("below the root").display().to_string();
    let (manifests, assumptions) = (format!("{name}/manifests.yaml"), format!("@{name}/assumptions.yaml"));
    let count = case["requests"].to_string();
    let mut arguments = vec!["simulate", &manifests, "--suppose", &assumptions, "-o", "json", "--exact", "-q"];
    arguments.extend(["--proxy", "sidecar:default:app=client", "--count", &count, "--host", "reviews*"]);
    let load: Vec<(String, String)> =
        case["load"].as_object().into_iter().flatten().map(|(k, v)| (format!("--{k}"), v.to_string())).collect();
    load.iter().for_each(|(option, value)| arguments.extend([option.as_str(), value.as_str()]));
    let mesh = tempfile::tempdir().expect("a folder");
    let config = mesh.path().join("mesh.yaml").display().to_string();
    if !case["mesh"].is_null() {
        std::fs::write(&config, case["mesh"].to_string()).expect("a file");
        arguments.extend(["--mesh-config", &config]);
    }
    let ran = towtank_in(root(), &arguments, b"");
    let out: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{name}: {e}: {}", ran.err));
    let rules = out["policy"].as_array().expect("what follows");
    let of_reviews = |rule: &&Value| rule["route"].as_str().is_some_and(|route| route.starts_with("reviews"));
    let mut of_reviews = rules.iter().filter(of_reviews);
    let rule = of_reviews.next().unwrap_or_else(|| panic!("{name}: no rule")).clone();
    assert!(of_reviews.next().is_none(), "{name}: several rules");
    rule
}

/// Shares or loads by name.
fn table(of: &Value) -> BTreeMap<String, f64> {
    of.as_object().into_iter().flatten().map(|(name, n)| (name.clone(), n.as_f64().expect("a number"))).collect()
}

/// One count beside our share, both put together from all that is compared.
struct Comparison<'c> {
    name: &'c str,
    /// Independent requests: users where hashing keeps theirs together.
    requests: f64,
    /// Those of the event model; infinite for a law.
    modelled: f64,
    within: Option<f64>,
    wrong: Vec<String>,
    compared: usize,
}

impl Comparison<'_> {
    /// `count` is a share of the requests; `variance` that of one request's part in it.
    fn hold(&mut self, what: &str, share: f64, ours: f64, variance: f64) {
        /// The two-sided 99.9 % quantile of the normal distribution.
        const Z: f64 = 3.2905;
        self.compared += 1;
        let deviation = (variance.max(0.0) * (1.0 / self.requests + 1.0 / self.modelled)).sqrt();
        // Half a request is rounding.
        let allowed = self.within.unwrap_or(Z * deviation + 0.5 / self.requests);
        if (share - ours).abs() > allowed {
            let z = (share - ours) / deviation.max(1e-12);
            self.wrong.push(format!("{}: {what}: {share:.5} was counted, ours is {ours:.5} (z {z:.2})", self.name));
        }
    }

    /// Shares of requests by what happened to them.
    fn shares(&mut self, what: &str, counted: &BTreeMap<String, f64>, total: f64, ours: &BTreeMap<String, f64>) {
        let names: BTreeSet<&String> = counted.keys().chain(ours.keys()).collect();
        for name in names {
            let (share, ours) = (counted.get(name).unwrap_or(&0.0) / total, ours.get(name).copied().unwrap_or(0.0));
            self.hold(&format!("{what} {name}"), share, ours, ours * (1.0 - ours));
        }
    }
}

/// Statuses and flags with their shares.
fn ends(rule: &Value) -> BTreeMap<String, f64> {
    let mut ends: BTreeMap<String, f64> = BTreeMap::new();
    for outcome in rule["outcomes"].as_array().into_iter().flatten() {
        let end = format!("{} {}", outcome["status"], outcome["flags"].as_str().unwrap_or_default());
        *ends.entry(end).or_default() += outcome["share"].as_f64().unwrap_or_default();
    }
    ends
}

/// Ends that can't be told apart are one.
fn put_together(ends: &mut BTreeMap<String, f64>, alike: &Value) {
    let sum: f64 = alike.as_array().into_iter().flatten().filter_map(|end| ends.remove(end.as_str()?)).sum();
    if sum > 0.0 {
        ends.insert("put together".to_owned(), sum);
    }
}

/// `reviews-v1-0` of `default/reviews-v1-0:9080`.
fn pod(name: &str) -> String {
    name.rsplit('/').next().and_then(|rest| rest.split(':').next()).unwrap_or_default().to_owned()
}

fn judged(folder: &Path) -> (Vec<String>, usize) {
    let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
    let (case, measured) = (yaml(&folder.join("case.yaml")), yaml(&folder.join("measured.json")));
    let rule = consequences(folder, &case);
    let total = measured["requests"].as_f64().expect("requests");
    let mut c = Comparison {
        name: &name,
        requests: case["users"].as_f64().map_or(total, |users| users.min(total)),
        modelled: rule["modelled_requests"].as_f64().unwrap_or(f64::INFINITY),
        within: case["loose"]["within"].as_f64(),
        wrong: Vec::new(),
        compared: 0,
    };
    let (mut counted, mut ours) = (table(&measured["status_flags"]), ends(&rule));
    let alike = &case["together"]["flags"];
    if alike.is_array() {
        put_together(&mut counted, alike);
        put_together(&mut ours, alike);
    }
    c.shares("end", &counted, total, &ours);
    let tries = table(&rule["attempts"]["distribution"]);
    c.shares("tries", &table(&measured["attempt_count"]), total, &tries);
    if measured["mirror_copies_per_request"].is_object() {
        let copies = table(&rule["mirrors"]["distribution"]);
        c.shares("copies", &table(&measured["mirror_copies_per_request"]), total, &copies);
    }
    // A request that fails comes several times, perhaps to the same pod.
    let attempts: f64 = tries.iter().map(|(n, share)| n.parse::<f64>().unwrap_or(0.0) * share).sum();
    let squares: f64 = tries.iter().map(|(n, share)| n.parse::<f64>().unwrap_or(0.0).powi(2) * share).sum();
    for (part, per_attempt) in [("attempts", squares / attempts.max(1e-9)), ("mirrors", 1.0)] {
        let key = if part == "attempts" { "attempts_per_pod" } else { "mirror_per_pod" };
        let counted = table(&measured[key]);
        let ours = table(&rule[part]["by_pod"]);
        let mut pairs: Vec<(String, f64, f64)> = Vec::new();
        for (ours_name, load) in &ours {
            let count = counted.get(&pod(ours_name)).map(|n| n / total);
            // Pods count what comes to their application, which refused connections don't.
            let refused =
                count.is_none() && rule["outcomes"].to_string().contains("UF") || count.is_none() && *load > 0.1;
            if !refused {
                pairs.push((pod(ours_name), count.unwrap_or(0.0), *load));
            }
        }
        if case["pods_by_chance"].is_string() {
            let (mut theirs, mut own): (Vec<f64>, Vec<f64>) = pairs.iter().map(|(_, a, b)| (*a, *b)).unzip();
            theirs.sort_by(f64::total_cmp);
            own.sort_by(f64::total_cmp);
            pairs = theirs.into_iter().zip(own).map(|(a, b)| ("some pod".to_owned(), a, b)).collect();
        }
        for (pod, share, load) in pairs {
            c.hold(&format!("{part} at {pod}"), share, load, per_attempt * load);
        }
    }
    // A loaded machine adds time and takes none away.
    if let Some(mean) = rule["duration"]["mean_ms"].as_f64().filter(|_| c.within.is_none() && alike.is_null()) {
        let counted = measured["mean_ms"].as_f64().expect("a mean");
        c.compared += 1;
        if !(mean - 3.0..=mean * 1.1 + 10.0).contains(&counted) {
            c.wrong.push(format!("{name}: the mean time is {counted} ms, and ours {mean}"));
        }
    }
    (c.wrong, c.compared)
}

#[test]
fn every_count_of_a_real_envoy_lies_within_the_interval_of_ours() {
    let cases = cases();
    assert!(cases.len() > 70, "only {} cases were found", cases.len());
    let all: Vec<(Vec<String>, usize)> = cases.iter().map(|folder| judged(folder)).collect();
    let wrong: Vec<String> = all.iter().flat_map(|(wrong, _)| wrong.clone()).collect();
    let compared: usize = all.iter().map(|(_, n)| n).sum();
    assert!(compared > 450, "only {compared} counts were compared");
    assert!(wrong.is_empty(), "of {compared}:\n{}", wrong.join("\n"));
}

/// What is loose says why.
#[test]
fn no_case_is_loose_without_a_reason() {
    let told = |of: &Value| of.is_null() || of["why"].as_str().is_some_and(|why| why.len() > 20);
    for folder in cases() {
        let case = yaml(&folder.join("case.yaml"));
        assert!(told(&case["loose"]) && told(&case["together"]), "{}", folder.display());
    }
}

/// Where nothing is assumed to fail, every rule sends its requests where `simulate` says.
#[test]
fn without_failures_everything_equals_simulate() {
    let folder = tempfile::tempdir().expect("a folder");
    let nothing = folder.path().join("nothing.yaml");
    std::fs::write(&nothing, "assume: []\n").expect("a file");
    let suppose = format!("@{}", nothing.display());
    let scenarios = std::fs::read_dir(root().join("scenarios")).expect("scenarios");
    let mut scenarios: Vec<PathBuf> =
        scenarios.filter_map(Result::ok).map(|e| e.path()).filter(|p| p.is_dir()).collect();
    scenarios.sort();
    scenarios.extend(cases().into_iter().map(|case| case.join("manifests.yaml")));
    let mut compared = 0;
    for scenario in scenarios {
        let path = scenario.display().to_string();
        let arguments = ["simulate", &path, "--exact", "-q", "-o", "json", "--suppose", &suppose];
        let ran = towtank_in(root(), &arguments, b"");
        for line in ran.out.lines() {
            let document: Value = serde_json::from_str(line).expect("JSON");
            let rules = document["policy"].as_array().unwrap_or_else(|| panic!("{path}: {document}"));
            for stream in document["streams"].as_array().expect("streams") {
                let hit = |r: &&Value| r["expected_share"].as_f64().is_some_and(|share| share > 0.0);
                let routes: Vec<&Value> = stream["routes"].as_array().into_iter().flatten().filter(hit).collect();
                // Of several routes the stream mixes what each rule says by itself.
                let [route] = routes[..] else { continue };
                let host =
                    route["virtual_host"].as_str().unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
                let same = |r: &&Value| {
                    let short = host.split(".svc.").next().unwrap_or_default();
                    let of_host = r["route"].as_str().is_some_and(|t| t.starts_with(short));
                    r["proxy"] == route["proxy"] && r["source"] == route["source"] && of_host
                };
                let Some(rule) = rules.iter().find(same) else { continue };
                compared += 1;
                let whole = route["expected_share"].as_f64().expect("a share");
                for destination in stream["destinations"].as_array().into_iter().flatten() {
                    let same = |d: &&Value| d["cluster"] == destination["cluster"];
                    let by_subset = rule["attempts"]["by_subset"].as_array().expect("destinations");
                    let Some(ours) = by_subset.iter().find(same) else { panic!("{path}: {destination}: {rule}") };
                    let expected = destination["expected_share"].as_f64().expect("a share");
                    let delivers = matches!(destination["outcome"].as_str(), Some("delivered" | "passthrough"));
                    let (share, attempts) = (ours["share"].as_f64(), ours["attempts"].as_f64());
                    let near = |a: Option<f64>, b: f64| a.is_some_and(|a| (a * whole - b).abs() < 1e-9);
                    assert!(near(share, expected), "{path}: {destination}: {rule}");
                    assert!(near(attempts, if delivers { expected } else { 0.0 }), "{path}: {destination}: {rule}");
                }
                let delivered: f64 = ["delivered", "passthrough"]
                    .iter()
                    .filter_map(|outcome| stream["expected_outcomes"][outcome].as_f64())
                    .sum();
                let success = rule["success"].as_f64().expect("a share") * whole;
                assert!((success - delivered).abs() < 1e-9, "{path}: {delivered} delivered: {rule}");
            }
        }
    }
    assert!(compared > 80, "only {compared} streams were compared");
}

#[test]
fn targets_that_are_not_there_and_items_that_cannot_be_read_are_errors() {
    let manifests = "tests/policy/retry-both-fail/manifests.yaml";
    for (suppose, said) in [
        ("v3:errors=5%", "no subset and no host is called `v3`"),
        ("review/v2:errors=5%", "did you mean `reviews/v2`?"),
        ("v2:erors=5%", "did you mean `errors`?"),
        ("v2:latency=300", "no length of time"),
        ("@nowhere.yaml", "--suppose @nowhere.yaml"),
    ] {
        towtank_in(root(), &["simulate", manifests, "--suppose", suppose], b"").ends_with(2).says(&[said]);
    }
}

#[test]
fn fail_on_judges_success_and_amplification() {
    let manifests = "tests/policy/retry-both-fail/manifests.yaml";
    let run = |conditions: &str| {
        let assumed = "@tests/policy/retry-both-fail/assumptions.yaml";
        let arguments = ["simulate", manifests, "--exact", "--suppose", assumed, "--fail-on", conditions];
        towtank_in(root(), &arguments, b"")
    };
    run("success<90%,amplification>2").ends_with(0);
    run("success<99.9%").ends_with(1).says(&["of the requests of `reviews.default:9080 rule main` succeed"]);
    run("amplification>1.2").ends_with(1).says(&["attempts for each of its requests"]);
    let without = ["simulate", manifests, "--fail-on", "success<99%"];
    towtank_in(root(), &without, b"").ends_with(2).says(&["--suppose says how pods behave"]);
}

/// `suppose:` of a scenario, and what the command line says over it.
#[test]
fn a_scenario_supposes_and_the_command_line_overrides() {
    let folder = tempfile::tempdir().expect("a folder");
    let manifests = root().join("tests/policy/retry-both-fail/manifests.yaml");
    std::fs::copy(manifests, folder.path().join("manifests.yaml")).expect("a copy");
    let scenario = "apiVersion: towtank/v1\nkind: Scenario\nsuppose:\n- v1:errors=100%\n- {subset: v2, errors: [{status: 500, \
                    percent: 100}]}\n";
    std::fs::write(folder.path().join("scenario.yaml"), scenario).expect("a file");
    let path = folder.path().display().to_string();
    let run = |more: &[&str]| -> Value {
        let ran = towtank_in(root(), &[&["simulate", &path, "--exact", "-q", "-o", "json"], more].concat(), b"");
        serde_json::from_str::<Value>(&ran.ends_with(0).out).expect("JSON")["policy"][0]["success"].clone()
    };
    assert_eq!(run(&[]).as_f64(), Some(0.0));
    let better = run(&["--suppose", "v1:errors=0%", "--suppose", "v2:errors=0%"]);
    assert_eq!(better.as_f64(), Some(1.0));
}
