//! Which sentences say the same about different things.

/// The text without what is in back-quotes, without numbers, and without the objects it names: what is the same where the same thing
/// is wrong elsewhere.
pub(crate) fn skeleton(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, part) in text.split('`').enumerate() {
        if i % 2 == 1 {
            out.push('`');
            continue;
        }
        let mut words = part.split_inclusive(' ').peekable();
        while let Some(word) = words.next() {
            // `shop/reviews` and `9080` are names; sentences have no such words. A kind before a name is part of it.
            let is_name = |word: &str| word.contains('/') || word.bytes().any(|b| b.is_ascii_digit());
            let is_kind = word.starts_with(char::is_uppercase) && words.peek().is_some_and(|next| next.contains('/'));
            if !is_kind {
                out.push_str(if is_name(word) { "# " } else { word });
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_no_causes() {
        let a = "subset `v2` of `orders` is not defined by DestinationRule shop/orders, 3 lines below";
        let b = "subset `v9` of `cart` is not defined by DestinationRule shop/cart, 17 lines below";
        assert_eq!(skeleton(a), skeleton(b));
        assert_eq!(skeleton("Service a/b is given twice"), skeleton("Gateway c/d is given twice"));
        assert_ne!(skeleton("`a` has no pods"), skeleton("`a` has no ports"));
    }
}
