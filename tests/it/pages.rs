//! Pages (`-o html`): whole by themselves, well made, small, harmless whatever stands in manifests, and sound in a real browser.
//!
//! `TOWTANK_BROWSER` names a Chromium; with it, and with what `tests/browser/package-lock.json` lists installed, pages are opened.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use roxmltree::{Document, Node, ParsingOptions};
use sha2::Digest as _;
use tempfile::TempDir;

use crate::support::run::towtank_in;
use crate::support::texts::root;

/// No ordinary page is larger.
const SIZE_MAX: usize = 500_000;

/// A page of each kind, by name.
const PAGES: [(&str, &[&str]); 20] = [
    ("simulate", &["simulate", "scenarios/bookshop"]),
    ("simulate-lost", &["simulate", "scenarios/subset-without-pods"]),
    ("simulate-exact", &["simulate", "scenarios/blackhole-undefined-subset", "--exact"]),
    ("simulate-all", &["simulate", "scenarios"]),
    ("simulate-egress", &["simulate", "scenarios/egress", "--detect", "1%", "--rate", "20"]),
    (
        "simulate-against",
        &[
            "simulate",
            "scenarios/staged-rollout/manifests+scenarios/staged-rollout/4-0-100",
            "--against",
            "scenarios/staged-rollout/manifests+scenarios/staged-rollout/3-50-50",
        ],
    ),
    ("simulate-suppose", &["simulate", "scenarios/canary-90-10", "--suppose", "v2:errors=5%"]),
    (
        "diff",
        &[
            "diff",
            "scenarios/staged-rollout/manifests+scenarios/staged-rollout/3-50-50",
            "scenarios/blackhole-undefined-subset",
        ],
    ),
    ("diff-same", &["diff", "scenarios/canary-90-10", "--istio", "1.30..1.31"]),
    ("explain", &["explain", "scenarios/match-priority", "-r", "GET http://reviews/items/42", "-H", "x-user: jason"]),
    (
        "explain-lost",
        &["explain", "scenarios/subset-without-pods", "-r", "GET http://payments:8080/", "-r", "GET http://gone/"],
    ),
    ("routes", &["routes", "scenarios/bookshop"]),
    ("routes-one", &["routes", "scenarios/match-priority"]),
    ("check", &["check", "scenarios/subset-without-pods"]),
    ("check-all", &["check", "scenarios"]),
    ("rollout", &["rollout", "tests/transitions/rename-subset/old", "tests/transitions/rename-subset/new"]),
    ("rollout-lost", &["rollout", "tests/transitions/dr-deleted/old", "tests/transitions/dr-deleted/new"]),
    ("rollout-steps", &["rollout", "scenarios/staged-rollout", "--rate", "50/s"]),
    ("rollout-suppose", &["rollout", "scenarios/staged-rollout", "--suppose", "v2:errors=5%,latency=30ms"]),
    ("rollout-nowhere", &["rollout", "scenarios/canary-90-10", "--shift", "reviews", "--from", "v1", "--to", "v9"]),
];

fn page(folder: &Path, arguments: &[&str]) -> String {
    let ran = towtank_in(folder, &[arguments, &["-o", "html"]].concat(), b"");
    assert!(ran.out.starts_with("<!DOCTYPE html>"), "{arguments:?}: {}\n{}", ran.out, ran.err);
    ran.out
}

fn parse<'p>(name: &str, page: &'p str) -> Document<'p> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(page, options).unwrap_or_else(|e| panic!("{name} is not well-formed: {e}\n{page}"))
}

fn named<'d>(document: &'d Document<'d>, name: &str) -> impl Iterator<Item = Node<'d, 'd>> {
    document.descendants().filter(move |n| n.tag_name().name() == name)
}

fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|n| n.text()).collect::<String>().trim().to_owned()
}

/// What holds for every page, whatever it is made of.
#[track_caller]
fn is_sound(name: &str, page: &str) {
    let document = parse(name, page);
    let one = |tag: &str| {
        let all: Vec<Node<'_, '_>> = named(&document, tag).collect();
        assert_eq!(all.len(), 1, "{name}: <{tag}>");
        all[0]
    };
    // It asks for nothing, and allows itself only what it holds.
    let hash = |text: &str| {
        format!("'sha256-{}'", base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(text)))
    };
    let [style, script] = ["style", "script"].map(|tag| one(tag).text().unwrap_or_default());
    let meta = named(&document, "meta").find(|m| m.attribute("http-equiv") == Some("Content-Security-Policy"));
    assert_eq!(
        meta.and_then(|m| m.attribute("content")),
        Some(
            format!(
                "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
                hash(style),
                hash(script)
            )
            .as_str()
        ),
        "{name}"
    );
    for part in ["url(", "@import", "http:", "https:"] {
        assert!(!style.contains(part) && !script.contains(part), "{name}: {part}");
    }
    for node in document.descendants().filter(Node::is_element) {
        let tag = node.tag_name().name();
        assert!(
            !["img", "iframe", "object", "embed", "link", "base", "form", "a:href"].contains(&tag),
            "{name}: <{tag}>"
        );
        for attribute in node.attributes() {
            let (key, value) = (attribute.name(), attribute.value());
            assert!(!key.starts_with("on") && !["src", "style", "srcset", "data"].contains(&key), "{name}: {key}");
            assert!(key != "href" || value.starts_with('#'), "{name}: {key}={value}");
        }
    }
    // It can be read by ear and by keyboard.
    assert_eq!(document.root_element().attribute("lang"), Some("en"));
    let landmarks = ["main", "header", "footer", "h1"].map(one);
    assert!(landmarks[1..].iter().all(|l| !text(*l).is_empty()), "{name}: a landmark with nothing in it");
    assert_eq!(text(one("h1")), text(named(&document, "title").next().expect("a title")), "{name}");
    let mut level = 0;
    for heading in document.descendants().filter(|n| matches!(n.tag_name().name(), "h1" | "h2" | "h3" | "h4")) {
        let next = heading.tag_name().name().as_bytes()[1] - b'0';
        assert!(next <= level + 1, "{name}: h{next} follows h{level}: {}", text(heading));
        assert!(!text(heading).is_empty(), "{name}: an empty heading");
        level = next;
    }
    for table in named(&document, "table") {
        assert!(table.children().any(|c| c.tag_name().name() == "caption"), "{name}: a table without a caption");
        assert!(
            table.descendants().filter(|n| n.tag_name().name() == "th").all(|th| th.has_attribute("scope")),
            "{name}"
        );
    }
    let ids: Vec<&str> = document.descendants().filter_map(|n| n.attribute("id")).collect();
    let known: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), known.len(), "{name}: an id comes twice");
    for node in document.descendants().filter(Node::is_element) {
        for key in ["aria-labelledby", "for"] {
            let ids = node.attribute(key).into_iter().flat_map(|ids| ids.split(' '));
            assert!(ids.clone().all(|id| known.contains(id)), "{name}: {key}");
        }
        let target = node.attribute("href").and_then(|h| h.strip_prefix('#'));
        assert!(target.is_none_or(|id| known.contains(id)), "{name}: a link to {target:?}");
        let scrolls = node.attribute("class").is_some_and(|c| c.split(' ').any(|c| c == "scroll"));
        let is_reachable = node.has_attribute("tabindex") && node.has_attribute("aria-label");
        assert!(
            !(scrolls || node.tag_name().name() == "pre") || is_reachable,
            "{name}: what scrolls is reached by keyboard"
        );
    }
    for svg in named(&document, "svg").filter(|s| s.attribute("role") == Some("img")) {
        assert!(svg.children().any(|c| c.tag_name().name() == "title"), "{name}: a picture without a name");
    }
}

#[test]
fn pages_are_whole_by_themselves() {
    for (name, arguments) in PAGES {
        let page = page(root(), arguments);
        is_sound(name, &page);
        assert!(page.len() < SIZE_MAX, "{name} has {} bytes", page.len());
    }
}

/// What a page is for stands on it.
#[test]
fn pages_say_what_they_are_about() {
    let held = |arguments: &[&str], parts: &[&str]| {
        let page = page(root(), arguments);
        let document = parse("page", &page);
        let all = text(document.root_element());
        for part in parts {
            assert!(all.contains(part), "{arguments:?}: no `{part}` in\n{all}");
        }
        page
    };
    let lost = held(
        &["simulate", "scenarios/subset-without-pods"],
        &[
            "79.61 % delivered, 20.39 % lost",
            "78.81-80.39",
            "subset v2, 503 UH, 20 %",
            "destination: {host: payments, subset: v2}",
        ],
    );
    assert!(lost.contains("<path class=\"bad\""), "what is lost has its own colour");
    held(
        &[
            "diff",
            "scenarios/staged-rollout/manifests+scenarios/staged-rollout/3-50-50",
            "scenarios/staged-rollout/manifests+scenarios/staged-rollout/4-0-100",
        ],
        &[
            "Routing: 1 of 1 host changes",
            "moved",
            "end elsewhere, or in other shares",
            "GET http://reviews.default:9080/",
        ],
    );
    held(
        &["explain", "scenarios/match-priority", "-r", "GET http://reviews/items/42", "-H", "x-user: jason"],
        &[
            "Route 2 \"item-by-number\": delivered",
            "exact \"jason\"",
            "regex \"/items/[0-9]+\"",
            "takes it",
            "2 further routes",
        ],
    );
    held(
        &["routes", "scenarios/match-priority"],
        &["Filter", "reviews.default.svc.cluster.local:80", "path ~ /items/[0-9]+"],
    );
    held(
        &["check", "scenarios/subset-without-pods"],
        &["1 error", "error R108", "labels: {version: v2}", "Before going live"],
    );
    held(
        &["rollout", "tests/transitions/rename-subset/old", "tests/transitions/rename-subset/new"],
        &[
            "2 objects change: a plan in 3 waves",
            "requests are lost on the way",
            "50 % of them, from step 1 until step 2",
            "with the subsets of before and after, made for this plan",
            "subset: v3",
            "after wave 3:",
        ],
    );
    let steps = held(
        &["rollout", "scenarios/staged-rollout", "--rate", "50/s"],
        &["4 steps: nothing is lost", "×3.0", "at 0/100", "25/s x1.5", "back to today:", "way back"],
    );
    assert_eq!(steps.matches("class=\"way1\" x=").count(), 4, "v2 has its part of the bar at every step");
    held(
        &["rollout", "scenarios/canary-90-10", "--shift", "reviews", "--from", "v1", "--to", "v9"],
        &["4 steps: requests are lost", "LOSES 90 % of some requests"],
    );
}

/// The verdict on a page and in a comment are the same words.
#[test]
fn the_verdict_of_a_page_is_that_of_the_comment() {
    let arguments = [
        "diff",
        "scenarios/staged-rollout/manifests+scenarios/staged-rollout/3-50-50",
        "scenarios/blackhole-undefined-subset",
    ];
    let comment = towtank_in(root(), &[&arguments[..], &["-o", "markdown"]].concat(), b"").out;
    let page = page(root(), &arguments);
    let document = parse("diff", &page);
    let heading = comment.lines().next().and_then(|l| l.strip_prefix("### ")).expect("a heading");
    assert_eq!(text(named(&document, "h1").next().expect("a heading")), heading);
    for line in comment.lines().filter(|l| l.starts_with("| **")) {
        let explained = line.rsplit('|').nth(1).expect("a cell").trim();
        assert!(page.contains(&explained.replace('\'', "&#39;")), "{explained}");
    }
}

/// Markup that would run, load something, or end the page's own, wherever it were taken for what it looks like.
const MARKUP: &str = "</title></style></script></svg>--><script>alert(1)</script><img src=x onerror=alert(1)><a href='https://x'>\\\"&amp;{{7*7}}";

/// A mesh, a change of it, a scenario and requests whose every text is markup.
fn hostile_folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    let mesh = |weight: u32, path: &str| {
        format!(
            r#"apiVersion: v1
kind: Service
metadata: {{name: shop, namespace: default, annotations: {{a: "{MARKUP}"}}}}
spec:
  selector: {{app: shop}}
  ports: [{{name: http, port: 80}}]
---
# {MARKUP}
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop, namespace: default}}
spec:
  hosts: [shop]
  http:
  - name: "{MARKUP}"
    match: [{{headers: {{x-a: {{exact: "{MARKUP}"}}}}}}, {{uri: {{prefix: "/{path}{MARKUP}"}}}}, {{queryParams: {{q: {{exact: "{MARKUP}"}}}}}}]
    rewrite: {{uri: "/{MARKUP}"}}
    headers: {{request: {{set: {{x-b: "{MARKUP}"}}}}}}
    route: # {MARKUP}
    - {{destination: {{host: shop}}, weight: {weight}}}
    - {{destination: {{host: gone}}, weight: {}}}
  - name: "redirect {MARKUP}"
    match: [{{uri: {{exact: "/r"}}}}]
    redirect: {{uri: "/{MARKUP}"}}
  - route: [{{destination: {{host: gone}}}}]
"#,
            100 - weight
        )
    };
    let refused = format!(
        r#"apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: "{MARKUP}", namespace: "{MARKUP}"}}
spec:
  hosts: ["{MARKUP}"]
  "{MARKUP}": 1
  http: [{{match: [{{headers: {{"{MARKUP}": {{exact: a}}}}}}], route: [{{destination: {{host: "gone-{MARKUP}", subset: "{MARKUP}"}}}}]}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: "d{MARKUP}", namespace: default}}
spec: {{host: "{MARKUP}", subsets: [{{name: "{MARKUP}", labels: {{version: "{MARKUP}"}}}}]}}
"#
    );
    write("bad/b.yaml", refused);
    write("old/a.yaml", mesh(50, ""));
    write("new/a<b>'\"&.yaml", mesh(10, "x"));
    write(
        "scenario/scenario.yaml",
        format!(
            "apiVersion: towtank/v1\nkind: Scenario\nmanifests: [../old]\nproxies:\n- {{name: \"{MARKUP}\", type: sidecar, namespace: default}}\nstreams:\n- name: \"{MARKUP}\"\n  \
             requests: [{{request: \"GET http://shop/r\", headers: {{\"x-a\": \"{MARKUP}\"}}}}, {{request: \"GET http://shop/x\"}}]\n"
        ),
    );
    let request = serde_json::json!({"id": MARKUP, "method": "GET", "authority": MARKUP, "path": format!("/{MARKUP}"), "headers": {"x-a": MARKUP}});
    write("requests.jsonl", format!("{request}\n{{\"authority\":\"shop\",\"path\":\"/r\"}}\n"));
    folder
}

#[test]
fn markup_in_manifests_stays_text() {
    let folder = hostile_folder();
    let lenient = ["--invalid", "skip", "--unknown-fields", "warn"];
    let commands: [(&[&str], bool); 12] = [
        (&["simulate", "old", "--count", "100"], true),
        (&["simulate", "scenario", "--count", "100"], true),
        (&["simulate", "new", "--against", "old", "--exact"], true),
        (&["simulate", "old", "--requests", "requests.jsonl", "--max-bad", "100%"], true),
        (&["diff", "old", "new"], true),
        (&["explain", "old", "--requests", "requests.jsonl"], true),
        (&["explain", "old", "-r", "GET http://shop/<b>x</b>", "-H", "a<b>: </code>"], true),
        (&["routes", "old"], true),
        (&["rollout", "old", "new"], true),
        (&["check", "old"], false),
        (&["check", "bad"], false),
        (&["check", "new", "scenario"], false),
    ];
    let mut shown = 0;
    for (arguments, leniently) in commands {
        let all = if leniently { [arguments, &lenient].concat() } else { arguments.to_vec() };
        let page = page(folder.path(), &all);
        is_sound(&format!("{arguments:?}"), &page);
        shown += page.matches("&#60;script&#62;alert(1)").count();
    }
    assert!(shown > 20, "markup is shown {shown} times");
}

/// Services with two subsets each and a rule or two, as an ordinary mesh has them.
fn mesh_of(hosts: usize) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = String::new();
    for i in 0..hosts {
        let lost = if i % 40 == 7 { "gone" } else { "v2" };
        text.push_str(&format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: service-{i}, namespace: team-{ns}}}\nspec: {{selector: {{app: service-{i}}}, ports: [{{name: http, port: 8080}}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: service-{i}, namespace: team-{ns}}}\nspec:\n  host: service-{i}\n  subsets: [{{name: v1, labels: {{version: v1}}}}, {{name: v2, labels: {{version: v2}}}}]\n---\n\
             apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: service-{i}, namespace: team-{ns}}}\nspec:\n  hosts: [service-{i}]\n  http:\n  - match: [{{uri: {{prefix: /beta}}}}]\n    route: [{{destination: {{host: service-{i}, subset: {lost}}}}}]\n  - route:\n    - {{destination: {{host: service-{i}, subset: v1}}, weight: 90}}\n    - {{destination: {{host: service-{i}, subset: v2}}, weight: 10}}\n---\n",
            ns = i % 12
        ));
    }
    std::fs::write(folder.path().join("mesh.yaml"), text).expect("a file");
    folder
}

#[test]
fn pages_of_a_mesh_are_small_and_say_what_they_leave_out() {
    let ordinary = mesh_of(200);
    std::fs::create_dir(ordinary.path().join("none")).expect("a folder");
    for arguments in [
        &["simulate", "mesh.yaml"][..],
        &["routes", "mesh.yaml"],
        &["check", "mesh.yaml"],
        &["diff", "none", "mesh.yaml"],
        &["rollout", "none", "mesh.yaml"],
    ] {
        let page = page(ordinary.path(), arguments);
        is_sound(&format!("{arguments:?}"), &page);
        assert!(page.len() < SIZE_MAX, "{arguments:?}: {} bytes", page.len());
    }
    let large = mesh_of(1500);
    for (arguments, left_out) in [
        (&["simulate", "mesh.yaml", "--exact"][..], "further streams are left out of this page; --all shows them"),
        (&["routes", "mesh.yaml"], "further virtual hosts are left out of this page; --host shows those that fit"),
    ] {
        let page = page(large.path(), arguments);
        assert!(page.len() < SIZE_MAX, "{arguments:?}: {} bytes", page.len());
        assert!(page.contains(left_out), "{arguments:?} doesn't say that it is cut");
    }
}

/// Opens the pages in a browser: nothing is asked of any network, nothing is complained of, axe-core finds nothing, and the filter
/// filters. `tests/browser/pages.mjs` says what is looked at.
#[test]
fn pages_are_sound_in_a_browser() {
    let Some(browser) = std::env::var_os("TOWTANK_BROWSER") else {
        eprintln!("skipped: TOWTANK_BROWSER names no Chromium");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    for (name, arguments) in PAGES {
        std::fs::write(folder.path().join(format!("{name}.html")), page(root(), arguments)).expect("a file");
    }
    let hostile = hostile_folder();
    let page = page(hostile.path(), &["check", "old"]);
    std::fs::write(folder.path().join("hostile.html"), page).expect("a file");
    let ran = Command::new("node")
        .arg(root().join("tests/browser/pages.mjs"))
        .arg(folder.path())
        .env("TOWTANK_BROWSER", browser)
        .output()
        .expect("node runs");
    let told = [ran.stdout, ran.stderr].map(|out| String::from_utf8_lossy(&out).into_owned()).concat();
    assert!(ran.status.success(), "{told}");
}
