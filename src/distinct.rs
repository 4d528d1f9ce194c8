//! DISTINCT over wide rows, as rows stream by.
//!
//! Cleaning ends in a DISTINCT over all columns of records that are mostly distinct. Grouping, the
//! engine's way, copies every one of them into a hash table, twice spread over the cores, before the
//! first comes out; that was half the time and most of the memory of a query over a cleaned view. Here
//! a row is hashed where it lies and passed on if its hash is new: 128 bits from two seeded hashes of
//! each column, so that among 10^10 rows the odds of taking two for one are below 10^-18.
//!
//! The hashes are shared by all partitions of the process, so rows need not be spread first. That is
//! also why only a session that runs in one process may use [`StreamDistinct`].

use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::hash_utils::{QualityRandomState, create_hashes};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties, SendableRecordBatchStream,
};
use futures::StreamExt;

/// Narrower rows are grouped as ever: they repeat, and grouping them costs little.
const COLUMNS_MIN: usize = 4;

/// The sets of hashes, so that cores seldom wait for each other. A power of two.
const SHARDS: usize = 64;

/// What a row's hash takes in a set that is about to grow, in bytes.
const BYTES_PER_ROW: usize = 40;

/// Replaces the two-step grouping of a wide DISTINCT by [`DistinctExec`].
#[derive(Debug)]
pub struct StreamDistinct;

impl PhysicalOptimizerRule for StreamDistinct {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let streamed = plan.transform_up(|node| {
            Ok(match streamed(&node)? {
                Some(distinct) => Transformed::yes(distinct),
                None => Transformed::no(node),
            })
        });
        streamed.map(|streamed| streamed.data)
    }

    fn name(&self) -> &str {
        "StreamDistinct"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The node's replacement, if it is the second step of a DISTINCT over enough columns.
fn streamed(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let aggregate = |node: &Arc<dyn ExecutionPlan>, modes: &[AggregateMode]| {
        let aggregate = (node.as_ref() as &dyn Any).downcast_ref::<AggregateExec>().cloned();
        aggregate.filter(|aggregate| modes.contains(aggregate.mode()) && is_wide_distinct(aggregate))
    };
    let finals = [AggregateMode::Final, AggregateMode::FinalPartitioned];
    let Some(partial) = aggregate(node, &finals).and_then(|step| aggregate(step.input(), &[AggregateMode::Partial]))
    else {
        return Ok(None);
    };
    let columns = partial.group_expr().expr().iter().cloned();
    let columns = Arc::new(ProjectionExec::try_new(columns, Arc::clone(partial.input()))?);
    // What the engine would have called the columns, and promised of them, has to stay.
    let is_same = columns.schema() == node.schema();
    Ok(is_same.then(|| Arc::new(DistinctExec::new(columns)) as _))
}

fn is_wide_distinct(aggregate: &AggregateExec) -> bool {
    let group = aggregate.group_expr();
    let schema = aggregate.schema();
    aggregate.aggr_expr().is_empty()
        && aggregate.limit_options().is_none()
        && group.is_single()
        && group.expr().len() >= COLUMNS_MIN
        && schema.fields().iter().all(|field| is_flat(field.data_type()))
}

/// Whether a value of this type is its bytes alone. The hash of a list does not tell where in it a
/// NULL stands.
fn is_flat(data_type: &DataType) -> bool {
    !data_type.is_nested() && !matches!(data_type, DataType::Dictionary(..) | DataType::RunEndEncoded(..))
}

/// Passes on each distinct row of its input once.
#[derive(Debug)]
pub struct DistinctExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    seen: Arc<Seen>,
    metrics: ExecutionPlanMetricsSet,
}

impl DistinctExec {
    /// The distinct rows of `input`, over all of its partitions.
    pub fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = Arc::clone(input.properties());
        let seen = Arc::new(Seen::new(input.schema().fields().len()));
        Self { input, properties, seen, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for DistinctExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DistinctExec: columns={}", self.schema().fields().len())
    }
}

impl ExecutionPlan for DistinctExec {
    fn name(&self) -> &str {
        "DistinctExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::new(input))),
            _ => internal_err!("DistinctExec has one child"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let reservation = MemoryConsumer::new(format!("DistinctExec[{partition}]")).register(context.memory_pool());
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let seen = Arc::clone(&self.seen);
        let distinct = input.map(move |batch| {
            let timer = metrics.elapsed_compute().timer();
            let distinct = seen.first_of_each(batch?, &reservation)?;
            timer.done();
            metrics.output_rows().add(distinct.num_rows());
            Ok(distinct)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), distinct)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The rows that have been seen, by their hashes.
struct Seen {
    /// Of each column, the seeds of its two hashes.
    seeds: Vec<[u64; 2]>,
    shards: Vec<Mutex<HashSet<u128, BuildHasherDefault<HashOfHash>>>>,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seen of {} columns", self.seeds.len())
    }
}

impl Seen {
    fn new(columns: usize) -> Self {
        // Nobody who writes records can know the seeds, so nobody can make two that collide.
        let random = RandomState::new();
        let seeds = (0..columns).map(|column| [random.hash_one((column, 0)), random.hash_one((column, 1))]);
        Self { seeds: seeds.collect(), shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect() }
    }

    /// The rows of `batch` that were not seen before, in their order.
    fn first_of_each(&self, batch: RecordBatch, reservation: &MemoryReservation) -> Result<RecordBatch> {
        let hashes = self.row_hashes(batch.columns(), batch.num_rows())?;
        let is_first: Vec<bool> = hashes.into_iter().map(|hash| self.insert(hash)).collect();
        let count = is_first.iter().filter(|first| **first).count();
        reservation.try_grow(count * BYTES_PER_ROW)?;
        if count == batch.num_rows() {
            return Ok(batch);
        }
        Ok(filter_record_batch(&batch, &BooleanArray::from(is_first))?)
    }

    fn insert(&self, hash: u128) -> bool {
        let shard = (hash >> 64) as usize % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner).insert(hash)
    }

    fn row_hashes(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<u128>> {
        let mut halves = [vec![0_u64; rows], vec![0_u64; rows]];
        let mut of_column = vec![0_u64; rows];
        for (column, seeds) in columns.iter().zip(&self.seeds) {
            for (half, seed) in halves.iter_mut().zip(seeds) {
                // A NULL leaves this as it is: the hash of NULL in this column.
                of_column.fill(*seed);
                create_hashes([column], &QualityRandomState::with_seed(*seed), &mut of_column)?;
                for (row, value) in half.iter_mut().zip(&of_column) {
                    *row = (row.rotate_left(23) ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                }
            }
        }
        let [high, low] = halves;
        Ok(high.into_iter().zip(low).map(|(high, low)| u128::from(high) << 64 | u128::from(low)).collect())
    }
}

/// The keys are hashes already.
#[derive(Debug, Default)]
struct HashOfHash(u64);

impl Hasher for HashOfHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int64Array, StringViewArray};
    use datafusion::execution::memory_pool::UnboundedMemoryPool;
    use proptest::prelude::*;

    type Row = (Option<i64>, Option<String>, Option<String>, Option<f64>);

    fn batch(rows: &[Row]) -> RecordBatch {
        let column = |name: &str, array: ArrayRef| (name.to_owned(), array, true);
        RecordBatch::try_from_iter_with_nullable([
            column("a", Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>())),
            column("b", Arc::new(rows.iter().map(|row| row.1.clone()).collect::<StringViewArray>())),
            column("c", Arc::new(rows.iter().map(|row| row.2.clone()).collect::<StringViewArray>())),
            column("d", Arc::new(rows.iter().map(|row| row.3).collect::<Float64Array>())),
        ])
        .unwrap()
    }

    fn distinct(batches: &[Vec<Row>]) -> Vec<bool> {
        let pool: Arc<dyn datafusion::execution::memory_pool::MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let reservation = MemoryConsumer::new("test").register(&pool);
        let seen = Seen::new(4);
        let mut kept = vec![];
        for rows in batches {
            for row in rows {
                let out = seen.first_of_each(batch(std::slice::from_ref(row)), &reservation).unwrap();
                kept.push(out.num_rows() == 1);
            }
        }
        kept
    }

    #[test]
    fn where_a_null_or_a_text_stands_makes_a_difference() {
        let text = |text: &str| Some(text.to_owned());
        let rows = vec![
            (Some(1), text("x"), None, None),
            (Some(1), None, text("x"), None),
            (Some(1), text("x"), text("x"), None),
            (None, text("x"), None, Some(1.0)),
            (Some(1), text(""), None, None),
            (Some(1), None, None, None),
            (None, None, None, None),
            (Some(0), None, None, Some(0.0)),
            (Some(1), text("x"), None, None),
        ];
        assert_eq!(distinct(&[rows]), [true, true, true, true, true, true, true, true, false]);
    }

    fn row() -> impl Strategy<Value = Row> {
        let text = || proptest::option::of("[ab]{0,2}|[a-b]{14}");
        (proptest::option::of(0_i64..3), text(), text(), proptest::option::of((0_i32..2).prop_map(f64::from)))
    }

    proptest! {
        #[test]
        fn each_row_is_kept_the_first_time(batches in proptest::collection::vec(proptest::collection::vec(row(), 0..40), 0..4)) {
            let mut known: Vec<Row> = vec![];
            let expected: Vec<bool> = batches.iter().flatten().map(|row| {
                let is_first = !known.contains(row);
                known.push(row.clone());
                is_first
            }).collect();
            prop_assert_eq!(distinct(&batches), expected);
        }
    }
}
