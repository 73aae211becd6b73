//! Texts that are made to exhaust a reader: they have to be refused, or read, in little time, stack
//! and memory.

use std::fmt::Write as _;

use super::*;

fn kinds(text: &str) -> Vec<ProblemKind> {
    refuse(text).iter().map(|problem| problem.kind).collect()
}

#[test]
fn depth_is_limited_in_every_notation() {
    let many = 100_000;
    for text in [
        "[".repeat(many),
        "{a: ".repeat(many),
        "- ".repeat(many),
        "? ".repeat(many),
        "[{".repeat(many),
        "{\"a\":".repeat(many) + "1" + &"}".repeat(many),
    ] {
        let kinds = kinds(&text);
        assert_eq!(kinds.len(), 1);
    }
    let indented = (0..2000).fold(String::new(), |mut text, depth| {
        let _ = writeln!(text, "{}a:", " ".repeat(depth));
        text
    });
    assert_eq!(kinds(&indented), [ProblemKind::Limit]);
}

#[test]
fn depth_up_to_the_limit_is_read() {
    let depth = Limits::default().depth_max as usize;
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let text = nested(depth);
    assert_eq!(read(&text).root.kind_name(), "list");
    assert_eq!(kinds(&nested(depth + 1)), [ProblemKind::Limit]);
}

#[test]
fn aliases_count_with_their_depth() {
    // Each anchor holds the one before it, ten levels further in.
    let mut text = String::from("a0: &a0 x\n");
    for number in 1..20 {
        let _ = writeln!(text, "a{number}: &a{number} {}*a{}{}", "[".repeat(10), number - 1, "]".repeat(10));
    }
    assert_eq!(kinds(&text), [ProblemKind::Limit]);
}

#[test]
fn alias_bombs_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for number in 1..12 {
        let alias = format!("*a{}, ", number - 1).repeat(10);
        let _ = writeln!(text, "a{number}: &a{number} [{alias}]");
    }
    assert_eq!(kinds(&text), [ProblemKind::Limit]);
    // The same by merge keys.
    let mut text = String::from("a0: &a0 {x: 1}\n");
    for number in 1..40 {
        let before = number - 1;
        let _ = writeln!(text, "a{number}: &a{number} {{<<: [*a{before}, *a{before}], k{number}: *a{before}}}");
    }
    assert_eq!(kinds(&text), [ProblemKind::Limit]);
}

#[test]
fn ordinary_reuse_is_no_bomb() {
    let mut text = String::from("x: &x {a: 1, b: [1, 2, 3]}\nlist:\n");
    for _ in 0..5000 {
        text.push_str("- *x\n");
    }
    let document = read(&text);
    let list = document.root.get("list").and_then(Node::as_seq).expect("a list");
    assert_eq!(list.len(), 5000);
}

#[test]
fn nested_anchors_take_memory_once() {
    let text = (0..100).fold(String::new(), |mut text, number| {
        let _ = write!(text, "&a{number} [");
        text
    });
    let text = text + &"x, ".repeat(200_000) + &"]".repeat(100);
    assert_eq!(read(&text).root.kind_name(), "list");
}

#[test]
fn values_are_counted() {
    let limits = Limits { nodes_max: 10, ..Limits::default() };
    let count = |text: &str| match parse(&documents(text)[0], &limits) {
        Ok(_) => None,
        Err(problems) => Some(problems[0].kind),
    };
    assert_eq!(count("[1, 2, 3, 4, 5, 6, 7, 8, 9]"), None);
    assert_eq!(count("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"), Some(ProblemKind::Limit));
}

#[test]
fn large_objects_are_settled_quickly() {
    let mut text = String::new();
    for number in 0..100_000 {
        let _ = writeln!(text, "k{}: {number}", number % 50_000);
    }
    let document = read(&text);
    assert_eq!(document.root.as_map().expect("an object").len(), 50_000);
    assert_eq!(document.root.get("k7").and_then(Node::as_i64), Some(50_007));
    assert!(document.problems.len() <= 100);
}

#[test]
fn long_lines_and_scalars_are_read_in_linear_time() {
    for text in [
        "a: ".to_owned() + &"b ".repeat(1_000_000),
        "a: ".to_owned() + &"b\n ".repeat(1_000_000),
        "a: \"".to_owned() + &"b\\n".repeat(1_000_000) + "\"",
        "a: '".to_owned() + &"b\n\n ".repeat(1_000_000) + "'",
        "a: |\n".to_owned() + &"  b\n\n".repeat(1_000_000),
        "a: [".to_owned() + &"é, ".repeat(500_000) + "]",
        "# c\n".repeat(1_000_000) + "a: b\n",
        "a: &x b\n".to_owned() + &"c: *x\n".repeat(100_000),
    ] {
        assert!(read(&text).root.get("a").is_some());
    }
}

#[test]
fn keys_are_short_and_on_one_line() {
    let fits = "é".repeat(1023) + ": v";
    assert!(read(&fits).root.as_map().is_some());
    assert_eq!(kinds(&("k".repeat(1025) + ": v\n")), [ProblemKind::Syntax]);
    assert_eq!(kinds("\"a\n  b\": v\n"), [ProblemKind::Syntax]);
}
