//! The scan of a topic: a `FileSource` in DataFusion's own `FileScanConfig`, a file a pack.
//!
//! Architecture invariant: there is no execution plan of our own. A leaf that the engine does not
//! know is run whole by every task of a cluster, and each row comes back many times without an error.

use std::collections::HashMap;
use std::fmt::{self, Formatter};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::ObjectStore;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::{self, ExecutionPlanMetricsSet, MetricBuilder};
use datafusion::physical_plan::{DisplayFormatType, PhysicalExpr};
use futures::{StreamExt, TryStreamExt, stream};

use super::cache::Contents;
use super::columns::{asks_for_rescued, rejects_batch, rows_batch};
use super::pack::Pack;
use super::read::{Origin, ReadOptions, read_pack};
use super::table::{Topic, View};

/// The objects of a pack that a scan reads: what a file of the scan carries as its extension.
#[derive(Debug, Clone)]
pub struct PackSlice {
    /// The pack.
    pub pack: Arc<Pack>,
    /// The places of the objects in it.
    pub places: Range<usize>,
}

/// What the scans of one statement met in a topic; an object that several of them read counts once.
#[derive(Debug, Default)]
pub struct Tally {
    state: Mutex<TallyState>,
}

#[derive(Debug, Default)]
struct TallyState {
    /// Of each pack, which of its objects were met.
    met: HashMap<u64, Vec<bool>>,
    count: Count,
}

/// What was met in some objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Records that became rows.
    pub rows: u64,
    /// Records that were rejected.
    pub rejects: u64,
    /// Objects that were listed but gone when they were to be read.
    pub vanished: u64,
}

impl Tally {
    /// Counts the objects at `places`, but for those that were counted before.
    fn note(&self, pack: &Pack, places: &Range<usize>, contents: &Contents) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let TallyState { met, count } = &mut *state;
        let met = met.entry(pack.id).or_insert_with(|| vec![false; pack.starts.len()]);
        let is_new = |place: usize| places.contains(&place) && !met[place];
        let rows = contents.decoded.rows.iter().flat_map(|rows| &rows.objects);
        count.rows += rows.filter(|place| is_new(**place as usize)).count() as u64;
        let rejects = contents.decoded.rejects.iter();
        count.rejects += rejects.filter(|reject| is_new(reject.object as usize)).count() as u64;
        let identities = contents.range.clone().zip(&contents.identities);
        let vanished = identities.filter(|(place, identity)| identity.is_none() && is_new(*place));
        count.vanished += vanished.count() as u64;
        met[places.clone()].fill(true);
    }

    /// What was met so far.
    pub fn count(&self) -> Count {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).count
    }
}

/// The scan of one of a topic's tables.
#[derive(Debug, Clone)]
pub struct TopicSource {
    topic: Arc<Topic>,
    view: View,
    table_schema: TableSchema,
    projection: SplitProjection,
    batch_rows: usize,
    metrics: ExecutionPlanMetricsSet,
    tally: Arc<Tally>,
    /// Objects of the snapshot that the predicates ruled out before anything was read.
    objects_pruned: usize,
}

impl TopicSource {
    /// A scan of all columns of `view`.
    pub fn new(topic: Arc<Topic>, view: View, objects_pruned: usize) -> Self {
        let table_schema = TableSchema::from(topic.schema(view));
        let tally = topic.tally();
        let projection = SplitProjection::unprojected(&table_schema);
        Self {
            topic,
            view,
            table_schema,
            projection,
            batch_rows: 8192,
            metrics: ExecutionPlanMetricsSet::new(),
            tally,
            objects_pruned,
        }
    }
}

impl FileSource for TopicSource {
    fn create_file_opener(
        &self,
        _object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let file_schema = self.table_schema.file_schema();
        let columns = self.projection.file_indices.clone();
        let rescue =
            self.view == View::WithMetadata && asks_for_rescued(&columns, self.topic.plan().schema().fields().len());
        let opener = PackOpener {
            scan: Arc::new(PackScan {
                topic: Arc::clone(&self.topic),
                view: self.view,
                schema: Arc::new(file_schema.project(&columns)?),
                columns,
                options: ReadOptions { plan: Arc::clone(self.topic.plan()), batch_rows: self.batch_rows, rescue },
                tally: Arc::clone(&self.tally),
                metrics: ScanMetrics::new(&self.metrics, partition, self.objects_pruned),
            }),
            limit: base_config.limit,
        };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), file_schema)
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_rows: batch_size, ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.table_schema.file_schema(), &merged);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        "topic"
    }

    fn fmt_extra(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        if self.objects_pruned > 0 {
            write!(f, ", objects_pruned={}", self.objects_pruned)?;
        }
        Ok(())
    }

    /// A pack is never split by bytes: it is many objects, not one.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let mut recursion = TreeNodeRecursion::Continue;
        for projected in &self.projection.source {
            recursion = visit(&projected.expr)?;
            if recursion == TreeNodeRecursion::Stop {
                break;
            }
        }
        Ok(recursion)
    }
}

/// What `EXPLAIN ANALYZE` tells of a scan.
#[derive(Debug, Clone)]
struct ScanMetrics {
    objects_read: metrics::Count,
    objects_cached: metrics::Count,
    bytes_read: metrics::Count,
    rejects: metrics::Count,
}

impl ScanMetrics {
    fn new(set: &ExecutionPlanMetricsSet, partition: usize, objects_pruned: usize) -> Self {
        let counter = |name: &'static str| MetricBuilder::new(set).counter(name, partition);
        if partition == 0 {
            counter("objects_pruned").add(objects_pruned);
        }
        Self {
            objects_read: counter("objects_read"),
            objects_cached: counter("objects_cached"),
            bytes_read: counter("bytes_read"),
            rejects: counter("rejects"),
        }
    }
}

struct PackOpener {
    scan: Arc<PackScan>,
    limit: Option<usize>,
}

impl FileOpener for PackOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let slice = file.extensions.get::<PackSlice>().cloned();
        let slice =
            slice.ok_or_else(|| DataFusionError::Internal(format!("no pack in {}", file.object_meta.location)))?;
        let scan = Arc::clone(&self.scan);
        let runs = stream::iter(runs(slice.places, self.limit));
        Ok(Box::pin(async move {
            let batches = runs.then(move |places| {
                let (scan, pack) = (Arc::clone(&scan), Arc::clone(&slice.pack));
                async move { scan.read(&pack, places).await }
            });
            Ok(batches.map_ok(|batches| stream::iter(batches.into_iter().map(Ok))).try_flatten().boxed())
        }))
    }
}

/// The runs of objects in which a pack is read: the whole at once, but under a LIMIT a few first
/// and then twice as many each time, since most objects will not be asked for.
fn runs(places: Range<usize>, limit: Option<usize>) -> Vec<Range<usize>> {
    const FIRST_RUN_MIN: usize = 16;
    let mut run_len = limit.map_or(usize::MAX, |limit| limit.max(FIRST_RUN_MIN));
    let mut runs = vec![];
    let mut start = places.start;
    while start < places.end {
        let end = start.saturating_add(run_len).min(places.end);
        runs.push(start..end);
        start = end;
        run_len = run_len.saturating_mul(2);
    }
    runs
}

struct PackScan {
    topic: Arc<Topic>,
    view: View,
    schema: SchemaRef,
    columns: Vec<usize>,
    options: ReadOptions,
    tally: Arc<Tally>,
    metrics: ScanMetrics,
}

impl PackScan {
    async fn read(&self, pack: &Arc<Pack>, places: Range<usize>) -> Result<Vec<RecordBatch>> {
        let (contents, origin) = read_pack(self.topic.source(), pack, places.clone(), &self.options).await?;
        self.count(pack, &places, &contents, origin);
        let (columns, schema) = (&self.columns, &self.schema);
        match self.view {
            View::Declared | View::WithMetadata => {
                let batches = contents.decoded.rows.iter();
                batches
                    .filter_map(|rows| rows_batch(pack, &contents, rows, &places, columns, schema).transpose())
                    .collect()
            }
            View::Rejects => Ok(rejects_batch(pack, &contents, &places, columns, schema)?.into_iter().collect()),
        }
    }

    fn count(&self, pack: &Pack, places: &Range<usize>, contents: &Contents, origin: Origin) {
        match origin {
            Origin::Memory => self.metrics.objects_cached.add(places.len()),
            Origin::Bucket { bytes } => {
                let first = places.start - contents.range.start;
                let read = contents.identities[first..first + places.len()].iter().flatten().count();
                self.metrics.objects_read.add(read);
                self.metrics.bytes_read.add(usize::try_from(bytes).unwrap_or(usize::MAX));
            }
        }
        let is_within = |place: u32| places.contains(&(place as usize));
        let rejects = contents.decoded.rejects.iter().filter(|reject| is_within(reject.object)).count();
        self.metrics.rejects.add(rejects);
        // A query for the rejects themselves leaves nothing out.
        if self.view != View::Rejects {
            self.tally.note(pack, places, contents);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_reads_a_few_objects_first() {
        assert_eq!(runs(5..5000, None), vec![5..5000]);
        assert_eq!(runs(0..100, Some(10)), [0..16, 16..48, 48..100]);
        assert_eq!(runs(0..100, Some(1000)), vec![0..100]);
        assert!(runs(3..3, Some(1)).is_empty());
    }
}
