//! `--since` and `--until`.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::SimulateArgs;
use crate::tool::cli::output;
use crate::traffic::recorded::{self, Window};
use crate::traffic::scenario;

/// A time, or how long before the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Moment {
    At(Timestamp),
    /// Before the last request of all logs: there is no clock in results, so "ago" counts from there.
    BeforeEnd(SignedDuration),
}

/// RFC 3339, a day (its first moment in UTC), or a length of time.
pub(super) fn moment(text: &str) -> Result<Moment, String> {
    if let Ok(day) = text.parse::<Date>()
        && text.len() == "2026-03-01".len()
        && let Ok(start) = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0))
    {
        return Ok(Moment::At(start));
    }
    let is_number = text.parse::<f64>().is_ok();
    if let Some(time) = recorded::time(text).filter(|_| !is_number) {
        return Ok(Moment::At(time));
    }
    let seconds = scenario::parse_seconds(text.trim_start_matches('-')).filter(|_| !is_number);
    let length = seconds.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
    length.map(Moment::BeforeEnd).ok_or_else(|| {
        "write a time such as 2026-03-01T12:00:00Z, a day such as 2026-03-01 (in UTC), or how long before the last request, \
         such as 90s or 2h"
            .to_owned()
    })
}

/// The window that the arguments mean. `last` gives the time of the last request, where it is needed.
///
/// # Errors
/// Nothing can lie in it, or its end isn't known.
pub(super) fn window(
    args: &SimulateArgs,
    last: impl FnOnce() -> anyhow::Result<Option<Timestamp>>,
) -> anyhow::Result<Window> {
    let given = [("--since", args.since), ("--until", args.until)];
    let relative = given.iter().find(|(_, moment)| matches!(moment, Some(Moment::BeforeEnd(_))));
    let last = match relative {
        Some((option, _)) => {
            let last = last().map_err(|error| {
                anyhow::anyhow!("{option}: a length of time counts back from the last request, and {error}")
            })?;
            let none = || anyhow::anyhow!("{option} counts back from the last request, and no line has a time");
            Some(last.ok_or_else(none)?)
        }
        None => None,
    };
    let mut resolved = [None, None];
    for ((option, moment), out) in given.into_iter().zip(&mut resolved) {
        *out = match (moment, last) {
            (Some(Moment::At(time)), _) => Some(time),
            (Some(Moment::BeforeEnd(length)), Some(last)) => {
                let time = last.checked_sub(length).map_err(|_| anyhow::anyhow!("{option}: that is too long ago"))?;
                if !args.common.quiet {
                    output::message(&format!("note: {option}: {time}; the last request is of {last}"));
                }
                Some(time)
            }
            (Some(Moment::BeforeEnd(_)) | None, _) => None,
        };
    }
    let [since, until] = resolved;
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        anyhow::bail!("--since {since} is not before --until {until}: no request lies between");
    }
    Ok(Window { since, until })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_times_days_or_lengths() {
        let noon = recorded::time("2026-03-01T12:00:00Z").map(Moment::At);
        assert_eq!(moment("2026-03-01T13:00:00+01:00").ok(), noon);
        assert_eq!(moment("2026-03-01").ok(), recorded::time("2026-03-01T00:00:00Z").map(Moment::At));
        assert_eq!(moment("1h30m"), Ok(Moment::BeforeEnd(SignedDuration::from_mins(90))));
        assert_eq!(moment("-90s"), Ok(Moment::BeforeEnd(SignedDuration::from_secs(90))));
        for text in ["yesterday", "", "2026-03", "5", "1x", "2026-03-01T12:00:00"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
