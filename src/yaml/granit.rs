//! Reads a YAML document as events, by means of `granit-parser`.

use granit_parser::{Event as Granit, Parser, ScalarStyle, StrInput, options};

use super::events::{Event, Reader, Tag};
use super::node::Span;
use super::problem::Problem;

/// Reads the first document of a text.
pub(super) struct YamlReader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text_len: u32,
    is_over: bool,
}

impl<'a> YamlReader<'a> {
    pub(super) fn new(text: &'a str) -> YamlReader<'a> {
        let options = options! {
            emit_comments: false,
            disallow_directives: true,
            bom_inside_document_as_content: true,
            flow_nesting_limit: 1000,
            block_nesting_limit: 1000,
        };
        YamlReader {
            parser: Parser::new_from_str_with_options(text, options),
            text_len: text.len() as u32,
            is_over: false,
        }
    }

    fn span(&self, span: granit_parser::Span) -> Span {
        let offset =
            |mark: granit_parser::Marker| mark.byte_offset().map_or(self.text_len, |at| at as u32);
        Span::new(offset(span.start), offset(span.end))
    }
}

fn tag<'a>(tag: Option<&granit_parser::Tag>) -> Tag<'a> {
    match tag {
        None => Tag::None,
        Some(tag) => {
            let (handle, suffix) = tag.parts();
            Tag::from_name(format!("{handle}{suffix}").into())
        }
    }
}

fn anchor(id: usize) -> Option<u32> {
    (id != 0).then_some(id as u32)
}

impl<'a> Reader<'a> for YamlReader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        loop {
            if self.is_over {
                return Ok((Event::End, Span::new(self.text_len, self.text_len)));
            }
            let (event, span) = match self.parser.next() {
                None => {
                    self.is_over = true;
                    continue;
                }
                Some(Err(error)) => {
                    let at = error
                        .marker()
                        .byte_offset()
                        .map_or(self.text_len, |at| at as u32);
                    return Err(Problem::syntax(Span::new(at, at), error.info()));
                }
                Some(Ok(found)) => found,
            };
            let span = self.span(span);
            let event = match event {
                Granit::StreamEnd | Granit::DocumentEnd => {
                    self.is_over = true;
                    continue;
                }
                Granit::Alias(id) => Event::Alias(id as u32),
                Granit::Scalar(text, style, id, scalar_tag) => Event::Scalar {
                    text,
                    is_plain: style == ScalarStyle::Plain,
                    tag: tag(scalar_tag.as_deref()),
                    anchor: anchor(id),
                },
                Granit::SequenceStart(_, id, _) => Event::SeqStart { anchor: anchor(id) },
                Granit::SequenceEnd => Event::SeqEnd,
                Granit::MappingStart(_, id, _) => Event::MapStart { anchor: anchor(id) },
                Granit::MappingEnd => Event::MapEnd,
                _ => continue,
            };
            return Ok((event, span));
        }
    }
}
