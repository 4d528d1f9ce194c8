//! Results as text and files: one file per format behind one small trait.
//!
//! A query hands over record batches, a [`Sink`] turns them into one of ten [`Format`]s and writes
//! them to any [`Write`]. Nothing here knows about terminals, files or queries: what depends on
//! where the output goes stands in [`Style`].
//!
//! Architecture invariant: only the table is ever cut, and only to a [`Style::width`]; it says so
//! when it was. All other formats give every byte of every value, and no sink holds more than a
//! bounded part of the result.

mod cell;
mod csv;
mod error;
mod format;
mod grid;
mod html;
mod ipc;
mod json;
mod layout;
mod markdown;
mod page;
mod parquet_file;
mod plain;
mod section;
mod table;
mod text;
mod vertical;
mod width;

#[cfg(test)]
mod tests;

use std::io::Write;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

pub use self::error::{Error, Result};
pub use self::format::{Format, UnknownFormat};

/// Where the bytes go.
type Out<'a> = Box<dyn Write + Send + 'a>;

/// Text is handed to the writer in pieces of about this size, and at the end of each batch.
const CHUNK_BYTES: usize = 64 * 1024;

/// What the place that the output goes to asks of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Style {
    /// The text that stands for NULL; `None` for the format's own. The formats with a NULL of their
    /// own, that is json, ndjson, parquet and arrow, do not heed it.
    pub null: Option<String>,
    /// The columns of the screen that a table has to fit in; `None` when there is no screen: then
    /// nothing is cut.
    pub width: Option<u16>,
    /// Show control characters in the data as `\n` or `\x1b` rather than obey them. A table always
    /// does.
    pub escape_controls: bool,
}

/// What was written, once all of it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// The rows of the result.
    pub rows: u64,
    /// Whether cells or columns were cut to the screen.
    pub cut: bool,
}

/// A result on its way out.
pub trait Sink {
    /// Writes the rows of `batch`, which has the schema that the sink was made for.
    ///
    /// # Errors
    ///
    /// When the writer fails, or when a value cannot be rendered in the format.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Writes what is still held and what closes the format, and flushes the writer. Without it the
    /// output is incomplete.
    ///
    /// # Errors
    ///
    /// When the writer fails.
    fn finish(self: Box<Self>) -> Result<Finished>;
}

/// A sink for rows of `schema`, the one of the batches and not of the plan, that writes them as
/// `format` to `out`.
///
/// A result without columns, that of a DDL statement, has no text; only json, ndjson and arrow have
/// a form for it.
///
/// # Errors
///
/// When the format has no place for a column's type, or when the writer fails on the head of the
/// file.
pub fn sink<'a>(
    format: Format,
    schema: SchemaRef,
    style: Style,
    out: Box<dyn Write + Send + 'a>,
) -> Result<Box<dyn Sink + Send + 'a>> {
    Ok(match format {
        Format::Table => table::sink(&schema, style, out),
        Format::Csv => csv::comma_sink(&schema, style, out),
        Format::Tsv => csv::tab_sink(&schema, style, out),
        Format::Json => json::array_sink(&schema, &style, out),
        Format::Ndjson => json::line_sink(&schema, &style, out),
        Format::Markdown => markdown::sink(&schema, style, out),
        Format::Html => html::sink(&schema, style, out),
        Format::Vertical => vertical::sink(&schema, style, out),
        Format::Parquet => parquet_file::sink(schema, out)?,
        Format::Arrow => ipc::sink(&schema, out)?,
    })
}
