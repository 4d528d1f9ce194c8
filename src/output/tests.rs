//! What holds for every format, and the rows that the formats' own tests show.

#![allow(clippy::unwrap_used)]

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, ListBuilder, StringArray, StringBuilder,
    TimestampMillisecondArray,
};
use arrow::datatypes::Schema;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::{Error, Finished, Format, Style, sink};

/// A row of plain values, one of edges, one of NULLs, one of characters that mean something
/// somewhere.
pub(super) fn sample() -> RecordBatch {
    let mut tags = ListBuilder::new(StringBuilder::new());
    tags.append_value([Some("a"), Some("b")]);
    tags.append(true);
    tags.append_null();
    tags.append_value([None, Some("x")]);
    let ids = [Some(1), Some(9_007_199_254_740_993), None, Some(-4)];
    let prices = [Some(2.5), Some(3.0), None, Some(1e-7)];
    let names = [Some("say \"hi\", 你好 🙂"), Some(""), None, Some("a|b\nc\td\\e<f>")];
    let times = [Some(1_598_586_767_000), Some(1_598_586_767_500), None, None];
    let flags = [Some(true), Some(false), None, None];
    let columns: [(&str, ArrayRef); 6] = [
        ("id", Arc::new(Int64Array::from(ids.to_vec()))),
        ("price", Arc::new(Float64Array::from(prices.to_vec()))),
        ("name", Arc::new(StringArray::from(names.to_vec()))),
        ("tags", Arc::new(tags.finish())),
        ("at", Arc::new(TimestampMillisecondArray::from(times.to_vec()))),
        ("ok", Arc::new(BooleanArray::from(flags.to_vec()))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

/// A column of texts.
pub(super) fn texts(name: &str, texts: &[Option<&str>]) -> RecordBatch {
    let array: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    RecordBatch::try_from_iter_with_nullable([(name, array, true)]).unwrap()
}

/// A column of integers.
pub(super) fn numbers(name: &str, numbers: impl IntoIterator<Item = i64>) -> RecordBatch {
    let array: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
    RecordBatch::try_from_iter_with_nullable([(name, array, true)]).unwrap()
}

fn without_columns(rows: usize) -> RecordBatch {
    let rows = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &rows).unwrap()
}

pub(super) fn with_null(text: &str) -> Style {
    Style { null: Some(text.to_owned()), ..Style::default() }
}

pub(super) fn with_width(columns: u16) -> Style {
    Style { width: Some(columns), ..Style::default() }
}

pub(super) fn on_a_terminal() -> Style {
    Style { escape_controls: true, ..Style::default() }
}

/// The batches, of which there is one at least, in a format.
pub(super) fn render_bytes(format: Format, style: Style, batches: &[RecordBatch]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut sink = sink(format, batches[0].schema(), style, Box::new(&mut bytes)).unwrap();
    for batch in batches {
        sink.write(batch).unwrap();
    }
    let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
    assert_eq!(sink.finish().unwrap().rows, rows);
    bytes
}

pub(super) fn render_styled(format: Format, style: Style, batches: &[RecordBatch]) -> String {
    String::from_utf8(render_bytes(format, style, batches)).unwrap()
}

pub(super) fn render(format: Format, batches: &[RecordBatch]) -> String {
    render_styled(format, Style::default(), batches)
}

#[test]
fn text_does_not_depend_on_the_batches() {
    let (head, tail) = (sample().slice(0, 1), sample().slice(1, 3));
    for format in Format::ALL.into_iter().filter(|format| !format.is_binary()) {
        let batches = [head.clone(), sample().slice(0, 0), tail.clone()];
        assert_eq!(render(format, &batches), render(format, &[sample()]), "{format}");
    }
}

#[test]
fn no_rows() {
    let none = [numbers("id", [])];
    let shown = |format| render(format, &none);
    assert_eq!(shown(Format::Table), " id\n────\n(0 rows)\n");
    assert_eq!(shown(Format::Csv), "id\n");
    assert_eq!(shown(Format::Tsv), "id\n");
    assert_eq!(shown(Format::Json), "[]\n");
    assert_eq!(shown(Format::Ndjson), "");
    assert_eq!(shown(Format::Markdown), "| id |\n| ---: |\n");
    let html = "<table>\n<thead>\n<tr><th>id</th></tr>\n</thead>\n<tbody>\n</tbody>\n</table>\n";
    assert_eq!(shown(Format::Html), html);
    assert_eq!(shown(Format::Vertical), "(0 rows)\n");
}

#[test]
fn no_batch_is_no_rows() {
    for format in Format::ALL {
        let mut bytes = Vec::new();
        let schema = sample().schema();
        let unused = sink(format, schema, Style::default(), Box::new(&mut bytes)).unwrap();
        assert_eq!(unused.finish().unwrap(), Finished { rows: 0, cut: false });
        if !format.is_binary() {
            let bytes = String::from_utf8(bytes).unwrap();
            assert_eq!(bytes, render(format, &[sample().slice(0, 0)]), "{format}");
        }
    }
}

#[test]
fn a_statement_without_a_result_has_no_text() {
    let shown = |format| render(format, &[without_columns(0)]);
    for format in
        [Format::Table, Format::Csv, Format::Tsv, Format::Ndjson, Format::Markdown, Format::Html, Format::Vertical]
    {
        assert_eq!(shown(format), "", "{format}");
    }
    assert_eq!(shown(Format::Json), "[]\n");
    assert!(!render_bytes(Format::Arrow, Style::default(), &[without_columns(0)]).is_empty());
    let schema = without_columns(0).schema();
    let refused = sink(Format::Parquet, schema, Style::default(), Box::new(io::sink())).err();
    assert!(matches!(refused, Some(Error::ParquetWithoutColumns)));
}

#[test]
fn rows_without_columns_are_counted() {
    assert_eq!(render(Format::Table, &[without_columns(2)]), "(2 rows)\n");
    assert_eq!(render(Format::Json, &[without_columns(2)]), "[{},\n{}]\n");
    assert_eq!(render(Format::Csv, &[without_columns(2)]), "");
}

/// Takes some bytes, then is closed.
struct ClosedAfter(usize);

impl Write for ClosedAfter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.0 == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
}

/// Writes rows until the writer's error comes back.
fn write_to(format: Format, out: ClosedAfter) -> Result<Finished, Error> {
    let rows = numbers("id", 0..10_000);
    let mut sink = sink(format, rows.schema(), Style::default(), Box::new(out))?;
    sink.write(&rows)?;
    sink.write(&rows)?;
    sink.finish()
}

#[test]
fn a_closed_pipe_is_told_from_other_failures_wherever_it_closes() {
    for format in Format::ALL {
        for bytes in [0, 1, 7, 5_000] {
            let error = write_to(format, ClosedAfter(bytes)).unwrap_err();
            assert!(error.is_broken_pipe(), "{format} after {bytes} bytes: {error:?}");
        }
        assert_eq!(write_to(format, ClosedAfter(usize::MAX)).unwrap().rows, 20_000);
    }
}

#[test]
fn a_flush_that_fails_is_not_swallowed() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    for format in Format::ALL {
        let sink = sink(format, sample().schema(), Style::default(), Box::new(Full)).unwrap();
        let error = sink.finish().unwrap_err();
        assert!(matches!(&error, Error::Io(_)), "{format}: {error:?}");
        assert!(!error.is_broken_pipe());
    }
}
