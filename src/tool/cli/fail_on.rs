//! `--fail-on`: which results make the exit status 1.

use crate::envoy::decision::Counted;
use crate::traffic::scenario::parse_share;

/// One condition: a kind of traffic, and how much of it is still fine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Condition {
    pub what: What,
    /// Share of a stream, 0 to 1. Of [`What::Failed`] the share of a rule's requests that may fail, of [`What::Amplified`] attempts
    /// for each request.
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
    /// Requests of a rule that fail under the assumptions about pods.
    Failed,
    /// Attempts for each request that a destination is drawn for, under the assumptions.
    Amplified,
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
            What::Failed => "failing as assumed",
            What::Amplified => "multiplied by retries",
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
///
/// Of what is assumed about pods: `success<99.5%` and `amplification>1.5`.
pub(super) fn parse(text: &str) -> Result<Condition, String> {
    if let Some((name, share)) = text.split_once('<') {
        let success = parse_share(share).filter(|_| name.trim() == "success");
        let success = success.ok_or("only success has a lower limit: write for example `success<99.5%`")?;
        return Ok(Condition { what: What::Failed, above: 1.0 - success });
    }
    if let Some(("amplification", most)) = text.split_once('>').map(|(name, most)| (name.trim(), most)) {
        let most = most.trim().parse().ok().filter(|most: &f64| *most >= 0.0 && most.is_finite());
        let above =
            most.ok_or("amplification is a number of attempts a request: write for example `amplification>1.5`")?;
        return Ok(Condition { what: What::Amplified, above });
    }
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
        "success" => return Err("write how much is too little, for example `success<99.5%`".to_owned()),
        "amplification" => return Err("write how much is too much, for example `amplification>1.5`".to_owned()),
        _ => {
            let forms = "write lost, unmatched, passthrough or changed, each with an optional `>1%`, policy, `success<99.5%` or \
                         `amplification>1.5`";
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
            ("success<75%", What::Failed, 0.25),
            ("amplification > 1.5", What::Amplified, 1.5),
        ] {
            assert_eq!(parse(text), Ok(Condition { what, above }), "{text}");
        }
        for text in [
            "missing",
            "policy>1%",
            "blackholed>",
            "blackholed>101%",
            "blackholed<1%",
            "success",
            "success<150%",
            "amplification",
        ] {
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
