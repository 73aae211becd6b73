//! Loss systems: what a limit on requests in flight turns away (PA-50, PA-52).

/// Erlang's loss formula: the share of requests that find all of `limit` places taken, where they come at random and offer `load`
/// (rate times time) in all. How long they take otherwise doesn't count.
pub(super) fn erlang_b(load: f64, limit: u32) -> f64 {
    (1..=limit).fold(1.0, |lost, place| load * lost / (f64::from(place) + load * lost))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pa50_erlang_b() {
        for (load, limit, share) in [(4.0, 4, 0.310_68), (3.0, 2, 0.529_41), (2.0, 0, 1.0), (0.0, 3, 0.0)] {
            assert!((erlang_b(load, limit) - share).abs() < 1e-5, "{load} {limit}");
        }
    }
}
