//! From the node tree of `variables` to a stream's [`Variable`]s.

use smol_str::SmolStr;

use super::decode_stream::{finite, weight};
use super::fields::{Fields, Reader};
use super::{Values, Variable};
use crate::manifest::yaml::Node;

/// What templates of a stream may name.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared {
    /// Those that are understood.
    pub variables: Vec<Variable>,
    /// All of them: of those that aren't understood it is said once what is wrong.
    pub names: Vec<SmolStr>,
    /// The variable that holds the client's id, where there are sessions.
    pub session: Option<SmolStr>,
}

impl Declared {
    /// Every name that is there, understood or not.
    pub(super) fn names(&self) -> Vec<&str> {
        self.names.iter().chain(&self.session).map(SmolStr::as_str).collect()
    }

    /// A variable that is understood.
    pub(super) fn values(&self, name: &str) -> Option<&Values> {
        self.variables.iter().find(|v| v.name == name).map(|v| &v.values)
    }

    /// True where nobody knows what a variable's values are, for it is broken.
    pub(super) fn is_broken(&self, name: &str) -> bool {
        self.names.iter().any(|n| n == name) && self.values(name).is_none()
    }
}

/// The variables of a stream.
pub(super) fn variables(r: &mut Reader<'_>, f: &Fields<'_, '_>) -> Declared {
    let mut out = Declared::default();
    let Some((node, path)) = f.get("variables") else { return out };
    let Some(entries) = node.as_map() else {
        r.problem(node.span, &path, "`variables` must be an object of named variables", None);
        return out;
    };
    for e in entries {
        out.names.push(SmolStr::new(&e.key));
        out.variables.extend(variable(r, &e.key, &e.value, &format!("{path}.{}", e.key)));
    }
    out
}

fn variable(r: &mut Reader<'_>, name: &str, node: &Node<'_>, path: &str) -> Option<Variable> {
    let f = r.object(node, path, &["choice", "uniform", "zipf", "sequence"])?;
    let given: Vec<&str> =
        ["choice", "uniform", "zipf", "sequence"].into_iter().filter(|k| f.get(k).is_some()).collect();
    let [kind] = given.as_slice() else {
        let hint = Some("for example `{uniform: [1, 100]}` or `{choice: {red: 1, blue: 3}}`".to_owned());
        r.problem(node.span, path, format!("`{path}` must have one of choice, uniform, zipf, sequence"), hint);
        return None;
    };
    let (value, value_path) = f.get(kind)?;
    let values = match *kind {
        "choice" => choice(r, value, &value_path)?,
        "zipf" => {
            let f = r.object(value, &value_path, &["count", "exponent"])?;
            let (count_node, count_path) = f.require(r, "count")?;
            let count = r.count(count_node, &count_path, 1)?;
            let exponent = match f.get("exponent") {
                None => 1.0,
                Some((node, path)) => match r.number(node, &path)? {
                    e if e >= 0.0 && e.is_finite() => e,
                    _ => {
                        r.problem(node.span, &path, format!("`{path}` must be 0 or more"), None);
                        return None;
                    }
                },
            };
            Values::Zipf { count, exponent }
        }
        kind => {
            let bounds: Vec<i64> = r
                .list(value, &value_path)
                .iter()
                .enumerate()
                .filter_map(|(i, n)| r.integer(n, &format!("{value_path}[{i}]")))
                .collect();
            match bounds.as_slice() {
                [from, to] if from <= to && kind == "uniform" => Values::Uniform { from: *from, to: *to },
                [from, to] if from <= to => Values::Sequence { from: *from, to: *to },
                _ => {
                    let message = format!("`{value_path}` must be two whole numbers, the smaller one first");
                    r.problem(value.span, &value_path, message, Some("for example `[1, 100]`".to_owned()));
                    return None;
                }
            }
        }
    };
    Some(Variable { name: SmolStr::new(name), values, at: r.position(node.span) })
}

fn choice(r: &mut Reader<'_>, node: &Node<'_>, path: &str) -> Option<Values> {
    let before = r.findings.len();
    let options: Vec<(SmolStr, f64)> = if let Some(entries) = node.as_map() {
        entries
            .iter()
            .filter_map(|e| Some((SmolStr::new(&e.key), weight(r, &e.value, &format!("{path}.{}", e.key))?)))
            .collect()
    } else {
        let items = r.list(node, path);
        items.iter().enumerate().filter_map(|(i, n)| Some((r.string(n, &format!("{path}[{i}]"))?, 1.0))).collect()
    };
    let sum: f64 = options.iter().map(|(_, w)| w).sum();
    if r.findings.len() > before {
        return None;
    }
    if sum <= 0.0 {
        r.problem(node.span, path, format!("`{path}` needs at least one value with a weight above 0"), None);
    }
    finite(r, node, path, sum);
    (sum > 0.0 && sum.is_finite()).then_some(Values::Choice(options))
}
