//! A request as a client sends it: what `-r`, `--curl`, request files and streams are read into.

use std::net::IpAddr;

use smol_str::SmolStr;

/// One request, before anything is defaulted by a mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The `id` of a request file, as its JSON text; else the position from 0.
    pub id: serde_json::Value,
    /// Name of the proxy it passes; None: the only or first one.
    pub proxy: Option<SmolStr>,
    /// `GET` unless said.
    pub method: SmolStr,
    /// Value of `:authority`, port included where the client sends it.
    pub authority: SmolStr,
    /// Path with query, as sent.
    pub path: SmolStr,
    /// Dialled port; None: the authority's, else 443 with TLS, else 80.
    pub port: Option<u16>,
    /// Dialled address; None: what the mesh's DNS gives for the authority's host.
    pub address: Option<IpAddr>,
    pub tls: bool,
    pub sni: Option<SmolStr>,
    /// In order; names may repeat.
    pub headers: Vec<(SmolStr, SmolStr)>,
}
