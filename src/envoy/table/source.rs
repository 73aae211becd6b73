//! Provenance: which object, line, rule and match a part of the table came from, and what happened on the way.

use std::sync::Arc;

use smol_str::SmolStr;

use crate::manifest::kinds::ObjectId;
use crate::manifest::source::Position;

/// Where a route, filter chain or policy was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RouteSource {
    pub object: ObjectId,
    /// The match entry, else the rule, else the object.
    pub at: Position,
    /// Index in `http`, `tls` or `tcp` of that object, from 0.
    pub rule: Option<u32>,
    /// Index in the rule's `match`, from 0; None for rules without matches.
    pub match_index: Option<u32>,
    /// The root VirtualService's rule, where a delegate wrote this route.
    pub root: Option<Arc<RouteSource>>,
}

/// What kind of thing happened to a part of the manifests on its way into the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoteKind {
    /// Parts of several objects became one (DestinationRules, gateway virtual hosts, delegates).
    Merged,
    /// A route stands elsewhere than it was written (gateway catch-alls go last).
    Moved,
    /// Nothing behind a catch-all is sent (RT-3).
    CutOff,
    /// Left out, because a condition doesn't hold for this proxy or another object took precedence.
    Dropped,
    /// The proxy would refuse this table or part of it.
    Refused,
    /// Correct, but surprising.
    Remark,
}

/// One such event, for the reader of `routes`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Note {
    pub kind: NoteKind,
    /// Rule of the translation that did it, for example `RT-3`.
    pub rule: &'static str,
    pub message: String,
    pub object: Option<ObjectId>,
    pub at: Position,
    /// The route configuration concerned; empty: the whole table.
    pub route_config: SmolStr,
    /// The virtual host concerned; empty: none in particular.
    pub virtual_host: SmolStr,
}
