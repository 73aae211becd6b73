//! When requests were made, and which of them lie within a window of time.

use jiff::Timestamp;
use serde_json::Value;

use super::{BadLine, Entry, Reason};

/// From `since` until before `until`, so that windows which follow one another part a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Window {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl Window {
    /// True where everything lies within.
    pub(crate) fn is_open(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    fn holds(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until)
    }

    /// Passes over requests outside of the window, and those of which nobody knows when they were made.
    pub(super) fn sift(&self, entry: Result<Entry, BadLine>) -> Result<Entry, BadLine> {
        Ok(match entry? {
            Entry::Request(record) => match record.time {
                Some(time) if self.holds(time) => Entry::Request(record),
                Some(_) => Entry::PassedOver(Reason::OutsideWindow),
                None => Entry::PassedOver(Reason::Timeless),
            },
            passed => passed,
        })
    }
}

/// A time as logs write it: RFC 3339, `10/Oct/2026:13:55:36 +0200`, or a number of seconds, milliseconds, microseconds or
/// nanoseconds since 1970.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim_matches(['[', ']', ' ']);
    match text.as_bytes().get(2) {
        Some(b'/') => jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?.to_timestamp().ok(),
        _ => text.parse().ok().or_else(|| since_1970(text.parse().ok()?)),
    }
}

/// The same of a JSON value.
pub(super) fn json_time(value: Option<&Value>) -> Option<Timestamp> {
    match value? {
        Value::String(text) => time(text),
        Value::Number(number) => since_1970(number.as_f64()?),
        _ => None,
    }
}

/// Until the year 5138 a number's size tells its unit.
fn since_1970(number: f64) -> Option<Timestamp> {
    if number.is_nan() {
        return None;
    }
    let nanoseconds_of_unit = match number.abs() {
        n if n < 1e11 => 1e9,
        n if n < 1e14 => 1e6,
        n if n < 1e17 => 1e3,
        _ => 1.0,
    };
    #[expect(clippy::cast_possible_truncation, reason = "what is too large is refused by jiff")]
    let nanoseconds = (number * nanoseconds_of_unit) as i128;
    Timestamp::from_nanosecond(nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_write_times_in_several_ways() {
        for text in [
            "2026-03-01T12:00:00Z",
            "2026-03-01T13:00:00.000+01:00",
            "01/Mar/2026:14:00:00 +0200",
            "[01/Mar/2026:12:00:00 +0000]",
            "1772366400",
            "1772366400000",
            "1772366400000000",
            "1772366400000000000",
        ] {
            assert_eq!(time(text).map(|t| t.to_string()).as_deref(), Some("2026-03-01T12:00:00Z"), "{text}");
        }
        for text in ["", "-", "yesterday", "2026-03-01", "1/2/3", "nan", "inf", "01/Mär/2026:12:00:00 +0000"] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn windows_that_follow_one_another_part_a_log() {
        let at = |text: &str| time(text);
        let first = Window { since: None, until: at("2026-03-01T12:00:00Z") };
        let second = Window { since: at("2026-03-01T12:00:00Z"), until: None };
        for text in ["2026-03-01T11:59:59.999Z", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00.001Z"] {
            assert_ne!(first.holds(at(text).unwrap()), second.holds(at(text).unwrap()), "{text}");
        }
    }
}
