//! Releases of Istio: which are known, how they are written, which Envoy they come with.

use std::fmt;
use std::str::FromStr;

/// A release that is known, or the development line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Release {
    /// `29` of `1.29`; that of the development line is the largest.
    minor: u16,
    patch: u16,
}

/// One line of releases.
struct Line {
    name: &'static str,
    minor: u16,
    /// The newest patch release: what the line's name alone means.
    newest: u16,
    /// The line of Envoy it comes with (VE-E1 to VE-E5), as its version begins.
    #[cfg_attr(not(any(test, all(feature = "verify", unix))), expect(dead_code, reason = "verify asks for it"))]
    envoy: &'static str,
    /// Of that line, the Envoy whose answers were taken.
    #[cfg_attr(not(any(test, all(feature = "verify", unix))), expect(dead_code, reason = "verify asks for it"))]
    answered: &'static str,
}

const MASTER: u16 = u16::MAX;

/// Oldest first.
static LINES: [Line; 5] = [
    Line { name: "1.28", minor: 28, newest: 10, envoy: "1.36", answered: "1.36.4" },
    Line { name: "1.29", minor: 29, newest: 6, envoy: "1.37", answered: "1.37.0" },
    Line { name: "1.30", minor: 30, newest: 3, envoy: "1.38", answered: "1.38.3" },
    Line { name: "1.31", minor: 31, newest: 0, envoy: "1.39", answered: "1.39.3" },
    Line { name: "master", minor: MASTER, newest: 0, envoy: "1.40", answered: "1.40.0" },
];

/// What is taken where nobody says: the newest release.
const DEFAULT: Release = Release { minor: 31, patch: 0 };

/// A text that names no release that is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Istio `{text}` is not known; known are {}, and patch releases such as 1.30.2{}",
    known(),
    nearest_hint(nearest)
)]
pub(crate) struct UnknownRelease {
    pub text: String,
    pub nearest: Option<&'static str>,
}

fn nearest_hint(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; the nearest is {name}"))
}

fn known() -> String {
    LINES.iter().map(|line| line.name).collect::<Vec<_>>().join(", ")
}

impl Default for Release {
    fn default() -> Release {
        DEFAULT
    }
}

impl Release {
    /// The release `1.MINOR.PATCH`.
    pub(super) const fn new(minor: u16, patch: u16) -> Release {
        Release { minor, patch }
    }

    /// The development line.
    pub(super) const fn master() -> Release {
        Release { minor: MASTER, patch: 0 }
    }

    /// `29` of `1.29.2`; the development line's is the largest.
    pub(super) fn minor(self) -> u16 {
        self.minor
    }

    pub(super) fn patch(self) -> u16 {
        self.patch
    }

    fn line(self) -> &'static Line {
        // Every release is of a line.
        LINES.iter().find(|line| line.minor == self.minor).unwrap_or(&LINES[3])
    }

    /// How the version of its Envoy begins, such as `1.39`.
    #[cfg(any(test, all(feature = "verify", unix)))]
    pub(crate) fn envoy(self) -> &'static str {
        self.line().envoy
    }

    /// The Envoy whose answers stand for it, such as `1.39.3`.
    #[cfg(any(test, all(feature = "verify", unix)))]
    pub(crate) fn answered_by(self) -> &'static str {
        self.line().answered
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line();
        if self.patch == line.newest { f.write_str(line.name) } else { write!(f, "{}.{}", line.name, self.patch) }
    }
}

impl FromStr for Release {
    type Err = UnknownRelease;

    /// `1.30`, `1.30.2`, `master`, with or without a `v`, and what follows a patch release in tags: `1.30.2-distroless`.
    fn from_str(text: &str) -> Result<Release, UnknownRelease> {
        let unknown = || UnknownRelease { text: text.to_owned(), nearest: nearest(text) };
        let plain = text.trim().strip_prefix('v').unwrap_or(text.trim());
        if plain.eq_ignore_ascii_case("master") {
            return Ok(Release::master());
        }
        let number = plain.split_once('-').map_or(plain, |(number, _)| number);
        let mut parts = number.split('.').map(str::parse::<u16>);
        let (Some(Ok(1)), Some(Ok(minor)), patch, None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(unknown());
        };
        let line = LINES.iter().find(|line| line.minor == minor && minor != MASTER).ok_or_else(unknown)?;
        let patch = match patch {
            None => line.newest,
            Some(Ok(patch)) => patch,
            Some(Err(_)) => return Err(unknown()),
        };
        Ok(Release { minor, patch })
    }
}

/// The known release that is nearest to one that isn't.
fn nearest(text: &str) -> Option<&'static str> {
    let number = text.trim().trim_start_matches('v');
    let mut parts = number.split(['.', '-']).map(str::parse::<u32>);
    if let (Some(Ok(major)), minor) = (parts.next(), parts.next()) {
        let minor = minor.and_then(Result::ok).unwrap_or(0).min(u32::from(MASTER));
        let (first, last) = (LINES.first()?, LINES.iter().rev().find(|line| line.minor != MASTER)?);
        // 1.3 is what some make of 1.30.
        let is_meant = |line: &&Line| [minor, minor * 10].contains(&u32::from(line.minor));
        let same = LINES.iter().find(|line| major == 1 && is_meant(line));
        return Some(match (same, major) {
            (Some(line), _) => line.name,
            (None, 0) => first.name,
            (None, 1) if minor < u32::from(first.minor) => first.name,
            _ => last.name,
        });
    }
    let distance = |line: &&Line| strsim::damerau_levenshtein(line.name, number);
    LINES.iter().min_by_key(distance).filter(|line| distance(line) <= 3).map(|line| line.name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is written, it is a release that is read again as it is shown, or an error that says which there are.
        #[test]
        fn any_text_is_a_release_or_says_which_there_are(text in "(v?[0-9]{1,2}(\\.[0-9]{1,5}){0,3}(-[a-z0-9.]{0,5})?|.{0,8})") {
            match text.parse::<Release>() {
                Ok(release) => prop_assert_eq!(release.to_string().parse::<Release>(), Ok(release)),
                Err(unknown) => prop_assert!(unknown.to_string().contains("1.28, 1.29, 1.30, 1.31, master")),
            }
        }

        /// A later patch release loses nothing.
        #[test]
        fn patch_releases_only_add(minor in 28u16..=31, patch in 0u16..20, more in 0u16..20) {
            let profile = |patch| crate::manifest::release::Profile::of(Release { minor, patch });
            let (older, newer) = (profile(patch), profile(patch + more));
            for row in crate::manifest::release::rows() {
                prop_assert!(!older.has(row.difference) || newer.has(row.difference), "{}", row.id);
            }
        }
    }

    #[test]
    fn releases_are_read_as_people_and_tags_write_them() {
        for (text, shown) in [
            ("1.29", "1.29"),
            ("1.29.6", "1.29"),
            ("1.29.1", "1.29.1"),
            ("v1.30.2", "1.30.2"),
            ("1.31.0-rc.0", "1.31"),
            ("1.30.2-distroless", "1.30.2"),
            ("master", "master"),
            ("1.30.9", "1.30.9"),
        ] {
            assert_eq!(text.parse::<Release>().map(|r| r.to_string()), Ok(shown.to_owned()), "{text}");
        }
    }

    #[test]
    fn an_unknown_release_tells_the_nearest() {
        for (text, nearest) in [
            ("1.27", Some("1.28")),
            ("0.8", Some("1.28")),
            ("1.32", Some("1.31")),
            ("1.3", Some("1.30")),
            ("2.0", Some("1.31")),
            ("mastr", Some("master")),
            ("1.29.x", Some("1.29")),
            ("1.29.1.2", Some("1.29")),
            ("latest", None),
            ("", None),
        ] {
            let error = text.parse::<Release>().expect_err(text);
            assert_eq!(error.nearest, nearest, "{text}");
        }
        let error = "1.27".parse::<Release>().expect_err("unknown").to_string();
        assert_eq!(
            error,
            "Istio `1.27` is not known; known are 1.28, 1.29, 1.30, 1.31, master, and patch releases such as 1.30.2; the \
             nearest is 1.28"
        );
    }

    #[test]
    fn releases_are_ordered() {
        let all = ["1.28", "1.29.1", "1.29", "1.30.2", "1.30.3", "1.31", "master"];
        let releases: Vec<Release> = all.iter().map(|t| t.parse().expect("a release")).collect();
        assert!(releases.is_sorted());
        assert_eq!(Release::default().to_string(), "1.31");
        assert_eq!((releases[0].envoy(), releases[6].answered_by()), ("1.36", "1.40.0"));
    }
}
