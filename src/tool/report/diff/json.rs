//! `diff -o json`; its schema is `schema/diff.json`.

use super::{Results, id, on_the_way};
use crate::analysis::compare::End;
use crate::analysis::diff::{Change, Effect};
use crate::envoy::request::Request;
use crate::manifest::diagnostic::{Finding, Severity};
use crate::manifest::source::SourceMap;
use crate::tool::report::VERSION;
use crate::tool::report::json_writer::{JsonWriter, Object};
use crate::tool::report::limits;

/// One line, without line end.
pub(crate) fn to_json(results: &Results<'_>) -> Vec<u8> {
    let mut json = JsonWriter::default();
    let [old, new] = results.sources;
    json.object(|o| {
        o.number("version", VERSION);
        match results.scenario {
            "" => o.null("scenario"),
            name => o.str("scenario", name),
        }
        o.str("old", results.names[0]);
        o.str("new", results.names[1]);
        o.bool("changed", !results.causes.is_empty() || results.hidden > 0);
        o.object("verdict", |o| {
            let v = results.verdict;
            o.objects("kinds", &v.kinds, |o, (kind, hosts, clients)| {
                o.str("kind", kind.as_str());
                o.number("hosts", *hosts as u64);
                o.number("clients", *clients as u64);
            });
            o.number("unchanged_hosts", v.unchanged as u64);
            o.number("changed_hosts", v.changed as u64);
            o.number("clients", v.clients as u64);
            o.number("possible", v.possible as u64);
            o.number("minor", v.minor as u64);
        });
        o.strings("assumed", results.assumed);
        let mut number = 0;
        o.objects("proxies", results.proxies, |o, p| {
            o.str("name", p.audience.first());
            o.number("members", p.audience.members as u64);
            o.strings("classes", &p.audience.classes);
            o.objects("changes", &p.changes, |o, c| {
                change(o, c, number, [old, new]);
                number += 1;
            });
            o.objects("unchanged", &p.unchanged, |o, h| {
                o.str("route_config", &h.route_config);
                o.str("virtual_host", &h.virtual_host);
            });
        });
        if let Some(requests) = results.requests {
            o.objects("requests", requests, |o, line| {
                o.value("id", &line.request.id);
                o.str("proxy", &line.proxy);
                match line.change {
                    Some(change) => o.str("change", &id(change)),
                    None => o.null("change"),
                }
                match line.kind {
                    Some(kind) => o.str("kind", kind.as_str()),
                    None => o.null("kind"),
                }
            });
        }
        o.objects("same_for_all_traffic", results.edits, |o, e| {
            o.str("kind", &e.kind);
            o.str("namespace", &e.namespace);
            o.str("name", &e.name);
            o.str("what", e.what);
        });
        on_the_way::json(o, results.on_the_way);
        o.objects("not_covered", results.limits, |o, l| limits::json(o, l, new));
        o.object("findings", |o| {
            let [come, gone] = results.findings;
            o.objects("new", come, |o, f| finding(o, f, new));
            o.objects("gone", gone, |o, f| finding(o, f, old));
        });
        match results.expected {
            Some(e) => o.object("expected", |o| {
                let unwanted = results.causes.iter().zip(&e.wanted).filter(|(_, wanted)| !**wanted);
                o.strings("unexpected", unwanted.flat_map(|(c, _)| &c.changes).map(|n| id(*n)));
                o.strings("missing", &e.missing);
            }),
            None => o.null("expected"),
        }
    });
    json.into_bytes()
}

fn change(o: &mut Object<'_>, c: &Change, number: usize, [old, new]: [&SourceMap; 2]) {
    o.str("id", &id(number));
    o.str("kind", c.kind.as_str());
    o.str("evidence", if c.is_proven() { "proven" } else { "possible" });
    o.str("host", &c.host());
    o.object("region", |o| {
        let r = &c.region;
        o.str("text", &r.to_words());
        o.numbers("ports", &r.ports.iter().map(|p| u32::from(*p)).collect::<Vec<_>>());
        o.bool("tls", r.tls);
        o.strings("server_names", &r.server_names);
        o.strings("destinations", &r.destinations);
        o.strings("hosts", &r.hosts);
        o.strings("conditions", &r.conditions);
        o.strings("except", &r.except);
        o.bool("depends", c.depends);
    });
    match &c.witness {
        Some(request) => o.object("witness", |o| witness(o, request)),
        None => o.null("witness"),
    }
    o.object("old", |o| effect(o, &c.old, old));
    o.object("new", |o| effect(o, &c.new, new));
    o.objects("fields", &c.fields, |o, f| {
        o.str("what", f.what);
        o.str("before", &f.before);
        o.str("now", &f.now);
    });
    o.strings("because", &c.because);
    o.bool("minor", c.is_minor());
    o.float("share_moved", (c.moved * 1e12).round() / 1e12);
}

/// Where requests end, and which share of them.
pub(crate) fn end(o: &mut Object<'_>, end: &End, share: f64) {
    o.str("outcome", end.outcome().as_str());
    match end {
        End::Cluster { cluster, .. } => {
            o.text("cluster", cluster);
            o.null("status");
        }
        End::Answer { status, .. } => {
            o.null("cluster");
            match status {
                Some(status) => o.number("status", *status),
                None => o.null("status"),
            }
        }
    }
    o.float("share", (share * 1e12).round() / 1e12);
}

/// What becomes of requests, and where that is written.
pub(crate) fn effect(o: &mut Object<'_>, e: &Effect, sources: &SourceMap) {
    o.object("effect", |o| {
        o.str("text", &e.deed);
        o.objects("ends", &e.ends, |o, (end, share)| {
            self::end(o, end, *share);
        });
    });
    let Some(source) = &e.source else { return o.null("source") };
    o.object("source", |o| {
        o.str("kind", source.object.kind.as_str());
        o.str("namespace", &source.object.namespace);
        o.str("name", &source.object.name);
        if source.at.is_known() {
            o.str("file", sources.name(source.at.file));
            o.number("line", source.at.line);
        } else {
            o.null("file");
            o.null("line");
        }
        for (key, value) in [("rule", source.rule), ("match", source.match_index)] {
            match value {
                Some(n) => o.number(key, n),
                None => o.null(key),
            }
        }
    });
}

/// A request as `--requests` reads it.
pub(crate) fn witness(o: &mut Object<'_>, r: &Request) {
    if let Some(proxy) = &r.proxy {
        o.str("proxy", proxy);
    }
    o.str("method", &r.method);
    o.str("authority", &r.authority);
    o.str("path", &r.path);
    if let Some(port) = r.port {
        o.number("port", port);
    }
    if let Some(address) = r.address {
        o.text("address", address);
    }
    if let Some(host) = &r.dialled_host {
        o.str("dialled_host", host);
    }
    if r.tls {
        o.bool("tls", true);
    }
    if let Some(sni) = &r.sni {
        o.str("sni", sni);
    }
    o.pairs("headers", &r.headers);
}

fn finding(o: &mut Object<'_>, f: &Finding, sources: &SourceMap) {
    o.str("id", &f.id);
    o.str(
        "severity",
        match f.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        },
    );
    o.str("message", &f.message);
    match &f.object {
        Some(object) => o.text("object", object),
        None => o.null("object"),
    }
    if f.at.is_known() {
        o.str("file", sources.name(f.at.file));
        o.number("line", f.at.line);
    } else {
        o.null("file");
        o.null("line");
    }
}
