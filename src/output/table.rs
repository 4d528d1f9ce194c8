//! The table for people: psql's look in UTF-8, fitted to the screen if there is one.
//!
//! Widths are known only when the rows are, and the rows may be endless, so a table is drawn in
//! sections of at most [`SECTION_ROWS_MAX`] rows and [`SECTION_BYTES_MAX`] bytes. A column is at
//! least as wide as in the section before; a section that needs other widths repeats the header,
//! one that does not continues the table without a seam.

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;

use super::cell::{self, Column};
use super::grid::{self, Cell};
use super::layout::{Need, Slot, is_cut, plan};
use super::page::{Page, escape_controls};
use super::section::{Measured, Section};
use super::text::headings;
use super::{CHUNK_BYTES, Finished, Out, Result, Sink, Style};

/// The rows that are held to measure their widths.
const SECTION_ROWS_MAX: usize = 100_000;

/// The bytes that are held at most, up to one row more.
const SECTION_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A table that is cut to [`Style::width`], or not at all.
pub(super) fn sink<'a>(schema: &Schema, style: Style, out: Out<'a>) -> Box<dyn Sink + Send + 'a> {
    Box::new(TableSink::new(schema, style, SECTION_ROWS_MAX, out))
}

struct TableSink<'a> {
    columns: Vec<Measured>,
    null: String,
    screen: Option<usize>,
    section: Section,
    section_rows_max: usize,
    /// Of the header that was drawn last.
    slots: Vec<Slot>,
    page: Page,
    cell: String,
    out: Out<'a>,
    rows: u64,
    cut: bool,
}

impl<'a> TableSink<'a> {
    fn new(schema: &Schema, style: Style, section_rows_max: usize, out: Out<'a>) -> Self {
        Self {
            columns: headings(schema).into_iter().map(Measured::new).collect(),
            null: escape_controls(style.null.as_deref().unwrap_or(cell::NULL)).into_owned(),
            screen: style.width.map(usize::from),
            section: Section::default(),
            section_rows_max,
            slots: Vec::new(),
            // The cells are escaped before they are measured.
            page: Page::new(false),
            cell: String::new(),
            out,
            rows: 0,
            cut: false,
        }
    }

    fn hold(&mut self, columns: &[Column<'_>], row: usize) -> Result<()> {
        for (column, measured) in columns.iter().zip(&mut self.columns) {
            let text = column.read(row, &mut self.cell)?.map(escape_controls);
            let text = text.as_deref().unwrap_or(&self.null);
            measured.see(text);
            self.section.push_cell(text);
        }
        self.section.end_row();
        Ok(())
    }

    fn is_section_full(&self) -> bool {
        self.section.rows() >= self.section_rows_max || self.section.bytes() >= SECTION_BYTES_MAX
    }

    /// Draws the rows that are held, and the header if it is due.
    fn draw(&mut self) -> Result<()> {
        let needs: Vec<Need> = self.columns.iter().map(Measured::need).collect();
        let slots = plan(&needs, self.screen);
        self.cut |= is_cut(&slots, &needs);
        if self.slots != slots {
            self.slots = slots;
            self.header();
        }
        for row in 0..self.section.rows() {
            self.row(row);
            if self.page.len() >= CHUNK_BYTES {
                self.hand_over()?;
            }
        }
        self.section.clear();
        self.hand_over()
    }

    fn header(&mut self) {
        let name = |index: usize| self.columns.get(index).map_or(Cell::EMPTY, Measured::name);
        grid::line(&mut self.page, &self.slots, name);
        grid::rule(&mut self.page, &self.slots);
    }

    fn row(&mut self, row: usize) {
        let first = row * self.columns.len();
        let cell = |index: usize| Cell {
            text: self.section.cell(first + index),
            is_right_aligned: self.columns.get(index).is_some_and(Measured::is_right_aligned),
        };
        grid::line(&mut self.page, &self.slots, cell);
    }

    fn footer(&mut self) {
        let rows = if self.rows == 1 { "row" } else { "rows" };
        self.page.put(&format!("({} {rows})\n", self.rows));
        if let (true, Some(screen)) = (self.cut, self.screen) {
            let dropped = self.dropped();
            self.page.put(&format!("cut to {screen} columns{dropped}: --format csv or -o FILE shows everything\n"));
        }
    }

    /// How many columns are missing, in words.
    fn dropped(&self) -> String {
        let is_column = |slot: &&Slot| matches!(slot, Slot::Column { .. });
        let shown = self.slots.iter().filter(is_column).count();
        match self.columns.len() - shown {
            0 => String::new(),
            dropped => format!(", {dropped} of {} dropped", self.columns.len()),
        }
    }

    fn hand_over(&mut self) -> Result<()> {
        self.out.write_all(self.page.as_bytes())?;
        self.page.clear();
        Ok(())
    }
}

impl Sink for TableSink<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        if self.columns.is_empty() {
            return Ok(());
        }
        let columns = Column::all(batch)?;
        for row in 0..batch.num_rows() {
            self.hold(&columns, row)?;
            if self.is_section_full() {
                self.draw()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Finished> {
        if !self.columns.is_empty() {
            self.draw()?;
        }
        if !self.columns.is_empty() || self.rows > 0 {
            self.footer();
        }
        self.hand_over()?;
        self.out.flush()?;
        Ok(Finished { rows: self.rows, cut: self.cut })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringArray};

    use super::super::Format;
    use super::super::tests::{numbers, render, render_styled, sample, texts, with_null, with_width};
    use super::super::width::text_width;
    use super::*;

    /// A table of `batch` in sections of `rows` rows.
    fn in_sections(batch: &RecordBatch, rows: usize, style: Style) -> (String, Finished) {
        let mut bytes = Vec::new();
        let mut table = TableSink::new(&batch.schema(), style, rows, Box::new(&mut bytes));
        table.write(batch).unwrap();
        let finished = Box::new(table).finish().unwrap();
        (String::from_utf8(bytes).unwrap(), finished)
    }

    #[test]
    fn table() {
        let expected = r#"
               id │ price │ name              │ tags      │ at                      │ ok
──────────────────┼───────┼───────────────────┼───────────┼─────────────────────────┼───────
                1 │   2.5 │ say "hi", 你好 🙂 │ [a, b]    │ 2020-08-28 03:52:47     │ true
 9007199254740993 │   3.0 │                   │ []        │ 2020-08-28 03:52:47.500 │ false
             NULL │  NULL │ NULL              │ NULL      │ NULL                    │ NULL
               -4 │  1e-7 │ a|b\nc\td\e<f>    │ [NULL, x] │ NULL                    │ NULL
(4 rows)
"#;
        assert_eq!(render(Format::Table, &[sample()]), expected.trim_start_matches('\n'));
    }

    #[test]
    fn cells_are_cut_before_columns_are() {
        let expected = r#"
               id │ price │ name            │ tags      │ at              │ ok
──────────────────┼───────┼─────────────────┼───────────┼─────────────────┼───────
                1 │   2.5 │ say "hi", 你好… │ [a, b]    │ 2020-08-28 03:… │ true
 9007199254740993 │   3.0 │                 │ []        │ 2020-08-28 03:… │ false
             NULL │  NULL │ NULL            │ NULL      │ NULL            │ NULL
               -4 │  1e-7 │ a|b\nc\td\e<f>  │ [NULL, x] │ NULL            │ NULL
(4 rows)
cut to 82 columns: --format csv or -o FILE shows everything
"#;
        let shown = render_styled(Format::Table, with_width(82), &[sample()]);
        assert_eq!(shown, expected.trim_start_matches('\n'));
    }

    #[test]
    fn cut_to_forty_columns() {
        let expected = r#"
               id │ price │ … │ ok
──────────────────┼───────┼───┼───────
                1 │   2.5 │ … │ true
 9007199254740993 │   3.0 │ … │ false
             NULL │  NULL │ … │ NULL
               -4 │  1e-7 │ … │ NULL
(4 rows)
cut to 40 columns, 3 of 6 dropped: --format csv or -o FILE shows everything
"#;
        let shown = render_styled(Format::Table, with_width(40), &[sample()]);
        assert_eq!(shown, expected.trim_start_matches('\n'));
    }

    #[test]
    fn without_a_screen_nothing_is_cut() {
        let long = "x".repeat(100_000);
        let shown = render(Format::Table, &[texts("t", &[Some(&long)])]);
        assert!(shown.contains(&long));
    }

    #[test]
    fn a_table_that_fits_exactly_is_not_cut() {
        let batch = texts("t", &[Some("12345678")]);
        let (shown, finished) = in_sections(&batch, 10, with_width(10));
        assert_eq!(shown, " t\n──────────\n 12345678\n(1 row)\n");
        assert!(!finished.cut);
        let (shown, finished) = in_sections(&batch, 10, with_width(9));
        let note = "cut to 9 columns: --format csv or -o FILE shows everything";
        assert_eq!(shown, format!(" t\n─────────\n 123456…\n(1 row)\n{note}\n"));
        assert!(finished.cut);
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        for columns in 12..120 {
            let shown = render_styled(Format::Table, with_width(columns), &[sample()]);
            for line in shown.lines().take_while(|line| !line.starts_with('(')) {
                assert!(text_width(line) <= usize::from(columns), "{columns}: {line}");
            }
        }
    }

    #[test]
    fn controls_never_reach_the_screen() {
        let batch = texts("a\nb", &[Some("x\ny\u{202e}z\x1b[1m")]);
        let shown = render_styled(Format::Table, with_null("\t"), &[batch]);
        let expected = r"
 a\nb
──────────────────────
 x\ny\u{202e}z\x1b[1m
(1 row)
";
        assert_eq!(shown, expected.trim_start_matches('\n'));
    }

    #[test]
    fn null_differs_from_the_empty_text() {
        let batch = texts("t", &[Some(""), None]);
        let shown = render(Format::Table, std::slice::from_ref(&batch));
        assert_eq!(shown, " t\n──────\n\n NULL\n(2 rows)\n");
        let shown = render_styled(Format::Table, with_null("∅"), &[batch]);
        assert_eq!(shown, " t\n───\n\n ∅\n(2 rows)\n");
    }

    #[test]
    fn a_section_that_needs_no_other_widths_has_no_seam() {
        let (shown, _) = in_sections(&numbers("id", [10, 2, 30]), 2, Style::default());
        assert_eq!(shown, " id\n────\n 10\n  2\n 30\n(3 rows)\n");
    }

    #[test]
    fn a_section_that_needs_other_widths_repeats_the_header() {
        let (shown, _) = in_sections(&numbers("id", [1, 2, 300, 4]), 2, Style::default());
        assert_eq!(shown, " id\n────\n  1\n  2\n  id\n─────\n 300\n   4\n(4 rows)\n");
    }

    #[test]
    fn a_later_section_that_is_cut_says_so() {
        let batch = texts("t", &[Some("12345678"), Some("123456789")]);
        let (shown, finished) = in_sections(&batch, 1, with_width(10));
        let note = "cut to 10 columns: --format csv or -o FILE shows everything";
        assert_eq!(shown, format!(" t\n──────────\n 12345678\n 1234567…\n(2 rows)\n{note}\n"));
        assert!(finished.cut);
    }

    #[test]
    fn a_thousand_columns_fit_any_screen() {
        let column = |index: usize| {
            let array: ArrayRef = Arc::new(StringArray::from(vec!["value"]));
            (format!("column {index}"), array)
        };
        let batch = RecordBatch::try_from_iter((0..1000).map(column)).unwrap();
        let (shown, finished) = in_sections(&batch, 10, with_width(30));
        let expected = "
 colum… │ colum… │ … │ colum…
────────┼────────┼───┼────────
 value  │ value  │ … │ value
(1 row)
cut to 30 columns, 997 of 1000 dropped: --format csv or -o FILE shows everything
";
        assert_eq!(shown, expected.trim_start_matches('\n'));
        assert!(finished.cut);
    }
}
