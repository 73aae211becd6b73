//! Where a log says that its requests went, held against where they go now.

use indexmap::IndexMap;

use super::End;
use super::end;
use super::flows::NOTHING;
use super::parts::Parts;
use crate::envoy::decision::{Counted, Outcome};
use crate::envoy::table::ClusterName;
use crate::order::Order as _;
use crate::traffic::recorded::{Format, Went};
use crate::traffic::replay::{Kind, Prepared, Sorted, View};
use crate::traffic::stats::{as_f64, chi_square};

/// A place as a log names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Logged {
    /// A cluster that sent the request on, or had no endpoint for it.
    Cluster { name: String, outcome: Outcome },
    /// No cluster was found, or none was looked for.
    Outcome { outcome: Outcome, status: Option<u16> },
}

/// The requests of one stream, then and now.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LogChange {
    /// Requests of which the log says where they went.
    pub compared: u64,
    /// Those of which it doesn't.
    pub unknown: u64,
    /// Those that go where they went. Where a split decides, it is its shares that are held against what was logged: as many as
    /// fit them count as going where they went.
    pub same: f64,
    /// The expected number of those that go elsewhere, from where to where; largest first.
    pub moves: Vec<LogMove>,
}

impl LogChange {
    /// Expected number of requests that go elsewhere.
    pub(crate) fn changed(&self) -> f64 {
        self.moves.iter().map(|m| m.requests).sum()
    }
}

/// Requests that went to one place and go to another now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogMove {
    pub from: Logged,
    pub to: End,
    /// Expected number, above 0.
    pub requests: f64,
    /// One of them.
    pub example: String,
}

/// Logs that were read, and what they say beside what is so now.
#[derive(Debug, Clone)]
pub(crate) struct LogResult {
    pub sorted: Sorted,
    /// One for each stream.
    pub changes: Vec<LogChange>,
}

impl LogResult {
    /// Their names as they were given, sorted.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.sorted.read.logs.keys().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        names
    }

    /// The name of one log; of several, how many they are.
    pub(crate) fn name(&self) -> String {
        match self.names().as_slice() {
            [one] => (*one).to_owned(),
            several => format!("{} logs", several.len()),
        }
    }

    /// Each once.
    pub(crate) fn formats(&self) -> Vec<Format> {
        let mut formats: Vec<Format> = self.sorted.read.logs.keys().map(|(_, format)| *format).collect();
        formats.order();
        formats.dedup();
        formats
    }

    /// The formats in words.
    pub(crate) fn format(&self) -> String {
        self.formats().iter().map(Format::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// Below this, counts that differ from their shares are a change and no chance.
const P_MIN: f64 = 0.001;

/// Compares a log's classes, given in the order of the stream's.
pub(crate) fn logged<'k>(stream: &Prepared, view: &View, kinds: impl Iterator<Item = &'k Kind>) -> LogChange {
    let mut out = LogChange::default();
    let mut moves: IndexMap<(Logged, End), Parts> = IndexMap::new();
    for (class, (kind, ends)) in kinds.zip(end::of_classes(stream, view)).enumerate() {
        let went: Vec<(Logged, u64)> = merged(kind.went.iter().filter_map(|(w, n)| Some((place(w)?, *n))));
        let compared: u64 = went.iter().map(|(_, n)| n).sum();
        out.compared += compared;
        out.unknown += kind.count - compared;
        let mut add = |from: &Logged, to: &End, n: f64| {
            moves.entry((from.clone(), to.clone())).or_default().add(n, class);
        };
        out.same += of_class(&went, &ends, &mut add);
    }
    let example = |class: usize| stream.classes.get(class).map(|c| crate::envoy::words::example(&c.request));
    out.moves = moves
        .into_iter()
        .map(|((from, to), parts)| LogMove {
            from,
            to,
            requests: parts.sum,
            example: example(parts.class).unwrap_or_default(),
        })
        .collect();
    out.moves.order_by(|a, b| b.requests.total_cmp(&a.requests));
    out
}

fn merged(places: impl Iterator<Item = (Logged, u64)>) -> Vec<(Logged, u64)> {
    let mut out: IndexMap<Logged, u64> = IndexMap::new();
    places.for_each(|(place, n)| *out.entry(place).or_default() += n);
    out.into_iter().collect()
}

/// Ends that the log's words for a class don't tell apart.
struct Told<'e> {
    /// One of them.
    end: &'e End,
    share: f64,
    observed: u64,
}

/// How many of a class go where they went; calls `moved` with the others.
fn of_class(went: &[(Logged, u64)], ends: &[(End, f64)], moved: &mut impl FnMut(&Logged, &End, f64)) -> f64 {
    let total: u64 = went.iter().map(|(_, n)| n).sum();
    let (told, places) = told(went, ends);
    let shares: Vec<f64> = told.iter().map(|t| t.share).collect();
    let observed: Vec<u64> = told.iter().map(|t| t.observed).collect();
    let all_known = places.iter().all(Option::is_some);
    if all_known && chi_square(&observed, &shares).is_none_or(|fit| fit.p_value >= P_MIN) {
        return as_f64(total);
    }
    // As few move as must, as between two meshes: positive for ends that get more than they had.
    let gain = |t: &Told<'_>| t.share * as_f64(total) - as_f64(t.observed);
    let gains: Vec<(&End, f64)> = told.iter().map(|t| (t.end, gain(t))).filter(|(_, gain)| *gain > NOTHING).collect();
    let gained: f64 = gains.iter().map(|(_, g)| g).sum();
    let mut stay = as_f64(total);
    for ((logged, n), at) in went.iter().zip(&places) {
        // What an end has too many of, its logged places lose in proportion.
        let lost = match at.and_then(|i| told.get(i)) {
            Some(t) => (-gain(t)).max(0.0) * as_f64(*n) / as_f64(t.observed),
            None => as_f64(*n),
        };
        if lost <= NOTHING {
            continue;
        }
        stay -= lost;
        for (end, gain) in &gains {
            moved(logged, end, lost * gain / gained);
        }
    }
    stay.max(0.0)
}

/// The ends as far as the log tells them apart, and for each logged place the one that it is. A log that says no more than that no
/// cluster was found cannot tell which one wasn't.
fn told<'e>(went: &[(Logged, u64)], ends: &'e [(End, f64)]) -> (Vec<Told<'e>>, Vec<Option<usize>>) {
    let mut groups: Vec<usize> = (0..ends.len()).collect();
    for (logged, _) in went {
        let mut same = ends.iter().enumerate().filter(|(_, (end, _))| logged.is(end)).map(|(i, _)| i);
        if let Some(first) = same.next().and_then(|i| groups.get(i).copied()) {
            for other in same.collect::<Vec<_>>() {
                let old = groups.get(other).copied();
                groups.iter_mut().filter(|g| Some(**g) == old).for_each(|g| *g = first);
            }
        }
    }
    let mut out: Vec<Told<'e>> = Vec::new();
    let mut place_of: Vec<usize> = Vec::with_capacity(ends.len());
    let mut known: IndexMap<usize, usize> = IndexMap::new();
    for ((end, share), group) in ends.iter().zip(&groups) {
        let at = *known.entry(*group).or_insert(out.len());
        match out.get_mut(at) {
            Some(t) => t.share += share,
            None => out.push(Told { end, share: *share, observed: 0 }),
        }
        place_of.push(at);
    }
    let place = |logged: &Logged| {
        let at = ends.iter().position(|(end, _)| logged.is(end))?;
        place_of.get(at).copied()
    };
    let places: Vec<Option<usize>> = went.iter().map(|(logged, _)| place(logged)).collect();
    for ((_, n), at) in went.iter().zip(&places) {
        if let Some(t) = at.and_then(|i| out.get_mut(i)) {
            t.observed += n;
        }
    }
    (out, places)
}

/// The place that a log names. None where it doesn't say.
fn place(went: &Went) -> Option<Logged> {
    let flags = went.flags.as_deref();
    let outcome = |outcome| Some(Logged::Outcome { outcome, status: None });
    match (went.cluster.as_deref(), flags) {
        (_, Some("NR")) => outcome(Outcome::NoRoute),
        (_, Some("FI")) => outcome(Outcome::FaultAbort),
        (Some("BlackHoleCluster"), _) => outcome(Outcome::BlackholeCluster),
        (Some("PassthroughCluster"), _) => outcome(Outcome::Passthrough),
        (None | Some("-"), Some("NC")) => outcome(Outcome::NoCluster),
        (None | Some("-"), Some("UH")) => outcome(Outcome::NoEndpoints),
        (Some("-"), _) => match went.status {
            Some(status @ 300..=399) => Some(Logged::Outcome { outcome: Outcome::Redirect, status: Some(status) }),
            Some(status) if status > 0 => {
                Some(Logged::Outcome { outcome: Outcome::DirectResponse, status: Some(status) })
            }
            _ => None,
        },
        (Some(name), _) => {
            let outcome = match flags {
                Some("NC") => Outcome::NoCluster,
                Some("UH") => Outcome::NoEndpoints,
                _ => Outcome::Delivered,
            };
            Some(Logged::Cluster { name: name.to_owned(), outcome })
        }
        (None, _) => None,
    }
}

impl Logged {
    /// Whether a request that ends there would be logged so.
    fn is(&self, end: &End) -> bool {
        match (self, end) {
            (Logged::Cluster { name, outcome }, End::Cluster { cluster, outcome: now }) => {
                // A connection through a TCP proxy is delivered too.
                let same = outcome == now
                    || (*outcome == Outcome::Delivered && now.counted() == Counted::Subset)
                    || (*outcome == Outcome::Delivered && *now == Outcome::Passthrough);
                same && *name == cluster.to_string()
            }
            (Logged::Outcome { outcome, .. }, End::Cluster { cluster, outcome: now }) => {
                outcome == now || (*outcome == Outcome::BlackholeCluster && *cluster == ClusterName::BlackHole)
            }
            (Logged::Outcome { outcome, status }, End::Answer { outcome: now, status: answered }) => match outcome {
                // What REGISTRY_ONLY keeps in is answered by a direct response (VH-14).
                Outcome::DirectResponse if *now == Outcome::BlackholeCluster => *status == Some(502),
                // Refused before a route was looked for: no flag says so.
                Outcome::DirectResponse if *now == Outcome::BadRequest => *status == Some(400),
                Outcome::Redirect | Outcome::DirectResponse => now.counted() == Counted::Answered && status == answered,
                _ => outcome == now,
            },
            (Logged::Cluster { .. }, End::Answer { .. }) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(subset: &str) -> End {
        End::Cluster { cluster: ClusterName::outbound(80, subset, "shop"), outcome: Outcome::Delivered }
    }

    fn cluster(subset: &str) -> Logged {
        Logged::Cluster { name: format!("outbound|80|{subset}|shop"), outcome: Outcome::Delivered }
    }

    /// What stays, and what moves as `from>to requests`.
    fn compare(went: &[(Logged, u64)], ends: &[(End, f64)]) -> (f64, Vec<String>) {
        let mut moves = Vec::new();
        let mut moved = |from: &Logged, to: &End, n: f64| {
            let subset = |text: String| text.split('|').nth(2).unwrap_or("-").to_owned();
            moves.push(format!("{}>{} {n:.1}", subset(format!("{from:?}")), subset(format!("{to:?}"))));
        };
        let same = of_class(went, ends, &mut moved);
        (same, moves)
    }

    #[test]
    fn counts_that_fit_a_split_are_no_change() {
        let ends = [(end("v1"), 0.9), (end("v2"), 0.1)];
        let (same, moves) = compare(&[(cluster("v1"), 913), (cluster("v2"), 87)], &ends);
        assert!((same - 1000.0).abs() < 1e-9 && moves.is_empty());
        let (same, moves) = compare(&[(cluster("v1"), 500), (cluster("v2"), 500)], &ends);
        assert!((same - 600.0).abs() < 1e-9, "{same}");
        assert_eq!(moves.len(), 1);
    }

    #[test]
    fn what_went_to_a_subset_that_is_gone_goes_to_those_that_gain() {
        let ends = [(end("v1"), 0.5), (end("v2"), 0.5)];
        let (same, moves) = compare(&[(cluster("v1"), 500), (cluster("v3"), 500)], &ends);
        assert!((same - 500.0).abs() < 1e-9);
        assert_eq!(moves.len(), 1);
        assert!(moves[0].ends_with("500.0"), "{moves:?}");
    }

    #[test]
    fn what_a_log_does_not_tell_apart_is_held_together() {
        let missing = |subset: &str| End::Cluster {
            cluster: ClusterName::outbound(80, subset, "shop"),
            outcome: Outcome::NoCluster,
        };
        let none = Logged::Outcome { outcome: Outcome::NoCluster, status: None };
        let ends = [(missing("v1"), 0.25), (end("v2"), 0.5), (missing("v3"), 0.25)];
        let (same, moves) = compare(&[(none, 500), (cluster("v2"), 500)], &ends);
        assert!((same - 1000.0).abs() < 1e-9 && moves.is_empty(), "{same} {moves:?}");
    }

    #[test]
    fn what_is_refused_before_routing_was_answered_400() {
        let logged = |status| Logged::Outcome { outcome: Outcome::DirectResponse, status: Some(status) };
        let ends = [(End::Answer { outcome: Outcome::BadRequest, status: None }, 1.0)];
        assert_eq!(compare(&[(logged(400), 9)], &ends), (9.0, Vec::new()));
        assert_eq!(compare(&[(logged(200), 9)], &ends).0, 0.0);
    }

    #[test]
    fn envoys_words_are_understood() {
        let went = |cluster: Option<&str>, flags: &str, status| Went {
            cluster: cluster.map(Into::into),
            flags: Some(flags.into()),
            status: Some(status),
            route_name: None,
        };
        let outcome = |w: &Went| match place(w) {
            Some(Logged::Outcome { outcome, status }) => format!("{} {status:?}", outcome.as_str()),
            Some(Logged::Cluster { name, outcome }) => format!("{name} {}", outcome.as_str()),
            None => "unknown".to_owned(),
        };
        for (cluster, flags, status, wanted) in [
            (Some("-"), "NR", 404, "no_route None"),
            (Some("outbound|80||a"), "-", 200, "outbound|80||a delivered"),
            (Some("outbound|80||a"), "UH", 503, "outbound|80||a no_endpoints"),
            (Some("-"), "NC", 503, "no_cluster None"),
            (None, "UH", 503, "no_endpoints None"),
            (Some("-"), "-", 301, "redirect Some(301)"),
            (Some("-"), "-", 418, "direct_response Some(418)"),
            (Some("PassthroughCluster"), "-", 200, "passthrough None"),
            (None, "-", 200, "unknown"),
        ] {
            assert_eq!(outcome(&went(cluster, flags, status)), wanted);
        }
    }
}
