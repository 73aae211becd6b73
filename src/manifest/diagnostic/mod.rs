//! Findings: what is to be said about manifests and scenarios. Every room may make them; only the room `report` renders them.
//! [`place`] finds where they stand.

pub(crate) mod place;

use smol_str::SmolStr;

use crate::manifest::kinds::ObjectId;
use crate::manifest::source::Position;

/// How bad a finding is, from the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Probably not what was meant, or dangerous.
    Warning,
    /// Does not work, or would be refused.
    Error,
}

/// What Istio's admission does with the object because of this finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Admission {
    Rejected,
    Warned,
}

/// Whether a finding is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Evidence {
    #[default]
    Proven,
    Possible,
}

/// Another place that a finding speaks of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Related {
    pub message: String,
    pub at: Position,
    pub object: Option<ObjectId>,
}

/// One thing that is wrong or remarkable, with the place and the next step.
///
/// Messages are lower case without a full stop, the user's own text in back-quotes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    /// Id of the check, for example `M117`; `load` for sources that cannot be read at all.
    pub id: SmolStr,
    pub severity: Severity,
    pub admission: Option<Admission>,
    pub object: Option<ObjectId>,
    /// The place: exact where `at.line > 0`; else it is found from the object's document and `path` when rendering.
    pub at: Position,
    /// Field path such as `spec.http[0].route[0].destination.subset`; empty where none applies.
    pub path: String,
    pub message: String,
    pub hint: Option<String>,
    pub evidence: Evidence,
    /// Codes of other tools for the same matter (`IST0101`, `KIA1107`).
    pub peers: Vec<&'static str>,
    pub related: Vec<Related>,
    /// A request that shows it, as `METHOD URL` with headers, ready to be shown or replayed.
    pub witness: Option<String>,
}

impl Finding {
    /// A finding with the parts every finding has.
    pub(crate) fn new(id: &str, severity: Severity, message: impl Into<String>) -> Finding {
        Finding {
            id: SmolStr::new(id),
            severity,
            admission: None,
            object: None,
            at: Position::default(),
            path: String::new(),
            message: message.into(),
            hint: None,
            evidence: Evidence::Proven,
            peers: Vec::new(),
            related: Vec::new(),
            witness: None,
        }
    }

    #[must_use]
    pub(crate) fn on(mut self, object: ObjectId) -> Finding {
        self.object = Some(object);
        self
    }

    #[must_use]
    pub(crate) fn at(mut self, at: Position) -> Finding {
        self.at = at;
        self
    }

    #[must_use]
    pub(crate) fn path(mut self, path: impl Into<String>) -> Finding {
        self.path = path.into();
        self
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Finding {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn rejected(mut self) -> Finding {
        self.admission = Some(Admission::Rejected);
        self
    }

    /// What is said about which object, for people: `VirtualService store/shop: ...`, and whether it is certain.
    pub(crate) fn statement(&self) -> String {
        let doubt = if self.evidence == Evidence::Possible { "perhaps: " } else { "" };
        match &self.object {
            Some(object) => format!("{object}: {doubt}{}", self.message),
            None => format!("{doubt}{}", self.message),
        }
    }

    /// True where Istio would refuse the object.
    pub(crate) fn is_rejection(&self) -> bool {
        self.admission == Some(Admission::Rejected)
    }
}
