//! The results as one JSON document (`simulate -o json`; its schema is `schema/simulate.json`).

mod log;
mod policy;
mod what_if;

use super::Results;
use crate::envoy::decision::Counted;
use crate::envoy::table::{ClusterName, RouteSource};
use crate::manifest::source::SourceMap;
use crate::tool::report::VERSION;
use crate::tool::report::json_writer::{JsonWriter, Object};
use crate::tool::report::limits;
use crate::traffic::replay::{Count, Detection, Power, StreamSummary};
use crate::traffic::stats::{CONFIDENCE, Fit, POWER};

/// One line, without line end.
pub(crate) fn to_json(results: &Results<'_>) -> Vec<u8> {
    let mut json = JsonWriter::default();
    json.object(|o| {
        o.number("version", VERSION);
        match results.scenario {
            "" => o.null("scenario"),
            name => o.str("scenario", name),
        }
        o.number("seed", results.seed);
        o.number("requests", results.totals.requests);
        o.bool("exact", results.exact);
        o.bool("partial", results.totals.partial);
        match results.istio {
            Some(istio) => o.str("istio", istio),
            None => o.null("istio"),
        }
        o.strings("assumed", results.assumed);
        let differences = results.against.map(|w| w.before.iter().zip(&w.changes)).into_iter().flatten();
        let differences = differences.map(Some).chain(std::iter::repeat(None));
        let logged = results.log.map(|l| l.changes.iter()).into_iter().flatten();
        let logged = logged.map(Some).chain(std::iter::repeat(None));
        o.objects("streams", results.streams.iter().zip(differences).zip(logged), |o, ((s, difference), logged)| {
            o.str("name", &s.name);
            o.str("proxy", &s.proxy);
            o.number("members", s.audience.members as u64);
            o.strings("classes", &s.audience.classes);
            o.bool("automatic", s.automatic);
            o.bool("takes_all", s.takes_all());
            match s.sampled_of {
                Some(combinations) => o.number("sampled_of", combinations),
                None => o.null("sampled_of"),
            }
            summary(o, s, results.sources);
            match &s.detection {
                Some(d) => o.object("detection", |o| detection(o, d)),
                None => o.null("detection"),
            }
            match difference {
                Some((before, change)) => o.object("against", |o| what_if::stream(o, before, s, change)),
                None => o.null("against"),
            }
            match logged {
                Some(change) => o.object("logged", |o| log::change(o, change)),
                None => o.null("logged"),
            }
        });
        o.object("totals", |o| {
            summary(o, &results.totals, results.sources);
            match results.against {
                Some(two) => o.object("against", |o| what_if::sums(o, two.sums(results.streams))),
                None => o.null("against"),
            }
        });
        match results.against {
            Some(two) => o.objects("tables", &two.tables, what_if::table),
            None => o.null("tables"),
        }
        match results.log {
            Some(log) => o.object("log", |o| log::log(o, log)),
            None => o.null("log"),
        }
        match results.rules {
            Some(rules) => o.objects("policy", rules, |o, rule| policy::rule(o, rule, results.sources)),
            None => o.null("policy"),
        }
        o.objects("not_modelled", results.limits, |o, l| limits::json(o, l, results.sources));
    });
    json.into_bytes()
}

/// What a stream and the totals have in common.
fn summary(o: &mut Object<'_>, s: &StreamSummary, sources: &SourceMap) {
    o.number("requests", s.requests);
    o.object("outcomes", |o| s.outcomes.iter().for_each(|(outcome, c)| o.number(outcome.as_str(), c.requests)));
    o.object("expected_outcomes", |o| {
        s.outcomes.iter().for_each(|(outcome, c)| o.float(outcome.as_str(), bounded(c.expected_share)));
    });
    o.objects("destinations", &s.destinations, |o, d| {
        cluster_parts(o, Some(&d.cluster));
        o.str("outcome", d.outcome.as_str());
        count(o, d.count, s);
        let [low, high] = d.count.ci95(s.requests);
        o.floats("ci95", &[low, high]);
        o.objects("endpoints", &d.endpoints, |o, e| {
            o.str("endpoint", &e.endpoint);
            count(o, e.count, s);
        });
        o.number("unready_endpoints", d.unready as u64);
        o.bool("assumed", d.assumed);
        match &d.sticky {
            Some(sticky) => o.object("sticky", |o| {
                o.number("sessions", sticky.sessions);
                o.float("put_together", bounded(sticky.put_together));
                let endpoints = d.endpoints.iter().zip(&sticky.of_endpoints).zip(&sticky.long_run);
                o.objects("endpoints", endpoints, |o, ((e, sessions), long_run)| {
                    o.str("endpoint", &e.endpoint);
                    o.number("sessions", *sessions);
                    o.float("long_run_share", bounded(*long_run));
                });
                fit(o, sticky.fit);
            }),
            None => o.null("sticky"),
        }
    });
    o.object("answered", |o| {
        count(o, s.counted(Counted::Answered), s);
        o.objects("answers", &s.answers, |o, a| {
            o.str("outcome", a.outcome.as_str());
            match a.status {
                Some(status) => o.number("status", status),
                None => o.null("status"),
            }
            match &a.location {
                Some(location) => o.str("location", location),
                None => o.null("location"),
            }
            count(o, a.count, s);
            source(o, a.source.as_ref(), sources);
        });
    });
    o.object("passthrough", |o| count(o, s.counted(Counted::Passthrough), s));
    o.object("unmatched", |o| {
        count(o, s.counted(Counted::Unmatched), s);
        o.objects("examples", &s.unmatched_examples, |o, e| {
            o.str("request", &e.request);
            o.str("outcome", e.outcome.as_str());
            match &e.reason {
                Some(reason) => o.str("reason", reason),
                None => o.null("reason"),
            }
        });
    });
    o.object("blackholed", |o| {
        count(o, s.counted(Counted::Blackholed), s);
        o.objects("causes", &s.causes, |o, c| {
            o.str("outcome", c.outcome.as_str());
            o.str("cause", c.cause.id());
            match &c.cluster {
                Some(cluster) => o.text("cluster", cluster),
                None => o.null("cluster"),
            }
            count(o, c.count, s);
            source(o, c.source.as_ref(), sources);
            o.str("hint", &c.hint);
            o.str("example", &c.example);
        });
    });
    o.objects("routes", &s.routes, |o, r| {
        o.str("proxy", &r.proxy);
        o.str("route_config", &r.route_config);
        o.str("virtual_host", &r.virtual_host);
        o.number("route_index", r.route_index);
        count(o, r.count, s);
        source(o, r.route.source.as_ref(), sources);
    });
    fit(o, s.fit);
}

/// The name of a cluster and what it is made of.
pub(super) fn cluster_parts(o: &mut Object<'_>, cluster: Option<&ClusterName>) {
    match cluster {
        Some(name) => o.text("cluster", name),
        None => o.null("cluster"),
    }
    match cluster.and_then(ClusterName::parts) {
        Some((host, subset, port)) => {
            o.str("host", host);
            if subset.is_empty() {
                o.null("subset")
            } else {
                o.str("subset", subset)
            }
            o.number("port", port);
        }
        None => ["host", "subset", "port"].into_iter().for_each(|key| o.null(key)),
    }
}

fn detection(o: &mut Object<'_>, d: &Detection) {
    o.float("rise", d.rise);
    o.float("error_rate", d.error_rate);
    o.float("confidence", CONFIDENCE);
    o.float("power", POWER);
    optional(o, "rate", d.per_second);
    o.number("planned", d.planned);
    o.objects("subsets", &d.subsets, |o, s| {
        o.text("cluster", &s.cluster);
        o.float("weight", bounded(s.weight));
        power(o, s.power);
    });
    o.objects("stages", &d.stages, |o, s| {
        let [old, new] = s.weights;
        o.text("weights", format_args!("{old}/{new}"));
        o.float("weight", f64::from(new) / 100.0);
        power(o, s.power);
    });
}

fn power(o: &mut Object<'_>, p: Power) {
    match p.requests_needed {
        Some(n) => o.number("requests_needed", n),
        None => o.null("requests_needed"),
    }
    optional(o, "seconds", p.seconds);
    optional(o, "smallest_rise", p.smallest_rise);
    optional(o, "errors_expected", p.errors_expected);
}

fn optional(o: &mut Object<'_>, key: &str, value: Option<f64>) {
    match value {
        Some(value) => o.float(key, value),
        None => o.null(key),
    }
}

fn fit(o: &mut Object<'_>, fit: Option<Fit>) {
    match fit {
        Some(fit) => o.object("fit", |o| {
            o.float("statistic", fit.statistic);
            o.number("degrees_of_freedom", fit.degrees_of_freedom);
            o.float("p_value", fit.p_value);
        }),
        None => o.null("fit"),
    }
}

fn count(o: &mut Object<'_>, c: Count, s: &StreamSummary) {
    o.number("requests", c.requests);
    o.float("share", c.share(s.requests));
    o.float("expected_share", bounded(c.expected_share));
}

/// A sum of shares can come out a hair above 1, and shares such as 0.9 are better read without their last bits.
pub(super) fn bounded(share: f64) -> f64 {
    let rounded = (share * 1e12).round() / 1e12;
    if share > 0.0 && rounded == 0.0 { share } else { rounded.clamp(0.0, 1.0) }
}

fn source(o: &mut Object<'_>, source: Option<&RouteSource>, sources: &SourceMap) {
    match source {
        Some(s) => crate::tool::report::envoy::source(o, "source", s, sources),
        None => o.null("source"),
    }
}
