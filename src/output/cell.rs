//! A value of any Arrow type as text: the one place that decides what a timestamp, a double or a
//! list looks like.
//!
//! Integers and decimals in full; doubles in the shortest form that reads back to the same, `3.0`
//! with its `.0`; timestamps as `2020-08-28 03:52:47`, with a fraction only if there is one; lists
//! as `[a, b]`, structs as `{a: 1}`; binary as hexadecimal digits.

use arrow::array::Array;
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};

use super::Result;

/// NULL inside a list or a struct, where no format has a form of its own for it, and where people
/// read.
pub(super) const NULL: &str = "NULL";

const OPTIONS: FormatOptions<'static> = FormatOptions::new()
    .with_display_error(false)
    .with_null(NULL)
    .with_datetime_format(Some("%Y-%m-%d"))
    .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
    .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f%:z"))
    .with_duration_format(DurationFormat::Pretty);

/// One column of a batch, ready to be read as text.
pub(super) struct Column<'b> {
    nulls: Option<NullBuffer>,
    formatter: ArrayFormatter<'b>,
}

impl<'b> Column<'b> {
    /// The columns of `batch`.
    pub(super) fn all(batch: &'b RecordBatch) -> Result<Vec<Self>> {
        batch.columns().iter().map(|array| Self::new(array)).collect()
    }

    fn new(array: &'b dyn Array) -> Result<Self> {
        Ok(Self {
            // Not `nulls`: a dictionary may have its NULLs among the values.
            nulls: array.logical_nulls(),
            formatter: ArrayFormatter::try_new(array, &OPTIONS)?,
        })
    }

    /// The value in `row`, written over `text`; `None` for NULL.
    pub(super) fn read<'t>(&self, row: usize, text: &'t mut String) -> Result<Option<&'t str>> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return Ok(None);
        }
        text.clear();
        self.formatter.value(row).write(text)?;
        Ok(Some(text))
    }
}

/// Whether values of this type are read from the right: numbers, so that their digits stand below
/// each other.
pub(super) fn is_right_aligned(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_right_aligned(values),
        data_type => data_type.is_numeric(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BinaryArray, Date32Array, Decimal128Array, DictionaryArray, DurationSecondArray, Float64Array,
        Int64Array, ListArray, NullArray, StringArray, StructArray, Time64MicrosecondArray, TimestampMillisecondArray,
        TimestampNanosecondArray,
    };
    use arrow::datatypes::{Field, Int32Type};

    use super::*;

    /// The texts of a column.
    fn texts(array: impl Array + 'static) -> Vec<Option<String>> {
        let column = Column::new(&array).unwrap();
        let mut text = String::new();
        let read = |row| column.read(row, &mut text).unwrap().map(str::to_owned);
        (0..array.len()).map(read).collect()
    }

    fn text(array: impl Array + 'static) -> String {
        texts(array).remove(0).unwrap()
    }

    #[test]
    fn doubles_are_short_and_keep_their_point() {
        let doubles = [3.0, 0.1, -1e-7, 1e22, 1.0 / 3.0, f64::NAN, f64::NEG_INFINITY];
        let shown = doubles.map(|double| text(Float64Array::from(vec![double])));
        assert_eq!(shown, ["3.0", "0.1", "-1e-7", "1e22", "0.3333333333333333", "NaN", "-inf"]);
    }

    #[test]
    fn times_show_a_fraction_only_if_there_is_one() {
        let millis = |value| TimestampMillisecondArray::from(vec![value]);
        assert_eq!(text(millis(1_598_586_767_000)), "2020-08-28 03:52:47");
        assert_eq!(text(millis(1_598_586_767_500)), "2020-08-28 03:52:47.500");
        assert_eq!(text(millis(1_598_586_767_000).with_timezone("+02:00")), "2020-08-28 05:52:47+02:00");
        let nanos = TimestampNanosecondArray::from(vec![1_598_586_767_000_000_001]);
        assert_eq!(text(nanos), "2020-08-28 03:52:47.000000001");
        assert_eq!(text(Date32Array::from(vec![18_502])), "2020-08-28");
        assert_eq!(text(Time64MicrosecondArray::from(vec![13_967_000_000])), "03:52:47");
        assert_eq!(text(DurationSecondArray::from(vec![90_061])), "1 days 1 hours 1 mins 1 secs");
    }

    #[test]
    fn nested_values_name_their_nulls() {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None])]);
        assert_eq!(text(list), "[1, NULL]");
        let name: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
        let entry = (Arc::new(Field::new("a", DataType::Utf8, true)), name);
        assert_eq!(text(StructArray::from(vec![entry])), "{a: x}");
    }

    #[test]
    fn decimals_and_bytes_are_exact() {
        let decimal = Decimal128Array::from(vec![12_345]).with_precision_and_scale(10, 2).unwrap();
        assert_eq!(text(decimal), "123.45");
        assert_eq!(text(BinaryArray::from(vec![&b"\x00\xff"[..]])), "00ff");
        assert_eq!(text(Int64Array::from(vec![i64::MIN])), "-9223372036854775808");
    }

    #[test]
    fn null_is_found_wherever_it_is_kept() {
        assert_eq!(texts(NullArray::new(1)), [None]);
        let values = Arc::new(StringArray::from(vec![Some("a"), None]));
        let dictionary = DictionaryArray::<Int32Type>::new(vec![0, 1].into(), values);
        assert_eq!(texts(dictionary), [Some("a".to_owned()), None]);
    }

    #[test]
    fn a_value_out_of_range_is_an_error_and_not_a_text() {
        let array = TimestampMillisecondArray::from(vec![i64::MAX]);
        let column = Column::new(&array).unwrap();
        let error = column.read(0, &mut String::new()).unwrap_err();
        assert!(error.to_string().starts_with("cannot render the result:"), "{error}");
    }
}
