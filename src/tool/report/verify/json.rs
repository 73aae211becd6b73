//! `verify -o json`: one object for each mesh, on a line.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::envoy::request::Request;
use crate::tool::report::VERSION;
use crate::tool::verify::{Difference, DifferingRequest, PartDifference, ProxyResult, ShareTest, Sums};
use crate::traffic::stats::Fit;

#[derive(Debug, Serialize)]
struct RunJson<'a> {
    version: u32,
    /// Null for plain manifests.
    scenario: Option<&'a str>,
    envoy: &'a str,
    agrees: bool,
    proxies: Vec<ProxyJson<'a>>,
    totals: SumsJson,
}

#[derive(Debug, Serialize)]
struct SumsJson {
    requests: u64,
    agreed: u64,
    differed: u64,
    not_evaluated: u64,
    shares: u64,
    shares_agreed: u64,
    configuration: u64,
}

#[derive(Debug, Serialize)]
struct ProxyJson<'a> {
    proxy: &'a str,
    requests: u64,
    agreed: u64,
    differed: u64,
    differences: Vec<DifferingJson<'a>>,
    not_evaluated: Vec<ReasonJson<'a>>,
    parts_not_evaluated: Vec<ReasonJson<'a>>,
    configuration: Vec<PartJson<'a>>,
    shares: Vec<ShareJson<'a>>,
}

#[derive(Debug, Serialize)]
struct DifferingJson<'a> {
    id: &'a serde_json::Value,
    request: RequestJson<'a>,
    parts: Vec<DifferenceJson<'a>>,
}

#[derive(Debug, Serialize)]
struct RequestJson<'a> {
    method: &'a str,
    authority: &'a str,
    path: &'a str,
    port: Option<u16>,
    address: Option<std::net::IpAddr>,
    tls: bool,
    sni: Option<&'a str>,
    headers: Vec<[&'a str; 2]>,
}

#[derive(Debug, Serialize)]
struct DifferenceJson<'a> {
    part: &'a str,
    towtank: &'a str,
    envoy: &'a str,
}

#[derive(Debug, Serialize)]
struct PartJson<'a> {
    part: &'a str,
    towtank: &'a str,
    envoy: &'a str,
}

#[derive(Debug, Serialize)]
struct ReasonJson<'a> {
    reason: &'a str,
    requests: u64,
}

#[derive(Debug, Serialize)]
struct ShareJson<'a> {
    listener: &'a str,
    route_config: Option<&'a str>,
    virtual_host: Option<&'a str>,
    route_index: Option<u32>,
    /// What was drawn.
    of: &'static str,
    agrees: bool,
    ways: Vec<WayJson<'a>>,
    fit: Option<Fit>,
}

#[derive(Debug, Serialize)]
struct WayJson<'a> {
    name: &'a str,
    share: f64,
    requests: u64,
}

/// One line. `scenario` is empty for plain manifests.
pub(crate) fn to_json(scenario: &str, envoy: &str, results: &[ProxyResult]) -> Vec<u8> {
    let sums = Sums::of(results);
    let run = RunJson {
        version: VERSION,
        scenario: Some(scenario).filter(|s| !s.is_empty()),
        envoy,
        agrees: sums.agree(),
        proxies: results.iter().map(ProxyJson::new).collect(),
        totals: SumsJson {
            requests: sums.requests,
            agreed: sums.agreed,
            differed: sums.requests - sums.agreed,
            not_evaluated: sums.not_evaluated,
            shares: sums.shares,
            shares_agreed: sums.shares_agreed,
            configuration: sums.configuration,
        },
    };
    // Plain structs of texts and numbers always serialize.
    let mut out = serde_json::to_vec(&run).unwrap_or_default();
    out.push(b'\n');
    out
}

impl<'a> ProxyJson<'a> {
    fn new(result: &'a ProxyResult) -> ProxyJson<'a> {
        ProxyJson {
            proxy: &result.proxy,
            requests: result.requests,
            agreed: result.agreed,
            differed: result.requests - result.agreed,
            differences: result.differing.iter().map(DifferingJson::new).collect(),
            not_evaluated: reasons(&result.not_evaluated),
            parts_not_evaluated: reasons(&result.parts_not_evaluated),
            configuration: result.configuration.iter().map(PartJson::new).collect(),
            shares: result.shares.iter().map(ShareJson::new).collect(),
        }
    }
}

impl<'a> DifferingJson<'a> {
    fn new(differing: &'a DifferingRequest) -> DifferingJson<'a> {
        DifferingJson {
            id: &differing.request.id,
            request: RequestJson::new(&differing.request),
            parts: differing.differences.iter().map(DifferenceJson::new).collect(),
        }
    }
}

impl<'a> RequestJson<'a> {
    fn new(request: &'a Request) -> RequestJson<'a> {
        RequestJson {
            method: &request.method,
            authority: &request.authority,
            path: &request.path,
            port: request.port,
            address: request.address,
            tls: request.tls,
            sni: request.sni.as_deref(),
            headers: request.headers.iter().map(|(n, v)| [n.as_str(), v.as_str()]).collect(),
        }
    }
}

impl<'a> DifferenceJson<'a> {
    fn new(d: &'a Difference) -> DifferenceJson<'a> {
        DifferenceJson { part: d.part, towtank: &d.towtank, envoy: &d.envoy }
    }
}

impl<'a> PartJson<'a> {
    fn new(part: &'a PartDifference) -> PartJson<'a> {
        PartJson { part: &part.what, towtank: &part.difference.towtank, envoy: &part.difference.envoy }
    }
}

impl<'a> ShareJson<'a> {
    fn new(test: &'a ShareTest) -> ShareJson<'a> {
        ShareJson {
            listener: &test.listener,
            route_config: Some(test.route_config.as_str()).filter(|s| !s.is_empty()),
            virtual_host: Some(test.virtual_host.as_str()).filter(|s| !s.is_empty()),
            route_index: test.route_index,
            of: test.drawn.as_str(),
            agrees: test.agrees,
            ways: test.ways.iter().map(|w| WayJson { name: &w.name, share: w.share, requests: w.count }).collect(),
            fit: test.fit,
        }
    }
}

fn reasons(all: &BTreeMap<String, u64>) -> Vec<ReasonJson<'_>> {
    all.iter().map(|(reason, requests)| ReasonJson { reason, requests: *requests }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::verify::Way;
    use crate::traffic::request_text;

    /// No Envoy is needed to see the form of what it says.
    #[test]
    fn every_part_is_what_the_schema_says() {
        let difference = || Difference { part: "status", towtank: "200".to_owned(), envoy: "503".to_owned() };
        let request =
            request_text::parse_request("GET http://shop/?a=b", &["x-user: jason".to_owned()]).expect("a request");
        let way = |name: &str, share, count| Way { name: name.to_owned(), share, count };
        let split = ShareTest {
            listener: "0.0.0.0:80".into(),
            route_config: "80".into(),
            virtual_host: "shop:80".into(),
            route_index: Some(0),
            drawn: crate::tool::verify::Drawn::Targets,
            ways: vec![way("outbound|80|v1|shop", 0.9, 90), way("outbound|80|v2|shop", 0.1, 10)],
            fit: Some(Fit { statistic: 0.0, degrees_of_freedom: 1, p_value: 1.0 }),
            agrees: true,
        };
        let tcp = ShareTest {
            route_config: "".into(),
            virtual_host: "".into(),
            route_index: None,
            fit: None,
            ..split.clone()
        };
        let result = ProxyResult {
            proxy: "client".into(),
            requests: 2,
            agreed: 1,
            differing: vec![DifferingRequest { request, differences: vec![difference()] }],
            not_evaluated: BTreeMap::from([("no such address".to_owned(), 1)]),
            parts_not_evaluated: BTreeMap::from([("location".to_owned(), 1)]),
            configuration: vec![PartDifference { what: "listener 0.0.0.0_80".into(), difference: difference() }],
            shares: vec![split, tcp],
        };
        let schema = serde_json::from_str(crate::tool::report::schema::VERIFY).expect("the schema is JSON");
        let validator = jsonschema::validator_for(&schema).expect("the schema is one");
        for (scenario, results) in [("", &[][..]), ("scenarios/shop", &[result])] {
            let json = to_json(scenario, "1.40.0", results);
            assert!(json.starts_with(b"{\"version\":1,"));
            let document: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
            let errors: Vec<String> =
                validator.iter_errors(&document).map(|e| format!("{e} at {}", e.instance_path())).collect();
            assert!(errors.is_empty(), "{errors:#?}");
        }
    }
}
