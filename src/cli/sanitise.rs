//! Makes text that others wrote safe to print: it must not move the cursor, recolour the screen,
//! forge lines or reverse the reading order.
//!
//! Deliberately absent: HTML and shell quoting; nothing printed here goes to either.

use std::{borrow::Cow, fmt::Write as _};

/// One line: line breaks are shown as `\n`.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// Several lines: line breaks stay.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    escape(text, |c| c == '\n')
}

/// JSON stays the same JSON: what is dangerous occurs only inside its strings, as `\uXXXX`.
pub(crate) fn json(json: &str) -> Cow<'_, str> {
    if !json.contains(|c| dangerous(c) && c >= '\u{7f}') {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if dangerous(c) && c >= '\u{7f}' {
            // Every such character is in the basic plane, so one unit is enough.
            write!(out, "\\u{:04x}", u32::from(c)).expect("a string takes any text");
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(|c| dangerous(c) && !keep(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            _ if keep(c) || !dangerous(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push(' '),
            _ => write!(out, "{}", c.escape_unicode()).expect("a string takes any text"),
        }
    }
    Cow::Owned(out)
}

/// C0, DEL and C1 controls; marks that change direction or hide; line and paragraph separators.
/// Joiners stay: scripts and emoji need them.
fn dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_cannot_reach_the_terminal() {
        assert_eq!(line("\x1b[2Jhi\u{9b}31m"), "\\u{1b}[2Jhi\\u{9b}31m");
        assert_eq!(line("a\r\nb\tc\u{202e}d"), "a\\r\\nb c\\u{202e}d");
        assert_eq!(text("a\nb\x07"), "a\nb\\u{7}");
        assert!(matches!(line("plain é 漢 🙂"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_keeps_its_meaning() {
        let raw = "{\"a\":\"x\u{9b}\u{202e}y\u{7f}\"}";
        let safe = json(raw);
        assert!(safe.chars().all(|c| !dangerous(c)), "{safe}");
        let same = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(same(raw), same(&safe));
    }
}
