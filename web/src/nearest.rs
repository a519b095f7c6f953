//! "Did you mean": the nearest known name to one that is not known.

use std::borrow::Cow;

/// The most characters of someone else's text in an answer, so that it is never as long as the
/// question.
const QUOTE_MAX: usize = 64;

/// At most [`QUOTE_MAX`] characters of `text`.
pub(crate) fn quote(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(QUOTE_MAX) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}

/// `did you mean "x"?`, or the list of what is known.
pub(crate) fn did_you_mean(name: &str, known: &[&str]) -> String {
    let name = quote(name);
    let near = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&name, known), *known))
        .min()
        .filter(|(distance, known)| distance * 2 <= known.chars().count());
    match (near, known) {
        (Some((_, near)), _) => format!("did you mean \"{near}\"?"),
        (None, []) => "none is taken here".to_owned(),
        (None, known) => format!("known: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_offered_and_otherwise_all_are_listed() {
        assert_eq!(did_you_mean("labls", &["labels", "name"]), "did you mean \"labels\"?");
        assert_eq!(did_you_mean("zzzzzz", &["labels", "name"]), "known: labels, name");
        assert_eq!(did_you_mean("x", &[]), "none is taken here");
    }
}
