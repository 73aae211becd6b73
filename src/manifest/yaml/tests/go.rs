//! Documents and streams as Go reads them.
//!
//! `documents.jsonl` holds what `YAMLToJSON` and `YAMLToJSONStrict` of sigs.k8s.io/yaml 1.6.0 made
//! of each text (which got the line break at its end that kubectl's line reader adds);
//! `streams.jsonl` what the `YAMLOrJSONDecoder` of k8s.io/apimachinery 0.34 found in each, empty
//! documents left out. The first part of the former is chosen by hand, the rest are random texts.

use serde_json::Value as Json;

use super::*;

/// Whether two values are the same to a JSON reader, which has one kind of number.
fn is_same(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same(left, right))
        }
        (Json::Object(left), Json::Object(right)) => {
            let is_there = |(key, value)| right.get(key).is_some_and(|other| is_same(value, other));
            left.len() == right.len() && left.iter().all(is_there)
        }
        _ => left == right,
    }
}

fn records(lines: &str) -> Vec<Json> {
    lines.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
}

/// The value of a document with what strict readers refuse about it, or why it cannot be read.
type Outcome = Result<(Json, Vec<Problem>), Vec<Problem>>;

/// What is there of a text: the values of its documents, or what is wrong with them.
fn outcomes(text: &str) -> Vec<Outcome> {
    documents(text)
        .iter()
        .filter_map(|raw| match parse(raw, &Limits::default()) {
            Ok(None) => None,
            Ok(Some(document)) => Some(Ok((document.root.to_json(), document.problems))),
            Err(problems) => Some(Err(problems)),
        })
        .collect()
}

#[test]
fn documents_are_read_as_go_reads_them() {
    for record in records(include_str!("documents.jsonl")) {
        let text = record["text"].as_str().expect("a text");
        let outcomes = outcomes(text);
        assert!(outcomes.len() <= 1, "{text:?} is one document");
        match outcomes.into_iter().next() {
            None => assert_eq!(record.get("json"), Some(&Json::Null), "{text:?}"),
            Some(Err(problems)) => {
                assert!(record.get("refused").is_some(), "{text:?}: {problems:?}");
                assert!(!problems.is_empty());
                assert!(problems.iter().all(|problem| !problem.strict_only));
            }
            Some(Ok((json, problems))) => {
                let expected = record.get("json").unwrap_or_else(|| panic!("{text:?} is refused"));
                assert!(is_same(&json, expected), "{text:?}: {json} is not {expected}");
                assert_eq!(!problems.is_empty(), record.get("strict").is_some(), "{text:?}");
                assert!(problems.iter().all(|problem| problem.strict_only));
            }
        }
    }
}

#[test]
fn streams_are_split_as_kubectl_splits_them() {
    for record in records(include_str!("streams.jsonl")) {
        let text = record["text"].as_str().expect("a text");
        let expected = record["documents"].as_array().expect("documents");
        let outcomes = outcomes(text);
        // kubectl stops at the first problem; what comes behind it is read here all the same.
        let good: Vec<_> = outcomes.iter().map_while(|outcome| outcome.as_ref().ok()).collect();
        assert_eq!(good.len() < outcomes.len(), record.get("refused").is_some(), "{text:?}");
        // A bad separator costs kubectl the document before it.
        let is_complete = record.get("refused").is_none();
        assert!(good.len() >= expected.len() && (!is_complete || good.len() == expected.len()), "{text:?}");
        for ((json, _), expected) in good.into_iter().zip(expected) {
            assert!(is_same(json, expected), "{text:?}: {json} is not {expected}");
        }
    }
}

/// The value of the key `a` as JSON.
fn value_of(text: &str) -> Json {
    read(text).root.to_json()["a"].clone()
}

#[test]
fn words_are_booleans_as_values_and_as_keys() {
    for (text, expected) in [("yes", true), ("on", true), ("y", true), ("n", false), ("Off", false)] {
        assert_eq!(value_of(&format!("a: {text}")), Json::Bool(expected), "{text}");
    }
    assert!(read("{x: 1, y}").root.get("true").is_some_and(Node::is_null));
    assert!(read("yes: 1").root.get("true").is_some());
    assert_eq!(value_of("a: 'yes'"), Json::from("yes"));
    assert_eq!(value_of("a: !!str yes"), Json::from("yes"));
}

#[test]
fn numbers_are_those_of_yaml_1_1() {
    for (text, expected) in
        [("0777", 511), ("-0777", -511), ("0o777", 511), ("0b101", 5), ("1_000", 1000), ("1__0", 10), ("00", 0)]
    {
        assert_eq!(value_of(&format!("a: {text}")), Json::from(expected), "{text}");
    }
    assert_eq!(value_of("a: 08"), Json::from(8.0));
    assert_eq!(value_of("a: 1.10"), Json::from(1.1));
    for text in ["1E400", "2001-01-01", "12:30:45"] {
        assert_eq!(value_of(&format!("a: {text}")), Json::from(text));
    }
    assert_eq!(refuse("a: .inf")[0].kind, ProblemKind::Value);
    assert_eq!(refuse("a: .nan")[0].kind, ProblemKind::Value);
}

#[test]
fn numbers_keep_their_spelling_in_the_text() {
    let text = "exact: 1.10\nmode: 0644\n";
    let document = read(text);
    assert_eq!(document.root.get("exact").expect("is there").span.slice(text), "1.10");
    assert_eq!(document.root.get("mode").expect("is there").span.slice(text), "0644");
}

#[test]
fn of_a_key_that_comes_twice_the_last_value_counts() {
    let document = read("a: 1\nb: 2\na: 3\n");
    assert_eq!(document.root.to_json(), serde_json::json!({"a": 3, "b": 2}));
    let [problem] = document.problems.as_slice() else {
        panic!("{:?}", document.problems);
    };
    assert_eq!((problem.kind, problem.span), (ProblemKind::DuplicateKey, Span::new(10, 11)));
    assert!(problem.strict_only);
}

#[test]
fn a_merge_overwrites_the_keys_before_it_and_yields_to_those_behind_it() {
    let document = read("x: &x {k: v}\na:\n  k: w\n  <<: *x\n");
    assert_eq!(document.root.to_json()["a"]["k"], "v");
    assert_eq!(document.problems[0].kind, ProblemKind::MergedKey);
    let document = read("x: &x {k: v}\na:\n  <<: *x\n  k: w\n");
    assert_eq!(document.root.to_json()["a"]["k"], "w");
    assert_eq!(document.problems[0].kind, ProblemKind::MergedKey);
    let document = read("x: &x {k: v, l: v}\ny: &y {k: w, m: w}\na:\n  <<: [*x, *y]\n");
    assert_eq!(document.root.to_json()["a"], serde_json::json!({"k": "v", "l": "v", "m": "w"}));
    let document = read("x: &x {k: v}\na:\n  <<: *x\n  l: w\n");
    assert_eq!(document.problems, []);
}

#[test]
fn keys_that_json_cannot_have_are_refused() {
    for text in ["~: v", "{a: b}: c", "? [a]\n: b\n", "18446744073709551615: a"] {
        assert_eq!(refuse(text)[0].kind, ProblemKind::Value, "{text}");
    }
}

#[test]
fn what_yaml_1_1_does_not_have_is_refused() {
    for text in ["%YAML 1.2\na: b\n", "a: \"\\/\"", "a:\n\tb: c\n", "a: *.example.com", "a: @x", "a: `x", "a: %x"] {
        assert_eq!(refuse(text)[0].kind, ProblemKind::Syntax, "{text}");
    }
}

/// The library alone would add no line break. But kubectl and Istio read through a line reader,
/// which ends every line.
#[test]
fn the_last_line_of_a_file_always_ends() {
    assert_eq!(value_of("a: |\n  text"), Json::from("text\n"));
    assert_eq!(value_of("a: |\n  text\n"), Json::from("text\n"));
    assert_eq!(value_of("a: |-\n  text"), Json::from("text"));
    assert_eq!(value_of("a: |+\n  text\n\n"), Json::from("text\n\n"));
}

#[test]
fn line_breaks_of_all_systems_are_read_alike() {
    for text in ["a: |\n  b\n  c\n", "a: |\r\n  b\r\n  c\r\n", "a: |\r\r\n  b\r\r\n  c\r\r\n"] {
        assert_eq!(value_of(text), Json::from("b\nc\n"), "{text:?}");
    }
}

/// Of a document that was read before, whether well or not, nothing is left in the buffers but their room.
#[test]
fn documents_are_the_same_in_buffers_that_others_had() {
    let records = records(include_str!("documents.jsonl"));
    let texts: Vec<&str> = records.iter().filter_map(|record| record["text"].as_str()).collect();
    let all: Vec<RawDocument<'_>> = texts.iter().flat_map(|text| documents(text)).collect();
    let mut buffers = Buffers::default();
    for raw in all.iter().chain(all.iter().rev()) {
        let again = parse_with(raw, &Limits::default(), &mut buffers);
        assert_eq!(again, parse(raw, &Limits::default()), "{:?}", raw.text);
    }
}
