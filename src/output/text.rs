//! The shell of the formats that write text row by row: it reads the cells and keeps the buffer, a
//! [`Markup`] dresses them.

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;

use super::cell::{Column, is_right_aligned};
use super::page::Page;
use super::{CHUNK_BYTES, Finished, Out, Result, Sink};

/// The name of a column, and the side that its values keep to.
pub(super) struct Heading {
    pub(super) name: String,
    pub(super) is_right_aligned: bool,
}

/// The headings of a result.
pub(super) fn headings(schema: &Schema) -> Vec<Heading> {
    let heading = |field: &arrow::datatypes::FieldRef| Heading {
        name: field.name().clone(),
        is_right_aligned: is_right_aligned(field.data_type()),
    };
    schema.fields().iter().map(heading).collect()
}

/// What one format writes around the cells, and how it writes them.
pub(super) trait Markup {
    /// Before the first row, and also when there is none.
    fn open(&self, headings: &[Heading], page: &mut Page);

    /// Before the cells of row `row`, which counts from 1.
    fn start_row(&self, _row: u64, _page: &mut Page) {}

    /// The cell in column `column`, which counts from 0; `None` for NULL.
    fn cell(&self, column: usize, text: Option<&str>, page: &mut Page);

    /// After the cells of a row.
    fn end_row(&self, page: &mut Page) {
        page.put("\n");
    }

    /// After the last of `rows` rows.
    fn close(&self, _rows: u64, _page: &mut Page) {}
}

/// A sink that writes the cells as `markup` has them.
pub(super) struct TextSink<'a, M> {
    markup: M,
    headings: Vec<Heading>,
    page: Page,
    cell: String,
    out: Out<'a>,
    rows: u64,
    is_open: bool,
}

impl<'a, M: Markup> TextSink<'a, M> {
    pub(super) fn new(markup: M, schema: &Schema, escape_controls: bool, out: Out<'a>) -> Self {
        Self {
            markup,
            headings: headings(schema),
            page: Page::new(escape_controls),
            cell: String::new(),
            out,
            rows: 0,
            is_open: false,
        }
    }

    /// The head waits for the first batch: a query that fails before it leaves the output empty.
    fn open(&mut self) {
        if !self.is_open {
            self.is_open = true;
            self.markup.open(&self.headings, &mut self.page);
        }
    }

    fn row(&mut self, columns: &[Column<'_>], row: usize) -> Result<()> {
        self.rows += 1;
        self.markup.start_row(self.rows, &mut self.page);
        for (index, column) in columns.iter().enumerate() {
            let text = column.read(row, &mut self.cell)?;
            self.markup.cell(index, text, &mut self.page);
        }
        self.markup.end_row(&mut self.page);
        if self.page.len() >= CHUNK_BYTES {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<()> {
        self.out.write_all(self.page.as_bytes())?;
        self.page.clear();
        Ok(())
    }
}

impl<M: Markup> Sink for TextSink<'_, M> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.headings.is_empty() {
            self.rows += batch.num_rows() as u64;
            return Ok(());
        }
        self.open();
        let columns = Column::all(batch)?;
        for row in 0..batch.num_rows() {
            self.row(&columns, row)?;
        }
        self.hand_over()
    }

    fn finish(mut self: Box<Self>) -> Result<Finished> {
        if !self.headings.is_empty() {
            self.open();
            self.markup.close(self.rows, &mut self.page);
        }
        self.hand_over()?;
        self.out.flush()?;
        Ok(Finished { rows: self.rows, cut: false })
    }
}
