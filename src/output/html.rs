//! A `<table>` element for a page or a mail; its look is the page's.

use arrow::datatypes::Schema;

use super::page::Page;
use super::text::{Heading, Markup, TextSink};
use super::{Out, Sink, Style};

/// A table that sets NULL apart by its class.
pub(super) fn sink<'a>(schema: &Schema, style: Style, out: Out<'a>) -> Box<dyn Sink + Send + 'a> {
    let markup = Html { null: style.null.unwrap_or_default() };
    Box::new(TextSink::new(markup, schema, style.escape_controls, out))
}

struct Html {
    null: String,
}

impl Markup for Html {
    fn open(&self, headings: &[Heading], page: &mut Page) {
        page.put("<table>\n<thead>\n<tr>");
        for heading in headings {
            page.put("<th>");
            page.data_replacing(&heading.name, escape);
            page.put("</th>");
        }
        page.put("</tr>\n</thead>\n<tbody>\n");
    }

    fn start_row(&self, _row: u64, page: &mut Page) {
        page.put("<tr>");
    }

    fn cell(&self, _column: usize, text: Option<&str>, page: &mut Page) {
        page.put(if text.is_some() { "<td>" } else { "<td class=\"null\">" });
        page.data_replacing(text.unwrap_or(&self.null), escape);
        page.put("</td>");
    }

    fn end_row(&self, page: &mut Page) {
        page.put("</tr>\n");
    }

    fn close(&self, _rows: u64, page: &mut Page) {
        page.put("</tbody>\n</table>\n");
    }
}

fn escape(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::tests::{render, render_styled, sample, texts, with_null};

    #[test]
    fn html() {
        let null = "<td class=\"null\"></td>";
        let expected = format!(
            "<table>\n<thead>\n\
            <tr><th>id</th><th>price</th><th>name</th><th>tags</th><th>at</th><th>ok</th></tr>\n\
            </thead>\n<tbody>\n\
            <tr><td>1</td><td>2.5</td><td>say &quot;hi&quot;, 你好 🙂</td><td>[a, b]</td>\
            <td>2020-08-28 03:52:47</td><td>true</td></tr>\n\
            <tr><td>9007199254740993</td><td>3.0</td><td></td><td>[]</td>\
            <td>2020-08-28 03:52:47.500</td><td>false</td></tr>\n\
            <tr>{null}{null}{null}{null}{null}{null}</tr>\n\
            <tr><td>-4</td><td>1e-7</td><td>a|b\nc\td\\e&lt;f&gt;</td><td>[NULL, x]</td>{null}{null}</tr>\n\
            </tbody>\n</table>\n"
        );
        assert_eq!(render(Format::Html, &[sample()]), expected);
    }

    #[test]
    fn null_has_the_text_that_was_asked_for() {
        let shown = render_styled(Format::Html, with_null("<none>"), &[texts("t", &[None])]);
        assert!(shown.contains("<td class=\"null\">&lt;none&gt;</td>"), "{shown}");
    }
}
