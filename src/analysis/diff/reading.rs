//! Requests that the Envoys of both sides read differently, before any route is looked at (VE-E1 to VE-E5, envoy-matching 2.6).
//!
//! Conditions are compared as sets of requests as routes see them. Where the two sides see one request differently, that says nothing, so
//! that such requests are tried: around a request for each route. What is found is told with its example; that there is no more is
//! not claimed.

use smol_str::{SmolStr, format_smolstr};

use super::change::{Change, Effect};
use super::kind::{Kind, distance};
use super::outcomes::outcomes_differ;
use super::place::Place;
use super::region::Region;
use super::side::Side;
use crate::envoy::request::Request;
use crate::envoy::router::RequestView;

/// In what the reading differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// VE-E1.
    RepeatedHeaders,
    /// VE-E2.
    DotSegments,
    /// VE-E3.
    Bytes,
    /// VE-E4, VE-E5.
    Methods,
    /// `connectionSettings.httpHeadersWithUnderscoresAction` (VE-14).
    Underscores,
    /// The mesh's `pathNormalization`, and what `connectionSettings` say of paths (VE-14).
    Paths,
    /// What connection managers cut off authorities, which upgrades they let in, and what they believe of clients (1.4, 2.8).
    Connections,
}

impl Reading {
    const ALL: [Reading; 7] = [
        Reading::RepeatedHeaders,
        Reading::DotSegments,
        Reading::Bytes,
        Reading::Methods,
        Reading::Underscores,
        Reading::Paths,
        Reading::Connections,
    ];

    /// Whether two sides differ in it.
    fn differs(self, old: &Side, new: &Side) -> bool {
        let (a, b) = (old.switches(), new.switches());
        match self {
            Reading::RepeatedHeaders => a.match_headers_individually != b.match_headers_individually,
            Reading::DotSegments => a.strip_dotdot_segments_with_parameters != b.strip_dotdot_segments_with_parameters,
            Reading::Bytes => a.regex_latin1 != b.regex_latin1,
            Reading::Methods => a.inspector != b.inspector || a.allow_query_method != b.allow_query_method,
            Reading::Underscores => {
                old.table().connection_settings.underscores != new.table().connection_settings.underscores
            }
            Reading::Paths => old.path_options() != new.path_options(),
            Reading::Connections => !old.connects_like(new),
        }
    }

    /// Whether it can bear on a request.
    #[cfg(any(feature = "cli", test))]
    pub(super) fn concerns(self, r: &Request) -> bool {
        let repeated = |(i, (name, _)): (usize, &(SmolStr, SmolStr))| {
            r.headers.iter().skip(i + 1).any(|(other, _)| other.eq_ignore_ascii_case(name))
        };
        match self {
            Reading::RepeatedHeaders => r.headers.iter().enumerate().any(repeated),
            Reading::DotSegments => r.path.contains(';'),
            Reading::Bytes => r.headers.iter().any(|(_, value)| !value.is_ascii()),
            Reading::Methods => {
                let known = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE"];
                !known.contains(&r.method.as_str())
            }
            Reading::Underscores => r.headers.iter().any(|(name, _)| name.contains('_')),
            Reading::Paths | Reading::Connections => true,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Reading::RepeatedHeaders => "a header comes in several lines",
            Reading::DotSegments => "a dot segment of the path has parameters, as in /..;x",
            Reading::Bytes => "a header's value is not ASCII",
            Reading::Methods => "the method is an unusual one",
            Reading::Underscores => "a header's name has an underscore",
            Reading::Paths => "the path is changed by normalisation",
            Reading::Connections => "connection managers read authorities, upgrades or forwarded headers otherwise",
        }
    }

    /// The rules that say so.
    fn rules(self, old: &Side, new: &Side) -> Vec<&'static str> {
        match self {
            Reading::RepeatedHeaders => vec!["VE-E1"],
            Reading::DotSegments => vec!["VE-E2"],
            Reading::Bytes => vec!["VE-E3"],
            Reading::Methods if old.switches().inspector == new.switches().inspector => vec!["VE-E5"],
            Reading::Methods => vec!["VE-E4"],
            Reading::Underscores => vec!["VE-14"],
            Reading::Paths if old.table().connection_settings != new.table().connection_settings => vec!["VE-14"],
            Reading::Paths | Reading::Connections => Vec::new(),
        }
    }

    /// Requests like one, that it can bear on.
    fn variants(self, r: &Request) -> Vec<Request> {
        match self {
            Reading::RepeatedHeaders => {
                let twice = |i: usize, first: bool| {
                    let mut out = r.clone();
                    let (name, _) = r.headers[i].clone();
                    out.headers.insert(if first { i } else { i + 1 }, (name, "other".into()));
                    out
                };
                (0..r.headers.len()).flat_map(|i| [twice(i, false), twice(i, true)]).collect()
            }
            Reading::DotSegments => vec![Request { path: format_smolstr!("/any/..;x{}", r.path), ..r.clone() }],
            Reading::Bytes => {
                let with = |i: usize, at: usize| {
                    let mut out = r.clone();
                    let (name, value) = &r.headers[i];
                    let value: String = value.chars().enumerate().map(|(k, c)| if k == at { 'é' } else { c }).collect();
                    out.headers[i] = (name.clone(), value.into());
                    out
                };
                let of = |i: usize| (0..r.headers[i].1.chars().count().min(8)).map(move |at| (i, at));
                (0..r.headers.len()).flat_map(of).map(|(i, at)| with(i, at)).collect()
            }
            Reading::Methods => {
                let method = |m: &'static str| Request { method: m.into(), ..r.clone() };
                let typed = |mut r: Request| {
                    r.headers.push(("content-type".into(), "text/plain".into()));
                    r
                };
                vec![method("FROB"), method("M-SEARCH"), typed(method("QUERY"))]
            }
            Reading::Underscores => {
                let mut out = r.clone();
                out.headers.push(("any_header".into(), "any".into()));
                let renamed = |i: usize| {
                    let mut out = r.clone();
                    out.headers[i].0 = out.headers[i].0.replace('-', "_").into();
                    out
                };
                std::iter::once(out).chain((0..r.headers.len()).map(renamed)).collect()
            }
            Reading::Connections => {
                let authority = |authority: SmolStr| Request { authority, ..r.clone() };
                let with = |fields: &[(&str, &str)]| {
                    let mut out = r.clone();
                    out.headers.extend(fields.iter().map(|(n, v)| (SmolStr::from(*n), SmolStr::from(*v))));
                    out
                };
                let host = crate::envoy::authority::without_port(&r.authority);
                let port = crate::envoy::router::dialled_port(&RequestView::from(r));
                vec![
                    authority(format_smolstr!("{host}:{port}")),
                    authority(format_smolstr!("{host}:1")),
                    authority(format_smolstr!("{host}.")),
                    with(&[("x-forwarded-proto", "https")]),
                    with(&[("connection", "upgrade"), ("upgrade", "websocket")]),
                ]
            }
            Reading::Paths => {
                let path = |path: SmolStr| Request { path, ..r.clone() };
                let own = r.path.as_str();
                let inner = own.get(1..).and_then(|rest| Some(rest.find('/')? + 1));
                let mut out = vec![
                    path(format_smolstr!("/{own}")),
                    path(format_smolstr!("/.{own}")),
                    path(format_smolstr!("/any/..{own}")),
                    path(format_smolstr!("{own}%2Fany")),
                    path(format_smolstr!("{own}//any")),
                ];
                if let Some(at) = inner {
                    let (before, behind) = own.split_at(at);
                    out.push(path(format_smolstr!("{before}/{behind}")));
                    out.push(path(format_smolstr!("{before}%2F{}", &behind[1..])));
                }
                out
            }
        }
    }
}

/// A change for each reading of which an example was found. `seeds` are requests that get to routes.
pub(super) fn changes<'t>(
    sides: [&'t Side; 2],
    seeds: &[Request],
    difference: &dyn Fn(&Place<'t>, &Place<'t>) -> Vec<super::fields::Field>,
) -> Vec<(Reading, Change)> {
    let [old, new] = sides;
    let differing = Reading::ALL.into_iter().filter(|reading| reading.differs(old, new));
    let shown = |reading: Reading| {
        // What differs as it is, differs by what the tables say.
        let plain = |seed: &&Request| !outcomes_differ(sides, seed);
        let mut tried = seeds.iter().filter(plain).flat_map(|seed| reading.variants(seed));
        let witness = tried.find(|request| outcomes_differ(sides, request))?;
        let view = RequestView::from(&witness);
        let places = sides.map(|s| Place::of_found(s, s.router().find(&view)));
        let (was, is) = (Effect::of(&places[0], old), Effect::of(&places[1], new));
        let mut fields = difference(&places[0], &places[1]);
        if fields.is_empty() {
            fields.push(super::fields::field(
                "what arrives",
                "as the older reading has it".to_owned(),
                "otherwise".to_owned(),
            ));
        }
        let region = Region {
            hosts: vec![SmolStr::new(crate::envoy::authority::without_port(&witness.authority))],
            tls: witness.tls,
            ports: vec![crate::envoy::router::dialled_port(&view)],
            conditions: vec![reading.words().to_owned()],
            ..Region::default()
        };
        let change = Change {
            kind: Kind::of_ends(&was.ends, &is.ends).unwrap_or(Kind::Altered),
            moved: distance(&was.ends, &is.ends),
            region,
            old: was,
            new: is,
            fields,
            rules: Vec::new(),
            because: reading.rules(old, new),
            reading: true,
            depends: true,
            witness: Some(witness),
        };
        Some((reading, change))
    };
    differing.filter_map(shown).collect()
}
