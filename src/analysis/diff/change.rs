//! What a comparison of two tables finds.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::fields::Field;
use super::kind::Kind;
use super::place::Place;
use super::reading::Reading;
use super::region::Region;
use super::side::Side;
use super::spot::Spots;
use crate::analysis::compare::{End, HostChange};
use crate::envoy::outcome::{Counted, Outcome};
use crate::envoy::request::Request;
use crate::envoy::table::RouteSource;
use crate::manifest::kinds::ObjectId;

/// A set of requests that are treated otherwise, all of them in the same way.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub kind: Kind,
    pub region: Region,
    /// A request of the region that the routers of both sides treat otherwise. With one the change is proven; without, it wasn't
    /// decided whether such requests exist, or none was found that can be sent.
    pub witness: Option<Request>,
    pub old: Effect,
    pub new: Effect,
    /// What differs, with both values; at least one.
    pub fields: Vec<Field>,
    /// Exact share of the region's requests that end elsewhere, 0 to 1.
    pub moved: f64,
    /// The DestinationRules of clusters that requests are sent to on either side.
    pub rules: Vec<ObjectId>,
    /// The differences between releases that bring it about, by their rules, where two releases are compared.
    pub because: Vec<&'static str>,
    /// It is about requests that the two sides read differently, and was found by trying.
    pub reading: bool,
    /// Requests of the region for which the same comes out after all, as where a header is set that is there already, are
    /// none of it.
    pub depends: bool,
}

/// What becomes of a region's requests on one side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Effect {
    /// In a few words.
    pub deed: String,
    /// Exact shares, which add up to 1.
    pub ends: Vec<(End, f64)>,
    /// None: nobody wrote it.
    pub source: Option<RouteSource>,
    /// What does it, where nobody wrote it: the virtual host, for example.
    pub by: SmolStr,
}

/// What two tables differ in.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableDiff {
    /// In the order of the new table.
    pub changes: Vec<Change>,
    /// Virtual hosts of the new table all of whose requests are treated as before.
    pub unchanged: Vec<HostChange>,
    /// The change of requests that end at these spots.
    pub(super) index: FxHashMap<Spots, usize>,
    /// That of connections under other TLS settings, by what takes them.
    pub(super) settings: Vec<(Arc<[Field]>, usize)>,
    /// Those of requests that both sides read differently.
    pub(super) readings: Vec<(Reading, usize)>,
    /// How many places of the new table were looked at; of a virtual host that is plainly the same, none.
    #[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "only properties tell of it"))]
    pub looked: usize,
}

impl Effect {
    /// What becomes of requests at a place.
    pub(super) fn of(place: &Place<'_>, side: &Side) -> Effect {
        Effect {
            deed: place.deed(side.table()),
            ends: place.ends(side.table()),
            source: place.source().cloned(),
            by: place.by(),
        }
    }
}

impl Change {
    /// True for what changes nothing that anybody is served: requests that nobody gets, before as now, malformed ones, and CONNECT
    /// requests, which routes never take.
    pub(crate) fn is_minor(&self) -> bool {
        let all_end =
            |e: &Effect, so: fn(Outcome) -> bool| !e.ends.is_empty() && e.ends.iter().all(|(end, _)| so(end.outcome()));
        let unserved =
            |e: &Effect| all_end(e, |outcome| matches!(outcome.counted(), Counted::Blackholed | Counted::Unmatched));
        // What is no HTTP is sent by nobody who wants an answer.
        let malformed = |e: &Effect| all_end(e, |outcome| outcome == Outcome::BadRequest);
        let nobody = unserved(&self.old) && unserved(&self.new);
        self.region.connect || malformed(&self.old) || malformed(&self.new) || nobody
    }

    pub(crate) fn is_proven(&self) -> bool {
        self.witness.is_some()
    }
}
