//! Clusters of the services in scope (sections 12.4 and 13.2 of the translation rules).

use super::Context;
use crate::table::Cluster;

/// All clusters of the proxy, with their endpoints, in any order.
pub(crate) fn clusters(cx: &Context<'_>) -> Vec<Cluster> {
    let _ = cx;
    todo!("owner: mesh registry")
}
