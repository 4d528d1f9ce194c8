//! `age_group`: the groups by which the reports divide the users.

use std::sync::Arc;

use datafusion::arrow::array::StringViewArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::cast::as_int64_array;
use datafusion::common::types::{NativeType, logical_int64};
use datafusion::common::utils::take_function_args;
use datafusion::logical_expr::{
    Coercion, ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignatureClass,
    Volatility,
};
use datafusion_macros::user_doc;

use crate::arrow_shell::map_rows;

#[user_doc(
    doc_section(label = "Cleaning Functions"),
    description = "The age group of the reports: `18-24`, `25-35`, `36-50`, or `50+` for 51 and \
        older. NULL for no age, and for ages under 18, which belong to no group.",
    syntax_example = "age_group(age)",
    sql_example = r#"```sql
> SELECT age, age_group(age) AS age_group
  FROM (VALUES (17), (18), (35), (50), (51)) AS t(age);
+-----+-----------+
| age | age_group |
+-----+-----------+
| 17  | NULL      |
| 18  | 18-24     |
| 35  | 25-35     |
| 50  | 36-50     |
| 51  | 50+       |
+-----+-----------+
```"#,
    argument(name = "age", description = "The age in years, an integer.")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct AgeGroup {
    signature: Signature,
}

impl AgeGroup {
    pub(crate) fn new() -> Self {
        let integer = Coercion::new_implicit(
            TypeSignatureClass::Native(logical_int64()),
            vec![TypeSignatureClass::Integer],
            NativeType::Int64,
        );
        Self { signature: Signature::coercible(vec![integer], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for AgeGroup {
    fn name(&self) -> &str {
        "age_group"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        // The names of the groups fit into the views themselves: there is no text to store.
        Ok(DataType::Utf8View)
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [age] = take_function_args(self.name(), args.args)?;
        map_rows(&age, |ages| {
            let groups = as_int64_array(ages)?.iter().map(|age| age.and_then(age_group));
            Ok(Arc::new(groups.collect::<StringViewArray>()))
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// The name of the group to which `age` belongs, if there is one.
fn age_group(age: i64) -> Option<&'static str> {
    match age {
        ..18 => None,
        18..=24 => Some("18-24"),
        25..=35 => Some("25-35"),
        36..=50 => Some("36-50"),
        51.. => Some("50+"),
    }
}

#[cfg(test)]
mod tests {
    use super::age_group;

    #[test]
    fn groups_begin_and_end_where_their_names_say() {
        for (ages, group) in [(18..=24, "18-24"), (25..=35, "25-35"), (36..=50, "36-50"), (51..=120, "50+")] {
            for age in ages {
                assert_eq!(age_group(age), Some(group), "{age}");
            }
        }
        assert_eq!(age_group(i64::MAX), Some("50+"));
    }

    /// Bug elsewhere: people under 18 and of no age were counted as `50+`. Cause: the oldest group
    /// was whatever the others had left. Here every group has both its ends.
    #[test]
    fn under_18_belongs_to_no_group() {
        for age in [17, 1, 0, -1, i64::MIN] {
            assert_eq!(age_group(age), None, "{age}");
        }
    }
}
