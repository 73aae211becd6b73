//! Single matches and rewrites: P206, P209, P213, P214, P216 to P218.

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::entries::{Entry, entries, sites};
use super::witness;
use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::{Report, listed};
use crate::analysis::checks::subject::Subject;
use crate::analysis::symbolic::{Answer, Region};
use crate::envoy::re2::{Encoding, Re2};
use crate::istio::mesh::{MESH_GATEWAY, VirtualService};
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{HttpMatch, StringMatch};
use crate::order::Order as _;
use crate::traffic::streams;

checks! {
    /// No request satisfies the match: a path that doesn't begin with `/` or that holds a query (`?` is no part of the
    /// path), a method in lower case (methods are compared as they are), a scheme in upper case, a header that is wanted
    /// and forbidden with the same value, an authority that no host of the VirtualService covers.
    P206 "Match that no request can satisfy" Warning needs[VirtualServices] peers[];

    /// A prefix compares bytes, not path segments: `/policy` takes `/policy-author` too. A warning where another rule
    /// for the host, or a request of the scenario, has such a path. Rules made from an Ingress or an HTTPRoute stop at the boundary; those written by hand don't.
    P209 "Prefix crosses a path boundary" Info needs[VirtualServices] peers[];

    /// `ignoreUriCase` acts on exact and prefix paths only; a regex has to say `(?i)` itself.
    P213 "ignoreUriCase without effect" Info needs[VirtualServices] peers[];

    /// Forms of header conditions that mean something else than they seem: a regex `*` or an empty condition asks for
    /// presence; `withoutHeaders` with a value holds for an absent header as well, but before Istio 1.22 it asked for the
    /// header with another value; `withoutHeaders` with the regex `.*` never holds.
    P214 "Presence and absence forms of header matches" Info needs[VirtualServices] peers[];

    /// A host or authority is written with upper case letters. Hosts are looked up without regard to case, but conditions on
    /// the authority compare it exactly as the client sends it, port included.
    P216 "Host or port spelling" Warning needs[VirtualServices] peers[];

    /// A prefix rewrite puts the new text in the place of the matched one and adds nothing: `/common` rewritten to `/` makes
    /// `//x` of `/common/x`; `/common/` rewritten to `/new` makes `/newx` of `/common/x`.
    P217 "Rewrite result has a wrong slash" Warning needs[VirtualServices] peers[];

    /// A rule rewrites the path and has several prefixes of which one extends another: each match replaces its own prefix,
    /// and the first that fits wins.
    P218 "Rewrite with several prefixes" Info needs[VirtualServices] peers[];
}

/// Methods of RFC 9110, and PATCH.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

pub(in crate::analysis::checks) fn run(subject: &Subject<'_>, report: &mut Report) {
    let paths = named_paths(subject);
    for vs in &subject.mesh.virtual_services.all {
        let mut told: FxHashSet<(usize, Option<usize>)> = FxHashSet::default();
        let lists = sites(vs).into_iter().map(|site| entries(vs, site, &subject.languages));
        for entry in &lists.flatten().collect::<Vec<_>>() {
            let Some(m) = entry.written().filter(|_| told.insert((entry.rule, entry.match_index))) else { continue };
            impossible(subject, vs, entry, m, report);
            two_spellings(entry, m, report);
            with_port(subject, vs, entry, m, report);
            one_match(subject, entry, m, report);
        }
        boundaries(vs, &paths, report);
        rewrites(vs, report);
        for (i, host) in vs.hosts.iter().enumerate() {
            if host.bytes().any(|b| b.is_ascii_uppercase()) {
                let message = format!("host `{host}` has upper case letters; it is looked up in lower case");
                let hint = format!("write `{}`", host.to_ascii_lowercase());
                report.add("P216", (&vs.object, vs.at), format!("spec.hosts[{i}]"), message, hint);
            }
        }
    }
}

fn text(m: Option<&StringMatch>) -> Option<&SmolStr> {
    match m? {
        StringMatch::Exact(t) | StringMatch::Prefix(t) | StringMatch::Regex(t) => Some(t),
        StringMatch::Unset => None,
    }
}

/// A pattern that takes a method in lower case and none as it is sent.
fn is_of_lower_case(pattern: &str) -> bool {
    let Ok(re2) = Re2::new(pattern, Encoding::Latin1) else { return false };
    METHODS.iter().all(|m| !re2.full_match(m.as_bytes()))
        && METHODS.iter().any(|m| re2.full_match(m.to_ascii_lowercase().as_bytes()))
}

/// P206: the reason if one is plain, else that the whole is a contradiction.
fn impossible(subject: &Subject<'_>, vs: &VirtualService, entry: &Entry<'_>, m: &HttpMatch, report: &mut Report) {
    let mut tell = |field: &str, message: String, hint: String| {
        let path = if field.is_empty() { entry.path() } else { format!("{}.{field}", entry.path()) };
        report.add("P206", (&entry.source.object, m.at), path, message, hint);
    };
    if let Some(StringMatch::Exact(t) | StringMatch::Prefix(t)) = &m.uri {
        if let Some(at) = t.find(['?', '#']) {
            let kept = t.get(..at).unwrap_or_default();
            let message = format!("path `{t}` holds a query or fragment, which is no part of a path: no request fits");
            return tell("uri", message, format!("match `{kept}`, and the query in `queryParams`"));
        }
        if !t.is_empty() && !t.starts_with('/') && t != "*" {
            return tell("uri", format!("path `{t}` doesn't begin with `/`: no request fits"), format!("write `/{t}`"));
        }
    }
    if let Some(StringMatch::Exact(t) | StringMatch::Prefix(t)) = &m.method
        && t.bytes().any(|b| b.is_ascii_lowercase())
        && (METHODS.contains(&t.to_ascii_uppercase().as_str()) || t.bytes().all(|b| b.is_ascii_lowercase()))
    {
        let message = format!("method `{t}` has lower case letters; methods are compared as they are");
        return tell("method", message, format!("write `{}`", t.to_ascii_uppercase()));
    }
    if let Some(StringMatch::Regex(r)) = &m.method
        && is_of_lower_case(r)
    {
        let message = format!("method `{r}` matches lower case only; methods are compared as they are");
        return tell("method", message, format!("write it in upper case, or `(?i){r}`"));
    }
    if let Some(StringMatch::Exact(t)) = &m.scheme
        && t.bytes().any(|b| b.is_ascii_uppercase())
    {
        return tell(
            "scheme",
            format!("scheme `{t}` is never in upper case"),
            format!("write `{}`", t.to_ascii_lowercase()),
        );
    }
    if let Some(StringMatch::Exact(t)) = &m.authority
        && !vs.hosts.iter().any(|h| witness::may_be(t, h))
    {
        let message = format!("authority `{t}` is none of the hosts, so no request for it comes here");
        // A port without protocol has a listener for its address alone, which takes every authority.
        let sniffed = |h: &SmolStr| {
            let services = subject.mesh.service_index.by_hostname(h);
            services.iter().flat_map(|s| &s.ports).any(|p| p.protocol.is_sniffed())
        };
        let doubt = Subject::is_mesh(vs) && vs.hosts.iter().any(sniffed);
        let path = format!("{}.authority", entry.path());
        let hint = "add it to `spec.hosts`, or correct it";
        report.add("P206", (&entry.source.object, m.at), path, message, hint).possible_if(doubt);
        return;
    }
    if Region::all_of([&entry.conditions]).example(&mut subject.effort.alone()) == Answer::None {
        tell("", "its conditions contradict each other: no request fits".into(), "take one of them out".into());
    }
}

/// P206: one header under two spellings, with different values.
fn two_spellings(entry: &Entry<'_>, m: &HttpMatch, report: &mut Report) {
    let mut seen: Vec<(String, &str)> = Vec::new();
    for (name, test) in &m.headers {
        let StringMatch::Exact(value) = test else { continue };
        let folded = name.to_ascii_lowercase();
        if seen.iter().any(|(n, v)| *n == folded && *v != value.as_str()) {
            let mut path = format!("{}.headers", entry.path());
            crate::manifest::yaml::push_key(&mut path, name);
            let message = format!(
                "header `{name}` is asked for under two spellings with different values: no request fits, unless it repeats the header"
            );
            let hint = "header names have no case; keep one of them";
            report.add("P206", (&entry.source.object, m.at), path, message, hint).possible();
            return;
        }
        seen.push((folded, value));
    }
}

/// P213, P214, P216.
fn one_match(subject: &Subject<'_>, entry: &Entry<'_>, m: &HttpMatch, report: &mut Report) {
    let object = (&entry.source.object, m.at);
    let at = |field: &str| format!("{}.{field}", entry.path());
    if m.ignore_uri_case && !matches!(m.uri, Some(StringMatch::Exact(_) | StringMatch::Prefix(_))) {
        let message = "`ignoreUriCase` acts on exact and prefix paths only";
        report.add("P213", object, at("ignoreUriCase"), message, "begin the regex with `(?i)`, or take the field out");
    }
    let maps = [("headers", &m.headers), ("queryParams", &m.query_params), ("withoutHeaders", &m.without_headers)];
    for (field, map) in maps {
        for (name, value) in map {
            if name.starts_with('@') {
                continue; // a claim of a token, whose values are compared in other ways
            }
            let mut path = at(field);
            crate::manifest::yaml::push_key(&mut path, name);
            let message = match (field, value) {
                ("withoutHeaders", StringMatch::Regex(r)) if r == ".*" => {
                    "the regex `.*` accepts an absent header as empty, so this never holds; write `{}` for `absent`"
                }
                ("withoutHeaders", StringMatch::Exact(_) | StringMatch::Prefix(_) | StringMatch::Regex(_)) => {
                    "this holds for an absent header too; before Istio 1.22 it asked for the header with another value"
                }
                (_, StringMatch::Regex(r)) if r == "*" => "the regex `*` is none: it asks whether the header is there",
                ("headers" | "queryParams", StringMatch::Regex(r))
                    if subject.languages.regex(r).contains(b"") && r != ".*" =>
                {
                    "the regex accepts an empty value, but never an absent one; `withoutHeaders` asks for absence"
                }
                ("withoutHeaders", StringMatch::Unset) => "an empty condition: the header must be absent",
                (_, StringMatch::Unset) => "an empty condition asks for presence, whatever the value",
                _ => continue,
            };
            report.add("P214", object, path, message, "fine if that is meant; else write the value that is");
        }
    }
    if let Some(t) = text(m.authority.as_ref())
        && !matches!(m.authority, Some(StringMatch::Regex(_)))
        && t.bytes().any(|b| b.is_ascii_uppercase())
    {
        let message = format!(
            "authority `{t}` has upper case letters; it is compared as the client sends it, usually in lower case"
        );
        report.add("P216", object, at("authority"), message, format!("write `{}`", t.to_ascii_lowercase()));
    }
}

/// P216: clients send the port with the authority, unless it is the default one.
fn with_port(subject: &Subject<'_>, vs: &VirtualService, entry: &Entry<'_>, m: &HttpMatch, report: &mut Report) {
    let Some(StringMatch::Exact(authority)) = m.authority.as_ref() else { return };
    if authority.contains(':') {
        return;
    }
    let mut odd: Vec<u32> = Vec::new();
    for gateway in &vs.gateways {
        if *gateway == MESH_GATEWAY {
            let services = vs.hosts.iter().flat_map(|h| subject.mesh.service_index.by_hostname(h));
            odd.extend(services.flat_map(|s| &s.ports).filter(|p| p.protocol.is_http()).map(|p| u32::from(p.number)));
        } else if let Some(found) = subject.gateways.get(gateway) {
            let ports = found.spec.servers.iter().filter_map(|s| s.port.as_ref());
            odd.extend(ports.filter_map(|p| u32::try_from(p.number).ok()));
        }
    }
    let all = odd.len();
    odd.retain(|p| !matches!(p, 80 | 443));
    if odd.is_empty() || odd.len() < all || (m.port != 0 && !odd.contains(&m.port)) {
        return;
    }
    odd.order_alike();
    odd.dedup();
    let message = format!(
        "authority `{authority}` has no port, but clients of port {} send one with it: exact text doesn't match that",
        listed(&odd, 4)
    );
    let hint = format!("match `{authority}:{}`, or the prefix `{authority}`", odd.first().copied().unwrap_or_default());
    report.add("P216", (&entry.source.object, m.at), format!("{}.authority", entry.path()), message, hint);
}

/// Paths that matches and requests name, by host, sorted.
type Paths<'m> = FxHashMap<&'m str, Vec<SmolStr>>;

fn named_paths<'m>(subject: &Subject<'m>) -> Paths<'m> {
    let mut paths: Paths<'m> = FxHashMap::default();
    for vs in &subject.mesh.virtual_services.all {
        let own = vs.http.iter().flat_map(|r| &r.route.matches).filter_map(|m| match &m.uri {
            Some(StringMatch::Exact(t) | StringMatch::Prefix(t)) => Some(t),
            _ => None,
        });
        let own: Vec<&SmolStr> = own.collect();
        for host in &vs.hosts {
            paths.entry(host).or_default().extend(own.iter().copied().cloned());
        }
    }
    for stream in subject.scenario.iter().flat_map(|s| &s.streams) {
        for class in streams::expand(stream).into_iter().flatten().take(CLASSES_MAX) {
            let asked = class.request.authority.split(':').next().unwrap_or_default().to_ascii_lowercase();
            let path = class.request.path.split(['?', '#']).next().unwrap_or_default();
            let is_host = |host: &str| {
                host.strip_prefix(asked.as_str()).is_some_and(|r| {
                    r.is_empty() || r.starts_with(".svc.") || !asked.contains('.') && r.starts_with('.')
                })
            };
            for (_, known) in paths.iter_mut().filter(|(host, _)| is_host(host)) {
                known.push(path.into());
            }
        }
    }
    #[expect(clippy::iter_over_hash_type, reason = "each list is sorted by itself")]
    for known in paths.values_mut() {
        known.order_alike();
        known.dedup();
    }
    paths
}

/// Classes of one stream that are looked at.
const CLASSES_MAX: usize = 2_000;

/// P209.
fn boundaries(vs: &VirtualService, paths: &Paths<'_>, report: &mut Report) {
    for rule in &vs.http {
        for (m, source) in rule.route.matches.iter().zip(&rule.match_sources) {
            let Some(StringMatch::Prefix(p)) = &m.uri else { continue };
            if p.ends_with('/') || p.is_empty() || p.contains(['?', '#']) || !p.starts_with('/') {
                continue;
            }
            let crossing = vs.hosts.iter().filter_map(|h| paths.get(h.as_str())).find_map(|known| {
                let from = known.partition_point(|other| other.as_str() <= p.as_str());
                let mut extends = known.iter().skip(from).take_while(|o| o.starts_with(p.as_str()));
                extends.find(|o| o.get(p.len()..).is_some_and(|rest| !rest.starts_with('/')))
            });
            let message = match crossing {
                Some(other) => format!("prefix `{p}` also takes `{other}`, which another match or a request names"),
                None => format!("prefix `{p}` also takes paths such as `{p}x`"),
            };
            let hint = format!("match `{p}` exactly and the prefix `{p}/`, if only what is below is meant");
            let path = format!("{}.uri", super::entries::path(source));
            report.add("P209", (&source.object, m.at), path, message, hint).severity(if crossing.is_some() {
                Severity::Warning
            } else {
                Severity::Info
            });
        }
    }
}

/// P217, P218.
fn rewrites(vs: &VirtualService, report: &mut Report) {
    for rule in &vs.http {
        let Some(to) = rule.route.rewrite.as_ref().map(|r| &r.uri).filter(|u| !u.is_empty()) else { continue };
        let path = format!("spec.http[{}].rewrite.uri", rule.source.rule.unwrap_or_default());
        let object = (&rule.source.object, rule.source.at);
        let prefixes: Vec<&SmolStr> = rule
            .route
            .matches
            .iter()
            .filter_map(|m| if let Some(StringMatch::Prefix(p)) = &m.uri { Some(p) } else { None })
            .collect();
        let wrong = prefixes.iter().find_map(|p| {
            let p = p.as_str();
            let below = if p.ends_with('/') { format!("{p}x") } else { format!("{p}/x") };
            let rest = below.get(p.len()..).unwrap_or_default();
            let is_wrong = if p == "/" && to == "/" {
                false
            } else if p.ends_with('/') {
                !to.ends_with('/')
            } else {
                to.ends_with('/')
            };
            is_wrong.then(|| format!("`{below}` becomes `{to}{rest}`"))
        });
        if !to.starts_with('/') {
            report.add(
                "P217",
                object,
                path.clone(),
                format!("`{to}` doesn't begin with `/`, so the new path doesn't either"),
                "begin it with `/`",
            );
        } else if let Some(example) = wrong {
            let hint = "let both the prefix and its replacement end in `/`, or neither";
            report.add("P217", object, path.clone(), format!("the rewrite puts the slash wrong: {example}"), hint);
        }
        let nested = prefixes.iter().enumerate().find_map(|(i, p)| {
            let other =
                prefixes.iter().enumerate().find(|(j, q)| *j != i && q.len() > p.len() && q.starts_with(p.as_str()));
            Some((p, other?.1))
        });
        if let Some((short, long)) = nested {
            let message =
                format!("`{long}` extends `{short}`: each match replaces its own prefix, the first that fits wins");
            report.add("P218", object, path, message, "put the longer prefix first, in a rule of its own if need be");
        }
    }
}
