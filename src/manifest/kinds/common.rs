//! Values that several kinds share.

use std::fmt;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::manifest::source::Position;
use crate::order::Order as _;

/// Labels or annotations: unique keys, sorted by key (bytes). Copies share them: an endpoint has its pod's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Labels(Arc<[(SmolStr, SmolStr)]>);

impl Labels {
    /// The value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let i = self.0.binary_search_by(|(k, _)| k.as_str().cmp(key)).ok()?;
        self.0.get(i).map(|(_, v)| v.as_str())
    }

    /// `selector ⊆ labels` (LB-1): every entry of `self` is in `labels` with the same value. The empty selector fits all.
    pub(crate) fn is_subset_of(&self, labels: &Labels) -> bool {
        self.0.iter().all(|(k, v)| labels.get(k) == Some(v))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Entries in key order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&SmolStr, &SmolStr)> {
        self.0.iter().map(|(k, v)| (k, v))
    }

    /// These labels overlaid by `other`, whose values win.
    pub(crate) fn overlaid(&self, other: &Labels) -> Labels {
        self.0.iter().chain(other.0.iter()).cloned().collect()
    }
}

impl FromIterator<(SmolStr, SmolStr)> for Labels {
    /// Later values of a key win.
    fn from_iter<I: IntoIterator<Item = (SmolStr, SmolStr)>>(entries: I) -> Self {
        let mut all: Vec<_> = entries.into_iter().collect();
        all.order_by(|a, b| a.0.cmp(&b.0));
        all.reverse(); // stable sort reversed: the last of equals comes first
        all.dedup_by(|later, first| later.0 == first.0);
        all.reverse();
        if all.is_empty() { Labels::default() } else { Labels(all.into()) }
    }
}

impl fmt::Display for Labels {
    /// `key=value,key=value`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (k, v)) in self.0.iter().enumerate() {
            write!(f, "{}{k}={v}", if i > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

/// A length of time in nanoseconds, read from Go's form (`1h30m`, `1.5s`, `10ms`). May be negative or zero as written;
/// admission says where that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) struct Nanos(pub i64);

impl Nanos {
    pub(crate) const fn seconds(s: i64) -> Nanos {
        Nanos(s * 1_000_000_000)
    }

    /// The protobuf JSON form that Envoy takes: `1.500s`, `0s`.
    pub(crate) fn to_proto(self) -> String {
        let (sign, n) = if self.0 < 0 { ("-", self.0.unsigned_abs()) } else { ("", self.0.unsigned_abs()) };
        let (s, frac) = (n / 1_000_000_000, n % 1_000_000_000);
        if frac == 0 {
            format!("{sign}{s}s")
        } else if frac % 1_000_000 == 0 {
            format!("{sign}{s}.{:03}s", frac / 1_000_000)
        } else if frac % 1_000 == 0 {
            format!("{sign}{s}.{:06}s", frac / 1_000)
        } else {
            format!("{sign}{s}.{frac:09}s")
        }
    }
}

impl fmt::Display for Nanos {
    /// For people: `1.5s`, `250ms`, `2m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0;
        if n == 0 {
            f.write_str("0s")
        } else if n % 60_000_000_000 == 0 {
            write!(f, "{}m", n / 60_000_000_000)
        } else if n % 1_000_000 == 0 && n.abs() < 1_000_000_000 {
            write!(f, "{}ms", n / 1_000_000)
        } else {
            #[expect(clippy::cast_precision_loss, reason = "for display only")]
            let seconds = n as f64 / 1e9;
            write!(f, "{seconds}s")
        }
    }
}

/// Istio's StringMatch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum StringMatch {
    Exact(SmolStr),
    Prefix(SmolStr),
    Regex(SmolStr),
    /// The object is there but names none of the three: presence for headers and query parameters (RT-7), prefix `/` for a uri (RT-5).
    Unset,
}

/// A percentage from 0 to 100 as written (admission checks the range).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub(crate) struct Percent(pub f64);

/// `destination` of a route or mirror.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Destination {
    pub host: SmolStr,
    pub subset: SmolStr,
    /// `port.number`; `Some(None)` is `port: {}` (refused by VS36).
    pub port: Option<Option<i64>>,
    pub at: Position,
}

impl Destination {
    /// The explicit port, where one is given (DP-3 step 1).
    pub(crate) fn port_number(&self) -> Option<u16> {
        self.port.flatten().and_then(|p| u16::try_from(p).ok())
    }
}
