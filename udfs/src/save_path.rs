//! `save_path`: where the downloader put a pin, without the words around it.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ByteView, MAX_INLINE_VIEW_LEN, StringViewArray, make_view};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::cast::as_string_view_array;
use datafusion::common::utils::take_function_args;
use datafusion::logical_expr::{ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature};
use datafusion_macros::user_doc;

use crate::arrow_shell::{map_rows, one_text};

#[user_doc(
    doc_section(label = "Cleaning Functions"),
    description = "The path in a save location: what follows `Local save in `. \
        Text that does not begin so is given back as it is.",
    syntax_example = "save_path(text)",
    sql_example = r#"```sql
> SELECT save_path(text) AS path
  FROM (VALUES ('Local save in /data/art'), ('/data/art')) AS t(text);
+-----------+
| path      |
+-----------+
| /data/art |
| /data/art |
+-----------+
```"#,
    argument(name = "text", description = "The save location.")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct SavePath {
    signature: Signature,
}

impl SavePath {
    pub(crate) fn new() -> Self {
        Self { signature: one_text() }
    }
}

impl ScalarUDFImpl for SavePath {
    fn name(&self) -> &str {
        "save_path"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [text] = take_function_args(self.name(), args.args)?;
        map_rows(&text, |texts| {
            // Adds views where there are none; the text itself is not copied.
            let views = cast(texts, &DataType::Utf8View)?;
            Ok(Arc::new(save_paths(as_string_view_array(&views)?)?))
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// `texts` with the views of save locations narrowed to their paths, sharing buffers and nulls.
fn save_paths(texts: &StringViewArray) -> Result<StringViewArray> {
    let narrow = |(text, view): (Option<&str>, &u128)| match text.map(save_path) {
        Some(Some(path)) => {
            let view = ByteView::from(*view);
            make_view(path.as_bytes(), view.buffer_index, view.offset + PREFIX_BYTES)
        }
        Some(None) => *view,
        // Arrow leaves the view of a NULL undefined, and this one is checked.
        None => 0,
    };
    let views = texts.iter().zip(texts.views()).map(narrow).collect();
    let (buffers, nulls) = (texts.data_buffers().to_vec(), texts.nulls().cloned());
    Ok(StringViewArray::try_new(views, buffers, nulls)?)
}

/// What the downloader wrote before the path.
const PREFIX: &str = "Local save in ";
const PREFIX_BYTES: u32 = PREFIX.len() as u32;

// `save_paths` takes the view of a text that begins so to hold an offset. Short ones hold the text.
const _: () = assert!(PREFIX_BYTES > MAX_INLINE_VIEW_LEN);

/// The path in `text`, if it is a save location.
fn save_path(text: &str) -> Option<&str> {
    text.strip_prefix(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_follows_the_prefix() {
        assert_eq!(save_path("Local save in /data/art"), Some("/data/art"));
        assert_eq!(save_path("Local save in  /a b "), Some(" /a b "));
        assert_eq!(save_path("Local save in "), Some(""));
    }

    #[test]
    fn other_text_is_no_save_location() {
        for text in ["", "/data/art", "local save in /a", " Local save in /a", "Local save in"] {
            assert_eq!(save_path(text), None, "{text:?}");
        }
    }

    #[test]
    fn paths_are_views_into_the_buffers_of_the_text() -> Result<()> {
        let texts = StringViewArray::from(vec![
            Some("Local save in /cut/off"),
            Some("Local save in /data/event-planning"),
            None,
            Some("Local save in /data/art"),
            Some("Local save in "),
            Some("/data/art"),
            Some("somewhere else altogether"),
        ])
        .slice(1, 6);
        let paths = save_paths(&texts)?;
        let expected = StringViewArray::from(vec![
            Some("/data/event-planning"),
            None,
            Some("/data/art"),
            Some(""),
            Some("/data/art"),
            Some("somewhere else altogether"),
        ]);
        assert_eq!(paths, expected);
        assert_eq!(paths.data_buffers()[0].as_ptr(), texts.data_buffers()[0].as_ptr());
        Ok(())
    }
}
