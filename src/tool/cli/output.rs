//! Standard output for results, standard error for everything else.

use std::io::{self, IsTerminal, Write};

use super::common::ColorArg;

/// Writes a result.
///
/// # Errors
/// A broken pipe or a full disk.
pub(super) fn write(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

/// Says something on standard error; a closed one is no reason to fail.
pub(super) fn message(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
}

/// Whether results are coloured: as asked, else on a terminal unless `NO_COLOR` is set.
pub(super) fn color(arg: ColorArg) -> bool {
    match arg {
        ColorArg::Always => true,
        ColorArg::Never => false,
        ColorArg::Auto => io::stdout().is_terminal() && no_color_is_unset(),
    }
}

/// The same for messages.
pub(super) fn message_color(arg: ColorArg) -> bool {
    match arg {
        ColorArg::Always => true,
        ColorArg::Never => false,
        ColorArg::Auto => io::stderr().is_terminal() && no_color_is_unset(),
    }
}

fn no_color_is_unset() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Columns of the terminal; 0, which is no limit, where the output is none.
pub(super) fn width() -> u16 {
    if !io::stdout().is_terminal() {
        return 0;
    }
    terminal_size::terminal_size().map_or(80, |(w, _)| w.0)
}
