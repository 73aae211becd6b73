//! `towtank diff`: what is told of a change, and what it makes of the exit status.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::run::{Ran, towtank_in};

const SHOP: &str = "\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews]
  http:
  - name: jason
    match: [{uri: {prefix: /api}, headers: {x-user: {exact: jason}}}]
    route: [{destination: {host: reviews, subset: v2}}]
    timeout: 15s
  - match: [{uri: {prefix: /old}}]
    redirect: {uri: /new}
  - route:
    - {destination: {host: reviews, subset: v1}, weight: 90}
    - {destination: {host: reviews, subset: v2}, weight: 10}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: shop}
spec:
  host: reviews
  trafficPolicy: {connectionPool: {tcp: {maxConnections: 100}}}
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {selector: {app: reviews}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
";

fn compare_in(folder: &Path, old: &str, new: &str, more: &[&str]) -> Ran {
    fs::write(folder.join("old.yaml"), old).expect("written");
    fs::write(folder.join("new.yaml"), new).expect("written");
    towtank_in(folder, &[&["diff", "old.yaml", "new.yaml"], more].concat(), b"")
}

fn compare(old: &str, new: &str, more: &[&str]) -> Ran {
    compare_in(tempfile::tempdir().expect("a folder").path(), old, new, more)
}

fn json(old: &str, new: &str, more: &[&str]) -> Value {
    let out = compare(old, new, &[&["-o", "json"], more].concat()).ends_with(0).out;
    serde_json::from_str(&out).expect("JSON")
}

/// Kind, evidence, moved share and fields of each change that is not minor.
fn changes(of: &Value) -> Vec<String> {
    let proxies = of["proxies"].as_array().expect("proxies");
    let all = proxies.iter().flat_map(|p| p["changes"].as_array().expect("changes"));
    all.filter(|c| c["minor"] == false)
        .map(|c| {
            let fields = c["fields"].as_array().expect("fields").iter();
            let fields: Vec<String> =
                fields.map(|f| format!("{} {} -> {}", f["what"], f["before"], f["now"]).replace('"', "")).collect();
            let text = |key: &str| c[key].as_str().unwrap_or_default().to_owned();
            format!("{} {} {} {}", text("kind"), text("evidence"), c["share_moved"], fields.join("; "))
        })
        .collect()
}

#[test]
fn an_edit_is_one_change_with_both_values() {
    for (from, to, told) in [
        ("weight: 90", "weight: 90", vec![]),
        ("timeout: 15s", "timeout: 2s", vec!["policy proven 0.0 timeout 15s -> 2s"]),
        (
            "maxConnections: 100",
            "maxConnections: 10",
            vec![
                "policy proven 0.0 connectionPool.tcp.maxConnections 100 -> 10",
                "policy proven 0.0 connectionPool.tcp.maxConnections 100 -> 10",
            ],
        ),
        (
            "reviews, subset: v2}}",
            "reviews, subset: v3}}",
            vec!["lost proven 1.0 destination reviews.shop:80 subset v2 -> reviews.shop:80 subset v3 (lost: 503 NC)"],
        ),
        (
            "redirect: {uri: /new}",
            "redirect: {uri: /newer}",
            vec!["altered proven 0.0 redirect redirect 301 to /new -> redirect 301 to /newer"],
        ),
        (
            "{name: v2, labels: {version: v2}}",
            "{name: v9, labels: {version: v2}}",
            vec![
                "lost proven 1.0 destination reviews.shop:80 subset v2 -> reviews.shop:80 subset v2 (lost: 503 NC)",
                "lost proven 0.1 destination reviews.shop:80 subset v1 90 %, reviews.shop:80 subset v2 10 % -> \
                 reviews.shop:80 subset v1 90 %, reviews.shop:80 subset v2 10 % (lost: 503 NC)",
            ],
        ),
    ] {
        let new = SHOP.replace(from, to);
        let there = json(SHOP, &new, &[]);
        assert_eq!(changes(&there), told, "{from} -> {to}");
        assert_eq!(there["changed"], !told.is_empty(), "{from} -> {to}");
    }
}

/// The other way round what was lost is gained.
#[test]
fn swapped_sides_are_the_mirror_image() {
    let new = SHOP.replace("reviews, subset: v2}}", "reviews, subset: v3}}");
    let (there, back) = (json(SHOP, &new, &[]), json(&new, SHOP, &[]));
    let of = |v: &Value| v["proxies"][0]["changes"][0].clone();
    let (a, b) = (of(&there), of(&back));
    assert_eq!((a["kind"].as_str(), b["kind"].as_str()), (Some("lost"), Some("gained")));
    assert_eq!((&a["old"]["effect"], &a["new"]["effect"]), (&b["new"]["effect"], &b["old"]["effect"]));
    assert_eq!(a["region"], b["region"]);
}

#[test]
fn names_and_rules_that_do_not_meet_are_the_same_for_all_traffic() {
    let new = SHOP.replace("name: jason", "name: jay");
    let told = json(SHOP, &new, &[]);
    assert!(changes(&told).is_empty());
    assert_eq!(told["same_for_all_traffic"][0]["name"], "reviews");
    let page = compare(SHOP, &new, &[]).ends_with(0).out;
    assert!(page.contains("nothing changes, proven for every request of 1 client"), "{page}");
    assert!(page.contains("the same for all traffic: VirtualService shop/reviews (changed)"), "{page}");
}

#[test]
fn gates_exit_with_1_where_their_kind_is_there() {
    let new = SHOP.replace("weight: 90", "weight: 70").replace("weight: 10", "weight: 30");
    for (options, status) in [
        (&[][..], 0),
        (&["--exit-code"], 1),
        (&["--fail-on", "lost,unmatched"], 0),
        (&["--fail-on", "moved"], 1),
        (&["--fail-on", "moved>20%"], 0),
        (&["--fail-on", "moved>19%"], 1),
        (&["--fail-on", "changed"], 1),
        (&["--fail-on", "policy>1%"], 2),
        (&["--fail-on", "missing"], 2),
        (&["--only", "policy", "--fail-on", "moved"], 1),
    ] {
        compare(SHOP, &new, options).ends_with(status);
    }
    compare(SHOP, SHOP, &["--exit-code", "--fail-on", "changed"]).ends_with(0);
}

/// What nobody asked for is not called unchanged.
#[test]
fn a_part_of_the_changes_is_never_told_as_the_whole() {
    let new = SHOP.replace("weight: 90", "weight: 70").replace("weight: 10", "weight: 30");
    let page = compare(SHOP, &new, &["--only", "lost"]).ends_with(0).out;
    assert!(page.contains("nothing that was asked for changes; 1 other change"), "{page}");
    assert!(!page.contains("proven") && !page.contains("the same for all traffic"), "{page}");
    let told = json(SHOP, &new, &["--only", "lost"]);
    assert_eq!(told["changed"], true);
    assert_eq!(
        (&told["verdict"]["unchanged_hosts"], &told["same_for_all_traffic"]),
        (&1.into(), &serde_json::json!([]))
    );
    let comment = compare(SHOP, &new, &["--only", "lost", "-o", "markdown"]).ends_with(0).out;
    assert!(!comment.contains("proven"), "{comment}");
}

#[test]
fn wanted_changes_fail_no_gate_and_missing_ones_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let new = SHOP.replace("weight: 90", "weight: 70").replace("weight: 10", "weight: 30");
    let more = new.replace("15s", "2s");
    let run = |new: &str, options: &[&str]| {
        compare_in(folder.path(), SHOP, new, &[&["--expect", "wanted.yaml", "--fail-on", "changed"], options].concat())
    };
    run(&new, &[]).ends_with(2);
    run(&new, &["--update"]);
    run(&new, &[]).ends_with(0);
    assert!(run(&more, &[]).ends_with(1).out.contains("(not expected)"));
    assert!(run(SHOP, &[]).ends_with(1).out.contains("did not come: moved reviews.shop.svc.cluster.local"));
    fs::write(folder.path().join("wanted.yaml"), "kind: Service\n").expect("written");
    assert!(run(&new, &[]).ends_with(2).err.contains("--update writes such a file"));
}

#[test]
fn requests_are_told_by_their_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let new = SHOP.replace("15s", "2s");
    let lines = "{\"id\":\"a\",\"authority\":\"reviews.shop\",\"path\":\"/api/1\",\"headers\":[[\"x-user\",\"jason\"]]}\n\
                 {\"id\":\"b\",\"authority\":\"reviews.shop\",\"path\":\"/api/1\"}\n\
                 {\"id\":\"c\",\"authority\":\"cart.shop\",\"path\":\"/\"}\n";
    fs::write(folder.path().join("requests.jsonl"), lines).expect("written");
    let options = ["--requests", "requests.jsonl", "-o", "json", "-n", "shop"];
    let out = compare_in(folder.path(), SHOP, &new, &options).ends_with(0).out;
    let told: Value = serde_json::from_str(&out).expect("JSON");
    let line = |i: usize| {
        let r = &told["requests"][i];
        (
            r["id"].as_str().map(str::to_owned),
            r["change"].as_str().map(str::to_owned),
            r["kind"].as_str().map(str::to_owned),
        )
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(line(0), (some("a"), some("c1"), some("policy")));
    assert_eq!(line(1), (some("b"), None, None));
    assert_eq!(line(2), (some("c"), None, None));
}

/// The example under "the first answer holds for the whole mesh": only clients of one namespace lose it.
#[test]
fn a_change_for_some_clients_says_for_whom() {
    let pod = |version: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: reviews-{version}, namespace: shop, labels: {{app: reviews, version: {version}}}}}\nspec: {{containers: [{{name: c, image: c}}]}}\nstatus: {{conditions: [{{type: Ready, status: 'True'}}]}}\n"
        )
    };
    let pods = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {containers: [{name: c, image: c}]}\n\
                ---\napiVersion: v1\nkind: Pod\nmetadata: {name: job, namespace: ops, labels: {app: job}}\nspec: {containers: [{name: c, image: c}]}\n";
    let private = "spec:\n  exportTo: ['.']\n  hosts: [reviews]";
    let pods = format!("{pods}{}{}", pod("v1"), pod("v2"));
    let old = format!("{}{pods}", SHOP.replacen("spec:\n  hosts: [reviews]", private, 1));
    let new = old.replace("reviews, subset: v2}}", "reviews, subset: v3}}");
    let page = compare(&old, &new, &["--fail-on", "lost", "--assume", "auto"]).out;
    assert!(page.contains("LOST reviews.shop  for 3 clients in shop"), "{page}");
    assert!(page.contains("as 4 clients see them"), "{page}");
}

#[test]
fn a_pull_request_gets_a_comment_and_annotations() {
    let new = SHOP.replace("reviews, subset: v2}}", "reviews, subset: v3}}");
    let comment = compare(SHOP, &new, &["-o", "markdown"]).ends_with(0).out;
    assert!(comment.contains("### Routing: 1 of 2 hosts changes"), "{comment}");
    assert!(comment.contains("<summary><b>lost</b> `reviews.shop` through sidecar:shop</summary>"), "{comment}");
    let annotations = compare(SHOP, &new, &["-o", "github"]).ends_with(0).out;
    assert!(annotations.starts_with("::error file=new.yaml,line=8,title=lost::reviews.shop"), "{annotations}");
}

#[test]
fn what_is_lost_between_the_two_sides_is_told_by_tool() {
    let subsets = "  subsets:\n  - {name: v1, labels: {version: v1}}\n  - {name: v2, labels: {version: v2}}\n";
    let one = |version: &str| {
        let own = format!("  subsets:\n  - {{name: {version}, labels: {{version: {version}}}}}\n");
        SHOP.replace(subsets, &own)
            .replace("subset: v1", &format!("subset: {version}"))
            .replace("subset: v2", &format!("subset: {version}"))
    };
    // Rules stand in the file before what they name, and Helm sorts them behind it: either is wrong for a subset that is replaced.
    let page = compare(&one("v1"), &one("v2"), &[]).ends_with(0).out;
    for told in [
        "on the way requests are lost when everything is applied at once (kubectl apply)\n  lost reviews.shop through sidecar:shop",
        "after VirtualService shop/reviews and until DestinationRule shop/reviews",
        "on the way requests are lost when everything is applied at once (helm upgrade)\n",
        "after DestinationRule shop/reviews and until VirtualService shop/reviews",
    ] {
        assert!(page.contains(told), "{told}\n\n{page}");
    }
    assert_eq!(page.matches("towtank rollout OLD NEW").count(), 1, "{page}");
    // What is known of every state needs no rule about the order of files.
    assert!(!page.contains("O801"), "{page}");
    // Behind what it names a rule is late enough only once proxies know the endpoints.
    let wider = SHOP.replace("subset: v1}, weight: 90", "subset: v3}, weight: 90");
    let wider = wider.replace(subsets, &format!("{subsets}  - {{name: v3, labels: {{version: v3}}}}\n"));
    let told = json(SHOP, &wider, &[]);
    let helm = &told["on_the_way"][1];
    assert_eq!((&helm["tool"], &helm["verdict"]), (&"helm upgrade".into(), &"unsafe".into()), "{told}");
    assert_eq!(helm["witness"]["authority"], "reviews.shop", "{told}");
    let worst = helm["worst"].as_str().expect("words");
    assert!(
        worst.ends_with("while DestinationRule shop/reviews to VirtualService shop/reviews reach a proxy together"),
        "{worst}"
    );
    // What doesn't meet may come in any order.
    let policies = SHOP.replace("timeout: 15s", "timeout: 2s").replace("maxConnections: 100", "maxConnections: 10");
    let page = compare(SHOP, &policies, &[]).ends_with(0).out;
    let safe = "on the way nothing is lost when everything is applied at once (kubectl apply, helm upgrade), proven for every request";
    assert!(page.contains(safe), "{page}");
    // One object has no order, and two releases or environments are no rollout.
    let weights = SHOP.replace("weight: 90", "weight: 50").replace("weight: 10", "weight: 50");
    assert!(!compare(SHOP, &weights, &[]).ends_with(0).out.contains("on the way"));
    assert_eq!(json(SHOP, &wider, &["--map-namespace", "shop=stage"])["on_the_way"], Value::Null);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.yaml"), SHOP).expect("written");
    for (arguments, says) in [
        (&["diff", "a.yaml", "a.yaml"][..], "`a.yaml` is on both sides"),
        (&["diff", "a.yaml", "b.yaml", "c.yaml"], "two sides are compared"),
        (&["diff", "none.yaml", "a.yaml"], "none.yaml"),
        (&["diff", "-"], "standard input alone"),
    ] {
        let ran = towtank_in(folder.path(), arguments, b"");
        assert!(ran.err.contains(says), "{arguments:?}: {}", ran.err);
        ran.ends_with(2);
    }
}

/// Two subsets of which one is for a client with a certain label, a Sidecar for it alone, and a gateway.
fn relabelled(client: &str, gateway: &str, selector: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Service
metadata: {{name: cart, namespace: shop}}
spec: {{selector: {{app: cart}}, ports: [{{name: http, port: 80}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: cart-1, namespace: shop, labels: {{app: cart, version: v1}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: cart-2, namespace: shop, labels: {{app: cart, version: v2}}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: cart, namespace: shop}}
spec: {{host: cart, subsets: [{{name: v1, labels: {{version: v1}}}}, {{name: v2, labels: {{version: v2}}}}]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: cart, namespace: shop}}
spec:
  hosts: [cart, shop.example.com]
  gateways: [mesh, edge]
  http:
  - match: [{{sourceLabels: {{app: front}}}}]
    route: [{{destination: {{host: cart, subset: v2}}}}]
  - route: [{{destination: {{host: cart, subset: v1}}}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge, namespace: shop}}
spec: {{selector: {selector}, servers: [{{hosts: ['*'], port: {{number: 80, name: http, protocol: HTTP}}}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: front, namespace: web}}
spec: {{template: {{metadata: {{labels: {client}}}, spec: {{containers: [{{name: front, image: front}}]}}}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: edge, namespace: shop}}
spec: {{template: {{metadata: {{labels: {gateway}}}, spec: {{containers: [{{name: edge, image: edge}}]}}}}}}
"
    )
}

#[test]
fn clients_are_on_each_side_what_they_are_there() {
    let old = relabelled("{app: front}", "{istio: edge}", "{istio: edge}");
    let told = |new: &str, more: &[&str]| -> Vec<String> {
        let all = json(&old, new, more);
        let proxies = all["proxies"].as_array().expect("proxies").clone();
        let with_changes = proxies.iter().filter(|p| p["changes"].as_array().is_some_and(|c| !c.is_empty()));
        let lines = with_changes.flat_map(|p| {
            let one = serde_json::json!({ "proxies": [p] });
            changes(&one)
                .into_iter()
                .map(|c| format!("{}: {c}", p["classes"][0].as_str().unwrap_or_default()))
                .collect::<Vec<_>>()
        });
        let mut lines: Vec<String> = lines.collect();
        lines.dedup();
        lines
    };
    let moved = "pod:web/front: moved proven 1.0 destination cart.shop:80 subset v2 -> cart.shop:80 subset v1";
    let new = relabelled("{app: frontend}", "{istio: edge}", "{istio: edge}");
    assert_eq!(told(&new, &[]), [moved]);
    assert_eq!(told(&new, &["--proxy", "pod:web/front"]), [moved]);
    // Requests still come to a gateway of which nobody says any more what it is to serve.
    for new in [
        relabelled("{app: front}", "{istio: other}", "{istio: edge}"),
        relabelled("{app: front}", "{istio: edge}", "{istio: other}"),
    ] {
        let all = told(&new, &[]);
        assert!(all.iter().any(|c| c.starts_with("gateway:shop:istio=edge: unmatched proven 1.0")), "{all:#?}");
        compare(&old, &new, &["--fail-on", "unmatched"]).ends_with(1);
    }
    // Nor to one whose Gateway is gone.
    let gone = old.replace("kind: Gateway\n", "kind: NotAGateway\n");
    let all = told(&gone, &[]);
    assert!(all.iter().any(|c| c.starts_with("gateway:shop:istio=edge: unmatched proven 1.0")), "{all:#?}");
    assert!(all.iter().all(|c| !c.contains(": gained")), "{all:#?}");
    // A plan has states in between, in which a client may be either.
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("old.yaml"), &old).expect("written");
    let new = relabelled("{app: frontend}", "{istio: edge}", "{istio: edge}");
    fs::write(folder.path().join("new.yaml"), new).expect("written");
    let page = towtank_in(folder.path(), &["rollout", "old.yaml", "new.yaml"], b"").ends_with(0).out;
    assert!(page.contains("not evaluated: pod:web/front has other labels in the end"), "{page}");
}
