//! Lessons for programs (`learn -o json`), and for the page, which has no words of its own about them.

use serde::Serialize;

use super::Entry;
use crate::envoy::router::{RequestView, Tried};
use crate::envoy::words;
use crate::tool::lesson::{Answered, Block, Choice, Lesson, Look, Row, Taken, Words, languages, names};
use crate::tool::report::{VERSION, explain};

#[derive(Serialize)]
struct Document<'a, T: Serialize> {
    version: u32,
    /// That of all texts in it.
    language: &'a str,
    languages: Vec<Language>,
    words: &'a Words,
    #[serde(flatten)]
    content: T,
}

#[derive(Serialize)]
struct Language {
    code: &'static str,
    /// In itself.
    name: String,
}

impl Language {
    fn new(code: &'static str) -> Language {
        let name = crate::tool::lesson::words(code).and_then(Result::ok).map(|words| words.language);
        Language { code, name: name.unwrap_or_default() }
    }
}

#[derive(Serialize)]
struct All<'a> {
    lessons: &'a [Entry],
}

#[derive(Serialize)]
struct One<T: Serialize> {
    lesson: T,
}

#[derive(Serialize)]
struct LessonJson<'a, D: Serialize> {
    #[serde(flatten)]
    entry: Entry,
    files: Vec<File>,
    intro: Vec<BlockJson<'a>>,
    request: String,
    proxy: Option<&'a str>,
    question: Vec<BlockJson<'a>>,
    choices: Vec<ChoiceJson<'a>>,
    right: char,
    tempting: char,
    chosen: Option<char>,
    why: Vec<BlockJson<'a>>,
    remember: Vec<BlockJson<'a>>,
    rows: Vec<RowJson<'a>>,
    decisions: Vec<D>,
    previous: Option<&'static str>,
    next: Option<&'static str>,
}

#[derive(Serialize)]
struct File {
    name: &'static str,
    text: &'static str,
}

#[derive(Serialize)]
struct ChoiceJson<'a> {
    key: char,
    answer: &'a str,
    meaning: Option<&'a str>,
}

#[derive(Serialize)]
struct RowJson<'a> {
    label: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct BlockJson<'a> {
    kind: &'static str,
    /// Of an item of a list.
    mark: Option<&'a str>,
    spans: Vec<SpanJson<'a>>,
}

#[derive(Serialize)]
struct SpanJson<'a> {
    text: &'a str,
    look: &'static str,
    link: Option<&'a str>,
}

#[derive(Serialize)]
struct Decided<'a, D: Serialize> {
    state: Option<&'a str>,
    decision: D,
    conditions: Vec<Vec<TriedJson>>,
}

#[derive(Serialize)]
struct TriedJson {
    name: String,
    wanted: String,
    own: String,
    holds: bool,
}

/// All lessons, as one object.
pub(crate) fn list_to_json(entries: &[Entry], language: &str, words: &Words) -> String {
    text(language, words, All { lessons: entries })
}

/// One lesson with its answer, as one object; `chosen` is the index of a choice.
pub(crate) fn to_json(
    lesson: &Lesson,
    answered: &Answered,
    chosen: Option<usize>,
    language: &str,
    words: &Words,
) -> String {
    let key = |index: usize| answered.choices.get(index).map_or('?', |c| c.key);
    let about = &lesson.about;
    let content = LessonJson {
        entry: Entry::new(lesson),
        files: lesson.files.iter().map(|(name, text)| File { name, text }).collect(),
        intro: blocks(&lesson.text.intro),
        request: words::request(&about.request),
        proxy: about.proxy.as_deref(),
        question: blocks(&lesson.text.question),
        choices: answered.choices.iter().map(choice).collect(),
        right: key(answered.right),
        tempting: key(answered.tempting),
        chosen: chosen.map(key),
        why: blocks(&lesson.text.why),
        remember: blocks(&lesson.text.remember),
        rows: answered.rows.iter().map(|Row { label, value }| RowJson { label, value }).collect(),
        decisions: answered.taken.iter().map(decided).collect(),
        previous: lesson.number.checked_sub(2).and_then(|place| names().nth(place)),
        next: names().nth(lesson.number),
    };
    text(language, words, One { lesson: content })
}

fn text(language: &str, words: &Words, content: impl Serialize) -> String {
    let document =
        Document { version: VERSION, language, languages: languages().map(Language::new).collect(), words, content };
    // Structs of texts and numbers always serialize.
    serde_json::to_string(&document).unwrap_or_default() + "\n"
}

fn choice(c: &Choice) -> ChoiceJson<'_> {
    ChoiceJson { key: c.key, answer: &c.answer, meaning: c.meaning.as_deref() }
}

fn blocks(blocks: &[Block]) -> Vec<BlockJson<'_>> {
    blocks.iter().map(block).collect()
}

fn block(block: &Block) -> BlockJson<'_> {
    let code = |text| SpanJson { text, look: "code", link: None };
    let (kind, mark) = match block {
        Block::Paragraph(_) => ("paragraph", None),
        Block::Item(mark, _) => ("item", Some(mark.as_str())),
        Block::Code(text) => return BlockJson { kind: "code", mark: None, spans: vec![code(text)] },
    };
    let spans = block.spans().iter().map(|span| {
        let look = match span.look {
            Look::Plain => "plain",
            Look::Code => "code",
            Look::Strong => "strong",
        };
        SpanJson { text: &span.text, look, link: span.link.as_deref() }
    });
    BlockJson { kind, mark, spans: spans.collect() }
}

fn decided(taken: &Taken) -> Decided<'_, impl Serialize + '_> {
    let proxy = &taken.router.table().proxy;
    let tried = |t: Tried| TriedJson { name: t.name, wanted: t.wanted, own: t.own, holds: t.holds };
    let conditions = taken.router.conditions_tried(&RequestView::from(&taken.request));
    Decided {
        state: taken.state.as_deref(),
        decision: explain::object(&taken.decision, &taken.request, proxy, &taken.audience, &taken.sources),
        conditions: conditions.into_iter().map(|rung| rung.into_iter().map(tried).collect()).collect(),
    }
}
