//! Where problems are reported, and in which words.

use super::*;

/// Checks the text that a problem of the only document points at, its message, and a part of its
/// hint.
fn check(text: &str, at: &str, message: &str, hint: &str) {
    let problems = refuse(text);
    let [problem] = problems.as_slice() else {
        panic!("{text:?}: {problems:?}");
    };
    assert_eq!(problem.span.slice(text), at, "{text:?}: {problem:?}");
    assert_eq!(problem.message, message, "{text:?}");
    assert!(problem.hint.as_deref().is_some_and(|found| found.contains(hint)), "{text:?}: {problem:?}");
}

#[test]
fn text_that_needs_quotes() {
    check(
        "hosts: [*.example.com]\n",
        "*.example.com",
        "`*` begins an alias, and `*.example.com` is no name for one",
        "\"*.example.com\"",
    );
    check("a: @b\n", "@", "a value cannot start with `@`", "quotes");
    check("a: `b\n", "`", "a value cannot start with a back-quote", "quotes");
    check("a: b: c\n", ":", "a second `: ` on a line cannot make a key", "quotes");
    check("a: 'it's'\n", "s'", "this text stands behind a value that is complete", "twice");
    check("a: *b\n", "*b", "no anchor `&b` stands before this alias", "\"*b\"");
    check("a: - b\n", "-", "a list item cannot start here", "line of its own");
    check("a: .nan\n", ".nan", "the value is infinite or not a number, which JSON cannot express", "quotes");
}

#[test]
fn lines_that_are_indented_wrongly() {
    let goes_on = "this line goes on with the value of the line before, so that it cannot have a key";
    check("a: b\n c: d\n", ":", goes_on, "indent");
    check("a:b\nc: d\n", ":", goes_on, "a blank behind the `:`");
    check("a:\n  - b\n c: d\n", "c:", "a key of the object is expected here", "indent");
    check("- a\nb: c\n", "b:", "an item of the list, `- `, is expected here", "indent");
    check("a: b\n- c\n", "-", "a list item cannot stand among the keys of an object", "indent");
    check("a:\n\tb: c\n", "\t", "a tab cannot indent a line", "blanks");
    check(
        "a: b\nfoo bar\nc: d\n",
        "foo bar",
        "`foo bar` stands where a key is expected, and has no `: `",
        "key: value",
    );
    check("a: | b\n", "b", "text cannot stand behind `|` on its line", "next line");
}

#[test]
fn brackets_and_quotes_that_are_not_closed() {
    check("a: [b, c\nd: e\n", ":", "`,` or `]` is expected here", "close");
    check("a: {b: c\nd: e\n", ":", "`,` or `}` is expected here", "close");
    check("a: [b\n", "", "the text ends before the closing `]`", "close");
    check("a: \"b\nc: d\n", "\"", "the quotes are not closed", "close");
    check("a: \"\\d\"\n", "\\d", "`\\d` is no escape in double quotes", "single quotes");
}

#[test]
fn templates_that_are_not_rendered() {
    check("a: {{ .Values.b }}\n", "{ .Values.b }", "an object cannot be a key", "rendered first");
    check("{{- if .b }}\na: b\n{{- end }}\n", "-", "a value is expected here", "rendered first");
}

#[test]
fn problems_with_values_are_all_reported() {
    let text = "a: .inf\n~: b\nc: !!int x\n{}: d\n";
    let found: Vec<_> = refuse(text).iter().map(|problem| problem.span.slice(text)).collect();
    assert_eq!(found, [".inf", "~", "x", "{}"]);
}

#[test]
fn a_problem_leaves_the_other_documents_readable() {
    let text = "a: 1\n---\nb: [\n---\nc: 3\n--- d\n---\ne: 5\n";
    let found: Vec<_> = documents(text)
        .iter()
        .map(|raw| match parse(raw, &Limits::default()) {
            Ok(Some(document)) => Ok(document.root.span.slice(text)),
            Ok(None) => Ok(""),
            Err(problems) => Err((problems[0].span.start, problems[0].message.clone())),
        })
        .collect();
    let unclosed = "the text ends where a value is expected".to_owned();
    let separator = "a document separator `---` cannot be followed by `d` on its line".to_owned();
    assert_eq!(found, [Ok("a: 1"), Err((14, unclosed)), Ok("c: 3"), Err((23, separator)), Ok("e: 5")]);
}

#[test]
fn messages_are_one_line_in_lower_case_without_a_full_stop() {
    let texts = go_texts();
    for text in texts.iter().map(String::as_str) {
        for raw in documents(text) {
            let problems = match parse(&raw, &Limits::default()) {
                Ok(document) => document.map_or(Vec::new(), |document| document.problems),
                Err(problems) => problems,
            };
            for problem in problems {
                let lines = [Some(&problem.message), problem.hint.as_ref()];
                for line in lines.into_iter().flatten() {
                    assert!(!line.ends_with('.') && !line.contains(['\n', '\r']), "{text:?}: {line:?}");
                    assert!(!line.starts_with(char::is_uppercase), "{text:?}: {line:?}");
                }
            }
        }
    }
}

/// The texts of the recorded documents.
fn go_texts() -> Vec<String> {
    include_str!("documents.jsonl")
        .lines()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).expect("a record");
            record["text"].as_str().expect("a text").to_owned()
        })
        .collect()
}
