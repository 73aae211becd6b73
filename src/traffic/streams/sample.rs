//! Requests of a described stream drawn one by one, for streams with too many combinations to look at each.

use rand::Rng;
use rand_distr::{Distribution, Zipf};
use smol_str::{SmolStr, format_smolstr};

use super::Class;
use super::expand::{Binding, Of, request_of, session_of, used_names};
use crate::traffic::scenario::{Stream, Template, Values};

/// Draws requests of one stream.
#[derive(Debug)]
pub(crate) struct Sampler<'s> {
    stream: &'s Stream,
    /// Templates with a weight, each with its own and all before it.
    templates: Vec<(u32, &'s Template, f64)>,
}

impl<'s> Sampler<'s> {
    pub(crate) fn new(stream: &'s Stream) -> Sampler<'s> {
        let mut sum = 0.0;
        let templates = (0..)
            .zip(&stream.requests)
            .filter(|(_, t)| t.weight > 0.0)
            .map(|(i, t)| {
                sum += t.weight;
                (i, t, sum)
            })
            .collect();
        Sampler { stream, templates }
    }

    /// The stream's request of that number, as a class of one; None for a stream without any.
    pub(crate) fn draw(&self, number: u64, rng: &mut impl Rng) -> Option<Class> {
        let (_, _, total) = self.templates.last()?;
        let at = unit(rng) * total;
        let chosen = self.templates.partition_point(|(_, _, sum)| *sum <= at).min(self.templates.len() - 1);
        let (index, template, _) = self.templates.get(chosen)?;
        let bindings: Vec<Binding> =
            used_names(template).into_iter().map(|name| (name.into(), self.value(name, number, rng))).collect();
        let headers = template.headers.iter().filter(|h| h.probability > 0.0);
        let present: Vec<_> = headers.filter(|h| h.probability >= 1.0 || unit(rng) < h.probability).collect();
        let session = session_of(self.stream, &bindings);
        let like = Of { template: *index, weight: 1.0, session, phase: 0 };
        request_of(template, &present, &bindings, &like)
    }

    fn value(&self, name: &str, number: u64, rng: &mut impl Rng) -> SmolStr {
        let own = self.stream.variables.iter().find(|v| v.name == name).map(|v| &v.values);
        let within = |from: i64, to: i64, word: u64| {
            let length = to.abs_diff(from).saturating_add(1);
            format_smolstr!("{}", i128::from(from) + i128::from(word % length))
        };
        match own {
            Some(Values::Choice(options)) => {
                let total: f64 = options.iter().map(|(_, w)| w).sum();
                let mut left = unit(rng) * total;
                let chosen = options.iter().filter(|(_, w)| *w > 0.0).find(|(_, w)| {
                    left -= w;
                    left < 0.0
                });
                chosen.or(options.last()).map(|(value, _)| value.clone()).unwrap_or_default()
            }
            Some(Values::Uniform { from, to }) => within(*from, *to, rng.next_u64()),
            Some(Values::Sequence { from, to }) => within(*from, *to, number),
            Some(Values::Zipf { count, exponent }) => {
                let rank = Zipf::new(crate::traffic::stats::as_f64(*count), *exponent).map_or(1.0, |z| z.sample(rng));
                format_smolstr!("{rank:.0}")
            }
            None => match &self.stream.sessions {
                Some(sessions) => format_smolstr!("s{}", rng.next_u64() % sessions.count.max(1)),
                None => SmolStr::default(),
            },
        }
    }
}

/// From 0 to below 1.
fn unit(rng: &mut impl Rng) -> f64 {
    crate::traffic::stats::as_f64(rng.next_u64() >> 11) / 9_007_199_254_740_992.0
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::manifest::source::Position;
    use crate::traffic::scenario::{Amount, TemplateHeader, Variable};

    #[test]
    fn what_is_drawn_has_the_described_shares() {
        let template = |weight, url: &str, probability| Template {
            weight,
            method: "GET".into(),
            url: url.into(),
            headers: vec![TemplateHeader { name: "x-beta".into(), value: "{user}".into(), probability }],
            address: None,
            at: Position::default(),
        };
        let variable = |name: &str, values| Variable { name: name.into(), values, at: Position::default() };
        let stream = Stream {
            name: "s".into(),
            proxy: SmolStr::default(),
            amount: Amount::default(),
            variables: vec![
                variable("user", Values::Choice(vec![("a".into(), 1.0), ("no".into(), 0.0), ("b".into(), 3.0)])),
                variable("item", Values::Uniform { from: -5, to: i64::MAX }),
                variable("rank", Values::Zipf { count: 1 << 40, exponent: 1.5 }),
                variable("turn", Values::Sequence { from: 1, to: 3 }),
            ],
            sessions: None,
            requests: vec![
                template(0.0, "http://shop/never", 1.0),
                template(3.0, "http://shop/{item}/{turn}", 0.25),
                template(1.0, "http://shop/ranks/{rank}", 0.0),
            ],
            detect: None,
            at: Position::default(),
        };
        let sampler = Sampler::new(&stream);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let drawn: Vec<Class> = (0..20_000).map(|i| sampler.draw(i, &mut rng).unwrap()).collect();
        let share = |f: &dyn Fn(&Class) -> bool| drawn.iter().filter(|c| f(c)).count() as f64 / 20_000.0;
        let near = |got: f64, wanted: f64| assert!((got - wanted).abs() < 0.01, "{got} for {wanted}");
        near(share(&|c| c.template == 1), 0.75);
        near(share(&|c| c.template == 2), 0.25);
        near(share(&|c| c.request.headers.iter().any(|(_, v)| v == "b")), 0.75 * 0.25 * 0.75);
        near(share(&|c| c.request.path == "/ranks/1"), 0.25 / 2.612);
        near(share(&|c| c.request.path.ends_with("/2")), 0.25 + 0.25 * 0.0 + 0.25 * 0.3535 / 2.612);
        assert_eq!(share(&|c| c.request.headers.iter().any(|(_, v)| v == "no")), 0.0);
    }
}
