//! Annotations of the new side's lines, as GitHub reads them.

use super::{Results, field, heading, other_fields};
use crate::analysis::diff::Kind;
use crate::envoy::words;
use crate::tool::report::github::{data, property};

/// One line for each cause, with a line end behind each.
pub(crate) fn to_annotations(results: &Results<'_>) -> String {
    let mut out = String::new();
    for (i, cause) in results.causes.iter().enumerate().filter(|(_, c)| !c.change.is_minor()) {
        let change = cause.change;
        let wanted = results.expected.and_then(|e| e.wanted.get(i)).copied().unwrap_or(false);
        let command = match cause.kind {
            _ if wanted => "notice",
            Kind::Lost | Kind::Unmatched => "error",
            Kind::Moved | Kind::Altered | Kind::Policy => "warning",
            Kind::Gained => "notice",
        };
        // What is gone has no line in the new files.
        let at = change.new.source.as_ref().map(|s| s.at).filter(|at| at.is_known());
        let place = at.map_or_else(String::new, |at| {
            let name = results.sources[1].name(at.file);
            format!("file={},line={},", property(name.strip_prefix("./").unwrap_or(name)), at.line)
        });
        let hosts: Vec<&str> = cause.hosts.iter().take(3).map(|h| words::short_host(h)).collect();
        let more = if cause.hosts.len() > 3 { ", ..." } else { "" };
        let mut message = format!("{}{more} {}: {}", hosts.join(", "), cause.audience, change.region.to_words());
        if change.old.deed != change.new.deed {
            message.push_str(&format!("\n{} -> {}", change.old.deed, change.new.deed));
        }
        for f in other_fields(change) {
            message.push_str(&format!("\n{}", field(f)));
        }
        if let Some(witness) = &change.witness {
            message.push_str(&format!("\nfor example {}", words::request(witness)));
        }
        out.push_str(&format!("::{command} {place}title={}::{}\n", property(heading(cause.kind)), data(&message)));
    }
    out
}
