//! A request as a client sends it. Nothing is defaulted here that a mesh decides, such as addresses of names.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// One request, before anything is defaulted by a mesh. What is not said is not written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// The `id` of a request file, as its JSON text; else the position from 0.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub id: serde_json::Value,
    /// Name of the proxy it passes; None: the only or first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<SmolStr>,
    /// `GET` unless said.
    pub method: SmolStr,
    /// Value of `:authority`, port included where the client sends it.
    pub authority: SmolStr,
    /// Path with query, as sent.
    pub path: SmolStr,
    /// Dialled port; None: the authority's, else 443 with TLS, else 80.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Dialled address; None: what the mesh's DNS gives for the dialled host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Host that the client looks up and asks for in TLS; None: the authority's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialled_host: Option<SmolStr>,
    #[serde(default)]
    pub tls: bool,
    /// Name in the TLS client's hello; None: the dialled host, unless that is an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sni: Option<SmolStr>,
    /// In order; names may repeat. Without `Host`, which is the authority.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(SmolStr, SmolStr)>,
}

impl Request {
    /// A request in plain text of which no more is said: every other field has its default.
    pub(crate) fn new(method: impl Into<SmolStr>, authority: impl Into<SmolStr>, path: impl Into<SmolStr>) -> Request {
        Request {
            id: serde_json::Value::Null,
            proxy: None,
            method: method.into(),
            authority: authority.into(),
            path: path.into(),
            port: None,
            address: None,
            dialled_host: None,
            tls: false,
            sni: None,
            headers: Vec::new(),
        }
    }
}
