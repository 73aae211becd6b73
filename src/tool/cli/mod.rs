//! The command line: arguments, files, terminal and exit status. One file a command; the rules of routing are elsewhere.
//!
//! Only this file knows the commands; they use what stands below them (`exit`, `common`, `input`, `output`, `progress`).

mod check;
mod common;
mod diff;
mod exit;
mod explain;
mod fail_on;
mod input;
mod learn;
mod manual;
mod output;
mod playground;
mod progress;
mod requests;
mod rollout;
mod routes;
mod schema;
mod simulate;
mod suppose;
mod test;
#[cfg(feature = "ui")]
mod ui;
#[cfg(all(feature = "verify", unix))]
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use exit::Exit;

use crate::parallel;

/// Try Istio routing before it is applied: which subset gets which share, what matches nothing, what is lost.
#[derive(Debug, Parser)]
#[command(name = "towtank", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay streams of requests: shares of each subset, unmatched and lost traffic
    Simulate(simulate::SimulateArgs),
    /// Put together what `simulate --tally` counted in parts of a log: the same report as of the whole
    Merge(simulate::MergeArgs),
    /// Print the effective route table of a proxy
    Routes(routes::RoutesArgs),
    /// Say step by step why each request goes where it goes
    Explain(explain::ExplainArgs),
    /// Run regression tests; exit 1 when one fails
    Test(test::TestArgs),
    /// What a change does: every request that is treated otherwise, proven, with an example for each change
    Diff(diff::DiffArgs),
    /// A rollout before it begins: in which order, what each step does, and the way back
    Rollout(rollout::RolloutArgs),
    /// Findings in manifests before they are applied
    Check(check::CheckArgs),
    /// Lessons: guess where a request goes, then see the ladder and why
    Learn(learn::LearnArgs),
    /// Show all of it on a page that follows the files while they are edited
    #[cfg(feature = "ui")]
    Ui(ui::UiArgs),
    /// Write the playground: all of it in one page for a browser, with the engine in itself
    Playground(playground::PlaygroundArgs),
    /// Hold the decisions against a real Envoy that is given the exported configuration
    #[cfg(all(feature = "verify", unix))]
    Verify(verify::VerifyArgs),
    /// Print a JSON Schema: of scenario.yaml or of a JSON output
    Schema(schema::SchemaArgs),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a man page, of the program or of a command
    #[command(hide = true)]
    Man {
        /// The command
        command: Option<String>,
    },
}

/// What `completions --help` says below all options.
const COMPLETIONS: &str = "\
Examples:
  towtank completions bash > ~/.local/share/bash-completion/completions/towtank
  towtank completions zsh > ~/.zfunc/_towtank
  towtank completions fish > ~/.config/fish/completions/towtank.fish

Exit status: 0 fine; 2 wrong usage.";

/// Prints the man page of the program, or of one of its commands.
fn man(command: Option<&str>) -> anyhow::Result<Exit> {
    let mut program = Arguments::command();
    program.build();
    let (page, title) = match command {
        None => (program, "towtank".to_owned()),
        Some(name) => {
            let found = program.find_subcommand(name).cloned();
            let found =
                found.ok_or_else(|| anyhow::anyhow!("there is no command `{name}`; `towtank help` lists them"))?;
            (found, format!("towtank-{name}"))
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).title(title).render(&mut text)?;
    output::own(&text).map(|()| Exit::Fine)
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let parsed = Arguments::command()
        .try_get_matches()
        .and_then(|matches| Ok((Arguments::from_arg_matches(&matches)?, matches)));
    let (arguments, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) if error.use_stderr() => {
            // It quotes what was given, which may be the name of somebody's file.
            let color = output::message_color(common::ColorArg::Auto);
            let text = error.render();
            output::message(&if color { text.ansi().to_string() } else { text.to_string() });
            return Exit::Unusable.into();
        }
        Err(help) => help.exit(),
    };
    if let Err(error) = parallel::start() {
        output::message(&format!(
            "error: the system gives no threads ({error})\n  = help: raise the limit on processes (`ulimit -u`), or that of the container"
        ));
        return Exit::Unusable.into();
    }
    let result = match arguments.command {
        Command::Simulate(args) => {
            let matches = matches.subcommand_matches("simulate").unwrap_or(&matches);
            args.common.one_release().and_then(|()| simulate::run(&args, matches))
        }
        Command::Merge(args) => simulate::merge(&args),
        Command::Routes(args) => args.common.one_release().and_then(|()| routes::run(&args)),
        Command::Explain(args) => args.common.one_release().and_then(|()| explain::run(&args)),
        Command::Diff(args) => diff::run(&args),
        Command::Rollout(args) => args.common.one_release().and_then(|()| rollout::run(&args)),
        Command::Check(args) => args.common.one_release().and_then(|()| check::run(&args)),
        #[cfg(all(feature = "verify", unix))]
        Command::Verify(args) => args.common.one_release().and_then(|()| verify::run(&args)),
        #[cfg(feature = "ui")]
        Command::Ui(args) => args.common.one_release().and_then(|()| ui::run(&args)),
        Command::Playground(args) => playground::run(&args),
        Command::Test(args) => args.common.one_release().and_then(|()| test::run(&args)),
        Command::Learn(args) => learn::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Man { command } => man(command.as_deref()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "towtank", &mut script);
            output::own(&script).map(|()| Exit::Fine)
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
