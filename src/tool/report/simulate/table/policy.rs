//! What follows from assumptions about pods, a block for each rule.

use super::Writer;
use crate::analysis::policy::{ClusterLoad, Consequences, Method, Rule, short_name};
use crate::envoy::words;
use crate::manifest::source::SourceMap;
use crate::order::Order as _;
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
        self.line(&self.paint(TITLE, Style::Title));
        if rules.is_empty() {
            self.line(&format!("  {NOBODY}"));
        }
        let most = self.show.top.unwrap_or(if self.show.all { rules.len() } else { RULES_MAX });
        for rule in said(rules, most, self.show.all_endpoints, self.sources()) {
            self.rule(&rule);
        }
        self.more(rules.len().saturating_sub(most), "");
    }

    fn rule(&mut self, rule: &RuleSaid) {
        let style = if rule.is_whole { Style::Good } else { Style::Warning };
        self.line(&self.paint(&wrap(&format!("  {}", rule.title), self.show.width, 6), style));
        for [end, share, cause] in &rule.outcomes {
            let text = format!("    {end:<12} {share:>10}  {cause}");
            self.line(&wrap(text.trim_end(), self.show.width, 27));
        }
        for (what, text) in &rule.facts {
            self.line(&wrap(&format!("    {what:<12} {text}"), self.show.width, 17));
        }
        for warning in &rule.warnings {
            let text = wrap(&format!("    ! {warning}"), self.show.width, 6);
            self.line(&self.paint(&text, Style::Warning));
        }
        if let Some(text) = &rule.counted {
            self.line(&wrap(&format!("    {text}"), self.show.width, 6));
        }
        for text in &rule.left_out {
            let text = wrap(&format!("    {text}"), self.show.width, 6);
            self.line(&self.paint(&text, Style::Dim));
        }
    }
}

/// What stands above all rules, and where none is concerned.
pub(in crate::tool::report::simulate) const TITLE: &str = "if pods behave as supposed";
pub(in crate::tool::report::simulate) const NOBODY: &str = "no rule that requests come to is concerned";

/// What follows for one rule, in words.
#[derive(Debug, Clone)]
pub(in crate::tool::report::simulate) struct RuleSaid {
    /// Which rule, and how many of its requests succeed.
    pub title: String,
    /// All of them do.
    pub is_whole: bool,
    /// Status and flags, the share that ends so, and by what.
    pub outcomes: Vec<[String; 3]>,
    /// Attempts, mirrors, time: what it is, and how much.
    pub facts: Vec<(&'static str, String)>,
    pub warnings: Vec<String>,
    /// By which requests it was counted, where it was.
    pub counted: Option<String>,
    pub left_out: Vec<String>,
}

/// Up to `most` rules; the worst first where not all are told. `pods`: with attempts and copies of each.
pub(in crate::tool::report::simulate) fn said(
    rules: &[Rule],
    most: usize,
    pods: bool,
    sources: &SourceMap,
) -> Vec<RuleSaid> {
    let mut shown: Vec<&Rule> = rules.iter().collect();
    if rules.len() > most {
        shown.order_by(|a, b| a.consequences.success.total_cmp(&b.consequences.success));
    }
    let several_proxies = rules.iter().any(|r| rules.first().is_some_and(|first| first.proxy != r.proxy));
    shown.into_iter().take(most).map(|rule| RuleSaid::of(rule, several_proxies, pods, sources)).collect()
}

impl RuleSaid {
    fn of(rule: &Rule, with_proxy: bool, with_pods: bool, sources: &SourceMap) -> RuleSaid {
        let found = &rule.consequences;
        let place = rule.source.as_ref().map(|s| words::place(s.at, sources)).filter(|place| !place.is_empty());
        let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
        let through = if with_proxy { format!(" through {}", rule.proxy) } else { String::new() };
        let mut facts = vec![
            ("attempts", attempts(found)),
            ("tries", distribution(&found.attempts.distribution)),
            ("mirrors", mirrors(found)),
            ("time", time(found)),
            ("pods", if with_pods { pods(found) } else { String::new() }),
        ];
        facts.retain(|(_, text)| !text.is_empty());
        RuleSaid {
            title: format!("{}{place}{through}  succeeds {}", rule.title(), percent(found.success)),
            is_whole: found.success >= 1.0 - 1e-12,
            outcomes: found
                .outcomes
                .iter()
                .map(|outcome| {
                    let status = outcome.end.status.map_or("none".to_owned(), |status| status.to_string());
                    let end = format!("{status} {}", outcome.end.flags);
                    [end, percent(outcome.share), outcome.cause().to_string()]
                })
                .collect(),
            facts,
            warnings: found.warnings.iter().map(ToString::to_string).collect(),
            counted: match found.method {
                Method::Model { requests, seed } => {
                    let n = counted(requests, "request");
                    Some(format!("counted in the event model: {n}, seed {seed}"))
                }
                Method::Exact => None,
            },
            left_out: found.left_out.iter().map(|text| format!("not evaluated: {text}")).collect(),
        }
    }
}

/// Attempts and copies of each pod.
fn pods(found: &Consequences) -> String {
    let of = |pods: &[(String, f64)], what: &str| -> Vec<String> {
        pods.iter().map(|(pod, load)| format!("{pod} {load:.3}{what}")).collect()
    };
    let all = [of(&found.attempts.by_pod, ""), of(&found.mirrors.by_pod, " (copies)")].concat();
    all.join(", ")
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
