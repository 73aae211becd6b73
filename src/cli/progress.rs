//! How far a long run is, on standard error, and the end of it by Ctrl-C.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::replay::Progress;

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
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} lines, {per_sec}") {
                bar.set_style(style);
            }
            bar
        })
    }

    fn show(&self, new_bar: impl Fn() -> ProgressBar + Send + 'static) -> Option<Shown> {
        if !self.shows {
            return None;
        }
        let over = Arc::new(AtomicBool::new(false));
        let (progress, seen) = (self.progress.clone(), over.clone());
        let before = progress.done.load(Ordering::Relaxed);
        let thread = std::thread::spawn(move || {
            let mut waited = Duration::ZERO;
            let mut bar: Option<ProgressBar> = None;
            while !seen.load(Ordering::Relaxed) {
                let done = progress.done.load(Ordering::Relaxed) - before;
                if waited >= PATIENCE {
                    bar.get_or_insert_with(&new_bar).set_position(done);
                }
                std::thread::park_timeout(STEP);
                waited += STEP;
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        });
        Some(Shown { over, thread: Some(thread) })
    }
}

fn new_bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let template = "{human_pos} of {human_len} requests [{bar:40}] {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
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
