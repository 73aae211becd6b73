//! The tools themselves, run without anything of ours that they need not know, and without a way to the network.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::roots::{Kind, Root};
use super::shown;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::tool::files::texts;

/// As much as is shown of what a tool says when it fails.
const SAID_MAX: usize = 4000;

/// What a tool is told beside the folder.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked<'a> {
    /// That a chart is installed in; empty: the tool's default.
    pub namespace: &'a str,
    /// What a chart is installed as; None: as its folder is called.
    pub release: Option<&'a str>,
    /// Files with values for a chart.
    pub values: &'a [PathBuf],
    /// Values that are handed to it.
    pub inline: Option<&'a str>,
}

/// A tool that has run.
pub(super) struct Ran {
    /// As one would type it.
    pub command: String,
    pub text: String,
}

/// The tool's name and its arguments.
type Line = (&'static str, Vec<OsString>);

/// What may be run for a folder; the first that is installed is.
fn lines(root: &Root, asked: &Asked<'_>) -> Vec<Line> {
    let folder = if root.folder.as_os_str().is_empty() { Path::new(".") } else { &root.folder };
    let dir = OsString::from(folder);
    match root.kind {
        Kind::Kustomization => {
            vec![("kustomize", vec!["build".into(), dir.clone()]), ("kubectl", vec!["kustomize".into(), dir])]
        }
        Kind::Chart => {
            let own = folder.file_name().map_or_else(|| OsString::from("release"), OsString::from);
            let release = asked.release.map_or(own, OsString::from);
            let mut arguments = vec!["template".into(), release, dir];
            if !asked.namespace.is_empty() {
                arguments.extend(["--namespace".into(), asked.namespace.into()]);
            }
            for file in asked.values {
                arguments.extend(["--values".into(), file.into()]);
            }
            // Those that stand in an object count more than those of files.
            arguments.extend(asked.inline.iter().flat_map(|_| ["--values".into(), "-".into()]));
            vec![("helm", arguments)]
        }
        Kind::Helmfile => {
            let file = folder.join(root.file);
            vec![("helmfile", vec!["--file".into(), file.into(), "template".into(), "--skip-deps".into()])]
        }
    }
}

fn typed((program, arguments): &Line) -> String {
    let words = arguments.iter().map(|word| shown(Path::new(word)));
    std::iter::once((*program).to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// The command that renders a folder, as one would type it.
pub(super) fn command(root: &Root, asked: &Asked<'_>) -> String {
    lines(root, asked).first().map(typed).unwrap_or_default()
}

/// Renders a folder.
///
/// # Errors
/// No tool is installed that does, it fails, or what it gives is no text.
pub(super) fn run(root: &Root, asked: &Asked<'_>) -> Result<Ran, Box<Finding>> {
    let refuse = |message: String| Box::new(Finding::new("load", Severity::Error, message));
    let folder = shown(&root.folder);
    let lines = lines(root, asked);
    let installed = lines.iter().find_map(|line| Some((line, installed(line.0)?)));
    let Some((line, program)) = installed else {
        let names: Vec<String> = lines.iter().map(|(name, _)| format!("`{name}`")).collect();
        let (none, are) = if names.len() > 1 { ("neither ", "") } else { ("no ", "") };
        let names = names.join(" nor ");
        let message = format!("`{folder}` is {}, and {none}{names} is installed to render it{are}", root.kind.what());
        let piped = lines.first().map(typed).unwrap_or_default();
        return Err(Box::new(Finding::new("load", Severity::Error, message).hint(format!(
            "run it where it is, and pipe in what it gives: `{piped} | towtank ... -`; --render never reads the files as they are"
        ))));
    };
    let typed = typed(line);
    let output = output(cleaned(&program, &line.1), asked.inline.filter(|_| root.kind == Kind::Chart));
    let output = output.map_err(|error| refuse(format!("cannot run `{typed}`: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim();
        let said = if said.is_empty() { "it doesn't say why".to_owned() } else { shortened(said) };
        let how = output.status.code().map_or_else(|| "was ended".to_owned(), |code| format!("ended with {code}"));
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        return Err(refuse(format!("`{typed}` {how}: {}", lines.join("; "))));
    }
    let text = texts::text_of(output.stdout).map_err(|what| refuse(format!("what `{typed}` gives {what}")))?;
    Ok(Ran { command: typed, text })
}

/// What a tool gives when it is handed `input`.
fn output(mut command: Command, input: Option<&str>) -> io::Result<Output> {
    let Some(input) = input else { return command.output() };
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Values are read before anything is written; a tool that fails first says why by itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SAID_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// A program of the `PATH`. Folders of it that are relative lead to where the manifests are, and nothing of theirs is run.
fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(&name))
        .find(|p| p.is_file())
}

/// A tool that is given no more of our environment than it takes to start: no credentials, no cluster, no settings. What would be
/// fetched is not found: Git may use no protocol, and the proxy for everything else is a port where nobody listens.
#[expect(
    clippy::disallowed_methods,
    reason = "tools know their own formats; they are run only where `--render auto` says so"
)]
fn cleaned(program: &Path, arguments: &[OsString]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stdin(Stdio::null());
    for name in ["PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let nowhere = "http://127.0.0.1:9";
    for (name, value) in [
        ("HOME", "/nonexistent"),
        ("KUBECONFIG", "/dev/null"),
        ("GIT_ALLOW_PROTOCOL", "none"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("HTTP_PROXY", nowhere),
        ("HTTPS_PROXY", nowhere),
        ("ALL_PROXY", nowhere),
        ("http_proxy", nowhere),
        ("https_proxy", nowhere),
        ("LC_ALL", "C"),
    ] {
        command.env(name, value);
    }
    command
}
