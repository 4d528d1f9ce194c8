//! A Parquet file, to keep a result or to query it again.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{Error, Finished, Out, Result, Sink};

/// A row group is held until it is complete, so its size is what the sink takes of memory.
const ROW_GROUP_BYTES_MAX: usize = 128 * 1024 * 1024;

/// A file compressed with zstd.
pub(super) fn sink<'a>(schema: SchemaRef, out: Out<'a>) -> Result<Box<dyn Sink + Send + 'a>> {
    if schema.fields().is_empty() {
        return Err(Error::ParquetWithoutColumns);
    }
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES_MAX))
        .build();
    let writer = ArrowWriter::try_new(out, schema, Some(properties))?;
    Ok(Box::new(ParquetSink { writer, rows: 0 }))
}

struct ParquetSink<'a> {
    writer: ArrowWriter<Out<'a>>,
    rows: u64,
}

impl Sink for ParquetSink<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch)?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Finished> {
        self.writer.finish()?;
        self.writer.sync()?;
        Ok(Finished { rows: self.rows, cut: false })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use arrow::compute::concat_batches;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::super::tests::{render_bytes, sample};
    use super::super::{Format, Style};
    use super::*;

    #[test]
    fn a_parquet_file_reads_back() {
        let bytes = render_bytes(Format::Parquet, Style::default(), &[sample(), sample()]);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let file = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let column = file.metadata().row_group(0).column(0).compression();
        assert!(matches!(column, Compression::ZSTD(_)), "{column:?}");
        let batch = file.build().unwrap().next().unwrap().unwrap();
        assert_eq!(batch, concat_batches(&sample().schema(), &[sample(), sample()]).unwrap());
    }
}
