//! Two sides of a comparison: which mesh was which before.

use std::path::PathBuf;

use super::arguments::{Given, Side};
use super::meshes::{Own, Parts, Places, ScenarioFolder, unread};
use super::place::Place;
use crate::traffic::workspace::Inputs;

/// Two sides that can't be compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unpaired {
    /// A scenario of which there is none by that name on the other side.
    #[error("no scenario there is called like the folder of {0}")]
    NoCounterpart(String),
    #[error(
        "`{0}` is on both sides, so that nothing can be different; name what it was before, as in git:HEAD or another folder"
    )]
    Same(String),
    #[error("standard input is read for the other side already; name a file")]
    StandardInput,
    #[error("standard input alone can be compared with nothing: name what it was before as well")]
    Alone,
}

impl Places<'_> {
    /// Gathers what [`Places::gather`] does, each beside the texts that stood in `against` before.
    ///
    /// A scenario's proxies, pods and mesh settings count for both sides where the other side has none: plain manifests against a
    /// scenario replace its manifests. Several scenarios on both sides belong together by their places below what was given, else by
    /// their folders' names.
    ///
    /// # Errors
    /// A scenario without a counterpart; standard input on both sides.
    pub(crate) fn gather_pairs(&self, against: &[PathBuf]) -> Result<Vec<(Inputs, Inputs)>, Unpaired> {
        let older = Places { paths: against, overlays: &[], ..*self };
        self.pair(&older, self.side(against), older.side(self.paths))
    }

    /// The same for a comparison that nobody makes of one thing with itself. Without a side that was before (`old` is empty), what is
    /// laid over the paths is compared with what they are without, and paths that nothing is laid over with what `git:HEAD` has there.
    ///
    /// # Errors
    /// As [`Places::gather_pairs`]; both sides are the same.
    pub(crate) fn gather_pair(&self, old: &[PathBuf]) -> Result<Vec<(Inputs, Inputs)>, Unpaired> {
        let head = [PathBuf::from("git:HEAD")];
        let before = if old.is_empty() { head.as_slice() } else { old };
        let older = Places { paths: before, overlays: &[], ..*self };
        let new = self.side(old);
        let without = |g: &Given| Given { overlays: Vec::new(), ..g.clone() };
        let old = if old.is_empty() && new.given.iter().any(|g| !g.overlays.is_empty()) {
            Side { given: new.given.iter().map(without).collect(), findings: Vec::new() }
        } else if old.is_empty() && new.given.iter().any(|g| matches!(g.place, Place::StandardInput)) {
            return Err(Unpaired::Alone);
        } else {
            older.side(self.paths)
        };
        let is_read = new.findings.is_empty() && old.findings.is_empty();
        if is_read && let Some(same) = same(&new, &old) {
            return Err(Unpaired::Same(same));
        }
        self.pair(&older, new, old)
    }

    fn pair(&self, older: &Places<'_>, new: Side, old: Side) -> Result<Vec<(Inputs, Inputs)>, Unpaired> {
        if let Some(unread) = unread(&[&new, &old]) {
            return Ok(vec![(unread, Inputs::default())]);
        }
        let reads = |side: &Side| side.given.iter().any(|g| matches!(g.place, Place::StandardInput));
        let is_plain = |side: &Side| side.given.iter().all(|g| g.overlays.is_empty());
        if reads(&new) && reads(&old) && is_plain(&new) && is_plain(&old) {
            return Err(Unpaired::StandardInput);
        }
        let (new, old) = (self.parts(new), older.parts(old));
        let several = new.scenarios.len().max(old.scenarios.len()) > 1;
        let of = |one: &ScenarioFolder, extra: &Parts, own: Own| self.scenario(one, extra, own, several);
        if new.scenarios.is_empty() && old.scenarios.is_empty() {
            return Ok(vec![(self.plain(&new), older.plain(&old))]);
        }
        if old.scenarios.is_empty() {
            let pair = |s: &ScenarioFolder| {
                let alone = ScenarioFolder { overlays: Vec::new(), ..s.clone() };
                (of(s, &new, Own::Included), of(&alone, &old, Own::LeftOut))
            };
            return Ok(new.scenarios.iter().map(pair).collect());
        }
        if new.scenarios.is_empty() {
            let pair = |s: &ScenarioFolder| {
                let alone = ScenarioFolder { overlays: Vec::new(), ..s.clone() };
                (of(&alone, &new, Own::LeftOut), of(s, &old, Own::Included))
            };
            return Ok(old.scenarios.iter().map(pair).collect());
        }
        let counterpart = |one: &ScenarioFolder| match old.scenarios.as_slice() {
            [only] => Ok(only),
            all => {
                let in_place = all.iter().find(|o| !o.below.is_empty() && o.below == one.below);
                let same = in_place.or_else(|| all.iter().find(|o| o.folder.file_name() == one.folder.file_name()));
                same.ok_or_else(|| Unpaired::NoCounterpart(one.folder.name()))
            }
        };
        let pair = |s: &ScenarioFolder| {
            let mut before = of(counterpart(s)?, &old, Own::Included);
            let now = of(s, &new, Own::Included);
            before.name.clone_from(&now.name);
            Ok((now, before))
        };
        new.scenarios.iter().map(pair).collect()
    }
}

/// What both sides are, where they are the same.
fn same(new: &Side, old: &Side) -> Option<String> {
    let identity = |place: &Place| match place {
        Place::StandardInput => Some(PathBuf::from("-")),
        place => place.identity(),
    };
    let of = |side: &Side| -> Option<Vec<Vec<PathBuf>>> {
        let all = |g: &Given| std::iter::once(&g.place).chain(&g.overlays).map(identity).collect();
        side.given.iter().map(all).collect()
    };
    let names = || new.given.iter().map(|g| g.place.name()).collect::<Vec<_>>().join("` and `");
    (of(new)? == of(old)?).then(names)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::super::{Exclude, Session};
    use super::*;

    const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n";

    /// A repository with a folder `m` that was committed with one file and has another one since, and a folder `over`.
    fn repository() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command
                .current_dir(root.path())
                .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
                .args(arguments);
            for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
                command.env_remove(name);
            }
            assert!(command.output().expect("git is needed for this test").status.success(), "{arguments:?}");
        };
        for folder in ["m", "over"] {
            std::fs::create_dir(root.path().join(folder)).expect("a folder");
            std::fs::write(root.path().join(folder).join("a.yaml"), SERVICE).expect("written");
        }
        git(&["init", "-q", "-b", "main"]);
        git(&["add", "-A"]);
        git(&["commit", "-q", "--no-verify", "-m", "a change"]);
        std::fs::write(root.path().join("m/b.yaml"), SERVICE).expect("written");
        root
    }

    /// The names of what both sides read, now and before, from the repository's root.
    fn sides(root: &Path, paths: &[&str], overlays: &[&str], old: &[&str]) -> Result<[Vec<String>; 2], Unpaired> {
        let at = |text: &&str| match *text == "-" || text.starts_with("git:") {
            true => PathBuf::from(text),
            false => {
                PathBuf::from(text.split('+').map(|t| root.join(t).display().to_string()).collect::<Vec<_>>().join("+"))
            }
        };
        let all = |texts: &[&str]| -> Vec<PathBuf> { texts.iter().map(at).collect() };
        let (paths, overlays, old) = (all(paths), all(overlays), all(old));
        let (exclude, session) = (Exclude::default(), Session::default());
        let places = Places {
            paths: &paths,
            overlays: &overlays,
            mesh_config: None,
            allow_outside: false,
            exclude: &exclude,
            session: &session,
        };
        let pairs = places.gather_pair(&old)?;
        let [(now, before)] = &pairs[..] else { panic!("one pair") };
        let prefix = format!("{}{}", root.display(), std::path::MAIN_SEPARATOR);
        let names = |inputs: &Inputs| {
            let read = inputs.manifests.iter().map(|id| inputs.sources.name(*id));
            let wrong = inputs.findings.iter().map(|f| f.message.as_str());
            read.chain(wrong).map(|name| name.replace(&prefix, "").replace('\\', "/")).collect()
        };
        Ok([names(now), names(before)])
    }

    #[test]
    fn one_side_is_compared_with_what_it_was() {
        let root = repository();
        let of =
            |paths: &[&str], overlays: &[&str], old: &[&str]| sides(root.path(), paths, overlays, old).expect("a pair");
        let (now, over) = (["m/a.yaml", "m/b.yaml"], ["m/a.yaml", "m/b.yaml", "over/a.yaml"]);
        assert_eq!(of(&["m"], &[], &[]), [&now[..], &["git:HEAD:m/a.yaml"]]);
        assert_eq!(of(&["m"], &[], &["git:main"]), [&now[..], &["git:main:m/a.yaml"]]);
        assert_eq!(
            of(&["m/a.yaml", "over"], &[], &[]),
            [["m/a.yaml", "over/a.yaml"], ["git:HEAD:m/a.yaml", "git:HEAD:over/a.yaml"]]
        );
        assert_eq!(of(&["git:main"], &[], &["m"]), [&["git:main:m/a.yaml"][..], &now]);
        // What is laid over something is compared with that.
        assert_eq!(of(&["m+over"], &[], &[]), [&over[..], &now]);
        assert_eq!(of(&["m"], &["over"], &[]), [&over[..], &now]);
        assert_eq!(of(&["m"], &["over"], &["git:main"]), [&over[..], &["git:main:m/a.yaml"]]);
        assert_eq!(of(&["m+over"], &[], &["m"]), [&over[..], &now]);
        // What means nothing is told instead, and what isn't there by its own side.
        let wrong = of(&["m"], &[], &["git:none"]);
        assert!(wrong[0][0].contains("there is no revision `none`") && wrong[0].len() == 1, "{wrong:?}");
        assert_eq!(of(&["m/b.yaml"], &[], &[])[0], ["m/b.yaml"]);
        let missing = of(&["m/b.yaml"], &[], &[])[1].clone();
        assert!(missing[0].contains("`git:HEAD:m/b.yaml` is not there"), "{missing:?}");
    }

    #[test]
    fn nothing_is_compared_with_itself() {
        let root = repository();
        for (paths, old) in [
            (&["m"][..], &["m"][..]),
            (&["m"], &["over/../m"]),
            (&["m", "over"], &["m", "over"]),
            (&["m+over"], &["m+over"]),
        ] {
            let error = sides(root.path(), paths, &[], old).expect_err("the same").to_string();
            assert!(error.contains("is on both sides"), "{error}");
        }
        let error = sides(root.path(), &["-"], &[], &[]).expect_err("no repository").to_string();
        assert!(error.contains("standard input alone"), "{error}");
        let error = sides(root.path(), &["-"], &[], &["-"]).expect_err("the same").to_string();
        assert!(error.contains("`-` is on both sides"), "{error}");
        assert!(sides(root.path(), &["m"], &[], &["m", "over"]).is_ok());
    }
}
