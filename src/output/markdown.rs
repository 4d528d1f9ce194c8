//! A table for a README or an issue: GitHub's dialect of Markdown.

use arrow::datatypes::Schema;

use super::page::Page;
use super::text::{Heading, Markup, TextSink};
use super::{Out, Sink, Style, cell};

/// A table whose cells show their text as it is: what would end a cell or start an element is
/// escaped.
pub(super) fn sink<'a>(schema: &Schema, style: Style, out: Out<'a>) -> Box<dyn Sink + Send + 'a> {
    let markup = Markdown { null: style.null.unwrap_or_else(|| cell::NULL.to_owned()) };
    Box::new(TextSink::new(markup, schema, style.escape_controls, out))
}

struct Markdown {
    null: String,
}

impl Markup for Markdown {
    fn open(&self, headings: &[Heading], page: &mut Page) {
        for (column, heading) in headings.iter().enumerate() {
            self.cell(column, Some(&heading.name), page);
        }
        page.put("\n|");
        for heading in headings {
            page.put(if heading.is_right_aligned { " ---: |" } else { " --- |" });
        }
        page.put("\n");
    }

    fn cell(&self, column: usize, text: Option<&str>, page: &mut Page) {
        page.put(if column == 0 { "| " } else { " " });
        page.data_replacing(text.unwrap_or(&self.null), escape);
        page.put(" |");
    }
}

fn escape(c: char) -> Option<&'static str> {
    match c {
        '|' => Some(r"\|"),
        '\\' => Some(r"\\"),
        '\n' => Some("<br>"),
        '\r' => Some(""),
        '<' => Some("&lt;"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::{render, render_styled, sample, texts, with_null};

    #[test]
    fn markdown() {
        let expected = r#"
| id | price | name | tags | at | ok |
| ---: | ---: | --- | --- | --- | --- |
| 1 | 2.5 | say "hi", 你好 🙂 | [a, b] | 2020-08-28 03:52:47 | true |
| 9007199254740993 | 3.0 |  | [] | 2020-08-28 03:52:47.500 | false |
| NULL | NULL | NULL | NULL | NULL | NULL |
| -4 | 1e-7 | a\|b<br>c	d\\e&lt;f> | [NULL, x] | NULL | NULL |
"#;
        assert_eq!(render(Format::Markdown, &[sample()]), expected.trim_start());
    }

    #[test]
    fn null_has_the_text_that_was_asked_for() {
        let batch = texts("t|u", &[None]);
        let shown = render_styled(Format::Markdown, with_null("∅"), &[batch]);
        assert_eq!(shown, "| t\\|u |\n| --- |\n| ∅ |\n");
    }
}
