//! Laws that hold for every text.

use proptest::prelude::*;

use super::*;

/// Pieces of YAML that mean something, so that random texts get far.
const PIECES: &[&str] = &[
    "a",
    "b: ",
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    " ",
    "\t",
    "? ",
    ": ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "&x ",
    "*x",
    "<<: ",
    "!!str ",
    "! ",
    "!",
    "\"",
    "'",
    "\\",
    "\\n",
    "\\x4",
    "|\n",
    ">-\n",
    "|2\n",
    "# c\n",
    "#",
    "---\n",
    "--- a\n",
    "...\n",
    "%YAML 1.1\n",
    "0x1f",
    "1.5",
    "yes",
    "~",
    "é",
    "😀",
    "\u{2028}",
    "\u{85}",
    "\u{feff}",
    "\r\n",
    "\r",
    "\0",
    "\u{7f}",
    "{\"a\": 1}",
    "\"k\": ",
    "\\u00e9",
    "@",
    "key: value\n",
    "- item\n",
];

fn text_of_pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Checks a span: inside of `outer`, and on character boundaries of the text.
fn check_span(text: &str, span: Span, outer: Span) {
    assert!(outer.start <= span.start && span.start <= span.end && span.end <= outer.end, "{span:?} in {outer:?}");
    assert!(text.get(span.start as usize..span.end as usize).is_some(), "{span:?}");
}

fn check_node(text: &str, node: &Node<'_>, outer: Span) {
    check_span(text, node.span, outer);
    match &node.value {
        Value::Float(number) => assert!(number.is_finite()),
        Value::Seq(items) => items.iter().for_each(|item| check_node(text, item, outer)),
        Value::Map(entries) => {
            for entry in entries {
                check_span(text, entry.key_span, outer);
                check_node(text, &entry.value, outer);
            }
            let mut keys: Vec<_> = entries.iter().map(|entry| &entry.key).collect();
            keys.sort();
            assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "keys are unique");
        }
        _ => {}
    }
}

/// Reads all there is, and checks what has to hold for it.
fn check(text: &str) {
    let index = LineIndex::new(text);
    let mut end = 0;
    for raw in documents(text) {
        assert!(raw.start >= end, "documents are in order");
        end = raw.start + raw.text.len() as u32;
        let outer = Span::new(raw.start, end);
        let problems = match parse(&raw, &Limits::default()) {
            Ok(None) => Vec::new(),
            Ok(Some(document)) => {
                check_node(text, &document.root, outer);
                for span in document.comments {
                    check_span(text, span, outer);
                    assert!(span.slice(text).starts_with('#'));
                }
                document.problems
            }
            Err(problems) => {
                assert!(!problems.is_empty());
                problems
            }
        };
        for problem in problems {
            check_span(text, problem.span, outer);
            let position = index.position(problem.span.start);
            assert!(position.line >= 1 && position.line <= index.line_count());
        }
    }
}

/// A value that both readers read alike, as the tree to be written.
fn plain_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i32>().prop_map(serde_json::Value::from),
        (-1e6..1e6f64).prop_map(serde_json::Value::from),
        "[ -~]{0,12}".prop_map(serde_json::Value::from),
        "[a-zé😀\n ]{0,20}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-z][a-z/. -]{0,6}[a-z]", inner, 0..5)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Words that only YAML 1.1 takes for booleans or numbers stand bare in what a YAML 1.2 library
/// writes.
fn is_read_differently(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => !matches!(scalar::resolve(text), scalar::Scalar::Str),
        serde_json::Value::Array(items) => items.iter().any(is_read_differently),
        serde_json::Value::Object(map) => {
            map.iter().any(|(key, value)| is_read_differently(&key.as_str().into()) || is_read_differently(value))
        }
        _ => false,
    }
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_text_is_read_without_a_panic(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_mixture_of_yaml_is_read_without_a_panic(text in text_of_pieces()) {
        check(&text);
    }

    #[test]
    fn what_serde_yaml_writes_is_read_as_it_was(value in plain_value()) {
        prop_assume!(!is_read_differently(&value));
        let text = serde_yaml::to_string(&value).expect("can be written");
        let again: serde_json::Value = serde_yaml::from_str(&text).expect("can be read");
        let documents = documents(&text);
        let document = parse(&documents[0], &Limits::default()).expect("valid");
        let ours = document.map_or(serde_json::Value::Null, |document| document.root.to_json());
        prop_assert_eq!(&ours, &again, "{}", text);
    }

    #[test]
    fn json_is_read_as_serde_json_reads_it(value in plain_value()) {
        let text = serde_json::json!({"value": value}).to_string();
        let document = read(&text);
        let expected: serde_json::Value = serde_json::from_str(&text).expect("valid");
        prop_assert_eq!(document.root.to_json(), expected);
    }

    #[test]
    fn any_text_in_double_quotes_comes_back(text in any::<String>()) {
        let quoted = serde_json::to_string(&text).expect("can be written");
        let document = format!("a: {quoted}\n");
        // JSON may hold characters bare that YAML 1.1 takes for line breaks or refuses.
        let is_plain = |c: char| {
            matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{fefe}' | '\u{10000}'..)
        };
        prop_assume!(text.chars().all(is_plain));
        let document = read(&document);
        prop_assert_eq!(document.root.get("a").and_then(Node::as_str), Some(text.as_str()));
    }
}
