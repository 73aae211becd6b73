//! `--expect`: a file of wanted changes.

use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::analysis::diff::Cause;
use crate::tool::files;
use crate::tool::report::diff::{Expected, summary};

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    changes: Vec<Wanted>,
}

/// One wanted change: by what it does to which requests, wherever its rules stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    kind: String,
    hosts: Vec<String>,
    requests: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    what: Vec<String>,
}

const VERSION: u32 = 1;

impl Wanted {
    fn of(cause: &Cause<'_>) -> Wanted {
        Wanted {
            kind: cause.kind.as_str().to_owned(),
            hosts: cause.hosts.iter().map(ToString::to_string).collect(),
            requests: cause.change.region.to_words(),
            what: summary(cause.change),
        }
    }

    fn line(&self) -> String {
        format!("{} {}: {}", self.kind, self.hosts.join(", "), self.what.join("; "))
    }
}

/// Writes the causes as wanted changes.
///
/// # Errors
/// The file can't be written.
pub(super) fn write(path: &Path, causes: &[Cause<'_>]) -> anyhow::Result<()> {
    let file = File { version: VERSION, changes: causes.iter().map(Wanted::of).collect() };
    let text = format!("# Wanted changes, for `towtank diff --expect`.\n{}", serde_yaml::to_string(&file)?);
    files::replace(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// Holds the causes against the file.
///
/// # Errors
/// It can't be read, or is none of wanted changes.
pub(super) fn hold(path: &Path, causes: &[Cause<'_>]) -> anyhow::Result<Expected> {
    let text = files::read_any(path).map_err(|error| anyhow::anyhow!("--expect: {error}"))?;
    let read: Result<File, _> = serde_yaml::from_str(&text);
    let file =
        read.map_err(|e| anyhow::anyhow!("--expect: {}: {e}\n  = help: --update writes such a file", path.display()))?;
    if file.version != VERSION {
        anyhow::bail!(
            "--expect: {}: version {} is not known; --update writes version {VERSION}",
            path.display(),
            file.version
        );
    }
    let mut left = file.changes;
    let mut wanted = Vec::with_capacity(causes.len());
    for cause in causes {
        let own = Wanted::of(cause);
        let found = left.iter().position(|w| *w == own);
        wanted.push(found.is_some());
        if let Some(at) = found {
            left.remove(at);
        }
    }
    Ok(Expected { wanted, missing: left.iter().map(Wanted::line).collect() })
}
