//! `towtank playground`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::exit::Exit;
use super::output;
use crate::tool::files;

/// What `--help` says below all options.
const ENDINGS: &str = "\
Examples:
  towtank playground -o playground.html
  towtank playground --output site/index.html
  towtank playground > playground.html

The page is one file: it is opened by a double click, sends nothing anywhere, and keeps what is written in it in its address.

Exit status: 0 fine; 2 wrong usage, or this build has no page in it.";

#[derive(Debug, Args)]
#[command(after_help = ENDINGS)]
pub(super) struct PlaygroundArgs {
    /// Where it is written; standard output unless said
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The page, as web/build.mjs makes it.
#[cfg(feature = "playground")]
const PAGE: Option<&[u8]> = Some(include_bytes!(env!(
    "TOWTANK_PLAYGROUND",
    "the feature `playground` takes the page in that `node web/build.mjs` makes: set TOWTANK_PLAYGROUND to its absolute path"
)));
#[cfg(not(feature = "playground"))]
const PAGE: Option<&[u8]> = None;

pub(super) fn run(args: &PlaygroundArgs) -> anyhow::Result<Exit> {
    let page = PAGE.context(
        "this build has no playground in it\n  = help: a release has playground.html beside its archives; from the sources it is made by \
         `node web/build.mjs`",
    )?;
    match &args.output {
        Some(path) => files::replace(path, page).with_context(|| format!("cannot write {}", path.display()))?,
        None => output::own(page)?,
    }
    Ok(Exit::Fine)
}
