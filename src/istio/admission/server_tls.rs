//! TLS settings of servers: of a Gateway's server and of a Sidecar's ingress listener.

use rustc_hash::FxHashSet;

use super::report::{Place, Report};
use crate::manifest::kinds::{ServerTls, ServerTlsMode};

/// Judges where certificates come from, ciphers and versions, all under `id` (section 14.3).
pub(super) fn review(id: &str, place: &Place<'_>, tls: &ServerTls, report: &mut Report<'_>) {
    review_ciphers(id, place, tls, report);
    match tls.mode {
        ServerTlsMode::IstioMutual => {
            refuse_own_certificates(id, place, tls, report);
            return;
        }
        ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough => {
            if has_certificates(tls) || !tls.ca_crl.is_empty() {
                let message = "TLS is passed through, so the certificates named here are not used";
                report.warn(id, place, message, "remove the certificates, or terminate TLS with mode SIMPLE or MUTUAL");
            }
        }
        ServerTlsMode::Simple | ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual => {}
    }
    review_sources(id, place, tls, report);
    let terminates = matches!(tls.mode, ServerTlsMode::Simple | ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual);
    if terminates {
        if !tls.credential_name.is_empty() || !tls.credential_names.is_empty() {
            return; // Everything comes from the secret; Istio looks no further.
        }
        require_certificates(id, place, tls, report);
    }
    if !tls.ca_crl.is_empty() {
        if !tls.credential_name.is_empty() {
            let message = "a revocation list (`caCrl`) beside `credentialName` is not supported";
            report.reject(id, &place.key("caCrl"), message, "put the list into the secret");
        }
        if tls.mode == ServerTlsMode::Simple {
            let message =
                "a revocation list (`caCrl`) has no effect with mode SIMPLE, which asks for no client certificate";
            report.reject(id, &place.key("caCrl"), message, "remove it, or use mode MUTUAL");
        }
    }
}

fn has_certificates(tls: &ServerTls) -> bool {
    [&tls.server_certificate, &tls.private_key, &tls.ca_certificates, &tls.credential_name]
        .iter()
        .any(|f| !f.is_empty())
        || !tls.tls_certificates.is_empty()
        || !tls.credential_names.is_empty()
}

/// Mode ISTIO_MUTUAL takes the mesh's own certificates and nothing else.
fn refuse_own_certificates(id: &str, place: &Place<'_>, tls: &ServerTls, report: &mut Report<'_>) {
    let fields = [
        ("serverCertificate", !tls.server_certificate.is_empty()),
        ("privateKey", !tls.private_key.is_empty()),
        ("caCertificates", !tls.ca_certificates.is_empty()),
        ("tlsCertificates", !tls.tls_certificates.is_empty()),
        ("credentialName", !tls.credential_name.is_empty()),
        ("credentialNames", !tls.credential_names.is_empty()),
    ];
    for (field, _) in fields.iter().filter(|(_, is_set)| *is_set) {
        let message =
            format!("`{field}` must not be set with mode ISTIO_MUTUAL, which uses the mesh's own certificates");
        report.reject(id, &place.key(field), message, "remove it, or use mode MUTUAL");
    }
}

fn review_sources(id: &str, place: &Place<'_>, tls: &ServerTls, report: &mut Report<'_>) {
    let sources = [
        ("serverCertificate and privateKey", !tls.server_certificate.is_empty() && !tls.private_key.is_empty()),
        ("credentialName", !tls.credential_name.is_empty()),
        ("credentialNames", !tls.credential_names.is_empty()),
        ("tlsCertificates", !tls.tls_certificates.is_empty()),
    ];
    let set: Vec<&str> = sources.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect();
    if set.len() > 1 {
        let message = format!("the server certificate is given more than once: by {}", set.join(" and by "));
        report.reject(id, place, message, "keep one of them");
    }
}

fn require_certificates(id: &str, place: &Place<'_>, tls: &ServerTls, report: &mut Report<'_>) {
    const HINT: &str = "name a secret with `credentialName`, or give the file";
    let mode = match tls.mode {
        ServerTlsMode::Simple => "SIMPLE",
        ServerTlsMode::Mutual => "MUTUAL",
        _ => "OPTIONAL_MUTUAL",
    };
    if tls.mode != ServerTlsMode::Simple && tls.ca_certificates.is_empty() {
        let message = format!("TLS mode {mode} has no `caCertificates` to check clients with");
        report.reject(id, place, message, HINT);
    }
    if tls.tls_certificates.len() > 2 {
        let message = "more than two `tlsCertificates`: at most two are supported";
        report.warn(id, &place.key("tlsCertificates"), message, "keep one RSA and one ECDSA certificate");
    }
    let mut missing = |place: &Place<'_>, certificate: &str, key: &str| {
        for (field, value) in [("serverCertificate", certificate), ("privateKey", key)] {
            if value.is_empty() {
                report.reject(id, place, format!("TLS mode {mode} has no `{field}`"), HINT);
            }
        }
    };
    if tls.tls_certificates.is_empty() {
        missing(place, &tls.server_certificate, &tls.private_key);
    } else {
        let list = place.key("tlsCertificates");
        for (i, certificate) in tls.tls_certificates.iter().enumerate() {
            missing(&list.index(i), &certificate.server_certificate, &certificate.private_key);
        }
    }
}

fn review_ciphers(id: &str, place: &Place<'_>, tls: &ServerTls, report: &mut Report<'_>) {
    if matches!(tls.min_protocol_version.as_str(), "TLSV1_0" | "TLSV1_1") && tls.cipher_suites.is_empty() {
        let message =
            format!("`minProtocolVersion: {}` has no effect without ciphers for it", tls.min_protocol_version);
        let hint = "list compatible `cipherSuites`, or use TLSV1_2 or later";
        report.warn(id, &place.key("minProtocolVersion"), message, hint);
    }
    let list = place.key("cipherSuites");
    let mut seen = FxHashSet::default();
    for (i, cipher) in tls.cipher_suites.iter().enumerate() {
        if !is_cipher(cipher) {
            let message = format!("cipher suite `{cipher}` is not known and is left out");
            report.warn(id, &list.index(i), message, "use OpenSSL's names, such as `ECDHE-RSA-AES128-GCM-SHA256`");
        } else if !seen.insert(cipher) {
            report.warn(
                id,
                &list.index(i),
                format!("cipher suite `{cipher}` is listed twice"),
                "remove one of the two",
            );
        }
    }
}

/// The suites that Istio knows. Everything that begins with neither a letter nor a digit passes as an OpenSSL expression.
fn is_cipher(suite: &str) -> bool {
    const KNOWN: [&str; 16] = [
        "ALL",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-RSA-AES256-SHA",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "AES128-SHA",
        "AES256-SHA",
        "DES-CBC3-SHA",
    ];
    // Istio looks at the first byte as if it were a character.
    let first_is_word = suite.bytes().next().is_some_and(|byte| char::from(byte).is_alphanumeric());
    !first_is_word || KNOWN.contains(&suite)
}
