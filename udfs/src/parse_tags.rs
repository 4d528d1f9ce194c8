//! `parse_tags`: the tags of a pin, which come as one text.

use std::sync::Arc;

use datafusion::arrow::array::{ListBuilder, StringViewBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::utils::take_function_args;
use datafusion::logical_expr::{ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature};
use datafusion_macros::user_doc;

use crate::arrow_shell::{for_each_text, map_rows, one_text};

#[user_doc(
    doc_section(label = "Cleaning Functions"),
    description = "The tags of a comma-separated list, each without outer blanks, empty ones \
        left out. NULL for text that is empty or blank, and for the error value \
        `N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e`.",
    syntax_example = "parse_tags(text)",
    sql_example = r#"```sql
> SELECT parse_tags(text) AS tags
  FROM (VALUES ('Fall Nails, Nail Art,,'), ('N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e')) AS t(text);
+------------------------+
| tags                   |
+------------------------+
| [Fall Nails, Nail Art] |
| NULL                   |
+------------------------+
```"#,
    argument(name = "text", description = "The tags as text, with commas between.")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ParseTags {
    signature: Signature,
}

impl ParseTags {
    pub(crate) fn new() -> Self {
        Self { signature: one_text() }
    }
}

impl ScalarUDFImpl for ParseTags {
    fn name(&self) -> &str {
        "parse_tags"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Utf8View, true))
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [text] = take_function_args(self.name(), args.args)?;
        map_rows(&text, |texts| {
            let mut lists = ListBuilder::with_capacity(StringViewBuilder::new(), texts.len());
            for_each_text(texts, |text| {
                let tags = text.and_then(parse_tags);
                lists.append_option(tags.map(|tags| tags.map(Some)));
            })?;
            Ok(Arc::new(lists.finish()))
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// What the scraper wrote where there were no tags: it joined the letters of `No Tags Available` as
/// if they were tags.
const NO_TAGS: &str = "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e";

/// The tags that `text` lists, if it is a list. One of nothing but commas is, and empty.
fn parse_tags(text: &str) -> Option<impl Iterator<Item = &str>> {
    let text = text.trim();
    if text.is_empty() || text == NO_TAGS {
        return None;
    }
    Some(text.split(',').map(str::trim).filter(|tag| !tag.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::{NO_TAGS, parse_tags};

    fn tags(text: &str) -> Option<Vec<&str>> {
        parse_tags(text).map(Iterator::collect)
    }

    #[test]
    fn tags_are_trimmed_and_empty_ones_dropped() {
        assert_eq!(tags("art"), Some(vec!["art"]));
        assert_eq!(tags("Nail Art, Été 🌞"), Some(vec!["Nail Art", "Été 🌞"]));
        assert_eq!(tags(" a ,, b,\n, \u{3000}c,"), Some(vec!["a", "b", "c"]));
        assert_eq!(tags("a,a"), Some(vec!["a", "a"]));
        assert_eq!(tags(", ,"), Some(vec![]));
    }

    #[test]
    fn no_text_and_the_error_value_are_no_list() {
        for text in ["", " ", "\t\n\u{3000}", NO_TAGS, &format!(" {NO_TAGS}\n")] {
            assert_eq!(tags(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_the_whole_error_value_is_one() {
        assert_eq!(tags("N,o, ,T,a,g,s"), Some(vec!["N", "o", "T", "a", "g", "s"]));
        assert!(tags(&format!("{NO_TAGS},art")).is_some());
        assert!(tags(&NO_TAGS.to_lowercase()).is_some());
    }
}
