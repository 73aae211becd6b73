//! The mesh configuration as a release takes it (VE-5, VE-6).
//!
//! Fields that a release doesn't know are gone already: the room `load` drops them.

use smol_str::SmolStr;

use crate::manifest::kinds::{MeshConfig, OutboundMode};
use crate::manifest::release::{Difference, Profile};

/// What that Istio makes of values that others take otherwise.
pub(super) fn as_read_by(profile: Profile, mut config: MeshConfig) -> MeshConfig {
    // VE-5: the value is known and means nothing, so that it is not ALLOW_ANY.
    if config.outbound_mode == OutboundMode::AllowAnyDynamicDns && !profile.has(Difference::DynamicDnsMode) {
        config.outbound_mode = OutboundMode::RegistryOnly;
    }
    if !profile.has(Difference::DefaultExportLists) {
        first_of_two(&mut config.default_service_export_to);
        first_of_two(&mut config.default_virtual_service_export_to);
    }
    config
}

/// VE-6: of a default list `.` counts, else `*`, and no other name.
fn first_of_two(names: &mut Vec<SmolStr>) {
    let counts = [".", "*"].into_iter().find(|name| names.iter().any(|n| n == name));
    *names = vec![SmolStr::new_static(counts.unwrap_or("~"))];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_by(release: &str, mode: OutboundMode, names: &[&str]) -> (OutboundMode, String) {
        let config = MeshConfig {
            outbound_mode: mode,
            default_service_export_to: names.iter().map(SmolStr::new).collect(),
            ..MeshConfig::default()
        };
        let read = as_read_by(Profile::of(release.parse().expect("a release")), config);
        (read.outbound_mode, read.default_service_export_to.join(","))
    }

    #[test]
    fn ve5_before_it_was_made_the_mode_lets_nothing_out() {
        let mode = |release| read_by(release, OutboundMode::AllowAnyDynamicDns, &["*"]).0;
        assert_eq!(mode("1.30"), OutboundMode::RegistryOnly);
        assert_eq!(mode("1.31"), OutboundMode::AllowAnyDynamicDns);
        assert_eq!(read_by("1.30", OutboundMode::AllowAny, &["*"]).0, OutboundMode::AllowAny);
    }

    #[test]
    fn ve6_names_beside_the_own_namespace_were_ignored() {
        let list = |release, names: &[&str]| read_by(release, OutboundMode::AllowAny, names).1;
        assert_eq!(list("1.30.2", &["prod", "."]), ".");
        assert_eq!(list("1.30.2", &[".", "*"]), ".");
        assert_eq!(list("1.30.2", &["*", "prod"]), "*");
        assert_eq!(list("1.30.2", &["prod"]), "~");
        assert_eq!(list("1.30.3", &["prod", "."]), "prod,.");
    }
}
