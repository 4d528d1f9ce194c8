//! An Arrow IPC file, to hand a result to another program with its types.

use std::io::BufWriter;

use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;

use super::{Finished, Out, Result, Sink, plain};

/// A file whose dictionary columns hold their values.
pub(super) fn sink<'a>(schema: &SchemaRef, out: Out<'a>) -> Result<Box<dyn Sink + Send + 'a>> {
    let schema = plain::schema(schema);
    let writer = FileWriter::try_new(BufWriter::new(out), &schema)?;
    Ok(Box::new(IpcSink { schema, writer, rows: 0 }))
}

struct IpcSink<'a> {
    schema: SchemaRef,
    writer: FileWriter<BufWriter<Out<'a>>>,
    rows: u64,
}

impl Sink for IpcSink<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(&plain::batch(batch, &self.schema)?)?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Finished> {
        self.writer.finish()?;
        Ok(Finished { rows: self.rows, cut: false })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, DictionaryArray};
    use arrow::datatypes::Int32Type;
    use arrow::ipc::reader::FileReader;

    use super::super::tests::{render_bytes, sample};
    use super::super::{Format, Style};
    use super::*;

    fn read(bytes: Vec<u8>) -> Vec<RecordBatch> {
        let batches = FileReader::try_new(Cursor::new(bytes), None).unwrap();
        batches.map(|batch| batch.unwrap()).collect()
    }

    #[test]
    fn an_arrow_file_reads_back() {
        let bytes = render_bytes(Format::Arrow, Style::default(), &[sample(), sample()]);
        assert_eq!(read(bytes), [sample(), sample()]);
    }

    #[test]
    fn each_batch_may_have_a_dictionary_of_its_own() {
        let batch = |text: &str| {
            let array: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::from_iter([text]));
            RecordBatch::try_from_iter([("t", array)]).unwrap()
        };
        let bytes = render_bytes(Format::Arrow, Style::default(), &[batch("a"), batch("b")]);
        let texts = read(bytes);
        let text = |index: usize| texts[index].column(0).as_string::<i32>().value(0).to_owned();
        assert_eq!([text(0), text(1)], ["a", "b"]);
    }
}
