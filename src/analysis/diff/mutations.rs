//! Mutations of manifests, and requests around others: what the laws of differences are tried on.

use smol_str::{SmolStr, format_smolstr};

use crate::envoy::request::Request;

/// One edit of a text with manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// The n-th document goes.
    Drop(usize),
    /// The n-th document comes before all others.
    First(usize),
    /// The n-th line with this text gets that one in its place.
    Edit(&'static str, &'static str, usize),
    /// The n-th entry of a list and the next one swap.
    Swap(usize),
    /// The n-th entry of a list goes.
    Remove(usize),
    /// The n-th entry of a list comes twice.
    Double(usize),
}

const EDITS: [(&str, &str); 16] = [
    ("weight: 90", "weight: 70"),
    ("weight: 10", "weight: 30"),
    ("subset: v1", "subset: v2"),
    ("subset: v2", "subset: v3"),
    ("version: v1", "version: v2"),
    ("prefix: /", "prefix: /a"),
    ("exact: ", "prefix: "),
    ("number: 80", "number: 81"),
    ("timeout: ", "timeout: 1"),
    ("exportTo: ", "#exportTo: "),
    ("hosts: [", "hosts: [extra.example.com, "),
    ("ready: true", "ready: false"),
    ("mode: ", "#mode: "),
    ("redirect", "directResponse"),
    ("sourceLabels", "#sourceLabels"),
    ("name: v1", "name: v9"),
];

impl Mutation {
    /// The mutation of that number; all kinds come in turn.
    pub(crate) fn number(n: usize) -> Mutation {
        let at = n / 6;
        match n % 6 {
            0 => Mutation::Drop(at % 5),
            1 => {
                let (from, to) = EDITS[at % EDITS.len()];
                Mutation::Edit(from, to, at / EDITS.len() % 2)
            }
            2 => Mutation::Swap(at % 7),
            3 => Mutation::Remove(at % 9),
            4 => Mutation::Double(at % 7),
            _ => Mutation::First(1 + at % 4),
        }
    }

    /// None where there is nothing to edit.
    pub(crate) fn apply(self, text: &str) -> Option<String> {
        match self {
            Mutation::Drop(n) | Mutation::First(n) => {
                let mut documents: Vec<&str> = text.split("\n---\n").collect();
                if documents.len() < 2 || n >= documents.len() {
                    return None;
                }
                let taken = documents.remove(n);
                if matches!(self, Mutation::First(_)) {
                    documents.insert(0, taken);
                }
                Some(documents.join("\n---\n"))
            }
            Mutation::Edit(from, to, n) => {
                let (at, _) = text.match_indices(from).nth(n).or_else(|| text.match_indices(from).next())?;
                Some(format!("{}{to}{}", &text[..at], &text[at + from.len()..]))
            }
            Mutation::Swap(n) | Mutation::Remove(n) | Mutation::Double(n) => {
                let mut lines: Vec<&str> = text.lines().collect();
                let entries = entries(&lines);
                let (from, to) = *entries.get(n)?;
                let own: Vec<&str> = lines[from..to].to_vec();
                match self {
                    Mutation::Remove(_) => drop(lines.drain(from..to)),
                    Mutation::Double(_) => drop(lines.splice(to..to, own)),
                    _ => {
                        let indent = indent(lines[from]);
                        let (_, end) = *entries.iter().find(|(f, _)| *f == to && indent == self::indent(lines[*f]))?;
                        let next: Vec<&str> = lines[to..end].to_vec();
                        drop(lines.splice(from..end, next.into_iter().chain(own)));
                    }
                }
                Some(lines.join("\n") + "\n")
            }
        }
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Entries of lists, as ranges of lines.
fn entries(lines: &[&str]) -> Vec<(usize, usize)> {
    let starts = lines.iter().enumerate().filter(|(_, l)| l.trim_start().starts_with("- "));
    starts
        .map(|(from, line)| {
            let own = indent(line);
            let rest = lines.iter().skip(from + 1);
            let inside = |l: &&&str| indent(l) > own && !l.trim().is_empty();
            (from, from + 1 + rest.take_while(inside).count())
        })
        .collect()
}

/// Requests that differ a little.
pub(super) fn around(request: &Request) -> Vec<Request> {
    let (path, query) = request.path.split_once('?').map_or((request.path.as_str(), ""), |(p, q)| (p, q));
    let with_path = |path: String| {
        let path = if query.is_empty() { path } else { format!("{path}?{query}") };
        Request { path: path.into(), ..request.clone() }
    };
    let shorter = path.get(..path.len().saturating_sub(1)).filter(|p| p.starts_with('/')).unwrap_or("/");
    let mut out = vec![
        with_path(format!("{path}a")),
        with_path(format!("{path}/a")),
        with_path(shorter.to_owned()),
        with_path("/".to_owned()),
        with_path(path.to_ascii_uppercase()),
        Request { path: path.into(), ..request.clone() },
        Request { path: format_smolstr!("{path}?a=b"), ..request.clone() },
        Request { method: "POST".into(), ..request.clone() },
        Request { method: "OPTIONS".into(), ..request.clone() },
        Request { authority: format_smolstr!("{}:8080", request.authority), ..request.clone() },
        Request { authority: format_smolstr!("x.{}", request.authority), ..request.clone() },
        Request { headers: Vec::new(), ..request.clone() },
        Request { port: None, ..request.clone() },
        Request { tls: !request.tls, ..request.clone() },
    ];
    for (i, (name, value)) in request.headers.iter().enumerate() {
        let edit = |value: SmolStr| {
            let mut headers = request.headers.clone();
            headers[i].1 = value;
            Request { headers, ..request.clone() }
        };
        out.push(edit(format_smolstr!("{value}a")));
        out.push(edit(SmolStr::default()));
        let mut twice = request.clone();
        twice.headers.push((name.clone(), "a".into()));
        out.push(twice);
        let mut less = request.clone();
        less.headers.remove(i);
        out.push(less);
    }
    out
}
