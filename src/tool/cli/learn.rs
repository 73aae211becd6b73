//! `towtank learn`.

use std::io::{IsTerminal as _, Write as _};

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use super::common::ColorArg;
use super::exit::Exit;
use super::output;
use crate::tool::lesson::{self, Answered, Lesson, Refused, Words};
use crate::tool::report::learn::{self, Entry, View};
use crate::tool::report::{diagnostics, visible};

/// What `--help` says below all options.
const ENDINGS: &str = "\
Examples:
  towtank learn
  towtank learn 3
  towtank learn 3 --answer b
  towtank learn undefined-subset --language ko
  towtank learn 3 -o json

On a terminal a lesson asks, and says after the answer what the engine makes of the request, and why. Elsewhere it shows the question;
--answer gives an answer to it.

Exit status: 0 fine, or the answer is right; 1 the answer is wrong; 2 wrong usage, or there is no such lesson.";

#[derive(Debug, Args)]
#[command(after_help = ENDINGS)]
pub(super) struct LearnArgs {
    /// A lesson by its number, its name or the beginning of it; without one, all are listed
    #[arg(value_name = "LESSON")]
    lesson: Option<String>,

    /// The answer, without being asked: the letter of a choice
    #[arg(long, value_name = "LETTER", requires = "lesson")]
    answer: Option<String>,

    /// Language of the lessons
    #[arg(long, value_parser = PossibleValuesParser::new(lesson::languages()), default_value = "en")]
    language: String,

    /// table for people, json for programs: with the answer and everything that stands behind it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,

    /// Colours
    #[arg(long, value_enum, default_value_t = ColorArg::Auto)]
    color: ColorArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

pub(super) fn run(args: &LearnArgs) -> anyhow::Result<Exit> {
    told(args).unwrap_or_else(|refused| {
        output::message(&diagnostics::to_text(&refused.findings, &refused.sources, false));
        Ok(Exit::Unusable)
    })
}

/// Lists lessons, or tells one.
///
/// # Errors
/// The files of a lesson are at fault; within it, what any command may meet.
fn told(args: &LearnArgs) -> Result<anyhow::Result<Exit>, Refused> {
    let Some(words) = lesson::words(&args.language) else {
        return Ok(Err(anyhow::anyhow!("there are no lessons in `{}`", args.language)));
    };
    let words = words?;
    let Some(asked) = &args.lesson else {
        let entries = learn::entries(&args.language)?;
        return Ok(list(args, &entries, &words));
    };
    let Some(lesson) = lesson::find(asked).and_then(|place| lesson::open(place, &args.language)) else {
        return Ok(Err(anyhow::anyhow!("{}", unknown(asked))));
    };
    let lesson = lesson?;
    let answered = lesson.answer(&words)?;
    Ok(one(args, &lesson, &answered, &words))
}

fn list(args: &LearnArgs, entries: &[Entry], words: &Words) -> anyhow::Result<Exit> {
    match args.output {
        Format::Json => output::json(learn::list_to_json(entries, &args.language, words).as_bytes())?,
        Format::Table => output::write(learn::list_to_text(entries, words, view(args)).as_bytes())?,
    }
    Ok(Exit::Fine)
}

fn one(args: &LearnArgs, lesson: &Lesson, answered: &Answered, words: &Words) -> anyhow::Result<Exit> {
    let chosen = args.answer.as_ref().map(|answer| chosen(answer, answered, words)).transpose();
    let mut chosen = chosen.map_err(|problem| anyhow::anyhow!(problem))?;
    if args.output == Format::Json {
        output::json(learn::to_json(lesson, answered, chosen, &args.language, words).as_bytes())?;
    } else {
        if chosen.is_none() {
            output::write(learn::question(lesson, answered, words, view(args)).as_bytes())?;
            chosen = ask(lesson, answered, words)?;
        }
        if let Some(chosen) = chosen {
            output::write(learn::result(lesson, answered, chosen, words, view(args)).as_bytes())?;
        }
    }
    Ok(if chosen.is_none_or(|chosen| chosen == answered.right) { Exit::Fine } else { Exit::No })
}

fn view(args: &LearnArgs) -> View {
    View { color: output::color(args.color), width: output::width() }
}

/// Asks until one of the choices is named; None where there is nobody to ask, or nothing more to read.
fn ask(lesson: &Lesson, answered: &Answered, words: &Words) -> anyhow::Result<Option<usize>> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || !std::io::stdout().is_terminal() {
        let how = words.how_to_answer.replace("{command}", &format!("towtank learn {} --answer", lesson.number));
        output::write(format!("\n{how}\n").as_bytes())?;
        return Ok(None);
    }
    loop {
        let prompt = words.prompt.replace("{keys}", &keys(answered));
        let mut out = std::io::stdout().lock();
        write!(out, "\n{prompt} ").and_then(|()| out.flush())?;
        drop(out);
        let mut line = String::new();
        if stdin.read_line(&mut line)? == 0 {
            output::own(b"\n")?;
            return Ok(None);
        }
        match chosen(&line, answered, words) {
            Ok(chosen) => {
                output::own(b"\n")?;
                return Ok(Some(chosen));
            }
            Err(problem) => output::message(&problem),
        }
    }
}

/// Index of the choice with that letter.
fn chosen(answer: &str, answered: &Answered, words: &Words) -> Result<usize, String> {
    let asked = answer.trim().to_ascii_lowercase();
    let found = answered.choices.iter().position(|c| asked == c.key.to_string());
    found.ok_or_else(|| {
        let asked = visible::line(answer.trim(), false).into_owned();
        words.no_such_choice.replace("{key}", &asked).replace("{keys}", &keys(answered))
    })
}

/// `a, b, c`.
fn keys(answered: &Answered) -> String {
    answered.choices.iter().map(|c| c.key.to_string()).collect::<Vec<_>>().join(", ")
}

fn unknown(asked: &str) -> String {
    let asked = visible::line(asked, false);
    let distance = |name: &&str| strsim::damerau_levenshtein(bare(name), &asked);
    // Half of another name is no slip of the pen.
    let near = lesson::names().min_by_key(distance).filter(|name| distance(name) * 2 <= asked.chars().count());
    let near = near.map(|name| format!("; did you mean `{}`?", bare(name))).unwrap_or(";".to_owned());
    format!("there is no lesson `{asked}`{near} `towtank learn` lists all {}", lesson::names().count())
}

fn bare(name: &str) -> &str {
    name.split_once('-').map_or(name, |(_, bare)| bare)
}
