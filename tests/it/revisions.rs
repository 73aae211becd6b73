//! `git:REV[:PATH]`: manifests of a revision, and what is said where there are none.

use std::fs;
use std::path::Path;

use crate::support::repository::Repository;
use crate::support::run::{Ran, towtank_in};

/// A VirtualService and what it needs, with this share of v2.
fn shares(name: &str, v2: u32) -> String {
    let route = |subset: &str, weight: u32| {
        format!("    - {{destination: {{host: {name}, subset: {subset}}}, weight: {weight}}}")
    };
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80}}]}}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: {name}}}\nspec: {{host: {name}, \
         subsets: [{{name: v1, labels: {{v: '1'}}}}, {{name: v2, labels: {{v: '2'}}}}]}}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}}}\nspec:\n  hosts: [{name}]\n  http:\n  - route:\n{}\n{}\n",
        route("v1", 100 - v2),
        route("v2", v2),
    )
}

/// One commit with 10 % for v2, and 30 % in the working tree.
fn repository() -> Repository {
    let repository = Repository::new();
    repository.write("manifests/shop.yaml", &shares("shop", 10));
    repository.commit();
    repository.write("manifests/shop.yaml", &shares("shop", 30));
    repository
}

/// Nobody knows a client of these, so that reports are of the one that is asked for.
fn exact(repository: &Repository, arguments: &[&str]) -> Ran {
    repository.towtank(&[&["simulate", "--exact", "--proxy", "sidecar:default"], arguments].concat())
}

#[test]
fn a_revision_is_read_as_the_same_files_would_be() {
    let repository = repository();
    let now = exact(&repository, &["manifests"]).ends_with(0).prints(&["30.00 %"]);
    let status = repository.git(&["status", "--porcelain"]);
    for of in ["git:main", "git:HEAD:", "git:main:manifests", "git:main:manifests/", "git:main:./manifests/shop.yaml"] {
        let before = exact(&repository, &[of]).ends_with(0).prints(&["10.00 %"]);
        assert_eq!(before.out, now.out.replace("70.00 %", "90.00 %").replace("30.00 %", "10.00 %"), "{of}");
    }
    repository
        .towtank(&["routes", "git:main", "--host", "shop"])
        .ends_with(0)
        .prints(&["git:main:manifests/shop.yaml:"]);
    let explain = ["explain", "git:HEAD:manifests", "-r", "GET http://shop/", "--proxy", "sidecar:default"];
    repository.towtank(&explain).ends_with(0).prints(&["git:HEAD:manifests/shop.yaml:", "90 %"]);
    assert_eq!(repository.git(&["status", "--porcelain"]), status, "the working tree stays as it is");
    // Nothing of the working tree is needed.
    fs::remove_dir_all(repository.path().join("manifests")).expect("removed");
    exact(&repository, &["git:main"]).ends_with(0).prints(&["10.00 %"]);
    exact(&repository, &["git:main:manifests"]).ends_with(0).prints(&["10.00 %"]);
}

#[test]
fn three_dots_are_what_both_had_when_they_parted() {
    let repository = repository();
    repository.git(&["checkout", "-q", "-b", "topic"]);
    repository.commit();
    repository.git(&["checkout", "-q", "main"]);
    repository.write("manifests/shop.yaml", &shares("shop", 70));
    repository.commit();
    repository.git(&["checkout", "-q", "topic"]);
    // main went on to 70 % meanwhile, which is no change of this branch.
    for base in ["git:main...topic", "git:main...HEAD", "git:main...", "git:...main", "git:topic...main:manifests"] {
        exact(&repository, &["manifests", "--against", base]).ends_with(0).prints(&["20.00 % moves"]);
    }
    exact(&repository, &["git:main...topic"]).ends_with(0).prints(&["10.00 %"]);
    exact(&repository, &["git:main..topic"])
        .ends_with(2)
        .says(&["there is no revision `main..topic`", "`git:main...topic` is where both began"]);
    exact(&repository, &["git:main...topik"]).ends_with(2).says(&["did you mean `git:topic`?"]);
    repository.git(&["checkout", "-q", "--orphan", "other"]);
    repository.commit();
    exact(&repository, &["git:main..."]).ends_with(2).says(&["`main...`", "no commit in common"]);
}

#[test]
fn a_revision_without_a_path_is_of_what_stands_on_the_other_side() {
    let repository = repository();
    repository.write("other/broken.yaml", "kind: [\n");
    repository.commit();
    repository.write("manifests/shop.yaml", &shares("shop", 50));
    for before in ["git:HEAD", "git:main", "git:main:manifests", "git:main:./manifests"] {
        exact(&repository, &["manifests", "--against", before]).ends_with(0).prints(&[
            "70.00 %",
            "50.00 %",
            "20.00 % moves",
        ]);
    }
    exact(&repository, &["manifests", "--against", "git:HEAD~1"]).ends_with(0).prints(&["90.00 %", "40.00 % moves"]);
    // On the new side as well, and on both.
    exact(&repository, &["git:HEAD", "--against", "manifests"]).ends_with(0).prints(&["20.00 % moves"]);
    exact(&repository, &["git:HEAD:manifests", "--against", "git:HEAD~1"]).ends_with(0).prints(&["20.00 % moves"]);
    // From elsewhere: the repository is the one that the paths are in.
    let elsewhere = ["simulate", "--exact", "--proxy", "sidecar:default", "tree/manifests", "--against"];
    for before in ["git:HEAD", "git:HEAD:manifests"] {
        let ran = towtank_in(repository.outside(), &[&elsewhere[..], &[before]].concat(), b"");
        ran.ends_with(0).prints(&["20.00 % moves"]);
    }
    let below = repository.path().join("manifests");
    for (now, before) in
        [(".", "git:HEAD"), (".", "git:HEAD:./"), ("shop.yaml", "git:HEAD"), ("../manifests", "git:HEAD:.")]
    {
        let ran =
            towtank_in(&below, &["simulate", "--exact", now, "--against", before, "--proxy", "sidecar:default"], b"");
        ran.ends_with(0).prints(&["20.00 % moves"]);
    }
    // Alone it is of the folder that one is in.
    let ran = towtank_in(&below, &["simulate", "--exact", "git:HEAD", "--proxy", "sidecar:default"], b"");
    ran.ends_with(0).prints(&["30.00 %"]);
    // A file that is gone is where it was.
    fs::remove_file(below.join("shop.yaml")).expect("removed");
    repository
        .towtank(&["check", "manifests", "--base", "git:HEAD"])
        .ends_with(2)
        .says(&[])
        .prints(&["has no manifests"]);
    repository.write("manifests/new.yaml", &shares("other", 1));
    let gone = exact(&repository, &["manifests", "--against", "git:HEAD", "-o", "json"]).ends_with(0);
    gone.prints(&["\"shop.default.svc.cluster.local:80\""]);
}

#[test]
fn check_compares_with_a_revision() {
    let repository = Repository::new();
    repository.write("m/shop.yaml", &shares("shop", 10));
    repository.commit();
    let changed = shares("shop", 10).replace(", {name: v2, labels: {v: '2'}}", "");
    repository.write("m/shop.yaml", &changed);
    let copy = repository.outside().join("before");
    fs::create_dir(&copy).expect("a folder");
    fs::write(copy.join("shop.yaml"), shares("shop", 10)).expect("written");
    let with = |base: &str| repository.towtank(&["check", "m", "-o", "json", "--base", base]);
    let expected = with("../before").ends_with(1).out;
    assert!(expected.contains("the rule in force has `v1`"), "{expected}");
    for base in ["git:main", "git:HEAD:m", "git:main:m/shop.yaml"] {
        let shown = format!("git:{}:m/shop.yaml", base.split(':').nth(1).expect("a revision"));
        assert_eq!(with(base).ends_with(1).out, expected.replace("../before/shop.yaml", &shown), "{base}");
    }
}

#[test]
fn the_same_is_left_out_as_on_disk() {
    let repository = Repository::new();
    for (folder, v2) in [("app", 10), ("app/node_modules/x", 20), ("app/test", 30), ("app/chart/templates", 40)] {
        repository.write(&format!("{folder}/x.yaml"), &shares(&format!("s{v2}"), v2));
    }
    repository.write("app/chart/Chart.yaml", "apiVersion: v2\nname: chart\n");
    repository.write("app/notes.md", "no manifest");
    repository
        .write("app/x-y/z.json", "{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"name\": \"n\"}}");
    repository.write("app/x.yml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: m}\n");
    repository.git(&["add", "-A", "-f"]);
    repository.commit_index();
    for exclude in ["app/test/**", "**/test/**", "test", "test/**"] {
        let sides: Vec<Ran> = ["app", "git:main:app"]
            .map(|of| repository.towtank(&["routes", of, "--exclude", exclude, "-o", "json", "-v"]))
            .into_iter()
            .map(|ran| ran.ends_with(0))
            .collect();
        let plain = |text: &str| text.replace("git:main:", "");
        assert_eq!(plain(&sides[1].out), sides[0].out);
        assert_eq!(plain(&sides[1].err), sides[0].err);
        assert!(sides[0].out.contains("s10") && !sides[0].out.contains("s30"), "{exclude}: {}", sides[0].out);
        let note = "note: left out: git:main:app/chart/templates, git:main:app/node_modules; `helm template`";
        assert!(sides[1].err.contains(note), "{}", sides[1].err);
    }
    // The other side's way to write a path counts, so that both leave out the same.
    let below = repository.path().join("app");
    let pair = ["simulate", ".", "--against", "git:main", "--exclude", "test/**", "--exact", "-o", "json"];
    let ran = towtank_in(&below, &pair, b"").ends_with(0);
    assert!(ran.out.contains("s10") && !ran.out.contains("s30"), "{}", ran.out);
}

#[test]
fn scenarios_with_their_tests_and_goldens_open_from_a_revision() {
    let repository = Repository::new();
    let scenario = "apiVersion: towtank/v1\nkind: Scenario\nproxies: [{name: client, namespace: default}]\nmanifests: [../shared/shop.yaml, ../../common/]\n\
                    tests:\n- {name: most go to v1, request: GET http://shop/, expect: {shares: {v1: 90%, v2: 10%}}}\n";
    repository.write("all/a/scenario.yaml", scenario);
    repository.write(
        "all/a/more.test.yaml",
        "tests:\n- {name: delivered, request: GET http://shop/x, expect: {host: shop}}\n",
    );
    repository.write("all/shared/shop.yaml", &shares("shop", 10));
    repository.write("common/other.yaml", &shares("other", 20));
    repository.write("all/b/scenario.yaml", "apiVersion: towtank/v1\nkind: Scenario\nmanifests: [m.yaml]\n");
    repository.write("all/b/m.yaml", &shares("b", 5));
    repository.towtank(&["test", "all/a", "--update"]).ends_with(0);
    repository.commit();
    let plain = |text: &str| text.replace("git:main:", "");
    for arguments in [&["test"][..], &["simulate", "--exact"], &["routes"], &["check", "--severity", "error"]] {
        let run = |of: &str| repository.towtank(&[arguments, &[of]].concat()).ends_with(0);
        let (disk, git) = (run("all"), run("git:main:all"));
        // Paths of a revision are told without the way to them.
        let disk = disk.out.replace("all/a/../../common", "common").replace("all/a/../shared", "all/shared");
        assert_eq!(plain(&git.out), disk, "{arguments:?}");
    }
    // The golden of the revision counts.
    repository.write("all/a/towtank.golden", "something else\n");
    repository.towtank(&["test", "all/a"]).ends_with(1);
    repository.towtank(&["test", "git:main:all/a"]).ends_with(0);
    repository.towtank(&["test", "git:main:all/a", "--update"]).ends_with(2).says(&["would be in a revision"]);
    repository.git(&["add", "-A"]);
    repository.commit_index();
    repository.towtank(&["test", "git:main:all/a"]).ends_with(1);
    // Pairs of scenarios, found at their places.
    repository.write("all/shared/shop.yaml", &shares("shop", 60));
    let pairs = repository.towtank(&["simulate", "--exact", "all", "--against", "git:main"]).ends_with(0);
    pairs.prints(&["all/a\n", "50.00 % moves", "all/b\n"]);
    // The tree has bounds, whoever is allowed what.
    repository.write("out/scenario.yaml", "apiVersion: towtank/v1\nkind: Scenario\nmanifests: [../../secret.yaml]\n");
    fs::write(repository.outside().join("secret.yaml"), shares("secret", 1)).expect("written");
    repository.commit();
    let refused = repository.towtank(&["routes", "git:main:out", "--allow-outside"]).ends_with(2);
    refused.says(&["leads out of the repository"]);
}

/// All scenarios of the repository, from a revision: the same answers, but for where things stand.
#[test]
fn every_scenario_is_the_same_in_a_revision() {
    let repository = Repository::new();
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for file in walkdir::WalkDir::new(&scenarios).into_iter().map(|entry| entry.expect("it can be read")) {
        if file.file_type().is_file() {
            let below = file.path().strip_prefix(&scenarios).expect("it is below").to_str().expect("a name");
            let to = repository.path().join(format!("scenarios/{below}"));
            fs::create_dir_all(to.parent().expect("a folder")).expect("folders are made");
            fs::copy(file.path(), to).expect("copied");
        }
    }
    repository.commit();
    for arguments in [&["simulate", "--exact", "-o", "json"][..], &["test", "-o", "json"], &["check", "-o", "json"]] {
        let disk = repository.towtank(&[arguments, &["scenarios"]].concat());
        let git = repository.towtank(&[arguments, &["git:main"]].concat());
        assert!(disk.code < 2 && disk.out.len() > 1000, "{}", disk.err);
        assert_eq!((git.out.replace("git:main:", ""), git.code), (disk.out, disk.code), "{arguments:?}");
        assert_eq!(git.err.replace("git:main:", ""), disk.err, "{arguments:?}");
    }
    // What is the same gives no change.
    let ran = repository.towtank(&[
        "simulate",
        "--exact",
        "scenarios",
        "--against",
        "git:main",
        "--fail-on",
        "changed,policy",
    ]);
    ran.ends_with(0);
}

#[test]
fn what_a_revision_doesnt_have_is_said_in_one_line() {
    let repository = Repository::new();
    repository.write("m/shop.yaml", &shares("shop", 10));
    repository.git(&["add", "-A"]);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n";
    repository.stage("100644", "m/large.yaml", pointer);
    repository.stage("100644", "large/one.yaml", pointer);
    repository.stage("160000", "m/module", &"1".repeat(40));
    repository.stage("120000", "m/away.yaml", "/etc/passwd");
    repository.stage("120000", "m/nowhere.yaml", "../none.yaml");
    repository.stage("120000", "m/up", "../m");
    repository.stage("120000", "m/link.yaml", "../real/other.yaml");
    repository.stage("120000", "m/linked", "../real");
    repository.stage("120000", "loop.yaml", "loop.yaml");
    repository.stage("100644", "real/other.yaml", &shares("other", 20));
    repository.commit_index();
    let ran = repository.towtank(&["routes", "git:main:m", "-v", "-o", "json"]).ends_with(0);
    // Links within the repository are followed, and a file that is reached twice is read once.
    assert!(ran.out.contains("git:main:m/link.yaml") && !ran.out.contains("m/linked/other.yaml"), "{}", ran.out);
    let notes: Vec<&str> = ran.err.lines().filter(|line| line.starts_with("note: left out")).collect();
    let expected = "note: left out: git:main:m/away.yaml (a link out of the repository), \
                    git:main:m/large.yaml (kept by Git LFS), git:main:m/module (a submodule), \
                    git:main:m/nowhere.yaml (a link that leads nowhere), git:main:m/up (a link back to a folder that holds it)";
    assert_eq!(notes, [expected]);
    // What was asked for by name, and a folder with nothing else, is no answer.
    for (of, said) in [
        ("m/large.yaml", "`git:main:m/large.yaml` is kept by Git LFS"),
        ("large", "`git:main:large` is kept by Git LFS"),
        ("m/module", "`git:main:m/module` is a submodule"),
        ("m/away.yaml", "leads out of the repository"),
        ("loop.yaml", "`git:main:loop.yaml` is a link that leads to itself"),
        ("m/nowhere.yaml", "has no `none.yaml`"),
    ] {
        repository.towtank(&["routes", &format!("git:main:{of}")]).ends_with(2).says(&[said]);
    }
    // On disk a pointer is one as well.
    repository.write("lfs.yaml", pointer);
    repository.towtank(&["routes", "lfs.yaml"]).ends_with(2).says(&["`lfs.yaml` is kept by Git LFS", "git lfs pull"]);
}

#[test]
fn what_is_not_there_is_told_with_what_would_be() {
    let repository = repository();
    repository.git(&["update-ref", "refs/remotes/origin/release", "HEAD"]);
    repository.git(&["tag", "v1.2.3"]);
    repository.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("100644,{},--help", repository.git(&["rev-parse", "HEAD:manifests/shop.yaml"]).trim()),
    ]);
    repository.commit_index();
    for (of, said) in [
        ("git:mian", "there is no revision `mian`"),
        ("git:mian", "did you mean `git:main`?"),
        ("git:release:manifests", "did you mean `git:origin/release`?"),
        ("git:v1.2.4", "did you mean `git:v1.2.3`?"),
        ("git:HEAD~7", "there is no revision `HEAD~7`"),
        ("git:", "no name of a revision"),
        ("git::manifests", "no name of a revision"),
        ("git:--help", "`--help` is no name of a revision"),
        ("git:--git-dir=x:manifests", "is no name of a revision"),
        ("git:main\n:manifests", "is no name of a revision"),
        ("git:HEAD^{blob}", "there is no revision"),
        ("git:main:manifest", "did you mean `manifests`?"),
        ("git:main:manifests/shop.yml", "did you mean `manifests/shop.yaml`?"),
        ("git:main:manifests/shop.yaml/x", "`main` has no `manifests/shop.yaml/x`"),
        ("git:main:nothing", "paths behind `git:REV:` begin at the root"),
        ("git:main:../x", "leads out of the repository"),
        ("git:main:manifests/../../x", "leads out of the repository"),
        ("git:main:/etc/passwd", "`main` has no `etc`"),
    ] {
        let ran = repository.towtank(&["routes", of]).ends_with(2).says(&["error[load]", said]);
        assert_eq!(ran.out, "", "{of}");
        repository.towtank(&["check", of]).ends_with(2);
        repository.towtank(&["simulate", "manifests", "--against", of]).ends_with(2).says(&[said]);
        repository.towtank(&["check", "manifests", "--base", of]).ends_with(2).prints(&[said]);
    }
    // Once, however many meshes there would be.
    for scenario in ["a", "b"] {
        let text = "apiVersion: towtank/v1\nkind: Scenario\nproxies: [{name: client, namespace: default}]\n";
        repository.write(&format!("all/{scenario}/scenario.yaml"), text);
    }
    for arguments in [&["simulate", "all", "--against", "git:mian"][..], &["routes", "all", "git:mian"]] {
        let ran = repository.towtank(arguments).ends_with(2);
        assert_eq!(ran.err.matches("there is no revision `mian`").count(), 1, "{}", ran.err);
    }
    // Names that only look like options.
    repository.towtank(&["routes", "git:main:--help"]).ends_with(0).prints(&["shop"]);
    repository.towtank(&["routes", "git:HEAD^{/a change}:manifests"]).ends_with(0).prints(&["shop"]);
    // Where there is no repository.
    for of in ["git:main", "git:main:manifests"] {
        towtank_in(repository.outside(), &["routes", of], b"")
            .ends_with(2)
            .says(&["the current folder is in no repository"]);
    }
    fs::write(repository.outside().join("x.yaml"), shares("shop", 1)).expect("written");
    let ran = towtank_in(repository.outside(), &["simulate", "x.yaml", "--against", "git:main"], b"");
    ran.ends_with(2).says(&["is in no repository"]);
    // Standard input is in none either.
    let ran = towtank_in(&repository.path(), &["simulate", "-", "--against", "git:main"], shares("shop", 1).as_bytes());
    ran.ends_with(2).says(&["standard input is in no repository", "git:main:manifests"]);
    // A repository without a commit.
    let empty = Repository::new();
    empty.towtank(&["routes", "git:HEAD"]).ends_with(2).says(&["there is no revision `HEAD`", "it has no commit yet"]);
}

#[test]
fn nothing_of_a_repository_is_run() {
    let repository = repository();
    let marker = repository.outside().join("marker");
    let script = repository.outside().join("run.sh");
    fs::write(&script, format!("#!/bin/sh\ntouch '{}'\ncat\n", marker.display())).expect("written");
    let command = format!("sh '{}'", script.display());
    repository.write(".gitattributes", "*.yaml filter=evil diff=evil merge=evil working-tree-encoding=UTF-16\n");
    repository.git(&["add", ".gitattributes"]);
    repository.commit_index();
    for name in [
        "core.fsmonitor",
        "filter.evil.smudge",
        "filter.evil.clean",
        "diff.evil.textconv",
        "diff.evil.command",
        "core.pager",
        "core.sshCommand",
        "diff.external",
        "core.editor",
    ] {
        repository.git(&["config", name, &command]);
    }
    for hook in ["post-checkout", "post-index-change", "pre-commit", "reference-transaction"] {
        let path = repository.path().join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::copy(&script, &path).expect("copied");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
        }
    }
    exact(&repository, &["manifests", "--against", "git:main"]).ends_with(0).prints(&["20.00 % moves"]);
    repository.towtank(&["routes", "git:nothing"]).ends_with(2);
    assert!(!marker.exists(), "something was run");
}

#[test]
fn what_a_clone_lacks_is_not_fetched() {
    let origin = repository();
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    let clone = Repository::new();
    let url = format!("file://{}", origin.path().display());
    clone.git(&["remote", "add", "origin", &url]);
    clone.git(&["fetch", "-q", "--filter=blob:none", "origin", "main"]);
    let ran = clone.towtank(&["routes", "git:FETCH_HEAD"]).ends_with(2);
    ran.says(&["`git:FETCH_HEAD:manifests/shop.yaml` is not in this clone"]);
}

#[test]
fn repositories_come_in_several_forms() {
    let repository = repository();
    // Bare.
    let bare = repository.outside().join("bare");
    repository.git(&["clone", "-q", "--bare", ".", bare.to_str().expect("a path")]);
    for of in ["git:main", "git:main:manifests"] {
        towtank_in(&bare, &["routes", of], b"").ends_with(0).prints(&["shop"]);
    }
    // A working tree of its own, with a branch of its own.
    let linked = repository.outside().join("linked");
    repository.git(&["worktree", "add", "-q", "-b", "other", linked.to_str().expect("a path")]);
    towtank_in(&linked, &["routes", "git:other:manifests"], b"").ends_with(0).prints(&["shop"]);
    // Within a hook, which is told where the repository is.
    let hooked = |folder: &str, git_dir: &str, of: &str| {
        let arguments = ["simulate", "--exact", of, "--against", "git:main", "--proxy", "sidecar:default"];
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_towtank"));
        let output =
            command.args(arguments).current_dir(repository.path().join(folder)).env("GIT_DIR", git_dir).output();
        String::from_utf8(output.expect("it runs").stdout).expect("text")
    };
    assert!(hooked("", ".git", "manifests").contains("20.00 % moves"));
    // Another hash.
    let other = Repository::with(&["--object-format=sha256"]);
    other.write("a b/ü.yaml", &shares("shop", 10));
    other.commit();
    other.towtank(&["routes", "git:main", "--host", "shop"]).ends_with(0).prints(&["git:main:a b/ü.yaml:"]);
}

#[test]
fn without_git_it_is_said_what_is_missing() {
    let repository = repository();
    let nowhere = repository.outside().join("none");
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_towtank"));
    let output = command.args(["routes", "git:main"]).current_dir(repository.path()).env("PATH", nowhere).output();
    let output = output.expect("it runs");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("needs the program `git`"), "{err}");
}

#[test]
fn files_of_other_tools_are_known_in_a_revision() {
    let repository = Repository::new();
    repository.write("base/shop.yaml", &shares("shop", 10));
    repository.write("kustomization.yaml", "resources: [base/shop.yaml]\npatches: [{path: patch.yaml}]\n");
    repository.write(
        "patch.yaml",
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop}\nspec: {hosts: []}\n",
    );
    repository.commit();
    let plain = |text: &str| text.replace("git:main:", "./");
    let (disk, git) = (repository.towtank(&["check", "."]), repository.towtank(&["check", "git:main"]));
    assert_eq!((plain(&git.out), git.code), (disk.out, disk.code));
}
