//! Ranges of whole numbers as regexes: what a header's `range_match` takes (envoy-matching 3.3).

use smol_str::SmolStr;

/// Takes nothing: between two letters there is no end of a word.
const NOTHING: &str = r"a\bb";

/// RE2 of the decimal 64-bit numbers from `start` to below `end`, with or without a sign and leading zeros.
pub(super) fn range(start: i64, end: i64) -> SmolStr {
    if start >= end {
        return NOTHING.into();
    }
    let last = end - 1;
    let mut parts = Vec::new();
    if start < 0 {
        // Their amounts, from the nearest to zero.
        let least = if last < 0 { last.unsigned_abs() } else { 1 };
        let all = between(least, start.unsigned_abs());
        parts.push(format!("-0*(?:{all})"));
    }
    if last >= 0 {
        let all = between(start.max(0).unsigned_abs(), last.unsigned_abs());
        parts.push(format!("\\+?0*(?:{all})"));
        if start <= 0 {
            parts.push("-0+".to_owned());
        }
    }
    parts.join("|").into()
}

/// The numbers from `from` to `to`, both included, without leading zeros; zero is one digit.
fn between(from: u64, to: u64) -> String {
    let mut out = Vec::new();
    // Lengths of which all numbers are in, from the first to the last: they are one part.
    let mut whole: Option<(usize, usize)> = None;
    let mut low = from;
    // Numbers of as many digits, one length after the other.
    loop {
        let digits = low.to_string().len();
        let largest = u32::try_from(digits).ok().and_then(|digits| 10_u64.checked_pow(digits)).map(|power| power - 1);
        let high = largest.map_or(to, |largest| largest.min(to));
        let text = low.to_string();
        if Some(high) == largest && text.starts_with('1') && text.bytes().skip(1).all(|b| b == b'0') {
            whole = Some((whole.map_or(digits, |(first, _)| first), digits));
        } else {
            of_length(text.as_bytes(), high.to_string().as_bytes(), &mut String::new(), &mut out);
        }
        if high == to {
            break;
        }
        low = high + 1;
    }
    if let Some((first, last)) = whole {
        out.push(format!("[1-9][0-9]{{{},{}}}", first - 1, last - 1));
    }
    out.join("|")
}

/// The texts of digits from `low` to `high`, which are of one length, each behind `before`.
fn of_length(low: &[u8], high: &[u8], before: &mut String, out: &mut Vec<String>) {
    let any = |count: usize| match count {
        0 => String::new(),
        1 => "[0-9]".to_owned(),
        n => format!("[0-9]{{{n}}}"),
    };
    let digit = |from: u8, to: u8| match from == to {
        true => char::from(from).to_string(),
        false => format!("[{}-{}]", char::from(from), char::from(to)),
    };
    let (Some((&l, low)), Some((&h, high))) = (low.split_first(), high.split_first()) else {
        out.push(before.clone());
        return;
    };
    if l == h {
        before.push(char::from(l));
        of_length(low, high, before, out);
        before.pop();
        return;
    }
    let (full_low, full_high) = (low.iter().all(|d| *d == b'0'), high.iter().all(|d| *d == b'9'));
    if !full_low {
        before.push(char::from(l));
        of_length(low, &vec![b'9'; low.len()], before, out);
        before.pop();
    }
    let (from, to) = (if full_low { l } else { l + 1 }, if full_high { h } else { h - 1 });
    if from <= to {
        out.push(format!("{before}{}{}", digit(from, to), any(low.len())));
    }
    if !full_high {
        before.push(char::from(h));
        of_length(&vec![b'0'; high.len()], high, before, out);
        before.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::re2::{Encoding, Re2};

    #[test]
    fn s3_3_ranges() {
        let bounds =
            [i64::MIN, -1001, -100, -11, -10, -9, -1, 0, 1, 2, 9, 10, 11, 99, 100, 105, 1999, i64::MAX - 1, i64::MAX];
        let mut numbers: Vec<i128> = bounds.iter().flat_map(|b| (-2..3).map(|d| i128::from(*b) + d)).collect();
        numbers.extend(-130..130);
        for start in bounds {
            for end in bounds {
                let re2 = Re2::new(&range(start, end), Encoding::Latin1).expect("a regex");
                for n in &numbers {
                    let holds = i128::from(start) <= *n && *n < i128::from(end);
                    let plus = if *n >= 0 { "+" } else { "" };
                    for text in
                        [n.to_string(), format!("{plus}{n}"), format!("{plus}{n}").replace(['+', '-'], "").to_string()]
                    {
                        let holds = if text.starts_with('-') || *n >= 0 {
                            holds
                        } else {
                            i128::from(start) <= -*n && -*n < i128::from(end)
                        };
                        assert_eq!(
                            re2.full_match(text.as_bytes()),
                            holds,
                            "{text} in {start}..{end}: {}",
                            range(start, end)
                        );
                    }
                }
            }
        }
        let re2 = Re2::new(&range(-5, 10), Encoding::Latin1).expect("a regex");
        for (text, holds) in [
            ("+3", true),
            ("05", true),
            ("-5", true),
            ("-05", true),
            ("-0", true),
            ("10", false),
            ("3.0", false),
            ("0x5", false),
            ("", false),
            ("5,6", false),
            (" 5", false),
            ("99999999999999999999", false),
            ("-", false),
            ("+", false),
            ("+-1", false),
        ] {
            assert_eq!(re2.full_match(text.as_bytes()), holds, "{text}");
        }
    }
}
