//! From `suppose:` of scenario.yaml, or a file for `--suppose @FILE`, to [`Assumption`]s.

use super::assumption::{Assumption, Failure, FailureKind, Target, pod};
use super::decode::each;
use super::fields::{Fields, Reader};
#[cfg(feature = "cli")]
use crate::manifest::diagnostic::Finding;
#[cfg(feature = "cli")]
use crate::manifest::source::FileId;
use crate::manifest::yaml::Node;
#[cfg(feature = "cli")]
use crate::manifest::yaml::{self, LineIndex};

const ENTRY: &[&str] =
    &["subset", "host", "pod", "errors", "latency_ms", "error_latency_ms", "connect", "down", "sticky"];
const ERROR: &[&str] = &["status", "grpc", "reset", "percent", "latency_ms", "headers"];

#[cfg(feature = "cli")]
/// Reads a file of assumptions: a list, or an object with the list below `assume` or `suppose`.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub(crate) fn decode_assumptions(file: FileId, text: &str) -> Result<Vec<Assumption>, Vec<Finding>> {
    let lines = LineIndex::new(text);
    let mut reader = Reader { what: "suppose", file, document: 0, lines: &lines, text, findings: Vec::new() };
    let mut out = Vec::new();
    match yaml::documents(text).into_iter().next().map(|raw| yaml::parse(&raw, &yaml::Limits::default())) {
        Some(Ok(Some(document))) => {
            for p in &document.problems {
                reader.problem(p.span, "", p.message.clone(), p.hint.clone());
            }
            let root = &document.root;
            if root.as_seq().is_some() {
                assumptions(&mut reader, root, "", &mut out);
            } else if let Some(f) = reader.object(root, "", &["assume", "suppose"]) {
                for key in ["assume", "suppose"] {
                    if let Some((node, path)) = f.get(key) {
                        assumptions(&mut reader, node, &path, &mut out);
                    }
                }
            }
        }
        Some(Ok(None)) | None => reader.problem(yaml::Span::default(), "", "there is no assumption in it", None),
        Some(Err(problems)) => problems.into_iter().for_each(|p| reader.problem(p.span, "", p.message, p.hint)),
    }
    if reader.findings.is_empty() { Ok(out) } else { Err(reader.findings) }
}

/// The entries of a list, each an object or a text as `--suppose` takes it.
pub(super) fn assumptions(r: &mut Reader<'_>, list: &Node<'_>, path: &str, out: &mut Vec<Assumption>) {
    for (i, node) in r.list(list, path).iter().enumerate() {
        let path = format!("{path}[{i}]");
        let read = match node.as_str() {
            Some(text) => Assumption::parse(text, r.position(node.span)),
            None => match entry(r, node, &path) {
                Some(read) => read.checked(),
                None => continue,
            },
        };
        match read {
            Ok(assumption) => out.push(assumption),
            Err(message) => r.problem(node.span, &path, message, None),
        }
    }
}

fn entry(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Assumption> {
    let f = r.object(node, path, ENTRY)?;
    let target = target(r, &f, node, path)?;
    let mut out = Assumption::nothing_of(target, r.position(node.span));
    out.latency_ms = milliseconds(r, &f, "latency_ms");
    out.error_latency_ms = milliseconds(r, &f, "error_latency_ms");
    out.sticky = f.get("sticky").and_then(|(node, path)| r.boolean(node, &path));
    let mut failures = Vec::new();
    each(r, &f, "errors", |r, node, path| failures.extend(failure(r, node, path)));
    let whole = |kind| Failure { kind, share: 1.0, latency_ms: None };
    if let Some((node, path)) = f.get("connect") {
        match r.string(node, &path).as_deref() {
            Some("refused") => failures = vec![whole(FailureKind::Refused)],
            Some(other) => {
                let hint = Some("write `connect: refused`, or leave it out".to_owned());
                r.problem(node.span, &path, format!("`{other}` is no way to connect"), hint);
            }
            None => {}
        }
    }
    if f.get("down").and_then(|(node, path)| r.boolean(node, &path)) == Some(true) {
        failures = vec![whole(FailureKind::Down)];
    }
    let says = f.get("errors").is_some() || f.get("connect").is_some() || !failures.is_empty();
    out.failures = says.then_some(failures);
    Some(out)
}

fn target(r: &mut Reader<'_>, f: &Fields<'_, '_>, node: &Node<'_>, path: &str) -> Option<Target> {
    let (subset, host, of_pod) = (f.string(r, "subset"), f.string(r, "host"), f.string(r, "pod"));
    let target = match (host, subset, of_pod) {
        (None, None, Some(text)) => pod(&text),
        (None, Some(subset), None) => Some(Target::Word(subset)),
        (Some(host), Some(subset), None) => Some(Target::Subset { host, subset }),
        (Some(host), None, None) => Some(Target::Host(host)),
        _ => None,
    };
    if target.is_none() {
        let hint = "name a `subset`, a `host`, both of them, or a `pod`".to_owned();
        r.problem(node.span, path, "it doesn't say whose pods are meant", Some(hint));
    }
    target
}

fn failure(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Failure> {
    let f = r.object(node, path, ERROR)?;
    let (percent, percent_path) = f.require(r, "percent")?;
    let share = r.number(percent, &percent_path)? / 100.0;
    if !(0.0..=1.0).contains(&share) {
        r.problem(percent.span, &percent_path, "a percentage is from 0 to 100", None);
        return None;
    }
    let headers = f.get("headers").map(|(node, path)| r.labels(node, &path)).unwrap_or_default();
    let latency_ms = milliseconds(r, &f, "latency_ms");
    let kind = match (f.get("status"), f.get("grpc"), f.get("reset")) {
        (Some((status, path)), None, None) => {
            let status = whole(r, status, &path, 200..=599)?;
            match headers.get("grpc-status").map(str::parse::<u16>) {
                Some(Ok(code)) if code > 0 => FailureKind::Grpc(code),
                // Some attempts may be slower than others, and no worse.
                _ if status == 200 && latency_ms.is_some() => FailureKind::Slow,
                _ if status < 400 => {
                    let hint = "with `latency_ms`, status 200 is a share of slower attempts".to_owned();
                    r.problem(node.span, &path, format!("status {status} is no failure"), Some(hint));
                    return None;
                }
                _ if headers.get("x-envoy-ratelimited").is_some() => FailureKind::RateLimited(status),
                _ => FailureKind::Status(status),
            }
        }
        (None, Some((code, path)), None) => FailureKind::Grpc(whole(r, code, &path, 1..=16)?),
        (None, None, Some((reset, path))) => match r.string(reset, &path)?.as_str() {
            "close" => FailureKind::Reset,
            "garbage" => FailureKind::Garbage,
            "hang" => FailureKind::Hang,
            other => {
                let hint = "write close, garbage or hang".to_owned();
                r.problem(reset.span, &path, format!("`{other}` is no way to break off"), Some(hint));
                return None;
            }
        },
        _ => {
            let hint = "write one of `status`, `grpc` and `reset`".to_owned();
            r.problem(node.span, path, "it doesn't say how attempts fail", Some(hint));
            return None;
        }
    };
    Some(Failure { kind, share, latency_ms })
}

fn milliseconds(r: &mut Reader<'_>, f: &Fields<'_, '_>, key: &str) -> Option<f64> {
    let (node, path) = f.get(key)?;
    let value = r.number(node, &path)?;
    if value < 0.0 || !value.is_finite() {
        r.problem(node.span, &path, format!("`{path}` must be 0 or more milliseconds"), None);
        return None;
    }
    Some(value)
}

fn whole(r: &mut Reader<'_>, node: &Node<'_>, path: &str, range: std::ops::RangeInclusive<u16>) -> Option<u16> {
    let value = r.integer(node, path)?;
    let found = u16::try_from(value).ok().filter(|n| range.contains(n));
    if found.is_none() {
        let message = format!("`{path}` is from {} to {}, and is {value}", range.start(), range.end());
        r.problem(node.span, path, message, None);
    }
    found
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<Vec<Assumption>, Vec<String>> {
        decode_assumptions(FileId(0), text).map_err(|all| all.into_iter().map(|f| f.message).collect())
    }

    #[test]
    fn entries_are_objects_or_texts() {
        let all = decode(
            "assume:\n- subset: v1\n  latency_ms: 20\n  errors:\n  - {status: 503, percent: 10, latency_ms: 50}\n  - {reset: \
             hang, percent: 1}\n- pod: reviews-v1-0\n  connect: refused\n- 'reviews/v2:errors=5%'\n",
        )
        .unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!(all[0].target, Target::Word("v1".into()));
        let failures = all[0].failures.as_ref().unwrap();
        assert_eq!(failures[0], Failure { kind: FailureKind::Status(503), share: 0.1, latency_ms: Some(50.0) });
        assert_eq!(failures[1].kind, FailureKind::Hang);
        assert_eq!(all[1].target, Target::Pod { namespace: "".into(), name: "reviews-v1-0".into() });
        assert_eq!(all[1].failures.as_ref().unwrap()[0].kind, FailureKind::Refused);
        assert_eq!(all[2].at.line, 9);
    }

    #[test]
    fn headers_make_a_difference_where_envoy_reads_them() {
        let all = decode(
            "- subset: v1\n  errors:\n  - {status: 200, percent: 20, headers: {grpc-status: '14'}}\n  - {status: 503, percent: 5, \
             headers: {x-envoy-ratelimited: 'true'}}\n  - {status: 200, percent: 5, latency_ms: 900}\n",
        )
        .unwrap();
        let kinds: Vec<_> = all[0].failures.iter().flatten().map(|f| f.kind).collect();
        assert_eq!(kinds, [FailureKind::Grpc(14), FailureKind::RateLimited(503), FailureKind::Slow]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_path() {
        for (text, part) in [
            ("- latency_ms: 5\n", "doesn't say whose pods"),
            ("- subset: v1\n  errors: [{status: 503, percent: 500}]\n", "from 0 to 100"),
            ("- subset: v1\n  errors: [{status: 200, percent: 5}]\n", "is no failure"),
            ("- subset: v1\n  errors: [{percent: 5}]\n", "doesn't say how"),
            ("- subset: v1\n  errors: [{status: 503, percent: 60}, {reset: close, percent: 60}]\n", "120.0000 %"),
            ("- subset: v1\n  latencyms: 5\n", "unknown field"),
            ("- 'v1:erors=5%'\n", "did you mean"),
            ("", "no assumption"),
        ] {
            let found = decode(text).unwrap_err();
            assert!(found.iter().any(|m| m.contains(part)), "{text}: {found:?}");
        }
    }
}
