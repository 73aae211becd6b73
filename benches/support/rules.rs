//! One VirtualService with many rules, of the kinds that are hard to prove things about.

use std::fmt::Write as _;

fn virtual_service(matches: impl Iterator<Item = String>) -> String {
    let mut text =
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop, namespace: store}\n\
                    spec:\n  hosts: [shop]\n  http:\n"
            .to_owned();
    for (i, one) in matches.enumerate() {
        let subset = i % 7;
        let _ =
            write!(text, "  - match: [{{{one}}}]\n    route: [{{destination: {{host: shop, subset: v{subset}}}}}]\n");
    }
    text
}

/// Patterns whose automata are large, and which overlap each other.
pub fn nasty(rules: usize) -> String {
    let letter = |i: usize| char::from(b"abcdef".get(i % 6).copied().unwrap_or(b'a'));
    virtual_service((0..rules).map(|i| {
        let (a, b, n) = (letter(i * 5 + i / 7), letter(i * 7 + 3 + i / 5), 6 + i % 5);
        format!("uri: {{regex: \"/.*({a}|{b}{a}).{{{n}}}[{a}{b}]+.*{i}.*\"}}")
    }))
}

/// A pattern and a header each, as tenants of an API have them.
pub fn ordinary(rules: usize) -> String {
    virtual_service((0..rules).map(|i| {
        let tenant = i % 50;
        format!("uri: {{regex: \"/api/v[0-9]+/item{i}/[a-z]+\"}}, headers: {{x-tenant: {{exact: t{tenant}}}}}")
    }))
}

/// Prefixes of which none begins with another.
pub fn disjoint(rules: usize) -> String {
    virtual_service((0..rules).map(|i| format!("uri: {{prefix: /svc{i:06}/}}")))
}
