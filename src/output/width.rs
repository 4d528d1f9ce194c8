//! How wide text is on a screen, where a character takes one cell, two (Chinese, emoji) or none
//! (combining marks).

use rustyline::GraphemeClusterMode;

/// The mark that stands for what was cut.
pub(super) const ELLIPSIS: &str = "…";

/// The screen cells of `text`, which has no control characters.
pub(super) fn text_width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(char_width).sum()
}

/// The longest beginning of `text` that is at most `width` cells wide.
pub(super) fn prefix(text: &str, width: usize) -> &str {
    let mut used = 0;
    let too_far = |(_, c): &(usize, char)| {
        used += char_width(*c);
        used > width
    };
    let end = text.char_indices().find(too_far).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

/// The prompt's own measure, character by character as `wcwidth` does: terminals that join
/// characters to one picture are the exception, and there a table is too wide rather than torn.
fn char_width(c: char) -> usize {
    if c.is_ascii() {
        return 1;
    }
    GraphemeClusterMode::WcWidth.width(c.encode_utf8(&mut [0; 4])).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths() {
        for (text, width) in [("", 0), ("abc", 3), ("é", 1), ("e\u{301}", 1), ("你好", 4), ("🙂", 2), ("…", 1)] {
            assert_eq!(text_width(text), width, "{text}");
        }
    }

    #[test]
    fn a_wide_character_is_never_halved() {
        assert_eq!(prefix("你好", 3), "你");
        assert_eq!(prefix("你好", 4), "你好");
        assert_eq!(prefix("你好", 0), "");
    }

    #[test]
    fn a_combining_mark_stays_with_its_letter() {
        assert_eq!(prefix("e\u{301}a", 1), "e\u{301}");
    }
}
