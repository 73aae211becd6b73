//! The command line: arguments, files, terminal and exit status. One file a command; the rules of routing are elsewhere.

mod check;
mod explain;
mod fail_on;
mod input;
mod manual;
mod options;
mod output;
mod progress;
mod routes;
mod schema;
mod simulate;
mod test;
#[cfg(all(feature = "verify", unix))]
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use options::{Arguments, Command};

/// How a run ends, as an exit status (section 2 of the contract).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
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

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Simulate(args) => simulate::run(&args),
        Command::Routes(args) => routes::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Check(args) => check::run(&args),
        #[cfg(all(feature = "verify", unix))]
        Command::Verify(args) => verify::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "towtank", &mut script);
            output::write(&script).map(|()| Exit::Fine)
        }
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            // A reader that went away has what it wanted.
            let broken_pipe =
                error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe);
            if broken_pipe {
                return Exit::Fine.into();
            }
            output::message(&format!("error: {error:#}"));
            Exit::Unusable.into()
        }
    }
}
