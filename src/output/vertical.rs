//! A block of lines per row, for rows too wide for a table: psql's `\x`.

use arrow::datatypes::Schema;

use super::page::{Page, escape_controls};
use super::text::{Heading, Markup, TextSink, headings};
use super::width::text_width;
use super::{Out, Sink, Style, cell};

/// Blocks of `name | value`; a value is never cut, and without a terminal its line ends stay line
/// ends.
pub(super) fn sink<'a>(schema: &Schema, style: Style, out: Out<'a>) -> Box<dyn Sink + Send + 'a> {
    let null = style.null.unwrap_or_else(|| cell::NULL.to_owned());
    let markup = Vertical { names: names(schema), null };
    Box::new(TextSink::new(markup, schema, style.escape_controls, out))
}

struct Vertical {
    /// The names, padded to the widest.
    names: Vec<String>,
    null: String,
}

/// The names always show their control characters: they carry the alignment.
fn names(schema: &Schema) -> Vec<String> {
    let shown = |heading: Heading| escape_controls(&heading.name).into_owned();
    let mut names: Vec<String> = headings(schema).into_iter().map(shown).collect();
    let widest = names.iter().map(|name| text_width(name)).max().unwrap_or(0);
    for name in &mut names {
        let padding = widest - text_width(name);
        name.extend(std::iter::repeat_n(' ', padding));
    }
    names
}

impl Markup for Vertical {
    fn open(&self, _headings: &[Heading], _page: &mut Page) {}

    fn start_row(&self, row: u64, page: &mut Page) {
        page.put(&format!("-[ RECORD {row} ]\n"));
    }

    fn cell(&self, column: usize, text: Option<&str>, page: &mut Page) {
        page.put(self.names.get(column).map_or("", String::as_str));
        page.put(" |");
        let text = text.unwrap_or(&self.null);
        if !text.is_empty() {
            page.put(" ");
            page.data(text);
        }
        page.put("\n");
    }

    fn end_row(&self, _page: &mut Page) {}

    fn close(&self, rows: u64, page: &mut Page) {
        if rows == 0 {
            page.put("(0 rows)\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::{on_a_terminal, render, render_styled, sample, texts};

    #[test]
    fn vertical() {
        let expected = r#"
-[ RECORD 1 ]
id    | 1
price | 2.5
name  | say "hi", 你好 🙂
tags  | [a, b]
at    | 2020-08-28 03:52:47
ok    | true
-[ RECORD 2 ]
id    | 9007199254740993
price | 3.0
name  |
tags  | []
at    | 2020-08-28 03:52:47.500
ok    | false
"#;
        assert_eq!(render(Format::Vertical, &[sample().slice(0, 2)]), expected.trim_start());
    }

    #[test]
    fn null_is_visible_and_no_row_says_so() {
        let batch = texts("t", &[None]);
        assert_eq!(render(Format::Vertical, &[batch.slice(0, 0)]), "(0 rows)\n");
        assert_eq!(render(Format::Vertical, &[batch]), "-[ RECORD 1 ]\nt | NULL\n");
    }

    #[test]
    fn controls_are_raw_in_a_pipe_and_shown_on_a_terminal() {
        let batch = texts("t", &[Some("a\nb\x1b")]);
        let piped = render(Format::Vertical, std::slice::from_ref(&batch));
        assert_eq!(piped, "-[ RECORD 1 ]\nt | a\nb\x1b\n");
        let shown = render_styled(Format::Vertical, on_a_terminal(), &[batch]);
        assert_eq!(shown, "-[ RECORD 1 ]\nt | a\\nb\\x1b\n");
    }
}
