//! What is lost between the two sides, when everything is applied at once: one sentence for all tools that lose nothing, and one for
//! each other with its worst accident. `towtank rollout` tells the rest.

#[cfg(feature = "cli")]
use crate::analysis::rollout::{Action, Item, Moment, Order, Orders, Window};
use crate::envoy::request::Request;
#[cfg(feature = "cli")]
use crate::envoy::words;
#[cfg(feature = "cli")]
use crate::istio::clients::Audience;
use crate::tool::report::diff::json::witness;
use crate::tool::report::json_writer::Object;
use crate::tool::report::style::Style;

/// What is known of the way from one side to the other.
#[derive(Debug, Default)]
pub(crate) enum OnTheWay {
    /// No object changes, the sides aren't two states of one cluster, or nobody asked.
    #[default]
    None,
    /// Too many objects change to look at the orders beside a comparison.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the command line looks at orders"))]
    TooMany,
    /// The orders of people's tools, for a change of so many objects.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the command line looks at orders"))]
    Orders { objects: usize, orders: Vec<OrderLine> },
}

/// What one tool's order does.
#[derive(Debug)]
pub(crate) struct OrderLine {
    tool: &'static str,
    verdict: Verdict,
    /// How many different things happen.
    accidents: usize,
    /// What the worst one does to which requests, and when.
    worst: Option<String>,
    /// A request of it; None: it is possible, and not proven.
    witness: Option<Request>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Safe,
    /// Something may be lost.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the command line looks at orders"))]
    Possible,
    /// Something is lost.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the command line looks at orders"))]
    Unsafe,
    NotEvaluated,
}

impl Verdict {
    pub(super) fn style(self) -> Style {
        match self {
            Verdict::Safe => Style::Good,
            Verdict::Unsafe => Style::Bad,
            Verdict::Possible => Style::Warning,
            Verdict::NotEvaluated => Style::Note,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Verdict::Safe => "safe",
            Verdict::Unsafe => "unsafe",
            Verdict::Possible => "possible",
            Verdict::NotEvaluated => "not-evaluated",
        }
    }
}

#[cfg(feature = "cli")]
impl From<Orders> for OnTheWay {
    fn from(Orders { items, orders }: Orders) -> OnTheWay {
        if items.is_empty() {
            return OnTheWay::None;
        }
        OnTheWay::Orders { objects: items.len(), orders: orders.iter().map(|o| line(o, &items)).collect() }
    }
}

#[cfg(feature = "cli")]
fn line(order: &Order, items: &[Item]) -> OrderLine {
    let first = order.windows.first();
    OrderLine {
        tool: order.tool.as_str(),
        verdict: match (order.is_safe(), order.is_unsafe()) {
            (true, _) => Verdict::Safe,
            (_, true) => Verdict::Unsafe,
            _ => Verdict::Possible,
        },
        accidents: order.windows.len(),
        worst: first.map(|(window, audience)| accident(items, &order.actions, window, audience)),
        witness: first.and_then(|(window, _)| window.accident.witness.clone()),
    }
}

/// `lost reviews.shop for 14 clients in shop, 50 % of them: every request, after VirtualService shop/reviews and until ...`.
#[cfg(feature = "cli")]
fn accident(items: &[Item], actions: &[Action], window: &Window, audience: &Audience) -> String {
    let a = &window.accident;
    let object = |step: usize| -> String {
        let action = step.checked_sub(1).and_then(|i| actions.get(i));
        action.and_then(|a| items.get(a.item)).map(|i| i.id.to_string()).unwrap_or_default()
    };
    let when = match window.moment {
        Moment::Between { after, until } => format!("after {} and until {}", object(after), object(until)),
        Moment::Push { from, to, .. } if from == to => format!("while {} reaches a proxy", object(from)),
        Moment::Push { from, to, .. } => format!("while {} to {} reach a proxy together", object(from), object(to)),
    };
    let host = a.region.hosts.first().map(|h| words::short_host(h)).unwrap_or_default();
    let share = if a.share < 1.0 { format!(", {} of them", words::percent(a.share)) } else { String::new() };
    format!("{} {host} {audience}{share}: {}, {when}", a.harm.as_str(), a.region.to_words())
}

/// What is said of one or more orders.
pub(super) struct Told {
    pub verdict: Verdict,
    /// One sentence without its full stop.
    pub text: String,
    /// What the worst accident does to which requests and when, and what to ask next.
    pub more: Vec<String>,
}

/// The orders in words; those that do the same together.
pub(super) fn told(on_the_way: &OnTheWay) -> Vec<Told> {
    let (objects, orders) = match on_the_way {
        OnTheWay::None => return Vec::new(),
        OnTheWay::TooMany => {
            let text =
                "not evaluated: what is lost on the way, since so many objects change (towtank rollout OLD NEW tells)";
            return vec![Told { verdict: Verdict::NotEvaluated, text: text.to_owned(), more: Vec::new() }];
        }
        OnTheWay::Orders { objects, orders } => (*objects, orders),
    };
    // One object has no order; what it does by itself is worth a word where it loses something.
    if objects == 1 && orders.iter().all(|o| o.verdict == Verdict::Safe) {
        return Vec::new();
    }
    let mut out: Vec<Told> = Vec::new();
    let mut left: Vec<&OrderLine> = orders.iter().collect();
    while let Some(first) = left.first().copied() {
        let (alike, others): (Vec<&OrderLine>, Vec<&OrderLine>) =
            left.into_iter().partition(|o| (o.verdict, &o.worst) == (first.verdict, &first.worst));
        let tools: Vec<&str> = alike.iter().map(|o| o.tool).collect();
        out.push(one(first, &tools.join(", ")));
        left = others;
    }
    if let Some(last) = out.iter_mut().rev().find(|t| !t.more.is_empty()) {
        last.more.push("towtank rollout OLD NEW tells all of it, and looks for an order that loses nothing".to_owned());
    }
    out
}

fn one(order: &OrderLine, tools: &str) -> Told {
    let verdict = order.verdict;
    let (lost, proof) = match verdict {
        Verdict::Safe => ("nothing is lost", ", proven for every request"),
        Verdict::Unsafe => ("requests are lost", ""),
        Verdict::Possible | Verdict::NotEvaluated => ("requests may be lost", ": possible, not proven"),
    };
    let mut more = Vec::new();
    if let Some(worst) = &order.worst {
        let others = if order.accidents > 1 { format!("; and {} more", order.accidents - 1) } else { String::new() };
        more.push(format!("{worst}{others}"));
    }
    Told { verdict, text: format!("on the way {lost} when everything is applied at once ({tools}){proof}"), more }
}

/// The orders as `diff -o json` has them.
pub(super) fn json(o: &mut Object<'_>, on_the_way: &OnTheWay) {
    let OnTheWay::Orders { orders, .. } = on_the_way else { return o.null("on_the_way") };
    o.objects("on_the_way", orders, |o, order| {
        o.str("tool", order.tool);
        o.str("verdict", order.verdict.as_str());
        o.number("accidents", order.accidents as u64);
        match &order.worst {
            Some(worst) => o.str("worst", worst),
            None => o.null("worst"),
        }
        match &order.witness {
            Some(request) => o.object("witness", |o| witness(o, request)),
            None => o.null("witness"),
        }
    });
}
