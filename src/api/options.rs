//! How meshes are opened and streams are run.

/// How inputs are taken.
///
/// ```
/// let mut options = towtank::Options::default();
/// options.namespace = "shop".to_owned();
/// options.proxies = vec!["sidecar:shop:app=web".to_owned()];
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Namespace of documents that name none. `default` unless said.
    pub namespace: String,
    /// Leave documents out that Istio's admission would refuse, instead of giving up. False unless said.
    pub skip_invalid: bool,
    /// Pass over fields that a kind doesn't have, as the API server does for clients other than `kubectl`; else such a document is
    /// invalid. False unless said.
    pub ignore_unknown_fields: bool,
    /// Take for granted what isn't given, as `--assume auto` does: Services, workloads, Gateways, and names of documents. True unless
    /// said.
    pub assume: bool,
    /// The Istio that reads the manifests: `1.28`, `1.29`, `1.30`, `1.31`, a patch release such as `1.30.2`, or `master`; None: what a
    /// scenario says, else what the manifests install, else 1.31. None unless said.
    pub istio: Option<String>,
    /// The points of view, as `--proxy` takes them; empty: those of the scenario, else the mesh's own.
    pub proxies: Vec<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            namespace: "default".to_owned(),
            skip_invalid: false,
            ignore_unknown_fields: false,
            assume: true,
            istio: None,
            proxies: Vec::new(),
        }
    }
}

/// How streams are run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Of every random choice. The same inputs and seed give the same report, whatever the number of threads. 1 unless said.
    pub seed: u64,
    /// Requests of each stream, at most 10^15; None: what the stream says, else 10,000.
    pub requests: Option<u64>,
    /// Draw nothing: shares are exact, and nothing is measured. False unless said.
    pub exact: bool,
    /// Host, with port where it isn't 80, of requests in logs that don't name one.
    pub authority: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { seed: 1, requests: None, exact: false, authority: None }
    }
}
