//! Envoy's response flags.

use std::fmt;

/// The response flag that Envoy logs for a request (`%RESPONSE_FLAGS%`), as far as routing alone sets one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(crate) enum ResponseFlags {
    /// `-`.
    #[default]
    None,
    /// `NR`: no route takes the request.
    NoRoute,
    /// `NC`: the route's cluster doesn't exist.
    NoCluster,
    /// `UH`: no endpoint of the cluster can take requests.
    NoHealthyUpstream,
    /// `FI`: answered by an abort fault.
    FaultInjected,
    /// `DPE`: the request cannot be read.
    DownstreamProtocolError,
}

impl ResponseFlags {
    /// As access logs have it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ResponseFlags::None => "-",
            ResponseFlags::NoRoute => "NR",
            ResponseFlags::NoCluster => "NC",
            ResponseFlags::NoHealthyUpstream => "UH",
            ResponseFlags::FaultInjected => "FI",
            ResponseFlags::DownstreamProtocolError => "DPE",
        }
    }
}

impl fmt::Display for ResponseFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl serde::Serialize for ResponseFlags {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
