//! From the node tree of one entry of `streams` to a [`Stream`].

use super::decode::each;
use super::decode_template::{Written, check, template};
use super::decode_variable::{Declared, variables};
use super::fields::{Fields, Reader};
use super::quantity::{parse_rate, parse_seconds, parse_share};
use super::{Amount, Arrival, Detect, Extent, REQUESTS_MAX, Sessions, Stream};
use crate::manifest::yaml::Node;

/// The variable that holds a client's id, unless the author calls it otherwise.
const SESSION: &str = "session";

const STREAM: &[&str] =
    &["name", "proxy", "count", "rate", "duration", "arrival", "variables", "sessions", "requests", "detect"];

/// One stream; None where too little of it is understood.
pub(super) fn stream(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Stream> {
    let f = r.object(node, path, STREAM)?;
    let (name_node, name_path) = f.require(r, "name")?;
    let name = r.string(name_node, &name_path)?;
    let amount = amount(r, &f);
    let declared = variables(r, &f);
    let sessions = f.get("sessions").and_then(|(n, p)| sessions(r, n, &p));
    let mut requests: Vec<Written> = Vec::new();
    if let Some((node, path)) = f.require(r, "requests") {
        each(r, &f, "requests", |r, node, path| requests.extend(template(r, node, path)));
        if node.as_seq().is_some_and(<[_]>::is_empty) {
            r.problem(node.span, &path, "a stream needs at least one request", None);
        }
        let sum: f64 = requests.iter().map(|w| w.template.weight).sum();
        if sum == 0.0 && !requests.is_empty() {
            r.problem(node.span, &path, "all weights are 0: no request would ever come", None);
        }
        finite(r, node, &path, sum);
    }
    let detect = f.get("detect").and_then(|(n, p)| detect(r, n, &p));
    let session = match (&sessions, f.get("sessions")) {
        (Some(s), _) => Some(s.variable.clone()),
        // They are there, and what is wrong with them is said already.
        (None, Some(_)) => Some(SESSION.into()),
        (None, None) => None,
    };
    check(r, &requests, &Declared { session, ..declared.clone() });
    Some(Stream {
        name,
        proxy: f.string(r, "proxy").unwrap_or_default(),
        amount: amount?,
        variables: declared.variables,
        sessions,
        requests: requests.into_iter().map(|w| w.template).collect(),
        detect,
        at: r.position(node.span),
    })
}

fn amount(r: &mut Reader<'_>, f: &Fields<'_, '_>) -> Option<Amount> {
    let per_second = match f.get("rate") {
        Some((node, path)) => Some(rate(r, node, &path)?),
        None => None,
    };
    let extent = match (f.get("count"), f.get("duration")) {
        (Some(_), Some((node, path))) => {
            r.problem(node.span, &path, "`count` and `duration` exclude each other", None);
            return None;
        }
        (Some((node, path)), None) => {
            let count = r.count(node, &path, 1)?;
            if count > REQUESTS_MAX {
                r.problem(node.span, &path, format!("`{path}` must be at most {REQUESTS_MAX}, and is {count}"), None);
                return None;
            }
            Extent::Count(count)
        }
        (None, Some((node, path))) => {
            let seconds = seconds(r, node, &path)?;
            if per_second.is_none() {
                let hint = Some("write `rate: 100/s`, or `count`".to_owned());
                r.problem(node.span, &path, "`duration` needs a `rate`", hint);
                return None;
            }
            Extent::Seconds(seconds)
        }
        (None, None) => Extent::Default,
    };
    let arrival = match f.get("arrival") {
        None => Arrival::default(),
        Some((node, path)) => match r.string(node, &path)?.as_str() {
            "poisson" => Arrival::Poisson,
            "constant" => Arrival::Constant,
            other => {
                let message = format!("`{other}` is no kind of arrival");
                r.problem(node.span, &path, message, Some("write `poisson` or `constant`".to_owned()));
                return None;
            }
        },
    };
    Some(Amount { extent, per_second, arrival })
}

/// `1%`, or `{rise: 1%, error_rate: 0.5%}`.
fn detect(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Detect> {
    let (rise, rise_node, rise_path, error_rate) = if node.as_map().is_some() {
        let f = r.object(node, path, &["rise", "error_rate"])?;
        let (rise_node, rise_path) = f.require(r, "rise")?;
        let error_rate = match f.get("error_rate") {
            Some((node, path)) => Some(share(r, node, &path)?),
            None => None,
        };
        (share(r, rise_node, &rise_path)?, rise_node, rise_path, error_rate)
    } else {
        (share(r, node, path)?, node, path.to_owned(), None)
    };
    if rise <= 0.0 || rise + error_rate.unwrap_or(0.0) > 1.0 {
        let hint = Some("for example `1%`: one more request in a hundred fails".to_owned());
        let message = format!("`{rise_path}` must be above 0, and with the error rate at most 100%");
        r.problem(rise_node.span, &rise_path, message, hint);
        return None;
    }
    Some(Detect { rise, error_rate })
}

/// `200`, `200/s`, `12/m`, `3.5/h`.
fn rate(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<f64> {
    let parsed = match node.as_str() {
        None => r.number(node, path),
        Some(text) => parse_rate(text),
    };
    match parsed {
        Some(n) if n > 0.0 && n.is_finite() => Some(n),
        _ => {
            let hint = Some("write requests per second, for example `200/s`; `30/m` is per minute".to_owned());
            r.problem(node.span, path, format!("`{path}` must be a rate above 0"), hint);
            None
        }
    }
}

/// `90s`, `5m`, `1h30m`, or a number of seconds.
fn seconds(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<f64> {
    let parsed = match node.as_str() {
        None => r.number(node, path),
        Some(text) => parse_seconds(text),
    };
    match parsed {
        Some(n) if n > 0.0 && n.is_finite() => Some(n),
        _ => {
            let hint = Some("write for example `90s`, `5m` or `1h30m`".to_owned());
            r.problem(node.span, path, format!("`{path}` must be a length of time above 0"), hint);
            None
        }
    }
}

/// A share: `0.01` or `1%`.
pub(super) fn share(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<f64> {
    let parsed = match node.as_str() {
        None => r.number(node, path),
        Some(text) => parse_share(text),
    };
    match parsed {
        Some(n) if (0.0..=1.0).contains(&n) => Some(n),
        _ => {
            r.problem(node.span, path, format!("`{path}` must be from 0 to 1, or from 0% to 100%"), None);
            None
        }
    }
}

pub(super) fn weight(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<f64> {
    match r.number(node, path)? {
        w if w >= 0.0 && w.is_finite() => Some(w),
        w => {
            r.problem(node.span, path, format!("`{path}` is {w}: weights are 0 or more"), None);
            None
        }
    }
}

/// Weights become shares of their sum, so that must be a number.
pub(super) fn finite(r: &mut Reader<'_>, node: &Node<'_>, path: &str, sum: f64) {
    if !sum.is_finite() {
        let hint = Some("only their proportions count: make all of them smaller".to_owned());
        r.problem(node.span, path, format!("the weights of `{path}` add up to more than a number can be"), hint);
    }
}

fn sessions(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Sessions> {
    let f = r.object(node, path, &["count", "variable"])?;
    let (count_node, count_path) = f.require(r, "count")?;
    Some(Sessions {
        count: r.count(count_node, &count_path, 1)?,
        variable: f.string(r, "variable").unwrap_or_else(|| SESSION.into()),
    })
}
