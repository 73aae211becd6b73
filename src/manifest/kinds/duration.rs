//! Go's text form of durations, which every duration of an Istio manifest is written in.

use super::Nanos;

impl Nanos {
    /// Reads a duration as Go's `time.ParseDuration` does: an optional sign, then numbers with a unit (`h`, `m`, `s`, `ms`,
    /// `us`, `ns`), each with an optional fraction; `0` alone needs no unit. `None` for anything else, also beyond ±292 years.
    ///
    /// Source: VA-1; the API server and Istio's reader both use this form, so `1h30m` and `1.5s` are fine and `1d` is not.
    pub(crate) fn parse(text: &str) -> Option<Nanos> {
        let (negative, mut rest) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        if rest == "0" {
            return Some(Nanos(0));
        }
        let limit = i64::MIN.unsigned_abs();
        let mut total: u64 = 0;
        loop {
            let (part, behind) = one_part(rest)?;
            total = total.checked_add(part).filter(|&t| t <= limit)?;
            if behind.is_empty() {
                break;
            }
            rest = behind;
        }
        if negative {
            return 0i64.checked_sub_unsigned(total).map(Nanos);
        }
        i64::try_from(total).ok().map(Nanos)
    }
}

/// Reads one number with its unit; gives its nanoseconds and the text behind.
fn one_part(text: &str) -> Option<(u64, &str)> {
    let (whole, rest) = split_digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(behind) => split_digits(behind),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let unit_end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit_name, behind) = rest.split_at(unit_end);
    let unit: u64 = match unit_name {
        "ns" => 1,
        // Both code points of the micro sign are accepted.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let nanos = whole.checked_mul(unit)?;
    Some((nanos.checked_add(fraction_nanos(fraction, unit))?, behind))
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// The nanoseconds of a decimal fraction of `unit`, cut off below one nanosecond. Digits that cannot matter are ignored.
fn fraction_nanos(digits: &str, unit: u64) -> u64 {
    let mut value: u128 = 0;
    let mut scale: u128 = 1;
    for digit in digits.bytes().take(18) {
        value = value * 10 + u128::from(digit - b'0');
        scale *= 10;
    }
    u64::try_from(value * u128::from(unit) / scale).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn va_1_durations_are_read_as_go_reads_them() {
        let cases: &[(&str, Option<i64>)] = &[
            ("0", Some(0)),
            ("0s", Some(0)),
            ("-0", Some(0)),
            ("5s", Some(5_000_000_000)),
            ("1h30m", Some(5_400_000_000_000)),
            ("1.5s", Some(1_500_000_000)),
            (".5s", Some(500_000_000)),
            ("5.s", Some(5_000_000_000)),
            ("+1ms", Some(1_000_000)),
            ("-1s", Some(-1_000_000_000)),
            ("1m1.000000001s", Some(61_000_000_001)),
            ("3us", Some(3_000)),
            ("3µs", Some(3_000)),
            ("0.1ns", Some(0)),
            ("9223372036854775807ns", Some(i64::MAX)),
            ("-9223372036854775808ns", Some(i64::MIN)),
            ("9223372036854775808ns", None),
            ("2562048h", None),
            ("", None),
            ("-", None),
            ("5", None),
            ("s", None),
            (".s", None),
            ("5 s", None),
            ("1d", None),
            ("5S", None),
            ("1s-1s", None),
            ("é", None),
        ];
        for (text, nanos) in cases {
            assert_eq!(Nanos::parse(text), nanos.map(Nanos), "{text}");
        }
    }
}
