//! `null_if_error`: the scraper writes a sentence where it found no value, and SQL should see NULL
//! there.

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, StringViewArray};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::nullif;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::as_string_view_array;
use datafusion::common::types::NativeType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use datafusion_macros::user_doc;

use crate::arrow_shell::map_rows;

#[user_doc(
    doc_section(label = "Cleaning Functions"),
    description = "The text, or NULL where it is empty, blank, or, without its outer blanks, equal to \
        one of the sentinels. Other text is given back as it is, outer blanks included.",
    syntax_example = "null_if_error(text[, sentinel, ...])",
    sql_example = r#"```sql
> SELECT null_if_error(text, 'No Title Data Available', 'Untitled') AS title
  FROM (VALUES ('Nail Art'), ('No Title Data Available'), (' Untitled '), ('')) AS t(text);
+----------+
| title    |
+----------+
| Nail Art |
| NULL     |
| NULL     |
| NULL     |
+----------+
```"#,
    argument(name = "text", description = "The text to clean."),
    argument(
        name = "sentinel",
        description = "A text that stands for an error, compared whole and by case. NULL stands for none."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct NullIfError {
    signature: Signature,
}

impl NullIfError {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for NullIfError {
    fn name(&self) -> &str {
        "null_if_error"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Any number of texts, at least one, all as views: their nulls can change while the text stays
    /// where it is.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        if arg_types.is_empty() {
            return plan_err!("{} takes a text and its sentinels", self.name());
        }
        for arg_type in arg_types {
            if !matches!(arg_type.into(), NativeType::String | NativeType::Null) {
                return plan_err!("{} takes texts only, not {arg_type}", self.name());
            }
        }
        Ok(vec![DataType::Utf8View; arg_types.len()])
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some((text, sentinels)) = args.args.split_first() else {
            return exec_err!("{} takes a text and its sentinels", self.name());
        };
        let sentinels = Sentinels::from_arguments(sentinels)?;
        let null_errors = |texts: &ArrayRef| null_errors(as_string_view_array(texts)?, &sentinels);
        if sentinels.columns.is_empty() {
            map_rows(text, null_errors)
        } else {
            let texts = text.to_array(args.number_rows)?;
            null_errors(&texts).map(ColumnarValue::Array)
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// `texts` with the nulls of the errors added, sharing views and buffers.
fn null_errors(texts: &StringViewArray, sentinels: &Sentinels) -> Result<ArrayRef> {
    let errors = BooleanBuffer::collect_bool(texts.len(), |row| {
        texts.is_valid(row) && is_error(texts.value(row), sentinels.at(row))
    });
    Ok(nullif(texts, &BooleanArray::from(errors))?)
}

/// Whether `text` says that there is no value: by being blank, or in the words of a sentinel.
fn is_error<'a>(text: &str, sentinels: impl IntoIterator<Item = &'a str>) -> bool {
    let text = text.trim();
    text.is_empty() || sentinels.into_iter().any(|sentinel| sentinel == text)
}

/// The sentinels of a call. Nearly always literals, which are then looked up once for all rows.
struct Sentinels<'a> {
    literals: Vec<&'a str>,
    columns: Vec<&'a StringViewArray>,
}

impl<'a> Sentinels<'a> {
    /// Sorts the arguments by kind. NULLs among the literals are left out.
    fn from_arguments(arguments: &'a [ColumnarValue]) -> Result<Self> {
        let (mut literals, mut columns) = (Vec::new(), Vec::new());
        for argument in arguments {
            match argument {
                ColumnarValue::Scalar(scalar) => literals.extend(scalar.try_as_str().flatten()),
                ColumnarValue::Array(column) => columns.push(as_string_view_array(column)?),
            }
        }
        Ok(Self { literals, columns })
    }

    /// The sentinels for one row, without NULLs.
    fn at(&self, row: usize) -> impl Iterator<Item = &'a str> {
        let columns = self.columns.iter().filter(move |column| column.is_valid(row));
        self.literals.iter().copied().chain(columns.map(move |column| column.value(row)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn empty_and_blank_text_is_an_error() {
        for text in ["", " ", "\t\r\n", "\u{a0}\u{2003}\u{3000}"] {
            assert!(is_error(text, []), "{text:?}");
        }
        // Of no width, yet not blank: Unicode does not count it as whitespace.
        assert!(!is_error("\u{200b}", []));
    }

    #[test]
    fn a_sentinel_is_an_error_within_blanks() {
        let sentinels = ["No description available Story format", "No description available"];
        for text in ["No description available Story format", " No description available\n"] {
            assert!(is_error(text, sentinels), "{text:?}");
        }
    }

    #[test]
    fn a_sentinel_is_compared_whole_by_case_and_as_given() {
        for text in ["Untitled 2", "My Untitled", "untitled", "Unti\ttled", "padded"] {
            assert!(!is_error(text, ["Untitled", " padded "]), "{text:?}");
        }
        assert!(!is_error("Image src error", ["Image src error."]));
        assert!(!is_error("Untitled", []));
        assert!(!is_error("Untitled", [""]));
    }

    #[test]
    fn the_answer_shares_views_and_buffers() -> Result<()> {
        let texts =
            StringViewArray::from(vec!["cut off", " a title longer than a view holds ", "Untitled", "art"]).slice(1, 3);
        let sentinels = Sentinels { literals: vec!["Untitled"], columns: vec![] };
        let cleaned = null_errors(&texts, &sentinels)?;
        let cleaned = as_string_view_array(&cleaned)?;
        let expected = [Some(" a title longer than a view holds "), None, Some("art")];
        assert_eq!(cleaned.iter().collect::<Vec<_>>(), expected);
        assert_eq!(cleaned.views().as_ptr(), texts.views().as_ptr());
        assert_eq!(cleaned.data_buffers()[0].as_ptr(), texts.data_buffers()[0].as_ptr());
        Ok(())
    }

    /// The answer for one row, from the definition: no `trim`, no Arrow.
    fn reference<'a>(text: &'a str, sentinels: &[Option<String>]) -> Option<&'a str> {
        let visible = |(at, char): (usize, char)| (!char.is_whitespace()).then_some((at, char));
        let (first, _) = text.char_indices().find_map(visible)?;
        let (last, char) = text.char_indices().rev().find_map(visible)?;
        let trimmed = &text[first..last + char.len_utf8()];
        let is_sentinel = sentinels.iter().flatten().any(|sentinel| sentinel == trimmed);
        (!is_sentinel).then_some(text)
    }

    /// Texts of few forms, so that many of them are errors, and many only look like one.
    const TEXT: &str = "[ \t\u{3000}]{0,2}(|a|b|A|é|No description available( Story format)?)[ \n]{0,2}";

    proptest! {
        #[test]
        fn columns_are_cleaned_as_the_reference_cleans_rows(
            rows in vec((option::of(TEXT), option::of(TEXT)), 0..100),
            literals in vec(option::of("a| a|é|No description available"), 0..3),
            cut in 0..10_usize,
        ) {
            let cut = cut.min(rows.len());
            let (texts, sentinels): (Vec<_>, Vec<_>) = rows.iter().cloned().unzip();
            let text_column = StringViewArray::from(texts).slice(cut, rows.len() - cut);
            let sentinel_column = StringViewArray::from(sentinels).slice(cut, rows.len() - cut);
            let cleaned = null_errors(&text_column, &Sentinels {
                literals: literals.iter().flatten().map(String::as_str).collect(),
                columns: vec![&sentinel_column],
            })?;
            let expected = rows[cut..].iter().map(|(text, sentinel)| {
                let sentinels = [literals.as_slice(), std::slice::from_ref(sentinel)].concat();
                text.as_deref().and_then(|text| reference(text, &sentinels))
            });
            let expected: StringViewArray = expected.collect();
            prop_assert_eq!(as_string_view_array(&cleaned)?, &expected);
        }

        #[test]
        fn any_text_is_cleaned_as_the_reference_cleans_it(
            text in any::<String>(),
            sentinel in any::<String>(),
        ) {
            let sentinels = [Some(sentinel.trim().to_owned())];
            let error = is_error(&text, sentinels.iter().flatten().map(String::as_str));
            prop_assert_eq!(error, reference(&text, &sentinels).is_none());
        }
    }
}
