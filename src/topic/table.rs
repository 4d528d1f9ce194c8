//! A topic as tables: the declared columns, the same with the hidden metadata, and the rejects.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Int32Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;

use super::columns::{METADATA, PRUNABLE, reject_schema, with_metadata};
use super::decode::DecodePlan;
use super::listing::list;
use super::pack::{OffsetBounds, Pack, Snapshot};
use super::read::Source;
use super::scan::{PackSlice, Tally, TopicSource};

/// What all tables over one topic declaration share.
#[derive(Debug)]
pub struct Topic {
    table: String,
    pattern: String,
    plan: Arc<DecodePlan>,
    with_metadata: SchemaRef,
    source: Arc<Source>,
    snapshot: tokio::sync::Mutex<Option<(u64, Arc<Snapshot>)>>,
    /// What the scans of the statement of this number met.
    tally: Mutex<(u64, Arc<Tally>)>,
}

/// Which of a topic's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The declared columns.
    Declared,
    /// The declared columns and the hidden ones.
    WithMetadata,
    /// What could not be read.
    Rejects,
}

impl Topic {
    /// The topics whose names match `pattern`, declared as `table` with the columns of `schema`.
    ///
    /// # Errors
    /// A column that a topic table cannot have, with what to do instead.
    pub fn new(table: &str, pattern: &str, schema: &Schema, source: Arc<Source>) -> std::result::Result<Self, String> {
        if let Some(hidden) = METADATA.iter().find(|name| schema.field_with_name(name).is_ok()) {
            return Err(format!("column {hidden}: every topic table has it already, hidden; choose another name"));
        }
        // Any field of a record may be missing.
        let nullable = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let schema = Arc::new(Schema::new(nullable.collect::<Vec<_>>()));
        Ok(Self {
            table: table.to_owned(),
            pattern: pattern.to_owned(),
            with_metadata: with_metadata(&schema),
            plan: Arc::new(DecodePlan::new(schema)?),
            source,
            snapshot: tokio::sync::Mutex::new(None),
            tally: Mutex::default(),
        })
    }

    /// The name of the table with the declared columns.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The name of the table of rejects: `pin_raw` has `pin_rejects`.
    pub fn rejects_table(&self) -> String {
        format!("{}_rejects", self.table.strip_suffix("_raw").unwrap_or(&self.table))
    }

    /// How records are read.
    pub fn plan(&self) -> &Arc<DecodePlan> {
        &self.plan
    }

    /// Where the objects lie.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// What the scans of the current statement have met.
    pub fn tally(&self) -> Arc<Tally> {
        let statement = self.source.statement();
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        if tally.0 != statement {
            *tally = (statement, Arc::default());
        }
        Arc::clone(&tally.1)
    }

    /// The columns of one of the tables.
    pub fn schema(&self, view: View) -> SchemaRef {
        match view {
            View::Declared => Arc::clone(self.plan.schema()),
            View::WithMetadata => Arc::clone(&self.with_metadata),
            View::Rejects => reject_schema(),
        }
    }

    /// The objects as of the source's current listing; listed at most once for each.
    ///
    /// # Errors
    /// A source that cannot be listed.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>> {
        let epoch = self.source.epoch();
        let mut latest = self.snapshot.lock().await;
        if let Some((seen, snapshot)) = &*latest
            && *seen >= epoch
        {
            return Ok(Arc::clone(snapshot));
        }
        let previous = latest.as_ref().map(|(_, snapshot)| Arc::clone(snapshot));
        let (source, table, pattern) = (Arc::clone(&self.source), self.table.clone(), self.pattern.clone());
        let listed = SpawnedTask::spawn_blocking(move || {
            let listing = list(&*source.bucket, &table, &pattern)?;
            Ok(Snapshot::new(&*source.bucket, listing, previous.as_deref(), &source.pack_ids))
        });
        let listed = listed.join_unwind().await.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?;
        let snapshot =
            Arc::new(listed.map_err(|error: crate::storage::SourceError| DataFusionError::External(Box::new(error)))?);
        *latest = Some((epoch, Arc::clone(&snapshot)));
        Ok(snapshot)
    }
}

/// A topic's table as DataFusion sees it.
#[derive(Debug)]
pub struct TopicTable {
    topic: Arc<Topic>,
    view: View,
}

impl TopicTable {
    /// One of the tables of `topic`.
    pub fn new(topic: Arc<Topic>, view: View) -> Self {
        Self { topic, view }
    }

    /// The topic behind `provider`, if it is a table of one.
    pub fn topic_of(provider: &dyn TableProvider) -> Option<&Arc<Topic>> {
        (provider as &dyn Any).downcast_ref::<Self>().map(|table| &table.topic)
    }
}

#[async_trait]
impl TableProvider for TopicTable {
    fn schema(&self) -> SchemaRef {
        self.topic.schema(self.view)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // Never exact: an object is kept or left out whole, its rows are for the filter above.
        let is_prunable = |filter: &&Expr| self.view == View::WithMetadata && is_prunable(filter);
        Ok(filters
            .iter()
            .map(|filter| match is_prunable(filter) {
                true => TableProviderFilterPushDown::Inexact,
                false => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let snapshot = self.topic.snapshot().await?;
        let slices = Pruning::new(state, filters)?.slices(&snapshot)?;
        let objects: usize = slices.iter().map(|slice| slice.places.len()).sum();
        if slices.is_empty() {
            let schema = self.schema();
            let schema = projection.map_or(Ok(Arc::clone(&schema)), |columns| schema.project(columns).map(Arc::new))?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let source = TopicSource::new(Arc::clone(&self.topic), self.view, snapshot.object_count() - objects);
        // The objects are read past DataFusion's stores; it wants to know one all the same.
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
            .with_file_groups(file_groups(slices, state.config().target_partitions()))
            .with_limit(limit)
            .with_projection_indices(projection.cloned())?
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// The packs spread over the partitions of the plan, neighbours apart.
fn file_groups(slices: Vec<PackSlice>, partitions: usize) -> Vec<FileGroup> {
    let count = partitions.min(slices.len()).max(1);
    let mut groups = vec![vec![]; count];
    for (index, slice) in slices.into_iter().enumerate() {
        groups[index % count].push(partitioned_file(slice));
    }
    groups.into_iter().map(FileGroup::new).collect()
}

fn partitioned_file(slice: PackSlice) -> PartitionedFile {
    let PackSlice { pack, places } = &slice;
    let first = pack.starts.get(places.start).copied().unwrap_or_default();
    let label = format!("{}/{} objects from offset {first}", pack.shard.directory, places.len());
    let mut file = PartitionedFile::new(label, 0);
    file.extensions.insert(slice);
    file
}

/// Which objects the predicates leave.
struct Pruning {
    /// Conditions on `_topic` and `_partition` alone.
    conditions: Vec<Arc<dyn datafusion::physical_plan::PhysicalExpr>>,
    schema: SchemaRef,
    offsets: OffsetBounds,
}

impl Pruning {
    fn new(state: &dyn Session, filters: &[Expr]) -> Result<Self> {
        let schema = Arc::new(Schema::new(vec![
            Field::new(PRUNABLE[0], DataType::Utf8View, false),
            Field::new(PRUNABLE[1], DataType::Int32, false),
        ]));
        let df_schema = DFSchema::try_from(Arc::clone(&schema))?;
        let mut pruning = Self { conditions: vec![], schema, offsets: OffsetBounds::ALL };
        for filter in filters.iter().filter(|filter| is_prunable(filter)) {
            if filter.column_refs().iter().any(|column| column.name == PRUNABLE[2]) {
                pruning.offsets = pruning.offsets.and(offset_bounds(filter));
            } else {
                let filter = unqualified(filter.clone())?;
                pruning.conditions.push(state.create_physical_expr(filter, &df_schema)?);
            }
        }
        Ok(pruning)
    }

    fn slices(&self, snapshot: &Snapshot) -> Result<Vec<PackSlice>> {
        let mut slices = vec![];
        for pack in &snapshot.packs {
            let places = pack.overlapping(&self.offsets);
            if !places.is_empty() && self.keeps_shard(pack)? {
                slices.push(PackSlice { pack: Arc::clone(pack), places });
            }
        }
        Ok(slices)
    }

    fn keeps_shard(&self, pack: &Pack) -> Result<bool> {
        if self.conditions.is_empty() {
            return Ok(true);
        }
        let topic = StringViewArray::from_iter_values([&pack.shard.topic]);
        let partition = Int32Array::from(vec![pack.shard.partition]);
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), vec![Arc::new(topic), Arc::new(partition)])?;
        for condition in &self.conditions {
            let verdict = condition.evaluate(&batch)?.into_array(1)?;
            if ScalarValue::try_from_array(&verdict, 0)? != ScalarValue::Boolean(Some(true)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether a condition is on hidden columns only that are known before anything is read.
fn is_prunable(filter: &Expr) -> bool {
    let columns = filter.column_refs();
    !columns.is_empty()
        && columns.iter().all(|column| PRUNABLE.contains(&column.name.as_str()))
        && !filter.is_volatile()
}

fn unqualified(filter: Expr) -> Result<Expr> {
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let unqualified = filter.transform(|expr| {
        Ok(match expr {
            Expr::Column(column) => Transformed::yes(Expr::Column(column.name.into())),
            other => Transformed::no(other),
        })
    })?;
    Ok(unqualified.data)
}

/// Bounds of `_offset` under a condition; what is not understood bounds nothing.
fn offset_bounds(filter: &Expr) -> OffsetBounds {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            offset_bounds(left).and(offset_bounds(right))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (left, right) = (offset_bounds(left), offset_bounds(right));
            OffsetBounds { first: left.first.min(right.first), last: left.last.max(right.last) }
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (offset_column(left), integer(right)) {
            (true, Some(bound)) => compared(*op, bound),
            _ => match (integer(left), op.swap(), offset_column(right)) {
                (Some(bound), Some(op), true) => compared(op, bound),
                _ => OffsetBounds::ALL,
            },
        },
        Expr::Between(between) if !between.negated && offset_column(&between.expr) => OffsetBounds {
            first: integer(&between.low).unwrap_or(i64::MIN),
            last: integer(&between.high).unwrap_or(i64::MAX),
        },
        Expr::InList(list) if !list.negated && offset_column(&list.expr) => {
            let numbers: Option<Vec<i64>> = list.list.iter().map(integer).collect();
            match numbers.and_then(|numbers| Some((*numbers.iter().min()?, *numbers.iter().max()?))) {
                Some((first, last)) => OffsetBounds { first, last },
                None => OffsetBounds::ALL,
            }
        }
        _ => OffsetBounds::ALL,
    }
}

fn compared(op: Operator, bound: i64) -> OffsetBounds {
    let all = OffsetBounds::ALL;
    match op {
        Operator::Eq => OffsetBounds { first: bound, last: bound },
        Operator::Lt => OffsetBounds { last: bound.saturating_sub(1), ..all },
        Operator::LtEq => OffsetBounds { last: bound, ..all },
        Operator::Gt => OffsetBounds { first: bound.saturating_add(1), ..all },
        Operator::GtEq => OffsetBounds { first: bound, ..all },
        _ => all,
    }
}

fn offset_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(column) if column.name == PRUNABLE[2])
}

fn integer(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::Int64(value), _) => *value,
        Expr::Literal(literal, _) => match literal.cast_to(&DataType::Int64) {
            // A bound such as 1.5 must not be rounded.
            Ok(ScalarValue::Int64(value)) if literal.data_type().is_integer() => value,
            _ => None,
        },
        _ => None,
    }
}
