//! The page about a change as a whole: its orders, a safe one, the way back.

use super::{Page, name, sentence, verb, version, written};
use crate::analysis::rollout::{Action, Order, Plan, Safe};
use crate::tool::report::columns::{self, Cell, Side};
use crate::tool::report::grid::counted;
use crate::tool::report::style::Style;

/// Accidents of one order that are told, unless all are asked for.
const WINDOWS_MAX: usize = 4;

/// What is to be done between two waves.
pub(super) const WAIT: &str =
    "after each wave wait until all proxies have it (istioctl proxy-status says SYNCED) and its pods are ready";
/// Why there is no safe order.
const NO_ORDER: &str = "whatever is applied first, requests are lost on the way, or may be";
const TOO_MANY: &str = "there are too many states to look at";

impl Page<'_> {
    pub(super) fn plan(&mut self, plan: &Plan) {
        let title = &self.results.title;
        if plan.items.is_empty() {
            self.wrapped(&format!("{title}: no object changes that bears on routing"), 2, Style::Good);
            return;
        }
        self.wrapped(&format!("{title}: {}", size(plan)), 2, Style::Title);
        self.wrapped(&format!("  in the end: {} (towtank diff tells them)", in_the_end(plan)), 4, Style::Dim);
        self.orders(plan);
        self.safe(plan);
        self.back(plan);
    }

    fn orders(&mut self, plan: &Plan) {
        self.line("");
        self.wrapped("APPLIED AT ONCE, without waiting between the objects", 2, Style::Title);
        let rows: Vec<Vec<Cell>> = plan
            .orders
            .iter()
            .map(|order| {
                let (text, style) = verdict(order);
                vec![Cell::line(format!("  {}", order.tool.as_str()), Style::Plain), Cell::line(text, style)]
            })
            .collect();
        for line in columns::lines(&rows, Side::Left, self.show.color) {
            self.line(&line);
        }
        for (tools, order) in unsafe_orders(plan) {
            self.line("");
            self.wrapped(&tools.join(", "), 2, Style::Host);
            self.steps(plan, order.actions.iter().enumerate().map(|(n, a)| (n + 1, a)));
            let most = if self.show.all { usize::MAX } else { WINDOWS_MAX };
            for (window, audience) in order.windows.iter().take(most) {
                self.window(window, audience);
            }
            let more = order.windows.len().saturating_sub(most);
            if more > 0 {
                self.wrapped(&format!("  and {more} more (--all lists them)"), 4, Style::Dim);
            }
        }
    }

    fn steps<'a>(&mut self, plan: &Plan, actions: impl Iterator<Item = (usize, &'a Action)>) {
        let mut last = 0;
        let rows: Vec<Vec<Cell>> = actions
            .map(|(n, action)| {
                let number = if n == last { String::new() } else { n.to_string() };
                last = n;
                vec![
                    Cell::line(format!("  {number:>2}"), Style::Plain),
                    Cell::line(verb(version(&plan.items, action)), Style::Plain),
                    Cell::line(name(&plan.items, action), Style::Plain),
                    Cell::line(written(&plan.items, action, self.results.sources), Style::Dim),
                ]
            })
            .collect();
        for line in columns::lines(&rows, Side::Left, self.show.color) {
            self.line(&line);
        }
    }

    fn safe(&mut self, plan: &Plan) {
        self.line("");
        match &plan.safe {
            Safe::Waves { waves, made } => {
                let head = if *made { "A PLAN" } else { "A SAFE ORDER" };
                self.wrapped(&format!("{head}, {}", proven(plan)), 2, Style::Good);
                let numbered = waves.iter().enumerate().flat_map(|(n, wave)| wave.iter().map(move |a| (n + 1, a)));
                self.steps(plan, numbered);
                if waves.len() > 1 {
                    self.wrapped(&format!("  {WAIT}"), 2, Style::Plain);
                }
                match &self.results.written {
                    Some(folder) => self.wrapped(
                        &format!("  its manifests are in {folder}, a folder for each wave"),
                        2,
                        Style::Plain,
                    ),
                    None if *made => {
                        self.wrapped("  --write DIR writes its manifests, a folder for each wave", 2, Style::Plain)
                    }
                    None => {}
                }
            }
            Safe::None { groups } | Safe::Undecided { groups } => {
                let text = if matches!(plan.safe, Safe::None { .. }) {
                    format!("NO SAFE ORDER: {NO_ORDER}")
                } else {
                    format!("NO SAFE ORDER WAS FOUND: {TOO_MANY}")
                };
                self.wrapped(&text, 2, Style::Bad);
                for names in names_of_groups(plan, groups) {
                    self.wrapped(&format!("  {names}"), 4, Style::Plain);
                }
            }
        }
    }

    fn back(&mut self, plan: &Plan) {
        let waves = matches!(plan.safe, Safe::Waves { .. });
        self.line("");
        self.wrapped("THE WAY BACK", 2, Style::Title);
        for back in &plan.back {
            let from = if waves { format!("after wave {}", back.after) } else { "from the new state".to_owned() };
            match &back.waves {
                None => self.wrapped(
                    &format!("  {from}: there is none on which nothing is lost, or none is known"),
                    4,
                    Style::Bad,
                ),
                Some(ways) => {
                    let text = sentence(ways, &plan.items, self.results.sources, self.steps_max());
                    self.wrapped(&format!("  {from}: {text}"), 4, Style::Plain);
                    for item in back.pods.iter().filter_map(|i| plan.items.get(*i)) {
                        let text = format!("    waits for pods: those of {} are gone and have to start first", item.id);
                        self.wrapped(&text, 6, Style::Warning);
                    }
                }
            }
            self.around(back);
        }
    }
}

/// What becomes of an order.
pub(super) fn verdict(order: &Order) -> (&'static str, Style) {
    match (order.is_safe(), order.is_unsafe()) {
        (true, _) => ("nothing is lost on the way, proven for every request", Style::Good),
        (_, true) => ("requests are lost on the way", Style::Bad),
        _ => ("requests may be lost on the way: possible, not proven", Style::Warning),
    }
}

/// Orders in which something may happen, with all tools that do the same steps.
pub(super) fn unsafe_orders(plan: &Plan) -> Vec<(Vec<&'static str>, &Order)> {
    let mut out: Vec<(Vec<&'static str>, &Order)> = Vec::new();
    for order in plan.orders.iter().filter(|o| !o.is_safe()) {
        match out.iter_mut().find(|(_, known)| known.actions == order.actions) {
            Some((tools, _)) => tools.push(order.tool.as_str()),
            None => out.push((vec![order.tool.as_str()], order)),
        }
    }
    out
}

/// `2 objects change, in 2 groups that have nothing to do with each other`.
pub(super) fn size(plan: &Plan) -> String {
    let objects = counted(plan.items.len() as u64, "object");
    let verb = if plan.items.len() == 1 { "changes" } else { "change" };
    let groups = match plan.groups.len() {
        1 => String::new(),
        n => format!(", in {n} groups that have nothing to do with each other"),
    };
    format!("{objects} {verb}{groups}")
}

/// `moved 1 host`: what the whole change does.
pub(super) fn in_the_end(plan: &Plan) -> String {
    let kind = |(kind, hosts): &(crate::analysis::diff::Kind, std::collections::BTreeSet<smol_str::SmolStr>)| {
        format!("{} {}", kind.as_str(), counted(hosts.len() as u64, "host"))
    };
    let effect: Vec<String> = plan.effect.iter().map(kind).collect();
    if effect.is_empty() { "no request is treated otherwise".to_owned() } else { effect.join(", ") }
}

fn proven(plan: &Plan) -> String {
    format!("proven in every state for every request of {}", counted(plan.clients as u64, "client"))
}

/// Whether there is a safe order, in a sentence.
pub(super) fn safe_order(plan: &Plan) -> (String, Style) {
    match &plan.safe {
        Safe::Waves { made: true, .. } => (format!("a plan, {}", proven(plan)), Style::Good),
        Safe::Waves { .. } => (format!("a safe order, {}", proven(plan)), Style::Good),
        Safe::None { .. } => (format!("no safe order: {NO_ORDER}"), Style::Bad),
        Safe::Undecided { .. } => (format!("no safe order was found: {TOO_MANY}"), Style::Bad),
    }
}

/// The objects of groups, a line for each.
pub(super) fn names_of_groups(plan: &Plan, groups: &[usize]) -> Vec<String> {
    let names = |group: &Vec<usize>| {
        let names: Vec<String> = group.iter().filter_map(|i| plan.items.get(*i)).map(|i| i.id.to_string()).collect();
        names.join(", ")
    };
    groups.iter().filter_map(|g| plan.groups.get(*g)).map(names).collect()
}
