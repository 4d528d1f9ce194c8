//! The Arrow around the kernels: an argument comes as a scalar or as a column, and text in any of
//! three array types. The kernels know of neither.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::{as_large_string_array, as_string_array, as_string_view_array};
use datafusion::common::types::logical_string;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{Coercion, ColumnarValue, Signature, TypeSignatureClass, Volatility};

/// The signature of a function of one text, in whatever array type it comes. Other types are an
/// error of the query, not cast: a number where text belongs is a mistake to hear about.
pub(crate) fn one_text() -> Signature {
    let text = Coercion::new_exact(TypeSignatureClass::Native(logical_string()));
    Signature::coercible(vec![text], Volatility::Immutable)
}

/// Applies `function`, which maps columns row by row, to `argument`: a column gives a column, and a
/// scalar gives a scalar.
///
/// # Errors
/// Those of `function`.
pub(crate) fn map_rows(
    argument: &ColumnarValue,
    function: impl FnOnce(&ArrayRef) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    match argument {
        ColumnarValue::Array(column) => function(column).map(ColumnarValue::Array),
        ColumnarValue::Scalar(scalar) => {
            let answer = function(&scalar.to_array()?)?;
            ScalarValue::try_from_array(&answer, 0).map(ColumnarValue::Scalar)
        }
    }
}

/// Calls `visit` with the text of each row in turn, `None` for NULL.
///
/// # Errors
/// If `column` is not one of text, which [`one_text`] rules out.
pub(crate) fn for_each_text(column: &dyn Array, visit: impl FnMut(Option<&str>)) -> Result<()> {
    match column.data_type() {
        DataType::Utf8 => as_string_array(column)?.iter().for_each(visit),
        DataType::LargeUtf8 => as_large_string_array(column)?.iter().for_each(visit),
        DataType::Utf8View => as_string_view_array(column)?.iter().for_each(visit),
        other => return internal_err!("expected a column of text, not of {other}"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, LargeStringArray, StringArray, StringViewArray, new_null_array};

    use super::*;

    #[test]
    fn each_text_is_visited_in_any_array_type() -> Result<()> {
        let texts = vec![Some("art"), None, Some("longer than a view holds")];
        let columns: [ArrayRef; 3] = [
            Arc::new(StringArray::from(texts.clone())),
            Arc::new(LargeStringArray::from(texts.clone())),
            Arc::new(StringViewArray::from(texts.clone())),
        ];
        for column in columns {
            let mut seen = Vec::new();
            for_each_text(&column, |text| seen.push(text.map(str::to_owned)))?;
            let seen: Vec<_> = seen.iter().map(Option::as_deref).collect();
            assert_eq!(seen, texts, "{}", column.data_type());
        }
        Ok(())
    }

    #[test]
    fn what_is_not_text_is_refused() {
        assert!(for_each_text(&Int64Array::from(vec![1]), |_| ()).is_err());
    }

    #[test]
    fn scalars_stay_scalars_and_columns_columns() -> Result<()> {
        let keep = |column: &ArrayRef| Ok(Arc::clone(column));
        let scalar = ColumnarValue::Scalar(ScalarValue::Int64(None));
        let column = ColumnarValue::Array(new_null_array(&DataType::Int64, 3));
        assert!(matches!(map_rows(&scalar, keep)?, ColumnarValue::Scalar(ScalarValue::Int64(None))));
        assert!(matches!(map_rows(&column, keep)?, ColumnarValue::Array(rows) if rows.len() == 3));
        Ok(())
    }
}
