//! Columns without dictionaries, for formats that have no use for them: an Arrow file allows one
//! dictionary for a whole column where a query has one per batch, and the JSON encoder misses NULLs
//! among a dictionary's values.

use std::sync::Arc;

use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::Result;

/// `schema` with the dictionaries' values in their place.
pub(super) fn schema(schema: &SchemaRef) -> SchemaRef {
    if !has_dictionary(schema) {
        return Arc::clone(schema);
    }
    let fields: Vec<FieldRef> = schema.fields().iter().map(field).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

fn field(field: &FieldRef) -> FieldRef {
    match field.data_type() {
        DataType::Dictionary(_, values) => {
            let plain = Field::new(field.name(), (**values).clone(), true);
            Arc::new(plain.with_metadata(field.metadata().clone()))
        }
        _ => Arc::clone(field),
    }
}

/// `batch` with the types of `plain`, which [`schema`] made.
pub(super) fn batch(batch: &RecordBatch, plain: &SchemaRef) -> Result<RecordBatch> {
    if !has_dictionary(batch.schema_ref()) {
        return Ok(batch.clone());
    }
    let columns = batch.columns().iter().zip(plain.fields());
    let columns = columns.map(|(array, field)| match array.data_type() {
        DataType::Dictionary(..) => cast(array, field.data_type()),
        _ => Ok(Arc::clone(array)),
    });
    let columns = columns.collect::<std::result::Result<_, _>>()?;
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(plain), columns, &rows)?)
}

fn has_dictionary(schema: &Schema) -> bool {
    let is_dictionary = |field: &FieldRef| matches!(field.data_type(), DataType::Dictionary(..));
    schema.fields().iter().any(is_dictionary)
}
