//! The point of view: one Envoy, a sidecar or a gateway.

use std::net::IpAddr;

use smol_str::SmolStr;

use crate::manifest::kinds::{ConnectionSettings, Labels};

/// Which kind of Envoy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProxyKind {
    Sidecar,
    Gateway,
}

/// The Envoy whose view is resolved (section 2.2 of the translation rules).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// As reports show it: the scenario's name, or the `--proxy` text.
    pub name: SmolStr,
    pub kind: ProxyKind,
    pub namespace: SmolStr,
    /// Pod labels.
    pub labels: Labels,
    /// Decides which address family counts; empty stands for one IPv4 address.
    pub ips: Vec<IpAddr>,
    /// Name of the node, for `internalTrafficPolicy: Local`; empty when unknown.
    pub node: SmolStr,
    /// What it is told by itself (VE-14); None: what the mesh says.
    pub connection_settings: Option<ConnectionSettings>,
}

impl Proxy {
    /// A sidecar of which nothing is known, for what is the same whoever asks.
    pub(crate) fn anyone() -> Proxy {
        Proxy {
            name: SmolStr::default(),
            kind: ProxyKind::Sidecar,
            namespace: SmolStr::default(),
            labels: Labels::default(),
            ips: Vec::new(),
            node: SmolStr::default(),
            connection_settings: None,
        }
    }
}
