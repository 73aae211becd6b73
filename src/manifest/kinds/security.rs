//! Kinds that routing doesn't need and checks do: Secrets (their names and keys, never their data), policies for mTLS and
//! tokens, and routes of the Gateway API as far as they name Services.

use smol_str::SmolStr;

use super::Labels;

/// A Secret without what is secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Secret {
    /// Such as `kubernetes.io/tls`; empty where it is not written.
    pub kind: SmolStr,
    /// Names in `data` and `stringData`.
    pub keys: Vec<SmolStr>,
}

/// What a workload wants of connections to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum MutualTlsMode {
    /// As the next wider policy says; PERMISSIVE where none does.
    #[default]
    Unset,
    Disable,
    Permissive,
    Strict,
}

/// Who may speak to a workload, and how. Without selector it is for the namespace, in the root namespace for the mesh.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PeerAuthentication {
    pub selector: Labels,
    pub mode: MutualTlsMode,
    /// Modes of single ports of the pods.
    pub ports: Vec<(u16, MutualTlsMode)>,
}

/// Whose tokens a workload verifies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RequestAuthentication {
    pub selector: Labels,
}

/// An HTTPRoute or GRPCRoute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServiceRoute {
    /// Namespace and name of each Service among its parents.
    pub services: Vec<(SmolStr, SmolStr)>,
}
