//! The manual of an id: `towtank explain RT-3`, `towtank check --explain R106`.

use std::fmt::Write as _;

use super::exit::Exit;
use super::output;
use crate::analysis::checks::registry::{self, Check};
use crate::tool::report;
use crate::tool::rules;

/// Prints what is known under an id: a rule of `docs/rules`, a check, or the checks that other tools' code stands for.
///
/// # Errors
/// Nothing is called that: what there is, and the nearest.
pub(super) fn print(id: &str, color: bool) -> anyhow::Result<Exit> {
    let id = id.trim();
    if let Some(rule) = rules::find(id) {
        let text = format!("{} {}\n\n{}\n\ndocs/rules/{}\n", rule.id, rule.title, rule.text, rule.file);
        output::own(text.as_bytes())?;
        return Ok(Exit::Fine);
    }
    let checks: Vec<&Check> = match registry::find(id) {
        Some(check) => vec![check],
        None => registry::of_peer(id).collect(),
    };
    if checks.is_empty() {
        anyhow::bail!("{}", unknown(id));
    }
    let texts: Vec<String> = checks.iter().map(|check| report::check::explain(check, color)).collect();
    output::own(texts.join("\n").as_bytes())?;
    Ok(Exit::Fine)
}

fn unknown(id: &str) -> String {
    let mut text = format!("there is no check and no rule `{id}`");
    match rules::suggestion(id) {
        Some(near) if id.contains('-') => {
            let _ = write!(text, "; did you mean {near}?");
        }
        _ => text.push_str(&registry::suggestion(id)),
    }
    let known: Vec<&str> = registry::all().map(|c| c.id).collect();
    let _ = write!(
        text,
        "\nthe checks are {}\nthe rules stand in docs/rules, for example RT-3 or \"envoy-matching 2.6\"",
        known.join(" ")
    );
    text
}
