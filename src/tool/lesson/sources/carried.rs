//! The files of `lessons/`, in the order in which they are taught. A test holds the list against the folder; `web/build.mjs` reads it too.

use super::{Shelf, Source};

macro_rules! text {
    ($name:literal, $file:literal) => {
        include_str!(concat!("../../../../lessons/", $name, "/", $file))
    };
}

macro_rules! lessons {
    ($($name:literal: $($file:literal),+;)*) => {
        &[$(Source {
            name: $name,
            about: text!($name, "lesson.yaml"),
            texts: &[("en", text!($name, "en.md")), ("ko", text!($name, "ko.md"))],
            files: &[$(($file, text!($name, $file))),+],
        }),*]
    };
}

/// All lessons.
pub(in crate::tool::lesson) fn shelf() -> &'static Shelf {
    &Shelf { languages: LANGUAGES, lessons: LESSONS }
}

const LANGUAGES: &[(&str, &str)] =
    &[("en", include_str!("../../../../lessons/en.yaml")), ("ko", include_str!("../../../../lessons/ko.yaml"))];

const LESSONS: &[Source] = lessons! {
    "01-first-match-wins": "routing.yaml", "services.yaml";
    "02-catch-all-ends-the-list": "routing.yaml", "services.yaml";
    "03-regex-whole-path": "routing.yaml", "services.yaml";
    "04-prefix-is-no-folder": "routing.yaml", "services.yaml";
    "05-query-is-no-path": "routing.yaml", "services.yaml";
    "06-and-or": "routing.yaml", "services.yaml";
    "07-header-case": "routing.yaml", "services.yaml";
    "08-no-route-left": "routing.yaml", "services.yaml";
    "09-weights-are-shares": "routing.yaml", "services.yaml", "scenario.yaml";
    "10-share-of-the-whole": "routing.yaml", "services.yaml", "scenario.yaml";
    "11-undefined-subset": "routing.yaml", "services.yaml";
    "12-subset-without-pods": "routing.yaml", "services.yaml";
    "13-policy-of-the-destination": "routing.yaml", "services.yaml";
    "14-two-virtual-services": "routing.yaml", "services.yaml";
    "15-gateway-only": "routing.yaml", "services.yaml";
    "16-short-names": "routing.yaml", "services.yaml";
    "17-export-to": "routing.yaml", "services.yaml";
    "18-source-labels": "routing.yaml", "services.yaml";
    "19-sidecar-egress": "routing.yaml", "services.yaml";
    "20-delegates": "routing.yaml", "services.yaml";
    "21-match-port": "routing.yaml", "services.yaml";
    "22-rewrite-prefix": "routing.yaml", "services.yaml";
    "23-redirect": "routing.yaml", "services.yaml";
    "24-fault-before-route": "routing.yaml", "services.yaml";
    "25-mirror-is-load": "routing.yaml", "services.yaml", "scenario.yaml";
    "26-retries-stay": "routing.yaml", "services.yaml", "scenario.yaml";
    "27-timeout-cuts-retries": "routing.yaml", "services.yaml", "scenario.yaml";
    "28-hash-and-weights": "routing.yaml", "services.yaml";
    "29-port-level-settings": "routing.yaml", "services.yaml";
    "30-registry-only": "routing.yaml", "services.yaml", "scenario.yaml";
    "31-unknown-host-rule": "routing.yaml", "services.yaml";
    "32-order-of-apply": "now/routing.yaml", "change/virtual-service.yaml", "change/destination-rule.yaml", "scenario.yaml";
    "33-way-back": "now/routing.yaml", "change/virtual-service.yaml", "change/destination-rule.yaml", "scenario.yaml";
};
