//! Changes by what brought them about: one edit of one rule is told once, whatever it is served under and to whom.

use indexmap::{IndexMap, IndexSet};
use smol_str::SmolStr;

use super::change::{Change, Effect};
use super::fields::Field;
use super::kind::Kind;
use super::meshes::ProxyDiff;
use super::region::Region;
use crate::analysis::compare::HostChange;
use crate::envoy::table::RouteSource;
use crate::istio::clients::{Audience, PointsOfView};
use crate::manifest::kinds::ObjectId;
use crate::order::Order as _;

/// Changes with one cause: the same rules of both sides do the same otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Cause<'d> {
    pub kind: Kind,
    /// At least one of its changes is proven; the first of those shows it best.
    pub change: &'d Change,
    /// Numbers of its changes over all proxies, from 0.
    pub changes: Vec<usize>,
    /// How many different sets of requests they are about.
    pub regions: usize,
    /// Hosts that it is about, each once; of authorities that nothing names, `*`.
    pub hosts: Vec<SmolStr>,
    /// Whose requests it concerns.
    pub audience: Audience,
}

/// What there is to say in a few numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Hosts and clients with a change of the kind, worst first; kinds that don't occur are left out.
    pub kinds: Vec<(Kind, usize, usize)>,
    /// Hosts, as virtual hosts are called, all of whose requests are treated as before, by all clients that have them.
    pub unchanged: usize,
    /// Hosts with a change for some client.
    pub changed: usize,
    /// Clients whose tables were compared.
    pub clients: usize,
    /// Changes that are possible, and not proven.
    pub possible: usize,
    /// Causes that change nothing that anybody is served ([`Change::is_minor`]), which the other numbers leave out.
    pub minor: usize,
}

/// Virtual hosts of the outbound policy.
const CATCH_ALLS: [&str; 3] = ["allow_any", "block_all", "allow_any_dynamic_dns"];

/// What makes two changes one.
type Key<'d> = (bool, Kind, &'d [Field], Side<'d>, Side<'d>);
type Side<'d> = (&'d str, Option<(&'d ObjectId, Option<u32>, Option<u32>)>);

fn side(effect: &Effect) -> Side<'_> {
    let of = |s: &'_ RouteSource| (s.rule, s.match_index);
    let source = effect.source.as_ref().map(|s| (&s.object, of(s).0, of(s).1));
    (&effect.deed, source)
}

impl Change {
    /// The host that it is best known by.
    pub(crate) fn host(&self) -> SmolStr {
        let first = self.region.hosts.first().or(self.region.server_names.first()).cloned();
        let dialled = || self.region.destinations.first().map(SmolStr::new);
        first.or_else(dialled).unwrap_or_else(|| "*".into())
    }
}

/// All causes, worst first; those of one kind by how much moves, then in the order of the tables.
pub(crate) fn causes<'d>(proxies: &'d [ProxyDiff], points: &PointsOfView) -> Vec<Cause<'d>> {
    struct Found<'d> {
        change: &'d Change,
        changes: Vec<usize>,
        regions: IndexSet<&'d Region>,
        hosts: IndexSet<SmolStr>,
        classes: IndexSet<usize>,
    }
    let mut found: IndexMap<Key<'d>, Found<'d>> = IndexMap::new();
    let mut number = 0;
    for proxy in proxies {
        for change in &proxy.changes {
            let key = (change.is_minor(), change.kind, change.fields.as_slice(), side(&change.old), side(&change.new));
            let entry = found.entry(key).or_insert_with(|| Found {
                change,
                changes: Vec::new(),
                regions: IndexSet::new(),
                hosts: IndexSet::new(),
                classes: IndexSet::new(),
            });
            if !entry.change.is_proven() && change.is_proven() {
                entry.change = change;
            }
            entry.changes.push(number);
            entry.regions.insert(&change.region);
            entry.hosts.insert(change.host());
            entry.classes.extend(&proxy.classes);
            number += 1;
        }
    }
    let mut out: Vec<Cause<'d>> = found
        .into_iter()
        .map(|((_, kind, ..), f)| {
            let classes: Vec<usize> = f.classes.into_iter().collect();
            Cause {
                kind,
                change: f.change,
                changes: f.changes,
                regions: f.regions.len(),
                hosts: f.hosts.into_iter().collect(),
                audience: points.audience(&classes),
            }
        })
        .collect();
    out.order_by(|a, b| {
        let key = |c: &Cause<'_>| (c.change.is_minor(), c.kind, !c.change.is_proven());
        key(a).cmp(&key(b)).then(b.change.moved.total_cmp(&a.change.moved))
    });
    out
}

/// Counts hosts and clients. `causes` are those that are told of, and `all` whatever there is: a host with a change that isn't
/// told of is not unchanged.
pub(crate) fn verdict(
    causes: &[Cause<'_>],
    all: &[Cause<'_>],
    proxies: &[ProxyDiff],
    points: &PointsOfView,
) -> Verdict {
    let mut kinds = Vec::new();
    let mut changed: IndexSet<&SmolStr> = IndexSet::new();
    for kind in Kind::ALL {
        let of_kind: Vec<&Cause<'_>> = causes.iter().filter(|c| c.kind == kind && !c.change.is_minor()).collect();
        let hosts: IndexSet<&SmolStr> = of_kind.iter().flat_map(|c| &c.hosts).collect();
        let classes: IndexSet<usize> = proxies
            .iter()
            .filter(|p| p.changes.iter().any(|c| c.kind == kind && !c.is_minor()))
            .flat_map(|p| p.classes.iter().copied())
            .collect();
        if !of_kind.is_empty() {
            kinds.push((kind, hosts.len(), points.audience(&classes.into_iter().collect::<Vec<_>>()).members));
        }
        changed.extend(hosts);
    }
    let without_port = |name: &SmolStr| name.rsplit_once(':').map_or_else(|| name.clone(), |(host, _)| host.into());
    // What takes all that no other virtual host does is no host.
    let is_host = |h: &&HostChange| !CATCH_ALLS.contains(&h.virtual_host.as_str());
    let unchanged = proxies.iter().flat_map(|p| &p.unchanged).filter(is_host);
    let hosts = unchanged.map(|h| without_port(&h.virtual_host));
    let served = all.iter().filter(|c| !c.change.is_minor());
    let touched: IndexSet<&SmolStr> = served.flat_map(|c| &c.hosts).collect();
    let unchanged: IndexSet<SmolStr> = hosts.filter(|h| !touched.contains(h)).collect();
    Verdict {
        kinds,
        unchanged: unchanged.len(),
        changed: changed.len(),
        clients: points.audience(&(0..points.classes.len()).collect::<Vec<_>>()).members,
        possible: causes.iter().filter(|c| !c.change.is_proven() && !c.change.is_minor()).count(),
        minor: causes.iter().filter(|c| c.change.is_minor()).count(),
    }
}
