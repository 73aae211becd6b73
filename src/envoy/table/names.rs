//! What a client's DNS answers, as far as the mesh decides it.

use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

/// Addresses by lower-case name.
pub(crate) type Names = FxHashMap<SmolStr, Vec<IpAddr>>;

/// Addresses by lower-case name: full and short names of services as the proxy's pod can look them up.
///
/// Services without an address of their own have no entry; a request to such a name dials an address outside the mesh.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct NameTable {
    /// Names that say which namespace they are of: the same for all clients.
    pub everywhere: Arc<Names>,
    /// Names of the services in the client's namespace, without a dot.
    pub own: Arc<Names>,
}

impl NameTable {
    /// The first address of `name`, which is compared ignoring case.
    pub(crate) fn resolve(&self, name: &str) -> Option<IpAddr> {
        let find = |name: &str| self.everywhere.get(name).or_else(|| self.own.get(name));
        let found = if name.bytes().any(|b| b.is_ascii_uppercase()) {
            find(name.to_ascii_lowercase().as_str())
        } else {
            find(name)
        };
        found?.first().copied()
    }
}
