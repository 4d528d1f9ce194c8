//! `is_uuid`: tells the records of pins from what else lies in a topic.

use std::sync::Arc;

use datafusion::arrow::array::BooleanBuilder;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::utils::take_function_args;
use datafusion::logical_expr::{ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature};
use datafusion_macros::user_doc;

use crate::arrow_shell::{for_each_text, map_rows, one_text};

#[user_doc(
    doc_section(label = "Cleaning Functions"),
    description = "Whether a text is a UUID in its usual form: 36 characters, hexadecimal digits of \
        either case in groups of 8, 4, 4, 4 and 12 with dashes between. NULL for NULL.",
    syntax_example = "is_uuid(text)",
    sql_example = r#"```sql
> SELECT text, is_uuid(text) AS is_uuid
  FROM (VALUES ('fbe53c66-3442-4773-b19e-d3ec6f54dddf'), ('fbe53c66')) AS t(text);
+--------------------------------------+---------+
| text                                 | is_uuid |
+--------------------------------------+---------+
| fbe53c66-3442-4773-b19e-d3ec6f54dddf | true    |
| fbe53c66                             | false   |
+--------------------------------------+---------+
```"#,
    argument(name = "text", description = "The text to look at.")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct IsUuid {
    signature: Signature,
}

impl IsUuid {
    pub(crate) fn new() -> Self {
        Self { signature: one_text() }
    }
}

impl ScalarUDFImpl for IsUuid {
    fn name(&self) -> &str {
        "is_uuid"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [text] = take_function_args(self.name(), args.args)?;
        map_rows(&text, |texts| {
            let mut answers = BooleanBuilder::with_capacity(texts.len());
            for_each_text(texts, |text| answers.append_option(text.map(is_uuid)))?;
            Ok(Arc::new(answers.finish()))
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// Whether `text` is a UUID of 36 characters.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::is_uuid;

    const UUID: &str = "fbe53c66-3442-4773-b19e-d3ec6f54dddf";

    #[test]
    fn hex_digits_of_either_case_with_dashes_in_place() {
        assert!(is_uuid(UUID));
        assert!(is_uuid(&UUID.to_uppercase()));
        assert!(is_uuid("00000000-0000-0000-0000-000000000000"));
    }

    #[test]
    fn anything_else_is_no_uuid() {
        for text in [
            "",
            "fbe53c6634424773b19ed3ec6f54dddf",
            "{fbe53c66-3442-4773-b19e-d3ec6f54dddf}",
            " fbe53c66-3442-4773-b19e-d3ec6f54ddd",
            "fbe53c66-3442-4773-b19e-d3ec6f54dddg",
            "fbe53c663-442-4773-b19e-d3ec6f54dddf",
            "fbe53c66-3442-4773-b19e-d3ec6f54ddé",
            "fbe53c66_3442_4773_b19e_d3ec6f54dddf",
        ] {
            assert!(!is_uuid(text), "{text:?}");
        }
    }

    fn reference(text: &str) -> bool {
        let groups: Vec<&str> = text.split('-').collect();
        groups.iter().map(|group| group.chars().count()).eq([8, 4, 4, 4, 12])
            && groups.concat().chars().all(|digit| "0123456789abcdefABCDEF".contains(digit))
    }

    proptest! {
        #[test]
        fn every_uuid_is_one(text in "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}") {
            prop_assert!(is_uuid(&text));
        }

        #[test]
        fn with_one_character_changed_it_is_what_the_reference_says(
            at in any::<Index>(),
            to in "[0-9a-gA-G -é]",
        ) {
            let at = at.index(UUID.len());
            let mut text = UUID.to_owned();
            text.replace_range(at..=at, &to);
            prop_assert_eq!(is_uuid(&text), reference(&text));
        }

        #[test]
        fn any_text_is_what_the_reference_says(text in any::<String>()) {
            prop_assert_eq!(is_uuid(&text), reference(&text));
        }
    }
}
