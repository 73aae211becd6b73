//! What `check` would say at error level about the mesh that was run.

use indexmap::IndexMap;

use super::{Finished, SimulateArgs};
use crate::analysis::checks;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::tool::cli::output;
use crate::tool::report::alike::skeleton;
use crate::tool::report::columns::wrap;
use crate::tool::report::grid::{counted, thousands};
use crate::traffic::workspace::Reviewed;

/// Findings that are named.
const NAMED_MAX: usize = 3;

/// A line for each mesh with errors, below its report.
pub(super) fn tell(finished: &[Finished], args: &SimulateArgs) -> anyhow::Result<()> {
    let several = finished.len() > 1;
    for f in finished {
        if f.errors.is_empty() {
            continue;
        }
        let name = if several { format!("{}: ", f.workspace.name) } else { String::new() };
        let width = args.width.unwrap_or_else(output::width);
        output::write(format!("\n{}\n", wrap(&format!("{name}{}", sentence(&f.errors)), width, 2)).as_bytes())?;
    }
    Ok(())
}

/// What is an error.
pub(super) fn of(reviewed: Reviewed) -> Vec<Finding> {
    let mut findings = checks::findings(reviewed);
    findings.retain(|f| f.severity == Severity::Error);
    findings
}

/// `check finds 2 errors: R101 VirtualService default/orders: ...; R106 ...`. Those of one cause are named once.
fn sentence(errors: &[Finding]) -> String {
    let mut causes: IndexMap<(&str, String), Vec<&Finding>> = IndexMap::new();
    for f in errors {
        causes.entry((f.id.as_str(), skeleton(&f.message))).or_default().push(f);
    }
    let one = |alike: &Vec<&Finding>| {
        let Some(first) = alike.first() else { return String::new() };
        let more = match alike.len() - 1 {
            0 => String::new(),
            n => format!(", and {} more like it", thousands(n as u64)),
        };
        format!("{} {}{more}", first.id, first.statement())
    };
    let shown: Vec<String> = causes.values().take(NAMED_MAX).map(one).collect();
    let more = match causes.values().skip(NAMED_MAX).map(Vec::len).sum::<usize>() {
        0 => String::new(),
        n => format!("; and {} more", thousands(n as u64)),
    };
    format!("check finds {}: {}{more}", counted(errors.len() as u64, "error"), shown.join("; "))
}
