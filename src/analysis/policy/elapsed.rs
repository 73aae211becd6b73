//! How much time has gone by, as a distribution: back-off makes it a matter of chance which attempts fit into a timeout (PA-21).

/// The times at which something happens, with the probability that it happens at all.
///
/// Where no timeout can come between, only the mean and the worst case count; then there is no spread.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Elapsed {
    /// Probability, 0 to 1.
    pub mass: f64,
    /// Sum over all cases of probability times milliseconds; infinite where it may never happen.
    pub sum_ms: f64,
    /// The latest of them, in milliseconds.
    pub worst_ms: f64,
    spread: Option<Spread>,
}

/// Probabilities of units of time, whole milliseconds unless the timeout is a long one, up to the timeout.
#[derive(Debug, Clone, PartialEq)]
struct Spread {
    /// Milliseconds of one unit, 1 or more.
    unit_ms: f64,
    /// The unit of the first one.
    first: usize,
    shares: Vec<f64>,
    /// Units up to the timeout: what comes there or later is late, and only its sum is known.
    horizon: usize,
    late: f64,
}

/// Units that a timeout has at most.
const UNITS_MAX: f64 = 1e5;

impl Spread {
    /// Whole units of a time.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, and not negative")]
    fn units(&self, ms: f64) -> usize {
        (ms / self.unit_ms).round() as usize
    }
}

impl Elapsed {
    /// The beginning of every request. `timeout_ms`: which moment it is will count, up to this one.
    pub(super) fn start(timeout_ms: Option<f64>) -> Elapsed {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and a hundred thousand at most"
        )]
        let spread = timeout_ms.map(|timeout| {
            let unit_ms = (timeout / UNITS_MAX).max(1.0);
            Spread { unit_ms, first: 0, shares: vec![1.0], horizon: (timeout / unit_ms).ceil() as usize, late: 0.0 }
        });
        Elapsed { mass: 1.0, sum_ms: 0.0, worst_ms: 0.0, spread }
    }

    /// How many numbers it is made of.
    pub(super) fn size(&self) -> usize {
        self.spread.as_ref().map_or(0, |spread| spread.shares.len())
    }

    pub(super) fn times(&self, share: f64) -> Elapsed {
        let mut out = self.clone();
        out.mass *= share;
        out.sum_ms = if share > 0.0 { out.sum_ms * share } else { 0.0 };
        if let Some(spread) = &mut out.spread {
            spread.shares.iter_mut().for_each(|x| *x *= share);
            spread.late *= share;
        }
        out
    }

    /// So many milliseconds later, which must be finite where there is a spread.
    pub(super) fn later(mut self, ms: f64) -> Elapsed {
        self.sum_ms += if self.mass > 0.0 { self.mass * ms } else { 0.0 };
        self.worst_ms += ms;
        if let Some(spread) = &mut self.spread {
            spread.first = spread.first.saturating_add(spread.units(ms));
        }
        self
    }

    /// After a wait of a whole number of milliseconds below `cap`, each as probable as the others.
    pub(super) fn after_wait(mut self, cap: u32) -> Elapsed {
        self.sum_ms += self.mass * super::back_off::mean_ms(cap);
        self.worst_ms += f64::from(cap.saturating_sub(1));
        if let Some(spread) = &mut self.spread {
            let width = spread.units(f64::from(cap)).max(1);
            let before: f64 = spread.shares.iter().sum();
            // What comes behind the timeout needs no places.
            let in_time = spread.horizon.saturating_sub(spread.first);
            let places = spread.shares.len().saturating_add(width - 1).min(in_time);
            let mut shares = Vec::with_capacity(places);
            // The sum of the last `width` shares slides along.
            let mut sum = 0.0;
            for i in 0..places {
                sum += spread.shares.get(i).copied().unwrap_or(0.0);
                sum -= i.checked_sub(width).and_then(|gone| spread.shares.get(gone)).copied().unwrap_or(0.0);
                shares.push(f64::max(sum, 0.0) / crate::traffic::stats::as_f64(width as u64));
            }
            if places < spread.shares.len().saturating_add(width - 1) {
                spread.late += (before - shares.iter().sum::<f64>()).max(0.0);
            }
            spread.shares = shares;
        }
        self
    }

    /// Takes away what comes at the timeout or later, and gives its probability.
    pub(super) fn cut(&mut self) -> f64 {
        let Some(spread) = &mut self.spread else { return 0.0 };
        let kept = spread.horizon.saturating_sub(spread.first).min(spread.shares.len());
        let late = spread.shares.drain(kept..).sum::<f64>() + std::mem::take(&mut spread.late);
        if late > 0.0 {
            self.mass = spread.shares.iter().sum();
            let ms = |i: usize| crate::traffic::stats::as_f64((spread.first.saturating_add(i)) as u64) * spread.unit_ms;
            self.sum_ms = spread.shares.iter().enumerate().map(|(i, share)| share * ms(i)).sum();
            self.worst_ms = spread.shares.iter().rposition(|s| *s > 0.0).map_or(0.0, ms);
        }
        late
    }

    /// Both together, after [`Elapsed::cut`].
    pub(super) fn add(&mut self, other: &Elapsed) {
        if other.mass <= 0.0 {
            return;
        }
        if self.mass <= 0.0 {
            self.clone_from(other);
            return;
        }
        if let (Some(a), Some(b)) = (&mut self.spread, &other.spread) {
            let first = a.first.min(b.first);
            let end = (a.first + a.shares.len()).max(b.first + b.shares.len());
            let mut shares = vec![0.0; end - first];
            for part in [&*a, b] {
                for (sum, share) in shares.iter_mut().skip(part.first - first).zip(&part.shares) {
                    *sum += share;
                }
            }
            (a.first, a.shares) = (first, shares);
        }
        self.worst_ms = self.worst_ms.max(other.worst_ms);
        self.mass += other.mass;
        self.sum_ms += other.sum_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_uniform_and_add_up() {
        let two = Elapsed::start(Some(100.0)).later(10.0).after_wait(2).after_wait(2);
        let spread = two.spread.as_ref().expect("a spread");
        assert_eq!((spread.first, spread.shares.as_slice()), (10, &[0.25, 0.5, 0.25][..]));
        assert_eq!((two.mass, two.sum_ms, two.worst_ms), (1.0, 11.0, 12.0));
    }

    #[test]
    fn what_is_late_is_cut_off() {
        let mut times = Elapsed::start(Some(12.0)).later(10.0).after_wait(4);
        assert_eq!(times.cut(), 0.5);
        assert_eq!((times.mass, times.sum_ms, times.worst_ms), (0.5, 5.25, 11.0));
        let mut times = times.later(7.0);
        assert_eq!((times.cut(), times.mass), (0.5, 0.0));
    }

    #[test]
    fn without_a_spread_mean_and_worst_case_are_the_same() {
        for timeout in [None, Some(1000.0)] {
            let mut times = Elapsed::start(timeout).later(100.0).times(0.5);
            times.add(&Elapsed::start(timeout).later(7.0).after_wait(25).times(0.5));
            assert!((times.sum_ms - 59.5).abs() < 1e-9 && (times.worst_ms - 100.0).abs() < 1e-9, "{times:?}");
        }
    }

    #[test]
    fn long_timeouts_have_longer_units() {
        let mut hours = Elapsed::start(Some(1e10)).later(5e9).after_wait(u32::MAX);
        assert!(hours.size() < 1_000_000);
        assert_eq!(hours.cut(), 0.0);
        let mut late = hours.later(4e9);
        assert!((late.cut() - 0.767).abs() < 0.001);
    }
}
