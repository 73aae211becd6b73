//! `towtank ui`: who is answered, what is told, and how it follows the files; with `TOWTANK_BROWSER` also in a real browser.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::repository::Repository;
use crate::support::run::towtank_in;
use crate::support::texts::root;

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {selector: {app: shop}, ports: [{name: http, port: 80}]}\n---\n";

fn rule(timeout: &str) -> String {
    format!(
        "{SERVICE}apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop}}\nspec:\n  hosts: [shop]\n  http:\n  \
         - match: [{{headers: {{x-user: {{exact: jason}}}}}}]\n    route: [{{destination: {{host: shop, subset: v2}}}}]\n  - timeout: {timeout}\n    \
         route: [{{destination: {{host: shop}}}}]\n"
    )
}

/// A server that ends with the test.
struct Served {
    process: Child,
    /// `127.0.0.1:PORT`, and the token.
    host: String,
    token: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Served {
    fn start(folder: &Path, arguments: &[&str]) -> Served {
        let mut process = Command::new(env!("CARGO_BIN_EXE_towtank"))
            .arg("ui")
            .args(arguments)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("towtank runs");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("an address");
        let rest = line.trim().strip_prefix("http://").and_then(|l| l.strip_suffix('/')).expect("an address");
        let (host, token) = rest.split_once('/').expect("a token");
        Served { process, host: host.to_owned(), token: token.to_owned() }
    }

    /// The status and the whole answer of a request with these headers besides its length.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.host).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
        stream.write_all(format!("{text}\r\n{body}").as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("{answer}"));
        (status, answer)
    }

    fn own(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        self.ask(method, &format!("/{}/{path}", self.token), &[("Host", &self.host)], body)
    }

    fn json(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, answer) = self.own(method, path, body);
        assert_eq!(status, 200, "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(&unchunked(&answer, body)).unwrap_or_else(|e| panic!("{e}: {body}"))
    }

    /// The state once `holds`, within ten seconds.
    #[track_caller]
    fn state_where(&self, holds: impl Fn(&Value) -> bool) -> Value {
        let begin = Instant::now();
        let mut known = -1;
        while begin.elapsed() < Duration::from_secs(10) {
            let told = self.json("GET", &format!("api/state?since={known}"), "");
            if holds(&told) {
                return told;
            }
            known = told["generation"].as_i64().expect("a generation");
        }
        panic!("nothing new comes");
    }
}

/// The body of an answer that comes in chunks, or as it is.
fn unchunked(answer: &str, body: &str) -> String {
    if !answer.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return body.to_owned();
    }
    let (mut rest, mut out) = (body, String::new());
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).expect("a size");
        if size == 0 {
            break;
        }
        out.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    out
}

fn repository() -> Repository {
    let repository = Repository::new();
    repository.write("manifests/shop.yaml", &rule("15s"));
    repository.commit();
    repository
}

#[test]
fn only_who_has_the_token_and_comes_from_here_is_answered() {
    let repository = repository();
    let served = Served::start(&repository.path(), &["manifests"]);
    let page = format!("/{}/", served.token);
    let state = format!("/{}/api/state", served.token);
    let host = ("Host", served.host.as_str());
    let origin = format!("http://{}", served.host);
    let (status, answer) = served.ask("GET", &page, &[host], "");
    assert_eq!(status, 200);
    for header in ["default-src 'none'", "frame-ancestors 'none'", "nosniff", "no-store", "same-origin"] {
        assert!(answer.contains(header), "{header}: {answer}");
    }
    assert_eq!(served.ask("GET", &state, &[host, ("Origin", &origin)], "").0, 200);
    for (path, headers) in [
        ("/", vec![host]),
        ("/0123456789abcdef0123456789abcdef/", vec![host]),
        (state.as_str(), vec![("Host", "evil.example")]),
        (&state, vec![host, ("Origin", "http://evil.example")]),
        (&state, vec![host, ("Origin", "null")]),
        (&state, vec![host, ("Sec-Fetch-Site", "same-site")]),
        (&state, vec![host, host]),
    ] {
        let (status, answer) = served.ask("GET", path, &headers, "");
        assert_eq!(status, 403, "{path} {headers:?}: {answer}");
        assert!(!answer.contains("shop"), "{answer}");
    }
    assert_eq!(served.own("GET", "nothing.mjs", "").0, 404);
    assert_eq!(served.own("PUT", "api/state", "").0, 405);
    let tokens = [&served, &Served::start(&repository.path(), &["manifests"])].map(|s| s.token.clone());
    assert_ne!(tokens[0], tokens[1]);
}

#[test]
fn the_page_follows_the_files_and_keeps_what_was_good() {
    let repository = repository();
    let served = Served::start(&repository.path(), &["manifests"]);
    let told = served.json("GET", "api/state", "");
    let state = &told["state"];
    assert_eq!((&told["error"], &state["against"]), (&Value::Null, &"git:HEAD".into()), "{told}");
    assert_eq!(state["diff"]["changed"], false);
    assert!(state["simulate"]["streams"].as_array().is_some_and(|s| !s.is_empty()));
    assert!(state["routes"][0]["route_configs"].is_array() && state["check"]["findings"].is_array());

    repository.write("manifests/shop.yaml", &rule("2s"));
    let told = served.state_where(|told| told["state"]["diff"]["changed"] == true);
    let change = &told["state"]["diff"]["proxies"][0]["changes"][0];
    assert_eq!(
        (&change["fields"][0]["before"], &change["fields"][0]["now"]),
        (&"15s".into(), &"2s".into()),
        "{change}"
    );

    repository.write("manifests/shop.yaml", "a: [");
    let told = served.state_where(|told| !told["error"].is_null());
    assert!(told["error"].as_str().is_some_and(|e| e.contains("shop.yaml")), "{told}");
    assert_eq!(told["state"]["diff"]["changed"], true, "what was good stays");
    let asked = served.json("POST", "api/explain", "GET http://shop/");
    assert_eq!(asked["decisions"][0]["decision"]["outcome"], "delivered", "{asked}");

    repository.write("manifests/new.yaml", &rule("15s").replace("name: shop}", "name: other}"));
    repository.write("manifests/shop.yaml", &rule("15s"));
    served.state_where(|told| told["error"].is_null() && told["state"]["diff"]["changed"] == true);
}

/// What `git:HEAD` is becomes another one by a commit, in a linked working tree too, and by a checkout, while no file changes.
#[test]
fn the_page_follows_what_head_is() {
    let repository = repository();
    repository.git(&["worktree", "add", "-q", "-b", "other", "../linked"]);
    let linked = repository.outside().join("linked");
    for (folder, commit) in [(repository.path(), "."), (linked, "../linked")] {
        let served = Served::start(&folder, &["manifests"]);
        std::fs::write(folder.join("manifests/shop.yaml"), rule("2s")).expect("written");
        served.state_where(|told| told["state"]["diff"]["changed"] == true);
        repository.git(&["-C", commit, "commit", "-q", "--no-verify", "-a", "-m", "slower"]);
        served.state_where(|told| told["state"]["diff"]["changed"] == false);
        repository.git(&["-C", commit, "update-ref", "HEAD", "HEAD~1"]);
        served.state_where(|told| told["state"]["diff"]["changed"] == true);
    }
}

#[test]
fn requests_are_answered_with_the_ladder() {
    let repository = repository();
    let served = Served::start(&repository.path(), &["manifests"]);
    served.json("GET", "api/state", "");
    for asked in ["GET http://shop/a\nx-user: tom", "curl http://shop/a -H 'x-user: tom'"] {
        let told = served.json("POST", "api/explain", asked);
        let first = &told["decisions"][0];
        assert_eq!(first["decision"]["steps"].as_array().map(Vec::len), Some(2), "{told}");
        assert_eq!(
            first["conditions"][0][1],
            serde_json::json!({"name": "header x-user", "wanted": "exact \"jason\"", "own": "\"tom\"", "holds": false})
        );
    }
    let told = served.json("POST", "api/explain", "GET http://");
    assert!(told["error"].is_string(), "{told}");
}

#[test]
fn without_a_repository_there_is_nothing_to_compare() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("shop.yaml"), rule("15s")).expect("a file");
    let served = Served::start(folder.path(), &["shop.yaml"]);
    let told = served.json("GET", "api/state", "");
    assert_eq!((&told["state"]["diff"], &told["state"]["against"]), (&Value::Null, &Value::Null), "{told}");

    std::fs::create_dir(folder.path().join("manifests")).expect("a folder");
    std::fs::write(folder.path().join("manifests/shop.yaml"), rule("15s")).expect("a file");
    let served = Served::start(folder.path(), &["manifests"]);
    let told = served.json("GET", "api/state", "");
    assert!(told["error"].is_null() && told["state"]["simulate"].is_object(), "{told}");

    std::fs::write(folder.path().join("old.yaml"), rule("1s")).expect("a file");
    let served = Served::start(folder.path(), &["shop.yaml", "--against", "old.yaml"]);
    let told = served.json("GET", "api/state", "");
    assert_eq!(
        (&told["state"]["diff"]["changed"], &told["state"]["against"]),
        (&true.into(), &"old.yaml".into()),
        "{told}"
    );
}

#[test]
fn what_cannot_be_followed_is_refused() {
    towtank_in(root(), &["ui", "-"], b"").ends_with(2).says(&["name files or folders"]);
    towtank_in(root(), &["ui", "no-such.yaml"], b"").ends_with(2).says(&["no-such.yaml: no such file or folder"]);
    let served = Served::start(root(), &["scenarios"]);
    let told = served.json("GET", "api/state", "");
    assert!(told["error"].as_str().is_some_and(|e| e.contains("name one of the scenarios")), "{told}");
    let port = served.host.rsplit_once(':').expect("a port").1.to_owned();
    towtank_in(root(), &["ui", "scenarios", "--port", &port], b"").ends_with(2).says(&["cannot listen on port"]);
}

/// A rule that splits, and one that has no match.
const SPLIT: &str = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: shop}\nspec:\n  host: shop\n  subsets:\n  - {name: v1, labels: {version: v1}}\n  \
                     - {name: v2, labels: {version: v2}}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop}\nspec:\n  hosts: [shop]\n  http:\n  \
                     - match: # who is asked first\n    - uri:\n        prefix: /cart\n    route:\n    - destination: {host: shop, subset: v1}\n      weight: 90 # for now\n    \
                     - destination: {host: shop, subset: v2}\n      weight: 10\n  - route:\n    - destination: {host: shop, subset: v1}\n";

fn split_repository() -> Repository {
    let repository = Repository::new();
    repository.write("manifests/shop.yaml", &format!("{SERVICE}{SPLIT}"));
    repository.commit();
    repository
}

/// What would happen is told with the patch that makes it so, and no file is written.
#[test]
fn an_edit_is_told_and_not_made() {
    let repository = split_repository();
    let path = repository.path().join("manifests/shop.yaml");
    let text = || std::fs::read_to_string(&path).expect("the file");
    let before = text();
    let served = Served::start(&repository.path(), &["manifests"]);
    let told = served.json("GET", "api/state", "");
    let rules = &told["state"]["rules"];
    assert_eq!(rules.as_array().map(Vec::len), Some(2), "{rules}");
    assert_eq!(rules[0]["match"], "- uri:\n    prefix: /cart");
    assert_eq!(
        rules[0]["destinations"],
        serde_json::json!([{"name": "shop subset v1", "weight": 90}, {"name": "shop subset v2", "weight": 10}])
    );
    assert_eq!((&rules[1]["match"], &rules[1]["destinations"][0]["weight"]), (&Value::Null, &Value::Null));

    let edits = serde_json::json!({"edits": [
        {"rule": rules[0], "weights": [70, 30], "match": "- uri:\n    exact: /cart"},
        {"rule": rules[1], "match": "- port: 80"},
    ]});
    let edited = served.json("POST", "api/edit", &edits.to_string());
    assert_eq!(edited["error"], Value::Null, "{edited}");
    let state = &edited["state"];
    assert_eq!((&state["against"], &state["diff"]["changed"]), (&"the files as they are".into(), &true.into()));
    let clusters = &state["routes"][0]["route_configs"][0]["virtual_hosts"][0]["routes"][0]["clusters"];
    assert_eq!((&clusters[0]["share"], &clusters[1]["share"]), (&0.7.into(), &0.3.into()), "{clusters}");
    let patch = edited["patch"].as_str().expect("a patch");
    for line in [
        "-      weight: 90 # for now\n+      weight: 70 # for now\n",
        "-        prefix: /cart\n+        exact: /cart\n",
        "+  - match:\n+    - port: 80\n+    route:\n",
    ] {
        assert!(patch.contains(line), "{line} in {patch}");
    }
    assert_eq!(text(), before, "nothing is written");

    // What the patch makes of the file is what was told of it.
    repository.write("change.patch", patch);
    repository.git(&["apply", "change.patch"]);
    let told = served.state_where(|told| told["state"]["diff"]["changed"] == true);
    assert_eq!(told["state"]["routes"], state["routes"]);
    assert_eq!(told["state"]["rules"], state["rules"]);

    // The rules of then are not those of now.
    let edited = served.json("POST", "api/edit", &edits.to_string());
    assert!(edited["error"].as_str().is_some_and(|e| e.contains("is not what it was when it was edited")), "{edited}");
    let same = serde_json::json!({"edits": [{"rule": told["state"]["rules"][0], "weights": [70, 30]}]});
    let edited = served.json("POST", "api/edit", &same.to_string());
    assert_eq!((&edited["patch"], &edited["state"]), (&"".into(), &Value::Null), "{edited}");
}

#[test]
fn an_edit_that_cannot_be_made_is_told_by_the_lines_of_its_author() {
    let repository = split_repository();
    let served = Served::start(&repository.path(), &["manifests"]);
    let rules = served.json("GET", "api/state", "")["state"]["rules"].clone();
    let ask = |matches: &str, weights: &[u64]| {
        let edits = serde_json::json!({"edits": [{"rule": rules[0], "weights": weights, "match": matches}]});
        served.json("POST", "api/edit", &edits.to_string())
    };
    for (matches, line, says) in [
        ("- uri:\n    exact: /a\n   prefix: /b", 3, "line 3, column 4 of the match"),
        ("- uri:\n    exat: /a", 2, "line 2 of the match"),
        ("- port: 80\n- uri: {regex: 'a('}", 2, "line 2 of the match"),
    ] {
        let told = ask(matches, &[]);
        assert_eq!((&told["edit"], &told["line"]), (&0.into(), &line.into()), "{told}");
        assert!(told["error"].as_str().is_some_and(|e| e.contains(says)), "{says}: {told}");
    }
    let told = ask("", &[1]);
    assert!(told["error"].as_str().is_some_and(|e| e.contains("2 destinations, and 1 weights")), "{told}");
    let told = ask("", &[0, 0]);
    assert!(told["error"].as_str().is_some_and(|e| e.contains("weight")) && told["line"].is_null(), "{told}");
    for body in ["", "{}", "{\"edits\": 1}"] {
        let told = served.json("POST", "api/edit", body);
        assert!(told["error"].as_str().is_some_and(|e| e.contains("these are no edits")), "{told}");
    }
}

#[test]
fn lessons_are_told_as_the_command_tells_them() {
    let repository = repository();
    let served = Served::start(&repository.path(), &["manifests"]);
    let all = served.json("POST", "api/lessons", "ko");
    let printed = |arguments: &[&str]| -> Value {
        let out = towtank_in(root(), arguments, b"").ends_with(0).out;
        serde_json::from_str(&out).expect("it is JSON")
    };
    assert_eq!(all["told"], printed(&["learn", "--language", "ko", "-o", "json"]));
    let one = served.json("POST", "api/lessons", "en 11-undefined-subset");
    assert_eq!((&one["error"], &one["told"]), (&Value::Null, &printed(&["learn", "11", "-o", "json"])));
    for (asked, said) in [("xx", "no lessons in `xx`"), ("en nothing", "no lesson `nothing`")] {
        let told = served.json("POST", "api/lessons", asked);
        assert!(told["error"].as_str().is_some_and(|e| e.contains(said)), "{told}");
    }
}

/// Types a request and reads the ladder, saves a file and sees the page follow, by keyboard; axe-core finds nothing wrong, and a page of
/// another origin gets nothing. `tests/browser/ui.mjs` says what is looked at.
#[test]
fn the_ui_works_in_a_browser() {
    let Some(browser) = std::env::var_os("TOWTANK_BROWSER") else {
        eprintln!("skipped: TOWTANK_BROWSER names no Chromium");
        return;
    };
    in_a_browser("ui.mjs", &repository(), &browser);
}

/// Drags a weight by mouse and by keyboard, edits a match, sees what would happen and the patch, saves the file meanwhile, and discards: no
/// edit reaches the file. `tests/browser/edit.mjs` says what is looked at.
#[test]
fn edits_work_in_a_browser() {
    let Some(browser) = std::env::var_os("TOWTANK_BROWSER") else {
        eprintln!("skipped: TOWTANK_BROWSER names no Chromium");
        return;
    };
    in_a_browser("edit.mjs", &split_repository(), &browser);
}

/// Solves lessons by keyboard alone, in both languages. `tests/browser/learn.mjs` says what is looked at.
#[test]
fn lessons_are_solved_in_a_browser_by_keyboard_alone() {
    let Some(browser) = std::env::var_os("TOWTANK_BROWSER") else {
        eprintln!("skipped: TOWTANK_BROWSER names no Chromium");
        return;
    };
    in_a_browser("learn.mjs", &repository(), &browser);
}

fn in_a_browser(script: &str, repository: &Repository, browser: &std::ffi::OsStr) {
    let served = Served::start(&repository.path(), &["manifests"]);
    let ran = Command::new("node")
        .arg(root().join("tests/browser").join(script))
        .arg(format!("http://{}/{}/", served.host, served.token))
        .arg(repository.path().join("manifests/shop.yaml"))
        .env("TOWTANK_BROWSER", browser)
        .output()
        .expect("node runs");
    let told = [ran.stdout, ran.stderr].map(|out| String::from_utf8_lossy(&out).into_owned()).concat();
    assert!(ran.status.success(), "{told}");
}

/// A build that carries the page writes it; another says how to get it.
#[test]
fn the_playground_is_written_by_builds_that_carry_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = towtank_in(folder.path(), &["playground", "-o", "page.html"], b"");
    let page = folder.path().join("page.html");
    if cfg!(feature = "playground") {
        ran.ends_with(0);
        let page = std::fs::read_to_string(page).expect("a page");
        assert!(page.contains("default-src 'none'") && page.contains("towtank"), "{}", page.len());
    } else {
        ran.ends_with(2).says(&["this build has no playground in it", "node web/build.mjs"]);
        assert!(!page.exists());
    }
}
