//! A gate for pull requests in thirty lines: fails where a change loses requests, or where a check finds an error.

use std::process::ExitCode;

use towtank::{Mesh, Options, Settings, Severity};

const BEFORE: &str = "
apiVersion: v1
kind: Service
metadata: {name: cart}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cart-1, labels: {app: cart, version: v1}}
";

const CHANGE: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart}
spec:
  hosts: [cart]
  http:
  - route: [{destination: {host: cart, subset: v1}}]
";

fn main() -> Result<ExitCode, towtank::Error> {
    let options = Options::default();
    let before = Mesh::from_texts([("before.yaml", BEFORE)], &options)?;
    let after = Mesh::from_texts([("before.yaml", BEFORE), ("change.yaml", CHANGE)], &options)?;

    let difference = after.diff(&before, &Settings::default())?;
    println!("{difference}");
    let errors = after.check().into_iter().filter(|finding| finding.severity() == Severity::Error);
    let errors = errors.inspect(|finding| println!("{finding}")).count();
    let lost: f64 = difference.expected().iter().filter(|(o, _)| o.is_lost()).map(|(_, share)| share).sum();

    // This change routes to a subset that nobody defines: the gate is meant to close.
    Ok(if lost > 0.0 || errors > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
