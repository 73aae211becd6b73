//! `towtank merge`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser};

use super::tally::{Merged, Tally};
use super::{Output, SimulateArgs, share};
use crate::tool::cli::common::{ColorArg, LengthArgs, RenderArg};
use crate::tool::cli::exit::Exit;
use crate::tool::cli::fail_on;

/// What `--help` says below all options.
const ENDINGS: &str = "\
Examples:
  towtank simulate manifests/ --requests monday.log --tally monday.json
  towtank simulate manifests/ --requests tuesday.log --tally tuesday.json
  towtank merge monday.json tuesday.json
  towtank merge 'tallies/*.json' --tally week.json

Exit status: 0 fine; 1 a condition of --fail-on holds; 2 wrong usage or unusable input.";

#[derive(Debug, Args)]
#[command(after_help = ENDINGS)]
pub(in crate::tool::cli) struct MergeArgs {
    /// Tallies of `simulate --tally`: files with one or more, all files of a folder, or those that fit a pattern in quotes; `-` is
    /// standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Write one tally of all, in place of the report; `-` is standard output. The manifests are not needed for it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mesh", "against", "fail_on", "render"])]
    tally: Option<PathBuf>,

    /// Where the manifests are here, if not where they were when the parts were counted (repeatable)
    #[arg(long, value_name = "PATH")]
    mesh: Vec<PathBuf>,

    /// The same of the manifests of before (repeatable)
    #[arg(long, value_name = "PATH")]
    against: Vec<PathBuf>,

    /// auto runs what renders the manifests, which tallies of a run with --render auto need; they alone cannot ask for it
    #[arg(long, value_enum, default_value_t = RenderArg::Never)]
    render: RenderArg,

    /// Share of the logs' lines that may be unreadable; more of them are an error
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "1%")]
    max_bad: f64,

    /// As for `simulate`
    #[arg(long, value_name = "WHAT[>SHARE],...", value_delimiter = ',', value_parser = fail_on::parse)]
    fail_on: Vec<fail_on::Condition>,

    /// table for people, json and csv for programs
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,

    /// Columns of the table; those of the terminal unless said, 0 for no limit
    #[arg(long, value_name = "N")]
    width: Option<u16>,

    #[command(flatten)]
    length: LengthArgs,

    /// Colours
    #[arg(long, value_enum, default_value_t = ColorArg::Auto)]
    color: ColorArg,

    /// Say nothing but results and errors
    #[arg(short, long)]
    quiet: bool,

    /// Say more about what was read and assumed
    #[arg(short, long)]
    verbose: bool,
}

/// The report that one run over all parts would have given, or one tally of all.
///
/// # Errors
/// Tallies that don't belong together, or not to these manifests.
pub(in crate::tool::cli) fn run(args: &MergeArgs) -> anyhow::Result<Exit> {
    let merged = Merged::read(&args.files)?;
    if let Some(path) = &args.tally {
        merged.into_tally().write(path)?;
        return Ok(Exit::Fine);
    }
    let run = args.run(&merged.first)?;
    super::usable(&run)?;
    super::carry_out(&run, None, Some(merged))
}

impl MergeArgs {
    /// The run that counted, shown as asked here.
    fn run(&self, tally: &Tally) -> anyhow::Result<SimulateArgs> {
        #[derive(Parser)]
        #[command(no_binary_name = true)]
        struct Run {
            #[command(flatten)]
            args: SimulateArgs,
        }
        // Options for logs need one, which is not read.
        let mut words: Vec<OsString> = vec!["--requests=-".into()];
        let is_against = |option: &&String| option.starts_with("--against=") && !self.against.is_empty();
        words.extend(tally.options.iter().filter(|option| !is_against(option)).map(OsString::from));
        for path in &self.against {
            words.extend(["--against".into(), path.clone().into()]);
        }
        words.push("--".into());
        match self.mesh.as_slice() {
            [] => words.extend(tally.paths.iter().map(OsString::from)),
            paths => words.extend(paths.iter().map(OsString::from)),
        }
        let Run { mut args } = Run::try_parse_from(words).map_err(|error| {
            let text = error.to_string();
            anyhow::anyhow!(
                "the tallies have options that this towtank doesn't take: {}",
                text.trim_start_matches("error: ")
            )
        })?;
        // Whoever wrote the tally does not decide what is written here.
        if args.tally.is_some() || args.access_log.is_some() || args.requests.len() != 1 {
            anyhow::bail!("the tallies have options that no tally has: --tally, --access-log or --requests");
        }
        if args.common.render == RenderArg::Auto && self.render == RenderArg::Never {
            anyhow::bail!(
                "the parts were counted with --render auto, which runs programs: give --render auto to merge as well"
            );
        }
        args.common.render = self.render;
        args.requests.clear();
        (args.max_bad, args.fail_on, args.output) = (self.max_bad, self.fail_on.clone(), self.output);
        (args.width, args.length) = (self.width, self.length.clone());
        (args.common.color, args.common.quiet, args.common.verbose) = (self.color, self.quiet, self.verbose);
        Ok(args)
    }
}
