//! The functions as SQL calls them: on literals, on columns of each array type, in plans, and in
//! their documentation.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, LargeStringArray, RecordBatch, StringArray, StringViewArray};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::util::pretty::pretty_format_batches_with_options;
use datafusion::datasource::MemTable;
use datafusion::error::Result;
use datafusion::prelude::SessionContext;

const SHOW_NULL: FormatOptions<'static> = FormatOptions::new().with_null("NULL");

const TEXTS: [Option<&str>; 10] = [
    Some("124k"),
    None,
    Some("512"),
    Some("  "),
    Some("fbe53c66-3442-4773-b19e-d3ec6f54dddf"),
    Some("Local save in /data/mens-fashion"),
    Some("Local save in /data/art"),
    Some(" User Info Error "),
    Some("N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e"),
    Some("Fall Nails, , a tag too long for a view"),
];

/// Each function of text: its call, where `?` is the text, and its answers for [`TEXTS`].
const ANSWERS: [(&str, [&str; 10]); 6] = [
    ("parse_count(?)", ["124000", "NULL", "512", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL"]),
    ("is_uuid(?)", ["false", "NULL", "false", "false", "true", "false", "false", "false", "false", "false"]),
    (
        "null_if_error(?)",
        [
            "124k",
            "NULL",
            "512",
            "NULL",
            "fbe53c66-3442-4773-b19e-d3ec6f54dddf",
            "Local save in /data/mens-fashion",
            "Local save in /data/art",
            " User Info Error ",
            "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e",
            "Fall Nails, , a tag too long for a view",
        ],
    ),
    (
        "null_if_error(?, 'User Info Error', NULL, '512')",
        [
            "124k",
            "NULL",
            "NULL",
            "NULL",
            "fbe53c66-3442-4773-b19e-d3ec6f54dddf",
            "Local save in /data/mens-fashion",
            "Local save in /data/art",
            "NULL",
            "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e",
            "Fall Nails, , a tag too long for a view",
        ],
    ),
    (
        "save_path(?)",
        [
            "124k",
            "NULL",
            "512",
            "  ",
            "fbe53c66-3442-4773-b19e-d3ec6f54dddf",
            "/data/mens-fashion",
            "/data/art",
            " User Info Error ",
            "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e",
            "Fall Nails, , a tag too long for a view",
        ],
    ),
    (
        "parse_tags(?)",
        [
            "[124k]",
            "NULL",
            "[512]",
            "NULL",
            "[fbe53c66-3442-4773-b19e-d3ec6f54dddf]",
            "[Local save in /data/mens-fashion]",
            "[Local save in /data/art]",
            "[User Info Error]",
            "NULL",
            "[Fall Nails, a tag too long for a view]",
        ],
    ),
];

/// A session with the functions and a table `texts` of the columns `utf8`, `large` and `view`, each
/// with [`TEXTS`]: in an empty batch and in two more, all slices that begin and end within an array.
fn session() -> Result<SessionContext> {
    let framed: Vec<_> = [Some("124k")].into_iter().chain(TEXTS).chain([None]).collect();
    let batch = RecordBatch::try_from_iter([
        ("utf8", Arc::new(StringArray::from(framed.clone())) as ArrayRef),
        ("large", Arc::new(LargeStringArray::from(framed.clone()))),
        ("view", Arc::new(StringViewArray::from(framed))),
    ])?;
    let slices = vec![batch.slice(3, 0), batch.slice(1, 5), batch.slice(6, 5)];
    let ctx = SessionContext::new();
    ctx.register_table("texts", Arc::new(MemTable::try_new(batch.schema(), vec![slices])?))?;
    pinsql_udfs::register_all(&ctx);
    Ok(ctx)
}

/// The one column that `sql` gives, as text.
async fn answers(ctx: &SessionContext, sql: &str) -> Result<Vec<String>> {
    let mut answers = Vec::new();
    for batch in ctx.sql(sql).await?.collect().await? {
        let column = ArrayFormatter::try_new(batch.column(0), &SHOW_NULL)?;
        answers.extend((0..batch.num_rows()).map(|row| column.value(row).to_string()));
    }
    Ok(answers)
}

/// `text` as an SQL literal.
fn literal(text: Option<&str>) -> String {
    text.map_or("NULL".to_owned(), |text| format!("'{text}'"))
}

#[tokio::test]
async fn columns_of_every_array_type_give_the_same() -> Result<()> {
    let ctx = session()?;
    for (call, expected) in ANSWERS {
        for column in ["utf8", "large", "view", "arrow_cast(view, 'Dictionary(Int32, Utf8)')"] {
            let sql = format!("SELECT {} FROM texts", call.replace('?', column));
            assert_eq!(answers(&ctx, &sql).await?, expected, "{sql}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_empty_batch_gives_an_empty_column() -> Result<()> {
    let ctx = session()?;
    let schema = ctx.table("texts").await?.schema().clone();
    let batch = RecordBatch::new_empty(Arc::clone(schema.inner()));
    let calls = ANSWERS.map(|(call, _)| call);
    for call in calls.into_iter().chain(["age_group(length(?))", "null_if_error(?, utf8, view)"]) {
        for column in ["utf8", "large", "view"] {
            let call = call.replace('?', column);
            let call = ctx.create_physical_expr(ctx.parse_sql_expr(&call, &schema)?, &schema)?;
            assert_eq!(call.evaluate(&batch)?.into_array(0)?.len(), 0, "{call}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn literals_give_the_same_and_are_folded() -> Result<()> {
    let ctx = session()?;
    for (call, expected) in ANSWERS {
        for (text, expected) in TEXTS.into_iter().zip(expected) {
            for array_type in ["Utf8", "LargeUtf8", "Utf8View"] {
                let argument = format!("arrow_cast({}, '{array_type}')", literal(text));
                let sql = format!("SELECT {} AS answer", call.replace('?', &argument));
                assert_eq!(answers(&ctx, &sql).await?, [expected], "{sql}");
                assert_folded(&ctx, &sql).await?;
            }
        }
    }
    Ok(())
}

/// Asserts that the plan of `sql` calls no function of ours: it holds the answer.
async fn assert_folded(ctx: &SessionContext, sql: &str) -> Result<()> {
    let plan = ctx.sql(sql).await?.into_optimized_plan()?.display_indent().to_string();
    for function in pinsql_udfs::all() {
        assert!(!plan.contains(&format!("{}(", function.name())), "{sql}\n{plan}");
    }
    Ok(())
}

#[tokio::test]
async fn a_null_literal_gives_null() -> Result<()> {
    let ctx = session()?;
    for function in pinsql_udfs::all() {
        let sql = format!("SELECT {}(NULL) AS answer", function.name());
        assert_eq!(answers(&ctx, &sql).await?, ["NULL"], "{sql}");
        assert_folded(&ctx, &sql).await?;
    }
    Ok(())
}

#[tokio::test]
async fn answers_have_the_types_that_are_documented() -> Result<()> {
    let ctx = session()?;
    for (call, expected) in [
        ("age_group(age)", "Utf8View"),
        ("is_uuid(text)", "Boolean"),
        ("null_if_error(text, 'x')", "Utf8View"),
        ("parse_count(text)", "Int64"),
        ("parse_tags(text)", "List(Utf8View)"),
        ("save_path(text)", "Utf8View"),
    ] {
        let sql = format!("SELECT arrow_typeof({call}) FROM (VALUES ('a', 1)) AS t(text, age)");
        assert_eq!(answers(&ctx, &sql).await?, [expected], "{sql}");
    }
    Ok(())
}

#[tokio::test]
async fn ages_are_integers_of_any_type() -> Result<()> {
    let ctx = session()?;
    for integer in ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"] {
        let sql = format!(
            "SELECT age_group(arrow_cast(age, '{integer}'))
             FROM (VALUES (17), (18), (24), (25), (35), (36), (50), (51), (NULL)) AS t(age)"
        );
        let expected = ["NULL", "18-24", "18-24", "25-35", "25-35", "36-50", "36-50", "50+", "NULL"];
        assert_eq!(answers(&ctx, &sql).await?, expected, "{sql}");
        let sql = format!("SELECT age_group(arrow_cast(51, '{integer}')) AS answer");
        assert_eq!(answers(&ctx, &sql).await?, ["50+"], "{sql}");
        assert_folded(&ctx, &sql).await?;
    }
    Ok(())
}

#[tokio::test]
async fn sentinels_may_differ_by_row() -> Result<()> {
    let ctx = session()?;
    let sql = "SELECT null_if_error(text, sentinel, 'z')
               FROM (VALUES ('a', 'a'), ('a', 'b'), ('a', NULL), (' z ', 'b'), (NULL, NULL))
               AS t(text, sentinel)";
    assert_eq!(answers(&ctx, sql).await?, ["NULL", "a", "a", "NULL", "NULL"]);
    let sql = "SELECT null_if_error('512', utf8, large, view) FROM texts LIMIT 3";
    assert_eq!(answers(&ctx, sql).await?, ["512", "512", "NULL"]);
    Ok(())
}

#[tokio::test]
async fn functions_serve_in_filters_and_groups() -> Result<()> {
    let ctx = session()?;
    let sql = "SELECT sum(parse_count(view)) FROM texts WHERE parse_count(utf8) > 100 OR is_uuid(large)";
    assert_eq!(answers(&ctx, sql).await?, ["124512"]);
    let sql = "SELECT path FROM (SELECT save_path(view) AS path FROM texts) WHERE starts_with(path, '/')
               GROUP BY path ORDER BY path";
    assert_eq!(answers(&ctx, sql).await?, ["/data/art", "/data/mens-fashion"]);
    Ok(())
}

#[tokio::test]
async fn other_types_and_counts_of_arguments_are_errors_of_the_query() -> Result<()> {
    let ctx = session()?;
    for call in [
        "parse_count(124)",
        "parse_count()",
        "is_uuid('a', 'b')",
        "save_path(1.5)",
        "parse_tags(make_array('a'))",
        "age_group('20')",
        "age_group(20.5)",
        "null_if_error()",
        "null_if_error(1)",
        "null_if_error('a', 1)",
    ] {
        let Err(error) = ctx.sql(&format!("SELECT {call}")).await else {
            assert!(call.is_empty(), "{call} is taken");
            continue;
        };
        let (name, _) = call.split_once('(').unwrap_or((call, ""));
        assert!(error.to_string().contains(name), "{call}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn every_function_is_documented_by_an_example_that_runs() -> Result<()> {
    let ctx = session()?;
    for function in pinsql_udfs::all() {
        let name = function.name();
        let Some(docs) = function.documentation() else {
            assert!(name.is_empty(), "{name} is not documented");
            continue;
        };
        assert!(docs.syntax_example.starts_with(&format!("{name}(")), "{name}");
        assert!(docs.arguments.is_some(), "{name}");
        let example = docs.sql_example.as_deref().and_then(split_example);
        let (statement, expected) = example.unwrap_or_default();
        assert!(statement.contains(&format!("{name}(")), "{name} has no example");
        let batches = ctx.sql(statement).await?.collect().await?;
        let answer = pretty_format_batches_with_options(&batches, &SHOW_NULL)?.to_string();
        assert_eq!(answer, expected, "{name}");
    }
    Ok(())
}

/// The statement and the answer of an example, which is written as a shell shows them.
fn split_example(example: &str) -> Option<(&str, &str)> {
    let session = example.strip_prefix("```sql\n> ")?.strip_suffix("\n```")?;
    session.split_once(";\n")
}
