//! Values with separators between them, in the two dialects that other programs read: commas and
//! quotes, tabs and backslashes. Both tell NULL from the empty text.

use arrow::datatypes::Schema;

use super::page::Page;
use super::text::{Heading, Markup, TextSink};
use super::{Out, Sink, Style};

/// RFC 4180, but for the line ends, which are LF as in every tool around it.
pub(super) fn comma_sink<'a>(schema: &Schema, style: Style, out: Out<'a>) -> Box<dyn Sink + Send + 'a> {
    let markup = Comma { null: style.null.unwrap_or_default() };
    Box::new(TextSink::new(markup, schema, style.escape_controls, out))
}

/// Tabs between values and backslash escapes inside them, as PostgreSQL's COPY and ClickHouse's TSV
/// have it.
pub(super) fn tab_sink<'a>(schema: &Schema, style: Style, out: Out<'a>) -> Box<dyn Sink + Send + 'a> {
    let markup = Tab { null: style.null.unwrap_or_else(|| r"\N".to_owned()) };
    Box::new(TextSink::new(markup, schema, style.escape_controls, out))
}

struct Comma {
    null: String,
}

impl Comma {
    /// Quotes also set the empty text and a text that reads like NULL apart from NULL.
    fn text(&self, text: &str, page: &mut Page) {
        if text.is_empty() || text == self.null || needs_quotes(text) {
            quoted(text, page);
        } else {
            page.data(text);
        }
    }
}

impl Markup for Comma {
    fn open(&self, headings: &[Heading], page: &mut Page) {
        for (column, heading) in headings.iter().enumerate() {
            self.cell(column, Some(&heading.name), page);
        }
        self.end_row(page);
    }

    fn cell(&self, column: usize, text: Option<&str>, page: &mut Page) {
        if column > 0 {
            page.put(",");
        }
        match text {
            Some(text) => self.text(text, page),
            None if needs_quotes(&self.null) => quoted(&self.null, page),
            None => page.put(&self.null),
        }
    }
}

fn needs_quotes(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
}

fn quoted(text: &str, page: &mut Page) {
    page.put("\"");
    page.data_replacing(text, |c| (c == '"').then_some("\"\""));
    page.put("\"");
}

struct Tab {
    null: String,
}

impl Markup for Tab {
    fn open(&self, headings: &[Heading], page: &mut Page) {
        for (column, heading) in headings.iter().enumerate() {
            self.cell(column, Some(&heading.name), page);
        }
        self.end_row(page);
    }

    fn cell(&self, column: usize, text: Option<&str>, page: &mut Page) {
        if column > 0 {
            page.put("\t");
        }
        match text {
            Some(text) => page.data_replacing(text, tab_escape),
            None => page.put(&self.null),
        }
    }
}

fn tab_escape(c: char) -> Option<&'static str> {
    match c {
        '\t' => Some(r"\t"),
        '\n' => Some(r"\n"),
        '\r' => Some(r"\r"),
        '\\' => Some(r"\\"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;
    use std::sync::Arc;

    use arrow::array::AsArray;
    use arrow::csv::ReaderBuilder;
    use arrow::datatypes::{DataType, Field, Int64Type};

    use super::super::Format;
    use super::super::tests::{on_a_terminal, render, render_styled, sample, texts, with_null};
    use super::*;

    #[test]
    fn commas() {
        let expected = "id,price,name,tags,at,ok\n\
            1,2.5,\"say \"\"hi\"\", 你好 🙂\",\"[a, b]\",2020-08-28 03:52:47,true\n\
            9007199254740993,3.0,\"\",[],2020-08-28 03:52:47.500,false\n\
            ,,,,,\n\
            -4,1e-7,\"a|b\nc\td\\e<f>\",\"[NULL, x]\",,\n";
        assert_eq!(render(Format::Csv, &[sample()]), expected);
    }

    #[test]
    fn tabs() {
        let expected = "id\tprice\tname\ttags\tat\tok\n\
            1\t2.5\tsay \"hi\", 你好 🙂\t[a, b]\t2020-08-28 03:52:47\ttrue\n\
            9007199254740993\t3.0\t\t[]\t2020-08-28 03:52:47.500\tfalse\n\
            \\N\t\\N\t\\N\t\\N\t\\N\t\\N\n\
            -4\t1e-7\ta|b\\nc\\td\\\\e<f>\t[NULL, x]\t\\N\t\\N\n";
        assert_eq!(render(Format::Tsv, &[sample()]), expected);
    }

    #[test]
    fn a_text_that_reads_like_null_is_quoted() {
        let batch = texts("t", &[Some("NA"), None, Some("")]);
        assert_eq!(render_styled(Format::Csv, with_null("NA"), std::slice::from_ref(&batch)), "t\n\"NA\"\nNA\n\"\"\n");
        assert_eq!(render_styled(Format::Csv, with_null("a,b"), &[batch]), "t\nNA\n\"a,b\"\n\"\"\n");
    }

    #[test]
    fn a_literal_backslash_n_is_not_null() {
        let batch = texts("t", &[Some("\\N"), None]);
        assert_eq!(render(Format::Tsv, &[batch]), "t\n\\\\N\n\\N\n");
    }

    #[test]
    fn a_terminal_obeys_nothing() {
        let batch = texts("a\tb", &[Some("x\n\x1b[1m")]);
        assert_eq!(
            render_styled(Format::Csv, on_a_terminal(), std::slice::from_ref(&batch)),
            "a\\tb\n\"x\\n\\x1b[1m\"\n"
        );
        assert_eq!(render_styled(Format::Tsv, on_a_terminal(), &[batch]), "a\\tb\nx\\n\\x1b[1m\n");
    }

    #[test]
    fn a_reader_reads_the_same() {
        let text = render(Format::Csv, &[sample()]);
        let fields = vec![
            Field::new("id", DataType::Int64, true),
            Field::new("price", DataType::Float64, true),
            Field::new("name", DataType::Utf8, true),
            Field::new("tags", DataType::Utf8, true),
            sample().schema().field(4).clone(),
            Field::new("ok", DataType::Boolean, true),
        ];
        let reader = ReaderBuilder::new(Arc::new(Schema::new(fields))).with_header(true);
        let batch = reader.build(Cursor::new(text)).unwrap().next().unwrap().unwrap();
        for same in [0, 1, 4, 5] {
            assert_eq!(batch.column(same), sample().column(same));
        }
        assert_eq!(batch.column(0).as_primitive::<Int64Type>().value(1), 9_007_199_254_740_993);
        assert_eq!(batch.column(2).as_string::<i32>().value(3), "a|b\nc\td\\e<f>");
    }
}
