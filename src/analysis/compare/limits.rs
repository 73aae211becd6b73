//! The limits of what is proven here: objects that can change a decision or a delivery and are not modelled.

use rustc_hash::FxHashMap;

use crate::manifest::kinds::{MESH_CONFIG, NotModelled, ObjectId};
use crate::manifest::source::Position;
use crate::order::Order as _;

/// Kinds that can send a request elsewhere, change it, or keep it from being delivered.
const KINDS: [&str; 13] = [
    "EnvoyFilter",
    "WasmPlugin",
    "TrafficExtension",
    "AuthorizationPolicy",
    "RequestAuthentication",
    "Ingress",
    "HTTPRoute",
    "GRPCRoute",
    "TLSRoute",
    "TCPRoute",
    "ProxyConfig",
    // Its fields that are not modelled.
    MESH_CONFIG,
    // With the label istio/multiCluster: services and pods of another cluster.
    "Secret",
];

/// One such object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limit {
    pub object: ObjectId,
    /// What about it: the action of an AuthorizationPolicy, fields of the MeshConfig, or that a Secret stands for another cluster; else
    /// empty.
    pub about: String,
    pub at: Position,
    /// None: nothing was compared, or both sides have it as it is.
    pub change: Option<Change>,
}

/// What became of an object since before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    New,
    Changed,
    Gone,
}

impl Change {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Change::New => "new",
            Change::Changed => "changed",
            Change::Gone => "gone",
        }
    }
}

/// Those of one mesh, in the order of the manifests.
pub(crate) fn limits(now: &[NotModelled]) -> Vec<Limit> {
    now.iter().filter(|o| bears_on_requests(o)).map(|o| limit(o, None)).collect()
}

/// Those of two meshes: what is new, changed or gone first, then what both have.
pub(crate) fn compared(before: &[NotModelled], now: &[NotModelled]) -> Vec<Limit> {
    let by_id = |all: &'_ [NotModelled]| -> FxHashMap<ObjectId, u64> {
        all.iter().map(|o| (o.id.clone(), o.fingerprint)).collect()
    };
    let (was, is) = (by_id(before), by_id(now));
    let of_now = now.iter().filter(|o| bears_on_requests(o)).map(|o| match was.get(&o.id) {
        None => limit(o, Some(Change::New)),
        Some(print) => limit(o, (*print != o.fingerprint).then_some(Change::Changed)),
    });
    let gone = before.iter().filter(|o| bears_on_requests(o) && !is.contains_key(&o.id));
    let mut all: Vec<Limit> = of_now.chain(gone.map(|o| limit(o, Some(Change::Gone)))).collect();
    all.order_by_key(|l| match l.change {
        Some(Change::New) => 0,
        Some(Change::Changed) => 1,
        Some(Change::Gone) => 2,
        None => 3,
    });
    all
}

/// An AUDIT policy refuses nothing; all other AuthorizationPolicies can (ALLOW refuses what it doesn't name).
fn bears_on_requests(o: &NotModelled) -> bool {
    KINDS.contains(&o.id.kind.as_str()) && !(o.id.kind.as_str() == "AuthorizationPolicy" && o.action == "AUDIT")
}

fn limit(o: &NotModelled, change: Option<Change>) -> Limit {
    let about = match o.id.kind.as_str() {
        "AuthorizationPolicy" if o.action.is_empty() => "ALLOW".to_owned(),
        "AuthorizationPolicy" | MESH_CONFIG => o.action.to_string(),
        "Secret" => "another cluster".to_owned(),
        _ => String::new(),
    };
    // Of what is gone, the place is in texts that nobody shows.
    let at = if change == Some(Change::Gone) { Position::default() } else { o.at };
    Limit { object: o.id.clone(), about, at, change }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::kinds::Kind;

    fn object(kind: &str, name: &str, action: &str, fingerprint: u64) -> NotModelled {
        let id = ObjectId::new(Kind::Other(kind.into()), "shop", name);
        NotModelled { id, at: Position::default(), action: action.into(), fingerprint }
    }

    fn seen(all: &[Limit]) -> Vec<(String, &str, Option<&str>)> {
        all.iter().map(|l| (l.object.to_string(), l.about.as_str(), l.change.map(Change::as_str))).collect()
    }

    #[test]
    fn only_what_bears_on_requests_is_a_limit() {
        let all = [
            object("EnvoyFilter", "f", "", 1),
            object("AuthorizationPolicy", "deny", "DENY", 1),
            object("AuthorizationPolicy", "audit", "AUDIT", 1),
            object("AuthorizationPolicy", "allow", "", 1),
            object("Telemetry", "t", "", 1),
        ];
        assert_eq!(
            seen(&limits(&all)),
            [
                ("EnvoyFilter shop/f".to_owned(), "", None),
                ("AuthorizationPolicy shop/deny".to_owned(), "DENY", None),
                ("AuthorizationPolicy shop/allow".to_owned(), "ALLOW", None),
            ]
        );
    }

    #[test]
    fn what_changed_comes_first() {
        let before = [
            object("EnvoyFilter", "same", "", 1),
            object("EnvoyFilter", "other", "", 1),
            object("WasmPlugin", "w", "", 1),
        ];
        let now = [
            object("EnvoyFilter", "same", "", 1),
            object("EnvoyFilter", "other", "", 2),
            object("HTTPRoute", "r", "", 1),
        ];
        assert_eq!(
            seen(&compared(&before, &now)),
            [
                ("HTTPRoute shop/r".to_owned(), "", Some("new")),
                ("EnvoyFilter shop/other".to_owned(), "", Some("changed")),
                ("WasmPlugin shop/w".to_owned(), "", Some("gone")),
                ("EnvoyFilter shop/same".to_owned(), "", None),
            ]
        );
    }
}
