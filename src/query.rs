//! Statement → batches → sink: the one way by which anything is answered.

use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;

use crate::config::MaxRejects;
use crate::error::{Error, Located, Result, from_datafusion};
use crate::output::{self, Finished, Format, Sink, Style};
use crate::session::Engine;
use crate::topic::scan::Count;

/// How an answer is written, and when it is refused.
#[derive(Debug, Clone)]
pub struct AnswerOptions {
    /// The form of the rows.
    pub format: Format,
    /// What the place that they go to asks of it.
    pub style: Style,
    /// How many rejects are too many.
    pub max_rejects: Option<MaxRejects>,
}

/// What was answered and what has to be said with it.
#[derive(Debug)]
pub struct Answer {
    /// What was written.
    pub finished: Finished,
    /// What the answer leaves out and why, a line each.
    pub notices: Vec<String>,
}

/// Runs the query `plan` and writes its rows to `out`.
///
/// # Errors
/// What fails while it runs; too many rejects, in which case the formats that close with an end
/// (a table, JSON, Parquet) have not been closed.
pub async fn answer<'a>(
    engine: &Engine,
    plan: LogicalPlan,
    within: &dyn Located,
    options: &AnswerOptions,
    out: Box<dyn std::io::Write + Send + 'a>,
) -> Result<Answer> {
    let explain = |error| from_datafusion(&error, within, &engine.tables());
    let context = engine.context();
    let frame = context.execute_logical_plan(plan).await.map_err(explain)?;
    let task = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await.map_err(explain)?;
    let mut batches = execute_stream(plan, task).map_err(explain)?;
    let mut sink = output::sink(options.format, batches.schema(), options.style.clone(), out).map_err(write_error)?;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(explain)?;
        sink.write(&batch).map_err(write_error)?;
    }
    let notices = account(engine, options.max_rejects)?;
    let finished = Sink::finish(sink).map_err(write_error)?;
    Ok(Answer { finished, notices })
}

fn write_error(error: output::Error) -> Error {
    let source = match error {
        output::Error::Io(source) => source,
        other => std::io::Error::other(other.to_string()),
    };
    Error::Output { path: "the result".to_owned(), source }
}

/// What there is to say of the records and objects that the current statement could not read.
///
/// # Errors
/// That they are too many.
pub fn account(engine: &Engine, max_rejects: Option<MaxRejects>) -> Result<Vec<String>> {
    let mut notices = vec![];
    for topic in engine.topics() {
        let Count { rows, rejects, vanished } = topic.tally().count();
        let records = rows + rejects;
        if let Some(allowed) = max_rejects.filter(|limit| is_exceeded(*limit, rejects, records)) {
            return Err(Error::TooManyRejects(format!(
                "{rejects} of {records} records rejected, --max-rejects allows {allowed}: SELECT * FROM {}",
                topic.rejects_table()
            )));
        }
        if rejects > 0 {
            let records = if rejects == 1 { "record" } else { "records" };
            notices.push(format!("{rejects} {records} rejected: SELECT * FROM {}", topic.rejects_table()));
        }
        if vanished > 0 {
            let objects = if vanished == 1 { "object" } else { "objects" };
            notices.push(format!("{vanished} {objects} of {} vanished between listing and reading", topic.table()));
        }
    }
    Ok(notices)
}

fn is_exceeded(limit: MaxRejects, rejects: u64, records: u64) -> bool {
    match limit {
        MaxRejects::Count(count) => rejects > count,
        MaxRejects::Percent(percent) => rejects as f64 * 100.0 > percent * records as f64,
    }
}
