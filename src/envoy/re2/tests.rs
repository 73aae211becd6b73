//! Tables from RE2 and Go themselves: what they accept, how they complain, what they match.

use super::*;
use proptest::prelude::*;

/// Whether Envoy 1.40 would load `pattern`, apart from its limit on the program size.
fn check(pattern: &str) -> Result<(), Error> {
    Re2::new(pattern, Encoding::Latin1).map(drop)
}

/// A pattern, texts that match as a whole, texts that do not.
type MatchRow<'t> = (&'t str, &'t [&'t [u8]], &'t [&'t [u8]]);

fn check_full_matches(encoding: Encoding, table: &[MatchRow]) {
    for (pattern, yes, no) in table {
        let re = Re2::new(pattern, encoding).unwrap_or_else(|e| panic!("{pattern}: {e}"));
        for text in *yes {
            assert!(re.full_match(text), "{pattern} on {text:x?}");
        }
        for text in *no {
            assert!(!re.full_match(text), "{pattern} on {text:x?}");
        }
    }
}

fn latin1(pattern: &str) -> Re2 {
    Re2::new(pattern, Encoding::Latin1).unwrap_or_else(|e| panic!("{pattern}: {e}"))
}

/// Envoy-matching 2.3 and 2.4.
#[test]
fn rx_2_4_full_matches() {
    let table: &[MatchRow] = &[
        ("/a|/ab", &[b"/a", b"/ab"], &[b"/abc", b"x/a"]),
        (r"/abc\?x=1", &[b"/abc?x=1"], &[b"/abc"]),
        ("a.c", &[b"abc", b"a\xE9c"], &[b"a\xC3\xA9c", b"a\nc"]),
        ("a..c", &[b"a\xC3\xA9c"], &[b"a\xE9c"]),
        ("\u{e9}", &[b"\xC3\xA9"], &[b"\xE9"]),
        ("[\u{e9}]", &[b"\xC3", b"\xA9"], &[b"\xC3\xA9"]),
        (r"(?i)\xe9", &[b"\xE9"], &[b"\xC9"]),
        ("(?i)k", &[b"k", b"K"], &["\u{212a}".as_bytes()]),
        (r"\s", &[b" ", b"\t", b"\x0C"], &[b"\x0B", b"\xA0"]),
        (r"\d", &[b"7"], &["\u{663}".as_bytes()]),
        ("a$", &[b"a"], &[b"a\n"]),
        ("^a", &[b"a"], &[b"ba"]),
        ("(?m)a$\n^b", &[b"a\nb"], &[b"ab"]),
        ("(?s).", &[b"\n"], &[b""]),
        (r"\pL", &[b"a", b"\xE9", b"\xB5"], &[b"\xD7", b"1"]),
        (r"\p{Lu}", &[b"A", b"\xC9"], &[b"a", b"\xE9"]),
        (r"(?i)\p{Lu}", &[b"a", b"\xC9"], &[b"\xE9"]),
        (r"\p{Latin}", &[b"\xAA", b"z"], &[b"\xB5"]),
        (r"\p{Greek}", &[], &["\u{3b1}".as_bytes(), b"a"]),
        ("", &[b""], &[b"a"]),
        (r"a\b", &[b"a"], &[]),
        (r"\Ba", &[], &[b"a"]),
        // What stands behind a text asks what stands before it.
        (r"/a\b.*", &[b"/a", b"/a/b"], &[b"/ab", b"a"]),
        (r"^/a\B.*", &[b"/ab", b"/a_"], &[b"/a", b"/a/", b"/"]),
        ("/a(^b|/c)*", &[b"/a", b"/a/c"], &[b"/ab"]),
        ("(?m:\n^a*)", &[b"\n", b"\na"], &[b"a", b""]),
        ("/a(b$)?", &[b"/a", b"/ab"], &[b"/abb"]),
        ("^^/a+", &[b"/aa"], &[b"/", b"/ab"]),
    ];
    check_full_matches(Encoding::Latin1, table);
}

/// Appendix B.1: what RE2 has and the `regex` crate has not.
#[test]
fn rx_b1_only_re2_accepts() {
    let table: &[(&str, &[u8])] = &[
        (r"\C", b"\n"),
        (r"\Qa.b\Ec", b"a.bc"),
        (r"\Qa.*", b"a.*"),
        (r"\101\0\07\377", b"A\0\x07\xFF"),
        (r"\p{^L}", b"1"),
        ("a{", b"a{"),
        ("a{1", b"a{1"),
        ("a{x}", b"a{x}"),
        ("a{,3}", b"a{,3}"),
        ("(?P<n>a)(?P<n>b)", b"ab"),
        ("(?P<1a>x)", b"x"),
        ("(?<n>x)", b"x"),
        ("(?)a", b"a"),
        ("(?ii)a", b"A"),
        ("(?i-i)a", b"a"),
        ("a{100000000000}", b"a{100000000000}"),
        ("a*(?i)*", b"aa"),
        ("(?P<\u{ea}>x)", b"x"),
    ];
    for (pattern, text) in table {
        assert!(latin1(pattern).full_match(text), "{pattern}");
    }
}

/// Appendix B.3: what both accept and read differently.
#[test]
fn rx_b3_other_meanings() {
    let table: &[MatchRow] = &[
        (r"\<a", &[b"<a"], &[b"a"]),
        (r"a\>", &[b"a>"], &[b"a"]),
        (r"a\b{start}", &[b"a{start}"], &[b"a"]),
        ("[a-z&&[^b]]", &[b"c]", b"&]", b"[]", b"b]"], &[b"c"]),
        ("[a~~b]", &[b"a", b"~", b"b"], &[]),
        ("[&&a]", &[b"a", b"&"], &[]),
        ("[--a]", &[b"-", b"A", b"a"], &[b"b"]),
        ("[+--]", &[b",", b"+", b"-"], &[b"."]),
        ("[[a]]", &[b"a]", b"[]"], &[b"a"]),
        ("a{01}", &[b"a{01}"], &[b"a"]),
        ("a{ 1}", &[b"a{ 1}"], &[b"a"]),
        ("[a-a-z]", &[b"a", b"-", b"z"], &[b"b"]),
        ("[]a]", &[b"]", b"a"], &[]),
        ("[^]a]", &[b"b", b"\n"], &[b"]"]),
        ("(?U)a*", &[b"aa"], &[]),
        ("a||b", &[b"a", b"", b"b"], &[b"ab"]),
        ("x{0}", &[b""], &[b"x"]),
        ("^*", &[b""], &[]),
        (r"\_\-\/\#\&\~\%\@\:\!\=\,\;\`\ ", &[b"_-/#&~%@:!=,;` "], &[]),
    ];
    check_full_matches(Encoding::Latin1, table);
}

/// Appendix B.2 and what both refuse, with RE2's own words and the place.
#[test]
fn rx_b2_refusals() {
    let table: &[(&str, usize, &str)] = &[
        ("a(", 1, "missing ): a("),
        ("a)", 1, "unexpected ): a)"),
        ("b[a", 1, "missing ]: [a"),
        ("a**", 1, "bad repetition operator: **"),
        ("a*??*", 1, "bad repetition operator: *??"),
        ("a{1}{2}", 1, "bad repetition operator: {1}{2}"),
        ("a++", 1, "bad repetition operator: ++"),
        ("*", 0, "no argument for repetition operator: *"),
        ("a|*", 2, "no argument for repetition operator: *"),
        ("a{1001}", 1, "invalid repetition size: {1001}"),
        ("a{2,1}", 1, "invalid repetition size: {2,1}"),
        ("(a{100}){11}", 8, "invalid repetition size: {11}"),
        ("(((a{100}){0}){11})", 14, "invalid repetition size: {11}"),
        ("(?!a)", 0, "invalid perl operator: (?!"),
        ("(?<=a)", 0, "invalid perl operator: (?<="),
        ("(?x)a", 0, "invalid perl operator: (?x"),
        ("(?-u)a", 0, "invalid perl operator: (?-u"),
        ("(?-)", 0, "invalid perl operator: (?-)"),
        ("(?i-)", 0, "invalid perl operator: (?i-)"),
        ("(?>a)", 0, "invalid perl operator: (?>"),
        ("(?#a)", 0, "invalid perl operator: (?#"),
        ("(?P=n)", 0, "invalid perl operator: (?P"),
        ("(?P<a.b>x)", 0, "invalid named capture group: (?P<a.b>"),
        ("(?P<\u{e9}>x)", 0, "invalid named capture group: (?P<\u{e9}>"),
        ("(?<n", 0, "invalid named capture group: (?<n"),
        (r"a\", 2, r"trailing \"),
        (r"(a)\1", 3, r"invalid escape sequence: \1"),
        (r"\Z", 0, r"invalid escape sequence: \Z"),
        (r"\u0041", 0, r"invalid escape sequence: \u"),
        (r"\x{100}", 0, r"invalid escape sequence: \x{100"),
        (r"\400", 0, r"invalid escape sequence: \400"),
        (r"[\b]", 1, r"invalid escape sequence: \b"),
        (r"[a-\d]", 3, r"invalid escape sequence: \d"),
        ("[[:foo:]]", 1, "invalid character class range: [:foo:]"),
        ("[a--b]", 1, "invalid character class range: a--"),
        ("[z-a]", 1, "invalid character class range: z-a"),
        (r"\p{Letter}", 0, r"invalid character class range: \p{Letter}"),
        (r"\p{sc=Greek}", 0, r"invalid character class range: \p{sc=Greek}"),
        (r"\pX", 0, r"invalid character class range: \pX"),
        (r"\p{Cn}", 0, r"invalid character class range: \p{Cn}"),
    ];
    for (pattern, offset, message) in table {
        let found = check(pattern).expect_err(pattern);
        assert_eq!((found.offset, found.message.as_str()), (*offset, *message), "{pattern}");
    }
    for pattern in [r"\e", r"\c", r"\h", r"\R", r"\X", r"\N", r"\K", r"\G", "[a--]", "+", "?", "{1}", "[", "(?R)"] {
        assert!(check(pattern).is_err(), "{pattern}");
    }
}

/// Where Go, which Istio's admission uses, and RE2 differ: pattern, Go's complaint (empty: accepted), accepted by RE2.
#[test]
fn rx_go_differs_from_re2() {
    let table: &[(&str, &str, bool)] = &[
        (r"\C", r"invalid escape sequence: `\C`", true),
        (r"\x{100}", "", false),
        (r"\400", "", false),
        (r"\p{Letter}", "", false),
        (r"\p{greek}", "", false),
        (r"\p{Old_Italic}", r"invalid character class range: `\p{Old_Italic}`", true),
        (r"\p{Cn}", "", false),
        ("(?P<\u{ea}>x)", "invalid named capture: `(?P<\u{ea}>`", true),
        ("(?<=a)b", "invalid named capture: `(?<=a)b`", false),
        ("(?!a)", "invalid or unsupported Perl syntax: `(?!`", false),
        ("a{100000000000}", "invalid repeat count: `{100000000000}`", true),
        ("(((a{100}){0}){11})", "", false),
        ("a{1001}{2}", "invalid repeat count: `{1001}`", false),
        ("a**", "invalid nested repetition operator: `**`", false),
        ("a(", "missing closing ): `a(`", false),
        ("*", "missing argument to repetition operator: `*`", false),
        (r"a\", "trailing backslash at end of expression: ``", false),
        ("(?<n>a)", "", true),
        (r"\Qa*\E+", "", true),
    ];
    for (pattern, complaint, re2) in table {
        let found = check_go(pattern).err().map(|e| e.message).unwrap_or_default();
        let found = found.strip_prefix("error parsing regexp: ").unwrap_or(&found);
        assert_eq!(found, *complaint, "{pattern}");
        assert_eq!(check(pattern).is_ok(), *re2, "{pattern}");
    }
}

/// The older mode: characters are UTF-8, but the classes stay ASCII.
#[test]
fn rx_utf8_mode() {
    let table: &[MatchRow] = &[
        ("a.c", &[b"a\xC3\xA9c", b"abc"], &[b"a\xE9c"]),
        ("[\u{e9}]", &[b"\xC3\xA9"], &[b"\xC3", b"\xE9"]),
        ("(?i)\u{e9}", &["\u{c9}".as_bytes()], &[b"e"]),
        ("(?i)k", &["\u{212a}".as_bytes()], &[]),
        (r"\pL", &["\u{3b1}".as_bytes()], &[b"\xCE"]),
        (r"\w", &[b"a"], &["\u{e9}".as_bytes()]),
        (r"\C\C", &["\u{e9}".as_bytes(), b"\xFF\xFE"], &[]),
        (r"\x{3b1}", &["\u{3b1}".as_bytes()], &[]),
        (r"\PL", &[b"\xED\xA0\x80", b"1"], &[b"a"]),
        ("[^a]", &[b"\xE0\x80\x80", b"\xF4\xBF\xBF\xBF"], &[b"\xF5\x80\x80\x80", b"\xC0\x80"]),
    ];
    check_full_matches(Encoding::Utf8, table);
}

/// Envoy-matching 6.6: pattern, substitution, text, result; no result where nothing is replaced.
#[test]
fn rw_6_6_substitutions() {
    let table: &[(&str, &str, &str, Option<&str>)] = &[
        ("a*", "-", "/baac", Some("-/-b-c-")),
        ("(a)", r"[\q]", "/aXa", Some("/[X[")),
        ("a", r"b\", "/aXa", Some("/bXb")),
        ("(a)", r"\2", "/aXa", None),
        ("^/abc", "", "/abcd", Some("d")),
        (".*", "", "/abc", Some("")),
        ("/abc", "x", "/axb", None),
        ("(x)?a", r"<\1>", "/a", Some("/<>")),
        ("a|ab", "x", "ab", Some("xb")),
        (r"^/abc(/?)(.*)", r"/\2", "/abc", Some("/")),
        (r"^/abc(/?)(.*)", r"/\2", "/abc/", Some("/")),
        (r"^/abc(/?)(.*)", r"/\2", "/abc/d", Some("/d")),
        ("/(a+)/(b+)", r"/\2/\1$1\\", "/aa/b/c", Some(r"/b/aa$1\/c")),
    ];
    for (pattern, substitution, text, result) in table {
        let found = latin1(pattern).replace_all(text.as_bytes(), substitution);
        assert_eq!(found.as_deref(), result.map(str::as_bytes), "{pattern} {substitution} on {text}");
    }
}

/// Envoy-matching 2.4.7, and what RE2 itself said of others: pattern, instructions, whether we are sure.
#[test]
fn rx_2_4_7_program_sizes() {
    use ProgramSize::{Estimate, Exact};
    let table: &[(&str, ProgramSize)] = &[
        ("", Exact(4)),
        ("a{1000}", Exact(1004)),
        ("(a{500}){2}", Exact(1008)),
        ("((a{10}){10}){10}", Exact(1224)),
        ("/api/v[0-9]+/users/.*", Exact(21)),
        (r"\d{1,3}(\.\d{1,3}){3}", Exact(33)),
        ("[a-z]{1,63}", Exact(129)),
        ("(?i)abc", Exact(7)),
        (r"\w+", Exact(8)),
        (r"\pL{10}", Exact(74)),
        ("(.*a){20}", Exact(104)),
        (r"[\w.-]+@[\w.-]+", Exact(15)),
        ("a*", Exact(5)),
        ("a?b?c?d?", Exact(12)),
        (".*foo.*bar.*", Exact(16)),
        ("(?:ab|cd){2}", Estimate(12)),
        ("/abc$", Estimate(8)),
    ];
    for (pattern, size) in table {
        assert_eq!(latin1(pattern).program_size(), *size, "{pattern}");
    }
    let large = Re2::new("(?:abcdefgh){1000}".repeat(90).as_str(), Encoding::Latin1);
    assert_eq!(large.map_err(|e| e.message), Err("pattern too large - compile failed".to_owned()));
}

#[test]
fn deep_nesting_is_followed_or_refused() {
    let nested = |n: usize| format!("{}a{}", "(".repeat(n), ")?".repeat(n));
    assert!(latin1(&nested(400)).full_match(b"a"));
    assert_eq!(latin1(&nested(400)).replace_all(b"ba", r"<\1>").as_deref(), Some(b"<>b<a>".as_slice()));
    assert!(check(&nested(100_000)).is_err());
    assert!(latin1(&format!("{}a{}", "(?:".repeat(5000), ")".repeat(5000))).full_match(b"a"));
}

proptest! {
    /// Whatever is written, reading it ends in a program or in a complaint about a place inside the text.
    #[test]
    fn any_pattern_is_read(pattern in r"([a-cé\\(\[\]){}?*+|^$.:<>P,0-9Qpx-]|\\[a-zA-Z0-9]){0,24}", text in any::<Vec<u8>>()) {
        for encoding in [Encoding::Latin1, Encoding::Utf8] {
            match Re2::new(&pattern, encoding) {
                Ok(re) => {
                    let _ = re.full_match(&text);
                    let _ = re.replace_all(&text, r"<\1>");
                }
                Err(error) => prop_assert!(error.offset <= pattern.len()),
            }
        }
        if let Err(error) = check_go(&pattern) {
            prop_assert!(error.offset <= pattern.len());
        }
    }
}
