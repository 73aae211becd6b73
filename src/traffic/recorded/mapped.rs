//! Logs with names of their own: `--map FIELD=NAME` says which of them is which part of a request.

use serde_json::Value;
use smol_str::SmolStr;

use super::csv::Columns;
use super::{Entry, Fault, Settings, access_log_json};

/// Reads a JSON line whose names are mapped.
pub(super) fn entry(line: &str, number: u64, columns: &Columns, settings: &Settings) -> Result<Entry, Fault> {
    let line: Value = serde_json::from_str(line).map_err(|e| access_log_json::fault(&e))?;
    let cells: Vec<String> =
        settings.map.iter().map(|(_, name)| find(&line, name).map(cell).unwrap_or_default()).collect();
    columns.entry(&cells.into(), number, settings)
}

/// The value of that name, else where a path such as `request.headers.0` leads.
fn find<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    if let Some(found) = value.get(name) {
        return Some(found);
    }
    // A name may have dots of its own: the longest that there is goes first.
    let ends = name.rmatch_indices('.').map(|(at, _)| at);
    let parts = ends.filter_map(|at| Some((name.get(..at)?, name.get(at + 1..)?)));
    parts
        .into_iter()
        .find_map(|(first, rest)| {
            let inner = value.get(first).or_else(|| value.get(first.parse::<usize>().ok()?))?;
            find(inner, rest)
        })
        .or_else(|| value.get(name.parse::<usize>().ok()?))
}

/// A value as a cell of CSV would have it.
fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Object(_) => String::new(),
        Value::Array(values) => values.first().map(cell).unwrap_or_default(),
        other => other.to_string(),
    }
}

/// The columns that a map stands for, in its order.
///
/// # Errors
/// A field that is none, or is there twice.
pub(super) fn columns(map: &[(SmolStr, SmolStr)]) -> Result<Columns, String> {
    Columns::named(map.iter().map(|(field, _)| field.as_str()))
}
