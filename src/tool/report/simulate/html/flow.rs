//! What streams look like: from clients through hosts and rules to subsets and pods, and of two meshes from before to now.

use indexmap::IndexSet;

use crate::analysis::compare::{End, Row, StreamChange};
use crate::envoy::outcome::{Counted, Outcome};
use crate::envoy::words;
use crate::tool::report::grid::counted;
use crate::tool::report::html::{Flows, Node, Picture, Tone};
use crate::tool::report::simulate::outcome;
use crate::tool::report::simulate::table::what_if::{end, long_end};
use crate::traffic::replay::{Destination, StreamSummary, Way};

/// Rules, ends and pods that have a node of their own; those with the smallest shares are put together.
const RULES_MAX: usize = 12;
const ENDS_MAX: usize = 14;
const PODS_MAX: usize = 24;
const PODS_OF_ONE_MAX: usize = 6;

/// Columns of the picture.
const CLIENTS: usize = 0;
const HOSTS: usize = 1;
const RULES: usize = 2;
const ENDS: usize = 3;
const PODS: usize = 4;

/// Shares below this are rounding.
const NOTHING: f64 = 1e-9;

/// Which way a stream's requests go, by expected shares. None where there is nothing to see: no request, or all of one kind.
pub(super) fn picture(s: &StreamSummary, id: String) -> Option<Picture> {
    let mut ways: Vec<&Way> = s.ways.iter().filter(|w| w.count.expected_share > NOTHING).collect();
    let hosts: IndexSet<_> = ways.iter().map(|w| &w.virtual_host).collect();
    let place = |w: &Way| (hosts.get_index_of(&w.virtual_host), w.route.as_ref().map(|(i, _)| *i));
    ways.sort_by_key(|w| place(w));
    let rules = Largest::of(ways.iter().filter_map(|w| Some((rule(w)?, w.count.expected_share))), RULES_MAX);
    let lost_first = |w: &Way| if Tone::of(w.outcome.counted()) == Tone::Bad { 1.0 } else { 0.0 };
    let ends = Largest::of(ways.iter().map(|w| (target(w), w.count.expected_share + lost_first(w))), ENDS_MAX);
    let pods = pods(s);
    let mut titles = vec!["clients", "virtual hosts", "routes, in match order", "where they end"];
    titles.extend((!pods.is_empty()).then_some("endpoints"));
    let mut flows = Flows::new(titles);
    let client =
        flows.node(CLIENTS, "", || Node { label: s.name.to_string(), detail: s.audience.subject(), tone: Tone::Plain });
    for way in ways {
        let (tone, share) = (Tone::of(way.outcome.counted()), way.count.expected_share);
        let mut at = client;
        if let Some(host) = &way.virtual_host {
            let node = || Node { label: host_label(host), ..Node::default() };
            let host = flows.node(HOSTS, host.as_str(), node);
            flows.link(at, host, tone, share);
            at = host;
        }
        if let Some(key) = rule(way) {
            let rule = match rules.has(&key) {
                true => flows.node(RULES, key, || rule_node(way)),
                false => flows.node(RULES, "", || rules.rest("further route")),
            };
            flows.link(at, rule, tone, share);
            at = rule;
        }
        let key = target(way);
        let end = match ends.has(&key) {
            true => flows.node(ENDS, key, || end_node(way, s)),
            false => flows.node(ENDS, "", || ends.rest("further destination")),
        };
        flows.link(at, end, tone, share);
    }
    for (d, alone) in pods {
        let cluster = key_of(&d.cluster.to_string(), d.outcome, None);
        if !ends.has(&cluster) {
            continue;
        }
        let end = flows.node(ENDS, cluster, Node::default);
        for e in d.endpoints.iter().filter(|e| e.count.expected_share > NOTHING) {
            let pod = if alone {
                let key = format!("{} {}", d.cluster, e.endpoint);
                flows.node(PODS, key, || Node { label: e.endpoint.clone(), ..Node::default() })
            } else {
                let label = counted(d.endpoints.len() as u64, "endpoint");
                flows.node(PODS, d.cluster.to_string(), || Node { label, ..Node::default() })
            };
            flows.link(end, pod, Tone::Good, e.count.expected_share);
        }
    }
    let title = format!("Which way the requests of {} go, by expected shares", s.name);
    (!flows.is_empty()).then(|| flows.draw(id, title))
}

/// Where requests ended before and where they end now. None where none ends elsewhere.
pub(super) fn moves(name: &str, rows: &[Row], change: &StreamChange, id: String) -> Option<Picture> {
    if change.flows.is_empty() {
        return None;
    }
    let mut flows = Flows::new(["before", "now"]);
    for row in rows {
        let gone: f64 = change.flows.iter().filter(|f| f.from == row.end).map(|f| f.share).sum();
        let stays = row.before.expected_share - gone;
        if stays > NOTHING {
            add_move(&mut flows, &row.end, &row.end, stays);
        }
    }
    for flow in &change.flows {
        add_move(&mut flows, &flow.from, &flow.to, flow.share);
    }
    let title = format!("Where the requests of {name} ended before, and where they end now");
    (!flows.is_plain()).then(|| flows.draw(id, title))
}

/// Adds requests that ended here before, and end there now.
pub(in crate::tool::report) fn add_move(flows: &mut Flows, from: &End, to: &End, share: f64) {
    let mut node = |column, e: &End| {
        let tone = Tone::of(e.outcome().counted());
        flows.node(column, long_end(e), || Node {
            label: end(e),
            detail: if long_end(e) == end(e) { String::new() } else { outcome(e.outcome()).to_owned() },
            tone,
        })
    };
    let (from, to, tone) = (node(0, from), node(1, to), Tone::of(to.outcome().counted()));
    flows.link(from, to, tone, share);
}

/// Which of many are shown by themselves.
struct Largest {
    shown: IndexSet<String>,
    rest: usize,
}

impl Largest {
    fn of(all: impl Iterator<Item = (String, f64)>, most: usize) -> Largest {
        let mut sums: indexmap::IndexMap<String, f64> = indexmap::IndexMap::new();
        all.for_each(|(key, share)| *sums.entry(key).or_default() += share);
        sums.sort_by(|_, a, _, b| b.total_cmp(a));
        let rest = if sums.len() > most { sums.len() - (most - 1) } else { 0 };
        let shown = sums.len() - rest;
        Largest { shown: sums.into_keys().take(shown).collect(), rest }
    }

    fn has(&self, key: &str) -> bool {
        self.shown.contains(key)
    }

    fn rest(&self, what: &str) -> Node {
        Node { label: counted(self.rest as u64, what), ..Node::default() }
    }
}

/// Destinations whose endpoints are drawn, and whether one by one.
fn pods(s: &StreamSummary) -> Vec<(&Destination, bool)> {
    let drawn = |d: &&Destination| !d.endpoints.is_empty() && d.outcome.counted() == Counted::Subset;
    let all: usize = s.destinations.iter().filter(drawn).map(|d| d.endpoints.len()).sum();
    let alone = |d: &Destination| d.endpoints.len() <= PODS_OF_ONE_MAX && all <= PODS_MAX;
    s.destinations.iter().filter(drawn).map(|d| (d, alone(d))).collect()
}

fn rule(way: &Way) -> Option<String> {
    let (index, _) = way.route.as_ref()?;
    Some(format!("{} {index}", way.virtual_host.as_deref().unwrap_or_default()))
}

fn rule_node(way: &Way) -> Node {
    let Some((index, route)) = &way.route else { return Node::default() };
    let conditions = words::conditions(&route.matcher).join(", ");
    let label = if route.name.is_empty() { conditions } else { format!("{}: {conditions}", route.name) };
    Node { label, detail: format!("route {index}"), tone: Tone::Plain }
}

fn target(way: &Way) -> String {
    let cluster = way.cluster.as_ref().map(ToString::to_string).unwrap_or_default();
    key_of(&cluster, way.outcome, way.status)
}

fn key_of(cluster: &str, outcome: Outcome, status: Option<u16>) -> String {
    format!("{cluster} {} {}", outcome.as_str(), status.unwrap_or_default())
}

fn end_node(way: &Way, s: &StreamSummary) -> Node {
    let tone = Tone::of(way.outcome.counted());
    let told = match way.outcome {
        Outcome::Delivered => String::new(),
        o => outcome(o).to_owned(),
    };
    let Some(cluster) = &way.cluster else {
        let status = way.status.map(|status| format!(" {status}")).unwrap_or_default();
        return Node { label: format!("{told}{status}"), detail: String::new(), tone };
    };
    let assumed = s.destinations.iter().any(|d| d.cluster == *cluster && d.assumed);
    let (label, subset) = match cluster.parts() {
        Some((host, "", port)) => (format!("{}:{port}", words::short_host(host)), String::new()),
        Some((host, subset, port)) => (format!("{}:{port}", words::short_host(host)), format!("subset {subset}")),
        None => (words::cluster(cluster), String::new()),
    };
    let parts = [subset, told, if assumed { "assumed".to_owned() } else { String::new() }];
    let detail: Vec<String> = parts.into_iter().filter(|p| !p.is_empty()).collect();
    Node { label, detail: detail.join(", "), tone }
}

/// `reviews.default:9080` of a virtual host's name.
fn host_label(name: &str) -> String {
    match name.rsplit_once(':') {
        Some((host, port)) => format!("{}:{port}", words::short_host(host)),
        None => name.to_owned(),
    }
}
