//! From the templates of a described stream to its classes: every combination of values that can be drawn.

use smol_str::{SmolStr, format_smolstr};

use super::Class;
use crate::order::Order as _;
use crate::traffic::request_text::{for_url, take_host};
use crate::traffic::scenario::{Stream, Template, TemplateHeader, Values, Variable, placeholders};

/// The most classes a stream may have.
pub(crate) const CLASSES_MAX: u64 = 1 << 20;

/// A stream has more combinations than are looked at one by one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stream `{stream}` has {combinations} combinations of variables, more than {CLASSES_MAX}")]
pub(crate) struct TooMany {
    pub stream: SmolStr,
    pub combinations: u64,
}

/// All classes of a stream, see [`expand_each`].
///
/// # Errors
/// Where the values of variables multiply beyond [`CLASSES_MAX`].
pub(crate) fn expand(stream: &Stream) -> Result<Vec<Class>, TooMany> {
    let mut out = Vec::new();
    expand_each(stream, &mut |class| out.push(class))?;
    Ok(out)
}

/// Calls `each` with all classes of a stream with a weight above 0, phase by phase and template by template. The weights of a
/// template's classes in one phase add up to its own.
///
/// # Errors
/// Where the values of variables multiply beyond [`CLASSES_MAX`]; `each` was not called then.
pub(crate) fn expand_each(stream: &Stream, each: &mut dyn FnMut(Class)) -> Result<(), TooMany> {
    let sequences = sequences(stream);
    let period = sequences.iter().fold(1u64, |period, s| least_common_multiple(period, s.length()));
    let of_templates = stream.requests.iter().fold(0u64, |sum, t| sum.saturating_add(count(stream, t)));
    let combinations = of_templates.saturating_mul(period);
    let too_many = || TooMany { stream: stream.name.clone(), combinations };
    let period = u32::try_from(period).map_err(|_| too_many())?;
    if combinations > CLASSES_MAX {
        return Err(too_many());
    }
    for phase in 0..period {
        let mut bindings: Vec<Binding> = sequences.iter().map(|s| (s.name.clone(), s.value(phase))).collect();
        for (i, template) in stream.requests.iter().enumerate().filter(|(_, t)| t.weight > 0.0) {
            let index = u32::try_from(i).unwrap_or(u32::MAX);
            let drawn = drawn_values(stream, template);
            combine(&drawn, &mut bindings, template.weight, &mut |bindings, weight| {
                let session = session_of(stream, bindings);
                with_headers(template, bindings, &Of { template: index, weight, session, phase }, each);
            });
        }
    }
    Ok(())
}

/// A variable whose numbers come in turn, one with each request of the stream.
struct Sequence {
    name: SmolStr,
    from: i64,
    to: i64,
}

impl Sequence {
    fn length(&self) -> u64 {
        self.to.abs_diff(self.from).saturating_add(1)
    }

    fn value(&self, phase: u32) -> SmolStr {
        let step = i64::try_from(u64::from(phase) % self.length()).unwrap_or(0);
        format_smolstr!("{}", self.from.saturating_add(step))
    }
}

/// The sequences that some template uses.
fn sequences(stream: &Stream) -> Vec<Sequence> {
    let used: Vec<&str> = stream.requests.iter().filter(|t| t.weight > 0.0).flat_map(used_names).collect();
    let sequence = |v: &Variable| match v.values {
        Values::Sequence { from, to } if used.contains(&v.name.as_str()) => {
            Some(Sequence { name: v.name.clone(), from, to })
        }
        _ => None,
    };
    stream.variables.iter().filter_map(sequence).collect()
}

fn least_common_multiple(a: u64, b: u64) -> u64 {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    a.checked_div(x).unwrap_or(0).saturating_mul(b)
}

/// A variable's name and the value it has.
pub(super) type Binding = (SmolStr, SmolStr);

/// Names that the template uses, each with its values and their shares.
type Drawn = Vec<(SmolStr, Vec<(SmolStr, f64)>)>;

pub(super) fn used_names(template: &Template) -> Vec<&str> {
    let texts = std::iter::once(&template.url).chain(template.headers.iter().map(|h| &h.value));
    let mut names: Vec<&str> = texts.flat_map(|t| placeholders(t)).collect();
    names.order_alike();
    names.dedup();
    names
}

fn count(stream: &Stream, template: &Template) -> u64 {
    let optional = template.headers.iter().filter(|h| h.probability > 0.0 && h.probability < 1.0).count();
    let headers = 1u64.checked_shl(u32::try_from(optional).unwrap_or(u32::MAX)).unwrap_or(u64::MAX);
    used_names(template).iter().map(|name| domain(stream, name)).fold(headers, u64::saturating_mul)
}

fn domain(stream: &Stream, name: &str) -> u64 {
    if let Some(v) = stream.variables.iter().find(|v| v.name == name) {
        return match &v.values {
            Values::Choice(options) => options.len() as u64,
            Values::Uniform { from, to } => to.abs_diff(*from).saturating_add(1),
            // Those are counted by phases.
            Values::Sequence { .. } => 1,
            Values::Zipf { count, .. } => *count,
        };
    }
    stream.sessions.as_ref().filter(|s| s.variable == name).map_or(1, |s| s.count)
}

fn drawn_values(stream: &Stream, template: &Template) -> Drawn {
    let values = |name: &str| -> Vec<(SmolStr, f64)> {
        if let Some(v) = stream.variables.iter().find(|v| v.name == name) {
            return distribution(&v.values);
        }
        match &stream.sessions {
            Some(s) if s.variable == name => {
                let share = 1.0 / crate::traffic::stats::as_f64(s.count);
                (0..s.count).map(|i| (format_smolstr!("s{i}"), share)).collect()
            }
            _ => Vec::new(),
        }
    };
    used_names(template)
        .into_iter()
        .map(|name| (SmolStr::new(name), values(name)))
        .filter(|(_, v)| !v.is_empty())
        .collect()
}

/// All values with their shares, which add up to 1; none for a sequence, where nothing is drawn.
fn distribution(values: &Values) -> Vec<(SmolStr, f64)> {
    let weighted: Vec<(SmolStr, f64)> = match values {
        Values::Choice(options) => options.iter().filter(|(_, w)| *w > 0.0).cloned().collect(),
        Values::Sequence { .. } => Vec::new(),
        Values::Uniform { from, to } => (*from..=*to).map(|n| (format_smolstr!("{n}"), 1.0)).collect(),
        Values::Zipf { count, exponent } => (1..=*count)
            .map(|rank| (format_smolstr!("{rank}"), crate::traffic::stats::as_f64(rank).powf(-exponent)))
            .collect(),
    };
    let total: f64 = weighted.iter().map(|(_, w)| w).sum();
    weighted.into_iter().map(|(v, w)| (v, w / total)).collect()
}

fn combine(
    drawn: &[(SmolStr, Vec<(SmolStr, f64)>)],
    bindings: &mut Vec<Binding>,
    weight: f64,
    each: &mut dyn FnMut(&[Binding], f64),
) {
    let Some(((name, values), rest)) = drawn.split_first() else {
        each(bindings, weight);
        return;
    };
    for (value, share) in values {
        bindings.push((name.clone(), value.clone()));
        combine(rest, bindings, weight * share, each);
        bindings.pop();
    }
}

/// What the classes of one binding have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of {
    pub template: u32,
    pub weight: f64,
    pub session: Option<u64>,
    pub phase: u32,
}

/// The session that a binding stands for, where the template names it.
pub(super) fn session_of(stream: &Stream, bindings: &[Binding]) -> Option<u64> {
    let sessions = stream.sessions.as_ref()?;
    if stream.variables.iter().any(|v| v.name == sessions.variable) {
        return None; // The author's own variable of that name wins.
    }
    let (_, value) = bindings.iter().find(|(name, _)| *name == sessions.variable)?;
    value.strip_prefix('s')?.parse().ok()
}

/// The classes of one binding: with and without each header that comes only sometimes.
fn with_headers(template: &Template, bindings: &[Binding], like: &Of, each: &mut dyn FnMut(Class)) {
    let mut variants: Vec<(Vec<&TemplateHeader>, f64)> = vec![(Vec::new(), like.weight)];
    for header in &template.headers {
        let absent = 1.0 - header.probability;
        let mut next = Vec::with_capacity(variants.len() * 2);
        for (headers, weight) in variants {
            if absent > 0.0 {
                next.push((headers.clone(), weight * absent));
            }
            if header.probability > 0.0 {
                let mut with = headers;
                with.push(header);
                next.push((with, weight * header.probability));
            }
        }
        variants = next;
    }
    for (headers, weight) in variants {
        request_of(template, &headers, bindings, &Of { weight, ..*like }).into_iter().for_each(&mut *each);
    }
}

/// The class of a template with these of its headers. A described stream has no URL that doesn't parse, for they are all tried
/// when it is read; so there is one.
pub(super) fn request_of(
    template: &Template,
    headers: &[&TemplateHeader],
    bindings: &[Binding],
    like: &Of,
) -> Option<Class> {
    let mut request = for_url(&template.method, &render(&template.url, bindings)).ok()?;
    request.headers.extend(headers.iter().map(|h| (h.name.clone(), render(&h.value, bindings))));
    request.address = template.address.or(request.address);
    take_host(&mut request);
    Some(Class {
        template: like.template,
        session: like.session,
        phase: like.phase,
        ..Class::new(like.weight, request)
    })
}

/// `text` with every `{name}` replaced by its value.
fn render(text: &str, bindings: &[(SmolStr, SmolStr)]) -> SmolStr {
    if !text.contains('{') {
        return SmolStr::new(text);
    }
    let mut out = text.to_owned();
    for (name, value) in bindings {
        out = out.replace(&format!("{{{name}}}"), value);
    }
    SmolStr::new(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::source::Position;
    use crate::traffic::scenario::Amount;
    use crate::traffic::streams::Mixing;

    fn stream(variables: Vec<Variable>, url: &str, headers: Vec<TemplateHeader>) -> Stream {
        let template = Template {
            weight: 2.0,
            method: "GET".into(),
            url: url.into(),
            headers,
            address: None,
            at: Position::default(),
        };
        Stream {
            name: "s".into(),
            proxy: SmolStr::default(),
            amount: Amount::default(),
            variables,
            sessions: None,
            requests: vec![template],
            detect: None,
            at: Position::default(),
        }
    }

    fn variable(name: &str, values: Values) -> Variable {
        Variable { name: name.into(), values, at: Position::default() }
    }

    #[test]
    fn weights_of_a_templates_classes_add_up_to_its_own() {
        let header = TemplateHeader { name: "x-beta".into(), value: "{user}".into(), probability: 0.25 };
        let s = stream(
            vec![
                variable("user", Values::Choice(vec![("a".into(), 1.0), ("b".into(), 3.0)])),
                variable("item", Values::Zipf { count: 5, exponent: 1.1 }),
            ],
            "http://shop/items/{item}",
            vec![header],
        );
        let classes = expand(&s).unwrap();
        assert_eq!(classes.len(), 2 * 5 * 2);
        let total: f64 = classes.iter().map(|c| c.weight).sum();
        assert!((total - 2.0).abs() < 1e-12);
        assert!(classes.iter().any(|c| c.request.path == "/items/5" && c.request.headers.len() == 1));
    }

    #[test]
    fn too_many_combinations_are_refused() {
        let s = stream(vec![variable("n", Values::Uniform { from: 1, to: 1 << 40 })], "http://shop/{n}", Vec::new());
        assert!(expand(&s).is_err());
    }

    #[test]
    fn sequences_come_in_turn() {
        let s = stream(
            vec![
                variable("n", Values::Sequence { from: 1, to: 4 }),
                variable("m", Values::Sequence { from: 0, to: 5 }),
                variable("unused", Values::Sequence { from: 0, to: 1 << 40 }),
            ],
            "http://shop/{n}/{m}",
            Vec::new(),
        );
        let classes = expand(&s).unwrap();
        assert_eq!(Mixing::of(&classes), Mixing::InTurn { period: 12 });
        let paths: Vec<&str> = classes.iter().map(|c| c.request.path.as_str()).collect();
        assert_eq!(paths[..7], ["/1/0", "/2/1", "/3/2", "/4/3", "/1/4", "/2/5", "/3/0"]);
        assert_eq!(classes.iter().map(|c| c.phase).collect::<Vec<_>>(), (0..12).collect::<Vec<_>>());
    }
}
