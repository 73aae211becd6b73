//! The map is enforced: arrows between rooms as ARCHITECTURE.md has them, a doc at the head of every file, every cited rule written
//! down and tested, every check with an example.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All files below a folder of the repository whose names end so, sorted.
fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(root().join(folder)).sort_by_file_name().into_iter().filter_map(Result::ok);
    walk.map(walkdir::DirEntry::into_path).filter(|p| p.is_file() && p.to_string_lossy().ends_with(end)).collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The rooms in the order of ARCHITECTURE.md's tables.
fn rooms_of_the_map() -> Vec<String> {
    let map = read(&root().join("ARCHITECTURE.md"));
    let room = Regex::new(r"`([a-z0-9_/]+)`").expect("a good pattern");
    let rows = map.lines().filter(|l| l.starts_with("| `"));
    rows.flat_map(|l| {
        let first = l.split('|').nth(1).unwrap_or_default();
        room.captures_iter(first).map(|c| c[1].to_owned()).collect::<Vec<_>>()
    })
    .collect()
}

/// The room that a path in code (`crate::WING::ROOM`) or a file stands in.
fn room(wing: &str, name: &str) -> String {
    if wing == "api" { wing.to_owned() } else { format!("{wing}/{name}") }
}

/// What of a file is no test.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

fn is_test(path: &Path) -> bool {
    let name = path.file_stem().and_then(|n| n.to_str()).unwrap_or_default();
    let in_tests = path.components().any(|c| c.as_os_str() == "tests");
    in_tests || matches!(name, "tests" | "laws" | "testing") || name.ends_with("_tests")
}

/// The rooms below `src`, each with its files that are no tests.
fn rooms_on_disk() -> BTreeMap<String, Vec<PathBuf>> {
    let mut rooms: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in files("src", ".rs").into_iter().filter(|f| !is_test(f.strip_prefix(root()).expect("below the root"))) {
        let below = file.strip_prefix(root().join("src")).expect("below src").to_path_buf();
        let parts: Vec<&str> = below.iter().filter_map(|p| p.to_str()).collect();
        // The heads of wings, lib.rs and main.rs only list what there is.
        if let [wing, next, ..] = parts.as_slice()
            && (*wing == "api" || *next != "mod.rs")
        {
            rooms.entry(room(wing, next.trim_end_matches(".rs"))).or_default().push(file);
        }
    }
    rooms
}

#[test]
fn every_room_is_on_the_map() {
    let map: BTreeSet<String> = rooms_of_the_map().into_iter().collect();
    let disk: BTreeSet<String> = rooms_on_disk().into_keys().collect();
    assert_eq!(map, disk, "the tables of ARCHITECTURE.md beside the folders below src");
}

/// A room knows only those above it. `use crate::{...}` would hide arrows, so paths are written in full.
#[test]
fn arrows_go_the_way_of_the_map() {
    let map = rooms_of_the_map();
    let place = |room: &str| map.iter().position(|r| r == room);
    let path = Regex::new(r"\bcrate::(\w+|\{)(?:::(\w+|\{))?").expect("a good pattern");
    let mut wrong = Vec::new();
    let mut arrows = 0;
    for (from, files) in rooms_on_disk() {
        for file in files {
            let text = read(&file);
            for found in path.captures_iter(without_tests(&text)) {
                let wing = &found[1];
                let name = found.get(2).map_or("", |m| m.as_str());
                if wing == "{" || name == "{" {
                    wrong.push(format!("{}: `{}` hides what it uses", shown(&file), &found[0]));
                    continue;
                }
                let to = room(wing, name);
                let Some(target) = place(&to) else { continue };
                arrows += 1;
                if to != from && place(&from) < Some(target) {
                    wrong.push(format!("{}: {from} may not know {to}, which stands below it", shown(&file)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(arrows > 500, "only {arrows} arrows were found");
}

#[test]
fn every_file_opens_with_its_doc() {
    let without: Vec<String> = ["src", "tests/it", "benches", "examples"]
        .iter()
        .flat_map(|folder| files(folder, ".rs"))
        .filter(|file| !read(file).starts_with("//! "))
        .map(|file| shown(&file))
        .collect();
    assert!(without.is_empty(), "no `//!` at the head of {without:?}");
}

/// Ids in a text, for example `RT-3`; names of standards that look alike are none.
fn ids(text: &str) -> impl Iterator<Item = String> + '_ {
    let id = Regex::new(r"\b[A-Z]{2,3}-E?[0-9]+\b").expect("a good pattern");
    let found: Vec<String> = id.find_iter(text).map(|m| m.as_str().to_owned()).collect();
    found.into_iter().filter(|id| !matches!(id.as_str(), "UTF-8" | "UTF-16" | "DNS-1123" | "SHA-256"))
}

/// Sections of Envoy's behaviour that a text cites.
fn sections(text: &str) -> Vec<String> {
    let section = Regex::new(r"envoy-matching ([0-9]+(?:\.[0-9]+)*)").expect("a good pattern");
    section.captures_iter(text).map(|c| format!("envoy-matching {}", &c[1])).collect()
}

#[test]
fn every_cited_rule_is_written_down() {
    let heading = Regex::new(r"(?m)^### ((?:envoy-matching )?\S+)").expect("a good pattern");
    let written: BTreeSet<String> = files("docs/rules", ".md")
        .iter()
        .flat_map(|f| heading.captures_iter(&read(f)).map(|c| c[1].to_owned()).collect::<Vec<_>>())
        .collect();
    let mut missing: BTreeMap<String, String> = BTreeMap::new();
    let sources = [
        ("src", ".rs"),
        ("tests", ".rs"),
        ("tests", ".yaml"),
        ("scenarios", ".yaml"),
        ("lessons", ".md"),
        ("lessons", ".yaml"),
        ("", ".md"),
    ];
    for file in sources.iter().flat_map(|(folder, end)| {
        let own = |f: &PathBuf| !f.strip_prefix(root()).is_ok_and(|f| f.starts_with("target"));
        if folder.is_empty() {
            vec![root().join("README.md"), root().join("ARCHITECTURE.md"), root().join("CONTRIBUTING.md")]
        } else {
            files(folder, end).into_iter().filter(own).collect()
        }
    }) {
        let text = read(&file);
        for id in ids(&text).chain(sections(&text)).filter(|id| !written.contains(id)) {
            missing.entry(id).or_insert_with(|| shown(&file));
        }
    }
    // An id that is meant to be wrong.
    missing.retain(|id, _| id != "RT-33" && id != "RT-333");
    assert!(missing.is_empty(), "docs/rules has no {missing:?}");
}

#[test]
fn every_rule_that_code_cites_has_a_test_or_a_case() {
    let name = Regex::new(r"fn ((?:[a-z]{2,3}[0-9]+_)+)").expect("a good pattern");
    let part = Regex::new(r"([a-z]{2,3})([0-9]+)_").expect("a good pattern");
    let mut cited: BTreeMap<String, String> = BTreeMap::new();
    let mut tested: BTreeSet<String> = BTreeSet::new();
    for file in files("src", ".rs").into_iter().chain(files("tests", ".rs")).chain(files("tests", ".yaml")) {
        let text = read(&file);
        let below = file.strip_prefix(root()).expect("below the root");
        let code = if is_test(below) { "" } else { without_tests(&text) };
        for id in ids(code) {
            cited.entry(id).or_insert_with(|| shown(&file));
        }
        let test = text.get(code.len()..).unwrap_or_default();
        tested.extend(ids(test));
        for names in name.captures_iter(test) {
            let parts = part.captures_iter(&names[1]).map(|c| format!("{}-{}", c[1].to_uppercase(), &c[2]));
            tested.extend(parts.collect::<Vec<_>>());
        }
    }
    cited.retain(|id, _| !tested.contains(id));
    assert!(cited.is_empty(), "no test or case names {cited:?}");
}

#[test]
fn every_check_has_an_example() {
    let declared = Regex::new(r#"(?m)^ +([A-Z][0-9]{3}) ".+" (?:Error|Warning|Info)"#).expect("a good pattern");
    let checks: BTreeSet<String> = files("src/analysis/checks", ".rs")
        .iter()
        .flat_map(|f| declared.captures_iter(&read(f)).map(|c| c[1].to_owned()).collect::<Vec<_>>())
        .collect();
    assert!(checks.len() > 80, "only {} checks were found", checks.len());
    for id in checks {
        let path = root().join(format!("tests/checks/{id}.yaml"));
        assert!(path.is_file(), "{id} has no {}", shown(&path));
    }
}
