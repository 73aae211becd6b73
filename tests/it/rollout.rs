//! `towtank rollout`: orders, plans, steps.

use std::path::Path;

use crate::support::run::towtank_in;

fn out(arguments: &[&str], status: i32) -> String {
    towtank_in(Path::new("."), arguments, b"").ends_with(status).out
}

fn transition(name: &str) -> [String; 2] {
    ["old", "new"].map(|side| format!("tests/transitions/{name}/{side}"))
}

#[test]
fn pages_are_as_people_see_them() {
    for name in ["rename-subset", "add-subset-one-push", "remove-subset-one-push", "weights-changed", "dr-deleted"] {
        let [old, new] = transition(name);
        let page = out(&["rollout", &old, &new, "--proxy", "sidecar:default:app=client", "--width", "100"], 0);
        insta::assert_snapshot!(format!("rollout-{name}"), page);
        assert!(page.lines().all(|l| l.chars().count() <= 100 || !l.contains("LOST")), "{page}");
    }
    let shift = ["--shift", "reviews", "--from", "v1", "--to", "v2", "--steps", "90/10,50/50,0/100", "--width", "100"];
    let scenario = ["rollout", "scenarios/canary-90-10"];
    insta::assert_snapshot!("rollout-shift", out(&[&scenario, shift.as_slice()].concat(), 0));
    let rate = ["--rate", "50/s", "-o", "markdown"];
    insta::assert_snapshot!("rollout-shift-markdown", out(&[&scenario, shift.as_slice(), &rate].concat(), 0));
    let [old, new] = transition("rename-subset");
    insta::assert_snapshot!("rollout-markdown", out(&["rollout", &old, &new, "-o", "markdown"], 0));
}

#[test]
fn gates_say_no() {
    let [old, new] = transition("rename-subset");
    let gated = |gate: &str, status: i32| out(&["rollout", &old, &new, "--fail-on", gate], status);
    gated("unsafe-order", 1);
    gated("no-safe-order,no-way-back,lost", 0);
    let [old, new] = transition("dr-deleted");
    out(&["rollout", &old, &new, "--fail-on", "lost"], 1);
    let [old, new] = transition("weights-changed");
    out(&["rollout", &old, &new, "--fail-on", "unsafe-order,lost,no-way-back,no-safe-order"], 0);
    let to_nowhere = ["rollout", "scenarios/canary-90-10", "--shift", "reviews", "--from", "v1", "--to", "v9"];
    out(&[to_nowhere.as_slice(), &["--fail-on", "lost"]].concat(), 1);
}

#[test]
fn ep_3_endpoints_made_by_hand_keep_the_labels_of_their_pods() {
    // Only through the pod that its slice names does `v1` have an endpoint, so that renaming it loses requests on the way.
    let old = Path::new("tests/conformance/rules/endpoints-manual-slices/manifests/all.yaml");
    let text = std::fs::read_to_string(old).unwrap();
    let new = text.replacen("subset: v1", "subset: v9", 1).replacen("name: v1", "name: v9", 1);
    assert_ne!(new, text);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.yaml");
    std::fs::write(&path, new).unwrap();
    let page =
        out(&["rollout", &old.display().to_string(), &path.display().to_string(), "--fail-on", "unsafe-order"], 1);
    assert!(page.contains("LOST"), "{page}");
}

#[test]
fn a_plan_is_written_and_leads_to_the_new_state() {
    let [old, new] = transition("rename-subset");
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan");
    let plan_text = plan.display().to_string();
    out(&["rollout", &old, &new, "--write", &plan_text], 0);
    // Wave after wave laid over what is there.
    let mut path = old.clone();
    let mut waves: Vec<_> = std::fs::read_dir(&plan).unwrap().map(|e| e.unwrap().path()).collect();
    waves.sort();
    assert_eq!(waves.len(), 3);
    for wave in &waves {
        path = format!("{path}+{}", wave.display());
        let lost = out(&["rollout", &old, &path, "--fail-on", "lost"], 0);
        assert!(!lost.is_empty());
    }
    let end = out(&["diff", &path, &new, "--fail-on", "changed"], 0);
    assert!(end.contains("nothing changes"), "{end}");
    let again = towtank_in(Path::new("."), &["rollout", &old, &new, "--write", &plan_text], b"").ends_with(2).err;
    assert!(again.contains("holds something already"), "{again}");
}

#[test]
fn assumptions_are_followed_through_the_steps() {
    let page =
        out(&["rollout", "scenarios/staged-rollout", "--suppose", "v2:errors=5%,latency=30ms", "--width", "100"], 0);
    insta::assert_snapshot!("rollout-suppose", page);
    let ran = towtank_in(Path::new("."), &["rollout", "scenarios/staged-rollout", "--suppose", "v7:errors=5%"], b"");
    let err = ran.ends_with(2).err;
    assert!(err.contains("v7"), "{err}");
    // Where nothing fails, all is as it is without.
    let without = out(&["rollout", "scenarios/staged-rollout", "-o", "json"], 0);
    let with = out(&["rollout", "scenarios/staged-rollout", "-o", "json", "--suppose", "v2:errors=0%"], 0);
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let (without, mut with) = (parsed(&without), parsed(&with));
    for station in with["rehearsal"]["flows"][0]["stations"].as_array_mut().unwrap() {
        assert_eq!(station["supposed"]["success"], 1.0);
        assert_eq!(station["supposed"]["attempts"], 1.0);
        station["supposed"] = serde_json::Value::Null;
    }
    assert_eq!(with, without);
}

/// Two Deployments behind a Service, and steps from one to the other; `hpa` is the autoscaler of the first.
fn scaled(replicas: &str, hpa: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let deployment = |version: &str, replicas: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: reviews-{version}}}\nspec:\n  {replicas}\n  selector: \
             {{matchLabels: {{app: reviews}}}}\n  template: {{metadata: {{labels: {{app: reviews, version: {version}}}}}}}\n---\n"
        )
    };
    let text = format!(
        "{}{}{hpa}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: reviews}}\nspec: {{selector: {{app: reviews}}, ports: \
         [{{name: http, port: 9080}}]}}\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: \
         reviews}}\nspec: {{host: reviews, subsets: [{{name: v1, labels: {{version: v1}}}}, {{name: v2, labels: {{version: \
         v2}}}}]}}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: reviews}}\nspec: {{hosts: \
         [reviews], http: [{{route: [{{destination: {{host: reviews, subset: v1}}}}]}}]}}\n",
        deployment("v1", replicas),
        deployment("v2", "replicas: 3"),
    );
    std::fs::write(folder.path().join("mesh.yaml"), text).expect("a file");
    folder
}

fn hpa(version: &str, bounds: &str) -> String {
    format!(
        "apiVersion: autoscaling/{version}\nkind: HorizontalPodAutoscaler\nmetadata: {{name: reviews-v1}}\nspec: {{scaleTargetRef: \
         {{apiVersion: apps/v1, kind: Deployment, name: reviews-v1}}, {bounds}}}"
    )
}

#[test]
fn a_way_back_says_whether_an_autoscaler_left_its_pods() {
    let shift = ["rollout", "mesh.yaml", "--shift", "reviews", "--from", "v1", "--to", "v2", "--steps", "50/50,0/100"];
    let run = |folder: &tempfile::TempDir, more: &[&str]| {
        towtank_in(folder.path(), &[shift.as_slice(), more].concat(), b"").ends_with(0).out
    };
    let by = "HorizontalPodAutoscaler default/reviews-v1";
    for (replicas, hpa, said) in [
        (
            "replicas: 3",
            hpa("v2", "minReplicas: 1, maxReplicas: 10"),
            format!(
                "may wait for pods: Deployment default/reviews-v1 may be scaled to 1 of its 3 pods by then by {by}"
            ),
        ),
        ("replicas: 3", hpa("v1", "maxReplicas: 10"), "may be scaled to 1 of its 3 pods".to_owned()),
        (
            "replicas: 3",
            hpa("v2", "minReplicas: 0, maxReplicas: 10"),
            format!(
                "Deployment default/reviews-v1 may be scaled to zero by then by {by}, and 3 pods have to start first"
            ),
        ),
        (
            "minReadySeconds: 1",
            hpa("v2", "minReplicas: 2, maxReplicas: 10"),
            format!(
                "not known: how many pods Deployment default/reviews-v1 has by then, since {by} decides it (2 to 10)"
            ),
        ),
    ] {
        let page = run(&scaled(replicas, &hpa), &["--width", "0"]);
        assert_eq!(page.matches(&said).count(), 2, "{page}");
    }
    let of_another =
        hpa("v2", "maxReplicas: 9").replace("kind: Deployment, name: reviews-v1", "kind: Deployment, name: x");
    for hpa in [hpa("v2", "minReplicas: 3, maxReplicas: 10"), of_another] {
        let page = run(&scaled("replicas: 3", &hpa), &["--width", "0"]);
        assert!(!page.contains("wait for pods") && !page.contains("not known"), "{page}");
    }
    let json = run(&scaled("replicas: 3", &hpa("v2", "minReplicas: 0, maxReplicas: 10")), &["-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let scaled = &json["rehearsal"]["moves"][1]["back"]["scaled"][0];
    assert_eq!((&scaled["least"], &scaled["most"], &scaled["replicas"]), (&0.into(), &10.into(), &3.into()));
}

#[test]
fn a_way_back_has_its_blast_radius() {
    let [old, new] = transition("rename-subset");
    let json = out(&["rollout", &old, &new, "-o", "json"], 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let radius = |wave: usize| json["plan"]["back"][wave]["radius"].clone();
    // The first wave only adds a subset that nobody uses; going back from the last one takes both objects back.
    assert_eq!(radius(0), serde_json::json!({"objects": 1, "hosts": [], "clients": 0, "moved": 0.0}));
    let host = "reviews.default.svc.cluster.local";
    assert_eq!(radius(2), serde_json::json!({"objects": 2, "hosts": [host], "clients": 3, "moved": 0.5}));
    let page = out(&["rollout", "scenarios/staged-rollout", "--rate", "50/s"], 0);
    let said = "blast radius: 1 object, 1 host, 1 client, up to 30 % of the requests (15/s)";
    assert!(page.contains(said), "{page}");
}

#[test]
fn a_way_back_is_told_from_the_middle_of_a_step() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    // The subset has to be there before a rule sends to it.
    for (side, to) in [("old", "manifests"), ("new", "new")] {
        for file in std::fs::read_dir(format!("tests/transitions/add-subset-one-push/{side}")).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            write(&format!("{to}/{name}"), &std::fs::read_to_string(&path).unwrap());
        }
    }
    let steps =
        "apiVersion: towtank/v1\nkind: Scenario\nmanifests: [manifests/]\nsteps:\n- {name: all, manifests: [new/]}\n";
    write("scenario.yaml", steps);
    let run = |more: &[&str]| towtank_in(folder.path(), &[&["rollout", "."], more].concat(), b"").ends_with(0).out;
    let page = run(&["--width", "0"]);
    let said = "from the middle, after wave 1 of 2, back to today: apply DestinationRule default/reviews (";
    assert!(page.contains(said), "{page}");
    let json: serde_json::Value = serde_json::from_str(&run(&["-o", "json"])).unwrap();
    let one = &json["rehearsal"]["moves"][0];
    assert_eq!((one["waves"].as_array().unwrap().len(), one["middle"].as_array().unwrap().len()), (2, 1));
    assert_eq!(one["middle"][0]["after"], 1);
    assert!(run(&["-o", "html"]).contains("from the middle, after wave 1 of 2, back to today:"));
}

#[test]
fn rollouts_and_canaries_of_their_own_projects_run() {
    let files = std::fs::read_dir("tests/rollouts/public").unwrap().map(|e| e.unwrap().path());
    let folders: Vec<_> = files.filter(|p| p.is_dir()).collect();
    assert!(!folders.is_empty());
    let mut ran = 0;
    for file in walkdir::WalkDir::new("tests/rollouts/public").into_iter().filter_map(Result::ok) {
        let text = std::fs::read_to_string(file.path()).unwrap_or_default();
        if !text.contains("kind: Rollout\n") && !text.contains("kind: Canary\n") {
            continue;
        }
        let path = file.path().display().to_string();
        // The VirtualServices that it names stand in another file.
        if path.contains("getting-started") {
            let refused = towtank_in(Path::new("."), &["rollout", &path], b"").ends_with(2).err;
            assert!(
                refused.contains("VirtualService default/rollouts-demo-vsvc1 is not among the manifests"),
                "{refused}"
            );
            continue;
        }
        let page = towtank_in(Path::new("."), &["rollout", &path, "--width", "100", "--invalid", "skip"], b"");
        let page = page.ends_with(0).out;
        assert!(page.contains("TAKING EACH STEP"), "{path}: {page}");
        ran += 1;
    }
    assert!(ran >= 5, "{ran}");
}

/// Argo's first example has TLS routes with SNI hosts that are none of the VirtualService's hosts. Istio refuses that (M123), whatever
/// the controller writes into it: there are no steps, and the reason is said.
#[test]
fn what_istio_refuses_has_no_steps() {
    let folder = tempfile::tempdir().unwrap();
    let all = std::fs::read_dir("tests/rollouts/public/argo").unwrap().map(|e| e.unwrap().path());
    let ours = |p: &std::path::PathBuf| {
        let name = p.file_name().unwrap().to_string_lossy().into_owned();
        name.contains("getting-started") && name.ends_with(".yaml")
    };
    let mut copied = 0;
    for path in all.filter(ours) {
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        copied += 1;
    }
    assert!(copied >= 4);
    let refused = towtank_in(folder.path(), &["rollout", "."], b"").ends_with(2).err;
    assert!(refused.contains("error[M123]: VirtualService default/rollouts-demo-vsvc1: SNI host"), "{refused}");
    let skipped = towtank_in(folder.path(), &["rollout", ".", "--invalid", "skip"], b"").ends_with(2).err;
    let said = "error[rollout]: Rollout default/rollouts-demo: Istio refuses VirtualService default/rollouts-demo-vsvc1, so that it isn't there: SNI host";
    assert!(skipped.contains(said), "{skipped}");
    assert!(skipped.contains("multipleVirtualsvc.yaml:"), "{skipped}");
}

#[test]
fn mistakes_are_told() {
    let err = |arguments: &[&str]| towtank_in(Path::new("."), arguments, b"").ends_with(2).err;
    let scenario = "scenarios/canary-90-10";
    let unknown = err(&["rollout", scenario, "--shift", "reviews", "--from", "v7", "--to", "v2"]);
    assert!(unknown.contains("no rule of a VirtualService sends to subset `v7` of `reviews`"), "{unknown}");
    assert!(unknown.contains("`v1`, `v2`"), "{unknown}");
    assert!(err(&["rollout", scenario, "--shift", "reviews", "--from", "v1"]).contains("--to"));
    let steps = ["rollout", scenario, "--shift", "reviews", "--from", "v1", "--to", "v2", "--steps"];
    assert!(err(&[steps.as_slice(), &["0/0"]].concat()).contains("more than 0"));
    assert!(err(&[steps.as_slice(), &["ten"]].concat()).contains("for example 90/10"));
    assert!(err(&["rollout", "a", "b", "c"]).contains("3 paths were given"));
}

/// Everything of a shop at which a VirtualService of this name rules the cart, with subsets of this name, `created` being its metadata's rest.
fn cart(virtual_service: &str, subset: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Service
metadata: {{name: cart}}
spec: {{selector: {{app: cart}}, ports: [{{name: http, port: 80}}]}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: cart}}
spec: {{host: cart, subsets: [{{name: {subset}, labels: {{version: v1}}}}]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {virtual_service}}}
spec: {{hosts: [cart], http: [{{route: [{{destination: {{host: cart, subset: {subset}}}}}]}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: cart-1, labels: {{app: cart, version: v1}}}}
"
    )
}

#[test]
fn ord_1_what_is_added_is_younger_than_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("old.yaml"), cart("cart", "stable")).unwrap();
    // By its name alone it would come first.
    std::fs::write(folder.path().join("new.yaml"), cart("a-cart", "v1")).unwrap();
    let page = towtank_in(folder.path(), &["rollout", "old.yaml", "new.yaml"], b"").ends_with(0).out;
    let plan = page.split("A PLAN").nth(1).unwrap_or_default();
    let place = |text: &str| plan.find(text).unwrap_or_else(|| panic!("{text} in {page}"));
    let (goes, last) = ("2  delete  VirtualService default/cart", "3  apply   DestinationRule default/cart");
    assert!(place(goes) < place(last), "the older one rules until it goes: {page}");
    // What comes again is the youngest, so the other rules until that goes.
    let back = "after wave 3: apply DestinationRule default/cart and apply VirtualService default/cart (old.yaml:12), then delete \
                VirtualService default/a-cart, then apply DestinationRule default/cart (old.yaml:7)";
    assert!(plan.contains(back), "{page}");
}

#[test]
fn helm_applies_objects_of_one_kind_as_they_stand() {
    let root = |name: &str, spec: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\nspec: {spec}\n---\n"
        )
    };
    let old =
        root("edge", "{hosts: [shop.example.com], gateways: [edge], http: [{route: [{destination: {host: shop}}]}]}");
    let new = root("edge", "{hosts: [shop.example.com], gateways: [edge], http: [{delegate: {name: cart}}]}")
        + &root("cart", "{http: [{route: [{destination: {host: shop}}]}]}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("old.yaml"), old).unwrap();
    std::fs::write(folder.path().join("new.yaml"), new).unwrap();
    let page = towtank_in(folder.path(), &["rollout", "old.yaml", "new.yaml"], b"").ends_with(0).out;
    assert!(page.contains("  helm upgrade   requests are lost on the way\n"), "{page}");
}
