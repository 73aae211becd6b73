//! What a client's DNS answers, as far as the mesh decides it.

use std::net::IpAddr;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

/// Addresses by lower-case name: full and short names of services as the proxy's pod can look them up.
///
/// Services without an address of their own have no entry; a request to such a name dials an address outside the mesh.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameTable {
    pub addresses: FxHashMap<SmolStr, Vec<IpAddr>>,
}

impl NameTable {
    /// The first address of `name`, which is compared ignoring case.
    pub(crate) fn resolve(&self, name: &str) -> Option<IpAddr> {
        let found = if name.bytes().any(|b| b.is_ascii_uppercase()) {
            self.addresses.get(name.to_ascii_lowercase().as_str())
        } else {
            self.addresses.get(name)
        };
        found?.first().copied()
    }
}
