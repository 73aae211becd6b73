//! The picture in the README: towtank's own coloured output, drawn as a terminal in SVG. `UPDATE_EXPECT=1` draws it anew.

use std::fmt::Write as _;
use std::process::Command;

use crate::support::texts;

const PICTURE: &str = "docs/picture.svg";
const COMMAND: [&str; 2] = ["simulate", "scenarios/subset-without-pods"];

/// Columns of the terminal, and sizes in pixels. A character of most monospace fonts is 0.6 times as wide as the font is high;
/// `textLength` makes it so in all of them, so that columns stay columns.
const COLUMNS: u32 = 103;
const FONT: u32 = 14;
const CHARACTER: f64 = 8.4;
const LINE: u32 = 20;
const MARGIN: u32 = 22;
const BAR: u32 = 40;

/// A piece of a line in one look.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    /// Characters before it.
    column: usize,
    text: String,
    /// Names of classes in the picture's style sheet.
    look: Vec<&'static str>,
}

/// The lines of a terminal's output. What isn't a colour or weight that reports use is an error.
fn lines(output: &str) -> Vec<Vec<Piece>> {
    let mut look: Vec<&'static str> = Vec::new();
    let mut out = Vec::new();
    for line in output.lines() {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut column = 0;
        for (i, part) in line.split("\u{1b}[").enumerate() {
            let text = if i == 0 {
                part
            } else {
                let (code, rest) = part.split_once('m').expect("only colours and weights are set");
                match code {
                    "0" | "" => look.clear(),
                    "1" => look.push("bold"),
                    "2" => look.push("dim"),
                    "3" => look.push("italic"),
                    "31" => look.push("red"),
                    "32" => look.push("green"),
                    "33" => look.push("yellow"),
                    "36" => look.push("cyan"),
                    other => panic!("`{other}` has no look in the picture"),
                }
                rest
            };
            // Two blanks and more are no piece: each column of a table has its own place.
            let mut at = 0;
            while let Some(start) = text.get(at..).and_then(|t| t.find(|c| c != ' ')).map(|n| at + n) {
                let end = text.get(start..).and_then(|t| t.find("  ")).map_or(text.trim_end().len(), |n| start + n);
                let before = text.get(..start).unwrap_or_default().chars().count();
                let shown = text.get(start..end).unwrap_or_default().to_owned();
                pieces.push(Piece { column: column + before, text: shown, look: look.clone() });
                at = end;
            }
            column += text.chars().count();
        }
        out.push(pieces);
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn draw(title: &str, lines: &[Vec<Piece>]) -> String {
    let width = f64::from(COLUMNS) * CHARACTER + f64::from(2 * MARGIN);
    let count = u32::try_from(lines.len()).expect("a screen of lines");
    let height = BAR + count * LINE + MARGIN;
    let mut out = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height}" viewBox="0 0 {width:.0} {height}" role="img">
<title>{}</title>
<style>
text {{ font: {FONT}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; fill: #d6dee7; white-space: pre }}
.bold {{ font-weight: 600 }} .italic {{ font-style: italic }} .dim {{ fill: #8a99a8 }}
.red {{ fill: #ff8278 }} .green {{ fill: #7fd492 }} .yellow {{ fill: #e5c46f }} .cyan {{ fill: #6fcbe8 }}
</style>
<rect x="0.5" y="0.5" width="{:.0}" height="{}" rx="9" fill="#17212c" stroke="#44515f"/>
<g fill="#44515f"><circle cx="22" cy="20" r="5.5"/><circle cx="40" cy="20" r="5.5"/><circle cx="58" cy="20" r="5.5"/></g>
"##,
        escape(title),
        width - 1.0,
        height - 1,
    );
    for (row, pieces) in (1_u32..).zip(lines) {
        let y = BAR + row * LINE - LINE / 4;
        for piece in pieces {
            let length = |n: usize| f64::from(u32::try_from(n).expect("a line of characters")) * CHARACTER;
            let x = f64::from(MARGIN) + length(piece.column);
            let look = match piece.look.join(" ") {
                none if none.is_empty() => String::new(),
                look => format!(" class=\"{look}\""),
            };
            let (wide, text) = (length(piece.text.chars().count()), escape(&piece.text));
            let _ = writeln!(
                out,
                r#"<text x="{x:.1}" y="{y}" textLength="{wide:.1}" lengthAdjust="spacingAndGlyphs"{look}>{text}</text>"#
            );
        }
    }
    out.push_str("</svg>\n");
    out
}

#[test]
fn the_picture_shows_what_towtank_prints() {
    let output = Command::new(env!("CARGO_BIN_EXE_towtank"))
        .args(COMMAND)
        .args(["--color", "always", "--width", &COLUMNS.to_string()])
        .current_dir(texts::root())
        .output()
        .expect("towtank runs");
    let output = String::from_utf8(output.stdout).expect("output is text");
    let command = format!("towtank {}", COMMAND.join(" "));
    let prompt = format!("\u{1b}[2m$\u{1b}[0m {command}\n\n");
    let drawn = draw(&format!("{command}, in a terminal"), &lines(&(prompt + output.trim_end())));

    let path = texts::root().join(PICTURE);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &drawn).expect("the picture can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(kept == drawn, "{PICTURE} is not what towtank prints now: UPDATE_EXPECT=1 draws it anew\n{output}");
}

#[test]
fn pieces_keep_their_columns_and_looks() {
    let piece =
        |column, text: &str, look: &[&'static str]| Piece { column, text: text.to_owned(), look: look.to_vec() };
    assert_eq!(
        lines("\u{1b}[1m\u{1b}[31m  lost\u{1b}[0m    20.00 %   \u{1b}[2m2,039\u{1b}[0m"),
        [[piece(2, "lost", &["bold", "red"]), piece(10, "20.00 %", &[]), piece(20, "2,039", &["dim"])]]
    );
    assert_eq!(lines("a b  c "), [[piece(0, "a b", &[]), piece(5, "c", &[])]]);
}
