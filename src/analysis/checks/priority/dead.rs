//! Which rules are never reached, and which depend on their order: P201 to P205, T417.

use std::collections::{BTreeMap, BTreeSet};

use crate::order::Order as _;
use crate::parallel::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use super::effort::Purse;
use super::entries::{Entry, count, entries, sites};
use super::meeting::Meeting;
use super::witness;
use crate::analysis::checks::registry::checks;
use crate::analysis::checks::report::{Report, listed};
use crate::analysis::checks::subject::Subject;
use crate::analysis::symbolic::{Answer, Budget, Conditions, Example, Languages, Region, difference, paths_differ};
use crate::istio::mesh::VirtualService;
use crate::manifest::diagnostic::Severity;
use crate::manifest::kinds::{HttpMatch, ObjectId};
use crate::manifest::source::Position;

checks! {
    /// A rule stands behind one without match, which takes every request: it gets nothing, and is not even sent to the
    /// proxy. Put rules with conditions first.
    P201 "Rule after a rule without match" Warning needs[VirtualServices, Roots] peers["IST0130"];

    /// A match that takes every request is not the last one of the last rule: prefix `/` or regex `.*` with no other
    /// condition, behind which Istio sends nothing to the proxy, or a regex such as `/.*`, which covers all the same. An info
    /// where all that it hides belongs to the same rule, which is harmless; so for the two that follow.
    P202 "Implicit catch-all in the middle" Warning needs[VirtualServices, Roots] peers["IST0131"];

    /// Two matches accept exactly the same requests, however they are written (case of header names, order of conditions,
    /// `prefix: /` against none). The later one gets nothing.
    P203 "Exact duplicate match" Warning needs[VirtualServices, Roots] peers["IST0131", "IST0130"];

    /// Every request that a match accepts is taken by earlier matches, one or several together: it gets nothing. The usual
    /// case is a canary rule with a header behind the general rule for the same path.
    ///
    /// This is proven on the whole condition: paths as automata, headers as sets of values, methods, parameters and the
    /// client's source. Where it can't be decided within bounds, and no request was found that reaches the match, it is
    /// reported as possible. A match that any client can reach is not reported.
    P204 "Match fully covered by earlier ones" Warning needs[VirtualServices, Roots] peers["IST0131"];

    /// Two matches accept a common request, neither covers the other, and they do different things: the order decides, and
    /// nobody sees that from either of them alone. The request that both accept is shown, and the router has confirmed it. A
    /// warning where what is in force has the two the other way round.
    P205 "Order-sensitive overlap" Info needs[VirtualServices, Roots] peers[];

    /// A redirect or direct response takes all requests of a later rule that routes, which is how maintenance pages stay
    /// behind. The later rule gets nothing.
    T417 "Direct answer shadows a destination" Warning needs[VirtualServices] peers[];
}

/// Judges all VirtualServices that have HTTP rules, each by itself and then no more: what their conditions are made into would take more
/// room than the manifests. Gives which rules get requests, and what is to be said.
pub(in crate::analysis::checks) fn judge<'a>(subject: &Subject<'a>) -> (ReachedRules<'a>, Report) {
    let virtual_services = subject.mesh.virtual_services.all.iter().map(|vs| &**vs);
    let routed: Vec<&'a VirtualService> = virtual_services.filter(|vs| !vs.http.is_empty()).collect();
    let entries = routed.iter().flat_map(|vs| sites(vs).into_iter().map(|site| count(vs, site))).sum::<usize>();
    let purse = subject.effort.fates();
    let each = purse.part(2 * entries);
    let first = routed.into_par_iter().map(|vs| {
        let judged = Judged::first(vs, &subject.languages, each);
        let (spent, undecided) = judged.spent(each);
        // Those that all is known of are told of at once.
        let judged = if undecided == 0 { Ok(judged.told(subject)) } else { Err(judged) };
        (judged, spent, undecided)
    });
    let first: Vec<_> = first.collect();
    let (spent, undecided) = first.iter().fold((0, 0), |(s, u), (_, spent, undecided)| (s + spent, u + undecided));
    let more = more(purse, each, (spent, undecided));
    let told = first.into_par_iter().map(|(judged, ..)| {
        judged.unwrap_or_else(|mut judged| {
            if let Some(more) = more {
                judged.sites.iter_mut().for_each(|site| ask_again(&site.list, &site.meeting, more, &mut site.asked));
            }
            judged.told(subject)
        })
    });
    let told: Vec<Told<'_>> = told.collect();
    // A delegate's match is dead where all roots leave nothing for it, and only there.
    let mut reached: FxHashMap<ObjectId, BTreeSet<String>> = FxHashMap::default();
    let mut rules = ReachedRules::default();
    let mut reports = Vec::with_capacity(told.len());
    for one in told {
        for (object, path) in one.reached {
            reached.entry(object).or_default().insert(path);
        }
        rules.0.insert(one.object, one.rules);
        reports.push(one.report);
    }
    let mut report = Report::default();
    for mut one in reports {
        one.findings.retain(|f| {
            let is_dead = matches!(f.id.as_str(), "P201" | "P203" | "P204" | "T417");
            let below = format!("{}.match[", f.path);
            let lives = |paths: &BTreeSet<String>| {
                paths.contains(&f.path) || paths.range(below.clone()..).next().is_some_and(|p| p.starts_with(&below))
            };
            !is_dead || !f.object.as_ref().and_then(|object| reached.get(object)).is_some_and(lives)
        });
        report.append(one);
    }
    (rules, report)
}

/// Of each VirtualService with HTTP rules, which of its own get requests.
#[derive(Debug, Default)]
pub(in crate::analysis::checks) struct ReachedRules<'a>(FxHashMap<&'a ObjectId, Vec<bool>>);

impl ReachedRules<'_> {
    /// Whether a rule of the object, by its index there, gets any request as far as is known.
    pub(in crate::analysis::checks) fn contain(&self, object: &ObjectId, rule: usize) -> bool {
        let of_object = |rules: &Vec<bool>| rule == 0 || rules.get(rule).copied().unwrap_or_default();
        self.0.get(object).is_none_or(of_object)
    }
}

/// What is kept of a VirtualService that was judged.
struct Told<'a> {
    object: &'a ObjectId,
    report: Report,
    /// The objects and paths of delegates' matches that some request reaches.
    reached: Vec<(ObjectId, String)>,
    /// Whether its own rules get any request as far as is known, by their indexes.
    rules: Vec<bool>,
}

/// A VirtualService as each of its places gets it, with what becomes of its entries there.
struct Judged<'a> {
    vs: &'a VirtualService,
    /// The mesh first.
    sites: Vec<Site<'a>>,
}

/// A list of entries, of which the first that holds wins.
struct Site<'a> {
    list: Vec<Entry<'a>>,
    meeting: Meeting,
    /// One for each entry.
    asked: Vec<Asked>,
}

impl<'a> Judged<'a> {
    /// As far as that much for each entry goes.
    fn first(vs: &'a VirtualService, languages: &Languages, each: Purse) -> Judged<'a> {
        let sites = sites(vs).into_iter().map(|site| {
            let list = entries(vs, site, languages);
            let meeting = Meeting::of(&list);
            Site { asked: ask(&list, &meeting, each), list, meeting }
        });
        Judged { vs, sites: sites.collect() }
    }

    /// What was spent, and how many entries are not decided, where each had that much.
    fn spent(&self, each: Purse) -> (u64, usize) {
        let all = self.sites.iter().map(|site| spent(&site.asked, each));
        all.fold((0, 0), |(s, u), (spent, undecided)| (s + spent, u + undecided))
    }

    fn told(&self, subject: &Subject<'_>) -> Told<'a> {
        let mut report = Report::default();
        let reached = self.tell(subject, &mut report);
        Told { object: &self.vs.object, report, reached, rules: self.reached_rules() }
    }

    fn reached_rules(&self) -> Vec<bool> {
        let mut rules = Vec::new();
        for (entry, asked) in self.sites.iter().flat_map(|site| site.list.iter().zip(&site.asked)) {
            // Delegates put other rules between the object's own; those stay in order.
            let Some(rule) = entry.source.rule.filter(|_| entry.source.object == self.vs.object) else { continue };
            let rule = rule as usize;
            rules.resize(rules.len().max(rule + 1), false);
            if let Some(is_reached) = rules.get_mut(rule) {
                *is_reached |= !matches!(asked.fate, Fate::Covered(_));
            }
        }
        rules
    }

    /// Gives the objects and paths of delegates' matches that some request reaches.
    fn tell(&self, subject: &Subject<'_>, report: &mut Report) -> Vec<(ObjectId, String)> {
        let mut fates: FxHashMap<(usize, Option<usize>), Vec<&Fate>> = FxHashMap::default();
        for (entry, asked) in self.sites.iter().flat_map(|site| site.list.iter().zip(&site.asked)) {
            fates.entry((entry.rule, entry.match_index)).or_default().push(&asked.fate);
        }
        let Some(Site { list, meeting, .. }) = self.sites.first() else { return Vec::new() };
        let alive = |e: &Entry<'_>| fates.get(&(e.rule, e.match_index)).is_none_or(|all| all.contains(&&Fate::Reached));
        // A delegate's match meets each match of its root: one place in a manifest is several entries then.
        let reached: FxHashSet<(ObjectId, String)> = list
            .iter()
            .filter(|e| e.source.root.is_some() && alive(e))
            .map(|e| (e.source.object.clone(), e.path()))
            .collect();
        // Only what is dead for everyone who gets it.
        let dead = |e: &Entry<'_>| {
            let all = fates.get(&(e.rule, e.match_index))?;
            let elsewhere = || reached.contains(&(e.source.object.clone(), e.path()));
            let is_dead = !alive(e) && (e.source.root.is_none() || !elsewhere());
            is_dead.then(|| all.first().copied()).flatten()
        };
        tell_dead(list, &dead, report);
        overlaps(subject, (list, meeting), &|e| dead(e).is_some(), &self.vs.hosts, report);
        reached.into_iter().collect()
    }
}

/// What becomes of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::analysis::checks) enum Fate {
    /// Some request gets there, or it can't get any request at all for reasons of its own.
    Reached,
    /// Proven: earlier entries take everything. Their positions (rule, match).
    Covered(Vec<(usize, Option<usize>)>),
    /// Not decided, and no request was found that gets there.
    Perhaps,
}

/// More entries than this are not looked at for covering one together.
const TOGETHER_MAX: usize = 24;

/// What became of an entry, and how many steps of what it had for that were left.
pub(in crate::analysis::checks) struct Asked {
    fate: Fate,
    left: u64,
}

/// The fates of the entries of a list. Each entry has an equal part of half the purse at first; what is left then is for those that are
/// not decided.
pub(in crate::analysis::checks) fn fates_of(list: &[Entry<'_>], meeting: &Meeting, purse: Purse) -> Vec<Fate> {
    let each = purse.part(2 * list.len());
    let mut asked = ask(list, meeting, each);
    if let Some(more) = more(purse, each, spent(&asked, each)) {
        ask_again(list, meeting, more, &mut asked);
    }
    asked.into_iter().map(|asked| asked.fate).collect()
}

/// Asks for each entry, which has that much.
fn ask(list: &[Entry<'_>], meeting: &Meeting, each: Purse) -> Vec<Asked> {
    let table = Table::new(list, meeting);
    let indexes: Vec<usize> = (0..list.len()).collect();
    indexes.par_iter().map(|index| table.ask(*index, each)).collect()
}

/// What was spent, and how many entries are not decided, where each had that much.
fn spent(asked: &[Asked], each: Purse) -> (u64, usize) {
    let undecided = asked.iter().filter(|asked| asked.fate == Fate::Perhaps).count();
    (asked.iter().map(|asked| each.steps - asked.left).sum(), undecided)
}

/// What is there for each entry that isn't decided, once every entry had `each` out of the purse; None where it isn't more.
fn more(purse: Purse, each: Purse, (spent, undecided): (u64, usize)) -> Option<Purse> {
    let more = Purse { steps: purse.steps.saturating_sub(spent) }.part(undecided);
    (undecided > 0 && more.steps > each.steps).then_some(more)
}

/// Asks once more for those that are not decided.
fn ask_again(list: &[Entry<'_>], meeting: &Meeting, more: Purse, asked: &mut [Asked]) {
    let table = Table::new(list, meeting);
    let undecided: Vec<usize> =
        asked.iter().enumerate().filter(|(_, asked)| asked.fate == Fate::Perhaps).map(|(i, _)| i).collect();
    let again: Vec<(usize, Asked)> = undecided.par_iter().map(|i| (*i, table.ask(*i, more))).collect();
    for (i, again) in again {
        if let Some(place) = asked.get_mut(i) {
            *place = again;
        }
    }
}

/// A list of entries, of which the first that holds wins.
struct Table<'l, 'a> {
    list: &'l [Entry<'a>],
    meeting: &'l Meeting,
    /// Entries behind which Istio may send nothing.
    enders: Vec<usize>,
}

impl<'l, 'a> Table<'l, 'a> {
    fn new(list: &'l [Entry<'a>], meeting: &'l Meeting) -> Table<'l, 'a> {
        let enders = list.iter().enumerate().filter(|(_, e)| e.ends_table_of(e)).map(|(i, _)| i).collect();
        Table { list, meeting, enders }
    }

    fn ask(&self, index: usize, mut own: Purse) -> Asked {
        Asked { fate: self.fate(index, &mut own), left: own.steps }
    }

    /// An entry is reached where a request is known that fits it and none before it. Each request that is found narrows down
    /// which of the earlier ones can cover it alone; those that take the requests found so far are then tried together.
    fn fate(&self, index: usize, purse: &mut Purse) -> Fate {
        let Some(entry) = self.list.get(index) else { return Fate::Reached };
        let region = Region::all_of([&entry.conditions]);
        let mut example = match purse.ask(|budget| region.example(budget)) {
            Answer::None => return Fate::Reached,
            Answer::Some(example) => Some(example),
            Answer::Unknown => None,
        };
        let place = |e: &Entry<'_>| (e.rule, e.match_index);
        let enders = self.enders.iter().take_while(|i| **i < index).filter_map(|i| self.list.get(*i));
        if let Some(e) = enders.into_iter().find(|e| e.ends_table_of(entry)) {
            return Fate::Covered(vec![place(e)]);
        }
        let before = self.meeting.before(index);
        let touching: Vec<&Entry<'_>> = before
            .iter()
            .filter_map(|i| self.list.get(*i))
            .filter(|e| !paths_differ(&e.conditions, &entry.conditions))
            .collect();
        let takers = |example: &Option<Example>| -> Vec<&Entry<'_>> {
            let takes = |e: &&&Entry<'_>| example.as_ref().is_none_or(|x| e.conditions.accept(x));
            touching.iter().filter(takes).copied().collect()
        };
        // Whoever covers it alone takes every request that is found.
        let mut alone = takers(&example);
        let mut tried: Vec<&Entry<'_>> = Vec::new();
        let mut unknown = example.is_none();
        while let Some(e) = alone.first().copied() {
            match purse.ask(|budget| difference(&region, &[&e.conditions], budget)) {
                Answer::None => return Fate::Covered(vec![place(e)]),
                Answer::Unknown => {
                    unknown = true;
                    alone.remove(0);
                }
                Answer::Some(found) => {
                    alone.retain(|other| !std::ptr::eq(*other, e) && other.conditions.accept(&found));
                    if takers(&Some(found.clone())).is_empty() {
                        return Fate::Reached;
                    }
                    tried.push(e);
                    example = Some(found);
                }
            }
        }
        if touching.is_empty() || (!unknown && tried.is_empty()) {
            return Fate::Reached;
        }
        // No one alone: each request that is found adds one that takes it.
        let mut together: Vec<&Entry<'_>> = Vec::new();
        while let Some(e) = takers(&example).first().copied() {
            if together.len() == TOGETHER_MAX || together.iter().any(|t| std::ptr::eq(*t, e)) {
                break;
            }
            together.push(e);
            let conditions: Vec<&Conditions> = together.iter().map(|e| &e.conditions).collect();
            match purse.ask(|budget| difference(&region, &conditions, budget)) {
                Answer::None => {
                    together.order_by_key(|e| place(e));
                    return Fate::Covered(together.into_iter().map(place).collect());
                }
                Answer::Some(found) if takers(&Some(found.clone())).is_empty() => return Fate::Reached,
                Answer::Some(found) => example = Some(found),
                Answer::Unknown => {
                    unknown = true;
                    break;
                }
            }
        }
        if unknown { Fate::Perhaps } else { Fate::Reached }
    }
}

fn find<'l, 'a>(list: &'l [Entry<'a>], at: (usize, Option<usize>)) -> Option<&'l Entry<'a>> {
    let found = list.binary_search_by_key(&at, |e| (e.rule, e.match_index));
    found.ok().and_then(|i| list.get(i))
}

fn tell_dead<'f>(list: &[Entry<'_>], dead: &dyn Fn(&Entry<'_>) -> Option<&'f Fate>, report: &mut Report) {
    let (mut shadowed_rule, mut told_rule) = (None, None);
    let mut catch_alls: BTreeMap<(usize, Option<usize>), Vec<&Entry<'_>>> = BTreeMap::new();
    for entry in list {
        let Some(fate) = dead(entry) else { continue };
        let coverers: Vec<&Entry<'_>> = match fate {
            Fate::Covered(by) => by.iter().filter_map(|at| find(list, *at)).collect(),
            _ => Vec::new(),
        };
        let (path, whole) = place(entry, list, dead);
        if let [one] = coverers.as_slice() {
            shadowed(one, entry, &mut shadowed_rule, report);
            if one.match_index.is_none() && one.rule != entry.rule {
                let object = (&entry.source.object, entry.source.at);
                let message =
                    format!("rule is never reached: {} before it has no match and takes everything", one.name());
                report
                    .add("P201", object, entry.rule_path(), message, "move the rule without match to the end")
                    .related(format!("{} takes everything", one.name()), one.source.at, Some(&one.source.object));
                continue;
            }
            if one.is_catch_all() {
                catch_alls.entry((one.rule, one.match_index)).or_default().push(entry);
                continue;
            }
            if same(one, entry) {
                let message = format!("match accepts exactly what {} accepts, so it gets nothing", one.name());
                let severity = if one.rule == entry.rule { Severity::Info } else { Severity::Warning };
                report
                    .add(
                        "P203",
                        (&entry.source.object, entry.source.at),
                        path,
                        message,
                        "remove one of the two, or make them differ",
                    )
                    .severity(severity)
                    .related(format!("{} takes all of it", one.name()), one.source.at, Some(&one.source.object));
                continue;
            }
        }
        if whole && told_rule.replace(entry.rule) == Some(entry.rule) {
            continue;
        }
        covered(entry, &coverers, path, whole, report);
    }
    for (at, hidden) in catch_alls {
        let Some(one) = find(list, at) else { continue };
        let mut names: Vec<String> = hidden.iter().map(|e| e.path().replacen("spec.", "", 1)).collect();
        names.dedup();
        let message = format!("this match takes every request; behind it {} get nothing", listed(&names, 4));
        let harmless = hidden.iter().all(|e| e.rule == one.rule);
        let (severity, hint) = if harmless {
            (Severity::Info, "remove what is behind it: the rule takes these requests anyway")
        } else {
            (Severity::Warning, "move it behind all others, or narrow it")
        };
        let mut added =
            report.add("P202", (&one.source.object, one.source.at), one.path(), message, hint).severity(severity);
        for e in hidden.iter().take(3) {
            added = added.related(format!("{} gets nothing", e.name()), e.source.at, Some(&e.source.object));
        }
    }
}

/// Where a dead entry is reported: at its rule if all of that is dead.
fn place<'f>(entry: &Entry<'_>, list: &[Entry<'_>], dead: &dyn Fn(&Entry<'_>) -> Option<&'f Fate>) -> (String, bool) {
    let several = entry.route.matches.len() > 1;
    let from = list.partition_point(|e| e.rule < entry.rule);
    let mut of_rule = list.iter().skip(from).take_while(|e| e.rule == entry.rule);
    let whole = of_rule.all(|e| dead(e).is_some());
    if several && whole { (entry.rule_path(), true) } else { (entry.path(), whole && !several) }
}

/// T417.
fn shadowed(one: &Entry<'_>, entry: &Entry<'_>, told: &mut Option<usize>, report: &mut Report) {
    let answers = |e: &Entry<'_>| e.route.redirect.is_some() || e.route.direct_response.is_some();
    if answers(one) && !answers(entry) && told.replace(entry.rule) != Some(entry.rule) {
        let message = format!(
            "{} of {} takes every request of this rule, which routes to {}",
            one.action(),
            one.name(),
            entry.action()
        );
        report
            .add(
                "T417",
                (&entry.source.object, entry.source.at),
                entry.path(),
                message,
                "remove the answer, or put this rule before it",
            )
            .related("the answer", one.source.at, Some(&one.source.object));
    }
}

/// Whether two entries accept the same requests, the first covering the second already.
fn same(first: &Entry<'_>, second: &Entry<'_>) -> bool {
    difference(&Region::all_of([&first.conditions]), &[&second.conditions], &mut Budget::default()) == Answer::None
}

fn covered(entry: &Entry<'_>, coverers: &[&Entry<'_>], path: String, whole: bool, report: &mut Report) {
    let what = if whole { "rule" } else { "match" };
    let names: Vec<String> = coverers.iter().map(|e| e.path().replacen("spec.", "", 1)).collect();
    let object = (&entry.source.object, entry.source.at);
    let harmless = !coverers.is_empty() && coverers.iter().all(|e| e.rule == entry.rule);
    let (severity, hint) = if harmless {
        (Severity::Info, "remove it: the rule takes these requests anyway")
    } else {
        (Severity::Warning, "put the narrower match before the wider one, or remove it")
    };
    if coverers.is_empty() {
        let message = format!("{what} is never reached: no request was found that earlier matches don't take");
        report.add("P204", object, path, message, hint).possible();
        return;
    }
    let together = if names.len() > 1 { "together " } else { "" };
    let message = format!("{what} is never reached: {} {together}take all of its requests", listed(&names, 4));
    let message = if names.len() == 1 { message.replace(" take all", " takes all") } else { message };
    let mut added = report.add("P204", object, path, message, hint).severity(severity);
    for e in coverers.iter().take(3) {
        added =
            added.related(format!("{} sends them to {}", e.name(), e.action()), e.source.at, Some(&e.source.object));
    }
    if let Answer::Some(example) = Region::all_of([&entry.conditions]).example(&mut Budget::default())
        && let Some(request) = witness::confirmed(&example, &entry.vs.hosts, &[&entry.matcher])
    {
        let goes = coverers
            .iter()
            .find(|e| witness::taken(&witness::router(&[&e.matcher]), &request) == Some(0))
            .map_or_else(String::new, |e| format!(" goes to {}", e.action()));
        added.witness(Some(format!("{}{goes}", witness::describe(&request, &example))));
    }
}

/// P205.
fn overlaps(
    subject: &Subject<'_>,
    (list, meeting): (&[Entry<'_>], &Meeting),
    dead: &(dyn Fn(&Entry<'_>) -> bool + Sync),
    hosts: &[SmolStr],
    report: &mut Report,
) {
    let each = subject.effort.overlaps(list.len()).part(list.len());
    let found = list.par_iter().enumerate().filter_map(|(j, later)| {
        if later.is_catch_all() || dead(later) {
            return None;
        }
        let mut purse = each;
        let before = meeting.before(j);
        let mut earlier = before.iter().filter_map(|i| list.get(*i));
        earlier.find_map(|e| Some((e, later, overlap(e, later, hosts, &mut purse)?)))
    });
    for (e, later, shown) in found.collect::<Vec<_>>() {
        let message = format!("a request can fit both {} and {}: the first one wins", e.name(), later.name());
        report
            .add(
                "P205",
                (&later.source.object, later.source.at),
                later.path(),
                message,
                "fine if the order is meant; else make one of them exclude the other",
            )
            .severity(if swapped(subject, e, later) { Severity::Warning } else { Severity::Info })
            .related(format!("{} goes to {}", e.name(), e.action()), e.source.at, Some(&e.source.object))
            .witness(Some(format!("{shown} goes to {}", e.action())));
    }
}

/// Whether what is in force has the two the other way round.
fn swapped(subject: &Subject<'_>, earlier: &Entry<'_>, later: &Entry<'_>) -> bool {
    let Some(old) = subject.base.as_ref().and_then(|b| b.virtual_service(&earlier.source.object)) else { return false };
    let place = |entry: &Entry<'_>| {
        let wanted = HttpMatch { at: Position::default(), name: SmolStr::default(), ..entry.written()?.clone() };
        let all = old.spec.http.iter().flat_map(|r| &r.matches);
        let mut bare = all.map(|m| HttpMatch { at: Position::default(), name: SmolStr::default(), ..m.clone() });
        bare.position(|m| m == wanted)
    };
    matches!((place(earlier), place(later)), (Some(a), Some(b)) if a > b)
}

/// A request that both accept, where the order of the two matters and neither covers the other.
fn overlap(earlier: &Entry<'_>, later: &Entry<'_>, hosts: &[SmolStr], purse: &mut Purse) -> Option<String> {
    let (example, _) = contest(earlier, later, purse).filter(|(_, is_nested)| !is_nested)?;
    shown(&example, earlier, later, hosts)
}

/// What two entries that do different things both accept, where the earlier one isn't for everything, and whether one covers the other.
pub(in crate::analysis::checks) fn contest(
    earlier: &Entry<'_>,
    later: &Entry<'_>,
    purse: &mut Purse,
) -> Option<(Example, bool)> {
    if purse.is_empty()
        || paths_differ(&earlier.conditions, &later.conditions)
        || earlier.same_action(later)
        || earlier.is_catch_all()
    {
        return None;
    }
    let both = Region::all_of([&earlier.conditions, &later.conditions]);
    let Answer::Some(example) = purse.ask(|budget| both.example(budget)) else { return None };
    let mut covers = |a: &Entry<'_>, b: &Entry<'_>| {
        purse.ask(|budget| difference(&Region::all_of([&b.conditions]), &[&a.conditions], budget)) == Answer::None
    };
    let is_nested = covers(later, earlier) || covers(earlier, later);
    Some((example, is_nested))
}

/// The request in words, if the router confirms it for both.
pub(in crate::analysis::checks) fn shown(
    example: &Example,
    earlier: &Entry<'_>,
    later: &Entry<'_>,
    hosts: &[SmolStr],
) -> Option<String> {
    let request = witness::confirmed(example, hosts, &[&earlier.matcher, &later.matcher])?;
    Some(witness::describe(&request, example))
}
