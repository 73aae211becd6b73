//! A picture of flows: columns of nodes, and between them ribbons as wide as their share. A pure function from data to numbers,
//! which `parts.html` writes as SVG.

use indexmap::IndexMap;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Tone;
use crate::envoy::words;
use crate::tool::report::grid;

/// Sizes in pixels.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// Height of all requests together.
    whole: f64,
    /// From the bars of a column to those of the next.
    column: f64,
    /// Where the first column's bars stand: where their text is at their left, there is room for it.
    first: f64,
    is_text_left: bool,
    /// Behind the last column's bars.
    last: f64,
    /// Characters of a text beside a bar; of the small font of the second line, a few more.
    characters: usize,
}

/// Many columns, each with its text over what leaves it.
const LONG: Shape = Shape { whole: 210.0, column: 208.0, first: 0.0, is_text_left: false, last: 208.0, characters: 27 };
/// Two columns, with the texts at both sides.
const SHORT: Shape =
    Shape { whole: 120.0, column: 240.0, first: 260.0, is_text_left: true, last: 260.0, characters: 35 };

/// Width of a node's bar, and the space to the text beside it.
const BAR: f64 = 7.0;
const BESIDE: f64 = 7.0;
/// A node's two lines of text need so much.
const TEXT: f64 = 34.0;
/// Between two nodes.
const GAP: f64 = 10.0;
/// Above the first node, where the columns' titles stand.
const HEAD: f64 = 34.0;
const FOOT: f64 = 6.0;
/// No ribbon is thinner.
const THIN: f64 = 1.5;
/// Characters that the second line has more.
const SMALL_MORE: usize = 4;

/// What flows from where to where.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flows {
    titles: Vec<&'static str>,
    nodes: IndexMap<(usize, String), Node>,
    links: IndexMap<(usize, usize, Tone), f64>,
}

/// A place that requests come through, or end at.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Node {
    pub label: String,
    /// What the second line says before the share.
    pub detail: String,
    pub tone: Tone,
}

impl Flows {
    /// No flow yet, in columns with these titles.
    pub(crate) fn new(titles: impl IntoIterator<Item = &'static str>) -> Flows {
        Flows { titles: titles.into_iter().collect(), ..Flows::default() }
    }

    /// The node of a column with this key, made where it isn't there.
    pub(crate) fn node(&mut self, column: usize, key: impl Into<String>, node: impl FnOnce() -> Node) -> usize {
        let entry = self.nodes.entry((column, key.into()));
        let index = entry.index();
        entry.or_insert_with(node);
        index
    }

    /// Adds requests that go from one node to one of a later column.
    pub(crate) fn link(&mut self, from: usize, to: usize, tone: Tone, share: f64) {
        if share > 0.0 {
            *self.links.entry((from, to, tone)).or_default() += share;
        }
    }

    /// Whether it is more than from one place to another.
    pub(crate) fn is_plain(&self) -> bool {
        self.links.len() <= 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// The picture, with a name and a sentence for those who don't see it.
    pub(crate) fn draw(&self, id: String, title: String) -> Picture {
        Layout::of(self).picture(self, id, title)
    }
}

/// Everything that is drawn, in pixels.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Picture {
    /// Of the element, once in a page.
    pub id: String,
    pub title: String,
    pub width: f64,
    pub height: f64,
    pub heads: Vec<Head>,
    pub ribbons: Vec<Ribbon>,
    pub bars: Vec<Bar>,
}

/// The title of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    pub x: f64,
    pub anchor: &'static str,
    pub text: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ribbon {
    /// An SVG path.
    pub path: String,
    pub tone: Tone,
    /// `a to b: 10 %`.
    pub title: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    pub x: f64,
    pub y: f64,
    pub height: f64,
    pub tone: Tone,
    /// The whole texts, since those beside the bar are cut.
    pub title: String,
    pub label: String,
    pub detail: String,
    pub text_x: f64,
    pub text_y: f64,
    /// `start` of a text at the right, `end` of one at the left.
    pub anchor: &'static str,
}

impl Bar {
    pub(crate) fn width(&self) -> f64 {
        BAR
    }

    pub(crate) fn detail_y(&self) -> f64 {
        self.text_y + 15.0
    }
}

/// What takes a place in a column: a node, or a ribbon that only passes.
#[derive(Debug, Clone, Default)]
struct Slot {
    column: usize,
    /// Index of the node; None: a lane.
    node: Option<usize>,
    /// Of what comes in and of what goes out; the larger one is the bar's height.
    share: [f64; 2],
    /// Top of the place it takes, and its height.
    y: f64,
    height: f64,
}

impl Slot {
    fn bar(&self, shape: Shape) -> f64 {
        (self.share[0].max(self.share[1]) * shape.whole).max(THIN)
    }

    fn middle(&self) -> f64 {
        self.y + self.height / 2.0
    }
}

/// A part of a link between two columns side by side.
#[derive(Debug, Clone, Copy)]
struct Piece {
    from: usize,
    to: usize,
    link: usize,
    share: f64,
}

struct Layout {
    shape: Shape,
    slots: Vec<Slot>,
    pieces: Vec<Piece>,
    height: f64,
}

impl Layout {
    fn of(flows: &Flows) -> Layout {
        let shape = if flows.titles.len() == 2 { SHORT } else { LONG };
        let mut slots: Vec<Slot> = flows
            .nodes
            .keys()
            .enumerate()
            .map(|(i, (column, _))| Slot { column: *column, node: Some(i), ..Slot::default() })
            .collect();
        let mut pieces = Vec::new();
        for (link, ((from, to, _), share)) in flows.links.iter().enumerate() {
            let (first, last) = (column(&slots, *from), column(&slots, *to));
            let mut at = *from;
            for passed in first + 1..last {
                let lane = slots.len();
                slots.push(Slot { column: passed, ..Slot::default() });
                pieces.push(Piece { from: at, to: lane, link, share: *share });
                at = lane;
            }
            pieces.push(Piece { from: at, to: *to, link, share: *share });
        }
        for piece in &pieces {
            for (slot, side) in [(piece.to, 0), (piece.from, 1)] {
                if let Some(slot) = slots.get_mut(slot) {
                    slot.share[side] += piece.share;
                }
            }
        }
        for slot in &mut slots {
            let text = if slot.node.is_some() { TEXT } else { 0.0 };
            slot.height = slot.bar(shape).max(text);
        }
        let mut layout = Layout { shape, slots, pieces, height: 0.0 };
        layout.place(flows.titles.len());
        layout
    }

    /// Columns from left to right: the first in the order in which its nodes came, the others in that of where their flow comes
    /// from, each node as near to that as the others let it.
    fn place(&mut self, columns: usize) {
        let of = |column: usize, slots: &[Slot]| -> Vec<usize> {
            slots.iter().enumerate().filter(|(_, s)| s.column == column).map(|(i, _)| i).collect()
        };
        let need = |column: &[usize], slots: &[Slot]| {
            let heights = column.iter().filter_map(|i| slots.get(*i)).map(|s| s.height + GAP);
            (heights.sum::<f64>() - GAP).max(0.0)
        };
        let tallest = (0..columns).map(|c| need(&of(c, &self.slots), &self.slots)).fold(0.0, f64::max);
        self.height = HEAD + tallest + FOOT;
        for c in 0..columns {
            let mut column = of(c, &self.slots);
            let wish: Vec<f64> = (0..self.slots.len()).map(|i| self.wish(i)).collect();
            let wish = |i: usize| wish.get(i).copied().unwrap_or_default();
            if c > 0 {
                column.sort_by(|a, b| wish(*a).total_cmp(&wish(*b)));
            }
            let mut y = if c == 0 { HEAD + (tallest - need(&column, &self.slots)) / 2.0 } else { HEAD };
            for i in &column {
                let Some(slot) = self.slots.get_mut(*i) else { continue };
                slot.y = if c == 0 { y } else { y.max(wish(*i) - slot.height / 2.0) };
                y = slot.y + slot.height + GAP;
            }
            let mut bottom = HEAD + tallest;
            for i in column.iter().rev() {
                let Some(slot) = self.slots.get_mut(*i) else { continue };
                slot.y = slot.y.min(bottom - slot.height);
                bottom = slot.y - GAP;
            }
        }
    }

    /// Where a slot would stand if it were alone: in the middle of what comes to it.
    fn wish(&self, slot: usize) -> f64 {
        let (mut sum, mut weight) = (0.0, 0.0);
        for piece in self.pieces.iter().filter(|p| p.to == slot) {
            let Some(from) = self.slots.get(piece.from) else { continue };
            sum += from.middle() * piece.share;
            weight += piece.share;
        }
        if weight > 0.0 { sum / weight } else { HEAD }
    }

    fn picture(&self, flows: &Flows, id: String, title: String) -> Picture {
        let (shape, columns) = (self.shape, flows.titles.len());
        let x = |column: usize| shape.first + shape.column * f64::from(u32::try_from(column).unwrap_or(0));
        let is_left = |column: usize| shape.is_text_left && column == 0;
        let text_x = |column: usize| x(column) + if is_left(column) { -BESIDE } else { BAR + BESIDE };
        let anchor = |column: usize| if is_left(column) { "end" } else { "start" };
        let head = |(i, text): (usize, &&'static str)| {
            let x = if shape.is_text_left { text_x(i) } else { x(i) };
            Head { x, anchor: anchor(i), text }
        };
        let mut picture = Picture {
            id,
            title,
            width: x(columns.saturating_sub(1)) + BAR + shape.last,
            height: self.height,
            heads: flows.titles.iter().enumerate().map(head).collect(),
            ..Picture::default()
        };
        for slot in &self.slots {
            let Some((_, node)) = slot.node.and_then(|i| flows.nodes.get_index(i)) else { continue };
            let height = slot.bar(shape);
            let share = percent(slot.share[0].max(slot.share[1]));
            let detail = if node.detail.is_empty() { share } else { format!("{}, {share}", node.detail) };
            picture.bars.push(Bar {
                x: x(slot.column),
                y: slot.middle() - height / 2.0,
                height,
                tone: node.tone,
                title: format!("{}, {detail}", node.label),
                label: fit(&node.label, shape.characters),
                detail: fit(&detail, shape.characters + SMALL_MORE),
                text_x: text_x(slot.column),
                text_y: slot.middle() - 3.5,
                anchor: anchor(slot.column),
            });
        }
        self.ribbons(flows, &x, &mut picture);
        picture
    }

    fn ribbons(&self, flows: &Flows, x: &impl Fn(usize) -> f64, picture: &mut Picture) {
        // Where on either bar each piece begins: in the order of what is at its other end, so that as few cross as can be.
        let mut ends: Vec<[f64; 2]> = vec![[0.0; 2]; self.pieces.len()];
        for (i, slot) in self.slots.iter().enumerate() {
            for side in [0, 1] {
                let own = |p: &Piece| if side == 0 { p.to == i } else { p.from == i };
                let other = |p: &Piece| self.slots.get(if side == 0 { p.from } else { p.to }).map_or(0.0, |s| s.y);
                let mut own: Vec<(usize, &Piece)> = self.pieces.iter().enumerate().filter(|(_, p)| own(p)).collect();
                own.sort_by(|(_, a), (_, b)| other(a).total_cmp(&other(b)).then(a.link.cmp(&b.link)));
                let mut y = slot.middle() - slot.share[side] * self.shape.whole / 2.0;
                for (piece, p) in own {
                    if let Some(end) = ends.get_mut(piece) {
                        end[1 - side] = y;
                    }
                    y += p.share * self.shape.whole;
                }
            }
        }
        for (piece, [from, to]) in self.pieces.iter().zip(ends) {
            let Some(((a, b, tone), share)) = flows.links.get_index(piece.link) else { continue };
            let name = |node: usize| flows.nodes.get_index(node).map_or("", |(_, n)| n.label.as_str());
            let is_lane = |slot: usize| self.slots.get(slot).is_some_and(|s| s.node.is_none());
            let left = x(column(&self.slots, piece.from)) + if is_lane(piece.from) { 0.0 } else { BAR };
            let right = x(column(&self.slots, piece.to));
            let height = (piece.share * self.shape.whole).max(THIN);
            picture.ribbons.push(Ribbon {
                path: ribbon([left, from], [right, to], height),
                tone: *tone,
                title: format!("{} to {}: {}", name(*a), name(*b), percent(*share)),
            });
        }
    }
}

fn column(slots: &[Slot], slot: usize) -> usize {
    slots.get(slot).map_or(0, |s| s.column)
}

/// As few digits as say it within a hundredth of a percent.
fn percent(share: f64) -> String {
    let rounded = (share * 1e4).round() / 1e4;
    if (rounded == 0.0 || rounded == 1.0) && (rounded - share).abs() > 1e-9 {
        return grid::percent(share);
    }
    words::percent(rounded)
}

/// From the top left corner of its beginning to that of its end, always as high.
fn ribbon([x, y]: [f64; 2], [to_x, to_y]: [f64; 2], height: f64) -> String {
    let middle = f64::midpoint(x, to_x);
    let (low, to_low) = (y + height, to_y + height);
    format!(
        "M{x:.1} {y:.1}C{middle:.1} {y:.1} {middle:.1} {to_y:.1} {to_x:.1} {to_y:.1}V{to_low:.1}C{middle:.1} {to_low:.1} \
         {middle:.1} {low:.1} {x:.1} {low:.1}Z"
    )
}

/// A text of at most so many columns of a terminal; of a longer one the beginning and the end, which tell names apart.
pub(crate) fn fit(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let part = |chars: &mut dyn Iterator<Item = char>, most: usize| {
        let mut width = 0;
        let fits = |c: &char| {
            width += c.width().unwrap_or(0);
            width <= most
        };
        chars.take_while(fits).collect::<Vec<char>>()
    };
    let end = (most - 1) / 2;
    let first = part(&mut text.chars(), most - 1 - end);
    let last = part(&mut text.chars().rev(), end);
    first.into_iter().chain(std::iter::once('…')).chain(last.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(label: &str, tone: Tone) -> Node {
        Node { label: label.to_owned(), detail: String::new(), tone }
    }

    /// Clients to a host, from there by two rules to a subset and to nowhere; and past the rules by TCP.
    fn flows() -> Flows {
        let mut flows = Flows::new(["clients", "rules", "ends"]);
        let client = flows.node(0, "c", || node("c", Tone::Plain));
        let [a, b] = ["a", "b"].map(|rule| flows.node(1, rule, || node(rule, Tone::Plain)));
        let [good, lost] =
            [("good", Tone::Good), ("lost", Tone::Bad)].map(|(end, tone)| flows.node(2, end, || node(end, tone)));
        flows.link(client, a, Tone::Good, 0.6);
        flows.link(client, b, Tone::Bad, 0.1);
        flows.link(a, good, Tone::Good, 0.6);
        flows.link(b, lost, Tone::Bad, 0.1);
        flows.link(client, good, Tone::Good, 0.3);
        flows.link(client, good, Tone::Good, 0.0);
        flows
    }

    #[test]
    fn bars_are_as_high_as_their_share_and_nothing_overlaps() {
        let picture = flows().draw("flow".into(), "a flow".into());
        let bar = |label: &str| picture.bars.iter().find(|b| b.label == label).expect("a bar");
        assert!((bar("c").height - LONG.whole).abs() < 1e-9);
        assert!((bar("good").height - 0.9 * LONG.whole).abs() < 1e-9);
        assert_eq!(bar("lost").title, "lost, 10 %");
        assert!(bar("a").y + bar("a").height < bar("b").y, "{picture:?}");
        assert!(picture.bars.iter().all(|b| b.y >= HEAD && b.y + b.height <= picture.height), "{picture:?}");
        assert_eq!(picture.ribbons.len(), 6, "one of five links passes a column");
        assert_eq!(picture.ribbons.iter().filter(|r| r.tone == Tone::Bad).count(), 2);
    }

    #[test]
    fn what_comes_to_a_node_fills_its_bar() {
        let flows = flows();
        let layout = Layout::of(&flows);
        for slot in layout.slots.iter().filter(|s| s.column == 1) {
            assert!((slot.share[0] - slot.share[1]).abs() < 1e-12);
        }
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(fit("reviews.default", 27), "reviews.default");
        assert_eq!(fit("abcdefghij", 5), "ab…ij");
        assert_eq!(fit("日本日本日本", 5).width(), 5);
    }

    #[test]
    fn shares_are_short_and_never_round_away() {
        for (share, text) in
            [(0.2, "20 %"), (0.545_454, "54.55 %"), (1e-6, "<0.01 %"), (0.999_999, ">99.99 %"), (1.0, "100 %")]
        {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn nothing_flows_without_links() {
        assert!(Flows::new(["a", "b"]).is_empty());
        assert_eq!(Flows::new(["a", "b"]).draw(String::new(), String::new()).ribbons, []);
    }
}
