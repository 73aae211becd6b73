//! Several logs at once, windows of time, and tallies of parts that make the report of the whole.

use std::path::{Path, PathBuf};

use crate::support::run::{Ran, towtank_in};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn towtank(arguments: &[&str]) -> Ran {
    towtank_in(root(), arguments, b"")
}

const MESH: &str = "scenarios/match-priority";

/// An access log, whole and cut into parts of unequal length, among them an empty one and one without a request.
struct Parts {
    folder: tempfile::TempDir,
    names: Vec<String>,
}

impl Parts {
    fn new() -> Parts {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = folder.path().join("whole.log").display().to_string();
        towtank(&["simulate", MESH, "--count", "2000", "--access-log", &whole, "-q"]).ends_with(0);
        let text = std::fs::read_to_string(&whole).expect("a log");
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        std::fs::create_dir(folder.path().join("parts")).expect("a folder");
        let mut names = Vec::new();
        let own = "2026-03-01T12:00:00.000000Z\tinfo\tready\n";
        let bad = "{\"method\":\"GET\",\"path\":1,\"upstream_cluster\":\"x\",\"authority\":[]}\n".to_owned();
        let mut pieces: Vec<String> =
            [0..10, 10..11, 11..700, 700..2000].into_iter().map(|at| lines[at].concat()).collect();
        pieces[3].insert_str(0, &bad);
        pieces.extend([own.to_owned(), String::new()]);
        for (i, piece) in pieces.iter().enumerate() {
            let name = format!("parts/{i}.log");
            std::fs::write(folder.path().join(&name), piece).expect("a part");
            names.push(name);
        }
        Parts { folder, names }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The tallies of all parts, each with these options.
    fn tallies(&self, options: &[&str]) -> Vec<String> {
        let tally = |name: &String| {
            let (log, tally) = (self.path(name), self.path(&format!("{name}.json")));
            let arguments = ["simulate", MESH, "--requests", &log, "--tally", &tally, "-q"];
            towtank(&[&arguments[..], options].concat()).ends_with(0);
            tally
        };
        self.names.iter().map(tally).collect()
    }
}

fn args<'a>(fixed: &[&'a str], more: &'a [String]) -> Vec<&'a str> {
    fixed.iter().copied().chain(more.iter().map(String::as_str)).collect()
}

#[test]
fn tallies_of_parts_make_the_report_of_the_whole_in_any_order() {
    let parts = Parts::new();
    let mut tallies = parts.tallies(&[]);
    let folder = parts.path("parts/*.log");
    for output in ["table", "json", "csv"] {
        let whole = towtank(&["simulate", MESH, "--requests", &folder, "-o", output, "-q"]).ends_with(0);
        assert!(output != "json" || whole.out.contains("\"requests\":2000"), "{}", whole.out);
        for _ in 0..3 {
            tallies.rotate_left(1);
            let merged = towtank(&args(&["merge", "-o", output, "-q"], &tallies)).ends_with(0);
            assert_eq!(merged.out, whole.out);
        }
    }
    // By twos, through standard input, and all in one file.
    let sum = parts.path("sum.json");
    towtank(&args(&["merge", "--tally", &sum], &tallies[..3])).ends_with(0);
    let rest = towtank(&args(&["merge", "--tally", "-"], &tallies[3..])).ends_with(0).out;
    let both = std::fs::read_to_string(&sum).expect("a tally") + &rest;
    let merged = towtank_in(root(), &["merge", "-", "-q"], both.as_bytes()).ends_with(0);
    assert_eq!(merged.out, towtank(&["simulate", MESH, "--requests", &folder, "-q"]).ends_with(0).out);
    merged.prints(&["5 logs", "1 line passed over: messages of the proxy itself", "1 line can't be read"]);
}

#[test]
fn options_of_the_parts_hold_for_the_whole() {
    let parts = Parts::new();
    let older = parts.path("older");
    std::fs::create_dir(&older).expect("a folder");
    for file in walkdir::WalkDir::new(root().join(MESH).join("manifests")).into_iter().flatten() {
        if file.file_type().is_file() {
            std::fs::copy(file.path(), Path::new(&older).join(file.file_name())).expect("a copy");
        }
    }
    let options = ["--against", &older, "--seed", "9", "--detect", "1%", "--assume", "services=never,names=never"];
    let tallies = parts.tallies(&options);
    let folder = parts.path("parts");
    let logs: Vec<PathBuf> = parts.names.iter().map(|name| parts.folder.path().join(name)).collect();
    for tally in &tallies {
        std::fs::rename(tally, parts.folder.path().join(Path::new(tally).file_name().expect("a name"))).expect("moved");
    }
    let whole = ["simulate", MESH, "--requests", &folder, "-o", "json", "-q"];
    let whole = towtank(&[&whole[..], &options].concat()).ends_with(0).out;
    assert!(logs.iter().all(|log| log.exists()));
    let all = parts.path("*.log.json");
    assert_eq!(towtank(&["merge", &all, "-o", "json", "-q"]).ends_with(0).out, whole);
    // What stands elsewhere now can be named; what is something else can't.
    let moved = parts.path("moved");
    std::fs::rename(&older, &moved).expect("moved");
    towtank(&["merge", &all, "-q"]).ends_with(2);
    assert_eq!(towtank(&["merge", &all, "--against", &moved, "-o", "json", "-q"]).ends_with(0).out, whole);
    towtank(&["merge", &all, "--mesh", "scenarios/canary-90-10", "--against", &moved])
        .ends_with(2)
        .says(&["the manifests are not those that the tallies were counted on", "--mesh PATH"]);
}

#[test]
fn tallies_that_do_not_belong_together_are_refused() {
    let parts = Parts::new();
    let first = parts.tallies(&[]).remove(0);
    let log = parts.path("parts/1.log");
    let other = parts.path("other.json");
    for (options, says) in [
        (&["--istio", "1.29"][..], "options: `--istio=1.29`, not none"),
        (&["--proxy", "sidecar:default"], "--proxy=sidecar:default"),
        (&["--since", "2020-01-01", "--log-format", "access-log-json"], "--since=2020-01-01"),
    ] {
        let arguments = ["simulate", MESH, "--requests", &log, "--tally", &other, "-q"];
        towtank(&[&arguments[..], options].concat()).ends_with(0);
        towtank(&["merge", &first, &other]).ends_with(2).says(&["other.json was not counted on the same", says]);
    }
    towtank(&["simulate", "scenarios/bookshop", "--requests", &log, "--tally", &other, "-q", "--max-bad", "1"])
        .ends_with(0);
    towtank(&["merge", &first, &other]).ends_with(2).says(&["was not counted on the same", "manifests"]);
    // Not by hand either: where requests are found is in the tally.
    let text = std::fs::read_to_string(&first).expect("a tally");
    for (from, to, says) in [
        ("\"version\":1", "\"version\":2", "of version 2, of which this towtank knows 1"),
        ("\"version\":1,", "", "this is no tally: it has no `version`"),
        ("\"towtank\"", "\"tool\"", "the tally is damaged: unknown field `tool`"),
        ("\"place\":\"", "\"place\":\"x", "the tally is damaged"),
        ("\"options\":[]", "\"options\":[\"--access-log=x\"]", "--access-log"),
        ("\"options\":[]", "\"options\":[\"--nonsense\"]", "options that this towtank doesn't take"),
        ("\"authority\":\"", "\"authority\":\"nowhere.", "not counted on these manifests"),
        ("{\"version\"", "{{\"version\"", "this is no tally"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        std::fs::write(&other, changed).expect("written");
        towtank(&["merge", &other]).ends_with(2).says(&[says]);
    }
    std::fs::write(&other, "").expect("written");
    towtank(&["merge", &other]).ends_with(2).says(&["there is no tally in it"]);
    towtank(&["merge", "no/such.json"]).ends_with(2).says(&["no/such.json"]);
    assert!(!root().join("x").exists());
}

#[test]
fn a_part_is_judged_with_the_whole() {
    let parts = Parts::new();
    let bad = parts.path("bad.log");
    std::fs::write(&bad, "{\"method\":1,\"path\":[],\"upstream_cluster\":\"x\"}\n".repeat(30)).expect("written");
    let (tally, sum) = (parts.path("bad.json"), parts.path("parts/3.log.json"));
    towtank(&["simulate", MESH, "--requests", &bad, "--tally", &tally])
        .ends_with(0)
        .says(&["note: no report of this part", "more than --max-bad"]);
    towtank(&["merge", &tally]).ends_with(2).says(&["more than --max-bad"]);
    parts.tallies(&[]);
    towtank(&["merge", &tally, &sum]).ends_with(2).says(&["error: ", "bad.log:1", "more than --max-bad 1 %"]);
    towtank(&["merge", &tally, &sum, "--max-bad", "5%"]).ends_with(0);
    let none: Vec<String> = parts.names[4..].iter().map(|name| parts.path(&format!("{name}.json"))).collect();
    towtank(&args(&["merge"], &none)).ends_with(2).says(&["no request among its 1 lines"]);
    let whole = ["simulate", MESH, "--requests", &bad, "--requests", &parts.path("parts/*.log")];
    towtank(&whole).ends_with(2).says(&["more than --max-bad"]);
    let tally = ["simulate", MESH, "--requests", &tally];
    towtank(&tally).ends_with(2).says(&["is no log but a tally", "`towtank merge` puts tallies together"]);
}

#[test]
fn tallies_are_what_their_schema_says_and_take_no_place_of_what_is_read() {
    let schema = include_str!("../../src/tool/report/schema/tally.json");
    let validator = jsonschema::validator_for(&serde_json::from_str(schema).expect("JSON")).expect("a schema");
    let mut arguments = vec!["simulate", "tests/log", "scenarios/bookshop", "--requests", "tests/log/access.log"];
    arguments.extend(["--tally", "-", "--max-bad", "20%"]);
    let ran = towtank(&arguments).ends_with(0);
    let tally: Value = serde_json::from_str(&ran.out).expect("a tally and nothing else");
    let errors: Vec<String> = validator.iter_errors(&tally).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(tally["meshes"].as_array().map(Vec::len), Some(2));
    let merged = towtank_in(root(), &["merge", "-", "-q", "--max-bad", "20%"], ran.out.as_bytes()).ends_with(0);
    let whole = towtank(&[&arguments[..5], &["-q", "--max-bad", "20%"]].concat()).ends_with(0);
    assert_eq!(merged.out, whole.out);
    let log = "tests/log/access.log";
    towtank(&["simulate", "tests/log", "--requests", log, "--tally", log])
        .ends_with(2)
        .says(&["--tally tests/log/access.log: this run reads", "name another file"]);
    towtank(&["simulate", "tests/log", "--requests", log, "--tally", "-", "--fail-on", "lost"])
        .ends_with(2)
        .says(&["`towtank merge` takes --fail-on"]);
    towtank(&["simulate", "tests/log", "--tally", "x.json"]).ends_with(2).says(&["--requests"]);
}

/// A line of Istio's log for each minute of an hour, and one without a time.
fn hour(folder: &Path) -> String {
    let line = |time: &str| {
        format!(
            "{{\"authority\":\"reviews:9080\",\"method\":\"GET\",\"path\":\"/\",\"start_time\":{time},\"response_code\":200,\
             \"downstream_local_address\":\"10.96.0.20:9080\",\"upstream_cluster\":\"outbound|9080|v1|reviews.default.svc.cluster.local\"}}\n"
        )
    };
    let mut text: String = (0..60).map(|minute| line(&format!("\"2026-03-01T12:{minute:02}:00.000Z\""))).collect();
    text.push_str(&line("null"));
    let path = folder.join("hour.log");
    std::fs::write(&path, text).expect("a log");
    path.display().to_string()
}

#[test]
fn a_window_of_time_leaves_out_what_is_not_in_it_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = hour(folder.path());
    let requests = |window: &[&str]| {
        let arguments = ["simulate", "scenarios/canary-90-10", "--requests", &log, "-o", "json"];
        let ran = towtank(&[&arguments[..], window].concat()).ends_with(0);
        let report: Value = serde_json::from_str(&ran.out).expect("JSON");
        let passed = report["log"]["passed_over"].as_array().expect("a list").iter();
        let passed: Vec<String> = passed.map(|p| format!("{} {}", p["lines"], p["reason"].as_str().unwrap())).collect();
        (report["requests"].as_u64(), passed.join(", "), ran.err)
    };
    let of = |window: &[&str]| requests(window).0.expect("a number");
    assert_eq!(of(&[]), 61);
    let (n, passed, _) = requests(&["--since", "2026-03-01T12:30:00Z"]);
    assert_eq!((n, passed.as_str()), (Some(30), "30 outside of the time window, 1 without a time"));
    assert_eq!(of(&["--until", "2026-03-01T12:30:00Z"]), 30, "together they are all that have a time");
    assert_eq!(of(&["--since", "2026-03-01T13:10:00+01:00", "--until", "2026-03-01T12:20:00Z"]), 10);
    assert_eq!(of(&["--since", "2026-03-01", "--until", "2026-03-02"]), 60);
    let (n, _, said) = requests(&["--since", "10m"]);
    assert_eq!(n, Some(11));
    assert!(
        said.contains("note: --since: 2026-03-01T12:49:00Z; the last request is of 2026-03-01T12:59:00Z"),
        "{said}"
    );
    assert_eq!(of(&["--since", "30m", "--until", "10m"]), 20);
    let simulate = ["simulate", "scenarios/canary-90-10", "--requests"];
    let refused = |log: &str, window: &[&str], says: &str| {
        towtank(&[&simulate[..], &[log], window].concat()).ends_with(2).says(&[says]);
    };
    refused(&log, &["--since", "2027-01-01"], "60 outside of the time window, 1 without a time");
    refused(&log, &["--since", "yesterday"], "write a time such as 2026-03-01T12:00:00Z");
    refused(&log, &["--since", "2026-03-02", "--until", "2026-03-01"], "is not before --until");
    refused("-", &["--since", "1h"], "standard input is read once");
    refused(&log, &["--since", "1h", "--tally", "x.json"], "parts of a log end at different times");
    let timeless = folder.path().join("timeless.jsonl").display().to_string();
    std::fs::write(&timeless, "{\"authority\":\"reviews:9080\",\"path\":\"/\"}\n").expect("written");
    refused(&timeless, &["--since", "1h"], "no line has a time");
    refused(&timeless, &["--since", "2026-03-01"], "1 without a time");
}

#[test]
fn logs_are_files_folders_and_patterns() {
    let parts = Parts::new();
    let (one, rest) = (parts.path("parts/0.log"), parts.path("parts/[1-5].log"));
    let of = |logs: &[&str]| {
        let mut arguments = vec!["simulate", MESH, "-q", "-o", "json"];
        logs.iter().for_each(|log| arguments.extend(["--requests", log]));
        towtank(&arguments).ends_with(0).out
    };
    let folder = of(&[&parts.path("parts")]);
    assert_eq!(of(&[&one, &rest]), folder);
    assert_eq!(of(&[&rest, &one, &one]), folder, "neither order nor repetition matters");
    let report: Value = serde_json::from_str(&folder).expect("JSON");
    assert_eq!(report["log"]["name"], "5 logs", "an empty one is none");
    assert_eq!(report["log"]["logs"].as_array().map(Vec::len), Some(5));
    assert!(report["log"]["bad"]["examples"][0]["log"].as_str().is_some_and(|log| log.ends_with("3.log")));
    for (path, says) in [
        ("no/*.log", "`no`: no such file or folder"),
        ("nothing.log", "nothing.log"),
        ("docs/*.xyz", "no file fits the pattern"),
    ] {
        towtank(&["simulate", MESH, "--requests", path]).ends_with(2).says(&["--requests", says]);
    }
    towtank(&["simulate", MESH, "--requests", &one, "--log-format", "wml"])
        .ends_with(2)
        .says(&["known are", "istio_text"]);
}
