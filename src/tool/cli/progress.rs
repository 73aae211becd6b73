//! How far a long run is, on standard error, and the end of it by Ctrl-C.

use std::fmt;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::traffic::replay::Progress;

/// `--progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    Auto,
    Never,
}

/// Shorter runs show nothing.
const PATIENCE: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(100);

/// Watches over the runs of a command.
#[derive(Debug)]
pub(super) struct Watch {
    progress: Arc<Progress>,
    shows: bool,
}

impl Watch {
    /// From here on Ctrl-C stops the run, which then reports what it counted; a second one ends the process at once.
    pub(super) fn new(when: When, quiet: bool) -> Watch {
        let progress = Arc::new(Progress::default());
        let stopped = progress.clone();
        // Where no handler can be set, Ctrl-C ends the process as usual.
        let _ = ctrlc::set_handler(move || {
            if stopped.stop.swap(1, Ordering::Relaxed) != 0 {
                std::process::exit(130);
            }
        });
        let shows = when == When::Auto && !quiet && std::io::stderr().is_terminal();
        Watch { progress, shows }
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// True once Ctrl-C was pressed.
    pub(super) fn stopped(&self) -> bool {
        self.progress.stop.load(Ordering::Relaxed) != 0
    }

    /// Shows a bar for the next `total` requests, until the returned value goes away.
    pub(super) fn begin(&self, total: u64) -> Option<Shown> {
        self.show(move || new_bar(total))
    }

    /// Shows how many lines of a log were read, of which nobody knows how many there are.
    pub(super) fn begin_lines(&self) -> Option<Shown> {
        self.show(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} lines, {rate}") {
                bar.set_style(style.with_key("rate", rate));
            }
            bar
        })
    }

    fn show(&self, new_bar: impl FnOnce() -> ProgressBar + Send + 'static) -> Option<Shown> {
        if !self.shows {
            return None;
        }
        let over = Arc::new(AtomicBool::new(false));
        let (progress, seen) = (self.progress.clone(), over.clone());
        let before = progress.done.load(Ordering::Relaxed);
        // Without a thread there is no bar, and the run goes on.
        let thread = std::thread::Builder::new().spawn(move || {
            // It is there from the beginning, unseen: so it knows how fast the run is once it is shown.
            let bar = new_bar();
            let mut waited = Duration::ZERO;
            while !seen.load(Ordering::Relaxed) {
                bar.set_position(progress.done.load(Ordering::Relaxed) - before);
                if waited == PATIENCE {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                }
                std::thread::park_timeout(STEP);
                waited += STEP;
            }
            bar.finish_and_clear();
        });
        Some(Shown { over, thread: Some(thread.ok()?) })
    }
}

fn new_bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
    let template = "{human_pos} of {human_len} requests [{wide_bar}] {rate}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> ").with_key("rate", rate));
    }
    bar
}

/// `12,345,678/s`.
fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate of requests")]
    let whole = state.per_sec().max(0.0) as u64;
    // A bar that can't be written is none of the run's concern.
    let _ = write!(out, "{}/s", HumanCount(whole));
}

/// A bar that is shown.
#[derive(Debug)]
pub(super) struct Shown {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A bar that failed is no reason for the run to fail.
            let _ = thread.join();
        }
    }
}
