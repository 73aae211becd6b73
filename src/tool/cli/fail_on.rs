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
    /// Timeouts, retries, limits, mirrors or TLS with other values than before.
    Policy,
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
            What::Policy => "under other policies than before",
        }
    }
}

impl Condition {
    /// Whether this much is too much. Shares are sums of products, so the last bits don't count.
    pub(super) fn holds(&self, share: f64) -> bool {
        is_above(share, self.above)
    }
}

/// Whether a share is above another one by more than its last bits.
pub(super) fn is_above(share: f64, above: f64) -> bool {
    share > above + 1e-12
}

/// `lost` (also `blackholed`), `unmatched`, `passthrough` or `changed`, with `>1%` or `>0.01` behind it, or `policy`.
pub(super) fn parse(text: &str) -> Result<Condition, String> {
    let (name, above) = match text.split_once('>') {
        Some((name, share)) => {
            let parsed = parse_share(share);
            (name.trim(), parsed.ok_or_else(|| format!("`{share}` is no share: write for example `>1%`"))?)
        }
        None => (text.trim(), 0.0),
    };
    let what = match name {
        "lost" | "blackholed" => What::Counted(Counted::Blackholed),
        "unmatched" => What::Counted(Counted::Unmatched),
        "passthrough" => What::Counted(Counted::Passthrough),
        "changed" => What::Changed,
        "policy" if text.contains('>') => return Err("policy has no share: write it alone".to_owned()),
        "policy" => What::Policy,
        _ => {
            let forms = "write lost, unmatched, passthrough or changed, each with an optional `>1%`, or policy";
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
            ("lost>2%", What::Counted(Counted::Blackholed), 0.02),
            ("policy", What::Policy, 0.0),
        ] {
            assert_eq!(parse(text), Ok(Condition { what, above }), "{text}");
        }
        for text in ["missing", "policy>1%", "blackholed>", "blackholed>101%", "blackholed<1%"] {
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
