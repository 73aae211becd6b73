//! Standard output for results, standard error for everything else. Whatever leaves the program for a person or a CI goes
//! through here, and through [`visible`] first.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;

use super::common::ColorArg;
use crate::tool::report::visible;

/// Whether our own colours may pass in results, and in messages: where nobody asked for colours, none are ours.
static COLOR: AtomicBool = AtomicBool::new(false);
static MESSAGE_COLOR: AtomicBool = AtomicBool::new(false);

/// Writes a result for people: text, or a form of text that a CI reads.
///
/// # Errors
/// A broken pipe or a full disk.
pub(super) fn write(bytes: &[u8]) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(bytes);
    own(visible::report(&text, COLOR.load(Ordering::Relaxed)).as_bytes())
}

/// Writes a result for programs: JSON, in lines or not.
///
/// # Errors
/// A broken pipe or a full disk.
pub(super) fn json(bytes: &[u8]) -> anyhow::Result<()> {
    own(&visible::json(bytes))
}

/// Writes workflow commands, each on its line with its parts escaped.
///
/// # Errors
/// A broken pipe or a full disk.
pub(super) fn annotations(text: &str) -> anyhow::Result<()> {
    own(visible::visible(text, false).as_bytes())
}

/// Writes what holds nobody's text but ours.
///
/// # Errors
/// A broken pipe or a full disk.
pub(super) fn own(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).context("cannot write to standard output")
}

/// Says something on standard error; a closed one is no reason to fail.
pub(super) fn message(text: &str) {
    let text = visible::report(text.trim_end(), MESSAGE_COLOR.load(Ordering::Relaxed));
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether results are coloured: as asked, else on a terminal that shows colours unless `NO_COLOR` is set.
pub(super) fn color(arg: ColorArg) -> bool {
    let color = wanted(arg, io::stdout().is_terminal());
    COLOR.store(color, Ordering::Relaxed);
    color
}

/// The same for messages.
pub(super) fn message_color(arg: ColorArg) -> bool {
    let color = wanted(arg, io::stderr().is_terminal());
    MESSAGE_COLOR.store(color, Ordering::Relaxed);
    color
}

fn wanted(arg: ColorArg, is_terminal: bool) -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    match arg {
        ColorArg::Always => true,
        ColorArg::Never => false,
        ColorArg::Auto => {
            let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            is_terminal && !is_dumb && !is_set("NO_COLOR")
        }
    }
}

/// Columns of the terminal; 0, which is no limit, where the output is none.
pub(super) fn width() -> u16 {
    if !io::stdout().is_terminal() {
        return 0;
    }
    terminal_size::terminal_size().map_or(80, |(w, _)| w.0)
}
