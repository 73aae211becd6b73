//! Tests as they are understood, whichever format they were written in.

use smol_str::SmolStr;

use crate::analysis::diff::Scope;
use crate::envoy::decision::{Counted, Outcome};
use crate::envoy::re2::Re2;
use crate::envoy::request::Request;
use crate::envoy::table::{Fraction, HeaderValueOption};
use crate::manifest::kinds::Labels;
use crate::manifest::source::Position;

/// One test: requests and what is expected of each of them.
#[derive(Debug)]
pub(crate) struct Test {
    pub name: SmolStr,
    pub at: Position,
    /// Names of the proxies that look at the requests; empty: the first one.
    pub proxies: Vec<SmolStr>,
    /// Where the proxies are named, else the test.
    pub proxies_at: Position,
    pub traffic: Traffic,
    pub checks: Vec<Check>,
    /// What the test asks for and nobody can tell; where that is all of it, `checks` is empty.
    pub not_evaluated: Vec<NotEvaluated>,
    pub format: Format,
    /// Takes the place of the random number that chooses among weighted clusters (envoy-matching 13, `random_value`).
    pub random: Option<u64>,
    /// The runtime key that it enables (envoy-matching 13, `runtime`).
    pub runtime: Option<SmolStr>,
    /// What filters are supposed to have found out, by namespace (envoy-matching 13, `dynamic_metadata`).
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

/// A part of a test that is passed over, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotEvaluated {
    pub at: Position,
    /// Its path in the test file.
    pub field: SmolStr,
    pub reason: &'static str,
}

/// Who wrote the test file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Ours.
    Towtank,
    /// istio-config-validator.
    Validator,
    /// Envoy's router check tool.
    RouterCheck,
}

/// The requests of a test.
#[derive(Debug)]
pub(crate) enum Traffic {
    /// At least one.
    Requests(Vec<Request>),
    /// A stream of the scenario, by name.
    Stream(SmolStr, Position),
    /// All that there can be; the checks are what they must never come to.
    All(Box<Property>),
}

/// A sentence about all requests of a scope.
#[derive(Debug)]
pub(crate) struct Property {
    pub who: Who,
    /// With the host as written.
    pub scope: Scope,
    /// Where the host is named, else what the property is about.
    pub host_at: Position,
    /// The name of a proxy for which they are treated alike, and where that is said.
    pub same_as: Option<(SmolStr, Position)>,
}

/// For which clients a property is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// Those of the run: the scenario's, else all that the manifests know.
    Default,
    /// All that the manifests know.
    Any,
    /// Those that the manifests know with these labels.
    Labels(Labels),
    /// The proxies that the test names.
    Named,
}

/// One expectation with the place where it was written.
#[derive(Debug)]
pub(crate) struct Check {
    pub at: Position,
    pub want: Want,
    /// It must not hold (`wantMatch: false`).
    pub negated: bool,
}

/// What is expected of a request.
#[derive(Debug)]
pub(crate) enum Want {
    Outcome(Ending),
    /// All traffic goes there.
    Destination(Target),
    /// Name of the route.
    Route(SmolStr),
    /// The VirtualService that wrote the route, or its root; an empty namespace is any.
    WrittenBy {
        namespace: SmolStr,
        name: SmolStr,
    },
    Status(u16),
    /// The full text.
    Location(SmolStr),
    /// Where a redirect leads; a direct response counts as one to itself (envoy-matching 13).
    NewUri(SmolStr),
    /// A text that the route carries: namespace, key, value.
    Metadata([SmolStr; 3]),
    /// As it is sent on.
    Path(SmolStr),
    /// As it is sent on.
    Authority(SmolStr),
    Header {
        name: SmolStr,
        test: TextTest,
        side: Side,
    },
    Shares {
        parts: Vec<(Part, f64)>,
        /// 0 to 1.
        tolerance: f64,
    },
    Never(Part),
    /// A rule of a VirtualService takes the request.
    Ruled,
    /// The route's destinations with their shares, whatever a fault does before.
    Destinations(Vec<(Target, f64)>),
    Redirect(RedirectParts),
    Rewrite(RewriteParts),
    Fault(FaultParts),
    Operations(OperationParts),
    Delegate {
        /// Empty: any.
        namespace: SmolStr,
        name: SmolStr,
    },
    /// Name of the cluster; empty: none.
    Cluster(SmolStr),
    /// Name of the virtual host; empty: none.
    VirtualHost(SmolStr),
    /// Name of the virtual cluster; empty: none.
    VirtualCluster(SmolStr),
    /// Status of an answer by the route itself; 0: the request is forwarded, or no route takes it.
    CodeRedirect(u16),
    /// Of the whole request; zero: no limit.
    Timeout(crate::manifest::kinds::Nanos),
}

/// Headers on the way to the endpoint, or back to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    /// The answer's headers before the route works on them.
    Response(Vec<(SmolStr, SmolStr)>),
}

/// An outcome, or all that are counted the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Is(Outcome),
    CountedAs(Counted),
}

/// A destination; what is None is not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Target {
    /// As written: a full name, or a short one that the proxy's namespace completes.
    pub host: Option<SmolStr>,
    /// Empty: no subset.
    pub subset: Option<SmolStr>,
    pub port: Option<u16>,
}

/// Where a part of the requests may end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Ending(Ending),
    Target(Target),
    /// A word of `shares` that is a subset or a host, whichever the proxy has.
    Word(SmolStr),
}

/// A test of a header's value.
#[derive(Debug)]
pub(crate) struct TextTest {
    pub kind: TextKind,
    pub ignore_case: bool,
    pub invert: bool,
    pub missing_is_empty: bool,
    pub values: Values,
}

/// What a header test looks at where a header comes several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// All values, joined by commas.
    Joined,
    /// Any one value, as Envoy's header matchers do (envoy-matching 3).
    Each,
}

/// See [`TextTest`].
#[derive(Debug)]
pub(crate) enum TextKind {
    Absent,
    Present,
    Exact(SmolStr),
    Prefix(SmolStr),
    Suffix(SmolStr),
    Contains(SmolStr),
    /// The whole value must match.
    Regex(Box<Re2>),
    /// A whole number, the first bound included, the second one not.
    Range(i64, i64),
}

/// Parts of a redirect that a test names.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RedirectParts {
    pub uri: Option<SmolStr>,
    pub prefix: Option<SmolStr>,
    pub authority: Option<SmolStr>,
    pub scheme: Option<SmolStr>,
    pub port: Option<u32>,
    pub code: Option<u16>,
}

/// Parts of a rewrite that a test names.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RewriteParts {
    pub uri: Option<SmolStr>,
    /// Pattern and substitution.
    pub regex: Option<(SmolStr, SmolStr)>,
    pub authority: Option<SmolStr>,
}

/// Parts of a fault that a test names.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FaultParts {
    /// Status, and percent where given.
    pub abort: Option<(Option<u32>, Option<f64>)>,
    /// Duration, and percent where given.
    pub delay: Option<(Option<crate::manifest::kinds::Nanos>, Option<f64>)>,
}

/// Header operations that a test names, per direction.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct OperationParts {
    pub request: Operations,
    pub response: Operations,
}

/// Header operations of one direction.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Operations {
    pub remove: Vec<SmolStr>,
    pub add: Vec<HeaderValueOption>,
}

/// Percent of a table's fraction.
pub(super) fn percent_of(f: Fraction) -> f64 {
    100.0 * f64::from(f.numerator) / f64::from(f.denominator.max(1))
}

impl Ending {
    /// What `text` names, if it names an outcome or what outcomes are counted as.
    pub(crate) fn parse(text: &str) -> Option<Ending> {
        let counted = match text {
            "answered" => Some(Counted::Answered),
            "unmatched" => Some(Counted::Unmatched),
            "blackholed" => Some(Counted::Blackholed),
            "passthrough" => Some(Counted::Passthrough),
            _ => None,
        };
        let one = || Outcome::ALL.into_iter().find(|o| o.as_str() == text).map(Ending::Is);
        counted.map(Ending::CountedAs).or_else(one)
    }

    /// All words that [`Ending::parse`] knows.
    pub(crate) fn words() -> Vec<&'static str> {
        let counted = ["answered", "unmatched", "blackholed"];
        Outcome::ALL.into_iter().map(Outcome::as_str).chain(counted).collect()
    }

    pub(crate) fn holds(self, outcome: Outcome) -> bool {
        match self {
            Ending::Is(one) => one == outcome,
            Ending::CountedAs(counted) => outcome.counted() == counted,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Ending::Is(one) => one.as_str(),
            Ending::CountedAs(Counted::Subset) => "traffic of a subset",
            Ending::CountedAs(Counted::Answered) => "answered",
            Ending::CountedAs(Counted::Unmatched) => "unmatched",
            Ending::CountedAs(Counted::Blackholed) => "blackholed",
            Ending::CountedAs(Counted::Passthrough) => "passthrough",
        }
    }
}

impl std::fmt::Display for Target {
    /// `host:port/subset`; what is not looked at is left away.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(host) = &self.host {
            f.write_str(host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        match (&self.host, self.subset.as_deref()) {
            (_, Some("")) => f.write_str(" without subset"),
            (Some(_), Some(subset)) => write!(f, "/{subset}"),
            (None, Some(subset)) => write!(f, "subset {subset}"),
            (_, None) => Ok(()),
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Part::Ending(ending) => f.write_str(ending.as_str()),
            Part::Target(target) => target.fmt(f),
            Part::Word(word) => f.write_str(word),
        }
    }
}

impl TextTest {
    /// The value must be exactly this.
    pub(crate) fn plain(kind: TextKind) -> TextTest {
        TextTest { kind, ignore_case: false, invert: false, missing_is_empty: false, values: Values::Joined }
    }
}

impl std::fmt::Display for TextTest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.invert {
            f.write_str("not ")?;
        }
        match &self.kind {
            TextKind::Absent => f.write_str("absent"),
            TextKind::Present => f.write_str("present"),
            TextKind::Exact(text) => write!(f, "\"{text}\""),
            TextKind::Prefix(text) => write!(f, "starts with \"{text}\""),
            TextKind::Suffix(text) => write!(f, "ends with \"{text}\""),
            TextKind::Contains(text) => write!(f, "contains \"{text}\""),
            TextKind::Regex(re) => write!(f, "matches {}", re.pattern()),
            TextKind::Range(from, to) => write!(f, "a number from {from} to below {to}"),
        }
    }
}
