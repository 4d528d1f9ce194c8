//! Text under construction, which keeps what a format writes apart from what the data says: only
//! the data is escaped.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Output that was not handed to the writer yet.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
    escape_controls: bool,
}

impl Page {
    pub(super) fn new(escape_controls: bool) -> Self {
        Self { text: String::new(), escape_controls }
    }

    /// Adds what belongs to the format.
    pub(super) fn put(&mut self, markup: &str) {
        self.text.push_str(markup);
    }

    /// Adds what came from the data.
    pub(super) fn data(&mut self, data: &str) {
        if self.escape_controls {
            self.text.push_str(&escape_controls(data));
        } else {
            self.text.push_str(data);
        }
    }

    /// Adds what came from the data, with the characters that mean something in the format
    /// replaced.
    pub(super) fn data_replacing(&mut self, data: &str, replacement: impl Fn(char) -> Option<&'static str>) {
        let mut rest = data;
        while let Some((at, special, with)) = first(rest, &replacement) {
            let (plain, tail) = rest.split_at(at);
            self.data(plain);
            self.put(with);
            rest = tail.get(special.len_utf8()..).unwrap_or_default();
        }
        self.data(rest);
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
    }
}

/// The first character of `text` that has a replacement.
fn first(text: &str, replacement: impl Fn(char) -> Option<&'static str>) -> Option<(usize, char, &'static str)> {
    let mut chars = text.char_indices();
    chars.find_map(|(at, c)| replacement(c).map(|with| (at, c, with)))
}

/// Whether a terminal obeys the character rather than shows it: controls, and what breaks lines or
/// turns the direction of text, which would let a value rewrite what stands around it.
pub(super) fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` with its control characters shown as `\n`, `\x1b` or `\u{202e}`. A backslash of the data
/// stays single: this is for the eye and not for reading back.
pub(super) fn escape_controls(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        push_shown(&mut shown, c);
    }
    Cow::Owned(shown)
}

fn push_shown(shown: &mut String, c: char) {
    match c {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        // Writing to a String cannot fail.
        c if is_control(c) && c < '\u{100}' => _ = write!(shown, "\\x{:02x}", u32::from(c)),
        c if is_control(c) => _ = write!(shown, "\\u{{{:x}}}", u32::from(c)),
        c => shown.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_shown() {
        let hostile = "a\nb\tc\rd\x1b[31m\0\u{7f}\u{9b}\u{202e}\u{2066}\u{2028}é\\n";
        let shown = r"a\nb\tc\rd\x1b[31m\x00\x7f\x9b\u{202e}\u{2066}\u{2028}é\n";
        assert_eq!(escape_controls(hostile), shown);
    }

    #[test]
    fn what_needs_no_escape_is_not_copied() {
        assert!(matches!(escape_controls("你好 🙂"), Cow::Borrowed(_)));
    }

    #[test]
    fn only_the_data_is_escaped() {
        let mut page = Page::new(true);
        page.put("\t");
        page.data("\t");
        page.data_replacing("é<\n<é", |c| (c == '<').then_some("&lt;\n"));
        assert_eq!(page.text, "\t\\té&lt;\n\\n&lt;\né");
    }
}
