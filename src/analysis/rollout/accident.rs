//! What a state on the way does to requests that are right at both ends of it.

use super::ground::Ends;
use crate::analysis::compare::End;
use crate::analysis::diff::{Change, Effect, Effort, NOTHING, Region, Shared, Side, counted, fate, tables};
use crate::envoy::authority::Authority;
use crate::envoy::outcome::{Counted, Outcome};
use crate::envoy::request::Request;
use crate::manifest::kinds::{Kind, ObjectId};

/// What happens to requests in a state that neither end does to them, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Harm {
    /// More of them are routed to nowhere than before and after.
    Lost,
    /// More of them are taken by nothing.
    Unmatched,
    /// They end where neither end sends them.
    Misrouted,
}

impl Harm {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Harm::Lost => "lost",
            Harm::Unmatched => "unmatched",
            Harm::Misrouted => "misrouted",
        }
    }
}

/// Requests that are treated otherwise in a state than at both of its ends, to their harm.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Accident {
    pub harm: Harm,
    /// Share of the region's requests that it happens to, above 0 to 1.
    pub share: f64,
    pub region: Region,
    /// A request that the routers of the state and of both ends confirm it for; None: it is possible, and not proven.
    pub witness: Option<Request>,
    pub before: Effect,
    pub then: Effect,
    pub after: Effect,
    /// Positions of the classes of clients that it happens to; at least one.
    pub classes: Vec<usize>,
}

impl Accident {
    pub(crate) fn is_proven(&self) -> bool {
        self.witness.is_some()
    }

    /// Whether the same is said, of whichever clients.
    pub(super) fn agrees(&self, other: &Accident) -> bool {
        (self.harm, self.is_proven(), &self.then, &self.region)
            == (other.harm, other.is_proven(), &other.then, &other.region)
    }
}

/// The harm of ending so, where requests end like `before` and `after` at the ends.
pub(super) fn harm(before: &[(End, f64)], then: &[(End, f64)], after: &[(End, f64)]) -> Option<(Harm, f64)> {
    let more = |what| counted(then, what) - counted(before, what).max(counted(after, what));
    let bad = |ends| counted(ends, Counted::Blackholed) + counted(ends, Counted::Unmatched);
    let worse = bad(then) - bad(before).max(bad(after));
    if worse > NOTHING {
        let harm = if more(Counted::Blackholed) >= more(Counted::Unmatched) { Harm::Lost } else { Harm::Unmatched };
        return Some((harm, worse.min(1.0)));
    }
    let served = then.iter().filter(|(end, _)| !is_bad(end));
    let strange = served
        .filter(|(end, _)| !before.iter().chain(after).any(|(known, share)| *share > 0.0 && leads_like(known, end)));
    let share: f64 = strange.map(|(_, share)| share).sum();
    (share > NOTHING).then_some((Harm::Misrouted, share.min(1.0)))
}

/// What becomes of one request in a state and at both of its ends.
pub(super) struct Fates {
    pub before: Effect,
    pub then: Effect,
    pub after: Effect,
    pub harm: Option<(Harm, f64)>,
}

/// Decides a request in a state and at both of its ends.
pub(super) fn fates(then: &Side, ends: Ends<'_>, request: &Request) -> Fates {
    let [before, now, after] = [ends.before, then, ends.after].map(|side| fate(side, request));
    let host = Authority::of(&request.authority).host;
    let harm = harm_of_named(ends, &before, &now, &after, &[host]);
    Fates { before, then: now, after, harm }
}

/// The harm to requests for these hosts. Where one of the ends has no Service of such a name and port yet, or no more, nobody can dial
/// it there: that it would be let out as dialled serves no one.
fn harm_of_named(
    ends: Ends<'_>,
    before: &Effect,
    then: &Effect,
    after: &Effect,
    hosts: &[&str],
) -> Option<(Harm, f64)> {
    let served = |own: &Side, effect: &Effect, other: &Side, theirs: &Effect| -> Vec<(End, f64)> {
        let is_new = |host: &&str| is_only_there(own, other, theirs, host);
        if lets_out(effect) && !hosts.is_empty() && hosts.iter().all(is_new) {
            return vec![(End::Answer { outcome: Outcome::NoRoute, status: None }, 1.0)];
        }
        effect.ends.clone()
    };
    harm(&served(ends.before, before, ends.after, after), &then.ends, &served(ends.after, after, ends.before, before))
}

/// Whether a host is that of a Service of Kubernetes that answers it at the other end, and that isn't there at this one, or not on
/// that port. What a Sidecar hides is there, and let out to it.
fn is_only_there(own: &Side, other: &Side, theirs: &Effect, host: &str) -> bool {
    let (here, there) = (own.table(), other.table());
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_hidden = |id: &ObjectId| {
        here.names.resolve(host).is_some() && !here.clusters.iter().any(|c| c.service.as_ref() == Some(id))
    };
    let is_service = |end: &End| match end {
        End::Cluster { cluster, .. } => {
            let service = there.cluster(cluster).and_then(|c| c.service.as_ref());
            service.is_some_and(|id| id.kind == Kind::Service && !is_hidden(id))
        }
        End::Answer { .. } => false,
    };
    there.names.resolve(host).is_some() && theirs.ends.iter().any(|(end, _)| is_service(end))
}

fn lets_out(effect: &Effect) -> bool {
    let out = |end: &End| end.outcome().counted() == Counted::Passthrough;
    !effect.ends.is_empty() && effect.ends.iter().all(|(end, _)| out(end))
}

fn is_bad(end: &End) -> bool {
    matches!(end.outcome().counted(), Counted::Blackholed | Counted::Unmatched)
}

/// The same place, whether it delivers or not.
fn leads_like(a: &End, b: &End) -> bool {
    match (a, b) {
        (End::Cluster { cluster: a, .. }, End::Cluster { cluster: b, .. }) => a == b,
        _ => a == b,
    }
}

/// All that a table does to the harm of requests that fare better at both ends, complete: what isn't told does not happen; what
/// could not be decided is told as possible.
pub(super) fn accidents(then: &Side, ends: Ends<'_>, class: usize, shared: &Shared) -> Vec<Accident> {
    let worse = |end: &Side| -> Vec<Change> {
        let changes = tables(end, then, Effort::default(), shared).changes;
        let is_worse = |c: &Change| harm(&c.old.ends, &c.new.ends, &c.old.ends).is_some();
        changes.into_iter().filter(|c| !c.region.connect && is_worse(c)).collect()
    };
    let than_before = worse(ends.before);
    if than_before.is_empty() {
        return Vec::new();
    }
    let than_after = worse(ends.after);
    let mut out: Vec<Accident> = Vec::new();
    let shown = |change: &Change, out: &mut Vec<Accident>| -> bool {
        let Some(witness) = &change.witness else { return false };
        let Fates { before, then: now, after, harm: Some((harm, share)) } = fates(then, ends, witness) else {
            return false;
        };
        let accident = Accident {
            harm,
            share,
            region: change.region.clone(),
            witness: Some(witness.clone()),
            before,
            then: now,
            after,
            classes: vec![class],
        };
        // The other end's comparison finds the same place once more.
        let is_known = |a: &Accident| {
            a.harm == accident.harm && same_place(&a.then, &accident.then) && overlap(&a.region, &accident.region)
        };
        if !out.iter().any(is_known) {
            out.push(accident);
        }
        true
    };
    let proven: [Vec<bool>; 2] =
        [&than_before, &than_after].map(|all| all.iter().map(|c| shown(c, &mut out)).collect());
    let [of_before, of_after] = proven;
    for (a, _) in than_before.iter().zip(of_before).filter(|(_, proven)| !proven) {
        for (b, _) in than_after.iter().zip(&of_after).filter(|(_, proven)| !**proven) {
            // A Service's address comes and goes with its names.
            let hosts = a.region.hosts.iter().map(|h| Authority::of(h));
            let hosts: Vec<&str> = hosts.filter(|h| h.address().is_none()).map(|h| h.host).collect();
            if same_place(&a.new, &b.new)
                && overlap(&a.region, &b.region)
                && let Some((harm, share)) = harm_of_named(ends, &a.old, &a.new, &b.old, &hosts)
            {
                out.push(Accident {
                    harm,
                    share,
                    region: a.region.clone(),
                    witness: None,
                    before: a.old.clone(),
                    then: a.new.clone(),
                    after: b.old.clone(),
                    classes: vec![class],
                });
            }
        }
    }
    out
}

/// Whether both are what one place of a table does, as far as can be told.
fn same_place(a: &Effect, b: &Effect) -> bool {
    (&a.source, &a.by, &a.ends) == (&b.source, &b.by, &b.ends)
}

/// Whether a request may be of both.
fn overlap(a: &Region, b: &Region) -> bool {
    let meet = |x: bool, y: bool, common: bool| x || y || common;
    a.tls == b.tls
        && meet(a.ports.is_empty(), b.ports.is_empty(), a.ports.iter().any(|p| b.ports.contains(p)))
        && meet(a.hosts.is_empty(), b.hosts.is_empty(), a.hosts.iter().any(|h| b.hosts.contains(h)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::table::ClusterName;

    fn to(subset: &str, outcome: Outcome) -> End {
        End::Cluster { cluster: ClusterName::outbound(80, subset, "shop"), outcome }
    }

    #[test]
    fn tr_8_what_neither_end_does_is_harm() {
        let v1 = || vec![(to("v1", Outcome::Delivered), 1.0)];
        let half = |outcome| vec![(to("v1", Outcome::Delivered), 0.5), (to("v3", outcome), 0.5)];
        let whole = || vec![(to("", Outcome::Delivered), 1.0)];
        let nobody = || vec![(End::Answer { outcome: Outcome::NoRoute, status: Some(404) }, 1.0)];
        let lost = Some((Harm::Lost, 0.5));
        assert_eq!(harm(&v1(), &half(Outcome::NoCluster), &half(Outcome::Delivered)), lost);
        // The end loses as much: that is no accident of the way.
        assert_eq!(harm(&v1(), &half(Outcome::NoCluster), &half(Outcome::NoCluster)), None);
        assert_eq!(harm(&v1(), &v1(), &half(Outcome::Delivered)), None);
        assert_eq!(harm(&v1(), &whole(), &half(Outcome::Delivered)), Some((Harm::Misrouted, 1.0)));
        assert_eq!(harm(&v1(), &nobody(), &v1()), Some((Harm::Unmatched, 1.0)));
        // What nobody served before is no loss yet.
        assert_eq!(harm(&nobody(), &nobody(), &v1()), None);
    }
}
