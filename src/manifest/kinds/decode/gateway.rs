//! Gateway, and the port and TLS blocks that Sidecar shares with it.

use super::{Decoder, fields, flag, int, labels, list, text, texts};
use crate::manifest::kinds::*;
use crate::manifest::yaml::Node;

/// Reads the `spec` of a Gateway.
pub(crate) fn gateway(spec: &Node<'_>, decoder: Decoder<'_>) -> Gateway {
    let mut result = Gateway::default();
    for (key, value) in fields(spec) {
        match key {
            "servers" => result.servers = list(value, |node| server(node, decoder)),
            "selector" => result.selector = labels(value),
            _ => {}
        }
    }
    result
}

fn server(node: &Node<'_>, decoder: Decoder<'_>) -> Server {
    let mut result = Server { at: decoder.at(node), ..Server::default() };
    for (key, value) in fields(node) {
        match key {
            "port" => result.port = Some(server_port(value)),
            "bind" => result.bind = text(value),
            "hosts" => result.hosts = texts(value),
            "tls" => result.tls = Some(server_tls(value)),
            "defaultEndpoint" => result.default_endpoint = text(value),
            "name" => result.name = text(value),
            _ => {}
        }
    }
    result
}

/// `port` of a Gateway's server or a Sidecar's listener.
pub(super) fn server_port(node: &Node<'_>) -> ServerPort {
    let mut result = ServerPort::default();
    for (key, value) in fields(node) {
        match key {
            "number" => result.number = int(value),
            "protocol" => result.protocol = text(value),
            "name" => result.name = text(value),
            "targetPort" => result.target_port = int(value),
            _ => {}
        }
    }
    result
}

/// `tls` of a Gateway's server or a Sidecar's ingress listener.
pub(super) fn server_tls(node: &Node<'_>) -> ServerTls {
    let mut result = ServerTls::default();
    for (key, value) in fields(node) {
        match key {
            "httpsRedirect" => result.https_redirect = flag(value),
            "mode" => {
                result.mode = match value.as_str() {
                    Some("SIMPLE") => ServerTlsMode::Simple,
                    Some("MUTUAL") => ServerTlsMode::Mutual,
                    Some("AUTO_PASSTHROUGH") => ServerTlsMode::AutoPassthrough,
                    Some("ISTIO_MUTUAL") => ServerTlsMode::IstioMutual,
                    Some("OPTIONAL_MUTUAL") => ServerTlsMode::OptionalMutual,
                    _ => ServerTlsMode::Passthrough,
                }
            }
            "serverCertificate" => result.server_certificate = text(value),
            "privateKey" => result.private_key = text(value),
            "caCertificates" => result.ca_certificates = text(value),
            "caCrl" => result.ca_crl = text(value),
            "credentialName" => result.credential_name = text(value),
            "credentialNames" => result.credential_names = texts(value),
            "caCertCredentialName" => result.ca_cert_credential_name = text(value),
            "tlsCertificates" => result.tls_certificates = list(value, tls_certificate),
            "subjectAltNames" => result.subject_alt_names = texts(value),
            "verifyCertificateSpki" => result.verify_certificate_spki = texts(value),
            "verifyCertificateHash" => result.verify_certificate_hash = texts(value),
            "minProtocolVersion" => result.min_protocol_version = text(value),
            "maxProtocolVersion" => result.max_protocol_version = text(value),
            "cipherSuites" => result.cipher_suites = texts(value),
            _ => {}
        }
    }
    result
}

fn tls_certificate(node: &Node<'_>) -> TlsCertificate {
    let mut result = TlsCertificate::default();
    for (key, value) in fields(node) {
        match key {
            "serverCertificate" => result.server_certificate = text(value),
            "privateKey" => result.private_key = text(value),
            "caCertificates" => result.ca_certificates = text(value),
            _ => {}
        }
    }
    result
}
