//! The SQL functions that clean the pipeline's records.
//!
//! Each function has a file of its own: a struct that answers to DataFusion, then a pure kernel on
//! plain values, which is the function itself and is tested as such. What they need of Arrow in
//! common stands once, in `arrow_shell`.
//!
//! | function | answers |
//! |---|---|
//! | `age_group(age)` | the age group of the reports, `18-24` to `50+` |
//! | `is_uuid(text)` | whether the text is a UUID |
//! | `null_if_error(text, sentinel, …)` | the text, or NULL where it says that there is none |
//! | `parse_count(text)` | `124k` as 124000 |
//! | `parse_tags(text)` | the tags of a comma-separated list |
//! | `save_path(text)` | the path in `Local save in /data/art` |
//!
//! Architecture invariants: every function is immutable, gives NULL for NULL, and never fails on a
//! value: what cannot be read is NULL, and which rows that costs is for the SQL to say. No function
//! knows a table or a column.

mod age_group;
mod arrow_shell;
mod is_uuid;
mod null_if_error;
mod parse_count;
mod parse_tags;
mod save_path;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;

/// All functions of this crate, by name. Each carries its documentation, with an example that runs:
/// [`ScalarUDF::documentation`].
pub fn all() -> Vec<Arc<ScalarUDF>> {
    vec![
        Arc::new(age_group::AgeGroup::new().into()),
        Arc::new(is_uuid::IsUuid::new().into()),
        Arc::new(null_if_error::NullIfError::new().into()),
        Arc::new(parse_count::ParseCount::new().into()),
        Arc::new(parse_tags::ParseTags::new().into()),
        Arc::new(save_path::SavePath::new().into()),
    ]
}

/// Makes [all] functions known to the session, in place of any that have their names.
///
/// ```
/// use datafusion::prelude::SessionContext;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> datafusion::error::Result<()> {
/// let ctx = SessionContext::new();
/// pinsql_udfs::register_all(&ctx);
/// ctx.sql("SELECT parse_count('124k')").await?.show().await?;
/// # Ok(())
/// # }
/// ```
pub fn register_all(ctx: &SessionContext) {
    for function in all() {
        ctx.register_udf(function.as_ref().clone());
    }
}
