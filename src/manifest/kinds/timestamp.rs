//! Times as Kubernetes writes them.

use std::ops::RangeInclusive;

/// Seconds since 1970 of a time in RFC 3339, as Go's `time.Parse` reads it for the API server; None where it refuses it.
///
/// Digits are as many as there should be, save that an hour may have one; `T` and `Z` are upper case; a fraction follows a point or a
/// comma, and is left out; there is no leap second.
pub(crate) fn timestamp(text: &str) -> Option<i64> {
    let (date, time) = text.split_once('T')?;
    let mut parts = date.splitn(3, '-');
    let year = number(parts.next()?, 4..=4, 9999)?;
    let month = number(parts.next()?, 2..=2, 12).filter(|month| *month > 0)?;
    let day = number(parts.next()?, 2..=2, days_in(year, month)).filter(|day| *day > 0)?;
    let (time, offset) = match time.strip_suffix('Z') {
        Some(time) => (time, 0),
        None => time.rfind(['+', '-']).and_then(|sign| offset(time, sign))?,
    };
    let (hours, rest) = time.split_once(':')?;
    let (minutes, rest) = rest.split_once(':')?;
    let (seconds, fraction) = rest.split_once(['.', ',']).map_or((rest, None), |(s, f)| (s, Some(f)));
    let is_fraction = |f: &str| !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit());
    if !fraction.is_none_or(is_fraction) {
        return None;
    }
    let of_day = number(hours, 1..=2, 23)? * 3600 + number(minutes, 2..=2, 59)? * 60 + number(seconds, 2..=2, 59)?;
    Some(days(year, month, day) * 86_400 + of_day - offset)
}

/// The time before a sign, and how many seconds the clock there is ahead.
fn offset(time: &str, sign: usize) -> Option<(&str, i64)> {
    let (time, offset) = time.split_at_checked(sign)?;
    let (direction, offset) = offset.split_at_checked(1)?;
    let (hours, minutes) = offset.split_once(':')?;
    let ahead = number(hours, 2..=2, 24)? * 3600 + number(minutes, 2..=2, 60)? * 60;
    Some((time, if direction == "-" { -ahead } else { ahead }))
}

/// A number of so many digits that is at most `most`.
fn number(text: &str, digits: RangeInclusive<usize>, most: i64) -> Option<i64> {
    let is_number = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten().filter(|number| *number <= most)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, from the year 0 on.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // A year that begins with March ends with its leap day.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_go_refuses_is_no_time() {
        for text in [
            "",
            "2024-05-31",
            "2024-05-31T12:00:00",
            "2024-05-31 12:00:00Z",
            "2024-05-31T12:00Z",
            "2024-5-31T12:00:00Z",
            "2024-05-31T12:00:60Z",
            "2024-05-31T24:00:00Z",
            "2024-02-30T12:00:00Z",
            "2023-02-29T12:00:00Z",
            "2024-00-10T12:00:00Z",
            "2024-13-10T12:00:00Z",
            "2024-01-00T12:00:00Z",
            "2024-05-31t12:00:00z",
            "2024-05-31T12:00:00.Z",
            "2024-05-31T12:00:00+0200",
            "2024-05-31T12:00:00Z[UTC]",
            "2024-05-31T12:0:00Z",
            "+2024-05-31T12:00:00Z",
            "2024-05-31T12:00:00+é2:00",
        ] {
            assert_eq!(timestamp(text), None, "{text}");
        }
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T1:00:00Z", 3600),
            ("2024-02-29T23:59:59.999Z", 1_709_251_199),
            ("2024-02-29T23:59:59,9+02:00", 1_709_243_999),
            ("2024-02-29T23:59:59-00:30", 1_709_252_999),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
        ] {
            assert_eq!(timestamp(text), Some(seconds), "{text}");
        }
    }

    proptest! {
        #[test]
        fn times_are_those_of_the_library(seconds in -62_135_596_800i64..253_402_207_200) {
            let time = jiff::Timestamp::from_second(seconds).expect("within a calendar");
            prop_assert_eq!(timestamp(&time.to_string()), Some(seconds), "{}", time);
        }
    }
}
