//! Requests that end elsewhere than before: from where to where, and how many.

use indexmap::IndexMap;

use super::End;
use super::parts::Parts;
use crate::order::Order as _;

/// Requests that move from one end to another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flow {
    pub from: End,
    pub to: End,
    /// Exact share of the stream's requests, above 0.
    pub share: f64,
    /// One of the requests; of several classes, one of that with the largest part.
    pub example: String,
}

/// Flows that are summed up over classes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flows {
    flows: IndexMap<(End, End), Parts>,
}

/// Shares below this are rounding.
pub(super) const NOTHING: f64 = 1e-12;

impl Flows {
    /// Adds a class with this share of the stream, whose requests ended by the shares `before` and end by `now`. Gives the
    /// part of the class (0 to 1) that stays at each end that both have.
    ///
    /// As few requests move as must: those that an end loses spread over the ends that gain, by how much they do.
    pub(crate) fn add(
        &mut self,
        class: usize,
        share: f64,
        before: &[(End, f64)],
        now: &[(End, f64)],
    ) -> Vec<(End, f64)> {
        let of = |ends: &[(End, f64)], end: &End| ends.iter().find(|(e, _)| e == end).map_or(0.0, |(_, s)| *s);
        let mut stays = Vec::new();
        let mut gains: Vec<(&End, f64)> = Vec::new();
        for (end, to) in now {
            let from = of(before, end);
            if from.min(*to) > 0.0 {
                stays.push((end.clone(), from.min(*to)));
            }
            if to - from > NOTHING {
                gains.push((end, to - from));
            }
        }
        let gained: f64 = gains.iter().map(|(_, g)| g).sum();
        for (end, from) in before {
            let lost = from - of(now, end);
            if lost <= NOTHING {
                continue;
            }
            for (to, gain) in &gains {
                let part = share * lost * gain / gained;
                self.flows.entry((end.clone(), (*to).clone())).or_default().add(part, class);
            }
        }
        stays
    }

    /// The largest first; of equal ones the first that was met. `example` shows a class by one of its requests.
    pub(crate) fn into_sorted(self, example: impl Fn(usize) -> String) -> Vec<Flow> {
        let flow = |((from, to), parts): ((End, End), Parts)| Flow {
            from,
            to,
            share: parts.sum,
            example: example(parts.class),
        };
        let mut out: Vec<Flow> = self.flows.into_iter().map(flow).collect();
        out.order_by(|a, b| b.share.total_cmp(&a.share));
        out
    }
}

#[cfg(feature = "cli")]
/// From which ends of some requests to which as few move as must, with their shares; what stays goes from an end to itself.
pub(crate) fn moves(before: &[(End, f64)], now: &[(End, f64)]) -> Vec<(End, End, f64)> {
    let mut flows = Flows::default();
    let stays = flows.add(0, 1.0, before, now);
    let moved = flows.into_sorted(|_| String::new());
    let stays = stays.into_iter().map(|(end, share)| (end.clone(), end, share));
    stays.chain(moved.into_iter().map(|f| (f.from, f.to, f.share))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::decision::Outcome;
    use crate::envoy::table::ClusterName;

    fn end(subset: &str) -> End {
        End::Cluster { cluster: ClusterName::outbound(80, subset, "shop"), outcome: Outcome::Delivered }
    }

    #[test]
    fn as_few_requests_move_as_must() {
        let mut flows = Flows::default();
        let stays = flows.add(3, 0.5, &[(end("v1"), 0.9), (end("v2"), 0.1)], &[(end("v1"), 0.7), (end("v2"), 0.3)]);
        assert_eq!(stays, [(end("v1"), 0.7), (end("v2"), 0.1)]);
        let sorted = flows.into_sorted(|class| class.to_string());
        assert_eq!(sorted.len(), 1);
        assert_eq!(
            (&sorted[0].from, &sorted[0].to, sorted[0].example.clone()),
            (&end("v1"), &end("v2"), "3".to_owned())
        );
        assert!((sorted[0].share - 0.1).abs() < 1e-12);
    }

    #[test]
    fn what_is_lost_is_what_is_gained() {
        let mut flows = Flows::default();
        let before = [(end("v1"), 0.6), (end("v2"), 0.4)];
        let now = [(end("v2"), 0.1), (end("v3"), 0.5), (end("v4"), 0.4)];
        flows.add(0, 1.0, &before, &now);
        let sorted = flows.into_sorted(|class| class.to_string());
        let moved: f64 = sorted.iter().map(|f| f.share).sum();
        assert!((moved - 0.9).abs() < 1e-12);
        let into = |to: &str| sorted.iter().filter(|f| f.to == end(to)).map(|f| f.share).sum::<f64>();
        assert!((into("v3") - 0.5).abs() < 1e-12 && (into("v4") - 0.4).abs() < 1e-12);
        assert!(sorted.windows(2).all(|w| w[0].share >= w[1].share));
    }

    #[test]
    fn equal_shares_move_nothing() {
        let mut flows = Flows::default();
        flows.add(0, 1.0, &[(end("v1"), 0.1 + 0.2), (end("v2"), 0.7)], &[(end("v2"), 0.7), (end("v1"), 0.3)]);
        assert!(flows.into_sorted(|class| class.to_string()).is_empty());
    }
}
