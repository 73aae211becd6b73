//! The operator's checklist: ten questions before going live and the five usual mistakes, answered from the findings.

use indexmap::IndexSet;

use super::registry::Input;
use super::subject::Subject;
use crate::manifest::diagnostic::{Evidence, Finding, Severity};

/// What can be said about a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    Unknown,
}

impl Answer {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Answer::Yes => "yes",
            Answer::No => "no",
            Answer::Unknown => "unknown",
        }
    }
}

/// One question with its answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Question {
    pub text: &'static str,
    /// True where a "yes" is what one hopes for; false for the usual mistakes.
    pub wants_yes: bool,
    pub answer: Answer,
    /// What the answer rests on.
    pub evidence: String,
}

/// A question that findings decide.
struct Asked {
    text: &'static str,
    wants_yes: bool,
    /// Findings of these checks, at least as bad as that, say "not well".
    against: &'static [&'static str],
    least: Severity,
    needs: &'static [Input],
    /// What to say where nothing speaks against it.
    fine: &'static str,
}

const ASKED: &[Asked] = &[
    Asked {
        text: "Does every DestinationRule that routes depend on exist, and come first in the given order?",
        wants_yes: true,
        against: &["R106", "R107", "O801"],
        least: Severity::Warning,
        needs: &[Input::VirtualServices],
        fine: "every subset that a rule names is defined for its clients",
    },
    Asked {
        text: "Do the subsets' labels match actual pods?",
        wants_yes: true,
        against: &["R108", "R119"],
        least: Severity::Warning,
        needs: &[Input::DestinationRules, Input::Pods],
        fine: "every subset in use has endpoints",
    },
    Asked {
        text: "Are the match conditions clear: nothing dead, shadowed or dependent on order without intent?",
        wants_yes: true,
        against: &[
            "P201", "P202", "P203", "P204", "P205", "P206", "P207", "P212", "P215", "P220", "C302", "C303", "T417",
        ],
        least: Severity::Info,
        needs: &[Input::VirtualServices, Input::Roots],
        fine: "every match can be reached, and no two that overlap do different things",
    },
    Asked {
        text: "Do the weights of each rule add up to 100?",
        wants_yes: true,
        against: &["O806", "M115"],
        least: Severity::Info,
        needs: &[Input::VirtualServices],
        fine: "all sums are 100",
    },
    Asked {
        text: "Has each VirtualService one entry responsibility?",
        wants_yes: true,
        against: &["O808"],
        least: Severity::Info,
        needs: &[Input::VirtualServices],
        fine: "none mixes entries, or hosts that have nothing to do with each other",
    },
    Asked {
        text: "Is no DestinationRule overloaded with policies?",
        wants_yes: true,
        against: &["O804"],
        least: Severity::Info,
        needs: &[Input::DestinationRules],
        fine: "none has more than three kinds of policy, or changes more than one",
    },
    Asked {
        text: "Are retries and timeouts considered together with the weights?",
        wants_yes: true,
        against: &["O809", "T406"],
        least: Severity::Info,
        needs: &[Input::VirtualServices],
        fine: "every rule that splits traffic states both, and the tries fit in the time",
    },
    Asked {
        text: "Does a rollback touch few files?",
        wants_yes: true,
        against: &["O805", "O810"],
        least: Severity::Info,
        needs: &[Input::Base],
        fine: "one file restores what was",
    },
    Asked {
        text: "Is the deployment order documented?",
        wants_yes: true,
        against: &["O811", "O801"],
        least: Severity::Info,
        needs: &[],
        fine: "what depends on something is applied behind it, or nothing depends on anything",
    },
    Asked {
        text: "Is the intent visible in telemetry (route names, app and version labels)?",
        wants_yes: true,
        against: &["O812"],
        least: Severity::Info,
        needs: &[],
        fine: "rules have names, pods have app and version",
    },
    Asked {
        text: "Mistake: a VirtualService comes before its subsets",
        wants_yes: false,
        against: &["R106", "O801"],
        least: Severity::Warning,
        needs: &[Input::VirtualServices],
        fine: "no rule names a subset that a later file defines",
    },
    Asked {
        text: "Mistake: VirtualServices contradict each other",
        wants_yes: false,
        against: &["C301", "C302", "C303", "P215"],
        least: Severity::Warning,
        needs: &[Input::VirtualServices],
        fine: "no two of them decide about the same requests",
    },
    Asked {
        text: "Mistake: undefined priority",
        wants_yes: false,
        against: &["P201", "P202", "P203", "P204", "C301", "C304"],
        least: Severity::Warning,
        needs: &[Input::VirtualServices],
        fine: "which rule wins follows from one object alone",
    },
    Asked {
        text: "Mistake: too many policies at once",
        wants_yes: false,
        against: &["O804"],
        least: Severity::Info,
        needs: &[Input::DestinationRules],
        fine: "no DestinationRule sets more than three kinds of policy, or changes more than one",
    },
    Asked {
        text: "Mistake: no way back",
        wants_yes: false,
        against: &["O805"],
        least: Severity::Info,
        needs: &[Input::Base],
        fine: "every subset that lost traffic is still there",
    },
];

/// Most findings that one answer names.
const NAMED_MAX: usize = 3;

/// Answers all questions from what was found.
pub(super) fn answer(subject: &Subject<'_>, earlier: &[Finding], findings: &[Finding]) -> Vec<Question> {
    ASKED.iter().map(|q| one(q, subject, earlier, findings)).collect()
}

fn one(q: &Asked, subject: &Subject<'_>, earlier: &[Finding], findings: &[Finding]) -> Question {
    let speaks = |f: &&Finding| f.severity >= q.least && q.against.contains(&f.id.as_str());
    let against: Vec<&Finding> = earlier.iter().chain(findings).filter(speaks).collect();
    let proven = against.iter().any(|f| f.evidence == Evidence::Proven);
    let missing: Vec<&str> = q.needs.iter().filter(|n| !subject.has(**n)).map(|n| n.describe()).collect();
    let (good, bad) = if q.wants_yes { (Answer::Yes, Answer::No) } else { (Answer::No, Answer::Yes) };
    let (answer, evidence) = if !against.is_empty() {
        (if proven { bad } else { Answer::Unknown }, name(&against))
    } else if subject.manifests.virtual_services.is_empty() && subject.manifests.destination_rules.is_empty() {
        (Answer::Unknown, "there is no VirtualService and no DestinationRule".to_owned())
    } else if !missing.is_empty() {
        (Answer::Unknown, format!("not given: {}", missing.join(", ")))
    } else {
        (good, q.fine.to_owned())
    };
    Question { text: q.text, wants_yes: q.wants_yes, answer, evidence }
}

/// `R106 VirtualService store/shop; ... and 3 more`.
fn name(findings: &[&Finding]) -> String {
    let named: IndexSet<String> = findings
        .iter()
        .map(|f| match &f.object {
            Some(object) => format!("{} {object}", f.id),
            None => f.id.to_string(),
        })
        .collect();
    let more = named.len().saturating_sub(NAMED_MAX);
    let shown: Vec<&str> = named.iter().take(NAMED_MAX).map(String::as_str).collect();
    let shown = shown.join("; ");
    if more > 0 { format!("{shown}; and {more} more") } else { shown }
}
