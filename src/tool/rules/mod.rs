//! The rules that output and comments cite, from `docs/rules/`: found by id, printed by `towtank explain RT-3`.
//!
//! In: an id. Out: its text. The texts are documents for people first; a heading of level 3 that begins with an id opens a rule, and
//! the next heading of level 3 or less closes it.

/// One rule as it stands in `docs/rules/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    /// For example `RT-3`, or `envoy-matching 2.6`.
    pub id: &'static str,
    pub title: &'static str,
    /// Markdown, without heading.
    pub text: &'static str,
    /// Below `docs/rules/`.
    pub file: &'static str,
}

macro_rules! texts {
    ($($file:literal),* $(,)?) => {
        [$(($file, include_str!(concat!("../../../docs/rules/", $file)))),*]
    };
}

/// Every chapter, in the order of the index.
const CHAPTERS: [(&str, &str); 52] = texts![
    "istio/01-definitions.md",
    "istio/02-input.md",
    "istio/03-services.md",
    "istio/04-scope.md",
    "istio/05-virtual-services.md",
    "istio/06-route-matches.md",
    "istio/07-route-actions.md",
    "istio/08-sidecar-routes.md",
    "istio/09-sidecar-listeners.md",
    "istio/10-inbound.md",
    "istio/11-gateways.md",
    "istio/12-destination-rules.md",
    "istio/13-endpoints.md",
    "istio/14-admission.md",
    "istio/15-flags-and-versions.md",
    "istio/16-envoy-notes.md",
    "istio/17-worked-examples.md",
    "istio/18-non-determinism.md",
    "envoy/00-conventions.md",
    "envoy/01-virtual-host.md",
    "envoy/02-route-order-and-path.md",
    "envoy/03-headers.md",
    "envoy/04-query-parameters.md",
    "envoy/05-fractions-and-metadata.md",
    "envoy/06-from-route-to-cluster.md",
    "envoy/07-retries-and-timeouts.md",
    "envoy/08-mirrors.md",
    "envoy/09-faults-and-cors.md",
    "envoy/10-load-balancing.md",
    "envoy/11-outliers-and-breakers.md",
    "envoy/12-access-logs.md",
    "envoy/13-router-check-tool.md",
    "envoy/14-configurations.md",
    "envoy/a-experiments.md",
    "envoy/b-regular-expressions.md",
    "envoy/c-test-vectors.md",
    "envoy/d-open-points.md",
    "policy/01-model.md",
    "policy/02-retries.md",
    "policy/03-which-pod.md",
    "policy/04-timeouts.md",
    "policy/05-faults.md",
    "policy/06-mirrors.md",
    "policy/07-circuit-breakers.md",
    "policy/08-outlier-detection.md",
    "policy/09-hashing-and-weights.md",
    "policy/10-warnings.md",
    "policy/11-transitions.md",
    "policy/12-surprises.md",
    "versions/00-overview.md",
    "versions/01-istio.md",
    "versions/02-envoy.md",
];

/// All rules, in the order of the documents.
pub(crate) fn all() -> impl Iterator<Item = Rule> {
    CHAPTERS.iter().flat_map(|(file, text)| of_chapter(file, text))
}

/// The rule of that id, compared ignoring case.
pub(crate) fn find(id: &str) -> Option<Rule> {
    all().find(|rule| rule.id.eq_ignore_ascii_case(id))
}

/// The id most like the one that isn't there.
pub(crate) fn suggestion(id: &str) -> Option<&'static str> {
    let wanted = id.to_ascii_uppercase();
    let distance = |rule: &Rule| strsim::damerau_levenshtein(&rule.id.to_ascii_uppercase(), &wanted);
    all().min_by_key(distance).filter(|rule| distance(rule) <= 2).map(|rule| rule.id)
}

/// True for a text of the form of an id: it need not be one.
pub(crate) fn is_id(text: &str) -> bool {
    let (letters, digits) = text.split_once('-').unwrap_or_else(|| {
        let digits = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
        text.split_at(digits)
    });
    let digits = digits.strip_prefix('E').unwrap_or(digits);
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number && matches!(letters.len(), 1..=3) && letters.bytes().all(|b| b.is_ascii_alphabetic())
        || text.to_ascii_lowercase().strip_prefix("envoy-matching ").is_some_and(is_section)
}

fn is_section(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn of_chapter(file: &'static str, text: &'static str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut open: Option<(&'static str, usize)> = None;
    let mut at = 0;
    let mut fenced = false;
    for line in text.split_inclusive('\n') {
        fenced ^= line.starts_with("```");
        let level = line.bytes().take_while(|b| *b == b'#').count();
        if !fenced && (1..=3).contains(&level) && line.as_bytes().get(level) == Some(&b' ') {
            if let Some((heading, start)) = open.take() {
                rules.push(rule(file, heading, text.get(start..at).unwrap_or_default()));
            }
            if level == 3 {
                open = Some((line.get(4..).unwrap_or_default().trim(), at + line.len()));
            }
        }
        at += line.len();
    }
    if let Some((heading, start)) = open {
        rules.push(rule(file, heading, text.get(start..).unwrap_or_default()));
    }
    rules
}

fn rule(file: &'static str, heading: &'static str, text: &'static str) -> Rule {
    // Sections of Envoy's behaviour have an id of two words.
    let words = if heading.starts_with("envoy-matching ") { 2 } else { 1 };
    let end = heading.match_indices(' ').nth(words - 1).map_or(heading.len(), |(at, _)| at);
    let (id, title) = heading.split_at(end);
    Rule { id, title: title.trim(), text: text.trim(), file }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The table of what differs by release cites rules only, in the order in which they are written down.
    #[test]
    fn every_difference_of_a_release_has_its_rules() {
        let all = crate::manifest::release::rows();
        for row in all {
            assert!(find(row.id).is_some(), "{} is no rule", row.id);
            assert!(find(row.rule).is_some(), "{}: {} is no rule", row.id, row.rule);
        }
        let mut cited: Vec<&str> = all.iter().map(|row| row.id).collect();
        cited.dedup();
        let written: Vec<&str> = super::all().map(|rule| rule.id).filter(|id| id.starts_with("VE-")).collect();
        assert_eq!(cited, written);
    }

    #[test]
    fn every_chapter_of_the_folder_is_in_and_no_id_comes_twice() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules");
        let on_disk: BTreeSet<String> = walkdir::WalkDir::new(&folder)
            .min_depth(2)
            .into_iter()
            .filter_map(Result::ok)
            .filter(|e| e.path().extension().is_some_and(|x| x == "md"))
            .map(|e| e.path().strip_prefix(&folder).expect("below").to_string_lossy().replace('\\', "/"))
            .collect();
        let compiled: BTreeSet<String> = CHAPTERS.iter().map(|(file, _)| (*file).to_owned()).collect();
        assert_eq!(compiled, on_disk);
        let mut ids = BTreeSet::new();
        for rule in all() {
            assert!(ids.insert(rule.id), "{} comes twice", rule.id);
            assert!(is_id(rule.id) || rule.id.starts_with("envoy-matching"), "{} is no id", rule.id);
            assert!(!rule.title.is_empty() && !rule.text.is_empty(), "{} says nothing", rule.id);
        }
        assert!(ids.len() > 400, "only {} rules", ids.len());
    }

    #[test]
    fn rules_are_found_by_id() {
        let found = |id| find(id).map(|r| (r.id, r.file));
        assert_eq!(found("rt-3"), Some(("RT-3", "istio/06-route-matches.md")));
        assert_eq!(found("envoy-matching 2.6"), Some(("envoy-matching 2.6", "envoy/02-route-order-and-path.md")));
        assert_eq!(found("RT-333"), None);
        assert_eq!(suggestion("RT-1O"), Some("RT-1"));
    }
}
