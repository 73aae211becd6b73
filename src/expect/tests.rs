//! Header tests as Envoy evaluates them.

use super::judge::{joined, text_holds};
use super::model::{TextKind, TextTest};

fn holds(kind: TextKind, ignore_case: bool, invert: bool, value: Option<&str>) -> bool {
    text_holds(&TextTest { kind, ignore_case, invert }, value)
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
fn repeated_headers_are_joined() {
    let headers = [("a", "1"), ("b", "2"), ("A", "3")];
    assert_eq!(joined(headers.into_iter(), "a").as_deref(), Some("1,3"));
    assert_eq!(joined(headers.into_iter(), "c"), None);
}
