//! How a run ends.

use std::process::ExitCode;

/// How a run ends, as an exit status (section 2 of the contract).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Exit {
    /// 0.
    Fine,
    /// 1: the answer is no.
    No,
    /// 2: wrong usage or unusable input.
    Unusable,
    /// 130: stopped by Ctrl-C; what was found until then is reported. 128 and the signal's number, as shells have it.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        match exit {
            Exit::Fine => ExitCode::from(0),
            Exit::No => ExitCode::from(1),
            Exit::Unusable => ExitCode::from(2),
            Exit::Interrupted => ExitCode::from(130),
        }
    }
}
