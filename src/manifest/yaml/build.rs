//! From events to the tree: aliases and merge keys are resolved, keys made unique, limits kept.
//! What scalars mean is in [`meaning`](super::meaning).
//!
//! Source: `decode.go` of go.yaml.in/yaml/v2 2.4.2 and `convertToJSONableObject` of
//! sigs.k8s.io/yaml 1.6.0.

use super::Limits;
use super::events::{AnchorId, Event, Reader, Tag};
use super::keys::settle_keys;
use super::node::{Entry, Node, Span, Value};
use super::problem::{Problem, ProblemKind};
use super::reader::YamlReader;
use super::source::Source;

/// Reading on is impossible; the reason is the last of the builder's errors.
pub(super) struct Stop;

pub(super) type Step<T> = Result<T, Stop>;

/// A tree with what goes with it.
pub(super) struct Built<'a> {
    pub(super) root: Node<'a>,
    /// What only strict readers refuse.
    pub(super) findings: Vec<Problem>,
    pub(super) comments: Vec<Span>,
}

/// What a document is put together in. They are empty between two documents and keep their room: to find it anew for each of many
/// small documents takes longer than to fill it.
#[derive(Debug, Default)]
pub(crate) struct Buffers<'a> {
    /// Items of the lists that are open, the innermost last: a list takes its own off when it ends, in one allocation.
    items: Vec<Node<'a>>,
    /// Entries of the objects that are open, likewise.
    entries: Vec<Entry<'a>>,
    /// What read the document before; away while it reads.
    pub(super) reader: Option<Box<YamlReader<'a>>>,
}

/// The most problems of a document that are reported; more would say nothing new.
const PROBLEMS_MAX: usize = 100;

/// Reads a whole document from `reader`. `None` is an empty document, or one that is `null`.
///
/// Spans in the result have `base` added.
pub(super) fn build<'a>(
    reader: impl Reader<'a>,
    base: u32,
    limits: &Limits,
    buffers: &mut Buffers<'a>,
) -> Result<Option<Built<'a>>, Vec<Problem>> {
    let mut builder = Builder {
        source: Source::new(reader, base),
        limits,
        open: std::mem::take(buffers),
        errors: Vec::new(),
        findings: Vec::new(),
        steps: 0,
        aliased_steps: 0,
    };
    let root = builder.document();
    // What is open still belongs to a document that can't be read.
    builder.open.items.clear();
    builder.open.entries.clear();
    *buffers = std::mem::take(&mut builder.open);
    match root {
        Ok(root) if builder.errors.is_empty() => {
            let comments = builder.source.comments();
            Ok(root.map(|root| Built { root, findings: builder.findings, comments }))
        }
        _ => Err(builder.errors),
    }
}

pub(super) struct Builder<'a, 'l, R> {
    source: Source<'a, R>,
    limits: &'l Limits,
    open: Buffers<'a>,
    pub(super) errors: Vec<Problem>,
    findings: Vec<Problem>,
    /// Nodes decoded so far as Go's decoder counts them, aliased ones at each use.
    steps: u64,
    /// How many of them aliases brought.
    aliased_steps: u64,
}

/// A value with what decides about a merge.
pub(super) struct Found<'a> {
    pub(super) node: Node<'a>,
    is_alias: bool,
}

impl<'a, R: Reader<'a>> Builder<'a, '_, R> {
    fn document(&mut self) -> Step<Option<Node<'a>>> {
        let (event, span) = self.next()?;
        if matches!(event, Event::End) {
            return Ok(None);
        }
        let node = self.node(event, span, 0)?.node;
        // The reader has to reach the end of the document: what follows the root may be wrong.
        self.next()?;
        Ok((!node.is_null()).then_some(node))
    }

    fn next(&mut self) -> Step<(Event<'a>, Span)> {
        self.source.next().or_else(|problem| self.stop(problem))
    }

    /// The node that begins with `event`, at `depth` open lists and objects.
    pub(super) fn node(&mut self, event: Event<'a>, span: Span, depth: u32) -> Step<Found<'a>> {
        self.step(span)?;
        let anchor = event.anchor();
        let node = match event {
            Event::Scalar { text, is_plain, tag, .. } => self.scalar(text, is_plain, tag, span),
            Event::Literal(scalar) => self.literal(scalar, span),
            Event::SeqStart { .. } => self.list(span, depth)?,
            Event::MapStart { .. } => self.object(span, depth)?,
            Event::Alias(id) => {
                let node = self.alias(id, span, depth)?;
                return Ok(Found { node, is_alias: true });
            }
            Event::SeqEnd | Event::MapEnd | Event::End => {
                return self.stop(Problem::syntax(span, "a value is missing here"));
            }
        };
        if let Some(id) = anchor {
            self.source.complete(id);
        }
        Ok(Found { node, is_alias: false })
    }

    fn list(&mut self, start: Span, depth: u32) -> Step<Node<'a>> {
        self.open(start, depth)?;
        let first = self.open.items.len();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SeqEnd) {
                let items = self.open.items.drain(first..).collect();
                let span = Span::new(start.start, span.end);
                return Ok(Node { span, value: Value::Seq(items) });
            }
            let item = self.node(event, span, depth + 1)?.node;
            self.open.items.push(item);
        }
    }

    fn object(&mut self, start: Span, depth: u32) -> Step<Node<'a>> {
        self.open(start, depth)?;
        let first = self.open.entries.len();
        let mut merged = Vec::new();
        let findings_before = self.findings.len();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MapEnd) {
                let mut entries: Vec<_> = self.open.entries.drain(first..).collect();
                settle_keys(&mut entries, &merged, &mut self.findings);
                if self.source.is_replaying() {
                    // All that is wrong inside of an anchored value was found where it is written.
                    self.findings.truncate(findings_before);
                }
                self.findings.truncate(PROBLEMS_MAX);
                let span = Span::new(start.start, span.end);
                return Ok(Node { span, value: Value::Map(entries) });
            }
            if is_merge(&event) {
                let (event, value_span) = self.next()?;
                let value = self.node(event, value_span, depth + 1)?;
                let before = self.open.entries.len() - first;
                self.merge(value, span);
                merged.push(before..self.open.entries.len() - first);
                continue;
            }
            let key = self.key(event, span, depth)?;
            let (event, value_span) = self.next()?;
            let value = self.node(event, value_span, depth + 1)?.node;
            if let Some(key) = key {
                self.open.entries.push(Entry { key, key_span: span, value });
            }
        }
    }

    /// Checks the depth before a list or object.
    fn open(&mut self, span: Span, depth: u32) -> Step<()> {
        if depth < self.limits.depth_max {
            return Ok(());
        }
        let message = format!("lists and objects are nested deeper than {} levels", self.limits.depth_max);
        let problem = Problem::new(ProblemKind::Limit, span, message);
        self.stop(
            problem.with_hint("no manifest is that deep; look for a bracket or a line that opens a level too many"),
        )
    }

    fn alias(&mut self, id: AnchorId, span: Span, depth: u32) -> Step<Node<'a>> {
        if !self.source.start_replay(id) {
            let message = "the alias stands inside the value that it names";
            let problem = Problem::new(ProblemKind::Value, span, message);
            return self.stop(problem.with_hint("an alias may only name a value that is complete"));
        }
        let (event, span) = self.next()?;
        let node = self.node(event, span, depth)?.node;
        self.source.end_replay();
        Ok(node)
    }

    /// Counts a decoded node against the limits.
    pub(super) fn step(&mut self, span: Span) -> Step<()> {
        self.steps += 1;
        if self.source.is_replaying() {
            self.aliased_steps += 1;
            if self.is_over_aliased() {
                let message = "the document consists almost only of repeated aliases";
                let problem = Problem::new(ProblemKind::Limit, span, message);
                return self.stop(problem.with_hint("write the values out where they are few, or split the document"));
            }
        }
        if self.steps > self.limits.nodes_max {
            let message = format!("the document has more than {} values", self.limits.nodes_max);
            let problem = Problem::new(ProblemKind::Limit, span, message);
            return self.stop(problem.with_hint("split the document with lines of `---`"));
        }
        Ok(())
    }

    /// Whether Go's decoder would call this excessive aliasing: up to 400 000 steps 99 % of them
    /// may come from aliases, from 4 000 000 on 10 %, and a share in proportion between the two.
    fn is_over_aliased(&self) -> bool {
        const LOW: f64 = 400_000.0;
        const HIGH: f64 = 4_000_000.0;
        let steps = self.steps as f64;
        let allowed = 0.99 - 0.89 * ((steps - LOW) / (HIGH - LOW)).clamp(0.0, 1.0);
        self.aliased_steps > 100 && self.steps > 1000 && self.aliased_steps as f64 / steps > allowed
    }

    /// Adds the entries of a merged object, or of a list of them, to the object that is open. Each
    /// overwrites what is there; of a list the first one counts most, so that it comes last.
    fn merge(&mut self, value: Found<'a>, key_span: Span) {
        let Found { node, is_alias } = value;
        let span = node.span;
        match node.value {
            Value::Map(entries) => {
                self.open.entries.extend(entries);
                return;
            }
            Value::Seq(items) if !is_alias && items.iter().all(|item| item.as_map().is_some()) => {
                for item in items.into_iter().rev() {
                    if let Value::Map(entries) = item.value {
                        self.open.entries.extend(entries);
                    }
                }
                return;
            }
            _ => {}
        }
        let problem = Problem::new(
            ProblemKind::Value,
            if is_alias { key_span } else { span },
            "the merge key `<<` needs an object or a list of objects",
        );
        self.error(
            problem.with_hint("`<<: *name` where `name` anchors an object; write \"<<\" in quotes for a plain key"),
        );
    }

    /// Notes a problem that leaves the rest of the document readable.
    #[expect(clippy::boxed_local, reason = "problems come in boxes from everywhere")]
    pub(super) fn error(&mut self, problem: Box<Problem>) {
        if self.errors.len() < PROBLEMS_MAX && !self.source.is_replaying() {
            self.errors.push(*problem);
        }
    }

    #[expect(clippy::boxed_local, reason = "problems come in boxes from everywhere")]
    fn stop<T>(&mut self, problem: Box<Problem>) -> Step<T> {
        self.errors.push(*problem);
        Err(Stop)
    }
}

/// Whether a key is the merge key: a bare `<<`, or one with the merge tag or the lone `!`.
fn is_merge(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar { text, is_plain, tag, .. } if text == "<<" => match tag {
            Tag::None => *is_plain,
            Tag::Merge | Tag::Lone => true,
            _ => false,
        },
        _ => false,
    }
}
