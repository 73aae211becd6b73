//! `rollout -o json`; its schema is `schema/rollout.json`.

use super::{Results, Road, Watch, name, verb, version};
use crate::analysis::rollout::{
    Action, At, Back, Flow, Item, Moment, Move, Plan, Rehearsal, Safe, Window, differing_users, moved, place,
};
use crate::istio::clients::Audience;
use crate::manifest::source::SourceMap;
use crate::tool::report::VERSION;
use crate::tool::report::diff::json as shared;
use crate::tool::report::json_writer::{JsonWriter, Object};
use crate::tool::report::limits;

/// One line, without line end.
pub(crate) fn to_json(results: &Results<'_>) -> Vec<u8> {
    let mut json = JsonWriter::default();
    json.object(|o| {
        o.number("version", VERSION);
        match results.scenario {
            "" => o.null("scenario"),
            name => o.str("scenario", name),
        }
        o.str("title", &results.title);
        let assumed: Vec<String> = results.assumed.iter().cloned().chain(results.relabelled()).collect();
        o.strings("assumed", &assumed);
        match &results.road {
            Road::Change(p) => {
                o.object("plan", |o| plan(o, p, results.sources));
                o.null("rehearsal");
            }
            Road::Steps(r) => {
                o.null("plan");
                o.object("rehearsal", |o| rehearsal(o, r, results));
            }
        }
        o.objects("not_covered", results.limits, |o, l| limits::json(o, l, results.sources));
    });
    json.into_bytes()
}

fn plan(o: &mut Object<'_>, plan: &Plan, sources: &SourceMap) {
    o.objects("objects", &plan.items, |o, item| {
        o.str("kind", item.id.kind.as_str());
        o.str("namespace", &item.id.namespace);
        o.str("name", &item.id.name);
    });
    o.objects("groups", &plan.groups, |o, group| {
        o.strings("objects", group.iter().filter_map(|i| plan.items.get(*i)).map(|i| &i.id));
    });
    o.objects("effect", &plan.effect, |o, (kind, hosts)| {
        o.str("kind", kind.as_str());
        o.strings("hosts", hosts);
    });
    o.number("clients", plan.clients as u64);
    o.objects("orders", &plan.orders, |o, order| {
        o.str("tool", order.tool.as_str());
        o.str(
            "verdict",
            if order.is_safe() {
                "safe"
            } else if order.is_unsafe() {
                "unsafe"
            } else {
                "possible"
            },
        );
        o.objects("steps", &order.actions, |o, a| action(o, a, &plan.items, sources));
        o.objects("accidents", &order.windows, |o, (w, audience)| window(o, w, audience, sources));
    });
    o.object("safe", |o| match &plan.safe {
        Safe::Waves { waves: all, made } => {
            o.str("verdict", if *made { "planned" } else { "order" });
            waves(o, "waves", Some(all), &plan.items, sources);
            o.strings("stuck", Vec::<String>::new());
        }
        Safe::None { groups } | Safe::Undecided { groups } => {
            o.str("verdict", if matches!(plan.safe, Safe::None { .. }) { "none" } else { "undecided" });
            o.null("waves");
            let items = groups.iter().filter_map(|g| plan.groups.get(*g)).flatten().filter_map(|i| plan.items.get(*i));
            o.strings("stuck", items.map(|i| &i.id));
        }
    });
    o.objects("back", &plan.back, |o, b| back(o, b, &plan.items, sources));
}

fn action(o: &mut Object<'_>, action: &Action, items: &[Item], sources: &SourceMap) {
    let version = version(items, action);
    o.str("do", verb(version));
    o.str("object", &name(items, action));
    match place(items, action) {
        Some(at) => {
            o.str("file", sources.name(at.file));
            o.number("line", at.line);
        }
        None => {
            o.null("file");
            o.null("line");
        }
    }
    match version.and_then(|v| v.made.as_deref()) {
        Some(text) => o.str("manifest", text),
        None => o.null("manifest"),
    }
}

fn waves(o: &mut Object<'_>, key: &str, waves: Option<&Vec<Vec<Action>>>, items: &[Item], sources: &SourceMap) {
    match waves {
        Some(waves) => o.objects(key, waves, |o, wave| {
            o.objects("steps", wave, |o, a| action(o, a, items, sources));
        }),
        None => o.null(key),
    }
}

fn back(o: &mut Object<'_>, back: &Back, items: &[Item], sources: &SourceMap) {
    o.number("after", back.after as u64);
    waves(o, "waves", back.waves.as_ref(), items, sources);
    o.strings("waits_for_pods_of", back.pods.iter().filter_map(|i| items.get(*i)).map(|i| &i.id));
    o.objects("scaled", &back.scaled, |o, s| {
        o.str("workload", &s.workload.to_string());
        o.str("autoscaler", &s.autoscaler.to_string());
        let [least, most] = s.bounds;
        o.number("least", u64::from(least));
        match most {
            0 => o.null("most"),
            most => o.number("most", u64::from(most)),
        }
        match s.replicas {
            Some(n) => o.number("replicas", u64::from(n)),
            None => o.null("replicas"),
        }
    });
    o.object("radius", |o| {
        o.number("objects", back.radius.objects as u64);
        o.strings("hosts", &back.radius.hosts);
        o.number("clients", back.radius.members.len() as u64);
        o.float("moved", round(back.radius.moved));
    });
}

fn window(o: &mut Object<'_>, window: &Window, audience: &Audience, sources: &SourceMap) {
    let a = &window.accident;
    o.str("harm", a.harm.as_str());
    o.float("share", (a.share * 1e12).round() / 1e12);
    o.str("evidence", if a.is_proven() { "proven" } else { "possible" });
    match window.moment {
        Moment::Between { after, until } => {
            o.str("moment", "between");
            o.number("from", after as u64);
            o.number("until", until as u64);
        }
        Moment::Push { from, to, gone } => {
            o.str("moment", if gone { "clusters-gone" } else { "clusters-warming" });
            o.number("from", from as u64);
            o.number("until", to as u64);
        }
    }
    o.strings("classes", &audience.classes);
    o.number("members", audience.members as u64);
    o.str("requests", &a.region.to_words());
    match &a.witness {
        Some(request) => o.object("witness", |o| shared::witness(o, request)),
        None => o.null("witness"),
    }
    o.object("before", |o| shared::effect(o, &a.before, sources));
    o.object("then", |o| shared::effect(o, &a.then, sources));
    o.object("after", |o| shared::effect(o, &a.after, sources));
}

fn rehearsal(o: &mut Object<'_>, r: &Rehearsal, results: &Results<'_>) {
    o.str("name", &r.name);
    let watch = results.watch;
    match watch.per_second {
        Some(rate) => o.float("rate", rate),
        None => o.null("rate"),
    }
    o.float("error_rate", watch.error_rate);
    o.float("rise", watch.rise);
    o.objects("stations", &r.stations, |o, s| {
        o.str("name", &s.name);
        match &s.then {
            Some(then) => o.str("then", then),
            None => o.null("then"),
        }
    });
    o.objects("flows", &r.flows, |o, f| flow(o, f, watch));
    o.objects("moves", &r.moves, |o, m| one_move(o, m, &r.items, results.sources));
    o.strings("not_evaluated", &r.not_evaluated);
}

fn flow(o: &mut Object<'_>, flow: &Flow, watch: Watch) {
    o.strings("hosts", &flow.region.hosts);
    o.str("requests", &flow.region.to_words());
    o.object("witness", |o| shared::witness(o, &flow.witness));
    o.strings("classes", &flow.audience.classes);
    o.number("members", flow.audience.members as u64);
    let stations = flow.at.iter().enumerate().map(|(k, at)| (k.checked_sub(1).and_then(|k| flow.at.get(k)), at));
    o.objects("stations", stations, |o, (before, at): (Option<&At>, &At)| {
        o.objects("ends", &at.ends, |o, s| {
            shared::end(o, &s.end, s.share);
            match s.endpoints {
                Some(n) => o.number("endpoints", n as u64),
                None => o.null("endpoints"),
            }
        });
        o.float("lost", round(at.lost()));
        match before {
            Some(before) => {
                o.float("moved", round(moved(Some(before), Some(at))));
                o.float("users_changed", round(differing_users(before, at)));
            }
            None => {
                o.null("moved");
                o.null("users_changed");
            }
        }
        o.bool("sticky", at.sticky);
        match &at.follows {
            Some(c) => o.object("supposed", |o| {
                o.float("success", round(c.success));
                o.float("attempts", round(c.attempts.per_request));
                match c.duration.worst_ms {
                    Some(ms) => o.float("worst_ms", round(ms)),
                    None => o.null("worst_ms"),
                }
                o.str("method", c.method.as_str());
                o.strings("warnings", &c.warnings);
                o.strings("left_out", &c.left_out);
            }),
            None => o.null("supposed"),
        }
        match super::rehearsal::needed(flow, at, watch) {
            Some(n) => o.number("requests_until_seen", n),
            None => o.null("requests_until_seen"),
        }
    });
}

fn one_move(o: &mut Object<'_>, one: &Move, items: &[Item], sources: &SourceMap) {
    match one.kind {
        Some(kind) => o.str("kind", kind.as_str()),
        None => o.null("kind"),
    }
    o.float("moved", round(one.moved));
    waves(o, "waves", one.waves.as_ref(), items, sources);
    o.objects("accidents", &one.windows, |o, (w, audience)| window(o, w, audience, sources));
    o.object("back", |o| back(o, &one.back, items, sources));
    o.objects("middle", &one.middle, |o, b| back(o, b, items, sources));
}

fn round(share: f64) -> f64 {
    (share * 1e12).round() / 1e12
}
