//! Route configurations of sidecars (section 8 of the translation rules).

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::Context;
use crate::table::RouteConfiguration;

/// The tables of the given names: `"<port>"`, `"<host>:<port>"` of sniffed services, the port of HTTP proxy listeners, `"http_proxy"` (RC-1).
pub(crate) fn route_configs(cx: &Context<'_>, names: &BTreeSet<SmolStr>) -> Vec<RouteConfiguration> {
    let _ = (cx, names);
    todo!("owner: http routes")
}
