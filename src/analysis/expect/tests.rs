//! Header tests as Envoy evaluates them.

use super::judge::{text_holds, values};
use super::model::{TextKind, TextTest, Values};

fn holds(kind: TextKind, ignore_case: bool, invert: bool, value: Option<&str>) -> bool {
    text_holds(&TextTest { ignore_case, invert, ..TextTest::plain(kind) }, value.as_slice())
}

#[test]
fn s3_absent_headers_pass_only_where_absence_is_asked_for() {
    assert!(holds(TextKind::Absent, false, false, None));
    assert!(!holds(TextKind::Absent, false, false, Some("")));
    assert!(holds(TextKind::Present, false, true, None));
    assert!(holds(TextKind::Present, false, false, Some("")));
    assert!(!holds(TextKind::Exact("v".into()), false, true, None));
    assert!(holds(TextKind::Exact("v".into()), false, true, Some("w")));
}

#[test]
fn texts_and_numbers() {
    assert!(holds(TextKind::Prefix("AB".into()), true, false, Some("abc")));
    assert!(!holds(TextKind::Prefix("AB".into()), false, false, Some("abc")));
    assert!(holds(TextKind::Suffix("bc".into()), false, false, Some("abc")));
    assert!(holds(TextKind::Contains("b".into()), false, false, Some("abc")));
    for (value, inside) in [("-5", true), ("+3", true), ("10", false), ("3.0", false), ("", false)] {
        assert_eq!(holds(TextKind::Range(-5, 10), false, false, Some(value)), inside, "{value}");
    }
}

#[test]
fn s3_repeated_headers_are_joined_or_matched_one_by_one() {
    let headers = [("a", "1"), ("b", "2"), ("A", "3")];
    assert_eq!(values(headers.into_iter(), "a"), ["1", "3"]);
    assert!(values(headers.into_iter(), "c").is_empty());
    let exact = |text: &str, values| TextTest { values, ..TextTest::plain(TextKind::Exact(text.into())) };
    assert!(text_holds(&exact("1,3", Values::Joined), &["1", "3"]));
    assert!(!text_holds(&exact("1,3", Values::Each), &["1", "3"]));
    assert!(text_holds(&exact("3", Values::Each), &["1", "3"]));
    assert!(!text_holds(&TextTest { invert: true, ..exact("3", Values::Each) }, &["1", "3"]));
}

#[test]
fn s3_a_missing_header_may_count_as_empty() {
    let missing = |kind, invert| TextTest { invert, missing_is_empty: true, ..TextTest::plain(kind) };
    assert!(text_holds(&missing(TextKind::Exact("v".into()), true), &[]));
    assert!(!text_holds(&missing(TextKind::Exact("v".into()), false), &[]));
    assert!(text_holds(&missing(TextKind::Present, false), &[]));
    assert!(!text_holds(&missing(TextKind::Absent, false), &[]));
}
