//! The schema of Gateway, with the server TLS block that Sidecar shares.

use super::metadata::{METADATA, STATUS};
use super::*;

pub(super) static GATEWAY: Shape = Shape::of(
    "M100",
    &[text("apiVersion"), text("kind"), object("metadata", &METADATA), object("spec", &SPEC), field("status", STATUS)],
);

static SPEC: Shape =
    Shape::of("M100", &[field("servers", list(&Type::Object(&SERVER))).id("M301"), field("selector", TEXT_MAP)]);

static SERVER: Shape = Shape::of(
    "M100",
    &[
        object("port", &PORT).required().id("M302"),
        text("bind"),
        field("hosts", TEXTS).required().id("M301"),
        object("tls", &SERVER_TLS),
        text("defaultEndpoint"),
        text("name"),
    ],
);

static PORT: Shape = Shape::of(
    "M302",
    &[
        field("number", UINT32).required(),
        text("protocol").required(),
        text("name").required(),
        field("targetPort", UINT32),
    ],
);

const TLS_VERSION: Type = Type::Word(&["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"]);

/// `tls` of a server, also of a Sidecar's ingress listener.
pub(super) static SERVER_TLS: Shape = Shape::of(
    "M305",
    &[
        field("httpsRedirect", Type::Bool),
        field(
            "mode",
            Type::Word(&["PASSTHROUGH", "SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"]),
        ),
        text("serverCertificate"),
        text("privateKey"),
        text("caCertificates"),
        text("caCrl"),
        text("credentialName"),
        field("credentialNames", Type::List { item: &TEXT, min: 1, max: 2 }),
        text("caCertCredentialName"),
        field("tlsCertificates", Type::List { item: &Type::Object(&TLS_CERTIFICATE), min: 1, max: 2 }),
        field("subjectAltNames", TEXTS),
        field("verifyCertificateSpki", TEXTS),
        field("verifyCertificateHash", TEXTS),
        field("insecureSkipVerify", Type::Bool).since(Difference::ServerTlsFields),
        field("minProtocolVersion", TLS_VERSION),
        field("maxProtocolVersion", TLS_VERSION),
        field("cipherSuites", TEXTS),
        field("ecdhCurves", TEXTS).since(Difference::ServerTlsCurves),
    ],
)
.exclusive(&[&["credentialNames", "tlsCertificates"], &["credentialName", "credentialNames"]]);

static TLS_CERTIFICATE: Shape =
    Shape::of("M305", &[text("serverCertificate"), text("privateKey"), text("caCertificates")]);
