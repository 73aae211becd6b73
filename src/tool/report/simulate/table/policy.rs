//! What follows from assumptions about pods, a block for each rule.

use super::Writer;
use crate::analysis::policy::{ClusterLoad, Consequences, Method, Rule, short_name};
use crate::envoy::words;
use crate::tool::report::columns::wrap;
use crate::tool::report::grid::{counted, percent};
use crate::tool::report::style::Style;

/// Numbers of attempts that are listed.
const TRIES_MAX: usize = 10;
/// Rules whose blocks are shown where there are many.
const RULES_MAX: usize = 20;

impl Writer<'_> {
    pub(super) fn policy(&mut self) {
        let Some(rules) = self.results.rules else { return };
        self.out.push('\n');
        self.line(&self.paint("if pods behave as supposed", Style::Title));
        if rules.is_empty() {
            self.line("  no rule that requests come to is concerned");
        }
        let most = self.show.top.unwrap_or(if self.show.all { rules.len() } else { RULES_MAX });
        // The worst first where not all are shown.
        let mut shown: Vec<&Rule> = rules.iter().collect();
        if rules.len() > most {
            shown.sort_by(|a, b| a.consequences.success.total_cmp(&b.consequences.success));
        }
        let several_proxies = rules.iter().any(|r| rules.first().is_some_and(|first| first.proxy != r.proxy));
        for rule in shown.into_iter().take(most) {
            self.rule(rule, several_proxies);
        }
        self.more(rules.len().saturating_sub(most), "");
    }

    fn rule(&mut self, rule: &Rule, with_proxy: bool) {
        let found = &rule.consequences;
        let place = rule.source.as_ref().map(|s| words::place(s.at, self.sources())).filter(|place| !place.is_empty());
        let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
        let through = if with_proxy { format!(" through {}", rule.proxy) } else { String::new() };
        let style = if found.success < 1.0 - 1e-12 { Style::Warning } else { Style::Good };
        let title = format!("  {}{place}{through}  succeeds {}", rule.title(), percent(found.success));
        self.line(&self.paint(&wrap(&title, self.show.width, 6), style));
        for outcome in &found.outcomes {
            let status = outcome.end.status.map_or("none".to_owned(), |status| status.to_string());
            let end = format!("{status} {}", outcome.end.flags);
            let text = format!("    {end:<12} {:>10}  {}", percent(outcome.share), outcome.cause());
            self.line(&wrap(text.trim_end(), self.show.width, 27));
        }
        for (what, text) in [
            ("attempts", attempts(found)),
            ("tries", distribution(&found.attempts.distribution)),
            ("mirrors", mirrors(found)),
            ("time", time(found)),
            ("pods", self.pods(found)),
        ] {
            if !text.is_empty() {
                self.line(&wrap(&format!("    {what:<12} {text}"), self.show.width, 17));
            }
        }
        for warning in &found.warnings {
            let text = wrap(&format!("    ! {warning}"), self.show.width, 6);
            self.line(&self.paint(&text, Style::Warning));
        }
        if let Method::Model { requests, seed } = found.method {
            let n = counted(requests, "request");
            self.line(&wrap(&format!("    counted in the event model: {n}, seed {seed}"), self.show.width, 6));
        }
        for text in &found.left_out {
            let text = wrap(&format!("    not evaluated: {text}"), self.show.width, 6);
            self.line(&self.paint(&text, Style::Dim));
        }
    }

    /// Attempts and copies of each pod, where they are asked for.
    fn pods(&self, found: &Consequences) -> String {
        if !self.show.all_endpoints {
            return String::new();
        }
        let of = |pods: &[(String, f64)], what: &str| -> Vec<String> {
            pods.iter().map(|(pod, load)| format!("{pod} {load:.3}{what}")).collect()
        };
        let all = [of(&found.attempts.by_pod, ""), of(&found.mirrors.by_pod, " (copies)")].concat();
        all.join(", ")
    }
}

fn attempts(found: &Consequences) -> String {
    let load = &found.attempts;
    let one = |c: &ClusterLoad| {
        let times = c.amplification();
        let more = if times > 1.005 { format!(" ({times:.2} × its share)") } else { String::new() };
        format!("{} {:.3}{more}", short_name(&c.cluster), c.attempts)
    };
    let all: Vec<String> = load.by_cluster.iter().filter(|c| c.share > 0.0).map(one).collect();
    format!("{:.3} a request: {}", load.per_request, all.join(", "))
}

/// `1: 95.0 %   2: 2.5 %`; nothing where all requests have one attempt.
fn distribution(shares: &[f64]) -> String {
    let happens: Vec<(usize, &f64)> = shares.iter().enumerate().filter(|(_, share)| **share > 0.0).collect();
    if happens.len() < 2 && happens.iter().all(|(n, _)| *n == 1) {
        return String::new();
    }
    let rest = if happens.len() > TRIES_MAX { "   ..." } else { "" };
    let shown = happens.into_iter().take(TRIES_MAX).map(|(n, share)| format!("{n}: {}", percent(*share)));
    format!("{}{rest}", shown.collect::<Vec<_>>().join("   "))
}

fn mirrors(found: &Consequences) -> String {
    let one = |(cluster, copies): &(crate::envoy::table::ClusterName, f64)| {
        format!("{} {copies:.3} copies a request", short_name(cluster))
    };
    found.mirrors.by_cluster.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn time(found: &Consequences) -> String {
    let duration = &found.duration;
    let (Some(mean), Some(worst)) = (duration.mean_ms, duration.worst_ms) else {
        return "some requests have no end".to_owned();
    };
    if worst <= 0.0 {
        return String::new();
    }
    let cut = match duration.cut_by {
        Some((cut, attempt)) => {
            let what = if cut.as_str() == "timeout" { "the timeout" } else { "the per-try timeout" };
            format!("; {what} cuts, at the earliest in attempt {attempt}")
        }
        None => String::new(),
    };
    let (wait, longest) = duration.back_off_ms;
    let back_off = if wait > 0.05 {
        format!("; back-off adds {wait:.1} ms on average, {longest:.0} ms at worst")
    } else {
        String::new()
    };
    format!("{mean:.1} ms on average, {worst:.0} ms at worst{cut}{back_off}")
}
