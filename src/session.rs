//! Config → an engine that plans and runs statements. Which engine that is, is chosen here only.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::catalog::SchemaProvider;
use datafusion::common::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::{GreedyMemoryPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use futures::future::join_all;

use crate::catalog::{METADATA_SCHEMA, MetadataSchema, SqlFile, SqlFiles, TopicFactory, in_order_of_use, topics_of};
use crate::config::{Config, SourceConfig};
use crate::distinct::StreamDistinct;
use crate::error::{Error, Located, Result, at_place, from_datafusion};
use crate::rewrite::rewrite;
use crate::script::{Bound, Parsed, Script};
use crate::storage::{Bucket, LocalBucket, SampleBucket};
use crate::topic::read::Source;
use crate::topic::table::{Topic, TopicTable, View};

/// Partitions of a plan for each core: while one waits for its next pack, another computes.
const PARTITIONS_PER_CORE: usize = 2;

/// How many consumers of memory an out-of-memory error names.
const CONSUMERS_NAMED: usize = 3;

/// A session: tables, views, functions and the engine over them.
pub struct Engine {
    context: SessionContext,
    source: Arc<Source>,
}

impl Engine {
    /// The session that `config` describes. Nothing is listed or read.
    ///
    /// # Errors
    /// A source that cannot be, or a table or view whose SQL is wrong.
    pub async fn new(config: &Config) -> Result<Self> {
        let source = Arc::new(Source::new(bucket(config.source.as_ref())?, config.memory.cache_bytes));
        let internal = |error: DataFusionError| Error::Usage(format!("cannot start the engine: {error}"));
        let context = context(config, &source).map_err(internal)?;
        pinsql_udfs::register_all(&context);
        let engine = Self { context, source };
        engine.register_metadata_schema()?;
        engine.create_tables(config).await?;
        Ok(engine)
    }

    /// The engine's own session.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// The names of all tables and views, sorted.
    pub fn tables(&self) -> Vec<String> {
        let mut tables = self.schema().map(|schema| schema.table_names()).unwrap_or_default();
        tables.sort_unstable();
        tables
    }

    /// The topics that are declared, by table.
    pub fn topics(&self) -> Vec<Arc<Topic>> {
        self.tables().iter().filter_map(|table| self.topic(table)).collect()
    }

    /// From here on statements see the source as it is now, not as it was.
    pub fn look_again(&self) {
        self.source.look_again();
    }

    /// Lists, side by side, the topics that any of the statements reads, so that all of them see one
    /// moment. Statements that cannot be planned yet are left to their own turn.
    pub async fn take_snapshot(&self, statements: impl IntoIterator<Item = &Parsed>) {
        let state = self.context.state();
        let mut topics: BTreeMap<String, Arc<Topic>> = BTreeMap::new();
        for parsed in statements {
            let references = state.resolve_table_references(&parsed.statement).unwrap_or_default();
            for reference in references {
                if let Ok(provider) = self.context.table_provider(reference).await {
                    topics_of(&provider, &mut topics);
                }
            }
        }
        // What goes wrong is said by the statement that needs the topic.
        join_all(topics.values().map(|topic| topic.snapshot())).await;
    }

    /// Plans a statement.
    ///
    /// # Errors
    /// What is wrong with it, with the place in `within`.
    pub async fn plan(
        &self,
        parsed: &Parsed,
        parameters: &BTreeMap<String, Bound>,
        within: &dyn Located,
    ) -> Result<LogicalPlan> {
        self.source.begin_statement();
        let is_topic = |name: &str| self.topic(name).is_some();
        let statement =
            rewrite(parsed, parameters, &is_topic).map_err(|problem| at_place(problem, within.start(), None))?;
        if let Some((what, instead)) = refusal(&statement) {
            return Err(at_place(what, within.start(), Some(instead.to_owned())));
        }
        let planned = self.context.state().statement_to_plan(statement).await;
        planned.map_err(|error| from_datafusion(&error, within, &self.tables()))
    }

    /// Carries out a plan that changes the session, such as CREATE VIEW; false if it is a query.
    ///
    /// # Errors
    /// What the engine refuses.
    pub async fn apply(&self, plan: &LogicalPlan, within: &dyn Located) -> Result<bool> {
        if !matches!(plan, LogicalPlan::Ddl(_) | LogicalPlan::Statement(_)) {
            return Ok(false);
        }
        let applied = self.context.execute_logical_plan(plan.clone()).await;
        applied.map_err(|error| from_datafusion(&error, within, &self.tables()))?;
        if let LogicalPlan::Ddl(DdlStatement::CreateExternalTable(table)) = plan {
            self.register_rejects(table.name.table())?;
        }
        Ok(true)
    }

    fn schema(&self) -> Option<Arc<dyn SchemaProvider>> {
        let options = self.context.state().config().options().catalog.clone();
        self.context.catalog(&options.default_catalog)?.schema(&options.default_schema)
    }

    /// The topic whose declared table is `name`.
    fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        let schema = self.schema()?;
        // The default schema is in memory: it answers at once.
        let provider = futures::FutureExt::now_or_never(schema.table(name))?.ok()??;
        TopicTable::topic_of(provider.as_ref()).filter(|topic| topic.table() == name).map(Arc::clone)
    }

    fn register_metadata_schema(&self) -> Result<()> {
        let missing = || Error::Usage("cannot start the engine: it has no default catalog".to_owned());
        let catalog = self.context.state().config().options().catalog.default_catalog.clone();
        let catalog = self.context.catalog(&catalog).ok_or_else(missing)?;
        let declared = self.schema().ok_or_else(missing)?;
        let registered = catalog.register_schema(METADATA_SCHEMA, Arc::new(MetadataSchema { declared }));
        registered.map(|_| ()).map_err(|error| Error::Usage(format!("cannot start the engine: {error}")))
    }

    /// Beside a topic's table stands the table of its rejects.
    fn register_rejects(&self, table: &str) -> Result<()> {
        let Some(topic) = self.topic(table) else { return Ok(()) };
        let name = topic.rejects_table();
        let known = self.schema().and_then(|schema| futures::FutureExt::now_or_never(schema.table(&name))?.ok()?);
        if known.is_some_and(|known| TopicTable::topic_of(known.as_ref()).is_none_or(|known| known.table() != table)) {
            let problem = format!("the rejects of {table} need the name {name}, which another table has");
            return Err(Error::Usage(problem));
        }
        let rejects = Arc::new(TopicTable::new(topic, View::Rejects));
        // Replacing a topic's table replaces its rejects too.
        let registered = self.context.deregister_table(&name).and_then(|_| self.context.register_table(&name, rejects));
        registered.map(|_| ()).map_err(|error| Error::Usage(format!("table {name}: {error}")))
    }

    async fn create_tables(&self, config: &Config) -> Result<()> {
        let files = SqlFiles::new(config.sql_dir.as_deref());
        for file in files.tables()? {
            self.create(&parse(file)?).await?;
        }
        let state = self.context.state();
        let mut views = vec![];
        for file in files.views(config.cleaning)? {
            let stem = file.stem.clone();
            let script = parse(file)?;
            let references = script
                .statements
                .iter()
                .flat_map(|parsed| state.resolve_table_references(&parsed.statement).unwrap_or_default());
            let reads: BTreeSet<_> = references.map(|reference| reference.table().to_owned()).collect();
            views.push((stem, reads, script));
        }
        let views = in_order_of_use(views)
            .map_err(|circle| Error::Usage(format!("the views {} read each other in a circle", circle.join(", "))))?;
        for script in views {
            self.create(&script).await?;
        }
        Ok(())
    }

    async fn create(&self, script: &Script) -> Result<()> {
        let parameters = BTreeMap::new();
        for parsed in &script.statements {
            let within = script.within(parsed);
            let plan = self.plan(parsed, &parameters, &within).await?;
            if !self.apply(&plan, &within).await? {
                let problem = "a file below tables/ or views/ only creates; queries have their own directory";
                return Err(at_place(problem, within.start(), None));
            }
        }
        Ok(())
    }
}

fn parse(file: SqlFile) -> Result<Script> {
    Script::parse(file.origin, file.text)
}

fn bucket(source: Option<&SourceConfig>) -> Result<Arc<dyn Bucket>> {
    match source {
        Some(SourceConfig::Sample) => Ok(Arc::new(SampleBucket)),
        Some(SourceConfig::Local { given, path }) => {
            match std::fs::metadata(path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Err(Error::Source(format!("there is no directory {given}")));
                }
                Err(error) => return Err(Error::Source(format!("cannot read {given}: {error}"))),
                Ok(metadata) if !metadata.is_dir() => {
                    return Err(Error::Source(format!("{given} is not a directory")));
                }
                Ok(_) => {}
            }
            // The connector's default topics.dir; with another one the source is that directory itself.
            let topics = path.join("topics");
            let root = if topics.is_dir() { topics } else { path.clone() };
            Ok(Arc::new(LocalBucket::new(given, root)))
        }
        None => Ok(Arc::new(crate::storage::NoBucket)),
    }
}

fn context(config: &Config, source: &Arc<Source>) -> Result<SessionContext, DataFusionError> {
    let named = NonZeroUsize::new(CONSUMERS_NAMED).unwrap_or(NonZeroUsize::MIN);
    let pool = TrackConsumersPool::new(GreedyMemoryPool::new(config.memory.pool_bytes), named);
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).build_arc()?;
    let mut session =
        SessionConfig::new().with_target_partitions(config.threads * PARTITIONS_PER_CORE).with_information_schema(true);
    let options = session.options_mut();
    options.sql_parser.collect_spans = true;
    options.execution.collect_statistics = false;
    // Cleaned records are mostly distinct: grouping them before they are spread over the cores would
    // hold all of them twice. A short look at the data shows it.
    options.execution.skip_partial_aggregation_probe_rows_threshold = 4096;
    let mut rules = PhysicalOptimizer::new().rules;
    // First of all: what the other rules require of a plan, they then require of this one.
    rules.insert(0, Arc::new(StreamDistinct));
    let state = SessionStateBuilder::new()
        .with_config(session)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_physical_optimizer_rules(rules)
        .with_table_factory("TOPIC".to_owned(), Arc::new(TopicFactory::new(Arc::clone(source))))
        .build();
    Ok(SessionContext::new_with_state(state))
}

/// Statements that would write, or read what the configuration does not name: what and what instead.
fn refusal(statement: &Statement) -> Option<(&'static str, &'static str)> {
    use datafusion::sql::sqlparser::ast::Statement as Sql;
    match statement {
        Statement::CopyTo(_) => {
            Some(("COPY … TO is refused: SQL does not write files", "run the query with -o FILE --format FORMAT"))
        }
        Statement::CreateExternalTable(table) if !table.file_type.eq_ignore_ascii_case("TOPIC") => Some((
            "only STORED AS TOPIC is allowed: SQL does not read files outside the source",
            "declare a topic of the source, or read the file with another tool",
        )),
        Statement::Explain(explain) => refusal(&explain.statement),
        Statement::Statement(statement) => match statement.as_ref() {
            Sql::Insert(_) | Sql::Update(_) | Sql::Delete(_) | Sql::Merge(_) | Sql::Truncate(_) => Some((
                "the tables are read-only: the bucket is the connector's to write",
                "write the result of a query with -o FILE",
            )),
            Sql::Prepare { .. } | Sql::Execute { .. } | Sql::Deallocate { .. } => Some((
                "prepared statements are refused",
                "write $name in the statement and give the value with -v name=value",
            )),
            other if other.to_string().to_lowercase().starts_with("set datafusion.runtime.") => Some((
                "datafusion.runtime.* is set when pinsql starts",
                "use --memory; spilled data goes to the system's temporary directory, TMPDIR",
            )),
            _ => None,
        },
        Statement::Reset(reset) if reset.to_string().to_lowercase().contains("datafusion.runtime.") => {
            Some(("datafusion.runtime.* is set when pinsql starts", "use --memory"))
        }
        _ => None,
    }
}
