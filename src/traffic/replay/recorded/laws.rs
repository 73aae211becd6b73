//! Laws of logs: however one is parted, and in whatever order the parts are put together, the report is that of the whole.

use std::io::Cursor;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::sample::Index;

use super::{Counted, Lenses, Recorded, Sorted, placed, read, streams};
use crate::envoy::router::Switches;
use crate::testing::{folders, open, open_any};
use crate::traffic::recorded::{self, Format, Log};
use crate::traffic::replay::{Progress, Settings};
use crate::traffic::request_text;
use crate::traffic::workspace::Workspace;

fn sorted(text: &str, lenses: &Lenses<'_>, format: Format) -> Sorted {
    let settings = recorded::Settings { format: Some(format), part: true, ..recorded::Settings::default() };
    let mut log = Log::open("log", Box::new(Cursor::new(text.to_owned())), settings).expect("a log");
    read(&mut log, lenses, &Progress::default()).expect("a whole log")
}

/// Everything that a report is made of.
fn told(sorted: &Sorted, lenses: &Lenses<'_>) -> String {
    let settings = Settings { seed: 7, ..Settings::default() };
    let summaries = match streams("log", sorted, lenses, &settings).expect("streams") {
        Recorded::One(one) => vec![one.run(7, &Progress::default())],
        Recorded::Two(pair) => [&pair.before, &pair.now].map(|side| side.run(7, &Progress::default())).to_vec(),
    };
    let kinds: Vec<_> = sorted.kinds().collect();
    format!("{summaries:#?}\n{kinds:#?}\n{:#?} {}", sorted.read, sorted.lumped())
}

/// As it is written to a file and read back.
fn written(counted: &Counted) -> Counted {
    let text = serde_json::to_string(counted).expect("JSON");
    let again: Counted = serde_json::from_str(&text).expect("a tally");
    assert_eq!(serde_json::to_string(&again).expect("JSON"), text);
    again
}

fn meshes() -> Vec<(PathBuf, String)> {
    let log = |folder: PathBuf| {
        let text = std::fs::read_to_string(folder.join("requests.jsonl")).ok()?;
        (!text.trim().is_empty()).then_some((folder, text))
    };
    folders().into_iter().filter_map(log).collect()
}

/// The same lines three times over, each with an `id` of its own in front, which `sign` stands before.
fn thrice(text: &str, sign: &str) -> String {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Map<_, _>>(line).ok());
    let lines: Vec<_> = lines
        .map(|mut line| {
            line.remove("id");
            serde_json::to_string(&line).expect("JSON")
        })
        .collect();
    let numbered = lines.iter().cycle().take(3 * lines.len()).enumerate();
    numbered.map(|(n, line)| format!("{{\"id\":{sign}{}, {}\n", n + 1, line.trim_start_matches('{'))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]
    /// A number below 0 is none that is looked through, so that each of those lines is read for itself.
    #[test]
    fn lines_that_come_again_count_as_if_each_was_read(mesh: Index) {
        let all = meshes();
        prop_assume!(!all.is_empty());
        let (folder, text) = mesh.get(&all);
        let Some(now) = open(folder) else { return Ok(()) };
        let Some(first) = now.proxies.first().map(|p| p.name.clone()) else { return Ok(()) };
        let switches = Switches::default();
        let lenses = Lenses::of_meshes(Some(vec![first]), (&now, None), "default", &switches);
        let [again, each] = ["", "-"].map(|sign| sorted(&thrice(text, sign), &lenses, Format::JsonLines));
        if each.read.requests > 0 {
            // Those that can't be read are shown as they are.
            prop_assert_eq!((again.read.requests, again.read.bad), (each.read.requests, each.read.bad));
            let [again, each] = [again, each].map(|mut sorted| {
                sorted.read.bad_lines.clear();
                told(&sorted, &lenses)
            });
            prop_assert!(again == each, "{}", folder.display());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]
    #[test]
    fn any_split_of_a_log_gives_the_same_report(
        mesh: Index,
        older: Option<Index>,
        parts in proptest::collection::vec(0usize..6, 40),
        order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle(),
        by_twos: bool,
        by_everybody: bool,
    ) {
        let all = meshes();
        prop_assume!(!all.is_empty());
        let (folder, text) = mesh.get(&all);
        let Some(now) = open(folder) else { return Ok(()) };
        let before: Option<Workspace> = older.and_then(|i| open(&i.get(&all).0));
        let Some(first) = now.proxies.first().map(|p| p.name.clone()) else { return Ok(()) };
        let switches = Switches::default();
        let lenses = Lenses::of_meshes(Some(vec![first]).filter(|_| !by_everybody), (&now, before.as_ref()), "default", &switches);
        let whole = sorted(text, &lenses, Format::JsonLines);
        if whole.read.requests == 0 {
            return Ok(());
        }
        // Not only pieces: whichever lines.
        let mut pieces = vec![String::new(); 6];
        for (line, part) in text.lines().zip(parts.iter().cycle()) {
            pieces[*part].push_str(line);
            pieces[*part].push('\n');
        }
        let tallies = order.iter().map(|i| written(&Counted::of(&sorted(&pieces[*i], &lenses, Format::JsonLines))));
        let mut tallies: Vec<Counted> = tallies.collect();
        if by_twos {
            tallies = tallies
                .chunks(2)
                .map(|two| {
                    let mut sum = Sorted::default();
                    two.iter().for_each(|part| sum.merge(part.clone().read().expect("a tally")));
                    sum.finish();
                    written(&Counted::of_merged(&sum))
                })
                .collect();
        }
        let mut sum = Sorted::default();
        tallies.into_iter().for_each(|part| sum.merge(part.read().expect("a tally")));
        sum.finish();
        prop_assert_eq!(&Counted::of_merged(&sum), &Counted::of(&whole), "{}", folder.display());
        let merged = placed(sum, &lenses).expect("the same mesh");
        prop_assert!(told(&merged, &lenses) == told(&whole, &lenses), "{}", folder.display());
    }
}

/// Members of a class that are looked at one by one, and lines of a log.
const MEMBERS: usize = 3;
const LINES: usize = 12;

/// What a line that names no proxy counts for a client is what it counts for each member by itself: all that it has the host of.
#[test]
fn lines_of_nobody_count_for_each_client_as_for_itself() {
    let (mut members, mut counted) = (0, 0);
    for (folder, text) in meshes() {
        let Some(w) = open_any(&folder, |text| text) else { continue };
        let switches = Switches::default();
        let all = Lenses::of_meshes(None, (&w, None), "default", &switches);
        let lines: Vec<String> = text
            .lines()
            .take(LINES)
            .map(|line| {
                let mut line: serde_json::Value = serde_json::from_str(line).expect("a line");
                line.as_object_mut().expect("an object").remove("proxy");
                line.to_string()
            })
            .collect();
        let requests: Vec<_> = lines.iter().map(|line| (line, request_text::parse_json_lines(line).0)).collect();
        let served =
            |lens: &super::Lens, requests: &[crate::envoy::request::Request]| requests.iter().any(|r| lens.serves(r));
        let heads: Vec<_> = all.defaults.iter().filter_map(|name| all.get(name)).collect();
        // Where nobody has a host, the first is asked.
        let of_somebody: Vec<_> = requests.iter().filter(|(_, r)| heads.iter().any(|lens| served(lens, r))).collect();
        let log = |lines: &mut dyn Iterator<Item = &String>| lines.fold(String::new(), |log, line| log + line + "\n");
        let together = sorted(&log(&mut of_somebody.iter().map(|(line, _)| *line)), &all, Format::JsonLines);
        for name in &all.defaults {
            let (points, classes) = all.classes(name).expect("clients that it stands for");
            let of_class: Vec<_> = together.kinds().filter(|kind| kind.proxy == *name).map(counts).collect();
            for proxy in classes.iter().flat_map(|i| points.classes[*i].proxies.iter().take(MEMBERS)) {
                let alone = Lenses::of_meshes(Some(vec![proxy.name.clone()]), (&w, None), "default", &switches);
                let lens = alone.get(&proxy.name).expect("a proxy");
                let own = log(&mut of_somebody.iter().filter(|(_, r)| served(&lens, r)).map(|(line, _)| *line));
                let by_itself = sorted(&own, &alone, Format::JsonLines);
                let by_itself: Vec<_> = by_itself.kinds().map(counts).collect();
                assert_eq!(of_class, by_itself, "{}: {} of {name}", folder.display(), proxy.name);
                members += 1;
                counted += by_itself.len();
            }
        }
    }
    assert!(members > 500 && counted > 1000, "{members} members, {counted} kinds");
}

/// All that is said of a kind, but for whose it is.
fn counts(kind: &super::Kind) -> String {
    format!("{:?} {:?} {} {} {:?}", kind.request, kind.client, kind.alike, kind.count, kind.went)
}
