//! What holds for every lesson.

use std::collections::BTreeSet;
use std::path::Path;

use super::about::Asks;
use super::*;
use crate::tool::rules;

/// Every lesson in every language, with the words of that language.
fn all() -> Vec<(&'static str, Lesson, Words)> {
    let mut all = Vec::new();
    for language in languages() {
        let words = words(language).expect("it is one").unwrap_or_else(|refused| panic!("{}", places(&refused)));
        for place in 0..shelf().lessons.len() {
            let lesson = open(place, language).expect("it is there");
            let lesson = lesson.unwrap_or_else(|refused| panic!("{}", places(&refused)));
            all.push((language, lesson, words.clone()));
        }
    }
    all
}

/// `file:line:column: message` of each finding.
fn places(refused: &Refused) -> String {
    let place =
        |f: &Finding| format!("{}:{}:{}: {}", refused.sources.name(f.at.file), f.at.line, f.at.column, f.message);
    refused.findings.iter().map(place).collect::<Vec<_>>().join("\n")
}

fn code(blocks: &[Block]) -> BTreeSet<&str> {
    let spans = blocks.iter().flat_map(Block::spans);
    spans.filter(|span| span.look == Look::Code).map(|span| span.text.as_str()).collect()
}

fn parts(text: &Text) -> [&[Block]; 4] {
    [&text.intro, &text.question, &text.why, &text.remember]
}

#[test]
fn every_lesson_claims_what_the_engine_answers_and_what_misleads_is_wrong() {
    let all = all();
    assert!(all.len() >= 2 * 20, "only {} lessons", all.len());
    let wrong: Vec<String> = all
        .iter()
        .filter_map(|(_, lesson, words)| lesson.answer(words).err().map(|refused| places(&refused)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (_, lesson, words) in &all {
        let answered = lesson.answer(words).expect("it was answered above");
        assert_ne!(answered.right, answered.tempting, "{}", lesson.name);
        assert!((2..=7).contains(&answered.choices.len()), "{}: {:?}", lesson.name, answered.choices);
        assert!(answered.taken.iter().all(|t| !t.decision.steps.is_empty()), "{}: there is no ladder", lesson.name);
    }
}

/// The texts speak of the very answer that is computed, and of the one that misleads: neither can drift away from the engine.
#[test]
fn every_text_names_the_answer_and_what_one_would_expect() {
    let mut wrong = Vec::new();
    for (language, lesson, words) in all() {
        let named = code(&lesson.text.why);
        for what in [&lesson.about.answer.text, &lesson.about.tempting.text] {
            if !named.contains(what.as_str()) {
                wrong.push(format!("{}/{language}.md: `{what}` is not named under {}", lesson.name, words.why));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_languages_have_the_same_parts_and_name_the_same_things() {
    let kinds = |blocks: &[Block]| blocks.iter().map(|b| matches!(b, Block::Paragraph(_))).collect::<Vec<_>>();
    let first: Vec<Lesson> = all().into_iter().take(shelf().lessons.len()).map(|(_, lesson, _)| lesson).collect();
    let mut wrong = Vec::new();
    for (language, lesson, words) in all() {
        let model = &first[lesson.number - 1].text;
        assert_eq!(lesson.text.headings, [words.question, words.why, words.remember], "{}/{language}.md", lesson.name);
        for (part, other) in parts(&lesson.text).into_iter().zip(parts(model)) {
            assert_eq!(kinds(part), kinds(other), "{}/{language}.md", lesson.name);
            if code(part) != code(other) {
                let odd: Vec<_> = code(part).symmetric_difference(&code(other)).copied().collect();
                wrong.push(format!("{}/{language}.md: in one text alone: {odd:?}", lesson.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_of_a_lesson_is_cited_and_every_cited_one_is_written_down() {
    for (language, lesson, _) in all() {
        let cited: BTreeSet<&str> = code(&lesson.text.why).into_iter().filter(|text| rules::is_id(text)).collect();
        let named: BTreeSet<&str> = lesson.about.rules.iter().map(|rule| rule.as_str()).collect();
        assert_eq!(cited, named, "{}/{language}.md beside lesson.yaml", lesson.name);
        assert!(!named.is_empty(), "{}", lesson.name);
        named.iter().for_each(|rule| assert!(rules::find(rule).is_some(), "{}: {rule} is no rule", lesson.name));
    }
}

#[test]
fn links_lead_to_the_lessons_own_files() {
    for (language, lesson, _) in all() {
        let links = parts(&lesson.text).into_iter().flatten().flat_map(Block::spans).filter_map(|s| s.link.as_ref());
        for link in links {
            let is_own = lesson.files.iter().any(|(name, _)| name == link);
            assert!(is_own, "{}/{language}.md: {link}", lesson.name);
        }
    }
}

#[test]
fn every_file_of_the_folder_is_in() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("lessons");
    let walk = walkdir::WalkDir::new(&root).sort_by_file_name().into_iter().filter_map(Result::ok);
    let files =
        walk.filter(|e| e.file_type().is_file()).filter_map(|e| Some(e.path().strip_prefix(&root).ok()?.to_owned()));
    let on_disk: BTreeSet<String> = files.map(|f| f.to_string_lossy().replace('\\', "/")).collect();
    let mut compiled: BTreeSet<String> = languages().map(|code| format!("{code}.yaml")).collect();
    compiled.insert("README.md".to_owned());
    for (lesson, number) in shelf().lessons.iter().zip(1..) {
        assert!(lesson.name.starts_with(&format!("{number:02}-")), "{} is the lesson {number}", lesson.name);
        assert!(lesson.texts.iter().map(|(code, _)| *code).eq(languages()), "{}", lesson.name);
        let texts = lesson.texts.iter().map(|(code, _)| format!("{code}.md"));
        let files = lesson.files.iter().map(|(name, _)| (*name).to_owned());
        compiled.extend(texts.chain(files).chain(["lesson.yaml".to_owned()]).map(|f| format!("{}/{f}", lesson.name)));
    }
    assert_eq!(compiled, on_disk);
}

#[test]
fn lessons_are_found_by_number_name_and_beginning() {
    assert_eq!(find("1"), Some(0));
    assert_eq!(find("undefined-subset"), find("11-undefined-subset"));
    assert_eq!(find("undef"), find("undefined-subset"));
    for unknown in ["", "0", "99", "-1", "nothing", "re"] {
        assert_eq!(find(unknown), None, "{unknown}");
    }
}

const ABOUT: &str = "apiVersion: towtank/v1\nkind: Lesson\nrequest: GET http://shop/\nasks: end\nanswer: shop\nroute: 0\ntempting: 404 NR\n";
const TEXT: &str = "# T\n\ni\n\n## Question\n\nq\n\n## Why\n\nw\n\n## Remember\n\nr\n";
const FILES: &[(&str, &str)] = &[(
    "services.yaml",
    "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {selector: {app: shop}, ports: [{name: http, port: 80}]}\n",
)];

/// What is said of a lesson that is like the one above but for this replacement in `lesson.yaml`.
fn said(of: &str, instead: &str) -> String {
    assert!(ABOUT.contains(of), "{of}");
    let about: &'static str = ABOUT.replace(of, instead).leak();
    let source = Source { name: "01-shop", about, texts: &[("en", TEXT)], files: FILES };
    let words = words("en").expect("it is one").expect("it is good");
    let answered = Lesson::read(&source, 1, "en").and_then(|lesson| lesson.answer(&words));
    answered.map_or_else(|refused| places(&refused), |_| String::new())
}

#[test]
fn a_lesson_that_claims_what_is_not_so_is_refused_with_its_place() {
    assert_eq!(said("shop", "shop"), "");
    for (of, instead, message) in [
        (
            "answer: shop",
            "answer: 503 NC",
            "lesson.yaml:5:9: the lesson claims `503 NC`, and the engine answers `shop`",
        ),
        ("route: 0", "route: 1", "lesson.yaml:6:8: the lesson claims that route 1 takes the request, and route 0 does"),
        ("tempting: 404 NR", "tempting: shop", "lesson.yaml:7:11: `shop` should mislead, and is right"),
        (
            "tempting: 404 NR",
            "tempting: v3",
            "lesson.yaml:7:11: `v3` is none of the choices: `shop`, `404 NR`, `503 NC`",
        ),
        ("route: 0", "choices: [404 NR, 503 NC]", "lesson.yaml:5:9: `shop`, which is right, is none of the choices"),
        ("route: 0", "choices: [shop, 404 NR, shop]", "lesson.yaml:6:25: `shop` can be chosen twice"),
        ("asks: end", "asks: ends", "lesson.yaml:4:7: `ends` is nothing that can be asked"),
        ("asks: end", "asks: share", "the lesson has no `of`"),
        ("asks: end", "asks: fails", "scenario.yaml has one stream where something is counted, and here are 0"),
        ("asks: end", "asks: order", "an order is of two steps, and scenario.yaml has 0"),
        ("GET http://shop/", "GET http://", "lesson.yaml:3:10: "),
        ("route: 0", "rout: 0", "unknown field `rout`"),
        ("route: 0", "proxy: nobody", "nobody"),
        ("kind: Lesson", "kind: Course", "lesson.yaml:2:7: `kind` must be `Lesson`"),
    ] {
        let said = said(of, instead);
        assert!(said.contains(message), "{instead}: {said}");
    }
}

/// The end of a request to a host with this rule.
fn end_of(rule: &str, files: &str) -> String {
    let rule = format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop}}\nspec:\n  hosts: [shop]\n  http:\n  - {rule}\n---\n{}{files}",
        FILES[0].1
    );
    let files: &'static [(&str, &str)] = vec![("rule.yaml", &*rule.leak())].leak();
    let source = Source { name: "01-shop", about: ABOUT, texts: &[("en", TEXT)], files };
    let lesson = Lesson::read(&source, 1, "en").unwrap_or_else(|refused| panic!("{}", places(&refused)));
    let taken = mesh::Opened::new(&lesson, &[]).and_then(|opened| opened.decide(&lesson, None));
    let taken = taken.unwrap_or_else(|refused| panic!("{}", places(&refused)));
    ends::of_decision(&taken.decision, taken.router.table())
}

#[test]
fn ends_are_told_in_the_words_of_logs() {
    const ABORT: &str =
        "fault: {abort: {httpStatus: 418, percentage: {value: 100}}}, route: [{destination: {host: shop}}]";
    const TWO_PORTS: &str = "---\napiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: store}\nspec: {ports: [{name: http, port: 80}, {name: http-2, port: 81}]}\n";
    let two = "route: [{destination: {host: shop}, weight: 1}, {destination: {host: nobody}, weight: 3}]";
    for (rule, files, end) in [
        ("route: [{destination: {host: shop}}]", "", "shop"),
        ("route: [{destination: {host: shop, subset: v9}}]", "", "503 NC"),
        (two, "", "25 % shop, 75 % 503 NC"),
        (ABORT, "", "418 FI"),
        (&ABORT.replace("100", "50"), "", "50 % 418 FI, 50 % shop"),
        ("directResponse: {status: 202}", "", "202"),
        ("redirect: {authority: new.example}", "", "301 http://new.example/"),
        ("match: [{uri: {prefix: /a}}], route: [{destination: {host: shop}}]", "", "404 NR"),
        (
            "route: [{destination: {host: cart.store.svc.cluster.local, port: {number: 80}}}]",
            TWO_PORTS,
            "cart.store:80",
        ),
    ] {
        assert_eq!(end_of(&format!("{{{rule}}}"), files), end, "{rule}");
    }
}

#[test]
fn every_kind_of_question_is_asked() {
    let asked: BTreeSet<String> = all().iter().map(|(_, lesson, _)| format!("{:?}", lesson.about.asks)).collect();
    let known = [Asks::End, Asks::Arrives, Asks::Share, Asks::Load, Asks::Fails, Asks::Balancer, Asks::Order];
    assert_eq!(asked, known.iter().map(|asks| format!("{asks:?}")).collect());
}
