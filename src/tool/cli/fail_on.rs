//! `--fail-on`: which results make the exit status 1.

use crate::envoy::decision::Counted;
use crate::traffic::scenario::parse_share;

/// One condition: a kind of traffic, and how much of it is still fine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Condition {
    pub what: What,
    /// Share of a stream, 0 to 1.
    pub above: f64,
}

/// A kind of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Counted(Counted),
    /// Requests that are not treated as before.
    Changed,
}

impl What {
    /// What such requests are, in messages.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            What::Counted(Counted::Blackholed) => "lost",
            What::Counted(Counted::Unmatched) => "unmatched",
            What::Counted(Counted::Passthrough) => "passed through",
            What::Counted(Counted::Subset | Counted::Answered) => "answered",
            What::Changed => "treated otherwise than before",
        }
    }
}

impl Condition {
    /// Whether this much is too much. Shares are sums of products, so the last bits don't count.
    pub(super) fn holds(&self, share: f64) -> bool {
        share > self.above + 1e-12
    }
}

/// `blackholed`, `unmatched`, `passthrough` or `changed`, with `>1%` or `>0.01` behind it.
pub(super) fn parse(text: &str) -> Result<Condition, String> {
    let (name, above) = match text.split_once('>') {
        Some((name, share)) => {
            let parsed = parse_share(share);
            (name.trim(), parsed.ok_or_else(|| format!("`{share}` is no share: write for example `>1%`"))?)
        }
        None => (text.trim(), 0.0),
    };
    let what = match name {
        "blackholed" => What::Counted(Counted::Blackholed),
        "unmatched" => What::Counted(Counted::Unmatched),
        "passthrough" => What::Counted(Counted::Passthrough),
        "changed" => What::Changed,
        _ => {
            let forms = "write blackholed, unmatched, passthrough or changed, each with an optional `>1%`";
            return Err(forms.to_owned());
        }
    };
    Ok(Condition { what, above })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_shares_or_percentages() {
        for (text, what, above) in [
            ("blackholed", What::Counted(Counted::Blackholed), 0.0),
            ("unmatched>1%", What::Counted(Counted::Unmatched), 0.01),
            ("passthrough > 0.5", What::Counted(Counted::Passthrough), 0.5),
            ("changed", What::Changed, 0.0),
        ] {
            assert_eq!(parse(text), Ok(Condition { what, above }), "{text}");
        }
        for text in ["lost", "blackholed>", "blackholed>101%", "blackholed<1%"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn exactly_the_threshold_is_fine() {
        let condition = parse("blackholed>30%").unwrap();
        assert!(!condition.holds(0.1 + 0.2));
        assert!(condition.holds(0.31));
    }
}
