//! Typed configurations of extensions, told apart by their type.

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error};
use serde_json::Value;
use smol_str::SmolStr;

use super::super::key::Key;
use super::{
    FractionalPercent, HttpConnectionManager, HttpProtocolOptions, Route, RuntimeFraction, StringMatcher, TcpProxy,
    Time, Whole, messages,
};

/// A configuration with its type.
#[derive(Debug, Clone, Default)]
pub(in crate::envoy::config) enum Typed {
    HttpConnectionManager(Box<HttpConnectionManager>),
    TcpProxy(Box<TcpProxy>),
    HttpProtocolOptions(Box<HttpProtocolOptions>),
    DownstreamTls(Box<DownstreamTls>),
    Cors(Box<CorsPolicy>),
    Fault(Box<HttpFault>),
    PreviousHosts,
    PreviousPriorities,
    DynamicForwardProxy,
    /// What a tree of matchers looks at: a header of the request.
    RequestHeader(SmolStr),
    /// Where such a tree leads, and in which order.
    Routes(Vec<Route>),
    /// A URI template, of paths that are matched or made.
    PathTemplate(SmolStr),
    /// Any other, by the last part of its type; empty where it has none.
    Other(SmolStr),
    #[default]
    None,
}

impl<'de> Deserialize<'de> for Typed {
    /// The type may stand anywhere among the fields, so one configuration at a time is held as a tree.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Typed, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        let mut url = text_of(&value, "@type");
        // A configuration that carries another as a plain structure.
        while matches!(short(&url), "TypedStruct") {
            let inner = text_of(&value, "type_url");
            url = if inner.is_empty() { text_of(&value, "typeUrl") } else { inner };
            value = value.get_mut("value").map(Value::take).unwrap_or_default();
        }
        typed(short(&url), value).map_err(|error| D::Error::custom(format_args!("in `{}`: {error}", short(&url))))
    }
}

fn typed(name: &str, value: Value) -> Result<Typed, serde_json::Error> {
    fn boxed<T: DeserializeOwned>(value: Value) -> Result<Box<T>, serde_json::Error> {
        serde_json::from_value(value).map(Box::new)
    }
    Ok(match name {
        "HttpConnectionManager" => Typed::HttpConnectionManager(boxed(value)?),
        "TcpProxy" => Typed::TcpProxy(boxed(value)?),
        "HttpProtocolOptions" => Typed::HttpProtocolOptions(boxed(value)?),
        "DownstreamTlsContext" => Typed::DownstreamTls(boxed(value)?),
        "CorsPolicy" => Typed::Cors(boxed(value)?),
        "HTTPFault" => Typed::Fault(boxed(value)?),
        "HttpRequestHeaderMatchInput" => {
            Typed::RequestHeader(serde_json::from_value::<HeaderInput>(value)?.header_name)
        }
        "Route" => Typed::Routes(vec![serde_json::from_value(value)?]),
        "RouteList" => Typed::Routes(serde_json::from_value::<RouteList>(value)?.routes),
        "PreviousHostsPredicate" => Typed::PreviousHosts,
        "PreviousPrioritiesConfig" => Typed::PreviousPriorities,
        "UriTemplateMatchConfig" => Typed::PathTemplate(serde_json::from_value::<PathTemplate>(value)?.path_template),
        "UriTemplateRewriteConfig" => {
            Typed::PathTemplate(serde_json::from_value::<PathTemplate>(value)?.path_template_rewrite)
        }
        // Of clusters; the filter of that name has another type.
        "ClusterConfig" => Typed::DynamicForwardProxy,
        other => Typed::Other(other.into()),
    })
}

fn text_of(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// `HTTPFault` of `type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault`.
pub(in crate::envoy::config) fn short(url: &str) -> &str {
    url.rsplit(['.', '/']).next().unwrap_or(url)
}

/// An extension: its name and configuration. Where the name is a key already, the configuration stands alone.
#[derive(Debug, Clone, Default)]
pub(in crate::envoy::config) struct Filter {
    pub name: SmolStr,
    pub config: Typed,
    /// It is switched off here.
    pub disabled: bool,
    /// It comes by a discovery service, and what it does is not part of the configuration.
    pub discovered: bool,
}

messages! {
    NamedFilter {
        name: SmolStr,
        typed_config: Typed,
        /// Of a `FilterConfig`, which wraps another.
        config: Typed,
        disabled: bool,
        config_discovery: super::There,
    } silent ["is_optional"]
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Filter, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let is_own = value.get("@type").is_some_and(|t| t.as_str().is_some_and(|t| short(t) != "FilterConfig"));
        if is_own {
            let config = Typed::deserialize(value).map_err(D::Error::custom)?;
            return Ok(Filter { config, ..Filter::default() });
        }
        let named: NamedFilter = serde_json::from_value(value).map_err(D::Error::custom)?;
        let config = if matches!(named.typed_config, Typed::None) { named.config } else { named.typed_config };
        Ok(Filter { name: named.name, config, disabled: named.disabled, discovered: named.config_discovery.0 })
    }
}

impl Filter {
    /// What it is called in messages.
    pub(in crate::envoy::config) fn words(&self) -> &str {
        match &self.config {
            Typed::Other(url) if self.name.is_empty() => url,
            _ => &self.name,
        }
    }
}

messages! {
    HeaderInput { header_name: SmolStr } silent []

    RouteList { routes: Vec<Route> } silent []

    PathTemplate { path_template: SmolStr, path_template_rewrite: SmolStr } silent []

    DownstreamTls { require_client_certificate: bool, common_tls_context: CommonTls } silent []

    CommonTls { combined_validation_context: Option<super::There>, validation_context: Option<super::There>, tls_certificate_sds_secret_configs: Vec<SdsSecret> } silent []

    SdsSecret { name: SmolStr } silent []

    CorsPolicy {
        allow_origin_string_match: Vec<StringMatcher>,
        allow_methods: SmolStr,
        allow_headers: SmolStr,
        expose_headers: SmolStr,
        max_age: Option<Whole>,
        allow_credentials: Option<bool>,
        filter_enabled: Option<RuntimeFraction>,
        forward_not_matching_preflights: Option<bool>,
    } silent ["allow_private_network_access"]

    HttpFault { delay: Option<FaultDelay>, abort: Option<FaultAbort> } silent [
        "max_active_faults", "response_rate_limit", "disable_downstream_cluster_stats", "filter_metadata",
    ]

    FaultDelay { fixed_delay: Option<Time>, percentage: Option<FractionalPercent> } silent []

    FaultAbort {
        http_status: Option<Whole>,
        grpc_status: Option<Whole>,
        percentage: Option<FractionalPercent>,
    } silent []
}

/// Metadata of a route, cluster or endpoint: what is read of it.
#[derive(Debug, Clone, Default)]
pub(in crate::envoy::config) struct Metadata {
    /// `istio.config`: the object that it was made of.
    pub config: SmolStr,
    /// `envoy.transport_socket_match` asks for the mesh's own TLS.
    pub mutual_tls: bool,
    /// `towtank.pod`.
    pub pod: SmolStr,
    /// `towtank.not_evaluated` and `towtank.conditions`: what could not be written again.
    pub not_evaluated: Vec<SmolStr>,
    pub conditions: Vec<SmolStr>,
    /// Texts in other namespaces, with namespace and key.
    pub texts: Vec<[SmolStr; 3]>,
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Metadata, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let field = |of: &Value, name: &str| {
            let entries = of.as_object().into_iter().flatten();
            entries.into_iter().find(|(key, _)| Key::of(key).0 == name).map(|(_, v)| v.clone()).unwrap_or_default()
        };
        let all = field(&value, "filter_metadata");
        let istio = all.get("istio").cloned().unwrap_or_default();
        let text = |of: &Value, key: &str| SmolStr::from(text_of(of, key));
        let list = |key: &str| {
            let own = all.get("towtank").and_then(|t| t.get(key)).and_then(Value::as_array);
            own.into_iter().flatten().filter_map(Value::as_str).map(SmolStr::from).collect()
        };
        let others =
            all.as_object().into_iter().flatten().filter(|(name, _)| !matches!(name.as_str(), "istio" | "towtank"));
        let texts = others.flat_map(|(namespace, of)| {
            let texts = of.as_object().into_iter().flatten().filter_map(|(key, value)| Some((key, value.as_str()?)));
            texts.map(|(key, value)| [namespace.as_str(), key, value].map(SmolStr::from))
        });
        Ok(Metadata {
            texts: texts.collect(),
            not_evaluated: list("not_evaluated"),
            conditions: list("conditions"),
            config: text(&istio, "config"),
            mutual_tls: all.get("envoy.transport_socket_match").is_some_and(|m| text_of(m, "tlsMode") == "istio"),
            pod: all.get("towtank").map(|t| text(t, "pod")).unwrap_or_default(),
        })
    }
}
