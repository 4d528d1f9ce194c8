//! Bodies → columns and rejects. Every record of a body becomes a row or a reject, never neither.
//!
//! A record is first read whole, its values held in slots, and only then appended: so a bad field
//! never leaves half a row behind and no batch has to be taken apart again.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, RecordBatch, RecordBatchOptions, StringViewArray,
    StringViewBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use datafusion::common::{Result, ScalarValue};
use smallvec::{SmallVec, smallvec};

use super::field::{FieldPlan, Kind, Slot};
use super::json::{self, Text, Value};

/// The largest record that is read, in bytes.
pub const RECORD_BYTES_MAX: usize = 64 << 20;

/// How much of a record that was rejected is kept as its raw text, in bytes.
pub const RAW_BYTES_MAX: usize = 64 << 10;

/// The text of a column lies in blocks of this size. Growing blocks, the builder's own way, would leave
/// a third of the memory of a batch unused.
const TEXT_BLOCK_BYTES: u32 = 64 << 10;

/// The declared columns of a topic and how to read them. Shared by all scans of a table.
#[derive(Debug)]
pub struct DecodePlan {
    schema: SchemaRef,
    fields: Vec<FieldPlan>,
}

impl DecodePlan {
    /// Plans the declared `schema`.
    ///
    /// # Errors
    /// The first column whose type a topic table cannot hold.
    pub fn new(schema: SchemaRef) -> std::result::Result<Self, String> {
        let fields =
            schema.fields().iter().map(|field| FieldPlan::new(field)).collect::<std::result::Result<_, _>>()?;
        Ok(Self { schema, fields })
    }

    /// The declared columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The column of a field. Records of a topic mostly have their fields in one order, so the
    /// column after the last one found is tried first.
    fn column_of(&self, name: Text<'_>, guess: usize) -> Option<usize> {
        let name = name.unescaped();
        let is_it = |index: usize| self.fields.get(index).is_some_and(|field| field.name == *name);
        if is_it(guess) { Some(guess) } else { (0..self.fields.len()).find(|index| is_it(*index)) }
    }
}

/// What a run of objects became.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The rows, in the order of the objects and of the lines in them.
    pub rows: Vec<Rows>,
    /// The records that could not be read.
    pub rejects: Vec<Reject>,
}

/// A batch of rows and where each came from.
#[derive(Debug)]
pub struct Rows {
    /// The declared columns.
    pub columns: RecordBatch,
    /// Of each row, its object's place in the run of objects.
    pub objects: Vec<u32>,
    /// Of each row, its Kafka offset.
    pub offsets: Vec<i64>,
    /// Of each row, the fields that are not declared, as a JSON object; where it was asked for.
    pub rescued: Option<ArrayRef>,
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The object's place in the run of objects.
    pub object: u32,
    /// The record's Kafka offset.
    pub offset: i64,
    /// The line in the body, from 1.
    pub line: u32,
    /// Why, for a person.
    pub reason: String,
    /// The record as it lies there; not UTF-8 is shown as U+FFFD, a long one is cut.
    pub raw: String,
}

impl Decoded {
    /// The memory that this holds, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let rows = self.rows.iter().map(|rows| {
            let rescued = rows.rescued.as_ref().map_or(0, |array| array.get_array_memory_size());
            rows.columns.get_array_memory_size() + rescued + rows.objects.capacity() * 4 + rows.offsets.capacity() * 8
        });
        let rejects =
            self.rejects.iter().map(|reject| size_of::<Reject>() + reject.reason.capacity() + reject.raw.capacity());
        rows.sum::<usize>() + rejects.sum::<usize>()
    }

    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.rows.iter().map(|rows| rows.columns.num_rows()).sum()
    }
}

/// Decodes one object after another into batches.
#[derive(Debug)]
pub struct Decoder<'p> {
    plan: &'p DecodePlan,
    batch_rows: usize,
    columns: Vec<Column>,
    objects: Vec<u32>,
    offsets: Vec<i64>,
    rescued: Option<StringViewBuilder>,
    decoded: Decoded,
}

impl<'p> Decoder<'p> {
    /// A decoder that makes batches of `batch_rows` rows and, on demand, rescues undeclared fields.
    /// `expected_rows` is a guess at how many there will be: what is decoded may be kept for long, so
    /// columns should not be larger than they have to be.
    pub fn new(plan: &'p DecodePlan, batch_rows: usize, expected_rows: usize, rescue: bool) -> Self {
        let columns = plan.fields.iter().map(|field| Column::new(field, expected_rows.min(batch_rows))).collect();
        Self {
            plan,
            batch_rows: batch_rows.max(1),
            columns,
            objects: Vec::with_capacity(expected_rows.min(batch_rows)),
            offsets: Vec::with_capacity(expected_rows.min(batch_rows)),
            rescued: rescue.then(StringViewBuilder::new),
            decoded: Decoded::default(),
        }
    }

    /// Decodes the body of the object at place `object`, whose first record has offset `start`.
    ///
    /// # Errors
    /// None that the body could cause: only what Arrow may refuse when a batch is full.
    pub fn object(&mut self, object: u32, start: i64, body: &[u8]) -> Result<()> {
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let mut record = Record { object, offset: start, line: 0 };
        let mut is_empty = true;
        let mut rest = Some(body);
        while let Some(text) = rest {
            let line;
            (line, rest) = match memchr::memchr(b'\n', text) {
                Some(end) => (&text[..end], Some(&text[end + 1..])),
                None => (text, None),
            };
            record.line = record.line.saturating_add(1);
            if line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
                continue;
            }
            self.record(record, line)?;
            is_empty = false;
            record.offset = record.offset.saturating_add(1);
        }
        if is_empty {
            self.reject(Record { line: 1, ..record }, "an empty object: no record in it".to_owned(), b"");
        }
        Ok(())
    }

    /// Counts a whole object as a reject: its body could not even be split into records.
    pub fn reject_object(&mut self, object: u32, start: i64, reason: String) {
        self.reject(Record { object, offset: start, line: 1 }, reason, b"");
    }

    /// The rows and rejects of all objects so far.
    ///
    /// # Errors
    /// What Arrow may refuse when the last batch is made.
    pub fn finish(mut self) -> Result<Decoded> {
        self.flush()?;
        Ok(self.decoded)
    }

    fn record(&mut self, record: Record, line: &[u8]) -> Result<()> {
        if line.len() > RECORD_BYTES_MAX {
            let reason = format!("a record of {} bytes; at most {RECORD_BYTES_MAX} are read", line.len());
            self.reject(record, reason, line);
            return Ok(());
        }
        let text = match std::str::from_utf8(line) {
            Ok(text) => text,
            Err(error) => {
                self.reject(record, format!("not UTF-8 at byte {}", error.valid_up_to() + 1), line);
                return Ok(());
            }
        };
        match read_record(self.plan, text, self.rescued.is_some()) {
            Ok((slots, rescued)) => self.append(record, slots, rescued),
            Err(reason) => {
                self.reject(record, reason, line);
                Ok(())
            }
        }
    }

    fn append(&mut self, record: Record, slots: Slots<'_>, rescued: Option<String>) -> Result<()> {
        for (column, slot) in self.columns.iter_mut().zip(slots) {
            column.append(slot);
        }
        self.objects.push(record.object);
        self.offsets.push(record.offset);
        if let Some(builder) = &mut self.rescued {
            builder.append_option(rescued);
        }
        if self.offsets.len() >= self.batch_rows { self.flush() } else { Ok(()) }
    }

    fn reject(&mut self, record: Record, reason: String, raw: &[u8]) {
        let Record { object, offset, line } = record;
        let kept = &raw[..raw.len().min(RAW_BYTES_MAX)];
        let raw = String::from_utf8_lossy(kept).trim_end_matches('\r').to_owned();
        self.decoded.rejects.push(Reject { object, offset, line, reason, raw });
    }

    fn flush(&mut self) -> Result<()> {
        let rows = self.offsets.len();
        if rows == 0 {
            return Ok(());
        }
        let arrays = self.columns.iter_mut().zip(&self.plan.fields).map(|(column, field)| column.finish(field));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let columns = RecordBatch::try_new_with_options(Arc::clone(&self.plan.schema), arrays, &options)?;
        self.decoded.rows.push(Rows {
            columns,
            objects: std::mem::take(&mut self.objects),
            offsets: std::mem::take(&mut self.offsets),
            rescued: self.rescued.as_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef),
        });
        Ok(())
    }
}

/// Up to so many fields, a record is read without asking for memory.
const FIELDS_USUAL: usize = 16;

/// A record's values, a column each.
type Slots<'a> = SmallVec<[Slot<'a>; FIELDS_USUAL]>;

/// Where a record lies.
#[derive(Debug, Clone, Copy)]
struct Record {
    object: u32,
    offset: i64,
    line: u32,
}

/// Reads one line: a slot for each declared column, and on demand the undeclared rest.
fn read_record<'a>(
    plan: &DecodePlan,
    line: &'a str,
    rescue: bool,
) -> std::result::Result<(Slots<'a>, Option<String>), String> {
    let mut values: SmallVec<[Value<'a>; FIELDS_USUAL]> = smallvec![Value::Null; plan.fields.len()];
    let mut next = 0;
    let mut declared = false;
    let mut others: Vec<(Text<'a>, Value<'a>)> = vec![];
    json::read_object(line, |name, value| match plan.column_of(name, next) {
        Some(index) => {
            // Of duplicate names the last one wins, as in the connector's own reader.
            values[index] = value;
            next = index + 1;
            declared = true;
        }
        None => {
            if rescue || !declared {
                others.push((name, value));
            }
        }
    })
    .map_err(|fault| fault.to_string())?;
    if !declared && !plan.fields.is_empty() {
        return Err(no_declared_field(&others));
    }
    let slots = plan.fields.iter().zip(&values).map(|(field, value)| field.read(value));
    let slots = slots.collect::<std::result::Result<Slots<'a>, _>>()?;
    let rescued = (rescue && !others.is_empty()).then(|| json_object(&others));
    Ok((slots, rescued))
}

fn no_declared_field(others: &[(Text<'_>, Value<'_>)]) -> String {
    const NAMES_SHOWN: usize = 5;
    if others.is_empty() {
        return "an object without fields".to_owned();
    }
    let mut names: Vec<_> = others.iter().take(NAMES_SHOWN).map(|(name, _)| name.raw()).collect();
    if others.len() > NAMES_SHOWN {
        names.push("…");
    }
    format!("none of the table's fields: found only {} (another topic's record, or a wrapper?)", names.join(", "))
}

/// The undeclared fields as the JSON object that they stood in.
fn json_object(members: &[(Text<'_>, Value<'_>)]) -> String {
    use std::fmt::Write;
    let mut out = String::from("{");
    for (index, (name, value)) in members.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(out, "{comma}\"{}\":", name.raw());
        let _ = match value {
            Value::Null => write!(out, "null"),
            Value::Bool(value) => write!(out, "{value}"),
            Value::String(text) => write!(out, "\"{}\"", text.raw()),
            Value::Number(raw) | Value::Array(raw) | Value::Object(raw) => write!(out, "{raw}"),
        };
    }
    out.push('}');
    out
}

/// The growing column of one declared field.
#[derive(Debug)]
enum Column {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Float(Float64Builder),
    Text(StringViewBuilder),
    Parsed(Vec<Option<ScalarValue>>),
}

impl Column {
    fn new(field: &FieldPlan, rows: usize) -> Self {
        match field.kind {
            Kind::Boolean => Self::Boolean(BooleanBuilder::with_capacity(rows)),
            Kind::Integer { .. } => Self::Integer(Int64Builder::with_capacity(rows)),
            Kind::Float => Self::Float(Float64Builder::with_capacity(rows)),
            Kind::Text => Self::Text(StringViewBuilder::with_capacity(rows).with_fixed_block_size(TEXT_BLOCK_BYTES)),
            Kind::Parsed => Self::Parsed(vec![]),
        }
    }

    fn append(&mut self, slot: Slot<'_>) {
        match (self, slot) {
            (Self::Boolean(builder), Slot::Boolean(value)) => builder.append_value(value),
            (Self::Boolean(builder), _) => builder.append_null(),
            (Self::Integer(builder), Slot::Integer(value)) => builder.append_value(value),
            (Self::Integer(builder), _) => builder.append_null(),
            (Self::Float(builder), Slot::Float(value)) => builder.append_value(value),
            (Self::Float(builder), _) => builder.append_null(),
            (Self::Text(builder), Slot::Text(value)) => builder.append_value(value),
            (Self::Text(builder), _) => builder.append_null(),
            (Self::Parsed(values), Slot::Parsed(value)) => values.push(Some(*value)),
            (Self::Parsed(values), _) => values.push(None),
        }
    }

    /// The column in its declared type. The narrower numeric types were checked on the way in, so
    /// casting them loses nothing.
    fn finish(&mut self, field: &FieldPlan) -> Result<ArrayRef> {
        let array: ArrayRef = match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Parsed(values) => {
                let null = ScalarValue::try_from(&field.data_type)?;
                let values = std::mem::take(values).into_iter();
                return ScalarValue::iter_to_array(values.map(|value| value.unwrap_or_else(|| null.clone())));
            }
        };
        if *array.data_type() == field.data_type { Ok(array) } else { Ok(cast(&array, &field.data_type)?) }
    }
}

/// An all-NULL `_rescued` column for rows of which nothing was rescued.
pub(super) fn no_rescue(rows: usize) -> ArrayRef {
    Arc::new(StringViewArray::new_null(rows))
}
