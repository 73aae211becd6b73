//! Why a request goes where it goes: the ladder of each client that it concerns.

use super::{NOTHING_OPENED, Opened};
use crate::envoy::request::Request;
use crate::envoy::router::{RequestView, Tried};
use crate::tool::report;
use crate::traffic::answers::{Case, cases};
use crate::traffic::request_text;

/// `{"decisions": [{"decision": ..., "conditions": [[...]]}]}` for a request as somebody writes it down.
///
/// # Errors
/// It is no request, or names a proxy that there isn't.
pub(super) fn explain(opened: Option<&Opened>, asked: &str) -> Result<String, String> {
    let request = [written(asked)?];
    let opened = opened.ok_or(NOTHING_OPENED)?;
    let (cases, problems) = cases(&request, &opened.workspace, &opened.switches, &opened.how.options);
    if let Some(problem) = problems.into_iter().next() {
        return Err(problem);
    }
    let tried = |t: &Tried| serde_json::json!({"name": t.name, "wanted": t.wanted, "own": t.own, "holds": t.holds});
    let rung = |all: &Vec<Tried>| all.iter().map(tried).collect::<Vec<_>>();
    let one = |case: &Case<'_>| {
        let (proxy, sources) = (&case.router.table().proxy, &opened.workspace.sources);
        let decision = report::explain::line(&case.decision, case.request, proxy, &case.audience, sources);
        let conditions = case.router.conditions_tried(&RequestView::from(case.request));
        let conditions = serde_json::json!(conditions.iter().map(rung).collect::<Vec<_>>());
        format!("{{\"decision\":{decision},\"conditions\":{conditions}}}")
    };
    let decisions: Vec<String> = cases.iter().map(one).collect();
    Ok(format!("{{\"error\":null,\"decisions\":[{}]}}", decisions.join(",")))
}

/// A request as somebody writes it down: a curl command line, a line of a request file, or `METHOD URL`, with headers behind or a line
/// each below.
fn written(asked: &str) -> Result<Request, String> {
    let asked = asked.trim();
    if asked.starts_with('{') {
        return request_text::read_line(asked, serde_json::Value::default).map_err(|error| error.to_string());
    }
    if asked.starts_with("curl ") {
        return request_text::parse_curl(asked).map(|curl| curl.request).map_err(|error| error.to_string());
    }
    let mut lines = asked.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let headers: Vec<String> = lines.map(str::to_owned).collect();
    // A bare address is asked for with GET.
    let first = if first.contains("://") && !first.contains(' ') { format!("GET {first}") } else { first.to_owned() };
    request_text::parse_request(&first, &headers).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_people_write_them() {
        for asked in [
            "GET http://shop/a -H 'x-a: 1'",
            " GET http://shop/a\n x-a: 1 \n\n",
            "http://shop/a\nx-a: 1",
            "curl http://shop/a -H 'x-a: 1'",
            r#"{"authority": "shop", "path": "/a", "headers": [["x-a", "1"]]}"#,
        ] {
            let request = written(asked).expect("a request");
            assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/a"), "{asked}");
            assert_eq!(
                request.headers.iter().filter(|(name, value)| name == "x-a" && value == "1").count(),
                1,
                "{asked}"
            );
        }
        assert!(written("").is_err());
    }
}
