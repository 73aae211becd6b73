//! One thing laid over another: `a+b` and `--overlay`.

use std::fs;
use std::path::Path;

use crate::support::repository::Repository;
use crate::support::run::{Ran, towtank_in};

const DUMP: &str = "\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: shop, namespace: default, uid: a, resourceVersion: '1'}
  spec: {selector: {app: shop}, ports: [{name: http, port: 80}]}
- apiVersion: networking.istio.io/v1
  kind: DestinationRule
  metadata: {name: shop, namespace: default, uid: b, resourceVersion: '1'}
  spec: {host: shop, subsets: [{name: v1, labels: {v: '1'}}, {name: v2, labels: {v: '2'}}]}
- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata: {name: shop, namespace: default, uid: c, resourceVersion: '1'}
  spec: {hosts: [shop], http: [{timeout: 7s, route: [{destination: {host: shop, subset: v1}}]}]}
";

fn to(subset: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop}}\n\
         spec: {{hosts: [shop], http: [{{route: [{{destination: {{host: shop, subset: {subset}}}}}]}}]}}\n"
    )
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("cluster.yaml"), DUMP).expect("written");
    fs::create_dir(folder.path().join("change")).expect("a folder");
    fs::write(folder.path().join("change/shop.yaml"), to("v2")).expect("written");
    folder
}

fn simulate(folder: &Path, arguments: &[&str], input: &str) -> Ran {
    let all = [&["simulate", "--exact", "--proxy", "sidecar:default"], arguments].concat();
    towtank_in(folder, &all, input.as_bytes())
}

#[test]
fn what_is_laid_over_replaces_whole_objects_without_a_warning() {
    let folder = folder();
    let folder = folder.path();
    for arguments in [
        &["cluster.yaml+change"][..],
        &["cluster.yaml+change/"],
        &["./cluster.yaml+./change/shop.yaml"],
        &["cluster.yaml", "--overlay", "change"],
    ] {
        let ran = simulate(folder, arguments, "").ends_with(0).prints(&["shop.default:80 subset v2"]);
        let ran = ran.says(&["note: of what is laid over the manifests, 1 object is replaced and 0 new"]);
        assert!(!ran.err.contains("M128"), "{}", ran.err);
        let quiet = simulate(folder, &[arguments, &["-q"]].concat(), "").ends_with(0);
        assert_eq!(quiet.err, "");
        // The object as a whole: what the change doesn't mention is gone.
        let routes =
            towtank_in(folder, &[&["routes", "--proxy", "sidecar:default", "-o", "json"], arguments].concat(), b"");
        let routes = routes.ends_with(0).prints(&["change/shop.yaml"]);
        assert!(!routes.out.contains("7s"), "{}", routes.out);
        let checked = towtank_in(folder, &[&["check"], arguments].concat(), b"").says(&["1 object is replaced"]);
        assert!(!checked.out.contains("M128"), "{}", checked.out);
    }
    // Given side by side, it is still a mistake.
    simulate(folder, &["cluster.yaml", "change"], "").ends_with(0).says(&["M128", "given twice"]);
}

#[test]
fn layers_lie_over_each_other_in_their_order() {
    let folder = folder();
    let folder = folder.path();
    fs::write(
        folder.join("third.yaml"),
        to("v1")
            + "---\n"
            + &to("v1").replace("name: shop}", "name: other}").replace("hosts: [shop]", "hosts: [other]"),
    )
    .expect("written");
    let ran =
        simulate(folder, &["cluster.yaml+change+third.yaml"], "").ends_with(0).prints(&["shop.default:80 subset v1"]);
    ran.says(&["2 objects are replaced and 1 new"]);
    let ran = simulate(folder, &["cluster.yaml+third.yaml", "--overlay", "change"], "").ends_with(0);
    ran.prints(&["shop.default:80 subset v2"]);
    // An object that a layer gives twice is given twice.
    fs::write(folder.join("twice.yaml"), to("v1") + "---\n" + &to("v2")).expect("written");
    simulate(folder, &["cluster.yaml+twice.yaml"], "").ends_with(0).says(&["M128"]);
}

#[test]
fn a_plus_in_a_name_is_one() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("a+b.yaml"), DUMP).expect("written");
    fs::write(folder.join("cluster.yaml+change.yaml"), DUMP).expect("written");
    for path in ["a+b.yaml", "cluster.yaml+change.yaml"] {
        let ran = simulate(folder, &[path], "").ends_with(0).prints(&["shop.default:80 subset v1"]);
        assert!(!ran.err.contains("laid over"), "{}", ran.err);
    }
    simulate(folder, &["a+b.yaml+change"], "").ends_with(0).prints(&["shop.default:80 subset v2"]);
    // What is missing is named by itself.
    simulate(folder, &["cluster.yaml+chnage"], "").ends_with(2).says(&["cannot read `chnage`: no such file or folder"]);
    for path in ["nothing+change", "+change", "cluster.yaml+", "++", "nothing+at+all"] {
        simulate(folder, &[path], "").ends_with(2).says(&[&format!("cannot read `{path}`: no such file or folder")]);
    }
    let many = "+".repeat(5000);
    simulate(folder, &[&many], "").ends_with(2);
}

#[test]
fn standard_input_can_be_laid_over_and_under() {
    let folder = folder();
    let folder = folder.path();
    simulate(folder, &["--", "-+change"], DUMP).ends_with(0).prints(&["shop.default:80 subset v2"]);
    simulate(folder, &["cluster.yaml+-"], &to("v2")).ends_with(0).prints(&["shop.default:80 subset v2"]);
    // It is read once for both sides.
    let ran = simulate(folder, &["-", "--overlay", "change", "--against", "-"], DUMP).ends_with(0);
    ran.prints(&["100.00 % moves: shop.default:80 subset v1 -> shop.default:80 subset v2"]);
    simulate(folder, &["-", "--against", "-"], DUMP).ends_with(2).says(&["standard input is read for the other side"]);
}

#[test]
fn scenarios_and_revisions_can_have_something_laid_over_them() {
    let repository = Repository::new();
    repository.write("s/scenario.yaml", "apiVersion: towtank/v1\nkind: Scenario\nproxies: [{name: client, namespace: default}]\nmanifests: [cluster.yaml]\n");
    repository.write("s/cluster.yaml", DUMP);
    repository.write("change/shop.yaml", &to("v2"));
    repository.write("change/scenario.yaml", "description: its manifests count, no more\n");
    repository.commit();
    for path in ["s+change", "git:main:s+change", "s+git:main:change", "git:main:s+git:main:change/shop.yaml"] {
        let ran =
            repository.towtank(&["simulate", "--exact", path]).ends_with(0).prints(&["shop.default:80 subset v2"]);
        let ran = ran.says(&["1 object is replaced and 0 new"]);
        assert!(!ran.err.contains("scenario.yaml"), "{}", ran.err);
    }
    let ran = repository.towtank(&["simulate", "--exact", "s+change", "--against", "git:main"]).ends_with(0);
    ran.prints(&["100.00 % moves"]);
    let ran = repository.towtank(&["check", "s", "--overlay", "change", "--base", "git:main", "-o", "json"]);
    assert!(ran.code < 2, "{}", ran.err);
    let ran = ran.says(&["1 object is replaced"]);
    assert!(!ran.out.contains("M128"), "{}", ran.out);
}
