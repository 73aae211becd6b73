//! Requests of a file, one by one.

use std::fs::File;
use std::path::Path;

use smol_str::SmolStr;

use crate::envoy::request::Request;
use crate::tool::files;
use crate::traffic::recorded::{self, Seekable};
use crate::traffic::request_text;

/// The requests of a file: of JSON lines, else of a log in any format that `simulate` reads, with the names that `map` says.
/// And what can't be read of it.
///
/// # Errors
/// The file can't be read, or nothing in it is a request.
pub(super) fn read(
    path: &Path,
    authority: Option<&str>,
    map: &[(SmolStr, SmolStr)],
) -> anyhow::Result<(Vec<Request>, Vec<String>)> {
    let name = if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
    let text = files::read_any(path);
    let mut wrong = Vec::new();
    if let (Ok(text), true) = (&text, map.is_empty()) {
        let (requests, errors) = request_text::parse_json_lines(text);
        wrong = errors.iter().map(|e| format!("{}: {e}", path.display())).collect();
        if !requests.is_empty() || wrong.is_empty() {
            return Ok((requests, wrong));
        }
    }
    let input: Box<dyn Seekable> = match text {
        Ok(text) => Box::new(std::io::Cursor::new(text)),
        Err(error) if path.as_os_str() == "-" => anyhow::bail!("standard input: {error}"),
        Err(error) => match File::open(path) {
            Ok(file) => Box::new(file),
            Err(_) => anyhow::bail!("{error}"),
        },
    };
    let settings = recorded::Settings { map: map.to_vec(), ..recorded::Settings::of_authority(authority) };
    let mut log = match recorded::Log::open_file(&name, input, settings) {
        Ok(log) if log.format() == recorded::Format::JsonLines => return Ok((Vec::new(), wrong)),
        Ok(log) => log,
        Err(error) => {
            let hint = error.hint.as_ref().map(|hint| format!("\n  = help: {hint}")).unwrap_or_default();
            anyhow::bail!("{error}{hint}")
        }
    };
    let (mut requests, mut errors) = (Vec::new(), Vec::new());
    while let Some(batch) = log.next_batch()? {
        for (_, entry) in batch.entries() {
            match entry {
                Ok(recorded::Entry::Request(record)) => requests.push(record.request),
                Ok(recorded::Entry::PassedOver(_)) => {}
                Err(line) => errors.push(format!("{}:{line}", path.display())),
            }
        }
    }
    if requests.is_empty() && errors.is_empty() {
        anyhow::bail!("{name}: there is no request in it");
    }
    Ok((requests, errors))
}
