//! Statement → batches → sink: the one way by which anything is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;

use crate::config::MaxRejects;
use crate::error::{Error, Located, Result, from_datafusion};
use crate::output::{self, Finished, Format, Sink, Style};
use crate::session::Engine;
use crate::topic::scan::{PackCount, TopicSource};
use crate::topic::table::View;

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
    let mut batches = execute_stream(Arc::clone(&plan), task).map_err(explain)?;
    let mut sink = output::sink(options.format, batches.schema(), options.style.clone(), out).map_err(write_error)?;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(explain)?;
        sink.write(&batch).map_err(write_error)?;
    }
    let counts = counts_by_table(&plan);
    if let Some(limit) = options.max_rejects {
        check_rejects(limit, &counts)?;
    }
    let finished = Sink::finish(sink).map_err(write_error)?;
    Ok(Answer { finished, notices: notices(&counts) })
}

fn write_error(error: output::Error) -> Error {
    let source = match error {
        output::Error::Io(source) => source,
        other => std::io::Error::other(other.to_string()),
    };
    Error::Output { path: "the result".to_owned(), source }
}

/// What the scans of a plan met in a topic's records.
#[derive(Debug, Default)]
struct TableCounts {
    rejects_table: String,
    packs: BTreeMap<(u64, usize), PackCount>,
}

impl TableCounts {
    fn total(&self) -> PackCount {
        self.packs.values().fold(PackCount::default(), |sum, count| PackCount {
            rows: sum.rows + count.rows,
            rejects: sum.rejects + count.rejects,
            vanished: sum.vanished + count.vanished,
        })
    }
}

/// The counts of the topics whose rows, not rejects, the plan has read.
fn counts_by_table(plan: &Arc<dyn ExecutionPlan>) -> BTreeMap<String, TableCounts> {
    let mut counts: BTreeMap<String, TableCounts> = BTreeMap::new();
    let mut pending = vec![Arc::clone(plan)];
    while let Some(node) = pending.pop() {
        pending.extend(node.children().into_iter().map(Arc::clone));
        let source = (node.as_ref() as &dyn std::any::Any)
            .downcast_ref::<DataSourceExec>()
            .and_then(|scan| (scan.data_source().as_ref() as &dyn std::any::Any).downcast_ref::<FileScanConfig>())
            .and_then(|config| config.file_source.downcast_ref::<TopicSource>());
        if let Some(source) = source.filter(|source| source.view() != View::Rejects) {
            let table = counts.entry(source.topic().table().to_owned()).or_default();
            table.rejects_table = source.topic().rejects_table();
            source.tally().merge_into(&mut table.packs);
        }
    }
    counts
}

fn check_rejects(limit: MaxRejects, counts: &BTreeMap<String, TableCounts>) -> Result<()> {
    for table in counts.values() {
        let PackCount { rows, rejects, .. } = table.total();
        let (exceeded, allowed) = match limit {
            MaxRejects::Count(count) => (rejects > count, count.to_string()),
            MaxRejects::Percent(percent) => {
                (rejects as f64 * 100.0 > percent * (rows + rejects) as f64, format!("{percent}%"))
            }
        };
        if exceeded {
            return Err(Error::TooManyRejects(format!(
                "{rejects} of {} records rejected, --max-rejects allows {allowed}: SELECT * FROM {}",
                rows + rejects,
                table.rejects_table
            )));
        }
    }
    Ok(())
}

fn notices(counts: &BTreeMap<String, TableCounts>) -> Vec<String> {
    let mut notices = vec![];
    for (name, table) in counts {
        let PackCount { rejects, vanished, .. } = table.total();
        if rejects > 0 {
            let records = if rejects == 1 { "record" } else { "records" };
            notices.push(format!("{rejects} {records} rejected: SELECT * FROM {}", table.rejects_table));
        }
        if vanished > 0 {
            let objects = if vanished == 1 { "object" } else { "objects" };
            notices.push(format!("{vanished} {objects} of {name} vanished between listing and reading"));
        }
    }
    notices
}
