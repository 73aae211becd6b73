//! What others wrote is shown and never obeyed: neither by a terminal, nor by a CI, a spreadsheet or the file system.

use std::path::Path;

use tempfile::TempDir;

use crate::support::run::{Ran, towtank_in};

/// A text that a terminal, a CI and a reader's eye would obey: colours, a title (OSC), C1, bidi, a command of GitHub's runner.
const HOSTILE: &str =
    "x\\e[31mred\\e]0;title\\a\\u009b2J\\u202Eevil\\r\\n::error file=a.yaml::forged\\n##[error]forged";

/// A folder with a mesh, a scenario and tests whose every text is hostile.
fn hostile_folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write(
        "mesh/a.yaml",
        format!(
            r#"apiVersion: v1
kind: Service
metadata: {{name: shop, namespace: default}}
spec:
  selector: {{app: shop}}
  ports: [{{name: http, port: 80}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop, namespace: default}}
spec:
  hosts: [shop]
  http:
  - name: "{HOSTILE}"
    match: [{{headers: {{x-a: {{exact: "{HOSTILE}"}}}}}}, {{uri: {{prefix: "/{HOSTILE}"}}}}]
    rewrite: {{uri: "/{HOSTILE}"}}
    route: [{{destination: {{host: shop}}}}]
  - route: [{{destination: {{host: gone}}}}]
"#
        ),
    );
    write(
        "bad/b.yaml",
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: \"{HOSTILE}\", namespace: default}}\n\
             spec:\n  hosts: [\"{HOSTILE}\"]\n  \"{HOSTILE}\": 1\n  http: [{{headers: {{request: {{set: {{x-b: \"{HOSTILE}\"}}}}}}, \
             route: [{{destination: {{host: \"gone-{HOSTILE}\", subset: \"{HOSTILE}\"}}}}]}}]\n"
        ),
    );
    write(
        "scenario/scenario.yaml",
        format!(
            "apiVersion: towtank/v1\nkind: Scenario\nmanifests: [../mesh]\nproxies:\n- {{name: \"{HOSTILE}\", type: sidecar, namespace: default}}\nstreams:\n- name: \"={HOSTILE}\"\n  \
             requests: [{{request: GET http://shop/, headers: {{x-a: \"\\u202Eevil\"}}}}]\ntests:\n- name: \"{HOSTILE}\"\n  \
             request: GET http://shop/\n  expect: {{subset: \"{HOSTILE}\"}}\n"
        ),
    );
    let json = HOSTILE.replace("\\e", "\\u001b").replace("\\a", "\\u0007");
    write(
        "requests.jsonl",
        format!(
            "{{\"method\":\"GET\",\"authority\":\"shop\",\"path\":\"/{json}\",\"headers\":{{\"x-a\":\"{json}\"}}}}\n\
             {{\"method\":\"{json}\"}}\n::error::forged\n\u{1b}[31m##[error]{json}\n"
        ),
    );
    folder
}

/// Holds what was printed against what may be printed: line ends and our own colours are all that is no text.
#[track_caller]
fn is_harmless(arguments: &[&str], ran: &Ran, colors: bool, annotations: bool) {
    for (stream, text) in [("standard output", &ran.out), ("standard error", &ran.err)] {
        let mut rest = text.clone();
        if colors {
            for look in
                ["0", "1", "2", "3", "31", "32", "33", "36", "1m\u{1b}[31", "91", "92", "93", "94", "96", "39", "22"]
            {
                rest = rest.replace(&format!("\u{1b}[{look}m"), "");
            }
        }
        let odd = rest
            .chars()
            .find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
        assert_eq!(odd, None, "{arguments:?}: {stream}:\n{}", text.escape_debug());
        for line in text.lines() {
            let line = line.trim_start();
            let is_ours = annotations && ["::error ", "::warning ", "::notice "].iter().any(|c| line.starts_with(c));
            assert!(is_ours || !line.starts_with("::error"), "{arguments:?}: {stream}: {line}");
            assert!(is_ours || !line.contains("##["), "{arguments:?}: {stream}: {line}");
        }
    }
}

#[test]
fn nothing_that_others_wrote_is_obeyed() {
    let folder = hostile_folder();
    let hostile_name = "e\u{1b}[31m\u{202e}\n::error::forged.yaml";
    std::fs::copy(folder.path().join("bad/b.yaml"), folder.path().join("bad").join(hostile_name)).expect("a file");
    let mut commands: Vec<Vec<&str>> = Vec::new();
    for place in ["mesh", "bad", "scenario"] {
        for form in ["table", "html", "json", "yaml", "envoy"] {
            commands.push(vec!["routes", place, "-o", form]);
        }
        for form in ["table", "html", "json", "sarif", "github"] {
            commands.push(vec!["check", place, "-o", form]);
        }
        for form in ["table", "html", "json", "csv"] {
            commands.push(vec!["simulate", place, "-o", form, "--count", "100"]);
            commands.push(vec!["simulate", place, "-o", form, "--requests", "requests.jsonl", "--max-bad", "100%"]);
            commands.push(vec!["simulate", place, "-o", form, "--exact", "--against", "mesh"]);
        }
        for form in ["table", "html", "json", "jsonl"] {
            commands.push(vec!["explain", place, "-o", form, "--requests", "requests.jsonl"]);
            commands.push(vec!["explain", place, "-o", form, "-r", "GET http://shop/\u{9b}\n::error::forged"]);
        }
        for form in ["table", "json", "junit", "tap", "github"] {
            commands.push(vec!["test", place, "-o", form, "--coverage"]);
        }
        commands.push(vec!["simulate", place, "--proxy", "\u{1b}[31m\n::error::forged"]);
    }
    commands.push(vec!["check", "\u{1b}[31m\n::error::forged"]);
    commands.push(vec!["check", "mesh", "--output", "\u{1b}[31m\n::error::forged"]);
    commands.push(vec!["explain", "\u{1b}[31m\n::error::forged"]);
    commands.push(vec!["check", "--explain", "\u{1b}[31m\n::error::forged"]);
    for mut arguments in commands {
        let is_manual = arguments.contains(&"--explain");
        let annotations = arguments.contains(&"github");
        if arguments.get(1) == Some(&"scenario") {
            arguments.push("--allow-outside");
        }
        let ran = towtank_in(folder.path(), &arguments, b"");
        is_harmless(&arguments, &ran, false, annotations);
        if arguments.contains(&"table") && !is_manual {
            arguments.extend(["--color", "always", "-v"]);
            let ran = towtank_in(folder.path(), &arguments, b"");
            is_harmless(&arguments, &ran, true, annotations);
        }
    }
}

/// What stands on one line of a manifest or log never makes two in a report.
#[test]
fn a_name_stays_on_its_line() {
    let folder = hostile_folder();
    for arguments in [
        &["explain", "mesh", "--requests", "requests.jsonl"][..],
        &["routes", "mesh"],
        &["simulate", "scenario", "--count", "100", "--allow-outside"],
        &["simulate", "mesh", "--count", "100"],
        &["test", "scenario", "--allow-outside"],
        &["check", "bad"],
    ] {
        let ran = towtank_in(folder.path(), arguments, b"");
        for line in ran.out.lines().chain(ran.err.lines()) {
            let forged = line.contains("forged") && !line.contains("red");
            // An excerpt of the log or manifest is as it is.
            assert!(!forged || line.trim_start().starts_with('|'), "{arguments:?}: {line}\n{}{}", ran.out, ran.err);
        }
    }
}

#[test]
fn cells_of_csv_are_no_formulas() {
    let folder = hostile_folder();
    let ran =
        towtank_in(folder.path(), &["simulate", "scenario", "-o", "csv", "--count", "100", "--allow-outside"], b"")
            .ends_with(0);
    assert!(ran.out.lines().skip(1).all(|l| l.starts_with(",'=x")), "{}", ran.out);
}

#[test]
fn yaml_holds_what_json_holds() {
    let folder = hostile_folder();
    let out = |form| towtank_in(folder.path(), &["routes", "mesh", "-o", form], b"").ends_with(0).out;
    let yaml: serde_json::Value = serde_yaml::from_str(&out("yaml")).expect("YAML");
    let json: serde_json::Value = serde_json::from_str(&out("json")).expect("JSON");
    assert_eq!(yaml, json);
    assert!(json.to_string().contains("forged"));
}

#[test]
fn annotations_name_files_as_the_repository_does() {
    let folder = hostile_folder();
    let ran = towtank_in(folder.path(), &["check", "./mesh", "-o", "github"], b"");
    assert!(ran.out.contains("file=mesh/a.yaml,"), "{}", ran.out);
    assert!(!ran.out.contains("file=./"), "{}", ran.out);
}

/// A scenario of a pull request reads what is in its repository, and nothing else of the machine.
#[test]
fn scenarios_read_nothing_outside() {
    let folder = hostile_folder();
    let run = |arguments: &[&str]| towtank_in(folder.path(), arguments, b"");
    // Outside of a repository nobody but the owner wrote it.
    run(&["routes", "scenario"]).ends_with(0);
    std::fs::create_dir(folder.path().join(".git")).expect("a folder");
    run(&["routes", "scenario"]).ends_with(0);
    std::fs::remove_dir(folder.path().join(".git")).expect("the folder goes");
    std::fs::create_dir(folder.path().join("scenario/.git")).expect("a folder");
    run(&["routes", "scenario"]).ends_with(2).says(&["mesh/a.yaml` lies outside of `", "--allow-outside"]);
    run(&["routes", "scenario", "--allow-outside"]).ends_with(0);
    run(&["routes", "."]).ends_with(2).says(&["lies outside of"]);
    run(&["simulate", "mesh", "--against", "scenario"]).ends_with(2).says(&["lies outside of"]);
    run(&["simulate", "mesh", "--against", "scenario", "--allow-outside"]).ends_with(0);
}

#[cfg(unix)]
#[test]
fn links_lead_no_scenario_outside() {
    let folder = hostile_folder();
    let own = folder.path().join("own");
    std::fs::create_dir(&own).expect("a folder");
    std::fs::create_dir(own.join(".git")).expect("a folder");
    std::fs::write(own.join("scenario.yaml"), "apiVersion: towtank/v1\nkind: Scenario\n").expect("a file");
    std::os::unix::fs::symlink("../mesh/a.yaml", own.join("linked.yaml")).expect("a link");
    towtank_in(folder.path(), &["routes", "own"], b"").ends_with(2).says(&["linked.yaml` lies outside of"]);
}

#[cfg(unix)]
#[test]
fn goldens_are_written_whole_and_through_no_link() {
    let folder = hostile_folder();
    let update = || towtank_in(folder.path(), &["test", "scenario", "--allow-outside", "--update"], b"");
    let golden = folder.path().join("scenario/towtank.golden");
    update().ends_with(1);
    let written = std::fs::read_to_string(&golden).expect("a golden");
    assert!(!written.is_empty());
    let files = || std::fs::read_dir(folder.path().join("scenario")).expect("a folder").count();
    assert_eq!(files(), 2, "nothing else is left behind");
    // Another may read the golden while it is written: it is the old one until the new one is whole.
    std::fs::remove_file(&golden).expect("it goes");
    let target = folder.path().join("precious");
    std::fs::write(&target, "precious").expect("a file");
    std::os::unix::fs::symlink(&target, &golden).expect("a link");
    update().ends_with(2).says(&["towtank.golden`", "is a link"]);
    let ran = towtank_in(folder.path(), &["test", "scenario", "--allow-outside"], b"").ends_with(2);
    assert!(!ran.out.contains("precious"), "{}", ran.out);
    ran.says(&["is a link"]);
    assert_eq!(std::fs::read_to_string(&target).expect("it is there"), "precious");
}

#[test]
fn an_access_log_never_takes_the_place_of_an_input() {
    let folder = hostile_folder();
    let mesh = std::fs::read_to_string(folder.path().join("mesh/a.yaml")).expect("a file");
    for path in ["mesh/a.yaml", "./scenario/../mesh/a.yaml"] {
        towtank_in(folder.path(), &["simulate", "mesh", "--count", "10", "--access-log", path], b"")
            .ends_with(2)
            .says(&["--access-log", "this run reads `mesh/a.yaml`"]);
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("mesh/a.yaml")).expect("it is there"), mesh);
    towtank_in(folder.path(), &["simulate", "mesh", "--count", "10", "--access-log", "log.json"], b"").ends_with(0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_with_what_was_written() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let folder = hostile_folder();
    towtank_in(folder.path(), &["simulate", "mesh", "--count", "10", "--access-log", "/dev/full"], b"")
        .ends_with(2)
        .says(&["cannot write the access log /dev/full", "No space left"]);
    let full = std::fs::File::options().write(true).open("/dev/full").expect("it is there");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_towtank"))
        .args(["routes", "mesh"])
        .current_dir(folder.path())
        .stdout(full)
        .output()
        .expect("towtank runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("cannot write to standard output: No space left"), "{err}");
}
