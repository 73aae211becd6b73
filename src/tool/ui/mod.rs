//! The page beside the editor (`towtank ui`): a server on loopback that shows what is so now, and answers what is asked of it.
//!
//! In: an [`Engine`], which knows when files changed, reads them and decides requests. Out: the modules of `web/`, and the interface
//! that they use: one JSON document for everything that is shown, and one for each question that is asked. Not here: how
//! manifests are read, and what is said of them. Like `verify`, this room uses a socket and a clock, since that is its whole work.
//!
//! Whoever may read the page may read the manifests, so only who started it may: it listens on loopback alone, its address has a token
//! that nobody can guess, and it answers no page of another origin, whatever name that has for this machine ([`guard`]).

mod guard;
mod server;

pub(crate) use server::Server;

/// What the server shows.
pub(crate) trait Engine: Sync {
    /// What files look like from outside; it differs once one of them has changed.
    type Stamp: PartialEq + Send;

    fn stamp(&self) -> Self::Stamp;

    /// Reads everything anew: one JSON object. What was good before is still asked by [`Engine::answer`] where this fails.
    ///
    /// # Errors
    /// What is wrong, in words for people.
    fn open(&self) -> Result<String, String>;

    /// The answer to a question, as one JSON object. None: nothing is asked by this name.
    fn answer(&self, question: &str, body: &str) -> Option<String>;
}

/// A file of the page.
struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The modules of `web/`; the first one is the page itself.
const ASSETS: [Asset; 10] = [
    Asset { name: "", kind: HTML, text: include_str!("../../../web/index.html") },
    Asset { name: "style.css", kind: STYLE, text: include_str!("../../../web/style.css") },
    // It looks as pages do.
    Asset { name: "page.css", kind: STYLE, text: crate::tool::report::html::STYLE },
    Asset { name: "ui.mjs", kind: SCRIPT, text: include_str!("../../../web/ui.mjs") },
    Asset { name: "main.mjs", kind: SCRIPT, text: include_str!("../../../web/main.mjs") },
    Asset { name: "lesson.mjs", kind: SCRIPT, text: include_str!("../../../web/lesson.mjs") },
    Asset { name: "engine.mjs", kind: SCRIPT, text: include_str!("../../../web/engine.mjs") },
    Asset { name: "edit.mjs", kind: SCRIPT, text: include_str!("../../../web/edit.mjs") },
    Asset { name: "whatif.mjs", kind: SCRIPT, text: include_str!("../../../web/whatif.mjs") },
    Asset { name: "view.mjs", kind: SCRIPT, text: include_str!("../../../web/view.mjs") },
];
