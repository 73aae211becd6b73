//! `towtank ui`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use clap::Args;

use super::common::CommonArgs;
use super::exit::Exit;
use super::{input, output};
use crate::manifest::diagnostic::Severity;
use crate::manifest::source::REVISION;
use crate::tool::files::Stamp;
use crate::tool::page::{self, Before, How, Opened};
use crate::tool::ui::{Engine, Server};
use crate::traffic::workspace::Inputs;

/// What `--help` says below all options.
const ENDINGS: &str = "\
Examples:
  towtank ui manifests/ --open
  towtank ui manifests/ --against git:main
  towtank ui scenarios/match-priority --port 8080

The address has a token: whoever has it can read the manifests, and nobody else can. Ctrl-C ends the server.

Exit status: 2 wrong usage, or the port is taken; 130 stopped by Ctrl-C.";

#[derive(Debug, Args)]
#[command(after_help = ENDINGS, next_help_heading = "Page")]
pub(super) struct UiArgs {
    /// The manifests that the changes are told against; git:HEAD of PATH unless said
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,

    /// Port on loopback; any free one unless said
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,

    /// Open the page in the browser
    #[arg(long)]
    open: bool,

    #[command(flatten)]
    pub(super) common: CommonArgs,
}

pub(super) fn run(args: &UiArgs) -> anyhow::Result<Exit> {
    let is_piped = |path: &PathBuf| path.as_os_str() == "-";
    if args.common.paths.iter().any(is_piped) {
        anyhow::bail!("standard input can be read once, and the page follows what it reads: name files or folders");
    }
    // Files come and go while a page is open, but nobody opens one on a slip of the pen.
    if let Some(missing) = args.common.paths.iter().flat_map(laid).find(|path| !is_revision(path) && !path.exists()) {
        anyhow::bail!("{}: no such file or folder", missing.display());
    }
    let server = Server::start(args.port).with_context(|| format!("cannot listen on port {}", args.port))?;
    let address = server.address();
    output::own(format!("{address}\n").as_bytes())?;
    if args.open {
        open_in_browser(&address);
    }
    // What is wrong is said on the page.
    let common = CommonArgs { quiet: true, ..args.common.clone() };
    server.serve(&Page { args, common, opened: Mutex::default(), read: Mutex::default() });
    Ok(Exit::Fine)
}

/// Starts what the system opens addresses with; the address was printed, so that it may fail.
fn open_in_browser(address: &str) {
    let (program, first): (&str, &[&str]) = match std::env::consts::OS {
        "macos" => ("open", &[]),
        "windows" => ("cmd", &["/C", "start", ""]),
        _ => ("xdg-open", &[]),
    };
    let mut command = Command::new(program);
    command.args(first).arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = command.spawn() {
        output::message(&format!("note: {program} can't be started ({error}); open the address in a browser"));
    }
}

/// The path, or both of one that is laid over another.
fn laid(path: impl AsRef<Path>) -> Vec<PathBuf> {
    path.as_ref().to_string_lossy().split('+').map(PathBuf::from).collect()
}

fn is_revision(path: &Path) -> bool {
    path.to_string_lossy().starts_with(REVISION)
}

/// What the page shows.
struct Page<'a> {
    args: &'a UiArgs,
    common: CommonArgs,
    /// The last that could be read, of which requests are asked.
    opened: Mutex<Option<Arc<Opened>>>,
    /// Names of the files that were read last, which may lie outside of the paths that were given.
    read: Mutex<Vec<String>>,
}

impl Engine for Page<'_> {
    type Stamp = Stamp;

    fn stamp(&self) -> Stamp {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let given = self.common.paths.iter().chain(&self.common.overlay).chain(&self.common.mesh_config);
        let parts: Vec<PathBuf> = given.chain(&self.args.against).flat_map(laid).collect();
        let stamp = Stamp::of(parts.iter().cloned().chain(read.into_iter().map(PathBuf::from)));
        let (revisions, paths): (Vec<PathBuf>, _) = parts.into_iter().partition(|path| is_revision(path));
        // Without `--against` it is git:HEAD.
        if self.args.against.is_some() && revisions.is_empty() {
            return stamp;
        }
        stamp.with_revisions(paths.into_iter().chain([PathBuf::from(".")]))
    }

    fn open(&self) -> Result<String, String> {
        let (now, before) = gather(&self.common, self.args.against.as_ref())?;
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) =
            now.sources.iter().map(|(_, file)| file.name.to_string()).collect();
        let name = self.common.paths.first().map(|p| p.display().to_string()).unwrap_or_default();
        let how = How { options: input::options(&self.common), seed: self.common.seed, name };
        let earlier = self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let before = before.map(|(inputs, name)| Before::new(inputs, name));
        let (opened, state) = Opened::new(now, before, how, earlier.as_deref()).map_err(|unusable| unusable.text)?;
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(opened));
        Ok(page::shown(state))
    }

    fn answer(&self, question: &str, body: &str) -> Option<String> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone();
        page::answer(opened.as_deref(), question, body)
    }
}

/// The texts of now, and those of before with their name. Without `--against` it is what `git:HEAD` has, if there is such a thing.
fn gather(common: &CommonArgs, against: Option<&PathBuf>) -> Result<(Inputs, Option<(Inputs, String)>), String> {
    let old: Vec<PathBuf> = against.into_iter().cloned().collect();
    let alone = || -> Result<Inputs, String> {
        let mut all = input::gather(common);
        match all.len() {
            1 => Ok(all.remove(0)),
            n => Err(format!("a page is of one mesh, and there are {n}: name one of the scenarios")),
        }
    };
    let [path] = common.paths.as_slice() else { return Ok((alone()?, None)) };
    let name = against.map_or("git:HEAD".to_owned(), |path| path.display().to_string());
    match input::gather_pair(common, &old, std::slice::from_ref(path)) {
        Ok(mut pairs) if pairs.len() == 1 => {
            let (now, before) = pairs.remove(0);
            let is_read =
                [&now, &before].iter().all(|side| side.findings.iter().all(|f| f.severity != Severity::Error));
            match against {
                // Without a repository, or before the first commit, there is nothing to compare with.
                None if !is_read => Ok((alone()?, None)),
                _ => Ok((now, Some((before, name)))),
            }
        }
        Err(error) if against.is_some() => Err(format!("--against: {error}")),
        _ => Ok((alone()?, None)),
    }
}
