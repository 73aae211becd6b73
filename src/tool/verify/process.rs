//! A running Envoy that ends with its owner, whatever ends the owner.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::folder;
use super::program::Program;
use super::wire::{self, Answer};

/// How long Envoy may take to load its configuration.
const START: Duration = Duration::from_secs(60);

/// How long the administration interface may take to answer.
const ADMIN: Duration = Duration::from_secs(30);

/// Lines of Envoy's own log that are kept.
const LOG_LINES: usize = 200;

/// Starts Envoy at the first line of its standard input; when that input ends, it removes the folder and ends itself with
/// all it started.
///
/// Standard input is a pipe that only the owner holds. It ends when the owner lets go of it or is gone, however that came
/// to be: an interrupt, a termination, a crash.
const GUARD: &str = r#"
folder=$1; shift
if read -r _; then
    "$@" </dev/null &
    exec 1>&- 2>&-
    while read -r _; do :; done
fi
rm -rf -- "$folder"
kill -KILL 0
"#;

/// Name of the socket of the administration interface within the folder.
pub(super) const ADMIN_SOCKET: &str = "admin.sock";

/// Name of the bootstrap file within the folder.
pub(super) const BOOTSTRAP: &str = "bootstrap.json";

/// An Envoy with a folder of its own. Dropping it ends the process and removes the folder.
#[derive(Debug)]
pub(super) struct Process {
    guard: Child,
    /// Taken to end the guard.
    stdin: Option<ChildStdin>,
    folder: PathBuf,
    access_log: Receiver<String>,
    log: Arc<Mutex<VecDeque<String>>>,
}

impl Process {
    /// Makes the folder, and the guard that will remove it.
    ///
    /// # Errors
    /// There is no place for the folder, or no shell.
    pub(super) fn prepare(program: &Program) -> io::Result<Process> {
        let folder = folder::create()?;
        let guarded = Process::guarded(program, &folder);
        if guarded.is_err() {
            // The first error is the one to tell.
            let _ = std::fs::remove_dir_all(&folder);
        }
        guarded
    }

    fn guarded(program: &Program, folder: &Path) -> io::Result<Process> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", GUARD, "towtank-verify"]).arg(folder).arg(&program.path);
        command.arg("-c").arg(folder.join(BOOTSTRAP));
        // One worker answers in order; small log buffers bring lines at once.
        command.args(["--concurrency", "1", "--log-level", "warning", "--disable-hot-restart"]);
        command.args(["--file-flush-interval-msec", "10"]);
        if program.minor() >= 37 {
            command.args(["--file-flush-min-size-kb", "1"]); // older ones don't know it, and the interval does it too
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: the terminal's interrupt reaches the owner alone, and the guard can end all of it.
        command.process_group(0);
        let mut guard = command.spawn()?;
        let stdin = guard.stdin.take();
        let (lines, access_log) = channel();
        if let Some(stdout) = guard.stdout.take() {
            std::thread::spawn(move || {
                let _ = BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| lines.send(line));
            });
        }
        let log = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(stderr) = guard.stderr.take() {
            let log = Arc::clone(&log);
            std::thread::spawn(move || keep_last(BufReader::new(stderr), &log));
        }
        Ok(Process { guard, stdin, folder: folder.to_path_buf(), access_log, log })
    }

    /// Where the configuration belongs.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts Envoy with the bootstrap file in the folder, and waits until it serves.
    ///
    /// # Errors
    /// Envoy ends at once, or isn't ready in time; the message has the end of its log.
    pub(super) fn launch(&mut self) -> io::Result<()> {
        if let Some(stdin) = &mut self.stdin {
            stdin.write_all(b"go\n")?;
        }
        self.wait_until_ready()
    }

    fn wait_until_ready(&self) -> io::Result<()> {
        let deadline = Instant::now() + START;
        loop {
            if self.admin("/ready").is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            // Nothing is written to the access log yet: this only waits, and notices that Envoy is gone.
            match self.access_log.recv_timeout(Duration::from_millis(5)) {
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other(format!("Envoy ended at once: {}", self.last_words())));
                }
                _ if Instant::now() > deadline => {
                    return Err(io::Error::other(format!("Envoy isn't ready in time: {}", self.last_words())));
                }
                _ => {}
            }
        }
    }

    /// Asks the administration interface.
    ///
    /// # Errors
    /// It cannot be reached, or gives no answer.
    pub(super) fn admin(&self, path: &str) -> io::Result<Answer> {
        let mut stream = UnixStream::connect(self.folder.join(ADMIN_SOCKET))?;
        stream.set_read_timeout(Some(ADMIN))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")?;
        let answer = wire::read_answer(&mut BufReader::new(&stream), false)?;
        answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// The next line of the access log. None: none came within `patience`.
    ///
    /// # Errors
    /// Envoy is gone.
    pub(super) fn access_log_line(&self, patience: Duration) -> io::Result<Option<String>> {
        match self.access_log.recv_timeout(patience) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other(format!("Envoy ended: {}", self.last_words()))),
        }
    }

    /// Lines of Envoy's own log with `text` in them, without their preamble.
    pub(super) fn log_lines_with(&self, text: &str) -> Vec<String> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().filter(|line| line.contains(text)).map(|line| without_preamble(line).to_owned()).collect()
    }

    fn last_words(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let last: Vec<&str> = log.iter().rev().take(5).rev().map(|line| without_preamble(line)).collect();
        if last.is_empty() { "it said nothing".to_owned() } else { last.join("; ") }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // The guard ends itself by a signal; how is of no interest.
        let _ = self.guard.wait();
    }
}

fn keep_last(lines: impl io::BufRead, log: &Mutex<VecDeque<String>>) {
    for line in lines.lines().map_while(Result::ok) {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == LOG_LINES {
            log.pop_front();
        }
        log.push_back(line);
    }
}

/// The message behind `[time][thread][level][logger] [file:line] `.
fn without_preamble(line: &str) -> &str {
    if !line.starts_with('[') {
        return line;
    }
    line.splitn(3, "] ").last().unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ends_is_noticed_and_the_folder_removed() {
        let program = Program { path: "/bin/false".into(), version: String::new() };
        let mut process = Process::prepare(&program).unwrap();
        let folder = process.folder().to_path_buf();
        assert!(folder.is_dir());
        let error = process.launch().unwrap_err();
        assert!(error.to_string().starts_with("Envoy ended at once"), "{error}");
        drop(process);
        assert!(!folder.exists());
    }

    #[test]
    fn a_program_that_was_never_started_leaves_no_folder() {
        let program = Program { path: "/bin/false".into(), version: String::new() };
        let process = Process::prepare(&program).unwrap();
        let folder = process.folder().to_path_buf();
        drop(process);
        assert!(!folder.exists());
    }

    #[test]
    fn the_preamble_of_log_lines_is_cut() {
        let line = "[2026-11-23 22:05:37.748][901][warning][config] [source/x.cc:81] update rejected: missing ): (";
        assert_eq!(without_preamble(line), "update rejected: missing ): (");
        assert_eq!(without_preamble("plain"), "plain");
    }
}
