//! The look of pages and their one script, with the hashes by which a page allows itself both.

/// The style sheet. It holds neither `<` nor `&`, so that a page is well-formed XML too.
pub(crate) const STYLE: &str = include_str!("style.css");
/// The script: the filter box, and folds that open for it and for paper. Pages are whole without.
pub(crate) const SCRIPT: &str = include_str!("script.js");

/// Hashes of the two, as a Content-Security-Policy names them.
pub(super) const STYLE_HASH: &str = "sha256-18dqshNfWtZFlgCGx6DwWgDoffRsSocTrjmC+hFrSAA=";
pub(super) const SCRIPT_HASH: &str = "sha256-Mg/ZsFWqfAFRF7XX6foOcdMwH0POHegEs+/kP6W19EY=";

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use sha2::Digest as _;

    #[test]
    fn the_policy_allows_what_a_page_holds() {
        for (text, hash) in [(STYLE, STYLE_HASH), (SCRIPT, SCRIPT_HASH)] {
            assert!(!text.contains(['<', '&', '\r']), "no XML, or another text once git has turned line ends");
            let digest = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(text));
            assert_eq!(hash, format!("sha256-{digest}"), "the hash in style.rs is of an older text");
        }
    }
}
