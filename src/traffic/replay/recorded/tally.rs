//! What was counted of a part of a log, as it is written down, merged without a mesh, and read back on the mesh that it was counted on.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::kinds::{Key, Kind, Kinds};
use super::lens::Lenses;
use super::sorting::{BAD_SHOWN, LinesRead, LogLines, Sorted};
use crate::envoy::balance::hash::xx_hash;
use crate::envoy::request::Request;
use crate::order::Order as _;
use crate::traffic::recorded::{BadLine, Format, Reason, Went};
use crate::traffic::replay::alike::{Ends, Places, Sender, Told};
use crate::traffic::scenario::REQUESTS_MAX;

/// A number that stands for something else, in sixteen hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Digest(pub u64);

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        format!("{:016x}", digest.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Digest, String> {
        let is_one = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let number = u64::from_str_radix(&text, 16).ok().filter(|_| is_one);
        number.map(Digest).ok_or_else(|| format!("`{text}` is not of sixteen hexadecimal digits"))
    }
}

/// What stands for places of a table where there is none. Positions alone go into it, so it is the same on every machine.
fn digest(at: &Places) -> Digest {
    Digest(xx_hash(format!("{at:?}").as_bytes()))
}

/// The requests of a part, by where they end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counted {
    /// Reading was stopped before the end.
    pub partial: bool,
    pub lines: u64,
    pub requests: u64,
    logs: Vec<OfLog>,
    passed_over: Vec<PassedOver>,
    bad: Bad,
    counted_together: u64,
    kinds: Vec<OfKind>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfLog {
    name: String,
    format: Format,
    lines: u64,
    requests: u64,
    bad: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PassedOver {
    reason: Reason,
    lines: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bad {
    lines: u64,
    examples: Vec<BadExample>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BadExample {
    log: String,
    line: u64,
    column: Option<usize>,
    text: String,
    message: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfKind {
    proxy: SmolStr,
    /// Stands for where the proxy's table finds them.
    place: Digest,
    /// What more tells them apart: what unmatched ones ask for, or what keeps a session together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<Digest>,
    /// False where sessions were put together.
    alike: bool,
    count: u64,
    request: Request,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    went: Vec<OfWent>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfWent {
    cluster: Option<SmolStr>,
    flags: Option<SmolStr>,
    status: Option<u16>,
    count: u64,
}

/// Why a tally says nothing about a mesh.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misfit {
    #[error("there is no proxy `{0}`")]
    NoProxy(SmolStr),
    #[error("`{0}` is not found where the tally says: it was counted by another towtank, or changed by hand")]
    Elsewhere(String),
}

impl Counted {
    /// As it is written down.
    pub(crate) fn of(sorted: &Sorted) -> Counted {
        Counted::written(&sorted.read, &sorted.kinds, digest)
    }

    /// The same of what was merged without a mesh.
    pub(crate) fn of_merged(merged: &Sorted<Digest>) -> Counted {
        Counted::written(&merged.read, &merged.kinds, |at| *at)
    }

    fn written<P: Copy + Eq + Ord + std::hash::Hash>(
        read: &LinesRead,
        kinds: &Kinds<P>,
        place: impl Fn(&P) -> Digest,
    ) -> Counted {
        let log = |((name, format), l): (&(String, Format), &LogLines)| OfLog {
            name: name.clone(),
            format: *format,
            lines: l.lines,
            requests: l.requests,
            bad: l.bad,
        };
        let example = |(log, bad): &(String, BadLine)| BadExample {
            log: log.clone(),
            line: bad.line,
            column: bad.column,
            text: bad.text.clone(),
            message: bad.message.clone(),
        };
        let went = |(went, count): (&Went, &u64)| OfWent {
            cluster: went.cluster.clone(),
            flags: went.flags.clone(),
            status: went.status,
            count: *count,
        };
        let kind = |(key, kind): (&Key<P>, &Kind)| OfKind {
            proxy: key.proxy.clone(),
            place: place(&key.at),
            name: if let Told::Name(name) = key.told { Some(Digest(name)) } else { None },
            session: if let Told::Session(session) = key.told { Some(Digest(session)) } else { None },
            alike: kind.alike,
            count: kind.count,
            request: kind.request.clone(),
            client: kind.client,
            went: kind.went.iter().map(went).collect(),
        };
        let mut all: Vec<OfKind> = kinds.iter().map(kind).collect();
        // The order of the table is known to those alone who have one.
        all.order_by(|a, b| (&a.proxy, a.place, a.name, a.session).cmp(&(&b.proxy, b.place, b.name, b.session)));
        Counted {
            partial: read.partial,
            lines: read.lines,
            requests: read.requests,
            logs: read.logs.iter().map(log).collect(),
            passed_over: read
                .passed_over
                .iter()
                .map(|(reason, lines)| PassedOver { reason: *reason, lines: *lines })
                .collect(),
            bad: Bad { lines: read.bad, examples: read.bad_lines.iter().map(example).collect() },
            counted_together: kinds.lumped,
            kinds: all,
        }
    }

    /// What was written down.
    ///
    /// # Errors
    /// Counts that can't be.
    pub(crate) fn read(self) -> Result<Sorted<Digest>, String> {
        let mut kinds = Kinds::default();
        let mut total: u64 = 0;
        for k in self.kinds {
            total = total.saturating_add(k.count);
            if total > REQUESTS_MAX {
                return Err("more than 10^15 requests were counted".to_owned());
            }
            let told = match (k.name, k.session) {
                (_, Some(Digest(session))) => Told::Session(session),
                (Some(Digest(name)), None) => Told::Name(name),
                (None, None) => Told::Nothing,
            };
            let went: BTreeMap<Went, u64> = k
                .went
                .into_iter()
                .map(|w| {
                    (
                        Went { cluster: w.cluster, flags: w.flags, status: w.status, route_name: None },
                        w.count.min(k.count),
                    )
                })
                .collect();
            if went.values().fold(0, |sum: u64, n| sum.saturating_add(*n)) > k.count {
                return Err("of more requests than there were it is said where they went".to_owned());
            }
            let kind = Kind {
                proxy: k.proxy.clone(),
                request: k.request,
                client: k.client,
                alike: k.alike,
                count: k.count,
                went,
            };
            kinds.insert(Key { proxy: k.proxy, at: k.place, told }, kind);
        }
        kinds.lumped = kinds.lumped.saturating_add(self.counted_together);
        let lines = |l: &OfLog| LogLines { lines: l.lines, requests: l.requests, bad: l.bad };
        let line =
            |b: BadExample| (b.log, BadLine { line: b.line, column: b.column, text: b.text, message: b.message });
        let read = LinesRead {
            lines: self.lines,
            requests: self.requests,
            passed_over: self.passed_over.into_iter().map(|p| (p.reason, p.lines)).collect(),
            bad: self.bad.lines,
            bad_lines: self.bad.examples.into_iter().take(BAD_SHOWN).map(line).collect(),
            logs: self.logs.iter().map(|l| ((l.name.clone(), l.format), lines(l))).collect(),
            partial: self.partial,
        };
        Ok(Sorted { kinds, read })
    }
}

/// What was merged, on the mesh that it was counted on.
///
/// # Errors
/// A kind that this mesh treats otherwise.
pub(crate) fn placed(merged: Sorted<Digest>, lenses: &Lenses<'_>) -> Result<Sorted, Misfit> {
    let mut kinds = Kinds::default();
    kinds.lumped = merged.kinds.lumped;
    for (key, kind) in merged.kinds.iter() {
        let lens = lenses.get(&key.proxy).ok_or_else(|| Misfit::NoProxy(key.proxy.clone()))?;
        let sender = Sender { request: &kind.request, session: None, client: kind.client };
        let Ends { at, told } = Ends::of(&lens.now, lens.before.as_deref(), sender);
        // What was put together has forgotten what told it apart.
        if digest(&at) != key.at || (key.told != told && key.told != Told::Nothing) {
            return Err(Misfit::Elsewhere(crate::envoy::words::example(&kind.request)));
        }
        kinds.insert(Key { proxy: key.proxy.clone(), at, told: key.told }, kind.clone());
    }
    kinds.finish();
    Ok(Sorted { kinds, read: merged.read })
}
