//! The events of a document with its aliases resolved: what an anchor covers is written down and
//! played back.
//!
//! Keeping the events once, rather than a copy of each anchored value, makes the memory for them
//! linear in the text, however anchors are nested.

use std::ops::Range;

use super::events::{AnchorId, Event, Read, Reader};
use super::node::Span;

pub(super) struct Source<'a, R> {
    reader: R,
    /// Where the document's text starts in the file.
    base: u32,
    /// The events inside of anchored values, with spans in the file.
    log: Vec<(Event<'a>, Span)>,
    /// By id, where the value of an anchor stands in the log.
    anchors: Vec<Anchored>,
    /// How many anchored values are being read.
    recording: usize,
    /// What is left of the values that aliases play back, the innermost last.
    replays: Vec<Range<usize>>,
}

#[derive(Clone)]
enum Anchored {
    /// Not complete yet.
    From(usize),
    Complete(Range<usize>),
}

impl<'a, R: Reader<'a>> Source<'a, R> {
    pub(super) fn new(reader: R, base: u32) -> Source<'a, R> {
        Source { reader, base, log: Vec::new(), anchors: Vec::new(), recording: 0, replays: Vec::new() }
    }

    /// The next event with its span in the file.
    pub(super) fn next(&mut self) -> Read<(Event<'a>, Span)> {
        if let Some(replay) = self.replays.last_mut() {
            // A complete value ends with its last event, so that the log goes as far as anybody
            // asks.
            let event = replay.next().and_then(|at| self.log.get(at));
            return Ok(event.cloned().unwrap_or((Event::End, Span::default())));
        }
        match self.reader.next() {
            Ok((event, span)) => {
                let span = span.shifted(self.base);
                if event.anchor().is_some() {
                    // Ids are given in source order.
                    self.anchors.push(Anchored::From(self.log.len()));
                    self.recording += 1;
                }
                if self.recording > 0 {
                    self.log.push((event.clone(), span));
                }
                Ok((event, span))
            }
            Err(mut problem) => {
                problem.span = problem.span.shifted(self.base);
                Err(problem)
            }
        }
    }

    /// The value of an anchor is complete: from now on aliases may name it.
    pub(super) fn complete(&mut self, id: AnchorId) {
        if self.is_replaying() {
            return;
        }
        if let Some(anchored) = self.anchors.get_mut(id as usize)
            && let Anchored::From(start) = *anchored
        {
            *anchored = Anchored::Complete(start..self.log.len());
            self.recording -= 1;
        }
    }

    /// Lets the events of an anchored value come next. Whether it is complete; if not, nothing
    /// happens.
    #[must_use]
    pub(super) fn start_replay(&mut self, id: AnchorId) -> bool {
        match self.anchors.get(id as usize) {
            Some(Anchored::Complete(range)) => {
                self.replays.push(range.clone());
                true
            }
            _ => false,
        }
    }

    /// The events of the anchored value are over.
    pub(super) fn end_replay(&mut self) {
        self.replays.pop();
    }

    /// Whether the events come from an alias.
    pub(super) fn is_replaying(&self) -> bool {
        !self.replays.is_empty()
    }

    pub(super) fn comments(&mut self) -> Vec<Span> {
        let comments = self.reader.comments();
        comments.into_iter().map(|span| span.shifted(self.base)).collect()
    }
}
