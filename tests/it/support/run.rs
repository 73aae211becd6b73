//! Runs the binary as a person or a script would, and holds every run against what no run may do.

use std::path::Path;
use std::time::Duration;

/// Long enough for the slowest machine; a run that takes longer hangs.
const HANGS: Duration = Duration::from_secs(300);

/// What a run left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs towtank in `folder` with `input` on its standard input.
///
/// Every run of every test ends by itself, with a status of the contract, and without a word of a panic.
pub fn towtank_in(folder: &Path, arguments: &[&str], input: &[u8]) -> Ran {
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_towtank"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .env_remove("RUST_BACKTRACE")
        .write_stdin(input)
        .timeout(HANGS)
        .output()
        .expect("towtank runs");
    let err = String::from_utf8(output.stderr).expect("messages are UTF-8");
    let code = output.status.code().unwrap_or_else(|| panic!("{arguments:?} was killed: {err}"));
    assert!((0..=2).contains(&code), "{arguments:?} ended with {code}: {err}");
    for word in ["panicked at", "RUST_BACKTRACE", "stack overflow", "internal error"] {
        assert!(!err.contains(word), "{arguments:?}: {err}");
    }
    Ran { code, out: String::from_utf8(output.stdout).expect("results are UTF-8"), err }
}

#[allow(dead_code, reason = "each test file uses its own part")]
impl Ran {
    /// Checks the exit status.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "standard output:\n{}\nstandard error:\n{}", start(&self.out), start(&self.err));
        self
    }

    /// Checks that all of `parts` are said on standard error.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Ran {
        for part in parts {
            assert!(self.err.contains(part), "`{part}` is not said:\n{}", start(&self.err));
        }
        self
    }

    /// Checks that all of `parts` are in the result.
    #[track_caller]
    pub fn prints(self, parts: &[&str]) -> Ran {
        for part in parts {
            assert!(self.out.contains(part), "`{part}` is not printed:\n{}", start(&self.out));
        }
        self
    }
}

/// Enough of a text for a message.
fn start(text: &str) -> &str {
    text.get(..text.floor_char_boundary(4000)).unwrap_or(text)
}
