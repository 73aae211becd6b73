//! `git` itself: which repository a path is in, and which object a revision means.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::manifest::diagnostic::{Finding, Severity};

/// A repository, as seen from one of its folders.
#[derive(Debug, Clone)]
pub(in crate::tool::files) struct Repository {
    /// Where `git` is run.
    folder: PathBuf,
    /// The repository's own folder, which tells it from others.
    pub git_dir: String,
    /// The path of `folder` within the repository: empty, or with `/` at its end.
    pub prefix: String,
}

/// Names that are looked at for one that was meant.
const NAMES_MAX: &str = "--count=20000";

impl Repository {
    /// The repository that a path is in, and the path within it. What is not on disk (any more) is where it would be.
    ///
    /// # Errors
    /// There is none, or `git` doesn't open it.
    pub(in crate::tool::files) fn around(path: &Path) -> Result<(Repository, String), Box<Finding>> {
        let mut folder = path;
        let mut rest: Vec<String> = Vec::new();
        while !folder.as_os_str().is_empty() && !folder.is_dir() {
            rest.extend(folder.file_name().map(|name| name.to_string_lossy().into_owned()));
            folder = folder.parent().unwrap_or(Path::new(""));
        }
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let output = run(folder, &["rev-parse", "--absolute-git-dir", "--show-prefix"])?;
        if !output.status.success() {
            return Err(no_repository(folder, &output));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let (git_dir, prefix) = text.split_once('\n').unwrap_or((&text, ""));
        let prefix = prefix.strip_suffix('\n').unwrap_or(prefix);
        rest.reverse();
        let within = format!("{prefix}{}", rest.join("/"));
        let (git_dir, prefix) = (git_dir.to_owned(), prefix.to_owned());
        Ok((Repository { folder: folder.to_owned(), git_dir, prefix }, within))
    }

    /// The object of the folder that a revision is of, in hexadecimal digits. `A...B` is the merge base of both, as `git checkout` and
    /// `git diff` take it; the side that is left out is HEAD.
    ///
    /// # Errors
    /// There is no such revision; with names that are near, where there are some.
    pub(super) fn tree_of(&self, revision: &str) -> Result<String, Box<Finding>> {
        let Some((a, b)) = revision.split_once("...") else { return self.object(revision, "tree") };
        let side = |name: &str| self.object(if name.is_empty() { "HEAD" } else { name }, "commit");
        let (a, b) = (side(a)?, side(b)?);
        let output = run(&self.folder, &["merge-base", "--all", &a, &b])?;
        let text = String::from_utf8_lossy(&output.stdout);
        match text.lines().collect::<Vec<_>>().as_slice() {
            [base] => self.object(base, "tree"),
            [] => {
                let message = format!("git: `{revision}`: the two have no commit in common");
                let hint = "in a shallow clone it may only be missing: fetch the history of both";
                Err(refuse(message).hint(hint).into())
            }
            several => {
                let message = format!("git: `{revision}`: the two have {} merge bases", several.len());
                Err(refuse(message).hint(format!("write the one that is meant: {}", several.join(", "))).into())
            }
        }
    }

    /// The object of a kind (`tree`, `commit`) that a revision leads to.
    fn object(&self, revision: &str, kind: &str) -> Result<String, Box<Finding>> {
        if revision.is_empty() || revision.starts_with('-') || revision.contains(['\n', '\0']) {
            let message = format!("git: `{revision}` is no name of a revision");
            return Err(refuse(message)
                .hint("write a branch, tag or commit, as in git:main or git:HEAD~1:manifests")
                .into());
        }
        let wanted = format!("{revision}^{{{kind}}}");
        let output = run(&self.folder, &["rev-parse", "--verify", "--end-of-options", &wanted])?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let said = first_line(&output.stderr);
        let ambiguous = said.contains("is ambiguous");
        let message = match ambiguous {
            true => format!("git: `{revision}` is the beginning of several objects' names"),
            false => format!("git: there is no revision `{revision}` in the repository {}", self.git_dir),
        };
        let hint = match revision.split_once("..") {
            _ if ambiguous => Some("write more of it".to_owned()),
            Some((a, b)) => {
                let meant =
                    format!("that is a range; `git:{a}...{b}` is where both began, and `git:{a}` one of its ends");
                Some(meant)
            }
            None => self.meant(revision),
        };
        Err(Box::new(Finding { hint, ..refuse(message) }))
    }

    /// What may have been meant by the name of a revision that there isn't, or why it is missing.
    fn meant(&self, revision: &str) -> Option<String> {
        let list = ["for-each-ref", NAMES_MAX, "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags"];
        let names = run(&self.folder, &list).ok()?;
        let names = String::from_utf8_lossy(&names.stdout);
        let on_a_remote = |name: &&str| name.split_once('/').is_some_and(|(_, branch)| branch == revision);
        let distance = |name: &str| strsim::damerau_levenshtein(name, revision);
        let near = |name: &&str| distance(name) <= 1 + revision.chars().count() / 4;
        let nearest = || names.lines().filter(near).min_by_key(|name| distance(name));
        if let Some(name) = names.lines().find(on_a_remote).or_else(nearest) {
            return Some(format!("did you mean `git:{name}`?"));
        }
        let shallow = run(&self.folder, &["rev-parse", "--is-shallow-repository"]).ok()?;
        match (shallow.stdout.starts_with(b"true"), names.is_empty()) {
            (true, _) => {
                Some(format!("the clone is shallow: `git fetch origin {revision}`, or clone with its history"))
            }
            (false, true) => Some("it has no commit yet".to_owned()),
            (false, false) => Some("`git branch -a` and `git tag` list names".to_owned()),
        }
    }

    /// `git cat-file --batch`, which gives objects as they are: no filter, no conversion.
    pub(super) fn cat_file(&self) -> Command {
        let mut command = git(&self.folder);
        command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }
}

/// `git`, to be run in a folder: it asks nobody, fetches nothing, locks nothing, and speaks one language.
#[expect(
    clippy::disallowed_methods,
    reason = "git knows its repositories best; it is asked only where `git:` was written"
)]
fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder);
    // Within a hook `git` names its folder relative to where the hook runs, and takes that for the top of the working tree.
    if let (Some(git_dir), Ok(here)) = (std::env::var_os("GIT_DIR"), std::env::current_dir()) {
        command.env("GIT_DIR", here.join(git_dir));
        if std::env::var_os("GIT_WORK_TREE").is_none() {
            command.arg("--work-tree").arg(here);
        }
    }
    for (name, value) in [
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        // What a partial clone lacks is not fetched: there is no network. The second holds for older versions.
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_ALLOW_PROTOCOL", "none"),
        ("LC_ALL", "C"),
    ] {
        command.env(name, value);
    }
    command.stdin(Stdio::null());
    command
}

fn run<A: AsRef<OsStr>>(folder: &Path, arguments: &[A]) -> Result<Output, Box<Finding>> {
    git(folder).args(arguments).output().map_err(|error| not_started(&error))
}

/// `git` could not be started.
pub(super) fn not_started(error: &io::Error) -> Box<Finding> {
    if error.kind() == io::ErrorKind::NotFound {
        return refuse("`git:` needs the program `git`, and there is none on the PATH".to_owned())
            .hint("install it")
            .into();
    }
    Box::new(refuse(format!("cannot run `git`: {error}")))
}

fn no_repository(folder: &Path, output: &Output) -> Box<Finding> {
    let said = first_line(&output.stderr);
    let shown =
        if folder == Path::new(".") { "the current folder".to_owned() } else { format!("`{}`", folder.display()) };
    if said.contains("not a git repository") {
        let message = format!("git: {shown} is in no repository");
        return refuse(message)
            .hint("`git:` reads a revision of the repository that the paths, or the current folder, are in")
            .into();
    }
    Box::new(refuse(format!("git: cannot open the repository of {shown}: {said}")))
}

fn refuse(message: String) -> Finding {
    Finding::new("load", Severity::Error, message)
}

fn first_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it doesn't say why");
    let plain = line.strip_prefix("fatal: ").or_else(|| line.strip_prefix("error: ")).unwrap_or(line);
    plain.to_owned()
}
