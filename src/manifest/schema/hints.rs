//! What somebody may have meant by a field that there isn't.

use super::{Field, Shape, Type};
use crate::manifest::release::Profile;

/// Fields that a hint lists; blocks with more are looked up in the reference.
const LISTED_MAX: usize = 12;

/// The known name that `word` is most likely to mean, if one is near enough.
pub(crate) fn nearest<'n>(word: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let word = folded(word);
    let limit = (word.chars().count() / 3).max(1);
    known
        .map(|name| (strsim::damerau_levenshtein(&word, &folded(name)), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn folded(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '_' | '-')).collect::<String>().to_ascii_lowercase()
}

/// A hint for `key` by the fields of the block alone: the only one whose name is longer or shorter than it at the end, one that has such
/// a field in it, else all there are if they are few.
pub(super) fn within(key: &str, shape: &Shape, profile: Profile) -> Option<String> {
    let fields = || shape.fields.iter().filter(|field| field.is_in(profile));
    let word = folded(key);
    let begins_alike = |name: &&str| {
        let (name, shorter) = (folded(name), word.len().min(name.len()));
        shorter >= 4 && (name.starts_with(&word) || word.starts_with(&name))
    };
    let mut alike = fields().map(|field| field.name).filter(begins_alike);
    if let (Some(name), None) = (alike.next(), alike.next()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let mut around =
        fields().filter(|field| inner(field).is_some_and(|inner| inner.fields.iter().any(|f| f.name == key)));
    if let (Some(outer), None) = (around.next(), around.next()) {
        return Some(format!("`{key}` is a field of `{}`: check the indentation", outer.name));
    }
    let all: Vec<&str> = fields().map(|field| field.name).collect();
    (!shape.open && (1..=LISTED_MAX).contains(&all.len())).then(|| format!("known here: {}", all.join(", ")))
}

/// The block that a field is, or each item of it.
fn inner(field: &Field) -> Option<&'static Shape> {
    match &field.ty {
        Type::Object(shape) => Some(shape),
        Type::List { item: Type::Object(shape), .. } => Some(shape),
        _ => None,
    }
}
