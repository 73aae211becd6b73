//! A repository of git in a folder of its own, the same on every machine.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::run::{Ran, towtank_in};

/// Goes away with its folder.
#[derive(Debug)]
pub struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    /// An empty one, whose branch is `main`.
    pub fn new() -> Repository {
        Repository::with(&[])
    }

    pub fn with(options: &[&str]) -> Repository {
        let repository = Repository { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir(repository.path()).expect("a folder in it");
        repository.git(&[&["init", "-q", "-b", "main"], options].concat());
        repository
    }

    /// The working tree. There is room for other files beside it.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    /// What stands outside of the repository.
    pub fn outside(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders are made");
        fs::write(path, text).expect("written");
    }

    /// Commits all that is there.
    pub fn commit(&self) {
        self.git(&["add", "-A"]);
        self.commit_index();
    }

    /// Commits what was staged.
    pub fn commit_index(&self) {
        self.git(&["commit", "-q", "--no-verify", "-m", "a change"]);
    }

    /// Stages an entry of any mode, with or without such a file.
    pub fn stage(&self, mode: &str, path: &str, content: &str) {
        let object = match mode {
            "160000" => content.to_owned(),
            _ => self.git_with(&["hash-object", "-w", "--stdin"], content),
        };
        self.git(&["update-index", "--add", "--cacheinfo", &format!("{mode},{},{path}", object.trim())]);
    }

    /// Runs git and gives what it prints.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_with(arguments, "")
    }

    #[track_caller]
    fn git_with(&self, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new("git");
        command
            .current_dir(self.path())
            .args(["-c", "core.autocrlf=false", "-c", "commit.gpgSign=false"])
            .args(arguments);
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@example.com");
            command.env(format!("GIT_{who}_DATE"), "2024-01-01T00:00:00Z");
        }
        // The tests may themselves be run by a hook, and settings of a person must not count.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
            command.env_remove(name);
        }
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", self.folder.path().join("none"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("git is needed for these tests");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("git ends");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs towtank in the working tree.
    #[track_caller]
    pub fn towtank(&self, arguments: &[&str]) -> Ran {
        towtank_in(&self.path(), arguments, b"")
    }
}
