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

/// Probabilities of whole milliseconds.
#[derive(Debug, Clone, PartialEq)]
struct Spread {
    /// The millisecond of the first one.
    first: usize,
    shares: Vec<f64>,
}

impl Elapsed {
    /// The beginning of every request. `spread`: which millisecond it is will count.
    pub(super) fn start(spread: bool) -> Elapsed {
        let spread = spread.then(|| Spread { first: 0, shares: vec![1.0] });
        Elapsed { mass: 1.0, sum_ms: 0.0, worst_ms: 0.0, spread }
    }

    pub(super) fn times(&self, share: f64) -> Elapsed {
        let mut out = self.clone();
        out.mass *= share;
        out.sum_ms = if share > 0.0 { out.sum_ms * share } else { 0.0 };
        out.spread.iter_mut().for_each(|s| s.shares.iter_mut().for_each(|x| *x *= share));
        out
    }

    /// So many milliseconds later, which must be finite where there is a spread.
    pub(super) fn later(mut self, ms: f64) -> Elapsed {
        self.sum_ms += if self.mass > 0.0 { self.mass * ms } else { 0.0 };
        self.worst_ms += ms;
        if let Some(spread) = &mut self.spread {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, and not negative")]
            let whole = ms.round() as usize;
            spread.first = spread.first.saturating_add(whole);
        }
        self
    }

    /// After a wait of a whole number of milliseconds below `cap`, each as probable as the others.
    pub(super) fn after_wait(mut self, cap: u32) -> Elapsed {
        self.sum_ms += self.mass * super::back_off::mean_ms(cap);
        self.worst_ms += f64::from(cap.saturating_sub(1));
        if let Some(spread) = &mut self.spread {
            let width = cap.max(1) as usize;
            let mut shares = Vec::with_capacity(spread.shares.len() + width - 1);
            // The sum of the last `width` shares slides along.
            let mut sum = 0.0;
            for i in 0..spread.shares.len() + width - 1 {
                sum += spread.shares.get(i).copied().unwrap_or(0.0);
                sum -= i.checked_sub(width).and_then(|gone| spread.shares.get(gone)).copied().unwrap_or(0.0);
                shares.push(f64::max(sum, 0.0) / f64::from(cap.max(1)));
            }
            spread.shares = shares;
        }
        self
    }

    /// Takes away what comes at `limit` milliseconds or later, and gives its probability.
    pub(super) fn cut(&mut self, limit: f64) -> f64 {
        let Some(spread) = &mut self.spread else { return 0.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
        let kept = (limit.ceil() as usize).saturating_sub(spread.first).min(spread.shares.len());
        let late: f64 = spread.shares.drain(kept..).sum();
        if late > 0.0 {
            self.mass = spread.shares.iter().sum();
            let ms = |i: usize| crate::traffic::stats::as_f64((spread.first + i) as u64);
            self.sum_ms = spread.shares.iter().enumerate().map(|(i, share)| share * ms(i)).sum();
            self.worst_ms = spread.shares.iter().rposition(|s| *s > 0.0).map_or(0.0, ms);
        }
        late
    }

    /// Both together.
    pub(super) fn add(&mut self, other: &Elapsed) {
        if other.mass <= 0.0 {
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
            *a = Spread { first, shares };
        }
        self.worst_ms = if self.mass > 0.0 { self.worst_ms.max(other.worst_ms) } else { other.worst_ms };
        self.mass += other.mass;
        self.sum_ms += other.sum_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_uniform_and_add_up() {
        let two = Elapsed::start(true).later(10.0).after_wait(2).after_wait(2);
        assert_eq!(two.spread, Some(Spread { first: 10, shares: vec![0.25, 0.5, 0.25] }));
        assert_eq!((two.mass, two.sum_ms, two.worst_ms), (1.0, 11.0, 12.0));
    }

    #[test]
    fn what_is_late_is_cut_off() {
        let mut times = Elapsed::start(true).later(10.0).after_wait(4);
        assert_eq!(times.cut(12.0), 0.5);
        assert_eq!((times.mass, times.sum_ms, times.worst_ms), (0.5, 5.25, 11.0));
        assert_eq!(times.cut(5.0), 0.5);
        assert_eq!(times.mass, 0.0);
    }

    #[test]
    fn without_a_spread_mean_and_worst_case_are_the_same() {
        for spread in [false, true] {
            let mut times = Elapsed::start(spread).later(100.0).times(0.5);
            times.add(&Elapsed::start(spread).later(7.0).after_wait(25).times(0.5));
            assert!((times.sum_ms - 59.5).abs() < 1e-9 && (times.worst_ms - 100.0).abs() < 1e-9, "{times:?}");
        }
    }
}
