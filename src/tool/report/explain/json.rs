//! Decisions for programs (`explain -o json`, an array, and `-o jsonl`, a line each).

use serde::Serialize;
use smol_str::SmolStr;

use crate::envoy::decision::{Decision, DecisionJson};
use crate::envoy::proxy::Proxy;
use crate::envoy::request::Request;
use crate::istio::clients::Audience;
use crate::manifest::source::SourceMap;
use crate::tool::report::VERSION;

#[derive(Debug, Serialize)]
struct Line<'a> {
    version: u32,
    #[serde(flatten)]
    decision: DecisionJson<'a>,
    /// How many clients it holds for, and the names of their classes, that of `proxy` first.
    members: usize,
    classes: &'a [SmolStr],
}

/// One decision of a proxy about a request as an object on one line, without line end.
pub(crate) fn line(
    decision: &Decision,
    request: &Request,
    proxy: &Proxy,
    audience: &Audience,
    sources: &SourceMap,
) -> String {
    // Structs of texts and numbers always serialize.
    serde_json::to_string(&object(decision, request, proxy, audience, sources)).unwrap_or_default()
}

/// The same as a part of another document.
pub(crate) fn object<'a>(
    decision: &'a Decision,
    request: &'a Request,
    proxy: &'a Proxy,
    audience: &'a Audience,
    sources: &'a SourceMap,
) -> impl Serialize + 'a {
    Line {
        version: VERSION,
        decision: DecisionJson::new(decision, request, proxy, sources),
        members: audience.members,
        classes: &audience.classes,
    }
}

#[cfg(feature = "cli")]
/// An array of the lines, ending in a line end.
pub(crate) fn to_json(lines: &[String]) -> String {
    format!("[{}]\n", lines.join(",\n"))
}

#[cfg(feature = "cli")]
/// The lines, each with its end.
pub(crate) fn to_jsonl(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}
