//! Outbound listeners of sidecars: which ports and addresses exist, and which table or TCP cluster serves them (section 9).

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::Context;
use crate::table::{Listener, VirtualOutbound};

/// Listeners and the names of the tables they need.
pub(crate) struct SidecarListeners {
    /// Sorted by address and port.
    pub listeners: Vec<Listener>,
    pub virtual_outbound: VirtualOutbound,
    pub route_config_names: BTreeSet<SmolStr>,
}

pub(crate) fn sidecar_listeners(cx: &Context<'_>) -> SidecarListeners {
    let _ = cx;
    todo!("owner: listeners")
}
