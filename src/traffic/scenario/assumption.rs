//! What is supposed of pods: how often they fail, in which way, and how long they take. `suppose:` of scenario.yaml and `--suppose`.

use smol_str::SmolStr;

use super::fields::nearest;
use super::quantity::{parse_seconds, parse_share};
use crate::manifest::source::Position;

/// One entry: later entries override what earlier ones say of the same pods, each item by itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assumption {
    pub target: Target,
    /// None: this entry says nothing of failures. All ways in which an attempt fails, by an earlier entry too, give way to these.
    pub failures: Option<Vec<Failure>>,
    /// Time of an attempt, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Time of a failing attempt, where that is another one.
    pub error_latency_ms: Option<f64>,
    /// The failure belongs to the request: it repeats on every retry.
    pub sticky: Option<bool>,
    /// Unknown where it stood on the command line.
    pub at: Position,
}

/// Whose pods are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A subset of that name, of whatever host; where there is none, a host; else the pods whose label `version` says so.
    Word(SmolStr),
    Subset {
        host: SmolStr,
        subset: SmolStr,
    },
    Host(SmolStr),
    Pod {
        /// Empty: in any namespace.
        namespace: SmolStr,
        name: SmolStr,
    },
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Word(word) | Target::Host(word) => f.write_str(word),
            Target::Subset { host, subset } => write!(f, "{host}/{subset}"),
            Target::Pod { namespace, name } if namespace.is_empty() => write!(f, "pod:{name}"),
            Target::Pod { namespace, name } => write!(f, "pod:{namespace}/{name}"),
        }
    }
}

/// One way in which attempts fail, or are slower than others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Failure {
    pub kind: FailureKind,
    /// Share of the attempts, 0 to 1.
    pub share: f64,
    /// In milliseconds; None: as long as other failing attempts.
    pub latency_ms: Option<f64>,
}

/// What a failing attempt looks like to the proxy that sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum FailureKind {
    /// It doesn't fail: it only takes a time of its own.
    Slow,
    /// The pod answers with this status.
    Status(u16),
    /// The same with `x-envoy-ratelimited` in the answer, which forbids a retry.
    RateLimited(u16),
    /// Status 200 and this `grpc-status` among the headers.
    Grpc(u16),
    /// The connection is closed without an answer.
    Reset,
    /// The answer is not HTTP.
    Garbage,
    /// There is no answer, ever.
    Hang,
    /// The connection is refused.
    Refused,
    /// The application has crashed behind a sidecar, which tries it again and then answers with 503 (PA-19).
    Down,
}

/// The items that `--suppose` knows, for hints.
const ITEMS: &[&str] =
    &["errors", "reset", "garbage", "hang", "refused", "down", "latency", "error-latency", "sticky", "grpc14", "503"];

impl Assumption {
    pub(crate) fn nothing_of(target: Target, at: Position) -> Assumption {
        Assumption { target, failures: None, latency_ms: None, error_latency_ms: None, sticky: None, at }
    }

    /// Reads `TARGET:ITEM,...`, for example `v2:errors=5%,latency=300ms` or `pod:default/reviews-v1-0:refused`.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub(crate) fn parse(text: &str, at: Position) -> Result<Assumption, String> {
        const FORM: &str = "write TARGET:ITEM,..., for example `v2:errors=5%,latency=300ms`";
        let (target, items) = match text.trim().strip_prefix("pod:") {
            Some(rest) => (pod(rest.split_once(':').ok_or(FORM)?.0), rest.split_once(':').ok_or(FORM)?.1),
            None => {
                let (target, items) = text.split_once(':').ok_or(FORM)?;
                (Target::of_words(target.trim()), items)
            }
        };
        let target = target.ok_or(FORM)?;
        let mut assumption = Assumption::nothing_of(target, at);
        for item in items.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            assumption.add(item)?;
        }
        assumption.checked()
    }

    /// One item such as `errors=5%`.
    fn add(&mut self, item: &str) -> Result<(), String> {
        let (name, value) = match item.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (item, None),
        };
        match name {
            "latency" => self.latency_ms = Some(milliseconds(item, value)?),
            "error-latency" => self.error_latency_ms = Some(milliseconds(item, value)?),
            "sticky" => self.sticky = Some(!matches!(value, Some("false"))),
            _ => {
                let kind = kind(name).ok_or_else(|| unknown_item(name))?;
                let share = match (value, kind) {
                    (None, FailureKind::Refused | FailureKind::Down) => 1.0,
                    (None, _) => return Err(format!("`{item}` has no share: write for example `{name}=5%`")),
                    (Some(value), _) => parse_share(value)
                        .ok_or_else(|| format!("`{value}` is no share: write for example `{name}=5%`"))?,
                };
                self.failures.get_or_insert_default().push(Failure { kind, share, latency_ms: None });
            }
        }
        Ok(())
    }

    /// The whole of an entry's failures is at most everything.
    pub(super) fn checked(self) -> Result<Assumption, String> {
        let sum: f64 = self.failures.iter().flatten().map(|f| f.share).sum();
        if sum > 1.0 + 1e-9 {
            return Err(format!("the failures of `{}` come to {:.4} % of the attempts", self.target, sum * 100.0));
        }
        Ok(self)
    }
}

impl Target {
    /// `SUBSET`, `HOST/SUBSET` or `HOST`; None for no text.
    pub(super) fn of_words(text: &str) -> Option<Target> {
        match text.split_once('/') {
            _ if text.is_empty() => None,
            Some((host, subset)) if host.is_empty() || subset.is_empty() => None,
            Some((host, subset)) => Some(Target::Subset { host: host.into(), subset: subset.into() }),
            None => Some(Target::Word(text.into())),
        }
    }
}

/// `NAMESPACE/NAME` or `NAME`.
pub(super) fn pod(text: &str) -> Option<Target> {
    let (namespace, name) = text.trim().split_once('/').unwrap_or(("", text.trim()));
    (!name.is_empty()).then(|| Target::Pod { namespace: namespace.into(), name: name.into() })
}

fn kind(name: &str) -> Option<FailureKind> {
    Some(match name {
        "errors" => FailureKind::Status(503),
        "reset" => FailureKind::Reset,
        "garbage" => FailureKind::Garbage,
        "hang" => FailureKind::Hang,
        "refused" => FailureKind::Refused,
        "down" => FailureKind::Down,
        _ => match name.strip_prefix("grpc") {
            Some(code) => FailureKind::Grpc(code.parse().ok().filter(|code| (1..=16).contains(code))?),
            None => FailureKind::Status(name.parse().ok().filter(|status| (400..=599).contains(status))?),
        },
    })
}

fn unknown_item(name: &str) -> String {
    let meant = nearest(name, ITEMS).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!(
        "`{name}` can't be supposed{meant}: write errors=5%, a status from 400 to 599 such as 429=10%, grpc14=5%, reset=1%, \
         garbage=1%, hang=1%, refused, down, latency=300ms, error-latency=50ms or sticky"
    )
}

fn milliseconds(item: &str, value: Option<&str>) -> Result<f64, String> {
    let value = value.unwrap_or_default();
    // A plain number would be read as seconds, which nobody means here.
    let has_unit = value.ends_with(|c: char| c.is_ascii_alphabetic());
    let seconds = if value == "0" { Some(0.0) } else { parse_seconds(value).filter(|_| has_unit) };
    seconds
        .map(|s| s * 1000.0)
        .ok_or_else(|| format!("`{item}` is no length of time: write for example `300ms` or `2s`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Assumption, String> {
        Assumption::parse(text, Position::default())
    }

    #[test]
    fn targets_and_items_are_read() {
        let one = read("reviews/v2: errors=5%, 429 = 0.1, latency=300ms, error-latency=50ms, sticky").unwrap();
        assert_eq!(one.target, Target::Subset { host: "reviews".into(), subset: "v2".into() });
        let failure = |kind, share| Failure { kind, share, latency_ms: None };
        let failures = vec![failure(FailureKind::Status(503), 0.05), failure(FailureKind::Status(429), 0.1)];
        assert_eq!(one.failures, Some(failures));
        assert_eq!((one.latency_ms, one.error_latency_ms, one.sticky), (Some(300.0), Some(50.0), Some(true)));

        let pod = read("pod:default/reviews-v1-0:refused").unwrap();
        assert_eq!(pod.target, Target::Pod { namespace: "default".into(), name: "reviews-v1-0".into() });
        assert_eq!(pod.failures, Some(vec![failure(FailureKind::Refused, 1.0)]));
        assert_eq!(read("v1:grpc14=5%").unwrap().failures, Some(vec![failure(FailureKind::Grpc(14), 0.05)]));
        assert_eq!(read("v1:latency=0").unwrap().latency_ms, Some(0.0));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (text, part) in [
            ("v2", "write TARGET:ITEM"),
            (":errors=5%", "write TARGET:ITEM"),
            ("pod:a", "write TARGET:ITEM"),
            ("a//b:errors=5%", ""),
            ("v2:erors=5%", "did you mean `errors`?"),
            ("v2:errors", "has no share"),
            ("v2:errors=500", "is no share"),
            ("v2:latency=300", "no length of time"),
            ("v2:700=5%", "can't be supposed"),
            ("v2:errors=60%,500=60%", "120.0000 %"),
        ] {
            match read(text) {
                Err(message) => assert!(message.contains(part), "{text}: {message}"),
                Ok(found) => assert!(part.is_empty(), "{text}: {found:?}"),
            }
        }
    }
}
