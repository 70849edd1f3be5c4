//! Text of others on a terminal.

use std::borrow::Cow;

/// The text with control characters written out (`\u001b`), so that a terminal shows what it would obey:
/// names of files, classes and raters come from others. Line breaks and tabs stay, which our own texts have.
///
/// Characters that turn the direction of a line, and those that break one in Unicode, are written out, too.
/// The notation is that of JSON strings: JSON means the same afterwards.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_hidden(c) {
            true => shown += &format!("\\u{:04x}", u32::from(c)),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// The same on one line.
pub(crate) fn visible_line(text: &str) -> String {
    visible(text).replace(['\n', '\t'], " ")
}

fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' => true,
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => c.is_control(),
    }
}
