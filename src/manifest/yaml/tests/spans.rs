//! Where nodes, keys and comments stand.

use super::*;

/// The text of the node at a path, and of the key that leads there.
fn check(text: &str, path: &str, value: &str, key: &str) {
    let document = read(text);
    let (node, key_span) = document.root.at(path).unwrap_or_else(|| panic!("{path}"));
    assert_eq!(node.span.slice(text), value, "{path} of {text:?}");
    assert_eq!(key_span.map_or("", |span| span.slice(text)), key, "{path} of {text:?}");
}

#[test]
fn scalars_span_what_is_written() {
    check("a: b c # d\n", "a", "b c", "a");
    check("a:  'it''s' \n", "a", "'it''s'", "a");
    check("'a': \"b\\n\"\n", "a", "\"b\\n\"", "'a'");
    check("a: b\n  c\n\nd: e\n", "a", "b\n  c", "a");
    check("a: |\n  b\n  c\n\nd: e\n", "a", "|\n  b\n  c", "a");
    check("a: >- # c\n  b\n", "a", ">- # c\n  b", "a");
    check("a: !!str &x 1\n", "a", "1", "a");
    check("é: ü\n", "é", "ü", "é");
}

#[test]
fn absent_values_stand_behind_their_key() {
    let text = "a:\nb: c\n";
    let document = read(text);
    let (node, _) = document.root.at("a").expect("is there");
    assert_eq!((node.span, node.is_null()), (Span::new(2, 2), true));
}

#[test]
fn lists_and_objects_end_with_their_last_value() {
    let text = "a:\n  b:\n  - c\n  - d: e  # f\n\n# g\nh: {i: [j, k]}\n";
    check(text, "a", "b:\n  - c\n  - d: e", "a");
    check(text, "a.b", "- c\n  - d: e", "b");
    check(text, "a.b[1]", "d: e", "");
    check(text, "h", "{i: [j, k]}", "h");
    check(text, "h.i", "[j, k]", "i");
    check("[a: b, c]\n", "[0]", "a: b", "");
}

#[test]
fn an_alias_spans_the_value_that_it_names() {
    let text = "a: &x {b: c}\nd: *x\ne:\n  <<: *x\n";
    check(text, "d", "{b: c}", "d");
    check(text, "d.b", "c", "b");
    check(text, "e.b", "c", "b");
    assert_eq!(read(text).root.at("d.b").expect("is there").0.span, Span::new(10, 11));
}

#[test]
fn spans_count_from_the_start_of_the_file() {
    let text = "\u{feff}a: b\r\n---\r\nc: d\r\n";
    let documents = documents(text);
    let second = parse(&documents[1], &Limits::default()).expect("valid").expect("not empty");
    assert_eq!(second.root.get("c").expect("is there").span.slice(text), "d");
    assert_eq!((second.index, second.span.slice(text)), (1, "c: d\r\n"));
}

#[test]
fn comments_are_kept_with_their_places() {
    let text = "# one\na: b # two\nc: |  # three\n  # text\nd: 'e # text'#four\n";
    let document = read(text);
    let comments: Vec<_> = document.comments.iter().map(|span| span.slice(text)).collect();
    assert_eq!(comments, ["# one", "# two", "# three", "#four"]);
}

#[test]
fn values_are_borrowed_from_the_text() {
    let document = read("a: b\n'c': \"d\"\n");
    for entry in document.root.as_map().expect("an object") {
        assert!(matches!(entry.key, std::borrow::Cow::Borrowed(_)));
        assert!(matches!(entry.value.value, Value::Str(std::borrow::Cow::Borrowed(_))));
    }
}

#[test]
fn trees_may_be_made_in_parallel() {
    fn is_send<T: Send + Sync>() {}
    is_send::<Document<'static>>();
    is_send::<RawDocument<'static>>();
    is_send::<Problem>();
}

#[test]
fn a_text_is_cut_into_documents_and_each_is_read_by_itself() {
    let text = "kind: A\n---\nkind: B\nspec: {ports: [80, 0x50]}\n";
    let pieces = documents(text);
    assert_eq!(pieces.len(), 2);
    let document = parse(&pieces[1], &Limits::default()).expect("valid").expect("not empty");
    let (port, _) = document.root.at("spec.ports[1]").expect("is there");
    assert_eq!(port.as_i64(), Some(80));
    assert_eq!(port.span.slice(text), "0x50");
}
