//! Runs the program in a folder of its own.

use std::fmt;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// A folder with files.
pub struct Project(TempDir);

/// How a run ended and what it said.
pub struct Run {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Project {
    pub fn new(files: &[(&str, &str)]) -> Project {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        Project(folder)
    }

    /// Runs towtank there, as a pipe without colour.
    pub fn run(&self, arguments: &[&str]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_towtank"))
            .args(arguments)
            .current_dir(self.0.path())
            .env("NO_COLOR", "1")
            .output()
            .expect("towtank runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is text");
        Run {
            status: output.status.code().expect("it is not killed"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Run {
    /// Standard output as one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(self.stdout.lines().next().unwrap_or_default()).unwrap_or_else(|e| panic!("{e}: {self}"))
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit status {}\n--- stdout\n{}--- stderr\n{}", self.status, self.stdout, self.stderr)
    }
}
