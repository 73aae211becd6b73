//! What is to be changed in a file, as a patch that `git apply` and `patch -p1` take.

use similar::algorithms::{Capture, Compact, Replace, myers};
use similar::udiff::UnifiedHunkHeader;

/// Lines around a change that find its place again.
const AROUND: usize = 3;

/// The change of one file as a unified diff; nothing where there is none. Lines end at `\n`, so that what a file has before it stays.
pub(crate) fn unified(name: &str, old: &str, new: &str) -> String {
    // Ends of lines are a part of them; the last line of a file may have none, which a patch says.
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    // The one algorithm by itself: a `TextDiff` has all of them in the program.
    let mut found = Compact::new(Replace::new(Capture::new()), &*old, &*new);
    let Ok(()) = myers::diff(&mut found, &*old, 0..old.len(), &*new, 0..new.len());
    let (before, after) = (path('a', name), path('b', name));
    let mut out = String::new();
    for hunk in found.into_inner().into_inner().into_grouped_ops(AROUND) {
        if out.is_empty() {
            out = format!("--- {before}\n+++ {after}\n");
        }
        out.push_str(&format!("{}\n", UnifiedHunkHeader::new(&hunk)));
        for change in hunk.iter().flat_map(|op| op.iter_changes(&*old, &*new)) {
            out.push_str(&format!("{}{}", change.tag(), change.value()));
            if !change.value().ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    out
}

/// A name as patches have it: below `a/` or `b/`, with `/` alone, in quotes where it has what would end it.
fn path(side: char, name: &str) -> String {
    let name = if cfg!(windows) { name.replace('\\', "/") } else { name.to_owned() };
    let name = format!("{side}/{}", name.trim_start_matches('/').trim_start_matches("./"));
    if name.contains(|c: char| c.is_control() || matches!(c, '"' | '\\')) {
        let mut out = String::from("\"");
        for byte in name.bytes() {
            match byte {
                b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
                0x20..=0x7e => out.push(char::from(byte)),
                _ => out.push_str(&format!("\\{byte:03o}")),
            }
        }
        return out + "\"";
    }
    // A blank would end the name for some.
    if name.contains(' ') { name + "\t" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_has_the_lines_around_a_change() {
        let old: String = (1..=9).map(|n| format!("{n}\r\n")).collect();
        let new = old.replace("5\r", "five\r");
        assert_eq!(
            unified("m/a.yaml", &old, &new),
            "--- a/m/a.yaml\n+++ b/m/a.yaml\n@@ -2,7 +2,7 @@\n 2\r\n 3\r\n 4\r\n-5\r\n+five\r\n 6\r\n 7\r\n 8\r\n"
        );
        assert_eq!(unified("a", &old, &old), "");
    }

    #[test]
    fn a_last_line_without_end_is_told() {
        assert_eq!(
            unified("a", "x\ny", "x\nz\n"),
            "--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n x\n-y\n\\ No newline at end of file\n+z\n"
        );
    }

    #[test]
    fn names_are_found_again() {
        assert_eq!(path('a', "/home/a.yaml"), "a/home/a.yaml");
        assert_eq!(path('b', "./a b.yaml"), "b/a b.yaml\t");
        assert_eq!(path('b', "ä\"\n"), "\"b/\\303\\244\\\"\\012\"");
    }

    /// What `git apply` makes of a file by the patch is the edited file, whatever it is called and however its lines end.
    #[test]
    fn git_applies_what_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, old, new) in [
            ("a.yaml", "a: 1\nb: 2\nc: 3\n", "a: 1\nb: 20\nc: 3\n"),
            ("with blank.yaml", "a: 1\r\nb: 2\r\nc: 3", "a: 1\r\nb: 2\r\nc: 3\r\nd: 4"),
            ("é\"x.yaml", "a: 1", "a: 2"),
        ] {
            std::fs::write(folder.path().join(name), old).expect("written");
            let patch = folder.path().join("change.patch");
            std::fs::write(&patch, unified(name, old, new)).expect("written");
            let mut git = std::process::Command::new("git");
            git.current_dir(folder.path()).args(["apply", "--whitespace=nowarn", "change.patch"]);
            let ran = git.output().expect("git runs");
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            assert_eq!(std::fs::read_to_string(folder.path().join(name)).expect("read"), new);
        }
    }
}
