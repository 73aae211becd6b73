//! Regression tests of routing: requests, what is expected of them, and whether it holds.
//!
//! In: the text of a scenario or of a test file, and the resolved mesh. Out: [`Test`]s, then [`TestResult`]s with every
//! difference, the decision it comes from, and its place. Shares are compared exactly, nothing is drawn. Not here: files,
//! and how results are shown.
//!
//! # The format
//!
//! Tests stand under `tests:` in `scenario.yaml`, or in a file `NAME.test.yaml` beside the manifests:
//!
//! ```yaml
//! apiVersion: towtank/v1
//! kind: Test
//! tests:
//! - name: beta users read the new catalog
//!   proxy: front-door                      # one or a list; default: the scenario's first, else all that have the host
//!   method: [GET, HEAD]                    # lists multiply out: here 2 x 2 x 1 requests
//!   url: [https://books.example.com/catalog, https://books.example.com/catalog/novels]
//!   headers: {x-beta: "true"}              # a value may be a list; null leaves the header away
//!   expect: {route: beta, host: catalog, subset: v2, path: /novels}
//! - name: five in a hundred meet it by chance
//!   request: GET https://books.example.com/catalog/novels
//!   expect:
//!     shares: {catalog/v1: 95%, catalog/v2: 5%}
//!     tolerance: 1%
//! - name: nothing of the page views is lost
//!   stream: page-views                     # every request that the stream can make
//!   never: [unmatched, blackholed, {host: reviews, subset: v2}]
//! ```
//!
//! A test has requests, in one of four forms: `request` (`METHOD URL`), `url` with `method`, `host` and `path` with
//! `method` (for tables), or `stream`. Next to them may stand `headers` and `address` (the dialled one).
//!
//! `expect` takes any of
//! - `outcome`: a class such as `delivered`, `redirect`, `no_route`, or what it is counted as: `answered`, `unmatched`,
//!   `blackholed`, `passthrough`;
//! - `host`, `subset` (`""`: none), `port`: where *all* traffic of the request goes;
//! - `route`: the name of the rule; `virtualService`: `[NAMESPACE/]NAME` of the object that wrote it;
//! - `status`, `location`;
//! - `path`, `authority`, `headers`: as the proxy sends them on, after all rewrites, be there an endpoint or not. A
//!   header's value is text, null (it must not be there), or one of `{exact: }`, `{prefix: }`, `{suffix: }`, `{contains: }`,
//!   `{regex: }`, `{present: true}`;
//! - `shares`: what part of the requests ends where, faults included. Keys are `SUBSET`, `HOST`, `HOST/SUBSET`,
//!   `HOST:PORT/SUBSET`, or an outcome; what is not listed must get nothing. `tolerance` (0 unless said) holds for each.
//!   Requests of a list are judged one by one, those of a stream all together, each with its weight.
//!
//! What a fault lets through counts for everything but `shares` and `never`.
//!
//! `never` lists what no request may come to, not even with a small probability: outcomes, or `{host, subset, port}`.
//!
//! Beside them, under `properties:`, stand sentences about all requests ([`Property`]), which are proven or refuted from the
//! tables, without requests that anybody thought of.
//!
//! Test files of two other tools are run as they are: those of istio-config-validator ([`validator`]) and of Envoy's
//! router check tool ([`router_check`]). What of them cannot be evaluated is noted with its place ([`NotEvaluated`]).

mod coverage;
mod diff;
mod golden;
mod judge;
#[cfg(test)]
mod laws;
mod left_out;
mod model;
mod names;
mod own;
mod passed_over;
mod property;
mod prototext;
mod prove;
mod read;
mod requests;
mod route_config;
pub(crate) mod router_check;
mod run;
mod subject;
#[cfg(test)]
mod tests;
mod tool_view;
pub(crate) mod validator;
mod views;

pub(crate) use coverage::{Coverage, CoverageItem, ItemKind, Percent, measure};
pub(crate) use diff::{Change, changes};
pub(crate) use golden::golden;
pub(crate) use model::*;
pub(crate) use prove::{Proof, Verdict, Wishes};
pub(crate) use read::{TEST_FILE_ENDINGS, is_test_text, read_file, read_scenario};
pub(crate) use run::{Case, Failure, TestResult, plan, run};
