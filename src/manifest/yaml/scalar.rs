//! What a bare scalar means: the YAML 1.1 rules of Go's reader.
//!
//! Source: `resolve.go` of go.yaml.in/yaml/v2 2.4.2, which sigs.k8s.io/yaml 1.6.0 uses; the tables
//! in the tests were recorded from it.

use std::borrow::Cow;

use base64::Engine as _;

use super::events::Tag;

/// The meaning of a bare scalar. Floats may be infinite or not a number here; JSON has no such
/// value, so that a tree never holds one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    /// The text itself.
    Str,
}

/// The meaning of a scalar without quotes and without a tag.
pub(super) fn resolve(text: &str) -> Scalar {
    let Some(&first) = text.as_bytes().first() else {
        return Scalar::Null;
    };
    match first {
        b'0'..=b'9' | b'+' | b'-' => resolve_number(text),
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => resolve_word(text),
        b'.' => resolve_point(text),
        _ => Scalar::Str,
    }
}

/// The meaning of a scalar with one of the tags that demand a kind; `None` where the text is not of
/// that kind.
///
/// Quotes make no difference here.
pub(super) fn resolve_tagged(tag: Tag, text: &str) -> Option<Scalar> {
    let meaning = resolve(text);
    match (tag, meaning) {
        (Tag::Null, Scalar::Null)
        | (Tag::Bool, Scalar::Bool(_))
        | (Tag::Int, Scalar::Int(_) | Scalar::UInt(_))
        | (Tag::Float, Scalar::Float(_)) => Some(meaning),
        (Tag::Float, Scalar::Int(number)) => Some(Scalar::Float(number as f64)),
        // A date stays the text that it is written as.
        (Tag::Timestamp, Scalar::Str) if is_timestamp(text) => Some(Scalar::Str),
        _ => None,
    }
}

/// A date, or a date and a time of day with a zone after `T`, without one after a blank.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let has_year = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count() == 4;
    if !has_year || bytes.get(4) != Some(&b'-') {
        return false;
    }
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let has_zone = !text.contains(' ');
    is_date(date) && time.is_none_or(|time| is_time_of_day(time, has_zone))
}

fn is_date(text: &str) -> bool {
    let parts: Vec<Option<u32>> = text.split('-').map(short_number).collect();
    let &[Some(year), Some(month @ 1..=12), Some(day @ 1..)] = parts.as_slice() else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 31,
    };
    day <= days
}

fn is_time_of_day(text: &str, has_zone: bool) -> bool {
    let clock = if !has_zone {
        text
    } else if let Some(clock) = text.strip_suffix('Z') {
        clock
    } else if let Some((clock, zone)) = text.rsplit_once(['+', '-']) {
        let parts = zone.split_once(':');
        let fits = |part: &str, max: u32| part.len() == 2 && short_number(part).is_some_and(|number| number <= max);
        if !parts.is_some_and(|(hours, minutes)| fits(hours, 24) && fits(minutes, 60)) {
            return false;
        }
        clock
    } else {
        return false;
    };
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, fraction),
        None => (clock, "0"),
    };
    let parts: Vec<Option<u32>> = clock.split(':').map(short_number).collect();
    let clock_fits = matches!(parts.as_slice(), [Some(..24), Some(..60), Some(..60)]);
    clock_fits && !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

fn short_number(text: &str) -> Option<u32> {
    let fits = matches!(text.len(), 1..=4) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

/// The text in base64, line breaks allowed; bytes that are no UTF-8 become U+FFFD, as JSON has it.
pub(super) fn decode_binary(text: &str) -> Option<String> {
    let packed: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(packed).ok()?;
    let mut decoded = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        decoded.push_str(chunk.valid());
        decoded.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Some(decoded)
}

fn resolve_word(text: &str) -> Scalar {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Scalar::Bool(false),
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        _ => Scalar::Str,
    }
}

/// Scalars that begin with a point: not a number, infinity, or a fraction, in which underscores may
/// part digits.
fn resolve_point(text: &str) -> Scalar {
    match text {
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" => Scalar::Float(f64::INFINITY),
        _ if text.contains('_') => {
            if underscores_part_digits(text) {
                parse_float(&text.replace('_', ""))
            } else {
                Scalar::Str
            }
        }
        _ => parse_float(text),
    }
}

/// Scalars that begin with a digit or a sign. Underscores may stand anywhere behind it.
fn resolve_number(text: &str) -> Scalar {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let plain = if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) };
    if let Some(number) = parse_int(&plain) {
        return number;
    }
    match parse_float(&plain) {
        Scalar::Str => binary_with_inner_sign(&plain).unwrap_or(Scalar::Str),
        number => number,
    }
}

/// A whole number in Go's notation: `0x`, `0o`, `0b` and a leading `0` for octal, with a sign
/// before it.
fn parse_int(text: &str) -> Option<Scalar> {
    let (is_signed, is_negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, true, rest),
        [b'+', rest @ ..] => (true, false, rest),
        all => (false, false, all),
    };
    let (base, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] if !rest.is_empty() => (16, rest),
        [b'0', b'o' | b'O', rest @ ..] if !rest.is_empty() => (8, rest),
        [b'0', b'b' | b'B', rest @ ..] if !rest.is_empty() => (2, rest),
        [b'0', rest @ ..] => (8, rest),
        [] => return None,
        all => (10, all),
    };
    whole_number(parse_digits(digits, base)?, is_signed, is_negative)
}

fn parse_digits(digits: &[u8], base: u32) -> Option<u64> {
    let mut number = 0u64;
    for &byte in digits {
        let digit = char::from(byte).to_digit(base)?;
        number = number.checked_mul(u64::from(base))?.checked_add(u64::from(digit))?;
    }
    Some(number)
}

/// Puts a sign to a magnitude. Numbers above [`i64::MAX`] must come without any sign.
fn whole_number(magnitude: u64, is_signed: bool, is_negative: bool) -> Option<Scalar> {
    if is_negative {
        0i64.checked_sub_unsigned(magnitude).map(Scalar::Int)
    } else if let Ok(number) = i64::try_from(magnitude) {
        Some(Scalar::Int(number))
    } else {
        (!is_signed).then_some(Scalar::UInt(magnitude))
    }
}

/// `0b-1` and `0b+1`: Go's reader takes off the `0b` and reads the rest, sign and all.
fn binary_with_inner_sign(text: &str) -> Option<Scalar> {
    let (is_negative, digits) = match text.strip_prefix("0b")?.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => return None,
    };
    if digits.is_empty() {
        return None;
    }
    whole_number(parse_digits(digits, 2)?, true, is_negative)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, if it is not too large for a float.
fn parse_float(text: &str) -> Scalar {
    if !is_float(text) {
        return Scalar::Str;
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Scalar::Float(number),
        _ => Scalar::Str,
    }
}

fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|text| {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        !digits.is_empty() && all_digits(digits)
    });
    mantissa_fits && exponent_fits
}

/// Whether each underscore stands between two digits.
fn underscores_part_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    (0..bytes.len())
        .filter(|&at| bytes.get(at) == Some(&b'_'))
        .all(|at| is_digit(at.checked_sub(1)) && is_digit(Some(at + 1)))
}

/// A float as text, where Go's reader makes an object key or a string of it: the shortest digits of
/// the nearest **32-bit** float, with an exponent from a million on and below 0.0001.
pub(super) fn float_text(number: f64) -> String {
    let number = number as f32;
    if number.is_nan() {
        return ".nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return scientific;
    };
    if (-4..6).contains(&exponent) {
        format!("{number}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_yaml_1_1_are_booleans() {
        for word in ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"] {
            assert_eq!(resolve(word), Scalar::Bool(true), "{word}");
        }
        for word in ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"] {
            assert_eq!(resolve(word), Scalar::Bool(false), "{word}");
        }
        for word in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(resolve(word), Scalar::Null, "{word}");
        }
        for word in ["yEs", "tRue", "oN", "nULL", "none", "Nope", "off ", "oui", "<<", "=", "~~"] {
            assert_eq!(resolve(word), Scalar::Str, "{word}");
        }
    }

    #[test]
    fn whole_numbers_have_go_notations() {
        for (text, number) in [
            ("0", 0),
            ("12", 12),
            ("+12", 12),
            ("-12", -12),
            ("-0", 0),
            ("00", 0),
            ("0777", 511),
            ("-0777", -511),
            ("0o777", 511),
            ("0b101", 5),
            ("-0b101", -5),
            ("0b-1", -1),
            ("0b+1", 1),
            ("0x_1F", 31),
            ("0X1f", 31),
            ("1_000", 1000),
            ("1__0", 10),
            ("1_", 1),
            ("-_1", -1),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(resolve(text), Scalar::Int(number), "{text}");
        }
        assert_eq!(resolve("9223372036854775808"), Scalar::UInt(1 << 63));
        assert_eq!(resolve("18446744073709551615"), Scalar::UInt(u64::MAX));
        assert_eq!(resolve("0x8000000000000000"), Scalar::UInt(1 << 63));
    }

    #[test]
    fn other_numbers_are_floats() {
        for (text, number) in [
            ("1.10", 1.1),
            ("08", 8.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("+.5", 0.5),
            (".5_0", 0.5),
            ("1_000.5_0", 1000.5),
            ("1e3", 1000.0),
            ("1.e3", 1000.0),
            ("-1E-3", -0.001),
            ("18446744073709551616", 18446744073709551616.0),
            ("+18446744073709551615", 18446744073709551615.0),
            ("-9223372036854775809", -9223372036854775809.0),
            ("0777777777777777777777777", 777777777777777777777777.0),
        ] {
            assert_eq!(resolve(text), Scalar::Float(number), "{text}");
        }
        assert_eq!(resolve(".inf"), Scalar::Float(f64::INFINITY));
        assert_eq!(resolve("+.Inf"), Scalar::Float(f64::INFINITY));
        assert_eq!(resolve("-.INF"), Scalar::Float(f64::NEG_INFINITY));
        assert!(matches!(resolve(".NaN"), Scalar::Float(number) if number.is_nan()));
    }

    #[test]
    fn what_only_looks_like_a_number_is_text() {
        for text in [
            "1E400",
            "-1e400",
            "2001-01-01",
            "12:30:45",
            "1.2.3",
            "1e",
            "0o8",
            "0x1p4",
            "0x",
            "0b",
            "-0b+1",
            "0b12",
            ".",
            ".e3",
            "._5",
            ".5_",
            ".5__0",
            "-",
            "+",
            "--1",
            "+-1",
            "1k",
            "5s",
            "100%",
            "1 000",
            "inf",
            "-inf",
            "nan",
            "0x1FFFFFFFFFFFFFFFF",
            "10.41.0.1",
            "1/2",
            "0b--1",
        ] {
            assert_eq!(resolve(text), Scalar::Str, "{text}");
        }
    }

    #[test]
    fn floats_print_as_go_prints_32_bits() {
        for (number, text) in [
            (1.1, "1.1"),
            (1.0, "1"),
            (-0.0, "-0"),
            (123456.5, "123456.5"),
            (100000.0, "100000"),
            (1234567.0, "1.234567e+06"),
            (1e20, "1e+20"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.123456789, "1.1234568"),
            (1e39, ".inf"),
            (-1e39, "-.inf"),
            (f64::NAN, ".nan"),
        ] {
            assert_eq!(float_text(number), text);
        }
    }
}
