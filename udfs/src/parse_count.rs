//! `parse_count`: the follower counts, which the site abbreviates.

use std::sync::Arc;

use datafusion::arrow::array::Int64Builder;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::utils::take_function_args;
use datafusion::logical_expr::{ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature};
use datafusion_macros::user_doc;

use crate::arrow_shell::{for_each_text, map_rows, one_text};

#[user_doc(
    doc_section(label = "Cleaning Functions"),
    description = "Reads a count as the site writes it: digits, then nothing, `k` for thousands or \
        `M` for millions. NULL for any other text, blanks and decimals included, and for counts \
        beyond a BIGINT.",
    syntax_example = "parse_count(text)",
    sql_example = r#"```sql
> SELECT text, parse_count(text) AS count
  FROM (VALUES ('512'), ('124k'), ('3M'), ('1.2M'), ('User Info Error')) AS t(text);
+-----------------+---------+
| text            | count   |
+-----------------+---------+
| 512             | 512     |
| 124k            | 124000  |
| 3M              | 3000000 |
| 1.2M            | NULL    |
| User Info Error | NULL    |
+-----------------+---------+
```"#,
    argument(name = "text", description = "The count as text.")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ParseCount {
    signature: Signature,
}

impl ParseCount {
    pub(crate) fn new() -> Self {
        Self { signature: one_text() }
    }
}

impl ScalarUDFImpl for ParseCount {
    fn name(&self) -> &str {
        "parse_count"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [text] = take_function_args(self.name(), args.args)?;
        map_rows(&text, |texts| {
            let mut counts = Int64Builder::with_capacity(texts.len());
            for_each_text(texts, |text| counts.append_option(text.and_then(parse_count)))?;
            Ok(Arc::new(counts.finish()))
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The count that `text` stands for, if it is `[0-9]+[kM]?` and fits.
fn parse_count(text: &str) -> Option<i64> {
    let (digits, unit) = if let Some(thousands) = text.strip_suffix('k') {
        (thousands, 1_000)
    } else if let Some(millions) = text.strip_suffix('M') {
        (millions, 1_000_000)
    } else {
        (text, 1)
    };
    // `parse` would take a sign as well.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::parse_count;

    #[test]
    fn digits_count_in_units() {
        assert_eq!(parse_count("0"), Some(0));
        assert_eq!(parse_count("512"), Some(512));
        assert_eq!(parse_count("007"), Some(7));
        assert_eq!(parse_count("124k"), Some(124_000));
        assert_eq!(parse_count("3M"), Some(3_000_000));
    }

    #[test]
    fn anything_else_is_no_count() {
        for text in [
            "",
            "k",
            "M",
            " 1",
            "1 ",
            "1 k",
            "+1",
            "-1",
            "1.2M",
            "1,2",
            "1K",
            "1m",
            "1B",
            "1kk",
            "1kM",
            "k1",
            "1_000",
            "٣",
            "３",
            "1µ",
            "0x1",
            "User Info Error",
        ] {
            assert_eq!(parse_count(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_largest_count_is_that_of_a_bigint() {
        assert_eq!(parse_count("9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_count("9223372036854775808"), None);
        assert_eq!(parse_count("9223372036854775k"), Some(9_223_372_036_854_775_000));
        assert_eq!(parse_count("9223372036854776k"), None);
        assert_eq!(parse_count("9223372036854M"), Some(9_223_372_036_854_000_000));
        assert_eq!(parse_count("9223372036855M"), None);
        assert_eq!(parse_count("99999999999999999999999999"), None);
        assert_eq!(parse_count("00000000000000000000000001"), Some(1));
    }

    /// Adds up the digits one by one, in numbers too wide to overflow on 30 of them.
    fn reference(text: &str) -> Option<i64> {
        let mut digits: Vec<char> = text.chars().collect();
        let unit: i128 = match digits.pop()? {
            'k' => 1_000,
            'M' => 1_000_000,
            last => {
                digits.push(last);
                1
            }
        };
        let mut count = 0;
        for digit in &digits {
            count = count * 10 + i128::from(digit.to_digit(10)?);
        }
        if digits.is_empty() { None } else { i64::try_from(count * unit).ok() }
    }

    proptest! {
        #[test]
        fn near_counts_are_read_as_the_reference_reads_them(
            text in "[+-]?[0-9]{0,22}[ .kKM]{0,2}",
        ) {
            prop_assert_eq!(parse_count(&text), reference(&text));
        }

        #[test]
        fn any_text_is_read_as_the_reference_reads_it(text in any::<String>()) {
            prop_assert_eq!(parse_count(&text), reference(&text));
        }
    }
}
