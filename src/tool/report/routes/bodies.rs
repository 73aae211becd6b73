//! What virtual hosts do, put in words once for all tables that have one alike.

use std::hash::{BuildHasher as _, Hash, Hasher};
use std::ops::Deref;
use std::ptr;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use super::table::{HostBody, HostNotes};
use crate::envoy::table::{
    Cluster, ClusterName, DiscoveryType, Extent, Forward, ForwardTo, Route, RouteAction, RouteConfiguration,
    RouteTable, VirtualHost,
};
use crate::manifest::source::SourceMap;
use crate::parallel::Memo;

/// What a virtual host does, which is hashed once and compared only with others of the same hash.
#[derive(Debug, Eq)]
pub(super) struct Body {
    hash: u64,
    body: HostBody,
}

impl Body {
    fn new(body: HostBody) -> Arc<Body> {
        Arc::new(Body { hash: FxBuildHasher.hash_one(&body), body })
    }
}

impl Deref for Body {
    type Target = HostBody;

    fn deref(&self) -> &HostBody {
        &self.body
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Body) -> bool {
        ptr::eq(self, other) || (self.hash == other.hash && self.body == other.body)
    }
}

impl Hash for Body {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Those that were made so far.
#[derive(Default)]
pub(super) struct Bodies(Memo<Key, (Held, Arc<Body>)>);

/// All that the words for a virtual host depend on, where nothing is said of it besides and none of its clusters is missing: the
/// addresses of its routes and of the clusters that they lead to, in their order.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    routes: usize,
    clusters: Vec<usize>,
    require_tls: bool,
}

/// What lies at the addresses of a key: nothing else may come to lie there.
type Held = (Arc<[Arc<Route>]>, Vec<Arc<Cluster>>);

impl Bodies {
    /// What a virtual host of a table does.
    pub(super) fn of(
        &self,
        table: &RouteTable,
        config: &RouteConfiguration,
        host: &VirtualHost,
        (said, sources): (&HostNotes<'_>, &SourceMap),
    ) -> Arc<Body> {
        let make = || Body::new(HostBody::of(table, config, host, (said, sources)));
        let clusters = if said.are_about(config, host) { None } else { clusters(table, host) };
        let Some(clusters) = clusters else { return make() };
        let key = Key {
            routes: Arc::as_ptr(&host.routes).addr(),
            clusters: clusters.iter().map(|c| Arc::as_ptr(c).addr()).collect(),
            require_tls: host.require_tls,
        };
        let held = || (host.routes.clone(), clusters.into_iter().cloned().collect());
        self.0.get_or(key, |_| (held(), make())).1
    }
}

/// The clusters that the routes lead to. None where it takes the rest of the table to say what becomes of requests there.
fn clusters<'t>(table: &'t RouteTable, host: &VirtualHost) -> Option<Vec<&'t Arc<Cluster>>> {
    if table.extent != Extent::WHOLE {
        return None;
    }
    let forwards = host.routes.iter().filter_map(|route| match &route.action {
        RouteAction::Forward(forward) => Some(forward),
        RouteAction::Redirect(_) | RouteAction::DirectResponse(_) | RouteAction::Nothing => None,
    });
    let says_all = |cluster: &&Arc<Cluster>| {
        let is_dialled = matches!(cluster.discovery, DiscoveryType::OriginalDst | DiscoveryType::DynamicForwardProxy);
        is_dialled || !cluster.endpoints.is_empty()
    };
    forwards.flat_map(|forward| names(forward)).map(|name| table.cluster(name).filter(says_all)).collect()
}

fn names(forward: &Forward) -> impl Iterator<Item = &ClusterName> {
    let (one, several) = match &forward.destination {
        ForwardTo::Cluster(destination) => (Some(&destination.cluster), [].as_slice()),
        ForwardTo::Weighted(all) => (None, all.as_slice()),
    };
    one.into_iter().chain(several.iter().map(|weighted| &weighted.destination.cluster))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::router::testing::{cluster, one_host, prefix, route, to};
    use crate::envoy::table::{Note, NoteKind};

    /// The only virtual host of each table in words, and what was made for all of them by one.
    fn bodies(tables: &[RouteTable]) -> Vec<Arc<Body>> {
        let (all, sources) = (Bodies::default(), SourceMap::default());
        let each = tables.iter().map(|table| {
            let config = &table.route_configs[0];
            let (host, said) = (&config.virtual_hosts[0], HostNotes::of(table));
            let body = all.of(table, config, host, (&said, &sources));
            assert_eq!(**body, HostBody::of(table, config, host, (&said, &sources)));
            body
        });
        each.collect()
    }

    #[test]
    fn words_are_shared_where_nothing_else_can_be_said() {
        let first = RouteTable {
            clusters: Arc::new(vec![cluster("v1", 2, 0).into()]),
            ..one_host(vec![route(prefix("/"), to("v1"))])
        };
        let unready = RouteTable { clusters: Arc::new(vec![cluster("v1", 1, 1).into()]), ..first.clone() };
        let gone = RouteTable { clusters: Arc::default(), ..first.clone() };
        let unmade = {
            let mut whole = cluster("", 1, 0);
            whole.unmade_subsets = vec!["v1".into()];
            RouteTable { clusters: Arc::new(vec![whole.into()]), ..first.clone() }
        };
        let half = RouteTable { extent: Extent { clusters: false, endpoints: false }, ..gone.clone() };
        let mut noted = first.clone();
        noted.notes.push(Note {
            kind: NoteKind::Remark,
            rule: "VH-12",
            message: "a remark".into(),
            object: None,
            at: Default::default(),
            route_config: "80".into(),
            virtual_host: "any".into(),
        });
        let told = bodies(&[first.clone(), first, unready, gone, unmade, half, noted]);
        assert!(Arc::ptr_eq(&told[0], &told[1]));
        for (i, one) in told.iter().enumerate().skip(1) {
            assert!(told.iter().skip(i + 1).all(|other| one != other), "{one:?}");
        }
    }
}
