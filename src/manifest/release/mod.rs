//! Which Istio reads the manifests: its release, the flags it was started with, and what differs from release to release (rules VE).
//!
//! In: the words of a release, of flags and of a compatibility profile. Out: a [`Profile`], which answers one question:
//! [`Profile::has`] a difference. Stages ask it where their way parts; nobody compares version numbers. [`differences`] is the
//! one table of all of them, as data.

mod differences;
mod flags;
mod version;

pub(crate) use differences::Difference;
pub(crate) use differences::rows;
pub(crate) use flags::{Flags, UnknownFlag};
pub(crate) use version::{Release, UnknownRelease};

/// An Istio as somebody runs it: all that is asked about it while manifests are read, judged, resolved and translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Profile {
    release: Release,
    /// A bit for each difference that it has.
    has: u64,
    /// `PILOT_SEND_UNHEALTHY_ENDPOINTS`: unready endpoints are sent in any case (EP-6).
    sends_unhealthy_always: bool,
}

impl Default for Profile {
    /// The newest release, as it is installed.
    fn default() -> Profile {
        Profile::of(Release::default())
    }
}

impl Profile {
    /// A release as it is installed.
    pub(crate) fn of(release: Release) -> Profile {
        Profile::new(release, None, &Flags::default())
    }

    /// A release with the installer's `compatibilityVersion` and flags of its own: a flag that is set counts, else what the
    /// compatibility profile says, else the release's default.
    pub(crate) fn new(release: Release, compatibility: Option<Release>, flags: &Flags) -> Profile {
        let mut has = 0;
        for row in rows() {
            if row.is_in(release) && !row.is_put_back(compatibility, flags) {
                has |= row.difference.bit();
            }
        }
        Profile { release, has, sends_unhealthy_always: flags.get("PILOT_SEND_UNHEALTHY_ENDPOINTS") == Some(true) }
    }

    pub(crate) fn release(&self) -> Release {
        self.release
    }

    /// Whether it behaves in the newer way.
    #[inline]
    pub(crate) fn has(&self, difference: Difference) -> bool {
        self.has & difference.bit() != 0
    }

    /// The same without one difference.
    pub(crate) fn without(self, difference: Difference) -> Profile {
        Profile { has: self.has & !difference.bit(), ..self }
    }

    pub(crate) fn sends_unhealthy_always(&self) -> bool {
        self.sends_unhealthy_always
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str) -> Release {
        text.parse().expect("a release")
    }

    fn flags(all: &[(&str, &str)]) -> Flags {
        let mut flags = Flags::default();
        for (name, value) in all {
            flags.set(name, value, release("1.31")).expect("a known flag");
        }
        flags
    }

    #[test]
    fn ve6_a_patch_release_may_part_a_minor_one() {
        let has = |text: &str| Profile::of(release(text)).has(Difference::DefaultExportLists);
        for (text, expected) in [("1.28", false), ("1.30.2", false), ("1.30.3", true), ("1.30", true), ("1.31", true)] {
            assert_eq!(has(text), expected, "{text}");
        }
    }

    #[test]
    fn ve11_the_corrected_percent_came_to_two_lines() {
        let has = |text: &str| Profile::of(release(text)).has(Difference::RetryBudgetPercent);
        for (text, expected) in [
            ("1.28.5", false),
            ("1.28.6", true),
            ("1.29.0", false),
            ("1.29.1", false),
            ("1.29.2", true),
            ("1.30.0", true),
        ] {
            assert_eq!(has(text), expected, "{text}");
        }
    }

    #[test]
    fn ve1_ve7_flags_and_compatibility_put_back() {
        let profile = |of: &str, compatibility: Option<&str>, set: &[(&str, &str)]| {
            let profile = Profile::new(release(of), compatibility.map(release), &flags(set));
            (profile.has(Difference::UnreadyEndpoints), profile.has(Difference::BestServiceNamespace))
        };
        assert_eq!(profile("1.31", None, &[]), (true, true));
        assert_eq!(profile("1.31", Some("1.30"), &[]), (false, true));
        assert_eq!(profile("1.31", Some("1.29"), &[]), (false, false));
        assert_eq!(profile("1.30", Some("1.28"), &[]), (false, false));
        assert_eq!(profile("1.31", None, &[("PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS", "false")]), (false, true));
        // What is set outranks the profile, and no flag brings a release what it hasn't got.
        assert_eq!(profile("1.31", Some("1.29"), &[("PILOT_AUTO_SEND_UNHEALTHY_ENDPOINTS", "true")]), (true, false));
        assert_eq!(profile("1.29", None, &[("PILOT_SIDECAR_PICK_BEST_SERVICE_NAMESPACE", "true")]), (false, false));
    }

    #[test]
    fn newer_releases_have_all_that_older_ones_have() {
        let all =
            ["1.28.0", "1.28.6", "1.29.2", "1.30.0", "1.30.3", "1.31.0", "master"].map(|t| Profile::of(release(t)));
        for pair in all.windows(2) {
            let [older, newer] = pair else { continue };
            assert_eq!(older.has & newer.has, older.has, "{} and {}", older.release, newer.release);
        }
        assert_eq!(all[6].has.count_ones() as usize, rows().len(), "master has everything");
    }

    #[test]
    fn the_table_is_in_order_and_each_id_is_a_rule() {
        let mut bits = 0;
        for row in rows() {
            assert_eq!(bits & row.difference.bit(), 0, "{:?} stands twice", row.difference);
            bits |= row.difference.bit();
            assert!(row.from.is_sorted(), "{}", row.id);
            assert!(!row.title.is_empty() && row.id.starts_with("VE-"));
        }
    }
}
