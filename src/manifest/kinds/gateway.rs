//! Gateway, field by field as in `networking/v1/gateway.proto`.

use smol_str::SmolStr;

use super::Labels;
use crate::manifest::source::Position;

#[derive(Debug, Clone, Default)]
pub(crate) struct Gateway {
    pub servers: Vec<Server>,
    /// Absent or empty: all gateway workloads (GW-1).
    pub selector: Labels,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Server {
    pub port: Option<ServerPort>,
    pub bind: SmolStr,
    pub hosts: Vec<SmolStr>,
    pub tls: Option<ServerTls>,
    pub default_endpoint: SmolStr,
    pub name: SmolStr,
    pub at: Position,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ServerPort {
    pub number: i64,
    pub protocol: SmolStr,
    pub name: SmolStr,
    pub target_port: i64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ServerTls {
    pub https_redirect: bool,
    pub mode: ServerTlsMode,
    pub server_certificate: SmolStr,
    pub private_key: SmolStr,
    pub ca_certificates: SmolStr,
    pub ca_crl: SmolStr,
    pub credential_name: SmolStr,
    pub credential_names: Vec<SmolStr>,
    pub ca_cert_credential_name: SmolStr,
    pub tls_certificates: Vec<TlsCertificate>,
    pub subject_alt_names: Vec<SmolStr>,
    pub verify_certificate_spki: Vec<SmolStr>,
    pub verify_certificate_hash: Vec<SmolStr>,
    pub min_protocol_version: SmolStr,
    pub max_protocol_version: SmolStr,
    pub cipher_suites: Vec<SmolStr>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TlsCertificate {
    pub server_certificate: SmolStr,
    pub private_key: SmolStr,
    pub ca_certificates: SmolStr,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ServerTlsMode {
    #[default]
    Passthrough,
    Simple,
    Mutual,
    AutoPassthrough,
    IstioMutual,
    OptionalMutual,
}
