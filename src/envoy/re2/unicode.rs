//! The groups that `\\p{...}` can name, by dialect, and their members.
//!
//! RE2 and Go both carry the tables of Unicode 15. The names are listed here, because the set of accepted names decides
//! whether a pattern loads; the members come from `regex-syntax`, whose tables are newer. They agree on 0–FF, which is
//! all that Latin-1 mode can see.

use super::class::{CodeSet, MAX_CODE_POINT};
use super::parse::Dialect;
use regex_syntax::ast::{Ast, ClassUnicode, ClassUnicodeKind, ClassUnicodeOpKind, Position, Span};
use regex_syntax::hir::translate::TranslatorBuilder;
use regex_syntax::hir::{Class, HirKind};

/// The members of the group `name` (without braces, sign or caret), or nothing where the dialect does not know it.
pub(super) fn group(name: &str, dialect: Dialect) -> Option<CodeSet> {
    match dialect {
        Dialect::Latin1 | Dialect::Utf8 => {
            if name == "Any" {
                Some(CodeSet::of(0, MAX_CODE_POINT))
            } else if CATEGORIES.binary_search(&name).is_ok() {
                Some(category(name))
            } else if SCRIPTS.binary_search(&name).is_ok() {
                Some(members("sc", name))
            } else {
                None
            }
        }
        Dialect::Go => go_knows(name).then(CodeSet::default),
    }
}

/// Whether a code point may stand in the name of a capturing group of RE2: letters, marks, digits, connectors.
pub(super) fn is_capture_name_char(code: u32) -> bool {
    if let Ok(byte) = u8::try_from(code)
        && byte.is_ascii()
    {
        return byte.is_ascii_alphanumeric() || byte == b'_';
    }
    let groups = ["Lu", "Ll", "Lt", "Lm", "Lo", "Nl", "Mn", "Mc", "Nd", "Pc"];
    let holds = |set: CodeSet| set.ranges().iter().any(|&(lo, hi)| lo <= code && code <= hi);
    groups.iter().any(|group| holds(members("gc", group)))
}

/// RE2's `C` holds assigned code points only, and its `Cs` holds the surrogates.
fn category(name: &str) -> CodeSet {
    let surrogates = CodeSet::of(0xD800, 0xDFFF);
    match name {
        "Cs" => surrogates,
        "C" => {
            let mut set = surrogates;
            ["Cc", "Cf", "Co"].iter().for_each(|part| set.union(&members("gc", part)));
            set
        }
        _ => members("gc", name),
    }
}

/// The code points of which a property has a value. The class is put together as it would be read: so the reader of patterns, which has a
/// language of its own, isn't needed.
fn members(property: &str, value: &str) -> CodeSet {
    let at = Position::new(0, 1, 1);
    let kind = ClassUnicodeKind::NamedValue {
        op: ClassUnicodeOpKind::Equal,
        name: property.to_owned(),
        value: value.to_owned(),
    };
    let class = Ast::class_unicode(ClassUnicode { span: Span::splat(at), negated: false, kind });
    let hir = TranslatorBuilder::new().build().translate("", &class).ok();
    match hir.as_ref().map(|h| h.kind()) {
        Some(HirKind::Class(Class::Unicode(class))) => {
            CodeSet::of_ranges(class.ranges().iter().map(|r| (r.start().into(), r.end().into())))
        }
        _ => CodeSet::default(),
    }
}

/// Whether Go finds a table under `name`. Since 1.25 it brings the name to one capital letter followed by small ones,
/// without blanks, `_` and `-`, and then looks it up as it is: so `greek` is found, and `Old_Italic` no longer is.
fn go_knows(name: &str) -> bool {
    let name = go_canonical(name);
    matches!(name.as_str(), "Any" | "Assigned" | "Ascii" | "Lc" | "Cn")
        || CATEGORIES.binary_search(&name.as_str()).is_ok()
        || SCRIPTS.binary_search(&name.as_str()).is_ok()
        || CATEGORY_ALIASES.iter().any(|alias| go_canonical(alias) == name)
}

fn go_canonical(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')) {
        out.push(if out.is_empty() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
    }
    out
}

/// Categories of RE2, sorted.
const CATEGORIES: &[&str] = &[
    "C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P",
    "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs",
];

/// Scripts of Unicode 15, sorted.
const SCRIPTS: &[&str] = &[
    "Adlam",
    "Ahom",
    "Anatolian_Hieroglyphs",
    "Arabic",
    "Armenian",
    "Avestan",
    "Balinese",
    "Bamum",
    "Bassa_Vah",
    "Batak",
    "Bengali",
    "Bhaiksuki",
    "Bopomofo",
    "Brahmi",
    "Braille",
    "Buginese",
    "Buhid",
    "Canadian_Aboriginal",
    "Carian",
    "Caucasian_Albanian",
    "Chakma",
    "Cham",
    "Cherokee",
    "Chorasmian",
    "Common",
    "Coptic",
    "Cuneiform",
    "Cypriot",
    "Cypro_Minoan",
    "Cyrillic",
    "Deseret",
    "Devanagari",
    "Dives_Akuru",
    "Dogra",
    "Duployan",
    "Egyptian_Hieroglyphs",
    "Elbasan",
    "Elymaic",
    "Ethiopic",
    "Georgian",
    "Glagolitic",
    "Gothic",
    "Grantha",
    "Greek",
    "Gujarati",
    "Gunjala_Gondi",
    "Gurmukhi",
    "Han",
    "Hangul",
    "Hanifi_Rohingya",
    "Hanunoo",
    "Hatran",
    "Hebrew",
    "Hiragana",
    "Imperial_Aramaic",
    "Inherited",
    "Inscriptional_Pahlavi",
    "Inscriptional_Parthian",
    "Javanese",
    "Kaithi",
    "Kannada",
    "Katakana",
    "Kawi",
    "Kayah_Li",
    "Kharoshthi",
    "Khitan_Small_Script",
    "Khmer",
    "Khojki",
    "Khudawadi",
    "Lao",
    "Latin",
    "Lepcha",
    "Limbu",
    "Linear_A",
    "Linear_B",
    "Lisu",
    "Lycian",
    "Lydian",
    "Mahajani",
    "Makasar",
    "Malayalam",
    "Mandaic",
    "Manichaean",
    "Marchen",
    "Masaram_Gondi",
    "Medefaidrin",
    "Meetei_Mayek",
    "Mende_Kikakui",
    "Meroitic_Cursive",
    "Meroitic_Hieroglyphs",
    "Miao",
    "Modi",
    "Mongolian",
    "Mro",
    "Multani",
    "Myanmar",
    "Nabataean",
    "Nag_Mundari",
    "Nandinagari",
    "New_Tai_Lue",
    "Newa",
    "Nko",
    "Nushu",
    "Nyiakeng_Puachue_Hmong",
    "Ogham",
    "Ol_Chiki",
    "Old_Hungarian",
    "Old_Italic",
    "Old_North_Arabian",
    "Old_Permic",
    "Old_Persian",
    "Old_Sogdian",
    "Old_South_Arabian",
    "Old_Turkic",
    "Old_Uyghur",
    "Oriya",
    "Osage",
    "Osmanya",
    "Pahawh_Hmong",
    "Palmyrene",
    "Pau_Cin_Hau",
    "Phags_Pa",
    "Phoenician",
    "Psalter_Pahlavi",
    "Rejang",
    "Runic",
    "Samaritan",
    "Saurashtra",
    "Sharada",
    "Shavian",
    "Siddham",
    "SignWriting",
    "Sinhala",
    "Sogdian",
    "Sora_Sompeng",
    "Soyombo",
    "Sundanese",
    "Syloti_Nagri",
    "Syriac",
    "Tagalog",
    "Tagbanwa",
    "Tai_Le",
    "Tai_Tham",
    "Tai_Viet",
    "Takri",
    "Tamil",
    "Tangsa",
    "Tangut",
    "Telugu",
    "Thaana",
    "Thai",
    "Tibetan",
    "Tifinagh",
    "Tirhuta",
    "Toto",
    "Ugaritic",
    "Vai",
    "Vithkuqi",
    "Wancho",
    "Warang_Citi",
    "Yezidi",
    "Yi",
    "Zanabazar_Square",
];

/// Long names of categories that Go knows.
const CATEGORY_ALIASES: &[&str] = &[
    "Cased_Letter",
    "Close_Punctuation",
    "Combining_Mark",
    "Connector_Punctuation",
    "Control",
    "Currency_Symbol",
    "Dash_Punctuation",
    "Decimal_Number",
    "Enclosing_Mark",
    "Final_Punctuation",
    "Format",
    "Initial_Punctuation",
    "Letter",
    "Letter_Number",
    "Line_Separator",
    "Lowercase_Letter",
    "Mark",
    "Math_Symbol",
    "Modifier_Letter",
    "Modifier_Symbol",
    "Nonspacing_Mark",
    "Number",
    "Open_Punctuation",
    "Other",
    "Other_Letter",
    "Other_Number",
    "Other_Punctuation",
    "Other_Symbol",
    "Paragraph_Separator",
    "Private_Use",
    "Punctuation",
    "Separator",
    "Space_Separator",
    "Spacing_Mark",
    "Surrogate",
    "Symbol",
    "Titlecase_Letter",
    "Unassigned",
    "Uppercase_Letter",
    "cntrl",
    "digit",
    "punct",
];
