//! The columns of a topic's tables beyond the declared ones: the hidden metadata and the rejects.
//!
//! They are made from the pack and the contents when a query asks for them; nothing of them is kept.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, RecordBatchOptions, StringViewArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::Result;

use super::cache::Contents;
use super::decode::{Reject, Rows, no_rescue};
use super::pack::Pack;

/// The hidden columns, in their order behind the declared ones. They are not in `SELECT *`.
pub const METADATA: [&str; 7] = ["_topic", "_partition", "_offset", "_key", "_size", "_last_modified", "_rescued"];

/// The hidden columns by whose predicates objects are left out before any is read.
pub const PRUNABLE: [&str; 3] = ["_topic", "_partition", "_offset"];

/// The place of `_rescued` among the hidden columns: the only one that costs decoding.
const RESCUED: usize = 6;

/// The declared columns with the hidden ones behind them.
pub fn with_metadata(declared: &Schema) -> SchemaRef {
    let types = [
        DataType::Utf8View,
        DataType::Int32,
        DataType::Int64,
        DataType::Utf8View,
        DataType::Int64,
        DataType::Timestamp(TimeUnit::Millisecond, None),
        DataType::Utf8View,
    ];
    let hidden = METADATA.iter().zip(types).map(|(name, data_type)| Arc::new(Field::new(*name, data_type, true)));
    Arc::new(Schema::new(declared.fields().iter().cloned().chain(hidden).collect::<Vec<_>>()))
}

/// The columns of a reject table.
pub fn reject_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("topic", DataType::Utf8View, false),
        Field::new("partition", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
        Field::new("line", DataType::Int64, false),
        Field::new("key", DataType::Utf8View, false),
        Field::new("reason", DataType::Utf8View, false),
        Field::new("raw", DataType::Utf8View, false),
    ]))
}

/// Whether a projection of [`with_metadata`] columns asks for `_rescued`.
pub fn asks_for_rescued(projection: &[usize], declared_count: usize) -> bool {
    projection.contains(&(declared_count + RESCUED))
}

/// The rows of the objects at `places`, in the columns of `projection`.
pub fn rows_batch(
    pack: &Pack,
    contents: &Contents,
    rows: &Rows,
    places: &Range<usize>,
    projection: &[usize],
    schema: &SchemaRef,
) -> Result<Option<RecordBatch>> {
    let first = rows.objects.partition_point(|place| (*place as usize) < places.start);
    let end = rows.objects.partition_point(|place| (*place as usize) < places.end);
    if first >= end {
        return Ok(None);
    }
    let declared = rows.columns.slice(first, end - first);
    let view = RowsView { pack, contents, rows, range: first..end };
    let arrays = projection.iter().map(|index| match index.checked_sub(declared.num_columns()) {
        None => Arc::clone(declared.column(*index)),
        Some(hidden) => view.metadata(hidden),
    });
    let options = RecordBatchOptions::new().with_row_count(Some(end - first));
    Ok(Some(RecordBatch::try_new_with_options(Arc::clone(schema), arrays.collect(), &options)?))
}

/// Some rows of a batch, for making their hidden columns.
struct RowsView<'a> {
    pack: &'a Pack,
    contents: &'a Contents,
    rows: &'a Rows,
    range: Range<usize>,
}

impl RowsView<'_> {
    fn metadata(&self, hidden: usize) -> ArrayRef {
        let shard = &self.pack.shard;
        let len = self.range.len();
        let places = self.rows.objects[self.range.clone()].iter().map(|place| *place as usize);
        let identities = places.clone().map(|place| self.contents.identities[place - self.contents.range.start]);
        match hidden {
            0 => Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(&shard.topic, len))),
            1 => Arc::new(Int32Array::from_value(shard.partition, len)),
            2 => Arc::new(Int64Array::from_iter_values(self.rows.offsets[self.range.clone()].iter().copied())),
            3 => Arc::new(StringViewArray::from_iter_values(places.map(|place| shard.key(self.pack.starts[place])))),
            4 => Arc::new(identities.map(|identity| identity.map(|it| it.size_bytes as i64)).collect::<Int64Array>()),
            5 => {
                let modified = identities.map(|identity| identity.map(|it| it.modified_ns.div_euclid(1_000_000)));
                Arc::new(modified.collect::<TimestampMillisecondArray>())
            }
            _ => match &self.rows.rescued {
                Some(rescued) => rescued.slice(self.range.start, len),
                None => no_rescue(len),
            },
        }
    }
}

/// The rejects of the objects at `places`, in the columns of `projection`.
pub fn rejects_batch(
    pack: &Pack,
    contents: &Contents,
    places: &Range<usize>,
    projection: &[usize],
    schema: &SchemaRef,
) -> Result<Option<RecordBatch>> {
    let rejects: Vec<_> =
        contents.decoded.rejects.iter().filter(|reject| places.contains(&(reject.object as usize))).collect();
    if rejects.is_empty() {
        return Ok(None);
    }
    let arrays = projection.iter().map(|index| reject_column(pack, &rejects, *index));
    let options = RecordBatchOptions::new().with_row_count(Some(rejects.len()));
    Ok(Some(RecordBatch::try_new_with_options(Arc::clone(schema), arrays.collect(), &options)?))
}

fn reject_column(pack: &Pack, rejects: &[&Reject], index: usize) -> ArrayRef {
    let shard = &pack.shard;
    let texts = |text: &dyn Fn(&Reject) -> String| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(rejects.iter().map(|reject| text(reject))))
    };
    match index {
        0 => texts(&|_| shard.topic.clone()),
        1 => Arc::new(Int32Array::from_value(shard.partition, rejects.len())),
        2 => Arc::new(Int64Array::from_iter_values(rejects.iter().map(|reject| reject.offset))),
        3 => Arc::new(Int64Array::from_iter_values(rejects.iter().map(|reject| i64::from(reject.line)))),
        4 => texts(&|reject| shard.key(pack.starts[reject.object as usize])),
        5 => texts(&|reject| reject.reason.clone()),
        _ => texts(&|reject| reject.raw.clone()),
    }
}
