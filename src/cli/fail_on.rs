//! `--fail-on`: which results make the exit status 1.

use crate::decision::Counted;
use crate::scenario::parse_share;

/// One condition: a kind of traffic, and how much of it is still fine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Condition {
    pub what: Counted,
    /// Share of a stream, 0 to 1.
    pub above: f64,
}

impl Condition {
    /// Whether this much is too much. Shares are sums of products, so the last bits don't count.
    pub fn holds(&self, share: f64) -> bool {
        share > self.above + 1e-12
    }
}

/// `blackholed`, `unmatched` or `passthrough`, with `>1%` or `>0.01` behind it.
pub(super) fn parse(text: &str) -> Result<Condition, String> {
    let (name, above) = match text.split_once('>') {
        Some((name, share)) => {
            let parsed = parse_share(share);
            (name.trim(), parsed.ok_or_else(|| format!("`{share}` is no share: write for example `>1%`"))?)
        }
        None => (text.trim(), 0.0),
    };
    let what = match name {
        "blackholed" => Counted::Blackholed,
        "unmatched" => Counted::Unmatched,
        "passthrough" => Counted::Passthrough,
        _ => return Err("write blackholed, unmatched or passthrough, each with an optional `>1%`".to_owned()),
    };
    Ok(Condition { what, above })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_shares_or_percentages() {
        for (text, what, above) in [
            ("blackholed", Counted::Blackholed, 0.0),
            ("unmatched>1%", Counted::Unmatched, 0.01),
            ("passthrough > 0.5", Counted::Passthrough, 0.5),
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
