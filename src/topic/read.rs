//! Packs → contents: the one way by which objects are read.
//!
//! Reading and decoding a body happen in one go, while it is warm in the processor's cache, in a
//! blocking task a pack. A pack is never read by two scans at once, and not at all when the cache
//! knows it.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result};
use flate2::bufread::MultiGzDecoder;

use crate::storage::{BODY_BYTES_MAX, Bucket, SourceError};

use super::cache::{Cache, Contents};
use super::decode::{DecodePlan, Decoder};
use super::key::Encoding;
use super::pack::Pack;

/// How many times its own size a body may inflate to; JSON of real life stays below thirty.
const INFLATE_RATIO_MAX: u64 = 200;

/// What any body may inflate to, in bytes, however small it is.
const INFLATE_BYTES_FREE: u64 = 1 << 20;

/// A source and what is known of it. All tables over it share one.
#[derive(Debug)]
pub struct Source {
    /// Where the objects lie.
    pub bucket: Arc<dyn Bucket>,
    /// What was decoded.
    pub cache: Cache,
    /// The number of the current listing: it grows with each moment from which the source is seen.
    epoch: AtomicU64,
    /// The number of the current statement, by which what its scans meet is told from what earlier ones met.
    statement: AtomicU64,
    /// Buffers for bodies that nobody uses at the moment.
    buffers: Mutex<Vec<Vec<u8>>>,
    /// The next pack's number.
    pub(super) pack_ids: AtomicU64,
}

impl Source {
    /// The source in `bucket`, with a cache of at most `cache_bytes`.
    pub fn new(bucket: Arc<dyn Bucket>, cache_bytes: usize) -> Self {
        Self {
            bucket,
            cache: Cache::new(cache_bytes),
            epoch: AtomicU64::new(1),
            statement: AtomicU64::new(0),
            buffers: Mutex::default(),
            pack_ids: AtomicU64::new(0),
        }
    }

    /// A buffer for bodies: memory that was in use before need not be cleared by the system again.
    fn take_buffer(&self) -> Vec<u8> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Gives a buffer back, unless it has grown beyond what is usual.
    fn return_buffer(&self, mut buffer: Vec<u8>) {
        const BUFFER_BYTES_KEPT: usize = 16 << 20;
        if buffer.capacity() <= BUFFER_BYTES_KEPT {
            buffer.clear();
            self.buffers.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
    }

    /// The number of the current listing.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The number of the current statement.
    pub fn statement(&self) -> u64 {
        self.statement.load(Ordering::Acquire)
    }

    /// From here on scans are those of another statement.
    pub fn begin_statement(&self) {
        self.statement.fetch_add(1, Ordering::AcqRel);
    }

    /// From here on tables see the source as it is now.
    pub fn look_again(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }
}

/// What to make of the objects.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// The declared columns.
    pub plan: Arc<DecodePlan>,
    /// Rows in a batch.
    pub batch_rows: usize,
    /// Whether to compute `_rescued`.
    pub rescue: bool,
}

/// Where the contents of a pack came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The cache, or another scan of the same statement.
    Memory,
    /// The bucket; how many bytes were read.
    Bucket {
        /// As they are stored.
        bytes: u64,
    },
}

/// The contents of the objects at the places `range` of `pack`, and maybe more of the pack.
///
/// # Errors
/// An object that cannot be read, with its key; never what is wrong with a record.
pub async fn read_pack(
    source: &Arc<Source>,
    pack: &Arc<Pack>,
    range: Range<usize>,
    options: &ReadOptions,
) -> Result<(Arc<Contents>, Origin)> {
    let epoch = source.epoch();
    if !source.cache.is_enabled() {
        return read_in_task(source, pack, range, options, epoch).await;
    }
    let mut in_use = pack.reading.lock().await;
    let known = source.cache.get(pack.id, &range, options.rescue, epoch);
    let known = known.or_else(|| in_use.upgrade().filter(|contents| contents.covers(&range, options.rescue)));
    if let Some(contents) = known {
        if contents.is_verified(epoch) || verify_in_task(source, pack, &contents, epoch).await? {
            return Ok((contents, Origin::Memory));
        }
        source.cache.forget(pack.id);
    }
    let (contents, origin) = read_in_task(source, pack, range, options, epoch).await?;
    source.cache.put(pack.id, &contents, epoch);
    *in_use = Arc::downgrade(&contents);
    Ok((contents, origin))
}

async fn read_in_task(
    source: &Arc<Source>,
    pack: &Arc<Pack>,
    range: Range<usize>,
    options: &ReadOptions,
    epoch: u64,
) -> Result<(Arc<Contents>, Origin)> {
    let (source, pack, options) = (Arc::clone(source), Arc::clone(pack), options.clone());
    let read = in_task(move |cancelled| read_objects(&source, &pack, range, &options, epoch, cancelled));
    let (contents, bytes) = read.await?;
    Ok((Arc::new(contents), Origin::Bucket { bytes }))
}

/// Whether every object is still what it was when it was read.
async fn verify_in_task(source: &Arc<Source>, pack: &Arc<Pack>, contents: &Arc<Contents>, epoch: u64) -> Result<bool> {
    let (source, pack, contents) = (Arc::clone(source), Arc::clone(pack), Arc::clone(contents));
    in_task(move |_| {
        let Ok(mut directory) = source.bucket.open(&pack.shard.directory) else { return Ok(false) };
        let mut name = String::new();
        for (start, known) in pack.starts[contents.range.clone()].iter().zip(&contents.identities) {
            name.clear();
            pack.shard.render_name(*start, &mut name);
            if directory.identity(&name).ok() != *known {
                return Ok(false);
            }
        }
        contents.set_verified(epoch);
        Ok(true)
    })
    .await
}

/// Runs `work` where it may block. When the caller is dropped, as a cancelled query is, the work is
/// told by its flag.
async fn in_task<T: Send + 'static>(work: impl FnOnce(&AtomicBool) -> Result<T> + Send + 'static) -> Result<T> {
    struct SetOnDrop(Arc<AtomicBool>);
    impl Drop for SetOnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let cancelled = Arc::new(AtomicBool::new(false));
    let _guard = SetOnDrop(Arc::clone(&cancelled));
    let task = SpawnedTask::spawn_blocking(move || work(&cancelled));
    task.join_unwind().await.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?
}

fn read_objects(
    source: &Source,
    pack: &Pack,
    range: Range<usize>,
    options: &ReadOptions,
    epoch: u64,
    cancelled: &AtomicBool,
) -> Result<(Contents, u64)> {
    let shard = &pack.shard;
    let mut directory =
        source.bucket.open(&shard.directory).map_err(|error| io_error(shard.directory.clone(), error))?;
    let mut decoder = Decoder::new(&options.plan, options.batch_rows, range.len(), options.rescue);
    let mut identities = Vec::with_capacity(range.len());
    let (mut name, mut body, mut inflated) = (String::new(), source.take_buffer(), Vec::new());
    let mut bytes = 0;
    for place in range.clone() {
        if cancelled.load(Ordering::Relaxed) {
            return Err(DataFusionError::Execution("cancelled".to_owned()));
        }
        let start = pack.starts[place];
        name.clear();
        shard.render_name(start, &mut name);
        body.clear();
        match directory.read(&name, &mut body) {
            Ok(identity) => identities.push(Some(identity)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                identities.push(None);
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                identities.push(directory.identity(&name).ok());
                decoder.reject_object(as_u32(place)?, start, format!("an object of more than {BODY_BYTES_MAX} bytes"));
                continue;
            }
            Err(error) => return Err(io_error(shard.key(start), error)),
        }
        bytes += body.len() as u64;
        let place = as_u32(place)?;
        match shard.encoding {
            Encoding::Plain => decoder.object(place, start, &body)?,
            Encoding::Gzip => match inflate(&body, &mut inflated) {
                Ok(()) => decoder.object(place, start, &inflated)?,
                Err(reason) => decoder.reject_object(place, start, reason),
            },
        }
    }
    if let Some(place) = pack.note_versions(epoch, range.start, &identities) {
        return Err(DataFusionError::External(Box::new(SourceError::Changed { path: shard.key(pack.starts[place]) })));
    }
    source.return_buffer(body);
    let decoded = decoder.finish()?;
    let contents =
        Contents { range, decoded, identities, has_rescued: options.rescue, verified: AtomicU64::new(epoch) };
    Ok((contents, bytes))
}

fn as_u32(place: usize) -> Result<u32> {
    u32::try_from(place).map_err(|_| DataFusionError::Internal("a pack of 2^32 objects".to_owned()))
}

fn io_error(path: String, source: io::Error) -> DataFusionError {
    let error = if source.kind() == io::ErrorKind::ResourceBusy {
        SourceError::Changed { path }
    } else {
        SourceError::Io { path, source }
    };
    DataFusionError::External(Box::new(error))
}

/// Inflates all members of a gzip body.
fn inflate(body: &[u8], into: &mut Vec<u8>) -> std::result::Result<(), String> {
    into.clear();
    if body.is_empty() {
        return Err("an empty object: no record in it".to_owned());
    }
    let bytes_max = (body.len() as u64 * INFLATE_RATIO_MAX).clamp(INFLATE_BYTES_FREE, BODY_BYTES_MAX);
    match MultiGzDecoder::new(body).take(bytes_max + 1).read_to_end(into) {
        Ok(_) if into.len() as u64 > bytes_max => {
            Err(format!("{} bytes of gzip that inflate to more than {bytes_max}", body.len()))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(format!("not gzip: {error}")),
    }
}
