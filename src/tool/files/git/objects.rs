//! Objects by their names, from one `git cat-file --batch` that runs as long as it is asked.

use std::cell::RefCell;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout};

use super::program::{self, Repository};
use crate::tool::files::texts::FILE_BYTES_MAX;

/// The objects of a repository.
#[derive(Debug)]
pub(super) struct Objects {
    repository: Repository,
    running: RefCell<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// Taken to end the process.
    asked: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // At the end of its input it ends by itself.
        self.asked = None;
        let _ = self.child.wait();
    }
}

impl Objects {
    pub(super) fn new(repository: Repository) -> Objects {
        Objects { repository, running: RefCell::new(None) }
    }

    /// The bytes of an object, whose name is in hexadecimal digits.
    ///
    /// # Errors
    /// What is wrong, to be put behind the name of what is read.
    pub(super) fn read(&self, id: &str) -> Result<Vec<u8>, String> {
        let mut running = self.running.borrow_mut();
        let process = match &mut *running {
            Some(process) => process,
            none => none.insert(self.start()?),
        };
        let answer = process.ask(id);
        // What was said in part can't be told from what comes next.
        answer.unwrap_or_else(|error| {
            *running = None;
            Err(format!("is not in this clone, or cannot be read from it ({error}): fetch what it lacks first"))
        })
    }

    fn start(&self) -> Result<Running, String> {
        let mut child = self.repository.cat_file().spawn().map_err(|error| program::not_started(&error).message)?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(asked), Some(answers)) => Ok(Running { child, asked: Some(asked), answers: BufReader::new(answers) }),
            _ => Err("cannot be read from the repository".to_owned()),
        }
    }
}

impl Running {
    /// The outer error is of the conversation, the inner one of the object.
    fn ask(&mut self, id: &str) -> io::Result<Result<Vec<u8>, String>> {
        let asked = self.asked.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(asked, "{id}")?;
        asked.flush()?;
        let mut header = String::new();
        self.answers.read_line(&mut header)?;
        let size = header.trim_end().rsplit(' ').next().and_then(|size| size.parse::<u64>().ok());
        let Some(size) = size else {
            return match header.trim_end().ends_with(" missing") {
                true => Ok(Err("is not in this clone, which has not all objects: fetch them first".to_owned())),
                // A clone that fetches what it lacks is told not to; older versions end there.
                false => Err(io::Error::other("git ended at it")),
            };
        };
        let mut content = (&mut self.answers).take(size.saturating_add(1));
        if size > FILE_BYTES_MAX {
            io::copy(&mut content, &mut io::sink())?;
            return Ok(Err(format!("is larger than {} MiB", FILE_BYTES_MAX >> 20)));
        }
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        // A line's end stands behind each.
        if bytes.pop() != Some(b'\n') || bytes.len() as u64 != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Ok(bytes))
    }
}
